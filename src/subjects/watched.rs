//! The store as a running gateway has it: looked at again and again, its lists there for every record.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::line::{Change, Line};
use super::store::{Entered, Store, StoreError};
use crate::rights::{Lists, Token};

/// How often the file is looked at: a change takes effect within this and the time to read it.
pub const LOOK: Duration = Duration::from_millis(250);

/// Looks in a row at which a line does not hold before it counts as broken: a reader without a lock may meet a writer that
/// cuts an unfinished line off.
const DOUBTS: u32 = 3;

/// A store that is looked at. Shared by everything in a gateway.
pub struct Watched {
    path: PathBuf,
    key: Zeroizing<[u8; 32]>,
    held: Mutex<Held>,
    state: ArcSwap<State>,
}

#[derive(Default)]
struct Held {
    /// `None` until it could be read.
    store: Option<Store>,
    /// Looks in a row at which a line did not hold.
    doubts: u32,
}

struct State {
    /// As last read, empty if never: exchanges that were permitted go on under these.
    lists: Lists,
    /// Why nothing more is permitted.
    fault: Option<String>,
}

/// The lists cannot be read, so that nothing may be released. Says no path and no name: partners may hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lists of people's rights cannot be read")]
pub struct Unavailable;

impl Watched {
    /// Looks at the store at `path`, sealed under `key`, for the first time. Whether it can be read is another matter: see
    /// [`Watched::fault`].
    #[must_use]
    pub fn at(path: &Path, key: Zeroizing<[u8; 32]>) -> Arc<Self> {
        let watched = Self {
            path: path.to_owned(),
            key,
            held: Mutex::default(),
            state: ArcSwap::from_pointee(State {
                lists: Lists::new(),
                fault: Some("it has not been read yet".to_owned()),
            }),
        };
        watched.look();
        Arc::new(watched)
    }

    /// The store's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why nothing may be released, for operators; `None` while all is well.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.state.load().fault.clone()
    }

    /// Whether an exchange may begin.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn available(&self) -> Result<(), Unavailable> {
        match self.state.load().fault {
            None => Ok(()),
            Some(_) => Err(Unavailable),
        }
    }

    /// Asks the lists as they are now, or as they last could be read: what a record of a running exchange is asked of. Waits
    /// for nothing.
    pub fn ask<T>(&self, ask: impl FnOnce(&Lists) -> T) -> T {
        ask(&self.state.load().lists)
    }

    /// Reads what is new in the file, and makes it count.
    pub fn look(&self) {
        let mut held = self.held();
        let looked = match &mut held.store {
            Some(store) => store.refresh(),
            none => Store::open(&self.path, self.key.clone()).map(|store| {
                *none = Some(store);
                true
            }),
        };
        self.tell(&mut held, looked);
    }

    /// Makes `change` about `subjects`: it is durable and counts when this returns. Waits for the disk.
    ///
    /// # Errors
    /// As [`Store::change`].
    pub fn change(
        &self,
        change: &Change,
        subjects: &[Token],
        at: Timestamp,
    ) -> Result<Entered, StoreError> {
        let mut held = self.held();
        let entered = match &mut held.store {
            Some(store) => store.change(change, subjects, at),
            None => Err(StoreError::Missing(self.path.clone())),
        };
        let looked = match &mut held.store {
            Some(store) => store.refresh().map(|_| true),
            None => return entered,
        };
        self.tell(&mut held, looked);
        entered
    }

    /// Every change about `subject`, oldest first. Reads the whole file.
    ///
    /// # Errors
    /// As [`Store::history`].
    pub fn history(&self, subject: &Token) -> Result<Vec<Line>, StoreError> {
        Store::open(&self.path, self.key.clone())?.history(subject)
    }

    /// Looks every [`LOOK`] until `stop` is dropped or told. A fault in here is one of the store.
    pub fn watch(&self, stop: &Receiver<()>) {
        let _watching = Watching(self);
        while stop.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            self.look();
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, held: &mut Held, looked: Result<bool, StoreError>) {
        let is_well = self.state.load().fault.is_none();
        match looked {
            Ok(changed) => {
                held.doubts = 0;
                let Some(store) = held.store.as_ref().filter(|_| changed || !is_well) else {
                    return;
                };
                if !is_well {
                    tracing::info!("the store of subjects is read; exchanges may begin");
                }
                self.state.store(Arc::new(State {
                    lists: store.lists().clone(),
                    fault: None,
                }));
            }
            Err(error) => {
                held.doubts += 1;
                let in_doubt = matches!(error, StoreError::Broken { .. }) && held.doubts < DOUBTS;
                if is_well && in_doubt {
                    return;
                }
                if is_well {
                    tracing::error!(%error, "the store of subjects cannot be read: nothing is released");
                }
                self.stop_releases(error.to_string());
            }
        }
    }

    fn stop_releases(&self, fault: String) {
        let lists = self.state.load().lists.clone();
        self.state.store(Arc::new(State {
            lists,
            fault: Some(fault),
        }));
    }
}

