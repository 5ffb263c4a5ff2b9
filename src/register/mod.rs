//! The controller's record of processing: data sets, what they hold, what they were collected for, to whom they may go.
//!
//! `file` is the register as written; `check` turns it into a [`Register`] or every fault it has. What an agreement wants
//! to disclose is a [`Proposal`], and `admit` answers with the [`Ground`] of each purpose or with what stands against it.
//! Knows no agreement, does no I/O and asks no clock: everything here is decided when agreements are loaded.
//!
//! **Invariant:** what is not in the register is in no agreement that loads: no data set, no purpose, no recipient, no
//! field.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use crate::agreement::{PartnerName, PurposeName, Role, ServiceName};
use crate::identifier::Kind;
use crate::plan::{Action, BodyRules, Condition, Selector};
use crate::transform::Transform;
use crate::written::Faults;

mod admit;
mod check;
mod collect;
mod file;
mod path;
mod touched;

pub use admit::{Ground, Objection, Part, Proposal, ProposedPurpose};
pub use collect::{CollectedPart, Collection, NotCollected};
pub(crate) use file::IdentifierAsWritten;
pub use touched::Touched;

use path::Way;

/// The register, checked. Having one is the proof that its file held no fault.
#[derive(Debug)]
pub struct Register {
    /// Whose record it is.
    pub controller: String,
    /// Its version, from 1.
    pub version: u32,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub hash: String,
    /// How the data-protection officer is reached.
    pub dpo: String,
    /// How each directorate's representative is reached, by directorate.
    pub representatives: BTreeMap<String, String>,
    /// Its purposes, in the order of the file.
    pub purposes: Vec<RegisteredPurpose>,
    /// What each party is to the controller.
    pub parties: BTreeMap<PartnerName, Relation>,
    /// Laws that open data for purposes that it was not collected for.
    pub statutes: Vec<Statute>,
    /// What is held, in the order of the file.
    pub data_sets: Vec<DataSet>,
    /// What is no fault but should be looked at, a sentence each.
    pub warnings: Vec<String>,
    /// Index of each data set by its name.
    by_name: HashMap<String, usize>,
    /// Each purpose with those that cover it, itself included.
    covered_by: HashMap<PurposeName, BTreeSet<PurposeName>>,
}

/// A purpose of the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredPurpose {
    /// Its name.
    pub name: PurposeName,
    /// What it is, for people.
    pub title: String,
    /// The narrower ones that it covers, as written.
    pub covers: Vec<PurposeName>,
}

/// What a party is to the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// The same controller: what it gets is used, not disclosed.
    Internal,
    /// It works on the controller's behalf.
    Processor,
    /// A councillor, who gets what they need to know for a case.
    Councillor,
    /// Another controller.
    External,
    /// Everybody.
    Public,
}

impl Relation {
    /// Every relation.
    pub const ALL: [Self; 5] = [
        Self::Internal,
        Self::Processor,
        Self::Councillor,
        Self::External,
        Self::Public,
    ];

    /// Its word, as registers write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Processor => "processor",
            Self::Councillor => "councillor",
            Self::External => "external",
            Self::Public => "public",
        }
    }

    /// What a release to such a party is called in the ledger: `use` within the controller, `disclosure` beyond it.
    #[must_use]
    pub fn kind_of_release(self) -> &'static str {
        match self {
            Self::Internal => "use",
            Self::Processor | Self::Councillor | Self::External | Self::Public => "disclosure",
        }
    }
}

/// Whom records or fields are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subjects {
    /// A person.
    Person,
    /// A company or another corporation.
    Organisation,
}

/// How much harm a field can do. Ordered from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sensitivity {
    /// Not about a person.
    Plain,
    /// About a person.
    Personal,
    /// About a child.
    Child,
    /// Of a special category (UK GDPR Art 9).
    Special,
    /// Of criminal convictions and offences (UK GDPR Art 10).
    Criminal,
}

impl Sensitivity {
    /// Its word, as registers write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Personal => "personal",
            Self::Child => "child",
            Self::Special => "special",
            Self::Criminal => "criminal",
        }
    }
}

/// On what ground data was collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionGround {
    /// The controller has to, by law.
    StatutoryDuty,
    /// It needs it for a function that it has.
    Function,
    /// It needs it for a contract with the person.
    Contract,
    /// The person consented.
    Consent,
}

impl CollectionGround {
    /// Its word, as registers write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::StatutoryDuty => "statutory-duty",
            Self::Function => "function",
            Self::Contract => "contract",
            Self::Consent => "consent",
        }
    }
}

