//! What may leave a document, found the plain way: the agreement's text as it stands, serde_json's tree, and
//! jsonpath-rust asked about each selector. Shares no code with the machine that is tested.

use std::collections::{BTreeMap, HashMap, HashSet};

use jsonpath_rust::JsonPath as _;
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::Value;

/// A disclosure as its file has it.
pub(crate) struct Disclosure {
    pub(crate) partner: String,
    pub(crate) purpose: String,
    /// The request's path with its variable.
    pub(crate) path: String,
    record: Option<String>,
    release_if: Option<String>,
    fields: Vec<(Action, Vec<String>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Keep,
    KeepAll,
    Drop,
    Year,
    Token,
    Mask { keep_first: usize },
}

/// What stands in a token's place when outputs are compared.
pub(crate) const TOKEN: &str = "(a token)";

/// The single values of a document that leave, by path with `*` for each index; several have one path.
pub(crate) type Leaves = BTreeMap<String, Vec<String>>;

/// What a document's values become.
pub(crate) struct Expected {
    /// What leaves.
    pub(crate) leaves: Leaves,
    /// JSON text of every single value that does not leave as it is.
    pub(crate) withheld: Vec<Value>,
}

/// The disclosures of an agreement's text.
pub(crate) fn disclosures(text: &str) -> Vec<Disclosure> {
    let agreement = &Yaml::load_from_str(text).unwrap()[0];
    let string = |yaml: &Yaml<'_>| yaml.as_str().unwrap().to_owned();
    let list = |yaml: &Yaml<'_>| {
        yaml.as_sequence()
            .unwrap()
            .iter()
            .map(string)
            .collect::<Vec<_>>()
    };
    let disclosures = agreement["disclosures"].as_sequence().unwrap();
    disclosures
        .iter()
        .map(|disclosure| {
            let response = &disclosure["response"];
            let fields = response["fields"]
                .as_sequence()
                .unwrap()
                .iter()
                .map(|rule| {
                    let actions = [
                        ("keep", Action::Keep),
                        ("keep_all", Action::KeepAll),
                        ("drop", Action::Drop),
                        ("generalise", Action::Year),
                        ("pseudonymise", Action::Token),
                        ("mask", Action::Mask { keep_first: 0 }),
                    ];
                    let (selectors, action) = actions
                        .into_iter()
                        .find_map(|(key, action)| Some((rule.as_mapping_get(key)?, action)))
                        .expect("the example's actions are known here");
                    let action = match action {
                        Action::Mask { .. } => Action::Mask {
                            keep_first: rule["keep_first"]
                                .as_integer()
                                .unwrap()
                                .try_into()
                                .unwrap(),
                        },
                        Action::Keep
                        | Action::KeepAll
                        | Action::Drop
                        | Action::Year
                        | Action::Token => action,
                    };
                    (action, list(selectors))
                });
            Disclosure {
                partner: string(&agreement["parties"]["partner"]),
                purpose: list(&disclosure["purposes"]).remove(0),
                path: string(&disclosure["request"])
                    .trim_start_matches("GET ")
                    .to_owned(),
                record: response.as_mapping_get("record").map(string),
                release_if: response.as_mapping_get("release_if").map(string),
                fields: fields.collect(),
            }
        })
        .collect()
}

impl Disclosure {
    /// What becomes of each value of `document`.
    pub(crate) fn expected(&self, document: &Value) -> Expected {
        let mut walk = Walk {
            rules: self.selected(document),
            held_back: self.held_back(document),
            expected: Expected {
                leaves: Leaves::new(),
                withheld: Vec::new(),
            },
        };
        walk.value(document, "$".to_owned(), "$".to_owned(), Inside::default());
        walk.expected
    }

    /// What rules say of each path that one selects.
    fn selected(&self, document: &Value) -> HashMap<String, Vec<Action>> {
        let mut rules: HashMap<String, Vec<Action>> = HashMap::new();
        for (action, selectors) in &self.fields {
            for selector in selectors {
                for path in document.query_only_path(selector).unwrap() {
                    rules.entry(path).or_default().push(*action);
                }
            }
        }
        rules
    }

