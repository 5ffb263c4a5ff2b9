//! The minimiser alone, beside a document model, a serde stream and a bare copy.
//!
//! `cargo bench --bench core` prints the tables of `docs/PERFORMANCE.md`; `-- --quick` runs each row once on a small
//! input, to see that it still does. A ratio is of the same input in the same run, the contestants taking turns.

use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;

use fieldgate::minimise::{Limits, json_machine};
use fieldgate::plan::{Action, BodyRules, OnMismatch, Plan, PlanKeys, Rule, Selector};
use fieldgate::transform::{RootKey, Transform};
use serde_json::Value;

mod inputs;
mod peers;
mod records;
mod table;

use peers::streaming::{self, Filter};
use peers::tree::{self, Task};
use table::{Contestant, Rounds, number, speed};

/// What a body comes in: the size of a read from a socket.
const PIECE_BYTES: usize = 64 << 10;

/// A task in the words of each contestant.
struct Row {
    name: &'static str,
    input: fn(usize) -> Vec<u8>,
    rules: Vec<(&'static str, Action)>,
    filter: Option<Filter>,
    task: Task,
}

static KEEP: Filter = Filter::All;
static LEAVE: Filter = Filter::Nothing;

const fn only(named: &'static [(&'static str, Filter)]) -> Filter {
    Filter::Members {
        named,
        others: &LEAVE,
    }
}

const fn without(named: &'static [(&'static str, Filter)]) -> Filter {
    Filter::Members {
        named,
        others: &KEEP,
    }
}

const T1_DROPS: [&str; 4] = [
    "$.records[*].person.name",
    "$.records[*].person.nino",
    "$.records[*].notes",
    "$.records[*].household[*].name",
];
static T1: Filter = without(&[("records", Filter::Elements(&T1_RECORD))]);
static T1_RECORD: Filter = without(&[
    ("person", without(&[("name", LEAVE), ("nino", LEAVE)])),
    ("notes", LEAVE),
    ("household", Filter::Elements(&T1_MEMBER)),
]);
static T1_MEMBER: Filter = without(&[("name", LEAVE)]);
const T2_KEEPS: [&str; 3] = [
    "$.records[*].person.dob",
    "$.records[*].address.postcode",
    "$.records[*].council_tax.band",
];
static T2: Filter = only(&[("records", Filter::Elements(&T2_RECORD))]);
static T2_RECORD: Filter = only(&[
    ("person", only(&[("dob", KEEP)])),
    ("address", only(&[("postcode", KEEP)])),
    ("council_tax", only(&[("band", KEEP)])),
]);
static ELEMENT: Filter = only(&[("b", KEEP)]);
static ONE_OF_MANY: Filter = only(&[("member_77", KEEP)]);
static TEXT: Filter = only(&[("kept", KEEP)]);

