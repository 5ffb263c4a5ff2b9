//! Formats of several documents and of forms: by rows, at every cut, and held against the machine for JSON.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    dead_code,
    reason = "the minimiser's modules hold more than is asked here"
)]

mod broken;
#[path = "../minimiser/document.rs"]
mod document;
mod drawn;
mod events;
mod form;
mod lines;
mod multipart;
#[path = "../minimiser/oracle.rs"]
mod oracle;
#[path = "../minimiser/support.rs"]
mod support;
mod tables;
#[path = "../minimiser/vocabulary.rs"]
mod vocabulary;
mod ways;
