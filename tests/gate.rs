//! Records that stay behind as a whole, by what they say and by whom they are about: no format shows a gap.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::sync::{Arc, LazyLock};

use fieldgate::agreement::load_fields;
use fieldgate::minimise::{self, Gate, SubjectToken, Tally, Withheld};
use fieldgate::plan::{Plan, PlanKeys};
use fieldgate::transform::{Keys, Occasion, RootKey, SubjectTokens};
use jiff::civil::date;
use proptest::prelude::*;

/// Withholds the records of some people.
#[derive(Debug)]
struct List(Vec<[u8; 16]>);

impl Gate for List {
    fn decide(&self, subject: Option<&[u8; 16]>) -> Result<(), Withheld> {
        match subject {
            None => Err(Withheld::UnknownSubject),
            Some(subject) if self.0.contains(subject) => Err(Withheld::Objection),
            Some(_) => Ok(()),
        }
    }
}

/// What leaves of `body` in pieces of `piece` bytes when the people of `listed` are on the list.
fn what_leaves(
    rules: &str,
    body: &str,
    listed: &[&str],
    piece: usize,
) -> (String, Tally, Vec<SubjectToken>) {
    what_leaves_under(&plan(rules), body, listed, piece)
}

/// The plan of `rules`, whose subjects are looked up.
fn plan(rules: &str) -> Arc<Plan> {
    let keys = Keys::from_root(RootKey::from_bytes([7; 32]));
    let mut rules = load_fields("fields.yaml", rules).unwrap();
    rules.gated = true;
    let plan_keys = PlanKeys {
        agreement: keys.of("a").ok(),
        subject: Some(keys.subject()),
    };
    Arc::new(Plan::compile(&rules, &plan_keys, &minimise::Limits::default()).unwrap())
}

/// As [`what_leaves`], under a plan.
fn what_leaves_under(
    plan: &Arc<Plan>,
    body: &str,
    listed: &[&str],
    piece: usize,
) -> (String, Tally, Vec<SubjectToken>) {
    let tokens = SubjectTokens::new(&RootKey::from_bytes([7; 32]).subject());
    let list = listed
        .iter()
        .map(|who| tokens.bytes(format!("\"{who}\"").as_bytes()).unwrap())
        .collect();
    let occasion = Occasion {
        gate: Some(Arc::new(List(list))),
        ..Occasion::from(date(2026, 11, 22))
    };
    let mut machine = minimise::machine(plan, "b", occasion);
    let mut out = Vec::new();
    let mut subjects = Vec::new();
    for piece in body.as_bytes().chunks(piece) {
        machine.push(piece, &mut out).unwrap();
        subjects.extend(machine.take_subjects());
    }
    let tally = machine.finish(&mut out).unwrap();
    subjects.extend(machine.take_subjects());
    (String::from_utf8(out).unwrap(), tally, subjects)
}

