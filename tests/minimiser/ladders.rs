//! Coarser values from rules as they are written: what leaves, wherever the body is cut, and what of a rule is at fault.

use std::sync::Arc;

use fieldgate::agreement::{Tables, load_fields_with};
use fieldgate::minimise::{BodyError, BodyFault, FieldOutcome, Limits, Tally, machine};
use fieldgate::plan::{BodyRules, Plan};
use fieldgate::transform::Occasion;
use jiff::civil::Date;
use proptest::prelude::*;

use super::support::plan;

const TODAY: Date = Date::constant(2026, 11, 22);

/// The tables that the rules here may name.
fn tables() -> Tables {
    Tables::read_by(|file, table| {
        assert_eq!(file, "rules.yaml");
        match table {
            "postcodes.csv" => Ok(b"pcds,ward,lsoa\nPO30 1AA,Newport Central,E01017300\nPO30 1AB,Newport East,E01017301\n".to_vec()),
            "ethnicity.csv" => Ok(b"code,group\nA1,Asian\nA2,Asian\nB1,Black\nW1,White\n".to_vec()),
            "twice.csv" => Ok(b"a,b\n1,x\n2,y\n1,z\n".to_vec()),
            _ => Err("cannot be read (entity not found)".to_owned()),
        }
    })
}

fn rules(yaml: &str) -> BodyRules {
    load_fields_with("rules.yaml", yaml, &tables())
        .unwrap_or_else(|faults| panic!("{yaml}: {faults}"))
}

fn faults(yaml: &str) -> Vec<String> {
    match load_fields_with("rules.yaml", yaml, &tables()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.to_string().lines().map(str::to_owned).collect(),
    }
}

/// What leaves of a body in pieces, and the tally.
fn run<'a>(
    plan: &Arc<Plan>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(String, Tally), BodyError> {
    let mut machine = machine(plan, "b", Occasion::from(TODAY));
    let mut out = Vec::new();
    for piece in pieces {
        machine.push(piece, &mut out)?;
    }
    let tally = machine.finish(&mut out)?;
    Ok((String::from_utf8(out).unwrap(), tally))
}

/// As [`run`], whole, byte by byte and at every cut, which must all be the same (P8).
pub(crate) fn run_every_way(yaml: &str, body: &str) -> Result<(String, Tally), BodyError> {
    run_every_way_within(yaml, body, &Limits::default())
}

/// As [`run_every_way`], within `limits`.
pub(crate) fn run_every_way_within(
    yaml: &str,
    body: &str,
    limits: &Limits,
) -> Result<(String, Tally), BodyError> {
    let plan = plan(&rules(yaml), limits);
    let body = body.as_bytes();
    let whole = run(&plan, [body]);
    assert_eq!(run(&plan, body.chunks(1)), whole, "byte by byte: {yaml}");
    for cut in 0..=body.len() {
        let (head, tail) = body.split_at(cut);
        assert_eq!(run(&plan, [head, tail]), whole, "cut at {cut}: {yaml}");
    }
    whole
}

/// One rule as it is written, without its selector's key; what was sent; what leaves.
fn check(rows: &[(&str, &str, &str)]) {
    for (rule, sent, leaves) in rows {
        let (action, options) = rule.split_once(' ').unwrap();
        let yaml = format!("fields: [{{ {action}: ['$[*]'], {options} }}]");
        let ran = run_every_way(&yaml, sent).unwrap_or_else(|error| panic!("{rule}: {error}"));
        assert_eq!(ran.0, *leaves, "{rule} on {sent}");
    }
}

