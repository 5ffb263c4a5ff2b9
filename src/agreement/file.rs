//! An agreement as written. Private to [`crate::agreement`]: serde goes no further.
//!
//! The doc comments here are what editors show while someone writes an agreement. Each key is an
//! `Option` so that a file with faults can still be checked to its end; the schema says what is required.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::detect::Kind as Detected;
use crate::identifier::Kind;
use crate::transform::Shape;
use crate::written::text::{
    AtText, ColumnText, ConditionText, Country, Day, FromText, HeaderText, LinkText, MediaTypeText,
    Name, PathName, PathText, Period, Provision, QueryText, RequestLine, SelectorText, SkipText,
    Words,
};

/// Keys that the design knows and this version does not have, or that people try from other tools.
pub(super) const HINTS: &[(&str, &str)] = &[
    ("by", "write days, the most that shift moves a date by"),
    ("generalize", "write generalise"),
    ("pseudonymize", "write pseudonymise"),
    ("keep-all", "write keep_all"),
    ("allow", "write keep"),
    (
        "deny",
        "leave it out: what no rule names does not leave; drop holds back what a keep_all would let through",
    ),
];

/// One information-sharing agreement between the controller and a partner.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Agreement")]
pub(super) struct AgreementAsWritten {
    /// Its name, unique among the gateway's agreements.
    #[schemars(required)]
    pub(super) agreement: Option<Name>,
    /// Its version, from 1. Raise it with every change that the parties agree.
    #[schemars(required, range(min = 1, max = 1_000_000), example = 1)]
    pub(super) version: Option<u32>,
    /// Its title, for people.
    #[schemars(required)]
    pub(super) title: Option<Words>,
    /// Who agrees.
    #[schemars(required)]
    pub(super) parties: Option<PartiesAsWritten>,
    /// From when until when it is in force.
    #[schemars(required)]
    pub(super) term: Option<TermAsWritten>,
    /// The group of agreements with this partner whose tokens are the same. Each of them has to name it.
    pub(super) link: Option<Name>,
    /// On what law it rests.
    #[expect(
        dead_code,
        reason = "read for its form; checked once the register exists"
    )]
    pub(super) basis: Option<BasisAsWritten>,
    /// How long the partner may keep what it gets.
    #[expect(
        dead_code,
        reason = "read for its form; checked once the register exists"
    )]
    pub(super) retention: Option<Period>,
    /// Why data may be asked for: a name, which requests declare, and its text.
    #[schemars(required, schema_with = "purposes")]
    pub(super) purposes: Option<Map<String, Value>>,
    /// What it permits.
    #[schemars(required, length(min = 1))]
    pub(super) disclosures: Option<Vec<DisclosureAsWritten>>,
}

fn purposes(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let name = generator.subschema_for::<Name>();
    let text = generator.subschema_for::<Words>();
    schemars::json_schema!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": name,
        "additionalProperties": text,
        "examples": [{ "falls-prevention": "Find adults at risk of falling" }],
    })
}

/// Who agrees.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Parties", example = serde_json::json!({ "controller": "isle-council", "partner": "island-health" }))]
pub(super) struct PartiesAsWritten {
    /// The organisation whose data it is: the gateway configuration's `controller.name`.
    #[schemars(required)]
    pub(super) controller: Option<Name>,
    /// The organisation on the other side: one of the gateway configuration's `partners`.
    #[schemars(required)]
    pub(super) partner: Option<Name>,
}

/// From when until when an agreement is in force, in days of the controller's time zone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Term", example = serde_json::json!({ "starts": "2026-04-01", "ends": "2027-03-31" }))]
pub(super) struct TermAsWritten {
    /// The first day.
    #[schemars(required)]
    pub(super) starts: Option<Day>,
    /// The day by which it is to be reviewed.
    pub(super) review: Option<Day>,
    /// The last day.
    #[schemars(required)]
    pub(super) ends: Option<Day>,
}

/// On what law an agreement rests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Basis", example = serde_json::json!({ "lawful": ["uk-gdpr:6-1-e"] }))]
#[expect(
    dead_code,
    reason = "read for its form; what it says is checked once the register exists"
)]
pub(super) struct BasisAsWritten {
    /// The conditions for processing.
    pub(super) lawful: Option<Vec<Provision>>,
    /// The conditions for special categories.
    pub(super) special: Option<Vec<Provision>>,
    /// The power to share.
    pub(super) power: Option<Words>,
    /// The impact assessment.
    pub(super) assessment: Option<Words>,
    /// The countries in which the partner may hold the data.
    pub(super) territory: Option<Vec<Country>>,
}

