//! Pages beside the tables: compliance with each principle, and each agreement in plain English.

use super::cells::{fields, taken_in};
use super::{Publishing, distinct, list};
use crate::agreement::basis::Retention;
use crate::agreement::{Agreement, Disclosure};
use crate::explained::checklist::{Answer, Checklist, Principle};
use crate::explained::document::{Document, Section, Table};
use crate::explained::plain;

impl Publishing<'_> {
    /// How all agreements keep to each principle.
    pub(super) fn compliance(
        &self,
        checklists: &[Checklist],
        links: Vec<(String, String)>,
    ) -> Document {
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
