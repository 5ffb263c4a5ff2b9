//! What can be wrong with a coded body.

use std::fmt;

/// What ended the decoding of a body. [`DecodeFault::code`] is stable: ledger, metrics and problems use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecodeFault {
    /// Not of the coding that the body's label names, or its checksum is wrong.
    Malformed,
    /// The body ended before the coding did.
    Truncated,
    /// Something follows the coding's end.
    TrailingBytes,
    /// It asks for a larger window than the gateway gives (RFC 9659: 8 MiB for `zstd`).
    Window,
    /// More came out than `limits.decoded_bytes`.
    TooLarge,
    /// More came out for each byte that went in than `limits.decoded_ratio`.
    Ratio,
}

impl DecodeFault {
    /// Every fault.
    pub const ALL: [Self; 6] = [
        Self::Malformed,
        Self::Truncated,
        Self::TrailingBytes,
        Self::Window,
        Self::TooLarge,
        Self::Ratio,
    ];

    /// The stable name of this fault.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "encoding_malformed",
            Self::Truncated => "encoding_truncated",
            Self::TrailingBytes => "encoding_trailing_bytes",
            Self::Window => "encoding_window",
            Self::TooLarge => "decoded_too_large",
            Self::Ratio => "decoded_ratio",
        }
    }
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the body is not of its content coding, or its checksum is wrong",
            Self::Truncated => "the body ends before its content coding does",
            Self::TrailingBytes => "something follows the end of the body's content coding",
            Self::Window => "the body's content coding asks for too large a window",
            Self::TooLarge => "the decoded body is too large",
            Self::Ratio => "the decoded body is too many times larger than the coded one",
        })
    }
}

impl std::error::Error for DecodeFault {}
