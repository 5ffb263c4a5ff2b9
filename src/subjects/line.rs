//! A line of the store: one change, sealed with everything before it.
//!
//! ```text
//! {"store":"fieldgate-subjects-1","at":"…","mac":"…"}
//! {"sequence":1,"at":"…","by":"…","why":"…","reference":"…","enter":"objection","subjects":["…",…],"mac":"…"}
//! ```
//!
//! The `mac` is HMAC-SHA-256 over the one of the line before and this line up to it, under a key from the root. Whoever
//! can write the file but has not the root key can cut lines off its end and nothing else, and a running gateway sees that.

use std::borrow::Cow;
use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{token_of_text, token_text};
use crate::rights::{Entry, Fact, FactError, Token};

/// Tokens of one line at most: what a kill can take back of a long import.
pub(super) const LINE_TOKENS: usize = 1_024;

/// Bytes of one line at most, its end included: the tokens, and texts of which every character is escaped.
pub(super) const LINE_BYTES: usize = 64 << 10;

/// Characters of `by`, `reference` and `professional` at most.
const SHORT: usize = 200;

/// Characters of `why` at most.
const LONG: usize = 1_000;

/// What the first line says.
const STORE: &str = "fieldgate-subjects-1";

/// What stands between a line's content and its seal, and behind.
const MAC: &[u8] = b",\"mac\":\"";
const MAC_BYTES: usize = 32;
const END: &[u8] = b"\"}";
const SEAL_BYTES: usize = MAC.len() + 2 * MAC_BYTES + END.len();

/// What was changed about some subjects, by whom and why. Made by [`Change::new`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    act: Act,
    by: String,
    why: String,
    reference: Option<String>,
    professional: Option<String>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Something is entered.
    Enter(Entry),
    /// Something is taken back.
    Withdraw(Fact),
}

/// What a change lacks. Says nothing of what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Not a fact.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// A text is missing, too long, or has control characters.
    #[error("`{0}` is text that says something, at most {1} characters, on one line")]
    Text(&'static str, usize),
    /// Explicit consent without its evidence.
    #[error("an explicit consent names its evidence: give a reference")]
    Evidence,
    /// A decision without its professional.
    #[error(
        "a decision names the professional who made it: give professional, for example a registration number"
    )]
    Professional,
    /// A professional where nothing is decided.
    #[error("only a decision names a professional; leave professional out")]
    ProfessionalForeign,
    /// A last day on a withdrawal.
    #[error("a withdrawal has no last day; leave until out")]
    Until,
}

impl Change {
    /// A change, checked.
    ///
    /// # Errors
    /// If it lacks what a change of its kind has to say.
    pub fn new(
        act: Act,
        by: &str,
        why: &str,
        reference: Option<&str>,
        professional: Option<&str>,
    ) -> Result<Self, ChangeError> {
        let text = |name, text: &str, most| {
            let says = !text.trim().is_empty()
                && text.chars().count() <= most
                && !text.chars().any(char::is_control);
            says.then(|| text.to_owned())
                .ok_or(ChangeError::Text(name, most))
        };
        let change = Self {
            by: text("by", by, SHORT)?,
            why: text("why", why, LONG)?,
            reference: reference
                .map(|it| text("reference", it, SHORT))
                .transpose()?,
            professional: professional
                .map(|it| text("professional", it, SHORT))
                .transpose()?,
            act,
        };
        if let Act::Enter(entry) = &change.act {
            if matches!(entry.fact, Fact::ExplicitConsent(_)) && change.reference.is_none() {
                return Err(ChangeError::Evidence);
            }
            match (
                entry.fact.is_a_professional_decision(),
                &change.professional,
            ) {
                (true, None) => return Err(ChangeError::Professional),
                (false, Some(_)) => return Err(ChangeError::ProfessionalForeign),
                (true, Some(_)) | (false, None) => {}
            }
        }
        Ok(change)
    }

    /// What is done.
    #[must_use]
    pub fn act(&self) -> &Act {
        &self.act
    }

    /// The same, doing `act` instead: what an import that replaces a list takes back.
    pub(super) fn doing(&self, act: Act) -> Self {
        Self {
            act,
            ..self.clone()
        }
    }
}

/// A line read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1; the store's first line is 0 and none of these.
    pub sequence: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What was done.
    pub act: Act,
    /// Who did it.
    pub by: String,
    /// Why.
    pub why: String,
    /// What it refers to: a letter, a case, the evidence of a consent.
    pub reference: Option<String>,
    /// Who decided, where it is a decision.
    pub professional: Option<String>,
    /// About whom: 1 to 1,024.
    pub subjects: Vec<Token>,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// No line of a store.
    #[error("it is not a line of a store of subjects")]
    Form,
    /// The seal is not what it has to be.
    #[error(
        "its seal does not hold: it, or one before it, was changed, or the root key is another"
    )]
    Seal,
    /// It is longer than lines are.
    #[error("it is longer than a line can be")]
    Long,
    /// It says what cannot be entered.
    #[error("it enters what cannot be entered")]
    Content,
}

