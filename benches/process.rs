//! `fieldgate apply` beside other programs, each a process of its own on one core, on the same council records.
//!
//! `cargo bench --bench process` takes 256 MiB as one array and as lines; `-- --mib 64` another size; `-- --quick`
//! runs each once on a little. `-- --write-records FILE --mib 256`, with `--lines` for NDJSON, writes the records to a
//! file for a trial by hand.
//!
//! All write to /dev/null, but for rsonpath, which counts. A program that is slower than the rest by an order takes
//! the first part of the same records, and its rate counts. Peers that are not installed are named and left out:
//! `cargo install rsonpath` gives `rq`; `jq` is a package of every system.

#![allow(
    dead_code,
    reason = "the modules that benches share hold more than one of them asks"
)]

use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

mod peers;
mod records;
mod table;
mod tasks;

use peers::streaming;
use table::{Contestant, Rounds, number, speed};
use tasks::{T1, T1_DROPS, T2, T2_KEEPS};

/// What the bench's own programs read and write at once.
const PIECE_BYTES: usize = 64 << 10;

const JQ_T1: &str = "del(.records[].person.name, .records[].person.nino, .records[].notes, \
                     .records[].household[].name)";
/// The same a record at a time, since `--stream` is for documents that do not fit in memory.
const JQ_STREAM_T1: &str = "fromstream(2 | truncate_stream(inputs)) \
                            | del(.person.name, .person.nino, .notes, .household[].name)";

/// The input, as one array and as lines, and the first part of the array for slow programs.
struct Inputs {
    folder: PathBuf,
    array: PathBuf,
    lines: PathBuf,
    part: PathBuf,
    small_part: PathBuf,
}

/// A program with its arguments, and how much it reads.
struct Program {
    name: &'static str,
    command: Vec<String>,
    bytes: usize,
}

/// How many times as fast as a peer a program is to be.
struct Goal {
    program: &'static str,
    peer: &'static str,
    times: f64,
}

const GOALS: [Goal; 10] = [
    goal("apply T1", "rq count", 1.0),
    goal("apply T1", "serde filter T1", 10.0),
    goal("apply T1", "jq T1", 50.0),
    goal("apply T1", "jq --stream T1", 400.0),
    goal("apply T2", "rq count", 1.25),
    goal("apply T2", "serde filter T2", 12.0),
    goal("apply T3", "apply T2", 0.8),
    goal("apply keep_all", "cat", 0.45),
    goal("apply T1, lines", "apply T1", 1.0),
    goal("apply T2, lines", "apply T2", 1.0),
];

const fn goal(program: &'static str, peer: &'static str, times: f64) -> Goal {
    Goal {
        program,
        peer,
        times,
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        Some(
            arguments
                .get(place + 1)
                .unwrap_or_else(|| panic!("{name} takes a value")),
        )
    };
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let quick = has("--quick");
    let mib = after("--mib").map_or(if quick { 2 } else { 256 }, |number| {
        number.parse::<usize>().expect("--mib takes a whole number")
    });
    if let Some(file) = after("--write-records") {
        let make = if has("--lines") {
            records::lines
        } else {
            records::document
        };
        std::fs::write(file, make(mib << 20)).expect("the file can be written");
    } else if let Some(task) = after("--serde-filter") {
        serde_filter(task, arguments.last().expect("the file comes last"));
    } else if let Some(file) = after("--copy") {
        copy(file);
    } else {
        compare(mib << 20, if quick { 1 } else { 5 });
    }
}

/// The serde stream as a program: from a file to standard output.
fn serde_filter(task: &str, file: &str) {
    let filter = if task == "T1" { T1 } else { T2 };
    let reader = BufReader::with_capacity(PIECE_BYTES, File::open(file).expect("it is there"));
    let mut out = std::io::stdout().lock();
    streaming::minimise(filter, reader, &mut Vec::new(), &mut |bytes| {
        out.write_all(bytes).expect("standard output takes it");
        bytes.clear();
    });
}

/// A bare copy as a program: from a file to standard output.
fn copy(file: &str) {
    let mut input = File::open(file).expect("it is there");
    let mut out = std::io::stdout().lock();
    let mut buffer = vec![0; PIECE_BYTES];
    while let count @ 1.. = input.read(&mut buffer).expect("it can be read") {
        out.write_all(&buffer[..count])
            .expect("standard output takes it");
    }
}

