//! Messages made of parts: every two parts together, each as others have written and misread them.
//!
//! What must become of a message is said by the plain reader of the RFC in `strict`, never by a row: so that a part is
//! judged in each company.

use std::rc::Rc;

use crate::harness::*;
use crate::site::{Site, status};
use crate::strict::{self, Read};

/// What a message is made of: each part's first spelling is the good one.
type Parts = [&'static [&'static str]];

/// Every message in which at most two parts are not the good ones.
fn every_two(parts: &Parts) -> Vec<Vec<&'static str>> {
    let good: Vec<&str> = parts.iter().map(|spellings| spellings[0]).collect();
    let mut all = vec![good.clone()];
    for (one, spellings) in parts.iter().enumerate() {
        for spelling in &spellings[1..] {
            let mut message = good.clone();
            message[one] = spelling;
            all.push(message.clone());
            for (other, spellings) in parts.iter().enumerate().skip(one + 1) {
                for spelling in &spellings[1..] {
                    let mut message = message.clone();
                    message[other] = spelling;
                    all.push(message);
                }
            }
        }
    }
    all
}

const KEY: &str = "X-API-Key: health-key-0123456789\r\nData-Purpose: care\r\n";

fn good(person: usize, more: &str) -> String {
    format!("GET /adults/{person} HTTP/1.1\r\nHost: g\r\n{KEY}{more}\r\n")
}

/// A message about `person`, with a good request before it and one after it, on one connection. What comes of it is what
/// the strict reader makes of the same bytes, or less; gives whether the message itself was answered with 200.
async fn judge(site: Rc<Site>, message: String, person: usize) -> bool {
    let (before, after) = (person + 1_000_000, person + 2_000_000);
    let last = good(after, "Connection: close\r\n");
    let bytes = [good(before, ""), message.clone(), last].concat();
    let (requests, end) = strict::requests(bytes.as_bytes());
    let answers = site.send(bytes.as_bytes()).await;
    let statuses: Vec<u16> = answers.iter().map(status).collect();
    let told = || {
        format!(
            "{message:?}: {statuses:?}, {} requests, {end:?}",
            requests.len()
        )
    };

    assert_eq!(statuses.first(), Some(&200), "{}", told());
    // What is malformed or not whole may be refused, once.
    let most = requests.len() + usize::from(end != Read::Whole(0));
    assert!(statuses.len() <= most, "{}", told());
    if let Some(last) = statuses.get(requests.len()) {
        assert!(*last >= 400, "{}", told());
    }
    // Nobody is left without an answer: what is malformed is refused, not only dropped.
    let all_passed = statuses
        .iter()
        .take(requests.len())
        .all(|status| *status == 200);
    if matches!(end, Read::Malformed(_)) && all_passed {
        assert_eq!(statuses.len(), requests.len() + 1, "{}", told());
    }
    for person in [before, person, after] {
        let person = person.to_string();
        let agreed = requests
            .iter()
            .filter(|request| request.first.contains(&person))
            .count();
        assert!(site.seen(&person).len() <= agreed, "{}", told());
    }
    statuses.get(1) == Some(&200)
}

/// Judges every message that `written` makes of `parts`, some hundreds before each of several gateways; gives how many there
/// were, and how many passed.
fn judge_all(
    parts: &Parts,
    people: usize,
    written: impl Fn(&[&str], usize) -> String,
) -> (usize, usize) {
    let messages: Vec<(usize, String)> = every_two(parts)
        .iter()
        .enumerate()
        .map(|(index, parts)| (people + index, written(parts, people + index)))
        .collect();
    let mut passed = 0;
    for some in messages.chunks(512) {
        run(async {
            let site = Rc::new(Site::start().await);
            for some in some.chunks(64) {
                let sending: Vec<_> = some
                    .iter()
                    .map(|(person, message)| {
                        let judged = judge(Rc::clone(&site), message.clone(), *person);
                        tokio::task::spawn_local(judged)
                    })
                    .collect();
                for sent in sending {
                    passed += usize::from(sent.await.unwrap());
                }
            }
            site.saw_only_requests();
        });
    }
    (messages.len(), passed)
}

