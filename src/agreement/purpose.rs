//! Purposes: why data may be asked for, and what a request must bring to declare one.

use std::sync::Arc;

use super::check::File;
use super::file::{CredentialAsWritten, PurposeAsWritten};
use super::{Context, Credential, Credentials, Fault, PartnerName, PurposeName, Role, rights};
use crate::register::Relation;
use crate::rights::Terms;

/// A purpose of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// Its name, which requests declare.
    pub name: PurposeName,
    /// What it is, for people.
    pub text: String,
    /// The concept of the W3C Data Privacy Vocabulary that it is an instance of, `PublicBenefit`.
    pub dpv: Option<String>,
    /// The broader purpose of this agreement that covers it, if it is agreed by that alone.
    pub covered_by: Option<PurposeName>,
    /// Who of the partner's may declare it: callers that hold one of these roles; anybody, if it has none.
    pub roles: Vec<Role>,
    /// A request must name the case or task that it is for.
    pub reference: bool,
    /// The caller's credential must say that they are a health or social-work professional (UK GDPR Art. 9(3)).
    pub professional: bool,
    /// The caller's credential must state a training in this sharing that still counts.
    pub training: bool,
    /// It is direct marketing (DPA 2018 s.122(5)), to which anybody may object for good (UK GDPR Art. 21(3)).
    pub direct_marketing: bool,
    /// It protects somebody's life (UK GDPR Art. 6(1)(d)): a request must say why, and is looked at afterwards.
    pub vital_interests: bool,
    /// What a request must show of its caller, together: the agreement's own list and the purpose's.
    pub credentials: Credentials,
    /// What it requires of each record's subject.
    pub rights: Arc<Terms>,
}

/// The purposes of an agreement in the order of its file; those that they cover, if they have no terms of their own,
/// come after all that are written.
pub(super) fn check(
    file: &File,
    written: &serde_json::Map<String, serde_json::Value>,
    context: &Context,
    faults: &mut Vec<Fault>,
) -> Vec<Purpose> {
    let mut purposes = Vec::with_capacity(written.len());
    let mut covered = Vec::new();
    let of_agreement = credentials(file.value.credentials.as_deref());
    for (name, value) in written {
        // The schema has seen to it that it is one or the other; a fault in it has been told.
        let terms = match value.as_str() {
            Some(text) => PurposeAsWritten::of(text),
            None => match serde_json::from_value(value.clone()) {
                Ok(terms) => terms,
                Err(_) => continue,
            },
        };
        let mut purpose = Purpose {
            name: PurposeName::new(name),
            text: terms.text.map(|words| words.0).unwrap_or_default(),
            dpv: terms.dpv.map(|concept| concept.0),
            covered_by: None,
            roles: terms
                .roles
                .iter()
                .flatten()
                .map(|role| Role::new(&role.0))
                .collect(),
            reference: terms.reference.is_some(),
            professional: terms.professional.is_some(),
            training: terms.training.is_some(),
            direct_marketing: terms.direct_marketing.unwrap_or(false),
            vital_interests: terms.vital_interests.unwrap_or(false),
            credentials: of_agreement.and(credentials(terms.credentials.as_deref())),
            rights: Arc::default(),
        };
        purpose.rights = rights::terms(terms.rights.as_ref(), &purpose);
        rights::check_purpose(file, &purpose, terms.rights.as_ref(), context, faults);
        for (index, narrower) in terms.covers.iter().flatten().enumerate() {
            if narrower.0 == *name {
                file.fault(
                    faults,
                    &format!(
                        "{}/covers/{index}",
                        crate::written::child("/purposes", name)
                    ),
                    format!("`{name}` covers itself anyway; leave it out"),
                );
            }
            covered.push(Purpose {
                name: PurposeName::new(&narrower.0),
                covered_by: Some(purpose.name.clone()),
                ..purpose.clone()
            });
        }
        purposes.push(purpose);
    }
    for narrower in covered {
        if !purposes.iter().any(|known| known.name == narrower.name) {
            purposes.push(narrower);
        }
    }
    rights::complete(&mut purposes, written, is_internal(file, context));
    purposes
}

/// The credentials in `written`.
fn credentials(written: Option<&[CredentialAsWritten]>) -> Credentials {
    written
        .unwrap_or_default()
        .iter()
        .map(|kind| match kind {
            CredentialAsWritten::Certificate => Credential::Certificate,
            CredentialAsWritten::ApiKey => Credential::ApiKey,
            CredentialAsWritten::AccessToken => Credential::AccessToken,
        })
        .collect()
}

/// Whether the partner is a part of the controller, as the register says it: what it gets is used, not disclosed.
fn is_internal(file: &File, context: &Context) -> bool {
    let partner = file
        .value
        .parties
        .as_ref()
        .and_then(|parties| parties.partner.as_ref());
    let relation = context
        .register
        .as_ref()
        .zip(partner)
        .and_then(|(register, partner)| register.relation(&PartnerName::new(&partner.0)));
    relation == Some(Relation::Internal)
}

/// `listed` and all that they cover, each once.
pub(super) fn with_covered(listed: Vec<PurposeName>, purposes: &[Purpose]) -> Vec<PurposeName> {
    let mut all = listed;
    let mut next = 0;
    while next < all.len() {
        let broader = all[next].clone();
        for purpose in purposes {
            if purpose.covered_by.as_ref() == Some(&broader) && !all.contains(&purpose.name) {
                all.push(purpose.name.clone());
            }
        }
        next += 1;
    }
    all
}
