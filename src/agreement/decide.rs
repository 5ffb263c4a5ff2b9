//! The decision: permit, or refuse with a reason.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::basis;
use super::router::{Answer, Asks, Miss, Route, Router};
use super::template;
use super::{
    Agreement, AgreementName, AgreementSet, Credentials, Disclosure, DisclosureName, PartnerName,
    Purpose, PurposeName, Role, SystemName,
};
use crate::plan::{BodyRules, Plan};

/// What is asked: all that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Who asks, already authenticated.
    pub asker: Asker<'a>,
    /// The method, upper case.
    pub method: &'a str,
    /// The path as it came, still percent-encoded, without the query.
    pub path: &'a str,
    /// Every value of the purpose header, as it came.
    pub purposes: &'a [&'a [u8]],
    /// What the request says of its caller.
    pub caller: Caller<'a>,
    /// When.
    pub at: Timestamp,
}

/// Who asks: neither kind ever has a disclosure of the other's (P2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    /// A partner, for what its agreements let it ask for or send in.
    Partner(&'a PartnerName),
    /// A system of the controller's, for what agreements let it push.
    System(&'a SystemName),
}

impl<'a> Asker<'a> {
    /// Who may ask for `disclosure` of `agreement`.
    #[must_use]
    pub fn of(agreement: &'a Agreement, disclosure: &'a Disclosure) -> Self {
        match &disclosure.pushed_by {
            Some(system) => Self::System(system),
            None => Self::Partner(&agreement.partner),
        }
    }
}

impl fmt::Display for Asker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partner(partner) => partner.fmt(f),
            Self::System(system) => write!(f, "the system {system}"),
        }
    }
}

/// What a request says of who makes it at the partner's, and of why.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller<'a> {
    /// The roles that its credential states.
    pub roles: &'a [Role],
    /// Its credential states a health or social-work professional.
    pub professional: bool,
    /// From when on the training in this sharing that its credential states counts no longer.
    pub trained_until: Option<Timestamp>,
    /// The case or task that it is for, as it came; empty where it came more than once.
    pub reference: Option<&'a [u8]>,
    /// Why life is at risk, as it came; empty where it came more than once.
    pub reason: Option<&'a [u8]>,
    /// The agreement's version that the partner has accepted, as it came; empty where it came more than once.
    pub version: Option<&'a [u8]>,
    /// What it has shown of itself, together.
    pub credentials: Credentials,
    /// The purposes that its access token may be used for, where the token's issuer says so.
    pub token_purposes: Option<&'a [PurposeName]>,
}

/// The most bytes of a reference to a case or task.
pub const REFERENCE_BYTES: usize = 128;
/// The most bytes of a reason.
pub const REASON_BYTES: usize = 500;

/// The decision said yes. Made by [`AgreementSet::decide`] alone: the fields are private.
#[must_use]
#[derive(Debug, Clone)]
pub struct Permit {
    agreement: Arc<Agreement>,
    /// Where the disclosure stands among the agreement's.
    disclosure: usize,
    /// Where the purpose stands among the agreement's.
    terms: usize,
    /// Whether fields of special categories stay behind, since no professional asks.
    without_special: bool,
    variables: Vec<(String, String)>,
}

impl Permit {
    /// The agreement that permits.
    #[must_use]
    pub fn agreement(&self) -> &Arc<Agreement> {
        &self.agreement
    }
    /// The disclosure that permits.
    #[must_use]
    pub fn disclosure(&self) -> &Arc<Disclosure> {
        &self.agreement.disclosures[self.disclosure]
    }
    /// The purpose that was declared and agreed.
    #[must_use]
    pub fn purpose(&self) -> &PurposeName {
        &self.terms().name
    }
    /// The terms of that purpose.
    #[must_use]
    pub fn terms(&self) -> &Purpose {
        &self.agreement.purposes[self.terms]
    }
    /// The plan of the body that leaves: without special categories, where these need a professional and none asks.
    #[must_use]
    pub fn released(&self) -> &Arc<Plan> {
        let disclosure = self.disclosure();
        match &disclosure.without_special {
            Some(without) if self.without_special => &without.plan,
            Some(_) | None => &disclosure.released,
        }
    }
    /// The rules that [`Permit::released`] was compiled from.
    #[must_use]
    pub fn released_rules(&self) -> &BodyRules {
        let disclosure = self.disclosure();
        match &disclosure.without_special {
            Some(without) if self.without_special => &without.rules,
            Some(_) | None => &disclosure.released_rules,
        }
    }
    /// The path's variables, each percent-encoded in the one form that it has: so the service gets them.
    #[must_use]
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }
}

