//! How lines are numbered and linked: each carries the hash of the one before. No I/O.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::entry::{EVENTS, RequestId};
use super::members::decimal;

/// The longest line, without its end: holds 1,000 subjects or some 5,000 agreements many times over.
pub const LINE_BYTES: usize = 1 << 20;

/// Room that a line's number, link and braces take beside its members.
const FRAME_BYTES: usize = 128;

/// The longest text of members that makes a line of at most [`LINE_BYTES`].
pub const MEMBERS_BYTES: usize = LINE_BYTES - FRAME_BYTES;

/// The greatest sequence: 2^53 - 1, so that every JSON reader reads each of them as the same number.
const LAST_SEQUENCE: u64 = (1 << 53) - 1;

/// SHA-256 (FIPS 180-4) of a line's bytes without its line end.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryHash([u8; 32]);

impl EntryHash {
    /// What the first entry of a ledger carries: 64 zeros.
    pub const GENESIS: Self = Self([0; 32]);

    /// The hash of `line`, which is without its line end.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        Self(Sha256::digest(line).into())
    }

    /// Reads 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The end of a chain: where the next entry goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// The sequence of the next entry, from 1.
    next: u64,
    /// The hash of the last entry.
    head: EntryHash,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            next: 1,
            head: EntryHash::GENESIS,
        }
    }
}

impl Chain {
    /// The end of a chain whose last entry has this sequence and this hash.
    #[must_use]
    pub fn after(sequence: u64, head: EntryHash) -> Self {
        Self {
            next: sequence + 1,
            head,
        }
    }

    /// The sequence that the next entry gets.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The hash of the last entry, [`EntryHash::GENESIS`] before the first.
    #[must_use]
    pub fn head(&self) -> EntryHash {
        self.head
    }

    /// Appends to `out` the line of an entry with these `members` (from [`super::entry::render`]) and its line
    /// end, and moves on. Returns the entry's sequence. `members`: at most [`MEMBERS_BYTES`].
    pub fn append(&mut self, members: &[u8], out: &mut Vec<u8>) -> u64 {
        debug_assert!(members.len() <= MEMBERS_BYTES, "the writer checks the size");
        let start = out.len();
        let sequence = self.next;
        out.extend_from_slice(b"{\"seq\":");
        decimal(sequence, out);
        out.push(b',');
        out.extend_from_slice(members);
        let mut prev = [0; 64];
        data_encoding::HEXLOWER.encode_mut(&self.head.0, &mut prev);
        out.extend_from_slice(b",\"prev\":\"");
        out.extend_from_slice(&prev);
        out.extend_from_slice(b"\"}");
        *self = Self::after(sequence, EntryHash::of(&out[start..]));
        out.push(b'\n');
        sequence
    }
}

/// What the chain and `verify` read of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The entry's sequence.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// The kind of event, one of those that [`super::Event`] has.
    pub event: &'static str,
    /// The exchange, where the event is about one.
    pub request: Option<RequestId>,
    /// The hash that it carries of the entry before.
    pub prev: EntryHash,
}

impl Link {
    /// Reads a line, which is without its line end. `None` if it is no entry: no JSON object, or `seq`, `at`,
    /// `event` or `prev` is missing, stands twice or has no such form.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct AsWritten<'a> {
            seq: u64,
            #[serde(borrow)]
            at: Cow<'a, str>,
            #[serde(borrow)]
            event: Cow<'a, str>,
            #[serde(borrow, default)]
            request: Option<Cow<'a, str>>,
            #[serde(borrow)]
            prev: Cow<'a, str>,
        }
        let written: AsWritten<'_> = serde_json::from_slice(line).ok()?;
        Some(Self {
            sequence: Some(written.seq).filter(|seq| (1..=LAST_SEQUENCE).contains(seq))?,
            at: written.at.parse().ok()?,
            event: EVENTS.into_iter().find(|name| *name == written.event)?,
            request: match written.request {
                Some(request) => Some(RequestId::parse(&request)?),
                None => None,
            },
            prev: EntryHash::from_hex(&written.prev)?,
        })
    }
}

/// The file name of the segment whose first entry has this sequence.
#[must_use]
pub fn segment_name(first: u64) -> String {
    format!("ledger-{first:012}.jsonl")
}

/// The sequence of the first entry of the segment of this name; `None` if the name is no segment's.
#[must_use]
pub fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("ledger-")?.strip_suffix(".jsonl")?;
    let first = digits.parse().ok()?;
    // So that one segment has one name: no sign, no fewer zeros.
    (segment_name(first) == name).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_the_hash_of_the_line_before_and_the_first_carries_zeros() {
        let mut chain = Chain::default();
        let mut out = Vec::new();
        let members =
            br#""at":"2026-11-22T09:15:00.000000Z","event":"recovered","segment":1,"bytes_cut":2"#;
        assert_eq!(chain.append(members, &mut out), 1);
        assert_eq!(chain.append(members, &mut out), 2);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let first = Link::read(lines[0].as_bytes()).unwrap();
        let second = Link::read(lines[1].as_bytes()).unwrap();
        assert_eq!(first.prev.to_string(), "0".repeat(64));
        assert_eq!((first.sequence, second.sequence), (1, 2));
        assert_eq!(second.prev, EntryHash::of(lines[0].as_bytes()));
        assert_eq!(chain.head(), EntryHash::of(lines[1].as_bytes()));
        assert_eq!(chain.next(), 3);
        assert!(lines[0].starts_with(r#"{"seq":1,"at":""#), "{}", lines[0]);
    }

    #[test]
    fn a_line_without_its_members_is_no_entry() {
        let whole = format!(
            r#"{{"seq":1,"at":"2026-11-22T09:15:00Z","event":"intent","prev":"{}"}}"#,
            "0".repeat(64)
        );
        assert!(Link::read(whole.as_bytes()).is_some());
        for (there, instead) in [
            (r#""seq":1"#, r#""seq":0"#),
            (r#""seq":1"#, r#""seq":-1"#),
            (r#""seq":1"#, r#""seq":9007199254740992"#),
            (r#""seq":1"#, r#""seq":"1""#),
            (r#""seq":1"#, r#""seq":1,"seq":1"#),
            (r#""seq":1,"#, ""),
            ("2026-11-22", "2026-13-22"),
            (r#""intent""#, r#""intend""#),
            ("\"prev\":\"0", "\"prev\":\""),
            ("\"prev\":\"0", "\"prev\":\"A"),
            ("}", "}}"),
            ("{", ""),
        ] {
            let changed = whole.replacen(there, instead, 1);
            assert!(Link::read(changed.as_bytes()).is_none(), "{changed}");
        }
    }

    #[test]
    fn a_segment_has_one_name() {
        assert_eq!(segment_name(1), "ledger-000000000001.jsonl");
        for first in [1, 2, 999_999_999_999, 1_000_000_000_000] {
            assert_eq!(segment_first(&segment_name(first)), Some(first));
        }
        for name in [
            "ledger-1.jsonl",
            "ledger-+00000000001.jsonl",
            "ledger-000000000001.json",
            "ledger.lock",
        ] {
            assert_eq!(segment_first(name), None, "{name}");
        }
    }
}
