//! JSON strings in and out: unescaping without a buffer, escaping minimally.

/// Appends the inside of a JSON string (no quotes) to `out`, unescaped, as UTF-8.
///
/// `inside` is checked JSON: the machine has refused bad escapes and half surrogate pairs. Should one come
/// all the same it becomes U+FFFD: nothing panics and nothing outside of `inside` is read.
pub fn unescape(inside: &[u8], out: &mut Vec<u8>) {
    let mut rest = inside;
    while let Some(backslash) = rest.iter().position(|&byte| byte == b'\\') {
        let (plain, escape) = rest.split_at(backslash);
        out.extend_from_slice(plain);
        let (character, length) = decode_escape(escape);
        push_char(character, out);
        rest = &escape[length..];
    }
    out.extend_from_slice(rest);
}

/// The Unicode scalar values of the inside of a checked JSON string, unescaped one by one.
#[derive(Debug, Clone)]
pub(crate) struct Characters<'a> {
    rest: &'a [u8],
}

impl<'a> Characters<'a> {
    /// From the inside of a JSON string, without its quotes.
    pub(crate) fn new(inside: &'a [u8]) -> Self {
        Self { rest: inside }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl Iterator for Characters<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let (character, length) = match self.rest {
            [] => return None,
            [b'\\', ..] => decode_escape(self.rest),
            [ascii @ 0..=0x7f, ..] => (char::from(*ascii), 1),
            [first, ..] => decode_utf8(*first, self.rest),
        };
        self.rest = &self.rest[length..];
        Some(character)
    }
}

/// One multi-byte character and its length. `rest` is not empty and starts with `first`.
fn decode_utf8(first: u8, rest: &[u8]) -> (char, usize) {
    let length = match first {
        0xf0.. => 4,
        0xe0.. => 3,
        _ => 2,
    };
    rest.get(..length)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.chars().next())
        .map_or((char::REPLACEMENT_CHARACTER, 1), |character| {
            (character, length)
        })
}

/// The character that the escape at the start of `escape` stands for, and the escape's length in bytes.
fn decode_escape(escape: &[u8]) -> (char, usize) {
    let plain = |character| (character, 2);
    match escape.get(1) {
        Some(b'b') => plain('\u{8}'),
        Some(b'f') => plain('\u{c}'),
        Some(b'n') => plain('\n'),
        Some(b'r') => plain('\r'),
        Some(b't') => plain('\t'),
        Some(b'u') => decode_unicode(escape),
        Some(&byte @ (b'"' | b'\\' | b'/')) => plain(char::from(byte)),
        Some(_) | None => (char::REPLACEMENT_CHARACTER, escape.len().min(2)),
    }
}

/// `\uXXXX`, or two of them where they are a surrogate pair (RFC 8259 §7).
fn decode_unicode(escape: &[u8]) -> (char, usize) {
    let bad = (char::REPLACEMENT_CHARACTER, escape.len().min(6));
    let Some(high) = hex4(escape) else { return bad };
    if let Some(character) = char::from_u32(high) {
        return (character, 6);
    }
    let low = escape.get(6..).and_then(hex4);
    match (high, low) {
        (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
            let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            char::from_u32(code).map_or(bad, |character| (character, 12))
        }
        (_, Some(_) | None) => bad,
    }
}

/// The four digits after `\u` at the start of `escape`.
fn hex4(escape: &[u8]) -> Option<u32> {
    let digits = escape.get(..6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |code, &digit| {
        Some(code * 16 + char::from(digit).to_digit(16)?)
    })
}

/// Appends `character` to `out` as UTF-8.
pub(crate) fn push_char(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Appends `character` to `out` as it stands inside a JSON string: escaped where RFC 8259 §7 asks for it,
/// with the short form where there is one, and not otherwise.
pub(crate) fn push_escaped(character: char, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\u{1f}' => {
            let code = character as usize;
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[code >> 4], HEX[code & 15]]);
        }
        _ => push_char(character, out),
    }
}

/// Appends `text` to `out` as a JSON string with its quotes.
pub(crate) fn push_quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    while let Some(at) = rest.iter().position(special) {
        out.extend_from_slice(&rest[..at]);
        push_escaped(char::from(rest[at]), out);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_the_characters_they_stand_for() {
        let rows: &[(&str, &str)] = &[
            ("", ""),
            ("plain", "plain"),
            (r"na\u006de", "name"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u00e9\u00E9é", "ééé"),
            (r"\ud834\udd1e", "𝄞"),
            (r"a\u0000b", "a\0b"),
            ("𝄞x", "𝄞x"),
            (r"\\u0041", r"\u0041"),
        ];
        for (inside, expected) in rows {
            let mut out = b"before ".to_vec();
            unescape(inside.as_bytes(), &mut out);
            assert_eq!(out, format!("before {expected}").as_bytes(), "{inside}");
            let characters: String = Characters::new(inside.as_bytes()).collect();
            assert_eq!(characters, *expected, "{inside}");
        }
    }

    #[test]
    fn what_is_not_checked_json_does_not_panic() {
        let bad: &[&[u8]] = &[
            b"\\",
            b"\\x",
            b"\\u",
            b"\\u12",
            b"\\ud800",
            b"\\ud800\\u0041",
            b"\\udc00",
            b"\xff",
            b"\xf0\x9d",
        ];
        for inside in bad {
            let mut out = Vec::new();
            unescape(inside, &mut out);
            assert!(Characters::new(inside).count() <= inside.len());
        }
    }

    #[test]
    fn escaping_again_gives_strict_json_for_every_scalar_value() {
        for character in '\0'..='\u{2ff}' {
            let mut out = b"\"".to_vec();
            push_escaped(character, &mut out);
            out.push(b'"');
            let read: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(read, character.to_string());
            let mut quoted = Vec::new();
            push_quoted(&format!("é{character}{character} x"), &mut quoted);
            let read: String = serde_json::from_slice(&quoted).unwrap();
            assert_eq!(read, format!("é{character}{character} x"));
        }
    }
}
