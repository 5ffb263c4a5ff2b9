//! The command, run as a user runs it. What is of `apply` alone and its files is in `apply`.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod api_key;
mod apply;
mod approve;
mod coarse;
mod formats;
mod keys;
mod scan;
mod unreadable;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fieldgate::agreement::AgreementName;
use fieldgate::clock::Clock;
use fieldgate::ledger::{AgreementEntry, CallerEntry, Event, Ledger, LedgerOptions, RequestId};

const RULES: &str = "\
fields:
  - keep: [ $.mobility, \"$.household[*].relationship\" ]
  - generalise: [ $.dateOfBirth ]
    to: year
";
const PERSON: &str = r#"{"name":"A. Walker","dateOfBirth":"1941-03-07","mobility":"frame","household":[{"name":"B. Walker","relationship":"wife"}]}"#;
const SHARED: &str =
    r#"{"dateOfBirth":"1941","mobility":"frame","household":[{"relationship":"wife"}]}"#;

fn fieldgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldgate"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// A directory with `rules.yaml` and `person.json`.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.put("rules.yaml", RULES);
        desk.put("person.json", PERSON);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// `fieldgate` with these words, run in this directory.
    fn run(&self, words: &str) -> Ran {
        let mut command = fieldgate();
        command.current_dir(self.0.path()).args(words.split(' '));
        Ran::of(command.stdin(Stdio::null()).output().unwrap())
    }
}

/// How a run ended.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn apply_minimises_a_file_to_standard_output() {
    let ran = Desk::new().run("apply --fields rules.yaml person.json");
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (0, SHARED, "")
    );
}

#[test]
fn apply_minimises_a_pipe() {
    let desk = Desk::new();
    for input in [&[][..], &["-"]] {
        let mut child = fieldgate()
            .args(["apply", "--fields"])
            .arg(desk.path("rules.yaml"))
            .args(input)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(PERSON.as_bytes()).unwrap();
        drop(stdin);
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.out.as_str()), (0, SHARED));
    }
}

#[test]
fn apply_writes_a_file_and_leaves_nothing_beside_it() {
    let desk = Desk::new();
    let ran = desk.run("apply --fields rules.yaml person.json -o shared.json --tally");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(desk.text("shared.json"), SHARED);
    assert_eq!(desk.names(), ["person.json", "rules.yaml", "shared.json"]);
    let tally: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(tally["bytes_out"], SHARED.len());
    assert_eq!(tally["fields"]["keep"], 2);
    assert_eq!(tally["fields"]["generalise"], 1);
}

