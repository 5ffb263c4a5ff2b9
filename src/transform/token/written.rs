//! Tokens as text: `fg1p-3-` and base32.

use super::siv::{BLOCK, Short};

/// What every token starts with: the scheme and its version.
///
/// No identifier starts so: one that is digits fails at the first character, one of letters and digits at the third or at its
/// length. A changed scheme (canonical form, algorithm, length) gets another, so that a partner sees at once that tokens
/// of the two do not join.
const SCHEME: &[u8; 3] = b"fg1";

/// Characters of the longest text that can be a token: scheme, letters, epoch, and 288 bytes in base32.
pub(super) const LONGEST: usize = 3 + 2 + 1 + 10 + 1 + 461;

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

    /// Appends a whole token with both quotes: it and the tag and text of `short` in base32.
    ///
    /// All are put where they stay from registers, eight digits at a time: pieces of memory that are written in one size
    /// and read again in another are waited for.
    #[inline]
    pub(super) fn push_short(&self, short: Short, out: &mut Vec<u8>) {
        let Short { tag, text, length } = short;
        let groups = [
            tag >> 88,
            tag >> 48,
            tag >> 8,
            tag << 32 | text >> 96,
            text >> 56,
            text >> 16,
            text << 24,
        ];
        let count = ((BLOCK + length) * 8).div_ceil(5);
        let start = out.len();
        out.extend_from_slice(&[0; SHORT_ROOM]);
        let room: &mut [u8; SHORT_ROOM] = out.last_chunk_mut().expect("it was just appended");
        room[..PREFIX_ROOM].copy_from_slice(&self.bytes);
        let digits = &mut room[self.length..][..SHORT_DIGITS];
        for (place, group) in digits.as_chunks_mut().0.iter_mut().zip(groups) {
            *place = eight_digits(group as u64);
        }
        digits[count] = b'"';
        out.truncate(start + self.length + count + 1);
    }
}

/// Digits of a tag and a block less a byte, and the quote behind them, up to whole groups.
const SHORT_DIGITS: usize = 56;
const SHORT_ROOM: usize = PREFIX_ROOM + SHORT_DIGITS;

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
        out.extend_from_slice(&eight_digits(forty_bits(*group)));
    }
    if !rest.is_empty() {
        let group = std::array::from_fn(|place| rest.get(place).copied().unwrap_or(0));
        // Eight digits are copied faster than some.
        let end = out.len() + (rest.len() * 8).div_ceil(5);
        out.extend_from_slice(&eight_digits(forty_bits(group)));
        out.truncate(end);
    }
}

fn forty_bits([a, b, c, d, e]: [u8; 5]) -> u64 {
    u64::from_be_bytes([0, 0, 0, a, b, c, d, e])
}

/// Eight digits of base32 from the last 40 of `bits`, all at once: the bits are spread to five in each byte of a word, and each byte
/// becomes `a` to `z` or, from 26 on, `2` to `7`. No byte's sum or difference reaches its neighbour.
#[inline]
fn eight_digits(bits: u64) -> [u8; 8] {
    let by_20 = (bits & 0xff_fff0_0000) << 12 | bits & 0xf_ffff;
    let by_10 = (by_20 & 0x000f_fc00_000f_fc00) << 6 | by_20 & 0x0000_03ff_0000_03ff;
    let by_5 = (by_10 & 0x03e0_03e0_03e0_03e0) << 3 | by_10 & 0x001f_001f_001f_001f;
    spelt(by_5).to_be_bytes()
}

/// One in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;

/// The digits for the bytes of `by_5`, each below 32.
#[inline]
fn spelt(by_5: u64) -> u64 {
    let from_26 = (by_5 + EACH * (128 - 26)) >> 7 & EACH;
    let letters = by_5 + EACH * u64::from(b'a');
    letters - from_26 * u64::from(b'a' + 26 - b'2')
}

