//! NDJSON and RFC 7464 sequences: rows, refusals, and the same as the array of their documents.

use fieldgate::minimise::lines::{NdjsonMachine, SequenceMachine};
use fieldgate::minimise::{BodyFault as Fault, FieldOutcome, Level, Limits, Machine};
use fieldgate::plan::{BodyRules, Format, Plan};
use proptest::prelude::*;

use super::drawn;
use super::support;
use super::ways::{self, Becomes, Ran};

const PEOPLE: &str = concat!(
    r#"{"name":"Ada","nhs":"9990000018","tags":["x","y"],"secret":"CANARY-1"}"#,
    "\n",
    r#"{"name":{"CANARY-2":"CANARY-3"},"nhs":null,"CANARY-4":["CANARY-5"]}"#,
    "\r\n",
    "\n \t\r\n",
    r#""CANARY-6""#,
    "\n",
    r#"  {"tags" : [ "x" ] , "name" : "Bo\u0062" }  "#,
);

fn ndjson(rules: &str, sent: &str, becomes: Becomes<'_>) -> fieldgate::minimise::Tally {
    let plan = ways::plan(&Format::Ndjson, rules, &Limits::default());
    ways::check(&plan, "", sent.as_bytes(), becomes)
}

fn sequence(rules: &str, sent: &str, becomes: Becomes<'_>) {
    let plan = ways::plan(&Format::JsonSequence, rules, &Limits::default());
    ways::check(&plan, "", sent.as_bytes(), becomes);
}

#[test]
fn p1_p8_lines_leave_by_their_rules_at_every_cut() {
    for (rules, leaves) in [
        ("", ""),
        ("drop $", ""),
        ("keep $", ""),
        (
            "keep $[*].name",
            "{\"name\":\"Ada\"}\n{}\n{\"name\":\"Bo\\u0062\"}\n",
        ),
        (
            "prune; keep $[*].name",
            "{\"name\":\"Ada\"}\n{\"name\":\"Bo\\u0062\"}\n",
        ),
        (
            "keep $.*.name",
            "{\"name\":\"Ada\"}\n{}\n{\"name\":\"Bo\\u0062\"}\n",
        ),
        ("keep $[0].name", "{\"name\":\"Ada\"}\n"),
        (
            "keep $[3].name; keep $[0].tags[1]",
            "{\"tags\":[\"y\"]}\n{\"name\":\"Bo\\u0062\"}\n",
        ),
        ("keep $[2:].tags[*]", "{\"tags\":[\"x\"]}\n"),
        (
            "mask $[*].tags[*]",
            "{\"tags\":[\"*\",\"*\"]}\n{}\n{\"tags\":[\"*\"]}\n",
        ),
        (
            "record $[*]; release_if @.tags; keep $[*].name",
            "{\"name\":\"Ada\"}\n{\"name\":\"Bo\\u0062\"}\n",
        ),
        ("record $[*]; release_if @.zzz; keep_all $[*]", ""),
        (
            "keep_all $[3]",
            "{\"tags\" : [ \"x\" ] , \"name\" : \"Bo\\u0062\" }\n",
        ),
    ] {
        ndjson(rules, PEOPLE, Ok(leaves));
    }
}

#[test]
fn a_body_kept_whole_leaves_each_document_in_a_line() {
    let sent = "\n{ \"a\" : 1 }\r\n12 \n\"x\"\n[]\nnull";
    let tally = ndjson(
        "keep_all $",
        sent,
        Ok("{ \"a\" : 1 }\n12\n\"x\"\n[]\nnull\n"),
    );
    assert_eq!(tally.field(FieldOutcome::KeepAll), 5);
    ndjson("keep_all $", "", Ok(""));
    ndjson("keep_all $", "\n\n \r\n", Ok(""));
    ndjson("keep $[*]", sent, Ok("12\n\"x\"\nnull\n"));
}

