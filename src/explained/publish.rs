//! What a controller publishes of its sharing: a public register, the record of processing, the flows of data, what
//! people were told, and how it keeps to each principle.
//!
//! Everything comes from the agreements and the register as they are written and loaded, and nothing from any record, so
//! that there is no personal data to leave out. The same files on the same day give the same bytes. Each page says by
//! which texts it was made: their hashes are those that the ledger has.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::Stated;
use super::checklist::{Answer, Checklist, Principle, checklist};
use super::document::{Document, Section, Table};
use super::stated::one_line;
use super::{plain, words};
use crate::agreement::basis::Retention;
use crate::agreement::{Agreement, AgreementSet, Disclosure, PurposeName};
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

    /// The public register: an agreement a row.
    #[must_use]
    pub fn register_table(&self) -> Table {
        let row = |agreement: &std::sync::Arc<Agreement>| {
            let stated = self.stated(agreement);
            let text = |paths: &[&str]| stated.text(paths).unwrap_or(NOT_STATED.to_owned());
            let sets = distinct(
                agreement
                    .disclosures
                    .iter()
                    .filter_map(|one| one.data_set.clone()),
            );
            let fields: usize = agreement
                .disclosures
                .iter()
                .map(|one| fields(one).len())
                .sum();
            vec![
                agreement.name.to_string(),
                agreement.title.clone(),
                agreement.partner.to_string(),
                purposes_text(agreement),
                if sets.is_empty() {
                    NOT_STATED.to_owned()
                } else {
                    sets.join(", ")
                },
                agreement.disclosures.len().to_string(),
                fields.to_string(),
                self.bases(agreement),
                text(&["benefits"]),
                agreement.term.starts.to_string(),
                agreement.term.ends.to_string(),
                self.in_force(agreement).to_owned(),
                self.retention(agreement),
                self.territory(agreement),
                text(&["contacts.dpo"]),
                agreement.version.to_string(),
                agreement.hash.clone(),
            ]
        };
        Table {
            caption: format!("Agreements of {}", self.controller),
            columns: vec![
                "agreement",
                "title",
                "recipient",
                "purposes",
                "data sets",
                "requests",
                "fields",
                "basis",
                "benefits",
                "starts",
                "ends",
                "in force",
                "kept for",
                "held in",
                "contact",
                "version",
                "text",
            ],
            rows: self.set.agreements.iter().map(row).collect(),
        }
    }

    /// The record of processing: a data set and an agreement that draws on it a row; and a row for each data set of the
    /// register that no agreement draws on.
    #[must_use]
    pub fn processing_table(&self) -> Table {
        let mut rows = Vec::new();
        let mut used: Vec<String> = Vec::new();
        for agreement in &self.set.agreements {
            let sets = distinct(agreement.disclosures.iter().map(|one| {
                one.data_set
                    .clone()
                    .unwrap_or_else(|| format!("(service {})", source(one)))
            }));
            for set in sets {
                let of_set: Vec<&Disclosure> = agreement
                    .disclosures
                    .iter()
                    .map(AsRef::as_ref)
                    .filter(|one| {
                        one.data_set
                            .as_deref()
                            .map_or(set == format!("(service {})", source(one)), |name| {
                                name == set
                            })
                    })
                    .collect();
                rows.push(self.processing_row(agreement, &set, &of_set));
                used.push(set);
            }
        }
        for entry in self.registered() {
            let name = entry
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !used.iter().any(|set| set == name) {
                rows.push(self.unshared_row(name, entry));
            }
        }
        Table {
            caption: format!("Processing by {}", self.controller),
            columns: vec![
                "controller",
                "contact",
                "data set",
                "collected for",
                "shared for",
                "people",
                "categories of data",
                "recipient",
                "held in",
                "kept by the recipient for",
                "kept by the controller for",
                "basis",
                "measures",
                "text",
            ],
            rows,
        }
    }

    fn registered(&self) -> impl Iterator<Item = &Value> {
        let sets = self.register.and_then(|register| register.at("data_sets"));
        sets.and_then(Value::as_array).into_iter().flatten()
    }

    /// What the register states of the data set `name`.
    fn data_set(&self, name: &str) -> Option<&Value> {
        self.registered()
            .find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))
    }

    /// What a data set was collected for.
    fn collected_for(&self, entry: Option<&Value>) -> String {
        let of = entry.and_then(|entry| entry.get("collected")?.get("for")?.as_array());
        let names = of.into_iter().flatten().filter_map(Value::as_str);
        match list_of(names.map(|name| self.purpose(name))) {
            none if none.is_empty() => NOT_STATED.to_owned(),
            all => all,
        }
    }

    fn processing_row(
        &self,
        agreement: &Agreement,
        set: &str,
        disclosures: &[&Disclosure],
    ) -> Vec<String> {
        let stated = self.stated(agreement);
        let entry = self.data_set(set);
        let purposes = distinct(
            disclosures
                .iter()
                .flat_map(|one| one.purposes.iter().map(ToString::to_string)),
        );
        let fields = distinct(
            disclosures
                .iter()
                .flat_map(|one| fields(one))
                .map(|(field, _)| plain::field(&field)),
        );
        let whose = stated
            .text(&["contacts.dpo"])
            .or_else(|| self.register?.text(&["contacts.dpo"]));
        vec![
            agreement.controller.clone(),
            whose.unwrap_or(NOT_STATED.to_owned()),
            set.to_owned(),
            self.collected_for(entry),
            list_of(purposes.iter().map(|name| self.purpose(name))),
            people(entry),
            fields.join(", "),
            agreement.partner.to_string(),
            self.territory(agreement),
            self.retention(agreement),
            kept(entry),
            distinct(
                disclosures
                    .iter()
                    .flat_map(|one| &one.purposes)
                    .map(|purpose| self.basis(agreement, purpose)),
            )
            .join("; "),
            measures(disclosures),
            agreement.hash.clone(),
        ]
    }

    fn unshared_row(&self, name: &str, entry: &Value) -> Vec<String> {
        let contact = self
            .register
            .and_then(|register| register.text(&["contacts.dpo"]));
        let fields = entry
            .get("fields")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let none = "none".to_owned();
        vec![
            self.controller.to_owned(),
            contact.unwrap_or(NOT_STATED.to_owned()),
            name.to_owned(),
            self.collected_for(Some(entry)),
            "not shared".to_owned(),
            people(Some(entry)),
            list(distinct(fields.filter_map(|field| {
                Some(plain::field(field.get("path")?.as_str()?))
            }))),
            none.clone(),
            none.clone(),
            none.clone(),
            kept(Some(entry)),
            collected_under(entry),
            none,
            String::new(),
        ]
    }

    /// The flows: a disclosure a row.
    #[must_use]
    pub fn flows_table(&self) -> Table {
        let mut rows = Vec::new();
        for agreement in &self.set.agreements {
            for one in &agreement.disclosures {
                rows.push(vec![
                    one.data_set.clone().unwrap_or(NOT_STATED.to_owned()),
                    source(one).to_owned(),
                    format!("{} {}", one.method, one.path.text()),
                    agreement.partner.to_string(),
                    agreement.name.to_string(),
                    one.name.to_string(),
                    list(&one.purposes),
                    list(
                        fields(one)
                            .into_iter()
                            .map(|(field, leaves)| format!("{field} {leaves}")),
                    ),
                    list(taken_in(one)),
                    one.released_rules.format.word().to_owned(),
                    frequency(one).to_owned(),
                    distinct(
                        one.purposes
                            .iter()
                            .map(|purpose| self.basis(agreement, purpose)),
                    )
                    .join("; "),
                    agreement.hash.clone(),
                ]);
            }
        }
        Table {
            caption: "From a service through the gateway to a recipient".to_owned(),
            columns: vec![
                "data set",
                "service",
                "request",
                "recipient",
                "agreement",
                "disclosure",
                "purposes",
                "fields that leave",
                "fields that come in",
                "format",
                "frequency",
                "basis",
                "text",
            ],
            rows,
        }
    }

    /// What people were told: a use of a data set for a purpose a row.
    #[must_use]
    pub fn notices_table(&self) -> Table {
        let mut rows = Vec::new();
        for agreement in &self.set.agreements {
            for one in &agreement.disclosures {
                let set = one.data_set.as_deref();
                let entry = set.and_then(|set| self.data_set(set));
                for purpose in &one.purposes {
                    let (told, by) = self.told(entry, purpose);
                    rows.push(vec![
                        set.unwrap_or(NOT_STATED).to_owned(),
                        purpose.to_string(),
                        agreement.partner.to_string(),
                        format!("{} `{}`", agreement.name, one.name),
                        told.to_owned(),
                        by,
                    ]);
                }
            }
        }
        Table {
            caption: "Uses, and the notices that say so".to_owned(),
            columns: vec![
                "data set",
                "purpose",
                "recipient",
                "disclosure",
                "told",
                "notice",
            ],
            rows,
        }
    }

    /// Whether a notice of the data set tells people of `purpose`, or of a broader one that covers it, and which one.
    fn told(&self, entry: Option<&Value>, purpose: &PurposeName) -> (&'static str, String) {
        let Some(entry) = entry else {
            return ("unknown", "the data set is in no register".to_owned());
        };
        let mentions = |notice: &&Value| {
            let names = notice
                .get("purposes")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let names: Vec<PurposeName> = names
                .filter_map(Value::as_str)
                .map(PurposeName::new)
                .collect();
            match &self.set.register {
                Some(register) => register.is_within(purpose, &names),
                None => names.contains(purpose),
            }
        };
        let notices = entry
            .get("notices")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let naming: Vec<String> = notices
            .filter(mentions)
            .map(|notice| {
                let part = |key: &str| notice.get(key).map(one_line).unwrap_or_default();
                format!(
                    "{} version {} from {}",
                    part("id"),
                    part("version"),
                    part("from")
                )
            })
            .collect();
        if naming.is_empty() {
            ("no", "no notice of the data set mentions it".to_owned())
        } else {
            ("yes", naming.join("; "))
        }
    }

    /// How all agreements keep to each principle.
    fn compliance(&self, checklists: &[Checklist], links: Vec<(String, String)>) -> Document {
        let section = |principle: Principle| {
            let mut rows = Vec::new();
            for list in checklists {
                for item in list.items.iter().filter(|item| item.principle == principle) {
                    rows.push(vec![
                        list.agreement.clone(),
                        item.question.to_owned(),
                        item.answer.word().to_owned(),
                        item.answer.text().to_owned(),
                    ]);
                }
            }
            let open = checklists
                .iter()
                .flat_map(|list| &list.items)
                .filter(|item| item.principle == principle)
                .filter(|item| !matches!(item.answer, Answer::Pass(_)))
                .count();
            Section {
                heading: principle.heading().to_owned(),
                paragraphs: vec![match open {
                    0 => "Every agreement states what is asked here.".to_owned(),
                    1 => "One answer is open.".to_owned(),
                    open => format!("{open} answers are open."),
                }],
                table: Some(Table {
                    caption: "What each agreement says".to_owned(),
                    columns: vec!["agreement", "question", "answer", "what it says"],
                    rows,
                }),
                chart: None,
            }
        };
        Document {
            title: format!("Compliance with each principle: {}", self.controller),
            intro: vec![
                "Made from the agreements that the gateway runs on. It shows what they state and what the gateway does; whether a reason is a good one is for people to judge.".to_owned(),
                self.made_from(),
            ],
            links,
            sections: Principle::ALL.map(section).into(),
        }
    }

    /// One agreement in plain English.
    #[must_use]
    pub fn summary(&self, agreement: &Agreement) -> Document {
        let stated = self.stated(agreement);
        let term = &agreement.term;
        let mut intro = vec![format!(
            "{} shares data with {} from {} to {}.",
            agreement.controller, agreement.partner, term.starts, term.ends
        )];
        let law = &agreement.law;
        let conditions = law.bases().flat_map(|basis| basis.conditions());
        let conditions = distinct(conditions.map(plain::condition));
        let countries: Vec<String> = law
            .territory
            .iter()
            .map(|code| plain::country(code))
            .collect();
        let retention = law.retention.as_ref().map(Retention::words);
        for (sentence, text) in [
            ("The good it is to do", stated.text(&["benefits"])),
            (
                "It rests on",
                (!conditions.is_empty()).then(|| conditions.join("; ")),
            ),
            ("The power or duty to share", stated.text(&["basis.power"])),
            ("The partner may keep what it gets for", retention),
            (
                "The partner may hold it in",
                (!countries.is_empty()).then(|| countries.join(", ")),
            ),
            ("Who answers for it", stated.text(&["contacts"])),
        ] {
            if let Some(text) = text {
                intro.push(format!("{sentence}: {text}."));
            }
        }
        intro.push(format!(
            "Version {}, the text with the SHA-256 {}.",
            agreement.version, agreement.hash
        ));
        let mut sections = vec![Section {
            heading: "What for".to_owned(),
            table: Some(Table {
                caption: "Purposes".to_owned(),
                columns: vec!["purpose", "what it is", "who may ask"],
                rows: agreement
                    .purposes
                    .iter()
                    .map(|purpose| {
                        let mut who: Vec<String> =
                            purpose.roles.iter().map(ToString::to_string).collect();
                        if purpose.professional {
                            who.push("health and social-work professionals".to_owned());
                        }
                        if purpose.training {
                            who.push("whoever is trained in it".to_owned());
                        }
                        vec![
                            purpose.name.to_string(),
                            purpose.text.clone(),
                            if who.is_empty() {
                                "the partner".to_owned()
                            } else {
                                who.join(", ")
                            },
                        ]
                    })
                    .collect(),
            }),
            ..Section::default()
        }];
        for one in &agreement.disclosures {
            sections.push(disclosure_section(one));
        }
        Document {
            title: agreement.title.clone(),
            intro,
            links: vec![(
                "Register of data sharing".to_owned(),
                "index.html".to_owned(),
            )],
            sections,
        }
    }
}

