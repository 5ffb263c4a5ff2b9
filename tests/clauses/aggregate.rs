//! Trends instead of people: what leaves is a table, under a rule that it names.

use crate::harness::{Answer, Council, Service, Setup, json, run};

/// An agreement whose disclosures are tables under each of the rules.
fn agreement() -> String {
    let mut text = String::from(
        r#"
agreement: trends
version: 1
title: Where help is needed
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes:
  care: Plan clinics where falls are frequent
disclosures:
"#,
    );
    for (name, rule, more) in [
        ("nhs", "nhs-england", ""),
        ("ons", "ons-10-5", ""),
        ("own", "{ threshold: 5, round: 5 }", ", totals: true"),
        ("exact", "{ threshold: 5, round: 1 }", ", totals: true"),
        ("rows", "nhs-england", ", output: csv"),
    ] {
        text.push_str(&format!(
            r#"
  - name: {name}
    purposes: [care]
    request: GET /trends/{name}
    service: {{ name: social-care, path: /api/{name} }}
    response:
      format: json
      record: $.people[*]
      release_if: "@.consent != false"
      fields:
        - keep: [ "$.people[*].ward", "$.people[*].visits" ]
      aggregate: {{ by: [ {{ of: "$.people[*].ward", values: [Cowes, Lake, Ryde, Wootton] }} ], measures: {{ people: count, visits: {{ sum: "$.people[*].visits" }} }}, rule: {rule}{more} }}
"#
        ));
    }
    text
}

