//! Whether a use of a data set is covered, asked before any data is touched.
//!
//! The answer is the live decision's: for each disclosure that draws on the data set, the set is asked for a request of
//! the form that the disclosure answers, with names in the place of identifiers.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::agreement::{
    Agreement, AgreementSet, Ask, Asker, Caller, Credentials, Disclosure, PartnerName, Refusal,
    Step,
};

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The purpose, as a request would declare it.
    pub purpose: &'a str,
    /// The data set, as agreements name it.
    pub data_set: &'a str,
    /// By whom; anybody without it.
    pub partner: Option<&'a PartnerName>,
    /// What requests would say of their caller.
    pub caller: Caller<'a>,
    /// When.
    pub at: Timestamp,
}

/// A caller that shows every credential, and gives the case and the reason wherever a purpose asks for them; it says nothing
/// else of itself.
pub const GIVEN: Caller<'static> = Caller {
    roles: &[],
    professional: false,
    trained_until: None,
    reference: Some(b"given"),
    reason: Some(b"given"),
    version: None,
    credentials: Credentials::ALL,
    token_purposes: None,
};

/// The answer.
#[derive(Debug, Clone)]
pub struct Covered {
    /// For each disclosure that draws on the data set, what would be decided.
    pub disclosures: Vec<CoveredBy>,
}

/// What would be decided of one disclosure.
#[derive(Debug, Clone)]
pub struct CoveredBy {
    /// Its agreement.
    pub agreement: Arc<Agreement>,
    /// The disclosure.
    pub disclosure: Arc<Disclosure>,
    /// The steps of the decision.
    pub steps: Vec<Step>,
    /// Whether it permits, or the refusal; a permit that another disclosure of the same request gives is none of this.
    pub verdict: Result<(), Not>,
}

/// Why a disclosure does not cover a use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Not {
    /// The decision refuses.
    Refused(Refusal),
    /// For this purpose the same request is answered by another disclosure.
    Elsewhere {
        /// Its agreement and name.
        by: String,
    },
}

impl Not {
    /// The stable code of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Elsewhere { .. } => "answered_elsewhere",
        }
    }
}

impl std::fmt::Display for Not {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Elsewhere { by } => {
                write!(f, "for this purpose the same request is answered by {by}")
            }
        }
    }
}

/// Answers `question` by the decisions of `set`. Touches no data.
#[must_use]
pub fn covered(set: &AgreementSet, question: &Question<'_>) -> Covered {
    let mut disclosures = Vec::new();
    for agreement in &set.agreements {
        if question
            .partner
            .is_some_and(|partner| *partner != agreement.partner)
        {
            continue;
        }
        for disclosure in &agreement.disclosures {
            if disclosure.data_set.as_deref() != Some(question.data_set) {
                continue;
            }
            let asker = Asker::of(agreement, disclosure);
            let path = path(disclosure, set, asker);
            let purposes = [question.purpose.as_bytes()];
            let ask = Ask {
                asker,
                method: disclosure.method,
                path: &path,
                purposes: &purposes,
                caller: question.caller,
                at: question.at,
            };
            let verdict = match set.decide(&ask) {
                Ok(permit) if Arc::ptr_eq(permit.disclosure(), disclosure) => Ok(()),
                Ok(permit) => Err(Not::Elsewhere {
                    by: format!(
                        "`{}` of agreement {}",
                        permit.disclosure().name,
                        permit.agreement().name
                    ),
                }),
                Err(refusal) => Err(Not::Refused(refusal)),
            };
            disclosures.push(CoveredBy {
                agreement: Arc::clone(agreement),
                disclosure: Arc::clone(disclosure),
                steps: set.explain(&ask),
                verdict,
            });
        }
    }
    Covered { disclosures }
}

/// A path at which `asker` has `disclosure` of one of `set`'s agreements, with a name that is nobody's identifier
/// for each variable.
///
/// A literal of another disclosure would be taken before a variable, so the name is none of the asker's paths' words.
pub(crate) fn path(disclosure: &Disclosure, set: &AgreementSet, asker: Asker<'_>) -> String {
    let is_literal = |name: &str| {
        let agreements = set.agreements.iter();
        agreements
            .flat_map(|agreement| {
                agreement
                    .disclosures
                    .iter()
                    .map(move |one| (agreement, one))
            })
            .filter(|(agreement, other)| Asker::of(agreement, other) == asker)
            .any(|(_, other)| other.path.text().split('/').any(|segment| segment == name))
    };
    let mut name = "any".to_owned();
    while is_literal(&name) {
        name.push('-');
    }
    let variables: Vec<(String, String)> = disclosure
        .path
        .variables()
        .map(|variable| (variable.to_owned(), name.clone()))
        .collect();
    disclosure.path.fill(&variables)
}

impl Covered {
    /// Whether at least one disclosure covers the use.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.disclosures.iter().any(|one| one.verdict.is_ok())
    }

    /// The answer in words, a line each.
    #[must_use]
    pub fn text(&self, question: &Question<'_>) -> String {
        let by = question
            .partner
            .map_or("anybody", |partner| partner.as_str());
        let mut lines = vec![format!(
            "{}: {} for {} by {by}",
            if self.is_covered() { "yes" } else { "no" },
            question.data_set,
            question.purpose,
        )];
        if self.disclosures.is_empty() {
            lines.push(format!(
                "  no agreement{} draws on the data set {}",
                question
                    .partner
                    .map_or(String::new(), |partner| format!(" with {partner}")),
                question.data_set
            ));
        }
        for one in &self.disclosures {
            let why = match &one.verdict {
                Ok(()) => format!(
                    "yes  agreement {} shares `{}` with {}",
                    one.agreement.name, one.disclosure.name, one.agreement.partner
                ),
                Err(not) => format!(
                    "no   {} `{}` ({}): {not}",
                    one.agreement.name,
                    one.disclosure.name,
                    not.code()
                ),
            };
            lines.push(format!("  {why}"));
        }
        lines.push(String::new());
        lines.join("\n")
    }

    /// The answer as one JSON object.
    #[must_use]
    pub fn json(&self, question: &Question<'_>) -> Value {
        json!({
            "covered": self.is_covered(),
            "purpose": question.purpose,
            "data_set": question.data_set,
            "partner": question.partner.map(PartnerName::as_str),
            "at": question.at.to_string(),
            "disclosures": self.disclosures.iter().map(|one| json!({
                "agreement": one.agreement.name.as_str(),
                "version": one.agreement.version,
                "hash": one.agreement.hash,
                "disclosure": one.disclosure.name.as_str(),
                "partner": one.agreement.partner.as_str(),
                "request": format!("{} {}", one.disclosure.method, one.disclosure.path.text()),
                "covered": one.verdict.is_ok(),
                "reason": one.verdict.as_ref().err().map(Not::code),
                "text": one.verdict.as_ref().err().map(ToString::to_string),
                "steps": steps_json(&one.steps),
            })).collect::<Vec<_>>(),
        })
    }
}

/// The steps of a decision as JSON, as every command and address that explains one gives them.
#[must_use]
pub fn steps_json(steps: &[Step]) -> Vec<Value> {
    let step = |step: &Step| json!({ "step": step.name, "passed": step.passed, "text": step.text });
    steps.iter().map(step).collect()
}
