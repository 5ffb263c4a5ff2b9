//! Services over HTTP/2 and TLS: one connection for many exchanges, streams that are refused, certificates.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Request, Response};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio_rustls::TlsAcceptor;

use crate::harness::*;
use crate::identity::{Pair, authority, private_key, self_signed};

type Answering = Rc<dyn Fn(usize, Request<RecvStream>, SendResponse<Bytes>) -> Then>;

/// What becomes of the connection after a request.
enum Then {
    GoOn,
    /// It says that it takes no more.
    GoAway,
}

/// A service that speaks nothing but HTTP/2. `answering` gets each request with its number.
struct Http2Service {
    address: SocketAddr,
    connections: Rc<Cell<usize>>,
    requests: Rc<Cell<usize>>,
}

impl Http2Service {
    async fn new(
        answering: impl Fn(usize, Request<RecvStream>, SendResponse<Bytes>) -> Then + 'static,
    ) -> Self {
        let answering: Answering = Rc::new(answering);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let service = Self {
            address: listener.local_addr().unwrap(),
            connections: Rc::default(),
            requests: Rc::default(),
        };
        let (connections, requests) = (
            Rc::clone(&service.connections),
            Rc::clone(&service.requests),
        );
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.set(connections.get() + 1);
                spawn_local(speak(stream, Rc::clone(&answering), Rc::clone(&requests)));
            }
        });
        service
    }

    fn start(&self, lines: &str) -> Council {
        let mut setup = Setup::with(self.address);
        setup.service_tls = format!("http2: only\n    {lines}");
        setup.start()
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    answering: Answering,
    requests: Rc<Cell<usize>>,
) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let number = requests.get();
        requests.set(number + 1);
        match answering(number, request, respond) {
            Then::GoOn => {}
            Then::GoAway => connection.graceful_shutdown(),
        }
    }
}

/// Answers with `body` at once.
fn answer(mut respond: SendResponse<Bytes>, body: &'static str) -> Then {
    let head = Response::builder()
        .header("content-type", "application/json")
        .body(())
        .unwrap();
    if let Ok(mut stream) = respond.send_response(head, false) {
        // The gateway may have gone, which its tests see elsewhere.
        drop(stream.send_data(Bytes::from_static(body.as_bytes()), true));
    }
    Then::GoOn
}

#[test]
fn many_exchanges_share_one_connection() {
    run(async {
        let heads = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&heads);
        let service = Http2Service::new(move |_, request, respond| {
            noted.borrow_mut().push(request.map(drop));
            answer(respond, r#"{"name":"Ada","secret":1}"#)
        })
        .await;
        let council = service.start("");
        let address = council.address();
        let asked: Vec<_> = (0..20)
            .map(|_| {
                spawn_local(async move {
                    send(address, care("GET", "/adults/7?page=2", "").as_bytes()).await
                })
            })
            .collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap().body(), r#"{"name":"Ada"}"#);
        }
        assert_eq!((service.connections.get(), service.requests.get()), (1, 20));
        let heads = heads.borrow();
        let uri = format!("http://{}/api/7?page=2", service.address);
        assert!(heads.iter().all(|head| head.uri() == uri.as_str()));
        assert!(
            heads
                .iter()
                .all(|head| !head.headers().contains_key("host"))
        );
    });
}

#[test]
fn a_connection_that_is_full_gets_another_beside_it() {
    run(async {
        let held = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&held);
        let service = Http2Service::new(move |_, _, respond| {
            noted.borrow_mut().push(respond);
            Then::GoOn
        })
        .await;
        let council = service.start("streams_per_connection: 2");
        let address = council.address();
        let asked: Vec<_> = (0..5)
            .map(|_| {
                spawn_local(
                    async move { send(address, care("GET", "/adults/7", "").as_bytes()).await },
                )
            })
            .collect();
        until("all are asked", || held.borrow().len() == 5).await;
        assert_eq!(service.connections.get(), 3);
        for respond in held.take() {
            answer(respond, "{}");
        }
        for answer in asked {
            assert_eq!(answer.await.unwrap().status(), 200);
        }
    });
}

#[test]
fn a_stream_that_the_service_refused_is_asked_again_within_the_budget() {
    run(async {
        let service = Http2Service::new(|number, _, mut respond| {
            if number == 0 {
                respond.send_reset(Reason::REFUSED_STREAM);
                return Then::GoOn;
            }
            answer(respond, "{}")
        })
        .await;
        let council = service.start("");
        assert_eq!(council.get("/adults/7").await.status(), 200);
        assert_eq!((service.connections.get(), service.requests.get()), (1, 2));
        let retried = r#"fieldgate_service_retries_total{outcome="sent",service="social-care"} 1"#;
        assert!(council.has_metric(retried).await);
    });
}

