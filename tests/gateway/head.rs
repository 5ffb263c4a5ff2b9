//! The head of an answer: HEAD, validators and conditions, links, and what never crosses.

use std::io::Read;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::*;

const CANARY: &str = "CANARY-51d0";

/// The value of the header `name`, in lower case.
fn header(answer: &Answer, name: &str) -> Option<String> {
    let start = format!("{name}: ");
    let head = answer.head();
    head.lines()
        .find_map(|line| line.strip_prefix(&start).map(str::to_owned))
}

#[test]
fn p2_a_head_is_what_a_get_would_be_without_its_body() {
    run(async {
        let (mut council, service) = Council::answering(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4711\r\nContent-Encoding: gzip\r\nETag: \"7\"\r\nServer: CANARY-51d0\r\n\r\n",
        )
        .await;
        let answer = council.send(&care("HEAD", "/adults/7", "")).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(answer.raw_body().is_empty());
        assert!(!answer.text().contains(CANARY));
        // The service's length is another body's, and nobody knows the length of what would leave.
        assert_eq!(header(&answer, "content-length"), None, "{}", answer.text());
        assert_eq!(header(&answer, "content-encoding"), None);
        assert_eq!(header(&answer, "content-type").unwrap(), "application/json");
        assert_eq!(
            header(&answer, "cache-control").unwrap(),
            "private, no-store"
        );
        assert!(header(&answer, "etag").is_some_and(|tag| tag.starts_with("w/\"")));
        assert!(header(&answer, "data-agreement").is_some());
        assert!(service.requests()[0].starts_with("HEAD /api/7 HTTP/1.1\r\n"));
        // Nothing of it is in the way of the next.
        council.send(&care("HEAD", "/adults/7", "")).await;
        assert_eq!(*service.connections.lock().unwrap(), 1);
        council.stop().await;
        assert_eq!(council.entries("intent")[0]["disclosure"], "adult");
        let release = &council.entries("release")[0];
        assert_eq!(release["outcome"], "complete");
        assert_eq!(release["status"], 200);
    });
}

