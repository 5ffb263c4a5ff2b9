//! P4: where a body ends is told by its framing, its coding or its format; what was cut off never looks whole.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use h2::Reason;
use http::Request;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use crate::encoding::{gzip, zlib};
use crate::formats::agreement;
use crate::harness::*;
use crate::identity::{private_key, self_signed};

const NDJSON: &str = "{ format: ndjson, fields: [{ keep: ['$[*].name'] }] }";
const LINES: &[u8] = b"{\"name\":\"Ada\"}\n{\"name\":\"Bob\"}\n";
const FIRST_LINE: &[u8] = b"{\"name\":\"Ada\"}\n";

/// What tells the end of the service's answer.
const HTTP_10: &str = "HTTP/1.0 200 OK\r\n";
const CLOSE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n";

/// A gateway before a service that answers with `head`, a label, an empty line and `body`, and closes.
async fn closing(
    rules: &str,
    head: String,
    body: &[u8],
    service_lines: &str,
) -> (Council, Service) {
    let answer = [head.as_bytes(), b"\r\n", body].concat();
    let service = Service::scripted(move |_, mut stream| {
        let answer = answer.clone();
        async move {
            stream.write_all(&answer).await?;
            Ok(None)
        }
    })
    .await;
    let mut setup = Setup::with(service.address);
    setup.agreements = vec![("formats.yaml".to_owned(), agreement(rules))];
    setup.service_tls = service_lines.to_owned();
    (setup.start(), service)
}

/// Either a problem, or an answer that was aborted: what had come may have begun to leave.
#[track_caller]
fn is_not_whole(answer: &Answer) {
    let is_whole = answer.status() != 502 && answer.is_whole();
    assert!(!is_whole, "{}", answer.text());
}

#[test]
fn p4_a_body_that_only_the_connection_ends_passes_where_its_format_tells_its_end() {
    const JSON: &str = "{ format: json, fields: [{ keep: ['$[*].name'] }] }";
    const XML: &str = "{ format: xml, fields: [{ keep: [$.person.name] }] }";
    let json = br#"[{"name":"Ada"},{"name":"Bob"}]"#;
    let xml = b"<person><name>Ada</name></person>";
    let parts = b"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\n--x--";
    for (rules, label, body) in [
        (JSON, "application/json", &json[..]),
        (XML, "application/xml", &xml[..]),
        (
            "{ format: multipart, fields: [{ keep: [$.name] }] }",
            "multipart/form-data; boundary=x",
            &parts[..],
        ),
    ] {
        for status in [HTTP_10, CLOSE] {
            run(async {
                // At any other length than the whole one it was cut off.
                for length in (0..=body.len()).rev().step_by(7) {
                    let head = format!("{status}Content-Type: {label}\r\n");
                    let (council, _service) = closing(rules, head, &body[..length], "").await;
                    let answer = council.get("/out").await;
                    if length == body.len() {
                        assert_eq!(answer.status(), 200, "{}", answer.text());
                        assert!(answer.is_whole() && answer.body().contains("Ada"));
                    } else {
                        is_not_whole(&answer);
                    }
                }
            });
        }
    }
}

#[test]
fn p4_a_body_that_only_the_connection_ends_is_refused_where_its_format_does_not_tell() {
    const KEEP: &str = "fields: [{ keep: ['$[*].name'] }]";
    for (format, label, body) in [
        ("ndjson", "application/x-ndjson", LINES),
        (
            "json-seq",
            "application/json-seq",
            b"\x1e{\"name\":\"Ada\"}\n",
        ),
        (
            "event-stream",
            "text/event-stream",
            b"data: {\"name\":\"Ada\"}\n\n",
        ),
        ("csv", "text/csv", b"name\nAda\n"),
        ("tsv", "text/tab-separated-values", b"name\nAda\n"),
    ] {
        let rules = format!("{{ format: {format}, {KEEP} }}");
        for status in [HTTP_10, CLOSE] {
            run(async {
                let head = format!("{status}Content-Type: {label}\r\n");
                let (mut council, _service) = closing(&rules, head.clone(), body, "").await;
                let answer = council.get("/out").await;
                answer.is_problem(502, "end_unmarked");
                assert!(!answer.text().contains("Ada"));
                council.stop().await;
                let release = &council.entries("release")[0];
                assert_eq!(release["reason"], "end_unmarked");
                // A length is enough, also in HTTP/1.0.
                let sized = format!("{head}Content-Length: {}\r\n", body.len());
                let (council, _service) = closing(&rules, sized, body, "").await;
                let answer = council.get("/out").await;
                assert_eq!(answer.status(), 200, "{}", answer.text());
                // So it is where the controller has said that the service's closing can be trusted.
                let (council, _service) = closing(&rules, head, body, "trust_close: true").await;
                let answer = council.get("/out").await;
                assert_eq!(answer.status(), 200, "{}", answer.text());
                assert!(answer.is_whole() && answer.body().contains("Ada"));
            });
        }
    }
}

