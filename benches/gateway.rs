//! The gateway's requests a second, beside a bare hyper proxy and no proxy at all.
//!
//! `cargo bench --bench gateway` prints the table of `docs/PERFORMANCE.md`; `-- --quick` only shows that it runs.
//! Everything is in this process on loopback: a service, a partner with connections that stay open, the gateway
//! with one worker, its ledger on and its log written to nowhere, and the proxy. They take turns.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use fieldgate::clock::Clock;
use fieldgate::config::{self, Log, LogFormat, LogLevel};
use fieldgate::gateway::{Gateway, log};
use sha2::{Digest as _, Sha256};

mod load;
mod records;
#[expect(dead_code, reason = "another bench measures whole runs with it")]
mod table;

use load::pass;
use table::number;

const KEY: &str = "a-key-of-the-bench";

/// Threads of the gateway that work for a request: the worker and the ledger's writer.
const GATEWAY_THREADS: [&str; 2] = ["worker-0", "ledger"];

/// All but four fields; then the same with records that are held and subjects that are entered.
const AGREEMENT: &str = r#"
agreement: bench
version: 1
title: All but four fields
parties: { controller: isle-council, partner: island-health }
term: { starts: 2020-01-01, ends: 2199-12-31 }
purposes: { bench: See how fast it is }
disclosures:
  - name: streamed
    purposes: [bench]
    request: GET /streamed
    service: { name: records, path: /records }
    response:
      format: json
      fields:
        - keep_all: [$]
          because: it is what is compared
        - drop: ["$.records[*].person.name", "$.records[*].person.nino", "$.records[*].notes", "$.records[*].household[*].name"]
  - name: held
    purposes: [bench]
    request: GET /held
    service: { name: records, path: /records }
    response:
      format: json
      record: "$.records[*]"
      subject: "@.person.nhs_number"
      fields:
        - keep_all: [$]
          because: it is what is compared
        - drop: ["$.records[*].person.name", "$.records[*].person.nino", "$.records[*].notes", "$.records[*].household[*].name"]
"#;

/// How long a turn is, and how many rounds of turns.
struct Effort {
    turn: Duration,
    rounds: usize,
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let effort = if quick {
        Effort {
            turn: Duration::from_millis(100),
            rounds: 1,
        }
    } else {
        Effort {
            turn: Duration::from_secs(2),
            rounds: 5,
        }
    };
    let to_nowhere = Log {
        format: LogFormat::Json,
        level: LogLevel::Info,
    };
    tracing::subscriber::set_global_default(log::subscriber(to_nowhere, std::io::sink))
        .expect("nobody has set one before");
    table::line(&format!(
        "gateway: {}; one worker, HTTP/1.1 without TLS on loopback, ledger on; median of {} rounds of {} s\n",
        table::surroundings(),
        effort.rounds,
        effort.turn.as_secs_f64(),
    ));
    table::head(&[
        "body, connections",
        "disclosure",
        "req/s",
        "MB/s",
        "x of pass",
        "x of no proxy",
        "µs/req",
        "pass µs/req",
    ]);
    // One record, and a thousand.
    for (bytes, connections) in [(100, 32), (1 << 20, 8)] {
        let body = records::document(bytes);
        let size = match body.len() >> 20 {
            0 => format!("{:.1} KB", body.len() as f64 / 1e3),
            mib => format!("{mib} MiB"),
        };
        let name = format!("{size}, {connections}");
        let service = load::serve(&body);
        let pass = pass::start(service);
        let (gateway, _folder) = start_gateway(service);
        for disclosure in ["streamed", "held"] {
            let ways = [gateway.addresses()[0], pass, service];
            measure(&name, disclosure, body.len(), connections, ways, &effort);
        }
        gateway.shutdown().expect("the ledger closes");
    }
}

/// One row: the gateway, the bare proxy and no proxy, in turns.
fn measure(
    name: &str,
    disclosure: &str,
    bytes: usize,
    connections: usize,
    ways: [SocketAddr; 3],
    effort: &Effort,
) {
    let request = format!(
        "GET /{disclosure} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {KEY}\r\nData-Purpose: bench\r\n\r\n"
    );
    let mut rates = [const { Vec::new() }; 3];
    let mut costs = [const { Vec::new() }; 3];
    let threads: [&[&str]; 3] = [&GATEWAY_THREADS, &[pass::THREAD], &["service"]];
    for round in 0..=effort.rounds {
        for (place, way) in ways.into_iter().enumerate() {
            let before = load::processor_time(threads[place]);
            let asked = load::ask(way, &request, connections, effort.turn);
            let cost = load::processor_time(threads[place]).saturating_sub(before);
            // The first round opens connections and warms caches.
            if round > 0 {
                rates[place].push(asked.responses as f64 / asked.took.as_secs_f64());
                costs[place].push(cost.as_secs_f64() * 1e6 / asked.responses as f64);
            }
        }
    }
    let ratio = |peer: usize| {
        let pairs = rates[0].iter().zip(&rates[peer]);
        table::median(pairs.map(|(own, other)| own / other).collect())
    };
    let rate = table::median(rates[0].clone());
    table::row(&[
        name.to_owned(),
        disclosure.to_owned(),
        number(rate),
        number(rate * bytes as f64 / 1e6),
        number(ratio(1)),
        number(ratio(2)),
        number(table::median(costs[0].clone())),
        number(table::median(costs[1].clone())),
    ]);
}

/// A gateway before `service`, on a folder that lasts as long as what is returned.
fn start_gateway(service: SocketAddr) -> (Gateway, tempfile::TempDir) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("the target folder can be written");
    write_configuration(folder.path(), service).expect("the target folder can be written");
    let path = folder.path().join("fieldgate.yaml");
    let gateway = Gateway::start(move || config::load(&path), Clock::system());
    (gateway.unwrap_or_else(|error| panic!("{error}")), folder)
}

fn write_configuration(folder: &Path, service: SocketAddr) -> std::io::Result<()> {
    let hash: String = Sha256::digest(KEY)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let gateway = format!(
        "listen: [{{ address: '127.0.0.1:0', insecure_plain_http: true }}]\n\
         admin: {{ address: '127.0.0.1:0' }}\n\
         controller: {{ name: isle-council }}\n\
         partners: [{{ name: island-health, identify: {{ api_keys: [{{ name: key, sha256: {hash} }}] }} }}]\n\
         services: [{{ name: records, url: 'http://{service}' }}]\n\
         agreements: [bench.yaml]\n\
         keys: {{ root_key_file: root.key }}\n\
         ledger: {{ directory: ledger }}\n\
         workers: 1\n"
    );
    std::fs::write(folder.join("fieldgate.yaml"), gateway)?;
    std::fs::write(folder.join("bench.yaml"), AGREEMENT)?;
    let key = folder.join("root.key");
    std::fs::write(&key, "5a".repeat(32))?;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))
}
