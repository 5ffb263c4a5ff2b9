//! One value as it stands in a row: its text, where it ends, how it is written, whether a spreadsheet calculates it.

/// Where the value that starts at `from` ends. `text` is rows that have been checked.
pub(super) fn end(text: &[u8], from: usize, separator: u8) -> usize {
    let mut at = from;
    if text.get(at) == Some(&b'"') {
        // Each quote inside is doubled, so a quote and another one after it go together.
        at += 1;
        loop {
            let Some(quote) = memchr::memchr(b'"', &text[at..]) else {
                return text.len();
            };
            at += quote + 1;
            if text.get(at) != Some(&b'"') {
                return at;
            }
            at += 1;
        }
    }
    let rest = &text[at..];
    at + memchr::memchr3(separator, b'\n', b'\r', rest).unwrap_or(rest.len())
}

/// The text of the value `raw`: without its quotes, doubled ones as one. `raw` is UTF-8 that has been checked.
pub(super) fn text<'a>(raw: &'a [u8], room: &'a mut Vec<u8>) -> &'a str {
    let inside = match raw {
        [b'"', inside @ .., b'"'] => inside,
        bare => return checked(bare),
    };
    if memchr::memchr(b'"', inside).is_none() {
        return checked(inside);
    }
    room.clear();
    let mut rest = inside;
    while let Some(quote) = memchr::memchr(b'"', rest) {
        room.extend_from_slice(&rest[..=quote]);
        rest = rest.get(quote + 2..).unwrap_or_default();
    }
    room.extend_from_slice(rest);
    checked(room)
}

fn checked(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("values are cut from checked text at ASCII characters")
}

/// Appends `text` as a value: in quotes where it holds a separator, a quote or a line end (RFC 4180 §2.6).
pub(super) fn push(text: &str, separator: u8, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let quoted = bytes
        .iter()
        .any(|byte| [separator, b'"', b'\n', b'\r'].contains(byte));
    if !quoted {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    push_inside(bytes, out);
    out.push(b'"');
}

/// Appends `text`, which starts like a formula, as a value that does not: an apostrophe before it, in quotes.
pub(super) fn push_neutral(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"'");
    push_inside(text.as_bytes(), out);
    out.push(b'"');
}

fn push_inside(mut rest: &[u8], out: &mut Vec<u8>) {
    while let Some(quote) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=quote]);
        out.push(b'"');
        rest = &rest[quote + 1..];
    }
    out.extend_from_slice(rest);
}

/// Whether a value that starts with `start`, its text so far, may be a formula; `None` if more of it must be seen.
pub(super) fn starts_formula(start: &[u8]) -> Option<bool> {
    match start {
        [b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n', ..] => Some(true),
        // The full-width forms of = + - @, which some spreadsheets take for these: U+FF1D, U+FF0B, U+FF0D, U+FF20.
        [0xef, 0xbc, 0x8b | 0x8d | 0x9d | 0xa0, ..] => Some(true),
        [] | [0xef] | [0xef, 0xbc] => None,
        _ => Some(false),
    }
}

/// Whether a spreadsheet may calculate `text` (OWASP, "CSV injection"). A plain number is what it says, whatever its
/// sign.
pub(super) fn is_formula(text: &str) -> bool {
    starts_formula(text.as_bytes()) == Some(true) && !is_number(text)
}

/// A sign, digits in groups divided by single points or commas, and maybe an exponent: nothing that can refer to
/// anything.
fn is_number(text: &str) -> bool {
    let unsigned = |text: &'_ str| -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let Some(rest) = text.strip_prefix(['+', '-']) else {
        return false;
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (rest, None),
    };
    mantissa.split(['.', ',']).all(unsigned)
        && exponent.is_none_or(|text| unsigned(text.strip_prefix(['+', '-']).unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_its_row_says() {
        let rows: &[(&str, usize, usize)] = &[
            ("a,b", 0, 1),
            ("a,b", 2, 3),
            (",", 0, 0),
            (",", 1, 1),
            ("a\nb", 0, 1),
            ("a\r\nb", 0, 1),
            ("\"a,\"\"\nb\"\r\n", 0, 8),
            ("\"\"", 0, 2),
            ("\"\"\"\",x", 0, 4),
        ];
        for (text, from, to) in rows {
            assert_eq!(end(text.as_bytes(), *from, b','), *to, "{text}");
        }
    }

    #[test]
    fn a_value_s_text_is_written_back_as_one_value() {
        let rows = [
            ("", "", ""),
            ("a b", "a b", "a b"),
            ("\"\"", "", ""),
            ("\"a\"", "a", "a"),
            ("\"a\"\"b\"", "a\"b", "\"a\"\"b\""),
            ("\"\"\"\"", "\"", "\"\"\"\""),
            ("\"\"\"a\"\"\"", "\"a\"", "\"\"\"a\"\"\""),
            ("\"a,b\r\n\"", "a,b\r\n", "\"a,b\r\n\""),
        ];
        for (raw, plain, written) in rows {
            let mut room = Vec::new();
            assert_eq!(text(raw.as_bytes(), &mut room), plain);
            let mut out = Vec::new();
            push(plain, b',', &mut out);
            assert_eq!(out, written.as_bytes());
        }
    }

    #[test]
    fn formulas_are_told_from_numbers() {
        for text in [
            "=1+1",
            "+1+1",
            "-1-1",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\nx",
            "\u{ff1d}1",
            "\u{ff0b}1",
            "\u{ff0d}1",
            "\u{ff20}a",
            "-",
            "+",
            "-.5",
            "-1e",
            "-1.",
            "-1..2",
            "+44 1983 823",
            "-a",
            "--1",
            "=1",
            "-2+3+cmd|' /C calc'!A0",
            "-\u{661}",
        ] {
            assert!(is_formula(text), "{text}");
        }
        for text in [
            "",
            "a",
            "1",
            "-1",
            "+44",
            "-12.5",
            "-1,234.50",
            "+1e9",
            "-1.5E-7",
            "'=1",
            " =1",
            "\u{ff01}",
            "\u{ff1c}",
            "\"=1\"",
            "a=1",
        ] {
            assert!(!is_formula(text), "{text}");
        }
    }
}
