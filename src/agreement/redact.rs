//! A `redact` rule as written to a [`Redact`] as meant.

use serde_json::Value;

use super::file::RuleAsWritten;
use super::namespaces::Forms;
use crate::detect::{Kind, Kinds, Pattern, PatternError, THRESHOLD, score};
use crate::transform::{InPlace, Redact, Transform};
use crate::written::{Fault, Written};

/// What a rule takes out of texts; `None` where that is at fault.
pub(super) fn check<T>(
    rule: &RuleAsWritten,
    written: &Written<T>,
    pointer: &str,
    forms: &Forms,
    faults: &mut Vec<Fault>,
) -> Option<Redact> {
    let kinds = match &rule.detect {
        None => Kinds::NONE,
        Some(Value::Array(words)) => words.iter().filter_map(kind).collect(),
        // The schema leaves `all`.
        Some(_) => Kinds::ALL,
    };
    let mut patterns = Vec::new();
    let written_patterns = rule.patterns.as_deref().unwrap_or_default();
    for (index, pattern) in written_patterns.iter().enumerate() {
        let near: Vec<&str> = pattern
            .near
            .iter()
            .flatten()
            .map(|word| word.0.as_str())
            .collect();
        match Pattern::new(&pattern.name.0, &pattern.matches.0, &near) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => {
                let key = match error {
                    PatternError::Name => "name",
                    PatternError::Near => "near",
                    PatternError::Syntax(_)
                    | PatternError::TooLong
                    | PatternError::Empty
                    | PatternError::TooLarge => "matches",
                };
                let place = format!("{pointer}/patterns/{index}/{key}");
                written.fault(faults, &place, error.to_string());
            }
        }
    }
    let replace = in_place(rule.with.as_ref(), forms);
    if replace.is_none() {
        written.fault(
            faults,
            &format!("{pointer}/with"),
            "`with` is kind, placeholder, or a token of one kind of identifier; write for example with: { pseudonymise: person, of: nhs-number }",
        );
    }
    (patterns.len() == written_patterns.len()).then_some(Redact {
        kinds,
        patterns,
        names: rule.names.is_some(),
        threshold: rule.threshold.map_or(THRESHOLD, score),
        replace: replace?,
    })
}

fn kind(word: &Value) -> Option<Kind> {
    Kind::of_word(word.as_str()?)
}

fn in_place(with: Option<&Value>, forms: &Forms) -> Option<InPlace> {
    match with {
        None => Some(InPlace::Kind),
        Some(Value::String(word)) if word == "kind" => Some(InPlace::Kind),
        Some(Value::String(word)) if word == "placeholder" => Some(InPlace::Placeholder),
        Some(Value::Object(token)) if token.len() == 2 => Some(InPlace::Token {
            kind: kind(token.get("of")?)?,
            transform: Box::new(Transform::Pseudonymise(
                forms.identified(token.get("pseudonymise")?.as_str()?),
            )),
        }),
        Some(_) => None,
    }
}
