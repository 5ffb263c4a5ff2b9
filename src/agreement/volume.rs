//! How much an agreement lets out, checked: what is counted must be there to be counted.

use std::sync::Arc;

use jiff::SignedDuration;

use super::check::File;
use super::file::{GuardAsWritten, PerAsWritten, QuotaAsWritten, SelfLookUpAsWritten};
use super::{Disclosure, Fault, Purpose, PurposeName};
use crate::alert::incidents::VitalInterests;
use crate::volume::{Bound, Guard, Per, Quota, Terms};
use crate::written::nearest;
use crate::written::text::SpanText;

/// What the check of volume looks at, beside what is written.
pub(super) struct Beside<'a> {
    pub(super) purposes: &'a [Purpose],
    pub(super) disclosures: &'a [Arc<Disclosure>],
    /// Whether the controller has keys, without which nobody is told from somebody else.
    pub(super) has_keys: bool,
}

/// The terms of volume that `file` has.
pub(super) fn terms(file: &File, beside: &Beside<'_>, faults: &mut Vec<Fault>) -> Terms {
    let mut quotas: Vec<Quota> = Vec::new();
    for (index, written) in file.value.quota.iter().flatten().enumerate() {
        let at = format!("/quota/{index}");
        let Some(quota) = quota(file, &at, written, beside, faults) else {
            continue;
        };
        if quotas
            .iter()
            .any(|other| (&other.purpose, other.per) == (&quota.purpose, quota.per))
        {
            file.fault(
                faults,
                &at,
                "a second quota for the same purpose and window; write all numbers in one",
            );
        }
        quotas.push(quota);
    }
    let guard = file
        .value
        .guard
        .as_ref()
        .map(|guard| guarded(file, guard, beside, faults))
        .unwrap_or_default();
    Terms { quotas, guard }
}

fn quota(
    file: &File,
    at: &str,
    written: &QuotaAsWritten,
    beside: &Beside<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Quota> {
    let QuotaAsWritten {
        purpose,
        per,
        requests,
        records,
        people,
    } = written;
    if requests.or(*records).or(*people).is_none() {
        file.fault(
            faults,
            at,
            "the quota bounds nothing; write requests, records or people",
        );
        return None;
    }
    let purpose = purpose.as_ref().map(|name| PurposeName::new(&name.0));
    if let Some(name) = &purpose
        && !beside.purposes.iter().any(|known| known.name == *name)
    {
        let known: Vec<&str> = beside
            .purposes
            .iter()
            .map(|purpose| purpose.name.as_str())
            .collect();
        let write = match nearest(name.as_str(), &known) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("write one of {}", known.join(", ")),
        };
        file.fault(
            faults,
            &format!("{at}/purpose"),
            format!("the agreement's `purposes` have no `{name}`; {write}"),
        );
        return None;
    }
    let covered = purpose.iter().cloned().collect();
    let covers = super::purpose::with_covered(covered, beside.purposes);
    let is_bound = |disclosure: &Disclosure| {
        purpose.is_none() || disclosure.purposes.iter().any(|name| covers.contains(name))
    };
    for (key, counted, people) in [("records", *records, false), ("people", *people, true)] {
        if counted.is_some() {
            countable(
                file,
                &format!("{at}/{key}"),
                people,
                is_bound,
                beside,
                faults,
            );
        }
    }
    Some(Quota {
        purpose: purpose.clone(),
        covers: covers.clone(),
        per: per_of((*per)?),
        requests: *requests,
        records: *records,
        people: *people,
    })
}

fn guarded(
    file: &File,
    written: &GuardAsWritten,
    beside: &Beside<'_>,
    faults: &mut Vec<Fault>,
) -> Guard {
    let GuardAsWritten {
        single,
        variants,
        tell_of_records,
        self_look_up,
    } = written;
    if single.is_none() && variants.is_none() && tell_of_records.is_none() && self_look_up.is_none()
    {
        file.fault(
            faults,
            "/guard",
            "the guard bounds nothing; write single, variants, tell_of_records or self_look_up",
        );
    }
    if single.is_some() {
        countable(file, "/guard/single", true, |_| true, beside, faults);
    }
    if tell_of_records.is_some() {
        countable(
            file,
            "/guard/tell_of_records",
            false,
            |_| true,
            beside,
            faults,
        );
    }
    if self_look_up.is_some() {
        countable(file, "/guard/self_look_up", true, |_| true, beside, faults);
    }
    if variants.is_some() && !beside.has_keys {
        no_keys(file, "/guard/variants", faults);
    }
    let bound = |most: Option<u64>, per: Option<PerAsWritten>| {
        Some(Bound {
            most: most?,
            per: per_of(per?),
        })
    };
    Guard {
        single: single
            .as_ref()
            .and_then(|single| bound(single.people, single.per)),
        variants: variants
            .as_ref()
            .and_then(|variants| bound(variants.most, variants.per)),
        tell_of_records: *tell_of_records,
        refuses_self_look_up: *self_look_up == Some(SelfLookUpAsWritten::Refuse),
    }
}

