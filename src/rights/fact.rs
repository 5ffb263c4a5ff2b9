//! What can be entered about a subject, and its one text.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan;
use jiff::civil::Date;

/// Characters of a purpose's or list's name at most, as everywhere in agreements.
const NAME_BYTES: usize = 64;

/// One thing entered about a subject.
///
/// Its text is the same in the store, on the command line and in the admin API: `objection`, `objection:PURPOSE`,
/// `marketing-objection`, `consent:PURPOSE`, `explicit-consent:PURPOSE`, `opt-out:LIST`, `restriction`, `deceased`,
/// `court-restricted`, `harm-hold`, `harm-decision`, `harm-decision:PURPOSE`, `child`, `child-consent`, `parent-decision`,
/// `third-party-consent`, `third-party-reasonable`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The person objects to a purpose or to all. Withheld, unless the purpose overrides with a reason.
    Objection(Scope),
    /// The person objects to direct marketing. Absolute: nothing overrides it.
    MarketingObjection,
    /// The person consents to this purpose.
    Consent(Box<str>),
    /// The person consents to this purpose expressly, on evidence that the store's entry names.
    ExplicitConsent(Box<str>),
    /// The person is on this list of opt-outs, as the national data opt-out.
    OptOut(Box<str>),
    /// Processing is restricted. Withheld, unless the purpose overrides with a reason.
    Restriction,
    /// The person has died.
    Deceased,
    /// A court ordered that nothing be disclosed. Never released, for any purpose.
    CourtRestricted,
    /// Disclosure is likely to cause serious harm. Released only on an entered professional decision.
    HarmHold,
    /// A professional decided that, for a purpose or for all, the record may leave in spite of [`Fact::HarmHold`].
    HarmDecision(Scope),
    /// The person is under 18; the entry ends on the last day of that.
    Child,
    /// The child agrees that a parent sees its record.
    ChildConsent,
    /// Somebody decided, for a child too young to agree, that a parent may see its record.
    ParentDecision,
    /// The other people in this person's record agree to be shown to this person.
    ThirdPartyConsent,
    /// Somebody decided that it is reasonable to show the other people in this person's record to this person.
    ThirdPartyReasonable,
}

/// To which purposes something applies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// To every purpose there is or will be.
    All,
    /// To this one, and to what it covers.
    Purpose(Box<str>),
}

/// A [`Fact`] and how long it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// What is entered.
    pub fact: Fact,
    /// The last day on which it counts; `None`: until it is withdrawn.
    pub until: Option<Date>,
}

/// Why a text is no [`Fact`]. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// The word before the colon is none of ours.
    #[error(
        "nothing of this name can be entered; write one of objection, objection:PURPOSE, marketing-objection, consent:PURPOSE, explicit-consent:PURPOSE, opt-out:LIST, restriction, deceased, court-restricted, harm-hold, harm-decision, harm-decision:PURPOSE, child, child-consent, parent-decision, third-party-consent, third-party-reasonable"
    )]
    Unknown,
    /// The word needs a name behind a colon.
    #[error(
        "say which after a colon, for example consent:falls-prevention or opt-out:national-data-opt-out"
    )]
    NameMissing,
    /// The word takes no name.
    #[error("this takes no name; leave the colon and what follows out")]
    NameForeign,
    /// The name has not the form of names.
    #[error("a purpose's or list's name has lower-case letters, digits and hyphens, at most 64")]
    NameForm,
}

impl Fact {
    /// Its word: the text without the name, for metrics and counts.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Objection(_) => "objection",
            Self::MarketingObjection => "marketing-objection",
            Self::Consent(_) => "consent",
            Self::ExplicitConsent(_) => "explicit-consent",
            Self::OptOut(_) => "opt-out",
            Self::Restriction => "restriction",
            Self::Deceased => "deceased",
            Self::CourtRestricted => "court-restricted",
            Self::HarmHold => "harm-hold",
            Self::HarmDecision(_) => "harm-decision",
            Self::Child => "child",
            Self::ChildConsent => "child-consent",
            Self::ParentDecision => "parent-decision",
            Self::ThirdPartyConsent => "third-party-consent",
            Self::ThirdPartyReasonable => "third-party-reasonable",
        }
    }

    /// The purpose or list that it names, if it names one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Objection(Scope::Purpose(name))
            | Self::HarmDecision(Scope::Purpose(name))
            | Self::Consent(name)
            | Self::ExplicitConsent(name)
            | Self::OptOut(name) => Some(name),
            Self::Objection(Scope::All)
            | Self::HarmDecision(Scope::All)
            | Self::MarketingObjection
            | Self::Restriction
            | Self::Deceased
            | Self::CourtRestricted
            | Self::HarmHold
            | Self::Child
            | Self::ChildConsent
            | Self::ParentDecision
            | Self::ThirdPartyConsent
            | Self::ThirdPartyReasonable => None,
        }
    }

    /// Whether entering it lets something out that would stay: then the entry has to say who decided, in what capacity.
    #[must_use]
    pub fn is_a_professional_decision(&self) -> bool {
        matches!(self, Self::HarmDecision(_) | Self::ParentDecision)
    }

    /// Whether withdrawing `self` takes `other` back too: an ordinary consent that is withdrawn is not there expressly either.
    #[must_use]
    pub fn withdraws(&self, other: &Self) -> bool {
        self == other
            || matches!((self, other), (Self::Consent(own), Self::ExplicitConsent(theirs)) if own == theirs)
    }
}

