//! A basis, and what each of its conditions asks for before anything may rest on it.

use super::kind::{Kinds, PartyKind};
use super::provision::{Lawful, Paragraph, Provision, PublicTask, Special, Stated};
use super::written::BasisAsWritten;
use crate::written::text::{Provision as ProvisionText, Words};
use crate::written::{Fault, Written};

/// On what law the sharing for a purpose rests. Having one is the proof that what its conditions ask for is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Basis {
    /// The conditions for processing; at least one.
    pub lawful: Vec<Stated>,
    /// The conditions for special categories.
    pub special: Vec<Stated>,
    /// The conditions for criminal-offence data.
    pub criminal: Vec<Stated>,
    /// The power or duty to share, an enactment.
    pub power: Option<String>,
    /// The function of a public nature.
    pub function: Option<String>,
    /// The court's order.
    pub court_order: Option<String>,
    /// The list of consents that records are held against.
    pub consents: Option<String>,
    /// Whether the consents on the list are explicit.
    pub explicit: bool,
    /// The contract with the subject.
    pub contract: Option<String>,
    /// The appropriate policy document.
    pub policy_document: Option<String>,
    /// Where the subject made the data public.
    pub publication: Option<String>,
    /// The test that weighs legitimate interests.
    pub balancing_test: Option<String>,
    /// Which of the recognised legitimate interests it is.
    pub recognised_interest: Option<String>,
}

impl Basis {
    /// Whether `special` is one of its conditions.
    #[must_use]
    pub fn has_special(&self, special: Special) -> bool {
        self.special.iter().any(
            |stated| matches!(stated.provision, Provision::Special(stated, _) if stated == special),
        )
    }

    /// Whether `lawful` is one of its conditions.
    #[must_use]
    pub fn has_lawful(&self, lawful: Lawful) -> bool {
        self.lawful
            .iter()
            .any(|stated| stated.provision == Provision::Lawful(lawful))
    }

    /// Its conditions, those for every sharing first.
    pub fn conditions(&self) -> impl Iterator<Item = &Stated> {
        let special = self.special.iter().chain(&self.criminal);
        self.lawful.iter().chain(special)
    }

    /// What it says, for reviewers: each condition as written and in today's terms, then what backs it.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let conditions = self
            .conditions()
            .map(|stated| format!("{} ({})", stated.text, stated.today()));
        let backed = [
            ("power", &self.power),
            ("function", &self.function),
            ("court order", &self.court_order),
            ("consents", &self.consents),
            ("contract with the subject", &self.contract),
            ("policy document", &self.policy_document),
            ("publication", &self.publication),
            ("balancing test", &self.balancing_test),
            ("recognised interest", &self.recognised_interest),
        ];
        let backed = backed
            .into_iter()
            .filter_map(|(what, text)| Some(format!("{what}: {}", text.as_ref()?)));
        conditions.chain(backed)
    }

    /// Whether special fields leave only for a professional: health and social care is the one condition for them, so
    /// that secrecy (Article 9(3)) has to be shown by every caller.
    #[must_use]
    pub fn needs_professional(&self) -> bool {
        let mut conditions = self
            .special
            .iter()
            .filter_map(|stated| match stated.provision {
                Provision::Special(special, _) => Some(special),
                Provision::Lawful(_) | Provision::Criminal | Provision::Paragraph(_) => None,
            });
        let health = conditions.next() == Some(Special::Health);
        health && conditions.all(|special| special == Special::Health)
    }
}

/// What a basis needs to know of a purpose that rests on it.
#[derive(Debug, Clone, Copy)]
pub(in crate::agreement) struct Resting<'a> {
    /// The purpose's name.
    pub(in crate::agreement) name: &'a str,
    /// Each request names a case.
    pub(in crate::agreement) reference: bool,
    /// It is for vital interests: narrow, with a reason, reviewed.
    pub(in crate::agreement) vital_interests: bool,
}

