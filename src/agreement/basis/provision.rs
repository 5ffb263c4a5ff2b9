//! The conditions of data-protection law that an agreement can rest on, as values.
//!
//! A provision is written `instrument:place`, as in `uk-gdpr:6-1-e`. Three instruments are understood: the UK GDPR
//! (`uk-gdpr`), the Data Protection Act 2018 (`dpa-2018`) and, for agreements older than these, the schedules of the
//! Data Protection Act 1998 (`dpa-1998`), each of which is read as the condition that took its place.

use std::fmt;

/// A condition for processing: Article 6(1) of the UK GDPR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lawful {
    /// 6(1)(a): the subject consents.
    Consent,
    /// 6(1)(b): a contract with the subject.
    Contract,
    /// 6(1)(c): a legal obligation of the controller.
    LegalObligation,
    /// 6(1)(d): somebody's vital interests.
    VitalInterests,
    /// 6(1)(e): a task in the public interest or official authority.
    PublicTask(PublicTask),
    /// 6(1)(f): legitimate interests. Not open to public authorities in their tasks.
    LegitimateInterests,
    /// 6(1)(ea): a recognised legitimate interest of Annex 1. Not open to public authorities in their tasks.
    RecognisedInterest,
}

/// What makes a task one in the public interest: section 8 of the 2018 Act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicTask {
    /// Not said: a power or a function says it.
    Unsaid,
    /// 8(a): the administration of justice.
    Justice,
    /// 8(c): a function that an enactment or a rule of law confers.
    Enactment,
    /// 8(d): a function of the Crown, a Minister or a government department.
    Crown,
    /// Other functions of a public nature: the 1998 Act's sch 2 para 5(d).
    Public,
}

/// A condition for special categories: Article 9(2) of the UK GDPR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Special {
    /// 9(2)(a): the subject consents explicitly.
    ExplicitConsent,
    /// 9(2)(b): employment, social security and social protection law.
    Employment,
    /// 9(2)(c): somebody's vital interests, where the subject cannot consent.
    VitalInterests,
    /// 9(2)(d): a not-for-profit body, about its members.
    NotForProfit,
    /// 9(2)(e): made public by the subject.
    MadePublic,
    /// 9(2)(f): legal claims, and courts.
    LegalClaims,
    /// 9(2)(g): substantial public interest.
    SubstantialInterest,
    /// 9(2)(h): health and social care.
    Health,
    /// 9(2)(i): public health.
    PublicHealth,
    /// 9(2)(j): archiving, research and statistics.
    Research,
}

/// A paragraph of Schedule 1 to the 2018 Act, from 1 to 37, without 5, which is no condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Paragraph(u8);

/// The paragraphs of Schedule 1 by their headings, shortened.
const PARAGRAPHS: [(u8, &str); 36] = [
    (1, "employment, social security and social protection"),
    (2, "health or social care purposes"),
    (3, "public health"),
    (4, "research, archiving and statistics"),
    (6, "statutory and government purposes"),
    (7, "administration of justice and parliamentary purposes"),
    (8, "equality of opportunity or treatment"),
    (9, "racial and ethnic diversity at senior levels"),
    (10, "preventing or detecting unlawful acts"),
    (11, "protecting the public against dishonesty"),
    (
        12,
        "regulatory requirements about unlawful acts and dishonesty",
    ),
    (13, "journalism about unlawful acts and dishonesty"),
    (14, "preventing fraud"),
    (15, "suspicion of terrorist financing or money laundering"),
    (
        16,
        "support for individuals with a disability or medical condition",
    ),
    (17, "counselling"),
    (18, "safeguarding of children and of individuals at risk"),
    (19, "safeguarding of economic well-being"),
    (20, "insurance"),
    (21, "occupational pensions"),
    (22, "political parties"),
    (23, "elected representatives responding to requests"),
    (24, "disclosure to elected representatives"),
    (25, "informing elected representatives about prisoners"),
    (26, "publication of legal judgments"),
    (27, "anti-doping in sport"),
    (28, "standards of behaviour in sport"),
    (29, "consent"),
    (30, "vital interests"),
    (31, "not-for-profit bodies"),
    (32, "data in the public domain"),
    (33, "legal claims"),
    (34, "judicial acts"),
    (35, "accounts used in offences that involve children"),
    (36, "criminal data under a condition of Part 2"),
    (37, "criminal data under the condition for insurance"),
];

