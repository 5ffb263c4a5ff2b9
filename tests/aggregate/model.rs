//! A plain model: every record a serde_json value, every group an entry of a map, every number added as hundredths.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Numbers, plan, run};

struct Case {
    records: Vec<Value>,
    pieces: Vec<usize>,
}

fn case(numbers: &mut Numbers) -> Case {
    let wards = 1 + numbers.below(4);
    let records = (0..numbers.below(160))
        .map(|_| {
            let mut record =
                json!({ "name": "Ada \"}] Bell", "tags": [{ "ward": "no" }, 1, null] });
            record["id"] = json!(format!("P{}", numbers.below(120)));
            match numbers.below(12) {
                0 => {}
                1 => record["ward"] = Value::Null,
                2 => record["ward"] = json!([1]),
                _ => record["ward"] = json!(format!("W{}", numbers.below(wards))),
            }
            record["at"] = json!({ "band": (["0-15", "16-64", "65+"][numbers.below(3) as usize]) });
            match numbers.below(10) {
                0 => {}
                1 => record["hours"] = json!("12.25"),
                2 => record["hours"] = json!("n/a"),
                _ => record["hours"] = json!(numbers.below(4000) as f64 / 4.0),
            }
            record
        })
        .collect();
    Case {
        records,
        pieces: (0..20).map(|_| 1 + numbers.below(700) as usize).collect(),
    }
}

#[derive(Default)]
struct Group {
    records: u64,
    people: Vec<String>,
    hundredths: i64,
    values: Vec<i64>,
    with_value: Vec<String>,
}

fn groups(case: &Case) -> BTreeMap<(String, String), Group> {
    let label = |value: &Value| match value {
        Value::String(text) => text.clone(),
        // `keep` lets out no containers, so there is nothing of them to group by.
        _ => "~none".to_owned(),
    };
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    for record in &case.records {
        let group = groups
            .entry((label(&record["ward"]), label(&record["at"]["band"])))
            .or_default();
        let person = record["id"].as_str().unwrap().to_owned();
        group.records += 1;
        if !group.people.contains(&person) {
            group.people.push(person.clone());
        }
        let hours = match &record["hours"] {
            Value::String(text) => text.parse::<f64>().ok(),
            other => other.as_f64(),
        };
        if let Some(hours) = hours {
            group.hundredths += (hours * 100.0).round() as i64;
            group.values.push((hours * 100.0).round() as i64);
            if !group.with_value.contains(&person) {
                group.with_value.push(person);
            }
        }
    }
    groups
}

fn nearest(count: u64) -> u64 {
    (count + 2) / 5 * 5
}

#[test]
fn tables_are_those_of_a_plain_model_whatever_the_records_and_cuts() {
    let mut numbers = Numbers(0x00A5_5E55);
    let mut told = 0;
    for round in 0..250 {
        let case = case(&mut numbers);
        let groups = groups(&case);
        for (rule, least, zero) in [("nhs-england", 8, "0"), ("ons-10-5", 10, "\"*\"")] {
            let fields = format!(
                "record: $.people[*]\nsubject: \"@.id\"\nfields:\n  - keep: [ \"$.people[*].ward\", \"$.people[*].at.band\", \"$.people[*].hours\" ]\naggregate:\n  by: [ {{ of: \"$.people[*].ward\", values: all }}, {{ of: \"@.at.band\", values: all }} ]\n  measures: {{ n: count, who: subjects, hours: {{ sum: \"@.hours\" }}, middle: {{ median: \"@.hours\" }} }}\n  rule: {rule}\n"
            );
            let body = json!({ "page": 1, "people": case.records }).to_string();
            let mut rest = body.as_bytes();
            let mut pieces = Vec::new();
            let mut sizes = case.pieces.iter().cycle();
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                pieces.push(piece);
                rest = tail;
            }
            let plan = plan(&fields);
            let (table, tally) = run(&plan, pieces).unwrap();
            assert_eq!(tally.table.records, case.records.len() as u64);
            let found: Value = serde_json::from_str(&table).unwrap();
            let rows = found["groups"].as_array().unwrap();
            assert_eq!(tally.table.groups, rows.len() as u64);
            let mut records = 0;
            for row in rows {
                let label = |value: &Value| match value {
                    Value::Null => "~none".to_owned(),
                    Value::String(text) => text.clone(),
                    other => panic!("{other}"),
                };
                let Some(group) = groups.get(&(label(&row["ward"]), label(&row["band"]))) else {
                    assert_eq!(
                        row["n"].to_string(),
                        zero,
                        "round {round}: {row} has nobody"
                    );
                    assert!(row["hours"].is_null() || row["hours"] == "*");
                    continue;
                };
                records += group.records;
                let people = group.people.len() as u64;
                let hidden = people < least;
                for (column, count) in [("n", group.records), ("who", people)] {
                    if hidden {
                        assert_eq!(row[column], "*", "round {round}: {row}");
                    } else {
                        assert_eq!(row[column], nearest(count), "round {round}: {row}");
                    }
                }
                if (group.with_value.len() as u64) < least && !group.values.is_empty() {
                    assert_eq!(
                        (&row["hours"], &row["middle"]),
                        (&json!("*"), &json!("*")),
                        "round {round}: {row}"
                    );
                }
                if let Some(hours) = row["hours"].as_f64() {
                    assert_eq!(
                        (hours * 100.0).round() as i64,
                        group.hundredths,
                        "round {round}: {row}"
                    );
                    let mut values = group.values.clone();
                    values.sort_unstable();
                    let middle = values[(values.len() - 1) / 2] + values[values.len() / 2];
                    assert_eq!(
                        (row["middle"].as_f64().unwrap() * 200.0).round() as i64,
                        middle,
                        "round {round}: {row}"
                    );
                    told += 1;
                }
            }
            assert_eq!(
                records,
                case.records.len() as u64,
                "every group has its row"
            );
        }
    }
    assert!(told > 200, "only {told} sums were told");
}
