//! The next byte of a sort in a text, and what eight bytes are at once, in plain arithmetic.

/// One in each byte of a word.
pub(super) const EACH: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
pub(super) const HIGH: u64 = EACH * 0x80;

/// Where from `from` on the first byte stands for which `is` holds. `marks` says the same of eight bytes, the first of them
/// the lowest: the lowest bit that is set is in the first such byte, and none is set where there is none.
#[inline(always)] // both closures are a few instructions of the caller's loop
pub(super) fn next(
    text: &[u8],
    from: usize,
    is: impl Fn(u8) -> bool,
    marks: impl Fn(u64) -> u64,
) -> Option<usize> {
    let (chunks, _) = text.get(from..)?.as_chunks::<32>();
    let mut at = from;
    for chunk in chunks {
        // One test for 32 bytes: the compiler makes it a vector's.
        if chunk.iter().fold(false, |any, &byte| any | is(byte)) {
            break;
        }
        at += 32;
    }
    let (words, rest) = text[at..].as_chunks::<8>();
    for word in words {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    rest.iter()
        .position(|&byte| is(byte))
        .map(|found| at + found)
}

/// Marks at least the first byte that is zero, and none before it.
pub(super) fn first_zero(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & HIGH
}

/// The highest bit of each byte that is a letter from A to Z, of either case.
pub(super) fn letters(word: u64) -> u64 {
    // No byte's sum reaches its neighbour.
    let small = (word | (EACH * 0x20)) & !HIGH;
    let from_a = small + EACH * u64::from(0x80 - b'a');
    let past_z = small + EACH * u64::from(0x80 - b'z' - 1);
    from_a & !past_z & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_told_in_every_place_whatever_stands_beside_them() {
        for other in [0, b' ', b'@', b'[', b'a', b'z', 0x7f, 0x80, 0xe1, 0xff] {
            for byte in 0..=u8::MAX {
                for place in 0..8 {
                    let mut bytes = [other; 8];
                    bytes[place] = byte;
                    let expected = bytes.map(|byte| u8::from(byte.is_ascii_alphabetic()) << 7);
                    let found = letters(u64::from_le_bytes(bytes)).to_le_bytes();
                    assert_eq!(found, expected, "{bytes:?}");
                }
            }
        }
    }
}
