//! People's rights in what the council pushes: they decide there as in answers, record by record.

use std::net::SocketAddr;

use fieldgate::rights::Fact;
use fieldgate::subjects::{Act, Change, Store};
use fieldgate::transform::{RootKey, SubjectTokens};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::*;
use crate::outbound::{HUB_KEY, TAKEN, of_council, partner, push, with_agreement};
use crate::outbound_ends::{chunk, has, noting};

/// Pushes for purposes with rights of several kinds: each path in another format, `/people/{person}` of one person.
const RIGHTS: &str = r#"
agreement: rights
version: 1
title: Rights of people in what the council sends
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes:
  care: Arrange care at home
  newsletter: { text: Tell of offers, direct_marketing: true }
  survey: { text: Ask how it was, rights: { consent: ordinary } }
  planning: { text: Plan services, rights: { opt_outs: [tick-box] } }
  enforcement: { text: Recover debt, rights: { overrides_restriction: Debts are recovered from those who object too } }
disclosures:
  - name: lines
    purposes: [care, newsletter, survey, planning, enforcement]
    request: POST /lines
    deliver: { from: discharge-hub, to: trust-intake, path: /lines }
    request_body:
      format: ndjson
      record: "$[*]"
      subject: "@.nhs"
      release_if: "!@.sharing || @.sharing == true"
      withhold:
        harm_hold: "@.harm"
        court_restricted: "@.court"
        retention: { from: "@.seen", for: P1Y }
      fields: [{ keep: ["$[*].name"] }]
  - name: list
    purposes: [care]
    request: POST /list
    deliver: { from: discharge-hub, to: trust-intake, path: /list }
    request_body:
      format: json
      record: "$.people[*]"
      subject: "@.nhs"
      fields: [{ keep: ["$.people[*].name", $.ward] }]
  - name: rows
    purposes: [care]
    request: POST /rows
    deliver: { from: discharge-hub, to: trust-intake, path: /rows }
    request_body:
      format: csv
      record: "$[*]"
      subject: "@.nhs"
      fields: [{ keep: ["$[*].name"] }]
  - name: elements
    purposes: [care]
    request: PUT /elements
    deliver: { from: discharge-hub, to: trust-intake, path: /elements }
    request_body:
      format: xml
      record: $.people.person
      subject: "@['@nhs']"
      fields: [{ keep: [$.people.person.name] }]
  - name: form
    purposes: [care]
    request: POST /form
    deliver: { from: discharge-hub, to: trust-intake, path: /form }
    request_body:
      format: form
      record: $
      subject: $.nhs
      fields: [{ keep: [$.name] }]
  - name: one
    purposes: [care, survey]
    request: PUT /people/{person}
    deliver: { from: discharge-hub, to: trust-intake, path: "/people/{person}" }
    parameters: { path: { person: keep } }
    request_body:
      format: json
      record: $
      subject: $.nhs
      fields: [{ keep: [$.name] }]
"#;

const ADA: &str = "401 023 2137";
const BEN: &str = "4010232145";

fn root() -> RootKey {
    RootKey::from_hex(&"5a".repeat(32)).unwrap()
}

fn store(council: &Council) -> std::path::PathBuf {
    council.folder.path().join("subjects")
}

/// A council whose lists have `facts`, not started.
fn written(intake: SocketAddr, facts: &[(&str, &str)]) -> Council {
    let mut setup = with_agreement(intake, RIGHTS);
    setup.more.push_str("\nsubjects: { store: subjects }");
    let council = setup.write();
    let now = june().now();
    Store::create(&store(&council), root().subjects_seal(), now).unwrap();
    for (what, who) in facts {
        enter(&council, what, who);
    }
    council
}

fn council(intake: SocketAddr, facts: &[(&str, &str)]) -> Council {
    let mut council = written(intake, facts);
    council.start();
    council
}

/// Enters `what` about `who`, as the command does.
fn enter(council: &Council, what: &str, who: &str) {
    let token = SubjectTokens::new(&root().subject()).bytes_of_text(who);
    let fact: Fact = what.parse().unwrap();
    let act = Act::Enter(fieldgate::rights::Entry::of(fact));
    let change = Change::new(act, "dpo", "a letter", Some("L-1"), None).unwrap();
    let mut store = Store::open(&store(council), root().subjects_seal()).unwrap();
    store
        .change(&change, &[token.unwrap()], june().now())
        .unwrap();
}

