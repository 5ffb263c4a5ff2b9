//! People's rights, record by record: objections, consents, opt-outs and marks, through a running gateway.

use std::path::Path;

use fieldgate::clock::Clock;
use fieldgate::rights::{Entry, Fact};
use fieldgate::subjects::{Act, Change, Store};
use fieldgate::transform::{RootKey, SubjectTokens};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Council, HEALTH_KEY, Service, Setup, hash, json as answer, json_with, june, run, send,
};

const ADMIN_TOKEN: &str = "an-operator's-token-0123456789";

/// Purposes with rights of every kind, over one list of people.
const RIGHTS: &str = r#"
agreement: rights
version: 1
title: Rights of people
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes:
  care: { text: Offer care, covers: [falls] }
  newsletter: { text: Tell of offers, direct_marketing: true }
  survey: { text: Ask how it was, rights: { consent: ordinary } }
  genetics: { text: Learn from genomes, rights: { consent: explicit } }
  planning: { text: Plan services, rights: { opt_outs: [tick-box, national-data-opt-out] } }
  enforcement: { text: Recover debt, rights: { overrides_restriction: Debts are recovered from those who object too } }
  rescue: { text: Save a life, vital_interests: true }
  history: { text: Write history, rights: { consent: ordinary, deceased: release } }
  invitations: { text: Invite people, rights: { deceased: withhold } }
  adults: { text: Write to adults, rights: { children: withhold } }
  households: { text: Count households, rights: { unknown: release } }
disclosures:
  - name: people
    purposes: [care, newsletter, survey, genetics, planning, enforcement, history, invitations, adults, households]
    request: GET /people
    service: { name: social-care, path: /api }
    response:
      format: json
      record: "$[*]"
      subject: "@.nhs"
      fields: [{ keep: ["$[*].name"] }]
  - name: rescue
    purposes: [rescue]
    request: GET /people
    service: { name: social-care, path: /api }
    response:
      format: json
      record: "$[*]"
      subject: "@.nhs"
      fields: [{ keep: ["$[*].name"] }]
"#;

const ALL: [&str; 11] = [
    "care",
    "newsletter",
    "survey",
    "genetics",
    "planning",
    "enforcement",
    "rescue",
    "history",
    "invitations",
    "adults",
    "households",
];

const ADA: &str = "401 023 2137";
const BEN: &str = "4010232145";

/// Ada, whose number is a number here and was spelt otherwise in the list, Ben, and somebody without a number.
const PEOPLE: &str =
    r#"[{"nhs":4010232137,"name":"Ada"},{"nhs":"401-023-2145","name":"Ben"},{"name":"Nobody"}]"#;

fn store_at(folder: &Path) -> std::path::PathBuf {
    folder.join("subjects")
}

fn root() -> RootKey {
    RootKey::from_hex(&"5a".repeat(32)).unwrap()
}

fn setup(service: &Service) -> Setup {
    Setup {
        agreements: vec![("rights.yaml".to_owned(), RIGHTS.to_owned())],
        more: "subjects: { store: subjects }".to_owned(),
        ..Setup::with(service.address)
    }
}

/// A gateway with an empty store, before a service that has [`PEOPLE`].
async fn council() -> (Council, Service) {
    council_before(answer(PEOPLE)).await
}

/// As [`council`], before a service that answers `people`.
async fn council_before(people: String) -> (Council, Service) {
    let service = Service::answering(people).await;
    let mut council = setup(&service).write();
    let config = std::fs::read_to_string(council.config()).unwrap();
    let config = config.replace(
        "admin: { address: 127.0.0.1:0 }",
        &format!(
            "admin: {{ address: 127.0.0.1:0, token_sha256: {} }}",
            hash(ADMIN_TOKEN)
        ),
    );
    std::fs::write(council.config(), config).unwrap();
    Store::create(
        &store_at(council.folder.path()),
        root().subjects_seal(),
        june().now(),
    )
    .unwrap();
    council.start();
    (council, service)
}

/// What leaves for `purpose`.
async fn ask(council: &Council, purpose: &str) -> Answer {
    let request = format!(
        "GET /people HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {HEALTH_KEY}\r\nData-Purpose: {purpose}\r\nData-Reason: cardiac arrest\r\nConnection: close\r\n\r\n"
    );
    council.send(&request).await
}

