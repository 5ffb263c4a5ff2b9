//! The epochs of one owner of keys, and what may be done to them. Values alone: no files, no clock.

use std::fmt;

use jiff::Timestamp;

use crate::ledger::KeyChange;
use crate::transform::{AgreementKeys, EpochSecret, RootKey};

/// Epochs that one owner can ever have.
const EPOCHS: u32 = 1_000;
/// Changes that may wait to be entered in a ledger.
const UNENTERED: usize = 1_000;
/// Characters of a name.
const NAME_CHARACTERS: usize = 128;

/// Whose keys: an agreement's name, or that of a group of linked agreements. Lower-case letters, digits,
/// hyphens and dots; starts with a letter or digit. A file's name is made of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnerName(String);

impl OwnerName {
    /// The name, if it is one.
    ///
    /// # Errors
    /// If it is none.
    pub fn new(name: &str) -> Result<Self, Refused> {
        let plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
        let first = name.as_bytes().first().is_some_and(plain);
        let rest = name
            .bytes()
            .all(|byte| plain(&byte) || matches!(byte, b'-' | b'.'));
        if first && rest && name.len() <= NAME_CHARACTERS {
            Ok(Self(name.to_owned()))
        } else {
            Err(Refused::NoName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The epochs of one owner.
#[derive(Debug, Clone)]
pub struct Owner {
    /// Whose.
    pub name: OwnerName,
    /// At least one, numbered from 1 without a gap; at most one is current.
    epochs: Vec<Epoch>,
    /// What no ledger has entered yet, oldest first.
    unentered: Vec<Change>,
}

/// One epoch of an owner's keys.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// Its number.
    pub number: u32,
    /// When it was made.
    pub created: Timestamp,
    /// When it came into its state.
    pub since: Timestamp,
    /// What it is good for now.
    pub state: State,
}

/// What an epoch is good for. Only what is not destroyed has a secret.
#[derive(Debug, Clone)]
pub enum State {
    /// Its keys make tokens, and resolve them.
    Current(EpochSecret),
    /// Its keys resolve tokens.
    Active(EpochSecret),
    /// Its tokens do not resolve. The secret is still there, until it is destroyed.
    Retired(EpochSecret),
    /// The secret is gone.
    Destroyed,
}

/// A change of an owner's keys, as a ledger enters it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was done.
    pub change: KeyChange,
    /// To which epochs.
    pub epochs: Vec<u32>,
    /// When.
    pub done: Timestamp,
}

/// Why a change is not made. What there was stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The text is no name.
    #[error(
        "not a name of keys: lower-case letters, digits, hyphens and dots, at most {NAME_CHARACTERS}; write an agreement's name"
    )]
    NoName,
    /// There are keys already.
    #[error(
        "{owner} has keys, epoch {current} is current; a new epoch is made by `fieldgate keys rotate {owner}`"
    )]
    AlreadyThere {
        /// Whose.
        owner: OwnerName,
        /// Its current epoch.
        current: u32,
    },
    /// There are no keys, or none any more.
    #[error("{owner} has no keys; make them with `fieldgate keys create {owner}`")]
    NoKeys {
        /// Whose.
        owner: OwnerName,
    },
    /// There is no such epoch.
    #[error("{owner} has no epoch {epoch}; `fieldgate keys list {owner}` shows those it has")]
    NoEpoch {
        /// Whose.
        owner: OwnerName,
        /// Which.
        epoch: u32,
    },
    /// The epoch makes tokens.
    #[error(
        "epoch {epoch} of {owner} is current, it makes the tokens; begin another first, with `fieldgate keys rotate {owner}`"
    )]
    IsCurrent {
        /// Whose.
        owner: OwnerName,
        /// Which.
        epoch: u32,
    },
    /// The epoch is in that state, or past it.
    #[error("epoch {epoch} of {owner} is {state} already")]
    AlreadySo {
        /// Whose.
        owner: OwnerName,
        /// Which.
        epoch: u32,
        /// The word of its state.
        state: &'static str,
    },
    /// A bound is reached.
    #[error(
        "{owner} has had {EPOCHS} epochs, which is as many as there can be; give the agreement a new name"
    )]
    TooManyEpochs {
        /// Whose.
        owner: OwnerName,
    },
    /// A bound is reached.
    #[error(
        "{UNENTERED} changes of the keys of {owner} wait for a ledger to enter them; start the gateway, which does"
    )]
    TooManyUnentered {
        /// Whose.
        owner: OwnerName,
    },
}

