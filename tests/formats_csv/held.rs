//! Rows and bodies as records: released or withheld whole, with their subjects.

use fieldgate::minimise::{BodyFault, Limits, machine};

use super::harness::{plan, run, run_every_way, run_to};

#[test]
fn rows_that_are_records_leave_or_stay_whole() {
    let sent = "id,consent,note\r\n1,yes,\"a,b\"\r\n2,no,c\r\n3,yes,\r\n,yes,d";
    let rows: &[(&str, &str, (u64, u64, u64))] = &[
        (
            "keep $[*].note; record $[*]",
            "note\r\n\"a,b\"\r\nc\r\n\"\"\r\nd",
            (4, 0, 4),
        ),
        (
            "keep $[*].note; record $[*]; release_if @.consent == 'yes'",
            "note\r\n\"a,b\"\r\n\"\"\r\nd",
            (3, 1, 3),
        ),
        (
            "keep_all $; drop $[*].consent; record $[*]; release_if @.consent == 'yes'; subject $.id",
            "id,note\r\n1,\"a,b\"\r\n3,\r\n,d",
            (3, 1, 1),
        ),
        // An empty value is text without characters.
        (
            "keep $[*].id; record $[*]; release_if @.id == ''",
            "id\r\n\"\"",
            (1, 3, 1),
        ),
        (
            "keep $[*].id; record $[*]; release_if @.id == null",
            "id\r\n",
            (0, 4, 0),
        ),
        (
            "keep $[*].id; record $[*]; release_if length(@.note) > 1",
            "id\r\n1\r\n",
            (1, 3, 1),
        ),
        (
            "keep $[*].id; record $[1:3]; release_if @.id == '2'",
            "id\r\n1\r\n2\r\n\"\"",
            (1, 1, 1),
        ),
        ("keep_all $; record $", sent, (1, 0, 1)),
        ("keep_all $; record $; subject $[*].id", sent, (1, 0, 0)),
        (
            "keep_all $; record $; release_if @[1].id == '2'",
            sent,
            (1, 0, 1),
        ),
        (
            "keep_all $; record $; release_if @[1].id == '3'",
            "",
            (0, 1, 0),
        ),
        (
            "keep $[1].id; keep $[::2].note; record $; release_if @[*].id",
            "id,note\r\n,\"a,b\"\r\n2,\r\n,\r\n",
            (1, 0, 1),
        ),
    ];
    for (fields, leaves, counts) in rows {
        // Without a subject selector none is missing.
        let counts = (
            counts.0,
            counts.1,
            if fields.contains("subject") {
                counts.2
            } else {
                0
            },
        );
        let plan = plan("", fields, &Limits::default());
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        assert_eq!(ran.text, *leaves, "{fields}");
        let tally = &ran.tally;
        assert_eq!(
            (
                tally.records_released,
                tally.records_withheld,
                tally.subjects_missing
            ),
            counts,
            "{fields}"
        );
    }
}

#[test]
fn a_row_that_is_withheld_leaves_no_count_no_subject_and_no_fault() {
    let fields = "year! $[*].dob; record $[*]; subject $.id; release_if @.consent == 'yes'";
    let plan = plan("", fields, &Limits::default());
    let sent = "id,consent,dob\n7,no,soon\n8,yes,1941-01-01\n";
    let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
    assert_eq!(ran.text, "dob\n1941\n");
    assert_eq!(ran.subjects.len(), 1);
    let only = "id,consent,dob\n8,yes,1941-01-01\n";
    let only = run(&plan, [only.as_bytes()]).unwrap();
    assert_eq!(
        (ran.subjects, ran.tally.fields),
        (only.subjects, only.tally.fields)
    );
    let error = run_every_way(&plan, b"id,consent,dob\n7,yes,soon\n", usize::MAX).unwrap_err();
    assert_eq!(
        (error.fault, error.offset, error.path.as_str()),
        (BodyFault::Mismatch, 21, "$[0].dob")
    );
}

#[test]
fn subjects_are_named_where_their_column_or_row_stays() {
    for fields in [
        "keep $[*].note; record $[*]; subject $.nhs",
        "keep_all $; drop $[*].nhs; record $[*]; subject $.nhs",
        "pseudo; record $[*]; subject $.nhs",
    ] {
        let fields = fields.replace("pseudo", "token:person $[*].nhs");
        let plan = plan("", &fields, &Limits::default());
        let sent = "nhs,note\n401 023 2137,a\n\"4010232137\",b\n,c\n";
        let ran = run_every_way(&plan, sent.as_bytes(), usize::MAX).unwrap();
        assert_eq!(ran.subjects.len(), 2, "{fields}");
        assert_eq!(
            ran.subjects[0], ran.subjects[1],
            "one person, however spelt"
        );
        assert_eq!(ran.tally.subjects_missing, 1);
    }
}

#[test]
fn p4_nothing_that_is_held_leaves_after_a_fault() {
    let before = "id,note\n1,a\n";
    for (fields, safe) in [
        ("keep_all $; record $[*]", before),
        ("keep_all $; record $[*]; release_if @.id", before),
        ("keep_all $; record $", ""),
        ("keep_all $; record $; release_if @[*].id", ""),
    ] {
        let plan = plan("", fields, &Limits::default());
        let sent = format!("{before}2,secret\"");
        for cut in 0..=sent.len() {
            let (head, tail) = sent.as_bytes().split_at(cut);
            let (out, ran) = run_to(&plan, [head, tail]);
            assert_eq!(ran.unwrap_err().fault, BodyFault::Malformed);
            assert!(safe.as_bytes().starts_with(&out), "{fields}, cut at {cut}");
        }
    }
}

#[test]
fn p5_a_row_leaves_only_once_it_is_read_where_it_is_a_record_and_at_once_where_not() {
    let limits = Limits::default();
    for (fields, left) in [
        ("keep $[*].id", "id\n123"),
        ("keep $[*].id; record $[*]", "id\n"),
        ("keep $[*].id; record $", ""),
    ] {
        let plan = plan("", fields, &limits);
        let mut machine = machine(&plan, "", jiff::civil::date(2026, 11, 22));
        let mut out = Vec::new();
        machine.push(b"id,note\n123", &mut out).unwrap();
        assert_eq!(String::from_utf8_lossy(&out), left, "{fields}");
    }
}

#[test]
fn each_row_is_decided_by_what_stands_in_it_however_many_rows_said_something_else() {
    let plan = plan(
        "",
        "keep $[*].id; record $[*]; release_if @.age < '50'",
        &Limits::default(),
    );
    let (mut sent, mut leaves) = ("id,age\n".to_owned(), "id\n".to_owned());
    for id in 0..600 {
        let age = 10 + id * 37 % 90;
        sent.push_str(&format!("{id},{age}\n"));
        if age < 50 {
            leaves.push_str(&format!("{id}\n"));
        }
    }
    let ran = run(&plan, sent.as_bytes().chunks(1_009)).unwrap();
    assert_eq!(ran.text, leaves);
}
