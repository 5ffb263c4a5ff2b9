//! Percent-encoding (RFC 3986 §2).

/// Whether `byte` means the same with and without encoding in any part of a URI (§2.3).
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
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

#[cfg(test)]
mod tests {
    use super::*;

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
