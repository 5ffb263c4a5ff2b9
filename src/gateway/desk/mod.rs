//! The desk: what the gateway remembers beside the ledger, and whom it tells.
//!
//! ```text
//! an exchange ──► quota ──► counts (core: volume)          ──► counts-*.jsonl
//!            └──► vital interests ──► incidents            ──► incidents.jsonl ──► ledger
//!            └──► a gap ──► cases                          ──► cases.jsonl
//!                             └──► alert ──► log, metric   ──► alerts.jsonl ──► webhook
//! ```
//!
//! All workers share one. Exchanges wait for nothing but a write to the system's cache; the disk and the network are
//! the admin thread's. **Invariant:** nothing here names a person or repeats a caller's text (P7).

mod counts;
mod deliver;
mod unknown;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::metrics::Metrics;
use super::problem::Stop;
use super::reason::Reason;
use crate::agreement::{Agreement, AgreementSet, Disclosure, PartnerName, Permit, PurposeName};
use crate::alert::incidents::{Incident, Incidents, NoAccess, Opened, Review, Use};
use crate::alert::{Alert, Kind, Queue};
use crate::cases::{self, Cases, Gap, NoCase};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::{Journal, JournalError, State};
use crate::ledger::{CallerEntry, Event, Ledger, RequestId};
use crate::minimise::SubjectToken;
use crate::plan::Format;
use crate::volume::{Denied, Measure, Meters, Over, Piece, Terms, Way};
use counts::CountFiles;
pub(crate) use unknown::Unknown;

/// The files in the directory of what is remembered.
pub(crate) const CASES: &str = "cases.jsonl";
pub(crate) const INCIDENTS: &str = "incidents.jsonl";
const ALERTS: &str = "alerts.jsonl";

/// How long until somebody is reminded again of what a recipient has not acknowledged.
const REMIND: SignedDuration = SignedDuration::from_hours(24);

/// Quotas that are used up of which somebody was told; beyond them somebody is told again.
const TOLD: usize = 10_000;

/// What the gateway remembers beside the ledger.
pub(crate) struct Desk {
    directory: PathBuf,
    clock: Clock,
    metrics: Arc<Metrics>,
    zone: TimeZone,
    /// Opened when the first agreement has a quota.
    counted: OnceLock<Counted>,
    incidents: Mutex<Option<Journal<Incidents>>>,
    cases: Mutex<Option<Journal<Cases>>>,
    alerts: Mutex<Option<Journal<Queue>>>,
    /// Which quotas' windows somebody was told of.
    told: Mutex<HashSet<(String, Measure, Timestamp)>>,
    /// When somebody was last reminded of an open case of a rectification, by its number.
    reminded: Mutex<HashMap<u64, Timestamp>>,
    /// Whether there is a webhook: without one no alert is queued.
    has_webhook: AtomicBool,
    /// Told when there is an alert to deliver.
    wake: Notify,
}

struct Counted {
    meters: Meters,
    files: CountFiles,
}

/// The quotas and guards of `agreement` that `disclosure` is under.
fn terms_of(agreement: &Agreement, disclosure: &Disclosure) -> Terms {
    let mut terms = agreement.volume.clone();
    // Who asks for one record asks in as many ways as there are people; that is the other guard's.
    let is_list = disclosure.released.format() != &Format::Json
        || disclosure
            .released_rules
            .record
            .as_ref()
            .is_none_or(|record| !record.query().segments.is_empty());
    if !is_list {
        terms.guard.variants = None;
    }
    terms
}

