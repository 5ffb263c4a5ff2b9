//! The register as written. Private to [`crate::register`]: serde goes no further.
//!
//! The doc comments here are what editors show. Each key is an `Option` so that a file with faults can still be checked
//! to its end; the schema says what is required.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::identifier::Kind;
use crate::written::text::{Day, Name, Period, SelectorText, Words};

/// Keys that people try.
pub(super) const HINTS: &[(&str, &str)] = &[
    ("datasets", "write data_sets"),
    ("data-sets", "write data_sets"),
    ("selector", "write path"),
    ("partners", "write parties, and under a data set recipients"),
    ("purpose", "write purposes, a list"),
    ("legal_basis", "write under, in collected"),
];

/// The controller's record of processing: what it holds, what for, and to whom it may go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Register")]
pub(super) struct RegisterAsWritten {
    /// Whose record it is: the gateway configuration's controller.
    #[schemars(required)]
    pub(super) register: Option<Name>,
    /// Its version, from 1. Raise it with every change.
    #[schemars(required, range(min = 1, max = 1_000_000), example = 1)]
    pub(super) version: Option<u32>,
    /// Who answers for it.
    #[schemars(required)]
    pub(super) contacts: Option<ContactsAsWritten>,
    /// What data is used for. Agreements may name these purposes alone.
    #[schemars(required, length(min = 1))]
    pub(super) purposes: Option<Vec<PurposeAsWritten>>,
    /// Who may get data, and what each is to the controller.
    #[schemars(required)]
    pub(super) parties: Option<Vec<PartyAsWritten>>,
    /// Laws that open data for a purpose that it was not collected for.
    pub(super) statutes: Option<Vec<StatuteAsWritten>>,
    /// What is held.
    #[schemars(required, length(min = 1))]
    pub(super) data_sets: Option<Vec<DataSetAsWritten>>,
}

/// Who answers for the register.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Contacts", example = serde_json::json!({ "dpo": "dpo@isle.example", "representatives": [{ "directorate": "revenues", "contact": "revenues@isle.example" }] }))]
pub(super) struct ContactsAsWritten {
    /// How the data-protection officer is reached: a role's address, not a person's.
    #[schemars(required)]
    pub(super) dpo: Option<Words>,
    /// How each directorate's data-protection representative is reached.
    #[schemars(required, length(min = 1))]
    pub(super) representatives: Option<Vec<RepresentativeAsWritten>>,
}

/// A directorate's data-protection representative.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Representative", example = serde_json::json!({ "directorate": "revenues", "contact": "revenues@isle.example" }))]
pub(super) struct RepresentativeAsWritten {
    /// The directorate.
    #[schemars(required)]
    pub(super) directorate: Option<Name>,
    /// How the representative is reached.
    #[schemars(required)]
    pub(super) contact: Option<Words>,
}

/// A purpose of the register.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RegisteredPurpose", example = serde_json::json!({ "name": "council-tax", "title": "Council tax", "covers": ["council-tax-collection"] }))]
pub(super) struct PurposeAsWritten {
    /// Its name, as agreements and requests write it.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// What it is, for people.
    #[schemars(required)]
    pub(super) title: Option<Words>,
    /// Narrower purposes of this register that are part of it.
    pub(super) covers: Option<Vec<Name>>,
}

/// Someone who may get data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Party", example = serde_json::json!({ "name": "island-health", "relation": "external" }))]
pub(super) struct PartyAsWritten {
    /// The partner's name, as in the gateway's configuration.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// What it is to the controller: `internal` (the same controller: a use, not a disclosure), `processor`,
    /// `councillor`, `external`, or `public`.
    #[schemars(required)]
    pub(super) relation: Option<RelationAsWritten>,
}

/// What a party is to the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum RelationAsWritten {
    Internal,
    Processor,
    Councillor,
    External,
    Public,
}

/// A law that opens data for a purpose that it was not collected for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Statute", example = serde_json::json!({ "name": "empty-homes", "citation": "Local Government Finance Act 1992 Sch 2 para 18A", "purposes": ["empty-homes"], "data_sets": ["council-tax"], "fields": ["name", "address", "contact-number"] }))]
pub(super) struct StatuteAsWritten {
    /// Its name in this register, and in the ledger.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// The provision.
    #[schemars(required)]
    pub(super) citation: Option<Words>,
    /// The purposes that it opens data for.
    #[schemars(required, length(min = 1))]
    pub(super) purposes: Option<Vec<Name>>,
    /// The data sets that it opens. Without it all, but those of `except`.
    #[schemars(length(min = 1))]
    pub(super) data_sets: Option<Vec<Name>>,
    /// Data sets that it does not open.
    pub(super) except: Option<Vec<Name>>,
    /// The categories of field that may go under it. Without it all.
    #[schemars(length(min = 1))]
    pub(super) fields: Option<Vec<Name>>,
    /// The relations to which it opens data. Without it all.
    #[schemars(length(min = 1))]
    pub(super) relations: Option<Vec<RelationAsWritten>>,
    /// The roles that may declare its purposes: the agreement has to ask for one of these.
    #[schemars(length(min = 1))]
    pub(super) roles: Option<Vec<Name>>,
    /// It opens one record at a time, to be looked at: by GET of a path with a variable, never in bulk.
    pub(super) inspection: Option<bool>,
}