/// Sees that a watch which ends in a panic is not taken for one that finds nothing new.
struct Watching<'a>(&'a Watched);

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0
                .stop_releases("nobody looks at it any more; start the gateway again".to_owned());
        }
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::rights::Entry;
    use crate::subjects::Act;

    fn key() -> Zeroizing<[u8; 32]> {
        Zeroizing::new([5; 32])
    }

    fn at() -> Timestamp {
        "2026-06-15T12:00:00Z".parse().unwrap()
    }

    fn objection() -> Change {
        let entry = Entry::of("objection".parse().unwrap());
        Change::new(Act::Enter(entry), "dpo", "letter", None, None).unwrap()
    }

    fn people(watched: &Watched) -> usize {
        watched.ask(Lists::len)
    }

    #[test]
    fn nothing_is_released_until_the_store_is_read_and_while_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subjects");
        let watched = Watched::at(&path, key());
        assert_eq!(watched.available(), Err(Unavailable));
        assert!(watched.fault().unwrap().contains("no such store"));
        Store::create(&path, key(), at()).unwrap();
        watched.look();
        assert_eq!(watched.available(), Ok(()));
        watched.change(&objection(), &[[1; 16]], at()).unwrap();
        assert_eq!(people(&watched), 1);
        fs::rename(&path, path.with_extension("away")).unwrap();
        watched.look();
        assert_eq!(watched.available(), Err(Unavailable));
        // What runs is still asked, of what was read last.
        assert_eq!(people(&watched), 1);
        fs::rename(path.with_extension("away"), &path).unwrap();
        watched.look();
        assert_eq!(watched.available(), Ok(()));
        assert_eq!(people(&watched), 1);
    }

    #[test]
    fn what_another_process_writes_counts_at_the_next_look() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subjects");
        Store::create(&path, key(), at()).unwrap();
        let watched = Watched::at(&path, key());
        let mut other = Store::open(&path, key()).unwrap();
        other.change(&objection(), &[[1; 16]], at()).unwrap();
        assert_eq!(people(&watched), 0);
        watched.look();
        assert_eq!(people(&watched), 1);
    }

    #[test]
    fn a_line_that_does_not_hold_is_looked_at_thrice_before_it_stops_releases() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("subjects");
        Store::create(&path, key(), at()).unwrap();
        let watched = Watched::at(&path, key());
        let good = fs::read(&path).unwrap();
        let bad = [&good[..], &good[..]].concat();
        fs::write(&path, &bad).unwrap();
        for look in 1..DOUBTS {
            watched.look();
            assert_eq!(watched.available(), Ok(()), "look {look}");
        }
        watched.look();
        assert_eq!(watched.available(), Err(Unavailable));
        fs::write(&path, &good).unwrap();
        watched.look();
        assert_eq!(watched.available(), Ok(()));
    }
}