#[test]
fn p4_what_is_no_ndjson_is_refused_at_its_byte() {
    for (sent, fault, offset, path) in [
        ("{\"a\":1}\n{\"a\":1", Fault::Truncated, 14, "$[1].a"),
        ("{\"a\":1}\n{\"a\":\n1}\n", Fault::Truncated, 13, "$[1].a"),
        ("[1,\n2]\n", Fault::Truncated, 3, "$[0][1]"),
        ("{\n}\n", Fault::Truncated, 1, "$[0]"),
        ("-\n1", Fault::BadNumber, 1, "$[0]"),
        ("tru\ne", Fault::Malformed, 3, "$[0]"),
        ("\"a\n\"", Fault::BadString, 2, "$[0]"),
        ("1 2\n", Fault::TrailingBytes, 2, "$[0]"),
        ("1\n{}{}\n", Fault::TrailingBytes, 4, "$[1]"),
        ("1\n]", Fault::Malformed, 2, "$[1]"),
        ("1,\n2\n", Fault::TrailingBytes, 1, "$[0]"),
        ("\u{feff}1\n", Fault::ByteOrderMark, 0, "$[0]"),
        ("1\n\u{feff}1\n", Fault::Malformed, 2, "$[1]"),
        (
            "1\n{\"a\":1,\"\\u0061\":2}\n",
            Fault::DuplicateName,
            9,
            "$[1].a",
        ),
        ("1\n2\u{1e}\n", Fault::BadNumber, 3, "$[1]"),
    ] {
        ndjson("keep_all $; drop $[*].a", sent, Err((fault, offset, path)));
    }
    let plan = ways::plan(&Format::Ndjson, "keep $[*].a", &Limits::default());
    for (sent, offset) in [
        (&b"1\n\"\xc3\n\""[..], 3),
        (b"1\n\"\xc3", 3),
        (b"\xff", 0),
        (b"1\n\n\xf0\x9f\n", 3),
    ] {
        ways::check(
            &plan,
            "",
            sent,
            Err((Fault::NotUtf8, offset, path_of(offset))),
        );
    }
}

fn path_of(offset: u64) -> &'static str {
    if offset == 0 { "$[0]" } else { "$[1]" }
}

#[test]
fn p5_limits_end_a_body_of_lines_at_every_cut() {
    let limits = Limits {
        depth: 2,
        held_bytes: 12,
        name_bytes: 3,
        object_members: 2,
        body_bytes: 40,
    };
    for (rules, sent, fault, offset, path) in [
        ("", "[[1]]\n[[[1]]]\n", Fault::TooDeep, 8, "$[1][0]"),
        (
            "keep $[*].a",
            "{\"a\":1}\n{\"abcd\":1}\n",
            Fault::NameTooLong,
            13,
            "$[1]",
        ),
        (
            "keep $[*].a",
            "{\"a\":1}\n{\"a\":1,\"b\":1,\"c\":2}\n",
            Fault::TooManyMembers,
            21,
            "$[1].*",
        ),
        (
            "record $[*]; keep $[*].a",
            "{\"a\":1}\n{\"a\":1,\"b\":12}\n",
            Fault::HeldTooLarge,
            20,
            "$[1]",
        ),
        (
            "record $[*]; release_if @.a; keep $[*].a",
            "{\"a\":1}\n{\"a\":1,\"b\":12}\n",
            Fault::HeldTooLarge,
            20,
            "$[1]",
        ),
        (
            "mask $[*]",
            "1\n\"12345678901\"\n",
            Fault::HeldTooLarge,
            14,
            "$[1]",
        ),
        (
            "",
            "1234567890\n1234567890\n1234567890\n1234567\n1\n",
            Fault::BodyTooLarge,
            40,
            "$[3]",
        ),
    ] {
        for format in [Format::Ndjson, Format::JsonSequence] {
            let plan = ways::plan(&format, rules, &limits);
            let error = (fault, offset, path);
            if format == Format::Ndjson {
                ways::check(&plan, "", sent.as_bytes(), Err(error));
            } else {
                // The same with a separator before each line but the first's, whose newline it takes the place of.
                let sent: String = sent
                    .split_inclusive('\n')
                    .map(|line| format!("\u{1e}{line}"))
                    .collect();
                let more = path.as_bytes()[2] - b'0' + 1;
                let offset = if fault == Fault::BodyTooLarge {
                    40
                } else {
                    offset + u64::from(more)
                };
                ways::check(&plan, "", sent.as_bytes(), Err((fault, offset, path)));
            }
        }
    }
}

#[test]
fn sequences_leave_in_their_frames_at_every_cut() {
    let sent = "\u{1e}{\"a\":1,\n \"b\":2}\n\u{1e}\u{1e}\n[true]\u{1e}12\n\u{1e}\"x\"\u{1e}null\r\n\u{1e}{\"a\":{\"b\":[]}}";
    sequence("", sent, Ok(""));
    sequence(
        "keep_all $",
        sent,
        Ok(
            "\u{1e}{\"a\":1,\n \"b\":2}\n\u{1e}[true]\n\u{1e}12\n\u{1e}\"x\"\n\u{1e}null\n\u{1e}{\"a\":{\"b\":[]}}\n",
        ),
    );
    sequence(
        "keep $[*].a",
        sent,
        Ok("\u{1e}{\"a\":1}\n\u{1e}[]\n\u{1e}{}\n"),
    );
    sequence("prune; keep $[*].a", sent, Ok("\u{1e}{\"a\":1}\n"));
    sequence("prune; keep $..*[0]", sent, Ok("\u{1e}[true]\n"));
    sequence("keep $[2:4]", sent, Ok("\u{1e}12\n\u{1e}\"x\"\n"));
    sequence(
        "record $[*]; release_if @.a == 1; keep_all $",
        sent,
        Ok("\u{1e}{\"a\":1,\n \"b\":2}\n"),
    );
    sequence("keep_all $", "", Ok(""));
}

