//! Numbers as they are written, added without loss.
//!
//! A number is read from its text into an integer and the place of its point, and added as such: `0.1` ten times is
//! `1.0`, whatever the order of records.

use std::cmp::Ordering;

/// Digits behind the point that are read; a number with more is none that a table takes.
pub(crate) const MOST_SCALE: u8 = 12;

/// Digits before the point that are read.
const MOST_DIGITS: usize = 18;

/// A decimal number: `units` × 10^-`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) units: i128,
    /// At most [`MOST_SCALE`], one more in a mean or a median.
    pub(crate) scale: u8,
}

impl Decimal {
    /// Nothing, without digits behind the point.
    pub(crate) const ZERO: Self = Self { units: 0, scale: 0 };

    /// Reads `text`, a number as JSON writes it (RFC 8259 §6), or with zeros before it as tables do. `None` for what is no
    /// number, and for one of more than 18 digits before the point or 12 behind it.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        if let Some((units, scale)) = plain(text) {
            return Some(Self {
                units: if negative { -units } else { units },
                scale,
            });
        }
        let (number, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&text[..at], exponent(&text[at + 1..])?),
            None => (text, 0),
        };
        let (whole, fraction) = match number.iter().position(|byte| *byte == b'.') {
            Some(at) if at + 1 < number.len() => (&number[..at], &number[at + 1..]),
            Some(_) => return None,
            None => (number, &[][..]),
        };
        if whole.is_empty() || whole.len() + fraction.len() > 2 * MOST_DIGITS {
            return None;
        }
        let mut units: i128 = 0;
        for byte in whole.iter().chain(fraction) {
            if !byte.is_ascii_digit() {
                return None;
            }
            units = units
                .checked_mul(10)?
                .checked_add(i128::from(byte - b'0'))?;
        }
        let mut scale = i32::try_from(fraction.len()).ok()? - exponent;
        while scale > i32::from(MOST_SCALE) && units % 10 == 0 && units != 0 {
            units /= 10;
            scale -= 1;
        }
        if units == 0 {
            scale = scale.clamp(0, i32::from(MOST_SCALE));
        }
        if scale < 0 {
            units = units.checked_mul(power(u8::try_from(-scale).ok()?)?)?;
            scale = 0;
        }
        let scale = u8::try_from(scale)
            .ok()
            .filter(|scale| *scale <= MOST_SCALE)?;
        let most = power(MOST_DIGITS as u8 + scale)?;
        (units < most).then_some(Self {
            units: if negative { -units } else { units },
            scale,
        })
    }

    /// This number with `scale` digits behind the point, at least as many as it has; `None` where it becomes too large.
    fn at(self, scale: u8) -> Option<i128> {
        self.units
            .checked_mul(power(scale.checked_sub(self.scale)?)?)
    }

    /// The sum; `None` where it becomes too large.
    pub(crate) fn plus(self, other: Self) -> Option<Self> {
        if self.scale == other.scale {
            let units = self.units.checked_add(other.units)?;
            return Some(Self { units, ..self });
        }
        let scale = self.scale.max(other.scale);
        let units = self.at(scale)?.checked_add(other.at(scale)?)?;
        Some(Self { units, scale })
    }

    /// The difference; `None` where it becomes too large.
    pub(crate) fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self {
            units: -other.units,
            ..other
        })
    }

    /// Without its sign.
    pub(crate) fn magnitude(self) -> Self {
        Self {
            units: self.units.abs(),
            ..self
        }
    }

    /// This sum of `count` numbers over `count`, with one digit more than it has, halves away from zero. `None` where it
    /// becomes too large, or `count` is 0.
    pub(crate) fn over(self, count: u64) -> Option<Self> {
        let units = self.units.checked_mul(10)?;
        Some(Self {
            units: divide(units, i128::from(count))?,
            scale: self.scale + 1,
        })
    }

    /// To the nearest multiple of `nearest`, halves away from zero.
    pub(crate) fn rounded(self, nearest: u64) -> Option<Self> {
        let step = i128::from(nearest).checked_mul(power(self.scale)?)?;
        let times = divide(self.units, step)?;
        Some(Self {
            units: times.checked_mul(i128::from(nearest))?,
            scale: 0,
        })
    }

    /// With at most `scale` digits behind the point, halves away from zero.
    pub(crate) fn cut(self, scale: u8) -> Self {
        let Some(step) = self.scale.checked_sub(scale).and_then(power) else {
            return self;
        };
        match divide(self.units, step) {
            Some(units) => Self { units, scale },
            None => self,
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.units.cmp(&other.units);
        }
        let scale = self.scale.max(other.scale);
        match (self.at(scale), other.at(scale)) {
            (Some(one), Some(other)) => one.cmp(&other),
            // Only sums grow that large; their signs and sizes still tell.
            (None, _) | (_, None) => {
                let whole = |number: &Self| number.units / power(number.scale).unwrap_or(1);
                whole(self).cmp(&whole(other))
            }
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let digits = self.units.unsigned_abs();
        if self.scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let scale = usize::from(self.scale);
        let step = 10_u128.pow(u32::from(self.scale));
        write!(f, "{sign}{}.{:0scale$}", digits / step, digits % step)
    }
}

