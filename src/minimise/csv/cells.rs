//! Values that must be looked at: of transforms and subjects, names of columns, what may be a formula, what a window
//! cut.

use super::super::BodyFault;
use super::super::charset::Place;
use super::super::text;
use super::columns::Fate;
use super::limits::{Outcome, Told};
use super::out::Io;
use super::table::{Cursor, Reading, Table};
use super::value;

impl Table {
    /// A value ends that must be looked at, that a window cut, or that is a column's name.
    #[inline(never)]
    pub(super) fn other_value_ends(
        &mut self,
        cursor: &Cursor,
        to: usize,
        io: &mut Io<'_>,
    ) -> Outcome {
        self.cursor = *cursor;
        let carried = std::mem::replace(&mut self.carried, false);
        let leaving = std::mem::replace(&mut self.leaving, false);
        let start = if carried {
            self.value_start
        } else if self.reading == Reading::Crossed {
            Place::default()
        } else {
            io.place(cursor.from)
        };
        let fate = match self.reading {
            Reading::Crossed | Reading::Noted => return Ok(()),
            Reading::Header => Fate::Asked,
            Reading::Walked => self.columns.fates().of[cursor.column],
        };
        match fate {
            Fate::Stays => return Ok(()),
            Fate::Empty => {
                self.empty(cursor.column, io);
                return Ok(());
            }
            Fate::Leaves | Fate::Guarded if leaving => {
                io.range(0, to);
                return Ok(());
            }
            Fate::Leaves => {
                self.leaves(cursor.column, cursor.from, to, io);
                return Ok(());
            }
            Fate::Guarded | Fate::Asked => {}
        }
        let window = io.window;
        let mut collected = std::mem::take(&mut self.collected);
        let raw = if collected.is_empty() {
            &window[cursor.from..to]
        } else {
            collected.extend_from_slice(&window[..to]);
            &collected[..]
        };
        let ended = if self.reading == Reading::Header {
            self.name_ends(raw, start, cursor.column, to, io)
        } else {
            self.decide(fate, cursor.column, raw, start, to, io)
        };
        if ended.is_ok() {
            collected.clear();
        } else {
            // A limit that was reached before the fault still has to be told from it.
            self.carried = carried;
        }
        self.collected = collected;
        ended
    }

    /// Decides the value `raw`, which is there as a whole and ends before `to`.
    fn decide(
        &mut self,
        fate: Fate,
        column: usize,
        raw: &[u8],
        start: Place,
        to: usize,
        io: &mut Io<'_>,
    ) -> Outcome {
        let shown = self.columns.fates().leave && self.columns.shown(column);
        let held = fate == Fate::Asked || starts_formula(raw) == Some(true);
        if held && raw.len() > self.limits.held_bytes {
            let mut limit = self.held_too_large(start.text, Told::Value, io);
            limit.seen = io.text_at(to);
            return Err(limit);
        }
        if fate == Fate::Guarded {
            self.leaves_raw(column, raw, io);
            return Ok(());
        }
        let state = self.columns.state(column);
        let mut plain = std::mem::take(&mut self.plain);
        let text = value::text(raw, &mut plain);
        if self.plan.automaton().state(state).subject && self.records.open() {
            let token = self.texts.subject(text);
            self.records.subjects.extend(token);
        }
        let decided = match self.texts.decide(state, text, &mut self.tally) {
            Ok(text::Fate::Changed(changed)) => {
                if shown {
                    if column != self.columns.first {
                        io.bytes(&[self.separator]);
                    }
                    let sole = self.columns.showing == 1;
                    push_cell(changed, self.separator, self.guarded, sole, io.pushed());
                }
                Ok(())
            }
            Ok(text::Fate::Leaves) => {
                if shown {
                    self.leaves_raw(column, raw, io);
                }
                Ok(())
            }
            Ok(text::Fate::Stays) => {
                if shown {
                    self.empty(column, io);
                }
                Ok(())
            }
            Err(fault) => {
                let mut stop = self.stop_in(fault, start, column);
                stop.seen = io.text_at(to);
                Err(stop)
            }
        };
        self.plain = plain;
        decided
    }

    /// Nothing stands in a column that leaves in other rows.
    pub(super) fn empty(&self, column: usize, io: &mut Io<'_>) {
        self.leaves_raw(column, b"", io);
    }

    /// Lets a value leave as it stands, but neutral if it must be.
    fn leaves_raw(&self, column: usize, raw: &[u8], io: &mut Io<'_>) {
        if column != self.columns.first {
            io.bytes(&[self.separator]);
        }
        if raw.is_empty() && self.columns.showing == 1 {
            io.bytes(EMPTY);
        } else if self.guarded && starts_formula(raw) == Some(true) {
            let mut room = Vec::new();
            let text = value::text(raw, &mut room);
            if value::is_formula(text) {
                value::push_neutral(text, io.pushed());
            } else {
                io.bytes(raw);
            }
        } else {
            io.bytes(raw);
        }
    }

