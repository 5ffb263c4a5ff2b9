//! `fieldgate apply` on every format that a file can have, and on several cores.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use super::*;

/// Nothing takes this long unless it hangs.
const HANG: Duration = Duration::from_secs(30);

const CSV_RULES: &str = "\
format: csv
csv: { separator: ';', charset: windows-1252 }
fields:
  - keep: [ \"$[*].name\" ]
  - generalise: [ \"$[*].born\" ]
    to: year
";

/// Runs `words` on input bytes from a file of this name.
fn apply(desk: &Desk, rules: &str, name: &str, bytes: &[u8], words: &str) -> Ran {
    desk.put("rules.yaml", rules);
    fs::write(desk.path(name), bytes).unwrap();
    desk.run(&format!("apply --fields rules.yaml {name}{words}"))
}

#[test]
fn apply_takes_each_format_from_the_rules_or_the_command() {
    let desk = Desk::new();
    let rows: [(&str, &str, &[u8], &str); 7] = [
        (
            "fields: [{ keep: ['$[*].a'] }]",
            " --format ndjson",
            b"{\"a\":1,\"b\":2}\n{\"a\":3}\n",
            "{\"a\":1}\n{\"a\":3}\n",
        ),
        (
            "format: json-seq\nfields: [{ keep: ['$[*].a'] }]",
            "",
            b"\x1e{\"a\":1,\"b\":2}\n",
            "\x1e{\"a\":1}\n",
        ),
        (
            "fields: [{ keep: ['$[*].a'] }]",
            " --format event-stream",
            b"data: {\"a\":1,\"b\":2}\n\n",
            "data: {\"a\":1}\n\n",
        ),
        (
            CSV_RULES,
            " --format csv",
            b"name;born;notes\nZo\xeb;1941-03-07;x\n",
            "name;born\nZo\u{eb};1941\n",
        ),
        (
            CSV_RULES,
            " --format tsv",
            b"name\tborn\tnotes\nAda\t1941-03-07\tx\n",
            "name\tborn\nAda\t1941\n",
        ),
        (
            "fields: [{ keep: [$.p.name] }]",
            " --format xml",
            b"<p><name>Ada</name><notes>x</notes></p>",
            "<p><name>Ada</name></p>",
        ),
        (
            "format: form\nfields: [{ keep: [$.name] }]",
            "",
            b"name=Ada+W&notes=x",
            "name=Ada+W",
        ),
    ];
    for (rules, words, input, shared) in rows {
        let ran = apply(&desk, rules, "input", input, words);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (0, shared),
            "{rules}{words}: {}",
            ran.err
        );
    }
    let ran = apply(&desk, CSV_RULES, "people.csv", b"name;born\nAda\n", "");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.starts_with("fieldgate: people.csv: csv: ") && ran.err.contains("(ragged)"),
        "{}",
        ran.err
    );
}

/// Three mebibytes: several pieces for each of four cores.
const BYTES: usize = 3 << 20;

fn lines(count: usize) -> String {
    let mut lines = String::new();
    for number in 0..count {
        let notes = "what was said at home ".repeat(number * 7 % 40);
        lines.push_str(&format!(
            "{{\"id\":{number},\"name\":\"Zo\u{eb} {number}\",\"notes\":\"{notes}\",\"tags\":[1,{{\"a\":null}}]}}\n"
        ));
        if number % 97 == 0 {
            lines.push_str("\r\n");
        }
    }
    lines
}

fn rows(count: usize) -> String {
    let mut rows = String::from("name,born,\"no\ntes\"\r\n");
    for number in 0..count {
        let notes = "said, \"\"at\"\"\r\nhome\n".repeat(number * 7 % 40);
        rows.push_str(&format!(
            "Zo\u{eb} {number},{}-01-01,\"{notes}\"\r\n",
            1900 + number % 100
        ));
    }
    rows
}