impl State {
    /// Its word, in files and reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Current(_) => "current",
            Self::Active(_) => "active",
            Self::Retired(_) => "retired",
            Self::Destroyed => "destroyed",
        }
    }

    /// The secret, unless it is destroyed.
    pub(super) fn secret(&self) -> Option<&EpochSecret> {
        match self {
            Self::Current(secret) | Self::Active(secret) | Self::Retired(secret) => Some(secret),
            Self::Destroyed => None,
        }
    }

    /// Whether its tokens resolve.
    fn resolves(&self) -> bool {
        match self {
            Self::Current(_) | Self::Active(_) => true,
            Self::Retired(_) | Self::Destroyed => false,
        }
    }

    fn is_current(&self) -> bool {
        matches!(self, Self::Current(_))
    }
}

impl Owner {
    /// The owner of these epochs; `None` where they are not as an [`Owner`]'s have to be.
    pub(super) fn from_parts(
        name: OwnerName,
        epochs: Vec<Epoch>,
        unentered: Vec<Change>,
    ) -> Option<Self> {
        let numbered = (1..).zip(&epochs).all(|(n, epoch)| epoch.number == n);
        let current = epochs.iter().filter(|epoch| epoch.state.is_current());
        (!epochs.is_empty()
            && epochs.len() <= EPOCHS as usize
            && unentered.len() <= UNENTERED
            && numbered
            && current.count() <= 1)
            .then_some(Self {
                name,
                epochs,
                unentered,
            })
    }

    /// All its epochs, by number; at least one.
    #[must_use]
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// What no ledger has entered yet, oldest first.
    #[must_use]
    pub fn unentered(&self) -> &[Change] {
        &self.unentered
    }

    /// The number of the epoch that makes tokens; `None` where all are retired or destroyed.
    #[must_use]
    pub fn current(&self) -> Option<u32> {
        let current = self.epochs.iter().find(|epoch| epoch.state.is_current());
        current.map(|epoch| epoch.number)
    }

    /// Its keys under `root`: those of the current epoch and of all that resolve. `None` where all are destroyed.
    #[must_use]
    pub fn keys(&self, root: &RootKey) -> Option<AgreementKeys> {
        let resolving = self.epochs.iter().filter(|epoch| epoch.state.resolves());
        let epochs = resolving
            .filter_map(|epoch| {
                let secret = epoch.state.secret()?;
                Some(root.epoch(self.name.as_str(), epoch.number, secret))
            })
            .collect();
        AgreementKeys::new(epochs, self.current()?)
    }

    /// The first epoch of `name`; or the next one, where `before` has none left that makes tokens.
    ///
    /// # Errors
    /// If it has one.
    pub(super) fn create(
        before: Option<Self>,
        name: OwnerName,
        secret: EpochSecret,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let mut owner = before.unwrap_or(Self {
            name,
            epochs: Vec::new(),
            unentered: Vec::new(),
        });
        if let Some(current) = owner.current() {
            return Err(Refused::AlreadyThere {
                owner: owner.name,
                current,
            });
        }
        let number = owner.begin(secret, now)?;
        owner.note(KeyChange::Created, vec![number], now)?;
        Ok(owner)
    }

