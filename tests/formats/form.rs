//! URL-encoded forms: rows, refusals, limits.

use fieldgate::minimise::{BodyFault as Fault, FieldOutcome, Limits, Tally};
use fieldgate::plan::{BodyRules, Format, Plan};

use super::support;
use super::ways::{self, Becomes};

fn form(rules: &str, sent: &str, becomes: Becomes<'_>) -> Tally {
    let plan = ways::plan(&Format::Form, rules, &Limits::default());
    ways::check(&plan, "", sent.as_bytes(), becomes)
}

const SENT: &str = "na%6De=Ada+L%C3%b6w&nhs=401+023+2137&dob=1941-03-07&tag=x&CANARY-1=CANARY-2\
     &note=CANARY-3&tag=y%20z&empty=&bare&tag=";

#[test]
fn p1_p8_pairs_leave_by_their_rules_at_every_cut() {
    // The names given more than once are such in every row.
    for (rules, leaves) in [
        ("", ""),
        ("drop $", ""),
        ("keep $", ""),
        ("keep $.name", "na%6De=Ada+L%C3%b6w"),
        (
            "keep $.name; keep $.dob",
            "na%6De=Ada+L%C3%b6w&dob=1941-03-07",
        ),
        ("keep $.empty; keep $.bare", "empty=&bare"),
        ("mask $.empty; mask $.bare", "empty=&bare"),
        ("year $.dob", "dob=1941"),
        ("year $.name; keep $.dob", "dob=1941-03-07"),
        ("mask-last-2 $.name", "na%6De=*****%C3%B6w"),
        ("replace:\"a\\u0020b/*c*\" $.nhs", "nhs=a+b%2F*c*"),
        ("replace:null $.nhs", "nhs="),
        ("replace:12 $.nhs", "nhs=12"),
        ("keep $.name; mask $.name; year $.name", ""),
        ("keep $.name.x; keep $.name[*].y", ""),
        ("keep $.zzz", ""),
    ] {
        form(&format!("{rules}; drop $.tag"), SENT, Ok(leaves));
    }
    form("keep $.tag[*]", SENT, Ok("tag=x&tag=y%20z&tag="));
    form("keep $.tag[1]", SENT, Ok("tag=y%20z"));
    form(
        "keep $..tag[*]; keep $..name",
        SENT,
        Ok("na%6De=Ada+L%C3%b6w&tag=x&tag=y%20z&tag="),
    );
    form(
        "keep $.*[0]; drop $..note",
        SENT,
        Ok(
            "na%6De=Ada+L%C3%b6w&nhs=401+023+2137&dob=1941-03-07&tag=x&CANARY-1=CANARY-2&empty=&bare",
        ),
    );
    form("mask $.a; keep $.a[*]", "a=x", Ok("a=*"));
    form(
        "mask $.a; keep $.a[*]",
        "a=x&a=y",
        Err((Fault::DuplicateName, 4, "$.a")),
    );
    form(
        "keep $.a",
        "a=x&b&%61=y",
        Err((Fault::DuplicateName, 6, "$.a")),
    );
    form("keep $.a", "b=x&b=y", Err((Fault::DuplicateName, 4, "$.*")));
    form(
        "keep $.tag[1:]; mask $.tag[0]",
        SENT,
        Ok("tag=*&tag=y%20z&tag="),
    );
    let whole = form("keep_all $", SENT, Ok(SENT));
    assert_eq!(whole.field(FieldOutcome::KeepAll), 10);
    form(
        "keep_all $; drop $.note; drop $..tag; drop $['CANARY-1']",
        SENT,
        Ok("na%6De=Ada+L%C3%b6w&nhs=401+023+2137&dob=1941-03-07&empty=&bare"),
    );
    form(
        "keep $.*; drop $.tag",
        SENT,
        Ok(
            "na%6De=Ada+L%C3%b6w&nhs=401+023+2137&dob=1941-03-07&CANARY-1=CANARY-2&note=CANARY-3&empty=&bare",
        ),
    );
    form("keep_all $", "", Ok(""));
    form("keep_all $", "=", Ok("="));
    form("keep $['']", "=x&a=1", Ok("=x"));
    form("keep $.a", "a=b=c;d=e", Ok("a=b=c;d=e"));
    form("keep $.a", "a=1%0D%0A2%09", Ok("a=1%0D%0A2%09"));
    form("keep $['a b']", "a+b=1", Ok("a+b=1"));
}

