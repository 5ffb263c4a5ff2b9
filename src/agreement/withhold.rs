//! What a record is checked for before it leaves: each a condition, so that every format and the one evaluation of
//! filters take them.

use super::Fault;
use super::file::WithholdAsWritten;
use crate::minimise::Withheld;
use crate::plan::{Check, Condition, Selector};
use crate::written::Written;
use crate::written::text::{Period, SelectorText};

/// The checks that `withhold` asks for.
pub(super) fn check<T>(
    file: &Written<T>,
    pointer: &str,
    withhold: &WithholdAsWritten,
    faults: &mut Vec<Fault>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut add = |key: &str,
                   withheld,
                   selector: Option<&SelectorText>,
                   text: &dyn Fn(&str) -> String| {
        let Some(selector) = selector else {
            return;
        };
        let pointer = format!("{pointer}/{key}");
        let within = selector.0.starts_with('@');
        if !within || Selector::parse(&selector.0.replacen('@', "$", 1)).is_err() {
            file.fault(
                faults,
                &pointer,
                "what is checked is in the record; write its selector from there, for example @.restricted",
            );
            return;
        }
        match Condition::parse(&text(&selector.0)) {
            Ok(unless) => checks.push(Check {
                withheld,
                unless,
                purposes: None,
            }),
            Err(_) => file.fault(
                faults,
                &pointer,
                "it has to be one value; write a selector of names and positions, for example @.consent.refused",
            ),
        }
    };
    add("refused", Withheld::Refused, withhold.refused.as_ref(), &no);
    for (key, withheld, selector) in [
        (
            "court_restricted",
            Withheld::CourtRestricted,
            &withhold.court_restricted,
        ),
        ("harm_hold", Withheld::HarmHold, &withhold.harm_hold),
        ("exempt", Withheld::Exempt, &withhold.exempt),
        ("restricted", Withheld::Restriction, &withhold.restricted),
        ("deceased", Withheld::Deceased, &withhold.deceased),
    ] {
        add(key, withheld, selector.as_ref(), &unmarked);
    }
    if let Some(retention) = &withhold.retention
        && let Some(period) = &retention.r#for
    {
        add(
            "retention/from",
            Withheld::Retention,
            retention.from.as_ref(),
            &|from| {
                format!(
                    "!{from} || {from} == null || {from} == '' || {}",
                    younger(from, period, "<")
                )
            },
        );
    }
    if let Some(stale) = &withhold.stale
        && let Some(period) = &stale.within
    {
        add(
            "stale/as_of",
            Withheld::Stale,
            stale.as_of.as_ref(),
            &|as_of| younger(as_of, period, "<="),
        );
    }
    checks
}

/// It says no, in one of the ways in which systems write that. Nothing at all is no answer.
fn no(at: &str) -> String {
    let words = ["no", "No", "NO", "n", "N", "false", "False", "FALSE", "0"]
        .map(|word| format!("{at} == '{word}'"));
    format!("{at} == false || {at} == 0 || {}", words.join(" || "))
}

/// It says no, or nothing.
fn unmarked(at: &str) -> String {
    format!("!{at} || {at} == null || {at} == '' || {}", no(at))
}

/// The date is less than `period` ago, or as long ago as that where `by` says so. What is no date is not.
fn younger(date: &str, period: &Period, by: &str) -> String {
    // The schema has seen to the form: P, a number, a unit.
    let (number, unit) = period.0[1..].split_at(period.0.len() - 2);
    let number: u32 = number.parse().unwrap_or(0);
    match unit {
        "Y" => format!("months({date}) {by} {}", number * 12),
        "M" => format!("months({date}) {by} {number}"),
        "W" => format!("since({date}) {by} {}", number * 7),
        _ => format!("since({date}) {by} {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimise::query::{CompiledCondition, Held};

    /// Whether `text` holds of `record` on 22 November 2026.
    fn holds(text: &str, record: &str) -> bool {
        let condition = Condition::parse(text).unwrap();
        let condition = CompiledCondition::compile(&condition).unwrap();
        let held = Held::of(record.as_bytes())
            .unwrap()
            .on(jiff::civil::date(2026, 11, 22));
        condition.holds(&held)
    }

    #[test]
    fn a_refusal_that_is_missing_or_malformed_counts_as_one() {
        for (record, leaves) in [
            (r#"{"x":false}"#, true),
            (r#"{"x":"no"}"#, true),
            (r#"{"x":"N"}"#, true),
            (r#"{"x":0}"#, true),
            (r#"{"x":true}"#, false),
            (r#"{"x":"yes"}"#, false),
            (r#"{"x":"perhaps"}"#, false),
            (r#"{"x":null}"#, false),
            (r#"{"x":{}}"#, false),
            ("{}", false),
        ] {
            assert_eq!(holds(&no("@.x"), record), leaves, "{record}");
        }
    }

    #[test]
    fn a_mark_that_is_there_counts_whatever_it_says_but_no() {
        for (record, leaves) in [
            ("{}", true),
            (r#"{"x":null}"#, true),
            (r#"{"x":""}"#, true),
            (r#"{"x":false}"#, true),
            (r#"{"x":"no"}"#, true),
            (r#"{"x":true}"#, false),
            (r#"{"x":"2026-01-01"}"#, false),
            (r#"{"x":[]}"#, false),
            (r#"{"x":"?"}"#, false),
        ] {
            assert_eq!(holds(&unmarked("@.x"), record), leaves, "{record}");
        }
    }

    #[test]
    fn a_period_is_counted_in_the_units_it_is_written_in() {
        let period = |text: &str| Period(text.to_owned());
        for (written, by, date, young) in [
            ("P6Y", "<", "2020-11-23", true),
            ("P6Y", "<", "2020-11-22", false),
            ("P1M", "<", "2026-10-23", true),
            ("P1M", "<", "2026-10-22", false),
            ("P30D", "<=", "2026-10-23", true),
            ("P30D", "<=", "2026-10-22", false),
            ("P2W", "<=", "2026-11-08T10:00:00Z", true),
            ("P2W", "<=", "2026-11-07", false),
            ("P2W", "<=", "yesterday", false),
        ] {
            let record = format!(r#"{{"d":"{date}"}}"#);
            let text = younger("@.d", &period(written), by);
            assert_eq!(holds(&text, &record), young, "{written} {date}");
        }
    }
}
