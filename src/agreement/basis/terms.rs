//! The terms that an agreement states beside its rules, checked.

use jiff::Span;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

/// Why the controller shares at all: a document that somebody owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusinessCase {
    /// Its reference.
    pub reference: String,
    /// The post that owns it.
    pub owner: String,
    /// The day it was approved.
    pub date: Date,
}

/// An impact assessment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Its reference.
    pub reference: String,
    /// Its day and outcome, if the agreement says them.
    pub outcome: Option<(Date, String)>,
}

/// A risk, and what in the agreement keeps it small: something that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// The risk, in words.
    pub risk: String,
    /// The control as written: a rule, `tokenise $.nhsNumber`, or a term, `release_if`.
    pub control: String,
}

/// The contract with a processor. It has every item of [`ProvisionOfContract`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Its reference.
    pub reference: String,
    /// The purposes that are tasks under it: all of the agreement's are among them.
    pub tasks: Vec<String>,
    /// Its last day: not before the agreement's.
    pub ends: Date,
}

/// What a contract with a processor has to provide: the items of Article 28(3) of the UK GDPR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum ProvisionOfContract {
    /// (a) It acts on documented instructions alone.
    Instructions,
    /// (b) Its people are bound to confidence.
    Confidentiality,
    /// (c) It takes the measures of Article 32.
    Security,
    /// (d) Others work for it only as agreed.
    SubProcessors,
    /// (e) It helps to answer subjects' requests.
    Rights,
    /// (f) It helps with breaches, assessments and the like.
    Assistance,
    /// (g) It deletes or gives back everything at the end.
    Deletion,
    /// (h) It shows that it complies, and lets itself be audited.
    Audit,
}

impl ProvisionOfContract {
    /// All of them, in the order of the Article.
    pub const ALL: [Self; 8] = [
        Self::Instructions,
        Self::Confidentiality,
        Self::Security,
        Self::SubProcessors,
        Self::Rights,
        Self::Assistance,
        Self::Deletion,
        Self::Audit,
    ];

    /// The word as written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Confidentiality => "confidentiality",
            Self::Security => "security",
            Self::SubProcessors => "sub-processors",
            Self::Rights => "rights",
            Self::Assistance => "assistance",
            Self::Deletion => "deletion",
            Self::Audit => "audit",
        }
    }
}

/// Who answers for an agreement: posts and how to reach them, never a person's name in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contacts {
    /// The data-protection officer.
    pub dpo: String,
    /// The directorate's representative.
    pub representative: String,
}

/// A principle that is not satisfied yet, why, and until when that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The principle.
    pub principle: Principle,
    /// Why.
    pub because: String,
    /// The last day.
    pub until: Date,
}

/// The eight principles of the 1998 Act, which today's law keeps under other numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Principle {
    /// First: fairly and lawfully.
    Lawfulness,
    /// Second: for specified purposes.
    Purpose,
    /// Third: adequate, relevant, not excessive.
    Minimisation,
    /// Fourth: accurate and up to date.
    Accuracy,
    /// Fifth: not kept longer than necessary.
    Retention,
    /// Sixth: in accordance with subjects' rights.
    Rights,
    /// Seventh: secure.
    Security,
    /// Eighth: not sent where it is not protected.
    Transfer,
}

impl Principle {
    /// All of them, in the Act's order.
    pub const ALL: [Self; 8] = [
        Self::Lawfulness,
        Self::Purpose,
        Self::Minimisation,
        Self::Accuracy,
        Self::Retention,
        Self::Rights,
        Self::Security,
        Self::Transfer,
    ];

    /// The word as written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Lawfulness => "lawfulness",
            Self::Purpose => "purpose",
            Self::Minimisation => "minimisation",
            Self::Accuracy => "accuracy",
            Self::Retention => "retention",
            Self::Rights => "rights",
            Self::Security => "security",
            Self::Transfer => "transfer",
        }
    }
}

/// How long a partner may keep what it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// As written, `P6M`.
    pub text: String,
    number: i64,
    unit: Unit,
}

/// What a period counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Years,
    Months,
    Weeks,
    Days,
}

impl Retention {
    /// Reads a period of one unit, as the schema has checked it: `P`, a number of one to four digits, `Y`, `M`, `W` or `D`.
    ///
    /// `None` for any other text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('P')?;
        let unit = match rest.chars().next_back()? {
            'Y' => Unit::Years,
            'M' => Unit::Months,
            'W' => Unit::Weeks,
            'D' => Unit::Days,
            _ => return None,
        };
        let digits = &rest[..rest.len() - 1];
        let is_number =
            (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            text: text.to_owned(),
            number: is_number.then(|| digits.parse().ok())??,
            unit,
        })
    }

    /// The period in words: `6 months`.
    #[must_use]
    pub fn words(&self) -> String {
        let unit = match self.unit {
            Unit::Years => "year",
            Unit::Months => "month",
            Unit::Weeks => "week",
            Unit::Days => "day",
        };
        match self.number {
            1 => format!("1 {unit}"),
            number => format!("{number} {unit}s"),
        }
    }

    /// The day by which what is got on `today` is to be deleted; the last day there is, if that is too far away.
    #[must_use]
    pub fn delete_by(&self, today: Date) -> Date {
        let span = Span::new();
        let span = match self.unit {
            Unit::Years => span.try_years(self.number),
            Unit::Months => span.try_months(self.number),
            Unit::Weeks => span.try_weeks(self.number),
            Unit::Days => span.try_days(self.number),
        };
        span.map_or(Date::MAX, |span| today.saturating_add(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_retention_ends_on_a_day_of_the_calendar() {
        for (text, from, expected) in [
            ("P6M", date(2026, 8, 31), date(2027, 2, 28)),
            ("P1Y", date(2028, 2, 29), date(2029, 2, 28)),
            ("P2W", date(2026, 12, 25), date(2027, 1, 8)),
            ("P90D", date(2026, 1, 1), date(2026, 4, 1)),
            ("P0D", date(2026, 1, 1), date(2026, 1, 1)),
            ("P9999Y", date(2026, 1, 1), Date::MAX),
        ] {
            assert_eq!(
                Retention::read(text).unwrap().delete_by(from),
                expected,
                "{text}"
            );
        }
        for (text, words) in [
            ("P1Y", "1 year"),
            ("P6M", "6 months"),
            ("P2W", "2 weeks"),
            ("P0D", "0 days"),
        ] {
            assert_eq!(Retention::read(text).unwrap().words(), words, "{text}");
        }
        for wrong in [
            "", "P", "PM", "6M", "P6", "P6H", "P6Ö", "P-6M", "P+6M", "Pé", "P12345D",
        ] {
            assert_eq!(Retention::read(wrong), None, "{wrong}");
        }
    }
}