fn disclosure_section(one: &Disclosure) -> Section {
    let mut paragraphs = vec![match &one.pushed_by {
        None => format!(
            "For {}, when asked {} {}.",
            list(&one.purposes),
            one.method,
            one.path.text()
        ),
        Some(system) => format!(
            "For {}, pushed by {system} to {}.",
            list(&one.purposes),
            one.service
        ),
    }];
    if let Some(condition) = &one.released_rules.release_if {
        paragraphs.push(format!("A record leaves only if {}.", condition.text()));
    }
    for opaque in &one.opaque {
        paragraphs.push(format!(
            "The {} passes without being looked into ({}), because {}.",
            opaque.body,
            opaque.types.join(", "),
            opaque.because
        ));
    }
    let come_in = taken_in(one);
    if !come_in.is_empty() {
        let sends = if one.is_push() {
            "answers with"
        } else {
            "sends"
        };
        paragraphs.push(format!("The partner {sends} {}.", come_in.join(", ")));
    }
    paragraphs.push("Nothing else leaves.".to_owned());
    Section {
        heading: format!("What is shared: {}", one.name),
        paragraphs,
        table: Some(Table {
            caption: "Fields that leave".to_owned(),
            columns: vec!["field", "where it stands", "leaves"],
            rows: fields(one)
                .into_iter()
                .map(|(field, leaves)| vec![plain::field(&field), field, leaves])
                .collect(),
        }),
        chart: None,
    }
}

