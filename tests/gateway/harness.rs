//! A council in a folder: a service on a free port, agreements, a gateway, and clients that see every byte.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that panics is a test that fails"
)]

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use fieldgate::clock::Clock;
use fieldgate::config::{self, Log, LogFormat, LogLevel};
use fieldgate::gateway::{Gateway, OnCommit, StartError, log};
use fieldgate::ledger::{Ledger, LedgerError, LedgerOptions};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The API keys of the two partners.
pub(crate) const HEALTH_KEY: &str = "health-key-0123456789";
pub(crate) const HOMES_KEY: &str = "homes-key-0123456789";

/// Nothing on loopback takes this long unless it hangs.
pub(crate) const HANG: Duration = Duration::from_secs(30);

/// The agreement that most tests use: adults for `care` until 2027, written for `island-health`.
pub(crate) const CARE: &str = r#"
agreement: care
version: 1
title: Care with Island Health
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-01-01, ends: 2026-12-31 }
basis: { lawful: [uk-gdpr:6-1-e], power: Care Act 2014 s.6, assessment: DPIA-1, territory: [GB] }
retention: P6M
purposes:
  care: Offer care
  research: Learn what helps
disclosures:
  - name: adult
    purposes: [care]
    request: GET /adults/{person}
    service: { name: social-care, path: "/api/{person}" }
    parameters:
      path: { person: keep }
      query: { keep: [page] }
      headers: { keep: [accept-language] }
    response:
      format: json
      headers: { keep: [etag] }
      subject: $.id
      record: $
      fields:
        - keep: [$.name, "$.items[*].name"]
  - name: adults
    purposes: [care]
    request: GET /adults
    service: { name: social-care, path: /api }
    response:
      format: json
      record: "$[*]"
      subject: "@.id"
      fields:
        - keep: ["$[*].name"]
  - name: note
    purposes: [care]
    request: POST /adults/{person}/notes
    service: { name: social-care, path: "/api/{person}/notes" }
    parameters: { path: { person: keep } }
    request_body:
      format: json
      fields:
        - keep: [$.text]
    response:
      format: json
      fields:
        - keep: [$.text]
  - name: study
    purposes: [research]
    request: GET /studies
    service: { name: social-care, path: /studies }
    response:
      format: json
      fields:
        - keep: ["$[*].year"]
"#;

/// The tests' present: 15 June 2026.
pub(crate) fn june() -> Clock {
    let now: jiff::Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
    Clock::from_fn(move || now)
}

/// A folder with a configuration, and a gateway that may run on it.
pub(crate) struct Council {
    pub(crate) folder: TempDir,
    pub(crate) gateway: Option<Gateway>,
}

/// What a test changes of the usual configuration.
pub(crate) struct Setup {
    /// The service's URL, or several in brackets.
    pub(crate) service: String,
    /// Lines under `limits:`, indented by two.
    pub(crate) limits: String,
    /// The listener's own lines instead of plain HTTP.
    pub(crate) listener: String,
    /// `identify` of `island-health` instead of its API key.
    pub(crate) identify: String,
    pub(crate) service_tls: String,
    pub(crate) agreements: Vec<(String, String)>,
    /// Whole lines of the configuration beside those that are always there.
    pub(crate) more: String,
    /// Files beside the configuration, by name.
    pub(crate) files: Vec<(String, String)>,
}

impl Setup {
    /// The usual configuration with the service at `service`.
    pub(crate) fn with(service: SocketAddr) -> Self {
        Self {
            service: format!("http://{service}"),
            limits: String::new(),
            listener: "insecure_plain_http: true".to_owned(),
            identify: format!("api_keys: [{{ name: k, sha256: {} }}]", hash(HEALTH_KEY)),
            service_tls: String::new(),
            agreements: vec![("care.yaml".to_owned(), CARE.to_owned())],
            more: String::new(),
            files: Vec::new(),
        }
    }

