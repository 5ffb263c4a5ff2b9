//! What was done to keys, on its way into the ledger.
//!
//! A change is noted in the ring's own file, in the same rename that makes it, so that no change is ever without
//! its evidence. From there it goes into the ledger of whoever can write one: the command that made it, where no
//! gateway has the ledger open; else the gateway, at its start and whenever it takes a new configuration. Only
//! when the entry is durable is the note taken out of the ring.

use super::owner::{Change, Owner, OwnerName};
use super::ring::{ChangeError, Ring};
use crate::ledger::Event;
use crate::transform::RootKey;

/// Changes of a ring that no ledger has entered yet.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    from: Option<(Ring, RootKey)>,
    changes: Vec<(OwnerName, Change)>,
}

impl Evidence {
    /// What waits in `owners`, which were read from `ring` under `root`.
    #[must_use]
    pub fn of(ring: Ring, root: RootKey, owners: &[Owner]) -> Self {
        let changes = owners.iter().flat_map(|owner| {
            let changes = owner.unentered().iter().cloned();
            changes.map(|change| (owner.name.clone(), change))
        });
        Self {
            changes: changes.collect(),
            from: Some((ring, root)),
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What of this is not in `earlier`.
    pub(crate) fn beyond(&self, earlier: &Self) -> Self {
        let new = |change: &&_| !earlier.changes.contains(change);
        Self {
            from: self.from.clone(),
            changes: self.changes.iter().filter(new).cloned().collect(),
        }
    }

    /// The entries that a ledger makes of it, oldest first of each owner.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        self.changes.iter().map(|(owner, change)| Event::Keys {
            change: change.change,
            agreement: owner.as_str().to_owned(),
            epochs: change.epochs.clone(),
            done: change.done,
        })
    }

    /// Takes it out of the ring: a ledger has made it durable.
    ///
    /// # Errors
    /// If the ring cannot be used. Then it may be entered a second time.
    pub fn entered(&self) -> Result<(), ChangeError> {
        let Some((ring, root)) = &self.from else {
            return Ok(());
        };
        for of_one in self.changes.chunk_by(|a, b| a.0 == b.0) {
            let changes: Vec<Change> = of_one.iter().map(|(_, change)| change.clone()).collect();
            ring.enter(&of_one[0].0, &changes, root)?;
        }
        Ok(())
    }
}
