//! Numbers read from their text, digit by digit: `0.1`, `1e3` and integers of any length are what is written.

use super::super::date::Room;
use super::text::{push_integer, quoted_by};
use crate::transform::Mismatch;

/// Digits before the point up to which a number's value is known; a longer one is beyond all bounds.
const DIGITS: i64 = 36;

/// A number as its text says it, cut at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    /// What is before the point, less than 10^36, or 10^36 for anything from there on.
    whole: i128,
    /// The first digit after the point.
    tenth: u8,
    /// Whether what is after the point is more than nothing.
    has_fraction: bool,
}

/// 10^36: what a number's value is not known from.
pub(super) const BEYOND: i128 = 10_i128.pow(36);

impl Number {
    /// The number that `text` is, by the grammar of JSON.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (whole, rest) = text.split_at(digits(text));
        if whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
            return None;
        }
        let (fraction, rest) = match rest {
            [b'.', after @ ..] => match digits(after) {
                0 => return None,
                length => after.split_at(length),
            },
            _ => (&[] as &[u8], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', after @ ..] => exponent(after)?,
            _ => return None,
        };
        Some(Self::of(negative, whole, fraction, exponent))
    }

    /// `whole.fraction` times ten to the `exponent`.
    fn of(negative: bool, whole: &[u8], fraction: &[u8], exponent: i64) -> Self {
        let all = || whole.iter().chain(fraction).map(|byte| byte - b'0');
        let zeros = all().take_while(|digit| *digit == 0).count();
        let significant = || all().skip(zeros);
        let length = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        // How many of the significant digits are before the point; less than none: zeros follow the point first.
        let before = length(whole.len())
            .saturating_sub(length(zeros))
            .saturating_add(exponent);
        if significant().next().is_none() {
            return Self {
                negative: false,
                whole: 0,
                tenth: 0,
                has_fraction: false,
            };
        }
        if before > DIGITS {
            return Self {
                negative,
                whole: BEYOND,
                tenth: 0,
                has_fraction: false,
            };
        }
        let places = usize::try_from(before).unwrap_or(0);
        let padded = significant().chain(std::iter::repeat(0)).take(places);
        let after = || significant().skip(places);
        Self {
            negative,
            whole: padded.fold(0, |sum, digit| sum * 10 + i128::from(digit)),
            tenth: if before >= 0 {
                after().next().unwrap_or(0)
            } else {
                0
            },
            has_fraction: after().any(|digit| digit != 0),
        }
    }

    /// The greatest whole number that is no greater.
    pub(super) fn floor(self) -> i128 {
        if self.negative {
            -self.whole - i128::from(self.has_fraction)
        } else {
            self.whole
        }
    }

    /// Whether so many digits are before its point that its value is not known.
    pub(super) fn is_beyond(self) -> bool {
        self.whole == BEYOND
    }

    /// The nearest multiple of `step`; half way between two, the one further from nought.
    fn nearest(self, step: i128) -> i128 {
        let below = self.whole - self.whole % step;
        let rest = self.whole % step;
        // Half of an odd step ends in a half: there the first digit after the point decides.
        let is_up = match (2 * rest + 1).cmp(&step) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => self.tenth >= 5,
            std::cmp::Ordering::Less => false,
        };
        let magnitude = if is_up { below + step } else { below };
        if self.negative { -magnitude } else { magnitude }
    }
}

/// The whole number after `e`; one too long to be told from another is as far as numbers go.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0_i64, |sum, &digit| {
        let digit = char::from(digit).to_digit(10)?;
        Some(sum.saturating_mul(10).saturating_add(i64::from(digit)))
    })?;
    Some(if negative { -magnitude } else { magnitude })
}

/// The text of the number that `json`, a single value, is: a number, or text that is nothing but one. And whether
/// it is text, as every value of a CSV or XML body is.
pub(super) fn number_text<'a>(json: &'a [u8], room: &'a mut Room) -> Option<(&'a [u8], bool)> {
    match json {
        [b'"', inside @ .., b'"'] => Some((room.ascii(inside)?.trim_ascii(), true)),
        [b'-' | b'0'..=b'9', ..] => Some((json, false)),
        _ => None,
    }
}

/// Numbers rounded to the nearest multiple of a step, and cut off beyond their bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounding {
    step: i128,
    caps: Caps,
}

/// The bounds that numbers beyond them become: bottom and top coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    bottom: Option<i128>,
    top: Option<i128>,
}

/// Why a number cannot be made coarser so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Rounded to nothing.
    #[error("`nearest` is at least 1; write for example nearest: 100")]
    NoStep,
    /// A bound that rounding does not give.
    #[error(
        "`{end}: {at}` is no multiple of `nearest`, so that it would tell who is beyond it from who is rounded to it; write for example {end}: {write}"
    )]
    BetweenSteps {
        /// `top` or `bottom`.
        end: &'static str,
        /// Where it is.
        at: i64,
        /// The multiple below.
        write: i64,
    },
    /// The bounds meet.
    #[error("`bottom` has to be below `top`")]
    NothingBetween,
    /// No bound.
    #[error("capped needs `top`, `bottom` or both; write for example top: 100000")]
    NoBound,
}

