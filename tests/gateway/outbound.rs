//! Pushes: a system of the council's sends, and what leaves is its request's body.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use fieldgate::clock::Clock;
use fieldgate::config;
use fieldgate::gateway::Gateway;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::harness::*;
use crate::p3_ledger::{TestDisk, start_on};

/// The API key of the council's system.
pub(crate) const HUB_KEY: &str = "hub-key-0123456789";

/// What the discharge hub pushes to Island Health, each path in another format, and what Island Health asks for.
const AGREEMENT: &str = r#"
agreement: discharge
version: 4
title: Care packages for people who leave hospital
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
basis: { lawful: [uk-gdpr:6-1-e], power: Care Act 2014 s.3, assessment: DPIA-1, territory: [GB] }
retention: P6M
purposes: { care: Arrange care at home }
disclosures:
  - name: packages
    purposes: [care]
    request: POST /packages/{ward}
    deliver: { from: discharge-hub, to: trust-intake, path: "/intake/{ward}" }
    parameters:
      path: { ward: keep }
      query: { keep: [page] }
      headers: { keep: [accept-language] }
    request_body:
      format: ndjson
      record: "$[*]"
      subject: "@.id"
      release_if: "@.sharing == true"
      fields:
        - keep: ["$[*].package", "$[*].visits[*].day"]
        - tokenise: ["$[*].id"]
          as: person
  - name: rows
    purposes: [care]
    request: POST /rows
    deliver: { from: discharge-hub, to: trust-intake, path: /rows }
    request_body:
      format: csv
      fields: [{ keep: ["$[*].package"] }]
  - name: elements
    purposes: [care]
    request: PUT /elements
    deliver: { from: discharge-hub, to: trust-intake, path: /elements }
    request_body:
      format: xml
      fields: [{ keep: [$.packages.package.kind] }]
  - name: parts
    purposes: [care]
    request: POST /parts
    deliver: { from: discharge-hub, to: trust-intake, path: /parts }
    request_body:
      format: multipart
      fields: [{ keep: [$.package] }]
  - name: list
    purposes: [care]
    request: POST /list
    deliver: { from: discharge-hub, to: trust-intake, path: /list }
    request_body:
      format: json
      record: "$[*]"
      fields: [{ keep: ["$[*].package"] }]
    response:
      format: json
      headers: { keep: [x-receipt] }
      fields: [{ keep: [$.accepted] }]
  - name: small
    purposes: [care]
    request: POST /small
    deliver: { from: discharge-hub, to: trust-intake, path: /small }
    request_body:
      format: json
      max_bytes: 64B
      fields: [{ keep: [$.package] }]
  - name: patient
    purposes: [care]
    request: GET /patients/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response: { format: json, fields: [{ keep: [$.name] }] }
  - name: notes
    purposes: [care]
    request: POST /notes
    service: { name: social-care, path: /notes }
    request_body:
      format: ndjson
      max_bytes: 1GiB
      fields: [{ keep: ["$[*].text"] }]
    response: { format: json, fields: [{ keep: [$.done] }] }
  - name: forms
    purposes: [care]
    request: POST /forms
    service: { name: social-care, path: /forms }
    request_body:
      format: multipart
      max_bytes: 1GiB
      fields: [{ keep: ["$.*"] }]
    response: { format: json, fields: [{ keep: [$.done] }] }
"#;

/// A council with a listener for its systems and `agreement`, and `partner` behind it.
pub(crate) fn with_agreement(partner: SocketAddr, agreement: &str) -> Setup {
    Setup {
        agreements: vec![("pushes.yaml".to_owned(), agreement.to_owned())],
        ..setup(partner, partner)
    }
}

/// A council with a listener for its systems, and `partner` behind it.
fn setup(service: SocketAddr, partner: SocketAddr) -> Setup {
    Setup {
        listener: "insecure_plain_http: true\n  - address: 127.0.0.1:0\n    insecure_plain_http: true\n    for: council".to_owned(),
        service_tls: format!("head_timeout: 120s\n  - name: trust-intake\n    url: http://{partner}\n    head_timeout: 120s"),
        more: format!(
            "systems:\n  - name: discharge-hub\n    identify: {{ api_keys: [{{ name: k, sha256: {} }}] }}",
            hash(HUB_KEY)
        ),
        agreements: vec![("discharge.yaml".to_owned(), AGREEMENT.to_owned())],
        ..Setup::with(service)
    }
}

