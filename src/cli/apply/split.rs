//! Where an input of many elements can be cut, so that machines of their own do the pieces.
//!
//! A line of NDJSON and a row of CSV mean the same wherever they stand, if no rule counts them and what comes before
//! the first one is known. Both are found without reading the elements: a line by its line feed, a row by the line
//! feeds that an even number of quotes stands before.

use std::sync::Arc;

use memchr::{memchr_iter, memchr2_iter, memrchr_iter, memrchr2_iter};

use crate::minimise::{self, BodyError, Machine, Tally};
use crate::plan::{Charset, Csv, Format, Header, Plan};

/// How inputs under a plan are cut.
pub(super) struct Splitter {
    plan: Arc<Plan>,
    /// Line feeds may stand in quotes, where they end nothing.
    quotes: bool,
    /// The first element is not one, but what the others are read by.
    header: bool,
}

/// What every machine but the first must have read before its piece.
pub(super) struct Lead {
    bytes: Vec<u8>,
    /// How much leaves for it, which leaves once.
    leaves: usize,
    /// What it counts, once.
    tally: Tally,
}

impl Splitter {
    /// `None` if inputs under `plan` have to go through one machine.
    pub(super) fn new(plan: &Arc<Plan>) -> Option<Self> {
        let (quotes, header) = match plan.format() {
            Format::Ndjson => (false, false),
            Format::Csv(Csv {
                charset: Charset::Utf8 | Charset::Windows1252,
                header,
                ..
            }) => (true, *header == Header::FirstRow),
            Format::Json
            | Format::JsonSequence
            | Format::EventStream
            | Format::Csv(_)
            | Format::Xml(_)
            | Format::Form
            | Format::Multipart
            | Format::Opaque(_) => return None,
        };
        let root = plan.automaton().state(plan.automaton().root());
        let counted = root.ranged() || root.record || plan.holds_document();
        // A limit on the whole body can only be held by who sees all of it.
        let limited = plan.limits().body_bytes != u64::MAX;
        (!counted && !limited).then(|| Self {
            plan: Arc::clone(plan),
            quotes,
            header,
        })
    }

    /// Where the last element that ends in `piece` does, which starts with an element's first byte.
    pub(super) fn last_end(&self, piece: &[u8]) -> Option<usize> {
        if !self.quotes {
            return memrchr_iter(b'\n', piece)
                .map(|at| at + 1)
                .find(|end| is_start(piece, *end));
        }
        let mut quoted = memchr_iter(b'"', piece).count() % 2 == 1;
        for at in memrchr2_iter(b'"', b'\n', piece) {
            if piece[at] == b'"' {
                quoted = !quoted;
            } else if !quoted && is_start(piece, at + 1) {
                return Some(at + 1);
            }
        }
        None
    }

    /// What stands before the elements at the start of an input, whose first piece this is.
    pub(super) fn lead(&self, first: &[u8]) -> Lead {
        let end = if self.header { row_end(first) } else { None };
        let bytes = first[..end.unwrap_or(0)].to_vec();
        let mut machine = minimise::machine(&self.plan, "");
        let mut out = Vec::new();
        // If that ends the body, it does so in the first piece, and no other counts.
        let tally = machine
            .push(&bytes, &mut out)
            .and_then(|()| machine.finish(&mut out))
            .unwrap_or_default();
        Lead {
            leaves: out.len(),
            bytes,
            tally,
        }
    }

    /// Whether the lead of an input that starts with `first` stands in there.
    pub(super) fn has_lead(&self, first: &[u8]) -> bool {
        !self.header || row_end(first).is_some()
    }

    /// Looks for where elements end, from the first byte of one on.
    pub(super) fn ends(&self) -> Ends {
        Ends {
            quotes: self.quotes,
            quoted: false,
        }
    }

    /// A machine for the piece that starts at `offset` of the input; the first has no `lead`.
    pub(super) fn run(&self, offset: u64, lead: Option<Arc<Lead>>) -> Run {
        let mut run = Run {
            machine: minimise::machine(&self.plan, ""),
            offset,
            skip: lead.as_ref().map_or(0, |lead| lead.leaves),
            counter: Counter::new(self.quotes),
            is_header: self.header && lead.is_none(),
            lead: None,
        };
        if let Some(lead) = lead {
            let mut out = Vec::new();
            // A fault of it is one of the first piece; here the next push tells it.
            drop(run.machine.push(&lead.bytes, &mut out));
            run.skip -= out.len().min(run.skip);
            run.lead = Some(lead);
        }
        run
    }
}

