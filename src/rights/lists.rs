//! The facts of all subjects: sorted arrays in shards, looked up by a keyed token.
//!
//! ```text
//! token  b0 │ b1 b2 b3 b4 │ …
//!        │    └─ its first bits: a bucket of the shard's index, a row or two
//!        └─ one of 256 shards, each behind a pointer of its own
//! ```
//!
//! Tokens are the output of an HMAC, so they are spread evenly and the first bits are as good as a hash. A change makes
//! the shards that it touches anew and shares the rest, so that a snapshot costs 256 pointers. A row is 18 bytes, token
//! and number of the entry: whatever is entered, a million rows and their index are some 20 MiB.

use std::sync::Arc;

use super::Token;
use super::fact::{Entry, Fact};

/// Shards: one for each first byte of a token.
const SHARDS: usize = 256;

/// Rows of one bucket of an index, at most on average: a bucket is read from memory in one go.
const BUCKET_ROWS: usize = 2;

/// Rows of one shard at most: their places are numbers of 16 bits. A third more than an even share of
/// [`Lists::MOST_ROWS`].
const SHARD_ROWS: usize = u16::MAX as usize;

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
    rows: Vec<Row>,
    /// `1 << bits` buckets, and one that begins where the last ends.
    index: Vec<Bucket>,
    bits: u32,
}

/// The rows of the tokens that begin alike.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The row at which it begins.
    begins: u16,
    /// A bit for each of its tokens, by the token's next byte. Most people are on no list, and most of them are told apart
    /// by this alone, without a look at the rows.
    marks: u16,
}

/// The bit of `token` in [`Bucket::marks`].
fn mark(token: &Token) -> u16 {
    1 << (token[5] & 15)
}

/// One fact about one subject: 18 bytes without room between, so that a look-up finds both in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    token: Token,
    /// The number of its entry, big-endian, so that rows are sorted as their bytes are.
    entry: [u8; 2],
}

impl Row {
    fn number(&self) -> u16 {
        u16::from_be_bytes(self.entry)
    }
}

impl Default for Lists {
    fn default() -> Self {
        Self::new()
    }
}

impl Lists {
    /// Rows at most: some 230 MiB.
    pub const MOST_ROWS: usize = 12_000_000;
    /// Different pairs of a fact and its last day at most: a row numbers them in 16 bits.
    pub const MOST_ENTRIES: usize = 65_536;

    /// Nothing about anybody.
    #[must_use]
    pub fn new() -> Self {
        let empty = Arc::new(Shard::build(Vec::new()));
        Self {
            shards: vec![empty; SHARDS].into(),
            entries: Arc::default(),
            rows: Arc::default(),
        }
    }

    /// What is entered about `token`, whatever the day. Allocates nothing.
    pub fn of(&self, token: &Token) -> impl Iterator<Item = &Entry> {
        let shard = &self.shards[usize::from(token[0])];
        let rows = if shard.may_have(token) {
            &shard.rows[shard.range(token)]
        } else {
            &[]
        };
        rows.iter()
            .map(|row| &self.entries[usize::from(row.number())])
    }

    /// Enters `entry` about each of `tokens`, in the place of the same fact with another last day. Gives how many it says
    /// something new about.
    ///
    /// # Errors
    /// If there is no room; then nothing is entered.
    pub fn enter(&mut self, entry: &Entry, tokens: &[Token]) -> Result<usize, Full> {
        self.has_room(entry, tokens)?;
        let number = self.number(entry);
        let same = self.numbers(|other| other.fact == entry.fact);
        Ok(self.change(&sorted(tokens), &same, Some(number)))
    }

