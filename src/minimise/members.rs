//! What forms have in common: members by name, and one record, which is the whole form.

use std::collections::HashMap;
use std::sync::Arc;

use crate::transform::Occasion;

use super::gate::{Notice, member_key};
use super::names::Names;
use super::text::Texts;
use super::walk::Key;
use super::{BodyError, BodyFault, FieldOutcome, SubjectToken, Tally};
use crate::plan::{Branch, Leaf, Plan, StateId, hash_name};
use crate::transform::push_quoted;

/// A fault and its place in the body.
pub(super) type Broken = (BodyFault, u64);

/// The members of a form by their names. One into whose elements the rules look may come more than once: it is an
/// array, and each time an element of it comes.
#[derive(Debug)]
struct Members {
    plan: Arc<Plan>,
    names: Names,
    /// How many elements each array has, by its name's hash.
    arrays: HashMap<u64, u64>,
    /// Rules look into the form, or it passes; elsewhere names say nothing.
    looked_into: bool,
    /// The member in hand, and which element of it.
    key: Key,
    element: Option<u64>,
}

impl Members {
    fn new(plan: Arc<Plan>) -> Self {
        let root = plan.automaton().state(plan.automaton().root());
        Self {
            names: Names::default(),
            arrays: HashMap::new(),
            looked_into: root.branch.passes() || root.walked || plan.asks_records(),
            key: Key::Itself,
            element: None,
            plan,
        }
    }

    /// The member `name` comes: the state of its value. One that is `whole` is no element of an array.
    fn enter(&mut self, name: &str, whole: bool) -> Result<StateId, BodyFault> {
        let automaton = self.plan.automaton();
        let hash = hash_name(name.as_bytes(), automaton.seed());
        let (next, slot) = automaton.member(automaton.root(), name.as_bytes(), hash);
        let state = next.settled();
        self.key = slot.map_or(Key::Other, Key::Known);
        self.element = None;
        if !self.looked_into {
            return Ok(state);
        }
        let array = !whole && is_array(&self.plan, state);
        if array && let Some(length) = self.arrays.get_mut(&hash) {
            self.element = Some(*length);
            *length += 1;
        } else {
            if self.names.count(0) == self.plan.limits().object_members {
                return Err(BodyFault::TooManyMembers);
            }
            if !self.names.enter(0, hash) {
                return Err(BodyFault::DuplicateName);
            }
            if array {
                self.arrays.insert(hash, 1);
                self.element = Some(0);
            }
        }
        Ok(match self.element {
            Some(index) => self.plan.automaton().element(state, index).settled(),
            None => state,
        })
    }

    fn path(&self) -> String {
        let automaton = self.plan.automaton();
        let mut path = match self.key {
            Key::Itself => "$".to_owned(),
            Key::Other => "$.*".to_owned(),
            Key::Known(slot) => format!("$.{}", automaton.name(automaton.root(), slot)),
        };
        if let Some(index) = self.element {
            path.push_str(&format!("[{index}]"));
        }
        path
    }
}

/// Whether a member in `state` is an array of texts: a rule selects elements of it, or all in it is dropped or kept. A
/// transform selects a text.
fn is_array(plan: &Plan, state: StateId) -> bool {
    let automaton = plan.automaton();
    let own = automaton.state(state);
    if matches!(own.leaf, Leaf::Transform(_) | Leaf::Conflict) {
        return false;
    }
    own.ranged() || automaton.state(automaton.element(state, 0).settled()).leaf != Leaf::Undeclared
}

/// The state of a form's body, whatever its framing.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) plan: Arc<Plan>,
    pub(super) texts: Texts,
    members: Members,
    pub(super) tally: Tally,
    /// The form is a record: what leaves of it is held until its end.
    record: bool,
    held: Vec<u8>,
    pub(super) record_subjects: Vec<SubjectToken>,
    pub(super) subjects: Vec<SubjectToken>,
    /// Where inside the member in hand: the rest of its path.
    pub(super) inside: String,
    /// Under a condition, or where transforms must know something of it: until that is decided and known.
    look: Option<Look>,
    /// Bytes taken.
    pub(super) offset: u64,
    dead: Option<BodyError>,
}

