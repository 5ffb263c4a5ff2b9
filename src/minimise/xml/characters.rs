//! What XML 1.0 (fifth edition) lets a document hold: characters (§2.2) and names (§2.3, Namespaces §4).

use crate::minimise::BodyFault;

/// White space of the grammar (production 3).
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether `bytes` are white space and nothing else.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_space(*byte))
}

/// The first character of `sound`, whole UTF-8 sequences, that XML forbids: its place.
pub(super) fn forbidden(sound: &[u8]) -> Option<usize> {
    const BLOCK: usize = 64;
    let mut start = 0;
    for block in sound.chunks(BLOCK) {
        // No branch in the loop: it becomes vector code.
        let mut suspect = false;
        for &byte in block {
            let control = byte < 0x20 && byte != b'\t' && byte != b'\n' && byte != b'\r';
            suspect |= control | (byte == 0xef);
        }
        if suspect {
            let found = (start..start + block.len()).find(|&at| match sound[at] {
                b'\t' | b'\n' | b'\r' => false,
                0..0x20 => true,
                // U+FFFE and U+FFFF.
                0xef => matches!(sound[at + 1..], [0xbf, 0xbe | 0xbf, ..]),
                _ => false,
            });
            if found.is_some() {
                return found;
            }
        }
        start += block.len();
    }
    None
}

/// Whether `code` is a character that a document may hold (production 2).
pub(super) fn is_character(code: u32) -> bool {
    matches!(code, 0x9 | 0xa | 0xd | 0x20..=0xd7ff | 0xe000..=0xfffd | 0x1_0000..=0x10_ffff)
}

const START: u8 = 1;
const INSIDE: u8 = 2;
const WIDE: u8 = 4;

/// What a byte may be in a name without a colon: its start, inside it, or part of a character beyond ASCII.
static NAME_BYTES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => START | INSIDE,
            b'0'..=b'9' | b'-' | b'.' => INSIDE,
            0x80.. => WIDE,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// Whether `byte` can stand in a name, a colon among it; of characters beyond ASCII every byte can.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte == b':' || NAME_BYTES[byte as usize] != 0
}

/// A character beyond ASCII that can start a name (production 4).
fn starts_name(character: char) -> bool {
    matches!(u32::from(character),
        0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0x2ff | 0x370..=0x37d | 0x37f..=0x1fff | 0x200c..=0x200d
        | 0x2070..=0x218f | 0x2c00..=0x2fef | 0x3001..=0xd7ff | 0xf900..=0xfdcf | 0xfdf0..=0xfffd
        | 0x1_0000..=0xe_ffff)
}

/// A character beyond ASCII that can stand in a name (production 4a).
fn continues_name(character: char) -> bool {
    starts_name(character) || matches!(u32::from(character), 0xb7 | 0x300..=0x36f | 0x203f..=0x2040)
}

/// A name of an element or attribute: where it ends and where its colon stands (Namespaces, production 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) end: usize,
    pub(super) colon: Option<usize>,
}

/// What was found where a name should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Name(Name),
    /// The bytes end before the name is known to.
    Cut,
    /// The byte at this place can be no part of one.
    Flaw(usize, BodyFault),
}

/// The qualified name at the start `from` of `bytes`, of at most `longest` bytes.
#[inline]
pub(super) fn name(bytes: &[u8], from: usize, longest: usize) -> Named {
    let mut at = from;
    let mut colon = None;
    // The place of the part's first byte: before the colon or after it.
    let mut part = from;
    let named = loop {
        let Some(&byte) = bytes.get(at) else {
            break Named::Cut;
        };
        let class = NAME_BYTES[byte as usize];
        if class & INSIDE != 0 {
            if at == part && class & START == 0 {
                break Named::Flaw(at, BodyFault::Malformed);
            }
            at += 1;
        } else if class & WIDE != 0 {
            match wide(&bytes[at..]) {
                None => break Named::Cut,
                Some(character)
                    if starts_name(character) || (at > part && continues_name(character)) =>
                {
                    at += character.len_utf8();
                }
                Some(_) => break Named::Flaw(at, BodyFault::Malformed),
            }
        } else if byte == b':' && colon.is_none() && at > part {
            colon = Some(at);
            at += 1;
            part = at;
        } else if at > part && byte != b':' {
            break Named::Name(Name { end: at, colon });
        } else {
            break Named::Flaw(at, BodyFault::Malformed);
        }
    };
    if at - from > longest {
        return Named::Flaw(from + longest, BodyFault::NameTooLong);
    }
    named
}

/// Whether `text` is a name without a colon, all of it.
pub(super) fn is_plain_name(text: &str) -> bool {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(b'>');
    name(&bytes, 0, usize::MAX)
        == Named::Name(Name {
            end: text.len(),
            colon: None,
        })
}

/// The character at the start of `bytes`; `None` if they are cut within it.
fn wide(bytes: &[u8]) -> Option<char> {
    let sequence = &bytes[..bytes.len().min(4)];
    let whole = match std::str::from_utf8(sequence) {
        Ok(whole) => whole,
        Err(error) => std::str::from_utf8(&sequence[..error.valid_up_to()]).unwrap_or_default(),
    };
    whole.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_grammar() {
        let ends = |text: &str, end, colon| {
            assert_eq!(
                name(text.as_bytes(), 0, 99),
                Named::Name(Name { end, colon }),
                "{text}"
            );
        };
        ends("a>", 1, None);
        ends("soap:Body ", 9, Some(4));
        ends("_a-1.é·/", 9, None);
        ends("名前=", 6, None);
        let flaw = |text: &str, at| {
            assert_eq!(
                name(text.as_bytes(), 0, 99),
                Named::Flaw(at, BodyFault::Malformed),
                "{text}"
            );
        };
        for (text, at) in [
            ("-a>", 0),
            (":a>", 0),
            ("a:>", 2),
            ("a:b:c>", 3),
            ("a:1>", 2),
            (">", 0),
            ("·a>", 0),
            ("a×>", 1),
        ] {
            flaw(text, at);
        }
        assert_eq!(name(b"abc", 0, 99), Named::Cut);
        assert_eq!(name("é".as_bytes().split_at(1).0, 0, 99), Named::Cut);
        assert_eq!(name(b"abcd>", 0, 3), Named::Flaw(3, BodyFault::NameTooLong));
        assert_eq!(name(b"abcd", 0, 3), Named::Flaw(3, BodyFault::NameTooLong));
    }

    #[test]
    fn forbidden_characters_are_found_wherever_they_stand() {
        for before in [0, 1, 62, 63, 64, 65, 200] {
            let lead = "é\t\r\n\u{fffd}\u{7f}".repeat(before);
            for character in ['\0', '\u{8}', '\u{b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
                let text = format!("{lead}{character}after");
                assert_eq!(
                    forbidden(text.as_bytes()),
                    Some(lead.len()),
                    "{before} {character:?}"
                );
            }
            assert_eq!(forbidden(lead.as_bytes()), None);
        }
    }
}
