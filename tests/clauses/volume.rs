//! How much leaves, to whom somebody hears of it, and what nobody has agreed.

use crate::harness::{Answer, Council, HEALTH_KEY, HOMES_KEY, Service, Setup, json, run};

const TEAM_KEY: &str = "team-key-0123456789";

const CARE: &str = r#"
agreement: care
version: 1
title: Care with Island Health
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes:
  care: Offer care
  planning: Plan care
  save-life: { text: Protect a life, vital_interests: true }
quota: [{ purpose: care, per: P1D, requests: 50, records: 40, people: 3 }]
guard: { tell_of_records: 2, self_look_up: tell }
vital_interests: { expires: 1h, unreviewed: 1, review_within: 48h }
disclosures:
  - name: adult
    purposes: [care]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response:
      format: json
      record: $
      subject: $.id
      fields: [{ keep: [$.name] }]
  - name: plan
    purposes: [planning]
    request: GET /adults
    service: { name: social-care, path: /api }
    response:
      format: json
      record: "$[*]"
      subject: "@.id"
      fields: [{ keep: ["$[*].name"] }]
  - name: emergency
    purposes: [save-life]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response:
      format: json
      record: $
      subject: $.id
      fields: [{ keep: [$.allergies] }]
"#;

/// The same path for a team of the council's own, with more fields.
const TEAM: &str = r#"
agreement: team
version: 1
title: The council's own social-care team
parties: { controller: isle-council, partner: care-team }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes: { care: Offer care }
disclosures:
  - name: adult
    purposes: [care]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters: { path: { person: keep } }
    response:
      format: json
      record: $
      subject: $.id
      fields: [{ keep: [$.name, $.notes] }]
"#;

fn person(who: &str) -> String {
    format!(r#"{{"id":"P{who}","name":"N{who}","allergies":"A{who}","notes":"T{who}"}}"#)
}

/// The council, with a team of its own that may ask for Island Health.
async fn council() -> (Council, Service) {
    let service = Service::scripted(|head, mut stream| async move {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let body = match path.strip_prefix("/api/") {
            Some(who) => person(who),
            None => format!("[{},{},{}]", person("1"), person("2"), person("3")),
        };
        tokio::io::AsyncWriteExt::write_all(&mut stream, json(&body).as_bytes()).await?;
        Ok(Some(stream))
    })
    .await;
    let mut setup = Setup::with(service.address);
    setup.agreements = vec![
        ("care.yaml".to_owned(), CARE.to_owned()),
        ("team.yaml".to_owned(), TEAM.to_owned()),
    ];
    let mut council = setup.write();
    let text = std::fs::read_to_string(council.config()).unwrap();
    let team = format!(
        "partners:\n  - name: care-team\n    acts_for: [island-health]\n    identify: {{ api_keys: [{{ name: k, sha256: {} }}] }}\n",
        crate::harness::hash(TEAM_KEY)
    );
    std::fs::write(council.config(), text.replace("partners:\n", &team)).unwrap();
    council.start();
    (council, service)
}

async fn ask(council: &Council, key: &str, path: &str, purpose: &str, more: &str) -> Answer {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nX-Api-Key: {key}\r\nData-Purpose: {purpose}\r\n{more}\r\n"
    );
    council.send(&request).await
}