    /// Writes the folder.
    pub(crate) fn write(&self) -> Council {
        let folder = tempfile::tempdir().unwrap();
        let council = Council {
            folder,
            gateway: None,
        };
        let path = council.folder.path();
        std::fs::create_dir(path.join("agreements")).unwrap();
        for (name, text) in &self.agreements {
            std::fs::write(path.join("agreements").join(name), text).unwrap();
        }
        for (name, text) in &self.files {
            std::fs::write(path.join(name), text).unwrap();
        }
        write_secret(&path.join("root.key"), &"5a".repeat(32));
        std::fs::write(
            path.join("fieldgate.yaml"),
            format!(
                "listen:\n  - address: 127.0.0.1:0\n    {}\nadmin: {{ address: 127.0.0.1:0 }}\n\
                 controller: {{ name: isle-council, time_zone: Europe/London }}\n\
                 partners:\n  - name: island-health\n    identify:\n      {}\n  - name: harbour-homes\n    identify:\n      api_keys: [{{ name: k, sha256: {} }}]\n\
                 services:\n  - name: social-care\n    {}: {}\n    {}\n\
                 agreements: [agreements]\nkeys: {{ root_key_file: root.key }}\nledger: {{ directory: ledger }}\n\
                 limits:\n  drain: 5s\n{}\n{}\nworkers: 1\n",
                self.listener,
                self.identify,
                hash(HOMES_KEY),
                if self.service.starts_with('[') { "endpoints" } else { "url" },
                self.service,
                self.service_tls,
                self.limits,
                self.more
            ),
        )
        .unwrap();
        council
    }

    /// Writes the folder and starts a gateway on it.
    pub(crate) fn start(&self) -> Council {
        let mut council = self.write();
        council.start();
        council
    }
}

impl Council {
    /// A gateway before a service that answers every request with `answer`.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> (Self, Service) {
        let service = Service::answering(answer).await;
        (Setup::with(service.address).start(), service)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("fieldgate.yaml")
    }

    pub(crate) fn try_start(&mut self) -> Result<(), StartError> {
        logs();
        let config = self.config();
        self.gateway = Some(Gateway::start(move || config::load(&config), june())?);
        Ok(())
    }

    pub(crate) fn start(&mut self) {
        if let Err(error) = self.try_start() {
            panic!("the gateway does not start: {error}");
        }
    }

    /// Starts with a ledger of the test's own.
    pub(crate) fn start_with_ledger(
        &mut self,
        open: impl FnOnce(LedgerOptions, Clock, OnCommit) -> Result<Ledger, LedgerError>,
    ) {
        logs();
        let config = self.config();
        self.gateway =
            Some(Gateway::start_with(move || config::load(&config), june(), open).unwrap());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.gateway.as_ref().expect("it was started").addresses()[0]
    }

    /// Stops the gateway; afterwards every entry is on the disk.
    pub(crate) async fn stop(&mut self) {
        let gateway = self.gateway.take().expect("it was started");
        tokio::task::spawn_blocking(move || gateway.shutdown())
            .await
            .unwrap()
            .unwrap();
    }

    /// Everything in the ledger's directory.
    pub(crate) fn ledger_text(&self) -> String {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path().join("ledger"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            // The texts that were agreed have a directory of their own there.
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files
            .iter()
            .map(|file| std::fs::read_to_string(file).unwrap())
            .collect()
    }

    /// The ledger's entries of this kind, after the gateway has stopped.
    pub(crate) fn entries(&self, event: &str) -> Vec<serde_json::Value> {
        self.ledger_text()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|entry| entry["event"] == event)
            .collect()
    }

    /// Sends `request` and gives all that comes back until the connection ends.
    pub(crate) async fn send(&self, request: &str) -> Answer {
        send(self.address(), request.as_bytes()).await
    }

    /// `GET path` as `island-health` for `care`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(&care("GET", path, "")).await
    }

    /// What the admin listener answers.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        let address = self
            .gateway
            .as_ref()
            .expect("it was started")
            .admin_address();
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        send(address, request.as_bytes()).await
    }

    /// Whether the metrics have this very line. A part of one could also be of a metric's help.
    pub(crate) async fn has_metric(&self, line: &str) -> bool {
        self.metrics().await.lines().any(|found| found == line)
    }

    /// The metrics' text.
    pub(crate) async fn metrics(&self) -> String {
        self.admin("/metrics").await.body()
    }
}

