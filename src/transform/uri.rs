//! Percent-encoding (RFC 3986 §2), written and strictly read.

use std::borrow::Cow;

/// Whether `byte` means the same with and without encoding in any part of a URI (§2.3).
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The octet that two hexadecimal digits encode (§2.1); `None` if they are none.
pub(crate) fn octet(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// `byte` as it stands in any part of a URI: encoded unless it is unreserved.
pub(crate) fn encoded(byte: u8, room: &mut [u8; 3]) -> &str {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let length = if is_unreserved(byte) {
        room[0] = byte;
        1
    } else {
        *room = [
            b'%',
            HEX[usize::from(byte >> 4)],
            HEX[usize::from(byte & 15)],
        ];
        3
    };
    str::from_utf8(&room[..length]).expect("these are ASCII")
}

/// Whether `byte` may stand as it is in a segment of a path: RFC 3986's `pchar` without `%`, and without `;`, after
/// which some servers read parameters that others take for a part of the name.
pub(crate) fn is_path_byte(byte: u8) -> bool {
    PATH_BYTES[usize::from(byte)]
}

/// By byte, whether it may stand plain in a segment.
const PATH_BYTES: [bool; 256] = {
    let (mut known, mut byte) = ([false; 256], 0);
    while byte < 256 {
        known[byte] = is_unreserved(byte as u8);
        byte += 1;
    }
    let (others, mut at) = (b"!$&'()*+,=:@", 0);
    while at < others.len() {
        known[others[at] as usize] = true;
        at += 1;
    }
    known
};

/// A part of a URI in the one form that it has: percent-encoded unreserved characters decoded, other encodings with
/// capital hexadecimal digits (RFC 3986 §6.2.2). Reserved characters stay as they came, since with and without encoding
/// they may mean two things (§2.2). Borrowed where it came so.
///
/// `None` where it holds a byte that neither is encoded nor may stand `plain`, an encoding that is none, octets that are
/// not UTF-8 or a control character: nothing of that is repaired.
pub(crate) fn normal(part: &str, plain: fn(u8) -> bool) -> Option<Cow<'_, str>> {
    let bytes = part.as_bytes();
    if !bytes.contains(&b'%') {
        return bytes
            .iter()
            .all(|byte| plain(*byte))
            .then_some(Cow::Borrowed(part));
    }
    let mut text = String::with_capacity(part.len());
    let mut octets = Vec::with_capacity(part.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            if !plain(*first) {
                return None;
            }
            text.push(char::from(*first));
            octets.push(*first);
            continue;
        }
        let [high, low, after @ ..] = after else {
            return None;
        };
        rest = after;
        let byte = octet(*high, *low)?;
        octets.push(byte);
        text.push_str(encoded(byte, &mut [0; 3]));
    }
    is_text(&octets).then_some(Cow::Owned(text))
}

/// What `part` says, which is in the form that [`normal`] gives.
pub(crate) fn decoded(part: &str) -> Cow<'_, str> {
    if !part.contains('%') {
        return Cow::Borrowed(part);
    }
    let mut octets = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, after) = match after {
            [high, low, after @ ..] if *first == b'%' => (
                octet(*high, *low).expect("the encodings of a normal part are whole"),
                after,
            ),
            after => (*first, after),
        };
        octets.push(byte);
        rest = after;
    }
    Cow::Owned(String::from_utf8(octets).expect("a normal part is UTF-8 when it is decoded"))
}

/// Whether `octets` are UTF-8 without control characters (those of U+0080 to U+009F too).
fn is_text(octets: &[u8]) -> bool {
    str::from_utf8(octets).is_ok_and(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_one_form_or_none() {
        for (part, form) in [
            ("", Some("")),
            ("a-b", Some("a-b")),
            ("%61%2D%7e", Some("a-~")),
            ("a:b", Some("a:b")),
            ("a%3ab", Some("a%3Ab")),
            ("%c3%a9", Some("%C3%A9")),
            ("%25", Some("%25")),
            ("%252f", Some("%252f")),
            ("a b", None),
            ("a%", None),
            ("a%2", None),
            ("a%2g", None),
            ("%+1", None),
            ("%00", None),
            ("%0A", None),
            ("%7f", None),
            ("%c2%85", None),
            ("%c0%af", None),
            ("%e0%80%af", None),
            ("%ed%a0%80", None),
            ("%f4%90%80%80", None),
            ("%ff", None),
            ("%c3", None),
            ("\u{e9}", None),
        ] {
            let found = normal(part, is_path_byte);
            assert_eq!(found.as_deref(), form, "{part}");
            if let Some(found) = found {
                assert_eq!(
                    normal(&found, is_path_byte).as_deref(),
                    Some(&*found),
                    "{part}"
                );
            }
        }
        assert_eq!(decoded("a%2Bb%C3%A9"), "a+b\u{e9}");
    }

    #[test]
    fn every_octet_is_encoded_so_that_it_reads_as_itself() {
        for byte in 0..=u8::MAX {
            let mut room = [0; 3];
            match encoded(byte, &mut room).as_bytes() {
                [plain] => assert!(*plain == byte && is_unreserved(byte)),
                [b'%', high, low] => assert_eq!(octet(*high, *low), Some(byte)),
                other => panic!("{other:?}"),
            }
        }
        for (high, low) in [
            (b'g', b'0'),
            (b'0', b'g'),
            (b' ', b'1'),
            (b'+', b'1'),
            (0xff, b'0'),
        ] {
            assert_eq!(octet(high, low), None);
        }
    }
}
