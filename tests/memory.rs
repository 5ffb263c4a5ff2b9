//! A long body through the gateway: memory stays as it was, the partner gets it as it comes, and a partner that does
//! not read stops the service (P5). `cargo bench --bench memory` does the same with gigabytes.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[expect(dead_code, reason = "another test needs more of it")]
mod process;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use process::{HANG, Process};
use socket2::{Domain, SockRef, Socket, Type};

/// What the long body has; debug code takes some seconds for it.
const BODY_BYTES: usize = 48 << 20;

/// More than the buffers of four sockets and of the gateway hold together.
const BUFFERS_BYTES: usize = 32 << 20;

/// What one body may take of the gateway's memory, however long it is and however slow its partner or the disk.
const GROWN_BYTES: usize = 8 << 20;

/// Streams at once, and what each may take of the gateway's memory.
const STREAMS: usize = 64;
const STREAM_BYTES: usize = 128 << 10;

const RECORD: &str = r#"{"id":"9990000001","name":"Ada","notes":"what was said at home, and is not agreed to be shared"},"#;

/// A service that streams a list of records in chunks for one request, as `send` wants it.
fn service(
    send: impl FnOnce(&mut TcpStream) -> std::io::Result<()> + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut stream = begun(&listener);
        // An error is the gateway's end of the connection, which the partner's side of the test sees.
        let _told = send(&mut stream);
    });
    address
}

/// The next connection, on which a list has begun to be sent.
fn begun(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        lines.read_line(&mut head).unwrap();
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// A service that sends an endless list for each request, and gives its connections when they take no more.
fn endless_service() -> (SocketAddr, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, stopped) = mpsc::channel();
    std::thread::spawn(move || {
        loop {
            let (mut stream, told) = (begun(&listener), told.clone());
            SockRef::from(&stream)
                .set_send_buffer_size(64 << 10)
                .unwrap();
            // A write that makes no way for this long is a service that was stopped.
            let patience = Some(Duration::from_secs(2));
            stream.set_write_timeout(patience).unwrap();
            std::thread::spawn(move || {
                // Nearly all of it leaves, so that what the system holds for the partner is soon full.
                let records = format!(r#"{{"name":"{}"}},"#, "a".repeat(4_000)).repeat(16);
                let chunk = format!("{:x}\r\n{records}\r\n", records.len());
                while stream.write_all(chunk.as_bytes()).is_ok() {}
                let _nobody_waits = told.send(stream);
            });
        }
    });
    (address, stopped)
}

/// One chunk of some hundred records.
fn chunk() -> Vec<u8> {
    let records = RECORD.repeat(600);
    format!("{:x}\r\n{records}\r\n", records.len()).into_bytes()
}

fn send_list(
    stream: &mut TcpStream,
    bytes: usize,
    first_byte: &Receiver<()>,
) -> std::io::Result<()> {
    let chunk = chunk();
    for sent in (0..bytes).step_by(chunk.len()) {
        stream.write_all(&chunk)?;
        if sent == 0 {
            // The rest is sent only once the partner has something: a gateway that waits for the end never ends.
            first_byte
                .recv_timeout(HANG)
                .expect("the first byte reaches the partner before the last is sent");
        }
    }
    stream.write_all(b"3\r\n{}]\r\n0\r\n\r\n")
}

fn ask(gateway: &Process) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.write_all(process::request(1).as_bytes()).unwrap();
    stream
}

fn read_to_end(stream: &mut TcpStream, first_byte: &Sender<()>) -> usize {
    let (mut piece, mut all, mut end) = (vec![0; 64 << 10], 0, Vec::new());
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        all += count;
        end.extend_from_slice(&piece[..count]);
        let keep = end.len().saturating_sub(16);
        // Past the head there is something of the body.
        if all > 1_024 {
            let _told_already = first_byte.send(());
        }
        end.drain(..keep);
    }
    assert!(
        end.ends_with(b"]\r\n0\r\n\r\n"),
        "the body ends as a whole one does"
    );
    all
}

#[test]
fn p5_memory_does_not_grow_with_a_body_and_its_first_byte_leaves_before_its_last_has_come() {
    let (told, first_byte) = mpsc::channel();
    let service = service(move |stream| send_list(stream, BODY_BYTES, &first_byte));
    let folder = tempfile::tempdir().unwrap();
    process::write_configuration(folder.path(), service);
    let gateway = Process::start(folder.path());
    let (idle, _) = gateway.memory();
    let got = read_to_end(&mut ask(&gateway), &told);
    assert!(got > BODY_BYTES / 10, "{got}");
    let (_, most) = gateway.memory();
    let grown_bytes = (most - idle) as usize * 1_024;
    assert!(
        grown_bytes < GROWN_BYTES,
        "{grown_bytes} bytes more than when idle"
    );
}

#[test]
fn p5_a_partner_that_does_not_read_stops_the_service() {
    let (told, stopped_after) = mpsc::channel();
    let service = service(move |stream| {
        // A write that makes no way for this long is a service that was stopped.
        stream.set_write_timeout(Some(Duration::from_secs(2)))?;
        let chunk = chunk();
        let mut sent = 0;
        while sent < 64 * BUFFERS_BYTES && stream.write_all(&chunk).is_ok() {
            sent += chunk.len();
        }
        let _nobody_waits = told.send(sent);
        Ok(())
    });
    let folder = tempfile::tempdir().unwrap();
    process::write_configuration(folder.path(), service);
    let gateway = Process::start(folder.path());
    let (idle, _) = gateway.memory();
    let _unread = ask(&gateway);
    // What leaves is a fifth of what is sent, so the partner's socket takes five times its size.
    let sent = stopped_after
        .recv_timeout(2 * HANG)
        .expect("the service is stopped");
    assert!(
        sent < 5 * BUFFERS_BYTES,
        "the service sent {sent} bytes to a partner that reads none"
    );
    let (_, most) = gateway.memory();
    let grown_bytes = (most - idle) as usize * 1_024;
    assert!(
        grown_bytes < GROWN_BYTES,
        "{grown_bytes} bytes more than when idle"
    );
}

#[test]
fn p5_a_stream_that_waits_for_its_partner_takes_at_most_128_kib() {
    let (service, stopped) = endless_service();
    let folder = tempfile::tempdir().unwrap();
    process::write_configuration(folder.path(), service);
    let gateway = Process::start(folder.path());
    let ask = |page| {
        let mut partner = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // What the system holds for it is not to be filled by megabytes first.
        partner.set_recv_buffer_size(4 << 10).unwrap();
        partner.connect(&gateway.address.into()).unwrap();
        partner
            .write_all(process::request(page).as_bytes())
            .unwrap();
        partner
    };
    let stop = |partner| {
        let service = stopped.recv_timeout(2 * HANG);
        (partner, service.expect("the service is stopped"))
    };
    let stopped_together = |asked: Vec<Socket>| asked.into_iter().map(stop).collect::<Vec<_>>();
    // What the first streams take for all that follow is not a stream's.
    let _first = stopped_together((0..STREAMS / 2).map(ask).collect());
    let (before, _) = gateway.memory();
    let streams = stopped_together((0..STREAMS).map(ask).collect());
    let (then, _) = gateway.memory();
    let each_bytes = then.saturating_sub(before) as usize * 1_024 / streams.len();
    assert!(
        each_bytes < STREAM_BYTES,
        "{each_bytes} bytes for each of {STREAMS} streams"
    );
}