#[test]
fn a_stream_that_is_always_refused_is_no_endless_loop() {
    run(async {
        let service = Http2Service::new(|_, _, mut respond| {
            respond.send_reset(Reason::REFUSED_STREAM);
            Then::GoOn
        })
        .await;
        let council = service.start("retries: 2");
        council
            .get("/adults/7")
            .await
            .is_problem(502, "service_broke");
        assert_eq!(service.requests.get(), 3);
    });
}

#[test]
fn a_stream_that_broke_after_the_head_is_aborted_and_not_asked_again() {
    run(async {
        let go_on = Rc::new(Notify::new());
        let held = Rc::clone(&go_on);
        let service = Http2Service::new(move |_, _, mut respond| {
            let held = Rc::clone(&held);
            spawn_local(async move {
                let head = Response::builder().header("content-type", "application/json");
                let mut stream = respond
                    .send_response(head.body(()).unwrap(), false)
                    .unwrap();
                let first = Bytes::from_static(b"[{\"name\":\"Ada\"},");
                stream.send_data(first, false).unwrap();
                held.notified().await;
                stream.send_reset(Reason::INTERNAL_ERROR);
            });
            Then::GoOn
        })
        .await;
        let council = service.start("");
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        let request = care("GET", "/adults", "");
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut stream).await.unwrap();
        go_on.notify_one();
        let rest = read_to_end(&mut stream).await;
        let answer = Answer([head.as_bytes(), &rest.0].concat());
        assert!(
            answer.is_chunked() && !answer.is_whole(),
            "{}",
            answer.text()
        );
        assert_eq!(service.requests.get(), 1);
    });
}

#[test]
fn a_connection_that_says_it_takes_no_more_is_followed_by_a_new_one() {
    run(async {
        let service = Http2Service::new(|_, _, respond| {
            answer(respond, "{}");
            Then::GoAway
        })
        .await;
        let council = service.start("");
        for _ in 0..5 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        // What the service takes before it has heard that the gateway knows is up to the service.
        assert!(service.connections.get() > 1);
    });
}

