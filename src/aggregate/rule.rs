//! The rules of disclosure control: what is shown of a count.

use std::sync::Arc;

use super::perturb::PerturbationTable;

/// What is shown of small numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// NHS England's for counts below national level: 0 stays 0, 1 to 7 is `*`, the rest goes to the nearest 5; means and
    /// medians of 1 to 7 people are `*`. NHS Digital, "Disclosure control methodology for Hospital Episode Statistics
    /// (HES) and Emergency Care Data Set (ECDS)", from September 2018.
    NhsEngland,
    /// The 10-5 rule of the Office for National Statistics: counts below ten, zero too, are suppressed, the rest goes to
    /// the nearest five. ONS, "Comparison of post-tabular statistical disclosure control methods".
    Ons105,
    /// Counts from 1 to below `least` are `*`, the rest goes to the nearest multiple of `round`.
    Threshold {
        /// The least count that is shown, at least 3.
        least: u64,
        /// What counts are rounded to; 1 shows them as they are.
        round: u64,
        /// Whether 0 is `*`, too.
        hide_zero: bool,
    },
    /// The cell-key method (Fraser and Wooton, 2005, as the ONS used for Census 2021): a change from a table, by the count
    /// and by the sum of the record keys of who is counted, so that the same people in another table have the same change.
    CellKey {
        /// The changes.
        table: Arc<PerturbationTable>,
        /// The least changed count with which sums, means and medians, and names of groups that only data know, are shown.
        least: u64,
    },
}

/// What of a count leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Count(u64),
    Hidden,
}

/// What somebody can know of a count from what is shown of it: from the one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) low: u64,
    pub(crate) high: u64,
}

impl Rule {
    /// The rule's name, as it stands beside a table.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::NhsEngland => "nhs-england".to_owned(),
            Self::Ons105 => "ons-10-5".to_owned(),
            Self::Threshold {
                least,
                round,
                hide_zero,
            } => {
                let zero = if *hide_zero { "-zero-hidden" } else { "" };
                format!("threshold-{least}-round-{round}{zero}")
            }
            Self::CellKey { table, .. } => format!("cell-key-{}", table.name()),
        }
    }

    /// The rule in a sentence, for whoever reads a table.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::NhsEngland => {
                "Counts of 1 to 7 are shown as *, others to the nearest 5; 0 is 0.".to_owned()
            }
            Self::Ons105 => "Counts below 10 are shown as *, others to the nearest 5.".to_owned(),
            Self::Threshold {
                least,
                round,
                hide_zero,
            } => {
                let from = u8::from(!*hide_zero);
                let round = match round {
                    1 => "others as they are".to_owned(),
                    round => format!("others to the nearest {round}"),
                };
                format!(
                    "Counts of {from} to {} are shown as *, and others from which these would follow; {round}.",
                    least - 1
                )
            }
            Self::CellKey { least, .. } => format!(
                "Counts are changed by a little, the same people always by the same; what is told of fewer than {least} is shown as *."
            ),
        }
    }

    /// The least number of people of whom anything but a count is told.
    pub(crate) fn least(&self) -> u64 {
        match self {
            Self::NhsEngland => 8,
            Self::Ons105 => 10,
            Self::Threshold { least, .. } | Self::CellKey { least, .. } => *least,
        }
    }

    /// Whether what is shown as `*` may be 0.
    pub(crate) fn hides_zero(&self) -> bool {
        match self {
            Self::Ons105 => true,
            Self::NhsEngland | Self::CellKey { .. } => false,
            Self::Threshold { hide_zero, .. } => *hide_zero,
        }
    }

    /// The multiples that counts are rounded to; `None` where they are changed by their keys.
    pub(crate) fn round(&self) -> Option<u64> {
        match self {
            Self::NhsEngland | Self::Ons105 => Some(5),
            Self::Threshold { round, .. } => Some(*round),
            Self::CellKey { .. } => None,
        }
    }

    /// Whether more is hidden than the rule's own numbers, so that these do not follow from others.
    pub(crate) fn hides_others(&self) -> bool {
        match self {
            Self::Threshold { .. } => true,
            Self::NhsEngland | Self::Ons105 | Self::CellKey { .. } => false,
        }
    }

    /// What is shown of `count`, whose cell key is `key`, where it is of `enough` people.
    pub(crate) fn shown(&self, count: u64, key: u32, enough: bool) -> Shown {
        match self.round() {
            None => match self {
                Self::CellKey { table, .. } => Shown::Count(table.changed(count, key)),
                Self::NhsEngland | Self::Ons105 | Self::Threshold { .. } => Shown::Hidden,
            },
            Some(_) if count == 0 && !self.hides_zero() => Shown::Count(0),
            Some(round) if count >= self.least() && enough => Shown::Count(nearest(count, round)),
            Some(_) => Shown::Hidden,
        }
    }

    /// What `shown` tells of a count that is not hidden for others' sake, to whoever knows whether it is below the
    /// threshold, too.
    pub(crate) fn bounds(&self, shown: Shown, below: bool) -> Bounds {
        let least = self.least();
        match (shown, self.round()) {
            (Shown::Hidden, _) => Bounds {
                low: u64::from(!self.hides_zero()),
                // Of few people there may be many records.
                high: if below { least - 1 } else { u64::MAX },
            },
            (Shown::Count(0), _) => Bounds { low: 0, high: 0 },
            (Shown::Count(shown), Some(round)) => Bounds {
                low: shown.saturating_sub(round / 2).max(least),
                high: shown.saturating_add(round.div_ceil(2) - 1),
            },
            (Shown::Count(_), None) => Bounds {
                low: 0,
                high: u64::MAX,
            },
        }
    }
}

