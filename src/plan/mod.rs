//! Rules compiled: selectors become one automaton whose states know what becomes of a node.
//!
//! [`BodyRules`] are the rules as meant; [`Plan::compile`] turns them into a [`Plan`]: immutable, shared,
//! knowing no agreement and no HTTP.

use std::sync::Arc;

use crate::aggregate::{Aggregate, Prepared as PreparedTable, rules_of_table};
use crate::minimise::query::CompiledCondition;
use crate::minimise::{BodyError, Limits, Withheld};
use crate::transform::{
    AgreementKeys, Knowing, Occasion, Prepared, SubjectKey, SubjectTokens, Transform,
};

mod automaton;
mod compare;
mod csv;
mod dates;
mod explain;
pub(crate) mod filter;
mod format;
pub(crate) mod iregexp;
mod plans;
pub(crate) mod rulebook;
mod selector;
mod tracks;

pub use compare::{Compared, Comparison, Fate, compare};
pub use explain::FieldDecision;
pub use format::{Charset, Csv, Format, Header, Opaque, Ragged, Xml};
pub(crate) use plans::Plans;
pub use selector::{Condition, Selector, SelectorError};

pub(crate) use automaton::{
    Automaton, Branch, CandidateId, Leaf, Next, Renames, StateId, hash_name,
};
pub(crate) use rulebook::Rulebook;
pub(crate) use tracks::{Role, Test};

use filter::{Expression, Members, Query, Reads};
use tracks::{Filters, Track};

/// What an agreement says about one body: the checked form of `record`, `subject`, `release_if`, `fields`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BodyRules {
    /// The body's format: what the selectors look at.
    pub format: Format,
    /// What the body's records are; without it the whole body is no record and nothing is held.
    pub record: Option<Selector>,
    /// Where a record names its subject. Written from the record (`@.nhsNumber` or `$.nhsNumber`) or, where
    /// it starts as `record` does, from the document.
    pub subject: Option<Selector>,
    /// A record leaves only if this holds of it (`@` is the record).
    pub release_if: Option<Condition>,
    /// More that a record is checked for before it leaves, in their order.
    pub withhold: Vec<Check>,
    /// Whether a record leaves is asked of the occasion's gate too, by the record's subject.
    pub gated: bool,
    /// Where a record names people, so that transforms know these names in the record's other texts. Written as
    /// `subject` is.
    pub people: Vec<Selector>,
    /// Where a record has the fields that identify something together, by their numbers
    /// ([`Part::slot`](crate::transform::Part)). Written as `subject` is.
    pub parts: Vec<Selector>,
    /// The rules, in the order they are written. Their order changes nothing.
    pub fields: Vec<Rule>,
    /// Rules for objects whose member names are data: what the names of the members of what is selected become, by a
    /// transform or, left out by `drop`, an array of what the members are.
    pub names: Vec<Rule>,
    /// Leave out containers in which nothing passed, named ones too.
    pub prune: bool,
    /// A table leaves in place of the records.
    pub aggregate: Option<Aggregate>,
    /// A body in which something is that no rule names is refused; without it that is left out.
    pub strict: bool,
}

/// Something that a record is checked for before it leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Why a record stays of which it is not so.
    pub withheld: Withheld,
    /// What must hold of the record (`@`).
    pub unless: Condition,
    /// The purposes for which it is checked; all of them without it.
    pub purposes: Option<Vec<Arc<str>>>,
}

/// A selector and what happens to what it selects.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, PartialEq)]
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
    /// Index in [`BodyRules::fields`] and, after these, in [`BodyRules::names`], or `None` where `record`, `subject` or `release_if` is at fault.
    pub rule: Option<usize>,
    /// What is wrong and what to write instead, one sentence.
    pub message: String,
}

/// Containers open at once in bodies of which queries are asked: these compare containers by recursion.
const ASKED_DEPTH: usize = 512;

