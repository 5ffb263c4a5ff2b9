//! On what an agreement rests, who approved it, and when it ends.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use fieldgate::agreement::{AgreementSet, Context, Demand, Source};
use fieldgate::approval::{Approver, Document, Kind, SigningKey, with_approval};
use fieldgate::clock::Clock;
use fieldgate::config;
use fieldgate::gateway::Gateway;
use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{CARE, Council, Service, Setup, care, json, logs, read_head, run};

/// An agreement that states everything. Rows change one place of it.
const WHOLE: &str = "\
agreement: falls
version: 3
title: Falls prevention
parties:
  controller: isle-council
  partner: island-health
  kinds: { partner: health-body }
term: { starts: 2026-01-01, review: 2026-10-31, ends: 2026-12-31 }
basis:
  lawful: [uk-gdpr:6-1-e]
  special: [uk-gdpr:9-2-h]
  power: Care Act 2014 s.6
  assessment: { reference: DPIA-7, date: 2025-11-03, outcome: risks are low }
  territory: [GB]
retention: P6M
business_case: { reference: BC-7, owner: head-of-adult-care, date: 2025-10-01 }
benefits: [fewer falls at home]
risks:
  - { risk: extracts are joined on the NHS number, control: tokenise $.nhsNumber }
  - { risk: somebody who refused is included, control: release_if }
contacts: { dpo: dpo@isle.example, representative: care-data@isle.example }
waivers:
  - { principle: accuracy, because: the service has no dates of change, until: 2026-11-30 }
purposes:
  falls: Find adults at risk
disclosures:
  - name: adult
    purposes: [falls]
    request: GET /adults
    service: { name: social-care, path: /adults }
    cites: [Care Act 2014 s.6]
    response:
      format: json
      record: $
      subject: $.nhsNumber
      release_if: '@.consent == true'
      fields:
        - tokenise: [$.nhsNumber]
          as: person
        - keep: [$.mobility]
";

/// What is at fault in `text`, where everything has to be stated: a sentence each.
fn faults(text: &str) -> Vec<String> {
    let context = Context {
        demand: Demand::Required,
        ..Context::alone(TimeZone::UTC)
    };
    let source = Source {
        name: "falls.yaml",
        text,
    };
    match AgreementSet::load(&[source], &context) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .list()
            .iter()
            .map(|fault| fault.message.clone())
            .collect(),
    }
}

/// [`WHOLE`] with `from` changed into `to`.
fn with(from: &str, to: &str) -> String {
    assert!(WHOLE.contains(from), "{from}");
    WHOLE.replace(from, to)
}

/// [`WHOLE`] on another basis: its lines, each indented by two.
fn resting_on(lines: &str) -> String {
    let from = WHOLE.find("basis:\n").unwrap() + "basis:\n".len();
    let to = WHOLE.find("retention:").unwrap();
    let rest = "  assessment: DPIA-7\n  territory: [GB]\n";
    format!("{}{lines}{rest}{}", &WHOLE[..from], &WHOLE[to..])
}

/// `without` has one fault that says `told`; with the line `there` it has none.
fn needs(without: &str, there: &str, told: &str) {
    let found = faults(&resting_on(without));
    assert!(
        found.len() == 1 && found[0].contains(told),
        "{without}: {found:?}"
    );
    let whole = format!("{without}{there}");
    assert_eq!(faults(&resting_on(&whole)), Vec::<String>::new(), "{whole}");
}

/// The register behind [`WHOLE`]: three fields that need more than a basis.
const REGISTER: &str = "\
register: isle-council
version: 1
contacts:
  dpo: dpo@isle.example
  representatives: [{ directorate: adult-services, contact: care-data@isle.example }]
purposes:
  - { name: falls, title: Find adults at risk }
parties:
  - { name: island-health, relation: external }
data_sets:
  - name: adults
    title: Adults who may need care
    subjects: person
    owner: adult-services
    service: social-care
    collected: { for: [falls], ground: function, under: Care Act 2014 }
    retention: P8Y
    fields:
      - { path: '@.nhsNumber', sensitivity: personal, identifier: nhs-number }
      - { path: '@.name', sensitivity: personal }
      - { path: '@.diagnosis', sensitivity: special }
      - { path: '@.caution', sensitivity: criminal }
      - { path: '@.schoolYear', sensitivity: child }
    notices:
      - { id: care, version: 1, from: 2023-04-01, purposes: [falls] }
    recipients:
      - { partner: island-health, purposes: [falls] }
";

/// [`WHOLE`], drawing on the register: its `keep` lets `field` out, under a basis of these conditions beside 6-1-e.
fn drawing(field: &str, conditions: &str) -> String {
    with(
        "purposes: [falls]",
        "data_set: adults\n    purposes: [falls]",
    )
    .replace("$.mobility", field)
    .replace("  special: [uk-gdpr:9-2-h]\n", conditions)
}

/// What is at fault in `text` under [`REGISTER`].
fn registered(text: &str) -> Vec<String> {
    let register = fieldgate::register::Register::load("register.yaml", REGISTER).unwrap();
    let context = Context {
        register: Some(Arc::new(register)),
        ..Context::alone(TimeZone::UTC)
    };
    let source = Source {
        name: "falls.yaml",
        text,
    };
    match AgreementSet::load(&[source], &context) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .list()
            .iter()
            .map(|fault| format!("{}: {}", fault.line, fault.message))
            .collect(),
    }
}

