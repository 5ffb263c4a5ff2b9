//! Server-sent events (WHATWG HTML §9.2, `text/event-stream`) whose data are JSON documents.
//!
//! Selectors see an array of the events' documents: `$[*].name`. An event's `data` lines, joined by line feeds, are its
//! document. They go to the JSON machine as they come, so nothing is held for being an event.
//!
//! ```text
//! for each line
//!     `data`      its text and a line feed are walked
//!     `retry`     one to seven digits leave, at the event's end
//!     a comment   between two events a bare `:` leaves, so that a connection still shows that it lives
//!     other       `event`, `id` and unknown ones stay: no selector names them, so nobody has agreed them
//! for each blank line
//!     an event that has data: its document must be whole; if something of it left, a blank line leaves
//! ```
//!
//! What leaves of a document leaves in `data` lines: one, and one more for each line feed in what is kept whole.

use std::sync::Arc;

use crate::transform::Occasion;

use memchr::{memchr, memchr2};

use super::json::JsonMachine;
use super::vector::Level;
use super::walk::Outcome;
use super::{BodyError, BodyFault, Machine, SubjectToken, Tally};
use crate::plan::Plan;

/// Minimises a stream of events.
#[derive(Debug)]
pub struct EventsMachine {
    json: JsonMachine,
    lines: Lines,
    /// What one piece of a document gave.
    piece: Vec<u8>,
    tally: Tally,
}

/// Where in its lines a body stands.
#[derive(Debug)]
struct Lines {
    place: Place,
    /// The line before ended with a carriage return: a line feed that follows belongs to it.
    returned: bool,
    /// The event in hand has data.
    data: bool,
    /// Something of its data has left.
    left: bool,
    /// The event's reconnection time.
    retry: Digits,
}

/// Where in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the body's start, behind so many bytes of a byte order mark.
    Mark(usize),
    Start,
    /// In a field's name.
    Name(Name),
    /// Behind the colon: one space is none of the value.
    Colon(Field),
    Value(Field),
}

/// What a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Retry,
    Comment,
    Other,
}

/// A field's name as far as it has come; none that is known is longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Name {
    bytes: [u8; 6],
    length: usize,
}

impl Name {
    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes.iter().take(self.bytes.len() - self.length) {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
    }

    fn field(&self) -> Field {
        match &self.bytes[..self.length] {
            b"" => Field::Comment,
            b"data" => Field::Data,
            b"retry" => Field::Retry,
            _ => Field::Other,
        }
    }
}

/// Digits that may leave: few, so that they can be no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Digits {
    bytes: [u8; 7],
    length: usize,
    /// There is something else, or too much.
    broken: bool,
}

impl Digits {
    fn extend(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.length == self.bytes.len() || !byte.is_ascii_digit() {
                self.broken = true;
                return;
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
    }

    fn whole(&self) -> Option<&[u8]> {
        (!self.broken && self.length > 0).then(|| &self.bytes[..self.length])
    }
}

/// The mark that a stream may start with; it stays behind.
const MARK: &[u8; 3] = b"\xEF\xBB\xBF";

impl EventsMachine {
    /// A machine at the start of a body under `plan`, which must be for this format.
    #[must_use]
    pub fn new(plan: Arc<Plan>, occasion: impl Into<Occasion>) -> Self {
        Self::with_level(plan, Level::best(), occasion)
    }

    /// A machine that uses the vector code of `level`: the bytes are the same from all.
    #[must_use]
    pub fn with_level(plan: Arc<Plan>, level: Level, occasion: impl Into<Occasion>) -> Self {
        Self {
            json: JsonMachine::enclosed(plan, level, occasion.into()),
            lines: Lines {
                place: Place::Mark(0),
                returned: false,
                data: false,
                left: false,
                retry: Digits::default(),
            },
            piece: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Runs one step over the JSON machine; what it gave leaves in `data` lines.
    fn step<T: Default>(
        &mut self,
        out: &mut Vec<u8>,
        work: impl FnOnce(&mut Lines, &mut JsonMachine, &mut Vec<u8>) -> Outcome<T>,
    ) -> Result<T, BodyError> {
        self.piece.clear();
        let mut given = T::default();
        let Self {
            json, lines, piece, ..
        } = self;
        json.call(piece, |json, piece| {
            given = work(lines, json, piece)?;
            Ok(())
        })?;
        let mut rest = &piece[..];
        if !rest.is_empty() && !std::mem::replace(&mut lines.left, true) {
            out.extend_from_slice(b"data: ");
        }
        // The only line feeds in strict JSON are white space.
        while let Some(at) = memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(at + 1);
            out.extend_from_slice(line);
            out.extend_from_slice(b"data: ");
            rest = behind;
        }
        out.extend_from_slice(rest);
        Ok(given)
    }

    /// A machine that is dead says so, whatever comes.
    fn alive(&mut self, out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.step(out, |_, _, _| Ok(()))
    }

    fn lines(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        while !input.is_empty() {
            if let Place::Mark(seen) = self.lines.place {
                input = self.mark(seen, input, out)?;
                continue;
            }
            if std::mem::take(&mut self.lines.returned) && input[0] == b'\n' {
                self.step(out, |_, json, _| json.pass())?;
                input = &input[1..];
                continue;
            }
            let end = memchr2(b'\r', b'\n', input).unwrap_or(input.len());
            let (text, behind) = input.split_at(end);
            let mut text = text;
            while !text.is_empty() {
                text = self.text(text, out)?;
            }
            let Some((&newline, behind)) = behind.split_first() else {
                return Ok(());
            };
            self.line_ends(out)?;
            self.lines.returned = newline == b'\r';
            input = behind;
        }
        Ok(())
    }

    /// The body's start: gives what of `input` is none of a byte order mark.
    fn mark<'a>(
        &mut self,
        seen: usize,
        input: &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<&'a [u8], BodyError> {
        if seen < MARK.len() && input[0] == MARK[seen] {
            self.lines.place = Place::Mark(seen + 1);
            return Ok(&input[1..]);
        }
        self.marked(seen, out)?;
        Ok(input)
    }