/// Adds a fault where a disclosure that is bound has no records, or no people, to count.
fn countable(
    file: &File,
    at: &str,
    people: bool,
    is_bound: impl Fn(&Disclosure) -> bool,
    beside: &Beside<'_>,
    faults: &mut Vec<Fault>,
) {
    if people && !beside.has_keys {
        no_keys(file, at, faults);
    }
    for disclosure in beside.disclosures.iter().filter(|one| is_bound(one)) {
        let rules = &disclosure.released_rules;
        let missing = if rules.record.is_none() {
            "record"
        } else if people && rules.subject.is_none() {
            "subject"
        } else {
            continue;
        };
        let example = if missing == "record" {
            "record: $"
        } else {
            "subject: $.nhsNumber"
        };
        file.fault(
            faults,
            at,
            format!(
                "disclosure `{}` names no {missing}, so that nothing could be counted; write for example {example} in its response, or give the quota a purpose",
                disclosure.name
            ),
        );
    }
}

fn no_keys(file: &File, at: &str, faults: &mut Vec<Fault>) {
    file.fault(
        faults,
        at,
        "what is counted here is remembered by keyed fingerprints, and the gateway's configuration has no `keys`; add them",
    );
}

pub(super) fn per_of(per: PerAsWritten) -> Per {
    match per {
        PerAsWritten::Minute => Per::Minute,
        PerAsWritten::QuarterHour => Per::QuarterHour,
        PerAsWritten::Hour => Per::Hour,
        PerAsWritten::Day => Per::Day,
        PerAsWritten::Week | PerAsWritten::SevenDays => Per::Week,
        PerAsWritten::Month => Per::Month,
        PerAsWritten::Year => Per::Year,
    }
}

/// The terms of access for vital interests. A purpose of that kind should have disclosures of its own, so that nobody gets
/// by a reason what was agreed for something else; else a reviewer is warned. The controller has keys, so that a reason is kept as a token.
pub(super) fn vital_interests(
    file: &File,
    beside: &Beside<'_>,
    warnings: &mut Vec<String>,
    faults: &mut Vec<Fault>,
) -> VitalInterests {
    let is_vital = |name: &PurposeName| {
        let mut purposes = beside.purposes.iter();
        purposes.any(|purpose| purpose.name == *name && purpose.vital_interests)
    };
    if file.value.vital_interests.is_some()
        && !beside
            .purposes
            .iter()
            .any(|purpose| purpose.vital_interests)
    {
        file.fault_at_key(
            faults,
            "/vital_interests",
            "no purpose is for vital interests; write vital_interests: true at the one that is",
        );
    }
    for purpose in beside.purposes.iter().filter(|one| one.vital_interests) {
        if !beside.has_keys && purpose.covered_by.is_none() {
            file.fault(
                faults,
                &crate::written::child("/purposes", purpose.name.as_str()),
                "what a request for vital interests gives as its reason is kept as a keyed token, and the gateway's configuration has no `keys`; add them",
            );
        }
    }
    for disclosure in beside.disclosures {
        let vital = disclosure.purposes.iter().filter(|name| is_vital(name));
        let vital = vital.count();
        if vital > 0 && vital < disclosure.purposes.len() {
            warnings.push(format!(
                "disclosure `{}` is for vital interests and for other purposes; give vital interests a disclosure of its own with only what protects a life",
                disclosure.name
            ));
        }
    }
    let default = VitalInterests::default();
    let Some(written) = &file.value.vital_interests else {
        return default;
    };
    let span = |text: Option<&SpanText>, default: SignedDuration| {
        text.and_then(SpanText::duration)
            .and_then(|span| SignedDuration::try_from(span).ok())
            .unwrap_or(default)
    };
    VitalInterests {
        expires: span(written.expires.as_ref(), default.expires),
        unreviewed: written
            .unreviewed
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(default.unreviewed),
        review_within: span(written.review_within.as_ref(), default.review_within),
    }
}
