//! Bodies that are not looked into: agreed by their type, passed whole, entered like all others.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::io::AsyncWriteExt;

use crate::harness::*;
use crate::p3_ledger::{TestDisk, start_on};

const CANARY: &str = "CANARY-letter";

/// `island-health` gets letters as they are, and sends scans.
const LETTERS: &str = r#"
agreement: letters
version: 1
title: Letters for Island Health
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes: { care: Offer care }
disclosures:
  - name: letter
    purposes: [care]
    request: GET /letters/{letter}
    service: { name: social-care, path: "/letters/{letter}" }
    parameters: { path: { letter: keep } }
    response:
      format: opaque
      type: [application/pdf, image/tiff]
      because: The letter as it was signed is the record
  - name: scan
    purposes: [care]
    request: POST /scans
    service: { name: social-care, path: /scans }
    request_body:
      format: opaque
      type: [image/tiff]
      because: A scan has no fields
    response:
      format: json
      fields: [{ keep: [$.text] }]
"#;

/// Bytes that are no text in any charset.
fn letter() -> Vec<u8> {
    let mut letter = b"%PDF-1.7\r\n\0\xff\xfe\xc3( ".to_vec();
    letter.extend_from_slice(CANARY.as_bytes());
    letter.extend((0..=255).cycle().take(300_000));
    letter
}

fn answer(label: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {label}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

async fn setup(answer: Vec<u8>) -> (Setup, Service) {
    let service = Service::answering(answer).await;
    let mut setup = Setup::with(service.address);
    let letters = ("letters.yaml".to_owned(), LETTERS.to_owned());
    setup.agreements.push(letters);
    (setup, service)
}

/// The body's bytes, without the framing of chunks.
fn body(answer: &Answer) -> Vec<u8> {
    let raw = answer.raw_body();
    if !answer.is_chunked() {
        return raw;
    }
    let (mut raw, mut body) = (&raw[..], Vec::new());
    while let Some(end) = find(raw, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&raw[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&raw[end + 2..][..size]);
        raw = &raw[end + size + 4..];
    }
    body
}

#[test]
fn p1_an_opaque_body_passes_byte_for_byte_with_the_type_agreed_and_no_more() {
    run(async {
        let answer = String::from_utf8_lossy(&answer("application/pdf", b"%PDF")).replace(
            "Content-Type",
            &format!("X-Person: {CANARY}\r\nContent-Disposition: inline; filename={CANARY}\r\nContent-Type"),
        );
        let (setup, service) = setup(answer.into_bytes()).await;
        let got = setup.start().get("/letters/7").await;
        assert_eq!((got.status(), body(&got)), (200, b"%PDF".to_vec()));
        assert!(got.head().contains("content-type: application/pdf\r\n"));
        assert!(!got.text().contains(CANARY), "{}", got.text());
        let asked = service.requests()[0].to_ascii_lowercase();
        assert!(asked.contains("accept: application/pdf, image/tiff\r\n"));
    });
    for label in ["application/pdf", "image/tiff", "Application/PDF"] {
        run(async {
            let (setup, _service) = setup(answer(label, &letter())).await;
            let got = setup.start().get("/letters/7").await;
            assert!(got.is_whole());
            assert_eq!(body(&got), letter(), "{label}");
        });
    }
}

#[test]
fn p2_an_opaque_body_of_another_type_does_not_pass() {
    for label in [
        "application/json",
        "text/html",
        "application/octet-stream",
        "image/png",
        "application/pdf; name=x",
        "application/pdf, image/tiff",
        "application/pdf\r\nContent-Type: application/pdf",
        "",
    ] {
        run(async {
            let (setup, _service) = setup(answer(label, &letter())).await;
            let got = setup.start().get("/letters/7").await;
            got.is_problem(502, "content_type");
            assert!(!got.text().contains(CANARY), "{label}");
        });
    }
}

#[test]
fn p2_what_cannot_be_minimised_never_passes_under_a_field_rule() {
    for label in ["application/pdf", "image/png", "application/zip"] {
        run(async {
            let (setup, _service) = setup(answer(label, &letter())).await;
            let got = setup.start().get("/adults/7").await;
            got.is_problem(502, "content_type");
            assert!(!got.text().contains(CANARY), "{label}");
        });
    }
    run(async {
        let (setup, _service) = setup(answer("application/json", &letter())).await;
        let got = setup.start().get("/adults/7").await;
        got.is_problem(502, "malformed");
        assert!(!got.text().contains(CANARY));
    });
}

#[test]
fn p3_an_opaque_body_is_entered_before_it_leaves_and_accounted_for() {
    run(async {
        let (setup, _service) = setup(answer("application/pdf", &letter())).await;
        let mut council = setup.start();
        assert_eq!(council.get("/letters/7").await.status(), 200);
        council.stop().await;
        let intents = council.entries("intent");
        assert_eq!(intents.len(), 1);
        assert_eq!(intents[0]["disclosure"], "letter");
        let releases = council.entries("release");
        let [release] = releases.as_slice() else {
            panic!("{releases:?}")
        };
        assert_eq!(release["outcome"], "complete", "{release}");
        assert_eq!(release["bytes_sent"], letter().len());
        let text = release.to_string();
        assert!(text.contains("\"keep_all\":1"), "{text}");
        assert!(!council.ledger_text().contains(CANARY));
    });
    run(async {
        let (setup, _service) = setup(answer("application/pdf", &letter())).await;
        let mut council = setup.write();
        let disk = TestDisk {
            full: Arc::new(AtomicBool::new(true)),
            gate: None,
        };
        start_on(&mut council, disk);
        let got = council.get("/letters/7").await;
        got.is_problem(503, "ledger_unavailable");
        assert!(!got.text().contains(CANARY));
    });
}

#[test]
fn p4_an_opaque_body_over_the_limit_or_broken_off_does_not_look_whole() {
    run(async {
        let (mut setup, _service) = setup(answer("application/pdf", &letter())).await;
        setup.limits = "  response_body_bytes: 200KiB".to_owned();
        let mut council = setup.start();
        let got = council.get("/letters/7").await;
        assert!(!got.is_whole() || got.status() == 502, "{}", got.head());
        council.stop().await;
        assert_eq!(council.entries("release")[0]["reason"], "body_too_large");
    });
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            skip_body(&head, &mut stream).await?;
            let mut half = answer("application/pdf", &letter());
            half.truncate(200_000);
            stream.write_all(&half).await?;
            Ok(None)
        })
        .await;
        let mut setup = Setup::with(service.address);
        let letters = ("letters.yaml".to_owned(), LETTERS.to_owned());
        setup.agreements.push(letters);
        let mut council = setup.start();
        let got = council.get("/letters/7").await;
        assert!(!got.is_whole() || got.status() == 502, "{}", got.head());
        council.stop().await;
        assert_eq!(council.entries("release")[0]["reason"], "service_broke");
    });
}

