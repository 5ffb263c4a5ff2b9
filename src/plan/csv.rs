//! What rows of separated values ask of a plan, beyond what every format does.

use std::collections::BTreeSet;

use jsonpath_rust::parser::model::Segment;

use super::filter::Reads;
use super::format::{Csv, Header};
use super::tracks::{self, Filters, Pick, Test};
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
            "release_if looks at the whole body, which is not held for it; write it with @, the row, or write record: $",
        );
    }
    // `subject` is written from the record, so that its own text has all there is to find.
    let fields = rules.fields.iter().map(|rule| &rule.selector).enumerate();
    let selectors = fields
        .map(|(index, selector)| (Some(index), selector))
        .chain(rules.record.iter().map(|record| (None, record)))
        .chain(rules.subject.iter().map(|subject| (None, subject)));
    for (rule, selector) in selectors {
        for message in refused(selector) {
            fault(rule, message);
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

/// Why parts of `selector` cannot be decided on single rows, each reason once. Compilation has found it to have steps.
fn refused(selector: &Selector) -> BTreeSet<&'static str> {
    let mut filters = Filters::default();
    let steps = tracks::steps(selector.query(), &mut filters).unwrap_or_default();
    let mut reasons = BTreeSet::new();
    for (depth, step) in steps.iter().enumerate() {
        for pick in &step.picks {
            match pick {
                Pick::Name(_) | Pick::Any | Pick::Range(_) => {}
                Pick::Tested(Test::Position(_)) => {
                    reasons.insert(FROM_THE_END);
                }
                Pick::Tested(Test::Filter(filter)) => {
                    if depth > 0 || step.descendant {
                        reasons.insert(BELOW_ROWS);
                    }
                    if filters.get(*filter).reads(Reads::Document) {
                        reasons.insert(OF_THE_BODY);
                    }
                }
            }
        }
    }
    reasons
}

const FROM_THE_END: &str = "rows of a CSV body are not counted from the end, nor in steps of more than 4096: only the \
    whole body would decide, which is not held for it; count them from the first on";
const BELOW_ROWS: &str = "a filter in a CSV body selects rows, not values; write it right after $ and look at the row's \
    values with @, such as $[?@.consent == 'yes'].name";
const OF_THE_BODY: &str =
    "a filter looks at the whole body, which is not held for it; write it with @, the row";

/// Whether `selector` selects rows, or the body, and nothing in rows.
fn is_rows(selector: &Selector) -> bool {
    match selector.query().segments.as_slice() {
        [] => true,
        [only] => !matches!(only, Segment::Descendant(_)),
        [_, _, ..] => false,
    }
}
