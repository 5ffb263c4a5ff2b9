//! The same bytes and the same fault at every cut and on every instruction set (P8): the first line of the input is
//! rules, the rest a body. Both also set where it is cut and how tight the limits are.

#![no_main]
#![allow(dead_code, reason = "the tests' modules hold more than is asked here")]

#[path = "../../tests/minimiser/document.rs"]
mod document;
#[path = "../../tests/minimiser/oracle.rs"]
mod oracle;
#[path = "../../tests/minimiser/support.rs"]
mod support;

use std::sync::Arc;

use fieldgate::minimise::json::JsonMachine;
use fieldgate::minimise::{BodyError, Level, Limits, Machine, SubjectToken, Tally};
use fieldgate::plan::{Condition, Plan, Selector};
use libfuzzer_sys::{Corpus, fuzz_target};

/// Bytes of rules: what is slow to compile is not what is looked for.
const RULES: usize = 200;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
        return Corpus::Reject;
    };
    let (fields, body) = (&input[..end], &input[end + 1..]);
    let fields = std::str::from_utf8(fields).ok();
    let Some(fields) = fields.filter(|fields| fields.len() <= RULES && readable(fields)) else {
        return Corpus::Reject;
    };
    let mut draw = Draw(input.iter().fold(0x9e37_79b9_7f4a_7c15, |sum: u64, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    }));
    let limits = if draw.below(2) == 0 {
        Limits::default()
    } else {
        Limits {
            depth: 1 + draw.below(8),
            held_bytes: 1 + draw.below(200),
            object_members: 1 + draw.below(8),
            name_bytes: draw.below(16),
            body_bytes: 1 + draw.below(2_000) as u64,
        }
    };
    // Rules may still be no plan: a subject without a record, or too many states.
    let Ok(plan) = Plan::compile(&support::rules(fields), &support::keys(), &limits) else {
        return Corpus::Reject;
    };
    // Ages and days are rows' matter: these runs are on no day.
    if plan.reads_today() {
        return Corpus::Reject;
    }
    let plan = Arc::new(plan);
    let whole = run(&plan, Level::Portable, [body]);
    for level in Level::available() {
        let mut cuts: Vec<usize> = (0..draw.below(6))
            .map(|_| draw.below(body.len() + 1))
            .collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|ends| &body[ends[0]..ends[1]]);
        assert_eq!(run(&plan, level, pieces), whole, "{level:?}, cuts {cuts:?}");
        assert_eq!(
            run(&plan, level, body.chunks(1)),
            whole,
            "{level:?}, byte by byte"
        );
    }
    Corpus::Keep
});

/// Whether the tests' notation can read `fields`, which panics on what it cannot.
fn readable(fields: &str) -> bool {
    const WORDS: [&str; 8] = [
        "keep",
        "keep_all",
        "drop",
        "mask",
        "mask-last-2",
        "year",
        "token:a",
        "replace:0",
    ];
    !fields.contains(['\'', '"'])
        && fields.split(';').map(str::trim).all(|statement| {
            let (word, rest) = statement.split_once(' ').unwrap_or((statement, ""));
            match word {
                "" => rest.is_empty(),
                "prune" => true,
                "release_if" => Condition::parse(rest.trim()).is_ok(),
                "record" | "subject" => Selector::parse(rest.trim()).is_ok(),
                _ => {
                    WORDS.contains(&word.trim_end_matches('!'))
                        && Selector::parse(rest.trim()).is_ok()
                }
            }
        })
}

type Ran = (Result<Tally, BodyError>, Vec<SubjectToken>, Option<Vec<u8>>);

/// What left is compared only where all did: how much of a broken body has left by then hangs on the cuts.
fn run<'a>(plan: &Arc<Plan>, level: Level, pieces: impl IntoIterator<Item = &'a [u8]>) -> Ran {
    let mut machine = JsonMachine::with_level(Arc::clone(plan), level);
    let (mut out, mut subjects) = (Vec::new(), Vec::new());
    for piece in pieces {
        if let Err(error) = machine.push(piece, &mut out) {
            return (Err(error), Vec::new(), None);
        }
        subjects.append(&mut machine.take_subjects());
    }
    let ended = machine.finish(&mut out);
    subjects.append(&mut machine.take_subjects());
    match ended {
        Ok(tally) => (Ok(tally), subjects, Some(out)),
        Err(error) => (Err(error), Vec::new(), None),
    }
}

/// Numbers that look drawn and are the same for the same input (xorshift).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 |= 1;
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound as u64) as usize
    }
}
