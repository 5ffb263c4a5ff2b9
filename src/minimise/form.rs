//! `application/x-www-form-urlencoded` (WHATWG URL §5), strictly.
//!
//! Selectors see an object with a member for each name, its value a text: `$.name`. Where the rules look into a
//! member's elements (`$.tag[*]`) it is an array of the texts given under that name, and the name may come more than
//! once; elsewhere a second one ends the body.
//!
//! ```text
//! for each pair
//!     its name is decoded; the automaton's state for it says what becomes of the value
//!     kept         it leaves as it was written, as it comes
//!     transformed  the value is held, decoded, and what it becomes is encoded
//!     else         it is checked and stays
//! ```
//!
//! A record is the whole form: what leaves of it is held until its end. Under a condition, or where transforms must know
//! something of it, the form itself is held; at its end the condition is asked, and what it releases is read again.

use std::sync::Arc;

use crate::transform::Occasion;

use super::members::{Broken, Ended, Form};
use super::text::Fate;
use super::utf8::Utf8;
use super::{BodyError, BodyFault, FieldOutcome, Machine, SubjectToken, Tally};
use crate::plan::{Leaf, Plan, StateId};

/// Minimises one form.
#[derive(Debug)]
pub struct FormMachine {
    form: Form,
    pair: Pair,
    /// A pair has left, so an ampersand is due before the next.
    some: bool,
}

/// The pair in hand.
#[derive(Debug)]
struct Pair {
    /// Its place in the body: of its start, and of its value's.
    start: u64,
    value_start: u64,
    /// Something of the body stands before it, an ampersand last.
    follows: bool,
    place: Place,
    escape: Escape,
    utf8: Utf8,
    /// Its name as it was written, and decoded.
    written: Vec<u8>,
    name: Vec<u8>,
    /// Its value, decoded, and as it was written if that may leave: where the value is looked at.
    value: Vec<u8>,
    value_written: Vec<u8>,
    becomes: Becomes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Name,
    Value,
}

/// Where in a `%XX` the body stands, and where that started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    Outside,
    High(u64),
    Low(u64, u8),
}

/// What becomes of the value in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Becomes {
    /// Checked, and stays.
    Skipped,
    /// Leaves as it comes.
    Copied,
    /// Collected and decided at its end.
    Asked(StateId),
    /// Collected for a condition.
    Shown,
}

impl FormMachine {
    /// A machine at the start of a body under `plan`, which must be for this format.
    #[must_use]
    pub fn new(plan: Arc<Plan>, occasion: impl Into<Occasion>) -> Self {
        Self::over(Form::new(plan, occasion.into(), false))
    }

    fn over(form: Form) -> Self {
        Self {
            form,
            pair: Pair {
                start: 0,
                value_start: 0,
                follows: false,
                place: Place::Name,
                escape: Escape::Outside,
                utf8: Utf8::default(),
                written: Vec::new(),
                name: Vec::new(),
                value: Vec::new(),
                value_written: Vec::new(),
                becomes: Becomes::Skipped,
            },
            some: false,
        }
    }

    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        for &byte in input {
            let at = self.form.offset;
            self.byte(byte, at, out)?;
            self.form.offset += 1;
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8, at: u64, out: &mut Vec<u8>) -> Result<(), Broken> {
        match (self.pair.escape, byte) {
            (Escape::High(start), _) => {
                self.pair.escape = Escape::Low(start, digit(byte, at)?);
                self.written(byte, at, out)
            }
            (Escape::Low(start, high), _) => {
                let decoded = high << 4 | digit(byte, at)?;
                self.pair.escape = Escape::Outside;
                self.written(byte, at, out)?;
                self.decoded(decoded, start)
            }
            (Escape::Outside, b'%') => {
                self.pair.escape = Escape::High(at);
                self.written(byte, at, out)
            }
            (Escape::Outside, b'&') => {
                self.pair_ends(at, out)?;
                self.pair.follows = true;
                self.pair.start = at + 1;
                Ok(())
            }
            (Escape::Outside, b'=') if self.pair.place == Place::Name => {
                self.name_ends(out)?;
                self.pair.value_start = at + 1;
                if self.pair.becomes == Becomes::Copied {
                    out.push(b'=');
                }
                self.pair.place = Place::Value;
                Ok(())
            }
            (Escape::Outside, b'+') => {
                self.written(byte, at, out)?;
                self.decoded(b' ', at)
            }
            (Escape::Outside, 0x21..=0x7E) => {
                self.written(byte, at, out)?;
                self.decoded(byte, at)
            }
            // White space, control characters and what is not ASCII must be encoded.
            (Escape::Outside, _) => Err((BodyFault::Malformed, at)),
        }
    }

