//! One window of text and where its bytes go: ranges that follow each other are copied as one.

use super::super::charset::Place;
use crate::plan::Charset;

/// One window and the output.
pub(super) struct Io<'a> {
    pub(super) window: &'a [u8],
    /// Where the window stands.
    pub(super) base: Place,
    pub(super) charset: Charset,
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
            run: (0, 0),
            out,
        }
    }

    /// The place of the byte at `at` of the window, which may lie behind it.
    pub(super) fn place(&self, at: usize) -> Place {
        self.base
            .after(&self.window[..at.min(self.window.len())], self.charset)
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