/// A disclosure's rules compiled.
#[derive(Debug)]
pub struct Plan {
    /// What follows from the rules alone: plans of the same rules may share it, each with keys of its own.
    compiled: Arc<Compiled>,
    /// Per rule, those for names after those for fields: its transform with its keys, if it has one, and whether a mismatch ends the exchange.
    transforms: Vec<Option<(Prepared, bool)>>,
    subjects: Option<SubjectTokens>,
    /// The table that leaves in place of records.
    aggregate: Option<Arc<PreparedTable>>,
}

/// What of a plan hangs on no key.
#[derive(Debug)]
struct Compiled {
    format: Format,
    limits: Limits,
    rulebook: Rulebook,
    automaton: Automaton,
    /// Only the whole document decides, so that it is held whole before it is walked.
    holds_document: bool,
    strict: bool,
    /// A filter or condition asks how long ago something was.
    reads_today: bool,
    shows_others: bool,
    checks: Vec<CompiledCheck>,
    /// Where a record names its subject, if a gate is asked by it.
    gated: Option<Query>,
    /// What transforms must know of a record before it is walked.
    known: Vec<(Knowing, Query)>,
    /// The body is one record.
    is_one_record: bool,
}

/// A [`Check`] compiled.
#[derive(Debug)]
pub(crate) struct CompiledCheck {
    pub(crate) withheld: Withheld,
    pub(crate) unless: CompiledCondition,
    purposes: Option<Vec<Arc<str>>>,
}