/// The names that leave for `purpose`.
async fn names(council: &Council, purpose: &str) -> String {
    let answer = ask(council, purpose).await;
    assert_eq!(answer.status(), 200, "{purpose}: {}", answer.text());
    let people = answer.json();
    let names = people.as_array().unwrap().iter();
    let names: Vec<&str> = names.map(|one| one["name"].as_str().unwrap()).collect();
    names.join(" ")
}

/// An operator's request with `body`.
async fn operate(council: &Council, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let address = council.gateway.as_ref().unwrap().admin_address();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: admin\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    send(address, request.as_bytes()).await
}

fn entries(what: &str, subjects: &[&str]) -> Value {
    json!({ "what": what, "subjects": subjects, "by": "dpo", "why": "a letter", "reference": "L-1" })
}

/// Enters or withdraws `what` over the admin listener, after which it counts.
async fn change(council: &Council, method: &str, entries: &Value) {
    let body = entries.to_string();
    let done = operate(council, method, "/subjects/entries", ADMIN_TOKEN, &body).await;
    assert_eq!(done.status(), 200, "{}", done.text());
}

async fn enter(council: &Council, what: &str, who: &str) {
    change(council, "POST", &entries(what, &[who])).await;
}

async fn withdraw(council: &Council, what: &str, who: &str) {
    change(council, "DELETE", &entries(what, &[who])).await;
}