fn review(text: &str, today: &str) -> fieldgate::agreement::Review {
    let source = Source {
        name: "falls.yaml",
        text,
    };
    let set = AgreementSet::load(&[source], &Context::alone(TimeZone::UTC)).unwrap();
    set.agreements[0].review(today.parse().unwrap())
}

/// An agreement without a business case does not load where all has to be stated, and a review prints the one it has.
#[test]
fn clause_a05_a_sound_business_case_is_referenced_owned_and_dated() {
    assert_eq!(faults(WHOLE), Vec::<String>::new());
    let line = "business_case: { reference: BC-7, owner: head-of-adult-care, date: 2025-10-01 }\n";
    let found = faults(&with(line, ""));
    assert!(
        found.len() == 1 && found[0].contains("business_case"),
        "{found:?}"
    );
    for part in [
        "reference: BC-7, ",
        "owner: head-of-adult-care, ",
        ", date: 2025-10-01",
    ] {
        assert_eq!(faults(&with(part, "")).len(), 1, "{part}");
    }
    assert_eq!(
        faults(&with("date: 2025-10-01", "date: 2025-02-30")).len(),
        1
    );
    let lines = review(WHOLE, "2026-02-01").terms;
    assert!(lines.contains(&("case", "BC-7, of head-of-adult-care, 2025-10-01".to_owned())));
}

/// Without an impact assessment a review warns where fields are plain.
#[test]
fn clause_a06_without_an_impact_assessment_a_review_warns() {
    let line = "  assessment: { reference: DPIA-7, date: 2025-11-03, outcome: risks are low }\n";
    let without = with(line, "");
    assert_eq!(faults(&without), Vec::<String>::new());
    let warnings = review(&without, "2026-02-01").warnings;
    assert!(
        warnings.contains(&"does not state basis.assessment".to_owned()),
        "{warnings:?}"
    );
    assert!(review(WHOLE, "2026-02-01").warnings.is_empty());
}

/// An impact assessment has to be there as soon as a field is of a special category, of an offence or of a child.
#[test]
fn clause_a06_what_is_sensitive_needs_an_impact_assessment() {
    let line = "  assessment: { reference: DPIA-7, date: 2025-11-03, outcome: risks are low }\n";
    let conditions = "  special: [uk-gdpr:9-2-j]\n  criminal: [dpa-2018:sch1-4]\n";
    for (field, needed) in [
        ("$.name", false),
        ("$.diagnosis", true),
        ("$.caution", true),
        ("$.schoolYear", true),
    ] {
        let text = drawing(field, conditions);
        assert_eq!(registered(&text), Vec::<String>::new(), "{field}");
        let found = registered(&text.replace(line, ""));
        assert_eq!(found.len(), usize::from(needed), "{field}: {found:?}");
        assert!(
            found
                .iter()
                .all(|fault| fault.contains("impact assessment")),
            "{found:?}"
        );
    }
}

/// Benefits stand in the review, and an agreement without any is warned of.
#[test]
fn clause_a07_the_benefits_are_stated() {
    let lines = review(WHOLE, "2026-02-01").terms;
    assert!(lines.contains(&("benefit", "fewer falls at home".to_owned())));
    let warnings = review(&with("benefits: [fewer falls at home]\n", ""), "2026-02-01").warnings;
    assert_eq!(warnings, ["does not state benefits"]);
}

/// Each risk names a control that the file has; taking the control out is a fault that names the risk.
#[test]
fn clause_a08_each_risk_has_a_control_that_is_there() {
    for (from, to) in [
        (
            "        - tokenise: [$.nhsNumber]\n          as: person\n",
            "",
        ),
        ("tokenise: [$.nhsNumber]", "pseudonymise: [$.nhsNumber]"),
        ("control: tokenise $.nhsNumber", "control: tokenise $.other"),
        ("control: tokenise $.nhsNumber", "control: we are careful"),
        ("control: tokenise $.nhsNumber", "control: reference"),
    ] {
        let found = faults(&with(from, to));
        assert!(
            found.len() == 1 && found[0].contains("extracts are joined on the NHS number"),
            "{to}: {found:?}"
        );
    }
    let found = faults(&with("      release_if: '@.consent == true'\n", ""));
    assert!(
        found.len() == 1 && found[0].contains("somebody who refused"),
        "{found:?}"
    );
}

