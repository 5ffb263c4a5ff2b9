//! What crosses, in either direction, and what a partner is told where it does not.

use crate::harness::{CARE, Council, HEALTH_KEY, Service, Setup, json, json_with, run};

async fn behind(service: &Service, agreement: &str) -> Council {
    Setup {
        agreements: vec![("a.yaml".to_owned(), agreement.to_owned())],
        ..Setup::with(service.address)
    }
    .start()
}

/// The release that the ledger has, once the gateway has stopped.
async fn released(mut council: Council) -> serde_json::Value {
    council.stop().await;
    council.entries("release").remove(0)
}

fn request(method: &str, path: &str, purpose: &str, more: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\nX-Api-Key: {HEALTH_KEY}\r\nData-Purpose: {purpose}\r\nContent-Length: {}\r\n{more}\r\n{body}",
        body.len()
    )
}

/// Without an agreement that has its path no request gets through: the service sees no connection.
#[test]
fn clause_a01_without_an_agreement_nothing_passes() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let council = behind(
            &service,
            &CARE.replace("island-health }", "harbour-homes }"),
        )
        .await;
        for path in ["/adults/7", "/adults", "/", "/studies"] {
            council
                .send(&request("GET", path, "care", "", ""))
                .await
                .is_problem(404, "no_route");
        }
        assert!(service.requests().is_empty());
    });
}

/// Every refusal says which term refused and what would make it allowed: each problem has a reason, a remedy and, where
/// an agreement refused, its name.
#[test]
fn clause_a02_a_refusal_says_what_would_make_it_allowed() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let council = behind(&service, CARE).await;
        for (path, purpose, status, reason, named) in [
            ("/nothing", "care", 404, "no_route", false),
            ("/adults/7", "marketing", 403, "purpose_not_agreed", true),
            ("/adults/7", "Care!", 400, "purpose_malformed", false),
            ("/adults/7?all=1", "care", 400, "query_not_agreed", true),
        ] {
            let answer = council.send(&request("GET", path, purpose, "", "")).await;
            let problem = answer.is_problem(status, reason);
            assert!(problem["remedy"].as_str().unwrap().len() > 10, "{problem}");
            assert_eq!(problem["agreement"].is_string(), named, "{problem}");
        }
        assert!(service.requests().is_empty());
    });
}

/// No key of the configuration or of an agreement lets everything through: the schemas have none, and a rule that keeps
/// the whole body is told to reviewers with its reason.
/// Rows: P10.2a.
#[test]
fn clause_a17_no_setting_shares_without_an_agreement() {
    let schemas = [
        fieldgate::config::gateway_schema(),
        fieldgate::agreement::agreement_schema(),
    ];
    for schema in schemas {
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        let mut keys = Vec::new();
        collect(&schema, &mut keys);
        for word in [
            "allow",
            "bypass",
            "passthrough",
            "permit_all",
            "insecure_skip",
            "development",
            "debug_all",
        ] {
            let found: Vec<_> = keys.iter().filter(|key| key.contains(word)).collect();
            assert!(found.is_empty(), "{found:?}");
        }
    }
    // An agreement without rules does not load, and one with an empty list lets nothing out.
    let without = CARE.replace("      fields:\n        - keep: [$.text]\n", "");
    let service: std::net::SocketAddr = "127.0.0.1:9".parse().unwrap();
    let council = Setup {
        agreements: vec![("a.yaml".to_owned(), without)],
        ..Setup::with(service)
    }
    .write();
    assert!(fieldgate::config::load(&council.config()).is_err());
}

/// The names of all properties that a schema has.
fn collect(schema: &serde_json::Value, keys: &mut Vec<String>) {
    if let Some(properties) = schema.get("properties").and_then(|found| found.as_object()) {
        keys.extend(properties.keys().cloned());
    }
    let members = schema
        .as_object()
        .into_iter()
        .flat_map(|object| object.values());
    let items = schema.as_array().into_iter().flatten();
    members.chain(items).for_each(|value| collect(value, keys));
}

