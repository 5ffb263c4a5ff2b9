//! The counts: exact, shared by all workers, all or nothing.
//!
//! ```text
//! lock the agreement's counts ─ each window rolled to the present ─ does all of it fit? ─ keep what must outlive
//! the process ─ count it
//! ```
//!
//! One lock for each agreement makes a charge over several quotas one step. It is held for some tens of nanoseconds,
//! and for a write where something has to be kept. A number is kept ahead of itself: the first request of a block
//! keeps the block's end, so that one write serves a block, and a process that is killed has counted at most a block
//! too much. Members of a set are kept one by one, in one write for each piece that leaves.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Measure, Per, Terms, Window};
use crate::agreement::{AgreementName, DisclosureName, PartnerName, PurposeName};

/// A block is this part of the quota: the most that a kill can over-count.
const BLOCKS: u64 = 128;

/// What must outlive the process goes here before the answer is yes.
pub trait Keep {
    /// Keeps `kept` such that it survives the process. Blocks no longer than a write to the system's cache.
    ///
    /// # Errors
    /// If it cannot: then nothing is permitted.
    fn keep(&self, kept: &Kept) -> Result<(), NotKept>;
}

/// A count could not be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a count cannot be written")]
pub struct NotKept;

/// One count, or a part of one, as it outlives the process. Any number of them, in any order, with repetitions,
/// restores the count that they were parts of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Whose and what: `partner/agreement/scope/measure/per`, names of the configuration alone.
    pub key: String,
    /// The window.
    pub window: Window,
    /// The number up to which may have been counted.
    pub number: u64,
    /// Fingerprints that are counted.
    pub members: Vec<u64>,
}

/// What leaves in one piece of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Piece<'a> {
    /// Records.
    pub records: u64,
    /// Fingerprints of the records' subjects: keyed, with repetitions as they come.
    pub people: &'a [u64],
    /// Records that name nobody. Each is somebody of whom nothing is known: counted as a person of its own.
    pub unnamed: u64,
    /// Whether the answer has, with this piece, one record and no other.
    pub single: bool,
}

/// Why a charge is denied. Nothing of it was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// A quota or guard of the agreement would be passed.
    Over(Box<Over>),
    /// The counts cannot be kept, or take more memory than they may.
    Unavailable,
}

/// The term that would be passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// The agreement.
    pub agreement: AgreementName,
    /// What the term is for: a purpose, a disclosure, or the whole agreement.
    pub scope: Scope,
    /// What it bounds.
    pub measure: Measure,
    /// The most in each window.
    pub most: u64,
    /// The window's length.
    pub per: Per,
    /// When the next window begins.
    pub until: Timestamp,
}

impl Over {
    /// Whole seconds from `at` until the next window, at least one: what `Retry-After` says.
    #[must_use]
    pub fn retry_after_seconds(&self, at: Timestamp) -> u64 {
        let wait = self.until.duration_since(at);
        let more = i64::from(wait.subsec_nanos() > 0);
        u64::try_from(wait.as_secs().saturating_add(more)).map_or(1, |seconds| seconds.max(1))
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agreement,
            scope,
            measure,
            most,
            per,
            until,
        } = self;
        write!(f, "agreement {agreement} allows {most} {measure}")?;
        match scope {
            Scope::Agreement => {}
            Scope::Purpose(purpose) => write!(f, " for {purpose}")?,
            Scope::Disclosure(disclosure) => write!(f, " of `{disclosure}`")?,
        }
        write!(f, " in each {per}; the next begins at {until}")
    }
}

/// How much of one bound is used in the window that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage<'a> {
    /// What the term is for.
    pub scope: &'a Scope,
    /// What is counted.
    pub measure: Measure,
    /// The window.
    pub per: Per,
    /// So much is used.
    pub used: u64,
    /// The most.
    pub most: u64,
}

impl Usage<'_> {
    /// Whether a number that was restored can be more than was used, by less than a block: it is kept ahead of itself.
    #[must_use]
    pub fn is_to_a_block(&self) -> bool {
        !self.measure.is_distinct() && block(self.most) > 1
    }

    /// The share that is used: 1 where all of it is, also of a bound of nought.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.most == 0 {
            1.0
        } else {
            self.used as f64 / self.most as f64
        }
    }
}

impl fmt::Display for Usage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scope,
            measure,
            per,
            used,
            most,
        } = self;
        let about = if self.is_to_a_block() { "at most " } else { "" };
        write!(f, "{about}{used} of {most} {measure}")?;
        match scope {
            Scope::Agreement => {}
            Scope::Purpose(purpose) => write!(f, " for {purpose}")?,
            Scope::Disclosure(disclosure) => write!(f, " of `{disclosure}`")?,
        }
        write!(f, " in this {per}")
    }
}

