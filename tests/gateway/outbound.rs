//! Pushes: a system of the council's sends, and what leaves is its request's body.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use fieldgate::clock::Clock;
use fieldgate::config;
use fieldgate::gateway::Gateway;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::*;
use crate::outbound_ends::{chunk, chunked, has, noting};
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
pub(crate) fn setup(service: SocketAddr, partner: SocketAddr) -> Setup {
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
pub(crate) fn hub(method: &str, path: &str, more: &str) -> String {
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