/// The quotas and guards that `permit` is under, with what the gateway that keeps its counts in `directory` had counted when
/// they were written last; `None` where it is under none. Changes nothing, and the gateway may run.
///
/// # Errors
/// With one sentence, if the counts cannot be read.
pub fn counted(
    directory: &Path,
    zone: &TimeZone,
    permit: &Permit,
    at: Timestamp,
) -> Result<Option<Way>, String> {
    let (agreement, disclosure) = (permit.agreement(), permit.disclosure());
    if agreement.volume.is_empty() {
        return Ok(None);
    }
    let meters = Meters::restored(zone.clone(), counts::kept_in(directory)?);
    let whose = (&agreement.partner, &agreement.name);
    let terms = terms_of(agreement, disclosure);
    Ok(meters.way(whose, &terms, permit.purpose(), &disclosure.name, at))
}

impl Desk {
    /// The desk whose files are in `directory`, of which those are opened that there are.
    ///
    /// # Errors
    /// With one sentence, if one cannot be read.
    pub(crate) fn open(
        directory: &Path,
        zone: &TimeZone,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, String> {
        fn there<S: State>(path: &Path) -> Result<Mutex<Option<Journal<S>>>, String> {
            let journal = path.exists().then(|| Journal::open(path)).transpose();
            Ok(Mutex::new(journal.map_err(|error| error.to_string())?))
        }
        let desk = Self {
            directory: directory.to_owned(),
            clock,
            metrics,
            zone: zone.clone(),
            counted: OnceLock::new(),
            incidents: there(&directory.join(INCIDENTS))?,
            cases: there(&directory.join(CASES))?,
            alerts: there(&directory.join(ALERTS))?,
            told: Mutex::default(),
            reminded: Mutex::default(),
            has_webhook: AtomicBool::new(false),
            wake: Notify::new(),
        };
        if let Some(alerts) = &mut *lock(&desk.alerts) {
            let lines = alerts.state().lines();
            alerts
                .begin_anew(&lines)
                .map_err(|error| error.to_string())?;
        }
        Ok(desk)
    }

    /// Opens what `agreements` need: without it they could not be kept.
    ///
    /// # Errors
    /// With one sentence.
    pub(crate) fn prepare(&self, config: &Config, agreements: &AgreementSet) -> Result<(), String> {
        self.has_webhook
            .store(config.webhook.is_some(), Ordering::Relaxed);
        let mut all = agreements.agreements.iter();
        if all.clone().any(|agreement| !agreement.volume.is_empty()) && self.counted.get().is_none()
        {
            let (files, kept) = CountFiles::open(&self.directory)?;
            let meters = Meters::restored(self.zone.clone(), kept);
            files.compact(&meters).map_err(|error| {
                format!(
                    "{}: the counts of quotas cannot be written ({error})",
                    self.directory.display()
                )
            })?;
            // Loads come one after another, so nobody else has set it.
            self.counted.get_or_init(|| Counted { meters, files });
        }
        if all.any(|agreement| {
            agreement
                .purposes
                .iter()
                .any(|purpose| purpose.vital_interests)
        }) {
            self.with(&self.incidents, INCIDENTS, |_| Ok(()))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// The present time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The quotas and guards that `disclosure` is under, for each of its purposes.
    pub(crate) fn ways(
        &self,
        agreement: &Agreement,
        disclosure: &Disclosure,
    ) -> Vec<(PurposeName, Arc<Way>)> {
        let Some(Counted { meters, .. }) = self.counted.get() else {
            return Vec::new();
        };
        let terms = terms_of(agreement, disclosure);
        let way = |purpose: &PurposeName| {
            let whose = (&agreement.partner, &agreement.name);
            let way = meters.way(whose, &terms, purpose, &disclosure.name, self.clock.now())?;
            Some((purpose.clone(), Arc::new(way)))
        };
        disclosure.purposes.iter().filter_map(way).collect()
    }

    /// Charges one request, asked in the way that `variant` is the fingerprint of.
    ///
    /// # Errors
    /// With the term that is used up.
    pub(crate) fn ask(&self, way: &Way, variant: u64) -> Result<(), Stop> {
        let counted = self.counted();
        let at = self.clock.now();
        way.ask(at, variant, &&counted.files)
            .map_err(|denied| self.denied(denied, at))
    }

    /// Charges what is about to leave.
    ///
    /// # Errors
    /// With the term that is used up: then nothing of it may leave.
    pub(crate) fn leave(&self, way: &Way, piece: Piece<'_>) -> Result<(), Stop> {
        let counted = self.counted();
        let at = self.clock.now();
        way.leave(at, piece, &&counted.files)
            .map_err(|denied| self.denied(denied, at))
    }

    fn counted(&self) -> &Counted {
        self.counted
            .get()
            .expect("the counts are opened before a way is made of them")
    }

    fn denied(&self, denied: Denied, at: Timestamp) -> Stop {
        let over = match denied {
            Denied::Unavailable => return Stop::from(Reason::CountsUnavailable),
            Denied::Over(over) => over,
        };
        self.tell_of(&over, at);
        Stop::over(&over, at)
    }

    /// Tells somebody that a term is used up, once in its window.
    fn tell_of(&self, over: &Over, at: Timestamp) {
        let term = format!("{}/{:?}/{}", over.agreement, over.scope, over.per.code());
        let mut told = lock(&self.told);
        if told.len() >= TOLD {
            told.clear();
        }
        if !told.insert((term, over.measure, over.until)) {
            return;
        }
        drop(told);
        let kind = match over.measure {
            Measure::Requests | Measure::Records | Measure::People => Kind::Quota,
            Measure::Single | Measure::Variants => Kind::Harvesting,
        };
        let mut alert = Alert::new(
            kind,
            at,
            format!("{over}; it is used up, and more is refused until then"),
        );
        alert.agreement = Some(over.agreement.to_string());
        self.alert(&alert);
    }

    /// Opens or goes on with the incident that `permit` for vital interests is: entered, and somebody is told.
    ///
    /// # Errors
    /// If somebody has to look first, or nobody could ever look, since it cannot be written down.
    pub(crate) fn vital_interests(
        &self,
        permit: &Permit,
        caller: &CallerEntry,
        id: &RequestId,
        ledger: &Ledger,
    ) -> Result<(), Stop> {
        let at = self.clock.now();
        let (agreement, disclosure) = (permit.agreement(), &permit.disclosure().name);
        let unavailable =
            || Stop::from(Reason::LedgerUnavailable).under(&agreement.name, disclosure);
        let using = Use {
            partner: agreement.partner.to_string(),
            agreement: agreement.name.to_string(),
            disclosure: disclosure.to_string(),
            purpose: permit.purpose().to_string(),
            request: id.to_string(),
            reason: caller.reason.as_ref().ok_or_else(unavailable)?.0.clone(),
        };
        let opened = self
            .with(&self.incidents, INCIDENTS, |journal| {
                let terms = &agreement.vital_interests;
                let using = journal.update(|incidents| {
                    let (line, opened) = incidents.using(&using, terms, at)?;
                    Ok((vec![line], opened))
                })?;
                let waiting = journal.state().unreviewed().count();
                self.metrics.incidents_unreviewed.set(waiting as i64);
                Ok(using)
            })
            .map_err(|error| {
                tracing::error!(%error, "an incident cannot be written down, so access for vital interests is refused");
                unavailable()
            })?;
        let about = |kind, text: String| {
            let mut alert = Alert::new(kind, at, text);
            alert.partner = Some(using.partner.clone());
            alert.agreement = Some(using.agreement.clone());
            alert.disclosure = Some(using.disclosure.clone());
            alert.purpose = Some(using.purpose.clone());
            alert.request = Some(using.request.clone());
            alert
        };
        let number = match opened {
            Ok(Opened::New(number) | Opened::Again(number)) => number,
            Err(no_access) => {
                let text = match no_access {
                    NoAccess::ReasonExpired { incident } => format!(
                        "the reason was given longer ago than one serves, and incident {incident} awaits review"
                    ),
                    NoAccess::TooManyUnreviewed { unreviewed } => {
                        format!("{unreviewed} incidents await review, and no more may")
                    }
                    NoAccess::ReviewOverdue { incident } => {
                        format!("incident {incident} awaits review for too long")
                    }
                };
                let mut alert = about(
                    Kind::ReviewOverdue,
                    format!(
                        "access for vital interests is refused: {text}; review with `fieldgate incidents review`"
                    ),
                );
                alert.number = match no_access {
                    NoAccess::ReasonExpired { incident } | NoAccess::ReviewOverdue { incident } => {
                        Some(incident)
                    }
                    NoAccess::TooManyUnreviewed { .. } => None,
                };
                self.alert(&alert);
                return Err(Stop::review_overdue(text).under(&agreement.name, disclosure));
            }
        };
        // Queued before the exchange's intent, which is durable after it: no release without this entry.
        let entered = ledger.submit(Event::Incident {
            request: *id,
            incident: number,
            partner: agreement.partner.clone(),
            agreement: agreement.name.clone(),
            purpose: permit.purpose().clone(),
        });
        drop(entered.map_err(|_| unavailable())?);
        let mut alert = about(
            Kind::VitalInterests,
            format!(
                "data was asked for to protect a life; look at it, and enter that with `fieldgate incidents review {number}`"
            ),
        );
        alert.number = Some(number);
        self.alert(&alert);
        Ok(())
    }

    /// Opens a case where `stop` refuses `partner` what is not agreed. `purpose` is what was declared, where some
    /// agreement has it, and `digest` its keyed digest, where none has.
    pub(crate) fn note_refusal(
        &self,
        partner: &PartnerName,
        stop: &Stop,
        purpose: Option<&PurposeName>,
        digest: Option<String>,
    ) {
        let kind = if stop.reason == Reason::PurposeNotAgreed {
            cases::Kind::Purpose
        } else if matches!(stop.reason, Reason::UnknownPath | Reason::UnknownMethod) {
            cases::Kind::Path
        } else {
            return;
        };
        let gap = Gap {
            kind,
            partner: partner.to_string(),
            agreement: stop.term.agreement.as_ref().map(ToString::to_string),
            disclosure: stop.term.disclosure.as_ref().map(ToString::to_string),
            purpose: purpose.map(ToString::to_string),
            field: None,
            digest: digest.filter(|_| purpose.is_none() && kind == cases::Kind::Purpose),
        };
        self.gap(&gap, None);
    }

    /// Opens a case for `gap`, unless there is one.
    pub(crate) fn gap(&self, gap: &Gap, contact: Option<&str>) {
        // Without a look at the file: what comes again and again must cost nothing.
        let known = |cases: &Option<Journal<Cases>>| {
            cases
                .as_ref()
                .is_some_and(|cases| cases.state().is_known(gap))
        };
        if known(&lock(&self.cases)) {
            return;
        }
        let at = self.clock.now();
        let opened = self.with(&self.cases, CASES, |journal| {
            let opened = journal.update(|cases| {
                let (line, number) = cases.opening(gap, contact, at)?;
                Ok::<_, NoCase>((vec![line], number))
            })?;
            self.metrics.cases_open.set(journal.state().open() as i64);
            Ok(opened)
        });
        let number = match opened {
            Ok(Ok(number)) => number,
            Ok(Err(NoCase::Known)) => return,
            Ok(Err(NoCase::Full)) => {
                self.metrics.cases_not_opened.inc();
                return;
            }
            Err(error) => {
                self.metrics.cases_not_opened.inc();
                tracing::error!(%error, "a case cannot be written down; what it is about stays held back");
                return;
            }
        };
        let mut alert = Alert::new(
            Kind::Case,
            at,
            format!(
                "case {number}: {}; `fieldgate cases show {number}`",
                gap.kind.words()
            ),
        );
        alert.number = Some(number);
        alert.partner = Some(gap.partner.clone());
        alert.agreement.clone_from(&gap.agreement);
        alert.disclosure.clone_from(&gap.disclosure);
        alert.purpose.clone_from(&gap.purpose);
        alert.contact = contact.map(str::to_owned);
        self.alert(&alert);
    }

    /// Tells somebody: in the log, in a metric, and, where one is configured, by the webhook.
    pub(crate) fn alert(&self, alert: &Alert) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        self.metrics
            .alerts
            .with_label_values(&[alert.kind.code()])
            .inc();
        tracing::warn!(
            target: "fieldgate::alert",
            kind = alert.kind.code(),
            number = alert.number.unwrap_or_default(),
            partner = text(&alert.partner),
            agreement = text(&alert.agreement),
            disclosure = text(&alert.disclosure),
            purpose = text(&alert.purpose),
            request = text(&alert.request),
            "{}", alert.text
        );
        if !self.has_webhook.load(Ordering::Relaxed) {
            return;
        }
        let body = alert.body();
        let queued = self.with(&self.alerts, ALERTS, |journal| {
            journal.update(|queue| queue.queueing(&body).map(|line| (vec![line], ())).ok_or(()))
        });
        match queued {
            Ok(Ok(())) => self.wake.notify_one(),
            Ok(Err(())) => self
                .metrics
                .alerts_ended
                .with_label_values(&["not_queued"])
                .inc(),
            Err(error) => {
                self.metrics
                    .alerts_ended
                    .with_label_values(&["not_queued"])
                    .inc();
                tracing::error!(%error, "an alert cannot be queued for the webhook");
            }
        }
    }

    /// All cases as JSON, as the journal has them now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn cases(&self) -> Result<String, JournalError> {
        listed(&self.cases, &self.directory.join(CASES), |cases: &Cases| {
            serde_json::json!({ "cases": cases.all().collect::<Vec<_>>() }).to_string()
        })
    }

    /// All incidents as JSON, as the journal has them now.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn incidents(&self) -> Result<String, JournalError> {
        listed(
            &self.incidents,
            &self.directory.join(INCIDENTS),
            |incidents: &Incidents| {
                serde_json::json!({ "incidents": incidents.all().collect::<Vec<_>>() }).to_string()
            },
        )
    }

