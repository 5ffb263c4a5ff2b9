//! The minimiser alone, beside a document model, a serde stream and a bare copy.
//!
//! `cargo bench --bench core` prints the tables of `docs/PERFORMANCE.md`, and `-- tasks`, `-- lines`, `-- record`,
//! `-- growth` one of them; `-- --quick` runs each row once on a small input, to see that it still does. A ratio is of
//! the same input in the same run, the contestants taking turns.

use std::hint::black_box;
use std::io::Read;
use std::sync::Arc;

use fieldgate::minimise::{Machine, json_machine, machine};
use fieldgate::plan::{Action, Format, Plan};
use fieldgate::transform::{Algorithm, Identified, Transform};
use jiff::civil::date;
use serde_json::Value;

mod inputs;
mod peers;
mod records;
mod table;
mod tasks;

use peers::streaming::{self, Filter};
use peers::tree::{self, Task};
use table::{Contestant, Rounds, number, speed};
use tasks::{
    ELEMENT, ONE_OF_MANY, T1, T1_DROPS, T1_RECORD, T2, T2_KEEPS, TEXT, all_but, kept, plan,
    root_key,
};

/// What a body comes in: the size of a read from a socket.
const PIECE_BYTES: usize = 64 << 10;

/// What one contestant does with a record.
type ForEach = Box<dyn FnMut(&[u8])>;

/// A growing document: its name, rules, head, one element and a comma, its tail.
type Grown<'a> = (
    &'static str,
    Vec<(&'static str, Action)>,
    &'a [u8],
    Vec<u8>,
    &'a [u8],
);