/// An identifier that no rule names stays behind; one that is to leave as it is does not load without its reason.
#[test]
fn clause_a16_identifiers_leave_as_they_are_only_with_a_reason() {
    let rule = "        - tokenise: [$.nhsNumber]\n          as: person\n";
    let ruled = |rules: &str| {
        drawing("$.name", "")
            .replace("control: tokenise $.nhsNumber", "control: subject")
            .replace(rule, rules)
    };
    for (rules, loads) in [
        (rule, true),
        (
            "        - pseudonymise: [$.nhsNumber]\n          as: person\n",
            true,
        ),
        ("        - drop: [$.nhsNumber]\n", true),
        ("", true),
        ("        - keep: [$.nhsNumber]\n", false),
        (
            "        - keep: [$.nhsNumber]\n          because: the clinic finds its patients by it\n",
            true,
        ),
    ] {
        let found = registered(&ruled(rules));
        assert_eq!(found.is_empty(), loads, "{rules}: {found:?}");
        assert!(loads || found[0].contains("because"), "{found:?}");
    }
    run(async {
        let body = r#"{"nhsNumber":"9434765919","name":"Ada Quill","consent":true}"#;
        let service = Service::answering(json(body)).await;
        let setup = Setup {
            agreements: vec![("falls.yaml".to_owned(), ruled(""))],
            ..Setup::with(service.address)
        };
        let council = setup.start();
        let asked = care("GET", "/adults", "").replace("Data-Purpose: care", "Data-Purpose: falls");
        let answer = council.send(&asked).await;
        assert_eq!(answer.body(), r#"{"name":"Ada Quill"}"#);
    });
}

/// How an agreement stands to each of the eight principles: met, waived with a reason to a day, or not stated.
/// Rows: P3.1.
#[test]
fn clause_a11_each_principle_is_satisfied_or_waived_for_a_time() {
    let standing = |text: &str, today: &str| -> Vec<String> {
        review(text, today)
            .principles
            .iter()
            .map(|principle| {
                format!(
                    "{} {}: {}",
                    principle.principle,
                    principle.standing.word(),
                    principle.because
                )
            })
            .collect()
    };
    assert_eq!(
        standing(WHOLE, "2026-02-01"),
        [
            "lawfulness met: rests on uk-gdpr:6-1-e, uk-gdpr:9-2-h",
            "purpose met: one purpose a request, of falls",
            "minimisation met: 2 selectors let values through, each named",
            "accuracy waived: until 2026-11-30: the service has no dates of change",
            "retention met: kept for P6M, each answer says until when",
            "rights met: each record names its subject, so that objections find it",
            "security met: partners are authenticated, limits hold, every release is entered before it leaves",
            "transfer met: held in GB only",
        ]
    );
    assert_eq!(
        standing(WHOLE, "2026-12-01")[3],
        "accuracy not stated: nothing of what leaves is checked for its form or its age; the waiver ended on 2026-11-30"
    );
    let bare = with("retention: P6M\n", "").replace("  territory: [GB]\n", "");
    let bare = standing(&bare, "2026-02-01");
    assert_eq!(
        bare[4],
        "retention not stated: how long the partner may keep what it gets is not said"
    );
    assert_eq!(
        bare[7],
        "transfer not stated: where the partner may hold the data is not said"
    );
    // What is neither satisfied nor waived does not load where all has to be stated.
    let without = with("retention: P6M\n", "");
    assert_eq!(faults(&without).len(), 1);
    let waived = without.replace(
        "waivers:\n",
        "waivers:\n  - { principle: retention, because: the schedule is being written, until: 2026-03-31 }\n",
    );
    assert_eq!(faults(&waived), Vec::<String>::new());
}

/// Every purpose rests on a condition, its own or the agreement's, or the agreement does not load.
/// Rows: A12, P4.4a.
#[test]
fn clause_p3_2_1_every_purpose_rests_on_a_condition() {
    let two = with(
        "  falls: Find adults at risk\n",
        "  falls: Find adults at risk\n  audit: Learn\n",
    );
    assert_eq!(faults(&two), Vec::<String>::new());
    let from = two.find("basis:\n").unwrap();
    let to = two.find("retention:").unwrap();
    let none = format!(
        "{}basis: {{ territory: [GB] }}\n{}",
        &two[..from],
        &two[to..]
    );
    assert_eq!(faults(&none).len(), 1, "a basis without a condition");
    let none = format!("{}{}", &two[..from], &two[to..]);
    let found = faults(&none);
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("the purpose falls has no lawful basis"))
    );
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("the purpose audit has no lawful basis"))
    );
    let own = none.replace(
        "  falls: Find adults at risk\n",
        "  falls: { text: Find adults at risk, basis: { lawful: [uk-gdpr:6-1-c], power: Care Act 2014 s.42 } }\n",
    );
    let found = faults(&own);
    assert!(
        !found
            .iter()
            .any(|fault| fault.contains("the purpose falls")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("the purpose audit has no lawful basis"))
    );
}

/// A purpose that rests on consent and asks for nobody's does not load: records are asked, or the lists of people are; explicit
/// consent is asked of the lists as such.
/// Rows: P3.4.1.
#[test]
fn clause_p3_3_1_a_purpose_that_rests_on_consent_asks_for_it() {
    let ordinary = resting_on("  lawful: [uk-gdpr:6-1-a]\n  consents: helped\n");
    let explicit = resting_on(
        "  lawful: [uk-gdpr:6-1-e]\n  power: Care Act 2014 s.6\n  special: [uk-gdpr:9-2-a]\n  consents: helped\n  explicit: true\n",
    );
    let asked = "      release_if: '@.consent == true'\n";
    let purpose = "  falls: Find adults at risk\n";
    let told = |text: &str| -> Vec<String> {
        let mut faults = faults(text);
        faults.retain(|fault| fault.contains("rests on"));
        faults
    };
    for (basis, in_record, rights, loads) in [
        (&ordinary, true, None, true),
        (&ordinary, false, None, false),
        (&ordinary, false, Some("ordinary"), true),
        (&ordinary, false, Some("explicit"), true),
        (&explicit, true, None, false),
        (&explicit, true, Some("ordinary"), false),
        (&explicit, false, Some("explicit"), true),
    ] {
        let mut text = basis.clone();
        assert!(text.contains(asked) && text.contains(purpose));
        if !in_record {
            text = text.replace(asked, "");
        }
        if let Some(consent) = rights {
            let with = format!(
                "  falls: {{ text: Find adults at risk, rights: {{ consent: {consent} }} }}\n"
            );
            text = text.replace(purpose, &with);
        }
        assert_eq!(told(&text).is_empty(), loads, "{text}");
    }
}

