//! Forms: the first line of the input is `f` or `m` for the format and then rules, the rest is a body, between whose
//! parts `b` stands. The same at every cut; what leaves is a form again; and of a plain form what leaves is what the
//! JSON object of its pairs lets leave.

#![no_main]
#![allow(dead_code, reason = "the tests' modules hold more than is asked here")]

#[path = "../../tests/minimiser/document.rs"]
mod document;
mod notation;
#[path = "../../tests/minimiser/oracle.rs"]
mod oracle;
#[path = "../../tests/minimiser/support.rs"]
mod support;
#[path = "../../tests/formats/ways.rs"]
mod ways;

use std::sync::Arc;

use fieldgate::minimise::Limits;
use fieldgate::plan::{BodyRules, Format, Plan};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Map, Value};

/// Bytes of a body that is cut everywhere.
const CUTS: usize = 200;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((letter, rules, body)) = notation::read(input) else {
        return Corpus::Reject;
    };
    let format = match letter {
        b'f' => Format::Form,
        b'm' => Format::Multipart,
        _ => return Corpus::Reject,
    };
    let limits = notation::limits(input);
    let of_format = BodyRules {
        format: format.clone(),
        ..rules.clone()
    };
    let plans = (
        Plan::compile(&of_format, &support::keys(), &limits),
        Plan::compile(&rules, &support::keys(), &limits),
    );
    let (Ok(plan), Ok(of_object)) = plans else {
        return Corpus::Reject;
    };
    let Ok(ran) = ways::run(&Arc::new(plan), "b", body, CUTS) else {
        return Corpus::Keep;
    };
    let whole = ways::plan(&format, "keep_all $", &Limits::default());
    let again = ways::run(&whole, "b", ran.text.as_bytes(), 0);
    assert_eq!(again.as_ref().map(|again| &again.text), Ok(&ran.text));
    let plain = format == Format::Form && limits == Limits::default();
    let Some(object) = Some(body).filter(|_| plain).and_then(object) else {
        return Corpus::Keep;
    };
    // Where rules look into elements or members, a text of a form is not one of JSON.
    let shallow = rules.fields.iter().all(|rule| {
        let selector = rule.selector.text();
        !selector.contains('[') && !selector.contains("..")
    });
    if !shallow {
        return Corpus::Keep;
    }
    let sent = Value::Object(object).to_string();
    let of_object = support::run(&Arc::new(of_object), [sent.as_bytes()]).map(|ran| ran.text);
    let text = of_object.expect("the object of a form that was taken is one");
    let left = serde_json::from_str(&text).expect("what leaves is JSON");
    let left = match left {
        Value::Object(left) => left,
        _ => Map::new(),
    };
    assert_eq!(object_of(&ran.text), Some(left));
    Corpus::Keep
});

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    object_of(std::str::from_utf8(body).ok()?)
}

/// The pairs of a form as JSON; nothing if a name comes twice.
fn object_of(body: &str) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        let value = if value.is_empty() {
            Value::Null
        } else {
            Value::String(value)
        };
        if object.insert(decoded(name), value).is_some() {
            return None;
        }
    }
    Some(object)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("what was taken is ASCII");
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).expect("what was taken has digits behind each %")
            }
            other => other,
        });
    }
    String::from_utf8(bytes).expect("what was taken is UTF-8")
}