/// One thing the agreement permits: a request, the service behind it, and the rules for both ways.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Disclosure")]
pub(super) struct DisclosureAsWritten {
    /// Its name, unique in the agreement.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// The entry of the register that it draws on.
    pub(super) data_set: Option<Name>,
    /// The purposes it is for, of the agreement's.
    #[schemars(required, length(min = 1))]
    pub(super) purposes: Option<Vec<Name>>,
    /// What the partner asks.
    #[schemars(required)]
    pub(super) request: Option<RequestLine>,
    /// What the service is asked.
    #[schemars(required)]
    pub(super) service: Option<ServiceAsWritten>,
    /// What of the request reaches the service.
    pub(super) parameters: Option<ParametersAsWritten>,
    /// The rules for a request's body. Without it a request with a body is refused.
    pub(super) request_body: Option<RequestBodyAsWritten>,
    /// What of the response reaches the partner.
    #[schemars(required)]
    pub(super) response: Option<ResponseAsWritten>,
}

/// The service behind a disclosure.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Service", example = serde_json::json!({ "name": "social-care", "path": "/api/v2/adults/{person}" }))]
pub(super) struct ServiceAsWritten {
    /// One of the gateway configuration's `services`.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// The path asked of it, with the variables of `request`.
    #[schemars(required)]
    pub(super) path: Option<PathText>,
}

/// What of a request reaches the service.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Parameters")]
pub(super) struct ParametersAsWritten {
    /// Each variable of the path, and what happens to it.
    #[serde(default)]
    #[schemars(schema_with = "path_rules")]
    pub(super) path: Option<Map<String, Value>>,
    /// The query parameters that may be asked with. Any other refuses the request.
    pub(super) query: Option<QueryAsWritten>,
    /// The request's headers that reach the service.
    pub(super) headers: Option<RequestHeadersAsWritten>,
}

fn path_rules(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": {
            "anyOf": [{ "type": "string", "enum": ["keep"] }, reidentify()],
            "examples": ["keep", { "reidentify": "person" }],
        },
        "examples": [{ "person": "keep" }],
    })
}

/// A token stands here; the service gets what it stands for in this namespace.
fn reidentify() -> Value {
    let forms: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    serde_json::json!({
        "type": "object",
        "properties": {
            "reidentify": { "type": "string", "pattern": "\\S" },
            "form": { "type": "string", "enum": forms },
        },
        "required": ["reidentify"],
        "additionalProperties": false,
    })
}

fn token_rules(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": reidentify(),
        "examples": [{ "person": { "reidentify": "person" } }],
    })
}

/// Query parameters by rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Query", example = serde_json::json!({ "keep": ["page"] }))]
pub(super) struct QueryAsWritten {
    /// Passed on as they came.
    pub(super) keep: Option<Vec<QueryText>>,
    /// Parameters whose values are tokens: the service gets what each stands for.
    #[serde(default)]
    #[schemars(schema_with = "token_rules")]
    pub(super) tokens: Option<Map<String, Value>>,
}

/// A request's headers by rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RequestHeaders", example = serde_json::json!({ "keep": ["accept-language"] }))]
pub(super) struct RequestHeadersAsWritten {
    /// Passed on as they came.
    pub(super) keep: Option<Vec<HeaderText>>,
    /// Headers whose values are tokens: the service gets what each stands for.
    #[serde(default)]
    #[schemars(schema_with = "token_rules")]
    pub(super) tokens: Option<Map<String, Value>>,
}

/// Links in headers, which leave by template.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Links", example = serde_json::json!({ "headers": ["location"], "templates": ["/adults/{person}"], "variables": { "person": { "pseudonymise": "person" } } }))]
pub(super) struct LinksAsWritten {
    /// The headers that hold them: `location`, `content-location` or `link`.
    #[schemars(required, length(min = 1))]
    pub(super) headers: Option<Vec<LinkHeaderAsWritten>>,
    /// The forms of link that leave; others are dropped.
    #[schemars(required, length(min = 1))]
    pub(super) templates: Option<Vec<LinkAsWritten>>,
    /// What becomes of each variable: `keep`, `tokenise: person` or `pseudonymise: person`.
    #[serde(default)]
    #[schemars(schema_with = "link_variables")]
    pub(super) variables: Option<Map<String, Value>>,
}