/// A field leaves only where its purpose has the condition for its class: basis × condition × class, each by name.
/// Rows: P3.2.1.
#[test]
fn clause_p4_4b_what_is_sensitive_has_a_condition_for_every_use() {
    let none = "";
    let special = "  special: [uk-gdpr:9-2-j]\n";
    let criminal = "  criminal: [dpa-2018:sch1-4]\n";
    for (field, conditions, loads) in [
        ("$.name", none, true),
        ("$.name", special, true),
        ("$.diagnosis", none, false),
        ("$.diagnosis", special, true),
        ("$.diagnosis", criminal, false),
        ("$.caution", none, false),
        ("$.caution", special, false),
        ("$.caution", criminal, true),
        ("$.schoolYear", none, true),
    ] {
        let text = drawing(field, conditions);
        let found = registered(&text);
        assert_eq!(found.is_empty(), loads, "{field} {conditions:?}: {found:?}");
        if !loads {
            // Told at the rule that lets it leave.
            let line = text.lines().position(|line| line.contains(field)).unwrap() + 1;
            assert!(found[0].starts_with(&format!("{line}: ")), "{found:?}");
            // In any form but a drop, which needs nothing.
            let coarser = text.replace("- keep: [", "- mask: [");
            assert_eq!(registered(&coarser).len(), 1, "{field}");
            let dropped = text.replace("- keep: [", "- drop: [");
            assert_eq!(registered(&dropped), Vec::<String>::new(), "{field}");
        }
        let bare = text.replace("  lawful: [uk-gdpr:6-1-e]\n", "");
        assert!(!registered(&bare).is_empty(), "{field} without a basis");
    }
    // A purpose with a basis of its own has that alone.
    let own = drawing("$.diagnosis", special).replace(
        "  falls: Find adults at risk\n",
        "  falls: { text: Find adults at risk, basis: { lawful: [uk-gdpr:6-1-e], function: care } }\n",
    );
    assert_eq!(registered(&own).len(), 1);
}

/// Under the condition for health and social care the same request gets special categories from a professional, and the
/// rest without them from anybody else; nothing of the form of the answer says so.
#[test]
fn clause_p3_4_8_special_categories_are_for_professionals() {
    run(async {
        let body =
            r#"{"nhsNumber":"9434765919","name":"Ada Quill","diagnosis":"frailty","consent":true}"#;
        let service = Service::answering(json(body)).await;
        let agreement = drawing("$.name, $.diagnosis", "  special: [dpa-1998:sch3-8]\n");
        let (doctor, clerk) = ("doctor-key-0123456789", "clerk-key-01234567890");
        let setup = Setup {
            agreements: vec![("falls.yaml".to_owned(), agreement)],
            identify: format!(
                "api_keys: [{{ name: doctor, sha256: {}, professional: true }}, {{ name: clerk, sha256: {} }}]",
                crate::harness::hash(doctor),
                crate::harness::hash(clerk)
            ),
            limits: "register: register.yaml".to_owned(),
            ..Setup::with(service.address)
        };
        let mut council = setup.write();
        std::fs::write(council.folder.path().join("register.yaml"), REGISTER).unwrap();
        council.start();
        let ask = |key: &str| {
            format!(
                "GET /adults HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\nX-Api-Key: {key}\r\nData-Purpose: falls\r\n\r\n"
            )
        };
        let whole = council.send(&ask(doctor)).await;
        assert_eq!(whole.json()["diagnosis"], "frailty");
        let stripped = council.send(&ask(clerk)).await;
        assert_eq!(stripped.status(), 200);
        assert!(!stripped.text().contains("diagnosis") && !stripped.text().contains("frailty"));
        assert_eq!(stripped.json()["name"], "Ada Quill");
        assert_eq!(stripped.json()["nhsNumber"], whole.json()["nhsNumber"]);
    });
}

/// Rules under which something leaves and that cite neither law nor guidance are listed.
#[test]
fn clause_p1_1_rules_without_a_citation_are_listed() {
    assert_eq!(review(WHOLE, "2026-02-01").uncited, Vec::<String>::new());
    let uncited = with("    cites: [Care Act 2014 s.6]\n", "");
    assert_eq!(
        review(&uncited, "2026-02-01").uncited,
        ["tokenise $.nhsNumber", "keep $.mobility"]
    );
    let one = uncited.replace(
        "- keep: [$.mobility]\n",
        "- keep: [$.mobility]\n          cites: [ICO data sharing code]\n        - drop: [$.notes]\n",
    );
    assert_eq!(review(&one, "2026-02-01").uncited, ["tokenise $.nhsNumber"]);
}

