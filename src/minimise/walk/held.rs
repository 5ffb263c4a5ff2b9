//! What is held until it is whole, and what is decided then.
//!
//! ```text
//! a value is asked for as a whole
//!     a candidate: filters and positions from an array's end lead to its state
//!     a record with a condition, or of which transforms must know something
//!     an array whose length decides about its elements
//!     the document, if something asks it from its root
//! this window has it whole  → it is decided at its start and walked on
//! this window cuts it       → its bytes are held; at its end they are one window,
//!                             which has it whole, and walked as if they came now
//! ```
//!
//! So a value is decided by the same code at the same place wherever the body was cut, and what is in one that is
//! whole is whole too. While it is held only its grammar is checked; its names are once it is walked.

use std::sync::Arc;

use super::super::BodyFault;
use super::super::asking::Asking;
use super::super::gate::Withheld;
use super::super::nodes::Nodes;
use super::super::tokens::Tokens;
use super::super::whole::Whole;
use super::leave::Io;
use super::names::NameSpan;
use super::single::Use;
use super::{Expect, Fault, Mode, Open, Outcome, UNWATCHED, Walk};
use crate::plan::{CandidateId, StateId, Test};

/// A record or a value that is held: from where, at which depth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) depth: usize,
}

/// A value that is held until it is whole.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) span: Span,
    /// Where in the window the bytes start that `raw` lacks.
    pub(super) from: usize,
    /// Where in `raw` bytes of the body are left out that frame a document's parts, and how many.
    pub(super) gaps: Vec<(usize, u64)>,
}

impl Hold {
    /// Notes that the body goes on after `count` bytes that are none of the value's, of which `held` bytes are held.
    pub(super) fn skips(&mut self, held: usize, count: u64) {
        match self.gaps.last_mut() {
            Some((at, gap)) if *at == held => *gap += count,
            Some(_) | None => self.gaps.push((held, count)),
        }
    }

    /// A fault's place in the body, from that in the record as if it had no gaps.
    fn placed(&self, mut fault: Box<Fault>) -> Box<Fault> {
        let before = |place: u64| -> u64 {
            let place = place - self.span.start;
            let before = self.gaps.iter().take_while(|(at, _)| *at as u64 <= place);
            before.map(|(_, count)| count).sum()
        };
        fault.offset += before(fault.offset);
        fault.seen += before(fault.seen);
        fault
    }
}

/// Bytes of a held value whose room is kept for the next one.
const ROOM: usize = 16 << 10;

impl Walk {
    /// What becomes of the value that starts with `token` in a state that asks for more than to be walked: a
    /// candidate, a record, a counted array, a document that is held.
    #[inline(never)]
    pub(super) fn special_starts(
        &mut self,
        mut mode: Mode,
        token: usize,
        tokens: &Tokens,
        io: &mut Io<'_>,
    ) -> Outcome<Mode> {
        let nodes = Nodes::new(io.window, tokens);
        let span = Span {
            start: io.offset(nodes.start(token)),
            depth: self.frames.len(),
        };
        let is_document = self.frames.is_empty() && self.plan.holds_document();
        if is_document || self.asks_for_all(mode, nodes.is_array(token)) {
            let Some(end) = self.whole(span, token, nodes, io)? else {
                return Ok(Mode::Hold);
            };
            if let Mode::Asked(candidate) = mode {
                mode = Mode::Walk(self.ask(candidate, token, end, nodes, io)?);
            }
            if self.is_record(mode)
                && let Err(why) = self.released(token, end, nodes, io)?
            {
                self.tally.withhold(why);
                if self.frames.is_empty() {
                    io.bytes(b"null");
                }
                return Ok(Mode::Skip);
            }
            if self.is_record(mode) {
                self.know(token, end, nodes, io)?;
            }
        }
        if self.is_record(mode) && self.record.is_none() {
            self.watched = span.depth;
            io.flush();
            self.mark = io.out.len();
            self.record = Some(span);
        }
        Ok(mode)
    }

