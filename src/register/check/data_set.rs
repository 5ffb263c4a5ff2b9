//! Data sets as written to data sets as meant.

use jiff::civil::Date;

use super::Check;
use crate::agreement::{PartnerName, ServiceName};
use crate::plan::{Condition, Selector};
use crate::register::file::{
    DataSetAsWritten, FieldAsWritten, GroundAsWritten, NoticeAsWritten, SensitivityAsWritten,
    SubjectsAsWritten,
};
use crate::register::path::Way;
use crate::register::{CollectionGround, DataSet, Field, Notice, Recipient, Sensitivity, Subjects};
use crate::written::Fault;

impl Check<'_> {
    pub(super) fn data_set(
        &self,
        data_set: &DataSetAsWritten,
        at: &str,
        own: &str,
        warnings: &mut Vec<String>,
        faults: &mut Vec<Fault>,
    ) -> Option<DataSet> {
        let controllers = self.controllers(data_set, at, own, faults);
        if let Some(owner) = &data_set.owner {
            self.known(
                &format!("{at}/owner"),
                "contacts.representatives",
                &owner.0,
                &self.known.directorates,
                faults,
            );
        }
        let collected = data_set.collected.as_ref();
        let collected_for = self.purpose_names(
            &format!("{at}/collected/for"),
            collected.and_then(|collected| collected.r#for.as_deref()),
            faults,
        );
        let mut fields: Vec<Field> = Vec::new();
        for (index, field) in data_set.fields.iter().flatten().enumerate() {
            let at = format!("{at}/fields/{index}");
            let Some(field) = self.field(field, &at, faults) else {
                continue;
            };
            if fields.iter().any(|known| known.path == field.path) {
                self.twice(&format!("{at}/path"), &field.path, faults);
            }
            fields.push(field);
        }
        let notices = self.notices(data_set, at, faults);
        let collected_at = data_set.collected_at.as_ref().and_then(|text| {
            let at = format!("{at}/collected_at");
            match Selector::parse(&text.0) {
                Ok(selector) if text.0.starts_with('@') => {
                    // Only what is one value can be compared.
                    if Condition::parse(&format!("{} == ''", text.0)).is_ok() {
                        return Some(selector);
                    }
                    self.file.fault(
                        faults,
                        &at,
                        "it has to be one value; write names alone, for example @.collected",
                    );
                }
                Ok(_) => self.file.fault(
                    faults,
                    &at,
                    "a record says when it was collected; write it from the record, for example @.collected",
                ),
                Err(error) => self.file.fault(faults, &at, error.message),
            }
            None
        });
        let recipients = self.recipients(data_set, at, faults);
        let subjects = subjects(data_set.subjects?);
        let name = data_set.name.as_ref()?.0.clone();
        if notices.is_empty() {
            warnings.push(format!(
                "`{name}` has no privacy notice, so nothing shows what people were told"
            ));
        }
        if subjects == Subjects::Organisation {
            warnings.push(format!(
                "`{name}` is about organisations; a sole trader among them is a person, whose data is personal"
            ));
        }
        Some(DataSet {
            title: data_set.title.as_ref()?.0.clone(),
            name,
            subjects,
            controllers,
            owner: data_set.owner.as_ref()?.0.clone(),
            service: ServiceName::new(&data_set.service.as_ref()?.0),
            collected_for,
            collection_ground: collection_ground(collected?.ground?),
            collected_under: collected?.under.as_ref()?.0.clone(),
            fields,
            notices,
            collected_at,
            retention: data_set.retention.as_ref()?.0.clone(),
            locked: data_set.locked.unwrap_or(false),
            recipients,
        })
    }

    fn controllers(
        &self,
        data_set: &DataSetAsWritten,
        at: &str,
        own: &str,
        faults: &mut Vec<Fault>,
    ) -> Vec<String> {
        let Some(names) = &data_set.controllers else {
            return vec![own.to_owned()];
        };
        let at = format!("{at}/controllers");
        if names.len() > 1 && data_set.joint != Some(true) {
            self.file.fault(
                faults,
                &at,
                "a data set has one controller; write joint: true if these decide on it together, or leave all but one out",
            );
        }
        let names: Vec<String> = names.iter().map(|name| name.0.clone()).collect();
        if !names.iter().any(|name| name == own) {
            let message = format!(
                "{own} is not among them, so it cannot share this; leave the data set out, or add {own}"
            );
            self.file.fault(faults, &at, message);
        }
        names
    }

    fn field(&self, field: &FieldAsWritten, at: &str, faults: &mut Vec<Fault>) -> Option<Field> {
        let text = &field.path.as_ref()?.0;
        let place = format!("{at}/path");
        let whole = field.whole.unwrap_or(false);
        let from_document = match text.chars().next() {
            Some('$') => true,
            Some('@') => false,
            Some(_) | None => {
                let message = format!(
                    "a path starts with @, at the record, or with $, at the document; write @.{text}"
                );
                self.file.fault(faults, &place, message);
                return None;
            }
        };
        let selector = match Selector::parse(text) {
            Ok(selector) => selector,
            Err(error) => {
                self.file.fault(faults, &place, error.message);
                return None;
            }
        };
        let plain = Way::of(&selector).filter(|ways| ways.iter().all(Way::is_plain));
        let Some(ways) = plain else {
            self.file.fault(
                faults,
                &place,
                "a field is named step by step; write names, and [*] for each element of an array, for example @.contacts[*].phone",
            );
            return None;
        };
        if ways.iter().any(Way::is_top) && !whole {
            self.file.fault(
                faults,
                &place,
                "the top is no single field; name what is in it, or write whole: true for a document that is one",
            );
        }
        Some(Field {
            path: text.clone(),
            sensitivity: sensitivity(field.sensitivity?),
            identifier: field.identifier.map(|identifier| identifier.0),
            category: field.category.as_ref().map(|name| name.0.clone()),
            whole,
            about: field.about.map_or(Subjects::Person, subjects),
            ways,
            from_document,
            selector,
        })
    }

    fn notices(
        &self,
        data_set: &DataSetAsWritten,
        at: &str,
        faults: &mut Vec<Fault>,
    ) -> Vec<Notice> {
        let mut notices: Vec<Notice> = Vec::new();
        for (index, notice) in data_set.notices.iter().flatten().enumerate() {
            let at = format!("{at}/notices/{index}");
            let Some(notice) = self.notice(notice, &at, faults) else {
                continue;
            };
            let same = |known: &Notice| (&known.id, known.version) == (&notice.id, notice.version);
            if notices.iter().any(same) {
                self.twice(
                    &format!("{at}/version"),
                    &notice.version.to_string(),
                    faults,
                );
            }
            if notices.iter().any(|known| known.from == notice.from) {
                self.file.fault(
                    faults,
                    &format!("{at}/from"),
                    "another notice is in force from that day on; each has its own first day",
                );
            }
            notices.push(notice);
        }
        notices.sort_by_key(|notice| notice.from);
        notices
    }

    fn notice(
        &self,
        notice: &NoticeAsWritten,
        at: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<Notice> {
        let purposes = self.purpose_names(
            &format!("{at}/purposes"),
            notice.purposes.as_deref(),
            faults,
        );
        let from = notice.from.as_ref()?.0.parse::<Date>();
        if from.is_err() {
            self.file.fault(
                faults,
                &format!("{at}/from"),
                "a day that the calendar does not have",
            );
        }
        Some(Notice {
            id: notice.id.as_ref()?.0.clone(),
            version: notice.version?,
            from: from.ok()?,
            purposes,
            text: notice.text.as_ref().map(|text| text.0.clone()),
        })
    }

    fn recipients(
        &self,
        data_set: &DataSetAsWritten,
        at: &str,
        faults: &mut Vec<Fault>,
    ) -> Vec<Recipient> {
        let mut recipients = Vec::new();
        for (index, recipient) in data_set.recipients.iter().flatten().enumerate() {
            let at = format!("{at}/recipients/{index}");
            let purposes = self.purpose_names(
                &format!("{at}/purposes"),
                recipient.purposes.as_deref(),
                faults,
            );
            let Some(partner) = &recipient.partner else {
                continue;
            };
            self.known(
                &format!("{at}/partner"),
                "parties",
                &partner.0,
                &self.known.parties,
                faults,
            );
            recipients.push(Recipient {
                partner: PartnerName::new(&partner.0),
                purposes,
                cleared: recipient.cleared.as_ref().map(|text| text.0.clone()),
            });
        }
        recipients
    }
}

fn subjects(written: SubjectsAsWritten) -> Subjects {
    match written {
        SubjectsAsWritten::Person => Subjects::Person,
        SubjectsAsWritten::Organisation => Subjects::Organisation,
    }
}

fn sensitivity(written: SensitivityAsWritten) -> Sensitivity {
    match written {
        SensitivityAsWritten::Plain => Sensitivity::Plain,
        SensitivityAsWritten::Personal => Sensitivity::Personal,
        SensitivityAsWritten::Child => Sensitivity::Child,
        SensitivityAsWritten::Special => Sensitivity::Special,
        SensitivityAsWritten::Criminal => Sensitivity::Criminal,
    }
}

fn collection_ground(written: GroundAsWritten) -> CollectionGround {
    match written {
        GroundAsWritten::StatutoryDuty => CollectionGround::StatutoryDuty,
        GroundAsWritten::Function => CollectionGround::Function,
        GroundAsWritten::Contract => CollectionGround::Contract,
        GroundAsWritten::Consent => CollectionGround::Consent,
    }
}