    /// The paths of records whose condition does not hold.
    fn held_back(&self, document: &Value) -> HashSet<String> {
        let (Some(record), Some(condition)) = (&self.record, &self.release_if) else {
            return HashSet::new();
        };
        let records = document.query_with_path(record).unwrap();
        let held_back = records.into_iter().filter(|found| {
            let alone = Value::Array(vec![found.val.clone()]);
            alone.query(&format!("$[?{condition}]")).unwrap().is_empty()
        });
        held_back.map(|found| found.path).collect()
    }
}

/// What the ancestors of a value say about it.
#[derive(Clone, Copy, Default)]
struct Inside {
    kept_whole: bool,
    dropped: bool,
}

struct Walk {
    rules: HashMap<String, Vec<Action>>,
    held_back: HashSet<String>,
    expected: Expected,
}

impl Walk {
    fn value(&mut self, value: &Value, path: String, place: String, inside: Inside) {
        let rules = self.rules.get(&path).cloned().unwrap_or_default();
        let inside = Inside {
            kept_whole: inside.kept_whole || rules.contains(&Action::KeepAll),
            dropped: inside.dropped
                || rules.contains(&Action::Drop)
                || self.held_back.contains(&path),
        };
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.value(
                        value,
                        format!("{path}['{name}']"),
                        format!("{place}.{name}"),
                        inside,
                    );
                }
            }
            Value::Array(elements) => {
                for (index, value) in elements.iter().enumerate() {
                    self.value(
                        value,
                        format!("{path}[{index}]"),
                        format!("{place}[*]"),
                        inside,
                    );
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let leaves = if inside.dropped {
                    None
                } else {
                    transformed(value, &rules, inside)
                };
                if leaves.as_deref() != Some(&value.to_string()) {
                    self.expected.withheld.push(value.clone());
                }
                if let Some(text) = leaves {
                    self.expected.leaves.entry(place).or_default().push(text);
                }
            }
        }
    }
}

/// The JSON text that leaves in the place of a single value that no rule drops.
fn transformed(value: &Value, rules: &[Action], inside: Inside) -> Option<String> {
    let transform = rules
        .iter()
        .find(|action| matches!(action, Action::Year | Action::Token | Action::Mask { .. }));
    let Some(action) = transform else {
        return (inside.kept_whole || rules.contains(&Action::Keep)).then(|| value.to_string());
    };
    match (action, value) {
        (_, Value::Null) => Some("null".to_owned()),
        (Action::Year, Value::String(text)) => year(text).map(|year| format!("\"{year}\"")),
        (Action::Token, Value::String(text)) if !text.trim().is_empty() => Some(TOKEN.to_owned()),
        (Action::Token, Value::Number(number)) if number.is_u64() => Some(TOKEN.to_owned()),
        (Action::Mask { keep_first }, Value::String(text)) => {
            let shown = if text.chars().count() > *keep_first {
                *keep_first
            } else {
                0
            };
            let masked = text
                .chars()
                .enumerate()
                .map(|(index, character)| if index < shown { character } else { '*' });
            Some(Value::String(masked.collect()).to_string())
        }
        _ => None,
    }
}

/// The year of an ISO 8601 date or timestamp.
fn year(text: &str) -> Option<&str> {
    let date = text.get(..10)?;
    date.parse::<jiff::civil::Date>().ok()?;
    matches!(text.as_bytes().get(10), None | Some(b'T')).then(|| &text[..4])
}

/// The single values of what a partner got, as [`Expected::leaves`] has them.
pub(crate) fn leaves(document: &Value) -> Leaves {
    fn fill(value: &Value, place: String, leaves: &mut Leaves) {
        match value {
            Value::Object(members) => {
                members
                    .iter()
                    .for_each(|(name, value)| fill(value, format!("{place}.{name}"), leaves));
            }
            Value::Array(elements) => {
                elements
                    .iter()
                    .for_each(|value| fill(value, format!("{place}[*]"), leaves));
            }
            Value::String(text) if is_token(text) => {
                leaves.entry(place).or_default().push(TOKEN.to_owned())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                leaves.entry(place).or_default().push(value.to_string());
            }
        }
    }
    let mut found = Leaves::new();
    fill(document, "$".to_owned(), &mut found);
    found
}

fn is_token(text: &str) -> bool {
    text.strip_prefix("fg1p-1-").is_some_and(|rest| {
        rest.len() == 26
            && rest
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
    })
}
