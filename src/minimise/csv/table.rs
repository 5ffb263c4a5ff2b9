//! The rows of a CSV body: where values end, what becomes of each, what leaves.
//!
//! ```text
//! for each structural byte of the window (`Index`)
//!     hold it against the grammar (`At`)
//!     a value ends: its column's fate
//!         leaves     → a separator, the value's bytes as they stand
//!         stays      → nothing; a separator where the column leaves in other rows
//!         transformed, or the subject → looked at as a whole
//!     a row ends: its shape, its line end, its record
//! ```
//!
//! Values that must be looked at are in [`super::cells`], what is held as a record in [`super::records`], faults and
//! limits in [`super::limits`].

use std::sync::Arc;

use crate::transform::Occasion;

use super::super::charset::Place;
use super::super::text::Texts;
use super::super::{BodyFault, FieldOutcome, Limits, SubjectToken, Tally};
use super::cells::EMPTY;
use super::columns::{Body, Columns, Fate};
use super::index::Index;
use super::limits::{Outcome, Stop, Told};
use super::out::Io;
use super::records::Records;
use crate::plan::{Branch, Csv, Header, Plan, Ragged};

/// What the next byte may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// The first of a row.
    Row,
    /// The first of a value after a separator.
    Value,
    /// One of a value without quotes, of which a window before holds the start.
    Bare,
    /// One of a value in quotes.
    Quoted,
    /// What stands after a quote in a value in quotes: another one, or what ends the value.
    Closing,
    /// The line feed after a carriage return.
    Return,
}

/// How far the rows have been read, in places of the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    pub(super) at: At,
    /// With [`At::Closing`] and [`At::Return`]: the place of the only byte that may follow.
    due: usize,
    /// Where the open value starts: 0 if that was in a window before.
    pub(super) from: usize,
    /// The same for the open row.
    pub(super) row_from: usize,
    pub(super) column: usize,
}

impl Cursor {
    pub(super) fn at_row(from: usize) -> Self {
        Self {
            at: At::Row,
            due: 0,
            from,
            row_from: from,
            column: 0,
        }
    }
}

/// What the open row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Header,
    /// Checked, nothing else.
    Crossed,
    /// Checked, and where its values end is noted: it is decided at its end, and walked then.
    Noted,
    /// As its columns' fates say.
    Walked,
}

/// A line end as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    Missing,
    /// Of this many bytes.
    Of(usize),
}

impl LineEnd {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Of(bytes) => bytes,
        }
    }
}

/// The table's state between two structural bytes.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) plan: Arc<Plan>,
    pub(super) limits: Limits,
    pub(super) separator: u8,
    ragged: Ragged,
    pub(super) guarded: bool,
    pub(super) columns: Columns,
    pub(super) texts: Texts,
    index: Index,
    pub(super) cursor: Cursor,
    pub(super) reading: Reading,
    begun: bool,
    /// The index of the row that comes or is open; the header has none.
    pub(super) row: u64,
    /// Rows that ended and are not in the tally yet.
    rows_alike: u64,
    /// The column that ends a row; none while the header is read.
    pub(super) last: usize,
    /// The open value started in a window before, there; part of it has left.
    pub(super) carried: bool,
    pub(super) value_start: Place,
    pub(super) leaving: bool,
    /// What has come of an open value that must be looked at.
    pub(super) collected: Vec<u8>,
    /// The last name that left is empty and has no quotes.
    pub(super) bare_name: bool,
    /// The open row started in a window before, there.
    pub(super) row_carried: bool,
    pub(super) row_start: Place,
    pub(super) records: Records,
    /// For values with doubled quotes.
    pub(super) plain: Vec<u8>,
    pub(super) tally: Tally,
    pub(super) subjects: Vec<SubjectToken>,
}

