//! The register, the charter and the statutes: what loads, and what leaves by it.

pub(crate) use law::{Law, get};

mod charter;
mod law;
mod loading;
mod narrowing;
mod newly;
mod twelve;
mod wire;