/// Checks the basis written at `at` for the `purposes` that rest on it. Faults say what is missing.
pub(super) fn check<T>(
    file: &Written<T>,
    at: &str,
    written: &BasisAsWritten,
    kinds: Kinds,
    purposes: &[Resting<'_>],
    faults: &mut Vec<Fault>,
) -> Basis {
    let text = |words: &Option<Words>| words.as_ref().map(|words| words.0.clone());
    let mut basis = Basis {
        power: text(&written.power),
        function: text(&written.function),
        court_order: text(&written.court_order),
        consents: written.consents.as_ref().map(|name| name.0.clone()),
        explicit: written.explicit.unwrap_or(false),
        contract: text(&written.contract),
        policy_document: text(&written.policy_document),
        publication: text(&written.publication),
        balancing_test: text(&written.balancing_test),
        recognised_interest: text(&written.recognised_interest),
        ..Basis::default()
    };
    let mut checking = Checking {
        file,
        at,
        kinds,
        purposes,
        faults,
    };
    basis.lawful = checking.list("lawful", written.lawful.as_deref(), |provision| {
        matches!(provision, Provision::Lawful(_))
    });
    basis.special = checking.list("special", written.special.as_deref(), |provision| {
        matches!(provision, Provision::Special(..) | Provision::Paragraph(_))
    });
    basis.criminal = checking.list("criminal", written.criminal.as_deref(), |provision| {
        matches!(provision, Provision::Criminal | Provision::Paragraph(_))
    });
    if basis.lawful.is_empty() && !file.is_faulted_within(at) {
        checking.fault(
            at,
            "it names no condition for processing; write for example lawful: [uk-gdpr:6-1-e]",
        );
    }
    for (index, stated) in basis.lawful.iter().enumerate() {
        if let Provision::Lawful(lawful) = stated.provision {
            checking.lawful(&format!("{at}/lawful/{index}"), lawful, &basis);
        }
    }
    let paragraphs = |stated: &[Stated]| -> Vec<Paragraph> {
        let paragraph = |stated: &Stated| match stated.provision {
            Provision::Special(special, paragraph) => paragraph.or(special.implied()),
            Provision::Paragraph(paragraph) => Some(paragraph),
            Provision::Lawful(_) | Provision::Criminal => None,
        };
        stated.iter().filter_map(paragraph).collect()
    };
    let special = paragraphs(&basis.special);
    for (index, stated) in basis.special.iter().enumerate() {
        let at = format!("{at}/special/{index}");
        match stated.provision {
            Provision::Special(condition, _) => {
                checking.special(&at, condition, &special, &basis);
            }
            Provision::Paragraph(paragraph) => checking.beside(&at, paragraph, &basis),
            Provision::Lawful(_) | Provision::Criminal => {}
        }
    }
    checking.policy("special", &special, &basis);
    let criminal = paragraphs(&basis.criminal);
    if !basis.criminal.is_empty() && criminal.is_empty() {
        checking.fault(
            &format!("{at}/criminal"),
            "criminal-offence data needs a condition of Schedule 1; write for example criminal: [dpa-2018:sch1-10]",
        );
    }
    checking.policy("criminal", &criminal, &basis);
    basis
}

struct Checking<'a, 'f, T> {
    file: &'a Written<T>,
    at: &'a str,
    kinds: Kinds,
    purposes: &'a [Resting<'a>],
    faults: &'f mut Vec<Fault>,
}

