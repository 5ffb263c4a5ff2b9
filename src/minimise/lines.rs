//! Bodies of several JSON documents: one a line (NDJSON, JSON Lines), or each behind a record separator (RFC 7464).
//!
//! Selectors see an array of the documents: `$[*].name`. The array is not in the body, so what frames the documents
//! takes the place of its brackets and commas: a document of which something leaves leaves in its frame, one of which
//! nothing does leaves no frame.
//!
//! ```text
//! NDJSON    for each line: the JSON machine, from an empty grammar; at its end the document must be whole
//! sequence  for each record separator: the document before it must be whole, the next begins
//! ```
//!
//! What the JSON machine learns of one document (the shapes of its objects) it uses for the next.

use std::sync::Arc;

use crate::transform::Occasion;

use memchr::memchr;

use super::json::JsonMachine;
use super::vector::Level;
use super::walk::Outcome;
use super::{BodyError, BodyFault, Machine, SubjectToken, Tally};
use crate::plan::Plan;

/// Minimises a document a line. White space around a document stays behind, and so do blank lines.
#[derive(Debug)]
pub struct NdjsonMachine {
    json: JsonMachine,
}

impl NdjsonMachine {
    /// A machine at the start of a body under `plan`, which must be for this format, on this occasion.
    #[must_use]
    pub fn new(plan: Arc<Plan>, occasion: impl Into<Occasion>) -> Self {
        Self::with_level(plan, Level::best(), occasion)
    }

    /// A machine that uses the vector code of `level`: the bytes are the same from all.
    #[must_use]
    pub fn with_level(plan: Arc<Plan>, level: Level, occasion: impl Into<Occasion>) -> Self {
        Self {
            json: JsonMachine::enclosed(plan, level, occasion.into()),
        }
    }
}

/// The line ends, with a newline of `newline` bytes: its document, if it has one, must be whole.
fn line_ends(json: &mut JsonMachine, newline: u64, out: &mut Vec<u8>) -> Outcome {
    if json.begun() && json.document_ends(newline, out)? {
        out.push(b'\n');
    }
    Ok(())
}

impl Machine for NdjsonMachine {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.json.comes(input.len());
        self.json.call(out, |json, out| {
            let mut rest = input;
            while let Some(end) = memchr(b'\n', rest) {
                // With its newline, which ends a number and may not stand in a string.
                let (line, behind) = rest.split_at(end + 1);
                json.take(line, out)?;
                line_ends(json, 1, out)?;
                rest = behind;
            }
            json.take(rest, out)
        })
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        self.json.call(out, |json, out| line_ends(json, 0, out))?;
        Ok(self.json.tally().clone())
    }

    fn tally(&self) -> &Tally {
        self.json.tally()
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        self.json.take_subjects()
    }
}

/// What stands before each document of a sequence (RFC 7464 §2.2): no JSON text holds it.
const SEPARATOR: u8 = 0x1E;

/// Minimises a sequence of documents, each behind a record separator.
#[derive(Debug)]
pub struct SequenceMachine {
    json: JsonMachine,
    place: Place,
}

/// Where in its framing a sequence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing has come: a separator is due.
    Start,
    /// Behind a separator: a document is due, or another separator.
    Separated,
    /// Something else has come behind the separator.
    Document,
}

impl SequenceMachine {
    /// A machine at the start of a body under `plan`, which must be for this format, on this occasion.
    #[must_use]
    pub fn new(plan: Arc<Plan>, occasion: impl Into<Occasion>) -> Self {
        Self::with_level(plan, Level::best(), occasion)
    }

    /// A machine that uses the vector code of `level`: the bytes are the same from all.
    #[must_use]
    pub fn with_level(plan: Arc<Plan>, level: Level, occasion: impl Into<Occasion>) -> Self {
        Self {
            json: JsonMachine::enclosed(plan, level, occasion.into()),
            place: Place::Start,
        }
    }
}

/// The document before a separator, or the body's end, must be whole. A number or literal is only with white space
/// behind it: without, it may have been cut (RFC 7464 §2.4).
fn document_ends(json: &mut JsonMachine, out: &mut Vec<u8>) -> Outcome {
    if json.in_scalar() {
        return Err(json.fault(BodyFault::Truncated));
    }
    if json.document_ends(0, out)? {
        out.push(b'\n');
    }
    Ok(())
}

impl Machine for SequenceMachine {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        let Self { json, place } = self;
        json.comes(input.len());
        json.call(out, |json, out| {
            let mut rest = input;
            while !rest.is_empty() {
                let end = memchr(SEPARATOR, rest).unwrap_or(rest.len());
                let (text, behind) = rest.split_at(end);
                if !text.is_empty() {
                    if *place == Place::Start {
                        return Err(json.fault(BodyFault::Malformed));
                    }
                    *place = Place::Document;
                    json.take(text, out)?;
                }
                let Some((_, behind)) = behind.split_first() else {
                    return Ok(());
                };
                if *place == Place::Document {
                    document_ends(json, out)?;
                }
                json.pass()?;
                json.walk().lead(&[SEPARATOR]);
                *place = Place::Separated;
                rest = behind;
            }
            Ok(())
        })
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        let Self { json, place } = self;
        json.call(out, |json, out| match place {
            Place::Start => Ok(()),
            Place::Separated | Place::Document => document_ends(json, out),
        })?;
        Ok(json.tally().clone())
    }

    fn tally(&self) -> &Tally {
        self.json.tally()
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        self.json.take_subjects()
    }
}
