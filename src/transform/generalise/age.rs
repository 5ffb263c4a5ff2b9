//! Dates of birth to ages.

use jiff::civil::Date;

/// The day on which an age is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AgeAt {
    /// The day of the exchange. The same record gives another age after a birthday, which tells when that was: a
    /// fixed day does not.
    #[default]
    Today,
    /// A day that the agreement fixes.
    Day(Date),
    /// 31 August before the school year that the exchange is in: the day that schools count ages by.
    SchoolYear,
}

/// Years beyond which nobody has lived.
const OLDEST: i16 = 130;

impl AgeAt {
    /// The whole years that somebody born on `birth` has lived on the day, as law has it: a year is complete when the
    /// birthday begins, and who was born on 29 February has it on 1 March in other years.
    ///
    /// `None` for a birth after the day, where `today` is asked for and not known, or so long before it that it is a mistake.
    pub(super) fn age(self, birth: Date, today: Option<Date>) -> Option<i16> {
        let on = match self {
            Self::Today => today?,
            Self::Day(day) => day,
            Self::SchoolYear => {
                let today = today?;
                let year = if today.month() >= 9 {
                    today.year()
                } else {
                    today.year().checked_sub(1)?
                };
                Date::new(year, 8, 31).ok()?
            }
        };
        if birth > on {
            return None;
        }
        let is_before_birthday = (on.month(), on.day()) < (birth.month(), birth.day());
        let age = on.year() - birth.year() - i16::from(is_before_birthday);
        (age <= OLDEST).then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_complete_when_the_birthday_begins() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        for (at, birth, today, age) in [
            (AgeAt::Today, "1941-03-07", "2026-03-06", Some(84)),
            (AgeAt::Today, "1941-03-07", "2026-03-07", Some(85)),
            (AgeAt::Today, "2000-02-29", "2018-02-28", Some(17)),
            (AgeAt::Today, "2000-02-29", "2018-03-01", Some(18)),
            (AgeAt::Today, "2000-02-29", "2020-02-28", Some(19)),
            (AgeAt::Today, "2000-02-29", "2020-02-29", Some(20)),
            (AgeAt::Today, "2026-11-22", "2026-11-22", Some(0)),
            (AgeAt::Today, "2026-11-23", "2026-11-22", None),
            (AgeAt::Today, "1896-11-22", "2026-11-22", Some(130)),
            (AgeAt::Today, "1895-11-23", "2026-11-22", Some(130)),
            (AgeAt::Today, "1895-11-22", "2026-11-22", None),
            (
                AgeAt::Day(day("2026-03-31")),
                "2008-04-01",
                "2030-01-01",
                Some(17),
            ),
            (
                AgeAt::Day(day("2026-04-01")),
                "2008-04-01",
                "2030-01-01",
                Some(18),
            ),
            (
                AgeAt::Day(day("2026-03-31")),
                "2026-04-01",
                "2030-01-01",
                None,
            ),
            // The school year that begins on 1 September counts ages by the day before.
            (AgeAt::SchoolYear, "2021-08-31", "2026-09-01", Some(5)),
            (AgeAt::SchoolYear, "2021-09-01", "2026-09-01", Some(4)),
            (AgeAt::SchoolYear, "2021-08-31", "2026-08-31", Some(4)),
            (AgeAt::SchoolYear, "2021-09-01", "2026-08-31", Some(3)),
            (AgeAt::SchoolYear, "2026-09-01", "2026-11-22", None),
        ] {
            assert_eq!(
                at.age(day(birth), Some(day(today))),
                age,
                "{birth} on {today}"
            );
        }
    }
}
