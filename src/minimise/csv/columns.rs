//! The header, and what becomes of each column's values: known before the first row comes.
//!
//! ```text
//! root state → element state → for each column the state of the member with its name
//! ```
//!
//! Rows in one element state share the fates of their columns, so these are found out once; where a plan has index
//! ranges or filters on rows there are several such states, of which a few are remembered.

use std::collections::HashSet;

use super::super::FieldOutcome;
use super::super::gate::{Notice, member_key};
use crate::plan::filter::Members;
use crate::plan::{Automaton, Branch, CandidateId, Leaf, Next, Plan, StateId, hash_name};

/// What becomes of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They stay, and the column with them.
    Stays,
    /// They stay, but in other rows values of the column leave: nothing stands in their place.
    Empty,
    /// They leave as they stand.
    Leaves,
    /// They leave, unless they start like a formula as they stand.
    Guarded,
    /// Each must be looked at: a transform's, a subject's.
    Asked,
}

/// What becomes of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// As its rows' states say.
    Walked(StateId),
    /// All of it leaves.
    Kept,
    /// Nothing of it leaves.
    Crossed,
}

/// What becomes of rows in one state.
#[derive(Debug)]
pub(super) struct Fates {
    /// Their state; `None` where the body's says it all.
    element: Option<StateId>,
    /// Of each column.
    pub(super) of: Vec<Fate>,
    /// The state of each column's values, for those that are asked.
    states: Vec<StateId>,
    /// How often each row counts as what, values that are asked not included.
    pub(super) counts: [u64; FieldOutcome::ALL.len()],
    /// They leave: with their values or as a row of empty ones.
    pub(super) leave: bool,
    /// Nothing in them leaves or is asked.
    pub(super) crossed: bool,
    /// A transform that refuses selects the row itself.
    pub(super) refused: bool,
    /// Each is a record.
    pub(super) record: bool,
}

/// How many states' fates are remembered. Index ranges and filters that meet on rows seldom make more.
const REMEMBERED: usize = 8;

/// The columns of one body.
#[derive(Debug)]
pub(super) struct Columns {
    body: Body,
    guarded: bool,
    /// The names' text, one after the other, and where each ends.
    names: Vec<u8>,
    ends: Vec<usize>,
    seen: HashSet<Box<[u8]>>,
    /// Whether values of the column can leave, in any row.
    shown: Vec<bool>,
    /// The first such column, and how many there are.
    pub(super) first: usize,
    pub(super) showing: usize,
    /// Every state that a row can be in.
    elements: Vec<StateId>,
    /// All rows are in one state.
    pub(super) steady: bool,
    fates: Vec<Fates>,
    current: usize,
    /// The row that came last has no state yet.
    undecided: bool,
    /// What rows are asked looks at these columns; they are in the table's order.
    members: Members,
    asked: Vec<usize>,
}

impl Columns {
    pub(super) fn new(plan: &Plan, body: Body, guarded: bool) -> Self {
        let elements = match body {
            Body::Walked(root) => plan.automaton().elements(root),
            Body::Kept | Body::Crossed => Vec::new(),
        };
        let steady = match body {
            Body::Walked(root) => plan.automaton().elements_alike(root),
            Body::Kept | Body::Crossed => true,
        };
        Self {
            body,
            steady,
            guarded,
            names: Vec::new(),
            ends: Vec::new(),
            seen: HashSet::new(),
            shown: Vec::new(),
            first: usize::MAX,
            showing: 0,
            elements,
            fates: Vec::new(),
            current: 0,
            undecided: false,
            members: plan.asked_members(),
            asked: Vec::new(),
        }
    }

