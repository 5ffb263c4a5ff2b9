//! Access for vital interests ("break-glass"): possible at once, and never for long without somebody looking.
//!
//! The first request with a reason opens an incident; requests of the same partner for the same purpose with the same
//! reason, while it lasts, are uses of it. Three things end standing access: the reason expires, too many incidents
//! await review, or the oldest has waited too long. A review ends an incident, whatever it found.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::journal::{NotALine, State};

/// What an agreement says of access for vital interests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VitalInterests {
    /// How long one reason serves. Default: a day.
    pub expires: SignedDuration,
    /// Incidents of this agreement that may await review. Default: 5.
    pub unreviewed: usize,
    /// The longest that an incident may await review. Default: seven days.
    pub review_within: SignedDuration,
}

impl Default for VitalInterests {
    fn default() -> Self {
        Self {
            expires: SignedDuration::from_hours(24),
            unreviewed: 5,
            review_within: SignedDuration::from_hours(7 * 24),
        }
    }
}

/// One use: names of the configuration, and a keyed token of the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// Who asked.
    pub partner: String,
    /// The agreement.
    pub agreement: String,
    /// The disclosure.
    pub disclosure: String,
    /// The purpose.
    pub purpose: String,
    /// The exchange, as the ledger knows it.
    pub request: String,
    /// The keyed token of the reason's text, in hexadecimal.
    pub reason: String,
}

/// An incident: the uses of one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Its number, from 1.
    pub number: u64,
    /// When it was opened.
    pub opened: Timestamp,
    /// Its first use.
    #[serde(flatten)]
    pub first: Use,
    /// How often data was asked for under it.
    pub uses: u64,
    /// Its review, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// Whether the ledger has the review.
    pub entered: bool,
}

/// A review: that somebody has looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// When.
    pub at: Timestamp,
    /// By whom: a role's name.
    #[serde(rename = "as")]
    pub by: String,
    /// SHA-256 of the note that says what was found, which is kept elsewhere.
    pub note_sha256: String,
}

/// All incidents, as their journal says.
#[derive(Debug, Default)]
pub struct Incidents(BTreeMap<u64, Incident>);

/// What a use is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The first of an incident of this number: somebody is to hear of it.
    New(u64),
    /// Another of the incident of this number.
    Again(u64),
}

/// Why access is refused until somebody has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAccess {
    /// The same reason was stated longer ago than it serves, and nobody has reviewed it.
    ReasonExpired {
        /// The incident.
        incident: u64,
    },
    /// As many incidents await review as may.
    TooManyUnreviewed {
        /// How many.
        unreviewed: usize,
    },
    /// An incident awaits review for longer than it may.
    ReviewOverdue {
        /// The oldest.
        incident: u64,
    },
}

/// Why a review is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReviewed {
    /// There is no incident of this number.
    #[error("there is no incident of this number; `fieldgate incidents list --all` shows all")]
    Unknown,
    /// It has been reviewed.
    #[error("the incident has been reviewed already")]
    Already,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "event")]
enum Line {
    Opened {
        incident: u64,
        at: Timestamp,
        first: Use,
    },
    Used {
        incident: u64,
        at: Timestamp,
        request: String,
    },
    Reviewed {
        incident: u64,
        review: Review,
    },
    /// The ledger has the review.
    Entered {
        incident: u64,
    },
}

impl Line {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("names and times are always JSON")
    }
}

impl State for Incidents {
    fn apply(&mut self, line: &str) -> Result<(), NotALine> {
        match &serde_json::from_str(line).map_err(|_| NotALine)? {
            Line::Used { incident, .. } => self.known(*incident)?.uses += 1,
            Line::Reviewed { incident, review } => {
                self.known(*incident)?.review = Some(review.clone());
            }
            Line::Entered { incident } => self.known(*incident)?.entered = true,
            Line::Opened {
                incident,
                at,
                first,
            } => {
                let opened = Incident {
                    number: *incident,
                    opened: *at,
                    first: first.clone(),
                    uses: 1,
                    review: None,
                    entered: false,
                };
                self.0.insert(*incident, opened);
            }
        }
        Ok(())
    }
}

impl Incidents {
    fn known(&mut self, number: u64) -> Result<&mut Incident, NotALine> {
        self.0.get_mut(&number).ok_or(NotALine)
    }

    /// All of them, oldest first.
    pub fn all(&self) -> impl Iterator<Item = &Incident> {
        self.0.values()
    }

    /// The incident of this number.
    #[must_use]
    pub fn incident(&self, number: u64) -> Option<&Incident> {
        self.0.get(&number)
    }

    /// Those that await review, oldest first.
    pub fn unreviewed(&self) -> impl Iterator<Item = &Incident> {
        self.all().filter(|incident| incident.review.is_none())
    }

    /// Those whose review the ledger has not got yet.
    pub fn unentered(&self) -> impl Iterator<Item = (&Incident, &Review)> {
        self.all()
            .filter(|incident| !incident.entered)
            .filter_map(|incident| Some((incident, incident.review.as_ref()?)))
    }

