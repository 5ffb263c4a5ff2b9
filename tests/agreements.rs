//! Agreements as files: what is at fault in them, where, and what is decided under them.

use fieldgate::agreement::{
    AgreementSet, Ask, Asker, Caller, Context, PartnerName, Permit, Refusal, RouteMiss, Source,
    SystemName, Tables, hash_with_tables, load_fields,
};
use fieldgate::plan::{Charset, Csv, Format, Header, Ragged, Xml};
use fieldgate::transform::{AgreementKeys, Keys, RootKey};
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use proptest::prelude::*;

/// A whole agreement without a fault. Rows change one place of it, so that its lines are known.
const AGREEMENT: &str = "\
agreement: falls-prevention
version: 3
title: Falls prevention
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31 }
retention: P6M
purposes:
  falls-prevention: Find adults at risk
  evaluation: See whether it helps
disclosures:
  - name: adult
    data_set: adult-social-care
    purposes: [falls-prevention]
    request: GET /adults/{person}
    service: { name: social-care, path: '/api/v2/adults/{person}' }
    parameters:
      path: { person: keep }
      query: { keep: [page] }
      headers: { keep: [Accept-Language] }
    response:
      format: json
      headers: { keep: [etag] }
      record: $
      subject: $.nhsNumber
      release_if: '@.consent.sharing == true'
      fields:
        - keep: [$.mobility, '$.household[*].relationship']
        - pseudonymise: [$.nhsNumber]
          as: person
        - generalise: [$.dateOfBirth]
          to: year
        - mask: [$.phone]
          keep_last: 2
        - keep_all: [$.plan]
          because: the partner writes it with us
";

fn zone() -> TimeZone {
    TimeZone::get("Europe/London").expect("the bundled database has this zone")
}

fn context() -> Context {
    Context {
        controller: Some("isle-council".to_owned()),
        partners: Some(vec![
            PartnerName::new("island-health"),
            PartnerName::new("harbour-homes"),
        ]),
        services: Some(vec![fieldgate::agreement::ServiceName::new("social-care")]),
        ..Context::alone(zone())
    }
}

fn faults_in(context: &Context, sources: &[Source<'_>]) -> Vec<String> {
    match AgreementSet::load(sources, context) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.to_string().lines().map(str::to_owned).collect(),
    }
}

fn faults(text: &str) -> Vec<String> {
    faults_in(
        &context(),
        &[Source {
            name: "a.yaml",
            text,
        }],
    )
}

fn at(date: &str) -> Timestamp {
    date.parse::<civil::DateTime>()
        .and_then(|when| when.to_zoned(zone()))
        .expect("rows have dates of the calendar")
        .timestamp()
}

#[test]
fn the_agreement_that_the_rows_change_has_no_fault() {
    assert_eq!(faults(AGREEMENT), Vec::<String>::new());
}

/// What is changed in [`AGREEMENT`], into what, and every line that `check` then prints.
struct Row(&'static str, &'static str, &'static [&'static str]);

