//! References in text and attribute values (XML 1.0 §4.1): checked, resolved, written.

use super::characters::{is_character, is_name_byte, is_space};
use crate::minimise::BodyFault;

/// What stands where an ampersand is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// A reference of this many bytes.
    Whole(usize),
    /// The bytes end within it.
    Cut,
    /// The fault, its place, and that of the last byte that was looked at.
    Flaw {
        fault: BodyFault,
        at: usize,
        seen: usize,
    },
}

/// The reference at the start of `bytes`, an ampersand. Its name or number has at most `longest` bytes.
pub(super) fn reference(bytes: &[u8], longest: usize) -> Reference {
    let inside = &bytes[1..];
    let number = inside.first() == Some(&b'#');
    let hex = number && inside.get(1) == Some(&b'x');
    let allowed = |at: usize, byte: u8| match (number, hex) {
        (true, true) => at < 2 || byte.is_ascii_hexdigit(),
        (true, false) => at < 1 || byte.is_ascii_digit(),
        (false, _) => {
            is_name_byte(byte) && (at > 0 || !matches!(byte, b'0'..=b'9' | b'-' | b'.' | b':'))
        }
    };
    let least = 1 + usize::from(number) + usize::from(hex);
    let length = inside
        .iter()
        .enumerate()
        .position(|(at, byte)| !allowed(at, *byte));
    if length.unwrap_or(inside.len()) > longest {
        let at = 1 + longest;
        return Reference::Flaw {
            fault: BodyFault::NameTooLong,
            at,
            seen: at,
        };
    }
    let Some(length) = length else {
        return Reference::Cut;
    };
    let end = 1 + length;
    if bytes[end] != b';' || length < least {
        return Reference::Flaw {
            fault: BodyFault::Malformed,
            at: end,
            seen: end,
        };
    }
    if character(&inside[..length]).is_some() {
        return Reference::Whole(end + 1);
    }
    // Only a document type declaration could say what another name stands for.
    let fault = if number {
        BodyFault::BadString
    } else {
        BodyFault::Dtd
    };
    Reference::Flaw {
        fault,
        at: 0,
        seen: end,
    }
}

/// The character that `inside`, what stands between `&` and `;`, refers to.
fn character(inside: &[u8]) -> Option<char> {
    let (digits, radix) = match inside {
        b"lt" => return Some('<'),
        b"gt" => return Some('>'),
        b"amp" => return Some('&'),
        b"apos" => return Some('\''),
        b"quot" => return Some('"'),
        [b'#', b'x', digits @ ..] => (digits, 16),
        [b'#', digits @ ..] => (digits, 10),
        _ => return None,
    };
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()?;
    char::from_u32(code).filter(|_| is_character(code))
}

/// Appends the text that checked character data stand for: references resolved, sections opened, line ends as one
/// line feed each (§2.11).
pub(super) fn resolve_text(raw: &[u8], text: &mut Vec<u8>) {
    const OPENS: &[u8] = b"<![CDATA[";
    let mut rest = raw;
    while !rest.is_empty() {
        let plain = memchr::memchr3(b'&', b'<', b'\r', rest).unwrap_or(rest.len());
        text.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if let Some(section) = rest.strip_prefix(OPENS) {
            let end = memchr::memmem::find(section, b"]]>").unwrap_or(section.len());
            push_lines(&section[..end], text);
            rest = section.get(end + 3..).unwrap_or_default();
        } else {
            rest = &rest[special(rest, b'\n', text)..];
        }
    }
}

/// Appends the value of a checked attribute: references resolved, white space made spaces (§3.3.3, of type CDATA).
pub(super) fn resolve_value(raw: &[u8], text: &mut Vec<u8>) {
    let mut rest = raw;
    while !rest.is_empty() {
        let plain = rest
            .iter()
            .position(|byte| matches!(byte, b'&' | b'\t' | b'\n' | b'\r'));
        let plain = plain.unwrap_or(rest.len());
        text.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        rest = &rest[special(rest, b' ', text)..];
    }
}