/// A header that holds links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum LinkHeaderAsWritten {
    Location,
    ContentLocation,
    Link,
}

impl LinkHeaderAsWritten {
    /// The word as written, which is the header's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::ContentLocation => "content-location",
            Self::Link => "link",
        }
    }
}

/// Headers by rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Headers", example = serde_json::json!({ "keep": ["accept-language"] }))]
pub(super) struct HeadersAsWritten {
    /// Passed on as they came.
    #[schemars(required)]
    pub(super) keep: Option<Vec<HeaderText>>,
}

/// A body's format: what its selectors look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum FormatAsWritten {
    Json,
    Ndjson,
    JsonSeq,
    EventStream,
    Csv,
    Tsv,
    Xml,
    Form,
    Multipart,
    Opaque,
}

impl FormatAsWritten {
    /// The word as written.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::JsonSeq => "json-seq",
            Self::EventStream => "event-stream",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Xml => "xml",
            Self::Form => "form",
            Self::Multipart => "multipart",
            Self::Opaque => "opaque",
        }
    }
}

/// How rows of separated values are written, where it is not as in RFC 4180.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Csv", example = serde_json::json!({ "separator": ";", "charset": "windows-1252" }))]
pub(super) struct CsvAsWritten {
    /// What stands between two values: a comma without it.
    pub(super) separator: Option<SeparatorAsWritten>,
    /// How characters are written: UTF-8 without it. What leaves is UTF-8.
    pub(super) charset: Option<CharsetAsWritten>,
    /// `first-row`, as without it: the first row names the columns. A list: the body has no such row, and these are
    /// its columns' names, from the first on.
    pub(super) header: Option<HeaderAsWritten>,
    /// A row that is shorter than the header: `refuse` the body, as without it, or `pad` the row with empty values.
    pub(super) ragged: Option<RaggedAsWritten>,
    /// Values that a spreadsheet would take for a formula: `keep` them as they are, as without it, or `neutralise`
    /// them with an apostrophe before them.
    pub(super) formulas: Option<FormulasAsWritten>,
}

/// What stands between two values. Tabs have a format of their own, `tsv`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum SeparatorAsWritten {
    #[serde(rename = ",")]
    Comma,
    #[serde(rename = ";")]
    Semicolon,
    #[serde(rename = "|")]
    Bar,
}

/// How characters are written.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum CharsetAsWritten {
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "windows-1252")]
    Windows1252,
    #[serde(rename = "utf-16")]
    Utf16,
}

/// Where the columns' names come from.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum HeaderAsWritten {
    /// The schema has seen to it that the word is `first-row`.
    FirstRow(#[expect(dead_code, reason = "there is one word")] String),
    Named(Vec<ColumnText>),
}

impl JsonSchema for HeaderAsWritten {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Header".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let column = generator.subschema_for::<ColumnText>();
        schemars::json_schema!({
            "type": ["array", "string"],
            "items": column,
            "minItems": 1,
            "maxItems": 10_000,
            "pattern": "^first-row$",
            "x-form": "first-row or a list of names",
            "examples": [["name", "postcode"]],
        })
    }
}

/// What happens to a short row.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum RaggedAsWritten {
    Refuse,
    Pad,
}

/// What happens to what looks like a formula.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum FormulasAsWritten {
    Keep,
    Neutralise,
}

fn namespaces(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": {
            "type": "string",
            "pattern": "^([A-Za-z_][A-Za-z0-9._-]{0,63})?$",
            "x-form": "a prefix (letters, digits and . _ -, or nothing for names without one)",
            "examples": ["soap"],
        },
        "additionalProperties": {
            "type": "string",
            "pattern": "\\S",
            "x-form": "a namespace",
            "examples": ["http://www.w3.org/2003/05/soap-envelope"],
        },
        "examples": [{ "soap": "http://www.w3.org/2003/05/soap-envelope" }],
    })
}

