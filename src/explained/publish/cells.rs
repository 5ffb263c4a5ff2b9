//! What a cell of a table says of a disclosure, or of the register's entry of a data set.

use serde_json::Value;

use super::NOT_STATED;
use crate::agreement::{Agreement, Disclosure};
use crate::explained::stated::one_line;
use crate::explained::{plain, words};

pub(super) fn purposes_text(agreement: &Agreement) -> String {
    let purposes = agreement.purposes.iter();
    let texts: Vec<String> = purposes
        .map(|purpose| format!("{}: {}", purpose.name, purpose.text))
        .collect();
    texts.join("; ")
}

/// The fields that leave under a disclosure, and as what.
pub(super) fn fields(one: &Disclosure) -> Vec<(String, String)> {
    let rules = one.released_rules.fields.iter();
    rules
        .filter(|rule| !matches!(rule.action, crate::plan::Action::Drop))
        .map(|rule| (rule.selector.text().to_owned(), words::leaves(&rule.action)))
        .collect()
}

/// The system of the controller's that holds what leaves.
pub(super) fn source(one: &Disclosure) -> &str {
    let pushes = one.pushed_by.as_ref().map(|system| system.as_str());
    pushes.unwrap_or(one.service.as_str())
}

/// When it leaves.
pub(super) fn frequency(one: &Disclosure) -> &'static str {
    if one.is_push() {
        "pushed"
    } else {
        "on request"
    }
}

/// The fields that a disclosure takes in.
pub(super) fn taken_in(one: &Disclosure) -> Vec<String> {
    let rules = one.received_rules.iter().flat_map(|rules| &rules.fields);
    rules
        .filter(|rule| !matches!(rule.action, crate::plan::Action::Drop))
        .map(|rule| rule.selector.text().to_owned())
        .collect()
}

pub(super) fn measures(disclosures: &[&Disclosure]) -> String {
    let mut words = vec![
        "authenticated recipient",
        "fields named one by one",
        "each release entered in a ledger",
    ];
    let keyed = |one: &&Disclosure| {
        let mut rules = one.released_rules.fields.iter();
        rules.any(|rule| match &rule.action {
            crate::plan::Action::Transform(transform) => transform.is_keyed(),
            crate::plan::Action::Keep
            | crate::plan::Action::KeepAll
            | crate::plan::Action::Drop => false,
        })
    };
    if disclosures.iter().any(keyed) {
        words.push("tokens instead of identifiers");
    }
    words.join(", ")
}

pub(super) fn collected_under(entry: &Value) -> String {
    let collected = entry.get("collected");
    let part = |key: &str| {
        collected
            .and_then(|collected| collected.get(key))
            .map(one_line)
    };
    let ground = part("ground").map(|word| plain::ground(&word));
    let parts: Vec<String> = [ground, part("under")].into_iter().flatten().collect();
    if parts.is_empty() {
        NOT_STATED.to_owned()
    } else {
        parts.join(": ")
    }
}

pub(super) fn people(entry: Option<&Value>) -> String {
    let Some(entry) = entry else {
        return NOT_STATED.to_owned();
    };
    let text = |key: &str| entry.get(key).map(one_line);
    let subjects = text("subjects").map(|word| plain::subjects(&word));
    match (subjects, text("title")) {
        (Some(subjects), Some(title)) => format!("{subjects}: {title}"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => NOT_STATED.to_owned(),
    }
}

pub(super) fn kept(entry: Option<&Value>) -> String {
    let of = entry.and_then(|entry| entry.get("retention"));
    of.map_or(NOT_STATED.to_owned(), |text| plain::period(&one_line(text)))
}