/// A request as `island-health` for `care`; `more` are header lines, each with its CRLF.
pub(crate) fn care(method: &str, path: &str, more: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: gateway\r\nX-API-Key: {HEALTH_KEY}\r\nData-Purpose: care\r\nConnection: close\r\n{more}\r\n"
    )
}

/// Bytes that a raw client got, up to the end of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Answer(pub(crate) Vec<u8>);

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }

    pub(crate) fn status(&self) -> u16 {
        let text = self.text();
        let status = text.split(' ').nth(1).unwrap_or_default();
        status
            .parse()
            .unwrap_or_else(|_| panic!("no status in {text:?}"))
    }

    fn split(&self) -> (String, Vec<u8>) {
        let end = find(&self.0, b"\r\n\r\n").unwrap_or_else(|| panic!("no head in {self:?}"));
        (
            String::from_utf8_lossy(&self.0[..end]).to_ascii_lowercase(),
            self.0[end + 4..].to_vec(),
        )
    }

    /// The head in lower case.
    pub(crate) fn head(&self) -> String {
        self.split().0
    }

    /// The body as it came, chunked or not.
    pub(crate) fn raw_body(&self) -> Vec<u8> {
        self.split().1
    }

    pub(crate) fn is_chunked(&self) -> bool {
        self.head().contains("transfer-encoding: chunked")
    }

    /// Whether the body's framing says that it is whole.
    pub(crate) fn is_whole(&self) -> bool {
        if self.is_chunked() {
            return self.raw_body().ends_with(b"0\r\n\r\n");
        }
        self.head()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .is_some_and(|length| length.parse() == Ok(self.raw_body().len()))
    }

    /// The body without its chunks' framing.
    pub(crate) fn body(&self) -> String {
        String::from_utf8_lossy(&self.data()).into_owned()
    }

    /// The body's bytes without its chunks' framing.
    pub(crate) fn data(&self) -> Vec<u8> {
        let mut raw = &self.raw_body()[..];
        if !self.is_chunked() {
            return raw.to_vec();
        }
        let mut body = Vec::new();
        while let Some(end) = find(raw, b"\r\n") {
            let size =
                usize::from_str_radix(std::str::from_utf8(&raw[..end]).unwrap(), 16).unwrap();
            if size == 0 {
                break;
            }
            let data = &raw[end + 2..];
            body.extend_from_slice(&data[..size.min(data.len())]);
            raw = data.get(size + 2..).unwrap_or_default();
        }
        body
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body()).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Panics unless this is a problem with `status` and `reason`, whole.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, reason: &str) -> serde_json::Value {
        assert_eq!(self.status(), status, "{}", self.text());
        assert!(
            self.head()
                .contains("content-type: application/problem+json"),
            "{}",
            self.text()
        );
        assert!(self.is_whole(), "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["reason"], reason);
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:fieldgate:problem:{reason}"));
        problem
    }
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// Sends bytes to `address`, reads to the end. A reset is an end.
pub(crate) async fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    read_to_end(&mut stream).await
}