#[test]
fn p4_what_is_no_sequence_is_refused_at_its_byte() {
    for (sent, fault, offset, path) in [
        ("1\n", Fault::Malformed, 0, "$[0]"),
        ("\n\u{1e}1\n", Fault::Malformed, 0, "$[0]"),
        ("\u{feff}\u{1e}1\n", Fault::Malformed, 0, "$[0]"),
        ("\u{1e}\u{feff}1\n", Fault::Malformed, 1, "$[0]"),
        ("\u{1e}1", Fault::Truncated, 2, "$[0]"),
        ("\u{1e}1\u{1e}2\n", Fault::Truncated, 2, "$[0]"),
        ("\u{1e}true\u{1e}2\n", Fault::Truncated, 5, "$[0]"),
        ("\u{1e}nul\u{1e}2\n", Fault::Truncated, 4, "$[0]"),
        ("\u{1e}1 2\n", Fault::TrailingBytes, 3, "$[0]"),
        (
            "\u{1e}{}\n\u{1e}{\"a\":1\u{1e}{}\n",
            Fault::Truncated,
            11,
            "$[1].a",
        ),
        ("\u{1e}\"a\u{1e}\"\n", Fault::Truncated, 3, "$[0]"),
        ("\u{1e}1\n\u{1e}", Fault::Truncated, 4, "$[1]"),
        ("\u{1e}\n\u{1e}1\n", Fault::Truncated, 2, "$[0]"),
    ] {
        sequence("keep_all $; drop $[*].a", sent, Err((fault, offset, path)));
    }
    let plan = ways::plan(&Format::JsonSequence, "", &Limits::default());
    ways::check(
        &plan,
        "",
        b"\x1e\"\xc3\x1e\"",
        Err((Fault::NotUtf8, 2, "$[0]")),
    );
}

#[test]
fn rules_that_need_the_whole_body_are_refused_at_load() {
    for format in [Format::Ndjson, Format::JsonSequence, Format::EventStream] {
        for (rules, part) in [
            ("record $; keep_all $", "`record: $[*]`"),
            ("keep $[-1].a", "from the start"),
            ("keep $[?$[0].a].b", "from the start"),
            (
                "record $[*]; release_if $[0].a; keep_all $",
                "from the start",
            ),
        ] {
            let rules = BodyRules {
                format: format.clone(),
                ..support::rules(rules)
            };
            let faults = Plan::compile(&rules, &support::keys(), &Limits::default()).unwrap_err();
            assert!(
                faults.iter().any(|fault| fault.message.contains(part)),
                "{faults:?}"
            );
        }
    }
}

#[test]
fn a_transform_that_refuses_the_body_as_such_refuses_every_body() {
    for sent in ["", "1\n"] {
        ndjson("year! $", sent, Err((Fault::Mismatch, 0, "$")));
    }
    let tally = ndjson("year $", "1\n", Ok(""));
    assert_eq!(tally.field(FieldOutcome::Mismatch), 1);
}

#[test]
fn p8_the_same_bytes_on_every_instruction_set() {
    let long = format!("{PEOPLE}\n").repeat(300);
    for rules in [
        "keep $[*].name",
        "keep_all $",
        "record $[*]; subject @.nhs; token:person $[*].nhs",
    ] {
        let plan = ways::plan(&Format::Ndjson, rules, &Limits::default());
        let framed = ways::plan(&Format::JsonSequence, rules, &Limits::default());
        let sequence = long
            .replace("\n{", "\n\u{1e}{")
            .replace("\n  {", "\n\u{1e}{")
            .replace("\n\"", "\n\u{1e}\"");
        let sequence = format!("\u{1e}{sequence}");
        let mut outputs = Vec::new();
        for level in Level::available() {
            for step in [64, 1_000, 8 << 10, long.len()] {
                let mut ndjson =
                    NdjsonMachine::with_level(plan.clone(), level, jiff::civil::date(2026, 11, 22));
                let mut out = Vec::new();
                for piece in long.as_bytes().chunks(step) {
                    ndjson.push(piece, &mut out).unwrap();
                }
                let tally = ndjson.finish(&mut out).unwrap();
                let mut machine = SequenceMachine::with_level(
                    framed.clone(),
                    level,
                    jiff::civil::date(2026, 11, 22),
                );
                let mut framed_out = Vec::new();
                for piece in sequence.as_bytes().chunks(step) {
                    machine.push(piece, &mut framed_out).unwrap();
                }
                let framed_tally = machine.finish(&mut framed_out).unwrap();
                assert_eq!(tally.fields, framed_tally.fields);
                framed_out.retain(|byte| *byte != 0x1e);
                outputs.push(out);
                outputs.push(framed_out);
            }
        }
        assert!(outputs.windows(2).all(|two| two[0] == two[1]), "{rules}");
    }
}