/// A listed person's record is not in the answer, whose head and body are byte for byte those of a service that never had it,
/// whatever that service's own head says of how much there is; the ledger and the metrics count it, and neither they nor the logs
/// name anybody.
#[test]
fn clause_p3_2_6_a_listed_persons_record_leaves_no_trace_but_counts() {
    run(async {
        let of_all = "ETag: \"three\"\r\nX-Total-Count: 3\r\nContent-Range: items 0-2/3\r\nLast-Modified: Mon, 01 Jun 2026 10:00:00 GMT\r\n";
        let (mut council, _service) = council_before(json_with(of_all, PEOPLE)).await;
        let one = r#"[{"nhs":"401-023-2145","name":"Ben"}]"#;
        let without =
            Service::answering(json_with("ETag: \"one\"\r\nX-Total-Count: 1\r\n", one)).await;
        let mut plain = setup(&without).write();
        Store::create(
            &store_at(plain.folder.path()),
            root().subjects_seal(),
            june().now(),
        )
        .unwrap();
        plain.start();
        enter(&council, "objection", ADA).await;
        let (listed, never_had) = (ask(&council, "care").await, ask(&plain, "care").await);
        assert_eq!(listed.body(), never_had.body());
        // But for the lines that are the exchange's own.
        let head = |answer: &Answer| -> Vec<String> {
            let own = ["date:", "x-request-id:"];
            let head = answer.head().to_ascii_lowercase();
            let lines = head.lines().map(str::to_owned);
            lines
                .filter(|line| !own.iter().any(|own| line.starts_with(own)))
                .collect()
        };
        assert_eq!(head(&listed), head(&never_had));
        assert_eq!(listed.body(), r#"[{"name":"Ben"}]"#);
        for (reason, count) in [("objection", 1), ("unknown_subject", 1), ("marketing", 0)] {
            let line = format!(
                "fieldgate_records_withheld_total{{agreement=\"rights\",disclosure=\"people\",reason=\"{reason}\"}} {count}"
            );
            assert!(council.has_metric(&line).await, "{line}");
        }
        assert!(
            council
                .has_metric("fieldgate_subject_entries{kind=\"objection\"} 1")
                .await
        );
        let metrics = council.metrics().await;
        council.stop().await;
        let tally = council.entries("release")[0]["tally"].clone();
        assert_eq!(tally["records_released"], 1);
        assert_eq!(
            tally["withheld"],
            json!({ "objection": 1, "unknown_subject": 1 })
        );
        for text in [metrics, council.ledger_text(), crate::harness::logs()] {
            assert!(!text.contains("4010232137") && !text.contains("401 023 2137"));
        }
    });
}

/// A record leaves only with a live consent to its purpose; after a withdrawal it stays, after a new consent it leaves again.
#[test]
fn clause_p3_3_1_consent_is_given_withdrawn_and_given_again() {
    run(async {
        let (council, _service) = council().await;
        assert_eq!(names(&council, "survey").await, "");
        enter(&council, "consent:survey", ADA).await;
        assert_eq!(names(&council, "survey").await, "Ada");
        enter(&council, "consent:care", BEN).await;
        assert_eq!(names(&council, "survey").await, "Ada");
        withdraw(&council, "consent:survey", ADA).await;
        assert_eq!(names(&council, "survey").await, "");
        enter(&council, "consent:survey", ADA).await;
        assert_eq!(names(&council, "survey").await, "Ada");
        // An objection is stronger than an older consent.
        enter(&council, "objection:survey", ADA).await;
        assert_eq!(names(&council, "survey").await, "");
    });
}

/// What another process enters with the command's own code counts in the running gateway at its next look.
#[test]
fn clause_p3_3_1_a_withdrawal_by_another_process_takes_effect_in_a_running_gateway() {
    run(async {
        let (council, _service) = council().await;
        let mut store =
            Store::open(&store_at(council.folder.path()), root().subjects_seal()).unwrap();
        let ada = SubjectTokens::new(&root().subject())
            .bytes_of_text(ADA)
            .unwrap();
        let fact: Fact = "consent:survey".parse().unwrap();
        let change = |act| Change::new(act, "dpo", "letter", None, None).unwrap();
        let give = change(Act::Enter(Entry::of(fact.clone())));
        let take = change(Act::Withdraw(fact));
        for (change, left) in [(give, "Ada"), (take, "")] {
            store
                .change(&change, &[ada], Clock::system().now())
                .unwrap();
            let deadline = tokio::time::Instant::now() + crate::harness::HANG;
            while names(&council, "survey").await != left {
                assert!(tokio::time::Instant::now() < deadline, "never took effect");
            }
        }
    });
}

/// Explicit consent is one that was entered as such, on named evidence: ordinary consent does not do, and it serves where
/// ordinary consent is enough.
#[test]
fn clause_p3_4_1_ordinary_consent_does_not_release_what_needs_explicit_consent() {
    run(async {
        let (council, _service) = council().await;
        enter(&council, "consent:genetics", ADA).await;
        assert_eq!(names(&council, "genetics").await, "");
        let mut without_evidence = entries("explicit-consent:genetics", &[ADA]);
        without_evidence["reference"] = Value::Null;
        let body = without_evidence.to_string();
        let refused = operate(&council, "POST", "/subjects/entries", ADMIN_TOKEN, &body).await;
        refused.is_problem(400, "admin_request");
        enter(&council, "explicit-consent:genetics", ADA).await;
        assert_eq!(names(&council, "genetics").await, "Ada");
        enter(&council, "explicit-consent:survey", BEN).await;
        assert_eq!(names(&council, "survey").await, "Ben");
        withdraw(&council, "consent:genetics", ADA).await;
        assert_eq!(names(&council, "genetics").await, "");
    });
}

/// Whoever is on a list of refusals that the purpose honours stays behind, whoever is not leaves, and a record that names
/// nobody stays, since nobody can say that they did not refuse.
#[test]
fn clause_p4_3c_the_refusals_of_a_list_are_honoured_and_unknown_is_withheld() {
    run(async {
        let (council, _service) = council().await;
        assert_eq!(names(&council, "planning").await, "Ada Ben");
        enter(&council, "opt-out:tick-box", ADA).await;
        assert_eq!(names(&council, "planning").await, "Ben");
        enter(&council, "opt-out:national-data-opt-out", BEN).await;
        assert_eq!(names(&council, "planning").await, "");
        enter(&council, "opt-out:some-other-list", BEN).await;
        withdraw(&council, "opt-out:national-data-opt-out", BEN).await;
        assert_eq!(names(&council, "planning").await, "Ben");
        // A purpose that honours no list, and may release records that name nobody.
        assert_eq!(names(&council, "households").await, "Ada Ben Nobody");
    });
}

/// Nobody who objects to direct marketing is in what leaves for it: no consent, no decision, no override and no later entry
/// brings the record back, and an agreement that would override it does not load.
#[test]
fn clause_p7_3_an_objection_to_direct_marketing_is_absolute() {
    run(async {
        let (council, _service) = council().await;
        assert_eq!(names(&council, "newsletter").await, "Ada Ben");
        enter(&council, "marketing-objection", ADA).await;
        for entry in ["consent:newsletter", "explicit-consent:newsletter"] {
            enter(&council, entry, ADA).await;
        }
        let mut decision = entries("harm-decision", &[ADA]);
        decision["professional"] = json!("SW1");
        change(&council, "POST", &decision).await;
        assert_eq!(names(&council, "newsletter").await, "Ben");
        enter(&council, "objection", BEN).await;
        assert_eq!(names(&council, "newsletter").await, "");

        // By the file: neither an override nor a matter of life nor unknown subjects make a way around it.
        for (rights, loads) in [
            (
                "rights: { overrides_restriction: They would want it }",
                false,
            ),
            ("rights: { unknown: release }", false),
            ("vital_interests: true", true),
        ] {
            let text = RIGHTS.replace(
                "direct_marketing: true",
                &format!("direct_marketing: true, {rights}"),
            );
            std::fs::write(council.folder.path().join("agreements/rights.yaml"), text).unwrap();
            assert_eq!(
                council.gateway.as_ref().unwrap().reload().is_ok(),
                loads,
                "{rights}"
            );
        }
        assert_eq!(names(&council, "newsletter").await, "");
    });
}

/// A restricted or objecting person's record stays behind, unless the purpose states an overriding reason or saves a life: then
/// it leaves, and the ledger and the metrics count that.
#[test]
fn clause_p7_4_a_restriction_holds_unless_a_reasoned_override_which_is_counted() {
    run(async {
        let (mut council, _service) = council().await;
        enter(&council, "restriction", ADA).await;
        enter(&council, "objection:enforcement", BEN).await;
        assert_eq!(names(&council, "care").await, "Ben");
        assert_eq!(names(&council, "enforcement").await, "Ada Ben");
        assert_eq!(names(&council, "rescue").await, "Ada Ben");
        enter(&council, "objection:care", BEN).await;
        assert_eq!(names(&council, "care").await, "");
        let line =
            "fieldgate_records_overridden_total{agreement=\"rights\",disclosure=\"people\"} 2";
        assert!(council.has_metric(line).await);
        council.stop().await;
        let counts: Vec<Value> = council
            .entries("release")
            .iter()
            .map(|entry| entry["records_overridden"].clone())
            .collect();
        assert_eq!(counts, [Value::Null, json!(2), json!(1), Value::Null]);
    });
}

/// Records are taken to be of the living unless the agreement has another rule for people who have died: released without
/// a look at their consent, or withheld.
#[test]
fn clause_p2_2_a_record_of_somebody_deceased_follows_the_agreements_rule() {
    run(async {
        let (council, _service) = council().await;
        assert_eq!(names(&council, "history").await, "");
        enter(&council, "deceased", ADA).await;
        assert_eq!(names(&council, "history").await, "Ada");
        assert_eq!(names(&council, "survey").await, "");
        assert_eq!(names(&council, "care").await, "Ada Ben");
        assert_eq!(names(&council, "invitations").await, "Ben");
        withdraw(&council, "deceased", ADA).await;
        assert_eq!(names(&council, "invitations").await, "Ada Ben");
    });
}

/// What a court has ordered not to be disclosed is released for no purpose: not on consent, not after a decision, not after
/// death, not to save a life.
#[test]
fn clause_p8_4_1_what_a_court_restricted_is_released_for_no_purpose() {
    run(async {
        let (council, _service) = council().await;
        for entry in ["consent:survey", "explicit-consent:genetics", "deceased"] {
            enter(&council, entry, ADA).await;
        }
        let mut decision = entries("harm-decision", &[ADA]);
        decision["professional"] = json!("SW1");
        change(&council, "POST", &decision).await;
        enter(&council, "court-restricted", ADA).await;
        for purpose in ALL.into_iter().chain(["falls"]) {
            let names = names(&council, purpose).await;
            assert!(!names.contains("Ada"), "{purpose}: {names}");
        }
    });
}

/// A record that could do serious harm is held until a named professional's decision for the purpose is entered; a decision that
/// names no professional is refused, and it is held again when the decision is withdrawn.
/// Rows: P8.4.3.
#[test]
fn clause_p8_4_2_a_harm_hold_is_lifted_only_by_a_professionals_decision() {
    run(async {
        let (council, _service) = council().await;
        enter(&council, "harm-hold", ADA).await;
        for purpose in ["care", "enforcement", "rescue", "history"] {
            let names = names(&council, purpose).await;
            assert!(!names.contains("Ada"), "{purpose}: {names}");
        }
        let mut decision = entries("harm-decision:care", &[ADA]);
        let body = decision.to_string();
        let refused = operate(&council, "POST", "/subjects/entries", ADMIN_TOKEN, &body).await;
        refused.is_problem(400, "admin_request");
        decision["professional"] = json!("Social Work England SW12345");
        change(&council, "POST", &decision).await;
        assert_eq!(names(&council, "care").await, "Ada Ben");
        assert_eq!(names(&council, "enforcement").await, "Ben");
        withdraw(&council, "harm-decision:care", ADA).await;
        assert_eq!(names(&council, "care").await, "Ben");
    });
}

/// Who asks is told when the lists cannot be read, and nothing is released, not even of people on no list.
#[test]
fn clause_p3_2_6_without_its_lists_the_gateway_is_not_ready_and_releases_nothing() {
    run(async {
        let (council, service) = council().await;
        assert_eq!(council.admin("/readyz").await.status(), 200);
        let store = store_at(council.folder.path());
        let away = store.with_extension("away");
        std::fs::rename(&store, &away).unwrap();
        let deadline = tokio::time::Instant::now() + crate::harness::HANG;
        while council.admin("/readyz").await.status() == 200 {
            assert!(tokio::time::Instant::now() < deadline, "it stays ready");
        }
        let asked = service.requests().len();
        ask(&council, "care")
            .await
            .is_problem(503, "rights_unavailable");
        assert_eq!(service.requests().len(), asked, "the service was asked");
        assert!(council.has_metric("fieldgate_subjects_unavailable 1").await);
        std::fs::rename(&away, &store).unwrap();
        while council.admin("/readyz").await.status() != 200 {
            assert!(
                tokio::time::Instant::now() < deadline,
                "it never gets ready"
            );
        }
        assert_eq!(names(&council, "care").await, "Ada Ben");
    });
}

/// A purpose that looks people up does not load without a store, nor with a disclosure that does not say whose records it has.
#[test]
fn clause_p3_3_1_consent_that_cannot_be_looked_up_does_not_load() {
    run(async {
        let service = Service::answering(answer(PEOPLE)).await;
        let without_store = Setup {
            more: String::new(),
            ..setup(&service)
        };
        let error = without_store.write().try_start().unwrap_err().to_string();
        assert!(error.contains("has no store of them"), "{error}");
        let without_subject = Setup {
            agreements: vec![(
                "rights.yaml".to_owned(),
                RIGHTS.replace("      subject: \"@.nhs\"\n", ""),
            )],
            ..setup(&service)
        };
        let error = without_subject.write().try_start().unwrap_err().to_string();
        assert!(error.contains("nothing here says whose records"), "{error}");
    });
}

/// The admin listener changes nothing without the operators' token, tells of one person what is entered, by whom and why,
/// and repeats no identifier.
#[test]
fn clause_p3_2_6_operators_change_the_lists_with_their_token_alone() {
    run(async {
        let (council, _service) = council().await;
        let body = entries("objection", &[ADA]).to_string();
        for token in ["", "wrong", HEALTH_KEY] {
            let refused = operate(&council, "POST", "/subjects/entries", token, &body).await;
            refused.is_problem(401, "admin_unauthenticated");
        }
        assert_eq!(names(&council, "care").await, "Ada Ben");
        enter(&council, "objection", ADA).await;
        let show = json!({ "subject": "401-023-2137" }).to_string();
        let shown = operate(&council, "POST", "/subjects/show", ADMIN_TOKEN, &show).await;
        let shown_text = shown.body();
        let shown = shown.json();
        assert_eq!(shown["entries"][0]["what"], "objection");
        assert_eq!(shown["changes"][0]["by"], "dpo");
        assert_eq!(shown["changes"][0]["reference"], "L-1");
        assert!(!shown_text.contains("023"), "{shown_text}");
        for (body, place) in [
            (
                r#"{"what":"objection","subjects":["UNKNOWN"],"by":"a","why":"b"}"#,
                "/subjects/0",
            ),
            (
                r#"{"what":"nonsense","subjects":["1"],"by":"a","why":"b"}"#,
                "nothing of this name",
            ),
            (
                r#"{"what":"objection","subjects":[],"by":"a","why":"b"}"#,
                "1 to 10000",
            ),
            (
                r#"{"what":"objection","subjects":["1"],"by":"a"}"#,
                "line 1",
            ),
        ] {
            let refused = operate(&council, "POST", "/subjects/entries", ADMIN_TOKEN, body).await;
            let problem = refused.is_problem(400, "admin_request");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(place), "{detail}");
        }
        let stats = operate(&council, "GET", "/subjects/stats", ADMIN_TOKEN, "").await;
        assert_eq!(stats.json()["counts"]["objection"], 1);
    });
}

