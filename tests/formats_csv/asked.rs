//! Filters on rows: each row is held until its end and leaves by what its filters say.

use fieldgate::minimise::{BodyFault, FieldOutcome, Limits, machine};

use super::harness::{plan, run_every_way, run_to};

const PEOPLE: &str = "name,age,ward,consent\r\nAda,17,Ryde,yes\r\nBob,17,\"Ryde\",no\r\n\
                      \"Cyd, the\r\nthird\",18,Cowes,yes\r\nDot,,Ryde,yes";

#[test]
fn rows_leave_where_a_filter_holds_of_them() {
    let rows: &[(&str, &str, &str)] = &[
        (
            "keep $[?@.age=='17'].name",
            PEOPLE,
            "name\r\nAda\r\nBob\r\n",
        ),
        (
            "keep $[?@.ward=='Ryde' && @.consent=='yes']['name','age']",
            PEOPLE,
            "name,age\r\nAda,17\r\nDot,",
        ),
        (
            "keep_all $[?@.age!='17']",
            PEOPLE,
            "name,age,ward,consent\r\n\"Cyd, the\r\nthird\",18,Cowes,yes\r\nDot,,Ryde,yes",
        ),
        // An empty value is text without characters.
        (
            "keep $[?@.age=='' || @.age==17].name",
            PEOPLE,
            "name\r\nDot",
        ),
        ("keep $[?length(@.name) > 3].age", PEOPLE, "age\r\n18\r\n"),
        ("keep $[?match(@.ward, 'C.*')].age", PEOPLE, "age\r\n18\r\n"),
        ("keep $[?@.postcode].name", PEOPLE, "name\r\n"),
        (
            "keep $[?count(@.*) == 4 && @['age'] < '18'].name",
            PEOPLE,
            "name\r\nAda\r\nBob\r\nDot",
        ),
        ("keep $[?@[?@=='Cowes']].age", PEOPLE, "age\r\n18\r\n"),
        (
            "keep $[?age(@.born) >= 18].id",
            "id,born\n1,2008-11-22\n2,2008-11-23\n3,soon\n4,\n",
            "id\n1\n",
        ),
        ("keep $[?@.age=='17']", PEOPLE, ""),
        // What leaves of other rows, and of all.
        (
            "keep $[*].name; keep $[?@.consent=='yes'].ward",
            PEOPLE,
            "name,ward\r\nAda,Ryde\r\nBob,\r\n\"Cyd, the\r\nthird\",Cowes\r\nDot,Ryde",
        ),
        (
            "keep $[*].name; drop $[?@.consent!='yes']",
            PEOPLE,
            "name\r\nAda\r\n\"Cyd, the\r\nthird\"\r\nDot",
        ),
        (
            "keep_all $; drop $[?@.age=='17'].age; drop $[*].consent",
            PEOPLE,
            "name,age,ward\r\nAda,,Ryde\r\nBob,,\"Ryde\"\r\n\"Cyd, the\r\nthird\",18,Cowes\r\nDot,,Ryde",
        ),
        (
            "keep $[*].name; mask $[?@.age=='17'].name",
            PEOPLE,
            "name\r\n***\r\n***\r\n\"Cyd, the\r\nthird\"\r\nDot",
        ),
        (
            "keep $[0,?@.consent=='no'].name",
            "name,consent\na,yes\nb,no\nc,yes\n",
            "name\na\nb\n",
        ),
        (
            "keep $[?@.consent=='yes', ?@.name=='b'].name; drop $[:1].name",
            "name,consent\na,yes\nb,no\nc,yes\nd,no\n",
            "name\n\"\"\nb\nc\n",
        ),
    ];
    for (fields, sent, leaves) in rows {
        let plan = plan("", fields, &Limits::default());
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        assert_eq!(ran.text, *leaves, "{fields}");
    }
}

