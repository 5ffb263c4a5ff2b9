//! What ends a body of rows: faults with their places, and limits that come before them.
//!
//! A limit that was reached before a fault was seen comes first, wherever the body was cut: so each fault knows how
//! much of the text had to be read to tell.

use super::super::BodyFault;
use super::super::charset::Place;
use super::cells::starts_formula;
use super::columns::Fate;
use super::out::Io;
use super::table::{At, Reading, Table};

/// What ends a body.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) fault: BodyFault,
    /// The byte of the body that broke the rule.
    pub(super) offset: u64,
    /// Its place in the text, and how much of the text had to be read to tell: a limit that was reached before that
    /// comes first, wherever the body was cut.
    pub(super) at: u64,
    pub(super) seen: u64,
    pub(super) path: String,
}

/// Boxed, since faults are rare and results are returned for each value.
pub(super) type Outcome = Result<(), Box<Stop>>;

/// How much of a path is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Body,
    Row,
    Value,
}

impl Table {
    /// The limit that a body read up to `seen` has gone over, the earliest if there are two.
    pub(super) fn reached(&self, seen: u64, io: &Io<'_>) -> Option<Box<Stop>> {
        if self.records.replaying {
            return None;
        }
        let row = self.row_reached(seen, io);
        let value = self.value_reached(seen, io);
        let body = self
            .records
            .body
            .and_then(|start| self.over(start.text, seen, Told::Body, io));
        [body, row, value]
            .into_iter()
            .flatten()
            .min_by_key(|stop| stop.at)
    }

    /// The limit for what is held from `start` on, if `seen` is beyond it.
    fn over(&self, start: u64, seen: u64, told: Told, io: &Io<'_>) -> Option<Box<Stop>> {
        let held = self.limits.held_bytes as u64;
        (seen > start && seen - start > held).then(|| self.held_too_large(start, told, io))
    }

    /// What the open row, read up to `seen`, has gone over.
    pub(super) fn row_reached(&self, seen: u64, io: &Io<'_>) -> Option<Box<Stop>> {
        if self.reading == Reading::Header {
            // The header is held as long as the body lasts.
            return self.over(self.row_text(io), seen, Told::Body, io);
        }
        if self.row_refused() {
            return (seen > self.row_text(io))
                .then(|| self.stop(BodyFault::Mismatch, self.row_place(io), Told::Row));
        }
        if self.records.holds_row() {
            return self.over(self.row_text(io), seen, Told::Row, io);
        }
        None
    }

    /// What the open value, read up to `seen`, has gone over.
    fn value_reached(&self, seen: u64, io: &Io<'_>) -> Option<Box<Stop>> {
        let start = if self.carried {
            self.value_start.text
        } else {
            io.text_at(self.cursor.from)
        };
        match self.reading {
            Reading::Header => {
                let long = seen > start && seen - start > self.limits.name_bytes as u64;
                long.then(|| self.name_too_long(start, io))
            }
            Reading::Crossed | Reading::Noted => None,
            Reading::Walked => {
                let collected = match self.columns.fates().of[self.cursor.column] {
                    Fate::Asked => true,
                    Fate::Guarded => {
                        let so_far = if self.carried {
                            &self.collected
                        } else {
                            let to = seen.saturating_sub(io.base.text) as usize;
                            io.window.get(self.cursor.from..to).unwrap_or_default()
                        };
                        !self.leaving && starts_formula(so_far) == Some(true)
                    }
                    Fate::Stays | Fate::Empty | Fate::Leaves => false,
                };
                if collected {
                    self.over(start, seen, Told::Value, io)
                } else {
                    None
                }
            }
        }
    }

    /// How many bytes of text stand before the open row.
    fn row_text(&self, io: &Io<'_>) -> u64 {
        if self.row_carried {
            self.row_start.text
        } else {
            io.text_at(self.cursor.row_from)
        }
    }

    /// Where the open row starts.
    pub(super) fn row_place(&self, io: &Io<'_>) -> Place {
        if self.row_carried {
            self.row_start
        } else {
            io.place(self.cursor.row_from)
        }
    }

    /// The limit that was gone over before `stop` was seen, or `stop`.
    pub(super) fn earlier(&self, stop: Box<Stop>, io: &Io<'_>) -> Box<Stop> {
        match self.reached(stop.seen, io) {
            Some(limit) if limit.at < stop.seen => limit,
            Some(_) | None => stop,
        }
    }

    /// A fault that shows at the byte that makes it.
    pub(super) fn stop(&self, fault: BodyFault, place: Place, told: Told) -> Box<Stop> {
        Box::new(Stop {
            fault,
            offset: place.input,
            at: place.text,
            seen: place.text,
            path: self.path(told, self.cursor.column),
        })
    }

    /// A fault of a value in `column`.
    pub(super) fn stop_in(&self, fault: BodyFault, start: Place, column: usize) -> Box<Stop> {
        let mut stop = self.stop(fault, start, Told::Body);
        stop.path = self.path(Told::Value, column);
        stop
    }

    /// A fault at the place that comes next, such as bytes that are no characters.
    pub(super) fn stop_next(&self, fault: BodyFault, io: &Io<'_>) -> Box<Stop> {
        let told = match self.cursor.at {
            At::Row | At::Return => Told::Row,
            At::Value | At::Bare | At::Quoted | At::Closing => Told::Value,
        };
        self.earlier(self.stop(fault, io.base, told), io)
    }

    pub(super) fn held_too_large(&self, start: u64, told: Told, io: &Io<'_>) -> Box<Stop> {
        let at = start + self.limits.held_bytes as u64;
        let place = io.place(at.saturating_sub(io.base.text) as usize);
        let mut stop = self.stop(BodyFault::HeldTooLarge, place, told);
        (stop.at, stop.seen) = (at, at);
        stop
    }

    pub(super) fn name_too_long(&self, start: u64, io: &Io<'_>) -> Box<Stop> {
        let at = start + self.limits.name_bytes as u64;
        let place = io.place(at.saturating_sub(io.base.text) as usize);
        self.stop(BodyFault::NameTooLong, place, Told::Body)
    }

    /// Where in the table: rows by their index, columns by names that the plan knows, others as `*`.
    fn path(&self, told: Told, column: usize) -> String {
        if self.reading == Reading::Header {
            return "$".to_owned();
        }
        match told {
            Told::Body => "$".to_owned(),
            Told::Row => format!("$[{}]", self.row),
            Told::Value => {
                let name = self.columns.known_name(&self.plan, column);
                format!("$[{}].{name}", self.row)
            }
        }
    }
}