/// Where a store is: what the next line is sealed with.
#[derive(Clone)]
pub(super) struct Chain {
    key: Hmac<Sha256>,
    mac: [u8; MAC_BYTES],
    /// Of the next line.
    sequence: u64,
}

impl Chain {
    /// At the start of a store sealed under `key`.
    pub(super) fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self {
            key: Hmac::new_from_slice(&**key).expect("HMAC takes a key of any length"),
            mac: [0; MAC_BYTES],
            sequence: 0,
        }
    }

    /// The number of the next line and the seal of the last: what a file has to hold to be this one, longer.
    pub(super) fn head(&self) -> (u64, [u8; MAC_BYTES]) {
        (self.sequence, self.mac)
    }

    /// Appends the store's first line to `out`.
    pub(super) fn begin(&mut self, at: Timestamp, out: &mut Vec<u8>) {
        let first = FirstAsWritten {
            store: STORE.into(),
            at,
        };
        self.seal(&first, out);
    }

    /// Appends the line of `change` about `subjects` to `out`.
    pub(super) fn write(
        &mut self,
        change: &Change,
        at: Timestamp,
        subjects: &[Token],
        out: &mut Vec<u8>,
    ) {
        debug_assert!((1..=LINE_TOKENS).contains(&subjects.len()), "{LINE_TOKENS}");
        let (enter, withdraw, until) = match &change.act {
            Act::Enter(entry) => (Some(entry.fact.to_string()), None, entry.until),
            Act::Withdraw(fact) => (None, Some(fact.to_string()), None),
        };
        let line = LineAsWritten {
            sequence: self.sequence,
            at,
            by: Cow::Borrowed(&change.by),
            why: Cow::Borrowed(&change.why),
            reference: change.reference.as_deref().map(Cow::Borrowed),
            professional: change.professional.as_deref().map(Cow::Borrowed),
            enter: enter.map(Cow::Owned),
            withdraw: withdraw.map(Cow::Owned),
            until,
            subjects: subjects.iter().copied().map(TokenText).collect(),
        };
        self.seal(&line, out);
    }

    fn seal(&mut self, line: &impl Serialize, out: &mut Vec<u8>) {
        let mut text = serde_json::to_vec(line).expect("strings and numbers are always JSON");
        let brace = text.pop();
        debug_assert_eq!(brace, Some(b'}'));
        self.mac = self.state(&text).finalize().into_bytes().into();
        self.sequence += 1;
        out.extend_from_slice(&text);
        out.extend_from_slice(MAC);
        out.extend_from_slice(HEXLOWER.encode(&self.mac).as_bytes());
        out.extend_from_slice(END);
        out.push(b'\n');
    }

    fn state(&self, content: &[u8]) -> Hmac<Sha256> {
        let mut state = self.key.clone();
        state.update(&self.mac);
        state.update(content);
        state
    }

    /// Reads the next line, without its line feed. `None` for the store's first.
    ///
    /// # Errors
    /// If it does not follow.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<Option<Line>, LineFault> {
        let content = line.len().checked_sub(SEAL_BYTES).ok_or(LineFault::Form)?;
        let (content, seal) = line.split_at(content);
        let mac = seal
            .strip_prefix(MAC)
            .and_then(|rest| rest.strip_suffix(END))
            .and_then(|hex| HEXLOWER.decode(hex).ok())
            .ok_or(LineFault::Form)?;
        self.state(content)
            .verify_slice(&mac)
            .map_err(|_| LineFault::Seal)?;
        let mac = mac.try_into().map_err(|_| LineFault::Form)?;
        let json = [content, b"}"].concat();
        let line = if self.sequence == 0 {
            let first: FirstAsWritten<'_> =
                serde_json::from_slice(&json).map_err(|_| LineFault::Form)?;
            if first.store != STORE {
                return Err(LineFault::Form);
            }
            None
        } else {
            let line: LineAsWritten<'_> =
                serde_json::from_slice(&json).map_err(|_| LineFault::Form)?;
            if line.sequence != self.sequence {
                return Err(LineFault::Form);
            }
            Some(line.meant().ok_or(LineFault::Content)?)
        };
        self.mac = mac;
        self.sequence += 1;
        Ok(line)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({}, key not printed)", self.sequence)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstAsWritten<'a> {
    store: Cow<'a, str>,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineAsWritten<'a> {
    sequence: u64,
    at: Timestamp,
    by: Cow<'a, str>,
    why: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reference: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    professional: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    enter: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    withdraw: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    until: Option<Date>,
    subjects: Vec<TokenText>,
}

