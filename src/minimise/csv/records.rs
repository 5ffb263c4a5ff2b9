//! Rows and bodies that are held: records, released or withheld as one, and rows that a filter decides.
//!
//! ```text
//! a record without a condition   its output waits for its end
//! a record with one, a row of    its text waits; at its end it is shown as JSON, a row as an object of
//! which a filter is asked        strings, a body as an array of such objects; then it is walked or stays
//! ```
//!
//! A filter leads a row to its state, which may be that of a record: the filter is asked first.

use super::super::SubjectToken;
use super::super::charset::Place;
use super::limits::{Outcome, Stop, Told};
use super::out::Io;
use super::table::{Cursor, LineEnd, Reading, Table};
use super::value;
use crate::minimise::{BodyFault, Withheld};
use crate::plan::CandidateId;
use crate::transform::push_quoted;

/// What is held of records.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The body is one.
    whole: bool,
    /// A condition decides on each.
    conditional: bool,
    /// The row that comes or is open is one.
    pub(super) rows: bool,
    /// What must be asked of that row before it has a state.
    asked: Option<CandidateId>,
    /// Where the body started, if it is one and has started.
    pub(super) body: Option<Place>,
    /// The text of a record or row that is not decided yet, and where in the window that of it starts which is not
    /// here.
    text: Vec<u8>,
    text_from: usize,
    text_start: Place,
    /// Where the values of the row that waits, or is walked again, end: from the row's start.
    ends: Vec<u32>,
    /// It is decided, and its text is walked.
    pub(super) replaying: bool,
    /// The output of the open record from calls before, and where in the output that of this call starts.
    held: Vec<u8>,
    mark: usize,
    /// Subjects of the open record.
    pub(super) subjects: Vec<SubjectToken>,
    json: Vec<u8>,
}

impl Records {
    pub(super) fn new(whole: bool, conditional: bool) -> Self {
        Self {
            whole,
            conditional,
            ..Self::default()
        }
    }

    /// Whether a record is open, or the row that comes will be one.
    pub(super) fn open(&self) -> bool {
        self.rows || self.body.is_some()
    }

    /// Whether the row that comes or is open is held until its end.
    pub(super) fn holds_row(&self) -> bool {
        self.rows || self.asked.is_some()
    }

    /// Whether the text of the row that comes or is open waits, by itself or with the body's.
    fn waiting(&self) -> bool {
        let for_condition = self.conditional && self.open();
        (for_condition || self.asked.is_some()) && !self.replaying
    }

    /// Whether the body's text waits, for its condition.
    fn body_waits(&self) -> bool {
        self.conditional && self.body.is_some() && !self.replaying
    }

    /// A value of the row that waits ends before `to`, from where the row starts in this window.
    #[inline]
    pub(super) fn value_ends(&mut self, to: usize) {
        // What of the row stands in windows before; a row that is held is far shorter than 4 GiB.
        self.ends.push((self.text.len() + to) as u32);
    }

    /// Notes where the values of the row end that `row` starts with, which has been checked.
    fn note(&mut self, row: &[u8], separator: u8) {
        self.ends.clear();
        let mut from = 0;
        loop {
            let end = value::end(row, from, separator);
            self.ends.push(end as u32);
            if row.get(end) != Some(&separator) {
                return;
            }
            from = end + 1;
        }
    }

    /// How long the row is that `row` starts with, which is noted, its line end included.
    fn row_bytes(&self, row: &[u8]) -> usize {
        let to = self.ends.last().map_or(0, |end| *end as usize);
        to + line_end(row, to).bytes()
    }

    /// The value of the row `row`, whose values' ends are noted, in `column`. What a short row lacks is empty.
    fn value<'a>(&self, row: &'a [u8], column: usize) -> &'a [u8] {
        let end = |column: usize| self.ends.get(column).map(|end| *end as usize);
        let from = column
            .checked_sub(1)
            .map_or(Some(0), |before| end(before).map(|end| end + 1));
        match (from, end(column)) {
            (Some(from), Some(to)) => &row[from..to],
            (_, _) => b"",
        }
    }

    /// Starts a call with `out` as it is.
    pub(super) fn resume_at(&mut self, out: &[u8]) {
        self.mark = out.len();
    }

    /// Ends a call: what the open record produced waits for its end.
    pub(super) fn hold_back(&mut self, out: &mut Vec<u8>) {
        if self.open() {
            self.held.extend_from_slice(&out[self.mark..]);
            out.truncate(self.mark);
        }
    }

    /// After a fault: nothing that is held leaves.
    pub(super) fn roll_back(&mut self, out: &mut Vec<u8>) {
        if self.open() || self.replaying {
            out.truncate(self.mark);
        }
    }
}

/// The line end that stands at `at` of rows that have been checked.
fn line_end(rows: &[u8], at: usize) -> LineEnd {
    match rows.get(at) {
        Some(b'\r') => LineEnd::Of(2),
        Some(_) => LineEnd::Of(1),
        None => LineEnd::Missing,
    }
}

