//! What leaves of a table: each row runs whole, byte by byte and at every cut.

use fieldgate::minimise::Limits;

use super::harness::{plan, run_every_way};

/// Dialect, fields, what was sent, what leaves.
type Row = (&'static str, &'static str, &'static str, &'static str);

#[track_caller]
fn check(rows: &[Row]) {
    for (words, fields, sent, leaves) in rows {
        let plan = plan(words, fields, &Limits::default());
        match run_every_way(&plan, sent.as_bytes(), usize::MAX) {
            Ok(ran) => assert_eq!(ran.text, *leaves, "{words} {fields}: {sent}"),
            Err(error) => panic!("{words} {fields}: {sent}: {error}"),
        }
    }
}

const PEOPLE: &str =
    "name,nhs,dob,note\r\nAda,999 000 0018,1941-03-07,\"well, today\"\r\nBob,,1950-01-01,\r\n";

#[test]
fn columns_that_a_rule_names_leave_in_the_order_of_the_table() {
    check(&[
        ("", "keep $[*].name", PEOPLE, "name\r\nAda\r\nBob\r\n"),
        (
            "",
            "keep $[*].note; keep $[*].name",
            PEOPLE,
            "name,note\r\nAda,\"well, today\"\r\nBob,\r\n",
        ),
        (
            "",
            "keep $..dob",
            PEOPLE,
            "dob\r\n1941-03-07\r\n1950-01-01\r\n",
        ),
        (
            "",
            "keep $[*]['name','dob']; drop $[*].dob",
            PEOPLE,
            "name\r\nAda\r\nBob\r\n",
        ),
        ("", "keep_all $", PEOPLE, PEOPLE),
        ("", "keep_all $[*]", PEOPLE, PEOPLE),
        ("", "keep $[*].*", PEOPLE, PEOPLE),
        (
            "",
            "keep_all $; drop $[*].nhs; drop $..note",
            PEOPLE,
            "name,dob\r\nAda,1941-03-07\r\nBob,1950-01-01\r\n",
        ),
        (
            "",
            "keep $[*]['first name']",
            "first name,x\na,b\n",
            "first name\na\n",
        ),
        (
            "",
            "keep $[*]['a\"b']",
            "x,\"a\"\"b\"\n1,2\n",
            "\"a\"\"b\"\n2\n",
        ),
        ("", "keep $[*]['']", "a,\n1,2\n", "\"\"\n2\n"),
        ("", "keep $[*]['']", "a,\"\"\n1,2\n", "\"\"\n2\n"),
    ]);
}

#[test]
fn nothing_leaves_where_no_column_passes() {
    check(&[
        ("", "", PEOPLE, ""),
        ("", "keep $[*].postcode", PEOPLE, ""),
        ("", "keep $.name", PEOPLE, ""),
        ("", "keep $[*]", PEOPLE, ""),
        ("", "keep $", PEOPLE, ""),
        ("", "keep $[*][0]", PEOPLE, ""),
        ("", "keep_all $; drop $", PEOPLE, ""),
        ("", "keep_all $; drop $[*]", PEOPLE, ""),
        ("", "mask $; keep_all $[*].name", PEOPLE, ""),
        ("", "keep $[*].name; drop $[*].name", PEOPLE, ""),
    ]);
}

#[test]
fn names_are_compared_exactly() {
    check(&[
        ("", "keep $[*].Name", "name,Name\na,b\n", "Name\nb\n"),
        ("", "keep $[*].name", " name,name \na,b\n", ""),
        ("", "keep $[*]['é']", "e\u{301},é\na,b\n", "é\nb\n"),
    ]);
}

#[test]
fn line_ends_leave_as_they_stand() {
    check(&[
        ("", "keep $[*].b", "a,b\n1,2\n3,4\n", "b\n2\n4\n"),
        ("", "keep $[*].b", "a,b\r\n1,2\n3,4\r\n", "b\r\n2\n4\r\n"),
        ("", "keep $[*].b", "a,b\n1,2\n3,4", "b\n2\n4"),
        ("", "keep $[*].a", "a,b\n1,2\n3,4", "a\n1\n3"),
        ("", "keep $[*].b", "a,b", "b"),
        ("", "keep $[*].a", "a\n", "a\n"),
        ("", "keep $[*].a", "a", "a"),
        ("", "keep $[*].b", "a,b\n1,", "b\n\"\""),
        ("", "keep $[*]['b','c']", "a,b,c\r\n1,,", "b,c\r\n,"),
    ]);
}

#[test]
fn quoted_values_leave_with_their_quotes_and_what_is_in_them() {
    check(&[
        (
            "",
            "keep $[*].b",
            "a,b,c\n\"x,\ny\",\"p,\r\n\"\"q\"\"\",z\n\"\",\"\",\"\"\n",
            "b\n\"p,\r\n\"\"q\"\"\"\n\"\"\n",
        ),
        (
            "",
            "keep $[*].c",
            "a,b,c\n\"\n\n\",\"\"\"\",\"z\"\n",
            "c\n\"z\"\n",
        ),
        (
            "",
            "keep $[*].a",
            "\"a\",b\r\n\"\",x\r\n",
            "\"a\"\r\n\"\"\r\n",
        ),
        ("", "keep $[*].a", "a,b\n\"\r\",x\n", "a\n\"\r\"\n"),
    ]);
}

