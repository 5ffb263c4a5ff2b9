//! The register as written to a [`Register`] as meant, or every fault it has. Pure: no files, no clock.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::file::{
    DataSetAsWritten, FieldAsWritten, GroundAsWritten, HINTS, NoticeAsWritten, RegisterAsWritten,
    RelationAsWritten, SensitivityAsWritten, StatuteAsWritten, SubjectsAsWritten,
};
use super::path::Way;
use super::{
    CollectionGround, DataSet, Field, Notice, Recipient, Register, RegisteredPurpose, Relation,
    Sensitivity, Statute, Subjects,
};
use crate::agreement::{PartnerName, PurposeName, Role, ServiceName};
use crate::plan::Selector;
use crate::written::text::Name;
use crate::written::{Fault, Faults, Reader, Written, nearest};

type File = Written<RegisterAsWritten>;

pub(super) fn load(file: &str, text: &str) -> Result<Register, Faults> {
    let mut faults = Vec::new();
    let register = Reader::<RegisterAsWritten>::new(HINTS)
        .read(file, text, &mut faults)
        .and_then(|file| {
            let known = Known::of(&file.value);
            let check = Check {
                file: &file,
                known: &known,
            };
            check.register(text, &mut faults)
        });
    Faults::none_of(faults)?;
    Ok(register.expect("a register that is not there has a fault"))
}

/// The names that the file gives, by what they are of.
struct Known<'a> {
    purposes: HashSet<&'a str>,
    parties: HashSet<&'a str>,
    directorates: HashSet<&'a str>,
    data_sets: HashSet<&'a str>,
    categories: HashSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(file: &'a RegisterAsWritten) -> Self {
        let text = |name: &'a Option<Name>| name.as_ref().map(|name| name.0.as_str());
        let data_sets = file.data_sets.iter().flatten();
        Self {
            purposes: file
                .purposes
                .iter()
                .flatten()
                .filter_map(|purpose| text(&purpose.name))
                .collect(),
            parties: file
                .parties
                .iter()
                .flatten()
                .filter_map(|party| text(&party.name))
                .collect(),
            directorates: file
                .contacts
                .iter()
                .flat_map(|contacts| contacts.representatives.iter().flatten())
                .filter_map(|representative| text(&representative.directorate))
                .collect(),
            data_sets: data_sets
                .clone()
                .filter_map(|data_set| text(&data_set.name))
                .collect(),
            categories: data_sets
                .flat_map(|data_set| data_set.fields.iter().flatten())
                .filter_map(|field| text(&field.category))
                .collect(),
        }
    }
}

struct Check<'a> {
    file: &'a File,
    known: &'a Known<'a>,
}