/// Rules, a body with A, B and C in it as `{A}` and so on, and the same body without B.
const ROWS: [(&str, &str, &str, &str); 10] = [
    (
        "json",
        "record: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        r#"[{"id":"A","v":1},{"id":"B","v":2},{"v":3,"id":"C"}]"#,
        r#"[{"id":"A","v":1},{"v":3,"id":"C"}]"#,
    ),
    (
        "json below what passes only around something",
        "record: $..people[*]\nsubject: $..people[*].id\nfields: [{ keep: ['$..people[*].v'] }]",
        r#"{"x":{"people":[{"id":"B","v":2}]},"y":{"people":[{"id":"A","v":1}]}}"#,
        r#"{"x":{"people":[]},"y":{"people":[{"id":"A","v":1}]}}"#,
    ),
    (
        "json, people by name",
        "record: $.*\nsubject: '@.id'\nfields: [{ keep: ['$.*.v'] }]",
        r#"{"a":{"id":"A","v":1},"b":{"id":"B","v":2}}"#,
        r#"{"a":{"id":"A","v":1}}"#,
    ),
    (
        "ndjson",
        "format: ndjson\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        "{\"id\":\"A\",\"v\":1}\n{\"id\":\"B\",\"v\":2}\n{\"id\":\"C\",\"v\":3}\n",
        "{\"id\":\"A\",\"v\":1}\n{\"id\":\"C\",\"v\":3}\n",
    ),
    (
        "csv",
        "format: csv\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        "id,v\nA,1\nB,2\nC,3\n",
        "id,v\nA,1\nC,3\n",
    ),
    (
        "events",
        "format: event-stream\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        "data: {\"id\":\"A\",\"v\":1}\n\ndata: {\"id\":\"B\",\"v\":2}\n\n",
        "data: {\"id\":\"A\",\"v\":1}\n\n",
    ),
    (
        "xml",
        "format: xml\nrecord: $.people.person\nsubject: '@.id'\nfields: [{ keep: ['$.people.person.v'] }]",
        "<people><person><id>A</id><v>1</v></person><person><id>B</id><v>2</v></person></people>",
        "<people><person><id>A</id><v>1</v></person></people>",
    ),
    (
        "xml of several subjects",
        "format: xml\nrecord: $.people.person\nsubject: '@.id'\nfields: [{ keep: ['$.people.person.v'] }]",
        "<people><person><id>A</id><id>C</id><v>1</v></person><person><id>A</id><v>2</v><id>B</id></person></people>",
        "<people><person><id>A</id><id>C</id><v>1</v></person></people>",
    ),
    (
        "xml of several subjects below several elements",
        "format: xml\nrecord: $.people.person\nsubject: '@.is.id'\nfields: [{ keep: ['$.people.person.v'] }]",
        "<people><person><is><id>A</id></is><v>1</v></person><person><is><id>A</id></is><is><id>B</id></is></person></people>",
        "<people><person><is><id>A</id></is><v>1</v></person></people>",
    ),
    (
        "json of several subjects",
        "record: $[*]\nsubject: $[*].ids[*]\nfields: [{ keep: ['$[*].v'] }]",
        r#"[{"ids":["A","C"],"v":1},{"ids":["A","B"],"v":2}]"#,
        r#"[{"ids":["A","C"],"v":1}]"#,
    ),
];

#[test]
fn p1_whoever_is_on_a_list_leaves_no_trace_in_any_format() {
    for (name, rules, with, without) in ROWS {
        for piece in 1..=with.len() {
            let (left, tally, subjects) = what_leaves(rules, with, &["B"], piece);
            let (bare, bare_tally, bare_subjects) = what_leaves(rules, without, &["B"], piece);
            assert_eq!(left, bare, "{name} in pieces of {piece}");
            assert_eq!(subjects, bare_subjects, "{name}: only who left is entered");
            assert_eq!(tally.withheld[Withheld::Objection as usize], 1, "{name}");
            assert_eq!(tally.records_withheld, 1, "{name}");
            assert_eq!(
                tally.records_released, bare_tally.records_released,
                "{name}"
            );
        }
    }
}

#[test]
fn p4_a_record_that_names_nobody_stays_where_who_it_is_about_decides() {
    let (_, rules, ..) = ROWS[0];
    let (left, tally, _) = what_leaves(
        rules,
        r#"[{"v":1},{"id":null,"v":2},{"id":{},"v":3}]"#,
        &[],
        7,
    );
    assert_eq!(left, "[]");
    assert_eq!(tally.withheld[Withheld::UnknownSubject as usize], 3);
}

#[test]
fn p4_a_plan_that_asks_for_a_gate_lets_nothing_through_without_one() {
    let (_, rules, body, _) = ROWS[0];
    let root = RootKey::from_bytes([7; 32]);
    let keys = Keys::from_root(root);
    let mut rules = load_fields("fields.yaml", rules).unwrap();
    rules.gated = true;
    let plan_keys = PlanKeys {
        agreement: None,
        subject: Some(keys.subject()),
    };
    let plan = Arc::new(Plan::compile(&rules, &plan_keys, &minimise::Limits::default()).unwrap());
    let mut machine = minimise::machine(&plan, "", date(2026, 11, 22));
    let mut out = Vec::new();
    machine.push(body.as_bytes(), &mut out).unwrap();
    machine.finish(&mut out).unwrap();
    assert_eq!(out, b"[]");
}

#[test]
fn what_a_record_says_of_itself_withholds_it() {
    let rules = "record: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].id'] }]\nwithhold:
  refused: '@.refused'
  deceased: '@.died'
  court_restricted: '@.court'
  retention: { from: '@.closed', for: P6Y }
  stale: { as_of: '@.updated', within: P30D }\n";
    for (record, why) in [
        (r#"{"id":"A","refused":"no","updated":"2026-11-01"}"#, None),
        (
            r#"{"id":"A","refused":"no","updated":"2026-11-01","died":null,"closed":"2020-11-23"}"#,
            None,
        ),
        (
            r#"{"id":"A","updated":"2026-11-01"}"#,
            Some(Withheld::Refused),
        ),
        (
            r#"{"id":"A","refused":"no","updated":"2026-11-01","died":"2026-10-01"}"#,
            Some(Withheld::Deceased),
        ),
        (
            r#"{"id":"A","refused":"no","updated":"2026-11-01","court":true}"#,
            Some(Withheld::CourtRestricted),
        ),
        (
            r#"{"id":"A","refused":"no","updated":"2026-11-01","closed":"2020-11-22"}"#,
            Some(Withheld::Retention),
        ),
        (
            r#"{"id":"A","refused":"no","updated":"2026-10-01"}"#,
            Some(Withheld::Stale),
        ),
        (r#"{"id":"A","refused":"no"}"#, Some(Withheld::Stale)),
    ] {
        let body = format!("[{record}]");
        let (left, tally, _) = what_leaves(rules, &body, &[], 5);
        match why {
            None => assert_eq!(left, r#"[{"id":"A"}]"#, "{record}"),
            Some(why) => {
                assert_eq!(left, "[]", "{record}");
                assert_eq!(tally.withheld[why as usize], 1, "{record}");
            }
        }
    }
}

/// One person's record: who it is about, what it says, and whether the one is written before the other.
type Person = (usize, String, bool);

/// How a format writes records, and the rules by which they leave.
struct Form {
    rules: &'static str,
    /// The body of records of these people.
    body: fn(&[&Person]) -> String,
}

/// The record of `person` as JSON.
fn object((id, says, first): &Person) -> String {
    let (id, says) = (format!(r#""id":"P{id}""#), format!(r#""v":"{says}""#));
    match first {
        true => format!("{{{id},{says}}}"),
        false => format!("{{ {says} , {id} }}"),
    }
}

fn each(people: &[&Person], write: impl Fn(&Person) -> String) -> String {
    people.iter().map(|person| write(person)).collect()
}

fn array(people: &[&Person]) -> String {
    let all: Vec<String> = people.iter().map(|person| object(person)).collect();
    format!("[{}]", all.join(", "))
}

const FORMS: [Form; 10] = [
    Form {
        rules: "record: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        body: array,
    },
    Form {
        rules: "record: $.people[*]\nsubject: '@.id'\nprune: true\nfields: [{ keep: ['$.people[*].v', '$.as_of'] }]",
        body: |people| format!(r#"{{"people":{},"as_of":"2026"}}"#, array(people)),
    },
    Form {
        rules: "format: ndjson\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        body: |people| each(people, |person| object(person) + "\n"),
    },
    Form {
        rules: "format: json-seq\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        body: |people| each(people, |person| format!("\u{1e}{}\n", object(person))),
    },
    Form {
        rules: "format: event-stream\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        body: |people| each(people, |person| format!("data: {}\n\n", object(person))),
    },
    Form {
        rules: "format: csv\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]",
        body: |people| {
            let rows = each(people, |(id, says, _)| format!("P{id},{says}\r\n"));
            format!("id,v\r\n{rows}")
        },
    },
    Form {
        rules: "format: tsv\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v', '$[*].id'] }]",
        body: |people| {
            let rows = each(people, |(id, says, _)| format!("{says}\tP{id}\n"));
            format!("v\tid\n{rows}")
        },
    },
    Form {
        rules: "format: xml\nrecord: $.people.person\nsubject: '@.id'\nfields: [{ keep: ['$.people.person.v'] }]",
        body: |people| {
            let all = each(people, |(id, says, first)| {
                let (id, says) = (format!("<id>P{id}</id>"), format!("<v>{says}</v>"));
                let both = if *first { id + &says } else { says + &id };
                format!("<person>{both}</person>")
            });
            format!("<people>{all}</people>")
        },
    },
    // Tables: who stays behind is in no cell, total or median, neither shown nor hidden.
    Form {
        rules: "format: ndjson\nrecord: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]\naggregate: { by: ['$[*].v'], measures: { n: count, who: subjects }, rule: { threshold: 3, round: 1 }, totals: true }",
        body: |people| each(people, |person| object(person) + "\n"),
    },
    Form {
        rules: "record: $[*]\nsubject: $[*].id\nfields: [{ keep: ['$[*].v'] }]\naggregate: { by: ['$[*].v'], measures: { n: count }, rule: { cell_key: built-in, threshold: 3 }, output: csv }",
        body: array,
    },
];

/// A plan of each.
static PLANS: LazyLock<Vec<Arc<Plan>>> =
    LazyLock::new(|| FORMS.iter().map(|form| plan(form.rules)).collect());

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn p1_whoever_is_listed_might_as_well_never_have_been_there(
        people in prop::collection::vec((0_usize..8, "[a-cé ]{0,3}", any::<bool>()), 0..14),
        listed in prop::collection::btree_set(0_usize..8, 0..8),
        piece in 1_usize..40,
    ) {
        let all: Vec<&Person> = people.iter().collect();
        let others: Vec<&Person> =
            all.iter().copied().filter(|person| !listed.contains(&person.0)).collect();
        let names: Vec<String> = listed.iter().map(|id| format!("P{id}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (Form { rules, body }, plan) in FORMS.iter().zip(&*PLANS) {
            let (left, tally, subjects) = what_leaves_under(plan, &body(&all), &names, piece);
            let (bare, bare_tally, bare_subjects) = what_leaves_under(plan, &body(&others), &[], piece);
            prop_assert_eq!(left, bare, "{}", rules);
            prop_assert_eq!(subjects, bare_subjects, "{}", rules);
            prop_assert_eq!(tally.records_released, bare_tally.records_released, "{}", rules);
            prop_assert_eq!(tally.table, bare_tally.table, "{}", rules);
            let stayed = (all.len() - others.len()) as u64;
            prop_assert_eq!(tally.withheld[Withheld::Objection as usize], stayed, "{}", rules);
        }
    }
}