/// Where a message begins, its first line, its Host, its line ends, and a header beside them.
#[test]
fn p2_heads_of_any_two_parts_are_one_request_or_none() {
    #[rustfmt::skip]
    const PARTS: &Parts = &[
        // Before it.
        &["", "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", "\0", "\u{feff}", "GET / HTTP/0.9\r\n", "0\r\n\r\n"],
        &["GET", "get", "GET\t", "G\0ET", "G(T", "", "\"GET\"", "HEAD GET", "PRI", "CONNECT", "OPTIONS"],
        &[" ", "  ", "\t", "\x0b", "\u{a0}", ""],
        &["/adults/@", "//adults/@", "/adults/@/../@", "/%61dults/@", "/adults/@?page=1", "/adults/@?page=1&page=2",
          "http://g/adults/@", "https://g/adults/@", "HTTP://g:80/adults/@", "http://h/adults/@", "http://u@g/adults/@",
          "http://u:p@g/adults/@", "http://g@h/adults/@", "http:/adults/@", "http:adults/@", "//g/adults/@", "ftp://g/adults/@",
          "http://g\\@h/adults/@", "http://[::1]/adults/@", "g:80", "*", "adults/@", "/adults/@#f", "/adults/@ x", "/adults/@\\",
          "/adults/@%0d%0aX:y", "/adults/@%00", "/adults/@\u{e9}", "/adults/@;v=1", "?page=1", "http://g?x=/adults/@"],
        &[" ", "  ", "\t", ""],
        &["HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2", "HTTP/2.0", "HTTP/01.1", "HTTP/1.01", "HTTP/1.1 ", "http/1.1",
          "HTTP/1,1", "HTTP /1.1", "HTTPS/1.1", "ICAP/1.0", "HTTP/1.1\0", ""],
        &["\r\n", "\n", "\r", "\r\r\n", "\n\r", " \r\n"],
        &["Host: g", "host:g", "HOST:\tg\t", "Host: g:80", "Host: h", "Host: ", "Host:", "Host : g", " Host: g", "Host: g, g",
          "Host: g h", "Host: u@g", "Host: g/x", "Host: http://g", "Host: g\0", "Host: [::1]", "Host: g\r\nHost: g",
          "Host: g\r\nHost: h", "Host: g\r\n Host: h", "X: y", "Host: g:99999999", "Host: g#", "Host: \u{e9}"],
        &["\r\n", "\n", "\r", "\r\r\n", "\r\n "],
        // Beside them.
        &["", "X: y\r\n", "X:\r\n", "X: \u{e9}\r\n", "X: a\r\n b\r\n", "X: a\r\n\tb\r\n", "X: a\0b\r\n", "X: a\rb\r\n", "X: a\nb\r\n",
          "X: a\x0bb\r\n", "X: a\x7fb\r\n", "X : y\r\n", "X\r\n", ": y\r\n", "X Y: z\r\n", "X\0: y\r\n", "\u{e9}: y\r\n", "{X}: y\r\n",
          " X: y\r\n", "\tX: y\r\n", "Connection: close, x-api-key\r\n", "Connection: host\r\n", "TE: gzip\r\n", "Upgrade: h2c\r\n",
          "Expect: 100-continue\r\n", "Expect: x\r\n", "Trailer: host\r\n", "Keep-Alive: 1\r\n", "Proxy-Connection: close\r\n",
          "X-HTTP-Method-Override: DELETE\r\n", "X-Original-URL: /adults/1\r\n", "X-Forwarded-Host: h\r\n"],
        &["\r\n", "\n", "\r\r\n", "\n\n"],
    ];
    let written = |parts: &[&str], person: usize| {
        let [
            before,
            method,
            one,
            target,
            two,
            version,
            end,
            host,
            host_end,
            more,
            last,
        ] = parts
        else {
            unreachable!("as many as there are parts");
        };
        format!("{before}{method}{one}{target}{two}{version}{end}{host}{host_end}{KEY}{more}{last}")
            .replace('@', &person.to_string())
    };
    let (count, passed) = judge_all(PARTS, 10_000_000, written);
    assert!(count > 3_000, "{count}");
    assert!((30..count / 4).contains(&passed), "{passed} of {count}");
}

