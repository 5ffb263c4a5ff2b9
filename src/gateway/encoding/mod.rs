//! Content codings (RFC 9110 §8.4.1): what a service or a partner has compressed, taken apart before it is looked at; and
//! what leaves, compressed for partners that ask for it.
//!
//! | coding | decoded as | window, at most | memory of one stream, about |
//! | --- | --- | --- | --- |
//! | `gzip`, `x-gzip` | RFC 1952, any number of members | 32 KiB | 48 KiB |
//! | `deflate` | RFC 1950 (zlib); RFC 1951 alone where the first two bytes are no zlib header, as browsers do | 32 KiB | 48 KiB |
//! | `br` | RFC 7932, without large windows | 16 MiB | the window and 0.5 MiB |
//! | `zstd` | RFC 8878, any number of frames | 8 MiB (RFC 9659) | the window and 0.5 MiB |
//!
//! One coding is taken, or none; two on top of each other are refused, as are those that are not in the table. Start at
//! [`Decoder`].
//!
//! **Invariant:** what is taken apart is never held: it is handed on in pieces of at most [`PIECE_BYTES`].
//! **Invariant:** a stream that is cut off, broken or followed by something is a fault, never a shorter body.

pub mod decode;
mod encoder;
mod meter;
mod negotiate;
mod source;

pub use decode::{Bounds, Coding, DecodeFault, Decoder, PIECE_BYTES, RATIO_FROM_BYTES, Step};
pub(crate) use encoder::Encoder;
pub(crate) use meter::{Direction, Meters};
pub(crate) use negotiate::choose;
pub(crate) use source::{Broken, Data, Framing, Source};

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::config::PartnerCoding;

impl From<PartnerCoding> for Coding {
    fn from(coding: PartnerCoding) -> Self {
        match coding {
            PartnerCoding::Gzip => Self::Gzip,
            PartnerCoding::Brotli => Self::Brotli,
            PartnerCoding::Zstd => Self::Zstd,
        }
    }
}

/// A body is in a coding that is not taken apart, or in more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnknownCoding;

/// The coding of the body that `headers` announce: the one of all `Content-Encoding`s that is not `identity`; `None` where
/// there is none.
pub(crate) fn coding(headers: &HeaderMap) -> Result<Option<Coding>, UnknownCoding> {
    let mut found = None;
    for value in headers.get_all(CONTENT_ENCODING) {
        let text = value.to_str().map_err(|_| UnknownCoding)?;
        for name in text.split(',') {
            let name = name.trim_matches([' ', '\t']);
            // An empty element of a list is nothing (RFC 9110 §5.6.1.2).
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            let coding = Coding::named(name).ok_or(UnknownCoding)?;
            if found.replace(coding).is_some() {
                return Err(UnknownCoding);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_coding_is_taken_and_no_stack_of_them() {
        type Row<'a> = (&'a [&'a str], Result<Option<Coding>, UnknownCoding>);
        let rows: &[Row<'_>] = &[
            (&[], Ok(None)),
            (&["identity"], Ok(None)),
            (&["gzip"], Ok(Some(Coding::Gzip))),
            (&["X-GZip"], Ok(Some(Coding::Gzip))),
            (&["deflate"], Ok(Some(Coding::Deflate))),
            (&[" br "], Ok(Some(Coding::Brotli))),
            (&["identity, zstd,"], Ok(Some(Coding::Zstd))),
            (&["identity", "zstd"], Ok(Some(Coding::Zstd))),
            (&["gzip, br"], Err(UnknownCoding)),
            (&["gzip", "gzip"], Err(UnknownCoding)),
            (&["compress"], Err(UnknownCoding)),
            (&["aes128gcm"], Err(UnknownCoding)),
            (&["gzip;q=1"], Err(UnknownCoding)),
            (&["\u{e9}"], Err(UnknownCoding)),
        ];
        for (values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in *values {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                headers.append(CONTENT_ENCODING, value);
            }
            assert_eq!(coding(&headers), *expected, "{values:?}");
        }
    }
}
