//! Values made coarser: dates, ages, postcodes, numbers, and whatever a table has a coarser word for.
//!
//! Each [`Generalise`] is one rung of a ladder, ready to be used: nothing is allocated per value. What leaves is the
//! same whatever the spelling of what came, and a coarser rung can be told from a finer one of the same ladder.

use std::sync::Arc;

use jiff::civil::Date;

use super::date::{DateForm, Room};
use super::text::push_quoted;
use super::{Mismatch, OutputType};

mod age;
mod bands;
mod calendar;
mod number;
mod postcode;
mod table;
mod text;

pub use age::AgeAt;
pub use bands::{Bands, BandsError};
pub use calendar::DatePart;
pub use number::{Caps, NumberError, Rounding};
pub use postcode::PostcodePart;
pub use table::{Table, TableColumns, TableFault, TableKey};

use number::{Number, number_text};
use postcode::Postcode;

/// To what a value is made coarser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Generalise {
    /// A date becomes the part of the calendar that it is in: `"1941-03-07"` → `"1941"`.
    Date {
        /// Which part.
        to: DatePart,
        /// How the dates are written.
        from: DateForm,
    },
    /// A date of birth becomes an age in whole years: `"1941-03-07"` → `85`.
    Age {
        /// On which day.
        at: AgeAt,
        /// How the dates are written.
        from: DateForm,
    },
    /// A date of birth becomes a band of ages: `"1941-03-07"` → `"85-89"`.
    AgeBand {
        /// On which day.
        at: AgeAt,
        /// How the dates are written.
        from: DateForm,
        /// The bands.
        bands: Bands,
    },
    /// A UK postcode becomes a part of it: `"PO30 1AA"` → `"PO30"`.
    Postcode {
        /// Which part.
        to: PostcodePart,
        /// What leaves for a text that names no place, such as a code for people of no fixed abode.
        otherwise: Option<Constant>,
    },
    /// A value becomes what a table has for it.
    Table {
        /// The table.
        table: Arc<Table>,
        /// What leaves for a value that the table does not have.
        otherwise: Option<Constant>,
    },
    /// A number becomes the band that it is in: `34999.5` → `"30000-39999"`, which is everything from 30 000 to less
    /// than 40 000.
    Band {
        /// The bands.
        bands: Bands,
    },
    /// A number becomes the nearest multiple of another: `1234` → `1200`.
    Round(Rounding),
    /// A number beyond a bound becomes the bound; others stay as they are.
    Capped(Caps),
}

/// A text that leaves in the place of what a ladder does not have, as a JSON string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constant(Arc<[u8]>);

impl Constant {
    /// The constant `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut json = Vec::with_capacity(text.len() + 2);
        push_quoted(text, &mut json);
        Self(json.into())
    }
}

impl Generalise {
    /// An ISO date or timestamp to its year.
    #[must_use]
    pub fn year() -> Self {
        Self::Date {
            to: DatePart::Year,
            from: DateForm::default(),
        }
    }

    /// Appends what `json`, one single value as strict JSON text and not `null`, becomes on `today`, as JSON text.
    ///
    /// # Errors
    /// If the value is not of a kind that this is for, or this asks for the day and it is not known; `out` is then as
    /// before.
    pub fn apply(
        &self,
        json: &[u8],
        today: Option<Date>,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        match self {
            Self::Date { to, from } => {
                let mut room = Room::new();
                let found = from.find(json, &mut room).ok_or(Mismatch)?;
                if found.date.is_placeholder() {
                    return Err(Mismatch);
                }
                to.apply(found.date, out)
            }
            Self::Age { at, from } => {
                let age = age(*at, from, json, today)?;
                text::push_integer(age, out);
                Ok(())
            }
            Self::AgeBand { at, from, bands } => bands.apply(age(*at, from, json, today)?, out),
            Self::Postcode { to, otherwise } => {
                let [b'"', inside @ .., b'"'] = json else {
                    return Err(Mismatch);
                };
                let start = out.len();
                out.push(b'"');
                let pushed = Postcode::parse(inside).and_then(|postcode| postcode.push(*to, out));
                if pushed.is_some() {
                    out.push(b'"');
                    return Ok(());
                }
                out.truncate(start);
                constant(otherwise.as_ref(), out)
            }
            Self::Table { table, otherwise } => match (table.find(json), json) {
                (Some(value), _) => {
                    out.extend_from_slice(value);
                    Ok(())
                }
                (None, [b'"' | b'-' | b'0'..=b'9', ..]) => constant(otherwise.as_ref(), out),
                (None, _) => Err(Mismatch),
            },
            Self::Band { bands } => {
                let mut room = Room::new();
                let (text, _) = number_text(json, &mut room).ok_or(Mismatch)?;
                let number = Number::parse(text).ok_or(Mismatch)?;
                bands.apply(number.floor(), out)
            }
            Self::Round(rounding) => rounding.apply(json, out),
            Self::Capped(caps) => caps.apply(json, out),
        }
    }

    /// The type of what leaves.
    #[must_use]
    pub fn output(&self) -> OutputType {
        match self {
            Self::Date { .. }
            | Self::AgeBand { .. }
            | Self::Postcode { .. }
            | Self::Table { .. }
            | Self::Band { .. } => OutputType::Text,
            Self::Age { .. } => OutputType::Integer,
            Self::Round(_) => OutputType::IntegerOrText,
            Self::Capped(_) => OutputType::NumberOrText,
        }
    }

    /// The texts that it writes by itself: the insides of JSON strings.
    pub(crate) fn own_texts(&self) -> impl Iterator<Item = &[u8]> {
        let (table, otherwise) = match self {
            Self::Table { table, otherwise } => (Some(table), otherwise.as_ref()),
            Self::Postcode { otherwise, .. } => (None, otherwise.as_ref()),
            Self::Date { .. }
            | Self::Age { .. }
            | Self::AgeBand { .. }
            | Self::Band { .. }
            | Self::Round(_)
            | Self::Capped(_) => (None, None),
        };
        let constant = otherwise.map(|Constant(json)| &**json);
        let texts = table
            .into_iter()
            .flat_map(|table| table.values())
            .chain(constant);
        texts.map(|json| &json[1..json.len() - 1])
    }

    /// Whether what leaves depends on the day of the exchange.
    #[must_use]
    pub fn reads_today(&self) -> bool {
        match self {
            Self::Age { at, .. } | Self::AgeBand { at, .. } => match at {
                AgeAt::Today | AgeAt::SchoolYear => true,
                AgeAt::Day(_) => false,
            },
            Self::Date { .. }
            | Self::Postcode { .. }
            | Self::Table { .. }
            | Self::Band { .. }
            | Self::Round(_)
            | Self::Capped(_) => false,
        }
    }
}

fn age(at: AgeAt, from: &DateForm, json: &[u8], today: Option<Date>) -> Result<i128, Mismatch> {
    let mut room = Room::new();
    let found = from.find(json, &mut room).ok_or(Mismatch)?;
    if found.date.is_placeholder() {
        return Err(Mismatch);
    }
    let birth = found.date.full().ok_or(Mismatch)?;
    at.age(birth, today).map(i128::from).ok_or(Mismatch)
}

fn constant(otherwise: Option<&Constant>, out: &mut Vec<u8>) -> Result<(), Mismatch> {
    let Constant(json) = otherwise.ok_or(Mismatch)?;
    out.extend_from_slice(json);
    Ok(())
}

#[cfg(test)]
mod tests;
