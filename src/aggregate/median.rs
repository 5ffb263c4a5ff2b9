//! A median in bounded memory: exact as long as values are few, then from buckets.
//!
//! A bucket is all numbers with the same sign, the same highest bit and the same seven bits behind it, counted in
//! units of 10^-12: integers alone, so that every machine has the same buckets (P8). The middle of the median's
//! bucket is within 1/256 of it.

use std::collections::BTreeMap;

use super::decimal::{Decimal, MOST_SCALE, power};

/// Values that are kept as they are. A group's median is exact up to as many.
pub(crate) const EXACT_VALUES: usize = 256;

/// Bits behind the highest that tell buckets apart.
const BITS: u32 = 7;

/// The values of one cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Median {
    exact: Vec<Decimal>,
    /// By bucket in the order of numbers; empty as long as the values are kept.
    buckets: BTreeMap<i32, u64>,
    scale: u8,
}

impl Median {
    /// Takes `value`. Gives by how many bytes this has grown.
    pub(crate) fn add(&mut self, value: Decimal) -> usize {
        self.scale = self.scale.max(value.scale);
        if self.buckets.is_empty() && self.exact.len() < EXACT_VALUES {
            self.exact.push(value);
            return size_of::<Decimal>();
        }
        let mut grown = self.spill();
        grown += self.count(bucket(value), 1);
        grown
    }

    fn spill(&mut self) -> usize {
        let mut grown = 0;
        for value in std::mem::take(&mut self.exact) {
            grown += self.count(bucket(value), 1);
        }
        grown
    }

    fn count(&mut self, bucket: i32, times: u64) -> usize {
        let mut grown = 0;
        *self.buckets.entry(bucket).or_insert_with(|| {
            // A node of the tree holds some entries; about as much for each.
            grown = 32;
            0
        }) += times;
        grown
    }

    /// Takes the values of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.scale = self.scale.max(other.scale);
        for value in &other.exact {
            self.add(*value);
        }
        if !other.buckets.is_empty() {
            self.spill();
            for (bucket, times) in &other.buckets {
                self.count(*bucket, *times);
            }
        }
    }

    /// The middle value, or half-way between the two in the middle; `None` without values.
    pub(crate) fn value(&self) -> Option<Decimal> {
        if self.buckets.is_empty() {
            let mut sorted = self.exact.clone();
            sorted.sort_unstable();
            let upper = *sorted.get(sorted.len() / 2)?;
            if sorted.len() % 2 == 1 {
                return Some(upper);
            }
            return sorted[sorted.len() / 2 - 1].plus(upper)?.over(2);
        }
        let all: u64 = self.buckets.values().sum();
        let mut before = 0;
        for (bucket, times) in &self.buckets {
            before += times;
            if before * 2 >= all {
                return Some(middle(*bucket).cut(self.scale));
            }
        }
        None
    }
}

/// The bucket of `value`: 0 for zero, then by size, below zero for what is below zero.
fn bucket(value: Decimal) -> i32 {
    let step = power(MOST_SCALE - value.scale.min(MOST_SCALE));
    let units = value.units.unsigned_abs() * step.expect("a small power").unsigned_abs();
    let Some(highest) = units.checked_ilog2() else {
        return 0;
    };
    let bits = if highest > BITS {
        units >> (highest - BITS)
    } else {
        units << (BITS - highest)
    };
    let behind = (bits as u32) & ((1 << BITS) - 1);
    let bucket = 1 + ((highest << BITS) | behind) as i32;
    if value.units < 0 { -bucket } else { bucket }
}

/// The number in the middle of `bucket`.
fn middle(bucket: i32) -> Decimal {
    if bucket == 0 {
        return Decimal::ZERO;
    }
    let place = bucket.unsigned_abs() - 1;
    let (highest, behind) = (place >> BITS, place & ((1 << BITS) - 1));
    let bits = u128::from((1 << BITS) | behind);
    let units = if highest > BITS {
        (bits << (highest - BITS)) + (1_u128 << (highest - BITS)) / 2
    } else {
        bits >> (BITS - highest)
    };
    let units = units as i128;
    Decimal {
        units: if bucket < 0 { -units } else { units },
        scale: MOST_SCALE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = String>) -> Median {
        let mut median = Median::default();
        for value in values {
            median.add(Decimal::parse(value.as_bytes()).unwrap());
        }
        median
    }

    #[test]
    fn a_few_values_have_their_exact_median() {
        for (values, median) in [
            (&[][..], None),
            (&["3"], Some("3")),
            (&["1", "2"], Some("1.5")),
            (&["9", "-1", "2.5"], Some("2.5")),
            (&["0.1", "0.2", "0.3", "0.4"], Some("0.25")),
        ] {
            let found = of(values.iter().map(|&text| text.to_owned())).value();
            assert_eq!(
                found.map(|value| value.to_string()).as_deref(),
                median,
                "{values:?}"
            );
        }
    }

    #[test]
    fn many_values_have_a_median_within_one_part_in_256() {
        for (seed, low, high) in [
            (1_u64, 1_i64, 100_000),
            (2, -5000, 5000),
            (3, 1, 3),
            (4, -900, -100),
        ] {
            let mut state = seed;
            let mut values: Vec<i64> = (0..5001)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    low + ((state >> 33) as i64) % (high - low + 1)
                })
                .collect();
            let found = of(values.iter().map(|value| format!("{value}.00")))
                .value()
                .unwrap();
            values.sort_unstable();
            let exact = values[2500] * 100;
            let error = (found.units as i64 - exact).abs();
            assert!(error * 256 <= exact.abs() + 256, "{found} for {exact}");
        }
    }

    #[test]
    fn parts_that_are_merged_are_the_whole() {
        let values: Vec<String> = (0..1000)
            .map(|value| format!("{}.5", value * 7 % 311))
            .collect();
        let whole = of(values.clone());
        for cut in [0, 1, 100, 255, 256, 257, 900] {
            let mut merged = of(values[..cut].to_vec());
            merged.merge(&of(values[cut..].to_vec()));
            assert_eq!(merged.value(), whole.value(), "{cut}");
        }
    }
}
