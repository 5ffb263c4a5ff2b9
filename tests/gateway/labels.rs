//! A body is what its label says, and its label what was agreed: for each format one body that is labelled as
//! something else, in both directions.

use crate::harness::*;

const CANARY: &str = "CANARY-label";

/// Each format with its options, the label that is agreed, and labels that are not.
const ROWS: [(&str, &str, &[&str]); 9] = [
    (
        "format: json",
        "application/json",
        &[
            "application/x-ndjson",
            "text/plain",
            "application/json; charset=utf-16",
        ],
    ),
    (
        "format: ndjson",
        "application/x-ndjson",
        &["application/json", "application/x-ndjson; charset=latin1"],
    ),
    (
        "format: json-seq",
        "application/json-seq",
        &["application/json", "application/x-ndjson"],
    ),
    (
        "format: event-stream",
        "text/event-stream",
        &["text/plain", "application/json"],
    ),
    (
        "format: csv\n      csv: { charset: windows-1252 }",
        "text/csv; charset=windows-1252",
        &[
            "text/csv; charset=utf-8",
            "text/csv; header=absent",
            "text/tab-separated-values",
            "application/json",
        ],
    ),
    (
        "format: tsv",
        "text/tab-separated-values",
        &["text/csv", "application/json"],
    ),
    (
        "format: xml",
        "application/xml",
        &[
            "text/html",
            "application/xml; charset=utf-16",
            "application/json",
        ],
    ),
    (
        "format: form",
        "application/x-www-form-urlencoded",
        &["multipart/form-data; boundary=x", "application/json"],
    ),
    (
        "format: multipart",
        "multipart/form-data; boundary=x",
        &[
            "multipart/form-data",
            "multipart/mixed; boundary=x",
            "application/x-www-form-urlencoded",
        ],
    ),
];

/// An agreement to hand out and take in bodies of one format.
fn agreement(format: &str) -> String {
    format!(
        r#"
agreement: formats
version: 1
title: One format
parties: {{ controller: isle-council, partner: island-health }}
term: {{ starts: 2026-01-01, ends: 2026-12-31 }}
purposes: {{ care: Offer care }}
disclosures:
  - name: out
    purposes: [care]
    request: GET /out
    service: {{ name: social-care, path: /out }}
    response:
      {format}
      fields: [{{ keep_all: [$], because: a test }}]
  - name: in
    purposes: [care]
    request: POST /in
    service: {{ name: social-care, path: /in }}
    request_body:
      {format}
      fields: [{{ keep_all: [$], because: a test }}]
    response:
      format: json
      fields: []
"#
    )
}

async fn council(format: &str, answer: String) -> (Council, Service) {
    let service = Service::answering(answer).await;
    let mut setup = Setup::with(service.address);
    let formats = ("formats.yaml".to_owned(), agreement(format));
    setup.agreements.push(formats);
    (setup.start(), service)
}

#[test]
fn p2_an_answer_that_is_not_labelled_as_agreed_does_not_pass() {
    for (format, agreed, others) in ROWS {
        let twice = format!("{agreed}\r\nContent-Type: {agreed}");
        let list = format!("{agreed}, {agreed}");
        for label in others.iter().copied().chain([twice.as_str(), &list, ""]) {
            run(async {
                let answer = json(&format!("\"{CANARY}\"")).replace("application/json", label);
                let (council, service) = council(format, answer).await;
                let got = council.get("/out").await;
                got.is_problem(502, "content_type");
                assert!(!got.text().contains(CANARY), "{format}: {label}");
                let asked = service.requests()[0].to_ascii_lowercase();
                let essence = agreed.split(';').next().unwrap_or_default();
                assert!(asked.contains(&format!("accept: {essence}")), "{asked}");
            });
        }
    }
}

#[test]
fn a_request_that_is_not_labelled_as_agreed_is_told_the_label_and_reaches_no_service() {
    for (format, agreed, others) in ROWS {
        run(async {
            let (council, service) = council(format, json("{}")).await;
            let twice = format!("{agreed}\r\nContent-Type: {agreed}");
            for label in others.iter().copied().chain([twice.as_str(), ""]) {
                let head = format!("Content-Type: {label}\r\nContent-Length: 2\r\n");
                let answer = council.send(&(care("POST", "/in", &head) + "{}")).await;
                let problem = answer.is_problem(415, "request_content_type");
                let detail = problem["detail"].as_str().unwrap_or_default();
                let essence = agreed.split(';').next().unwrap_or_default();
                assert!(detail.contains(essence), "{format}: {detail}");
            }
            let none = care("POST", "/in", "Content-Length: 2\r\n") + "{}";
            let answer = council.send(&none).await;
            answer.is_problem(415, "request_content_type");
            assert_eq!(service.requests().len(), 0, "{format}");
        });
    }
}

#[test]
fn a_json_request_reaches_the_service_with_its_label_and_without_its_parameters() {
    run(async {
        let (council, service) = council("format: json", json("{}")).await;
        let head = format!(
            "Content-Type: application/merge-patch+json; profile={CANARY}\r\nContent-Length: 2\r\n"
        );
        let answer = council.send(&(care("POST", "/in", &head) + "{}")).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let asked = service.requests()[0].to_ascii_lowercase();
        assert!(asked.contains("content-type: application/merge-patch+json\r\n"));
        assert!(asked.contains("accept: application/json\r\n"));
        assert!(!asked.contains(&CANARY.to_ascii_lowercase()));
    });
}