impl Paragraph {
    /// The paragraph numbered `number`, if it is a condition.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        PARAGRAPHS
            .iter()
            .any(|(known, _)| *known == number)
            .then_some(Self(number))
    }

    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its heading, shortened.
    #[must_use]
    pub fn heading(self) -> &'static str {
        PARAGRAPHS
            .iter()
            .find(|(number, _)| *number == self.0)
            .map_or("", |(_, heading)| heading)
    }

    /// Whether it is in Part 2: substantial public interest.
    #[must_use]
    pub fn is_substantial_interest(self) -> bool {
        (6..=28).contains(&self.0)
    }

    /// Whether it asks for an appropriate policy document. Taken for all of Part 2, also where Schedule 1 lifts it.
    #[must_use]
    pub fn needs_policy_document(self) -> bool {
        self.0 == 1 || self.is_substantial_interest() || matches!(self.0, 35 | 36)
    }
}

impl Special {
    /// The letter of its point in Article 9(2).
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::ExplicitConsent => 'a',
            Self::Employment => 'b',
            Self::VitalInterests => 'c',
            Self::NotForProfit => 'd',
            Self::MadePublic => 'e',
            Self::LegalClaims => 'f',
            Self::SubstantialInterest => 'g',
            Self::Health => 'h',
            Self::PublicHealth => 'i',
            Self::Research => 'j',
        }
    }

    /// The one paragraph of Schedule 1 that goes with it, where the law leaves no choice of one.
    #[must_use]
    pub fn implied(self) -> Option<Paragraph> {
        match self {
            Self::Employment => Some(Paragraph(1)),
            Self::Health => Some(Paragraph(2)),
            Self::PublicHealth => Some(Paragraph(3)),
            Self::Research => Some(Paragraph(4)),
            Self::ExplicitConsent
            | Self::VitalInterests
            | Self::NotForProfit
            | Self::MadePublic
            | Self::LegalClaims
            | Self::SubstantialInterest => None,
        }
    }
}

/// What a provision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provision {
    /// A condition for processing.
    Lawful(Lawful),
    /// A condition for special categories, and the paragraph of Schedule 1 that its text names with it.
    Special(Special, Option<Paragraph>),
    /// Article 10: criminal convictions and offences. It needs a paragraph of Schedule 1.
    Criminal,
    /// A paragraph of Schedule 1.
    Paragraph(Paragraph),
}

/// A provision, and how the agreement writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// As written, `dpa-1998:sch2-5-b`.
    pub text: String,
    /// In today's terms.
    pub provision: Provision,
}

/// Provisions as written and as meant.
const LAWFUL: [(&str, Lawful); 19] = [
    ("uk-gdpr:6-1-a", Lawful::Consent),
    ("uk-gdpr:6-1-b", Lawful::Contract),
    ("uk-gdpr:6-1-c", Lawful::LegalObligation),
    ("uk-gdpr:6-1-d", Lawful::VitalInterests),
    ("uk-gdpr:6-1-e", Lawful::PublicTask(PublicTask::Unsaid)),
    ("uk-gdpr:6-1-ea", Lawful::RecognisedInterest),
    ("uk-gdpr:6-1-f", Lawful::LegitimateInterests),
    ("dpa-2018:s8-a", Lawful::PublicTask(PublicTask::Justice)),
    ("dpa-2018:s8-c", Lawful::PublicTask(PublicTask::Enactment)),
    ("dpa-2018:s8-d", Lawful::PublicTask(PublicTask::Crown)),
    ("dpa-1998:sch2-1", Lawful::Consent),
    ("dpa-1998:sch2-2", Lawful::Contract),
    ("dpa-1998:sch2-3", Lawful::LegalObligation),
    ("dpa-1998:sch2-4", Lawful::VitalInterests),
    ("dpa-1998:sch2-5-a", Lawful::PublicTask(PublicTask::Justice)),
    (
        "dpa-1998:sch2-5-b",
        Lawful::PublicTask(PublicTask::Enactment),
    ),
    ("dpa-1998:sch2-5-c", Lawful::PublicTask(PublicTask::Crown)),
    ("dpa-1998:sch2-5-d", Lawful::PublicTask(PublicTask::Public)),
    ("dpa-1998:sch2-6", Lawful::LegitimateInterests),
];

