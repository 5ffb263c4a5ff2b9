//! The words of a text that may be a name's: nearly all others are passed over, 64 bytes at once.
//!
//! A word may be a name's where one begins with the same three letters, and a word of one letter where it is an initial. What
//! is no ASCII is left to whoever folds it.

use super::pieces::is_letter;
use super::scan::{HIGH, letters};

/// The first three letters of a word, a byte for each and the first the lowest: the five bits that a capital and a small
/// letter share. 0 for what is none from A to Z, or not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Beginning(u32);

/// Bits for them: as many as there are beginnings, so that few words of a text share one with a name.
const BEGINNINGS: usize = 1 << 15;

impl Beginning {
    /// Of no letters.
    pub(super) const NONE: Self = Self(0);

    /// With the capital `letter` at `place`, if that is one of the first three.
    pub(super) fn with(self, place: usize, letter: u8) -> Self {
        match (place, letter) {
            (0..3, b'A'..=b'Z') => Self(self.0 | u32::from(letter & 31) << (8 * place)),
            _ => self,
        }
    }

    /// Of `length` letters that begin so, and of a word that begins as `next` behind them.
    pub(super) fn then(self, length: usize, next: Self) -> Self {
        match length {
            0..3 => Self(self.0 | next.0 << (8 * length) & 0x00ff_ffff),
            _ => self,
        }
    }

    /// Its bit among all: of the first three bytes' five lowest bits, whatever else there is. A multiplication by an odd
    /// number with bits all over spreads them (Fibonacci hashing).
    #[inline]
    fn place(self) -> usize {
        ((self.0 & 0x001f_1f1f).wrapping_mul(0x9e37_79b1) >> 17) as usize
    }
}

/// How the words of some names begin.
#[derive(Debug)]
pub(super) struct Beginnings {
    /// A bit for each beginning.
    bits: Box<[u64; BEGINNINGS / 64]>,
    /// The bits that are set, to be cleared.
    set: Vec<u16>,
    /// The words of one letter that are initials or a name's, by the lowest six bits: capitals from 1 on, small letters
    /// from 33 on.
    singles: u64,
}

/// The letters that are initials by themselves, in the order of [`Beginnings::singles`]: a small `a` and `i` are words.
const INITIALS: u64 = {
    let letters = (1 << 27) - 2;
    let words = 1 << (b'a' & 63) | 1 << (b'i' & 63);
    (letters << 32 | letters) & !words
};

impl Default for Beginnings {
    fn default() -> Self {
        Self {
            bits: Box::new([0; BEGINNINGS / 64]),
            set: Vec::new(),
            singles: INITIALS,
        }
    }
}

impl Beginnings {
    /// Forgets all.
    pub(super) fn clear(&mut self) {
        for place in self.set.drain(..) {
            self.bits[usize::from(place) / 64] = 0;
        }
        self.singles = INITIALS;
    }

    /// Takes a word that begins so.
    pub(super) fn add(&mut self, beginning: Beginning) {
        let Self { bits, set, singles } = self;
        let mut add = |beginning: Beginning| {
            let place = beginning.place();
            bits[place / 64] |= 1 << (place % 64);
            set.push(u16::try_from(place).expect("there are fewer"));
        };
        let third = |byte: u8| Beginning(beginning.0 & 0xffff | u32::from(byte) << 16);
        if beginning.0 >> 8 == 0 {
            *singles |= (1 << 32 | 1) << (beginning.0 & 31);
        } else if beginning.0 >> 16 == 0 {
            // Two letters, and anything behind them.
            (0..32).for_each(|byte| add(third(byte)));
        } else {
            add(beginning);
            add(third(b'\''));
        }
    }

    /// 1 if a word was taken that begins so, or as another that shares its bit; else 0.
    #[inline]
    fn has(&self, beginning: Beginning) -> u64 {
        let place = beginning.place();
        self.bits[place / 64] >> (place % 64) & 1
    }

    /// Whether the letters at `start`, which follow none, can begin a word of a name or be an initial.
    fn may_begin(&self, text: &[u8], start: usize) -> bool {
        // Behind an apostrophe that has a letter before it a word goes on.
        if start >= 2 && text[start - 1] == b'\'' && is_letter(text[start - 2]) {
            return false;
        }
        let Some(&[one, two, three]) = text[start..].first_chunk() else {
            return true;
        };
        // Of what is no ASCII folding says what it is.
        if (one | two | three) >= 0x80 || two == b'\'' {
            return true;
        }
        if !is_letter(two) {
            return self.singles >> (one & 63) & 1 != 0;
        }
        self.has(Beginning(u32::from_le_bytes([one, two, three, 0]))) != 0
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.bits.iter().all(|bits| *bits == 0) && self.singles == INITIALS
    }
}

