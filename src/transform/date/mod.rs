//! Dates as people and systems write them: ISO 8601 and RFC 3339, or one declared form.
//!
//! A form is never guessed: `03/04/1941` is a day in March or in April, and only who wrote it knows which.

use super::text::Characters;

mod form;

pub(super) use form::Room;
pub use form::{DateForm, DateFormError};

/// Room for a timestamp with a fraction of 96 digits; a longer text is no date that anybody means.
const LONGEST: usize = 128;

/// A date as far as it is written: a year, perhaps its month, perhaps the day. The Gregorian calendar has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrittenDate {
    /// 0 to 9999.
    pub(super) year: u16,
    /// 1 to 12.
    pub(super) month: Option<u8>,
    /// 1 to 31; only with a month.
    pub(super) day: Option<u8>,
}

impl WrittenDate {
    /// The day, if the date is full.
    pub(super) fn full(self) -> Option<jiff::civil::Date> {
        let (month, day) = self.month.zip(self.day)?;
        jiff::civil::Date::new(
            i16::try_from(self.year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        )
        .ok()
    }

    /// Whether systems write this date for "not known": the first and last days of their calendars. It is nobody's
    /// birthday that matters; as a birthday it would make everyone of unknown age the same age.
    pub(super) fn is_placeholder(self) -> bool {
        /// .NET's first day, SQL Server's, the zeros of spreadsheets, the turn of the century before last.
        const DAYS: [(u16, u8, u8); 5] = [
            (1, 1, 1),
            (1753, 1, 1),
            (1899, 12, 30),
            (1899, 12, 31),
            (1900, 1, 1),
        ];
        let day = self.month.zip(self.day);
        self.year == 9999 || day.is_some_and(|(month, day)| DAYS.contains(&(self.year, month, day)))
    }
}

/// The year, month and day that `inside`, the inside of a JSON string, names: `YYYY-MM-DD` or an RFC 3339
/// timestamp. The date is the written one: a timestamp is not moved to another zone.
pub(crate) fn date(inside: &[u8]) -> Option<(u32, u32, u32)> {
    let mut room = [0; LONGEST];
    let (date, _) = iso(ascii(inside, &mut room)?)?;
    let (month, day) = date.month.zip(date.day)?;
    Some((date.year.into(), month.into(), day.into()))
}

/// The date that `text` is, and how many bytes of it are the date; a time follows.
///
/// `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or an RFC 3339 timestamp (`T` and `Z` in either case); a day that the
/// Gregorian calendar has.
fn iso(text: &[u8]) -> Option<(WrittenDate, usize)> {
    let year = number(text.first_chunk::<4>()?)?;
    let month_of = |tens, ones| pair(tens, ones).filter(|month| (1..=12).contains(month));
    let (month, day, end) = match &text[4..] {
        [] => (None, None, 4),
        [b'-', m1, m2] => (Some(month_of(*m1, *m2)?), None, 7),
        [b'-', m1, m2, b'-', d1, d2, time @ ..] => {
            let (month, day) = (month_of(*m1, *m2)?, pair(*d1, *d2)?);
            if !is_day(year, month, day) || !(time.is_empty() || is_time(time)?) {
                return None;
            }
            (Some(month), Some(day), 10)
        }
        _ => return None,
    };
    Some((WrittenDate { year, month, day }, end))
}

/// The text of the inside of a JSON string, if it is ASCII and no longer than there is room.
pub(super) fn ascii<'a>(inside: &[u8], room: &'a mut [u8; LONGEST]) -> Option<&'a [u8]> {
    let mut length = 0;
    for character in Characters::new(inside) {
        *room.get_mut(length)? = u8::try_from(character).ok().filter(u8::is_ascii)?;
        length += 1;
    }
    Some(&room[..length])
}

