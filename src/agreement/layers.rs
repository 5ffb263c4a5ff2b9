//! What the register and the charter hold against a disclosure, told where it stands; and what the charter keeps behind.

use std::sync::Arc;

use std::collections::BTreeSet;

use super::check::DisclosureCheck;
use super::file::{AgreementAsWritten, DisclosureAsWritten};
use super::rules::Body;
use super::volume::per_of;
use super::{Context, PartnerName, PathTemplate, PurposeName, ServiceName};
use crate::charter::{Case, Rate, Retention};
use crate::minimise::Withheld;
use crate::plan::Check;
use crate::register::{
    CollectedPart, Collection, Ground, NotCollected, Objection, Part, Proposal, ProposedPurpose,
    Register,
};
use crate::written::Fault;

/// The ground of each purpose.
type Grounds = Vec<(PurposeName, Ground)>;

impl DisclosureCheck<'_> {
    /// Holds the disclosure against the register and the layers of the charter, where there are any: adds a fault for
    /// each objection, and to `released` a `drop` for what never leaves. Gives the ground of each purpose.
    pub(super) fn layers(
        &self,
        disclosure: &DisclosureAsWritten,
        purposes: &[PurposeName],
        request: Option<&(&'static str, PathTemplate)>,
        released: &mut Body,
        warnings: &mut Vec<String>,
        faults: &mut Vec<Fault>,
    ) -> Grounds {
        let Some(register) = &self.context.register else {
            return Vec::new();
        };
        self.never_share(register, disclosure, released, warnings);
        let mut objections = self.against_charter(register, disclosure, purposes, released);
        let grounds = match self.proposed(register, disclosure, purposes, request, released) {
            Some(Ok(grounds)) => grounds,
            Some(Err(more)) => {
                objections.extend(more);
                Vec::new()
            }
            // What is missing for it has been told.
            None => Vec::new(),
        };
        if let Some(objection) = self.told(register, disclosure, &grounds, released) {
            objections.push(objection);
        }
        for Objection { part, message } in objections {
            let pointer = self.place(part, disclosure, purposes, released);
            self.file.fault(faults, &pointer, message);
        }
        grounds
    }

    /// Where a purpose rests on a notice that was not always in force, adds the check that each record was collected under
    /// it.
    fn told(
        &self,
        register: &Register,
        disclosure: &DisclosureAsWritten,
        grounds: &[(PurposeName, Ground)],
        released: &mut Body,
    ) -> Option<Objection> {
        let name = disclosure.data_set.as_ref()?;
        let data_set = register.data_set(&name.0)?;
        for (purpose, ground) in grounds {
            match ground {
                Ground::Notice { .. } => {}
                Ground::SamePurpose | Ground::Statute { .. } | Ground::CompatibleUse => continue,
            }
            let Some(unless) = register.told_when(data_set, purpose) else {
                continue;
            };
            if released.rules.record.is_none() {
                return Some(Objection {
                    part: Part::Response,
                    message: format!(
                        "the records of `{}` are shared for {purpose} by when they were collected; write record: too, `record: $` if the body is one",
                        data_set.name
                    ),
                });
            }
            released.rules.withhold.push(Check {
                withheld: Withheld::NotNotified,
                unless,
                purposes: Some(vec![Arc::from(purpose.as_str())]),
            });
        }
        None
    }

    /// The register's answer; `None` where the disclosure is too faulty to ask.
    fn proposed(
        &self,
        register: &Register,
        disclosure: &DisclosureAsWritten,
        purposes: &[PurposeName],
        request: Option<&(&'static str, PathTemplate)>,
        released: &Body,
    ) -> Option<Result<Grounds, Vec<Objection>>> {
        let written = &self.file.value;
        let partner = PartnerName::new(&written.parties.as_ref()?.partner.as_ref()?.0);
        let (_, source) = disclosure.source();
        let service = ServiceName::new(&source?.0);
        let (method, path) = request?;
        let proposed: Vec<ProposedPurpose<'_>> = purposes
            .iter()
            .filter_map(|name| {
                let mut known = self.purposes.iter();
                let terms = known.find(|purpose| purpose.name == *name)?;
                Some(ProposedPurpose {
                    name,
                    roles: &terms.roles,
                    reference: terms.reference,
                })
            })
            .collect();
        let proposal = Proposal {
            data_set: disclosure.data_set.as_ref().map(|name| name.0.as_str()),
            partner: &partner,
            purposes: &proposed,
            service: &service,
            method,
            particular: path.variables().next().is_some(),
            rules: &released.rules,
            reasons: &released.reasoned,
            power: written
                .basis
                .as_ref()
                .is_some_and(|basis| basis.power.is_some()),
        };
        let compatible_use = self.context.charter.as_ref().is_some_and(|charter| {
            let owner = self.owner(register, disclosure).unwrap_or_default();
            charter.layer(owner).terms.internal_compatible_use
        });
        Some(register.admit(&proposal, compatible_use))
    }

    /// The directorate that answers for what the disclosure draws on.
    fn owner<'r>(
        &self,
        register: &'r Register,
        disclosure: &DisclosureAsWritten,
    ) -> Option<&'r str> {
        let name = disclosure.data_set.as_ref()?;
        Some(register.data_set(&name.0)?.owner.as_str())
    }

    /// Adds a fault for what comes in by `received` and the register does not list, where there is one.
    pub(super) fn collected(
        &self,
        disclosure: &DisclosureAsWritten,
        purposes: &[PurposeName],
        received: &Body,
        faults: &mut Vec<Fault>,
    ) {
        let Some(register) = &self.context.register else {
            return;
        };
        let at = disclosure.received_at();
        let (_, service) = disclosure.source();
        let own = disclosure.own_data_set();
        // Without either its admission has told.
        let Some((data_set, service)) = own.or(disclosure.data_set.as_ref()).zip(service) else {
            return;
        };
        let against = register.collects(&Collection {
            data_set: &data_set.0,
            apart: own.is_some(),
            service: &ServiceName::new(&service.0),
            purposes,
            rules: &received.rules,
        });
        for NotCollected { part, message } in against {
            let pointer = match part {
                CollectedPart::DataSet => self.at(&format!("{at}/data_set")),
                CollectedPart::Rule(index) => received.pointer(index).to_owned(),
                CollectedPart::Body => self.at(at),
            };
            self.file.fault(faults, &pointer, message);
        }
    }

    /// What the layer that is above the disclosure holds against it.
    fn against_charter(
        &self,
        register: &Register,
        disclosure: &DisclosureAsWritten,
        purposes: &[PurposeName],
        released: &Body,
    ) -> Vec<Objection> {
        let Some(charter) = &self.context.charter else {
            return Vec::new();
        };
        let name = disclosure.data_set.as_ref();
        // Without one the register has told so.
        let Some(data_set) = name.and_then(|name| register.data_set(&name.0)) else {
            return Vec::new();
        };
        let Some(ends) = self.ends else {
            return Vec::new();
        };
        let written = &self.file.value;
        let territory: Option<Vec<String>> = written
            .basis
            .as_ref()
            .and_then(|basis| basis.territory.as_ref())
            .map(|countries| countries.iter().map(|country| country.0.clone()).collect());
        let retention = written
            .retention
            .as_ref()
            .and_then(|period| Retention::parse(&period.0));
        let purposes: Vec<&PurposeName> = purposes.iter().collect();
        let mut against = charter.layer(&data_set.owner).terms.against(&Case {
            data_set,
            purposes: &purposes,
            territory: territory.as_deref(),
            retention: retention.as_ref(),
            marking: written.marking.as_ref().map(|marking| marking.0.as_str()),
            quotas: &requests_per_window(written),
            ends,
            rules: &released.rules,
        });
        // Of a purpose that the register does not have, the register tells.
        against.retain(|objection| match objection.part {
            Part::Purpose(index) => purposes
                .get(index)
                .is_none_or(|purpose| register.has_purpose(purpose)),
            Part::Partner
            | Part::Power
            | Part::Territory
            | Part::Retention
            | Part::Marking
            | Part::Quota
            | Part::DataSet
            | Part::Service
            | Part::Request
            | Part::Rule(_)
            | Part::Response => true,
        });
        against
    }

    /// Adds a `drop` for what never leaves and a rule could let leave, and says so.
    fn never_share(
        &self,
        register: &Register,
        disclosure: &DisclosureAsWritten,
        released: &mut Body,
        warnings: &mut Vec<String>,
    ) {
        let Some(charter) = &self.context.charter else {
            return;
        };
        let name = disclosure.data_set.as_ref();
        let Some(data_set) = name.and_then(|name| register.data_set(&name.0)) else {
            return;
        };
        let terms = &charter.layer(&data_set.owner).terms;
        for (rule, because) in terms.drops(data_set, &released.rules) {
            let named = disclosure.name.as_ref().map_or("", |name| name.0.as_str());
            warnings.push(format!("line {}, {named}: {because}", rule.line));
            let beside = data_set.met_by(&released.rules, &rule.selector);
            released.add_field(rule, beside.unwrap_or_default());
        }
    }

    /// Where `part` stands.
    fn place(
        &self,
        part: Part,
        disclosure: &DisclosureAsWritten,
        purposes: &[PurposeName],
        released: &Body,
    ) -> String {
        let listed = disclosure.purposes.as_ref().map_or(0, Vec::len);
        match part {
            Part::Partner => "/parties/partner".to_owned(),
            Part::Power => "/basis/power".to_owned(),
            Part::Territory => "/basis/territory".to_owned(),
            Part::Retention => "/retention".to_owned(),
            Part::Marking => "/marking".to_owned(),
            Part::Quota => "/quota".to_owned(),
            Part::DataSet => self.at("data_set"),
            Part::Purpose(index) => {
                // Names at fault are not among the checked ones, so the place is looked up by name.
                let name = purposes.get(index).map(PurposeName::as_str);
                let mut written = disclosure.purposes.iter().flatten();
                match written.position(|written| Some(written.0.as_str()) == name) {
                    Some(place) => self.at(&format!("purposes/{place}")),
                    None if listed == 0 => self.at("purposes"),
                    // It is covered by one of the listed ones.
                    None => "/purposes".to_owned(),
                }
            }
            Part::Service => self.at(disclosure.source().0),
            Part::Request => self.at("request"),
            Part::Rule(index) => released.pointer(index).to_owned(),
            Part::Response => self.at(disclosure.released_at()),
        }
    }
}

