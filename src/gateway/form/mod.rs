//! The form of a request, strictly: what HTTP's own grammar leaves one reading for, and nothing else.
//!
//! Bytes and values in, verdicts out: no I/O, so that the fuzzers drive the same code. `messages` cuts a connection's
//! bytes into messages, `head` reads the lines of a head, `query` the query. Nothing here is repaired: what two readers
//! could take for two is a fault.

pub mod head;
pub mod messages;
pub mod query;

/// Why bytes of a connection are not a request that the gateway takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A line ends in a bare LF, or a CR stands elsewhere than before an LF.
    #[error("a line does not end in CR LF, or a CR stands inside one")]
    LineEnd,
    /// A control character, NUL among them, where none may stand.
    #[error("a line holds a control character")]
    Control,
    /// The first line is not a method, a target and a version with one space between each.
    #[error("the first line is not `METHOD TARGET HTTP/1.1`")]
    RequestLine,
    /// Another version of HTTP.
    #[error("the version is not HTTP/1.1")]
    Version,
    /// The target's path holds a byte that no path has.
    #[error("the path holds a byte that must be percent-encoded, or a fragment")]
    Path,
    /// The target's query holds a byte that no query has.
    #[error("the query holds a byte that must be percent-encoded, or a fragment")]
    Query,
    /// A method or a target for another kind of server: CONNECT, `*`, an upgrade.
    #[error("the method, the target or an upgrade is not for a gateway")]
    Form,
    /// No Host, more than one, or one that is no host.
    #[error("there is not one Host with a host's name")]
    Host,
    /// A line that is no header: no colon, no name, white space in or after the name.
    #[error("a header's line is not `name: value`")]
    Header,
    /// A line that goes on in the next (obs-fold, RFC 9112 §5.2).
    #[error("a header's value goes on in the next line")]
    Folded,
    /// `Content-Length` is not one number in digits, stands twice, or stands beside `Transfer-Encoding`.
    #[error("the length of the body is said twice or not in digits")]
    Length,
    /// `Transfer-Encoding` is not `chunked` alone, or stands twice.
    #[error("the Transfer-Encoding is not `chunked` alone")]
    Coding,
    /// A chunk's size is no hexadecimal number, or a chunk does not end where it says.
    #[error("a chunk of the body is not of the size that it says")]
    Chunk,
    /// A head or a trailer section is longer than the limit, or has more fields.
    #[error("the headers are larger or more than the limit")]
    TooLarge,
}

impl Fault {
    /// Every fault and a name for it, which is an HTTP token.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::LineEnd, "LINE-END"),
        (Self::Control, "CONTROL"),
        (Self::RequestLine, "REQUEST-LINE"),
        (Self::Version, "VERSION"),
        (Self::Path, "PATH"),
        (Self::Query, "QUERY"),
        (Self::Form, "FORM"),
        (Self::Host, "HOST"),
        (Self::Header, "HEADER"),
        (Self::Folded, "FOLDED"),
        (Self::Length, "LENGTH"),
        (Self::Coding, "CODING"),
        (Self::Chunk, "CHUNK"),
        (Self::TooLarge, "TOO-LARGE"),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find_map(|(fault, name)| (*fault == self).then_some(*name))
            .expect("ALL has every fault")
    }

    /// The fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find_map(|(fault, known)| (*known == name).then_some(*fault))
    }
}

/// Whether `byte` may stand in a token (RFC 9110 §5.6.2): a method, a header's name.
#[must_use]
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether `line` has a control character, HTAB excepted. Branchless, so that it runs at the speed of the vectors.
fn has_control(line: &[u8]) -> bool {
    line.iter().fold(false, |found, byte| {
        found | ((*byte < 0x20) & (*byte != b'\t')) | (*byte == 0x7f)
    })
}

/// Whether `text` is a host with or without a port (RFC 3986 §3.2.2 and §3.2.3), without user information: a name, an IPv4
/// address, or an IPv6 address in brackets.
#[must_use]
pub fn is_authority(text: &[u8]) -> bool {
    let (host, rest) = match text {
        [b'[', inside @ ..] => {
            let Some(end) = memchr::memchr(b']', inside) else {
                return false;
            };
            let is_address = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
            if !inside[..end].iter().all(is_address) {
                return false;
            }
            (&inside[..end], &inside[end + 1..])
        }
        _ => {
            let end = memchr::memchr(b':', text).unwrap_or(text.len());
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
            if !text[..end].iter().all(is_name) {
                return false;
            }
            text.split_at(end)
        }
    };
    let port_is_one = match rest {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        [_, ..] => false,
    };
    !host.is_empty() && host.len() <= 255 && port_is_one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        for (fault, name) in Fault::ALL {
            assert_eq!(fault.name(), name);
            assert_eq!(Fault::named(name), Some(fault));
            assert!(name.bytes().all(is_token_byte));
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for (text, is_one) in [
            ("gateway", true),
            ("gateway:8443", true),
            ("gateway:", true),
            ("127.0.0.1:1", true),
            ("[::1]", true),
            ("[::ffff:1.2.3.4]:80", true),
            ("a_b.example", true),
            ("", false),
            (":80", false),
            ("[]", false),
            ("[::1", false),
            ("[::1]x", false),
            ("[::1%25eth0]", false),
            ("user@gateway", false),
            ("gateway:http", false),
            ("gateway:123456", false),
            ("gateway:80:80", false),
            ("a,b", false),
            ("a b", false),
            ("a/b", false),
            ("a%2eb", false),
            ("\u{e9}", false),
        ] {
            assert_eq!(is_authority(text.as_bytes()), is_one, "{text}");
        }
    }
}