/// Whether `text` is `T`, a time and an offset (RFC 3339 §5.6). A leap second passes at any minute: which had
/// one is a table that changes.
fn is_time(text: &[u8]) -> Option<bool> {
    let [b'T' | b't', h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = text else {
        return None;
    };
    let clock = pair(*h1, *h2)? <= 23 && pair(*m1, *m2)? <= 59 && pair(*s1, *s2)? <= 60;
    let zone = match after_fraction(rest)? {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => pair(*h1, *h2)? <= 23 && pair(*m1, *m2)? <= 59,
        _ => false,
    };
    Some(clock && zone)
}

/// What follows the fraction of a second that `text` may start with. A point without a digit is no fraction.
fn after_fraction(text: &[u8]) -> Option<&[u8]> {
    let [b'.', fraction @ ..] = text else {
        return Some(text);
    };
    let digits = fraction
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    (digits > 0).then(|| &fraction[digits..])
}

fn is_day(year: u16, month: u8, day: u8) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn pair(tens: u8, ones: u8) -> Option<u8> {
    number(&[tens, ones]).and_then(|pair| u8::try_from(pair).ok())
}

/// The number that `digits`, at most four, are.
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |sum: u16, &digit| {
        let digit = char::from(digit).to_digit(10)?;
        sum.checked_mul(10)?.checked_add(u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year(text: &[u8]) -> Option<u16> {
        let mut room = [0; LONGEST];
        let (date, end) = iso(ascii(text, &mut room)?)?;
        let parts = 4 + 3 * usize::from(date.month.is_some()) + 3 * usize::from(date.day.is_some());
        assert_eq!(end, parts);
        Some(date.year)
    }

    #[test]
    fn dates_and_timestamps_have_a_year() {
        for text in [
            "1941",
            "1941-03",
            "1941-03-07",
            "1941-12-31",
            "1941-03-07T00:00:00Z",
            "1941-03-07t23:59:60z",
            "1941-03-07T12:30:00.123456789+01:00",
            "1941-01-01T00:30:00-23:59",
            r"1941\u002d03-07",
        ] {
            assert_eq!(year(text.as_bytes()), Some(1941), "{text}");
        }
        assert_eq!(year(b"2024-02-29"), Some(2024));
        assert_eq!(year(b"2000-02-29"), Some(2000));
        assert_eq!(year(b"0000"), Some(0));
    }

    #[test]
    fn anything_else_has_none() {
        for text in [
            "",
            "194",
            "19411",
            "1941-",
            "1941-3",
            "1941-13",
            "1941-00",
            "1941-03-",
            "1941-03-32",
            "1941-02-29",
            "1900-02-29",
            "1941-04-31",
            "1941-03-00",
            "07/03/1941",
            "19410307",
            "1941-W10",
            "1941-066",
            " 1941",
            "1941 ",
            "+1941",
            "-941",
            "1941-03-07T",
            "1941-03-07T00:00",
            "1941-03-07T00:00:00",
            "1941-03-07 00:00:00Z",
            "1941-03-07T24:00:00Z",
            "1941-03-07T00:60:00Z",
            "1941-03-07T00:00:61Z",
            "1941-03-07T00:00:00.Z",
            "1941-03-07T00:00:00+1:00",
            "1941-03-07T00:00:00+0100",
            "1941-03-07T00:00:00ZZ",
            "1941-03-07T00:00:00+24:00",
            "١٩٤١",
            "1941-03-07é",
            "unknown",
        ] {
            assert_eq!(year(text.as_bytes()), None, "{text}");
        }
        let endless = format!("1941-03-07T00:00:00.{}Z", "0".repeat(200));
        assert_eq!(year(endless.as_bytes()), None);
    }

    #[test]
    fn first_and_last_days_of_calendars_stand_for_unknown() {
        for (text, expected) in [
            ("1900-01-01", true),
            ("1900-01-01T00:00:00Z", true),
            ("0001-01-01", true),
            ("1753-01-01", true),
            ("1899-12-30", true),
            ("9999-12-31", true),
            ("9999-12", true),
            ("9999", true),
            ("1900-01-02", false),
            ("1900-01", false),
            ("1900", false),
            ("2000-01-01", false),
        ] {
            let (date, _) = iso(text.as_bytes()).unwrap();
            assert_eq!(date.is_placeholder(), expected, "{text}");
        }
    }
}