impl CompiledCheck {
    /// Whether it is made where this purpose was declared. Where none is known it is.
    pub(crate) fn is_for(&self, purpose: Option<&str>) -> bool {
        match (&self.purposes, purpose) {
            (None, _) | (_, None) => true,
            (Some(purposes), Some(purpose)) => purposes.iter().any(|name| **name == *purpose),
        }
    }
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
        let Some(aggregate) = &rules.aggregate else {
            return Self::of_records(rules, keys, limits);
        };
        let table = PreparedTable::new(aggregate, rules, keys);
        let of_table = rules_of_table(rules);
        let own = rules.fields.len();
        let plan = Self::of_records(of_table.as_ref().unwrap_or(rules), keys, limits).map_err(
            |mut faults| {
                // The rules of names stand one further behind where the table has a rule of its own.
                let added = of_table
                    .as_ref()
                    .map_or(0, |of_table| of_table.fields.len() - own);
                for fault in &mut faults {
                    fault.rule = match fault.rule {
                        Some(rule) if rule < own => Some(rule),
                        Some(rule) if rule < own + added => None,
                        Some(rule) => Some(rule - added),
                        None => None,
                    };
                }
                faults
            },
        );
        match (plan, table) {
            // Of a table nobody is entered in the ledger.
            (Ok(plan), Ok(table)) => Ok(Self {
                aggregate: Some(Arc::new(table)),
                subjects: plan.subjects.map(SubjectTokens::entering_nobody),
                ..plan
            }),
            (plan, table) => {
                let mut faults = plan.err().unwrap_or_default();
                let of_table = table.err().unwrap_or_default().into_iter();
                faults.extend(of_table.map(|message| PlanFault {
                    rule: None,
                    message,
                }));
                Err(faults)
            }
        }
    }

    /// Compiles the rules by which records leave.
    fn of_records(
        rules: &BodyRules,
        keys: &PlanKeys,
        limits: &Limits,
    ) -> Result<Self, Vec<PlanFault>> {
        let mut faults = Vec::new();
        let mut tracks = Vec::new();
        let mut filters = Filters::default();
        let mut track =
            |selector: &Selector, role, rule| match tracks::steps(selector.query(), &mut filters) {
                Ok(steps) => tracks.push(Track { steps, role }),
                Err(message) => faults.push(PlanFault { rule, message }),
            };
        for (index, rule) in rules.fields.iter().enumerate() {
            track(&rule.selector, Role::Field(index), Some(index));
        }
        for (index, rule) in rules.names.iter().enumerate() {
            let place = rules.fields.len() + index;
            track(&rule.selector, Role::Names(index), Some(place));
        }
        if let Some(record) = &rules.record {
            track(record, Role::Record, None);
        }
        if let Some(subject) = &rules.subject {
            match &rules.record {
                Some(record) => track(&subject.within(record), Role::Subject, None),
                None => faults.push(PlanFault {
                    rule: None,
                    message: "`subject` is of a record; write `record:` too, `record: $` if the body is one".to_owned(),
                }),
            }
        }
        let of_record = [
            ("release_if", rules.release_if.is_some()),
            ("withhold", !rules.withhold.is_empty()),
        ];
        if rules.record.is_none()
            && let Some((key, _)) = of_record.iter().find(|(_, written)| *written)
        {
            faults.push(PlanFault {
                rule: None,
                message: format!(
                    "`{key}` is of a record; write `record:` too, `record: $` if the body is one"
                ),
            });
        }
        for (index, rule) in rules.fields.iter().chain(&rules.names).enumerate() {
            if index >= rules.fields.len() {
                let fits = match &rule.action {
                    Action::Drop => true,
                    Action::Keep | Action::KeepAll => false,
                    Action::Transform(transform) => !matches!(transform, Transform::Replace { .. }),
                };
                if !fits {
                    faults.push(PlanFault {
                        rule: Some(index),
                        message: "names are told apart once they have left, so what they become hangs on what they are; write drop, pseudonymise or generalise".to_owned(),
                    });
                }
            }
        }
        let transforms = transforms(rules, keys, &mut faults);
        let known = match known(rules, &transforms) {
            Ok(known) => known,
            Err(fault) => {
                faults.push(fault);
                Vec::new()
            }
        };
        let mut checks = Vec::new();
        let own = rules.release_if.iter().map(|condition| Check {
            withheld: Withheld::Condition,
            unless: condition.clone(),
            purposes: None,
        });
        for check in rules.withhold.iter().cloned().chain(own) {
            match CompiledCondition::compile(&check.unless) {
                Ok(unless) => checks.push(CompiledCheck {
                    withheld: check.withheld,
                    unless,
                    purposes: check.purposes,
                }),
                Err(error) => faults.push(PlanFault {
                    rule: None,
                    message: error.message,
                }),
            }
        }
        let gated = match gated(rules) {
            Ok(gated) => gated,
            Err(fault) => {
                faults.push(fault);
                None
            }
        };
        if let Format::Xml(xml) = &rules.format {
            faults.extend(crate::minimise::xml::check(xml, rules));
        }
        if tracks.len() > usize::from(u16::MAX) {
            let message = format!("more than {} selectors in one disclosure", u16::MAX);
            faults.push(PlanFault {
                rule: None,
                message,
            });
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let today = |expression: &Expression| expression.reads(Reads::Today);
        let reads_today = filters.all().any(today)
            || checks.iter().any(|check| today(check.unless.expression()))
            || transforms
                .iter()
                .flatten()
                .any(|(transform, _)| transform.reads_today());
        let shows_others = transforms
            .iter()
            .flatten()
            .any(|(transform, _)| transform.is_decided());
        let asks =
            !checks.is_empty() || gated.is_some() || !filters.is_empty() || !known.is_empty();
        let rulebook = Rulebook {
            tracks,
            filters,
            rules: rules.fields.clone(),
            names: rules.names.clone(),
            prune: rules.prune,
        };
        let automaton = automaton::build(&rulebook).map_err(|message| {
            vec![PlanFault {
                rule: None,
                message,
            }]
        })?;
        // Where the record is the document the two roots are one; elsewhere the document must be held for it.
        let record_is_document = rules
            .record
            .as_ref()
            .is_none_or(|record| record.query().segments.is_empty());
        let condition_asks_document =
            !record_is_document && checks.iter().any(|check| check.unless.reads_document());
        let filter_asks_document = automaton
            .candidates()
            .iter()
            .flat_map(|candidate| &candidate.tests)
            .any(|test| match test {
                Test::Filter(filter) => rulebook.filters().get(*filter).reads(Reads::Document),
                Test::Position(_) => false,
            });
        let holds_document = condition_asks_document
            || filter_asks_document
            || automaton.state(automaton.root()).counted;
        let misfits = rules.format.misfits(
            rules.record.as_ref(),
            holds_document,
            !automaton.candidates().is_empty(),
        );
        if !rules.names.is_empty() && !rules.format.is_json() {
            return Err(vec![PlanFault {
                rule: Some(rules.fields.len()),
                message: "rules for member names are for JSON in its formats alone; the names of columns, elements and form fields are written in the agreement".to_owned(),
            }]);
        }
        if !misfits.is_empty() {
            return Err(misfits);
        }
        if let Format::Csv(csv) = &rules.format {
            let faults = csv::faults(csv, rules, condition_asks_document);
            if !faults.is_empty() {
                return Err(faults);
            }
        }
        if condition_asks_document && matches!(rules.format, Format::Xml(_)) {
            let message = "a condition on an XML body sees its record alone; write @ in place of $"
                .to_owned();
            return Err(vec![PlanFault {
                rule: None,
                message,
            }]);
        }
        let limits = Limits {
            depth: if asks {
                limits.depth.min(ASKED_DEPTH)
            } else {
                limits.depth
            },
            held_bytes: limits.held_bytes.min(Limits::MOST_HELD_BYTES),
            ..limits.clone()
        };
        let compiled = Compiled {
            format: rules.format.clone(),
            limits,
            rulebook,
            automaton,
            holds_document,
            strict: rules.strict,
            reads_today,
            shows_others,
            checks,
            gated,
            known,
            is_one_record: rules.record.is_some() && record_is_document,
        };
        Ok(Self {
            compiled: Arc::new(compiled),
            transforms,
            subjects: subjects(rules, keys),
            aggregate: None,
        })
    }

    /// The plan of `rules`, which `compiled` was made of, with `keys`; `None` where one of these is missing.
    fn keyed(compiled: &Arc<Compiled>, rules: &BodyRules, keys: &PlanKeys) -> Option<Self> {
        let mut faults = Vec::new();
        let transforms = transforms(rules, keys, &mut faults);
        faults.is_empty().then(|| Self {
            compiled: Arc::clone(compiled),
            transforms,
            subjects: subjects(rules, keys),
            aggregate: None,
        })
    }

    /// Whether `other` is of the same rules, so that what was learnt of bodies under it holds under this.
    #[must_use]
    pub(crate) fn walks_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.compiled, &other.compiled)
    }

    /// The format that bodies under this plan have.
    #[must_use]
    pub fn format(&self) -> &Format {
        &self.compiled.format
    }

    /// The table that leaves in place of records, if one does.
    pub(crate) fn aggregate(&self) -> Option<&Arc<PreparedTable>> {
        self.aggregate.as_ref()
    }

    /// Whether a body under this plan is one record, which leaves or stays behind as it is.
    #[must_use]
    pub fn is_one_record(&self) -> bool {
        self.compiled.is_one_record && self.aggregate.is_none()
    }

    /// How the table is written that leaves in place of records; `None` where records leave.
    #[must_use]
    pub fn table_output(&self) -> Option<crate::aggregate::Output> {
        self.aggregate.as_ref().map(|table| table.output())
    }

    /// The bounds that bodies under this plan have.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.compiled.limits
    }

    /// Whether only the whole document decides, so that each body is held, up to [`Limits::held_bytes`]: a filter or
    /// condition looks at the document (`$`), or the document's own elements are counted from their end.
    #[must_use]
    pub fn holds_document(&self) -> bool {
        self.compiled.holds_document
    }

    /// Whether a body in which something is that no rule names is refused; it is held whole for that, up to
    /// [`Limits::held_bytes`].
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.compiled.strict
    }

    /// Whether values are held, each up to [`Limits::held_bytes`], until they are whole: a selector's filter is decided
    /// on each element or member that it is asked of, a position from an array's end on the array.
    #[must_use]
    pub fn holds_elements(&self) -> bool {
        !self.compiled.holds_document
            && (!self.compiled.automaton.candidates().is_empty()
                || self.compiled.automaton.counts())
    }

    /// Whether what leaves depends on today's date: a filter or condition has `age(…)` or `since(…)`.
    #[must_use]
    pub fn reads_today(&self) -> bool {
        self.compiled.reads_today
    }

    /// Whether what leaves depends on what people have said of their records: a gate is asked.
    #[must_use]
    pub fn is_gated(&self) -> bool {
        self.compiled.gated.is_some()
    }

    /// Whether what leaves depends on [`crate::transform::Occasion::document`], or on what stood before in the
    /// document.
    #[must_use]
    pub fn reads_document(&self) -> bool {
        let mut transforms = self.transforms.iter().flatten();
        transforms.any(|(transform, _)| transform.reads_document())
    }

    /// Which rule decides each node of `sample`, a JSON document, on this occasion, in document order.
    ///
    /// What stands in a subtree that is dropped or kept whole is not listed: its top says it all.
    ///
    /// # Errors
    /// If `sample` is not JSON that the machine accepts.
    pub fn explain(
        self: &Arc<Self>,
        sample: &[u8],
        occasion: impl Into<Occasion>,
    ) -> Result<Vec<FieldDecision>, BodyError> {
        explain::explain(self, sample, occasion.into())
    }

    pub(crate) fn automaton(&self) -> &Automaton {
        &self.compiled.automaton
    }

    pub(crate) fn rulebook(&self) -> &Rulebook {
        &self.compiled.rulebook
    }

    /// Whether a record is decided before it is walked: by a condition, or for what transforms must know of it.
    pub(crate) fn asks_records(&self) -> bool {
        self.decides_records() || !self.compiled.known.is_empty()
    }

    /// Whether a record may stay behind as a whole.
    pub(crate) fn decides_records(&self) -> bool {
        !self.compiled.checks.is_empty() || self.compiled.gated.is_some()
    }

    /// What must hold of a record, in this order.
    pub(crate) fn checks(&self) -> &[CompiledCheck] {
        &self.compiled.checks
    }

    /// Where a record names its subject, if a gate is asked by it; a query whose `@` is the record.
    pub(crate) fn gated(&self) -> Option<&Query> {
        self.compiled.gated.as_ref()
    }

    /// The members that filters and the condition look at in what they are asked of.
    pub(crate) fn asked_members(&self) -> Members {
        let mut members = Members::default();
        for filter in self.compiled.rulebook.filters().all() {
            members.add(filter);
        }
        for check in &self.compiled.checks {
            members.add(check.unless.expression());
        }
        let queries = self.compiled.known.iter().map(|(_, query)| query);
        for query in queries.chain(&self.compiled.gated) {
            members.add(&Expression::Exists(query.clone()));
        }
        members
    }

    /// What transforms must know of a record before it is walked; a query's `@` is the record.
    pub(crate) fn known(&self) -> &[(Knowing, Query)] {
        &self.compiled.known
    }

    pub(crate) fn subjects(&self) -> Option<&SubjectTokens> {
        self.subjects.as_ref()
    }

    /// Whether some value leaves only where the others in its record may be shown.
    pub(crate) fn shows_others(&self) -> bool {
        self.compiled.shows_others
    }

    /// The transform of the name rule `rule`, and whether a mismatch ends the exchange.
    pub(crate) fn renaming(&self, rule: u32) -> (&Prepared, bool) {
        self.transform(self.compiled.rulebook.rules.len() as u32 + rule)
    }

    /// The transform of `rule`, and whether a mismatch ends the exchange.
    pub(crate) fn transform(&self, rule: u32) -> (&Prepared, bool) {
        let (transform, refuse) = self.transforms[rule as usize]
            .as_ref()
            .expect("the automaton names rules with a transform only");
        (transform, *refuse)
    }
}

