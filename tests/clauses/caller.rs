//! Who asks, for which purpose, in which case: what a request must bring.

use crate::harness::{Answer, Council, HOMES_KEY, Service, Setup, hash, json, run};

/// An agreement whose purposes have terms of every kind.
const TERMS: &str = r#"
agreement: terms
version: 1
title: Terms of purposes
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes:
  care: Offer care
  safeguarding:
    text: Protect people at risk
    roles: [social-worker, nurse]
    covers: [strategy-meeting]
  legal-proceedings: { text: Bring or defend a claim, reference: required }
  medical: { text: Treat people, professional: required }
  rescue: { text: Save a life, vital_interests: true }
  outreach: { text: Visit people at home, training: required }
disclosures:
  - name: everyday
    purposes: [care]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response: { format: json, fields: [{ keep: [$.name] }] }
  - name: serious
    purposes: [safeguarding, legal-proceedings, medical, outreach]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response: { format: json, fields: [{ keep: [$.name, $.risk] }] }
  - name: rescue
    purposes: [rescue]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response: { format: json, fields: [{ keep: [$.name, $.risk] }] }
"#;

const RECORD: &str = r#"{"name":"Ada Quill","risk":"high","address":"1 High Street"}"#;

/// Keys of two people at the partner's: one who holds a role, and one who is a professional.
const WORKER: &str = "worker-key-0123456789";
const DOCTOR: &str = "doctor-key-0123456789";
const CLERK: &str = "clerk-key-01234567890";
/// Of a third, whose training ends in a second, and a fourth, whose training has just ended.
const TRAINED: &str = "trained-key-0123456789";
const LAPSED: &str = "lapsed-key-0123456789";

async fn council() -> (Council, Service) {
    let service = Service::answering(json(RECORD)).await;
    let setup = Setup {
        agreements: vec![("terms.yaml".to_owned(), TERMS.to_owned())],
        identify: format!(
            "api_keys: [{{ name: worker, sha256: {}, roles: [social-worker] }}, {{ name: doctor, sha256: {}, professional: true, roles: [doctor] }}, {{ name: clerk, sha256: {} }}, {{ name: trained, sha256: {}, trained_until: 2026-06-15T12:00:01Z }}, {{ name: lapsed, sha256: {}, trained_until: 2026-06-15T12:00:00Z }}]",
            hash(WORKER),
            hash(DOCTOR),
            hash(CLERK),
            hash(TRAINED),
            hash(LAPSED)
        ),
        ..Setup::with(service.address)
    };
    (setup.start(), service)
}

async fn ask(council: &Council, key: &str, headers: &str) -> Answer {
    let request = format!(
        "GET /adults/7 HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\nX-Api-Key: {key}\r\n{headers}\r\n"
    );
    council.send(&request).await
}