    /// Whether `entry` can be entered about `tokens` too.
    ///
    /// # Errors
    /// With what there would be too many of.
    pub fn has_room(&self, entry: &Entry, tokens: &[Token]) -> Result<(), Full> {
        let mut rows = [0; SHARDS];
        for token in tokens {
            rows[usize::from(token[0])] += 1;
        }
        let full = rows
            .iter()
            .zip(&self.shards)
            .any(|(more, shard)| shard.rows.len() + more > SHARD_ROWS);
        if full || self.len() + tokens.len() > Self::MOST_ROWS {
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
        let rows = self.shards.iter().flat_map(|shard| &shard.rows);
        rows.map(|row| (&row.token, &self.entries[usize::from(row.number())]))
    }

    /// Bytes that the rows and their index take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let shards = self.shards.iter().map(|shard| {
            shard.rows.capacity() * size_of::<Row>()
                + shard.index.capacity() * size_of::<Bucket>()
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
    fn build(rows: Vec<Row>) -> Self {
        let buckets = (rows.len() / BUCKET_ROWS).next_power_of_two();
        let bits = buckets.ilog2().min(INDEX_BITS);
        let mut shard = Self {
            rows,
            index: Vec::with_capacity((1 << bits) + 1),
            bits,
        };
        let mut row = 0;
        for bucket in 0..=1 << bits {
            let begins = u16::try_from(row).expect("at most SHARD_ROWS");
            let mut marks = 0;
            while row < shard.rows.len() && shard.bucket(&shard.rows[row].token) == bucket {
                marks |= mark(&shard.rows[row].token);
                row += 1;
            }
            shard.index.push(Bucket { begins, marks });
        }
        shard
    }

    fn bucket(&self, token: &Token) -> usize {
        let bits = u64::from(u32::from_be_bytes([token[1], token[2], token[3], token[4]]));
        // 32 bits in 64: with an index of one bucket they are shifted out altogether.
        (bits >> (32 - self.bits)) as usize
    }

    /// Where the bucket of `token` begins and ends.
    fn around(&self, token: &Token) -> (usize, usize) {
        let bucket = self.bucket(token);
        let [here, next] = [self.index[bucket], self.index[bucket + 1]];
        (usize::from(here.begins), usize::from(next.begins))
    }

    /// Whether `token` may have rows. Nothing is said of most that have none.
    fn may_have(&self, token: &Token) -> bool {
        self.index[self.bucket(token)].marks & mark(token) != 0
    }

    /// The rows of `token`; where it has none, an empty range where they would be.
    fn range(&self, token: &Token) -> std::ops::Range<usize> {
        let (start, end) = self.around(token);
        let rows = &self.rows[start..end];
        let before = |row: &&Row| row.token < *token;
        // A bucket is short, unless somebody chose the tokens, which takes the key.
        let first = start + rows.iter().take_while(before).count();
        let same = |row: &&Row| row.token == *token;
        first..first + self.rows[first..end].iter().take_while(same).count()
    }

    /// Whether [`Shard::merged`] would leave the rows of `token` other than they are.
    fn differs(&self, token: &Token, gone: &[u16], new: Option<u16>) -> bool {
        let rows = &self.rows[self.range(token)];
        let goes = |row: &Row| Some(row.number()) != new && gone.contains(&row.number());
        let is_there = |new| rows.iter().any(|row| row.number() == new);
        rows.iter().any(goes) || new.is_some_and(|new| !is_there(new))
    }

    /// The same rows, with those of `tokens` changed as [`Lists::change`] says; `counts` are counted along.
    fn merged(
        &self,
        tokens: &[Token],
        gone: &[u16],
        new: Option<u16>,
        counts: &mut [usize],
    ) -> Self {
        let room = self.rows.len() + if new.is_some() { tokens.len() } else { 0 };
        let mut merged = Vec::with_capacity(room);
        let mut row = 0;
        for token in tokens {
            let own = self.range(token);
            merged.extend_from_slice(&self.rows[row..own.start]);
            row = own.end;
            let begun = merged.len();
            for row in &self.rows[own] {
                if gone.contains(&row.number()) {
                    counts[usize::from(row.number())] -= 1;
                } else {
                    merged.push(*row);
                }
            }
            if let Some(new) = new {
                merged.push(Row {
                    token: *token,
                    entry: new.to_be_bytes(),
                });
                counts[usize::from(new)] += 1;
                merged[begun..].sort_unstable();
            }
        }
        merged.extend_from_slice(&self.rows[row..]);
        merged.shrink_to_fit();
        Self::build(merged)
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

    #[test]
    fn a_shard_that_is_full_refuses_and_nothing_is_entered() {
        let crowd: Vec<Token> = (0..SHARD_ROWS as u64 + 1)
            .map(|number| {
                let mut token = token(number);
                token[0] = 9;
                token
            })
            .collect();
        let mut lists = Lists::new();
        let child = Entry::of(Fact::Child);
        assert_eq!(lists.enter(&child, &crowd), Err(Full::Rows));
        assert!(lists.is_empty());
        assert_eq!(lists.enter(&child, &crowd[1..]), Ok(SHARD_ROWS));
        assert_eq!(lists.enter(&child, &crowd[..1]), Err(Full::Rows));
        assert!(crowd[1..].iter().all(|token| lists.of(token).count() == 1));
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