/// Why a decision said no. [`Refusal::code`] is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No disclosure of the partner's has this path or method.
    #[error("{}", match .0 { RouteMiss::Form => "two readers could take the path for two", RouteMiss::Path => "no agreement of yours has this path", RouteMiss::Method { .. } => "no agreement of yours has this method for this path" })]
    NoRoute(RouteMiss),
    /// No purpose was declared.
    #[error("no purpose is declared")]
    PurposeMissing,
    /// More than one purpose was declared, or one in a form that no purpose has.
    #[error("the declared purpose is not one purpose's name")]
    PurposeMalformed,
    /// The declared purpose is not one that the access token may be used for.
    #[error("the access token is not for the declared purpose")]
    PurposeNotInToken,
    /// The declared purpose is not one of the disclosure's.
    #[error("agreement {agreement} shares `{disclosure}` for other purposes than the declared one")]
    PurposeNotAgreed {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// The disclosure that was asked for.
        disclosure: DisclosureName,
        /// What is agreed.
        agreed: Vec<PurposeName>,
    },
    /// The agreement has not started.
    #[error("agreement {agreement} starts on {starts}")]
    NotStarted {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// Its first day.
        starts: Date,
    },
    /// The agreement has ended.
    #[error("agreement {agreement} ended on {ended}")]
    Ended {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// Its last day.
        ended: Date,
    },
    /// Not every role that must approve the agreement has approved this text of it.
    #[error("agreement {agreement} is a draft: {} {} not approved it", missing.join(", "), if missing.len() == 1 { "has" } else { "have" })]
    NotApproved {
        /// The agreement.
        agreement: AgreementName,
        /// The roles that have not approved it.
        missing: Vec<String>,
    },
    /// The partner has accepted another version of the agreement than the one that runs.
    #[error(
        "agreement {agreement} is version {version} now, not the version that the request names"
    )]
    AgreementChanged {
        /// The agreement.
        agreement: AgreementName,
        /// Its version.
        version: u32,
    },
    /// The agreement's keys are destroyed.
    #[error("the keys of agreement {agreement} are destroyed")]
    KeysDestroyed {
        /// The agreement.
        agreement: AgreementName,
    },
    /// Not every credential that the purpose asks for has been shown.
    #[error("agreement {agreement} asks for {missing} too, in a request for {purpose}")]
    CredentialMissing {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// The purpose that was declared.
        purpose: PurposeName,
        /// What has not been shown.
        missing: Credentials,
    },
    /// The caller holds none of the roles that may declare the purpose.
    #[error("agreement {agreement} lets only certain roles ask for {purpose}")]
    RoleNotHeld {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// The purpose that was declared.
        purpose: PurposeName,
    },
    /// The purpose asks for a health or social-work professional.
    #[error(
        "agreement {agreement} shares for {purpose} with health and social-work professionals only"
    )]
    NotProfessional {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// The purpose that was declared.
        purpose: PurposeName,
    },
    /// The purpose asks for a training that counts, and the credential states none, or one that does no longer.
    #[error(
        "agreement {agreement} shares for {purpose} with callers whose training in this sharing still counts"
    )]
    NotTrained {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// The purpose that was declared.
        purpose: PurposeName,
    },
    /// The purpose asks for a case or task, and none is named in the form that one has.
    #[error("agreement {agreement} asks for the case or task that a request for {purpose} is for")]
    ReferenceMissing {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// The purpose that was declared.
        purpose: PurposeName,
    },
    /// The purpose asks for a reason, and none is given in the form that one has.
    #[error("agreement {agreement} asks for the reason of a request for {purpose}")]
    ReasonMissing {
        /// The agreement whose term refused.
        agreement: AgreementName,
        /// The purpose that was declared.
        purpose: PurposeName,
    },
}

