//! Identifiers in the head of what the council pushes: the partner gets the tokens that it knows people by.

use crate::harness::*;
use crate::outbound::{TAKEN, of_council, partner, push, with_agreement};

const AGREEMENT: &str = r#"
agreement: tokens
version: 1
title: What the council sends of people whom the partner knows by tokens
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes: { care: Arrange care at home }
disclosures:
  - name: sent
    purposes: [care]
    request: PUT /patients/{person}/{ward}
    deliver: { from: discharge-hub, to: trust-intake, path: "/intake/{ward}/{person}" }
    parameters:
      path: { person: { tokenise: person }, ward: keep }
      query: { keep: [page], tokens: { practice: { pseudonymise: practice } } }
      headers: { tokens: { X-Worker: { tokenise: worker } } }
    request_body:
      format: json
      record: $
      subject: $.nhs
      fields:
        - tokenise: [$.nhs]
          as: person
          form: nhs-number
        - keep: [$.name]
  - name: asked
    purposes: [care]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: { reidentify: person } } }
    response: { format: json, fields: [{ keep: [$.name] }] }
"#;

fn setup(intake: std::net::SocketAddr) -> Setup {
    with_agreement(intake, AGREEMENT)
}

/// A push for whom `path` names, with more header lines.
fn sent(path: &str, more: &str) -> String {
    let body = r#"{"nhs":"401 023 2137","name":"Ada"}"#;
    push(path, "application/json", body)
        .replace("POST", "PUT")
        .replacen("\r\n\r\n", &format!("\r\n{more}\r\n"), 1)
}

#[test]
fn p2_an_identifier_in_the_head_of_a_push_reaches_the_partner_as_the_token_that_it_knows() {
    run(async {
        let (intake, bodies) = partner(TAKEN).await;
        let council = setup(intake.address).start();
        let worker = "X-Worker: worker-17\r\n";
        for path in [
            "/patients/4010232137/east?page=2&practice=A81001",
            "/patients/401-023-2137/east?page=2&practice=A81001",
        ] {
            let answer = send(of_council(&council), sent(path, worker).as_bytes()).await;
            assert_eq!(answer.status(), 202, "{}", answer.text());
        }
        let asked = intake.requests();
        let line = asked[0].lines().next().unwrap();
        assert_eq!(
            Some(line),
            asked[1].lines().next(),
            "one person has one token"
        );
        let target = line.split(' ').nth(1).unwrap();
        let (path, query) = target.split_once('?').unwrap();
        let token = path.strip_prefix("/intake/east/").unwrap();
        let left: serde_json::Value = serde_json::from_str(&bodies.borrow()[0]).unwrap();
        assert_eq!(left["nhs"], token, "it is the token of the body");
        assert!(query.starts_with("page=2&practice=fg1p-"), "{query}");
        let lower = asked[0].to_ascii_lowercase();
        assert!(lower.contains("x-worker: fg1t-"), "{lower}");
        for nothing in ["4010232137", "401-023", "a81001", "worker-17"] {
            assert!(!lower.contains(nothing), "{nothing} in {lower}");
        }
        // The partner asks by what it was told, and the service is asked by the identifier.
        let _text_is_no_json = council
            .send(&care("GET", &format!("/adults/{token}"), ""))
            .await;
        let back = intake.requests().pop().unwrap();
        assert!(back.starts_with("GET /api/4010232137 "), "{back}");
    });
}

#[test]
fn p1_what_is_not_of_the_agreed_form_in_the_head_of_a_push_is_sent_to_nobody() {
    run(async {
        let (intake, _) = partner(TAKEN).await;
        let mut council = setup(intake.address).start();
        for (path, more) in [
            // A wrong check digit, no number, and a text that stands for not known.
            ("/patients/4010232138/east", ""),
            ("/patients/Ada/east", ""),
            ("/patients/UNKNOWN/east", ""),
            ("/patients/4010232137/east?practice=", ""),
            ("/patients/4010232137/east?practice", ""),
            ("/patients/4010232137/east", "X-Worker: \r\n"),
            (
                "/patients/4010232137/east",
                "X-Worker: a\r\nX-Worker: b\r\n",
            ),
        ] {
            let answer = send(of_council(&council), sent(path, more).as_bytes()).await;
            let problem = answer.is_problem(400, "identifier_form");
            assert!(!problem.to_string().contains("4010232137"), "{problem}");
        }
        assert_eq!(*intake.connections.lock().unwrap(), 0);
        council.stop().await;
        assert!(council.entries("intent").is_empty());
        assert!(!council.ledger_text().contains("4010232137"));
    });
}
