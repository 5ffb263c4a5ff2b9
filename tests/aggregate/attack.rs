//! Attackers who know the rule and hold whole tables: by trying every table that would show the same, none of them learns
//! what a hidden cell is.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::{Numbers, keyed_plan, plan, run};

/// What is told of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Hidden,
    Count(u64),
}

fn told(value: &Value) -> Told {
    match value.as_u64() {
        Some(count) => Told::Count(count),
        None => {
            assert_eq!(value, "*");
            Told::Hidden
        }
    }
}

/// The records of these counts, by ward and band, each about somebody else.
fn records(counts: &[[u64; 3]]) -> String {
    let mut lines = String::new();
    let mut person = 0;
    for (ward, bands) in counts.iter().enumerate() {
        for (band, count) in bands.iter().enumerate() {
            for _ in 0..*count {
                person += 1;
                lines.push_str(&format!(
                    "{{\"id\":\"P{person}\",\"ward\":\"W{ward}\",\"band\":\"B{band}\",\"broad\":\"{}\",\"all\":\"all\"}}\n",
                    if band < 2 { "young" } else { "old" }
                ));
            }
        }
    }
    lines
}

fn rules(by: &str, rule: &str) -> String {
    format!(
        "format: ndjson\nrecord: $[*]\nsubject: $[*].id\nfields:\n  - keep: [ \"$[*].ward\", \"$[*].band\", \"$[*].broad\", \"$[*].all\" ]\naggregate:\n  by: [ {by} ]\n  measures: {{ n: count }}\n  rule: {rule}\n  totals: true\n"
    )
}

const WARD: &str = "{ of: \"$[*].ward\", values: [W0, W1] }";
const BAND: &str = "{ of: \"$[*].band\", values: [B0, B1, B2] }";
const BROAD: &str = "{ of: \"$[*].broad\", values: [young, old] }";

/// What a table tells: of each ward (or all), and of each band, broad band (or all).
type Seen = Vec<(Option<usize>, Vec<usize>, Told)>;

fn seen(by_band: bool, rule: &str, lines: &str) -> Seen {
    let second = if by_band { BAND } else { BROAD };
    seen_under(&rules(&format!("{WARD}, {second}"), rule), lines)
}

fn seen_under(rules: &str, lines: &str) -> Seen {
    let (table, _) = run(&plan(rules), [lines.as_bytes()]).unwrap();
    let table: Value = serde_json::from_str(&table).unwrap();
    let rows = table["groups"].as_array().unwrap().iter();
    rows.chain(table["totals"].as_array().into_iter().flatten())
        .map(|row| {
            let ward = row.get("ward").map(|ward| if ward == "W0" { 0 } else { 1 });
            let bands = match row.get("band").or(row.get("broad")).and_then(Value::as_str) {
                Some("B0") => vec![0],
                Some("B1") => vec![1],
                Some("B2") | Some("old") => vec![2],
                Some("young") => vec![0, 1],
                _ => vec![0, 1, 2],
            };
            (ward, bands, told(&row["n"]))
        })
        .collect()
}

/// A rule as who attacks knows it: the least that is told, and what counts are rounded to.
#[derive(Clone, Copy)]
struct Known {
    text: &'static str,
    least: u64,
    round: u64,
    hide_zero: bool,
}

const RULES: [Known; 4] = [
    Known {
        text: "nhs-england",
        least: 8,
        round: 5,
        hide_zero: false,
    },
    Known {
        text: "ons-10-5",
        least: 10,
        round: 5,
        hide_zero: true,
    },
    Known {
        text: "{ threshold: 5, round: 5 }",
        least: 5,
        round: 5,
        hide_zero: false,
    },
    Known {
        text: "{ threshold: 4, round: 1 }",
        least: 4,
        round: 1,
        hide_zero: false,
    },
];

impl Known {
    /// Whether `count` would be told so.
    fn tells(&self, count: u64, told: Told) -> bool {
        match told {
            // Hidden for its own sake, or for another's.
            Told::Hidden => count > 0 || self.hide_zero,
            Told::Count(told) if count == 0 => told == 0 && !self.hide_zero,
            Told::Count(told) => {
                count >= self.least && (count + self.round / 2) / self.round * self.round == told
            }
        }
    }
}

/// The values that each of the six cells can have for who holds these tables.
fn possible(known: Known, counts: &[[u64; 3]], tables: &[Seen]) -> [[BTreeSet<u64>; 3]; 2] {
    possible_of(&vec![known; tables.len()], counts, tables)
}

