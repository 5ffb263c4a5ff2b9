//! What leaves: ranges of the window, the openings that wait, and an open record's output until its end.

use super::super::BodyFault;
use super::super::patterns::Pattern;
use super::super::tokens::Tokens;
use super::names::NameSpan;
use super::{Fault, Walk};
use crate::plan::Renames;

/// One window and where its bytes go.
pub(in crate::minimise) struct Io<'a> {
    pub(in crate::minimise) window: &'a [u8],
    /// Offset of the window in the body.
    pub(in crate::minimise) base: u64,
    /// The range of the window that leaves next.
    pub(super) run: (usize, usize),
    pub(in crate::minimise) out: &'a mut Vec<u8>,
}

impl<'a> Io<'a> {
    pub(in crate::minimise) fn new(window: &'a [u8], base: u64, out: &'a mut Vec<u8>) -> Self {
        Self {
            window,
            base,
            run: (0, 0),
            out,
        }
    }

    #[inline]
    pub(super) fn flush(&mut self) {
        if self.run.0 != self.run.1 {
            self.out
                .extend_from_slice(&self.window[self.run.0..self.run.1]);
            self.run = (self.run.1, self.run.1);
        }
    }

    /// Lets a range of the window leave.
    #[inline]
    pub(super) fn range(&mut self, from: usize, to: usize) {
        if self.run.1 != from {
            self.flush();
            self.run.0 = from;
        }
        self.run.1 = to;
    }

    /// Lets one byte of structure leave: the one at `at`, if it is that, for the sake of longer ranges.
    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        if self.run.0 != self.run.1 && self.window.get(self.run.1) == Some(&byte) {
            self.run.1 += 1;
        } else {
            self.bytes(&[byte]);
        }
    }

    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.flush();
        self.out.extend_from_slice(bytes);
        // What follows starts a range of its own.
        self.run = (usize::MAX, usize::MAX);
    }

    /// Lets leave what does of the object at `token`, which is as `pattern` says and whose bracket has left.
    #[inline]
    pub(super) fn pattern(&mut self, pattern: &Pattern, token: usize, tokens: &Tokens) {
        let positions = &tokens.positions()[token..token + pattern.like.tokens];
        let place = |token: usize| positions[token] as usize;
        if tokens.compact {
            for range in &pattern.ranges {
                self.range(place(range.from), place(range.to) + range.more);
            }
            return;
        }
        for (number, member) in pattern.leave.iter().enumerate() {
            if number != 0 {
                self.byte(b',');
            }
            self.range(place(member.name), place(member.name + 1) + 1);
            self.byte(b':');
            let end = match tokens.kinds()[token + member.value] {
                b'"' => place(member.value + 1) + 1,
                _ => tokens.links()[token + member.value] as usize,
            };
            self.range(place(member.value), end);
        }
        let close = place(pattern.like.tokens - 1);
        self.range(close, close + 1);
    }

    pub(super) fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    pub(super) fn fault(&self, fault: BodyFault, at: usize) -> Box<Fault> {
        Fault::at(fault, self.offset(at))
    }
}

impl Walk {
    /// Lets leave what stands before a value that passes: openings that waited, a comma, its name.
    #[inline]
    pub(super) fn prefix(&mut self, io: &mut Io<'_>) {
        if !self.staged.is_empty() {
            self.unstage(io);
        }
        let Some(parent) = self.frames.last_mut() else {
            return;
        };
        if parent.some {
            io.byte(b',');
        }
        parent.some = true;
        if parent.object && parent.renames != Renames::LeftOut {
            match self.name {
                NameSpan::Window(from, to) => io.range(from, to),
                NameSpan::Kept => io.bytes(&self.name_kept),
                NameSpan::Renamed => io.bytes(&self.renamed),
            }
            io.byte(b':');
        }
    }

    /// The containers whose openings waited are open now.
    #[cold]
    pub(super) fn unstage(&mut self, io: &mut Io<'_>) {
        io.bytes(&self.staged);
        self.staged.clear();
        for inner in (0..self.frames.len()).rev() {
            if std::mem::replace(&mut self.frames[inner].brackets, true) {
                break;
            }
            if let Some(outer) = inner.checked_sub(1) {
                self.frames[outer].some = true;
            }
        }
    }

    /// Keeps the opening of a container until something in it passes.
    pub(super) fn stage(&mut self, bracket: u8, io: &Io<'_>) {
        if let Some(parent) = self.frames.last() {
            if parent.some {
                self.staged.push(b',');
            }
            if parent.object && parent.renames != Renames::LeftOut {
                match self.name {
                    NameSpan::Window(from, to) => {
                        self.staged.extend_from_slice(&io.window[from..to])
                    }
                    NameSpan::Kept => self.staged.extend_from_slice(&self.name_kept),
                    NameSpan::Renamed => self.staged.extend_from_slice(&self.renamed),
                }
                self.staged.push(b':');
            }
        }
        self.staged.push(bracket);
    }

    /// Ends a call: what the open record produced waits for its end.
    pub(in crate::minimise) fn hold_back(&mut self, out: &mut Vec<u8>) {
        if self.record.is_some() {
            self.held.extend_from_slice(&out[self.mark..]);
            out.truncate(self.mark);
        }
    }

    /// Starts a call with `out` as it is: the open record's output starts here.
    pub(in crate::minimise) fn resume_at(&mut self, out: &[u8]) {
        self.mark = out.len();
    }

    /// After a fault: nothing that is held leaves.
    pub(in crate::minimise) fn roll_back(&mut self, out: &mut Vec<u8>) {
        if self.record.is_some() {
            out.truncate(self.mark);
        }
    }
}