#[test]
fn rows_are_asked_as_text_whatever_their_dialect() {
    let rows: &[(&str, &str, &[u8], &str)] = &[
        (
            "pad",
            "keep $[?@.c==''].a",
            b"a,b,c\n1,2\n3,4,5\n6\n",
            "a\n1\n6\n",
        ),
        (
            "named:a+b semicolon",
            "keep $[?@.a=='x;\"y\"'].b",
            b"\"x;\"\"y\"\"\";1\nx;2\n",
            "1\n",
        ),
        (
            "named:a+b latin",
            "keep $[?@.a=='\u{e9}'].a",
            b"\xe9,1\ne,2\n",
            "\u{e9}\n",
        ),
        (
            "guard",
            "keep $[?@.a=='=1+1']['a','b']",
            b"a,b\n=1+1,x\n1,y\n",
            "a,b\n\"'=1+1\",x\n",
        ),
        (
            "",
            "keep $[?@['a\\\\b']=='c\\\\d'].*",
            b"a\\b\nc\\d\ne\n",
            "a\\b\nc\\d\n",
        ),
    ];
    for (words, fields, sent, leaves) in rows {
        let plan = plan(words, fields, &Limits::default());
        let ran = run_every_way(&plan, sent, usize::MAX).unwrap();
        assert_eq!(ran.text, *leaves, "{fields}");
    }
}

#[test]
fn filters_say_which_rows_are_records_and_which_of_them_leave() {
    let sent = "id,consent,note\n1,yes,a\n2,no,b\n3,yes,\n4,no,d\n";
    let rows: &[(&str, &str, (u64, u64, usize))] = &[
        (
            "keep $[*].note; record $[?@.consent=='yes']; subject $[?@.consent=='yes'].id",
            "note\na\nb\n\"\"\nd\n",
            (2, 0, 2),
        ),
        // A row that is no record is not held back by the condition of records.
        (
            "keep $[*].note; record $[?@.consent=='yes']; release_if @.note",
            "note\na\nb\n\"\"\nd\n",
            (2, 0, 0),
        ),
        (
            "keep $[*].note; record $[?@.consent=='yes']; release_if @.id == '3'",
            "note\nb\n\"\"\nd\n",
            (1, 1, 0),
        ),
        // A row of which nothing can leave is no record.
        (
            "keep $[?@.consent=='no'].note; record $[*]; subject $.id; release_if @.id != '4'",
            "note\nb\n",
            (1, 1, 1),
        ),
        (
            "keep $[?@.consent=='no'].note; record $[*]; subject $.id",
            "note\nb\nd\n",
            (2, 0, 2),
        ),
        (
            "keep $[?@.consent=='no'].note; record $; subject $[?@.consent=='yes'].id",
            "note\nb\nd\n",
            (1, 0, 2),
        ),
        (
            "keep $[?@.consent=='no'].note; record $; release_if @[3].id == '4'",
            "note\nb\nd\n",
            (1, 0, 0),
        ),
        (
            "keep $[?@.consent=='no'].note; record $; release_if @[0].id == '4'",
            "",
            (0, 1, 0),
        ),
    ];
    for (fields, leaves, (released, withheld, subjects)) in rows {
        let plan = plan("", fields, &Limits::default());
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        assert_eq!(ran.text, *leaves, "{fields}");
        let tally = &ran.tally;
        assert_eq!(
            (
                tally.records_released,
                tally.records_withheld,
                ran.subjects.len()
            ),
            (*released, *withheld, *subjects),
            "{fields}"
        );
    }
}

#[test]
fn rows_are_counted_by_what_their_filters_say() {
    use FieldOutcome as O;
    let sent = "a,b\nx,1\ny,2\nx,3\n";
    type Counts = &'static [(O, u64)];
    let rows: &[(&str, Counts)] = &[
        ("keep $[?@.a=='x'].b", &[(O::Keep, 2), (O::Undeclared, 3)]),
        (
            "keep_all $; drop $[?@.a=='x']",
            &[(O::KeepAll, 1), (O::Drop, 2)],
        ),
        (
            "mask $[?@.a=='x'].b; keep $[?@.b=='2'].b",
            &[(O::Mask, 2), (O::Keep, 1), (O::Undeclared, 3)],
        ),
    ];
    for (fields, counts) in rows {
        let plan = plan("", fields, &Limits::default());
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        for outcome in O::ALL {
            let expected = counts.iter().find(|(of, _)| *of == outcome);
            assert_eq!(
                ran.tally.field(outcome),
                expected.map_or(0, |(_, count)| *count),
                "{fields}: {}",
                outcome.code()
            );
        }
    }
}