#[test]
fn a_form_is_a_record() {
    let leaves = "na%6De=Ada+L%C3%b6w";
    let rules = "record $; subject $.nhs; drop $.tag; keep $.name";
    let plan = ways::plan(&Format::Form, rules, &Limits::default());
    let ran = ways::run(&plan, "", SENT.as_bytes(), usize::MAX).unwrap();
    assert_eq!((ran.text.as_str(), ran.subjects.len()), (leaves, 1));
    assert_eq!(
        (ran.tally.records_released, ran.tally.subjects_missing),
        (1, 0)
    );
    let tally = form(
        "record $; subject $.empty; keep $.name; drop $.tag",
        SENT,
        Ok(leaves),
    );
    assert_eq!((tally.records_released, tally.subjects_missing), (1, 1));
    for (condition, holds) in [
        ("@.name == 'Ada Löw'", true),
        ("$.name == 'Ada'", false),
        ("@.tag[1] == 'y z' && @.tag[0] == 'x'", true),
        ("length(@.tag) == 3 && @.tag[2] == null", true),
        ("@.empty == null && @.bare == null", true),
        ("@.zzz", false),
        ("@['CANARY-1'] == 'CANARY-2'", true),
    ] {
        let rules = format!("{rules}; release_if {condition}");
        let plan = ways::plan(&Format::Form, &rules, &Limits::default());
        let ran = ways::run(&plan, "", SENT.as_bytes(), usize::MAX).unwrap();
        assert_eq!(ran.text, if holds { leaves } else { "" }, "{condition}");
        assert_eq!(ran.tally.records_released, u64::from(holds));
        assert_eq!(ran.tally.records_withheld, u64::from(!holds));
        assert_eq!(ran.subjects.len(), usize::from(holds));
        assert_eq!(ran.tally.field(FieldOutcome::Keep), u64::from(holds));
        assert_eq!(ran.tally.bytes_in, SENT.len() as u64);
    }
}

#[test]
fn p4_a_mismatch_is_refused_only_of_what_would_leave() {
    let sent = "ok=no&dob=x";
    form("year! $.dob", sent, Err((Fault::Mismatch, 10, "$.dob")));
    form(
        "record $; year! $.dob",
        sent,
        Err((Fault::Mismatch, 10, "$.dob")),
    );
    form(
        "record $; release_if @.ok == 'no'; year! $.dob",
        sent,
        Err((Fault::Mismatch, 10, "$.dob")),
    );
    form(
        "record $; release_if @.ok == 'yes'; year! $.dob",
        sent,
        Ok(""),
    );
    form("year! $", "", Err((Fault::Mismatch, 0, "$")));
    let tally = form("year $.dob", sent, Ok(""));
    assert_eq!(tally.field(FieldOutcome::Mismatch), 1);
}

#[test]
fn p4_nothing_of_a_broken_record_leaves() {
    for rules in ["record $; keep_all $", "record $; release_if @; keep_all $"] {
        let plan = ways::plan(&Format::Form, rules, &Limits::default());
        let mut machine = fieldgate::minimise::machine(&plan, "", jiff::civil::date(2026, 11, 22));
        let mut out = Vec::new();
        machine.push(b"a=CANARY&b=", &mut out).unwrap();
        machine.push(b"\xff", &mut out).unwrap_err();
        machine.finish(&mut out).unwrap_err();
        assert!(out.is_empty());
    }
}

