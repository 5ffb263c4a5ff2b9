//! The register of agreements, the flows of data, and what people were told.

use serde_json::Value;

use super::cells::{fields, frequency, purposes_text, source, taken_in};
use super::{NOT_STATED, Publishing, distinct, list};
use crate::agreement::{Agreement, PurposeName};
use crate::explained::document::Table;
use crate::explained::stated::one_line;

impl Publishing<'_> {
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
}