const LINES_RULES: &str = "\
format: ndjson
record: $[*]
release_if: \"@.id != 5000\"
fields:
  - keep: [ \"$[*].id\", \"$[*].tags[*]\" ]
  - mask: [ \"$[*].name\" ]
    keep_last: 2
  - keep_all: [ \"$[*].notes\" ]
    because: a test
";

const ROWS_RULES: &str = "\
format: csv
fields:
  - keep: [ \"$[*].name\", \"$[*]['no\\\\ntes']\" ]
  - generalise: [ \"$[*].born\" ]
    to: year
";

#[test]
fn p8_the_same_leaves_and_is_counted_on_one_core_and_on_four() {
    for (rules, input) in [(LINES_RULES, lines(7_000)), (ROWS_RULES, rows(9_000))] {
        assert!(input.len() > BYTES, "{}", input.len());
        let desk = Desk::new();
        let one = apply(
            &desk,
            rules,
            "input",
            input.as_bytes(),
            " --jobs 1 --tally -o one",
        );
        assert_eq!(one.code, 0, "{}", one.err);
        for words in [
            " --jobs 4 --tally -o four",
            " --tally -o four",
            " --jobs 3 --tally -o four.gz",
        ] {
            let four = apply(&desk, rules, "input", input.as_bytes(), words);
            assert_eq!((four.code, &four.err), (0, &one.err), "{words}");
        }
        assert!(desk.text("one") == desk.text("four"), "another output");
        assert!(desk.text("one").len() > BYTES / 2);

        // From a pipe, which gives less at once.
        let mut child = fieldgate()
            .args(["apply", "--jobs", "4", "--fields"])
            .arg(desk.path("rules.yaml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn({
            let input = input.clone();
            move || stdin.write_all(input.as_bytes()).unwrap()
        });
        let piped = Ran::of(child.wait_with_output().unwrap());
        writer.join().unwrap();
        assert!(piped.out == desk.text("one"), "another output from a pipe");
    }
}

#[test]
fn p4_the_same_fault_is_told_on_one_core_and_on_four() {
    let desk = Desk::new();
    let faulty = |input: &str, at: usize, bad: &str| {
        // At the end of the line, or of the row's last value, that stands there.
        let line = input[at..].find("}\n");
        let row = || input[at..].find("home\n\"\r\n").map(|at| at + 5);
        let at = at + line.or_else(row).unwrap();
        [&input[..at], bad, &input[at..]].concat()
    };
    let (lines, rows) = (lines(7_000), rows(9_000));
    for at in [10, 100_000, 1_000_000, 2_900_000] {
        for (rules, input, bad) in [
            (LINES_RULES, &lines, ",\"id\":1"),
            (LINES_RULES, &lines, "]"),
            (ROWS_RULES, &rows, "\"x"),
            (ROWS_RULES, &rows, "\",more,\""),
        ] {
            let once = faulty(input, at, bad);
            let twice = faulty(&once, 2_950_000, bad);
            let one = apply(&desk, rules, "input", once.as_bytes(), " --jobs 1 -o out");
            assert_eq!(one.code, 1);
            assert!(one.err.starts_with("fieldgate: input: "), "{}", one.err);
            for input in [once, twice] {
                let four = apply(&desk, rules, "input", input.as_bytes(), " --jobs 4 -o out");
                assert_eq!((four.code, &four.err), (1, &one.err));
                assert!(!desk.path("out").exists());
            }
        }
    }
}

#[test]
fn p5_an_element_that_is_longer_than_all_pieces_goes_through() {
    let desk = Desk::new();
    let long = format!(
        "{{\"id\":1}}\n{{\"id\":2,\"notes\":\"{}\"}}\n{{\"id\":3}}\n",
        "a".repeat(4 << 20)
    );
    let rules = "format: ndjson\nfields: [{ keep: ['$[*].id'] }]";
    let ran = apply(&desk, rules, "input", long.as_bytes(), " --jobs 4 --tally");
    assert_eq!(
        ran.out, "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n",
        "{}",
        ran.err
    );
    let one = apply(&desk, rules, "input", long.as_bytes(), " --jobs 1 --tally");
    assert_eq!(ran.err, one.err);
}

#[cfg(target_os = "linux")]
#[test]
fn p5_four_cores_hold_no_more_of_a_large_input_than_of_a_small_one() {
    let desk = Desk::new();
    desk.put("rules.yaml", LINES_RULES);
    let mut child = fieldgate()
        .args(["apply", "--jobs", "4", "--fields"])
        .arg(desk.path("rules.yaml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader =
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()).unwrap());
    let block = lines(2_400);
    let mut peaks = Vec::new();
    for blocks in [8, 32] {
        for _ in 0..blocks {
            stdin.write_all(block.as_bytes()).unwrap();
        }
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peaks.push(peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(reader.join().unwrap() > 16 << 20);
    assert!(
        peaks[1] < peaks[0] + 4096,
        "{peaks:?} KiB after 8 and 40 MiB"
    );
}

#[test]
fn apply_on_several_cores_does_not_wait_for_more_than_an_element() {
    let desk = Desk::new();
    desk.put(
        "rules.yaml",
        "format: ndjson\nfields: [{ keep: ['$[*].id'] }]",
    );
    let mut child = fieldgate()
        .args(["apply", "--jobs", "4", "--fields"])
        .arg(desk.path("rules.yaml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let stdout = child.stdout.take().unwrap();
    let (told, lines) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            told.send(line.unwrap()).unwrap();
        }
    });
    for number in 0..50 {
        write!(stdin, "{{\"id\":{number}}}\n \t").unwrap();
        let line = lines.recv_timeout(HANG).expect("the line leaves");
        assert_eq!(line, format!("{{\"id\":{number}}}"));
        // What was half a line becomes a blank one.
        stdin.write_all(b"\n").unwrap();
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}
