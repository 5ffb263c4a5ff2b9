//! The promises that the machine makes by itself, each by its number.

use fieldgate::minimise::{FieldOutcome, Limits, machine};

use super::harness::{plan, run, run_every_way};

#[test]
fn p1_nothing_of_a_column_that_no_rule_names_leaves() {
    let sent = "CANARYname,kept,CANARYdate,\"CANARY,q\"\r\n\
                CANARY1,a,1941-CANARY,\"CANARY\"\"2\"\r\n\"CANARY\r\n3\",,CANARY4,\r\n";
    for fields in [
        "",
        "keep $[*].kept",
        "keep $..kept",
        "keep_all $; drop $[*]['CANARYname','CANARYdate','CANARY,q']",
        "keep_all $; drop $",
        "keep_all $[*].kept; record $[*]; release_if @.CANARYname",
        "keep $[*].kept; record $; subject $[*].CANARYname",
        "keep $[*].kept; record $[*]; release_if @.CANARYname == 'other'",
        "mask $[*].CANARYname; drop $[*].CANARYname",
        "mask $[*].kept; keep $[1].kept",
        "keep $[*]",
    ] {
        let plan = plan("", fields, &Limits::default());
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        assert!(!ran.text.contains("CANARY"), "{fields}: {}", ran.text);
        let tokens = format!("{:?}", ran.subjects);
        assert!(!tokens.contains("CANARY"), "{fields}");
    }
}

#[test]
fn p5_a_value_of_any_length_that_leaves_or_stays_passes_in_bounded_memory() {
    let limits = Limits {
        held_bytes: 64,
        ..Limits::default()
    };
    let piece = [b'x'; 4096];
    for (words, fields, leaves) in [
        ("", "keep $[*].a", true),
        ("guard", "keep $[*].a", true),
        ("", "keep_all $", true),
        ("", "keep $[*].b", false),
        ("", "mask $[*].b", false),
    ] {
        let plan = plan(words, fields, &limits);
        let mut machine = machine(&plan, "", jiff::civil::date(2026, 11, 22));
        let mut out = Vec::new();
        machine.push(b"a,b\n\"y", &mut out).unwrap();
        for _ in 0..256 {
            let before = out.len();
            machine.push(&piece, &mut out).unwrap();
            assert_eq!(
                out.len() - before,
                if leaves { piece.len() } else { 0 },
                "{fields}"
            );
        }
        machine.push(b"\",2\n", &mut out).unwrap();
        machine.finish(&mut out).unwrap();
    }
}

#[test]
fn p7_a_fault_tells_no_name_and_no_value_that_the_agreement_does_not_know() {
    for sent in [
        "SECRET,a\nSECRET,SECRET\"\n",
        "SECRET,a\nSECRET\"\n",
        "a,SECRET,SECRET\n",
        "SECRET,a\nSECRET,SECRET,SECRET\n",
        "SECRET,a\n\"SECRET",
    ] {
        for fields in ["keep $[*].a", "keep_all $", "", "keep $[*].*"] {
            let plan = plan("", fields, &Limits::default());
            let error = run(&plan, [sent.as_bytes()]).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("SECRET"), "{told}");
        }
    }
}

#[test]
fn values_are_counted_by_what_became_of_them() {
    use FieldOutcome as O;
    let sent = "a,b,c,d\n1,2,1941-01-01,4\n5,,soon,8\n";
    type Counts = &'static [(O, u64)];
    let rows: &[(&str, &str, Counts)] = &[
        (
            "",
            "keep $[*].a; drop $[*].b",
            &[(O::Keep, 2), (O::Drop, 2), (O::Undeclared, 4)],
        ),
        ("", "keep_all $", &[(O::KeepAll, 1)]),
        ("", "keep_all $[*]", &[(O::KeepAll, 2)]),
        (
            "",
            "keep_all $; drop $[*].a",
            &[(O::KeepAll, 6), (O::Drop, 2)],
        ),
        (
            "",
            "keep_all $; drop $[0]",
            &[(O::KeepAll, 1), (O::Drop, 1)],
        ),
        ("", "", &[(O::Undeclared, 1)]),
        ("", "keep $[*]", &[(O::Mismatch, 2)]),
        ("", "keep $[0].a", &[(O::Keep, 1), (O::Undeclared, 4)]),
        (
            "",
            "year $[*].c",
            &[(O::Generalise, 1), (O::Mismatch, 1), (O::Undeclared, 6)],
        ),
        (
            "",
            "mask $[*].b; year $[*].b",
            &[(O::Conflict, 2), (O::Undeclared, 6)],
        ),
        ("", "mask $[*].b", &[(O::Mask, 2), (O::Undeclared, 6)]),
    ];
    for (words, fields, counts) in rows {
        let plan = plan(words, fields, &Limits::default());
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        for outcome in O::ALL {
            let expected = counts.iter().find(|(of, _)| *of == outcome);
            let expected = expected.map_or(0, |(_, count)| *count);
            assert_eq!(
                ran.tally.field(outcome),
                expected,
                "{fields}: {}",
                outcome.code()
            );
        }
        assert_eq!(ran.tally.bytes_in, sent.len() as u64);
    }
}

#[test]
fn p8_tables_longer_than_a_window_leave_the_same_however_they_are_cut() {
    let mut sent = String::from("a,b,c\r\n");
    for row in 0..800 {
        sent.push_str(&match row % 4 {
            0 => format!("{row},plain,é\r\n"),
            1 => format!("{row},\"with, \"\"quotes\"\"\n\",𝄞\r\n"),
            2 => format!("{row},{},x\n", "long ".repeat(row % 300)),
            _ => format!("\"{row}\",,\r\n"),
        });
    }
    for fields in [
        "keep $[*].b",
        "keep_all $; drop $[*].b",
        "mask $[*].b; keep $[::2].a",
        "keep_all $; record $[*]; release_if @.b",
        "keep_all $; record $",
        "keep $[*].a; record $; release_if @[3].b == ''",
        "keep $[?@.c=='x'].b; keep $[::3].a",
        "keep_all $; drop $[?@.b=='plain']; record $[?@.c]; release_if @.a != '5'",
        "keep $[*].a; keep $[?search(@.b, 'long')].b; record $",
    ] {
        for words in ["", "guard"] {
            let plan = plan(words, fields, &Limits::default());
            let whole = run(&plan, [sent.as_bytes()]).unwrap();
            assert!(!whole.text.is_empty() && sent.len() > 64 << 10, "{fields}");
            for step in [7, 4095, 8191, 8192, 8193, 65_536] {
                let cut = run(&plan, sent.as_bytes().chunks(step)).unwrap();
                assert!(cut == whole, "{fields} in pieces of {step}");
            }
        }
    }
}