impl<T> Checking<'_, '_, T> {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        self.file.fault(self.faults, pointer, message);
    }

    /// The provisions of one list, each of a kind that belongs there, none twice.
    fn list(
        &mut self,
        key: &str,
        texts: Option<&[ProvisionText]>,
        belongs: impl Fn(&Provision) -> bool,
    ) -> Vec<Stated> {
        let mut list: Vec<Stated> = Vec::new();
        for (index, text) in texts.unwrap_or_default().iter().enumerate() {
            let at = format!("{}/{key}/{index}", self.at);
            let stated = match Stated::read(&text.0) {
                Ok(stated) => stated,
                Err(error) => {
                    self.fault(&at, format!("`{}`: {}", text.0, error.0));
                    continue;
                }
            };
            if !belongs(&stated.provision) {
                let home = match stated.provision {
                    Provision::Lawful(_) => "lawful",
                    Provision::Special(..) => "special",
                    Provision::Criminal => "criminal",
                    Provision::Paragraph(_) => "special or criminal",
                };
                self.fault(
                    &at,
                    format!("{} belongs under `{home}`; write it there", stated.today()),
                );
            } else if list
                .iter()
                .any(|earlier| earlier.provision == stated.provision)
            {
                self.fault(
                    &at,
                    format!("{} stands twice; leave one out", stated.today()),
                );
            } else {
                list.push(stated);
            }
        }
        list
    }

    fn lawful(&mut self, at: &str, lawful: Lawful, basis: &Basis) {
        match lawful {
            Lawful::Consent => self.need(
                at,
                basis.consents.is_some(),
                "consent needs the list that records are held against; write consents: NAME beside it",
            ),
            Lawful::Contract => self.need(
                at,
                basis.contract.is_some(),
                "a contract with the subject needs its reference; write contract: REFERENCE beside it",
            ),
            Lawful::LegalObligation => self.citation(at, "a legal obligation", basis),
            Lawful::VitalInterests => self.vital_interests(at),
            Lawful::PublicTask(task) => self.public_task(at, task, basis),
            Lawful::LegitimateInterests | Lawful::RecognisedInterest
                if self.kinds.controller.is_public_authority() =>
            {
                self.fault(
                    at,
                    format!(
                        "a {} cannot rest its tasks on legitimate interests, recognised ones included; write uk-gdpr:6-1-e with its power, or parties: {{ kinds: {{ controller: company }} }} if it is none",
                        self.kinds.controller
                    ),
                );
            }
            Lawful::LegitimateInterests => self.need(
                at,
                basis.balancing_test.is_some(),
                "legitimate interests need the test that weighs them; write balancing_test: REFERENCE beside it",
            ),
            Lawful::RecognisedInterest => self.need(
                at,
                basis.recognised_interest.is_some(),
                "a recognised legitimate interest is one of Annex 1's; write recognised_interest: WHICH beside it",
            ),
        }
    }

    fn public_task(&mut self, at: &str, task: PublicTask, basis: &Basis) {
        match task {
            PublicTask::Unsaid => {
                if basis.power.is_some() {
                    self.citation(at, "a public task", basis);
                } else {
                    self.need(
                        at,
                        basis.function.is_some(),
                        "a public task needs its power or its function; write for example power: Care Act 2014 s.6 beside it",
                    );
                }
            }
            PublicTask::Justice => {
                if basis.court_order.is_none() {
                    self.citation(at, "the administration of justice", basis);
                }
            }
            PublicTask::Enactment => {
                self.citation(at, "a function that an enactment confers", basis);
            }
            PublicTask::Crown => {
                let department = PartyKind::GovernmentDepartment;
                let of_the_crown =
                    self.kinds.controller == department || self.kinds.partner == Some(department);
                self.need(
                    at,
                    of_the_crown,
                    "a function of the Crown needs a party that is a government department; write parties: { kinds: { partner: government-department } } if it is one",
                );
            }
            PublicTask::Public => self.need(
                at,
                basis.function.is_some(),
                "a function of a public nature needs to be named; write function: TEXT beside it",
            ),
        }
    }

    /// `paragraphs` are all of Schedule 1 that stand beside the condition.
    fn special(&mut self, at: &str, special: Special, paragraphs: &[Paragraph], basis: &Basis) {
        match special {
            Special::ExplicitConsent => self.need(
                at,
                basis.consents.is_some() && basis.explicit,
                "explicit consent needs the list of it; write consents: NAME and explicit: true beside it",
            ),
            Special::VitalInterests => self.vital_interests(at),
            Special::NotForProfit => {
                let body = PartyKind::NotForProfit;
                let is = self.kinds.controller == body
                    && matches!(self.kinds.partner, Some(PartyKind::Internal | PartyKind::Processor));
                self.need(
                    at,
                    is || (self.kinds.controller == body && basis.consents.is_some()),
                    "this condition is a not-for-profit body's, for what stays in it; write parties: { kinds: { controller: not-for-profit, partner: internal } } if that is so, or consents: NAME beside it for what leaves it",
                );
            }
            Special::MadePublic => {
                let address = basis
                    .publication
                    .as_deref()
                    .is_some_and(|text| text.starts_with("https://") || text.starts_with("http://"));
                self.need(
                    at,
                    address,
                    "what the subject made public needs the evidence; write publication: https://… beside it",
                );
            }
            Special::LegalClaims => {
                let without: Vec<&str> = self
                    .purposes
                    .iter()
                    .filter(|purpose| !purpose.reference)
                    .map(|purpose| purpose.name)
                    .collect();
                if let [first, ..] = without.as_slice() {
                    self.fault(
                        at,
                        format!("legal claims need the case in every request; write reference: required for the purpose {first}, or give it a basis of its own"),
                    );
                }
            }
            Special::SubstantialInterest => self.need(
                at,
                paragraphs.iter().any(|paragraph| paragraph.is_substantial_interest()),
                "substantial public interest needs a condition of Part 2 of Schedule 1; write for example dpa-2018:sch1-18 beside it",
            ),
            // The paragraph of Schedule 1 is implied; of the claim that 9(2)(h) needs the caller's credential speaks.
            Special::Employment | Special::Health | Special::PublicHealth | Special::Research => {}
        }
        if special == Special::SubstantialInterest
            && paragraphs.iter().any(|paragraph| paragraph.number() == 7)
            && basis.court_order.is_none()
        {
            self.citation(at, "the administration of justice", basis);
        }
    }

    /// A paragraph among the conditions for special categories goes with the condition that it is of.
    fn beside(&mut self, at: &str, paragraph: Paragraph, basis: &Basis) {
        let whose = match paragraph.number() {
            1 => Special::Employment,
            2 => Special::Health,
            3 => Special::PublicHealth,
            4 => Special::Research,
            6..=28 => Special::SubstantialInterest,
            _ => {
                self.fault(
                    at,
                    format!("paragraph {} of Schedule 1 is for criminal-offence data alone; write it under `criminal`", paragraph.number()),
                );
                return;
            }
        };
        self.need(
            at,
            basis.has_special(whose),
            &format!(
                "paragraph {} of Schedule 1 goes with Article 9(2)({letter}); write uk-gdpr:9-2-{letter} beside it",
                paragraph.number(),
                letter = whose.letter()
            ),
        );
    }

    fn policy(&mut self, key: &str, paragraphs: &[Paragraph], basis: &Basis) {
        let asks = paragraphs
            .iter()
            .find(|paragraph| paragraph.needs_policy_document());
        if let (Some(paragraph), None) = (asks, &basis.policy_document) {
            self.fault(
                &format!("{}/{key}", self.at),
                format!(
                    "paragraph {} of Schedule 1 ({}) needs an appropriate policy document; write policy_document: REFERENCE",
                    paragraph.number(),
                    paragraph.heading()
                ),
            );
        }
    }

    fn vital_interests(&mut self, at: &str) {
        let ordinary: Vec<&str> = self
            .purposes
            .iter()
            .filter(|purpose| !purpose.vital_interests)
            .map(|purpose| purpose.name)
            .collect();
        if let [first, ..] = ordinary.as_slice() {
            self.fault(
                at,
                format!("vital interests are no standing access; write vital_interests: true for the purpose {first}, or give it a basis of its own"),
            );
        }
    }

    /// An enactment is cited.
    fn citation(&mut self, at: &str, what: &str, basis: &Basis) {
        let cited = basis.power.as_deref().is_some_and(is_citation);
        self.need(
            at,
            cited,
            &format!("{what} needs the enactment with its year; write for example power: Care Act 2014 s.6 beside it"),
        );
    }

    fn need(&mut self, at: &str, met: bool, message: &str) {
        if !met {
            self.fault(at, message);
        }
    }
}

