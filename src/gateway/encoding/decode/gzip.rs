//! `gzip` (RFC 1952): one member after another, each with its checksum and length.

use flate2::Crc;

use super::deflate::Inflate;
use super::{DecodeFault, Step};

/// The longest header of a member: names and comments may go on for ever, and give nothing.
const HEADER_BYTES: usize = 128 << 10;

const ID: [u8; 2] = [0x1f, 0x8b];
const DEFLATED: u8 = 8;
/// Flags of a header (RFC 1952 §2.3.1). FTEXT says nothing that matters here.
const HEADER_CRC: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// A body of members.
#[derive(Default)]
pub(super) struct Gzip {
    state: State,
    /// Kept from member to member: setting it up anew is cheaper than making it.
    inflate: Inflate,
    /// Of the member's decoded bytes, with their count.
    body: Crc,
}

enum State {
    /// Before a member, of which there must be one, and may be more.
    Between {
        first: bool,
    },
    Header(Header),
    Body,
    /// Of CRC32 and ISIZE, the bytes that are there.
    Trailer {
        bytes: [u8; 8],
        length: usize,
    },
}

impl Default for State {
    fn default() -> Self {
        Self::Between { first: true }
    }
}

/// A member's header as far as it came.
struct Header {
    part: Part,
    flags: u8,
    /// Of the header's bytes, for its own checksum.
    crc: Crc,
}

/// What of a header comes next.
#[derive(Clone, Copy)]
enum Part {
    /// Identification, method, flags, time, extra flags, system: at this place of the ten bytes.
    Fixed(usize),
    ExtraLength {
        low: Option<u8>,
    },
    Extra {
        left: u16,
    },
    Name,
    Comment,
    /// Its two bytes, held against the sum of those before them.
    Crc {
        low: Option<u8>,
        sum: u16,
    },
}

impl Gzip {
    /// As [`super::Decoder::step`].
    pub(super) fn step(&mut self, input: &[u8], piece: &mut [u8]) -> Result<Step, DecodeFault> {
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            match &mut self.state {
                State::Body => {
                    let (step, ended) = self.inflate.step(rest, piece)?;
                    self.body.update(&piece[..step.produced]);
                    consumed += step.consumed;
                    if ended {
                        self.state = State::Trailer {
                            bytes: [0; 8],
                            length: 0,
                        };
                    }
                    if step.produced > 0 || !ended {
                        let produced = step.produced;
                        return Ok(Step { consumed, produced });
                    }
                }
                State::Between { .. } | State::Header(_) | State::Trailer { .. } => {
                    let Some(byte) = rest.first() else {
                        let produced = 0;
                        return Ok(Step { consumed, produced });
                    };
                    self.take(*byte)?;
                    consumed += 1;
                }
            }
        }
    }

    /// Whether the body may end here.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.state, State::Between { first: false })
    }

    /// Takes a byte of what is around the deflated data.
    fn take(&mut self, byte: u8) -> Result<(), DecodeFault> {
        match &mut self.state {
            State::Between { first } => {
                // What follows a member and does not begin another is no part of the body.
                if !*first && byte != ID[0] {
                    return Err(DecodeFault::TrailingBytes);
                }
                let mut header = Header {
                    part: Part::Fixed(0),
                    flags: 0,
                    crc: Crc::new(),
                };
                header.take(byte)?;
                self.state = State::Header(header);
            }
            State::Header(header) => {
                if header.take(byte)? {
                    self.inflate.reset();
                    self.body.reset();
                    self.state = State::Body;
                }
            }
            State::Trailer { bytes, length } => {
                bytes[*length] = byte;
                *length += 1;
                if *length == bytes.len() {
                    let [a, b, c, d, e, f, g, h] = *bytes;
                    let crc = u32::from_le_bytes([a, b, c, d]);
                    let size = u32::from_le_bytes([e, f, g, h]);
                    // ISIZE is the length modulo 2^32, which is how `amount` counts.
                    if crc != self.body.sum() || size != self.body.amount() {
                        return Err(DecodeFault::Malformed);
                    }
                    self.state = State::Between { first: false };
                }
            }
            State::Body => {}
        }
        Ok(())
    }
}

impl Header {
    /// Takes the next byte; gives whether it was the last.
    fn take(&mut self, byte: u8) -> Result<bool, DecodeFault> {
        self.crc.update(&[byte]);
        if self.crc.amount() as usize > HEADER_BYTES {
            return Err(DecodeFault::Malformed);
        }
        let part_ended = match &mut self.part {
            Part::Fixed(at) => {
                let allowed = match *at {
                    0 | 1 => byte == ID[*at],
                    2 => byte == DEFLATED,
                    3 => byte & RESERVED == 0,
                    _ => true,
                };
                if !allowed {
                    return Err(DecodeFault::Malformed);
                }
                if *at == 3 {
                    self.flags = byte;
                }
                *at += 1;
                *at == 10
            }
            Part::ExtraLength { low: low @ None } => {
                *low = Some(byte);
                false
            }
            Part::ExtraLength { low: Some(low) } => {
                let left = u16::from_le_bytes([*low, byte]);
                self.part = Part::Extra { left };
                left == 0
            }
            Part::Extra { left } => {
                *left -= 1;
                *left == 0
            }
            Part::Name | Part::Comment => byte == 0,
            Part::Crc {
                low: low @ None, ..
            } => {
                *low = Some(byte);
                false
            }
            Part::Crc {
                low: Some(low),
                sum,
            } => {
                if u16::from_le_bytes([*low, byte]) != *sum {
                    return Err(DecodeFault::Malformed);
                }
                true
            }
        };
        if !part_ended {
            return Ok(false);
        }
        let next = self.next();
        if let Some(part) = next {
            self.part = part;
        }
        Ok(next.is_none())
    }

    /// The part after this one, of those that the flags announce.
    fn next(&self) -> Option<Part> {
        let has = |flag| self.flags & flag != 0;
        // CRC16 is the lower half of the sum of all before it.
        let sum = (self.crc.sum() & 0xffff) as u16;
        let parts = [
            (has(EXTRA), Part::ExtraLength { low: None }),
            (has(NAME), Part::Name),
            (has(COMMENT), Part::Comment),
            (has(HEADER_CRC), Part::Crc { low: None, sum }),
        ];
        let later = match self.part {
            Part::Fixed(_) => 0,
            Part::ExtraLength { .. } | Part::Extra { .. } => 1,
            Part::Name => 2,
            Part::Comment => 3,
            Part::Crc { .. } => 4,
        };
        let mut rest = parts[later..].iter();
        rest.find_map(|(announced, part)| announced.then_some(*part))
    }
}
