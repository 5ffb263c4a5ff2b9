//! Content codings on the way in: what a service or a partner has compressed is taken apart and minimised, or refused.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use tokio::io::AsyncWriteExt;

use crate::harness::*;

const CANARY: &str = "CANARY-9c1e";

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::new(6));
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

pub(crate) fn zlib(plain: &[u8]) -> Vec<u8> {
    let mut writer = ZlibEncoder::new(Vec::new(), Compression::new(6));
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut coded, 4096, 5, 22);
    writer.write_all(plain).unwrap();
    drop(writer);
    coded
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 3).unwrap()
}

/// `plain` in each coding, by its name.
fn codings(plain: &[u8]) -> [(&'static str, Vec<u8>); 5] {
    [
        ("gzip", gzip(plain)),
        ("x-gzip", gzip(plain)),
        ("deflate", zlib(plain)),
        ("br", brotli(plain)),
        ("zstd", zstd(plain)),
    ]
}

/// An answer in `coding` with the bytes `coded`, whatever these are.
fn labelled(coding: &str, coded: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        coded.len()
    );
    [head.as_bytes(), coded].concat()
}

#[test]
fn p1_what_a_service_compresses_is_minimised_whatever_was_asked_for() {
    let plain = format!(r#"{{"name":"Ada","secret":"{CANARY}","items":[{{"name":"a"}}]}}"#);
    for (coding, coded) in codings(plain.as_bytes()) {
        run(async {
            let (mut council, service) = Council::answering(labelled(coding, &coded)).await;
            for _ in 0..2 {
                let answer = council.get("/adults/7").await;
                assert_eq!(answer.status(), 200, "{coding}: {}", answer.text());
                assert_eq!(answer.body(), r#"{"name":"Ada","items":[{"name":"a"}]}"#);
                assert!(answer.is_whole(), "{coding}");
                assert!(!answer.head().contains("content-encoding"), "{coding}");
            }
            assert_eq!(*service.connections.lock().unwrap(), 1, "it is kept");
            let name = coding.trim_start_matches("x-");
            let plain_bytes = 2 * plain.len();
            let line = format!(
                "fieldgate_coding_bytes_total{{coding=\"{name}\",direction=\"from_service\",form=\"plain\"}} {plain_bytes}"
            );
            assert!(council.has_metric(&line).await, "{line}");
            council.stop().await;
            assert!(!council.ledger_text().contains(CANARY));
        });
    }
}

#[test]
fn p1_not_a_byte_of_a_coded_body_passes_as_it_came() {
    // Whatever the label says: what is no JSON once it is decoded does not pass, nor what is not of its coding.
    let plain = format!(r#"{{"name":"{CANARY}"}}"#);
    let plain = plain.as_bytes();
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("gzip", plain.to_vec(), "encoding_malformed"),
        ("br", plain.to_vec(), "encoding_malformed"),
        ("zstd", plain.to_vec(), "encoding_malformed"),
        // As it happens, that text begins as deflated data could, of which bytes come out.
        ("deflate", plain.to_vec(), "not_utf8"),
        ("gzip", gzip(&gzip(plain)), "malformed"),
        ("br", brotli(&gzip(plain)), "malformed"),
        ("identity", gzip(plain), "malformed"),
        ("gzip, br", brotli(&gzip(plain)), "encoding"),
        ("gzip, identity, gzip", gzip(&gzip(plain)), "encoding"),
        ("compress", plain.to_vec(), "encoding"),
        (
            "gzip",
            [gzip(plain), b"x".to_vec()].concat(),
            "encoding_trailing_bytes",
        ),
        ("gzip", gzip(plain)[..20].to_vec(), "encoding_truncated"),
        ("gzip", Vec::new(), "encoding_truncated"),
        ("br", brotli(plain)[..5].to_vec(), "encoding_truncated"),
        ("zstd", zstd(plain)[..9].to_vec(), "encoding_truncated"),
    ];
    for (coding, coded, reason) in rows {
        run(async {
            let (mut council, _service) = Council::answering(labelled(coding, &coded)).await;
            let answer = council.get("/adults/7").await;
            answer.is_problem(502, reason);
            assert!(!answer.text().contains(CANARY), "{coding}");
            council.stop().await;
            assert_eq!(council.entries("release")[0]["reason"], reason);
        });
    }
}

#[test]
fn p4_a_coded_answer_that_ends_early_after_the_head_is_aborted() {
    // Records that compress badly, so that some have left when the service breaks off.
    let mut plain = String::from("[");
    let mut state = 1_u32;
    for _ in 0..20_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        plain.push_str(&format!("{{\"name\":\"{state:08x}\"}},"));
    }
    plain.push_str("0]");
    for (coding, coded) in codings(plain.as_bytes()) {
        run(async {
            // Whole by its framing: only the coding tells that something is missing.
            let cut = labelled(coding, &coded[..coded.len() - 3]);
            let (mut council, _service) = Council::answering(cut).await;
            let answer = council.get("/adults").await;
            assert!(!answer.is_whole(), "{coding}");
            council.stop().await;
            let release = &council.entries("release")[0];
            assert_eq!(release["reason"], "encoding_truncated", "{coding}");
            assert_eq!(release["outcome"], "service_failed", "{coding}");
        });
    }
}

#[test]
fn p5_a_bomb_is_refused_in_bounded_memory() {
    let zeros = vec![b' '; 64 << 20];
    for (coding, coded) in codings(&zeros) {
        run(async {
            let (council, _service) = Council::answering(labelled(coding, &coded)).await;
            let answer = council.get("/adults/7").await;
            answer.is_problem(502, "decoded_ratio");
        });
    }
    run(async {
        let service = Service::answering(labelled("gzip", &gzip(&zeros))).await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  decoded_ratio: 100000\n  decoded_bytes: 2MiB".to_owned();
        let council = setup.start();
        council
            .get("/adults/7")
            .await
            .is_problem(502, "decoded_too_large");
    });
}

#[test]
fn what_a_service_flushes_leaves_before_it_goes_on() {
    run(async {
        let go_on = std::rc::Rc::new(tokio::sync::Notify::new());
        let held = std::rc::Rc::clone(&go_on);
        let service = Service::scripted(move |_, mut stream| {
            let held = std::rc::Rc::clone(&held);
            async move {
                let mut writer = GzEncoder::new(Vec::new(), Compression::new(6));
                writer.write_all(br#"[{"name":"Ada"},"#)?;
                writer.flush()?;
                let first = writer.get_ref().clone();
                writer.write_all(br#"{"name":"Bob"}]"#)?;
                let rest = writer.finish()?[first.len()..].to_vec();
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
                    .await?;
                for (bytes, waits) in [(first, true), (rest, false)] {
                    stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
                    stream.write_all(&bytes).await?;
                    stream.write_all(b"\r\n").await?;
                    if waits {
                        held.notified().await;
                    }
                }
                stream.write_all(b"0\r\n\r\n").await?;
                Ok(None)
            }
        })
        .await;
        let council = Setup::with(service.address).start();
        let mut stream = tokio::net::TcpStream::connect(council.address())
            .await
            .unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        let head = read_head(&mut stream).await.unwrap();
        let mut first = Vec::new();
        while find(&first, b"Ada").is_none() {
            tokio::io::AsyncReadExt::read_buf(&mut stream, &mut first)
                .await
                .unwrap();
        }
        go_on.notify_one();
        let rest = read_to_end(&mut stream).await;
        let whole = Answer([head.as_bytes(), &first, &rest.0].concat());
        assert_eq!(whole.body(), r#"[{"name":"Ada"},{"name":"Bob"}]"#);
        assert!(whole.is_whole());
    });
}

/// A service that notes the bodies it gets, and says `{}`.
async fn noting() -> (Service, std::rc::Rc<std::cell::RefCell<Vec<String>>>) {
    let bodies = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let noted = std::rc::Rc::clone(&bodies);
    let service = Service::scripted(move |head, mut stream| {
        let noted = std::rc::Rc::clone(&noted);
        async move {
            let body = skip_body(&head, &mut stream).await?;
            noted.borrow_mut().push(String::from_utf8(body).unwrap());
            stream.write_all(json("{}").as_bytes()).await?;
            Ok(Some(stream))
        }
    })
    .await;
    (service, bodies)
}

fn push(coding: &str, coded: &[u8]) -> Vec<u8> {
    let more = format!(
        "Content-Type: application/json\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n",
        coded.len()
    );
    [care("POST", "/adults/7/notes", &more).as_bytes(), coded].concat()
}

#[test]
fn p2_what_a_partner_compresses_is_minimised_before_the_service_gets_it() {
    let plain = format!(r#"{{"text":"a note","author":"{CANARY}"}}"#);
    for (coding, coded) in codings(plain.as_bytes()) {
        run(async {
            let (service, bodies) = noting().await;
            let council = Setup::with(service.address).start();
            let answer = send(council.address(), &push(coding, &coded)).await;
            assert_eq!(answer.status(), 200, "{coding}: {}", answer.text());
            assert_eq!(*bodies.borrow(), [r#"{"text":"a note"}"#], "{coding}");
            let asked = service.requests()[0].to_ascii_lowercase();
            assert!(!asked.contains("content-encoding"), "{asked}");
        });
    }
}

#[test]
fn p4_a_coded_request_that_is_not_understood_is_the_partners_fault() {
    let plain = br#"{"text":"a note"}"#;
    let bomb = zstd(&vec![b' '; 64 << 20]);
    let long: String = (0..300_000).map(|number| format!("{number} ")).collect();
    let long = [&br#"{"text":""#[..], long.as_bytes(), br#""}"#].concat();
    for (coding, coded, status, reason) in [
        ("compress", plain.to_vec(), 415, "request_encoding"),
        ("gzip, br", plain.to_vec(), 415, "request_encoding"),
        ("gzip", plain.to_vec(), 400, "request_encoding_malformed"),
        (
            "br",
            brotli(plain)[..4].to_vec(),
            400,
            "request_encoding_truncated",
        ),
        (
            "deflate",
            [zlib(plain), b"x".to_vec()].concat(),
            400,
            "request_encoding_trailing_bytes",
        ),
        ("zstd", bomb, 413, "request_decoded_ratio"),
        // The usual bound of a request's body is held against what was decoded.
        ("zstd", zstd(&long), 413, "request_body_too_large"),
    ] {
        run(async {
            let (service, _bodies) = noting().await;
            let council = Setup::with(service.address).start();
            let answer = send(council.address(), &push(coding, &coded)).await;
            answer.is_problem(status, reason);
            let names = "accept-encoding: gzip, deflate, br, zstd, identity";
            assert_eq!(answer.head().contains(names), status == 415, "{coding}");
        });
    }
}
