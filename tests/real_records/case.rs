//! One payload through the gateway: what the partner got, against what the plain model says.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Seen;
use crate::canaries::{Canaries, without_random};
use crate::harness::Answer;
use crate::plain::{self, Disclosure, Leaves};

/// A payload, under a disclosure, and what the partner got.
pub(crate) struct Case<'a> {
    pub(crate) disclosure: &'a Disclosure,
    /// What the service sent.
    pub(crate) file: &'a [u8],
    /// Whether it sent it as an error page.
    pub(crate) failure: bool,
    pub(crate) answer: &'a Answer,
    /// What is said whatever the document.
    pub(crate) said: &'a str,
    /// For messages, which tell no value.
    pub(crate) place: String,
}

impl Case<'_> {
    /// Checks what the partner got; gives the values that operators must not see.
    pub(crate) fn check(&self, seen: &mut Seen) -> Canaries {
        let Self { answer, place, .. } = self;
        let Ok(document) = serde_json::from_slice::<Value>(self.file) else {
            seen.refused += 1;
            return self.check_refused();
        };
        let expected = self.disclosure.expected(&document);
        // Operators see counts alone, so what partners get must not be seen by them either.
        let mut everything = Vec::new();
        values(&document, &mut everything);
        let operators = Canaries::of(&everything).unmistakable().except(self.said);
        if self.failure {
            answer.is_problem(502, "service_error");
            let problem = without_random(&answer.text());
            assert_eq!(
                operators.found_in(&problem),
                0,
                "{place}: a problem tells of the record"
            );
            return operators;
        }
        assert_eq!(answer.status(), 200, "{place}: {}", answer.head());
        assert!(answer.is_whole(), "{place}: cut off");
        seen.whole += 1;
        let got = answer.json();
        let mut leaves = plain::leaves(&got);
        if got.is_null() {
            // A record that is held back, or a single value that nobody keeps.
            leaves.clear();
        }
        compare(&expected.leaves, &leaves, place);
        seen.kept += leaves.values().map(Vec::len).sum::<usize>();
        let mut may_be_said = texts(&expected.leaves);
        names(&got, &mut may_be_said);
        let may_be_said: Vec<String> = may_be_said.into_iter().collect();
        let canaries = Canaries::of(&expected.withheld).except(&may_be_said.join("\n"));
        seen.canaries += canaries.len();
        let body = without_random(&answer.body());
        assert_eq!(
            canaries.found_in(&body),
            0,
            "{place}: withheld values are in the body"
        );
        let head = without_random(&answer.head());
        assert_eq!(
            operators.found_in(&head),
            0,
            "{place}: values are in the head"
        );
        operators
    }

    /// A file that is no JSON is refused, before the head or, where something of it has left, by a cut.
    fn check_refused(&self) -> Canaries {
        let Self { answer, place, .. } = self;
        let text = String::from_utf8_lossy(self.file);
        let mut may_be_said = BTreeSet::new();
        if self.failure {
            answer.is_problem(502, "service_error");
        } else if answer.status() == 502 {
            let problem = answer.json();
            assert!(
                answer.is_whole() && problem["reason"].is_string(),
                "{place}: {}",
                answer.text()
            );
        } else {
            assert!(
                !answer.is_whole(),
                "{place}: a document that is no JSON looks whole"
            );
            // What left is of the documents before the fault.
            let documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
            for document in documents.map_while(Result::ok) {
                may_be_said.extend(texts(&self.disclosure.expected(&document).leaves));
            }
        }
        let may_be_said: Vec<String> = may_be_said.into_iter().collect();
        let canaries = Canaries::of_text(&text)
            .except(&may_be_said.join("\n"))
            .except(self.said);
        let got = without_random(&answer.text());
        assert_eq!(canaries.found_in(&got), 0, "{place}: what is no JSON left");
        canaries.unmistakable()
    }
}

/// Says where the leaves differ, without the values.
fn compare(expected: &Leaves, got: &Leaves, place: &str) {
    let sorted = |leaves: &Leaves| {
        let mut leaves = leaves.clone();
        leaves.values_mut().for_each(|values| values.sort());
        leaves
    };
    let (expected, got) = (sorted(expected), sorted(got));
    for path in expected.keys().chain(got.keys()) {
        assert!(
            expected.get(path) == got.get(path),
            "{place}: what leaves at {path} is not what was agreed"
        );
    }
}

/// The texts of what leaves, and the names on its way.
fn texts(leaves: &Leaves) -> BTreeSet<String> {
    leaves
        .iter()
        .flat_map(|(path, values)| {
            std::iter::once(path.clone()).chain(values.iter().map(|json| plain_text(json)))
        })
        .collect()
}

/// A string without its quotes and escapes, anything else as it is.
fn plain_text(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned())
}

/// Adds the member names of a document.
fn names(document: &Value, all: &mut BTreeSet<String>) {
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                if !all.contains(name) {
                    all.insert(name.clone());
                }
                names(value, all);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|value| names(value, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Adds the single values of a document.
fn values(document: &Value, all: &mut Vec<Value>) {
    match document {
        Value::Object(members) => members.values().for_each(|value| values(value, all)),
        Value::Array(elements) => elements.iter().for_each(|value| values(value, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            all.push(document.clone())
        }
    }
}