pub(crate) async fn read_to_end(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Answer {
    let mut bytes = Vec::new();
    let reading = async {
        // A reset is one way for a connection to end.
        drop(stream.read_to_end(&mut bytes).await);
    };
    tokio::time::timeout(HANG, reading)
        .await
        .expect("the connection ends");
    Answer(bytes)
}

/// What a service does with one request: it has read the head, and may read on and write.
pub(crate) type Script =
    Rc<dyn Fn(String, TcpStream) -> Pin<Box<dyn Future<Output = io::Result<Option<TcpStream>>>>>>;

/// A service that notes what it is asked. Runs on the test's own thread.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<Mutex<usize>>,
}

impl Service {
    /// A service that answers each request with the same bytes, and keeps its connections open.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Rc<[u8]> = Rc::from(answer.into());
        Self::scripted(move |head, mut stream| {
            let answer = Rc::clone(&answer);
            async move {
                skip_body(&head, &mut stream).await?;
                stream.write_all(&answer).await?;
                Ok(Some(stream))
            }
        })
        .await
    }

    /// A service that does `script` for each request; a connection that it gives back is read on.
    pub(crate) async fn scripted<F>(script: impl Fn(String, TcpStream) -> F + 'static) -> Self
    where
        F: Future<Output = io::Result<Option<TcpStream>>> + 'static,
    {
        let script: Script = Rc::new(move |head, stream| Box::pin(script(head, stream)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (noted, counted) = (Arc::clone(&requests), Arc::clone(&connections));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *counted.lock().unwrap() += 1;
                let (script, noted) = (Rc::clone(&script), Arc::clone(&noted));
                tokio::task::spawn_local(async move {
                    let mut next = Some(stream);
                    while let Some(mut stream) = next.take() {
                        let Ok(head) = read_head(&mut stream).await else {
                            return;
                        };
                        noted.lock().unwrap().push(head.clone());
                        next = script(head, stream).await.unwrap_or(None);
                    }
                });
            }
        });
        Self {
            address,
            requests,
            connections,
        }
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads one message's head, to its empty line.
pub(crate) async fn read_head(
    stream: &mut (impl tokio::io::AsyncRead + Unpin),
) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Reads a chunked or sized body away, if the head announces one; gives its data.
pub(crate) async fn skip_body(head: &str, stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let head = head.to_ascii_lowercase();
    let mut body = Vec::new();
    if head.contains("transfer-encoding: chunked") {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\r\n") {
                line.push(stream.read_u8().await?);
            }
            let text = String::from_utf8_lossy(&line);
            let size = usize::from_str_radix(text.trim(), 16).map_err(io::Error::other)?;
            let mut data = vec![0; size + 2];
            stream.read_exact(&mut data).await?;
            body.extend_from_slice(&data[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    body.resize(length, 0);
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// A JSON answer with its length.
pub(crate) fn json(body: &str) -> String {
    json_with("", body)
}

/// A JSON answer with further header lines, each with its CRLF.
pub(crate) fn json_with(more: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{more}\r\n{body}",
        body.len()
    )
}

pub(crate) fn hash(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        hex.push_str(&format!("{byte:02x}"));
    }
    hex
}

/// Writes a file that only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Every log line of this process so far, at the most talkative level that can be configured.
pub(crate) fn logs() -> String {
    static LINES: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log {
            format: LogFormat::Json,
            level: LogLevel::Debug,
        };
        let writer = Arc::clone(&lines);
        let subscriber = log::subscriber(log, move || Lines(Arc::clone(&writer)));
        tracing::subscriber::set_global_default(subscriber).unwrap();
        lines
    });
    String::from_utf8_lossy(&lines.lock().unwrap()).into_owned()
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a test on one thread, its service beside it.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::time::timeout(HANG * 2, test)
            .await
            .expect("the test ends")
    })
}

/// Waits until `ready` says so, which has no event of its own that could be waited for.
pub(crate) async fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let waiting = async {
        let mut look = tokio::time::interval(Duration::from_millis(2));
        while !ready() {
            look.tick().await;
        }
    };
    if tokio::time::timeout(HANG, waiting).await.is_err() {
        panic!("never happened: {what}");
    }
}
