//! How alike the records of a release are: group sizes, unique records, and the diversity of sensitive values.
//!
//! Records with the same values in all *keys* (what a stranger could know of somebody: age band, district, sex) are a
//! group. In a group of one the keys name a person; in a group in which all have the same diagnosis they tell it. The
//! figures are of the records that were given, all of them at once: they say nothing of other releases.
//!
//! What is held is a hash of each group's keys and counts, no value (P7).

use std::collections::HashMap;

use sha2::{Digest, Sha256};

pub mod picture;

/// The groups and distinct sensitive values in groups that are counted at most: about 500 MB.
const MOST_COUNTED: usize = 5_000_000;

/// Sizes of groups that are told apart: the least of each class.
const CLASSES: [u64; 8] = [1, 2, 3, 5, 10, 20, 50, 100];

/// More groups, or sensitive values in them, than are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than 5000000 groups and sensitive values in them, which is more than is held in memory; with so many nearly every record is alone, so measure coarser or fewer keys, or a sample"
)]
pub struct TooManyGroups;

/// Counts records one by one.
#[derive(Debug)]
pub struct Counting {
    /// For each key hash the number of its group.
    groups: HashMap<u128, u32>,
    /// For each group its records.
    sizes: Vec<u64>,
    /// For each sensitive field how often each of its values is in each group.
    values: Vec<HashMap<(u32, u128), u64>>,
    counted: usize,
}

/// A hash of one record's values at some selectors: the same values, the same hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// Of the JSON texts that each of several selectors picks: none where a record has no such value.
    pub fn of<'a, S, V>(selected: S) -> Self
    where
        S: IntoIterator<Item = V>,
        V: IntoIterator<Item = &'a str>,
    {
        let mut hash = Sha256::new();
        for texts in selected {
            // Lengths first, so that no two records run into one text; then what no length is.
            for text in texts {
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
            hash.update(u64::MAX.to_be_bytes());
        }
        let hash = <[u8; 32]>::from(hash.finalize());
        let (first, _) = hash.split_first_chunk().expect("a hash of 32 bytes");
        Self(u128::from_be_bytes(*first))
    }
}

impl Counting {
    /// Nothing counted yet, of records with so many sensitive fields.
    #[must_use]
    pub fn new(sensitive: usize) -> Self {
        Self {
            groups: HashMap::new(),
            sizes: Vec::new(),
            values: vec![HashMap::new(); sensitive],
            counted: 0,
        }
    }

    /// Counts a record with these keys and, in the order of the sensitive fields, these values.
    ///
    /// # Errors
    /// If there is no room for another group.
    pub fn add(
        &mut self,
        keys: Fingerprint,
        sensitive: &[Fingerprint],
    ) -> Result<(), TooManyGroups> {
        let next = u32::try_from(self.sizes.len()).map_err(|_| TooManyGroups)?;
        let group = *self.groups.entry(keys.0).or_insert(next);
        if group == next {
            self.counted += 1;
            self.sizes.push(0);
        }
        self.sizes[group as usize] += 1;
        for (values, value) in self.values.iter_mut().zip(sensitive) {
            let count = values.entry((group, value.0)).or_insert(0);
            self.counted += usize::from(*count == 0);
            *count += 1;
        }
        if self.counted > MOST_COUNTED {
            return Err(TooManyGroups);
        }
        Ok(())
    }

    /// What has been counted.
    #[must_use]
    pub fn finish(self) -> Risk {
        let records: u64 = self.sizes.iter().sum();
        let mut classes = CLASSES.map(|least| SizeClass {
            least,
            groups: 0,
            records: 0,
        });
        for size in &self.sizes {
            let class = classes.iter_mut().rfind(|class| class.least <= *size);
            let class = class.expect("a group has a record");
            class.groups += 1;
            class.records += size;
        }
        let sizes = &self.sizes;
        Risk {
            records,
            groups: sizes.len() as u64,
            smallest: sizes.iter().copied().min().unwrap_or(0),
            largest: sizes.iter().copied().max().unwrap_or(0),
            classes,
            sensitive: self
                .values
                .iter()
                .map(|values| diversity(sizes, values))
                .collect(),
        }
    }
}