    /// Whether a value must be whole before it is walked.
    fn asks_for_all(&self, mode: Mode, is_array: bool) -> bool {
        match mode {
            Mode::Asked(_) => true,
            Mode::Walk(id) => {
                let state = self.plan.automaton().state(id);
                state.counted && is_array || state.record && self.plan.asks_records()
            }
            Mode::Skip | Mode::Copy | Mode::Hold => false,
        }
    }

    fn is_record(&self, mode: Mode) -> bool {
        match mode {
            Mode::Walk(id) => self.plan.automaton().state(id).record,
            Mode::Asked(_) | Mode::Skip | Mode::Copy | Mode::Hold => false,
        }
    }

    /// The end of the value at `token`, if this window has it whole; else it is held from here on.
    fn whole(
        &mut self,
        span: Span,
        token: usize,
        nodes: Nodes<'_>,
        io: &Io<'_>,
    ) -> Outcome<Option<usize>> {
        let Some(end) = nodes.end(token) else {
            self.raw.clear();
            self.hold = Some(Hold {
                span,
                from: nodes.start(token),
                gaps: Vec::new(),
            });
            return Ok(None);
        };
        if end - nodes.start(token) > self.limits.held_bytes {
            return Err(self.held_too_large(span.start, span.depth));
        }
        self.known = self.known.max(io.offset(end));
        Ok(Some(end))
    }

    /// The state of a candidate, which is whole.
    fn ask(
        &self,
        candidate: CandidateId,
        token: usize,
        end: usize,
        nodes: Nodes<'_>,
        io: &Io<'_>,
    ) -> Outcome<StateId> {
        let (index, length) = self
            .frames
            .last()
            .map_or((0, 0), |frame| (frame.index, frame.length));
        let filters = self.plan.rulebook().filters();
        let asking = self.asking(nodes);
        let automaton = self.plan.automaton();
        let state = automaton.candidate(candidate).state(|test| match test {
            Test::Filter(filter) => asking.holds(filters.get(filter), token),
            Test::Position(positions) => positions.contains(index, length),
        });
        self.sound(end, io)?;
        Ok(state)
    }

    /// Whether a record, which is whole, may leave.
    fn released(
        &self,
        token: usize,
        end: usize,
        nodes: Nodes<'_>,
        io: &Io<'_>,
    ) -> Outcome<Result<(), Withheld>> {
        if !self.plan.decides_records() {
            return Ok(Ok(()));
        }
        // All of a record is there to be asked, so no object in it may name a member twice.
        for object in nodes.containers(token).filter(|of| nodes.is_object(*of)) {
            self.looked.borrow_mut().look_into(nodes, object);
        }
        let asking = self.asking(nodes);
        let released = asking.record(&self.plan, token, self.setting.occasion());
        self.sound(end, io)?;
        Ok(released)
    }

    /// Learns what transforms must know of a record, which is whole.
    fn know(&mut self, token: usize, end: usize, nodes: Nodes<'_>, io: &Io<'_>) -> Outcome {
        let plan = Arc::clone(&self.plan);
        if plan.known().is_empty() {
            return Ok(());
        }
        let mut known = std::mem::take(self.setting.known_mut());
        self.asking(nodes).know(&plan, token, &mut known);
        *self.setting.known_mut() = known;
        self.sound(end, io)
    }

    fn asking<'a>(&'a self, nodes: Nodes<'a>) -> Asking<'a> {
        Asking {
            nodes,
            looked: &self.looked,
            today: self.setting.today(),
            spreads: false,
        }
    }

    /// Whether what was asked of a value that ends before `end` came upon no object that names a member twice.
    fn sound(&self, end: usize, io: &Io<'_>) -> Outcome {
        match self.looked.borrow_mut().take_flaw() {
            None => Ok(()),
            Some((at, fault)) => Err(Box::new(Fault {
                fault,
                offset: io.offset(at),
                seen: io.offset(end),
                depth: None,
            })),
        }
    }

