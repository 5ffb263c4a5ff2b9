//! The canonical form of an identifier: what its token is made from.
//!
//! One person is written `401 023 2137`, `401-023-2137` and, as a number, `4010232137`; all three are one
//! token. Two forms only, which cannot meet: digits, or text with a character that is no digit.

use zeroize::Zeroize;

use super::text::Characters;

/// The longest canonical form that is handed on in one piece; longer ones come in several.
const PIECE_BYTES: usize = 128;

/// Feeds the canonical form of the single value `json` to `feed`, in pieces, and says whether there is one.
///
/// - A string is unescaped and trimmed (Unicode white space). If what remains, white space and hyphens
///   removed, is all ASCII digits, these digits; otherwise the trimmed text as it is.
/// - A number that is a plain non-negative integer is its own text. A leading zero that a JSON number
///   cannot have is lost before it comes here: a service that sends such identifiers as numbers is at fault.
/// - Nothing else has one: other numbers, `true`, `false`, `null`, text that is empty once trimmed,
///   containers. Then `feed` is not called.
///
/// The value is copied nowhere but to the stack, which is cleared.
pub(crate) fn canonical(json: &[u8], mut feed: impl FnMut(&[u8])) -> bool {
    match json {
        [b'"', inside @ .., b'"'] => canonical_text(inside, feed),
        [b'0'..=b'9', ..] if json.iter().all(u8::is_ascii_digit) => {
            feed(json);
            true
        }
        _ => false,
    }
}

fn canonical_text(inside: &[u8], mut feed: impl FnMut(&[u8])) -> bool {
    let mut first = None;
    let mut last = 0;
    let mut only_digits = true;
    let mut has_digit = false;
    for (position, character) in Characters::new(inside).enumerate() {
        if character.is_whitespace() {
            continue;
        }
        first.get_or_insert(position);
        last = position;
        has_digit |= character.is_ascii_digit();
        only_digits &= character.is_ascii_digit() || is_hyphen(character);
    }
    let Some(first) = first else { return false };
    let digits = has_digit && only_digits;

    let mut piece = [0; PIECE_BYTES];
    let mut length = 0;
    let trimmed = Characters::new(inside).take(last + 1).skip(first);
    for character in trimmed.filter(|c| !digits || c.is_ascii_digit()) {
        if length + character.len_utf8() > PIECE_BYTES {
            feed(&piece[..length]);
            length = 0;
        }
        length += character.encode_utf8(&mut piece[length..]).len();
    }
    feed(&piece[..length]);
    piece.zeroize();
    true
}

/// Hyphens that stand between groups of digits: as typed, and the two that word processors make of it.
fn is_hyphen(character: char) -> bool {
    matches!(character, '-' | '\u{2010}' | '\u{2011}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(json: &str) -> Option<String> {
        let mut out = Vec::new();
        canonical(json.as_bytes(), |piece| out.extend_from_slice(piece))
            .then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn spellings_of_one_identifier_have_one_form() {
        let rows: &[(&str, &[&str])] = &[
            (
                "4010232137",
                &[
                    "4010232137",
                    "\"4010232137\"",
                    "\"401 023 2137\"",
                    "\"401-023-2137\"",
                    "\" 401 023 2137\\n\"",
                    "\"401\\u0020023\\u00202137\"",
                    "\"401\u{a0}023\u{a0}2137\"",
                    "\"401\u{2011}023\u{2010}2137\"",
                    "\"\\u0034010232137\"",
                    "\"-4010232137-\"",
                ],
            ),
            (
                "QQ 12 34 56 C",
                &["\"QQ 12 34 56 C\"", "\"\\tQQ 12 34 56 C \""],
            ),
            ("0012", &["\"0012\"", "\"00 12\""]),
            ("0", &["0", "\"0\""]),
            ("- -", &["\"- -\"", "\" - - \""]),
            ("1.0", &["\"1.0\""]),
            ("é", &["\"é\"", "\"\\u00e9\"", "\"\\u00E9 \""]),
        ];
        for (expected, spellings) in rows {
            for spelling in *spellings {
                assert_eq!(form(spelling).as_deref(), Some(*expected), "{spelling}");
            }
        }
    }

    #[test]
    fn different_identifiers_have_different_forms() {
        let rows = [
            "4010232137",
            "4010232138",
            "\"04010232137\"",
            "\"401.023.2137\"",
            "\"QQ123456C\"",
            "\"QQ 123456C\"",
            "\"qq123456c\"",
            "\"12\"",
            "\"012\"",
            "\"1 e9\"",
            "\"٤\"",
        ];
        for (index, one) in rows.iter().enumerate() {
            for other in &rows[index + 1..] {
                assert_ne!(form(one), form(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn what_identifies_nobody_has_no_form() {
        for json in [
            "\"\"",
            "\" \"",
            "\"\\n\\t\"",
            "\"\u{3000}\"",
            "1e9",
            "1.0",
            "-1",
            "-0",
            "0.5",
            "true",
            "false",
            "null",
            "{}",
            "[]",
            "[1]",
        ] {
            assert_eq!(form(json), None, "{json}");
        }
    }

    #[test]
    fn a_form_is_its_own_form_also_when_it_is_long() {
        let long = format!("\"  {} x\"", "é1".repeat(200));
        let digits = format!("\"{}\"", "12 34-".repeat(200));
        for json in ["\"401 023 2137\"", "\" a b \"", "\"- -\"", &long, &digits] {
            let once = form(json).unwrap();
            assert_eq!(form(&format!("\"{once}\"")).unwrap(), once, "{json}");
        }
        assert_eq!(form(&digits).unwrap(), "1234".repeat(200));
    }
}
