//! The machine against the model of the minimiser's tests: the first line of the input is rules, made of the tests'
//! own vocabulary; the rest is a body.

#![no_main]
#![allow(dead_code, reason = "the tests' modules hold more than is asked here")]

#[path = "../../tests/minimiser/document.rs"]
mod document;
#[path = "../../tests/minimiser/oracle.rs"]
mod oracle;
#[path = "../../tests/minimiser/support.rs"]
mod support;
#[path = "../../tests/minimiser/vocabulary.rs"]
mod vocabulary;

use fieldgate::minimise::Limits;
use libfuzzer_sys::{Corpus, fuzz_target};
use support::{assert_agree, plan_within_bounds, rules, run};
use vocabulary::{
    ACTIONS, CONDITIONS, HELD, HELD_CONDITIONS, HELD_RECORDS, HELD_SUBJECTS, RECORDS, STREAMED,
    SUBJECTS,
};

/// Statements in one input.
const STATEMENTS: usize = 8;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return Corpus::Reject;
    };
    let (fields, body) = (&input[..end], &input[end + 1..]);
    let Some(fields) = std::str::from_utf8(fields).ok().and_then(known) else {
        return Corpus::Reject;
    };
    let limits = Limits::default();
    let rules = rules(&fields);
    // More filters may meet on one value than are taken.
    let Some(plan) = plan_within_bounds(&rules, &limits) else {
        return Corpus::Reject;
    };
    let whole = run(&plan, [body]);
    assert_eq!(run(&plan, body.chunks(3)), whole, "pieces of three bytes");
    assert_agree(&rules, &limits, body, &whole, &|| fields.clone());
    Corpus::Keep
});

/// `fields`, if the model's engine is known to read its words right. What is of a record needs one.
fn known(fields: &str) -> Option<String> {
    let statements: Vec<&str> = fields.split(';').map(str::trim).collect();
    let of_record = |statement: &&str| {
        [SUBJECTS, HELD_SUBJECTS, CONDITIONS, HELD_CONDITIONS]
            .concat()
            .contains(statement)
    };
    let records = statements
        .iter()
        .filter(|statement| statement.starts_with("record "))
        .count();
    let is_known = |statement: &&str| {
        of_record(statement)
            || *statement == "prune"
            || [RECORDS, HELD_RECORDS].concat().contains(statement)
            || is_rule(statement)
    };
    let needs_record = statements
        .iter()
        .any(|statement| !statement.is_empty() && of_record(statement));
    let fits = statements.len() <= STATEMENTS
        && records <= 1
        && (records == 1 || !needs_record)
        && statements.iter().all(is_known);
    fits.then(|| fields.to_owned())
}

fn is_rule(statement: &str) -> bool {
    let Some((word, selector)) = statement.split_once(' ') else {
        return false;
    };
    let word = word.trim_end_matches('!');
    let Some(mut rest) = selector.strip_prefix('$') else {
        return false;
    };
    let segments = [STREAMED, HELD].concat();
    while !rest.is_empty() {
        // The longest, since some begin like others.
        let fitting = segments
            .iter()
            .filter_map(|segment| rest.strip_prefix(segment));
        match fitting.min_by_key(|rest| rest.len()) {
            Some(shorter) => rest = shorter,
            None => return false,
        }
    }
    ACTIONS.iter().any(|(_, action)| *action == word)
}