pub(crate) fn of_council(council: &Council) -> SocketAddr {
    council.gateway.as_ref().unwrap().addresses()[1]
}

/// A request of the discharge hub for `care`; `more` are header lines, each with its CRLF.
fn hub(method: &str, path: &str, more: &str) -> String {
    care(method, path, more).replace(HEALTH_KEY, HUB_KEY)
}

/// The head and body of a push with its length.
pub(crate) fn push(path: &str, media: &str, body: &str) -> String {
    let more = format!(
        "Content-Type: {media}\r\nContent-Length: {}\r\n",
        body.len()
    );
    let method = if path == "/elements" { "PUT" } else { "POST" };
    hub(method, path, &more) + body
}

/// A partner's service that answers each request with `answer`, and the bodies that it got.
pub(crate) async fn partner(answer: &str) -> (Service, Rc<RefCell<Vec<String>>>) {
    let bodies = Rc::<RefCell<Vec<String>>>::default();
    let noted = Rc::clone(&bodies);
    let answer = Rc::<str>::from(answer);
    let service = Service::scripted(move |head, mut stream| {
        let (noted, answer) = (Rc::clone(&noted), Rc::clone(&answer));
        async move {
            let body = skip_body(&head, &mut stream).await?;
            noted
                .borrow_mut()
                .push(String::from_utf8_lossy(&body).into_owned());
            stream.write_all(answer.as_bytes()).await?;
            Ok(Some(stream))
        }
    })
    .await;
    (service, bodies)
}

pub(crate) const TAKEN: &str =
    "HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nCANARY-ANSWER";

const PACKAGES: &str = concat!(
    r#"{"id":"9434765919","package":"A","sharing":true,"secret":"CANARY","visits":[{"day":"mon","by":"CANARY"}]}"#,
    "\n",
    r#"{"id":"4010232137","package":"B","sharing":false,"secret":"CANARY"}"#,
    "\n",
    r#"{"id":"9434765870","package":"C","sharing":true}"#,
    "\n",
);

