//! The JSONPath compliance suite as rules: a `drop` of each valid selector takes out exactly the nodes that the suite
//! lists, a `keep_all` lets through exactly these, and no invalid selector makes a rule.

use std::collections::HashSet;

use fieldgate::minimise::Limits;
use fieldgate::plan::Selector;
use serde_json::Value;

use super::document::{Document, Kind};
use super::oracle::{Asked, minimise_asked};
use super::support::{
    assert_model_agrees, compact, corpora, keys, plan, rules, run, run_every_way,
};

/// Documents up to this size are cut at every byte.
const CUT_EVERYWHERE: usize = 300;

#[test]
#[expect(clippy::print_stderr, reason = "how many cases ran should be seen")]
fn every_selector_of_the_compliance_suite_filters_as_it_lists() {
    let Some(folder) = corpora("jsonpath-cts") else {
        return;
    };
    let suite: Value =
        serde_json::from_slice(&std::fs::read(folder.join("cts.json")).unwrap()).unwrap();
    let (mut valid, mut invalid, mut held) = (0, 0, 0);
    for case in suite["tests"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let selector = case["selector"].as_str().unwrap();
        let parsed = Selector::parse(selector);
        if case["invalid_selector"] == true {
            assert!(parsed.is_err(), "{name}: {selector} was accepted");
            invalid += 1;
            continue;
        }
        let parsed = parsed.unwrap_or_else(|error| panic!("{name}: {selector}: {error}"));
        // Where the suite leaves the order open, its lists differ in nothing else.
        let listed = case
            .get("result_paths")
            .unwrap_or_else(|| &case["results_paths"][0]);
        let listed: HashSet<&str> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|path| path.as_str().unwrap())
            .collect();
        held += u32::from(filters(name, &parsed, &case["document"], &listed));
        valid += 1;
    }
    eprintln!(
        "compliance suite: {valid} valid selectors, {held} of them by holding the document, and {invalid} invalid ones"
    );
    assert!(
        valid + invalid >= 700,
        "only {valid} and {invalid} cases: is the suite whole?"
    );
}

/// Holds the rules made of `selector`, which selects the `listed` nodes of `document`; whether they hold the document.
fn filters(name: &str, selector: &Selector, document: &Value, listed: &HashSet<&str>) -> bool {
    let body = serde_json::to_string(document).unwrap();
    let limits = Limits::default();
    let document = Document::parse(body.as_bytes(), limits.depth).unwrap();
    let selects: Vec<bool> = paths(&document)
        .iter()
        .map(|path| listed.contains(path.as_str()))
        .collect();
    assert_eq!(
        selects.iter().filter(|selected| **selected).count(),
        listed.len(),
        "{name}: nodes that are not in the document"
    );
    let asked = Asked::new(&document);
    asked.tell(&selector.query().segments, selects.clone());

    let mut holds = false;
    for (word, others) in [
        ("drop", "keep_all $"),
        ("keep_all", ""),
        ("keep_all", "prune"),
    ] {
        let mut rules = rules(others);
        rules
            .fields
            .extend(super::support::rules(&format!("{word} $")).fields);
        rules.fields.last_mut().expect("it was put there").selector = selector.clone();
        let plan = plan(&rules, &limits);
        holds |= plan.holds_document();
        let ran = if body.len() < CUT_EVERYWHERE {
            run_every_way(&plan, body.as_bytes(), usize::MAX)
        } else {
            run(&plan, body.as_bytes().chunks(7))
        };
        let context = || format!("{name}: {word} {}; {others}\non {body}", selector.text());
        if word == "drop" {
            let left = without(&document, 0, &selects).unwrap_or_else(|| "null".to_owned());
            let text = ran.as_ref().map(|ran| compact(&ran.text));
            assert_eq!(text, Ok(left), "{}", context());
        }
        let model = minimise_asked(&rules, &keys(), &asked);
        assert_model_agrees(model, &limits, &ran, &context);
    }
    holds
}

/// The text of `node` without those that `selects` names.
fn without(document: &Document<'_>, node: usize, selects: &[bool]) -> Option<String> {
    if selects[node] {
        return None;
    }
    let children = document.nodes[node].children.iter();
    let inside: Vec<String> = children
        .filter_map(|&child| {
            let text = without(document, child, selects)?;
            Some(match &document.nodes[child].name {
                Some((written, _)) => format!("{}:{text}", &document.text[written.clone()]),
                None => text,
            })
        })
        .collect();
    Some(match document.nodes[node].kind {
        Kind::Object => format!("{{{}}}", inside.join(",")),
        Kind::Array => format!("[{}]", inside.join(",")),
        Kind::Single => document.text_of(node).to_owned(),
    })
}

/// The normalised path (RFC 9535 §2.7) of each node.
fn paths(document: &Document<'_>) -> Vec<String> {
    let mut paths = vec!["$".to_owned(); document.nodes.len()];
    for node in 0..document.nodes.len() {
        for (position, &child) in document.nodes[node].children.iter().enumerate() {
            let step = match document.name(child) {
                Some(name) => format!("['{}']", normalised(name)),
                None => format!("[{position}]"),
            };
            paths[child] = format!("{}{step}", paths[node]);
        }
    }
    paths
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