#[test]
fn p8_each_rung_gives_the_same_at_every_cut() {
    check(&[
        (
            "generalise to: year",
            r#"["1941-03-07","1941",null,"07/03/1941",1941]"#,
            r#"["1941","1941",null]"#,
        ),
        (
            "generalise to: month, from: dd/mm/yyyy",
            r#"["07/03/1941","1941-03-07","7\/3\/1941","07\/03\/1941"]"#,
            r#"["1941-03","1941-03"]"#,
        ),
        (
            "generalise to: quarter",
            r#"["1941-03-31"]"#,
            r#"["1941-Q1"]"#,
        ),
        (
            "generalise to: week",
            r#"["1941-03-07"]"#,
            r#"["1941-W10"]"#,
        ),
        (
            "generalise to: financial-year",
            r#"["2026-03-31","2026-04-01"]"#,
            r#"["2025-26","2026-27"]"#,
        ),
        (
            "generalise to: school-year",
            r#"["2026-08-31","2026-09-01"]"#,
            r#"["2025-26","2026-27"]"#,
        ),
        (
            "generalise to: age",
            r#"["1941-11-22","1941-11-23","2026-11-23","1941-03"]"#,
            "[85,84]",
        ),
        (
            "generalise to: age, at: 2026-03-31",
            r#"["2008-03-31","2008-04-01"]"#,
            "[18,17]",
        ),
        (
            "generalise to: age, at: school-year",
            r#"["2021-08-31","2021-09-01"]"#,
            "[5,4]",
        ),
        (
            "generalise to: age-band, width: 5, bottom: 5, top: 90",
            r#"["2026-01-01","1941-03-07","1930-01-01","1900-01-01"]"#,
            r#"["under 5","85-89","90+"]"#,
        ),
        (
            "generalise to: age-band, bands: [0-15, 16-24, 25-49, 50-64, 65-74, 75+]",
            r#"["2020-01-01","1941-03-07"]"#,
            r#"["0-15","75+"]"#,
        ),
        (
            "generalise to: postcode-sector",
            r#"["PO30 1AA","po301aa","ZZ99 3VZ","GIR 0AA",""]"#,
            r#"["PO30 1","PO30 1"]"#,
        ),
        (
            "generalise to: postcode-district, otherwise: not known",
            r#"["PO30 1AA","ZZ99 3VZ","nowhere",true]"#,
            r#"["PO30","not known","not known"]"#,
        ),
        (
            "generalise to: postcode-area",
            r#"["PO30 1AA"]"#,
            r#"["PO"]"#,
        ),
        (
            "generalise to: table, table: postcodes.csv, from: postcode, column: ward",
            r#"["po301ab","PO30 1AC","ZZ99 3VZ"]"#,
            r#"["Newport East"]"#,
        ),
        (
            "generalise to: table, table: ethnicity.csv, column: group, otherwise: Not stated",
            r#"["A2","a2","Z",7,null]"#,
            r#"["Asian","Not stated","Not stated","Not stated",null]"#,
        ),
        (
            "generalise to: table, table: postcodes.csv, key: lsoa, column: ward",
            r#"["E01017300"]"#,
            r#"["Newport Central"]"#,
        ),
        (
            "generalise to: band, width: 10000, top: 50000",
            r#"[12345.67,"49999",5e4,1e400,9007199254740993]"#,
            r#"["10000-19999","40000-49999","50000+","50000+","50000+"]"#,
        ),
        (
            "generalise to: band, bands: [0, 1-3, 4+]",
            r#"[0,0.9,2,4,-1]"#,
            r#"["0","0","1-3","4+"]"#,
        ),
        (
            "generalise to: round, nearest: 100",
            r#"[1249,"1250",-50,18446744073709551615]"#,
            r#"[1200,"1300",-100,18446744073709551600]"#,
        ),
        (
            "generalise to: capped, bottom: 0, top: 100000",
            r#"[-1,0.50,1e6]"#,
            "[0,0.50,100000]",
        ),
        (
            "mask skip: ' -', keep_last: 2",
            r#"["401 023-2137","+44 7700"]"#,
            r#"["*** ***-**37","*** **00"]"#,
        ),
    ]);
}

const SHIFTED: &str = "\
record: '$[*]'
subject: $.id
fields:
  - shift: ['$[*].in', '$[*].out']
    days: 30
";

#[test]
fn p8_the_dates_of_one_subject_move_together_at_every_cut() {
    let body = r#"[{"in":"2026-01-01","id":"a","out":"2026-01-31T09:00:00Z"},{"id":"b","in":"2026-01-01"},
        {"id":"a","in":"2026-03-02","out":null},{"in":"2026-01-01"},{"id":"a","in":"soon"}]"#;
    let (text, tally) = run_every_way(SHIFTED, body).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let day = |row: usize, name: &str| -> Date {
        rows[row][name].as_str().unwrap()[..10].parse().unwrap()
    };
    let days = |from: Date, to: Date| from.until(to).unwrap().get_days();
    assert_eq!(days(day(0, "in"), day(0, "out")), 30);
    assert_eq!(days(day(0, "in"), day(2, "in")), 60);
    assert!(rows[0]["out"].as_str().unwrap().ends_with("T09:00:00Z"));
    assert!((1..=30).contains(&days(day(0, "in"), Date::constant(2026, 1, 1))));
    assert_ne!(
        day(0, "in"),
        day(1, "in"),
        "of 30 shifts these two are not one"
    );
    assert!(rows[2]["out"].is_null());
    // A record without a subject and a text that is no date.
    assert_eq!(rows[3], serde_json::json!({}));
    assert_eq!(rows[4], serde_json::json!({}));
    assert_eq!(tally.field(FieldOutcome::Shift), 5);
    assert_eq!(tally.field(FieldOutcome::Mismatch), 2);
}

