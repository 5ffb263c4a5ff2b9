//! Looking a million people up, beside the standard library's map of the same tokens and beside minimising a record.
//!
//! `cargo bench --bench rights` prints a table; `-- --quick` runs each row once on few people, to see that it still does. Ratios
//! are of the same tokens in the same run, the contestants taking turns, on one core. Tokens are asked for in an order that
//! has nothing to do with where they lie, so that the lists and the map both miss the caches.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use fieldgate::agreement::load_fields;
use fieldgate::minimise::{self, Limits};
use fieldgate::plan::{Plan, PlanKeys};
use fieldgate::rights::{Entry, Lists, Terms, Token};
use fieldgate::subjects::{Act, Change, RightsGate, Store, Watched};
use fieldgate::transform::{Occasion, RootKey, SubjectTokens};
use jiff::civil::date;

#[allow(dead_code, reason = "the benches share it")]
mod people;
#[allow(dead_code, reason = "the benches share it")]
mod records;
#[allow(dead_code, reason = "the benches share it")]
mod table;

use people::token;
use table::{Contestant, Rounds, head, line, number, row, speed};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (people, asked, rounds) = if quick {
        (10_000, 10_000, 0)
    } else {
        (1_000_000, 1_000_000, 9)
    };
    let all: Vec<Token> = (0..people).map(token).collect();
    let objection = Entry::of("objection".parse().expect("a fact"));
    let mut lists = Lists::new();
    lists.enter(&objection, &all).expect("there is room");
    let map: HashMap<Token, u32> = all.iter().map(|token| (*token, 1)).collect();
    line(&format!("{}\n", table::surroundings()));
    line(&format!(
        "{people} entries: {:.1} MiB in memory",
        lists.bytes() as f64 / f64::from(1 << 20)
    ));
    store(&all);

    let today = date(2026, 6, 15);
    let terms = Terms::of("care");
    let listed: Vec<Token> = (0..asked)
        .map(|n| all[(n * 7_919 % people) as usize])
        .collect();
    let unlisted: Vec<Token> = (0..asked).map(|n| token(n * 7_919 + (1 << 40))).collect();
    let records: String = {
        let record = r#"{"nhs":"4010232137","name":"A Person","dateOfBirth":"1950-03-04","address":{"line":"1 High Street","postcode":"PO30 1AA"},"notes":"seen in March","mobility":"low"}"#;
        let count = asked.min(100_000) as usize;
        format!("[{}]", vec![record; count].join(","))
    };
    let record_count = asked.min(100_000);
    let rules = load_fields(
        "bench",
        "fields: [{ keep: ['$[*].mobility', '$[*].address.postcode'] }]",
    )
    .expect("rules");
    let keys = PlanKeys {
        agreement: None,
        subject: Some(RootKey::from_bytes([1; 32]).subject()),
    };
    let plan = Arc::new(Plan::compile(&rules, &keys, &Limits::default()).expect("a plan"));
    let decide = |tokens: &[Token]| {
        for token in tokens {
            black_box(lists.decide(&terms, Some(token), today));
        }
    };
    let look = |tokens: &[Token]| {
        for token in tokens {
            black_box(map.get(token));
        }
    };
    let mut contestants: Vec<Contestant<'_>> = vec![
        ("decided, on the list", Box::new(|| decide(&listed))),
        ("decided, not on it", Box::new(|| decide(&unlisted))),
        ("std's HashMap, in it", Box::new(|| look(&listed))),
        ("std's HashMap, not in it", Box::new(|| look(&unlisted))),
        (
            "a record minimised, JSON of 160 bytes",
            Box::new(|| {
                let mut machine = minimise::machine(&plan, "", today);
                let mut out = Vec::with_capacity(records.len());
                machine.push(records.as_bytes(), &mut out).expect("JSON");
                machine.finish(&mut out).expect("JSON");
                black_box(out);
            }),
        ),
    ];
    let taken = Rounds::run(&mut contestants, rounds);
    let counts = [asked, asked, asked, asked, record_count];
    head(&[
        "one",
        "nanoseconds",
        "of std's HashMap",
        "of minimising a record",
    ]);
    let each = |place: usize| taken.median(place).as_secs_f64() * 1e9 / counts[place] as f64;
    for (place, (name, _)) in contestants.iter().enumerate() {
        let peer = if place % 2 == 0 { 2 } else { 3 };
        let of_map = if place < 4 {
            number(each(place) / each(peer))
        } else {
            String::new()
        };
        row(&[
            (*name).to_owned(),
            number(each(place)),
            of_map,
            number(each(place) / each(4)),
        ]);
    }
    line("");
    beside_records(&all, quick);
}

