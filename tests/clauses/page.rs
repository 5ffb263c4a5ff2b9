//! `docs/CLAUSES.md`, written from the tests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// A row's id and its class, in the order of the documents.
fn rows() -> Vec<(&'static str, &'static str)> {
    include_str!("rows.tsv")
        .lines()
        .map(|line| line.split_once('\t').unwrap())
        .collect()
}

/// A test that proves rows: its file, its name, what it shows.
struct Proof {
    file: String,
    name: String,
    shows: String,
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// What each row is proved by.
fn proofs(rows: &[(&str, &str)]) -> BTreeMap<String, Vec<Proof>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("tests"), &mut files);
    let mut proofs: BTreeMap<String, Vec<Proof>> = BTreeMap::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(root).unwrap().display().to_string();
        let mut comment = Vec::new();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("///") {
                comment.push(words.trim().to_owned());
                continue;
            }
            if line.starts_with("#[") {
                is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
                continue;
            }
            let name = line
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("async ")
                .strip_prefix("fn clause_")
                .and_then(|rest| rest.split('(').next());
            let elsewhere = line
                .trim_start_matches("pub(crate) ")
                .trim_start_matches("async ")
                .strip_prefix("fn ")
                .and_then(|rest| rest.split('(').next())
                .filter(|_| is_test && comment.iter().any(|line| line.starts_with("Rows: ")));
            if let (None, Some(name)) = (name, elsewhere) {
                for id in named(&comment, rows, &file) {
                    proofs.entry(id.to_owned()).or_default().push(Proof {
                        file: file.clone(),
                        name: name.to_owned(),
                        shows: shown(&comment),
                    });
                }
            }
            if let Some(name) = name {
                assert!(is_test, "{file}: clause_{name} is no test");
                let own = row_of(name, rows)
                    .unwrap_or_else(|| panic!("{file}: clause_{name} names no row"));
                let shows = shown(&comment);
                assert!(
                    !shows.trim().is_empty(),
                    "{file}: clause_{name} does not say what it shows"
                );
                let mut proved = vec![own];
                proved.extend(named(&comment, rows, &file));
                for id in proved {
                    proofs.entry(id.to_owned()).or_default().push(Proof {
                        file: file.clone(),
                        name: format!("clause_{name}"),
                        shows: shows.clone(),
                    });
                }
            }
            comment.clear();
            is_test = false;
        }
    }
    proofs
}

/// What a test's comment says that it shows.
fn shown(comment: &[String]) -> String {
    let lines = comment.iter().filter(|line| !line.starts_with("Rows: "));
    let lines: Vec<&str> = lines.map(String::as_str).collect();
    lines.join(" ").trim().to_owned()
}

/// The rows that a test's comment names.
fn named<'a>(comment: &[String], rows: &[(&'a str, &str)], file: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for line in comment
        .iter()
        .filter_map(|line| line.strip_prefix("Rows: "))
    {
        for id in line.trim_end_matches('.').split(", ") {
            let row = rows.iter().find(|(known, _)| *known == id);
            found.push(row.unwrap_or_else(|| panic!("{file}: no row {id}")).0);
        }
    }
    found
}

/// The row that a test's name begins with: the longest that fits.
fn row_of<'a>(name: &str, rows: &[(&'a str, &str)]) -> Option<&'a str> {
    rows.iter()
        .map(|(id, _)| *id)
        .filter(|id| {
            let prefix = id.to_lowercase().replace('.', "_");
            name.strip_prefix(&prefix)
                .is_some_and(|rest| rest.starts_with('_'))
        })
        .max_by_key(|id| id.len())
}