#[test]
fn p1_p2_p3_what_leaves_in_a_push_is_what_the_agreement_names_and_its_entry_says_so() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let mut council = setup(intake.address, intake.address).start();
        let address = of_council(&council);
        let body = PACKAGES;
        let head = hub(
            "POST",
            "/packages/east-2?page=3",
            &format!(
                "Content-Type: application/x-ndjson\r\nContent-Length: {}\r\nAccept-Language: cy\r\nX-Secret: CANARY\r\nCookie: CANARY\r\ntraceparent: 00-{}-b7ad6b7169203331-01\r\n",
                body.len(),
                "ca".repeat(16)
            ),
        );
        let answer = send(address, (head + body).as_bytes()).await;
        assert_eq!(answer.status(), 202, "{}", answer.text());
        assert_eq!(answer.body(), "");
        assert!(!answer.text().contains("CANARY"), "{}", answer.text());
        assert!(
            answer
                .head()
                .contains("data-agreement: discharge; version=4")
        );

        let asked = intake.requests()[0].to_ascii_lowercase();
        assert!(
            asked.starts_with("post /intake/east-2?page=3 http/1.1\r\n"),
            "{asked}"
        );
        for line in [
            "content-type: application/x-ndjson\r\n",
            "data-agreement: discharge; version=4; hash=",
            "data-purpose: care\r\n",
            "data-delete-by: 2026-12-15\r\n",
            "accept-language: cy\r\n",
        ] {
            assert!(asked.contains(line), "{line} in {asked}");
        }
        for nothing in ["canary", "api-key", &"ca".repeat(16)] {
            assert!(!asked.contains(nothing), "{nothing} in {asked}");
        }
        let left = bodies.borrow()[0].clone();
        assert!(
            !left.contains("CANARY") && !left.contains("9434765919"),
            "{left}"
        );
        let lines: Vec<&str> = left.lines().collect();
        assert_eq!(lines.len(), 2, "{left}");
        assert!(
            lines[0].contains(r#""package":"A","visits":[{"day":"mon"}]"#),
            "{left}"
        );
        assert!(lines[1].contains(r#""package":"C""#), "{left}");

        council.stop().await;
        let intent = &council.entries("intent")[0];
        assert_eq!(intent["system"], "discharge-hub");
        assert_eq!(intent["partner"], "island-health");
        assert_eq!(intent["disclosure"], "packages");
        assert_eq!(
            council.entries("subjects")[0]["tokens"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        let release = &council.entries("release")[0];
        assert_eq!(release["outcome"], "complete");
        assert_eq!(release["status"], 202);
        assert_eq!(release["bytes_sent"], left.len());
        assert_eq!(release["tally"]["records_released"], 2);
        assert_eq!(release["tally"]["withheld"]["condition"], 1);
    });
}

#[test]
fn p1_a_push_of_each_format_is_minimised() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let council = setup(intake.address, intake.address).start();
        let address = of_council(&council);
        let part = |name: &str, text: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let rows = [
            (
                "/rows",
                "text/csv",
                "package,secret\r\nA,CANARY\r\n".to_owned(),
                "package\r\nA\r\n",
            ),
            (
                "/elements",
                "application/xml",
                "<packages><package><kind>A</kind><secret>CANARY</secret></package></packages>"
                    .to_owned(),
                "<kind>A</kind>",
            ),
            (
                "/parts",
                "multipart/form-data; boundary=b",
                part("secret", "CANARY") + &part("package", "A") + "--b--\r\n",
                "A",
            ),
        ];
        for (path, media, body, kept) in rows {
            let answer = send(address, push(path, media, &body).as_bytes()).await;
            assert_eq!(answer.status(), 202, "{path}: {}", answer.text());
            let left = bodies.borrow().last().unwrap().clone();
            assert!(left.contains(kept), "{path}: {left}");
            assert!(
                !left.contains("CANARY") && !left.contains("secret"),
                "{path}: {left}"
            );
        }
    });
}

#[test]
fn what_the_partner_answers_reaches_the_system_as_far_as_it_is_agreed() {
    run(async {
        let answer = json_with(
            "X-Receipt: r-7\r\nX-Other: CANARY\r\n",
            r#"{"accepted":2,"more":"CANARY"}"#,
        );
        let (intake, bodies) = partner(&answer).await;
        let council = setup(intake.address, intake.address).start();
        let asked = push(
            "/list",
            "application/json",
            r#"[{"package":"A","x":1},{"package":"B"}]"#,
        );
        for times in 1..=2 {
            let answer = send(of_council(&council), asked.as_bytes()).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            assert_eq!(answer.body(), r#"{"accepted":2}"#);
            assert!(answer.head().contains("x-receipt: r-7"));
            assert!(!answer.text().contains("CANARY"));
            assert_eq!(bodies.borrow().len(), times);
        }
        assert_eq!(bodies.borrow()[0], r#"[{"package":"A"},{"package":"B"}]"#);
        assert_eq!(*intake.connections.lock().unwrap(), 1, "it is used again");
    });
}

#[test]
fn p2_a_push_is_no_partners_and_what_partners_ask_for_is_no_systems() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let mut council = setup(intake.address, intake.address).start();
        let (partners, systems) = (council.address(), of_council(&council));
        let packages = push("/list", "application/json", "[]");
        let patient = hub("GET", "/patients/7", "");
        let own = |text: &str| text.replace(HUB_KEY, HEALTH_KEY);
        for (address, request, status, reason) in [
            // Each at the other's listener is nobody.
            (partners, packages.clone(), 401, "unauthenticated"),
            (partners, patient.clone(), 401, "unauthenticated"),
            (systems, own(&patient), 401, "unauthenticated"),
            (systems, own(&packages), 401, "unauthenticated"),
            // Each at its own finds nothing of the other's, and is not told that it is there.
            (partners, own(&packages), 404, "no_route"),
            (systems, patient, 404, "no_route"),
        ] {
            let answer = send(address, request.as_bytes()).await;
            answer.is_problem(status, reason);
        }
        assert!(bodies.borrow().is_empty() && intake.requests().is_empty());
        council.stop().await;
        let refused = council.entries("refusal");
        assert_eq!(refused.len(), 6);
        assert_eq!(refused[5]["system"], "discharge-hub");
    });
}

