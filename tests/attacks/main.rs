//! Partners and services that attack, over real sockets: what each gets, which limit it was, that another partner is
//! answered meanwhile, and that memory and descriptors come back.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that panics is a test that fails"
)]

#[path = "../gateway/harness.rs"]
#[expect(dead_code, reason = "these tests need a part of it")]
mod harness;

mod bodies;
mod connections;
mod fair;
mod heads;
mod http2;
mod proc;
mod services;
