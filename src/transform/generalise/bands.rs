//! Bands: closed ranges of whole numbers, of one width or as listed, with open ends.

use super::number::BEYOND;
use super::text::{push_integer, quoted_by};
use crate::transform::Mismatch;

/// Bands that cover what they cover without a gap and without an overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bands(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Each `width` wide, the first from 0 on, between the open ends that there are.
    Even {
        width: i128,
        bottom: Option<i128>,
        top: Option<i128>,
    },
    /// Ascending, each beginning where the one before ends.
    Listed(Box<[Band]>),
}

/// One band, both ends in it; `None` is an open end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Band {
    from: Option<i128>,
    to: Option<i128>,
}

/// Why bands are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BandsError {
    /// A width of nothing.
    #[error("a band is at least 1 wide; write for example width: 5")]
    NoWidth,
    /// An open end inside a band.
    #[error(
        "`{end}: {at}` cuts a band of width {width} in two; write a multiple of the width, for example {end}: {write}"
    )]
    CutsBand {
        /// `top` or `bottom`.
        end: &'static str,
        /// Where it is.
        at: i64,
        /// The bands' width.
        width: u32,
        /// The multiple below it, or above it for a bottom.
        write: i64,
    },
    /// The open ends meet, so that nothing lies between.
    #[error("`bottom` has to be below `top`")]
    NothingBetween,
    /// A text that is no band.
    #[error("`{0}` is no band; write for example 16-24, 75+, under 5, or a single number")]
    NotABand(String),
    /// More bands than anybody reads, or none.
    #[error("there are between 1 and {MOST_BANDS} bands")]
    Count,
    /// A band that does not follow the one before.
    #[error(
        "the band `{band}` has to begin at {at}, where the band before it ends: bands that overlap or leave a gap say more, or less, than they seem to"
    )]
    NotNext {
        /// The band as written.
        band: String,
        /// Where it had to begin.
        at: i128,
    },
    /// An open end that is not at the end.
    #[error("the band `{0}` is open, so no band can be on that side of it")]
    OpenInside(String),
}

/// Bands of one list.
const MOST_BANDS: usize = 1_000;

impl Bands {
    /// Bands `width` wide, the first from 0 on, `bottom` and `top` the open ends: `under 5`, `5-9`, …, `90+`.
    ///
    /// # Errors
    /// If an end cuts a band in two or nothing lies between them.
    pub fn even(width: u32, bottom: Option<i64>, top: Option<i64>) -> Result<Self, BandsError> {
        if width == 0 {
            return Err(BandsError::NoWidth);
        }
        for (end, at) in [("bottom", bottom), ("top", top)] {
            if let Some(at) = at.filter(|at| at.rem_euclid(i64::from(width)) != 0) {
                let write = at - at.rem_euclid(i64::from(width));
                return Err(BandsError::CutsBand {
                    end,
                    at,
                    width,
                    write,
                });
            }
        }
        if bottom.zip(top).is_some_and(|(bottom, top)| bottom >= top) {
            return Err(BandsError::NothingBetween);
        }
        Ok(Self(Kind::Even {
            width: width.into(),
            bottom: bottom.map(i128::from),
            top: top.map(i128::from),
        }))
    }

    /// The bands that `texts` are, ascending, each beginning where the one before ends: `under 5`, `5-9`, `10`, `11+`.
    ///
    /// # Errors
    /// If one of them is no band, or does not follow the one before.
    pub fn listed(texts: &[impl AsRef<str>]) -> Result<Self, BandsError> {
        if texts.is_empty() || texts.len() > MOST_BANDS {
            return Err(BandsError::Count);
        }
        let mut bands: Vec<Band> = Vec::with_capacity(texts.len());
        for text in texts {
            let text = text.as_ref().trim();
            let band = Band::parse(text).ok_or_else(|| BandsError::NotABand(text.to_owned()))?;
            if let Some(before) = bands.last() {
                let end = before
                    .to
                    .ok_or_else(|| BandsError::OpenInside(text.to_owned()))?;
                let from = band
                    .from
                    .ok_or_else(|| BandsError::OpenInside(text.to_owned()))?;
                if from != end + 1 {
                    return Err(BandsError::NotNext {
                        band: text.to_owned(),
                        at: end + 1,
                    });
                }
            }
            bands.push(band);
        }
        Ok(Self(Kind::Listed(bands.into())))
    }