/// Whether an element may start at `at`, where another ends. What follows has to be known: behind a byte order mark a
/// machine of its own would read on as if it stood before a body.
fn is_start(piece: &[u8], at: usize) -> bool {
    piece.get(at).is_some_and(|byte| *byte != 0xEF)
}

/// One piece on its way.
pub(super) struct Run {
    machine: Box<dyn Machine>,
    offset: u64,
    /// Bytes of the machine's output that are the lead's.
    skip: usize,
    counter: Counter,
    /// The first element is the header.
    is_header: bool,
    lead: Option<Arc<Lead>>,
}

/// What a piece came to.
pub(super) struct Ended {
    pub(super) tally: Tally,
    /// How many elements it has.
    pub(super) elements: u64,
}

impl Run {
    /// As [`Machine::push`], with the offset from the input's start and the path from the piece's first element.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.counter.count(bytes);
        let before = out.len();
        let pushed = self.machine.push(bytes, out);
        // Tokens of subjects are the ledger's, and there is none here.
        drop(self.machine.take_subjects());
        self.take_lead_away(before, out);
        pushed.map_err(|error| self.placed(error))
    }

    /// As [`Machine::finish`].
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<Ended, BodyError> {
        let before = out.len();
        let finished = self.machine.finish(out);
        self.take_lead_away(before, out);
        let mut tally = finished.map_err(|error| self.placed(error))?;
        if let Some(lead) = &self.lead {
            tally.subtract(&lead.tally);
        }
        Ok(Ended {
            tally,
            elements: self.counter.elements
                - u64::from(self.is_header && self.counter.elements > 0),
        })
    }

    fn take_lead_away(&mut self, before: usize, out: &mut Vec<u8>) {
        let skipped = self.skip.min(out.len() - before);
        out.drain(before..before + skipped);
        self.skip -= skipped;
    }

    fn placed(&self, mut error: BodyError) -> BodyError {
        let lead = self.lead.as_ref().map_or(0, |lead| lead.bytes.len() as u64);
        error.offset = self.offset + error.offset.saturating_sub(lead);
        error
    }
}

/// Counts the elements that end.
struct Counter {
    quotes: bool,
    elements: u64,
    /// In quotes.
    quoted: bool,
    /// Something has come of the line that is more than white space; other lines are no elements.
    begun: bool,
}

impl Counter {
    fn new(quotes: bool) -> Self {
        Self {
            quotes,
            elements: 0,
            quoted: false,
            begun: false,
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        if self.quotes {
            for at in memchr2_iter(b'"', b'\n', bytes) {
                if bytes[at] == b'"' {
                    self.quoted = !self.quoted;
                } else if !self.quoted {
                    self.elements += 1;
                }
            }
            return;
        }
        let mut from = 0;
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
        for at in memchr_iter(b'\n', bytes) {
            if self.begun || !bytes[from..at].iter().all(blank) {
                self.elements += 1;
            }
            self.begun = false;
            from = at + 1;
        }
        self.begun |= !bytes[from..].iter().all(blank);
    }
}

/// Looks for where an element ends, in one piece after another.
pub(super) struct Ends {
    quotes: bool,
    quoted: bool,
}

impl Ends {
    /// Where in `bytes`, which follow those of the calls before, the first element ends behind which one may start.
    pub(super) fn first_in(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.quotes {
            return memchr_iter(b'\n', bytes)
                .map(|at| at + 1)
                .find(|end| is_start(bytes, *end));
        }
        for at in memchr2_iter(b'"', b'\n', bytes) {
            if bytes[at] == b'"' {
                self.quoted = !self.quoted;
            } else if !self.quoted && is_start(bytes, at + 1) {
                return Some(at + 1);
            }
        }
        None
    }
}

/// Where the first row of `bytes` ends.
fn row_end(bytes: &[u8]) -> Option<usize> {
    let mut quoted = false;
    memchr2_iter(b'"', b'\n', bytes)
        .find(|at| {
            quoted ^= bytes[*at] == b'"';
            bytes[*at] == b'\n' && !quoted
        })
        .map(|at| at + 1)
}

/// `error` with its path counted from the input's first element, `before` elements before the piece's.
pub(super) fn counted_from(before: u64, mut error: BodyError) -> BodyError {
    let index = error.path.strip_prefix("$[").and_then(|path| {
        let (index, rest) = path.split_once(']')?;
        Some((index.parse::<u64>().ok()?, rest))
    });
    if let Some((index, rest)) = index {
        error.path = format!("$[{}]{rest}", before + index);
    }
    error
}
