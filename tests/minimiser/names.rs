//! Names that are data: objects by NHS number, by date, by postcode. What their members' names become, wherever the
//! body is cut.

use fieldgate::minimise::{BodyFault, FieldOutcome, Limits};
use fieldgate::plan::Plan;

use super::support::{keys, plan, rules, run, run_every_way};

/// The body that leaves under each row's rules, at every cut.
fn check(rows: &[(&str, &str, &str)]) {
    for (rules_text, body, expected) in rows {
        let plan = plan(&rules(rules_text), &Limits::default());
        let ran = run_every_way(&plan, body.as_bytes(), usize::MAX)
            .unwrap_or_else(|error| panic!("{rules_text} {body}: {error}"));
        assert_eq!(ran.text, *expected, "{rules_text} {body}");
    }
}

#[test]
fn names_become_what_their_rule_makes_of_them() {
    check(&[
        (
            "keep $.*; names:year $",
            r#"{"1941-03-07":1,"1950-01-01":2}"#,
            r#"{"1941":1,"1950":2}"#,
        ),
        (
            "keep $.born.*.name; names:year $.born",
            r#"{"born":{"1941-03-07":{"name":"a","x":1},"1950-12-31":{"name":"b"}},"1950-12-31":1}"#,
            r#"{"born":{"1941":{"name":"a"},"1950":{"name":"b"}}}"#,
        ),
        // Only the names of the object that is selected, at one depth.
        (
            "keep_all $; names:year $.a",
            r#"{"a":{"1941-03-07":{"1941-03-07":[1]}},"1941-03-07":2}"#,
            r#"{"a":{"1941":{"1941-03-07":[1]}},"1941-03-07":2}"#,
        ),
        (
            "keep $..n; names:year $..born",
            r#"{"x":[{"born":{"1941-03-07":{"n":1}}},{"born":{"1942-01-01":{"n":2,"o":3}}}]}"#,
            r#"{"x":[{"born":{"1941":{"n":1}}},{"born":{"1942":{"n":2}}}]}"#,
        ),
        // Escapes are read, and what passes is named anew only where something passes.
        (
            "keep $.*.n; names:year $",
            r#"{"19\u00341-03-07":{"n":1},"1950-01-01":{"o":1},"1951-01-01":{"n":2}}"#,
            r#"{"1941":{"n":1},"1951":{"n":2}}"#,
        ),
        // On what is no object a rule for names does nothing.
        (
            "keep_all $; names:year $.a",
            r#"{"a":["1941-03-07"]}"#,
            r#"{"a":["1941-03-07"]}"#,
        ),
        (
            "keep_all $; names:year $.a",
            r#"{"a":"1941-03-07"}"#,
            r#"{"a":"1941-03-07"}"#,
        ),
        (
            "keep_all $; names:mask-last-2 $",
            r#"{"abcd":1,"":2}"#,
            r#"{"**cd":1,"":2}"#,
        ),
    ]);
}

