//! Rows and bodies that are held as records: released or withheld as one.
//!
//! Without a condition a record's output waits for its end. With one its text waits: it is shown to the condition as
//! JSON, a row as an object of strings, a body as an array of such objects, and walked if it may leave.

use super::super::SubjectToken;
use super::super::charset::Place;
use super::limits::{Outcome, Told};
use super::out::Io;
use super::table::{Cursor, LineEnd, Reading, Table};
use super::value::{self, Behind};
use crate::minimise::BodyFault;
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
    /// Where the body started, if it is one and has started.
    pub(super) body: Option<Place>,
    /// The text of a record whose condition is not decided yet, and where in the window that of it starts which
    /// is not here.
    text: Vec<u8>,
    text_from: usize,
    text_start: Place,
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

    /// Whether rows wait for a condition.
    fn waiting(&self) -> bool {
        self.conditional && self.open() && !self.replaying
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
        if self.open() {
            out.truncate(self.mark);
        }
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
        self.columns.enter(&self.plan, self.row);
        let fates = self.columns.fates();
        self.records.rows = fates.record && !self.records.whole;
        self.reading = if fates.crossed || self.records.waiting() {
            Reading::Crossed
        } else {
            Reading::Walked
        };
        if self.records.rows && !self.records.replaying {
            self.records.mark = io.pushed().len();
        }
    }

    /// Whether a transform that refuses selects the row itself.
    pub(super) fn row_refused(&self) -> bool {
        self.reading != Reading::Header && !self.records.waiting() && self.columns.fates().refused
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
        self.row_fits(to, io)?;
        if !self.records.waiting() {
            self.row_leaves(to, line, io);
            if self.records.rows {
                self.record_ends(io);
            }
            return Ok(());
        }
        if self.records.rows {
            let start = self.row_place(io);
            let mut text = std::mem::take(&mut self.records.text);
            let window = io.window;
            let row = if self.row_carried {
                text.extend_from_slice(&window[..to]);
                &text[..]
            } else {
                &window[cursor.row_from..to]
            };
            let decided = self.waited(row, start, io);
            text.clear();
            self.records.text = text;
            return decided;
        }
        Ok(())
    }

    /// A window ends: what waits of it is kept.
    pub(super) fn keep_waiting(&mut self, io: &Io<'_>) {
        if self.reading == Reading::Header || !self.records.waiting() {
            return;
        }
        let from = if self.records.whole {
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
        if !self.records.waiting() {
            self.record_ends(io);
            return Ok(());
        }
        let text = std::mem::take(&mut self.records.text);
        let start = self.records.text_start;
        self.row = 0;
        let decided = self.waited(&text, start, io);
        self.records.body = None;
        decided
    }

    /// A record that stands at `start` has waited as `text`: its condition decides.
    fn waited(&mut self, text: &[u8], start: Place, io: &mut Io<'_>) -> Outcome {
        let mut json = std::mem::take(&mut self.records.json);
        json.clear();
        if self.records.whole {
            self.show_body(text, &mut json);
        } else {
            self.show_row(text, 0, &mut json);
        }
        let released = self.texts.released(&json);
        self.records.json = json;
        if !released {
            self.tally.records_withheld += 1;
            self.records.held.clear();
            let mark = self.records.mark;
            io.pushed().truncate(mark);
            return Ok(());
        }
        self.records.replaying = true;
        io.flush();
        self.replay(text, &mut Io::new(text, start, io.charset, io.out))?;
        self.records.replaying = false;
        self.record_ends(io);
        Ok(())
    }

    /// Walks rows that have been checked.
    fn replay(&mut self, text: &[u8], io: &mut Io<'_>) -> Outcome {
        let mut from = 0;
        while from < text.len() {
            self.row_starts(io);
            if self.row_refused() {
                return Err(self.stop(BodyFault::Mismatch, io.place(from), Told::Row));
            }
            let mut cursor = Cursor::at_row(from);
            loop {
                let (to, behind) = value::end(text, cursor.from, self.separator);
                match behind {
                    Behind::Separator => {
                        self.value_ends(&cursor, to, io)?;
                        cursor.column += 1;
                        cursor.from = to + 1;
                    }
                    Behind::Line(_) | Behind::Nothing => {
                        self.values_end(&mut cursor, to, io)?;
                        let line = match behind {
                            Behind::Line(bytes) => LineEnd::Of(bytes),
                            Behind::Separator | Behind::Nothing => LineEnd::Missing,
                        };
                        from = to + line.bytes();
                        self.row_leaves(from, line, io);
                        break;
                    }
                }
            }
            if self.records.whole {
                self.row += 1;
            }
        }
        io.flush();
        Ok(())
    }

    /// Shows all rows of `text` as JSON.
    fn show_body(&self, text: &[u8], json: &mut Vec<u8>) {
        json.push(b'[');
        let mut from = 0;
        while from < text.len() {
            if from > 0 {
                json.push(b',');
            }
            from = self.show_row(text, from, json);
        }
        json.push(b']');
    }

    /// Shows the row that starts at `from` as JSON; gives where the next one starts.
    fn show_row(&self, text: &[u8], mut from: usize, json: &mut Vec<u8>) -> usize {
        let mut plain = Vec::new();
        let mut next = None;
        json.push(b'{');
        for column in 0..self.columns.count() {
            if column > 0 {
                json.push(b',');
            }
            push_quoted(self.columns.name(column), json);
            json.push(b':');
            if next.is_some() {
                // The row is short.
                json.extend_from_slice(b"\"\"");
                continue;
            }
            let (to, behind) = value::end(text, from, self.separator);
            push_quoted(value::text(&text[from..to], &mut plain), json);
            match behind {
                Behind::Separator => from = to + 1,
                Behind::Line(bytes) => next = Some(to + bytes),
                Behind::Nothing => next = Some(to),
            }
        }
        json.push(b'}');
        next.unwrap_or(text.len())
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
