//! Tables with totals of the same data, under different rules: what each hides, both together can tell.
//!
//! What is hidden beside small numbers, so that they cannot be subtracted from totals, is chosen for each table by itself.
//! Who has two, of the same people and under different rules, has two sets of sums over the same unknown numbers.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Agreement, Disclosure, PartnerName};

/// The tables with totals that partners get.
#[derive(Default)]
pub(super) struct Totals(HashMap<PartnerName, Vec<(Arc<Agreement>, usize)>>);

impl Totals {
    /// Adds the disclosure `index` of `agreement`, if it is such a table; or gives one of the same partner and data, under
    /// another rule in the same time, and its agreement.
    pub(super) fn add(
        &mut self,
        agreement: &Arc<Agreement>,
        index: usize,
    ) -> Result<(), (Arc<Agreement>, usize)> {
        let disclosure = &agreement.disclosures[index];
        let Some(table) = &disclosure.released_rules.aggregate else {
            return Ok(());
        };
        if !table.totals {
            return Ok(());
        }
        let tables = self.0.entry(agreement.partner.clone()).or_default();
        let clash = tables.iter().find(|(other, place)| {
            let known = &other.disclosures[*place];
            let rule = known.released_rules.aggregate.as_ref().map(|one| &one.rule);
            other.term.from < agreement.term.until
                && agreement.term.from < other.term.until
                && is_same_data(known, disclosure)
                && rule != Some(&table.rule)
        });
        if let Some((other, place)) = clash {
            return Err((Arc::clone(other), *place));
        }
        tables.push((Arc::clone(agreement), index));
        Ok(())
    }
}

/// Whether both draw on one data set of the register, or ask a service for the same.
fn is_same_data(one: &Disclosure, other: &Disclosure) -> bool {
    let asks = |disclosure: &Disclosure| {
        let path = disclosure.service_path.text().to_owned();
        (disclosure.service.clone(), path)
    };
    one.data_set.is_some() && one.data_set == other.data_set || asks(one) == asks(other)
}
