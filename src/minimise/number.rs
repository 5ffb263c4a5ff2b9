//! Numbers of JSON compared by their value, from their text: exact for any length, no float in between.
//!
//! `1`, `1.0` and `10e-1` are equal; `9007199254740993` is more than `9007199254740992`; `0.1` is not
//! `0.1000000000000000055`. Exponents past ±4·10¹⁸ are all taken as that far: no document means them.

use std::cmp::Ordering;

/// Exponents are cut to this, so that adding a length to one cannot overflow.
const FURTHEST: i64 = i64::MAX / 2;

/// Compares two numbers, each the text of a JSON number (RFC 8259 §6).
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let (left, right) = (Decimal::read(left), Decimal::read(right));
    match (left.sign(), right.sign()) {
        (Ordering::Less, Ordering::Less) => right.magnitude(&left),
        (Ordering::Greater, Ordering::Greater) => left.magnitude(&right),
        (one, other) => one.cmp(&other),
    }
}

/// 0.d₁d₂d₃… × 10^exponent, d₁ not 0; or zero.
struct Decimal<'a> {
    negative: bool,
    /// From the first digit that is not 0, a point among them or not. Empty for zero.
    digits: &'a [u8],
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a [u8]) -> Self {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let mark = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
        let (digits, power) = match mark {
            Some(mark) => (&text[..mark], exponent(&text[mark + 1..])),
            None => (text, 0),
        };
        let point = digits
            .iter()
            .position(|&byte| byte == b'.')
            .unwrap_or(digits.len());
        let Some(first) = digits.iter().position(|byte| matches!(byte, b'1'..=b'9')) else {
            return Self {
                negative,
                digits: &[],
                exponent: 0,
            };
        };
        // How many digits stand before the point, counted from the first that is not 0; negative behind it.
        let whole = if first < point {
            (point - first) as i64
        } else {
            -((first - point - 1) as i64)
        };
        Self {
            negative,
            digits: &digits[first..],
            exponent: power + whole,
        }
    }

    fn sign(&self) -> Ordering {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        // Without zeros at the end the number with more digits, the rest being equal, is the larger.
        self.exponent
            .cmp(&other.exponent)
            .then_with(|| self.significant().cmp(other.significant()))
    }

    fn significant(&self) -> impl Iterator<Item = u8> + '_ {
        let last = self
            .digits
            .iter()
            .rposition(|byte| matches!(byte, b'1'..=b'9'));
        let end = last.map_or(0, |last| last + 1);
        self.digits[..end]
            .iter()
            .copied()
            .filter(|&byte| byte != b'.')
    }
}

fn exponent(text: &[u8]) -> i64 {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let size = digits.iter().fold(0_i64, |sum, &digit| {
        sum.saturating_mul(10)
            .saturating_add(i64::from(digit.wrapping_sub(b'0')))
    });
    let size = size.min(FURTHEST);
    if negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_value() {
        // Ascending; texts of one row are equal.
        let rows: &[&[&str]] = &[
            &["-1e999999999999999999999"],
            &["-9007199254740993"],
            &["-9007199254740992", "-9007199254740992.0"],
            &["-10", "-1e1", "-1.0E+1"],
            &["-9.99"],
            &["-0.001", "-1e-3"],
            &[
                "0",
                "-0",
                "0.0",
                "0e9",
                "-0.00e-5",
                "0E999999999999999999999",
            ],
            &["1e-999999999999999999999"],
            &["0.001", "1e-3", "0.0010"],
            &["0.01"],
            &["0.1", "1e-1", "0.10", "10e-2"],
            &["0.1000000000000000055"],
            &["0.11"],
            &["1", "1.0", "10e-1", "0.1e1", "1e0", "1E-0"],
            &["1.5", "15e-1"],
            &["2"],
            &["9"],
            &["10", "1e1", "1e+01"],
            &["18446744073709551615"],
            &[
                "18446744073709551616",
                "18446744073709551616.000",
                "1844674407370955161.6e1",
            ],
            &["1e400", "10e399"],
            &["1.1e400"],
        ];
        for (index, row) in rows.iter().enumerate() {
            for (other_index, other_row) in rows.iter().enumerate() {
                for one in *row {
                    for other in *other_row {
                        assert_eq!(
                            compare(one.as_bytes(), other.as_bytes()),
                            index.cmp(&other_index),
                            "{one} {other}"
                        );
                    }
                }
            }
        }
    }
}