/// What a term is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything under the agreement.
    Agreement,
    /// One purpose.
    Purpose(PurposeName),
    /// One disclosure.
    Disclosure(DisclosureName),
}

impl Scope {
    fn code(&self) -> &str {
        match self {
            Self::Agreement => "*",
            Self::Purpose(purpose) => purpose.as_str(),
            Self::Disclosure(disclosure) => disclosure.as_str(),
        }
    }
}

/// The counts of all agreements with a quota or guard. Outlives reloads; shared by all workers.
#[derive(Debug)]
pub struct Meters {
    zone: TimeZone,
    /// Of each partner and agreement, made when first asked for.
    meters: Mutex<HashMap<(PartnerName, AgreementName), Arc<Meter>>>,
    /// What was restored and no agreement has taken up yet.
    restored: Mutex<HashMap<String, Kept>>,
    /// Fingerprints held in all sets together.
    held: Arc<AtomicUsize>,
}

/// The counts of one agreement.
#[derive(Debug, Default)]
struct Meter(Mutex<Vec<Count>>);

#[derive(Debug)]
struct Count {
    key: String,
    per: Per,
    window: Window,
    number: u64,
    /// What was kept: `number <= kept` whenever the lock is free.
    kept: u64,
    members: HashSet<u64>,
}

/// The terms that one purpose of one disclosure is under, with their counts at hand.
#[derive(Debug, Clone)]
pub struct Way {
    agreement: AgreementName,
    meter: Arc<Meter>,
    lines: Vec<Line>,
    zone: TimeZone,
    held: Arc<AtomicUsize>,
}

/// One bound. Its count is at `count` of the meter.
#[derive(Debug, Clone)]
struct Line {
    scope: Scope,
    measure: Measure,
    most: u64,
    count: usize,
}

impl Meters {
    /// The most fingerprints in memory, over all agreements: some 150 MB. With more, whatever would add one is denied.
    pub const MOST_HELD: usize = 8_000_000;

    /// Counts that go on from `kept`. Days begin and end in `zone`.
    #[must_use]
    pub fn restored(zone: TimeZone, kept: impl IntoIterator<Item = Kept>) -> Self {
        let mut restored: HashMap<String, Kept> = HashMap::new();
        for kept in kept {
            match restored.get_mut(&kept.key) {
                None => {
                    restored.insert(kept.key.clone(), kept);
                }
                Some(known) if known.window.from < kept.window.from => *known = kept,
                Some(known) if known.window.from == kept.window.from => {
                    known.number = known.number.max(kept.number);
                    known.members.extend(kept.members);
                }
                // An older window is over.
                Some(_) => {}
            }
        }
        Self {
            zone,
            meters: Mutex::default(),
            restored: Mutex::new(restored),
            held: Arc::default(),
        }
    }

    /// The bounds of `terms` for `purpose` and `disclosure`, with their counts; `None` where there is none. Counts
    /// are by name: the same agreement in another version goes on counting.
    #[must_use]
    pub fn way(
        &self,
        (partner, agreement): (&PartnerName, &AgreementName),
        terms: &Terms,
        purpose: &PurposeName,
        disclosure: &DisclosureName,
        at: Timestamp,
    ) -> Option<Way> {
        let mut bounds = Vec::new();
        for quota in &terms.quotas {
            let scope = match &quota.purpose {
                None => Scope::Agreement,
                Some(_) if !quota.covers.contains(purpose) => continue,
                Some(purpose) => Scope::Purpose(purpose.clone()),
            };
            let measures = [
                (Measure::Requests, quota.requests),
                (Measure::Records, quota.records),
                (Measure::People, quota.people),
            ];
            for (measure, most) in measures {
                if let Some(most) = most {
                    bounds.push((scope.clone(), measure, most, quota.per));
                }
            }
        }
        if let Some(single) = terms.guard.single {
            bounds.push((Scope::Agreement, Measure::Single, single.most, single.per));
        }
        if let Some(variants) = terms.guard.variants {
            let scope = Scope::Disclosure(disclosure.clone());
            bounds.push((scope, Measure::Variants, variants.most, variants.per));
        }
        if bounds.is_empty() {
            return None;
        }
        let whose = (partner.clone(), agreement.clone());
        let meter = Arc::clone(lock(&self.meters).entry(whose).or_default());
        let mut counts = meter.lock();
        let lines = bounds
            .into_iter()
            .map(|(scope, measure, most, per)| {
                let key = [
                    partner.as_str(),
                    agreement.as_str(),
                    scope.code(),
                    measure.code(),
                    per.code(),
                ]
                .join("/");
                let count = counts
                    .iter()
                    .position(|count| count.key == key)
                    .unwrap_or_else(|| {
                        counts.push(self.count(key, per, at));
                        counts.len() - 1
                    });
                Line {
                    scope,
                    measure,
                    most,
                    count,
                }
            })
            .collect();
        drop(counts);
        Some(Way {
            agreement: agreement.clone(),
            meter,
            lines,
            zone: self.zone.clone(),
            held: Arc::clone(&self.held),
        })
    }

