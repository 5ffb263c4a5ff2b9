//! An agreement as written. Private to [`crate::agreement`]: serde goes no further.
//!
//! The doc comments here are what editors show while someone writes an agreement. Each key is an
//! `Option` so that a file with faults can still be checked to its end; the schema says what is required.

mod aggregate;
mod body;
mod purpose;
mod rights;
mod rule;
mod volume;
mod withhold;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) use aggregate::{AggregateAsWritten, DominanceAsWritten, OutputAsWritten};
pub(super) use body::{
    BodyAsWritten, CharsetAsWritten, CsvAsWritten, FieldsAsWritten, FormatAsWritten,
    FormulasAsWritten, HeaderAsWritten, RaggedAsWritten, RequestBodyAsWritten, ResponseAsWritten,
    SeparatorAsWritten, UndeclaredAsWritten,
};
pub(super) use purpose::{CredentialAsWritten, PurposeAsWritten};
pub(super) use rights::{
    AccessAsWritten, ConsentAsWritten, DeceasedAsWritten, DecidedAsWritten, RightsAsWritten,
    WhetherAsWritten,
};
pub(super) use rule::{
    DirectionAsWritten, GeneraliseTo, InvalidAsWritten, LinkAsWritten, OnMismatchAsWritten,
    OtherLink, RuleAsWritten, ScopeAsWritten, ShapeAsWritten,
};

use super::basis::written::{
    BasisAsWritten, BusinessCaseAsWritten, ContactsAsWritten, ContractAsWritten, KindsAsWritten,
    RiskAsWritten, WaiverAsWritten,
};
pub(super) use volume::{
    GuardAsWritten, PerAsWritten, QuotaAsWritten, SelfLookUpAsWritten, VitalInterestsAsWritten,
};
pub(super) use withhold::WithholdAsWritten;

use crate::identifier::Kind;
use crate::written::text::{
    Day, HeaderText, MarkingText, Name, PathText, Period, QueryText, RequestLine, Words,
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
    pub(super) basis: Option<BasisAsWritten>,
    /// How long the partner may keep what it gets.
    pub(super) retention: Option<Period>,
    /// How what leaves is marked, in the header Data-Marking of each answer.
    pub(super) marking: Option<MarkingText>,
    /// Why the controller shares at all.
    pub(super) business_case: Option<BusinessCaseAsWritten>,
    /// What the sharing is good for.
    #[schemars(length(min = 1))]
    pub(super) benefits: Option<Vec<Words>>,
    /// What could go wrong, each with what in this file keeps it small.
    #[schemars(length(min = 1))]
    pub(super) risks: Option<Vec<RiskAsWritten>>,
    /// The contract with a processor.
    pub(super) contract: Option<ContractAsWritten>,
    /// Who answers for the agreement.
    pub(super) contacts: Option<ContactsAsWritten>,
    /// Principles that it does not satisfy yet.
    #[schemars(length(min = 1))]
    pub(super) waivers: Option<Vec<WaiverAsWritten>>,
    /// Why data may be asked for: a name, which requests declare, and its text.
    #[schemars(required, schema_with = "purpose::purposes")]
    pub(super) purposes: Option<Map<String, Value>>,
    /// What it permits.
    #[schemars(required, length(min = 1))]
    pub(super) disclosures: Option<Vec<DisclosureAsWritten>>,
    /// How much leaves at most, in each window.
    #[schemars(length(min = 1, max = 32))]
    pub(super) quota: Option<Vec<QuotaAsWritten>>,
    /// What a partner may learn by asking often.
    pub(super) guard: Option<GuardAsWritten>,
    /// How access for vital interests is looked at, and ends.
    pub(super) vital_interests: Option<VitalInterestsAsWritten>,
    /// What every request must show of its caller, all of them together. Without it one credential is enough.
    #[schemars(length(min = 1))]
    pub(super) credentials: Option<Vec<CredentialAsWritten>>,
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
    /// What kinds of body they are: some conditions of the law are open to some kinds alone.
    pub(super) kinds: Option<KindsAsWritten>,
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

/// One thing the agreement permits: a request, the service behind it, and the rules for both ways.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Disclosure", extend(
    "if" = { "required": ["deliver"] },
    "then" = { "required": ["request_body"] },
    "else" = { "required": ["service", "response"] },
))]
pub(super) struct DisclosureAsWritten {
    /// Its name, unique in the agreement.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// The entry of the register that it draws on.
    pub(super) data_set: Option<Name>,
    /// The purposes it is for, of the agreement's.
    #[schemars(required, length(min = 1))]
    pub(super) purposes: Option<Vec<Name>>,
    /// What the partner asks; of a push, what the controller's system asks of the gateway.
    #[schemars(required)]
    pub(super) request: Option<RequestLine>,
    /// What the service is asked. A push has `deliver` instead.
    pub(super) service: Option<ServiceAsWritten>,
    /// A push: a system of the controller's sends what leaves, in the request's body, and the gateway brings it to the
    /// partner.
    pub(super) deliver: Option<DeliverAsWritten>,
    /// What of the request reaches the service.
    pub(super) parameters: Option<ParametersAsWritten>,
    /// The rules for a request's body. Without it a request with a body is refused. Of a push, it is what leaves.
    pub(super) request_body: Option<RequestBodyAsWritten>,
    /// What of the response reaches the partner. Of a push, what of the partner's answer reaches the controller's system;
    /// without it its status alone does.
    pub(super) response: Option<ResponseAsWritten>,
    /// The law and guidance that its rules follow.
    #[schemars(length(min = 1))]
    pub(super) cites: Option<Vec<Words>>,
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

/// Where a push comes from, and where it goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Deliver", example = serde_json::json!({ "from": "social-care", "to": "trust-intake", "path": "/intake/care-packages" }))]
pub(super) struct DeliverAsWritten {
    /// The system that pushes: one of the gateway configuration's `systems`.
    #[schemars(required)]
    pub(super) from: Option<Name>,
    /// The partner's own service that gets it: one of the gateway configuration's `services`.
    #[schemars(required)]
    pub(super) to: Option<Name>,
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
    let mut rules = vec![serde_json::json!({ "type": "string", "enum": ["keep"] })];
    rules.extend(turned());
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": {
            "anyOf": rules,
            "examples": ["keep", { "reidentify": "person" }],
        },
        "examples": [{ "person": "keep" }],
    })
}

/// A token stands here, and the service gets what it stands for in this namespace; or, in a push, an identifier, and the
/// partner gets a token of it.
fn turned() -> [Value; 3] {
    let forms: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    ["reidentify", "tokenise", "pseudonymise"].map(|word| {
        serde_json::json!({
            "type": "object",
            "properties": {
                word: { "type": "string", "pattern": "\\S" },
                "form": { "type": "string", "enum": forms },
            },
            "required": [word],
            "additionalProperties": false,
        })
    })
}

fn token_rules(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": {
            "anyOf": turned(),
            "examples": [{ "reidentify": "person" }],
        },
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
    /// Parameters whose values are tokens: the service gets what each stands for. In a push, identifiers of which the
    /// partner gets tokens.
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
    /// Headers whose values are tokens: the service gets what each stands for. In a push, identifiers of which the
    /// partner gets tokens.
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
    #[schemars(schema_with = "rule::link_variables")]
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
