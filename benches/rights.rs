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
use fieldgate::subjects::{Act, Change, Store};
use fieldgate::transform::RootKey;
use jiff::civil::date;

#[allow(dead_code, reason = "the benches share it")]
mod table;

use table::{Contestant, Rounds, head, line, number, row};

/// A token that is spread as an HMAC is.
fn token(number: u64) -> Token {
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let mut token = [0; 16];
    token[..8].copy_from_slice(&mix(number.wrapping_add(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
    token[8..].copy_from_slice(&mix(number.wrapping_mul(31).wrapping_add(7)).to_be_bytes());
    token
}

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