    /// A byte of the name or value, as it is written.
    fn written(&mut self, byte: u8, at: u64, out: &mut Vec<u8>) -> Result<(), Broken> {
        let limits = self.form.plan.limits();
        match (self.pair.place, self.pair.becomes) {
            (Place::Name, _) => {
                if self.pair.written.len() == limits.name_bytes {
                    return Err((BodyFault::NameTooLong, at));
                }
                self.pair.written.push(byte);
            }
            (Place::Value, Becomes::Copied) => out.push(byte),
            (Place::Value, Becomes::Asked(_)) => {
                if self.pair.value_written.len() == limits.held_bytes {
                    return Err((BodyFault::HeldTooLarge, at));
                }
                self.pair.value_written.push(byte);
            }
            (Place::Value, Becomes::Skipped | Becomes::Shown) => {}
        }
        Ok(())
    }

    /// A byte of the name or value, decoded, which started at `at`.
    fn decoded(&mut self, byte: u8, at: u64) -> Result<(), Broken> {
        let fine = match byte {
            b'\t' | b'\n' | b'\r' => self.pair.place == Place::Value,
            _ => !byte.is_ascii_control(),
        };
        if !fine {
            return Err((BodyFault::Malformed, at));
        }
        let not_utf8 = |start| (BodyFault::NotUtf8, start);
        self.pair.utf8.take(byte, at).map_err(not_utf8)?;
        match (self.pair.place, self.pair.becomes) {
            (Place::Name, _) => self.pair.name.push(byte),
            (Place::Value, Becomes::Asked(_) | Becomes::Shown) => self.pair.value.push(byte),
            (Place::Value, Becomes::Skipped | Becomes::Copied) => {}
        }
        Ok(())
    }

    /// The name is read: what becomes of the value; of a pair that is kept the name leaves.
    fn name_ends(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let start = self.pair.start;
        let not_utf8 = |start| (BodyFault::NotUtf8, start);
        self.pair.utf8.end().map_err(not_utf8)?;
        let name = text(&self.pair.name);
        let state_id = self.form.enter(name, false, start)?;
        let plan = Arc::clone(&self.form.plan);
        let state = plan.automaton().state(state_id);
        self.pair.becomes = if self.form.looks() {
            Becomes::Shown
        } else if state.collects() {
            Becomes::Asked(state_id)
        } else {
            match state.leaf {
                Leaf::Keep => self.copies(FieldOutcome::Keep, out),
                Leaf::KeepAll => self.copies(FieldOutcome::KeepAll, out),
                Leaf::Undeclared => self.skips(FieldOutcome::Undeclared),
                Leaf::Drop => self.skips(FieldOutcome::Drop),
                Leaf::Conflict => self.skips(FieldOutcome::Conflict),
                Leaf::Transform(_) => Becomes::Asked(state_id),
            }
        };
        Ok(())
    }

    fn skips(&mut self, outcome: FieldOutcome) -> Becomes {
        self.form.tally.count(outcome);
        Becomes::Skipped
    }

    fn copies(&mut self, outcome: FieldOutcome, out: &mut Vec<u8>) -> Becomes {
        self.form.tally.count(outcome);
        self.name_leaves(out);
        Becomes::Copied
    }

