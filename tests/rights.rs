//! `fieldgate subjects` run as an operator runs it, killed midway, and beside a gateway.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[expect(dead_code, reason = "this test needs a part of it")]
mod process;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Instant;

use fieldgate::rights::{Entry, Lists};
use fieldgate::subjects::Store;
use fieldgate::transform::RootKey;
use process::{HANG, Process};
use serde_json::Value;

const WHO: [&str; 4] = ["--by", "dpo", "--why", "a letter"];

/// A folder with a configuration that names a store, which is made.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(service: SocketAddr) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        process::write_configuration(desk.0.path(), service);
        let config = desk.path("fieldgate.yaml");
        let mut text = std::fs::read_to_string(&config).unwrap();
        text.push_str("subjects: { store: subjects }\n");
        std::fs::write(&config, text).unwrap();
        assert!(desk.run(&["create"], "").status.success());
        desk
    }

    /// Where nobody is asked.
    fn alone() -> Self {
        Self::new("127.0.0.1:9".parse().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = process::command()
            .arg("subjects")
            .args(arguments)
            .arg("--config")
            .arg(self.path("fieldgate.yaml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that reads nothing may have ended already.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        child.wait_with_output().unwrap()
    }

    /// As [`Desk::run`], which has to succeed and print JSON.
    fn json(&self, arguments: &[&str], input: &str) -> Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let output = self.run(&arguments, input);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn open(&self) -> Store {
        Store::open(&self.path("subjects"), seal()).unwrap()
    }
}

fn seal() -> zeroize::Zeroizing<[u8; 32]> {
    RootKey::from_hex(&"5a".repeat(32)).unwrap().subjects_seal()
}

fn with<'a>(first: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [first, rest].concat()
}

#[test]
fn what_is_added_is_shown_with_who_and_why_and_goes_when_it_is_withdrawn() {
    let desk = Desk::alone();
    let added = desk.json(&with(&["add", "objection:care"], &WHO), "401 023 2137\n");
    assert_eq!(
        (&added["entered"], &added["unchanged"]),
        (&1.into(), &0.into())
    );
    let again = desk.json(&with(&["add", "objection:care"], &WHO), "4010232137\n");
    assert_eq!(
        (&again["entered"], &again["unchanged"]),
        (&0.into(), &1.into())
    );
    let shown = desk.json(&["show"], "401-023-2137");
    assert_eq!(shown["entries"][0]["what"], "objection:care");
    assert_eq!(shown["changes"][0]["by"], "dpo");
    assert_eq!(shown["changes"][0]["why"], "a letter");
    let withdrawn = desk.json(&with(&["withdraw", "objection:care"], &WHO), "4010232137");
    assert_eq!(withdrawn["withdrawn"], 1);
    let shown = desk.json(&["show"], "4010232137");
    assert_eq!(shown["entries"], Value::Array(Vec::new()));
    assert_eq!(shown["changes"].as_array().unwrap().len(), 2);
}

#[test]
fn p7_no_identifier_is_in_the_store_or_in_what_the_command_prints() {
    let desk = Desk::alone();
    let mut printed = Vec::new();
    for (arguments, input) in [
        (with(&["add", "objection"], &WHO), "4010232137\n"),
        (
            with(&["import", "opt-out:list"], &WHO),
            "4010232137\n4010232145\n",
        ),
        (
            with(&["add", "deceased"], &WHO),
            "4010232137 or so\nUNKNOWN\n",
        ),
        (vec!["show"], "4010232137"),
        (vec!["list"], ""),
        (vec!["export"], ""),
        (vec!["stats"], ""),
    ] {
        let output = desk.run(&arguments, input);
        printed.extend(output.stdout);
        printed.extend(output.stderr);
    }
    printed.extend(std::fs::read(desk.path("subjects")).unwrap());
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains("opt-out:list"));
    assert!(!printed.contains("4010232") && !printed.contains("UNKNOWN"));
}

#[test]
fn a_line_that_identifies_nobody_stops_an_addition_and_is_counted_by_an_import() {
    let desk = Desk::alone();
    let list = "4010232137\nUNKNOWN\n\n4010232145\n";
    let refused = desk.run(&with(&["add", "objection"], &WHO), list);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("line 2") && said.contains("nothing is changed"),
        "{said}"
    );
    assert!(desk.open().lists().is_empty());
    let imported = desk.json(&with(&["import", "objection"], &WHO), list);
    assert_eq!(imported["entered"], 2);
    assert_eq!(imported["unfit_lines"], 1);
    assert_eq!(imported["first_unfit_lines"][0], 2);
}

#[test]
fn a_list_that_replaces_another_may_not_take_a_tenth_by_mistake() {
    let desk = Desk::alone();
    let list = |people: std::ops::Range<u64>| -> String {
        let rows = people.map(|number| format!("x,{}\n", 4_010_000_000 + number * 37));
        format!("name,NHS Number\n{}", rows.collect::<String>())
    };
    let import = with(
        &[
            "import",
            "opt-out:ndop",
            "--column",
            "NHS Number",
            "--replace",
        ],
        &WHO,
    );
    assert_eq!(desk.json(&import, &list(0..100))["entered"], 100);
    let next = desk.json(&import, &list(5..105));
    assert_eq!(
        (&next["entered"], &next["withdrawn"]),
        (&5.into(), &5.into())
    );
    let cut = desk.run(&import, &list(5..40));
    assert_eq!(cut.status.code(), Some(1));
    assert!(
        String::from_utf8(cut.stderr)
            .unwrap()
            .contains("--allow-fewer")
    );
    assert_eq!(desk.open().lists().len(), 100);
    let meant = desk.json(&with(&import, &["--allow-fewer"]), &list(5..40));
    assert_eq!(meant["withdrawn"], 65);
}

