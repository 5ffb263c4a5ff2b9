//! P3 to P8 for tables.

use fieldgate::minimise::BodyFault;

use crate::harness::{plan, run};

const FIELDS: &str = r#"
record: $.people[*]
subject: $.people[*].id
fields:
  - keep: [ "$.people[*].ward", "$.people[*].hours" ]
aggregate:
  by: [ "$.people[*].ward" ]
  measures: { people: count, who: subjects, hours: { sum: "$.people[*].hours" }, median: { median: "$.people[*].hours" } }
  rule: { threshold: 3, round: 1 }
  totals: true
  groups: 4
"#;

fn body(people: usize, wards: usize) -> String {
    let records: Vec<String> = (0..people)
        .map(|person| {
            format!(
                r#"{{"id":"P\u003{}{person}","ward":"W\"{}","hours":{person}.5}}"#,
                person % 10,
                person % wards
            )
        })
        .collect();
    format!(r#"{{"x":[1,"]"],"people":[{}]}}"#, records.join(", "))
}

#[test]
fn p8_a_body_has_one_table_and_one_tally_at_every_cut() {
    let plan = plan(FIELDS);
    let body = body(14, 2);
    let whole = run(&plan, [body.as_bytes()]).unwrap();
    assert!(whole.0.contains("W\\\"1"), "{}", whole.0);
    for cut in 0..=body.len() {
        let (head, tail) = body.as_bytes().split_at(cut);
        assert_eq!(run(&plan, [head, tail]).unwrap(), whole, "cut at {cut}");
    }
    assert_eq!(run(&plan, body.as_bytes().chunks(1)).unwrap(), whole);
}

#[test]
fn p8_the_order_of_records_changes_nothing() {
    let plan = plan(
        "format: ndjson\nrecord: $[*]\nsubject: $[*].id\nfields:\n  - keep: [ \"$[*].ward\", \"$[*].hours\" ]\naggregate:\n  by: [ \"$[*].ward\" ]\n  measures: { people: count, hours: { sum: \"$[*].hours\" }, median: { median: \"$[*].hours\" }, different: { distinct: \"$[*].hours\" } }\n  rule: { cell_key: built-in, threshold: 5 }\n  totals: true\n",
    );
    let mut lines: Vec<String> = (0..900)
        .map(|person| {
            format!(
                "{{\"id\":{person},\"ward\":\"{}\",\"hours\":{}}}\n",
                person % 5,
                person * 31 % 700
            )
        })
        .collect();
    let table = run(&plan, [lines.concat().as_bytes()]).unwrap();
    lines.reverse();
    assert_eq!(run(&plan, [lines.concat().as_bytes()]).unwrap(), table);
    lines.sort();
    assert_eq!(run(&plan, [lines.concat().as_bytes()]).unwrap(), table);
}

#[test]
fn p4_a_fault_anywhere_leaves_no_table_at_all() {
    let plan = plan(FIELDS);
    let sound = body(20, 2);
    for end in 1..sound.len() {
        let (error, _) = *run(&plan, [&sound.as_bytes()[..end]]).unwrap_err();
        assert_eq!(error.fault, BodyFault::Truncated, "cut off at {end}");
    }
    let twice = sound.replacen(r#""hours":3.5"#, r#""hours":3.5,"hours":4"#, 1);
    let (error, tally) = *run(&plan, [twice.as_bytes()]).unwrap_err();
    assert_eq!(
        (error.fault, tally.table.tables, tally.bytes_out),
        (BodyFault::DuplicateName, 0, 0)
    );
}

#[test]
fn p5_more_groups_than_agreed_are_the_same_fault_at_every_cut() {
    let plan = plan(FIELDS);
    let body = body(14, 5);
    let whole = run(&plan, [body.as_bytes()]).unwrap_err();
    assert_eq!(
        (whole.0.fault, whole.0.offset, whole.0.path.as_str()),
        (BodyFault::TooManyGroups, 0, "$.people[*]")
    );
    for cut in 0..=body.len() {
        let (head, tail) = body.as_bytes().split_at(cut);
        assert_eq!(run(&plan, [head, tail]).unwrap_err(), whole, "cut at {cut}");
    }
    assert_eq!(run(&plan, body.as_bytes().chunks(1)).unwrap_err(), whole);
}

#[test]
fn p5_an_endless_list_of_names_is_a_fault_and_not_memory() {
    let plan = plan(
        "format: ndjson\nrecord: $[*]\nfields:\n  - keep: [ \"$[*].name\" ]\naggregate:\n  by: [ \"$[*].name\" ]\n  measures: { people: count }\n  rule: nhs-england\n",
    );
    let lines: String = (0..20_000)
        .map(|person| format!("{{\"name\":\"N{person}\"}}\n"))
        .collect();
    let (error, _) = *run(&plan, [lines.as_bytes()]).unwrap_err();
    assert_eq!(error.fault, BodyFault::TooManyGroups);
}

#[test]
fn p8_the_same_people_have_the_same_change_in_tables_of_other_fields() {
    // By ward alone, and by ward and a band in which all of the ward's are: the same people in each cell.
    let rules = |by: &str| {
        format!(
            "format: ndjson\nrecord: $[*]\nsubject: $[*].id\nfields:\n  - keep: [ \"$[*].ward\", \"$[*].band\", \"$[*].other\" ]\naggregate:\n  by: [ {by} ]\n  measures: {{ people: count }}\n  rule: {{ cell_key: built-in, threshold: 3 }}\n  output: csv\n"
        )
    };
    let lines: String = (0..400)
        .map(|person| {
            format!(
                "{{\"id\":\"P{person}\",\"ward\":\"W{}\",\"band\":\"B\",\"other\":{person}}}\n",
                person % 23
            )
        })
        .collect();
    let counts = |by: &str| -> Vec<String> {
        let (table, _) = run(&plan(&rules(by)), [lines.as_bytes()]).unwrap();
        table
            .lines()
            .skip(1)
            .map(|line| {
                let values: Vec<&str> = line.split(',').collect();
                values[values.len() - 2].to_owned()
            })
            .collect()
    };
    let one = counts("\"$[*].ward\"");
    let two = counts("\"$[*].ward\", \"$[*].band\"");
    assert_eq!(one, two);
    assert!(
        one.iter().any(|count| count != "17" && count != "18"),
        "something is changed: {one:?}"
    );
}

#[test]
fn records_that_name_nobody_are_counted_as_where_the_records_leave() {
    let people = ["4010232137", "\"P1\"", "null", "\"\"", "true", "\"n/a\""];
    let lines: String = people
        .iter()
        .map(|person| format!("{{\"id\":{person},\"ward\":\"W\"}}\n"))
        .collect();
    let rows = "id,ward\n4010232137,W\nP1,W\n,W\n\"\",W\n -,W\nn/a,W\n";
    for (format, body) in [("ndjson", lines.as_str()), ("csv", rows)] {
        let rules = format!(
            "format: {format}\nrecord: $[*]\nsubject: $[*].id\nfields:\n  - keep: [ \"$[*].ward\" ]\n"
        );
        let of_table = format!(
            "{rules}aggregate: {{ by: [ \"$[*].ward\" ], measures: {{ n: count }}, rule: nhs-england }}\n"
        );
        let [(records, missing), (table, missing_of_table)] = [rules, of_table].map(|rules| {
            let (plan, day) = (plan(&rules), jiff::civil::date(2026, 11, 22));
            let (mut machine, mut out) = (fieldgate::minimise::machine(&plan, "", day), Vec::new());
            machine.push(body.as_bytes(), &mut out).unwrap();
            let tally = machine.finish(&mut out).unwrap();
            (machine.take_subjects().len(), tally.subjects_missing)
        });
        assert_eq!((records, missing), (2, 4), "{format}");
        assert_eq!((table, missing_of_table), (0, 4), "{format}");
    }
}
