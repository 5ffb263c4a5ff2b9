//! Fields that a service begins to send, in each format that an answer can have: they stay behind, and open a case.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fieldgate::agreement;
use fieldgate::minimise::{Limits, Notice, machine};
use fieldgate::plan::{Plan, PlanKeys};
use fieldgate::transform::{Occasion, RootKey};

use super::law::{Law, get};
use crate::harness::{Service, run};

/// One record as each format writes it: two fields that are agreed, one that only the register has, one that nobody has named.
struct Written {
    /// The terms of the answer.
    response: &'static str,
    label: &'static str,
    body: &'static str,
    /// What leaves of it.
    leaves: &'static str,
    /// Where the new field is.
    path: &'static str,
}

const FORMATS: [Written; 4] = [
    Written {
        response: "format: json\n      record: $\n      subject: $.account\n      fields:\n        - keep: [$.name, $.phone]\n",
        label: "application/json",
        body: r#"{"account":"4471","name":"A. Sample","phone":"01983 000000","dateOfBirth":"1950-02-03","newField":"CANARY-7"}"#,
        leaves: r#"{"name":"A. Sample","phone":"01983 000000"}"#,
        path: "$.newField",
    },
    Written {
        response: "format: ndjson\n      record: $[*]\n      subject: \"@.account\"\n      fields:\n        - keep: [\"$[*].name\", \"$[*].phone\"]\n",
        label: "application/x-ndjson",
        body: "{\"account\":\"4471\",\"name\":\"A. Sample\",\"phone\":\"01983 000000\",\"dateOfBirth\":\"1950-02-03\",\"newField\":\"CANARY-7\"}\n",
        leaves: "{\"name\":\"A. Sample\",\"phone\":\"01983 000000\"}\n",
        path: "$[*].newField",
    },
    Written {
        response: "format: csv\n      record: $[*]\n      subject: \"@.account\"\n      fields:\n        - keep: [\"$[*].name\", \"$[*].phone\"]\n",
        label: "text/csv",
        body: "account,name,phone,dateOfBirth,newField\n4471,A. Sample,01983 000000,1950-02-03,CANARY-7\n",
        leaves: "name,phone\nA. Sample,01983 000000\n",
        path: "$[*].newField",
    },
    Written {
        response: "format: xml\n      record: $.accounts.entry\n      subject: \"@.account\"\n      fields:\n        - keep: [$.accounts.entry.name, $.accounts.entry.phone]\n",
        label: "application/xml",
        body: "<accounts><entry><account>4471</account><name>A. Sample</name><phone>01983 000000</phone><dateOfBirth>1950-02-03</dateOfBirth><newField>CANARY-7</newField></entry></accounts>",
        leaves: "<accounts><entry><name>A. Sample</name><phone>01983 000000</phone></entry></accounts>",
        path: "$.accounts.entry.newField",
    },
];

/// A field that a service begins to send opens one case, with its name and no value, in whichever format its answers are; a field
/// that the register has opens none, and what leaves is the same.
#[test]
fn clause_p10_3a_a_new_field_is_held_back_and_told_in_every_format() {
    const JSON: &str = "format: json\n      record: $\n      subject: $.account\n      fields:\n        - keep: [$.name, $.address.line1, $.address.town, $.address.postcode, $.phone]\n";
    for written in &FORMATS {
        run(async {
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}",
                written.label,
                written.body.len(),
                written.body
            );
            let service = Service::answering(answer).await;
            let law = Law::shipped().with("agreements/empty-homes.yaml", JSON, written.response);
            let council = law.serve(service.address);
            for _ in 0..3 {
                let path = "/empty-homes/4471";
                let got = get(&council, "empty-homes-team-key", "empty-homes", path, "").await;
                assert_eq!(got.status(), 200, "{}: {}", written.label, got.text());
                assert_eq!(got.body(), written.leaves, "{}", written.label);
            }
            let cases = council.folder.path().join("state/cases.jsonl");
            let text = std::fs::read_to_string(cases).unwrap_or_default();
            assert_eq!(text.lines().count(), 1, "{}: {text}", written.label);
            let case: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
            assert_eq!(case["gap"]["kind"], "field");
            assert_eq!(case["gap"]["field"], written.path);
            assert!(
                !text.contains("CANARY") && !text.contains("Birth"),
                "{text}"
            );
        });
    }
}