#[test]
fn an_empty_value_alone_in_its_row_is_quoted_so_that_the_row_is_seen() {
    check(&[
        ("", "keep $[*].b", "a,b\n1,\n,2\n", "b\n\"\"\n2\n"),
        ("", "keep $[*].a", "a,b\n,\n,2", "a\n\"\"\n\"\""),
        ("", "keep $[0].b", "a,b\n1,2\n3,4\n", "b\n2\n"),
        (
            "",
            "keep $[*].b; drop $[1].b",
            "a,b\n1,2\n3,4\n",
            "b\n2\n\"\"\n",
        ),
        ("pad", "keep $[*].b", "a,b\n1\n", "b\n\"\"\n"),
        (
            "",
            "year $[*].b",
            "a,b\n1,2\n3,1941-01-01\n",
            "b\n\"\"\n1941\n",
        ),
        ("", "replace:\"\" $[*].b", "a,b\n1,2\n", "b\n\"\"\n"),
        ("", "replace:null $[*].b", "a,b\n1,2\n", "b\n\"\"\n"),
    ]);
}

#[test]
fn separators_are_what_the_dialect_says() {
    check(&[
        (
            "semicolon",
            "keep $[*].b",
            "a;b;c\n1;2,5;\"x;y\"\n",
            "b\n2,5\n",
        ),
        (
            "semicolon",
            "keep $[*]['b','c']",
            "a;b;c\n1;2,5;\"x;y\"\n",
            "b;c\n2,5;\"x;y\"\n",
        ),
        (
            "tab",
            "keep $[*]['a','c']",
            "a\tb\tc\r\n1\t2,3\t\"x\ty\"\r\n",
            "a\tc\r\n1\t\"x\ty\"\r\n",
        ),
        ("bar", "keep $[*].b", "a|b\n1|2\n", "b\n2\n"),
        ("", "keep $[*]['a;b']", "a;b\tc|d,x\n1,2\n", ""),
        ("", "keep $[*]['a\\tb']", "a\tb,x\n1\t2,2\n", "a\tb\n1\t2\n"),
    ]);
}

#[test]
fn a_byte_order_mark_at_the_start_is_taken_off() {
    check(&[
        ("", "keep $[*].a", "\u{feff}a,b\n1,2\n", "a\n1\n"),
        ("", "keep $[*].a", "\u{feff}\"a\",b\n1,2\n", "\"a\"\n1\n"),
        ("named:a", "keep $[*].a", "\u{feff}1\n", "1\n"),
        ("named:a", "keep $[*].a", "\u{feff}", ""),
    ]);
}

#[test]
fn a_table_without_a_header_has_the_names_that_the_dialect_gives() {
    check(&[
        ("named:a+b", "keep $[*].b", "1,2\n3,4\n", "2\n4\n"),
        ("named:a+b", "keep $[0].b", "1,2\n3,4\n", "2\n"),
        ("named:a+b", "keep $[*].b", "", ""),
        ("named:a+b", "keep $[*].z", "1,2\n", ""),
        ("named:a+b pad", "keep_all $", "1\n", "1,\n"),
    ]);
}

#[test]
fn short_rows_are_filled_where_the_dialect_pads_them() {
    check(&[
        (
            "pad",
            "keep_all $",
            "a,b,c\n1\n1,2\r\n1,2,3",
            "a,b,c\n1,,\n1,2,\r\n1,2,3",
        ),
        (
            "pad",
            "keep $[*].c; keep $[*].a",
            "a,b,c\n1\n\"x\"\n",
            "a,c\n1,\n\"x\",\n",
        ),
        (
            "pad",
            "keep $[*].b; drop $[0].c; keep $[1].c",
            "a,b,c\n1\n1,2",
            "b,c\n,\n2,",
        ),
        ("pad", "mask $[*].b", "a,b\n1\n1,2\n", "b\n\"\"\n*\n"),
    ]);
}

#[test]
fn rows_are_elements_and_their_indexes_start_behind_the_header() {
    let sent = "a,b\n1,2\n3,4\n5,6\n7,8\n";
    check(&[
        ("", "keep $[1].a", sent, "a\n3\n"),
        ("", "keep $[1:3].a", sent, "a\n3\n5\n"),
        (
            "",
            "keep $[::2].a; keep $[1::2].b",
            sent,
            "a,b\n1,\n,4\n5,\n,8\n",
        ),
        (
            "",
            "keep $[*].a; keep $[2].b",
            sent,
            "a,b\n1,\n3,\n5,6\n7,\n",
        ),
        ("", "keep_all $; drop $[0]", sent, "a,b\n3,4\n5,6\n7,8\n"),
        (
            "",
            "keep_all $[0:2]; keep $[3].b",
            sent,
            "a,b\n1,2\n3,4\n,8\n",
        ),
        ("", "keep $[*].a; drop $[0:2]", sent, "a\n5\n7\n"),
        (
            "",
            "keep $[*].a; drop $[0:2].a",
            sent,
            "a\n\"\"\n\"\"\n5\n7\n",
        ),
        ("", "keep $[9].a", sent, "a\n"),
    ]);
}

