//! How pushes end that do not end well, and who waits for whom: what is broken off looks whole to nobody (P4), and nobody's
//! sender gets far ahead of who reads (P5).

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::harness::*;
use crate::outbound::{TAKEN, hub, of_council, partner, push, setup};

/// A partner's service that notes what it gets, piece by piece, until the connection ends.
pub(crate) async fn noting() -> (Service, Rc<RefCell<Vec<u8>>>, Rc<Cell<bool>>) {
    let (got, ended) = (
        Rc::<RefCell<Vec<u8>>>::default(),
        Rc::<Cell<bool>>::default(),
    );
    let (noted, over) = (Rc::clone(&got), Rc::clone(&ended));
    let service = Service::scripted(move |_, mut stream| {
        let (noted, over) = (Rc::clone(&noted), Rc::clone(&over));
        async move {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                noted.borrow_mut().extend_from_slice(&buffer[..read]);
                if noted.borrow().ends_with(b"0\r\n\r\n") {
                    stream.write_all(TAKEN.as_bytes()).await?;
                }
            }
            over.set(true);
            Ok::<_, io::Error>(None)
        }
    })
    .await;
    (service, got, ended)
}

/// The head of a push that comes in chunks.
pub(crate) fn chunked(path: &str) -> String {
    hub(
        "POST",
        path,
        "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n",
    )
}

pub(crate) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A council before the partner's service `intake`, and a push to it of which one record is sent.
async fn begun(intake: &Service) -> (Council, TcpStream) {
    let council = setup(intake.address, intake.address).start();
    let mut stream = TcpStream::connect(of_council(&council)).await.unwrap();
    let begin = chunked("/packages/e") + &chunk("{\"id\":1,\"package\":\"A\",\"sharing\":true}\n");
    stream.write_all(begin.as_bytes()).await.unwrap();
    (council, stream)
}

pub(crate) fn has(got: &Rc<RefCell<Vec<u8>>>, text: &str) -> bool {
    find(&got.borrow(), text.as_bytes()).is_some()
}