/// Who writes down what is told.
#[derive(Debug, Default)]
struct Told {
    heard: Mutex<BTreeSet<u64>>,
    paths: Mutex<Vec<String>>,
}

impl Notice for Told {
    fn is_new(&self, key: u64) -> bool {
        self.heard.lock().unwrap().insert(key)
    }

    fn tell(&self, path: &str) {
        self.paths.lock().unwrap().push(path.to_owned());
    }
}

/// What is told of `body`, which comes in pieces of `size`, under `rules`.
fn told(rules: &str, body: &str, size: usize) -> Vec<String> {
    let rules = agreement::load_fields("rules.yaml", rules).unwrap();
    let root = RootKey::from_bytes([7; 32]);
    let keys = PlanKeys {
        agreement: Some(root.agreement("", 1)),
        subject: Some(root.subject()),
    };
    let plan = Arc::new(Plan::compile(&rules, &keys, &Limits::default()).unwrap());
    let told = Arc::new(Told::default());
    let occasion = Occasion {
        notice: Some(Arc::clone(&told) as Arc<dyn Notice>),
        ..Occasion::from(jiff::civil::date(2026, 6, 15))
    };
    let mut machine = machine(&plan, "", occasion);
    let mut out = Vec::new();
    for piece in body.as_bytes().chunks(size) {
        machine.push(piece, &mut out).unwrap();
    }
    machine.finish(&mut out).unwrap();
    let mut paths = std::mem::take(&mut *told.paths.lock().unwrap());
    paths.sort();
    paths
}

#[test]
fn p8_new_fields_are_told_once_each_however_the_body_is_cut() {
    let csv = "format: csv\nfields: [{ keep: [\"$[*].name\"] }]\n";
    let xml =
        "format: xml\nfields: [{ keep: [$.people.person.name, \"$.people.person['@id']\"] }]\n";
    let spaces = "format: xml\nnamespaces: { c: \"urn:council\" }\nfields: [{ keep: [\"$['c:people']['c:name']\"] }]\n";
    for (rules, body, expected) in [
        (
            csv,
            "name,ethnicity,\"a b\"\nAda,x,y\nBen,x,y\n",
            &["$[*].a b", "$[*].ethnicity"][..],
        ),
        (csv, "name\nAda\n", &[]),
        // A first row in which nothing is agreed may be somebody's record.
        (csv, "Ada Quill,9434765919\nBen,2\n", &[]),
        (
            xml,
            "<people by=\"x\"><person id=\"1\" sex=\"f\"><name>A</name><faith>x</faith><faith>y</faith></person><person id=\"2\" sex=\"f\"><faith>x</faith><home><street>x</street></home></person></people>",
            &[
                "$.people.@by",
                "$.people.person.@sex",
                "$.people.person.faith",
                "$.people.person.home",
            ],
        ),
        (
            "format: form\nfields: [{ keep: [$.name] }]\n",
            "name=A&born=x&home=y",
            &["$.born", "$.home"],
        ),
        (
            spaces,
            "<q:people xmlns:q=\"urn:council\" xmlns:o=\"urn:other\"><q:name>A</q:name><o:faith>x</o:faith><q:born>y</q:born></q:people>",
            &["$.c:people.c:born", "$.c:people.faith"],
        ),
    ] {
        for size in [1, 2, 3, 7, 4096] {
            assert_eq!(told(rules, body, size), expected, "{size}: {body}");
        }
    }
}
