//! A quick hash for the keys of tables whose keys no request chooses: what agreements say, and numbers given in order.
//!
//! Whoever asks for a key that is not there finds at most what agreements have put near it. Keys that come from data or
//! requests and are put in stay with the standard library's keyed hash.

use std::hash::{BuildHasherDefault, Hasher};

/// Builds [`Spread`].
pub(crate) type Spreading = BuildHasherDefault<Spread>;

/// Multiplies each word with what came before, and folds the product's halves.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread(u64);

impl Spread {
    fn take(&mut self, word: u64) {
        // The golden ratio's digits, as everywhere; the second keeps a word of zeros from staying one.
        const BY: u128 = 0x9e37_79b9_7f4a_7c15;
        const FIRST: u64 = 0x2545_f491_4f6c_dd1d;
        let product = u128::from(self.0.rotate_left(29) ^ word ^ FIRST) * BY;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.take(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.take(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.take(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.take(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.take(number);
    }

    fn write_u128(&mut self, number: u128) {
        self.take(number as u64);
        self.take((number >> 64) as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.take(number as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasher, Hash};

    /// How many of `keys` share the place of another in a table of four times as many.
    fn shared<T: Hash>(keys: impl ExactSizeIterator<Item = T>) -> usize {
        let (count, places) = (keys.len(), keys.len().next_power_of_two() * 4);
        let build = Spreading::default();
        let places: std::collections::HashSet<usize> = keys
            .map(|key| build.hash_one(key) as usize % places)
            .collect();
        count - places.len()
    }

    #[test]
    fn keys_of_a_series_are_spread_as_chance_would_spread_them() {
        let numbers = shared((0..4096_u32).map(|number| (number, number / 7)));
        let pairs = shared(
            (0..4096_u32).map(|number| u128::from(number % 64) << 24 | u128::from(number / 64)),
        );
        let words = shared((0..4096_u32).map(|number| [u64::from(number) << 40, 0, 0]));
        for shared in [numbers, pairs, words] {
            // Chance would have about 480 of them share.
            assert!(shared < 800, "{numbers} {pairs} {words}");
        }
    }
}