    /// No more of a byte order mark comes: what came of it counts, and unless it is whole it starts a field's name.
    fn marked(&mut self, seen: usize, out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.lines.place = Place::Start;
        if 0 < seen && seen < MARK.len() {
            let mut name = Name::default();
            name.extend(&MARK[..seen]);
            self.lines.place = Place::Name(name);
        }
        self.step(out, |_, json, _| json.pass_text(&MARK[..seen]))
    }

    /// Takes of a line's text what belongs together; gives the rest.
    fn text<'a>(&mut self, text: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], BodyError> {
        match self.lines.place {
            Place::Mark(_) | Place::Start => {
                self.lines.place = Place::Name(Name::default());
                Ok(text)
            }
            Place::Name(mut name) => {
                let end = memchr(b':', text).unwrap_or(text.len());
                let (own, behind) = text.split_at(end);
                name.extend(own);
                self.lines.place = Place::Name(name);
                self.step(out, |_, json, _| json.pass_text(own))?;
                let Some((_, behind)) = behind.split_first() else {
                    return Ok(behind);
                };
                self.lines.place = Place::Colon(name.field());
                self.field_starts(name.field());
                self.step(out, |_, json, _| json.pass())?;
                Ok(behind)
            }
            Place::Colon(field) => {
                self.lines.place = Place::Value(field);
                if text[0] != b' ' {
                    return Ok(text);
                }
                self.step(out, |_, json, _| json.pass())?;
                Ok(&text[1..])
            }
            Place::Value(field) => {
                self.step(out, |lines, json, piece| match field {
                    Field::Data => json.take(text, piece),
                    Field::Retry => {
                        lines.retry.extend(text);
                        json.pass_text(text)
                    }
                    Field::Comment | Field::Other => json.pass_text(text),
                })?;
                Ok(&[])
            }
        }
    }

    /// A field's value comes, though it may be empty.
    fn field_starts(&mut self, field: Field) {
        match field {
            Field::Data => self.lines.data = true,
            Field::Retry => self.lines.retry = Digits::default(),
            Field::Comment | Field::Other => {}
        }
    }

    /// A line ends, with a byte that has not been passed.
    fn line_ends(&mut self, out: &mut Vec<u8>) -> Result<(), BodyError> {
        let place = std::mem::replace(&mut self.lines.place, Place::Start);
        let field = match place {
            Place::Mark(_) | Place::Start => {
                self.event_ends(out)?;
                return self.step(out, |_, json, _| json.pass());
            }
            Place::Name(name) => {
                self.field_starts(name.field());
                name.field()
            }
            Place::Colon(field) | Place::Value(field) => field,
        };
        if field == Field::Data {
            // A line feed joins this line to the next; it stands where the line's own end does.
            return self.step(out, |_, json, piece| json.take(b"\n", piece));
        }
        self.step(out, |_, json, _| json.pass())?;
        if field == Field::Comment && !self.lines.data {
            out.extend_from_slice(b":\n");
        }
        Ok(())
    }

    /// A blank line: the event is over.
    fn event_ends(&mut self, out: &mut Vec<u8>) -> Result<(), BodyError> {
        if std::mem::take(&mut self.lines.data) {
            self.step(out, |_, json, piece| json.document_ends(0, piece))?;
        }
        let left = std::mem::take(&mut self.lines.left);
        if left {
            out.push(b'\n');
        }
        let retry = std::mem::take(&mut self.lines.retry);
        if let Some(digits) = retry.whole() {
            out.extend_from_slice(b"retry: ");
            out.extend_from_slice(digits);
            out.push(b'\n');
        }
        if left || retry.whole().is_some() {
            out.push(b'\n');
        }
        Ok(())
    }

    /// The body ends: a line or an event left open would be thrown away by who reads it.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), BodyError> {
        if let Place::Mark(seen) = self.lines.place {
            self.marked(seen, out)?;
        }
        if self.lines.place == Place::Start && !self.lines.data {
            // Whatever else the last event has is whole, and a line of its own.
            return self.event_ends(out);
        }
        self.step(out, |_, json, _| Err(json.fault(BodyFault::Truncated)))
    }

    /// Keeps the JSON machine's counts, but for what left, which it does not know.
    fn counted(&mut self, left: usize) {
        let bytes_out = self.tally.bytes_out + left as u64;
        self.tally.clone_from(self.json.tally());
        self.tally.bytes_out = bytes_out;
    }
}

impl Machine for EventsMachine {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.json.comes(input.len());
        let before = out.len();
        let pushed = self.alive(out).and_then(|()| self.lines(input, out));
        self.counted(out.len() - before);
        pushed
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        let before = out.len();
        let ended = self.alive(out).and_then(|()| self.end(out));
        self.counted(out.len() - before);
        ended.map(|()| self.tally.clone())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        self.json.take_subjects()
    }
}
