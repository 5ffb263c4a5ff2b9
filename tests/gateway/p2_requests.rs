//! P2, of a request: what of its path, query and headers reaches the service, and in which form.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::*;

/// What becomes of a path: the one that the service sees, or the refusal.
enum Seen {
    As(&'static str),
    Malformed,
    Missing,
}

use Seen::{As, Malformed, Missing};

#[rustfmt::skip]
const PATHS: &[(&str, Seen)] = &[
    ("/adults/7", As("/api/7")),
    ("/adults/a-b._~c", As("/api/a-b._~c")),
    ("/adults/a:b@c", As("/api/a:b@c")),
    ("/adults/!$&'()*+,=", As("/api/!$&'()*+,=")),
    ("/adults/...", As("/api/...")),
    ("/adults/.a", As("/api/.a")),
    ("/adults/~", As("/api/~")),
    ("/adults/%37", As("/api/7")),
    ("/adults/%61%62", As("/api/ab")),
    ("/%61dults/7", As("/api/7")),
    ("/adults/%2D%2e%5F%7e%61", As("/api/-._~a")),
    ("/adults/a%20b", As("/api/a%20b")),
    ("/adults/a%3ab", As("/api/a%3Ab")),
    ("/adults/a%2bb", As("/api/a%2Bb")),
    ("/adults/%c3%a9", As("/api/%C3%A9")),
    ("/adults/%F0%9f%98%80", As("/api/%F0%9F%98%80")),
    ("/adults/%3f", As("/api/%3F")),
    ("/adults/%23", As("/api/%23")),
    ("/adults/7?", As("/api/7")),
    ("/adults", As("/api")),
    ("/adultS/7", Missing),
    ("/api/7", Missing),
    ("/adults/7/8", Missing),
    ("/", Missing),
    ("/adults/", Malformed),
    ("/adults/7/", Malformed),
    ("//adults/7", Malformed),
    ("/adults//7", Malformed),
    ("/adults///7", Malformed),
    ("/./adults/7", Malformed),
    ("/adults/.", Malformed),
    ("/adults/..", Malformed),
    ("/adults/../adults/7", Malformed),
    ("/x/../adults/7", Malformed),
    ("/adults/7/..", Malformed),
    ("/adults/%2e", Malformed),
    ("/adults/%2E", Malformed),
    ("/adults/%2e%2e", Malformed),
    ("/adults/%2E%2e/7", Malformed),
    ("/adults/.%2e", Malformed),
    ("/adults/%2e.", Malformed),
    ("/adults/7;v=1", Malformed),
    ("/adults;v=1/7", Malformed),
    ("/adults/..;/7", Malformed),
    ("/adults/7%3bv=1", Malformed),
    ("/adults/7%3B", Malformed),
    ("/adults/7%2f8", Malformed),
    ("/adults/7%2F8", Malformed),
    ("/adults/..%2f8", Malformed),
    ("/adults/7%5c8", Malformed),
    ("/adults/..%5C8", Malformed),
    ("/adults\\7", Malformed),
    ("/adults/%00", Malformed),
    ("/adults/7%00.json", Malformed),
    ("/adults/%09", Malformed),
    ("/adults/%0a", Malformed),
    ("/adults/%0d%0aHost:h", Malformed),
    ("/adults/%1f", Malformed),
    ("/adults/%7f", Malformed),
    ("/adults/%c2%80", Malformed),
    ("/adults/%c2%9f", Malformed),
    ("/adults/%c0%af", Malformed),
    ("/adults/%c0%ae%c0%ae", Malformed),
    ("/adults/%e0%80%af", Malformed),
    ("/adults/%f0%80%80%af", Malformed),
    ("/adults/%c1%9c", Malformed),
    ("/adults/%ed%a0%80", Malformed),
    ("/adults/%f4%90%80%80", Malformed),
    ("/adults/%fe", Malformed),
    ("/adults/%c3", Malformed),
    ("/adults/%e9", Malformed),
    ("/adults/%", Malformed),
    ("/adults/%2", Malformed),
    ("/adults/%zz", Malformed),
    ("/adults/%u0037", Malformed),
    ("/adults/%+7", Malformed),
    ("/adults/%25", Malformed),
    ("/adults/%252e%252e", Malformed),
    ("/adults/%2500", Malformed),
    ("/adults/#7", Malformed),
    ("/adults/\"7\"", Malformed),
    ("/adults/<7>", Malformed),
    ("/adults/{7}", Malformed),
    ("/adults/[7]", Malformed),
    ("/adults/7|8", Malformed),
    ("/adults/7^8", Malformed),
    ("/adults/`7`", Malformed),
    ("/adults/\u{e9}", Malformed),
    ("/adults/\u{ff0e}\u{ff0e}", Malformed),
    ("/1/2/3/4/5/6/7/8/9/1/2/3/4/5/6/7/8/9/1/2/3/4/5/6/7/8/9/1/2/3/4/5/6", Malformed),
];

/// What the service was asked for last.
fn target(service: &Service) -> Option<String> {
    let requests = service.requests();
    let line = requests.last()?.lines().next()?.to_owned();
    line.split(' ').nth(1).map(str::to_owned)
}

#[test]
fn p2_a_path_has_one_form_or_is_refused_and_never_repaired() {
    assert!(PATHS.len() >= 60);
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        let mut asked = 0;
        for (path, seen) in PATHS {
            let answer = council.get(path).await;
            match seen {
                As(expected) => {
                    asked += 1;
                    assert_eq!(
                        target(&service).as_deref(),
                        Some(*expected),
                        "{path}: {}",
                        answer.text()
                    );
                }
                Malformed => drop(answer.is_problem(400, "path_form")),
                Missing => drop(answer.is_problem(404, "no_route")),
            }
            assert_eq!(service.requests().len(), asked, "{path}");
        }
    });
}