    /// Adds a column; gives whether its values can leave, or nothing if there is one of this name already.
    pub(super) fn add(&mut self, plan: &Plan, name: &str) -> Option<bool> {
        if !self.seen.insert(name.as_bytes().into()) {
            return None;
        }
        let automaton = plan.automaton();
        let hash = hash_name(name.as_bytes(), automaton.seed());
        let shown = match self.body {
            Body::Kept => true,
            Body::Crossed => false,
            Body::Walked(_) => {
                self.elements
                    .iter()
                    .any(|&element| match automaton.state(element).branch {
                        Branch::KeepAll => true,
                        Branch::Structure { .. } => {
                            let (state, _) = automaton.member(element, name.as_bytes(), hash);
                            leaves(automaton.state(state.settled()).leaf)
                                .is_none_or(|(_, leaves)| leaves)
                        }
                        Branch::Undeclared
                        | Branch::Drop
                        | Branch::Mismatch { .. }
                        | Branch::Conflict => false,
                    })
            }
        };
        if shown {
            self.first = self.first.min(self.shown.len());
            self.showing += 1;
        }
        if self.members.contain(name) {
            self.asked.push(self.shown.len());
        }
        self.names.extend_from_slice(name.as_bytes());
        self.ends.push(self.names.len());
        self.shown.push(shown);
        Some(shown)
    }

    /// Tells `notice` of the columns that no rule names, each once. Where a rule names none of them, the first row may be no
    /// header at all but somebody's record: then nothing is told.
    pub(super) fn tell(&self, plan: &Plan, notice: &dyn Notice) {
        let Body::Walked(root) = self.body else {
            return;
        };
        let automaton = plan.automaton();
        let is_unnamed = |name: &[u8], hash: u64| {
            self.elements.iter().all(|&element| {
                let (state, known) = automaton.member(element, name, hash);
                known.is_none() && automaton.state(state.settled()).is_unnamed()
            })
        };
        let hashed = |column: usize| {
            let name = self.name(column);
            (name, hash_name(name.as_bytes(), automaton.seed()))
        };
        let all = || (0..self.count()).map(hashed);
        if all().all(|(name, hash)| is_unnamed(name.as_bytes(), hash)) {
            return;
        }
        for (name, hash) in all() {
            if is_unnamed(name.as_bytes(), hash) && notice.is_new(member_key(hash, root)) {
                notice.tell(&format!("$[*].{name}"));
            }
        }
    }

    /// All columns are there.
    pub(super) fn complete(&mut self) {
        self.seen = HashSet::new();
    }

    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn name(&self, column: usize) -> &str {
        let from = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        std::str::from_utf8(&self.names[from..self.ends[column]]).expect("names are added as text")
    }

