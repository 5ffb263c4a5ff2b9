//! `br` (RFC 7932).
//!
//! The decoder notices only where its input ends that a block is longer than it says, so that such a stream, which no encoder
//! makes, may be a fault at one cut and pass at another. What comes out is minimised either way.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};

use super::{DecodeFault, Step};

/// A Brotli stream.
pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
}

impl Default for Brotli {
    fn default() -> Self {
        let alloc = StandardAlloc::default;
        Self {
            // Strict: windows beyond RFC 7932's 16 MiB are not of this coding.
            state: BrotliState::new_strict(alloc(), alloc(), alloc()),
            ended: false,
        }
    }
}

impl Brotli {
    /// As [`super::Decoder::step`].
    pub(super) fn step(&mut self, input: &[u8], piece: &mut [u8]) -> Result<Step, DecodeFault> {
        if self.ended {
            return match input {
                [] => Ok(Step {
                    consumed: 0,
                    produced: 0,
                }),
                [_, ..] => Err(DecodeFault::TrailingBytes),
            };
        }
        let (mut input_left, mut room) = (input.len(), piece.len());
        let (mut consumed, mut produced, mut total) = (0, 0, 0);
        let result = BrotliDecompressStream(
            &mut input_left,
            &mut consumed,
            input,
            &mut room,
            &mut produced,
            piece,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(DecodeFault::Malformed),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        if self.ended && consumed < input.len() {
            return Err(DecodeFault::TrailingBytes);
        }
        Ok(Step { consumed, produced })
    }

    /// Whether the body may end here.
    pub(super) fn is_whole(&self) -> bool {
        self.ended
    }
}
