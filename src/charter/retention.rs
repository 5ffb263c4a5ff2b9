//! How long something is kept, so that two periods can be compared.

/// A period in calendar units as registers, charters and agreements write it: `P6M`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    text: String,
    /// In days of which a mean year has 365.25: times 16, so that a month is a whole number.
    sixteenths: u64,
}

impl Retention {
    /// Reads `P`, a number, and `Y`, `M`, `W` or `D`; `None` for another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('P')?;
        let unit = inner.chars().next_back()?;
        let number: u64 = inner[..inner.len() - unit.len_utf8()].parse().ok()?;
        // A mean month is 487/16 days, a mean year twelve of these.
        let sixteenths = match unit {
            'Y' => 12 * 487,
            'M' => 487,
            'W' => 7 * 16,
            'D' => 16,
            _ => return None,
        };
        Some(Self {
            text: text.to_owned(),
            sixteenths: number.checked_mul(sixteenths)?,
        })
    }

    /// Whether it is longer than `other`, in whatever units the two are written.
    #[must_use]
    pub fn is_longer_than(&self, other: &Self) -> bool {
        self.sixteenths > other.sixteenths
    }

    /// The period as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_compare_across_their_units() {
        for (less, more) in [
            ("P1D", "P1W"),
            ("P4W", "P1M"),
            ("P11M", "P1Y"),
            ("P364D", "P12M"),
            ("P1Y", "P366D"),
        ] {
            let (less, more) = (
                Retention::parse(less).unwrap(),
                Retention::parse(more).unwrap(),
            );
            assert!(more.is_longer_than(&less), "{less:?} {more:?}");
            assert!(!less.is_longer_than(&more), "{less:?} {more:?}");
        }
        let (year, months) = (
            Retention::parse("P1Y").unwrap(),
            Retention::parse("P12M").unwrap(),
        );
        assert!(!year.is_longer_than(&months) && !months.is_longer_than(&year));
        for text in ["6M", "P", "PM", "P6", "P-6M", "P6H"] {
            assert_eq!(Retention::parse(text), None, "{text}");
        }
    }
}