    /// Whether what is beyond some number is one band: ages and incomes at the far end are few people.
    #[must_use]
    pub fn has_open_top(&self) -> bool {
        match &self.0 {
            Kind::Even { top, .. } => top.is_some(),
            Kind::Listed(bands) => bands.last().is_some_and(|band| band.to.is_none()),
        }
    }

    /// Appends the band that `number` is in, as a JSON string: `80-84`, `90+`, `under 5`.
    ///
    /// # Errors
    /// If it is in none.
    pub(super) fn apply(&self, number: i128, out: &mut Vec<u8>) -> Result<(), Mismatch> {
        let band = self.band(number).ok_or(Mismatch)?;
        quoted_by(out, |out| band.push(out));
        Ok(())
    }

    fn band(&self, number: i128) -> Option<Band> {
        match &self.0 {
            Kind::Even { width, bottom, top } => {
                if let Some(top) = top.filter(|top| number >= *top) {
                    return Some(Band {
                        from: Some(top),
                        to: None,
                    });
                }
                if let Some(bottom) = bottom.filter(|bottom| number < *bottom) {
                    return Some(Band {
                        from: None,
                        to: Some(bottom - 1),
                    });
                }
                // Its value is not known from there on, only that it is beyond any open end.
                if number.abs() >= BEYOND {
                    return None;
                }
                let from = number - number.rem_euclid(*width);
                Some(Band {
                    from: Some(from),
                    to: Some(from + width - 1),
                })
            }
            Kind::Listed(bands) => {
                let at = bands.partition_point(|band| band.to.is_some_and(|to| to < number));
                bands
                    .get(at)
                    .filter(|band| band.from.is_none_or(|from| from <= number))
                    .copied()
            }
        }
    }
}

