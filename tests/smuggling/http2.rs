//! HTTP/2 by raw frames, as no library would send them: what must not become lines of an HTTP/1.1 request.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::*;
use crate::site::Site;

/// A literal header without indexing (RFC 7541 §6.2.2), of at most 126 bytes each.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| {
        u8::try_from(text.len())
            .ok()
            .filter(|length| *length < 127)
            .unwrap()
    };
    let mut out = vec![0, length(name)];
    out.extend_from_slice(name.as_bytes());
    out.push(length(value));
    out.extend_from_slice(value.as_bytes());
    out
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

/// What became of a stream.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// An answer with status 200.
    Answered,
    /// Another answer.
    Refused,
    /// A reset, or the connection's end.
    Reset,
}

/// Sends one request of these headers, and perhaps a body, on a connection of its own.
async fn ask(site: &Site, headers: &[(&str, &str)], body: Option<&str>) -> End {
    let mut stream = TcpStream::connect(site.council.address()).await.unwrap();
    let block: Vec<u8> = headers
        .iter()
        .flat_map(|(name, value)| literal(name, value))
        .collect();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes.extend(frame(1, if body.is_some() { 4 } else { 5 }, 1, &block));
    if let Some(body) = body {
        bytes.extend(frame(0, 1, 1, body.as_bytes()));
    }
    stream.write_all(&bytes).await.unwrap();
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return End::Reset;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if stream.read_exact(&mut payload).await.is_err() {
            return End::Reset;
        }
        match head[3] {
            // `:status: 200` stands in the static table.
            1 if payload.contains(&0x88)
                && payload.iter().position(|byte| *byte == 0x88) < Some(4) =>
            {
                return End::Answered;
            }
            1 => return End::Refused,
            3 | 7 => return End::Reset,
            _ => {}
        }
    }
}

