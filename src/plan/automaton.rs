//! Selectors as one automaton: a set of live selector positions is a state, and a state knows its fates.
//!
//! ```text
//! position  (track, step): the first `step` steps of the track lead to this node
//! state     positions, plus what an ancestor decided (kept whole, dropped)
//! child     of a position whose next step picks it: the position moved on;
//!           of a position before a descendant step: also the position as it is
//! candidate a child of which filters, or positions from an array's end, are asked first:
//!           each set of those that hold leads to a state
//! ```
//!
//! The subset construction runs once, at load. States from which nothing can change any more have no
//! positions: [`Branch::Undeclared`], [`Branch::Drop`] and [`Branch::KeepAll`] are crossed without look-ups.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use super::rulebook::{Key, Rulebook};
use super::tracks::{Pick, Range, Role, Test};
use crate::minimise::FieldOutcome;

/// Index of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StateId(pub(crate) u32);

/// What a child's name or index leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    State(StateId),
    /// The child must be asked first.
    Asked(CandidateId),
}

impl Next {
    /// The state, where nothing is asked: in plans without candidates, which formats that cannot ask take alone.
    pub(crate) fn settled(self) -> StateId {
        match self {
            Self::State(state) => state,
            Self::Asked(_) => unreachable!("plans for this format have no candidates"),
        }
    }
}

/// Index of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CandidateId(u32);

/// A child whose state its tests decide.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) tests: Box<[Test]>,
    /// The state for each set of tests that hold, the first test the lowest bit.
    next: Box<[StateId]>,
}

impl Candidate {
    /// The state of a child of which those tests hold of which `holds` says so.
    pub(crate) fn state(&self, mut holds: impl FnMut(Test) -> bool) -> StateId {
        let set = self
            .tests
            .iter()
            .enumerate()
            .fold(0, |set, (bit, test)| set | usize::from(holds(*test)) << bit);
        self.next[set]
    }
}

/// What becomes of a single value in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Undeclared,
    Drop,
    Keep,
    KeepAll,
    /// Index of the rule whose transform applies.
    Transform(u32),
    /// Two different transforms met.
    Conflict,
}

/// What becomes of a container in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Branch {
    Undeclared,
    Drop,
    /// Selected by a rule that is for single values, and nothing inside can pass.
    Mismatch {
        refuse: bool,
    },
    Conflict,
    /// The whole subtree leaves and no rule can change that.
    KeepAll,
    /// Passes as bare structure.
    Structure {
        /// Also when nothing inside passes.
        even_empty: bool,
        /// Kept by `keep_all`, so that undeclared members in it pass.
        kept: bool,
        /// A `keep` selected it in vain: counted.
        in_vain: bool,
    },
}

impl Branch {
    /// Whether the container itself leaves.
    pub(crate) fn passes(self) -> bool {
        match self {
            Self::KeepAll | Self::Structure { .. } => true,
            Self::Undeclared | Self::Drop | Self::Mismatch { .. } | Self::Conflict => false,
        }
    }

    /// What is counted for a container of which nothing leaves.
    pub(crate) fn outcome(self) -> FieldOutcome {
        match self {
            Self::Undeclared => FieldOutcome::Undeclared,
            Self::Drop => FieldOutcome::Drop,
            Self::Mismatch { .. } => FieldOutcome::Mismatch,
            Self::Conflict => FieldOutcome::Conflict,
            Self::KeepAll | Self::Structure { .. } => FieldOutcome::KeepAll,
        }
    }

    /// Whether a root that does not pass leaves as bare brackets; else as `null` (DESIGN §5.6).
    pub(crate) fn leaves_bare(self) -> bool {
        !matches!(self, Self::Drop)
    }
}

/// What becomes of the names of an object's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renames {
    /// They leave as they are.
    No,
    /// The object leaves as an array of what its members are.
    LeftOut,
    /// Index of the name rule whose transform applies.
    By(u32),
    /// Two different transforms met: no member leaves.
    Conflict,
}

