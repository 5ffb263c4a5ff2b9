//! Quotas, the guard against harvesting, access for vital interests, cases and alerts, over real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that panics is a test that fails"
)]

#[path = "../gateway/harness.rs"]
#[expect(dead_code, reason = "it has more than is needed here")]
mod harness;

mod cases;
mod incidents;
mod quota;
mod restart;
mod site;
