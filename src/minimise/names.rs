//! Member names of the objects that are open: no object may name a member twice (DESIGN §5.9, P4).
//!
//! What is kept of a name is its 64-bit hash, seeded per plan: equal names always meet, so no second name is
//! ever missed; two different names are taken for one with odds of about one in 2⁶⁴ a pair, and then the body
//! is refused, nothing more.

/// The names of all open objects, the innermost object's last.
#[derive(Debug, Default)]
pub(super) struct Names {
    hashes: Vec<u64>,
    /// The sets of large objects, the innermost last.
    large: Vec<Large>,
}

/// The names of one object that has many.
#[derive(Debug)]
struct Large {
    /// Where its hashes start.
    start: usize,
    /// Open addressing, at most half full; zero is free.
    slots: Vec<u64>,
}

/// From this many names on an object gets a set of its own.
const MANY: usize = 24;

impl Names {
    /// Where the names of an object that opens now start.
    pub(super) fn start(&self) -> usize {
        self.hashes.len()
    }

    /// Enters a name of the innermost object, whose names start at `start`. False if it has that name already.
    #[inline]
    pub(super) fn enter(&mut self, start: usize, hash: u64) -> bool {
        let hash = hash.max(1);
        let own = &self.hashes[start..];
        if own.len() < MANY {
            if own.contains(&hash) {
                return false;
            }
            self.hashes.push(hash);
            return true;
        }
        self.enter_large(start, hash)
    }

    fn enter_large(&mut self, start: usize, hash: u64) -> bool {
        if self.large.last().is_none_or(|large| large.start != start) {
            self.large.push(Large {
                start,
                slots: Vec::new(),
            });
        }
        let large = self
            .large
            .last_mut()
            .expect("one was pushed if there was none");
        let count = self.hashes.len() - start;
        if large.slots.len() < 2 * (count + 1) {
            large.slots.clear();
            large.slots.resize((4 * count).next_power_of_two(), 0);
            for &hash in &self.hashes[start..] {
                place(&mut large.slots, hash);
            }
        }
        if !place(&mut large.slots, hash) {
            return false;
        }
        self.hashes.push(hash);
        true
    }

    /// How many names the innermost object has.
    pub(super) fn count(&self, start: usize) -> usize {
        self.hashes.len() - start
    }

    /// Forgets the innermost object, whose names start at `start`.
    #[inline]
    pub(super) fn close(&mut self, start: usize) {
        self.hashes.truncate(start);
        if self.large.last().is_some_and(|large| large.start >= start) {
            self.large.pop();
        }
    }
}

/// Puts `hash` into a free slot; false if it is there.
fn place(slots: &mut [u64], hash: u64) -> bool {
    let last = slots.len() - 1;
    let mut slot = hash as usize & last;
    while slots[slot] != 0 {
        if slots[slot] == hash {
            return false;
        }
        slot = (slot + 1) & last;
    }
    slots[slot] = hash;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_enters_once_in_small_and_large_objects_and_objects_within_them() {
        let mut names = Names::default();
        let outer = names.start();
        for name in 1..2_000_u64 {
            assert!(names.enter(outer, name), "{name}");
            let inner = names.start();
            for name in 1..40 {
                assert!(names.enter(inner, name));
            }
            assert!(!names.enter(inner, 39));
            assert_eq!(names.count(inner), 39);
            names.close(inner);
            assert!(!names.enter(outer, 1));
            assert!(!names.enter(outer, name));
        }
        assert_eq!(names.count(outer), 1_999);
        names.close(outer);
        assert!(names.enter(0, 1));
    }
}