const SPECIAL: [(&str, Special, Option<u8>); 19] = [
    ("uk-gdpr:9-2-a", Special::ExplicitConsent, None),
    ("uk-gdpr:9-2-b", Special::Employment, None),
    ("uk-gdpr:9-2-c", Special::VitalInterests, None),
    ("uk-gdpr:9-2-d", Special::NotForProfit, None),
    ("uk-gdpr:9-2-e", Special::MadePublic, None),
    ("uk-gdpr:9-2-f", Special::LegalClaims, None),
    ("uk-gdpr:9-2-g", Special::SubstantialInterest, None),
    ("uk-gdpr:9-2-h", Special::Health, None),
    ("uk-gdpr:9-2-i", Special::PublicHealth, None),
    ("uk-gdpr:9-2-j", Special::Research, None),
    ("dpa-1998:sch3-1", Special::ExplicitConsent, None),
    ("dpa-1998:sch3-2", Special::Employment, None),
    ("dpa-1998:sch3-3", Special::VitalInterests, None),
    ("dpa-1998:sch3-4", Special::NotForProfit, None),
    ("dpa-1998:sch3-5", Special::MadePublic, None),
    ("dpa-1998:sch3-6", Special::LegalClaims, None),
    ("dpa-1998:sch3-7", Special::SubstantialInterest, Some(7)),
    ("dpa-1998:sch3-8", Special::Health, None),
    ("dpa-1998:sch3-9", Special::SubstantialInterest, Some(8)),
];

/// A provision that is none of those understood: the sentence to add to a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood(pub String);

impl Stated {
    /// Reads `text`, a provision as an agreement writes it.
    ///
    /// # Errors
    /// With what to write instead.
    pub fn read(text: &str) -> Result<Self, NotUnderstood> {
        let provision = read(text)?;
        Ok(Self {
            text: text.to_owned(),
            provision,
        })
    }

    /// The provision in today's terms, as [`fmt::Display`] of [`Provision`] writes it.
    #[must_use]
    pub fn today(&self) -> String {
        self.provision.to_string()
    }
}

fn read(text: &str) -> Result<Provision, NotUnderstood> {
    if let Some((_, lawful)) = LAWFUL.iter().find(|(known, _)| *known == text) {
        return Ok(Provision::Lawful(*lawful));
    }
    if let Some((_, special, paragraph)) = SPECIAL.iter().find(|(known, ..)| *known == text) {
        return Ok(Provision::Special(
            *special,
            paragraph.and_then(Paragraph::new),
        ));
    }
    if text == "uk-gdpr:10" {
        return Ok(Provision::Criminal);
    }
    if let Some(number) = text.strip_prefix("dpa-2018:sch1-") {
        return canonical_number(number)
            .and_then(Paragraph::new)
            .map(Provision::Paragraph)
            .ok_or_else(|| {
                NotUnderstood(
                    "Schedule 1 has no such condition; its conditions are sch1-1 to sch1-37, without sch1-5".to_owned(),
                )
            });
    }
    Err(NotUnderstood(match text {
        "dpa-1998:sch2-5" => "the paragraph has four; write sch2-5-a (justice), sch2-5-b (an enactment), sch2-5-c (the Crown) or sch2-5-d (other public functions)".to_owned(),
        "dpa-1998:sch3-10" => "the paragraph is an order's; write the condition that there is today, for example uk-gdpr:9-2-g with a dpa-2018:sch1 paragraph".to_owned(),
        _ => "it is none that is understood; write uk-gdpr:6-1-a to f or ea, 9-2-a to j or 10, dpa-2018:sch1-1 to 37, dpa-2018:s8-a, c or d, dpa-1998:sch2-1 to 6 or sch3-1 to 9".to_owned(),
    }))
}

