//! Every switch that a file can have, thrown: none of them opens anything.

use std::sync::Arc;

use fieldgate::agreement::{AgreementSet, Ask, Asker, Caller, Context, PartnerName, Source};
use fieldgate::minimise::machine;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::harness::{HEALTH_KEY, HOMES_KEY, Service, Setup, care, hash, json as answer, run};

/// A record of which the name alone is agreed.
const RECORD: &str =
    r#"{"id":"1","name":"Ada","secret":"CANARY","deep":{"name":"CANARY","list":["CANARY"]}}"#;

/// An agreement for one field, with each of its parts.
fn agreement() -> Value {
    json!({
        "agreement": "care",
        "version": 1,
        "title": "Care",
        "parties": { "controller": "isle-council", "partner": "island-health" },
        "term": { "starts": "2026-01-01", "ends": "2026-12-31" },
        "purposes": { "care": { "text": "Offer care" } },
        "disclosures": [{
            "name": "adult",
            "purposes": ["care"],
            "request": "GET /adults/{person}",
            "service": { "name": "social-care", "path": "/api/{person}" },
            "parameters": { "path": { "person": "keep" } },
            "response": {
                "format": "json",
                "record": "$",
                "subject": "$.id",
                "fields": [{ "keep": ["$.name"] }],
            },
        }],
    })
}

/// The configuration that the harness writes, before the service at `url`.
fn configuration(url: &str) -> Value {
    let partner = |name: &str, key: &str| json!({ "name": name, "identify": { "api_keys": [{ "name": "k", "sha256": hash(key) }] } });
    json!({
        "listen": [{ "address": "127.0.0.1:0", "insecure_plain_http": true }],
        "admin": { "address": "127.0.0.1:0" },
        "controller": { "name": "isle-council" },
        "partners": [partner("island-health", HEALTH_KEY), partner("harbour-homes", HOMES_KEY)],
        "services": [{ "name": "social-care", "url": url }],
        "agreements": ["agreements"],
        "keys": { "root_key_file": "root.key" },
        "ledger": { "directory": "ledger" },
        "workers": 1,
    })
}

/// What may stand where `schema` is, of the settings that choose between given values: each place, as a pointer into `file`, with
/// each value.
fn settings(
    whole: &Value,
    schema: &Value,
    file: Option<&Value>,
    at: &str,
    found: &mut Vec<(String, Value)>,
) {
    // No file nests deeper; what refers to itself ends here.
    if at.matches('/').count() > 8 {
        return;
    }
    if let Some(name) = schema["$ref"].as_str() {
        let named = whole.pointer(name.trim_start_matches('#')).unwrap();
        settings(whole, named, file, at, found);
    }
    let kinds = schema["type"].as_array().into_iter().flatten();
    if kinds.chain([&schema["type"]]).any(|kind| kind == "boolean") {
        found.extend([true, false].map(|on| (at.to_owned(), json!(on))));
    }
    let values = schema["enum"].as_array().into_iter().flatten();
    let values = values.chain(schema.get("const"));
    found.extend(values.map(|value| (at.to_owned(), value.clone())));
    for choice in ["anyOf", "oneOf", "allOf"] {
        for one in schema[choice].as_array().into_iter().flatten() {
            settings(whole, one, file, at, found);
        }
    }
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let inside = file.and_then(|file| file.get(name));
        settings(whole, below, inside, &format!("{at}/{name}"), found);
    }
    if let Some(below) = schema.get("items") {
        let inside = file.and_then(|file| file.get(0));
        settings(whole, below, inside, &format!("{at}/0"), found);
    }
    if let Some(below) = schema.get("additionalProperties") {
        for (name, inside) in file.and_then(Value::as_object).into_iter().flatten() {
            if schema["properties"].get(name).is_none() {
                settings(whole, below, Some(inside), &format!("{at}/{name}"), found);
            }
        }
    }
}