/// The bodies that the partner got, and the gateway's answer to `request`.
async fn pushed(council: &Council, purpose: &str, request: &str) -> Answer {
    let request = request.replace("Data-Purpose: care", &format!("Data-Purpose: {purpose}"));
    send(of_council(council), request.as_bytes()).await
}

/// What the partner has of a request, but for what is the exchange's own.
fn head_of(request: &str) -> Vec<String> {
    let own = ["x-request-id:", "traceparent:"];
    let lines = request.lines().map(str::to_ascii_lowercase);
    lines
        .filter(|line| !own.iter().any(|own| line.starts_with(own)))
        .collect()
}

/// In each format: what is sent with Ada, without her, and what leaves of either.
fn ways() -> Vec<(&'static str, &'static str, String, String, &'static str)> {
    let xml = |people: &str| format!("<people>{people}</people>");
    vec![
        (
            "/lines",
            "application/x-ndjson",
            "{\"nhs\":\"4010232137\",\"name\":\"Ada\"}\n{\"nhs\":4010232145,\"name\":\"Ben\"}\n".to_owned(),
            "{\"nhs\":4010232145,\"name\":\"Ben\"}\n".to_owned(),
            "{\"name\":\"Ben\"}\n",
        ),
        (
            "/list",
            "application/json",
            r#"{"ward":"E2","people":[{"nhs":"4010232145","name":"Ben"},{"nhs":4010232137,"name":"Ada"}]}"#.to_owned(),
            r#"{"ward":"E2","people":[{"nhs":"4010232145","name":"Ben"}]}"#.to_owned(),
            r#"{"ward":"E2","people":[{"name":"Ben"}]}"#,
        ),
        (
            "/rows",
            "text/csv",
            "nhs,name\r\n401-023-2137,Ada\r\n4010232145,Ben\r\n".to_owned(),
            "nhs,name\r\n4010232145,Ben\r\n".to_owned(),
            "name\r\nBen\r\n",
        ),
        (
            "/elements",
            "application/xml",
            xml("<person nhs=\"4010232145\"><name>Ben</name></person><person nhs=\"4010232137\"><name>Ada</name></person>"),
            xml("<person nhs=\"4010232145\"><name>Ben</name></person>"),
            "<people><person><name>Ben</name></person></people>",
        ),
    ]
}

#[test]
fn p1_a_listed_persons_record_leaves_no_trace_in_a_push_but_is_counted() {
    run(async {
        for (path, media, with, without, left) in ways() {
            let (intake, bodies) = partner(TAKEN).await;
            let mut council = council(intake.address, &[("objection", ADA)]);
            for body in [with, without] {
                let answer = pushed(&council, "care", &push(path, media, &body)).await;
                assert_eq!(answer.status(), 202, "{path}: {}", answer.text());
            }
            assert_eq!(bodies.borrow()[0], left, "{path}");
            assert_eq!(bodies.borrow()[1], left, "{path}");
            let asked = intake.requests();
            assert_eq!(head_of(&asked[0]), head_of(&asked[1]), "{path}");
            let name = &path[1..];
            let line = format!(
                "fieldgate_records_withheld_total{{agreement=\"rights\",disclosure=\"{name}\",reason=\"objection\"}} 1"
            );
            assert!(council.has_metric(&line).await, "{line}");
            let metrics = council.metrics().await;
            council.stop().await;
            let releases = council.entries("release");
            assert_eq!(releases[0]["tally"]["withheld"], json!({ "objection": 1 }));
            assert_eq!(releases[0]["tally"]["records_released"], 1);
            assert_eq!(releases[0]["outcome"], "complete");
            let subjects = council.entries("subjects");
            let tokens = |entry: &serde_json::Value| entry["tokens"].as_array().unwrap().len();
            assert!(subjects.iter().all(|entry| tokens(entry) == 1), "{path}");
            for text in [metrics, council.ledger_text(), logs()] {
                assert!(
                    !text.contains("4010232137") && !text.contains("Ada"),
                    "{path}"
                );
            }
        }
    });
}

