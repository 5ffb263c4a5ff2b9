//! Multipart forms: rows, refusals, limits, the delimiter wherever it stands.

use fieldgate::minimise::{BodyFault as Fault, FieldOutcome, Limits, Tally};
use fieldgate::plan::Format;
use proptest::prelude::*;

use super::ways::{self, Becomes};

/// A body from lines divided by `|`, each of which ends with a line end.
fn lines(text: &str) -> String {
    text.split('|').map(|line| format!("{line}\r\n")).collect()
}

fn part(name: &str, content: &str) -> String {
    lines(&format!(
        "--b|Content-Disposition: form-data; name=\"{name}\"||{content}"
    ))
}

fn json(name: &str, content: &str) -> String {
    let head = format!(
        "--b|Content-Disposition: form-data; name=\"{name}\"|Content-Type: application/json||"
    );
    let mut part = lines(&head);
    part.truncate(part.len() - 2);
    part + content + "\r\n"
}

fn multipart(rules: &str, sent: &str, becomes: Becomes<'_>) -> Tally {
    let plan = ways::plan(&Format::Multipart, rules, &Limits::default());
    ways::check(&plan, "b", sent.as_bytes(), becomes)
}

fn sent() -> String {
    let parts = [
        part("name", "Ada|Löw"),
        json(
            "person",
            r#" {"name":"Ada","CANARY-1":{"x":"CANARY-2"},"tags":["x","y"]} "#,
        ),
        lines(
            "--b|content-disposition:form-data;NAME=photo;filename=\"CANARY-3\"|Content-Type: image/png||CANARY-4\u{0}\r\n-b\r\n--",
        ),
        lines("--b|Content-Disposition: form-data; filename*=UTF-8''CANARY-5; name=tag||CANARY-6"),
        part("tag", "x"),
        part("CANARY-7", "CANARY-8"),
        lines("--b||CANARY-9"),
        lines("--b|X: CANARY-10|Content-Disposition: attachment; name=\"name\"||CANARY-11"),
        lines(
            "--b|Content-Disposition: form-data; name=\"note\"|Content-Type: text/html||CANARY-12",
        ),
        lines(
            "--b|Content-Disposition: form-data; name=\"note\"|Content-Type: text/plain; charset=latin1||CANARY-13\u{ff}",
        ),
        lines(
            "--b|Content-Disposition: form-data; name=\"note\"|Content-Type: text/plain; charset=\"UTF-8\"|X-CANARY-14: x|Content-Transfer-Encoding: 8bit||",
        ),
        part("tag", "y"),
        json("age", "83"),
        json("empty", "{}"),
    ];
    format!("CANARY-15\r\n-\r\n{}--b--\r\nCANARY-16", parts.concat())
}

