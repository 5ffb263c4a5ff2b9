//! What rows of separated values ask of a plan, beyond what every format does.

use std::collections::BTreeSet;

use jsonpath_rust::parser::model::Segment;

use super::format::{Csv, Header};
use super::tracks::{self, Filters, Pick};
use super::{BodyRules, PlanFault, Selector};

/// The faults of `rules` for CSV bodies. `asks_document`: their condition looks at the whole document.
pub(super) fn faults(csv: &Csv, rules: &BodyRules, asks_document: bool) -> Vec<PlanFault> {
    let mut faults = Vec::new();
    let mut fault = |rule, message: &str| {
        faults.push(PlanFault {
            rule,
            message: message.to_owned(),
        });
    };
    if !matches!(csv.separator, b',' | b';' | b'\t' | b'|') {
        fault(
            None,
            "values are separated by a comma, a semicolon, a tab or a vertical bar; write one of these",
        );
    }
    if let Header::Named(names) = &csv.header {
        let different: BTreeSet<_> = names.iter().collect();
        if names.is_empty() {
            fault(
                None,
                "the header names no column; write the names of all columns, from the first on",
            );
        }
        if different.len() < names.len() {
            fault(
                None,
                "the header names a column twice; give each column a name of its own",
            );
        }
    }
    if asks_document {
        fault(
            None,
            "release_if looks at the whole document, which is not in CSV bodies yet; write it with @, the row",
        );
    }
    // `subject` is written from the record, so that its own text has all there is to find.
    let fields = rules.fields.iter().map(|rule| &rule.selector).enumerate();
    let selectors = fields
        .map(|(index, selector)| (Some(index), selector))
        .chain(rules.record.iter().map(|record| (None, record)))
        .chain(rules.subject.iter().map(|subject| (None, subject)));
    for (rule, selector) in selectors {
        if !streams(selector) {
            fault(
                rule,
                "filters and positions counted from the end are not in CSV bodies yet; use release_if for a \
                 condition on rows, or name the rows from the first on",
            );
        }
    }
    if rules.record.as_ref().is_some_and(|record| !is_rows(record)) {
        fault(
            None,
            "a record in a CSV body is a row or all of the body; write record: $[*] or record: $",
        );
    }
    faults
}

/// Whether each part of `selector` can be decided as rows come. Compilation has found it to have steps.
fn streams(selector: &Selector) -> bool {
    let steps = tracks::steps(selector.query(), &mut Filters::default()).unwrap_or_default();
    let mut picks = steps.iter().flat_map(|step| &step.picks);
    picks.all(|pick| !matches!(pick, Pick::Tested(_)))
}

/// Whether `selector` selects rows, or the body, and nothing in rows.
fn is_rows(selector: &Selector) -> bool {
    match selector.query().segments.as_slice() {
        [] => true,
        [only] => !matches!(only, Segment::Descendant(_)),
        [_, _, ..] => false,
    }
}