fn kept(selectors: &[&'static str]) -> Vec<(&'static str, Action)> {
    selectors
        .iter()
        .map(|selector| (*selector, Action::Keep))
        .collect()
}

fn all_but(selectors: &[&'static str]) -> Vec<(&'static str, Action)> {
    let drops = selectors.iter().map(|selector| (*selector, Action::Drop));
    std::iter::once(("$", Action::KeepAll))
        .chain(drops)
        .collect()
}

fn root_key() -> RootKey {
    RootKey::from_bytes([7; 32])
}

fn rows() -> Vec<Row> {
    let key = *root_key().agreement("bench", 1).pseudonym("person");
    let number = "$.records[*].person.nhs_number";
    let token = Action::Transform(Transform::Pseudonymise {
        namespace: "person".to_owned(),
    });
    vec![
        Row {
            name: "T1: all but four fields",
            input: records::document,
            rules: all_but(&T1_DROPS),
            filter: Some(T1),
            task: Task::Without(&T1_DROPS),
        },
        Row {
            name: "T2: three fields",
            input: records::document,
            rules: kept(&T2_KEEPS),
            filter: Some(T2),
            task: Task::Only {
                keep: &T2_KEEPS,
                token: None,
            },
        },
        Row {
            name: "T3: three fields, a token",
            input: records::document,
            rules: kept(&T2_KEEPS)
                .into_iter()
                .chain([(number, token)])
                .collect(),
            filter: None,
            task: Task::Only {
                keep: &T2_KEEPS,
                token: Some((number, key)),
            },
        },
        Row {
            name: "all but every `name` (`$..name`)",
            input: records::document,
            rules: all_but(&["$..name"]),
            filter: Some(Filter::Without("name")),
            task: Task::Without(&["$..name"]),
        },
        Row {
            name: "T2, pretty-printed",
            input: inputs::pretty,
            rules: kept(&T2_KEEPS),
            filter: Some(T2),
            task: Task::Only {
                keep: &T2_KEEPS,
                token: None,
            },
        },
        Row {
            name: "tiny members, one of three",
            input: inputs::tiny,
            rules: kept(&["$[*].b"]),
            filter: Some(Filter::Elements(&ELEMENT)),
            task: Task::Only {
                keep: &["$[*].b"],
                token: None,
            },
        },
        Row {
            name: "nested 100 deep, all but every `b`",
            input: inputs::deep,
            rules: all_but(&["$..b"]),
            filter: Some(Filter::Without("b")),
            task: Task::Without(&["$..b"]),
        },
        Row {
            name: "strings of escapes, one of two",
            input: inputs::escapes,
            rules: kept(&["$[*].kept"]),
            filter: Some(Filter::Elements(&TEXT)),
            task: Task::Only {
                keep: &["$[*].kept"],
                token: None,
            },
        },
        Row {
            name: "objects of 10,000 members, one",
            input: inputs::wide,
            rules: kept(&["$[*].member_77"]),
            filter: Some(Filter::Elements(&ONE_OF_MANY)),
            task: Task::Only {
                keep: &["$[*].member_77"],
                token: None,
            },
        },
    ]
}

fn plan(rules: &[(&'static str, Action)]) -> Arc<Plan> {
    let fields = rules.iter().map(|(selector, action)| Rule {
        selector: Selector::parse(selector).expect("benches write JSONPath"),
        action: action.clone(),
        on_mismatch: OnMismatch::Drop,
        line: 0,
    });
    let rules = BodyRules {
        fields: fields.collect(),
        ..BodyRules::default()
    };
    let keys = PlanKeys {
        agreement: Some(root_key().agreement("bench", 1)),
        subject: None,
    };
    Arc::new(
        Plan::compile(&rules, &keys, &Limits::default()).expect("benches write plans that compile"),
    )
}

/// Pushes the document through the machine; `taken` gets what leaves after each piece, as a socket would.
fn fieldgate(
    plan: &Arc<Plan>,
    document: &[u8],
    out: &mut Vec<u8>,
    mut taken: impl FnMut(&mut Vec<u8>),
) {
    let mut machine = json_machine(plan);
    for piece in document.chunks(PIECE_BYTES) {
        machine.push(piece, out).expect("benches make JSON");
        taken(out);
    }
    machine.finish(out).expect("benches make whole documents");
    taken(out);
}

fn copy(document: &[u8], out: &mut Vec<u8>, mut taken: impl FnMut(&mut Vec<u8>)) {
    for piece in document.chunks(PIECE_BYTES) {
        out.extend_from_slice(piece);
        taken(out);
    }
}

/// A reader that gives a document in pieces.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

fn discard(out: &mut Vec<u8>) {
    black_box(&out);
    out.clear();
}

/// That all do the same work: their outputs are one document.
fn check(row: &Row, plan: &Arc<Plan>, document: &[u8]) {
    let read = |json: &[u8]| serde_json::from_slice::<Value>(json).expect("what leaves is JSON");
    let (mut out, mut whole) = (Vec::new(), Vec::new());
    fieldgate(plan, document, &mut out, |out| whole.append(out));
    let own = read(&whole);
    assert!(
        own == read(&tree::minimise(&row.task, document)),
        "{}: fieldgate and the tree differ",
        row.name
    );
    if let Some(filter) = row.filter {
        whole.clear();
        streaming::minimise(
            filter,
            std::io::BufReader::new(document),
            &mut out,
            &mut |out| whole.append(out),
        );
        assert!(
            own == read(&whole),
            "{}: fieldgate and the stream differ",
            row.name
        );
    }
}

/// How much of each input, and how often.
struct Size {
    stream_bytes: usize,
    tree_bytes: usize,
    rounds: usize,
}

fn measure(row: &Row, size: &Size) {
    let plan = plan(&row.rules);
    // jsonpath-rust takes seconds for each MiB of deep documents.
    let tree_bytes = size.tree_bytes
        / if row.name.starts_with("nested") {
            16
        } else {
            1
        };
    let small = (row.input)(tree_bytes);
    check(row, &plan, &small);
    let trees = Rounds::run(
        &mut [
            (
                "fieldgate",
                Box::new(|| fieldgate(&plan, &small, &mut Vec::new(), discard)),
            ),
            (
                "tree",
                Box::new(|| drop(black_box(tree::minimise(&row.task, &small)))),
            ),
        ],
        size.rounds,
    );

    let large = (row.input)(size.stream_bytes);
    let mut left = 0;
    fieldgate(&plan, &large, &mut Vec::new(), |out| {
        left += std::mem::take(out).len()
    });
    let mut contestants: Vec<Contestant<'_>> = vec![
        (
            "fieldgate",
            Box::new(|| fieldgate(&plan, &large, &mut Vec::new(), discard)),
        ),
        ("copy", Box::new(|| copy(&large, &mut Vec::new(), discard))),
    ];
    if let Some(filter) = row.filter {
        let large = large.as_slice();
        let stream = move || {
            let reader = std::io::BufReader::with_capacity(PIECE_BYTES, Pieces(large));
            streaming::minimise(filter, reader, &mut Vec::new(), &mut discard);
        };
        contestants.push(("stream", Box::new(stream)));
    }
    let streams = Rounds::run(&mut contestants, size.rounds);
    table::row(&[
        row.name.to_owned(),
        number(large.len() as f64 / f64::from(1 << 20)),
        format!("{:.0} %", 100.0 * left as f64 / large.len() as f64),
        number(speed(large.len(), streams.median(0))),
        row.filter
            .map_or_else(|| "none".to_owned(), |_| number(streams.ratio(0, 2))),
        number(trees.ratio(0, 1)),
        number(streams.ratio(0, 1)),
    ]);
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let size = if quick {
        Size {
            stream_bytes: 1 << 18,
            tree_bytes: 1 << 16,
            rounds: 1,
        }
    } else {
        Size {
            stream_bytes: 64 << 20,
            tree_bytes: 4 << 20,
            rounds: 5,
        }
    };
    table::line(&format!(
        "core: {}; median of {} rounds, one thread\n",
        table::surroundings(),
        size.rounds
    ));
    table::head(&[
        "task",
        "MiB",
        "leaves",
        "MB/s",
        "x of serde stream",
        "x of tree",
        "x of copy",
    ]);
    for row in rows() {
        measure(&row, &size);
    }
}