#[test]
fn an_opaque_request_body_reaches_the_service_as_it_came() {
    run(async {
        let bodies = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let noted = std::rc::Rc::clone(&bodies);
        let service = Service::scripted(move |head, mut stream| {
            let noted = std::rc::Rc::clone(&noted);
            async move {
                let body = skip_body(&head, &mut stream).await?;
                noted.borrow_mut().push(body);
                stream
                    .write_all(json(r#"{"text":"ok"}"#).as_bytes())
                    .await?;
                Ok(Some(stream))
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        let letters = ("letters.yaml".to_owned(), LETTERS.to_owned());
        setup.agreements.push(letters);
        let council = setup.start();
        let send = async |label: &str| {
            let head = format!(
                "Content-Type: {label}\r\nContent-Length: {}\r\n",
                letter().len()
            );
            let mut request = care("POST", "/scans", &head).into_bytes();
            request.extend(letter());
            send(council.address(), &request).await
        };
        assert_eq!(send("image/tiff").await.status(), 200);
        assert_eq!(*bodies.borrow(), [letter()]);
        let asked = service.requests()[0].to_ascii_lowercase();
        assert!(asked.contains("content-type: image/tiff\r\n"), "{asked}");
        for label in ["application/pdf", "application/json", "image/tiff; page=1"] {
            let problem = send(label).await.is_problem(415, "request_content_type");
            assert_eq!(problem["detail"], "the label agreed is image/tiff");
        }
        assert_eq!(bodies.borrow().len(), 1);
    });
}
