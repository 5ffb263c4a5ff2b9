//! A purpose as written: a text, or a text with what a request must bring to declare it.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use super::RightsAsWritten;
use crate::agreement::basis::written::BasisAsWritten;
use crate::written::text::{ConceptText, Name, Words};

/// A purpose with terms.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Purpose", example = serde_json::json!({ "text": "Find adults at risk of falling", "reference": "required" }))]
pub(in crate::agreement) struct PurposeAsWritten {
    /// What it is, for people.
    #[schemars(required)]
    pub(in crate::agreement) text: Option<Words>,
    /// The concept of the W3C Data Privacy Vocabulary (DPV) that it is an instance of.
    pub(in crate::agreement) dpv: Option<ConceptText>,
    /// Narrower purposes that it covers: a request may declare one of them in its place.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) covers: Option<Vec<Name>>,
    /// Who of the partner's may declare it: callers whose credential states one of these roles. Anybody without it.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) roles: Option<Vec<Name>>,
    /// `required`: a request must name the case or task it is for, in the header Data-Reference.
    pub(in crate::agreement) reference: Option<RequiredAsWritten>,
    /// `required`: the caller's credential must state a health or social-work professional.
    pub(in crate::agreement) professional: Option<RequiredAsWritten>,
    /// `required`: the caller's credential must state a training in this sharing that still counts (trained_until).
    pub(in crate::agreement) training: Option<RequiredAsWritten>,
    /// It is direct marketing: whoever objects to that is left out, whatever else is agreed.
    pub(in crate::agreement) direct_marketing: Option<bool>,
    /// It protects somebody's life. A request must say why, in the header Data-Reason, and is looked at afterwards.
    pub(in crate::agreement) vital_interests: Option<bool>,
    /// What it requires of the people whose records it asks for. Objections and marks are honoured without it.
    pub(in crate::agreement) rights: Option<RightsAsWritten>,
    /// On what law it rests, in place of the agreement's `basis`.
    pub(in crate::agreement) basis: Option<BasisAsWritten>,
    /// What a request for it must show of its caller, beside what the agreement's own list asks for.
    #[schemars(length(min = 1))]
    pub(in crate::agreement) credentials: Option<Vec<CredentialAsWritten>>,
}

/// A kind of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::agreement) enum CredentialAsWritten {
    Certificate,
    ApiKey,
    AccessToken,
}

/// That something must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(in crate::agreement) enum RequiredAsWritten {
    Required,
}

impl PurposeAsWritten {
    /// A purpose of which only the text is written.
    pub(in crate::agreement) fn of(text: &str) -> Self {
        Self {
            text: Some(Words(text.to_owned())),
            ..Self::default()
        }
    }
}

/// The schema of all purposes of an agreement, by name.
pub(super) fn purposes(generator: &mut SchemaGenerator) -> Schema {
    let name = generator.subschema_for::<Name>();
    let mut purpose = PurposeAsWritten::json_schema(generator);
    let object = purpose.ensure_object();
    object.insert("type".to_owned(), serde_json::json!(["string", "object"]));
    object.insert("pattern".to_owned(), Value::from("\\S"));
    object.insert(
        "x-form".to_owned(),
        Value::from("a text, or a text with terms"),
    );
    schemars::json_schema!({
        "type": "object",
        "minProperties": 1,
        "propertyNames": name,
        "additionalProperties": purpose,
        "examples": [{ "falls-prevention": "Find adults at risk of falling" }],
    })
}
