//! Disclosure control of a whole table: what of each cell is shown, once all are known.

use super::cube::Shape;
use super::protect::{Known, protect};
use super::rule::{Rule, Shown};

/// What is known of a cell of which `count` records are counted, before others are hidden for its sake. `enough` says that
/// these are of as many people as the rule asks for.
pub(crate) fn known(rule: &Rule, count: u64, key: u32, enough: bool, is_total: bool) -> Known {
    let shown = rule.shown(count, key, enough);
    let bounds = rule.bounds(shown, count < rule.least());
    let hidden = shown == Shown::Hidden;
    Known {
        hidden,
        up: bounds.high.saturating_sub(count),
        down: count.saturating_sub(bounds.low),
        // Who knows that it is hidden for others' sake knows that it is not below the threshold.
        if_hidden: (u64::MAX, count.saturating_sub(rule.least())),
        // Hiding a zero would say that it is none.
        cost: (!hidden && count > 0)
            .then(|| cost(rule, count, is_total))
            .flatten(),
    }
}

/// What is lost by hiding a count: of cells the number of people they tell of, of totals more than that. Where a rule is
/// published as hiding small numbers alone, only totals are ever hidden beside them.
fn cost(rule: &Rule, count: u64, is_total: bool) -> Option<u64> {
    const MORE: u64 = 1 << 32;
    match (is_total, rule.hides_others()) {
        (true, _) => Some(MORE + count.min(MORE)),
        (false, true) => Some(1 + count.min(MORE)),
        (false, false) => None,
    }
}

/// Which counts are hidden: those of the rule's own, and those from which these would follow.
/// Totals are taken for known where they are not printed, unless the rule is published as hiding nothing else.
/// `also` are hidden, too, since another measure tells of the same people.
pub(crate) fn hidden_counts(
    shape: &Shape,
    rule: &Rule,
    totals: bool,
    counts: &[(u64, u32, bool)],
    also: &[bool],
) -> Vec<bool> {
    let mut table: Vec<Known> = counts
        .iter()
        .zip(also)
        .enumerate()
        .map(|(cell, ((count, key, enough), also))| {
            let mut known = known(rule, *count, *key, *enough, shape.is_total(cell));
            if *also && !known.hidden {
                (known.up, known.down) = known.if_hidden;
                known.hidden = true;
            }
            known
        })
        .collect();
    let audited = match rule {
        Rule::Threshold { .. } => true,
        Rule::NhsEngland | Rule::Ons105 => totals,
        Rule::CellKey { .. } => false,
    };
    if audited {
        protect(shape, &mut table);
    }
    table.into_iter().map(|known| known.hidden).collect()
}

/// Which values (sums, means, medians) are hidden: the `hidden` ones, and those from which these would follow, since values
/// are shown as they are. `people` says how many values each cell has.
pub(crate) fn hidden_values(shape: &Shape, hidden: &[bool], people: &[u64]) -> Vec<bool> {
    const MORE: u64 = 1 << 32;
    let mut table: Vec<Known> = hidden
        .iter()
        .zip(people)
        .enumerate()
        .map(|(cell, (hidden, people))| {
            let open = if *people > 0 { u64::MAX } else { 0 };
            let slack = if *hidden { open } else { 0 };
            let total = u64::from(shape.is_total(cell)) * MORE;
            Known {
                hidden: *hidden,
                up: slack,
                down: slack,
                if_hidden: (open, open),
                cost: (!hidden && *people > 0).then(|| 1 + total + people.min(&MORE)),
            }
        })
        .collect();
    protect(shape, &mut table);
    table.into_iter().map(|known| known.hidden).collect()
}
