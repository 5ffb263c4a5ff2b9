//! Heads that are too large or have too many headers: refused with a reason by the gateway itself, over either protocol.

use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::connections::{another_is_answered, reached, usual};
use crate::harness::*;

/// `GET /adults/7` over HTTP/2 with `more` headers; the status and the body.
async fn over_http2(council: &Council, more: &[(String, String)]) -> (u16, Vec<u8>) {
    let stream = TcpStream::connect(council.address()).await.unwrap();
    let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::task::spawn_local(connection);
    let mut request = Request::get("http://gateway/adults/7")
        .header("x-api-key", HEALTH_KEY)
        .header("data-purpose", "care");
    for (name, value) in more {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, body.to_vec())
}

fn many(count: usize) -> Vec<(String, String)> {
    (0..count)
        .map(|number| (format!("x-{number}"), "b".to_owned()))
        .collect()
}

fn long(bytes: usize) -> Vec<(String, String)> {
    vec![("x-a".to_owned(), "b".repeat(bytes))]
}

fn lines(headers: &[(String, String)]) -> String {
    let lines = headers.iter();
    lines
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect()
}

#[track_caller]
fn is_told(body: &[u8]) {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(problem["reason"], "head_too_large", "{problem}");
}

#[test]
fn p4_p6_heads_that_are_too_large_are_refused_with_a_reason_over_either_protocol() {
    run(async {
        let (mut council, service) = usual("").await;
        let mut refused = 0;
        for more in [many(101), long(41 << 10), many(8_000)] {
            let answer = council.send(&care("GET", "/adults/7", &lines(&more))).await;
            answer.is_problem(431, "head_too_large");
            refused += 1;
            another_is_answered(&council).await;
        }
        for more in [many(99), long(41 << 10)] {
            let (status, body) = over_http2(&council, &more).await;
            assert_eq!(status, 431);
            is_told(&body);
            refused += 1;
            another_is_answered(&council).await;
        }
        assert_eq!(reached(&council, "header_bytes").await, refused);
        // What is far beyond is not read at all.
        let (status, body) = over_http2(&council, &long(84 << 10)).await;
        assert_eq!((status, body.len()), (431, 0));
        another_is_answered(&council).await;
        assert_eq!(service.requests().len(), 6, "nothing of them reached it");
        council.stop().await;
        let entered = council.entries("refusal");
        assert_eq!(entered.len() as u64, refused);
        assert!(
            entered
                .iter()
                .all(|entry| entry["reason"] == "head_too_large")
        );
    });
}

#[test]
fn a_head_may_be_as_large_as_is_configured_over_either_protocol() {
    run(async {
        let limits = "  header_count: 300\n  header_bytes: 64KiB";
        let (council, service) = usual(limits).await;
        for more in [many(250), long(60 << 10)] {
            let answer = council.send(&care("GET", "/adults/7", &lines(&more))).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let (status, body) = over_http2(&council, &more).await;
            assert_eq!((status, &body[..]), (200, &br#"{"name":"Ada"}"#[..]));
        }
        assert_eq!(service.requests().len(), 4);
        let more = many(301);
        let answer = council.send(&care("GET", "/adults/7", &lines(&more))).await;
        answer.is_problem(431, "head_too_large");
        let (status, body) = over_http2(&council, &more).await;
        assert_eq!(status, 431);
        is_told(&body);
    });
}

#[test]
fn a_target_that_is_too_long_is_refused_over_either_protocol() {
    run(async {
        let (council, service) = usual("").await;
        let path = format!("/adults/{}", "7".repeat(8 << 10));
        let answer = council.get(&path).await;
        answer.is_problem(414, "uri_too_long");
        let stream = TcpStream::connect(council.address()).await.unwrap();
        let (mut client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::task::spawn_local(connection);
        let request = Request::get(format!("http://gateway{path}"));
        let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
        assert_eq!(client.send_request(request).await.unwrap().status(), 414);
        assert_eq!(reached(&council, "uri_bytes").await, 2);
        assert!(service.requests().is_empty());
    });
}
