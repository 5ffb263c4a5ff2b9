//! The machine for XML, beside quick-xml reading and writing the same document, and a bare copy.
//!
//! `cargo bench --bench xml` prints the table of `docs/PERFORMANCE.md`; `-- --quick` runs each row once on a small
//! input, to see that it still does. A ratio is of the same input in the same run, the contestants taking turns.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enums are other crates', and what is new in them is written as it is"
)]
#![allow(
    dead_code,
    reason = "the modules that benches share hold more than one of them asks"
)]

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use fieldgate::minimise::{Limits, machine};
use fieldgate::plan::{
    Action, BodyRules, Condition, Format, OnMismatch, Plan, PlanKeys, Rule, Selector, Xml,
};
use quick_xml::events::Event;
use quick_xml::{Reader, Writer};
use serde_json::Value;

mod records;
mod table;

use table::{Contestant, Rounds, number, speed};

/// What a body comes in: the size of a read from a socket.
const PIECE_BYTES: usize = 64 << 10;

/// A task: what is looked at, and the rules.
struct Row {
    name: &'static str,
    input: fn(usize) -> String,
    rules: BodyRules,
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (bytes, rounds) = if quick { (1 << 18, 1) } else { (64 << 20, 5) };
    table::line(&format!(
        "xml: {}; median of {rounds} rounds, one thread\n",
        table::surroundings()
    ));
    table::head(&[
        "task",
        "MiB",
        "leaves",
        "MB/s",
        "x of quick-xml from a slice",
        "x of quick-xml from a reader",
        "x of copy",
    ]);
    for row in rows() {
        measure(&row, bytes, rounds);
    }
}

fn rows() -> Vec<Row> {
    let keep = |selectors: &[&str]| rules(selectors.iter().map(|text| (*text, Action::Keep)));
    let t2 = [
        "$.records.record.person.dob",
        "$.records.record.address.postcode",
        "$.records.record.council_tax.band",
    ];
    let mut conditional = keep(&t2);
    conditional.record = Selector::parse("$.records.record").ok();
    conditional.release_if = Condition::parse("@.council_tax.band != 'A'").ok();
    let t1 = [
        ("$", Action::KeepAll),
        ("$.records.record.person.name", Action::Drop),
        ("$.records.record.person.nino", Action::Drop),
        ("$.records.record.notes", Action::Drop),
        ("$.records.record.household.name", Action::Drop),
    ];
    vec![
        Row {
            name: "T2: three `keep`s",
            input: compact,
            rules: keep(&t2),
        },
        Row {
            name: "T2, pretty-printed",
            input: pretty,
            rules: keep(&t2),
        },
        Row {
            name: "T1: `keep_all`, four `drop`s",
            input: compact,
            rules: rules(t1),
        },
        Row {
            name: "`keep_all` of everything",
            input: compact,
            rules: rules([("$", Action::KeepAll)]),
        },
        Row {
            name: "T2 in a namespace",
            input: namespaced,
            rules: BodyRules {
                format: Format::Xml(Xml {
                    namespaces: vec![(String::new(), "urn:council".to_owned())],
                }),
                ..keep(&t2)
            },
        },
        Row {
            name: "T2, a condition on each record",
            input: compact,
            rules: conditional,
        },
        Row {
            name: "tiny elements",
            input: tiny,
            rules: keep(&["$.r.e.b"]),
        },
    ]
}

fn rules<'a>(rules: impl IntoIterator<Item = (&'a str, Action)>) -> BodyRules {
    let rule = |(selector, action)| Rule {
        selector: Selector::parse(selector).expect("the bench writes selectors"),
        action,
        on_mismatch: OnMismatch::Drop,
        line: 0,
    };
    BodyRules {
        format: Format::Xml(Xml::default()),
        fields: rules.into_iter().map(rule).collect(),
        ..BodyRules::default()
    }
}

fn measure(row: &Row, bytes: usize, rounds: usize) {
    let input = (row.input)(bytes);
    let plan = Plan::compile(&row.rules, &PlanKeys::default(), &Limits::default());
    let plan = Arc::new(plan.expect("the rules make a plan"));
    let leaves = minimise(&plan, input.as_bytes());
    let mut contestants: Vec<Contestant<'_>> = vec![
        (
            "fieldgate",
            Box::new(|| {
                black_box(minimise(&plan, input.as_bytes()));
            }),
        ),
        (
            "quick-xml from a slice",
            Box::new(|| {
                black_box(from_slice(&input));
            }),
        ),
        (
            "quick-xml from a reader",
            Box::new(|| {
                black_box(from_reader(input.as_bytes()));
            }),
        ),
        (
            "copy",
            Box::new(|| {
                black_box(copy(input.as_bytes()));
            }),
        ),
    ];
    let times = Rounds::run(&mut contestants, rounds);
    table::row(&[
        row.name.to_owned(),
        number(input.len() as f64 / f64::from(1 << 20)),
        format!("{:.0} %", 100.0 * leaves as f64 / input.len() as f64),
        number(speed(input.len(), times.median(0))),
        number(times.ratio(0, 1)),
        number(times.ratio(0, 2)),
        number(times.ratio(0, 3)),
    ]);
}

