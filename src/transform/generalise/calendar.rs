//! Dates to the part of the calendar that they are in.

use super::super::date::WrittenDate;
use super::text::{push_padded, quoted_by};
use crate::transform::Mismatch;

/// A part of the calendar, from fine to coarse.
///
/// A week lies in no month or year in particular, and a school year begins within a quarter: what is given both by
/// week and by month, or by quarter and by school year, is given more finely than by either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    /// ISO 8601 week, `1941-W10`; its year is the one that most of the week lies in.
    Week,
    /// `1941-03`.
    Month,
    /// Quarter of the calendar year, `1941-Q1`.
    Quarter,
    /// April to March, `1940-41`.
    FinancialYear,
    /// September to August, `1940-41`.
    SchoolYear,
    /// `1941`.
    Year,
}

impl DatePart {
    /// Appends the part that `date` is in, as a JSON string.
    ///
    /// # Errors
    /// If the date is not written as finely as that: no day, no month.
    pub(super) fn apply(self, date: WrittenDate, out: &mut Vec<u8>) -> Result<(), Mismatch> {
        let month = || date.month.ok_or(Mismatch);
        match self {
            Self::Year => quoted_by(out, |out| push_padded(date.year, 4, out)),
            Self::Month => {
                let month = month()?;
                year_and(date.year, b"-", out, |out| {
                    push_padded(month.into(), 2, out);
                });
            }
            Self::Quarter => {
                let quarter = (month()? - 1) / 3 + 1;
                year_and(date.year, b"-Q", out, |out| {
                    push_padded(quarter.into(), 1, out);
                });
            }
            Self::Week => {
                let week = date.full().ok_or(Mismatch)?.iso_week_date();
                let year = u16::try_from(week.year()).map_err(|_| Mismatch)?;
                year_and(year, b"-W", out, |out| {
                    push_padded(week.week().unsigned_abs().into(), 2, out);
                });
            }
            Self::FinancialYear => year_from(4, date.year, month()?, out)?,
            Self::SchoolYear => year_from(9, date.year, month()?, out)?,
        }
        Ok(())
    }
}

fn year_and(year: u16, between: &[u8], out: &mut Vec<u8>, rest: impl FnOnce(&mut Vec<u8>)) {
    quoted_by(out, |out| {
        push_padded(year, 4, out);
        out.extend_from_slice(between);
        rest(out);
    });
}

/// Appends the twelve months from the first of `start` on that the month lies in: `1940-41`.
fn year_from(start: u8, year: u16, month: u8, out: &mut Vec<u8>) -> Result<(), Mismatch> {
    let first = if month < start {
        year.checked_sub(1).ok_or(Mismatch)?
    } else {
        year
    };
    year_and(first, b"-", out, |out| {
        push_padded((first + 1) % 100, 2, out)
    });
    Ok(())
}
