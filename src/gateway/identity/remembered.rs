//! Access tokens that were verified, so that a request does not pay for a signature again.
//!
//! Only what was verified is remembered, under its SHA-256: whoever sends what is not cannot fill the room. A worker's
//! own, so nothing is locked.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use jiff::Timestamp;

use super::issuer::Verified;

type Tokens = HashMap<[u8; 32], Rc<Verified>>;

/// One worker's verified tokens, in two generations: when the younger is full, the older is forgotten. At most twice
/// the bound are held (P5), and one that is used stays.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// The running set that they were verified under: another may have other partners and rules.
    epoch: Cell<u64>,
    young: RefCell<Tokens>,
    old: RefCell<Tokens>,
}

impl Remembered {
    /// The token of this `hash`, if it was verified under this `epoch` and holds at `now`.
    pub(super) fn find(&self, hash: &[u8; 32], epoch: u64, now: Timestamp) -> Option<Rc<Verified>> {
        if self.epoch.replace(epoch) != epoch {
            self.young.borrow_mut().clear();
            self.old.borrow_mut().clear();
            return None;
        }
        let mut young = self.young.borrow_mut();
        let found = match young.get(hash) {
            Some(found) => Rc::clone(found),
            None => {
                let found = self.old.borrow_mut().remove(hash)?;
                young.insert(*hash, Rc::clone(&found));
                found
            }
        };
        if found.still_holds(now) {
            return Some(found);
        }
        young.remove(hash);
        None
    }

    /// Remembers a token of this `hash`; `most` in each generation.
    pub(super) fn keep(&self, hash: [u8; 32], token: &Rc<Verified>, most: usize) {
        let mut young = self.young.borrow_mut();
        if young.len() >= most {
            *self.old.borrow_mut() = std::mem::take(&mut young);
        }
        young.insert(hash, Rc::clone(token));
    }
}