/// One kind of data that is held.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DataSet")]
pub(super) struct DataSetAsWritten {
    /// Its name, as disclosures write it under `data_set`.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// What it is, for people.
    #[schemars(required)]
    pub(super) title: Option<Words>,
    /// Whom its records are about: a `person`, or an `organisation` (a sole trader is a person).
    #[schemars(required)]
    pub(super) subjects: Option<SubjectsAsWritten>,
    /// The controllers, where there are others beside the register's own.
    #[schemars(length(min = 1))]
    pub(super) controllers: Option<Vec<Name>>,
    /// Several controllers decide on it together.
    pub(super) joint: Option<bool>,
    /// The directorate that answers for it: one of `contacts.representatives`.
    #[schemars(required)]
    pub(super) owner: Option<Name>,
    /// The service that holds it: one of the gateway configuration's.
    #[schemars(required)]
    pub(super) service: Option<Name>,
    /// Why and on what ground it was collected.
    #[schemars(required)]
    pub(super) collected: Option<CollectedAsWritten>,
    /// Its fields, one by one. What is not listed is in no agreement.
    #[schemars(required, length(min = 1))]
    pub(super) fields: Option<Vec<FieldAsWritten>>,
    /// What the people it is about were told, by version.
    pub(super) notices: Option<Vec<NoticeAsWritten>>,
    /// Where a record says on which day it was collected; it picks the notice that was then in force.
    pub(super) collected_at: Option<SelectorText>,
    /// How long it is kept.
    #[schemars(required)]
    pub(super) retention: Option<Period>,
    /// Locked: only for what it was collected for, what a notice says, or under a statute; never as a compatible use.
    pub(super) locked: Option<bool>,
    /// Who may get it, and what for.
    #[schemars(required)]
    pub(super) recipients: Option<Vec<RecipientAsWritten>>,
}

/// Whom records are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum SubjectsAsWritten {
    Person,
    Organisation,
}

/// Why and on what ground data was collected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Collected", example = serde_json::json!({ "for": ["council-tax"], "ground": "statutory-duty", "under": "Local Government Finance Act 1992" }))]
pub(super) struct CollectedAsWritten {
    /// The purposes that it was collected for.
    #[schemars(required, length(min = 1))]
    pub(super) r#for: Option<Vec<Name>>,
    /// `statutory-duty`, `function`, `contract` or `consent`.
    #[schemars(required)]
    pub(super) ground: Option<GroundAsWritten>,
    /// The statute, function or contract.
    #[schemars(required)]
    pub(super) under: Option<Words>,
}

/// On what ground data was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum GroundAsWritten {
    StatutoryDuty,
    Function,
    Contract,
    Consent,
}

/// One field of a data set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RegisteredField", example = serde_json::json!({ "path": "@.nhsNumber", "sensitivity": "personal", "identifier": "nhs-number" }))]
pub(super) struct FieldAsWritten {
    /// Where it stands: from the record (`@.address.postcode`), or from the document (`$.page`).
    #[schemars(required)]
    pub(super) path: Option<SelectorText>,
    /// `plain`, `personal`, `special`, `criminal` or `child`.
    #[schemars(required)]
    pub(super) sensitivity: Option<SensitivityAsWritten>,
    /// What kind of identifier it is, if it is one.
    pub(super) identifier: Option<IdentifierAsWritten>,
    /// What it is, in the words of `statutes.fields`: `name`, `address`.
    pub(super) category: Option<Name>,
    /// All that is in it is this field: `keep_all` and wildcards may take it.
    pub(super) whole: Option<bool>,
    /// Whom it is about, where that is not a person.
    pub(super) about: Option<SubjectsAsWritten>,
}

/// How much harm a field can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum SensitivityAsWritten {
    Plain,
    Personal,
    Special,
    Criminal,
    Child,
}

/// What kind of identifier a field is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdentifierAsWritten(pub(crate) Kind);

impl<'de> Deserialize<'de> for IdentifierAsWritten {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let kind = Kind::from_word(&word);
        kind.map(Self)
            .ok_or_else(|| serde::de::Error::custom("no identifier of this name"))
    }
}

impl JsonSchema for IdentifierAsWritten {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Identifier".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        schemars::json_schema!({ "type": "string", "enum": words })
    }
}

/// What the people that data is about were told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Notice", example = serde_json::json!({ "id": "council-tax-notice", "version": 2, "from": "2024-04-01", "purposes": ["council-tax"] }))]
pub(super) struct NoticeAsWritten {
    /// Its name, the same in all its versions.
    #[schemars(required)]
    pub(super) id: Option<Name>,
    /// Its version, from 1.
    #[schemars(required, range(min = 1, max = 1_000_000), example = 1)]
    pub(super) version: Option<u32>,
    /// The first day on which people were told this.
    #[schemars(required)]
    pub(super) from: Option<Day>,
    /// What they were told that it is for.
    #[schemars(required, length(min = 1))]
    pub(super) purposes: Option<Vec<Name>>,
    /// Where it can be read.
    pub(super) text: Option<Words>,
}

/// Who may get a data set, and what for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Recipient", example = serde_json::json!({ "partner": "island-health", "purposes": ["falls-prevention"] }))]
pub(super) struct RecipientAsWritten {
    /// One of `parties`.
    #[schemars(required)]
    pub(super) partner: Option<Name>,
    /// What for.
    #[schemars(required, length(min = 1))]
    pub(super) purposes: Option<Vec<Name>>,
    /// For a `public` party: the data-protection officer's clearance.
    pub(super) cleared: Option<Words>,
}
