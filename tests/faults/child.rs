//! The built gateway as a child: how it is started, what it logs, and what it is asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::process::{self, HANG};

/// A gateway that runs, killed when dropped.
pub(crate) struct Gateway {
    pub(crate) child: Child,
    lines: Receiver<String>,
    /// Every line that was read so far.
    pub(crate) said: Vec<String>,
}

impl Gateway {
    /// Starts `fieldgate serve` on the configuration in `folder`, after the shell's `before`: `ulimit -n 90;`.
    pub(crate) fn start(folder: &Path, before: &str, stdin: Stdio) -> Self {
        let binary = env!("CARGO_BIN_EXE_fieldgate");
        let config = folder.join("fieldgate.yaml");
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("{before} exec \"$0\" serve --config \"$1\""))
            .arg(binary)
            .arg(config)
            .stdin(stdin)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (told, lines) = channel();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        // Reads to the end, so that the gateway never waits for somebody to read its log.
        std::thread::spawn(move || {
            for line in log.map_while(Result::ok) {
                // The test may have ended meanwhile and want it no more.
                let _unwanted = told.send(line);
            }
        });
        let mut gateway = Self {
            child,
            lines,
            said: Vec::new(),
        };
        gateway.waits_for("operators are answered");
        gateway
    }

    /// Reads the log until a line has `text`.
    pub(crate) fn waits_for(&mut self, text: &str) {
        // Of all lines together: a gateway that is asked meanwhile logs others without end.
        let by = Instant::now() + HANG;
        loop {
            let line = self
                .lines
                .recv_timeout(by.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("no {text:?} in {:#?}", self.said));
            self.said.push(line);
            if self.said.last().is_some_and(|line| line.contains(text)) {
                return;
            }
        }
    }

    /// What was logged and not read yet is read too; gives the lines that have `text`.
    pub(crate) fn count(&mut self, text: &str) -> usize {
        self.said.extend(self.lines.try_iter());
        self.said.iter().filter(|line| line.contains(text)).count()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(sent.unwrap().success());
    }

    /// Its end, which was asked for.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let by = Instant::now() + HANG;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < by, "it ends");
            std::thread::yield_now();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Either fails only if it has ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// Writes a configuration before `service` at an address that stays the same, with `limits`; gives the address and
/// that of the operators.
pub(crate) fn write_configuration(
    folder: &Path,
    service: SocketAddr,
    limits: &str,
) -> (SocketAddr, SocketAddr) {
    process::write_configuration(folder, service);
    let file = folder.join("fieldgate.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (partners, operators) = (free(), free());
    let text = text
        .replacen("127.0.0.1:0", &partners.to_string(), 1)
        .replacen("127.0.0.1:0", &operators.to_string(), 1);
    std::fs::write(&file, format!("{text}limits: {{ {limits} }}\n")).unwrap();
    (partners, operators)
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// A connection to `address`.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream
}

/// Asks for a page on a connection of its own; gives all that comes back.
pub(crate) fn ask(address: SocketAddr, page: usize) -> String {
    let mut stream = connect(address);
    stream.write_all(process::request(page).as_bytes()).unwrap();
    let mut answer = String::new();
    // A reset is one way for a connection to end.
    let _reset = stream.read_to_string(&mut answer);
    answer
}

/// One exchange on a connection that is kept: the head and the body, and whether the gateway wants to close.
pub(crate) fn ask_on(
    stream: &mut TcpStream,
    page: usize,
) -> std::io::Result<(String, String, bool)> {
    let request = process::request(page).replace("Connection: close\r\n", "");
    stream.write_all(request.as_bytes())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let closes = head.contains("connection: close");
    Ok((head, String::from_utf8_lossy(&body).into_owned(), closes))
}

/// The value of a metric's line.
pub(crate) fn metric(operators: SocketAddr, name: &str) -> u64 {
    let mut stream = connect(operators);
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let start = format!("{name} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&start));
    value
        .unwrap_or_else(|| panic!("no {name}"))
        .parse()
        .unwrap()
}

/// Looks until `ready` says so, which has no event of its own that could be waited for.
pub(crate) fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let by = Instant::now() + HANG;
    while !ready() {
        assert!(Instant::now() < by, "never happened: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
