//! The legal terms as written to the [`Law`] of an agreement, or every fault that they have.

use jiff::civil::Date;

use super::controls::Controls;
use super::kind::{Kinds, PartyKind};
use super::needs::{self, Basis, Resting};
use super::terms::{
    Assessment, BusinessCase, Contacts, Contract, Principle, ProvisionOfContract, Retention, Risk,
    Waiver,
};
use super::written::{
    AssessmentAsWritten, BasisAsWritten, BusinessCaseAsWritten, ContactsAsWritten,
    ContractAsWritten, KindsAsWritten, RiskAsWritten, WaiverAsWritten,
};
use super::{Demand, Law, Touched, TouchedAs};
use crate::agreement::PurposeName;
use crate::rights::Consent;
use crate::written::text::{Day, Period, Words};
use crate::written::{Fault, Written, child};

/// The legal terms of a file, wherever in it they stand.
#[derive(Debug, Default)]
pub(in crate::agreement) struct LawAsWritten<'a> {
    /// `parties.kinds`.
    pub(in crate::agreement) kinds: Option<&'a KindsAsWritten>,
    /// `basis`.
    pub(in crate::agreement) basis: Option<&'a BasisAsWritten>,
    /// `business_case`.
    pub(in crate::agreement) business_case: Option<&'a BusinessCaseAsWritten>,
    /// `benefits`.
    pub(in crate::agreement) benefits: &'a [Words],
    /// `risks`.
    pub(in crate::agreement) risks: &'a [RiskAsWritten],
    /// `contract`.
    pub(in crate::agreement) contract: Option<&'a ContractAsWritten>,
    /// `contacts`.
    pub(in crate::agreement) contacts: Option<&'a ContactsAsWritten>,
    /// `waivers`.
    pub(in crate::agreement) waivers: &'a [WaiverAsWritten],
    /// `retention`.
    pub(in crate::agreement) retention: Option<&'a Period>,
    /// `purposes`, in the order of the file.
    pub(in crate::agreement) purposes: Vec<PurposeAsWritten<'a>>,
    /// What its risks can name as controls.
    pub(in crate::agreement) controls: Controls,
    /// Rules that cite neither law nor guidance: the action and the selector of each.
    pub(in crate::agreement) uncited: Vec<String>,
    /// Purposes that are agreed only as parts of others: each with the one that covers it.
    pub(in crate::agreement) covered: Vec<(PurposeName, PurposeName)>,
    /// The fields that its disclosures touch and that the register classes.
    pub(in crate::agreement) touched: Vec<Touched>,
    /// Its last day, if that is known.
    pub(in crate::agreement) ends: Option<Date>,
    /// The most people, or records where people are not counted, that one of its quotas lets out in a window.
    pub(in crate::agreement) volume: Option<u64>,
}

/// From how many people or records in a window on an agreement is of a large volume, and needs an impact assessment. The law says
/// "large scale" and gives no number; this one is the gateway's.
pub(in crate::agreement) const LARGE_VOLUME: u64 = 10_000;

/// What of a purpose the law asks about.
#[derive(Debug)]
pub(in crate::agreement) struct PurposeAsWritten<'a> {
    /// Its name.
    pub(in crate::agreement) name: &'a str,
    /// Its requests name a case.
    pub(in crate::agreement) reference: bool,
    /// Its callers are professionals.
    pub(in crate::agreement) professional: bool,
    /// The consent that its records' subjects must have given, as the lists of people have it.
    pub(in crate::agreement) consent: Option<Consent>,
    /// Each of its disclosures asks the record itself whether it may leave.
    pub(in crate::agreement) asks_records: bool,
    /// It is for vital interests.
    pub(in crate::agreement) vital_interests: bool,
    /// A basis of its own, in place of the agreement's.
    pub(in crate::agreement) basis: Option<&'a BasisAsWritten>,
}