/// What the command says of Ada: everything that was told, to whom, for what, and which fields, in words and as JSON.
fn disclosures(council: &Council, more: &[&str]) -> String {
    let number = council.folder.path().join("number");
    std::fs::write(&number, ADA).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_fieldgate"))
        .args(["subjects", "disclosures", "--from"])
        .arg(&number)
        .arg("--config")
        .arg(council.config())
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Of one person it is told, completely and exactly, who was told, when, under which agreement, for which purpose and which
/// fields; withheld records are no disclosures, and no file has the person's number.
/// Rows: P7.2.
#[test]
fn clause_p7_1a_a_subjects_report_has_exactly_what_was_disclosed() {
    run(async {
        let (mut council, _service) = council().await;
        let before = disclosures(&council, &[]);
        assert_eq!(before, "nobody was told anything about this person\n");
        assert_eq!(names(&council, "care").await, "Ada Ben");
        assert_eq!(names(&council, "planning").await, "Ada Ben");
        enter(&council, "objection:care", ADA).await;
        assert_eq!(names(&council, "care").await, "Ben");
        assert_eq!(names(&council, "survey").await, "");
        council.stop().await;
        let report: Value = serde_json::from_str(&disclosures(&council, &["--json"])).unwrap();
        let told = report["disclosures"].as_array().unwrap();
        let purposes: Vec<&str> = told
            .iter()
            .map(|one| one["purpose"].as_str().unwrap())
            .collect();
        assert_eq!(purposes, ["care", "planning"]);
        for one in told {
            assert_eq!(one["partner"], "island-health");
            assert_eq!(
                (&one["agreement"], &one["version"]),
                (&json!("rights"), &json!(1))
            );
            assert_eq!(
                (&one["disclosure"], &one["outcome"]),
                (&json!("people"), &json!("complete"))
            );
            assert_eq!(one["fields"], json!(["$[*].name by keep"]));
            assert!(
                one["at"]
                    .as_str()
                    .unwrap()
                    .starts_with("2026-06-15T12:00:00")
            );
        }
        let words = disclosures(&council, &[]);
        assert_eq!(
            words.matches("island-health was told for").count(),
            2,
            "{words}"
        );
        assert!(words.contains("    $[*].name by keep"));
        assert!(!council.ledger_text().contains("4010232137"));
        let store = std::fs::read_to_string(store_at(council.folder.path())).unwrap();
        assert!(!store.contains("4010232137"));
    });
}

/// Whom to tell when something about a person is put right: exactly the partners in whose answers the person's record was.
#[test]
fn clause_p7_1b_the_recipients_of_a_correction_are_exactly_those_who_were_told() {
    run(async {
        let (mut council, _service) = council().await;
        let recipients = |council: &Council| -> Value {
            serde_json::from_str(&disclosures(council, &["--recipients", "--json"])).unwrap()
        };
        assert_eq!(names(&council, "survey").await, "");
        council.stop().await;
        assert_eq!(recipients(&council), json!({ "recipients": [] }));
        council.start();
        assert_eq!(names(&council, "care").await, "Ada Ben");
        council.stop().await;
        let told = recipients(&council);
        let told = told["recipients"].as_array().unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["partner"], "island-health");
    });
}

