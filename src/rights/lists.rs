//! The facts of all subjects: sorted arrays in shards, looked up by a keyed token.
//!
//! ```text
//! token  b0 │ b1 b2 b3 b4 │ …
//!        │    └─ its first bits: a bucket of the shard's index, some four rows
//!        └─ one of 256 shards, each behind a pointer of its own
//! ```
//!
//! Tokens are the output of an HMAC, so they are spread evenly and the first bits are as good as a hash. A change makes
//! the shards that it touches anew and shares the rest, so that a snapshot costs 256 pointers. A row is 18 bytes, token
//! and number of the entry: whatever is entered, a million rows are some 20 MiB.

use std::sync::Arc;

use super::Token;
use super::fact::{Entry, Fact};

/// Shards: one for each first byte of a token.
const SHARDS: usize = 256;

/// Rows of one bucket of an index, roughly.
const BUCKET_ROWS: usize = 4;

/// Bits of a shard's index at most: 65,536 buckets.
const INDEX_BITS: u32 = 16;

/// Everything entered about everybody, as of one moment. Cheap to clone; a clone is a snapshot.
#[derive(Debug, Clone)]
pub struct Lists {
    shards: Box<[Arc<Shard>]>,
    /// What rows number. Only ever grows, so that every snapshot's numbers stay good.
    entries: Arc<Vec<Entry>>,
    /// Rows of each of `entries`.
    rows: Arc<Vec<usize>>,
}

/// What cannot be entered any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many rows.
    #[error("the lists hold {MOST} entries, which is all they can", MOST = Lists::MOST_ROWS)]
    Rows,
    /// Too many different facts and days.
    #[error("the lists hold {MOST} different facts and last days, which is all they can", MOST = Lists::MOST_ENTRIES)]
    Entries,
}

#[derive(Debug, Default)]
struct Shard {
    /// Sorted; a subject with several facts has several rows.
    tokens: Vec<Token>,
    /// The number of each row's entry, ascending within a token.
    facts: Vec<u16>,
    /// Where each bucket begins, and the end of the last; `1 << bits` and one.
    index: Vec<u32>,
    bits: u32,
}

impl Default for Lists {
    fn default() -> Self {
        Self::new()
    }
}

impl Lists {
    /// Rows at most: some 300 MiB.
    pub const MOST_ROWS: usize = 16_000_000;
    /// Different pairs of a fact and its last day at most: a row numbers them in 16 bits.
    pub const MOST_ENTRIES: usize = 65_536;

    /// Nothing about anybody.
    #[must_use]
    pub fn new() -> Self {
        let empty = Arc::new(Shard::build(Vec::new(), Vec::new()));
        Self {
            shards: vec![empty; SHARDS].into(),
            entries: Arc::default(),
            rows: Arc::default(),
        }
    }

    /// What is entered about `token`, whatever the day. Allocates nothing.
    pub fn of(&self, token: &Token) -> impl Iterator<Item = &Entry> {
        let shard = &self.shards[usize::from(token[0])];
        let range = shard.range(token);
        shard.facts[range]
            .iter()
            .map(|&number| &self.entries[usize::from(number)])
    }

    /// Enters `entry` about each of `tokens`, in the place of the same fact with another last day. Gives how many it says
    /// something new about.
    ///
    /// # Errors
    /// If there is no room; then nothing is entered.
    pub fn enter(&mut self, entry: &Entry, tokens: &[Token]) -> Result<usize, Full> {
        self.has_room(entry, tokens.len())?;
        let number = self.number(entry);
        let same = self.numbers(|other| other.fact == entry.fact);
        Ok(self.change(&sorted(tokens), &same, Some(number)))
    }

    /// Whether `entry` can be entered about `subjects` more.
    ///
    /// # Errors
    /// With what there would be too many of.
    pub fn has_room(&self, entry: &Entry, subjects: usize) -> Result<(), Full> {
        if self.len() + subjects > Self::MOST_ROWS {
            return Err(Full::Rows);
        }
        if self.entries.len() == Self::MOST_ENTRIES && !self.entries.contains(entry) {
            return Err(Full::Entries);
        }
        Ok(())
    }