/// A law that opens data for a purpose that it was not collected for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statute {
    /// Its name in this register.
    pub name: String,
    /// The provision.
    pub citation: String,
    /// The purposes that it opens data for.
    pub purposes: Vec<PurposeName>,
    /// The data sets that it opens; `None` opens all but `except`.
    pub data_sets: Option<Vec<String>>,
    /// Data sets that it does not open.
    pub except: Vec<String>,
    /// The categories of field that may go under it; `None` is all.
    pub fields: Option<Vec<String>>,
    /// The relations that it opens data to; `None` is all.
    pub relations: Option<Vec<Relation>>,
    /// The roles one of which has to declare its purposes; empty asks for none.
    pub roles: Vec<Role>,
    /// It opens one record at a time, to be looked at, never in bulk.
    pub inspection: bool,
}

/// One kind of data that is held.
#[derive(Debug)]
pub struct DataSet {
    /// Its name.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// Whom its records are about.
    pub subjects: Subjects,
    /// Its controllers, at least one; several decide together.
    pub controllers: Vec<String>,
    /// The directorate that answers for it.
    pub owner: String,
    /// The service that holds it.
    pub service: ServiceName,
    /// What it was collected for.
    pub collected_for: Vec<PurposeName>,
    /// On what ground.
    pub collection_ground: CollectionGround,
    /// Under which statute, function or contract.
    pub collected_under: String,
    /// Its fields.
    pub fields: Vec<Field>,
    /// What people were told, oldest first.
    pub notices: Vec<Notice>,
    /// Where a record says on which day it was collected.
    pub collected_at: Option<Selector>,
    /// How long it is kept, ISO 8601.
    pub retention: String,
    /// Only for what it was collected for, what a notice says, or under a statute.
    pub locked: bool,
    /// Who may get it, and what for.
    pub recipients: Vec<Recipient>,
}

/// One field of a data set.
#[derive(Debug)]
pub struct Field {
    /// Its path as written: from the record (`@`) or from the document (`$`).
    pub path: String,
    /// How much harm it can do.
    pub sensitivity: Sensitivity,
    /// What kind of identifier it is, if it is one.
    pub identifier: Option<Kind>,
    /// What it is, in the words of statutes.
    pub category: Option<String>,
    /// All that is in it is this field.
    pub whole: bool,
    /// Whom it is about.
    pub about: Subjects,
    /// From the record, unless `from_document`.
    ways: Vec<Way>,
    from_document: bool,
    selector: Selector,
}

impl Field {
    /// Its path, parsed.
    #[must_use]
    pub fn selector(&self) -> &Selector {
        &self.selector
    }
}

/// What the people that data is about were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// The first day on which people were told this.
    pub from: Date,
    /// What they were told that it is for.
    pub purposes: Vec<PurposeName>,
    /// Where it can be read.
    pub text: Option<String>,
}

/// Who may get a data set, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The partner.
    pub partner: PartnerName,
    /// What for.
    pub purposes: Vec<PurposeName>,
    /// For a public party: the data-protection officer's clearance.
    pub cleared: Option<String>,
}

impl Register {
    /// Reads and checks a register. `file` is the name that faults give.
    ///
    /// # Errors
    /// With every fault of the text, by line and column.
    pub fn load(file: &str, text: &str) -> Result<Self, Faults> {
        check::load(file, text)
    }

    /// The data set named `name`.
    #[must_use]
    pub fn data_set(&self, name: &str) -> Option<&DataSet> {
        self.by_name.get(name).map(|index| &self.data_sets[*index])
    }

    /// Whether `purpose` is one of the register's.
    #[must_use]
    pub fn has_purpose(&self, purpose: &PurposeName) -> bool {
        self.covered_by.contains_key(purpose)
    }

    /// Whether `purpose` is one of `agreed`, or part of one of them by the register's hierarchy.
    #[must_use]
    pub fn is_within(&self, purpose: &PurposeName, agreed: &[PurposeName]) -> bool {
        match self.covered_by.get(purpose) {
            Some(wider) => agreed.iter().any(|agreed| wider.contains(agreed)),
            None => false,
        }
    }

    /// What `partner` is to the controller; `None` if the register does not know it.
    #[must_use]
    pub fn relation(&self, partner: &PartnerName) -> Option<Relation> {
        self.parties.get(partner).copied()
    }

    /// How the representative of the directorate that owns `data_set` is reached, else the data-protection officer.
    #[must_use]
    pub fn contact(&self, data_set: Option<&DataSet>) -> &str {
        data_set
            .and_then(|data_set| self.representatives.get(&data_set.owner))
            .unwrap_or(&self.dpo)
    }

    /// Whether a register's (data set, purpose, recipient) is the one of these three names.
    #[must_use]
    pub fn is_registered(
        &self,
        data_set: &str,
        purpose: &PurposeName,
        partner: &PartnerName,
    ) -> bool {
        self.data_set(data_set).is_some_and(|data_set| {
            data_set.recipients.iter().any(|recipient| {
                recipient.partner == *partner && self.is_within(purpose, &recipient.purposes)
            })
        })
    }

