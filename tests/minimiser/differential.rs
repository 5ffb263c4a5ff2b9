//! Generated documents under generated rules at generated cuts: the machine against the model.

use std::collections::BTreeSet;

use fieldgate::minimise::{BodyError, Limits};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::oracle::holds_document;
use super::support::{assert_agree, plan, plan_within_bounds, rules, run, run_every_way};
use super::vocabulary::{
    ACTIONS, CONDITIONS, HELD, HELD_CONDITIONS, HELD_RECORDS, HELD_SUBJECTS, RECORDS, STREAMED,
    SUBJECTS,
};

/// A document to be; names and values are JSON text.
#[derive(Debug, Clone)]
enum Shape {
    Single(&'static str),
    Array(Vec<Shape>),
    Object(Vec<(&'static str, Shape)>),
}

/// Names with other spellings of the same beside them.
const NAMES: &[&str] = &[
    r#""a""#,
    r#""b""#,
    r#""c""#,
    r#""d""#,
    r#""\u0061""#,
    r#""\u0062""#,
    r#""""#,
    r#""é""#,
    r#""\u00e9""#,
    r#""x y""#,
    r#""\"\\""#,
];

const SINGLES: &[&str] = &[
    "0",
    "-0",
    "1",
    "1.0",
    "-1.5E+3",
    "1e400",
    "12345678901234567890",
    "4010232137",
    r#""401 023 2137""#,
    r#""""#,
    r#""x""#,
    r#""y""#,
    r#""\u00e9\"\\\n""#,
    r#""𝄞""#,
    r#""\ud834\udd1e""#,
    r#""1941-03-07""#,
    r#""1941-02-30""#,
    "true",
    "false",
    "null",
    r#""{\"a\":1}""#,
    r#""],[""#,
];

const SPACES: &[&str] = &["", "", "", " ", "\n", "\t \r\n  "];

fn shape() -> impl Strategy<Value = Shape> {
    let single = select(SINGLES).prop_map(Shape::Single);
    single.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 0..5).prop_map(Shape::Array),
            3 => vec((select(NAMES), inner), 0..6).prop_map(Shape::Object),
        ]
    })
}

/// Writes `shape`; in most documents each object loses the members whose names it has had.
fn write(shape: &Shape, twice: bool, spaces: &mut dyn FnMut() -> &'static str, out: &mut String) {
    let list = |out: &mut String, spaces: &mut dyn FnMut() -> &'static str, first: &mut bool| {
        if !std::mem::replace(first, false) {
            out.push(',');
        }
        out.push_str(spaces());
    };
    match shape {
        Shape::Single(text) => out.push_str(text),
        Shape::Array(elements) => {
            out.push('[');
            out.push_str(spaces());
            let mut first = true;
            for element in elements {
                list(out, spaces, &mut first);
                write(element, twice, spaces, out);
                out.push_str(spaces());
            }
            out.push(']');
        }
        Shape::Object(members) => {
            let mut seen = BTreeSet::new();
            out.push('{');
            out.push_str(spaces());
            let mut first = true;
            for (name, value) in members {
                let plain: String = serde_json::from_str(name).unwrap();
                if !seen.insert(plain) && !twice {
                    continue;
                }
                list(out, spaces, &mut first);
                out.push_str(name);
                out.push_str(spaces());
                out.push(':');
                out.push_str(spaces());
                write(value, twice, spaces, out);
                out.push_str(spaces());
            }
            out.push('}');
        }
    }
}

fn body() -> impl Strategy<Value = String> {
    written(0.15)
}

/// Bodies, of which this part may name members twice.
fn written(twice: f64) -> impl Strategy<Value = String> {
    (
        shape(),
        proptest::bool::weighted(twice),
        vec(select(SPACES), 1..20),
    )
        .prop_map(|(shape, twice, spaces)| {
            let mut turn = 0;
            let mut out = String::new();
            let mut spaces = || {
                turn += 1;
                spaces[turn % spaces.len()]
            };
            out.push_str(spaces());
            write(&shape, twice, &mut spaces, &mut out);
            out.push_str(spaces());
            out
        })
}

/// A body with one byte taken out, put in or changed.
fn broken_body() -> impl Strategy<Value = Vec<u8>> {
    let bytes: &[u8] = b"{}[],:\"\\ 0-.eutx\n\x00\x1f\x7f\xc3\xff";
    (body(), any::<Index>(), select(bytes), 0..3).prop_map(|(body, place, byte, how)| {
        let mut body = body.into_bytes();
        let at = place.index(body.len());
        match how {
            0 => drop(body.remove(at)),
            1 => body.insert(at, byte),
            _ => body[at] = byte,
        }
        body
    })
}

/// Selectors; `held` for such as only the whole document may decide among them.
fn selector(held: bool) -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        3 => select(STREAMED),
        u32::from(held) => select(HELD),
    ];
    vec(segment, 0..4).prop_map(|segments| format!("${}", segments.concat()))
}

