//! A connection's bytes, cut into messages: where each head, body and trailer section ends, strictly (RFC 9112 §6, §7).
//!
//! This stands in front of hyper, which reads more than the grammar has: bare line feeds, empty lines before a request,
//! two lengths that agree, a length beside a coding. Whoever reads the same bytes before the gateway may read them
//! otherwise, so what has two readings passes in none. What passes here hyper reads as it was read here.

use memchr::memchr;

use super::head::{Body, Lines};
use super::{Fault, has_control};

/// The most bytes of one chunk's extension, which nobody reads (RFC 9112 §7.1.1).
const EXTENSION_BYTES: u16 = 256;
/// The most digits of a chunk's size: more than any body has, and no overflow.
const SIZE_DIGITS: u8 = 15;

/// Bounds on a head, and on a trailer section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Its bytes, the first line and the empty one included.
    pub bytes: usize,
    /// Its header lines.
    pub fields: usize,
}

/// Cuts one connection's bytes into messages. After a fault it is of no more use.
#[derive(Debug, Clone)]
pub struct Messages {
    bounds: Bounds,
    state: State,
}

/// Bytes that are no request. What came before them may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// How many bytes stand before those that are at fault.
    pub pass: usize,
    /// What is wrong with them.
    pub fault: Fault,
    /// Whether they are of a head, so that no part of their message has passed.
    pub in_head: bool,
}

#[derive(Debug, Clone)]
enum State {
    /// In a head, or in trailers, which are withheld until they are whole. Offsets are from their first byte.
    Section {
        lines: Lines,
        is_trailers: bool,
        /// Where the line begins that is not whole yet.
        line: usize,
        /// Up to where the line was looked at.
        looked: usize,
    },
    /// In a body of known length, or at its end.
    Sized(u64),
    /// In a chunk's size, of which so many digits have come.
    Size { size: u64, digits: u8 },
    /// In a chunk's extension, which may be so much longer.
    Extension { size: u64, left: u16 },
    /// After the CR that ends a chunk's size.
    SizeEnd { size: u64 },
    /// In a chunk's data, or at its end.
    Chunk(u64),
    /// After the CR that ends a chunk's data.
    ChunkEnd,
}

impl State {
    fn head() -> Self {
        Self::Section {
            lines: Lines::default(),
            is_trailers: false,
            line: 0,
            looked: 0,
        }
    }

    fn trailers() -> Self {
        Self::Section {
            lines: Lines::of_trailers(),
            is_trailers: true,
            line: 0,
            looked: 0,
        }
    }

    /// After a chunk's size and its line's end.
    fn chunk(size: u64) -> Self {
        match size {
            0 => Self::trailers(),
            size => Self::Chunk(size),
        }
    }
}

