//! Tables in place of records: known tables, every cut, a plain model, and attackers who hold two of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attack;
mod canary;
mod harness;
mod loads;
mod model;
mod promises;
mod rows;