/// The machine; gives how much left.
fn minimise(plan: &Arc<Plan>, input: &[u8]) -> usize {
    let mut machine = machine(plan, "", jiff::civil::date(2026, 11, 22));
    let mut out = Vec::with_capacity(2 * PIECE_BYTES);
    let mut left = 0;
    for piece in input.chunks(PIECE_BYTES) {
        machine.push(piece, &mut out).expect("the input is sound");
        left += black_box(&out).len();
        out.clear();
    }
    machine.finish(&mut out).expect("the input is sound");
    left + out.len()
}

/// Every event read from a whole document in memory, whose UTF-8 was checked before, and written.
fn from_slice(input: &str) -> usize {
    let mut reader = Reader::from_str(input);
    let mut writer = Writer::new(Vec::with_capacity(2 * PIECE_BYTES));
    let mut left = 0;
    loop {
        match reader.read_event().expect("the input is sound") {
            Event::Eof => return left + writer.get_ref().len(),
            event => writer.write_event(event).expect("a vector takes all"),
        }
        if writer.get_ref().len() > PIECE_BYTES {
            left += black_box(writer.get_ref()).len();
            writer.get_mut().clear();
        }
    }
}

/// Every event read as a stream and written.
fn from_reader(input: &[u8]) -> usize {
    let mut reader = Reader::from_reader(std::io::BufReader::with_capacity(PIECE_BYTES, input));
    let mut writer = Writer::new(Vec::with_capacity(2 * PIECE_BYTES));
    let (mut buffer, mut left) = (Vec::new(), 0);
    loop {
        buffer.clear();
        match reader
            .read_event_into(&mut buffer)
            .expect("the input is sound")
        {
            Event::Eof => return left + writer.get_ref().len(),
            event => writer.write_event(event).expect("a vector takes all"),
        }
        if writer.get_ref().len() > PIECE_BYTES {
            left += black_box(writer.get_ref()).len();
            writer.get_mut().clear();
        }
    }
}

fn copy(input: &[u8]) -> usize {
    let mut out = Vec::with_capacity(2 * PIECE_BYTES);
    for piece in input.chunks(PIECE_BYTES) {
        out.clear();
        out.extend_from_slice(piece);
        black_box(&out);
    }
    out.len()
}

// ---- documents ----

fn compact(bytes: usize) -> String {
    document(bytes, false, "")
}

fn pretty(bytes: usize) -> String {
    document(bytes, true, "")
}

fn namespaced(bytes: usize) -> String {
    document(bytes, false, " xmlns='urn:council'")
}

/// Council records as XML, of about `bytes` bytes.
fn document(bytes: usize, pretty: bool, declaration: &str) -> String {
    let json = records::document(bytes / 2);
    let json: Value = serde_json::from_slice(&json).expect("the records are JSON");
    let records = json["records"]
        .as_array()
        .expect("a document has its records in an array");
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<records{declaration}>");
    for (number, record) in records.iter().cycle().enumerate() {
        let attributes = format!(" id=\"{number}\" source='council'");
        element("record", &attributes, record, pretty.then_some(1), &mut out);
        if out.len() >= bytes {
            break;
        }
    }
    out.push_str("</records>\n");
    out
}

fn element(name: &str, attributes: &str, value: &Value, depth: Option<usize>, out: &mut String) {
    let indent = |depth: Option<usize>, out: &mut String| {
        if let Some(depth) = depth {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    };
    if let Value::Array(elements) = value {
        for value in elements {
            element(name, attributes, value, depth, out);
        }
        return;
    }
    indent(depth, out);
    out.push_str(&format!("<{name}{attributes}>"));
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                element(name, "", value, depth.map(|depth| depth + 1), out);
            }
            indent(depth, out);
        }
        Value::String(text) => out.push_str(&quick_xml::escape::escape(text)),
        other => out.push_str(&other.to_string()),
    }
    out.push_str(&format!("</{name}>"));
}

/// Elements of three elements of a digit each: as many tags as bytes can hold.
fn tiny(bytes: usize) -> String {
    let mut out = b"<r>".to_vec();
    let mut number = 0;
    while out.len() < bytes {
        write!(
            out,
            "<e><a>{}</a><b>{}</b><c>{}</c></e>",
            number % 10,
            number % 7,
            number % 3
        )
        .expect("a vector takes all that is written");
        number += 1;
    }
    out.extend_from_slice(b"</r>");
    String::from_utf8(out).expect("digits are UTF-8")
}
