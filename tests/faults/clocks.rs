//! The clock steps, and a fault inside one exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use fieldgate::clock::Clock;
use fieldgate::config;
use fieldgate::gateway::Gateway;
use fieldgate::ledger::verify::verify_directory;
use jiff::Timestamp;

use crate::child::ask;
use crate::{process, service};

const DAY: i64 = 24 * 60 * 60;

#[test]
fn a_clock_that_steps_moves_terms_and_no_deadline_and_leaves_the_chain_whole() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = process::write_configuration(folder.path(), service::start());
    let (config, now) = (
        folder.path().join("fieldgate.yaml"),
        Arc::new(AtomicI64::new(0)),
    );
    let told = Arc::clone(&now);
    let start: Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
    let clock = Clock::from_fn(move || {
        Timestamp::from_second(start.as_second() + told.load(Ordering::SeqCst)).unwrap()
    });
    let gateway = Gateway::start(move || config::load(&config), clock).unwrap();
    let address = gateway.addresses()[0];
    for (step, released) in [
        (0, true),
        (-60, true),
        (DAY, true),
        (-365 * DAY, true),
        // Before the agreement starts, and long after its end.
        (-3_000 * DAY, false),
        (90_000 * DAY, false),
        (0, true),
    ] {
        now.store(step, Ordering::SeqCst);
        let answer = ask(address, 1);
        assert_eq!(
            answer.ends_with(service::BODY),
            released,
            "{step}: {answer}"
        );
    }
    gateway.shutdown().unwrap();
    let account = verify_directory(&ledger, None).unwrap();
    assert!(
        account.fault.is_none(),
        "{:?}",
        account.fault.map(|fault| fault.kind)
    );
}

#[test]
fn a_fault_in_one_exchange_ends_that_exchange_alone() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = process::write_configuration(folder.path(), service::start());
    let config = folder.path().join("fieldgate.yaml");
    let broken = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&broken);
    let start: Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
    let clock = Clock::from_fn(move || {
        let worker = std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with("worker"));
        assert!(
            !(worker && told.swap(false, Ordering::SeqCst)),
            "broken on purpose"
        );
        start
    });
    let gateway = Gateway::start(move || config::load(&config), clock).unwrap();
    let address = gateway.addresses()[0];
    for _ in 0..3 {
        assert!(ask(address, 1).ends_with(service::BODY));
        broken.store(true, Ordering::SeqCst);
        assert!(!ask(address, 1).contains("Ada"));
    }
    assert!(ask(address, 1).ends_with(service::BODY));
    gateway.shutdown().unwrap();
    let account = verify_directory(&ledger, None).unwrap();
    assert!(
        account.fault.is_none(),
        "{:?}",
        account.fault.map(|fault| fault.kind)
    );
}