/// What says how long a body is, and a body that is as one of them says.
#[test]
fn p2_lengths_and_codings_of_any_two_parts_are_one_request_or_none() {
    #[rustfmt::skip]
    const CODINGS: &[&str] = &["", "Transfer-Encoding: chunked\r\n", "transfer-encoding:chunked\r\n", "TRANSFER-ENCODING: CHUNKED\r\n",
        "Transfer-Encoding: chunked \t\r\n", "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunkedx\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: identity, chunked\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked;foo\r\n", "Transfer-Encoding: chunked;q=0.5\r\n", "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: chunked,\r\n", "Transfer-Encoding: , chunked ,\r\n", "Transfer-Encoding:\r\n", "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chun ked\r\n", "Transfer-Encoding: \x0bchunked\r\n", "Transfer-Encoding: chunked\0\r\n",
        "Transfer-Encoding: chunked\x0c\r\n", "Transfer-Encoding : chunked\r\n", "Transfer-Encoding\t: chunked\r\n",
        " Transfer-Encoding: chunked\r\n", "X: y\r\n Transfer-Encoding: chunked\r\n", "X: y\nTransfer-Encoding: chunked\r\n",
        "X: y\rTransfer-Encoding: chunked\r\n", "Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding: chunked\n",
        "Transfer_Encoding: chunked\r\n", "Transfer-Encoding\0: chunked\r\n", "Transfer-Encod\u{131}ng: chunked\r\n",
        "Transfer-Encoding: \u{212a}chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n",
        "TE: chunked\r\n"];
    #[rustfmt::skip]
    const LENGTHS: &[&str] = &["", "Content-Length: 12\r\n", "content-length:12\r\n", "Content-Length:\t12 \r\n", "Content-Length: 012\r\n",
        "Content-Length: +12\r\n", "Content-Length: -12\r\n", "Content-Length: 0\r\n", "Content-Length: 12, 12\r\n", "Content-Length: 12,12\r\n",
        "Content-Length: 12, 0\r\n", "Content-Length: ,12\r\n", "Content-Length: 12;\r\n", "Content-Length: 1 2\r\n", "Content-Length: 0xc\r\n",
        "Content-Length: c\r\n", "Content-Length: 12.0\r\n", "Content-Length: 1e1\r\n", "Content-Length: \"12\"\r\n", "Content-Length:\r\n",
        "Content-Length: 12\x0b\r\n", "Content-Length: 12\0\r\n", "Content-Length : 12\r\n", " Content-Length: 12\r\n", "Content_Length: 12\r\n",
        "Content-Length: \u{661}\u{662}\r\n", "Content-Length: 12\r\nContent-Length: 12\r\n", "Content-Length: 12\r\nContent-Length: 0\r\n",
        "Content-Length: 0\r\nContent-Length: 12\r\n", "Content-Length: 18446744073709551628\r\n", "Content-Length: 4294967308\r\n",
        "Content-Length: 99999999999999999999999999999999\r\n", "X: y\r\n Content-Length: 12\r\n"];
    const BODIES: &[&str] = &[
        "",
        "{\"text\":\"a\"}",
        "c\r\n{\"text\":\"a\"}\r\n0\r\n\r\n",
        "0\r\n\r\n",
    ];
    const AFTER: &[&str] = &[
        "",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length: 12\r\n",
    ];
    // The good message has neither.
    const PARTS: &Parts = &[CODINGS, LENGTHS, AFTER, BODIES];
    let mut counts = (0, 0);
    for (round, body) in BODIES[1..=2].iter().enumerate() {
        let written = |parts: &[&str], person: usize| {
            let [coding, length, after, own] = parts else {
                unreachable!("as many as there are parts");
            };
            let body = if own.is_empty() { body } else { own };
            format!(
                "POST /adults/{person}/notes HTTP/1.1\r\nHost: g\r\n{KEY}Content-Type: application/json\r\n{coding}{length}{after}\r\n{body}"
            )
        };
        let (count, passed) = judge_all(PARTS, 20_000_000 + 100_000 * round, written);
        counts.0 += count;
        counts.1 += passed;
    }
    let (count, passed) = counts;
    assert!(count > 3_000, "{count}");
    assert!((30..count / 4).contains(&passed), "{passed} of {count}");
}