impl Table {
    pub(super) fn body_starts(&mut self, io: &mut Io<'_>) {
        if self.records.whole {
            self.records.mark = io.pushed().len();
            self.records.body = Some(io.base);
        }
    }

    /// The rows start at `from` of the window: the header is read.
    pub(super) fn rows_start(&mut self, from: usize, io: &Io<'_>) {
        if self.records.whole {
            self.records.text_from = from;
            self.records.text_start = io.place(from);
        }
    }

    /// A row comes, if the body goes on.
    pub(super) fn row_starts(&mut self, io: &mut Io<'_>) {
        self.count_rows();
        self.records.ends.clear();
        let asked = self.columns.enter(&self.plan, self.row);
        // The rows of a body that waits are asked once it is walked.
        self.records.asked = asked.filter(|_| !self.records.body_waits());
        if asked.is_some() {
            self.records.rows = false;
            self.reading = self.waits();
        } else {
            self.row_settles(io);
        }
    }

    /// The state of the row that comes, or that has been asked, is known.
    fn row_settles(&mut self, io: &mut Io<'_>) {
        let fates = self.columns.fates();
        self.records.rows = fates.record && !self.records.whole;
        self.reading = match (self.records.waiting(), fates.crossed) {
            (true, _) => self.waits(),
            (false, true) => Reading::Crossed,
            (false, false) => Reading::Walked,
        };
        if self.records.rows && !self.records.replaying {
            self.records.mark = io.pushed().len();
        }
    }

    /// How a row is read that waits.
    fn waits(&self) -> Reading {
        if self.records.body_waits() {
            // Its values are looked for again when the body's are.
            Reading::Crossed
        } else {
            Reading::Noted
        }
    }

    /// Whether a transform that refuses selects the row itself.
    pub(super) fn row_refused(&self) -> bool {
        self.reading != Reading::Header && !self.records.waiting() && self.columns.refused()
    }

    /// Whether the row that ends before `to` has gone over a limit.
    pub(super) fn row_fits(&self, to: usize, io: &Io<'_>) -> Outcome {
        self.row_reached(io.text_at(to), io).map_or(Ok(()), Err)
    }

    /// The end of a row that was not walked, or that is a record.
    #[cold]
    pub(super) fn other_row_ends(
        &mut self,
        cursor: &Cursor,
        to: usize,
        line: LineEnd,
        io: &mut Io<'_>,
    ) -> Outcome {
        self.cursor = *cursor;
        if !self.records.waiting() {
            self.row_fits(to, io)?;
            self.row_leaves(to, line, io);
            if self.records.rows {
                self.record_ends(io);
            }
            return Ok(());
        }
        if !self.records.holds_row() {
            return Ok(());
        }
        // Once it is walked no limit is looked at: one of the body that it is in counts as well.
        if let Some(limit) = self.reached(io.text_at(to), io) {
            return Err(limit);
        }
        let start = self.row_place(io);
        let mut text = std::mem::take(&mut self.records.text);
        let window = io.window;
        let row = if self.row_carried {
            text.extend_from_slice(&window[..to]);
            &text[..]
        } else {
            &window[cursor.row_from..to]
        };
        let decided = self.row_waited(row, start, io);
        text.clear();
        self.records.text = text;
        decided
    }

    /// A window ends: what waits of it is kept.
    pub(super) fn keep_waiting(&mut self, io: &Io<'_>) {
        if self.reading == Reading::Header || !self.records.waiting() {
            return;
        }
        let from = if self.records.body_waits() {
            self.records.text_from
        } else {
            self.cursor.row_from
        };
        self.records.text.extend_from_slice(&io.window[from..]);
        self.records.text_from = 0;
    }

    /// The body ends, and its record with it.
    pub(super) fn body_ends(&mut self, io: &mut Io<'_>) -> Outcome {
        if self.records.body.is_none() {
            return Ok(());
        }
        if !self.records.body_waits() {
            self.record_ends(io);
            return Ok(());
        }
        let text = std::mem::take(&mut self.records.text);
        let start = self.records.text_start;
        self.row = 0;
        let decided = self.body_waited(&text, start, io);
        self.records.body = None;
        decided
    }

    /// The body has waited as `text`, which stands at `start`: its condition decides.
    fn body_waited(&mut self, text: &[u8], start: Place, io: &mut Io<'_>) -> Outcome {
        let mut json = std::mem::take(&mut self.records.json);
        json.clear();
        self.show_body(text, &mut json);
        let released = self.texts.released(&json);
        self.records.json = json;
        if let Err(why) = released {
            self.withhold(why, io);
            return Ok(());
        }
        self.records.replaying = true;
        io.flush();
        let mut inner = Io::new(text, start, io.charset, io.out);
        let mut from = 0;
        while from < text.len() {
            self.row_starts(&mut inner);
            self.records.note(&text[from..], self.separator);
            if let Some(candidate) = self.records.asked {
                self.show(&text[from..]);
                self.ask(candidate, from, &mut inner)?;
            }
            from = self.replay(text, from, &mut inner)?;
            self.row += 1;
        }
        inner.flush();
        self.records.replaying = false;
        self.record_ends(io);
        Ok(())
    }

