//! The form that dates are declared to have, and dates read and written in it.

use super::{LONGEST, WrittenDate, after_fraction, ascii, is_day, iso, number, pair};

/// How dates are written.
///
/// Without a declaration as in ISO 8601 and RFC 3339: `1941`, `1941-03`, `1941-03-07` or `1941-03-07T09:00:00Z`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DateForm(Option<Box<Declared>>);

/// A form such as `dd/mm/yyyy`, with day, month and year once each.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Declared {
    parts: Vec<Part>,
    /// What stands between date and time, if a time follows, and whether it has seconds.
    time: Option<(u8, bool)>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Part {
    /// `dd`: two digits. `d`: one or two.
    Day { padded: bool },
    /// `mm`: two digits. `m`: one or two.
    Month { padded: bool },
    /// `mmm`: three letters of its English name. `mmmm`: the name.
    MonthName { short: bool },
    /// `yyyy`: four digits.
    Year,
    /// What stands between.
    Literal(u8),
}

/// Why a text is no form of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateFormError {
    /// Neither a part of a date nor something that stands between parts.
    #[error(
        "a form of dates is made of d or dd, m, mm, mmm (Mar) or mmmm (March), yyyy, and / - . , or spaces between; write for example dd/mm/yyyy"
    )]
    Unknown,
    /// Two digits do not say which century.
    #[error(
        "a year of two digits does not say its century, and it is not guessed; have the service write yyyy"
    )]
    ShortYear,
    /// Day, month or year is missing or there twice.
    #[error("a form of dates has day, month and year once each; write for example dd/mm/yyyy")]
    NotOnce,
    /// Two numbers of which the first may have one digit or two stand together.
    #[error(
        "where one part follows another with nothing between, both have a fixed length; write dd and mm, not d and m"
    )]
    Ambiguous,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Scratch space for one value's text.
pub(in crate::transform) struct Room([u8; LONGEST]);

impl Room {
    pub(in crate::transform) fn new() -> Self {
        Self([0; LONGEST])
    }

    /// The text of the inside of a JSON string, if it is ASCII and short.
    pub(in crate::transform) fn ascii(&mut self, inside: &[u8]) -> Option<&[u8]> {
        ascii(inside, &mut self.0)
    }
}

/// A date found in a value.
pub(in crate::transform) struct Found<'a> {
    pub(in crate::transform) date: WrittenDate,
    /// What follows the date in the value: a time, or nothing. ASCII that needs no escaping.
    pub(in crate::transform) time: &'a [u8],
    /// The value is a number, not text.
    pub(in crate::transform) is_number: bool,
}

impl DateForm {
    /// The form that `text` declares, `dd/mm/yyyy`: `d` `dd` `m` `mm` `mmm` `mmmm` `yyyy` in any order and case with
    /// `/ - . ,` or spaces between, and ` hh:mm` or ` hh:mm:ss` at the end where a time follows (`T` may stand for the
    /// space). `mmm` and `mmmm` are months' English names, `Mar` and `March`, read in any case.
    ///
    /// # Errors
    /// If it is no such form, or one in which a date could be read in two ways.
    pub fn declared(text: &str) -> Result<Self, DateFormError> {
        let lower = text.to_ascii_lowercase();
        let (date, time) = match lower
            .strip_suffix("hh:mm:ss")
            .map(|date| (date, true))
            .or_else(|| lower.strip_suffix("hh:mm").map(|date| (date, false)))
        {
            Some((date, seconds)) => match date.as_bytes() {
                [.., b't'] => (&date[..date.len() - 1], Some((b'T', seconds))),
                [.., b' '] => (&date[..date.len() - 1], Some((b' ', seconds))),
                _ => return Err(DateFormError::Unknown),
            },
            None => (lower.as_str(), None),
        };
        let parts = parts(date.as_bytes())?;
        let once = |is: fn(&Part) -> bool| parts.iter().filter(|part| is(part)).count() == 1;
        if !(once(|part| matches!(part, Part::Day { .. }))
            && once(|part| matches!(part, Part::Month { .. } | Part::MonthName { .. }))
            && once(|part| matches!(part, Part::Year)))
        {
            return Err(DateFormError::NotOnce);
        }
        let loose = |part: &Part| {
            matches!(
                part,
                Part::Day { padded: false } | Part::Month { padded: false }
            )
        };
        if parts.windows(2).any(|pair| {
            !pair.iter().any(|part| matches!(part, Part::Literal(_))) && pair.iter().any(loose)
        }) {
            return Err(DateFormError::Ambiguous);
        }
        Ok(Self(Some(Box::new(Declared { parts, time }))))
    }