/// Appends what the first byte of `rest` begins, and gives how long that is. A line's end becomes `line`.
fn special(rest: &[u8], line: u8, text: &mut Vec<u8>) -> usize {
    match rest {
        [] => 0,
        [b'\r', b'\n', ..] => {
            text.push(line);
            2
        }
        [b'&', inside @ ..] => {
            let end = memchr::memchr(b';', inside).unwrap_or(inside.len());
            if let Some(character) = character(&inside[..end]) {
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            (end + 2).min(rest.len())
        }
        [byte, ..] => {
            text.push(if is_space(*byte) { line } else { *byte });
            1
        }
    }
}

fn push_lines(section: &[u8], text: &mut Vec<u8>) {
    let mut rest = section;
    while let Some(at) = memchr::memchr(b'\r', rest) {
        text.extend_from_slice(&rest[..at]);
        text.push(b'\n');
        rest = &rest[at + 1..];
        rest = rest.strip_prefix(b"\n").unwrap_or(rest);
    }
    text.extend_from_slice(rest);
}

/// Appends `text` as character data.
pub(super) fn push_text(text: &str, out: &mut Vec<u8>) {
    push(text, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'>' => Some(b"&gt;"),
        // Unescaped it would be read as a line feed.
        b'\r' => Some(b"&#13;"),
        _ => None,
    });
}

/// Appends `text` as an attribute's value in double quotes.
pub(super) fn push_value(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    push(text, out, |byte| match byte {
        b'&' => Some(b"&amp;"),
        b'<' => Some(b"&lt;"),
        b'"' => Some(b"&quot;"),
        b'\t' => Some(b"&#9;"),
        b'\n' => Some(b"&#10;"),
        b'\r' => Some(b"&#13;"),
        _ => None,
    });
    out.push(b'"');
}

fn push(text: &str, out: &mut Vec<u8>, escape: impl Fn(u8) -> Option<&'static [u8]>) {
    for &byte in text.as_bytes() {
        match escape(byte) {
            Some(escaped) => out.extend_from_slice(escaped),
            None => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_the_five_and_characters_that_xml_has() {
        use BodyFault as F;
        for whole in [
            "&amp;",
            "&lt;",
            "&gt;",
            "&apos;",
            "&quot;",
            "&#65;",
            "&#x1D11E;",
            "&#0000000000000065;",
            "&#9;",
        ] {
            assert_eq!(
                reference(whole.as_bytes(), 40),
                Reference::Whole(whole.len()),
                "{whole}"
            );
        }
        for (flawed, fault, at, seen) in [
            ("&;", F::Malformed, 1, 1),
            ("& ", F::Malformed, 1, 1),
            ("&am<", F::Malformed, 3, 3),
            ("&#;", F::Malformed, 2, 2),
            ("&#x;", F::Malformed, 3, 3),
            ("&#X41;", F::Malformed, 2, 2),
            ("&#12a;", F::Malformed, 4, 4),
            ("&1;", F::Malformed, 1, 1),
            ("&nbsp;", F::Dtd, 0, 5),
            ("&#0;", F::BadString, 0, 3),
            ("&#xD800;", F::BadString, 0, 7),
            ("&#xFFFE;", F::BadString, 0, 7),
            ("&#x110000;", F::BadString, 0, 9),
            ("&#99999999999;", F::BadString, 0, 13),
        ] {
            assert_eq!(
                reference(flawed.as_bytes(), 40),
                Reference::Flaw { fault, at, seen },
                "{flawed}"
            );
        }
        assert_eq!(reference(b"&am", 40), Reference::Cut);
        let long = Reference::Flaw {
            fault: F::NameTooLong,
            at: 4,
            seen: 4,
        };
        assert_eq!(reference(b"&abcd;", 3), long);
        assert_eq!(reference(b"&abcd", 3), long);
    }

    #[test]
    fn text_and_values_are_what_readers_see() {
        let text = |raw: &str| {
            let mut out = Vec::new();
            resolve_text(raw.as_bytes(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text("a &amp; b\r\nc\rd&#13;"), "a & b\nc\nd\r");
        assert_eq!(
            text("x<![CDATA[<&amp;>]]]]>y<![CDATA[\r\n]]>"),
            "x<&amp;>]]y\n"
        );
        let mut out = Vec::new();
        resolve_value(b"a\r\nb\tc&#9;&quot;", &mut out);
        assert_eq!(out, b"a b c\t\"");
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let odd = "a<b>&\"'\r\n\t]]>é";
        let (mut out, mut text) = (Vec::new(), Vec::new());
        push_text(odd, &mut out);
        resolve_text(&out, &mut text);
        assert_eq!(text, odd.as_bytes());
        out.clear();
        text.clear();
        push_value(odd, &mut out);
        resolve_value(&out[1..out.len() - 1], &mut text);
        assert_eq!(text, odd.as_bytes());
    }
}
