//! Vector code: 64 bytes classified at once. The only module with `unsafe`.
//!
//! Each level gives the same answers (tests run all that the machine has); [`Level::best`] is chosen once a
//! machine is made. What is unsafe here is one thing: calling code for an instruction set, and it is called
//! only after that set was detected, or in tests from [`Level::available`], which detects it too.
#![cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(
        unsafe_code,
        reason = "intrinsics of instruction sets that must be detected first"
    )
)]

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

use super::BodyFault;
use super::grammar::{Check, Kinds};
use super::scan::Pass;
use super::tokens::{Room, Tokens};
use portable::Portable;

/// The classes of 64 bytes, a bit each, the first byte lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Classes {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    /// `{ } [ ] : ,`
    pub(super) operator: u64,
    /// Space, tab, line feed, carriage return.
    pub(super) white: u64,
    /// Below 0x20.
    pub(super) control: u64,
    /// Above 0x7F.
    pub(super) beyond: u64,
}

/// What 64 bytes are to escapes, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Escapes {
    /// `" \ / b f n r t`: what may stand behind a backslash, but for `u`.
    pub(super) simple: u64,
    pub(super) letter_u: u64,
    /// A hexadecimal digit.
    pub(super) hex: u64,
    /// The hexadecimal digit that surrogates start with, `d`.
    pub(super) letter_d: u64,
    /// Their second digit in high halves, `8 9 a b`, and in low halves, `c d e f`.
    pub(super) high: u64,
    pub(super) low: u64,
}

/// The sets of [`Escapes`] as bits of a byte, for each ASCII byte. `d` is in all of `hex`, `low` and its own.
const ESCAPES: [u8; 128] = {
    let mut table = [0; 128];
    let sets: [&[u8]; 6] = [
        b"\"\\/bfnrt",
        b"u",
        b"0123456789abcdefABCDEF",
        b"dD",
        b"89abAB",
        b"cdefCDEF",
    ];
    let mut set = 0;
    while set < sets.len() {
        let mut at = 0;
        while at < sets[set].len() {
            table[sets[set][at] as usize] |= 1 << set;
            at += 1;
        }
        set += 1;
    }
    table
};

/// What a level has its own code for. Its functions are inlined into a function that enables its instructions.
pub(super) trait Classify {
    fn classes(block: &[u8; 64]) -> Classes;

    /// What the bytes are to escapes.
    #[inline(always)]
    fn escapes(block: &[u8; 64]) -> Escapes {
        let mut sets = [0_u64; 6];
        for (bit, byte) in block.iter().enumerate() {
            let of = ESCAPES.get(*byte as usize).copied().unwrap_or(0);
            for (set, bits) in sets.iter_mut().enumerate() {
                *bits |= u64::from(of >> set & 1) << bit;
            }
        }
        let [simple, letter_u, hex, letter_d, high, low] = sets;
        Escapes {
            simple,
            letter_u,
            hex,
            letter_d,
            high,
            low,
        }
    }

    /// Each bit the XOR of itself and all lower ones.
    #[inline(always)]
    fn prefix_xor(mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }

    /// Appends a token for each bit of `bits`: its position from `base`, and its byte of `block`, or `0` where
    /// `runs` has the bit.
    #[inline(always)]
    fn flatten(mut bits: u64, runs: u64, block: &[u8; 64], base: u32, room: &mut Room<'_>) {
        let count = bits.count_ones();
        let (positions, kinds) = room.block();
        for (position, kind) in positions.iter_mut().zip(kinds).take(count as usize) {
            let bit = bits.trailing_zeros();
            *position = base + bit;
            *kind = if runs >> bit & 1 == 1 {
                b'0'
            } else {
                block[bit as usize & 63]
            };
            bits &= bits - 1;
        }
        room.grow(count);
    }

