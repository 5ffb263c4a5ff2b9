//! Single values: strings, numbers and literals, whole in their window or collected over several.

use std::sync::Arc;

use super::super::tokens::Tokens;
use super::super::{BodyFault, FieldOutcome};
use super::leave::Io;
use super::{Fault, Mode, Open, Outcome, Walk};
use crate::plan::{Leaf, Plan, StateId};

/// What becomes of a single value, as far as that is known without looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::minimise) enum Single {
    /// It is crossed: what is around it leaves or stays as one.
    Crossed,
    /// It stays, and is counted as this.
    Stays(FieldOutcome),
    /// It leaves, and is counted as this.
    Leaves(FieldOutcome),
    /// It must be looked at: a candidate, a record, a subject, a transform's.
    Asked,
}

impl Single {
    pub(super) fn of(plan: &Plan, mode: Mode) -> Self {
        let id = match mode {
            Mode::Walk(id) => id,
            Mode::Asked(_) => return Self::Asked,
            Mode::Skip | Mode::Copy | Mode::Hold => return Self::Crossed,
        };
        let state = plan.automaton().state(id);
        if state.record || state.collects() {
            return Self::Asked;
        }
        match state.leaf {
            Leaf::Keep => Self::Leaves(FieldOutcome::Keep),
            Leaf::KeepAll => Self::Leaves(FieldOutcome::KeepAll),
            Leaf::Undeclared => Self::Stays(FieldOutcome::Undeclared),
            Leaf::Drop => Self::Stays(FieldOutcome::Drop),
            Leaf::Conflict => Self::Stays(FieldOutcome::Conflict),
            Leaf::Transform(_) => Self::Asked,
        }
    }
}

/// What becomes of the bytes of the single value that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Skip,
    /// They are held until it is whole.
    Hold,
    /// They leave as they come.
    Copy,
    /// They are collected and decided at the end.
    Collect(StateId),
}

impl Walk {
    /// A string, number or literal that this window has whole: it starts with `token` and ends before `end`.
    #[inline]
    pub(super) fn single(
        &mut self,
        token: usize,
        end: usize,
        tokens: &Tokens,
        io: &mut Io<'_>,
    ) -> Outcome {
        match self
            .frames
            .last()
            .map_or(Single::Asked, |frame| frame.single)
        {
            Single::Crossed => Ok(()),
            Single::Stays(outcome) => {
                self.tally.count(outcome);
                Ok(())
            }
            Single::Leaves(outcome) => {
                self.tally.count(outcome);
                self.prefix(io);
                io.range(tokens.position(token), end);
                Ok(())
            }
            Single::Asked => self.single_asked(token, end, tokens, io),
        }
    }

    /// A single value that must be looked at, or that is the root.
    #[inline(never)]
    fn single_asked(
        &mut self,
        token: usize,
        end: usize,
        tokens: &Tokens,
        io: &mut Io<'_>,
    ) -> Outcome {
        match self.value_starts(token, tokens, io)? {
            Mode::Skip | Mode::Copy | Mode::Hold | Mode::Asked(_) => {}
            Mode::Walk(id) => {
                let from = tokens.position(token);
                self.value_start = io.offset(from);
                self.decide(id, &io.window[from..end], end, io)?;
            }
        }
        self.value_ends(end, io)
    }

    /// A single value starts with `token` that this window cuts.
    #[cold]
    pub(super) fn single_opens(
        &mut self,
        token: usize,
        tokens: &Tokens,
        io: &mut Io<'_>,
    ) -> Outcome {
        let from = tokens.position(token);
        self.value_start = io.offset(from);
        self.open = Open::Single;
        self.run = io.window[from] != b'"';
        self.using = match self.value_starts(token, tokens, io)? {
            Mode::Hold => Use::Hold,
            Mode::Skip | Mode::Copy | Mode::Asked(_) => Use::Skip,
            Mode::Walk(id) => {
                let state = self.plan.automaton().state(id);
                match state.leaf {
                    Leaf::Keep | Leaf::KeepAll if !state.subject => {
                        let outcome = if state.leaf == Leaf::Keep {
                            FieldOutcome::Keep
                        } else {
                            FieldOutcome::KeepAll
                        };
                        self.tally.count(outcome);
                        self.prefix(io);
                        io.range(from, from);
                        self.copying = true;
                        Use::Copy
                    }
                    Leaf::Undeclared
                    | Leaf::Drop
                    | Leaf::Conflict
                    | Leaf::Keep
                    | Leaf::KeepAll
                    | Leaf::Transform(_) => Use::Collect(id),
                }
            }
        };
        self.single_goes_on(from, io);
        Ok(())
    }

