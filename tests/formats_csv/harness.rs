//! Rules and dialects in a short notation, and the machine run over pieces.

use std::sync::Arc;

use fieldgate::minimise::{BodyError, Limits, SubjectToken, Tally, machine};
use fieldgate::plan::{BodyRules, Charset, Csv, Format, Header, Plan, Ragged};

use super::support;

/// How a table is written, as words: `semicolon`, `tab`, `bar`, `pad`, `guard`, `latin` (Windows-1252), `utf16`,
/// `named:a+b` (without a header; a `+` between two names).
pub(crate) fn dialect(words: &str) -> Csv {
    let mut csv = Csv::default();
    for word in words.split_whitespace() {
        match word {
            "semicolon" => csv.separator = b';',
            "tab" => csv.separator = b'\t',
            "bar" => csv.separator = b'|',
            "pad" => csv.ragged = Ragged::Pad,
            "guard" => csv.neutralise_formulas = true,
            "latin" => csv.charset = Charset::Windows1252,
            "utf16" => csv.charset = Charset::Utf16,
            _ => match word.strip_prefix("named:") {
                Some(names) => {
                    csv.header = Header::Named(names.split('+').map(str::to_owned).collect());
                }
                None => panic!("{word} says nothing of a table"),
            },
        }
    }
    csv
}

/// The rules of `fields`, in the tests' notation, for tables written as `words` say.
pub(crate) fn rules(words: &str, fields: &str) -> BodyRules {
    BodyRules {
        format: Format::Csv(dialect(words)),
        ..support::rules(fields)
    }
}

pub(crate) fn plan(words: &str, fields: &str, limits: &Limits) -> Arc<Plan> {
    support::plan(&rules(words, fields), limits)
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
    run_to(plan, pieces).1
}

/// As [`run`], with all that left, after a fault too.
pub(crate) fn run_to<'a>(
    plan: &Arc<Plan>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Result<Ran, BodyError>) {
    let mut machine = machine(plan, "", jiff::civil::date(2026, 11, 22));
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
    let tally = match finished {
        Ok(tally) => tally,
        Err(error) => return (out, Err(error)),
    };
    assert_eq!(tally.bytes_out, out.len() as u64);
    let text = String::from_utf8(out.clone()).expect("what leaves is UTF-8");
    (
        out,
        Ok(Ran {
            text,
            tally,
            subjects,
        }),
    )
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
