//! What ends: contracts, agreements, versions.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use fieldgate::agreement::{AgreementSet, Context, Source};
use fieldgate::clock::Clock;
use fieldgate::config;
use fieldgate::gateway::Gateway;
use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{faults, with};
use crate::harness::{CARE, Council, Service, Setup, care, json, logs, read_head, run};

/// A processor has a contract with every provision of Article 28(3); what is missing is named.
#[test]
fn clause_p5_6b_the_contract_protects_the_data() {
    let items = [
        "instructions",
        "confidentiality",
        "security",
        "sub-processors",
        "rights",
        "assistance",
        "deletion",
        "audit",
    ];
    let contract = |items: &[&str]| {
        with("partner: health-body", "partner: processor").replace(
            "retention:",
            &format!(
                "contract: {{ reference: C-7, tasks: [falls], ends: 2026-12-31, provisions: [{}] }}\nretention:",
                items.join(", ")
            ),
        )
    };
    assert_eq!(faults(&contract(&items)), Vec::<String>::new());
    let found = faults(&with("partner: health-body", "partner: processor"));
    assert!(
        found.len() == 1 && found[0].contains("contract"),
        "{found:?}"
    );
    for missing in items {
        let others: Vec<&str> = items.into_iter().filter(|item| *item != missing).collect();
        let found = faults(&contract(&others));
        assert!(
            found.len() == 1 && found[0].contains(missing),
            "{missing}: {found:?}"
        );
    }
}

