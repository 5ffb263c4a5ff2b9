//! A rule as written: an action, its selectors and its options.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::DecidedAsWritten;
use crate::detect::Kind as Detected;
use crate::identifier::Kind;
use crate::transform::Shape;
use crate::written::text::{
    AtText, ColumnText, ExemptText, FromText, LinkText, Name, PathName, SelectorText, SkipText,
    Words,
};

/// One rule: exactly one action with its selectors, and the action's options.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rule", example = serde_json::json!({ "keep": ["$.name"] }))]
pub(in crate::agreement) struct RuleAsWritten {
    /// Single values that leave as they are.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) keep: Option<Vec<SelectorText>>,
    /// Whole subtrees that leave as they are, new fields in them included. Needs `because`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) keep_all: Option<Vec<SelectorText>>,
    /// Anything that does not leave, whatever other rules say.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) drop: Option<Vec<SelectorText>>,
    /// Values in whose place a constant leaves. Needs `with`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) replace: Option<Vec<SelectorText>>,
    /// Values whose characters are replaced, but for `keep_first` and `keep_last`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) mask: Option<Vec<SelectorText>>,
    /// Values that become coarser. Needs `to`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) generalise: Option<Vec<SelectorText>>,
    /// Dates that move by some days, all of a record's subject by the same. Needs `days`, and the body a `subject`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) shift: Option<Vec<SelectorText>>,
    /// Identifiers that become one-way keyed tokens. Needs `as`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) pseudonymise: Option<Vec<SelectorText>>,
    /// Identifiers that become tokens which only this gateway turns back. Needs `as`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) tokenise: Option<Vec<SelectorText>>,
    /// Links that leave as `templates` say, with tokens in the place of identifiers. Needs `templates`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) link: Option<Vec<SelectorText>>,
    /// Of a request's body: tokens in whose place the service gets what they stand for. Needs `as`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) reidentify: Option<Vec<SelectorText>>,
    /// Free text that leaves without what `detect`, `names` and `patterns` find in it. Detection misses things.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) redact: Option<Vec<SelectorText>>,
    /// `drop`: the exemption by which it is kept from the person it is about, where that person asks (`access`).
    pub(in crate::agreement) exempt: Option<ExemptText>,
    /// `keep`, of what shows others to the person who asks for their own record (`access: subject`): `decided`, it leaves
    /// only where they agree or that was decided to be reasonable, as entered; else it is kept back as `S2P3`.
    pub(in crate::agreement) third_parties: Option<DecidedAsWritten>,
    /// Why: `keep_all` needs it, every rule may have it.
    pub(in crate::agreement) because: Option<Words>,
    /// The law and guidance that it follows.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) cites: Option<Vec<Words>>,
    /// `replace`: the constant, a single value. `mask`: the character, `*` without it. `redact`: what stands in place of
    /// what is found: its `kind` (as without this), a `placeholder` that is the same throughout a document, or a token,
    /// as in `{ pseudonymise: person, of: nhs-number }`.
    #[serde(default, deserialize_with = "some_value")]
    #[schemars(extend("examples" = ["withheld"]))]
    pub(in crate::agreement) with: Option<Value>,
    /// `generalise`: how coarse.
    pub(in crate::agreement) to: Option<GeneraliseTo>,
    /// `link`: the forms of link that leave; others are dropped. A path with its query, variables in braces.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) templates: Option<Vec<LinkAsWritten>>,
    /// `link`: what becomes of each variable: `keep`, `tokenise: person` or `pseudonymise: person`.
    #[serde(default)]
    #[schemars(schema_with = "link_variables")]
    pub(in crate::agreement) variables: Option<Map<String, Value>>,
    /// `pseudonymise`, `tokenise`: what the value identifies, the same name wherever tokens should be the same.
    pub(in crate::agreement) r#as: Option<Name>,
    /// `pseudonymise`, `tokenise`: how the identifier is written, so that every spelling of one has one token; any text
    /// without it. The same wherever `as` is the same; `reidentify` and links need not say it again.
    pub(in crate::agreement) form: Option<FormAsWritten>,
    /// `pseudonymise`: the fields of the record that identify together, as surname, date of birth and postcode do: the token
    /// is of all of them, and stands in the place of what is selected. Needs `record`.
    #[schemars(length(min = 2, max = 8))]
    pub(in crate::agreement) of: Option<Vec<PartAsWritten>>,
    /// `pseudonymise`, `tokenise`: within what the tokens of one identifier are the same: the `agreement`, as without it,
    /// one `document`, or `never`.
    pub(in crate::agreement) scope: Option<ScopeAsWritten>,
    /// `pseudonymise`, `tokenise`: texts that stand for not known here, beside those that every form knows; they become no
    /// token.
    #[schemars(length(min = 1, max = 64))]
    pub(in crate::agreement) unknown: Option<Vec<Words>>,
    /// `pseudonymise`, `tokenise`: a value that is not of its form is a mismatch (`drop`, as without it), or leaves as a
    /// `mark` such as `[invalid nhs-number]`.
    pub(in crate::agreement) invalid: Option<InvalidAsWritten>,
    /// `tokenise`: the shape that tokens keep, for a system that insists on one. Of forms with a check digit alone.
    pub(in crate::agreement) format: Option<ShapeAsWritten>,
    /// `redact`: `all`, or the kinds of identifier to find.
    #[serde(default)]
    #[schemars(schema_with = "kinds_to_detect")]
    pub(in crate::agreement) detect: Option<Value>,
    /// `redact`: where the record names people, who are then found by name. Needs `record`.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) names: Option<Vec<SelectorText>>,
    /// `redact`: patterns to find beside those that are known.
    #[schemars(length(min = 1, max = 32))]
    pub(in crate::agreement) patterns: Option<Vec<PatternAsWritten>>,
    /// `redact`: how sure to be before something is taken out, from 0.3 (more than there is) to 1 (less than there is).
    #[schemars(range(min = 0.3, max = 1.0), example = 0.6)]
    pub(in crate::agreement) threshold: Option<f64>,
    /// `mask`: characters left at the start.
    #[schemars(range(min = 0, max = 1024), example = 2)]
    pub(in crate::agreement) keep_first: Option<u32>,
    /// `mask`: characters left at the end.
    #[schemars(range(min = 0, max = 1024), example = 2)]
    pub(in crate::agreement) keep_last: Option<u32>,
    /// `mask`: characters, such as spaces and hyphens, that stay and are not counted.
    pub(in crate::agreement) skip: Option<SkipText>,
    /// `generalise` and `shift` of dates: how they are written, `dd/mm/yyyy`; as in ISO 8601 without it. `to: table`:
    /// what its keys are, `postcode` or `text`; text without it.
    pub(in crate::agreement) from: Option<FromText>,
    /// `to: age` and `age-band`: on which day; `today` without it, `school-year` for 31 August before the school year.
    pub(in crate::agreement) at: Option<AtText>,
    /// `to: band` and `age-band`: how wide each band is.
    #[schemars(range(min = 1, max = 1_000_000_000), example = 5)]
    pub(in crate::agreement) width: Option<u32>,
    /// `to: band` and `age-band`: the bands, each from where the one before ends.
    #[schemars(length(min = 1, max = 1000))]
    pub(in crate::agreement) bands: Option<Vec<BandText>>,
    /// `to: band`, `age-band`, `round` and `capped`: what is below this is told as one.
    #[schemars(range(min = -1_000_000_000_000_i64, max = 1_000_000_000_000_i64), example = 5)]
    pub(in crate::agreement) bottom: Option<i64>,
    /// `to: band`, `age-band`, `round` and `capped`: what is from here on is told as one.
    #[schemars(range(min = -1_000_000_000_000_i64, max = 1_000_000_000_000_i64), example = 90)]
    pub(in crate::agreement) top: Option<i64>,
    /// `to: round`: to the nearest multiple of this.
    #[schemars(range(min = 1, max = 1_000_000_000), example = 100)]
    pub(in crate::agreement) nearest: Option<u32>,
    /// `to: table`: the CSV file, from the directory of this file. Its first row names the columns.
    pub(in crate::agreement) table: Option<PathName>,
    /// `to: table`: the column of the values that leave.
    pub(in crate::agreement) column: Option<ColumnText>,
    /// `to: table`: the column of the values that come; the first without it.
    pub(in crate::agreement) key: Option<ColumnText>,
    /// `to: table` and parts of postcodes: what leaves for a value that has nothing coarser; nothing without it.
    pub(in crate::agreement) otherwise: Option<Words>,
    /// `shift`: days that a date moves at most.
    #[schemars(range(min = 1, max = 3650), example = 30)]
    pub(in crate::agreement) days: Option<u16>,
    /// `shift`: `earlier`, as without it, or `either`, where dates that would pass today stay behind until then.
    pub(in crate::agreement) direction: Option<DirectionAsWritten>,
    /// When a value is not one that the action is for: `drop` it (as without this), or `refuse` the body.
    pub(in crate::agreement) on_mismatch: Option<OnMismatchAsWritten>,
}