macro_rules! bodies {
    ($($(#[$attribute:meta])* $name:ident as $title:literal { $($(#[$field_attribute:meta])* $field:ident: $kind:ty,)* })*) => {$(
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        #[schemars(rename = $title)]
        $(#[$attribute])*
        pub(super) struct $name {
            $($(#[$field_attribute])* pub(super) $field: Option<$kind>,)*
            /// `csv` and `tsv`: how the rows are written, where it is not as in RFC 4180.
            pub(super) csv: Option<CsvAsWritten>,
            /// `xml`: the prefixes that selectors use and the namespaces they stand for. The prefix `""` is for names
            /// that selectors write without one.
            #[serde(default)]
            #[schemars(schema_with = "namespaces")]
            pub(super) namespaces: Option<Map<String, Value>>,
            /// What the body's records are: each is held until its end, and leaves or stays as one.
            pub(super) record: Option<SelectorText>,
            /// Where a record names the person it is about; the ledger keeps a token of it.
            pub(super) subject: Option<SelectorText>,
            /// A record leaves only if this holds of it; `@` is the record.
            pub(super) release_if: Option<ConditionText>,
            /// Leave out objects and arrays in which nothing passed.
            pub(super) prune: Option<bool>,
            /// Rules for objects whose member names are data, such as an object by NHS number: what the names of the
            /// members of what is selected become. `drop` leaves the names out: the object becomes an array.
            pub(super) names: Option<Vec<RuleAsWritten>>,
        }

        impl $name {
            /// The part that all bodies have.
            fn rules(&self) -> BodyAsWritten<'_> {
                BodyAsWritten {
                    format: self.format,
                    types: None,
                    because: None,
                    csv: self.csv.as_ref(),
                    namespaces: self.namespaces.as_ref(),
                    record: self.record.as_ref(),
                    subject: self.subject.as_ref(),
                    release_if: self.release_if.as_ref(),
                    prune: self.prune,
                    fields: self.fields.as_deref(),
                    names: self.names.as_deref(),
                }
            }
        }
    )*};
}

bodies! {
    /// What of a response reaches the partner.
    #[schemars(extend(
        "if" = { "properties": { "format": { "const": "opaque" } }, "required": ["format"] },
        "then" = { "required": ["type", "because"] },
        "else" = { "required": ["fields"] },
    ))]
    ResponseAsWritten as "Response" {
        /// The body's format.
        #[schemars(required)]
        format: FormatAsWritten,
        /// `opaque`: the media types that may pass, exactly as the service labels them.
        #[schemars(length(min = 1))]
        r#type: Vec<MediaTypeText>,
        /// `opaque`: why the body passes without being looked into.
        because: Words,
        /// The response's headers that reach the partner.
        headers: HeadersAsWritten,
        /// The response's headers that hold links, and the forms in which these reach the partner.
        links: LinksAsWritten,
        /// The rules. What no rule names does not leave.
        fields: Vec<RuleAsWritten>,
    }
    /// What of a request's body reaches the service.
    #[schemars(extend(
        "if" = { "properties": { "format": { "const": "opaque" } }, "required": ["format"] },
        "then" = { "required": ["type", "because"] },
        "else" = { "required": ["fields"] },
    ))]
    RequestBodyAsWritten as "RequestBody" {
        /// The body's format.
        #[schemars(required)]
        format: FormatAsWritten,
        /// `opaque`: the media types that may pass, exactly as the partner labels them.
        #[schemars(length(min = 1))]
        r#type: Vec<MediaTypeText>,
        /// `opaque`: why the body passes without being looked into.
        because: Words,
        /// The rules. What no rule names does not leave.
        fields: Vec<RuleAsWritten>,
    }
    /// Rules for one body, without an agreement: what `fieldgate apply --fields` takes.
    FieldsAsWritten as "Fields" {
        /// The body's format: JSON without it.
        format: FormatAsWritten,
        /// The rules. What no rule names does not leave.
        #[schemars(required)]
        fields: Vec<RuleAsWritten>,
    }
}

impl ResponseAsWritten {
    /// The part that all bodies have.
    pub(super) fn body(&self) -> BodyAsWritten<'_> {
        BodyAsWritten {
            types: self.r#type.as_deref(),
            because: self.because.as_ref(),
            ..self.rules()
        }
    }
}

impl RequestBodyAsWritten {
    /// The part that all bodies have.
    pub(super) fn body(&self) -> BodyAsWritten<'_> {
        BodyAsWritten {
            types: self.r#type.as_deref(),
            because: self.because.as_ref(),
            ..self.rules()
        }
    }
}

