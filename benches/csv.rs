//! The CSV machine beside the `csv` crate, which reads and writes the same rows and checks nothing but quotes.
//!
//! `cargo bench --bench csv` prints a table; `-- --quick` runs each row once on a small input, to see that it still
//! does, and `-- quotes` only the rows whose name says so. A ratio is of the same input in the same run, the contestants taking turns. The peer reads byte records and
//! writes the columns that leave; UTF-8, control characters, line ends and duplicate names it does not check, and
//! of a value's quotes it keeps none that need not be there.

use std::hint::black_box;
use std::sync::Arc;

use fieldgate::minimise::{Limits, machine};
use fieldgate::plan::{
    Action, BodyRules, Condition, Csv, Format, OnMismatch, Plan, PlanKeys, Rule, Selector,
};
use fieldgate::transform::{Identified, RootKey, Transform};

#[allow(dead_code, reason = "the benches share it")]
mod table;

use table::{Rounds, number, speed};

/// What a body comes in: the size of a read from a socket.
const PIECE_BYTES: usize = 64 << 10;

/// A task: a table and its rules, and which of its columns leave, for the peer.
struct Task {
    name: &'static str,
    input: fn(usize) -> Vec<u8>,
    rules: BodyRules,
    columns: &'static [usize],
    /// What leaves is what the peer writes.
    same: bool,
}

fn rules(fields: &[(&str, Action)]) -> BodyRules {
    let fields = fields.iter().map(|(selector, action)| Rule {
        selector: Selector::parse(selector).expect("benches write JSONPath"),
        action: action.clone(),
        on_mismatch: OnMismatch::Drop,
        line: 0,
    });
    BodyRules {
        format: Format::Csv(Csv::default()),
        fields: fields.collect(),
        ..BodyRules::default()
    }
}

fn tasks() -> Vec<Task> {
    const ALL: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    const THREE: &[usize] = &[3, 6, 9];
    let three =
        || ["$[*].dob", "$[*].postcode", "$[*].status"].map(|selector| (selector, Action::Keep));
    let pseudonymise = Action::Transform(Transform::Pseudonymise(Identified::text("person")));
    let mut token = vec![("$[*].nhs", pseudonymise)];
    token.extend(three());
    vec![
        Task {
            name: "people, three columns of ten",
            input: people,
            rules: rules(&three()),
            columns: THREE,
            same: true,
        },
        Task {
            name: "people, three columns and a token",
            input: people,
            rules: rules(&token),
            columns: &[0, 3, 6, 9],
            same: false,
        },
        Task {
            name: "people, all but two columns",
            input: people,
            rules: rules(&[
                ("$", Action::KeepAll),
                ("$[*].nhs", Action::Drop),
                ("$[*].note", Action::Drop),
            ]),
            columns: &[1, 2, 3, 4, 5, 6, 7, 9],
            same: true,
        },
        Task {
            name: "people, everything",
            input: people,
            rules: rules(&[("$", Action::KeepAll)]),
            columns: ALL,
            same: true,
        },
        Task {
            name: "people, three columns, each row a record with a condition",
            input: people,
            rules: BodyRules {
                record: Some(Selector::parse("$[*]").expect("a selector")),
                release_if: Some(Condition::parse("@.status != 'closed'").expect("a condition")),
                ..rules(&three())
            },
            columns: THREE,
            same: false,
        },
        Task {
            name: "people, three columns, formulas neutralised",
            input: people,
            rules: BodyRules {
                format: Format::Csv(Csv {
                    neutralise_formulas: true,
                    ..Csv::default()
                }),
                ..rules(&three())
            },
            columns: THREE,
            same: true,
        },
        Task {
            name: "values of one digit, three columns of ten",
            input: tiny,
            rules: rules(&["$[*].d", "$[*].g", "$[*].j"].map(|name| (name, Action::Keep))),
            columns: THREE,
            same: true,
        },
        Task {
            name: "every value in quotes, three columns of ten",
            input: quoted,
            rules: rules(&["$[*].d", "$[*].g", "$[*].j"].map(|name| (name, Action::Keep))),
            columns: THREE,
            same: true,
        },
        Task {
            name: "long texts, three columns of ten",
            input: long,
            rules: rules(&["$[*].d", "$[*].g", "$[*].j"].map(|name| (name, Action::Keep))),
            columns: THREE,
            same: true,
        },
    ]
}

