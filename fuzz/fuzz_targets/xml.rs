//! The machine for XML: the first line of the input is rules, the rest a body. The same bytes and the same fault at
//! every cut and under tight limits (P8); the verdict of a tree reader; under rules drawn from the body's own names
//! what the plain tree model lets through (P1).

#![no_main]
#![allow(dead_code, reason = "the tests' modules hold more than is asked here")]

#[path = "../../tests/formats_xml/differential.rs"]
mod differential;
#[path = "../../tests/minimiser/document.rs"]
mod document;
#[path = "../../tests/formats_xml/draw.rs"]
mod draw;
#[path = "../../tests/formats_xml/model.rs"]
mod model;
#[path = "../../tests/minimiser/oracle.rs"]
mod oracle;
#[path = "../../tests/minimiser/support.rs"]
mod support;
#[path = "../../tests/formats_xml/ways.rs"]
mod ways;

use fieldgate::plan::{Condition, Selector};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Bytes of rules: what is slow to compile is not what is looked for.
const RULES: usize = 200;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return Corpus::Reject;
    };
    let (fields, body) = (&input[..end], &input[end + 1..]);
    let fields = std::str::from_utf8(fields).ok();
    let Some(fields) = fields.filter(|fields| fields.len() <= RULES && readable(fields)) else {
        return Corpus::Reject;
    };
    let mut draw = draw::Draw::new(input);
    differential::assert_same_at_every_cut(fields, body, &mut draw);
    let Ok(body) = std::str::from_utf8(body) else {
        return Corpus::Keep;
    };
    differential::assert_same_verdict(body);
    if let Ok(document) = roxmltree::Document::parse(body)
        && ways::run(
            &ways::plan("", &[], &fieldgate::minimise::Limits::default()),
            [body.as_bytes()],
        )
        .is_ok()
    {
        let rules = draw.rules(&document);
        differential::assert_agree(&rules, body, &document, 0);
    }
    Corpus::Keep
});

/// Whether the tests' notation can read `fields`, which panics on what it cannot.
fn readable(fields: &str) -> bool {
    const WORDS: [&str; 7] = [
        "keep",
        "keep_all",
        "drop",
        "mask",
        "year",
        "token:a",
        "replace:0",
    ];
    !fields.contains('"')
        && fields.matches('\'').count().is_multiple_of(2)
        && fields.split(';').map(str::trim).all(|statement| {
            let (word, rest) = statement.split_once(' ').unwrap_or((statement, ""));
            match word {
                "" => rest.is_empty(),
                "prune" => true,
                "release_if" => Condition::parse(rest.trim()).is_ok(),
                "record" | "subject" => Selector::parse(rest.trim()).is_ok(),
                _ => {
                    WORDS.contains(&word.trim_end_matches('!'))
                        && Selector::parse(rest.trim()).is_ok()
                }
            }
        })
}
