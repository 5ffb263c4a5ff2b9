//! Rules compiled: selectors become one automaton whose states know what becomes of a node.
//!
//! [`BodyRules`] are the rules as meant; [`Plan::compile`] turns them into a [`Plan`]: immutable, shared,
//! knowing no agreement and no HTTP.

use crate::minimise::Limits;
use crate::transform::{AgreementKeys, SubjectKey, Transform};

pub(crate) mod filter;
pub(crate) mod iregexp;
mod selector;

pub use selector::{Condition, Selector, SelectorError};

/// What an agreement says about one body: the checked form of `record`, `subject`, `release_if`, `fields`.
#[derive(Debug, Clone, Default)]
pub struct BodyRules {
    /// What the body's records are; without it the whole body is no record and nothing is held.
    pub record: Option<Selector>,
    /// Where a record names its subject. Written from the record (`@.nhsNumber` or `$.nhsNumber`) or, where
    /// it starts as `record` does, from the document.
    pub subject: Option<Selector>,
    /// A record leaves only if this holds of it (`@` is the record).
    pub release_if: Option<Condition>,
    /// The rules, in the order they are written. Their order changes nothing.
    pub fields: Vec<Rule>,
    /// Leave out containers in which nothing passed, named ones too.
    pub prune: bool,
}

/// A selector and what happens to what it selects.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it selects, from the document's root.
    pub selector: Selector,
    /// What happens to it.
    pub action: Action,
    /// What happens when a transform meets a value that it is not for.
    pub on_mismatch: OnMismatch,
    /// The line of the file that the rule stands on, for `explain`.
    pub line: usize,
}

/// What a rule does.
#[derive(Debug, Clone)]
pub enum Action {
    /// A single value leaves, byte for byte.
    Keep,
    /// A whole subtree leaves, byte for byte, new fields in it included.
    KeepAll,
    /// Nothing leaves, inside it either.
    Drop,
    /// A coarser value or a token leaves.
    Transform(Transform),
}

/// What becomes of a value that a transform is not for. The raw value never leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnMismatch {
    /// The node is dropped and counted.
    #[default]
    Drop,
    /// The exchange ends.
    Refuse,
}

/// The keys that a plan's transforms need. A plan without keyed transforms needs none.
#[derive(Debug, Clone, Default)]
pub struct PlanKeys {
    /// The agreement's keys, for tokens.
    pub agreement: Option<AgreementKeys>,
    /// The controller's key for subjects in the ledger.
    pub subject: Option<SubjectKey>,
}

/// Why rules do not make a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlanFault {
    /// Index in [`BodyRules::fields`], or `None` where `record`, `subject` or `release_if` is at fault.
    pub rule: Option<usize>,
    /// What is wrong and what to write instead, one sentence.
    pub message: String,
}

/// A disclosure's rules compiled.
#[derive(Debug)]
pub struct Plan {
    limits: Limits,
}

/// What became of one node of a sample: the answer of [`Plan::explain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDecision {
    /// The node as a normalised path (RFC 9535 §2.7), `$['address']['postcode']`.
    pub path: String,
    /// What happened: an action's word, `structure`, or `undeclared`.
    pub outcome: String,
    /// The rule that decided, as an index in [`BodyRules::fields`]; `None` for the default.
    pub rule: Option<usize>,
}

impl Plan {
    /// Compiles `rules`.
    ///
    /// # Errors
    /// Every fault of the rules, not only the first.
    pub fn compile(
        rules: &BodyRules,
        keys: &PlanKeys,
        limits: &Limits,
    ) -> Result<Self, Vec<PlanFault>> {
        let _ = (rules, keys);
        Ok(Self {
            limits: limits.clone(),
        })
    }

    /// The bounds that bodies under this plan have.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Which rule decides each node of `sample`, a JSON document, in document order.
    ///
    /// # Errors
    /// If `sample` is not JSON that the machine accepts.
    pub fn explain(&self, sample: &[u8]) -> Result<Vec<FieldDecision>, crate::minimise::BodyError> {
        let _ = sample;
        Ok(Vec::new())
    }
}
