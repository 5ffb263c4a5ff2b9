//! Messages of our own, each with what must become of it.

use crate::harness::*;
use crate::site::{Site, status};
use crate::strict::{self, Read};

const KEY: &str = "X-API-Key: health-key-0123456789\r\nData-Purpose: care\r\n";

/// What must become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The service sees one request, and the connection goes on.
    Passes,
    /// It is answered with this status and the connection ends; the service sees nothing.
    Ends(u16),
    /// As `Ends`, but well-formed by the RFC: it is the gateway that asks for more.
    Stricter(u16),
    /// It is answered with this status; the service sees nothing, and the connection may go on.
    Refused(u16),
}

use Fate::{Ends, Passes, Refused, Stricter};

/// Messages: `@` in a path is the person's number, `KEY` what lets it past identity, `POST` a line and headers of a request whose body
/// is agreed.
#[rustfmt::skip]
const ROWS: &[(&str, Fate)] = &[
    // What is well-formed.
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Passes),
    ("GET /adults/@?page=2 HTTP/1.1\r\nhost:g\r\nKEY\r\n", Passes),
    ("GET http://g/adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Passes),
    ("GET HTTP://G:80/adults/@ HTTP/1.1\r\nHost: g:80\r\nKEY\r\n", Passes),
    ("POSTContent-Length: 12\r\n\r\n{\"text\":\"a\"}", Passes),
    ("POSTContent-Length:\t12 \t\r\n\r\n{\"text\":\"a\"}", Passes),
    ("POSTTransfer-Encoding: chunked\r\n\r\nc\r\n{\"text\":\"a\"}\r\n0\r\n\r\n", Passes),
    ("POSTTransfer-Encoding:\tCHUNKED\r\n\r\n2\r\n{}\r\n000\r\n\r\n", Passes),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2;a=b;c=\"d\"\r\n{}\r\n0;x\r\nTrailer: 1\r\n\r\n", Passes),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 5\r\nHost: h\r\n\r\n", Passes),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYContent-Length: 0\r\n\r\n", Passes),
    // A length and a coding, or two of one.
    ("POSTContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 2\r\nContent-Length: 7\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 2, 2\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 2\r\ncontent-length: 0\r\n\r\n{}", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    // Lengths that are no number.
    ("POSTContent-Length: +2\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: -2\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 0x2\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 2_0\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 2 0\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 2.0\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: \"2\"\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: \r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 2;\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 2\x0b\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: \u{b2}\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 18446744073709551618\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length: 99999999999999999999999\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length : 2\r\n\r\n{}", Ends(400)),
    ("POSTContent-Length\r\n : 2\r\n\r\n{}", Ends(400)),
    // Codings that some take for chunked.
    ("POSTTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: x\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding:\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: 'chunked'\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: c\u{17f}hunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POST Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chun\r\n ked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer\0-Encoding: chunked\r\n\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n", Ends(400)),
    // Chunks.
    ("POSTTransfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n 2\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2 \r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n0_2\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2,\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n;a\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2;LONG\r\n{}\r\n0\r\n\r\n", Stricter(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2;a\nb\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2;a\rb\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2;\0\r\n{}\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nno header\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n a: folded\r\n\r\n", Ends(400)),
    ("POSTTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nGET /adults/@ HTTP/1.1\r\n\r\n", Ends(400)),
    // Lines.
    ("\r\nGET /adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("\nGET /adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    (" GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEY\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\rHost: g\rKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\r\nKEY\r\n", Ends(400)),
    ("GET  /adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET\t/adults/@\tHTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@  HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1 \r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ x HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.0\r\nHost: g\r\nKEY\r\n", Ends(505)),
    ("GET /adults/@ HTTP/1.0\r\nHost: g\r\nKEYConnection: keep-alive\r\n\r\n", Ends(505)),
    ("GET /adults/@ HTTP/1.2\r\nHost: g\r\nKEY\r\n", Ends(505)),
    ("GET /adults/@ HTTP/2.0\r\nHost: g\r\nKEY\r\n", Ends(505)),
    ("GET /adults/@ HTTP/11\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ http/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\n Host: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYX: a\r\n b\r\n\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYno colon\r\n\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEY: empty\r\n\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYX\0Y: a\r\n\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYX: a\0b\r\n\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYX\u{e9}: a\r\n\r\n", Ends(400)),
    // Hosts and targets.
    ("GET /adults/@ HTTP/1.1\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nHost: h\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: a@g\r\nKEY\r\n", Stricter(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g/x\r\nKEY\r\n", Stricter(400)),
    ("GET http://h/adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Stricter(400)),
    ("GET http://g@h/adults/@ HTTP/1.1\r\nHost: h\r\nKEY\r\n", Stricter(400)),
    ("GET ftp://g/adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Stricter(400)),
    ("GET adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Stricter(400)),
    ("OPTIONS * HTTP/1.1\r\nHost: g\r\nKEY\r\n", Stricter(400)),
    ("CONNECT g:443 HTTP/1.1\r\nHost: g\r\nKEY\r\n", Stricter(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n", Stricter(400)),
    ("GET /adults/@#x HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@\\x HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@\"x HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    ("GET /adults/@\u{e9} HTTP/1.1\r\nHost: g\r\nKEY\r\n", Ends(400)),
    // Well-formed, and not agreed.
    ("GET /adults/@%0d%0aX:%20y HTTP/1.1\r\nHost: g\r\nKEY\r\n", Refused(400)),
    ("GET /adults/@%20HTTP/1.1%0d%0aHost:%20h HTTP/1.1\r\nHost: g\r\nKEY\r\n", Refused(400)),
    ("GET /adults/@?page=1%0d%0aX:%20y HTTP/1.1\r\nHost: g\r\nKEY\r\n", Refused(400)),
    ("GET /adults/@/../1 HTTP/1.1\r\nHost: g\r\nKEY\r\n", Refused(400)),
    ("GET /adults/@%00 HTTP/1.1\r\nHost: g\r\nKEY\r\n", Refused(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYContent-Length: 2\r\n\r\n{}", Refused(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Refused(400)),
    ("DELETE /adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Refused(405)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYExpect: 200-ok\r\n\r\n", Refused(417)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nKEYAccept-Language: \u{e9}\r\n\r\n", Refused(400)),
    ("GET /adults/@ HTTP/1.1\r\nHost: g\r\nX-API-Key: health-key-0123456789\r\nKEY\r\n", Refused(401)),
    ("get /adults/@ HTTP/1.1\r\nHost: g\r\nKEY\r\n", Refused(405)),
];

fn written(row: &str, person: usize) -> String {
    let post = format!(
        "POST /adults/{person}/notes HTTP/1.1\r\nHost: g\r\n{KEY}Content-Type: application/json\r\n"
    );
    // `POST` and what follows it at once: no row has it elsewhere.
    let row = row
        .strip_prefix("POST")
        .map_or(row.to_owned(), |rest| post + rest);
    row.replace("KEY", KEY)
        .replace("LONG", &"x".repeat(300))
        .replace("/adults/@", &format!("/adults/{person}"))
}

fn good(person: usize) -> String {
    format!("GET /adults/{person} HTTP/1.1\r\nHost: g\r\n{KEY}\r\n")
}

/// Each row alone, after and before a good request, and all of it byte by byte.
#[test]
fn p2_a_message_passes_as_one_request_or_ends_its_connection() {
    assert!(ROWS.len() >= 80);
    run(async {
        let site = Site::start().await;
        for (index, (row, fate)) in ROWS.iter().enumerate() {
            let person = 10_000 + index;
            let message = written(row, person);
            let (before, after) = (good(20_000 + index), good(30_000 + index));
            // The oracle knows which rows are messages at all.
            let read = strict::request(message.as_bytes()).1;
            let is_message = read == Read::Whole(message.len());
            let expected = matches!(fate, Passes | Refused(_) | Stricter(_));
            assert_eq!(is_message, expected, "{row:?}: {read:?}");

            let answers = site
                .send(format!("{before}{message}{after}").as_bytes())
                .await;
            let statuses: Vec<u16> = answers.iter().map(status).collect();
            let seen = [20_000 + index, person, 30_000 + index]
                .map(|one| site.seen(&one.to_string()).len());
            assert_eq!(seen[0], 1, "{row:?}");
            assert_eq!(statuses[0], 200, "{row:?}");
            match fate {
                Passes => assert_eq!(
                    (&statuses[1..], &seen[1..]),
                    (&[200, 200][..], &[1, 1][..]),
                    "{row:?}"
                ),
                Ends(status) | Stricter(status) => {
                    assert_eq!(
                        (&statuses[1..], &seen[1..]),
                        (&[*status][..], &[0, 0][..]),
                        "{row:?}"
                    );
                    assert!(
                        !answers[1].body.is_empty(),
                        "{row:?} is refused with a problem"
                    );
                }
                Refused(status) => {
                    assert_eq!((statuses[1], seen[1]), (*status, 0), "{row:?}");
                    assert!(statuses[2..].iter().all(|status| *status == 200), "{row:?}");
                }
            }
        }
        site.saw_only_requests();
    });
}

/// The service gets a body under framing of the gateway's own, whatever the partner's was.
#[test]
fn p2_what_passes_is_framed_anew() {
    run(async {
        let site = Site::start().await;
        let message = written(
            "POSTTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{\"\r\nA\r\ntext\":\"a\"}\r\n0\r\nX: y\r\n\r\n",
            7,
        );
        site.send(message.as_bytes()).await;
        let seen = site.seen("7");
        assert_eq!(seen[0].body, br#"{"text":"a"}"#);
        assert!(seen[0].values("x").is_empty() && seen[0].values("trailer").is_empty());
        site.saw_only_requests();
    });
}

/// A refusal of this kind is one like any other: a reason in the metrics, an entry in the ledger.
#[test]
fn p6_malformed_http_is_counted_and_entered() {
    run(async {
        let mut site = Site::start().await;
        let answers = site.send(b"GET / HTTP/1.1\nHost: g\r\n\r\n").await;
        let problem: serde_json::Value = serde_json::from_slice(&answers[0].body).unwrap();
        assert_eq!(problem["reason"], "http_malformed");
        assert!(
            problem["detail"].as_str().unwrap().contains("CR LF"),
            "{problem}"
        );
        let metrics = site.council.metrics().await;
        let counted =
            |line: &str| line.contains(r#"reason="http_malformed""#) && line.ends_with(" 1");
        assert!(metrics.lines().any(counted), "{metrics}");
        site.council.stop().await;
        assert_eq!(
            site.council.entries("refusal")[0]["reason"],
            "http_malformed"
        );
    });
}
