//! The tables and examples of docs/FORMATS.md: what it says is so.

use fieldgate::minimise::{BodyFault, Limits};

use crate::ways::{compile, plan, rules, run_every_way};

const PAGE: &str = include_str!("../../docs/FORMATS.md");

/// The page's section on XML.
fn section() -> &'static str {
    let (_, section) = PAGE.split_once("\n## XML\n").unwrap();
    section.split_once("\n## ").map_or(section, |(own, _)| own)
}

#[test]
fn every_refusal_in_the_documentation_is_one() {
    let (_, table) = section().split_once("### What is refused").unwrap();
    let mut rows = 0;
    let mut said = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [what, fault, example] = cells.as_slice() else {
            panic!("{line}");
        };
        let fault = fault.trim_matches('`');
        let body = match *example {
            "129 elements" => "<a>".repeat(129).into_bytes(),
            "65,537 attributes" => {
                let attributes: String = (0..65_537).map(|n| format!(" a{n}=''")).collect();
                format!("<a{attributes}/>").into_bytes()
            }
            "a name of 4,097 bytes" => format!("<{}/>", "a".repeat(4_097)).into_bytes(),
            "a value of 2 MiB that a transform is for" => {
                format!("<a><b>{}</b></a>", "x".repeat(2 << 20)).into_bytes()
            }
            r"`\xff\xfe<`" => b"\xff\xfe<".to_vec(),
            example => example.trim_matches('`').as_bytes().to_vec(),
        };
        for rules in ["year $.a.b", "keep_all $", ""] {
            if fault == "held_too_large" && rules != "year $.a.b" {
                continue;
            }
            let plan = plan(rules, &[], &Limits::default());
            let ran = if body.len() < 100 {
                run_every_way(&plan, &body, 100)
            } else {
                crate::ways::run(&plan, body.chunks(50_000))
            };
            assert_eq!(
                ran.unwrap_err().fault.code(),
                fault,
                "{what}, under `{rules}`"
            );
        }
        said.push(fault.to_owned());
        rows += 1;
    }
    assert_eq!(rows, 21);
    for fault in BodyFault::ALL {
        // These are JSON's, tables', the gateway's and the rules'.
        let others = matches!(
            fault,
            BodyFault::ByteOrderMark
                | BodyFault::BadNumber
                | BodyFault::Ragged
                | BodyFault::BodyTooLarge
                | BodyFault::Mismatch
                | BodyFault::Undeclared
                | BodyFault::TooManyGroups
        );
        assert!(
            others || said.iter().any(|said| said == fault.code()),
            "{fault}"
        );
    }
}

#[test]
fn the_envelope_in_the_documentation_leaves_as_it_says() {
    let (_, after) = section().split_once("```xml\n<s:Envelope").unwrap();
    let (sent, after) = after.split_once("```").unwrap();
    let (_, after) = after.split_once("```xml\n").unwrap();
    let (leaves, _) = after.split_once("\n```").unwrap();
    let known = [
        ("soap", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("c", "urn:council"),
    ];
    let rule = "keep $['soap:Envelope']['soap:Body']['c:GetPerson']['c:Name']";
    let plan = plan(rule, &known, &Limits::default());
    let ran = run_every_way(&plan, format!("<s:Envelope{sent}").as_bytes(), usize::MAX).unwrap();
    assert_eq!(ran.text, leaves);
}

#[test]
fn rules_that_no_element_can_meet_are_refused_with_what_to_write() {
    let namespaces: &[(&str, &str)] = &[("soap", "urn:soap"), ("", "urn:default")];
    // The rules, and a word of the answer.
    for (text, word) in [
        ("keep $.a[0]", "positions"),
        ("keep $.a[1:2]", "positions"),
        ("keep $.a[?@.b == 1]", "release_if"),
        ("keep $..['x:b']", "declare"),
        ("keep $['first name']", "@name"),
        ("keep $['@']", "@name"),
        ("keep $['{urn:soap}a']", "namespaces"),
        ("keep $['a:b:c']", "declare"),
        ("keep $['{urn:x}a b']", "@name"),
        ("replace:\"\\u0000\" $.a", "control"),
        ("record $.a; release_if $.b == 1; keep $.a.c", "write @"),
        ("record $.a[0]; keep $.a.c", "positions"),
        ("record $.a; subject $.b[0]; keep $.a.c", "positions"),
    ] {
        let faults = compile(&rules(text, namespaces), &Limits::default()).expect_err(text);
        assert!(faults[0].message.contains(word), "{text}: {faults:?}");
    }
    for text in [
        "keep $['soap:a'].b['@{urn:default}c']",
        "keep $['{}a']",
        "keep $['{urn:other}a']['#text']",
        "keep $.a['@xml:lang']",
        "record $; release_if $.b == 1; keep $.a",
        "keep $.名['@é']",
    ] {
        assert!(
            compile(&rules(text, namespaces), &Limits::default()).is_ok(),
            "{text}"
        );
    }
    for (namespaces, word) in [
        (&[("a b", "urn:a")], "prefix"),
        (&[("xmlns", "urn:a")], "prefix"),
        (&[("a", "")], "no namespace"),
    ] {
        let faults = compile(&rules("", namespaces), &Limits::default()).expect_err(word);
        assert!(faults[0].message.contains(word), "{faults:?}");
    }
    for namespaces in [
        [("a", "urn:a"), ("a", "urn:b")],
        [("a", "urn:a"), ("b", "urn:a")],
    ] {
        assert!(compile(&rules("", &namespaces), &Limits::default()).is_err());
    }
}
