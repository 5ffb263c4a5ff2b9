//! People's rights, per record: what is entered about a person, and whether a record may leave for a purpose.
//!
//! A [`Fact`] is one thing entered about a subject: an objection, a consent, an opt-out, a mark. [`Lists`] holds the facts of
//! all subjects by their keyed tokens, as an immutable snapshot that is cheap to change into the next. [`Terms`] are what
//! one purpose requires, and [`Lists::decide`] is the verdict. No files, no clocks, no identifiers: those are the shell's.

mod fact;
mod lists;
mod terms;

pub use fact::{Entry, Fact, FactError, Scope, last_day_under_18};
pub use lists::{Full, Lists};
pub use terms::{Children, Consent, Deceased, Found, Terms, Unknown, Verdict};

/// The first 16 bytes of the HMAC by which the ledger knows a subject: all that is ever held of a person here.
pub type Token = [u8; 16];
