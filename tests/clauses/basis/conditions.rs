//! The conditions of law that purposes rest on, each with what it needs.

use super::{REGISTER, WHOLE, drawing, faults, needs, registered, resting_on, review, with};
use crate::harness::{CARE, Service, Setup, care, json, run};

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