#[test]
fn p2_a_query_reaches_the_service_in_one_form() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        for (query, expected) in [
            ("page=2", "?page=2"),
            ("page", "?page"),
            ("page=", "?page="),
            ("p%61ge=%32", "?page=2"),
            ("page=a+b", "?page=a%20b"),
            ("page=a%2bb", "?page=a%2Bb"),
            ("page=a%20b", "?page=a%20b"),
            ("page=%c3%a9", "?page=%C3%A9"),
            ("page=a=b", "?page=a=b"),
            ("page=[1]", "?page=%5B1%5D"),
            ("page=%3b%26", "?page=%3B%26"),
            ("page=/x?y", "?page=/x?y"),
        ] {
            let answer = council.get(&format!("/adults/7?{query}")).await;
            assert_eq!(answer.status(), 200, "{query}: {}", answer.text());
            assert_eq!(
                target(&service),
                Some(format!("/api/7{expected}")),
                "{query}"
            );
        }
        let asked = service.requests().len();
        for (query, reason) in [
            ("size=1", "query_not_agreed"),
            ("Page=1", "query_not_agreed"),
            ("page%20=1", "query_not_agreed"),
            ("page[]=1", "query_not_agreed"),
            ("page=1&page=2", "query_repeated"),
            ("page=1&p%61ge=1", "query_repeated"),
            ("page&page", "query_repeated"),
            ("&", "query_form"),
            ("page=1&", "query_form"),
            ("&page=1", "query_form"),
            ("page=1&&", "query_form"),
            ("=1", "query_form"),
            ("page=1;size=2", "query_form"),
            ("page=%00", "query_form"),
            ("page%00=1", "query_form"),
            ("page=%0d%0aX:y", "query_form"),
            ("page=%7f", "query_form"),
            ("page=%c0%af", "query_form"),
            ("page=%ff", "query_form"),
            ("page=%", "query_form"),
            ("page=%1", "query_form"),
            ("page=%gg", "query_form"),
            ("page=%u0041", "query_form"),
            ("page=1#x", "query_form"),
            ("page={1}", "query_form"),
            ("page=\"1\"", "query_form"),
            ("page=\u{e9}", "query_form"),
        ] {
            council
                .get(&format!("/adults/7?{query}"))
                .await
                .is_problem(400, reason);
        }
        assert_eq!(service.requests().len(), asked);
    });
}

