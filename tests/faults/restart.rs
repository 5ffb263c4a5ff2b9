//! A restart closes no listening socket: every request under way and every one that comes meanwhile is answered.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fieldgate::ledger::verify::verify_directory;

use crate::child::{Gateway, ask, ask_on, connect, until, write_configuration};
use crate::service;

/// Partners asking at once, half of them on connections that they keep.
const PARTNERS: usize = 6;

const UPGRADES: usize = 3;

#[test]
fn no_request_fails_while_the_gateway_is_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = write_configuration(folder.path(), service::start(), "drain: 10s");
    let mut gateway = Gateway::start(folder.path(), "", Stdio::null());
    let (stop, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let partners: Vec<_> = (0..PARTNERS)
        .map(|partner| {
            let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
            std::thread::spawn(move || {
                let mut failures = Vec::new();
                let mut kept = None;
                while !stop.load(Ordering::Relaxed) {
                    let failure = if partner % 2 == 0 {
                        let answer = ask(address, partner);
                        (!answer.ends_with(service::BODY)).then_some(answer)
                    } else {
                        let mut stream = kept.take().unwrap_or_else(|| connect(address));
                        match ask_on(&mut stream, partner) {
                            Ok((_, body, closes)) => {
                                if !closes {
                                    kept = Some(stream);
                                }
                                (body != service::BODY).then_some(body)
                            }
                            Err(error) => Some(error.to_string()),
                        }
                    };
                    failures.extend(failure);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                failures
            })
        })
        .collect();
    for upgrade in 0..UPGRADES {
        let before = asked.load(Ordering::Relaxed);
        until("some are answered", || {
            asked.load(Ordering::Relaxed) > before + 50
        });
        gateway.signal("USR2");
        gateway.waits_for("upgrading");
        gateway.waits_for("operators are answered");
        assert!(
            gateway.child.try_wait().unwrap().is_none(),
            "upgrade {upgrade}: the same process"
        );
    }
    let before = asked.load(Ordering::Relaxed);
    until("some are answered", || {
        asked.load(Ordering::Relaxed) > before + 50
    });
    stop.store(true, Ordering::Relaxed);
    for partner in partners {
        assert_eq!(partner.join().unwrap(), Vec::<String>::new());
    }
    gateway.signal("TERM");
    assert!(gateway.end().success());
    let account = verify_directory(&folder.path().join("ledger"), None).unwrap();
    assert!(
        account.fault.is_none(),
        "{:?}",
        account.fault.map(|fault| fault.kind)
    );
}

#[test]
fn an_upgrade_to_a_configuration_that_cannot_run_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = write_configuration(folder.path(), service::start(), "drain: 10s");
    let mut gateway = Gateway::start(folder.path(), "", Stdio::null());
    std::fs::write(folder.path().join("care.yaml"), "agreement: [").unwrap();
    gateway.signal("USR2");
    gateway.waits_for("no upgrade is done");
    assert!(ask(address, 1).ends_with(service::BODY));
}

#[test]
fn sockets_of_a_service_manager_are_taken_with_what_waits_in_them() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _) = write_configuration(folder.path(), service::start(), "drain: 10s");
    let listener = std::net::TcpListener::bind(address).unwrap();
    // It waits before there is a gateway.
    let early = std::thread::spawn(move || ask(address, 1));
    let socket = Stdio::from(OwnedFd::from(listener));
    let before = "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&0 0</dev/null;";
    let mut gateway = Gateway::start(folder.path(), before, socket);
    assert!(early.join().unwrap().ends_with(service::BODY));
    gateway.signal("TERM");
    assert!(gateway.end().success());
}
