//! Services that close early, lie about their length, reset, trickle, or never read what they are sent.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::connections::reached;
use crate::harness::*;
use crate::proc::descriptors;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What a service sends before it goes away, and why nothing of it leaves; `None`: what left is seen to be cut off.
type Row = (&'static str, fn() -> String, Option<&'static str>);

#[test]
fn p4_an_answer_that_a_service_spoils_never_looks_whole() {
    let rows: [Row; 9] = [
        ("closes at once", String::new, Some("service_broke")),
        (
            "closes in the head",
            || HEAD.to_owned(),
            Some("service_broke"),
        ),
        (
            "is no HTTP",
            || "hello there\r\n\r\n".to_owned(),
            Some("service_broke"),
        ),
        (
            "sends less than it said",
            || format!("{HEAD}Content-Length: 40\r\n\r\n{{\"name\":\"Ada\"}}"),
            None,
        ),
        (
            "sends half a value",
            || format!("{HEAD}Content-Length: 9\r\n\r\n{{\"name\":\""),
            Some("truncated"),
        ),
        (
            "says two lengths",
            || {
                format!(
                    "{HEAD}Content-Length: 14\r\nContent-Length: 15\r\n\r\n{{\"name\":\"Ada\"}}"
                )
            },
            Some("service_broke"),
        ),
        (
            "ends in a chunk",
            || format!("{CHUNKED}e\r\n{{\"name\":"),
            Some("service_broke"),
        ),
        (
            "ends without the last chunk",
            || format!("{CHUNKED}e\r\n{{\"name\":\"Ada\"}}\r\n"),
            None,
        ),
        (
            "sends a chunk of no size",
            || format!("{CHUNKED}zz\r\n{{\"name\":\"Ada\"}}\r\n0\r\n\r\n"),
            Some("service_broke"),
        ),
    ];
    run(async {
        for (name, answer, reason) in rows {
            let service = Service::scripted(move |head, mut stream| async move {
                let spoiled = head.contains("/api/9");
                let text = if spoiled {
                    answer()
                } else {
                    json(r#"{"name":"Ada"}"#)
                };
                stream.write_all(text.as_bytes()).await?;
                Ok((!spoiled).then_some(stream))
            })
            .await;
            let council = Setup::with(service.address).start();
            let spoiled = council.get("/adults/9").await;
            // What is cut off after some of it left has no end; before, it is a problem.
            if spoiled.status() == 200 {
                assert_eq!(reason, None, "{name}: {}", spoiled.text());
                assert!(!spoiled.is_whole(), "{name}: {}", spoiled.text());
            } else {
                assert_eq!(spoiled.status(), 502, "{name}: {}", spoiled.text());
                let told = &spoiled.json()["reason"];
                assert!(reason.is_none_or(|reason| told == reason), "{name}: {told}");
            }
            assert_eq!(
                council.get("/adults/7").await.body(),
                r#"{"name":"Ada"}"#,
                "{name}"
            );
        }
    });
}

#[test]
fn bytes_beyond_the_length_are_nobodys_answer() {
    run(async {
        // What follows would be the answer to the next request on the connection.
        let more = format!("{}{}", json(r#"{"name":"Ada"}"#), json(r#"{"name":"Eve"}"#));
        let (council, _service) = Council::answering(more).await;
        for _ in 0..20 {
            let answer = council.get("/adults/7").await;
            assert!(!answer.text().contains("Eve"), "{}", answer.text());
        }
    });
}

#[test]
fn a_service_that_resets_is_one_that_broke() {
    run(async {
        let service = Service::scripted(|_, stream| async move {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            Ok(None)
        })
        .await;
        let council = Setup::with(service.address).start();
        council
            .get("/adults/7")
            .await
            .is_problem(502, "service_broke");
    });
}

#[test]
fn a_service_that_trickles_keeps_nobody_else_waiting_and_ends_with_the_exchange() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            if head.contains("/api/7") {
                stream
                    .write_all(json(r#"{"name":"Ada"}"#).as_bytes())
                    .await?;
                return Ok(Some(stream));
            }
            stream.write_all(CHUNKED.as_bytes()).await?;
            stream.write_all(b"1\r\n[\r\n").await?;
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                stream.write_all(b"1\r\n \r\n").await?;
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  exchange: 1s".to_owned();
        let council = setup.start();
        let trickle = council.get("/adults");
        let others = async {
            for _ in 0..10 {
                assert_eq!(council.get("/adults/7").await.status(), 200);
            }
        };
        let (trickle, ()) = tokio::join!(trickle, others);
        assert!(
            trickle.status() == 504 || !trickle.is_whole(),
            "{}",
            trickle.text()
        );
        assert_eq!(reached(&council, "exchange").await, 1);
    });
}

/// An answer ends with its exchange's time, whether the service always has more of it or never again, and whether that
/// leaves or not.
#[test]
fn an_answer_without_end_ends_with_the_exchange() {
    for (waits, name) in [(true, "x"), (false, "x"), (false, "name")] {
        run(async {
            let service = Service::scripted(move |_, mut stream| async move {
                stream.write_all(CHUNKED.as_bytes()).await?;
                stream.write_all(b"10\r\n[{\"name\":\"Ada\"},\r\n").await?;
                let text = "a".repeat((16 << 10) - 8 - name.len());
                let piece = format!("4000\r\n{{\"{name}\":\"{text}\"}},\r\n");
                if !waits {
                    loop {
                        stream.write_all(piece.as_bytes()).await?;
                    }
                }
                std::future::pending::<()>().await;
                Ok(None)
            })
            .await;
            let mut setup = Setup::with(service.address);
            setup.limits = "  exchange: 500ms\n  body_idle: 1h".to_owned();
            let council = setup.start();
            let answer = council.get("/adults").await;
            assert!(!answer.is_whole(), "{}", answer.text());
            assert_eq!(reached(&council, "exchange").await, 1);
        });
    }
}

#[test]
fn a_service_that_sends_a_byte_at_a_time_without_end_is_let_go() {
    run(async {
        let service = Service::scripted(|_, mut stream| async move {
            stream.write_all(CHUNKED.as_bytes()).await?;
            stream.write_all(b"1\r\n[\r\n").await?;
            let pieces = b"1\r\n \r\n".repeat(1_000);
            loop {
                stream.write_all(&pieces).await?;
            }
        })
        .await;
        let council = Setup::with(service.address).start();
        let answer = council.get("/adults").await;
        assert!(
            answer.status() == 502 || !answer.is_whole(),
            "{}",
            answer.text()
        );
        assert_eq!(reached(&council, "body_piece_bytes").await, 1);
    });
}

#[test]
fn a_service_that_never_reads_the_request_holds_no_more_than_its_time() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            if head.contains("POST") {
                // The rest of the request stays where it is.
                std::future::pending::<()>().await;
            }
            stream
                .write_all(json(r#"{"name":"Ada"}"#).as_bytes())
                .await?;
            Ok(Some(stream))
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.service_tls = "head_timeout: 500ms".to_owned();
        setup.limits = "  request_body_bytes: 64MiB\n  body_idle: 1s".to_owned();
        let council = setup.start();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        let before = descriptors();
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        let more = "Content-Type: application/json\r\nContent-Length: 60000000\r\n";
        stream
            .write_all(care("POST", "/adults/7/notes", more).as_bytes())
            .await
            .unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let sending = tokio::task::spawn_local(async move {
            writing.write_all(b"{\"text\":\"").await?;
            let piece = "a".repeat(1 << 16);
            loop {
                writing.write_all(piece.as_bytes()).await?;
            }
            #[expect(unreachable_code, reason = "gives the block its type")]
            std::io::Result::Ok(())
        });
        assert_eq!(council.get("/adults/7").await.status(), 200);
        let head = tokio::time::timeout(HANG, read_head(&mut reading)).await;
        let head = head.expect("it is answered").unwrap();
        assert!(head.starts_with("HTTP/1.1 504"), "{head}");
        sending.abort();
        // What wrote to the service is let go too, which nothing but its wait would end.
        drop(reading);
        // The service's own end stays open.
        until("the descriptors are back", || descriptors() <= before + 1).await;
    });
}