/// What the groups of one release are.
#[derive(Debug, Clone, PartialEq)]
pub struct Risk {
    /// All records.
    pub records: u64,
    /// Groups of records with the same keys.
    pub groups: u64,
    /// Records of the smallest group: k. 0 where there is no record.
    pub smallest: u64,
    /// Records of the largest group.
    pub largest: u64,
    /// Groups by their size, ascending.
    pub classes: [SizeClass; CLASSES.len()],
    /// For each sensitive field how different its values in a group are.
    pub sensitive: Vec<Diversity>,
}

/// Groups of about one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeClass {
    /// The least records that such a group has; the next class's least is more than it has.
    pub least: u64,
    /// Such groups.
    pub groups: u64,
    /// Records in them.
    pub records: u64,
}

/// How different the values of a sensitive field are within the groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diversity {
    /// Distinct values in the group that has fewest: distinct l-diversity. That a record has no value is one.
    pub distinct: u64,
    /// The values' effective number in the group where it is least, 2 to the power of their entropy in bits: entropy
    /// l-diversity. A group of nine with one value and one with another has 2 distinct, but only 1.38 effective.
    pub effective: f64,
    /// Records in groups in which all have one value: of these the keys tell it.
    pub told: u64,
}

impl Risk {
    /// Records in groups of fewer than `size`, which is one of the classes' least.
    #[must_use]
    pub fn below(&self, size: u64) -> u64 {
        let classes = self.classes.iter();
        classes
            .filter(|class| class.least < size)
            .map(|class| class.records)
            .sum()
    }

    /// Records that are alone in their group.
    #[must_use]
    pub fn unique(&self) -> u64 {
        self.below(2)
    }

    /// `count` as a share of all records, 0 to 1.
    #[must_use]
    pub fn share(&self, count: u64) -> f64 {
        if self.records == 0 {
            return 0.0;
        }
        count as f64 / self.records as f64
    }

    /// The classes' names: `1`, `2`, `3–4`, …, `100+`, each with its class.
    pub fn named_classes(&self) -> impl Iterator<Item = (String, SizeClass)> {
        let ends = self.classes.iter().skip(1).map(|next| Some(next.least - 1));
        self.classes
            .iter()
            .zip(ends.chain([None]))
            .map(|(class, end)| {
                let name = match end {
                    Some(end) if end == class.least => end.to_string(),
                    Some(end) => format!("{}–{end}", class.least),
                    None => format!("{}+", class.least),
                };
                (name, *class)
            })
    }
}