/// What is no structured data of an agreed kind does not pass, whatever its label: a PDF, a scan, an archive, text.
/// Rows: P2.1.
#[test]
fn clause_r02_scans_and_other_binaries_are_refused_and_counted() {
    run(async {
        for label in [
            "application/pdf",
            "image/jpeg",
            "application/zip",
            "text/plain",
            "application/octet-stream",
            "text/csv",
            "application/xml",
        ] {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {label}\r\nContent-Length: 8\r\n\r\n%PDF-1.7"
            );
            let service = Service::answering(answer).await;
            let council = behind(&service, CARE).await;
            let answer = council
                .send(&request("GET", "/adults/7", "care", "", ""))
                .await;
            answer.is_problem(502, "content_type");
            assert!(!answer.text().contains("%PDF"), "{label}");
            assert!(
                council
                    .metrics()
                    .await
                    .lines()
                    .any(|line| line.contains("content_type") && line.ends_with(" 1")),
                "{label}"
            );
        }
        // Inside a body that is agreed, a file in base64 is a field that nobody named.
        let service = Service::answering(json(r#"{"name":"Ada","scan":"JVBERi0xLjcK"}"#)).await;
        let council = behind(&service, CARE).await;
        let answer = council
            .send(&request("GET", "/adults/7", "care", "", ""))
            .await;
        assert_eq!(answer.body(), r#"{"name":"Ada"}"#);
    });
}

/// What a partner sends is cut to what the purpose needs before the council has it: fields that are not agreed are left
/// out, or where the agreement says so the request is refused and no byte of it is stored; nested ones and doubled names
/// alike.
#[test]
fn clause_p4_2_only_what_is_required_is_collected() {
    run(async {
        let strict = CARE.replace(
            "    request_body:\n      format: json\n",
            "    request_body:\n      format: json\n      undeclared: refuse\n",
        );
        for (agreement, strict) in [(CARE, false), (strict.as_str(), true)] {
            for (body, extra) in [
                (r#"{"text":"fell twice"}"#, false),
                (r#"{"text":"fell twice","religion":"none"}"#, true),
                (r#"{"text":"fell twice","more":{"deep":[1,{"a":2}]}}"#, true),
                (r#"{"text":{"inner":"fell twice"}}"#, true),
            ] {
                let service = Service::answering(json(r#"{"text":"noted"}"#)).await;
                let council = behind(&service, agreement).await;
                let sent = request(
                    "POST",
                    "/adults/7/notes",
                    "care",
                    "Content-Type: application/json\r\n",
                    body,
                );
                let answer = council.send(&sent).await;
                if strict && extra {
                    answer.is_problem(422, "request_undeclared");
                    assert!(
                        service
                            .requests()
                            .iter()
                            .all(|seen| !seen.contains("fell") && !seen.contains("religion")),
                        "no byte of a refused body is stored"
                    );
                } else {
                    assert_eq!(answer.status(), 200, "{body}");
                    let seen = service.requests().remove(0);
                    assert!(
                        !seen.contains("religion") && !seen.contains("deep"),
                        "{seen}"
                    );
                }
            }
            let service = Service::answering(json("{}")).await;
            let council = behind(&service, agreement).await;
            let sent = request(
                "POST",
                "/adults/7/notes",
                "care",
                "Content-Type: application/json\r\n",
                r#"{"text":"a","te\u0078t":"b"}"#,
            );
            council
                .send(&sent)
                .await
                .is_problem(400, "request_duplicate_name");
        }
    });
}

/// A record that does not say how old it is, or is older than agreed, stays; an identifier whose check digit is wrong is
/// marked and never becomes a token beside the right ones.
/// Rows: P10.5.4.
#[test]
fn clause_p3_2_4_what_is_old_or_wrong_is_held_back_or_marked() {
    run(async {
        let agreement = r#"
agreement: care
version: 1
title: Care
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes: { care: Offer care }
disclosures:
  - name: adults
    purposes: [care]
    request: GET /adults
    service: { name: social-care, path: /api }
    response:
      format: json
      record: "$[*]"
      withhold: { stale: { as_of: "@.updated", within: P90D } }
      fields:
        - keep: ["$[*].updated"]
        - tokenise: ["$[*].nhs"]
          as: person
          form: nhs-number
          invalid: mark
"#;
        // 9434765919 is a published example; the second differs in its check digit. It is 15 June 2026.
        let body = r#"[{"nhs":"9434765919","updated":"2026-06-01"},{"nhs":"9434765918","updated":"2026-05-01"},{"nhs":"9434765919","updated":"2026-01-01"},{"nhs":"9434765919"}]"#;
        let service = Service::answering(json(body)).await;
        let council = behind(&service, agreement).await;
        let answer = council
            .send(&request("GET", "/adults", "care", "", ""))
            .await;
        let left = answer.json();
        let left = left.as_array().unwrap();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left[0]["nhs"].as_str().unwrap().len() > 20);
        assert_eq!(left[1]["nhs"], "[invalid nhs-number]");
        let release = released(council).await;
        assert_eq!(release["tally"]["withheld"]["stale"], 2);
    });
}

/// A record that is past the day to which it is kept stays, one that is not, or whose time has not begun, leaves; its owner is
/// told how many stayed, in the ledger and the metrics.
#[test]
fn clause_p10_5_5_records_past_their_retention_stay_and_are_counted() {
    run(async {
        let agreement = CARE.replace(
            "      record: \"$[*]\"\n",
            "      record: \"$[*]\"\n      withhold: { retention: { from: \"@.closed\", for: P6Y } }\n",
        );
        // It is 15 June 2026.
        let body = r#"[{"id":"1","name":"kept","closed":"2020-06-20"},{"id":"2","name":"past","closed":"2020-06-10"},{"id":"3","name":"open"},{"id":"4","name":"long past","closed":"1999-12-31"}]"#;
        let service = Service::answering(json(body)).await;
        let council = behind(&service, &agreement).await;
        let answer = council
            .send(&request("GET", "/adults", "care", "", ""))
            .await;
        assert_eq!(answer.body(), r#"[{"name":"kept"},{"name":"open"}]"#);
        let counted = r#"fieldgate_records_withheld_total{agreement="care",disclosure="adults",reason="retention"} 2"#;
        assert!(council.has_metric(counted).await);
        let release = released(council).await;
        assert_eq!(release["tally"]["withheld"]["retention"], 2);
    });
}

/// A made-up record that is planted in the council's data is known again wherever it turns up: its token is another under each
/// agreement, and leads to one alone.
#[test]
fn clause_p9_2a_a_planted_record_that_turns_up_is_traced_to_one_agreement() {
    run(async {
        // A published example of a valid number, which is nobody's.
        let planted = r#"{"id":"9434765919","name":"Canary"}"#;
        let service = Service::answering(json(planted)).await;
        let agreement = |name: &str, path: &str| {
            let text = format!(
                r#"
agreement: {name}
version: 1
title: {name}
parties: {{ controller: isle-council, partner: island-health }}
term: {{ starts: 2026-01-01, ends: 2026-12-31 }}
purposes: {{ care: Offer care }}
disclosures:
  - name: person
    purposes: [care]
    request: GET {path}
    service: {{ name: social-care, path: /api }}
    response:
      format: json
      fields: [{{ tokenise: [$.id], as: person, form: nhs-number }}]
"#
            );
            (format!("{name}.yaml"), text)
        };
        let setup = Setup {
            agreements: vec![agreement("first", "/first"), agreement("second", "/second")],
            ..Setup::with(service.address)
        };
        let council = setup.start();
        let mut tokens = Vec::new();
        for path in ["/first", "/second", "/first"] {
            let answer = council.send(&request("GET", path, "care", "", "")).await;
            tokens.push(answer.json()["id"].as_str().unwrap().to_owned());
        }
        assert_eq!(
            tokens[0], tokens[2],
            "what was found is compared with what is made"
        );
        assert_ne!(tokens[0], tokens[1], "a leak says whose it is");
        assert!(!tokens.concat().contains("9434765919"));
    });
}

/// A tick-box on the record decides on what goes outside the council: only a clear no to refusing lets it go; yes, nothing
/// and nonsense hold it back.
#[test]
fn clause_p4_3c_who_may_have_refused_is_held_back() {
    run(async {
        let agreement = CARE.replace(
            "      record: \"$[*]\"\n",
            "      record: \"$[*]\"\n      withhold: { refused: \"@.refused\" }\n",
        );
        let body = r#"[{"id":"1","name":"said no","refused":"no"},{"id":"2","name":"said yes","refused":"yes"},{"id":"3","name":"said nothing"},{"id":"4","name":"said something else","refused":"maybe"}]"#;
        let service = Service::answering(json_with("", body)).await;
        let council = behind(&service, &agreement).await;
        let answer = council
            .send(&request("GET", "/adults", "care", "", ""))
            .await;
        assert_eq!(answer.body(), r#"[{"name":"said no"}]"#);
        let release = released(council).await;
        assert_eq!(release["tally"]["withheld"]["refused"], 3);
    });
}

/// References to others in a free text, by name and by identifier, leave as placeholders: the same person has the same one
/// throughout a document, and nobody's says who they are.
#[test]
fn clause_p8_2b_third_parties_are_taken_out_of_free_text() {
    run(async {
        let agreement = r#"
agreement: access
version: 1
title: A copy for the person
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes: { subject-access: Give people a copy of what is held }
disclosures:
  - name: file
    purposes: [subject-access]
    request: GET /files/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response:
      format: json
      record: $
      fields:
        - redact: ["$.notes[*]"]
          detect: all
          names: ["@.contacts[*].name"]
          with: placeholder
"#;
        // The contacts are others; the number is a published example of one that is valid.
        let body = r#"{"contacts":[{"name":"Ruth Okafor"},{"name":"Piet Zielinski"}],"notes":["Ruth Okafor rang; NHS 943 476 5919, ruth@example.org.","Met Piet Zielinski and Ruth Okafor at home.","Nothing new."]}"#;
        let copy = || async {
            let service = Service::answering(json(body)).await;
            let council = behind(&service, agreement).await;
            let answer = council
                .send(&request("GET", "/files/7", "subject-access", "", ""))
                .await;
            answer.json()
        };
        let left = copy().await;
        let notes: Vec<&str> = left["notes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note.as_str().unwrap())
            .collect();
        for secret in [
            "Ruth",
            "Okafor",
            "Piet",
            "Zielinski",
            "943",
            "5919",
            "example.org",
        ] {
            assert!(!left.to_string().contains(secret), "{secret} in {left}");
        }
        assert!(left.get("contacts").is_none());
        let ruth = notes[0].split(" rang").next().unwrap();
        assert_eq!(ruth, "Person A");
        assert!(
            notes[1].contains(&format!("and {ruth} at home")),
            "the same person has the same placeholder: {notes:?}"
        );
        assert!(
            !notes[1].starts_with(&format!("Met {ruth}")),
            "another person has another: {notes:?}"
        );
        assert_eq!(notes[2], "Nothing new.");
    });
}

/// A new version of an agreement is told to everybody it concerns: the ledger has its hash from the moment it runs, every
/// answer names it, and a caller that says it still holds the former one is refused until it has taken note.
#[test]
fn clause_r09_a_new_version_is_drawn_to_callers_attention() {
    run(async {
        let service = Service::answering(json(r#"{"name":"Ada"}"#)).await;
        let mut council = behind(&service, CARE).await;
        let ask = |version: &'static str| {
            let more = format!("Data-Agreement-Version: {version}\r\n");
            request("GET", "/adults/7", "care", &more, "")
        };
        let first = council.send(&ask("1")).await;
        assert_eq!(first.status(), 200);
        assert!(
            first.head().to_lowercase().contains("version=1"),
            "{}",
            first.head()
        );
        std::fs::write(
            council.folder.path().join("agreements/a.yaml"),
            CARE.replace("version: 1", "version: 2"),
        )
        .unwrap();
        council.gateway.as_ref().unwrap().reload().unwrap();
        council
            .send(&ask("1"))
            .await
            .is_problem(409, "agreement_changed");
        let noted = council.send(&ask("2")).await;
        assert!(
            noted.head().to_lowercase().contains("version=2"),
            "{}",
            noted.head()
        );
        council.stop().await;
        let hashes: Vec<String> = council
            .entries("agreements")
            .iter()
            .map(|entry| entry["agreements"][0]["hash"].to_string())
            .collect();
        assert_eq!(hashes.len(), 2);
        assert_ne!(hashes[0], hashes[1]);
    });
}

/// A record that is marked as restricted by a court stays behind under every purpose.
#[test]
fn clause_p8_4_1_what_a_court_has_restricted_is_never_released() {
    run(async {
        let marked = "      withhold: { court_restricted: \"@.court\", harm_hold: \"@.harm\" }\n";
        let agreement = CARE
            .replace("      record: $\n", &format!("      record: $\n{marked}"))
            .replace(
                "purposes: [care]\n    request: GET /adults/{person}",
                "purposes: [care, research]\n    request: GET /adults/{person}",
            )
            .replace(
                "  research: Learn",
                "  rescue: { text: Save a life, vital_interests: true }\n  research: Learn",
            );
        // What protects a life has a disclosure of its own.
        let agreement = format!(
            r#"{agreement}
  - name: rescue
    purposes: [rescue]
    request: GET /adults/{{person}}
    service: {{ name: social-care, path: "/api/{{person}}" }}
    parameters: {{ path: {{ person: keep }} }}
    response:
      format: json
      record: $
{marked}      fields: [{{ keep: [$.name] }}]
"#
        );
        for (body, leaves) in [
            (r#"{"id":"1","name":"Ada"}"#, true),
            (r#"{"id":"1","name":"Ada","court":"order of 2024"}"#, false),
            (r#"{"id":"1","name":"Ada","harm":true}"#, false),
        ] {
            let service = Service::answering(json(body)).await;
            let council = behind(&service, &agreement).await;
            for (purpose, more) in [
                ("care", ""),
                ("research", ""),
                ("rescue", "Data-Reason: found unconscious\r\n"),
            ] {
                let answer = council
                    .send(&request("GET", "/adults/7", purpose, more, ""))
                    .await;
                let expected = if leaves { r#"{"name":"Ada"}"# } else { "null" };
                assert_eq!(answer.body(), expected, "{purpose}");
            }
        }
    });
}
