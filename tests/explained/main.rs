//! What is told of agreements and decisions: that it is true of what the gateway does.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod decisions;
mod draw;
mod narrower;
mod odrl;
mod published;
