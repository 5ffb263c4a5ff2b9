//! File descriptors run out.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Instant;

use crate::child::{Gateway, ask, ask_on, connect, metric, until, write_configuration};
use crate::service;

#[test]
fn without_descriptors_connections_wait_and_those_that_are_open_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (address, operators) =
        write_configuration(folder.path(), service::start(), "connection_idle: 2min");
    let mut gateway = Gateway::start(folder.path(), "ulimit -n 100;", Stdio::null());
    let began = Instant::now();
    let mut answered = connect(address);
    assert_eq!(ask_on(&mut answered, 1).unwrap().1, service::BODY);
    // More than there are descriptors for: each is in the system's queue at least.
    let mut open = Vec::new();
    for _ in 0..120 {
        let mut stream = connect(address);
        stream.write_all(b"G").unwrap();
        open.push(stream);
    }
    // What there are descriptors for is fewer than `limits.connections`.
    let limit = metric(operators, "fieldgate_connections_limit");
    assert!((1..=50).contains(&limit), "{limit}");
    let reached = r#"fieldgate_limits_reached_total{limit="file_descriptors"}"#;
    until("it has no more", || metric(operators, reached) > 0);
    for page in 0..20 {
        assert_eq!(ask_on(&mut answered, page).unwrap().1, service::BODY);
    }
    let paused = metric(operators, reached);
    until("it goes on looking", || {
        metric(operators, reached) > paused + 5
    });
    drop(open);
    assert!(ask(address, 1).ends_with(service::BODY));
    let seconds = began.elapsed().as_secs() as usize;
    let lines = gateway.count("no connection is accepted for the moment");
    assert!(
        (1..=seconds + 2).contains(&lines),
        "{lines} lines in {seconds} s"
    );
}
