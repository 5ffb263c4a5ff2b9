//! Characters that people and their programs write for the same thing, made one.

use unicode_normalization::char::decompose_compatible;

/// Where the decimal digits of each script begin (general category Nd, Unicode 16): ten in a row from each.
const DIGIT_ZEROS: [u32; 76] = [
    0x0030, 0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6,
    0x0d66, 0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80,
    0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
    0xff10, 0x104a0, 0x10d30, 0x10d40, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450,
    0x114d0, 0x11650, 0x116c0, 0x116d0, 0x116da, 0x11730, 0x118e0, 0x11950, 0x11bf0, 0x11c50,
    0x11d50, 0x11da0, 0x11f50, 0x16130, 0x16a60, 0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1d7ce,
    0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// The value of a decimal digit of any script.
pub(crate) fn digit(character: char) -> Option<u8> {
    if character.is_ascii() {
        return character.is_ascii_digit().then(|| character as u8 - b'0');
    }
    let code = u32::from(character);
    let below = DIGIT_ZEROS.partition_point(|&zero| zero <= code);
    let value = code - DIGIT_ZEROS[below.checked_sub(1)?];
    u8::try_from(value).ok().filter(|&value| value <= 9)
}

/// Hands `take` what `character` stands for: a decimal digit of any script as an ASCII digit, white space of any kind as
/// a space, hyphens, dashes and the minus sign as `-`, apostrophes and accents standing alone as `'`, characters without
/// width as nothing, everything else in its compatibility decomposition (NFKD), of which full-width letters become plain.
///
/// Folding what was folded changes nothing.
#[inline]
pub(crate) fn fold(character: char, mut take: impl FnMut(char)) {
    if character.is_ascii() {
        take(if character.is_ascii_whitespace() || character == '\u{b}' {
            ' '
        } else if character == '`' {
            '\''
        } else {
            character
        });
        return;
    }
    fold_wide(character, &mut take);
}

/// [`fold`] for what is not ASCII.
#[cold]
fn fold_wide(character: char, take: &mut impl FnMut(char)) {
    if let Some(same) = plain(character) {
        same.into_iter().for_each(take);
        return;
    }
    decompose_compatible(character, |part| match plain(part) {
        Some(same) => same.into_iter().for_each(&mut *take),
        None => take(part),
    });
}

/// What a character is written for, where that is one ASCII character (`Some(Some(…))`) or nothing (`Some(None)`).
fn plain(character: char) -> Option<Option<char>> {
    if let Some(value) = digit(character) {
        return Some(Some(char::from(b'0' + value)));
    }
    match character {
        // Zero width: space, joiners, marks of direction, word joiner, byte order mark; the soft hyphen; variation selectors.
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}'
        | '\u{feff}'
        | '\u{ad}'
        | '\u{fe00}'..='\u{fe0f}' => Some(None),
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{2043}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{ff0d}' => Some(Some('-')),
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{2bc}' | '\u{2bb}' | '\u{2b9}'
        | '\u{b4}' | '`' | '\u{ff07}' | '\u{ff40}' => Some(Some('\'')),
        _ if character.is_whitespace() => Some(Some(' ')),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        text.chars()
            .for_each(|character| fold(character, |part| out.push(part)));
        out
    }

    #[test]
    fn digits_are_the_decimal_digits_that_unicode_has() {
        let decimal = regex::Regex::new(r"^\p{Nd}$").unwrap();
        for character in '\0'..=char::MAX {
            let expected = decimal.is_match(character.encode_utf8(&mut [0; 4]));
            assert_eq!(
                digit(character).is_some(),
                expected,
                "{:x}",
                u32::from(character)
            );
        }
        assert!(DIGIT_ZEROS.is_sorted());
        assert_eq!(
            folded("٤٠١٠٢٣٢١٣٧ ４０１０２３２１３７ ४०१"),
            "4010232137 4010232137 401"
        );
    }

    #[test]
    fn spellings_of_one_character_become_one() {
        let rows = [
            ("a\u{a0}b\u{2009}c\u{3000}d\te", "a b c d e"),
            ("1‐2‑3–4—5−6－7", "1-2-3-4-5-6-7"),
            (
                "O’Neill O‘Neill O`Neill O´Neill Oʼn",
                "O'Neill O'Neill O'Neill O'Neill O'n",
            ),
            ("a\u{200b}b\u{ad}c\u{feff}d\u{fe0f}", "abcd"),
            ("ＳＷ１Ａ", "SW1A"),
            ("é", "e\u{301}"),
            ("ﬁ", "fi"),
            ("ŉ", "'n"),
        ];
        for (text, expected) in rows {
            assert_eq!(folded(text), expected, "{text}");
        }
    }

    #[test]
    fn folding_what_was_folded_changes_nothing() {
        for character in '\0'..=char::MAX {
            let once = folded(&character.to_string());
            assert_eq!(folded(&once), once, "{:x}", u32::from(character));
        }
    }
}
