//! On what an agreement rests, who approved it, and when it ends.

mod approvals;
mod conditions;
mod ended;
mod stated;

use std::sync::Arc;

use fieldgate::agreement::{AgreementSet, Context, Demand, Source};
use jiff::tz::TimeZone;

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
    let found = faults_under(&context, text);
    found.into_iter().map(|(_, message)| message).collect()
}

/// What is at fault in `text` under `context`: the line and the sentence of each.
fn faults_under(context: &Context, text: &str) -> Vec<(usize, String)> {
    let source = Source {
        name: "falls.yaml",
        text,
    };
    match AgreementSet::load(&[source], context) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            let faults = faults.list().iter();
            faults
                .map(|fault| (fault.line, fault.message.clone()))
                .collect()
        }
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
    let found = faults_under(&context, text);
    let lines = found
        .iter()
        .map(|(line, message)| format!("{line}: {message}"));
    lines.collect()
}

fn review(text: &str, today: &str) -> fieldgate::agreement::Review {
    let source = Source {
        name: "falls.yaml",
        text,
    };
    let set = AgreementSet::load(&[source], &Context::alone(TimeZone::UTC)).unwrap();
    set.agreements[0].review(today.parse().unwrap())
}