#[test]
fn p5_limits_end_a_form_at_every_cut() {
    let limits = Limits {
        held_bytes: 20,
        name_bytes: 5,
        object_members: 3,
        body_bytes: 50,
        ..Limits::default()
    };
    for (rules, sent, fault, offset, path) in [
        ("", "abcdef=1", Fault::NameTooLong, 5, "$"),
        ("", "x=1&%61%62=1", Fault::NameTooLong, 9, "$"),
        (
            "keep $.tag[*]",
            "a=1&b=1&tag=1&tag=2&c=1",
            Fault::TooManyMembers,
            20,
            "$.*",
        ),
        (
            "mask $.a",
            "a=123456789012345678901&b=1",
            Fault::HeldTooLarge,
            22,
            "$.a",
        ),
        (
            "record $; keep $.a",
            "a=1&b=123456789012345",
            Fault::HeldTooLarge,
            20,
            "$",
        ),
        (
            "record $; release_if @; keep $.a",
            "a=1&b=123456789012345",
            Fault::HeldTooLarge,
            20,
            "$",
        ),
        (
            "keep $.a",
            "a=123456789012345678901234567890123456789012345678901",
            Fault::BodyTooLarge,
            50,
            "$.a",
        ),
    ] {
        let plan = ways::plan(&Format::Form, rules, &limits);
        ways::check(&plan, "", sent.as_bytes(), Err((fault, offset, path)));
    }
    let plan = ways::plan(&Format::Form, "record $; mask $.a; keep $.b", &limits);
    ways::check(
        &plan,
        "",
        b"a=123456789012345678",
        Ok("a=******************"),
    );
}

#[test]
fn rules_that_need_more_than_a_form_are_refused_at_load() {
    for format in [Format::Form, Format::Multipart] {
        for (rules, part) in [
            ("record $.a; keep_all $", "`record: $`"),
            ("keep $[?@.a].b", "not for forms"),
            ("keep $.tag[-1]", "not for forms"),
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
fn every_byte_is_read_as_the_standard_reads_it_or_refused() {
    // A value of every byte, raw and encoded: what is let through decodes to itself.
    let plan = ways::plan(&Format::Form, "keep $.a; mask $.b", &Limits::default());
    for byte in 0..=255_u8 {
        let encoded = format!("a=%{byte:02x}&b=1");
        let control = byte < 0x20 && !b"\t\n\r".contains(&byte) || byte == 0x7F;
        let becomes = if control {
            Err((Fault::Malformed, 2, "$.a"))
        } else if byte >= 0x80 {
            Err((Fault::NotUtf8, 2, "$.a"))
        } else {
            Ok(format!("a=%{byte:02x}&b=*"))
        };
        let becomes = becomes.as_deref().map_err(|error| *error);
        ways::check(&plan, "", encoded.as_bytes(), becomes);
        let raw = [&b"a="[..], &[byte], b"&b=1"].concat();
        match byte {
            b'%' => ways::check(&plan, "", &raw, Err((Fault::Malformed, 3, "$.a"))),
            b'&' => ways::check(&plan, "", &raw, Err((Fault::Malformed, 3, "$"))),
            0x21..=0x7E => {
                let leaves = format!("a={}&b=*", char::from(byte));
                ways::check(&plan, "", &raw, Ok(&leaves))
            }
            _ => ways::check(&plan, "", &raw, Err((Fault::Malformed, 2, "$.a"))),
        };
    }
}

#[test]
fn p8_what_a_transform_gives_is_read_back_as_it_gave_it() {
    let text = "a b+c&d=e%f/é𝄞\r\n~*-._";
    let rules = format!(
        "replace:{} $.a",
        serde_json::to_string(text).unwrap().replace(' ', "\\u0020")
    );
    let plan = ways::plan(&Format::Form, &rules, &Limits::default());
    let ran = ways::run(&plan, "", b"a=1", usize::MAX).unwrap();
    assert_eq!(
        ran.text,
        "a=a+b%2Bc%26d%3De%25f%2F%C3%A9%F0%9D%84%9E%0D%0A%7E*-._"
    );
    let plan = ways::plan(
        &Format::Form,
        "record $; release_if @.a == 'a b+c&d=e%f/é𝄞\\r\\n~*-._'; keep $.a",
        &Limits::default(),
    );
    let again = ways::run(&plan, "", ran.text.as_bytes(), usize::MAX).unwrap();
    assert_eq!(again.text, ran.text);
}
