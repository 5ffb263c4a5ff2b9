//! What was agreed and decided, for people: charts, differences, checklists, registers, and old decisions decided again.
//!
//! Everything here reads what the live gateway reads ([`crate::agreement::AgreementSet`], its plans, and the texts of
//! the files) and asks the same code for verdicts. It does no I/O: texts and times come in, texts go out.

pub mod chart;
pub mod checklist;
pub mod covered;
pub mod diff;
pub mod document;
pub mod observe;
pub mod odrl;
pub mod past;
pub mod plain;
pub mod propose;
pub mod publish;
pub mod reconcile;
mod stated;
mod svg;
pub mod unused;
pub mod words;

pub use stated::{Stated, Texts};
