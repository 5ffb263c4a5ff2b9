//! Tables beside the rules that name them, types that `check` tells, and `fieldgate risk`.

use super::*;

const WARDS: &str = "\
fields:
  - keep: ['$[*].n']
  - generalise: ['$[*].postcode']
    to: table
    table: tables/wards.csv
    from: postcode
    column: ward
    otherwise: elsewhere
";

#[test]
fn a_table_is_read_from_beside_the_rules_and_what_is_wrong_with_it_has_its_line() {
    let desk = Desk::new();
    desk.put("wards.yaml", WARDS);
    desk.put(
        "people.json",
        r#"[{"n":1,"postcode":"po301aa"},{"n":2,"postcode":"ZZ99 3VZ"}]"#,
    );
    let ran = desk.run("apply --fields wards.yaml people.json");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            1,
            "wards.yaml:5:12: tables/wards.csv cannot be read (entity not found); paths are from the directory of this file\n"
        )
    );
    fs::create_dir(desk.path("tables")).unwrap();
    desk.put(
        "tables/wards.csv",
        "pcds,ward\nPO30 1AA,Newport\nPO30 1AB,Parkhurst,x\n",
    );
    let ran = desk.run("apply --fields wards.yaml people.json");
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            1,
            "wards.yaml:5:12: tables/wards.csv: row 3 has 3 values, the first row 2; each row has one for each column\n"
        )
    );
    desk.put("tables/wards.csv", "pcds,ward\nPO30 1AA,Newport\n");
    let ran = desk.run("apply --fields wards.yaml people.json");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (
            0,
            r#"[{"n":1,"postcode":"Newport"},{"n":2,"postcode":"elsewhere"}]"#
        ),
        "{}",
        ran.err
    );
}

#[test]
fn check_tells_the_type_that_each_field_has_at_the_partner() {
    let agreement = "\
agreement: wards
version: 1
title: Wards
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, ends: 2099-03-31 }
purposes: { planning: Plan visits }
disclosures:
  - name: adults
    purposes: [planning]
    request: GET /adults
    service: { name: social-care, path: /adults }
    response:
      format: FORMAT
      record: '$[*]'
      subject: $.id
      fields:
        - keep: ['$[*].mobility']
        - drop: ['$[*].notes']
        - generalise: ['$[*].born']
          to: age
        - generalise: ['$[*].income']
          to: round
          nearest: 1000
        - generalise: ['$[*].postcode']
          to: table
          table: wards.csv
          from: postcode
          column: ward
        - shift: ['$[*].admitted']
          days: 30
        - replace: ['$[*].sex']
          with: 0
";
    let desk = Desk::new();
    desk.put("wards.csv", "pcds,ward\nPO30 1AA,Newport\n");
    for (format, types) in [
        (
            "json",
            [
                "as it is",
                "integer",
                "integer (text where it was text)",
                "text",
                "text",
                "number",
            ],
        ),
        ("csv", ["text"; 6]),
    ] {
        desk.put("wards.yaml", &agreement.replace("FORMAT", format));
        let ran = desk.run("check wards.yaml");
        assert_eq!(ran.code, 0, "{}", ran.err);
        let fields = [
            "mobility by keep",
            "born by generalise",
            "income by generalise",
            "postcode by generalise",
            "admitted by shift",
            "sex by replace",
        ];
        for (field, r#type) in fields.iter().zip(types) {
            let line = format!("    field         $[*].{field}: {type}\n");
            assert!(ran.out.contains(&line), "{line}{}", ran.out);
        }
        assert!(!ran.out.contains("$[*].notes"), "{}", ran.out);
    }
}

const PEOPLE: &str = r#"[
{"born":"1941-03-07","district":"PO30","need":"SECRET-1"},
{"born":"1942-03-07","district":"PO30","need":"SECRET-1"},
{"born":"1943-03-07","district":"PO30","need":"SECRET-2"},
{"born":"1951-03-07","district":"PO31","need":"SECRET-2"},
{"born":"1952-03-07","district":"PO31","need":"SECRET-2"}]"#;

const SHARED_PEOPLE: &str = "\
{\"born\":\"1940s\",\"district\":\"PO30\",\"need\":\"SECRET-1\"}
{\"born\":\"1940s\",\"district\":\"PO30\",\"need\":\"SECRET-1\"}
{\"born\":\"1940s\",\"district\":\"PO30\",\"need\":\"SECRET-2\"}
{\"born\":\"1950s\",\"district\":\"PO31\",\"need\":\"SECRET-2\"}
{\"born\":\"1950s\",\"district\":\"PO31\",\"need\":\"SECRET-2\"}
";

#[test]
fn risk_tells_what_a_generalisation_buys_and_no_value() {
    let desk = Desk::new();
    desk.put("in.json", PEOPLE);
    desk.put("out.ndjson", SHARED_PEOPLE);
    let asked = "risk out.ndjson --keys $.born,$.district --sensitive $.need --before in.json";
    let ran = desk.run(&format!("{asked} --svg groups.svg"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let rows: Vec<String> = ran
        .out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in [
        "keys $.born, $.district",
        "records 5 5",
        "groups of the same keys 5 2",
        "records in the smallest, k 1 2",
        "records in the largest 1 3",
        "records alone in their group 5 (100.0 %) 0 (0.0 %)",
        "records in groups of fewer than 5 5 (100.0 %) 5 (100.0 %)",
        "3–4 0 (0.0 %) 3 (60.0 %)",
        "least distinct values, l 1 1",
        "records whose keys tell it 5 (100.0 %) 2 (40.0 %)",
    ] {
        assert!(rows.iter().any(|line| line == row), "{row}: {rows:#?}");
    }
    let report = desk.run(&format!("{asked} --json"));
    let json: serde_json::Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(json["after"]["k"], 2);
    assert_eq!(json["before"]["unique"], 5);
    assert_eq!(json["after"]["sensitive"][0]["told"], 2);
    let picture = desk.text("groups.svg");
    for text in [&ran.out, &report.out, &picture] {
        assert!(
            !text.contains("SECRET")
                && !text.contains("PO3")
                && !text.contains("1941")
                && !text.contains("1940s")
        );
    }
}

#[test]
fn p7_risk_that_cannot_go_on_says_where_and_no_value() {
    let desk = Desk::new();
    desk.put("torn.json", r#"[{"a":"SECRET"},{"a":SECRET}]"#);
    desk.put("whole.json", r#"[{"a":"SECRET"}]"#);
    for (asked, code, told) in [
        (
            "risk torn.json --keys $.a",
            1,
            "torn.json: line 1, column 22: is no JSON that this reads",
        ),
        ("risk none.json --keys $.a", 3, "none.json: cannot be read"),
        (
            "risk whole.json --keys $[*].a",
            2,
            "no record of whole.json has anything at $[*].a; selectors here start at a record",
        ),
        ("risk torn.json --keys a", 2, "--keys a: "),
        ("risk torn.json --keys $.a --records a", 2, "--records a: "),
        ("risk torn.json", 2, "--keys"),
    ] {
        let ran = desk.run(asked);
        assert_eq!(ran.code, code, "{asked}: {}", ran.err);
        assert!(ran.err.contains(told), "{asked}: {}", ran.err);
        assert!(!ran.err.contains("SECRET") && ran.out.is_empty());
    }
}