    /// The date that `json`, a single value as JSON text, is in this form.
    pub(in crate::transform) fn find<'a>(
        &self,
        json: &'a [u8],
        room: &'a mut Room,
    ) -> Option<Found<'a>> {
        let (text, is_number) = match json {
            [b'"', inside @ .., b'"'] => (room.ascii(inside)?, false),
            // 19410307: a number keeps its first digits only if these are the year's.
            [b'1'..=b'9', ..] if self.is_digits() => (json, true),
            _ => return None,
        };
        let (date, time) = match &self.0 {
            None => {
                let (date, end) = iso(text)?;
                (date, &text[end..])
            }
            Some(declared) => declared.read(text)?,
        };
        Some(Found {
            date,
            time,
            is_number,
        })
    }

    /// Whether dates of this form are eight digits that start with the year.
    pub(in crate::transform) fn is_digits(&self) -> bool {
        self.0.as_ref().is_some_and(|declared| {
            declared.time.is_none()
                && declared.parts.first() == Some(&Part::Year)
                && declared.parts.iter().all(|part| match part {
                    Part::Year | Part::Day { padded: true } | Part::Month { padded: true } => true,
                    Part::Day { .. }
                    | Part::Month { .. }
                    | Part::MonthName { .. }
                    | Part::Literal(_) => false,
                })
        })
    }

    /// Appends `date` in this form, without the time that may follow it.
    pub(in crate::transform) fn write(&self, date: jiff::civil::Date, out: &mut Vec<u8>) {
        const ISO: [Part; 5] = [
            Part::Year,
            Part::Literal(b'-'),
            Part::Month { padded: true },
            Part::Literal(b'-'),
            Part::Day { padded: true },
        ];
        let parts = self
            .0
            .as_ref()
            .map_or(ISO.as_slice(), |declared| &declared.parts);
        for part in parts {
            match *part {
                Part::Day { padded } => push_pair(date.day(), padded, out),
                Part::Month { padded } => push_pair(date.month(), padded, out),
                Part::MonthName { short } => {
                    let month = usize::try_from(date.month()).unwrap_or_default();
                    let name = MONTHS[month.saturating_sub(1)];
                    let end = if short { 3 } else { name.len() };
                    out.extend_from_slice(&name.as_bytes()[..end]);
                }
                Part::Year => {
                    let year = date.year().unsigned_abs();
                    push_digits(year / 100, out);
                    push_digits(year % 100, out);
                }
                Part::Literal(byte) => out.push(byte),
            }
        }
    }
}

impl Declared {
    /// The date at the start of `text` and the time after it.
    fn read<'a>(&self, text: &'a [u8]) -> Option<(WrittenDate, &'a [u8])> {
        let (mut year, mut month, mut day) = (0, 0, 0);
        let mut rest = text;
        for part in &self.parts {
            match *part {
                Part::Day { padded } => (day, rest) = one_or_two(rest, padded)?,
                Part::Month { padded } => (month, rest) = one_or_two(rest, padded)?,
                Part::MonthName { short } => (month, rest) = month_named(rest, short)?,
                Part::Year => {
                    let (digits, after) = rest.split_first_chunk::<4>()?;
                    (year, rest) = (number(digits)?, after);
                }
                Part::Literal(byte) => rest = rest.strip_prefix(&[byte])?,
            }
        }
        let fits = match self.time {
            None => rest.is_empty(),
            Some((between, seconds)) => is_clock(rest, between, seconds)?,
        };
        (fits && is_day(year, month, day)).then_some((
            WrittenDate {
                year,
                month: Some(month),
                day: Some(day),
            },
            rest,
        ))
    }
}

