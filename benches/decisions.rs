//! What a decision costs, and loading, with few agreements and with many.
//!
//! `cargo bench --bench decisions` prints a table; `-- --quick` takes small sets and few asks, to see that it still runs.
//! Each ask is a request as it comes: partner, method, path, purpose, caller. The routes are asked for in turn, so that with
//! many of them little of what a decision reads was read lately; *again* asks for one of them only, so that all of it was:
//! what lies between is waiting for memory. The peer is one look-up in a `HashMap` of
//! a text for each route, by the path: what the plainest router would have to do at least. Beside the permit alone stands
//! what an exchange that it lets through costs with a quota of its agreement's own, and with one person looked up among a
//! million objections.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use fieldgate::agreement::{
    AgreementSet, Ask, Asker, Caller, Context, PartnerName, Permit, Role, Source,
};
use fieldgate::rights::{Entry, Lists, Token};
use fieldgate::volume::{Keep, Kept, Meters, NotKept, Way};
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;

#[allow(dead_code, reason = "the benches share it")]
mod people;
#[allow(dead_code, reason = "the benches share it")]
mod table;

use table::{Contestant, Rounds, head, line, number, row};

/// One agreement of ten with each of the partners: five disclosures, two purposes, one with terms.
fn agreement(index: usize, partner: usize) -> String {
    let mut text = format!(
        "agreement: agreement-{index}\nversion: 1\ntitle: The agreement of number {index}\n\
         parties: {{ controller: isle-council, partner: partner-{partner} }}\n\
         term: {{ starts: 2026-01-01, ends: 2026-12-31 }}\n\
         basis: {{ lawful: [uk-gdpr:6-1-e], power: Care Act 2014 s.6, assessment: DPIA-{index}, territory: [GB] }}\n\
         quota: [{{ per: P1D, requests: 4000000000 }}]\n\
         purposes:\n  care-{index}: Offer care\n  safeguarding-{index}: {{ text: Protect people, roles: [nurse, social-worker], reference: required }}\n\
         disclosures:\n"
    );
    for disclosure in 0..5 {
        text.push_str(&format!(
            "  - name: disclosure-{disclosure}\n    purposes: [care-{index}, safeguarding-{index}]\n    request: GET /set-{index}/kind-{disclosure}/{{person}}\n    \
             service: {{ name: social-care, path: \"/api/{{person}}\" }}\n    parameters: {{ path: {{ person: keep }}, query: {{ keep: [page] }} }}\n    \
             response:\n      format: json\n      record: $\n      subject: $.id\n      fields:\n        - keep: [$.name, $.mobility, \"$.items[*].name\"]\n        \
             - generalise: [$.dateOfBirth]\n          to: year\n        - pseudonymise: [$.id]\n          as: person\n"
        ));
    }
    text
}

/// Counts that outlive nothing.
struct Nowhere;

impl Keep for Nowhere {
    fn keep(&self, kept: &Kept) -> Result<(), NotKept> {
        black_box(kept);
        Ok(())
    }
}

