//! Values of formats that know only text: to rules and conditions each is a JSON string. To transforms one without
//! characters is nothing, as `null` is: it stays as it is.

use std::cell::RefCell;
use std::sync::Arc;

use super::asking::Asking;
use super::gate::{Notice, Withheld};
use super::looked::Looked;
use super::nodes::Nodes;
use super::remembered::Remembered;
use super::vector::Level;
use super::whole::Whole;
use super::{BodyFault, FieldOutcome, SubjectToken, Tally};
use crate::plan::{CandidateId, Leaf, Plan, StateId, Test};
use crate::transform::{Known, Occasion, Setting, push_quoted, unescape};

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
    occasion: Occasion,
    setting: Setting,
    whole: Whole,
    looked: RefCell<Looked>,
    remembered: Remembered,
}

impl Texts {
    /// For one body on this occasion.
    pub(super) fn new(plan: Arc<Plan>, occasion: Occasion) -> Self {
        Self {
            setting: Setting::new(Some(occasion.clone())),
            occasion,
            json: Vec::new(),
            changed: Vec::new(),
            text: Vec::new(),
            whole: Whole::new(Level::best(), plan.limits().depth),
            looked: RefCell::new(Looked::new(plan.limits(), plan.automaton().seed())),
            remembered: Remembered::new(plan.automaton().seed()),
            plan,
        }
    }

    /// Takes over what `other` has learnt of the record.
    pub(super) fn knows(&mut self, other: &mut Self) {
        std::mem::swap(self.setting.known_mut(), other.setting.known_mut());
    }

    /// Forgets what is known of the record, which is over.
    pub(super) fn forgets(&mut self) {
        if !self.plan.known().is_empty() {
            self.setting.known_mut().forget();
        }
    }

    /// What is known of the record.
    pub(super) fn known(&self) -> &Known {
        self.setting.known()
    }

    /// Who hears of members that no rule names.
    pub(super) fn notice(&self) -> Option<&dyn Notice> {
        self.occasion.notice.as_deref()
    }

    /// The occasion on which the body is read.
    pub(super) fn occasion(&self) -> Occasion {
        self.occasion.clone()
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
                } else if transform
                    .apply(&self.json, &mut self.setting, &mut self.changed)
                    .is_ok()
                {
                    if transform.outcome() == FieldOutcome::Redact {
                        tally.found(self.setting.take_findings());
                    }
                    (
                        transform.outcome(),
                        Fate::Changed(plain(&self.changed, &mut self.text)),
                    )
                } else if refuse {
                    tally.count(FieldOutcome::Mismatch);
                    return Err(BodyFault::Mismatch);
                } else {
                    (transform.held_back(), Fate::Stays)
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

    /// Whether the record that `json` shows, strict JSON, may leave. What transforms must know of it is learnt.
    pub(super) fn released(&mut self, json: &[u8]) -> Result<(), Withheld> {
        let plan = Arc::clone(&self.plan);
        if !plan.known().is_empty() {
            let mut known = std::mem::take(self.setting.known_mut());
            // What cannot be asked, only a doubled name, has nothing to be known.
            let learnt = self.ask(json, |asking| asking.know(&plan, 0, &mut known));
            if learnt.is_err() {
                known.forget();
            }
            *self.setting.known_mut() = known;
        }
        if !plan.decides_records() {
            return Ok(());
        }
        // Whoever knows people is asked of each; conditions say the same of the same.
        let same = plan.gated().is_none();
        if same && let Some(answer) = self.remembered.answer(json) {
            return answer;
        }
        let occasion = self.occasion.clone();
        // What cannot be asked, only a doubled name, does not leave.
        let answer = self
            .ask(json, |asking| asking.record(&plan, 0, Some(&occasion)))
            .unwrap_or(Err(Withheld::Condition));
        if same {
            self.remembered.remember(json, answer);
        }
        answer
    }

    /// The state of a candidate that `json` shows, strict JSON. `index` and `length` are its place in its array and
    /// the array's length, for positions from the end.
    ///
    /// # Errors
    /// If `json` is not that, or an object in it that a filter looks into names a member twice.
    pub(super) fn state(
        &mut self,
        candidate: CandidateId,
        json: &[u8],
        (index, length): (u64, u64),
    ) -> Result<StateId, BodyFault> {
        let plan = Arc::clone(&self.plan);
        let filters = plan.rulebook().filters();
        self.ask(json, |asking| {
            let candidate = plan.automaton().candidate(candidate);
            candidate.state(|test| match test {
                Test::Filter(filter) => asking.holds(filters.get(filter), 0),
                Test::Position(positions) => positions.contains(index, length),
            })
        })
    }

    fn ask<T>(
        &mut self,
        json: &[u8],
        question: impl FnOnce(Asking<'_>) -> T,
    ) -> Result<T, BodyFault> {
        self.looked.get_mut().forget();
        let tokens = self.whole.look(json).map_err(|(_, fault)| fault)?;
        let answer = question(Asking {
            nodes: Nodes::new(json, tokens),
            looked: &self.looked,
            today: Some(self.occasion.today),
            spreads: false,
        });
        self.whole.give_back();
        match self.looked.get_mut().take_flaw() {
            None => Ok(answer),
            Some((_, fault)) => Err(fault),
        }
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