fn rule(held: bool) -> impl Strategy<Value = String> {
    let words: Vec<&str> = ACTIONS
        .iter()
        .flat_map(|(weight, word)| vec![*word; *weight as usize])
        .collect();
    (
        select(words),
        proptest::bool::weighted(0.03),
        selector(held),
    )
        .prop_map(|(word, refuse, selector)| {
            let refuse = if refuse { "!" } else { "" };
            format!("{word}{refuse} {selector}")
        })
}

fn rule_set() -> impl Strategy<Value = String> {
    rule_set_of(true)
}

/// Rules; `held` for such as only the whole document may decide among them.
fn rule_set_of(held: bool) -> impl Strategy<Value = String> {
    let either = |streamed, beyond| {
        prop_oneof![
            4 => select(streamed),
            u32::from(held) => select(beyond),
        ]
    };
    (
        vec(rule(held), 0..5),
        either(RECORDS, HELD_RECORDS),
        either(SUBJECTS, HELD_SUBJECTS),
        either(CONDITIONS, HELD_CONDITIONS),
        proptest::bool::weighted(0.2),
    )
        .prop_map(|(mut fields, record, subject, condition, prune)| {
            if !record.is_empty() {
                let parts = [record, subject, condition]
                    .into_iter()
                    .filter(|part| !part.is_empty());
                fields.extend(parts.map(str::to_owned));
            }
            if prune {
                fields.push("prune".to_owned());
            }
            fields.join("; ")
        })
}

fn check(fields: &str, body: &[u8], cuts: &[Index]) {
    let rules = rules(fields);
    let limits = Limits::default();
    let Some(plan) = plan_within_bounds(&rules, &limits) else {
        return;
    };
    // Of rules that need the document, others may make sure that it changes nothing.
    assert!(!plan.holds_document() || holds_document(&rules), "{fields}");
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    let pieces = cuts.windows(2).map(|ends| &body[ends[0]..ends[1]]);
    let ran = run(&plan, pieces);
    let context = || {
        format!(
            "rules: {fields}\nbody: {}\ncuts: {cuts:?}",
            String::from_utf8_lossy(body)
        )
    };
    assert_eq!(
        run(&plan, [body]),
        ran,
        "cut and whole differ\n{}",
        context()
    );
    assert_agree(&rules, &limits, body, &ran, &context);
}

/// `cases`, or as many as `FIELDGATE_CASES` says: a longer run for whoever changes the machine.
fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var("FIELDGATE_CASES").ok();
    let cases = asked.and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn p1_generated_documents_leave_as_the_model_says(
        fields in rule_set(), body in body(), cuts in vec(any::<Index>(), 0..6)
    ) {
        check(&fields, body.as_bytes(), &cuts);
    }
}

proptest! {
    #![proptest_config(config(1_500))]

    #[test]
    fn p4_broken_documents_are_refused_as_the_model_says(
        fields in rule_set(), body in broken_body(), cuts in vec(any::<Index>(), 0..6)
    ) {
        check(&fields, &body, &cuts);
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    (1..6_usize, 1..40_usize, 1..4_usize, 0..3_usize, 5..200_u64).prop_map(
        |(depth, held_bytes, object_members, name_bytes, body_bytes)| Limits {
            depth,
            held_bytes,
            object_members,
            name_bytes,
            body_bytes,
        },
    )
}

proptest! {
    #![proptest_config(config(2_000))]

    /// The model knows no limits but depth; here the machine is held against itself.
    #[test]
    fn p8_generated_limits_are_reached_alike_at_every_cut(
        fields in rule_set(), body in broken_body(), limits in limits()
    ) {
        let Some(plan) = plan_within_bounds(&rules(&fields), &limits) else {
            return Ok(());
        };
        let ran = run_every_way(&plan, &body, 80);
        if ran.is_ok() {
            let context = || format!("rules: {fields}\nbody: {}", String::from_utf8_lossy(&body));
            assert_agree(&rules(&fields), &limits, &body, &ran, &context);
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    /// A rule that selects nothing, but only a whole element or the whole document can tell, changes nothing but the
    /// way.
    #[test]
    fn what_is_held_gives_what_streams(
        fields in rule_set_of(false), body in written(0.0)
    ) {
        let limits = Limits::default();
        let run_with = |more: &str, pieces: usize| {
            let plan = plan(&rules(&format!("{fields}; {more}")), &limits);
            let place = |error: BodyError| (error.fault, error.offset);
            run(&plan, body.as_bytes().chunks(pieces)).map_err(place)
        };
        for (streams, elements, document) in [
            ("drop $['nowhere']", "drop $[?@ == 'nowhere']", "drop $[?$ == 'nowhere']"),
            ("drop $..['nowhere']", "drop $..[?@ == 'nowhere']", "drop $..[?$ == 'nowhere']"),
        ] {
            let streamed = run_with(streams, usize::MAX);
            prop_assert_eq!(&streamed, &run_with(elements, usize::MAX), "{}", elements);
            prop_assert_eq!(&streamed, &run_with(elements, 1), "{}", elements);
            prop_assert_eq!(&streamed, &run_with(document, usize::MAX), "{}", document);
        }
    }
}
