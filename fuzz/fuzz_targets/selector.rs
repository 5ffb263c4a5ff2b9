//! Any text as a selector and as a condition: refused or read, never a panic; and what is read divides a document in
//! two, since what a `drop` of it takes out is what a `keep_all` of it lets through.

#![no_main]

use std::sync::Arc;

use fieldgate::minimise::{Limits, machine};
use fieldgate::plan::{Action, BodyRules, Condition, OnMismatch, Plan, PlanKeys, Rule, Selector};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Bytes of text: what is slow to compile is not what is looked for.
const TEXT: usize = 200;

/// Each single value in it is another text, and none is part of another.
const DOCUMENT: &str = r#"{"a":"v01","b":["v02","v03",{"a":"v04","b":{"c":"v05"}},["v06"]],
    "c":{"a":{"a":"v07"},"é":"v08","":"v09"},"d":[],"\u0065":["v10","v11","v12","v13"]}"#;

fuzz_target!(|text: &str| -> Corpus {
    if text.len() > TEXT {
        return Corpus::Reject;
    }
    let read = Condition::parse(text).is_ok();
    let Ok(selector) = Selector::parse(text) else {
        return if read { Corpus::Keep } else { Corpus::Reject };
    };
    let root = Selector::parse("$").expect("it is one");
    let taken_out = minimised(&[(&root, Action::KeepAll), (&selector, Action::Drop)]);
    let let_through = minimised(&[(&selector, Action::KeepAll)]);
    // Selectors that are more than one automaton holds are refused at load.
    let (Some(taken_out), Some(let_through)) = (taken_out, let_through) else {
        return Corpus::Keep;
    };
    for value in 1..=13 {
        let value = format!("v{value:02}");
        assert_ne!(
            taken_out.contains(&value),
            let_through.contains(&value),
            "{text}: {taken_out} and {let_through}"
        );
    }
    Corpus::Keep
});

/// What leaves of the document, if the rules make a plan.
fn minimised(fields: &[(&Selector, Action)]) -> Option<String> {
    let rule = |(selector, action): &(&Selector, Action)| Rule {
        selector: (*selector).clone(),
        action: action.clone(),
        on_mismatch: OnMismatch::Drop,
        line: 1,
    };
    let rules = BodyRules {
        fields: fields.iter().map(rule).collect(),
        ..BodyRules::default()
    };
    let plan = Plan::compile(&rules, &PlanKeys::default(), &Limits::default()).ok()?;
    let today = jiff::civil::date(2026, 4, 1);
    let mut machine = machine(&Arc::new(plan), "", today);
    let mut out = Vec::new();
    machine
        .push(DOCUMENT.as_bytes(), &mut out)
        .expect("it is JSON");
    machine.finish(&mut out).expect("it is whole");
    Some(String::from_utf8(out).expect("it is UTF-8"))
}
