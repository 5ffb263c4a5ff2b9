//! `redact` rules as agreements write them, over each format, wherever the body is cut.

use std::sync::Arc;

use fieldgate::agreement::load_fields;
use fieldgate::minimise::{BodyError, FieldOutcome, Limits, Tally, machine};
use fieldgate::plan::{Plan, PlanKeys};
use fieldgate::transform::{Occasion, RootKey, finding_words};

fn plan(rules: &str) -> Arc<Plan> {
    let rules = load_fields("rules.yaml", rules).unwrap_or_else(|faults| panic!("{faults}"));
    let root = RootKey::from_bytes([9; 32]);
    let keys = PlanKeys {
        agreement: Some(root.agreement("rows", 1)),
        subject: Some(root.subject()),
    };
    Arc::new(Plan::compile(&rules, &keys, &Limits::default()).unwrap())
}

fn run<'a>(
    plan: &Arc<Plan>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(String, Tally), BodyError> {
    let occasion = Occasion {
        document: Some([7; 16]),
        ..Occasion::from(jiff::civil::date(2026, 11, 22))
    };
    let mut machine = machine(plan, "", occasion);
    let mut out = Vec::new();
    for piece in pieces {
        machine.push(piece, &mut out)?;
    }
    let tally = machine.finish(&mut out)?;
    Ok((String::from_utf8(out).unwrap(), tally))
}

/// What leaves of `body`: the same whole, byte by byte and cut anywhere.
fn every_way(rules: &str, body: &str) -> (String, Tally) {
    let plan = plan(rules);
    let body = body.as_bytes();
    let whole = run(&plan, [body]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(run(&plan, body.chunks(1)).unwrap(), whole);
    for at in 0..=body.len() {
        let (one, two) = body.split_at(at);
        assert_eq!(run(&plan, [one, two]).unwrap(), whole, "cut at {at}");
    }
    whole
}

fn found(tally: &Tally) -> Vec<(&'static str, u64)> {
    finding_words()
        .zip(tally.findings)
        .filter(|(_, count)| *count > 0)
        .collect()
}

const EVERYTHING: &str = r#"
record: $
fields:
  - redact: [ $.notes, "$.visits[*].note" ]
    detect: all
    names: [ $.name, "$.household[*].name" ]
    patterns: [{ name: case-number, matches: "CR[0-9]{6}", near: [case, ref] }]
"#;

const BODY: &str = r#"{"name":"Mary-Ann O'Neill","household":[{"name":"Tom\u00e1s"}],"id":"9434765919",
    "visits":[{"note":"TOMAS at \uff30O30 1UD, po30\u00a01ud."},{"note":"case CR123456, or case CR123456"},{"note":null}],
    "notes":"M. O\u2019Neill (NHS ９４３&nbsp;476\u200b 5919, \"4010232137\") rang 07700 900123 \/ born 7\/3\/1941; caf\u00e9"}"#;

#[test]
fn p1_p8_what_detectors_find_does_not_leave_wherever_the_body_is_cut() {
    let (text, tally) = every_way(EVERYTHING, BODY);
    assert_eq!(
        text,
        r#"{"visits":[{"note":"[name] at [postcode], [postcode]."},{"note":"case [case number], or case [case number]"},{"note":null}],"notes":"[name] (NHS [NHS number], \"[NHS number]\") rang [phone number] \/ born [date of birth]; caf\u00e9"}"#
    );
    assert_eq!(
        found(&tally),
        [
            ("nhs-number", 2),
            ("postcode", 2),
            ("phone", 1),
            ("date-of-birth", 1),
            ("pattern", 2),
            ("name", 2)
        ]
    );
    assert_eq!(tally.field(FieldOutcome::Redact), 4);
}

#[test]
fn p8_names_of_one_record_are_not_looked_for_in_the_next() {
    let rules = r#"
format: ndjson
record: "$[*]"
fields: [{ redact: [ "$[*].note" ], names: [ "@.name" ] }]
"#;
    let body = "{\"name\":\"Ann Bates\",\"note\":\"Ann Bates and Tom\"}\n{\"name\":\"Tom\",\"note\":\"Ann Bates and Tom\"}\n{\"note\":\"Tom\"}\n";
    let (text, _) = every_way(rules, body);
    assert_eq!(
        text,
        "{\"note\":\"[name] and Tom\"}\n{\"note\":\"Ann Bates and [name]\"}\n{\"note\":\"Tom\"}\n"
    );
}

#[test]
fn p8_placeholders_are_one_throughout_a_document() {
    let rules = r#"
record: "$[*]"
fields: [{ redact: [ "$[*].note" ], detect: [ nhs-number ], names: [ "@.name", "@.of" ], with: placeholder }]
"#;
    let body = r#"[{"name":"Ann Bates","of":"Tom","note":"Tom saw Ann, 943 476 5919"},{"name":"BATES, Ann","note":"ann: 4010232137 or 9434765919"}]"#;
    let (text, _) = every_way(rules, body);
    assert_eq!(
        text,
        r#"[{"note":"Person A saw Person B, [NHS number A]"},{"note":"Person B: [NHS number B] or [NHS number A]"}]"#
    );
}