/// A state of the automaton.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) leaf: Leaf,
    pub(crate) branch: Branch,
    pub(crate) renames: Renames,
    /// The node starts a record.
    pub(crate) record: bool,
    /// The node names its record's subject.
    pub(crate) subject: bool,
    /// Nothing in it can leave, but it may hold the subject of an open record: walked, not skipped.
    pub(crate) walked: bool,
    /// An array's length decides what becomes of its elements: it is walked once it is whole.
    pub(crate) counted: bool,
    names: NameTable,
    other_member: Next,
    ranges: Vec<Range>,
    /// Which ranges hold an index, as a bit set, to what follows; for states with ranges.
    elements: Vec<(u64, Next)>,
    other_element: Next,
}

impl State {
    /// Whether a single value must be looked at as a whole.
    pub(crate) fn collects(&self) -> bool {
        self.subject || matches!(self.leaf, Leaf::Transform(_))
    }

    /// Whether no rule names the node or anything in it.
    pub(crate) fn is_unnamed(&self) -> bool {
        self.leaf == Leaf::Undeclared && self.branch == Branch::Undeclared && !self.walked
    }

    /// Whether a node's start asks for more than to be walked.
    pub(crate) fn special(&self) -> bool {
        self.record || self.counted
    }

    /// Whether what becomes of an element depends on its index.
    pub(crate) fn ranged(&self) -> bool {
        !self.ranges.is_empty()
    }
}

/// The automaton of a plan.
#[derive(Debug)]
pub(crate) struct Automaton {
    states: Vec<State>,
    candidates: Vec<Candidate>,
    seed: u64,
    root: StateId,
}

/// Bounds of the construction, so that no agreement can take a gateway's memory.
const STATES: usize = 50_000;
const RANGES: usize = 64;
/// Filters and positions from the end that are asked of one child: each more doubles the states behind it.
const TESTS: usize = 8;
pub(super) const PERIOD: u64 = 4_096;

impl Automaton {
    pub(crate) fn root(&self) -> StateId {
        self.root
    }

    pub(crate) fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    /// The seed of [`hash_name`] for this plan.
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    pub(crate) fn candidate(&self, id: CandidateId) -> &Candidate {
        &self.candidates[id.0 as usize]
    }

    /// Every child that must be asked somewhere.
    pub(super) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Whether some array is walked only once it is whole.
    pub(super) fn counts(&self) -> bool {
        self.states.iter().any(|state| state.counted)
    }

    /// What the member `name` (unescaped) of a node in `id` leads to, and its number if the plan knows it there.
    pub(crate) fn member(&self, id: StateId, name: &[u8], hash: u64) -> (Next, Option<u32>) {
        let state = self.state(id);
        match state.names.find(name, hash) {
            Some((next, slot)) => (next, Some(slot)),
            None => (state.other_member, None),
        }
    }

    /// The name with the number `slot` that [`Automaton::member`] gave for a node in `id`.
    pub(crate) fn name(&self, id: StateId, slot: u32) -> &str {
        let slot = self
            .state(id)
            .names
            .slots
            .get(slot as usize)
            .and_then(Option::as_ref);
        slot.and_then(|(_, name, _)| std::str::from_utf8(name).ok())
            .unwrap_or("*")
    }

    /// What the element at `index` of a node in `id` leads to.
    pub(crate) fn element(&self, id: StateId, index: u64) -> Next {
        let state = self.state(id);
        if state.ranges.is_empty() {
            return state.other_element;
        }
        let mask = mask(&state.ranges, index);
        state
            .elements
            .iter()
            .find(|(of, _)| *of == mask)
            .map_or(state.other_element, |(_, next)| *next)
    }
}

impl Automaton {
    /// What elements of a node in `id` lead to, each of them once or more.
    fn any_element(&self, id: StateId) -> impl Iterator<Item = Next> {
        let state = self.state(id);
        let ranged = state.elements.iter().map(|(_, next)| *next);
        ranged.chain([state.other_element])
    }

    /// Whether all elements of a node in `id` are in one state, whatever their index and what is in them.
    pub(crate) fn elements_alike(&self, id: StateId) -> bool {
        !self.state(id).ranged()
            && self
                .any_element(id)
                .all(|next| matches!(next, Next::State(_)))
    }

    /// Every state that an element of a node in `id` can have, whatever its index and what its tests say.
    pub(crate) fn elements(&self, id: StateId) -> Vec<StateId> {
        let mut states = Vec::new();
        for next in self.any_element(id) {
            match next {
                Next::State(state) => states.push(state),
                Next::Asked(candidate) => states.extend_from_slice(&self.candidate(candidate).next),
            }
        }
        states.sort_unstable_by_key(|state| state.0);
        states.dedup();
        states
    }
}

