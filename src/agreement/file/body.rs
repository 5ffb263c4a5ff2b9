//! A body as written: its format and what is in it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::rule::RuleAsWritten;
use super::{AggregateAsWritten, HeadersAsWritten, LinksAsWritten, WithholdAsWritten};
use crate::written::text::{
    ColumnText, ConditionText, MediaTypeText, Name, SelectorText, SizeText, Words,
};

/// A body's format: what its selectors look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum FormatAsWritten {
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
    pub(in crate::agreement) fn word(self) -> &'static str {
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
pub(in crate::agreement) struct CsvAsWritten {
    /// What stands between two values: a comma without it.
    pub(in crate::agreement) separator: Option<SeparatorAsWritten>,
    /// How characters are written: UTF-8 without it. What leaves is UTF-8.
    pub(in crate::agreement) charset: Option<CharsetAsWritten>,
    /// `first-row`, as without it: the first row names the columns. A list: the body has no such row, and these are
    /// its columns' names, from the first on.
    pub(in crate::agreement) header: Option<HeaderAsWritten>,
    /// A row that is shorter than the header: `refuse` the body, as without it, or `pad` the row with empty values.
    pub(in crate::agreement) ragged: Option<RaggedAsWritten>,
    /// Values that a spreadsheet would take for a formula: `keep` them as they are, as without it, or `neutralise`
    /// them with an apostrophe before them.
    pub(in crate::agreement) formulas: Option<FormulasAsWritten>,
}

/// What stands between two values. Tabs have a format of their own, `tsv`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::agreement) enum SeparatorAsWritten {
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
pub(in crate::agreement) enum CharsetAsWritten {
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
pub(in crate::agreement) enum HeaderAsWritten {
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
pub(in crate::agreement) enum RaggedAsWritten {
    Refuse,
    Pad,
}

/// What happens to what looks like a formula.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum FormulasAsWritten {
    Keep,
    Neutralise,
}

/// What happens to what no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum UndeclaredAsWritten {
    Drop,
    Refuse,
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
        pub(in crate::agreement) struct $name {
            $($(#[$field_attribute])* pub(in crate::agreement) $field: Option<$kind>,)*
            /// `csv` and `tsv`: how the rows are written, where it is not as in RFC 4180.
            pub(in crate::agreement) csv: Option<CsvAsWritten>,
            /// `xml`: the prefixes that selectors use and the namespaces they stand for. The prefix `""` is for names
            /// that selectors write without one.
            #[serde(default)]
            #[schemars(schema_with = "namespaces")]
            pub(in crate::agreement) namespaces: Option<Map<String, Value>>,
            /// What the body's records are: each is held until its end, and leaves or stays as one.
            pub(in crate::agreement) record: Option<SelectorText>,
            /// Where a record names the person it is about; the ledger keeps a token of it.
            pub(in crate::agreement) subject: Option<SelectorText>,
            /// A record leaves only if this holds of it; `@` is the record.
            pub(in crate::agreement) release_if: Option<ConditionText>,
            /// What a record says of itself for which it stays behind.
            pub(in crate::agreement) withhold: Option<WithholdAsWritten>,
            /// Leave out objects and arrays in which nothing passed.
            pub(in crate::agreement) prune: Option<bool>,
            /// Rules for objects whose member names are data, such as an object by NHS number: what the names of the
            /// members of what is selected become. `drop` leaves the names out: the object becomes an array.
            pub(in crate::agreement) names: Option<Vec<RuleAsWritten>>,
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
                    withhold: self.withhold.as_ref(),
                    prune: self.prune,
                    fields: self.fields.as_deref(),
                    names: self.names.as_deref(),
                    aggregate: None,
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
        /// A table in place of the records.
        aggregate: AggregateAsWritten,
    }
    /// What of a request's body reaches the service; of a push, the partner.
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
        /// The entry of the register that it becomes a part of, where that is not the disclosure's.
        data_set: Name,
        /// What no rule names: `drop` leaves it out, as without it; `refuse` refuses the request.
        undeclared: UndeclaredAsWritten,
        /// The size of the body at most, in place of the gateway configuration's.
        max_bytes: SizeText,
        /// The rules. What no rule names does not leave.
        fields: Vec<RuleAsWritten>,
        /// Of a push: a table in place of the records.
        aggregate: AggregateAsWritten,
    }
    /// Rules for one body, without an agreement: what `fieldgate apply --fields` takes.
    FieldsAsWritten as "Fields" {
        /// The body's format: JSON without it.
        format: FormatAsWritten,
        /// The rules. What no rule names does not leave.
        #[schemars(required)]
        fields: Vec<RuleAsWritten>,
        /// A table in place of the records.
        aggregate: AggregateAsWritten,
    }
}

impl ResponseAsWritten {
    /// The part that all bodies have.
    pub(in crate::agreement) fn body(&self) -> BodyAsWritten<'_> {
        BodyAsWritten {
            types: self.r#type.as_deref(),
            because: self.because.as_ref(),
            aggregate: self.aggregate.as_ref(),
            ..self.rules()
        }
    }
}

impl RequestBodyAsWritten {
    /// The part that all bodies have.
    pub(in crate::agreement) fn body(&self) -> BodyAsWritten<'_> {
        BodyAsWritten {
            types: self.r#type.as_deref(),
            because: self.because.as_ref(),
            aggregate: self.aggregate.as_ref(),
            ..self.rules()
        }
    }
}

impl FieldsAsWritten {
    /// The part that all bodies have.
    pub(in crate::agreement) fn body(&self) -> BodyAsWritten<'_> {
        BodyAsWritten {
            format: Some(self.format.unwrap_or(FormatAsWritten::Json)),
            aggregate: self.aggregate.as_ref(),
            ..self.rules()
        }
    }
}

/// The part that all bodies have.
pub(in crate::agreement) struct BodyAsWritten<'a> {
    /// `None` where it was missing or at fault, which has been told.
    pub(in crate::agreement) format: Option<FormatAsWritten>,
    pub(in crate::agreement) types: Option<&'a [MediaTypeText]>,
    pub(in crate::agreement) because: Option<&'a Words>,
    pub(in crate::agreement) csv: Option<&'a CsvAsWritten>,
    pub(in crate::agreement) namespaces: Option<&'a Map<String, Value>>,
    pub(in crate::agreement) record: Option<&'a SelectorText>,
    pub(in crate::agreement) subject: Option<&'a SelectorText>,
    pub(in crate::agreement) release_if: Option<&'a ConditionText>,
    pub(in crate::agreement) withhold: Option<&'a WithholdAsWritten>,
    pub(in crate::agreement) prune: Option<bool>,
    pub(in crate::agreement) fields: Option<&'a [RuleAsWritten]>,
    pub(in crate::agreement) names: Option<&'a [RuleAsWritten]>,
    pub(in crate::agreement) aggregate: Option<&'a AggregateAsWritten>,
}