/// Divides the text of a form into its parts.
fn parts(text: &[u8]) -> Result<Vec<Part>, DateFormError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(&first) = rest.first() {
        let run = rest.iter().take_while(|&&byte| byte == first).count();
        let part = match (first, run) {
            (b'd', 1 | 2) => Part::Day { padded: run == 2 },
            (b'm', 1 | 2) => Part::Month { padded: run == 2 },
            (b'm', 3 | 4) => Part::MonthName { short: run == 3 },
            (b'y', 4) => Part::Year,
            (b'y', 2) => return Err(DateFormError::ShortYear),
            (b'/' | b'-' | b'.' | b',' | b' ', _) => {
                parts.extend(std::iter::repeat_n(Part::Literal(first), run - 1));
                Part::Literal(first)
            }
            _ => return Err(DateFormError::Unknown),
        };
        parts.push(part);
        rest = &rest[run..];
    }
    Ok(parts)
}

fn one_or_two(text: &[u8], padded: bool) -> Option<(u8, &[u8])> {
    match text {
        [tens, ones, rest @ ..] if ones.is_ascii_digit() => Some((pair(*tens, *ones)?, rest)),
        [ones, rest @ ..] if !padded => Some((pair(b'0', *ones)?, rest)),
        _ => None,
    }
}

fn month_named(text: &[u8], short: bool) -> Option<(u8, &[u8])> {
    let (name, month) = MONTHS.iter().zip(1..).find_map(|(name, month)| {
        let name = &name.as_bytes()[..if short { 3 } else { name.len() }];
        let start = text.get(..name.len())?;
        start.eq_ignore_ascii_case(name).then_some((name, month))
    })?;
    Some((month, &text[name.len()..]))
}

/// Whether `text` is `between` and a time of day without an offset.
fn is_clock(text: &[u8], between: u8, seconds: bool) -> Option<bool> {
    let [first, h1, h2, b':', m1, m2, rest @ ..] = text else {
        return None;
    };
    let minute =
        first.eq_ignore_ascii_case(&between) && pair(*h1, *h2)? <= 23 && pair(*m1, *m2)? <= 59;
    let second = match rest {
        [] => !seconds,
        [b':', s1, s2, fraction @ ..] => {
            seconds && pair(*s1, *s2)? <= 60 && after_fraction(fraction)?.is_empty()
        }
        _ => false,
    };
    Some(minute && second)
}

fn push_pair(number: i8, padded: bool, out: &mut Vec<u8>) {
    let number = number.unsigned_abs();
    if padded || number >= 10 {
        push_digits(number.into(), out);
    } else {
        out.push(b'0' + number);
    }
}