/// A form whose condition is not decided: as it came, and as the condition sees it.
#[derive(Debug, Default)]
struct Look {
    raw: Vec<u8>,
    members: Vec<Shown>,
    places: HashMap<String, usize>,
}

/// A member as a condition sees it.
#[derive(Debug)]
struct Shown {
    name: String,
    array: bool,
    /// Its value, or its elements with commas between.
    json: Vec<u8>,
}

impl Form {
    /// At the start of a body under `plan`, on this occasion. Under a condition it looks at first, unless that is `decided`.
    pub(super) fn new(plan: Arc<Plan>, occasion: Occasion, decided: bool) -> Self {
        let root = plan.automaton().state(plan.automaton().root());
        let (record, branch) = (root.record, root.branch);
        let mut form = Self {
            texts: Texts::new(Arc::clone(&plan), occasion),
            members: Members::new(Arc::clone(&plan)),
            tally: Tally::default(),
            record,
            held: Vec::new(),
            record_subjects: Vec::new(),
            subjects: Vec::new(),
            inside: String::new(),
            look: (record && !decided && plan.asks_records()).then(Look::default),
            offset: 0,
            dead: None,
            plan,
        };
        let mismatch = |form: &mut Self| {
            if !form.looks() {
                form.tally.count(FieldOutcome::Mismatch);
            }
        };
        match branch {
            Branch::Mismatch { refuse } => {
                mismatch(&mut form);
                if refuse {
                    form.dead = Some(BodyError {
                        fault: BodyFault::Mismatch,
                        offset: 0,
                        path: "$".to_owned(),
                    });
                }
            }
            Branch::Structure { in_vain: true, .. } => mismatch(&mut form),
            Branch::Structure { in_vain: false, .. }
            | Branch::Undeclared
            | Branch::Drop
            | Branch::Conflict
            | Branch::KeepAll => {}
        }
        form
    }

    /// Whether nothing is decided yet: every value is for the condition to look at.
    pub(super) fn looks(&self) -> bool {
        self.look.is_some()
    }

    /// Whether the form is a record.
    pub(super) fn is_record(&self) -> bool {
        self.record
    }

    /// The member `name`, which stands at `at`, comes: the state of its value. One that is `whole` is no element of
    /// an array.
    pub(super) fn enter(&mut self, name: &str, whole: bool, at: u64) -> Result<StateId, Broken> {
        let entered = self.members.enter(name, whole);
        let state = entered.map_err(|fault| (fault, at))?;
        if let (Key::Other, Some(notice)) = (self.members.key, self.texts.notice()) {
            self.tells(notice, name, state);
        }
        Ok(state)
    }

    /// Tells `notice` of the member `name`, whose value is in `state`, if no rule names it.
    fn tells(&self, notice: &dyn Notice, name: &str, state: StateId) {
        let automaton = self.plan.automaton();
        let hash = hash_name(name.as_bytes(), automaton.seed());
        let is_walked = automaton.state(automaton.root()).branch.passes();
        if is_walked
            && automaton.state(state).is_unnamed()
            && notice.is_new(member_key(hash, automaton.root()))
        {
            notice.tell(&format!("$.{name}"));
        }
    }

    /// The member in hand is over.
    pub(super) fn leave(&mut self) {
        self.members.key = Key::Itself;
        self.members.element = None;
        self.inside.clear();
    }

    /// Shows the condition a value of the member `name` that is in hand.
    pub(super) fn show(&mut self, name: &str, json: &[u8]) {
        let Some(look) = &mut self.look else {
            return;
        };
        let array = self.members.element.is_some();
        let place = *look.places.entry(name.to_owned()).or_insert_with(|| {
            look.members.push(Shown {
                name: name.to_owned(),
                array,
                json: Vec::new(),
            });
            look.members.len() - 1
        });
        let shown = &mut look.members[place];
        if !shown.json.is_empty() {
            shown.json.push(b',');
        }
        shown.json.extend_from_slice(json);
    }

    /// Shows the condition a text of the member `name` that is in hand; one without characters is `null`.
    pub(super) fn show_text(&mut self, name: &str, text: &str) {
        let mut json = Vec::new();
        if text.is_empty() {
            json.extend_from_slice(b"null");
        } else {
            push_quoted(text, &mut json);
        }
        self.show(name, &json);
    }