fn mask(ranges: &[Range], index: u64) -> u64 {
    ranges.iter().enumerate().fold(0, |mask, (bit, range)| {
        mask | u64::from(range.contains(index)) << bit
    })
}

/// A hash of a member name, the same for equal names; seeded per plan, so that names cannot be made to collide.
pub(crate) fn hash_name(name: &[u8], seed: u64) -> u64 {
    const FOLD: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |a: u64, b: u64| {
        let wide = u128::from(a) * u128::from(b);
        (wide as u64) ^ ((wide >> 64) as u64)
    };
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let mut hash = seed ^ (name.len() as u64).wrapping_mul(FOLD);
    for piece in name.chunks(16) {
        let (low, high) = piece.split_at(piece.len().min(8));
        hash = fold(hash ^ word(low), word(high) ^ seed.rotate_left(32) ^ FOLD);
    }
    fold(hash ^ FOLD, seed | 1)
}

/// Names to what follows: open addressing, at most half full.
#[derive(Debug, Default)]
struct NameTable {
    slots: Vec<Option<Slot>>,
}

/// A name's hash, the name, and what members that have it lead to.
type Slot = (u64, Box<[u8]>, Next);

impl NameTable {
    fn new(names: Vec<(Box<[u8]>, Next)>, seed: u64) -> Self {
        if names.is_empty() {
            return Self::default();
        }
        let size = (names.len() * 2).next_power_of_two();
        let mut slots = Vec::new();
        slots.resize_with(size, || None);
        for (name, next) in names {
            let hash = hash_name(&name, seed);
            let mut slot = hash as usize & (size - 1);
            while slots[slot].is_some() {
                slot = (slot + 1) & (size - 1);
            }
            slots[slot] = Some((hash, name, next));
        }
        Self { slots }
    }

    fn find(&self, name: &[u8], hash: u64) -> Option<(Next, u32)> {
        if self.slots.is_empty() {
            return None;
        }
        let last = self.slots.len() - 1;
        let mut slot = hash as usize & last;
        while let Some((of, known, next)) = &self.slots[slot] {
            if *of == hash && **known == *name {
                return Some((*next, slot as u32));
            }
            slot = (slot + 1) & last;
        }
        None
    }
}

/// Builds the automaton of rules.
pub(super) fn build(rules: &Rulebook) -> Result<Automaton, String> {
    let seed = RandomState::new().hash_one("member names");
    let mut builder = Builder {
        rules,
        seed,
        ids: HashMap::new(),
        keys: Vec::new(),
        candidates: Vec::new(),
    };
    let root = builder.id(rules.root())?;
    let mut states = Vec::new();
    while states.len() < builder.keys.len() {
        let key = builder.keys[states.len()].clone();
        states.push(builder.state(&key)?);
    }
    Ok(Automaton {
        states,
        candidates: builder.candidates,
        seed,
        root,
    })
}

struct Builder<'a> {
    rules: &'a Rulebook,
    seed: u64,
    ids: HashMap<Key, StateId>,
    keys: Vec<Key>,
    candidates: Vec<Candidate>,
}

