//! What a table may be made of, and what is said of others.

use crate::harness::try_plan;

const HEAD: &str = "record: $.p[*]\nsubject: \"$.p[*].id\"\nfields:\n  - keep: [ \"$.p[*].ward\", \"$.p[*].hours\" ]\n  - pseudonymise: [ \"$.p[*].household\" ]\n    as: household\n";

#[test]
fn what_is_no_table_is_told_with_what_to_write() {
    for (fields, told) in [
        (
            "aggregate: { by: [ward], measures: { n: count }, rule: nhs-england }",
            "a selector starts with $, or with @ from the record; write for example $.people[*].ward",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: total }, rule: nhs-england }",
            "count, subjects, or one of sum",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: { sum: \"$.p[*].hours\", mean: \"$.p[*].hours\" } }, rule: nhs-england }",
            "a column tells one thing",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: nhs }",
            "nhs-england, ons-10-5, or `threshold` or `cell_key`",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: { threshold: 2 } }",
            "`threshold` is too small; the least is 3",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: { threshold: 5, round: 11 } }",
            "twice the threshold",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: { round: 5 } }",
            "the rule has no threshold",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: { cell_key: t.csv } }",
            "t.csv cannot be read",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { ward: count }, rule: nhs-england }",
            "a second column `ward`",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: nhs-england, dominance: { n: 1 } }",
            "write { p: 10 }",
        ),
        (
            "aggregate: { by: [\"$.p[*].age\"], measures: { n: count }, rule: nhs-england }",
            "no rule of `fields` names it",
        ),
        (
            "aggregate: { by: [\"$.p[*].id\"], measures: { n: count }, rule: nhs-england }",
            "no rule of `fields` names it",
        ),
        (
            "aggregate: { by: [\"$.p[*].household\"], measures: { n: count }, rule: nhs-england }",
            "by pseudonymise each value stays one person's",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: { sum: \"$.p[*].household\" } }, rule: nhs-england }",
            "what pseudonymise makes of it is no number",
        ),
        (
            "aggregate: { by: [\"$.p[0].ward\"], measures: { n: count }, rule: nhs-england }",
            "plain path",
        ),
        (
            "aggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: nhs-england, totl: true }",
            "did you mean `totals`",
        ),
        (
            "aggregate: { measures: { n: count } }",
            "missing `by`, `rule`",
        ),
    ] {
        let Err(fault) = try_plan(&format!("{HEAD}{fields}\n"), 1) else {
            panic!("{fields} loads");
        };
        assert!(fault.contains(told), "{fields}\nwas told {fault}");
    }
    for (fields, told) in [
        (
            "fields:\n  - keep: [ \"$.ward\" ]\naggregate: { by: [\"$.ward\"], measures: { n: count }, rule: nhs-england }",
            "write `record:` too",
        ),
        (
            "record: $\nfields:\n  - keep: [ \"$.ward\" ]\naggregate: { by: [\"$.ward\"], measures: { n: count }, rule: nhs-england }",
            "made of many records",
        ),
        (
            "record: \"$.p[?@.a]\"\nfields:\n  - keep: [ \"$.p[*].ward\" ]\naggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: nhs-england }",
            "at a plain path",
        ),
        (
            "format: xml\nrecord: $.p.q\nfields:\n  - keep: [ \"$.p.q.ward\" ]\naggregate: { by: [\"$.p.q.ward\"], measures: { n: count }, rule: nhs-england }",
            "aggregate",
        ),
        (
            "record: $.p[*]\nfields:\n  - keep: [ \"$.p[*].ward\" ]\naggregate: { by: [\"$.p[*].ward\"], measures: { n: subjects }, rule: nhs-england }",
            "`subjects` counts people",
        ),
        (
            "record: $.p[*]\nfields:\n  - keep: [ \"$.p[*].ward\" ]\naggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: { cell_key: built-in } }",
            "cell keys are made of people's keys",
        ),
        (
            "record: $.p[*]\nsubject: \"$.p[*].id\"\nfields:\n  - keep: [ \"$.p[*].ward\" ]\n  - drop: [ \"$.p[*].id\" ]\naggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: nhs-england }",
            "the subject is dropped",
        ),
        (
            "record: $.p[*]\nsubject: \"$.p[*].id\"\nfields:\n  - keep: [ \"$.p[*].ward\", \"$.p[*].id\" ]\naggregate: { by: [\"$.p[*].id\"], measures: { n: count }, rule: nhs-england }",
            "a group for each subject is no table",
        ),
        (
            "record: $.p[*]\nfields:\n  - keep: [ \"$.p[*].ward\" ]\n  - drop: [ \"$.p\" ]\naggregate: { by: [\"$.p[*].ward\"], measures: { n: count }, rule: nhs-england }",
            "a rule drops it",
        ),
    ] {
        let fault = try_plan(&format!("{fields}\n"), 1).unwrap_err();
        assert!(fault.contains(told), "{fields}\nwas told {fault}");
    }
}
