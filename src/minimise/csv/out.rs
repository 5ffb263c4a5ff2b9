//! One window of text and where its bytes go: ranges that follow each other are copied as one.

use std::cell::Cell;

use super::super::charset::Place;
use crate::plan::Charset;

/// One window and the output.
pub(super) struct Io<'a> {
    pub(super) window: &'a [u8],
    /// Where the window stands.
    pub(super) base: Place,
    pub(super) charset: Charset,
    /// The place that was asked for last, and where in the window it is: the next is counted from there.
    last: Cell<(usize, Place)>,
    /// The range of the window that leaves next.
    run: (usize, usize),
    pub(super) out: &'a mut Vec<u8>,
}

impl<'a> Io<'a> {
    pub(super) fn new(
        window: &'a [u8],
        base: Place,
        charset: Charset,
        out: &'a mut Vec<u8>,
    ) -> Self {
        Self {
            window,
            base,
            charset,
            last: Cell::new((0, base)),
            run: (0, 0),
            out,
        }
    }

    /// The place of the byte at `at` of the window, which may lie behind it.
    pub(super) fn place(&self, at: usize) -> Place {
        let at = at.min(self.window.len());
        let (from, known) = match self.last.get() {
            last if last.0 <= at => last,
            _ => (0, self.base),
        };
        let place = known.after(&self.window[from..at], self.charset);
        self.last.set((at, place));
        place
    }

    /// How many bytes of text stand before `at`.
    pub(super) fn text_at(&self, at: usize) -> u64 {
        self.base.text + at as u64
    }

    /// Lets a range of the window leave.
    #[inline(always)]
    pub(super) fn range(&mut self, from: usize, to: usize) {
        if self.run.1 != from {
            self.flush();
            self.run.0 = from;
        }
        self.run.1 = to;
    }

    /// Lets other bytes leave.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.pushed().extend_from_slice(bytes);
    }

    /// The output, for bytes that are not of the window.
    pub(super) fn pushed(&mut self) -> &mut Vec<u8> {
        self.flush();
        self.out
    }

    /// Brings the output up to date.
    #[inline]
    pub(super) fn flush(&mut self) {
        let (from, to) = self.run;
        if from != to {
            self.out.extend_from_slice(&self.window[from..to]);
        }
        // No range of a window starts there, so that the next one starts anew.
        self.run = (usize::MAX, usize::MAX);
    }
}