    /// The count of `key`: from what was restored, or a new one.
    fn count(&self, key: String, per: Per, at: Timestamp) -> Count {
        let Some(kept) = lock(&self.restored).remove(&key) else {
            return Count {
                key,
                per,
                window: per.window(at, &self.zone),
                number: 0,
                kept: 0,
                members: HashSet::new(),
            };
        };
        let members: HashSet<u64> = kept.members.into_iter().collect();
        self.held.fetch_add(members.len(), Ordering::Relaxed);
        Count {
            key,
            per,
            window: kept.window,
            number: kept.number,
            kept: kept.number,
            members,
        }
    }

    /// Lets go of what windows that are over at `at` have counted.
    pub fn sweep(&self, at: Timestamp) {
        lock(&self.restored).retain(|_, kept| at < kept.window.until);
        for meter in self.all() {
            for count in meter.lock().iter_mut() {
                count.roll(at, &self.zone, &self.held);
            }
        }
    }

    /// Keeps every count whole, so that whatever was kept before may be forgotten.
    ///
    /// # Errors
    /// If one cannot be kept: then what was kept before is still needed.
    pub fn keep_all(&self, keep: &impl Keep) -> Result<(), NotKept> {
        for kept in lock(&self.restored).values() {
            keep.keep(kept)?;
        }
        for meter in self.all() {
            // Under the lock: what is counted meanwhile is kept after it, not lost between.
            for count in meter.lock().iter() {
                if count.kept > 0 || !count.members.is_empty() {
                    keep.keep(&Kept {
                        key: count.key.clone(),
                        window: count.window,
                        number: count.kept,
                        members: count.members.iter().copied().collect(),
                    })?;
                }
            }
        }
        Ok(())
    }

    fn all(&self) -> Vec<Arc<Meter>> {
        lock(&self.meters).values().map(Arc::clone).collect()
    }
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Vec<Count>> {
        lock(&self.0)
    }
}

impl Count {
    /// Begins a new window where this one is over. A clock that goes back stays in the window that it was in.
    fn roll(&mut self, at: Timestamp, zone: &TimeZone, held: &AtomicUsize) {
        if at < self.window.until {
            return;
        }
        self.window = self.per.window(at, zone);
        self.number = 0;
        self.kept = 0;
        let members = std::mem::take(&mut self.members);
        held.fetch_sub(members.len(), Ordering::Relaxed);
    }

    fn used(&self) -> u64 {
        self.number + self.members.len() as u64
    }
}

/// What one line is charged.
#[derive(Debug, Default)]
struct Charge {
    number: u64,
    members: Vec<u64>,
}

impl Way {
    /// Charges one request, asked in the way that `variant` is the fingerprint of. Denied also where no record could
    /// leave any more, so that the service is not asked in vain. For people it is not denied beforehand: who was
    /// counted already may be asked for again.
    ///
    /// # Errors
    /// With the first term that it would pass; nothing is counted then.
    pub fn ask(&self, at: Timestamp, variant: u64, keep: &impl Keep) -> Result<(), Denied> {
        self.charge(at, keep, |line, count| match line.measure {
            Measure::Requests => Ok(Charge {
                number: 1,
                members: Vec::new(),
            }),
            Measure::Variants => Ok(Charge {
                number: 0,
                members: new(count, &[variant]),
            }),
            Measure::Records if count.used() >= line.most => Err(()),
            Measure::Records | Measure::People | Measure::Single => Ok(Charge::default()),
        })
    }

    /// Charges what is about to leave in one piece: all of it, or nothing.
    ///
    /// # Errors
    /// With the first term that it would pass. Then nothing of the piece may leave.
    pub fn leave(&self, at: Timestamp, piece: Piece<'_>, keep: &impl Keep) -> Result<(), Denied> {
        self.charge(at, keep, |line, count| {
            Ok(match line.measure {
                Measure::Requests | Measure::Variants => Charge::default(),
                Measure::Records => Charge {
                    number: piece.records,
                    members: Vec::new(),
                },
                Measure::Single if !piece.single => Charge::default(),
                Measure::People | Measure::Single => Charge {
                    number: piece.unnamed,
                    members: new(count, piece.people),
                },
            })
        })
    }

    /// Whether what is counted is of the windows that `at` is in.
    #[must_use]
    pub fn is_of(&self, at: Timestamp) -> bool {
        let counts = self.meter.lock();
        self.lines.iter().all(|line| {
            let window = counts[line.count].window;
            window.from <= at && at < window.until
        })
    }

