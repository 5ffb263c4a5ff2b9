//! AVX2 and AVX-512.

#[allow(
    clippy::wildcard_imports,
    reason = "intrinsics are named by what they do"
)]
use std::arch::x86_64::*;

use super::portable::flatten_by_eights;
use super::{BodyFault, Check, Classes, Classify, ESCAPES, Escapes, Kinds, Pass, Room, Tokens};

/// # Safety
/// The processor has AVX2, PCLMULQDQ and the bit instructions named.
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt")]
pub(super) unsafe fn index_avx2(
    pass: &mut Pass<'_>,
    window: &[u8],
    tokens: &mut Tokens,
) -> Option<(usize, BodyFault)> {
    pass.run::<Avx2>(window, tokens)
}

/// # Safety
/// As `index_avx2`, and the processor has AVX-512 F, BW, VBMI and VBMI2.
#[target_feature(
    enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt"
)]
pub(super) unsafe fn index_avx512(
    pass: &mut Pass<'_>,
    window: &[u8],
    tokens: &mut Tokens,
) -> Option<(usize, BodyFault)> {
    pass.run::<Avx512>(window, tokens)
}

/// # Safety
/// As `index_avx2`.
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt")]
pub(super) unsafe fn check_avx2(
    check: &mut Check<'_>,
    tokens: &mut Tokens,
) -> Option<(usize, BodyFault)> {
    check.run::<Avx2>(tokens)
}

/// # Safety
/// As `index_avx512`.
#[target_feature(
    enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt"
)]
pub(super) unsafe fn check_avx512(
    check: &mut Check<'_>,
    tokens: &mut Tokens,
) -> Option<(usize, BodyFault)> {
    check.run::<Avx512>(tokens)
}

/// Prefix XOR as a carry-less product with all ones.
#[inline(always)]
fn prefix_xor(bits: u64) -> u64 {
    // SAFETY: inlined only into the two functions above, which require PCLMULQDQ.
    unsafe {
        let product =
            _mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits.cast_signed()), _mm_set1_epi8(-1));
        _mm_cvtsi128_si64(product).cast_unsigned()
    }
}

/// Which bytes are from `first` to `last`, both below 0x80.
#[inline(always)]
fn within(bytes: __m256i, first: u8, last: u8) -> __m256i {
    // SAFETY: inlined only into `index_avx2`.
    unsafe {
        _mm256_and_si256(
            _mm256_cmpgt_epi8(bytes, _mm256_set1_epi8(first.cast_signed() - 1)),
            _mm256_cmpgt_epi8(_mm256_set1_epi8(last.cast_signed() + 1), bytes),
        )
    }
}

pub(super) struct Avx2;

impl Classify for Avx2 {
    #[inline(always)]
    fn classes(block: &[u8; 64]) -> Classes {
        // SAFETY: inlined only into `index_avx2`; each half of `block` has the 32 bytes that are read.
        unsafe {
            let low = _mm256_loadu_si256(block.as_ptr().cast());
            let high = _mm256_loadu_si256(block.as_ptr().add(32).cast());
            let both = |low: __m256i, high: __m256i| {
                u64::from(_mm256_movemask_epi8(low).cast_unsigned())
                    | u64::from(_mm256_movemask_epi8(high).cast_unsigned()) << 32
            };
            let equal = |byte: u8| {
                let wanted = _mm256_set1_epi8(byte.cast_signed());
                both(
                    _mm256_cmpeq_epi8(low, wanted),
                    _mm256_cmpeq_epi8(high, wanted),
                )
            };
            // `[` and `{`, `]` and `}` differ by 0x20 only, and no other two bytes become these.
            let fold = _mm256_set1_epi8(0x20);
            let (low_folded, high_folded) =
                (_mm256_or_si256(low, fold), _mm256_or_si256(high, fold));
            let bracket = |byte: u8| {
                let wanted = _mm256_set1_epi8(byte.cast_signed());
                both(
                    _mm256_cmpeq_epi8(low_folded, wanted),
                    _mm256_cmpeq_epi8(high_folded, wanted),
                )
            };
            let limit = _mm256_set1_epi8(0x1F);
            let control = both(
                _mm256_cmpeq_epi8(_mm256_min_epu8(low, limit), low),
                _mm256_cmpeq_epi8(_mm256_min_epu8(high, limit), high),
            );
            // White space by the low half of the byte: each half stands for at most one white byte.
            let whites = _mm256_setr_epi8(
                b' ' as i8,
                -1,
                -1,
                -1,
                -1,
                -1,
                -1,
                -1,
                -1,
                b'\t' as i8,
                b'\n' as i8,
                -1,
                -1,
                b'\r' as i8,
                -1,
                -1,
                b' ' as i8,
                -1,
                -1,
                -1,
                -1,
                -1,
                -1,
                -1,
                -1,
                b'\t' as i8,
                b'\n' as i8,
                -1,
                -1,
                b'\r' as i8,
                -1,
                -1,
            );
            let white = both(
                _mm256_cmpeq_epi8(low, _mm256_shuffle_epi8(whites, low)),
                _mm256_cmpeq_epi8(high, _mm256_shuffle_epi8(whites, high)),
            );
            Classes {
                quote: equal(b'"'),
                backslash: equal(b'\\'),
                operator: bracket(b'{') | bracket(b'}') | equal(b':') | equal(b','),
                white,
                control,
                beyond: both(low, high),
            }
        }
    }

