//! The built `fieldgate serve` as a process of its own, before a service of the test's.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

const KEY: &str = "health-key-0123456789";

/// Nothing on loopback takes this long unless it hangs.
pub(crate) const HANG: Duration = Duration::from_secs(60);

const AGREEMENT: &str = r#"
agreement: care
version: 1
title: Care with Island Health
parties: { controller: isle-council, partner: island-health }
term: { starts: 2020-01-01, ends: 2199-12-31 }
purposes: { care: Offer care }
disclosures:
  - name: adults
    purposes: [care]
    request: GET /adults/{page}
    service: { name: social-care, path: "/adults/{page}" }
    parameters: { path: { page: keep } }
    response:
      format: json
      record: "$[*]"
      subject: "@.id"
      fields:
        - keep: ["$[*].name", "$[*].person.dob", "$[*].address.postcode", "$[*].council_tax.band"]
"#;

/// A gateway that runs; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Where it answers partners.
    pub(crate) address: SocketAddr,
}

impl Process {
    /// A gateway on the configuration in `folder`, once it answers.
    pub(crate) fn start(folder: &Path) -> Self {
        let mut child = command()
            .args(["serve", "--config"])
            .arg(folder.join("fieldgate.yaml"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary is built with the tests");
        let (said, address) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
        // Reads to the end, so that the gateway never waits for somebody to read its log.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(event) = serde_json::from_str::<serde_json::Value>(&line) else {
                    continue;
                };
                if event["message"] == "partners are answered" {
                    let address = event["address"].as_str().and_then(|text| text.parse().ok());
                    // The test may have failed meanwhile and want it no more.
                    let _unwanted = said.send(address.expect("the log names the address"));
                }
            }
        });
        let address = address.recv_timeout(HANG).expect("the gateway starts");
        Self { child, address }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop; gives whether it ended as it should.
    pub(crate) fn stop(mut self) -> bool {
        let asked = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status();
        asked.is_ok_and(|status| status.success())
            && self.child.wait().is_ok_and(|status| status.success())
    }

    /// Its memory that is resident now, and the most that ever was, in KiB.
    pub(crate) fn memory(&self) -> (u64, u64) {
        memory_of(self.child.id())
    }

    fn end(&mut self) {
        // Either fails only if it has ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// What of a process's memory is resident now, and the most that ever was, in KiB.
pub(crate) fn memory_of(process: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0)
    };
    (number("VmRSS:"), number("VmHWM:"))
}

/// The built command.
pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_fieldgate"))
}

/// Writes a configuration with one agreement, before `service`; gives the ledger's folder.
pub(crate) fn write_configuration(folder: &Path, service: SocketAddr) -> PathBuf {
    let hash: String = Sha256::digest(KEY)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let gateway = format!(
        "listen: [{{ address: '127.0.0.1:0', insecure_plain_http: true }}]\n\
         admin: {{ address: '127.0.0.1:0' }}\n\
         controller: {{ name: isle-council }}\n\
         partners: [{{ name: island-health, identify: {{ api_keys: [{{ name: key, sha256: {hash} }}] }} }}]\n\
         services: [{{ name: social-care, url: 'http://{service}' }}]\n\
         agreements: [care.yaml]\n\
         keys: {{ root_key_file: root.key }}\n\
         ledger: {{ directory: ledger, segment_bytes: 64KiB }}\n\
         log: {{ format: json }}\n\
         workers: 1\n"
    );
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a folder of the test's own can be written");
        folder.join(name)
    };
    write("fieldgate.yaml", &gateway);
    write("care.yaml", AGREEMENT);
    let key = write("root.key", &"5a".repeat(32));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))
        .expect("its owner may say who reads it");
    folder.join("ledger")
}

/// A partner's request for a page of adults, on a connection that ends with it.
pub(crate) fn request(page: usize) -> String {
    format!(
        "GET /adults/{page} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {KEY}\r\nData-Purpose: care\r\nConnection: close\r\n\r\n"
    )
}
