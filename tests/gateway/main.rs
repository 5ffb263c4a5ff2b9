//! The gateway over real sockets, promise by promise.

mod exchange;
#[expect(dead_code, reason = "not every test needs all of it")]
mod harness;
