//! What is published: the same from the same files, whole, and without anything of any record.

use std::collections::BTreeMap;

use fieldgate::agreement::{AgreementSet, Context, Source};
use fieldgate::explained::publish::{Publishing, publish};
use fieldgate::explained::{Stated, Texts};
use jiff::tz::TimeZone;
use serde_json::Value;

const FALLS: &str = include_str!("../../config/agreements/falls-prevention.yaml");
const TENANCY: &str = include_str!("../../config/agreements/tenancy-support.yaml");
const REGISTER: &str = "\
register: isle-council
contacts: { dpo: dpo@isle.example }
data_sets:
  - name: adult-social-care
    title: Adults who get care
    subjects: person
    collected: { for: [care], ground: function, under: Care Act 2014 }
    retention: P8Y
    notices: [{ id: care-notice, version: 2, from: 2024-04-01, purposes: [falls-prevention] }]
    fields: [{ path: '@.nhsNumber', sensitivity: personal }]
  - name: electoral-roll
    title: Electors
    subjects: person
    collected: { for: [elections], ground: statutory-duty, under: RPA 1983 }
    retention: P1Y
    fields: [{ path: '@.name', sensitivity: personal }]
";

fn published() -> BTreeMap<String, String> {
    let sources =
        [("a.yaml", FALLS), ("b.yaml", TENANCY)].map(|(name, text)| Source { name, text });
    let set = AgreementSet::load(&sources, &Context::alone(TimeZone::UTC)).unwrap();
    let texts: Texts = [FALLS, TENANCY].into_iter().collect();
    let register = Stated::read(REGISTER);
    let publishing = Publishing {
        controller: "isle-council",
        set: &set,
        texts: &texts,
        register: Some(&register),
        on: jiff::civil::date(2026, 11, 22),
    };
    publish(&publishing)
        .into_iter()
        .map(|file| (file.name, file.text))
        .collect()
}

fn rows(files: &BTreeMap<String, String>, name: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(&files[&format!("{name}.json")]).unwrap();
    document[name].as_array().unwrap().clone()
}

/// The statement of compliance per principle, and all that is published with it, is the same byte for byte when it is made
/// again from the same files.
#[test]
fn clause_r03_the_same_files_on_the_same_day_give_the_same_bytes() {
    assert_eq!(published(), published());
}

/// The public register and the pages with it are whole HTML that needs nothing from elsewhere, prints, and names the texts
/// that it was made from by their hashes.
/// Rows: P6.3a.
#[test]
fn clause_p6_2_pages_are_well_formed_need_nothing_else_and_name_the_texts_they_are_made_from() {
    let files = published();
    let pages: Vec<_> = files
        .iter()
        .filter(|(name, _)| name.ends_with(".html"))
        .collect();
    assert_eq!(pages.len(), 7, "{:?}", files.keys());
    for (name, page) in pages {
        let body = page
            .split_once("<body>")
            .unwrap()
            .1
            .split_once("</body>")
            .unwrap()
            .0;
        roxmltree::Document::parse(&format!("<body>{body}</body>"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        for foreign in ["<script", "<link", "<img", "http:", "url(", "@import"] {
            assert!(!page.contains(foreign), "{name}: {foreign}");
        }
        let hash = Texts::hash(if name.contains("tenancy") {
            TENANCY
        } else {
            FALLS
        });
        assert!(
            page.contains(&hash) || name == "notices.html",
            "{name} names no text"
        );
        assert!(page.contains("lang=\"en-GB\"") && page.contains("@media print"));
    }
}

/// Each report is there in a form for people and one for machines, which say the same.
#[test]
fn clause_p7_2_each_table_is_the_same_in_all_its_forms() {
    let files = published();
    for name in ["register", "processing", "flows", "notices"] {
        let rows = rows(&files, name);
        let csv = &files[&format!("{name}.csv")];
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let columns: Vec<String> = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), rows.len(), "{name}");
        for (record, row) in records.iter().zip(&rows) {
            for (column, cell) in columns.iter().zip(record) {
                let plain = row[column].as_str().unwrap();
                assert!(
                    cell == plain || cell == format!("'{plain}"),
                    "{name} {column}"
                );
            }
        }
        assert!(!rows.is_empty(), "{name}");
    }
}