impl FieldsAsWritten {
    /// The part that all bodies have.
    pub(super) fn body(&self) -> BodyAsWritten<'_> {
        BodyAsWritten {
            format: Some(self.format.unwrap_or(FormatAsWritten::Json)),
            ..self.rules()
        }
    }
}

/// The part that all bodies have.
pub(super) struct BodyAsWritten<'a> {
    /// `None` where it was missing or at fault, which has been told.
    pub(super) format: Option<FormatAsWritten>,
    pub(super) types: Option<&'a [MediaTypeText]>,
    pub(super) because: Option<&'a Words>,
    pub(super) csv: Option<&'a CsvAsWritten>,
    pub(super) namespaces: Option<&'a Map<String, Value>>,
    pub(super) record: Option<&'a SelectorText>,
    pub(super) subject: Option<&'a SelectorText>,
    pub(super) release_if: Option<&'a ConditionText>,
    pub(super) prune: Option<bool>,
    pub(super) fields: Option<&'a [RuleAsWritten]>,
    pub(super) names: Option<&'a [RuleAsWritten]>,
}

/// One rule: exactly one action with its selectors, and the action's options.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rule", example = serde_json::json!({ "keep": ["$.name"] }))]
pub(super) struct RuleAsWritten {
    /// Single values that leave as they are.
    #[schemars(length(min = 1))]
    pub(super) keep: Option<Vec<SelectorText>>,
    /// Whole subtrees that leave as they are, new fields in them included. Needs `because`.
    #[schemars(length(min = 1))]
    pub(super) keep_all: Option<Vec<SelectorText>>,
    /// Anything that does not leave, whatever other rules say.
    #[schemars(length(min = 1))]
    pub(super) drop: Option<Vec<SelectorText>>,
    /// Values in whose place a constant leaves. Needs `with`.
    #[schemars(length(min = 1))]
    pub(super) replace: Option<Vec<SelectorText>>,
    /// Values whose characters are replaced, but for `keep_first` and `keep_last`.
    #[schemars(length(min = 1))]
    pub(super) mask: Option<Vec<SelectorText>>,
    /// Values that become coarser. Needs `to`.
    #[schemars(length(min = 1))]
    pub(super) generalise: Option<Vec<SelectorText>>,
    /// Dates that move by some days, all of a record's subject by the same. Needs `days`, and the body a `subject`.
    #[schemars(length(min = 1))]
    pub(super) shift: Option<Vec<SelectorText>>,
    /// Identifiers that become one-way keyed tokens. Needs `as`.
    #[schemars(length(min = 1))]
    pub(super) pseudonymise: Option<Vec<SelectorText>>,
    /// Identifiers that become tokens which only this gateway turns back. Needs `as`.
    #[schemars(length(min = 1))]
    pub(super) tokenise: Option<Vec<SelectorText>>,
    /// Links that leave as `templates` say, with tokens in the place of identifiers. Needs `templates`.
    #[schemars(length(min = 1))]
    pub(super) link: Option<Vec<SelectorText>>,
    /// Of a request's body: tokens in whose place the service gets what they stand for. Needs `as`.
    #[schemars(length(min = 1))]
    pub(super) reidentify: Option<Vec<SelectorText>>,
    /// Free text that leaves without what `detect`, `names` and `patterns` find in it. Detection misses things.
    #[schemars(length(min = 1))]
    pub(super) redact: Option<Vec<SelectorText>>,
    /// Why: `keep_all` needs it, every rule may have it.
    pub(super) because: Option<Words>,
    /// `replace`: the constant, a single value. `mask`: the character, `*` without it. `redact`: what stands in place of
    /// what is found: its `kind` (as without this), a `placeholder` that is the same throughout a document, or a token,
    /// as in `{ pseudonymise: person, of: nhs-number }`.
    #[serde(default, deserialize_with = "some_value")]
    #[schemars(extend("examples" = ["withheld"]))]
    pub(super) with: Option<Value>,
    /// `generalise`: how coarse.
    pub(super) to: Option<GeneraliseTo>,
    /// `link`: the forms of link that leave; others are dropped. A path with its query, variables in braces.
    #[schemars(length(min = 1))]
    pub(super) templates: Option<Vec<LinkAsWritten>>,
    /// `link`: what becomes of each variable: `keep`, `tokenise: person` or `pseudonymise: person`.
    #[serde(default)]
    #[schemars(schema_with = "link_variables")]
    pub(super) variables: Option<Map<String, Value>>,
    /// `pseudonymise`, `tokenise`: what the value identifies, the same name wherever tokens should be the same.
    pub(super) r#as: Option<Name>,
    /// `pseudonymise`, `tokenise`: how the identifier is written, so that every spelling of one has one token; any text
    /// without it. The same wherever `as` is the same; `reidentify` and links need not say it again.
    pub(super) form: Option<FormAsWritten>,
    /// `pseudonymise`, `tokenise`: within what the tokens of one identifier are the same: the `agreement`, as without it,
    /// one `document`, or `never`.
    pub(super) scope: Option<ScopeAsWritten>,
    /// `pseudonymise`, `tokenise`: texts that stand for not known here, beside those that every form knows; they become no
    /// token.
    #[schemars(length(min = 1, max = 64))]
    pub(super) unknown: Option<Vec<Words>>,
    /// `pseudonymise`, `tokenise`: a value that is not of its form is a mismatch (`drop`, as without it), or leaves as a
    /// `mark` such as `[invalid nhs-number]`.
    pub(super) invalid: Option<InvalidAsWritten>,
    /// `tokenise`: the shape that tokens keep, for a system that insists on one. Of forms with a check digit alone.
    pub(super) format: Option<ShapeAsWritten>,
    /// `redact`: `all`, or the kinds of identifier to find.
    #[serde(default)]
    #[schemars(schema_with = "kinds_to_detect")]
    pub(super) detect: Option<Value>,
    /// `redact`: where the record names people, who are then found by name. Needs `record`.
    #[schemars(length(min = 1))]
    pub(super) names: Option<Vec<SelectorText>>,
    /// `redact`: patterns to find beside those that are known.
    #[schemars(length(min = 1, max = 32))]
    pub(super) patterns: Option<Vec<PatternAsWritten>>,
    /// `redact`: how sure to be before something is taken out, from 0.3 (more than there is) to 1 (less than there is).
    #[schemars(range(min = 0.3, max = 1.0), example = 0.6)]
    pub(super) threshold: Option<f64>,
    /// `mask`: characters left at the start.
    #[schemars(range(min = 0, max = 1024), example = 2)]
    pub(super) keep_first: Option<u32>,
    /// `mask`: characters left at the end.
    #[schemars(range(min = 0, max = 1024), example = 2)]
    pub(super) keep_last: Option<u32>,
    /// `mask`: characters, such as spaces and hyphens, that stay and are not counted.
    pub(super) skip: Option<SkipText>,
    /// `generalise` and `shift` of dates: how they are written, `dd/mm/yyyy`; as in ISO 8601 without it. `to: table`:
    /// what its keys are, `postcode` or `text`; text without it.
    pub(super) from: Option<FromText>,
    /// `to: age` and `age-band`: on which day; `today` without it, `school-year` for 31 August before the school year.
    pub(super) at: Option<AtText>,
    /// `to: band` and `age-band`: how wide each band is.
    #[schemars(range(min = 1, max = 1_000_000_000), example = 5)]
    pub(super) width: Option<u32>,
    /// `to: band` and `age-band`: the bands, each from where the one before ends.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) bands: Option<Vec<BandText>>,
    /// `to: band`, `age-band`, `round` and `capped`: what is below this is told as one.
    #[schemars(range(min = -1_000_000_000_000_i64, max = 1_000_000_000_000_i64), example = 5)]
    pub(super) bottom: Option<i64>,
    /// `to: band`, `age-band`, `round` and `capped`: what is from here on is told as one.
    #[schemars(range(min = -1_000_000_000_000_i64, max = 1_000_000_000_000_i64), example = 90)]
    pub(super) top: Option<i64>,
    /// `to: round`: to the nearest multiple of this.
    #[schemars(range(min = 1, max = 1_000_000_000), example = 100)]
    pub(super) nearest: Option<u32>,
    /// `to: table`: the CSV file, from the directory of this file. Its first row names the columns.
    pub(super) table: Option<PathName>,
    /// `to: table`: the column of the values that leave.
    pub(super) column: Option<ColumnText>,
    /// `to: table`: the column of the values that come; the first without it.
    pub(super) key: Option<ColumnText>,
    /// `to: table` and parts of postcodes: what leaves for a value that has nothing coarser; nothing without it.
    pub(super) otherwise: Option<Words>,
    /// `shift`: days that a date moves at most.
    #[schemars(range(min = 1, max = 3650), example = 30)]
    pub(super) days: Option<u16>,
    /// `shift`: `earlier`, as without it, or `either`, where dates that would pass today stay behind until then.
    pub(super) direction: Option<DirectionAsWritten>,
    /// When a value is not one that the action is for: `drop` it (as without this), or `refuse` the body.
    pub(super) on_mismatch: Option<OnMismatchAsWritten>,
}