#[test]
fn a_childs_entry_ends_with_the_day_before_the_eighteenth_birthday() {
    let desk = Desk::alone();
    let born = with(&["add", "child", "--born", "2010-06-16"], &WHO);
    desk.json(&born, "4010232137");
    let shown = desk.json(&["show"], "4010232137");
    assert_eq!(shown["entries"][0]["until"], "2028-06-15");
    let output = desk.run(
        &with(&["add", "deceased", "--born", "2010-06-16"], &WHO),
        "1",
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn without_a_store_the_command_says_how_to_make_one_and_never_makes_it_by_itself() {
    let desk = Desk::alone();
    std::fs::remove_file(desk.path("subjects")).unwrap();
    let output = desk.run(&with(&["add", "objection"], &WHO), "4010232137");
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("fieldgate subjects create"), "{said}");
    assert!(!desk.path("subjects").exists());
}

#[test]
fn an_import_killed_at_any_moment_leaves_a_store_that_holds_and_that_a_second_one_finishes() {
    let people = 60_000;
    let list: String = (0..people)
        .map(|n| format!("{}\n", 4_000_000_000_u64 + n * 37))
        .collect();
    let mut entered = Vec::new();
    for kill in 0..6 {
        let desk = Desk::alone();
        let from = desk.path("list");
        std::fs::write(&from, &list).unwrap();
        let store = desk.path("subjects");
        let mut child = process::command()
            .args(["subjects", "import", "opt-out:list"])
            .arg(&from)
            .args(WHO)
            .arg("--config")
            .arg(desk.path("fieldgate.yaml"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Killed when the file has grown so far, or has ended: at the start, midway, near the end.
        let grown = 1 + kill * 300_000;
        let began = Instant::now();
        while std::fs::metadata(&store).unwrap().len() < grown
            && child.try_wait().unwrap().is_none()
        {
            assert!(began.elapsed() < HANG, "the import goes on");
        }
        drop(child.kill());
        child.wait().unwrap();
        let read = desk.open();
        entered.push(read.lists().len());
        let again = desk.json(
            &with(&["import", "opt-out:list", from.to_str().unwrap()], &WHO),
            "",
        );
        let changed = again["entered"].as_u64().unwrap() as usize;
        assert_eq!(read.lists().len() + changed, people as usize, "kill {kill}");
        assert_eq!(desk.open().lists().len(), people as usize, "kill {kill}");
    }
    let midway = entered.iter().any(|&count| count < people as usize);
    assert!(midway, "no kill came before the end: {entered:?}");
}

#[test]
fn an_objection_by_the_command_counts_in_a_gateway_of_another_process() {
    let service = start_service();
    let desk = Desk::new(service);
    let gateway = Process::start(desk.0.path());
    assert_eq!(names(&gateway), r#"[{"name":"Ada"},{"name":"Ben"}]"#);
    for (act, left) in [
        ("add", r#"[{"name":"Ben"}]"#),
        ("withdraw", r#"[{"name":"Ada"},{"name":"Ben"}]"#),
    ] {
        desk.json(&with(&[act, "objection:care"], &WHO), "401 023 2137");
        let began = Instant::now();
        while names(&gateway) != left {
            assert!(began.elapsed() < HANG, "{act} never took effect");
        }
    }
    assert!(gateway.stop());
}

#[test]
fn a_gateway_whose_store_was_tampered_with_releases_nothing() {
    let service = start_service();
    let desk = Desk::new(service);
    desk.json(&with(&["add", "court-restricted"], &WHO), "4010232137");
    let store = desk.path("subjects");
    let text = std::fs::read_to_string(&store).unwrap();
    std::fs::write(&store, text.replace("court-restricted", "child-consent")).unwrap();
    let gateway = Process::start(desk.0.path());
    let answer = ask(&gateway);
    assert!(
        answer.contains("503") && answer.contains("rights_unavailable"),
        "{answer}"
    );
    let stats = desk.run(&["stats"], "");
    assert_eq!(stats.status.code(), Some(3));
    assert!(String::from_utf8(stats.stderr).unwrap().contains("line 2"));
}

#[test]
fn a_million_entries_are_held_under_32_mib() {
    // Spread as an HMAC spreads: a mixer of 64 bits.
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let people: Vec<[u8; 16]> = (1..=1_000_000_u64)
        .map(|number| {
            let (one, two) = (mix(number), mix(number ^ u64::MAX));
            [one.to_be_bytes(), two.to_be_bytes()]
                .concat()
                .try_into()
                .unwrap()
        })
        .collect();
    let mut lists = Lists::new();
    let objection = Entry::of("objection".parse().unwrap());
    assert_eq!(lists.enter(&objection, &people), Ok(1_000_000));
    assert!(lists.bytes() < 32 << 20, "{} bytes", lists.bytes());
    let found = people
        .iter()
        .step_by(997)
        .all(|token| lists.of(token).count() == 1);
    assert!(found);
}

fn names(gateway: &Process) -> String {
    let answer = ask(gateway);
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    body.to_owned()
}

fn ask(gateway: &Process) -> String {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(process::request(1).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A service with Ada and Ben, on a thread of its own.
fn start_service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let body = r#"[{"id":4010232137,"name":"Ada"},{"id":"4010232145","name":"Ben"}]"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        for stream in listener.incoming().map_while(Result::ok) {
            serve(stream, &answer);
        }
    });
    address
}

/// Answers one request; a gateway that has gone is no fault of the service.
fn serve(mut stream: TcpStream, answer: &str) {
    let mut head = Vec::new();
    let mut piece = [0; 1_024];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(count @ 1..) => head.extend_from_slice(&piece[..count]),
            Ok(0) | Err(_) => return,
        }
    }
    drop(stream.write_all(answer.as_bytes()));
}
