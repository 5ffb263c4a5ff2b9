//! Selectors as one automaton: a set of live selector positions is a state, and a state knows its fates.
//!
//! ```text
//! position  (track, step): the first `step` steps of the track lead to this node
//! state     positions, plus what an ancestor decided (kept whole, dropped)
//! child     of a position whose next step picks it: the position moved on;
//!           of a position before a descendant step: also the position as it is
//! ```
//!
//! The subset construction runs once, at load. States from which nothing can change any more have no
//! positions: [`Branch::Undeclared`], [`Branch::Drop`] and [`Branch::KeepAll`] are crossed without look-ups.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use super::tracks::{Pick, Range, Role, Track};
use super::{Action, Rule};

/// Index of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StateId(pub(crate) u32);

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

/// A state of the automaton.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) leaf: Leaf,
    pub(crate) branch: Branch,
    /// The node starts a record.
    pub(crate) record: bool,
    /// The node names its record's subject.
    pub(crate) subject: bool,
    /// Nothing in it can leave, but it may hold the subject of an open record: walked, not skipped.
    pub(crate) walked: bool,
    /// The rule that decides a single value, a container.
    pub(crate) decided: [Option<usize>; 2],
    names: NameTable,
    other_member: StateId,
    ranges: Vec<Range>,
    /// Which ranges hold an index, as a bit set, to the state; for states with ranges.
    elements: Vec<(u64, StateId)>,
    other_element: StateId,
}

impl State {
    /// Whether a single value must be looked at as a whole.
    pub(crate) fn collects(&self) -> bool {
        self.subject || matches!(self.leaf, Leaf::Transform(_))
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
    seed: u64,
    root: StateId,
}

/// Bounds of the construction, so that no agreement can take a gateway's memory.
const STATES: usize = 50_000;
const RANGES: usize = 64;
const PERIOD: u64 = 4_096;

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

