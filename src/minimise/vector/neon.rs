//! NEON: 64 bytes are four vectors of 16, of which each has every fourth byte.

#[allow(
    clippy::wildcard_imports,
    reason = "intrinsics are named by what they do"
)]
use std::arch::aarch64::*;

use super::portable::flatten_by_eights;
use super::{BodyFault, Check, Classes, Classify, ESCAPES, Escapes, Kinds, Pass, Room, Tokens};

/// # Safety
/// The processor has NEON.
#[target_feature(enable = "neon")]
pub(super) unsafe fn index(
    pass: &mut Pass<'_>,
    window: &[u8],
    tokens: &mut Tokens,
) -> Option<(usize, BodyFault)> {
    pass.run::<Neon>(window, tokens)
}

/// # Safety
/// As `index`.
#[target_feature(enable = "neon")]
pub(super) unsafe fn check(
    check: &mut Check<'_>,
    tokens: &mut Tokens,
) -> Option<(usize, BodyFault)> {
    check.run::<Neon>(tokens)
}

/// A block, or what was found of its bytes: byte `4 * n + k` is the `n`th of vector `k`.
type Four = [uint8x16_t; 4];

#[inline(always)]
fn load(block: &[u8; 64]) -> Four {
    // SAFETY: inlined only into `index` and `check`; `block` has the 64 bytes that are read.
    let uint8x16x4_t(first, second, third, fourth) = unsafe { vld4q_u8(block.as_ptr()) };
    [first, second, third, fourth]
}

/// The bytes of `found`, each all ones or zero, as a bit each.
///
/// Four neighbours lie in the same place of the four vectors: shifted into one another they are the high half of
/// a byte. Then two halves make a byte.
#[inline(always)]
fn bits(found: Four) -> u64 {
    let [first, second, third, fourth] = found;
    // SAFETY: inlined only into `index` and `check`.
    unsafe {
        let pairs = (
            vsriq_n_u8::<1>(second, first),
            vsriq_n_u8::<1>(fourth, third),
        );
        let high = vsriq_n_u8::<2>(pairs.1, pairs.0);
        let both = vsriq_n_u8::<4>(high, high);
        let bytes = vshrn_n_u16::<4>(vreinterpretq_u16_u8(both));
        vget_lane_u64::<0>(vreinterpret_u64_u8(bytes))
    }
}

/// Which bytes are `byte`.
#[inline(always)]
fn equal(bytes: Four, byte: u8) -> u64 {
    // SAFETY: inlined only into `index` and `check`.
    unsafe {
        let wanted = vdupq_n_u8(byte);
        bits(bytes.map(|part| vceqq_u8(part, wanted)))
    }
}

/// Which bytes have one of the bits of `mask`.
#[inline(always)]
fn having(found: Four, mask: u8) -> u64 {
    // SAFETY: inlined only into `index` and `check`.
    unsafe {
        let mask = vdupq_n_u8(mask);
        bits(found.map(|part| vtstq_u8(part, mask)))
    }
}

const QUOTE: u8 = 1;
const BACKSLASH: u8 = 1 << 1;
const OPERATOR: u8 = 1 << 2 | 1 << 3 | 1 << 4;
const WHITE: u8 = 1 << 5 | 1 << 6;
const CONTROL: u8 = 1 << 7;

/// The sets of [`Classes`] as bits, for the high and the low half of a byte: a byte is in the sets that both of
/// its halves have. So each bit is a set of all bytes that are made of certain halves; operators are three such
/// sets, white bytes two.
const HALVES: ([u8; 16], [u8; 16]) = {
    let (mut high, mut low) = ([0; 16], [0; 16]);
    let sets: [&[u8]; 7] = [b"\"", b"\\", b",", b":", b"{}[]", b" ", b"\t\n\r"];
    let mut set = 0;
    while set < sets.len() {
        let mut at = 0;
        while at < sets[set].len() {
            high[(sets[set][at] >> 4) as usize] |= 1 << set;
            low[(sets[set][at] & 15) as usize] |= 1 << set;
            at += 1;
        }
        set += 1;
    }
    high[0] |= CONTROL;
    high[1] |= CONTROL;
    let mut half = 0;
    while half < 16 {
        low[half] |= CONTROL;
        half += 1;
    }
    (high, low)
};

pub(super) struct Neon;

/// Prefix XOR is the portable one: six XORs of shifted numbers, which this processor does in an instruction each.
/// A carry-less product is not in every NEON, and the bits would have to go to a vector and back.
impl Classify for Neon {
    #[inline(always)]
    fn classes(block: &[u8; 64]) -> Classes {
        let bytes = load(block);
        // SAFETY: inlined only into `index`; each table has the 16 bytes that are read.
        let (found, beyond) = unsafe {
            let high = vld1q_u8(HALVES.0.as_ptr());
            let low = vld1q_u8(HALVES.1.as_ptr());
            let half = vdupq_n_u8(15);
            let found = bytes.map(|part| {
                vandq_u8(
                    vqtbl1q_u8(high, vshrq_n_u8::<4>(part)),
                    vqtbl1q_u8(low, vandq_u8(part, half)),
                )
            });
            let beyond = bytes.map(|part| vcltzq_s8(vreinterpretq_s8_u8(part)));
            (found, beyond)
        };
        Classes {
            quote: having(found, QUOTE),
            backslash: having(found, BACKSLASH),
            operator: having(found, OPERATOR),
            white: having(found, WHITE),
            control: having(found, CONTROL),
            beyond: bits(beyond),
        }
    }

    #[inline(always)]
    fn escapes(block: &[u8; 64]) -> Escapes {
        let bytes = load(block);
        // SAFETY: inlined only into `index`; `ESCAPES` has the twice 64 bytes that are read.
        let found = unsafe {
            let low = vld1q_u8_x4(ESCAPES.as_ptr());
            let high = vld1q_u8_x4(ESCAPES.as_ptr().add(64));
            let second = vdupq_n_u8(64);
            // A look-up beyond the table gives zero, or in the second step what the first gave.
            bytes.map(|part| vqtbx4q_u8(vqtbl4q_u8(low, part), high, veorq_u8(part, second)))
        };
        Escapes {
            simple: having(found, 1),
            letter_u: having(found, 1 << 1),
            hex: having(found, 1 << 2),
            letter_d: having(found, 1 << 3),
            high: having(found, 1 << 4),
            low: having(found, 1 << 5),
        }
    }

    #[inline(always)]
    fn flatten(bits: u64, runs: u64, block: &[u8; 64], base: u32, room: &mut Room<'_>) {
        flatten_by_eights(bits, runs, block, base, room);
    }

    #[inline(always)]
    fn kinds(block: &[u8; 64]) -> Kinds {
        let bytes = load(block);
        Kinds {
            quote: equal(bytes, b'"'),
            colon: equal(bytes, b':'),
            comma: equal(bytes, b','),
            open_object: equal(bytes, b'{'),
            open_array: equal(bytes, b'['),
            close_object: equal(bytes, b'}'),
            close_array: equal(bytes, b']'),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::{Told, told_by};
    use super::Neon;

    /// # Safety
    /// As `index`.
    #[target_feature(enable = "neon")]
    pub(in super::super) unsafe fn told(block: &[u8; 64], bits: u64) -> Told {
        told_by::<Neon>(block, bits)
    }
}
