//! What a purpose requires of each record's subject, as written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::written::text::{Name, Words};

/// What a purpose requires of the people whose records it asks for, as the store of subjects knows them.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rights", example = serde_json::json!({ "opt_outs": ["national-data-opt-out"] }))]
pub(in crate::agreement) struct RightsAsWritten {
    /// A record leaves only with its subject's consent to this purpose, or to one that covers it.
    pub(in crate::agreement) consent: Option<ConsentAsWritten>,
    /// Lists of opt-outs that are honoured.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) opt_outs: Option<Vec<Name>>,
    /// Why objections and restrictions do not withhold here; each such release is counted. Never for direct marketing.
    pub(in crate::agreement) overrides_restriction: Option<Words>,
    /// Records of people who have died: as those of the living, without it; or released without a look at consent and
    /// objections; or withheld.
    pub(in crate::agreement) deceased: Option<DeceasedAsWritten>,
    /// Records of children: released as others, without it, or withheld.
    pub(in crate::agreement) children: Option<WhetherAsWritten>,
    /// Records that name nobody: withheld, without it, or released.
    pub(in crate::agreement) unknown: Option<WhetherAsWritten>,
}

/// What consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum ConsentAsWritten {
    Ordinary,
    Explicit,
}

/// What becomes of records of people who have died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum DeceasedAsWritten {
    AsLiving,
    Release,
    Withhold,
}

/// Whether records leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum WhetherAsWritten {
    Release,
    Withhold,
}