/// What a million entries do to records that are minimised, each with its subject looked up, beside lists with nobody on
/// them: to the rate of a long stream, and to how long one record takes as a body of its own.
fn beside_records(all: &[Token], quick: bool) {
    let (bytes, bodies, rounds) = if quick {
        (1 << 18, 200, 1)
    } else {
        (32 << 20, 20_000, 9)
    };
    let plan = gated(&format!("format: ndjson\n{}", GATED.replace('^', "$[*]")));
    let alone = gated(&GATED.replace('^', "$"));
    let subjects = SubjectTokens::new(&RootKey::from_bytes([1; 32]).subject());
    let input = records::lines(bytes);
    // One in a hundred of the people in the stream are on the last list.
    let objecting = input.split(|byte| *byte == b'\n').step_by(100);
    let objecting = objecting.filter_map(|record| subjects.bytes(nhs_number(record)?));
    let some: Vec<Token> = objecting
        .chain(all.iter().copied())
        .take(all.len())
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let [nobody, others, some] = [("nobody", &[][..]), ("others", all), ("some", &some)]
        .map(|(name, people)| listed(&folder.path().join(name), people));
    let stream = |watched: &Arc<Watched>| {
        let (mut machine, mut out) = (minimise::machine(&plan, "", occasion(watched)), Vec::new());
        for piece in input.chunks(64 << 10) {
            machine.push(piece, &mut out).expect("JSON");
            black_box(machine.take_subjects());
            black_box(&out);
            out.clear();
        }
        black_box(machine.finish(&mut out).expect("JSON"));
    };
    let mut contestants: Vec<Contestant<'_>> = vec![
        ("nobody", Box::new(|| stream(&nobody))),
        ("a million others", Box::new(|| stream(&others))),
        (
            "a million, one in a hundred of these",
            Box::new(|| stream(&some)),
        ),
    ];
    let taken = Rounds::run(&mut contestants, rounds);
    let lists = [&nobody, &others, &some];
    let mut tails = lists.map(|_| Vec::with_capacity(bodies));
    let mut machines = lists.map(|watched| minimise::machine(&alone, "", occasion(watched)));
    let mut out = Vec::new();
    // Bodies as they come: of other people each, and the lists take turns.
    for body in input
        .split_inclusive(|byte| *byte == b'\n')
        .cycle()
        .take(bodies)
    {
        for ((machine, watched), tail) in machines.iter_mut().zip(lists).zip(&mut tails) {
            let began = Instant::now();
            machine.push(body, &mut out).expect("JSON");
            black_box(machine.take_subjects());
            machine.finish(&mut out).expect("JSON");
            tail.push(began.elapsed().as_nanos() as f64);
            black_box(&out);
            out.clear();
            assert!(machine.rest(), "machines of JSON begin again");
            machine.begin(&alone, occasion(watched));
        }
    }
    head(&[
        "on the lists",
        "records MB/s",
        "of the rate with nobody",
        "p50 of one record, ns",
        "p99",
        "p99.9",
    ]);
    for (place, (name, _)) in contestants.iter().enumerate() {
        let tail = &mut tails[place];
        tail.sort_by(f64::total_cmp);
        let at = |share: f64| number(tail[((tail.len() - 1) as f64 * share) as usize]);
        row(&[
            (*name).to_owned(),
            number(speed(input.len(), taken.median(place))),
            number(taken.ratio(place, 0)),
            at(0.5),
            at(0.99),
            at(0.999),
        ]);
    }
}