    fn name_leaves(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.some, true) {
            out.push(b'&');
        }
        out.extend_from_slice(&self.pair.written);
    }

    /// The pair is read, up to the byte at `at`.
    fn pair_ends(&mut self, at: u64, out: &mut Vec<u8>) -> Result<(), Broken> {
        let valued = self.pair.place == Place::Value;
        if valued {
            let not_utf8 = |start| (BodyFault::NotUtf8, start);
            self.pair.utf8.end().map_err(not_utf8)?;
        } else if self.pair.written.is_empty() {
            return Err((BodyFault::Malformed, at));
        } else {
            self.name_ends(out)?;
            self.pair.value_start = at;
        }
        match self.pair.becomes {
            Becomes::Skipped | Becomes::Copied => {}
            Becomes::Shown => self
                .form
                .show_text(text(&self.pair.name), text(&self.pair.value)),
            Becomes::Asked(state) => self.decide(state, valued, out)?,
        }
        self.pair.place = Place::Name;
        self.pair.written.clear();
        self.pair.name.clear();
        self.pair.value.clear();
        self.pair.value_written.clear();
        self.form.leave();
        Ok(())
    }

    /// Decides a value that was collected.
    fn decide(&mut self, state: StateId, valued: bool, out: &mut Vec<u8>) -> Result<(), Broken> {
        let value = std::mem::take(&mut self.pair.value);
        let form = &mut self.form;
        if form.is_record() && form.plan.automaton().state(state).subject {
            form.record_subjects
                .extend(form.texts.subject(text(&value)));
        }
        let fate = form
            .texts
            .decide(state, text(&value), &mut form.tally)
            .map_err(|fault| (fault, self.pair.value_start))?;
        let mut changed = Vec::new();
        let leaves = match fate {
            Fate::Stays => None,
            Fate::Leaves => Some(&self.pair.value_written[..]),
            Fate::Changed(text) => {
                encode(text, &mut changed);
                Some(&changed[..])
            }
        };
        if let Some(leaves) = leaves {
            if std::mem::replace(&mut self.some, true) {
                out.push(b'&');
            }
            out.extend_from_slice(&self.pair.written);
            if valued {
                out.push(b'=');
            }
            out.extend_from_slice(leaves);
        }
        self.pair.value = value;
        Ok(())
    }

    /// The body ends: so does its last pair.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let at = self.form.offset;
        if self.pair.escape != Escape::Outside {
            return Err((BodyFault::Truncated, at));
        }
        let begun = self.pair.place == Place::Value || !self.pair.written.is_empty();
        if begun {
            self.pair_ends(at, out)
        } else if self.pair.follows {
            Err((BodyFault::Truncated, at))
        } else {
            Ok(())
        }
    }
}

impl Machine for FormMachine {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        let (taken, over) = self.form.comes(input)?;
        let before = out.len();
        let worked = self
            .take(taken, out)
            .and_then(|()| over.map_or(Ok(()), Err));
        self.form.settle(worked, before, out)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        self.form.alive()?;
        let before = out.len();
        let ended = self.end(out);
        self.form.settle(ended, before, out)?;
        match self.form.ends(out) {
            Ended::Left | Ended::Withheld => {}
            Ended::Released(raw) => {
                let mut again = Self::over(self.form.again());
                let read = again.push(&raw, out).and_then(|()| again.finish(out));
                read.map_err(|error| self.form.dies(error))?;
                self.form.takes_over(&mut again.form);
            }
        }
        Ok(self.form.tally.clone())
    }

    fn tally(&self) -> &Tally {
        &self.form.tally
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        std::mem::take(&mut self.form.subjects)
    }
}

/// The value of the hexadecimal digit at `at`.
fn digit(byte: u8, at: u64) -> Result<u8, Broken> {
    let digit = char::from(byte).to_digit(16);
    digit
        .map(|digit| digit as u8)
        .ok_or((BodyFault::Malformed, at))
}

fn text(decoded: &[u8]) -> &str {
    std::str::from_utf8(decoded).expect("every byte was held against UTF-8 as it was decoded")
}

/// Writes `text` as forms do: all but ASCII letters, digits and `*-._` is encoded, a space as `+`.
fn encode(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text.as_bytes() {
        match byte {
            b' ' => out.push(b'+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(byte),
            _ => out.extend_from_slice(&[
                b'%',
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]),
        }
    }
}
