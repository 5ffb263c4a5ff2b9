//! The promises that can be held against the machine alone.

use fieldgate::minimise::{
    BodyFault, FieldOutcome, Level, Limits, Machine, json::JsonMachine, json_machine,
};

use super::support::{plan, rules, run, run_every_way};

/// A document in which everything that its rules hold back is marked.
const MARKED: &str = r#"{"kept":"yes","CANARY-name":"CANARY-1","drop":{"x":"CANARY-2","y":["CANARY-3"]},
    "people":[{"id":"CANARY-4","name":"n1","notes":"CANARY-5","dob":"1941-03-07"},
              {"id":"CANARY-6","name":{"first":"CANARY-7"},"dob":"CANARY-8"}],
    "secret":[{"ok":false,"name":"CANARY-9"}],"esc\u0061ped":"CAN\u0041RY-10"}"#;

const MARKED_RULES: &str = "keep $.kept; keep $.people[*].name; year $.people[*].dob; token:person $.people[*].id; \
     drop $.drop; keep_all $.drop.x; keep $.secret[*].name; record $.secret[*]; release_if @.ok == true";

#[test]
fn p1_no_canary_leaves_at_any_cut() {
    let plan = plan(&rules(MARKED_RULES), &Limits::default());
    let ran = run_every_way(&plan, MARKED.as_bytes(), usize::MAX).unwrap();
    assert!(
        !ran.text.contains("CANARY") && !ran.text.contains("CAN\\u0041RY"),
        "{}",
        ran.text
    );
    assert!(
        ran.text
            .starts_with(r#"{"kept":"yes","people":[{"id":"fg1p-1-"#),
        "{}",
        ran.text
    );
    assert!(
        ran.text.contains(r#""name":"n1","dob":"1941"}"#) && ran.text.ends_with(r#""secret":[]}"#),
        "{}",
        ran.text
    );
}

#[test]
fn p4_what_is_refused_gives_no_more_once_it_is_refused() {
    // Each body is whole but for its end: what left before must not look whole, and nothing leaves after.
    for fields in ["keep_all $", "keep $..*", "keep_all $; drop $..y"] {
        let plan = plan(&rules(fields), &Limits::default());
        for end in ["", ",", ",\"kept\":1}", "\"", ":", "]"] {
            let body = MARKED.strip_suffix('}').unwrap().to_owned() + end;
            let mut machine = json_machine(&plan);
            let mut out = Vec::new();
            let pushed = machine.push(body.as_bytes(), &mut out);
            let left = out.len();
            let error = machine.finish(&mut out).expect_err("the body has no end");
            if let Err(earlier) = pushed {
                assert_eq!(earlier, error);
            }
            assert_eq!(out.len(), left);
            assert_eq!(machine.push(b"}", &mut out), Err(error));
            assert_eq!(out.len(), left);
            assert!(
                serde_json::from_slice::<serde_json::Value>(&out).is_err(),
                "{fields}: what left before the fault reads as a whole document"
            );
        }
    }
}

#[test]
fn p4_a_record_that_breaks_midway_leaves_nothing_of_itself() {
    for release in ["", "; release_if @.a"] {
        let plan = plan(
            &rules(&format!("keep_all $; record $[*]{release}")),
            &Limits::default(),
        );
        for broken in [
            r#"{"a":"half","b":tru}"#,
            r#"{"a":"half","a":1}"#,
            "{\"a\":\"half\",\"b\":\"\u{1}\"}",
            r#"{"a":"half""#,
        ] {
            let body = format!(r#"[{{"a":"first"}},{broken}]"#);
            for size in [1, 3, 1_000] {
                let mut machine = json_machine(&plan);
                let mut out = Vec::new();
                let refused = body
                    .as_bytes()
                    .chunks(size)
                    .any(|piece| machine.push(piece, &mut out).is_err());
                assert!(refused || machine.finish(&mut out).is_err());
                let left = String::from_utf8(out).unwrap();
                assert!(
                    left.contains("first") && !left.contains("half"),
                    "pieces of {size}: {left}"
                );
            }
        }
    }
}

#[test]
fn p5_what_is_kept_leaves_as_it_comes() {
    // A value of 4 MiB, which no limit on held bytes would let be held.
    let limits = Limits {
        held_bytes: 1_000,
        ..Limits::default()
    };
    let text = "é𝄞x\\n".repeat(400_000);
    let body = format!(
        "{{\"a\":\"{text}\",\"b\":[{}]}}",
        vec!["1"; 100_000].join(",")
    );
    for fields in ["keep_all $", "keep $..*", "keep_all $; drop $.z"] {
        let mut machine = json_machine(&plan(&rules(fields), &limits));
        let mut out = Vec::new();
        let mut pushed = 0;
        for piece in body.as_bytes().chunks(997) {
            machine.push(piece, &mut out).unwrap();
            pushed += piece.len();
            // What waits is a cut sequence of UTF-8, or a number, name or comma.
            assert!(
                pushed - out.len() < 16,
                "{fields}: {} bytes wait",
                pushed - out.len()
            );
        }
        machine.finish(&mut out).unwrap();
        assert_eq!(out.len(), body.len(), "{fields}");
    }
}

#[test]
fn p5_a_record_is_held_no_further_than_the_limit() {
    let limits = Limits {
        held_bytes: 2_000,
        ..Limits::default()
    };
    let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(1_900));
    let exceeds = format!("{{\"a\":\"{}\"}}", "x".repeat(2_100));
    for release in ["", "; release_if @.a", "; subject @.a"] {
        let plan = plan(
            &rules(&format!("keep_all $; record $[*]{release}")),
            &limits,
        );
        // However many records there are, each leaves at its end.
        let mut machine = json_machine(&plan);
        let mut out = Vec::new();
        let mut pushed = 1;
        machine.push(b"[", &mut out).unwrap();
        for _ in 0..500 {
            machine.push(fits.as_bytes(), &mut out).unwrap();
            pushed += fits.len();
            assert!(pushed - out.len() < 16, "{} bytes wait", pushed - out.len());
            machine.push(b",", &mut out).unwrap();
            pushed += 1;
        }
        // One too large ends the body at the limit, and nothing of it leaves.
        let left = out.len();
        let mut refused = None;
        for (piece, at) in exceeds.as_bytes().chunks(10).zip((10_u64..).step_by(10)) {
            if let Err(error) = machine.push(piece, &mut out) {
                refused = Some((error.fault, error.offset - pushed as u64, at));
                break;
            }
        }
        let (fault, offset, at) = refused.expect("the record exceeds the limit");
        assert_eq!((fault, offset), (BodyFault::HeldTooLarge, 2_000));
        assert!(at <= 2_010, "refused only after {at} bytes");
        assert!(out.len() <= left + 1, "no more than the comma before it");
    }
}

#[test]
fn p5_a_transformed_value_is_held_no_further_than_the_limit() {
    let limits = Limits {
        held_bytes: 2_000,
        ..Limits::default()
    };
    let body = format!("{{\"b\":1,\"a\":\"{}\"}}", "x".repeat(100_000));
    for fields in ["mask $.a", "keep_all $; token:person $.a", "year $..a"] {
        let error =
            run(&plan(&rules(fields), &limits), body.as_bytes().chunks(100)).expect_err(fields);
        assert_eq!(
            (error.fault, error.offset),
            (BodyFault::HeldTooLarge, 11 + 2_000),
            "{fields}"
        );
    }
    // What nobody transforms may be as long as it likes.
    assert!(
        run(
            &plan(&rules("keep $.b"), &limits),
            body.as_bytes().chunks(100)
        )
        .is_ok()
    );
}

#[test]
fn p7_no_error_tells_a_value_or_a_name_that_the_plan_does_not_know() {
    let limits = Limits {
        held_bytes: 300,
        name_bytes: 60,
        object_members: 12,
        ..Limits::default()
    };
    let mut seen = std::collections::BTreeSet::new();
    for fields in [
        MARKED_RULES,
        "keep_all $",
        "keep $.people[*].name; year! $..dob",
        "keep $..*; record $.people[*]; subject @.id",
    ] {
        let plan = plan(&rules(fields), &limits);
        let mut bodies: Vec<Vec<u8>> = Vec::new();
        for at in 0..MARKED.len() {
            bodies.push(MARKED.as_bytes()[..at].to_vec());
            for put in [
                &b"\x01"[..],
                b"\xff",
                b"}",
                b"\"",
                b",",
                b"{",
                b"9",
                b"\\",
                b"\"CANARY-name\":1,",
            ] {
                bodies.push([&MARKED.as_bytes()[..at], put, &MARKED.as_bytes()[at..]].concat());
            }
        }
        bodies.push(format!("{{\"CANARY-{}\":1}}", "x".repeat(100)).into_bytes());
        for body in bodies {
            if let Err(error) = run(&plan, body.chunks(50)) {
                let told = format!("{error} {error:?} {}", error.path);
                assert!(!told.contains("CANARY"), "{told}");
                seen.insert(error.fault.code());
            }
        }
    }
    for code in [
        "not_utf8",
        "malformed",
        "bad_string",
        "bad_number",
        "trailing_bytes",
        "truncated",
        "duplicate_name",
        "mismatch",
    ] {
        assert!(
            seen.contains(code),
            "no body was refused as {code}: {seen:?}"
        );
    }
}

#[test]
fn p8_every_vector_path_gives_the_same_bytes_and_faults() {
    let mut broken = MARKED.to_owned();
    broken.insert(200, '\u{1}');
    let long = format!("[{}]", vec![MARKED; 50].join(","));
    for fields in [
        MARKED_RULES,
        "keep_all $",
        "keep $..*",
        "keep_all $; drop $..x",
    ] {
        let plan = plan(&rules(fields), &Limits::default());
        for body in [MARKED, &broken, &long] {
            let mut results = Vec::new();
            for level in Level::available() {
                for offset in [0, 1, 33, 63] {
                    let mut machine = JsonMachine::with_level(std::sync::Arc::clone(&plan), level);
                    let mut out = Vec::new();
                    let (head, tail) = body.as_bytes().split_at(offset);
                    let ended = machine
                        .push(head, &mut out)
                        .and_then(|()| machine.push(tail, &mut out))
                        .and_then(|()| machine.finish(&mut out).map(drop));
                    results.push((ended.clone(), ended.is_ok().then_some(out)));
                }
            }
            assert!(
                results.windows(2).all(|pair| pair[0] == pair[1]),
                "{fields}"
            );
        }
    }
}

#[test]
fn what_happened_is_counted() {
    let plan = plan(&rules(MARKED_RULES), &Limits::default());
    let tally = run_every_way(&plan, MARKED.as_bytes(), usize::MAX)
        .unwrap()
        .tally;
    assert_eq!(tally.bytes_in, MARKED.len() as u64);
    let counts = FieldOutcome::ALL.map(|outcome| (outcome.code(), tally.field(outcome)));
    let happened: Vec<_> = counts.iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(
        happened,
        [
            &("keep", 2),
            &("drop", 1),
            &("undeclared", 3),
            &("generalise", 1),
            &("pseudonymise", 2),
            &("mismatch", 2),
        ]
    );
    assert_eq!((tally.records_released, tally.records_withheld), (0, 1));
}
