//! Words near a candidate that say what it is.

use super::kind::{Kind, Kinds};
use super::scan::{EACH, HIGH, letters};

/// Words on either side of a candidate that are looked at.
pub(super) const WORDS: usize = 5;
/// Bytes before a candidate in which these words are looked for.
const BEFORE: usize = 64;
/// Bytes behind it.
const BEHIND: usize = 48;
/// A number of so many digits is another identifier, and the words beyond it are its own.
const NUMBER: usize = 3;

/// A word in lower case: its first eight letters. Longer words that share these are one word here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Word(u64);

impl Word {
    /// Of a word's ASCII letters; case is ignored.
    pub(super) const fn new(letters: &[u8]) -> Self {
        let mut word = Self(0);
        let mut at = 0;
        while at < letters.len() {
            word = word.and(letters[at]);
            at += 1;
        }
        word
    }

    /// With one more letter, if it is one of the first eight.
    const fn and(self, letter: u8) -> Self {
        if self.0 >> 56 == 0 {
            Self(self.0 << 8 | letter.to_ascii_lowercase() as u64)
        } else {
            self
        }
    }
}

/// The words that say what stands near them.
const VOCABULARY: &[(&[u8], Kinds)] = &[
    (b"nhs", of(&[Kind::NhsNumber])),
    (b"patient", of(&[Kind::NhsNumber])),
    (b"chi", of(&[Kind::ChiNumber])),
    (b"hc", of(&[Kind::HcNumber])),
    (b"hcn", of(&[Kind::HcNumber])),
    (b"ni", of(&[Kind::Nino])),
    (b"nin", of(&[Kind::Nino])),
    (b"nino", of(&[Kind::Nino])),
    (b"insurance", of(&[Kind::Nino])),
    (b"upn", of(&[Kind::Upn])),
    (b"pupil", of(&[Kind::Upn])),
    (b"utr", of(&[Kind::Utr])),
    (b"tax", of(&[Kind::Utr])),
    (b"taxpayer", of(&[Kind::Utr])),
    (b"hmrc", of(&[Kind::Utr, Kind::Nino])),
    (b"uprn", of(&[Kind::Uprn])),
    (b"uprns", of(&[Kind::Uprn])),
    (b"postcode", of(&[Kind::Postcode])),
    (b"address", of(&[Kind::Postcode, Kind::IpAddress])),
    (b"lives", of(&[Kind::Postcode])),
    (b"driver", of(&[Kind::DriverNumber])),
    (b"drivers", of(&[Kind::DriverNumber])),
    (b"driving", of(&[Kind::DriverNumber])),
    (b"licence", of(&[Kind::DriverNumber])),
    (b"license", of(&[Kind::DriverNumber])),
    (
        b"dvla",
        of(&[Kind::DriverNumber, Kind::VehicleRegistration]),
    ),
    (b"passport", of(&[Kind::Passport])),
    (b"car", of(&[Kind::VehicleRegistration])),
    (b"drives", of(&[Kind::VehicleRegistration])),
    (b"parked", of(&[Kind::VehicleRegistration])),
    (b"plate", of(&[Kind::VehicleRegistration])),
    (b"reg", of(&[Kind::VehicleRegistration])),
    (b"registration", of(&[Kind::VehicleRegistration])),
    (b"registered", of(&[Kind::VehicleRegistration])),
    (b"van", of(&[Kind::VehicleRegistration])),
    (b"vehicle", of(&[Kind::VehicleRegistration])),
    (b"vrm", of(&[Kind::VehicleRegistration])),
    (b"vrn", of(&[Kind::VehicleRegistration])),
    (b"ac", of(&[Kind::SortCodeAndAccount])),
    (b"acc", of(&[Kind::SortCodeAndAccount])),
    (b"account", of(&[Kind::SortCodeAndAccount])),
    (b"acct", of(&[Kind::SortCodeAndAccount])),
    (b"bank", of(&[Kind::SortCodeAndAccount, Kind::Iban])),
    (b"sort", of(&[Kind::SortCodeAndAccount])),
    (b"sortcode", of(&[Kind::SortCodeAndAccount])),
    (b"iban", of(&[Kind::Iban])),
    (b"amex", of(&[Kind::PaymentCard])),
    (b"card", of(&[Kind::PaymentCard])),
    (b"cards", of(&[Kind::PaymentCard])),
    (b"cc", of(&[Kind::PaymentCard])),
    (b"credit", of(&[Kind::PaymentCard])),
    (b"debit", of(&[Kind::PaymentCard])),
    (b"mastercard", of(&[Kind::PaymentCard])),
    (b"visa", of(&[Kind::PaymentCard])),
    (b"call", of(&[Kind::Phone])),
    (b"called", of(&[Kind::Phone])),
    (b"calling", of(&[Kind::Phone])),
    (b"cell", of(&[Kind::Phone])),
    (b"contact", of(&[Kind::Phone])),
    (b"dial", of(&[Kind::Phone])),
    (b"fax", of(&[Kind::Phone])),
    (b"landline", of(&[Kind::Phone])),
    (b"mob", of(&[Kind::Phone])),
    (b"mobile", of(&[Kind::Phone])),
    (b"phone", of(&[Kind::Phone])),
    (b"phoned", of(&[Kind::Phone])),
    (b"rang", of(&[Kind::Phone])),
    (b"ring", of(&[Kind::Phone])),
    (b"sms", of(&[Kind::Phone])),
    (b"tel", of(&[Kind::Phone])),
    (b"telephone", of(&[Kind::Phone])),
    (b"text", of(&[Kind::Phone])),
    (b"texted", of(&[Kind::Phone])),
    (b"whatsapp", of(&[Kind::Phone])),
    (b"email", of(&[Kind::Email])),
    (b"birth", of(&[Kind::DateOfBirth])),
    (b"birthday", of(&[Kind::DateOfBirth])),
    (b"birthdate", of(&[Kind::DateOfBirth])),
    (b"born", of(&[Kind::DateOfBirth])),
    (b"dob", of(&[Kind::DateOfBirth])),
    (b"ip", of(&[Kind::IpAddress])),
    (b"ipv", of(&[Kind::IpAddress])),
    (b"host", of(&[Kind::IpAddress])),
];

