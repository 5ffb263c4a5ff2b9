//! What a record is checked for before it leaves, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::written::text::{Period, SelectorText};

/// What a record says of itself for which it stays behind. Each is a selector within the record, `@.restricted`, of one
/// value.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Withhold", example = serde_json::json!({ "refused": "@.sharingRefused" }))]
pub(in crate::agreement) struct WithholdAsWritten {
    /// Whether its subject has refused: the record leaves only where this says no.
    pub(in crate::agreement) refused: Option<SelectorText>,
    /// Whether or when its subject died: the record stays where this says so.
    pub(in crate::agreement) deceased: Option<SelectorText>,
    /// Whether a court has ordered that it is not disclosed.
    pub(in crate::agreement) court_restricted: Option<SelectorText>,
    /// Whether disclosing it could do serious harm.
    pub(in crate::agreement) harm_hold: Option<SelectorText>,
    /// By which exemption it is kept from the person it is about, where that person asks (`access`): the record stays where
    /// this names any.
    pub(in crate::agreement) exempt: Option<SelectorText>,
    /// Whether its processing is restricted.
    pub(in crate::agreement) restricted: Option<SelectorText>,
    /// To when it is kept: past that it stays.
    pub(in crate::agreement) retention: Option<RetentionAsWritten>,
    /// How old what it says may be: older than that it stays.
    pub(in crate::agreement) stale: Option<StaleAsWritten>,
}

/// To when a record is kept. One without that date is still open.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RecordRetention", example = serde_json::json!({ "from": "@.closed", "for": "P6Y" }))]
pub(in crate::agreement) struct RetentionAsWritten {
    /// The date from which it is counted.
    #[schemars(required)]
    pub(in crate::agreement) from: Option<SelectorText>,
    /// How long.
    #[schemars(required)]
    pub(in crate::agreement) r#for: Option<Period>,
}

/// How old a record may be. One that does not say is too old.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Stale", example = serde_json::json!({ "as_of": "@.updated", "within": "P30D" }))]
pub(in crate::agreement) struct StaleAsWritten {
    /// The date as of which it is true.
    #[schemars(required)]
    pub(in crate::agreement) as_of: Option<SelectorText>,
    /// How long ago that may be.
    #[schemars(required)]
    pub(in crate::agreement) within: Option<Period>,
}
