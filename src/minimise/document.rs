//! Document plans: rules that only the whole document decides, such as filters or positions from an array's end.
//!
//! The body is checked as it comes and held, within [`super::Limits::held_bytes`]; at its end it is laid flat and each
//! node is decided by the same rulebook that automata are built from. What leaves is what a streaming plan
//! would let leave.
//!
//! In one thing it is stricter: names are compared in every object, since a filter may look anywhere, so a name given
//! twice ends the body wherever it stands.

use std::sync::Arc;

use super::tape::{Kind, NodeIndex, Tape};
use super::{BodyError, BodyFault, FieldOutcome, SubjectToken, Tally};
use crate::plan::rulebook::Key;
use crate::plan::{Branch, Leaf, Plan, Role, Rulebook};

/// One body under a document plan.
#[derive(Debug)]
pub(super) struct Document {
    plan: Arc<Plan>,
    /// The body so far, checked, without the white space around it.
    pub(super) body: Vec<u8>,
    /// Bytes of white space before it.
    white: u64,
    /// Whether something other than white space has come.
    begun: bool,
    pub(super) tally: Tally,
}

impl Document {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            body: Vec::new(),
            white: 0,
            begun: false,
            tally: Tally::default(),
        }
    }

    /// Notes that `input` comes next.
    pub(super) fn comes(&mut self, input: &[u8]) {
        self.tally.bytes_in += input.len() as u64;
        if !self.begun {
            let is_white = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let white = input.iter().take_while(is_white).count();
            self.white += white as u64;
            self.begun = white < input.len();
        }
    }

    /// Decides the whole body; appends what leaves to `out` and the released records' subjects to `subjects`.
    pub(super) fn decide(
        &mut self,
        out: &mut Vec<u8>,
        subjects: &mut Vec<SubjectToken>,
    ) -> Result<(), BodyError> {
        let mut tape = Tape::new();
        if tape.parse(&self.body).is_err() {
            return Err(BodyError {
                fault: BodyFault::HeldTooLarge,
                offset: 0,
                path: "$".to_owned(),
            });
        }
        let mut deciding = Deciding {
            plan: &self.plan,
            rules: self.plan.rulebook(),
            tape: &tape,
            body: &self.body,
            white: self.white,
            way: Vec::new(),
            in_record: false,
            record_subjects: Vec::new(),
            subjects,
            tally: &mut self.tally,
            out,
        };
        let start = deciding.out.len();
        let decided = deciding.value(0, &deciding.rules.root());
        if decided.is_err() {
            out.truncate(start);
        }
        decided.map(|_| ())
    }
}

struct Deciding<'a> {
    plan: &'a Plan,
    rules: &'a Rulebook,
    tape: &'a Tape,
    body: &'a [u8],
    /// Bytes of white space before the body.
    white: u64,
    /// The nodes from the root's child to the one in hand, each with its index in its parent.
    way: Vec<(NodeIndex, u64)>,
    in_record: bool,
    record_subjects: Vec<SubjectToken>,
    subjects: &'a mut Vec<SubjectToken>,
    tally: &'a mut Tally,
    out: &'a mut Vec<u8>,
}

