//! What queries have looked at in a window: objects whose names are unique, and answers that stay.
//!
//! Where an object names a member twice, readers differ about what it says; so an object that a query looks into is
//! checked for that once, and so is one that a rule looks into or that passes, by the walk (DESIGN §5.9).

use std::collections::{HashMap, HashSet};

use super::nodes::Nodes;
use super::{BodyFault, Limits};
use crate::plan::filter::Query;
use crate::plan::hash_name;

/// See the module.
#[derive(Debug)]
pub(super) struct Looked {
    members: usize,
    name_bytes: usize,
    /// As of the walk: two names with one hash are taken for one.
    seed: u64,
    /// The objects that have been looked into, a bit for each token.
    objects: Vec<u64>,
    /// What queries from the document's root gave, by where each is in its plan, which outlives this.
    answers: HashMap<usize, Answer>,
    /// The first flaw in an object's names: where, and what.
    flaw: Option<(usize, BodyFault)>,
    hashes: Vec<u64>,
    scratch: Vec<u8>,
}

/// What a query gave.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answer {
    pub(super) first: Option<usize>,
    pub(super) count: usize,
}

/// Up to so many names each is compared with all; more are sorted.
const FEW: usize = 64;

impl Looked {
    pub(super) fn new(limits: &Limits, seed: u64) -> Self {
        Self {
            members: limits.object_members,
            name_bytes: limits.name_bytes,
            seed,
            objects: Vec::new(),
            answers: HashMap::new(),
            flaw: None,
            hashes: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Another window comes: nothing of it has been looked at.
    #[inline]
    pub(super) fn forget(&mut self) {
        self.objects.clear();
        if !self.answers.is_empty() {
            self.answers.clear();
        }
    }

    /// The flaw that questions since the last call have come upon, the first in the window: its place, and what it is.
    pub(super) fn take_flaw(&mut self) -> Option<(usize, BodyFault)> {
        self.flaw.take()
    }

    pub(super) fn answer(&self, query: &Query) -> Option<Answer> {
        self.answers.get(&std::ptr::from_ref(query).addr()).copied()
    }

    pub(super) fn remember(&mut self, query: &Query, answer: Answer) {
        self.answers
            .insert(std::ptr::from_ref(query).addr(), answer);
    }

    /// Looks at the names of `object`, once.
    pub(super) fn look_into(&mut self, nodes: Nodes<'_>, object: usize) {
        if self.objects.is_empty() {
            self.objects.resize(nodes.count().div_ceil(64), 0);
        }
        let (word, bit) = (&mut self.objects[object / 64], 1 << (object % 64));
        if *word & bit != 0 {
            return;
        }
        *word |= bit;
        self.hashes.clear();
        let mut sound = true;
        for member in nodes.children(object) {
            let name = nodes.name(member).unwrap_or_default();
            let hash = self.hash(name);
            sound &= name.len() <= self.name_bytes
                && (self.hashes.len() >= FEW || !self.hashes.contains(&hash));
            self.hashes.push(hash);
        }
        if self.hashes.len() > FEW {
            self.hashes.sort_unstable();
            sound &= self.hashes.is_sorted_by(|one, next| one < next);
        }
        if !sound || self.hashes.len() > self.members {
            self.note_flaw(nodes, object);
        }
    }

    fn hash(&mut self, name: &[u8]) -> u64 {
        if name.contains(&b'\\') {
            self.scratch.clear();
            crate::transform::unescape(name, &mut self.scratch);
            hash_name(&self.scratch, self.seed)
        } else {
            hash_name(name, self.seed)
        }
    }

    /// Finds the first flaw in the names of `object`, in the order in which the walk would.
    #[cold]
    fn note_flaw(&mut self, nodes: Nodes<'_>, object: usize) {
        let mut seen = HashSet::new();
        for member in nodes.children(object) {
            let start = nodes.name_start(member);
            let name = nodes.name(member).unwrap_or_default();
            let hash = self.hash(name);
            let flaw = if name.len() > self.name_bytes {
                (start + 1 + self.name_bytes, BodyFault::NameTooLong)
            } else if seen.len() == self.members {
                (start, BodyFault::TooManyMembers)
            } else if !seen.insert(hash) {
                (start, BodyFault::DuplicateName)
            } else {
                continue;
            };
            if self.flaw.is_none_or(|(first, _)| flaw.0 < first) {
                self.flaw = Some(flaw);
            }
            return;
        }
    }
}