#[test]
fn p3_nothing_of_a_push_reaches_the_partner_before_its_intent_is_durable() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let mut council = setup(intake.address, intake.address).write();
        let (open, gate): (mpsc::Sender<()>, _) = mpsc::channel();
        let disk = TestDisk {
            full: Arc::default(),
            gate: Some(Mutex::new(gate)),
        };
        start_on(&mut council, disk);
        let mut stream = TcpStream::connect(of_council(&council)).await.unwrap();
        let asked = push("/list", "application/json", r#"[{"package":"A"}]"#);
        stream.write_all(asked.as_bytes()).await.unwrap();
        // The one worker has answered these, so it has had every occasion to bring the push as well.
        for _ in 0..20 {
            council.get("/nowhere").await.is_problem(404, "no_route");
        }
        assert_eq!(*intake.connections.lock().unwrap(), 0);
        drop(open);
        assert_eq!(
            read_to_end(&mut stream).await.status(),
            502,
            "a text is no JSON"
        );
        assert_eq!(bodies.borrow().len(), 1);
    });
}

#[test]
fn p3_a_push_is_refused_when_the_ledger_cannot_write() {
    run(async {
        let (intake, _) = partner(TAKEN).await;
        let mut council = setup(intake.address, intake.address).write();
        let disk = TestDisk {
            full: Arc::default(),
            gate: None,
        };
        let full = Arc::clone(&disk.full);
        start_on(&mut council, disk);
        full.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            let asked = push("/rows", "text/csv", "package\r\nA\r\n");
            let answer = send(of_council(&council), asked.as_bytes()).await;
            answer.is_problem(503, "ledger_unavailable");
        }
        assert_eq!(*intake.connections.lock().unwrap(), 0);
    });
}

#[test]
fn p4_a_fault_before_the_first_output_sends_nothing_at_all() {
    run(async {
        let (intake, _) = partner(TAKEN).await;
        let mut council = setup(intake.address, intake.address).start();
        let address = of_council(&council);
        for (path, media, body, status, reason) in [
            (
                "/packages/e",
                "application/x-ndjson",
                "{\"id\":1,,}",
                400,
                "request_malformed",
            ),
            ("/list", "application/json", "", 400, "request_truncated"),
            ("/list", "text/plain", "[]", 415, "request_content_type"),
            (
                "/rows",
                "text/csv",
                "package,package\r\nA,B\r\n",
                400,
                "request_duplicate_name",
            ),
        ] {
            let answer = send(address, push(path, media, body).as_bytes()).await;
            let problem = answer.is_problem(status, reason);
            assert_eq!(problem["agreement"], "discharge");
        }
        assert_eq!(*intake.connections.lock().unwrap(), 0);
        council.stop().await;
        assert!(
            council
                .entries("release")
                .iter()
                .all(|entry| entry["bytes_sent"] == 0)
        );
    });
}

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
fn chunked(path: &str) -> String {
    hub(
        "POST",
        path,
        "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n",
    )
}

pub(crate) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

pub(crate) fn has(got: &Rc<RefCell<Vec<u8>>>, text: &str) -> bool {
    find(&got.borrow(), text.as_bytes()).is_some()
}

