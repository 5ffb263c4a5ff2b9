//! Requests' bodies that come too slowly, in too many pieces, or too deep; partners that do not read.

use std::cell::Cell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::connections::{another_is_answered, reached};
use crate::harness::*;

const POST: &str = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";

/// A council before a service that answers each request with a name and text.
async fn council(limits: &str) -> (Council, Service) {
    let service = Service::answering(json(r#"{"name":"Ada","text":"x"}"#)).await;
    let mut setup = Setup::with(service.address);
    setup.limits = limits.to_owned();
    (setup.start(), service)
}

/// A connection on which a request with a body has begun.
async fn posting(council: &Council) -> TcpStream {
    let mut stream = TcpStream::connect(council.address()).await.unwrap();
    let head = care("POST", "/adults/7/notes", POST);
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[test]
fn a_body_that_stops_coming_ends_with_the_wait() {
    run(async {
        let (council, _service) = council("  body_idle: 200ms").await;
        let mut stream = posting(&council).await;
        stream.write_all(b"9\r\n{\"text\":\"\r\n").await.unwrap();
        another_is_answered(&council).await;
        read_to_end(&mut stream)
            .await
            .is_problem(408, "request_idle");
        assert_eq!(reached(&council, "body_idle").await, 1);
    });
}

#[test]
fn a_body_that_drips_ends_when_it_is_too_slow_on_average() {
    run(async {
        let (council, _service) =
            council("  body_idle: 500ms\n  body_bytes_per_second: 1000000").await;
        let (mut reading, mut writing) = posting(&council).await.into_split();
        writing.write_all(b"9\r\n{\"text\":\"\r\n").await.unwrap();
        let dripping = tokio::task::spawn_local(async move {
            let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
            loop {
                ticks.tick().await;
                if writing.write_all(b"1\r\na\r\n").await.is_err() {
                    return;
                }
            }
        });
        let answer = read_to_end(&mut reading).await;
        dripping.abort();
        answer.is_problem(408, "request_trickle");
        assert_eq!(reached(&council, "body_bytes_per_second").await, 1);
        another_is_answered(&council).await;
    });
}

#[test]
fn chunks_of_one_byte_end_a_body_when_they_are_too_many() {
    run(async {
        let (council, _service) = council("").await;
        let (mut reading, mut writing) = posting(&council).await.into_split();
        let writing = tokio::task::spawn_local(async move {
            writing.write_all(b"9\r\n{\"text\":\"\r\n").await?;
            // A long text, a byte at a time, without a wait between.
            let pieces = b"1\r\na\r\n".repeat(1_000);
            for _ in 0..200 {
                writing.write_all(&pieces).await?;
            }
            std::io::Result::Ok(())
        });
        let answer = read_to_end(&mut reading).await;
        writing.abort();
        answer.is_problem(408, "request_trickle");
        assert_eq!(reached(&council, "body_bytes_per_second").await, 1);
        another_is_answered(&council).await;
    });
}

#[test]
fn a_body_in_small_chunks_passes_where_they_are_few() {
    run(async {
        let (council, service) = council("").await;
        let mut stream = posting(&council).await;
        for byte in b"{\"text\":\"abcdefghij\"}" {
            let piece = format!("1\r\n{}\r\n", char::from(*byte));
            stream.write_all(piece.as_bytes()).await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        let answer = read_to_end(&mut stream).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn how_many_small_chunks_are_few_is_configured() {
    run(async {
        let (council, service) = council("  body_free_pieces: 5").await;
        let (mut reading, mut writing) = posting(&council).await.into_split();
        let mut pieces = String::new();
        for byte in b"{\"text\":\"abcdefghij\"}" {
            pieces += &format!("1\r\n{}\r\n", char::from(*byte));
        }
        // The gateway may have answered before it has all.
        let _closed = writing.write_all(pieces.as_bytes()).await;
        let answer = read_to_end(&mut reading).await;
        answer.is_problem(408, "request_trickle");
        assert_eq!(reached(&council, "body_bytes_per_second").await, 1);
        drop(service);
    });
}

#[test]
fn deep_json_is_refused_either_way() {
    run(async {
        let deep = format!("{{\"name\":{}", "[".repeat(100_000));
        let service = Service::answering(json(&deep)).await;
        let council = Setup::with(service.address).start();
        let answer = council.get("/adults/7").await;
        assert_eq!(answer.status(), 502, "{}", answer.text());
        assert_eq!(reached(&council, "depth").await, 1);

        let mut stream = posting(&council).await;
        let piece = format!("{:x}\r\n{deep}\r\n", deep.len());
        // The gateway may have answered and closed before it has all.
        let _closed = stream.write_all(piece.as_bytes()).await;
        read_to_end(&mut stream).await;
        assert_eq!(reached(&council, "depth").await, 2);
    });
}

#[test]
fn a_body_over_its_limit_is_refused() {
    run(async {
        let (council, _service) = council("  request_body_bytes: 1KiB").await;
        let mut stream = posting(&council).await;
        let text = "a".repeat(2_000);
        let piece = format!("{:x}\r\n{{\"text\":\"{text}\"}}\r\n", text.len() + 11);
        let _closed = stream.write_all(piece.as_bytes()).await;
        assert_eq!(read_to_end(&mut stream).await.status(), 413);
        assert_eq!(reached(&council, "request_body_bytes").await, 1);
        another_is_answered(&council).await;
    });
}

/// A request that is refused, whose body has `length` bytes; the body is to follow.
fn refused(length: usize) -> String {
    let length = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    care("POST", "/nowhere", &length)
}

#[test]
fn the_answer_to_a_body_that_nobody_wants_arrives_whole() {
    run(async {
        let (council, _service) = council("").await;
        // More than the sockets between hold, so that it is still being sent when the answer is made.
        let body = vec![b' '; 12 << 20];
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        let head = refused(body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let answer = read_to_end(&mut stream).await;
        answer.is_problem(404, "no_route");
        assert_eq!(reached(&council, "linger").await, 0);
    });
}

#[test]
fn a_partner_that_does_not_stop_sending_after_its_answer_is_closed() {
    run(async {
        let (council, _service) = council("  linger: 100ms").await;
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream.write_all(refused(1 << 40).as_bytes()).await.unwrap();
        let piece = vec![b' '; 64 << 10];
        while stream.write_all(&piece).await.is_ok() {}
        assert_eq!(reached(&council, "linger").await, 1);
        another_is_answered(&council).await;
    });
}

/// The answer has come and gone, and the request goes on: with its exchange's time it ends, whether it waits or never does.
#[test]
fn an_upload_that_goes_on_after_its_answer_ends_with_its_exchange() {
    for waits in [true, false] {
        run(async {
            let ended = Rc::new(Cell::new(false));
            let told = Rc::clone(&ended);
            let service = Service::scripted(move |_, mut stream| {
                let told = Rc::clone(&told);
                async move {
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await?;
                    let mut all = Vec::new();
                    // A reset is one way for a connection to end.
                    let _reset = stream.read_to_end(&mut all).await;
                    assert!(!all.ends_with(b"0\r\n\r\n"), "it does not look whole");
                    told.set(true);
                    Ok(None)
                }
            })
            .await;
            let mut setup = Setup::with(service.address);
            setup.limits =
                "  exchange: 500ms\n  request_body_bytes: 1GiB\n  body_idle: 1h\n  linger: 1h"
                    .to_owned();
            let council = setup.start();
            let (mut reading, mut writing) = posting(&council).await.into_split();
            writing.write_all(b"6\r\n{\"x\":\"\r\n").await.unwrap();
            let writing = tokio::task::spawn_local(async move {
                let piece = format!("4000\r\n{}\r\n", "a".repeat(16 << 10));
                while !waits && writing.write_all(piece.as_bytes()).await.is_ok() {}
                std::future::pending::<()>().await;
            });
            let head = read_head(&mut reading).await.unwrap();
            assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
            until("the service's connection ends", || ended.get()).await;
            writing.abort();
        });
    }
}
