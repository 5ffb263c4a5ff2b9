//! The CSV machine: rows of a table, every cut, a model on top of another reader, tables that others have published.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asked;
mod corpora;
mod differential;
mod harness;
mod held;
mod model;
mod promises;
mod refused;
mod rows;
mod vocabulary;

// The plain document model of the JSON machine: a table is an array of objects to it.
#[path = "../minimiser/document.rs"]
#[allow(dead_code, reason = "it has more than is asked here")]
mod document;
#[path = "../minimiser/oracle.rs"]
#[allow(dead_code, reason = "it has more than is asked here")]
mod oracle;
#[path = "../minimiser/support.rs"]
#[allow(dead_code, reason = "it has more than is asked here")]
mod support;
