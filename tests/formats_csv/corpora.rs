//! Tables that others have published: read as the plain reader reads them or refused where it refuses, with what
//! leaves byte for byte as it stood.

use std::collections::BTreeMap;
use std::path::Path;

use fieldgate::minimise::{BodyError, Limits};
use fieldgate::plan::{Charset, Csv};

use super::harness::{Ran, dialect, plan, rules, run, run_every_way};
use super::model::{Table, read, read_as_others_do, text};
use super::support::{corpora, files};

/// Files up to this size are cut at every byte.
const CUT_EVERYWHERE: usize = 160;
/// Files up to this size are held against the document model, which is slow.
const MODELLED: usize = 4 << 10;

/// Files up to this size are read in other dialects than the commonest too.
const OTHERWISE: usize = 16 << 10;

const DIALECTS: [&str; 8] = [
    "",
    "semicolon",
    "tab",
    "bar",
    "pad",
    "semicolon pad",
    "latin",
    "utf16",
];

#[test]
#[expect(clippy::print_stderr, reason = "what was found should be seen")]
fn published_tables_leave_as_the_plain_reader_says_or_are_refused_where_it_refuses() {
    let Some(folder) = corpora("csv-edge") else {
        return;
    };
    let is_table = |path: &Path| {
        let name = path.to_string_lossy().to_ascii_lowercase();
        [".csv", ".tsv", ".psv"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    // The commonest dialect for all of them, the others for those of ordinary size.
    let files = files(folder.parent().unwrap(), &is_table);
    assert!(files.len() > 300, "{} tables", files.len());
    let mut decided: BTreeMap<String, usize> = BTreeMap::new();
    for path in &files {
        let body = std::fs::read(path).unwrap();
        for words in DIALECTS
            .into_iter()
            .filter(|words| words.is_empty() || body.len() < OTHERWISE)
        {
            let outcome = check(path, &body, words);
            *decided.entry(format!("{words:>14} {outcome}")).or_default() += 1;
        }
    }
    eprintln!("{} tables: {decided:#?}", files.len());
    assert!(decided["               passes"] > 150, "{decided:#?}");
}

/// Runs one file as a table of this dialect; gives what was decided.
fn check(path: &Path, body: &[u8], words: &str) -> &'static str {
    let csv = dialect(words);
    let context = || format!("{} as {words:?}", path.display());
    let all = run_all(words, "keep_all $", body);
    let table = match decoded(body, csv.charset) {
        Some(utf8) => match (read(&utf8, &csv), &all) {
            (Ok(table), _) => table,
            (Err((fault, offset)), Err(error)) => {
                assert_eq!(error.fault, fault, "{}", context());
                assert!(
                    csv.charset != Charset::Utf8 || error.offset == offset as u64,
                    "{error} where the plain reader says {offset}: {}",
                    context()
                );
                return fault.code();
            }
            (Err(fault), Ok(_)) => panic!("let through where there is {fault:?}: {}", context()),
        },
        None => {
            // The characters before those that are none may break the grammar first.
            return all.expect_err(&context()).fault.code();
        }
    };
    assert_all_leaves(&table, &csv, &all, &context);
    // One of three for large files, which are slow.
    let turns = if body.len() < OTHERWISE { 0..3 } else { 1..2 };
    for turn in turns {
        assert_columns_leave(&table, &csv, words, body, turn, &context);
    }
    if body.len() <= MODELLED {
        assert_model_agrees(&table, &csv, words, body, &context);
    }
    "passes"
}

fn run_all(words: &str, fields: &str, body: &[u8]) -> Result<Ran, BodyError> {
    // Tables read in another charset than theirs have names of any length.
    let limits = Limits {
        held_bytes: 1 << 30,
        name_bytes: 1 << 30,
        object_members: 1 << 20,
        ..Limits::default()
    };
    let plan = plan(words, fields, &limits);
    if body.len() <= CUT_EVERYWHERE {
        run_every_way(&plan, body, usize::MAX)
    } else {
        let whole = run(&plan, [body]);
        assert_eq!(run(&plan, body.chunks(1021)), whole);
        whole
    }
}

/// `body` in UTF-8, if its bytes are characters of `charset`.
fn decoded(body: &[u8], charset: Charset) -> Option<Vec<u8>> {
    match charset {
        Charset::Utf8 => Some(body.to_vec()),
        Charset::Windows1252 => {
            // The code page, 0x80 to 0x9f.
            const HIGH: [char; 32] = [
                '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}',
                'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›',
                'œ', '\u{9d}', 'ž', 'Ÿ',
            ];
            let character = |byte: &u8| match byte {
                0x80..=0x9f => {
                    let character = HIGH[usize::from(byte - 0x80)];
                    (u32::from(character) > 0x9f).then_some(character)
                }
                _ => Some(char::from(*byte)),
            };
            body.iter()
                .map(character)
                .collect::<Option<String>>()
                .map(String::into_bytes)
                // A mark is none in this code page, but the plain reader would take it for one.
                .filter(|text| !text.starts_with("\u{feff}".as_bytes()))
        }
        Charset::Utf16 => {
            if !body.len().is_multiple_of(2) {
                return None;
            }
            let big = body.starts_with(&[0xfe, 0xff]);
            let units: Vec<u16> = body
                .chunks_exact(2)
                .map(|pair| match (big, pair) {
                    (true, pair) => u16::from_be_bytes([pair[0], pair[1]]),
                    (false, pair) => u16::from_le_bytes([pair[0], pair[1]]),
                })
                .collect();
            String::from_utf16(&units).ok().map(String::into_bytes)
        }
    }
}

/// Under `keep_all` the table leaves as it stands, and every reader sees it so.
fn assert_all_leaves(
    table: &Table,
    csv: &Csv,
    ran: &Result<Ran, BodyError>,
    context: &dyn Fn() -> String,
) {
    let ran = ran
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}: {}", context()));
    assert_eq!(
        ran.text,
        table.with_columns(csv.separator, |_| true),
        "{}",
        context()
    );
    let sees: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| row.iter().map(|raw| text(raw)).collect())
        .collect();
    assert_eq!(read_as_others_do(&ran.text, csv), sees, "{}", context());
}