const fn of(kinds: &[Kind]) -> Kinds {
    let mut set = Kinds::NONE;
    let mut at = 0;
    while at < kinds.len() {
        set = set.with(kinds[at]);
        at += 1;
    }
    set
}

/// Slots of the table of the vocabulary: few enough words that most have their slot to themselves.
const SLOTS: usize = 256;
const TABLE: [(u64, Kinds); SLOTS] = table();

const fn slot(word: u64) -> usize {
    // Any odd number with bits all over spreads them (Fibonacci hashing); 8 bits of the product's top are 256 slots.
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

const fn table() -> [(u64, Kinds); SLOTS] {
    assert!(VOCABULARY.len() * 2 < SLOTS);
    let mut table = [(0, Kinds::NONE); SLOTS];
    let mut at = 0;
    while at < VOCABULARY.len() {
        let (letters, kinds) = VOCABULARY[at];
        let word = Word::new(letters).0;
        let mut slot = slot(word);
        while table[slot].0 != 0 && table[slot].0 != word {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = (word, table[slot].1.or(kinds));
        at += 1;
    }
    table
}

/// What `word` says of what stands near it.
pub(super) fn meaning(word: Word) -> Kinds {
    let mut at = slot(word.0);
    loop {
        match TABLE[at] {
            (0, _) => return Kinds::NONE,
            (found, kinds) if found == word.0 => return kinds,
            _ => at = (at + 1) % SLOTS,
        }
    }
}

/// The kinds that a field of this name is about: `dateOfBirth`, `NHS_NO`, `contact-tel`.
#[must_use]
pub fn about(name: &str) -> Kinds {
    let (mut kinds, mut word) = (Kinds::NONE, Word::default());
    let mut was_small = false;
    for byte in name.bytes() {
        if !is_letter(byte) || byte.is_ascii_uppercase() && was_small {
            kinds = kinds.or(meaning(word));
            word = Word::default();
        }
        if is_letter(byte) {
            word = word.and(byte);
        }
        was_small = byte.is_ascii_lowercase();
    }
    kinds.or(meaning(word))
}

impl Word {
    /// The whole word that ends at `at` in `text`, and where it starts: one of at most seven letters of which `from` on is
    /// seen, and what stands before it. `None` says nothing.
    #[inline]
    fn short_before(text: &[u8], from: usize, at: usize) -> Option<(usize, Self)> {
        let eight = u64::from_be_bytes(*text[from..at].last_chunk::<8>()?);
        let others = !letters(eight) & HIGH;
        let length = others.trailing_zeros() / 8;
        if length == 8 || is_joint((eight >> (8 * length)) as u8) {
            return None;
        }
        let word = (eight | (EACH * 0x20)) & ((1 << (8 * length)) - 1);
        Some((at - length as usize, Self(word)))
    }

    /// As [`short_before`](Self::short_before), of the word that starts at `at`, up to `until`; gives where it ends.
    #[inline]
    fn short_after(text: &[u8], at: usize, until: usize) -> Option<(usize, Self)> {
        let eight = u64::from_be_bytes(*text[at..until].first_chunk::<8>()?);
        let others = !letters(eight) & HIGH;
        let length = others.leading_zeros() / 8;
        if length == 0 || length == 8 || is_joint((eight >> (56 - 8 * length)) as u8) {
            return None;
        }
        let word = (eight | (EACH * 0x20)) >> (64 - 8 * length);
        Some((at + length as usize, Self(word)))
    }
}

/// Up to five words on each side of a candidate.
#[derive(Debug, Default)]
pub(super) struct Near {
    words: [Word; 2 * WORDS],
    length: usize,
    /// How many of them stand before the candidate.
    before: usize,
}

impl Near {
    /// The words around `start..end`. Takes time bounded by the window, not by the text.
    pub(super) fn around(text: &[u8], start: usize, end: usize) -> Self {
        Self::around_by(text, start, end, Word::short_before, Word::short_after)
    }

    /// With what reads most words at once.
    #[inline(always)] // so that the two are inlined into it
    fn around_by(
        text: &[u8],
        start: usize,
        end: usize,
        short_before: impl Fn(&[u8], usize, usize) -> Option<(usize, Word)>,
        short_after: impl Fn(&[u8], usize, usize) -> Option<(usize, Word)>,
    ) -> Self {
        let mut near = Self::default();
        let from = start.saturating_sub(BEFORE);
        let (mut at, mut digits) = (start, 0);
        // Backwards; the words are put in order afterwards.
        while at > from && near.length < WORDS {
            let byte = text[at - 1];
            if !is_letter(byte) {
                digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
                if digits == NUMBER {
                    break;
                }
                at -= 1;
                continue;
            }
            digits = 0;
            if let Some((start, word)) = short_before(text, from, at) {
                at = start;
                near.push_word(word);
                continue;
            }
            let end = at;
            loop {
                while at > from && is_letter(text[at - 1]) {
                    at -= 1;
                }
                let joins = end - at < MOST_JOINED
                    && at >= from + 2
                    && is_joint(text[at - 1])
                    && is_letter(text[at - 2])
                    && (at < 3 || !is_letter(text[at - 3]));
                if !joins {
                    break;
                }
                at -= 2;
            }
            // A word that the window cuts is no word.
            if at == from && from > 0 && is_letter(text[from - 1]) {
                break;
            }
            near.push(&text[at..end]);
        }
        near.before = near.length;
        near.words[..near.before].reverse();
        let until = text.len().min(end + BEHIND);
        let (mut at, mut digits) = (end, 0);
        while at < until && near.length < near.before + WORDS {
            let byte = text[at];
            if !is_letter(byte) {
                digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
                if digits == NUMBER {
                    break;
                }
                at += 1;
                continue;
            }
            digits = 0;
            if let Some((end, word)) = short_after(text, at, until) {
                at = end;
                near.push_word(word);
                continue;
            }
            let start = at;
            loop {
                while at < until && is_letter(text[at]) {
                    at += 1;
                }
                let joins = at - start < MOST_JOINED
                    && at + 1 < until
                    && is_joint(text[at])
                    && is_letter(text[at + 1])
                    && (at + 2 >= until || !is_letter(text[at + 2]));
                if !joins {
                    break;
                }
                at += 2;
            }
            near.push(&text[start..at]);
        }
        near
    }

    /// One more word: the letters of `text`.
    fn push(&mut self, text: &[u8]) {
        let letters = text.iter().copied().filter(|byte| is_letter(*byte));
        self.push_word(letters.fold(Word::default(), Word::and));
    }

    fn push_word(&mut self, word: Word) {
        self.words[self.length] = word;
        self.length += 1;
    }

    /// What the words say.
    pub(super) fn meaning(&self) -> Kinds {
        self.words()
            .iter()
            .fold(Kinds::NONE, |kinds, word| kinds.or(meaning(*word)))
    }

    /// Those before the candidate, in the order in which they stand.
    pub(super) fn before(&self) -> &[Word] {
        &self.words[..self.before]
    }

    pub(super) fn words(&self) -> &[Word] {
        &self.words[..self.length]
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
}

/// Characters of `D.O.B`, `a/c`.
const MOST_JOINED: usize = 6;

/// What joins single letters to a word.
fn is_joint(byte: u8) -> bool {
    matches!(byte, b'.' | b'&' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(text: &str) -> Kinds {
        let start = text.find('[').unwrap();
        let end = text.find(']').unwrap() + 1;
        Near::around(text.as_bytes(), start, end).meaning()
    }

    #[test]
    fn words_say_what_stands_near_them() {
        let dob = Kinds::NONE.with(Kind::DateOfBirth);
        let rows = [
            ("[x]", Kinds::NONE),
            ("DOB: [x]", dob),
            ("D.O.B. [x]", dob),
            ("d.o.b [x]", dob),
            ("[x] (date of birth)", dob),
            ("born on the [x]", dob),
            ("unborn [x]", Kinds::NONE),
            ("born one two three four [x]", dob),
            ("born one two three four five [x]", Kinds::NONE),
            ("[x] one two three four born", dob),
            ("[x] one two three four five born", Kinds::NONE),
            ("the person's D.O.B. is [x]", dob),
            ("[x] is what the D.O.B. said", dob),
            ("H&C number [x]", Kinds::NONE.with(Kind::HcNumber)),
            ("a/c [x]", Kinds::NONE.with(Kind::SortCodeAndAccount)),
            ("born 12/03/1941 seen [x]", Kinds::NONE),
            ("born on day 2, [x]", dob),
            (
                "Registration[x]",
                Kinds::NONE.with(Kind::VehicleRegistration),
            ),
        ];
        for (text, kinds) in rows {
            assert_eq!(near(text), kinds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn words_are_read_at_once_as_letter_by_letter(
            text in "([a-zA-Z]{1,10}|[a-z][.&/][a-z]|[ .&/,\u{e9}]{1,3}|[0-9]{1,4}){0,30}",
            start in 0_usize..150,
            length in 0_usize..20,
        ) {
            let text = text.as_bytes();
            let start = start.min(text.len());
            let end = (start + length).min(text.len());
            let plain = Near::around_by(text, start, end, |_, _, _| None, |_, _, _| None);
            let near = Near::around(text, start, end);
            prop_assert_eq!(near.words(), plain.words());
            prop_assert_eq!(near.before(), plain.before());
        }
    }

    #[test]
    fn the_name_of_a_field_says_what_is_in_it() {
        for (name, kind) in [
            ("dateOfBirth", Some(Kind::DateOfBirth)),
            ("DOB", Some(Kind::DateOfBirth)),
            ("nhs_number", Some(Kind::NhsNumber)),
            ("NHSNumber", None),
            ("home-tel", Some(Kind::Phone)),
            ("notes", None),
            ("", None),
        ] {
            assert_eq!(about(name), kind.into_iter().collect(), "{name}");
        }
    }

    #[test]
    fn a_word_that_the_window_cuts_is_none() {
        let text = format!("new{} [x]", "born".to_owned() + &" .".repeat(29));
        assert!(text.find('[').unwrap() > BEFORE);
        assert_eq!(near(&text), Kinds::NONE);
    }

    #[test]
    fn the_vocabulary_is_found_in_its_table() {
        for (letters, kinds) in VOCABULARY {
            assert_eq!(
                meaning(Word::new(letters)).or(*kinds),
                meaning(Word::new(letters))
            );
            assert!(!meaning(Word::new(letters)).is_empty());
        }
        assert_eq!(meaning(Word::new(b"the")), Kinds::NONE);
    }
}