impl Messages {
    /// A connection of which nothing has come yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            state: State::head(),
        }
    }

    /// Looks at `bytes`: all that has come and did not pass before. Gives how many of them may pass now; the rest, which is
    /// part of a head or of trailers, is to come again with what follows it. Looks at each byte a bounded number of times.
    ///
    /// # Errors
    /// With the first fault.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, Stopped> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match self.step(rest) {
                Ok(0) => break,
                Ok(taken) => at += taken,
                Err(fault) => {
                    return Err(Stopped {
                        pass: at,
                        fault,
                        in_head: matches!(
                            self.state,
                            State::Section {
                                is_trailers: false,
                                ..
                            }
                        ),
                    });
                }
            }
        }
        Ok(at)
    }

    /// Whether a message's end is where the bytes have come to: nothing is withheld, no body is unfinished.
    #[must_use]
    pub fn is_between(&self) -> bool {
        match &self.state {
            State::Section {
                lines, is_trailers, ..
            } => !is_trailers && *lines == Lines::default(),
            State::Sized(_)
            | State::Size { .. }
            | State::Extension { .. }
            | State::SizeEnd { .. }
            | State::Chunk(_)
            | State::ChunkEnd => false,
        }
    }

    /// Takes what is at the front of `bytes`, which are not empty; nought where that is not whole yet.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let next = bytes[0];
        let (state, taken) = match &mut self.state {
            State::Section { .. } => return self.section(bytes),
            State::Sized(left) => {
                let taken = most(*left, bytes.len());
                *left -= taken as u64;
                if *left > 0 {
                    return Ok(taken);
                }
                (State::head(), taken)
            }
            State::Size { size, digits } => {
                let state = match (char::from(next).to_digit(16), next) {
                    (Some(_), _) if *digits == SIZE_DIGITS => return Err(Fault::Chunk),
                    (Some(digit), _) => State::Size {
                        size: *size << 4 | u64::from(digit),
                        digits: *digits + 1,
                    },
                    (None, b'\r') if *digits > 0 => State::SizeEnd { size: *size },
                    (None, b';') if *digits > 0 => State::Extension {
                        size: *size,
                        left: EXTENSION_BYTES,
                    },
                    (None, _) => return Err(Fault::Chunk),
                };
                (state, 1)
            }
            State::Extension { size, left } => {
                let state = match next {
                    b'\r' => State::SizeEnd { size: *size },
                    b'\t' | b' '..=b'~' if *left > 0 => State::Extension {
                        size: *size,
                        left: *left - 1,
                    },
                    _ => return Err(Fault::Chunk),
                };
                (state, 1)
            }
            State::SizeEnd { size } if next == b'\n' => (State::chunk(*size), 1),
            State::Chunk(0) if next == b'\r' => (State::ChunkEnd, 1),
            State::Chunk(left) if *left > 0 => {
                let taken = most(*left, bytes.len());
                *left -= taken as u64;
                return Ok(taken);
            }
            State::ChunkEnd if next == b'\n' => (State::Size { size: 0, digits: 0 }, 1),
            State::SizeEnd { .. } | State::Chunk(_) | State::ChunkEnd => return Err(Fault::Chunk),
        };
        self.state = state;
        Ok(taken)
    }

    /// Takes the section that `bytes` begin with, if it is whole.
    fn section(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        let State::Section {
            lines,
            is_trailers,
            line,
            looked,
        } = &mut self.state
        else {
            unreachable!("a section is asked for in a section");
        };
        // So much may a section have; what is beyond is looked at only once it is known to be another's.
        let within = &bytes[..bytes.len().min(self.bounds.bytes)];
        while let Some(found) = memchr(b'\n', &within[*looked..]) {
            let end = *looked + found;
            let whole = &within[*line..end];
            let text = whole.strip_suffix(b"\r").unwrap_or(whole);
            // What comes first is the fault, as where the line comes byte by byte.
            if has_control(text) {
                return Err(inside(text));
            }
            if text.len() == whole.len() {
                return Err(Fault::LineEnd);
            }
            *line = end + 1;
            *looked = end + 1;
            if !text.is_empty() {
                if *is_trailers {
                    lines.trailer(text)?;
                } else {
                    lines.head(text)?;
                }
                if lines.fields() > self.bounds.fields {
                    return Err(Fault::TooLarge);
                }
                continue;
            }
            let taken = *line;
            self.state = if *is_trailers {
                State::head()
            } else {
                match lines.end()? {
                    Body::Sized(0) => State::head(),
                    Body::Sized(length) => State::Sized(length),
                    Body::Chunked => State::Size { size: 0, digits: 0 },
                }
            };
            return Ok(taken);
        }
        // A CR at the very end may be the first half of a line's end.
        let new = &within[*looked..];
        let new = new.strip_suffix(b"\r").unwrap_or(new);
        if has_control(new) {
            return Err(inside(new));
        }
        if within.len() == self.bounds.bytes {
            return Err(Fault::TooLarge);
        }
        *looked += new.len();
        Ok(0)
    }
}

/// What is wrong with a line that has a control character inside: what the first of them is.
fn inside(text: &[u8]) -> Fault {
    let first = text.iter().find(|byte| has_control(&[**byte]));
    if first == Some(&b'\r') {
        Fault::LineEnd
    } else {
        Fault::Control
    }
}

