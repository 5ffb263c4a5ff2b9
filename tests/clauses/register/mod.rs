//! The register, the charter and the statutes: what loads, and what leaves by it.

mod charter;
mod law;
mod loading;
mod narrowing;
mod wire;
