//! How much an agreement lets out, as written: quotas, a guard against harvesting, access for vital interests.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::written::text::{Name, SpanText};

/// So much in each window. At least one of requests, records and people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Quota", example = serde_json::json!({ "per": "P1D", "requests": 5000, "people": 500 }))]
pub(in crate::agreement) struct QuotaAsWritten {
    /// The purpose that it is for, with those that it covers. Default: all purposes together.
    pub(in crate::agreement) purpose: Option<Name>,
    /// The window: a clock's minutes and hours, or days, weeks, months and years of the controller's calendar.
    #[schemars(required)]
    pub(in crate::agreement) per: Option<PerAsWritten>,
    /// Requests that are permitted.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    pub(in crate::agreement) requests: Option<u64>,
    /// Records that leave.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    pub(in crate::agreement) records: Option<u64>,
    /// Different people whose records leave.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(in crate::agreement) people: Option<u64>,
}

/// The length of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(in crate::agreement) enum PerAsWritten {
    #[serde(rename = "PT1M")]
    Minute,
    #[serde(rename = "PT15M")]
    QuarterHour,
    #[serde(rename = "PT1H")]
    Hour,
    #[serde(rename = "P1D")]
    Day,
    #[serde(rename = "P1W")]
    Week,
    #[serde(rename = "P7D")]
    SevenDays,
    #[serde(rename = "P1M")]
    Month,
    #[serde(rename = "P1Y")]
    Year,
}

/// What a partner may learn by asking often.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Guard", example = serde_json::json!({ "single": { "people": 200, "per": "P1D" } }))]
pub(in crate::agreement) struct GuardAsWritten {
    /// Different people asked for one at a time: in answers with one record.
    pub(in crate::agreement) single: Option<SingleAsWritten>,
    /// Different ways of asking for one list or table: two that differ by one person tell of that person.
    pub(in crate::agreement) variants: Option<VariantsAsWritten>,
    /// Records in one answer beyond which somebody is told. Nothing is refused.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(in crate::agreement) tell_of_records: Option<u64>,
    /// What happens where a member of staff, who is named in Data-Staff-Identifier, asks for their own record: somebody is told, or nothing leaves either. Default: tell.
    pub(in crate::agreement) self_look_up: Option<SelfLookUpAsWritten>,
}

/// What happens where somebody asks for their own record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum SelfLookUpAsWritten {
    Tell,
    Refuse,
}

/// Different people asked for one at a time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardSingle", example = serde_json::json!({ "people": 200, "per": "P1D" }))]
pub(in crate::agreement) struct SingleAsWritten {
    /// How many people.
    #[schemars(required, range(min = 1, max = 1_000_000))]
    pub(in crate::agreement) people: Option<u64>,
    /// The window.
    #[schemars(required)]
    pub(in crate::agreement) per: Option<PerAsWritten>,
}

/// Different ways of asking for one list or table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardVariants", example = serde_json::json!({ "most": 50, "per": "P1D" }))]
pub(in crate::agreement) struct VariantsAsWritten {
    /// How many ways: each path with its query is one.
    #[schemars(required, range(min = 1, max = 10_000))]
    pub(in crate::agreement) most: Option<u64>,
    /// The window.
    #[schemars(required)]
    pub(in crate::agreement) per: Option<PerAsWritten>,
}

/// Access for vital interests: that it is looked at, and ends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "VitalInterests", example = serde_json::json!({ "expires": "24h", "unreviewed": 5, "review_within": "168h" }))]
pub(in crate::agreement) struct VitalInterestsAsWritten {
    /// How long one reason serves. Default: 24h.
    pub(in crate::agreement) expires: Option<SpanText>,
    /// Incidents that may await review; with as many, access is refused. Default: 5.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::agreement) unreviewed: Option<u32>,
    /// The longest that an incident may await review; after it access is refused. Default: 168h, seven days.
    pub(in crate::agreement) review_within: Option<SpanText>,
}
