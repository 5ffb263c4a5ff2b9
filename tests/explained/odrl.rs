//! Exported policies against the schema and the terms that others publish.

use std::path::PathBuf;

use fieldgate::agreement::{AgreementSet, Context, Source};
use fieldgate::explained::{Texts, odrl};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

const FALLS: &str = include_str!("../../config/agreements/falls-prevention.yaml");
const TENANCY: &str = include_str!("../../config/agreements/tenancy-support.yaml");

fn exported() -> Value {
    let sources =
        [("a.yaml", FALLS), ("b.yaml", TENANCY)].map(|(name, text)| Source { name, text });
    let set = AgreementSet::load(&sources, &Context::alone(TimeZone::UTC)).unwrap();
    odrl::export(&set, &[FALLS, TENANCY].into_iter().collect::<Texts>())
}

#[expect(clippy::print_stdout, reason = "a test says what it skipped")]
fn corpus(path: &str) -> Option<String> {
    let folder = std::env::var_os("FIELDGATE_CORPORA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpora")),
        PathBuf::from,
    );
    let found = std::fs::read_to_string(folder.join("policies").join(path)).ok();
    if found.is_none() {
        println!("skipped: policies/{path} is not there");
    }
    found
}

/// What ODRL 2.2 asks of a policy of type Agreement: one id, both parties, a target, and a permission with an action; of
/// a constraint its three parts, by names that the vocabulary has.
fn is_agreement(policy: &Value) {
    const LEFT: [&str; 4] = ["purpose", "dateTime", "spatial", "elapsedTime"];
    const OPERATORS: [&str; 4] = ["eq", "gteq", "lteq", "isAnyOf"];
    const ACTIONS: [&str; 3] = ["read", "modify", "delete"];
    assert_eq!(policy["@type"], "Agreement");
    for key in ["uid", "assigner", "assignee", "target"] {
        assert!(
            policy[key]
                .as_str()
                .is_some_and(|text| text.starts_with("urn:")),
            "{key}"
        );
    }
    let permissions = policy["permission"].as_array().unwrap();
    assert!(!permissions.is_empty());
    for permission in permissions {
        assert!(ACTIONS.contains(&permission["action"].as_str().unwrap()));
        let duties = permission["duty"].as_array().into_iter().flatten();
        let of_duties = duties.flat_map(|duty| duty["constraint"].as_array().unwrap());
        for constraint in permission["constraint"]
            .as_array()
            .unwrap()
            .iter()
            .chain(of_duties)
        {
            assert!(
                LEFT.contains(&constraint["leftOperand"].as_str().unwrap()),
                "{constraint}"
            );
            assert!(
                OPERATORS.contains(&constraint["operator"].as_str().unwrap()),
                "{constraint}"
            );
            assert!(!constraint["rightOperand"].is_null(), "{constraint}");
        }
    }
}

#[test]
fn each_disclosure_is_an_agreement_of_odrl() {
    let exported = exported();
    assert_eq!(exported["@context"][0], "http://www.w3.org/ns/odrl.jsonld");
    let policies = exported["@graph"].as_array().unwrap();
    assert_eq!(policies.len(), 6);
    policies.iter().for_each(is_agreement);
    let first = &policies[0];
    assert_eq!(first["assignee"], "urn:fieldgate:party:island-health");
    assert_eq!(
        first["permission"][0]["duty"][0]["constraint"][0]["rightOperand"]["@value"],
        "P6M"
    );
    assert_eq!(
        first["permission"][0]["constraint"][1]["rightOperand"],
        json!({ "@value": "2026-04-01", "@type": "xsd:date" })
    );
    assert_eq!(
        first["dpv:hasLegalBasis"][0]["@id"],
        "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"
    );
}

#[test]
fn policies_hold_against_the_schema_of_the_dataspace_protocol_as_its_own_examples_do() {
    let Some(schema) = corpus("dataspace-protocol/negotiation/contract-schema.json") else {
        return;
    };
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let agreement = json!({
        "$schema": schema["$schema"],
        "definitions": schema["definitions"],
        "$ref": "#/definitions/Agreement",
    });
    let validator = jsonschema::validator_for(&agreement).unwrap();
    if let Some(example) =
        corpus("dataspace-protocol/negotiation/example/contract-agreement-message-full.json")
    {
        let example: Value = serde_json::from_str(&example).unwrap();
        assert!(
            validator.is_valid(&example["agreement"]),
            "the example itself"
        );
    }
    for policy in exported()["@graph"].as_array().unwrap() {
        let faults: Vec<String> = validator
            .iter_errors(policy)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{faults:?}\n{policy}");
    }
    let mut broken = exported()["@graph"][0].clone();
    broken.as_object_mut().unwrap().remove("assigner");
    assert!(
        !validator.is_valid(&broken),
        "the schema sees a policy that lacks a party"
    );
}