#[test]
fn p8_a_token_in_a_text_is_the_one_of_the_field() {
    let rules = r#"
fields:
  - pseudonymise: [ $.id ]
    as: person
  - redact: [ $.note ]
    detect: [ nhs-number, nino ]
    with: { pseudonymise: person, of: nhs-number }
"#;
    let body = r#"{"id":"9434765919","note":"943 476 5919, AA 12 34 56 B"}"#;
    let (text, _) = every_way(rules, body);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let token = document["id"].as_str().unwrap();
    assert_eq!(
        document["note"].as_str().unwrap(),
        format!("{token}, [National Insurance number]")
    );
}

#[test]
fn p8_cells_are_texts_too() {
    let rules = r#"
format: csv
record: "$[*]"
fields: [{ keep: [ "$[*].ward" ] }, { redact: [ "$[*].note" ], detect: all, names: [ "@.name" ] }]
"#;
    let body = "ward,name,note\nBay,Ann Bates,\"Ann's note: \"\"943 476 5919\"\",\nPO30 1UD\"\nBay,,fine\n";
    let (text, tally) = every_way(rules, body);
    assert_eq!(
        text,
        "ward,note\nBay,\"[name]'s note: \"\"[NHS number]\"\",\n[postcode]\"\nBay,fine\n"
    );
    assert_eq!(
        found(&tally),
        [("nhs-number", 1), ("postcode", 1), ("name", 1)]
    );
}

#[test]
fn p8_elements_are_texts_too() {
    let rules = r#"
format: xml
fields: [{ redact: [ $.person.note ], detect: all }]
"#;
    let body = "<person><note>NHS 943&#32;476&#x20;5919 &amp; <![CDATA[PO30]]> 1UD</note></person>";
    let (text, _) = every_way(rules, body);
    assert_eq!(
        text,
        "<person><note>NHS [NHS number] &amp; [postcode]</note></person>"
    );
}

#[test]
fn p4_what_is_no_text_does_not_leave() {
    let rules = "fields: [{ redact: [ $.* ], detect: [ nhs-number ] }]";
    let (text, tally) = every_way(
        rules,
        r#"{"a":9434765919,"b":true,"c":{"d":"x"},"e":null,"f":""}"#,
    );
    assert_eq!(text, r#"{"e":null,"f":""}"#);
    // The object is none either.
    assert_eq!(tally.field(FieldOutcome::Mismatch), 3);
}

#[test]
fn p4_more_names_than_can_be_looked_for_let_no_text_through() {
    let people: Vec<String> = (0..100)
        .map(|index: u8| {
            let letter = |by: u8| char::from(b'a' + index / by % 26);
            format!(r#"{{"name":"Bates{}{}"}}"#, letter(1), letter(26))
        })
        .collect();
    let body = format!(
        r#"{{"household":[{}],"notes":"Batesaa"}}"#,
        people.join(",")
    );
    let plan = plan(EVERYTHING);
    let (text, tally) = run(&plan, [body.as_bytes()]).unwrap();
    assert_eq!(text, "{}");
    assert_eq!(tally.field(FieldOutcome::Mismatch), 1);
}

#[test]
fn a_rule_at_fault_is_told_with_its_place() {
    let rows = [
        (
            "fields: [{ redact: [ $.a ] }]",
            "rules.yaml:1:12: `redact` needs `detect`; write for example detect: all",
        ),
        (
            "fields: [{ redact: [ $.a ], names: [ $.b ] }]",
            "rules.yaml:1:38: names are looked for in their record; write `record:` too, `record: $` if the body is one",
        ),
        (
            "fields: [{ redact: [ $.a ], detect: all, with: token }]",
            "rules.yaml:1:48: `with` is kind, placeholder, or a token of one kind of identifier; write for example with: { pseudonymise: person, of: nhs-number }",
        ),
        (
            "fields: [{ redact: [ $.a ], patterns: [{ name: x, matches: \"[0-9]+\" }] }]",
            "rules.yaml:1:60: a pattern has a longest match, of at most 256 bytes; write for example {1,20} in place of + or *",
        ),
        (
            "fields: [{ redact: [ $.a ], patterns: [{ name: x, matches: \"[0-9\" }] }]",
            "rules.yaml:1:60: this is no regular expression: unclosed character class; write for example CR[0-9]{6}",
        ),
        (
            "fields: [{ keep: [ $.a ], detect: all }]",
            "rules.yaml:1:27: `detect` is not an option of `keep`, only of redact; leave it out",
        ),
    ];
    for (rules, expected) in rows {
        let faults = load_fields("rules.yaml", rules).unwrap_err().to_string();
        assert_eq!(faults, expected, "{rules}");
    }
    for rules in [
        "fields: [{ redact: [ $.a ], detect: [ shoe-size ] }]",
        "fields: [{ redact: [ $.a ], detect: [] }]",
        "fields: [{ redact: [ $.a ], detect: all, threshold: 2 }]",
    ] {
        assert!(load_fields("rules.yaml", rules).is_err(), "{rules}");
    }
}