/// Holds NDJSON of `documents` against the machine for JSON over the array of them: what differs is written so.
fn same_as_the_array(rules: &str, limits: &Limits, documents: &[String], cuts: usize) {
    let context = || format!("{rules}\n{documents:?}");
    let of_array = support::plan(&support::rules(rules), limits);
    let array = format!("[{}]", documents.join(","));
    let array = support::run(&of_array, [array.as_bytes()]);
    let of_lines = ways::plan(&Format::Ndjson, rules, limits);
    let lines = documents.join("\n");
    let lines = ways::run(&of_lines, "", lines.as_bytes(), cuts);
    let framed: String = documents
        .iter()
        .map(|document| format!("\u{1e}{document}\n"))
        .collect();
    let of_sequence = ways::plan(&Format::JsonSequence, rules, limits);
    let sequence = ways::run(&of_sequence, "", framed.as_bytes(), 0);
    match (array, lines) {
        (Ok(array), Ok(lines)) => {
            let elements: Vec<&str> = lines.text.lines().collect();
            let joined = format!("[{}]", elements.join(","));
            if array.text == "null" {
                assert_eq!(lines.text, "", "{}", context());
            } else {
                assert_eq!(array.text, joined, "{}", context());
            }
            assert_eq!(array.subjects, lines.subjects, "{}", context());
            let records = |tally: &fieldgate::minimise::Tally| {
                (
                    tally.records_released,
                    tally.records_withheld,
                    tally.subjects_missing,
                )
            };
            assert_eq!(
                records(&array.tally),
                records(&lines.tally),
                "{}",
                context()
            );
            let Ran {
                text,
                tally,
                subjects,
            } = sequence.unwrap();
            assert_eq!(text.replace('\u{1e}', ""), lines.text, "{}", context());
            assert_eq!(
                text.matches('\u{1e}').count(),
                elements.len(),
                "{}",
                context()
            );
            assert_eq!(
                (tally.fields, subjects),
                (lines.tally.fields, lines.subjects)
            );
        }
        (Err(array), Err(lines)) => {
            assert_eq!(
                (array.fault, array.path),
                (lines.fault, lines.path),
                "{}",
                context()
            );
            // The array's bracket is the byte more.
            assert_eq!(
                array.offset.saturating_sub(1),
                lines.offset,
                "{}",
                context()
            );
            assert_eq!(sequence.unwrap_err().fault, array.fault, "{}", context());
        }
        (array, lines) => panic!("{array:?} and {lines:?}\n{}", context()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn lines_and_sequences_leave_what_the_array_of_their_documents_would(
        rules in drawn::rules(),
        documents in proptest::collection::vec(drawn::document(), 0..6),
        held_bytes in prop_oneof![4 => Just(1_usize << 20), 1 => 10..60_usize],
    ) {
        let limits = Limits { held_bytes, ..Limits::default() };
        same_as_the_array(&rules, &limits, &documents, 60);
    }
}

#[test]
fn published_documents_as_lines_leave_what_their_array_would() {
    for corpus in [
        "uk-nhs-pds",
        "uk-nhs-referrals",
        "uk-planning",
        "json-test-suite",
        "json-differential",
    ] {
        let Some(folder) = support::corpora(corpus) else {
            continue;
        };
        let json = |path: &std::path::Path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        };
        let documents: Vec<String> = support::files(&folder, &json)
            .iter()
            .filter(|path| path.metadata().unwrap().len() < 20 << 10)
            .filter_map(|path| {
                serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).unwrap()).ok()
            })
            .take(10)
            .map(|document| document.to_string())
            .collect();
        assert!(!documents.is_empty(), "{corpus} has no documents");
        for rules in [
            "keep_all $",
            "keep_all $; drop $..id; drop $..name",
            "keep $[*].id; keep $[*].name[*].family; keep $[*].entry[*].resource.birthDate; mask $..postcode",
            "record $[*]; subject @.id; keep $[*].*; token:person $[*].id",
            "record $[*]; release_if @.resourceType == 'Patient'; keep_all $[*].name",
        ] {
            same_as_the_array(rules, &Limits::default(), &documents, 0);
        }
    }
}
