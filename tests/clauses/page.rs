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
