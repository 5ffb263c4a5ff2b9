//! Any processor, and what other levels share with it.

use super::{Classes, Classify, Room};

pub(super) struct Portable;

impl Classify for Portable {
    #[inline(always)]
    fn classes(block: &[u8; 64]) -> Classes {
        const QUOTE: u8 = 1;
        const BACKSLASH: u8 = 2;
        const OPERATOR: u8 = 4;
        const WHITE: u8 = 8;
        const CONTROL: u8 = 16;
        const BEYOND: u8 = 32;
        const TABLE: [u8; 256] = {
            let mut table = [0; 256];
            let mut byte = 0x80;
            while byte < 256 {
                table[byte] = BEYOND;
                byte += 1;
            }
            byte = 0;
            while byte < 0x20 {
                table[byte] = CONTROL;
                byte += 1;
            }
            table[b'\t' as usize] |= WHITE;
            table[b'\n' as usize] |= WHITE;
            table[b'\r' as usize] |= WHITE;
            table[b' ' as usize] |= WHITE;
            table[b'"' as usize] = QUOTE;
            table[b'\\' as usize] = BACKSLASH;
            let operators = b"{}[]:,";
            let mut at = 0;
            while at < operators.len() {
                table[operators[at] as usize] = OPERATOR;
                at += 1;
            }
            table
        };
        let mut classes = Classes {
            quote: 0,
            backslash: 0,
            operator: 0,
            white: 0,
            control: 0,
            beyond: 0,
        };
        for (bit, byte) in block.iter().enumerate() {
            let class = u64::from(TABLE[*byte as usize]);
            classes.quote |= (class & 1) << bit;
            classes.backslash |= (class >> 1 & 1) << bit;
            classes.operator |= (class >> 2 & 1) << bit;
            classes.white |= (class >> 3 & 1) << bit;
            classes.control |= (class >> 4 & 1) << bit;
            classes.beyond |= (class >> 5 & 1) << bit;
        }
        classes
    }
}

/// [`Classify::flatten`] eight tokens at a time, written whether they are there or not: one branch that is mostly
/// foretold.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
pub(super) fn flatten_by_eights(
    mut bits: u64,
    runs: u64,
    block: &[u8; 64],
    base: u32,
    room: &mut Room<'_>,
) {
    let count = bits.count_ones();
    let (positions, kinds) = room.block();
    // Written here once and in no closure: that would be a function without this level's instructions.
    for (positions, kinds) in positions
        .as_chunks_mut::<8>()
        .0
        .iter_mut()
        .zip(kinds.as_chunks_mut::<8>().0)
    {
        #[allow(clippy::needless_range_loop, reason = "made inline as it stands")]
        for at in 0..8 {
            let bit = bits.trailing_zeros();
            positions[at] = base + bit;
            kinds[at] = if runs >> (bit & 63) & 1 == 1 {
                b'0'
            } else {
                block[bit as usize & 63]
            };
            bits &= bits.wrapping_sub(1);
        }
        if bits == 0 {
            break;
        }
    }
    room.grow(count);
}
