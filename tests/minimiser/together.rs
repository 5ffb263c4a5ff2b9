//! What several fields of a record identify together, from rules as they are written, in each format that has records
//! which are known before they leave.

use fieldgate::agreement::load_fields;
use fieldgate::minimise::FieldOutcome;

use super::ladders::run_every_way;

const RULES: &str = "\
record: $[*]
fields:
  - pseudonymise: ['$[*].surname']
    as: person-as-described
    of:
      - { at: '@.surname', form: name }
      - { at: '@.born', form: date }
      - { at: '$[*].home.postcode', form: postcode }
";

/// What leaves of each record under [`RULES`], and how many values were mismatches.
fn tokens(body: &str) -> (Vec<Option<String>>, u64) {
    let (text, tally) = run_every_way(RULES, body).unwrap();
    let records: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let tokens = records.iter().map(|record| {
        let members = record.as_object().unwrap();
        assert!(members.keys().all(|name| name == "surname"), "{text}");
        Some(members.get("surname")?.as_str()?.to_owned())
    });
    let mismatches = tally.fields[FieldOutcome::Mismatch as usize];
    (tokens.collect(), mismatches)
}

fn person(surname: &str, born: &str, postcode: &str) -> String {
    format!(r#"{{"surname":{surname},"born":{born},"home":{{"postcode":{postcode}}}}}"#)
}

#[test]
fn fields_that_are_spelt_otherwise_and_mean_the_same_make_one_token() {
    let same = [
        person(r#""O'Neill""#, r#""1941-03-07""#, r#""PO30 1AA""#),
        person(r#""Ó Néill""#, r#""1941-03-07T00:00:00Z""#, r#""po301aa""#),
        person(
            r#""\u004f\u2019NEILL""#,
            r#""1941-03-07""#,
            r#"" PO30  1AA ""#,
        ),
        // The order of members is nothing.
        r#"{"home":{"postcode":"PO301AA"},"born":"1941-03-07","surname":"oneill"}"#.to_owned(),
    ];
    let (all, mismatches) = tokens(&format!("[{}]", same.join(",")));
    assert_eq!(mismatches, 0);
    let first = all[0].as_deref().unwrap();
    assert!(first.starts_with("fg1p-1-") && first.len() == 33, "{first}");
    assert!(all.iter().all(|token| token.as_deref() == Some(first)));
}

#[test]
fn another_value_of_any_field_makes_another_token() {
    let others = [
        person(r#""Neill""#, r#""1941-03-07""#, r#""PO30 1AA""#),
        person(r#""Neil""#, r#""1941-03-07""#, r#""PO30 1AA""#),
        person(r#""Neill""#, r#""1941-07-03""#, r#""PO30 1AA""#),
        person(r#""Neill""#, r#""1941-03-07""#, r#""PO30 1AB""#),
    ];
    let (all, _) = tokens(&format!("[{}]", others.join(",")));
    let different: std::collections::BTreeSet<_> = all.iter().flatten().collect();
    assert_eq!(different.len(), others.len());
}

#[test]
fn with_less_than_all_of_the_fields_there_is_no_token() {
    let good = (r#""Neill""#, r#""1941-03-07""#, r#""PO30 1AA""#);
    let rows = [
        person(good.0, "null", good.2),
        person(good.0, good.1, "null"),
        person(good.0, r#""7 March""#, good.2),
        person(good.0, r#""01/01/1900""#, good.2),
        person(good.0, good.1, r#""ZZ99 3VZ""#),
        person(good.0, good.1, r#""UNKNOWN""#),
        person(r#""UNKNOWN""#, good.1, good.2),
        person(good.0, r#"{"year":1941}"#, good.2),
        person(good.0, r#"["1941-03-07"]"#, good.2),
        r#"{"surname":"Neill","home":{"postcode":"PO30 1AA"}}"#.to_owned(),
        r#"{"surname":"Neill","born":"1941-03-07","home":[]}"#.to_owned(),
    ];
    for row in &rows {
        // The one before is not what is known of this one.
        let body = format!("[{},{row}]", person(good.0, good.1, good.2));
        let (all, mismatches) = tokens(&body);
        assert!(all[0].is_some(), "{row}");
        assert_eq!((&all[1], mismatches), (&None, 1), "{row}");
    }
}

#[test]
fn a_field_that_the_record_has_twice_is_not_guessed() {
    let rules = "record: $[*]\nfields:\n  - pseudonymise: ['$[*].id']\n    as: person\n    of: [{ at: '@.names[*]' }, { at: '@.born' }]\n";
    for (names, there) in [
        (r#"["Ann"]"#, true),
        (r#"["Ann","Bea"]"#, false),
        (r#"["Ann","Ann"]"#, false),
        ("[]", false),
    ] {
        let body = format!(r#"[{{"id":1,"names":{names},"born":"1941-03-07"}}]"#);
        let (text, _) = run_every_way(rules, &body).unwrap();
        assert_eq!(text.contains("fg1p-"), there, "{names}: {text}");
    }
}

#[test]
fn no_two_tuples_are_one_text() {
    let rules = "record: $[*]\nfields:\n  - pseudonymise: ['$[*].a']\n    as: person\n    of: [{ at: '@.a' }, { at: '@.b' }]\n";
    let body = r#"[{"a":"xy","b":"z"},{"a":"x","b":"yz"},{"a":"yz","b":"x"},{"a":"z","b":"xy"}]"#;
    let (text, _) = run_every_way(rules, body).unwrap();
    let records: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let different: std::collections::BTreeSet<_> = records
        .iter()
        .map(|record| record["a"].as_str().unwrap())
        .collect();
    assert_eq!(different.len(), 4, "{text}");
}

#[test]
fn every_format_with_records_has_the_token_that_json_has() {
    let fields = |root: &str| {
        format!(
            "fields: [{{ pseudonymise: ['{root}.surname'], as: person, of: [{{ at: '@.surname', form: name }}, {{ at: '@.born', form: date }}] }}]\n"
        )
    };
    let rows = [
        (
            "record: $\n",
            "$",
            r#"{"surname":"O'Neill","born":"1941-03-07"}"#,
        ),
        (
            "format: ndjson\nrecord: $[*]\n",
            "$[*]",
            "{\"born\":\"1941-03-07\",\"surname\":\"O'NEILL\"}\n",
        ),
        (
            "format: csv\nrecord: $[*]\n",
            "$[*]",
            "born,surname,more\r\n1941-03-07,O'Neill,x\r\n",
        ),
        (
            "format: form\nrecord: $\n",
            "$",
            "surname=O%27Neill&more=x&born=1941-03-07",
        ),
    ];
    let mut all = std::collections::BTreeSet::new();
    for (head, root, body) in rows {
        let (text, tally) = run_every_way(&format!("{head}{}", fields(root)), body).unwrap();
        let at = text
            .find("fg1p-1-")
            .unwrap_or_else(|| panic!("{head}{text}"));
        all.insert(text[at..at + 33].to_owned());
        assert!(!text.contains("1941") && !text.contains("Neill"), "{text}");
        assert_eq!(tally.records_released, 1, "{head}");
    }
    assert_eq!(all.len(), 1);
}

#[test]
fn a_form_is_known_before_it_leaves_so_that_its_dates_move_and_its_people_are_found() {
    let rules = "\
format: form
record: $
subject: $.nhsNumber
fields:
  - shift: [$.seen, $.left]
    days: 30
  - redact: [$.notes]
    names: [$.name]
";
    let days = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=")).unwrap();
        rest[..10].parse::<jiff::civil::Date>().unwrap()
    };
    let run = |number: &str| {
        let body = format!(
            "notes=ann+came+late&seen=2026-03-10&left=2026-03-12&name=Ann+Bell&nhsNumber={number}"
        );
        run_every_way(rules, &body).unwrap().0
    };
    let one = run("9434765919");
    assert!(one.contains("notes=%5Bname%5D+came+late"), "{one}");
    let (seen, left) = (days(&one, "seen"), days(&one, "left"));
    assert!(seen < jiff::civil::date(2026, 3, 10), "{one}");
    assert_eq!((left - seen).get_days(), 2);
    assert_eq!(one, run("943+476+5919"), "one subject, one shift");
    let others = ["4010232137", "9990000018", "9990000026"].map(run);
    assert!(others.iter().any(|other| days(other, "seen") != seen));
}

#[test]
fn what_cannot_be_told_together_is_refused_at_load() {
    let head = "record: $\nfields:\n  - pseudonymise: [$.a]\n    as: person\n";
    let rows = [
        (
            format!("{head}    of: [{{ at: '@.a' }}]\n"),
            "5:9: `of` is too short; write at least 2",
        ),
        (
            format!("{head}    form: date\n    of: [{{ at: '@.a' }}, {{ at: '@.b' }}]\n"),
            "5:11: each field under `of` has a form of its own; leave this one out",
        ),
        (
            format!("{head}    of: [{{ at: '@.a' }}, {{ at: b }}]\n").replace("record: $\n", ""),
            "4:5: the fields that identify together are those of one record; write `record:` too",
        ),
        (
            format!("{head}    of: [{{ at: '@.a' }}, {{ at: b }}]\n"),
            "5:31: a selector starts with $; write $.b",
        ),
        (
            format!("{head}    of: [{{ at: '@.a' }}, {{ at: '@.b' }}]\n")
                .replace("pseudonymise", "tokenise"),
            "5:5: `of` is not an option of `tokenise`, only of pseudonymise; leave it out",
        ),
        (
            format!(
                "{head}    of: [{{ at: '@.a' }}, {{ at: '@.b' }}]\n  - pseudonymise: [$.b]\n    as: person\n"
            ),
            "`person` is composite of text, text in line 3 and text here, so that its tokens would not link",
        ),
    ];
    for (yaml, message) in rows {
        let faults = load_fields("rules.yaml", &yaml).unwrap_err().to_string();
        assert!(faults.contains(message), "{yaml}: {faults}");
    }
}
