//! Tokens as text: `fg1p-3-` and base32.

/// What every token starts with: the scheme and its version.
///
/// No identifier starts so: one that is digits fails at the first character, one of letters and digits at the third or at its
/// length. A changed scheme (canonical form, algorithm, length) gets another, so that a partner sees at once that tokens
/// of the two do not join.
const SCHEME: &[u8; 3] = b"fg1";

/// Characters of the longest text that can be a token: scheme, letters, epoch, and 288 bytes in base32.
pub(super) const LONGEST: usize = 3 + 2 + 1 + 10 + 1 + 461;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Not a digit of base32.
const FOREIGN: u8 = 0xff;

const DIGITS: [u8; 256] = {
    let mut digits = [FOREIGN; 256];
    let mut value = 0;
    while value < 32 {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// What a token's letters behind the scheme say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letters {
    /// It turns back.
    pub(super) reversible: bool,
    /// What it links.
    pub(super) scope: super::Scope,
}

impl Letters {
    /// What all tokens of these letters and `epoch` begin with.
    pub(super) fn prefix(self, epoch: u32) -> Prefix {
        let text = format!("\"{}", self.text(epoch));
        let mut prefix = Prefix {
            bytes: [0; PREFIX_ROOM],
            length: text.len(),
        };
        prefix.bytes[..text.len()].copy_from_slice(text.as_bytes());
        prefix
    }

    fn text(self, epoch: u32) -> String {
        let way = if self.reversible { "t" } else { "p" };
        let scope = match self.scope {
            super::Scope::Agreement => "",
            super::Scope::Document => "d",
            super::Scope::Never => "n",
        };
        let scheme = str::from_utf8(SCHEME).expect("the scheme is ASCII");
        format!("{scheme}{way}{scope}-{epoch}-")
    }
}

/// A quote and what tokens begin with, in as much room as the longest has: copied whole it is copied fastest.
#[derive(Clone)]
pub(super) struct Prefix {
    bytes: [u8; PREFIX_ROOM],
    length: usize,
}

/// A quote, the scheme, two letters, an epoch and two hyphens, up to whole words.
const PREFIX_ROOM: usize = 24;

impl Prefix {
    /// Appends it to `out`.
    #[inline]
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.length;
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

/// A token's letters, epoch and the base32 behind them, if `text` is written as one.
pub(super) fn parse(text: &[u8]) -> Option<(Letters, u32, &[u8])> {
    let rest = text.strip_prefix(SCHEME)?;
    let (&way, rest) = rest.split_first()?;
    let reversible = match way {
        b't' => true,
        b'p' => false,
        _ => return None,
    };
    let (scope, rest) = match rest {
        [b'-', rest @ ..] => (super::Scope::Agreement, rest),
        [b'd', b'-', rest @ ..] => (super::Scope::Document, rest),
        [b'n', b'-', rest @ ..] => (super::Scope::Never, rest),
        _ => return None,
    };
    let end = rest.iter().position(|&byte| byte == b'-')?;
    let (digits, body) = (&rest[..end], &rest[end + 1..]);
    // One writing for each epoch.
    if !matches!(digits, [b'1'..=b'9', ..]) || digits.len() > 10 {
        return None;
    }
    let epoch = digits.iter().try_fold(0_u32, |number, digit| {
        let value = digit.checked_sub(b'0').filter(|&value| value <= 9)?;
        number.checked_mul(10)?.checked_add(value.into())
    })?;
    Some((Letters { reversible, scope }, epoch, body))
}

/// Appends `bytes` to `out` in lower-case base32 (RFC 4648 §6) without padding.
pub(super) fn push_base32(bytes: &[u8], out: &mut Vec<u8>) {
    let (groups, rest) = bytes.as_chunks::<5>();
    for group in groups {
        out.extend_from_slice(&eight_digits(*group));
    }
    if !rest.is_empty() {
        let group = std::array::from_fn(|place| rest.get(place).copied().unwrap_or(0));
        // Eight digits are copied faster than some.
        let end = out.len() + (rest.len() * 8).div_ceil(5);
        out.extend_from_slice(&eight_digits(group));
        out.truncate(end);
    }
}

/// Eight digits of base32 from 40 bits, all at once: the bits are spread to five in each byte of a word, and each byte
/// becomes `a` to `z` or, from 26 on, `2` to `7`. No byte's sum or difference reaches its neighbour.
fn eight_digits([a, b, c, d, e]: [u8; 5]) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let bits = u64::from_be_bytes([0, 0, 0, a, b, c, d, e]);
    let by_20 = (bits & 0xff_fff0_0000) << 12 | bits & 0xf_ffff;
    let by_10 = (by_20 & 0x000f_fc00_000f_fc00) << 6 | by_20 & 0x0000_03ff_0000_03ff;
    let by_5 = (by_10 & 0x03e0_03e0_03e0_03e0) << 3 | by_10 & 0x001f_001f_001f_001f;
    let from_26 = (by_5 + EACH * (128 - 26)) >> 7 & EACH;
    let letters = by_5 + EACH * u64::from(b'a');
    (letters - from_26 * u64::from(b'a' + 26 - b'2')).to_be_bytes()
}

/// Reads `text` as base32 into `out`: how many bytes, if it is the one writing of so many bytes, and they have room. What
/// is foreign counts as zero, so that the work is the same whatever there is.
pub(super) fn read_base32(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let length = text.len() * 5 / 8;
    let mut foreign = out.len() < length || (length * 8).div_ceil(5) != text.len();
    for (group, room) in text.chunks(8).zip(out.chunks_mut(5)) {
        let mut bits = 0_u64;
        for place in 0..8 {
            let digit = group
                .get(place)
                .map_or(0, |&byte| DIGITS[usize::from(byte)]);
            foreign |= digit == FOREIGN;
            bits = bits << 5 | u64::from(digit & 31);
        }
        let bytes = &bits.to_be_bytes()[3..];
        let count = (group.len() * 5 / 8).min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        // What the last digit has beyond whole bytes is zero.
        foreign |= bytes[count..].iter().any(|&byte| byte != 0) && count < 5;
    }
    (!foreign).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::super::Scope;
    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648_both_ways() {
        let mut bytes = Vec::new();
        for length in 0..300_usize {
            let expected = data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase();
            let mut out = b"before".to_vec();
            push_base32(&bytes, &mut out);
            assert_eq!(&out[6..], expected.as_bytes());
            let mut room = [0; 300];
            assert_eq!(read_base32(expected.as_bytes(), &mut room), Some(length));
            assert_eq!(room[..length], bytes);
            bytes.push((length * 37 % 251) as u8);
        }
    }

    #[test]
    fn bytes_have_one_writing() {
        let strict = |text: &str| read_base32(text.as_bytes(), &mut [0; 64]);
        assert_eq!(strict("my"), Some(1));
        for text in [
            "mz",
            "m",
            "MY",
            "my=",
            "mya",
            "m1",
            "m y",
            "myaaaaaaa",
            "\u{e9}y",
        ] {
            assert_eq!(strict(text), None, "{text}");
        }
        assert_eq!(read_base32(b"mymymymy", &mut [0; 4]), None, "no room");
    }

    #[test]
    fn a_token_begins_with_scheme_way_scope_and_epoch() {
        for (letters, epoch, prefix) in [
            (
                Letters {
                    reversible: false,
                    scope: Scope::Agreement,
                },
                1,
                "fg1p-1-",
            ),
            (
                Letters {
                    reversible: true,
                    scope: Scope::Agreement,
                },
                3,
                "fg1t-3-",
            ),
            (
                Letters {
                    reversible: false,
                    scope: Scope::Document,
                },
                10,
                "fg1pd-10-",
            ),
            (
                Letters {
                    reversible: true,
                    scope: Scope::Never,
                },
                u32::MAX,
                "fg1tn-4294967295-",
            ),
        ] {
            let mut out = Vec::new();
            letters.prefix(epoch).push(&mut out);
            assert_eq!(out, format!("\"{prefix}").as_bytes());
            let text = format!("{prefix}abc");
            assert_eq!(parse(text.as_bytes()), Some((letters, epoch, &b"abc"[..])));
        }
        for text in [
            "",
            "fg1",
            "fg1p",
            "fg1p-",
            "fg1p-1",
            "fg1p--abc",
            "fg1p-0-abc",
            "fg1p-01-abc",
            "fg1p-4294967296-abc",
            "fg1p-1x-abc",
            "fg2p-1-abc",
            "FG1P-1-abc",
            "fg1x-1-abc",
            "fg1pp-1-abc",
            "fg1-1-abc",
            " fg1p-1-abc",
            "fg1p-+1-abc",
            "fg1p-99999999999-abc",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
