//! `multipart/form-data` (RFC 7578, framed as RFC 2046 §5.1), strictly.
//!
//! Selectors see an object with a member for each part's name. A text part is a text: `$.note`, and where the rules
//! look into elements (`$.tag[*]`) the name may come more than once. A JSON part is its document: `$.person.name`.
//!
//! ```text
//! for each part
//!     its head is read, within a limit
//!     no name, a file, another type     it stays, whatever is in it
//!     text                              as in a form: kept as it comes, or held and decided at its end
//!     JSON                              the JSON machine, from the state of the part's member
//! ```
//!
//! What leaves of a part leaves behind a head of its own, made of nothing but its name and its kind. The delimiter is
//! found at every cut: the bytes that may begin one wait, and they are no more than it is long.

use std::sync::Arc;

use crate::transform::Occasion;
use memchr::memchr2;
use memchr::memmem;

use super::json::JsonMachine;
use super::members::{Broken, Ended, Form};
use super::part::{Head, Kind};
use super::text::Fate;
use super::utf8::Utf8;
use super::vector::Level;
use super::{BodyError, BodyFault, FieldOutcome, Machine, SubjectToken, Tally};
use crate::plan::{Branch, Leaf, Next, Plan, StateId};

/// Minimises one multipart form.
#[derive(Debug)]
pub struct MultipartMachine {
    form: Form,
    json: JsonMachine,
    delimiter: Delimiter,
    place: Place,
    head: Head,
    part: Part,
    /// A text part's bytes that are looked at at its end, or a JSON part's for a condition.
    value: Vec<u8>,
    utf8: Utf8,
    /// Where the part's content starts.
    content_start: u64,
}

/// Where in its framing a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first delimiter.
    Preamble,
    /// Behind a delimiter: a line end is due, or two hyphens.
    Delimited,
    /// Behind a delimiter and the first byte of a line end, or the first hyphen.
    LineEnd,
    Hyphen,
    Head,
    Content,
    /// Behind the closing delimiter: the body's end is due, or a line end.
    Closed,
    ClosedReturn,
    /// What is behind that is none of the form.
    Epilogue,
}

/// What becomes of the part in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It stays, and is not looked at.
    Dropped,
    /// A text that is checked and stays.
    Skipped,
    /// A text that leaves as it comes.
    Copied,
    /// A text that is collected and decided at its end.
    Asked(StateId),
    /// A text that is collected for a condition.
    Shown,
    Json,
}

/// The search for `--boundary`, which stands behind a line end and nowhere else.
#[derive(Debug)]
struct Delimiter {
    /// A line end, two hyphens, the boundary.
    line: Vec<u8>,
    /// For each of the bytes behind the line end: how long the longest start of them is that ends there again.
    borders: Vec<usize>,
    /// How many bytes of `line` have come last.
    matched: usize,
    /// How many of those behind the line end, wherever they stand.
    inside: usize,
}

/// What a byte says of the search.
enum Found {
    /// It may begin a delimiter, or go on with one: it waits.
    Waits,
    /// It is content, and so are the bytes before it that waited, so many.
    Content(usize),
    /// It ends a delimiter.
    Delimiter,
    /// It ends what would be a delimiter behind a line end, and is not.
    Astray,
}

impl Delimiter {
    /// For a boundary of RFC 2046 §5.1.1: 1 to 70 of its characters, no space last.
    fn new(boundary: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
        if !(1..=70).contains(&boundary.len())
            || !boundary.bytes().all(fits)
            || boundary.ends_with(' ')
        {
            return None;
        }
        let line = [b"\r\n--", boundary.as_bytes()].concat();
        let bare = &line[2..];
        let mut borders = vec![0; bare.len()];
        let mut border = 0;
        for end in 1..bare.len() {
            while border > 0 && bare[border] != bare[end] {
                border = borders[border - 1];
            }
            border += usize::from(bare[border] == bare[end]);
            borders[end] = border;
        }
        Some(Self {
            line,
            borders,
            // A delimiter may be the first of all.
            matched: 2,
            inside: 0,
        })
    }

    /// The delimiter without its line end.
    fn bare(&self) -> &[u8] {
        &self.line[2..]
    }

    /// Nothing that came counts any more.
    fn restart(&mut self) {
        self.matched = 0;
        self.inside = 0;
    }

    fn idle(&self) -> bool {
        self.matched == 0 && self.inside == 0
    }

