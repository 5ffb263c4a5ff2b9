//! Which rule decides each node of a sample: the answers of the rulebook that the automaton is built from, listed.

use std::sync::Arc;

use super::rulebook::Key;
use super::{Branch, Leaf, Plan, Role, Test};
use crate::minimise::json::JsonMachine;
use crate::minimise::query::{Held, Node};
use crate::minimise::{BodyError, Kind, Machine};
use crate::transform::{Occasion, Setting};

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

pub(super) fn explain(
    plan: &Arc<Plan>,
    sample: &[u8],
    occasion: Occasion,
) -> Result<Vec<FieldDecision>, BodyError> {
    // The machine itself says whether this is a body that could pass.
    let mut machine = JsonMachine::on(Arc::clone(plan), occasion.clone());
    let mut out = Vec::new();
    machine.push(sample, &mut out)?;
    machine.finish(&mut out)?;
    let held = Held::within(sample, plan.limits())?.on(occasion.today);
    let mut listing = Listing {
        plan,
        held: &held,
        setting: Setting::new(Some(occasion)),
        found: Vec::new(),
    };
    listing.node(held.root(), &plan.rulebook().root(), "$");
    Ok(listing.found)
}

struct Listing<'a> {
    plan: &'a Plan,
    held: &'a Held<'a>,
    setting: Setting,
    found: Vec<FieldDecision>,
}

impl Listing<'_> {
    /// Recursion is bounded: the machine accepted the sample, so it is no deeper than its limit.
    fn node(&mut self, at: Node, key: &Key, path: &str) {
        let (rules, held) = (self.plan.rulebook(), self.held);
        let kind = held.kind(at);
        let (leaf, rule) = rules.leaf(key);
        if rules.is(key, Role::Record) && !self.plan.known().is_empty() {
            held.know(self.plan, at, self.setting.known_mut());
        }
        if !kind.is_container() {
            let outcome = match leaf {
                Leaf::Undeclared => "undeclared",
                Leaf::Drop => "drop",
                Leaf::Keep => "keep",
                Leaf::KeepAll => "keep_all",
                Leaf::Conflict => "conflict",
                Leaf::Transform(_) if kind == Kind::Null => "null",
                Leaf::Transform(rule) => {
                    let (transform, _) = self.plan.transform(rule);
                    match transform.apply(held.bytes(at), &mut self.setting, &mut Vec::new()) {
                        Ok(()) => transform.outcome().code(),
                        Err(_) => "mismatch",
                    }
                }
            };
            self.enter(path, outcome, rule);
            return;
        }
        let (branch, rule) = rules.branch(key, leaf);
        let outcome = match branch {
            Branch::Structure { .. } => "structure",
            Branch::KeepAll
            | Branch::Undeclared
            | Branch::Drop
            | Branch::Mismatch { .. }
            | Branch::Conflict => branch.outcome().code(),
        };
        self.enter(path, outcome, rule);
        if outcome != "structure" {
            return;
        }
        let length = held.children(at).count() as u64;
        for (child, index) in held.children(at).zip(0_u64..) {
            let holds = |test| match test {
                Test::Filter(filter) => held.satisfies(rules.filters().get(filter), child),
                Test::Position(positions) => positions.contains(index, length),
            };
            let (next, step) = match held.name(child) {
                Some(name) => {
                    let mut unescaped = Vec::new();
                    crate::transform::unescape(name, &mut unescaped);
                    (
                        rules.member(key, Some(&unescaped), holds),
                        normal_name(&String::from_utf8_lossy(&unescaped)),
                    )
                }
                None => (rules.element(key, Some(index), holds), index.to_string()),
            };
            self.node(child, &next, &format!("{path}[{step}]"));
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