impl Check<'_> {
    fn register(&self, text: &str, faults: &mut Vec<Fault>) -> Option<Register> {
        let written = &self.file.value;
        let purposes = self.purposes(faults);
        let covered_by = self.covered_by(&purposes, faults);
        let parties = self.parties(faults);
        let representatives = self.representatives(faults);
        let statutes = self.statutes(faults);
        let controller = written.register.as_ref().map(|name| name.0.clone());
        let mut data_sets = Vec::new();
        let mut warnings = Vec::new();
        let mut by_name = HashMap::new();
        for (index, data_set) in written.data_sets.iter().flatten().enumerate() {
            let at = format!("/data_sets/{index}");
            let own = controller.as_deref().unwrap_or_default();
            let Some(data_set) = self.data_set(data_set, &at, own, &mut warnings, faults) else {
                continue;
            };
            if by_name
                .insert(data_set.name.clone(), data_sets.len())
                .is_some()
            {
                self.twice(&format!("{at}/name"), &data_set.name, faults);
            }
            data_sets.push(data_set);
        }
        Some(Register {
            controller: controller?,
            version: written.version?,
            hash: data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())),
            dpo: written.contacts.as_ref()?.dpo.as_ref()?.0.clone(),
            representatives,
            purposes,
            parties,
            statutes,
            data_sets,
            warnings,
            by_name,
            covered_by,
        })
    }

    fn twice(&self, pointer: &str, name: &str, faults: &mut Vec<Fault>) {
        let message = format!("`{name}` stands twice; give each its own name, or leave one out");
        self.file.fault(faults, pointer, message);
    }

    /// Adds a fault if `name` is none of `known`, which stand in the register under `key`.
    fn known(
        &self,
        pointer: &str,
        key: &str,
        name: &str,
        known: &HashSet<&str>,
        faults: &mut Vec<Fault>,
    ) {
        if !known.contains(name) {
            let mut all: Vec<&str> = known.iter().copied().collect();
            all.sort_unstable();
            let write = match nearest(name, &all) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("add it under `{key}`"),
            };
            let message = format!("the register has no `{name}` under `{key}`; {write}");
            self.file.fault(faults, pointer, message);
        }
    }

    /// `names` as purposes, with a fault at each that the register does not have.
    fn purpose_names(
        &self,
        pointer: &str,
        names: Option<&[Name]>,
        faults: &mut Vec<Fault>,
    ) -> Vec<PurposeName> {
        let names = names.unwrap_or_default().iter().enumerate();
        names
            .map(|(index, name)| {
                let at = format!("{pointer}/{index}");
                self.known(&at, "purposes", &name.0, &self.known.purposes, faults);
                PurposeName::new(&name.0)
            })
            .collect()
    }

    /// `names` as texts, with a fault at each that is none of `known`, which stand under `key`.
    fn names(
        &self,
        pointer: &str,
        key: &str,
        names: &[Name],
        known: &HashSet<&str>,
        faults: &mut Vec<Fault>,
    ) -> Vec<String> {
        let names = names.iter().enumerate();
        names
            .map(|(index, name)| {
                self.known(&format!("{pointer}/{index}"), key, &name.0, known, faults);
                name.0.clone()
            })
            .collect()
    }

    fn purposes(&self, faults: &mut Vec<Fault>) -> Vec<RegisteredPurpose> {
        let mut seen = HashSet::new();
        let mut purposes = Vec::new();
        for (index, purpose) in self.file.value.purposes.iter().flatten().enumerate() {
            let at = format!("/purposes/{index}");
            let covers =
                self.purpose_names(&format!("{at}/covers"), purpose.covers.as_deref(), faults);
            let (Some(name), Some(title)) = (&purpose.name, &purpose.title) else {
                continue;
            };
            if !seen.insert(name.0.as_str()) {
                self.twice(&format!("{at}/name"), &name.0, faults);
                continue;
            }
            purposes.push(RegisteredPurpose {
                name: PurposeName::new(&name.0),
                title: title.0.clone(),
                covers,
            });
        }
        purposes
    }

    /// Each purpose with all that cover it, itself included; a fault where one covers itself by way of others.
    fn covered_by(
        &self,
        purposes: &[RegisteredPurpose],
        faults: &mut Vec<Fault>,
    ) -> HashMap<PurposeName, BTreeSet<PurposeName>> {
        let covers: HashMap<&PurposeName, &[PurposeName]> = purposes
            .iter()
            .map(|purpose| (&purpose.name, purpose.covers.as_slice()))
            .collect();
        let mut covered_by: HashMap<PurposeName, BTreeSet<PurposeName>> = purposes
            .iter()
            .map(|purpose| (purpose.name.clone(), BTreeSet::from([purpose.name.clone()])))
            .collect();
        for (index, purpose) in purposes.iter().enumerate() {
            let mut below: Vec<&PurposeName> = purpose.covers.iter().collect();
            let mut seen: HashSet<&PurposeName> = HashSet::new();
            while let Some(narrower) = below.pop() {
                if *narrower == purpose.name {
                    let message = format!(
                        "`{}` covers itself by way of others; a narrower purpose cannot cover the one that it is part of",
                        purpose.name
                    );
                    self.file
                        .fault(faults, &format!("/purposes/{index}/covers"), message);
                    break;
                }
                if seen.insert(narrower) {
                    if let Some(wider) = covered_by.get_mut(narrower) {
                        wider.insert(purpose.name.clone());
                    }
                    below.extend(covers.get(narrower).copied().unwrap_or_default());
                }
            }
        }
        covered_by
    }

    fn parties(&self, faults: &mut Vec<Fault>) -> BTreeMap<PartnerName, Relation> {
        let mut parties = BTreeMap::new();
        for (index, party) in self.file.value.parties.iter().flatten().enumerate() {
            let (Some(name), Some(of)) = (&party.name, party.relation) else {
                continue;
            };
            let earlier = parties.insert(PartnerName::new(&name.0), relation(of));
            if earlier.is_some() {
                self.twice(&format!("/parties/{index}/name"), &name.0, faults);
            }
        }
        parties
    }

    fn representatives(&self, faults: &mut Vec<Fault>) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let contacts = self.file.value.contacts.iter();
        let all = contacts.flat_map(|contacts| contacts.representatives.iter().flatten());
        for (index, representative) in all.enumerate() {
            let (Some(name), Some(contact)) =
                (&representative.directorate, &representative.contact)
            else {
                continue;
            };
            let earlier = found.insert(name.0.clone(), contact.0.clone());
            if earlier.is_some() {
                let at = format!("/contacts/representatives/{index}/directorate");
                self.twice(&at, &name.0, faults);
            }
        }
        found
    }

    fn statutes(&self, faults: &mut Vec<Fault>) -> Vec<Statute> {
        let mut statutes: Vec<Statute> = Vec::new();
        for (index, written) in self.file.value.statutes.iter().flatten().enumerate() {
            let at = format!("/statutes/{index}");
            let Some(statute) = self.statute(written, &at, faults) else {
                continue;
            };
            if statutes.iter().any(|known| known.name == statute.name) {
                self.twice(&format!("{at}/name"), &statute.name, faults);
            }
            statutes.push(statute);
        }
        statutes
    }

    fn statute(
        &self,
        statute: &StatuteAsWritten,
        at: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<Statute> {
        let known = self.known;
        let purposes = self.purpose_names(
            &format!("{at}/purposes"),
            statute.purposes.as_deref(),
            faults,
        );
        let mut list = |key: &str, under: &str, names: &[Name], known: &HashSet<&str>| {
            self.names(&format!("{at}/{key}"), under, names, known, faults)
        };
        let data_sets = statute
            .data_sets
            .as_deref()
            .map(|names| list("data_sets", "data_sets", names, &known.data_sets));
        let except = statute.except.as_deref().unwrap_or_default();
        let except = list("except", "data_sets", except, &known.data_sets);
        let fields = statute
            .fields
            .as_deref()
            .map(|names| list("fields", "category", names, &known.categories));
        Some(Statute {
            name: statute.name.as_ref()?.0.clone(),
            citation: statute.citation.as_ref()?.0.clone(),
            purposes,
            data_sets,
            except,
            fields,
            relations: statute
                .relations
                .as_ref()
                .map(|relations| relations.iter().copied().map(relation).collect()),
            roles: statute
                .roles
                .iter()
                .flatten()
                .map(|role| Role::new(&role.0))
                .collect(),
            inspection: statute.inspection.unwrap_or(false),
        })
    }

    fn data_set(
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
                Ok(selector) if text.0.starts_with('@') => return Some(selector),
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

fn relation(written: RelationAsWritten) -> Relation {
    match written {
        RelationAsWritten::Internal => Relation::Internal,
        RelationAsWritten::Processor => Relation::Processor,
        RelationAsWritten::Councillor => Relation::Councillor,
        RelationAsWritten::External => Relation::External,
        RelationAsWritten::Public => Relation::Public,
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
