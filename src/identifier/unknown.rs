//! What stands in a field where nobody knew better: it identifies nobody, and a token of it would join strangers.

use super::buffer::Canonical;
use super::check::is_repeated;
use super::fold::fold;

/// Words and phrases that say that something is not known, as letters and digits alone.
const WORDS: [&[u8]; 40] = [
    b"ANON",
    b"ANONYMOUS",
    b"BLANK",
    b"DECLINED",
    b"DONTKNOW",
    b"EMPTY",
    b"MISSING",
    b"NA",
    b"NAN",
    b"NIL",
    b"NK",
    b"NOEMAIL",
    b"NONE",
    b"NONEGIVEN",
    b"NONEKNOWN",
    b"NOREPLY",
    b"NOTAPPLICABLE",
    b"NOTAVAILABLE",
    b"NOTDISCLOSED",
    b"NOTGIVEN",
    b"NOTKNOWN",
    b"NOTPROVIDED",
    b"NOTRECORDED",
    b"NOTSPECIFIED",
    b"NOTSTATED",
    b"NOTSUPPLIED",
    b"NULL",
    b"REDACTED",
    b"REFUSED",
    b"REMOVED",
    b"TBA",
    b"TBC",
    b"TBD",
    b"TOBECONFIRMED",
    b"UNDEFINED",
    b"UNK",
    b"UNKNOWN",
    b"UNSPECIFIED",
    b"WITHHELD",
    b"XXX",
];

/// Of [`WORDS`], those that are names of families too.
const FAMILIES: [&[u8]; 4] = [b"NA", b"NIL", b"NULL", b"NK"];

/// Runs of digits that are typed to get past a form. Where a kind has a check digit, its check decides.
const RUNS: [&[u8]; 6] = [
    b"123456",
    b"1234567",
    b"12345678",
    b"123456789",
    b"1234567890",
    b"0123456789",
];

/// Days that programs write for none: the first of their calendar, of the century, the last that they know. The first of
/// January 1970 is not among them: many people were born on it.
const DAYS: [&[u8; 10]; 11] = [
    b"0001-01-01",
    b"1111-11-11",
    b"1753-01-01",
    b"1800-01-01",
    b"1899-12-30",
    b"1899-12-31",
    b"1900-01-01",
    b"2999-12-31",
    b"9999-01-01",
    b"9999-09-09",
    b"9999-12-31",
];

/// How many equal digits in a row are nobody's number.
const REPEATED: usize = 6;

/// Whether `key`, capitals and digits alone, says that something is not known.
pub(super) fn is_word(key: &[u8]) -> bool {
    let crosses = key.len() > 1 && key.iter().all(|&byte| byte == b'X');
    crosses || WORDS.binary_search(&key).is_ok()
}

/// As [`is_word`], of a person's name.
pub(super) fn is_word_for_name(key: &[u8]) -> bool {
    is_word(key) && !FAMILIES.contains(&key)
}

/// Whether `digits`, ASCII digits, are zeros alone or one digit over and over.
pub(super) fn is_filler(digits: &[u8]) -> bool {
    !digits.is_empty() && is_repeated(digits) && (digits.len() >= REPEATED || digits[0] == b'0')
}

/// Whether `digits` are typed in their order.
pub(super) fn is_run(digits: &[u8]) -> bool {
    RUNS.contains(&digits)
}

/// Whether `day`, written `YYYY-MM-DD`, is one that programs write for none.
pub(super) fn is_day(day: &[u8]) -> bool {
    DAYS.iter().any(|none| none.as_slice() == day)
}

/// Whether `text` is such a day as people write it, `DD/MM/YYYY` or `YYYY-MM-DD`.
pub(super) fn is_written_day(text: &[u8]) -> bool {
    is_day(text)
        || matches!(text, [d1, d2, b'/' | b'-' | b'.', m1, m2, b'/' | b'-' | b'.', y1, y2, y3, y4]
            if is_day(&[*y1, *y2, *y3, *y4, b'-', *m1, *m2, b'-', *d1, *d2]))
}

/// What an agreement adds to the words for `not known`: compared as letters and digits alone, in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unknown(Box<[Box<[u8]>]>);

impl Unknown {
    /// Of these texts. One without a letter or digit is left out: every kind knows it already.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut keys: Vec<Box<[u8]>> = texts
            .into_iter()
            .filter_map(|text| {
                let mut room = Canonical::new();
                key(text.as_ref().chars(), &mut room).then(|| room.as_bytes().into())
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        Self(keys.into())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `characters` are one of the texts. Leaves `room` with anything in it.
    pub fn has(&self, characters: impl Iterator<Item = char>, room: &mut Canonical) -> bool {
        !self.0.is_empty()
            && key(characters, room)
            && self
                .0
                .binary_search_by(|one| (**one).cmp(room.as_bytes()))
                .is_ok()
    }
}

/// Letters, in upper case, and digits alone; says whether there are any, and no more than there is room for.
fn key(characters: impl Iterator<Item = char>, room: &mut Canonical) -> bool {
    room.clear();
    let mut fits = true;
    for character in characters {
        fold(character, |part| {
            for upper in part.to_uppercase().filter(|upper| upper.is_alphanumeric()) {
                fits &= room.push(upper).is_ok();
            }
        });
    }
    fits && !room.as_bytes().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_for_the_search() {
        assert!(WORDS.is_sorted());
        assert!(FAMILIES.iter().all(|name| is_word(name)));
    }

    #[test]
    fn an_agreement_adds_words_in_any_spelling() {
        let unknown = Unknown::new(["Not on system", "9000000009", "--"]);
        let mut room = Canonical::new();
        for text in [
            "not on system",
            " NOT-ON-SYSTEM ",
            "900 000 0009",
            "９００００００００９",
        ] {
            assert!(unknown.has(text.chars(), &mut room), "{text}");
        }
        for text in ["", "--", "not on", "9000000017", &"x".repeat(600)] {
            assert!(!unknown.has(text.chars(), &mut room), "{text}");
        }
        assert!(!Unknown::default().has("".chars(), &mut room));
    }

    #[test]
    fn fillers_and_days_that_are_none() {
        for digits in ["0", "000", "0000000000", "9999999999", "111111"] {
            assert!(is_filler(digits.as_bytes()), "{digits}");
        }
        for digits in ["", "1", "11111", "1111112"] {
            assert!(!is_filler(digits.as_bytes()), "{digits}");
        }
        for text in ["1900-01-01", "01/01/1900", "01.01.1900", "31-12-9999"] {
            assert!(is_written_day(text.as_bytes()), "{text}");
        }
        for text in ["1970-01-01", "02/01/1900", "1900-01-02", "01/01/190"] {
            assert!(!is_written_day(text.as_bytes()), "{text}");
        }
    }
}
