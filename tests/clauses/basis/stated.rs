//! What an agreement states of itself: its case, its assessment, its benefits and risks, the principles.

use super::{WHOLE, drawing, faults, registered, review, with};
use crate::harness::{Service, Setup, care, json, run};

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

/// An impact assessment has to be there as soon as a quota lets ten thousand people's records out in a window, or as many records where
/// people are not counted.
#[test]
fn clause_a06_a_large_volume_needs_an_impact_assessment() {
    let line = "  assessment: { reference: DPIA-7, date: 2025-11-03, outcome: risks are low }\n";
    for (quota, needed) in [
        ("[{ per: P1M, people: 9999 }]", false),
        ("[{ per: P1M, people: 10000 }]", true),
        ("[{ per: P1D, records: 10000 }]", true),
        ("[{ per: P1D, people: 500, records: 20000 }]", false),
        (
            "[{ per: P1D, people: 500 }, { per: P1Y, people: 20000 }]",
            true,
        ),
        ("[{ per: P1D, requests: 20000 }]", false),
    ] {
        let text = format!("{WHOLE}quota: {quota}\n");
        assert_eq!(faults(&text), Vec::<String>::new(), "{quota}");
        let found = faults(&text.replace(line, ""));
        assert_eq!(found.len(), usize::from(needed), "{quota}: {found:?}");
        let told = |fault: &String| fault.contains("impact assessment");
        assert!(found.iter().all(told), "{found:?}");
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
