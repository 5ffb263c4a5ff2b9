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