/// Whether `text` names an enactment: by its year, or by what it is called and a number in it.
fn is_citation(text: &str) -> bool {
    let year = text
        .split(|c: char| !c.is_ascii_digit())
        .any(|digits| digits.len() == 4 && ("1215"..="2199").contains(&digits));
    let called = text
        .split(|c: char| !c.is_alphabetic())
        .any(|word| ["Act", "Measure", "Order", "Regulations", "Rules"].contains(&word));
    let numbered = text.chars().any(|c| c.is_ascii_digit());
    (year && text.chars().any(char::is_alphabetic)) || (called && numbered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::written::Reader;

    const CONTROLLER: Kinds = Kinds {
        controller: PartyKind::PublicAuthority,
        partner: None,
    };

    fn messages(text: &str, kinds: Kinds, purposes: &[Resting<'_>]) -> Vec<String> {
        let mut faults = Vec::new();
        let file = Reader::<BasisAsWritten>::new(&[])
            .read("basis.yaml", text, &mut faults)
            .unwrap();
        check(&file, "", &file.value, kinds, purposes, &mut faults);
        faults.into_iter().map(|fault| fault.message).collect()
    }

    fn plain() -> [Resting<'static>; 1] {
        [Resting {
            name: "care",
            reference: false,
            vital_interests: false,
        }]
    }

    #[test]
    fn each_condition_says_what_it_needs_and_takes_it() {
        for (without, with) in [
            ("lawful: [uk-gdpr:6-1-a]", "consents: helped"),
            ("lawful: [dpa-1998:sch2-1]", "consents: helped"),
            ("lawful: [uk-gdpr:6-1-b]", "contract: C-1"),
            ("lawful: [dpa-1998:sch2-2]", "contract: C-1"),
            ("lawful: [uk-gdpr:6-1-c]", "power: Children Act 1989 s.47"),
            ("lawful: [dpa-1998:sch2-3]", "power: Children Act 1989 s.47"),
            ("lawful: [uk-gdpr:6-1-e]", "power: Care Act 2014 s.6"),
            (
                "lawful: [uk-gdpr:6-1-e]",
                "function: keep the register of assets",
            ),
            ("lawful: [dpa-2018:s8-a]", "court_order: order of 3 March"),
            ("lawful: [dpa-1998:sch2-5-a]", "power: Courts Act 2003 s.1"),
            ("lawful: [dpa-1998:sch2-5-b]", "power: Care Act 2014 s.6"),
            (
                "lawful: [dpa-1998:sch2-5-d]",
                "function: emergency planning",
            ),
            (
                "lawful: [uk-gdpr:6-1-e]\nfunction: care\nspecial: [uk-gdpr:9-2-a]",
                "consents: helped\nexplicit: true",
            ),
            (
                "lawful: [uk-gdpr:6-1-e]\nfunction: care\nspecial: [uk-gdpr:9-2-b]",
                "policy_document: APD-1",
            ),
            (
                "lawful: [uk-gdpr:6-1-e]\nfunction: care\nspecial: [dpa-1998:sch3-2]",
                "policy_document: APD-1",
            ),
            (
                "lawful: [uk-gdpr:6-1-e]\nfunction: care\nspecial: [uk-gdpr:9-2-e]",
                "publication: https://example.org/a",
            ),
            (
                "lawful: [uk-gdpr:6-1-e]\nfunction: care\nspecial: [uk-gdpr:9-2-g, dpa-2018:sch1-18]",
                "policy_document: APD-1",
            ),
            (
                "lawful: [uk-gdpr:6-1-e]\nfunction: care\nspecial: [dpa-1998:sch3-7]\npolicy_document: APD-1",
                "court_order: order of 3 March",
            ),
            (
                "lawful: [uk-gdpr:6-1-e]\nfunction: care\ncriminal: [dpa-2018:sch1-10]",
                "policy_document: APD-1",
            ),
        ] {
            assert_eq!(
                messages(without, CONTROLLER, &plain()).len(),
                1,
                "{without}"
            );
            let whole = format!("{without}\n{with}");
            assert_eq!(
                messages(&whole, CONTROLLER, &plain()),
                Vec::<String>::new(),
                "{whole}"
            );
        }
    }

    #[test]
    fn a_citation_names_an_enactment() {
        for (text, is) in [
            ("Care Act 2014 s.6", true),
            ("Representation of the People Regulations reg 35", true),
            ("SI 1992/3008 reg 6", true),
            (
                "https://www.legislation.gov.uk/ukpga/2014/23/section/6",
                true,
            ),
            ("the Care Act", false),
            ("the usual power", false),
            ("2014", false),
            ("minute 7 of the cabinet", false),
        ] {
            assert_eq!(is_citation(text), is, "{text}");
        }
    }

    #[test]
    fn no_public_authority_rests_its_tasks_on_legitimate_interests() {
        use PartyKind as Kind;
        for kind in [
            Kind::PublicAuthority,
            Kind::GovernmentDepartment,
            Kind::HealthBody,
            Kind::NotForProfit,
            Kind::Processor,
            Kind::Company,
            Kind::Councillor,
            Kind::Internal,
            Kind::Public,
        ] {
            let kinds = Kinds {
                controller: kind,
                partner: None,
            };
            for basis in [
                "lawful: [uk-gdpr:6-1-f]\nbalancing_test: LIA-1",
                "lawful: [uk-gdpr:6-1-ea]\nrecognised_interest: safeguarding",
                "lawful: [dpa-1998:sch2-6]\nbalancing_test: LIA-1",
            ] {
                let refused = !messages(basis, kinds, &plain()).is_empty();
                assert_eq!(refused, kind.is_public_authority(), "{kind} {basis}");
            }
        }
        let company = Kinds {
            controller: Kind::Company,
            partner: None,
        };
        for basis in ["lawful: [uk-gdpr:6-1-f]", "lawful: [uk-gdpr:6-1-ea]"] {
            assert_eq!(messages(basis, company, &plain()).len(), 1, "{basis}");
        }
    }

    #[test]
    fn a_condition_that_is_of_one_kind_of_party_needs_that_party() {
        let crown = "lawful: [dpa-1998:sch2-5-c]";
        let body = "lawful: [uk-gdpr:6-1-e]\nfunction: care\nspecial: [uk-gdpr:9-2-d]";
        for (text, controller, partner, taken) in [
            (crown, PartyKind::PublicAuthority, None, false),
            (
                crown,
                PartyKind::PublicAuthority,
                Some(PartyKind::Company),
                false,
            ),
            (
                crown,
                PartyKind::PublicAuthority,
                Some(PartyKind::GovernmentDepartment),
                true,
            ),
            (crown, PartyKind::GovernmentDepartment, None, true),
            (
                body,
                PartyKind::PublicAuthority,
                Some(PartyKind::NotForProfit),
                false,
            ),
            (
                body,
                PartyKind::NotForProfit,
                Some(PartyKind::Company),
                false,
            ),
            (
                body,
                PartyKind::NotForProfit,
                Some(PartyKind::Internal),
                true,
            ),
        ] {
            let kinds = Kinds {
                controller,
                partner,
            };
            let found = messages(text, kinds, &plain());
            assert_eq!(found.is_empty(), taken, "{text} {kinds:?} {found:?}");
        }
    }

    #[test]
    fn claims_need_a_case_and_vital_interests_a_purpose_of_their_own() {
        let base = "lawful: [uk-gdpr:6-1-e]\nfunction: care\n";
        for (text, reference, vital_interests, taken) in [
            (
                format!("{base}special: [uk-gdpr:9-2-f]"),
                false,
                false,
                false,
            ),
            (format!("{base}special: [uk-gdpr:9-2-f]"), true, false, true),
            (
                format!("{base}special: [uk-gdpr:9-2-c]"),
                false,
                false,
                false,
            ),
            (format!("{base}special: [uk-gdpr:9-2-c]"), false, true, true),
            ("lawful: [uk-gdpr:6-1-d]".to_owned(), true, false, false),
            ("lawful: [dpa-1998:sch2-4]".to_owned(), false, true, true),
        ] {
            let purposes = [Resting {
                name: "care",
                reference,
                vital_interests,
            }];
            let found = messages(&text, CONTROLLER, &purposes);
            assert_eq!(found.is_empty(), taken, "{text} {found:?}");
        }
    }

    #[test]
    fn a_provision_in_the_wrong_list_twice_or_unknown_is_told() {
        let base = "function: care\n";
        for text in [
            "lawful: [uk-gdpr:9-2-h]",
            "lawful: [uk-gdpr:6-1-e, uk-gdpr:9-2-h]",
            "lawful: [uk-gdpr:6-1-e, uk-gdpr:6-1-e]",
            "lawful: [uk-gdpr:6-1-e, uk-gdpr:6-1-z]",
            "lawful: [uk-gdpr:6-1-e]\nspecial: [uk-gdpr:6-1-c]",
            "lawful: [uk-gdpr:6-1-e]\nspecial: [dpa-2018:sch1-33]",
            "lawful: [uk-gdpr:6-1-e]\nspecial: [dpa-2018:sch1-2]",
            "lawful: [uk-gdpr:6-1-e]\nspecial: [uk-gdpr:9-2-g]",
            "lawful: [uk-gdpr:6-1-e]\ncriminal: [uk-gdpr:10]",
            "lawful: [uk-gdpr:6-1-e]\npower: the usual power",
            "special: [uk-gdpr:9-2-h]",
            "{}",
        ] {
            let text = if text == "{}" {
                text.to_owned()
            } else {
                format!("{base}{text}")
            };
            assert!(!messages(&text, CONTROLLER, &plain()).is_empty(), "{text}");
        }
    }
}