#[test]
fn p2_nothing_in_http2_becomes_a_line_of_a_request() {
    const GOOD: [(&str, &str); 6] = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "g"),
        (":path", "/adults/7"),
        ("x-api-key", HEALTH_KEY),
        ("data-purpose", "care"),
    ];
    run(async {
        let site = Site::start().await;
        assert_eq!(ask(&site, &GOOD, None).await, End::Answered);
        let mut more = GOOD.to_vec();
        more.push(("accept-language", "cy"));
        assert_eq!(ask(&site, &more, None).await, End::Answered);
        let seen = site.seen("7").len();
        assert_eq!(seen, 2);

        // In the place of a header of the good request.
        for (name, value) in [
            (":method", "GET / HTTP/1.1\r\nX: y"),
            (":method", "GET "),
            (":method", ""),
            (":method", "CONNECT"),
            (":path", "/adults/7 HTTP/1.1\r\nHost: h\r\nX: y"),
            (":path", "/adults/7\r\n"),
            (":path", "/adults/7 x"),
            (":path", "/adults/7\0"),
            (":path", "/adults/7/../8"),
            (":path", "/adults/7%0d%0a"),
            (":path", "/adults/7?page=%0d%0a"),
            (":path", "adults/7"),
            (":path", "*"),
            (":path", ""),
            (":path", "http://h/adults/7"),
            (":authority", "g\r\nX: y"),
            (":authority", "user@g"),
            (":authority", "g/x"),
            (":authority", ""),
            (":scheme", "http://h/adults/8?"),
        ] {
            let mut headers = GOOD;
            let place = headers
                .iter()
                .position(|(known, _)| *known == name)
                .unwrap();
            headers[place].1 = value;
            let end = ask(&site, &headers, None).await;
            assert_ne!(end, End::Answered, "{name}: {value:?}");
        }
        // Beside them.
        for (name, value) in [
            ("accept-language", "cy\r\nTransfer-Encoding: chunked"),
            ("accept-language", "cy\nX: y"),
            ("accept-language", "cy\rX: y"),
            ("accept-language", "cy\0"),
            ("accept-language", "\u{e9}"),
            ("Accept-Language", "cy"),
            ("accept language", "cy"),
            ("accept-language: x\r\ny", "cy"),
            ("accept-language:", "cy"),
            ("", "cy"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("connection", "accept-language"),
            ("keep-alive", "1"),
            ("proxy-connection", "close"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("content-length", "5"),
            ("content-length", "+0"),
            ("content-length", "0, 0"),
            ("host", "h"),
            ("expect", "x"),
            (":path", "/adults/8"),
            (":method", "POST"),
            (":authority", "h"),
            (":protocol", "websocket"),
            (":status", "200"),
            (":unknown", "x"),
        ] {
            let mut headers = GOOD.to_vec();
            headers.push((name, value));
            let end = ask(&site, &headers, None).await;
            assert_ne!(end, End::Answered, "{name:?}: {value:?}");
        }
        // Without one.
        for name in [":method", ":path", ":authority", ":scheme"] {
            let headers: Vec<_> = GOOD
                .into_iter()
                .filter(|(known, _)| *known != name)
                .collect();
            let end = ask(&site, &headers, None).await;
            assert_ne!(end, End::Answered, "{name}");
        }
        assert_eq!(site.seen("7").len(), seen, "the service saw none of them");
        assert!(site.seen("8").is_empty());
        site.saw_only_requests();
    });
}

/// A body longer or shorter than its length is no body, and one that holds a request is a body.
#[test]
fn p2_an_http2_body_is_as_long_as_it_says() {
    const POST: [(&str, &str); 7] = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "g"),
        (":path", "/adults/7/notes"),
        ("x-api-key", HEALTH_KEY),
        ("data-purpose", "care"),
        ("content-type", "application/json"),
    ];
    run(async {
        let site = Site::start().await;
        for (length, answered) in [("12", true), ("2", false), ("13", false)] {
            let mut headers = POST.to_vec();
            headers.push(("content-length", length));
            let end = ask(&site, &headers, Some(r#"{"text":"a"}"#)).await;
            assert_eq!(end == End::Answered, answered, "{length}");
        }
        assert_eq!(site.seen("7").len(), 1);
        let smuggled = "0\r\n\r\nGET /api/8 HTTP/1.1\r\nHost: g\r\n\r\n";
        assert_ne!(ask(&site, &POST, Some(smuggled)).await, End::Answered);
        assert!(site.seen("8").is_empty());
        site.saw_only_requests();
    });
}

/// What every octet does in every place of a head, where the octets that HTTP/2 forbids there are refused (RFC 9113 section
/// 8.2.1), and no other becomes anything else.
#[test]
fn p2_no_octet_of_an_http2_head_ends_a_line() {
    const HEAD: [(&str, &str); 7] = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "g"),
        (":path", "/adults/7"),
        ("x-api-key", HEALTH_KEY),
        ("data-purpose", "care"),
        ("accept-language", "cy"),
    ];
    run(async {
        let site = Site::start().await;
        let mut answered = 0;
        for octet in (0..0x20).chain([b' ', b'#', b':', b'/', b'@', b'\\', 0x7f]) {
            let octet = char::from(octet).to_string();
            for (place, (name, value)) in HEAD.into_iter().enumerate() {
                for (name, value) in [
                    (name.to_owned(), format!("{octet}{value}")),
                    (name.to_owned(), format!("{value}{octet}")),
                    (name.to_owned(), format!("{value}{octet}x: y")),
                    (format!("{name}{octet}"), value.to_owned()),
                    (format!("{name}{octet}x"), value.to_owned()),
                ] {
                    let mut headers = HEAD;
                    headers[place] = (&name, &value);
                    let end = ask(&site, &headers, None).await;
                    // Another person, whom the path may name as well.
                    let is_another = name == ":path" && matches!(&*octet, ":" | "@");
                    answered += usize::from(end == End::Answered && !is_another);
                    // What passes is a value that is the partner's to choose, of a header that is kept, or one with white
                    // space around it.
                    // Of a path the reader before ours drops a fragment: it reaches nobody.
                    let may_pass = name == "accept-language" && octet != "\0"
                        || value.trim_matches([' ', '\t']) == HEAD[place].1
                        || name == ":path" && value.starts_with("/adults/7#")
                        // A port that is not said.
                        || value == "g:"
                        || is_another;
                    assert!(end != End::Answered || may_pass, "{name:?}: {value:?}");
                }
            }
        }
        let seen = site.seen("7");
        assert_eq!(seen.len(), answered);
        for request in seen {
            let named = request.headers.iter().map(|(name, _)| name.as_str());
            assert!(!named.into_iter().any(|name| name == "x"), "{request:?}");
        }
        site.saw_only_requests();
    });
}