    fn take(&mut self, byte: u8) -> Found {
        while self.inside > 0 && self.bare().get(self.inside) != Some(&byte) {
            self.inside = self.borders[self.inside - 1];
        }
        self.inside += usize::from(self.bare()[self.inside] == byte);
        let whole = self.inside == self.bare().len();
        if self.line[self.matched] == byte {
            self.matched += 1;
            return match whole {
                true if self.matched == self.line.len() => Found::Delimiter,
                true => Found::Astray,
                false => Found::Waits,
            };
        }
        if whole {
            return Found::Astray;
        }
        let waited = self.matched;
        // The first byte of a line end stands nowhere else in it.
        self.matched = usize::from(byte == b'\r');
        Found::Content(waited)
    }
}

impl MultipartMachine {
    /// A machine at the start of a body under `plan`, which must be for this format, between whose parts `boundary`
    /// stands. With one that RFC 2046 does not allow every body is malformed.
    #[must_use]
    pub fn new(plan: Arc<Plan>, boundary: &str, occasion: impl Into<Occasion>) -> Self {
        Self::over(Form::new(plan, occasion.into(), false), boundary)
    }

    fn over(mut form: Form, boundary: &str) -> Self {
        let delimiter = Delimiter::new(boundary).unwrap_or_else(|| {
            form.dies(BodyError {
                fault: BodyFault::Malformed,
                offset: 0,
                path: "$".to_owned(),
            });
            Delimiter {
                line: b"\r\n--".to_vec(),
                borders: vec![0, 1],
                matched: 0,
                inside: 0,
            }
        });
        let mut json =
            JsonMachine::enclosed(Arc::clone(&form.plan), Level::best(), form.texts.occasion());
        // The root is the form's to count.
        json.walk().tally.fields = Tally::default().fields;
        if form.is_record() && !form.looks() {
            json.walk().in_record();
            json.walk().knows(form.texts.known().clone());
        }
        Self {
            head: Head::new(form.plan.limits()),
            form,
            json,
            delimiter,
            place: Place::Preamble,
            part: Part::Dropped,
            value: Vec::new(),
            utf8: Utf8::default(),
            content_start: 0,
        }
    }

