//! Signals in a storm.

use std::process::Stdio;

use crate::child::{Gateway, ask, metric, until, write_configuration};
use crate::service;

const STORM: u64 = 200;

#[test]
fn a_storm_of_hangups_is_few_reloads_and_the_last_one_counts() {
    let folder = tempfile::tempdir().unwrap();
    let (address, operators) = write_configuration(folder.path(), service::start(), "drain: 1s");
    let gateway = Gateway::start(folder.path(), "", Stdio::null());
    let pid = gateway.child.id();
    let storm = std::thread::spawn(move || {
        let sent = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("for i in $(seq {STORM}); do kill -HUP {pid}; done"))
            .status();
        assert!(sent.unwrap().success());
    });
    for _ in 0..20 {
        assert!(ask(address, 1).ends_with(service::BODY));
    }
    storm.join().unwrap();
    let reloads = || metric(operators, r#"fieldgate_reloads_total{result="ok"}"#);
    until("it was told", || reloads() > 0);
    assert!(reloads() <= STORM);
    // What is written after the storm is what runs after the next one.
    let agreement = folder.path().join("care.yaml");
    let text = std::fs::read_to_string(&agreement).unwrap();
    std::fs::write(&agreement, text.replace(r#""$[*].name", "#, "")).unwrap();
    gateway.signal("HUP");
    until("the new agreement runs", || {
        ask(address, 1).ends_with("[{}]")
    });
}

/// A storm of hangups that lasts until it is dropped.
struct Storm(std::process::Child);

impl Storm {
    fn over(pid: u32) -> Self {
        let storm = std::process::Command::new("sh")
            .arg("-c")
            // A process each: without a pause between two signals the system begins no process for who gets them.
            .arg(format!("while env kill -HUP {pid}; do :; done"))
            .spawn();
        Self(storm.unwrap())
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        // Either fails only if it has ended already.
        let _ended = self.0.kill();
        let _waited = self.0.wait();
    }
}

#[test]
fn hangups_at_any_moment_of_an_upgrade_end_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = write_configuration(folder.path(), service::start(), "drain: 1s");
    let mut gateway = Gateway::start(folder.path(), "", Stdio::null());
    let storm = Storm::over(gateway.child.id());
    for upgrade in 0..3 {
        gateway.signal("USR2");
        gateway.waits_for("upgrading");
        gateway.waits_for("operators are answered");
        let ended = gateway.child.try_wait().unwrap();
        assert!(ended.is_none(), "upgrade {upgrade}: {ended:?}");
    }
    drop(storm);
    assert!(ask(address, 1).ends_with(service::BODY));
    // It has not come to block what it is told from then on.
    gateway.signal("TERM");
    assert!(gateway.end().success());
}

#[test]
fn a_gateway_that_is_told_to_stop_while_it_upgrades_stops() {
    let folder = tempfile::tempdir().unwrap();
    write_configuration(folder.path(), service::start(), "drain: 1s");
    let mut gateway = Gateway::start(folder.path(), "", Stdio::null());
    gateway.signal("USR2");
    gateway.waits_for("upgrading");
    gateway.signal("TERM");
    assert!(gateway.end().success());
}