/// People by ward, each with values that are nobody else's; one in `Ryde` has not consented.
fn people(wards: &[(&str, usize)]) -> (String, Vec<String>) {
    let (mut records, mut identifiers) = (Vec::new(), Vec::new());
    for (ward, count) in wards {
        for _ in 0..*count {
            let person = records.len();
            let own = [
                format!("943476{:04}", 1000 + person),
                format!("Quill-{person:03}"),
                format!("19{:02}-03-{:02}", 20 + person % 70, 1 + person % 28),
                format!("PO30 {person:03}AB"),
            ];
            records.push(format!(
                r#"{{"nhsNumber":"{}","name":"{}","dateOfBirth":"{}","postcode":"{}","ward":"{ward}","visits":2}}"#,
                own[0], own[1], own[2], own[3]
            ));
            identifiers.extend(own);
        }
    }
    records.push(
        r#"{"nhsNumber":"9434769999","ward":"Ryde","visits":90000,"consent":false}"#.to_owned(),
    );
    (
        format!(r#"{{"people":[{}]}}"#, records.join(",")),
        identifiers,
    )
}

const WARDS: [(&str, usize); 3] = [("Cowes", 3), ("Lake", 8), ("Ryde", 23)];

async fn council(body: &str) -> (Council, Service) {
    let service = Service::answering(json(body)).await;
    let setup = Setup {
        agreements: vec![("trends.yaml".to_owned(), agreement())],
        ..Setup::with(service.address)
    };
    (setup.start(), service)
}

async fn ask(council: &Council, name: &str) -> Answer {
    council.get(&format!("/trends/{name}")).await
}

/// Records come from the service, and the partner gets a table of their groups alone: nothing that identifies anybody is
/// in it, who has not consented is not counted, and the ledger names no subject but how many records were counted.
#[test]
fn clause_a14_the_partner_of_a_trend_gets_a_table_and_nobodys_record() {
    run(async {
        let (body, identifiers) = people(&WARDS);
        let (mut council, _service) = council(&body).await;
        for name in ["nhs", "ons", "own", "exact", "rows"] {
            let answer = ask(&council, name).await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            assert!(!answer.is_chunked(), "a table leaves whole");
            for identifier in &identifiers {
                assert!(
                    !answer.text().contains(identifier.as_str()),
                    "{name}: {identifier} left"
                );
            }
            assert!(!answer.text().contains("90000"));
        }
        assert!(ask(&council, "rows").await.head().contains("text/csv"));
        council.stop().await;
        let release = &council.entries("release")[0];
        assert_eq!(release["tally"]["table"]["records"], 34);
        assert_eq!(release["tally"]["table"]["groups"], 4);
        assert_eq!(release["tally"]["records_released"], 0);
        assert!(council.entries("subjects").is_empty());
    });
}

/// Known counts go in and each published rule comes out: under NHS England's 0, 1 to 7 as `*`, and the rest to the nearest
/// 5; under the 10-5 rule all below 10 as `*`. The table names its rule and calls nobody anonymous.
#[test]
fn clause_a15_each_table_is_under_the_published_rule_that_it_names() {
    run(async {
        let (body, _) = people(&WARDS);
        let (council, _service) = council(&body).await;
        for (name, rule, counts) in [
            ("nhs", "nhs-england", ["\"*\"", "10", "25", "0"]),
            ("ons", "ons-10-5", ["\"*\"", "\"*\"", "25", "\"*\""]),
            ("own", "threshold-5-round-5", ["\"*\"", "10", "25", "0"]),
        ] {
            let answer = ask(&council, name).await;
            let table = answer.json();
            assert_eq!(table["rule"], rule);
            let groups = table["groups"].as_array().unwrap();
            let found: Vec<String> = groups
                .iter()
                .map(|group| group["people"].to_string())
                .collect();
            assert_eq!(found, counts, "{name}");
            assert!(!answer.text().to_lowercase().contains("anonym"));
        }
    });
}

/// Who holds the table before and after somebody joined, and its total, still cannot tell how many are in a hidden group:
/// more than one number of people shows the same.
#[test]
fn clause_a15_two_overlapping_tables_taken_from_each_other_give_no_hidden_count() {
    run(async {
        let mut shown = Vec::new();
        for cowes in 1..=4 {
            let (body, _) = people(&[("Cowes", cowes), ("Lake", 9), ("Ryde", 23)]);
            let (council, _service) = council(&body).await;
            let table = ask(&council, "own").await.json();
            assert_eq!(table["groups"][0]["people"], "*");
            let rows = table["groups"].as_array().unwrap().iter();
            let rows = rows.chain(table["totals"].as_array().unwrap());
            shown.push(
                rows.map(|row| row["people"].to_string())
                    .collect::<Vec<_>>(),
            );
        }
        for pair in shown.windows(2) {
            let alike = shown.windows(2).filter(|other| *other == pair).count();
            assert!(alike > 1 || pair[0] == pair[1], "{pair:?}");
        }
    });
}

/// Where counts are shown as they are, no hidden one is what is left of a total: another is hidden beside it, so that who subtracts
/// what is shown from the total has the sum of two groups and neither.
#[test]
fn clause_a15_a_hidden_count_is_not_what_is_left_of_the_total() {
    run(async {
        for cowes in 1..=4 {
            let (body, _) = people(&[("Cowes", cowes), ("Lake", 9), ("Ryde", 23)]);
            let (council, _service) = council(&body).await;
            let table = ask(&council, "exact").await.json();
            let groups = table["groups"].as_array().unwrap();
            assert_eq!(groups[0]["people"], "*");
            assert_eq!(groups[2]["people"], 23, "{table}");
            let total = &table["totals"][0]["people"];
            let hidden = groups.iter().filter(|group| group["people"] == "*");
            assert!(*total == "*" || hidden.count() > 1, "{table}");
        }
    });
}

/// A faulty body leaves no table at all: not the groups that were counted before the fault.
#[test]
fn clause_a14_a_body_at_fault_has_no_table() {
    run(async {
        let (body, _) = people(&WARDS);
        let (council, _service) = council(&body[..body.len() - 2]).await;
        let answer = ask(&council, "nhs").await;
        assert!(answer.status() >= 500, "{}", answer.text());
        assert!(!answer.text().contains("Ryde"));
    });
}

/// What goes to a public page is a table: of an agreement for a table no record can leave, whatever its service sends.
#[test]
fn clause_p10_4b_a_table_for_the_public_holds_no_personal_data() {
    run(async {
        for body in [
            r#"{"people":[{"ward":"Ryde","name":"Quill"}],"name":"Quill","notes":["Quill"]}"#,
            r#"{"people":[],"Quill":"Quill"}"#,
            r#"["Quill"]"#,
            r#"{"people":[{"ward":{"Quill":"Quill"},"visits":"Quill"}]}"#,
        ] {
            let (council, _service) = council(body).await;
            let answer = ask(&council, "nhs").await;
            assert_eq!(answer.status(), 200, "{}", answer.text());
            assert!(!answer.text().contains("Quill"), "{}", answer.text());
        }
    });
}
