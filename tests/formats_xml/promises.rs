//! The promises, each by its number.

use fieldgate::minimise::{BodyFault, FieldOutcome, Limits, machine};

use crate::ways::{plan, run, run_every_way};

/// Every place that a canary can stand in, around one name that is agreed.
const CANARIES: &str = "<?xml version='1.0'?><!-- canary --><?canary canary?>\n\
    <people xmlns:canary='urn:canary' canary='canary' canary:canary='canary'> canary &amp; <![CDATA[canary]]>\
    <canary><name>canary</name></canary><person canary='canary'>canary<!-- canary --><?canary?>\
    <name canary='canary' lang='en'>Ada<!-- canary --></name><canary:name>canary</canary:name>\
    <name>canary<canary/></name><name canary=''/><canary/><deep><canary/></deep>canary</person></people><!-- canary -->";

#[test]
fn p1_nothing_that_no_rule_names_leaves() {
    for rules in [
        "keep $.people.person.name",
        "keep $.people.person.name; keep $.people.person.name['@lang']",
        "keep $.people.person.name; keep $..['@lang']; drop $.people.canary",
        "mask $.people.person.name",
        "keep $.people.person.deep.x; prune",
        "keep $..['@lang']",
        "keep_all $; drop $..*; drop $..['#text']",
        "record $.people.person; keep $.people.person.name",
        "record $.people.person; release_if @['@canary'] == 'no'; keep_all $.people.person",
        "record $.people.person; release_if @..name; keep $.people.person.name; year $.people.person['@canary']",
        "drop $.people.person",
        "",
    ] {
        let plan = plan(rules, &[], &Limits::default());
        let ran = run_every_way(&plan, CANARIES.as_bytes(), usize::MAX).unwrap();
        assert!(!ran.text.contains("canary"), "{rules}: {}", ran.text);
        roxmltree::Document::parse(&ran.text).unwrap();
    }
}

#[test]
fn p4_nothing_that_is_held_leaves_after_a_fault() {
    for rules in [
        "record $.a; keep_all $",
        "record $.a; release_if @.b; keep_all $",
        "keep $.a.b",
        "keep $.a.*.c",
    ] {
        let plan = plan(rules, &[], &Limits::default());
        let sent = b"<a><b>canary</b";
        for cut in 0..sent.len() {
            let mut machine = machine(&plan, "", jiff::civil::date(2026, 11, 22));
            let mut out = Vec::new();
            let (head, tail) = sent.split_at(cut);
            machine.push(head, &mut out).unwrap();
            machine.push(tail, &mut out).unwrap();
            let error = machine
                .push(b"!", &mut out)
                .and_then(|()| machine.push(b">", &mut out));
            assert_eq!(error.unwrap_err().fault, BodyFault::Malformed);
            assert!(!String::from_utf8_lossy(&out).contains("canary"), "{rules}");
            assert!(machine.finish(&mut out).is_err());
        }
    }
}

#[test]
fn p5_text_that_is_kept_whole_streams() {
    let plan = plan(
        "keep_all $.a; drop $.a.c",
        &[],
        &Limits {
            held_bytes: 1_000,
            ..Limits::default()
        },
    );
    let mut machine = machine(&plan, "", jiff::civil::date(2026, 11, 22));
    let mut out = Vec::new();
    machine.push(b"<a><b>", &mut out).unwrap();
    let piece = "x &amp; é ]] ".repeat(100);
    for _ in 0..1_000 {
        out.clear();
        machine.push(piece.as_bytes(), &mut out).unwrap();
        // Nothing waits but what may be part of something.
        assert!(out.len() + 16 > piece.len());
    }
    machine.push(b"</b><c>", &mut out).unwrap();
    out.clear();
    for _ in 0..1_000 {
        machine.push(piece.as_bytes(), &mut out).unwrap();
    }
    assert_eq!(out, b"");
    machine.push(b"</c></a>", &mut out).unwrap();
    machine.finish(&mut out).unwrap();
    assert_eq!(out, b"</a>");
}

#[test]
fn p7_paths_tell_no_name_that_the_agreement_does_not_know() {
    let rules = "keep $.people.person.name; keep $..known";
    let plan = plan(rules, &[], &Limits::default());
    for (sent, path) in [
        ("<people><person><name>&canary;", "$.people.person.name"),
        ("<people><canary><name>&canary;", "$.people.*.*"),
        ("<canary><known><canary><", "$.*.known.*"),
    ] {
        let error = run(&plan, [sent.as_bytes()]).unwrap_err();
        assert_eq!(error.path, path);
    }
}

#[test]
fn each_fate_is_counted_once_where_it_is_decided() {
    use FieldOutcome as O;
    let sent = "<a i='1' j='2'>text<b>1</b><b><x/></b><c><d/><e>x</e></c><f/><g>1941-03-07</g><g>soon</g> </a>";
    let rules = "keep $.a['@i']; keep $.a.b; drop $.a.c; keep $.a.f; year $.a.g; keep $.a.h.i";
    let plan = plan(rules, &[], &Limits::default());
    let tally = run_every_way(&plan, sent.as_bytes(), usize::MAX)
        .unwrap()
        .tally;
    let counts: Vec<(O, u64)> = O::ALL
        .into_iter()
        .map(|outcome| (outcome, tally.field(outcome)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let expected = [
        // `@i`, the first `b`, `f`.
        (O::Keep, 3),
        (O::Drop, 1),
        // `@j` and the text beside elements.
        (O::Undeclared, 2),
        (O::Generalise, 1),
        // The second `b`, the second `g`.
        (O::Mismatch, 2),
    ];
    assert_eq!(counts, expected);
    assert_eq!(
        (tally.bytes_in, tally.records_released),
        (sent.len() as u64, 0)
    );
}