/// An exponent's integer, within what numbers here may have.
fn exponent(text: &[u8]) -> Option<i32> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    if digits.is_empty() || digits.len() > 3 {
        return None;
    }
    let mut value = 0;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i32::from(byte - b'0');
    }
    Some(sign * value)
}

/// All powers of ten that there is room for.
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// 10 to the power of `of_ten`; `None` where it becomes too large.
pub(super) fn power(of_ten: u8) -> Option<i128> {
    POWERS.get(usize::from(of_ten)).copied()
}

/// The units and the scale of what nearly all numbers are: few digits, perhaps with a point among them. Of anything else
/// `None`, which may be a number all the same.
fn plain(text: &[u8]) -> Option<(i128, u8)> {
    if text.is_empty() || text.len() > MOST_DIGITS {
        return None;
    }
    let (mut units, mut scale, last) = (0_u64, 0, text.len() - 1);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => units = units * 10 + u64::from(byte - b'0'),
            b'.' if scale == 0 && at > 0 && at < last => scale = last - at,
            _ => return None,
        }
    }
    let scale = u8::try_from(scale).ok();
    let scale = scale.filter(|scale| *scale <= MOST_SCALE)?;
    Some((i128::from(units), scale))
}

/// `units` / `by`, to the nearest integer, halves away from zero.
fn divide(units: i128, by: i128) -> Option<i128> {
    if by <= 0 {
        return None;
    }
    let (whole, rest) = (units / by, units % by);
    let away = if units < 0 { -1 } else { 1 };
    Some(if rest.abs() >= by - rest.abs() {
        whole + away
    } else {
        whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_written_without_loss() {
        for (text, read) in [
            ("0", Some("0")),
            ("-0", Some("0")),
            ("12", Some("12")),
            ("007", Some("7")),
            ("12.50", Some("12.50")),
            ("-0.05", Some("-0.05")),
            ("1e3", Some("1000")),
            ("1.25E+2", Some("125")),
            ("125e-2", Some("1.25")),
            ("1e-12", Some("0.000000000001")),
            ("1e-13", None),
            ("10e-13", Some("0.000000000001")),
            ("999999999999999999", Some("999999999999999999")),
            ("1000000000000000000", None),
            ("1e18", None),
            ("0e999", Some("0")),
            ("1e999", None),
            ("", None),
            ("-", None),
            (".5", None),
            ("5.", None),
            ("1e", None),
            ("1,000", None),
            ("+1", None),
            (" 1", None),
            ("NaN", None),
        ] {
            let number = Decimal::parse(text.as_bytes()).map(|number| number.to_string());
            assert_eq!(number.as_deref(), read, "{text}");
        }
    }

    #[test]
    fn ten_tenths_are_one() {
        let tenth = Decimal::parse(b"0.1").unwrap();
        let mut sum = Decimal::ZERO;
        for _ in 0..10 {
            sum = sum.plus(tenth).unwrap();
        }
        assert_eq!(sum.to_string(), "1.0");
        assert_eq!(sum, Decimal::parse(b"1.0").unwrap());
    }

    #[test]
    fn means_and_multiples_go_away_from_zero_at_half() {
        let number = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
        for (sum, count, mean) in [
            ("10", 4, "2.5"),
            ("1", 3, "0.3"),
            ("-1", 8, "-0.1"),
            ("0.5", 4, "0.13"),
        ] {
            assert_eq!(
                number(sum).over(count).unwrap().to_string(),
                mean,
                "{sum} / {count}"
            );
        }
        assert_eq!(number("1").over(0), None);
        for (value, nearest, rounded) in [
            ("12.4", 5, "10"),
            ("12.5", 5, "15"),
            ("-12.5", 5, "-15"),
            ("2", 5, "0"),
        ] {
            assert_eq!(
                number(value).rounded(nearest).unwrap().to_string(),
                rounded,
                "{value}"
            );
        }
        assert_eq!(number("1.25").cut(1).to_string(), "1.3");
        assert!(number("1.10") == number("1.10") && number("1.1") < number("1.11"));
    }
}