/// The transform of each of `rules`, with its keys.
fn transforms(
    rules: &BodyRules,
    keys: &PlanKeys,
    faults: &mut Vec<PlanFault>,
) -> Vec<Option<(Prepared, bool)>> {
    let all = rules.fields.iter().chain(&rules.names).enumerate();
    all.map(|(index, rule)| match &rule.action {
        Action::Keep | Action::KeepAll | Action::Drop => None,
        Action::Transform(transform) => match Prepared::new(transform, keys.agreement.as_ref()) {
            Ok(prepared) => Some((prepared, rule.on_mismatch == OnMismatch::Refuse)),
            Err(error) => {
                faults.push(PlanFault {
                    rule: Some(index),
                    message: error.to_string(),
                });
                None
            }
        },
    })
    .collect()
}

/// What makes the ledger's tokens of the subjects of records, where `rules` name these and there is a key.
fn subjects(rules: &BodyRules, keys: &PlanKeys) -> Option<SubjectTokens> {
    let named = rules.subject.as_ref();
    named.and(keys.subject.as_ref()).map(SubjectTokens::new)
}

/// Where the records of `rules` name their subjects, if a gate is asked by them.
fn gated(rules: &BodyRules) -> Result<Option<Query>, PlanFault> {
    if !rules.gated {
        return Ok(None);
    }
    let (Some(record), Some(subject)) = (&rules.record, &rules.subject) else {
        return Err(PlanFault {
            rule: None,
            message: "who a record is about decides whether it leaves; write `record:` and `subject:`, for example record: $ and subject: $.nhsNumber".to_owned(),
        });
    };
    let query = subject.below(record).map_err(|error| PlanFault {
        rule: None,
        message: error.message,
    })?;
    Ok(Some(query))
}

