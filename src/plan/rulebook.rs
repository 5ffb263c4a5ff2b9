//! What becomes of a node, from the positions that lead to it: the meaning of a disclosure's rules (DESIGN §5).
//!
//! A position is a track and how many of its steps lead to the node. The automaton asks here once for each set of
//! positions and each answer of the filters that meet there; `explain` asks for each node.

use std::collections::BTreeSet;

use super::automaton::{Branch, Leaf, Renames};
use super::tracks::{Filters, Pick, Role, Test, Track};
use super::{Action, Rule};

/// A position: a track and how many of its steps lead to the node.
type Position = (u16, u16);

/// What makes two nodes' futures the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Key {
    positions: BTreeSet<Position>,
    /// A position that can go on to something that passes came here by a name or as an array's element.
    named: bool,
    /// The rule of the `keep_all` above or here.
    kept: Option<usize>,
    /// The rule of the `drop` above or here.
    dropped: Option<usize>,
}

/// The rules of one body, and their tracks.
#[derive(Debug)]
pub(crate) struct Rulebook {
    pub(super) tracks: Vec<Track>,
    pub(super) filters: Filters,
    pub(super) rules: Vec<Rule>,
    /// The rules for member names.
    pub(super) names: Vec<Rule>,
    pub(super) prune: bool,
}

impl Rulebook {
    /// What is known of the root.
    pub(crate) fn root(&self) -> Key {
        let start = (0..self.tracks.len())
            .map(|track| (track as u16, 0))
            .collect();
        self.normal(start, true, None, None)
    }

    /// The filters that its tests name.
    pub(crate) fn filters(&self) -> &Filters {
        &self.filters
    }

    /// What picks the children of a node.
    pub(super) fn picks<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Pick> {
        key.positions
            .iter()
            .filter_map(|&(track, at)| self.tracks[track as usize].steps.get(at as usize))
            .flat_map(|step| &step.picks)
    }

    /// The member `name`, unescaped, of a node, or one whose name no pick has; `holds` decides filters of it.
    pub(crate) fn member(
        &self,
        key: &Key,
        name: Option<&[u8]>,
        holds: impl Fn(Test) -> bool,
    ) -> Key {
        self.child(key, true, |pick| match pick {
            Pick::Name(of) => name.is_some_and(|name| **of == *name),
            Pick::Any => true,
            Pick::Range(_) | Pick::Tested(Test::Position(_)) => false,
            Pick::Tested(test @ Test::Filter(_)) => holds(*test),
        })
    }

    /// The element at `index`, or one in none of the ranges; `holds` decides filters and positions of it.
    pub(crate) fn element(
        &self,
        key: &Key,
        index: Option<u64>,
        holds: impl Fn(Test) -> bool,
    ) -> Key {
        self.child(key, false, |pick| match pick {
            Pick::Name(_) => false,
            Pick::Any => true,
            Pick::Range(range) => index.is_some_and(|index| range.contains(index)),
            Pick::Tested(test) => holds(*test),
        })
    }

    /// Whether the node is what `role` says.
    pub(crate) fn is(&self, key: &Key, role: Role) -> bool {
        key.positions
            .iter()
            .any(|p| self.complete(*p) && self.role(*p) == role)
    }

    /// Whether the node has its record's subject below it.
    pub(crate) fn leads_to_subject(&self, key: &Key) -> bool {
        key.positions
            .iter()
            .any(|p| self.role(*p) == Role::Subject && !self.complete(*p))
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
            Role::Record | Role::Subject | Role::Names(_) => None,
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
                Role::Record | Role::Subject | Role::Names(_) => None,
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
                let by_name = !(member && matches!(pick, Pick::Any | Pick::Tested(_)));
                named |= by_name && self.permits(next) && !self.complete(next);
            }
        }
        self.normal(positions, named, kept, key.dropped)
    }

    /// The more protective wins: drop, then a transform, then keep_all and keep.
    pub(crate) fn leaf(&self, key: &Key) -> (Leaf, Option<usize>) {
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

    /// What becomes of the names of an object's members: the more protective rule wins.
    pub(crate) fn renames(&self, key: &Key) -> Renames {
        let rules: Vec<(usize, &Rule)> = key
            .positions
            .iter()
            .filter(|position| self.complete(**position))
            .filter_map(|position| match self.role(*position) {
                Role::Names(rule) => Some((rule, &self.names[rule])),
                Role::Field(_) | Role::Record | Role::Subject => None,
            })
            .collect();
        let mut transforms = Vec::new();
        for (_, rule) in &rules {
            match &rule.action {
                Action::Transform(transform) => transforms.push(transform),
                Action::Drop | Action::Keep | Action::KeepAll => return Renames::LeftOut,
            }
        }
        if !transforms.windows(2).all(|pair| pair[0] == pair[1]) {
            return Renames::Conflict;
        }
        // Of equal transforms the stricter about mismatches decides.
        let strict = rules
            .iter()
            .find(|(_, rule)| rule.on_mismatch == super::OnMismatch::Refuse);
        match strict.or(rules.first()) {
            Some((rule, _)) => Renames::By(*rule as u32),
            None => Renames::No,
        }
    }

    fn refuses(&self, rule: usize) -> bool {
        self.rules[rule].on_mismatch == super::OnMismatch::Refuse
    }

    pub(crate) fn branch(&self, key: &Key, leaf: Leaf) -> (Branch, Option<usize>) {
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
            // What only selects the node itself, such as a record's, decides nothing below it.
            let decided =
                |p: &Position| self.complete(*p) && !matches!(self.role(*p), Role::Names(_));
            let branch = if key.positions.iter().all(decided) {
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
