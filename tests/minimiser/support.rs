//! What the suites share: rules in a short notation, the machine run over pieces, white space taken out, corpora.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fieldgate::minimise::{BodyError, Limits, SubjectToken, Tally, json_machine};
use fieldgate::plan::{Action, BodyRules, Condition, OnMismatch, Plan, PlanKeys, Rule, Selector};
use fieldgate::transform::{Generalise, Identified, RootKey, Transform};

use super::document::{Document, NotADocument};
use super::oracle::{self, Minimised, Refused};

/// Rules from a short text: statements divided by `;`, each a word and what it is about.
///
/// `keep`, `keep_all`, `drop`, `mask`, `mask-last-2`, `year`, `token:person` and `replace:"x"` take a selector; with
/// `!` behind the word a mismatch refuses. With `names:` before it the rule is of the names of members. `record`, `subject`, `release_if` and `prune` are what they are.
pub(crate) fn rules(text: &str) -> BodyRules {
    let mut rules = BodyRules::default();
    for (index, statement) in statements(text).into_iter().enumerate() {
        let (word, rest) = statement.split_once(' ').unwrap_or((statement, ""));
        let selector =
            || Selector::parse(rest.trim()).unwrap_or_else(|error| panic!("{statement}: {error}"));
        match word {
            "record" => rules.record = Some(selector()),
            "subject" => rules.subject = Some(selector()),
            "release_if" => rules.release_if = Some(Condition::parse(rest.trim()).unwrap()),
            "prune" => rules.prune = true,
            _ => {
                let (of, word) = match word.strip_prefix("names:") {
                    Some(word) => (&mut rules.names, word),
                    None => (&mut rules.fields, word),
                };
                of.push(Rule {
                    selector: selector(),
                    action: action(word.trim_end_matches('!')),
                    on_mismatch: if word.ends_with('!') {
                        OnMismatch::Refuse
                    } else {
                        OnMismatch::Drop
                    },
                    line: index + 1,
                });
            }
        }
    }
    rules
}

fn action(word: &str) -> Action {
    let mask = |keep_last| Transform::Mask {
        keep_first: 0,
        keep_last,
        skip: String::new(),
        with: '*',
    };
    Action::Transform(match word.split_once(':') {
        Some(("token", namespace)) => Transform::Pseudonymise(Identified::text(namespace)),
        Some(("replace", json)) => Transform::Replace {
            json: json.to_owned(),
        },
        _ => match word {
            "keep" => return Action::Keep,
            "keep_all" => return Action::KeepAll,
            "drop" => return Action::Drop,
            "mask" => mask(0),
            "mask-last-2" => mask(2),
            "year" => Transform::Generalise(Generalise::year()),
            _ => panic!("{word} is no action"),
        },
    })
}

/// Divides at `;` outside of quotes.
fn statements(text: &str) -> Vec<&str> {
    let mut quote = None;
    let mut escaped = false;
    text.split(|character: char| {
        let plain = !escaped;
        escaped = plain && quote.is_some() && character == '\\';
        match quote {
            Some(open) if plain && character == open => quote = None,
            None if matches!(character, '\'' | '"') => quote = Some(character),
            Some(_) | None => {}
        }
        quote.is_none() && character == ';'
    })
    .map(str::trim)
    .filter(|statement| !statement.is_empty())
    .collect()
}

pub(crate) fn keys() -> PlanKeys {
    let root = RootKey::from_bytes([9; 32]);
    PlanKeys {
        agreement: Some(root.agreement("rows", 1)),
        subject: Some(root.subject()),
    }
}

/// The plan of `rules`, which must make one.
pub(crate) fn plan(rules: &BodyRules, limits: &Limits) -> Arc<Plan> {
    match Plan::compile(rules, &keys(), limits) {
        Ok(plan) => Arc::new(plan),
        Err(faults) => panic!("the rules make no plan: {faults:?}"),
    }
}

/// The plan of `rules`, if they are not more than one automaton holds. They must make one otherwise.
pub(crate) fn plan_within_bounds(rules: &BodyRules, limits: &Limits) -> Option<Arc<Plan>> {
    match Plan::compile(rules, &keys(), limits) {
        Ok(plan) => Some(Arc::new(plan)),
        Err(faults) => {
            let bounds = ["meet on one value", "more than 50000 states"];
            let is_bound = |message: &str| bounds.iter().any(|bound| message.contains(bound));
            assert!(
                faults.iter().all(|fault| is_bound(&fault.message)),
                "the rules make no plan: {faults:?}"
            );
            None
        }
    }
}