    #[inline(always)]
    fn escapes(block: &[u8; 64]) -> Escapes {
        // SAFETY: inlined only into `index_avx2`; each half of `block` has the 32 bytes that are read.
        unsafe {
            let low = _mm256_loadu_si256(block.as_ptr().cast());
            let high = _mm256_loadu_si256(block.as_ptr().add(32).cast());
            let both = |low: __m256i, high: __m256i| {
                u64::from(_mm256_movemask_epi8(low).cast_unsigned())
                    | u64::from(_mm256_movemask_epi8(high).cast_unsigned()) << 32
            };
            let equal = |byte: u8| {
                let wanted = _mm256_set1_epi8(byte.cast_signed());
                both(
                    _mm256_cmpeq_epi8(low, wanted),
                    _mm256_cmpeq_epi8(high, wanted),
                )
            };
            // Capitals as small letters; of digits it makes digits, of nothing else either.
            let fold = _mm256_set1_epi8(0x20);
            let (small_low, small_high) = (_mm256_or_si256(low, fold), _mm256_or_si256(high, fold));
            let among = |low: __m256i, high: __m256i, first: u8, last: u8| {
                both(within(low, first, last), within(high, first, last))
            };
            let letters_ab = among(small_low, small_high, b'a', b'b');
            let letters_cf = among(small_low, small_high, b'c', b'f');
            let letter_d = {
                let wanted = _mm256_set1_epi8(b'd'.cast_signed());
                both(
                    _mm256_cmpeq_epi8(small_low, wanted),
                    _mm256_cmpeq_epi8(small_high, wanted),
                )
            };
            Escapes {
                simple: equal(b'"')
                    | equal(b'\\')
                    | equal(b'/')
                    | equal(b'b')
                    | equal(b'f')
                    | equal(b'n')
                    | equal(b'r')
                    | equal(b't'),
                letter_u: equal(b'u'),
                hex: among(low, high, b'0', b'9') | letters_ab | letters_cf,
                letter_d,
                high: among(low, high, b'8', b'9') | letters_ab,
                low: letters_cf,
            }
        }
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        prefix_xor(bits)
    }

    #[inline(always)]
    fn flatten(bits: u64, runs: u64, block: &[u8; 64], base: u32, room: &mut Room<'_>) {
        flatten_by_eights(bits, runs, block, base, room);
    }

    #[inline(always)]
    fn kinds(block: &[u8; 64]) -> Kinds {
        // SAFETY: inlined only into `check_avx2`; each half of `block` has the 32 bytes that are read.
        unsafe {
            let low = _mm256_loadu_si256(block.as_ptr().cast());
            let high = _mm256_loadu_si256(block.as_ptr().add(32).cast());
            let equal = |byte: u8| {
                let wanted = _mm256_set1_epi8(byte.cast_signed());
                let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted)).cast_unsigned();
                let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted)).cast_unsigned();
                u64::from(low) | u64::from(high) << 32
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
}

/// The sets of [`Classes`] as bits of a byte, for each ASCII byte.
const CLASSES: [u8; 128] = {
    let mut table = [0; 128];
    let sets: [&[u8]; 4] = [b"\"", b"\\", b"{}[]:,", b" \t\n\r"];
    let mut set = 0;
    while set < sets.len() {
        let mut at = 0;
        while at < sets[set].len() {
            table[sets[set][at] as usize] |= 1 << set;
            at += 1;
        }
        set += 1;
    }
    let mut control = 0;
    while control < 0x20 {
        table[control] |= 1 << 4;
        control += 1;
    }
    table
};

