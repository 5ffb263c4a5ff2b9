//! `fieldgate scan`: what is in a sample, by path and kind.

use super::*;

const PEOPLE: &str = r#"[{"name":"Ann","dob":"1941-03-07","notes":"NHS 943 476 5919; also 4010232137, caf\u00e9",
"contacts":{"9434765919":{"tel":"821000"},"x 'y'":"AA123456B"}},{"nhs":9434765919,"n":-1.5,"ok":true,"no":null}]"#;

#[test]
fn scan_says_where_and_what_and_how_often() {
    let desk = Desk::new();
    desk.put("people.json", PEOPLE);
    let ran = desk.run("scan people.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out,
        "\
$[*].contacts.* (name)    nhs-number             1 value
$[*].contacts.*.tel       phone                  1 value
$[*].contacts['x \\'y\\'']  nino                   1 value
$[*].dob                  date-of-birth          1 value
$[*].nhs                  nhs-number             1 value
$[*].notes                nhs-number             1 value (2 times)
6 values looked at; detection misses things
"
    );
}

#[test]
fn scan_takes_each_format_by_the_name_of_the_file() {
    let desk = Desk::new();
    let rows = [
        (
            "a.csv",
            "name,note\nAnn,\"x \"\"9434765919\"\",\nPO30 1UD\"\n\nTom,no\n",
            "$[*].note nhs-number\n$[*].note postcode\n",
        ),
        (
            "a.tsv",
            "name\tnote\r\nAnn\tPO30 1UD\r\n",
            "$[*].note postcode\n",
        ),
        (
            "a.ndjson",
            "{\"a\":\"9434765919\"}\n{\"a\":\"PO30 1UD\"}\n",
            "$[*].a nhs-number\n$[*].a postcode\n",
        ),
        (
            "a.xml",
            "<p id='9434765919'><n>PO30&#32;1<!-- -->UD<b/></n></p>",
            "$.p.n postcode\n$.p['@id'] nhs-number\n",
        ),
        ("a.json", "\"9434765919\"", "$ nhs-number\n"),
    ];
    for (name, text, expected) in rows {
        desk.put(name, text);
        let ran = desk.run(&format!("scan --json {name}"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let found = report["found"].as_array().unwrap().iter();
        let found: String = found
            .map(|found| {
                format!(
                    "{} {}\n",
                    found["path"].as_str().unwrap(),
                    found["kind"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn p7_scan_prints_no_value_and_no_name_that_is_one() {
    let desk = Desk::new();
    desk.put("people.json", PEOPLE);
    desk.put("broken.json", "{\"9434765919\":\"AA123456B\",,}");
    desk.put("broken.xml", "<p>AA123456B</AA123456B>");
    desk.put("broken.csv", "a\n\"AA123456B");
    for (words, code) in [
        ("scan people.json", 0),
        ("scan --json people.json", 0),
        ("scan --threshold 0.3 people.json", 0),
        ("scan broken.json", 1),
        ("scan broken.xml", 1),
        ("scan broken.csv", 1),
    ] {
        let ran = desk.run(words);
        assert_eq!(ran.code, code, "{}", ran.err);
        for value in [
            "9434765919",
            "943 476",
            "4010232137",
            "AA123456B",
            "821000",
            "1941",
        ] {
            assert!(
                !ran.out.contains(value) && !ran.err.contains(value),
                "{words}: {}{}",
                ran.out,
                ran.err
            );
        }
    }
}

#[test]
fn scan_looks_for_what_it_is_told_to() {
    let desk = Desk::new();
    desk.put("people.json", PEOPLE);
    let ran = desk.run("scan --detect nino,utr people.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("nino") && !ran.out.contains("nhs-number"));
    desk.put("none.json", "{\"a\":\"nothing\"}");
    let ran = desk.run("scan none.json");
    assert_eq!(
        ran.out,
        "nothing found in 1 values; detection misses things\n"
    );
    for words in [
        "scan --detect shoe-size people.json",
        "scan --threshold 2 people.json",
        "scan",
    ] {
        assert_eq!(desk.run(words).code, 2);
    }
    assert_eq!(desk.run("scan nowhere.json").code, 3);
}
