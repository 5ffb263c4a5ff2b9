//! How an agreement stands to each of the eight principles: satisfied, waived for a time with a reason, or neither.

use jiff::civil::Date;
use serde::Serialize;

use super::terms::Principle;
use crate::agreement::{Agreement, PurposeName};
use crate::minimise::Withheld;
use crate::plan::{Action, BodyRules};

/// How an agreement stands to a principle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// What the agreement states and does satisfies it, as far as a file can.
    Met,
    /// It does not, which is accepted until a day that has not passed.
    Waived,
    /// It does not, and nobody has accepted that, or no longer.
    NotStated,
}

impl Standing {
    /// In words.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Waived => "waived",
            Self::NotStated => "not stated",
        }
    }
}

/// How an agreement stands to one principle, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Principled {
    /// The principle's word.
    pub principle: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// Why, one sentence.
    pub because: String,
}

impl Agreement {
    /// How this agreement stands to each principle on `today`, in the order of the 1998 Act.
    #[must_use]
    pub fn principles(&self, today: Date) -> Vec<Principled> {
        Principle::ALL
            .into_iter()
            .map(|principle| self.principle(principle, today))
            .collect()
    }

    fn purpose_names(&self) -> impl Iterator<Item = &PurposeName> {
        self.purposes.iter().map(|purpose| &purpose.name)
    }

    fn principle(&self, principle: Principle, today: Date) -> Principled {
        let (standing, because) = match self.satisfied(principle) {
            Ok(because) => (Standing::Met, because),
            Err(missing) => {
                let waiver = self
                    .law
                    .waivers
                    .iter()
                    .find(|waiver| waiver.principle == principle);
                match waiver {
                    Some(waiver) if today <= waiver.until => (
                        Standing::Waived,
                        format!("until {}: {}", waiver.until, waiver.because),
                    ),
                    Some(waiver) => (
                        Standing::NotStated,
                        format!("{missing}; the waiver ended on {}", waiver.until),
                    ),
                    None => (Standing::NotStated, missing),
                }
            }
        };
        Principled {
            principle: principle.word(),
            standing,
            because,
        }
    }

    /// Why `principle` is satisfied, or what is missing.
    fn satisfied(&self, principle: Principle) -> Result<String, String> {
        let law = &self.law;
        match principle {
            Principle::Lawfulness => {
                let without: Vec<&str> = self
                    .purpose_names()
                    .filter(|purpose| law.basis_for(purpose).is_none())
                    .map(|purpose| purpose.as_str())
                    .collect();
                if without.is_empty() {
                    let mut stated: Vec<&str> = law
                        .bases()
                        .flat_map(|basis| basis.lawful.iter().chain(&basis.special).chain(&basis.criminal))
                        .map(|stated| stated.text.as_str())
                        .collect();
                    stated.dedup();
                    Ok(format!("rests on {}", stated.join(", ")))
                } else {
                    Err(format!("no lawful basis for {}", without.join(", ")))
                }
            }
            Principle::Purpose => Ok(format!(
                "one purpose a request, of {}",
                self.purpose_names()
                    .map(|purpose| purpose.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
            Principle::Minimisation => Ok(self.minimisation()),
            Principle::Accuracy => {
                let checked: Vec<&str> = self
                    .namespaces
                    .iter()
                    .filter(|namespace| namespace.kind != crate::identifier::Kind::Text || !namespace.parts.is_empty())
                    .map(|namespace| namespace.name.as_str())
                    .collect();
                let aged = self.disclosures.iter().any(|disclosure| {
                    let checks = &disclosure.released_rules.withhold;
                    checks.iter().any(|check| check.withheld == Withheld::Stale)
                });
                if aged && checked.is_empty() {
                    Ok("records that are too old stay behind".to_owned())
                } else if checked.is_empty() {
                    Err("nothing of what leaves is checked for its form or its age".to_owned())
                } else {
                    Ok(format!("identifiers are checked: {}", checked.join(", ")))
                }
            }
            Principle::Retention => match &law.retention {
                Some(retention) => Ok(format!(
                    "kept for {}, each answer says until when",
                    retention.text
                )),
                None => Err("how long the partner may keep what it gets is not said".to_owned()),
            },
            Principle::Rights => {
                let without: Vec<&str> = self
                    .disclosures
                    .iter()
                    .filter(|disclosure| disclosure.released_rules.subject.is_none())
                    .map(|disclosure| disclosure.name.as_str())
                    .collect();
                if without.is_empty() {
                    Ok("each record names its subject, so that objections find it".to_owned())
                } else {
                    Err(format!(
                        "no `subject`, so that nobody's objection finds a record: {}",
                        without.join(", ")
                    ))
                }
            }
            Principle::Security => Ok(
                "partners are authenticated, limits hold, every release is entered before it leaves"
                    .to_owned(),
            ),
            Principle::Transfer => match law.territory.as_slice() {
                [] => Err("where the partner may hold the data is not said".to_owned()),
                territory => Ok(format!("held in {} only", territory.join(", "))),
            },
        }
    }

    fn minimisation(&self) -> String {
        let bodies: Vec<&BodyRules> = self
            .disclosures
            .iter()
            .map(|disclosure| &disclosure.released_rules)
            .collect();
        let permitting = |rules: &&BodyRules| {
            rules
                .fields
                .iter()
                .filter(|rule| !matches!(rule.action, Action::Drop))
                .count()
        };
        let named: usize = bodies.iter().map(permitting).sum();
        let whole: usize = self
            .disclosures
            .iter()
            .map(|disclosure| disclosure.kept_whole.len() + disclosure.opaque.len())
            .sum();
        let named = match named {
            1 => "1 selector lets values through".to_owned(),
            _ => format!("{named} selectors let values through"),
        };
        match whole {
            0 => format!("{named}, each named"),
            _ => format!("{named}, and {whole} things leave whole, each with its reason"),
        }
    }
}