#[test]
fn p4_a_coding_that_tells_its_end_ends_a_body_and_one_that_may_go_on_does_not() {
    for (coding, coded, passes) in [
        ("deflate", zlib(LINES), true),
        // Another member may follow: that it is not there does not show.
        ("gzip", gzip(LINES), false),
        ("zstd", zstd::encode_all(LINES, 3).unwrap(), false),
    ] {
        run(async {
            let label = format!(
                "{CLOSE}Content-Type: application/x-ndjson\r\nContent-Encoding: {coding}\r\n"
            );
            let (council, _service) = closing(NDJSON, label, &coded, "").await;
            let answer = council.get("/out").await;
            if passes {
                assert_eq!(answer.body().as_bytes(), LINES, "{coding}");
            } else {
                answer.is_problem(502, "end_unmarked");
            }
        });
    }
}

#[test]
fn p4_a_number_that_only_the_connection_ends_might_have_gone_on() {
    const NUMBER: &str = "{ format: json, fields: [{ keep: [$] }] }";
    for (body, whole) in [
        ("12", false),
        ("-1.5e3", false),
        ("12\n", true),
        ("\"12\"", true),
        ("true", true),
    ] {
        run(async {
            let head = format!("{CLOSE}Content-Type: application/json\r\n");
            let (mut council, _service) = closing(NUMBER, head, body.as_bytes(), "").await;
            let answer = council.get("/out").await;
            council.stop().await;
            let release = &council.entries("release")[0];
            if whole {
                assert_eq!(answer.body(), body.trim_end());
                assert_eq!(release["outcome"], "complete");
            } else {
                is_not_whole(&answer);
                assert_eq!(release["reason"], "end_unmarked");
            }
        });
    }
}

#[test]
fn p4_a_tls_service_that_ends_the_connection_without_saying_so_has_not_ended_its_body() {
    for (says_so, service_lines, reason) in [
        (true, "trust_close: true", None),
        (false, "trust_close: true", Some("service_broke")),
        // That somebody closed in good order does not say that all was sent.
        (true, "", Some("end_unmarked")),
        (false, "", Some("end_unmarked")),
    ] {
        run(async {
            let pair = self_signed("service.example");
            let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], private_key(&pair))
                .unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            spawn_local(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let mut stream = acceptor.accept(stream).await.unwrap();
                    read_head(&mut stream).await.unwrap();
                    let head = format!("{CLOSE}Content-Type: application/x-ndjson\r\n\r\n");
                    let answer = [head.as_bytes(), FIRST_LINE].concat();
                    stream.write_all(&answer).await.unwrap();
                    stream.flush().await.unwrap();
                    if says_so {
                        // The gateway may have hung up by now.
                        drop(stream.shutdown().await);
                    } else {
                        drop(stream.get_mut().0.shutdown().await);
                    }
                }
            });
            let mut setup = Setup::with(address);
            setup.service = format!("https://{address}");
            setup.agreements = vec![("formats.yaml".to_owned(), agreement(NDJSON))];
            setup.service_tls = format!(
                "tls: {{ ca: service.pem, server_name: service.example }}\n    {service_lines}"
            );
            setup.files = vec![("service.pem".to_owned(), pair.certificate.clone())];
            let mut council = setup.start();
            let answer = council.get("/out").await;
            council.stop().await;
            let release = &council.entries("release")[0];
            match reason {
                None => assert_eq!(answer.body().as_bytes(), FIRST_LINE),
                Some(reason) => {
                    assert_eq!(release["reason"], reason, "{}", answer.text());
                    is_not_whole(&answer);
                }
            }
        });
    }
}

/// How an HTTP/2 service stops in the midst of its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stops {
    /// It says that nothing is wrong, and does not say that this was all.
    Reset,
    /// It says that it was all, then that it wants no more of the request.
    EndThenReset,
}