/// A contractor's access is for the contract's tasks alone, and ends with it: 403 for another purpose, and from the day
/// after its end.
#[test]
fn clause_p5_6a_a_contractor_has_its_tasks_until_the_contract_ends() {
    let contract = "contract: { reference: C-7, tasks: [care], ends: 2026-12-31, provisions: [instructions, confidentiality, security, sub-processors, rights, assistance, deletion, audit] }\npurposes:";
    let with_contract = CARE
        .replace(
            "partner: island-health }",
            "partner: island-health, kinds: { partner: processor } }",
        )
        .replace("purposes:\n  care", &format!("{contract}\n  care"));
    let source = |text: &str| {
        let source = Source {
            name: "care.yaml",
            text,
        };
        AgreementSet::load(&[source], &Context::alone(TimeZone::UTC)).map(drop)
    };
    // Another purpose than the contract's tasks is no purpose of the agreement, or the agreement does not load.
    assert!(source(&with_contract).is_err());
    let tasks = with_contract
        .replace("  research: Learn what helps\n", "")
        .split("  - name: study")
        .next()
        .unwrap()
        .to_owned();
    assert!(source(&tasks).is_ok());
    assert!(source(&tasks.replace("ends: 2026-12-31, prov", "ends: 2026-11-30, prov")).is_err());
    run(async {
        let service = Service::answering(json(r#"{"name":"A"}"#)).await;
        let setup = Setup {
            agreements: vec![("care.yaml".to_owned(), tasks)],
            ..Setup::with(service.address)
        };
        let council = setup.start();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        let other = council
            .send(
                &care("GET", "/adults/7", "")
                    .replace("Data-Purpose: care", "Data-Purpose: research"),
            )
            .await;
        other.is_problem(403, "purpose_not_agreed");
        let later = start_at(&setup, "2027-01-01T00:00:00Z");
        later.get("/adults/7").await.is_problem(403, "ended");
    });
}

/// A gateway of `setup`'s in a folder of its own, whose clock stands at `now`.
fn start_at(setup: &Setup, now: &str) -> Council {
    let now: jiff::Timestamp = now.parse().unwrap();
    start_with(setup, Clock::from_fn(move || now))
}

fn start_with(setup: &Setup, clock: Clock) -> Council {
    logs();
    let mut council = setup.write();
    let config = council.config();
    council.gateway = Some(Gateway::start(move || config::load(&config), clock).unwrap());
    council
}

/// An answer says by which day it is to be deleted, nothing of it is on the gateway's disk, and after the agreement's
/// end there is none.
#[test]
fn clause_p3_2_5_an_answer_says_until_when_it_may_be_kept() {
    run(async {
        let service = Service::answering(json(r#"{"name":"Ada Quillfeather","id":"7"}"#)).await;
        let setup = Setup::with(service.address);
        let mut council = setup.start();
        let answer = council.get("/adults/7").await;
        assert_eq!(answer.status(), 200);
        // 15 June and six months.
        assert!(
            answer.head().contains("data-delete-by: 2026-12-15\r\n"),
            "{}",
            answer.head()
        );
        council.stop().await;
        let mut folders = vec![council.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    assert!(
                        crate::harness::find(&bytes, b"Quillfeather").is_none(),
                        "{}",
                        path.display()
                    );
                }
            }
        }
        let later = start_at(&setup, "2027-01-01T00:00:00Z");
        later.get("/adults/7").await.is_problem(403, "ended");
    });
}

/// An agreement that ends while an answer streams ends the answer: what is cut off does not look whole, and the ledger
/// says why.
#[test]
fn clause_p3_2_5_an_end_during_a_stream_ends_the_stream() {
    run(async {
        let seconds = Arc::new(AtomicI64::new(
            "2026-12-31T23:59:00Z"
                .parse::<jiff::Timestamp>()
                .unwrap()
                .as_second(),
        ));
        let told = Arc::clone(&seconds);
        let clock = Clock::from_fn(move || {
            jiff::Timestamp::from_second(told.load(Ordering::SeqCst)).unwrap()
        });
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let gone = Arc::new(Mutex::new(Some(gone)));
        let service = Service::scripted(move |_, mut stream| {
            let gone = Arc::clone(&gone);
            async move {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[{\"id\":\"1\",\"name\":\"first\"},")
                    .await?;
                let gone = gone.lock().unwrap().take();
                if let Some(gone) = gone {
                    gone.await.ok();
                }
                stream.write_all(b"{\"id\":\"2\",\"name\":\"second\"}]").await?;
                Ok(None)
            }
        })
        .await;
        let mut council = start_with(&Setup::with(service.address), clock);
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        let head = read_head(&mut stream).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        // Midnight passes.
        seconds.fetch_add(60, Ordering::SeqCst);
        go.send(()).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
        let rest = String::from_utf8(rest).unwrap();
        assert!(rest.contains("first") && !rest.contains("second"), "{rest}");
        assert!(!rest.ends_with("0\r\n\r\n"), "it looks whole");
        council.stop().await;
        let release = council.entries("release").pop().unwrap();
        assert_eq!(release["reason"], "ended");
    });
}

/// Each answer names the agreement, its version and its text's hash; a partner that has accepted another version gets 409.
#[test]
fn clause_a20_a_partner_that_accepted_another_version_is_told() {
    run(async {
        let (council, service) = Council::answering(json(r#"{"name":"A","id":"7"}"#)).await;
        let answer = council.get("/adults/7").await;
        let head = answer.head();
        let told = head
            .lines()
            .find(|line| line.starts_with("data-agreement: "))
            .unwrap();
        let hash = told
            .strip_prefix("data-agreement: care; version=1; hash=")
            .unwrap();
        assert_eq!(hash.len(), 64);
        let asked = |version: &str| {
            care(
                "GET",
                "/adults/7",
                &format!("Data-Agreement-Version: {version}\r\n"),
            )
        };
        assert_eq!(council.send(&asked("1")).await.status(), 200);
        let before = service.requests().len();
        for stale in [
            "0",
            "2",
            "01",
            "1.0",
            "care",
            "1\r\nData-Agreement-Version: 1",
        ] {
            let problem = council.send(&asked(stale)).await;
            problem.is_problem(409, "agreement_changed");
        }
        assert_eq!(
            service.requests().len(),
            before,
            "the service was not asked"
        );
    });
}