/// A contract with the subject needs its reference; a list of consents does not stand in for it.
#[test]
fn clause_p3_3_2_a_contract_is_referenced() {
    for condition in ["uk-gdpr:6-1-b", "dpa-1998:sch2-2"] {
        needs(
            &format!("  lawful: [{condition}]\n"),
            "  contract: C-2026-7\n",
            "contract: REFERENCE",
        );
        let found = faults(&resting_on(&format!(
            "  lawful: [{condition}]\n  consents: helped\n"
        )));
        assert_eq!(found.len(), 1);
    }
}

/// A legal obligation needs the enactment that makes it, which the review shows.
#[test]
fn clause_p3_3_3_a_legal_obligation_cites_its_enactment() {
    for condition in ["uk-gdpr:6-1-c", "dpa-1998:sch2-3"] {
        needs(
            &format!("  lawful: [{condition}]\n"),
            "  power: Children Act 1989 s.47\n",
            "the enactment with its year",
        );
    }
    let text = resting_on("  lawful: [uk-gdpr:6-1-c]\n  power: the law\n");
    assert_eq!(faults(&text).len(), 1);
    let text = resting_on("  lawful: [uk-gdpr:6-1-c]\n  power: Children Act 1989 s.47\n");
    let lines = review(&text, "2026-02-01").terms;
    assert!(
        lines.contains(&("basis", "power: Children Act 1989 s.47".to_owned())),
        "{lines:?}"
    );
}

/// The administration of justice needs an enactment or the court's order.
#[test]
fn clause_p3_3_5a_justice_cites_an_enactment_or_an_order() {
    for condition in ["dpa-2018:s8-a", "dpa-1998:sch2-5-a"] {
        let without = format!("  lawful: [{condition}]\n");
        needs(
            &without,
            "  power: Courts Act 2003 s.1\n",
            "the administration of justice",
        );
        needs(
            &without,
            "  court_order: order of 3 March 2026\n",
            "the administration of justice",
        );
    }
}

/// A function that an enactment confers cites it: the council's main basis.
#[test]
fn clause_p3_3_5b_a_function_under_an_enactment_cites_it() {
    for condition in ["dpa-2018:s8-c", "dpa-1998:sch2-5-b", "uk-gdpr:6-1-e"] {
        needs(
            &format!("  lawful: [{condition}]\n"),
            "  power: Care Act 2014 s.6\n",
            "power: Care Act 2014 s.6",
        );
    }
}

/// A function of the Crown can only be chosen where a party is a government department.
#[test]
fn clause_p3_3_5c_a_function_of_the_crown_needs_a_department() {
    for condition in ["dpa-2018:s8-d", "dpa-1998:sch2-5-c"] {
        let text = resting_on(&format!("  lawful: [{condition}]\n"));
        assert_eq!(faults(&text).len(), 1);
        let department = text.replace("partner: health-body", "partner: government-department");
        assert_eq!(faults(&department), Vec::<String>::new());
        let company = text.replace("partner: health-body", "partner: company");
        assert_eq!(faults(&company).len(), 1);
    }
}

/// Another function of a public nature is named.
#[test]
fn clause_p3_3_5d_another_public_function_is_named() {
    needs(
        "  lawful: [dpa-1998:sch2-5-d]\n",
        "  function: emergency planning\n",
        "function: TEXT",
    );
}

/// No public authority rests its tasks on legitimate interests, recognised ones included; others weigh them or name one.
#[test]
fn clause_p3_3_6_a_council_cannot_rest_on_legitimate_interests() {
    let bases = [
        ("  lawful: [uk-gdpr:6-1-f]\n", "  balancing_test: LIA-7\n"),
        ("  lawful: [dpa-1998:sch2-6]\n", "  balancing_test: LIA-7\n"),
        (
            "  lawful: [uk-gdpr:6-1-ea]\n",
            "  recognised_interest: safeguarding\n",
        ),
    ];
    for (lawful, backed) in bases {
        for (kind, open) in [
            ("public-authority", false),
            ("government-department", false),
            ("health-body", false),
            ("not-for-profit", true),
            ("company", true),
        ] {
            let kinds = format!("kinds: {{ controller: {kind}, partner: company }}");
            let whole = resting_on(&format!("{lawful}{backed}"))
                .replace("kinds: { partner: health-body }", &kinds);
            assert_eq!(faults(&whole).is_empty(), open, "{kind} {lawful}");
            let bare = resting_on(lawful).replace("kinds: { partner: health-body }", &kinds);
            assert_eq!(faults(&bare).len(), 1, "{kind} {lawful}");
        }
        // An agreement that does not say is a council's.
        assert_eq!(faults(&resting_on(&format!("{lawful}{backed}"))).len(), 1);
    }
}

/// Employment law needs an appropriate policy document.
#[test]
fn clause_p3_4_2_employment_needs_a_policy_document() {
    for condition in ["uk-gdpr:9-2-b", "dpa-1998:sch3-2"] {
        let without =
            format!("  lawful: [uk-gdpr:6-1-e]\n  function: care\n  special: [{condition}]\n");
        needs(&without, "  policy_document: APD-7\n", "policy_document");
    }
}