#[test]
fn p4_a_fault_after_the_first_output_breaks_the_request_off() {
    run(async {
        let (intake, got, ended) = noting().await;
        let (mut council, mut stream) = begun(&intake).await;
        until("the first record is there", || {
            has(&got, r#""package":"A""#)
        })
        .await;
        let fault = chunk("{\"id\":2,\"package\":\"CANARY\",\"sharing\":true,,}\n");
        stream.write_all(fault.as_bytes()).await.unwrap();
        let problem = read_to_end(&mut stream)
            .await
            .is_problem(400, "request_malformed");
        assert!(
            problem["detail"].as_str().unwrap().contains("at byte"),
            "{problem}"
        );
        until("the connection ends", || ended.get()).await;
        assert!(!has(&got, "CANARY"));
        assert!(
            !got.borrow().ends_with(b"0\r\n\r\n"),
            "it must not look whole"
        );
        council.stop().await;
        let release = &council.entries("release")[0];
        assert_eq!(release["outcome"], "refused");
        assert_eq!(release["reason"], "request_malformed");
        assert_eq!(release["tally"]["records_released"], 1);
        assert_ne!(release["bytes_sent"], 0);
    });
}

#[test]
fn p4_a_system_that_goes_away_leaves_nothing_that_looks_whole() {
    run(async {
        let (intake, got, ended) = noting().await;
        let (mut council, stream) = begun(&intake).await;
        until("the first record is there", || {
            has(&got, r#""package":"A""#)
        })
        .await;
        drop(stream);
        until("the connection ends", || ended.get()).await;
        assert!(
            !got.borrow().ends_with(b"0\r\n\r\n"),
            "it must not look whole"
        );
        council.stop().await;
        let release = &council.entries("release")[0];
        assert_eq!(release["reason"], "system_gone");
        assert_eq!(release["outcome"], "service_failed");
    });
}

#[test]
fn p4_an_answer_before_the_whole_body_is_no_success() {
    run(async {
        for (answer, status, reason) in [
            (TAKEN, 502, "service_broke"),
            (
                "HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\n\r\nCANARY",
                502,
                "service_refused",
            ),
            (
                "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
                503,
                "service_busy",
            ),
        ] {
            let intake = Service::scripted(move |_, mut stream| async move {
                // The first piece is there.
                stream.read_u8().await?;
                stream.write_all(answer.as_bytes()).await?;
                Ok(Some(stream))
            })
            .await;
            let (mut council, mut stream) = begun(&intake).await;
            let answer = read_to_end(&mut stream).await;
            answer.is_problem(status, reason);
            assert!(!answer.text().contains("CANARY"));
            council.stop().await;
            assert_eq!(council.entries("release")[0]["reason"], reason);
        }
    });
}

#[test]
fn p3_an_answer_that_cannot_be_passed_on_is_told_beside_all_that_left() {
    run(async {
        for (answer, reason) in [
            (TAKEN.to_owned(), "content_type"),
            (json(r#"{"accepted":"#), "truncated"),
            (json(r#"{"accepted":1,,}"#), "malformed"),
            (
                "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
                "service_status",
            ),
        ] {
            let (intake, bodies) = partner(&answer).await;
            let mut council = setup(intake.address, intake.address).start();
            let asked = push("/list", "application/json", r#"[{"package":"A"}]"#);
            let answer = send(of_council(&council), asked.as_bytes()).await;
            answer.is_problem(502, reason);
            council.stop().await;
            let release = &council.entries("release")[0];
            assert_eq!(release["outcome"], "service_failed", "{reason}");
            assert_eq!(release["reason"], reason);
            assert_eq!(release["bytes_sent"], bodies.borrow()[0].len(), "{reason}");
            assert_eq!(release["tally"]["records_released"], 1, "{reason}");
        }
    });
}

/// Far more than the buffers of four loopback sockets and the gateway hold together.
const WHOLE: usize = 96 << 20;
const BUFFERS: usize = 40 << 20;

/// Sends records without an end, as long as they are taken, and counts them.
fn send_much(
    mut stream: TcpStream,
    head: String,
    record: impl Fn(usize) -> String + 'static,
) -> Rc<Cell<usize>> {
    let sent = Rc::<Cell<usize>>::default();
    let counted = Rc::clone(&sent);
    tokio::task::spawn_local(async move {
        stream.write_all(head.as_bytes()).await.unwrap();
        while counted.get() < WHOLE {
            let record = chunk(&record(counted.get()));
            if stream.write_all(record.as_bytes()).await.is_err() {
                return;
            }
            counted.set(counted.get() + record.len());
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    });
    sent
}

/// Whoever takes nothing, then all: nobody's sender gets far ahead of it.
async fn p5_sender_stops(
    address: SocketAddr,
    head: String,
    record: impl Fn(usize) -> String + 'static,
    taking: Rc<Notify>,
    council: &Council,
) {
    let stream = TcpStream::connect(address).await.unwrap();
    let sent = send_much(stream, head, record);
    let mut before = usize::MAX;
    while sent.get() != before || sent.get() == 0 {
        before = sent.get();
        for _ in 0..50 {
            council.get("/nowhere").await.is_problem(404, "no_route");
        }
    }
    let stopped_at = sent.get();
    assert!(
        stopped_at < BUFFERS,
        "{stopped_at} bytes were sent to nobody"
    );
    taking.notify_one();
    until("it goes on when it is read", || {
        sent.get() > stopped_at + (2 << 20)
    })
    .await;
}

/// A service that reads nothing until it is told to.
async fn reluctant() -> (Service, Rc<Notify>) {
    let taking = Rc::<Notify>::default();
    let told = Rc::clone(&taking);
    let service = Service::scripted(move |_, mut stream| {
        let told = Rc::clone(&told);
        async move {
            told.notified().await;
            let mut buffer = vec![0; 1 << 20];
            while stream.read(&mut buffer).await? > 0 {}
            Ok(None)
        }
    })
    .await;
    (service, taking)
}

#[test]
fn p5_a_partner_that_does_not_read_stops_the_system_that_pushes() {
    run(async {
        let (intake, taking) = reluctant().await;
        let council = setup(intake.address, intake.address).start();
        let record = |_| {
            let text = "a".repeat(60 << 10);
            format!("{{\"id\":1,\"package\":\"{text}\",\"sharing\":true}}\n")
        };
        let head = chunked("/packages/e");
        p5_sender_stops(of_council(&council), head, record, taking, &council).await;
    });
}

#[test]
fn p5_a_service_that_does_not_read_stops_the_partner_that_sends_in() {
    for (path, media) in [
        ("/notes", "application/x-ndjson"),
        ("/forms", "multipart/form-data; boundary=b"),
    ] {
        run(async {
            let (service, taking) = reluctant().await;
            let council = setup(service.address, service.address).start();
            let more = format!("Content-Type: {media}\r\nTransfer-Encoding: chunked\r\n");
            let head = care("POST", path, &more);
            // The parts of a form have names of their own.
            let record = move |at: usize| {
                let text = "a".repeat(60 << 10);
                if path == "/notes" {
                    format!("{{\"text\":\"{text}\"}}\n")
                } else {
                    format!(
                        "--b\r\nContent-Disposition: form-data; name=\"text-{at}\"\r\n\r\n{text}\r\n"
                    )
                }
            };
            p5_sender_stops(council.address(), head, record, taking, &council).await;
        });
    }
}

#[test]
fn a_partner_that_takes_nothing_of_a_push_is_given_up_in_time() {
    run(async {
        let intake = Service::scripted(|_, stream| async move {
            std::future::pending::<()>().await;
            Ok(Some(stream))
        })
        .await;
        let mut setup = setup(intake.address, intake.address);
        setup.service_tls = setup
            .service_tls
            .replace("head_timeout: 120s", "head_timeout: 200ms");
        let council = setup.start();
        let asked = push("/rows", "text/csv", "package\r\nA\r\n");
        let answer = timeout(
            Duration::from_secs(20),
            send(of_council(&council), asked.as_bytes()),
        );
        answer.await.unwrap().is_problem(504, "service_timeout");
    });
}