impl Refusal {
    /// The stable name of the reason: in problems, metrics and the ledger.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRoute(RouteMiss::Form) => "path_form",
            Self::NoRoute(RouteMiss::Path) => "no_route",
            Self::NoRoute(RouteMiss::Method { .. }) => "method_not_agreed",
            Self::PurposeMissing => "purpose_missing",
            Self::PurposeMalformed => "purpose_malformed",
            Self::PurposeNotInToken => "purpose_not_in_token",
            Self::PurposeNotAgreed { .. } => "purpose_not_agreed",
            Self::NotStarted { .. } => "not_started",
            Self::Ended { .. } => "ended",
            Self::KeysDestroyed { .. } => "keys_destroyed",
            Self::NotApproved { .. } => "not_approved",
            Self::AgreementChanged { .. } => "agreement_changed",
            Self::CredentialMissing { .. } => "credential_missing",
            Self::RoleNotHeld { .. } => "role_not_held",
            Self::NotProfessional { .. } => "not_professional",
            Self::NotTrained { .. } => "not_trained",
            Self::ReferenceMissing { .. } => "reference_missing",
            Self::ReasonMissing { .. } => "reason_missing",
        }
    }
}

/// What a request's route lacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteMiss {
    /// A path that two readers could not take for two. It is not repaired.
    Form,
    /// The path.
    Path,
    /// The method; these are the partner's own for this path.
    Method {
        /// Methods that the partner's agreements have for this path.
        allowed: Vec<String>,
    },
}

/// One step of a decision: the answer of [`AgreementSet::explain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was asked: `route`, `purpose declared`, `purpose in token` where a token says what it is for, `purpose agreed`, `ground` where there is a register, `approval` where
    /// it is asked for, `version` where the request names one, `term`; `keys` only where they
    /// are destroyed; `credentials`, `role`, `professional`, `training`, `reference` and `reason` where the purpose asks for them.
    pub name: &'static str,
    /// Whether it let the request through.
    pub passed: bool,
    /// What was found, one sentence.
    pub text: String,
}

impl AgreementSet {
    /// Decides `ask`. The same set and the same ask give the same answer.
    ///
    /// # Errors
    /// With the first term that refuses: route, then purpose, then term, then keys, then what the purpose asks of the
    /// caller.
    pub fn decide(&self, ask: &Ask<'_>) -> Result<Permit, Refusal> {
        self.walk::<false>(ask, &mut |_, _, _| {})
    }

    /// Each step of [`AgreementSet::decide`], to the one that refuses; by the same code.
    #[must_use]
    pub fn explain(&self, ask: &Ask<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        let decision = self.walk::<true>(ask, &mut |name, passed, text| {
            steps.push(Step {
                name,
                passed,
                text: text.to_string(),
            });
        });
        debug_assert_eq!(decision.is_ok(), steps.iter().all(|step| step.passed));
        steps
    }

