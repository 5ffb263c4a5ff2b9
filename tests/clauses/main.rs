//! The clauses of the two source documents, row by row. A test `clause_p5_3a_…` proves row P5.3a; its doc comment says
//! what is shown, and docs/CLAUSES.md is made of these.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that panics is a test that fails"
)]

#[path = "../gateway/harness.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod harness;

mod register;