/// The register of flows has exactly the disclosures of the agreements, each with its source, recipient, fields and basis.
#[test]
fn clause_a19_flows_are_the_disclosures_and_fields_of_the_agreements() {
    let flows = rows(&published(), "flows");
    let named: Vec<&str> = flows
        .iter()
        .map(|row| row["disclosure"].as_str().unwrap())
        .collect();
    assert_eq!(
        named,
        [
            "adult",
            "adult-by-token",
            "adults-assessed",
            "household-for-support",
            "household-for-repairs",
            "report-repair"
        ]
    );
    assert_eq!(flows[0]["service"], "social-care");
    assert_eq!(flows[0]["recipient"], "island-health");
    assert!(
        flows[0]["fields that leave"]
            .as_str()
            .unwrap()
            .contains("$.dateOfBirth as its year")
    );
    assert!(
        flows[0]["basis"]
            .as_str()
            .unwrap()
            .contains("a task in the public interest (UK GDPR Article 6(1)(e))")
    );
    assert!(
        flows[5]["fields that come in"]
            .as_str()
            .unwrap()
            .contains("$.category")
    );
}

/// A use of a data set that none of its notices mentions is told as such.
#[test]
fn clause_p5_2c_a_use_that_no_notice_mentions_is_told() {
    let notices = rows(&published(), "notices");
    let told = |purpose: &str, set: &str| {
        let mut all = notices.iter();
        let found = all.find(|row| row["purpose"] == purpose && row["data set"] == set);
        found.unwrap()["told"].clone()
    };
    assert_eq!(told("falls-prevention", "adult-social-care"), "yes");
    assert_eq!(told("service-evaluation", "adult-social-care"), "no");
    assert_eq!(told("repairs", "tenancies"), "unknown");
}

/// The record of processing has each data set of the register with what it is shared for, and those that are not shared.
#[test]
fn clause_p6_1a_the_record_of_processing_has_every_data_set_shared_or_not() {
    let files = published();
    let processing = rows(&files, "processing");
    let shared = &processing[0];
    assert_eq!(shared["data set"], "adult-social-care");
    let shared_for = shared["shared for"].as_str().unwrap();
    assert!(
        shared_for.contains("falls-prevention: Find adults at risk")
            && shared_for.contains("service-evaluation: "),
        "{shared_for}"
    );
    assert_eq!(shared["people"], "people: Adults who get care");
    assert!(
        shared["categories of data"]
            .as_str()
            .unwrap()
            .contains("date of birth"),
        "{shared}"
    );
    assert_eq!(shared["recipient"], "island-health");
    assert_eq!(shared["kept by the recipient for"], "6 months");
    let unshared: Vec<&Value> = processing
        .iter()
        .filter(|row| row["shared for"] == "not shared")
        .collect();
    assert_eq!(unshared.len(), 1);
    assert_eq!(unshared[0]["data set"], "electoral-roll");
    assert_eq!(unshared[0]["kept by the controller for"], "1 year");
}

/// What the public reads has no code of a file's: neither a provision's, nor a period's, nor a ground's, nor a selector where data is
/// named by its kind.
/// Rows: P6.2.
#[test]
fn what_the_public_reads_is_in_words() {
    let files = published();
    for name in ["register", "processing"] {
        for row in rows(&files, name) {
            for (column, cell) in row.as_object().unwrap() {
                let cell = cell.as_str().unwrap();
                for code in [
                    "uk-gdpr:",
                    "dpa-",
                    "P6M",
                    "P8Y",
                    "P1Y",
                    "statutory-duty",
                    "$.",
                    "@.",
                ] {
                    assert!(!cell.contains(code), "{name}, {column}: {cell}");
                }
            }
        }
    }
    let register = rows(&files, "register");
    assert_eq!(register[0]["held in"], "United Kingdom (GB)");
}