    /// Sorts 64 tokens by kind.
    #[inline(always)]
    fn kinds(block: &[u8; 64]) -> Kinds {
        let equal = |byte: u8| {
            block.iter().enumerate().fold(0_u64, |bits, (bit, of)| {
                bits | u64::from(*of == byte) << bit
            })
        };
        Kinds {
            quote: equal(b'"'),
            colon: equal(b':'),
            comma: equal(b','),
            open_object: equal(b'{'),
            open_array: equal(b'['),
            close_object: equal(b'}'),
            close_array: equal(b']'),
        }
    }
}

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Any processor.
    Portable,
    /// x86-64 with AVX2 and carry-less multiplication.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// x86-64 with AVX-512 (F, BW, VBMI, VBMI2) and carry-less multiplication.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AArch64 with NEON.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Level {
    /// The best that this processor has.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().last().copied().unwrap_or(Self::Portable))
    }

    /// All that this processor has, the best last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("pclmulqdq")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("popcnt")
                && is_x86_feature_detected!("lzcnt")
            {
                levels.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("avx512vbmi2")
                {
                    levels.push(Self::Avx512);
                }
            }
        }
        #[cfg(target_arch = "aarch64")]
        if cfg!(target_endian = "little") && std::arch::is_aarch64_feature_detected!("neon") {
            levels.push(Self::Neon);
        }
        levels
    }

    /// Runs `pass` over `window` with this level's code.
    #[inline]
    pub(super) fn index(
        self,
        pass: &mut Pass<'_>,
        window: &[u8],
        tokens: &mut Tokens,
    ) -> Option<(usize, BodyFault)> {
        match self {
            Self::Portable => pass.run::<Portable>(window, tokens),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level other than `Portable` comes from `available`, which has detected it.
            Self::Avx2 => unsafe { x86::index_avx2(pass, window, tokens) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Self::Avx512 => unsafe { x86::index_avx512(pass, window, tokens) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Self::Neon => unsafe { neon::index(pass, window, tokens) },
        }
    }

    /// Runs `check` over `tokens` with this level's code.
    #[inline]
    pub(super) fn check(
        self,
        check: &mut Check<'_>,
        tokens: &mut Tokens,
    ) -> Option<(usize, BodyFault)> {
        match self {
            Self::Portable => check.run::<Portable>(tokens),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `index`.
            Self::Avx2 => unsafe { x86::check_avx2(check, tokens) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in `index`.
            Self::Avx512 => unsafe { x86::check_avx512(check, tokens) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as in `index`.
            Self::Neon => unsafe { neon::check(check, tokens) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a level tells of one block, and its prefix XOR of one number.
    #[derive(Debug, PartialEq)]
    pub(super) struct Told {
        classes: Classes,
        escapes: Escapes,
        kinds: Kinds,
        prefix_xor: u64,
    }

    #[inline(always)]
    pub(super) fn told_by<C: Classify>(block: &[u8; 64], bits: u64) -> Told {
        Told {
            classes: C::classes(block),
            escapes: C::escapes(block),
            kinds: C::kinds(block),
            prefix_xor: C::prefix_xor(bits),
        }
    }

    fn told(level: Level, block: &[u8; 64], bits: u64) -> Told {
        match level {
            Level::Portable => told_by::<Portable>(block, bits),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level other than `Portable` comes from `available`, which has detected it.
            Level::Avx2 => unsafe { x86::tests::told_avx2(block, bits) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx512 => unsafe { x86::tests::told_avx512(block, bits) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Level::Neon => unsafe { neon::tests::told(block, bits) },
        }
    }

    /// The same by what the words mean, byte by byte.
    fn meant(block: &[u8; 64], bits: u64) -> Told {
        let those = |of: &dyn Fn(u8) -> bool| {
            (0..64).fold(0, |found, bit| found | u64::from(of(block[bit])) << bit)
        };
        let among = |set: &[u8]| those(&|byte| set.contains(&byte));
        Told {
            classes: Classes {
                quote: among(b"\""),
                backslash: among(b"\\"),
                operator: among(b"{}[]:,"),
                white: among(b" \t\n\r"),
                control: those(&|byte| byte < 0x20),
                beyond: those(&|byte| byte > 0x7F),
            },
            escapes: Escapes {
                simple: among(b"\"\\/bfnrt"),
                letter_u: among(b"u"),
                hex: those(&|byte| byte.is_ascii_hexdigit()),
                letter_d: among(b"dD"),
                high: among(b"89abAB"),
                low: among(b"cdefCDEF"),
            },
            kinds: Kinds {
                quote: among(b"\""),
                colon: among(b":"),
                comma: among(b","),
                open_object: among(b"{"),
                open_array: among(b"["),
                close_object: among(b"}"),
                close_array: among(b"]"),
            },
            prefix_xor: (0..64).fold(0, |found, bit| {
                let below = bits & (u64::MAX >> (63 - bit));
                found | u64::from(below.count_ones() % 2) << bit
            }),
        }
    }

    fn assert_told(block: &[u8; 64], bits: u64) {
        let meant = meant(block, bits);
        for level in Level::available() {
            assert_eq!(
                told(level, block, bits),
                meant,
                "{level:?} of {block:?} and {bits:#x}"
            );
        }
    }

    #[test]
    fn p8_every_level_tells_the_same_of_each_byte_at_each_place() {
        for byte in 0..=255_u8 {
            assert_told(&[byte; 64], u64::from(byte) << (byte % 57));
            // Strides that are odd: each place sees each byte, with other neighbours.
            for stride in [1, 3, 37] {
                let block = std::array::from_fn(|place| {
                    byte.wrapping_add((place as u8).wrapping_mul(stride))
                });
                assert_told(&block, 1_u64.rotate_left(byte.into()));
            }
        }
    }

    #[test]
    fn p8_every_level_tells_the_same_of_drawn_blocks() {
        // xorshift64*, from a fixed seed.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut draw = || {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            state.wrapping_mul(0x2545_F491_4F6C_DD1D)
        };
        let telling = b"\"\\{}[]:, \t\n\r/bfnrtu09afAFdD8cC\x00\x1F\x7F\x80\xFFgGxz";
        for _ in 0..1000 {
            let block = std::array::from_fn(|_| (draw() >> 56) as u8);
            assert_told(&block, draw());
            let block = std::array::from_fn(|_| telling[(draw() >> 33) as usize % telling.len()]);
            assert_told(&block, draw() & draw() & draw());
        }
        for bits in [0, 1, 1 << 63, u64::MAX, 3 << 62, 0x5555_5555_5555_5555] {
            assert_told(&[0; 64], bits);
        }
    }

    #[test]
    fn or_with_0x20_makes_brackets_of_brackets_only() {
        for byte in 0..=255_u8 {
            assert_eq!(byte | 0x20 == b'{', byte == b'{' || byte == b'[');
            assert_eq!(byte | 0x20 == b'}', byte == b'}' || byte == b']');
        }
    }

    #[test]
    fn every_level_is_listed_in_rising_order() {
        assert_eq!(Level::available()[0], Level::Portable);
        assert_eq!(Level::available().last(), Some(&Level::best()));
    }
}