    /// A row lacks its value in `column`: it is empty.
    pub(super) fn pads(&mut self, column: usize, to: usize, io: &mut Io<'_>) -> Outcome {
        if self.reading != Reading::Walked {
            return Ok(());
        }
        match self.columns.fates().of[column] {
            Fate::Stays => Ok(()),
            Fate::Empty | Fate::Leaves | Fate::Guarded => {
                self.empty(column, io);
                Ok(())
            }
            Fate::Asked => self.decide(Fate::Asked, column, b"", io.place(to), to, io),
        }
    }

    /// The window cuts a value.
    pub(super) fn carry(&mut self, cursor: &Cursor, io: &mut Io<'_>) {
        if !self.carried {
            self.value_start = io.place(cursor.from);
        }
        let carried = std::mem::replace(&mut self.carried, true);
        let window = io.window;
        let part = &window[cursor.from..];
        let fate = match self.reading {
            Reading::Crossed | Reading::Noted => return,
            Reading::Header => Fate::Asked,
            Reading::Walked => self.columns.fates().of[cursor.column],
        };
        match fate {
            Fate::Stays | Fate::Empty => {}
            Fate::Leaves if !carried => {
                self.leaves(cursor.column, cursor.from, window.len(), io);
                self.leaving = true;
            }
            Fate::Leaves => io.range(0, window.len()),
            Fate::Guarded if self.leaving => io.range(0, window.len()),
            Fate::Asked => self.collected.extend_from_slice(part),
            Fate::Guarded => {
                self.collected.extend_from_slice(part);
                // Once it has started as no formula does, it may leave as it comes.
                if starts_formula(&self.collected) == Some(false) {
                    let start = std::mem::take(&mut self.collected);
                    self.leaves_raw(cursor.column, &start, io);
                    self.leaving = true;
                }
            }
        }
    }

    fn name_ends(
        &mut self,
        raw: &[u8],
        start: Place,
        column: usize,
        to: usize,
        io: &mut Io<'_>,
    ) -> Outcome {
        if raw.len() > self.limits.name_bytes {
            let mut stop = self.name_too_long(start.text, io);
            stop.seen = io.text_at(to);
            return Err(stop);
        }
        if column >= self.limits.object_members {
            let mut stop = self.stop(BodyFault::TooManyMembers, start, Told::Body);
            stop.seen = io.text_at(to);
            return Err(stop);
        }
        let mut plain = std::mem::take(&mut self.plain);
        let name = value::text(raw, &mut plain);
        let added = self.columns.add(&self.plan, name);
        self.plain = plain;
        if misread(raw) {
            let mut stop = self.stop(BodyFault::Malformed, start, Told::Body);
            stop.seen = io.text_at(to);
            return Err(stop);
        }
        match added {
            None => {
                let mut stop = self.stop(BodyFault::DuplicateName, start, Told::Body);
                stop.seen = io.text_at(to);
                Err(stop)
            }
            Some(true) => {
                // Whether it is the only one to leave is not known before the header's end.
                if column != self.columns.first {
                    io.bytes(&[self.separator]);
                }
                let mut cell = std::mem::take(&mut self.plain);
                if self.guarded && value::is_formula(value::text(raw, &mut cell)) {
                    value::push_neutral(self.columns.name(column), io.pushed());
                } else {
                    io.bytes(raw);
                }
                self.plain = cell;
                self.bare_name = raw.is_empty();
                Ok(())
            }
            Some(false) => Ok(()),
        }
    }

    pub(super) fn header_ends(&mut self, io: &mut Io<'_>) -> Outcome {
        self.columns.complete();
        if let Some(notice) = self.texts.notice() {
            self.columns.tell(&self.plan, notice);
        }
        self.last = self.columns.count() - 1;
        if self.columns.showing == 1 && self.bare_name {
            io.bytes(EMPTY);
        }
        Ok(())
    }
}

/// An empty value that is alone in its row: without quotes it would be a blank line, which readers skip.
pub(super) const EMPTY: &[u8] = b"\"\"";

/// Whether the name `raw` at the start of a table would be something else to some readers: a first line that names the
/// separator, as spreadsheets write it, or a byte order mark.
fn misread(raw: &[u8]) -> bool {
    let directive = raw
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"sep="));
    directive || raw.starts_with("\u{feff}".as_bytes())
}

/// Appends a value that a transform made.
fn push_cell(text: &str, separator: u8, guarded: bool, sole: bool, out: &mut Vec<u8>) {
    if text.is_empty() && sole {
        out.extend_from_slice(EMPTY);
    } else if guarded && value::is_formula(text) {
        value::push_neutral(text, out);
    } else {
        value::push(text, separator, out);
    }
}

/// Whether the value that `raw` starts may be a formula.
pub(super) fn starts_formula(raw: &[u8]) -> Option<bool> {
    value::starts_formula(raw.strip_prefix(b"\"").unwrap_or(raw))
}