/// The condition of a not-for-profit body is such a body's, and what leaves it needs consent.
#[test]
fn clause_p3_4_4_only_a_not_for_profit_body_takes_its_condition() {
    for (kinds, more, open) in [
        ("{ partner: not-for-profit }", "", false),
        (
            "{ controller: not-for-profit, partner: internal }",
            "",
            true,
        ),
        (
            "{ controller: not-for-profit, partner: company }",
            "",
            false,
        ),
        (
            "{ controller: not-for-profit, partner: company }",
            "  consents: members\n",
            true,
        ),
    ] {
        for condition in ["uk-gdpr:9-2-d", "dpa-1998:sch3-4"] {
            let text = resting_on(&format!(
                "  lawful: [uk-gdpr:6-1-e]\n  function: care\n  special: [{condition}]\n{more}"
            ))
            .replace("{ partner: health-body }", kinds);
            assert_eq!(faults(&text).is_empty(), open, "{kinds} {more}");
        }
    }
}

/// What the subject made public needs the address where they did.
#[test]
fn clause_p3_4_5_what_was_made_public_has_its_evidence() {
    for condition in ["uk-gdpr:9-2-e", "dpa-1998:sch3-5"] {
        let without =
            format!("  lawful: [uk-gdpr:6-1-e]\n  function: care\n  special: [{condition}]\n");
        needs(
            &without,
            "  publication: https://example.org/register/7\n",
            "publication: https",
        );
        let text = resting_on(&format!("{without}  publication: everybody knows\n"));
        assert_eq!(faults(&text).len(), 1);
    }
}