#[test]
fn p1_nothing_of_a_row_of_which_no_filter_holds_leaves() {
    let sent = "a,b,c\nx,1,2\nCANARY,CANARY,\"CANARY\r\n\"\nx,\"\"\"3\",CANARY\ny,CANARY,4";
    for fields in [
        "keep $[?@.a=='x']['a','b']",
        "keep_all $; drop $[*].c; drop $[?@.a!='x']",
        "keep $[?@.a=='x'].b; record $; release_if @[?@.a=='CANARY']",
        "keep $[?@.a=='x'].b; record $[*]; subject $.a",
        "keep $[*].b; record $[?@.a!='x']; release_if @.none",
    ] {
        let plan = plan("", fields, &Limits::default());
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        assert!(ran.text.contains("\"\"\"3\""), "{fields}: {}", ran.text);
        assert!(!ran.text.contains("CANARY"), "{fields}: {}", ran.text);
    }
}

#[test]
fn p4_nothing_of_a_row_that_is_asked_leaves_after_a_fault_in_it() {
    let before = "id,note\n1,a\n";
    for (fields, rest, fault, told) in [
        (
            "keep_all $[?@.id]",
            "2,secret\"",
            BodyFault::Malformed,
            "$[1].*",
        ),
        (
            "keep $[?@.id].note",
            "2,secret\"",
            BodyFault::Malformed,
            "$[1].note",
        ),
        (
            "keep $[?@.id]['id','note']",
            "secret\n",
            BodyFault::Ragged,
            "$[1]",
        ),
        (
            "keep $[?@.id].id; year! $[?@.id!='1'].note",
            "secret,x\n3,y\n",
            BodyFault::Mismatch,
            "$[1].note",
        ),
        (
            "keep $[*].id; mask! $[?@.id!='1']",
            "secret,x\n3,y\n",
            BodyFault::Mismatch,
            "$[1]",
        ),
        (
            "keep $[?@.id].id; year! $[?@.id!='1'].note; record $; release_if @[0].id",
            "secret,x\n3,y\n",
            BodyFault::Mismatch,
            "$[1].note",
        ),
    ] {
        let plan = plan("", fields, &Limits::default());
        let sent = format!("{before}{rest}");
        let error = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap_err();
        assert_eq!(
            (error.fault, error.path.as_str()),
            (fault, told),
            "{fields}"
        );
        for cut in 0..=sent.len() {
            let (head, tail) = sent.as_bytes().split_at(cut);
            let (out, _) = run_to(&plan, [head, tail]);
            let left = String::from_utf8_lossy(&out);
            assert!(!left.contains("secret"), "{fields}, cut at {cut}: {left}");
        }
    }
}

#[test]
fn p5_a_row_that_is_asked_is_held_until_its_end_and_no_longer_than_the_limit() {
    let limits = Limits {
        held_bytes: 12,
        ..Limits::default()
    };
    for (fields, sent, offset, told) in [
        ("keep $[?@.a=='1'].b", "1,2\n012345,67890\n", 16, "$[1]"),
        // The limit comes before what the row would have been refused for.
        ("year! $[?@.a].b", "0123456789,soon\n", 12, "$[0]"),
        ("keep $[?@.a].b; record $", "1,2\n3,4\n5,6\n7,8\n", 12, "$"),
        (
            "year! $[?@.a!='1'].b; record $",
            "1,\n1,\n3,4567890\n",
            12,
            "$",
        ),
    ] {
        let plan = plan("named:a+b", fields, &limits);
        let error = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap_err();
        assert_eq!(
            (error.fault, error.offset, error.path.as_str()),
            (BodyFault::HeldTooLarge, offset, told),
            "{fields}"
        );
    }
    let plan = plan("named:a+b", "keep $[?@.b=='x'].a", &limits);
    let mut machine = machine(&plan, "", jiff::civil::date(2026, 11, 22));
    let mut out = Vec::new();
    machine.push(b"123,", &mut out).unwrap();
    assert!(out.is_empty());
    machine.push(b"x\n4", &mut out).unwrap();
    assert_eq!(out, b"123\n");
}
