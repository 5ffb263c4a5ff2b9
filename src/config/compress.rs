//! Whether answers leave compressed.

use schemars::JsonSchema;
use serde::Deserialize;

/// A coding that partners may be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnerCoding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// How answers leave compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compress {
    /// The codings that partners are offered, the gateway's favourite first; at least one.
    pub codings: Vec<PartnerCoding>,
    /// How hard each tries, 1 (fast) to 9 (small). Default 4.
    pub level: u8,
}

/// Answers leave compressed to partners that ask for it. Without it they never do: how long a compressed answer is tells
/// something of what is in it (BREACH).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Compress", example = serde_json::json!({ "codings": ["zstd", "gzip"] }))]
pub(super) struct CompressAsWritten {
    /// The codings that partners are offered, the gateway's favourite first. Default: zstd, br, gzip.
    #[schemars(length(min = 1, max = 3))]
    codings: Option<Vec<PartnerCodingAsWritten>>,
    /// How hard each tries: 1 is fast, 9 is small. Default: 4.
    #[schemars(range(min = 1, max = 9), example = 4)]
    level: Option<u8>,
}

/// A coding.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum PartnerCodingAsWritten {
    Gzip,
    Br,
    Zstd,
}

impl CompressAsWritten {
    /// As meant. Its form was checked when it was read.
    pub(super) fn meant(&self) -> Compress {
        use PartnerCoding::{Brotli, Gzip, Zstd};
        let codings = self.codings.as_ref().map(|codings| {
            let meant = |coding: &PartnerCodingAsWritten| match coding {
                PartnerCodingAsWritten::Gzip => Gzip,
                PartnerCodingAsWritten::Br => Brotli,
                PartnerCodingAsWritten::Zstd => Zstd,
            };
            codings.iter().map(meant).collect()
        });
        Compress {
            codings: codings.unwrap_or_else(|| vec![Zstd, Brotli, Gzip]),
            level: self.level.unwrap_or(4),
        }
    }
}
