//! A file of approvals as written: made by `fieldgate approve`, read by people.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::written::text::Name;

/// The approvals of one document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Approvals")]
pub(super) struct ApprovalsAsWritten {
    /// Each approval, older versions' too.
    #[schemars(required, length(min = 1, max = 1000))]
    pub(super) approvals: Option<Vec<ApprovalAsWritten>>,
}

/// One approval.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Approval")]
pub(super) struct ApprovalAsWritten {
    /// The document's version that was approved; 0 for one that has none.
    #[schemars(required, range(min = 0, max = 1_000_000), example = 3)]
    pub(super) version: Option<u32>,
    /// Who approved: one of the configuration's approvers.
    #[schemars(required)]
    pub(super) approver: Option<Name>,
    /// As what.
    #[schemars(required)]
    pub(super) role: Option<Name>,
    /// When.
    #[schemars(required)]
    pub(super) at: Option<WhenText>,
    /// The Ed25519 signature.
    #[schemars(required)]
    pub(super) signature: Option<SignatureText>,
}

macro_rules! texts {
    ($($(#[doc = $doc:literal])* $name:ident: $pattern:literal, $form:literal, $example:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(pub(super) String);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "pattern": $pattern,
                    "x-form": $form,
                    "examples": [$example],
                })
            }
        }
    )*};
}

texts! {
    /// An instant in UTC, to the second.
    WhenText: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        "an instant (year-month-dayThours:minutes:secondsZ)", "2026-03-20T10:00:00Z";
    /// An Ed25519 signature.
    SignatureText: "^[0-9a-f]{128}$",
        "a signature in 128 hexadecimal digits, as fieldgate approve writes it", "00";
}
