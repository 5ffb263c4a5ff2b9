//! Layers as written to a [`Charter`] as meant, or every fault they have. Pure: no files, no clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::file::{CharterAsWritten, HINTS, SensitivityAsWritten, TerritoryText};
use super::retention::Retention;
use super::terms::{NeverField, Terms, Transfer};
use super::territory::countries;
use super::{Charter, Layer};
use crate::agreement::{PurposeName, Source};
use crate::plan::Selector;
use crate::register::{Register, Sensitivity};
use crate::written::text::{Name, Period};
use crate::written::{Fault, Faults, Reader, Written, nearest};

mod security;

/// Layers under one charter at most.
const LAYERS: usize = 1_000;

type File = Written<CharterAsWritten>;

/// A directorate's file and its text.
type Read<'a> = (File, &'a str);

pub(super) fn load(
    charter: Source<'_>,
    directorates: &[Source<'_>],
    register: &Register,
) -> Result<Charter, Faults> {
    let reader = Reader::<CharterAsWritten>::new(HINTS);
    let mut faults = Vec::new();
    let council = reader.read(charter.name, charter.text, &mut faults);
    let mut under: Vec<Read<'_>> = Vec::new();
    for source in directorates.iter().take(LAYERS) {
        let read = reader.read(source.name, source.text, &mut faults);
        under.extend(read.map(|file| (file, source.text)));
    }
    let council = council.and_then(|file| {
        for (key, there) in [
            ("directorate", file.value.directorate.is_some()),
            ("parent", file.value.parent.is_some()),
        ] {
            if there {
                let message = "the charter stands under nothing; leave this out, or name the file under `directorates`";
                file.fault_at_key(&mut faults, &format!("/{key}"), message);
            }
        }
        if file.value.charter.is_none() {
            let message = "the charter says whose it is; write charter: with the controller's name";
            file.fault(&mut faults, "", message);
        }
        let name = file.value.charter.as_ref().map(|name| name.0.clone());
        registered(&file, register, &mut faults);
        layer(&file, charter.text, name, None, &mut faults)
    });
    if let Some(last) = directorates.get(LAYERS) {
        faults.push(Fault {
            file: last.name.to_owned(),
            line: 1,
            column: 1,
            message: format!("more than {LAYERS} directorates; put several into one"),
        });
    }
    for (file, _) in &under {
        registered(file, register, &mut faults);
    }
    // Without the charter nothing can be said of what stands under it.
    let directorates = match &council {
        Some(council) => below(council, &under, &mut faults),
        None => Vec::new(),
    };
    Faults::none_of(faults)?;
    Ok(Charter {
        council: council.expect("a charter that is not there has a fault"),
        directorates,
    })
}

/// Adds a fault at each name that the register does not have: a limit on what is not there would protect nothing.
fn registered(file: &File, register: &Register, faults: &mut Vec<Fault>) {
    let written = &file.value;
    let mut known = |pointer: String, kind: &str, name: &str, all: &[&str]| {
        if !all.contains(&name) {
            let write = match nearest(name, all) {
                Some(near) => format!("did you mean {near}?"),
                None => "add it there first".to_owned(),
            };
            let message = format!("the register has no {kind} `{name}`; {write}");
            file.fault(faults, &pointer, message);
        }
    };
    let directorates: Vec<&str> = register
        .representatives
        .keys()
        .map(String::as_str)
        .collect();
    if let Some(name) = &written.directorate {
        let pointer = "/directorate".to_owned();
        known(pointer, "directorate", &name.0, &directorates);
    }
    let data_sets: Vec<&str> = register
        .data_sets
        .iter()
        .map(|data_set| data_set.name.as_str())
        .collect();
    for (index, name) in written.data_sets.iter().flatten().enumerate() {
        known(
            format!("/data_sets/{index}"),
            "data set",
            &name.0,
            &data_sets,
        );
    }
    let never = written.never_share.iter();
    let fields = never.flat_map(|never| never.fields.iter().flatten());
    for (index, field) in fields.enumerate() {
        if let Some(name) = &field.data_set {
            let pointer = format!("/never_share/fields/{index}/data_set");
            known(pointer, "data set", &name.0, &data_sets);
        }
    }
    let purposes: Vec<&str> = register
        .purposes
        .iter()
        .map(|purpose| purpose.name.as_str())
        .collect();
    for (index, name) in written.purposes.iter().flatten().enumerate() {
        known(format!("/purposes/{index}"), "purpose", &name.0, &purposes);
    }
}

/// The layers of `files`, each after the one that it stands under; sorted by name.
fn below(council: &Layer, files: &[Read<'_>], faults: &mut Vec<Fault>) -> Vec<Layer> {
    let names: BTreeSet<&str> = files
        .iter()
        .filter_map(|(file, _)| file.value.directorate.as_ref())
        .map(|name| name.0.as_str())
        .collect();
    let mut done: BTreeMap<String, Layer> = BTreeMap::new();
    let mut waiting: Vec<&Read<'_>> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::from([council.name.as_str()]);
    for read in files {
        let (file, _) = read;
        if file.value.charter.is_some() {
            let message = "a second charter; the council has one: write directorate: and parent: in its place";
            file.fault_at_key(faults, "/charter", message);
        }
        let Some(name) = &file.value.directorate else {
            if file.value.charter.is_none() {
                let message = "the policy says whose it is; write directorate: with its name";
                file.fault(faults, "", message);
            }
            continue;
        };
        if !seen.insert(&name.0) {
            let message = format!("a second layer `{}`; give each its own name", name.0);
            file.fault(faults, "/directorate", message);
            continue;
        }
        match &file.value.parent {
            None => {
                let message = format!(
                    "a directorate's policy names what it stands under; write parent: {}",
                    council.name
                );
                file.fault(faults, "", message);
            }
            Some(parent) if parent.0 != council.name && !names.contains(parent.0.as_str()) => {
                let known: Vec<&str> = std::iter::once(council.name.as_str())
                    .chain(names.iter().copied())
                    .collect();
                let write = match nearest(&parent.0, &known) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("write {}, or add its file", council.name),
                };
                let message = format!("no layer is named `{}`; {write}", parent.0);
                file.fault(faults, "/parent", message);
            }
            Some(_) => waiting.push(read),
        }
    }
    loop {
        let before = waiting.len();
        waiting.retain(|(file, text)| {
            let Some(parent) = &file.value.parent else {
                return false;
            };
            let above = if parent.0 == council.name {
                Some(council)
            } else {
                done.get(&parent.0)
            };
            let Some(above) = above else {
                return true;
            };
            let name = file.value.directorate.as_ref().map(|name| name.0.clone());
            if let Some(layer) = layer(file, text, name, Some(above), faults) {
                done.insert(layer.name.clone(), layer);
            }
            false
        });
        if waiting.is_empty() || waiting.len() == before {
            break;
        }
    }
    for (file, _) in waiting {
        // Where its parent is at fault, that has been told.
        let parent = file.value.parent.as_ref().map(|parent| parent.0.as_str());
        if circles(files, parent.unwrap_or_default()) {
            let message = format!(
                "the layers above come back to this one; one of them has to stand under {}",
                council.name
            );
            file.fault(faults, "/parent", message);
        }
    }
    done.into_values().collect()
}

/// Whether the layers above `name` come back to one of themselves.
fn circles(files: &[Read<'_>], name: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut name = name;
    while seen.insert(name) {
        let file = files.iter().find(|(file, _)| {
            let directorate = &file.value.directorate;
            directorate.as_ref().is_some_and(|known| known.0 == name)
        });
        match file.and_then(|(file, _)| file.value.parent.as_ref()) {
            Some(parent) => name = &parent.0,
            None => return false,
        }
    }
    true
}

fn layer(
    file: &File,
    text: &str,
    name: Option<String>,
    parent: Option<&Layer>,
    faults: &mut Vec<Fault>,
) -> Option<Layer> {
    let told = faults.len();
    let mut narrowing = Narrowing {
        file,
        parent,
        terms: parent
            .map(|parent| parent.terms.clone())
            .unwrap_or_default(),
        faults,
    };
    narrowing.all();
    let terms = narrowing.terms;
    let written = &file.value;
    let layer = Layer {
        name: name?,
        parent: parent.map(|parent| parent.name.clone()),
        version: written.version?,
        title: written.title.as_ref()?.0.clone(),
        policy: written.policy.as_ref().map(|text| text.0.clone()),
        hash: data_encoding::HEXLOWER.encode(&Sha256::digest(text.as_bytes())),
        terms,
    };
    (faults.len() == told).then_some(layer)
}

/// One layer's terms, made from its parent's.
struct Narrowing<'a> {
    file: &'a File,
    parent: Option<&'a Layer>,
    /// The parent's, until a key of the file's own narrows them.
    terms: Terms,
    faults: &'a mut Vec<Fault>,
}

impl Narrowing<'_> {
    fn all(&mut self) {
        let written = &self.file.value;
        if let Some(words) = &written.territory {
            self.territory(words);
        }
        if written.transfers.is_some() {
            self.transfers();
        }
        self.never();
        if let Some(sensitivities) = &written.never_as_it_is {
            let more = sensitivities.iter().copied().map(sensitivity);
            self.terms.never_as_it_is.extend(more);
            self.state("never_as_it_is");
        }
        if let Some(roles) = &written.sign_off {
            let roles = roles.iter().map(|role| role.0.clone());
            self.terms.sign_off.extend(roles);
            self.state("sign_off");
        }
        if let Some(names) = &written.data_sets {
            let own = self.within("data_sets", names, self.terms.data_sets.clone());
            self.terms.data_sets = Some(own);
            self.state("data_sets");
        }
        if let Some(names) = &written.purposes {
            let above = self.terms.purposes.as_ref().map(|purposes| {
                let names = purposes.iter().map(|purpose| purpose.as_str().to_owned());
                names.collect()
            });
            let own = self.within("purposes", names, above);
            self.terms.purposes = Some(own.iter().map(|name| PurposeName::new(name)).collect());
            self.state("purposes");
        }
        self.retention();
        self.switches();
    }

    /// Remembers where `key` is stated, for who is refused by it.
    fn state(&mut self, key: &'static str) {
        let line = self.file.line(&format!("/{key}"));
        let place = format!("{}:{line}", self.file.file());
        self.terms.stated.insert(key, place);
    }

    /// Adds a fault at `pointer`: it is wider than `key` of the parent.
    fn widens(&mut self, pointer: &str, key: &str, what: &str) {
        let place = self
            .parent
            .and_then(|parent| parent.terms.stated.get(key))
            .cloned()
            .unwrap_or_default();
        let name = self.parent.map_or("", |parent| parent.name.as_str());
        let message = format!(
            "{what} is wider than {name} allows ({place}); a layer only narrows: leave it out"
        );
        self.file.fault(self.faults, pointer, message);
    }

    /// `names`, each of which has to be one of `above`, if the parent limits them.
    fn within(
        &mut self,
        key: &str,
        names: &[Name],
        above: Option<BTreeSet<String>>,
    ) -> BTreeSet<String> {
        let mut own = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            if above.as_ref().is_some_and(|above| !above.contains(&name.0)) {
                self.widens(&format!("/{key}/{index}"), key, &format!("`{}`", name.0));
            } else {
                own.insert(name.0.clone());
            }
        }
        own
    }

    fn territory(&mut self, words: &[TerritoryText]) {
        let above = self.terms.territory.clone();
        let mut own = BTreeSet::new();
        for (index, word) in words.iter().enumerate() {
            let outside = |country: &str| {
                let above = above.as_ref();
                above.is_some_and(|above| !above.contains(country))
            };
            let countries = countries(&word.0);
            if countries.iter().any(|country| outside(country)) {
                let at = format!("/territory/{index}");
                self.widens(&at, "territory", &format!("`{}`", word.0));
            } else {
                own.extend(countries.into_iter().map(str::to_owned));
            }
        }
        self.terms.territory = Some(own);
        // A transfer adds to what its own layer and those above limit: a narrower territory leaves none open.
        self.terms.transfers.clear();
        self.state("territory");
    }

    fn transfers(&mut self) {
        let above = self
            .parent
            .map(|parent| parent.terms.transfers.clone())
            .unwrap_or_default();
        let limited = self
            .parent
            .is_some_and(|parent| parent.terms.territory.is_some());
        let permitted = self
            .parent
            .and_then(|parent| parent.terms.territory.clone())
            .unwrap_or_default();
        let mut own = Vec::new();
        for (index, transfer) in self.file.value.transfers.iter().flatten().enumerate() {
            let at = format!("/transfers/{index}");
            let (Some(country), Some(instrument), Some(until)) =
                (&transfer.country, &transfer.instrument, &transfer.until)
            else {
                continue;
            };
            let Ok(until) = until.0.parse::<Date>() else {
                let message = "a day that the calendar does not have";
                self.file
                    .fault(self.faults, &format!("{at}/until"), message);
                continue;
            };
            let by_above = above
                .iter()
                .any(|above| above.country == country.0 && above.until >= until);
            if limited && !by_above && !permitted.contains(&country.0) {
                let what = format!("a transfer to {} until {until}", country.0);
                let key = if above.is_empty() {
                    "territory"
                } else {
                    "transfers"
                };
                self.widens(&format!("{at}/country"), key, &what);
                continue;
            }
            own.push(Transfer {
                country: country.0.clone(),
                instrument: instrument.0.clone(),
                until,
            });
        }
        self.terms.transfers = own;
        self.state("transfers");
    }

    fn never(&mut self) {
        let Some(never) = &self.file.value.never_share else {
            return;
        };
        for (index, field) in never.fields.iter().flatten().enumerate() {
            let Some(path) = &field.path else { continue };
            let at = format!("/never_share/fields/{index}/path");
            if !path.0.starts_with(['@', '$']) {
                let message = format!(
                    "a path starts with @, at the record, or with $, at the document; write @.{}",
                    path.0
                );
                self.file.fault(self.faults, &at, message);
                continue;
            }
            match Selector::parse(&path.0) {
                Ok(path) => self.terms.never.fields.push(NeverField {
                    data_set: field.data_set.as_ref().map(|name| name.0.clone()),
                    path,
                }),
                Err(error) => self.file.fault(self.faults, &at, error.message),
            }
        }
        let more = never.sensitivities.iter().flatten();
        let more = more.copied().map(sensitivity);
        self.terms.never.sensitivities.extend(more);
        let more = never.identifiers.iter().flatten();
        self.terms.never.identifiers.extend(more.map(|kind| kind.0));
        self.state("never_share");
    }

    fn retention(&mut self) {
        let period = |period: &Option<Period>| Retention::parse(&period.as_ref()?.0);
        let written = &self.file.value;
        if let Some(own) = period(&written.longest_retention) {
            let above = self.terms.longest_retention.as_ref();
            if above.is_some_and(|above| own.is_longer_than(above)) {
                self.widens("/longest_retention", "longest_retention", own.text());
            } else {
                self.terms.longest_retention = Some(own);
                self.state("longest_retention");
            }
        }
        let own = written.defaults.as_ref();
        if let Some(own) = own.and_then(|defaults| period(&defaults.retention)) {
            self.terms.default_retention = Some(own);
        }
        if let (Some(default), Some(longest)) =
            (&self.terms.default_retention, &self.terms.longest_retention)
            && default.is_longer_than(longest)
        {
            let pointer = match own {
                Some(_) => "/defaults/retention",
                None => "/longest_retention",
            };
            let message = format!(
                "the default of {} is longer than the longest retention, {}; write a default of at most that",
                default.text(),
                longest.text()
            );
            self.file.fault(self.faults, pointer, message);
        }
    }

    /// What is on or off.
    fn switches(&mut self) {
        let written = &self.file.value;
        let permitted = self.parent.is_none() || self.terms.internal_compatible_use;
        match written.internal_compatible_use {
            Some(true) if !permitted => {
                let key = "internal_compatible_use";
                self.widens(&format!("/{key}"), key, "internal compatible use");
            }
            Some(own) => {
                self.terms.internal_compatible_use = own;
                self.state("internal_compatible_use");
            }
            None => {}
        }
        if let Some(checked) = written
            .accuracy
            .as_ref()
            .and_then(|all| all.checked.as_ref())
        {
            self.terms.checked.extend(checked.iter().map(|kind| kind.0));
            self.state("accuracy");
        }
        if self.file.value.security.is_some() {
            self.security();
            self.state("security");
        }
    }
}

