//! A very long body through the gateway and through `fieldgate apply`, each a process of its own: what memory it
//! takes, when its first byte leaves, and what a partner that stops reading does to the service.
//!
//! `cargo bench --bench memory` takes 4 GiB; `-- --gib 10` another size; `-- --quick` 64 MiB; `-- apply` or
//! `-- gateway` one of the two. `tests/memory.rs` holds the gateway to the same with a small body.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[path = "../tests/process/mod.rs"]
#[expect(dead_code, reason = "shared with tests, which need other parts")]
mod process;
mod records;
#[expect(dead_code, reason = "another bench measures whole runs with it")]
mod table;

use process::Process;

/// How long a partner does not read, to see how far the service gets.
const PAUSE: Duration = Duration::from_secs(3);

/// How long `apply` has to come to rest before what it takes is read.
const IDLE: Duration = Duration::from_millis(500);

/// The rules of `apply`: of each record three fields leave, each record is held until its end.
const RULES: &str = "\
record: \"$[*]\"
fields:
  - keep: [\"$[*].person.dob\", \"$[*].address.postcode\", \"$[*].council_tax.band\"]
";

/// The most that a body may add to what the process takes when it stands idle, MiB.
const GOAL_MIB: f64 = 8.0;

/// What the service has done of the body that is being sent.
#[derive(Default)]
struct Progress {
    sent_bytes: AtomicU64,
    /// Microseconds from the service's first byte to its last; 0 before.
    took_us: AtomicU64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let gib = arguments
        .iter()
        .position(|argument| argument == "--gib")
        .map_or(4, |place| {
            arguments
                .get(place + 1)
                .and_then(|number| number.parse().ok())
                .expect("--gib takes a whole number")
        });
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let bytes: u64 = if quick { 64 << 20 } else { gib << 30 };
    table::line(&format!(
        "memory: {}; one worker, its ledger on, its log read\n",
        table::surroundings()
    ));
    let named = |name: &str| arguments.iter().any(|argument| argument == name);
    if !named("apply") || named("gateway") {
        table::head(&["through the gateway", "value"]);
        table::row(&["body, MiB".to_owned(), (bytes >> 20).to_string()]);
        whole(bytes);
        paused(bytes);
        table::line("");
    }
    if !named("gateway") || named("apply") {
        table::head(&["through `apply`, a pipe in and a pipe out", "value"]);
        table::row(&["body, MiB".to_owned(), (bytes >> 20).to_string()]);
        applied(bytes);
    }
}

/// A body through `fieldgate apply`, from a pipe and into one.
fn applied(bytes: u64) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("the target folder can be written");
    let rules = folder.path().join("rules.yaml");
    std::fs::write(&rules, RULES).expect("the target folder can be written");
    let mut child = process::command()
        .args(["apply", "--fields"])
        .arg(&rules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary is built with the benches");
    let mut input = child.stdin.take().expect("it was asked for");
    let mut output = child.stdout.take().expect("it was asked for");
    let reader = std::thread::spawn(move || {
        let (mut got, mut buffer) = (0, vec![0; 256 << 10]);
        while let Ok(count @ 1..) = output.read(&mut buffer) {
            got += count as u64;
        }
        got
    });
    let records = block();
    let mut send = |piece: &[u8]| input.write_all(piece).expect("apply reads to the end");
    // Idle is ready to read more: it has taken the start and waits.
    send(b"[");
    std::thread::sleep(IDLE);
    let (idle, _) = process::memory_of(child.id());
    let start = Instant::now();
    let mut sent = 0;
    while sent < bytes {
        for piece in records.chunks(64 << 10) {
            send(piece);
        }
        sent += records.len() as u64;
    }
    // All but what the pipe holds has been through, and the process is there to be asked.
    let (_, most) = process::memory_of(child.id());
    send(b"{}]");
    drop(input);
    let status = child.wait().expect("it was started");
    assert!(status.success(), "apply: {status}");
    let took = start.elapsed();
    let left = reader.join().expect("a reader only counts");
    resident(idle, most);
    let row = |measure: &str, value: String| table::row(&[measure.to_owned(), value]);
    row("left of it, MiB", (left >> 20).to_string());
    row(
        "MB/s of body",
        table::number(sent as f64 / took.as_secs_f64() / 1e6),
    );
}

/// The rows of what is resident, from KiB, with the goal.
fn resident(idle: u64, most: u64) {
    let mib = |kib: u64| kib as f64 / 1_024.0;
    let row = |measure: &str, value: String| table::row(&[measure.to_owned(), value]);
    row("resident when idle, MiB", table::number(mib(idle)));
    row("resident at most, MiB", table::number(mib(most)));
    let above = mib(most.saturating_sub(idle));
    let reached = if above < GOAL_MIB { "yes" } else { "**no**" };
    row(
        "above idle, MiB (goal: less than 8)",
        format!("{}, {reached}", table::number(above)),
    );
}

/// About a MiB of records that repeats: `{…},{…},`
fn block() -> Vec<u8> {
    let document = records::document(1 << 20);
    let records = &document[br#"{"records":["#.len()..document.len() - b"]}".len()];
    [records, b","].concat()
}

/// The body read as fast as it comes.
fn whole(bytes: u64) {
    let progress = Arc::new(Progress::default());
    let (gateway, _folder) = start(bytes, &progress);
    let (idle, _) = gateway.memory();
    let asked = Instant::now();
    let mut stream = ask(&gateway);
    let mut buffer = vec![0; 256 << 10];
    let mut got = stream.read(&mut buffer).expect("the gateway answers");
    let first = asked.elapsed();
    let sent_by_then = progress.sent_bytes.load(Ordering::Relaxed);
    let mut tail = Vec::new();
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        got += count;
        tail.extend_from_slice(&buffer[count.saturating_sub(16)..count]);
        tail.drain(..tail.len().saturating_sub(16));
    }
    let took = asked.elapsed();
    assert!(tail.ends_with(b"\r\n0\r\n\r\n"), "the body was cut off");
    let last_sent = Duration::from_micros(progress.took_us.load(Ordering::Relaxed));
    let (_, most) = gateway.memory();
    let row = |measure: &str, value: String| table::row(&[measure.to_owned(), value]);
    row("left of it, MiB", (got >> 20).to_string());
    row(
        "MB/s of body",
        table::number(bytes as f64 / took.as_secs_f64() / 1e6),
    );
    resident(idle, most);
    row(
        "first byte at the partner, ms after it asked",
        table::number(first.as_secs_f64() * 1e3),
    );
    row(
        "of the body sent by then, MiB",
        table::number(sent_by_then as f64 / f64::from(1 << 20)),
    );
    row(
        "last byte sent by the service, ms after its first",
        table::number(last_sent.as_secs_f64() * 1e3),
    );
}

/// The partner reads the start and then pauses.
fn paused(bytes: u64) {
    let progress = Arc::new(Progress::default());
    let (gateway, _folder) = start(bytes, &progress);
    let mut stream = ask(&gateway);
    let mut buffer = vec![0; 64 << 10];
    let got = stream.read(&mut buffer).expect("the gateway answers");
    std::thread::sleep(PAUSE);
    let sent = progress.sent_bytes.load(Ordering::Relaxed);
    std::thread::sleep(PAUSE);
    let later = progress.sent_bytes.load(Ordering::Relaxed);
    let (resident, _) = gateway.memory();
    let row = |measure: &str, value: f64| table::row(&[measure.to_owned(), table::number(value)]);
    let mib = f64::from(1 << 20);
    row(
        "read by a partner that then pauses, KiB",
        got as f64 / 1_024.0,
    );
    row(
        &format!(
            "sent by the service after {} s of the pause, MiB",
            PAUSE.as_secs()
        ),
        sent as f64 / mib,
    );
    row(
        &format!("sent in the {} s after that, MiB", PAUSE.as_secs()),
        (later - sent) as f64 / mib,
    );
    row("resident then, MiB", resident as f64 / 1_024.0);
}

fn start(bytes: u64, progress: &Arc<Progress>) -> (Process, tempfile::TempDir) {
    let service = serve(bytes, Arc::clone(progress));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .expect("the target folder can be written");
    process::write_configuration(folder.path(), service);
    (Process::start(folder.path()), folder)
}

fn ask(gateway: &Process) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).expect("the gateway listens");
    stream
        .write_all(process::request(1).as_bytes())
        .expect("the gateway reads");
    stream
}

/// A service that streams a list of records of `bytes` bytes, once for each request.
fn serve(bytes: u64, progress: Arc<Progress>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    let records = block();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(
                stream
                    .try_clone()
                    .expect("a socket has more than one handle"),
            );
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                lines.read_line(&mut head).expect("the gateway asks");
            }
            // An error is the gateway's, or the partner's, end.
            let _unsent = send(&mut stream, &records, bytes, &progress);
        }
    });
    address
}

fn send(
    stream: &mut TcpStream,
    records: &[u8],
    bytes: u64,
    progress: &Progress,
) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n")?;
    let first = Instant::now();
    let mut sent = 0;
    while sent < bytes {
        stream.write_all(format!("{:x}\r\n", records.len()).as_bytes())?;
        for piece in records.chunks(64 << 10) {
            stream.write_all(piece)?;
            progress
                .sent_bytes
                .fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        stream.write_all(b"\r\n")?;
        sent += records.len() as u64;
    }
    stream.write_all(b"3\r\n{}]\r\n0\r\n\r\n")?;
    let took = first.elapsed().as_micros();
    progress
        .took_us
        .store(u64::try_from(took).unwrap_or(u64::MAX), Ordering::Relaxed);
    Ok(())
}