/// Checks the legal terms of `file`. What is missing is a fault where `demand` says so.
pub(in crate::agreement) fn check<T>(
    file: &Written<T>,
    written: &LawAsWritten<'_>,
    demand: Demand,
    faults: &mut Vec<Fault>,
) -> Law {
    let kinds = Kinds {
        controller: written
            .kinds
            .and_then(|kinds| kinds.controller)
            .unwrap_or(PartyKind::PublicAuthority),
        partner: written.kinds.and_then(|kinds| kinds.partner),
    };
    let mut checking = Checking { file, faults };
    let (basis, mut own) = checking.bases(written, kinds);
    for (narrower, broader) in &written.covered {
        let same = own.iter().find(|(name, _)| name == broader);
        if let Some((_, basis)) = same {
            own.push((narrower.clone(), basis.clone()));
        }
    }
    let assessment = written
        .basis
        .and_then(|basis| checking.assessment(basis.assessment.as_ref()?));
    let mut law = Law {
        kinds,
        basis,
        own,
        business_case: written
            .business_case
            .and_then(|case| checking.business_case(case)),
        assessment,
        benefits: written.benefits.iter().map(|text| text.0.clone()).collect(),
        risks: checking.risks(written),
        contract: None,
        contacts: written.contacts.and_then(|contacts| {
            Some(Contacts {
                dpo: contacts.dpo.as_ref()?.0.clone(),
                representative: contacts.representative.as_ref()?.0.clone(),
            })
        }),
        waivers: checking.waivers(written.waivers),
        retention: written
            .retention
            .and_then(|period| Retention::read(&period.0)),
        territory: written
            .basis
            .and_then(|basis| basis.territory.as_ref())
            .into_iter()
            .flatten()
            .map(|country| country.0.clone())
            .collect(),
        uncited: written.uncited.clone(),
        notes: Vec::new(),
    };
    law.contract = checking.contract(written, kinds);
    checking.consent(&law, written);
    for purpose in written
        .purposes
        .iter()
        .filter(|purpose| purpose.vital_interests)
    {
        let basis = law.basis_for(&PurposeName::new(purpose.name));
        if basis.is_some_and(|basis| !basis.has_lawful(super::Lawful::VitalInterests)) {
            law.notes.push(format!(
                "the purpose {} is for vital interests and rests on something else; write basis: {{ lawful: [uk-gdpr:6-1-d] }} for it if that is what it is",
                purpose.name
            ));
        }
    }
    checking.touched(&law, written);
    checking.volume(&law, written);
    if demand == Demand::Required {
        checking.required(&law, written);
    }
    law
}

struct Checking<'a, 'f, T> {
    file: &'a Written<T>,
    faults: &'f mut Vec<Fault>,
}