    /// Whether people whose data of `data_set` was collected on `day` were told of `purpose`, by the notice in force then,
    /// or it was collected for that.
    #[must_use]
    pub fn is_told(&self, data_set: &DataSet, purpose: &PurposeName, day: Date) -> bool {
        let notice = data_set.notice_on(day);
        self.is_within(purpose, &data_set.collected_for)
            || notice.is_some_and(|notice| self.is_within(purpose, &notice.purposes))
    }

    /// What has to hold of a record for its subject to have been told of `purpose` when it was collected; `None` where
    /// that holds of every record, or where the ground is no notice.
    #[must_use]
    pub fn told_when(&self, data_set: &DataSet, purpose: &PurposeName) -> Option<Condition> {
        let names = |notice: &Notice| self.is_within(purpose, &notice.purposes);
        if data_set.notices.iter().all(names) {
            return None;
        }
        let at = data_set.collected_at.as_ref()?.text();
        let mut times = Vec::new();
        for (index, notice) in data_set.notices.iter().enumerate() {
            if names(notice) {
                let until = match data_set.notices.get(index + 1) {
                    Some(next) => format!(" && {at} < '{}'", next.from),
                    None => String::new(),
                };
                times.push(format!("({at} >= '{}'{until})", notice.from));
            }
        }
        // Days compare as texts in this one form alone; a record in another does not say when it was collected.
        let form = "'[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?'";
        let text = format!("match({at}, {form}) && ({})", times.join(" || "));
        Some(Condition::parse(&text).expect("a member's path and days make a condition"))
    }

    /// Uses that the people concerned were not told of: each recipient's purpose for which the data was not collected
    /// and which the newest notice does not name. For reports.
    #[must_use]
    pub fn not_forewarned(&self) -> Vec<(&DataSet, &PartnerName, &PurposeName)> {
        let mut found = Vec::new();
        for data_set in &self.data_sets {
            for recipient in &data_set.recipients {
                for purpose in &recipient.purposes {
                    let told = data_set
                        .notices
                        .last()
                        .is_some_and(|notice| self.is_within(purpose, &notice.purposes));
                    if !told && !self.is_within(purpose, &data_set.collected_for) {
                        found.push((data_set, &recipient.partner, purpose));
                    }
                }
            }
        }
        found
    }

    /// Decides what an agreement wants to disclose: the ground of each of its purposes, in their order.
    /// `internal_compatible_use`: the charter lets data be used within the controller for other functions of its own.
    ///
    /// # Errors
    /// With everything that stands against it.
    pub fn admit(
        &self,
        proposal: &Proposal<'_>,
        internal_compatible_use: bool,
    ) -> Result<Vec<(PurposeName, Ground)>, Vec<Objection>> {
        admit::admit(self, proposal, internal_compatible_use)
    }
}

impl DataSet {
    /// The notice in force on `day`: what people were told whose data was collected then.
    #[must_use]
    pub fn notice_on(&self, day: Date) -> Option<&Notice> {
        self.notices.iter().rev().find(|notice| notice.from <= day)
    }

    /// Each field that `rules` let leave in any form, with the action that decides; in the order of the register.
    #[must_use]
    pub fn touched<'a>(&'a self, rules: &'a BodyRules) -> Vec<Touched<'a>> {
        touched::Ways::of(self, rules).touched()
    }

    /// The first of `rules` that could let something at or in `selector`, which is from the document, leave; as an index
    /// in [`BodyRules::fields`].
    #[must_use]
    pub fn met_by(&self, rules: &BodyRules, selector: &Selector) -> Option<usize> {
        touched::met_by(rules, selector)
    }

    /// The strongest class of field that `rules` let leave in any form, with the field's path.
    #[must_use]
    pub fn sensitivity_of(&self, rules: &BodyRules) -> Option<(Sensitivity, &str)> {
        let touched = self.touched(rules).into_iter();
        let strongest = touched.max_by_key(|touched| touched.sensitivity)?;
        let field = self
            .fields
            .iter()
            .find(|field| field.path == strongest.field)?;
        Some((field.sensitivity, &field.path))
    }
}

/// The JSON Schema of a register's file, for editors: what `config/schema/register.json` holds.
#[must_use]
pub fn register_schema() -> String {
    crate::written::schema_text::<file::RegisterAsWritten>()
}

/// Whether what an action lets leave is the value itself.
fn is_raw(action: &Action) -> bool {
    match action {
        Action::Keep | Action::KeepAll | Action::Transform(Transform::Decided) => true,
        Action::Drop | Action::Transform(_) => false,
    }
}
