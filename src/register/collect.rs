//! What somebody sends in, held against the register: what is collected is listed there as what is shared is.

use super::Register;
use super::admit::listed;
use super::touched::Ways;
use crate::agreement::{PurposeName, ServiceName};
use crate::plan::{Action, BodyRules, Format};
use crate::written::nearest;

/// What an agreement lets a partner send in: all that the register decides by.
#[derive(Debug, Clone, Copy)]
pub struct Collection<'a> {
    /// The data set that it becomes a part of.
    pub data_set: &'a str,
    /// The disclosure draws on another one, so that nothing else has looked at this.
    pub apart: bool,
    /// The controller's system that gets it.
    pub service: &'a ServiceName,
    /// What for.
    pub purposes: &'a [PurposeName],
    /// The rules of the body that comes in. Their selectors are of the body as the partner sends it, so that a field
    /// is looked up under its own name whatever it is called beyond the gateway.
    pub rules: &'a BodyRules,
}

/// What stands against a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCollected {
    /// What of it is at fault.
    pub part: CollectedPart,
    /// What is wrong and what to write instead, one sentence.
    pub message: String,
}

/// A part of what comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectedPart {
    /// The name of its data set.
    DataSet,
    /// The rule at this index of [`BodyRules::fields`].
    Rule(usize),
    /// The body.
    Body,
}

impl Register {
    /// Whether what `collection` lets in is listed: its data set, for these purposes, in this system, and each of its
    /// fields. Gives what is not.
    #[must_use]
    pub fn collects(&self, collection: &Collection<'_>) -> Vec<NotCollected> {
        let mut against = Vec::new();
        let name = collection.data_set;
        let Some(data_set) = self.data_set(name) else {
            // Of a disclosure's own data set its admission has told this.
            if collection.apart {
                let known: Vec<&str> = self.data_sets.iter().map(|set| set.name.as_str()).collect();
                let write = match nearest(name, &known) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "add it there, with its fields, before anything of it is collected"
                        .to_owned(),
                };
                against.push(NotCollected {
                    part: CollectedPart::DataSet,
                    message: format!("the register has no data set `{name}`; {write}"),
                });
            }
            return against;
        };
        if collection.apart {
            if data_set.service != *collection.service {
                against.push(NotCollected {
                    part: CollectedPart::DataSet,
                    message: format!(
                        "the register has `{name}` in the service `{}`; write a data set of this service, or change the register",
                        data_set.service
                    ),
                });
            }
            for purpose in collection.purposes {
                if self.has_purpose(purpose) && !self.is_within(purpose, &data_set.collected_for) {
                    against.push(NotCollected {
                        part: CollectedPart::DataSet,
                        message: format!(
                            "`{name}` is not collected for {purpose}; add that to its collected: {{ for: … }} in the register once people are told of it, or leave the body out"
                        ),
                    });
                }
            }
        }
        let ways = Ways::of(data_set, collection.rules);
        if matches!(collection.rules.format, Format::Opaque(_)) {
            if !ways.is_whole_listed() {
                against.push(NotCollected {
                    part: CollectedPart::Body,
                    message: format!(
                        "an opaque body is more than the fields that the register lists for `{name}`; register what is sent in as a data set of its own, with the one field {{ path: $, whole: true }}, and write data_set: here"
                    ),
                });
            }
            return against;
        }
        for (index, rule) in collection.rules.fields.iter().enumerate() {
            if matches!(rule.action, Action::Drop) || ways.is_listed(index) {
                continue;
            }
            let met: Vec<&str> = ways
                .met(index)
                .iter()
                .map(|field| field.path.as_str())
                .collect();
            let write = match met.as_slice() {
                [] => format!(
                    "add - {{ path: …, sensitivity: … }} for {} to its fields there, leave the rule out, or write data_set: in a request_body that becomes a part of another one",
                    rule.selector.text()
                ),
                met => format!("name its fields one by one: {}", listed(met)),
            };
            against.push(NotCollected {
                part: CollectedPart::Rule(index),
                message: format!("takes in more than the register lists for `{name}`; {write}"),
            });
        }
        against
    }
}
