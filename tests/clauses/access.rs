//! What is held about a person, shown to that person: whom it may be shown to, and what is kept back by which exemption.

use fieldgate::clock::Clock;
use fieldgate::rights::Entry;
use fieldgate::subjects::{Act, Change, Store};
use fieldgate::transform::{RootKey, SubjectTokens};

use crate::harness::{Council, Service, Setup, hash, json, june, run};

/// A person's own record, a parent's sight of it, and one with the others in it.
const ACCESS: &str = r#"
agreement: access
version: 1
title: Requests of people for their own records
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes:
  own-record: { text: Show people what is held about them, roles: [subject-access-officer], rights: { access: subject } }
  childs-record: { text: Show parents what is held, roles: [subject-access-officer], rights: { access: parent } }
  with-others: { text: Show the others in it too, roles: [subject-access-officer], rights: { access: subject, third_parties: decided } }
disclosures:
  - name: own
    purposes: [own-record, childs-record]
    request: GET /record
    service: { name: social-care, path: /api }
    response:
      format: json
      record: $
      subject: "@.nhs"
      fields:
        - keep: [$.name, $.plan, $.disputed]
        - drop: [$.reporter]
          exempt: third-party
        - drop: [$.assessment]
          exempt: S3P3-11
        - drop: [$.diagnosis]
          exempt: health
  - name: with-consent
    purposes: [own-record]
    request: GET /record-with-others
    service: { name: social-care, path: /api }
    response:
      format: json
      record: $
      subject: "@.nhs"
      fields:
        - keep: [$.name]
        - keep: [$.reporter]
          third_parties: decided
  - name: whole
    purposes: [with-others]
    request: GET /record
    service: { name: social-care, path: /api }
    response:
      format: json
      record: $
      subject: "@.nhs"
      fields: [{ keep: [$.name, $.reporter] }]
"#;

const OFFICER: &str = "officer-key-0123456789";
const CLERK: &str = "clerk-key-01234567890";

const RECORD: &str = r#"{"nhs":"4010232137","name":"Ada","plan":"weekly","disputed":true,"reporter":"B. Neighbour","assessment":"canary-assessment","diagnosis":"canary-diagnosis"}"#;

fn root() -> RootKey {
    RootKey::from_hex(&"5a".repeat(32)).unwrap()
}

fn setup(service: &Service, agreement: &str) -> Setup {
    Setup {
        agreements: vec![("access.yaml".to_owned(), agreement.to_owned())],
        identify: format!(
            "api_keys: [{{ name: officer, sha256: {}, roles: [subject-access-officer] }}, {{ name: clerk, sha256: {} }}]",
            hash(OFFICER),
            hash(CLERK)
        ),
        more: "subjects: { store: subjects }".to_owned(),
        ..Setup::with(service.address)
    }
}

/// A gateway before a service that has `record`, with `facts` entered about Ada.
async fn council(record: &str, facts: &[(&str, Option<jiff::civil::Date>)]) -> (Council, Service) {
    let service = Service::answering(json(record)).await;
    let mut council = setup(&service, ACCESS).write();
    let path = council.folder.path().join("subjects");
    Store::create(&path, root().subjects_seal(), june().now()).unwrap();
    let mut store = Store::open(&path, root().subjects_seal()).unwrap();
    let ada = SubjectTokens::new(&root().subject())
        .bytes_of_text("401 023 2137")
        .unwrap();
    for (fact, until) in facts {
        let entry = Entry {
            fact: fact.parse().unwrap(),
            until: *until,
        };
        let professional = entry.fact.is_a_professional_decision().then_some("SW1");
        let act = Act::Enter(entry);
        let change = Change::new(act, "officer", "request R-1", Some("R-1"), professional);
        let now = Clock::system().now();
        store.change(&change.unwrap(), &[ada], now).unwrap();
    }
    council.start();
    (council, service)
}

/// What leaves for `purpose`, asked by the officer.
async fn ask(council: &Council, purpose: &str) -> String {
    let answer = ask_as(council, OFFICER, purpose).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.body()
}

async fn ask_as(council: &Council, key: &str, purpose: &str) -> crate::harness::Answer {
    let request = format!(
        "GET /record HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {key}\r\nData-Purpose: {purpose}\r\nConnection: close\r\n\r\n"
    );
    council.send(&request).await
}

const OWN: &str = r#"{"name":"Ada","plan":"weekly","disputed":true}"#;