/// As [`possible`], each table under a rule of its own.
fn possible_of(rules: &[Known], counts: &[[u64; 3]], tables: &[Seen]) -> [[BTreeSet<u64>; 3]; 2] {
    let mut possible: [[BTreeSet<u64>; 3]; 2] = Default::default();
    // Tables near the true one are enough: a second one that shows the same is what matters.
    let near = |count: u64| count.saturating_sub(2)..=count + 2;
    let all = counts.iter().flatten().copied().collect::<Vec<u64>>();
    let mut at = all
        .iter()
        .map(|count| count.saturating_sub(2))
        .collect::<Vec<u64>>();
    loop {
        let told = tables.iter().zip(rules);
        let mut told = told.flat_map(|(table, known)| table.iter().map(move |row| (known, row)));
        let fits = told.all(|(known, (ward, bands, told))| {
            let sum = (0..2)
                .filter(|of| ward.is_none_or(|ward| ward == *of))
                .flat_map(|ward| bands.iter().map(move |band| ward * 3 + band))
                .map(|cell| at[cell])
                .sum();
            known.tells(sum, *told)
        });
        if fits {
            for (cell, count) in at.iter().enumerate() {
                possible[cell / 3][cell % 3].insert(*count);
            }
        }
        let Some(next) = (0..6).find(|cell| at[*cell] < *near(all[*cell]).end()) else {
            return possible;
        };
        for cell in 0..next {
            at[cell] = *near(all[cell]).start();
        }
        at[next] += 1;
    }
}

fn counts(numbers: &mut Numbers) -> [[u64; 3]; 2] {
    std::array::from_fn(|_| {
        std::array::from_fn(|_| match numbers.below(5) {
            0 => 0,
            1 | 2 => 1 + numbers.below(7),
            3 => 7 + numbers.below(6),
            _ => numbers.below(40),
        })
    })
}

#[test]
fn a15_totals_less_cells_give_no_hidden_cell() {
    let mut numbers = Numbers(0xD1FF);
    let mut hidden = 0;
    for known in RULES {
        for round in 0..25 {
            let counts = counts(&mut numbers);
            let table = seen(true, known.text, &records(&counts));
            let possible = possible(known, &counts, std::slice::from_ref(&table));
            for (ward, bands, told) in &table {
                if let (Some(ward), [band], Told::Hidden) = (ward, bands.as_slice(), told) {
                    hidden += 1;
                    assert!(
                        possible[*ward][*band].len() > 1,
                        "{}, round {round}: {counts:?} shows cell {ward} {band} in {table:?}",
                        known.text
                    );
                }
            }
        }
    }
    assert!(hidden > 150, "{hidden}");
}

#[test]
fn a15_two_tables_of_other_bands_give_no_hidden_cell() {
    let mut numbers = Numbers(0xBA4D);
    for known in RULES {
        // Where counts are told as they are, another table of the same people can always be the missing piece; the rule says so.
        if known.round == 1 {
            continue;
        }
        for round in 0..25 {
            let counts = counts(&mut numbers);
            let lines = records(&counts);
            let tables = [
                seen(true, known.text, &lines),
                seen(false, known.text, &lines),
            ];
            let possible = possible(known, &counts, &tables);
            for (ward, bands, told) in &tables[0] {
                if let (Some(ward), [band], Told::Hidden) = (ward, bands.as_slice(), told) {
                    assert!(
                        possible[*ward][*band].len() > 1,
                        "{}, round {round}: {counts:?} shows cell {ward} {band}",
                        known.text
                    );
                }
            }
        }
    }
}

#[test]
fn a15_two_versions_with_other_rules_give_no_cell_that_both_hide() {
    // Without totals, since these are protected for each table by itself; with them one rule has to stay, which the page says.
    let cells = |known: &Known, lines: &str| {
        let rules = rules(&format!("{WARD}, {BAND}"), known.text);
        seen_under(&rules.replace("totals: true", "totals: false"), lines)
    };
    let mut numbers = Numbers(0x2D00);
    let mut hidden = 0;
    let rounding = RULES.iter().filter(|known| known.round > 1);
    let pairs = rounding.clone().enumerate().flat_map(|(place, one)| {
        rounding
            .clone()
            .skip(place + 1)
            .map(move |other| (one, other))
    });
    for (one, other) in pairs {
        for round in 0..25 {
            let counts = counts(&mut numbers);
            let lines = records(&counts);
            let tables = [one, other].map(|known| cells(known, &lines));
            let possible = possible_of(&[*one, *other], &counts, &tables);
            for ((ward, bands, first), (_, _, second)) in tables[0].iter().zip(&tables[1]) {
                if let (Some(ward), [band], Told::Hidden, Told::Hidden) =
                    (ward, bands.as_slice(), first, second)
                {
                    hidden += 1;
                    assert!(
                        possible[*ward][*band].len() > 1,
                        "{} and {}, round {round}: {counts:?} shows cell {ward} {band}",
                        one.text,
                        other.text
                    );
                }
            }
        }
    }
    assert!(hidden > 100, "{hidden}");
}

