//! `kill -9` of a gateway under load: whatever a partner got a byte of is in the ledger (P3).

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[expect(dead_code, reason = "this test needs a part of it")]
mod process;

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, Sender};

use fieldgate::ledger::verify::{FaultKind, verify_directory};
use process::{HANG, Process};

const KILLS: usize = 10;

/// Partners asking at once.
const PARTNERS: usize = 8;

/// A gateway that is killed while it answers has let out no byte that its ledger does not account for.
/// Rows: P3.2.7.
#[test]
fn p3_every_body_that_a_partner_got_a_byte_of_is_in_the_ledger_after_a_kill() {
    let service = start_service();
    let folder = tempfile::tempdir().unwrap();
    let ledger = process::write_configuration(folder.path(), service);

    // xorshift64*, from a fixed seed: the moments of the kills, in bodies begun.
    let mut random: u64 = 0x2545_F491_4F6C_DD1D;
    let mut got = HashSet::new();
    for kill in 0..KILLS {
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        let bodies = 1 + (random % 120) as usize;
        let gateway = Process::start(folder.path());
        let address = gateway.address;
        let before = got.len();
        let (begun, bodies_begun) = mpsc::channel();
        let partners: Vec<_> = (0..PARTNERS)
            .map(|partner| {
                let begun = begun.clone();
                std::thread::spawn(move || ask_until_gone(address, partner, &begun))
            })
            .collect();
        drop(begun);
        while got.len() - before < bodies {
            got.insert(
                bodies_begun
                    .recv_timeout(HANG)
                    .expect("the gateway answers"),
            );
        }
        gateway.kill();
        // What had come to the partners by then counts too.
        got.extend(bodies_begun);
        partners
            .into_iter()
            .for_each(|partner| partner.join().unwrap());

        let account = verify_directory(&ledger, None).unwrap();
        let fault = account.fault.map(|fault| fault.kind);
        assert!(
            matches!(fault, None | Some(FaultKind::TornEnd)),
            "kill {kill}: {fault:?}"
        );
        let accounted = intents(&ledger);
        let unaccounted = got.iter().filter(|id| !accounted.contains(*id)).count();
        assert_eq!(
            unaccounted, 0,
            "kill {kill} after {bodies} bodies: bodies without an intent"
        );
    }

    // The gateway goes on with the ledger that it was killed in, and what it leaves is whole.
    assert!(
        Process::start(folder.path()).stop(),
        "the gateway stops as it should"
    );
    let verified = process::command()
        .args(["ledger", "verify"])
        .arg(&ledger)
        .output()
        .unwrap();
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}

/// Asks again and again, each time on a connection of its own, until nobody answers; tells of each body that
/// began, by its request's id.
fn ask_until_gone(address: SocketAddr, partner: usize, begun: &Sender<String>) {
    for page in partner.. {
        let Ok(mut stream) = TcpStream::connect(address) else {
            return;
        };
        stream.set_read_timeout(Some(HANG)).unwrap();
        let request = process::request(page);
        let mut got = Vec::new();
        let mut told = false;
        let mut piece = [0; 4_096];
        if stream.write_all(request.as_bytes()).is_err() {
            return;
        }
        while let Ok(count @ 1..) = stream.read(&mut piece) {
            if told {
                continue;
            }
            got.extend_from_slice(&piece[..count]);
            if let Some(id) = body_began(&got) {
                told = true;
                if begun.send(id).is_err() {
                    return;
                }
            }
        }
    }
}

/// The id of the request, once a byte of the response's body is there.
fn body_began(got: &[u8]) -> Option<String> {
    let end = got.windows(4).position(|window| window == b"\r\n\r\n")?;
    if got.len() == end + 4 {
        return None;
    }
    let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
    let id = head
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "));
    Some(id.expect("each response names its request").to_owned())
}

/// The requests of all intents that are whole in the ledger.
fn intents(ledger: &Path) -> HashSet<String> {
    let mut found = HashSet::new();
    for segment in std::fs::read_dir(ledger).unwrap() {
        let path = segment.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else {
                continue;
            };
            if entry["event"] == "intent" {
                found.insert(
                    entry["request"]
                        .as_str()
                        .expect("an intent names its request")
                        .to_owned(),
                );
            }
        }
    }
    found
}

/// A service that answers with a short list, each fourth time with one that takes many writes.
fn start_service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(lines.read_line(&mut head), Ok(1..)) {
                return;
            }
        }
        let page: usize = head
            .split(['/', ' '])
            .find_map(|part| part.parse().ok())
            .unwrap();
        let people = if page.is_multiple_of(4) { 4_000 } else { 5 };
        let record = |number| {
            format!(r#"{{"id":"99900{number:05}","name":"Person {number}","notes":"not agreed"}}"#)
        };
        let body = (0..people).map(record).collect::<Vec<_>>().join(",");
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n[{body}]",
            body.len() + 2
        );
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}
