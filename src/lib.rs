//! fieldgate stands between a controller's services and a partner; what an agreement names passes.
//!
//! listener → tls → identity → route → decision → service → decode → minimise → encode → ledger → partner
//!
//! Open [`gateway::exchange`](gateway) first: one exchange, top to bottom. Then [`minimise`].
//!
//! The core ([`agreement`], [`plan`], [`minimise`], [`aggregate`], [`identifier`], [`transform`], [`risk`], the entries of [`ledger`])
//! does no I/O: bytes and values in, bytes and values out. The shell ([`gateway`], [`config`], [`keyring`],
//! [`cli`], the ledger's writer) may wait and may fail from outside.

pub mod aggregate;
pub mod agreement;
pub mod alert;
pub mod approval;
pub mod cases;
pub mod charter;
pub mod cli;
pub mod clock;
pub mod config;
pub mod detect;
pub mod explained;
pub mod gateway;
pub mod identifier;
pub mod journal;
pub mod keyring;
pub mod ledger;
pub mod minimise;
pub mod plan;
pub mod register;
pub mod rights;
pub mod risk;
mod spread;
pub mod subjects;
pub mod transform;
pub mod volume;
pub mod written;