#[test]
fn p4_an_http2_stream_that_is_reset_without_an_error_has_not_ended_its_body() {
    for stops in [Stops::Reset, Stops::EndThenReset] {
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            spawn_local(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((_, mut respond))) = connection.accept().await {
                        let head = http::Response::builder()
                            .header("content-type", "application/x-ndjson")
                            .body(())
                            .unwrap();
                        let mut stream = respond.send_response(head, false).unwrap();
                        let ends = stops == Stops::EndThenReset;
                        let sent = Bytes::from_static(FIRST_LINE);
                        stream.send_data(sent, ends).unwrap();
                        // What is queued goes out before a reset that comes a turn later.
                        spawn_local(async move {
                            for _ in 0..100 {
                                tokio::task::yield_now().await;
                            }
                            stream.send_reset(Reason::NO_ERROR);
                        });
                    }
                }
            });
            let mut setup = Setup::with(address);
            setup.service_tls = "http2: only".to_owned();
            setup.agreements = vec![("formats.yaml".to_owned(), agreement(NDJSON))];
            let mut council = setup.start();
            let answer = council.get("/out").await;
            council.stop().await;
            let release = &council.entries("release")[0];
            match stops {
                Stops::EndThenReset => {
                    assert_eq!(answer.body().as_bytes(), FIRST_LINE);
                    assert_eq!(release["outcome"], "complete");
                }
                Stops::Reset => {
                    is_not_whole(&answer);
                    assert_eq!(release["reason"], "service_broke");
                }
            }
        });
    }
}

/// An upload over HTTP/2 whose first line is sent: its connection, its answer to come, and the rest to send.
async fn begin_upload(
    council: &Council,
) -> (
    h2::client::SendRequest<Bytes>,
    h2::client::ResponseFuture,
    h2::SendStream<Bytes>,
) {
    let stream = TcpStream::connect(council.address()).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    spawn_local(connection);
    let request = Request::post("http://gateway/in")
        .header("x-api-key", HEALTH_KEY)
        .header("data-purpose", "care")
        .header("content-type", "application/x-ndjson")
        .body(())
        .unwrap();
    let (answer, mut sending) = client.send_request(request, false).unwrap();
    sending
        .send_data(Bytes::from_static(FIRST_LINE), false)
        .unwrap();
    (client, answer, sending)
}

#[test]
fn p4_a_partners_stream_that_is_reset_without_an_error_reaches_the_service_as_no_whole_body() {
    run(async {
        let bodies = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&bodies);
        let service = Service::scripted(move |head, mut stream| {
            let noted = Rc::clone(&noted);
            async move {
                let body = skip_body(&head, &mut stream).await;
                noted.borrow_mut().push(body.map_err(drop));
                stream.write_all(json("{}").as_bytes()).await?;
                Ok(None)
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.agreements = vec![("formats.yaml".to_owned(), agreement(NDJSON))];
        let mut council = setup.start();
        let (_client, answer, mut sending) = begin_upload(&council).await;
        until("the service has the head", || service.requests().len() == 1).await;
        sending.send_reset(Reason::NO_ERROR);
        until("the service's connection ended", || {
            bodies.borrow().len() == 1
        })
        .await;
        assert_eq!(*bodies.borrow(), [Err(())]);
        drop(answer);
        council.stop().await;
    });
}

/// The answer has begun when the partner resets its upload: what the service has of it looks as unfinished as it is.
#[test]
fn p4_an_upload_that_is_reset_after_its_answer_has_begun_does_not_look_whole() {
    run(async {
        let bodies = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&bodies);
        let service = Service::scripted(move |head, mut stream| {
            let noted = Rc::clone(&noted);
            async move {
                let begun = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\nf\r\n{\"name\":\"Ada\"}\n\r\n";
                stream.write_all(begun.as_bytes()).await?;
                let body = skip_body(&head, &mut stream).await;
                noted.borrow_mut().push(body.map_err(drop));
                Ok(None)
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.agreements = vec![("formats.yaml".to_owned(), agreement(NDJSON))];
        let mut council = setup.start();
        let (_client, answer, mut sending) = begin_upload(&council).await;
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        sending.send_reset(Reason::NO_ERROR);
        until("the service's connection ended", || {
            bodies.borrow().len() == 1
        })
        .await;
        assert_eq!(*bodies.borrow(), [Err(())]);
        drop(answer);
        council.stop().await;
    });
}
