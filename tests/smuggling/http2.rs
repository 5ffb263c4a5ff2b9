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
