//! What is held until it is decided: records, and the limits of what is held.

use std::sync::Arc;

use super::super::{BodyFault, json};
use super::leave::Io;
use super::names::NameSpan;
use super::single::Use;
use super::{Expect, Fault, Mode, Open, Outcome, UNWATCHED, Walk};

/// A record, or something in it, that is held: from where, at which depth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) depth: usize,
}

/// A record whose condition is not decided yet: its bytes.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) span: Span,
    pub(super) raw: Vec<u8>,
    /// Where in the window the bytes start that `raw` lacks.
    pub(super) from: usize,
    /// Where in `raw` bytes of the body are left out that frame a document's parts, and how many.
    pub(super) gaps: Vec<(usize, u64)>,
}

impl Hold {
    /// Notes that the body goes on after `count` bytes that are none of the record's.
    pub(super) fn skips(&mut self, count: u64) {
        match self.gaps.last_mut() {
            Some((at, gap)) if *at == self.raw.len() => *gap += count,
            Some(_) | None => self.gaps.push((self.raw.len(), count)),
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

impl Walk {
    #[inline(never)]
    pub(super) fn record_starts(&mut self, mode: Mode, at: usize, io: &mut Io<'_>) -> Mode {
        self.watched = self.frames.len();
        let span = Span {
            start: io.offset(at),
            depth: self.frames.len(),
        };
        if self.plan.condition().is_some() && !self.replaying {
            self.record_name.clear();
            self.record_name.extend_from_slice(match self.name {
                NameSpan::Window(from, to) => &io.window[from..to],
                NameSpan::Kept => &self.name_kept,
            });
            self.hold = Some(Hold {
                span,
                raw: Vec::new(),
                from: at,
                gaps: Vec::new(),
            });
            return Mode::Hold;
        }
        if self.record.is_none() {
            io.flush();
            self.mark = io.out.len();
            self.record = Some(span);
        }
        mode
    }

    /// A held or open record ends before `end`.
    #[cold]
    pub(super) fn watched_ends(&mut self, end: usize, io: &mut Io<'_>) -> Outcome {
        if let Some(hold) = self.hold.take() {
            return self.hold_ends(hold, end, io);
        }
        if let Some(record) = self.record {
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
        }
        Ok(())
    }

    /// A record is read to its end: its condition decides, and what is released is walked again.
    pub(super) fn hold_ends(&mut self, mut hold: Hold, end: usize, io: &mut Io<'_>) -> Outcome {
        if io.offset(end) - hold.span.start > self.limits.held_bytes as u64 {
            return Err(self.held_too_large(hold.span.start, hold.span.depth));
        }
        self.watched = UNWATCHED;
        let element = if hold.raw.is_empty() {
            &io.window[hold.from..end]
        } else {
            hold.raw.extend_from_slice(&io.window[hold.from..end]);
            &hold.raw[..]
        };
        if self.tape.parse(element).is_err() {
            return Err(self.held_too_large(hold.span.start, hold.span.depth));
        }
        let plan = Arc::clone(&self.plan);
        let released = plan
            .condition()
            .is_none_or(|condition| condition.holds(&self.tape, element));
        if !released {
            self.tally.records_withheld += 1;
            if self.frames.is_empty() {
                io.bytes(b"null");
            }
            return Ok(());
        }
        std::mem::swap(&mut self.name_kept, &mut self.record_name);
        self.name = NameSpan::Kept;
        io.flush();
        self.mark = io.out.len();
        self.record = Some(hold.span);
        self.watched = hold.span.depth;
        self.replaying = true;
        self.expect = Expect::Value;
        let base = std::mem::replace(&mut self.base, self.frames.len());
        let mut tokens = std::mem::take(&mut self.replay_tokens);
        let replayed = json::replay(
            self,
            self.level,
            &mut tokens,
            element,
            hold.span.start,
            io.out,
        );
        self.replay_tokens = tokens;
        self.base = base;
        self.replaying = false;
        io.run = (usize::MAX, usize::MAX);
        replayed.map_err(|fault| hold.placed(fault))
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
        let record = if self.replaying { None } else { record };
        [hold, record, collecting]
            .into_iter()
            .flatten()
            .min_by_key(|fault| fault.offset)
    }

    /// The limit that was gone over before `fault` was seen, or `fault`.
    pub(in crate::minimise) fn earlier(&self, fault: Box<Fault>) -> Box<Fault> {
        match self.reached(fault.seen) {
            Some(limit) if limit.offset < fault.seen => limit,
            Some(_) | None => fault,
        }
    }
}