    /// Tells `of` how much of each bound is used at `at`.
    pub fn usage(&self, at: Timestamp, mut of: impl FnMut(Usage<'_>)) {
        let counts = self.meter.lock();
        for line in &self.lines {
            let count = &counts[line.count];
            // A window that is over is let go of when something is charged next.
            let used = if at < count.window.until {
                count.used()
            } else {
                0
            };
            of(Usage {
                scope: &line.scope,
                measure: line.measure,
                per: count.per,
                used,
                most: line.most,
            });
        }
    }

    /// The first bound by which a request at `at` would be refused before the service is asked, whatever it asks for; as
    /// [`Way::ask`] would say, but nothing is counted. Whether its way of asking is a new one is not looked at, and of
    /// restored counts a bound that is kept in blocks is never said to be used up ([`Usage::is_to_a_block`]).
    #[must_use]
    pub fn used_up(&self, at: Timestamp) -> Option<Over> {
        let counts = self.meter.lock();
        self.lines.iter().find_map(|line| {
            let count = &counts[line.count];
            let is_asked = match line.measure {
                Measure::Requests | Measure::Records => true,
                Measure::People | Measure::Single | Measure::Variants => false,
            };
            let used = if at < count.window.until {
                count.used()
            } else {
                0
            };
            let over = is_asked && used >= line.most && block(line.most) == 1;
            over.then(|| Over {
                agreement: self.agreement.clone(),
                scope: line.scope.clone(),
                measure: line.measure,
                most: line.most,
                per: count.per,
                until: if at < count.window.until {
                    count.window.until
                } else {
                    count.per.window(at, &self.zone).until
                },
            })
        })
    }

    /// Whether anything is counted of what leaves.
    #[must_use]
    pub fn counts_what_leaves(&self) -> bool {
        self.lines.iter().any(|line| match line.measure {
            Measure::Records | Measure::People | Measure::Single => true,
            Measure::Requests | Measure::Variants => false,
        })
    }

    /// Charges each line what `what` says, or none. An error of `what` is a line that is used up.
    fn charge(
        &self,
        at: Timestamp,
        keep: &impl Keep,
        what: impl Fn(&Line, &Count) -> Result<Charge, ()>,
    ) -> Result<(), Denied> {
        let mut counts = self.meter.lock();
        let mut charges = Vec::with_capacity(self.lines.len());
        let mut more_held = 0;
        for line in &self.lines {
            let count = &mut counts[line.count];
            count.roll(at, &self.zone, &self.held);
            let charge = what(line, count).map_err(|()| self.over(line, count))?;
            let added = charge.number + charge.members.len() as u64;
            if added > 0 && count.used().saturating_add(added) > line.most {
                return Err(self.over(line, count));
            }
            more_held += charge.members.len();
            charges.push(charge);
        }
        if more_held > 0 && self.held.load(Ordering::Relaxed) + more_held > Meters::MOST_HELD {
            return Err(Denied::Unavailable);
        }
        // First all is kept and then all is counted. What is kept and never counted is an over-count.
        for (line, charge) in self.lines.iter().zip(&charges) {
            let count = &mut counts[line.count];
            let number = count.number + charge.number;
            if number <= count.kept && charge.members.is_empty() {
                continue;
            }
            let block = block(line.most);
            let ahead = if number <= count.kept {
                count.kept
            } else {
                number.max(line.most.min(count.kept + block))
            };
            let kept = Kept {
                key: count.key.clone(),
                window: count.window,
                number: ahead,
                members: charge.members.clone(),
            };
            keep.keep(&kept).map_err(|NotKept| Denied::Unavailable)?;
            count.kept = ahead;
        }
        for (line, charge) in self.lines.iter().zip(charges) {
            let count = &mut counts[line.count];
            count.number += charge.number;
            let before = count.members.len();
            count.members.extend(charge.members);
            let more = count.members.len() - before;
            if more > 0 {
                self.held.fetch_add(more, Ordering::Relaxed);
            }
            debug_assert!(count.number <= count.kept);
        }
        Ok(())
    }

    fn over(&self, line: &Line, count: &Count) -> Denied {
        Denied::Over(Box::new(Over {
            agreement: self.agreement.clone(),
            scope: line.scope.clone(),
            measure: line.measure,
            most: line.most,
            per: count.per,
            until: count.window.until,
        }))
    }
}

/// How far ahead a number of at most `most` is kept.
fn block(most: u64) -> u64 {
    (most / BLOCKS).max(1)
}

/// Those of `members` that `count` does not have, each once.
fn new(count: &Count, members: &[u64]) -> Vec<u64> {
    let mut new: Vec<u64> = members
        .iter()
        .copied()
        .filter(|member| !count.members.contains(member))
        .collect();
    new.sort_unstable();
    new.dedup();
    new
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds the lock leaves a count half changed but where it panics in an allocation.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
