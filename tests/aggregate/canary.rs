//! Nothing about a person is in a table.

use crate::harness::{plan, run};

/// Records whose every value but the ward is one of its own.
fn body() -> (String, Vec<String>) {
    let mut canaries = Vec::new();
    let mut records = Vec::new();
    for person in 0..60 {
        let marked = |what: &str| format!("canary-{what}-{person:03}");
        let nhs = format!("943476{:04}", 5000 + person);
        let record = format!(
            r#"{{"nhsNumber":"{nhs}","name":"{}","ward":"W{}","village":"{}","notes":"{}","hours":{}.25,"{}":1}}"#,
            marked("name"),
            person % 3,
            // A few share a village with nobody.
            if person % 10 == 0 {
                marked("village")
            } else {
                "Niton".to_owned()
            },
            marked("notes"),
            person,
            marked("member"),
        );
        canaries.extend([
            nhs,
            marked("name"),
            marked("village"),
            marked("notes"),
            marked("member"),
        ]);
        records.push(record);
    }
    (format!(r#"{{"people":[{}]}}"#, records.join(",")), canaries)
}

#[test]
fn p1_no_identifier_of_the_input_is_in_any_table() {
    let (body, canaries) = body();
    for rule in [
        "nhs-england",
        "ons-10-5",
        "{ threshold: 5, round: 5 }",
        "{ threshold: 5, round: 1 }",
        "{ cell_key: built-in }",
    ] {
        for output in ["json", "csv"] {
            let fields = format!(
                "record: $.people[*]\nsubject: $.people[*].nhsNumber\nfields:\n  - keep: [ \"$.people[*].ward\", \"$.people[*].village\", \"$.people[*].hours\", \"$.people[*].name\" ]\naggregate:\n  by: [ \"$.people[*].ward\", \"$.people[*].village\" ]\n  measures: {{ people: count, who: subjects, names: {{ distinct: \"$.people[*].name\" }}, hours: {{ sum: \"$.people[*].hours\" }}, median: {{ median: \"$.people[*].hours\" }} }}\n  rule: {rule}\n  totals: true\n  output: {output}\n"
            );
            let (table, tally) = run(&plan(&fields), [body.as_bytes()]).unwrap();
            for canary in &canaries {
                assert!(
                    !table.contains(canary.as_str()),
                    "{rule} {output}: {canary} left"
                );
            }
            assert!(table.contains("W1") && table.contains("Niton"), "{table}");
            assert_eq!((tally.table.records, tally.records_released), (60, 0));
        }
    }
}
