//! Which rule decides each node of a sample: the automaton's own answers, listed.

use std::sync::Arc;

use super::{Branch, Leaf, Plan, StateId, hash_name};
use crate::minimise::json::JsonMachine;
use crate::minimise::tape::{Kind, NodeIndex, Tape};
use crate::minimise::{BodyError, BodyFault, Machine};

/// What became of one node of a sample: the answer of [`Plan::explain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDecision {
    /// The node as a normalised path (RFC 9535 §2.7), `$['address']['postcode']`.
    pub path: String,
    /// What happens to it: an outcome's code ([`crate::minimise::FieldOutcome`]), `structure` for a container
    /// that passes as brackets, or `null` for a null that stays one.
    pub outcome: &'static str,
    /// The rule that decided, as an index in [`super::BodyRules::fields`]; `None` for the default.
    pub rule: Option<usize>,
}

pub(super) fn explain(plan: &Arc<Plan>, sample: &[u8]) -> Result<Vec<FieldDecision>, BodyError> {
    // The machine itself says whether this is a body that could pass.
    let mut machine = JsonMachine::new(Arc::clone(plan));
    let mut out = Vec::new();
    machine.push(sample, &mut out)?;
    machine.finish(&mut out)?;
    let too_large = |_| BodyError {
        fault: BodyFault::HeldTooLarge,
        offset: 0,
        path: "$".to_owned(),
    };
    let mut tape = Tape::new();
    tape.parse(sample).map_err(too_large)?;
    let mut listing = Listing {
        plan,
        sample,
        tape: &tape,
        found: Vec::new(),
    };
    listing.node(0, plan.automaton().root(), "$");
    Ok(listing.found)
}

struct Listing<'a> {
    plan: &'a Plan,
    sample: &'a [u8],
    tape: &'a Tape,
    found: Vec<FieldDecision>,
}

impl Listing<'_> {
    /// Recursion is bounded: the machine accepted the sample, so it is no deeper than its limit.
    fn node(&mut self, at: NodeIndex, id: StateId, path: &str) {
        let automaton = self.plan.automaton();
        let state = automaton.state(id);
        let node = self.tape.node(at);
        if !node.kind.is_container() {
            let value = &self.sample[node.bytes()];
            let outcome = match state.leaf {
                Leaf::Undeclared => "undeclared",
                Leaf::Drop => "drop",
                Leaf::Keep => "keep",
                Leaf::KeepAll => "keep_all",
                Leaf::Conflict => "conflict",
                Leaf::Transform(_) if node.kind == Kind::Null => "null",
                Leaf::Transform(rule) => {
                    let (transform, _) = self.plan.transform(rule);
                    match transform.apply(value, &mut Vec::new()) {
                        Ok(()) => transform.outcome().code(),
                        Err(_) => "mismatch",
                    }
                }
            };
            self.enter(path, outcome, state.decided[0]);
            return;
        }
        let outcome = match state.branch {
            Branch::Undeclared => "undeclared",
            Branch::Drop => "drop",
            Branch::Mismatch { .. } => "mismatch",
            Branch::Conflict => "conflict",
            Branch::KeepAll => "keep_all",
            Branch::Structure { .. } => "structure",
        };
        self.enter(path, outcome, state.decided[1]);
        if outcome != "structure" {
            return;
        }
        let object = node.kind == Kind::Object;
        for (index, child) in self.tape.children(at).enumerate() {
            let (next, step) = match self.tape.node(child).name() {
                Some(name) if object => {
                    let mut unescaped = Vec::new();
                    crate::transform::unescape(&self.sample[name], &mut unescaped);
                    let hash = hash_name(&unescaped, automaton.seed());
                    (
                        automaton.member(id, &unescaped, hash).0,
                        normal_name(&String::from_utf8_lossy(&unescaped)),
                    )
                }
                Some(_) | None => (automaton.element(id, index as u64), index.to_string()),
            };
            self.node(child, next, &format!("{path}[{step}]"));
        }
    }

    fn enter(&mut self, path: &str, outcome: &'static str, rule: Option<usize>) {
        self.found.push(FieldDecision {
            path: path.to_owned(),
            outcome,
            rule,
        });
    }
}

/// A name as in a normalised path (RFC 9535 §2.7).
fn normal_name(name: &str) -> String {
    let mut out = String::from("'");
    for character in name.chars() {
        match character {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if (control as u32) < 0x20 => {
                out.push_str(&format!("\\u{:04x}", control as u32))
            }
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}
