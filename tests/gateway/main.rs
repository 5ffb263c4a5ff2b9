//! The gateway over real sockets, promise by promise. `harness` has the council, its service and the clients.

#[expect(dead_code, reason = "not every test needs all of it")]
mod harness;

mod exchange;
mod forms;
mod http2;
mod identity;
mod p2_channels;
mod p3_ledger;
mod p4_faults;
mod p5_back_pressure;
mod p6_refusals;
mod p7_canaries;
mod p9_reload;
mod shutdown;
