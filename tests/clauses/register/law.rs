//! The shipped statutes in a folder of the test's own, with places changed, to be loaded or served.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use fieldgate::config::{ConfigFault, Loaded, load_without_keys};

use crate::harness::{Answer, Council, Service, hash, send, write_secret};

/// The shipped files, each by its path under `config/law`.
#[derive(Clone)]
pub(crate) struct Law(BTreeMap<String, String>);

impl Law {
    /// As shipped.
    pub(crate) fn shipped() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/law");
        let mut files = BTreeMap::new();
        let mut todo = vec![root.clone()];
        while let Some(directory) = todo.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    todo.push(path);
                } else if path
                    .extension()
                    .is_some_and(|extension| extension == "yaml")
                {
                    let name = path.strip_prefix(&root).unwrap().display().to_string();
                    files.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        Self(files)
    }

    /// With `from`, which has to stand there, as `to` in `file`.
    #[track_caller]
    pub(super) fn with(mut self, file: &str, from: &str, to: &str) -> Self {
        let text = self.0.get_mut(file).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        *text = text.replacen(from, to, 1);
        self
    }

    /// With a further file, or another text of one.
    pub(super) fn with_file(mut self, file: &str, text: &str) -> Self {
        self.0.insert(file.to_owned(), text.to_owned());
        self
    }

    /// Without `file`.
    pub(super) fn without(mut self, file: &str) -> Self {
        self.0.remove(file).unwrap();
        self
    }

    /// The files whose paths begin with `prefix`.
    pub(super) fn names(&self, prefix: &str) -> Vec<String> {
        let names = self.0.keys();
        names
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect()
    }

    pub(super) fn text(&self, file: &str) -> &str {
        &self.0[file]
    }

    /// Writes the files.
    pub(super) fn write(&self) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in &self.0 {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        write_secret(&folder.path().join("root.key"), &"5a".repeat(32));
        let config = folder.path().join("fieldgate.yaml");
        (folder, config)
    }

    /// Loads them.
    pub(super) fn load(&self) -> Result<Loaded, Vec<String>> {
        let (folder, config) = self.write();
        let base = format!("{}/", folder.path().display());
        load_without_keys(&config).map_err(|fault| match fault {
            ConfigFault::Content(faults) => faults
                .list()
                .iter()
                .map(|fault| fault.to_string().replace(&base, ""))
                .collect(),
            fault @ ConfigFault::Environment { .. } => panic!("{fault}"),
        })
    }

    /// Panics unless they load.
    #[track_caller]
    pub(super) fn loads(&self) -> Loaded {
        self.load().unwrap_or_else(|faults| panic!("{faults:#?}"))
    }

    /// Panics unless they do not load, for faults in `file` alone, each of which says each of `words`. Gives the first.
    #[track_caller]
    pub(super) fn is_refused(&self, file: &str, words: &[&str]) -> String {
        let mut faults = self.load().expect_err("a file is at fault");
        for fault in &faults {
            assert!(fault.starts_with(&format!("{file}:")), "{faults:#?}");
            for word in words {
                assert!(fault.contains(word), "no {word:?} in {faults:#?}");
            }
        }
        faults.swap_remove(0)
    }

    /// As [`Law::before`], with a gateway that runs.
    pub(crate) fn serve(&self, service: SocketAddr) -> Council {
        let mut council = self.before(service);
        council.start();
        council
    }

    /// The folder of a gateway on them, before `service` in the place of every service. The key of each partner is its name
    /// and `-key`; the officer's is `officer-key`, the clerks' `clerks-key`.
    pub(super) fn before(&self, service: SocketAddr) -> Council {
        let mut law = self.clone();
        let text = law.0.get_mut("fieldgate.yaml").unwrap();
        for port in [9010, 9011, 9012] {
            *text = text.replace(&format!("127.0.0.1:{port}"), &service.to_string());
        }
        for port in [8081, 9465] {
            *text = text.replace(&format!("127.0.0.1:{port}"), "127.0.0.1:0");
        }
        *text = text.replace("../../ledger-law", "ledger");
        text.push_str("workers: 1\n");
        let mut partner = String::new();
        let mut key = String::new();
        let lines: Vec<String> = text
            .lines()
            .map(|line| {
                let word = |after: &str| {
                    let rest = line.split_once(after)?.1;
                    Some(
                        rest.split([',', ' ', '}'])
                            .next()
                            .unwrap_or_default()
                            .to_owned(),
                    )
                };
                if line.starts_with("  - name: ") {
                    partner = word("  - name: ").unwrap();
                    key.clone_from(&partner);
                } else if line.contains("- name: ") {
                    let name = word("- name: ").unwrap();
                    key = name.split('-').next().unwrap_or_default().to_owned();
                }
                match line.split_once("sha256: ") {
                    Some((before, rest)) => {
                        format!(
                            "{before}sha256: {}{}",
                            hash(&format!("{key}-key")),
                            &rest[64..]
                        )
                    }
                    None => line.to_owned(),
                }
            })
            .collect();
        *text = lines.join("\n") + "\n";
        let (folder, _) = law.write();
        Council {
            folder,
            gateway: None,
        }
    }
}

/// `GET path` with a key, for a purpose; `more` are header lines, each with its CRLF.
pub(crate) async fn get(
    council: &Council,
    key: &str,
    purpose: &str,
    path: &str,
    more: &str,
) -> Answer {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {key}\r\nData-Purpose: {purpose}\r\nConnection: close\r\n{more}\r\n"
    );
    send(council.address(), request.as_bytes()).await
}

/// A gateway on the shipped files, before a service that answers every request with `body`.
pub(super) async fn shipped_before(body: &str) -> (Council, Service) {
    let service = Service::answering(crate::harness::json(body)).await;
    let council = Law::shipped().serve(service.address);
    (council, service)
}