#[test]
fn a_note_reaches_a_service_over_http2_minimised() {
    run(async {
        let bodies = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&bodies);
        let service = Http2Service::new(move |_, request, respond| {
            let noted = Rc::clone(&noted);
            spawn_local(async move {
                let mut body = request.into_body();
                let mut whole = Vec::new();
                while let Some(Ok(data)) = body.data().await {
                    body.flow_control().release_capacity(data.len()).unwrap();
                    whole.extend_from_slice(&data);
                }
                noted.borrow_mut().push(String::from_utf8(whole).unwrap());
                answer(respond, r#"{"text":"ok","n":1}"#);
            });
            Then::GoOn
        })
        .await;
        let council = service.start("");
        let body = r#"{"text":"a note","author":"CANARY"}"#;
        let head = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let answer = council
            .send(&(care("POST", "/adults/7/notes", &head) + body))
            .await;
        assert_eq!(answer.body(), r#"{"text":"ok"}"#, "{}", answer.text());
        assert_eq!(*bodies.borrow(), [r#"{"text":"a note"}"#]);
    });
}

#[test]
fn p5_a_stream_that_is_not_read_stops_its_sender_and_no_other_stream() {
    run(async {
        let sent = Rc::new(Cell::new(0_usize));
        let counted = Rc::clone(&sent);
        let service = Http2Service::new(move |_, request, mut respond| {
            if request.uri().path() == "/api/7" {
                return answer(respond, "{}");
            }
            let sent = Rc::clone(&counted);
            spawn_local(async move {
                let head = Response::builder().header("content-type", "application/json");
                let mut stream = respond
                    .send_response(head.body(()).unwrap(), false)
                    .unwrap();
                let record = format!("{{\"name\":\"{}\"}},", "a".repeat(60 << 10));
                let record = Bytes::from(record);
                let mut next = Bytes::from_static(b"[");
                // Only as much as the gateway has room for.
                loop {
                    stream.reserve_capacity(next.len());
                    let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
                    let Some(Ok(room)) = room else { return };
                    let piece = next.split_to(room.min(next.len()));
                    sent.set(sent.get() + piece.len());
                    if stream.send_data(piece, false).is_err() {
                        return;
                    }
                    if next.is_empty() {
                        next = record.clone();
                    }
                }
            });
            Then::GoOn
        })
        .await;
        let council = service.start("");
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        read_head(&mut stream).await.unwrap();
        let mut before = usize::MAX;
        while sent.get() != before {
            before = sent.get();
            for _ in 0..50 {
                assert_eq!(council.get("/adults/7").await.status(), 200);
            }
        }
        // The sockets to the partner hold some megabytes, the gateway a window and what it gathers.
        assert!(
            sent.get() < 24 << 20,
            "the service could send {} bytes to nobody",
            sent.get()
        );
        assert_eq!(service.connections.get(), 1, "all on one connection");
    });
}

/// A service over TLS that shows `pair` and offers `protocols`; with `client_ca` it asks for a certificate under it.
async fn tls_service(
    pair: &Pair,
    protocols: &[&[u8]],
    client_ca: Option<&str>,
) -> (SocketAddr, Rc<RefCell<Vec<String>>>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
                .unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    let mut config = builder
        .with_single_cert(vec![certificate], private_key(pair))
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let spoken = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&spoken);
    spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let protocol = stream.get_ref().1.alpn_protocol().unwrap_or_default();
            let protocol = String::from_utf8_lossy(protocol).into_owned();
            noted.borrow_mut().push(protocol.clone());
            spawn_local(async move {
                if protocol == "h2" {
                    let answering: Answering = Rc::new(|_, _, respond| answer(respond, "{}"));
                    return speak(stream, answering, Rc::default()).await;
                }
                while read_head(&mut stream).await.is_ok() {
                    if stream.write_all(json("{}").as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, spoken)
}

#[test]
fn http2_is_spoken_where_it_is_offered_and_wanted() {
    run(async {
        let pair = self_signed("service.example");
        let (h2, http1) = (&b"h2"[..], &b"http/1.1"[..]);
        for (offered, wanted, spoken) in [
            (vec![h2, http1], "auto", Some("h2")),
            (vec![http1], "auto", Some("http/1.1")),
            (vec![], "auto", Some("")),
            (vec![h2, http1], "never", Some("http/1.1")),
            (vec![h2], "only", Some("h2")),
            (vec![], "only", None),
        ] {
            let (address, protocols) = tls_service(&pair, &offered, None).await;
            let mut setup = Setup::with(address);
            setup.service = format!("https://{address}");
            setup.service_tls = format!(
                "http2: {wanted}\n    tls: {{ ca: service.pem, server_name: service.example, min_version: \"1.3\" }}"
            );
            setup.files = vec![("service.pem".to_owned(), pair.certificate.clone())];
            let council = setup.start();
            for _ in 0..2 {
                let answer = council.get("/adults/7").await;
                match spoken {
                    Some(_) => assert_eq!(answer.status(), 200, "{}", answer.text()),
                    None => drop(answer.is_problem(502, "service_unreachable")),
                }
            }
            if let Some(spoken) = spoken {
                assert_eq!(*protocols.borrow(), [spoken], "{wanted}, one connection");
            }
        }
    });
}

#[test]
fn the_gateway_shows_its_certificate_to_a_service_that_asks_for_one() {
    run(async {
        let pair = self_signed("service.example");
        let council_ca = authority();
        let own = council_ca.sign("gateway.example");
        let ca = council_ca.certificate.as_str();
        let (address, _) = tls_service(&pair, &[&b"http/1.1"[..]], Some(ca)).await;
        for (lines, works) in [
            (
                "tls: { ca: service.pem, server_name: service.example, certificate: own.pem, key: own.key }",
                true,
            ),
            (
                "tls: { ca: service.pem, server_name: service.example }",
                false,
            ),
            (
                "tls: { ca: service.pem, server_name: other.example, certificate: own.pem, key: own.key }",
                false,
            ),
        ] {
            let mut setup = Setup::with(address);
            setup.service = format!("https://{address}");
            setup.service_tls = lines.to_owned();
            setup.files = vec![
                ("service.pem".to_owned(), pair.certificate.clone()),
                ("own.pem".to_owned(), own.certificate.clone()),
            ];
            let mut council = setup.write();
            let key = council.folder.path().join("own.key");
            write_secret(&key, &own.key.serialize_pem());
            council.start();
            let answer = council.get("/adults/7").await;
            if works {
                assert_eq!(answer.status(), 200, "{}", answer.text());
            } else {
                assert_eq!(answer.status(), 502, "{}", answer.text());
            }
        }
    });
}

#[test]
fn a_key_for_services_that_others_may_read_is_refused_at_the_start() {
    run(async {
        let own = self_signed("gateway.example");
        let mut setup = Setup::with(([127, 0, 0, 1], 1).into());
        setup.service = "https://service.example".to_owned();
        setup.service_tls = "tls: { ca: own.pem, certificate: own.pem, key: own.key }".to_owned();
        setup.files = vec![
            ("own.pem".to_owned(), own.certificate.clone()),
            ("own.key".to_owned(), own.key.serialize_pem()),
        ];
        let mut council = setup.write();
        let key = council.folder.path().join("own.key");
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(&key, readable).unwrap();
        let error = council
            .try_start()
            .expect_err("others may read it")
            .to_string();
        assert!(error.contains("own.key"), "{error}");
    });
}