impl Deciding<'_> {
    /// A node, which may be a record: whether something of it left.
    ///
    /// Recursion is bounded: a document plan's bodies are checked to be no deeper than its limit.
    fn value(&mut self, at: NodeIndex, key: &Key) -> Result<bool, BodyError> {
        if self.in_record || !self.rules.is(key, Role::Record) {
            return self.node(at, key);
        }
        if !self
            .plan
            .condition()
            .is_none_or(|condition| condition.holds_of(self.tape, self.body, at))
        {
            self.tally.records_withheld += 1;
            return Ok(self.nothing_at_root(at, false));
        }
        self.in_record = true;
        let left = self.node(at, key)?;
        self.in_record = false;
        self.tally.records_released += 1;
        if self.record_subjects.is_empty() {
            self.tally.subjects_missing += u64::from(self.plan.subjects().is_some());
        }
        self.subjects.append(&mut self.record_subjects);
        Ok(left)
    }

    fn node(&mut self, at: NodeIndex, key: &Key) -> Result<bool, BodyError> {
        let (leaf, _) = self.rules.leaf(key);
        if self.tape.node(at).kind.is_container() {
            self.container(at, key, self.rules.branch(key, leaf).0)
        } else {
            self.single(at, key, leaf)
        }
    }

    fn single(&mut self, at: NodeIndex, key: &Key, leaf: Leaf) -> Result<bool, BodyError> {
        let value = &self.body[self.tape.node(at).bytes()];
        if self.in_record && self.rules.is(key, Role::Subject) {
            self.record_subjects.extend(
                self.plan
                    .subjects()
                    .and_then(|subjects| subjects.token(value)),
            );
        }
        let (outcome, leaves) = match leaf {
            Leaf::Undeclared => (FieldOutcome::Undeclared, false),
            Leaf::Drop => (FieldOutcome::Drop, false),
            Leaf::Conflict => (FieldOutcome::Conflict, false),
            Leaf::Keep => (FieldOutcome::Keep, true),
            Leaf::KeepAll => (FieldOutcome::KeepAll, true),
            Leaf::Transform(rule) => {
                let (transform, refuse) = self.plan.transform(rule);
                if value == b"null" {
                    (transform.outcome(), true)
                } else if transform.apply(value, self.out).is_ok() {
                    self.tally.count(transform.outcome());
                    return Ok(true);
                } else if refuse {
                    return Err(self.mismatch(at));
                } else {
                    (FieldOutcome::Mismatch, false)
                }
            }
        };
        self.tally.count(outcome);
        if leaves {
            self.out.extend_from_slice(value);
            return Ok(true);
        }
        Ok(self.nothing_at_root(at, false))
    }

    fn container(&mut self, at: NodeIndex, key: &Key, branch: Branch) -> Result<bool, BodyError> {
        let node = self.tape.node(at);
        match branch {
            Branch::KeepAll => {
                self.tally.count(FieldOutcome::KeepAll);
                self.out.extend_from_slice(&self.body[node.bytes()]);
                Ok(true)
            }
            Branch::Structure {
                even_empty,
                kept: _,
                in_vain,
            } => {
                if in_vain {
                    self.tally.count(FieldOutcome::Mismatch);
                }
                let (open, close) = if node.kind == Kind::Object {
                    (b'{', b'}')
                } else {
                    (b'[', b']')
                };
                self.out.push(open);
                let some = self.children(at, key)?;
                self.out.push(close);
                Ok(some || even_empty || at == 0)
            }
            Branch::Undeclared | Branch::Drop | Branch::Mismatch { .. } | Branch::Conflict => {
                self.tally.count(branch.outcome());
                if branch == (Branch::Mismatch { refuse: true }) {
                    return Err(self.mismatch(at));
                }
                if self.rules.leads_to_subject(key) {
                    let mark = self.out.len();
                    self.children(at, key)?;
                    self.out.truncate(mark);
                }
                Ok(self.nothing_at_root(at, branch.leaves_bare()))
            }
        }
    }

    /// The members or elements of the container `at`, with names and commas: whether something left.
    fn children(&mut self, at: NodeIndex, key: &Key) -> Result<bool, BodyError> {
        let (tape, body) = (self.tape, self.body);
        let length = tape.node(at).children() as u64;
        let mut unescaped = Vec::new();
        let mut some = false;
        for (child, index) in tape.children(at).zip(0_u64..) {
            let holds = |filter: &_| super::query::holds(filter, tape, body, child);
            let mark = self.out.len();
            if some {
                self.out.push(b',');
            }
            let child_key = match tape.node(child).name() {
                Some(name) => {
                    unescaped.clear();
                    crate::transform::unescape(&body[name.clone()], &mut unescaped);
                    // With its quotes, as it came.
                    self.out
                        .extend_from_slice(&body[name.start - 1..name.end + 1]);
                    self.out.push(b':');
                    self.rules.member(key, &unescaped, holds)
                }
                None => self.rules.element(key, index, length, holds),
            };
            self.way.push((child, index));
            let left = self.value(child, &child_key)?;
            self.way.pop();
            if left {
                some = true;
            } else {
                self.out.truncate(mark);
            }
        }
        Ok(some)
    }

    /// The root leaves as something: bare brackets, or `null`.
    fn nothing_at_root(&mut self, at: NodeIndex, bare: bool) -> bool {
        if at != 0 {
            return false;
        }
        let leaves: &[u8] = match self.tape.node(0).kind {
            Kind::Object if bare => b"{}",
            Kind::Array if bare => b"[]",
            Kind::Object
            | Kind::Array
            | Kind::String
            | Kind::Number
            | Kind::True
            | Kind::False
            | Kind::Null => b"null",
        };
        self.out.extend_from_slice(leaves);
        true
    }

    fn mismatch(&self, at: NodeIndex) -> BodyError {
        let mut path = String::from("$");
        for (node, index) in &self.way {
            match self.tape.node(*node).name() {
                None => path.push_str(&format!("[{index}]")),
                Some(name) => {
                    let mut unescaped = Vec::new();
                    crate::transform::unescape(&self.body[name], &mut unescaped);
                    path.push('.');
                    path.push_str(self.rules.known_name(&unescaped).unwrap_or("*"));
                }
            }
        }
        BodyError {
            fault: BodyFault::Mismatch,
            offset: self.white + self.tape.node(at).bytes().start as u64,
            path,
        }
    }
}