#[test]
fn each_fault_is_told_with_its_place_and_what_to_write_instead() {
    let rows = [
        // Structure: found by the schema that editors use.
        Row(
            "title: Falls",
            "titel: Falls",
            &[
                "a.yaml:1:1: the file is missing `title`",
                "a.yaml:3:1: unknown key `titel`; did you mean `title`? The keys here are agreement, version, title, parties, term, link, basis, retention, marking, business_case, benefits, risks, contract, contacts, waivers, purposes, disclosures, quota, guard, vital_interests, credentials",
            ],
        ),
        Row(
            "version: 3",
            "version: three",
            &["a.yaml:2:10: `version` is text; it has to be a whole number; write for example 1"],
        ),
        Row(
            "version: 3",
            "version: 0",
            &["a.yaml:2:10: `version` is too small; the least is 1"],
        ),
        Row(
            "version: 3",
            "version:",
            &["a.yaml:2:1: `version` is empty; it has to be a whole number; write for example 1"],
        ),
        Row("title: Falls prevention", "title: NO", &[]),
        Row(
            "title: Falls prevention",
            "title: true",
            &[
                "a.yaml:3:8: `title` is true or false; it has to be text; write for example Care Act 2014 s.6",
            ],
        ),
        Row(
            "agreement: falls",
            "agreement: F\u{430}lls",
            &[
                "a.yaml:1:12: `agreement` is not a name (lower-case letters, digits and hyphens, at most 64); write for example falls-prevention",
            ],
        ),
        Row(
            "partner: island-health }",
            "partnr: island-health }",
            &[
                "a.yaml:4:1: `parties` is missing `partner`",
                "a.yaml:4:38: unknown key `partnr`; did you mean `partner`? The keys here are controller, partner, kinds",
            ],
        ),
        Row(
            "term: { starts: 2026-04-01,",
            "term: { starts: 1 April 2026,",
            &["a.yaml:5:17: `starts` is not a day (year-month-day); write for example 2026-04-01"],
        ),
        Row(
            "retention: P6M",
            "retention: 6 months",
            &[
                "a.yaml:6:12: `retention` is not a period (P, a number, and Y, M, W or D); write for example P6M",
            ],
        ),
        Row(
            "  evaluation: See",
            "  Evaluation: See",
            &[
                "a.yaml:9:3: `Evaluation` is not a name (lower-case letters, digits and hyphens, at most 64); write for example falls-prevention",
            ],
        ),
        Row(
            "format: json",
            "format: yaml",
            &[
                "a.yaml:21:15: `format` has an unknown word; this version has json, ndjson, json-seq, event-stream, csv, tsv, xml, form, multipart, opaque",
            ],
        ),
        Row(
            "          to: year",
            "          to: county",
            &[
                "a.yaml:31:15: `to` has an unknown word; this version has year, financial-year, school-year, quarter, month, week, age, age-band, postcode-area, postcode-district, postcode-sector, table, band, round, capped",
            ],
        ),
        Row(
            "keep_last: 2",
            "keep_last: -1",
            &["a.yaml:33:22: `keep_last` is too small; the least is 0"],
        ),
        Row(
            "[$.mobility, '$.household[*].relationship']",
            "$.mobility",
            &[
                "a.yaml:27:17: `keep` is text; it has to be a list; write for example [$.address.postcode]",
            ],
        ),
        Row(
            "[$.mobility, '$.household[*].relationship']",
            "[]",
            &["a.yaml:27:17: `keep` is empty; write for example [$.address.postcode]"],
        ),
        Row(
            "- keep: [$.mobility, '$.household[*].relationship']",
            "- keep $.mobility",
            &[
                "a.yaml:27:11: an element of `fields` is text; it has to be a mapping (`key: value`); write for example { keep: [$.name] }",
            ],
        ),
        Row(
            "- pseudonymise: [",
            "- pseudonymize: [",
            &["a.yaml:28:11: `pseudonymize`: write pseudonymise"],
        ),
        Row(
            "version: 3",
            "version: 3\nversion: 4",
            &["a.yaml:3:1: `version` stands twice here; leave one out"],
        ),
        Row(
            "version: 3",
            "version: [3",
            &["a.yaml:3:6: not YAML: illegal placement of ':' indicator"],
        ),
        // Meaning.
        Row(
            "starts: 2026-04-01",
            "starts: 2026-04-31",
            &["a.yaml:5:17: `starts` is a day that the calendar does not have"],
        ),
        Row(
            "ends: 2027-03-31",
            "ends: 2026-03-31",
            &["a.yaml:5:55: the term ends before it starts (2026-04-01); write a later day"],
        ),
        Row(
            "review: 2027-01-31",
            "review: 2028-01-31",
            &[
                "a.yaml:5:37: the review is outside the term; write a day from 2026-04-01 to 2027-03-31",
            ],
        ),
        Row(
            "controller: isle-council",
            "controller: mainland",
            &["a.yaml:4:24: this gateway's controller is isle-council; write that"],
        ),
        Row(
            "partner: island-health",
            "partner: island-heath",
            &["a.yaml:4:47: no partner `island-heath` is configured; did you mean island-health?"],
        ),
        Row(
            "name: social-care",
            "name: housing",
            &[
                "a.yaml:15:22: no service `housing` is configured; the configuration has social-care",
            ],
        ),
        Row(
            "purposes: [falls-prevention]",
            "purposes: [falls-preventoin]",
            &[
                "a.yaml:13:16: the agreement's `purposes` have no `falls-preventoin`; did you mean falls-prevention?",
            ],
        ),
        Row(
            "purposes: [falls-prevention]",
            "purposes: []",
            &["a.yaml:13:15: `purposes` is empty; write for example [falls-prevention]"],
        ),
        Row(
            "purposes: [falls-prevention]",
            "purposes: [evaluation, evaluation]",
            &["a.yaml:13:28: `evaluation` stands twice; leave one out"],
        ),
        Row(
            "request: GET",
            "request: get",
            &["a.yaml:14:14: methods are written in capitals; write GET /adults/{person}"],
        ),
        Row(
            "request: GET",
            "request: HEAD",
            &[
                "a.yaml:14:14: the method is none that is served; write one of GET, POST, PUT, PATCH, DELETE",
            ],
        ),
        Row(
            "request: GET /adults/{person}",
            "request: GET /adults/x{person}",
            &[
                "a.yaml:14:14: `x{person}`: a variable takes a whole segment, for example /adults/{person}",
            ],
        ),
        Row(
            "      path: { person: keep }",
            "      path: { persn: keep }",
            &[
                "a.yaml:17:13: the path's {person} has no rule; write parameters: { path: { person: keep } }",
                "a.yaml:17:15: the request's path has no {persn}; leave it out",
            ],
        ),
        Row(
            "      path: { person: keep }\n",
            "",
            &[
                "a.yaml:14:14: the path's {person} has no rule; write parameters: { path: { person: keep } }",
            ],
        ),
        Row(
            "'/api/v2/adults/{person}'",
            "'/api/v2/adults/{id}'",
            &["a.yaml:15:41: {id} is not in the request's path; use its variables only"],
        ),
        Row(
            "path: { person: keep }",
            "path: { person: { reidentify: person } }",
            &[
                "a.yaml:17:23: no rule of this agreement tokenises `person`, so no token of it comes back; write tokenise with as: person where the partner gets it",
            ],
        ),
        Row(
            "path: { person: keep }",
            "path: { person: { tokenise: person } }",
            &[
                "a.yaml:17:23: whoever asks is the partner, who holds no identifiers that could become tokens; write keep, or reidentify: person",
            ],
        ),
        Row(
            "[Accept-Language]",
            "[Authorization]",
            &[
                "a.yaml:19:25: `authorization` cannot be kept: it carries a credential; the partner's ends at the gateway, the service's never leaves; leave it out",
            ],
        ),
        Row(
            "keep: [etag]",
            "keep: [etag, x_page]",
            &[
                "a.yaml:22:31: an element of `keep` is not a header's name (letters, digits and hyphens); write for example accept-language",
            ],
        ),
        Row(
            "      record: $\n",
            "",
            &[
                "a.yaml:23:16: `subject` is about a record; add for example `record: $` (the whole body) or `record: $.items[*]`",
                "a.yaml:24:19: `release_if` is about a record; add for example `record: $` (the whole body) or `record: $.items[*]`",
            ],
        ),
        Row(
            "release_if: '@.consent.sharing == true'",
            "release_if: '@.consent.sharing ='",
            &["a.yaml:25:19: not a condition; write for example @.consent.sharing == true"],
        ),
        Row(
            "[$.mobility, ",
            "[mobility, ",
            &["a.yaml:27:18: a selector starts with $; write $.mobility"],
        ),
        Row(
            "[$.mobility, ",
            "[@.mobility, ",
            &["a.yaml:27:18: not YAML: unexpected character: `@'"],
        ),
        Row(
            "[$.mobility, ",
            "['@.mobility', ",
            &[
                "a.yaml:27:18: a selector here starts at the document, with $; @ is the record, in `subject` and `release_if`",
            ],
        ),
        Row(
            "          because: the partner writes it with us\n",
            "",
            &[
                "a.yaml:34:11: `keep_all` needs `because`; write for example because: the partner needs every field of the assessment, new ones too",
            ],
        ),
        Row(
            "          as: person\n",
            "",
            &["a.yaml:28:11: `pseudonymise` needs `as`; write for example as: person"],
        ),
        Row(
            "          to: year\n",
            "",
            &["a.yaml:30:11: `generalise` needs `to`; write for example to: year"],
        ),
        Row(
            "          keep_last: 2",
            "          with: ab",
            &["a.yaml:33:17: `with` is one character as text; write for example with: \"#\""],
        ),
        Row(
            "          keep_last: 2",
            "          to: year",
            &["a.yaml:33:11: `to` is not an option of `mask`, only of generalise; leave it out"],
        ),
        Row(
            "          keep_last: 2",
            "          drop: [$.phone]",
            &[
                "a.yaml:33:11: a second action, beside `mask`; begin a rule of its own with `- drop:`",
            ],
        ),
        Row(
            "        - mask: [$.phone]\n          keep_last: 2\n",
            "        - because: it matters\n",
            &[
                "a.yaml:32:11: the rule has no action; write one of keep, keep_all, drop, replace, mask, generalise, shift, pseudonymise, tokenise, link, reidentify, redact",
            ],
        ),
        Row(
            "    response:\n",
            "    request_body: { format: json, fields: [] }\n    response:\n",
            &["a.yaml:20:5: a GET or DELETE has no body; leave `request_body` out"],
        ),
    ];
    let mut wrong = Vec::new();
    for Row(from, to, expected) in rows {
        assert_eq!(
            AGREEMENT.matches(from).count().min(1),
            1,
            "{from:?} is not in the agreement"
        );
        let text = AGREEMENT.replacen(from, to, 1);
        let found = faults(&text);
        if found != expected {
            wrong.push(format!("{from:?} as {to:?}:\n{found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// An agreement whose response begins on line 12 with `response:` and these lines, indented by six.
fn with_response(lines: &[&str]) -> String {
    let mut text = String::from(
        "\
agreement: a
version: 1
title: A
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, ends: 2027-03-31 }
purposes: { care: Care }
disclosures:
  - name: adult
    purposes: [care]
    request: GET /adults
    service: { name: social-care, path: /adults }
    response:
",
    );
    for line in lines {
        text.push_str(&format!("      {line}\n"));
    }
    text
}

#[test]
fn each_format_is_read_with_its_options() {
    let csv = |change: fn(&mut Csv)| {
        let mut csv = Csv::default();
        change(&mut csv);
        Format::Csv(csv)
    };
    let text = |text: &str| text.to_owned();
    let rows: &[(&[&str], Format)] = &[
        (&["format: json"], Format::Json),
        (&["format: ndjson"], Format::Ndjson),
        (&["format: json-seq"], Format::JsonSequence),
        (&["format: event-stream"], Format::EventStream),
        (&["format: csv"], csv(|_| {})),
        (&["format: tsv"], csv(|csv| csv.separator = b'\t')),
        (
            &["format: tsv", "csv: { charset: utf-16, header: first-row }"],
            csv(|csv| {
                csv.separator = b'\t';
                csv.charset = Charset::Utf16;
            }),
        ),
        (
            &[
                "format: csv",
                "csv:",
                "  separator: ';'",
                "  charset: windows-1252",
                "  header: [name, post code]",
                "  ragged: pad",
                "  formulas: neutralise",
            ],
            csv(|csv| {
                csv.separator = b';';
                csv.charset = Charset::Windows1252;
                csv.header = Header::Named(vec!["name".to_owned(), "post code".to_owned()]);
                csv.ragged = Ragged::Pad;
                csv.neutralise_formulas = true;
            }),
        ),
        (
            &[
                "format: csv",
                "csv: { separator: '|', charset: utf-8, ragged: refuse, formulas: keep }",
            ],
            csv(|csv| csv.separator = b'|'),
        ),
        (&["format: xml"], Format::Xml(Xml::default())),
        (
            &["format: xml", "namespaces: { soap: 'urn:s', '': 'urn:p' }"],
            Format::Xml(Xml {
                namespaces: vec![(text("soap"), text("urn:s")), (text(""), text("urn:p"))],
            }),
        ),
        (&["format: form"], Format::Form),
        (&["format: multipart"], Format::Multipart),
    ];
    for (lines, format) in rows {
        let mut lines = lines.to_vec();
        lines.push("fields: [{ keep: [$.a] }]");
        let agreement = with_response(&lines);
        assert_eq!(faults(&agreement), Vec::<String>::new(), "{agreement}");
        let source = Source {
            name: "a.yaml",
            text: &agreement,
        };
        let set = AgreementSet::load(&[source], &context()).unwrap();
        let disclosure = &set.agreements[0].disclosures[0];
        assert_eq!(disclosure.released.format(), format, "{agreement}");

        let bare = lines.join("\n");
        let rules = load_fields("f.yaml", &bare).unwrap();
        assert_eq!(&rules.format, format, "{bare}");
    }
    let rules = load_fields("f.yaml", "fields: [{ keep: [$.a] }]").unwrap();
    assert_eq!(rules.format, Format::Json, "a file of rules without one");
}

#[test]
fn an_option_that_does_not_fit_its_format_is_told_with_its_place() {
    const FIELDS: &str = "fields: [{ keep: [$.a] }]";
    let rows: &[(&[&str], &[&str])] = &[
        (
            &["format: json", "csv: { ragged: pad }", FIELDS],
            &[
                "a.yaml:14:7: `csv` is not an option of the format json, only of csv, tsv; leave it out",
            ],
        ),
        (
            &["format: csv", "namespaces: { a: urn:a }", FIELDS],
            &[
                "a.yaml:14:7: `namespaces` is not an option of the format csv, only of xml; leave it out",
            ],
        ),
        (
            &[
                "format: xml",
                "type: [application/pdf]",
                "because: why",
                FIELDS,
            ],
            &[
                "a.yaml:14:7: `type` is not an option of the format xml, only of opaque; leave it out",
                "a.yaml:15:7: `because` is not an option of the format xml, only of opaque; leave it out",
            ],
        ),
        (
            &["format: jsn", "csv: { ragged: pad }", FIELDS],
            &[
                "a.yaml:13:15: `format` has an unknown word; did you mean `json`? This version has json, ndjson, json-seq, event-stream, csv, tsv, xml, form, multipart, opaque",
            ],
        ),
        (
            &["csv: { ragged: pad }", FIELDS],
            &["a.yaml:12:5: `response` is missing `format`"],
        ),
        (
            &["format: ndjson"],
            &["a.yaml:12:5: `response` is missing `fields`"],
        ),
        (
            &["format: tsv", "csv: { separator: ';' }", FIELDS],
            &[
                "a.yaml:14:14: tsv is separated by tabs; leave `separator` out, or write format: csv",
            ],
        ),
        (
            &["format: csv", "csv: { separator: tab }", FIELDS],
            &["a.yaml:14:25: `separator` has an unknown word; this version has ,, ;, |"],
        ),
        (
            &["format: csv", "csv: { charset: latin-1 }", FIELDS],
            &[
                "a.yaml:14:23: `charset` has an unknown word; this version has utf-8, windows-1252, utf-16",
            ],
        ),
        (
            &["format: csv", "csv: { header: none }", FIELDS],
            &[
                "a.yaml:14:22: `header` is not first-row or a list of names; write for example [name, postcode]",
            ],
        ),
        (
            &["format: csv", "csv: { header: [] }", FIELDS],
            &["a.yaml:14:22: `header` is empty; write for example [name, postcode]"],
        ),
        (
            &["format: csv", "csv: { header: [a, b, a] }", FIELDS],
            &["a.yaml:14:29: a second column `a`; give each its own name"],
        ),
        (
            &["format: csv", "csv: { header: [a, ''] }", FIELDS],
            &[
                "a.yaml:14:26: an element of `header` is not a column's name; write for example postcode",
            ],
        ),
        (
            &["format: csv", "csv: { formula: keep }", FIELDS],
            &[
                "a.yaml:14:14: unknown key `formula`; did you mean `formulas`? The keys here are separator, charset, header, ragged, formulas",
            ],
        ),
        (
            &["format: xml", "namespaces: { 'a:b': urn:a }", FIELDS],
            &[
                "a.yaml:14:21: `a:b` is not a prefix (letters, digits and . _ -, or nothing for names without one); write for example soap",
            ],
        ),
        (
            &["format: xml", "namespaces: { a: '' }", FIELDS],
            &[
                "a.yaml:14:24: `a` is not a namespace; write for example http://www.w3.org/2003/05/soap-envelope",
            ],
        ),
        (
            &["format: xml", "namespaces: { a: urn:x, b: urn:x }", FIELDS],
            &["a.yaml:14:34: the prefix `a` stands for this namespace too; keep one of the two"],
        ),
    ];
    check_faults(rows);
}

#[test]
fn an_opaque_body_needs_its_types_and_a_reason_and_has_no_rules() {
    const TYPE: &str = "type: [application/pdf]";
    const BECAUSE: &str = "because: the letter is the record";
    let not_looked_into = |place: &str, key: &str| {
        format!(
            "a.yaml:{place}: an opaque body is not looked into, so `{key}` has nothing to select; leave it out, or write its format"
        )
    };
    check_faults(&[
        (&["format: opaque", TYPE, BECAUSE], &[]),
        (
            &["format: opaque", "type: [image/png, image/jpeg]", BECAUSE],
            &[],
        ),
        (
            &["format: opaque"],
            &["a.yaml:12:5: `response` is missing `type`, `because`"],
        ),
        (
            &["format: opaque", TYPE],
            &["a.yaml:12:5: `response` is missing `because`"],
        ),
        (
            &["format: opaque", "type: []", BECAUSE],
            &["a.yaml:14:13: `type` is empty; write for example [application/pdf]"],
        ),
        (
            &["format: opaque", "type: ['image/*']", BECAUSE],
            &[
                "a.yaml:14:14: an element of `type` is not a media type (type/subtype in lower case, without parameters or wildcards); write for example application/pdf",
            ],
        ),
        (
            &["format: opaque", "type: [image/png, Image/PNG]", BECAUSE],
            &[
                "a.yaml:14:25: an element of `type` is not a media type (type/subtype in lower case, without parameters or wildcards); write for example application/pdf",
            ],
        ),
        (
            &["format: opaque", "type: [image/png, image/png]", BECAUSE],
            &["a.yaml:14:25: image/png stands twice; leave one out"],
        ),
        (
            &[
                "format: opaque",
                "type: [application/fhir+json, text/csv]",
                BECAUSE,
            ],
            &[
                "a.yaml:14:14: application/fhir+json can be looked into; write format: json and the fields",
                "a.yaml:14:37: text/csv can be looked into; write format: csv and the fields",
            ],
        ),
        (
            &[
                "format: opaque",
                TYPE,
                BECAUSE,
                "record: $",
                "prune: true",
                "fields: []",
            ],
            &[
                &not_looked_into("16:7", "record"),
                &not_looked_into("17:7", "prune"),
                &not_looked_into("18:7", "fields"),
            ],
        ),
        (
            &[
                "format: opaque",
                TYPE,
                BECAUSE,
                "subject: $.a",
                "release_if: '@.a'",
                "fields: [{ keep_all: [$] }]",
            ],
            &[
                &not_looked_into("16:7", "subject"),
                &not_looked_into("17:7", "release_if"),
                &not_looked_into("18:7", "fields"),
            ],
        ),
    ]);
    let faults = load_fields("f.yaml", "format: opaque\nfields: []\n").unwrap_err();
    assert!(
        faults
            .to_string()
            .starts_with("f.yaml:1:9: opaque bodies are not looked into"),
        "{faults}"
    );
}

/// Each row: the lines of a response, and every fault that they have.
fn check_faults(rows: &[(&[&str], &[&str])]) {
    let mut wrong = Vec::new();
    for (lines, expected) in rows {
        let found = faults(&with_response(lines));
        if found != *expected {
            wrong.push(format!("{lines:?}:\n{found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_with_ten_faults_has_all_ten_told_in_one_run() {
    let text = AGREEMENT
        .replace("agreement: falls", "agreement: Falls")
        .replace("version: 3", "version: three")
        .replace("retention:", "retension:")
        .replace("starts: 2026-04-01", "starts: 2026-04-31")
        .replace("purposes: [falls", "purposes: [fals")
        .replace("GET", "get")
        .replace("[etag]", "[set-cookie]")
        .replace("[$.mobility", "[mobility")
        .replace("- pseudonymise:", "- pseudonymize:")
        .replace("          because: the partner writes it with us\n", "");
    let places: Vec<String> = faults(&text)
        .iter()
        .map(|fault| fault.splitn(4, ':').take(3).collect::<Vec<_>>().join(":"))
        .collect();
    assert_eq!(
        places,
        [
            "a.yaml:1:12",
            "a.yaml:2:10",
            "a.yaml:5:17",
            "a.yaml:6:1",
            "a.yaml:13:16",
            "a.yaml:14:14",
            "a.yaml:22:25",
            "a.yaml:27:18",
            "a.yaml:28:11",
            "a.yaml:34:11",
        ]
    );
}

#[test]
fn rules_that_need_a_key_are_faults_where_none_is_configured() {
    let context = Context {
        keys: None,
        ..context()
    };
    assert_eq!(
        faults_in(
            &context,
            &[Source {
                name: "a.yaml",
                text: AGREEMENT
            }]
        ),
        [
            "a.yaml:24:16: `subject` needs a key, for its token in the ledger; write keys: { root_key_file: FILE } in the gateway's configuration",
            "a.yaml:28:26: pseudonymise needs a key; write keys: { root_key_file: FILE } in the gateway's configuration",
        ]
    );
}

#[test]
fn an_agreement_that_the_ring_has_no_keys_for_is_told_at_each_rule_that_needs_them() {
    let root = RootKey::from_bytes([7; 32]);
    let with = |owners: &[(&str, Option<AgreementKeys>)]| {
        let owners = owners
            .iter()
            .map(|(name, keys)| ((*name).to_owned(), keys.clone()));
        let context = Context {
            keys: Some(Keys::from_ring(root.clone(), owners.collect())),
            ..context()
        };
        let source = Source {
            name: "a.yaml",
            text: AGREEMENT,
        };
        (faults_in(&context, &[source]), context)
    };
    let other = root.agreement("other", 1);
    // The subject's token in the ledger hangs on the root key alone.
    let (faults, _) = with(&[("other", Some(other.clone()))]);
    assert_eq!(
        faults,
        [
            "a.yaml:28:26: no keys for falls-prevention; make them with `fieldgate keys create falls-prevention`"
        ]
    );
    let (faults, _) = with(&[("falls-prevention", Some(other))]);
    assert!(faults.is_empty());
    // Destroyed keys are no fault of the set.
    let (faults, context) = with(&[("falls-prevention", None)]);
    assert!(faults.is_empty());
    let source = Source {
        name: "a.yaml",
        text: AGREEMENT,
    };
    let set = AgreementSet::load(&[source], &context).unwrap();
    assert!(set.agreement("falls-prevention").unwrap().keys_destroyed);
}

#[test]
fn a_file_of_fields_alone_is_read_with_the_same_faults() {
    let rules = load_fields(
        "f.yaml",
        "fields:\n  - keep: [$.a, $.b]\n  - drop: [$.c]\nprune: true\n",
    )
    .unwrap();
    assert_eq!(rules.fields.len(), 3);
    assert_eq!(
        rules
            .fields
            .iter()
            .map(|rule| rule.line)
            .collect::<Vec<_>>(),
        [2, 2, 3]
    );
    assert!(rules.prune);
    let faults = load_fields("f.yaml", "field:\n  - keep: [$.a]\n")
        .unwrap_err()
        .to_string();
    assert_eq!(
        faults.lines().collect::<Vec<_>>(),
        [
            "f.yaml:1:1: the file is missing `fields`",
            "f.yaml:1:1: unknown key `field`; did you mean `fields`? The keys here are format, fields, aggregate, csv, namespaces, record, subject, release_if, withhold, prune, names",
        ]
    );
}

#[test]
fn p9_a_set_with_one_fault_is_refused_whole() {
    let other = AGREEMENT
        .replace("agreement: falls-prevention", "agreement: other")
        .replace("/adults/{", "/people/{");
    let good = [
        Source {
            name: "a.yaml",
            text: AGREEMENT,
        },
        Source {
            name: "b.yaml",
            text: &other,
        },
    ];
    assert_eq!(
        AgreementSet::load(&good, &context())
            .unwrap()
            .agreements
            .len(),
        2
    );
    for broken in [
        "",
        "agreement: [",
        "- a\n",
        "agreement: third\n",
        &other.replace("json", "xml"),
    ] {
        let set = [
            good[0],
            good[1],
            Source {
                name: "c.yaml",
                text: broken,
            },
        ];
        let faults = AgreementSet::load(&set, &context()).unwrap_err();
        assert!(
            faults.list().iter().all(|fault| fault.file == "c.yaml"),
            "{faults}"
        );
    }
}

#[test]
fn p9_agreements_that_contradict_each_other_are_refused_at_the_later_file() {
    let renamed = AGREEMENT.replace("agreement: falls-prevention", "agreement: second");
    let load = |first: &str, second: &str| {
        faults_in(
            &context(),
            &[
                Source {
                    name: "b.yaml",
                    text: second,
                },
                Source {
                    name: "a.yaml",
                    text: first,
                },
            ],
        )
    };
    assert_eq!(
        load(AGREEMENT, AGREEMENT),
        [
            "b.yaml:1:12: a.yaml has an agreement of this name; give each its own, or leave the older file out"
        ]
    );
    let same_route = "b.yaml:14:14: disclosure `adult` of agreement falls-prevention answers this method and path for a same purpose in the same time; give one another path, purpose or term";
    assert_eq!(load(AGREEMENT, &renamed), [same_route]);
    let other_variable = renamed
        .replace("{person}", "{id}")
        .replace("person: keep", "id: keep");
    assert_eq!(load(AGREEMENT, &other_variable), [same_route]);
    for apart in [
        renamed.replace("GET", "DELETE"),
        renamed.replace("/adults/{", "/people/{"),
        renamed.replace("partner: island-health", "partner: harbour-homes"),
        renamed.replace(
            "    purposes: [falls-prevention]",
            "    purposes: [evaluation]",
        ),
        renamed.replace(
            "starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31",
            "starts: 2027-04-01, ends: 2028-03-31",
        ),
    ] {
        assert_eq!(load(AGREEMENT, &apart), Vec::<String>::new());
    }
    let last_day = renamed.replace(
        "starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31",
        "starts: 2027-03-31, ends: 2028-03-31",
    );
    assert_eq!(
        load(AGREEMENT, &last_day),
        [same_route],
        "the last day of one is the first of the other"
    );
}

fn decide(
    set: &AgreementSet,
    request: &str,
    purposes: &[&[u8]],
    when: &str,
) -> Result<Permit, Refusal> {
    let (method, path) = request
        .split_once(' ')
        .expect("rows have a method and a path");
    set.decide(&Ask {
        asker: Asker::Partner(&PartnerName::new("island-health")),
        method,
        path,
        purposes,
        caller: Caller::default(),
        at: at(when),
    })
}

#[test]
fn a_request_of_an_agreement_is_permitted_with_its_variables_in_their_one_form() {
    let set = AgreementSet::load(
        &[Source {
            name: "a.yaml",
            text: AGREEMENT,
        }],
        &context(),
    )
    .unwrap();
    for (path, person) in [
        ("/adults/42", "42"),
        ("/%61dults/a%20b", "a%20b"),
        ("/adults/%61", "a"),
    ] {
        let permit = decide(
            &set,
            &format!("GET {path}"),
            &[b"falls-prevention"],
            "2026-06-01T12:00",
        )
        .unwrap();
        assert_eq!(permit.agreement().name.as_str(), "falls-prevention");
        assert_eq!(permit.disclosure().name.as_str(), "adult");
        assert_eq!(permit.purpose().as_str(), "falls-prevention");
        assert_eq!(
            permit.disclosure().service_path.fill(permit.variables()),
            format!("/api/v2/adults/{person}")
        );
        assert_eq!(permit.disclosure().request_headers, ["accept-language"]);
    }
}

#[test]
fn p6_a_purpose_counts_only_when_it_is_one_name_byte_for_byte() {
    let set = AgreementSet::load(
        &[Source {
            name: "a.yaml",
            text: AGREEMENT,
        }],
        &context(),
    )
    .unwrap();
    let rows: [(&[&[u8]], &str); 19] = [
        (&[b"falls-prevention"], "permitted"),
        (&[b" \tfalls-prevention \t"], "permitted"),
        (&[], "purpose_missing"),
        (&[b""], "purpose_malformed"),
        (&[b"  "], "purpose_malformed"),
        (
            &[b"falls-prevention", b"falls-prevention"],
            "purpose_malformed",
        ),
        (&[b"falls-prevention", b""], "purpose_malformed"),
        (&[b"falls-prevention, evaluation"], "purpose_malformed"),
        (&[b"Falls-Prevention"], "purpose_malformed"),
        (&[b"\"falls-prevention\""], "purpose_malformed"),
        (&["f\u{430}lls-prevention".as_bytes()], "purpose_malformed"),
        (&["falls\u{2010}prevention".as_bytes()], "purpose_malformed"),
        (
            &["falls-prevention\u{200b}".as_bytes()],
            "purpose_malformed",
        ),
        (&[b"falls-prevention\0"], "purpose_malformed"),
        (&[b"falls-preven\xff"], "purpose_malformed"),
        (&[b"-falls-prevention"], "purpose_malformed"),
        (&[b"falls-preventio"], "purpose_not_agreed"),
        (&[b"fa11s-prevention"], "purpose_not_agreed"),
        (&[b"evaluation"], "purpose_not_agreed"),
    ];
    for (purposes, expected) in rows {
        let found = match decide(&set, "GET /adults/1", purposes, "2026-06-01T12:00") {
            Ok(_) => "permitted",
            Err(refusal) => refusal.code(),
        };
        assert_eq!(found, expected, "{purposes:?}");
    }
}

#[test]
fn p6_each_refusal_names_the_term_that_refused() {
    let second = AGREEMENT
        .replace("agreement: falls-prevention", "agreement: evaluation")
        .replace(
            "    purposes: [falls-prevention]",
            "    purposes: [evaluation]",
        )
        .replace(
            "starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31",
            "starts: 2026-07-01, ends: 2026-12-31",
        );
    let sources = [
        Source {
            name: "a.yaml",
            text: AGREEMENT,
        },
        Source {
            name: "b.yaml",
            text: &second,
        },
    ];
    let set = AgreementSet::load(&sources, &context()).unwrap();
    let refused = |request: &str, purpose: &str, when: &str| match decide(
        &set,
        request,
        &[purpose.as_bytes()],
        when,
    ) {
        Ok(permit) => format!("permitted by {}", permit.agreement().name),
        Err(Refusal::PurposeNotAgreed {
            agreement,
            disclosure,
            agreed,
        }) => {
            let agreed: Vec<String> = agreed.iter().map(ToString::to_string).collect();
            format!("{agreement} {disclosure} is for {}", agreed.join(", "))
        }
        Err(Refusal::NoRoute(RouteMiss::Method { allowed })) => {
            format!("only {}", allowed.join(", "))
        }
        Err(refusal) => refusal.to_string(),
    };
    for (request, purpose, when, expected) in [
        (
            "GET /people/1",
            "falls-prevention",
            "2026-06-01T12:00",
            "no agreement of yours has this path",
        ),
        (
            "GET /adults/1/x",
            "falls-prevention",
            "2026-06-01T12:00",
            "no agreement of yours has this path",
        ),
        (
            "GET /adults/..",
            "falls-prevention",
            "2026-06-01T12:00",
            "two readers could take the path for two",
        ),
        (
            "GET /Adults/1",
            "falls-prevention",
            "2026-06-01T12:00",
            "no agreement of yours has this path",
        ),
        (
            "POST /adults/1",
            "falls-prevention",
            "2026-06-01T12:00",
            "only GET, HEAD",
        ),
        (
            "get /adults/1",
            "falls-prevention",
            "2026-06-01T12:00",
            "only GET, HEAD",
        ),
        (
            "GET /adults/1",
            "research",
            "2026-06-01T12:00",
            "falls-prevention adult is for falls-prevention",
        ),
        (
            "GET /adults/1",
            "research",
            "2026-08-01T12:00",
            "falls-prevention adult is for evaluation, falls-prevention",
        ),
        (
            "GET /adults/1",
            "research",
            "2030-01-01T12:00",
            "falls-prevention adult is for evaluation, falls-prevention",
        ),
        (
            "GET /adults/1",
            "evaluation",
            "2026-06-30T23:59:59",
            "agreement evaluation starts on 2026-07-01",
        ),
        (
            "GET /adults/1",
            "evaluation",
            "2026-07-01T00:00",
            "permitted by evaluation",
        ),
        (
            "GET /adults/1",
            "evaluation",
            "2026-12-31T23:59:59.999",
            "permitted by evaluation",
        ),
        (
            "GET /adults/1",
            "evaluation",
            "2027-01-01T00:00",
            "agreement evaluation ended on 2026-12-31",
        ),
        (
            "GET /adults/1",
            "falls-prevention",
            "2027-01-01T00:00",
            "permitted by falls-prevention",
        ),
    ] {
        assert_eq!(
            refused(request, purpose, when),
            expected,
            "{request} for {purpose} at {when}"
        );
    }
}

#[test]
fn days_begin_at_the_controllers_midnight_also_in_summer() {
    let set = AgreementSet::load(
        &[Source {
            name: "a.yaml",
            text: AGREEMENT,
        }],
        &context(),
    )
    .unwrap();
    let term = &set.agreement("falls-prevention").unwrap().term;
    assert_eq!(term.from.to_string(), "2026-03-31T23:00:00Z");
    assert_eq!(term.until.to_string(), "2027-03-31T23:00:00Z");
    let elsewhere = Context {
        time_zone: TimeZone::get("Asia/Kolkata").unwrap(),
        ..context()
    };
    let set = AgreementSet::load(
        &[Source {
            name: "a.yaml",
            text: AGREEMENT,
        }],
        &elsewhere,
    )
    .unwrap();
    assert_eq!(
        set.agreements[0].term.from.to_string(),
        "2026-03-31T18:30:00Z"
    );
}

#[test]
fn a_renewed_agreement_takes_over_at_midnight_without_a_gap() {
    let next = AGREEMENT
        .replace("agreement: falls-prevention", "agreement: falls-2027")
        .replace(
            "starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31",
            "starts: 2027-04-01, ends: 2028-03-31",
        );
    // The newer file's name sorts first, so the order of files is not the order of terms.
    let sources = [
        Source {
            name: "a.yaml",
            text: &next,
        },
        Source {
            name: "b.yaml",
            text: AGREEMENT,
        },
    ];
    let set = AgreementSet::load(&sources, &context()).unwrap();
    let by = |when: &str| match decide(&set, "GET /adults/1", &[b"falls-prevention"], when) {
        Ok(permit) => permit.agreement().name.to_string(),
        Err(refusal) => refusal.to_string(),
    };
    assert_eq!(
        by("2026-03-31T23:59:59"),
        "agreement falls-prevention starts on 2026-04-01"
    );
    assert_eq!(by("2027-03-31T23:59:59"), "falls-prevention");
    assert_eq!(by("2027-04-01T00:00:00"), "falls-2027");
    assert_eq!(
        by("2028-04-01T00:00:00"),
        "agreement falls-2027 ended on 2028-03-31"
    );
}

#[test]
fn explain_tells_each_step_to_the_one_that_refuses() {
    let set = AgreementSet::load(
        &[Source {
            name: "a.yaml",
            text: AGREEMENT,
        }],
        &context(),
    )
    .unwrap();
    let steps = |request: &str, purpose: &str, when: &str| -> Vec<String> {
        let (method, path) = request.split_once(' ').unwrap();
        let partner = PartnerName::new("island-health");
        set.explain(&Ask {
            asker: Asker::Partner(&partner),
            method,
            path,
            purposes: &[purpose.as_bytes()],
            caller: Caller::default(),
            at: at(when),
        })
        .into_iter()
        .map(|step| {
            format!(
                "{} {}: {}",
                if step.passed { "yes" } else { "no" },
                step.name,
                step.text
            )
        })
        .collect()
    };
    assert_eq!(
        steps("GET /adults/1", "falls-prevention", "2026-06-01T12:00"),
        [
            "yes route: GET /adults/{person}",
            "yes purpose declared: one purpose, in the form of a name",
            "yes purpose agreed: agreement falls-prevention shares `adult` for falls-prevention",
            "yes term: in force from 2026-04-01 to 2027-03-31",
        ]
    );
    assert_eq!(
        steps("GET /adults/1", "falls-prevention", "2028-06-01T12:00")
            .last()
            .unwrap(),
        "no term: agreement falls-prevention ended on 2027-03-31"
    );
    assert_eq!(
        steps("DELETE /adults/1", "x", "2026-06-01T12:00"),
        ["no route: agreements with island-health have this path for GET, HEAD only"]
    );
}

// The model: the same decision by a plain scan of all disclosures.

/// A disclosure as the model knows it; `days` are of 2026, first and last.
#[derive(Debug, Clone)]
struct Plain {
    agreement: usize,
    partner: usize,
    method: &'static str,
    path: Vec<&'static str>,
    purposes: Vec<&'static str>,
    days: (i16, i16),
}

const PARTNERS: [&str; 2] = ["island-health", "harbour-homes"];

fn day(number: i16) -> civil::Date {
    civil::date(2026, 1, 1).saturating_add(jiff::Span::new().days(i64::from(number)))
}

fn text(number: usize, disclosures: &[&Plain]) -> String {
    let Plain { partner, days, .. } = disclosures[0];
    let mut text = format!(
        "agreement: a{number}\nversion: 1\ntitle: t\nparties: {{ controller: isle-council, partner: {} }}\n\
         term: {{ starts: {}, ends: {} }}\npurposes: {{ p: p, q: q, r: r }}\ndisclosures:\n",
        PARTNERS[*partner],
        day(days.0),
        day(days.1),
    );
    for (index, disclosure) in disclosures.iter().enumerate() {
        let mut path = String::new();
        let mut rules = Vec::new();
        for (position, segment) in disclosure.path.iter().enumerate() {
            match *segment {
                "*" => {
                    path.push_str(&format!("/{{v{position}}}"));
                    rules.push(format!("v{position}: keep"));
                }
                literal => path.push_str(&format!("/{literal}")),
            }
        }
        text.push_str(&format!(
            "  - name: d{index}\n    purposes: [{}]\n    request: {} {path}\n    service: {{ name: social-care, path: /s }}\n    \
             parameters: {{ path: {{ {} }} }}\n    response: {{ format: json, fields: [] }}\n",
            disclosure.purposes.join(", "), disclosure.method, rules.join(", "),
        ));
    }
    text
}

fn matches(template: &[&str], path: &[&str]) -> bool {
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(template, asked)| *template == "*" || *template == asked.replace("%78", "x"))
}

fn plain_decision(
    all: &[Plain],
    partner: usize,
    method: &str,
    path: &[&str],
    purpose: &str,
    when: i16,
) -> String {
    let matching: Vec<&Plain> = all
        .iter()
        .filter(|plain| plain.partner == partner && matches(&plain.path, path))
        .collect();
    if path
        .iter()
        .any(|segment| ["", "..", "%2F"].contains(segment))
    {
        return "form".to_owned();
    }
    if matching.is_empty() {
        return "path".to_owned();
    }
    let with_method: Vec<&&Plain> = matching
        .iter()
        .filter(|plain| plain.method == method)
        .collect();
    let literal_first = |plain: &Plain| {
        plain
            .path
            .iter()
            .map(|segment| *segment == "*")
            .collect::<Vec<_>>()
    };
    let Some(best) = with_method.iter().map(|plain| literal_first(plain)).min() else {
        let mut methods: Vec<&str> = matching.iter().map(|plain| plain.method).collect();
        // Who may have an answer may have its head.
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.dedup();
        return format!("method {methods:?}");
    };
    let route: Vec<&&&Plain> = with_method
        .iter()
        .filter(|plain| literal_first(plain) == best)
        .collect();
    let in_force = |plain: &Plain| plain.days.0 <= when && when <= plain.days.1;
    let mut same: Vec<&&&&Plain> = route
        .iter()
        .filter(|plain| plain.purposes.contains(&purpose))
        .collect();
    if same.is_empty() {
        let some_in_force = route.iter().any(|plain| in_force(plain));
        let mut agreed: Vec<&str> = route
            .iter()
            .filter(|plain| in_force(plain) || !some_in_force)
            .flat_map(|plain| plain.purposes.iter().copied())
            .collect();
        agreed.sort_unstable();
        agreed.dedup();
        let named = route
            .iter()
            .find(|plain| in_force(plain))
            .unwrap_or(&route[0]);
        return format!("purposes {agreed:?} of a{}", named.agreement);
    }
    same.sort_by_key(|plain| plain.days);
    match same.iter().find(|plain| when <= plain.days.1) {
        Some(plain) if plain.days.0 <= when => {
            format!("permit a{} {:?}", plain.agreement, plain.path)
        }
        Some(plain) => format!("starts {}", day(plain.days.0)),
        None => format!("ended {}", day(same[same.len() - 1].days.1)),
    }
}

fn decision(result: Result<Permit, Refusal>) -> String {
    match result {
        Ok(permit) => {
            let path = permit.disclosure().path.text().to_owned();
            let path: Vec<&str> = path
                .split('/')
                .skip(1)
                .map(|segment| {
                    if segment.starts_with('{') {
                        "*"
                    } else {
                        segment
                    }
                })
                .collect();
            format!("permit {} {path:?}", permit.agreement().name)
        }
        Err(Refusal::NoRoute(RouteMiss::Form)) => "form".to_owned(),
        Err(Refusal::NoRoute(RouteMiss::Path)) => "path".to_owned(),
        Err(Refusal::NoRoute(RouteMiss::Method { allowed })) => format!("method {allowed:?}"),
        Err(Refusal::PurposeNotAgreed {
            agreement, agreed, ..
        }) => {
            let agreed: Vec<&str> = agreed.iter().map(|purpose| purpose.as_str()).collect();
            format!("purposes {agreed:?} of {agreement}")
        }
        Err(Refusal::NotStarted { starts, .. }) => format!("starts {starts}"),
        Err(Refusal::Ended { ended, .. }) => format!("ended {ended}"),
        Err(refusal) => refusal.code().to_owned(),
    }
}

/// Whether any two disclosures answer the same requests for a same purpose on a same day.
fn contradicts(all: &[Plain]) -> bool {
    all.iter().enumerate().any(|(index, a)| {
        all[..index].iter().any(|b| {
            a.partner == b.partner
                && a.method == b.method
                && a.path == b.path
                && a.days.0 <= b.days.1
                && b.days.0 <= a.days.1
                && a.purposes
                    .iter()
                    .any(|purpose| b.purposes.contains(purpose))
        })
    })
}

prop_compose! {
    fn plain_agreement()(
        partner in 0..2usize,
        days in (0i16..6, 0i16..4).prop_map(|(first, length)| (first, first + length)),
        disclosures in prop::collection::vec(
            (
                prop::sample::select(vec!["GET", "POST"]),
                prop::collection::vec(prop::sample::select(vec!["x", "y", "*"]), 1..4),
                prop::sample::subsequence(vec!["p", "q", "r"], 1..3),
            ),
            1..4,
        ),
    ) -> Vec<Plain> {
        disclosures
            .into_iter()
            .map(|(method, path, purposes)| Plain { agreement: 0, partner, method, path, purposes, days })
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_router_decides_as_a_plain_scan_of_all_disclosures_does(
        agreements in prop::collection::vec(plain_agreement(), 1..5),
        asked in prop::collection::vec(
            (
                0..2usize,
                prop::sample::select(vec!["GET", "POST", "PUT"]),
                prop::collection::vec(prop::sample::select(vec!["x", "y", "z", "%78", "..", "", "%2F"]), 1..4),
                prop::sample::select(vec!["p", "q", "r", "s"]),
                -1i16..11,
            ),
            20,
        ),
    ) {
        let agreements: Vec<Vec<Plain>> = agreements
            .into_iter()
            .enumerate()
            .map(|(agreement, plains)| plains.into_iter().map(|plain| Plain { agreement, ..plain }).collect())
            .collect();
        let texts: Vec<(String, String)> = agreements
            .iter()
            .enumerate()
            .map(|(number, plains)| (format!("{number}.yaml"), text(number, &plains.iter().collect::<Vec<_>>())))
            .collect();
        let sources: Vec<Source<'_>> = texts.iter().map(|(name, text)| Source { name, text }).collect();
        let all: Vec<Plain> = agreements.concat();
        match AgreementSet::load(&sources, &context()) {
            Err(faults) => prop_assert!(contradicts(&all), "{faults}"),
            Ok(set) => {
                prop_assert!(!contradicts(&all));
                for (partner, method, path, purpose, when) in asked {
                    let at = day(when).to_zoned(zone()).unwrap().timestamp();
                    let text = format!("/{}", path.join("/"));
                    let name = PartnerName::new(PARTNERS[partner]);
                    let ask = Ask { asker: Asker::Partner(&name), method, path: &text, purposes: &[purpose.as_bytes()], caller: Caller::default(), at };
                    let decided = set.decide(&ask);
                    let last_passed = set.explain(&ask).iter().all(|step| step.passed);
                    prop_assert_eq!(last_passed, decided.is_ok());
                    let expected = if path == [""] { "path".to_owned() } else {
                        plain_decision(&all, partner, method, &path, purpose, when)
                    };
                    prop_assert_eq!(decision(decided), expected, "{} {}", method, text);
                }
            }
        }
    }
}

const PUSH: &str = "\
agreement: discharge
version: 1
title: Discharge
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, ends: 2027-03-31 }
purposes: { care: Arrange care }
disclosures:
  - name: packages
    purposes: [care]
    request: POST /packages/{ward}
    deliver: { from: hub, to: social-care, path: '/intake/{ward}' }
    parameters: { path: { ward: keep } }
    request_body:
      format: json
      fields: [{ keep: [$.package] }]
    response:
      format: json
      fields: [{ keep: [$.accepted] }]
";

fn faults_of_push(text: &str) -> Vec<String> {
    let context = Context {
        systems: Some(vec![SystemName::new("hub")]),
        ..context()
    };
    let source = Source {
        name: "a.yaml",
        text,
    };
    faults_in(&context, &[source])
}

#[test]
fn each_fault_of_a_push_is_told_with_its_place_and_what_to_write_instead() {
    assert_eq!(faults_of_push(PUSH), Vec::<String>::new());
    let rows = [
        (
            "deliver: { from: hub,",
            "deliver: { from: hob,",
            "a.yaml:11:22: no system `hob` is configured; did you mean hub?",
        ),
        (
            "to: social-care,",
            "to: social-car,",
            "a.yaml:11:31: no service `social-car` is configured; did you mean social-care?",
        ),
        (
            "'/intake/{ward}'",
            "'/intake/{bed}'",
            "a.yaml:11:50: {bed} is not in the request's path; use its variables only",
        ),
        (
            "    request_body:\n      format: json\n      fields: [{ keep: [$.package] }]\n",
            "",
            "is missing `request_body`",
        ),
        (
            "request: POST",
            "request: GET",
            "a.yaml:13:5: a GET or DELETE has no body; leave `request_body` out",
        ),
        (
            "    parameters:",
            "    service: { name: social-care, path: /a }\n    parameters:",
            "a.yaml:12:5: a push goes to the partner, which `deliver` names; leave `service` out",
        ),
        (
            "{ ward: keep }",
            "{ ward: { reidentify: person } }",
            "a.yaml:12:33: tokens are turned back for the controller's services, and this goes to a partner; write keep, or tokenise: person",
        ),
        (
            "{ ward: keep }",
            "{ ward: { tokenise: person, as: person } }",
            "a.yaml:12:33: ",
        ),
        (
            "[{ keep: [$.package] }]",
            "[{ reidentify: [$.package], as: person }]",
            "reidentify is for what goes to a service; a partner gets tokens, by pseudonymise or tokenise",
        ),
        (
            "    deliver: { from: hub, to: social-care, path: '/intake/{ward}' }\n",
            "",
            "is missing `service`",
        ),
    ];
    for (was, becomes, expected) in rows {
        assert!(PUSH.contains(was), "{was}");
        let found = faults_of_push(&PUSH.replace(was, becomes));
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "{becomes}: {found:?}"
        );
    }
}

/// The same method and path, pushed and asked for, are two: each is found by its own alone.
#[test]
fn an_identifier_in_the_path_of_a_push_becomes_a_token_where_the_body_is_one_record() {
    let keys = Keys::from_root(RootKey::from_bytes([7; 32]));
    let faults = |record: &str, rule: &str| {
        let text = PUSH
            .replace("{ ward: keep }", &format!("{{ ward: {rule} }}"))
            .replace("format: json\n", &format!("format: json\n{record}"));
        let context = Context {
            systems: Some(vec![SystemName::new("hub")]),
            keys: Some(keys.clone()),
            ..context()
        };
        let source = Source {
            name: "a.yaml",
            text: &text,
        };
        faults_in(&context, &[source])
    };
    for rule in [
        "{ tokenise: person }",
        "{ pseudonymise: person, form: nhs-number }",
    ] {
        for record in ["", "      record: $\n"] {
            assert_eq!(faults(record, rule), Vec::<String>::new(), "{record}{rule}");
        }
        let found = faults("      record: $.a[*]\n", rule);
        let [only] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert!(
            only.contains("the partner would still be told whom this names; write record: $"),
            "{only}"
        );
    }
    let found = faults("", "{ tokenise: person, format: digits }");
    assert!(!found.is_empty(), "no shape is written here");
}

#[test]
fn p2_what_is_pushed_and_what_is_asked_for_are_looked_up_apart() {
    let asked = PUSH
        .replace("agreement: discharge", "agreement: asked")
        .replace(
            "deliver: { from: hub, to: social-care, path:",
            "service: { name: social-care, path:",
        );
    let load = |texts: &[&str]| {
        let sources: Vec<Source<'_>> = texts
            .iter()
            .map(|text| Source {
                name: "a.yaml",
                text,
            })
            .collect();
        AgreementSet::load(&sources, &context())
    };
    let set = load(&[PUSH, &asked]).unwrap();
    let (partner, system) = (PartnerName::new("island-health"), SystemName::new("hub"));
    let find = |set: &AgreementSet, asker: Asker<'_>| {
        let ask = Ask {
            asker,
            method: "POST",
            path: "/packages/7",
            purposes: &[b"care"],
            caller: Caller::default(),
            at: at("2026-06-01"),
        };
        set.decide(&ask)
            .map(|permit| permit.agreement().name.to_string())
    };
    let decided = (
        find(&set, Asker::Partner(&partner)),
        find(&set, Asker::System(&system)),
    );
    assert_eq!(
        decided,
        (Ok("asked".to_owned()), Ok("discharge".to_owned()))
    );
    // A system of a partner's name is no partner.
    let namesake = SystemName::new("island-health");
    assert!(find(&set, Asker::System(&namesake)).is_err());
    let pushed = load(&[PUSH]).unwrap();
    assert!(find(&pushed, Asker::Partner(&partner)).is_err());
    let other = PUSH.replace("agreement: discharge", "agreement: other");
    let faults = load(&[PUSH, &other]).unwrap_err().to_string();
    assert!(
        faults.contains("answers this method and path for a same purpose"),
        "{faults}"
    );
}

#[test]
fn a_changed_byte_of_a_table_is_another_agreement_under_the_same_text() {
    let text = AGREEMENT.replace(
        "        - mask: [$.phone]",
        "        - generalise: [$.address.postcode]\n          to: table\n          table: wards.csv\n          from: postcode\n          column: ward\n        - mask: [$.phone]",
    );
    let load = |text: &str, csv: &'static str| {
        let context = Context {
            tables: Tables::read_by(move |_, _| Ok(csv.as_bytes().to_vec())),
            ..context()
        };
        let name = "a.yaml";
        let set = AgreementSet::load(&[Source { name, text }], &context).expect("it has no fault");
        set.agreements[0].clone()
    };
    let east = load(&text, "postcode,ward\nPO30 1AA,East\n");
    let fast = load(&text, "postcode,ward\nPO30 1AA,Fast\n");
    assert_eq!(east.text_hash, fast.text_hash);
    assert_ne!(east.hash, fast.hash);
    assert_eq!(east.tables[0].path, "wards.csv");
    assert_eq!(east.hash, hash_with_tables(&east.text_hash, &east.tables));
    // Without a table the text is all that is agreed.
    let none = load(AGREEMENT, "");
    assert_eq!((&none.hash, none.tables.len()), (&none.text_hash, 0));
    assert_eq!(
        east.hash,
        load(&text, "postcode,ward\nPO30 1AA,East\n").hash
    );
}
