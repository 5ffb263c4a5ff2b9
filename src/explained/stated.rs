//! What the text of an agreement states, key by key, and the texts themselves by their hash.
//!
//! Checked types hold what decides a request. A reviewer also wants to know what a file says beside that, and what it
//! leaves open; so here a text is read as a tree, by path, whatever keys its version has.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::written::tree;

/// The text of a file as a tree of what it states.
#[derive(Debug, Clone, PartialEq)]
pub struct Stated(Value);

impl Stated {
    /// Reads `text`, YAML. A text that is none states nothing.
    #[must_use]
    pub fn read(text: &str) -> Self {
        Self(tree(text).unwrap_or(Value::Null))
    }

    /// What stands at `path`, keys joined by dots, unless that is empty: `""`, `[]`, `{}` and `null` state nothing.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        let mut value = &self.0;
        for key in path.split('.') {
            value = value.get(key)?;
        }
        (!is_empty(value)).then_some(value)
    }

    /// What stands at the first of `paths` that states something, as one line of text.
    #[must_use]
    pub fn text(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| self.at(path)).map(one_line)
    }

    /// The whole tree.
    #[must_use]
    pub fn tree(&self) -> &Value {
        &self.0
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `value` on one line, as a person would write it: `GB, IE`, `reference: BC-7, owner: A`.
pub(super) fn one_line(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Array(items) => {
            let separator = if items.iter().any(Value::is_object) {
                "; "
            } else {
                ", "
            };
            items
                .iter()
                .map(one_line)
                .collect::<Vec<_>>()
                .join(separator)
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| format!("{name}: {}", one_line(value)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// Texts of agreements, registers and charters by the SHA-256 of their bytes in hexadecimal: what the ledger calls them
/// by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts(BTreeMap<String, Arc<str>>);

impl Texts {
    /// The hash by which `text` is known.
    #[must_use]
    pub fn hash(text: &str) -> String {
        data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
    }

    /// Adds `text`.
    pub fn add(&mut self, text: &str) {
        self.0.insert(Self::hash(text), Arc::from(text));
    }

    /// The text with this hash.
    #[must_use]
    pub fn get(&self, hash: &str) -> Option<&str> {
        self.0.get(hash).map(AsRef::as_ref)
    }

    /// What the text with this hash states; nothing where it is not here.
    #[must_use]
    pub fn stated(&self, hash: &str) -> Stated {
        Stated::read(self.get(hash).unwrap_or_default())
    }

    /// All of them with their hashes, in the order of these.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(hash, text)| (hash.as_str(), text.as_ref()))
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<T: IntoIterator<Item = &'a str>>(texts: T) -> Self {
        let mut all = Self::default();
        for text in texts {
            all.add(text);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_empty_states_nothing() {
        let stated =
            Stated::read("basis: { lawful: [], power: '' }\nretention: P6M\nterritory: [GB, IE]\n");
        assert_eq!(stated.at("basis.lawful"), None);
        assert_eq!(stated.at("basis.power"), None);
        assert_eq!(stated.at("basis.none"), None);
        assert_eq!(
            stated.text(&["basis.power", "retention"]),
            Some("P6M".to_owned())
        );
        assert_eq!(stated.text(&["territory"]), Some("GB, IE".to_owned()));
    }

    #[test]
    fn a_text_that_is_no_yaml_states_nothing() {
        assert_eq!(Stated::read("a: [").at("a"), None);
    }

    #[test]
    fn a_text_is_known_by_the_hash_of_its_bytes() {
        let texts: Texts = ["a", "b"].into_iter().collect();
        assert_eq!(texts.get(&Texts::hash("b")), Some("b"));
        assert_eq!(texts.get("b"), None);
    }
}
