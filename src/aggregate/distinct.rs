//! How many different values there are, in bounded memory: exact up to a number, then estimated.

/// Different values that are kept; up to as many the count is exact.
pub(crate) const EXACT_VALUES: usize = 4096;

/// Registers of the estimate (HyperLogLog, Flajolet and others, 2007): a standard error of 1.04 / √1024, 3.3 in a hundred.
/// Above [`EXACT_VALUES`] their correction for small counts is never due, so that no logarithm is taken.
const REGISTERS: usize = 1024;

/// Bytes that a value which is kept takes at most.
const VALUE_BYTES: usize = 24;

/// Values that are kept, by their hashes: each at the first free place from the one that its hash names. A hash is keyed
/// and spread, so that it names a place by its low bits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// None, or a power of two of places; 0 is a free one.
    places: Vec<u64>,
    /// How many are taken, at most three of four.
    taken: usize,
    /// The hash 0 is kept, which no place can say.
    zero: bool,
}

impl Kept {
    fn len(&self) -> usize {
        self.taken + usize::from(self.zero)
    }

    fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let places = self.places.iter().copied();
        let zero = self.zero.then_some(0);
        places.filter(|place| *place != 0).chain(zero)
    }

    /// Keeps `hash`. Gives whether it is new.
    fn insert(&mut self, hash: u64) -> bool {
        if hash == 0 {
            return !std::mem::replace(&mut self.zero, true);
        }
        if self.taken * 4 >= self.places.len() * 3 {
            let room = (self.places.len() * 2).max(8);
            for known in std::mem::replace(&mut self.places, vec![0; room]) {
                if known != 0 {
                    self.put(known);
                }
            }
        }
        let new = self.put(hash);
        self.taken += usize::from(new);
        new
    }

    /// Puts `hash`, which is not 0, in its place; there is a free one. Gives whether it was not there.
    fn put(&mut self, hash: u64) -> bool {
        let last = self.places.len() - 1;
        let mut at = hash as usize & last;
        loop {
            match self.places[at] {
                0 => {
                    self.places[at] = hash;
                    return true;
                }
                known if known == hash => return false,
                _ => at = (at + 1) & last,
            }
        }
    }
}

/// Different values, each known by a hash of 64 bits.
#[derive(Debug, Clone)]
pub(crate) enum Distinct {
    Exact(Kept),
    Registers(Box<[u8; REGISTERS]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Exact(Kept::default())
    }
}

impl Distinct {
    /// Takes the value of this hash. Gives by how many bytes this has grown.
    pub(crate) fn add(&mut self, hash: u64) -> usize {
        match self {
            Self::Exact(values) => {
                if !values.insert(hash) {
                    return 0;
                }
                if values.len() > EXACT_VALUES {
                    self.estimate();
                }
                VALUE_BYTES
            }
            Self::Registers(registers) => {
                register(registers, hash);
                0
            }
        }
    }

    fn estimate(&mut self) -> &mut [u8; REGISTERS] {
        if let Self::Exact(values) = self {
            let mut registers = Box::new([0; REGISTERS]);
            for hash in values.iter() {
                register(&mut registers, hash);
            }
            *self = Self::Registers(registers);
        }
        match self {
            Self::Registers(registers) => registers,
            Self::Exact(_) => unreachable!("it has become registers above"),
        }
    }

    /// Takes the values of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        match other {
            Self::Exact(values) => {
                for hash in values.iter() {
                    self.add(hash);
                }
            }
            Self::Registers(theirs) => {
                for (own, their) in self.estimate().iter_mut().zip(theirs.iter()) {
                    *own = (*own).max(*their);
                }
            }
        }
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Exact(values) => values.len() as u64,
            Self::Registers(registers) => {
                // The sum of 2^-rank, in units of 2^-64: the same on every machine, whatever its floating point.
                let sum: u128 = registers
                    .iter()
                    .map(|&rank| 1 << (64 - u32::from(rank)))
                    .sum();
                let registers = REGISTERS as f64;
                let estimate = 0.7213 / (1.0 + 1.079 / registers) * registers * registers
                    / (sum as f64 / (1_u128 << 64) as f64);
                (estimate.round() as u64).max(EXACT_VALUES as u64 + 1)
            }
        }
    }

    /// The sum of the values' hashes, modulo 2^32: the cell key of a cell of these. Where the values are only estimated, a
    /// number that is the same for the same values.
    pub(crate) fn key(&self) -> u32 {
        match self {
            Self::Exact(values) => values
                .iter()
                .fold(0, |sum: u32, hash| sum.wrapping_add(hash as u32)),
            Self::Registers(registers) => registers.iter().fold(0, |sum: u32, rank| {
                sum.wrapping_mul(31).wrapping_add(u32::from(*rank))
            }),
        }
    }
}

fn register(registers: &mut [u8; REGISTERS], hash: u64) {
    let place = (hash >> 54) as usize;
    let rank = ((hash << 10).leading_zeros().min(54) + 1) as u8;
    registers[place] = registers[place].max(rank);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(value: u64) -> u64 {
        super::super::hash::Hash::new([7; 16]).of(&value.to_be_bytes())
    }

    #[test]
    fn a_count_is_exact_up_to_the_limit_and_near_beyond_it() {
        let mut distinct = Distinct::default();
        for value in 0..EXACT_VALUES as u64 {
            distinct.add(hash(value));
            distinct.add(hash(value / 2));
        }
        assert_eq!(distinct.count(), EXACT_VALUES as u64);
        for (upto, within) in [(5_000_u64, 600), (50_000, 5_000), (200_000, 20_000)] {
            for value in 0..upto {
                distinct.add(hash(value));
            }
            assert!(
                distinct.count().abs_diff(upto) < within,
                "{} for {upto}",
                distinct.count()
            );
        }
    }

    #[test]
    fn what_is_kept_is_kept_once_whatever_its_hash() {
        let mut kept = Kept::default();
        let hashes = [0, 1, u64::MAX, 8, 16, 24, 1 << 63, 0, 8];
        let new: Vec<bool> = hashes.map(|hash| kept.insert(hash)).to_vec();
        assert_eq!(new.iter().filter(|new| **new).count(), 7);
        assert_eq!((kept.len(), new[7], new[8]), (7, false, false));
        let mut found: Vec<u64> = kept.iter().collect();
        found.sort_unstable();
        assert_eq!(found, [0, 1, 8, 16, 24, 1 << 63, u64::MAX]);
    }

    #[test]
    fn parts_that_are_merged_are_the_whole() {
        for (values, cut) in [(100, 30), (6000, 1000), (9000, 4500), (9000, 8999)] {
            let of = |range: std::ops::Range<u64>| {
                let mut distinct = Distinct::default();
                for value in range {
                    distinct.add(hash(value));
                }
                distinct
            };
            let mut merged = of(0..cut);
            merged.merge(&of(cut..values));
            let whole = of(0..values);
            assert_eq!((merged.count(), merged.key()), (whole.count(), whole.key()));
        }
    }
}