/// Chunks: a size, an extension, the ends of lines and of data, the last chunk, trailers.
#[test]
fn p2_chunks_of_any_two_parts_are_one_body_or_none() {
    #[rustfmt::skip]
    const PARTS: &Parts = &[
        &["c", "C", "0c", "00000000000000c", "000000000000000c", "c ", " c", "\tc", "+c", "-c", "0xc", "c_", "c,", "12", "", "g", "1000000000000000c",
          "ffffffffffffffff", "fffffffffffffff4", "10000000000000000", "\u{ff43}", "d", "b", "c\0"],
        &["", ";a", ";a=b", ";a=\"b\"", ";a=\"b;c\"", ";a=\"\\\"\"", ";a=\"b\r\n\"", ";", ";;", " ;a", "; a", ";a =b", ";a\n", ";a\r", ";\0", ";\x0b", ";\u{e9}", " a", "LONG", "LONGER"],
        &["\r\n", "\n", "\r", "\r\r\n", "\n\r", ""],
        &["{\"text\":\"a\"}", "0\r\n\r\nGET /a", "\r\n\r\n\r\n\r\n\r\n\r\n"],
        &["\r\n", "\n", "\r", "", "x\r\n", "\r\r\n", "\r\n\r\n"],
        &["0", "00", "000000000000000", "0000000000000000", "-0", "+0", "0x0", "0 ", " 0", "", "0;a", "0;a\n"],
        &["\r\n", "\n", "\r", "\r\n\n"],
        &["", "X: y\r\n", "X:\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: h\r\n", "Trailer: x\r\n",
          "Authorization: x\r\n", "X-API-Key: homes-key-0123456789\r\n", "X\r\n", ": y\r\n", "X : y\r\n", " X: y\r\n", "X: y\n", "X: y\r\n z\r\n", "X: a\0b\r\n",
          "GET /adults/@ HTTP/1.1\r\nHost: g\r\n", "0\r\n"],
        &["\r\n", "\n", "\r\r\n", "\r"],
    ];
    let written = |parts: &[&str], person: usize| {
        let [
            size,
            extension,
            end,
            data,
            data_end,
            last,
            last_end,
            trailers,
            close,
        ] = parts
        else {
            unreachable!("as many as there are parts");
        };
        let extension = match *extension {
            "LONG" => format!(";a={}", "b".repeat(200)),
            "LONGER" => format!(";a={}", "b".repeat(20_000)),
            other => other.to_owned(),
        };
        let trailers = trailers.replace('@', &person.to_string());
        format!(
            "POST /adults/{person}/notes HTTP/1.1\r\nHost: g\r\n{KEY}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             {size}{extension}{end}{data}{data_end}{last}{last_end}{trailers}{close}"
        )
    };
    let (count, passed) = judge_all(PARTS, 30_000_000, written);
    assert!(count > 2_000, "{count}");
    assert!((100..count / 2).contains(&passed), "{passed} of {count}");
}
