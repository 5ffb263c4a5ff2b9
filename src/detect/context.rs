//! Words near a candidate that say what it is.

use super::kind::{Kind, Kinds};

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
        let mut near = Self::default();
        let from = start.saturating_sub(BEFORE);
        let mut ring = [Word::default(); WORDS];
        let mut count = 0;
        // A word that the window cuts is no word.
        let cut = from > 0 && is_letter(text[from - 1]);
        each_word(&text[from..start], cut, |part| {
            match part {
                Part::Word(word) => {
                    ring[count % WORDS] = word;
                    count += 1;
                }
                Part::Number => count = 0,
            }
            true
        });
        for at in count.saturating_sub(WORDS)..count {
            near.words[near.length] = ring[at % WORDS];
            near.length += 1;
        }
        near.before = near.length;
        let behind = &text[end..text.len().min(end + BEHIND)];
        let most = near.length + WORDS;
        each_word(behind, false, |part| match part {
            Part::Word(word) => {
                near.words[near.length] = word;
                near.length += 1;
                near.length < most
            }
            Part::Number => false,
        });
        near
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

enum Part {
    Word(Word),
    /// Digits enough to be an identifier's.
    Number,
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
}

/// Hands out the words and numbers of `text` in order, as long as `each` says so. `D.O.B.` and `h&c` are words.
fn each_word(text: &[u8], cut: bool, mut each: impl FnMut(Part) -> bool) {
    let (mut word, mut letters, mut digits) = (Word::default(), 0, 0);
    let mut skip = cut;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        if is_letter(byte) {
            if !skip {
                word = word.and(byte);
                letters += 1;
            }
            digits = 0;
        } else {
            skip = false;
            digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
            let joins = letters > 0
                && letters <= 3
                && matches!(byte, b'.' | b'&' | b'/')
                && text.get(at + 1).is_some_and(|next| is_letter(*next))
                && text.get(at + 2).is_none_or(|next| !is_letter(*next));
            if letters > 0 && !joins {
                if !each(Part::Word(word)) {
                    return;
                }
                (word, letters) = (Word::default(), 0);
            }
            if digits == NUMBER && !each(Part::Number) {
                return;
            }
        }
        at += 1;
    }
    if letters > 0 {
        each(Part::Word(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
