//! The plans of one set of agreements: what follows from rules is compiled once for all disclosures that have the same.
//!
//! Agreements of one kind with many partners differ in their keys, not in their rules. What they share they share in
//! memory too, and what a machine has learnt of bodies under one of them holds under all ([`Plan::walks_as`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{BodyRules, Compiled, Plan, PlanFault, PlanKeys};
use crate::minimise::Limits;

/// The plans that have been compiled, for as long as one set is loaded.
#[derive(Debug, Default)]
pub(crate) struct Plans(Mutex<HashMap<String, Vec<Known>>>);

#[derive(Debug)]
struct Known {
    rules: BodyRules,
    limits: Limits,
    compiled: Arc<Compiled>,
}

impl Plans {
    /// The plan of `rules`, as [`Plan::compile`] makes it; what another of the same rules and limits has is taken from it.
    ///
    /// # Errors
    /// As [`Plan::compile`].
    pub(crate) fn compile(
        &self,
        rules: &BodyRules,
        keys: &PlanKeys,
        limits: &Limits,
    ) -> Result<Plan, Vec<PlanFault>> {
        // A table has rules of its own.
        if rules.aggregate.is_some() {
            return Plan::compile(rules, keys, limits);
        }
        let texts = texts(rules);
        let same = |known: &&Known| known.rules == *rules && known.limits == *limits;
        let known = {
            let plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mut known = plans.get(&texts).into_iter().flatten();
            known.find(same).map(|known| Arc::clone(&known.compiled))
        };
        if let Some(plan) = known.and_then(|compiled| Plan::keyed(&compiled, rules, keys)) {
            return Ok(plan);
        }
        let plan = Plan::compile(rules, keys, limits)?;
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.entry(texts).or_default().push(Known {
            rules: rules.clone(),
            limits: limits.clone(),
            compiled: Arc::clone(&plan.compiled),
        });
        Ok(plan)
    }
}

/// The selectors of `rules`: different ones are almost always of different rules.
fn texts(rules: &BodyRules) -> String {
    let fields = rules.fields.iter().chain(&rules.names);
    let fields = fields.map(|rule| &rule.selector);
    let mut texts = String::new();
    for selector in fields.chain(&rules.record).chain(&rules.subject) {
        texts.push_str(selector.text());
        texts.push('\n');
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Action, OnMismatch, Rule, Selector};
    use crate::transform::{Identified, RootKey, Transform};

    fn rules(selector: &str, line: usize) -> BodyRules {
        let selector = Selector::parse(selector).unwrap();
        let token = Transform::Pseudonymise(Identified::text("person"));
        BodyRules {
            fields: vec![Rule {
                selector,
                action: Action::Transform(token),
                on_mismatch: OnMismatch::Drop,
                line,
            }],
            ..BodyRules::default()
        }
    }

    fn keys(agreement: &str) -> PlanKeys {
        PlanKeys {
            agreement: Some(RootKey::from_bytes([1; 32]).agreement(agreement, 1)),
            subject: None,
        }
    }

    #[test]
    fn the_same_rules_are_compiled_once_and_each_agreement_has_its_own_keys() {
        let plans = Plans::default();
        let compile = |rules: &BodyRules, agreement: &str| {
            Arc::new(
                plans
                    .compile(rules, &keys(agreement), &Limits::default())
                    .unwrap(),
            )
        };
        let health = compile(&rules("$.id", 1), "health");
        let housing = compile(&rules("$.id", 1), "housing");
        assert!(housing.walks_as(&health));
        let token = |plan: &Arc<Plan>| {
            let (mut machine, mut out) = (crate::minimise::json_machine(plan), Vec::new());
            machine.push(br#"{"id":"401 023 2137"}"#, &mut out).unwrap();
            machine.finish(&mut out).unwrap();
            out
        };
        assert_ne!(token(&health), token(&housing));
        let alone = Plan::compile(&rules("$.id", 1), &keys("housing"), &Limits::default());
        assert_eq!(token(&housing), token(&Arc::new(alone.unwrap())));
    }

    #[test]
    fn rules_that_differ_in_anything_are_compiled_apart() {
        let plans = Plans::default();
        let compile = |rules: &BodyRules, limits: &Limits| {
            plans.compile(rules, &keys("health"), limits).unwrap()
        };
        let usual = Limits::default();
        let one = compile(&rules("$.id", 1), &usual);
        let refusing = {
            let mut rules = rules("$.id", 1);
            rules.fields[0].on_mismatch = OnMismatch::Refuse;
            rules
        };
        let kept = {
            let mut rules = rules("$.id", 1);
            rules.fields[0].action = Action::Keep;
            rules
        };
        let strict = BodyRules {
            strict: true,
            ..rules("$.id", 1)
        };
        for other in [rules("$.name", 1), rules("$.id", 2), refusing, kept, strict] {
            assert!(!compile(&other, &usual).walks_as(&one), "{other:?}");
        }
        let smaller = Limits {
            depth: 7,
            ..Limits::default()
        };
        assert!(!compile(&rules("$.id", 1), &smaller).walks_as(&one));
        assert!(compile(&rules("$.id", 1), &usual).walks_as(&one));
    }

    #[test]
    fn rules_that_lack_their_keys_are_at_fault_however_often_they_were_compiled() {
        let plans = Plans::default();
        let rules = rules("$.id", 1);
        let compile = |keys: &PlanKeys| plans.compile(&rules, keys, &Limits::default());
        assert!(compile(&keys("health")).is_ok());
        assert!(compile(&PlanKeys::default()).is_err());
    }
}