/// A child's own request is answered as an adult's: no age bars it, and what the person objects to elsewhere does not bar it
/// either.
#[test]
fn clause_p7_5a_a_child_asks_for_its_own_record_as_adults_do() {
    run(async {
        for facts in [
            &[][..],
            &[("child", None)],
            &[("child", None), ("objection", None), ("restriction", None)],
        ] {
            let (council, _service) = council(RECORD, facts).await;
            assert_eq!(ask(&council, "own-record").await, OWN, "{facts:?}");
        }
    });
}

/// A child's record is shown to a parent only with the child's entered consent; on the eighteenth birthday the parent's sight
/// of it ends, whatever was entered, and an adult's record is shown to no parent.
#[test]
fn clause_p7_5b_a_parent_sees_a_childs_record_with_the_childs_consent_alone() {
    let today = jiff::civil::date(2026, 6, 15);
    run(async {
        for (facts, shown) in [
            (&[("child", None)][..], "null"),
            (&[("child", None), ("child-consent", None)], OWN),
            (&[("child", Some(today)), ("child-consent", None)], OWN),
            (
                &[("child", today.yesterday().ok()), ("child-consent", None)],
                "null",
            ),
            (&[("child-consent", None)], "null"),
            (
                &[
                    ("child", None),
                    ("child-consent", None),
                    ("court-restricted", None),
                ],
                "null",
            ),
        ] {
            let (council, _service) = council(RECORD, facts).await;
            assert_eq!(ask(&council, "childs-record").await, shown, "{facts:?}");
        }
    });
}

/// Where a child is too young to agree, the record is held and counted as held for a decision until a named person's decision is
/// entered; nothing releases it by itself.
#[test]
fn clause_p7_5c_a_young_childs_record_is_held_for_a_decision() {
    run(async {
        let (mut held, _service) = council(RECORD, &[("child", None)]).await;
        assert_eq!(ask(&held, "childs-record").await, "null");
        held.stop().await;
        let tally = &held.entries("release")[0]["tally"];
        assert_eq!(tally["withheld"]["held_for_decision"], 1);
        let facts = [("child", None), ("parent-decision", None)];
        let (decided, _service) = council(RECORD, &facts).await;
        assert_eq!(ask(&decided, "childs-record").await, OWN);
    });
}

/// Requests of people for their records are made by the officer who has that role, and refused to everybody else.
#[test]
fn clause_p7_6_only_the_officer_with_the_role_receives_subjects_records() {
    run(async {
        let (council, service) = council(RECORD, &[]).await;
        for purpose in ["own-record", "childs-record", "with-others"] {
            let refused = ask_as(&council, CLERK, purpose).await;
            refused.is_problem(403, "role_not_held");
        }
        assert!(service.requests().is_empty());
        assert_eq!(ask(&council, "own-record").await, OWN);
    });
}

/// Everything that a rule keeps from the person it is about carries an exemption's code, which the review lists: an agreement
/// with a field that is kept back without one does not load, nor one with an exemption of what is not kept back.
#[test]
fn clause_p8_1_what_is_kept_from_a_person_carries_an_exemption() {
    run(async {
        let service = Service::answering(json(RECORD)).await;
        let fault = |text: String| {
            setup(&service, &text)
                .write()
                .try_start()
                .unwrap_err()
                .to_string()
        };
        let bare = fault(ACCESS.replace("          exempt: health\n", ""));
        assert!(bare.contains("has an exemption"), "{bare}");
        let unknown = fault(ACCESS.replace("exempt: health", "exempt: because"));
        assert!(unknown.contains("an exemption (health"), "{unknown}");
        let kept = fault(ACCESS.replace("- drop: [$.diagnosis]", "- keep: [$.diagnosis]"));
        assert!(
            kept.contains("an exemption is of what is dropped"),
            "{kept}"
        );
        let council = setup(&service, ACCESS).write();
        let loaded = fieldgate::config::load(&council.config()).unwrap();
        let agreement = loaded.agreements.agreement("access").unwrap();
        let codes: Vec<&str> = agreement.disclosures[0]
            .exemptions
            .iter()
            .map(|exemption| exemption.code.as_str())
            .collect();
        assert_eq!(codes, ["S2P3", "S3P3-11", "S3P2"]);
    });
}

/// A record that shows others is shown only where their consent, or a decision that it is reasonable, is entered; the record
/// without them is shown either way.
#[test]
fn clause_p8_2a_others_in_a_record_are_shown_on_their_consent_or_a_decision_alone() {
    run(async {
        let whole = r#"{"name":"Ada","reporter":"B. Neighbour"}"#;
        for (facts, shown) in [
            (&[][..], "null"),
            (&[("third-party-consent", None)], whole),
            (&[("third-party-reasonable", None)], whole),
            (
                &[("third-party-reasonable", None), ("harm-hold", None)],
                "null",
            ),
        ] {
            let (council, _service) = council(RECORD, facts).await;
            assert_eq!(ask(&council, "with-others").await, shown, "{facts:?}");
            let own = ask(&council, "own-record").await;
            assert!(!own.contains("Neighbour"), "{own}");
        }
    });
}