impl Caps {
    /// Numbers from `top` on become `top`, numbers below `bottom` become `bottom`, others stay as they are.
    ///
    /// # Errors
    /// If there is no bound, or nothing between the two.
    pub fn new(bottom: Option<i64>, top: Option<i64>) -> Result<Self, NumberError> {
        match (bottom, top) {
            (None, None) => Err(NumberError::NoBound),
            (Some(bottom), Some(top)) if bottom >= top => Err(NumberError::NothingBetween),
            (_, _) => Ok(Self {
                bottom: bottom.map(i128::from),
                top: top.map(i128::from),
            }),
        }
    }

    /// The bound that a number becomes whose whole part, rounded down, is `floor`.
    fn bound(self, floor: i128) -> Option<i128> {
        self.top
            .filter(|top| floor >= *top)
            .or(self.bottom.filter(|bottom| floor < *bottom))
    }

    /// Appends `json` or the bound that it becomes: a number, or text where it was text.
    pub(super) fn apply(self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Mismatch> {
        let mut room = Room::new();
        let (text, is_text) = number_text(json, &mut room).ok_or(Mismatch)?;
        let number = Number::parse(text).ok_or(Mismatch)?;
        match self.bound(number.floor()) {
            Some(bound) => push(bound, is_text, out),
            None if is_text => quoted_by(out, |out| out.extend_from_slice(text)),
            None => out.extend_from_slice(text),
        }
        Ok(())
    }
}

impl Rounding {
    /// To the nearest multiple of `nearest`, half way away from nought; beyond `bottom` and `top` these.
    ///
    /// # Errors
    /// If `nearest` is 0, or a bound is no multiple of it.
    pub fn new(nearest: u32, bottom: Option<i64>, top: Option<i64>) -> Result<Self, NumberError> {
        if nearest == 0 {
            return Err(NumberError::NoStep);
        }
        for (end, at) in [("bottom", bottom), ("top", top)] {
            if let Some(at) = at.filter(|at| at.rem_euclid(i64::from(nearest)) != 0) {
                let write = at - at.rem_euclid(i64::from(nearest));
                return Err(NumberError::BetweenSteps { end, at, write });
            }
        }
        let caps = match Caps::new(bottom, top) {
            Ok(caps) => caps,
            Err(NumberError::NoBound) => Caps {
                bottom: None,
                top: None,
            },
            Err(error) => return Err(error),
        };
        Ok(Self {
            step: nearest.into(),
            caps,
        })
    }