fn diversity(sizes: &[u64], values: &HashMap<(u32, u128), u64>) -> Diversity {
    let mut distinct = vec![0_u64; sizes.len()];
    // The sum over a group's values of count · log2(count): its entropy is log2(size) less this by its size.
    let mut weighted = vec![0.0_f64; sizes.len()];
    for ((group, _), count) in values {
        let count_of = *count as f64;
        distinct[*group as usize] += 1;
        weighted[*group as usize] += count_of * count_of.log2();
    }
    let entropies = sizes.iter().zip(&weighted).map(|(size, weighted)| {
        let size = *size as f64;
        size.log2() - weighted / size
    });
    let least = entropies.fold(f64::INFINITY, f64::min);
    let told = sizes
        .iter()
        .zip(&distinct)
        .filter(|(_, distinct)| **distinct == 1);
    Diversity {
        distinct: distinct.iter().copied().min().unwrap_or(0),
        effective: if sizes.is_empty() {
            0.0
        } else {
            least.max(0.0).exp2()
        },
        told: told.map(|(size, _)| size).sum(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fingerprint(values: &[&str]) -> Fingerprint {
        Fingerprint::of(values.iter().map(|value| [*value]))
    }

    fn measure(records: &[(Vec<u8>, u8)]) -> Risk {
        let mut counting = Counting::new(1);
        for (keys, sensitive) in records {
            let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let keys = Fingerprint::of(texts.iter().map(|text| [text.as_str()]));
            counting
                .add(keys, &[fingerprint(&[&sensitive.to_string()])])
                .unwrap();
        }
        counting.finish()
    }

    #[test]
    fn no_two_records_run_into_one_text() {
        let of = |selected: &[&[&str]]| {
            Fingerprint::of(selected.iter().map(|texts| texts.iter().copied()))
        };
        let all = [
            of(&[&["ab"], &["c"]]),
            of(&[&["a"], &["bc"]]),
            of(&[&["a", "b"], &["c"]]),
            of(&[&["a"], &["b", "c"]]),
            of(&[&[], &["ab"], &["c"]]),
            of(&[&["ab"], &[], &["c"]]),
            of(&[&[""], &["abc"]]),
            of(&[&["abc"], &[""]]),
            of(&[&["null"], &["abc"]]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[index + 1..].contains(one), "{index}");
        }
        assert_eq!(of(&[&["ab"], &["c"]]), all[0]);
    }

    #[test]
    fn groups_are_counted_by_their_size_and_what_their_values_tell() {
        let mut records = Vec::new();
        for (key, size) in [(0, 1), (1, 2), (2, 4), (3, 5), (4, 10), (5, 100)] {
            for record in 0..size {
                // Group 2 has one value, group 4 one value of nine and another of one, the others as many as records.
                let sensitive = match key {
                    2 => 7,
                    4 => u8::from(record == 0),
                    _ => record,
                };
                records.push((vec![key], sensitive));
            }
        }
        let risk = measure(&records);
        assert_eq!((risk.records, risk.groups), (122, 6));
        assert_eq!((risk.smallest, risk.largest), (1, 100));
        assert_eq!((risk.unique(), risk.below(5), risk.below(10)), (1, 7, 12));
        let names: Vec<String> = risk.named_classes().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            ["1", "2", "3–4", "5–9", "10–19", "20–49", "50–99", "100+"]
        );
        let groups = risk.classes.map(|class| class.groups);
        assert_eq!(groups, [1, 1, 1, 1, 1, 0, 0, 1]);
        // The one who is alone and the four who are alike are told by their keys.
        let [sensitive] = risk.sensitive[..] else {
            panic!("one sensitive field");
        };
        assert_eq!((sensitive.distinct, sensitive.told), (1, 5));
        let nine_to_one: Vec<_> = records
            .into_iter()
            .filter(|(keys, _)| keys == &[4])
            .collect();
        let [sensitive] = measure(&nine_to_one).sensitive[..] else {
            panic!("one sensitive field");
        };
        assert_eq!(sensitive.distinct, 2);
        assert!((sensitive.effective - 1.384).abs() < 0.001, "{sensitive:?}");
    }

    #[test]
    fn of_no_records_nothing_is_said() {
        let risk = measure(&[]);
        assert_eq!((risk.records, risk.groups, risk.smallest), (0, 0, 0));
        assert!(risk.share(risk.unique()).abs() < f64::EPSILON);
        assert_eq!(risk.sensitive[0].distinct, 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_figures_are_those_of_a_plain_count(
            records in proptest::collection::vec((proptest::collection::vec(0_u8..4, 2), 0_u8..3), 1..200)
        ) {
            let risk = measure(&records);
            let group = |of: &(Vec<u8>, u8)| -> Vec<u8> {
                records.iter().filter(|other| other.0 == of.0).map(|other| other.1).collect()
            };
            let sizes: Vec<usize> = records.iter().map(|record| group(record).len()).collect();
            prop_assert_eq!(risk.records, records.len() as u64);
            prop_assert_eq!(risk.smallest, *sizes.iter().min().unwrap() as u64);
            prop_assert_eq!(risk.largest, *sizes.iter().max().unwrap() as u64);
            for limit in [2, 5, 10] {
                let below = sizes.iter().filter(|size| **size < limit).count();
                prop_assert_eq!(risk.below(limit as u64), below as u64);
            }
            let groups: f64 = sizes.iter().map(|size| 1.0 / *size as f64).sum();
            prop_assert!((risk.groups as f64 - groups).abs() < 1e-6);
            let mut told = 0;
            let mut distinct = usize::MAX;
            let mut effective = f64::INFINITY;
            for record in &records {
                let mut values = group(record);
                let size = values.len() as f64;
                values.sort_unstable();
                let mut counts = Vec::new();
                for value in values.chunk_by(|one, other| one == other) {
                    counts.push(value.len() as f64);
                }
                let entropy: f64 = counts.iter().map(|count| -(count / size) * (count / size).log2()).sum();
                distinct = distinct.min(counts.len());
                effective = effective.min(entropy.exp2());
                told += u64::from(counts.len() == 1);
            }
            let sensitive = risk.sensitive[0];
            prop_assert_eq!((sensitive.distinct, sensitive.told), (distinct as u64, told));
            prop_assert!((sensitive.effective - effective).abs() < 1e-9);
        }
    }
}
