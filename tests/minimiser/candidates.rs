//! Filters decided on what is held of a body that streams (DESIGN §5.10): a candidate is decided alike whether the
//! window has it whole or it is held until it is, held no further than the limit, and nothing around it waits.

use fieldgate::minimise::{BodyFault, Limits, json_machine, machine};

use super::rows::{check, check_refused};
use super::support::{plan, rules, run, run_every_way};

/// Larger than a window of the machine, so that what is in it is cut wherever the body is.
const BEYOND_A_WINDOW: usize = 20_000;

#[test]
fn members_keep_their_names_until_they_are_decided() {
    check(&[
        (
            "keep $[?@.x].x",
            r#"{"a":{"x":1},"b":{"y":1},"c":{"x":{"z":1}},"d":1,"e":{"x":2}}"#,
            r#"{"a":{"x":1},"e":{"x":2}}"#,
        ),
        (
            "keep $[?@ > 1]",
            r#"{"a":1,"b":2,"c":"3","na\u006de":4}"#,
            r#"{"b":2,"na\u006de":4}"#,
        ),
        (
            "keep_all $.p[?@.x]",
            r#"{"o":1,"p":{"a":{"x":[1,2]},"b":{}},"q":2}"#,
            r#"{"p":{"a":{"x":[1,2]}}}"#,
        ),
        (
            "keep $['a','b',?@.x].x; keep $.b.y",
            r#"{"a":{"x":1},"b":{"x":2,"y":3},"c":{"x":4}}"#,
            r#"{"a":{"x":1},"b":{"x":2,"y":3},"c":{"x":4}}"#,
        ),
        (
            "keep_all $; drop $[?@ == 'secret']",
            r#"{"a":"secret","b":"open","c":"\u0073ecret"}"#,
            r#"{"b":"open"}"#,
        ),
    ]);
}

#[test]
fn single_values_are_candidates_to_the_last_byte_of_the_body() {
    check(&[
        (
            "keep $[?@ == 12]",
            "[12,120,1.2e1,-12,\"12\"]",
            "[12,1.2e1]",
        ),
        (
            "keep $[?@]",
            "[1,\"\",null,true,[],{}]",
            "[1,\"\",null,true]",
        ),
        ("keep_all $; drop $[?@ == null]", "[null,1,null]", "[1]"),
        (
            "token:person $[?@ != 1]",
            "[1,\"401 023 2137\"]",
            "[<person 4010232137>]",
        ),
        ("keep $; record $; release_if @ > 10", "12", "12"),
        ("keep $; record $; release_if @ > 10", " 9 ", "null"),
        (
            "keep $; record $; release_if $ == 'a'",
            "\"\\u0061\"",
            "\"\\u0061\"",
        ),
    ]);
}

#[test]
fn candidates_within_candidates() {
    check(&[
        (
            "keep $[?@.on][?@.x].x",
            r#"[{"on":1,"a":{"x":1},"b":{"y":1}},{"a":{"x":2}}]"#,
            r#"[{"a":{"x":1}}]"#,
        ),
        (
            "keep_all $; drop $..[?@.secret]",
            r#"{"a":{"b":{"secret":1},"c":[{"secret":2},3]},"secret":4}"#,
            r#"{"a":{"c":[3]},"secret":4}"#,
        ),
        (
            "keep $.people[?@.adult].phones[?@.kind == 'home'].number",
            r#"{"people":[{"adult":true,"phones":[{"kind":"work","number":1},{"kind":"home","number":2}]},
                {"phones":[{"kind":"home","number":3}]}]}"#,
            r#"{"people":[{"phones":[{"number":2}]}]}"#,
        ),
        (
            "keep $[?@.a].phones[-1].n",
            r#"[{"a":1,"phones":[{"n":1},{"n":2}]},{"phones":[{"n":3}]},{"a":1,"phones":[]},{"a":1,"phones":{"n":4}}]"#,
            r#"[{"phones":[{"n":2}]},{"phones":[]},{"phones":{}}]"#,
        ),
        (
            "keep $..a[-2:]",
            r#"{"a":[1,2,3],"b":[{"a":[4]},{"a":[5,6]}]}"#,
            r#"{"a":[2,3],"b":[{"a":[4]},{"a":[5,6]}]}"#,
        ),
        (
            "keep $.a[?@ > 1, -1, 0]",
            r#"{"a":[1,1,2,1,1]}"#,
            r#"{"a":[1,2,1]}"#,
        ),
    ]);
}

