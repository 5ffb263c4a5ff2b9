//! One value in, one value out: tokens and coarser values.

mod keys;

pub use keys::{AgreementKeys, KeyError, RootKey, SubjectKey};

/// What a transforming rule does to a single value. `null` stays `null` under every transform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transform {
    /// A constant in its place, whatever the value: JSON text of a single value.
    Replace {
        /// A string, number, boolean or `null` as JSON text.
        json: String,
    },
    /// Characters of a string replaced, a number's digits too (the result is a string).
    Mask {
        /// Characters left as they are at the start. Default 0.
        keep_first: usize,
        /// Characters left as they are at the end. Default 0.
        keep_last: usize,
        /// What stands in the others' place. Default `*`.
        with: char,
    },
    /// A coarser value.
    Generalise(Generalise),
    /// A one-way keyed token: HMAC-SHA-256 cut to 128 bits, in lower-case base32 (RFC 4648 §6), no padding.
    Pseudonymise {
        /// What the value identifies (`person`, `property`); the same in all rules that should link.
        namespace: String,
    },
}

/// To what a value is made coarser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generalise {
    /// An ISO 8601 date or timestamp becomes its year, a four-digit string: `"1941-03-07"` → `"1941"`.
    Year,
}