/// A table of `bytes` or a little more, of rows that `row` appends.
fn filled(header: &str, bytes: usize, row: impl Fn(u64, &mut String)) -> Vec<u8> {
    let mut text = String::with_capacity(bytes + 4096);
    text.push_str(header);
    let mut number = 0;
    while text.len() < bytes {
        row(number, &mut text);
        number += 1;
    }
    text.into_bytes()
}

/// Rows as a council's case system exports them: about 150 bytes, a third with quotes.
fn people(bytes: usize) -> Vec<u8> {
    const STREETS: [&str; 5] = [
        "High Street",
        "Mill Lane",
        "Church Road",
        "Quay Walk",
        "The Drove",
    ];
    const NAMES: [&str; 6] = ["Okafor", "Nowak", "Smith", "O'Brien", "Müller", "Begum"];
    filled(
        "nhs,surname,forename,dob,sex,address,postcode,phone,note,status\r\n",
        bytes,
        |number, text| {
            use std::fmt::Write as _;
            let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            write!(
                text,
                "{:010},{},Alex{},19{:02}-{:02}-{:02},{},\"{} {}, Newport\",PO{} {}AB,+44 1983 {:06},",
                9_990_000_000 + spread % 9_999_999,
                NAMES[(spread % 6) as usize],
                spread % 97,
                spread % 90,
                spread % 12 + 1,
                spread % 28 + 1,
                ["F", "M"][(spread % 2) as usize],
                spread % 200,
                STREETS[(spread % 5) as usize],
                spread % 40,
                spread % 9,
                spread % 999_999,
            )
            .expect("a string takes all");
            match spread % 3 {
                0 => text.push_str("\"Says \"\"not today\"\", call again\""),
                1 => text.push_str("Seen at home by the district nurse"),
                _ => {}
            }
            text.push_str(if spread.is_multiple_of(4) {
                ",closed\r\n"
            } else {
                ",open\r\n"
            });
        },
    )
}

fn tiny(bytes: usize) -> Vec<u8> {
    filled("a,b,c,d,e,f,g,h,i,j\n", bytes, |number, text| {
        for column in 0..10 {
            text.push(char::from(b'0' + ((number + column) % 10) as u8));
            text.push(if column == 9 { '\n' } else { ',' });
        }
    })
}

fn quoted(bytes: usize) -> Vec<u8> {
    filled("a,b,c,d,e,f,g,h,i,j\n", bytes, |number, text| {
        for column in 0..10 {
            text.push_str("\"one, two");
            if (number + column) % 7 == 0 {
                text.push_str(" \"\"three\"\"");
            }
            text.push_str(if column == 9 { "\"\n" } else { "\"," });
        }
    })
}

fn long(bytes: usize) -> Vec<u8> {
    filled("a,b,c,d,e,f,g,h,i,j\n", bytes, |_, text| {
        for column in 0..10 {
            for _ in 0..10 {
                text.push_str("Seen at home by the district nurse. ");
            }
            text.push(if column == 9 { '\n' } else { ',' });
        }
    })
}

fn plan(rules: &BodyRules) -> Arc<Plan> {
    let keys = PlanKeys {
        agreement: Some(RootKey::from_bytes([7; 32]).agreement("bench", 1)),
        subject: None,
    };
    Arc::new(
        Plan::compile(rules, &keys, &Limits::default()).expect("benches write plans that compile"),
    )
}

