//! Known records in, the published rule out.

use crate::harness::table;

/// `count` people in each ward, as CSV.
fn people(wards: &[(&str, usize)]) -> String {
    let mut csv = String::from("id,ward,hours\n");
    let mut id = 0;
    for (ward, count) in wards {
        for _ in 0..*count {
            id += 1;
            csv.push_str(&format!("P{id:05},{ward},{}.5\n", id % 7));
        }
    }
    csv
}

/// Rules for [`people`], with this table.
fn rules(aggregate: &str) -> String {
    format!(
        "format: csv\nrecord: $[*]\nsubject: $[*].id\nfields:\n  - keep: [ \"$[*].ward\", \"$[*].hours\" ]\naggregate: {{ {aggregate} }}\n"
    )
}

#[test]
fn nhs_england_leaves_0_stars_1_to_7_and_rounds_the_rest_to_5() {
    let wards = [
        ("a", 0),
        ("b", 1),
        ("c", 7),
        ("d", 8),
        ("e", 12),
        ("f", 13),
        ("g", 100),
    ];
    let values = "{ of: \"$[*].ward\", values: [a, b, c, d, e, f, g] }";
    let found = table(
        &rules(&format!(
            "by: [{values}], measures: {{ people: count }}, rule: nhs-england, output: csv"
        )),
        &people(&wards),
    );
    assert_eq!(
        found,
        "ward,people,rule\r\na,0,nhs-england\r\nb,*,nhs-england\r\nc,*,nhs-england\r\nd,10,nhs-england\r\ne,10,nhs-england\r\nf,15,nhs-england\r\ng,100,nhs-england\r\n"
    );
}

#[test]
fn the_10_5_rule_stars_what_is_below_10_and_rounds_the_rest_to_5() {
    let wards = [
        ("a", 0),
        ("b", 1),
        ("c", 9),
        ("d", 10),
        ("e", 12),
        ("f", 13),
    ];
    let values = "{ of: \"$[*].ward\", values: [a, b, c, d, e, f] }";
    let found = table(
        &rules(&format!(
            "by: [{values}], measures: {{ people: count }}, rule: ons-10-5, output: csv"
        )),
        &people(&wards),
    );
    assert_eq!(
        found,
        "ward,people,rule\r\na,*,ons-10-5\r\nb,*,ons-10-5\r\nc,*,ons-10-5\r\nd,10,ons-10-5\r\ne,10,ons-10-5\r\nf,15,ons-10-5\r\n"
    );
}

#[test]
fn a_table_names_its_rule_and_nobody() {
    let found = table(
        &rules(
            "by: [\"$[*].ward\"], measures: { people: count, hours: { sum: \"$[*].hours\" } }, rule: nhs-england",
        ),
        &people(&[("Ryde", 20), ("Cowes", 9)]),
    );
    let json: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(json["rule"], "nhs-england");
    assert_eq!(json["by"], serde_json::json!(["ward"]));
    assert_eq!(
        json["groups"],
        serde_json::json!([
            { "ward": "Cowes", "people": 10, "hours": 26.5 },
            { "ward": "Ryde", "people": 20, "hours": 73.0 },
        ])
    );
    assert!(!found.to_lowercase().contains("anonym"));
}

#[test]
fn a_value_that_few_share_is_not_told_by_its_name() {
    let wards = [
        ("Ryde", 20),
        ("The Old Lighthouse", 2),
        ("Rectory Cottage", 3),
    ];
    let csv = people(&wards);
    let shared = table(
        &rules("by: [\"$[*].ward\"], measures: { people: count }, rule: nhs-england, output: csv"),
        &csv,
    );
    assert_eq!(
        shared,
        "ward,people,rule\r\nRyde,20,nhs-england\r\n(other),*,nhs-england\r\n"
    );
    let all = table(
        &rules(
            "by: [{ of: \"$[*].ward\", values: all }], measures: { people: count }, rule: nhs-england, output: csv",
        ),
        &csv,
    );
    assert_eq!(
        all,
        "ward,people,rule\r\nRectory Cottage,*,nhs-england\r\nRyde,20,nhs-england\r\nThe Old Lighthouse,*,nhs-england\r\n"
    );
    let listed = table(
        &rules(
            "by: [{ of: \"$[*].ward\", values: [Sandown, Ryde] }], measures: { people: count }, rule: nhs-england, output: csv",
        ),
        &csv,
    );
    assert_eq!(
        listed,
        "ward,people,rule\r\nSandown,0,nhs-england\r\nRyde,20,nhs-england\r\n(other),*,nhs-england\r\n"
    );
}