#[test]
fn p8_a_table_of_rows_is_made_coarser_as_a_document_is() {
    let yaml = "\
format: csv
fields:
  - generalise: ['$[*].born']
    to: age-band
    width: 10
    top: 90
    from: dd/mm/yyyy
  - generalise: ['$[*].postcode']
    to: postcode-district
    otherwise: not known
  - generalise: ['$[*].income']
    to: round
    nearest: 1000
  - keep: ['$[*].n']
";
    let body = "n,born,postcode,income,name\n1,07/03/1941,PO30 1AA,12499.99,Ann\n2,1941-03-07,zz99 3vz,\"12500\",Bob\n";
    let (text, _) = run_every_way(yaml, body).unwrap();
    assert_eq!(
        text,
        "n,born,postcode,income\n1,80-89,PO30,12000\n2,,not known,13000\n"
    );
}

#[test]
fn p1_no_value_that_a_ladder_is_not_for_leaves() {
    const CANARY: &str = "CANARY-7f3a";
    let values = [
        format!("\"{CANARY}\""),
        format!("\"1941-03-07 {CANARY}\""),
        format!("\"PO30 1AA {CANARY}\""),
        format!("{{\"a\":\"{CANARY}\"}}"),
        format!("[\"{CANARY}\"]"),
    ];
    for rule in [
        "generalise to: year",
        "generalise to: age",
        "generalise to: age-band, width: 5, top: 90",
        "generalise to: postcode-sector",
        "generalise to: table, table: ethnicity.csv, column: group",
        "generalise to: band, width: 5",
        "generalise to: round, nearest: 5",
        "generalise to: capped, top: 5",
        "shift days: 30",
    ] {
        let (action, options) = rule.split_once(' ').unwrap();
        let refuses = format!(
            "record: $\nsubject: $.id\nfields: [{{ {action}: [$.v], {options}, on_mismatch: refuse }}]"
        );
        let drops = refuses.replace("refuse", "drop");
        for value in &values {
            let body = format!("{{\"id\":1,\"v\":{value}}}");
            let (text, _) = run_every_way(&drops, &body).unwrap();
            assert!(!text.contains("CANARY"), "{rule}: {text}");
            if value.starts_with('"') {
                let fault = run_every_way(&refuses, &body).unwrap_err().fault;
                assert_eq!(fault, BodyFault::Mismatch, "{rule}");
            }
        }
    }
}

