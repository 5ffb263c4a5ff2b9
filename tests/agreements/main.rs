//! Agreements as files: what is at fault in them, where, and what is decided under them.

mod decisions;
mod faults;
mod formats;
mod pushes;
mod scan;
mod totals;

use fieldgate::agreement::{AgreementSet, Context, PartnerName, Source};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

/// A whole agreement without a fault. Rows change one place of it, so that its lines are known.
const AGREEMENT: &str = "\
agreement: falls-prevention
version: 3
title: Falls prevention
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31 }
retention: P6M
purposes:
  falls-prevention: Find adults at risk
  evaluation: See whether it helps
disclosures:
  - name: adult
    data_set: adult-social-care
    purposes: [falls-prevention]
    request: GET /adults/{person}
    service: { name: social-care, path: '/api/v2/adults/{person}' }
    parameters:
      path: { person: keep }
      query: { keep: [page] }
      headers: { keep: [Accept-Language] }
    response:
      format: json
      headers: { keep: [etag] }
      record: $
      subject: $.nhsNumber
      release_if: '@.consent.sharing == true'
      fields:
        - keep: [$.mobility, '$.household[*].relationship']
        - pseudonymise: [$.nhsNumber]
          as: person
        - generalise: [$.dateOfBirth]
          to: year
        - mask: [$.phone]
          keep_last: 2
        - keep_all: [$.plan]
          because: the partner writes it with us
";

fn zone() -> TimeZone {
    TimeZone::get("Europe/London").expect("the bundled database has this zone")
}

fn context() -> Context {
    Context {
        controller: Some("isle-council".to_owned()),
        partners: Some(vec![
            PartnerName::new("island-health"),
            PartnerName::new("harbour-homes"),
        ]),
        services: Some(vec![fieldgate::agreement::ServiceName::new("social-care")]),
        ..Context::alone(zone())
    }
}

fn faults_in(context: &Context, sources: &[Source<'_>]) -> Vec<String> {
    match AgreementSet::load(sources, context) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.to_string().lines().map(str::to_owned).collect(),
    }
}

fn faults(text: &str) -> Vec<String> {
    faults_in(
        &context(),
        &[Source {
            name: "a.yaml",
            text,
        }],
    )
}

fn at(date: &str) -> Timestamp {
    date.parse::<civil::DateTime>()
        .and_then(|when| when.to_zoned(zone()))
        .expect("rows have dates of the calendar")
        .timestamp()
}

#[test]
fn the_agreement_that_the_rows_change_has_no_fault() {
    assert_eq!(faults(AGREEMENT), Vec::<String>::new());
}