    /// The window from `from` on belongs to the single value that is open.
    pub(super) fn single_goes_on(&mut self, from: usize, io: &Io<'_>) {
        if let Use::Collect(state) = self.using
            && self.plan.automaton().state(state).collects()
        {
            self.collected.extend_from_slice(&io.window[from..]);
        }
    }

    /// The single value that windows before cut ends before `end`.
    #[cold]
    pub(super) fn single_closes(&mut self, end: usize, io: &mut Io<'_>) -> Outcome {
        match self.using {
            Use::Skip => {}
            Use::Hold => return self.hold_ends(end, io),
            Use::Copy => {
                io.range(0, end);
                self.copying = false;
            }
            Use::Collect(state) => {
                let mut collected = std::mem::take(&mut self.collected);
                if self.plan.automaton().state(state).collects() {
                    collected.extend_from_slice(&io.window[..end]);
                }
                self.decide(state, &collected, end, io)?;
                collected.clear();
                self.collected = collected;
            }
        }
        self.value_ends(end, io)
    }

    /// A single value does not leave; at the root `null` does in its place.
    #[inline]
    pub(super) fn stays(&mut self, outcome: FieldOutcome, io: &mut Io<'_>) {
        self.tally.count(outcome);
        if self.frames.is_empty() {
            io.bytes(b"null");
        }
    }

    /// Decides a single value whose state asks for a look at it, or that stays.
    pub(super) fn decide(
        &mut self,
        state: StateId,
        value: &[u8],
        end: usize,
        io: &mut Io<'_>,
    ) -> Outcome {
        let plan = Arc::clone(&self.plan);
        let state = plan.automaton().state(state);
        if state.collects() && value.len() > self.limits.held_bytes {
            let mut limit = self.held_too_large(self.value_start, self.frames.len());
            limit.seen = io.offset(end);
            return Err(limit);
        }
        if state.subject && (self.record.is_some() || self.record_around) {
            self.record_subjects
                .extend(plan.subjects().and_then(|subjects| subjects.token(value)));
        }
        let outcome = match state.leaf {
            Leaf::Keep => FieldOutcome::Keep,
            Leaf::KeepAll => FieldOutcome::KeepAll,
            Leaf::Drop => {
                self.stays(FieldOutcome::Drop, io);
                return Ok(());
            }
            Leaf::Undeclared => {
                self.stays(FieldOutcome::Undeclared, io);
                return Ok(());
            }
            Leaf::Conflict => {
                self.stays(FieldOutcome::Conflict, io);
                return Ok(());
            }
            Leaf::Transform(rule) => {
                let (transform, refuse) = plan.transform(rule);
                if value != b"null" || transform.is_decided() {
                    let mut changed = std::mem::take(&mut self.scratch);
                    changed.clear();
                    let fits = transform
                        .apply(value, &mut self.setting, &mut changed)
                        .is_ok();
                    if fits {
                        self.tally.count(transform.outcome());
                        if transform.outcome() == FieldOutcome::Redact {
                            self.tally.found(self.setting.take_findings());
                        }
                        self.prefix(io);
                        io.bytes(&changed);
                    }
                    self.scratch = changed;
                    if !fits {
                        self.stays(transform.held_back(), io);
                        if refuse {
                            let offset = self.value_start;
                            return Err(Box::new(Fault {
                                fault: BodyFault::Mismatch,
                                offset,
                                seen: io.offset(end),
                                depth: None,
                            }));
                        }
                    }
                    return Ok(());
                }
                transform.outcome()
            }
        };
        self.tally.count(outcome);
        self.prefix(io);
        io.bytes(value);
        Ok(())
    }
}
