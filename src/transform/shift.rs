//! Dates moved by a number of days that only the key and the record's subject decide.

use hmac::{Hmac, KeyInit, Mac};
use jiff::ToSpan;
use jiff::civil::Date;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::date::{DateForm, Room};
use super::{Mismatch, OutputType};

/// Dates of one person moved by one number of days, so that the days between them stay what they are.
///
/// A shift hides when, not what: somebody who knows one true date of a person knows the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Days that a date moves at most; at least one.
    days: u16,
    direction: Direction,
    from: DateForm,
}

/// Where dates move.
///
/// Moving a date beyond today would tell that it has been moved later, and cutting it off at today would break the
/// intervals and give the true day away on that day. So dates move earlier, unless the rule says otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Direction {
    /// 1 to `days` days earlier.
    #[default]
    Earlier,
    /// 1 to `days` days earlier or later. A date that is not after today but would be, moved, is a mismatch until its
    /// moved day has come.
    Either,
}

/// Why a shift is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShiftError {
    /// By nothing, or by more than hides a season.
    #[error("`days` is between 1 and 3650; write for example days: 30")]
    Days,
}

impl Shift {
    /// By up to `days` days, of dates written as `from` says.
    ///
    /// # Errors
    /// If `days` is 0, or more than ten years.
    pub fn new(days: u16, direction: Direction, from: DateForm) -> Result<Self, ShiftError> {
        if days == 0 || days > 3650 {
            return Err(ShiftError::Days);
        }
        Ok(Self {
            days,
            direction,
            from,
        })
    }

    /// The type of what leaves.
    #[must_use]
    pub fn output(&self) -> OutputType {
        if self.from.is_digits() {
            OutputType::IntegerOrText
        } else {
            OutputType::Text
        }
    }

    /// The shift under `key`, ready to be used.
    #[must_use]
    pub fn keyed(&self, key: &[u8; 32]) -> KeyedShift {
        let keyed = Hmac::new_from_slice(key).expect("HMAC takes a key of any length");
        KeyedShift {
            shift: self.clone(),
            key: keyed,
        }
    }
}

/// A [`Shift`] and its key.
#[derive(Clone)]
pub struct KeyedShift {
    shift: Shift,
    /// HMAC-SHA-256 after its key; cloned for each value.
    key: Hmac<Sha256>,
}

impl KeyedShift {
    /// Appends the date that `json`, one single value as strict JSON text, is, moved, in the form that it came in:
    /// a timestamp keeps its time and offset.
    ///
    /// `subject` is the record's subject in canonical form: the same bytes move dates by the same days (P8).
    ///
    /// # Errors
    /// If the value is no full date, stands for an unknown one, or the record has no subject; `out` is then as before.
    pub fn apply(
        &self,
        json: &[u8],
        today: Option<Date>,
        subject: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), Mismatch> {
        let subject = subject.filter(|bytes| !bytes.is_empty()).ok_or(Mismatch)?;
        let form = &self.shift.from;
        let mut room = Room::new();
        let found = form.find(json, &mut room).ok_or(Mismatch)?;
        if found.date.is_placeholder() {
            return Err(Mismatch);
        }
        let date = found.date.full().ok_or(Mismatch)?;
        let moved = date
            .checked_add(self.days(subject).days())
            .map_err(|_| Mismatch)?;
        let is_beyond_today = match self.shift.direction {
            Direction::Earlier => false,
            Direction::Either => {
                let today = today.ok_or(Mismatch)?;
                date <= today && moved > today
            }
        };
        if is_beyond_today || !(0..=9999).contains(&moved.year()) {
            return Err(Mismatch);
        }
        if !found.is_number {
            out.push(b'"');
        }
        form.write(moved, out);
        out.extend_from_slice(found.time);
        if !found.is_number {
            out.push(b'"');
        }
        Ok(())
    }

    /// Whether what leaves depends on the day of the exchange.
    #[must_use]
    pub fn reads_today(&self) -> bool {
        self.shift.direction == Direction::Either
    }

    /// The days that a subject's dates move: never none.
    fn days(&self, subject: &[u8]) -> i32 {
        let mut mac = self.key.clone();
        mac.update(subject);
        let tag = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        let (first, _) = tag.split_first_chunk::<8>().expect("a tag of 32 bytes");
        // Of 2^64 a few thousand: the remainder favours none of them by more than one in 10^15.
        let number = u64::from_be_bytes(*first);
        let most = u64::from(self.shift.days);
        let days = |number: u64| i32::try_from(number + 1).expect("at most ten years of days");
        match self.shift.direction {
            Direction::Earlier => -days(number % most),
            Direction::Either if number % 2 == 0 => -days(number / 2 % most),
            Direction::Either => days(number / 2 % most),
        }
    }
}