fn compare(bytes: usize, rounds: usize) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("the target folder can be written");
    let inputs = write_inputs(folder.path(), bytes);
    let programs = programs(&inputs);
    check(&inputs);
    let one_core = answers("taskset", "--version");
    table::line(&format!(
        "process: {}; median of {rounds} rounds, {}; {}\n",
        table::surroundings(),
        if one_core {
            "on core 0"
        } else {
            "on any core, since there is no taskset"
        },
        versions(),
    ));

    let mut contestants: Vec<Contestant<'_>> = programs
        .iter()
        .map(|program| -> Contestant<'_> {
            (
                program.name,
                Box::new(|| run(command(&program.command, one_core))),
            )
        })
        .collect();
    let rounds = Rounds::run(&mut contestants, rounds);

    table::head(&["program", "MiB", "seconds", "MB/s"]);
    for (place, program) in programs.iter().enumerate() {
        let took = rounds.median(place);
        table::row(&[
            program.name.to_owned(),
            number(program.bytes as f64 / f64::from(1 << 20)),
            number(took.as_secs_f64()),
            number(speed(program.bytes, took)),
        ]);
    }
    table::line("");
    table::head(&["program", "beside", "times as fast", "goal", "reached"]);
    let place = |name| programs.iter().position(|program| program.name == name);
    for goal in &GOALS {
        let (times, reached) = match (place(goal.program), place(goal.peer)) {
            (Some(own), Some(peer)) => {
                // Of rates: a slow program reads less.
                let less = programs[own].bytes as f64 / programs[peer].bytes as f64;
                let times = rounds.ratio(own, peer) * less;
                let reached = if times >= goal.times { "yes" } else { "**no**" };
                (number(times), reached)
            }
            (None, _) | (_, None) => ("not installed: skipped".to_owned(), "not known"),
        };
        table::row(&[
            goal.program.to_owned(),
            goal.peer.to_owned(),
            times,
            number(goal.times),
            reached.to_owned(),
        ]);
    }
}

fn write_inputs(folder: &Path, bytes: usize) -> Inputs {
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("the target folder can be written");
        path
    };
    let rules = |name: &str, text: String| {
        write(name, text.as_bytes());
    };
    let t1 = |from: &str| {
        format!(
            "fields:\n  - keep_all: [$]\n    because: a bench\n  - drop: {}\n",
            list(&T1_DROPS, from)
        )
    };
    let t2 = |from: &str| format!("fields:\n  - keep: {}\n", list(&T2_KEEPS, from));
    rules("T1.yaml", t1("$.records[*]"));
    rules("T2.yaml", t2("$.records[*]"));
    rules(
        "T3.yaml",
        format!(
            "{}  - pseudonymise: [\"$.records[*].person.nhs_number\"]\n    as: person\n",
            t2("$.records[*]")
        ),
    );
    rules(
        "keep_all.yaml",
        "fields:\n  - keep_all: [$]\n    because: a bench\n".to_owned(),
    );
    rules("T1-lines.yaml", format!("format: ndjson\n{}", t1("$[*]")));
    rules("T2-lines.yaml", format!("format: ndjson\n{}", t2("$[*]")));
    let key = write("root.key", "5a".repeat(32).as_bytes());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))
        .expect("its owner may say who reads it");
    Inputs {
        folder: folder.to_owned(),
        array: write("array.json", &records::document(bytes)),
        lines: write("lines.ndjson", &records::lines(bytes)),
        part: write("part.json", &records::document(bytes / 16)),
        small_part: write("small-part.json", &records::document(bytes / 128)),
    }
}

/// Selectors from a record, as a list in YAML.
fn list(selectors: &[&str], from: &str) -> String {
    let selectors: Vec<_> = selectors
        .iter()
        .map(|selector| format!("{:?}", selector.replace("$.records[*]", from)))
        .collect();
    format!("[{}]", selectors.join(", "))
}