    /// The name of `column` if the plan knows it there, or in a row that has no state yet, in some state; else `*`.
    pub(super) fn known_name<'a>(&self, plan: &'a Plan, column: usize) -> &'a str {
        if column >= self.count() {
            return "*";
        }
        let decided = self.fates.get(self.current).and_then(|fates| fates.element);
        let elements = if self.undecided {
            &self.elements[..]
        } else {
            decided.as_slice()
        };
        let automaton = plan.automaton();
        let name = self.name(column).as_bytes();
        let hash = hash_name(name, automaton.seed());
        let known = elements.iter().find_map(|&element| {
            let (_, slot) = automaton.member(element, name, hash);
            slot.map(|slot| automaton.name(element, slot))
        });
        known.unwrap_or("*")
    }

    /// The columns that what is asked of a row looks at.
    pub(super) fn asked(&self) -> &[usize] {
        &self.asked
    }

    /// Whether values of `column` leave in some row.
    pub(super) fn shown(&self, column: usize) -> bool {
        self.shown[column]
    }

    /// The fates of the row that [`Columns::enter`] was called for last, once its state is known.
    #[inline]
    pub(super) fn fates(&self) -> &Fates {
        &self.fates[self.current]
    }

    /// Whether a transform that refuses selects that row itself. Where the body's first byte is at fault no row has
    /// come.
    pub(super) fn refused(&self) -> bool {
        let fates = self.fates.get(self.current);
        fates.is_some_and(|fates| fates.refused)
    }

    /// The state of the values of `column` in the row, if it has states of its own.
    pub(super) fn state(&self, column: usize) -> StateId {
        self.fates().states[column]
    }

    /// Finds out what becomes of the row at `index`; gives what must be asked of the row first, whose answer
    /// [`Columns::settle`] takes.
    pub(super) fn enter(&mut self, plan: &Plan, index: u64) -> Option<CandidateId> {
        let element = match self.body {
            Body::Walked(root) => match plan.automaton().element(root, index) {
                Next::State(state) => Some(state),
                Next::Asked(candidate) => {
                    self.undecided = true;
                    return Some(candidate);
                }
            },
            Body::Kept | Body::Crossed => None,
        };
        self.in_state(plan, element);
        None
    }

    /// The row that [`Columns::enter`] was called for last is in the state `element`.
    pub(super) fn settle(&mut self, plan: &Plan, element: StateId) {
        self.in_state(plan, Some(element));
    }

    fn in_state(&mut self, plan: &Plan, element: Option<StateId>) {
        self.undecided = false;
        let same = |fates: &Fates| fates.element == element;
        if self.fates.get(self.current).is_some_and(same) {
            return;
        }
        if let Some(known) = self.fates.iter().position(same) {
            self.current = known;
            return;
        }
        if self.fates.len() == REMEMBERED {
            self.fates.clear();
        }
        let fates = self.resolve(plan, element);
        self.fates.push(fates);
        self.current = self.fates.len() - 1;
    }

    fn resolve(&self, plan: &Plan, element: Option<StateId>) -> Fates {
        let mut fates = Fates {
            element,
            of: Vec::new(),
            states: Vec::new(),
            counts: [0; FieldOutcome::ALL.len()],
            leave: self.body == Body::Kept,
            crossed: self.body == Body::Crossed,
            refused: false,
            record: false,
        };
        let Some(element) = element else {
            if self.body == Body::Kept {
                fates.of = vec![self.leaving(); self.count()];
            }
            return fates;
        };
        let state = plan.automaton().state(element);
        fates.record = state.record;
        fates.leave = state.branch.passes() && self.showing > 0;
        match state.branch {
            Branch::KeepAll => {
                fates.counts[FieldOutcome::KeepAll as usize] += 1;
                fates.of = vec![self.leaving(); self.count()];
            }
            Branch::Structure { in_vain, .. } => {
                fates.counts[FieldOutcome::Mismatch as usize] += u64::from(in_vain);
                self.resolve_columns(plan, element, &mut fates);
            }
            Branch::Undeclared | Branch::Drop | Branch::Mismatch { .. } | Branch::Conflict => {
                fates.counts[state.branch.outcome() as usize] += 1;
                fates.refused = state.branch == Branch::Mismatch { refuse: true };
                fates.crossed = !state.walked;
                if state.walked {
                    self.resolve_columns(plan, element, &mut fates);
                }
            }
        }
        fates
    }

    fn resolve_columns(&self, plan: &Plan, element: StateId, fates: &mut Fates) {
        let automaton: &Automaton = plan.automaton();
        for column in 0..self.count() {
            let name = self.name(column).as_bytes();
            let hash = hash_name(name, automaton.seed());
            let (next, _) = automaton.member(element, name, hash);
            let id = next.settled();
            let state = automaton.state(id);
            fates.states.push(id);
            let asked = state.subject && plan.subjects().is_some();
            fates.of.push(match leaves(state.leaf) {
                Some((outcome, leaves)) if !asked => {
                    fates.counts[outcome as usize] += 1;
                    match (fates.leave && self.shown(column), leaves) {
                        (true, true) => self.leaving(),
                        (true, false) => Fate::Empty,
                        (false, _) => Fate::Stays,
                    }
                }
                Some(_) | None => Fate::Asked,
            });
        }
    }

    fn leaving(&self) -> Fate {
        if self.guarded {
            Fate::Guarded
        } else {
            Fate::Leaves
        }
    }
}

/// What values under `leaf` count as and whether they leave; `None` if a transform decides.
fn leaves(leaf: Leaf) -> Option<(FieldOutcome, bool)> {
    match leaf {
        Leaf::Keep => Some((FieldOutcome::Keep, true)),
        Leaf::KeepAll => Some((FieldOutcome::KeepAll, true)),
        Leaf::Undeclared => Some((FieldOutcome::Undeclared, false)),
        Leaf::Drop => Some((FieldOutcome::Drop, false)),
        Leaf::Conflict => Some((FieldOutcome::Conflict, false)),
        Leaf::Transform(_) => None,
    }
}