/// Data for legal claims loads only for purposes whose every request names its case, and a request without one gets 400.
#[test]
fn clause_p3_4_6_legal_claims_name_their_case() {
    for condition in ["uk-gdpr:9-2-f", "dpa-1998:sch3-6"] {
        let text = resting_on(&format!(
            "  lawful: [uk-gdpr:6-1-e]\n  function: care\n  special: [{condition}]\n"
        ));
        let found = faults(&text);
        assert!(
            found.len() == 1 && found[0].contains("reference: required"),
            "{found:?}"
        );
        let cased = text.replace(
            "  falls: Find adults at risk\n",
            "  falls: { text: Find adults at risk, reference: required }\n",
        );
        assert_eq!(faults(&cased), Vec::<String>::new());
    }
    run(async {
        let service = Service::answering(json(r#"{"name":"A"}"#)).await;
        let claims = CARE
            .replace(
                "  care: Offer care\n",
                "  care: { text: Claim, reference: required }\n",
            )
            .replace(
                "basis: { lawful: [uk-gdpr:6-1-e],",
                "basis: { lawful: [uk-gdpr:6-1-e], special: [uk-gdpr:9-2-f],",
            );
        // The other purpose of that agreement rests on the same basis.
        let claims = claims.replace(
            "  research: Learn what helps\n",
            "  research: { text: Learn, reference: required }\n",
        );
        let setup = Setup {
            agreements: vec![("care.yaml".to_owned(), claims)],
            ..Setup::with(service.address)
        };
        let council = setup.start();
        let without = council.get("/adults/7").await;
        without.is_problem(400, "reference_missing");
        let named = council
            .send(&care("GET", "/adults/7", "Data-Reference: CASE-7\r\n"))
            .await;
        assert_eq!(named.status(), 200);
    });
}

/// The 1998 Act's administration of justice is today's substantial public interest: a policy document and a citation.
#[test]
fn clause_p3_4_7_justice_needs_its_citation() {
    let base = "  lawful: [uk-gdpr:6-1-c]\n  power: the law\n";
    let text = resting_on(&format!(
        "{base}  special: [dpa-1998:sch3-7]\n  policy_document: APD-7\n"
    ));
    assert_eq!(faults(&text).len(), 2, "neither rests on a citation");
    needs(
        "  lawful: [uk-gdpr:6-1-e]\n  function: care\n  special: [dpa-1998:sch3-7]\n  policy_document: APD-7\n",
        "  court_order: order of 3 March 2026\n",
        "the administration of justice",
    );
    needs(
        "  lawful: [uk-gdpr:6-1-e]\n  function: care\n  special: [uk-gdpr:9-2-g, dpa-2018:sch1-7]\n  court_order: order of 3 March 2026\n",
        "  policy_document: APD-7\n",
        "policy document",
    );
}

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

fn key(seed: u8) -> SigningKey {
    SigningKey::read(&[seed; 32]).unwrap()
}

fn approver(name: &str, role: &str, seed: u8) -> Approver {
    Approver {
        name: name.to_owned(),
        role: role.to_owned(),
        public_key: key(seed).public_key(),
    }
}

/// The configuration's section for an owner (key 2) and a DPO (key 1).
fn approvals(documents: &str) -> String {
    let hex = |seed| -> String {
        key(seed)
            .public_key()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    format!(
        "approvals:\n  approvers:\n    - {{ name: office, role: dpo, public_key: {} }}\n    - {{ name: head-of-care, role: owner, public_key: {} }}\n  required: [owner, dpo]\n{documents}",
        hex(1),
        hex(2)
    )
}

fn sign(council: &Council, text: &str, (name, role, seed): (&str, &str, u8)) {
    let path = council.folder.path().join("agreements/care.approvals.yaml");
    let before = std::fs::read_to_string(&path).ok();
    let document = Document {
        kind: Kind::Agreement,
        name: "care",
        version: 1,
        text,
        tables: &[],
        sign_off: &[],
    };
    let at = "2026-01-05T09:00:00Z".parse().unwrap();
    let file = with_approval(
        before.as_deref(),
        &document,
        &approver(name, role, seed),
        &key(seed),
        at,
    );
    std::fs::write(path, file.unwrap()).unwrap();
}

const OFFICE: (&str, &str, u8) = ("office", "dpo", 1);
const OWNER: (&str, &str, u8) = ("head-of-care", "owner", 2);

/// A draft's requests get 403 and the service is not asked; once every role has signed the text they pass.
#[test]
fn clause_r01_an_agreement_is_a_draft_until_it_is_approved() {
    run(async {
        let service = Service::answering(json(r#"{"name":"A","id":"7"}"#)).await;
        let setup = Setup {
            limits: approvals(""),
            ..Setup::with(service.address)
        };
        let mut council = setup.start();
        let problem = council
            .get("/adults/7")
            .await
            .is_problem(403, "not_approved");
        assert_eq!(problem["agreement"], "care");
        assert_eq!(service.requests().len(), 0);
        sign(&council, CARE, OFFICE);
        sign(&council, CARE, OWNER);
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        council.stop().await;
    });
}

/// The ledger says which agreements lacked an approval when a set began to run, so that a refusal for it is decided again with
/// the same verdict, also after the approvals have come.
#[test]
fn clause_p9_3_a_refusal_for_a_missing_approval_is_decided_again() {
    run(async {
        let service = Service::answering(json(r#"{"name":"A","id":"7"}"#)).await;
        let setup = Setup {
            limits: approvals(""),
            ..Setup::with(service.address)
        };
        let mut council = setup.start();
        council
            .get("/adults/7")
            .await
            .is_problem(403, "not_approved");
        sign(&council, CARE, OFFICE);
        sign(&council, CARE, OWNER);
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        council.stop().await;
        let sets = council.entries("agreements");
        assert_eq!(sets[0]["standing"][0]["missing"][0], "owner");
        assert!(sets[1].get("standing").is_none());
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_fieldgate"))
            .current_dir(council.folder.path())
            .args(["decision", "replay", "--all", "--config", "fieldgate.yaml"])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(
            told.starts_with("2 the same, 0 differ, 0 depended"),
            "{told}"
        );
    });
}

/// As small as an agreement can be, so that each of its bytes can be changed.
const SMALL: &str = "\
agreement: care
version: 1
title: A
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
purposes: { care: B }
disclosures:
- name: a
  purposes: [care]
  request: GET /a
  service: { name: social-care, path: /a }
  response: { format: json, fields: [{ keep: [$.a] }] }
";

/// An approved text in which a byte was changed does not load, wherever the byte is.
#[test]
fn clause_r01_a_text_that_was_changed_after_its_approval_does_not_load() {
    let setup = Setup {
        limits: approvals(""),
        ..Setup::with("127.0.0.1:9".parse().unwrap())
    };
    let council = setup.write();
    sign(&council, SMALL, OFFICE);
    sign(&council, SMALL, OWNER);
    let load = |text: &str| {
        std::fs::write(council.folder.path().join("agreements/care.yaml"), text).unwrap();
        config::load(&council.config())
    };
    assert!(
        load(SMALL).unwrap().agreements.agreements[0]
            .approved
            .is_usable()
    );
    assert!(
        load(&SMALL.replace('\n', "\r\n")).is_ok(),
        "other line ends are the same text"
    );
    for index in 0..SMALL.len() {
        let mut bytes = SMALL.as_bytes().to_vec();
        bytes[index] ^= 1;
        let text = String::from_utf8(bytes).unwrap();
        match load(&text) {
            Err(_) => {}
            // Another version is another agreement, of which nothing is approved yet.
            Ok(loaded) => {
                assert!(
                    !loaded.agreements.agreements[0].approved.is_usable(),
                    "byte {index}"
                );
            }
        }
    }
}

/// Every role that the configuration requires must have signed, each with its own key.
#[test]
fn clause_r07_every_required_role_signs() {
    let setup = Setup {
        limits: approvals(""),
        ..Setup::with("127.0.0.1:9".parse().unwrap())
    };
    let missing = |signatures: &[(&str, &str, u8)]| -> Option<String> {
        let council = setup.write();
        for signature in signatures {
            sign(&council, CARE, *signature);
        }
        let loaded = config::load(&council.config()).ok()?;
        let agreement = &loaded.agreements.agreements[0];
        Some(
            agreement
                .stage("2026-06-15T12:00:00Z".parse().unwrap())
                .to_string(),
        )
    };
    assert_eq!(missing(&[]).unwrap(), "draft, not approved by owner, dpo");
    assert_eq!(missing(&[OFFICE]).unwrap(), "draft, not approved by owner");
    assert_eq!(missing(&[OWNER]).unwrap(), "draft, not approved by dpo");
    assert_eq!(missing(&[OWNER, OFFICE]).unwrap(), "in force");
    assert_eq!(
        missing(&[OWNER, ("office", "dpo", 2)]),
        None,
        "the owner's key under the office's name"
    );
    assert_eq!(
        missing(&[("head-of-care", "dpo", 2)]),
        None,
        "a role that is not theirs"
    );
    assert_eq!(
        missing(&[OWNER, OFFICE, ("somebody", "dpo", 3)]),
        None,
        "nobody's key"
    );
}

/// A key that two approvers share, and a role that nobody has, are faults of the configuration.
#[test]
fn clause_r07_two_roles_are_never_one_key() {
    let fault = |section: String| {
        let setup = Setup {
            limits: section,
            ..Setup::with("127.0.0.1:9".parse().unwrap())
        };
        config::load(&setup.write().config())
            .map(drop)
            .unwrap_err()
            .to_string()
    };
    let hex: String = key(1)
        .public_key()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let other: String = key(2)
        .public_key()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(fault(approvals("").replace(&other, &hex)).contains("this is the key of office too"));
    assert!(
        fault(approvals("").replace("[owner, dpo]", "[owner, siro]"))
            .contains("no approver's role is `siro`")
    );
}

/// Without every approval no route discloses: not with a key of nobody's, and not with the text of another agreement.
#[test]
fn clause_p9_2a_nothing_is_disclosed_without_the_controllers_consent() {
    run(async {
        let service = Service::answering(json(r#"{"name":"A","id":"7"}"#)).await;
        let setup = Setup {
            limits: approvals(""),
            ..Setup::with(service.address)
        };
        let mut council = setup.start();
        for path in ["/adults", "/adults/7"] {
            council.get(path).await.is_problem(403, "not_approved");
        }
        sign(&council, "agreement: other\n", OFFICE);
        sign(&council, "agreement: other\n", OWNER);
        assert!(council.gateway.as_ref().unwrap().reload().is_err());
        council
            .get("/adults/7")
            .await
            .is_problem(403, "not_approved");
        assert_eq!(service.requests().len(), 0);
        council.stop().await;
        let refusals = council.entries("refusal");
        assert!(
            refusals
                .iter()
                .all(|entry| entry["reason"] == "not_approved")
        );
    });
}

/// A changed register does not load until the DPO has signed it, and a signature by another's key does not count.
#[test]
fn clause_p6_1c_a_changed_register_waits_for_the_dpo() {
    let setup = Setup {
        limits: format!(
            "{}register: register.yaml\n",
            approvals("  documents: [register]\n")
        ),
        agreements: vec![("falls.yaml".to_owned(), drawing("$.name", ""))],
        ..Setup::with("127.0.0.1:9".parse().unwrap())
    };
    let council = setup.write();
    let path = council.folder.path();
    let load = |text: &str, signed: Option<(&str, Approver, u8)>| -> Result<(), String> {
        std::fs::write(path.join("register.yaml"), text).unwrap();
        let file = path.join("register.approvals.yaml");
        if let Some((signed, by, seed)) = signed {
            let document = Document {
                kind: Kind::Register,
                name: "register",
                version: 0,
                text: signed,
                tables: &[],
                sign_off: &[],
            };
            let at = "2026-01-05T09:00:00Z".parse().unwrap();
            let approved = with_approval(None, &document, &by, &key(seed), at).unwrap();
            std::fs::write(file, approved).unwrap();
        } else {
            std::fs::remove_file(file).ok();
        }
        config::load(&council.config())
            .map(drop)
            .map_err(|fault| fault.to_string())
    };
    let office = || approver("office", "dpo", 1);
    let error = load(REGISTER, None).unwrap_err();
    assert!(
        error.contains("register.yaml is not approved by the dpo"),
        "{error}"
    );
    assert_eq!(load(REGISTER, Some((REGISTER, office(), 1))), Ok(()));
    let changed = REGISTER.replace("retention: P8Y", "retention: P9Y");
    assert!(load(&changed, Some((REGISTER, office(), 1))).is_err());
    assert_eq!(load(&changed, Some((&changed, office(), 1))), Ok(()));
    assert!(
        load(REGISTER, Some((REGISTER, office(), 2))).is_err(),
        "the owner's key"
    );
    let owner = approver("head-of-care", "owner", 2);
    assert!(
        load(REGISTER, Some((REGISTER, owner, 2))).is_err(),
        "the owner"
    );
}

/// Only the DPO's key signs a change of the register.
#[test]
fn clause_p6_1c_only_the_dpo_signs_the_register() {
    use fieldgate::approval::{Approved, Files, Policy, verify};
    let register = Document {
        kind: Kind::Register,
        name: "register",
        version: 0,
        text: "data_sets: {}\n",
        tables: &[],
        sign_off: &[],
    };
    let at = "2026-01-05T09:00:00Z".parse().unwrap();
    let verified = |signed: Option<(Approver, u8)>| {
        let file =
            signed.map(|(by, seed)| with_approval(None, &register, &by, &key(seed), at).unwrap());
        let policy = Policy {
            approvers: vec![
                approver("office", "dpo", 1),
                approver("head-of-care", "owner", 2),
            ],
            required: vec!["owner".to_owned()],
            documents: vec![Kind::Register],
            files: Files::found_by(move |_| {
                Ok(file
                    .clone()
                    .map(|text| ("register.approvals.yaml".to_owned(), text)))
            }),
        };
        let mut faults = Vec::new();
        let approved = verify(&register, "register.yaml", &policy, &mut faults);
        (matches!(approved, Approved::Approved(_)), faults.len())
    };
    assert_eq!(verified(Some((approver("office", "dpo", 1), 1))), (true, 0));
    assert_eq!(
        verified(Some((approver("head-of-care", "owner", 2), 2))),
        (false, 1)
    );
    assert_eq!(
        verified(Some((approver("office", "dpo", 2), 2))),
        (false, 1)
    );
    assert_eq!(verified(None), (false, 0));
}