/// Pseudo-headers stand once, first, and are those of a request (RFC 9113 section 8.3); fields of a connection stand nowhere.
#[test]
fn p2_http2_heads_in_any_order_are_one_request_or_none() {
    const PSEUDO: [(&str, &str); 4] = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "g"),
        (":path", "/adults/7"),
    ];
    const REGULAR: [(&str, &str); 2] = [("x-api-key", HEALTH_KEY), ("data-purpose", "care")];
    run(async {
        let site = Site::start().await;
        let mut answered = 0;
        // Every order of the four, first.
        for order in 0..24_usize {
            let mut left = PSEUDO.to_vec();
            let mut head = Vec::new();
            for (places, divisor) in [(4, 6), (3, 2), (2, 1), (1, 1)] {
                head.push(left.remove(order / divisor % places));
            }
            head.extend(REGULAR);
            assert_eq!(ask(&site, &head, None).await, End::Answered, "{head:?}");
            answered += 1;
        }
        let good = [&PSEUDO[..], &REGULAR].concat();
        // A pseudo-header behind a regular one, or twice wherever it stands, with its own value or another.
        for (name, value) in PSEUDO {
            let mut moved = good.clone();
            let place = moved.iter().position(|one| one.0 == name).unwrap();
            let taken = moved.remove(place);
            for at in 4..=moved.len() {
                let mut head = moved.clone();
                head.insert(at, taken);
                assert_ne!(ask(&site, &head, None).await, End::Answered, "{head:?}");
            }
            for at in 0..=good.len() {
                for again in [value, "", "h", "/adults/8", "POST", "https"] {
                    let mut head = good.clone();
                    head.insert(at, (name, again));
                    assert_ne!(ask(&site, &head, None).await, End::Answered, "{head:?}");
                }
            }
        }
        // Fields of a connection, names in capitals, and what only answers or upgrades have.
        for (name, value) in [
            ("connection", "keep-alive"),
            ("connection", "te"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "identity"),
            ("transfer-encoding", ""),
            ("upgrade", "websocket"),
            ("te", "gzip"),
            ("te", "chunked"),
            ("te", "trailers, gzip"),
            ("te", ""),
            ("host", "h"),
            ("host", "g, g"),
            ("host", "u@g"),
            (":status", "200"),
            (":protocol", "websocket"),
            ("X-Api-Key", HEALTH_KEY),
            ("ACCEPT-LANGUAGE", "cy"),
            ("Accept-language", "cy"),
            ("content-length", "1"),
            ("content-length", "-0"),
        ] {
            for at in 4..=good.len() {
                let mut head = good.clone();
                head.insert(at, (name, value));
                assert_ne!(ask(&site, &head, None).await, End::Answered, "{head:?}");
            }
        }
        for (name, value) in [("te", "trailers"), ("host", "g"), ("content-length", "0")] {
            let mut head = good.clone();
            head.push((name, value));
            assert_eq!(ask(&site, &head, None).await, End::Answered, "{head:?}");
            answered += 1;
        }
        assert_eq!(site.seen("7").len(), answered);
        assert!(site.seen("8").is_empty());
        site.saw_only_requests();
    });
}
