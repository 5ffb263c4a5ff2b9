//! Where an input of many elements can be cut, so that machines of their own do the pieces.
//!
//! A line of NDJSON and a row of CSV mean the same wherever they stand, if no rule counts them and something has come
//! before: the header, and anything at all, since only a body's first bytes may be a byte order mark. Both are found
//! without reading them: a line by its line feed, a row by a line feed with an even number of quotes before it.

use std::sync::Arc;

use memchr::{memchr, memchr_iter, memchr2_iter, memrchr, memrchr2_iter};

use crate::minimise::{self, BodyError, Machine, Tally};
use crate::plan::{Charset, Csv, Format, Header, Plan};
use crate::transform::Occasion;

/// How inputs under a plan are cut.
pub(super) struct Splitter {
    plan: Arc<Plan>,
    occasion: Occasion,
    /// Line feeds may stand in quotes, where they end nothing.
    quotes: bool,
    /// The first row is no element, but what the others are read by.
    header: bool,
}

/// What every machine but the first reads before its piece: of CSV the first row, of NDJSON a blank line.
pub(super) struct Lead {
    bytes: Vec<u8>,
    /// What it counts.
    tally: Tally,
    /// The elements it has.
    elements: u64,
}

impl Splitter {
    /// `None` if inputs under `plan` have to go through one machine.
    pub(super) fn new(plan: &Arc<Plan>, occasion: Occasion) -> Option<Self> {
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
        let counted =
            root.ranged() || root.record || plan.holds_document() || plan.reads_document();
        // A limit on the whole body can only be held by who sees all of it.
        let limited = plan.limits().body_bytes != u64::MAX;
        (!counted && !limited).then(|| Self {
            plan: Arc::clone(plan),
            occasion,
            quotes,
            header,
        })
    }

    /// Where the last element that ends in `piece` does, which starts with an element's first byte.
    pub(super) fn last_end(&self, piece: &[u8]) -> Option<usize> {
        if !self.quotes {
            return memrchr(b'\n', piece).map(|at| at + 1);
        }
        let mut quoted = memchr_iter(b'"', piece).count() % 2 == 1;
        for at in memrchr2_iter(b'"', b'\n', piece) {
            if piece[at] == b'"' {
                quoted = !quoted;
            } else if !quoted {
                return Some(at + 1);
            }
        }
        None
    }

    /// Looks for where elements end, from the first byte of one on.
    pub(super) fn ends(&self) -> Ends {
        Ends {
            quotes: self.quotes,
            quoted: false,
        }
    }

    /// The lead of an input that starts with `first`; `None` if more must be known of it.
    pub(super) fn lead(&self, first: &[u8]) -> Option<Lead> {
        let bytes = if self.quotes {
            &first[..self.ends().first_in(first)?]
        } else {
            b"\n"
        };
        let mut machine = minimise::machine(&self.plan, "", self.occasion.clone());
        let mut out = Vec::new();
        // A fault of it is one of the first piece, and no other piece counts then.
        let tally = machine
            .push(bytes, &mut out)
            .and_then(|()| machine.finish(&mut out))
            .unwrap_or_default();
        Some(Lead {
            bytes: bytes.to_vec(),
            tally,
            elements: u64::from(self.quotes && !self.header),
        })
    }

    /// A machine for the piece that starts at `offset` of the input; the first has no `lead`.
    pub(super) fn run(&self, offset: u64, lead: Option<Arc<Lead>>) -> Run {
        let mut run = Run {
            machine: minimise::machine(&self.plan, "", self.occasion.clone()),
            offset,
            counter: Counter::new(self.quotes),
            is_header: self.header && lead.is_none(),
            lead: None,
        };
        if let Some(lead) = lead {
            // What leaves for it leaves by its end, and has left from the first machine. A fault of it is one of the
            // first piece; here the next push tells it.
            drop(run.machine.push(&lead.bytes, &mut Vec::new()));
            run.lead = Some(lead);
        }
        run
    }
}

/// One piece on its way.
pub(super) struct Run {
    machine: Box<dyn Machine>,
    offset: u64,
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
        let pushed = self.machine.push(bytes, out);
        // Tokens of subjects are the ledger's, and there is none here.
        drop(self.machine.take_subjects());
        pushed.map_err(|error| self.placed(error))
    }

    /// As [`Machine::finish`].
    pub(super) fn finish(mut self, out: &mut Vec<u8>) -> Result<Ended, BodyError> {
        let finished = self.machine.finish(out);
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

    /// `error`, counted from the input's first byte and the piece's first element.
    fn placed(&self, mut error: BodyError) -> BodyError {
        let (bytes, elements) = match &self.lead {
            Some(lead) => (lead.bytes.len() as u64, lead.elements),
            None => (0, 0),
        };
        error.offset = self.offset + error.offset.saturating_sub(bytes);
        counted(error, |index| index.saturating_sub(elements))
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
    /// Where in `bytes`, which follow those of the calls before, the first element ends.
    pub(super) fn first_in(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.quotes {
            return memchr(b'\n', bytes).map(|at| at + 1);
        }
        for at in memchr2_iter(b'"', b'\n', bytes) {
            if bytes[at] == b'"' {
                self.quoted = !self.quoted;
            } else if !self.quoted {
                return Some(at + 1);
            }
        }
        None
    }
}

/// `error` with the index of its element changed by `change`: to count from another one.
pub(super) fn counted(mut error: BodyError, change: impl Fn(u64) -> u64) -> BodyError {
    let index = error.path.strip_prefix("$[").and_then(|path| {
        let (index, rest) = path.split_once(']')?;
        Some((index.parse::<u64>().ok()?, rest))
    });
    if let Some((index, rest)) = index {
        error.path = format!("$[{}]{rest}", change(index));
    }
    error
}
