//! The lines of a request's head, and those of a chunked body's trailers (RFC 9112 §3, §5, §6).

use memchr::memchr;

use super::{Fault, has_control, is_authority, is_token_byte};

/// What has been read of one head or trailer section, line by line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    read: usize,
    has_host: bool,
    length: Option<u64>,
    chunked: bool,
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// So many bytes; nought where nothing is said.
    Sized(u64),
    /// Chunks.
    Chunked,
}

impl Lines {
    /// Lines that are trailers: there is no first line, and nothing that says how long a body is.
    #[must_use]
    pub fn of_trailers() -> Self {
        Self {
            read: 1,
            ..Self::default()
        }
    }

    /// How many header lines have been read.
    #[must_use]
    pub fn fields(&self) -> usize {
        self.read.saturating_sub(1)
    }

    /// Reads one line of a head, given without its CR LF. It is not the empty one that ends the head.
    ///
    /// # Errors
    /// If it is no such line, or says something else than one before.
    pub fn head(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.read += 1;
        if self.read == 1 {
            return first(line);
        }
        let (name, value) = field(line)?;
        // Few lengths are looked at further: most headers are done here.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                if self.has_host || !is_authority(value) {
                    return Err(Fault::Host);
                }
                self.has_host = true;
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => return Err(Fault::Form),
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if self.length.is_some() || self.chunked {
                    return Err(Fault::Length);
                }
                self.length = Some(length(value).ok_or(Fault::Length)?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.length.is_some() {
                    return Err(Fault::Length);
                }
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Fault::Coding);
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads one line of trailers. They go no further, so that they only have to be lines.
    ///
    /// # Errors
    /// If it is no header's line.
    pub fn trailer(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.read += 1;
        field(line).map(drop)
    }

    /// The head's end: what follows it.
    ///
    /// # Errors
    /// If there was no line, or no Host.
    pub fn end(&self) -> Result<Body, Fault> {
        if self.read == 0 {
            return Err(Fault::RequestLine);
        }
        if !self.has_host {
            return Err(Fault::Host);
        }
        Ok(if self.chunked {
            Body::Chunked
        } else {
            Body::Sized(self.length.unwrap_or(0))
        })
    }
}

/// The request line (RFC 9112 §3): one space between each of its three parts, and none elsewhere.
fn first(line: &[u8]) -> Result<(), Fault> {
    let method_end = memchr(b' ', line).ok_or(Fault::RequestLine)?;
    let (method, rest) = (&line[..method_end], &line[method_end + 1..]);
    let target_end = memchr(b' ', rest).ok_or(Fault::RequestLine)?;
    let (target, version) = (&rest[..target_end], &rest[target_end + 1..]);
    if method.is_empty() || !method.iter().all(|byte| is_token_byte(*byte)) {
        return Err(Fault::RequestLine);
    }
    match version {
        b"HTTP/1.1" => {}
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            return Err(Fault::Version);
        }
        _ => return Err(Fault::RequestLine),
    }
    if method == b"CONNECT" || target == b"*" {
        return Err(Fault::Form);
    }
    let path = match target {
        [] => return Err(Fault::RequestLine),
        [b'/', ..] => target,
        _ => after_authority(target).ok_or(Fault::Form)?,
    };
    let query_at = memchr(b'?', path).unwrap_or(path.len());
    if !path[..query_at].iter().all(|byte| is_path_byte(*byte)) {
        return Err(Fault::Path);
    }
    if !path[query_at..].iter().all(|byte| is_query_byte(*byte)) {
        return Err(Fault::Query);
    }
    Ok(())
}

/// What follows the authority of an absolute target (RFC 9112 §3.2.2) of the schemes that a gateway speaks.
fn after_authority(target: &[u8]) -> Option<&[u8]> {
    let scheme_end = memchr(b':', target)?;
    let (scheme, rest) = target.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return None;
    }
    let rest = rest.strip_prefix(b"://")?;
    let end = memchr::memchr3(b'/', b'?', b'#', rest).unwrap_or(rest.len());
    is_authority(&rest[..end]).then_some(&rest[end..])
}

/// Whether `byte` may stand in a request's path at all, encodings included. What its segments may be is the agreements'
/// to say: `;` and empty segments are no paths there.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte)
}

/// Whether `byte` may stand in a query (RFC 3986 §3.4), or is a bracket, which many write as it is.
fn is_query_byte(byte: u8) -> bool {
    is_path_byte(byte) || b"?[]".contains(&byte)
}

/// The name and the value of a header's line, without the white space around the value.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Fault::Folded);
    }
    let name_end = memchr(b':', line).ok_or(Fault::Header)?;
    let (name, value) = (&line[..name_end], &line[name_end + 1..]);
    if name.is_empty() || !name.iter().all(|byte| is_token_byte(*byte)) {
        return Err(Fault::Header);
    }
    debug_assert!(!has_control(value), "the line was looked at before");
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !is_space(byte));
    let value = &value[start.unwrap_or(value.len())..];
    let end = value.iter().rposition(|byte| !is_space(byte));
    Ok((name, &value[..end.map_or(0, |last| last + 1)]))
}