/// A part of this bench that can be asked for by its name.
type Part = (&'static str, fn(&Size));

/// A task in the words of each contestant.
struct Row {
    name: &'static str,
    input: fn(usize) -> Vec<u8>,
    rules: Vec<(&'static str, Action)>,
    stream: Option<Stream>,
    task: Option<Task>,
    /// How many times as fast as the stream it is to be.
    goal: Option<f64>,
}

/// A task as the serde stream does it.
#[derive(Clone, Copy)]
enum Stream {
    Through(Filter),
    BirthsInBandA,
}

impl Stream {
    fn minimise(self, document: &[u8], out: &mut Vec<u8>, taken: &mut dyn FnMut(&mut Vec<u8>)) {
        let reader = std::io::BufReader::with_capacity(PIECE_BYTES, Pieces(document));
        match self {
            Self::Through(filter) => streaming::minimise(filter, reader, out, taken),
            Self::BirthsInBandA => streaming::births_in_band_a(reader, out, taken),
        }
    }
}

fn rows() -> Vec<Row> {
    let keys = root_key().agreement("bench", 1);
    let key = *keys.current().key(Algorithm::HmacSha256, "person");
    let number = "$.records[*].person.nhs_number";
    let token = Action::Transform(Transform::Pseudonymise(Identified::text("person")));
    vec![
        Row {
            name: "T1: all but four fields",
            input: records::document,
            rules: all_but(&T1_DROPS),
            stream: Some(Stream::Through(T1)),
            goal: Some(10.0),
            task: Some(Task::Without(&T1_DROPS)),
        },
        Row {
            name: "T2: three fields",
            input: records::document,
            rules: kept(&T2_KEEPS),
            stream: Some(Stream::Through(T2)),
            goal: Some(12.0),
            task: Some(Task::Only {
                keep: &T2_KEEPS,
                token: None,
            }),
        },
        Row {
            name: "T3: three fields, a token",
            input: records::document,
            rules: kept(&T2_KEEPS)
                .into_iter()
                .chain([(number, token)])
                .collect(),
            stream: None,
            goal: None,
            task: Some(Task::Only {
                keep: &T2_KEEPS,
                token: Some((number, key)),
            }),
        },
        Row {
            name: "all but every `name` (`$..name`)",
            input: records::document,
            rules: all_but(&["$..name"]),
            stream: Some(Stream::Through(Filter::Without("name"))),
            goal: Some(4.0),
            task: Some(Task::Without(&["$..name"])),
        },
        Row {
            name: "a filter on each record, one field",
            input: records::document,
            rules: kept(&["$.records[?@.council_tax.band=='A'].person.dob"]),
            stream: Some(Stream::BirthsInBandA),
            goal: Some(4.0),
            task: None,
        },
        Row {
            name: "T2, pretty-printed",
            input: inputs::pretty,
            rules: kept(&T2_KEEPS),
            stream: Some(Stream::Through(T2)),
            goal: Some(4.0),
            task: Some(Task::Only {
                keep: &T2_KEEPS,
                token: None,
            }),
        },
        Row {
            name: "tiny members, one of three",
            input: inputs::tiny,
            rules: kept(&["$[*].b"]),
            stream: Some(Stream::Through(Filter::Elements(&ELEMENT))),
            goal: Some(4.0),
            task: Some(Task::Only {
                keep: &["$[*].b"],
                token: None,
            }),
        },
        Row {
            name: "nested 100 deep, all but every `b`",
            input: inputs::deep,
            rules: all_but(&["$..b"]),
            stream: Some(Stream::Through(Filter::Without("b"))),
            goal: Some(4.0),
            task: Some(Task::Without(&["$..b"])),
        },
        Row {
            name: "strings of escapes, one of two",
            input: inputs::escapes,
            rules: kept(&["$[*].kept"]),
            stream: Some(Stream::Through(Filter::Elements(&TEXT))),
            goal: Some(4.0),
            task: Some(Task::Only {
                keep: &["$[*].kept"],
                token: None,
            }),
        },
        Row {
            name: "objects of 10,000 members, one",
            input: inputs::wide,
            rules: kept(&["$[*].member_77"]),
            stream: Some(Stream::Through(Filter::Elements(&ONE_OF_MANY))),
            goal: Some(4.0),
            task: Some(Task::Only {
                keep: &["$[*].member_77"],
                token: None,
            }),
        },
    ]
}

/// Pushes the document through the machine; `taken` gets what leaves after each piece, as a socket would.
fn fieldgate(
    machine: Box<dyn Machine>,
    document: &[u8],
    out: &mut Vec<u8>,
    mut taken: impl FnMut(&mut Vec<u8>),
) {
    let mut machine = machine;
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
    fieldgate(json_machine(plan), document, &mut out, |out| {
        whole.append(out);
    });
    let own = read(&whole);
    if let Some(task) = &row.task {
        assert!(
            own == read(&tree::minimise(task, document)),
            "{}: fieldgate and the tree differ",
            row.name
        );
    }
    if let Some(stream) = row.stream {
        whole.clear();
        stream.minimise(document, &mut out, &mut |out| whole.append(out));
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
    /// The lengths at which time per byte is looked at.
    growth_mib: &'static [usize],
    rounds: usize,
}

/// A task's row: fieldgate beside the stream, the tree and the copy.
fn measure(row: &Row, size: &Size) {
    let plan = plan(Format::Json, &row.rules);
    // jsonpath-rust takes seconds for each MiB of deep documents.
    let tree_bytes = size.tree_bytes
        / if row.name.starts_with("nested") {
            16
        } else {
            1
        };
    let small = (row.input)(tree_bytes);
    check(row, &plan, &small);
    let own = |document: &[u8]| fieldgate(json_machine(&plan), document, &mut Vec::new(), discard);
    let none = || "none".to_owned();
    let of_tree = row.task.as_ref().map_or_else(none, |task| {
        let mut contestants: [Contestant<'_>; 2] = [
            ("fieldgate", Box::new(|| own(&small))),
            (
                "tree",
                Box::new(|| drop(black_box(tree::minimise(task, &small)))),
            ),
        ];
        number(Rounds::run(&mut contestants, size.rounds).ratio(0, 1))
    });

    let large = (row.input)(size.stream_bytes);
    let mut left = 0;
    fieldgate(json_machine(&plan), &large, &mut Vec::new(), |out| {
        left += std::mem::take(out).len();
    });
    let mut contestants: Vec<Contestant<'_>> = vec![
        ("fieldgate", Box::new(|| own(&large))),
        ("copy", Box::new(|| copy(&large, &mut Vec::new(), discard))),
    ];
    if let Some(stream) = row.stream {
        let large = large.as_slice();
        contestants.push((
            "stream",
            Box::new(move || stream.minimise(large, &mut Vec::new(), &mut discard)),
        ));
    }
    let streams = Rounds::run(&mut contestants, size.rounds);
    let of_stream = row.stream.map(|_| streams.ratio(0, 2));
    table::row(&[
        row.name.to_owned(),
        number(large.len() as f64 / f64::from(1 << 20)),
        format!("{:.0} %", 100.0 * left as f64 / large.len() as f64),
        number(speed(large.len(), streams.median(0))),
        of_stream.map_or_else(none, number),
        row.goal.map_or_else(none, number),
        match (of_stream, row.goal) {
            (Some(times), Some(goal)) => reached(times >= goal),
            (None, _) | (_, None) => String::new(),
        },
        of_tree,
        number(streams.ratio(0, 1)),
    ]);
}

fn reached(reached: bool) -> String {
    if reached { "yes" } else { "**no**" }.to_owned()
}

fn tasks(size: &Size) {
    table::head(&[
        "task",
        "MiB",
        "leaves",
        "MB/s",
        "x of serde stream",
        "goal",
        "reached",
        "x of tree",
        "x of copy",
    ]);
    for row in rows() {
        measure(&row, size);
    }
}

/// A rule's selector for one record alone, or for each line of records.
fn from_record(selector: &str, record: &str) -> String {
    selector.replace("$.records[*]", record)
}

/// T1 and T2 with selectors that start at `record`.
fn t1_and_t2(format: &Format, record: &str) -> [Arc<Plan>; 2] {
    [all_but(&T1_DROPS), kept(&T2_KEEPS)].map(|rules| {
        let selectors: Vec<String> = rules
            .iter()
            .map(|(selector, _)| from_record(selector, record))
            .collect();
        let rules: Vec<(&str, Action)> = selectors
            .iter()
            .zip(rules)
            .map(|(selector, (_, action))| (selector.as_str(), action))
            .collect();
        plan(format.clone(), &rules)
    })
}

/// A machine for a format other than JSON too. No rule here asks for the day.
fn any_machine(plan: &Arc<Plan>) -> Box<dyn Machine> {
    machine(plan, "", date(2026, 1, 1))
}

/// Records as lines beside records as one array.
fn lines(size: &Size) {
    let array = records::document(size.stream_bytes);
    let lines = records::lines(size.stream_bytes);
    let of_array = t1_and_t2(&Format::Json, "$.records[*]");
    let of_lines = t1_and_t2(&Format::Ndjson, "$[*]");
    table::head(&["task", "MiB", "MB/s", "array MB/s", "x of array"]);
    for (task, name) in ["T1, lines", "T2, lines"].into_iter().enumerate() {
        let through = |plan: &Arc<Plan>, body: &[u8]| {
            fieldgate(any_machine(plan), body, &mut Vec::new(), discard);
        };
        let mut contestants: [Contestant<'_>; 2] = [
            ("lines", Box::new(|| through(&of_lines[task], &lines))),
            ("array", Box::new(|| through(&of_array[task], &array))),
        ];
        let rounds = Rounds::run(&mut contestants, size.rounds);
        table::row(&[
            name.to_owned(),
            number(lines.len() as f64 / f64::from(1 << 20)),
            number(speed(lines.len(), rounds.median(0))),
            number(speed(array.len(), rounds.median(1))),
            number(rounds.ratio(0, 1)),
        ]);
    }
}

/// How many records are told apart, so that no processor learns one by heart.
const RECORDS: usize = 512;

/// How often each record is taken in a round.
const TIMES: usize = 100;

/// One record of about 1.2 KB as a body of its own.
fn record(size: &Size) {
    let all = records::lines(16 << 20);
    let lines: Vec<&[u8]> = all
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| (1_100..1_300).contains(&line.len()))
        .take(RECORDS)
        .collect();
    let times = if size.rounds > 1 { TIMES } else { 1 };
    let [alone, _] = t1_and_t2(&Format::Json, "$");
    let [in_lines, _] = t1_and_t2(&Format::Ndjson, "$[*]");
    table::head(&[
        "T1 of one record",
        "bytes",
        "ns",
        "goal",
        "reached",
        "serde slice ns",
        "x of serde slice",
        "goal",
        "reached",
    ]);
    for (name, lines) in [
        ("different records", lines.as_slice()),
        ("the same record", &lines[..1]),
    ] {
        let turns = RECORDS * times / lines.len();
        let each = |mut one: ForEach| {
            move || {
                for _ in 0..turns {
                    for line in lines {
                        one(line);
                    }
                }
            }
        };
        let (alone, mut out) = (Arc::clone(&alone), Vec::new());
        let anew = each(Box::new(move |line| {
            let mut machine = json_machine(&alone);
            machine.push(line, &mut out).expect("benches make JSON");
            machine
                .finish(&mut out)
                .expect("benches make whole records");
            discard(&mut out);
        }));
        let (mut ready, mut out) = (any_machine(&in_lines), Vec::new());
        let reused = each(Box::new(move |line| {
            ready.push(line, &mut out).expect("benches make JSON");
            discard(&mut out);
        }));
        let mut out = Vec::new();
        let serde = each(Box::new(move |line| {
            streaming::minimise_slice(T1_RECORD, line, &mut out);
            discard(&mut out);
        }));
        let rounds = Rounds::run(
            &mut [
                ("anew", Box::new(anew)),
                ("reused", Box::new(reused)),
                ("serde", Box::new(serde)),
            ],
            size.rounds,
        );
        let taken = (turns * lines.len()) as f64;
        let bytes = lines.iter().map(|line| line.len()).sum::<usize>() / lines.len();
        for (place, how) in [(0, "a machine each"), (1, "one machine, a line each")] {
            let ns = |place| rounds.median(place).as_secs_f64() * 1e9 / taken;
            let of_serde = rounds.ratio(place, 2);
            table::row(&[
                format!("{name}, {how}"),
                bytes.to_string(),
                number(ns(place)),
                "700".to_owned(),
                reached(ns(place) < 700.0),
                number(ns(2)),
                number(of_serde),
                "1.50".to_owned(),
                reached(of_serde >= 1.5),
            ]);
        }
    }
}

/// Time per byte as documents grow: the same MiB of elements again and again, so that only the document's length
/// differs and not how much of the input a cache holds.
fn growth(size: &Size) {
    let element = |document: fn(usize) -> Vec<u8>, start: usize, end: usize| {
        let document = document(1 << 20);
        [&document[start..document.len() - end], b","].concat()
    };
    let head = br#"{"records":["#;
    let rows: [Grown<'_>; 3] = [
        (
            "T1",
            all_but(&T1_DROPS),
            head,
            element(records::document, head.len(), 2),
            b"{}]}",
        ),
        (
            "tiny members, one of three",
            kept(&["$[*].b"]),
            b"[",
            element(inputs::tiny, 1, 1),
            b"{}]",
        ),
        (
            "nested 100 deep, all but every `b`",
            all_but(&["$..b"]),
            b"[",
            element(inputs::deep, 1, 1),
            b"{}]",
        ),
    ];
    let titles: Vec<String> = size
        .growth_mib
        .iter()
        .map(|mib| format!("{mib} MiB, ns/KiB"))
        .collect();
    let mut head: Vec<&str> = vec!["task"];
    head.extend(titles.iter().map(String::as_str));
    head.extend(["most of least", "goal", "reached"]);
    table::head(&head);
    for (name, rules, start, elements, end) in rows {
        let plan = plan(Format::Json, &rules);
        let through = |mib: usize| {
            let (mut machine, mut out) = (json_machine(&plan), Vec::new());
            let mut push = |piece: &[u8]| {
                machine.push(piece, &mut out).expect("benches make JSON");
                discard(&mut out);
            };
            push(start);
            for _ in 0..mib {
                elements.chunks(PIECE_BYTES).for_each(&mut push);
            }
            push(end);
            machine
                .finish(&mut out)
                .expect("benches make whole documents");
        };
        // A short document's time is of many, so that a clock can tell it.
        let again = |mib: usize| (16 / mib).max(1);
        let mut contestants: Vec<Contestant<'_>> = size
            .growth_mib
            .iter()
            .map(|mib| -> Contestant<'_> {
                let run = || (0..again(*mib)).for_each(|_| through(*mib));
                ("fieldgate", Box::new(run))
            })
            .collect();
        // Three rounds, since the longest documents take seconds.
        let rounds = Rounds::run(&mut contestants, size.rounds.min(3));
        let times: Vec<f64> = size
            .growth_mib
            .iter()
            .enumerate()
            .map(|(place, mib)| {
                let kib = (elements.len() * mib * again(*mib)) as f64 / 1_024.0;
                rounds.median(place).as_secs_f64() * 1e9 / kib
            })
            .collect();
        let most = times.iter().copied().fold(0.0, f64::max);
        let least = times.iter().copied().fold(f64::INFINITY, f64::min);
        let mut cells = vec![name.to_owned()];
        cells.extend(times.iter().map(|time| number(*time)));
        cells.extend([
            number(most / least),
            "2.00".to_owned(),
            reached(most <= 2.0 * least),
        ]);
        table::row(&cells);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let size = if quick {
        Size {
            stream_bytes: 1 << 18,
            tree_bytes: 1 << 16,
            growth_mib: &[1, 4],
            rounds: 1,
        }
    } else {
        Size {
            stream_bytes: 64 << 20,
            tree_bytes: 4 << 20,
            growth_mib: &[1, 16, 256, 1_024],
            rounds: 5,
        }
    };
    table::line(&format!(
        "core: {}; median of {} rounds, one thread",
        table::surroundings(),
        size.rounds
    ));
    let named: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let parts: [Part; 4] = [
        ("tasks", tasks),
        ("lines", lines),
        ("record", record),
        ("growth", growth),
    ];
    for (name, part) in parts {
        if named.is_empty() || named.iter().any(|wanted| *wanted == name) {
            table::line("");
            part(&size);
        }
    }
}
