//! Texts of agreements in 24 bytes each: to compare two, nothing else is read.

use std::collections::HashMap;

use crate::spread::Spreading;

/// A text: itself and its length where it has at most 23 bytes, else the number that [`Words`] gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Word([u64; 3]);

/// The length that no short text has: of a word that is a number.
const LONG: u64 = 0xff << 56;

/// The long texts that have a word.
#[derive(Debug, Default)]
pub(super) struct Words {
    long: HashMap<Box<str>, u64, Spreading>,
}

impl Words {
    /// The word of `text`; none if it is a long one that has none.
    pub(super) fn known(&self, text: &str) -> Option<Word> {
        short(text).or_else(|| Some(Word([*self.long.get(text)?, 0, LONG])))
    }

    /// The word of `text`, which has one from now on.
    pub(super) fn word(&mut self, text: &str) -> Word {
        self.known(text).unwrap_or_else(|| {
            let number = self.long.len() as u64;
            self.long.insert(text.into(), number);
            Word([number, 0, LONG])
        })
    }
}

fn short(text: &str) -> Option<Word> {
    let mut words = [[0; 8]; 3];
    let bytes = words.as_flattened_mut();
    bytes[..23]
        .get_mut(..text.len())?
        .copy_from_slice(text.as_bytes());
    bytes[23] = text.len() as u8;
    Some(Word(words.map(u64::from_le_bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_word_and_no_other_has_it() {
        let long = "a-segment-of-more-than-twenty-three-bytes";
        let short = ["", "a", "a\0", "aa", "care", "23-bytes-and-no-more-of"];
        let texts = [&short[..], &["24-bytes-and-no-more-of-", long, &long[..24]]].concat();
        let mut words = Words::default();
        for text in &texts {
            assert_eq!(words.known(text).is_some(), short.contains(text), "{text}");
            let word = words.word(text);
            assert_eq!(
                (words.known(text), words.word(text)),
                (Some(word), word),
                "{text}"
            );
        }
        let all: std::collections::BTreeSet<_> =
            texts.iter().filter_map(|text| words.known(text)).collect();
        assert_eq!(all.len(), texts.len());
    }
}
