//! Bodies of several documents: the first line of the input is `n`, `s` or `e` for the format and then rules, the rest
//! is a body. The same at every cut, and what leaves is what the array of the documents lets leave.

#![no_main]
#![allow(dead_code, reason = "the tests' modules hold more than is asked here")]

#[path = "../../tests/minimiser/document.rs"]
mod document;
mod notation;
#[path = "../../tests/minimiser/oracle.rs"]
mod oracle;
#[path = "../../tests/minimiser/support.rs"]
mod support;
#[path = "../../tests/formats/ways.rs"]
mod ways;

use std::sync::Arc;

use fieldgate::minimise::Limits;
use fieldgate::plan::{BodyRules, Format, Plan};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Bytes of a body that is cut everywhere.
const CUTS: usize = 60;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((letter, rules, body)) = notation::read(input) else {
        return Corpus::Reject;
    };
    let format = match letter {
        b'n' => Format::Ndjson,
        b's' => Format::JsonSequence,
        b'e' => Format::EventStream,
        _ => return Corpus::Reject,
    };
    let limits = notation::limits(input);
    let of_format = BodyRules {
        format: format.clone(),
        ..rules.clone()
    };
    let plans = (
        Plan::compile(&of_format, &support::keys(), &limits),
        Plan::compile(&rules, &support::keys(), &limits),
    );
    let (Ok(plan), Ok(of_array)) = plans else {
        return Corpus::Reject;
    };
    let ran = ways::run(&Arc::new(plan), "", body, CUTS);
    let Ok(ran) = ran else {
        return Corpus::Keep;
    };
    // What is so large that only the array, or only the documents, go over a limit tells nothing.
    if limits != Limits::default() {
        return Corpus::Keep;
    }
    let sent = std::str::from_utf8(body).expect("what was taken is UTF-8");
    let array = format!("[{}]", documents(&format, sent).join(","));
    let array = support::run(&Arc::new(of_array), [array.as_bytes()])
        .expect("the array of documents that were taken is one");
    let left = format!("[{}]", documents(&format, &ran.text).join(","));
    let array_left = if array.text == "null" {
        "[]"
    } else {
        &array.text
    };
    assert_eq!(support::compact(&left), support::compact(array_left));
    assert_eq!(ran.subjects, array.subjects);
    assert_eq!(
        (ran.tally.records_released, ran.tally.records_withheld),
        (array.tally.records_released, array.tally.records_withheld)
    );
    Corpus::Keep
});

/// The documents of a body that was taken, read plainly.
fn documents(format: &Format, body: &str) -> Vec<String> {
    let blank = |text: &&str| !text.trim_matches([' ', '\t', '\r', '\n']).is_empty();
    match format {
        Format::Ndjson => body.split('\n').filter(blank).map(str::to_owned).collect(),
        Format::JsonSequence => body
            .split('\u{1e}')
            .filter(blank)
            .map(str::to_owned)
            .collect(),
        _ => events(body),
    }
}

fn events(body: &str) -> Vec<String> {
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let body = body.replace("\r\n", "\n").replace('\r', "\n");
    let mut documents = Vec::new();
    let mut data: Option<String> = None;
    for line in body.split('\n') {
        if line.is_empty() {
            documents.extend(data.take());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let data = data.get_or_insert_default();
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
            data.push('\n');
        }
    }
    documents
}
