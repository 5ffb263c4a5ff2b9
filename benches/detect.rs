//! Detectors over council notes, beside a pass that counts bytes and a set of regular expressions.
//!
//! `cargo bench --bench detect` prints a table; `-- --quick` runs each row once on a small input, to see that it still
//! does; `-- --text` prints the notes, for `benches/peers/presidio.py`. The set says only which of its patterns are
//! somewhere in a text: no check digits, no words nearby, no places, which a search for each pattern that matched would
//! add. It is the fastest that `regex` can do for so many patterns.

use std::hint::black_box;
use std::io::Write as _;

use fieldgate::detect::{Detectors, Kinds, Names, Scratch, THRESHOLD};
use regex::bytes::RegexSetBuilder;

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../tests/redact/notes.rs"]
mod notes;
#[allow(dead_code, reason = "the benches share it")]
mod table;

use notes::{Draw, identifier, lead_in, sentence};
use table::{Rounds, number, speed};

/// One pattern a kind, as a regular expression can say it.
const PATTERNS: [&str; 17] = [
    r"\b\d{3}[ -]?\d{3}[ -]?\d{4}\b",
    r"(?i)\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]?\b",
    r"\b[A-HJ-NP-RT-Z]\d{11}[\dA-HJ-NP-RT-Z]\b",
    r"\b\d{10}K?\b",
    r"(?i)\b[A-PR-UWYZ](?:\d{1,2}|\d[A-HJKPSTUW]|[A-HK-Y]\d{1,2}|[A-HK-Y]\d[ABEHMNPRVWXY]) ?\d[ABD-HJLNP-UW-Z]{2}\b",
    r"(?i)\b[A-Z9]{5}\d(?:0[1-9]|1[0-2]|5[1-9]|6[0-2])(?:0[1-9]|[12]\d|3[01])\d(?:[A-Z][A-Z9]|99)[A-Z0-9][A-Z]{2}\b",
    r"(?i)\bpassport\W+(?:\w+\W+){0,5}?(?:\d{9}|[A-Z]{2}\d{7})\b",
    r"(?i)\b[A-HJ-PR-Y]{2}(?:0[2-9]|[12]\d|5[1-9]|[67]\d) ?[A-HJ-PR-Z]{3}\b",
    r"\b\d{2}-\d{2}-\d{2} \d{8}\b",
    r"(?i)\bGB\d{2} ?[A-Z]{4} ?\d{4} ?\d{4} ?\d{4} ?\d{2}\b",
    r"\b(?:\d[ -]?){12,18}\d\b",
    r"(?:\+44 ?(?:\(0\))? ?|\b0)\d{3,4} ?\d{3} ?\d{3,4}\b",
    r"(?i)[\w.+-]+@[\w-]+\.[\w.-]*[a-z]{2}\b",
    r"(?i)\b(?:dob|born|birth)\W+(?:\w+\W+){0,5}?\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b",
    r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    r"(?i)\bhttps?://\S*\d{5}",
    r"(?i)\buprn\W+(?:\w+\W+){0,5}?\d{6,12}\b",
];

/// Notes of about 900 characters, an identifier in every sixth sentence, until they have so many bytes.
fn council_notes(bytes: usize) -> Vec<String> {
    const KINDS: [&str; 10] = [
        "nhs-number",
        "phone",
        "postcode",
        "nino",
        "email",
        "date-of-birth",
        "phone",
        "vehicle-registration",
        "sort-code-and-account",
        "nhs-number",
    ];
    let mut draw = Draw::new(9);
    let (mut notes, mut total) = (Vec::new(), 0);
    while total < bytes {
        let mut note = String::new();
        for _ in 0..9 {
            note.push_str(&sentence(&mut draw));
            note.push(' ');
            if draw.below(6) == 0 {
                let kind = draw.one(&KINDS);
                let groups = identifier(kind, &mut draw).join(if kind == "date-of-birth" {
                    "/"
                } else {
                    " "
                });
                let lead_in = lead_in(kind, true, &mut draw);
                note.push_str(&format!("{lead_in}{groups}. "));
            }
        }
        // The signs of money and of apostrophes are no ASCII, as in notes that people type.
        total += note.len();
        notes.push(note);
    }
    notes
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    if std::env::args().any(|argument| argument == "--text") {
        let mut out = std::io::stdout().lock();
        for note in council_notes(1 << 20) {
            writeln!(out, "{note}").expect("the notes have somewhere to go");
        }
        return;
    }
    let (bytes, rounds) = if quick { (64 << 10, 0) } else { (8 << 20, 9) };
    let notes = council_notes(bytes);
    let ascii: Vec<String> = notes.iter().map(|note| note.replace('£', "GBP ")).collect();
    let escaped: Vec<String> = notes
        .iter()
        .map(|note| note.replace(". ", ".\\n").replace("'", "\\u2019"))
        .collect();
    let all = Detectors::new(Kinds::ALL, THRESHOLD, Vec::new());
    let set = RegexSetBuilder::new(PATTERNS)
        .unicode(false)
        .build()
        .expect("the patterns are patterns");
    let mut names = Names::default();
    names.add("Mary-Ann O'Neill");
    names.add("Tom Bates");
    table::line(&format!("{}\n", table::surroundings()));
    table::head(&[
        "notes",
        "MB/s",
        "bytes counted",
        "regex set",
        "times the set",
    ]);
    for (title, notes, names) in [
        ("ASCII", &ascii, None),
        ("with `£`", &notes, None),
        ("with escapes", &escaped, None),
        ("with `£`, two names", &notes, Some(&names)),
    ] {
        let total: usize = notes.iter().map(String::len).sum();
        let mut scratch = Scratch::default();
        let mut contestants: Vec<table::Contestant<'_>> = vec![
            (
                "detectors",
                Box::new(|| {
                    for note in notes {
                        black_box(all.find(note.as_bytes(), Kinds::NONE, names, &mut scratch));
                    }
                }),
            ),
            (
                "bytes",
                Box::new(|| {
                    for note in notes {
                        black_box(memchr::memchr_iter(b'@', note.as_bytes()).count());
                    }
                }),
            ),
            (
                "set",
                Box::new(|| {
                    for note in notes {
                        black_box(set.matches(note.as_bytes()).iter().count());
                    }
                }),
            ),
        ];
        let taken = Rounds::run(&mut contestants, rounds);
        table::row(&[
            title.to_owned(),
            number(speed(total, taken.median(0))),
            number(speed(total, taken.median(1))),
            number(speed(total, taken.median(2))),
            number(taken.ratio(0, 2)),
        ]);
    }
}
