//! Tables instead of records: what leaves is counts, sums, means and medians of groups, under a rule of disclosure control.
//!
//! ```text
//! body ─► the plan's machine (rules, conditions, what is withheld) ─► records as they would leave     (`machine`)
//!            read: the fields that groups and measures need          (`layout`, `read`)
//!            gather: a cell for each group                           (`groups`, `decimal`, `median`, `distinct`)
//!         at the body's end
//!            totals: every margin of the table                       (`cube`)
//!            control: what is hidden, and what else so that it stays (`rule`, `perturb`, `control`, `protect`)
//!            write: JSON or CSV                                      (`table`, `write`)
//! ```
//!
//! Start at [`Aggregate`], what an agreement says, then `groups.rs`. **Invariant:** nothing is written before the body has
//! ended well. **Invariant:** of people only hashes of 64 bits are kept, and those never leave. **Invariant:** the order of
//! records changes nothing but a fault's.

use std::fmt;

use crate::plan::Selector;

mod control;
mod cube;
mod decimal;
mod distinct;
mod groups;
mod hash;
mod layout;
mod machine;
mod median;
mod perturb;
mod prepare;
mod protect;
mod read;
mod rule;
mod table;
mod write;

pub(crate) use machine::AggregateMachine;
pub use perturb::{PerturbationError, PerturbationTable};
pub(crate) use prepare::{Prepared, rules_of_table};
pub use rule::Rule;

/// What an agreement says of a table that leaves instead of records.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// What its groups are: from 1 to [`Aggregate::MOST_DIMENSIONS`].
    pub dimensions: Vec<Dimension>,
    /// What is told of each group, at least one, in the order of their columns.
    pub measures: Vec<Measure>,
    /// What is hidden, and how counts are changed.
    pub rule: Rule,
    /// When a sum or mean is hidden because it tells too much of who has most of it.
    pub dominance: Option<Dominance>,
    /// Whether totals over each dimension are told, too.
    pub totals: bool,
    /// How the table is written.
    pub output: Output,
    /// Groups that a table has at most: the product of each dimension's categories. At most [`Aggregate::MOST_GROUPS`].
    pub groups: usize,
    /// Bytes that its cells take at most, about.
    pub bytes: usize,
    /// The line of the file on which it stands.
    pub line: usize,
}

impl Aggregate {
    /// Dimensions that a table has at most.
    pub const MOST_DIMENSIONS: usize = 5;
    /// Measures that a table has at most.
    pub const MOST_MEASURES: usize = 32;
    /// Groups that a table has at most, whatever is agreed.
    pub const MOST_GROUPS: usize = 100_000;
    /// Groups that a table has at most where nothing is agreed.
    pub const GROUPS: usize = 10_000;
    /// Bytes that the cells of a table take at most where nothing is agreed.
    pub const BYTES: usize = 64 << 20;
}

/// A field whose values are groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Its column's name.
    pub name: String,
    /// The field, written as `subject` is.
    pub selector: Selector,
    /// Which of its values are told.
    pub values: Values,
}

/// Which values of a field are told as groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// These, each with a row whether anybody is in it or not. Others are told together, as [`OTHER`].
    Listed(Vec<String>),
    /// Those that enough people share, by the rule, and all of a field that a rule makes coarse. Others together.
    Shared,
    /// All, as they come.
    All,
}

/// What a value is told as that is not told by itself.
pub const OTHER: &str = "(other)";
/// What no value is told as.
pub const NONE: &str = "(none)";
/// What a total is told as where rows have a column for it.
pub const ALL: &str = "(all)";
/// What stands for a number that is hidden.
pub const HIDDEN: &str = "*";

/// A column of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// Its column's name.
    pub name: String,
    /// What it tells of each group.
    pub of: Figure,
    /// The multiple that its values are rounded to; values of sums, means and medians only.
    pub nearest: Option<u64>,
}

/// What a measure tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// How many records.
    Count,
    /// How many people: different subjects.
    Subjects,
    /// How many different values of a field.
    Distinct(Selector),
    /// The exact sum of a field's numbers.
    Sum(Selector),
    /// Their mean, with one digit more than they have.
    Mean(Selector),
    /// Their median; exact up to 256 values, then within 1/256.
    Median(Selector),
}

impl Figure {
    /// The field that it is of, if it is of one.
    #[must_use]
    pub fn selector(&self) -> Option<&Selector> {
        match self {
            Self::Count | Self::Subjects => None,
            Self::Distinct(selector)
            | Self::Sum(selector)
            | Self::Mean(selector)
            | Self::Median(selector) => Some(selector),
        }
    }

    /// Its word in an agreement.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Subjects => "subjects",
            Self::Distinct(_) => "distinct",
            Self::Sum(_) => "sum",
            Self::Mean(_) => "mean",
            Self::Median(_) => "median",
        }
    }
}

/// When a group's sum tells too much of one who is in it. What counts is each record's number without its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dominance {
    /// The p% rule: all but the two largest together are less than this part, in a hundred, of the largest.
    Percent(u8),
    /// The (n, k) rule: the `largest` together are more than this part, in a hundred, of all.
    Share {
        /// How many, 1 to 3.
        largest: u8,
        /// The part.
        percent: u8,
    },
}

/// How a table is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Output {
    /// One JSON document.
    #[default]
    Json,
    /// Rows of comma-separated values (RFC 4180).
    Csv,
}

impl Output {
    /// The media type of a table.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// What is counted of a table, for the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableTally {
    /// Tables that left.
    pub tables: u64,
    /// Records that were counted in them.
    pub records: u64,
    /// Groups that they have, totals not counted.
    pub groups: u64,
    /// Numbers that are hidden in them.
    pub hidden: u64,
}

/// A table has more groups, or its cells take more memory, than was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyGroups;

impl fmt::Display for TooManyGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the table has more groups than agreed")
    }
}
