//! `deflate`: RFC 1950 (zlib), or RFC 1951 alone; and what both and `gzip` have in common.

use flate2::{Decompress, FlushDecompress, Status};

use super::{DecodeFault, Step};

/// Deflated data (RFC 1951), with nothing or zlib's frame around it.
pub(super) struct Inflate {
    state: Decompress,
    ended: bool,
}

impl Default for Inflate {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Inflate {
    fn new(zlib: bool) -> Self {
        Self {
            state: Decompress::new(zlib),
            ended: false,
        }
    }

    /// Begins anew, with data that has nothing around it.
    pub(super) fn reset(&mut self) {
        self.state.reset(false);
        self.ended = false;
    }

    /// As [`super::Decoder::step`]; gives as well whether the data has ended, after which nothing more is taken.
    pub(super) fn step(
        &mut self,
        input: &[u8],
        piece: &mut [u8],
    ) -> Result<(Step, bool), DecodeFault> {
        let mut step = Step {
            consumed: 0,
            produced: 0,
        };
        if !self.ended {
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            let status = self
                .state
                .decompress(input, piece, FlushDecompress::None)
                .map_err(|_| DecodeFault::Malformed)?;
            step.consumed = (self.state.total_in() - before_in) as usize;
            step.produced = (self.state.total_out() - before_out) as usize;
            self.ended = status == Status::StreamEnd;
        }
        Ok((step, self.ended))
    }
}

/// A body labelled `deflate`. What the label means was long unclear, so that servers send both.
#[derive(Default)]
pub(super) enum Deflate {
    /// Not yet two bytes.
    #[default]
    Nothing,
    /// The first byte, which does not yet say which it is.
    First(u8),
    /// What it is, with the first two bytes as far as they are not yet taken.
    Known {
        inflate: Inflate,
        held: [u8; 2],
        taken: usize,
    },
}

impl Deflate {
    /// As [`super::Decoder::step`].
    pub(super) fn step(&mut self, input: &[u8], piece: &mut [u8]) -> Result<Step, DecodeFault> {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            match self {
                Self::Nothing => match rest.first() {
                    None => break,
                    Some(byte) => {
                        consumed += 1;
                        *self = Self::First(*byte);
                    }
                },
                Self::First(first) => match rest.first() {
                    None => break,
                    Some(second) => {
                        consumed += 1;
                        let held = [*first, *second];
                        *self = Self::Known {
                            inflate: Inflate::new(is_zlib(held)),
                            held,
                            taken: 0,
                        };
                    }
                },
                Self::Known {
                    inflate,
                    held,
                    taken,
                } if *taken < held.len() => {
                    let (step, ended) = inflate.step(&held[*taken..], piece)?;
                    *taken += step.consumed;
                    // A raw stream may be of one byte alone, with another behind it.
                    if ended && *taken < held.len() {
                        return Err(DecodeFault::TrailingBytes);
                    }
                    if step.consumed == 0 && step.produced == 0 {
                        return Err(DecodeFault::Malformed);
                    }
                    if step.produced > 0 {
                        let produced = step.produced;
                        return Ok(Step { consumed, produced });
                    }
                }
                Self::Known { inflate, .. } => {
                    let (step, ended) = inflate.step(rest, piece)?;
                    consumed += step.consumed;
                    if ended && consumed < input.len() {
                        return Err(DecodeFault::TrailingBytes);
                    }
                    let produced = step.produced;
                    return Ok(Step { consumed, produced });
                }
            }
        }
        let produced = 0;
        Ok(Step { consumed, produced })
    }

    /// Whether the body may end here.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Nothing | Self::First(_) => false,
            Self::Known { inflate, .. } => inflate.ended,
        }
    }
}

/// Whether `start` is zlib's header (RFC 1950 §2.2): deflate with a window of at most 32 KiB, and the check of both bytes.
fn is_zlib([method, flags]: [u8; 2]) -> bool {
    method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]) % 31 == 0
}
