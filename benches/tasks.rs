//! The tasks that benches set, in the words of each contestant, and plans of them.

use std::sync::Arc;

use fieldgate::minimise::Limits;
use fieldgate::plan::{Action, BodyRules, Format, OnMismatch, Plan, PlanKeys, Rule, Selector};
use fieldgate::transform::RootKey;

use crate::peers::streaming::Filter;

pub(crate) static KEEP: Filter = Filter::All;
pub(crate) static LEAVE: Filter = Filter::Nothing;

pub(crate) const fn only(named: &'static [(&'static str, Filter)]) -> Filter {
    Filter::Members {
        named,
        others: &LEAVE,
    }
}

pub(crate) const fn without(named: &'static [(&'static str, Filter)]) -> Filter {
    Filter::Members {
        named,
        others: &KEEP,
    }
}

pub(crate) const T1_DROPS: [&str; 4] = [
    "$.records[*].person.name",
    "$.records[*].person.nino",
    "$.records[*].notes",
    "$.records[*].household[*].name",
];
pub(crate) static T1: Filter = without(&[("records", Filter::Elements(&T1_RECORD))]);
pub(crate) static T1_RECORD: Filter = without(&[
    ("person", without(&[("name", LEAVE), ("nino", LEAVE)])),
    ("notes", LEAVE),
    ("household", Filter::Elements(&T1_MEMBER)),
]);
pub(crate) static T1_MEMBER: Filter = without(&[("name", LEAVE)]);
pub(crate) const T2_KEEPS: [&str; 3] = [
    "$.records[*].person.dob",
    "$.records[*].address.postcode",
    "$.records[*].council_tax.band",
];
pub(crate) static T2: Filter = only(&[("records", Filter::Elements(&T2_RECORD))]);
pub(crate) static T2_RECORD: Filter = only(&[
    ("person", only(&[("dob", KEEP)])),
    ("address", only(&[("postcode", KEEP)])),
    ("council_tax", only(&[("band", KEEP)])),
]);
pub(crate) static ELEMENT: Filter = only(&[("b", KEEP)]);
pub(crate) static ONE_OF_MANY: Filter = only(&[("member_77", KEEP)]);
pub(crate) static TEXT: Filter = only(&[("kept", KEEP)]);

pub(crate) fn kept(selectors: &[&'static str]) -> Vec<(&'static str, Action)> {
    selectors
        .iter()
        .map(|selector| (*selector, Action::Keep))
        .collect()
}

pub(crate) fn all_but(selectors: &[&'static str]) -> Vec<(&'static str, Action)> {
    let drops = selectors.iter().map(|selector| (*selector, Action::Drop));
    std::iter::once(("$", Action::KeepAll))
        .chain(drops)
        .collect()
}

pub(crate) fn root_key() -> RootKey {
    RootKey::from_bytes([7; 32])
}

/// A plan of rules for bodies of `format`.
pub(crate) fn plan(format: Format, rules: &[(&str, Action)]) -> Arc<Plan> {
    let fields = rules.iter().map(|(selector, action)| Rule {
        selector: Selector::parse(selector).expect("benches write JSONPath"),
        action: action.clone(),
        on_mismatch: OnMismatch::Drop,
        line: 0,
    });
    let rules = BodyRules {
        format,
        fields: fields.collect(),
        ..BodyRules::default()
    };
    let keys = PlanKeys {
        agreement: Some(root_key().agreement("bench", 1)),
        subject: None,
    };
    Arc::new(
        Plan::compile(&rules, &keys, &Limits::default()).expect("benches write plans that compile"),
    )
}