    /// A row has waited as `text`, which stands at `start`: what is asked of it decides, then its condition.
    fn row_waited(&mut self, text: &[u8], start: Place, io: &mut Io<'_>) -> Outcome {
        self.show(text);
        io.flush();
        let mut inner = Io::new(text, start, io.charset, io.out);
        if let Some(candidate) = self.records.asked {
            self.ask(candidate, 0, &mut inner)?;
        }
        if self.records.rows
            && let Err(why) = self.texts.released(&self.records.json)
        {
            self.withhold(why, &mut inner);
            return Ok(());
        }
        if self.records.body.is_none() {
            self.records.mark = inner.out.len();
        }
        self.records.replaying = true;
        self.row_settles(&mut inner);
        self.replay(text, 0, &mut inner)?;
        inner.flush();
        self.records.replaying = false;
        if self.records.rows {
            self.record_ends(io);
        }
        Ok(())
    }

    /// Leads the row at `from` of the window, which is shown, to its state.
    fn ask(&mut self, candidate: CandidateId, from: usize, io: &mut Io<'_>) -> Outcome {
        // Positions that the number of rows decides make no plan for these bodies.
        let place = (self.row, 0);
        let asked = self.texts.state(candidate, &self.records.json, place);
        let state = asked.map_err(|fault| self.stop(fault, io.place(from), Told::Row))?;
        self.columns.settle(&self.plan, state);
        self.records.asked = None;
        self.row_settles(io);
        Ok(())
    }

    /// The open record stays.
    fn withhold(&mut self, why: Withheld, io: &mut Io<'_>) {
        self.tally.withhold(why);
        self.records.held.clear();
        let mark = self.records.mark;
        io.pushed().truncate(mark);
    }

    /// Walks the row at `from` of `text`, which has been checked and noted and is in its state; gives where the next one
    /// starts.
    fn replay(&mut self, text: &[u8], from: usize, io: &mut Io<'_>) -> Result<usize, Box<Stop>> {
        if self.row_refused() {
            return Err(self.stop(BodyFault::Mismatch, io.place(from), Told::Row));
        }
        let mut cursor = Cursor::at_row(from);
        let last = self.records.ends.len() - 1;
        for column in 0..last {
            let to = from + self.records.ends[column] as usize;
            self.value_ends(&cursor, to, io)?;
            cursor.column += 1;
            cursor.from = to + 1;
        }
        let to = from + self.records.ends[last] as usize;
        self.values_end(&mut cursor, to, io)?;
        let line = line_end(text, to);
        let next = to + line.bytes();
        self.row_leaves(next, line, io);
        Ok(next)
    }

    /// Shows the row that `row` starts with, which is noted, to what is asked of it: the columns that it looks at.
    fn show(&mut self, row: &[u8]) {
        let mut json = std::mem::take(&mut self.records.json);
        json.clear();
        self.show_row(row, self.columns.asked().iter().copied(), &mut json);
        self.records.json = json;
    }

    /// Shows all rows of `text` as JSON.
    fn show_body(&mut self, text: &[u8], json: &mut Vec<u8>) {
        json.push(b'[');
        let mut from = 0;
        while from < text.len() {
            if from > 0 {
                json.push(b',');
            }
            let row = &text[from..];
            self.records.note(row, self.separator);
            self.show_row(row, 0..self.columns.count(), json);
            from += self.records.row_bytes(row);
        }
        json.push(b']');
    }

    /// Shows `columns` of the row that `row` starts with, which is noted, as JSON.
    fn show_row(&self, row: &[u8], columns: impl Iterator<Item = usize>, json: &mut Vec<u8>) {
        let mut plain = Vec::new();
        json.push(b'{');
        for (place, column) in columns.enumerate() {
            if place > 0 {
                json.push(b',');
            }
            push_quoted(self.columns.name(column), json);
            json.push(b':');
            push_quoted(
                value::text(self.records.value(row, column), &mut plain),
                json,
            );
        }
        json.push(b'}');
    }

    /// The open record leaves.
    fn record_ends(&mut self, io: &mut Io<'_>) {
        let out = io.pushed();
        let records = &mut self.records;
        if !records.held.is_empty() {
            // What left in calls before comes first.
            let tail = out.split_off(records.mark);
            out.append(&mut records.held);
            out.extend_from_slice(&tail);
        }
        records.mark = out.len();
        records.body = None;
        self.tally.records_released += 1;
        if records.subjects.is_empty() {
            self.tally.subjects_missing += u64::from(self.plan.subjects().is_some());
        }
        self.subjects.append(&mut records.subjects);
    }
}
