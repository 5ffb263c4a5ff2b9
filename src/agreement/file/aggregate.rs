//! A table as written: what leaves in place of records.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A table in place of records: counts, sums, means and medians of groups, under a rule of disclosure control.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Aggregate", extend("required" = ["by", "measures", "rule"]))]
pub(in crate::agreement) struct AggregateAsWritten {
    /// What the groups are: fields as the rules let them out, of each a selector, or `of`, `name` and `values`.
    #[schemars(schema_with = "groups")]
    #[serde(default)]
    pub(in crate::agreement) by: Option<Vec<Value>>,
    /// What is told of each group, by the name of its column: `count` (records), `subjects` (people), or one of `sum`,
    /// `mean`, `median` and `distinct` with a selector.
    #[schemars(schema_with = "measures")]
    #[serde(default)]
    pub(in crate::agreement) measures: Option<Map<String, Value>>,
    /// What is hidden: `nhs-england`, `ons-10-5`, `{ threshold: 10, round: 5 }`, or `{ cell_key: built-in }`.
    #[schemars(schema_with = "rule")]
    #[serde(default)]
    pub(in crate::agreement) rule: Option<Value>,
    /// Hide sums and means that tell too much of who has most of them: `{ p: 10 }`, the p% rule, or `{ n: 1, k: 80 }`.
    pub(in crate::agreement) dominance: Option<DominanceAsWritten>,
    /// Whether totals over each dimension and over all are told, too. Not without it.
    pub(in crate::agreement) totals: Option<bool>,
    /// How the table is written: `json`, as without it, or `csv`.
    pub(in crate::agreement) output: Option<OutputAsWritten>,
    /// How many groups the table has at most, combinations in which nobody is counted with them: 10000 without it. A body
    /// with more has no table.
    #[schemars(range(min = 1, max = 100_000), example = 500)]
    pub(in crate::agreement) groups: Option<u32>,
}

/// When a sum tells too much of who has most of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Dominance", example = serde_json::json!({ "p": 10 }))]
pub(in crate::agreement) struct DominanceAsWritten {
    /// The p% rule: all but the two largest are together less than this part, in a hundred, of the largest.
    #[schemars(range(min = 1, max = 100), example = 10)]
    pub(in crate::agreement) p: Option<u8>,
    /// The (n, k) rule: how many are the largest.
    #[schemars(range(min = 1, max = 3), example = 1)]
    pub(in crate::agreement) n: Option<u8>,
    /// The (n, k) rule: the part of all, in a hundred, that they have at most.
    #[schemars(range(min = 1, max = 100), example = 80)]
    pub(in crate::agreement) k: Option<u8>,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum OutputAsWritten {
    Json,
    Csv,
}

/// A value of a dimension in a list: text, or a number as text.
fn value() -> Value {
    serde_json::json!({ "type": ["integer", "string"], "pattern": "\\S", "x-form": "a value", "examples": ["East Cowes"] })
}

fn selector(example: &str) -> Value {
    serde_json::json!({ "type": "string", "pattern": "\\S", "x-form": "a selector", "examples": [example] })
}

fn column() -> Value {
    serde_json::json!({
        "type": "string",
        "pattern": "^[A-Za-z_][A-Za-z0-9 _.-]{0,63}$",
        "x-form": "a column's name (letters, digits and space _ . -, at most 64)",
        "examples": ["ward"],
    })
}

fn groups(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 5,
        "items": {
            "type": ["object", "string"],
            "pattern": "\\S",
            "x-form": "a selector, or `of` with a selector",
            "properties": {
                "of": selector("$.people[*].ward"),
                "name": column(),
                "values": {
                    "type": ["array", "string"],
                    "items": value(),
                    "minItems": 1,
                    "maxItems": 10_000,
                    "pattern": "^(all|shared)$",
                    "x-form": "a list of values, `shared` or `all`",
                    "examples": [["East Cowes", "Ryde"]],
                },
            },
            "required": ["of"],
            "additionalProperties": false,
            "examples": ["$.people[*].ward", { "of": "$.people[*].ward", "values": ["East Cowes", "Ryde"] }],
        },
        "examples": [["$.people[*].ward", "$.people[*].ageBand"]],
    })
}

fn measures(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": column(),
        "additionalProperties": {
            "type": ["object", "string"],
            "pattern": "^(count|subjects)$",
            "x-form": "count, subjects, or one of sum, mean, median and distinct with a selector",
            "properties": {
                "sum": selector("$.people[*].hours"),
                "mean": selector("$.people[*].hours"),
                "median": selector("$.people[*].hours"),
                "distinct": selector("$.people[*].household"),
                "nearest": { "type": "integer", "minimum": 1, "maximum": 1_000_000_000, "examples": [10] },
            },
            "additionalProperties": false,
            "examples": ["count", { "sum": "$.people[*].hours" }],
        },
        "examples": [{ "people": "count", "hours": { "sum": "$.people[*].hours" } }],
    })
}

fn rule(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["object", "string"],
        "pattern": "^(nhs-england|ons-10-5)$",
        "x-form": "nhs-england, ons-10-5, or `threshold` or `cell_key`",
        "properties": {
            "threshold": { "type": "integer", "minimum": 3, "maximum": 1000, "examples": [10] },
            "round": { "type": "integer", "minimum": 1, "maximum": 1000, "examples": [5] },
            "hide_zero": { "type": "boolean" },
            "cell_key": {
                "type": "string",
                "pattern": "\\S",
                "x-form": "`built-in`, or a CSV file with a perturbation table",
                "examples": ["built-in"],
            },
        },
        "additionalProperties": false,
        "minProperties": 1,
        "examples": ["nhs-england", { "threshold": 10, "round": 5 }],
    })
}
