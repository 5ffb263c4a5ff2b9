//! Where a body is cut changes no byte and no error (P8).

use fieldgate::minimise::{BodyFault, Limits};

use super::support::{plan, rules, run, run_every_way};

/// A document with all that a cut can hit: escapes, long and short sequences of UTF-8, numbers, nesting.
const DOCUMENT: &str = r#" {"na\u006de":"\ud834\udd1e é 𝄞 \"\\","n":[-1.5e+3,0,true,false,null,"",[[],{}]],"p":{"dob":"1941-03-07",
    "id":"401 023 2137","\u00e9":{"x":1,"y":[1,2,{"z":"deep"}]}},"records":[{"ok":true,"a":"r1"},{"ok":false,"a":"r2"},{"a":"r3"}]} "#;

const RULES: &[&str] = &[
    "keep_all $",
    "",
    "keep $..*",
    "keep $.name; keep $.n[*]; year $.p.dob; token:person $.p.id",
    "keep_all $; drop $.p; drop $..a; mask $.name",
    "keep_all $; mask-last-2 $..*",
    "keep_all $.p; drop $.p['é'].y[2]; keep $.records[1:].a; prune",
    "keep_all $; record $.records[*]; subject @.a; release_if @.ok == true",
    "keep $..a; record $; subject @.p.id; release_if @.p.id",
    "keep $..a; record $; release_if !@.p.id",
];

#[test]
fn p8_every_cut_in_two_and_in_three_gives_the_same_bytes() {
    let body = DOCUMENT.as_bytes();
    for fields in RULES {
        let plan = plan(&rules(fields), &Limits::default());
        let whole = run_every_way(&plan, body, usize::MAX);
        assert!(whole.is_ok(), "{fields}");
        for first in (0..body.len()).step_by(7) {
            for second in (first..body.len()).step_by(11) {
                let pieces = [&body[..first], &body[first..second], &body[second..]];
                assert_eq!(
                    run(&plan, pieces),
                    whole,
                    "{fields}: cuts at {first} and {second}"
                );
            }
        }
    }
}

#[test]
fn p8_every_fault_is_the_same_at_every_cut() {
    let body = DOCUMENT.as_bytes();
    for fields in RULES {
        let plan = plan(&rules(fields), &Limits::default());
        for at in (0..body.len()).step_by(3) {
            // The body ends here, and with a byte that fits nowhere.
            let mut broken = body[..at].to_vec();
            assert!(run_every_way(&plan, &broken, 0).is_err());
            broken.push(0xff);
            broken.extend_from_slice(&body[at..]);
            let whole = run(&plan, [broken.as_slice()]);
            assert_eq!(
                whole.as_ref().map_err(|error| error.fault),
                Err(BodyFault::NotUtf8),
                "{fields}: at {at}"
            );
            for cut in at.saturating_sub(3)..=(at + 3).min(broken.len()) {
                let (head, tail) = broken.split_at(cut);
                assert_eq!(
                    run(&plan, [head, tail]),
                    whole,
                    "{fields}: broken at {at}, cut at {cut}"
                );
            }
        }
    }
}

