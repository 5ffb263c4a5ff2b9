//! What a controller publishes of its sharing: a public register, the record of processing, the flows of data, what
//! people were told, and how it keeps to each principle.
//!
//! Everything comes from the agreements and the register as they are written and loaded, and nothing from any record, so
//! that there is no personal data to leave out. The same files on the same day give the same bytes. Each page says by
//! which texts it was made: their hashes are those that the ledger has.

mod cells;
mod pages;
mod processing;
mod tables;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::Stated;
use super::checklist::{Checklist, checklist};
use super::document::{Document, Section, Table};
use super::plain;
use super::stated::one_line;
use crate::agreement::basis::Retention;
use crate::agreement::{Agreement, AgreementSet, PurposeName};
use crate::approval::Approved;
use crate::explained::Texts;

/// What is published, and on which day.
#[derive(Debug, Clone, Copy)]
pub struct Publishing<'a> {
    /// Whose sharing it is.
    pub controller: &'a str,
    /// The agreements.
    pub set: &'a AgreementSet,
    /// Their texts.
    pub texts: &'a Texts,
    /// What the register states, if there is one.
    pub register: Option<&'a Stated>,
    /// The day.
    pub on: Date,
}

/// A file to be written: its name, with its directory's if it is in one, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedFile {
    /// The name.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Said where a file says nothing.
const NOT_STATED: &str = "not stated";

/// All files that are published.
#[must_use]
pub fn publish(publishing: &Publishing<'_>) -> Vec<PublishedFile> {
    let checklists: Vec<Checklist> = publishing
        .set
        .agreements
        .iter()
        .map(|agreement| checklist(agreement, &publishing.stated(agreement), publishing.on))
        .collect();
    let register = publishing.register_table();
    let processing = publishing.processing_table();
    let flows = publishing.flows_table();
    let notices = publishing.notices_table();
    let pages = [
        (
            "index",
            "Register of data sharing",
            "What is shared, with whom, why, and on what ground.",
            &register,
        ),
        (
            "processing",
            "Record of processing activities",
            "The record that Article 30 of the UK GDPR asks for, as far as it is about sharing through the gateway.",
            &processing,
        ),
        (
            "flows",
            "Flows of data",
            "Where shared data comes from, through what it passes, and to whom it goes.",
            &flows,
        ),
        (
            "notices",
            "What people were told",
            "For each use of a data set, whether a privacy notice of it says so.",
            &notices,
        ),
    ];
    let mut links: Vec<(String, String)> = pages
        .iter()
        .map(|(file, title, ..)| ((*title).to_owned(), format!("{file}.html")))
        .collect();
    links.push((
        "Compliance with each principle".to_owned(),
        "compliance.html".to_owned(),
    ));
    let own: Vec<(String, String)> = publishing
        .set
        .agreements
        .iter()
        .map(|agreement| {
            (
                format!("{}: {}", agreement.name, agreement.title),
                format!("agreement-{}.html", agreement.name),
            )
        })
        .collect();
    let mut files = Vec::new();
    for (file, title, intro, table) in pages {
        let mut links = links.clone();
        if file == "index" {
            links.extend(own.iter().cloned());
        }
        let page = Document {
            title: format!("{title}: {}", publishing.controller),
            intro: vec![intro.to_owned(), publishing.made_from()],
            links,
            sections: vec![Section {
                heading: title.to_owned(),
                table: Some(table.clone()),
                ..Section::default()
            }],
        };
        let name = if file == "index" { "register" } else { file };
        files.push(file_of(format!("{file}.html"), page.html()));
        files.push(file_of(format!("{name}.csv"), table.csv()));
        files.push(file_of(
            format!("{name}.json"),
            publishing.json(name, table),
        ));
    }
    files.push(file_of(
        "compliance.html".to_owned(),
        publishing.compliance(&checklists, links).html(),
    ));
    files.push(file_of(
        "compliance.json".to_owned(),
        pretty(&json!({
            "controller": publishing.controller,
            "on": publishing.on.to_string(),
            "agreements": checklists.iter().map(Checklist::json).collect::<Vec<_>>(),
        })),
    ));
    for agreement in &publishing.set.agreements {
        files.push(file_of(
            format!("agreement-{}.html", agreement.name),
            publishing.summary(agreement).html(),
        ));
    }
    files
}

