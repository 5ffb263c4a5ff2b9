//! Records like ones before are crossed before their grammar is looked at: what leaves, what is counted and what is refused
//! is the same as where the body comes byte by byte, so that no record is ever there to be crossed (P8).

use std::sync::Arc;

use fieldgate::minimise::json::JsonMachine;
use fieldgate::minimise::{BodyError, BodyFault, Level, Limits, Machine, Tally, json_machine};
use fieldgate::plan::{BodyRules, Format, Plan};

use super::support::{assert_agree, plan, rules, run};

/// Rules that let records leave as structure, as a whole, in part, and not at all.
const RULES: [&str; 14] = [
    "keep_all $",
    "keep_all $; drop $[*].p.n; drop $[*].notes; drop $[*].h[*].n",
    "keep $[*].p.d; keep $[*].h[*].r; keep $[*].t[*]",
    "keep $[*].x; keep $[*].t[*]; keep_all $[*].o",
    "keep_all $[*].p; keep_all $[*].h; keep $[*].o.q",
    "keep_all $[*]; drop $[*].h[*]; drop $[*].t",
    "keep_all $; drop $..n",
    "keep $[*]['a name that is longer than thirty-two bytes']; keep $[*].p.*",
    "drop $[*]; keep_all $",
    "mask $[*].p.n; keep $[*].p.d; keep $[*].x",
    "token:person $[*].p.n; keep $[*].h[*].n; year $[*].p.d",
    "keep $[?@.x > 1].p.n; keep $[*].t[0]; keep $[*].h[-1].n",
    "keep $[2:9].p.d; keep $[3].x; drop $[5].p",
    "keep $[*].t[0]; keep $[*].h[1].n; drop $[*].o.q[0]",
];

/// A record with all that a way is made of: objects and arrays in each other, empty ones, numbers, literals, long names.
const RECORD: &str = r#"{"p":{"n":"Ada \"A\"","d":"1941-03-07"},"x":-1.5e3,"h":[{"n":"é","r":null},{"n":"","r":"child"}],"t":[1,"u",true],"o":{"q":[[],[{}]],"z":{}},"a name that is longer than thirty-two bytes":0.25,"notes":"\u00e9\n"}"#;

/// The same with other texts, numbers, and lengths of arrays; with something else in places; with white space.
const OTHERS: [&str; 9] = [
    r#"{"p":{"n":"B","d":"2001-12-31"},"x":7,"h":[],"t":[],"o":{"q":[],"z":{}},"a name that is longer than thirty-two bytes":100,"notes":""}"#,
    r#"{"p":{"n":null,"d":"1941-03-07"},"x":null,"h":[{"n":"C","r":"child"}],"t":["u"],"o":{"q":[[]],"z":{}},"a name that is longer than thirty-two bytes":null,"notes":null}"#,
    r#"{"p":null,"x":1,"h":null,"t":null,"o":null,"a name that is longer than thirty-two bytes":1,"notes":"n"}"#,
    r#"{"x":1,"p":{"d":"1941-03-07","n":"D"},"h":[{"r":1,"n":2}],"t":[{}],"o":[],"notes":"n"}"#,
    r#"{"p":{"n":{"n":1},"d":[1]},"x":[2],"h":{"n":3},"t":{"u":1},"o":1,"notes":{}}"#,
    r#"{ "p" : { "n" : "E" , "d" : "1" } , "x" : 2 , "h" : [ { "n" : "F" , "r" : 3 } ] , "t" : [ 1 , 2 ] , "o" : { "q" : [ ] , "z" : { } } }"#,
    r#"{}"#,
    r#"[1,{"x":2}]"#,
    r#""alone""#,
];

/// A body whose first record comes alone, so that those behind it may be crossed; and that they may be cut anywhere.
fn body(records: &[&str]) -> (String, usize) {
    let head = format!("[{}", records[0]);
    let first = head.len();
    (format!("{head},{}]", records[1..].join(",")), first)
}

type Ran = Result<(String, Tally), BodyError>;

fn run_on(plan: &Arc<Plan>, level: Level, pieces: &[&[u8]]) -> Ran {
    let mut machine = JsonMachine::with_level(Arc::clone(plan), level);
    let mut out = Vec::new();
    for piece in pieces {
        machine.push(piece, &mut out)?;
    }
    let tally = machine.finish(&mut out)?;
    Ok((String::from_utf8(out).unwrap(), tally))
}