#[test]
fn p2_a_header_that_connection_names_ends_here() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        for (connection, crosses) in [
            ("close", true),
            ("close, accept-languages", true),
            ("close, Accept-Language", false),
            ("accept-language,close", false),
            ("close\r\nConnection: x , accept-language", false),
        ] {
            let request = care("GET", "/adults/7", "Accept-Language: cy\r\n")
                .replace("Connection: close", &format!("Connection: {connection}"));
            assert_eq!(council.send(&request).await.status(), 200, "{connection}");
            let requests = service.requests();
            let asked = requests.last().unwrap().to_ascii_lowercase();
            assert_eq!(
                asked.contains("accept-language: cy"),
                crosses,
                "{connection}"
            );
            assert!(!asked.contains("connection"), "{asked}");
        }
        let odd = care("GET", "/adults/7", "Accept-Language: \u{e9}\r\n");
        council.send(&odd).await.is_problem(400, "header_form");
    });
}

/// `100 Continue` is the gateway's to say, and says that the request is permitted; nobody else's expectation is met.
#[test]
fn p2_an_expectation_is_met_only_when_the_request_is_permitted() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        let more =
            "Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n";
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        let head = care("POST", "/adults/7/notes", more);
        stream.write_all(head.as_bytes()).await.unwrap();
        let said = read_head(&mut stream).await.unwrap();
        assert_eq!(said, "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"{}").await.unwrap();
        assert_eq!(read_to_end(&mut stream).await.status(), 200);
        assert!(
            !service.requests()[0]
                .to_ascii_lowercase()
                .contains("expect")
        );

        let refused = head.replace("Data-Purpose: care", "Data-Purpose: research");
        council
            .send(&refused)
            .await
            .is_problem(403, "purpose_not_agreed");
        for expectation in [
            "Expect: x\r\n",
            "Expect: 100-continue, x\r\n",
            "Expect: 100-continue\r\nExpect: 100-continue\r\n",
        ] {
            let request = care("GET", "/adults/7", expectation);
            council.send(&request).await.is_problem(417, "expectation");
        }
        assert_eq!(service.requests().len(), 1);
    });
}