impl Builder<'_> {
    fn id(&mut self, key: Key) -> Result<StateId, String> {
        if let Some(id) = self.ids.get(&key) {
            return Ok(*id);
        }
        if self.keys.len() == STATES {
            return Err(format!(
                "these selectors together need more than {STATES} states; use fewer `..` in one disclosure"
            ));
        }
        let id = StateId(self.keys.len() as u32);
        self.keys.push(key.clone());
        self.ids.insert(key, id);
        Ok(id)
    }

    /// What follows from `of`, which gives a child's key by which of `tests` hold of it.
    fn next(
        &mut self,
        tests: &[Test],
        of: impl Fn(&dyn Fn(Test) -> bool) -> Key,
    ) -> Result<Next, String> {
        let mut tests = tests.to_vec();
        let mut next = Vec::new();
        for set in 0..1_usize << tests.len() {
            let holds = |test| {
                let bit = tests.iter().position(|of| *of == test);
                bit.is_some_and(|bit| set >> bit & 1 == 1)
            };
            next.push(self.id(of(&holds))?);
        }
        // A test that changes nothing is not asked.
        for bit in (0..tests.len()).rev() {
            let without = |set: &usize| set >> bit & 1 == 0;
            if (0..next.len())
                .filter(without)
                .all(|set| next[set] == next[set | 1 << bit])
            {
                tests.remove(bit);
                next = (0..next.len())
                    .filter(without)
                    .map(|set| next[set])
                    .collect();
            }
        }
        if tests.is_empty() {
            return Ok(Next::State(next[0]));
        }
        self.candidates.push(Candidate {
            tests: tests.into(),
            next: next.into(),
        });
        Ok(Next::Asked(CandidateId(self.candidates.len() as u32 - 1)))
    }

    fn state(&mut self, key: &Key) -> Result<State, String> {
        let rules = self.rules;
        let mut names: Vec<Box<[u8]>> = Vec::new();
        let mut ranges: Vec<Range> = Vec::new();
        let mut tests: Vec<Test> = Vec::new();
        for pick in rules.picks(key) {
            match pick {
                Pick::Name(name) if !names.contains(name) => names.push(name.clone()),
                Pick::Range(range) if !ranges.contains(range) => ranges.push(*range),
                Pick::Tested(test) if !tests.contains(test) => tests.push(*test),
                Pick::Name(_) | Pick::Range(_) | Pick::Any | Pick::Tested(_) => {}
            }
        }
        if ranges.len() > RANGES {
            return Err(format!(
                "more than {RANGES} indexes and slices meet on one array; use [*] or fewer of them"
            ));
        }
        if tests.len() > TESTS {
            return Err(format!(
                "more than {TESTS} different filters and positions from the end meet on one value; use fewer in one disclosure, or join filters with || or &&"
            ));
        }
        let of_members: Vec<Test> = tests
            .iter()
            .copied()
            .filter(|test| matches!(test, Test::Filter(_)))
            .collect();
        let mut members = Vec::new();
        for name in names {
            let child = self.next(&of_members, |holds| rules.member(key, Some(&name), holds))?;
            members.push((name, child));
        }
        let other_member = self.next(&of_members, |holds| rules.member(key, None, holds))?;
        let mut elements = Vec::new();
        for index in telling_indexes(&ranges)? {
            let mask = mask(&ranges, index);
            if elements.iter().all(|(of, _)| *of != mask) {
                let child = self.next(&tests, |holds| rules.element(key, Some(index), holds))?;
                elements.push((mask, child));
            }
        }
        let other_element = self.next(&tests, |holds| rules.element(key, None, holds))?;
        let counted = elements
            .iter()
            .map(|(_, next)| *next)
            .chain([other_element])
            .any(|next| match next {
                Next::State(_) => false,
                Next::Asked(candidate) => self.candidates[candidate.0 as usize]
                    .tests
                    .iter()
                    .any(|test| matches!(test, Test::Position(_))),
            });
        let (leaf, _) = rules.leaf(key);
        let (branch, _) = rules.branch(key, leaf);
        Ok(State {
            leaf,
            branch,
            renames: rules.renames(key),
            record: rules.is(key, Role::Record),
            subject: rules.is(key, Role::Subject),
            walked: !branch.passes() && rules.leads_to_subject(key),
            counted,
            names: NameTable::new(members, self.seed),
            other_member,
            ranges,
            elements,
            other_element,
        })
    }
}

/// Indexes of which each set of ranges that can hold one index together holds at least one.
fn telling_indexes(ranges: &[Range]) -> Result<BTreeSet<u64>, String> {
    let mut edges: BTreeSet<u64> = ranges
        .iter()
        .flat_map(|range| [range.start, range.end])
        .collect();
    edges.insert(0);
    let mut period = 1_u64;
    let mut telling = BTreeSet::new();
    for range in ranges {
        period = period / gcd(period, range.step) * range.step;
        if period > PERIOD {
            return Err(format!(
                "the steps of the slices on one array repeat only after more than {PERIOD} elements; use [*] or fewer steps"
            ));
        }
    }
    for edge in edges.into_iter().filter(|edge| *edge != u64::MAX) {
        telling.extend((0..period).map(|offset| edge.saturating_add(offset)));
    }
    Ok(telling)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