/// All that take part.
fn programs(inputs: &Inputs) -> Vec<Program> {
    let program = |name, input: &Path, command: Vec<String>| Program {
        name,
        command,
        bytes: std::fs::metadata(input)
            .and_then(|metadata| metadata.len().try_into().map_err(std::io::Error::other))
            .expect("it was just written"),
    };
    let apply = |name, rules: &str, input: &Path| program(name, input, apply(inputs, rules, input));
    let serde = |name, task| {
        program(
            name,
            &inputs.array,
            own(&["--serde-filter", task], &inputs.array),
        )
    };
    let mut programs = vec![
        apply("apply T1", "T1", &inputs.array),
        apply("apply T2", "T2", &inputs.array),
        apply("apply T3", "T3", &inputs.array),
        apply("apply keep_all", "keep_all", &inputs.array),
        apply("apply T1, lines", "T1-lines", &inputs.lines),
        apply("apply T2, lines", "T2-lines", &inputs.lines),
        program(
            "cat",
            &inputs.array,
            words(&["cat"]).chain([text(&inputs.array)]).collect(),
        ),
        program(
            "copy in pieces of 64 KiB",
            &inputs.array,
            own(&["--copy"], &inputs.array),
        ),
        serde("serde filter T1", "T1"),
        serde("serde filter T2", "T2"),
    ];
    if answers("rq", "--version") {
        let command = words(&["rq", "$..name"])
            .chain([text(&inputs.array)])
            .chain(words(&["--result", "count"]));
        programs.push(program("rq count", &inputs.array, command.collect()));
    }
    if answers("jq", "--version") {
        programs.push(program("jq T1", &inputs.part, jq(&inputs.part)));
        let stream = words(&["jq", "-cn", "--stream", JQ_STREAM_T1]);
        programs.push(program(
            "jq --stream T1",
            &inputs.small_part,
            stream.chain([text(&inputs.small_part)]).collect(),
        ));
    }
    programs
}

fn apply(inputs: &Inputs, rules: &str, input: &Path) -> Vec<String> {
    let fields = inputs.folder.join(format!("{rules}.yaml"));
    let mut command = vec![env!("CARGO_BIN_EXE_fieldgate").to_owned()];
    command.extend(words(&["apply", "--jobs", "1", "--fields"]));
    command.push(text(&fields));
    if rules == "T3" {
        command.extend(["--keys".to_owned(), text(&inputs.folder.join("root.key"))]);
    }
    command.push(text(input));
    command
}

fn jq(input: &Path) -> Vec<String> {
    words(&["jq", "-c", JQ_T1]).chain([text(input)]).collect()
}

/// This program, as one of those that take part.
fn own(arguments: &[&str], input: &Path) -> Vec<String> {
    let program = std::env::current_exe().expect("a program knows where it lies");
    std::iter::once(text(&program))
        .chain(words(arguments))
        .chain([text(input)])
        .collect()
}

fn words<'a>(words: &'a [&str]) -> impl Iterator<Item = String> + use<'a> {
    words.iter().map(|word| (*word).to_owned())
}

fn text(path: &Path) -> String {
    path.to_str()
        .expect("the target folder's name is text")
        .to_owned()
}

fn command(words: &[String], one_core: bool) -> Command {
    let mut command = Command::new(if one_core { "taskset" } else { &words[0] });
    if one_core {
        command.args(["-c", "0", &words[0]]);
    }
    command.args(&words[1..]);
    command
}

fn run(mut command: Command) {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("it answered before");
    assert!(status.success(), "{command:?}: {status}");
}

/// That the programs do the same: their outputs are one document.
fn check(inputs: &Inputs) {
    let read = |words: &[String]| {
        let output = command(words, false)
            .stderr(Stdio::inherit())
            .output()
            .expect("it is installed");
        assert!(output.status.success(), "{words:?}: {}", output.status);
        serde_json::from_slice::<Value>(&output.stdout).expect("what leaves is JSON")
    };
    let input = &inputs.small_part;
    let t1 = read(&apply(inputs, "T1", input));
    let t2 = read(&apply(inputs, "T2", input));
    assert!(t1 == read(&own(&["--serde-filter", "T1"], input)), "T1");
    assert!(t2 == read(&own(&["--serde-filter", "T2"], input)), "T2");
    if answers("jq", "--version") {
        assert!(floats(t1) == floats(read(&jq(input))), "T1 by jq");
    }
}

/// All numbers as one kind, since jq writes `12.00` as `12`.
fn floats(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(elements) => elements.into_iter().map(floats).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, floats(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

fn answers(program: &str, argument: &str) -> bool {
    Command::new(program)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What the peers call themselves; those that are not there, by how to get them.
fn versions() -> String {
    let peers = [
        ("cat", "coreutils"),
        ("jq", "the system's package"),
        ("rq", "`cargo install rsonpath`"),
    ];
    let told = peers.map(|(program, from)| {
        let output = Command::new(program).arg("--version").output();
        let said = output
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        match said.lines().next() {
            Some(line) => line.trim().to_owned(),
            None => format!("no {program}, which is from {from}"),
        }
    });
    told.join(", ")
}
