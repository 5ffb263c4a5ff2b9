//! Tokens: what identifiers become.
//!
//! ```text
//! value ─ canonical form of its kind ─┬─ pseudonymise: HMAC-SHA-256 cut to 128 bits ── fg1p-3-…
//!                                     ├─ tokenise: AES-256-SIV ────────────────────── fg1t-3-…
//!                                     └─ tokenise, in a format: FF1, a wrong check digit
//! ```
//!
//! [`make`] makes them of values, [`resolve`] turns back those that turn back. Keys are per agreement, epoch and
//! namespace; the kind of identifier is part of what is tokenised, so that equal forms of two kinds have nothing in common.

mod ff1;
mod make;
mod resolve;
mod shape;
mod siv;
mod subject;
#[cfg(test)]
mod tests;
mod vectors;
mod written;

pub(super) use make::{Pseudonyms, Tokens};
pub use resolve::{Refused, Resolver};
pub use subject::SubjectTokens;

use crate::identifier::Kind;

/// What a value identifies, and what is known of such values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// What it identifies (`person`, `property`); the same in all rules that should link.
    pub namespace: String,
    /// How it is written; the same in all rules of a namespace. Of what several fields say together each part has its own.
    pub kind: Kind,
    /// The fields of the record that identify it together; empty where the value itself does. Of one-way tokens alone.
    pub parts: Vec<Part>,
    /// Within what its tokens link.
    pub scope: Scope,
    /// Texts that stand for `not known`, beside those that every kind knows.
    pub unknown: Vec<String>,
    /// What becomes of a value that is not of its kind.
    pub invalid: Invalid,
}

impl Identified {
    /// Text that identifies `namespace`, and links in the whole agreement.
    #[must_use]
    pub fn text(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            kind: Kind::Text,
            parts: Vec::new(),
            scope: Scope::Agreement,
            unknown: Vec::new(),
            invalid: Invalid::Mismatch,
        }
    }

    /// How it is written, as people read it: `nhs-number`, `composite of name, date`.
    #[must_use]
    pub fn written_as(&self) -> String {
        written_as(self.kind, &self.part_kinds())
    }

    /// The kinds of its parts, in order.
    #[must_use]
    pub fn part_kinds(&self) -> Vec<Kind> {
        self.parts.iter().map(|part| part.kind).collect()
    }

    /// The word that goes into its tokens' keys and marks.
    fn word(&self) -> &'static str {
        match self.parts.as_slice() {
            [] => self.kind.word(),
            [..] => COMPOSITE,
        }
    }
}

/// How what is of `kind`, or of all of `parts` together, is written, as people read it.
pub(crate) fn written_as(kind: Kind, parts: &[Kind]) -> String {
    if parts.is_empty() {
        return kind.word().to_owned();
    }
    let words: Vec<&str> = parts.iter().map(|part| part.word()).collect();
    format!("{COMPOSITE} of {}", words.join(", "))
}

/// What stands for a kind where several fields identify together.
const COMPOSITE: &str = "composite";

/// One of the fields that identify something together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// How it is written.
    pub kind: Kind,
    /// The selector of it, as the rule has it.
    pub at: String,
    /// Its number among what is known of a record (`Knowing::Part`).
    pub slot: usize,
}

/// Within what the tokens of one identifier are the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// In all that an agreement discloses under one epoch.
    #[default]
    Agreement = 0,
    /// In one body; another body has others.
    Document = 1,
    /// Nowhere: each value has a token of its own.
    Never = 2,
}

/// What becomes of a value that is not of its kind. It never becomes a token: beside those of valid ones it would pass
/// for one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Invalid {
    /// It is a mismatch, as under every transform.
    #[default]
    Mismatch,
    /// A constant text stands in its place: `[invalid nhs-number]`.
    Mark,
}

/// A shape that the tokens of a kind keep, for systems that insist on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As many digits as the identifier has.
    Digits,
    /// Letters where the identifier has letters, digits where it has digits.
    Alphanumeric,
}

impl Shape {
    /// Its word, as agreements write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Alphanumeric => "alphanumeric",
        }
    }
}