impl LineAsWritten<'_> {
    fn meant(self) -> Option<Line> {
        let act = match (&self.enter, &self.withdraw) {
            (Some(fact), None) => Act::Enter(Entry {
                fact: fact.parse().ok()?,
                until: self.until,
            }),
            (None, Some(fact)) if self.until.is_none() => Act::Withdraw(fact.parse().ok()?),
            (_, _) => return None,
        };
        Some(Line {
            sequence: self.sequence,
            at: self.at,
            act,
            by: self.by.into_owned(),
            why: self.why.into_owned(),
            reference: self.reference.map(Cow::into_owned),
            professional: self.professional.map(Cow::into_owned),
            subjects: self.subjects.into_iter().map(|token| token.0).collect(),
        })
    }
}

/// A token as its text in JSON.
#[derive(Clone, Copy)]
struct TokenText(Token);

impl Serialize for TokenText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&token_text(&self.0))
    }
}

impl<'de> Deserialize<'de> for TokenText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        token_of_text(text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain() -> Chain {
        Chain::new(&Zeroizing::new([5; 32]))
    }

    fn at() -> Timestamp {
        "2026-06-15T12:00:00Z".parse().unwrap()
    }

    fn enter(text: &str) -> Act {
        Act::Enter(Entry::of(text.parse().unwrap()))
    }

    fn change(text: &str) -> Change {
        Change::new(enter(text), "dpo", "letter", Some("L-1"), None).unwrap()
    }

    /// A store of three lines.
    fn written() -> Vec<Vec<u8>> {
        let (mut chain, mut out) = (chain(), Vec::new());
        chain.begin(at(), &mut out);
        chain.write(&change("objection"), at(), &[[1; 16], [2; 16]], &mut out);
        let withdrawal = change("objection").doing(Act::Withdraw("objection".parse().unwrap()));
        chain.write(&withdrawal, at(), &[[1; 16]], &mut out);
        out.split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    }

    #[test]
    fn lines_read_back_as_they_were_written() {
        let mut chain = chain();
        let lines: Vec<_> = written()
            .iter()
            .map(|line| chain.read(line).unwrap())
            .collect();
        assert_eq!(lines[0], None);
        let first = lines[1].as_ref().unwrap();
        assert_eq!((first.sequence, first.at), (1, at()));
        assert_eq!(first.act, enter("objection"));
        assert_eq!(first.subjects, [[1; 16], [2; 16]]);
        assert_eq!((&*first.by, &*first.why), ("dpo", "letter"));
        assert_eq!(first.reference.as_deref(), Some("L-1"));
        let second = lines[2].as_ref().unwrap();
        assert!(matches!(&second.act, Act::Withdraw(_)));
    }

    #[test]
    fn a_line_that_was_changed_moved_or_sealed_by_another_key_does_not_read() {
        let lines = written();
        for at in 0..lines[1].len() {
            let mut changed = lines[1].clone();
            changed[at] ^= 1;
            let mut chain = chain();
            chain.read(&lines[0]).unwrap();
            assert!(chain.read(&changed).is_err(), "byte {at}");
        }
        let mut chain = chain();
        chain.read(&lines[0]).unwrap();
        assert_eq!(chain.read(&lines[2]), Err(LineFault::Seal));
        let mut other = Chain::new(&Zeroizing::new([6; 32]));
        assert_eq!(other.read(&lines[0]), Err(LineFault::Seal));
        assert_eq!(other.read(b""), Err(LineFault::Form));
    }

    #[test]
    fn the_longest_line_is_within_the_bound() {
        let text = |length| "\u{e000}".repeat(length);
        let change = Change::new(
            enter(&format!("harm-decision:{}", "a".repeat(64))),
            &text(SHORT),
            &text(LONG),
            Some(&text(SHORT)),
            Some(&text(SHORT)),
        )
        .unwrap();
        let mut out = Vec::new();
        chain().write(&change, at(), &[[9; 16]; LINE_TOKENS], &mut out);
        assert!(out.len() <= LINE_BYTES, "{}", out.len());
    }

    #[test]
    fn a_change_says_who_and_why_and_what_its_kind_needs() {
        let new = |fact: &str, by, why, reference, professional| {
            Change::new(enter(fact), by, why, reference, professional).map(drop)
        };
        assert_eq!(new("deceased", "dpo", "letter", None, None), Ok(()));
        for (by, why, name) in [("", "w", "by"), (" ", "w", "by"), ("b", "a\nb", "why")] {
            let error = new("deceased", by, why, None, None);
            assert!(
                matches!(error, Err(ChangeError::Text(told, _)) if told == name),
                "{error:?}"
            );
        }
        assert_eq!(
            new("explicit-consent:care", "b", "w", None, None),
            Err(ChangeError::Evidence)
        );
        assert_eq!(
            new("harm-decision", "b", "w", None, None),
            Err(ChangeError::Professional)
        );
        assert_eq!(
            new("deceased", "b", "w", None, Some("SW1")),
            Err(ChangeError::ProfessionalForeign)
        );
    }
}