/// Reads `text` as base32 into `out`: how many bytes, if it is the one writing of so many bytes, and they have room. What
/// is foreign counts as some digit, so that the work is the same whatever there is.
pub(super) fn read_base32(text: &[u8], out: &mut [u8]) -> Option<usize> {
    let length = text.len() * 5 / 8;
    let mut foreign = out.len() < length || (length * 8).div_ceil(5) != text.len();
    let (groups, rest) = text.as_chunks::<8>();
    let rooms = out.as_chunks_mut::<5>().0;
    for (group, room) in groups.iter().zip(rooms) {
        let (bytes, strange) = five_bytes(group);
        *room = bytes;
        foreign |= strange;
    }
    if !rest.is_empty() {
        let mut group = [b'a'; 8];
        group[..rest.len()].copy_from_slice(rest);
        let (bytes, strange) = five_bytes(&group);
        let room = out.get_mut(groups.len() * 5..).unwrap_or_default();
        let count = rest.len() * 5 / 8;
        for (byte, room) in bytes[..count].iter().zip(room) {
            *room = *byte;
        }
        // What the last digit has beyond whole bytes is zero.
        foreign |= strange | bytes[count..].iter().any(|&byte| byte != 0);
    }
    (!foreign).then_some(length)
}

/// What eight digits of base32 stand for, and whether one of them is none: the way of [`eight_digits`] back. What the text
/// was read as is written again: where that is another text, this was none.
#[inline]
fn five_bytes(group: &[u8; 8]) -> ([u8; 5], bool) {
    let text = u64::from_be_bytes(*group);
    // Letters have the bit of 64, digits have not.
    let letters = text >> 6 & EACH;
    let by_5 = text
        .wrapping_sub(EACH * u64::from(b'2' - 26))
        .wrapping_sub(letters * u64::from(b'a' + 26 - b'2'));
    let strange = by_5 & (EACH * 0xe0) != 0 || spelt(by_5 & (EACH * 31)) != text;
    let by_10 = (by_5 & 0x1f00_1f00_1f00_1f00) >> 3 | by_5 & 0x001f_001f_001f_001f;
    let by_20 = (by_10 & 0x03ff_0000_03ff_0000) >> 6 | by_10 & 0x0000_03ff_0000_03ff;
    let bits = (by_20 & 0x000f_ffff_0000_0000) >> 12 | by_20 & 0xf_ffff;
    let [_, _, _, bytes @ ..] = bits.to_be_bytes();
    (bytes, strange)
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
    fn a_short_token_is_written_as_any_other() {
        let letters = Letters {
            reversible: true,
            scope: Scope::Agreement,
        };
        for epoch in [1, u32::MAX] {
            for length in 0..BLOCK {
                let bytes: Vec<u8> = (0..BLOCK + length)
                    .map(|place| (place * 151 + 77) as u8)
                    .collect();
                let block = |bytes: &[u8]| {
                    let mut block = [0; BLOCK];
                    block[..bytes.len()].copy_from_slice(bytes);
                    u128::from_be_bytes(block)
                };
                let short = Short {
                    tag: block(&bytes[..BLOCK]),
                    text: block(&bytes[BLOCK..]),
                    length,
                };
                let prefix = letters.prefix(epoch);
                let (mut plain, mut fast) = (b"before".to_vec(), b"before".to_vec());
                prefix.push(&mut plain);
                push_base32(&bytes, &mut plain);
                plain.push(b'"');
                prefix.push_short(short, &mut fast);
                assert_eq!(fast, plain, "{length}");
            }
        }
    }

    #[test]
    fn eight_digits_are_read_as_a_table_reads_them() {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let plain = |group: &[u8; 8]| {
            let digit = |byte: &u8| ALPHABET.iter().position(|digit| digit == byte);
            let digits: Option<Vec<usize>> = group.iter().map(digit).collect();
            let bits = digits?
                .iter()
                .fold(0, |bits, digit| bits << 5 | *digit as u64);
            Some(bits.to_be_bytes()[3..].to_vec())
        };
        for at in 0..8 {
            for byte in 0..=255 {
                for others in [*b"aaaaaaaa", *b"77777777", *b"qz2b7ya6", *b"a a{1z7a"] {
                    let mut group = others;
                    group[at] = byte;
                    let (bytes, strange) = five_bytes(&group);
                    assert_eq!(
                        (!strange).then(|| bytes.to_vec()),
                        plain(&group),
                        "{at} {byte}"
                    );
                }
            }
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
