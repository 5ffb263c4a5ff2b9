//! What may not be done to keys, and what may instead.

use super::owner::{EPOCHS, NAME_CHARACTERS, OwnerName, UNENTERED};

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
    /// An epoch is prepared, and no other is begun before that.
    #[error(
        "epoch {epoch} of {owner} is prepared; let it make the tokens with `fieldgate keys activate {owner}`, or give it up with `fieldgate keys retire {owner} --epoch {epoch}`"
    )]
    IsPrepared {
        /// Whose.
        owner: OwnerName,
        /// Which.
        epoch: u32,
    },
    /// No epoch is prepared.
    #[error(
        "{owner} has no prepared epoch; make one with `fieldgate keys rotate {owner} --prepare`"
    )]
    NonePrepared {
        /// Whose.
        owner: OwnerName,
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