/// A correction stays open for each recipient until it has acknowledged it: a case for exactly those who were told, of which a
/// running gateway tells the officer at once, again after a restart, and no more when the case is closed. The case names the
/// recipient and nobody else.
/// Rows: P3.2.4.
#[test]
fn clause_p7_1b_a_correction_stays_open_until_each_recipient_has_acknowledged_it() {
    run(async {
        let (mut council, _service) = council().await;
        assert_eq!(names(&council, "care").await, "Ada Ben");
        council.stop().await;
        let open = ["--recipients", "--open-cases", "--json"];
        let first: Value = serde_json::from_str(&disclosures(&council, &open)).unwrap();
        let number = &first["recipients"][0]["case"];
        assert_eq!(
            (first["recipients"].as_array().unwrap().len(), number),
            (1, &json!(1))
        );
        let again: Value = serde_json::from_str(&disclosures(&council, &open)).unwrap();
        assert_eq!(again, first, "the case that is open is the same");
        let path = council.folder.path().join("state/cases.jsonl");
        let cases = std::fs::read_to_string(&path).unwrap();
        assert_eq!(cases.lines().count(), 1);
        assert!(
            cases.contains("island-health") && cases.contains("rectification"),
            "{cases}"
        );
        assert!(
            !cases.contains("4010232137") && !cases.contains("401 023"),
            "{cases}"
        );
        let told = r#"fieldgate_alerts_total{kind="case"} 1"#;
        for _ in 0..2 {
            council.start();
            while !council.has_metric(told).await {
                tokio::task::yield_now().await;
            }
            council.stop().await;
        }
        let closed = std::process::Command::new(env!("CARGO_BIN_EXE_fieldgate"))
            .args(["cases", "close", "1", "--as", "dpo", "--config"])
            .arg(council.config())
            .output()
            .unwrap();
        assert!(closed.status.success(), "{closed:?}");
        council.start();
        // The first look has been had once the gateway answers what it has of cases.
        assert!(council.has_metric("fieldgate_cases_open 0").await);
        assert!(!council.has_metric(told).await);
        council.stop().await;
        let reopened: Value = serde_json::from_str(&disclosures(&council, &open)).unwrap();
        assert_eq!(
            reopened["recipients"][0]["case"], 2,
            "another correction is another case"
        );
    });
}

