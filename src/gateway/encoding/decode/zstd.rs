//! `zstd` (RFC 8878), with the window that RFC 9659 allows.

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::{DecodeFault, Step};

/// The base-2 logarithm of the largest window: 8 MiB (RFC 9659 §3).
const WINDOW_LOG: u32 = 23;

/// What libzstd says of a frame whose window is larger: its error code 16, negative as its results are.
const WINDOW_TOO_LARGE: usize = 0_usize.wrapping_sub(16);

/// A body of frames, one after another.
pub(super) struct Zstd {
    state: DCtx<'static>,
    /// Whether a frame has ended and no other was begun.
    between: bool,
}

impl Default for Zstd {
    fn default() -> Self {
        let mut state = DCtx::create();
        state
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG))
            .expect("libzstd has windows of 8 MiB");
        Self {
            state,
            between: false,
        }
    }
}

impl Zstd {
    /// As [`super::Decoder::step`].
    pub(super) fn step(&mut self, input: &[u8], piece: &mut [u8]) -> Result<Step, DecodeFault> {
        let nothing_to_do = self.between && input.is_empty();
        if nothing_to_do {
            return Ok(Step {
                consumed: 0,
                produced: 0,
            });
        }
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(piece);
        let hint = self.state.decompress_stream(&mut to, &mut from);
        let step = Step {
            consumed: from.pos(),
            produced: to.pos(),
        };
        match hint {
            // A frame is decoded and all of it has come out.
            Ok(0) => self.between = true,
            Ok(_) => self.between = false,
            Err(WINDOW_TOO_LARGE) => return Err(DecodeFault::Window),
            // What follows a frame may be another, so that what is none is the coding's own fault.
            Err(_) => return Err(DecodeFault::Malformed),
        }
        Ok(step)
    }

    /// Whether the body may end here.
    pub(super) fn is_whole(&self) -> bool {
        self.between
    }
}