#[test]
fn p2_a_head_is_decided_as_its_get_is() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        let other = care("HEAD", "/adults/7", "").replace("Purpose: care", "Purpose: research");
        assert_eq!(council.send(&other).await.status(), 403);
        assert_eq!(
            council.send(&care("HEAD", "/nothing", "")).await.status(),
            404
        );
        assert_eq!(
            council
                .send(&care("HEAD", "/adults/7/notes", ""))
                .await
                .status(),
            405
        );
        let answer = council.send(&care("DELETE", "/adults/7", "")).await;
        answer.is_problem(405, "method_not_agreed");
        assert_eq!(header(&answer, "allow").unwrap(), "get, head");
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn p2_a_validator_is_the_gateways_own_and_its_condition_is_answered_by_the_gateway() {
    run(async {
        let (mut council, service) = Council::answering(json_with(
            "ETag: \"CANARY-51d0\"\r\n",
            r#"{"name":"Ada","id":"9000000001"}"#,
        ))
        .await;
        let first = council.get("/adults/7").await;
        let own = header(&first, "etag").unwrap();
        assert!(!first.text().contains(CANARY));
        assert_eq!(first.body(), r#"{"name":"Ada"}"#);
        let vary = header(&first, "vary").unwrap();
        assert!(
            vary.contains("data-purpose") && vary.contains("x-api-key"),
            "{vary}"
        );

        // The harness lowers heads: a tag is of letters and digits that have no case there, but for its `W`.
        let own = own.replace("w/", "W/");
        let more = format!("If-None-Match: \"x\", {own}\r\n");
        for method in ["GET", "HEAD"] {
            let again = council.send(&care(method, "/adults/7", &more)).await;
            assert_eq!(again.status(), 304, "{}", again.text());
            assert!(again.raw_body().is_empty());
            assert_eq!(header(&again, "etag").unwrap(), own.replace("W/", "w/"));
            assert_eq!(header(&again, "content-length"), None, "{}", again.text());
            assert_eq!(header(&again, "content-type"), None);
            assert_eq!(
                header(&again, "cache-control").unwrap(),
                "private, no-store"
            );
        }
        let asked = service.requests().join("\n").to_ascii_lowercase();
        assert!(!asked.contains("if-none-match"), "{asked}");

        // The same of another address, and the service's own, are others.
        let other = council.get("/adults/8").await;
        assert_ne!(header(&other, "etag").unwrap(), own.replace("W/", "w/"));
        let theirs = format!("If-None-Match: \"{CANARY}\"\r\n");
        let answer = council.send(&care("GET", "/adults/7", &theirs)).await;
        assert_eq!(answer.status(), 200);

        council.stop().await;
        let releases = council.entries("release");
        let had: Vec<_> = releases
            .iter()
            .filter(|entry| entry["status"] == 304)
            .collect();
        assert_eq!(had.len(), 2);
        assert!(had.iter().all(|entry| entry["outcome"] == "complete"));
        assert!(
            had.iter()
                .all(|entry| entry["bytes_sent"].as_u64().unwrap_or(0) == 0)
        );
    });
}

#[test]
fn p2_a_validator_changes_with_the_agreement_and_with_what_the_service_has() {
    run(async {
        let tag = async |agreement: String, validator: &str| {
            let service = Service::answering(json_with(validator, "{}")).await;
            let mut setup = Setup::with(service.address);
            setup.agreements = vec![("care.yaml".to_owned(), agreement)];
            let council = setup.start();
            header(&council.get("/adults/7").await, "etag")
        };
        let same = CARE.to_owned();
        let one = tag(same.clone(), "ETag: \"1\"\r\n").await;
        assert!(one.is_some());
        assert_eq!(
            tag(same.clone(), "ETag: \"1\"\r\n").await,
            one,
            "on each replica"
        );
        let others = [
            tag(same.clone(), "ETag: \"2\"\r\n").await,
            tag(
                same.clone(),
                "Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\n",
            )
            .await,
            tag(CARE.replace("version: 1", "version: 2"), "ETag: \"1\"\r\n").await,
            tag(
                CARE.replace("title: Care", "title: More"),
                "ETag: \"1\"\r\n",
            )
            .await,
        ];
        for (index, other) in others.iter().enumerate() {
            assert!(other.is_some() && *other != one, "{index}");
            assert!(!others[..index].contains(other), "{index}");
        }
        // Where there is nothing to tell by, or it is not agreed, there is none.
        assert_eq!(tag(same.clone(), "").await, None);
        assert_eq!(tag(same, "ETag: \"1\"\r\nETag: \"2\"\r\n").await, None);
        let not_kept = CARE.replace("      headers: { keep: [etag] }\n", "");
        assert_eq!(tag(not_kept, "ETag: \"1\"\r\n").await, None);
    });
}

#[test]
fn p2_ranges_and_conditions_are_not_the_services() {
    run(async {
        let (council, service) = Council::answering(json(r#"{"name":"Ada"}"#)).await;
        let more = "Range: bytes=0-3\r\nIf-Range: \"x\"\r\nIf-Modified-Since: Sun, 22 Nov 2026 10:00:00 GMT\r\nIf-Unmodified-Since: Sun, 22 Nov 2026 10:00:00 GMT\r\nIf-Match: \"x\"\r\nWant-Repr-Digest: sha-256=1\r\n";
        let answer = council.send(&care("GET", "/adults/7", more)).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.body(), r#"{"name":"Ada"}"#);
        assert_eq!(header(&answer, "accept-ranges").unwrap(), "none");
        let asked = service.requests()[0].to_ascii_lowercase();
        for name in ["range", "if-", "digest"] {
            assert!(!asked.contains(name), "{asked}");
        }
    });
}

#[test]
fn p4_a_change_on_a_condition_is_refused_and_not_made_without_it() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        for condition in [
            "If-Match: \"x\"",
            "If-None-Match: *",
            "If-Unmodified-Since: x",
        ] {
            let more =
                format!("{condition}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n");
            let request = care("POST", "/adults/7/notes", &more) + "{}";
            council
                .send(&request)
                .await
                .is_problem(412, "condition_not_agreed");
        }
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn p2_digests_and_what_tells_of_the_service_never_cross() {
    run(async {
        let more = "Content-MD5: CANARY-51d0\r\nDigest: CANARY-51d0\r\nContent-Digest: CANARY-51d0\r\nRepr-Digest: CANARY-51d0\r\n\
             Content-Range: CANARY-51d0\r\nServer: CANARY-51d0\r\nVia: CANARY-51d0\r\nX-Powered-By: CANARY-51d0\r\n\
             Content-Disposition: attachment; filename=\"CANARY-51d0.json\"\r\nLocation: /CANARY-51d0\r\nContent-Location: /CANARY-51d0\r\n\
             Link: </CANARY-51d0>; rel=next\r\nSet-Cookie: CANARY-51d0\r\nAge: 5\r\nExpires: CANARY-51d0\r\nVary: CANARY-51d0\r\nAccept-Ranges: bytes\r\n";
        let (council, _service) = Council::answering(json_with(more, "{}")).await;
        let answer = council.get("/adults/7").await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.text().contains(CANARY), "{}", answer.text());
        assert_eq!(header(&answer, "accept-ranges"), None);
    });
}

#[test]
fn p2_a_kept_content_disposition_leaves_without_its_file_name() {
    run(async {
        for (sent, leaves) in [
            (
                "attachment; filename=\"CANARY-51d0.csv\"",
                Some("attachment"),
            ),
            ("INLINE;filename*=UTF-8''CANARY-51d0", Some("inline")),
            ("attachment", Some("attachment")),
            ("CANARY-51d0; filename=x", None),
        ] {
            let more = format!("Content-Disposition: {sent}\r\n");
            let service = Service::answering(json_with(&more, "{}")).await;
            let mut setup = Setup::with(service.address);
            let kept = CARE.replace("keep: [etag]", "keep: [content-disposition]");
            setup.agreements = vec![("care.yaml".to_owned(), kept)];
            let council = setup.start();
            let answer = council.get("/adults/7").await;
            assert_eq!(header(&answer, "content-disposition").as_deref(), leaves);
            assert!(!answer.text().contains(CANARY));
        }
    });
}

/// The usual agreement, with a template for the addresses of notes.
fn with_links() -> String {
    CARE.replace(
        "    response:\n      format: json\n      fields:\n        - keep: [$.text]\n",
        "    response:\n      format: json\n      links:\n        headers: [location, link]\n        templates: [{ from: \"/api/notes/{number}\", to: \"/notes/{number}\" }]\n        variables: { number: keep }\n      fields:\n        - keep: [$.text]\n",
    )
}

#[test]
fn p2_a_redirect_leaves_where_a_template_leads() {
    for (status, more, expected) in [
        (
            "303 See Other",
            "Location: /api/notes/4\r\n",
            Ok("/notes/4"),
        ),
        (
            "307 Temporary Redirect",
            "Location: http://care.internal/api/notes/4\r\n",
            Ok("/notes/4"),
        ),
        (
            "303 See Other",
            "Location: /people/CANARY-51d0\r\n",
            Err("service_status"),
        ),
        (
            "303 See Other",
            "Location: /api/notes/4/CANARY-51d0\r\n",
            Err("service_status"),
        ),
        ("303 See Other", "", Err("service_status")),
        (
            "300 Multiple Choices",
            "Location: /api/notes/4\r\n",
            Err("service_status"),
        ),
        (
            "304 Not Modified",
            "Location: /api/notes/4\r\n",
            Err("service_status"),
        ),
    ] {
        run(async {
            let service = Service::scripted(move |head, mut stream| async move {
                skip_body(&head, &mut stream).await?;
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: 11\r\n{more}\r\nCANARY-51d0"
                );
                stream.write_all(answer.as_bytes()).await?;
                Ok(Some(stream))
            })
            .await;
            let mut setup = Setup::with(service.address);
            setup.agreements = vec![("care.yaml".to_owned(), with_links())];
            let council = setup.start();
            let head = "Content-Type: application/json\r\nContent-Length: 2\r\n";
            let answer = council
                .send(&(care("POST", "/adults/7/notes", head) + "{}"))
                .await;
            assert!(!answer.text().contains(CANARY), "{}", answer.text());
            match expected {
                Ok(location) => {
                    assert_eq!(
                        answer.status().to_string(),
                        status[..3],
                        "{}",
                        answer.text()
                    );
                    assert_eq!(header(&answer, "location").unwrap(), location);
                    assert!(answer.raw_body().is_empty());
                }
                Err(reason) => drop(answer.is_problem(502, reason)),
            }
        });
    }
}

#[test]
fn an_answer_without_a_body_has_the_framing_of_its_status() {
    for (status, length) in [
        ("204 No Content", None),
        ("205 Reset Content", Some("0")),
        ("201 Created", Some("0")),
    ] {
        run(async {
            let (council, _service) =
                Council::answering(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).await;
            let answer = council.get("/adults/7").await;
            assert_eq!(answer.status().to_string(), status[..3]);
            assert_eq!(
                header(&answer, "content-length").as_deref(),
                length,
                "{status}"
            );
            assert!(!answer.is_chunked() && answer.raw_body().is_empty());
        });
    }
}

/// A gateway that compresses, before a service that answers with `body`.
async fn compressing(body: &str) -> (Council, Service) {
    let service = Service::answering(json(body)).await;
    let mut setup = Setup::with(service.address);
    setup.more = "compress: {}".to_owned();
    (setup.start(), service)
}

fn long() -> String {
    let records: Vec<String> = (0..200)
        .map(|n| format!(r#"{{"name":"Ada {n}","secret":1}}"#))
        .collect();
    format!("[{}]", records.join(","))
}

#[test]
fn an_answer_leaves_compressed_where_that_is_configured_and_asked_for() {
    run(async {
        let (mut council, _service) = compressing(&long()).await;
        let plain = council.get("/adults").await;
        assert_eq!(header(&plain, "content-encoding"), None);
        assert_eq!(header(&plain, "vary").unwrap(), "accept-encoding");
        for (accepts, coding) in [
            ("gzip", "gzip"),
            ("br", "br"),
            ("zstd", "zstd"),
            ("gzip, br, zstd;q=0.5", "br"),
        ] {
            let more = format!("Accept-Encoding: {accepts}\r\n");
            let answer = council.send(&care("GET", "/adults", &more)).await;
            assert_eq!(header(&answer, "content-encoding").unwrap(), coding);
            assert!(answer.is_whole() && !answer.is_chunked(), "{coding}");
            let coded = answer.raw_body();
            assert!(coded.len() < plain.raw_body().len() / 4, "{coding}");
            assert_eq!(decoded(coding, &coded), plain.body(), "{coding}");
        }
        for accepts in ["deflate", "identity", "gzip;q=0", "gzip;q=0.1, identity"] {
            let more = format!("Accept-Encoding: {accepts}\r\n");
            let answer = council.send(&care("GET", "/adults", &more)).await;
            assert_eq!(header(&answer, "content-encoding"), None, "{accepts}");
            assert_eq!(answer.body(), plain.body());
        }
        // Too short to be worth it, unless nothing else is taken.
        let short = care("GET", "/adults/7", "Accept-Encoding: gzip\r\n");
        let short = council.send(&short).await;
        assert_eq!(header(&short, "content-encoding"), None);
        council.stop().await;
        let bytes: Vec<_> = council
            .entries("release")
            .iter()
            .map(|entry| entry["bytes_sent"].clone())
            .collect();
        assert!(
            bytes[..5].iter().all(|sent| *sent == bytes[0]),
            "as agreed, not as packed: {bytes:?}"
        );
    });
}

#[test]
fn nothing_leaves_compressed_unless_that_is_configured() {
    run(async {
        let (council, _service) = Council::answering(json(&long())).await;
        let more = "Accept-Encoding: gzip, br, zstd\r\n";
        let answer = council.send(&care("GET", "/adults", more)).await;
        assert_eq!(header(&answer, "content-encoding"), None);
        assert!(header(&answer, "vary").is_none());
    });
}

fn decoded(coding: &str, coded: &[u8]) -> String {
    let mut plain = String::new();
    let read = match coding {
        "gzip" => MultiGzDecoder::new(coded).read_to_string(&mut plain),
        "br" => brotli::Decompressor::new(coded, 4096).read_to_string(&mut plain),
        "zstd" => zstd::Decoder::new(coded)
            .unwrap()
            .read_to_string(&mut plain),
        _ => panic!("{coding}"),
    };
    read.unwrap();
    plain
}

#[test]
fn p4_a_compressed_answer_that_is_aborted_does_not_look_whole() {
    run(async {
        let go_on = Rc::new(tokio::sync::Notify::new());
        let held = Rc::clone(&go_on);
        let service = Service::scripted(move |_, mut stream| {
            let held = Rc::clone(&held);
            async move {
                let start = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{\"name\":\"Ada\"},\r\n";
                stream.write_all(start.as_bytes()).await?;
                held.notified().await;
                stream.write_all(b"8\r\nnonsense\r\n0\r\n\r\n").await?;
                Ok(None)
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.more = "compress: { codings: [gzip], level: 1 }".to_owned();
        let council = setup.start();
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        let request = care("GET", "/adults", "Accept-Encoding: gzip\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await.unwrap();
        assert!(
            head.to_ascii_lowercase().contains("content-encoding: gzip"),
            "{head}"
        );
        // The first record is there before the service goes on: nothing is kept back for a better ratio.
        let mut body = Vec::new();
        let first = loop {
            stream.read_buf(&mut body).await.unwrap();
            let answer = Answer([head.as_bytes(), &body].concat());
            let first = unpacked(&answer.data());
            if first.ends_with("\"Ada\"}") {
                break first;
            }
        };
        assert_eq!(first, "[{\"name\":\"Ada\"}");
        go_on.notify_one();
        let rest = read_to_end(&mut stream).await;
        let whole = Answer([head.as_bytes(), &body, &rest.0].concat());
        assert!(whole.is_chunked() && !whole.is_whole());
        let coded = whole.data();
        let mut text = String::new();
        let read = MultiGzDecoder::new(&coded[..]).read_to_string(&mut text);
        assert!(read.is_err(), "nor does the coding end: {text}");
    });
}

/// As much as can be made of the start of a gzip body.
fn unpacked(coded: &[u8]) -> String {
    let mut text = Vec::new();
    // That it does not end is what is expected.
    drop(MultiGzDecoder::new(coded).read_to_end(&mut text));
    String::from_utf8(text).unwrap()
}
