//! The ledger's disk is full, or its files may grow no more.

use std::process::Stdio;

use fieldgate::ledger::verify::{FaultKind, verify_directory};

use crate::child::{Gateway, ask, metric, until, write_configuration};
use crate::service;

#[test]
fn p3_a_ledger_that_can_grow_no_more_lets_nothing_out_until_it_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let (address, operators) = write_configuration(folder.path(), service::start(), "drain: 1s");
    // Files get 16 or 32 KiB, by the shell; a signal that would say so is not wanted.
    let mut gateway = Gateway::start(folder.path(), "trap '' XFSZ; ulimit -f 32;", Stdio::null());
    let mut complete = 0;
    until("the file is full", || {
        let answer = ask(address, 1);
        if answer.ends_with(service::BODY) {
            complete += 1;
            return false;
        }
        assert!(answer.contains("ledger_unavailable"), "{answer}");
        assert!(!answer.contains("Ada"), "{answer}");
        true
    });
    assert!(complete > 0);
    for _ in 0..5 {
        let answer = ask(address, 1);
        assert!(
            answer.contains("503") && answer.contains("ledger_unavailable"),
            "{answer}"
        );
    }
    assert_eq!(metric(operators, "fieldgate_ledger_failed"), 1);
    // It ends, and says that not all of it is on the disk.
    gateway.signal("TERM");
    assert!(!gateway.end().success());
    let ledger = folder.path().join("ledger");
    let account = verify_directory(&ledger, None).unwrap();
    let fault = account.fault.map(|fault| fault.kind);
    assert!(
        matches!(fault, None | Some(FaultKind::TornEnd)),
        "{fault:?}"
    );

    // With room again it goes on where it was.
    let mut gateway = Gateway::start(folder.path(), "", Stdio::null());
    assert!(ask(address, 1).ends_with(service::BODY));
    gateway.signal("TERM");
    assert!(gateway.end().success());
    assert!(verify_directory(&ledger, None).unwrap().fault.is_none());
}
