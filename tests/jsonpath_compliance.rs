//! Every case of the JSONPath compliance suite: valid selectors give exactly the nodes it lists, in its order;
//! invalid ones are refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::path::PathBuf;

use fieldgate::minimise::Kind;
use fieldgate::minimise::query::{CompiledQuery, Held, Node};
use fieldgate::plan::Selector;
use serde_json::Value;

/// The corpora's folder, or the text that says where to get it.
fn corpora() -> Result<PathBuf, String> {
    let place = std::env::var_os("FIELDGATE_CORPORA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    if place.is_dir() {
        Ok(place)
    } else {
        Err(
            "skipped: no corpora here; clone https://github.com/jsonpath-standard/jsonpath-compliance-test-suite as \
             jsonpath-cts into a folder and name that folder in FIELDGATE_CORPORA"
                .to_owned(),
        )
    }
}

/// The normalised path (RFC 9535 §2.7) of each node of `held`.
fn paths(held: &Held<'_>) -> HashMap<Node, String> {
    fn fill(held: &Held<'_>, node: Node, path: String, all: &mut HashMap<Node, String>) {
        let is_array = held.kind(node) == Kind::Array;
        all.insert(node, path.clone());
        for (position, child) in held.children(node).enumerate() {
            let step = match held.name(child) {
                Some(name) => {
                    let name: String =
                        serde_json::from_str(&format!("\"{}\"", str::from_utf8(name).unwrap()))
                            .unwrap();
                    format!("['{}']", normalised(&name))
                }
                None => {
                    assert!(is_array);
                    format!("[{position}]")
                }
            };
            fill(held, child, format!("{path}{step}"), all);
        }
    }
    let mut all = HashMap::new();
    fill(held, held.root(), "$".to_owned(), &mut all);
    all
}

fn normalised(name: &str) -> String {
    name.chars()
        .map(|character| match character {
            '\'' => r"\'".to_owned(),
            '\\' => r"\\".to_owned(),
            '\u{8}' => r"\b".to_owned(),
            '\u{c}' => r"\f".to_owned(),
            '\n' => r"\n".to_owned(),
            '\r' => r"\r".to_owned(),
            '\t' => r"\t".to_owned(),
            '\0'..='\u{1f}' => format!("\\u{:04x}", u32::from(character)),
            _ => character.to_string(),
        })
        .collect()
}

#[test]
#[expect(
    clippy::print_stderr,
    reason = "a test that is skipped, and how many cases ran, should be seen"
)]
fn every_case_of_the_compliance_suite_is_right() {
    let suite = match corpora() {
        Ok(place) => place.join("jsonpath-cts/cts.json"),
        Err(skipped) => return eprintln!("{skipped}"),
    };
    let suite: Value = serde_json::from_slice(&std::fs::read(suite).unwrap()).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    let mut wrong = Vec::new();
    for case in suite["tests"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let selector = Selector::parse(case["selector"].as_str().unwrap());
        if case["invalid_selector"] == true {
            invalid += 1;
            if selector.is_ok() {
                wrong.push(format!("{name}: accepted"));
            }
            continue;
        }
        valid += 1;
        let selector = match selector {
            Ok(selector) => selector,
            Err(error) => {
                wrong.push(format!("{name}: refused: {error}"));
                continue;
            }
        };
        let query = CompiledQuery::compile(&selector).unwrap();
        let document = serde_json::to_vec_pretty(&case["document"]).unwrap();
        let held = Held::of(&document).unwrap();
        let nodes = query.select(&held);
        let values: Value = nodes
            .iter()
            .map(|&node| serde_json::from_slice::<Value>(held.bytes(node)).unwrap())
            .collect();
        let all_paths = paths(&held);
        let node_paths: Value = nodes
            .iter()
            .map(|&node| Value::from(all_paths[&node].as_str()))
            .collect();

        let options = |one: &str, several: &str| match case.get(one) {
            Some(only) => vec![only.clone()],
            None => case[several].as_array().unwrap().clone(),
        };
        let results = options("result", "results");
        let result_paths = options("result_paths", "results_paths");
        let right = results
            .iter()
            .zip(&result_paths)
            .any(|(result, path)| *result == values && *path == node_paths);
        if !right {
            wrong.push(format!("{name}: {values} at {node_paths}"));
        }
    }
    eprintln!("compliance suite: {valid} valid and {invalid} invalid selectors");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        valid + invalid >= 700,
        "only {valid} and {invalid} cases: is the suite whole?"
    );
}
