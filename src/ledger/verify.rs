//! Reads a ledger again.

/// What is wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// Not a JSON object with `seq`, `at`, `event` and `prev`.
    #[error("not an entry of a ledger")]
    NotAnEntry,
    /// Longer than any line that the writer makes.
    #[error("longer than a line may be")]
    TooLong,
    /// Another sequence than the one that comes next.
    #[error("sequence {found} where {expected} comes next")]
    Sequence {
        /// The sequence that comes next.
        expected: u64,
        /// The one that stands there.
        found: u64,
    },
    /// It does not carry the hash of the entry before.
    #[error("it does not carry the hash of the entry before it: one of the two was changed")]
    Unlinked,
    /// The last line has no line end.
    #[error("the last line is not complete")]
    TornEnd,
}