#[test]
fn each_purposes_rights_decide_in_a_push_as_they_do_in_an_answer() {
    run(async {
        let facts = [
            ("marketing-objection", ADA),
            ("consent:survey", ADA),
            ("opt-out:tick-box", BEN),
            ("restriction", BEN),
        ];
        let (intake, bodies) = partner(TAKEN).await;
        let mut council = council(intake.address, &facts);
        let both = "{\"nhs\":\"4010232137\",\"name\":\"Ada\"}\n{\"nhs\":\"4010232145\",\"name\":\"Ben\"}\n{\"name\":\"Nobody\"}\n";
        for (purpose, left) in [
            ("care", "{\"name\":\"Ada\"}\n"),
            ("newsletter", ""),
            ("survey", "{\"name\":\"Ada\"}\n"),
            ("planning", "{\"name\":\"Ada\"}\n"),
            ("enforcement", "{\"name\":\"Ada\"}\n{\"name\":\"Ben\"}\n"),
        ] {
            let asked = push("/lines", "application/x-ndjson", both);
            let answer = pushed(&council, purpose, &asked).await;
            assert_eq!(answer.status(), 202, "{purpose}: {}", answer.text());
            assert_eq!(bodies.borrow().last().unwrap(), left, "{purpose}");
        }
        let overridden =
            "fieldgate_records_overridden_total{agreement=\"rights\",disclosure=\"lines\"} 1";
        assert!(council.has_metric(overridden).await);
        council.stop().await;
        let withheld = |at: usize| council.entries("release")[at]["tally"]["withheld"].clone();
        assert_eq!(
            withheld(0),
            json!({ "restriction": 1, "unknown_subject": 1 })
        );
        assert_eq!(council.entries("release")[4]["records_overridden"], 1);
    });
}

#[test]
fn what_a_record_says_of_itself_holds_it_back_from_a_push() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let mut council = council(intake.address, &[]);
        let record = |more: &str| format!("{{\"nhs\":\"4010232137\",\"name\":\"CANARY\"{more}}}\n");
        let body = [
            r#","sharing":false"#,
            r#","harm":"Yes""#,
            r#","court":true"#,
            r#","seen":"2024-01-01""#,
        ]
        .map(record)
        .concat()
            + "{\"nhs\":\"4010232145\",\"name\":\"Ben\",\"seen\":\"2026-06-01\",\"harm\":\"no\"}\n";
        let asked = push("/lines", "application/x-ndjson", &body);
        let answer = pushed(&council, "care", &asked).await;
        assert_eq!(answer.status(), 202, "{}", answer.text());
        assert_eq!(bodies.borrow()[0], "{\"name\":\"Ben\"}\n");
        council.stop().await;
        assert_eq!(
            council.entries("release")[0]["tally"]["withheld"],
            json!({ "condition": 1, "harm_hold": 1, "court_restricted": 1, "retention": 1 })
        );
    });
}

