//! What is refused, where, and what is said of the place: the table of `docs/FORMATS.md`, row for row.

use fieldgate::minimise::{BodyFault as F, Limits};
use fieldgate::plan::Plan;

use super::harness::{plan, rules, run_every_way};
use super::support;

/// Dialect, fields, what was sent, the fault, its offset, its path.
type Row<'a> = (&'a str, &'a str, &'a [u8], F, u64, &'a str);

#[track_caller]
fn check(limits: &Limits, rows: &[Row<'_>]) {
    for (words, fields, sent, fault, offset, path) in rows {
        let plan = plan(words, fields, limits);
        let shown = String::from_utf8_lossy(sent);
        match run_every_way(&plan, sent, usize::MAX) {
            Ok(ran) => panic!("{words} {fields}: {shown}: let through {}", ran.text),
            Err(error) => assert_eq!(
                (error.fault, error.offset, error.path.as_str()),
                (*fault, *offset, *path),
                "{words} {fields}: {shown}"
            ),
        }
    }
}

#[test]
fn p4_what_readers_disagree_on_ends_the_body_at_its_first_byte() {
    check(
        &Limits::default(),
        &[
            // A quote inside a value without quotes.
            (
                "",
                "keep $[*].b",
                b"a,b\nx\"y,2\n",
                F::Malformed,
                5,
                "$[0].*",
            ),
            (
                "",
                "keep $[*].b",
                b"a,b\n1, \"2\"\n",
                F::Malformed,
                7,
                "$[0].b",
            ),
            ("", "keep $[*].b", b"a\"b\n", F::Malformed, 1, "$"),
            // Something after a closing quote.
            (
                "",
                "keep $[*].b",
                b"a,b\n1,\"2\"x\n",
                F::Malformed,
                9,
                "$[0].b",
            ),
            (
                "",
                "keep $[*].b",
                b"a,b\n\"1\" ,2\n",
                F::Malformed,
                7,
                "$[0].*",
            ),
            (
                "",
                "keep $[*].b",
                b"a,b\n1,\"2\"\x003\n",
                F::Malformed,
                9,
                "$[0].b",
            ),
            // A carriage return that no line feed follows.
            ("", "keep $[*].b", b"a,b\r1,2\r", F::Malformed, 4, "$"),
            (
                "",
                "keep $[*].b",
                b"a,b\n1,2\r3,4\n",
                F::Malformed,
                8,
                "$[0]",
            ),
            (
                "",
                "keep $[*].b",
                b"a,b\n1,2\r\r\n",
                F::Malformed,
                8,
                "$[0]",
            ),
            ("", "keep $[*].b", b"a,b\n1,2\r", F::Truncated, 8, "$[0]"),
            // A blank line.
            ("", "keep $[*].b", b"\na,b\n", F::Malformed, 0, "$"),
            ("", "keep $[*].b", b"a,b\n\n1,2\n", F::Malformed, 4, "$[0]"),
            (
                "",
                "keep $[*].b",
                b"a,b\r\n1,2\r\n\r\n",
                F::Malformed,
                10,
                "$[1]",
            ),
            ("", "keep $[*].a", b"a\n1\n\n", F::Malformed, 4, "$[1]"),
            ("pad", "keep $[*].b", b"a,b\n\n", F::Malformed, 4, "$[0]"),
            // Control characters.
            (
                "",
                "keep $[*].b",
                b"a,b\n1,2\0\n",
                F::Malformed,
                7,
                "$[0].b",
            ),
            (
                "",
                "keep $[*].b",
                b"a,b\n\"\x1b\",2\n",
                F::Malformed,
                5,
                "$[0].*",
            ),
            (
                "",
                "keep $[*].b",
                b"a,b\n1,2\x7f\n",
                F::Malformed,
                7,
                "$[0].b",
            ),
            (
                "",
                "keep $[*].b",
                b"a,b\n\x0b1,2\n",
                F::Malformed,
                4,
                "$[0]",
            ),
            ("", "keep $[*].b", b"a\0,b\n", F::Malformed, 1, "$"),
        ],
    );
}

#[test]
fn p4_rows_that_are_not_as_long_as_the_header_end_the_body() {
    check(
        &Limits::default(),
        &[
            ("", "keep $[*].b", b"a,b\n1\n", F::Ragged, 5, "$[0]"),
            ("", "keep $[*].b", b"a,b\n1,2\n3", F::Ragged, 9, "$[1]"),
            ("", "keep $[*].b", b"a,b\n1\r\n", F::Ragged, 5, "$[0]"),
            ("", "keep $[*].b", b"a,b\n1,2,3\n", F::Ragged, 7, "$[0]"),
            ("", "keep $[*].b", b"a,b\n1,2,\n", F::Ragged, 7, "$[0]"),
            ("pad", "keep $[*].b", b"a,b\n1,2,3\n", F::Ragged, 7, "$[0]"),
            ("", "keep $[*].a", b"a\n1,2\n", F::Ragged, 3, "$[0]"),
            ("named:a+b", "keep $[*].a", b"1\n", F::Ragged, 1, "$[0]"),
            ("named:a+b", "", b"1,2,3\n", F::Ragged, 3, "$[0]"),
        ],
    );
}

#[test]
fn p4_headers_that_do_not_name_each_column_once_end_the_body() {
    check(
        &Limits::default(),
        &[
            ("", "keep $[*].b", b"", F::Truncated, 0, "$"),
            ("", "keep $[*].b", b"\xef\xbb\xbf", F::Truncated, 3, "$"),
            ("", "keep $[*].b", b"a,b,a\n", F::DuplicateName, 4, "$"),
            ("", "keep $[*].b", b"a,b,\"a\"", F::DuplicateName, 4, "$"),
            ("", "keep $[*].b", b"a,,b,\n", F::DuplicateName, 5, "$"),
            ("", "keep $[*].b", b"a,\"b", F::Truncated, 4, "$"),
            // A byte order mark that is part of a name.
            (
                "",
                "keep $[*].b",
                b"\xef\xbb\xbf\xef\xbb\xbfa,b\n1,2\n",
                F::Malformed,
                3,
                "$",
            ),
            (
                "",
                "keep $[*].b",
                b"a,\xef\xbb\xbfb\n1,2\n",
                F::Malformed,
                2,
                "$",
            ),
            // To some spreadsheets the first line is no header, but names the separator.
            (
                "semicolon",
                "keep_all $",
                b"sep=;\na;b\n",
                F::Malformed,
                0,
                "$",
            ),
            (
                "",
                "keep $[*]['SEP=x']",
                b"a,SEP=x\n1,2\n",
                F::Malformed,
                2,
                "$",
            ),
        ],
    );
}

#[test]
fn p4_bodies_that_end_in_a_value_in_quotes_or_hold_other_bytes_end() {
    check(
        &Limits::default(),
        &[
            (
                "",
                "keep $[*].b",
                b"a,b\n1,\"2\n",
                F::Truncated,
                9,
                "$[0].b",
            ),
            (
                "",
                "keep $[*].b",
                b"a,b\n1,\"2\"\"",
                F::Truncated,
                10,
                "$[0].b",
            ),
            ("", "keep $[*].b", b"a,b\n1,\xff\n", F::NotUtf8, 6, "$[0].b"),
            ("named:a+b", "keep $[*].b", b"\xff", F::NotUtf8, 0, "$[0]"),
            ("named:a+b", "keep $[*].b", b"\0", F::Malformed, 0, "$[0]"),
            ("named:a+b", "mask! $[*]", b"\0", F::Malformed, 0, "$[0]"),
            ("named:a+b", "mask! $[?@.a]", b"\0", F::Malformed, 0, "$[0]"),
            ("", "keep $[*].b", b"a,b\n\xe9,1\n", F::NotUtf8, 4, "$[0]"),
            (
                "",
                "keep $[*].b",
                b"a,b\n1,\xe2\x82",
                F::NotUtf8,
                6,
                "$[0].b",
            ),
            ("", "keep $[*].b", b"\xff\xfea\0", F::NotUtf8, 0, "$"),
            (
                "latin",
                "keep $[*].b",
                b"a,b\n\xe9,\x81\n",
                F::NotUtf8,
                6,
                "$[0].b",
            ),
            (
                "latin",
                "keep $[*].b",
                b"a,b\n\xe9,2,3\n",
                F::Ragged,
                7,
                "$[0]",
            ),
            (
                "utf16",
                "keep $[*].b",
                b"\xff\xfea\0,\0b\0\n\0\x00\xd8,\0",
                F::NotUtf8,
                10,
                "$[0]",
            ),
            (
                "utf16",
                "keep $[*].b",
                b"a\0,\0b\0\n\0\xe9\0\"\0",
                F::Malformed,
                10,
                "$[0].*",
            ),
            (
                "utf16",
                "keep $[*].b",
                b"a\0,\0b\0\n\0\x34\xd8\x1e\xdd,\x001\0,\0",
                F::Ragged,
                16,
                "$[0]",
            ),
            ("utf16", "keep $[*].b", b"a", F::NotUtf8, 0, "$"),
        ],
    );
}

#[test]
fn p4_values_and_rows_that_a_rule_refuses_end_the_body() {
    check(
        &Limits::default(),
        &[
            (
                "",
                "year! $[*].b",
                b"a,b\n1,1941-01-01\n2,soon\n",
                F::Mismatch,
                19,
                "$[1].b",
            ),
            (
                "",
                "year! $[*].b",
                b"a,b\n1,\"soon\"",
                F::Mismatch,
                6,
                "$[0].b",
            ),
            (
                "",
                "mask! $[*]; keep $[*].a",
                b"a,b\n1,2\n",
                F::Mismatch,
                4,
                "$[0]",
            ),
            (
                "",
                "mask! $[1]; keep $[*].a",
                b"a,b\n1,2\n3,\"x\"y",
                F::Mismatch,
                8,
                "$[1]",
            ),
            ("", "mask! $", b"a,b\n1,2\n", F::Mismatch, 0, "$"),
            (
                "latin",
                "year! $[*].b",
                b"a,b\n\xe9,\"\xe9\"\n",
                F::Mismatch,
                6,
                "$[0].b",
            ),
        ],
    );
}

#[test]
fn p5_limits_end_the_body_where_they_are_reached() {
    let limits = Limits {
        held_bytes: 12,
        object_members: 3,
        name_bytes: 4,
        body_bytes: 60,
        ..Limits::default()
    };
    check(
        &limits,
        &[
            ("", "keep $[*].a", b"a,b,c,d\n", F::TooManyMembers, 6, "$"),
            ("", "keep $[*].a", b"a,bcdef\n", F::NameTooLong, 6, "$"),
            ("", "keep $[*].a", b"a,\"bcd\"\n", F::NameTooLong, 6, "$"),
            (
                "",
                "keep $[*].a",
                b"abcd,abce,abcf\n",
                F::HeldTooLarge,
                12,
                "$",
            ),
            (
                "named:a+b",
                "mask $[*].a",
                b"0123456789012,\n",
                F::HeldTooLarge,
                12,
                "$[0].a",
            ),
            (
                "named:a+b",
                "mask $[*].b",
                b"0123456789012,\"0123456789012\"\n",
                F::HeldTooLarge,
                26,
                "$[0].b",
            ),
            (
                "named:a+b guard",
                "keep $[*].a",
                b"=123456789012,\n",
                F::HeldTooLarge,
                12,
                "$[0].a",
            ),
            (
                "named:a+b",
                "keep $[*].a; record $[*]",
                b"1,2\n012345,67890\n",
                F::HeldTooLarge,
                16,
                "$[1]",
            ),
            (
                "named:a+b",
                "keep $[*].a; record $[*]; release_if @.a == '1'",
                b"1,2\n012345,67890\n",
                F::HeldTooLarge,
                16,
                "$[1]",
            ),
            (
                "named:a+b",
                "keep $[*].a; record $",
                b"1,2\n3,4\n5,6\n7,8\n",
                F::HeldTooLarge,
                12,
                "$",
            ),
            (
                "named:a+b latin",
                "keep $[*].a; record $[*]",
                b"\xe9\xe9\xe9\xe9,123456\n",
                F::HeldTooLarge,
                8,
                "$[0]",
            ),
            (
                "named:a",
                "keep $[*].a",
                b"01234567890123456789012345678901234567890123456789012345678901234567890",
                F::BodyTooLarge,
                60,
                "$[0].a",
            ),
        ],
    );
    // What is not held has no limit of its own.
    let plan = plan("named:a+b guard", "keep $[*].a", &limits);
    let sent = b"0123456789012345,0123456789012345\n";
    assert!(run_every_way(&plan, sent, usize::MAX).is_ok());
}

#[test]
fn rules_that_csv_bodies_cannot_have_make_no_plan() {
    for (words, fields, said) in [
        ("", "keep $[-1].name", "counted from the end"),
        ("", "keep $[:-1].name", "counted from the end"),
        ("", "keep $[::5000].name", "steps of more than 4096"),
        ("", "keep $..[-1]", "counted from the end"),
        ("", "keep $[*][?@=='x']", "selects rows"),
        ("", "keep $..[?@.a=='x'].b", "selects rows"),
        ("", "keep $[?@.a=='x'][?@=='y']", "selects rows"),
        (
            "",
            "keep $[*].a; record $[*]; subject $[*][?@=='x']",
            "selects rows",
        ),
        ("", "keep $[?@.a==$[0].a].b", "write it with @"),
        ("", "drop $[?count($[*]) > 3]", "write it with @"),
        (
            "",
            "keep $[*].a; record $[?$[0].a]",
            "a filter looks at the whole body",
        ),
        (
            "",
            "keep $[*].a; record $[*]; release_if $[0].a == 'x'",
            "write it with @",
        ),
        ("", "keep $[*].a; record $[*].a", "record: $[*]"),
        ("", "keep $[*].a; record $..a", "record: $[*]"),
        ("named:a+a", "keep $[*].a", "names a column twice"),
    ] {
        let made = Plan::compile(&rules(words, fields), &support::keys(), &Limits::default());
        let faults = made.map(|_| ()).unwrap_err();
        assert!(
            faults.iter().any(|fault| fault.message.contains(said)),
            "{fields}: {faults:?}"
        );
    }
    let mut spaced = rules("", "keep $[*].a");
    spaced.format = fieldgate::plan::Format::Csv(fieldgate::plan::Csv {
        separator: b' ',
        ..fieldgate::plan::Csv::default()
    });
    assert!(Plan::compile(&spaced, &support::keys(), &Limits::default()).is_err());
}