/// A form of link: as the service writes it, and as it leaves if that is another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum LinkAsWritten {
    Same(LinkText),
    Other(OtherLink),
}

/// A form of link that leaves as another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OtherLink", example = serde_json::json!({ "from": "/api/v2/adults/{person}", "to": "/adults/{person}" }))]
pub(super) struct OtherLink {
    /// As the service writes it.
    pub(super) from: LinkText,
    /// As it leaves.
    pub(super) to: LinkText,
}

fn link_variables(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let name = generator.subschema_for::<Name>();
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                { "type": "string", "enum": ["keep"] },
                {
                    "type": "object",
                    "properties": { "pseudonymise": name, "tokenise": name },
                    "additionalProperties": false,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ],
            "examples": ["keep", { "tokenise": "person" }],
        },
        "examples": [{ "person": { "tokenise": "person" }, "page": "keep" }],
    })
}

/// A pattern of an agreement's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pattern", example = serde_json::json!({ "name": "case-number", "matches": "CR[0-9]{6}", "near": ["case"] }))]
pub(super) struct PatternAsWritten {
    /// What stands in the text where it was found.
    pub(super) name: Name,
    /// A regular expression for whole words.
    pub(super) matches: Words,
    /// Words of which one stands within five words of it.
    #[schemars(length(min = 1, max = 32))]
    pub(super) near: Option<Vec<Words>>,
}

