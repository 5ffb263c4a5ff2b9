//! An agreement's file to the legal terms in it, wherever they stand.

use jiff::civil::Date;

use super::check::{LawAsWritten, PurposeAsWritten};
use super::controls::Controls;
use super::{Demand, Law};
use crate::agreement::file::{
    AgreementAsWritten, BodyAsWritten, PurposeAsWritten as Terms, WithholdAsWritten,
};
use crate::agreement::{Purpose, PurposeName, Touched};
use crate::written::{Fault, Written};

/// Checks the legal terms of `file`, whose `purposes` are checked, whose last day is `ends`, and whose disclosures let
/// `touched` leave.
pub(in crate::agreement) fn law(
    file: &Written<AgreementAsWritten>,
    purposes: &[Purpose],
    touched: Vec<Touched>,
    ends: Option<Date>,
    demand: Demand,
    faults: &mut Vec<Fault>,
) -> Law {
    let written = &file.value;
    let terms: Vec<(&Purpose, Option<Terms>)> = purposes
        .iter()
        .filter(|purpose| purpose.covered_by.is_none())
        .map(|purpose| {
            let terms = written
                .purposes
                .as_ref()
                .and_then(|all| all.get(purpose.name.as_str()))
                .and_then(|value| serde_json::from_value(value.clone()).ok());
            (purpose, terms)
        })
        .collect();
    let (controls, uncited) = rules(written, purposes);
    let law_as_written = LawAsWritten {
        kinds: written
            .parties
            .as_ref()
            .and_then(|parties| parties.kinds.as_ref()),
        basis: written.basis.as_ref(),
        business_case: written.business_case.as_ref(),
        benefits: written.benefits.as_deref().unwrap_or_default(),
        risks: written.risks.as_deref().unwrap_or_default(),
        contract: written.contract.as_ref(),
        contacts: written.contacts.as_ref(),
        waivers: written.waivers.as_deref().unwrap_or_default(),
        retention: written.retention.as_ref(),
        purposes: terms
            .iter()
            .map(|(purpose, terms)| PurposeAsWritten {
                name: purpose.name.as_str(),
                reference: purpose.reference,
                professional: purpose.professional,
                consent: purpose.rights.consent,
                asks_records: asks_records(written, purpose.name.as_str()),
                vital_interests: purpose.vital_interests,
                basis: terms.as_ref().and_then(|terms| terms.basis.as_ref()),
            })
            .collect(),
        controls,
        uncited,
        covered: purposes
            .iter()
            .filter_map(|purpose| Some((purpose.name.clone(), purpose.covered_by.clone()?)))
            .collect::<Vec<(PurposeName, PurposeName)>>(),
        touched,
        ends,
        volume: written
            .quota
            .iter()
            .flatten()
            .filter_map(|quota| quota.people.or(quota.records))
            .max(),
    };
    super::check::check(file, &law_as_written, demand, faults)
}

/// Whether each disclosure for the purpose named `purpose` asks the record itself whether it may leave.
fn asks_records(written: &AgreementAsWritten, purpose: &str) -> bool {
    let mut disclosures = written.disclosures.iter().flatten().filter(|disclosure| {
        let mut purposes = disclosure.purposes.iter().flatten();
        purposes.any(|name| name.0 == purpose)
    });
    disclosures.all(|disclosure| {
        disclosure
            .body_at(disclosure.released_at())
            .is_some_and(|body| {
                let refused = |withhold: &WithholdAsWritten| withhold.refused.is_some();
                body.release_if.is_some() || body.withhold.is_some_and(refused)
            })
    })
}

/// What a risk can name as its control, and the rules that cite neither law nor guidance.
fn rules(written: &AgreementAsWritten, purposes: &[Purpose]) -> (Controls, Vec<String>) {
    let mut controls = Controls::default();
    let mut uncited = Vec::new();
    for disclosure in written.disclosures.iter().flatten() {
        let bodies = [
            disclosure.request_body.as_ref().map(|body| body.body()),
            disclosure.response.as_ref().map(|body| body.body()),
        ];
        let disclosure_cites = disclosure
            .cites
            .as_ref()
            .is_some_and(|cites| !cites.is_empty());
        for body in bodies.into_iter().flatten() {
            take(&body, disclosure_cites, &mut controls, &mut uncited);
        }
    }
    let basis = written.basis.as_ref();
    let there = [
        ("retention", written.retention.is_some()),
        (
            "review",
            written
                .term
                .as_ref()
                .is_some_and(|term| term.review.is_some()),
        ),
        (
            "territory",
            basis.is_some_and(|basis| basis.territory.is_some()),
        ),
        (
            "reference",
            purposes.iter().any(|purpose| purpose.reference),
        ),
        (
            "professional",
            purposes.iter().any(|purpose| purpose.professional),
        ),
        ("training", purposes.iter().any(|purpose| purpose.training)),
        (
            "roles",
            purposes.iter().any(|purpose| !purpose.roles.is_empty()),
        ),
    ];
    for (term, there) in there {
        if there {
            controls.term(term);
        }
    }
    (controls, uncited)
}

fn take(
    body: &BodyAsWritten<'_>,
    disclosure_cites: bool,
    controls: &mut Controls,
    uncited: &mut Vec<String>,
) {
    if body.release_if.is_some() {
        controls.term("release_if");
    }
    if body.subject.is_some() {
        controls.term("subject");
    }
    if let Some(withhold) = body.withhold {
        for (term, there) in [
            ("withhold.refused", withhold.refused.is_some()),
            ("withhold.deceased", withhold.deceased.is_some()),
            (
                "withhold.court_restricted",
                withhold.court_restricted.is_some(),
            ),
            ("withhold.harm_hold", withhold.harm_hold.is_some()),
            ("withhold.exempt", withhold.exempt.is_some()),
            ("withhold.restricted", withhold.restricted.is_some()),
            ("withhold.retention", withhold.retention.is_some()),
            ("withhold.stale", withhold.stale.is_some()),
        ] {
            if there {
                controls.term(term);
            }
        }
    }
    for rule in [body.fields, body.names].into_iter().flatten().flatten() {
        let cites = disclosure_cites || rule.cites.as_ref().is_some_and(|cites| !cites.is_empty());
        for (action, selectors) in rule.actions() {
            for selector in selectors {
                controls.rule(action.text(), &selector.0);
                // A drop needs no law: what leaves does.
                if !cites && action.text() != "drop" {
                    uncited.push(format!("{} {}", action.text(), selector.0));
                }
            }
        }
    }
}
