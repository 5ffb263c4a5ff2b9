//! The legal terms of an agreement as written. Private to [`crate::agreement`]: serde goes no further.
//!
//! The doc comments are what editors show while someone writes an agreement.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;

use super::kind::PartyKind;
use super::terms::{Principle, ProvisionOfContract};
use crate::written::text::{Country, Day, Name, Provision, Words};

/// On what law an agreement, or one purpose of it, rests.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Basis", example = serde_json::json!({ "lawful": ["uk-gdpr:6-1-e"], "power": "Care Act 2014 s.6" }))]
pub(in crate::agreement) struct BasisAsWritten {
    /// The conditions for processing: uk-gdpr:6-1-a to f, or the 1998 Act's, dpa-1998:sch2-1 to 6.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) lawful: Option<Vec<Provision>>,
    /// The conditions for special categories: uk-gdpr:9-2-a to j with dpa-2018:sch1-NUMBER, or dpa-1998:sch3-1 to 9.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) special: Option<Vec<Provision>>,
    /// The conditions for criminal-offence data: dpa-2018:sch1-NUMBER.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) criminal: Option<Vec<Provision>>,
    /// The power or duty to share: the enactment with its year.
    pub(in crate::agreement) power: Option<Words>,
    /// The function of a public nature, in words.
    pub(in crate::agreement) function: Option<Words>,
    /// The court's order.
    pub(in crate::agreement) court_order: Option<Words>,
    /// The list of consents that records are held against.
    pub(in crate::agreement) consents: Option<Name>,
    /// Whether the consents on the list are explicit, as special categories need.
    pub(in crate::agreement) explicit: Option<bool>,
    /// The contract with the subject, by its reference.
    pub(in crate::agreement) contract: Option<Words>,
    /// The appropriate policy document, by its reference.
    pub(in crate::agreement) policy_document: Option<Words>,
    /// Where the subject made the data public: an address.
    pub(in crate::agreement) publication: Option<Words>,
    /// The test that weighs legitimate interests against the subject's, by its reference.
    pub(in crate::agreement) balancing_test: Option<Words>,
    /// Which of the recognised legitimate interests of Annex 1 it is.
    pub(in crate::agreement) recognised_interest: Option<Words>,
    /// The impact assessment: its reference, or reference, date and outcome.
    pub(in crate::agreement) assessment: Option<AssessmentAsWritten>,
    /// The countries in which the partner may hold the data.
    pub(in crate::agreement) territory: Option<Vec<Country>>,
}

/// An impact assessment, by its reference alone or with its date and outcome.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::agreement) enum AssessmentAsWritten {
    /// Its reference.
    Reference(Words),
    /// Its reference, date and outcome.
    Whole(WholeAssessment),
}

impl JsonSchema for AssessmentAsWritten {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Assessment".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let words = generator.subschema_for::<Words>();
        let day = generator.subschema_for::<Day>();
        schemars::json_schema!({
            "type": ["string", "object"],
            "pattern": "\\S",
            "properties": { "reference": words, "date": day, "outcome": words },
            "required": ["reference", "date", "outcome"],
            "additionalProperties": false,
            "x-form": "an assessment's reference, or its reference, date and outcome",
            "examples": [{ "reference": "DPIA-2026-014", "date": "2026-03-02", "outcome": "risks reduced to low" }],
        })
    }
}

/// An impact assessment.
#[derive(Debug, Deserialize)]
pub(in crate::agreement) struct WholeAssessment {
    pub(in crate::agreement) reference: Option<Words>,
    pub(in crate::agreement) date: Option<Day>,
    pub(in crate::agreement) outcome: Option<Words>,
}

/// What kinds of body the parties are.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Kinds", example = serde_json::json!({ "controller": "public-authority", "partner": "health-body" }))]
pub(in crate::agreement) struct KindsAsWritten {
    /// The controller: a public authority without it.
    pub(in crate::agreement) controller: Option<PartyKind>,
    /// The partner.
    pub(in crate::agreement) partner: Option<PartyKind>,
}

/// Why the controller shares at all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BusinessCase", example = serde_json::json!({ "reference": "BC-2026-07", "owner": "head-of-adult-care", "date": "2026-02-10" }))]
pub(in crate::agreement) struct BusinessCaseAsWritten {
    /// Its reference.
    #[schemars(required)]
    pub(in crate::agreement) reference: Option<Words>,
    /// The post that owns it.
    #[schemars(required)]
    pub(in crate::agreement) owner: Option<Words>,
    /// The day it was approved.
    #[schemars(required)]
    pub(in crate::agreement) date: Option<Day>,
}

/// A risk and what in this file keeps it small.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Risk", example = serde_json::json!({ "risk": "Two extracts are joined on the NHS number", "control": "tokenise $.nhsNumber" }))]
pub(in crate::agreement) struct RiskAsWritten {
    /// The risk.
    #[schemars(required)]
    pub(in crate::agreement) risk: Option<Words>,
    /// A rule of this file, as in "tokenise $.nhsNumber", or one of its terms: release_if, subject, retention, review, territory, reference, professional, training, roles, withhold.KEY.
    #[schemars(required)]
    pub(in crate::agreement) control: Option<Words>,
}

/// The contract with a processor.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Contract", example = serde_json::json!({ "reference": "C-2026-31", "tasks": ["falls-prevention"], "ends": "2027-03-31", "provisions": ["instructions", "confidentiality", "security", "sub-processors", "rights", "assistance", "deletion", "audit"] }))]
pub(in crate::agreement) struct ContractAsWritten {
    /// Its reference.
    #[schemars(required)]
    pub(in crate::agreement) reference: Option<Words>,
    /// The purposes that are tasks under it.
    #[schemars(required, length(min = 1))]
    pub(in crate::agreement) tasks: Option<Vec<Name>>,
    /// Its last day.
    #[schemars(required)]
    pub(in crate::agreement) ends: Option<Day>,
    /// What it provides, of the items of Article 28(3).
    #[schemars(required)]
    pub(in crate::agreement) provisions: Option<Vec<ProvisionOfContract>>,
}

/// Who answers for the agreement: posts and how to reach them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Contacts", example = serde_json::json!({ "dpo": "dpo@isle-council.example", "representative": "adult-care-data@isle-council.example" }))]
pub(in crate::agreement) struct ContactsAsWritten {
    /// The data-protection officer.
    #[schemars(required)]
    pub(in crate::agreement) dpo: Option<Words>,
    /// The directorate's representative.
    #[schemars(required)]
    pub(in crate::agreement) representative: Option<Words>,
}

/// A principle that the agreement does not satisfy yet, why, and until when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Waiver", example = serde_json::json!({ "principle": "accuracy", "because": "the service has no dates of change before its next release", "until": "2026-12-31" }))]
pub(in crate::agreement) struct WaiverAsWritten {
    /// The principle.
    #[schemars(required)]
    pub(in crate::agreement) principle: Option<Principle>,
    /// Why.
    #[schemars(required)]
    pub(in crate::agreement) because: Option<Words>,
    /// The last day.
    #[schemars(required)]
    pub(in crate::agreement) until: Option<Day>,
}
