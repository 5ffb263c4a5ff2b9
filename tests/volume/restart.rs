//! Counts outlive the process, however it ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::harness::*;
use crate::site::*;

#[test]
fn counts_outlive_a_stop() {
    run(async {
        let service = people(|_| 0..3).await;
        let quota = "quota: [{ per: P1D, requests: 500, records: 9, people: 3 }]";
        let mut council = council(&service, quota, "");
        let hands = Hands::at("2026-06-15T12:00:00Z");
        start(&mut council, &hands);
        assert_eq!(council.get("/adults").await.status(), 200);
        assert_eq!(council.get("/adults").await.status(), 200);
        council.stop().await;
        start(&mut council, &hands);
        council
            .get("/adults/7")
            .await
            .is_problem(429, "quota_exceeded");
        assert_eq!(council.get("/adults").await.status(), 200);
        council
            .get("/adults/1")
            .await
            .is_problem(429, "quota_exceeded");
        hands.set("2026-06-16T12:00:00Z");
        assert_eq!(council.get("/adults/7").await.status(), 200);
    });
}

/// A gateway in a process of its own, and where partners connect.
struct Process {
    child: Child,
    address: std::net::SocketAddr,
}

impl Process {
    fn start(council: &Council) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fieldgate"))
            .args(["serve", "--config"])
            .arg(council.config())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        for line in lines.map_while(Result::ok) {
            said.push_str(&line);
            said.push('\n');
            if let Some(address) = address(&line) {
                return Self { child, address };
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("the gateway does not listen:\n{said}");
    }

    /// Ends it as a power cut of the process would: SIGKILL.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The address in the line that says where partners connect.
fn address(line: &str) -> Option<std::net::SocketAddr> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (line.contains("partner") || line.contains("listen"))
        .then(|| format!("127.0.0.1:{port}").parse().ok())
        .flatten()
}

#[test]
fn a_killed_gateway_has_forgotten_no_request_no_record_and_nobody() {
    run(async {
        let service = people(|_| 0..3).await;
        let quota = "quota: [{ per: P1Y, requests: 6, records: 12, people: 4 }]";
        let council = council(&service, quota, "");
        let mut permitted = 0;
        let mut records = 0;
        for round in 0..6 {
            let process = Process::start(&council);
            // Killed in the middle of what it does: an answer has just come.
            for path in ["/adults", "/adults/40", "/adults/41"] {
                let answer = send(process.address, care("GET", path, "").as_bytes()).await;
                if answer.status() == 200 {
                    permitted += 1;
                    records += answer.text().matches("name-").count();
                    assert_ne!(path, "/adults/41", "a fifth person, in round {round}");
                } else {
                    answer.is_problem(429, "quota_exceeded");
                }
            }
            process.kill();
        }
        assert!(permitted <= 6, "{permitted} were permitted");
        assert!(records <= 12, "{records} left");
        assert!(permitted > 0);
    });
}