fn kinds_to_detect(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let kinds = Detected::ALL.map(Detected::word);
    schemars::json_schema!({
        "anyOf": [
            { "type": "string", "enum": ["all"] },
            {
                "type": "array",
                "items": { "type": "string", "enum": kinds },
                "minItems": 1,
            },
        ],
        "examples": ["all", ["nhs-number", "postcode"]],
    })
}

/// How coarse.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum GeneraliseTo {
    Year,
    FinancialYear,
    SchoolYear,
    Quarter,
    Month,
    Week,
    Age,
    AgeBand,
    PostcodeArea,
    PostcodeDistrict,
    PostcodeSector,
    Table,
    Band,
    Round,
    Capped,
}

/// A band: `16-24`, `75+`, `under 5`, or a number.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct BandText(Value);

impl BandText {
    /// The band as text.
    pub(super) fn text(&self) -> String {
        match &self.0 {
            Value::String(text) => text.clone(),
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => other.to_string(),
        }
    }
}

impl JsonSchema for BandText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Band".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["integer", "string"],
            "pattern": "\\S",
            "x-form": "a band (16-24, 75+, under 5 or a number)",
            "examples": ["16-24"],
        })
    }
}

/// Where dates move.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum DirectionAsWritten {
    Earlier,
    Either,
}

/// How an identifier is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormAsWritten(pub(super) Kind);

impl<'de> Deserialize<'de> for FormAsWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let kind = Kind::from_word(&word);
        kind.map(Self)
            .ok_or_else(|| serde::de::Error::custom("no form of this name"))
    }
}

impl JsonSchema for FormAsWritten {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Form".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        schemars::json_schema!({ "type": "string", "enum": words })
    }
}

/// Within what tokens are the same.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum ScopeAsWritten {
    Agreement,
    Document,
    Never,
}

/// What happens to a value that is not of its form.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum InvalidAsWritten {
    Drop,
    Mark,
}

/// The shape that tokens keep.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum ShapeAsWritten {
    Digits,
    Alphanumeric,
}

impl ShapeAsWritten {
    pub(super) fn shape(self) -> Shape {
        match self {
            Self::Digits => Shape::Digits,
            Self::Alphanumeric => Shape::Alphanumeric,
        }
    }
}

/// What happens to a value that an action is not for.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum OnMismatchAsWritten {
    Drop,
    Refuse,
}

/// `with: null` is a value, not a key that was left out.
fn some_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
