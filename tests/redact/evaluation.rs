//! How much detectors find and how often they are wrong, by kind and by spelling: the tables in docs/transforms/redact.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use fieldgate::detect::{Detectors, Kind, Kinds, Scratch, THRESHOLD, What};

use super::notes::{Draw, identifier, is_checked, is_valid, lead_in, sentence};

/// Identifiers of each kind in each spelling.
const EACH: usize = 20;

const SPELLINGS: [&str; 9] = [
    "compact",
    "spaced",
    "hyphened",
    "lower case",
    "no-break spaces",
    "full-width",
    "cut by a line's end",
    "in JSON in a string",
    "in HTML",
];

/// Kinds that nobody can tell by their form alone.
fn needs_words(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Uprn | Kind::Passport | Kind::DateOfBirth | Kind::HcNumber
    )
}

/// The groups of an identifier in one spelling: as the text shows it (for detectors, the inside of a JSON string).
fn spell(kind: Kind, groups: &[String], spelling: &str) -> String {
    let compact = if kind == Kind::DateOfBirth { "/" } else { "" };
    match spelling {
        "compact" => groups.join(compact),
        "spaced" => groups.join(" "),
        "hyphened" => groups.join("-"),
        "lower case" => groups.join(compact).to_lowercase(),
        "no-break spaces" => groups.join("\u{a0}"),
        "full-width" => groups
            .join(compact)
            .chars()
            .map(|character| match character {
                '!'..='~' => char::from_u32(u32::from(character) - 0x21 + 0xff01).unwrap(),
                _ => character,
            })
            .collect(),
        "cut by a line's end" => groups.join(if groups.len() > 1 { "\\n" } else { "" }),
        "in JSON in a string" => {
            let mut text = String::from("{\\\"value\\\":\\\"");
            for (index, character) in groups.join(compact).chars().enumerate() {
                match index % 3 {
                    0 => write!(text, "\\\\u{:04x}", u32::from(character)).unwrap(),
                    1 => write!(text, "\\u{:04x}", u32::from(character)).unwrap(),
                    _ => text.push(character),
                }
            }
            text + "\\\"}"
        }
        _ => format!(
            "<b class=\\\"n\\\">{}</b>",
            groups.join("&nbsp;").replace('@', "&commat;")
        ),
    }
}

/// Where the identifier itself is in its spelling.
fn inside(spelt: &str, spelling: &str) -> Range<usize> {
    match spelling {
        "in JSON in a string" => "{\\\"value\\\":\\\"".len()..spelt.len() - "\\\"}".len(),
        "in HTML" => "<b class=\\\"n\\\">".len()..spelt.len() - "</b>".len(),
        _ => 0..spelt.len(),
    }
}

#[derive(Default, Clone, Copy)]
struct Score {
    /// Planted, and of these removed whole.
    planted: usize,
    removed: usize,
}

impl Score {
    fn count(&mut self, removed: bool) {
        self.planted += 1;
        self.removed += usize::from(removed);
    }

    fn share(self) -> String {
        match self.planted {
            0 => "–".to_owned(),
            planted => format!("{:.3}", self.removed as f64 / planted as f64),
        }
    }
}

#[derive(Default)]
struct Results {
    with_words: BTreeMap<Kind, Score>,
    alone: BTreeMap<Kind, Score>,
    spellings: BTreeMap<usize, Score>,
    /// Findings of a kind, and of these where nothing of the kind was.
    found: BTreeMap<Kind, usize>,
    wrong: BTreeMap<Kind, usize>,
}

struct Reader {
    detectors: Detectors,
    scratch: Scratch,
}

impl Reader {
    fn found(&mut self, text: &str) -> Vec<(Range<usize>, Kind)> {
        let found = self
            .detectors
            .find(text.as_bytes(), Kinds::NONE, None, &mut self.scratch);
        found
            .iter()
            .map(|found| match found.what {
                What::Kind(kind) => (found.start..found.end, kind),
                What::Pattern(_) | What::Person(_) => panic!("nobody asked for that"),
            })
            .collect()
    }
}