    /// The one way of a decision; `note` hears of each step if it is `TOLD`. Texts are only made where `note` makes them,
    /// and what only they need is only then looked for.
    fn walk<const TOLD: bool>(
        &self,
        ask: &Ask<'_>,
        note: &mut impl FnMut(&'static str, bool, fmt::Arguments<'_>),
    ) -> Result<Permit, Refusal> {
        const ROUTE: &str = "route";
        let Some(path) = template::segments(ask.path) else {
            note(
                ROUTE,
                false,
                format_args!(
                    "the path is not one that two readers would read alike; it is not repaired"
                ),
            );
            return Err(Refusal::NoRoute(RouteMiss::Form));
        };
        let route = match self.router.find(ask.asker, ask.method, &path) {
            Ok(route) => route,
            Err(Miss::Path) => {
                note(
                    ROUTE,
                    false,
                    format_args!("no agreement with {} has this path", ask.asker),
                );
                return Err(Refusal::NoRoute(RouteMiss::Path));
            }
            Err(Miss::Method(allowed)) => {
                note(
                    ROUTE,
                    false,
                    format_args!(
                        "agreements with {} have this path for {} only",
                        ask.asker,
                        allowed.join(", ")
                    ),
                );
                return Err(Refusal::NoRoute(RouteMiss::Method { allowed }));
            }
        };
        note(ROUTE, true, format_args!("{}", Found(&self.router, route)));

        const DECLARED: &str = "purpose declared";
        let declared = match declared(ask.purposes) {
            Ok(declared) => declared,
            Err(refusal) => {
                note(DECLARED, false, format_args!("{refusal}"));
                return Err(refusal);
            }
        };
        note(
            DECLARED,
            true,
            format_args!("one purpose, in the form of a name"),
        );
        if let Some(carried) = ask.caller.token_purposes {
            const CARRIED: &str = "purpose in token";
            if !carried.iter().any(|purpose| purpose.as_str() == declared) {
                let refusal = Refusal::PurposeNotInToken;
                note(CARRIED, false, format_args!("{refusal}"));
                return Err(refusal);
            }
            let text = "the access token may be used for it";
            note(CARRIED, true, format_args!("{text}"));
        }

        const AGREED: &str = "purpose agreed";
        // Terms for one purpose do not overlap and stand in their order: the first that has not ended
        // counts, else the last.
        let mut agreed = None;
        for answer in self.router.answers(route, declared) {
            agreed = Some(answer);
            if !answer.has_ended(ask.at) {
                break;
            }
        }
        let Some(answer) = agreed else {
            let refusal = not_agreed(&self.router, route, ask.at);
            note(AGREED, false, format_args!("{refusal}"));
            return Err(refusal);
        };
        let agreement = self.router.agreement(answer);
        note(
            AGREED,
            true,
            format_args!("{}", Agreed(&self.router, answer)),
        );
        if TOLD
            && self.register.is_some()
            && let disclosure = self.router.disclosure(answer)
            && let Some(ground) = disclosure.ground(&agreement.purposes[answer.terms()].name)
        {
            note("ground", true, format_args!("{ground}"));
        }

        if TOLD || !answer.is_usable || ask.caller.version.is_some() {
            basis::standing(agreement, &ask.caller, note)?;
        }
        const TERM: &str = "term";
        let term = &agreement.term;
        if !answer.is_in_force(ask.at) {
            let agreement = agreement.name.clone();
            let refusal = match answer.has_ended(ask.at) {
                true => Refusal::Ended {
                    agreement,
                    ended: term.ends,
                },
                false => Refusal::NotStarted {
                    agreement,
                    starts: term.starts,
                },
            };
            note(TERM, false, format_args!("{refusal}"));
            return Err(refusal);
        }
        note(
            TERM,
            true,
            format_args!("in force from {} to {}", term.starts, term.ends),
        );
        if !answer.is_usable && agreement.keys_destroyed {
            let refusal = Refusal::KeysDestroyed {
                agreement: agreement.name.clone(),
            };
            note("keys", false, format_args!("{refusal}"));
            return Err(refusal);
        }
        asked_of_caller(&self.router, answer, ask, note)?;
        let without_special = answer.has_professional_fields && !ask.caller.professional;
        if without_special {
            note(
                "special fields",
                true,
                format_args!(
                    "left out, since the caller's credential states no health or social-work professional"
                ),
            );
        }
        Ok(Permit {
            agreement: Arc::clone(agreement),
            disclosure: answer.disclosure(),
            terms: answer.terms(),
            without_special,
            variables: template::values(self.router.variables(answer), &path),
        })
    }
}

/// The route that was found, as explanations have it.
struct Found<'a>(&'a Router, Route);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = self.0.all(self.1);
        let first = all.next().expect("a route has a disclosure");
        let disclosure = self.0.disclosure(first);
        write!(f, "{} {}", disclosure.method, disclosure.path.text())
    }
}

/// What was agreed, as explanations have it.
struct Agreed<'a>(&'a Router, &'a Answer);

impl fmt::Display for Agreed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (agreement, disclosure) = (self.0.agreement(self.1), self.0.disclosure(self.1));
        let purpose = &agreement.purposes[self.1.terms()].name;
        write!(
            f,
            "agreement {} shares `{}` for {purpose}",
            agreement.name, disclosure.name
        )
    }
}

