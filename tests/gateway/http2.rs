//! HTTP/2 from partners, in the clear by its preface.

use std::task::Poll;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::*;

pub(crate) async fn client(council: &Council) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(council.address()).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::task::spawn_local(connection);
    sender
}

pub(crate) fn request(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://gateway{path}"))
        .header("x-api-key", HEALTH_KEY)
        .header("data-purpose", "care")
        .body(Empty::new())
        .unwrap()
}

#[test]
fn exchanges_of_one_connection_run_side_by_side() {
    run(async {
        let (council, _service) = Council::answering(json(r#"{"name":"Ada","secret":1}"#)).await;
        let mut client = client(&council).await;
        let answers: Vec<_> = (0..20)
            .map(|_| client.send_request(request("/adults/7")))
            .collect();
        for answer in answers {
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(answer.headers()["content-length"], "14");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, r#"{"name":"Ada"}"#);
        }
    });
}

#[test]
fn p6_a_refusal_reads_the_same_over_http2() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        let mut client = client(&council).await;
        let mut asked = request("/adults/7");
        asked
            .headers_mut()
            .insert("data-purpose", "research".parse().unwrap());
        let answer = client.send_request(asked).await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["reason"], "purpose_not_agreed");
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn p4_a_fault_after_the_head_resets_the_stream_and_no_other() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            if head.contains("/api ") {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{\"name\":\"Ada\"},\r\n").await?;
                // The partner has the head before the fault is sent: it asks for the next thing only then.
                Ok(Some(stream))
            } else {
                stream.write_all(json(r#"{"name":"Ada"}"#).as_bytes()).await?;
                Ok(None)
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  body_idle: 300ms".to_owned();
        let council = setup.start();
        let mut client = client(&council).await;
        let answer = client.send_request(request("/adults")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let other = client.send_request(request("/adults/7")).await.unwrap();
        assert_eq!(
            other.into_body().collect().await.unwrap().to_bytes(),
            r#"{"name":"Ada"}"#
        );
        let error = answer
            .into_body()
            .collect()
            .await
            .expect_err("the body does not end well");
        assert!(!error.is_closed(), "{error:?}");
        let again = client.send_request(request("/adults/7")).await.unwrap();
        assert_eq!(again.status(), StatusCode::OK);
    });
}

/// A partner that is still sending when it is refused reads why, and its connection goes on.
#[test]
fn p6_a_refusal_reaches_a_partner_that_still_sends_its_body() {
    run(async {
        let (council, service) = Council::answering(json(r#"{"name":"Ada"}"#)).await;
        let stream = TcpStream::connect(council.address()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::task::spawn_local(connection);
        for size in [1, 2_000, 60_000] {
            // No disclosure has a body for this.
            let asked = request("/adults/7").map(|_| ());
            let (answer, mut body) = client.send_request(asked, false).unwrap();
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
            let mut answer = answer.into_body();
            let mut problem = Vec::new();
            while let Some(piece) = answer.data().await {
                problem.extend_from_slice(&piece.unwrap());
            }
            let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
            assert_eq!(problem["reason"], "body_not_agreed");
            // The next exchange's answer comes after anything that was said of this one.
            for end in [false, true] {
                let asked = request("/adults/7").map(|_| ());
                let (answer, _) = client.send_request(asked, true).unwrap();
                assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
                let reset = std::future::poll_fn(|cx| Poll::Ready(body.poll_reset(cx))).await;
                assert!(reset.is_pending(), "{size}: {reset:?}");
                if !end {
                    body.send_data(Bytes::from(vec![b' '; size]), true).unwrap();
                }
            }
        }
        assert_eq!(service.requests().len(), 6);
    });
}
