//! The first line of the formats' inputs: a letter for the format, then rules in the tests' notation.

use fieldgate::minimise::Limits;
use fieldgate::plan::{BodyRules, Condition, Selector};

use super::support;

/// Bytes of rules: what is slow to compile is not what is looked for.
const RULES: usize = 200;

/// The letter, the rules, and the body behind them.
pub(crate) fn read(input: &[u8]) -> Option<(u8, BodyRules, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    let (line, body) = (&input[..end], &input[end + 1..]);
    let (&letter, fields) = line.split_first()?;
    let fields = std::str::from_utf8(fields).ok()?;
    (fields.len() <= RULES && readable(fields)).then(|| (letter, support::rules(fields), body))
}

/// The default limits or, for every fourth input, tight ones.
pub(crate) fn limits(input: &[u8]) -> Limits {
    let sum = input.iter().fold(7_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    let draw = |shift: u32, bound: u64| (sum >> shift) % bound;
    if draw(3, 4) != 0 {
        return Limits::default();
    }
    Limits {
        depth: 1 + draw(8, 8) as usize,
        held_bytes: 1 + draw(16, 200) as usize,
        object_members: 1 + draw(24, 8) as usize,
        name_bytes: draw(32, 16) as usize,
        body_bytes: 1 + draw(40, 2_000),
    }
}

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