/// Pushes the table through the machine; `taken` gets what leaves after each piece, as a socket would.
fn fieldgate(plan: &Arc<Plan>, input: &[u8], mut taken: impl FnMut(&mut Vec<u8>)) {
    let mut machine = machine(plan, "", jiff::civil::date(2026, 11, 22));
    let mut out = Vec::new();
    for piece in input.chunks(PIECE_BYTES) {
        machine.push(piece, &mut out).expect("benches make tables");
        taken(&mut out);
    }
    machine.finish(&mut out).expect("benches make whole tables");
    taken(&mut out);
}

/// Reads each row and writes `columns` of it.
fn peer(input: &[u8], columns: &[usize], out: impl std::io::Write) {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .buffer_capacity(PIECE_BYTES)
        .from_reader(input);
    let mut writer = csv::WriterBuilder::new()
        .buffer_capacity(PIECE_BYTES)
        .from_writer(out);
    let mut row = csv::ByteRecord::new();
    while reader
        .read_byte_record(&mut row)
        .expect("benches make tables")
    {
        let left = if columns.len() == row.len() {
            writer.write_byte_record(&row)
        } else {
            writer.write_record(columns.iter().map(|&column| &row[column]))
        };
        left.expect("the writer takes all");
    }
    writer.flush().expect("the writer takes all");
}

fn copy(input: &[u8]) {
    let mut out = Vec::new();
    for piece in input.chunks(PIECE_BYTES) {
        out.extend_from_slice(piece);
        discard(&mut out);
    }
}

fn discard(out: &mut Vec<u8>) {
    black_box(&out);
    out.clear();
}

/// That both do the same work: their outputs are one table.
fn check(task: &Task, plan: &Arc<Plan>, input: &[u8]) {
    let read = |text: &[u8]| -> Vec<csv::ByteRecord> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text);
        reader
            .byte_records()
            .map(|row| row.expect("what leaves is a table"))
            .collect()
    };
    let (mut own, mut theirs) = (Vec::new(), Vec::new());
    fieldgate(plan, input, |out| own.append(out));
    peer(input, task.columns, &mut theirs);
    assert!(
        !task.same || read(&own) == read(&theirs),
        "{}: fieldgate and the csv crate differ",
        task.name
    );
}

fn measure(task: &Task, bytes: usize, rounds: usize) {
    let plan = plan(&task.rules);
    check(task, &plan, &(task.input)(bytes.min(1 << 20)));
    let input = (task.input)(bytes);
    let mut left = 0;
    fieldgate(&plan, &input, |out| left += std::mem::take(out).len());
    let timed = Rounds::run(
        &mut [
            ("fieldgate", Box::new(|| fieldgate(&plan, &input, discard))),
            (
                "csv",
                Box::new(|| peer(&input, task.columns, std::io::sink())),
            ),
            ("copy", Box::new(|| copy(&input))),
        ],
        rounds,
    );
    table::row(&[
        task.name.to_owned(),
        number(input.len() as f64 / f64::from(1 << 20)),
        format!("{:.0} %", 100.0 * left as f64 / input.len() as f64),
        number(speed(input.len(), timed.median(0))),
        number(speed(input.len(), timed.median(1))),
        number(timed.ratio(0, 1)),
        number(timed.ratio(0, 2)),
    ]);
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (bytes, rounds) = if quick { (1 << 18, 1) } else { (64 << 20, 5) };
    table::line(&format!(
        "csv: {}; median of {rounds} rounds, one thread\n",
        table::surroundings()
    ));
    table::head(&[
        "task",
        "MiB",
        "leaves",
        "MB/s",
        "csv crate MB/s",
        "x of csv crate",
        "x of copy",
    ]);
    let mut tasks = tasks();
    if let Some(wanted) = std::env::args()
        .skip(1)
        .find(|word| !word.starts_with("--"))
    {
        tasks.retain(|task| task.name.contains(&wanted));
    }
    for task in tasks {
        measure(&task, bytes, rounds);
    }
}
