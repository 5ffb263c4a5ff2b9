//! What a purpose requires of a record's subject, and the verdict.

use jiff::civil::Date;

use super::fact::{Fact, Scope};
use super::{Lists, Token};
use crate::minimise::Withheld;

/// What one purpose of one exchange requires of each record's subject. Made when agreements are loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// The purpose that is declared.
    pub purpose: Box<str>,
    /// The broader purposes that cover it: an objection or a consent to one of them is one to this.
    pub covered_by: Vec<Box<str>>,
    /// It is direct marketing: an objection is absolute.
    pub marketing: bool,
    /// What consent is needed, to the purpose or to one that covers it.
    pub consent: Option<Consent>,
    /// Objections and restrictions do not withhold: the agreement states the overriding reason, or it is a matter of life.
    pub overrides: bool,
    /// Lists of opt-outs that are honoured.
    pub opt_outs: Vec<Box<str>>,
    /// The flow stays within the controller: opt-out lists are not asked, everything else is.
    pub internal: bool,
    /// Somebody asks for what is held about a person, not a partner about people.
    pub access: Option<Access>,
    /// The others in a record have to agree to be shown, or that has to be decided.
    pub third_parties: bool,
    /// What becomes of records of people who have died.
    pub deceased: Deceased,
    /// What becomes of records of children.
    pub children: Children,
    /// What becomes of records whose subject is not known.
    pub unknown: Unknown,
}

/// What consent a purpose needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Ordinary or explicit.
    Ordinary,
    /// Explicit.
    Explicit,
}

/// Who asks for what is held about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The person.
    Subject,
    /// A parent of a child.
    Parent,
}

/// What becomes of records of people who have died.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deceased {
    /// The same as of the living.
    #[default]
    AsLiving,
    /// They leave without a look at consents, objections, restrictions and opt-outs. Court orders, harm and marketing
    /// objections still hold.
    Release,
    /// They stay.
    Withhold,
}

/// What becomes of records of children.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Children {
    /// The same as of adults.
    #[default]
    Release,
    /// They stay.
    Withhold,
}

/// What becomes of records whose subject is not known: without an identifier, or with one that identifies nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unknown {
    /// They stay: nobody can say whether the person objects.
    #[default]
    Withhold,
    /// They leave, if nothing that the purpose requires has to be looked up: see [`Terms::needs_subject`].
    Release,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may leave.
    Release,
    /// It may leave although the subject objects or its processing is restricted, since the purpose overrides that: counted.
    ReleaseOverridden,
    /// It stays.
    Withhold(Withheld),
}

/// What of a subject's entries counts under given terms on a given day: what [`Lists::decide`] decides from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    objection: bool,
    marketing_objection: bool,
    consent: bool,
    explicit_consent: bool,
    opted_out: bool,
    restriction: bool,
    deceased: bool,
    court_restricted: bool,
    harm_hold: bool,
    harm_decision: bool,
    child: bool,
    child_consent: bool,
    parent_decision: bool,
    third_parties: bool,
}

impl Terms {
    /// Terms of `purpose` that require nothing but that objections and marks are honoured.
    #[must_use]
    pub fn of(purpose: &str) -> Self {
        Self {
            purpose: purpose.into(),
            ..Self::default()
        }
    }

    /// Whether a record of nobody known can never leave: something that the purpose requires has to be looked up.
    #[must_use]
    pub fn needs_subject(&self) -> bool {
        self.consent.is_some()
            || self.marketing
            || self.asks_opt_outs()
            || self.access.is_some()
            || self.third_parties
    }

    /// Whether it requires anything beyond that objections and marks are honoured where they are known: then every record has to
    /// say whose it is, and there has to be a store.
    #[must_use]
    pub fn looks_up(&self) -> bool {
        self.needs_subject()
            || self.deceased == Deceased::Withhold
            || self.children == Children::Withhold
    }

    fn asks_opt_outs(&self) -> bool {
        !self.opt_outs.is_empty() && !self.internal
    }

