//! The epochs of one owner of keys, and what may be done to them. Values alone: no files, no clock.

use std::fmt;

use jiff::Timestamp;

use super::refused::Refused;
use crate::ledger::KeyChange;
use crate::transform::{AgreementKeys, EpochSecret, RootKey};

/// Epochs that one owner can ever have.
pub(super) const EPOCHS: u32 = 1_000;
/// Changes that may wait to be entered in a ledger.
pub(super) const UNENTERED: usize = 1_000;
/// Characters of a name: room for `link.PARTNER.GROUP`, each of 64.
pub(super) const NAME_CHARACTERS: usize = 160;

/// Whose keys: an agreement's name, or `link.PARTNER.GROUP` for a group of linked agreements. Lower-case letters, digits,
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
    /// Its keys resolve tokens. It was current before, or, with a number above the current one's, is prepared to be.
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

    /// The number of the epoch that is prepared: its tokens resolve, and it makes none before it is current.
    #[must_use]
    pub fn prepared(&self) -> Option<u32> {
        let last = self.epochs.last()?;
        let is_active = matches!(last.state, State::Active(_));
        (is_active && last.number > self.current()?).then_some(last.number)
    }

    /// The word of the state of its epoch `number`, as people read it; what it does not have is `destroyed`.
    #[must_use]
    pub fn word(&self, number: u32) -> &'static str {
        if self.prepared() == Some(number) {
            return "prepared";
        }
        let mut epochs = self.epochs.iter();
        epochs
            .find(|epoch| epoch.number == number)
            .map_or(State::Destroyed.word(), |epoch| epoch.state.word())
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
        let number = owner.begin(State::Current(secret), now)?;
        owner.note(KeyChange::Created, vec![number], now)?;
        Ok(owner)
    }

    /// Begins a new epoch; the one that was current resolves on.
    ///
    /// # Errors
    /// If there is none that is current, one is prepared, or a bound is reached.
    pub(super) fn rotate(&mut self, secret: EpochSecret, now: Timestamp) -> Result<(), Refused> {
        let current = self.makes_tokens_alone()?;
        let number = self.begin(State::Current(secret), now)?;
        self.resolves_on(current, now);
        self.note(KeyChange::Rotated, vec![number], now)
    }

    /// Makes a new epoch whose tokens resolve and that makes none: the current one goes on. So every gateway can have it
    /// before the first makes a token under it.
    ///
    /// # Errors
    /// As [`rotate`](Self::rotate).
    pub(super) fn prepare(&mut self, secret: EpochSecret, now: Timestamp) -> Result<(), Refused> {
        self.makes_tokens_alone()?;
        let number = self.begin(State::Active(secret), now)?;
        self.note(KeyChange::Prepared, vec![number], now)
    }

    /// Lets the prepared epoch make the tokens; the one that did resolves on.
    ///
    /// # Errors
    /// If none is prepared.
    pub(super) fn activate(&mut self, now: Timestamp) -> Result<(), Refused> {
        let none = || Refused::NonePrepared {
            owner: self.name.clone(),
        };
        let number = self.prepared().ok_or_else(none)?;
        let current = self.current().ok_or_else(none)?;
        self.resolves_on(current, now);
        let epoch = self.epoch(number)?;
        if let State::Active(secret) = &epoch.state {
            epoch.state = State::Current(secret.clone());
            epoch.since = now;
        }
        self.note(KeyChange::Rotated, vec![number], now)
    }

    /// The number of the epoch that is current, if none is prepared to follow it.
    fn makes_tokens_alone(&self) -> Result<u32, Refused> {
        let owner = self.name.clone();
        match (self.current(), self.prepared()) {
            (None, _) => Err(Refused::NoKeys { owner }),
            (Some(_), Some(epoch)) => Err(Refused::IsPrepared { owner, epoch }),
            (Some(current), None) => Ok(current),
        }
    }

    /// Epoch `number`, which is current, makes tokens no longer.
    fn resolves_on(&mut self, number: u32, now: Timestamp) {
        for epoch in self
            .epochs
            .iter_mut()
            .filter(|epoch| epoch.number == number)
        {
            if let State::Current(secret) = &epoch.state {
                epoch.state = State::Active(secret.clone());
                epoch.since = now;
            }
        }
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

    /// Puts an epoch behind the others; its number.
    fn begin(&mut self, state: State, now: Timestamp) -> Result<u32, Refused> {
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
            state,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::Algorithm;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn secret(byte: u8) -> EpochSecret {
        EpochSecret::from_bytes([byte; 32])
    }

    fn name() -> OwnerName {
        OwnerName::new("falls-prevention").unwrap()
    }

    fn created() -> Owner {
        Owner::create(None, name(), secret(1), at(1)).unwrap()
    }

    /// Three epochs, the last current.
    fn rotated_twice() -> Owner {
        let mut owner = created();
        owner.rotate(secret(2), at(2)).unwrap();
        owner.rotate(secret(3), at(3)).unwrap();
        owner
    }

    fn states(owner: &Owner) -> Vec<&'static str> {
        owner
            .epochs()
            .iter()
            .map(|epoch| epoch.state.word())
            .collect()
    }

    #[test]
    fn a_name_is_one_that_a_file_can_have() {
        let long = "a".repeat(NAME_CHARACTERS + 1);
        for (text, good) in [
            ("falls-prevention", true),
            ("7", true),
            ("link.island-health.housing", true),
            (&long[..NAME_CHARACTERS], true),
            ("", false),
            (&long, false),
            (".hidden", false),
            ("-a", false),
            ("../root", false),
            ("a/b", false),
            ("a b", false),
            ("Falls", false),
            ("é", false),
            ("a\0", false),
        ] {
            assert_eq!(OwnerName::new(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_rotation_starts_an_epoch_and_keeps_the_older_ones() {
        let root = RootKey::from_bytes([9; 32]);
        let first = created();
        let keys = |owner: &Owner| owner.keys(&root).unwrap();
        let token_key = |owner: &Owner, epoch: u32| {
            keys(owner)
                .epoch(epoch)
                .map(|epoch| *epoch.key(Algorithm::AesSiv, "person"))
        };
        let owner = rotated_twice();
        assert_eq!(states(&owner), ["active", "active", "current"]);
        assert_eq!(keys(&first).current().number(), 1);
        assert_eq!(keys(&owner).current().number(), 3);
        assert_eq!(token_key(&owner, 1), token_key(&first, 1));
        assert_ne!(token_key(&owner, 2), token_key(&owner, 3));
    }

    #[test]
    fn a_prepared_epoch_resolves_before_it_makes_tokens() {
        let root = RootKey::from_bytes([9; 32]);
        let mut owner = created();
        let numbers = |owner: &Owner| -> (u32, Vec<u32>) {
            let keys = owner.keys(&root).unwrap();
            let epochs = keys.epochs().iter();
            let epochs = epochs.map(crate::transform::EpochKeys::number).collect();
            (keys.current().number(), epochs)
        };
        owner.prepare(secret(2), at(2)).unwrap();
        assert_eq!(numbers(&owner), (1, vec![1, 2]));
        assert_eq!((owner.word(1), owner.word(2)), ("current", "prepared"));
        // A gateway that has the prepared epoch resolves what another makes under it: the same keys before and after.
        let key = |owner: &Owner| {
            let keys = owner.keys(&root).unwrap();
            *keys.epoch(2).unwrap().key(Algorithm::AesSiv, "person")
        };
        let before = key(&owner);
        for change in [Owner::rotate, Owner::prepare] {
            let refused = change(&mut owner, secret(3), at(3)).unwrap_err();
            assert_eq!(
                refused.to_string(),
                "epoch 2 of falls-prevention is prepared; let it make the tokens with `fieldgate keys activate falls-prevention`, or give it up with `fieldgate keys retire falls-prevention --epoch 2`"
            );
        }
        owner.activate(at(4)).unwrap();
        assert_eq!(numbers(&owner), (2, vec![1, 2]));
        assert_eq!((owner.word(1), owner.word(2)), ("active", "current"));
        assert_eq!(key(&owner), before);
        assert_eq!(owner.epochs()[1].since, at(4));
        assert_eq!(owner.epochs()[1].created, at(2));
        let changes: Vec<KeyChange> = owner.unentered().iter().map(|one| one.change).collect();
        assert_eq!(
            changes,
            [KeyChange::Created, KeyChange::Prepared, KeyChange::Rotated]
        );
        assert_eq!(
            owner.activate(at(5)).unwrap_err().to_string(),
            "falls-prevention has no prepared epoch; make one with `fieldgate keys rotate falls-prevention --prepare`"
        );
    }

    #[test]
    fn a_prepared_epoch_can_be_given_up_and_its_number_is_not_used_again() {
        let mut owner = created();
        owner.prepare(secret(2), at(2)).unwrap();
        owner.retire(2, at(3)).unwrap();
        assert_eq!(owner.prepared(), None);
        assert!(owner.activate(at(4)).is_err());
        owner.prepare(secret(3), at(5)).unwrap();
        owner.activate(at(6)).unwrap();
        assert_eq!(states(&owner), ["active", "retired", "current"]);
    }

    #[test]
    fn only_what_is_current_or_active_resolves() {
        let root = RootKey::from_bytes([9; 32]);
        let mut owner = rotated_twice();
        let resolving = |owner: &Owner| -> Vec<u32> {
            let keys = owner.keys(&root).unwrap();
            keys.epochs()
                .iter()
                .map(crate::transform::EpochKeys::number)
                .collect()
        };
        assert_eq!(resolving(&owner), [1, 2, 3]);
        owner.retire(1, at(4)).unwrap();
        assert_eq!(resolving(&owner), [2, 3]);
        owner.destroy(Some(2), at(5)).unwrap();
        assert_eq!(resolving(&owner), [3]);
        assert_eq!(states(&owner), ["retired", "destroyed", "current"]);
        assert_eq!(owner.epochs()[1].since, at(5));
        owner.destroy(None, at(6)).unwrap();
        assert_eq!(states(&owner), ["destroyed"; 3]);
        assert!(owner.keys(&root).is_none());
        assert!(
            owner
                .epochs()
                .iter()
                .all(|epoch| epoch.state.secret().is_none())
        );
    }

    #[test]
    fn keys_that_are_made_after_a_destruction_have_a_number_that_was_never_used() {
        let mut owner = rotated_twice();
        owner.destroy(None, at(4)).unwrap();
        let owner = Owner::create(Some(owner), name(), secret(4), at(5)).unwrap();
        assert_eq!(owner.current(), Some(4));
        assert_eq!(
            states(&owner),
            ["destroyed", "destroyed", "destroyed", "current"]
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused_and_says_what_can() {
        type Change = fn(&mut Owner) -> Result<(), Refused>;
        let destroyed = |mut owner: Owner| {
            owner.destroy(None, at(4)).unwrap();
            owner
        };
        let again = "falls-prevention has keys, epoch 3 is current; a new epoch is made by `fieldgate keys rotate falls-prevention`";
        let current = "epoch 3 of falls-prevention is current, it makes the tokens; begin another first, with `fieldgate keys rotate falls-prevention`";
        let missing = "falls-prevention has no epoch 4; `fieldgate keys list falls-prevention` shows those it has";
        let none =
            "falls-prevention has no keys; make them with `fieldgate keys create falls-prevention`";
        let rows: [(Owner, Change, &str); 9] = [
            (
                rotated_twice(),
                |owner| Owner::create(Some(owner.clone()), name(), secret(4), at(4)).map(drop),
                again,
            ),
            (rotated_twice(), |owner| owner.retire(3, at(4)), current),
            (
                rotated_twice(),
                |owner| owner.destroy(Some(3), at(4)),
                current,
            ),
            (rotated_twice(), |owner| owner.retire(4, at(4)), missing),
            (
                rotated_twice(),
                |owner| owner.destroy(Some(4), at(4)),
                missing,
            ),
            (
                destroyed(rotated_twice()),
                |owner| owner.retire(1, at(5)),
                "epoch 1 of falls-prevention is destroyed already",
            ),
            (
                destroyed(rotated_twice()),
                |owner| owner.destroy(Some(1), at(5)),
                "epoch 1 of falls-prevention is destroyed already",
            ),
            (
                destroyed(rotated_twice()),
                |owner| owner.destroy(None, at(5)),
                none,
            ),
            (
                destroyed(rotated_twice()),
                |owner| owner.rotate(secret(5), at(5)),
                none,
            ),
        ];
        for (mut owner, change, message) in rows {
            let before = states(&owner);
            let waiting = owner.unentered().len();
            assert_eq!(change(&mut owner).unwrap_err().to_string(), message);
            assert_eq!(states(&owner), before, "{message}");
            assert_eq!(owner.unentered().len(), waiting, "{message}");
        }
    }

    #[test]
    fn each_change_waits_for_a_ledger_until_one_has_entered_it() {
        let mut owner = rotated_twice();
        owner.retire(1, at(4)).unwrap();
        owner.destroy(None, at(5)).unwrap();
        let waiting: Vec<(KeyChange, Vec<u32>, Timestamp)> = owner
            .unentered()
            .iter()
            .map(|change| (change.change, change.epochs.clone(), change.done))
            .collect();
        let expected = [
            (KeyChange::Created, vec![1], at(1)),
            (KeyChange::Rotated, vec![2], at(2)),
            (KeyChange::Rotated, vec![3], at(3)),
            (KeyChange::Retired, vec![1], at(4)),
            (KeyChange::Destroyed, vec![1, 2, 3], at(5)),
        ];
        assert_eq!(waiting, expected);
        let entered = owner.unentered()[..3].to_vec();
        owner.enter(&entered);
        owner.enter(&entered);
        assert_eq!(owner.unentered().len(), 2);
    }

    #[test]
    fn epochs_and_waiting_changes_are_bounded() {
        let mut owner = created();
        let refused = (0..)
            .find_map(|_| {
                let entered = owner.unentered().to_vec();
                owner.enter(&entered);
                owner.rotate(secret(1), at(1)).err()
            })
            .unwrap();
        assert_eq!(refused, Refused::TooManyEpochs { owner: name() });
        let mut owner = created();
        let refused = (0..)
            .find_map(|_| owner.rotate(secret(1), at(1)).err())
            .unwrap();
        let bounds = [
            Refused::TooManyEpochs { owner: name() },
            Refused::TooManyUnentered { owner: name() },
        ];
        assert!(bounds.contains(&refused));
    }

    #[test]
    fn parts_that_make_no_owner_are_refused() {
        let epoch = |number, state| Epoch {
            number,
            created: at(1),
            since: at(1),
            state,
        };
        let current = |number| epoch(number, State::Current(secret(1)));
        let destroyed = |number| epoch(number, State::Destroyed);
        let rows = [
            (vec![], false),
            (vec![current(1)], true),
            (vec![destroyed(1)], true),
            (vec![destroyed(1), current(2)], true),
            (vec![current(1), current(2)], false),
            (vec![current(2)], false),
            (vec![destroyed(1), current(1)], false),
            (vec![current(1), destroyed(3)], false),
        ];
        for (index, (epochs, good)) in rows.into_iter().enumerate() {
            let owner = Owner::from_parts(name(), epochs, Vec::new());
            assert_eq!(owner.is_some(), good, "row {index}");
        }
    }
}