    /// The journal's line of `using` at `at` under `terms`, and what it is.
    ///
    /// # Errors
    /// If somebody has to look first.
    pub fn using(
        &self,
        using: &Use,
        terms: &VitalInterests,
        at: Timestamp,
    ) -> Result<(String, Opened), NoAccess> {
        let of_agreement: Vec<&Incident> = self
            .unreviewed()
            .filter(|incident| incident.first.agreement == using.agreement)
            .collect();
        if let Some(oldest) = of_agreement.first()
            && at.duration_since(oldest.opened) >= terms.review_within
        {
            return Err(NoAccess::ReviewOverdue {
                incident: oldest.number,
            });
        }
        let same = of_agreement.iter().find(|incident| {
            let first = &incident.first;
            (&first.partner, &first.purpose, &first.reason)
                == (&using.partner, &using.purpose, &using.reason)
        });
        if let Some(same) = same {
            if at.duration_since(same.opened) >= terms.expires {
                return Err(NoAccess::ReasonExpired {
                    incident: same.number,
                });
            }
            let line = Line::Used {
                incident: same.number,
                at,
                request: using.request.clone(),
            };
            return Ok((line.text(), Opened::Again(same.number)));
        }
        if of_agreement.len() >= terms.unreviewed {
            return Err(NoAccess::TooManyUnreviewed {
                unreviewed: of_agreement.len(),
            });
        }
        let number = self.0.last_key_value().map_or(1, |(last, _)| last + 1);
        let line = Line::Opened {
            incident: number,
            at,
            first: using.clone(),
        };
        Ok((line.text(), Opened::New(number)))
    }

    /// The journal's line that reviews incident `number`.
    ///
    /// # Errors
    /// If there is none that awaits review.
    pub fn reviewing(&self, number: u64, review: Review) -> Result<String, NotReviewed> {
        match self.0.get(&number) {
            None => Err(NotReviewed::Unknown),
            Some(incident) if incident.review.is_some() => Err(NotReviewed::Already),
            Some(_) => Ok(Line::Reviewed {
                incident: number,
                review,
            }
            .text()),
        }
    }

    /// The journal's line that says that the ledger has the review of incident `number`.
    #[must_use]
    pub fn entering(number: u64) -> String {
        Line::Entered { incident: number }.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn using(reason: &str) -> Use {
        Use {
            partner: "ambulance".to_owned(),
            agreement: "emergency".to_owned(),
            disclosure: "adult".to_owned(),
            purpose: "save-life".to_owned(),
            request: "a7".to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn act(incidents: &mut Incidents, reason: &str, when: &str) -> Result<Opened, NoAccess> {
        let terms = VitalInterests {
            unreviewed: 2,
            ..VitalInterests::default()
        };
        let (line, opened) = incidents.using(&using(reason), &terms, at(when))?;
        incidents.apply(&line).unwrap();
        Ok(opened)
    }

    fn review(incidents: &mut Incidents, number: u64) {
        let review = Review {
            at: at("2026-06-16T09:00:00Z"),
            by: "dpo".to_owned(),
            note_sha256: "00".repeat(32),
        };
        let line = incidents.reviewing(number, review).unwrap();
        incidents.apply(&line).unwrap();
    }

    const NOON: &str = "2026-06-15T12:00:00Z";

    #[test]
    fn one_reason_is_one_incident_while_it_serves() {
        let mut incidents = Incidents::default();
        assert_eq!(act(&mut incidents, "r1", NOON), Ok(Opened::New(1)));
        let later = "2026-06-16T11:59:59Z";
        assert_eq!(act(&mut incidents, "r1", later), Ok(Opened::Again(1)));
        assert_eq!(incidents.incident(1).unwrap().uses, 2);
        let expired = "2026-06-16T12:00:00Z";
        let no_access = NoAccess::ReasonExpired { incident: 1 };
        assert_eq!(act(&mut incidents, "r1", expired), Err(no_access));
        assert_eq!(act(&mut incidents, "r2", expired), Ok(Opened::New(2)));
    }

    #[test]
    fn too_many_unreviewed_incidents_end_access_until_one_is_reviewed() {
        let mut incidents = Incidents::default();
        assert_eq!(act(&mut incidents, "r1", NOON), Ok(Opened::New(1)));
        assert_eq!(act(&mut incidents, "r2", NOON), Ok(Opened::New(2)));
        let no_access = NoAccess::TooManyUnreviewed { unreviewed: 2 };
        assert_eq!(act(&mut incidents, "r3", NOON), Err(no_access));
        assert_eq!(act(&mut incidents, "r2", NOON), Ok(Opened::Again(2)));
        review(&mut incidents, 1);
        assert_eq!(act(&mut incidents, "r3", NOON), Ok(Opened::New(3)));
    }

    #[test]
    fn a_review_that_is_overdue_ends_access_whatever_the_reason() {
        let mut incidents = Incidents::default();
        assert_eq!(act(&mut incidents, "r1", NOON), Ok(Opened::New(1)));
        let overdue = "2026-06-22T12:00:00Z";
        let no_access = NoAccess::ReviewOverdue { incident: 1 };
        assert_eq!(act(&mut incidents, "r2", overdue), Err(no_access));
        review(&mut incidents, 1);
        assert_eq!(act(&mut incidents, "r2", overdue), Ok(Opened::New(2)));
    }

    #[test]
    fn a_review_is_entered_in_the_ledger_once() {
        let mut incidents = Incidents::default();
        act(&mut incidents, "r1", NOON).unwrap();
        assert_eq!(incidents.unentered().count(), 0);
        review(&mut incidents, 1);
        assert_eq!(incidents.unentered().count(), 1);
        incidents.apply(&Incidents::entering(1)).unwrap();
        assert_eq!(incidents.unentered().count(), 0);
    }

    #[test]
    fn an_incident_of_another_agreement_holds_nobody_up() {
        let mut incidents = Incidents::default();
        act(&mut incidents, "r1", NOON).unwrap();
        let other = Use {
            agreement: "fire".to_owned(),
            ..using("r1")
        };
        let late = at("2026-08-01T00:00:00Z");
        let opened = incidents.using(&other, &VitalInterests::default(), late);
        assert_eq!(opened.unwrap().1, Opened::New(2));
    }
}