impl Table {
    pub(super) fn new(plan: Arc<Plan>, csv: &Csv, occasion: Occasion) -> Self {
        let root = plan.automaton().state(plan.automaton().root());
        let body = match root.branch {
            Branch::KeepAll => Body::Kept,
            Branch::Structure { .. } => Body::Walked(plan.automaton().root()),
            Branch::Undeclared | Branch::Drop | Branch::Mismatch { .. } | Branch::Conflict => {
                if root.walked {
                    Body::Walked(plan.automaton().root())
                } else {
                    Body::Crossed
                }
            }
        };
        let mut columns = Columns::new(&plan, body, csv.neutralise_formulas);
        let reading = match &csv.header {
            Header::FirstRow => Reading::Header,
            Header::Named(names) => {
                for name in names {
                    // The plan's compilation has refused names given twice.
                    let _shown = columns.add(&plan, name);
                }
                columns.complete();
                Reading::Crossed
            }
        };
        Self {
            limits: plan.limits().clone(),
            separator: csv.separator,
            ragged: csv.ragged,
            guarded: csv.neutralise_formulas,
            texts: Texts::new(Arc::clone(&plan), occasion),
            index: Index::new(),
            cursor: Cursor::at_row(0),
            reading,
            begun: false,
            row: 0,
            rows_alike: 0,
            last: match reading {
                Reading::Header => usize::MAX,
                Reading::Crossed | Reading::Noted | Reading::Walked => columns.count() - 1,
            },
            columns,
            carried: false,
            value_start: Place::default(),
            leaving: false,
            collected: Vec::new(),
            bare_name: false,
            row_carried: false,
            row_start: Place::default(),
            records: Records::new(root.record, plan.asks_records()),
            plain: Vec::new(),
            tally: Tally::default(),
            subjects: Vec::new(),
            plan,
        }
    }

    /// Reads one window.
    pub(super) fn window(&mut self, io: &mut Io<'_>) -> Outcome {
        let read = self.begin(io).and_then(|()| self.scan(io));
        self.count_rows();
        let read = read.and_then(|()| self.suspend(io));
        read.map_err(|stop| self.earlier(stop, io))
    }

    /// Starts the body with the first window, or at its end if there is none.
    fn begin(&mut self, io: &mut Io<'_>) -> Outcome {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let root = self.plan.automaton().state(self.plan.automaton().root());
        match root.branch {
            Branch::KeepAll => self.tally.count(FieldOutcome::KeepAll),
            Branch::Structure { in_vain: false, .. } => {}
            Branch::Structure { in_vain: true, .. } => self.tally.count(FieldOutcome::Mismatch),
            Branch::Undeclared | Branch::Drop | Branch::Conflict | Branch::Mismatch { .. } => {
                self.tally.count(root.branch.outcome());
            }
        }
        if root.branch == (Branch::Mismatch { refuse: true }) {
            return Err(self.stop(BodyFault::Mismatch, io.base, Told::Body));
        }
        self.body_starts(io);
        if self.reading != Reading::Header {
            self.rows_start(0, io);
            self.row_starts(io);
        }
        Ok(())
    }

    // ---- the grammar ----

    fn scan(&mut self, io: &mut Io<'_>) -> Outcome {
        let mut cursor = self.cursor;
        let scanned = self.structure(&mut cursor, io);
        self.cursor = cursor;
        scanned
    }

