//! Faults of the machine under the built gateway: descriptors that run out, a disk that is full, clocks that step,
//! signals in a storm, and restarts in the middle of a stream of requests.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that panics is a test that fails"
)]

#[path = "../process/mod.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod process;

mod child;
mod clocks;
mod descriptors;
mod disk;
mod restart;
mod service;
mod signals;
