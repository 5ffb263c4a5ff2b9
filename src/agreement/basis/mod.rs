//! On what law an agreement rests, and the terms that go with it: checked values, never free text that is only stored.
//!
//! `provision` knows the conditions of the law, `needs` what each of them asks for, `terms` what an agreement states
//! beside its rules, `principles` how it stands to each of the eight. A gateway cannot judge whether a basis is *right*;
//! that it is stated, understood, consistent with the parties and the data, and backed by what the law asks for, it can.

mod check;
mod controls;
mod fields;
mod gather;
mod kind;
mod needs;
mod principles;
mod provision;
mod standing;
mod terms;
pub(in crate::agreement) mod written;

pub(in crate::agreement) use fields::{touched, without_special};
pub(in crate::agreement) use gather::law;
pub use kind::{Kinds, PartyKind};
pub use needs::Basis;
pub use principles::{Principled, Standing};
pub use provision::{Lawful, NotUnderstood, Paragraph, Provision, PublicTask, Special, Stated};
pub(in crate::agreement) use standing::standing;
pub use terms::{
    Assessment, BusinessCase, Contacts, Contract, Principle, ProvisionOfContract, Retention, Risk,
    Waiver,
};

use jiff::civil::Date;

use super::PurposeName;

/// What an agreement has to state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Demand {
    /// What it states is checked; what it leaves out is a warning.
    #[default]
    AsStated,
    /// Basis, business case, contacts, retention and territory have to be there.
    Required,
}

/// What of a record the register classes so that it needs a condition of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TouchedAs {
    /// Special categories.
    Special,
    /// Criminal convictions and offences.
    Criminal,
    /// About a child.
    Child,
}

impl TouchedAs {
    /// In words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Special => "special category",
            Self::Criminal => "criminal-offence data",
            Self::Child => "about a child",
        }
    }
}

/// A field that leaves under some rule and needs more than a basis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Where the rule stands in the file: a JSON pointer.
    pub pointer: String,
    /// The field as the register names it.
    pub field: String,
    /// How the register classes it.
    pub sensitivity: TouchedAs,
    /// Whether it is a part of the body that rules look into: what leaves whole cannot leave without it.
    pub is_parted: bool,
    /// The purposes that it leaves for.
    pub purposes: Vec<PurposeName>,
}

/// The law of an agreement: on what it rests, and the terms that go with that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Law {
    /// What kinds of body the parties are.
    pub kinds: Kinds,
    /// The basis of every purpose that has none of its own.
    pub basis: Option<Basis>,
    /// The bases of purposes that have their own.
    pub own: Vec<(PurposeName, Basis)>,
    /// Why the controller shares at all.
    pub business_case: Option<BusinessCase>,
    /// The impact assessment.
    pub assessment: Option<Assessment>,
    /// What the sharing is good for.
    pub benefits: Vec<String>,
    /// What could go wrong, each with what in the agreement keeps it small.
    pub risks: Vec<Risk>,
    /// The contract with a processor.
    pub contract: Option<Contract>,
    /// Who answers for the agreement.
    pub contacts: Option<Contacts>,
    /// Principles that are not satisfied yet.
    pub waivers: Vec<Waiver>,
    /// How long the partner may keep what it gets.
    pub retention: Option<Retention>,
    /// The countries in which the partner may hold the data, ISO 3166-1.
    pub territory: Vec<String>,
    /// Rules that cite neither law nor guidance.
    pub uncited: Vec<String>,
    /// What is odd in it and no fault, a sentence each.
    pub notes: Vec<String>,
}

impl Law {
    /// On what the sharing for `purpose` rests.
    #[must_use]
    pub fn basis_for(&self, purpose: &PurposeName) -> Option<&Basis> {
        self.own
            .iter()
            .find(|(name, _)| name == purpose)
            .map(|(_, basis)| basis)
            .or(self.basis.as_ref())
    }

    /// Every basis: the agreement's, then those of purposes.
    pub fn bases(&self) -> impl Iterator<Item = &Basis> {
        self.basis
            .iter()
            .chain(self.own.iter().map(|(_, basis)| basis))
    }

    /// The terms that a reviewer expects and does not find, by their keys.
    #[must_use]
    pub fn not_stated(&self) -> Vec<&'static str> {
        [
            ("basis", self.basis.is_none() && self.own.is_empty()),
            ("basis.assessment", self.assessment.is_none()),
            ("basis.territory", self.territory.is_empty()),
            ("business_case", self.business_case.is_none()),
            ("benefits", self.benefits.is_empty()),
            ("risks", self.risks.is_empty()),
            ("contacts", self.contacts.is_none()),
            ("retention", self.retention.is_none()),
        ]
        .into_iter()
        .filter_map(|(key, missing)| missing.then_some(key))
        .collect()
    }

    /// What it states, for reviewers: what each line is about, and its text.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if let Some(partner) = self.kinds.partner {
            lines.push(("kinds", format!("{} and {partner}", self.kinds.controller)));
        }
        if let Some(basis) = &self.basis {
            lines.extend(basis.lines().map(|text| ("basis", text)));
        }
        for (purpose, basis) in &self.own {
            lines.extend(
                basis
                    .lines()
                    .map(|text| ("basis", format!("of {purpose}: {text}"))),
            );
        }
        if let Some(case) = &self.business_case {
            let text = format!("{}, of {}, {}", case.reference, case.owner, case.date);
            lines.push(("case", text));
        }
        if let Some(assessment) = &self.assessment {
            let text = match &assessment.outcome {
                Some((date, outcome)) => format!("{}, {date}: {outcome}", assessment.reference),
                None => assessment.reference.clone(),
            };
            lines.push(("assessed", text));
        }
        if let Some(contract) = &self.contract {
            let text = format!("{}, to {}", contract.reference, contract.ends);
            lines.push(("contract", text));
        }
        if let Some(contacts) = &self.contacts {
            let text = format!("{}; {}", contacts.dpo, contacts.representative);
            lines.push(("contacts", text));
        }
        lines.extend(self.benefits.iter().map(|text| ("benefit", text.clone())));
        for risk in &self.risks {
            lines.push((
                "risk",
                format!("{} (controlled by {})", risk.risk, risk.control),
            ));
        }
        for waiver in &self.waivers {
            let text = format!(
                "{} until {}: {}",
                waiver.principle.word(),
                waiver.until,
                waiver.because
            );
            lines.push(("waived", text));
        }
        if let Some(retention) = &self.retention {
            lines.push(("kept", retention.text.clone()));
        }
        lines
    }

    /// What is no fault but should be looked at on `today`, a sentence each.
    #[must_use]
    pub fn warnings(&self, today: Date) -> Vec<String> {
        let mut warnings = Vec::new();
        let missing = self.not_stated();
        if !missing.is_empty() {
            warnings.push(format!("does not state {}", missing.join(", ")));
        }
        warnings.extend(self.notes.iter().cloned());
        for waiver in self.waivers.iter().filter(|waiver| waiver.until < today) {
            warnings.push(format!(
                "the waiver of the principle {} ended on {}",
                waiver.principle.word(),
                waiver.until
            ));
        }
        warnings
    }
}