#[test]
fn p8_a_record_that_differs_in_one_byte_leaves_as_it_does_byte_by_byte() {
    let plans = RULES.map(|fields| (fields, plan(&rules(fields), &Limits::default())));
    let bytes = b"\"}[:,0\xc3";
    let mut turn = 0;
    for at in 0..RECORD.len() {
        let (head, tail) = RECORD.as_bytes().split_at(at);
        let mut changed: Vec<Vec<u8>> = bytes
            .iter()
            .map(|byte| [head, &[*byte], &tail[1..]].concat())
            .collect();
        changed.push([head, &tail[1..]].concat());
        for record in changed {
            turn += 1;
            // Each change under one set of rules, and all of them at each place.
            let (fields, plan) = &plans[(turn + turn / plans.len()) % plans.len()];
            let first = format!("[{RECORD}");
            let known = format!(",{RECORD},{RECORD},");
            let behind = format!(",{RECORD}]");
            let rest = [known.as_bytes(), &record, behind.as_bytes()].concat();
            let found = run(plan, [first.as_bytes(), &rest]);
            let whole = [first.as_bytes(), &rest].concat();
            let plain = run(plan, whole.chunks(1));
            let context = || format!("{fields}: {}", String::from_utf8_lossy(&record));
            assert_eq!(found, plain, "{}", context());
            if turn % 16 == 0 {
                assert_agree(&rules(fields), &Limits::default(), &whole, &found, &context);
            }
        }
    }
}

#[test]
fn p8_records_of_every_kind_leave_the_same_at_every_cut_on_every_level() {
    let mut records = vec![RECORD, RECORD];
    for other in OTHERS {
        records.extend([other, RECORD, other, other, RECORD]);
    }
    let (body, first) = body(&records);
    for fields in RULES {
        let rules = rules(fields);
        let plan = plan(&rules, &Limits::default());
        let plain = run(&plan, body.as_bytes().chunks(1));
        assert_agree(&rules, &Limits::default(), body.as_bytes(), &plain, &|| {
            fields.to_owned()
        });
        let plain = plain.map(|ran| (ran.text, ran.tally));
        for level in Level::available() {
            let head = &body.as_bytes()[..first];
            for cut in (first..body.len()).step_by(61) {
                let (middle, tail) = body.as_bytes()[first..].split_at(cut - first);
                assert_eq!(
                    run_on(&plan, level, &[head, middle, tail]),
                    plain,
                    "{fields}: {level:?} cut at {cut}"
                );
            }
        }
    }
}

#[test]
fn p8_a_body_of_many_windows_leaves_as_it_does_byte_by_byte() {
    // Drawn from a fixed seed: mostly alike, with others between, so that windows are cut in all of them.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |below: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % below
    };
    let mut records = Vec::new();
    for _ in 0..400 {
        records.push(match draw(12) {
            0 => OTHERS[draw(OTHERS.len())],
            1 => OTHERS[draw(3)],
            _ => RECORD,
        });
    }
    let (body, _) = body(&records);
    for fields in RULES {
        let plan = plan(&rules(fields), &Limits::default());
        let plain = run(&plan, body.as_bytes().chunks(1)).map(|ran| (ran.text, ran.tally));
        for level in Level::available() {
            assert_eq!(run_on(&plan, level, &[body.as_bytes()]), plain, "{fields}");
            let pieces: Vec<&[u8]> = body.as_bytes().chunks(5_003).collect();
            assert_eq!(run_on(&plan, level, &pieces), plain, "{fields}: pieces");
        }
        // A machine that goes on with another body knows the ways of the one before: of its first record, too.
        let mut machine = json_machine(&plan);
        for cut in [0, 1, 1] {
            let (head, tail) = body.as_bytes().split_at(cut);
            let mut out = Vec::new();
            machine.push(head, &mut out).unwrap();
            machine.push(tail, &mut out).unwrap();
            let tally = machine.finish(&mut out).unwrap();
            assert_eq!(
                Ok((String::from_utf8(out).unwrap(), tally)),
                plain,
                "{fields}: again"
            );
            assert!(machine.rest(), "it has ended well");
        }
    }
}

