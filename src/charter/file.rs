//! The charter and directorates' policies as written. Private to [`crate::charter`]: serde goes no further.
//!
//! The doc comments here are what editors show. Each key is an `Option` so that a file with faults can still be checked
//! to its end; the schema says what is required.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::register::IdentifierAsWritten;
use crate::written::text::{
    Country, Day, MarkingText, Name, NetworkText, Period, SelectorText, Sha256Text, WindowText,
    Words,
};

/// Keys that people try.
pub(super) const HINTS: &[(&str, &str)] = &[
    ("never-share", "write never_share"),
    ("signoff", "write sign_off"),
    ("countries", "write territory"),
    ("inherits", "write parent"),
    ("extends", "write parent"),
];

/// A policy that agreements stand under: the council's own charter, or a directorate's under it. A directorate may
/// narrow what its parent allows, never widen it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Charter")]
pub(super) struct CharterAsWritten {
    /// The council's charter: its controller's name. Either this or `directorate`.
    pub(super) charter: Option<Name>,
    /// A directorate's policy: its name, as the register's data sets have it under `owner`.
    pub(super) directorate: Option<Name>,
    /// A directorate's policy: the charter, or the directorate, that it stands under.
    pub(super) parent: Option<Name>,
    /// Its version, from 1. Raise it with every change.
    #[schemars(required, range(min = 1, max = 1_000_000), example = 1)]
    pub(super) version: Option<u32>,
    /// Its title, for people.
    #[schemars(required)]
    pub(super) title: Option<Words>,
    /// Where the policy can be read.
    pub(super) policy: Option<Words>,
    /// The countries in which data may be held: ISO 3166-1, or `EEA` for those of the European Economic Area, which the
    /// United Kingdom (`GB`) is not.
    #[schemars(length(min = 1))]
    pub(super) territory: Option<Vec<TerritoryText>>,
    /// Further countries, each by an instrument of transfer.
    pub(super) transfers: Option<Vec<TransferAsWritten>>,
    /// What never leaves, whatever an agreement says.
    pub(super) never_share: Option<NeverAsWritten>,
    /// What leaves in no form but a coarser one or a token: fields of these sensitivities.
    #[schemars(length(min = 1))]
    pub(super) never_as_it_is: Option<Vec<SensitivityAsWritten>>,
    /// The roles that sign an agreement before it carries traffic. A directorate's are added to its parent's.
    #[schemars(length(min = 1))]
    pub(super) sign_off: Option<Vec<Name>>,
    /// The data sets that may be shared; all of the register without it.
    #[schemars(length(min = 1))]
    pub(super) data_sets: Option<Vec<Name>>,
    /// The purposes that data may be shared for; all of the register without it.
    #[schemars(length(min = 1))]
    pub(super) purposes: Option<Vec<Name>>,
    /// How long a partner may keep data at most.
    pub(super) longest_retention: Option<Period>,
    /// The controller may use its data for its other functions, without a notice. Off without it.
    pub(super) internal_compatible_use: Option<bool>,
    /// How data is kept accurate.
    pub(super) accuracy: Option<AccuracyAsWritten>,
    /// What the gateway and its partners have to keep to.
    pub(super) security: Option<SecurityAsWritten>,
    /// What holds where an agreement says nothing.
    pub(super) defaults: Option<DefaultsAsWritten>,
}

/// A country, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct TerritoryText(pub(super) String);

impl JsonSchema for TerritoryText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Territory".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^([A-Z]{2}|EEA)$",
            "x-form": "a country's two capital letters (ISO 3166-1), or EEA",
            "examples": ["GB"],
        })
    }
}

/// A country to which data may go by an instrument.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Transfer", example = serde_json::json!({ "country": "US", "instrument": "IDTA 2026/3", "until": "2027-12-31" }))]
pub(super) struct TransferAsWritten {
    /// The country.
    #[schemars(required)]
    pub(super) country: Option<Country>,
    /// The instrument: adequacy regulations, an agreement for transfers, binding rules.
    #[schemars(required)]
    pub(super) instrument: Option<Words>,
    /// Its last day.
    #[schemars(required)]
    pub(super) until: Option<Day>,
}

/// What never leaves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Never", example = serde_json::json!({ "identifiers": ["payment-card"] }))]
pub(super) struct NeverAsWritten {
    /// Fields of a data set, and what is in them.
    pub(super) fields: Option<Vec<NeverFieldAsWritten>>,
    /// Fields of these sensitivities.
    pub(super) sensitivities: Option<Vec<SensitivityAsWritten>>,
    /// Fields that are identifiers of these kinds.
    pub(super) identifiers: Option<Vec<IdentifierAsWritten>>,
}

/// A field that never leaves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NeverField", example = serde_json::json!({ "data_set": "housing", "path": "@.bankAccount" }))]
pub(super) struct NeverFieldAsWritten {
    /// The data set; every one without it.
    pub(super) data_set: Option<Name>,
    /// Where it stands: from the record (`@.bankAccount`), or from the document (`$..bankAccount`).
    #[schemars(required)]
    pub(super) path: Option<SelectorText>,
}

/// How much harm a field can do, as in the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum SensitivityAsWritten {
    Personal,
    Special,
    Criminal,
    Child,
}

/// How data is kept accurate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Accuracy", example = serde_json::json!({ "checked": ["nhs-number"] }))]
pub(super) struct AccuracyAsWritten {
    /// Identifiers of these kinds become tokens only where they are of their form: `form:` of the rule says it.
    #[schemars(length(min = 1))]
    pub(super) checked: Option<Vec<IdentifierAsWritten>>,
}

/// What the gateway and its partners have to keep to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Security", example = serde_json::json!({ "tls": true }))]
pub(super) struct SecurityAsWritten {
    /// Every listener speaks TLS.
    pub(super) tls: Option<bool>,
    /// The oldest version of TLS that a listener may speak, which then speaks TLS: 1.2 or 1.3.
    pub(super) minimum_tls: Option<MinimumTlsAsWritten>,
    /// Partners are known by client certificates alone, not by keys that they send.
    pub(super) client_certificates: Option<bool>,
    /// SHA-256 of the certificates of the authorities that may sign partners': openssl x509 -in CA -outform der | sha256sum
    #[schemars(length(min = 1, max = 256))]
    pub(super) certificate_authorities: Option<Vec<Sha256Text>>,
    /// The networks that partners have to connect from, by networks: of each.
    #[schemars(length(min = 1, max = 256))]
    pub(super) networks: Option<Vec<NetworkText>>,
    /// The most that an agreement may let be asked for a purpose, by its quota.
    pub(super) requests: Option<RateAsWritten>,
    /// How what leaves is marked: the marking that every agreement states.
    pub(super) marking: Option<MarkingText>,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum MinimumTlsAsWritten {
    #[serde(rename = "1.2")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

/// So many requests in each window.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rate", example = serde_json::json!({ "most": 5000, "per": "P1D" }))]
pub(super) struct RateAsWritten {
    /// The most requests.
    #[schemars(required, range(min = 1, max = 1_000_000_000_000_u64))]
    pub(super) most: Option<u64>,
    /// The window.
    #[schemars(required)]
    pub(super) per: Option<WindowText>,
}

/// What holds where an agreement says nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Defaults", example = serde_json::json!({ "retention": "P6M" }))]
pub(super) struct DefaultsAsWritten {
    /// How long a partner may keep data.
    pub(super) retention: Option<Period>,
}
