//! Payloads that public bodies publish, each family under agreements of `config/examples`, through the whole
//! gateway: what no rule keeps is found nowhere.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod canaries;
mod case;
#[expect(
    dead_code,
    reason = "another test's harness, of which this one needs a part"
)]
#[path = "../gateway/harness.rs"]
mod harness;
mod plain;

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use canaries::without_random;
use case::Case;
use fieldgate::config::{self, Endpoint, Loaded};
use fieldgate::gateway::Gateway;
use harness::{Answer, HEALTH_KEY, Service, logs, send, write_secret};
use plain::Disclosure;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

/// A number that makes the service fail, added to that of a file.
const FAILURE: usize = 1_000_000;

/// A document in which there is nothing about anybody.
const EMPTY: &str = "{}";

#[test]
fn p1_p2_p7_nothing_else_of_a_demographic_record_leaves() {
    Family::check("uk-nhs-pds");
}

#[test]
fn p1_p2_p7_nothing_else_of_a_whole_patient_record_leaves() {
    Family::check("fhir-synthea");
}

#[test]
fn p1_p2_p7_nothing_else_of_a_screening_cohort_leaves() {
    Family::check("uk-nhs-screening-cohort");
}

#[test]
fn p1_p2_p7_nothing_else_of_a_message_status_leaves() {
    Family::check("uk-nhs-notify");
}

#[test]
fn p1_p2_p7_nothing_else_of_a_prison_record_leaves() {
    Family::check("uk-prison-probation");
}

#[test]
fn every_example_is_without_fault() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    for example in std::fs::read_dir(examples).unwrap() {
        let path = example.unwrap().path().join("fieldgate.yaml");
        if let Err(fault) = config::load_without_keys(&path) {
            panic!("{fault}");
        }
    }
}

/// A folder of payloads and the example that is for them.
struct Family {
    name: &'static str,
    files: Vec<Vec<u8>>,
    disclosures: Vec<Disclosure>,
    /// All text of the example: what it says may be said anywhere.
    example: String,
    /// Where the gateway runs: a copy of the example, its ledger.
    folder: tempfile::TempDir,
}

/// What was seen of a family, so that a test that checks nothing is noticed.
#[derive(Default)]
struct Seen {
    exchanges: usize,
    whole: usize,
    refused: usize,
    kept: usize,
    canaries: usize,
}