/// Appends `number`, 0 to 99, as two digits.
fn push_digits(number: u16, out: &mut Vec<u8>) {
    let digit = |number: u16| b'0' + u8::try_from(number % 10).unwrap_or_default();
    out.extend_from_slice(&[digit(number / 10), digit(number)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `json` is in the form, and what is written back.
    fn there_and_back(form: &DateForm, json: &str) -> Option<(String, String)> {
        let mut room = Room::new();
        let found = form.find(json.as_bytes(), &mut room)?;
        let date = found.date.full()?;
        let mut out = Vec::new();
        form.write(date, &mut out);
        out.extend_from_slice(found.time);
        let written = String::from_utf8(out).unwrap();
        let written = if found.is_number {
            written
        } else {
            format!("\"{written}\"")
        };
        Some((date.to_string(), written))
    }

    #[test]
    fn a_declared_form_is_read_and_written() {
        for (form, json, date) in [
            ("dd/mm/yyyy", "\"07/03/1941\"", "1941-03-07"),
            ("mm/dd/yyyy", "\"03/07/1941\"", "1941-03-07"),
            ("d.m.yyyy", "\"7.3.1941\"", "1941-03-07"),
            ("d.m.yyyy", "\"17.12.1941\"", "1941-12-17"),
            ("d mmm yyyy", "\"7 Mar 1941\"", "1941-03-07"),
            ("mmmm d, yyyy", "\"March 7, 1941\"", "1941-03-07"),
            ("dd mmmm yyyy", "\"07 May 1941\"", "1941-05-07"),
            ("yyyymmdd", "\"19410307\"", "1941-03-07"),
            ("yyyymmdd", "19410307", "1941-03-07"),
            ("ddmmyyyy", "\"07031941\"", "1941-03-07"),
            ("DD-MMM-YYYY", "\"07-Mar-1941\"", "1941-03-07"),
            ("dd/mm/yyyy hh:mm", "\"07/03/1941 09:30\"", "1941-03-07"),
            (
                "dd/mm/yyyy hh:mm:ss",
                "\"07/03/1941 09:30:00.5\"",
                "1941-03-07",
            ),
            (
                "yyyy-mm-ddThh:mm:ss",
                "\"1941-03-07T09:30:00\"",
                "1941-03-07",
            ),
            ("dd/mm/yyyy", r#""29\/02\/2000""#, "2000-02-29"),
        ] {
            let declared = DateForm::declared(form).unwrap();
            let (read, written) = there_and_back(&declared, json).expect(json);
            assert_eq!(read, date, "{form} {json}");
            assert_eq!(written, json.replace("\\/", "/"), "{form} {json}");
        }
        let loud = DateForm::declared("d mmm yyyy").unwrap();
        let written = there_and_back(&loud, "\"7 MAR 1941\"").unwrap().1;
        assert_eq!(written, "\"7 Mar 1941\"");
        let iso = there_and_back(&DateForm::default(), "\"1941-03-07T09:00:00Z\"").unwrap();
        assert_eq!(iso.1, "\"1941-03-07T09:00:00Z\"");
        let mut room = Room::new();
        assert!(DateForm::default().find(b"1941", &mut room).is_none());
    }

    #[test]
    fn what_is_not_in_the_declared_form_is_no_date() {
        for (form, json) in [
            ("dd/mm/yyyy", "\"1941-03-07\""),
            ("dd/mm/yyyy", "\"7/3/1941\""),
            ("dd/mm/yyyy", "\"07/13/1941\""),
            ("dd/mm/yyyy", "\"31/04/1941\""),
            ("dd/mm/yyyy", "\"29/02/1900\""),
            ("dd/mm/yyyy", "\"07/03/41\""),
            ("dd/mm/yyyy", "\"07/03/1941 09:30\""),
            ("dd/mm/yyyy", "\" 07/03/1941\""),
            ("dd/mm/yyyy", "7031941"),
            ("dd/mm/yyyy", "\"\""),
            ("d/m/yyyy", "\"007/3/1941\""),
            ("d mmm yyyy", "\"7 Mrz 1941\""),
            ("d mmmm yyyy", "\"7 Mar 1941\""),
            ("ddmmyyyy", "07031941"),
            ("ddmmyyyy", "17031941"),
            ("yyyymmdd", "1941030"),
            ("yyyymmdd", "19410307.0"),
            ("yyyymmdd", "-19410307"),
            ("dd/mm/yyyy hh:mm", "\"07/03/1941\""),
            ("dd/mm/yyyy hh:mm", "\"07/03/1941 24:00\""),
            ("dd/mm/yyyy hh:mm", "\"07/03/1941 09:30:00\""),
            ("dd/mm/yyyy hh:mm:ss", "\"07/03/1941 09:30\""),
            ("dd/mm/yyyy hh:mm:ss", "\"07/03/1941 09:30:00Z\""),
        ] {
            let declared = DateForm::declared(form).unwrap();
            assert_eq!(there_and_back(&declared, json), None, "{form} {json}");
        }
    }

    #[test]
    fn a_form_that_could_be_read_in_two_ways_is_refused() {
        for (form, error) in [
            ("dd/mm/yy", DateFormError::ShortYear),
            ("dd/mm", DateFormError::NotOnce),
            ("", DateFormError::NotOnce),
            ("dd/mm/yyyy/dd", DateFormError::NotOnce),
            ("dmyyyy", DateFormError::Ambiguous),
            ("ddmyyyy", DateFormError::Ambiguous),
            ("european", DateFormError::Unknown),
            ("dd/mm/yyyyy", DateFormError::Unknown),
            ("dd/mm/yyyyhh:mm", DateFormError::Unknown),
            ("hh:mm", DateFormError::Unknown),
            ("dd_mm_yyyy", DateFormError::Unknown),
        ] {
            assert_eq!(DateForm::declared(form), Err(error), "{form}");
        }
    }
}