/// The entries of `table` for each byte, zero for bytes beyond ASCII, and these bytes as bits.
#[inline(always)]
fn look_up(table: &[u8; 128], block: &[u8; 64]) -> (__m512i, u64) {
    // SAFETY: inlined only into `index_avx512`; `block` has the 64 bytes and `table` the 128 that are read.
    unsafe {
        let bytes = _mm512_loadu_si512(block.as_ptr().cast());
        let low = _mm512_loadu_si512(table.as_ptr().cast());
        let high = _mm512_loadu_si512(table.as_ptr().add(64).cast());
        let beyond = _mm512_movepi8_mask(bytes);
        let found = _mm512_maskz_permutex2var_epi8(!beyond, low, bytes, high);
        (found, beyond)
    }
}

/// Which bytes of `found` have the bit `set`.
#[inline(always)]
fn having(found: __m512i, set: u32) -> u64 {
    // SAFETY: inlined only into `index_avx512`.
    unsafe { _mm512_test_epi8_mask(found, _mm512_set1_epi8((1_u8 << set).cast_signed())) }
}

pub(super) struct Avx512;

impl Classify for Avx512 {
    #[inline(always)]
    fn classes(block: &[u8; 64]) -> Classes {
        let (found, beyond) = look_up(&CLASSES, block);
        Classes {
            quote: having(found, 0),
            backslash: having(found, 1),
            operator: having(found, 2),
            white: having(found, 3),
            control: having(found, 4),
            beyond,
        }
    }

    #[inline(always)]
    fn escapes(block: &[u8; 64]) -> Escapes {
        let (found, _) = look_up(&ESCAPES, block);
        Escapes {
            simple: having(found, 0),
            letter_u: having(found, 1),
            hex: having(found, 2),
            letter_d: having(found, 3),
            high: having(found, 4),
            low: having(found, 5),
        }
    }

    #[inline(always)]
    fn prefix_xor(bits: u64) -> u64 {
        prefix_xor(bits)
    }

    /// The positions of the bits are squeezed together in one instruction, then widened sixteen at a time.
    #[inline(always)]
    fn flatten(bits: u64, runs: u64, block: &[u8; 64], base: u32, room: &mut Room<'_>) {
        const POSITIONS: [u8; 64] = {
            let mut positions = [0; 64];
            let mut at = 0;
            while at < 64 {
                positions[at] = at as u8;
                at += 1;
            }
            positions
        };
        let count = bits.count_ones();
        let (places, kinds) = room.block();
        // SAFETY: inlined only into `index_avx512`; `POSITIONS`, `block` and `kinds` have 64 bytes, and
        // `places` has 64 words, of which each store writes 16 at a multiple of 16 below 64.
        unsafe {
            let bytes = _mm512_loadu_si512(block.as_ptr().cast());
            let bytes = _mm512_mask_blend_epi8(runs, bytes, _mm512_set1_epi8(b'0' as i8));
            _mm512_storeu_si512(
                kinds.as_mut_ptr().cast(),
                _mm512_maskz_compress_epi8(bits, bytes),
            );
            let positions = _mm512_loadu_si512(POSITIONS.as_ptr().cast());
            let squeezed = _mm512_maskz_compress_epi8(bits, positions);
            let base = _mm512_set1_epi32(base.cast_signed());
            let wide = |part: __m128i| _mm512_add_epi32(_mm512_cvtepu8_epi32(part), base);
            let places = places.as_mut_ptr();
            // Written whether they are there or not: one branch that is mostly foretold.
            _mm512_storeu_si512(places.cast(), wide(_mm512_castsi512_si128(squeezed)));
            _mm512_storeu_si512(
                places.add(16).cast(),
                wide(_mm512_extracti32x4_epi32::<1>(squeezed)),
            );
            if count > 32 {
                _mm512_storeu_si512(
                    places.add(32).cast(),
                    wide(_mm512_extracti32x4_epi32::<2>(squeezed)),
                );
                _mm512_storeu_si512(
                    places.add(48).cast(),
                    wide(_mm512_extracti32x4_epi32::<3>(squeezed)),
                );
            }
        }
        room.grow(count);
    }

    #[inline(always)]
    fn kinds(block: &[u8; 64]) -> Kinds {
        // SAFETY: inlined only into `check_avx512`; `block` has the 64 bytes that are read.
        unsafe {
            let bytes = _mm512_loadu_si512(block.as_ptr().cast());
            let equal =
                |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
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
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::{Told, told_by};
    use super::{Avx2, Avx512};

    /// # Safety
    /// As `index_avx2`.
    #[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt")]
    pub(in super::super) unsafe fn told_avx2(block: &[u8; 64], bits: u64) -> Told {
        told_by::<Avx2>(block, bits)
    }

    /// # Safety
    /// As `index_avx512`.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vbmi,avx512vbmi2,avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt"
    )]
    pub(in super::super) unsafe fn told_avx512(block: &[u8; 64], bits: u64) -> Told {
        told_by::<Avx512>(block, bits)
    }
}
