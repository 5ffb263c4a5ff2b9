//! A document model: serde_json's tree, changed at the paths that jsonpath-rust finds. What a user would write.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jsonpath_rust::JsonPath as _;
use jsonpath_rust::query::queryable::Queryable as _;
use serde_json::Value;
use sha2::Sha256;

/// What to do with a document.
pub(crate) enum Task {
    /// All but what these select.
    Without(&'static [&'static str]),
    /// Only what `keep` selects, and a token of what `token` selects, under a key.
    Only {
        keep: &'static [&'static str],
        token: Option<(&'static str, [u8; 32])>,
    },
}

/// The document minimised, compact.
pub(crate) fn minimise(task: &Task, document: &[u8]) -> Vec<u8> {
    let value: Value = serde_json::from_slice(document).expect("benches make JSON");
    let minimised = match task {
        Task::Without(drops) => without(value, drops),
        Task::Only { keep, token } => only(&value, keep, token.as_ref()),
    };
    serde_json::to_vec(&minimised).expect("a tree is always JSON")
}

fn without(mut value: Value, drops: &[&str]) -> Value {
    for drop in drops {
        value.delete_by_path(drop).expect("benches write JSONPath");
    }
    value
}

fn only(value: &Value, keep: &[&str], token: Option<&(&str, [u8; 32])>) -> Value {
    let mut output = Value::Null;
    for selector in keep {
        for found in value
            .query_with_path(selector)
            .expect("benches write JSONPath")
        {
            insert(&mut output, &found.path, found.val.clone());
        }
    }
    if let Some((selector, key)) = token {
        let keyed = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
        for found in value
            .query_with_path(selector)
            .expect("benches write JSONPath")
        {
            let mut state = keyed.clone();
            // What it is for, a value, and the kind of identifier, text.
            state.update(b"\x01text\0");
            state.update(
                found
                    .val
                    .as_str()
                    .expect("identifiers are strings here")
                    .as_bytes(),
            );
            let cut = &state.finalize().into_bytes()[..16];
            let text = data_encoding::BASE32_NOPAD.encode(cut).to_lowercase();
            insert(
                &mut output,
                &found.path,
                Value::String(format!("fg1p-1-{text}")),
            );
        }
    }
    output
}

/// Puts `value` at a normalised path, `$['records'][0]['dob']`, making what is on the way.
fn insert(output: &mut Value, path: &str, value: Value) {
    let mut place = output;
    for step in path[1..].split_terminator(']') {
        let step = &step[1..];
        place = if let Some(name) = step.strip_prefix('\'') {
            if place.is_null() {
                *place = Value::Object(serde_json::Map::new());
            }
            let members = place.as_object_mut().expect("paths agree with each other");
            members
                .entry(name.trim_end_matches('\''))
                .or_insert(Value::Null)
        } else {
            if place.is_null() {
                *place = Value::Array(Vec::new());
            }
            let elements = place.as_array_mut().expect("paths agree with each other");
            let index: usize = step.parse().expect("a step without quotes is an index");
            while elements.len() <= index {
                elements.push(Value::Null);
            }
            &mut elements[index]
        };
    }
    *place = value;
}