#[test]
fn p4_a_fault_after_the_first_output_breaks_the_request_off() {
    run(async {
        let (intake, got, ended) = noting().await;
        let mut council = setup(intake.address, intake.address).start();
        let mut stream = TcpStream::connect(of_council(&council)).await.unwrap();
        let begin =
            chunked("/packages/e") + &chunk("{\"id\":1,\"package\":\"A\",\"sharing\":true}\n");
        stream.write_all(begin.as_bytes()).await.unwrap();
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
        let mut council = setup(intake.address, intake.address).start();
        let mut stream = TcpStream::connect(of_council(&council)).await.unwrap();
        let begin =
            chunked("/packages/e") + &chunk("{\"id\":1,\"package\":\"A\",\"sharing\":true}\n");
        stream.write_all(begin.as_bytes()).await.unwrap();
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
            let mut council = setup(intake.address, intake.address).start();
            let mut stream = TcpStream::connect(of_council(&council)).await.unwrap();
            let begin =
                chunked("/packages/e") + &chunk("{\"id\":1,\"package\":\"A\",\"sharing\":true}\n");
            stream.write_all(begin.as_bytes()).await.unwrap();
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

/// A clock that a test sets forward, in days from 15 June 2026.
fn movable() -> (Clock, Arc<AtomicI64>) {
    let days = Arc::<AtomicI64>::default();
    let shown = Arc::clone(&days);
    let june: jiff::Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
    let clock = Clock::from_fn(move || {
        june + jiff::SignedDuration::from_hours(24 * shown.load(Ordering::SeqCst))
    });
    (clock, days)
}

#[test]
fn p9_the_agreements_end_cuts_a_request_body_off_whichever_way_it_goes() {
    for (is_push, path) in [(true, "/packages/e"), (false, "/notes")] {
        run(async {
            let (service, got, ended) = noting().await;
            let mut council = setup(service.address, service.address).write();
            let (clock, days) = movable();
            let config = council.config();
            council.gateway = Some(Gateway::start(move || config::load(&config), clock).unwrap());
            let address = if is_push {
                of_council(&council)
            } else {
                council.address()
            };
            let mut head = chunked(path);
            if !is_push {
                head = head.replace(HUB_KEY, HEALTH_KEY);
            }
            let record = |text: &str| {
                chunk(&format!(
                    "{{\"id\":1,\"package\":\"{text}\",\"text\":\"{text}\",\"sharing\":true}}\n"
                ))
            };
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all((head + &record("first")).as_bytes())
                .await
                .unwrap();
            until("the first record is there", || has(&got, "first")).await;
            days.store(300, Ordering::SeqCst);
            stream.write_all(record("second").as_bytes()).await.unwrap();
            read_to_end(&mut stream).await.is_problem(403, "ended");
            until("the connection ends", || ended.get()).await;
            assert!(!has(&got, "second") && !got.borrow().ends_with(b"0\r\n\r\n"));
        });
    }
}

#[test]
fn a_quota_holds_for_pushes_and_nothing_of_what_is_over_it_leaves() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let mut setup = setup(intake.address, intake.address);
        setup.agreements[0].1 = AGREEMENT.split("  - name: rows").next().unwrap().to_owned()
            + "quota: [{ per: P1D, records: 3 }]\n";
        let council = setup.start();
        let asked = push("/packages/e", "application/x-ndjson", PACKAGES);
        let answer = send(of_council(&council), asked.as_bytes()).await;
        assert_eq!(answer.status(), 202, "{}", answer.text());
        // Two of three are used up, and the next body has two.
        let answer = send(of_council(&council), asked.as_bytes()).await;
        answer.is_problem(429, "quota_exceeded");
        assert_eq!(bodies.borrow().len(), 1);
    });
}

#[test]
fn who_waits_for_100_continue_is_told_before_the_body_and_refused_without_it() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let council = setup(intake.address, intake.address).start();
        let body = "package\r\nA\r\n";
        let more = format!(
            "Content-Type: text/csv\r\nContent-Length: {}\r\nExpect: 100-continue\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(of_council(&council)).await.unwrap();
        stream
            .write_all(hub("POST", "/rows", &more).as_bytes())
            .await
            .unwrap();
        let told = timeout(HANG, read_head(&mut stream))
            .await
            .unwrap()
            .unwrap();
        assert!(told.starts_with("HTTP/1.1 100 "), "{told}");
        stream.write_all(body.as_bytes()).await.unwrap();
        assert_eq!(read_to_end(&mut stream).await.status(), 202);
        assert_eq!(bodies.borrow().len(), 1);
        assert!(!intake.requests()[0].to_ascii_lowercase().contains("expect"));

        let mut stream = TcpStream::connect(of_council(&council)).await.unwrap();
        let refused =
            hub("POST", "/rows", &more).replace("Data-Purpose: care", "Data-Purpose: other");
        stream.write_all(refused.as_bytes()).await.unwrap();
        let told = timeout(HANG, read_head(&mut stream))
            .await
            .unwrap()
            .unwrap();
        assert!(told.starts_with("HTTP/1.1 403 "), "{told}");
    });
}

