//! The register as written to a [`Register`] as meant, or every fault it has. Pure: no files, no clock.

mod data_set;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::file::{HINTS, RegisterAsWritten, RelationAsWritten, StatuteAsWritten};
use super::{Register, RegisteredPurpose, Relation, Statute};
use crate::agreement::{PartnerName, PurposeName, Role};
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A register without a fault; rows change one place of it, so that its lines are known.
    const REGISTER: &str = "\
register: isle-council
version: 1
contacts:
  dpo: dpo@isle.example
  representatives: [{ directorate: housing, contact: housing@isle.example }]
purposes:
  - { name: housing, title: Let homes, covers: [repairs] }
  - { name: repairs, title: Repair homes }
parties: [{ name: harbour-homes, relation: external }]
statutes:
  - { name: act, citation: An Act, purposes: [repairs], data_sets: [tenancies], fields: [name] }
data_sets:
  - name: tenancies
    title: Tenancies
    subjects: person
    owner: housing
    service: housing-system
    collected: { for: [housing], ground: contract, under: The tenancy }
    collected_at: \"@.signed\"
    retention: P7Y
    fields:
      - { path: \"@.name\", sensitivity: personal, category: name }
      - { path: \"@.signed\", sensitivity: plain }
    notices:
      - { id: notice, version: 1, from: 2024-04-01, purposes: [housing] }
    recipients:
      - { partner: harbour-homes, purposes: [repairs] }
";

    fn faults(text: &str) -> Vec<String> {
        match load("r.yaml", text) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.to_string().lines().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn each_fault_is_told_with_its_place_and_what_to_write_instead() {
        assert_eq!(faults(REGISTER), [""; 0]);
        // What stands there, what is put in its place, the line and a part of the one fault.
        let rows = [
            (
                "covers: [repairs]",
                "covers: [repair]",
                "7:",
                "did you mean repairs?",
            ),
            (
                "covers: [repairs]",
                "covers: [housing]",
                "7:",
                "covers itself",
            ),
            (
                "title: Repair homes }",
                "title: Repair homes, covers: [housing] }",
                "7:",
                "covers itself",
            ),
            (
                "- { name: repairs,",
                "- { name: housing,",
                "8:",
                "stands twice",
            ),
            (
                "purposes: [repairs], data_sets",
                "purposes: [parking], data_sets",
                "11:",
                "add it under `purposes`",
            ),
            (
                "data_sets: [tenancies]",
                "data_sets: [tenancy]",
                "11:",
                "did you mean tenancies?",
            ),
            (
                "fields: [name]",
                "fields: [nam]",
                "11:",
                "did you mean name?",
            ),
            (
                "owner: housing",
                "owner: parking",
                "16:",
                "contacts.representatives",
            ),
            ("for: [housing]", "for: [parking]", "18:", "`purposes`"),
            (
                "collected_at: \"@.signed\"",
                "collected_at: $.signed",
                "19:",
                "from the record",
            ),
            (
                "collected_at: \"@.signed\"",
                "collected_at: \"@.*\"",
                "19:",
                "one value",
            ),
            ("path: \"@.name\"", "path: name", "22:", "write @.name"),
            (
                "path: \"@.name\"",
                "path: \"@..name\"",
                "22:",
                "step by step",
            ),
            (
                "path: \"@.name\"",
                "path: \"@.names[0]\"",
                "22:",
                "step by step",
            ),
            ("path: \"@.name\"", "path: \"@\"", "22:", "no single field"),
            ("path: \"@.name\"", "path: \"@. name\"", "22:", "quotes"),
            (
                "path: \"@.signed\"",
                "path: \"@.name\"",
                "23:",
                "stands twice",
            ),
            ("from: 2024-04-01", "from: 2024-04-31", "25:", "calendar"),
            (
                "partner: harbour-homes",
                "partner: harbor-homes",
                "27:",
                "did you mean harbour-homes?",
            ),
            (
                "purposes: [repairs] }\n",
                "purposes: [repaires] }\n",
                "27:",
                "did you mean repairs?",
            ),
            (
                "    owner: housing\n",
                "    owner: housing\n    controllers: [other]\n",
                "17:",
                "isle-council is not among them",
            ),
        ];
        for (from, to, place, words) in rows {
            assert!(REGISTER.contains(from), "{from}");
            let found = faults(&REGISTER.replacen(from, to, 1));
            // A name that is gone may be missed elsewhere.
            let told = found.iter().any(|fault| {
                fault.starts_with(&format!("r.yaml:{place}")) && fault.contains(words)
            });
            assert!(told, "{to}: {found:#?}");
        }
    }

    #[test]
    fn every_fault_is_told_in_one_run() {
        let text = REGISTER
            .replace("owner: housing", "owner: parking")
            .replace("path: \"@.name\"", "path: name")
            .replace("retention: P7Y", "retention: 7 years");
        assert_eq!(faults(&text).len(), 3, "{:#?}", faults(&text));
    }

    #[test]
    fn a_purpose_is_within_all_that_cover_it() {
        let register = load("r.yaml", REGISTER).unwrap();
        let [housing, repairs] = ["housing", "repairs"].map(PurposeName::new);
        assert!(register.is_within(&repairs, std::slice::from_ref(&housing)));
        assert!(!register.is_within(&housing, std::slice::from_ref(&repairs)));
        assert!(!register.is_within(&PurposeName::new("parking"), &[housing, repairs]));
    }

    #[test]
    fn many_purposes_that_cover_one_another_are_read_in_little_time() {
        let mut purposes = String::new();
        for index in 0..400 {
            let next = index + 1;
            purposes.push_str(&format!(
                "  - {{ name: p{index}, title: P, covers: [p{next}] }}\n"
            ));
        }
        purposes.push_str("  - { name: p400, title: P }\n");
        let text = REGISTER.replace("purposes:\n  - {", &format!("purposes:\n{purposes}  - {{"));
        let register = load("r.yaml", &text).unwrap();
        assert!(register.is_within(&PurposeName::new("p400"), &[PurposeName::new("p0")]));
    }
}