    /// Takes `fact` back of each of `tokens`, whatever its last day. Gives how many had it.
    pub fn withdraw(&mut self, fact: &Fact, tokens: &[Token]) -> usize {
        let gone = self.numbers(|other| fact.withdraws(&other.fact));
        self.change(&sorted(tokens), &gone, None)
    }

    /// Rows: pairs of a subject and a fact.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.iter().sum()
    }

    /// Whether nothing is entered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many subjects each fact is entered about, by fact; those about whom it is entered until some day counted too.
    #[must_use]
    pub fn counts(&self) -> std::collections::BTreeMap<&Fact, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for (entry, &rows) in self.entries.iter().zip(&*self.rows) {
            if rows > 0 {
                *counts.entry(&entry.fact).or_default() += rows;
            }
        }
        counts
    }

    /// Everything that is entered, by token: for exports.
    pub fn iter(&self) -> impl Iterator<Item = (&Token, &Entry)> {
        self.shards.iter().flat_map(|shard| {
            let rows = shard.tokens.iter().zip(&shard.facts);
            rows.map(|(token, &number)| (token, &self.entries[usize::from(number)]))
        })
    }

    /// Bytes that the rows and their index take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let shards = self.shards.iter().map(|shard| {
            shard.tokens.capacity() * size_of::<Token>()
                + shard.facts.capacity() * size_of::<u16>()
                + shard.index.capacity() * size_of::<u32>()
                + size_of::<Shard>()
        });
        shards.sum::<usize>() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The number of `entry`, which is taken up if it is new.
    fn number(&mut self, entry: &Entry) -> u16 {
        let place = match self.entries.iter().position(|known| known == entry) {
            Some(place) => place,
            None => {
                Arc::make_mut(&mut self.entries).push(entry.clone());
                Arc::make_mut(&mut self.rows).push(0);
                self.entries.len() - 1
            }
        };
        u16::try_from(place).expect("fewer than MOST_ENTRIES")
    }

    fn numbers(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<u16> {
        (0u16..)
            .zip(&*self.entries)
            .filter(|(_, entry)| wanted(entry))
            .map(|(number, _)| number)
            .collect()
    }

    /// Takes rows with one of `gone` from each of `tokens`, which are sorted, and puts one with `new`. Gives how many of them
    /// changed.
    fn change(&mut self, tokens: &[Token], gone: &[u16], new: Option<u16>) -> usize {
        if gone.is_empty() {
            return 0;
        }
        let mut changed = 0;
        let rows = Arc::make_mut(&mut self.rows);
        for tokens in tokens.chunk_by(|one, other| one[0] == other[0]) {
            let place = usize::from(tokens[0][0]);
            let shard = &self.shards[place];
            let differ = tokens
                .iter()
                .filter(|token| shard.differs(token, gone, new))
                .count();
            if differ > 0 {
                changed += differ;
                self.shards[place] = Arc::new(shard.merged(tokens, gone, new, rows));
            }
        }
        changed
    }
}