/// The lesser of `left` and `length`.
fn most(left: u64, length: usize) -> usize {
    usize::try_from(left).map_or(length, |left| left.min(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        bytes: 120,
        fields: 4,
    };

    /// Pushes `pieces` as a connection would; gives what passed, and the fault and its kind of place.
    fn run<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<u8>, Result<bool, (Fault, bool)>) {
        let mut messages = Messages::new(BOUNDS);
        let (mut passed, mut held) = (Vec::new(), Vec::new());
        for piece in pieces {
            held.extend_from_slice(piece);
            match messages.push(&held) {
                Ok(pass) => passed.extend(held.drain(..pass)),
                Err(stopped) => {
                    passed.extend(held.drain(..stopped.pass));
                    return (passed, Err((stopped.fault, stopped.in_head)));
                }
            }
        }
        (passed, Ok(held.is_empty() && messages.is_between()))
    }

    /// What passes, and the verdict, at every cut and byte by byte: always the same.
    fn check(bytes: &str) -> (String, Result<bool, (Fault, bool)>) {
        let bytes = bytes.as_bytes();
        let whole = run([bytes]);
        for cut in 0..=bytes.len() {
            assert_eq!(run([&bytes[..cut], &bytes[cut..]]), whole, "cut at {cut}");
        }
        assert_eq!(run(bytes.chunks(1)), whole, "byte by byte");
        (String::from_utf8_lossy(&whole.0).into_owned(), whole.1)
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: g\r\n\r\n";
    const SIZED: &str = "POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 3\r\n\r\n";
    const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n";

    #[test]
    fn p8_whole_messages_pass_byte_for_byte_at_every_cut() {
        for bytes in [
            GET.to_owned(),
            GET.repeat(3),
            format!("{SIZED}abc"),
            format!("{SIZED}\r\n\n{GET}"),
            format!("{CHUNKED}0\r\n\r\n{GET}"),
            format!("{CHUNKED}3\r\nabc\r\n0A\r\n0123456789\r\n000\r\n\r\n"),
            format!("{CHUNKED}3;a=b\r\nabc\r\n0;\r\nSum: 1\r\nb:\r\n\r\n{SIZED}abc"),
        ] {
            assert_eq!(check(&bytes), (bytes.clone(), Ok(true)), "{bytes:?}");
        }
    }

    #[test]
    fn p4_what_is_not_whole_is_withheld() {
        let after = |body: &str| {
            let (passed, verdict) = check(&format!("{CHUNKED}{body}"));
            assert_eq!(verdict, Ok(false), "{body:?}");
            passed.strip_prefix(CHUNKED).unwrap().to_owned()
        };
        assert_eq!(check(&GET[..GET.len() - 1]).0, "");
        assert_eq!(check(&format!("{GET}GET /")).0, GET);
        assert_eq!(after(""), "");
        assert_eq!(after("3\r\nab"), "3\r\nab");
        assert_eq!(after("0\r\n"), "0\r\n");
        assert_eq!(after("0\r\nSum: 1\r\n"), "0\r\n");
    }

    #[test]
    fn p4_what_has_two_readings_has_none_and_nothing_of_it_passes() {
        for (bytes, fault) in [
            ("\r\nGET / HTTP/1.1\r\nHost: g\r\n\r\n", Fault::RequestLine),
            ("\nGET / HTTP/1.1\r\nHost: g\r\n\r\n", Fault::LineEnd),
            ("GET / HTTP/1.1\nHost: g\r\n\r\n", Fault::LineEnd),
            ("GET / HTTP/1.1\r\nHost: g\n\r\n", Fault::LineEnd),
            ("GET / HTTP/1.1\r\nHost: g\r\n\n", Fault::LineEnd),
            ("GET / HTTP/1.1\rHost: g\r\n\r\n", Fault::LineEnd),
            ("GET / HTTP/1.1\r\nHost: g\r\r\n\r\n", Fault::LineEnd),
            (
                "GET / HTTP/1.1\r\nHost: g\r\nA: b\rc\r\n\r\n",
                Fault::LineEnd,
            ),
            (
                "GET / HTTP/1.1\r\nHost: g\r\nA: b\0c\r\n\r\n",
                Fault::Control,
            ),
            (
                "GET / HTTP/1.1\r\nHost: g\r\nA: b\x0bc\r\n\r\n",
                Fault::Control,
            ),
            (
                "GET / HTTP/1.1\r\nHost: g\r\nA: b\x7fc\r\n\r\n",
                Fault::Control,
            ),
            (
                "GET / HTTP/1.1\r\nHost: g\r\nA: \0b\rc\r\n\r\n",
                Fault::Control,
            ),
            ("GET / HTTP/1.1\r\nHost: g\r\nA: \0b\n\r\n", Fault::Control),
            (
                "GET / HTTP/1.1\r\nHost: g\r\nA: b\rc\0\n\r\n",
                Fault::LineEnd,
            ),
            ("GET\0 / HTTP/1.1\r\nHost: g\r\n\r\n", Fault::Control),
            ("\x16\x03\x01\x02\0\x01", Fault::Control),
            (
                "GET / HTTP/1.1\r\nHost: g\r\nA: b\r\n c\r\n\r\n",
                Fault::Folded,
            ),
            ("GET / HTTP/1.1\r\n\r\n", Fault::Host),
            ("GET /\r\n", Fault::RequestLine),
            (
                "GET / HTTP/1.1\r\nA:1\r\nB:1\r\nC:1\r\nD:1\r\nE:1\r\n\r\n",
                Fault::TooLarge,
            ),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Fault::Version),
        ] {
            assert_eq!(
                check(bytes),
                (String::new(), Err((fault, true))),
                "{bytes:?}"
            );
            let (passed, verdict) = check(&format!("{GET}{bytes}"));
            assert_eq!((&*passed, verdict), (GET, Err((fault, true))), "{bytes:?}");
        }
        let long = format!("GET / HTTP/1.1\r\nHost: g\r\nA: {}", "a".repeat(100));
        assert_eq!(check(&long).1, Err((Fault::TooLarge, true)));
    }

    #[test]
    fn p4_a_body_that_is_not_as_it_says_stops_where_it_is_not() {
        for (body, before, fault) in [
            ("\r\n", "", Fault::Chunk),
            (";a\r\n", "", Fault::Chunk),
            ("x\r\n", "", Fault::Chunk),
            ("-1\r\n", "", Fault::Chunk),
            ("+1\r\n", "", Fault::Chunk),
            (" 1\r\n", "", Fault::Chunk),
            ("0x1\r\n", "0", Fault::Chunk),
            ("1_0\r\n", "1", Fault::Chunk),
            ("1 \r\n", "1", Fault::Chunk),
            ("1\n", "1", Fault::Chunk),
            ("1\rx", "1\r", Fault::Chunk),
            ("1;a\n", "1;a", Fault::Chunk),
            ("1;a\0", "1;a", Fault::Chunk),
            ("1;\u{e9}", "1;", Fault::Chunk),
            ("1111111111111111\r\n", "111111111111111", Fault::Chunk),
            ("1\r\nab", "1\r\na", Fault::Chunk),
            ("1\r\na\n", "1\r\na", Fault::Chunk),
            ("1\r\na\rb", "1\r\na\r", Fault::Chunk),
            ("0\r\nGET / HTTP/1.1\r\n", "0\r\n", Fault::Header),
            ("0\r\n a: b\r\n", "0\r\n", Fault::Folded),
            ("0\r\n\n", "0\r\n", Fault::LineEnd),
            ("0\r\na: \0", "0\r\n", Fault::Control),
        ] {
            let passed = format!("{CHUNKED}{before}");
            let verdict = Err((fault, false));
            assert_eq!(
                check(&format!("{CHUNKED}{body}")),
                (passed, verdict),
                "{body:?}"
            );
        }
        let extension = format!("{CHUNKED}1;{}", "a".repeat(300));
        assert_eq!(check(&extension).1, Err((Fault::Chunk, false)));
    }
}