    /// The open record ends before `end`.
    #[cold]
    pub(super) fn record_ends(&mut self, end: usize, io: &mut Io<'_>) -> Outcome {
        let Some(record) = self.record else {
            return Ok(());
        };
        if io.offset(end) - record.start > self.limits.held_bytes as u64 {
            return Err(self.held_too_large(record.start, record.depth));
        }
        self.record = None;
        self.watched = UNWATCHED;
        io.flush();
        if !self.held.is_empty() {
            // What left in calls before comes first.
            let tail = io.out.split_off(self.mark);
            io.out.append(&mut self.held);
            io.out.extend_from_slice(&tail);
        }
        self.tally.records_released += 1;
        if self.record_subjects.is_empty() {
            self.tally.subjects_missing += u64::from(self.plan.subjects().is_some());
        }
        self.subjects.append(&mut self.record_subjects);
        // Nothing that is known of a record is there for what stands outside it.
        if !self.plan.known().is_empty() {
            self.setting.known_mut().forget();
        }
        Ok(())
    }

    /// The value that is held ends before `end`: it is walked as one window.
    #[cold]
    pub(super) fn hold_ends(&mut self, end: usize, io: &mut Io<'_>) -> Outcome {
        let Some(hold) = self.hold.take() else {
            return Ok(());
        };
        // What frames its parts counts too, as it does while it is held.
        if io.offset(end) - hold.span.start > self.limits.held_bytes as u64 {
            return Err(self.held_too_large(hold.span.start, hold.span.depth));
        }
        let mut raw = std::mem::take(&mut self.raw);
        raw.extend_from_slice(&io.window[hold.from..end]);
        io.flush();
        let mut whole = std::mem::replace(&mut self.whole, Whole::new(self.level, usize::MAX));
        let mut inner = Io::new(&raw, hold.span.start, io.out);
        self.looked.get_mut().forget();
        self.expect = Expect::Value;
        whole
            .look(&raw)
            .map_err(|(at, fault)| inner.fault(fault, at))
            .and_then(|tokens| self.tokens(tokens, &mut inner))
            .map_err(|fault| {
                let mut fault = hold.placed(fault);
                // It was whole before it was walked.
                fault.seen = fault.seen.max(io.base + end as u64);
                fault
            })?;
        inner.flush();
        // What follows starts a range of its own, in this window again.
        io.run = (usize::MAX, usize::MAX);
        self.name = NameSpan::Kept;
        self.looked.get_mut().forget();
        // What one large value took is not kept for all the small ones.
        whole.give_back();
        self.whole = whole;
        raw.clear();
        raw.shrink_to(ROOM);
        self.raw = raw;
        Ok(())
    }

    pub(super) fn held_too_large(&self, start: u64, depth: usize) -> Box<Fault> {
        let offset = start + self.limits.held_bytes as u64;
        Box::new(Fault {
            fault: BodyFault::HeldTooLarge,
            offset,
            seen: offset,
            depth: Some(depth),
        })
    }

    /// The limit that a body read up to `seen` has gone over, the earliest if there are two.
    pub(super) fn reached(&self, seen: u64) -> Option<Box<Fault>> {
        let held = self.limits.held_bytes as u64;
        let over = |start: u64, depth: usize| {
            (seen > start && seen - start > held).then(|| self.held_too_large(start, depth))
        };
        let collecting = match (self.open, self.using) {
            (Open::Single, Use::Collect(state))
                if self.plan.automaton().state(state).collects() =>
            {
                over(self.value_start, self.frames.len())
            }
            (Open::Single | Open::Nothing | Open::Name, _) => None,
        };
        let hold = self
            .hold
            .as_ref()
            .and_then(|hold| over(hold.span.start, hold.span.depth));
        let record = self
            .record
            .and_then(|record| over(record.start, record.depth));
        [hold, record, collecting]
            .into_iter()
            .flatten()
            .min_by_key(|fault| fault.offset)
    }

    /// The limit that was gone over before `fault` was seen, or `fault`.
    ///
    /// A fault in a value that had to be whole is seen at its end at the earliest, wherever the body was cut.
    pub(in crate::minimise) fn earlier(&self, fault: Box<Fault>) -> Box<Fault> {
        let seen = fault.seen.max(self.known);
        match self.reached(seen) {
            Some(limit) if limit.offset < seen => limit,
            Some(_) | None => fault,
        }
    }
}