    /// What is done once a second: counts are seen to the disk, windows that are over let go, reviews that others
    /// have written entered in the ledger.
    fn tend(&self, ledger: &Ledger) {
        if let Some(Counted { meters, files }) = self.counted.get() {
            meters.sweep(self.clock.now());
            if let Err(error) = files.tend(meters) {
                tracing::error!(%error, "the counts of quotas cannot be seen to the disk");
            }
        }
        if let Err(error) = self.enter_reviews(ledger) {
            tracing::error!(%error, "the incidents cannot be read");
        }
        if let Err(error) = self.look_at_cases() {
            tracing::error!(%error, "the cases cannot be read");
        }
    }

    /// Takes up what others have written to the cases, and reminds somebody of each rectification that a recipient has not
    /// acknowledged: once when the gateway has heard of it, and once a day.
    fn look_at_cases(&self) -> Result<(), JournalError> {
        let at = self.clock.now();
        let mut cases = lock(&self.cases);
        let path = self.directory.join(CASES);
        if cases.is_none() && path.exists() {
            *cases = Some(Journal::open(&path)?);
        }
        let Some(journal) = &mut *cases else {
            return Ok(());
        };
        journal.refresh()?;
        self.metrics.cases_open.set(journal.state().open() as i64);
        let mut reminded = lock(&self.reminded);
        let due: Vec<Alert> = journal
            .state()
            .all()
            .filter(|case| case.closed.is_none() && case.gap.kind == cases::Kind::Rectification)
            .filter(|case| {
                let last = reminded.get(&case.number);
                last.is_none_or(|last| at.duration_since(*last) >= REMIND)
            })
            .map(|case| {
                let text = format!("case {}: {}", case.number, case.gap.kind.words());
                Alert {
                    number: Some(case.number),
                    partner: Some(case.gap.partner.clone()),
                    contact: case.contact.clone(),
                    ..Alert::new(Kind::Case, at, text)
                }
            })
            .collect();
        reminded.retain(|number, _| {
            let case = journal.state().case(*number);
            case.is_some_and(|case| case.closed.is_none())
        });
        reminded.extend(due.iter().filter_map(|alert| Some((alert.number?, at))));
        drop((cases, reminded));
        for alert in &due {
            self.alert(alert);
        }
        Ok(())
    }