/// Where words of a text start that may be a name's, in order.
pub(super) struct Starts<'a> {
    beginnings: &'a Beginnings,
    text: &'a [u8],
    /// Up to where the text has been looked at.
    seen: usize,
    /// The starts in the 64 bytes before that which are still to be told: bit 0 is the first byte.
    starts: u64,
    /// Whether the last byte before it is a letter: 0 or 1.
    before: u64,
}

impl<'a> Starts<'a> {
    pub(super) fn of(beginnings: &'a Beginnings, text: &'a [u8]) -> Self {
        Self {
            beginnings,
            text,
            seen: 0,
            starts: 0,
            before: 0,
        }
    }

    /// The next one from `from` on.
    #[inline]
    pub(super) fn next(&mut self, from: usize) -> Option<usize> {
        loop {
            while self.starts != 0 {
                let start = self.seen - 64 + self.starts.trailing_zeros() as usize;
                self.starts &= self.starts - 1;
                if start >= from && self.beginnings.may_begin(self.text, start) {
                    return Some(start);
                }
            }
            let rest = self.text.get(self.seen..).filter(|rest| !rest.is_empty())?;
            if rest.len() >= 64 {
                self.look_at(rest);
            } else {
                let mut block = [b' '; 64];
                block[..rest.len()].copy_from_slice(rest);
                self.look_at(&block);
            }
            self.seen += 64;
        }
    }

    /// Takes the starts in the first 64 bytes of `rest`, but for those of words that begin as nobody's.
    #[inline]
    fn look_at(&mut self, rest: &[u8]) {
        /// Starts of which the next byte is among the 64 too.
        const WHOLE: u64 = u64::MAX >> 1;
        let block = rest.first_chunk().expect("there are 64 bytes");
        let letters = letter_bits(block);
        let starts = letters & !(letters << 1 | self.before);
        self.before = letters >> 63;
        // A word's third letter may be the first of the bytes behind.
        if !block.is_ascii() || rest.get(64).is_some_and(|byte| !byte.is_ascii()) {
            self.starts = starts;
            return;
        }
        let mut words = starts & letters >> 1 & WHOLE;
        self.starts = starts & !words;
        while words != 0 {
            let place = words.trailing_zeros() as usize;
            words &= words - 1;
            let has = match rest[place..].first_chunk() {
                Some(begins) => self.beginnings.has(Beginning(u32::from_le_bytes(*begins))),
                None => 1,
            };
            // Without a branch, which nobody could foretell.
            self.starts |= has << place;
        }
    }
}

/// A bit for each byte: whether it is a letter, as [`is_letter`] says.
#[inline]
fn letter_bits(block: &[u8; 64]) -> u64 {
    /// Moves the lowest bit of each byte into the highest byte, the first byte's to its lowest bit: no two sums meet.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut bits = 0;
    for (place, eight) in block.as_chunks::<8>().0.iter().enumerate() {
        let eight = u64::from_le_bytes(*eight);
        let letters = letters(eight) | eight & HIGH;
        bits |= ((letters >> 7).wrapping_mul(GATHER) >> 56) << (8 * place);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_told_in_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..64 {
                for other in [b' ', b'x', 0xe9] {
                    let mut block = [other; 64];
                    block[place] = byte;
                    let bits = letter_bits(&block);
                    for (at, byte) in block.iter().enumerate() {
                        assert_eq!(bits >> at & 1 == 1, is_letter(*byte), "{byte} at {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn words_that_begin_as_no_name_are_passed_over_wherever_they_stand() {
        let mut beginnings = Beginnings::default();
        for word in ["MAR", "LI", "Q", "I"] {
            let letters = word.bytes().enumerate();
            beginnings.add(letters.fold(Beginning::NONE, |all, (at, letter)| all.with(at, letter)));
        }
        let words = "the Mary a marble Li li's I ma'r mare's it's q i A b, xy\u{e1} M\u{e1}ria \u{c9}a o'n d'mar man. end";
        for before in 0..130 {
            let text = format!("{}{words}", " ".repeat(before));
            let mut starts = Starts::of(&beginnings, text.as_bytes());
            let (mut found, mut at) = (Vec::new(), 0);
            while let Some(start) = starts.next(at) {
                at = start + 1;
                found.extend(text[start..].split(' ').next());
            }
            for word in [
                "Mary",
                "marble",
                "Li",
                "li's",
                "ma'r",
                "mare's",
                "I",
                "q",
                "i",
                "xy\u{e1}",
                "A",
                "b,",
                "M\u{e1}ria",
                "\u{c9}a",
                "o'n",
                "d'mar",
            ] {
                assert!(found.contains(&word), "{word} behind {before}");
            }
            // What stands near what is no ASCII is looked at as well.
            for word in ["a", "man.", "s", "n"] {
                assert!(!found.contains(&word), "{word} behind {before}");
            }
        }
        beginnings.clear();
        assert!(beginnings.is_empty());
    }
}