/// What a council's reader would try first: the rows, what is tried, and the tests that try it over the wire.
const TWELVE: [(&str, &str, &[&str]); 12] = [
    (
        "P5.1a",
        "a declared purpose counts where agreement, register and notice have it",
        &["clause_p5_1a_a_purpose_is_answered_where_agreement_register_and_notice_have_it"],
    ),
    (
        "P3.2.3",
        "the same record under two purposes is two sets of fields",
        &["clause_a13_one_purpose_a_request_and_each_has_its_own_fields"],
    ),
    (
        "P6.1b",
        "data set, purpose and recipient are one registered triple",
        &[
            "clause_p6_1b_every_permutation_of_partner_purpose_and_path_is_a_registered_triple_or_refused",
        ],
    ),
    (
        "P5.3a, P5.3b",
        "council tax both ways",
        &[
            "clause_p5_3a_council_tax_data_for_empty_homes_is_name_address_and_contact_number",
            "clause_p5_3b_other_data_for_collecting_council_tax_is_capped_and_needs_no_notice",
        ],
    ),
    (
        "P5.4",
        "the electoral registration officer",
        &["clause_p5_4_the_registration_officer_looks_at_one_record_in_that_role"],
    ),
    (
        "P4.3c",
        "who refused stays behind, and so does who may have",
        &[
            "clause_p4_3c_who_may_have_refused_is_held_back",
            "clause_p4_3c_the_refusals_of_a_list_are_honoured_and_unknown_is_withheld",
        ],
    ),
    (
        "P7.3",
        "an objection to direct marketing has no override",
        &["clause_p7_3_an_objection_to_direct_marketing_is_absolute"],
    ),
    (
        "P8.2b",
        "third parties are taken out of free text",
        &["clause_p8_2b_third_parties_are_taken_out_of_free_text"],
    ),
    (
        "A14, A15",
        "a table of trends under a rule for small numbers",
        &[
            "clause_a14_the_partner_of_a_trend_gets_a_table_and_nobodys_record",
            "clause_a15_each_table_is_under_the_published_rule_that_it_names",
            "clause_a15_two_overlapping_tables_taken_from_each_other_give_no_hidden_count",
        ],
    ),
    (
        "P10.3a",
        "a service begins to send a new field, and what leaves is the same",
        &[
            "clause_p10_3a_a_new_field_of_a_service_stays_behind_and_opens_one_case",
            "clause_p10_3a_a_new_field_is_held_back_and_told_in_every_format",
        ],
    ),
    (
        "P10.4a",
        "territory is a hard stop",
        &["clause_p10_4a_a_gateway_never_runs_an_agreement_beyond_the_charters_territory"],
    ),
    (
        "P9.3",
        "an old decision is decided again with the same verdict",
        &[
            "clause_p9_3_old_decisions_are_decided_again_and_what_was_told_is_shown",
            "clause_p9_3_two_thousand_live_requests_end_as_explained_and_as_decided_again",
        ],
    ),
];

/// The page's part on [`TWELVE`]. Each test has to be there, and to ask a gateway.
fn twelve(proofs: &BTreeMap<String, Vec<Proof>>) -> String {
    let mut part = String::from(
        "\n## Twelve to try first\n\n\
         What a council's reader would try by hand, and the tests that do it over the wire.\n\n\
         | rows | what is tried | by |\n| --- | --- | --- |\n",
    );
    for (ids, what, tests) in TWELVE {
        let mut by = Vec::new();
        for test in tests {
            let mut all = proofs.values().flatten();
            let proof = all
                .find(|proof| proof.name == *test)
                .unwrap_or_else(|| panic!("no test {test}"));
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&proof.file);
            let text = fs::read_to_string(path).unwrap();
            let from = text.find(&format!("fn {test}(")).unwrap();
            let body = text[from..].split("\n}\n").next().unwrap();
            assert!(body.contains(".await"), "{test} asks no gateway");
            by.push(format!("`{test}`"));
        }
        for id in ids.split(", ") {
            assert!(proofs.contains_key(id), "no row {id}");
        }
        writeln!(part, "| {ids} | {what} | {} |", by.join(", ")).unwrap();
    }
    part
}

fn page() -> String {
    let rows = rows();
    let proofs = proofs(&rows);
    let mut page = String::from(
        "# Clauses\n\n\
         Which clauses of the council's own documents are shown, and by which test. Written from the tests by\n\
         `FIELDGATE_WRITE_DOCS=1 cargo test --test clauses the_page`: a row says only what a test that runs shows.\n\n\
         The documents are a guidance page on customer insight of 2010 (rows A), an executive's report of 2002 (R) and the\n\
         data-protection policy that it adopted (P, with the policy's own numbers). Class **E**: the gateway enforces it;\n\
         **P**: it enforces the half that a machine can check; **V**: it gives the evidence; **N**: no gateway can do it, and\n\
         the row says what evidence there is; **D**: a definition. The law of today is in `docs/law/`; these documents are older.\n\n",
    );
    let count = |classes: &str| {
        let all = rows.iter().filter(|(_, class)| classes.contains(class));
        let shown = all.clone().filter(|(id, _)| proofs.contains_key(*id));
        (shown.count(), all.count())
    };
    let (enforced, of_enforced) = count("EP");
    let (evidenced, of_evidenced) = count("VN");
    writeln!(
        page,
        "Shown: {enforced} of {of_enforced} rows of class E and P; {evidenced} of {of_evidenced} rows of class V and N.\n"
    )
    .unwrap();
    writeln!(
        page,
        "| row | class | what is shown | by |\n| --- | --- | --- | --- |"
    )
    .unwrap();
    for (id, class) in &rows {
        let Some(shown) = proofs.get(*id) else {
            let nothing = if *class == "D" {
                "a definition"
            } else {
                "nothing yet"
            };
            writeln!(page, "| {id} | {class} | {nothing} | |").unwrap();
            continue;
        };
        for proof in shown {
            writeln!(
                page,
                "| {id} | {class} | {} | `{}`, {} |",
                proof.shows.replace('|', "\\|"),
                proof.name,
                proof.file
            )
            .unwrap();
        }
    }
    page.push_str(&twelve(&proofs));
    page
}

#[test]
fn the_page_of_clauses_says_what_the_tests_show() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CLAUSES.md");
    let page = page();
    if std::env::var_os("FIELDGATE_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/CLAUSES.md is not what the tests show; write it anew with FIELDGATE_WRITE_DOCS=1 cargo test --test clauses the_page"
    );
}