    /// Appends `json` rounded: a number, or text where it was text.
    pub(super) fn apply(self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Mismatch> {
        let mut room = Room::new();
        let (text, is_text) = number_text(json, &mut room).ok_or(Mismatch)?;
        let number = Number::parse(text).ok_or(Mismatch)?;
        let rounded = match self.caps.bound(number.floor()) {
            Some(bound) => bound,
            None if number.is_beyond() => return Err(Mismatch),
            None => number.nearest(self.step),
        };
        push(rounded, is_text, out);
        Ok(())
    }
}

fn push(number: i128, is_text: bool, out: &mut Vec<u8>) {
    if is_text {
        quoted_by(out, |out| push_integer(number, out));
    } else {
        push_integer(number, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(
        apply: impl Fn(&[u8], &mut Vec<u8>) -> Result<(), Mismatch>,
        json: &str,
    ) -> Option<String> {
        let mut out = Vec::new();
        let result = apply(json.as_bytes(), &mut out);
        assert!(
            result.is_ok() || out.is_empty(),
            "a mismatch appends nothing"
        );
        result.ok().map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_floor_is_that_of_the_text() {
        for (text, floor) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("7", 7),
            ("7.0", 7),
            ("7.999999999999999999999999999999", 7),
            ("-7", -7),
            ("-7.0", -7),
            ("-7.000000000000000000000000000001", -8),
            ("1e3", 1000),
            ("1E+3", 1000),
            ("1.2345e3", 1234),
            ("-1.2345e3", -1235),
            ("12345e-3", 12),
            ("0.00012e6", 120),
            ("12e-400", 0),
            ("-12e-400", -1),
            ("0e99999999999999999999", 0),
            ("1e-99999999999999999999", 0),
            ("9007199254740993", 9_007_199_254_740_993),
            ("18446744073709551615", 18_446_744_073_709_551_615),
            ("-9223372036854775809", -9_223_372_036_854_775_809),
        ] {
            assert_eq!(
                Number::parse(text.as_bytes()).unwrap().floor(),
                floor,
                "{text}"
            );
        }
        for text in ["1e36", "1e400", "1e99999999999999999999", "-1e36"] {
            assert!(
                Number::parse(text.as_bytes()).unwrap().is_beyond(),
                "{text}"
            );
        }
        let longest = "9".repeat(36);
        assert!(!Number::parse(longest.as_bytes()).unwrap().is_beyond());
        for text in [
            "", "-", "01", "00", ".5", "5.", "1e", "1e+", "+1", "1,000", "0x10", "NaN", "1 ",
            "1.5.2", "--1", "1e1.5",
        ] {
            assert_eq!(Number::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn rounding_goes_to_the_nearest_and_half_way_up() {
        let rows: &[(u32, &str, &str)] = &[
            (100, "0", "0"),
            (100, "49", "0"),
            (100, "49.999999999999999999999", "0"),
            (100, "50", "100"),
            (100, "149", "100"),
            (100, "-49", "0"),
            (100, "-50", "-100"),
            (100, "1.5e2", "200"),
            (5, "2", "0"),
            (5, "2.4", "0"),
            (5, "2.5", "5"),
            (5, "2.49999999999999999999999999", "0"),
            (5, "3", "5"),
            (5, "7.5", "10"),
            (1, "0.5", "1"),
            (1, "0.49999999999999999999999999", "0"),
            (1, "0.05", "0"),
            (1, "0.0005e3", "1"),
            (1, "0.05e1", "1"),
            (1, "9007199254740993", "9007199254740993"),
            (10, "18446744073709551615", "18446744073709551620"),
            (1000, "\"1499\"", "\"1000\""),
            (1000, "\" 1500 \"", "\"2000\""),
        ];
        for (nearest, json, expected) in rows {
            let rounding = Rounding::new(*nearest, None, None).unwrap();
            assert_eq!(
                applied(|json, out| rounding.apply(json, out), json).as_deref(),
                Some(*expected),
                "{json} to {nearest}"
            );
        }
        let coded = Rounding::new(10, Some(20), Some(100)).unwrap();
        for (json, expected) in [
            ("-1e400", "20"),
            ("19.9", "20"),
            ("94", "90"),
            ("99", "100"),
            ("101", "100"),
            ("1e400", "100"),
        ] {
            assert_eq!(
                applied(|json, out| coded.apply(json, out), json).as_deref(),
                Some(expected)
            );
        }
        let open = Rounding::new(10, None, None).unwrap();
        for json in ["1e36", "\"\"", "\"ten\"", "true", "\"1,000\"", "\"£5\""] {
            assert_eq!(
                applied(|json, out| open.apply(json, out), json),
                None,
                "{json}"
            );
        }
    }

    #[test]
    fn rounding_is_that_of_exact_arithmetic() {
        for nearest in [1, 2, 3, 5, 7, 10] {
            let rounding = Rounding::new(nearest, None, None).unwrap();
            let step = i64::from(nearest) * 100;
            for hundredths in -2500_i64..=2500 {
                let sign = if hundredths < 0 { "-" } else { "" };
                let text = format!(
                    "{sign}{}.{:02}",
                    hundredths.abs() / 100,
                    hundredths.abs() % 100
                );
                let up = (2 * hundredths.abs() + step) / (2 * step) * i64::from(nearest);
                let expected = if hundredths < 0 { -up } else { up };
                assert_eq!(
                    applied(|json, out| rounding.apply(json, out), &text),
                    Some(expected.to_string()),
                    "{text} to {nearest}"
                );
            }
        }
    }

    #[test]
    fn caps_hold_the_far_ends_and_leave_the_rest() {
        let caps = Caps::new(Some(0), Some(100_000)).unwrap();
        for (json, expected) in [
            ("99999.999", "99999.999"),
            ("100000", "100000"),
            ("100000.00", "100000"),
            ("1e400", "100000"),
            ("-0.01", "0"),
            ("-1e400", "0"),
            ("0.0", "0.0"),
            ("1.50e1", "1.50e1"),
            ("\"250000\"", "\"100000\""),
            ("\"12.50\"", "\"12.50\""),
            (r#""\u0031""#, "\"1\""),
        ] {
            assert_eq!(
                applied(|json, out| caps.apply(json, out), json).as_deref(),
                Some(expected),
                "{json}"
            );
        }
        for json in ["\"\"", "\"12 pounds\"", "\"1,000\"", "true", "false"] {
            assert_eq!(
                applied(|json, out| caps.apply(json, out), json),
                None,
                "{json}"
            );
        }
    }

    #[test]
    fn bounds_that_mean_nothing_are_refused() {
        assert_eq!(Caps::new(None, None), Err(NumberError::NoBound));
        assert_eq!(
            Caps::new(Some(5), Some(5)),
            Err(NumberError::NothingBetween)
        );
        assert_eq!(Rounding::new(0, None, None), Err(NumberError::NoStep));
        assert_eq!(
            Rounding::new(10, None, Some(95)),
            Err(NumberError::BetweenSteps {
                end: "top",
                at: 95,
                write: 90
            })
        );
    }
}