    fn take(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        while let Some((&byte, rest)) = input.split_first() {
            let searching = matches!(self.place, Place::Preamble | Place::Content);
            if searching && self.delimiter.idle() {
                // Nothing else can begin a delimiter, or one astray.
                let plain = memchr2(b'\r', b'-', input).unwrap_or(input.len());
                if plain > 0 {
                    let (plain, rest) = input.split_at(plain);
                    self.content(plain, self.form.offset, out)?;
                    self.form.offset += plain.len() as u64;
                    input = rest;
                    continue;
                }
            }
            self.byte(byte, self.form.offset, out)?;
            self.form.offset += 1;
            input = rest;
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8, at: u64, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.place = match (self.place, byte) {
            (Place::Preamble | Place::Content, _) => return self.search(byte, at, out),
            (Place::Delimited, b'\r') => Place::LineEnd,
            (Place::Delimited, b'-') => Place::Hyphen,
            (Place::LineEnd, b'\n') => {
                self.head.starts(at + 1);
                Place::Head
            }
            (Place::Hyphen, b'-') => Place::Closed,
            (Place::Head, _) => {
                if matches!(self.delimiter.take(byte), Found::Delimiter | Found::Astray) {
                    return Err((BodyFault::Malformed, at));
                }
                if !self.head.take(byte, at)? {
                    return Ok(());
                }
                self.delimiter.restart();
                self.content_start = at + 1;
                self.part_starts(out)?;
                Place::Content
            }
            (Place::Closed, b'\r') => Place::ClosedReturn,
            (Place::ClosedReturn, b'\n') | (Place::Epilogue, _) => Place::Epilogue,
            (
                Place::Delimited
                | Place::LineEnd
                | Place::Hyphen
                | Place::Closed
                | Place::ClosedReturn,
                _,
            ) => return Err((BodyFault::Malformed, at)),
        };
        Ok(())
    }

    /// A byte of the preamble or a part's content, unless it belongs to a delimiter.
    fn search(&mut self, byte: u8, at: u64, out: &mut Vec<u8>) -> Result<(), Broken> {
        match self.delimiter.take(byte) {
            Found::Waits => Ok(()),
            Found::Content(waited) => {
                if self.place == Place::Content {
                    let line = self.delimiter.line[..waited].to_vec();
                    self.content(&line, at - waited as u64, out)?;
                    if self.delimiter.matched == 0 {
                        self.content(&[byte], at, out)?;
                    }
                }
                Ok(())
            }
            Found::Astray => Err((BodyFault::Malformed, at)),
            Found::Delimiter => {
                if self.place == Place::Content {
                    self.part_ends(out)?;
                }
                self.delimiter.restart();
                self.place = Place::Delimited;
                Ok(())
            }
        }
    }

    /// A part's head is read: what becomes of the part.
    fn part_starts(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let automaton = self.form.plan.automaton();
        let kind = self.head.kind();
        let Some((name, name_at)) = self.head.name().filter(|_| kind != Kind::Foreign) else {
            self.part = Part::Dropped;
            // It stays in any case; what is told of it is whether a rule says so.
            let dropped = self.head.name().is_some_and(|(name, _)| {
                let hash = crate::plan::hash_name(name.as_bytes(), automaton.seed());
                let (next, _) = automaton.member(automaton.root(), name.as_bytes(), hash);
                automaton.state(next.settled()).branch == Branch::Drop
            });
            if !self.form.looks() {
                self.form.tally.count(if dropped {
                    FieldOutcome::Drop
                } else {
                    FieldOutcome::Undeclared
                });
            }
            return Ok(());
        };
        let id = self.form.enter(name, kind == Kind::Json, name_at)?;
        self.part = match kind {
            Kind::Json => {
                self.json.starts_at(self.content_start);
                let walk = self.json.walk();
                if self.form.looks() {
                    walk.documents_are_held();
                } else {
                    walk.documents_are(Next::State(id));
                    walk.lead(&head(self.delimiter.bare(), name, true));
                }
                Part::Json
            }
            Kind::Text | Kind::Foreign => self.text_starts(id, out),
        };
        Ok(())
    }

    fn text_starts(&mut self, id: StateId, out: &mut Vec<u8>) -> Part {
        if self.form.looks() {
            return Part::Shown;
        }
        let state = self.form.plan.automaton().state(id);
        if state.collects() {
            return Part::Asked(id);
        }
        let (outcome, part) = match state.leaf {
            Leaf::Keep => (FieldOutcome::Keep, Part::Copied),
            Leaf::KeepAll => (FieldOutcome::KeepAll, Part::Copied),
            Leaf::Undeclared => (FieldOutcome::Undeclared, Part::Skipped),
            Leaf::Drop => (FieldOutcome::Drop, Part::Skipped),
            Leaf::Conflict => (FieldOutcome::Conflict, Part::Skipped),
            Leaf::Transform(_) => return Part::Asked(id),
        };
        self.form.tally.count(outcome);
        if part == Part::Copied {
            self.head_leaves(out);
        }
        part
    }

    /// A text part leaves: its head does now.
    fn head_leaves(&self, out: &mut Vec<u8>) {
        let (name, _) = self
            .head
            .name()
            .expect("only parts that have a name are looked at");
        out.extend_from_slice(&head(self.delimiter.bare(), name, false));
    }

    /// Bytes of a part's content, the first of which stands at `at`.
    fn content(&mut self, bytes: &[u8], at: u64, out: &mut Vec<u8>) -> Result<(), Broken> {
        if self.place != Place::Content || bytes.is_empty() {
            return Ok(());
        }
        match self.part {
            Part::Dropped => Ok(()),
            Part::Json => {
                if self.form.looks() {
                    self.value.extend_from_slice(bytes);
                }
                let taken = self.json.call(out, |json, out| json.take(bytes, out));
                self.of_json(taken)
            }
            Part::Skipped | Part::Shown => {
                self.text(bytes, at)?;
                if self.part == Part::Shown {
                    self.value.extend_from_slice(bytes);
                }
                Ok(())
            }
            Part::Copied => {
                let sound = self.text(bytes, at);
                if sound.is_ok() {
                    out.extend_from_slice(bytes);
                }
                sound
            }
            Part::Asked(_) => {
                let room = self.form.plan.limits().held_bytes - self.value.len();
                let (fits, over) = bytes.split_at(bytes.len().min(room));
                self.text(fits, at)?;
                self.value.extend_from_slice(fits);
                if over.is_empty() {
                    Ok(())
                } else {
                    Err((BodyFault::HeldTooLarge, at + fits.len() as u64))
                }
            }
        }
    }

    /// Holds the bytes of a text against what texts may be.
    fn text(&mut self, bytes: &[u8], at: u64) -> Result<(), Broken> {
        for (&byte, at) in bytes.iter().zip(at..) {
            if byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r') {
                return Err((BodyFault::Malformed, at));
            }
            let not_utf8 = |start| (BodyFault::NotUtf8, start);
            self.utf8.take(byte, at).map_err(not_utf8)?;
        }
        Ok(())
    }

