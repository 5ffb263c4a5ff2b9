//! Values of formats that know only text: to rules and conditions each is a JSON string. To transforms one without
//! characters is nothing, as `null` is: it stays as it is.

use std::sync::Arc;

use super::query::CompiledCondition;
use super::tape::Tape;
use super::{BodyFault, FieldOutcome, SubjectToken, Tally};
use crate::plan::{Leaf, Plan, StateId};
use crate::transform::{push_quoted, unescape};

/// What becomes of one text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate<'a> {
    /// Nothing of it leaves.
    Stays,
    /// It leaves as it came.
    Leaves,
    /// This leaves in its place.
    Changed(&'a str),
}

/// Decides texts one by one; nothing is allocated for each.
#[derive(Debug)]
pub(super) struct Texts {
    plan: Arc<Plan>,
    json: Vec<u8>,
    changed: Vec<u8>,
    text: Vec<u8>,
    tape: Tape,
}

impl Texts {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            json: Vec::new(),
            changed: Vec::new(),
            text: Vec::new(),
            tape: Tape::default(),
        }
    }

    /// What becomes of `text`, the value of a node in `state`; counted in `tally`.
    ///
    /// # Errors
    /// [`BodyFault::Mismatch`] if a transform is not for it and its rule refuses such bodies.
    pub(super) fn decide(
        &mut self,
        state: StateId,
        text: &str,
        tally: &mut Tally,
    ) -> Result<Fate<'_>, BodyFault> {
        let (outcome, fate) = match self.plan.automaton().state(state).leaf {
            Leaf::Undeclared => (FieldOutcome::Undeclared, Fate::Stays),
            Leaf::Drop => (FieldOutcome::Drop, Fate::Stays),
            Leaf::Conflict => (FieldOutcome::Conflict, Fate::Stays),
            Leaf::Keep => (FieldOutcome::Keep, Fate::Leaves),
            Leaf::KeepAll => (FieldOutcome::KeepAll, Fate::Leaves),
            Leaf::Transform(rule) => {
                let (transform, refuse) = self.plan.transform(rule);
                self.json.clear();
                self.changed.clear();
                push_quoted(text, &mut self.json);
                if text.is_empty() {
                    (transform.outcome(), Fate::Leaves)
                } else if transform.apply(&self.json, &mut self.changed).is_ok() {
                    (
                        transform.outcome(),
                        Fate::Changed(plain(&self.changed, &mut self.text)),
                    )
                } else if refuse {
                    tally.count(FieldOutcome::Mismatch);
                    return Err(BodyFault::Mismatch);
                } else {
                    (FieldOutcome::Mismatch, Fate::Stays)
                }
            }
        };
        tally.count(outcome);
        Ok(fate)
    }

    /// The ledger's token of a record's subject.
    pub(super) fn subject(&mut self, text: &str) -> Option<SubjectToken> {
        self.json.clear();
        push_quoted(text, &mut self.json);
        self.plan
            .subjects()
            .filter(|_| !text.is_empty())
            .and_then(|subjects| subjects.token(&self.json))
    }

    /// Whether the record that `json` shows, strict JSON, may leave: the plan's `release_if`.
    pub(super) fn released(&mut self, json: &[u8]) -> bool {
        self.plan
            .condition()
            .is_none_or(|condition: &CompiledCondition| {
                self.tape.parse(json).is_ok() && condition.holds(&self.tape, json)
            })
    }
}

/// The text of a single JSON value, as a format without types writes it: `null` is nothing.
fn plain<'a>(json: &[u8], text: &'a mut Vec<u8>) -> &'a str {
    text.clear();
    match json {
        b"null" => {}
        [b'"', inside @ .., b'"'] => unescape(inside, text),
        other => text.extend_from_slice(other),
    }
    std::str::from_utf8(text).unwrap_or_default()
}