impl Band {
    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain
                .then(|| text.parse::<i64>().ok())
                .flatten()
                .map(i128::from)
        };
        if let Some(from) = text.strip_suffix('+') {
            return Some(Self {
                from: Some(number(from)?),
                to: None,
            });
        }
        if let Some(end) = text.strip_prefix("under ") {
            return Some(Self {
                from: None,
                to: Some(number(end)? - 1),
            });
        }
        if let Some(only) = number(text) {
            return Some(Self {
                from: Some(only),
                to: Some(only),
            });
        }
        let (from, to) = match text.split_once(" to ") {
            Some(ends) => ends,
            // The first hyphen may be the sign of the first end.
            None => {
                let sign = usize::from(text.starts_with('-'));
                let hyphen = sign + text.get(sign..)?.find('-')?;
                (&text[..hyphen], &text[hyphen + 1..])
            }
        };
        let (from, to) = (number(from.trim())?, number(to.trim())?);
        (from <= to).then_some(Self {
            from: Some(from),
            to: Some(to),
        })
    }

    /// Appends it as people write it; with `to` between its ends where a hyphen could be a sign.
    fn push(self, out: &mut Vec<u8>) {
        match (self.from, self.to) {
            (Some(from), Some(to)) => {
                push_integer(from, out);
                if from != to {
                    let between: &[u8] = if from < 0 { b" to " } else { b"-" };
                    out.extend_from_slice(between);
                    push_integer(to, out);
                }
            }
            (Some(from), None) => {
                push_integer(from, out);
                out.push(b'+');
            }
            (None, Some(to)) => {
                out.extend_from_slice(b"under ");
                push_integer(to + 1, out);
            }
            (None, None) => unreachable!("a band has an end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(bands: &Bands, number: i128) -> Option<String> {
        let mut out = Vec::new();
        bands.apply(number, &mut out).ok()?;
        let text = String::from_utf8(out).unwrap();
        Some(text.trim_matches('"').to_owned())
    }

    #[test]
    fn even_bands_are_closed_and_their_ends_open() {
        let fives = Bands::even(5, Some(5), Some(90)).unwrap();
        let tens = Bands::even(10, None, None).unwrap();
        let ones = Bands::even(1, None, Some(90)).unwrap();
        for (bands, number, expected) in [
            (&fives, 0, "under 5"),
            (&fives, 4, "under 5"),
            (&fives, -7, "under 5"),
            (&fives, 5, "5-9"),
            (&fives, 84, "80-84"),
            (&fives, 89, "85-89"),
            (&fives, 90, "90+"),
            (&fives, i128::MAX, "90+"),
            (&tens, 0, "0-9"),
            (&tens, 9, "0-9"),
            (&tens, 10, "10-19"),
            (&tens, -1, "-10 to -1"),
            (&tens, -10, "-10 to -1"),
            (&tens, -11, "-20 to -11"),
            (
                &tens,
                18_446_744_073_709_551_615,
                "18446744073709551610-18446744073709551619",
            ),
            (&ones, 89, "89"),
            (&ones, 90, "90+"),
        ] {
            assert_eq!(band(bands, number).as_deref(), Some(expected), "{number}");
        }
        assert_eq!(band(&tens, BEYOND), None);
        assert_eq!(band(&tens, -BEYOND), None);
    }

    #[test]
    fn listed_bands_are_those_listed() {
        let broad = Bands::listed(&["0-15", "16-24", "25-49", "50-64", "65-74", "75+"]).unwrap();
        let small = Bands::listed(&["under -5", "-5 to -1", "0", "1-3"]).unwrap();
        for (bands, number, expected) in [
            (&broad, 0, Some("0-15")),
            (&broad, 15, Some("0-15")),
            (&broad, 16, Some("16-24")),
            (&broad, 74, Some("65-74")),
            (&broad, 75, Some("75+")),
            (&broad, 130, Some("75+")),
            (&broad, -1, None),
            (&small, -6, Some("under -5")),
            (&small, -5, Some("-5 to -1")),
            (&small, 0, Some("0")),
            (&small, 3, Some("1-3")),
            (&small, 4, None),
        ] {
            assert_eq!(band(bands, number).as_deref(), expected, "{number}");
        }
        assert!(broad.has_open_top());
        assert!(!small.has_open_top());
    }

    #[test]
    fn a_number_is_in_the_band_that_its_label_says() {
        let ladders = [
            Bands::even(7, Some(-14), Some(70)).unwrap(),
            Bands::listed(&["under -20", "-20--11", "-10-5", "6", "7-60", "61+"]).unwrap(),
        ];
        for bands in &ladders {
            for number in -100..=100 {
                let label = band(bands, number).unwrap();
                let again = Bands::listed(&[&label]).unwrap();
                assert_eq!(band(&again, number), Some(label), "{number}");
            }
        }
    }

    #[test]
    fn bands_that_say_something_else_than_they_seem_to_are_refused() {
        for (texts, message) in [
            (
                &["0-15", "15-24"] as &[&str],
                "the band `15-24` has to begin at 16",
            ),
            (&["0-15", "17-24"], "the band `17-24` has to begin at 16"),
            (&["0-15", "0-15"], "the band `0-15` has to begin at 16"),
            (&["16-24", "0-15"], "the band `0-15` has to begin at 25"),
            (&["75+", "76-80"], "the band `76-80` is open"),
            (&["0-4", "under 9"], "the band `under 9` is open"),
            (&["15-0"], "`15-0` is no band"),
            (&["old"], "`old` is no band"),
            (&["1.5-2"], "`1.5-2` is no band"),
            (&[""], "`` is no band"),
            (&["-"], "`-` is no band"),
            (&["+"], "`+` is no band"),
            (&["99999999999999999999+"], "is no band"),
            (&[], "there are between 1 and 1000 bands"),
        ] {
            let error = Bands::listed(texts).unwrap_err().to_string();
            assert!(error.contains(message), "{texts:?}: {error}");
        }
        for (width, bottom, top, message) in [
            (0, None, None, "at least 1 wide"),
            (
                5,
                None,
                Some(88),
                "write a multiple of the width, for example top: 85",
            ),
            (5, Some(3), Some(90), "for example bottom: 0"),
            (5, Some(90), Some(90), "`bottom` has to be below `top`"),
        ] {
            let error = Bands::even(width, bottom, top).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
