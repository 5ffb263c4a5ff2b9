//! What was agreed beside what happened: uses that nobody has asked for, and uses that are agreed no more.
//!
//! Counts are of the ledger's decisions. It holds who asked (by partner and by role), for what and with which answer, so
//! that is what is told: nothing of any record.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::past::Past;
use crate::agreement::{AgreementSet, Role};

/// A use: agreement, disclosure and purpose.
type Use = (String, String, String);

/// What the ledger holds, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    uses: BTreeMap<Use, u64>,
    refusals: BTreeMap<(String, String, String), u64>,
}

impl Observed {
    /// Counts one decision.
    pub fn add(&mut self, past: &Past) {
        match &past.refused {
            None => {
                let part = |text: &Option<String>| text.clone().unwrap_or_default();
                let of = (
                    part(&past.agreement),
                    part(&past.disclosure),
                    part(&past.purpose),
                );
                *self.uses.entry(of).or_default() += 1;
            }
            Some(code) => {
                let partner = past.partner.as_ref();
                let partner = partner.map_or("unknown", |partner| partner.as_str());
                let roles: Vec<&str> = past.roles.iter().map(Role::as_str).collect();
                let of = (partner.to_owned(), roles.join(", "), code.clone());
                *self.refusals.entry(of).or_default() += 1;
            }
        }
    }

    /// Held against what `set` agrees today.
    #[must_use]
    pub fn reconcile(&self, set: &AgreementSet) -> Reconciled {
        let mut reconciled = Reconciled::default();
        for agreement in &set.agreements {
            for disclosure in &agreement.disclosures {
                for purpose in &disclosure.purposes {
                    let of = (
                        agreement.name.to_string(),
                        disclosure.name.to_string(),
                        purpose.to_string(),
                    );
                    match self.uses.get(&of) {
                        Some(&count) => reconciled.both.push((of, count)),
                        None => reconciled.agreed_alone.push(of),
                    }
                }
            }
        }
        for (of, &count) in &self.uses {
            if !reconciled.both.iter().any(|(known, _)| known == of) {
                reconciled.seen_alone.push((of.clone(), count));
            }
        }
        reconciled
    }

    /// Refusals by partner, roles and reason, with their numbers.
    pub fn refusals(&self) -> impl Iterator<Item = (&str, &str, &str, u64)> {
        self.refusals.iter().map(|((partner, roles, code), count)| {
            (partner.as_str(), roles.as_str(), code.as_str(), *count)
        })
    }
}

/// Three lists of uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Agreed, and seen so many times.
    pub both: Vec<(Use, u64)>,
    /// Agreed, and never seen: maybe more is agreed than is needed.
    pub agreed_alone: Vec<Use>,
    /// Seen so many times, and not agreed as the set is today.
    pub seen_alone: Vec<(Use, u64)>,
}

impl Reconciled {
    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut put = |heading: &str, rows: Vec<String>| {
            text.push_str(&format!("{heading}: {}\n", rows.len()));
            for row in rows {
                text.push_str(&format!("  {row}\n"));
            }
        };
        let counted = |rows: &[(Use, u64)]| -> Vec<String> {
            rows.iter()
                .map(|(of, count)| format!("{}, {count} times", words(of)))
                .collect()
        };
        put("seen and not agreed", counted(&self.seen_alone));
        put(
            "agreed and never seen",
            self.agreed_alone.iter().map(words).collect(),
        );
        put("agreed and seen", counted(&self.both));
        text
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let row = |(agreement, disclosure, purpose): &Use, count: u64| json!({ "agreement": agreement, "disclosure": disclosure, "purpose": purpose, "times": count });
        json!({
            "seen_not_agreed": self.seen_alone.iter().map(|(of, count)| row(of, *count)).collect::<Vec<_>>(),
            "agreed_not_seen": self.agreed_alone.iter().map(|of| row(of, 0)).collect::<Vec<_>>(),
            "agreed_and_seen": self.both.iter().map(|(of, count)| row(of, *count)).collect::<Vec<_>>(),
        })
    }
}

fn words((agreement, disclosure, purpose): &Use) -> String {
    format!("{agreement} `{disclosure}` for {purpose}")
}