#[test]
fn p8_lines_of_records_that_are_alike_are_each_under_their_own_rules() {
    let record = r#"{"x":1.5,"p":{"n":"","d":null}}"#;
    let arrays = format!("[{}]\n", [record; 4].join(",")).repeat(5);
    let records = format!("{record}\n").repeat(12);
    for (body, fields) in [
        (&arrays, "keep $[*][*].x"),
        (&arrays, "keep $[0][*].x; keep $[1:3][*].p"),
        (&arrays, "keep_all $; drop $[2]; drop $[3][*].x"),
        (&arrays, "keep $[*][1:3].x"),
        (&records, "keep $[*].x"),
        (&records, "keep $[4].x; keep $[6:9].p"),
        (&records, "keep_all $; drop $[5]; drop $[7].x"),
    ] {
        let rules = BodyRules {
            format: Format::Ndjson,
            ..rules(fields)
        };
        let plan = plan(&rules, &Limits::default());
        let ran = |pieces: &[&[u8]]| {
            let today = jiff::civil::date(2026, 4, 1);
            let mut machine = fieldgate::minimise::machine(&plan, "", today);
            let mut out = Vec::new();
            for piece in pieces {
                machine.push(piece, &mut out).unwrap();
            }
            let tally = machine.finish(&mut out).unwrap();
            (String::from_utf8(out).unwrap(), tally)
        };
        let plain = ran(&body.as_bytes().chunks(1).collect::<Vec<_>>());
        for cut in 0..body.len() {
            let (head, tail) = body.as_bytes().split_at(cut);
            assert_eq!(ran(&[head, tail]), plain, "{fields}: cut at {cut}");
        }
    }
}

#[test]
fn p4_between_records_that_are_alike_stands_a_comma_and_nothing_else() {
    for fields in ["keep_all $", "keep $[*].x", "keep_all $; drop $[*].p.n"] {
        let plan = plan(&rules(fields), &Limits::default());
        for between in [
            "", "]", "}", ":", "[", "{", "\"", "0", ",,", ",]", "],", ",0", "0,", ", ,", "\u{e9}",
        ] {
            let first = format!("[{RECORD},{RECORD}");
            let rest = format!(",{RECORD}{between}{RECORD},{RECORD}]");
            let found = run(&plan, [first.as_bytes(), rest.as_bytes()]);
            let whole = [first, rest].concat();
            let plain = run(&plan, whole.as_bytes().chunks(1));
            assert_eq!(found, plain, "{fields}: {between}");
            assert!(found.is_err(), "{fields}: {between}");
        }
    }
}

#[test]
fn p8_single_values_between_records_may_be_cut_anywhere() {
    let record = r#"{"x":1.5,"p":{"n":""}}"#;
    let body = [
        "[",
        record,
        ",",
        record,
        r#","a\"b,{",-123,"#,
        record,
        r#","c",true,"#,
        record,
        ",",
        record,
        r#",4,"d",{"x":null}]"#,
    ]
    .concat();
    let body = body.as_bytes();
    for fields in [
        "keep_all $",
        "keep $[*].x",
        "keep $[*]",
        "keep_all $; drop $[*].p.n",
    ] {
        let plan = plan(&rules(fields), &Limits::default());
        let plain = run(&plan, body.chunks(1));
        assert!(plain.is_ok(), "{fields}");
        for one in 0..body.len() {
            for two in (one..body.len()).step_by(3) {
                let pieces = [&body[..one], &body[one..two], &body[two..]];
                assert_eq!(
                    run(&plan, pieces),
                    plain,
                    "{fields}: cut at {one} and {two}"
                );
            }
        }
    }
}

#[test]
fn p4_limits_are_reached_among_records_that_are_alike_as_they_are_byte_by_byte() {
    let (body, first) = body(&[RECORD; 12]);
    for length in [0, 1, 300, 301, 700, 1_000, 2_000] {
        let limits = Limits {
            held_bytes: length,
            ..Limits::default()
        };
        let plan = plan(&rules("keep_all $; record $; drop $[*].p.n"), &limits);
        let (head, tail) = body.as_bytes().split_at(first);
        let found = run(&plan, [head, tail]);
        assert_eq!(found, run(&plan, body.as_bytes().chunks(1)), "{length}");
        assert_eq!(found.unwrap_err().fault, BodyFault::HeldTooLarge);
        let limits = Limits {
            body_bytes: (first + length) as u64,
            ..Limits::default()
        };
        let plan = super::support::plan(&rules("keep_all $; drop $[*].p.n"), &limits);
        assert_eq!(
            run(&plan, [head, tail]),
            run(&plan, body.as_bytes().chunks(1)),
            "{length}"
        );
    }
}