/// A number without leading zeros, so that a provision has one way to be written.
fn canonical_number(text: &str) -> Option<u8> {
    let number: u8 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for Provision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lawful(lawful) => f.write_str(match lawful {
                Lawful::Consent => "UK GDPR Article 6(1)(a)",
                Lawful::Contract => "UK GDPR Article 6(1)(b)",
                Lawful::LegalObligation => "UK GDPR Article 6(1)(c)",
                Lawful::VitalInterests => "UK GDPR Article 6(1)(d)",
                Lawful::PublicTask(PublicTask::Unsaid | PublicTask::Public) => {
                    "UK GDPR Article 6(1)(e)"
                }
                Lawful::PublicTask(PublicTask::Justice) => {
                    "UK GDPR Article 6(1)(e) with section 8(a) of the Data Protection Act 2018"
                }
                Lawful::PublicTask(PublicTask::Enactment) => {
                    "UK GDPR Article 6(1)(e) with section 8(c) of the Data Protection Act 2018"
                }
                Lawful::PublicTask(PublicTask::Crown) => {
                    "UK GDPR Article 6(1)(e) with section 8(d) of the Data Protection Act 2018"
                }
                Lawful::RecognisedInterest => "UK GDPR Article 6(1)(ea)",
                Lawful::LegitimateInterests => "UK GDPR Article 6(1)(f)",
            }),
            Self::Special(special, paragraph) => {
                write!(f, "UK GDPR Article 9(2)({})", special.letter())?;
                match paragraph.or(special.implied()) {
                    Some(paragraph) => write!(f, " with {}", Self::Paragraph(paragraph)),
                    None => Ok(()),
                }
            }
            Self::Criminal => f.write_str("UK GDPR Article 10"),
            Self::Paragraph(paragraph) => write!(
                f,
                "paragraph {} of Schedule 1 to the Data Protection Act 2018 ({})",
                paragraph.number(),
                paragraph.heading()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today(text: &str) -> String {
        Stated::read(text).map_or_else(|error| error.0, |stated| stated.today())
    }

    #[test]
    fn every_provision_of_1998_is_read_as_the_one_that_took_its_place() {
        for (then, now) in [
            ("dpa-1998:sch2-1", "uk-gdpr:6-1-a"),
            ("dpa-1998:sch2-2", "uk-gdpr:6-1-b"),
            ("dpa-1998:sch2-3", "uk-gdpr:6-1-c"),
            ("dpa-1998:sch2-4", "uk-gdpr:6-1-d"),
            ("dpa-1998:sch2-5-a", "dpa-2018:s8-a"),
            ("dpa-1998:sch2-5-b", "dpa-2018:s8-c"),
            ("dpa-1998:sch2-5-c", "dpa-2018:s8-d"),
            ("dpa-1998:sch2-6", "uk-gdpr:6-1-f"),
            ("dpa-1998:sch3-1", "uk-gdpr:9-2-a"),
            ("dpa-1998:sch3-2", "uk-gdpr:9-2-b"),
            ("dpa-1998:sch3-3", "uk-gdpr:9-2-c"),
            ("dpa-1998:sch3-4", "uk-gdpr:9-2-d"),
            ("dpa-1998:sch3-5", "uk-gdpr:9-2-e"),
            ("dpa-1998:sch3-6", "uk-gdpr:9-2-f"),
            ("dpa-1998:sch3-8", "uk-gdpr:9-2-h"),
        ] {
            let (then, now) = (Stated::read(then).unwrap(), Stated::read(now).unwrap());
            assert_eq!(then.provision, now.provision, "{}", then.text);
        }
        assert_eq!(
            today("dpa-1998:sch3-7"),
            "UK GDPR Article 9(2)(g) with paragraph 7 of Schedule 1 to the Data Protection Act 2018 (administration of justice and parliamentary purposes)"
        );
        assert_eq!(today("dpa-1998:sch2-5-d"), "UK GDPR Article 6(1)(e)");
    }

    #[test]
    fn each_provision_has_one_spelling_and_nothing_else_is_understood() {
        for text in LAWFUL
            .map(|(text, _)| text)
            .into_iter()
            .chain(SPECIAL.map(|(text, ..)| text))
            .chain(["uk-gdpr:10", "dpa-2018:sch1-1", "dpa-2018:sch1-37"])
        {
            assert!(Stated::read(text).is_ok(), "{text}");
            for wrong in [
                text.to_uppercase(),
                format!("{text} "),
                format!("{text}-"),
                text.replace(':', "-"),
            ] {
                assert!(Stated::read(&wrong).is_err(), "{wrong}");
            }
        }
        for wrong in [
            "dpa-2018:sch1-5",
            "dpa-2018:sch1-0",
            "dpa-2018:sch1-02",
            "dpa-2018:sch1-+2",
            "dpa-2018:sch1-38",
            "dpa-2018:sch1-258",
            "dpa-1998:sch2-5",
            "dpa-1998:sch3-10",
            "uk-gdpr:6-1-g",
            "uk-gdpr:9-2-k",
            "",
        ] {
            assert!(Stated::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_paragraph_of_part_two_needs_a_policy_document() {
        let needs: Vec<u8> = (0..=40)
            .filter_map(Paragraph::new)
            .filter(|paragraph| paragraph.needs_policy_document())
            .map(Paragraph::number)
            .collect();
        let expected: Vec<u8> = [1].into_iter().chain(6..=28).chain([35, 36]).collect();
        assert_eq!(needs, expected);
    }
}