    #[inline]
    fn structure(&mut self, cursor: &mut Cursor, io: &mut Io<'_>) -> Outcome {
        let window = io.window;
        let separator = self.separator;
        self.index.fill(window, separator);
        for word in 0..window.len().div_ceil(64) {
            let mut bits = self.index.word(word);
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let byte = window[place];
                match cursor.at {
                    At::Row | At::Value | At::Bare => {}
                    At::Quoted => {
                        if byte == b'"' {
                            (cursor.at, cursor.due) = (At::Closing, place + 1);
                        }
                        continue;
                    }
                    At::Closing => {
                        if place != cursor.due {
                            return Err(self.malformed(cursor, cursor.due, io));
                        }
                        if byte == b'"' {
                            cursor.at = At::Quoted;
                            continue;
                        }
                    }
                    At::Return => {
                        if place != cursor.due || byte != b'\n' {
                            return Err(self.malformed(cursor, cursor.due, io));
                        }
                        self.row_ends(cursor, place + 1, LineEnd::Of(2), io)?;
                        continue;
                    }
                }
                // Outside of quotes, or after the closing one.
                if byte == separator {
                    if cursor.column >= self.last {
                        return Err(self.too_long(cursor, place, io));
                    }
                    self.value_ends(cursor, place, io)?;
                    cursor.column += 1;
                    cursor.from = place + 1;
                    cursor.at = At::Value;
                    continue;
                }
                if cursor.at == At::Row && place == cursor.from && byte != b'"' {
                    // A blank line: no row to some readers, one of a single empty value to others.
                    return Err(self.malformed(cursor, place, io));
                }
                match byte {
                    b'"' => {
                        if cursor.at == At::Bare || place != cursor.from {
                            return Err(self.malformed(cursor, place, io));
                        }
                        cursor.at = At::Quoted;
                    }
                    b'\n' => {
                        self.values_end(cursor, place, io)?;
                        self.row_ends(cursor, place + 1, LineEnd::Of(1), io)?;
                    }
                    _ => {
                        self.values_end(cursor, place, io)?;
                        (cursor.at, cursor.due) = (At::Return, place + 1);
                        cursor.from = place + 1;
                    }
                }
            }
        }
        if matches!(cursor.at, At::Closing | At::Return) && cursor.due < window.len() {
            return Err(self.malformed(cursor, cursor.due, io));
        }
        Ok(())
    }

    #[cold]
    fn malformed(&mut self, cursor: &Cursor, at: usize, io: &Io<'_>) -> Box<Stop> {
        self.cursor = *cursor;
        let told = match cursor.at {
            At::Row if at == cursor.from => Told::Row,
            At::Return => Told::Row,
            At::Row | At::Value | At::Bare | At::Quoted | At::Closing => Told::Value,
        };
        self.stop(BodyFault::Malformed, io.place(at), told)
    }

    /// A separator stands where the row must end: it has more values than the header has names.
    #[cold]
    fn too_long(&mut self, cursor: &Cursor, at: usize, io: &Io<'_>) -> Box<Stop> {
        self.cursor = *cursor;
        self.stop(BodyFault::Ragged, io.place(at), Told::Row)
    }

    // ---- values ----

    /// The open value ends before `to`.
    #[inline(always)]
    pub(super) fn value_ends(&mut self, cursor: &Cursor, to: usize, io: &mut Io<'_>) -> Outcome {
        match self.reading {
            Reading::Crossed if !self.carried => return Ok(()),
            Reading::Noted => {
                self.carried = false;
                self.records.value_ends(to - cursor.row_from);
                return Ok(());
            }
            Reading::Walked if !self.carried => {
                let (column, from) = (cursor.column, cursor.from);
                match self.columns.fates().of[column] {
                    Fate::Stays => return Ok(()),
                    Fate::Leaves => {
                        self.leaves(column, from, to, io);
                        return Ok(());
                    }
                    Fate::Empty | Fate::Guarded | Fate::Asked => {}
                }
            }
            Reading::Header | Reading::Crossed | Reading::Walked => {}
        }
        self.other_value_ends(cursor, to, io)
    }

    /// Lets the value at `from..to` of the window leave, with the separator before it.
    #[inline(always)]
    pub(super) fn leaves(&mut self, column: usize, from: usize, to: usize, io: &mut Io<'_>) {
        if column != self.columns.first {
            // A separator stands before each value but a row's first, and that is always the first to leave.
            if let Some(before) = from.checked_sub(1) {
                io.range(before, to);
            } else {
                io.bytes(&[self.separator]);
                io.range(from, to);
            }
        } else if from == to && self.columns.showing == 1 {
            io.bytes(EMPTY);
        } else {
            io.range(from, to);
        }
    }

    // ---- rows ----

    /// The last value of a row ends before `to`.
    #[inline]
    pub(super) fn values_end(
        &mut self,
        cursor: &mut Cursor,
        to: usize,
        io: &mut Io<'_>,
    ) -> Outcome {
        self.value_ends(cursor, to, io)?;
        if cursor.column == self.last {
            return Ok(());
        }
        self.row_is_short(cursor, to, io)
    }

    #[cold]
    fn row_is_short(&mut self, cursor: &mut Cursor, to: usize, io: &mut Io<'_>) -> Outcome {
        if self.reading == Reading::Header {
            return self.header_ends(io);
        }
        match self.ragged {
            Ragged::Refuse => {
                // Its last value has ended.
                cursor.from = to;
                self.cursor = *cursor;
                Err(self.stop(BodyFault::Ragged, io.place(to), Told::Row))
            }
            Ragged::Pad => {
                while cursor.column < self.last {
                    cursor.column += 1;
                    self.pads(cursor.column, to, io)?;
                }
                Ok(())
            }
        }
    }

    /// A row and its line end are read; `to` is behind them.
    #[inline]
    fn row_ends(
        &mut self,
        cursor: &mut Cursor,
        to: usize,
        line: LineEnd,
        io: &mut Io<'_>,
    ) -> Outcome {
        if self.reading == Reading::Header {
            self.cursor = *cursor;
            self.row_fits(to, io)?;
            self.reading = Reading::Crossed;
            if self.columns.showing > 0 {
                line_leaves(to, line, io);
            }
            self.rows_start(to, io);
        } else {
            if self.reading == Reading::Walked && !self.records.rows {
                self.row_leaves(to, line, io);
            } else {
                self.other_row_ends(cursor, to, line, io)?;
            }
            self.row += 1;
        }
        *cursor = Cursor::at_row(to);
        self.row_carried = false;
        // Where rows do not differ and none is held, the next one is as this one.
        if !self.columns.steady || self.reading != Reading::Walked || self.records.open() {
            self.row_starts(io);
        }
        Ok(())
    }

    /// What is due at the end of a row that has been walked.
    #[inline]
    pub(super) fn row_leaves(&mut self, to: usize, line: LineEnd, io: &mut Io<'_>) {
        if self.columns.fates().leave {
            line_leaves(to, line, io);
        }
        self.rows_alike += 1;
    }

    /// Counts the rows that ended since the last call, which are in one state.
    pub(super) fn count_rows(&mut self) {
        let rows = std::mem::take(&mut self.rows_alike);
        if rows > 0 {
            let counts = self.columns.fates().counts;
            for (count, of_row) in self.tally.fields.iter_mut().zip(counts) {
                *count += of_row * rows;
            }
        }
    }

    // ---- windows and ends ----

    /// The window ends: what is open is kept, within the limits.
    fn suspend(&mut self, io: &mut Io<'_>) -> Outcome {
        let end = io.window.len();
        let mut cursor = self.cursor;
        let value_open = match cursor.at {
            At::Row | At::Value | At::Bare => end > cursor.from,
            At::Quoted | At::Closing => true,
            At::Return => false,
        };
        if value_open {
            self.carry(&cursor, io);
        }
        let row_open = value_open || !matches!(cursor.at, At::Row);
        if row_open && !self.row_carried {
            self.row_start = io.place(cursor.row_from);
            self.row_carried = true;
        }
        if let Some(limit) = self.reached(io.text_at(end), io) {
            return Err(limit);
        }
        self.keep_waiting(io);
        cursor.at = match cursor.at {
            At::Row | At::Value if value_open => At::Bare,
            At::Row | At::Value | At::Bare | At::Quoted | At::Closing | At::Return => cursor.at,
        };
        cursor.due = 0;
        cursor.from = 0;
        cursor.row_from = 0;
        self.cursor = cursor;
        io.flush();
        Ok(())
    }

    /// The body ends. `io` has no window.
    pub(super) fn finish(&mut self, io: &mut Io<'_>) -> Outcome {
        let ended = self.begin(io).and_then(|()| self.ends(io));
        self.count_rows();
        ended.map_err(|stop| self.earlier(stop, io))
    }

    fn ends(&mut self, io: &mut Io<'_>) -> Outcome {
        let mut cursor = self.cursor;
        match cursor.at {
            At::Row if self.reading == Reading::Header => {
                return Err(self.stop(BodyFault::Truncated, io.base, Told::Body));
            }
            At::Row => {}
            At::Value | At::Bare | At::Closing => {
                self.values_end(&mut cursor, 0, io)?;
                self.row_ends(&mut cursor, 0, LineEnd::Missing, io)?;
                self.cursor = cursor;
            }
            At::Quoted => return Err(self.stop(BodyFault::Truncated, io.base, Told::Value)),
            At::Return => return Err(self.stop(BodyFault::Truncated, io.base, Told::Row)),
        }
        self.body_ends(io)?;
        io.flush();
        Ok(())
    }
}

/// A row's line end leaves, which stands before `to`.
#[inline]
fn line_leaves(to: usize, line: LineEnd, io: &mut Io<'_>) {
    match line {
        LineEnd::Missing => {}
        LineEnd::Of(bytes) => match to.checked_sub(bytes) {
            Some(from) => io.range(from, to),
            // The window before has its carriage return.
            None => io.bytes(b"\r\n"),
        },
    }
}