    /// The part's content is over.
    fn part_ends(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        let not_utf8 = |start| (BodyFault::NotUtf8, start);
        self.utf8.end().map_err(not_utf8)?;
        match self.part {
            Part::Dropped | Part::Skipped => {}
            Part::Copied => out.extend_from_slice(b"\r\n"),
            Part::Asked(state) => self.decide(state, out)?,
            Part::Shown => {
                if let Some((name, _)) = self.head.name() {
                    self.form.show_text(name, text(&self.value));
                }
            }
            Part::Json => {
                let mut left = false;
                let ended = self.json.call(out, |json, out| {
                    left = json.document_ends(0, out)?;
                    Ok(())
                });
                self.of_json(ended)?;
                if left {
                    out.extend_from_slice(b"\r\n");
                }
                if let Some((name, _)) = self.head.name().filter(|_| self.form.looks()) {
                    self.form.show(name, &self.value);
                }
            }
        }
        self.value.clear();
        self.form.leave();
        Ok(())
    }

    /// Decides a text that was collected.
    fn decide(&mut self, state: StateId, out: &mut Vec<u8>) -> Result<(), Broken> {
        let value = std::mem::take(&mut self.value);
        let form = &mut self.form;
        if form.is_record() && form.plan.automaton().state(state).subject {
            form.record_subjects
                .extend(form.texts.subject(text(&value)));
        }
        let fate = form
            .texts
            .decide(state, text(&value), &mut form.tally)
            .map_err(|fault| (fault, self.content_start))?;
        let leaves = match fate {
            Fate::Stays => None,
            Fate::Leaves => Some(value.clone()),
            Fate::Changed(text) => Some(text.as_bytes().to_vec()),
        };
        if let Some(leaves) = leaves {
            if memmem::find(&leaves, self.delimiter.bare()).is_some() {
                // What was not there came about by a transform; it would part the form anew.
                return Err((BodyFault::Malformed, self.content_start));
            }
            self.head_leaves(out);
            out.extend_from_slice(&leaves);
            out.extend_from_slice(b"\r\n");
        }
        self.value = value;
        Ok(())
    }

    /// Takes over what the JSON machine says, and what it has counted and found.
    fn of_json(&mut self, worked: Result<(), BodyError>) -> Result<(), Broken> {
        let counted = std::mem::take(&mut self.json.walk().tally.fields);
        for (sum, count) in self.form.tally.fields.iter_mut().zip(counted) {
            *sum += count;
        }
        let mut subjects = self.json.walk().take_record_subjects();
        self.form.record_subjects.append(&mut subjects);
        worked.map_err(|error| {
            // Its path starts with an index among the parts, which the part's own name takes the place of.
            let inside = error.path.split_once(']').map_or("", |(_, inside)| inside);
            inside.clone_into(&mut self.form.inside);
            (error.fault, error.offset)
        })
    }

    /// The body ends.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        match self.place {
            Place::Closed | Place::Epilogue => {
                if !self.form.looks() {
                    self.closes(out);
                }
                Ok(())
            }
            Place::Preamble
            | Place::Delimited
            | Place::LineEnd
            | Place::Hyphen
            | Place::Head
            | Place::Content
            | Place::ClosedReturn => Err((BodyFault::Truncated, self.form.offset)),
        }
    }

    fn closes(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.delimiter.bare());
        out.extend_from_slice(b"--\r\n");
    }
}

/// What stands before the content of a part that leaves.
fn head(delimiter: &[u8], name: &str, json: bool) -> Vec<u8> {
    let name = name.as_bytes();
    let kind: &[u8] = if json {
        b"\r\nContent-Type: application/json"
    } else {
        b""
    };
    [
        delimiter,
        b"\r\nContent-Disposition: form-data; name=\"",
        name,
        b"\"",
        kind,
        b"\r\n\r\n",
    ]
    .concat()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("every byte was held against UTF-8 as it came")
}

impl Machine for MultipartMachine {
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
            Ended::Left => {}
            Ended::Withheld => {
                let before = out.len();
                self.closes(out);
                self.form.tally.bytes_out += (out.len() - before) as u64;
            }
            Ended::Released(raw) => {
                let boundary = text(&self.delimiter.bare()[2..]).to_owned();
                let mut again = Self::over(self.form.again(), &boundary);
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
