//! The fields of a disclosure that need more than a basis, as the register classes them; and its rules without those of
//! special categories, for callers who are no professionals.

use super::{Touched, TouchedAs};
use crate::agreement::PurposeName;
use crate::plan::{Action, BodyRules, OnMismatch, Rule};
use crate::register::{DataSet, Sensitivity};

/// What of `data_set` the `rules` let leave for `purposes` and needs more than a basis. `pointer` places a rule in the file
/// by its index, or the body where there is none.
pub(in crate::agreement) fn touched(
    data_set: &DataSet,
    rules: &BodyRules,
    purposes: &[PurposeName],
    pointer: impl Fn(Option<usize>) -> String,
) -> Vec<Touched> {
    data_set
        .touched(rules)
        .into_iter()
        .filter_map(|touched| {
            let sensitivity = match touched.sensitivity {
                Sensitivity::Plain | Sensitivity::Personal => return None,
                Sensitivity::Child => TouchedAs::Child,
                Sensitivity::Special => TouchedAs::Special,
                Sensitivity::Criminal => TouchedAs::Criminal,
            };
            Some(Touched {
                pointer: pointer(touched.rule),
                field: touched.field.to_owned(),
                sensitivity,
                is_parted: touched.rule.is_some(),
                purposes: purposes.to_vec(),
            })
        })
        .collect()
}

/// The rules that keep behind what `data_set` has of special categories, each with the index of a rule that could let it
/// leave. A `drop` wins over every other rule.
pub(in crate::agreement) fn without_special(
    data_set: &DataSet,
    rules: &BodyRules,
) -> Vec<(Rule, usize)> {
    let special = data_set
        .fields
        .iter()
        .filter(|field| field.sensitivity == Sensitivity::Special);
    special
        .filter_map(|field| {
            let path = field.selector();
            let selector = match (&rules.record, path.text().starts_with('@')) {
                (Some(record), true) => path.within(record),
                (None, true) | (_, false) => path.clone(),
            };
            let met = data_set.met_by(rules, &selector)?;
            let rule = Rule {
                selector,
                action: Action::Drop,
                on_mismatch: OnMismatch::Drop,
                line: rules.fields[met].line,
            };
            Some((rule, met))
        })
        .collect()
}
