//! The labelled sentences of presidio-research: what others have marked in texts of theirs.

#![expect(
    clippy::print_stdout,
    reason = "what was skipped, and how much was found, should be seen"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use fieldgate::detect::{Detectors, Kinds, Names, Scratch, THRESHOLD, What};

fn corpora() -> PathBuf {
    std::env::var_os("FIELDGATE_CORPORA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora")),
        PathBuf::from,
    )
}

/// The least share of each label's spans that must be removed, and what it is for.
const LEAST: [(&str, f64); 6] = [
    ("EMAIL_ADDRESS", 1.0),
    ("IP_ADDRESS", 1.0),
    ("IBAN_CODE", 1.0),
    ("CREDIT_CARD", 0.95),
    // Numbers of the whole world, most of them without a word that says so.
    ("PHONE_NUMBER", 0.6),
    // The names are given, as a record gives them.
    ("PERSON", 0.99),
];

#[test]
fn labelled_sentences_of_others_lose_what_is_labelled() {
    let path = corpora().join("pii-eval/presidio-research/data/synth_dataset_v2.json");
    let Ok(text) = std::fs::read(&path) else {
        println!("skipped: {} is not there", path.display());
        return;
    };
    let sentences: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let detectors = Detectors::new(Kinds::ALL, THRESHOLD, Vec::new());
    let (mut scratch, mut names) = (Scratch::default(), Names::default());
    let mut shares: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut findings, mut unlabelled) = (BTreeMap::new(), BTreeMap::new());
    for sentence in &sentences {
        let text = sentence["full_text"].as_str().unwrap();
        let spans = sentence["spans"].as_array().unwrap();
        names.clear();
        for span in spans.iter().filter(|span| span["entity_type"] == "PERSON") {
            names.add(span["entity_value"].as_str().unwrap());
        }
        let json = serde_json::to_string(text).unwrap();
        let inside = &json[1..json.len() - 1];
        // Offsets count characters of the text; where each stands in the JSON string.
        let mut places = Vec::new();
        let mut at = 0;
        for character in text.chars() {
            places.push(at);
            at += serde_json::to_string(&character).unwrap().len() - 2;
        }
        places.push(at);
        let found = detectors.find(inside.as_bytes(), Kinds::NONE, Some(&names), &mut scratch);
        let span_of = |span: &serde_json::Value| {
            let place = |key: &str| places[usize::try_from(span[key].as_u64().unwrap()).unwrap()];
            place("start_position")..place("end_position")
        };
        for span in spans {
            let range = span_of(span);
            let removed = found.iter().any(|found| found.start <= range.start && range.end <= found.end)
                // A title or a full stop at a span's edge names nobody.
                || span["entity_type"] == "PERSON"
                    && found.iter().any(|found| found.start < range.end && range.start < found.end);
            let share = shares
                .entry(span["entity_type"].as_str().unwrap().to_owned())
                .or_default();
            share.0 += usize::from(removed);
            share.1 += 1;
        }
        for found in found {
            let What::Kind(kind) = found.what else {
                continue;
            };
            *findings.entry(kind).or_insert(0) += 1;
            let is_labelled = spans.iter().any(|span| {
                let range = span_of(span);
                found.start < range.end && range.start < found.end
            });
            *unlabelled.entry(kind).or_insert(0) += usize::from(!is_labelled);
        }
    }
    for (label, (removed, all)) in &shares {
        println!("{label}: {removed} of {all}");
    }
    for (kind, count) in &findings {
        println!(
            "{}: {count} found, {} of them not labelled",
            kind.word(),
            unlabelled[kind]
        );
    }
    for (label, least) in LEAST {
        let (removed, all) = shares[label];
        let share = removed as f64 / all as f64;
        assert!(share >= least, "{label}: {removed} of {all}");
    }
    let wrong: usize = unlabelled.values().sum();
    let all: usize = findings.values().sum();
    assert!(
        wrong * 50 <= all,
        "{wrong} of {all} findings are not labelled"
    );
}