#[test]
fn names_that_are_left_out_make_an_array() {
    check(&[
        ("keep $.*; names:drop $", r#"{"a":1,"b":2}"#, "[1,2]"),
        (
            "keep_all $; names:drop $",
            r#"{"a":{"c":1},"b":2}"#,
            r#"[{"c":1},2]"#,
        ),
        ("keep_all $; names:drop $", "{}", "[]"),
        (
            "keep $.people.*.age; names:drop $.people",
            r#"{"people":{"9434765919":{"age":80,"name":"x"},"9434765870":{"age":81}}}"#,
            r#"{"people":[{"age":80},{"age":81}]}"#,
        ),
        // A container that waits for something in it waits as an array.
        (
            "keep $.*.*.age; names:drop $.*",
            r#"{"x":{"9434765919":{"age":80}},"y":{"9434765919":{}}}"#,
            r#"{"x":[{"age":80}]}"#,
        ),
        // Leaving out protects more than a transform does.
        (
            "keep $.*; names:drop $; names:year $",
            r#"{"1941-03-07":1}"#,
            "[1]",
        ),
    ]);
}

#[test]
fn p1_a_member_whose_name_its_rule_is_not_for_stays_behind() {
    let rows = [
        ("keep $.*; names:year $", r#"{"canary":1,"1950-01-01":2}"#),
        (
            "keep_all $; names:year $",
            r#"{"canary":{"a":["canary"]},"1950-01-01":2}"#,
        ),
    ];
    for (rules_text, body) in rows {
        let plan = plan(&rules(rules_text), &Limits::default());
        let ran = run_every_way(&plan, body.as_bytes(), usize::MAX).unwrap();
        assert_eq!(ran.text, r#"{"1950":2}"#, "{rules_text}");
        assert_eq!(ran.tally.field(FieldOutcome::Mismatch), 1);
        assert_eq!(ran.tally.field(FieldOutcome::Generalise), 1);
    }
    // Two different transforms meet: no member leaves.
    let both = plan(
        &rules("keep $.*; names:year $; names:mask $"),
        &Limits::default(),
    );
    let ran = run_every_way(&both, br#"{"1950-01-01":2}"#, usize::MAX).unwrap();
    assert_eq!(ran.text, "{}");
    assert_eq!(ran.tally.field(FieldOutcome::Conflict), 1);
}

#[test]
fn p4_a_name_that_its_rule_is_not_for_ends_the_body_where_the_rule_says_so() {
    let plan = plan(&rules("keep $.*; names:year! $"), &Limits::default());
    let body = br#"{"1950-01-01":2,"canary":1}"#;
    let error = run_every_way(&plan, body, usize::MAX).unwrap_err();
    assert_eq!((error.fault, error.offset), (BodyFault::Mismatch, 16));
    assert_eq!(error.path, "$.*");
}

#[test]
fn p4_two_names_that_become_one_end_the_body() {
    let plan = plan(&rules("keep $.*; names:year $"), &Limits::default());
    let body = br#"{"1950-01-01":2,"1951-01-01":3,"1950-12-31":1}"#;
    let error = run_every_way(&plan, body, usize::MAX).unwrap_err();
    assert_eq!((error.fault, error.offset), (BodyFault::DuplicateName, 31));
}

#[test]
fn a_name_that_is_what_another_becomes_is_not_taken_for_it() {
    check(&[(
        "keep $.*; names:year $",
        r#"{"1950":1,"1951-01-01":2}"#,
        r#"{"1950":1,"1951":2}"#,
    )]);
}

#[test]
fn p8_one_person_has_one_token_as_a_name_and_as_a_value() {
    let plan = plan(
        &rules("token:person $.*.id; names:token:person $"),
        &Limits::default(),
    );
    let ran = run_every_way(&plan, br#"{"943 476 5919":{"id":9434765919}}"#, usize::MAX).unwrap();
    let read: serde_json::Value = serde_json::from_str(&ran.text).unwrap();
    let (name, member) = read.as_object().unwrap().iter().next().unwrap();
    assert_eq!(member["id"], **name);
    assert!(!ran.text.contains("943"));
}

#[test]
fn many_names_are_within_the_limit_on_members() {
    let limits = Limits {
        object_members: 300,
        ..Limits::default()
    };
    let plan = plan(&rules("keep $.*; names:mask-last-2 $"), &limits);
    let body = |count: u32| {
        let members: Vec<String> = (0..count)
            .map(|n| format!("\"{}{:02}\":{n}", "x".repeat(1 + n as usize / 100), n % 100))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(run(&plan, [body(300).as_bytes()]).is_ok());
    let error = run(&plan, [body(301).as_bytes()]).unwrap_err();
    assert_eq!(error.fault, BodyFault::TooManyMembers);
}

#[test]
fn a_rule_for_names_says_what_each_becomes() {
    for text in ["keep $.*; names:keep $", "keep $.*; names:replace:\"x\" $"] {
        let faults = Plan::compile(&rules(text), &keys(), &Limits::default()).unwrap_err();
        assert_eq!(faults.len(), 1, "{text}");
        assert_eq!(faults[0].rule, Some(1));
    }
}