fn purposes_text(agreement: &Agreement) -> String {
    let purposes = agreement.purposes.iter();
    let texts: Vec<String> = purposes
        .map(|purpose| format!("{}: {}", purpose.name, purpose.text))
        .collect();
    texts.join("; ")
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

/// The fields that leave under a disclosure, and as what.
fn fields(one: &Disclosure) -> Vec<(String, String)> {
    let rules = one.released_rules.fields.iter();
    rules
        .filter(|rule| !matches!(rule.action, crate::plan::Action::Drop))
        .map(|rule| (rule.selector.text().to_owned(), words::leaves(&rule.action)))
        .collect()
}

/// The system of the controller's that holds what leaves.
fn source(one: &Disclosure) -> &str {
    let pushes = one.pushed_by.as_ref().map(|system| system.as_str());
    pushes.unwrap_or(one.service.as_str())
}

/// When it leaves.
fn frequency(one: &Disclosure) -> &'static str {
    if one.is_push() {
        "pushed"
    } else {
        "on request"
    }
}

/// The fields that a disclosure takes in.
fn taken_in(one: &Disclosure) -> Vec<String> {
    let rules = one.received_rules.iter().flat_map(|rules| &rules.fields);
    rules
        .filter(|rule| !matches!(rule.action, crate::plan::Action::Drop))
        .map(|rule| rule.selector.text().to_owned())
        .collect()
}

