//! The tables of refusals in docs/FORMATS.md: each row is what it says.

use fieldgate::agreement;
use fieldgate::minimise::Limits;
use fieldgate::plan::{Csv, Format};

use super::ways;

/// A row: the body, and the fault's code, byte and path.
struct Row {
    body: Vec<u8>,
    code: String,
    offset: u64,
    path: String,
}

/// The rules and the rows of the section `heading`.
fn section(heading: &str) -> (String, Vec<Row>) {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FORMATS.md")).unwrap();
    let section = page
        .split("\n## ")
        .find(|section| section.lines().next() == Some(heading))
        .unwrap_or_else(|| panic!("docs/FORMATS.md has no section {heading}"));
    let (_, section) = section.split_once("\nRules: ").unwrap();
    let (line, table) = section.split_once(".\n").unwrap();
    let rules = line.split(". ").next().unwrap_or_default();
    let rules = rules.replace("`, `", "; ").replace(['`', ':'], "");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, body, code, offset, path, _] = cells[..] else {
            panic!("{line} has not four cells");
        };
        Row {
            body: unescaped(body.trim_matches('`')),
            code: code.to_owned(),
            offset: offset.parse().unwrap(),
            path: path.trim_matches('`').to_owned(),
        }
    });
    (rules, rows.collect())
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&letter, behind) = rest.split_first().unwrap();
        rest = behind;
        out.push(match letter {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' => b'\\',
            b'x' => {
                let (digits, behind) = rest.split_at(2);
                rest = behind;
                u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            }
            other => panic!("\\{} is no escape of the tables", char::from(other)),
        });
    }
    out
}

/// Checks the table of `heading`, which has `rows` rows.
fn check(format: &Format, boundary: &str, heading: &str, rows: usize) {
    let (rules, table) = section(heading);
    assert_eq!(table.len(), rows, "{heading}");
    let plan = ways::plan(format, &rules, &Limits::default());
    for row in table {
        let shown = String::from_utf8_lossy(&row.body);
        match ways::run(&plan, boundary, &row.body, usize::MAX) {
            Ok(ran) => panic!("{heading}: {shown} leaves as {}", ran.text),
            Err(error) => assert_eq!(
                (error.fault.code(), error.offset, error.path.as_str()),
                (row.code.as_str(), row.offset, row.path.as_str()),
                "{heading}: {shown}"
            ),
        }
    }
}

#[test]
fn p4_bodies_are_refused_as_the_tables_say() {
    check(&Format::Json, "", "JSON", 13);
    check(&Format::Ndjson, "", "NDJSON", 11);
    check(&Format::JsonSequence, "", "JSON text sequences", 10);
    check(&Format::EventStream, "", "Server-sent events", 9);
    check(&Format::Form, "", "Forms", 18);
    check(&Format::Multipart, "b", "Multipart forms", 20);
}

#[test]
fn how_rows_are_written_is_as_the_page_says_where_nothing_is_said() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FORMATS.md")).unwrap();
    let (_, options) = page.split_once("```yaml\nformat: csv").unwrap();
    let (options, _) = options.split_once("```").unwrap();
    assert!(options.contains("formulas:"));
    let rules = format!("format: csv{options}fields:\n  - keep: [\"$[*].a\"]\n");
    let rules = agreement::load_fields("the page", &rules).unwrap();
    assert_eq!(rules.format, Format::Csv(Csv::default()));
}