/// `tokens` in order, each once.
fn sorted(tokens: &[Token]) -> Vec<Token> {
    let mut tokens = tokens.to_vec();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

impl Shard {
    fn build(tokens: Vec<Token>, facts: Vec<u16>) -> Self {
        let buckets = (tokens.len() / BUCKET_ROWS).next_power_of_two();
        let bits = buckets.ilog2().min(INDEX_BITS);
        let mut shard = Self {
            tokens,
            facts,
            index: Vec::with_capacity((1 << bits) + 1),
            bits,
        };
        let mut row = 0;
        for bucket in 0..1 << bits {
            while row < shard.tokens.len() && shard.bucket(&shard.tokens[row]) < bucket {
                row += 1;
            }
            shard
                .index
                .push(u32::try_from(row).expect("fewer than MOST_ROWS"));
        }
        let end = u32::try_from(shard.tokens.len()).expect("fewer than MOST_ROWS");
        shard.index.push(end);
        shard
    }

    fn bucket(&self, token: &Token) -> usize {
        let bits = u64::from(u32::from_be_bytes([token[1], token[2], token[3], token[4]]));
        // 32 bits in 64: with an index of one bucket they are shifted out altogether.
        (bits >> (32 - self.bits)) as usize
    }

    /// The rows of `token`.
    fn range(&self, token: &Token) -> std::ops::Range<usize> {
        let bucket = self.bucket(token);
        let (start, end) = (self.index[bucket] as usize, self.index[bucket + 1] as usize);
        let rows = &self.tokens[start..end];
        let first = start + rows.partition_point(|other| other < token);
        let mut last = first;
        while last < end && self.tokens[last] == *token {
            last += 1;
        }
        first..last
    }

    /// Whether [`Shard::merged`] would leave the rows of `token` other than they are.
    fn differs(&self, token: &Token, gone: &[u16], new: Option<u16>) -> bool {
        let facts = &self.facts[self.range(token)];
        let mut others = facts.iter().filter(|fact| Some(**fact) != new);
        others.any(|fact| gone.contains(fact)) || new.is_some_and(|new| !facts.contains(&new))
    }

    /// The same rows, with those of `tokens` changed as [`Lists::change`] says; `rows` are counted along.
    fn merged(&self, tokens: &[Token], gone: &[u16], new: Option<u16>, rows: &mut [usize]) -> Self {
        let room = self.tokens.len() + if new.is_some() { tokens.len() } else { 0 };
        let (mut merged, mut facts) = (Vec::with_capacity(room), Vec::with_capacity(room));
        let mut row = 0;
        for token in tokens {
            let own = self.range(token);
            merged.extend_from_slice(&self.tokens[row..own.start]);
            facts.extend_from_slice(&self.facts[row..own.start]);
            row = own.end;
            let begun = facts.len();
            for &fact in &self.facts[own] {
                if gone.contains(&fact) {
                    rows[usize::from(fact)] -= 1;
                } else {
                    facts.push(fact);
                }
            }
            if let Some(new) = new {
                facts.push(new);
                rows[usize::from(new)] += 1;
                facts[begun..].sort_unstable();
            }
            merged.resize(facts.len(), *token);
        }
        merged.extend_from_slice(&self.tokens[row..]);
        facts.extend_from_slice(&self.facts[row..]);
        merged.shrink_to_fit();
        facts.shrink_to_fit();
        Self::build(merged, facts)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn fact(text: &str) -> Fact {
        text.parse().unwrap()
    }

    fn token(number: u64) -> Token {
        // Spread as an HMAC spreads: a mixer of 64 bits, twice.
        let mix = |mut x: u64| {
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        let mut token = [0; 16];
        token[..8].copy_from_slice(&mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
        token[8..].copy_from_slice(&mix(number.wrapping_mul(31).wrapping_add(7)).to_be_bytes());
        token
    }

    fn found(lists: &Lists, token: &Token) -> Vec<String> {
        let mut found: Vec<String> = lists
            .of(token)
            .map(|entry| entry.fact.to_string())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn what_is_entered_is_found_and_what_is_withdrawn_is_not() {
        let mut lists = Lists::new();
        let people: Vec<Token> = (0..5_000).map(token).collect();
        assert_eq!(
            lists.enter(&Entry::of(fact("deceased")), &people),
            Ok(5_000)
        );
        assert_eq!(lists.enter(&Entry::of(fact("deceased")), &people), Ok(0));
        assert_eq!(
            lists.enter(&Entry::of(fact("child")), &people[..10]),
            Ok(10)
        );
        assert_eq!(lists.len(), 5_010);
        assert_eq!(found(&lists, &people[3]), ["child", "deceased"]);
        assert_eq!(found(&lists, &people[30]), ["deceased"]);
        assert_eq!(found(&lists, &token(9_999)), [""; 0]);
        assert_eq!(lists.withdraw(&fact("deceased"), &people[..4_000]), 4_000);
        assert_eq!(lists.withdraw(&fact("deceased"), &people[..4_000]), 0);
        assert_eq!(lists.withdraw(&fact("restriction"), &people), 0);
        assert_eq!(found(&lists, &people[3]), ["child"]);
        assert_eq!(found(&lists, &people[4_500]), ["deceased"]);
        assert_eq!(lists.len(), 1_010);
        assert_eq!(lists.counts()[&fact("child")], 10);
    }

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let mut lists = Lists::new();
        let person = token(1);
        lists
            .enter(&Entry::of(fact("objection")), &[person])
            .unwrap();
        let before = lists.clone();
        lists.withdraw(&fact("objection"), &[person]);
        lists
            .enter(&Entry::of(fact("consent:care")), &[person])
            .unwrap();
        assert_eq!(found(&before, &person), ["objection"]);
        assert_eq!(found(&lists, &person), ["consent:care"]);
    }

    #[test]
    fn another_last_day_takes_the_place_of_the_first() {
        let mut lists = Lists::new();
        let person = token(1);
        let until = |day| Entry {
            fact: Fact::Child,
            until: Some(jiff::civil::date(2026, 1, day)),
        };
        assert_eq!(lists.enter(&until(1), &[person]), Ok(1));
        assert_eq!(lists.enter(&until(2), &[person, person]), Ok(1));
        assert_eq!(lists.of(&person).collect::<Vec<_>>(), [&until(2)]);
        assert_eq!(lists.len(), 1);
        assert_eq!(lists.withdraw(&Fact::Child, &[person]), 1);
        assert!(lists.is_empty());
    }

    #[test]
    fn more_facts_than_can_be_numbered_are_refused_and_nothing_is_entered() {
        let mut lists = Lists::new();
        lists.entries = Arc::new(vec![Entry::of(Fact::Deceased); Lists::MOST_ENTRIES]);
        lists.rows = Arc::new(vec![0; Lists::MOST_ENTRIES]);
        assert_eq!(
            lists.enter(&Entry::of(Fact::Child), &[token(1)]),
            Err(Full::Entries)
        );
        assert!(lists.is_empty());
    }

    /// Tokens that share bytes, so that they meet in shards, buckets and beside each other.
    fn close_token() -> impl Strategy<Value = Token> {
        (0u8..3, 0u8..4, 0u8..3, 0u8..4).prop_map(|(shard, first, last, end)| {
            let mut token = [0; 16];
            token[0] = shard * 127;
            token[1] = first * 85;
            token[4] = last;
            token[15] = end;
            token
        })
    }

    proptest! {
        #[test]
        fn lists_are_as_a_plain_map_of_sets(
            changes in prop::collection::vec(
                (any::<bool>(), 0usize..4, prop::collection::vec(close_token(), 0..40)),
                0..20,
            )
        ) {
            let facts = ["objection", "consent:care", "explicit-consent:care", "child"].map(fact);
            let mut lists = Lists::new();
            let mut model: BTreeMap<Token, BTreeSet<Fact>> = BTreeMap::new();
            for (enter, which, tokens) in changes {
                let mut changed = 0;
                for token in tokens.iter().collect::<BTreeSet<_>>() {
                    let set = model.entry(*token).or_default();
                    if enter {
                        changed += usize::from(set.insert(facts[which].clone()));
                    } else {
                        let before = set.len();
                        set.retain(|fact| !facts[which].withdraws(fact));
                        changed += usize::from(set.len() < before);
                    }
                }
                let said = match enter {
                    true => lists.enter(&Entry::of(facts[which].clone()), &tokens).unwrap(),
                    false => lists.withdraw(&facts[which], &tokens),
                };
                prop_assert_eq!(said, changed);
            }
            for (token, set) in &model {
                let found: BTreeSet<Fact> = lists.of(token).map(|entry| entry.fact.clone()).collect();
                prop_assert_eq!(&found, set);
            }
            let rows: usize = model.values().map(BTreeSet::len).sum();
            prop_assert_eq!(lists.len(), rows);
            prop_assert_eq!(lists.iter().count(), rows);
        }
    }
}