/// Within the controller, as the register says who is, the lists of refusals are not asked; objections and marks are. The same
/// agreement with somebody outside honours the lists.
#[test]
fn clause_p4_3b_an_internal_flow_asks_no_refusals_but_objections() {
    let register = |relation: &str| {
        format!(
            r#"
register: isle-council
version: 1
contacts: {{ dpo: dpo@isle-council.example, representatives: [{{ directorate: care, contact: care@isle-council.example }}] }}
purposes: [{{ name: planning, title: Plan services }}]
parties: [{{ name: island-health, relation: {relation} }}, {{ name: harbour-homes, relation: external }}]
data_sets:
  - name: people
    title: People
    subjects: person
    owner: care
    service: social-care
    collected: {{ for: [planning], ground: function, under: Care Act 2014 }}
    retention: P1Y
    fields: [{{ path: "@.nhs", sensitivity: personal, identifier: nhs-number }}, {{ path: "@.name", sensitivity: personal, category: name }}]
    notices: [{{ id: notice, version: 1, from: 2023-04-01, purposes: [planning] }}]
    recipients: [{{ partner: island-health, purposes: [planning] }}]
"#
        )
    };
    let agreement = r#"
agreement: planning
version: 1
title: Planning
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes: { planning: { text: Plan services, rights: { opt_outs: [tick-box] } } }
disclosures:
  - name: people
    data_set: people
    purposes: [planning]
    request: GET /people
    service: { name: social-care, path: /api }
    response:
      format: json
      record: "$[*]"
      subject: "@.nhs"
      fields: [{ keep: ["$[*].name"] }]
"#;
    run(async {
        for (relation, refused, objecting) in
            [("internal", "Ada Ben", "Ben"), ("external", "Ben", "Ben")]
        {
            let service = Service::answering(answer(PEOPLE)).await;
            let setup = Setup {
                agreements: vec![("planning.yaml".to_owned(), agreement.to_owned())],
                files: vec![("register.yaml".to_owned(), register(relation))],
                more: "subjects: { store: subjects }\nregister: register.yaml".to_owned(),
                ..Setup::with(service.address)
            };
            let mut council = setup.write();
            let path = store_at(council.folder.path());
            Store::create(&path, root().subjects_seal(), june().now()).unwrap();
            let mut store = Store::open(&path, root().subjects_seal()).unwrap();
            let ada = SubjectTokens::new(&root().subject());
            let ada = [ada.bytes_of_text(ADA).unwrap()];
            let mut enter = |what: &str| {
                let act = Act::Enter(Entry::of(what.parse().unwrap()));
                let change = Change::new(act, "dpo", "form", None, None).unwrap();
                store.change(&change, &ada, june().now()).unwrap();
            };
            enter("opt-out:tick-box");
            council.start();
            assert_eq!(names(&council, "planning").await, refused, "{relation}");
            council.stop().await;
            enter("objection");
            council.start();
            assert_eq!(names(&council, "planning").await, objecting, "{relation}");
        }
    });
}