#[test]
fn a15_with_cell_keys_neither_another_agreement_nor_another_window_averages_a_count() {
    let rule = "{ cell_key: built-in, threshold: 3 }";
    let rules = rules(WARD, rule);
    let under = |agreement: &str, version: u32, lines: &str| {
        let parsed = fieldgate::agreement::load_fields("rules.yaml", &rules).unwrap();
        let root = fieldgate::transform::RootKey::from_bytes([7; 32]);
        let keys = fieldgate::plan::PlanKeys {
            agreement: Some(root.agreement(agreement, version)),
            subject: Some(root.subject()),
        };
        let limits = fieldgate::minimise::Limits::default();
        let plan = fieldgate::plan::Plan::compile(&parsed, &keys, &limits).unwrap();
        run(&std::sync::Arc::new(plan), [lines.as_bytes()])
            .unwrap()
            .0
    };
    let lines = records(&[[5, 17, 3], [40, 2, 11]]);
    let table = under("", 1, &lines);
    for (agreement, epoch) in [("", 2), ("falls", 1), ("trends", 9)] {
        assert_eq!(
            under(agreement, epoch, &lines),
            table,
            "{agreement} {epoch}"
        );
    }
    // Windows that share all of a ward's people, however others came and went, change that ward's count alike.
    let ward = |table: &str| {
        let table: Value = serde_json::from_str(table).unwrap();
        table["groups"][0]["n"].clone()
    };
    let shared: Vec<&str> = lines.lines().filter(|line| line.contains("W0")).collect();
    let others: Vec<&str> = lines.lines().filter(|line| line.contains("W1")).collect();
    for from in 0..others.len() {
        let window = [&shared[..], &others[from..]].concat().join("\n");
        assert_eq!(ward(&under("", 1, &window)), ward(&table), "from {from}");
    }
}

#[test]
fn a15_twelve_cells_of_one_person_do_not_follow_from_their_total() {
    // Twelve of at least 1 make at least 12, and 12 is told as 10: with its total the table would say that each is 1.
    let lines: String = (0..12)
        .map(|person| format!("{{\"id\":\"P{person}\",\"ward\":\"W{person}\"}}\n"))
        .collect();
    let rules = |totals: bool| {
        format!(
            "format: ndjson\nrecord: $[*]\nsubject: $[*].id\nfields:\n  - keep: [ \"$[*].ward\" ]\naggregate:\n  by: [ {{ of: \"$[*].ward\", values: all }} ]\n  measures: {{ n: count }}\n  rule: nhs-england\n  totals: {totals}\n"
        )
    };
    let (table, tally) = run(&plan(&rules(true)), [lines.as_bytes()]).unwrap();
    assert!(table.contains(r#""totals":[{"n":"*"}]"#), "{table}");
    assert_eq!(tally.table.hidden, 13);
}

#[test]
fn a15_with_cell_keys_one_person_more_shows_no_small_count() {
    // That each pair of changed counts is also one of other counts is shown of all pairs where the table stands (`perturb`);
    // here that what leaves is by that table.
    let rule = "{ cell_key: built-in, threshold: 3 }";
    let shown = |root: u8, people: u64, first: u64| -> u64 {
        let lines: String = (first..first + people)
            .map(|person| format!("{{\"id\":\"P{person}\",\"ward\":\"W0\"}}\n"))
            .collect();
        let by = "{ of: \"$[*].ward\", values: [W0] }";
        let (table, _) = run(&keyed_plan(&rules(by, rule), root), [lines.as_bytes()]).unwrap();
        let table: Value = serde_json::from_str(&table).unwrap();
        table["groups"][0]["n"].as_u64().unwrap()
    };
    let mut changed = 0;
    for root in 0..6 {
        for people in 1..=6_u64 {
            let (one, other) = (shown(root, people, 0), shown(root, people + 1, 0));
            assert!(
                ![1, 2].contains(&one) && ![1, 2].contains(&other),
                "{people}: {one}, {other}"
            );
            changed += u64::from(one != people) + u64::from(other != one + 1);
        }
    }
    assert!(changed > 30, "{changed}");
}

#[test]
fn a15_the_same_table_asked_twice_is_the_same_so_nothing_averages_out() {
    let lines = records(&[[5, 17, 3], [40, 2, 11]]);
    let rules = rules(&format!("{WARD}, {BAND}"), "{ cell_key: built-in }");
    let first = run(&plan(&rules), [lines.as_bytes()]).unwrap();
    for _ in 0..3 {
        assert_eq!(run(&plan(&rules), [lines.as_bytes()]).unwrap(), first);
    }
    let other_key = run(&keyed_plan(&rules, 8), [lines.as_bytes()]).unwrap();
    assert_ne!(other_key.0, first.0);
}