fn sensitivity(written: SensitivityAsWritten) -> Sensitivity {
    match written {
        SensitivityAsWritten::Personal => Sensitivity::Personal,
        SensitivityAsWritten::Special => Sensitivity::Special,
        SensitivityAsWritten::Criminal => Sensitivity::Criminal,
        SensitivityAsWritten::Child => Sensitivity::Child,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "\
register: isle-council
version: 1
contacts: { dpo: d, representatives: [{ directorate: care, contact: c }, { directorate: housing, contact: c }] }
purposes: [{ name: care, title: Care }]
parties: []
data_sets:
  - name: adults
    title: Adults
    subjects: person
    owner: care
    service: social-care
    collected: { for: [care], ground: function, under: Care Act 2014 }
    retention: P7Y
    fields: [{ path: \"@.name\", sensitivity: personal }]
    recipients: []
";
    const CHARTER: &str = "charter: isle-council\nversion: 1\ntitle: Policy\nterritory: [GB, IE]\nlongest_retention: P1Y\n";
    const CARE: &str = "directorate: care\nparent: isle-council\nversion: 1\ntitle: Care\n";

    fn loaded(charter: &str, directorates: &[&str]) -> Result<Charter, Vec<String>> {
        let register = Register::load("r.yaml", REGISTER).unwrap();
        let names: Vec<String> = (0..directorates.len())
            .map(|index| format!("d{index}.yaml"))
            .collect();
        let sources: Vec<Source<'_>> = names
            .iter()
            .zip(directorates)
            .map(|(name, text)| Source { name, text })
            .collect();
        let charter = Source {
            name: "c.yaml",
            text: charter,
        };
        Charter::load(charter, &sources, &register)
            .map_err(|faults| faults.to_string().lines().map(str::to_owned).collect())
    }

    #[test]
    fn each_fault_is_told_with_its_place_and_what_to_write_instead() {
        // Lines added to the charter, lines added to the directorate's policy, the place and a part of the one fault.
        let rows = [
            ("parent: x\n", "", "c.yaml:6:1", "stands under nothing"),
            (
                "data_sets: [adult]\n",
                "",
                "c.yaml:6:13",
                "did you mean adults?",
            ),
            (
                "purposes: [caring]\n",
                "",
                "c.yaml:6:12",
                "no purpose `caring`",
            ),
            (
                "never_share: { fields: [{ data_set: adult, path: $.a }] }\n",
                "",
                "c.yaml:6:37",
                "did you mean adults?",
            ),
            (
                "never_share: { fields: [{ path: name }] }\n",
                "",
                "c.yaml:6:33",
                "write @.name",
            ),
            (
                "never_share: { identifiers: [nhs] }\n",
                "",
                "c.yaml:6:30",
                "nhs",
            ),
            (
                "defaults: { retention: P2Y }\n",
                "",
                "c.yaml:6:24",
                "longer than the longest",
            ),
            (
                "transfers: [{ country: US, instrument: I, until: 2026-02-30 }]\n",
                "",
                "c.yaml:6:50",
                "calendar",
            ),
            (
                "",
                "territory: [GB, FR]\n",
                "d0.yaml:5:17",
                "`FR` is wider than isle-council allows (c.yaml:4)",
            ),
            (
                "",
                "longest_retention: P13M\n",
                "d0.yaml:5:20",
                "(c.yaml:5)",
            ),
            ("", "charter: other\n", "d0.yaml:5:1", "a second charter"),
        ];
        for (above, below, place, words) in rows {
            let found = loaded(&format!("{CHARTER}{above}"), &[&format!("{CARE}{below}")]);
            let found = found.expect_err(words);
            let [fault] = found.as_slice() else {
                panic!("{above}{below}: {found:#?}")
            };
            assert!(fault.starts_with(place) && fault.contains(words), "{fault}");
        }
    }

    #[test]
    fn a_chain_of_layers_narrows_step_by_step_whatever_the_order_of_the_files() {
        let middle = format!("{CARE}territory: [IE]\nsign_off: [head]\n");
        let lowest = "directorate: housing\nparent: care\nversion: 1\ntitle: H\nsign_off: [dpo]\n";
        for files in [[middle.as_str(), lowest], [lowest, middle.as_str()]] {
            let charter = loaded(CHARTER, &files).unwrap();
            let terms = &charter.layer("housing").terms;
            assert_eq!(terms.territory, Some(BTreeSet::from(["IE".to_owned()])));
            assert_eq!(
                terms.sign_off,
                BTreeSet::from(["dpo".to_owned(), "head".to_owned()])
            );
            assert_eq!(charter.layer("no-such").name, "isle-council");
        }
        let wider = format!("{lowest}territory: [GB]\n");
        let found = loaded(CHARTER, &[&middle, &wider]).unwrap_err();
        assert!(
            found[0].contains("wider than care allows (d0.yaml:5)"),
            "{found:?}"
        );
    }

    #[test]
    fn layers_that_stand_under_one_another_are_refused() {
        let a = CARE.replace("isle-council", "housing");
        let b = "directorate: housing\nparent: care\nversion: 1\ntitle: H\n";
        let found = loaded(CHARTER, &[&a, b]).unwrap_err();
        assert!(
            found.iter().all(|fault| fault.contains("come back")),
            "{found:?}"
        );
        assert_eq!(found.len(), 2);
        let twice = loaded(CHARTER, &[CARE, CARE]).unwrap_err();
        assert!(twice[0].contains("a second layer"), "{twice:?}");
    }
}