fn cases(council: &Council) -> Vec<serde_json::Value> {
    let path = council.folder.path().join("state/cases.jsonl");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Access to protect a life has fields of its own, needs a reason, which nobody can read in the ledger, is told at once,
/// and stands for nobody: it ends with its reason and until somebody has looked.
/// Rows: P3.4.3.
#[test]
fn clause_p3_3_4_vital_interests_need_a_reason_are_told_and_reviewed() {
    run(async {
        let (mut council, _service) = council().await;
        ask(&council, HEALTH_KEY, "/adults/1", "save-life", "")
            .await
            .is_problem(400, "reason_missing");
        let reason = "Data-Reason: CANARY unconscious\r\n";
        let answer = ask(&council, HEALTH_KEY, "/adults/1", "save-life", reason).await;
        assert_eq!(answer.body(), r#"{"allergies":"A1"}"#);
        assert!(
            council
                .has_metric(r#"fieldgate_alerts_total{kind="vital_interests"} 1"#)
                .await
        );
        assert!(council.has_metric("fieldgate_incidents_unreviewed 1").await);
        let again = ask(
            &council,
            HEALTH_KEY,
            "/adults/2",
            "save-life",
            "Data-Reason: another\r\n",
        )
        .await;
        let problem = again.is_problem(403, "review_overdue");
        assert_eq!(problem["agreement"], "care");
        council.stop().await;
        let incident = &council.entries("incident")[0];
        assert_eq!(incident["incident"], 1);
        let intent = &council.entries("intent")[0];
        assert_eq!(intent["request"], incident["request"]);
        assert_eq!(intent["reason_given"].as_str().unwrap().len(), 26);
        assert!(!council.ledger_text().contains("CANARY"));
    });
}

/// What is not covered is refused, and opens one case for the data-protection officer, once for each distinct gap and
/// without a value; when the agreement names it, the same request succeeds.
#[test]
fn clause_p6_3c_what_is_not_covered_is_held_and_opens_one_case() {
    run(async {
        let (council, _service) = council().await;
        for _ in 0..3 {
            ask(&council, HEALTH_KEY, "/adults/1", "planning", "")
                .await
                .is_problem(403, "purpose_not_agreed");
            ask(&council, HEALTH_KEY, "/adults/1", "CANARY", "")
                .await
                .is_problem(400, "purpose_malformed");
            ask(&council, HEALTH_KEY, "/adults/1", "canary-purpose", "")
                .await
                .is_problem(403, "purpose_not_agreed");
        }
        let opened = cases(&council);
        assert_eq!(opened.len(), 2);
        assert_eq!(opened[0]["gap"]["agreement"], "care");
        assert_eq!(opened[0]["gap"]["purpose"], "planning");
        assert_eq!(opened[0]["gap"]["partner"], "island-health");
        let text = format!("{opened:?}");
        assert!(
            !text.contains("canary") && !text.contains("adults/1"),
            "{text}"
        );
        let path = council.folder.path().join("agreements/care.yaml");
        let agreed = CARE.replace("    purposes: [care]", "    purposes: [care, planning]");
        std::fs::write(path, agreed).unwrap();
        council.gateway.as_ref().unwrap().reload().unwrap();
        let answer = ask(&council, HEALTH_KEY, "/adults/1", "planning", "").await;
        assert_eq!(answer.body(), r#"{"name":"N1"}"#);
    });
}

/// A team of the council's own that asks on behalf of somebody outside gets what that somebody's agreement has, not what
/// its own has; the ledger names both; nobody asks on behalf of a partner by just saying so; many records at once are
/// told to somebody.
#[test]
fn clause_p10_2b_on_behalf_of_somebody_external_their_agreement_decides() {
    run(async {
        let (mut council, _service) = council().await;
        let own = ask(&council, TEAM_KEY, "/adults/1", "care", "").await;
        assert_eq!(own.body(), r#"{"name":"N1","notes":"T1"}"#);
        let health = "Data-On-Behalf-Of: island-health\r\n";
        let theirs = ask(&council, TEAM_KEY, "/adults/1", "care", health).await;
        assert_eq!(theirs.body(), r#"{"name":"N1"}"#);
        for (key, other) in [
            (TEAM_KEY, "harbour-homes"),
            (TEAM_KEY, "nobody"),
            (HEALTH_KEY, "care-team"),
            (HOMES_KEY, "island-health"),
        ] {
            let more = format!("Data-On-Behalf-Of: {other}\r\n");
            ask(&council, key, "/adults/1", "care", &more)
                .await
                .is_problem(403, "on_behalf_refused");
        }
        let bulk = ask(&council, TEAM_KEY, "/adults", "planning", health).await;
        assert_eq!(bulk.status(), 200);
        assert!(
            council
                .has_metric(r#"fieldgate_alerts_total{kind="bulk_pull"} 1"#)
                .await
        );
        council.stop().await;
        let intents = council.entries("intent");
        assert_eq!(intents[0]["partner"], "care-team");
        assert_eq!(intents[1]["partner"], "island-health");
        assert_eq!(intents[1]["acting"], "care-team");
    });
}

/// Where whoever asks is named by their own identifier, a look-up of their own record is told to somebody and, where the
/// agreement says so, refused; the identifier goes nowhere.
#[test]
fn clause_p10_2c_a_look_up_of_ones_own_record_is_told() {
    run(async {
        let (council, service) = council().await;
        let own = "Data-Staff-Identifier: P1\r\n";
        let other = ask(&council, HEALTH_KEY, "/adults/2", "care", own).await;
        assert_eq!(other.status(), 200);
        let told = r#"fieldgate_alerts_total{kind="self_look_up"} 1"#;
        assert!(!council.has_metric(told).await);
        let answer = ask(&council, HEALTH_KEY, "/adults/1", "care", own).await;
        assert_eq!(answer.status(), 200, "told, not refused");
        assert!(council.has_metric(told).await);
        let asked = service.requests().concat().to_lowercase();
        assert!(!asked.contains("staff-identifier"));
        let path = council.folder.path().join("agreements/care.yaml");
        let refusing = CARE.replace("self_look_up: tell", "self_look_up: refuse");
        std::fs::write(path, refusing).unwrap();
        council.gateway.as_ref().unwrap().reload().unwrap();
        let answer = ask(&council, HEALTH_KEY, "/adults/1", "care", own).await;
        answer.is_problem(403, "self_look_up");
        assert!(!answer.text().contains("N1"));
    });
}

/// A quota bounds requests, records and different people in a window; what is over it is refused with the term and when
/// to come back, and a restart forgets nothing.
/// Rows: P3.2.7.
#[test]
fn clause_p10_5_6_a_quota_bounds_how_much_leaves_over_restarts() {
    run(async {
        let (mut council, _service) = council().await;
        for who in ["1", "2", "1"] {
            let path = format!("/adults/{who}");
            assert_eq!(
                ask(&council, HEALTH_KEY, &path, "care", "").await.status(),
                200
            );
        }
        council.stop().await;
        council.start();
        assert_eq!(
            ask(&council, HEALTH_KEY, "/adults/3", "care", "")
                .await
                .status(),
            200
        );
        let over = ask(&council, HEALTH_KEY, "/adults/4", "care", "").await;
        let problem = over.is_problem(429, "quota_exceeded");
        assert!(over.head().contains("retry-after: 39600"), "{over:?}");
        assert_eq!(
            problem["detail"],
            "agreement care allows 3 different people for care in each day; the next begins at 2026-06-15T23:00:00Z"
        );
        assert!(!over.text().contains("N4"));
    });
}