/// Off, `OPTIONS` is a method like any other; on, the gateway answers preflights of the origins that are configured, the
/// same for every path, and what follows is decided as always.
#[test]
fn p2_browsers_are_told_what_is_configured_and_not_what_routes_there_are() {
    const ORIGIN: &str = "https://cases.island-health.example";
    let preflight = |path: &str, origin: &str, method: &str| {
        format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: g\r\nOrigin: {origin}\r\nAccess-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: accept-language, data-purpose,if-none-match,traceparent,x-api-key,x-other\r\nConnection: close\r\n\r\n"
        )
    };
    run(async {
        let service = Service::answering(json("{}")).await;
        let off = Setup::with(service.address).start();
        off.send(&preflight("/adults/7", ORIGIN, "GET"))
            .await
            .is_problem(401, "unauthenticated");
        off.send(&care("OPTIONS", "/adults/7", ""))
            .await
            .is_problem(405, "method_not_agreed");

        let mut setup = Setup::with(service.address);
        setup.more = format!("cors: {{ origins: [\"{ORIGIN}\"] }}");
        let mut council = setup.start();
        let known = council.send(&preflight("/adults/7", ORIGIN, "GET")).await;
        assert_eq!(known.status(), 204, "{}", known.text());
        let head = known.head();
        for line in [
            "access-control-allow-origin: https://cases.island-health.example",
            "access-control-allow-methods: get",
            "access-control-allow-headers: accept-language, data-purpose, if-none-match, traceparent, x-api-key",
            "access-control-max-age: 600",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
        assert!(
            !head.contains("credentials") && !head.contains('*'),
            "{head}"
        );
        let dateless = |answer: &Answer| {
            answer
                .head()
                .lines()
                .filter(|line| !line.starts_with("date"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let unknown = council.send(&preflight("/nowhere", ORIGIN, "GET")).await;
        assert_eq!(dateless(&known), dateless(&unknown));
        let other = council
            .send(&preflight("/adults/7", ORIGIN, "DELETE"))
            .await;
        assert!(!other.head().contains("allow-methods"), "{}", other.text());
        for origin in [
            "https://other.example",
            "null",
            "https://cases.island-health.example.evil",
            "https://cases.island-health.example:443",
        ] {
            let answer = council.send(&preflight("/adults/7", origin, "GET")).await;
            answer.is_problem(401, "unauthenticated");
            assert!(
                !answer.head().contains("access-control"),
                "{}",
                answer.text()
            );
        }
        assert_eq!(service.requests().len(), 0);

        let answer = council
            .send(&care("GET", "/adults/7", &format!("Origin: {ORIGIN}\r\n")))
            .await;
        assert!(
            answer
                .head()
                .contains("access-control-allow-origin: https://cases"),
            "{}",
            answer.text()
        );
        assert!(answer.head().contains("vary: origin"), "{}", answer.text());
        assert!(
            !service.requests()[0]
                .to_ascii_lowercase()
                .contains("origin")
        );
        let answer = council.get("/adults/7").await;
        assert!(
            !answer.head().contains("access-control"),
            "{}",
            answer.text()
        );
        let metrics = council.metrics().await;
        assert!(
            metrics.contains("fieldgate_preflights_total{outcome=\"answered\"} 3"),
            "{metrics}"
        );
        assert!(
            metrics.contains("fieldgate_preflights_total{outcome=\"refused\"} 4"),
            "{metrics}"
        );
        council.stop().await;
        assert_eq!(council.entries("release").len(), 2);
    });
}

/// Percent-decodes plainly: what a service would make of a path.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits: String = bytes.by_ref().take(2).map(char::from).collect();
        out.push(u8::from_str_radix(&digits, 16).unwrap());
    }
    out
}

/// Paths and queries that others wrote to try readers of URLs: what passes is one segment, and means to the service what it
/// means to anybody.
#[test]
#[expect(clippy::print_stderr, reason = "what was skipped is told")]
fn p2_no_published_url_is_seen_otherwise_by_the_service() {
    let folder = std::env::var_os("FIELDGATE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let file = folder.join("url-parsing/urltestdata.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return;
    };
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut pieces = BTreeSet::new();
    for one in all.as_array().unwrap() {
        for key in ["input", "pathname", "search", "hash", "href"] {
            let text = one[key].as_str().unwrap_or_default();
            // A line's end or a space would make other messages of it: the smuggling suite does that.
            for piece in text.split(['/', ' ', '\r', '\n']) {
                pieces.insert(piece.to_owned());
            }
        }
    }
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        let mut passed = [0; 2];
        for piece in &pieces {
            for (kind, target_of) in ["/adults/", "/adults/7?page="].into_iter().enumerate() {
                let before = service.requests().len();
                let path = format!("{target_of}{piece}");
                let answer = council.get(&path).await;
                let asked = service.requests().len() - before;
                if answer.status() != 200 {
                    assert_eq!(asked, 0, "{path}: {}", answer.text());
                    continue;
                }
                assert_eq!(asked, 1);
                passed[kind] += 1;
                let seen = target(&service).unwrap();
                let (path, query) = seen.split_once('?').unwrap_or((&seen, ""));
                let means = if kind == 0 {
                    decoded(path.strip_prefix("/api/").unwrap())
                } else {
                    decoded(query.strip_prefix("page=").unwrap())
                };
                // `?` begins the query; `+` in one is a space.
                let meant = piece.split('?').next().unwrap();
                let meant = if kind == 0 {
                    meant.to_owned()
                } else {
                    piece.replace('+', "%20")
                };
                assert_eq!(means, decoded(&meant), "{piece}");
                assert!(!means.iter().any(u8::is_ascii_control), "{piece}");
                assert!(std::str::from_utf8(&means).is_ok(), "{piece}");
                if kind == 0 {
                    assert!(
                        !means.is_empty() && means != b"." && means != b"..",
                        "{piece}"
                    );
                    assert!(!means.iter().any(|byte| b"/\\;%".contains(byte)), "{piece}");
                }
            }
        }
        assert!(
            passed.iter().all(|passed| *passed > 50),
            "{passed:?} of {}",
            pieces.len()
        );
    });
}