/// In a record that is shown, each field that shows others leaves only where their consent, or a decision that it is
/// reasonable, is entered; without either the record is shown as if it had no such field, and the rule's exemption is the one of
/// third parties.
/// Rows: P8.1, P8.3.
#[test]
fn clause_p8_2a_a_field_that_shows_others_is_kept_back_until_that_is_decided() {
    run(async {
        let shown = async |council: &Council| {
            let request = format!(
                "GET /record-with-others HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {OFFICER}\r\nData-Purpose: own-record\r\nConnection: close\r\n\r\n"
            );
            council.send(&request).await.body()
        };
        let whole = r#"{"name":"Ada","reporter":"B. Neighbour"}"#;
        let without = r#"{"name":"Ada"}"#;
        for (facts, expected) in [
            (&[][..], without),
            (&[("third-party-consent", None)], whole),
            (&[("third-party-reasonable", None)], whole),
            (
                &[
                    ("third-party-consent", None),
                    ("third-party-reasonable", None),
                ],
                whole,
            ),
        ] {
            let (council, _service) = council(RECORD, facts).await;
            assert_eq!(shown(&council).await, expected, "{facts:?}");
        }
        // Neither whose record it is nor what the value is changes that.
        for record in [
            RECORD.replace("4010232137", "UNKNOWN"),
            RECORD.replace("\"B. Neighbour\"", "null"),
        ] {
            let (council, _service) = council(&record, &[]).await;
            assert!(!shown(&council).await.contains("reporter"), "{record}");
        }
        let (mut held, service) = council(RECORD, &[]).await;
        assert_eq!(shown(&held).await, without);
        held.stop().await;
        assert_eq!(held.entries("release")[0]["tally"]["fields"]["drop"], 1);
        let loaded = fieldgate::config::load(&held.config()).unwrap();
        let agreement = loaded.agreements.agreement("access").unwrap();
        assert_eq!(agreement.disclosures[1].exemptions[0].code, "S2P3");
        // Elsewhere nobody decides it.
        let elsewhere = ACCESS.replace(
            "rights: { access: subject }",
            "rights: { children: release }",
        );
        let fault = setup(&service, &elsewhere)
            .write()
            .try_start()
            .unwrap_err()
            .to_string();
        assert!(
            fault.contains("a person asks for their own record"),
            "{fault}"
        );
    });
}

/// What is kept back leaves no trace: the answer is byte for byte that of a record without it, so that not even the fact is told.
#[test]
fn clause_p8_3_what_an_exemption_hides_leaves_no_trace() {
    run(async {
        let without = r#"{"nhs":"4010232137","name":"Ada","plan":"weekly","disputed":true}"#;
        let (hidden, _service) = council(RECORD, &[]).await;
        let (never, _other) = council(without, &[]).await;
        let (hidden, never) = (
            ask_as(&hidden, OFFICER, "own-record").await,
            ask_as(&never, OFFICER, "own-record").await,
        );
        assert_eq!(hidden.body(), never.body());
        assert!(!hidden.text().contains("canary"));
    });
}

