//! `br` (RFC 7932).
//!
//! The decoder notices that a block is longer than it says only where its input ends just then: such a stream, which no
//! encoder makes, would be a fault at one cut and pass at another. So it is given one byte at a time, whatever came.

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
        let (mut consumed, mut produced) = (0, 0);
        while !self.ended {
            let byte = &input[consumed..input.len().min(consumed + 1)];
            let room = &mut piece[produced..];
            let (mut byte_left, mut room_left) = (byte.len(), room.len());
            let (mut taken, mut made, mut total) = (0, 0, 0);
            let result = BrotliDecompressStream(
                &mut byte_left,
                &mut taken,
                byte,
                &mut room_left,
                &mut made,
                room,
                &mut total,
                &mut self.state,
            );
            consumed += taken;
            produced += made;
            match result {
                BrotliResult::ResultFailure => return Err(DecodeFault::Malformed),
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::NeedsMoreInput if consumed < input.len() => {}
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {
                    return Ok(Step { consumed, produced });
                }
            }
        }
        if consumed < input.len() {
            return Err(DecodeFault::TrailingBytes);
        }
        Ok(Step { consumed, produced })
    }

    /// Whether the body may end here.
    pub(super) fn is_whole(&self) -> bool {
        self.ended
    }
}