    fn is_about(&self, purpose: &str) -> bool {
        *self.purpose == *purpose || self.covered_by.iter().any(|broader| **broader == *purpose)
    }
}

impl Lists {
    /// Whether a record of `subject` may leave under `terms` on the day `today`; `None` is a record of nobody known.
    ///
    /// What is absolute is asked first: a court's order, then an objection to marketing, then harm. Looks up one subject,
    /// allocates nothing.
    #[must_use]
    pub fn decide(&self, terms: &Terms, subject: Option<&Token>, today: Date) -> Verdict {
        let Some(subject) = subject else {
            return match terms.unknown {
                Unknown::Release if !terms.needs_subject() => Verdict::Release,
                Unknown::Release | Unknown::Withhold => Verdict::Withhold(Withheld::UnknownSubject),
            };
        };
        self.found(terms, subject, today).verdict(terms)
    }

    /// What of the entries about `subject` counts under `terms` on the day `today`.
    #[must_use]
    pub fn found(&self, terms: &Terms, subject: &Token, today: Date) -> Found {
        let mut found = Found::default();
        for entry in self.of(subject).filter(|entry| entry.counts_on(today)) {
            match &entry.fact {
                Fact::Objection(Scope::All) => found.objection = true,
                Fact::Objection(Scope::Purpose(purpose)) => {
                    found.objection |= terms.is_about(purpose);
                }
                Fact::MarketingObjection => found.marketing_objection = true,
                Fact::Consent(purpose) => found.consent |= terms.is_about(purpose),
                Fact::ExplicitConsent(purpose) => {
                    found.explicit_consent |= terms.is_about(purpose);
                }
                Fact::OptOut(list) => found.opted_out |= terms.opt_outs.contains(list),
                Fact::Restriction => found.restriction = true,
                Fact::Deceased => found.deceased = true,
                Fact::CourtRestricted => found.court_restricted = true,
                Fact::HarmHold => found.harm_hold = true,
                Fact::HarmDecision(Scope::All) => found.harm_decision = true,
                // Not `is_about`: who decided for one purpose has not decided for a narrower one.
                Fact::HarmDecision(Scope::Purpose(purpose)) => {
                    found.harm_decision |= terms.purpose == *purpose;
                }
                Fact::Child => found.child = true,
                Fact::ChildConsent => found.child_consent = true,
                Fact::ParentDecision => found.parent_decision = true,
                Fact::ThirdPartyConsent | Fact::ThirdPartyReasonable => found.third_parties = true,
            }
        }
        found
    }
}

impl Found {
    /// Whether the others in the subject's record may be shown to the subject.
    #[must_use]
    pub fn shows_others(&self) -> bool {
        self.third_parties
    }