/// Where a permit's disclosure stands, by which the gateway finds what it keeps of it.
fn address(permit: &Permit) -> usize {
    std::ptr::from_ref(&**permit.disclosure()).addr()
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (sizes, asks, rounds): (&[usize], usize, usize) = match quick {
        true => (&[1, 10], 100, 1),
        false => (&[1, 10, 100, 300, 1_000, 3_000], 50_000, 9),
    };
    let all: Vec<Token> = (0..if quick { 1_000 } else { 1_000_000 })
        .map(people::token)
        .collect();
    let mut lists = Lists::new();
    let objection = Entry::of("objection".parse().expect("a fact"));
    lists.enter(&objection, &all).expect("there is room");
    let at: Timestamp = "2026-06-15T12:00:00Z".parse().expect("an instant");
    line(&table::surroundings());
    head(&[
        "agreements",
        "to load, ms",
        "a permit again, ns",
        "a permit, ns",
        "a refusal, ns",
        "a permit and its quota, ns",
        "these and a person, ns",
        "one look-up by path, ns",
    ]);
    for &size in sizes {
        let texts: Vec<(String, String)> = (0..size)
            .map(|index| (format!("{index}.yaml"), agreement(index, index / 10)))
            .collect();
        let sources: Vec<Source<'_>> = texts
            .iter()
            .map(|(name, text)| Source { name, text })
            .collect();
        let context = Context::alone(TimeZone::UTC);
        let began = Instant::now();
        let set = AgreementSet::load(&sources, &context).expect("agreements without a fault");
        let took = began.elapsed();

        let roles = [Role::new("nurse")];
        // One of each route, in no order that a cache would know. There are no more of them, since a request has just come
        // from a socket: it is not what has to be fetched.
        let routes = size * 5;
        let times = asks.div_ceil(routes);
        let requests: Vec<(PartnerName, String, String)> = (0..routes)
            .map(|number| {
                let index = number.wrapping_mul(7_919) % size;
                (
                    PartnerName::new(&format!("partner-{}", index / 10)),
                    format!(
                        "/set-{index}/kind-{}/{}",
                        number / size,
                        9_000_000_000_usize + number
                    ),
                    format!("safeguarding-{index}"),
                )
            })
            .collect();
        let decide = |purpose: Option<&'static str>, again: bool| {
            let (set, requests, roles) = (&set, &requests, &roles);
            move || {
                for next in (0..times).flat_map(|_| requests) {
                    let (partner, path, agreed) = if again { &requests[0] } else { next };
                    let purposes = [purpose.unwrap_or(agreed).as_bytes()];
                    let decision = set.decide(&Ask {
                        asker: Asker::Partner(partner),
                        method: "GET",
                        path,
                        purposes: &purposes,
                        caller: Caller {
                            roles,
                            reference: Some(b"CASE-2026-000431"),
                            ..Caller::default()
                        },
                        at,
                    });
                    assert_eq!(decision.is_ok(), purpose.is_none());
                    let _decided = black_box(decision);
                }
            }
        };
        let meters = Meters::restored(TimeZone::UTC, []);
        let ways: HashMap<usize, Way> = requests
            .iter()
            .map(|(partner, path, purpose)| {
                let permit = set.decide(&Ask {
                    asker: Asker::Partner(partner),
                    method: "GET",
                    path,
                    purposes: &[purpose.as_bytes()],
                    caller: Caller {
                        roles: &roles,
                        reference: Some(b"CASE-2026-000431"),
                        ..Caller::default()
                    },
                    at,
                });
                let permit = permit.expect("what was agreed");
                let (agreement, disclosure) = (permit.agreement(), permit.disclosure());
                let whose = (&agreement.partner, &agreement.name);
                let terms = &agreement.volume;
                let way = meters.way(whose, terms, permit.purpose(), &disclosure.name, at);
                (address(&permit), way.expect("a quota"))
            })
            .collect();
        let counted = |looks_up: bool| {
            let (set, requests, roles, ways) = (&set, &requests, &roles, &ways);
            let (lists, all) = (&lists, &all);
            move || {
                for (number, (partner, path, agreed)) in
                    (0..times).flat_map(|_| requests).enumerate()
                {
                    let permit = set.decide(&Ask {
                        asker: Asker::Partner(partner),
                        method: "GET",
                        path,
                        purposes: &[agreed.as_bytes()],
                        caller: Caller {
                            roles,
                            reference: Some(b"CASE-2026-000431"),
                            ..Caller::default()
                        },
                        at,
                    });
                    let permit = permit.expect("what was agreed");
                    ways[&address(&permit)]
                        .ask(at, number as u64, &Nowhere)
                        .expect("a quota that is never used up");
                    if looks_up {
                        let person = all[number.wrapping_mul(7_919) % all.len()];
                        let terms = &permit.terms().rights;
                        black_box(lists.decide(terms, Some(&person), date(2026, 6, 15)));
                    }
                    drop(black_box(permit));
                }
            }
        };
        let plain: HashMap<&str, usize> = requests
            .iter()
            .enumerate()
            .map(|(place, (_, path, _))| (path.as_str(), place))
            .collect();
        let mut contestants: Vec<Contestant<'_>> = vec![
            ("again", Box::new(decide(None, true))),
            ("permit", Box::new(decide(None, false))),
            ("refusal", Box::new(decide(Some("marketing"), false))),
            ("quota", Box::new(counted(false))),
            ("person", Box::new(counted(true))),
            (
                "look-up",
                Box::new(|| {
                    for (_, path, _) in (0..times).flat_map(|_| &requests) {
                        black_box(plain.get(black_box(path.as_str())));
                    }
                }),
            ),
        ];
        let rounds = Rounds::run(&mut contestants, rounds);
        let each = |place: usize| {
            number(rounds.median(place).as_secs_f64() * 1e9 / (times * routes) as f64)
        };
        row(&[
            size.to_string(),
            number(took.as_secs_f64() * 1e3),
            each(0),
            each(1),
            each(2),
            each(3),
            each(4),
            each(5),
        ]);
    }
}