#[test]
fn p1_an_objection_that_comes_while_a_push_streams_counts_for_the_records_after_it() {
    run(async {
        let (intake, got, _) = noting().await;
        let council = council(intake.address, &[]);
        let head = format!(
            "POST /lines HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {HUB_KEY}\r\nData-Purpose: care\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let ada = |name: usize| {
            chunk(&format!(
                "{{\"nhs\":\"4010232137\",\"name\":\"ada-{name}\"}}\n"
            ))
        };
        let mut stream = TcpStream::connect(of_council(&council)).await.unwrap();
        stream.write_all((head + &ada(0)).as_bytes()).await.unwrap();
        until("her first record is there", || has(&got, "ada-0")).await;
        enter(&council, "objection", ADA);
        // Once the gateway has looked, her records stay behind while others still leave.
        let by = tokio::time::Instant::now() + HANG;
        let mut sent = 0;
        loop {
            sent += 1;
            let ben = format!("{{\"nhs\":\"4010232145\",\"name\":\"ben-{sent}\"}}\n");
            stream
                .write_all((ada(sent) + &chunk(&ben)).as_bytes())
                .await
                .unwrap();
            until("the record after it is there", || {
                has(&got, &format!("\"ben-{sent}\""))
            })
            .await;
            if !has(&got, &format!("\"ada-{sent}\"")) {
                break;
            }
            assert!(tokio::time::Instant::now() < by, "it never counted");
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        assert_eq!(read_to_end(&mut stream).await.status(), 202);
    });
}

#[test]
fn p1_of_one_person_whose_record_stays_behind_the_partner_is_told_nothing_at_all() {
    run(async {
        let form = "nhs=4010232137&name=Ada";
        let ada = r#"{"nhs":"4010232137","name":"Ada"}"#;
        let (intake, bodies) = partner(TAKEN).await;
        let mut council = council(intake.address, &[("objection:care", ADA)]);
        let put = |who: &str, body: &str| {
            push(&format!("/people/{who}"), "application/json", body).replace("POST", "PUT")
        };
        for (purpose, request) in [
            ("care", put("4010232137", ada)),
            // Nobody has agreed.
            ("survey", put("4010232137", ada)),
            // Whose it is cannot be looked up.
            ("care", put("4010232137", r#"{"name":"Ada"}"#)),
            (
                "care",
                push("/form", "application/x-www-form-urlencoded", form),
            ),
        ] {
            let problem = pushed(&council, purpose, &request)
                .await
                .is_problem(403, "record_withheld");
            let text = problem.to_string();
            assert!(
                !text.contains("4010232137") && !text.contains("objection"),
                "{text}"
            );
        }
        assert_eq!(
            *intake.connections.lock().unwrap(),
            0,
            "the partner was asked"
        );
        let ben = put("4010232145", r#"{"nhs":"4010232145","name":"Ben"}"#);
        assert_eq!(pushed(&council, "care", &ben).await.status(), 202);
        assert_eq!(bodies.borrow()[0], r#"{"name":"Ben"}"#);
        council.stop().await;
        let releases = council.entries("release");
        for (release, why) in
            releases
                .iter()
                .zip(["objection", "no_consent", "unknown_subject", "objection"])
        {
            assert_eq!(release["outcome"], "refused");
            assert_eq!(release["reason"], "record_withheld");
            assert_eq!(release["bytes_sent"], 0);
            assert_eq!(release["tally"]["withheld"], json!({ why: 1 }));
        }
        assert_eq!(releases[4]["outcome"], "complete");
        assert_eq!(council.entries("subjects").len(), 1);
    });
}

#[test]
fn p1_without_its_lists_no_push_leaves() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let council = council(intake.address, &[]);
        let asked = push(
            "/lines",
            "application/x-ndjson",
            "{\"nhs\":\"4010232145\",\"name\":\"Ben\"}\n",
        );
        assert_eq!(pushed(&council, "care", &asked).await.status(), 202);
        let away = store(&council).with_extension("away");
        std::fs::rename(store(&council), &away).unwrap();
        let by = tokio::time::Instant::now() + HANG;
        while council.admin("/readyz").await.status() == 200 {
            assert!(tokio::time::Instant::now() < by, "it stays ready");
        }
        let refused = pushed(&council, "care", &asked).await;
        refused.is_problem(503, "rights_unavailable");
        assert_eq!(bodies.borrow().len(), 1, "the partner was asked");
        std::fs::rename(&away, store(&council)).unwrap();
        while council.admin("/readyz").await.status() != 200 {
            assert!(tokio::time::Instant::now() < by, "it never gets ready");
        }
        assert_eq!(pushed(&council, "care", &asked).await.status(), 202);
    });
}

#[test]
fn a_push_for_a_purpose_that_looks_people_up_does_not_load_without_lists_or_subjects() {
    run(async {
        let (intake, _) = partner(TAKEN).await;
        let error = with_agreement(intake.address, RIGHTS).write().try_start();
        let error = error.unwrap_err().to_string();
        assert!(error.contains("has no store of them"), "{error}");
        let anonymous = RIGHTS.replace("      subject: \"@.nhs\"\n", "");
        let mut setup = with_agreement(intake.address, &anonymous);
        setup.more.push_str("\nsubjects: { store: subjects }");
        let error = setup.write().try_start().unwrap_err().to_string();
        assert!(
            error.contains("request_body") || error.contains("nothing here says whose records"),
            "{error}"
        );
    });
}
