//! One body, every way: whole, byte by byte, cut at each byte. All must be the same (P8).

use std::sync::Arc;

use fieldgate::minimise::{BodyError, BodyFault, Limits, SubjectToken, Tally, machine};
use fieldgate::plan::{BodyRules, Format, Plan};

use super::support;

/// What a machine gave for a whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) text: String,
    pub(crate) tally: Tally,
    pub(crate) subjects: Vec<SubjectToken>,
}

/// A plan for bodies of `format`.
pub(crate) fn plan(format: &Format, rules: &str, limits: &Limits) -> Arc<Plan> {
    let rules = BodyRules {
        format: format.clone(),
        ..support::rules(rules)
    };
    support::plan(&rules, limits)
}

/// What left before a body's end or fault, and how it ended.
type Left = (Vec<u8>, Result<Ran, BodyError>);

fn left<'a>(plan: &Arc<Plan>, boundary: &str, pieces: impl Iterator<Item = &'a [u8]>) -> Left {
    let mut machine = machine(plan, boundary, jiff::civil::date(2026, 11, 22));
    let mut out = Vec::new();
    let mut subjects = Vec::new();
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
        return (out, Err(error));
    }
    subjects.append(&mut machine.take_subjects());
    if let Err(error) = &finished {
        let after = out.len();
        assert_eq!(machine.finish(&mut out), Err(error.clone()));
        assert_eq!(out.len(), after);
    }
    let ran = finished.map(|tally| {
        assert_eq!(tally.bytes_out, out.len() as u64);
        Ran {
            text: String::from_utf8(out.clone()).expect("what leaves is UTF-8"),
            tally,
            subjects,
        }
    });
    (out, ran)
}

/// Runs `body` every way; up to `cuts` bytes of it are cut at each.
pub(crate) fn run(
    plan: &Arc<Plan>,
    boundary: &str,
    body: &[u8],
    cuts: usize,
) -> Result<Ran, BodyError> {
    let shown = || String::from_utf8_lossy(body);
    let (out, whole) = left(plan, boundary, std::iter::once(body));
    let same = |(other, ran): Left, how: &dyn Fn() -> String| {
        assert_eq!(ran, whole, "{}: {}", how(), shown());
        let common = out.len().min(other.len());
        assert_eq!(out[..common], other[..common], "{}: {}", how(), shown());
    };
    same(left(plan, boundary, body.chunks(1)), &|| {
        "byte by byte".to_owned()
    });
    for cut in 0..=body.len().min(cuts) {
        let (head, tail) = body.split_at(cut);
        same(left(plan, boundary, [head, tail].into_iter()), &|| {
            format!("cut at {cut}")
        });
    }
    whole
}

/// What must become of a body: what leaves, or the fault, its offset and its path.
pub(crate) type Becomes<'a> = Result<&'a str, (BodyFault, u64, &'a str)>;

/// Checks one row at every cut.
pub(crate) fn check(plan: &Arc<Plan>, boundary: &str, sent: &[u8], becomes: Becomes<'_>) -> Tally {
    let ran = run(plan, boundary, sent, usize::MAX);
    let found = ran
        .as_ref()
        .map(|ran| ran.text.as_str())
        .map_err(|error| (error.fault, error.offset, error.path.as_str()));
    assert_eq!(found, becomes, "{}", String::from_utf8_lossy(sent));
    ran.map(|ran| ran.tally).unwrap_or_default()
}