    /// Notes that `input` comes: how much of it may be taken, and the limit that the rest goes over.
    ///
    /// # Errors
    /// If the body is dead.
    pub(super) fn comes<'a>(
        &mut self,
        input: &'a [u8],
    ) -> Result<(&'a [u8], Option<Broken>), BodyError> {
        self.tally.bytes_in += input.len() as u64;
        self.alive()?;
        let limits = self.plan.limits();
        let mut stop = (BodyFault::BodyTooLarge, limits.body_bytes);
        let held_bytes = limits.held_bytes as u64;
        if self.record && held_bytes < stop.1 {
            stop = (BodyFault::HeldTooLarge, held_bytes);
        }
        let room = stop.1 - self.offset;
        let over = input.len() as u64 > room;
        let taken = if over { &input[..room as usize] } else { input };
        if let Some(look) = &mut self.look {
            look.raw.extend_from_slice(taken);
        }
        Ok((taken, over.then_some(stop)))
    }

    /// # Errors
    /// If the body is dead.
    pub(super) fn alive(&self) -> Result<(), BodyError> {
        self.dead.clone().map_or(Ok(()), Err)
    }

    /// Ends a call in which the body went as `worked` says; `out` had `before` bytes at its start.
    pub(super) fn settle(
        &mut self,
        worked: Result<(), Broken>,
        before: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), BodyError> {
        if self.record {
            if worked.is_ok() {
                self.held.extend_from_slice(&out[before..]);
            }
            out.truncate(before);
        }
        self.tally.bytes_out += (out.len() - before) as u64;
        worked.map_err(|(fault, offset)| {
            // Of a record no value is too large to hold before the record is.
            let path = if self.record && fault == BodyFault::HeldTooLarge {
                "$".to_owned()
            } else {
                self.members.path() + &self.inside
            };
            self.dies(BodyError {
                fault,
                offset,
                path,
            })
        })
    }

    /// The body is dead of `error`: nothing that is held leaves.
    pub(super) fn dies(&mut self, error: BodyError) -> BodyError {
        self.held = Vec::new();
        self.look = None;
        self.dead = Some(error.clone());
        error
    }

    /// Ends a form that is whole, with what of it is held.
    pub(super) fn ends(&mut self, out: &mut Vec<u8>) -> Ended {
        let Some(look) = self.look.take() else {
            if self.record {
                self.tally.records_released += 1;
                if self.record_subjects.is_empty() {
                    self.tally.subjects_missing += u64::from(self.plan.subjects().is_some());
                }
                self.subjects.append(&mut self.record_subjects);
                self.record = false;
                self.tally.bytes_out += self.held.len() as u64;
                out.append(&mut self.held);
            }
            return Ended::Left;
        };
        self.held = Vec::new();
        match self.texts.released(&look.json()) {
            Ok(()) => Ended::Released(look.raw),
            Err(why) => {
                self.tally.withhold(why);
                Ended::Withheld
            }
        }
    }

    /// The same form at its start again, to be read now that its condition is decided: with what is known of it.
    pub(super) fn again(&mut self) -> Self {
        let mut again = Self::new(Arc::clone(&self.plan), self.texts.occasion(), true);
        again.texts.knows(&mut self.texts);
        again
    }

    /// Takes over the counts of the form as it was read again.
    pub(super) fn takes_over(&mut self, again: &mut Self) {
        let bytes_in = self.tally.bytes_in;
        self.tally = std::mem::take(&mut again.tally);
        self.tally.bytes_in = bytes_in;
        self.subjects.append(&mut again.subjects);
    }
}

/// What became of a form that is whole.
#[derive(Debug)]
pub(super) enum Ended {
    /// What leaves of it has left.
    Left,
    /// Its condition holds of it: it is read again from these bytes.
    Released(Vec<u8>),
    /// Its condition does not hold.
    Withheld,
}

impl Look {
    /// The form as JSON.
    fn json(&self) -> Vec<u8> {
        let mut json = vec![b'{'];
        for member in &self.members {
            if json.len() > 1 {
                json.push(b',');
            }
            push_quoted(&member.name, &mut json);
            json.push(b':');
            if member.array {
                json.push(b'[');
            }
            json.extend_from_slice(&member.json);
            if member.array {
                json.push(b']');
            }
        }
        json.push(b'}');
        json
    }
}
