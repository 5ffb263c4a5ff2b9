//! The record of processing: what is held, what it was collected for, and to whom it goes.

use serde_json::Value;

use super::cells::{collected_under, fields, kept, measures, people, source};
use super::{NOT_STATED, Publishing, distinct, list, list_of};
use crate::agreement::{Agreement, Disclosure};
use crate::explained::document::Table;
use crate::explained::plain;

impl Publishing<'_> {
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
    pub(super) fn data_set(&self, name: &str) -> Option<&Value> {
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
}
