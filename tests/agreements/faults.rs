//! Each fault of an agreement with its place and what to write instead; sets that load whole or not at all.

use fieldgate::agreement::{AgreementSet, Context, Source, Tables, hash_with_tables, load_fields};
use fieldgate::transform::{AgreementKeys, Keys, RootKey};

use crate::{AGREEMENT, context, faults, faults_in};

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
