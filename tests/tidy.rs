//! What the tree must not have: the lines that ARCHITECTURE.md draws.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(under: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut todo) = (Vec::new(), vec![root.join(under)]);
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(root).unwrap().to_owned(), text));
        }
    }
    assert!(!found.is_empty(), "{under} has no source files");
    found
}

/// The lines of `text` that are code: neither comments nor the tests at a file's foot.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim_start()));
    numbered
        .take_while(|(_, line)| *line != "#[cfg(test)]")
        .filter(|(_, line)| !line.starts_with("//"))
}

#[test]
fn the_core_does_no_io_and_asks_no_clock() {
    let core = [
        "src/agreement",
        "src/approval",
        "src/plan",
        "src/aggregate",
        "src/minimise",
        "src/identifier",
        "src/detect",
        "src/explained",
        "src/transform",
        "src/rights",
        "src/volume",
        "src/risk",
        "src/register",
        "src/charter",
        "src/written",
        "src/ledger/entry.rs",
        "src/ledger/members.rs",
        "src/ledger/chain.rs",
    ];
    let foreign = [
        "tokio",
        "hyper",
        "http::",
        "rustls",
        "tracing",
        "std::fs",
        "std::net",
        "std::io",
        "SystemTime",
        "Instant",
        "std::thread",
        "std::env",
        "Timestamp::now",
        "Zoned::now",
        "println!",
        "crate::gateway",
        "crate::cli",
        "crate::config",
    ];
    for (path, text) in core.into_iter().flat_map(sources) {
        for (line, text) in code(&text) {
            for word in foreign {
                assert!(
                    !text.contains(word),
                    "{}:{line}: the core names `{word}`",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn knowledge_goes_one_way() {
    for (path, text) in [
        "src/identifier",
        "src/minimise",
        "src/plan",
        "src/transform",
    ]
    .into_iter()
    .flat_map(sources)
    {
        for (line, text) in code(&text) {
            assert!(
                !text.contains("crate::agreement"),
                "{}:{line}: it knows agreements",
                path.display()
            );
        }
    }
}

#[test]
fn only_the_vector_module_is_unsafe() {
    for (path, text) in sources("src") {
        if path.starts_with("src/minimise/vector") {
            continue;
        }
        for (line, text) in code(&text) {
            let word = text
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "unsafe");
            assert!(!word, "{}:{line}: unsafe code", path.display());
        }
    }
}

#[test]
fn no_test_is_ignored_and_none_sleeps() {
    for (path, text) in sources("tests") {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for word in ["#[ignore", "thread::sleep", "time::sleep("] {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

/// The names in back quotes of a cell: files, and after each the tests that are said to be in it.
fn tests_said(cell: &str) -> Vec<(&str, &str)> {
    let mut said = Vec::new();
    let mut file = None;
    for name in cell.split('`').skip(1).step_by(2) {
        if name.ends_with(".rs") {
            file = Some(name);
        } else {
            said.push((file.unwrap_or_else(|| panic!("{name} is in no file")), name));
        }
    }
    said
}

#[test]
fn the_page_of_what_gateways_let_pass_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/gateway/openings.md")).unwrap();
    let mut classes = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", class, _, shortest, in_depth, ""] = cells[..] else {
            continue;
        };
        let Ok(class) = class.parse::<u32>() else {
            continue;
        };
        classes.push(class);
        let (shortest, in_depth) = (tests_said(shortest), tests_said(in_depth));
        assert_eq!(shortest.len(), 1, "class {class}");
        assert!(!in_depth.is_empty(), "class {class} has no test in depth");
        assert!(
            shortest[0].1.contains("opening_") && shortest[0].1.contains(&class.to_string()),
            "class {class} has another's test"
        );
        for (file, test) in shortest.into_iter().chain(in_depth) {
            let text = fs::read_to_string(root.join(file))
                .unwrap_or_else(|error| panic!("class {class}: {file}: {error}"));
            let above = text.split_once(&format!("\nfn {test}() {{"));
            let attributes = above.map_or("", |(above, _)| above);
            let attributes = attributes.rsplit("\n\n").next().unwrap_or_default();
            assert!(
                attributes.lines().any(|line| line == "#[test]"),
                "class {class}: no test {test} in {file}"
            );
        }
    }
    assert_eq!(classes, (1..=15).collect::<Vec<u32>>());
}