fn file_of(name: String, text: String) -> PublishedFile {
    PublishedFile { name, text }
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a value is JSON");
    text.push('\n');
    text
}

fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

/// Items that may have commas of their own.
fn list_of(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().collect::<Vec<_>>().join("; ")
}

impl Publishing<'_> {
    fn stated(&self, agreement: &Agreement) -> Stated {
        self.texts.stated(&agreement.text_hash)
    }

    fn made_from(&self) -> String {
        let agreements = self.set.agreements.iter();
        let texts: Vec<String> = agreements
            .map(|agreement| {
                format!(
                    "{} version {} ({})",
                    agreement.name, agreement.version, agreement.hash
                )
            })
            .collect();
        format!(
            "As of {}, from these texts, each with the SHA-256 of its file: {}.",
            self.on,
            if texts.is_empty() {
                "none".to_owned()
            } else {
                texts.join("; ")
            }
        )
    }

    fn json(&self, name: &str, table: &Table) -> String {
        let agreements = self.set.agreements.iter();
        pretty(&json!({
            "controller": self.controller,
            "on": self.on.to_string(),
            "texts": agreements.map(|agreement| json!({
                "agreement": agreement.name.as_str(),
                "version": agreement.version,
                "hash": agreement.hash,
            })).collect::<Vec<_>>(),
            (name): table.json(),
        }))
    }

    /// On what the sharing for `purpose` rests, in words.
    fn basis(&self, agreement: &Agreement, purpose: &PurposeName) -> String {
        let parts = agreement.law.basis_for(purpose).map(plain::basis);
        let parts = parts.filter(|parts| !parts.is_empty());
        parts.map_or_else(|| NOT_STATED.to_owned(), |parts| parts.join("; "))
    }

    /// How long the recipient may keep what it gets.
    fn retention(&self, agreement: &Agreement) -> String {
        let retention = agreement.law.retention.as_ref();
        retention.map_or_else(|| NOT_STATED.to_owned(), Retention::words)
    }

    /// Where the recipient may hold it.
    fn territory(&self, agreement: &Agreement) -> String {
        match agreement.law.territory.as_slice() {
            [] => NOT_STATED.to_owned(),
            countries => list(countries.iter().map(|code| plain::country(code))),
        }
    }

    /// A purpose by the title that the register or the agreement gives it.
    fn purpose(&self, name: &str) -> String {
        let titles = self.register.and_then(|register| register.at("purposes"));
        let title = titles
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|one| one.get("name").and_then(Value::as_str) == Some(name))
            .and_then(|one| one.get("title"))
            .map(one_line);
        let agreed = || {
            let mut purposes = self
                .set
                .agreements
                .iter()
                .flat_map(|agreement| &agreement.purposes);
            let known = purposes.find(|purpose| purpose.name.as_str() == name)?;
            Some(known.text.clone())
        };
        let text = title.or_else(agreed);
        text.map_or_else(|| name.to_owned(), |text| format!("{name}: {text}"))
    }

    fn bases(&self, agreement: &Agreement) -> String {
        let mut all: Vec<String> = Vec::new();
        for purpose in &agreement.purposes {
            let basis = self.basis(agreement, &purpose.name);
            if !all.contains(&basis) {
                all.push(basis);
            }
        }
        all.join("; ")
    }

    fn in_force(&self, agreement: &Agreement) -> &'static str {
        let term = &agreement.term;
        if matches!(agreement.approved, Approved::Draft { .. }) {
            "draft"
        } else if self.on < term.starts {
            "not yet"
        } else if self.on > term.ends {
            "ended"
        } else {
            "yes"
        }
    }
}

/// Each of `items` once, in the order of their first.
fn distinct(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}
