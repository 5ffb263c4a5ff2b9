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
//! A value that a window cuts is copied as far as it has come if it leaves, else collected if it must be looked at.
//! What a row holds back is decided in [`super::records`].

use std::sync::Arc;

use super::super::charset::Place;
use super::super::text::{self, Texts};
use super::super::{BodyFault, FieldOutcome, Limits, SubjectToken, Tally};
use super::columns::{Body, Columns, Fate};
use super::index::Index;
use super::out::Io;
use super::records::Records;
use super::value;
use crate::plan::{Branch, Csv, Header, Plan, Ragged};

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

/// What the next byte may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
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
    at: At,
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
    guarded: bool,
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
    last: usize,
    /// The open value started in a window before, there; part of it has left.
    carried: bool,
    value_start: Place,
    leaving: bool,
    /// What has come of an open value that must be looked at.
    collected: Vec<u8>,
    /// The last name that left is empty and has no quotes.
    bare_name: bool,
    /// The open row started in a window before, there.
    pub(super) row_carried: bool,
    pub(super) row_start: Place,
    pub(super) records: Records,
    /// For values with doubled quotes.
    plain: Vec<u8>,
    pub(super) tally: Tally,
    pub(super) subjects: Vec<SubjectToken>,
}

impl Table {
    pub(super) fn new(plan: Arc<Plan>, csv: &Csv) -> Self {
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
            texts: Texts::new(Arc::clone(&plan)),
            index: Index::new(),
            cursor: Cursor::at_row(0),
            reading,
            begun: false,
            row: 0,
            rows_alike: 0,
            last: match reading {
                Reading::Header => usize::MAX,
                Reading::Crossed | Reading::Walked => columns.count() - 1,
            },
            columns,
            carried: false,
            value_start: Place::default(),
            leaving: false,
            collected: Vec::new(),
            bare_name: false,
            row_carried: false,
            row_start: Place::default(),
            records: Records::new(root.record, plan.condition().is_some()),
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
        if self.reading == Reading::Walked && !self.carried {
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
        self.other_value_ends(cursor, to, io)
    }

    /// Lets the value at `from..to` of the window leave, with the separator before it.
    #[inline(always)]
    fn leaves(&mut self, column: usize, from: usize, to: usize, io: &mut Io<'_>) {
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

    /// A value ends that must be looked at, that a window cut, or that is a column's name.
    #[inline(never)]
    fn other_value_ends(&mut self, cursor: &Cursor, to: usize, io: &mut Io<'_>) -> Outcome {
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
            Reading::Crossed => return Ok(()),
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
    fn empty(&self, column: usize, io: &mut Io<'_>) {
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

    /// A row lacks its value in `column`: it is empty.
    fn pads(&mut self, column: usize, to: usize, io: &mut Io<'_>) -> Outcome {
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

    // ---- the header ----

    fn name_ends(
        &mut self,
        raw: &[u8],
        start: Place,
        column: usize,
        to: usize,
        io: &mut Io<'_>,
    ) -> Outcome {
        if raw.len() > self.limits.name_bytes {
            let mut stop = self.name_too_long(start, io);
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

    fn header_ends(&mut self, io: &mut Io<'_>) -> Outcome {
        self.columns.complete();
        self.last = self.columns.count() - 1;
        if self.columns.showing == 1 && self.bare_name {
            io.bytes(EMPTY);
        }
        Ok(())
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
            at => at,
        };
        cursor.due = 0;
        cursor.from = 0;
        cursor.row_from = 0;
        self.cursor = cursor;
        io.flush();
        Ok(())
    }

    /// The window cuts a value.
    fn carry(&mut self, cursor: &Cursor, io: &mut Io<'_>) {
        if !self.carried {
            self.value_start = io.place(cursor.from);
        }
        let carried = std::mem::replace(&mut self.carried, true);
        let window = io.window;
        let part = &window[cursor.from..];
        let fate = match self.reading {
            Reading::Crossed => return,
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

    /// The limit that a body read up to `seen` has gone over, the earliest if there are two.
    fn reached(&self, seen: u64, io: &Io<'_>) -> Option<Box<Stop>> {
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
            return self.over(self.row_place(io).text, seen, Told::Body, io);
        }
        if self.row_refused() {
            let start = self.row_place(io);
            return (seen > start.text).then(|| self.stop(BodyFault::Mismatch, start, Told::Row));
        }
        if self.records.rows {
            return self.over(self.row_place(io).text, seen, Told::Row, io);
        }
        None
    }

    /// What the open value, read up to `seen`, has gone over.
    fn value_reached(&self, seen: u64, io: &Io<'_>) -> Option<Box<Stop>> {
        let start = if self.carried {
            self.value_start
        } else {
            io.place(self.cursor.from)
        };
        match self.reading {
            Reading::Header => {
                let long = seen > start.text && seen - start.text > self.limits.name_bytes as u64;
                long.then(|| self.name_too_long(start, io))
            }
            Reading::Crossed => None,
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
                    self.over(start.text, seen, Told::Value, io)
                } else {
                    None
                }
            }
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

    // ---- faults ----

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
    fn stop_in(&self, fault: BodyFault, start: Place, column: usize) -> Box<Stop> {
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

    fn name_too_long(&self, start: Place, io: &Io<'_>) -> Box<Stop> {
        let at = start.text + self.limits.name_bytes as u64;
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

/// An empty value that is alone in its row: without quotes it would be a blank line, which readers skip.
const EMPTY: &[u8] = b"\"\"";

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
fn starts_formula(raw: &[u8]) -> Option<bool> {
    value::starts_formula(raw.strip_prefix(b"\"").unwrap_or(raw))
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