fn evaluate() -> Results {
    let mut reader = Reader {
        detectors: Detectors::new(Kinds::ALL, THRESHOLD, Vec::new()),
        scratch: Scratch::default(),
    };
    let mut results = Results::default();
    let mut draw = Draw::new(4);
    for kind in Kind::ALL {
        for (index, spelling) in SPELLINGS.into_iter().enumerate() {
            for says in [true, false] {
                for _ in 0..EACH {
                    let groups = identifier(kind.word(), &mut draw);
                    let spelt = spell(kind, &groups, spelling);
                    let before = format!(
                        "{} {}",
                        sentence(&mut draw),
                        lead_in(kind.word(), says, &mut draw)
                    );
                    let text = format!("{before}{spelt}. {}", sentence(&mut draw));
                    let planted = inside(&spelt, spelling);
                    let planted = before.len() + planted.start..before.len() + planted.end;
                    let found = reader.found(&text);
                    let removed = found
                        .iter()
                        .any(|(range, _)| range.start <= planted.start && planted.end <= range.end)
                        || covered(&found, &planted);
                    let of = if says {
                        &mut results.with_words
                    } else {
                        &mut results.alone
                    };
                    of.entry(kind).or_default().count(removed);
                    if says || !needs_words(kind) {
                        results.spellings.entry(index).or_default().count(removed);
                    }
                    for (range, found) in found {
                        *results.found.entry(found).or_default() += 1;
                        // The three numbers of health services share their check: which it is only words tell.
                        let is_there = range.start < planted.end
                            && planted.start < range.end
                            && (found == kind
                                || is_valid(found.word(), &groups.concat())
                                    && is_checked(found.word()));
                        *results.wrong.entry(found).or_default() += usize::from(!is_there);
                    }
                }
            }
        }
        for near in near_misses(kind, &mut draw) {
            let text = format!(
                "{} On file: {near}. {}",
                sentence(&mut draw),
                sentence(&mut draw)
            );
            for (_, found) in reader.found(&text) {
                *results.found.entry(found).or_default() += 1;
                *results.wrong.entry(found).or_default() += 1;
            }
        }
    }
    results
}

/// Whether findings that touch cover all letters and digits of the range.
fn covered(found: &[(Range<usize>, Kind)], planted: &Range<usize>) -> bool {
    let mut at = planted.start;
    for (range, _) in found {
        if range.start <= at {
            at = at.max(range.end);
        }
    }
    at >= planted.end
}

/// What looks like an identifier of a kind with a check, and is none: a digit wrong, one too few, one too many.
fn near_misses(kind: Kind, draw: &mut Draw) -> Vec<String> {
    if !is_checked(kind.word()) {
        return Vec::new();
    }
    // A number that fails one check may pass another's, and is then that other's.
    let is_one = |text: &str| {
        Kind::ALL.iter().any(|kind| {
            let ten = [Kind::NhsNumber, Kind::HcNumber, Kind::ChiNumber, Kind::Utr];
            let fits = ten.contains(kind) && text.len() == 10
                || *kind == Kind::PaymentCard && text.len() == 16;
            fits && text.bytes().all(|byte| byte.is_ascii_digit()) && is_valid(kind.word(), text)
        })
    };
    let mut misses = Vec::new();
    for _ in 0..EACH * 4 {
        let compact = identifier(kind.word(), draw).concat();
        let at = compact.len() - 2 - draw.below(4);
        let digit = &compact[at..=at];
        let other = draw.digits(1);
        let wrong = format!("{}{other}{}", &compact[..at], &compact[at + 1..]);
        let long = format!("{compact}{other}");
        let short = compact[..compact.len() - 1].to_owned();
        // Ten digits that begin with a 0 are a telephone number's.
        let miss = [wrong, long, short]
            .into_iter()
            .filter(|text| !is_one(text) && !text.starts_with('0'));
        misses.extend(
            miss.filter(|miss| *miss != compact && digit != other || miss.len() != compact.len()),
        );
    }
    misses
}

/// The tables as docs/transforms/redact.md has them.
fn tables(results: &Results) -> String {
    let mut text = String::from(
        "| kind | recall beside words that say so | recall without | precision |\n| --- | --- | --- | --- |\n",
    );
    for kind in Kind::ALL {
        let of =
            |scores: &BTreeMap<Kind, Score>| scores.get(&kind).copied().unwrap_or_default().share();
        let (found, wrong) = (
            results.found.get(&kind).copied().unwrap_or(0),
            results.wrong.get(&kind).copied().unwrap_or(0),
        );
        let precision = match found {
            0 => "–".to_owned(),
            _ => format!("{:.3}", (found - wrong) as f64 / found as f64),
        };
        let row = format!(
            "| `{}` | {} | {} | {precision} |\n",
            kind.word(),
            of(&results.with_words),
            of(&results.alone)
        );
        text.push_str(&row);
    }
    text.push_str("\n| spelling | recall |\n| --- | --- |\n");
    for (index, spelling) in SPELLINGS.iter().enumerate() {
        let row = format!("| {spelling} | {} |\n", results.spellings[&index].share());
        text.push_str(&row);
    }
    text
}

#[test]
fn the_tables_in_the_documentation_are_what_detectors_do() {
    let tables = tables(&evaluate());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/transforms/redact.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page.contains(&tables),
        "docs/transforms/redact.md must have these:\n{tables}"
    );
}

#[test]
fn p1_no_identifier_with_a_check_digit_survives_in_any_spelling() {
    let results = evaluate();
    for kind in Kind::ALL.into_iter().filter(|kind| is_checked(kind.word())) {
        for scores in [&results.with_words, &results.alone] {
            let score = scores[&kind];
            assert_eq!(score.removed, score.planted, "{}", kind.word());
        }
    }
}