#[test]
fn apply_can_write_over_its_own_input_and_through_a_link() {
    let desk = Desk::new();
    std::os::unix::fs::symlink(desk.path("person.json"), desk.path("link.json")).unwrap();
    let ran = desk.run("apply --fields rules.yaml person.json -o link.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(desk.text("person.json"), SHARED);
    assert!(desk.path("link.json").is_symlink());
}

#[test]
fn apply_on_a_broken_input_says_where_and_leaves_the_output_as_it_was() {
    let desk = Desk::new();
    desk.put("shared.json", "from yesterday");
    let rows = [
        (r#"{"mobility":"frame""#, "truncated", 19),
        (
            r#"{"mobility":"frame","mobility":"none"}"#,
            "duplicate_name",
            20,
        ),
        (r#"{"mobility":frame}"#, "malformed", 13),
        ("", "truncated", 0),
    ];
    for (input, code, offset) in rows {
        desk.put("person.json", input);
        let ran = desk.run("apply --fields rules.yaml person.json -o shared.json");
        assert_eq!(ran.code, 1, "{input}");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert!(
            ran.err.starts_with("fieldgate: person.json: json: "),
            "{}",
            ran.err
        );
        assert!(
            ran.err.contains(&format!("({code}) at byte {offset}")),
            "{}",
            ran.err
        );
        assert_eq!(desk.text("shared.json"), "from yesterday");
        assert_eq!(desk.names(), ["person.json", "rules.yaml", "shared.json"]);
    }
}

#[test]
fn apply_shows_every_fault_of_the_rules_with_its_place() {
    let desk = Desk::new();
    desk.put(
        "rules.yaml",
        "fields:\n  - keep: [ $.a ]\n  - kepe: [ $.b ]\n  - drop: [ b ]\n",
    );
    let ran = desk.run("apply --fields rules.yaml person.json");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("rules.yaml:3:"), "{}", ran.err);
    assert!(ran.err.contains("rules.yaml:4:"), "{}", ran.err);
}

#[test]
fn apply_makes_tokens_only_with_a_key_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.put(
        "rules.yaml",
        "fields:\n  - pseudonymise: [ $.name ]\n    as: person\n",
    );
    let ran = desk.run("apply --fields rules.yaml person.json");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("rules.yaml:2: tokens need a key"),
        "{}",
        ran.err
    );

    let key = desk.put("root.key", &"5a".repeat(32));
    for (mode, code) in [(0o644, 3), (0o640, 0), (0o600, 0), (0o400, 0)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let ran = desk.run("apply --fields rules.yaml --keys root.key person.json");
        assert_eq!(ran.code, code, "{mode:o}: {}", ran.err);
        assert!(!ran.out.contains("Walker"));
        assert_eq!(ran.out.contains("name"), code == 0, "{mode:o}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    desk.put("root.key", "not a key");
    let ran = desk.run("apply --fields rules.yaml --keys root.key person.json");
    assert_eq!(ran.code, 3);
    assert!(!ran.err.contains("not a key"), "a key is never shown");
}

#[test]
fn apply_takes_an_agreement_of_the_configuration() {
    let desk = Desk::new();
    copy(Path::new("config"), &desk.path("config"));
    let root_key = desk.put("config/root.key", &"5a".repeat(32));
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(root_key, mode).unwrap();
    desk.put(
        "person.json",
        r#"{"nhsNumber":"9990000018","mobility":"frame","pets":"likes tea","consent":{"sharing":true}}"#,
    );
    let ran = desk.run("apply --config config/fieldgate.yaml --agreement falls-prevention --disclosure adult person.json");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("frame") && !ran.out.contains("tea"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("9990000018"), "{}", ran.out);

    for (agreement, disclosure, there) in [
        ("falls", "adult", "falls-prevention"),
        ("falls-prevention", "adults", "adult"),
    ] {
        let ran = desk.run(&format!("apply --config config/fieldgate.yaml --agreement {agreement} --disclosure {disclosure} person.json"));
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(there), "{}", ran.err);
    }
}

#[test]
fn apply_ends_quietly_when_its_reader_goes() {
    let desk = Desk::new();
    desk.put(
        "rules.yaml",
        "fields:\n  - keep_all: [ $ ]\n    because: a test\n",
    );
    desk.put("person.json", &format!("[{}1]", "1,".repeat(1 << 20)));
    let mut child = fieldgate()
        .args(["apply", "--fields"])
        .args([desk.path("rules.yaml"), desk.path("person.json")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn p5_apply_holds_no_more_of_a_large_input_than_of_a_small_one() {
    let desk = Desk::new();
    desk.put("rules.yaml", "fields:\n  - keep: [ \"$[*].mobility\" ]\n");
    let mut child = fieldgate()
        .args(["apply", "--fields"])
        .arg(desk.path("rules.yaml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reader =
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()).unwrap());
    let record = format!("{PERSON},");
    let block = record.repeat((1 << 20) / record.len());
    stdin.write_all(b"[").unwrap();
    let mut peaks = Vec::new();
    for mebibytes in [1, 31] {
        for _ in 0..mebibytes {
            stdin.write_all(block.as_bytes()).unwrap();
        }
        // What is written is read but for what a pipe holds, and the process waits for more.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peaks.push(peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
    }
    stdin.write_all(b"{}]").unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(reader.join().unwrap() > 1 << 18);
    assert!(
        peaks[1] < peaks[0] + 2048,
        "{peaks:?} KiB after 1 and 32 MiB"
    );
}

#[test]
fn a_file_that_is_not_there_is_the_environments_fault() {
    let desk = Desk::new();
    for words in [
        "apply --fields nowhere.yaml person.json",
        "apply --fields rules.yaml nowhere.json",
        "apply --fields rules.yaml person.json -o nowhere/shared.json",
        "apply --fields rules.yaml --keys nowhere.key person.json",
        "ledger verify nowhere",
        "explain --config nowhere.yaml --partner p GET /",
    ] {
        let ran = desk.run(words);
        assert_eq!(ran.code, 3, "{words}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{words}: {}", ran.err);
        assert!(ran.err.contains("nowhere"), "{words}: {}", ran.err);
    }
}

#[test]
fn wrong_usage_is_told_apart_and_help_is_none() {
    let desk = Desk::new();
    for words in [
        "apply",
        "nothing",
        "ledger",
        "ledger verify",
        "apply --fields a --config b",
        "completions tcl",
    ] {
        let ran = desk.run(words);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{words}");
    }
    for words in [
        "--help",
        "apply --help",
        "ledger verify --help",
        "--version",
        "help explain",
    ] {
        let ran = desk.run(words);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{words}");
        assert!(ran.out.contains("fieldgate"), "{words}");
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = desk.run(&format!("completions {shell}"));
        assert_eq!(ran.code, 0);
        assert!(ran.out.contains("explain"), "{shell}");
    }
}

const EXPLAIN: &str = "explain --config config/fieldgate.yaml --partner island-health --at 2026-11-22 GET /adults/9990000018";

fn explain(words: &str) -> Ran {
    let mut command = fieldgate();
    command.args(EXPLAIN.split(' ')).args(words.split(' '));
    Ran::of(command.output().unwrap())
}

#[test]
fn explain_shows_each_step_of_a_decision_and_the_rule_of_each_field() {
    let desk = Desk::new();
    let sample = desk.put(
        "adult.json",
        r#"{"nhsNumber":"9990000018","mobility":"frame","notes":"likes tea","consent":{"sharing":true}}"#,
    );
    let ran = explain(&format!(
        "--purpose falls-prevention --sample {}",
        sample.display()
    ));
    // What the register classes as special is for professionals.
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for line in [
        "  yes special fields    left out, since the caller's credential states no health or social-work professional\n",
        "  $['mobility']   drop        line 33: @.mobility\n",
    ] {
        assert!(ran.out.contains(line), "{}", ran.out);
    }
    let ran = explain(&format!(
        "--purpose falls-prevention --professional --sample {}",
        sample.display()
    ));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        "\
GET /adults/9990000018 from island-health for falls-prevention, 2026-11-22 12:00 GMT
  yes route             GET /adults/{person}
  yes purpose declared  one purpose, in the form of a name
  yes purpose agreed    agreement falls-prevention shares `adult` for falls-prevention
  yes ground            it was collected for this purpose
  yes term              in force from 2026-04-01 to 2027-03-31
permitted: the service social-care is asked for /api/v2/adults/{person}

each field of the sample, by the rules of config/agreements/falls-prevention.yaml:
  $               structure   on the way to something that may leave
  $['nhsNumber']  tokenise    line 39: $.nhsNumber
  $['mobility']   keep        line 33: $.mobility
  $['notes']      redact      line 34: $.notes
  $['consent']    undeclared  no rule names it
records: 1 released, 0 withheld by release_if
"
    );
}

#[test]
fn explain_shows_the_term_that_refuses_and_exits_0() {
    let rows = [
        (
            "--purpose marketing",
            "purpose_not_agreed",
            "what is agreed is falls-prevention",
        ),
        ("--purpose Falls-Prevention", "purpose_malformed", ""),
        ("--json", "purpose_missing", ""),
        (
            "--purpose falls-prevention --purpose falls-prevention",
            "purpose_malformed",
            "",
        ),
    ];
    for (words, reason, text) in rows {
        let ran = explain(words);
        assert_eq!(ran.code, 0, "{words}: {}", ran.err);
        assert!(ran.out.contains(reason), "{words}: {}", ran.out);
        assert!(ran.out.contains(text), "{words}: {}", ran.out);
    }
    let ran = explain("--purpose falls-prevention --json");
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["permitted"], true);
    assert_eq!(answer["permit"]["disclosure"], "adult");
}

#[test]
fn explain_knows_the_partners_and_the_query_parameters() {
    let words = EXPLAIN.replace("island-health", "island-healt");
    let ran = Ran::of(fieldgate().args(words.split(' ')).output().unwrap());
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("island-health, harbour-homes"),
        "{}",
        ran.err
    );

    let words = EXPLAIN.replace("9990000018", "9990000018?page=2") + " --purpose falls-prevention";
    let ran = Ran::of(fieldgate().args(words.split(' ')).output().unwrap());
    assert!(
        ran.out.contains("no  query             not agreed: page"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("refused"), "{}", ran.out);
}

/// A ledger of three entries in `directory`.
fn ledger_in(directory: &Path) {
    let options = LedgerOptions {
        directory: directory.to_owned(),
        segment_bytes: 1 << 20,
        queue_entries: 8,
    };
    let clock = Clock::from_fn(|| "2026-11-22T09:15:00Z".parse().unwrap());
    let ledger = Ledger::open(options, clock, |_| {}).unwrap();
    drop(ledger.submit(Event::Agreements {
        agreements: vec![AgreementEntry {
            name: AgreementName::new("falls-prevention"),
            version: 3,
            hash: "ab".repeat(32),
            text: "ab".repeat(32),
            tables: vec![],
        }],
        layers: vec![],
        standing: vec![],
    }));
    for number in 0..2 {
        drop(ledger.submit(Event::Refusal {
            request: RequestId::new([number; 16]),
            partner: None,
            agreement: None,
            disclosure: None,
            purpose: None,
            reason: "unknown_partner",
            status: 401,
            hash: None,
            caller: CallerEntry::default(),
        }));
    }
    ledger.close().unwrap();
}

#[test]
fn ledger_verify_says_that_the_chain_holds_and_what_its_head_is() {
    let desk = Desk::new();
    ledger_in(&desk.path("ledger"));
    let ran = desk.run("ledger verify ledger");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out
            .starts_with("ledger: 3 entries in 1 segment; the chain holds\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("1 agreements, 2 refusal"), "{}", ran.out);
    let head = ran.out.split("head").nth(1).unwrap().trim().to_owned();
    let ran = desk.run(&format!("ledger verify ledger --head {head}"));
    assert_eq!(ran.code, 0, "{}", ran.err);

    let segment = "ledger/ledger-000000000001.jsonl";
    let text = desk.text(segment);
    let last = text.trim_end().rfind('\n').unwrap();
    desk.put(segment, &text[..=last]);
    assert_eq!(
        desk.run("ledger verify ledger").code,
        0,
        "the chain alone cannot tell"
    );
    let ran = desk.run(&format!("ledger verify ledger --head {head}"));
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("entries after it, up to 3, are missing"),
        "{}",
        ran.err
    );
}

#[test]
fn ledger_verify_names_the_first_broken_entry() {
    let desk = Desk::new();
    ledger_in(&desk.path("ledger"));
    let segment = "ledger/ledger-000000000001.jsonl";
    let changed = desk
        .text(segment)
        .replacen("\"version\":3", "\"version\":4", 1);
    desk.put(segment, &changed);
    let ran = desk.run("ledger verify ledger");
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("ledger-000000000001.jsonl, line 1 (entry 1): it was changed"),
        "{}",
        ran.err
    );

    let ran = desk.run("ledger verify ledger --json");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["holds"], false);
    assert_eq!(answer["fault"]["sequence"], 1);
    assert_eq!(answer["fault"]["line"], 1);
}

#[test]
fn ledger_verify_does_not_take_an_empty_directory_for_a_ledger() {
    let desk = Desk::new();
    fs::create_dir(desk.path("ledger")).unwrap();
    let ran = desk.run("ledger verify ledger");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("holds no ledger"), "{}", ran.err);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(from)).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
