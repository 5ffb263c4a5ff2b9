//! Tables with totals of the same data: one partner gets them under one rule.

use fieldgate::agreement::Source;

use crate::{context, faults_in};

/// An agreement whose tables each have a path of the service, a rule, and totals or none.
fn agreement(name: &str, partner: &str, term: &str, tables: &[(&str, &str, &str)]) -> String {
    let mut text = format!(
        "agreement: {name}\nversion: 1\ntitle: Trends\nparties: {{ controller: isle-council, partner: {partner} }}\nterm: {{ {term} }}\npurposes:\n  plan: Plan clinics\ndisclosures:\n"
    );
    for (number, (path, rule, totals)) in tables.iter().enumerate() {
        text.push_str(&format!(
            "  - name: table-{number}\n    purposes: [plan]\n    request: GET /{name}/{number}\n    service: {{ name: social-care, path: {path} }}\n    response:\n      format: json\n      record: $[*]\n      fields: [{{ keep: ['$[*].ward'] }}]\n      aggregate: {{ by: ['$[*].ward'], measures: {{ people: count }}, rule: {rule}, totals: {totals} }}\n"
        ));
    }
    text
}

fn health(name: &str, term: &str, tables: &[(&str, &str, &str)]) -> String {
    agreement(name, "island-health", term, tables)
}

const NHS: &str = "nhs-england";
const ONS: &str = "ons-10-5";
const YEAR: &str = "starts: 2026-01-01, ends: 2026-12-31";
const NEXT: &str = "starts: 2027-01-01, ends: 2027-12-31";

fn faults(texts: &[String]) -> Vec<String> {
    let sources: Vec<Source<'_>> = texts
        .iter()
        .zip(["a.yaml", "b.yaml"])
        .map(|(text, name)| Source { name, text })
        .collect();
    faults_in(&context(), &sources)
}

#[test]
fn a15_tables_with_totals_of_the_same_data_under_different_rules_do_not_load() {
    let one = |name| health(name, YEAR, &[("/people", NHS, "true")]);
    for (texts, place) in [
        (
            vec![health(
                "trends",
                YEAR,
                &[("/people", NHS, "true"), ("/people", ONS, "true")],
            )],
            "a.yaml:26",
        ),
        (
            vec![
                one("trends"),
                health("wards", YEAR, &[("/people", ONS, "true")]),
            ],
            "b.yaml:17",
        ),
    ] {
        let found = faults(&texts);
        let [fault] = found.as_slice() else {
            panic!("{found:#?}");
        };
        assert!(fault.starts_with(place), "{fault}");
        let told = "disclosure `table-0` of agreement trends has totals of the same data for island-health under another rule, and both together can tell what each hides; give both one rule, or leave the totals out of one";
        assert!(fault.ends_with(told), "{fault}");
    }
    for other in [
        one("wards"),
        health("wards", YEAR, &[("/people", ONS, "false")]),
        health("wards", YEAR, &[("/homes", ONS, "true")]),
        health("wards", NEXT, &[("/people", ONS, "true")]),
        agreement("wards", "harbour-homes", YEAR, &[("/people", ONS, "true")]),
    ] {
        assert_eq!(faults(&[one("trends"), other.clone()]), [""; 0], "{other}");
    }
}