    /// The state of the member `name` (unescaped) of a node in `id`, and its number if the plan knows it there.
    pub(crate) fn member(&self, id: StateId, name: &[u8], hash: u64) -> (StateId, Option<u32>) {
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

    /// The state of the element at `index` of a node in `id`.
    pub(crate) fn element(&self, id: StateId, index: u64) -> StateId {
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

    /// How many states there are.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
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

/// Names to states: open addressing, at most half full.
#[derive(Debug, Default)]
struct NameTable {
    slots: Vec<Option<(u64, Box<[u8]>, StateId)>>,
}

impl NameTable {
    fn new(names: Vec<(Box<[u8]>, StateId)>, seed: u64) -> Self {
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

    fn find(&self, name: &[u8], hash: u64) -> Option<(StateId, u32)> {
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

/// A position: a track and how many of its steps lead to the node.
type Position = (u16, u16);

/// What makes two nodes' futures the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Key {
    positions: BTreeSet<Position>,
    /// A position that can go on to something that passes came here by a name or as an array's element.
    named: bool,
    /// The rule of the `keep_all` above or here.
    kept: Option<usize>,
    /// The rule of the `drop` above or here.
    dropped: Option<usize>,
}

/// Builds the automaton of `tracks`.
pub(super) fn build(tracks: &[Track], rules: &[Rule], prune: bool) -> Result<Automaton, String> {
    let mut builder = Builder {
        tracks,
        rules,
        prune,
        seed: RandomState::new().hash_one("member names"),
        ids: HashMap::new(),
        keys: Vec::new(),
    };
    let start: BTreeSet<Position> = (0..tracks.len()).map(|track| (track as u16, 0)).collect();
    let root = builder.id(builder.normal(start, true, None, None))?;
    let mut states = Vec::new();
    while states.len() < builder.keys.len() {
        let key = builder.keys[states.len()].clone();
        states.push(builder.state(&key)?);
    }
    Ok(Automaton {
        states,
        seed: builder.seed,
        root,
    })
}

struct Builder<'a> {
    tracks: &'a [Track],
    rules: &'a [Rule],
    prune: bool,
    seed: u64,
    ids: HashMap<Key, StateId>,
    keys: Vec<Key>,
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

    fn role(&self, (track, _): Position) -> Role {
        self.tracks[track as usize].role
    }

    fn complete(&self, (track, step): Position) -> bool {
        self.tracks[track as usize].steps.len() == step as usize
    }

    /// The action of a position's rule, if it has one.
    fn action(&self, position: Position) -> Option<&Action> {
        match self.role(position) {
            Role::Field(rule) => Some(&self.rules[rule].action),
            Role::Record | Role::Subject => None,
        }
    }

    fn permits(&self, position: Position) -> bool {
        self.action(position)
            .is_some_and(|action| !matches!(action, Action::Drop))
    }

    /// The rules with `wanted` action that select the node itself.
    fn selecting(
        &self,
        positions: &BTreeSet<Position>,
        wanted: impl Fn(&Action) -> bool,
    ) -> Vec<usize> {
        positions
            .iter()
            .filter(|position| self.complete(**position))
            .filter_map(|position| match self.role(*position) {
                Role::Field(rule) => wanted(&self.rules[rule].action).then_some(rule),
                Role::Record | Role::Subject => None,
            })
            .collect()
    }

    /// The key of a node with these positions, without what cannot matter any more.
    fn normal(
        &self,
        mut positions: BTreeSet<Position>,
        named: bool,
        kept: Option<usize>,
        dropped: Option<usize>,
    ) -> Key {
        let dropped = dropped.or_else(|| {
            self.selecting(&positions, |action| matches!(action, Action::Drop))
                .first()
                .copied()
        });
        let kept = kept.or_else(|| {
            self.selecting(&positions, |action| matches!(action, Action::KeepAll))
                .first()
                .copied()
        });
        if dropped.is_some() {
            positions.retain(|position| self.role(*position) == Role::Subject);
            return Key {
                positions,
                named: false,
                kept: None,
                dropped,
            };
        }
        if kept.is_some() {
            // A `keep` or another `keep_all` adds nothing to a subtree that is kept whole.
            positions.retain(|position| {
                !matches!(self.action(*position), Some(Action::Keep | Action::KeepAll))
            });
        }
        if kept.is_none() && !positions.iter().any(|position| self.permits(*position)) {
            positions.retain(|position| self.role(*position) == Role::Subject);
        }
        let named = named
            && kept.is_none()
            && positions
                .iter()
                .any(|p| self.permits(*p) && !self.complete(*p));
        Key {
            positions,
            named,
            kept,
            dropped: None,
        }
    }

    /// The key of the child that `picked` says the steps pick.
    fn child(&self, key: &Key, member: bool, picked: impl Fn(&Pick) -> bool) -> Key {
        let mut positions = BTreeSet::new();
        let mut named = false;
        // A container that a transform selects is dropped, so nothing in it passes by another rule; but the
        // record's subject may stand in it.
        let dropped_here = matches!(self.leaf(key).0, Leaf::Transform(_) | Leaf::Conflict);
        let kept = key.kept.filter(|_| !dropped_here);
        // Only the outermost record is one.
        let in_record = key
            .positions
            .iter()
            .any(|p| self.complete(*p) && self.role(*p) == Role::Record);
        for &(track, at) in &key.positions {
            let Some(step) = self.tracks[track as usize].steps.get(at as usize) else {
                continue;
            };
            if in_record && self.role((track, at)) == Role::Record {
                continue;
            }
            if dropped_here && self.role((track, at)) != Role::Subject {
                continue;
            }
            if step.descendant {
                positions.insert((track, at));
            }
            for pick in step.picks.iter().filter(|pick| picked(pick)) {
                let next = (track, at + 1);
                positions.insert(next);
                // A wildcard over members names nothing; over an array's elements it takes each of them.
                let by_name = !(member && matches!(pick, Pick::Any));
                named |= by_name && self.permits(next) && !self.complete(next);
            }
        }
        self.normal(positions, named, kept, key.dropped)
    }

    fn state(&mut self, key: &Key) -> Result<State, String> {
        let picks: Vec<Pick> = key
            .positions
            .iter()
            .filter_map(|&(track, at)| self.tracks[track as usize].steps.get(at as usize))
            .flat_map(|step| step.picks.iter().cloned())
            .collect();
        let mut names: Vec<Box<[u8]>> = Vec::new();
        let mut ranges: Vec<Range> = Vec::new();
        for pick in picks {
            match pick {
                Pick::Name(name) if !names.contains(&name) => names.push(name),
                Pick::Range(range) if !ranges.contains(&range) => ranges.push(range),
                Pick::Name(_) | Pick::Range(_) | Pick::Any => {}
            }
        }
        if ranges.len() > RANGES {
            return Err(format!(
                "more than {RANGES} indexes and slices meet on one array; use [*] or fewer of them"
            ));
        }
        let mut members = Vec::new();
        for name in names {
            let child = self.child(key, true, |pick| match pick {
                Pick::Name(of) => *of == name,
                Pick::Any => true,
                Pick::Range(_) => false,
            });
            members.push((name, self.id(child)?));
        }
        let other_member = self.child(key, true, |pick| matches!(pick, Pick::Any));
        let other_member = self.id(other_member)?;
        let mut elements = Vec::new();
        for index in telling_indexes(&ranges)? {
            let mask = mask(&ranges, index);
            if elements.iter().all(|(of, _)| *of != mask) {
                let child = self.child(key, false, |pick| match pick {
                    Pick::Name(_) => false,
                    Pick::Any => true,
                    Pick::Range(range) => range.contains(index),
                });
                elements.push((mask, self.id(child)?));
            }
        }
        let other_element = self.child(key, false, |pick| matches!(pick, Pick::Any));
        let other_element = self.id(other_element)?;
        let (leaf, leaf_rule) = self.leaf(key);
        let (branch, branch_rule) = self.branch(key, leaf);
        let has = |role: Role| {
            key.positions
                .iter()
                .any(|p| self.complete(*p) && self.role(*p) == role)
        };
        let walked = matches!(
            branch,
            Branch::Drop | Branch::Undeclared | Branch::Mismatch { .. } | Branch::Conflict
        ) && key
            .positions
            .iter()
            .any(|p| self.role(*p) == Role::Subject && !self.complete(*p));
        Ok(State {
            leaf,
            branch,
            record: has(Role::Record),
            subject: has(Role::Subject),
            walked,
            decided: [leaf_rule, branch_rule],
            names: NameTable::new(members, self.seed),
            other_member,
            ranges,
            elements,
            other_element,
        })
    }

    /// The more protective wins: drop, then a transform, then keep_all and keep.
    fn leaf(&self, key: &Key) -> (Leaf, Option<usize>) {
        if key.dropped.is_some() {
            return (Leaf::Drop, key.dropped);
        }
        let transforms = self.selecting(&key.positions, |action| {
            matches!(action, Action::Transform(_))
        });
        if let Some((&first, rest)) = transforms.split_first() {
            let same = |rule: &usize| match (&self.rules[first].action, &self.rules[*rule].action) {
                (Action::Transform(a), Action::Transform(b)) => a == b,
                (Action::Keep | Action::KeepAll | Action::Drop | Action::Transform(_), _) => false,
            };
            if !rest.iter().all(same) {
                return (Leaf::Conflict, Some(first));
            }
            // Of equal transforms the stricter about mismatches decides.
            let strict = transforms
                .iter()
                .copied()
                .find(|rule| self.refuses(*rule))
                .unwrap_or(first);
            return (Leaf::Transform(strict as u32), Some(strict));
        }
        if key.kept.is_some() {
            return (Leaf::KeepAll, key.kept);
        }
        match self
            .selecting(&key.positions, |action| matches!(action, Action::Keep))
            .first()
        {
            Some(&rule) => (Leaf::Keep, Some(rule)),
            None => (Leaf::Undeclared, None),
        }
    }

    fn refuses(&self, rule: usize) -> bool {
        self.rules[rule].on_mismatch == super::OnMismatch::Refuse
    }

    fn branch(&self, key: &Key, leaf: Leaf) -> (Branch, Option<usize>) {
        if key.dropped.is_some() {
            return (Branch::Drop, key.dropped);
        }
        match leaf {
            Leaf::Conflict => return (Branch::Conflict, None),
            Leaf::Transform(rule) => {
                let rule = rule as usize;
                return (
                    Branch::Mismatch {
                        refuse: self.refuses(rule),
                    },
                    Some(rule),
                );
            }
            Leaf::Undeclared | Leaf::Drop | Leaf::Keep | Leaf::KeepAll => {}
        }
        if key.kept.is_some() {
            let branch = if key.positions.is_empty() {
                Branch::KeepAll
            } else {
                Branch::Structure {
                    even_empty: true,
                    kept: true,
                    in_vain: false,
                }
            };
            return (branch, key.kept);
        }
        let kept_in_vain = self
            .selecting(&key.positions, |action| matches!(action, Action::Keep))
            .first()
            .copied();
        if key
            .positions
            .iter()
            .any(|p| self.permits(*p) && !self.complete(*p))
        {
            let branch = Branch::Structure {
                even_empty: key.named && !self.prune,
                kept: false,
                in_vain: kept_in_vain.is_some(),
            };
            return (branch, kept_in_vain);
        }
        match kept_in_vain {
            Some(rule) => (Branch::Mismatch { refuse: false }, Some(rule)),
            None => (Branch::Undeclared, None),
        }
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
