//! The formats of bodies: what is read of each, and what is at fault.

use fieldgate::agreement::{AgreementSet, Source, load_fields};
use fieldgate::plan::{Charset, Csv, Format, Header, Ragged, Xml};

use crate::{context, faults};

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