    /// Has the ledger enter the reviews that it has not got.
    fn enter_reviews(&self, ledger: &Ledger) -> Result<(), JournalError> {
        let mut incidents = lock(&self.incidents);
        let Some(journal) = &mut *incidents else {
            return Ok(());
        };
        journal.refresh()?;
        let waiting = journal.state().unreviewed().count();
        self.metrics.incidents_unreviewed.set(waiting as i64);
        let reviews: Vec<_> = journal
            .state()
            .unentered()
            .map(|(incident, review)| (incident.number, review_event(incident, review)))
            .collect();
        for (number, event) in reviews {
            let Ok(pending) = ledger.submit(event) else {
                return Ok(());
            };
            // The admin thread may wait: nobody's exchange hangs on it.
            if pending.wait().is_err() {
                return Ok(());
            }
            let noted = journal.update(|_| Ok::<_, ()>((vec![Incidents::entering(number)], ())))?;
            debug_assert!(noted.is_ok());
        }
        Ok(())
    }

    /// Works on a journal, which is begun where there is none.
    fn with<S: State, T>(
        &self,
        journal: &Mutex<Option<Journal<S>>>,
        name: &str,
        work: impl FnOnce(&mut Journal<S>) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let mut journal = lock(journal);
        let journal = match &mut *journal {
            Some(journal) => journal,
            none => none.insert(Journal::open(&self.directory.join(name))?),
        };
        work(journal)
    }
}