#[test]
fn each_wrong_combination_is_told_with_its_line_and_what_to_write() {
    for (rule, expected) in [
        (
            "to: year\n    width: 5",
            "5:5: `width` is not an option of `to: year`, only of age-band, band; leave it out",
        ),
        (
            "to: round\n    nearest: 5\n    from: dd/mm/yyyy",
            "6:5: `from` is not an option of `to: round`, only of year,",
        ),
        (
            "to: age-band\n    width: 5",
            "4:9: `to: age-band` with `width`, since the oldest are few, needs `top`; write for example top: 90",
        ),
        (
            "to: age-band",
            "4:9: the rule needs `width`; write for example width: 5 and top: 90, or bands:",
        ),
        (
            "to: age-band\n    bands: [0-15, 16-64]",
            "5:12: the last band of ages is open",
        ),
        (
            "to: age-band\n    bands: [0-15, 15+]",
            "5:12: the band `15+` has to begin at 16",
        ),
        (
            "to: age-band\n    bands: [0-15, 16+]\n    top: 90",
            "5:12: listed bands say themselves where they end",
        ),
        (
            "to: age-band\n    width: 5\n    bands: [0-15, 16+]",
            "5:12: bands are of one width or listed, not both",
        ),
        (
            "to: age-band\n    width: 5\n    top: 88",
            "5:12: `top: 88` cuts a band of width 5 in two",
        ),
        ("to: age\n    at: 2026-02-30", "5:9: no day of the calendar"),
        ("to: age\n    at: birthday", "5:9: "),
        (
            "to: month\n    from: dd/mm/yy",
            "5:11: a year of two digits does not say its century",
        ),
        (
            "to: round",
            "4:9: `to: round` needs `nearest`; write for example nearest: 100",
        ),
        ("to: capped", "4:9: capped needs `top`, `bottom` or both"),
        (
            "to: capped\n    top: 5\n    bottom: 5",
            "4:9: `bottom` has to be below `top`",
        ),
        (
            "to: table\n    column: a",
            "4:9: `to: table` needs `table`; write for example table: postcodes.csv",
        ),
        (
            "to: table\n    table: ethnicity.csv",
            "4:9: `to: table` needs `column`",
        ),
        (
            "to: table\n    table: none.csv\n    column: a",
            "5:12: none.csv cannot be read (entity not found)",
        ),
        (
            "to: table\n    table: twice.csv\n    column: b",
            "5:12: twice.csv: the keys of rows 2 and 4 are the same; leave one out",
        ),
        (
            "to: table\n    table: twice.csv\n    column: c",
            "5:12: twice.csv: no column is named `c`; the columns are a, b",
        ),
        (
            "to: table\n    table: ethnicity.csv\n    column: group\n    from: postcode",
            "5:12: ethnicity.csv: the key of row 2 is no postcode",
        ),
        (
            "to: table\n    table: ethnicity.csv\n    column: group\n    from: uprn",
            "7:11: the keys of a table are text or postcodes",
        ),
        ("to: county", "4:9: "),
        (
            "days: 30",
            "5:5: `days` is not an option of `generalise`, only of shift",
        ),
    ] {
        let yaml = format!("fields:\n  - keep: [$.b]\n  - generalise: [$.a]\n    {rule}\n");
        let yaml = if rule.starts_with("days") {
            yaml.replace("    days", "    to: year\n    days")
        } else {
            yaml
        };
        let told = faults(&yaml);
        let expected = format!("rules.yaml:{expected}");
        assert!(
            told.first()
                .is_some_and(|fault| fault.starts_with(&expected)),
            "{rule}: {told:#?}"
        );
    }
    for (rule, expected) in [
        (
            "{ shift: [$.a] }",
            "2:5: `shift` needs `days`; write for example days: 30",
        ),
        ("{ shift: [$.a], days: 0 }", "2:27: `days` is too small"),
        (
            "{ shift: [$.a], days: 30, direction: later }",
            "2:42: `direction` has an unknown word; this version has earlier, either",
        ),
        (
            "{ keep: [$.a], days: 30 }",
            "2:20: `days` is not an option of `keep`, only of shift; leave it out",
        ),
        (
            "{ mask: [$.a], skip: abc }",
            "2:26: `skip` is not separators",
        ),
    ] {
        let told = faults(&format!("fields:\n  - {rule}\n"));
        let expected = format!("rules.yaml:{expected}");
        assert!(
            told.first()
                .is_some_and(|fault| fault.starts_with(&expected)),
            "{rule}: {told:#?}"
        );
    }
    // What only a plan shows: dates are keyed by a subject, so there has to be one.
    let unkeyed = rules("fields: [{ shift: [$.a], days: 30 }]");
    let told = Plan::compile(&unkeyed, &super::support::keys(), &Limits::default()).unwrap_err();
    assert!(
        told[0]
            .message
            .contains("write `record:` and `subject:` too"),
        "{told:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p8_rows_of_any_values_leave_alike_however_they_are_cut(
        rows in proptest::collection::vec(("[0-9]{4}-[01][0-9]-[0-3][0-9]", "(PO|ZZ|M)[0-9]{1,2} [0-9][A-Z]{2}", "-?[0-9]{1,20}(\\.[0-9]{1,5})?(e[+-]?[0-9]{1,3})?"), 1..20),
        size in 1_usize..50,
    ) {
        let yaml = "\
fields:
  - { generalise: ['$[*].d'], to: age-band, width: 10, top: 90 }
  - { generalise: ['$[*].p'], to: postcode-sector, otherwise: '-' }
  - { generalise: ['$[*].n'], to: band, width: 100, bottom: 0, top: 1000 }
";
        let body: Vec<String> = rows
            .iter()
            .map(|(d, p, n)| {
                let n = if n.trim_start_matches('-').starts_with('0') { "0" } else { n };
                format!("{{\"n\":{n},\"d\":\"{d}\",\"p\":\"{p}\"}}")
            })
            .collect();
        let body = format!("[{}]", body.join(","));
        let plan = plan(&rules(yaml), &Limits::default());
        let whole = run(&plan, [body.as_bytes()]);
        prop_assert!(whole.is_ok());
        prop_assert_eq!(run(&plan, body.as_bytes().chunks(size)), whole);
    }
}
