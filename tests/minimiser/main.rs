//! The minimiser held against a plain document model (DESIGN §5): by rows, by generated documents, by what
//! others have published, at every cut.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alike;
mod candidates;
mod chunking;
mod compliance;
mod corpora;
mod differential;
mod document;
mod held;
mod ladders;
mod names;
mod oracle;
mod promises;
mod rows;
mod support;
mod together;
mod vocabulary;