/// The ledger's entry of `incident`'s review.
pub(crate) fn review_event(incident: &Incident, review: &Review) -> Event {
    Event::Review {
        incident: incident.number,
        agreement: incident.first.agreement.clone(),
        by: review.by.clone(),
        note: review.note_sha256.clone(),
        done: review.at,
    }
}

fn listed<S: State>(
    journal: &Mutex<Option<Journal<S>>>,
    path: &Path,
    list: impl FnOnce(&S) -> String,
) -> Result<String, JournalError> {
    let mut journal = lock(journal);
    if journal.is_none() && path.exists() {
        *journal = Some(Journal::open(path)?);
    }
    match &mut *journal {
        None => Ok(list(&S::default())),
        Some(journal) => {
            journal.refresh()?;
            Ok(list(journal.state()))
        }
    }
}

/// What a subject's token is counted by: its first 60 bits.
pub(crate) fn fingerprint(token: &SubjectToken) -> u64 {
    token.0.bytes().take(12).fold(0, |bits, letter| {
        let five = match letter {
            b'a'..=b'z' => letter - b'a',
            // The alphabet of RFC 4648 §6 goes on with 2 to 7.
            _ => letter.wrapping_sub(b'2') + 26,
        };
        (bits << 5) | u64::from(five & 31)
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::{RootKey, SubjectTokens};

    #[test]
    fn fingerprints_of_different_tokens_differ() {
        let tokens = SubjectTokens::new(&RootKey::from_bytes([7; 32]).subject());
        let fingerprints: HashSet<u64> = (0..1_000)
            .map(|number| fingerprint(&tokens.other("test", number.to_string().as_bytes())))
            .collect();
        assert_eq!(fingerprints.len(), 1_000);
        assert!(fingerprints.iter().all(|bits| *bits < 1 << 60));
    }
}
