//! The counts, one promise after another.

use std::cell::RefCell;

use proptest::prelude::*;

use super::*;
use crate::volume::{Bound, Guard, Quota};

/// Keeps in memory, and refuses when it is told to.
#[derive(Default)]
struct Memory {
    kept: RefCell<Vec<Kept>>,
    full: std::cell::Cell<bool>,
}

impl Keep for Memory {
    fn keep(&self, kept: &Kept) -> Result<(), NotKept> {
        if self.full.get() {
            return Err(NotKept);
        }
        self.kept.borrow_mut().push(kept.clone());
        Ok(())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-06-15T12:00:00Z")
}

fn quota(per: Per, requests: Option<u64>, records: Option<u64>, people: Option<u64>) -> Quota {
    Quota {
        purpose: None,
        covers: vec![],
        per,
        requests,
        records,
        people,
    }
}

fn terms(quotas: Vec<Quota>) -> Terms {
    Terms {
        quotas,
        guard: Guard::default(),
    }
}

fn meters(kept: Vec<Kept>) -> Meters {
    Meters::restored(TimeZone::get("Europe/London").unwrap(), kept)
}

fn way_for(meters: &Meters, terms: &Terms, purpose: &str) -> Way {
    meters
        .way(
            (&PartnerName::new("health"), &AgreementName::new("care")),
            terms,
            &PurposeName::new(purpose),
            &DisclosureName::new("adults"),
            noon(),
        )
        .unwrap()
}

fn way(meters: &Meters, terms: &Terms) -> Way {
    way_for(meters, terms, "care")
}

fn people(people: &[u64]) -> Piece<'_> {
    Piece {
        records: people.len() as u64,
        people,
        ..Piece::default()
    }
}

fn over(denied: Result<(), Denied>) -> Over {
    match denied {
        Err(Denied::Over(over)) => *over,
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_beyond_the_quota_are_denied_until_the_next_window() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let way = way(&meters, &terms(vec![quota(Per::Hour, Some(2), None, None)]));
    assert_eq!(way.ask(noon(), 0, &memory), Ok(()));
    assert_eq!(way.ask(noon(), 0, &memory), Ok(()));
    let late = at("2026-06-15T12:59:59.5Z");
    let over = over(way.ask(late, 0, &memory));
    assert_eq!(over.retry_after_seconds(late), 1);
    assert_eq!(
        over.to_string(),
        "agreement care allows 2 requests in each hour; the next begins at 2026-06-15T13:00:00Z"
    );
    assert_eq!(way.ask(at("2026-06-15T13:00:00Z"), 0, &memory), Ok(()));
}

#[test]
fn how_much_of_a_bound_is_used_is_told_for_the_window_that_runs() {
    let meters = meters(vec![]);
    let terms = terms(vec![
        quota(Per::Hour, Some(4), None, None),
        quota(Per::Day, None, None, Some(0)),
    ]);
    let way = way(&meters, &terms);
    let usage = |time| {
        let mut told = Vec::new();
        way.usage(time, |usage| {
            told.push((usage.measure, usage.per, usage.ratio()))
        });
        told
    };
    let none = (Measure::People, Per::Day, 1.0);
    assert_eq!(usage(noon()), [(Measure::Requests, Per::Hour, 0.0), none]);
    for _ in 0..3 {
        way.ask(noon(), 0, &Memory::default()).unwrap();
    }
    assert_eq!(usage(noon()), [(Measure::Requests, Per::Hour, 0.75), none]);
    let later = at("2026-06-15T13:00:00Z");
    assert_eq!(usage(later), [(Measure::Requests, Per::Hour, 0.0), none]);
}

#[test]
fn a_piece_leaves_whole_or_not_at_all() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let way = way(&meters, &terms(vec![quota(Per::Day, None, Some(5), None)]));
    assert_eq!(way.leave(noon(), people(&[1, 2, 3]), &memory), Ok(()));
    let over = over(way.leave(noon(), people(&[4, 5, 6]), &memory));
    assert_eq!(over.measure, Measure::Records);
    assert_eq!(way.leave(noon(), people(&[4, 5]), &memory), Ok(()));
    // Nothing could leave any more: the service is not even asked.
    assert!(way.ask(noon(), 0, &memory).is_err());
}

