//! What an agreement says of volume.

use std::fmt;

use super::Per;
use crate::agreement::PurposeName;

/// What an agreement says of volume. The default says nothing, and nothing is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Its quotas, in the order of the file.
    pub quotas: Vec<Quota>,
    /// Its guard against harvesting.
    pub guard: Guard,
}

/// So much in each window. At least one of the three is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// For this purpose alone; `None` for all purposes of the agreement together.
    pub purpose: Option<PurposeName>,
    /// That purpose and those that it covers; empty where it is for all.
    pub covers: Vec<PurposeName>,
    /// The window.
    pub per: Per,
    /// Requests that are permitted.
    pub requests: Option<u64>,
    /// Records that leave.
    pub records: Option<u64>,
    /// Distinct people whose records leave, at most [`Terms::MOST_PEOPLE`].
    pub people: Option<u64>,
}

/// Bounds of what one partner can learn by asking often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// Distinct people whose records left alone, in an answer with no other record.
    pub single: Option<Bound>,
    /// Ways in which one list or table was asked for: distinct paths and queries of one disclosure.
    pub variants: Option<Bound>,
    /// Records in one answer beyond which somebody is told.
    pub tell_of_records: Option<u64>,
    /// Whether nothing leaves where somebody asks for their own record; else somebody is told.
    pub refuses_self_look_up: bool,
}

/// A bound in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The most.
    pub most: u64,
    /// The window.
    pub per: Per,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Requests that were permitted.
    Requests,
    /// Records that left.
    Records,
    /// Distinct people whose records left.
    People,
    /// Distinct people whose records left one at a time.
    Single,
    /// Distinct ways in which a disclosure was asked.
    Variants,
}

impl Terms {
    /// The most people that one quota or guard may count: each takes some 18 bytes while the window runs.
    pub const MOST_PEOPLE: u64 = 1_000_000;

    /// The most ways to ask that one guard may count.
    pub const MOST_VARIANTS: u64 = 10_000;

    /// Whether nothing is counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.quotas.is_empty() && self.guard.single.is_none() && self.guard.variants.is_none()
    }

    /// Whether people are counted, for which records must name their subjects.
    #[must_use]
    pub fn counts_people(&self) -> bool {
        self.guard.single.is_some() || self.quotas.iter().any(|quota| quota.people.is_some())
    }

    /// Whether records are counted, for which bodies must have records.
    #[must_use]
    pub fn counts_records(&self) -> bool {
        self.counts_people() || self.quotas.iter().any(|quota| quota.records.is_some())
    }
}

impl Measure {
    /// Its stable name, in keys of counts and in metrics.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Records => "records",
            Self::People => "people",
            Self::Single => "single",
            Self::Variants => "variants",
        }
    }

    /// Whether distinct things are counted, rather than how often.
    #[must_use]
    pub fn is_distinct(self) -> bool {
        match self {
            Self::People | Self::Single | Self::Variants => true,
            Self::Requests | Self::Records => false,
        }
    }
}

impl fmt::Display for Measure {
    /// In words, after a number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requests => "requests",
            Self::Records => "records",
            Self::People => "different people",
            Self::Single => "different people asked for one at a time",
            Self::Variants => "different ways of asking for one list or table",
        })
    }
}
