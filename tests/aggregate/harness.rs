//! Bodies through rules with a table, in pieces.

use std::sync::Arc;

use fieldgate::minimise::{BodyError, Limits, Tally, machine};
use fieldgate::plan::{Plan, PlanKeys};
use fieldgate::transform::RootKey;
use fieldgate::{agreement, minimise};

/// What is under test: rules of a body, as `apply --fields` takes them.
pub(crate) fn plan(fields: &str) -> Arc<Plan> {
    keyed_plan(fields, 7)
}

/// As [`plan`], under another root key.
pub(crate) fn keyed_plan(fields: &str, root: u8) -> Arc<Plan> {
    match try_plan(fields, root) {
        Ok(plan) => plan,
        Err(faults) => panic!("{faults}\n{fields}"),
    }
}

/// As [`plan`], or every fault.
pub(crate) fn try_plan(fields: &str, root: u8) -> Result<Arc<Plan>, String> {
    let rules =
        agreement::load_fields("rules.yaml", fields).map_err(|faults| faults.to_string())?;
    let root = RootKey::from_bytes([root; 32]);
    let keys = PlanKeys {
        agreement: Some(root.agreement("", 1)),
        subject: Some(root.subject()),
    };
    Plan::compile(&rules, &keys, &Limits::default())
        .map(Arc::new)
        .map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            faults.join("\n")
        })
}

/// What leaves of a body in `pieces`, and its tally.
pub(crate) fn run<'a>(
    plan: &Arc<Plan>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(String, Tally), (BodyError, Tally)> {
    let mut machine: Box<dyn minimise::Machine> =
        machine(plan, "", jiff::civil::date(2026, 11, 22));
    let mut out = Vec::new();
    let mut failed = None;
    for piece in pieces {
        if let Err(error) = machine.push(piece, &mut out) {
            failed = Some(error);
            break;
        }
        assert!(out.is_empty(), "something left before the end");
        assert!(machine.take_subjects().is_empty(), "a subject was named");
    }
    let finished = match failed {
        Some(error) => {
            assert_eq!(
                machine.push(b"x", &mut out).unwrap_err(),
                error,
                "a dead machine stays so"
            );
            Err(error)
        }
        None => machine.finish(&mut out),
    };
    match finished {
        Ok(tally) => Ok((String::from_utf8(out).unwrap(), tally)),
        Err(error) => {
            assert!(out.is_empty(), "something left of a body at fault");
            Err((error, machine.tally().clone()))
        }
    }
}

/// What leaves of a whole body.
pub(crate) fn table(fields: &str, body: &str) -> String {
    match run(&plan(fields), [body.as_bytes()]) {
        Ok((table, _)) => table,
        Err((error, _)) => panic!("{error}"),
    }
}

/// A small generator of numbers (xorshift64*).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}
