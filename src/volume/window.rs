//! Windows of time: fixed, and those of a calendar.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// How long a window is. Windows are fixed and follow each other without a gap: minutes and hours are those of the
/// clock (UTC), days, weeks (from Monday), months and years those of the controller's calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Per {
    /// `PT1M`.
    Minute,
    /// `PT15M`.
    QuarterHour,
    /// `PT1H`.
    Hour,
    /// `P1D`.
    Day,
    /// `P1W` or `P7D`.
    Week,
    /// `P1M`.
    Month,
    /// `P1Y`.
    Year,
}

/// One window: the instants from `from` on, before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
}

impl Per {
    /// All of them, shortest first.
    pub const ALL: [Self; 7] = [
        Self::Minute,
        Self::QuarterHour,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
        Self::Year,
    ];

    /// The window that `text` names as an ISO 8601 duration; `None` for any other length.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "P7D" {
            return Some(Self::Week);
        }
        Self::ALL.into_iter().find(|per| per.code() == text)
    }

    /// Its ISO 8601 form.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Minute => "PT1M",
            Self::QuarterHour => "PT15M",
            Self::Hour => "PT1H",
            Self::Day => "P1D",
            Self::Week => "P1W",
            Self::Month => "P1M",
            Self::Year => "P1Y",
        }
    }

    /// The seconds of the shortest window of this length. A day on which the clocks go forward has 23 hours; the counts of
    /// a policy take a day as 24.
    #[must_use]
    pub fn shortest_seconds(self) -> u64 {
        match self {
            Self::Minute => 60,
            Self::QuarterHour => 15 * 60,
            Self::Hour => 60 * 60,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 28 * 86_400,
            Self::Year => 365 * 86_400,
        }
    }

    /// The seconds of the longest, likewise.
    #[must_use]
    pub fn longest_seconds(self) -> u64 {
        match self {
            Self::Month => 31 * 86_400,
            Self::Year => 366 * 86_400,
            Self::Minute | Self::QuarterHour | Self::Hour | Self::Day | Self::Week => {
                self.shortest_seconds()
            }
        }
    }

    /// The window that `at` is in.
    #[must_use]
    pub fn window(self, at: Timestamp, zone: &TimeZone) -> Window {
        match self {
            Self::Minute => clock(at, 60),
            Self::QuarterHour => clock(at, 15 * 60),
            Self::Hour => clock(at, 60 * 60),
            Self::Day => calendar(at, zone, |day| (day, day.checked_add(1.day()))),
            Self::Week => calendar(at, zone, |day| {
                let since_monday = i64::from(day.weekday().to_monday_zero_offset());
                let monday = day.saturating_sub(since_monday.days());
                (monday, monday.checked_add(1.week()))
            }),
            Self::Month => calendar(at, zone, |day| {
                let first = day.first_of_month();
                (first, first.checked_add(1.month()))
            }),
            Self::Year => calendar(at, zone, |day| {
                let first = day.first_of_year();
                (first, first.checked_add(1.year()))
            }),
        }
    }
}

impl fmt::Display for Per {
    /// In words, after "in each": `day`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::QuarterHour => "quarter of an hour",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        })
    }
}

/// The window of `seconds` of the clock.
fn clock(at: Timestamp, seconds: i64) -> Window {
    let start = at.as_second().div_euclid(seconds) * seconds;
    let from = Timestamp::from_second(start).unwrap_or(Timestamp::MIN);
    Window {
        from,
        until: from
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(Timestamp::MAX),
    }
}

/// The window of whole days in `zone` whose first day and first day after it `days` gives.
fn calendar(
    at: Timestamp,
    zone: &TimeZone,
    days: impl Fn(Date) -> (Date, Result<Date, jiff::Error>),
) -> Window {
    let midnight = |day: Date| day.to_zoned(zone.clone()).map(|zoned| zoned.timestamp());
    let (first, after) = days(at.to_zoned(zone.clone()).date());
    Window {
        from: midnight(first).unwrap_or(Timestamp::MIN),
        // At the end of the calendar a window does not end.
        until: after.and_then(midnight).unwrap_or(Timestamp::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_length_has_its_window() {
        let london = TimeZone::get("Europe/London").unwrap();
        let rows = [
            (
                "PT1M",
                "2026-06-15T12:34:56Z",
                "2026-06-15T12:34:00Z",
                "2026-06-15T12:35:00Z",
            ),
            (
                "PT15M",
                "2026-06-15T12:34:56Z",
                "2026-06-15T12:30:00Z",
                "2026-06-15T12:45:00Z",
            ),
            (
                "PT1H",
                "2026-06-15T12:34:56Z",
                "2026-06-15T12:00:00Z",
                "2026-06-15T13:00:00Z",
            ),
            // In June London is an hour before UTC.
            (
                "P1D",
                "2026-06-15T23:30:00Z",
                "2026-06-15T23:00:00Z",
                "2026-06-16T23:00:00Z",
            ),
            // The day on which the clock goes forward has 23 hours.
            (
                "P1D",
                "2026-03-29T12:00:00Z",
                "2026-03-29T00:00:00Z",
                "2026-03-29T23:00:00Z",
            ),
            // The day on which it goes back has 25.
            (
                "P1D",
                "2026-10-25T12:00:00Z",
                "2026-10-24T23:00:00Z",
                "2026-10-26T00:00:00Z",
            ),
            (
                "P1W",
                "2026-06-21T12:00:00Z",
                "2026-06-14T23:00:00Z",
                "2026-06-21T23:00:00Z",
            ),
            (
                "P7D",
                "2026-06-15T12:00:00Z",
                "2026-06-14T23:00:00Z",
                "2026-06-21T23:00:00Z",
            ),
            (
                "P1M",
                "2026-02-10T12:00:00Z",
                "2026-02-01T00:00:00Z",
                "2026-03-01T00:00:00Z",
            ),
            (
                "P1Y",
                "2026-02-10T12:00:00Z",
                "2026-01-01T00:00:00Z",
                "2027-01-01T00:00:00Z",
            ),
        ];
        for (per, at, from, until) in rows {
            let window = Per::parse(per)
                .unwrap()
                .window(at.parse().unwrap(), &london);
            assert_eq!(window.from, from.parse().unwrap(), "{per} at {at}");
            assert_eq!(window.until, until.parse().unwrap(), "{per} at {at}");
        }
    }

    #[test]
    fn windows_follow_each_other_without_a_gap() {
        let zone = TimeZone::get("Europe/London").unwrap();
        for per in Per::ALL {
            let mut window = per.window("2026-01-01T00:00:00Z".parse().unwrap(), &zone);
            for _ in 0..400 {
                let next = per.window(window.until, &zone);
                assert_eq!(next.from, window.until, "{per}");
                window = next;
            }
        }
    }

    #[test]
    fn only_lengths_of_a_clock_and_a_calendar_are_taken() {
        for text in ["", "P", "PT2H", "P2D", "P6M", "PT1S", "day", "p1d"] {
            assert_eq!(Per::parse(text), None, "{text}");
        }
    }
}
