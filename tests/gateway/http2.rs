//! HTTP/2 from partners, in the clear by its preface.

use std::task::Poll;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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

/// A stream on a connection of its own on which a note is sent, and what becomes of it.
struct Sending {
    answer: h2::client::ResponseFuture,
    body: h2::SendStream<Bytes>,
    client: h2::client::SendRequest<Bytes>,
}

impl Sending {
    async fn begin(council: &Council) -> Self {
        let stream = TcpStream::connect(council.address()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::task::spawn_local(connection);
        let note = Request::post("http://gateway/adults/7/notes")
            .header("x-api-key", HEALTH_KEY)
            .header("data-purpose", "care")
            .header("content-type", "application/json")
            .body(())
            .unwrap();
        let (answer, body) = client.send_request(note, false).unwrap();
        Self {
            answer,
            body,
            client,
        }
    }

    /// Sends `data` as the windows allow; gives the rest that they did not before the stream was reset.
    async fn send(&mut self, mut data: Bytes, is_end: bool) -> Result<(), h2::Reason> {
        while !data.is_empty() {
            self.body.reserve_capacity(data.len());
            let room = std::future::poll_fn(|cx| {
                if let Poll::Ready(reset) = self.body.poll_reset(cx) {
                    return Poll::Ready(Err(reset.unwrap()));
                }
                self.body.poll_capacity(cx).map(Ok)
            });
            let room = room.await?.unwrap().unwrap().min(data.len());
            let piece = data.split_to(room);
            let is_last = is_end && data.is_empty();
            self.body.send_data(piece, is_last).unwrap();
        }
        Ok(())
    }

    /// The refusal's reason, read to its end.
    async fn reason(&mut self) -> String {
        let answer = (&mut self.answer).await.unwrap();
        let mut answer = answer.into_body();
        let mut problem = Vec::new();
        while let Some(piece) = answer.data().await {
            let piece = piece.unwrap();
            answer.flow_control().release_capacity(piece.len()).unwrap();
            problem.extend_from_slice(&piece);
        }
        let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
        problem["reason"].as_str().unwrap().to_owned()
    }

    /// Another exchange on the connection: its answer comes after anything that was said of this one.
    async fn another_is_answered(&mut self) {
        let asked = request("/adults/7").map(|_| ());
        let (answer, _) = self.client.send_request(asked, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
    }

    async fn reset(&mut self) -> Poll<Result<h2::Reason, h2::Error>> {
        std::future::poll_fn(|cx| Poll::Ready(self.body.poll_reset(cx))).await
    }
}

/// A service that answers records, and waits for ever for the end of a note.
async fn taking_notes() -> Service {
    Service::scripted(|head, mut stream| async move {
        if head.starts_with("POST ") {
            skip_body(&head, &mut stream).await?;
        }
        stream
            .write_all(json(r#"{"text":"Ada"}"#).as_bytes())
            .await?;
        Ok(Some(stream))
    })
    .await
}

/// What is wrong with an upload shows in its middle. The partner that still sends reads why, and its connection goes on.
#[test]
fn p6_a_refusal_in_the_middle_of_a_body_reaches_a_partner_that_still_sends_it() {
    run(async {
        let service = taking_notes().await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  request_body_bytes: 16KiB".to_owned();
        let council = setup.start();
        for (begins, reason) in [
            (r#"{"text":"Ada"}}}}"#.to_owned(), "request_trailing_bytes"),
            (r#"{"text":"Ada""text""#.to_owned(), "request_malformed"),
            (
                format!(r#"{{"x":"{}"#, "x".repeat(17 << 10)),
                "request_body_too_large",
            ),
        ] {
            for rest in [1, 2_000, 60_000] {
                let mut sending = Sending::begin(&council).await;
                let begun = sending.send(Bytes::from(begins.clone()), false).await;
                assert_eq!(begun, Ok(()));
                assert_eq!(sending.reason().await, reason);
                sending.another_is_answered().await;
                let reset = sending.reset().await;
                assert!(reset.is_pending(), "{reason}, {rest}: {reset:?}");
                let sent = sending.send(Bytes::from(vec![b' '; rest]), true).await;
                assert_eq!(sent, Ok(()), "{reason}, {rest}");
                sending.another_is_answered().await;
                let reset = sending.reset().await;
                assert!(reset.is_pending(), "{reason}, {rest}: {reset:?}");
            }
        }
    });
}

/// What has no end is reset, after the answer and with the one code that says that the answer stands.
#[test]
fn p5_what_comes_after_a_refusal_in_the_middle_of_a_body_is_let_come_within_a_limit() {
    run(async {
        let service = taking_notes().await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  unread_bytes: 100KiB".to_owned();
        let council = setup.start();
        let mut sending = Sending::begin(&council).await;
        let begins = Bytes::from_static(br#"{"text":"Ada"}}}}"#);
        assert_eq!(sending.send(begins, false).await, Ok(()));
        assert_eq!(sending.reason().await, "request_trailing_bytes");
        let more = Bytes::from(vec![b' '; 50 << 10]);
        assert_eq!(sending.send(more.clone(), false).await, Ok(()));
        sending.another_is_answered().await;
        assert!(sending.reset().await.is_pending());
        let mut sent = 50 << 10;
        let reset = loop {
            match sending.send(more.clone(), false).await {
                Ok(()) => sent += more.len(),
                Err(reset) => break reset,
            }
            assert!(sent < 10 << 20, "it comes without end");
        };
        assert_eq!(reset, h2::Reason::NO_ERROR);
        sending.another_is_answered().await;
        assert!(
            council
                .has_metric(r#"fieldgate_limits_reached_total{limit="unread_bytes"} 1"#)
                .await
        );
    });
}

/// A literal header without indexing (RFC 7541 §6.2.2), of at most 126 bytes each.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        assert!(text.len() < 127);
        [&[text.len() as u8], text.as_bytes()].concat()
    };
    [vec![0], text(name), text(value)].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Of the answer to `method path`, the kind, the flag END_STREAM and the length of each frame on its stream, up to the
/// frame with the flag.
async fn frames(
    council: &Council,
    (method, path): (&str, &str),
    more: &[(&str, &str)],
) -> Vec<(u8, bool, usize)> {
    let headers = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "gateway"),
        (":path", path),
        ("x-api-key", HEALTH_KEY),
        ("data-purpose", "care"),
    ];
    let block: Vec<u8> = headers
        .iter()
        .chain(more)
        .flat_map(|(name, value)| literal(name, value))
        .collect();
    let mut stream = TcpStream::connect(council.address()).await.unwrap();
    let asked = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(1, 5, 1, &block),
    ];
    stream.write_all(&asked.concat()).await.unwrap();
    let mut found = Vec::new();
    while found.last().is_none_or(|(_, ended, _)| !ended) {
        let mut head = [0; 9];
        let read = tokio::time::timeout(HANG, stream.read_exact(&mut head)).await;
        read.expect("the stream ends").unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        if head[8] == 1 && head[3] < 2 {
            found.push((head[3], head[4] & 1 == 1, length));
        }
    }
    found
}

#[test]
fn an_answer_without_a_body_is_a_head_that_ends_its_stream() {
    const HEADERS: u8 = 1;
    run(async {
        for (status, length) in [
            ("204 No Content", None),
            ("205 Reset Content", None),
            ("201 Created", None),
        ] {
            let (council, _service) =
                Council::answering(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).await;
            let found = frames(&council, ("GET", "/adults/7"), &[]).await;
            assert!(
                matches!(found[..], [(HEADERS, true, _)]),
                "{status}: {found:?}"
            );
            let answer = client(&council)
                .await
                .send_request(request("/adults/7"))
                .await
                .unwrap();
            assert_eq!(answer.status().as_str(), &status[..3]);
            let told = answer.headers().get("content-length");
            assert_eq!(told, length, "{status}");
        }
    });
}

#[test]
fn p2_a_304_over_http2_is_a_head_alone_with_what_its_get_would_say() {
    run(async {
        let (council, _service) =
            Council::answering(json_with("ETag: \"7\"\r\n", r#"{"name":"Ada","secret":1}"#)).await;
        let mut client = client(&council).await;
        let first = client.send_request(request("/adults/7")).await.unwrap();
        let own = first.headers()["etag"].clone();
        for method in ["GET", "HEAD"] {
            let mut asked = request("/adults/7");
            *asked.method_mut() = method.parse().unwrap();
            asked.headers_mut().insert("if-none-match", own.clone());
            let answer = client.send_request(asked).await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(answer.headers()["etag"], own);
            assert_eq!(answer.headers()["cache-control"], "private, no-store");
            assert!(!answer.headers().contains_key("content-length"));
            let more = [("if-none-match", own.to_str().unwrap())];
            let found = frames(&council, (method, "/adults/7"), &more).await;
            assert!(matches!(found[..], [(1, true, _)]), "{method}: {found:?}");
        }
    });
}

#[test]
fn p2_a_head_over_http2_has_no_body_be_it_answered_or_refused() {
    run(async {
        // The service answers a HEAD, whose length is of a body that does not follow.
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4711\r\n\r\n";
        let (council, service) = Council::answering(head).await;
        let mut client = client(&council).await;
        let head_of = |path: &str| {
            let mut asked = request(path);
            *asked.method_mut() = http::Method::HEAD;
            asked
        };
        let answer = client.send_request(head_of("/adults/7")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "application/json");
        // Nobody knows the length of what would leave.
        assert!(!answer.headers().contains_key("content-length"));
        let found = frames(&council, ("HEAD", "/adults/7"), &[]).await;
        assert!(matches!(found[..], [(1, true, _)]), "{found:?}");
        assert!(
            service
                .requests()
                .iter()
                .all(|head| head.starts_with("HEAD "))
        );

        // A refusal's length is known: that of the document that a GET would be told.
        let refused = client.send_request(head_of("/nothing")).await.unwrap();
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            refused.headers()["content-type"],
            "application/problem+json"
        );
        let length = refused.headers()["content-length"].clone();
        assert!(
            refused
                .into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .is_empty()
        );
        let got = client.send_request(request("/nothing")).await.unwrap();
        assert_eq!(got.headers()["content-length"], length);
        let found = frames(&council, ("HEAD", "/nothing"), &[]).await;
        assert!(matches!(found[..], [(1, true, _)]), "{found:?}");
    });
}

/// A target that is for another kind of server has its reason over HTTP/2 too, also where the request is spelt as the
/// gateway's own notes of malformed HTTP/1.1 are.
#[test]
fn p6_forms_that_are_not_for_a_gateway_have_their_reason_over_http2() {
    run(async {
        let (mut council, service) = Council::answering(json("{}")).await;
        for asked in [("OPTIONS", "*"), ("LINE-END", "*")] {
            let found = frames(&council, asked, &[]).await;
            assert!(
                found.iter().any(|(kind, ..)| *kind == 1),
                "{asked:?}: {found:?}"
            );
        }
        council.stop().await;
        assert!(service.requests().is_empty());
        let entered = council.entries("refusal");
        let reasons: Vec<_> = entered.iter().map(|entry| &entry["reason"]).collect();
        assert_eq!(reasons, ["request_form"; 2]);
    });
}
