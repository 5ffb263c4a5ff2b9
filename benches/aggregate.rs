//! A table beside the records that it is made of: the same body through the same rules, with `aggregate:` and without.
//!
//! `cargo bench --bench aggregate` prints a table; `-- --quick` runs each row once on a small input, `-- csv` the rows of that
//! name alone. The ratio is of the same
//! input in the same run, the contestants taking turns: what it costs to count what would have left.

use std::hint::black_box;
use std::sync::Arc;

use fieldgate::agreement::load_fields;
use fieldgate::minimise::{Limits, machine};
use fieldgate::plan::{Plan, PlanKeys};
use fieldgate::transform::RootKey;

#[allow(dead_code, reason = "the benches share it")]
mod records;
#[allow(dead_code, reason = "the benches share it")]
mod table;

use table::{Rounds, number, speed};

/// What a body comes in: the size of a read from a socket.
const PIECE_BYTES: usize = 64 << 10;

/// A task: a body, the rules of its records, and the table that is made of them.
struct Task {
    name: &'static str,
    input: fn(usize) -> Vec<u8>,
    rules: &'static str,
    aggregate: &'static str,
}

const JSON: &str = r#"
record: $.records[*]
subject: $.records[*].person.nhs_number
fields:
  - keep: [ "$.records[*].council_tax.band", "$.records[*].council_tax.arrears" ]
  - generalise: [ "$.records[*].person.dob" ]
    to: year
"#;

const LINES: &str = r#"
format: ndjson
record: $[*]
subject: $[*].person.nhs_number
fields:
  - keep: [ "$[*].council_tax.band", "$[*].council_tax.arrears" ]
  - generalise: [ "$[*].person.dob" ]
    to: year
"#;

const ROWS: &str = r#"
format: csv
record: $[*]
subject: $[*].nhs
fields:
  - keep: [ "$[*].band", "$[*].arrears" ]
  - generalise: [ "$[*].dob" ]
    to: year
"#;

const TASKS: [Task; 5] = [
    Task {
        name: "json, count by band",
        input: records::document,
        rules: JSON,
        aggregate: r#"{ by: [ "@.council_tax.band" ], measures: { people: count }, rule: nhs-england }"#,
    },
    Task {
        name: "json, five measures by band and year",
        input: records::document,
        rules: JSON,
        aggregate: r#"{ by: [ "@.council_tax.band", "@.person.dob" ], measures: { n: count, who: subjects, sum: { sum: "@.council_tax.arrears" }, mean: { mean: "@.council_tax.arrears" }, median: { median: "@.council_tax.arrears" } }, rule: { threshold: 10, round: 5 }, totals: true }"#,
    },
    Task {
        name: "ndjson, count by band",
        input: records::lines,
        rules: LINES,
        aggregate: r#"{ by: [ "@.council_tax.band" ], measures: { people: count }, rule: { cell_key: built-in } }"#,
    },
    Task {
        name: "ndjson, five measures by band and year",
        input: records::lines,
        rules: LINES,
        aggregate: r#"{ by: [ "@.council_tax.band", "@.person.dob" ], measures: { n: count, who: subjects, sum: { sum: "@.council_tax.arrears" }, mean: { mean: "@.council_tax.arrears" }, median: { median: "@.council_tax.arrears" } }, rule: ons-10-5 }"#,
    },
    Task {
        name: "csv, count by band and year, sum of arrears",
        input: rows,
        rules: ROWS,
        aggregate: r#"{ by: [ "@.band", "@.dob" ], measures: { n: count, sum: { sum: "@.arrears" } }, rule: nhs-england }"#,
    },
];

/// Rows of ten columns, as of [`records::lines`].
fn rows(bytes: usize) -> Vec<u8> {
    let mut out = b"id,nhs,dob,band,arrears,town,street,phone,email,note\n".to_vec();
    let mut person: u64 = 0;
    while out.len() < bytes {
        person += 1;
        let mixed = person.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        out.extend_from_slice(
            format!(
                "{person},999{:07},19{:02}-0{}-1{},{},{}.{:02},Newport,\"{}, High Street\",01632 960{:03},p{person}@example.org,visited; stairs are worse\n",
                person,
                30 + mixed % 70,
                1 + mixed % 9,
                mixed % 9,
                ["A", "B", "C", "D", "E"][(mixed % 5) as usize],
                mixed % 2000,
                mixed % 100,
                mixed % 200,
                mixed % 1000
            )
            .as_bytes(),
        );
    }
    out
}

fn plan(rules: &str) -> Arc<Plan> {
    let rules = load_fields("bench.yaml", rules).expect("benches write rules");
    let root = RootKey::from_bytes([7; 32]);
    let keys = PlanKeys {
        agreement: Some(root.agreement("bench", 1)),
        subject: Some(root.subject()),
    };
    Arc::new(
        Plan::compile(&rules, &keys, &Limits::default()).expect("benches write plans that compile"),
    )
}

/// Pushes the body through the machine; gives how many bytes leave.
fn run(plan: &Arc<Plan>, input: &[u8]) -> usize {
    let mut machine = machine(plan, "", jiff::civil::date(2026, 11, 22));
    let mut out = Vec::new();
    let mut left = 0;
    for piece in input.chunks(PIECE_BYTES) {
        machine.push(piece, &mut out).expect("benches make bodies");
        drop(machine.take_subjects());
        left += out.len();
        black_box(&out);
        out.clear();
    }
    machine.finish(&mut out).expect("benches make whole bodies");
    left + out.len()
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (bytes, rounds) = if quick { (1 << 18, 1) } else { (64 << 20, 5) };
    table::line(&format!(
        "aggregate: {}; median of {rounds} rounds, one thread\n",
        table::surroundings()
    ));
    table::head(&[
        "task",
        "MiB",
        "records leave, bytes",
        "table, bytes",
        "records MB/s",
        "table MB/s",
        "x of records",
    ]);
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let is_asked = |task: &Task| {
        asked.is_empty() || asked.iter().any(|part| task.name.contains(part.as_str()))
    };
    for task in TASKS.into_iter().filter(is_asked) {
        let records = plan(task.rules);
        let counted = plan(&format!("{}aggregate: {}\n", task.rules, task.aggregate));
        let input = (task.input)(bytes);
        let (left, told) = (run(&records, &input), run(&counted, &input));
        let timed = Rounds::run(
            &mut [
                (
                    "table",
                    Box::new(|| {
                        black_box(run(&counted, &input));
                    }),
                ),
                (
                    "records",
                    Box::new(|| {
                        black_box(run(&records, &input));
                    }),
                ),
            ],
            rounds,
        );
        table::row(&[
            task.name.to_owned(),
            number(input.len() as f64 / f64::from(1 << 20)),
            left.to_string(),
            told.to_string(),
            number(speed(input.len(), timed.median(1))),
            number(speed(input.len(), timed.median(0))),
            number(timed.ratio(0, 1)),
        ]);
    }
}