#[test]
fn p8_limits_are_reached_at_the_same_byte_at_every_cut() {
    let limits = |change: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let rows: &[(&str, Limits, &str, BodyFault, u64)] = &[
        (
            "keep_all $",
            limits(&|l| l.depth = 3),
            "[[[[1]]]]",
            BodyFault::TooDeep,
            3,
        ),
        (
            "",
            limits(&|l| l.depth = 3),
            "[[[{}]]]",
            BodyFault::TooDeep,
            3,
        ),
        (
            "keep_all $",
            limits(&|l| l.body_bytes = 5),
            "[1,2,3]",
            BodyFault::BodyTooLarge,
            5,
        ),
        (
            "keep_all $",
            limits(&|l| l.object_members = 2),
            r#"{"a":1,"b":2,"c":3}"#,
            BodyFault::TooManyMembers,
            13,
        ),
        (
            "keep_all $",
            limits(&|l| l.name_bytes = 3),
            r#"{"abcd":1}"#,
            BodyFault::NameTooLong,
            5,
        ),
        (
            "mask $.a",
            limits(&|l| l.held_bytes = 6),
            r#"{"a":"xxxxxxxx"}"#,
            BodyFault::HeldTooLarge,
            11,
        ),
        (
            "keep_all $; record $[*]",
            limits(&|l| l.held_bytes = 6),
            r#"[[1],[1,2,3,4]]"#,
            BodyFault::HeldTooLarge,
            11,
        ),
        (
            "keep_all $; record $[*]; release_if @",
            limits(&|l| l.held_bytes = 6),
            r#"[[1],[1,2,3,4]]"#,
            BodyFault::HeldTooLarge,
            11,
        ),
    ];
    for (fields, limits, sent, fault, offset) in rows {
        let plan = plan(&rules(fields), limits);
        let error = run_every_way(&plan, sent.as_bytes(), usize::MAX).expect_err(fields);
        assert_eq!(
            (error.fault, error.offset),
            (*fault, *offset),
            "{fields} on {sent}"
        );
    }
    // One byte below each limit passes.
    let rows: &[(&str, Limits, &str)] = &[
        ("keep_all $", limits(&|l| l.depth = 3), "[[[1]]]"),
        ("keep_all $", limits(&|l| l.body_bytes = 7), "[1,2,3]"),
        (
            "keep_all $",
            limits(&|l| l.object_members = 2),
            r#"{"a":1,"b":2}"#,
        ),
        ("keep_all $", limits(&|l| l.name_bytes = 3), r#"{"abc":1}"#),
        ("mask $.a", limits(&|l| l.held_bytes = 6), r#"{"a":"xxxx"}"#),
        (
            "keep_all $; record $[*]",
            limits(&|l| l.held_bytes = 5),
            "[[1,2],[3,4]]",
        ),
        (
            "keep_all $; record $[*]; release_if @",
            limits(&|l| l.held_bytes = 5),
            "[[1,2],[3,4]]",
        ),
    ];
    for (fields, limits, sent) in rows {
        let plan = plan(&rules(fields), limits);
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX);
        assert!(ran.is_ok(), "{fields} on {sent}: {ran:?}");
    }
}

#[test]
fn p8_pieces_of_every_size_of_a_long_body_give_the_same_bytes() {
    let record = DOCUMENT.trim();
    let body = format!("[{}]", vec![record; 400].join(" ,\n"));
    for fields in [
        "keep_all $; drop $..a",
        "keep $[*].name; token:person $[*].p.id",
        "keep_all $; record $[*]; subject @.p.id; release_if @.p",
    ] {
        let plan = plan(&rules(fields), &Limits::default());
        let whole = run(&plan, [body.as_bytes()]).unwrap();
        for size in [
            1, 2, 3, 5, 7, 31, 63, 64, 65, 127, 1_000, 4_096, 16_383, 65_537,
        ] {
            assert_eq!(
                run(&plan, body.as_bytes().chunks(size)).as_ref(),
                Ok(&whole),
                "{fields}: pieces of {size}"
            );
        }
    }
}

#[test]
fn p4_a_body_that_ends_inside_a_character_is_refused() {
    for fields in ["keep_all $", ""] {
        let plan = plan(&rules(fields), &Limits::default());
        for whole in ["", "{}", "[1]", "\"a\"", "7", "{\"a\":\""] {
            for half in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9d\x84"] {
                let body = [whole.as_bytes(), half].concat();
                let error = run_every_way(&plan, &body, usize::MAX).expect_err(whole);
                assert_eq!(
                    (error.fault, error.offset),
                    (BodyFault::NotUtf8, whole.len() as u64),
                    "{fields}: {whole}"
                );
            }
        }
    }
}
