//! What `diff` calls no wider lets out nothing that did not leave before, held against the minimiser on random documents.

use std::collections::BTreeSet;

use fieldgate::agreement::{AgreementSet, Context, Source};
use fieldgate::explained::Stated;
use fieldgate::explained::diff::{self, Diff, Kind, Version};
use fieldgate::minimise;
use fieldgate::transform::Occasion;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::draw::Draw;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A rule as it is written: its action and its selector.
type Rule = (&'static str, String);

fn selector(draw: &mut Draw) -> String {
    let mut text = "$".to_owned();
    for _ in 0..=draw.below(3) {
        let name = draw.pick(&NAMES);
        text.push_str(&match draw.below(12) {
            0 => ".*".to_owned(),
            1 => format!("..{name}"),
            2 => "[*]".to_owned(),
            3 => "[1]".to_owned(),
            4 => format!("[?@.{name} > 3]"),
            _ => format!(".{name}"),
        });
    }
    text
}

fn rule(draw: &mut Draw) -> Rule {
    let action = draw.pick(&[
        "keep",
        "keep",
        "keep_all",
        "drop",
        "drop",
        "mask",
        "generalise",
    ]);
    (action, selector(draw))
}

fn agreement(rules: &[Rule]) -> String {
    let mut text = "agreement: a\nversion: 1\ntitle: T\nparties: { controller: c, partner: p }\nterm: { starts: 2026-01-01, ends: 2026-12-31 }\npurposes: { care: Care }\ndisclosures:\n  - name: d\n    purposes: [care]\n    request: GET /d\n    service: { name: s, path: /d }\n    response:\n      format: json\n      fields:\n".to_owned();
    for (action, selector) in rules {
        text.push_str(&format!("        - {action}: [\"{selector}\"]\n"));
        match *action {
            "keep_all" => text.push_str("          because: agreed\n"),
            "generalise" => text.push_str("          to: year\n"),
            _ => {}
        }
    }
    if rules.is_empty() {
        text.truncate(text.trim_end().len());
        text.push_str(" []\n");
    }
    text
}

/// An agreement with these rules, and what its text states.
struct Written {
    set: AgreementSet,
    stated: Stated,
    text: String,
}

impl Written {
    fn new(rules: &[Rule]) -> Self {
        let text = agreement(rules);
        let source = Source {
            name: "a.yaml",
            text: &text,
        };
        let set = AgreementSet::load(&[source], &Context::alone(TimeZone::UTC))
            .unwrap_or_else(|faults| panic!("{faults}\n{text}"));
        Self {
            set,
            stated: Stated::read(&text),
            text,
        }
    }

    fn version(&self) -> Version<'_> {
        Version {
            agreement: &self.set.agreements[0],
            stated: &self.stated,
        }
    }

    fn diff(&self, new: &Self) -> Diff {
        diff::agreements(self.version(), new.version())
    }
}

/// A document in which each text is found nowhere else in it.
fn document(draw: &mut Draw, depth: usize, next: &mut usize) -> Value {
    match draw.below(if depth == 0 { 2 } else { 5 }) {
        0 => {
            *next += 1;
            Value::from(*next)
        }
        1 => {
            *next += 1;
            Value::from(format!("canary{next:05}"))
        }
        2 => (0..draw.below(4))
            .map(|_| document(draw, depth - 1, next))
            .collect(),
        _ => {
            let mut members = Map::new();
            for name in NAMES {
                if !draw.one_in(4) {
                    members.insert(name.to_owned(), document(draw, depth - 1, next));
                }
            }
            Value::Object(members)
        }
    }
}

/// The single values that leave, with their places.
fn leaving(of: &Written, body: &[u8]) -> BTreeSet<String> {
    let plan = &of.set.agreements[0].disclosures[0].released;
    let occasion = Occasion::from(jiff::civil::date(2026, 6, 1));
    let mut machine = minimise::machine(plan, "", occasion);
    let mut out = Vec::new();
    machine.push(body, &mut out).unwrap();
    machine.finish(&mut out).unwrap();
    let mut found = BTreeSet::new();
    values(&serde_json::from_slice(&out).unwrap(), &mut found);
    found
}

fn values(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| values(item, found)),
        Value::Object(members) => members.values().for_each(|member| values(member, found)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let text = value.to_string();
            // What is masked whole says nothing of what it was.
            if !text.contains('*') {
                found.insert(text);
            }
        }
    }
}

#[test]
fn what_does_not_widen_lets_out_nothing_new() {
    let mut draw = Draw::new(4);
    let (mut narrower, mut told) = (0, 0);
    for _ in 0..250 {
        let old: Vec<Rule> = (0..=draw.below(5)).map(|_| rule(&mut draw)).collect();
        let mut new = old.clone();
        for _ in 0..=draw.below(2) {
            if draw.one_in(2) && !new.is_empty() {
                let at = draw.below(new.len());
                new.remove(at);
            } else {
                let at = draw.below(new.len() + 1);
                let added = rule(&mut draw);
                new.insert(at, added);
            }
        }
        let (before, after) = (Written::new(&old), Written::new(&new));
        let diff = before.diff(&after);
        told += usize::from(diff.widens());
        if diff.widens() {
            continue;
        }
        narrower += 1;
        for _ in 0..8 {
            let body = serde_json::to_vec(&document(&mut draw, 4, &mut 0)).unwrap();
            let (then, now) = (leaving(&before, &body), leaving(&after, &body));
            assert!(
                now.is_subset(&then),
                "{:?} are new\n{}\n{}\n{}",
                now.difference(&then).collect::<Vec<_>>(),
                before.text,
                after.text,
                String::from_utf8_lossy(&body)
            );
        }
    }
    assert!(
        narrower > 50 && told > 50,
        "{narrower} are narrower, {told} wider"
    );
}

#[test]
fn an_agreement_differs_from_itself_in_nothing_and_every_rule_that_comes_or_goes_is_told() {
    let mut draw = Draw::new(5);
    for _ in 0..60 {
        let old: Vec<Rule> = (0..draw.below(5)).map(|_| rule(&mut draw)).collect();
        let before = Written::new(&old);
        assert_eq!(before.diff(&before), Diff::default());
        let added = rule(&mut draw);
        let mut new = old.clone();
        new.insert(draw.below(old.len() + 1), added.clone());
        let after = Written::new(&new);
        for (diff, word) in [
            (before.diff(&after), "a rule comes"),
            (after.diff(&before), "a rule goes"),
        ] {
            let line = format!("{word}: {} {}", added.0, added.1);
            let mut rules = diff.differences.iter().filter(|one| one.kind == Kind::Rule);
            assert!(
                rules.any(|one| one.text.starts_with(&line)),
                "{line}\n{}",
                diff.text()
            );
        }
    }
}