impl Entry {
    /// `fact`, until it is withdrawn.
    #[must_use]
    pub fn of(fact: Fact) -> Self {
        Self { fact, until: None }
    }

    /// Whether it counts on `day`.
    #[must_use]
    pub fn counts_on(&self, day: Date) -> bool {
        self.until.is_none_or(|until| day <= until)
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.name().map_or(Ok(()), |name| write!(f, ":{name}"))
    }
}

impl FromStr for Fact {
    type Err = FactError;

    fn from_str(text: &str) -> Result<Self, FactError> {
        let (word, name) = match text.split_once(':') {
            Some((word, name)) => (word, Some(name)),
            None => (text, None),
        };
        if name.is_some_and(|name| !is_name(name)) {
            return Err(FactError::NameForm);
        }
        let scope = || name.map_or(Scope::All, |name| Scope::Purpose(name.into()));
        let named = || name.map(Box::from).ok_or(FactError::NameMissing);
        let plain = |fact: Self| match name {
            None => Ok(fact),
            Some(_) => Err(FactError::NameForeign),
        };
        match word {
            "objection" => Ok(Self::Objection(scope())),
            "marketing-objection" => plain(Self::MarketingObjection),
            "consent" => Ok(Self::Consent(named()?)),
            "explicit-consent" => Ok(Self::ExplicitConsent(named()?)),
            "opt-out" => Ok(Self::OptOut(named()?)),
            "restriction" => plain(Self::Restriction),
            "deceased" => plain(Self::Deceased),
            "court-restricted" => plain(Self::CourtRestricted),
            "harm-hold" => plain(Self::HarmHold),
            "harm-decision" => Ok(Self::HarmDecision(scope())),
            "child" => plain(Self::Child),
            "child-consent" => plain(Self::ChildConsent),
            "parent-decision" => plain(Self::ParentDecision),
            "third-party-consent" => plain(Self::ThirdPartyConsent),
            "third-party-reasonable" => plain(Self::ThirdPartyReasonable),
            _ => Err(FactError::Unknown),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The last day on which somebody born on `born` is under 18: the day before the eighteenth birthday. Who was born on 29
/// February is taken to be 18 from 1 March, since no year eighteen years after a leap year is one.
///
/// `None` where the calendar ends before that.
#[must_use]
pub fn last_day_under_18(born: Date) -> Option<Date> {
    let birthday = born.checked_add(18.years()).ok()?;
    if birthday.day() == born.day() {
        birthday.yesterday().ok()
    } else {
        // The calendar has cut 29 February to the 28th, which is a day before the birthday.
        Some(birthday)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_facts_text_reads_back_as_the_fact() {
        for text in [
            "objection",
            "objection:falls-prevention",
            "marketing-objection",
            "consent:falls-prevention",
            "explicit-consent:falls-prevention",
            "opt-out:national-data-opt-out",
            "restriction",
            "deceased",
            "court-restricted",
            "harm-hold",
            "harm-decision",
            "harm-decision:care",
            "child",
            "child-consent",
            "parent-decision",
            "third-party-consent",
            "third-party-reasonable",
        ] {
            let fact: Fact = text.parse().unwrap();
            assert_eq!(fact.to_string(), text);
            assert!(FactError::Unknown.to_string().contains(fact.word()));
        }
    }

    #[test]
    fn a_text_that_is_no_fact_is_told_what_it_lacks() {
        for (text, error) in [
            ("", FactError::Unknown),
            ("Objection", FactError::Unknown),
            ("consent", FactError::NameMissing),
            ("opt-out", FactError::NameMissing),
            ("opt-out:", FactError::NameForm),
            ("consent:Falls", FactError::NameForm),
            ("consent:-a", FactError::NameForm),
            ("deceased:care", FactError::NameForeign),
            ("objection:a:b", FactError::NameForm),
        ] {
            assert_eq!(text.parse::<Fact>(), Err(error), "{text}");
        }
    }

    #[test]
    fn withdrawing_consent_takes_the_explicit_one_back_and_not_the_other_way() {
        let ordinary: Fact = "consent:care".parse().unwrap();
        let explicit: Fact = "explicit-consent:care".parse().unwrap();
        let other: Fact = "explicit-consent:research".parse().unwrap();
        assert!(ordinary.withdraws(&explicit));
        assert!(ordinary.withdraws(&ordinary));
        assert!(!explicit.withdraws(&ordinary));
        assert!(!ordinary.withdraws(&other));
    }

    #[test]
    fn a_child_is_one_to_the_day_before_the_eighteenth_birthday() {
        for (born, last) in [
            (date(2008, 6, 16), date(2026, 6, 15)),
            (date(2008, 1, 1), date(2025, 12, 31)),
            (date(2008, 2, 29), date(2026, 2, 28)),
            (date(2008, 3, 1), date(2026, 2, 28)),
        ] {
            assert_eq!(last_day_under_18(born), Some(last), "{born}");
        }
        assert_eq!(last_day_under_18(date(9999, 1, 1)), None);
    }

    #[test]
    fn an_entry_counts_on_its_last_day_and_not_after() {
        let entry = Entry {
            fact: Fact::Child,
            until: Some(date(2026, 6, 15)),
        };
        assert!(entry.counts_on(date(2026, 6, 15)));
        assert!(!entry.counts_on(date(2026, 6, 16)));
        assert!(Entry::of(Fact::Child).counts_on(date(9999, 12, 31)));
    }
}