#[test]
fn one_person_counts_once_in_a_window_however_often_asked_for() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let way = way(&meters, &terms(vec![quota(Per::Day, None, None, Some(2))]));
    for _ in 0..5 {
        assert_eq!(way.leave(noon(), people(&[7, 8, 7]), &memory), Ok(()));
    }
    assert_eq!(
        over(way.leave(noon(), people(&[7, 9]), &memory)).measure,
        Measure::People
    );
    let tomorrow = at("2026-06-15T23:00:00Z");
    assert_eq!(way.leave(tomorrow, people(&[9, 10]), &memory), Ok(()));
}

#[test]
fn a_record_that_names_nobody_is_a_person_of_its_own() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let way = way(&meters, &terms(vec![quota(Per::Day, None, None, Some(2))]));
    let nobody = Piece {
        records: 1,
        unnamed: 1,
        ..Piece::default()
    };
    assert_eq!(way.leave(noon(), nobody, &memory), Ok(()));
    assert_eq!(way.leave(noon(), nobody, &memory), Ok(()));
    assert!(way.leave(noon(), nobody, &memory).is_err());
}

#[test]
fn a_quota_of_one_purpose_does_not_count_another() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let terms = terms(vec![
        Quota {
            purpose: Some(PurposeName::new("care")),
            covers: vec![PurposeName::new("care"), PurposeName::new("home-care")],
            ..quota(Per::Day, Some(1), None, None)
        },
        quota(Per::Day, Some(3), None, None),
    ]);
    let (care, research) = (way(&meters, &terms), way_for(&meters, &terms, "research"));
    assert_eq!(care.ask(noon(), 0, &memory), Ok(()));
    assert_eq!(
        over(care.ask(noon(), 0, &memory)).scope,
        Scope::Purpose(PurposeName::new("care"))
    );
    assert_eq!(research.ask(noon(), 0, &memory), Ok(()));
    assert_eq!(research.ask(noon(), 0, &memory), Ok(()));
    // The third of the agreement was the last: what was denied counts for nothing.
    assert_eq!(
        over(research.ask(noon(), 0, &memory)).scope,
        Scope::Agreement
    );
}

#[test]
fn the_guard_bounds_people_asked_for_one_at_a_time_and_ways_of_asking() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let bound = |most| {
        Some(Bound {
            most,
            per: Per::Day,
        })
    };
    let terms = Terms {
        quotas: vec![],
        guard: Guard {
            single: bound(2),
            variants: bound(3),
            ..Guard::default()
        },
    };
    let way = way(&meters, &terms);
    let single = |who: &'static [u64]| Piece {
        single: true,
        ..people(who)
    };
    assert_eq!(way.leave(noon(), single(&[1]), &memory), Ok(()));
    assert_eq!(way.leave(noon(), single(&[2]), &memory), Ok(()));
    assert_eq!(
        way.leave(noon(), people(&[3, 4, 5]), &memory),
        Ok(()),
        "a list"
    );
    assert_eq!(way.leave(noon(), single(&[2]), &memory), Ok(()), "again");
    assert_eq!(
        over(way.leave(noon(), single(&[3]), &memory)).measure,
        Measure::Single
    );
    for variant in [1, 2, 3, 2, 1] {
        assert_eq!(way.ask(noon(), variant, &memory), Ok(()));
    }
    assert_eq!(over(way.ask(noon(), 4, &memory)).measure, Measure::Variants);
}

#[test]
fn p4_what_cannot_be_kept_is_not_permitted_and_not_counted() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let way = way(
        &meters,
        &terms(vec![quota(Per::Day, Some(1), Some(1), Some(1))]),
    );
    memory.full.set(true);
    assert_eq!(way.ask(noon(), 0, &memory), Err(Denied::Unavailable));
    assert_eq!(
        way.leave(noon(), people(&[1]), &memory),
        Err(Denied::Unavailable)
    );
    memory.full.set(false);
    assert_eq!(way.ask(noon(), 0, &memory), Ok(()));
    assert_eq!(way.leave(noon(), people(&[1]), &memory), Ok(()));
}