fn measures(disclosures: &[&Disclosure]) -> String {
    let mut words = vec![
        "authenticated recipient",
        "fields named one by one",
        "each release entered in a ledger",
    ];
    let keyed = |one: &&Disclosure| {
        let mut rules = one.released_rules.fields.iter();
        rules.any(|rule| match &rule.action {
            crate::plan::Action::Transform(transform) => transform.is_keyed(),
            crate::plan::Action::Keep
            | crate::plan::Action::KeepAll
            | crate::plan::Action::Drop => false,
        })
    };
    if disclosures.iter().any(keyed) {
        words.push("tokens instead of identifiers");
    }
    words.join(", ")
}

fn collected_under(entry: &Value) -> String {
    let collected = entry.get("collected");
    let part = |key: &str| {
        collected
            .and_then(|collected| collected.get(key))
            .map(one_line)
    };
    let ground = part("ground").map(|word| plain::ground(&word));
    let parts: Vec<String> = [ground, part("under")].into_iter().flatten().collect();
    if parts.is_empty() {
        NOT_STATED.to_owned()
    } else {
        parts.join(": ")
    }
}

fn people(entry: Option<&Value>) -> String {
    let Some(entry) = entry else {
        return NOT_STATED.to_owned();
    };
    let text = |key: &str| entry.get(key).map(one_line);
    let subjects = text("subjects").map(|word| plain::subjects(&word));
    match (subjects, text("title")) {
        (Some(subjects), Some(title)) => format!("{subjects}: {title}"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => NOT_STATED.to_owned(),
    }
}

fn kept(entry: Option<&Value>) -> String {
    let of = entry.and_then(|entry| entry.get("retention"));
    of.map_or(NOT_STATED.to_owned(), |text| plain::period(&one_line(text)))
}
