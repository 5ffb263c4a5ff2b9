//! A new configuration while exchanges run: taken whole, or refused whole with the old one kept (P9).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::StartError;
use super::desk::Desk;
use super::metrics::Metrics;
use super::overdue;
use super::running::Running;
use crate::clock::Clock;
use crate::config::{Config, ConfigFault, Loaded};
use crate::keyring::Evidence;
use crate::ledger::{Ledger, LedgerError, Pending};

/// How often the files are looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// Files looked at in one directory at most.
const LISTING: usize = 10_000;

/// Loads a configuration with all it names.
pub(crate) type Load = Box<dyn Fn() -> Result<Loaded, ConfigFault> + Send + Sync>;

/// Why a new configuration was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It cannot run; the older one does.
    #[error("the configuration on disk is refused, the older one keeps running:\n{0}")]
    Refused(#[from] StartError),
    /// The ledger cannot account for the new agreements.
    #[error("the ledger cannot enter the new agreements, the older ones keep running: {0}")]
    Ledger(#[from] LedgerError),
}

/// Replaces what runs.
pub(crate) struct Reload {
    pub(crate) load: Load,
    pub(crate) running: Arc<ArcSwap<Running>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) ledger: Ledger,
    /// The ledger's directory, as at the start.
    pub(crate) directory: PathBuf,
    pub(crate) clock: Clock,
    /// What was given to the ledger of the ring's changes; the ring may still have a note of it.
    pub(crate) entered: Mutex<Evidence>,
    /// What the files looked like when they were last loaded; held while a reload runs, so one runs at a time.
    pub(crate) seen: Mutex<Prints>,
}

impl Reload {
    /// Loads again and swaps, or keeps what runs.
    ///
    /// # Errors
    /// With every fault of the files. What runs goes on.
    pub(crate) fn reload(&self) -> Result<(), ReloadError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.running.load_full();
        // Taken before the files are read: what changes meanwhile is seen at the next look.
        let prints = Prints::of(&before.sources);
        let taken = self.take(&before);
        *seen = match &taken {
            Ok(running) => {
                // Files that the new configuration names besides were read after the prints.
                let mut all = Prints::of(&running.sources);
                all.0.extend(prints.0);
                all
            }
            Err(_) => prints,
        };
        match taken {
            Ok(_) => {
                self.metrics.reloads.with_label_values(&["ok"]).inc();
                self.metrics.reload_failed.set(0);
                tracing::info!("a new configuration runs");
                Ok(())
            }
            Err(error) => {
                self.metrics.reloads.with_label_values(&["failed"]).inc();
                self.metrics.reload_failed.set(1);
                for line in error.to_string().lines() {
                    tracing::error!("{line}");
                }
                Err(error)
            }
        }
    }

    fn take(&self, before: &Arc<Running>) -> Result<Arc<Running>, ReloadError> {
        let mut loaded = (self.load)().map_err(StartError::Config)?;
        let evidence = std::mem::take(&mut loaded.evidence);
        warn_of_what_needs_a_restart(&before.config, &loaded.config);
        let running = Arc::new(Running::new(
            loaded,
            &self.metrics,
            &self.desk,
            Some(before),
        )?);
        running.keep_texts(&self.directory)?;
        self.enter(evidence)?;
        drop(self.ledger.submit(running.event())?);
        self.running.store(Arc::clone(&running));
        self.began(&running);
        Ok(running)
    }

    /// `running` runs from now on: notes when, and logs what of its agreements should be heard at once.
    pub(crate) fn began(&self, running: &Running) {
        let now = self.clock.now().as_duration().as_secs_f64();
        self.metrics.configuration_loaded.set(now);
        let today = self.clock.today(&running.config.controller.time_zone);
        overdue::warn(&running.agreements, today);
        for note in running.config.notes(self.clock.now()) {
            tracing::warn!("{note}");
        }
    }

    /// Has the ledger enter what was done to keys, once; then the ring is told.
    ///
    /// # Errors
    /// If the ledger does not take it.
    pub(crate) fn enter(&self, evidence: Evidence) -> Result<(), LedgerError> {
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        let new = evidence.beyond(&entered);
        let pending: Vec<Pending> = new
            .events()
            .map(|event| self.ledger.submit(event))
            .collect::<Result<_, _>>()?;
        *entered = evidence;
        drop(entered);
        if new.is_empty() {
            return Ok(());
        }
        // It waits for the disk and for the ring's lock, and nothing waits for it.
        let tell_the_ring = move || {
            let durable = pending
                .into_iter()
                .try_for_each(|entry| entry.wait().map(drop));
            let told = durable.map_err(|error| error.to_string());
            let told = told.and_then(|()| new.entered().map_err(|error| error.to_string()));
            if let Err(error) = told {
                tracing::warn!(
                    "the ring still has changes as not entered, the next start enters them again: {error}"
                );
            }
        };
        let thread = std::thread::Builder::new().name("keys".to_owned());
        if let Err(error) = thread.spawn(tell_the_ring) {
            tracing::warn!(%error, "no thread to tell the ring that its changes are entered");
        }
        Ok(())
    }

    /// Loads again whenever a file changes, until told to stop.
    pub(crate) async fn watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let stopped = tokio::time::timeout(LOOK, stop.wait_for(|stop| *stop)).await;
            if stopped.is_ok() {
                return;
            }
            let changed = {
                let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.changed(&self.running.load().sources)
            };
            if changed {
                tracing::info!("a file of the configuration changed");
                // The fault is logged and counted where it is found; what runs goes on.
                drop(self.reload());
            }
        }
    }
}

/// Listeners, threads and the ledger's place stay as they were at the start.
fn warn_of_what_needs_a_restart(before: &Config, after: &Config) {
    let same_addresses = before.listen.len() == after.listen.len()
        && before
            .listen
            .iter()
            .zip(&after.listen)
            .all(|(before, after)| {
                before.address == after.address
                    && std::mem::discriminant(&before.transport)
                        == std::mem::discriminant(&after.transport)
            });
    for (same, what) in [
        (same_addresses, "listen"),
        (before.admin == after.admin, "admin"),
        (before.ledger == after.ledger, "ledger"),
        (before.workers == after.workers, "workers"),
        (before.state == after.state, "state"),
        (before.log == after.log, "log"),
        (before.subjects == after.subjects, "subjects"),
        (before.traces == after.traces, "traces"),
    ] {
        if !same {
            tracing::warn!(
                setting = what,
                "this setting changes at the next start only"
            );
        }
    }
}

/// What files and directories look like from outside, by path.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Prints(BTreeMap<PathBuf, Option<Print>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Print {
    bytes: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: u64,
}

impl Prints {
    /// `paths` now, and what is in those that are directories.
    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        let mut prints = BTreeMap::new();
        for path in paths {
            prints.insert(path.clone(), print(path));
            if let Ok(listing) = std::fs::read_dir(path) {
                for entry in listing.take(LISTING).flatten() {
                    let path = entry.path();
                    let print = print(&path);
                    prints.insert(path, print);
                }
            }
        }
        Self(prints)
    }

    /// Whether `paths` look different now.
    fn changed(&self, paths: &[PathBuf]) -> bool {
        *self != Self::of(paths)
    }
}

fn print(path: &Path) -> Option<Print> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Print {
        bytes: metadata.len(),
        modified: metadata.modified().ok(),
        #[cfg(unix)]
        inode: std::os::unix::fs::MetadataExt::ino(&metadata),
    })
}
