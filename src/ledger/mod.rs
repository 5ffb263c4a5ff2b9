//! The ledger: the append-only, tamper-evident account of every decision and release.
//!
//! A ledger is a directory of segments, `ledger-000000000001.jsonl` (the number is the sequence of its
//! first entry), each a JSON object a line. [`entry`] is what a line says, [`chain`] how it carries the hash
//! of the line before; both are core. [`writer`] is the shell that makes lines durable on a [`disk`], [`outbox`] gathers what one thread
//! has for it, and
//! [`verify`](mod@verify) reads them again.
//!
//! # What the chain shows, and what it cannot
//!
//! Each line carries the SHA-256 of the line before it, over segments too. A line that was changed, taken
//! out, put in or moved no longer fits its neighbours, and [`verify::verify`] names the first such place.
//! The chain alone cannot show that whole lines were cut off its *end*, that the very last line was
//! changed, or that somebody with write access computed it anew from some line on: nothing after these
//! contradicts them. Against that, the head (last sequence and its hash, which `fieldgate ledger verify`
//! prints) is to be written down somewhere else from time to time; `--head SEQUENCE:HASH` then checks that
//! the ledger still holds that very entry.

pub mod chain;
pub mod disk;
pub mod entry;
mod members;
pub mod outbox;
pub mod read;
pub mod texts;
pub mod verify;
pub mod writer;

pub use chain::{Chain, EntryHash};
pub use entry::{
    AgreementEntry, CallerEntry, Event, KeyChange, LayerEntry, Outcome, RegisteredEntry, RequestId,
    StandingEntry,
};
pub use outbox::{Outbox, Ticket};
pub use writer::{CommitReport, Ledger, LedgerError, LedgerOptions, Pending, Receipt};