#[test]
fn what_counts_for_a_threshold_is_people_not_records() {
    // Twelve visits, all to one person.
    let mut csv = String::from("id,ward,hours\n");
    for _ in 0..12 {
        csv.push_str("P1,Ryde,2\n");
    }
    for person in 0..12 {
        csv.push_str(&format!("Q{person},Cowes,2\n"));
    }
    let found = table(
        &rules(
            "by: [{ of: \"$[*].ward\", values: all }], measures: { visits: count, people: subjects, hours: { sum: \"$[*].hours\" } }, rule: ons-10-5, output: csv",
        ),
        &csv,
    );
    // Of two groups the one hides the other's sum, since their total could be known.
    assert_eq!(
        found,
        "ward,visits,people,hours,rule\r\nCowes,10,10,*,ons-10-5\r\nRyde,*,*,*,ons-10-5\r\n"
    );
}

#[test]
fn json_ndjson_and_rows_of_the_same_people_have_the_same_table() {
    let people = people(&[("Ryde", 23), ("Cowes", 14), ("Bembridge", 3)]);
    let records: Vec<String> = people
        .lines()
        .skip(1)
        .map(|line| {
            let mut values = line.split(',');
            let mut next = || values.next().unwrap();
            format!(
                r#"{{"id":"{}","x":{{"ward":"{}"}},"hours":{},"name":"Ada"}}"#,
                next(),
                next(),
                next()
            )
        })
        .collect();
    let aggregate = |record: &str, ward: &str| {
        format!(
            "aggregate:\n  by: [{{ of: \"{record}.{ward}\", values: all }}]\n  measures: {{ people: count, who: subjects, least: {{ median: \"{record}.hours\" }}, mean: {{ mean: \"@.hours\" }} }}\n  rule: {{ threshold: 5, round: 5 }}\n  totals: true\n"
        )
    };
    let rules = |format: &str, record: &str, ward: &str| {
        format!(
            "format: {format}\nrecord: {record}\nsubject: \"@.id\"\nfields:\n  - keep: [ \"{record}.{ward}\", \"{record}.hours\" ]\n{}",
            aggregate(record, ward)
        )
    };
    let expected = table(&rules("csv", "$[*]", "ward"), &people);
    let array = format!("[{}]", records.join(","));
    for (format, record, ward, body) in [
        ("json", "$[*]", "x.ward", array.clone()),
        (
            "json",
            "$.people[*]",
            "x.ward",
            format!(r#"{{"people":{array},"next":2}}"#),
        ),
        ("ndjson", "$[*]", "x.ward", records.join("\n")),
        (
            "json-seq",
            "$[*]",
            "x.ward",
            records
                .iter()
                .map(|record| format!("\u{1e}{record}\n"))
                .collect(),
        ),
        ("tsv", "$[*]", "ward", people.replace(',', "\t")),
    ] {
        assert_eq!(
            table(&rules(format, record, ward), &body),
            expected,
            "{format} {record}"
        );
    }
    assert!(
        expected.contains(r#""totals":[{"people":40"#)
            || expected.contains(r#"{"people":40,"who":40"#),
        "{expected}"
    );
}

#[test]
fn groups_are_of_what_rules_make_of_values() {
    let csv = "id,dob,income\n".to_owned()
        + &(0..30)
            .map(|person| {
                format!(
                    "P{person},19{}0-05-01,{}\n",
                    5 + person % 2,
                    20_000 + person * 17
                )
            })
            .collect::<String>();
    let rules = "format: csv\nrecord: $[*]\nsubject: $[*].id\nfields:\n  - generalise: [ \"$[*].dob\" ]\n    to: year\n  - generalise: [ \"$[*].income\" ]\n    to: round\n    nearest: 100\naggregate:\n  by: [\"$[*].dob\"]\n  measures: { people: count, income: { mean: \"$[*].income\" } }\n  rule: ons-10-5\n  output: csv\n";
    let found = table(rules, &csv);
    assert!(
        found.starts_with("dob,people,income,rule\r\n1950,15,20233.3,ons-10-5\r\n1960,15,"),
        "{found}"
    );
}

#[test]
fn conditions_and_withheld_records_are_not_counted() {
    let mut csv = String::from("id,ward,hours,consent\n");
    for person in 0..40 {
        csv.push_str(&format!(
            "P{person},Ryde,1,{}\n",
            if person < 16 { "yes" } else { "no" }
        ));
    }
    let rules = "format: csv\nrecord: $[*]\nsubject: $[*].id\nrelease_if: \"@.consent == 'yes'\"\nfields:\n  - keep: [ \"$[*].ward\" ]\naggregate:\n  by: [\"$[*].ward\"]\n  measures: { people: count }\n  rule: nhs-england\n  output: csv\n";
    assert_eq!(
        table(rules, &csv),
        "ward,people,rule\r\nRyde,15,nhs-england\r\n"
    );
}

#[test]
fn sums_are_exact_and_means_and_medians_of_few_are_hidden() {
    let mut csv = String::from("id,ward,hours\n");
    for person in 0..10 {
        csv.push_str(&format!("P{person},Ryde,0.1\n"));
        csv.push_str(&format!(
            "Q{person},Cowes,{}\n",
            if person < 2 { "3" } else { "n/a" }
        ));
        csv.push_str(&format!("R{person},Sandown,{person}\n"));
        csv.push_str(&format!("S{person},Lake,{person}\n"));
    }
    let found = table(
        &rules(
            "by: [\"$[*].ward\"], measures: { s: { sum: \"$[*].hours\" }, m: { mean: \"$[*].hours\" }, d: { median: \"$[*].hours\" }, r: { sum: \"$[*].hours\", nearest: 10 } }, rule: ons-10-5, output: csv",
        ),
        &csv,
    );
    // Cowes has two numbers; with them goes the smallest group of those from which, with a total, they would follow.
    assert_eq!(
        found,
        "ward,s,m,d,r,rule\r\nCowes,*,*,*,*,ons-10-5\r\nLake,*,*,*,*,ons-10-5\r\nRyde,1.0,0.10,0.10,0,ons-10-5\r\nSandown,45,4.5,4.5,50,ons-10-5\r\n"
    );
}

#[test]
fn a_sum_of_which_one_has_most_is_hidden() {
    let mut csv = String::from("id,ward,hours\n");
    for person in 0..20 {
        csv.push_str(&format!(
            "P{person},Ryde,{}\n",
            if person == 3 { 1000 } else { 1 }
        ));
        csv.push_str(&format!("Q{person},Cowes,5\n"));
        csv.push_str(&format!("R{person},Lake,6\n"));
    }
    // By the (n, k) rule the total is dominated, too, and what is hidden does not follow.
    for (dominance, cowes) in [("{ p: 10 }", "*"), ("{ n: 1, k: 80 }", "100")] {
        let found = table(
            &rules(&format!(
                "by: [\"$[*].ward\"], measures: {{ people: count, s: {{ sum: \"$[*].hours\" }} }}, dominance: {dominance}, rule: ons-10-5, output: csv"
            )),
            &csv,
        );
        assert_eq!(
            found,
            format!(
                "ward,people,s,rule\r\nCowes,20,{cowes},ons-10-5\r\nLake,20,120,ons-10-5\r\nRyde,20,*,ons-10-5\r\n"
            ),
            "{dominance}"
        );
    }
}

#[test]
fn the_two_largest_are_known_in_whatever_order_they_come() {
    for largest in [["1000", "900"], ["900", "1000"]] {
        let mut csv = String::from("id,ward,hours\n");
        for person in 0..20 {
            let hours = largest.get(person).copied().unwrap_or("1");
            csv.push_str(&format!("P{person},Ryde,{hours}\n"));
            csv.push_str(&format!("Q{person},Cowes,5\n"));
            csv.push_str(&format!("R{person},Lake,6\n"));
        }
        // All the others together are less than a tenth of the largest.
        let found = table(
            &rules(
                "by: [\"$[*].ward\"], measures: { people: count, s: { sum: \"$[*].hours\" } }, dominance: { p: 10 }, rule: ons-10-5, output: csv",
            ),
            &csv,
        );
        assert!(found.contains("Ryde,20,*,"), "{largest:?}: {found}");
    }
}

#[test]
fn each_field_has_numbers_of_its_own_and_its_measures_share_them() {
    let mut csv = String::from("id,ward,hours,visits\n");
    for person in 0..20 {
        csv.push_str(&format!("P{person},Ryde,{person}.5,{}\n", person % 4));
    }
    let found = table(
        "format: csv\nrecord: $[*]\nsubject: $[*].id\nfields:\n  - keep: [ \"$[*].ward\", \"$[*].hours\", \"$[*].visits\" ]\naggregate:\n  by: [ \"$[*].ward\" ]\n  measures: { s: { sum: \"$[*].hours\" }, v: { sum: \"$[*].visits\" }, w: { median: \"$[*].visits\" }, m: { median: \"$[*].hours\" }, d: { distinct: \"$[*].visits\" } }\n  rule: { threshold: 3, round: 1 }\n  output: csv\n",
        &csv,
    );
    assert!(found.contains("Ryde,200.0,30,1.5,10.00,4,"), "{found}");
}

#[test]
fn labels_that_a_spreadsheet_would_run_are_text() {
    let found = table(
        &rules(
            "by: [{ of: \"$[*].ward\", values: all }], measures: { people: count }, rule: nhs-england, output: csv",
        ),
        "id,ward\nP1,=1+1\nP2,\"a,\"\"b\"\nP3,(all)\n",
    );
    assert_eq!(
        found,
        "ward,people,rule\r\n'=1+1,*,nhs-england\r\n\"a,\"\"b\",*,nhs-england\r\n(other),*,nhs-england\r\n"
    );
}
