//! Request smuggling, over real sockets: whatever a partner's connection holds, the service gets well-formed requests, and
//! none that the partner did not send; whatever a service answers, the partner gets a well-formed answer or an abort.
//!
//! `strict` reads HTTP/1 by RFC 9112 alone and knows nothing of the gateway: it says what was sent, and what arrived.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that panics is a test that fails"
)]
#![expect(
    clippy::print_stderr,
    reason = "what was skipped, and how much was not, is told"
)]

#[path = "../gateway/harness.rs"]
#[expect(dead_code, reason = "it has more than is needed here")]
mod harness;

mod corpora;
mod generated;
mod http2;
mod requests;
mod responses;
mod site;
mod strict;
