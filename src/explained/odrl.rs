//! Agreements as policies of the Open Digital Rights Language (ODRL 2.2) in JSON-LD, with terms of the W3C Data Privacy
//! Vocabulary.
//!
//! One policy of type `Agreement` for each disclosure, since a policy of that type is about one target. What ODRL has no
//! word for (rules for fields, records and tokens) is not approximated: the policy names the agreement by its hash, and
//! the gateway enforces that text.

use serde_json::{Value, json};

use super::{Stated, Texts};
use crate::agreement::{Agreement, AgreementSet, Disclosure, Purpose};

/// The policies of `set` as one JSON-LD document.
#[must_use]
pub fn export(set: &AgreementSet, texts: &Texts) -> Value {
    let mut policies = Vec::new();
    for agreement in &set.agreements {
        let stated = texts.stated(&agreement.text_hash);
        for disclosure in &agreement.disclosures {
            policies.push(policy(agreement, disclosure, &stated));
        }
    }
    json!({ "@context": context(), "@graph": policies })
}

/// ODRL's own context, and the prefixes of what it has no names for.
fn context() -> Value {
    json!([
        "http://www.w3.org/ns/odrl.jsonld",
        {
            "dpv": "https://w3id.org/dpv#",
            "dcterms": "http://purl.org/dc/terms/",
        }
    ])
}

/// One disclosure as a policy.
#[must_use]
pub fn policy(agreement: &Agreement, disclosure: &Disclosure, stated: &Stated) -> Value {
    let name = format!("{}:{}", agreement.name, disclosure.name);
    let purposes = agreement
        .purposes
        .iter()
        .filter(|purpose| disclosure.purposes.contains(&purpose.name));
    let mut permissions: Vec<Value> = Vec::new();
    for purpose in purposes {
        let mut permission = json!({
            "action": action(disclosure.method),
            "constraint": constraints(agreement, purpose, stated),
        });
        if let Some(period) = stated.text(&["retention"]) {
            permission["duty"] = json!([{
                "action": "delete",
                "constraint": [{
                    "leftOperand": "elapsedTime",
                    "operator": "lteq",
                    "rightOperand": { "@value": period, "@type": "xsd:duration" },
                }],
            }]);
        }
        permissions.push(permission);
    }
    let mut policy = json!({
        "@type": "Agreement",
        "@id": format!("urn:fieldgate:agreement:{name}:{}", agreement.version),
        "uid": format!("urn:fieldgate:agreement:{name}:{}", agreement.version),
        "dcterms:title": agreement.title,
        "dcterms:isVersionOf": format!("urn:fieldgate:agreement:{}", agreement.name),
        "dcterms:source": format!("urn:sha256:{}", agreement.hash),
        "assigner": format!("urn:fieldgate:party:{}", agreement.controller),
        "assignee": format!("urn:fieldgate:party:{}", agreement.partner),
        "target": target(disclosure, agreement),
        "permission": permissions,
    });
    if let Some(Value::Array(lawful)) = stated.at("basis.lawful") {
        policy["dpv:hasLegalBasis"] = lawful.iter().map(legal_basis).collect();
    }
    policy
}

/// What is asked for: the data set, or where none is named the request's own.
fn target(disclosure: &Disclosure, agreement: &Agreement) -> String {
    match &disclosure.data_set {
        Some(set) => format!("urn:fieldgate:data-set:{set}"),
        None => format!(
            "urn:fieldgate:disclosure:{}:{}",
            agreement.name, disclosure.name
        ),
    }
}

/// What a request of this method does to the target, in the words of ODRL.
fn action(method: &str) -> &'static str {
    match method {
        "GET" => "read",
        "DELETE" => "delete",
        _ => "modify",
    }
}

fn constraints(agreement: &Agreement, purpose: &Purpose, stated: &Stated) -> Vec<Value> {
    let day = |day: jiff::civil::Date| json!({ "@value": day.to_string(), "@type": "xsd:date" });
    let concept = match &purpose.dpv {
        Some(dpv) => format!("dpv:{}", dpv.strip_prefix("dpv:").unwrap_or(dpv)),
        None => format!("urn:fieldgate:purpose:{}:{}", agreement.name, purpose.name),
    };
    let mut all = vec![
        json!({ "leftOperand": "purpose", "operator": "eq", "rightOperand": { "@id": concept } }),
        json!({ "leftOperand": "dateTime", "operator": "gteq", "rightOperand": day(agreement.term.starts) }),
        json!({ "leftOperand": "dateTime", "operator": "lteq", "rightOperand": day(agreement.term.ends) }),
    ];
    if let Some(Value::Array(countries)) = stated.at("basis.territory") {
        let countries: Vec<Value> = countries
            .iter()
            .filter_map(Value::as_str)
            .map(|country| json!({ "@id": format!("https://w3id.org/dpv/loc#{country}") }))
            .collect();
        all.push(
            json!({ "leftOperand": "spatial", "operator": "isAnyOf", "rightOperand": countries }),
        );
    }
    all
}

/// A condition for processing as a term of the vocabulary's part for the GDPR; as it is written where it has none.
fn legal_basis(provision: &Value) -> Value {
    let text = provision.as_str().unwrap_or_default();
    let letter = |prefix: &str| text.strip_prefix(prefix).filter(|rest| rest.len() == 1);
    match (letter("uk-gdpr:6-1-"), letter("uk-gdpr:9-2-")) {
        (Some(letter), _) => {
            json!({ "@id": format!("https://w3id.org/dpv/legal/eu/gdpr#A6-1-{letter}") })
        }
        (_, Some(letter)) => {
            json!({ "@id": format!("https://w3id.org/dpv/legal/eu/gdpr#A9-2-{letter}") })
        }
        (None, None) => json!(text),
    }
}
