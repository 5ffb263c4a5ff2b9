//! What a sample holds, without what it says: the names of its fields and the types of their values, never a value.
//!
//! A name can be data too (an object keyed by NHS number). Names that look like data stand as `*`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Distinct places that are listed; of more only that there are more is said.
pub const MOST_PLACES: usize = 10_000;

/// Members of one object under whose names there is one form of value from which on the names are taken for data.
const MANY_MEMBERS: usize = 64;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Each place, in the form of a selector, with the types of its values.
    pub places: BTreeMap<String, Seen>,
    /// There were more places than are listed.
    pub is_cut: bool,
}

/// What was seen at one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The types of its values.
    pub types: BTreeSet<&'static str>,
    /// How many values.
    pub values: u64,
    /// How many of them were `null`, empty or blank.
    pub empty: u64,
}

impl Inventory {
    /// Adds one document. Recursion is as deep as the document, which its parser bounds.
    pub fn add(&mut self, document: &Value) {
        self.node("$", document);
    }

    fn node(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(members) => {
                let are_data = members.len() > MANY_MEMBERS;
                for (name, value) in members {
                    let step = if are_data || looks_like_data(name) {
                        "*".to_owned()
                    } else {
                        name.clone()
                    };
                    self.node(&format!("{path}.{step}"), value);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.node(&format!("{path}[*]"), item);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.value(path, value);
            }
        }
    }

    fn value(&mut self, path: &str, value: &Value) {
        if !self.places.contains_key(path) && self.places.len() == MOST_PLACES {
            self.is_cut = true;
            return;
        }
        let seen = self.places.entry(path.to_owned()).or_default();
        seen.values += 1;
        let (word, is_empty) = match value {
            Value::Null => ("null", true),
            Value::Bool(_) => ("boolean", false),
            Value::Number(number) if number.is_f64() => ("number", false),
            Value::Number(_) => ("integer", false),
            Value::String(text) => (text_type(text), text.trim().is_empty()),
            Value::Array(_) | Value::Object(_) => return,
        };
        seen.types.insert(word);
        seen.empty += u64::from(is_empty);
    }

    /// The inventory as JSON: places, types and counts.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::json!({
            "places": self.places.iter().map(|(path, seen)| serde_json::json!({
                "place": path,
                "types": seen.types,
                "values": seen.values,
                "empty": seen.empty,
            })).collect::<Vec<_>>(),
            "cut": self.is_cut,
        })
    }

    /// The inventory in lines.
    #[must_use]
    pub fn text(&self) -> String {
        let width = self.places.keys().map(String::len).max().unwrap_or(0);
        let mut text = String::new();
        for (path, seen) in &self.places {
            let types: Vec<&str> = seen.types.iter().copied().collect();
            text.push_str(&format!(
                "{path:<width$}  {:<20}  {} values",
                types.join(" or "),
                seen.values
            ));
            if seen.empty > 0 {
                text.push_str(&format!(", {} empty", seen.empty));
            }
            text.push('\n');
        }
        if self.is_cut {
            text.push_str(&format!(
                "more than {MOST_PLACES} places; the others are not listed\n"
            ));
        }
        text
    }

    /// Places at which every value was `null`, empty or blank: what a rule keeps there is nothing.
    pub fn always_empty(&self) -> impl Iterator<Item = &str> {
        self.places
            .iter()
            .filter(|(_, seen)| seen.empty == seen.values)
            .map(|(path, _)| path.as_str())
    }
}

/// Whether a name looks like somebody's or something's: digits that a made-up name would not have, an address, spaces.
/// Some names with digits (`line1`, `address2`) are told as they are.
fn looks_like_data(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let is_word = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '@' | '$' | ':')
    };
    name.is_empty()
        || name.len() > 48
        || digits > 2
        || name.starts_with(|first: char| first.is_ascii_digit())
        || !name.chars().all(is_word)
        || name.find('@').is_some_and(|at| at > 0)
}

/// What a text looks like, by form alone.
fn text_type(text: &str) -> &'static str {
    let text = text.trim();
    let all = |is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| is(&byte));
    if text.is_empty() {
        "empty text"
    } else if text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10 {
        "date"
    } else if text.parse::<jiff::Timestamp>().is_ok() {
        "instant"
    } else if all(u8::is_ascii_digit) {
        "text of digits"
    } else {
        "text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_inventory_has_names_and_types_and_no_value() {
        let mut inventory = Inventory::default();
        inventory.add(&json!({
            "people": [
                { "name": "Ada Secret", "born": "1941-03-07", "line1": "7 Canary Row", "notes": "" },
                { "name": "Bob Secret", "born": null, "age": 85, "notes": " " },
            ],
            "byNumber": { "9434765919": { "ok": true }, "ada@canary.example": { "ok": false } },
        }));
        let places: Vec<(&str, Vec<&str>)> = inventory
            .places
            .iter()
            .map(|(path, seen)| (path.as_str(), seen.types.iter().copied().collect()))
            .collect();
        assert_eq!(
            places,
            [
                ("$.byNumber.*.ok", vec!["boolean"]),
                ("$.people[*].age", vec!["integer"]),
                ("$.people[*].born", vec!["date", "null"]),
                ("$.people[*].line1", vec!["text"]),
                ("$.people[*].name", vec!["text"]),
                ("$.people[*].notes", vec!["empty text"]),
            ]
        );
        let all = format!("{}{}", inventory.text(), inventory.json());
        for canary in ["Secret", "1941", "Canary", "canary", "9434765919", "85"] {
            assert!(!all.contains(canary), "{canary}: {all}");
        }
        assert_eq!(
            inventory.always_empty().collect::<Vec<_>>(),
            ["$.people[*].notes"]
        );
    }

    #[test]
    fn places_beyond_the_limit_are_said_to_be_there() {
        let mut inventory = Inventory::default();
        for group in 0..=MOST_PLACES {
            let letters: String = format!("{group:05}")
                .bytes()
                .map(|digit| (digit - b'0' + b'a') as char)
                .collect();
            inventory.add(&json!({ letters: 1 }));
        }
        assert!(inventory.is_cut);
        assert_eq!(inventory.places.len(), MOST_PLACES);
    }
}
