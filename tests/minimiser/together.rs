//! What several fields of a record identify together, from rules as they are written, in each format that has records
//! which are known before they leave.

use fieldgate::agreement::load_fields;
use fieldgate::minimise::{BodyFault, FieldOutcome, Limits};

use super::ladders::{run_every_way, run_every_way_within};

const RULES: &str = "\
record: $[*]
fields:
  - pseudonymise: ['$[*].surname']
    as: person-as-described
    of:
      - { at: '@.surname', form: name }
      - { at: '@.born', form: date }
      - { at: '$[*].home.postcode', form: postcode }
";

/// What leaves of each record under [`RULES`], and how many values were mismatches.
fn tokens(body: &str) -> (Vec<Option<String>>, u64) {
    let (text, tally) = run_every_way(RULES, body).unwrap();
    let records: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let tokens = records.iter().map(|record| {
        let members = record.as_object().unwrap();
        assert!(members.keys().all(|name| name == "surname"), "{text}");
        Some(members.get("surname")?.as_str()?.to_owned())
    });
    let mismatches = tally.fields[FieldOutcome::Mismatch as usize];
    (tokens.collect(), mismatches)
}

fn person(surname: &str, born: &str, postcode: &str) -> String {
    format!(r#"{{"surname":{surname},"born":{born},"home":{{"postcode":{postcode}}}}}"#)
}

#[test]
fn fields_that_are_spelt_otherwise_and_mean_the_same_make_one_token() {
    let same = [
        person(r#""O'Neill""#, r#""1941-03-07""#, r#""PO30 1AA""#),
        person(r#""Ó Néill""#, r#""1941-03-07T00:00:00Z""#, r#""po301aa""#),
        person(
            r#""\u004f\u2019NEILL""#,
            r#""1941-03-07""#,
            r#"" PO30  1AA ""#,
        ),
        // The order of members is nothing.
        r#"{"home":{"postcode":"PO301AA"},"born":"1941-03-07","surname":"oneill"}"#.to_owned(),
    ];
    let (all, mismatches) = tokens(&format!("[{}]", same.join(",")));
    assert_eq!(mismatches, 0);
    let first = all[0].as_deref().unwrap();
    assert!(first.starts_with("fg1p-1-") && first.len() == 33, "{first}");
    assert!(all.iter().all(|token| token.as_deref() == Some(first)));
}

#[test]
fn another_value_of_any_field_makes_another_token() {
    let others = [
        person(r#""Neill""#, r#""1941-03-07""#, r#""PO30 1AA""#),
        person(r#""Neil""#, r#""1941-03-07""#, r#""PO30 1AA""#),
        person(r#""Neill""#, r#""1941-07-03""#, r#""PO30 1AA""#),
        person(r#""Neill""#, r#""1941-03-07""#, r#""PO30 1AB""#),
    ];
    let (all, _) = tokens(&format!("[{}]", others.join(",")));
    let different: std::collections::BTreeSet<_> = all.iter().flatten().collect();
    assert_eq!(different.len(), others.len());
}

#[test]
fn with_less_than_all_of_the_fields_there_is_no_token() {
    let good = (r#""Neill""#, r#""1941-03-07""#, r#""PO30 1AA""#);
    let rows = [
        person(good.0, "null", good.2),
        person(good.0, good.1, "null"),
        person(good.0, r#""7 March""#, good.2),
        person(good.0, r#""01/01/1900""#, good.2),
        person(good.0, good.1, r#""ZZ99 3VZ""#),
        person(good.0, good.1, r#""UNKNOWN""#),
        person(r#""UNKNOWN""#, good.1, good.2),
        person(good.0, r#"{"year":1941}"#, good.2),
        person(good.0, r#"["1941-03-07"]"#, good.2),
        r#"{"surname":"Neill","home":{"postcode":"PO30 1AA"}}"#.to_owned(),
        r#"{"surname":"Neill","born":"1941-03-07","home":[]}"#.to_owned(),
    ];
    for row in &rows {
        // The one before is not what is known of this one.
        let body = format!("[{},{row}]", person(good.0, good.1, good.2));
        let (all, mismatches) = tokens(&body);
        assert!(all[0].is_some(), "{row}");
        assert_eq!((&all[1], mismatches), (&None, 1), "{row}");
    }
}

#[test]
fn what_one_record_says_is_not_known_of_the_next_in_any_format() {
    let rows = [
        (
            "format: csv\nrecord: $[*]\n",
            "$[*]",
            "surname,born\r\nNeill,1941-03-07\r\nNeill,\r\n",
        ),
        (
            "format: ndjson\nrecord: $[*]\n",
            "$[*]",
            "{\"surname\":\"Neill\",\"born\":\"1941-03-07\"}\n{\"surname\":\"Neill\"}\n",
        ),
        (
            "format: xml\nrecord: $.all.one\n",
            "$.all.one",
            "<all><one><surname>Neill</surname><born>1941-03-07</born></one><one><surname>Neill</surname></one></all>",
        ),
    ];
    for (head, root, body) in rows {
        let yaml = format!(
            "{head}fields: [{{ pseudonymise: ['{root}.surname'], as: person, of: [{{ at: '@.surname', form: name }}, {{ at: '@.born', form: date }}] }}]\n"
        );
        let (text, tally) = run_every_way(&yaml, body).unwrap();
        assert_eq!(text.matches("fg1p-").count(), 1, "{head}{text}");
        assert_eq!(tally.field(FieldOutcome::Mismatch), 1, "{head}");
        assert!(!text.contains("Neill"), "{head}{text}");
    }
}

#[test]
fn a_field_that_the_record_has_twice_is_not_guessed() {
    let rules = "record: $[*]\nfields:\n  - pseudonymise: ['$[*].id']\n    as: person\n    of: [{ at: '@.names[*]' }, { at: '@.born' }]\n";
    for (names, there) in [
        (r#"["Ann"]"#, true),
        (r#"["Ann","Bea"]"#, false),
        (r#"["Ann","Ann"]"#, false),
        ("[]", false),
    ] {
        let body = format!(r#"[{{"id":1,"names":{names},"born":"1941-03-07"}}]"#);
        let (text, _) = run_every_way(rules, &body).unwrap();
        assert_eq!(text.contains("fg1p-"), there, "{names}: {text}");
    }
}

#[test]
fn no_two_tuples_are_one_text() {
    let rules = "record: $[*]\nfields:\n  - pseudonymise: ['$[*].a']\n    as: person\n    of: [{ at: '@.a' }, { at: '@.b' }]\n";
    let body = r#"[{"a":"xy","b":"z"},{"a":"x","b":"yz"},{"a":"yz","b":"x"},{"a":"z","b":"xy"}]"#;
    let (text, _) = run_every_way(rules, body).unwrap();
    let records: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let different: std::collections::BTreeSet<_> = records
        .iter()
        .map(|record| record["a"].as_str().unwrap())
        .collect();
    assert_eq!(different.len(), 4, "{text}");
}

#[test]
fn every_format_with_records_has_the_token_that_json_has() {
    let fields = |root: &str| {
        format!(
            "fields: [{{ pseudonymise: ['{root}.surname'], as: person, of: [{{ at: '{root}.surname', form: name }}, {{ at: '{root}.born', form: date }}] }}]\n"
        )
    };
    let rows = [
        (
            "record: $\n",
            "$",
            r#"{"surname":"O'Neill","born":"1941-03-07"}"#,
        ),
        (
            "format: ndjson\nrecord: $[*]\n",
            "$[*]",
            "{\"born\":\"1941-03-07\",\"surname\":\"O'NEILL\"}\n",
        ),
        (
            "format: csv\nrecord: $[*]\n",
            "$[*]",
            "born,surname,more\r\n1941-03-07,O'Neill,x\r\n",
        ),
        (
            "format: form\nrecord: $\n",
            "$",
            "surname=O%27Neill&more=x&born=1941-03-07",
        ),
        (
            "format: multipart\nrecord: $\n",
            "$",
            "--b\r\nContent-Disposition: form-data; name=\"surname\"\r\n\r\nO'Neill\r\n\
             --b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"x\"\r\nContent-Type: image/png\r\n\r\nx\r\n\
             --b\r\nContent-Disposition: form-data; name=\"born\"\r\n\r\n1941-03-07\r\n--b--\r\n",
        ),
        (
            "format: xml\nrecord: $.person\n",
            "$.person",
            "<person><surname>O&#39;Neill</surname><more>x</more><born>1941-03-07</born></person>",
        ),
        (
            "format: xml\nrecord: $\n",
            "$.person",
            "<person><born>1941-03-07</born><surname>O'NEILL</surname></person>",
        ),
    ];
    let mut all = std::collections::BTreeSet::new();
    for (head, root, body) in rows {
        let (text, tally) = run_every_way(&format!("{head}{}", fields(root)), body).unwrap();
        let at = text
            .find("fg1p-1-")
            .unwrap_or_else(|| panic!("{head}{text}"));
        all.insert(text[at..at + 33].to_owned());
        assert!(!text.contains("1941") && !text.contains("Neill"), "{text}");
        assert_eq!(tally.records_released, 1, "{head}");
    }
    assert_eq!(all.len(), 1);
}

#[test]
fn a_form_is_known_before_it_leaves_so_that_its_dates_move_and_its_people_are_found() {
    let rules = "\
format: form
record: $
subject: $.nhsNumber
fields:
  - shift: [$.seen, $.left]
    days: 30
  - redact: [$.notes]
    names: [$.name]
";
    let days = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=")).unwrap();
        rest[..10].parse::<jiff::civil::Date>().unwrap()
    };
    let run = |number: &str| {
        let body = format!(
            "notes=ann+came+late&seen=2026-03-10&left=2026-03-12&name=Ann+Bell&nhsNumber={number}"
        );
        run_every_way(rules, &body).unwrap().0
    };
    let one = run("9434765919");
    assert!(one.contains("notes=%5Bname%5D+came+late"), "{one}");
    let (seen, left) = (days(&one, "seen"), days(&one, "left"));
    assert!(seen < jiff::civil::date(2026, 3, 10), "{one}");
    assert_eq!((left - seen).get_days(), 2);
    assert_eq!(one, run("943+476+5919"), "one subject, one shift");
    let others = ["4010232137", "9990000018", "9990000026"].map(run);
    assert!(others.iter().any(|other| days(other, "seen") != seen));
}

#[test]
fn a_multipart_form_of_a_json_part_is_known_too() {
    let rules = "format: multipart\nrecord: $\nfields: [{ pseudonymise: [$.id], as: person, of: [{ at: '@.id' }, { at: '@.person.born', form: date }] }]\n";
    let body = |born: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\nA7\r\n\
             --b\r\nContent-Disposition: form-data; name=\"person\"\r\nContent-Type: application/json\r\n\r\n{{\"born\":{born}}}\r\n--b--\r\n"
        )
    };
    let run = |born: &str| run_every_way(rules, &body(born)).unwrap();
    let (text, _) = run(r#""1941-03-07""#);
    assert!(text.contains("\r\n\r\nfg1p-1-"), "{text}");
    assert_eq!(run(r#""1941-03-07T09:00:00Z""#).0, text);
    assert_ne!(run(r#""1941-03-08""#).0, text);
    let (text, tally) = run("null");
    assert!(!text.contains("fg1p-") && !text.contains("A7"), "{text}");
    assert_eq!(tally.field(FieldOutcome::Mismatch), 1);
}

const IN_XML: &str = "\
format: xml
record: $.people.person
subject: \"@['@nhs']\"
release_if: \"@.consent == 'yes'\"
fields:
  - keep: [$.people.count]
  - shift: [$.people.person.seen, $.people.person.left, $.people.reviewed]
    days: 30
  - redact: [$.people.person.notes]
    names: [$.people.person.name, '@.household.name']
  - pseudonymise: [$.people.person.name]
    as: described
    of: [{ at: '@.name', form: name }, { at: '@.born', form: date }]
";

fn person_in_xml(nhs: &str, consent: &str, notes: &str, more: &str) -> String {
    format!(
        "<person nhs=\"{nhs}\"><notes>{notes}</notes><seen>2026-03-10</seen><left>2026-03-12</left>\
         <born>1941-03-07</born><name>Ann Bell</name>{more}<consent>{consent}</consent></person>"
    )
}

/// The text of each element called `name`.
fn texts<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(open.as_str()).skip(1);
    parts
        .map(|part| part.split_once(close.as_str()).unwrap().0)
        .collect()
}

#[test]
fn p8_an_element_is_known_before_it_leaves_so_that_its_dates_move_and_its_people_are_found() {
    let household =
        "<household><name>Tom&#225;s</name></household><household><name>Bea</name></household>";
    let body = format!(
        "<?xml version='1.0'?><people><!-- x --><count>3</count><reviewed>2026-03-10</reviewed>\n{}{}{}<reviewed>2026-03-10</reviewed></people>\n",
        person_in_xml(
            "943&#32;476 5919",
            "yes",
            "<![CDATA[Ann & TOMAS]]> saw B<!-- no -->ea",
            household
        ),
        person_in_xml("4010232137", "no", "Ann", ""),
        person_in_xml("9434765919", "yes", "Tom&#225;s and A. Bell", ""),
    );
    let (text, tally) = run_every_way(IN_XML, &body).unwrap();
    let day = |text: &str| text.parse::<jiff::civil::Date>().unwrap();
    let (seen, left) = (texts(&text, "seen"), texts(&text, "left"));
    assert_eq!((seen.len(), left.len()), (2, 2), "{text}");
    assert!(day(seen[0]) < jiff::civil::date(2026, 3, 10), "{text}");
    assert_eq!(seen[0], seen[1], "one subject, one shift");
    assert_eq!((day(left[0]) - day(seen[0])).get_days(), 2);
    assert_eq!(
        texts(&text, "notes"),
        ["[name] &amp; [name] saw [name]", "Tomás and [name]"]
    );
    let names = texts(&text, "name");
    assert_eq!(names.len(), 2, "{text}");
    assert!(names[0].starts_with("fg1p-1-") && names[0] == names[1]);
    // What stands outside the records has no subject, also behind one.
    assert!(!text.contains("reviewed"), "{text}");
    assert_eq!(texts(&text, "count"), ["3"]);
    assert_eq!((tally.records_released, tally.records_withheld), (2, 1));
    assert_eq!(tally.field(FieldOutcome::Mismatch), 2);
}

#[test]
fn an_element_that_stands_twice_is_not_guessed_and_each_name_is_looked_for() {
    let body = |more: &str| {
        let person = person_in_xml("9434765919", "yes", "Ann and Cyd", more);
        format!("<people>{person}</people>")
    };
    let (text, tally) = run_every_way(IN_XML, &body("<name>Cyd</name>")).unwrap();
    assert_eq!(texts(&text, "notes"), ["[name] and [name]"]);
    assert!(texts(&text, "name").is_empty(), "{text}");
    assert_eq!(tally.field(FieldOutcome::Mismatch), 2);
    let (text, _) = run_every_way(IN_XML, &body("<born>1941-03-07</born>")).unwrap();
    assert!(texts(&text, "name").is_empty(), "{text}");
    // Of several elements around it too.
    let nested = IN_XML.replace("'@.born'", "'@.life.born'");
    let life = |born: &str| format!("<life><born>{born}</born></life>");
    let (text, _) = run_every_way(&nested, &body(&life("1941-03-07"))).unwrap();
    assert_eq!(texts(&text, "name").len(), 1, "{text}");
    let twice = life("1941-03-07") + &life("1950-01-01");
    let (text, _) = run_every_way(&nested, &body(&twice)).unwrap();
    assert!(texts(&text, "name").is_empty(), "{text}");
}

#[test]
fn p4_p8_a_fault_in_an_element_that_is_known_first_is_the_same_at_every_cut() {
    let refuses = IN_XML.replace("days: 30", "days: 30\n    on_mismatch: refuse");
    let people = format!(
        "<people>{}{}</people>",
        person_in_xml("9434765919", "yes", "Ann", ""),
        person_in_xml("9434765919", "yes", "Bea &amp; Ann", "<x/>")
            .replace("<left>2026-03-12", "<left>soon"),
    );
    let error = run_every_way(&refuses, &people).unwrap_err();
    let at = people.find("<left>soon").unwrap() as u64;
    let expected = (BodyFault::Mismatch, at, "$.people.person.left");
    assert_eq!((error.fault, error.offset, error.path.as_str()), expected);
    // In a record that stays behind nothing was agreed for it to break.
    let withheld = people.replace(
        "yes</consent></person></people>",
        "no</consent></person></people>",
    );
    assert_eq!(
        run_every_way(&refuses, &withheld)
            .unwrap()
            .1
            .records_withheld,
        1
    );
    for (at, _) in people.char_indices().step_by(13) {
        for other in ["<", "&", "\"", "]]>"] {
            let mut broken = people.clone();
            broken.replace_range(at..=at, other);
            // Whatever becomes of it, it is the same at every cut.
            let _the_same = run_every_way(IN_XML, &broken);
        }
    }
    for held_bytes in (1..people.len()).step_by(17) {
        let limits = Limits {
            held_bytes,
            ..Limits::default()
        };
        let ran = run_every_way_within(IN_XML, &people, &limits);
        let person = person_in_xml("9434765919", "yes", "Bea &amp; Ann", "<x/>").len() - 6;
        assert_eq!(ran.is_ok(), held_bytes >= person, "{held_bytes}: {ran:?}");
    }
}

#[test]
fn p1_p8_what_an_element_becomes_is_the_same_whether_it_must_be_known_first_or_not() {
    let bodies = [
        "<?xml version='1.0'?>\n<!-- c --><people a='1' xmlns:p='urn:p'>\n <person id='A' p:x='2'><name>Ann<!-- c --> B</name>\
         <v/>t&amp;<b>x</b>u<![CDATA[<]]></person>\n <person id='B'><name><deep/></name><v>2</v></person> <other/>\n</people>\n",
        "<people><person/><person id=''><v></v><v>3</v></person><person xmlns='urn:q'><v>4</v></person></people>",
        "<people>one<person id='A'><person id='C'><v>5</v></person><v>6</v></person>two</people>",
        "<person id='A'><v>7</v></person>",
        "<people><person id='A'/></people>",
    ];
    let rules = [
        "record: $.people.person\nfields: [{ keep: [$.people.person.v, \"$.people.person['@id']\"] }]",
        "record: $.people.person\nfields: [{ keep_all: [$], because: x }, { drop: [$.people.person.v] }]",
        "record: $.people.person\nfields: [{ keep_all: [$.people.person], because: x }, { drop: [\"$..['@id']\"] }]",
        "record: $.people.person\nrelease_if: \"@['@id'] == 'A'\"\nfields: [{ keep_all: [$.people.person], because: x }]",
        "record: $.people.person\nrelease_if: \"@['@id'] == 'Z'\"\nfields: [{ keep: ['$..v'] }]",
        "record: $..person\nfields: [{ keep: ['$..v', \"$..['#text']\"] }]",
        "record: $.people\nfields: [{ keep: ['$..v'] }, { drop: [$.people.person.person] }]",
        "record: $.people\nrelease_if: \"@.person\"\nfields: [{ mask: ['$..v', '$..name'] }]\nprune: true",
        "record: $\nfields: [{ keep: [$.people.person.v] }]",
        "record: $\nfields: [{ keep_all: [$], because: x }]",
        "record: $\nrelease_if: \"@.people\"\nfields: [{ keep: ['$..v'] }]",
        "record: $\nfields: [{ drop: [$] }]",
        "record: $.person\nfields: [{ keep: [$.person.v] }]",
    ];
    for rule in rules {
        let subject = format!("format: xml\nsubject: \"@['@id']\"\n{rule}\n");
        // A rule that selects nothing here, and asks who each record is about.
        let known = subject.replacen(
            "fields: [",
            "fields: [{ shift: [$.nowhere.at.all], days: 3 }, ",
            1,
        );
        for body in bodies {
            let one = run_every_way(&subject, body).unwrap();
            let other = run_every_way(&known, body).unwrap();
            assert_eq!(other, one, "{rule}\n{body}");
        }
    }
}

#[test]
fn p1_nothing_that_is_known_of_a_record_is_there_for_what_stands_behind_it() {
    let rules = "record: $.people[*]\nsubject: '@.id'\nfields: [{ shift: [$.before, '$.people[*].in', $.behind], days: 30 }]\n";
    let body =
        r#"{"before":"2026-01-01","people":[{"id":"a","in":"2026-01-01"}],"behind":"2026-01-01"}"#;
    let (text, tally) = run_every_way(rules, body).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(document["people"][0]["in"].is_string(), "{text}");
    assert!(document.get("before").is_none(), "{text}");
    assert!(document.get("behind").is_none(), "{text}");
    assert_eq!(tally.field(FieldOutcome::Mismatch), 2);
}

#[test]
fn what_cannot_be_told_together_is_refused_at_load() {
    let head = "record: $\nfields:\n  - pseudonymise: [$.a]\n    as: person\n";
    let rows = [
        (
            format!("{head}    of: [{{ at: '@.a' }}]\n"),
            "5:9: `of` is too short; write at least 2",
        ),
        (
            format!("{head}    form: date\n    of: [{{ at: '@.a' }}, {{ at: '@.b' }}]\n"),
            "5:11: each field under `of` has a form of its own; leave this one out",
        ),
        (
            format!("{head}    of: [{{ at: '@.a' }}, {{ at: b }}]\n").replace("record: $\n", ""),
            "4:5: the fields that identify together are those of one record; write `record:` too",
        ),
        (
            format!("{head}    of: [{{ at: '@.a' }}, {{ at: b }}]\n"),
            "5:31: a selector starts with $; write $.b",
        ),
        (
            format!("{head}    of: [{{ at: '@.a' }}, {{ at: '@.b' }}]\n")
                .replace("pseudonymise", "tokenise"),
            "5:5: `of` is not an option of `tokenise`, only of pseudonymise; leave it out",
        ),
        (
            format!(
                "{head}    of: [{{ at: '@.a' }}, {{ at: '@.b' }}]\n  - pseudonymise: [$.b]\n    as: person\n"
            ),
            "`person` is composite of text, text in line 3 and text here, so that its tokens would not link",
        ),
    ];
    for (yaml, message) in rows {
        let faults = load_fields("rules.yaml", &yaml).unwrap_err().to_string();
        assert!(faults.contains(message), "{yaml}: {faults}");
    }
}