#[test]
fn transforms_make_of_each_value_what_they_make_of_its_text() {
    check(&[
        ("", "year $[*].dob", PEOPLE, "dob\r\n1941\r\n1950\r\n"),
        (
            "",
            "mask-last-2 $[*].nhs; keep $[*].name",
            PEOPLE,
            "name,nhs\r\nAda,**********18\r\nBob,\r\n",
        ),
        (
            "",
            "replace:\"a,b\" $[*].name",
            PEOPLE,
            "name\r\n\"a,b\"\r\n\"a,b\"\r\n",
        ),
        (
            "semicolon",
            "replace:\"a,b\" $[*].a",
            "a;b\n1;2\n",
            "a\na,b\n",
        ),
        (
            "",
            "replace:\"q\\\"\\n\" $[*].a",
            "a,b\n1,2\n",
            "a\n\"q\"\"\n\"\n",
        ),
        ("", "replace:1.50 $[*].a", "a,b\n1,2\n", "a\n1.50\n"),
        ("", "mask $[*].a", "a,b\n\"x\"\"y,z\",2\n", "a\n*****\n"),
        // An empty value is nothing: it stays as it is.
        (
            "",
            "year $[*].a; keep $[*].b",
            "a,b\n,1\n\"\",2\n",
            "a,b\n,1\n\"\",2\n",
        ),
        // What is no date does not pass.
        ("", "year $[*].a; keep $[*].b", "a,b\nsoon,1\n", "a,b\n,1\n"),
        (
            "",
            "year $[*].a; mask $[*].a; keep $[*].b",
            "a,b\n1941-01-01,1\n",
            "b\n1\n",
        ),
    ]);
}

#[test]
fn formulas_are_neutralised_where_asked_for() {
    let sent = "a,b\n=1+1,x\n\"=1+\"\"1\"\"\",@y\n-12.5,+44\n-2+3,\"+1,2\"\n";
    check(&[
        (
            "",
            "keep $[*].a",
            sent,
            "a\n=1+1\n\"=1+\"\"1\"\"\"\n-12.5\n-2+3\n",
        ),
        (
            "guard",
            "keep $[*].a",
            sent,
            "a\n\"'=1+1\"\n\"'=1+\"\"1\"\"\"\n-12.5\n\"'-2+3\"\n",
        ),
        (
            "guard",
            "keep_all $",
            sent,
            "a,b\n\"'=1+1\",x\n\"'=1+\"\"1\"\"\",\"'@y\"\n-12.5,+44\n\"'-2+3\",\"+1,2\"\n",
        ),
        (
            "guard",
            "keep $[*]['=a']",
            "=a,b\n\tx,2\n",
            "\"'=a\"\n\"'\tx\"\n",
        ),
        (
            "guard",
            "keep $[*].a",
            "a,b\n\"\rx\",1\n＝1,2\n！1,3\n",
            "a\n\"'\rx\"\n\"'＝1\"\n！1\n",
        ),
        (
            "guard",
            "replace:\"=x\" $[*].a",
            "a,b\n1,2\n",
            "a\n\"'=x\"\n",
        ),
        ("guard", "mask-last-2 $[*].a", "a,b\n123,2\n", "a\n*23\n"),
        ("guard", "replace:-1 $[*].a", "a,b\n1,2\n", "a\n-1\n"),
        (
            "guard tab",
            "keep $[*].a",
            "a\tb\n\"\tx\"\t2\n",
            "a\n\"'\tx\"\n",
        ),
        ("guard pad", "keep $[*].b", "a,b\n1\n", "b\n\"\"\n"),
    ]);
}

#[test]
fn other_charsets_leave_as_utf_8() {
    let latin = plan("latin", "keep $[*]['é']", &Limits::default());
    let ran = run_every_way(&latin, b"a,\xe9\r\n1,\x80 5\r\n2,\"\xfc\"\r\n", usize::MAX).unwrap();
    assert_eq!(ran.text, "é\r\n€ 5\r\n\"ü\"\r\n");
    let wide = plan("utf16 tab", "keep $[*]['é']", &Limits::default());
    for (mark, bytes) in [
        ("", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ("\u{feff}", u16::to_le_bytes),
        ("\u{feff}", u16::to_be_bytes),
    ] {
        let sent = format!("{mark}a\té\r\n1\t𝄞\r\n");
        let sent: Vec<u8> = sent.encode_utf16().flat_map(bytes).collect();
        let ran = run_every_way(&wide, &sent, usize::MAX).unwrap();
        assert_eq!(ran.text, "é\r\n𝄞\r\n");
    }
}
