//! The machine for XML: rows, every cut, published documents, and an independent model of documents.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(
    dead_code,
    reason = "the minimiser's modules hold more than is asked here"
)]

#[path = "../minimiser/document.rs"]
mod document;
#[path = "../minimiser/oracle.rs"]
mod oracle;
#[path = "../minimiser/support.rs"]
mod support;

mod draw;
mod model;
mod ways;

mod corpora;
mod differential;
mod documentation;
mod promises;
mod rows;
