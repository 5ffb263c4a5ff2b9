//! Pushes: their faults, and what is looked up apart.

use fieldgate::agreement::{
    AgreementSet, Ask, Asker, Caller, Context, PartnerName, Source, SystemName,
};
use fieldgate::transform::{Keys, RootKey};

use crate::{at, context, faults_in};

const PUSH: &str = "\
agreement: discharge
version: 1
title: Discharge
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, ends: 2027-03-31 }
purposes: { care: Arrange care }
disclosures:
  - name: packages
    purposes: [care]
    request: POST /packages/{ward}
    deliver: { from: hub, to: social-care, path: '/intake/{ward}' }
    parameters: { path: { ward: keep } }
    request_body:
      format: json
      fields: [{ keep: [$.package] }]
    response:
      format: json
      fields: [{ keep: [$.accepted] }]
";

fn faults_of_push(text: &str) -> Vec<String> {
    let context = Context {
        systems: Some(vec![SystemName::new("hub")]),
        ..context()
    };
    let source = Source {
        name: "a.yaml",
        text,
    };
    faults_in(&context, &[source])
}

#[test]
fn each_fault_of_a_push_is_told_with_its_place_and_what_to_write_instead() {
    assert_eq!(faults_of_push(PUSH), Vec::<String>::new());
    let rows = [
        (
            "deliver: { from: hub,",
            "deliver: { from: hob,",
            "a.yaml:11:22: no system `hob` is configured; did you mean hub?",
        ),
        (
            "to: social-care,",
            "to: social-car,",
            "a.yaml:11:31: no service `social-car` is configured; did you mean social-care?",
        ),
        (
            "'/intake/{ward}'",
            "'/intake/{bed}'",
            "a.yaml:11:50: {bed} is not in the request's path; use its variables only",
        ),
        (
            "    request_body:\n      format: json\n      fields: [{ keep: [$.package] }]\n",
            "",
            "is missing `request_body`",
        ),
        (
            "request: POST",
            "request: GET",
            "a.yaml:13:5: a GET or DELETE has no body; leave `request_body` out",
        ),
        (
            "    parameters:",
            "    service: { name: social-care, path: /a }\n    parameters:",
            "a.yaml:12:5: a push goes to the partner, which `deliver` names; leave `service` out",
        ),
        (
            "{ ward: keep }",
            "{ ward: { reidentify: person } }",
            "a.yaml:12:33: tokens are turned back for the controller's services, and this goes to a partner; write keep, or tokenise: person",
        ),
        (
            "{ ward: keep }",
            "{ ward: { tokenise: person, as: person } }",
            "a.yaml:12:33: ",
        ),
        (
            "[{ keep: [$.package] }]",
            "[{ reidentify: [$.package], as: person }]",
            "reidentify is for what goes to a service; a partner gets tokens, by pseudonymise or tokenise",
        ),
        (
            "    deliver: { from: hub, to: social-care, path: '/intake/{ward}' }\n",
            "",
            "is missing `service`",
        ),
    ];
    for (was, becomes, expected) in rows {
        assert!(PUSH.contains(was), "{was}");
        let found = faults_of_push(&PUSH.replace(was, becomes));
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "{becomes}: {found:?}"
        );
    }
}

/// The same method and path, pushed and asked for, are two: each is found by its own alone.
#[test]
fn an_identifier_in_the_path_of_a_push_becomes_a_token_where_the_body_is_one_record() {
    let keys = Keys::from_root(RootKey::from_bytes([7; 32]));
    let faults = |record: &str, rule: &str| {
        let text = PUSH
            .replace("{ ward: keep }", &format!("{{ ward: {rule} }}"))
            .replace("format: json\n", &format!("format: json\n{record}"));
        let context = Context {
            systems: Some(vec![SystemName::new("hub")]),
            keys: Some(keys.clone()),
            ..context()
        };
        let source = Source {
            name: "a.yaml",
            text: &text,
        };
        faults_in(&context, &[source])
    };
    for rule in [
        "{ tokenise: person }",
        "{ pseudonymise: person, form: nhs-number }",
    ] {
        for record in ["", "      record: $\n"] {
            assert_eq!(faults(record, rule), Vec::<String>::new(), "{record}{rule}");
        }
        let found = faults("      record: $.a[*]\n", rule);
        let [only] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert!(
            only.contains("the partner would still be told whom this names; write record: $"),
            "{only}"
        );
    }
    let found = faults("", "{ tokenise: person, format: digits }");
    assert!(!found.is_empty(), "no shape is written here");
}

#[test]
fn p2_what_is_pushed_and_what_is_asked_for_are_looked_up_apart() {
    let asked = PUSH
        .replace("agreement: discharge", "agreement: asked")
        .replace(
            "deliver: { from: hub, to: social-care, path:",
            "service: { name: social-care, path:",
        );
    let load = |texts: &[&str]| {
        let sources: Vec<Source<'_>> = texts
            .iter()
            .map(|text| Source {
                name: "a.yaml",
                text,
            })
            .collect();
        AgreementSet::load(&sources, &context())
    };
    let set = load(&[PUSH, &asked]).unwrap();
    let (partner, system) = (PartnerName::new("island-health"), SystemName::new("hub"));
    let find = |set: &AgreementSet, asker: Asker<'_>| {
        let ask = Ask {
            asker,
            method: "POST",
            path: "/packages/7",
            purposes: &[b"care"],
            caller: Caller::default(),
            at: at("2026-06-01"),
        };
        set.decide(&ask)
            .map(|permit| permit.agreement().name.to_string())
    };
    let decided = (
        find(&set, Asker::Partner(&partner)),
        find(&set, Asker::System(&system)),
    );
    assert_eq!(
        decided,
        (Ok("asked".to_owned()), Ok("discharge".to_owned()))
    );
    // A system of a partner's name is no partner.
    let namesake = SystemName::new("island-health");
    assert!(find(&set, Asker::System(&namesake)).is_err());
    let pushed = load(&[PUSH]).unwrap();
    assert!(find(&pushed, Asker::Partner(&partner)).is_err());
    let other = PUSH.replace("agreement: discharge", "agreement: other");
    let faults = load(&[PUSH, &other]).unwrap_err().to_string();
    assert!(
        faults.contains("answers this method and path for a same purpose"),
        "{faults}"
    );
}
