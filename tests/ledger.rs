//! The ledger on a real disk: a writer that is killed, and many that share it.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use fieldgate::agreement::{AgreementName, DisclosureName, PartnerName, PurposeName};
use fieldgate::clock::Clock;
use fieldgate::ledger::verify::{Account, FaultKind, verify_directory};
use fieldgate::ledger::{CallerEntry, Event, Ledger, LedgerOptions, RequestId};

/// Set for a child process of this test: the directory it is to write to.
const DIRECTORY: &str = "FIELDGATE_TEST_LEDGER";

fn options(directory: &Path) -> LedgerOptions {
    LedgerOptions {
        directory: directory.to_owned(),
        segment_bytes: 40_000,
        queue_entries: 1_024,
    }
}

fn intent(number: u64) -> Event {
    Event::Intent {
        request: RequestId::new(u128::from(number).to_be_bytes()),
        partner: PartnerName::new("island-health"),
        agreement: AgreementName::new("falls-prevention"),
        version: 3,
        hash: "ab".repeat(32),
        disclosure: DisclosureName::new("adult"),
        purpose: PurposeName::new("falls-prevention"),
        caller: CallerEntry::default(),
        registered: None,
    }
}

/// The child's part: eight tasks that enter without end, each printing the sequence of what became durable.
fn write_until_killed(directory: &Path) {
    let ledger = Ledger::open(options(directory), Clock::system(), |_| {}).unwrap();
    std::thread::scope(|scope| {
        for task in 0..8 {
            let ledger = &ledger;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                for number in 0.. {
                    let pending = ledger.submit(intent(task << 32 | number)).unwrap();
                    let receipt = runtime.block_on(pending.durable()).unwrap();
                    let line = format!("durable {}\n", receipt.sequence());
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

fn start_writer(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("p3_what_was_durable_before_a_kill_is_in_the_ledger_after_it")
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn verified(directory: &Path) -> Account {
    verify_directory(directory, None).unwrap()
}

#[test]
fn p3_what_was_durable_before_a_kill_is_in_the_ledger_after_it() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return write_until_killed(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut durable = 0;
    // Each round goes on with the ledger that the one before was killed in.
    for entries_before_kill in [1, 2, 3, 10, 50, 200, 400] {
        let mut child = start_writer(directory.path());
        let mut seen = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            // The test harness prints lines of its own, and the last may be cut.
            let line = line.unwrap();
            if let Some(sequence) = line.strip_prefix("durable ") {
                durable = durable.max(sequence.parse().unwrap());
                seen += 1;
            }
            if seen == entries_before_kill {
                child.kill().unwrap();
                // What it still said before it died counts too.
            }
        }
        child.wait().unwrap();
        assert!(seen >= entries_before_kill, "it wrote until it was killed");

        let found = verified(directory.path());
        if let Some(fault) = &found.fault {
            assert_eq!(
                fault.kind,
                FaultKind::TornEnd,
                "a kill can only tear the end"
            );
        }
        assert!(found.entries >= durable, "{} < {durable}", found.entries);
        let ledger = Ledger::open(options(directory.path()), Clock::system(), |_| {}).unwrap();
        ledger.close().unwrap();
        let found = verified(directory.path());
        assert_eq!(found.fault, None);
        assert!(found.entries >= durable);
    }
}

#[test]
fn many_tasks_enter_at_once_and_each_gets_an_entry_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(directory.path()), Clock::system(), |_| {}).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut sequences = runtime.block_on(async {
        let tasks: Vec<_> = (0..500)
            .map(|number| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    let pending = ledger.submit(intent(number)).unwrap();
                    pending.durable().await.unwrap().sequence()
                })
            })
            .collect();
        let mut sequences = Vec::new();
        for task in tasks {
            sequences.push(task.await.unwrap());
        }
        // However they were grouped, these fill more than a segment; the next has one of its own.
        let last = ledger.submit(intent(500)).unwrap();
        sequences.push(last.durable().await.unwrap().sequence());
        sequences
    });
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=501).collect::<Vec<_>>());
    ledger.close().unwrap();
    let found = verified(directory.path());
    assert_eq!(found.fault, None);
    assert_eq!((found.entries, found.unended.count), (501, 501));
    assert!(found.segments > 1);
}

#[test]
fn a_ledger_that_is_being_written_can_be_verified() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(options(directory.path()), Clock::system(), |_| {}).unwrap();
    let segment = directory.path().join("ledger-000000000001.jsonl");
    let mut behind_its_back = std::fs::OpenOptions::new()
        .append(true)
        .open(segment)
        .unwrap();
    behind_its_back.write_all(b"{\"seq\":1,").unwrap();
    let found = verified(directory.path());
    assert_eq!((found.fault, found.being_written), (None, true));
    ledger.close().unwrap();
    let found = verified(directory.path());
    assert_eq!(found.fault.unwrap().kind, FaultKind::TornEnd);
}

#[cfg(target_os = "linux")]
#[test]
fn p3_on_a_full_disk_nothing_is_durable() {
    // The device that is always full: it takes no byte, whoever writes.
    let directory = tempfile::tempdir().unwrap();
    let segment = directory.path().join("ledger-000000000001.jsonl");
    std::os::unix::fs::symlink("/dev/full", segment).unwrap();
    let ledger = Ledger::open(options(directory.path()), Clock::system(), |_| {}).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let pending = ledger.submit(intent(1)).unwrap();
    let error = runtime.block_on(pending.durable()).unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    assert!(ledger.failed());
}