/// What the purpose of `answer` asks of the caller; nothing where it has no such terms.
fn asked_of_caller(
    router: &Router,
    answer: &Answer,
    ask: &Ask<'_>,
    note: &mut impl FnMut(&'static str, bool, fmt::Arguments<'_>),
) -> Result<(), Refusal> {
    let (caller, at) = (&ask.caller, ask.at);
    let terms: &Asks = router.asks(answer);
    let of = || {
        let agreement = router.agreement(answer);
        let purpose = &agreement.purposes[answer.terms()].name;
        (agreement.name.clone(), purpose.clone())
    };
    if !terms.credentials.is_empty() {
        const CREDENTIALS: &str = "credentials";
        let missing = terms.credentials.without(caller.credentials);
        if !missing.is_empty() {
            let (agreement, purpose) = of();
            let refusal = Refusal::CredentialMissing {
                agreement,
                purpose,
                missing,
            };
            note(CREDENTIALS, false, format_args!("{refusal}"));
            return Err(refusal);
        }
        let shown = terms.credentials;
        note(CREDENTIALS, true, format_args!("shown together: {shown}"));
    }
    let mut ask = |asked: bool,
                   step: &'static str,
                   given: bool,
                   refusal: fn((AgreementName, PurposeName)) -> Refusal,
                   text: &str| {
        if !asked {
            return Ok(());
        }
        if given {
            note(step, true, format_args!("{text}"));
            return Ok(());
        }
        let refusal = refusal(of());
        note(step, false, format_args!("{refusal}"));
        Err(refusal)
    };
    ask(
        !terms.roles.is_empty(),
        "role",
        caller.roles.iter().any(|role| terms.roles.contains(role)),
        |(agreement, purpose)| Refusal::RoleNotHeld { agreement, purpose },
        "the caller's credential states a role that may declare it",
    )?;
    ask(
        terms.professional,
        "professional",
        caller.professional,
        |(agreement, purpose)| Refusal::NotProfessional { agreement, purpose },
        "the caller's credential states a health or social-work professional",
    )?;
    ask(
        terms.training,
        "training",
        caller.trained_until.is_some_and(|until| at < until),
        |(agreement, purpose)| Refusal::NotTrained { agreement, purpose },
        "the training in this sharing that the caller's credential states still counts",
    )?;
    ask(
        terms.reference,
        "reference",
        caller.reference.is_some_and(is_reference),
        |(agreement, purpose)| Refusal::ReferenceMissing { agreement, purpose },
        "a case or task is named",
    )?;
    ask(
        terms.vital_interests,
        "reason",
        caller.reason.is_some_and(is_reason),
        |(agreement, purpose)| Refusal::ReasonMissing { agreement, purpose },
        "a reason is given",
    )
}

/// The form of a reference: visible ASCII, at most [`REFERENCE_BYTES`].
fn is_reference(value: &[u8]) -> bool {
    (1..=REFERENCE_BYTES).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic)
}

/// The form of a reason: text of at least three characters, at most [`REASON_BYTES`].
fn is_reason(value: &[u8]) -> bool {
    value.len() <= REASON_BYTES
        && str::from_utf8(value).is_ok_and(|text| {
            text.chars()
                .filter(|letter| !letter.is_whitespace())
                .count()
                >= 3
        })
}

/// The one purpose that `values` declare, compared byte by byte ever after: no case is folded, no
/// character that looks like another is taken for it.
fn declared<'a>(values: &[&'a [u8]]) -> Result<&'a str, Refusal> {
    let value = match values {
        [] => return Err(Refusal::PurposeMissing),
        [only] => *only,
        [_, ..] => return Err(Refusal::PurposeMalformed),
    };
    // RFC 9110 §5.5: white space around a field's value is not part of it.
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value
        .iter()
        .position(|byte| !is_space(byte))
        .unwrap_or(value.len());
    let end = value
        .iter()
        .rposition(|byte| !is_space(byte))
        .map_or(start, |last| last + 1);
    std::str::from_utf8(&value[start..end])
        .ok()
        .filter(|text| is_name(text))
        .ok_or(Refusal::PurposeMalformed)
}

/// The form that every purpose's name has, as an agreement's schema says it.
fn is_name(text: &str) -> bool {
    text.len() <= 64
        && !text.starts_with('-')
        && !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The refusal of a purpose that the route is not for: with what is agreed and in force, or what was
/// agreed where nothing is in force.
fn not_agreed(router: &Router, route: Route, at: Timestamp) -> Refusal {
    let in_force = |answer: &&Answer| answer.is_in_force(at);
    let named = router
        .all(route)
        .find(in_force)
        .or(router.all(route).next())
        .expect("a route has a disclosure");
    let purposes = router.purposes(route);
    // What mostly is so is told without a look at each purpose.
    let all_in_force = router.all(route).all(|answer| in_force(&answer));
    let mut agreed: Vec<PurposeName> = purposes
        .iter()
        .filter(|_| !all_in_force)
        .filter(|purpose| {
            let answers = router.answers(route, purpose.as_str());
            answers.iter().any(|answer| in_force(&answer))
        })
        .cloned()
        .collect();
    if agreed.is_empty() {
        agreed = purposes.to_vec();
    }
    Refusal::PurposeNotAgreed {
        agreement: router.agreement(named).name.clone(),
        disclosure: router.disclosure(named).name.clone(),
        agreed,
    }
}
