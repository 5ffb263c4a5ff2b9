//! Server-sent events: rows, and the same as the array of their documents.

use fieldgate::minimise::{BodyFault as Fault, Limits};
use fieldgate::plan::Format;
use proptest::prelude::*;

use super::drawn;
use super::support;
use super::ways::{self, Becomes};

fn events(rules: &str, sent: &str, becomes: Becomes<'_>) {
    let plan = ways::plan(&Format::EventStream, rules, &Limits::default());
    ways::check(&plan, "", sent.as_bytes(), becomes);
    // Whichever of the three ends a line has.
    if let Ok(leaves) = becomes {
        for end in ["\r", "\r\n"] {
            ways::check(&plan, "", sent.replace('\n', end).as_bytes(), Ok(leaves));
        }
    }
}

const STREAM: &str = concat!(
    "\u{feff}: CANARY-1\n",
    "retry: 3000\n",
    "\n",
    "event: CANARY-2\n",
    "id: CANARY-3\n",
    "data: {\"name\":\"Ada\",\n",
    ": CANARY-4\n",
    "data:\"CANARY-5\":\"CANARY-6\"}\n",
    "\n",
    "id\n",
    "event: CANARY-7\n",
    "\n",
    ":\n",
    "data:[\"CANARY-8\"]\n",
    "retry: 9990000018\n",
    "\n",
    "CANARY-9: x\n",
    "data: {\"name\" : \"Bo\\u0062\"}\n",
    "retry:20\n",
    "datax: CANARY-10\n",
    "\n",
);

#[test]
fn p1_p8_events_leave_by_their_rules_at_every_cut() {
    events("", STREAM, Ok(":\nretry: 3000\n\n:\nretry: 20\n\n"));
    events(
        "prune; keep $[*].name",
        STREAM,
        Ok(
            ":\nretry: 3000\n\ndata: {\"name\":\"Ada\"}\n\n:\ndata: {\"name\":\"Bo\\u0062\"}\nretry: 20\n\n",
        ),
    );
    events(
        "record $[*]; release_if @.name == 'Bob'; keep $[*].name",
        STREAM,
        Ok(":\nretry: 3000\n\n:\ndata: {\"name\":\"Bo\\u0062\"}\nretry: 20\n\n"),
    );
    events(
        "keep_all $[0]; drop $[0].*",
        STREAM,
        Ok(":\nretry: 3000\n\ndata: {}\n\n:\nretry: 20\n\n"),
    );
}

#[test]
fn what_is_kept_whole_keeps_its_lines() {
    let sent =
        "data: {\ndata:  \"a\": [1,\ndata\ndata:\ndata: 2]\ndata: }\n\ndata:12\n\ndata: \"x\" \n\n";
    let whole = "data: {\ndata:  \"a\": [1,\ndata: \ndata: \ndata: 2]\ndata: }\n\ndata: 12\n\ndata: \"x\"\n\n";
    events("keep_all $", sent, Ok(whole));
    events("record $[*]; release_if @; keep_all $", sent, Ok(whole));
    events(
        "keep $[0].a[*]; keep $[1]",
        sent,
        Ok("data: {\"a\":[1,2]}\n\ndata: 12\n\n"),
    );
    events("keep_all $", "", Ok(""));
    events("keep_all $", "\u{feff}", Ok(""));
    events("keep_all $", "\n\n", Ok(""));
    events("keep_all $", ":x\n", Ok(":\n"));
    events("keep_all $", "retry: 10\nretry: 1x\n", Ok(""));
    events("keep_all $", "retry: 1x\nretry: 10\n", Ok("retry: 10\n\n"));
    events("keep_all $", "retry\nretry: \nretry:12345678\n\n", Ok(""));
}

#[test]
fn p4_p5_what_is_no_event_is_refused_at_its_byte() {
    for (sent, fault, offset, path) in [
        ("data: 1\n", Fault::Truncated, 8, "$[0]"),
        ("data: 1", Fault::Truncated, 7, "$[0]"),
        ("id: 1", Fault::Truncated, 5, "$[0]"),
        ("data: 1\n\ndata", Fault::Truncated, 13, "$[1]"),
        ("data:\n\n", Fault::Truncated, 6, "$[0]"),
        ("data: {\n\ndata: }\n\n", Fault::Truncated, 8, "$[0]"),
        ("data: hello\n\n", Fault::Malformed, 6, "$[0]"),
        ("data: \"a\ndata: b\"\n\n", Fault::BadString, 8, "$[0]"),
        ("data: 1\ndata: 2\n\n", Fault::TrailingBytes, 14, "$[0]"),
        (
            "data: {\"a\":1,\ndata: \"a\":1}\n\n",
            Fault::DuplicateName,
            20,
            "$[0].a",
        ),
        ("\u{feff}data: [\n\n", Fault::Truncated, 11, "$[0][0]"),
        ("\u{feff}\u{feff}data: [\n\n", Fault::Truncated, 17, "$[0]"),
        ("data: \u{feff}1\n\n", Fault::Malformed, 6, "$[0]"),
    ] {
        let sent_to = |offset| Err((fault, offset, path));
        if sent.starts_with("\u{feff}\u{feff}") {
            // The second mark is the start of a name that nobody knows.
            events("keep_all $", sent, Ok(""));
            continue;
        }
        events("keep_all $; drop $[*].a", sent, sent_to(offset));
    }
    let plan = ways::plan(&Format::EventStream, "", &Limits::default());
    for (sent, offset) in [
        (&b":\xff\n"[..], 1),
        (b"id: \xc3\n", 4),
        (b"\xef\xbbx\n", 0),
        (b"da\xc3:\n", 2),
        (b"data: \"\xc3\n", 7),
        (b"\xef\xbb\xbf\xef\n", 3),
    ] {
        ways::check(&plan, "", sent, Err((Fault::NotUtf8, offset, "$[0]")));
    }
}