#[test]
fn a_clock_that_goes_back_stays_in_its_window() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let way = way(&meters, &terms(vec![quota(Per::Hour, Some(1), None, None)]));
    assert_eq!(way.ask(noon(), 0, &memory), Ok(()));
    assert!(way.ask(at("2026-06-15T11:30:00Z"), 0, &memory).is_err());
}

#[test]
fn another_version_of_the_agreement_goes_on_counting() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let old = way(&meters, &terms(vec![quota(Per::Day, Some(3), None, None)]));
    assert_eq!(old.ask(noon(), 0, &memory), Ok(()));
    let new = way(&meters, &terms(vec![quota(Per::Day, Some(2), None, None)]));
    assert_eq!(new.ask(noon(), 0, &memory), Ok(()));
    assert!(new.ask(noon(), 0, &memory).is_err());
    assert_eq!(
        old.ask(noon(), 0, &memory),
        Ok(()),
        "the old one's exchanges"
    );
}

#[test]
fn windows_that_are_over_take_no_memory() {
    let (meters, memory) = (meters(vec![]), Memory::default());
    let way = way(&meters, &terms(vec![quota(Per::Hour, None, None, Some(9))]));
    assert_eq!(way.leave(noon(), people(&[1, 2, 3]), &memory), Ok(()));
    assert_eq!(meters.held.load(Ordering::Relaxed), 3);
    meters.sweep(at("2026-06-15T13:00:00Z"));
    assert_eq!(meters.held.load(Ordering::Relaxed), 0);
}

#[test]
fn many_threads_together_are_permitted_exactly_the_quota() {
    struct Nowhere;
    impl Keep for Nowhere {
        fn keep(&self, _: &Kept) -> Result<(), NotKept> {
            Ok(())
        }
    }
    let meters = meters(vec![]);
    let way = way(
        &meters,
        &terms(vec![quota(Per::Day, Some(1_000), None, None)]),
    );
    let permitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..500)
                        .filter(|_| way.ask(noon(), 0, &Nowhere).is_ok())
                        .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(permitted, 1_000);
}

#[derive(Debug, Clone)]
enum Act {
    Ask,
    Leave(Vec<u64>),
    /// Killed at any moment and started again, from what was kept so far.
    Kill,
    /// As an orderly compaction does: what was kept before is forgotten.
    Compact,
}

proptest! {
    #[test]
    fn a_restart_never_permits_more_than_the_quota(
        acts in proptest::collection::vec(
            prop_oneof![
                4 => Just(Act::Ask),
                4 => proptest::collection::vec(0_u64..40, 0..4).prop_map(Act::Leave),
                1 => Just(Act::Kill),
                1 => Just(Act::Compact),
            ],
            0..300,
        ),
        most in 1_u64..300,
    ) {
        let terms = terms(vec![quota(Per::Day, Some(most), Some(most), Some(most.min(20)))]);
        let memory = Memory::default();
        let mut meters = meters(vec![]);
        let mut way = way(&meters, &terms);
        let (mut asked, mut records, mut seen) = (0, 0, HashSet::new());
        let mut kills = 0;
        for act in acts {
            match act {
                Act::Ask => asked += u64::from(way.ask(noon(), 0, &memory).is_ok()),
                Act::Leave(who) => {
                    if way.leave(noon(), people(&who), &memory).is_ok() {
                        records += who.len() as u64;
                        seen.extend(who);
                    }
                }
                Act::Kill => {
                    kills += 1;
                    meters = self::meters(memory.kept.borrow().clone());
                    way = self::way(&meters, &terms);
                }
                Act::Compact => {
                    let before = memory.kept.borrow().len();
                    meters.keep_all(&memory).unwrap();
                    memory.kept.borrow_mut().drain(..before);
                }
            }
            prop_assert!(asked <= most && records <= most);
            prop_assert!(seen.len() as u64 <= most.min(20));
        }
        // What a kill over-counts is at most a block.
        let block = (most / BLOCKS).max(1);
        let counts = way.meter.lock();
        let requests = &counts[way.lines[0].count];
        prop_assert!(requests.number <= asked + kills * (block - 1));
    }
}