    /// The verdict over a subject of whom this was found.
    #[must_use]
    pub fn verdict(&self, terms: &Terms) -> Verdict {
        if self.court_restricted {
            return Verdict::Withhold(Withheld::CourtRestricted);
        }
        // An objection to this purpose is one to the marketing that it is, so that no override applies to it.
        if terms.marketing && (self.marketing_objection || self.objection) {
            return Verdict::Withhold(Withheld::Marketing);
        }
        if self.harm_hold && !self.harm_decision {
            return Verdict::Withhold(Withheld::HarmHold);
        }
        if terms.third_parties && !self.third_parties {
            return Verdict::Withhold(Withheld::ThirdParties);
        }
        match terms.access {
            None => {}
            // There is no age under which one may not ask, and nobody objects to being told of oneself.
            Some(Access::Subject) => return Verdict::Release,
            // Who is not, or no longer, marked as a child is asked themselves.
            Some(Access::Parent) if !self.child => return Verdict::Withhold(Withheld::NoConsent),
            Some(Access::Parent) if self.child_consent || self.parent_decision => {
                return Verdict::Release;
            }
            Some(Access::Parent) => return Verdict::Withhold(Withheld::HeldForDecision),
        }
        if self.deceased {
            match terms.deceased {
                Deceased::AsLiving => {}
                Deceased::Release => return Verdict::Release,
                Deceased::Withhold => return Verdict::Withhold(Withheld::Deceased),
            }
        }
        if self.child && terms.children == Children::Withhold {
            return Verdict::Withhold(Withheld::Child);
        }
        if self.opted_out && terms.asks_opt_outs() {
            return Verdict::Withhold(Withheld::OptedOut);
        }
        let consented = match terms.consent {
            None => true,
            Some(Consent::Ordinary) => self.consent || self.explicit_consent,
            Some(Consent::Explicit) => self.explicit_consent,
        };
        if !consented {
            return Verdict::Withhold(Withheld::NoConsent);
        }
        match (self.objection, self.restriction, terms.overrides) {
            (false, false, _) => Verdict::Release,
            (_, _, true) => Verdict::ReleaseOverridden,
            (true, _, false) => Verdict::Withhold(Withheld::Objection),
            (false, true, false) => Verdict::Withhold(Withheld::Restriction),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::rights::Entry;

    const TODAY: Date = date(2026, 6, 15);
    const PERSON: Token = [7; 16];

    fn lists(facts: &[&str]) -> Lists {
        let mut lists = Lists::new();
        for text in facts {
            let fact = text.parse().unwrap();
            lists.enter(&Entry::of(fact), &[PERSON]).unwrap();
        }
        lists
    }

    fn plain() -> Terms {
        Terms {
            covered_by: vec!["health".into()],
            ..Terms::of("falls")
        }
    }

    #[test]
    fn verdicts_row_by_row() {
        use Verdict::{Release, ReleaseOverridden, Withhold};
        use Withheld as W;
        let consent = |consent| Terms {
            consent: Some(consent),
            ..plain()
        };
        let overriding = Terms {
            overrides: true,
            ..plain()
        };
        let marketing = Terms {
            marketing: true,
            overrides: true,
            ..plain()
        };
        let opt_outs = Terms {
            opt_outs: vec!["ndop".into()],
            ..plain()
        };
        let internal = Terms {
            internal: true,
            ..opt_outs.clone()
        };
        let deceased = |deceased| Terms {
            deceased,
            ..consent(Consent::Ordinary)
        };
        let no_children = Terms {
            children: Children::Withhold,
            ..plain()
        };
        let access = |access| Terms {
            access: Some(access),
            consent: Some(Consent::Explicit),
            ..plain()
        };
        let others = Terms {
            third_parties: true,
            ..access(Access::Subject)
        };
        let rows: Vec<(&str, Terms, &[&str], Verdict)> = vec![
            ("nothing entered", plain(), &[], Release),
            (
                "an objection to all",
                plain(),
                &["objection"],
                Withhold(W::Objection),
            ),
            (
                "to the purpose",
                plain(),
                &["objection:falls"],
                Withhold(W::Objection),
            ),
            (
                "to a broader one",
                plain(),
                &["objection:health"],
                Withhold(W::Objection),
            ),
            ("to another", plain(), &["objection:research"], Release),
            (
                "overridden",
                overriding.clone(),
                &["objection"],
                ReleaseOverridden,
            ),
            (
                "restricted",
                plain(),
                &["restriction"],
                Withhold(W::Restriction),
            ),
            (
                "restricted, overridden",
                overriding.clone(),
                &["restriction"],
                ReleaseOverridden,
            ),
            (
                "nothing to override",
                overriding.clone(),
                &["deceased"],
                Release,
            ),
            (
                "marketing",
                marketing.clone(),
                &["marketing-objection"],
                Withhold(W::Marketing),
            ),
            (
                "marketing, all",
                marketing.clone(),
                &["objection"],
                Withhold(W::Marketing),
            ),
            (
                "marketing, this",
                marketing.clone(),
                &["objection:falls"],
                Withhold(W::Marketing),
            ),
            (
                "marketing, nothing",
                marketing.clone(),
                &["consent:falls"],
                Release,
            ),
            ("no marketing", plain(), &["marketing-objection"], Release),
            (
                "no consent",
                consent(Consent::Ordinary),
                &[],
                Withhold(W::NoConsent),
            ),
            (
                "consent",
                consent(Consent::Ordinary),
                &["consent:falls"],
                Release,
            ),
            (
                "explicit serves",
                consent(Consent::Ordinary),
                &["explicit-consent:falls"],
                Release,
            ),
            (
                "to a broader",
                consent(Consent::Ordinary),
                &["consent:health"],
                Release,
            ),
            (
                "ordinary is too little",
                consent(Consent::Explicit),
                &["consent:falls"],
                Withhold(W::NoConsent),
            ),
            (
                "explicit",
                consent(Consent::Explicit),
                &["explicit-consent:falls"],
                Release,
            ),
            (
                "consent and objection",
                consent(Consent::Ordinary),
                &["consent:falls", "objection"],
                Withhold(W::Objection),
            ),
            (
                "opted out",
                opt_outs.clone(),
                &["opt-out:ndop"],
                Withhold(W::OptedOut),
            ),
            (
                "of another list",
                opt_outs.clone(),
                &["opt-out:tick-box"],
                Release,
            ),
            ("not on the list", opt_outs.clone(), &[], Release),
            ("not honoured", plain(), &["opt-out:ndop"], Release),
            ("internal", internal.clone(), &["opt-out:ndop"], Release),
            (
                "internal, objection",
                internal,
                &["objection"],
                Withhold(W::Objection),
            ),
            ("dead, nothing said", plain(), &["deceased"], Release),
            (
                "dead, as living",
                deceased(Deceased::AsLiving),
                &["deceased"],
                Withhold(W::NoConsent),
            ),
            (
                "dead, released",
                deceased(Deceased::Release),
                &["deceased", "objection"],
                Release,
            ),
            (
                "dead, withheld",
                deceased(Deceased::Withhold),
                &["deceased", "consent:falls"],
                Withhold(W::Deceased),
            ),
            (
                "dead, released, court",
                deceased(Deceased::Release),
                &["deceased", "court-restricted"],
                Withhold(W::CourtRestricted),
            ),
            (
                "alive",
                deceased(Deceased::Withhold),
                &["consent:falls"],
                Release,
            ),
            (
                "a child",
                no_children.clone(),
                &["child"],
                Withhold(W::Child),
            ),
            ("a child, as others", plain(), &["child"], Release),
            (
                "their own, objecting",
                access(Access::Subject),
                &["objection", "restriction", "child"],
                Release,
            ),
            (
                "their own, court",
                access(Access::Subject),
                &["court-restricted"],
                Withhold(W::CourtRestricted),
            ),
            (
                "their own, harm",
                access(Access::Subject),
                &["harm-hold"],
                Withhold(W::HarmHold),
            ),
            (
                "a child's, to a parent",
                access(Access::Parent),
                &["child"],
                Withhold(W::HeldForDecision),
            ),
            (
                "with consent",
                access(Access::Parent),
                &["child", "child-consent"],
                Release,
            ),
            (
                "with a decision",
                access(Access::Parent),
                &["child", "parent-decision"],
                Release,
            ),
            (
                "an adult's, to a parent",
                access(Access::Parent),
                &["child-consent"],
                Withhold(W::NoConsent),
            ),
            (
                "others in it",
                others.clone(),
                &[],
                Withhold(W::ThirdParties),
            ),
            (
                "others agree",
                others.clone(),
                &["third-party-consent"],
                Release,
            ),
            ("reasonable", others, &["third-party-reasonable"], Release),
            (
                "court",
                overriding.clone(),
                &["court-restricted", "harm-decision"],
                Withhold(W::CourtRestricted),
            ),
            (
                "harm",
                overriding.clone(),
                &["harm-hold"],
                Withhold(W::HarmHold),
            ),
            (
                "harm, decided",
                plain(),
                &["harm-hold", "harm-decision"],
                Release,
            ),
            (
                "harm, decided for this",
                plain(),
                &["harm-hold", "harm-decision:falls"],
                Release,
            ),
            (
                "harm, decided for other",
                plain(),
                &["harm-hold", "harm-decision:health"],
                Withhold(W::HarmHold),
            ),
        ];
        for (name, terms, facts, verdict) in rows {
            let said = lists(facts).decide(&terms, Some(&PERSON), TODAY);
            assert_eq!(said, verdict, "{name}");
        }
    }

    #[test]
    fn a_record_of_nobody_known_stays_unless_that_is_agreed_and_nothing_has_to_be_looked_up() {
        let unknown = |terms: Terms| {
            let releasing = Terms {
                unknown: Unknown::Release,
                ..terms.clone()
            };
            [terms, releasing].map(|terms| Lists::new().decide(&terms, None, TODAY))
        };
        let stays = Verdict::Withhold(Withheld::UnknownSubject);
        assert_eq!(unknown(plain()), [stays, Verdict::Release]);
        for terms in [
            Terms {
                consent: Some(Consent::Ordinary),
                ..plain()
            },
            Terms {
                marketing: true,
                ..plain()
            },
            Terms {
                opt_outs: vec!["ndop".into()],
                ..plain()
            },
        ] {
            assert_eq!(unknown(terms), [stays, stays]);
        }
    }

    #[test]
    fn what_has_ended_does_not_count() {
        let mut lists = Lists::new();
        let until = |text: &str, day| Entry {
            fact: text.parse().unwrap(),
            until: Some(day),
        };
        lists.enter(&until("objection", TODAY), &[PERSON]).unwrap();
        let decide = |day| lists.decide(&plain(), Some(&PERSON), day);
        assert_eq!(decide(TODAY), Verdict::Withhold(Withheld::Objection));
        assert_eq!(decide(TODAY.tomorrow().unwrap()), Verdict::Release);
    }

    const FACTS: [&str; 17] = [
        "objection",
        "objection:falls",
        "objection:health",
        "marketing-objection",
        "consent:falls",
        "explicit-consent:falls",
        "opt-out:ndop",
        "restriction",
        "deceased",
        "court-restricted",
        "harm-hold",
        "harm-decision",
        "harm-decision:falls",
        "child",
        "child-consent",
        "parent-decision",
        "third-party-consent",
    ];

    proptest! {
        #[test]
        fn nothing_overrides_a_marketing_objection_or_a_court_order(
            facts in prop::sample::subsequence(&FACTS, 0..FACTS.len()),
            overrides: bool, internal: bool, release_dead: bool, release_unknown: bool,
            marketing: bool, consent: Option<bool>,
        ) {
            let terms = Terms {
                overrides,
                internal,
                marketing,
                deceased: if release_dead { Deceased::Release } else { Deceased::AsLiving },
                unknown: if release_unknown { Unknown::Release } else { Unknown::Withhold },
                consent: consent.map(|explicit| if explicit { Consent::Explicit } else { Consent::Ordinary }),
                ..plain()
            };
            let verdict = lists(&facts).decide(&terms, Some(&PERSON), TODAY);
            if facts.contains(&"court-restricted")
                || marketing && facts.contains(&"marketing-objection")
            {
                prop_assert!(matches!(verdict, Verdict::Withhold(_)), "{verdict:?}");
            }
        }

        #[test]
        fn entering_more_against_a_record_never_releases_it(
            facts in prop::sample::subsequence(&FACTS, 0..FACTS.len()),
            against in prop::sample::select(vec![
                "objection", "objection:falls", "marketing-objection", "opt-out:ndop", "restriction",
                "court-restricted", "harm-hold", "child",
            ]),
            marketing: bool, overrides: bool,
        ) {
            let terms = Terms {
                marketing,
                overrides,
                opt_outs: vec!["ndop".into()],
                children: Children::Withhold,
                ..plain()
            };
            let before = lists(&facts).decide(&terms, Some(&PERSON), TODAY);
            let mut more = facts.clone();
            more.push(against);
            let after = lists(&more).decide(&terms, Some(&PERSON), TODAY);
            if matches!(before, Verdict::Withhold(_)) {
                prop_assert!(matches!(after, Verdict::Withhold(_)), "{before:?} {after:?}");
            }
        }
    }
}