/// The quotas of requests that an agreement writes, each with the purpose that it is for, if it is for one.
fn requests_per_window(written: &AgreementAsWritten) -> Vec<(Option<&str>, Rate)> {
    let quotas = written.quota.iter().flatten().filter_map(|quota| {
        let rate = Rate {
            requests: quota.requests?,
            per: per_of(quota.per?),
        };
        Some((quota.purpose.as_ref().map(|name| name.0.as_str()), rate))
    });
    quotas.collect()
}

/// The roles that the layers above an agreement want its approval from: those of each directorate that it draws on.
pub(super) fn sign_off(context: &Context, written: &AgreementAsWritten) -> Vec<String> {
    let (Some(register), Some(charter)) = (&context.register, &context.charter) else {
        return Vec::new();
    };
    let drawn_on = written.disclosures.iter().flatten();
    let owners: BTreeSet<&str> = drawn_on
        .filter_map(|disclosure| {
            let data_set = register.data_set(&disclosure.data_set.as_ref()?.0)?;
            Some(data_set.owner.as_str())
        })
        .collect();
    let roles: BTreeSet<&String> = owners
        .into_iter()
        .flat_map(|owner| &charter.layer(owner).terms.sign_off)
        .collect();
    roles.into_iter().cloned().collect()
}
