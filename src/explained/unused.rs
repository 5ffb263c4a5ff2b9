//! Fields that an agreement lets out and that a service never sends, or sends empty: what could be agreed no more.

use serde_json::{Value, json};

use crate::minimise::BodyError;
use crate::minimise::Kind;
use crate::minimise::query::{CompiledQuery, Held};
use crate::plan::{Action, BodyRules};

/// How often what a rule lets out was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The rule's selector.
    pub selector: String,
    /// Nodes that it selected.
    pub values: u64,
    /// How many of them were `null` or an empty text.
    pub empty: u64,
}

impl Use {
    /// Whether nothing was ever there.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.values == self.empty
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        match (self.values, self.is_unused()) {
            (0, _) => format!("{} was never there", self.selector),
            (_, true) => format!("{} was always empty", self.selector),
            (values, false) => format!("{} had {} values", self.selector, values - self.empty),
        }
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "selector": self.selector, "values": self.values, "empty": self.empty })
    }
}

/// How often what each permitting rule of `rules` lets out was in `bodies`, JSON documents as the service sends them.
///
/// # Errors
/// If one of them is not strict JSON.
pub fn uses<'a>(
    rules: &BodyRules,
    bodies: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Use>, BodyError> {
    let mut queries = Vec::new();
    for rule in &rules.fields {
        if matches!(rule.action, Action::Drop) {
            continue;
        }
        let Ok(query) = CompiledQuery::compile(&rule.selector) else {
            continue;
        };
        let selector = rule.selector.text().to_owned();
        queries.push((
            query,
            Use {
                selector,
                values: 0,
                empty: 0,
            },
        ));
    }
    for body in bodies {
        let held = Held::of(body)?;
        for (query, found) in &mut queries {
            for node in query.select(&held) {
                found.values += 1;
                let is_empty = held.kind(node) == Kind::Null || held.bytes(node) == b"\"\"";
                found.empty += u64::from(is_empty);
            }
        }
    }
    Ok(queries.into_iter().map(|(_, found)| found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{OnMismatch, Rule, Selector};

    #[test]
    fn a_field_that_never_comes_or_is_always_empty_is_unused() {
        let rule = |selector: &str| Rule {
            selector: Selector::parse(selector).unwrap(),
            action: Action::Keep,
            on_mismatch: OnMismatch::Drop,
            line: 1,
        };
        let rules = BodyRules {
            fields: vec![rule("$[*].a"), rule("$[*].b"), rule("$[*].c")],
            ..BodyRules::default()
        };
        let body: &[u8] = br#"[{"a":1,"b":null},{"a":"","b":""}]"#;
        let texts: Vec<String> = uses(&rules, [body])
            .unwrap()
            .iter()
            .map(Use::text)
            .collect();
        assert_eq!(
            texts,
            [
                "$[*].a had 1 values",
                "$[*].b was always empty",
                "$[*].c was never there"
            ]
        );
        assert!(uses(&rules, [&b"[1,"[..]]).is_err());
    }
}
