//! The clauses of the council's own documents, each by what shows it: tests that name their row.
//!
//! Rows are those of a guidance page of 2010 (A), an executive's report of 2002 (R) and the data-protection policy that
//! it adopted (P). A test named `clause_p5_3a_…` proves row P5.3a; its doc comment says what is shown, and a line
//! `Rows: A12, P4.4a.` in it names more rows that it proves; such a line in the comment of any other test names the rows
//! that that one proves. `docs/CLAUSES.md` is written from these alone.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that panics is a test that fails"
)]

#[path = "../gateway/harness.rs"]
#[expect(dead_code, reason = "it has more than is needed here")]
mod harness;

mod access;
mod aggregate;
mod basis;
mod caller;
mod channels;
mod explained;
mod page;
mod register;
mod replayed;
mod rights;
mod settings;
mod volume;