/// The multiple of `round` nearest to `count`; of two that are as near the higher.
pub(crate) fn nearest(count: u64, round: u64) -> u64 {
    (count.saturating_add(round / 2) / round).saturating_mul(round)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(rule: &Rule, counts: std::ops::RangeInclusive<u64>) -> Vec<String> {
        counts
            .map(|count| match rule.shown(count, 0, true) {
                Shown::Count(count) => count.to_string(),
                Shown::Hidden => "*".to_owned(),
            })
            .collect()
    }

    #[test]
    fn nhs_england_shows_what_it_publishes() {
        assert_eq!(
            told(&Rule::NhsEngland, 0..=18).join(" "),
            "0 * * * * * * * 10 10 10 10 10 15 15 15 15 15 20"
        );
    }

    #[test]
    fn the_10_5_rule_shows_what_the_ons_publishes() {
        assert_eq!(
            told(&Rule::Ons105, 0..=18).join(" "),
            "* * * * * * * * * * 10 10 10 15 15 15 15 15 20"
        );
    }

    #[test]
    fn a_threshold_of_ones_own_shows_what_it_says() {
        let rule = |least, round, hide_zero| Rule::Threshold {
            least,
            round,
            hide_zero,
        };
        for (rule, shows) in [
            (rule(5, 1, false), "0 * * * * 5 6 7 8 9 10 11 12"),
            (rule(5, 10, true), "* * * * * 10 10 10 10 10 10 10 10"),
            (rule(3, 3, false), "0 * * 3 3 6 6 6 9 9 9 12 12"),
        ] {
            assert_eq!(told(&rule, 0..=12).join(" "), shows, "{rule:?}");
        }
    }

    #[test]
    fn a_count_is_always_within_what_is_told_of_it() {
        let rule = |least, round, hide_zero| Rule::Threshold {
            least,
            round,
            hide_zero,
        };
        for rule in [
            Rule::NhsEngland,
            Rule::Ons105,
            rule(5, 1, false),
            rule(7, 10, true),
            rule(3, 4, false),
        ] {
            for count in 0..200 {
                for enough in [true, false] {
                    let shown = rule.shown(count, 0, enough);
                    let bounds = rule.bounds(shown, count < rule.least());
                    assert!(
                        bounds.low <= count && count <= bounds.high,
                        "{rule:?}: {count} in {bounds:?}"
                    );
                    // And nothing outside them is shown so.
                    for other in 0..200 {
                        let within = bounds.low <= other && other <= bounds.high;
                        let alike = rule.shown(other, 0, enough) == shown;
                        assert!(
                            within == alike || !enough,
                            "{rule:?}: {other} in {bounds:?}"
                        );
                    }
                }
            }
        }
    }
}