#[test]
fn a_push_comes_by_http2_too() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let council = setup(intake.address, intake.address).start();
        let stream = TcpStream::connect(of_council(&council)).await.unwrap();
        let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::task::spawn_local(connection);
        let request = http::Request::post("http://gateway/packages/e")
            .header("x-api-key", HUB_KEY)
            .header("data-purpose", "care")
            .header("content-type", "application/x-ndjson")
            .body(Full::new(Bytes::from_static(PACKAGES.as_bytes())))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(body.is_empty());
        assert_eq!(bodies.borrow()[0].lines().count(), 2);
    });
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

#[test]
fn a_disclosure_says_how_large_its_request_body_may_be() {
    run(async {
        let (intake, _) = partner(TAKEN).await;
        let council = setup(intake.address, intake.address).start();
        for (length, status) in [(20, 202), (80, 413)] {
            let body = format!(r#"{{"package":"{}"}}"#, "a".repeat(length));
            let asked = push("/small", "application/json", &body);
            let answer = send(of_council(&council), asked.as_bytes()).await;
            assert_eq!(answer.status(), status, "{}", answer.text());
        }
    });
}

/// The example that is shipped, with a key, addresses and a partner's service of the test's own.
fn shipped(partner: SocketAddr) -> Council {
    let from =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples/care-packages");
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path();
    std::fs::create_dir(to.join("agreements")).unwrap();
    for name in ["register.yaml", "agreements/hospital-discharge.yaml"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
    let text = std::fs::read_to_string(from.join("fieldgate.yaml")).unwrap();
    let of_system = text.split("nightly-2026, sha256: ").nth(1).unwrap()[..64].to_owned();
    let text = text
        .replace("127.0.0.1:8080", "127.0.0.1:0")
        .replace("127.0.0.1:8081", "127.0.0.1:0")
        .replace("127.0.0.1:9000", &partner.to_string())
        .replace(&of_system, &hash(HUB_KEY))
        + "admin: { address: 127.0.0.1:0 }\nworkers: 1\n";
    std::fs::write(to.join("fieldgate.yaml"), text).unwrap();
    write_secret(&to.join("root.key"), &"5a".repeat(32));
    Council {
        folder,
        gateway: None,
    }
}

#[test]
fn p1_the_shipped_example_pushes_the_nightly_list_and_nothing_else_of_it() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let mut council = shipped(intake.address);
        council.start();
        let record = |number: &str, sharing: bool| {
            format!(
                "{{\"nhsNumber\":\"{number}\",\"name\":\"CANARY\",\"hospital\":{{\"ward\":\"East 2\",\"bed\":\"CANARY\"}},\"readyFrom\":\"2026-06-16\",\"package\":{{\"kind\":\"home care\",\"visitsPerDay\":3,\"cost\":\"CANARY\"}},\"keySafe\":\"CANARY\",\"consent\":{{\"sharing\":{sharing}}}}}\n"
            )
        };
        let list = record("9434765919", true) + &record("4010232137", false);
        let more = format!(
            "Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n",
            list.len()
        );
        let asked = hub("POST", "/care-packages", &more)
            .replace("Data-Purpose: care", "Data-Purpose: hospital-discharge");
        let answer = send(of_council(&council), (asked + &list).as_bytes()).await;
        assert_eq!(answer.status(), 202, "{}", answer.text());
        assert_eq!(
            bodies.borrow()[0],
            "{\"nhsNumber\":\"9434765919\",\"hospital\":{\"ward\":\"East 2\"},\"readyFrom\":\"2026-06-16\",\"package\":{\"kind\":\"home care\",\"visitsPerDay\":3}}\n"
        );
        assert!(intake.requests()[0].starts_with("POST /intake/care-packages "));
        council.stop().await;
        let intent = &council.entries("intent")[0];
        assert_eq!(intent["data_set"], "care-packages");
        assert_eq!(intent["kind"], "disclosure");
    });
}
