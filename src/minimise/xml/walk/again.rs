//! Records of which transforms must know something before they meet a value of it: read to the end, then walked.
//!
//! ```text
//! first    the record is checked as what stays behind is, shown as JSON, and its tags and text are noted
//! its end  what transforms must know is learnt, and its conditions are asked
//! again    if it leaves, what was noted is walked as if it came now
//! ```

use super::super::Outcome;
use super::super::tag::Tag;
use super::{Data, Walk};

/// Bytes whose room is kept for the next record.
const ROOM: usize = 16 << 10;

/// The tags and text of a record, in their order. No more than the record itself, and 24 bytes for each tag and text.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pieces: Vec<Piece>,
    /// What they say, one after another.
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Piece {
    what: What,
    /// Where it stands in the body.
    offset: u64,
    length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Start,
    /// Its name ends so many bytes from its start.
    End(usize),
    Text(Data),
}

impl Noted {
    fn note(&mut self, what: What, raw: &[u8], offset: u64) {
        self.bytes.extend_from_slice(raw);
        match self.pieces.last_mut() {
            // Text comes in as many pieces as the body; noted it is one.
            Some(last)
                if last.what == what
                    && matches!(what, What::Text(_))
                    && last.offset + last.length as u64 == offset =>
            {
                last.length += raw.len();
            }
            Some(_) | None => self.pieces.push(Piece {
                what,
                offset,
                length: raw.len(),
            }),
        }
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.pieces.shrink_to(ROOM / size_of::<Piece>());
        self.bytes.clear();
        self.bytes.shrink_to(ROOM);
    }
}

impl Walk {
    pub(super) fn note_start(&mut self, raw: &[u8], offset: u64) -> Outcome {
        self.note(What::Start, raw, offset)
    }

    pub(super) fn note_end(&mut self, name_end: usize, raw: &[u8], offset: u64) -> Outcome {
        self.note(What::End(name_end), raw, offset)
    }

    pub(super) fn note_text(&mut self, piece: &[u8], offset: u64, data: Data) -> Outcome {
        self.note(What::Text(data), piece, offset)
    }

    /// Notes a tag or text, unless the record is over its limit with it.
    fn note(&mut self, what: What, raw: &[u8], offset: u64) -> Outcome {
        match self.reached(offset + raw.len() as u64) {
            Some(limit) => Err(limit),
            None => {
                self.noted.note(what, raw, offset);
                Ok(())
            }
        }
    }

    /// Walks the record that was noted, which ends before the offset `end`.
    pub(super) fn walk_again(&mut self, end: u64) -> Outcome {
        let mut noted = std::mem::take(&mut self.noted);
        let mut tag = Tag::default();
        let mut from = 0;
        for piece in &noted.pieces {
            let raw = &noted.bytes[from..from + piece.length];
            from += piece.length;
            let walked = match piece.what {
                What::Start => {
                    let scanned = tag.start(raw, &self.limits);
                    debug_assert!(matches!(scanned, Ok(true)), "it was scanned before");
                    self.start(&tag, raw, piece.offset)
                }
                What::End(name_end) => self.end(name_end, raw, piece.offset),
                What::Text(data) => self.text(raw, piece.offset, data),
            };
            walked.map_err(|mut fault| {
                // The record was whole before this showed.
                fault.seen = fault.seen.max(end - 1);
                fault
            })?;
        }
        noted.clear();
        self.noted = noted;
        Ok(())
    }

    /// Forgets a record that stays behind.
    pub(super) fn forget_noted(&mut self) {
        self.noted.clear();
        self.texts.forgets();
    }
}