/// Two purposes in one request are refused, whether in two headers or in one; each alone gets its own fields and never
/// the other's.
/// Rows: P3.2.3.
#[test]
fn clause_a13_one_purpose_a_request_and_each_has_its_own_fields() {
    run(async {
        let (council, _service) = council().await;
        for headers in [
            "Data-Purpose: care\r\nData-Purpose: safeguarding\r\n",
            "Data-Purpose: care, safeguarding\r\n",
        ] {
            ask(&council, WORKER, headers)
                .await
                .is_problem(400, "purpose_malformed");
        }
        let care = ask(&council, WORKER, "Data-Purpose: care\r\n").await;
        assert_eq!(care.body(), r#"{"name":"Ada Quill"}"#);
        let serious = ask(&council, WORKER, "Data-Purpose: safeguarding\r\n").await;
        assert_eq!(serious.body(), r#"{"name":"Ada Quill","risk":"high"}"#);
    });
}

/// A purpose that names roles may be declared by callers that hold one of them and by nobody else; another purpose is
/// not theirs by that.
#[test]
fn clause_p10_1a_a_caller_declares_only_purposes_of_its_roles() {
    run(async {
        let (council, service) = council().await;
        for (key, purpose, allowed) in [
            (WORKER, "safeguarding", true),
            (DOCTOR, "safeguarding", false),
            (CLERK, "safeguarding", false),
            (CLERK, "care", true),
            (WORKER, "medical", false),
        ] {
            let asked = service.requests().len();
            let answer = ask(&council, key, &format!("Data-Purpose: {purpose}\r\n")).await;
            if allowed {
                assert_eq!(answer.status(), 200, "{key} {purpose}");
            } else {
                let reason = if purpose == "medical" {
                    "not_professional"
                } else {
                    "role_not_held"
                };
                let problem = answer.is_problem(403, reason);
                assert_eq!(problem["agreement"], "terms");
                assert_eq!(service.requests().len(), asked, "the service was not asked");
            }
        }
        let roles: Vec<_> = council
            .entries("intent")
            .iter()
            .map(|entry| entry["roles"].clone())
            .collect();
        assert_eq!(roles[0], serde_json::json!(["social-worker"]));
    });
}

/// A purpose that a broader one covers may be declared in its place, under the broader one's terms; one that none covers
/// may not.
#[test]
fn clause_p10_5_2_a_narrower_purpose_is_covered_by_a_broader_one_when_the_agreement_says_so() {
    run(async {
        let (council, _service) = council().await;
        let covered = ask(&council, WORKER, "Data-Purpose: strategy-meeting\r\n").await;
        assert_eq!(covered.status(), 200);
        ask(&council, CLERK, "Data-Purpose: strategy-meeting\r\n")
            .await
            .is_problem(403, "role_not_held");
        ask(&council, WORKER, "Data-Purpose: case-conference\r\n")
            .await
            .is_problem(403, "purpose_not_agreed");
        assert_eq!(
            council.entries("intent")[0]["purpose"],
            "strategy-meeting",
            "the ledger has what was declared"
        );
    });
}

/// A purpose of legal proceedings asks each request for its case. Without one, with two, or with one in no form it is
/// refused; the ledger has a keyed token of it and never the text.
#[test]
fn clause_p3_4_6_a_request_for_legal_proceedings_names_its_case() {
    run(async {
        let (council, _service) = council().await;
        let purpose = "Data-Purpose: legal-proceedings\r\n";
        for more in [
            "",
            "Data-Reference:\r\n",
            "Data-Reference: a b\r\n",
            "Data-Reference: KB-1\r\nData-Reference: KB-2\r\n",
        ] {
            ask(&council, CLERK, &format!("{purpose}{more}"))
                .await
                .is_problem(400, "reference_missing");
        }
        let long = format!("{purpose}Data-Reference: {}\r\n", "1".repeat(129));
        ask(&council, CLERK, &long)
            .await
            .is_problem(400, "reference_missing");
        let answer = ask(
            &council,
            CLERK,
            &format!("{purpose}Data-Reference: KB-2026-000431\r\n"),
        )
        .await;
        assert_eq!(answer.status(), 200);
        let entry = council.entries("intent").remove(0);
        assert_eq!(entry["reference"].as_str().unwrap().len(), 26);
        assert!(!council.ledger_text().contains("KB-2026"));
    });
}

/// A purpose for health and social-work professionals is refused to any caller whose credential does not state one.
#[test]
fn clause_p3_4_8_medical_purposes_are_for_professionals() {
    run(async {
        let (council, _service) = council().await;
        ask(&council, CLERK, "Data-Purpose: medical\r\n")
            .await
            .is_problem(403, "not_professional");
        let answer = ask(&council, DOCTOR, "Data-Purpose: medical\r\n").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(council.entries("intent")[0]["professional"], true);
    });
}

/// A purpose that asks for training is refused to callers whose credential states none, or one that has ended; the entry of a use says
/// until when the caller's training counted.
#[test]
fn clause_a21_a_purpose_for_the_trained_is_refused_once_the_training_has_ended() {
    run(async {
        let (mut council, service) = council().await;
        for key in [CLERK, LAPSED] {
            let refused = ask(&council, key, "Data-Purpose: outreach\r\n").await;
            let problem = refused.is_problem(403, "not_trained");
            assert_eq!(problem["agreement"], "terms");
        }
        assert!(service.requests().is_empty());
        let got = ask(&council, TRAINED, "Data-Purpose: outreach\r\n").await;
        assert_eq!(got.status(), 200, "{}", got.text());
        // Other purposes ask for none.
        let care = ask(&council, LAPSED, "Data-Purpose: care\r\n").await;
        assert_eq!(care.status(), 200);
        council.stop().await;
        let used = council.entries("intent");
        assert_eq!(used[0]["trained_until"], "2026-06-15T12:00:01.000000Z");
        let refused = council.entries("refusal");
        assert!(refused[0].get("trained_until").is_none());
        assert_eq!(refused[1]["trained_until"], "2026-06-15T12:00:00.000000Z");
    });
}

/// Reading is granted by itself: where a GET is agreed, every other method is refused, and nothing is kept that could be
/// read again (`Cache-Control: no-store`).
#[test]
fn clause_p2_3_each_kind_of_processing_is_granted_separately() {
    run(async {
        let (council, service) = council().await;
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let request = format!(
                "{method} /adults/7 HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\nX-Api-Key: {CLERK}\r\nData-Purpose: care\r\nContent-Length: 0\r\n\r\n"
            );
            council
                .send(&request)
                .await
                .is_problem(405, "method_not_agreed");
        }
        assert!(service.requests().is_empty());
        let answer = ask(&council, CLERK, "Data-Purpose: care\r\n").await;
        assert!(
            answer.head().to_lowercase().contains("no-store"),
            "{}",
            answer.head()
        );
    });
}

/// Without a credential, or with one that nobody holds, every request is refused; each that is let in is entered with the
/// partner that it named.
#[test]
fn clause_p9_2b_every_request_has_a_known_caller_and_an_entry() {
    run(async {
        let (council, service) = council().await;
        for key in ["", "unknown-key"] {
            let header = if key.is_empty() {
                String::new()
            } else {
                format!("X-Api-Key: {key}\r\n")
            };
            let request = format!(
                "GET /adults/7 HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n{header}Data-Purpose: care\r\n\r\n"
            );
            council
                .send(&request)
                .await
                .is_problem(401, "unauthenticated");
        }
        assert!(service.requests().is_empty());
        for _ in 0..3 {
            ask(&council, CLERK, "Data-Purpose: care\r\n").await;
        }
        // A partner without an agreement is known, and has no path.
        ask(&council, HOMES_KEY, "Data-Purpose: care\r\n")
            .await
            .is_problem(404, "no_route");
        let intents = council.entries("intent");
        assert_eq!(intents.len(), 3);
        assert!(
            intents
                .iter()
                .all(|entry| entry["partner"] == "island-health")
        );
    });
}
