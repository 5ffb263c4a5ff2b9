//! Tables of separated values: the same bytes and the same fault at every cut (P8), what the plain reader reads and
//! no fault but its, what the document model lets through.
//!
//! The first line of the input picks from the tests' vocabulary, a letter each: the dialect, the record, a limit for
//! held bytes (`A` for the ordinary one), then rules. The rest is the table.

#![no_main]
#![allow(dead_code, reason = "the tests' modules hold more than is asked here")]

#[path = "../../tests/minimiser/document.rs"]
mod document;
#[path = "../../tests/formats_csv/harness.rs"]
mod harness;
#[path = "../../tests/formats_csv/model.rs"]
mod model;
#[path = "../../tests/minimiser/oracle.rs"]
mod oracle;
#[path = "../../tests/minimiser/support.rs"]
mod support;
#[path = "../../tests/formats_csv/vocabulary.rs"]
mod vocabulary;

use fieldgate::minimise::{BodyFault, Limits};
use fieldgate::plan::Plan;
use libfuzzer_sys::{Corpus, fuzz_target};

/// Rules of one input, and bytes of tables that the model is asked about: it is slow.
const RULES: usize = 5;
const MODELLED: usize = 400;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return Corpus::Reject;
    };
    let (letters, body) = (&input[..end], &input[end + 1..]);
    let &[words, record, limit, ref fields @ ..] = letters else {
        return Corpus::Reject;
    };
    if fields.len() > RULES {
        return Corpus::Reject;
    }
    let pick = |list: &[&'static str], letter: u8| {
        list[usize::from(letter.wrapping_sub(b'A')) % list.len()]
    };
    let words = pick(vocabulary::DIALECTS, words);
    let mut said: Vec<&str> = fields
        .iter()
        .map(|letter| pick(vocabulary::FIELDS, *letter))
        .collect();
    said.push(pick(vocabulary::RECORDS, record));
    let said = said.join("; ");
    let rules = harness::rules(words, &said);
    let held_bytes = match limit.wrapping_sub(b'A') {
        0 => 1 << 20,
        few => usize::from(few),
    };
    let limits = Limits {
        held_bytes,
        ..Limits::default()
    };
    let Ok(plan) = Plan::compile(&rules, &support::keys(), &limits) else {
        return Corpus::Reject;
    };
    let plan = std::sync::Arc::new(plan);

    let ran = harness::run(&plan, [body]);
    let sum = input.iter().fold(7_usize, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
    });
    let (head, tail) = body.split_at(sum % (body.len() + 1));
    assert_eq!(
        harness::run(&plan, [head, tail]),
        ran,
        "cut at {}",
        head.len()
    );
    assert_eq!(harness::run(&plan, body.chunks(1)), ran, "byte by byte");
    if held_bytes < 1 << 20 {
        return Corpus::Keep;
    }

    let csv = harness::dialect(words);
    match model::read(body, &csv) {
        Err((fault, offset)) => {
            let error = ran.expect_err("what the plain reader refuses");
            let refused = error.fault == BodyFault::Mismatch && said.contains('!');
            assert!((error.fault, error.offset) == (fault, offset as u64) || refused);
        }
        Ok(table) if body.len() <= MODELLED && !words.contains("guard") => {
            table.assert_agrees(&rules, &csv, &ran, &|| format!("{words} {said}"));
        }
        Ok(_) => {
            let refused = ran.is_err_and(|error| error.fault != BodyFault::Mismatch);
            assert!(!refused, "refused what the plain reader reads");
        }
    }
    Corpus::Keep
});
