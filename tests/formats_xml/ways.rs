//! The machine run over a body in every way that it may come.

use std::sync::Arc;

use fieldgate::minimise::{BodyError, Limits, SubjectToken, Tally, machine};
use fieldgate::plan::{BodyRules, Format, Plan, PlanFault, Xml};

use crate::support;

/// Rules in the tests' notation, for XML.
pub(crate) fn rules(text: &str, namespaces: &[(&str, &str)]) -> BodyRules {
    let namespaces = namespaces
        .iter()
        .map(|(prefix, namespace)| ((*prefix).to_owned(), (*namespace).to_owned()))
        .collect();
    BodyRules {
        format: Format::Xml(Xml { namespaces }),
        ..support::rules(text)
    }
}

pub(crate) fn compile(rules: &BodyRules, limits: &Limits) -> Result<Arc<Plan>, Vec<PlanFault>> {
    Plan::compile(rules, &support::keys(), limits).map(Arc::new)
}

/// The plan of rules that must make one.
pub(crate) fn plan(text: &str, namespaces: &[(&str, &str)], limits: &Limits) -> Arc<Plan> {
    compile(&rules(text, namespaces), limits)
        .unwrap_or_else(|faults| panic!("{text} makes no plan: {faults:?}"))
}

/// What left of a whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) text: String,
    pub(crate) tally: Tally,
    pub(crate) subjects: Vec<SubjectToken>,
}

/// Runs a machine over `pieces`.
pub(crate) fn run<'a>(
    plan: &Arc<Plan>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Ran, BodyError> {
    let mut machine = machine(plan, "", jiff::civil::date(2026, 11, 22));
    let (mut out, mut subjects) = (Vec::new(), Vec::new());
    let mut pushed = Ok(());
    for piece in pieces {
        let before = out.len();
        let now = machine.push(piece, &mut out);
        if pushed.is_err() {
            assert_eq!(now, pushed, "a machine that is dead stays so");
            assert_eq!(out.len(), before, "a machine that is dead gives nothing");
        }
        pushed = now;
        subjects.append(&mut machine.take_subjects());
    }
    let before = out.len();
    let finished = machine.finish(&mut out);
    if let Err(error) = pushed {
        assert_eq!(finished, Err(error.clone()));
        assert_eq!(out.len(), before);
        return Err(error);
    }
    subjects.append(&mut machine.take_subjects());
    let tally = finished?;
    assert_eq!(tally.bytes_out, out.len() as u64);
    let text = String::from_utf8(out).expect("what leaves is UTF-8");
    Ok(Ran {
        text,
        tally,
        subjects,
    })
}

/// Runs `body` whole, byte by byte and, up to `cuts` bytes of it, at every cut in two: all must be the same (P8).
pub(crate) fn run_every_way(plan: &Arc<Plan>, body: &[u8], cuts: usize) -> Result<Ran, BodyError> {
    let whole = run(plan, [body]);
    let shown = String::from_utf8_lossy(&body[..body.len().min(2_000)]);
    assert_eq!(run(plan, body.chunks(1)), whole, "byte by byte: {shown}");
    for cut in 0..=body.len().min(cuts) {
        let (head, tail) = body.split_at(cut);
        assert_eq!(run(plan, [head, tail]), whole, "cut at {cut}: {shown}");
    }
    whole
}