impl std::fmt::Debug for KeyedShift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyedShift({} days, key not printed)", self.shift.days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(days: u16, direction: Direction) -> KeyedShift {
        Shift::new(days, direction, DateForm::default())
            .unwrap()
            .keyed(&[7; 32])
    }

    fn apply(shift: &KeyedShift, subject: Option<&str>, json: &str) -> Option<String> {
        let today = Date::constant(2026, 11, 22);
        let mut out = b"as before".to_vec();
        let result = shift.apply(
            json.as_bytes(),
            Some(today),
            subject.map(str::as_bytes),
            &mut out,
        );
        let text = String::from_utf8(out).unwrap();
        let appended = text.strip_prefix("as before").unwrap();
        assert!(result.is_ok() || appended.is_empty());
        result.ok().map(|()| appended.to_owned())
    }

    fn moved(shift: &KeyedShift, subject: &str, date: &str) -> Option<Date> {
        let text = apply(shift, Some(subject), &format!("\"{date}\""))?;
        Some(text.trim_matches('"').parse().unwrap())
    }

    fn days_between(one: Date, other: Date) -> i32 {
        one.until(other).unwrap().get_days()
    }

    #[test]
    fn the_days_between_a_persons_dates_stay_what_they_are() {
        let dates = ["1941-03-07", "2000-02-29", "2019-12-31", "2026-10-01"];
        for direction in [Direction::Earlier, Direction::Either] {
            let shift = keyed(30, direction);
            for subject in 0..200 {
                let subject = format!("person {subject}");
                let by = dates.map(|date| {
                    days_between(
                        date.parse().unwrap(),
                        moved(&shift, &subject, date).unwrap(),
                    )
                });
                assert!(by.iter().all(|days| *days == by[0]), "{by:?}");
                assert!(by[0] != 0 && by[0].abs() <= 30, "{by:?}");
                assert!(direction == Direction::Either || by[0] < 0, "{by:?}");
            }
        }
    }

    #[test]
    fn every_shift_within_the_bound_comes_to_somebody_and_none_to_most() {
        for (direction, count) in [(Direction::Earlier, 30), (Direction::Either, 60)] {
            let shift = keyed(30, direction);
            let mut seen = std::collections::BTreeMap::new();
            for subject in 0..6000 {
                *seen
                    .entry(shift.days(format!("{subject}").as_bytes()))
                    .or_insert(0) += 1;
            }
            assert_eq!(seen.len(), count);
            assert!(
                seen.values()
                    .all(|people| (6000 / count / 2..6000 / count * 2).contains(people))
            );
        }
    }

    #[test]
    fn p8_one_subject_one_shift_and_another_key_another() {
        let shift = keyed(3650, Direction::Either);
        let other = Shift::new(3650, Direction::Either, DateForm::default())
            .unwrap()
            .keyed(&[8; 32]);
        let date = "\"1941-03-07\"";
        let once = apply(&shift, Some("a"), date);
        assert_eq!(apply(&shift, Some("a"), date), once);
        assert_ne!(apply(&shift, Some("b"), date), once);
        assert_ne!(apply(&other, Some("a"), date), once);
    }

    #[test]
    fn a_value_keeps_its_form_and_a_timestamp_its_time() {
        let one_day = keyed(1, Direction::Earlier);
        for (json, expected) in [
            ("\"2000-03-01\"", Some("\"2000-02-29\"")),
            (
                "\"2026-01-01T23:59:60.5+01:00\"",
                Some("\"2025-12-31T23:59:60.5+01:00\""),
            ),
            ("\"2026-01-01t09:00:00z\"", Some("\"2025-12-31t09:00:00z\"")),
            (r#""2026\u002d01-01""#, Some("\"2025-12-31\"")),
            ("\"0000-01-01\"", None),
            ("\"1900-01-01\"", None),
            ("\"9999-12-31\"", None),
            ("\"2026-01\"", None),
            ("\"2026\"", None),
            ("\"\"", None),
            ("20260101", None),
            ("true", None),
        ] {
            assert_eq!(
                apply(&one_day, Some("a"), json).as_deref(),
                expected,
                "{json}"
            );
        }
        let form = |text: &str| {
            let form = DateForm::declared(text).unwrap();
            Shift::new(1, Direction::Earlier, form)
                .unwrap()
                .keyed(&[7; 32])
        };
        for (text, json, expected) in [
            ("dd/mm/yyyy", "\"01/01/2026\"", "\"31/12/2025\""),
            (
                "d mmm yyyy hh:mm",
                "\"1 Jan 2026 09:30\"",
                "\"31 Dec 2025 09:30\"",
            ),
            ("yyyymmdd", "20260101", "20251231"),
        ] {
            assert_eq!(
                apply(&form(text), Some("a"), json).as_deref(),
                Some(expected)
            );
        }
    }

    #[test]
    fn without_a_subject_nothing_leaves() {
        let shift = keyed(30, Direction::Earlier);
        for subject in [None, Some("")] {
            assert_eq!(apply(&shift, subject, "\"1941-03-07\""), None);
        }
    }

    #[test]
    fn no_date_passes_today_that_had_not() {
        let today = Date::constant(2026, 11, 22);
        let shift = keyed(30, Direction::Either);
        let mut dropped = 0;
        for subject in 0..200 {
            let subject = format!("{subject}");
            match moved(&shift, &subject, "2026-11-22") {
                Some(moved) => assert!(moved < today),
                None => dropped += 1,
            }
            // What was to come may come earlier or later.
            assert!(moved(&shift, &subject, "2026-12-25").is_some());
            let earlier = moved(&keyed(30, Direction::Earlier), &subject, "2026-11-22");
            assert!(earlier.unwrap() < today);
        }
        assert!((50..150).contains(&dropped));
    }

    #[test]
    fn a_shift_by_nothing_or_by_too_much_is_refused_and_no_key_is_printed() {
        for days in [0, 3651] {
            let shift = Shift::new(days, Direction::Earlier, DateForm::default());
            assert_eq!(shift, Err(ShiftError::Days));
        }
        let printed = format!("{:?}", keyed(30, Direction::Earlier));
        assert_eq!(printed, "KeyedShift(30 days, key not printed)");
    }
}