/// What a machine gave for a whole body.
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
    let mut machine = json_machine(plan);
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
        return Err(error);
    }
    subjects.append(&mut machine.take_subjects());
    let tally = finished?;
    assert_eq!(tally.bytes_out, out.len() as u64);
    Ok(Ran {
        text: String::from_utf8(out).expect("what leaves is UTF-8"),
        tally,
        subjects,
    })
}

/// Runs `body` whole, byte by byte and, up to `cuts` bytes of it, at every cut in two: all must be the same (P8).
pub(crate) fn run_every_way(plan: &Arc<Plan>, body: &[u8], cuts: usize) -> Result<Ran, BodyError> {
    let whole = run(plan, [body]);
    assert_eq!(
        run(plan, body.chunks(1)),
        whole,
        "byte by byte: {}",
        String::from_utf8_lossy(body)
    );
    for cut in 0..=body.len().min(cuts) {
        let (head, tail) = body.split_at(cut);
        assert_eq!(
            run(plan, [head, tail]),
            whole,
            "cut at {cut}: {}",
            String::from_utf8_lossy(body)
        );
    }
    whole
}

/// `json` without the white space that means nothing.
pub(crate) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut in_string = false;
    let mut escaped = false;
    for character in json.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if matches!(character, ' ' | '\t' | '\n' | '\r') {
            continue;
        } else {
            in_string = character == '"';
        }
        out.push(character);
    }
    out
}

/// Holds what the machine gave against the model. `context` says what was run, for a failure's message.
pub(crate) fn assert_agree(
    rules: &BodyRules,
    limits: &Limits,
    body: &[u8],
    ran: &Result<Ran, BodyError>,
    context: &dyn Fn() -> String,
) {
    let model = oracle::minimise(rules, &keys(), limits, body);
    assert_model_agrees(model, limits, ran, context);
}

/// As [`assert_agree`], with what the model says at hand.
pub(crate) fn assert_model_agrees(
    model: Result<Minimised, Refused>,
    limits: &Limits,
    ran: &Result<Ran, BodyError>,
    context: &dyn Fn() -> String,
) {
    match (model, ran) {
        (Ok(model), Ok(ran)) => assert_same(&model, ran, limits, context),
        (Ok(model), Err(error)) => assert!(
            model.may_refuse && error.fault == fieldgate::minimise::BodyFault::DuplicateName,
            "refused ({error}) what the model lets through as {}\n{}",
            model.text,
            context()
        ),
        (Err(refused), Ok(ran)) => panic!(
            "let through {} where the model says {refused:?}\n{}",
            ran.text,
            context()
        ),
        (Err(refused), Err(error)) => {
            use fieldgate::minimise::BodyFault as Fault;
            // Which of several faults comes first is the machine's; but what is no document is never put down to
            // the rules, nor the other way about where there is only one fault.
            let plausible = match refused {
                Refused::NotADocument(NotADocument::NotJson | NotADocument::TooDeep) => true,
                Refused::NamedTwice | Refused::Mismatch => {
                    matches!(error.fault, Fault::DuplicateName | Fault::Mismatch)
                }
            };
            assert!(
                plausible,
                "refused ({error}) where the model says {refused:?}\n{}",
                context()
            );
        }
    }
}

fn assert_same(model: &Minimised, ran: &Ran, limits: &Limits, context: &dyn Fn() -> String) {
    assert_eq!(
        compact(&ran.text),
        compact(&model.text),
        "not what the model lets through\n{}",
        context()
    );
    assert!(
        Document::parse(ran.text.as_bytes(), limits.depth).is_ok(),
        "what left is not strict JSON: {}\n{}",
        ran.text,
        context()
    );
    assert_eq!(
        (ran.tally.records_released, ran.tally.records_withheld),
        (model.released, model.withheld),
        "records released and withheld\n{}",
        context()
    );
    assert_eq!(ran.subjects, model.subjects, "subjects\n{}", context());
}

/// The corpora's folder; where there is none, says so once a test and where to get it.
#[expect(
    clippy::print_stderr,
    reason = "a test that is skipped should be seen to be"
)]
pub(crate) fn corpora(wanted: &str) -> Option<PathBuf> {
    let place = std::env::var_os("FIELDGATE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let wanted_place = place.join(wanted);
    if wanted_place.is_dir() {
        return Some(wanted_place);
    }
    eprintln!(
        "skipped: no corpora here ({wanted}); put them into a folder and name that folder in FIELDGATE_CORPORA. \
         json-test-suite is https://github.com/nst/JSONTestSuite; docs/DECISIONS.md lists the others."
    );
    None
}

/// Every file below `folder` that `wanted` wants, in the order of their paths.
pub(crate) fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