/// Three fields of a record of 1.2 KB, which stands at `^`.
const GATED: &str = r#"
record: ^
subject: ^.person.nhs_number
fields:
  - keep: [ "^.council_tax.band", "^.address.postcode" ]
  - generalise: [ "^.person.dob" ]
    to: year
"#;

/// The plan of `rules` whose subjects are looked up.
fn gated(rules: &str) -> Arc<Plan> {
    let mut rules = load_fields("bench.yaml", rules).expect("rules");
    rules.gated = true;
    let keys = PlanKeys {
        agreement: None,
        subject: Some(RootKey::from_bytes([1; 32]).subject()),
    };
    Arc::new(Plan::compile(&rules, &keys, &Limits::default()).expect("a plan"))
}

/// The value of a record's `nhs_number`, with its quotes.
fn nhs_number(record: &[u8]) -> Option<&[u8]> {
    let name = br#""nhs_number":"#;
    let at = record.windows(name.len()).position(|part| part == name)?;
    record.get(at + name.len()..at + name.len() + 12)
}

/// A store at `path` with `people` on its list of objections, as the gateway watches it.
fn listed(path: &std::path::Path, people: &[Token]) -> Arc<Watched> {
    let seal = || RootKey::from_bytes([1; 32]).subjects_seal();
    let at = "2026-06-15T12:00:00Z".parse().expect("a time");
    Store::create(path, seal(), at).expect("a store");
    if !people.is_empty() {
        let fact = "objection".parse().expect("a fact");
        let change = Change::new(Act::Enter(Entry::of(fact)), "bench", "bench", None, None);
        let mut store = Store::open(path, seal()).expect("a store");
        let change = change.expect("a change");
        store.change(&change, people, at).expect("room");
    }
    let watched = Watched::at(path, seal());
    assert_eq!(watched.fault(), None);
    watched
}

fn occasion(watched: &Arc<Watched>) -> Occasion {
    let (today, terms) = (date(2026, 6, 15), Arc::new(Terms::of("care")));
    Occasion {
        gate: Some(Arc::new(RightsGate::new(watched, vec![terms], today))),
        ..Occasion::from(today)
    }
}

/// Writes `people` to a store and reads them back, as a start of the gateway does; and enters one more, as a change does.
fn store(people: &[Token]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("subjects");
    let seal = || RootKey::from_bytes([1; 32]).subjects_seal();
    let at = "2026-06-15T12:00:00Z".parse().expect("a time");
    Store::create(&path, seal(), at).expect("a store");
    let fact = "opt-out:national-data-opt-out".parse().expect("a fact");
    let change = Change::new(Act::Enter(Entry::of(fact)), "bench", "bench", None, None);
    let change = change.expect("a change");
    let mut store = Store::open(&path, seal()).expect("a store");
    let began = Instant::now();
    store.change(&change, people, at).expect("room");
    let written = began.elapsed();
    let began = Instant::now();
    let mut read = Store::open(&path, seal()).expect("a store");
    let opened = began.elapsed();
    let fact = "objection".parse().expect("a fact");
    let one = Change::new(Act::Enter(Entry::of(fact)), "bench", "bench", None, None);
    let one = one.expect("a change");
    let began = Instant::now();
    read.change(&one, &people[..1], at).expect("room");
    line(&format!(
        "imported in {:.2} s, loaded in {:.2} s ({:.1} MiB of file), one more in {:.2} ms with its sync\n",
        written.as_secs_f64(),
        opened.as_secs_f64(),
        std::fs::metadata(&path).expect("a file").len() as f64 / f64::from(1 << 20),
        began.elapsed().as_secs_f64() * 1e3
    ));
}