#[test]
fn filters_inside_records_and_around_them() {
    check(&[
        (
            "keep $[*].notes[?@.public].text; record $[*]; release_if @.consent",
            r#"[{"consent":1,"notes":[{"public":1,"text":"a"},{"text":"b"}]},{"notes":[{"public":1,"text":"c"}]}]"#,
            r#"[{"notes":[{"text":"a"}]}]"#,
        ),
        (
            "keep $[?@.kind == 'adult'].name; record $[?@.kind == 'adult']; release_if @.consent",
            r#"[{"kind":"adult","consent":1,"name":"a"},{"kind":"adult","name":"b"},{"kind":"child","name":"c"}]"#,
            r#"[{"name":"a"}]"#,
        ),
        (
            "keep_all $; drop $.people[?@.objects]; record $.people[*]; subject @.id",
            r#"{"people":[{"id":1,"objects":true},{"id":2}],"n":1}"#,
            r#"{"people":[{"id":2}],"n":1}"#,
        ),
        (
            "keep_all $; drop $[*][?@ == 'x']; record $; release_if @[0]",
            r#"[["x","y"],{"a":"x"}]"#,
            r#"[["y"],{}]"#,
        ),
    ]);
}

#[test]
fn p8_candidates_that_no_window_has_whole_leave_as_those_that_one_has() {
    // What is before moves the element over the windows' ends; what is in it makes it larger than one.
    let small = r#"{"age":17,"name":"a","notes":["n",{"age":1}]}"#;
    let mut expected = None;
    for before in [0, 1, 8_150, 8_170, 8_191, 8_192, BEYOND_A_WINDOW] {
        for inside in [0, 1, 8_192, BEYOND_A_WINDOW] {
            let body = format!(
                r#"{{"pad":"{}","list":[{small},{{"text":"{}","age":15,"name":"b"}},{{"age":20,"name":"c"}}],"m":{{"k":{small}}}}}"#,
                "p".repeat(before),
                "é".repeat(inside / 2)
            );
            let plan = plan(
                &rules(
                    "keep $.list[?@.age < 18].name; keep $.m[?@.notes].name; drop $..[?@.age == 15].nothing",
                ),
                &Limits::default(),
            );
            let whole = run(&plan, [body.as_bytes()]).unwrap();
            for size in [1, 997, 8_192] {
                assert_eq!(
                    run(&plan, body.as_bytes().chunks(size)).as_ref(),
                    Ok(&whole)
                );
            }
            let text = expected.get_or_insert_with(|| whole.text.clone());
            assert_eq!(*text, whole.text, "{before} before, {inside} inside");
        }
    }
    assert_eq!(
        expected.as_deref(),
        Some(r#"{"list":[{"name":"a"},{"name":"b"}],"m":{"k":{"name":"a"}}}"#)
    );
}

#[test]
fn p5_a_candidate_is_held_no_further_than_the_limit() {
    let limits = Limits {
        held_bytes: 20,
        ..Limits::default()
    };
    let array = |bytes: usize| format!("[{}1]", " ".repeat(bytes - 3));
    let object = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let number = |bytes: usize| "7".repeat(bytes);
    for fields in [
        "keep_all $.l[?@]; keep_all $.l[?!@]",
        "keep $.l[?@.a].b",
        "keep_all $; drop $.l[?@ == 'x']",
        "keep_all $.l[?@.a]; record $.l[*]; subject @.a",
        "keep_all $.l[*]; record $.l[*]; release_if @",
    ] {
        let plan = plan(&rules(fields), &limits);
        let begins = r#"{"o":"more than twenty bytes of something else","l":[1, "#;
        for made in [&array as &dyn Fn(usize) -> String, &object, &text, &number] {
            let fits = format!("{begins}{},2]}}", made(20));
            let ran = run_every_way(&plan, fits.as_bytes(), usize::MAX);
            assert!(ran.is_ok(), "{fields} on {fits}: {ran:?}");
            for bytes in [21, 22, 60] {
                let exceeds = format!("{begins}{},2]}}", made(bytes));
                let error = run_every_way(&plan, exceeds.as_bytes(), usize::MAX).expect_err(fields);
                assert_eq!(
                    (error.fault, error.offset, error.path.as_str()),
                    (BodyFault::HeldTooLarge, begins.len() as u64 + 20, "$.l[1]"),
                    "{fields} on {exceeds}"
                );
            }
        }
    }
    // An array that is counted from its end is held itself, and no more.
    let plan = plan(&rules("keep $.l[-1]"), &limits);
    let fits = r#"{"o":"more than twenty bytes of something else","l":[1,2,3,4,5,6,7,8,9]}"#;
    let ran = run_every_way(&plan, fits.as_bytes(), usize::MAX).unwrap();
    assert_eq!(ran.text, r#"{"l":[9]}"#);
    let exceeds = fits.replace("[1,", "[0,1,");
    let error = run_every_way(&plan, exceeds.as_bytes(), usize::MAX).expect_err("21 bytes");
    let at = exceeds.find('[').unwrap() as u64 + 20;
    assert_eq!((error.fault, error.offset), (BodyFault::HeldTooLarge, at));
    assert_eq!(error.path, "$.l");
}

#[test]
fn p8_a_record_that_is_too_large_is_so_whatever_stands_in_its_candidates() {
    let limits = Limits {
        held_bytes: 20,
        ..Limits::default()
    };
    // The candidate has its fault before the record's limit, and its end behind it.
    for (fields, sent) in [
        (
            "year! $[*][?@.a].b; record $[*]",
            r#"[{"c":{"b":"x","a":1234}}]"#,
        ),
        (
            "keep $[*][?@.a].b; record $[*]",
            r#"[{"c":{"b":1,"b":1234}}]"#,
        ),
        (
            "keep_all $[*][?@.a]; record $[*]",
            r#"[{"c":{"a":{"b":1,"b":1}}}]"#,
        ),
        (
            "year! $[*].c[-1]; record $[*]",
            r#"[{"c":["x",2,"y",4,55]}]"#,
        ),
    ] {
        let plan = plan(&rules(fields), &limits);
        let error = run_every_way(&plan, sent.as_bytes(), usize::MAX).expect_err(fields);
        assert_eq!(
            (error.fault, error.offset),
            (BodyFault::HeldTooLarge, 21),
            "{fields} on {sent}"
        );
    }
}

#[test]
fn p5_around_candidates_nothing_waits() {
    let limits = Limits {
        held_bytes: 2_000,
        ..Limits::default()
    };
    let plan = plan(&rules("keep_all $; drop $.l[?@.age < 18]"), &limits);
    let adult = format!(r#"{{"age":20,"t":"{}"}},"#, "x".repeat(1_500));
    let child = adult.replace("20", "10");
    let mut machine = json_machine(&plan);
    let (mut out, mut expected) = (Vec::new(), 5);
    machine.push(b"{\"l\":[", &mut out).unwrap();
    for _ in 0..2_000 {
        for piece in adult
            .as_bytes()
            .chunks(100)
            .chain(child.as_bytes().chunks(700))
        {
            machine.push(piece, &mut out).unwrap();
        }
        // One of the two has left, but for the comma behind it.
        expected += adult.len();
        assert!(
            out.len().abs_diff(expected) < 16,
            "{} of {expected}",
            out.len()
        );
    }
    machine.push(b"1]}", &mut out).unwrap();
    machine.finish(&mut out).unwrap();
    assert!(!String::from_utf8(out).unwrap().contains("10"));
}

#[test]
fn p4_nothing_of_a_candidate_leaves_before_it_is_decided() {
    let plan = plan(
        &rules("keep_all $; drop $[*][?@.objection]"),
        &Limits::default(),
    );
    let held = r#"{"name":"CANARY","more":["CANARY"],"objection":"#;
    for end in [
        "true}]]",
        "1",
        "nul]",
        "1,\"objection\":2}]]",
        "\u{1}",
        "1}}",
    ] {
        for size in [1, 7, 1_000] {
            let body = format!(r#"[[{held}{end}"#);
            let mut machine = json_machine(&plan);
            let mut out = Vec::new();
            for piece in body.as_bytes().chunks(size) {
                if machine.push(piece, &mut out).is_err() {
                    break;
                }
            }
            let _ended = machine.finish(&mut out);
            let left = String::from_utf8(out).unwrap();
            assert!(!left.contains("CANARY"), "{end}, pieces of {size}: {left}");
        }
    }
}

#[test]
fn p4_faults_around_and_in_candidates_are_told_where_they_are() {
    // The rules, what was sent, the fault, its place and its path.
    for (fields, sent, fault, at, path) in [
        (
            "keep $[?@.a].b",
            r#"[{"a":1,"b":tru}]"#,
            BodyFault::Malformed,
            15,
            "$[0]",
        ),
        (
            "keep $.l[?@.a].b",
            r#"{"l":[1,{"a":[1 2]}]}"#,
            BodyFault::Malformed,
            16,
            "$.l[1]",
        ),
        (
            "keep $.l[?@.a].b",
            r#"{"l":[1,{"a":1"#,
            BodyFault::Truncated,
            14,
            "$.l[1]",
        ),
        (
            "keep $.l[?@.a].b",
            r#"{"l":[1,"x"#,
            BodyFault::Truncated,
            10,
            "$.l[1]",
        ),
        (
            "year! $[?@.a].b",
            r#"[{"a":1,"b":"never"}]"#,
            BodyFault::Mismatch,
            12,
            "$[0].b",
        ),
        (
            "keep $[?@.a].b",
            r#"[{"c":1,"c":2}]"#,
            BodyFault::DuplicateName,
            8,
            "$[0]",
        ),
        (
            "keep $.*[?@.a].b",
            r#"{"q":[0,{"c":1,"c":2}]}"#,
            BodyFault::DuplicateName,
            15,
            "$.*[1]",
        ),
    ] {
        let plan = plan(&rules(fields), &Limits::default());
        let error = run_every_way(&plan, sent.as_bytes(), usize::MAX).expect_err(fields);
        assert_eq!(
            (error.fault, error.offset, error.path.as_str()),
            (fault, at, path),
            "{fields} on {sent}"
        );
    }
    check_refused(&[(
        "year! $[?@ != 'x']",
        r#"["x","never"]"#,
        BodyFault::Mismatch,
    )]);
}

#[test]
fn p4_limits_on_names_hold_where_a_filter_looks() {
    let limits = Limits {
        object_members: 3,
        name_bytes: 4,
        ..Limits::default()
    };
    for (fields, sent, found) in [
        (
            "keep $[?@.a].b",
            r#"[{"a":1,"b":2,"c":3}]"#,
            Ok(r#"[{"b":2}]"#),
        ),
        (
            "keep $[?@.z].b",
            r#"[{"a":1,"b":2,"c":3,"d":4}]"#,
            Err((BodyFault::TooManyMembers, 20)),
        ),
        (
            "keep $[?@.z].b",
            r#"[{"a":1,"bbbbb":2}]"#,
            Err((BodyFault::NameTooLong, 13)),
        ),
        (
            "keep $[?@.z].b",
            r#"[{"a":{"aaaaa":1,"b":2,"c":3,"d":4}}]"#,
            Ok("[]"),
        ),
    ] {
        let ran = run_every_way(&plan(&rules(fields), &limits), sent.as_bytes(), usize::MAX);
        let told = ran.as_ref().map(|ran| ran.text.as_str());
        assert_eq!(
            told.map_err(|error| (error.fault, error.offset)),
            found,
            "{fields} on {sent}"
        );
    }
}

#[test]
fn a_doubled_name_is_found_in_objects_of_any_size() {
    for members in [2, 63, 64, 65, 66, 1_000] {
        let names: Vec<String> = (0..members).map(|name| format!(r#""m{name}":1"#)).collect();
        let plan = plan(&rules("keep $[?@.z].b"), &Limits::default());
        let sound = format!("[{{{}}}]", names.join(","));
        assert!(run(&plan, [sound.as_bytes()]).is_ok());
        for twice in [0, members / 2, members - 1] {
            let body = format!(r#"[{{{},"\u006d{twice}":2,"y":1}}]"#, names.join(","));
            let error = run(&plan, body.as_bytes().chunks(3_000)).expect_err(&body);
            let at = body.find("\"\\u006d").unwrap() as u64;
            assert_eq!((error.fault, error.offset), (BodyFault::DuplicateName, at));
        }
    }
}

#[test]
fn too_many_filters_on_one_value_are_refused_at_load_with_what_to_write() {
    let filters: Vec<String> = (0..9)
        .map(|age| format!("keep $[?@.age == {age}].a"))
        .collect();
    let error = fieldgate::plan::Plan::compile(
        &rules(&filters.join("; ")),
        &super::support::keys(),
        &Limits::default(),
    )
    .expect_err("nine filters");
    assert!(error[0].message.contains("||"), "{error:?}");
    // The same filter is one, however often it is written.
    let same = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
        .map(|name| format!("keep $[?@.age < 18].{name}"));
    assert!(plan(&rules(&same.join("; ")), &Limits::default()).holds_elements());
}

#[test]
fn ages_and_days_are_of_the_day_that_the_body_is_run_on() {
    let people = r#"[{"dob":"2008-06-15","n":1},{"dob":"2008-06-16T09:00:00Z","n":2},{"dob":"unknown","n":3},{"n":4}]"#;
    for (fields, today, leaves) in [
        ("keep $[?age(@.dob) >= 18].n", "2026-06-15", r#"[{"n":1}]"#),
        ("keep $[?age(@.dob) >= 18].n", "2026-06-14", "[]"),
        ("keep $[?age(@.dob) < 18].n", "2026-06-15", r#"[{"n":2}]"#),
        (
            "keep $[?!(age(@.dob) >= 18)].n",
            "2026-06-15",
            r#"[{"n":2},{"n":3},{"n":4}]"#,
        ),
        (
            "keep $[?since(@['dob']) == -1].n",
            "2008-06-15",
            r#"[{"n":2}]"#,
        ),
        (
            "keep $[*].n; record $[*]; release_if since(@.dob) <= 0",
            "2008-06-15",
            r#"[{"n":1},{"n":2}]"#,
        ),
    ] {
        let plan = plan(&rules(fields), &Limits::default());
        assert!(plan.reads_today());
        for size in [1, 10, 1_000] {
            let mut machine = machine(&plan, "", today.parse::<jiff::civil::Date>().unwrap());
            let mut out = Vec::new();
            for piece in people.as_bytes().chunks(size) {
                machine.push(piece, &mut out).unwrap();
            }
            machine.finish(&mut out).unwrap();
            assert_eq!(
                String::from_utf8(out).unwrap(),
                leaves,
                "{fields} on {today}"
            );
        }
    }
    assert!(!plan(&rules("keep $[?@.age == 'age(1)']"), &Limits::default()).reads_today());
}

#[test]
#[should_panic(expected = "is run on a day")]
fn a_plan_that_asks_for_today_is_not_run_without_it() {
    drop(json_machine(&plan(
        &rules("drop $[?age(@.dob) < 18]; keep_all $"),
        &Limits::default(),
    )));
}
