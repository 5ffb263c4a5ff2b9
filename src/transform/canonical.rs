//! From a single value in a document to the identifier that it spells.

use super::text::Characters;
use crate::identifier::{Canonical, Kind, Unfit};

/// Writes the canonical form of the identifier of `kind` that the single value `json` spells to `out`.
///
/// A string is unescaped. A number that is a plain non-negative integer is its own text, never read as a number, so that
/// no digit is lost. Nothing else has one: other numbers, `true`, `false`, `null`, containers. The value is copied
/// nowhere but to the stack, which is cleared.
pub(crate) fn identify(kind: Kind, json: &[u8], out: &mut Canonical) -> Result<(), Unfit> {
    match json {
        [b'"', inside @ .., b'"'] if inside.iter().all(u8::is_ascii_digit) => {
            kind.canonical_digits(inside, out)
        }
        [b'"', inside @ .., b'"'] if is_plain(inside) => {
            kind.canonical(inside.iter().copied().map(char::from), out)
        }
        [b'"', inside @ .., b'"'] => kind.canonical(Characters::new(inside), out),
        [b'0'..=b'9', ..] if json.iter().all(u8::is_ascii_digit) => {
            kind.canonical_number(json, out)
        }
        _ => {
            out.clear();
            Err(Unfit::Invalid)
        }
    }
}

/// The identifier of `kind` that `json` spells, where it stands there in its canonical form already: what
/// [`identify`] writes then, without a copy. `None` says nothing.
#[inline]
pub(crate) fn own_form(kind: Kind, json: &[u8]) -> Option<&[u8]> {
    let inside = match json {
        [b'"', inside @ .., b'"'] => inside,
        // A number that could have lost a zero at its front is none.
        _ if kind == Kind::NhsNumber => json,
        _ => return None,
    };
    kind.is_own_form(inside).then_some(inside)
}

/// Whether the inside of a string is ASCII without an escape, as nearly all identifiers are.
fn is_plain(inside: &[u8]) -> bool {
    inside.iter().all(|&byte| byte.is_ascii() && byte != b'\\')
}

/// The characters of a string or plain integer.
pub(crate) fn characters(json: &[u8]) -> Option<Characters<'_>> {
    match json {
        [b'"', inside @ .., b'"'] => Some(Characters::new(inside)),
        [b'0'..=b'9', ..] if json.iter().all(u8::is_ascii_digit) => Some(Characters::new(json)),
        _ => None,
    }
}

/// Hands the canonical form of the single value `json`, read as any text, to `feed` and says whether there is one.
pub(crate) fn canonical(json: &[u8], feed: impl FnOnce(&[u8])) -> bool {
    let mut form = Canonical::new();
    let there = identify(Kind::Text, json, &mut form).is_ok();
    if there {
        feed(form.as_bytes());
    }
    there
}

/// As [`canonical`] of plain text, which is no JSON: what `feed` makes of its form; `None` where it has none.
pub(crate) fn canonical_text<T>(text: &[u8], feed: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let mut form = Canonical::new();
    if text.iter().all(u8::is_ascii_digit) {
        Kind::Text.canonical_digits(text, &mut form).ok()?;
        return Some(feed(form.as_bytes()));
    }
    let text = std::str::from_utf8(text).ok()?;
    Kind::Text.canonical(text.chars(), &mut form).ok()?;
    Some(feed(form.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(json: &str) -> Option<String> {
        let mut out = Vec::new();
        canonical(json.as_bytes(), |form| out.extend_from_slice(form))
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
    fn what_is_its_own_form_is_what_would_be_written() {
        let mut out = Canonical::new();
        let mut own = 0;
        for kind in Kind::ALL {
            for inside in [
                "9434765919",
                "0101016898",
                "9434765918",
                "9999999999",
                "0000000000",
                "1111111111",
                "943476591",
                "94347659190",
                "943 476 5919",
                "943476591a",
                "9434765919\\n",
                "\u{ff19}434765919",
                "1",
                "0",
                "12",
                "012",
                "00",
                "123456",
                "123456789012345",
                "1234567890123456",
                "222222",
                "22222",
                "",
                " ",
                "a",
                "010101689",
                "4000000004",
                "4000000011",
            ] {
                for json in [inside.to_owned(), format!("\"{inside}\"")] {
                    if let Some(form) = own_form(*kind, json.as_bytes()) {
                        own += 1;
                        identify(*kind, json.as_bytes(), &mut out).unwrap();
                        assert_eq!(out.as_bytes(), form, "{kind:?} {json}");
                    }
                }
            }
        }
        assert!(own > 10, "{own}");
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
            "0",
            "\"- -\"",
            "\"unknown\"",
            "9999999999",
        ] {
            assert_eq!(form(json), None, "{json}");
        }
    }
}