impl Family {
    #[expect(
        clippy::print_stderr,
        reason = "a test that is skipped, and how much was checked, should be seen"
    )]
    fn check(name: &'static str) {
        let files = match payloads(name) {
            Ok(files) => files,
            Err(skipped) => return eprintln!("{skipped}"),
        };
        let family = Self::new(name, files);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let hang = Duration::from_secs(600);
        let serving = async {
            tokio::time::timeout(hang, family.serve())
                .await
                .expect("the test ends")
        };
        let seen = tokio::task::LocalSet::new().block_on(&runtime, serving);
        eprintln!(
            "{name}: {} files in {} exchanges: {} whole, {} refused; {} values left, {} values looked for",
            family.files.len(),
            seen.exchanges,
            seen.whole,
            seen.refused,
            seen.kept,
            seen.canaries,
        );
        assert!(
            seen.whole > 0 && seen.kept > 0 && seen.canaries > seen.kept,
            "{name}: too little was checked"
        );
    }

    fn new(name: &'static str, files: Vec<Vec<u8>>) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config/examples")
            .join(name);
        let folder = tempfile::tempdir().unwrap();
        let mut example = String::new();
        let mut disclosures = Vec::new();
        std::fs::create_dir(folder.path().join("agreements")).unwrap();
        let mut agreements: Vec<_> = std::fs::read_dir(source.join("agreements"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        agreements.sort();
        for path in agreements {
            let text = std::fs::read_to_string(&path).unwrap();
            disclosures.extend(plain::disclosures(&text));
            example.push_str(&text);
            std::fs::copy(
                &path,
                folder
                    .path()
                    .join("agreements")
                    .join(path.file_name().unwrap()),
            )
            .unwrap();
        }
        let gateway = std::fs::read_to_string(source.join("fieldgate.yaml")).unwrap();
        std::fs::write(folder.path().join("fieldgate.yaml"), &gateway).unwrap();
        example.push_str(&gateway);
        write_secret(&folder.path().join("root.key"), &"5a".repeat(32));
        Self {
            name,
            files,
            disclosures,
            example,
            folder,
        }
    }

    /// The example as it is, on free ports, before the test's service, its partners known by the tests' key and
    /// their name.
    fn load(config: &Path, service: std::net::SocketAddr) -> Loaded {
        let mut loaded = config::load(config).unwrap_or_else(|fault| panic!("{fault}"));
        let free = "127.0.0.1:0".parse().unwrap();
        loaded.config.listen[0].address = free;
        loaded.config.admin = free;
        loaded.config.workers = std::num::NonZeroUsize::MIN;
        for partner in &mut loaded.config.partners {
            partner.api_keys[0].sha256 = Sha256::digest(key(partner.name.as_str())).into();
        }
        for known in &mut loaded.config.services {
            known.endpoints = vec![Endpoint {
                host: service.ip().to_string(),
                port: service.port(),
            }];
        }
        loaded
    }

    async fn serve(&self) -> Seen {
        logs();
        let service = Service::scripted({
            let files: Rc<[Vec<u8>]> = Rc::from([self.files.clone(), vec![EMPTY.into()]].concat());
            move |head, mut stream| {
                let files = Rc::clone(&files);
                async move {
                    let line = head.lines().next().unwrap_or_default();
                    let number: usize = line.split(['/', ' ']).find_map(|part| part.parse().ok()).unwrap();
                    let status = if number >= FAILURE { "500 Internal Server Error" } else { "200 OK" };
                    let body = &files[number % FAILURE];
                    let head = format!(
                        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all(head.as_bytes()).await?;
                    stream.write_all(body).await?;
                    Ok(Some(stream))
                }
            }
        })
        .await;
        let (config, address) = (self.folder.path().join("fieldgate.yaml"), service.address);
        let gateway =
            Gateway::start(move || Ok(Self::load(&config, address)), harness::june()).unwrap();
        let address = gateway.addresses()[0];

        let mut seen = Seen::default();
        let mut checked = Vec::new();
        let mut said = self.example.clone();
        for disclosure in &self.disclosures {
            // What is said whatever the document, and so says nothing about anybody.
            for failure in [0, FAILURE] {
                let before = logs().len();
                let answer = send(address, &request(disclosure, self.files.len() + failure)).await;
                said.push_str(&answer.text());
                said.push_str(&logs()[before..]);
            }
        }
        said.push_str(&admin(gateway.admin_address()).await);
        for disclosure in &self.disclosures {
            for (number, file) in self.files.iter().enumerate() {
                for failure in [0, FAILURE] {
                    let before = logs().len();
                    let answer = send(address, &request(disclosure, number + failure)).await;
                    seen.exchanges += 1;
                    let case = Case {
                        disclosure,
                        file,
                        failure: failure > 0,
                        answer: &answer,
                        said: &said,
                        place: format!("{} file {number} by {}", self.name, disclosure.path),
                    };
                    let operators = case.check(&mut seen);
                    let lines = without_random(&logs()[before..]);
                    checked.push((request_id(&answer), case.place, operators, lines));
                }
            }
        }
        let metrics = admin(gateway.admin_address()).await;
        tokio::task::spawn_blocking(move || gateway.shutdown())
            .await
            .unwrap()
            .unwrap();
        let ledger = self.ledger();
        for (id, place, canaries, lines) in checked {
            let entries: String = ledger.lines().filter(|line| line.contains(&id)).collect();
            assert!(
                entries.contains("\"event\":\"intent\""),
                "{place}: no intent in the ledger"
            );
            assert_eq!(
                canaries.found_in(&lines),
                0,
                "{place}: withheld values are in the log"
            );
            assert_eq!(
                canaries.found_in(&without_random(&entries)),
                0,
                "{place}: withheld values are in the ledger"
            );
            assert_eq!(
                canaries.found_in(&metrics),
                0,
                "{place}: withheld values are in the metrics"
            );
        }
        seen
    }

    fn ledger(&self) -> String {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path().join("ledger"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }
}

fn key(partner: &str) -> String {
    format!("{HEALTH_KEY}-{partner}")
}

fn request(disclosure: &Disclosure, number: usize) -> Vec<u8> {
    let start = disclosure.path.find('{').unwrap();
    let end = disclosure.path.find('}').unwrap();
    let path = format!(
        "{}{number}{}",
        &disclosure.path[..start],
        &disclosure.path[end + 1..]
    );
    format!(
        "GET {path} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {}\r\nData-Purpose: {}\r\nConnection: close\r\n\r\n",
        key(&disclosure.partner),
        disclosure.purpose
    )
    .into_bytes()
}

fn request_id(answer: &Answer) -> String {
    let head = answer.head();
    let id = head
        .lines()
        .find_map(|line| line.strip_prefix("x-request-id: "));
    id.unwrap_or_else(|| panic!("no request id in {head}"))
        .to_owned()
}

async fn admin(address: std::net::SocketAddr) -> String {
    send(
        address,
        b"GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n",
    )
    .await
    .text()
    .lines()
    // How long an agreement still runs, in fractions of a second, holds any eight digits at some moment.
    .filter(|line| !line.starts_with("fieldgate_agreement_"))
    .collect::<Vec<_>>()
    .join("\n")
}

/// The family's files, or the text that says where to get them.
fn payloads(family: &str) -> Result<Vec<Vec<u8>>, String> {
    let place = std::env::var_os("FIELDGATE_CORPORA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let mut files = Vec::new();
    collect(&place.join(family), &mut files);
    files.sort();
    if files.is_empty() {
        let (repository, folders) = published(family);
        return Err(format!(
            "skipped: no payloads of {family} here; put {folders} of https://github.com/{repository} into a folder \
             {family}, and name the folder that it is in in FIELDGATE_CORPORA"
        ));
    }
    Ok(files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect())
}

/// Who publishes a family.
fn published(family: &str) -> (&'static str, &'static str) {
    match family {
        "uk-nhs-pds" => (
            "NHSDigital/personal-demographics-service-api",
            "sandbox/mocks and the test payloads",
        ),
        "fhir-synthea" => ("smart-on-fhir/generated-sample-data", "R4/SYNTHEA"),
        "uk-nhs-screening-cohort" => (
            "NHSDigital/dtos-cohort-manager",
            "tests/playwright-tests/src/tests",
        ),
        "uk-nhs-notify" => ("NHSDigital/communications-manager-api", "sandbox/messages"),
        _ => (
            "ministryofjustice/hmpps-prisoner-search",
            "hmpps-prisoner-search/src/test/resources",
        ),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|kind| kind == "json" || kind == "ndjson")
        {
            files.push(path);
        }
    }
}