impl<T> Checking<'_, '_, T> {
    /// A purpose that rests on consent asks for it, record by record: a condition that is only stated holds nobody's
    /// record back (UK GDPR Article 7(1)).
    fn consent(&mut self, law: &Law, written: &LawAsWritten<'_>) {
        for purpose in &written.purposes {
            let Some(basis) = law.basis_for(&PurposeName::new(purpose.name)) else {
                continue;
            };
            let at = child("/purposes", purpose.name);
            if basis.has_special(super::Special::ExplicitConsent) {
                if purpose.consent != Some(Consent::Explicit) {
                    self.fault(
                        &at,
                        format!(
                            "{} rests on explicit consent and does not ask for it; write rights: {{ consent: explicit }}, so that records leave with an entered explicit consent alone",
                            purpose.name
                        ),
                    );
                }
            } else if basis.has_lawful(super::Lawful::Consent)
                && purpose.consent.is_none()
                && !purpose.asks_records
            {
                self.fault(
                    &at,
                    format!(
                        "{} rests on consent and asks nobody's; write rights: {{ consent: ordinary }} or explicit, or in each of its disclosures release_if: or withhold: {{ refused: … }} where the record says it",
                        purpose.name
                    ),
                );
            }
        }
    }

    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        self.file.fault(self.faults, pointer, message);
    }

    fn bases(
        &mut self,
        written: &LawAsWritten<'_>,
        kinds: Kinds,
    ) -> (Option<Basis>, Vec<(PurposeName, Basis)>) {
        let resting = |purpose: &PurposeAsWritten<'_>| {
            (
                purpose.name.to_owned(),
                purpose.reference,
                purpose.vital_interests,
            )
        };
        let flags: Vec<(String, bool, bool)> = written.purposes.iter().map(resting).collect();
        let mut shared = Vec::new();
        let mut own = Vec::new();
        for (purpose, (name, reference, vital_interests)) in written.purposes.iter().zip(&flags) {
            let resting = Resting {
                name,
                reference: *reference,
                vital_interests: *vital_interests,
            };
            match purpose.basis {
                None => shared.push(resting),
                Some(basis) => {
                    let at = format!("{}/basis", child("/purposes", purpose.name));
                    let basis = needs::check(self.file, &at, basis, kinds, &[resting], self.faults);
                    own.push((PurposeName::new(purpose.name), basis));
                }
            }
        }
        let basis = written
            .basis
            .map(|basis| needs::check(self.file, "/basis", basis, kinds, &shared, self.faults));
        (basis, own)
    }

    fn day(&mut self, pointer: &str, day: Option<&Day>) -> Option<Date> {
        let day = day?;
        match day.0.parse() {
            Ok(date) => Some(date),
            Err(_) => {
                self.fault(pointer, "this is a day that the calendar does not have");
                None
            }
        }
    }

    fn assessment(&mut self, written: &AssessmentAsWritten) -> Option<Assessment> {
        match written {
            AssessmentAsWritten::Reference(reference) => Some(Assessment {
                reference: reference.0.clone(),
                outcome: None,
            }),
            AssessmentAsWritten::Whole(whole) => {
                let date = self.day("/basis/assessment/date", whole.date.as_ref());
                Some(Assessment {
                    reference: whole.reference.as_ref()?.0.clone(),
                    outcome: Some((date?, whole.outcome.as_ref()?.0.clone())),
                })
            }
        }
    }

    fn business_case(&mut self, written: &BusinessCaseAsWritten) -> Option<BusinessCase> {
        let date = self.day("/business_case/date", written.date.as_ref());
        Some(BusinessCase {
            reference: written.reference.as_ref()?.0.clone(),
            owner: written.owner.as_ref()?.0.clone(),
            date: date?,
        })
    }

    /// Each risk's control is there, or that is told by the risk's name.
    fn risks(&mut self, written: &LawAsWritten<'_>) -> Vec<Risk> {
        let mut risks = Vec::new();
        for (index, risk) in written.risks.iter().enumerate() {
            let (Some(text), Some(control)) = (&risk.risk, &risk.control) else {
                continue;
            };
            if let Err(message) = written.controls.find(&control.0) {
                self.fault(
                    &format!("/risks/{index}/control"),
                    format!("nothing controls the risk \"{}\": {message}", text.0.trim()),
                );
            }
            risks.push(Risk {
                risk: text.0.clone(),
                control: control.0.clone(),
            });
        }
        risks
    }

    fn waivers(&mut self, written: &[WaiverAsWritten]) -> Vec<Waiver> {
        let mut waivers: Vec<Waiver> = Vec::new();
        for (index, waiver) in written.iter().enumerate() {
            let until = self.day(&format!("/waivers/{index}/until"), waiver.until.as_ref());
            let (Some(principle), Some(because), Some(until)) =
                (waiver.principle, &waiver.because, until)
            else {
                continue;
            };
            if waivers.iter().any(|earlier| earlier.principle == principle) {
                self.fault(
                    &format!("/waivers/{index}/principle"),
                    format!("`{}` is waived twice; leave one out", principle.word()),
                );
            }
            waivers.push(Waiver {
                principle,
                because: because.0.clone(),
                until,
            });
        }
        waivers
    }

    /// A processor has a contract with all that Article 28(3) asks for; every purpose is a task under it, to its end.
    fn contract(&mut self, written: &LawAsWritten<'_>, kinds: Kinds) -> Option<Contract> {
        let Some(contract) = written.contract else {
            if kinds.partner == Some(PartyKind::Processor) {
                self.fault(
                    "/parties",
                    "a processor works under a contract; write contract: { reference, tasks, ends, provisions }",
                );
            }
            return None;
        };
        let provisions = contract.provisions.as_deref().unwrap_or_default();
        let missing: Vec<&str> = ProvisionOfContract::ALL
            .into_iter()
            .filter(|item| !provisions.contains(item))
            .map(ProvisionOfContract::word)
            .collect();
        if !missing.is_empty() && !self.file.is_faulted_within("/contract/provisions") {
            self.fault(
                "/contract/provisions",
                format!(
                    "the contract does not provide for {}, as Article 28(3) asks; agree it, then write it here",
                    missing.join(", ")
                ),
            );
        }
        let tasks: Vec<String> = contract
            .tasks
            .iter()
            .flatten()
            .map(|task| task.0.clone())
            .collect();
        for purpose in &written.purposes {
            if contract.tasks.is_some() && !tasks.iter().any(|task| task == purpose.name) {
                self.fault(
                    "/contract/tasks",
                    format!(
                        "the purpose {} is no task under the contract; add it to the contract, or leave the purpose out",
                        purpose.name
                    ),
                );
            }
        }
        for (index, task) in tasks.iter().enumerate() {
            if !written.purposes.iter().any(|purpose| purpose.name == task) {
                self.fault(
                    &format!("/contract/tasks/{index}"),
                    format!("the agreement's `purposes` have no `{task}`; leave it out"),
                );
            }
        }
        let ends = self.day("/contract/ends", contract.ends.as_ref())?;
        if let Some(term) = written.ends.filter(|term| *term > ends) {
            self.fault(
                "/contract/ends",
                format!("the contract ends on {ends}, before the agreement ({term}); end the agreement with it"),
            );
        }
        Some(Contract {
            reference: contract.reference.as_ref()?.0.clone(),
            tasks,
            ends,
        })
    }

    /// What the register classes as special, criminal or a child's has its condition for every purpose that it goes out
    /// for, and an assessment.
    fn touched(&mut self, law: &Law, written: &LawAsWritten<'_>) {
        for touched in &written.touched {
            let Touched {
                pointer,
                field,
                sensitivity,
                is_parted,
                purposes,
            } = touched;
            for purpose in purposes {
                let basis = law.basis_for(purpose);
                let (met, write) = match sensitivity {
                    TouchedAs::Special => (
                        basis.is_some_and(|basis| !basis.special.is_empty()),
                        "a condition for special categories; write special: [uk-gdpr:9-2-…] in its basis",
                    ),
                    TouchedAs::Criminal => (
                        basis.is_some_and(|basis| !basis.criminal.is_empty()),
                        "a condition for criminal-offence data; write criminal: [dpa-2018:sch1-…] in its basis",
                    ),
                    TouchedAs::Child => (
                        basis.is_some(),
                        "a basis; write basis: { lawful: [uk-gdpr:6-1-…] }",
                    ),
                };
                if !met {
                    self.fault(
                        pointer,
                        format!(
                            "the register classes `{field}` as {}, and the purpose {purpose} has not {write}, or drop the field",
                            sensitivity.word()
                        ),
                    );
                }
            }
            let whole = *sensitivity == TouchedAs::Special && !is_parted;
            for purpose in purposes.iter().filter(|_| whole) {
                let asks = law
                    .basis_for(purpose)
                    .is_some_and(Basis::needs_professional);
                let professional = written
                    .purposes
                    .iter()
                    .any(|known| known.name == purpose.as_str() && known.professional);
                if asks && !professional {
                    self.fault(
                        pointer,
                        format!("the body leaves whole, with `{field}` in it, which is for professionals; write professional: required for the purpose {purpose}"),
                    );
                }
            }
            if law.assessment.is_none() {
                self.fault(
                    "/basis",
                    format!(
                        "the register classes `{field}` as {}, which needs an impact assessment; write assessment: {{ reference, date, outcome }} in `basis`",
                        sensitivity.word()
                    ),
                );
            }
        }
    }

    /// What lets a great many people's records out has an assessment.
    fn volume(&mut self, law: &Law, written: &LawAsWritten<'_>) {
        let large = written.volume.filter(|volume| *volume >= LARGE_VOLUME);
        if let (Some(volume), None) = (large, &law.assessment) {
            self.fault(
                "/quota",
                format!(
                    "a quota of {volume} is a large volume, which needs an impact assessment; write assessment: {{ reference, date, outcome }} in `basis`, or a smaller quota"
                ),
            );
        }
    }

    /// What an agreement has to state under a configuration that demands it.
    fn required(&mut self, law: &Law, written: &LawAsWritten<'_>) {
        for purpose in &written.purposes {
            if law.basis_for(&PurposeName::new(purpose.name)).is_none() {
                self.fault(
                    &child("/purposes", purpose.name),
                    format!(
                        "the purpose {} has no lawful basis; write basis: {{ lawful: [uk-gdpr:6-1-…] }} for it or for the agreement",
                        purpose.name
                    ),
                );
            }
        }
        if written.business_case.is_none() {
            self.fault(
                "",
                "`business_case` is missing; write its reference, owner and date",
            );
        }
        if written.contacts.is_none() {
            self.fault(
                "",
                "`contacts` is missing; write those of the dpo and of the directorate's representative",
            );
        }
        let waived = |principle| {
            law.waivers
                .iter()
                .any(|waiver| waiver.principle == principle)
        };
        if law.retention.is_none() && !waived(Principle::Retention) {
            self.fault(
                "",
                "`retention` is missing; write how long the partner may keep what it gets, or waive the principle `retention` with a reason",
            );
        }
        if law.territory.is_empty() && !waived(Principle::Transfer) {
            self.fault(
                "/basis",
                "`territory` is missing; write the countries in which the partner may hold the data, or waive the principle `transfer` with a reason",
            );
        }
    }
}