#[test]
fn a_fault_in_a_held_event_of_many_lines_is_told_at_its_byte() {
    let rules = "record $[*]; release_if @.ok; year! $[*].dob; keep $[*].a";
    let sent = "data: {\"ok\":1,\nid: CANARY\n: x\ndata: \"dob\":\ndata: \"1941\"}\n\ndata: {\"ok\":1,\ndata: \"dob\":\nid: 1\ndata: \"x\"}\n\n";
    let byte = sent.find("\"x\"").unwrap() as u64;
    events(rules, sent, Err((Fault::Mismatch, byte, "$[1].dob")));
    let limits = Limits {
        held_bytes: 30,
        ..Limits::default()
    };
    let plan = ways::plan(&Format::EventStream, rules, &limits);
    let becomes = Err((Fault::HeldTooLarge, 36, "$[0]"));
    ways::check(&plan, "", sent.as_bytes(), becomes);
}

#[test]
fn p5_a_body_is_no_longer_than_its_limit() {
    for body_bytes in 0..STREAM.len() as u64 {
        let limits = Limits {
            body_bytes,
            ..Limits::default()
        };
        let plan = ways::plan(&Format::EventStream, "keep $[*].name", &limits);
        let error = ways::run(&plan, "", STREAM.as_bytes(), usize::MAX).unwrap_err();
        assert_eq!(
            (error.fault, error.offset),
            (Fault::BodyTooLarge, body_bytes)
        );
    }
}

/// An event for each document, its lines as they are; what they say read again.
fn read(stream: &str) -> Vec<String> {
    let event = |event: &str| {
        let lines = event
            .lines()
            .map(|line| line.strip_prefix("data: ").unwrap());
        lines.collect::<Vec<_>>().join("\n")
    };
    stream.split_terminator("\n\n").map(event).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn events_leave_what_the_array_of_their_documents_would(
        rules in drawn::rules(),
        documents in proptest::collection::vec(drawn::document(), 0..5),
        spread in any::<bool>(),
    ) {
        // A line feed behind each comma and bracket that is no part of a string.
        let documents: Vec<String> = documents
            .iter()
            .map(|document| {
                let mut in_string = false;
                let mut before = ' ';
                document.chars().map(|character| {
                    in_string ^= character == '"' && before != '\\';
                    before = character;
                    let feed = spread && !in_string && matches!(character, ',' | '[' | '{');
                    format!("{character}{}", if feed { "\n" } else { "" })
                }).collect()
            })
            .collect();
        let of_array = support::plan(&support::rules(&rules), &Limits::default());
        let array = support::run(&of_array, [format!("[{}]", documents.join(",")).as_bytes()]);
        let plan = ways::plan(&Format::EventStream, &rules, &Limits::default());
        let stream: String = documents.iter().map(|document| {
            format!("id: 1\n{}\n", document.lines().map(|line| format!("data: {line}\n")).collect::<String>())
        }).collect();
        match (array, ways::run(&plan, "", stream.as_bytes(), 40)) {
            (Ok(array), Ok(events)) => {
                let joined = format!("[{}]", read(&events.text).join(","));
                let array_text = if array.text == "null" { "[]" } else { &array.text };
                if rules.contains("keep_all") {
                    // The array kept whole keeps the white space between its elements.
                    prop_assert_eq!(support::compact(array_text), support::compact(&joined));
                } else {
                    prop_assert_eq!(array_text, &joined);
                }
                prop_assert_eq!(array.subjects, events.subjects);
                prop_assert_eq!(array.tally.records_released, events.tally.records_released);
            }
            (Err(array), Err(events)) => {
                prop_assert_eq!(array.fault, events.fault);
                prop_assert_eq!(array.path, events.path);
            }
            (array, events) => panic!("{array:?} and {events:?}"),
        }
    }
}
