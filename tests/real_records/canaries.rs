//! Values that must not be found, and where they are looked for.

use std::collections::HashSet;

use serde_json::Value;

/// The values that stay behind, as texts long enough that finding one is no accident.
pub(crate) struct Canaries(HashSet<String>);

impl Canaries {
    /// Of the values that do not leave: strings of four characters, numbers of five digits, and more.
    pub(crate) fn of(withheld: &[Value]) -> Self {
        let texts = withheld.iter().filter_map(|value| match value {
            Value::String(text) if text.chars().count() >= 4 => Some(text.clone()),
            Value::Number(number) => {
                let text = number.to_string();
                (text.bytes().filter(u8::is_ascii_digit).count() >= 5).then_some(text)
            }
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        });
        Self(texts.collect())
    }

    /// Of bytes that are no JSON: whatever stands between two quotes.
    pub(crate) fn of_text(text: &str) -> Self {
        let texts = text
            .split('"')
            .filter(|text| text.chars().count() >= 6 && !text.contains(['\n', ':', ',']));
        Self(texts.map(str::to_owned).collect())
    }

    /// Without those that are part of what may be said.
    pub(crate) fn except(mut self, said: &str) -> Self {
        self.0.retain(|text| !said.contains(text.as_str()));
        self
    }

    /// Those that cannot be part of an operator's text by accident: no short number, no short word.
    pub(crate) fn unmistakable(&self) -> Self {
        let clear = |text: &&String| {
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            text.len() >= 8 || (text.len() >= 6 && digits < text.len())
        };
        Self(self.0.iter().filter(clear).cloned().collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many of them are in `text`, as they are or as JSON writes them. The values themselves are not told.
    pub(crate) fn found_in(&self, text: &str) -> usize {
        let found = self.0.iter().filter(|canary| {
            let written = Value::String((*canary).clone()).to_string();
            text.contains(canary.as_str()) || text.contains(&written[1..written.len() - 1])
        });
        found.count()
    }
}

/// `text` without what is random or of the moment and could hold any short text: tokens, identifiers of
/// exchanges, hashes.
pub(crate) fn without_random(text: &str) -> String {
    let part_of_random =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let mut kept = String::with_capacity(text.len());
    for run in text.split_inclusive(|character| !part_of_random(character)) {
        let length = run
            .trim_end_matches(|character| !part_of_random(character))
            .len();
        let mixed = run[..length].bytes().any(|byte| byte.is_ascii_digit());
        kept.push_str(if length >= 26 && mixed {
            &run[length..]
        } else {
            run
        });
    }
    kept
}