/// A record that bears a label of its own by which it is kept from the person it is about stays behind whatever the label is, and the
/// answer is byte for byte that of a service without the record; it is counted. Where nobody asks for their own record such a
/// label is not a term that loads.
/// Rows: P8.1, P8.4.
#[test]
fn clause_p8_3_a_record_whose_own_label_exempts_it_leaves_no_trace() {
    let entries = ACCESS
        .replacen("record: $\n", "record: $[*]\n", 1)
        .replacen(
            "subject: \"@.nhs\"\n",
            "subject: \"@.nhs\"\n      withhold: { exempt: \"@.label\" }\n",
            1,
        )
        .replacen(
            "keep: [$.name, $.plan, $.disputed]",
            "keep: [\"$[*].name\"]",
            1,
        )
        .replacen("drop: [$.reporter]", "drop: [\"$[*].reporter\"]", 1)
        .replacen("drop: [$.assessment]", "drop: [\"$[*].assessment\"]", 1)
        .replacen("drop: [$.diagnosis]", "drop: [\"$[*].diagnosis\"]", 1);
    let entry = |name: &str, more: &str| format!(r#"{{"nhs":"4010232137","name":"{name}"{more}}}"#);
    let (first, last) = (entry("first", ""), entry("last", r#","label":null"#));
    run(async {
        let answer_to = async |body: String| {
            let service = Service::answering(json(&body)).await;
            let mut council = setup(&service, &entries).write();
            let path = council.folder.path().join("subjects");
            Store::create(&path, root().subjects_seal(), june().now()).unwrap();
            council.start();
            let answer = ask(&council, "own-record").await;
            council.stop().await;
            (answer, council.entries("release")[0]["tally"].clone())
        };
        let (never, _) = answer_to(format!("[{first},{last}]")).await;
        assert_eq!(never, r#"[{"name":"first"},{"name":"last"}]"#);
        for label in [
            r#""S3P3""#,
            r#""health""#,
            r#""nobody knows""#,
            "true",
            "{}",
        ] {
            let exempt = entry("canary", &format!(r#","label":{label}"#));
            let (answer, tally) = answer_to(format!("[{first},{exempt},{last}]")).await;
            assert_eq!(answer, never, "{label}");
            assert_eq!(tally["withheld"]["exempt"], 1, "{label}");
        }
        let service = Service::answering(json(RECORD)).await;
        let loaded = setup(&service, &entries).write();
        let loaded = fieldgate::config::load(&loaded.config()).unwrap();
        let listed = &loaded.agreements.agreement("access").unwrap().disclosures[0].exemptions;
        assert!(
            listed
                .iter()
                .any(|exemption| exemption.selector == "@.label")
        );
        let elsewhere = entries
            .replace(
                "rights: { access: subject }",
                "rights: { children: release }",
            )
            .replace(
                "rights: { access: parent }",
                "rights: { children: release }",
            );
        let fault = setup(&service, &elsewhere)
            .write()
            .try_start()
            .unwrap_err()
            .to_string();
        assert!(fault.contains("keeps a record from the person"), "{fault}");
    });
}

/// A class of data (health, education, social work, and what else the Act exempts) selects the part of the schedule whose test applies:
/// the exemption's code follows from the class; a class that the Act has not does not load.
#[test]
fn clause_p8_4_a_class_of_data_selects_its_exemption() {
    run(async {
        let service = Service::answering(json(RECORD)).await;
        for (class, code) in [
            ("health", "S3P2"),
            ("social-work", "S3P3"),
            ("education", "S3P4"),
            ("child-abuse", "S3P5"),
            ("third-party", "S2P3"),
            ("S3P4-18", "S3P4-18"),
            ("national-security", "s26"),
            ("crime-and-taxation", "S2P1-2"),
            ("legal-proceedings", "S2P1-5"),
            ("protection-of-the-public", "S2P2-7"),
            ("judicial", "S2P2-14"),
            ("legal-privilege", "S2P4-19"),
            ("self-incrimination", "S2P4-20"),
            ("management-forecast", "S2P4-22"),
            ("negotiation", "S2P4-23"),
            ("confidential-reference", "S2P4-24"),
            ("examination", "S2P4-25"),
            ("journalism", "S2P5-26"),
            ("research", "S2P6-27"),
            ("archiving", "S2P6-28"),
            ("fertilisation", "S4-2"),
            ("adoption", "S4-3"),
            ("special-educational-needs", "S4-4"),
            ("parental-order", "S4-5"),
            ("s26", "s26"),
            ("S4-3", "S4-3"),
        ] {
            let text = ACCESS.replace("exempt: health", &format!("exempt: {class}"));
            let council = setup(&service, &text).write();
            let loaded = fieldgate::config::load(&council.config()).unwrap();
            let agreement = loaded.agreements.agreement("access").unwrap();
            assert_eq!(agreement.disclosures[0].exemptions[2].code, code);
        }
        for none in ["secret", "S5P1", "S4P1-2", "s27", "S4-9"] {
            let text = ACCESS.replace("exempt: health", &format!("exempt: {none}"));
            let fault = setup(&service, &text).write().try_start().unwrap_err();
            assert!(
                fault.to_string().contains("an exemption (health"),
                "{fault}"
            );
        }
    });
}

/// A mark on a record that its accuracy is disputed reaches whoever gets the record.
#[test]
fn clause_p7_1c_a_dispute_of_accuracy_goes_with_the_record() {
    run(async {
        let (council, _service) = council(RECORD, &[]).await;
        assert!(
            ask(&council, "own-record")
                .await
                .contains(r#""disputed":true"#)
        );
    });
}
