//! The functions of dates that fieldgate adds to those of RFC 9535, `age(…)`, `months(…)` and `since(…)`.
//!
//! The parser's grammar has no place for them. It has one for functions of other dialects, which no rule may use; so
//! `age(@.dateOfBirth)` is handed to it as `value(in('age',@.dateOfBirth))` and known again in its tree.

use jiff::civil::Date;
use jsonpath_rust::parser::model::{FnArg, Literal, Test, TestFunction};

use super::selector::SelectorError;
use crate::transform::date;

/// What is asked of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `age(…)`: the whole years from the date to today. Who was born on 29 February is a year older on 1 March.
    Age,
    /// `months(…)`: the whole months from the date to today. From the last days of a month to a shorter one they are
    /// not whole.
    Months,
    /// `since(…)`: the days from the date to today.
    Since,
}

const OWN: [(&str, Asked); 3] = [
    ("age", Asked::Age),
    ("months", Asked::Months),
    ("since", Asked::Since),
];

/// Functions that the parser knows and RFC 9535 does not.
const FOREIGN: [&str; 5] = ["in", "nin", "none_of", "any_of", "subset_of"];

impl Asked {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Months => "months",
            Self::Since => "since",
        }
    }

    /// The answer for the inside of a JSON string; `None` if it is no full date. Negative for days to come.
    ///
    /// A full date is `YYYY-MM-DD` or that of an RFC 3339 timestamp, as it is written there.
    pub(crate) fn answer(self, inside: &[u8], today: Date) -> Option<i64> {
        let (year, month, day) = date(inside)?;
        let from = Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        )
        .ok()?;
        Some(match self {
            Self::Age => {
                let before_birthday = (today.month(), today.day()) < (from.month(), from.day());
                i64::from(today.year()) - i64::from(from.year()) - i64::from(before_birthday)
            }
            Self::Months => {
                let years = i64::from(today.year()) - i64::from(from.year());
                let months = i64::from(today.month()) - i64::from(from.month());
                years * 12 + months - i64::from(today.day() < from.day())
            }
            Self::Since => i64::from(from.until(today).ok()?.get_days()),
        })
    }
}

/// `text`, a selector or condition, as the parser reads it.
///
/// # Errors
/// If it calls a function that the parser knows and fieldgate does not.
pub(super) fn for_parser(text: &str) -> Result<String, SelectorError> {
    let mut out = String::with_capacity(text.len());
    // For each open bracket how many it is closed by.
    let mut open = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut escaped = false;
    for character in text.chars() {
        if let Some(end) = quote {
            out.push(character);
            if character == end && !escaped {
                quote = None;
            }
            escaped = character == '\\' && !escaped;
            continue;
        }
        if character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii() {
            word.push(character);
            continue;
        }
        let called = std::mem::take(&mut word);
        if character == '(' && FOREIGN.contains(&called.as_str()) {
            return Err(super::filter::unknown_function());
        }
        match OWN.iter().find(|(name, _)| *name == called) {
            Some((name, _)) if character == '(' => {
                out.push_str(&format!("value(in('{name}',"));
                open.push("))");
            }
            Some(_) | None => {
                out.push_str(&called);
                match character {
                    '(' => open.push(")"),
                    ')' => {
                        out.push_str(open.pop().unwrap_or(")"));
                        continue;
                    }
                    '\'' | '"' => quote = Some(character),
                    _ => {}
                }
                out.push(character);
            }
        }
    }
    out.push_str(&word);
    Ok(out)
}

/// What the argument of a `value(…)` asks of a date, and of which value, if it is one that [`for_parser`] wrote.
pub(super) fn called(argument: &FnArg) -> Option<(Asked, &FnArg)> {
    let FnArg::Test(test) = argument else {
        return None;
    };
    let Test::Function(function) = &**test else {
        return None;
    };
    match &**function {
        TestFunction::Custom(name, arguments) if name == "in" => match &**arguments {
            [FnArg::Literal(Literal::String(own)), of] => {
                let (_, asked) = OWN.iter().find(|(name, _)| name == own)?;
                Some((*asked, of))
            }
            _ => None,
        },
        TestFunction::Custom(..)
        | TestFunction::Length(_)
        | TestFunction::Value(_)
        | TestFunction::Count(_)
        | TestFunction::Search(..)
        | TestFunction::Match(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_change_on_birthdays_and_days_at_midnight() {
        // A date, today, the age, the days since.
        let rows = [
            ("2000-06-15", "2018-06-14", Some((17, 6573))),
            ("2000-06-15", "2018-06-15", Some((18, 6574))),
            ("2000-06-15", "2018-06-16", Some((18, 6575))),
            ("2000-02-29", "2018-02-28", Some((17, 6574))),
            ("2000-02-29", "2018-03-01", Some((18, 6575))),
            ("2000-02-29", "2020-02-28", Some((19, 7304))),
            ("2000-02-29", "2020-02-29", Some((20, 7305))),
            ("2026-01-01", "2026-01-01", Some((0, 0))),
            ("2026-01-02", "2026-01-01", Some((-1, -1))),
            ("2027-01-01", "2026-01-01", Some((-1, -365))),
            (
                "1941-03-07T23:30:00-05:00",
                "2026-03-07",
                Some((85, 31_046)),
            ),
            (r"1941\u002d03-07", "2026-03-06", Some((84, 31_045))),
            ("0000-01-01", "2026-01-01", Some((2026, 739_982))),
            ("1941-03", "2026-03-06", None),
            ("1941", "2026-03-06", None),
            ("1941-02-29", "2026-03-06", None),
            ("7 March 1941", "2026-03-06", None),
            ("", "2026-03-06", None),
        ];
        for (from, today, expected) in rows {
            let today: Date = today.parse().unwrap();
            let answers = Asked::Age
                .answer(from.as_bytes(), today)
                .zip(Asked::Since.answer(from.as_bytes(), today));
            assert_eq!(answers, expected, "{from} on {today}");
        }
    }

    #[test]
    fn only_calls_are_written_for_the_parser() {
        for (text, written) in [
            ("age(@.dob) < 18", "value(in('age',@.dob)) < 18"),
            (
                "(since(@.a) > 1) && !(age( @['b)'] ) == 2)",
                "(value(in('since',@.a)) > 1) && !(value(in('age', @['b)'] )) == 2)",
            ),
            (
                "match(@.age, 'age(') && @.since == \"since(\\\"\" && @['it\\'s age(']",
                "match(@.age, 'age(') && @.since == \"since(\\\"\" && @['it\\'s age(']",
            ),
            ("$.age", "$.age"),
            ("$.cabbage[?@.age]", "$.cabbage[?@.age]"),
            ("manage(1)", "manage(1)"),
            ("@.é == 1)", "@.é == 1)"),
        ] {
            assert_eq!(for_parser(text).unwrap(), written);
        }
        for foreign in [
            "in(@.a, @.b)",
            "!any_of(@.a, 'age')",
            "value(in('age', @.a)) < 1",
        ] {
            assert!(for_parser(foreign).is_err(), "{foreign}");
        }
    }
}