#[test]
fn p1_p8_parts_leave_by_their_rules_at_every_cut() {
    for (rules, leaves) in [
        ("", vec![]),
        ("drop $", vec![]),
        ("keep $", vec![]),
        ("keep $.name", vec![part("name", "Ada|Löw")]),
        ("mask $.name", vec![part("name", "********")]),
        ("keep $.note", vec![part("note", "")]),
        ("mask $.note", vec![part("note", "")]),
        ("replace:null $.name", vec![part("name", "")]),
        ("keep $.photo; keep_all $.photo", vec![]),
        (
            "keep $.person.name",
            vec![json("person", r#"{"name":"Ada"}"#)],
        ),
        (
            "keep $.person.tags[1]",
            vec![json("person", r#"{"tags":["y"]}"#)],
        ),
        ("keep $.person.zzz", vec![json("person", "{}")]),
        ("prune; keep $.person.zzz", vec![]),
        ("keep $.person", vec![]),
        (
            "keep $.person[*]",
            vec![json("person", r#"{"name":"Ada"}"#)],
        ),
        (
            "keep $..name",
            vec![part("name", "Ada|Löw"), json("person", r#"{"name":"Ada"}"#)],
        ),
        (
            "keep_all $.person; drop $.person['CANARY-1']",
            vec![json("person", r#"{"name":"Ada","tags":["x","y"]}"#)],
        ),
        ("keep $.age; keep $.empty", vec![json("age", "83")]),
        ("mask $.age", vec![json("age", "\"**\"")]),
        (
            "keep_all $.age; keep_all $.empty",
            vec![json("age", "83"), json("empty", "{}")],
        ),
        ("keep $.name.x", vec![]),
    ] {
        let leaves = leaves.concat() + "--b--\r\n";
        let rules = format!("{rules}; drop $.tag");
        let plan = ways::plan(&Format::Multipart, &rules, &Limits::default());
        // Byte by byte; every cut is for the rows below.
        let ran = ways::run(&plan, "b", sent().as_bytes(), 0).unwrap();
        assert_eq!(ran.text, leaves, "{rules}");
    }
    let closed = |parts: String| parts + "--b--\r\n";
    multipart(
        "keep $.tag[*]",
        &sent(),
        Ok(&closed(part("tag", "x") + &part("tag", "y"))),
    );
    multipart("keep $.tag[1]", &sent(), Ok(&closed(part("tag", "y"))));
    multipart(
        "keep_all $; drop $['CANARY-7']; drop $.person; drop $.name",
        &sent(),
        Ok(&closed(
            part("tag", "x")
                + &part("note", "")
                + &part("tag", "y")
                + &json("age", "83")
                + &json("empty", "{}"),
        )),
    );
    multipart("keep_all $", "--b--", Ok("--b--\r\n"));
    multipart("keep_all $", "--b--\r\n", Ok("--b--\r\n"));
}

#[test]
fn counts_tell_what_stayed() {
    let sent = [
        lines("--b||x"),
        lines("--b|Content-Disposition: form-data; name=f; filename=f||x"),
        lines("--b|Content-Disposition: form-data; name=g; filename=g||x"),
        part("a", "x"),
        json("c", r#"{"d":1,"e":2}"#),
    ]
    .concat()
        + "--b--";
    let tally = multipart(
        "drop $.f; keep $.c.d",
        &sent,
        Ok(&(json("c", r#"{"d":1}"#) + "--b--\r\n")),
    );
    assert_eq!(tally.field(FieldOutcome::Drop), 1);
    assert_eq!(tally.field(FieldOutcome::Undeclared), 4);
    assert_eq!(tally.field(FieldOutcome::Keep), 1);
}

#[test]
fn a_form_is_a_record() {
    let leaves = json("person", r#"{"name":"Ada"}"#) + "--b--\r\n";
    for (subject, found) in [
        ("$.person.name", 1),
        ("$.name", 1),
        ("$.zzz", 0),
        ("$.person.tags[0]", 1),
    ] {
        for (condition, holds) in [
            ("", true),
            (
                "; release_if @.person.tags[0] == 'x' && @.tag[1] == 'y'",
                true,
            ),
            (
                "; release_if @.name == 'Ada\\r\\nLöw' && @.note == null && $.age == 83",
                true,
            ),
            ("; release_if @.photo || @.person.zzz", false),
        ] {
            let rules =
                format!("record $; subject {subject}; keep $.person.name; drop $.tag{condition}");
            let plan = ways::plan(&Format::Multipart, &rules, &Limits::default());
            let ran = ways::run(&plan, "b", sent().as_bytes(), 40).unwrap();
            assert_eq!(
                ran.text,
                if holds { leaves.as_str() } else { "--b--\r\n" },
                "{rules}"
            );
            assert_eq!(ran.tally.records_released, u64::from(holds));
            assert_eq!(ran.tally.records_withheld, u64::from(!holds));
            assert_eq!(ran.subjects.len(), if holds { found } else { 0 }, "{rules}");
            assert_eq!(ran.tally.subjects_missing, u64::from(holds && found == 0));
            assert_eq!(ran.tally.field(FieldOutcome::Keep), u64::from(holds));
        }
    }
}

#[test]
fn p4_what_is_no_multipart_form_is_refused_at_its_byte() {
    let head = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n";
    let end = "\r\n--b--\r\n";
    let at = |text: &str| text.len() as u64;
    for (sent, fault, offset, path) in [
        (String::new(), Fault::Truncated, 0, "$"),
        ("--b".to_owned(), Fault::Truncated, 3, "$"),
        ("--b-".to_owned(), Fault::Truncated, 4, "$"),
        ("--b--\r".to_owned(), Fault::Truncated, 6, "$"),
        (
            format!("{head}\r\nx\r\n--b"),
            Fault::Truncated,
            at(head) + 8,
            "$",
        ),
        (
            format!("{head}\r\nx\r\n--"),
            Fault::Truncated,
            at(head) + 7,
            "$.a",
        ),
        (head.to_owned(), Fault::Truncated, at(head), "$"),
        // Line ends and delimiters.
        (head.replace("\r\n", "\n"), Fault::Malformed, 3, "$"),
        ("--b \r\n".to_owned(), Fault::Malformed, 3, "$"),
        ("--bc\r\n".to_owned(), Fault::Malformed, 3, "$"),
        ("--b--x".to_owned(), Fault::Malformed, 5, "$"),
        ("x\n--b\r\n".to_owned(), Fault::Malformed, 4, "$"),
        (
            format!("{head}\r\nx\n--b\r\n"),
            Fault::Malformed,
            at(head) + 6,
            "$.a",
        ),
        (
            format!("{head}\r\nx --b"),
            Fault::Malformed,
            at(head) + 6,
            "$.a",
        ),
        (
            format!("{head}\r\n--b--"),
            Fault::Malformed,
            at(head) + 4,
            "$.a",
        ),
        (
            format!("{head}--b: x\r\n"),
            Fault::Malformed,
            at(head) + 2,
            "$",
        ),
        (
            format!("{head}X: --b\r\n"),
            Fault::Malformed,
            at(head) + 5,
            "$",
        ),
        // Heads.
        (
            format!("{head}X: a\r\n b\r\n\r\n{end}"),
            Fault::Malformed,
            at(head) + 6,
            "$",
        ),
        (
            format!("{head}X: a\n\r\n{end}"),
            Fault::Malformed,
            at(head) + 4,
            "$",
        ),
        (
            format!("{head}X: \u{0}\r\n\r\n{end}"),
            Fault::Malformed,
            at(head) + 3,
            "$",
        ),
        (
            format!("{head}X\r\n\r\n{end}"),
            Fault::Malformed,
            at(head),
            "$",
        ),
        (
            format!("{head}: x\r\n\r\n{end}"),
            Fault::Malformed,
            at(head),
            "$",
        ),
        (
            format!("{head}X : x\r\n\r\n{end}"),
            Fault::Malformed,
            at(head),
            "$",
        ),
        (
            format!("{head}Content-Disposition: form-data\r\n\r\n{end}"),
            Fault::Malformed,
            at(head),
            "$",
        ),
        (
            format!("{head}Content-Type: text/plain\r\nContent-Type: text/plain\r\n\r\n{end}"),
            Fault::Malformed,
            at(head) + 26,
            "$",
        ),
        (
            format!("{head}Content-Type: multipart/mixed; boundary=c\r\n\r\n{end}"),
            Fault::Malformed,
            at(head),
            "$",
        ),
        (
            format!("{head}Content-Type: text\r\n\r\n{end}"),
            Fault::Malformed,
            at(head),
            "$",
        ),
        (
            format!("{head}Content-Transfer-Encoding: base64\r\n\r\n{end}"),
            Fault::Malformed,
            at(head),
            "$",
        ),
        (
            format!("{head}\r\n\u{0}{end}"),
            Fault::Malformed,
            at(head) + 2,
            "$.a",
        ),
        // JSON parts.
        (
            format!("{head}Content-Type: application/json\r\n\r\n{{\"x\":1{end}"),
            Fault::Truncated,
            at(head) + 40,
            "$.a.x",
        ),
        (
            format!("{head}Content-Type: application/json\r\n\r\n{end}"),
            Fault::Truncated,
            at(head) + 34,
            "$.a",
        ),
        (
            format!("{head}Content-Type: application/json\r\n\r\n[1,x]{end}"),
            Fault::Malformed,
            at(head) + 37,
            "$.a[1]",
        ),
        (
            format!("{head}Content-Type: application/json\r\n\r\n\u{feff}1{end}"),
            Fault::Malformed,
            at(head) + 34,
            "$.a",
        ),
        (
            format!("{head}\r\nx\r\n{head}\r\nx{end}"),
            Fault::DuplicateName,
            at(head) + 48,
            "$.a",
        ),
    ] {
        multipart(
            "keep $.a; keep $.a.x; keep $.b",
            &sent,
            Err((fault, offset, path)),
        );
    }
}

#[test]
fn p4_names_that_can_be_read_in_two_ways_are_refused() {
    for parameters in [
        "name=\"a\\\"b\"",
        "name=\"a\\\\b\"",
        "name=\"a%22b\"",
        "name=\"a%0d%0Ab\"",
        "name=\"a\"; name=\"b\"",
        "name*=UTF-8''a",
        "name=\"a",
        "name=a b",
        "name=",
        "name",
        "name =a",
        "name=a;",
        "name=\"a\"x",
        "name=\"a\"; filename=\"x\\\"; name=\\\"b\"",
    ] {
        let sent = format!("--b\r\nContent-Disposition: form-data; {parameters}\r\n\r\nx\r\n--b--");
        multipart("keep_all $", &sent, Err((Fault::Malformed, 5, "$")));
    }
    for (parameters, name) in [
        ("name=a", "a"),
        ("name=\"100%\"", "100%"),
        ("size=1; name=\"é=;1\"", "é=;1"),
        ("name=\"\"", ""),
        ("name=a ;x=\"y\"", "a"),
    ] {
        let sent = format!("--b\r\nContent-Disposition: form-data; {parameters}\r\n\r\nx\r\n--b--");
        multipart("keep_all $", &sent, Ok(&(part(name, "x") + "--b--\r\n")));
    }
    let plan = ways::plan(&Format::Multipart, "keep_all $", &Limits::default());
    let sent = b"--b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx\r\n--b--";
    ways::check(&plan, "b", sent, Err((Fault::NotUtf8, 43, "$")));
    let sent = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\xc3\r\n--b--";
    ways::check(&plan, "b", sent, Err((Fault::NotUtf8, 50, "$.*[0]")));
}

#[test]
fn a_boundary_is_one_of_the_standards_or_every_body_is_refused() {
    let plan = ways::plan(&Format::Multipart, "keep_all $", &Limits::default());
    let long = "b".repeat(71);
    for boundary in ["", " ", "b ", "b\"", "b\r\n", "é", &long] {
        let sent = format!("--{boundary}--\r\n");
        ways::check(
            &plan,
            boundary,
            sent.as_bytes(),
            Err((Fault::Malformed, 0, "$")),
        );
        ways::check(&plan, boundary, b"", Err((Fault::Malformed, 0, "$")));
    }
    for boundary in ["b", &long[1..], "'()+_,-./:=? x", "----", "-", "--b--"] {
        let sent = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--{boundary}--\r\n"
        );
        let leaves = sent.replace("name=a", "name=\"a\"");
        ways::check(&plan, boundary, sent.as_bytes(), Ok(&leaves));
    }
}

#[test]
fn p5_limits_end_a_multipart_form_at_every_cut() {
    let limits = Limits {
        held_bytes: 150,
        name_bytes: 5,
        object_members: 2,
        depth: 2,
        body_bytes: 10_000,
    };
    let check = |rules: &str, sent: &str, becomes: Becomes<'_>| {
        let plan = ways::plan(&Format::Multipart, rules, &limits);
        ways::check(&plan, "b", sent.as_bytes(), becomes)
    };
    let head = part("a", "");
    let start = head.len() as u64 - 2;
    check("", &part("abcdef", "x"), Err((Fault::NameTooLong, 48, "$")));
    check(
        "keep $.zz",
        &(part("a", "") + &part("b", "") + &part("c", "")),
        Err((Fault::TooManyMembers, 2 * (start + 2) + 43, "$.*")),
    );
    check(
        "mask $.a",
        &part("a", &"x".repeat(151)),
        Err((Fault::HeldTooLarge, start + 150, "$.a")),
    );
    check(
        "record $; keep $.a",
        &part("a", &"x".repeat(151)),
        Err((Fault::HeldTooLarge, 150, "$")),
    );
    check(
        "record $; release_if @; keep $.a",
        &part("a", &"x".repeat(151)),
        Err((Fault::HeldTooLarge, 150, "$")),
    );
    check(
        "",
        &json("a", "[[[]]]"),
        Err((Fault::TooDeep, start + 34, "$.*[0]")),
    );
    check(
        "keep $.a",
        &part("a", &"x".repeat(10_000)),
        Err((Fault::BodyTooLarge, 10_000, "$.a")),
    );
    let flood = format!("--b\r\n{}", "X: y\r\n".repeat(1_400));
    check(
        "keep $.a",
        &flood,
        Err((Fault::HeldTooLarge, 5 + 8_192, "$")),
    );
    check(
        "keep $.a",
        &format!("--b\r\nX: {}", "y".repeat(9_000)),
        Err((Fault::HeldTooLarge, 5 + 8_192, "$")),
    );
}

#[test]
fn a_transform_cannot_part_the_form_anew() {
    let rules = "replace:\"x\\r\\n--b\\r\\n\" $.a";
    multipart(
        rules,
        &(part("a", "y") + "--b--"),
        Err((Fault::Malformed, 49, "$.a")),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Contents and boundaries of few characters, so that starts of delimiters come about by chance: what is found
    /// is what a search over the whole finds.
    #[test]
    fn the_delimiter_is_found_wherever_it_stands(
        content in "[-a\r\n]{0,24}",
        boundary in prop_oneof![Just("a"), Just("-a"), Just("--"), Just("a-a"), Just("aa-aab")],
    ) {
        let plan = ways::plan(&Format::Multipart, "keep $.x", &Limits::default());
        let bare = format!("--{boundary}");
        let head = format!("{bare}\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n");
        let sent = format!("{head}{content}\r\n{bare}--\r\n");
        let found = format!("{content}\r\n{bare}");
        let first = found.find(&bare).unwrap();
        let ran = ways::run(&plan, boundary, sent.as_bytes(), usize::MAX);
        if first == content.len() + 2 {
            prop_assert_eq!(ran.unwrap().text, sent);
        } else if found[..first].ends_with("\r\n") {
            // Another delimiter came about: the part ends there, and what follows is for the form to judge.
            if let Ok(ran) = ran {
                let part = format!("{head}{}\r\n", &content[..first - 2]);
                prop_assert!(ran.text.starts_with(&part));
            }
        } else {
            let error = ran.unwrap_err();
            let last = head.len() + first + bare.len() - 1;
            prop_assert_eq!((error.fault, error.offset), (Fault::Malformed, last as u64));
        }
    }
}