/// A `Content-Length`: digits and nothing else, at most those of a length that can be counted.
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<Body, Fault> {
        let mut lines = Lines::default();
        for line in head.split('|') {
            lines.head(line.as_bytes())?;
        }
        lines.end()
    }

    #[test]
    fn a_head_says_what_follows_it_or_has_a_fault() {
        const GET: &str = "GET / HTTP/1.1|host: g";
        for (head, expected) in [
            (GET, Ok(Body::Sized(0))),
            ("GET / HTTP/1.1|HOST:g:80 \t", Ok(Body::Sized(0))),
            ("GET http://g HTTP/1.1|host: g", Ok(Body::Sized(0))),
            ("GET HTTPS://g:1/a?b HTTP/1.1|host: g", Ok(Body::Sized(0))),
            (
                "M-SEARCH /a;b?c[]=d/?e HTTP/1.1|host: g",
                Ok(Body::Sized(0)),
            ),
            ("GET / HTTP/1.1", Err(Fault::Host)),
            ("GET / HTTP/1.1|host: g|host: g", Err(Fault::Host)),
            ("GET / HTTP/1.1|host:", Err(Fault::Host)),
            ("GET / HTTP/1.1|host: a@g", Err(Fault::Host)),
            ("GET /", Err(Fault::RequestLine)),
            ("GET", Err(Fault::RequestLine)),
            (" GET / HTTP/1.1", Err(Fault::RequestLine)),
            ("GET  / HTTP/1.1", Err(Fault::RequestLine)),
            ("GET /  HTTP/1.1", Err(Fault::RequestLine)),
            ("GET / HTTP/1.1 ", Err(Fault::RequestLine)),
            ("GET / http/1.1", Err(Fault::RequestLine)),
            ("GET / HTTP/1", Err(Fault::RequestLine)),
            ("GET / HTTP/1.10", Err(Fault::RequestLine)),
            ("G\tT / HTTP/1.1", Err(Fault::RequestLine)),
            ("G:T / HTTP/1.1", Err(Fault::RequestLine)),
            ("GET / HTTP/1.0", Err(Fault::Version)),
            ("GET / HTTP/2.0", Err(Fault::Version)),
            ("GET / HTTP/0.9", Err(Fault::Version)),
            ("CONNECT g:443 HTTP/1.1", Err(Fault::Form)),
            ("OPTIONS * HTTP/1.1", Err(Fault::Form)),
            ("GET g/a HTTP/1.1", Err(Fault::Form)),
            ("GET ftp://g/a HTTP/1.1", Err(Fault::Form)),
            ("GET http:g HTTP/1.1", Err(Fault::Form)),
            ("GET http:///a HTTP/1.1", Err(Fault::Form)),
            ("GET http://u@g/a HTTP/1.1", Err(Fault::Form)),
            ("GET ?a HTTP/1.1", Err(Fault::Form)),
            ("GET /a#b HTTP/1.1", Err(Fault::Path)),
            ("GET /a\\b HTTP/1.1", Err(Fault::Path)),
            ("GET /\u{e9} HTTP/1.1", Err(Fault::Path)),
            ("GET /a?{b} HTTP/1.1", Err(Fault::Query)),
            ("GET /a?b#c HTTP/1.1", Err(Fault::Query)),
        ] {
            assert_eq!(read(head), expected, "{head}");
        }
        for (lines, expected) in [
            ("content-length: 0", Ok(Body::Sized(0))),
            ("Content-Length:\t42\t", Ok(Body::Sized(42))),
            ("content-length: 000000000000000042", Ok(Body::Sized(42))),
            ("transfer-encoding: Chunked", Ok(Body::Chunked)),
            ("content-length: 1|content-length: 1", Err(Fault::Length)),
            ("content-length: 1, 1", Err(Fault::Length)),
            ("content-length: +1", Err(Fault::Length)),
            ("content-length: -1", Err(Fault::Length)),
            ("content-length: 0x1", Err(Fault::Length)),
            ("content-length: 1_0", Err(Fault::Length)),
            ("content-length: 1 0", Err(Fault::Length)),
            ("content-length:", Err(Fault::Length)),
            ("content-length: 18446744073709551617", Err(Fault::Length)),
            (
                "content-length: 1|transfer-encoding: chunked",
                Err(Fault::Length),
            ),
            (
                "transfer-encoding: chunked|content-length: 1",
                Err(Fault::Length),
            ),
            (
                "transfer-encoding: chunked|transfer-encoding: chunked",
                Err(Fault::Coding),
            ),
            ("transfer-encoding: gzip, chunked", Err(Fault::Coding)),
            ("transfer-encoding: chunked, identity", Err(Fault::Coding)),
            ("transfer-encoding: identity", Err(Fault::Coding)),
            ("transfer-encoding: xchunked", Err(Fault::Coding)),
            ("transfer-encoding: \"chunked\"", Err(Fault::Coding)),
            ("transfer-encoding: chunked;q=1", Err(Fault::Coding)),
            ("transfer-encoding:", Err(Fault::Coding)),
            ("transfer_encoding: chunked", Ok(Body::Sized(0))),
            ("upgrade: h2c", Err(Fault::Form)),
            (" folded", Err(Fault::Folded)),
            ("\tfolded", Err(Fault::Folded)),
            ("name", Err(Fault::Header)),
            (": value", Err(Fault::Header)),
            ("name : value", Err(Fault::Header)),
            ("na me: value", Err(Fault::Header)),
            ("na\u{e9}: value", Err(Fault::Header)),
            ("na(me): value", Err(Fault::Header)),
            ("name: \u{e9} : \"", Ok(Body::Sized(0))),
        ] {
            assert_eq!(read(&format!("{GET}|{lines}")), expected, "{lines}");
        }
    }
}