/// One of the fields that identify together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Part", example = serde_json::json!({ "at": "@.dateOfBirth", "form": "date" }))]
pub(in crate::agreement) struct PartAsWritten {
    /// Where it is, from the record (@) or the document ($). A record with none or several gets no token.
    #[schemars(required)]
    pub(in crate::agreement) at: Option<SelectorText>,
    /// How it is written; any text without it.
    pub(in crate::agreement) form: Option<FormAsWritten>,
}

/// A form of link: as the service writes it, and as it leaves if that is another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(in crate::agreement) enum LinkAsWritten {
    Same(LinkText),
    Other(OtherLink),
}

/// A form of link that leaves as another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OtherLink", example = serde_json::json!({ "from": "/api/v2/adults/{person}", "to": "/adults/{person}" }))]
pub(in crate::agreement) struct OtherLink {
    /// As the service writes it.
    pub(in crate::agreement) from: LinkText,
    /// As it leaves.
    pub(in crate::agreement) to: LinkText,
}

pub(super) fn link_variables(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
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
pub(in crate::agreement) struct PatternAsWritten {
    /// What stands in the text where it was found.
    pub(in crate::agreement) name: Name,
    /// A regular expression for whole words.
    pub(in crate::agreement) matches: Words,
    /// Words of which one stands within five words of it.
    #[schemars(length(min = 1, max = 32))]
    pub(in crate::agreement) near: Option<Vec<Words>>,
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
pub(in crate::agreement) enum GeneraliseTo {
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
pub(in crate::agreement) struct BandText(Value);

impl BandText {
    /// The band as text.
    pub(in crate::agreement) fn text(&self) -> String {
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
pub(in crate::agreement) enum DirectionAsWritten {
    Earlier,
    Either,
}

/// How an identifier is written.
#[derive(Debug, Clone, Copy)]
pub(in crate::agreement) struct FormAsWritten(pub(in crate::agreement) Kind);

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
pub(in crate::agreement) enum ScopeAsWritten {
    Agreement,
    Document,
    Never,
}

/// What happens to a value that is not of its form.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum InvalidAsWritten {
    Drop,
    Mark,
}

/// The shape that tokens keep.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum ShapeAsWritten {
    Digits,
    Alphanumeric,
}

impl ShapeAsWritten {
    pub(in crate::agreement) fn shape(self) -> Shape {
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
pub(in crate::agreement) enum OnMismatchAsWritten {
    Drop,
    Refuse,
}

/// `with: null` is a value, not a key that was left out.
fn some_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