    /// Begins a new epoch; the one that was current resolves on.
    ///
    /// # Errors
    /// If there is none that is current, or a bound is reached.
    pub(super) fn rotate(&mut self, secret: EpochSecret, now: Timestamp) -> Result<(), Refused> {
        let Some(current) = self
            .epochs
            .iter_mut()
            .find(|epoch| epoch.state.is_current())
        else {
            return Err(Refused::NoKeys {
                owner: self.name.clone(),
            });
        };
        if let State::Current(secret) = &current.state {
            current.state = State::Active(secret.clone());
            current.since = now;
        }
        let number = self.begin(secret, now)?;
        self.note(KeyChange::Rotated, vec![number], now)
    }

    /// Lets the tokens of epoch `number` resolve no longer.
    ///
    /// # Errors
    /// If there is no such epoch, or it is not active.
    pub(super) fn retire(&mut self, number: u32, now: Timestamp) -> Result<(), Refused> {
        let owner = self.name.clone();
        let epoch = self.epoch(number)?;
        epoch.state = match &epoch.state {
            State::Current(_) => {
                return Err(Refused::IsCurrent {
                    owner,
                    epoch: number,
                });
            }
            State::Active(secret) => State::Retired(secret.clone()),
            state @ (State::Retired(_) | State::Destroyed) => {
                return Err(Refused::AlreadySo {
                    owner,
                    epoch: number,
                    state: state.word(),
                });
            }
        };
        epoch.since = now;
        self.note(KeyChange::Retired, vec![number], now)
    }

    /// Lets go of the secret of epoch `number`, or of all.
    ///
    /// # Errors
    /// If there is no such epoch, it alone is destroyed and it is current, or there is nothing left to destroy.
    pub(super) fn destroy(&mut self, number: Option<u32>, now: Timestamp) -> Result<(), Refused> {
        let owner = self.name.clone();
        if let Some(number) = number {
            let epoch = self.epoch(number)?;
            match &epoch.state {
                State::Current(_) => {
                    return Err(Refused::IsCurrent {
                        owner,
                        epoch: number,
                    });
                }
                State::Active(_) | State::Retired(_) => {}
                state @ State::Destroyed => {
                    return Err(Refused::AlreadySo {
                        owner,
                        epoch: number,
                        state: state.word(),
                    });
                }
            }
        }
        let mut destroyed = Vec::new();
        for epoch in &mut self.epochs {
            let meant = number.is_none_or(|number| epoch.number == number);
            if meant && epoch.state.secret().is_some() {
                epoch.state = State::Destroyed;
                epoch.since = now;
                destroyed.push(epoch.number);
            }
        }
        if destroyed.is_empty() {
            return Err(Refused::NoKeys { owner });
        }
        self.note(KeyChange::Destroyed, destroyed, now)
    }

    /// Takes `entered` out of what waits for a ledger.
    pub(super) fn enter(&mut self, entered: &[Change]) {
        self.unentered.retain(|change| !entered.contains(change));
    }

    fn epoch(&mut self, number: u32) -> Result<&mut Epoch, Refused> {
        let owner = &self.name;
        self.epochs
            .iter_mut()
            .find(|epoch| epoch.number == number)
            .ok_or_else(|| Refused::NoEpoch {
                owner: owner.clone(),
                epoch: number,
            })
    }

    /// Puts a current epoch behind the others; its number.
    fn begin(&mut self, secret: EpochSecret, now: Timestamp) -> Result<u32, Refused> {
        // Numbers go on after epochs that are destroyed: a token says its number, and must never mean another.
        let number = self.epochs.last().map_or(1, |epoch| epoch.number + 1);
        if number > EPOCHS {
            return Err(Refused::TooManyEpochs {
                owner: self.name.clone(),
            });
        }
        self.epochs.push(Epoch {
            number,
            created: now,
            since: now,
            state: State::Current(secret),
        });
        Ok(number)
    }

    fn note(
        &mut self,
        change: KeyChange,
        epochs: Vec<u32>,
        done: Timestamp,
    ) -> Result<(), Refused> {
        if self.unentered.len() >= UNENTERED {
            return Err(Refused::TooManyUnentered {
                owner: self.name.clone(),
            });
        }
        self.unentered.push(Change {
            change,
            epochs,
            done,
        });
        Ok(())
    }
}