/// `file` with `value` at `pointer`, and what has to be around it.
fn with(mut file: Value, pointer: &str, value: Value) -> Value {
    let mut at = &mut file;
    for name in pointer.split('/').skip(1) {
        if name == "0" {
            if !at.is_array() {
                *at = json!([]);
            }
            let list = at.as_array_mut().unwrap();
            if list.is_empty() {
                list.push(Value::Null);
            }
            at = &mut list[0];
        } else {
            if !at.is_object() {
                *at = json!({});
            }
            at = &mut at[name];
        }
    }
    *at = value;
    file
}

/// Every value of every setting of an agreement that chooses between given ones: where the agreement loads with it, nothing but
/// the named field leaves, whatever the service sends, and nobody else is answered.
#[test]
fn clause_p10_2a_no_setting_of_an_agreement_lets_an_unlisted_field_pass() {
    let schema: Value = serde_json::from_str(&fieldgate::agreement::agreement_schema()).unwrap();
    let base = agreement();
    let mut found = Vec::new();
    settings(&schema, &schema, Some(&base), "", &mut found);
    // A request without a body has none of these, and names are for objects that are keyed by data.
    found.retain(|(at, _)| !at.contains("/request_body/") && !at.contains("/names/"));
    let context = Context::alone(TimeZone::UTC);
    let mut loaded = 0;
    for (at, value) in found {
        let text = with(base.clone(), &at, value.clone()).to_string();
        let source = Source {
            name: "care.yaml",
            text: &text,
        };
        let Ok(set) = AgreementSet::load(&[source], &context) else {
            continue;
        };
        loaded += 1;
        let set = Arc::new(set);
        let disclosure = &set.agreements[0].disclosures[0];
        let mut machine = machine(&disclosure.released, "", jiff::civil::date(2026, 6, 15));
        let mut out = Vec::new();
        drop(machine.push(RECORD.as_bytes(), &mut out));
        drop(machine.finish(&mut out));
        let left = String::from_utf8_lossy(&out);
        assert!(!left.contains("CANARY"), "{at}: {value}: {left}");
        for (partner, purpose, path) in [
            ("harbour-homes", "care", "/adults/7"),
            ("island-health", "marketing", "/adults/7"),
            ("island-health", "care", "/others/7"),
        ] {
            let decided = set.decide(&Ask {
                asker: Asker::Partner(&PartnerName::new(partner)),
                method: "GET",
                path,
                purposes: &[purpose.as_bytes()],
                caller: Caller::default(),
                at: "2026-06-15T12:00:00Z".parse().unwrap(),
            });
            assert!(
                decided.is_err(),
                "{at}: {value}: {partner} {purpose} {path}"
            );
        }
    }
    assert!(loaded > 30, "{loaded} loaded");
}

/// Every value of every setting of the configuration that chooses between given ones: where the gateway starts with it, a partner
/// without an agreement gets nothing, and a partner with one gets what that names.
/// Rows: A17.
#[test]
fn clause_p10_2a_no_setting_of_the_configuration_opens_the_gateway() {
    let schema: Value = serde_json::from_str(&fieldgate::config::gateway_schema()).unwrap();
    run(async {
        let service = Service::answering(answer(RECORD)).await;
        let base = configuration(&format!("http://{}", service.address));
        let mut found = vec![(String::new(), base.clone())];
        settings(&schema, &schema, Some(&base), "", &mut found);
        let mut started = 0;
        for (at, value) in found {
            let setup = Setup {
                agreements: vec![("care.yaml".to_owned(), agreement().to_string())],
                ..Setup::with(service.address)
            };
            let mut council = setup.write();
            let text = with(base.clone(), &at, value.clone()).to_string();
            std::fs::write(council.config(), text).unwrap();
            if council.try_start().is_err() {
                continue;
            }
            started += 1;
            let asked = service.requests().len();
            for path in ["/adults/7", "/api/7", "/"] {
                let request = care("GET", path, "").replace(HEALTH_KEY, HOMES_KEY);
                let refused = council.send(&request).await;
                refused.is_problem(404, "no_route");
            }
            assert_eq!(service.requests().len(), asked, "{at}: {value}");
            let got = council.get("/adults/7").await;
            assert!(
                !got.text().contains("CANARY"),
                "{at}: {value}: {}",
                got.text()
            );
            council.stop().await;
        }
        assert!(started > 8, "{started} started");
    });
}
