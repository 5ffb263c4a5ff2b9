//! The other way: what a service answers, and what the partner sees of it.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;

use crate::corpora;
use crate::harness::*;
use crate::strict::{self, Read};

const CANARY: &str = "CANARY-5d1e";

/// What the partner sees: a whole answer, or one that was cut; never anything else.
#[track_caller]
fn seen(name: &str, answer: &Answer) -> Option<strict::Message> {
    if answer.0.is_empty() {
        return None;
    }
    match strict::response(&answer.0) {
        (Some(message), Read::Whole(length)) => {
            assert_eq!(
                length,
                answer.0.len(),
                "{name}: more than one answer: {}",
                answer.text()
            );
            Some(message)
        }
        (_, Read::Part) => None,
        (_, end) => panic!("{name}: {end:?}: {}", answer.text()),
    }
}

/// A gateway before a service that answers with the bytes that `answer` holds at the time, and then ends its connection.
async fn council(answer: &Rc<RefCell<Vec<u8>>>) -> (Council, Service) {
    let answer = Rc::clone(answer);
    let service = Service::scripted(move |_, mut stream| {
        let answer = answer.borrow().clone();
        async move {
            stream.write_all(&answer).await?;
            Ok(None)
        }
    })
    .await;
    let mut setup = Setup::with(service.address);
    setup.limits = "  body_idle: 2s".to_owned();
    (setup.start(), service)
}

#[test]
fn p4_an_answer_is_whole_or_none_whatever_the_service_says() {
    let body = format!(r#"{{"name":"Ada","secret":"{CANARY}"}}"#);
    let length = body.len();
    let json = "Content-Type: application/json\r\n";
    let rows: Vec<(String, bool)> = vec![
        (
            format!("HTTP/1.1 200 OK\r\n{json}Content-Length: {length}\r\n\r\n{body}"),
            true,
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
            ),
            true,
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{json}Content-Length: {length}\r\nContent-Length: 2\r\n\r\n{body}"
            ),
            false,
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{json}Content-Length: {}\r\n\r\n{body}",
                length + 1
            ),
            false,
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{json}Content-Length: {}\r\n\r\n{body}",
                length - 1
            ),
            false,
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{json}Content-Length: -1\r\n\r\n{body}"),
            false,
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n"
            ),
            false,
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: chunked\r\n\r\n-1\r\n{body}\r\n0\r\n\r\n"
            ),
            false,
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: chunked\r\n\r\n{length:x}x\r\n{body}\r\n0\r\n\r\n"
            ),
            false,
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: gzip\r\n\r\n{body}"),
            false,
        ),
        (
            format!(
                "HTTP/1.1 200 OK\r\n{json}X: {CANARY}\r\n Y: {CANARY}\r\nContent-Length: {length}\r\n\r\n{body}"
            ),
            false,
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{json}X\0: a\r\nContent-Length: {length}\r\n\r\n{body}"),
            false,
        ),
        (
            format!("HTTP/9.9 200 OK\r\n{json}Content-Length: {length}\r\n\r\n{body}"),
            false,
        ),
        (
            format!("ICY 200 OK\r\n{json}Content-Length: {length}\r\n\r\n{body}"),
            false,
        ),
        (
            format!("HTTP/1.1 20 OK\r\n{json}Content-Length: {length}\r\n\r\n{body}"),
            false,
        ),
        (
            format!("HTTP/1.1 099 OK\r\n{json}Content-Length: {length}\r\n\r\n{body}"),
            false,
        ),
        (
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{body}"
            ),
            false,
        ),
        (body.clone(), false),
        (String::new(), false),
    ];
    run(async {
        let answer = Rc::<RefCell<Vec<u8>>>::default();
        let (council, _service) = council(&answer).await;
        for (row, passes) in rows {
            answer.replace(row.clone().into_bytes());
            let got = council.get("/adults/7").await;
            let message = seen(&row, &got);
            assert!(!got.text().contains(CANARY), "{row:?}");
            let status = message.as_ref().map(crate::site::status);
            assert_eq!(status == Some(200), passes, "{row:?}: {}", got.text());
            if passes {
                assert_eq!(message.unwrap().body, br#"{"name":"Ada"}"#, "{row:?}");
            }
        }
    });
}

/// What a service sends after its answer is nobody's answer.
#[test]
fn p2_bytes_after_an_answer_are_not_the_next_ones() {
    run(async {
        let more = json(&format!(r#"{{"name":"{CANARY}"}}"#));
        let service = Service::answering(json(r#"{"name":"Ada"}"#) + &more).await;
        let council = Setup::with(service.address).start();
        for _ in 0..8 {
            let answer = council.get("/adults/7").await;
            assert_eq!(answer.body(), r#"{"name":"Ada"}"#);
        }
    });
}

/// Responses that others wrote, as a service's answers: as they are, and labelled as what was agreed.
#[test]
fn p4_no_published_response_reaches_the_partner_broken() {
    let Some(folder) = corpora::folder() else {
        return;
    };
    let mut answers = Vec::new();
    for path in corpora::files(&folder.join("curl-responses")) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for part in text.split("<data").skip(1) {
            let Some((_, data)) = part.split_once(">\n") else {
                continue;
            };
            let data = data.split("</data").next().unwrap_or_default();
            answers.push((path.display().to_string(), data.to_owned()));
            answers.push((path.display().to_string(), data.replace('\n', "\r\n")));
        }
    }
    for path in corpora::files(&folder.join("llhttp/response")) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        for block in corpora::of_markdown(&text, "```http") {
            let block = String::from_utf8_lossy(&block).into_owned();
            answers.push((path.display().to_string(), block));
        }
    }
    eprintln!("{} answers", answers.len());
    assert!(answers.len() > 150);
    run(async {
        let answer = Rc::<RefCell<Vec<u8>>>::default();
        let (council, _service) = council(&answer).await;
        for (name, text) in answers {
            let labelled = text.replacen("\r\n", "\r\nContent-Type: application/json\r\n", 1);
            for text in [text, labelled] {
                answer.replace(text.into_bytes());
                let got = council.get("/adults/7").await;
                seen(&name, &got);
            }
        }
    });
}