/// Every third column, by name; the same by dropping the others.
fn assert_columns_leave(
    table: &Table,
    csv: &Csv,
    words: &str,
    body: &[u8],
    turn: usize,
    context: &dyn Fn() -> String,
) {
    let wanted = |name: &str| table.names.iter().position(|of| of == name).unwrap() % 3 == turn;
    let expected = table.with_columns(csv.separator, wanted);
    let rule = |action: &str, passes: bool| {
        let names = table.names.iter().filter(|name| wanted(name) == passes);
        let rules = names
            .take(40)
            .map(|name| format!("{action} $[*]['{}']; ", escaped(name)));
        rules.collect::<String>()
    };
    if table.names.len() > 60 {
        return;
    }
    for fields in [
        rule("keep", true),
        format!("keep_all $; {}", rule("drop", false)),
    ] {
        let ran = run_all(words, &fields, body);
        let ran = ran.unwrap_or_else(|error| panic!("{error}: {fields}: {}", context()));
        assert_eq!(ran.text, expected, "{fields}: {}", context());
    }
}

/// The first two columns under transforms, rows by their index, rows as records.
fn assert_model_agrees(
    table: &Table,
    csv: &Csv,
    words: &str,
    body: &[u8],
    context: &dyn Fn() -> String,
) {
    let name = |column: usize| {
        table
            .names
            .get(column)
            .map_or_else(String::new, |name| escaped(name))
    };
    let (first, second) = (name(0), name(1));
    for fields in [
        format!("mask $[*]['{first}']; keep $[*]['{second}']"),
        format!("keep $[::2]['{first}']; keep $[1:3]['{second}']; drop $[4]"),
        format!("keep_all $; year $[*]['{first}']; record $[*]; subject $['{second}']"),
        format!("keep_all $; record $[*]; release_if @['{first}'] < @['{second}']"),
    ] {
        let rules = rules(words, &fields);
        let ran = run_all(words, &fields, body);
        let modelled = rules.release_if.is_none() || !has_empty(table);
        if modelled {
            table.assert_agrees(&rules, csv, &ran, &|| format!("{fields}: {}", context()));
        }
    }
}

/// Whether a value is empty: text without characters to a condition, and nothing to the model.
fn has_empty(table: &Table) -> bool {
    table
        .data()
        .iter()
        .flatten()
        .any(|raw| text(raw).is_empty())
}

/// A name as it stands in a selector's quotes.
fn escaped(name: &str) -> String {
    let mut out = String::new();
    for character in name.chars() {
        match character {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => out.push(character),
        }
    }
    out
}
