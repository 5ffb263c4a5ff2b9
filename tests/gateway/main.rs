//! The gateway over real sockets, promise by promise. `harness` has the council, its service and the clients.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that panics is a test that fails"
)]

mod harness;

mod both_ways;
mod encoding;
mod exchange;
mod explained;
mod formats;
mod forms;
mod head;
mod http2;
mod identity;
mod keys;
mod labels;
mod observed;
mod opaque;
mod openings;
mod operators;
mod outbound;
mod outbound_ends;
mod outbound_rights;
mod outbound_tokens;
mod p2_channels;
mod p2_requests;
mod p3_ledger;
mod p4_ends;
mod p4_faults;
mod p5_back_pressure;
mod p5_held_up_disk;
mod p6_refusals;
mod p7_canaries;
mod p9_reload;
mod planted;
mod services;
mod services_http2;
mod shutdown;
mod time;
mod tls;
mod tls_offers;
mod token_algorithms;
mod tokens_of_partners;
mod traces;