/// What transforms of `rules` must know of a record before it is walked.
fn known(
    rules: &BodyRules,
    transforms: &[Option<(Prepared, bool)>],
) -> Result<Vec<(Knowing, Query)>, PlanFault> {
    let reads = |transform: &Option<(Prepared, bool)>| {
        transform
            .as_ref()
            .is_some_and(|(transform, _)| transform.reads_subject())
    };
    let subject = transforms.iter().position(reads);
    let fault = |rule, message: &str| PlanFault {
        rule,
        message: message.to_owned(),
    };
    if let Some(rule) = subject
        && rules.subject.is_none()
    {
        let message = "it is keyed by the record's subject; write `record:` and `subject:` too, for example record: $ and subject: $.nhsNumber";
        return Err(fault(Some(rule), message));
    }
    let selectors = rules
        .subject
        .iter()
        .filter(|_| subject.is_some())
        .map(|selector| (Knowing::Subject, selector))
        .chain(rules.people.iter().map(|name| (Knowing::Name, name)))
        .chain(
            rules
                .parts
                .iter()
                .enumerate()
                .map(|(slot, part)| (Knowing::Part(slot), part)),
        )
        .collect::<Vec<_>>();
    let Some(record) = &rules.record else {
        return match selectors.is_empty() {
            true => Ok(Vec::new()),
            false => Err(fault(
                None,
                "names, and fields that identify together, are looked for in their record; write `record:` too, `record: $` if the body is one",
            )),
        };
    };
    selectors
        .into_iter()
        .map(|(knowing, selector)| {
            let query = selector
                .below(record)
                .map_err(|error| fault(None, &error.message))?;
            Ok((knowing, query))
        })
        .collect()
}
