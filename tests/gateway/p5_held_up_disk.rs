//! P5 where the ledger's disk stands still: a service that is faster than it is slowed down, and what waits for the disk
//! is bounded, however many people the body is about.

use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex};

use fieldgate::ledger::disk::{Disk, Tail};
use fieldgate::ledger::{Chain, Ledger};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::*;

/// People whom the whole body is about.
const PEOPLE: usize = 24_000;

/// The last of those that come before the disk stands still.
const FIRST: usize = 10;

/// Bytes of each record that stay behind: so that what the sockets hold is fewer records than may wait.
const PADDING: usize = 1_000;

/// Records that are gathered at once, at most: before the mark and after it one gathering may be over.
const PIECE_RECORDS: usize = (64 << 10) / PADDING + 1;

/// Far more than the buffers of two loopback sockets and the gateway hold together, and less than the body.
const BUFFERS: usize = 18 << 20;

/// A disk that a test holds up.
#[derive(Default)]
struct Held {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_held: bool,
    /// All that is durable.
    lines: Vec<u8>,
}

impl Held {
    fn hold(&self, is_held: bool) {
        self.state.lock().unwrap().is_held = is_held;
        self.changed.notify_all();
    }

    /// The entries that are durable.
    fn entries(&self) -> Vec<serde_json::Value> {
        let lines = String::from_utf8(self.state.lock().unwrap().lines.clone()).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The tokens of subjects that are durable.
    fn subjects(&self) -> Vec<String> {
        let tokens = |entry: &serde_json::Value| {
            let tokens = entry["tokens"].as_array().cloned().unwrap_or_default();
            tokens
                .into_iter()
                .map(|token| token.as_str().unwrap().to_owned())
        };
        self.entries()
            .iter()
            .filter(|entry| entry["event"] == "subjects")
            .flat_map(tokens)
            .collect()
    }
}

struct HeldDisk(Arc<Held>);

impl Disk for HeldDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let state = self.0.state.lock().unwrap();
        let held = |state: &mut State| state.is_held;
        let mut state = self.0.changed.wait_while(state, held).unwrap();
        state.lines.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn start_segment(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

/// A service whose body begins, and goes on when `goes_on` says so; what it has sent is counted.
async fn service_of_many(sent: &Rc<Cell<usize>>, goes_on: &Rc<Cell<bool>>) -> Service {
    let (sent, goes_on) = (Rc::clone(sent), Rc::clone(goes_on));
    Service::scripted(move |_, mut stream| {
        let (sent, goes_on) = (Rc::clone(&sent), Rc::clone(&goes_on));
        async move {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[")
                .await?;
            let padding = "x".repeat(PADDING);
            // Nobody is number 0: that is written where nobody is known.
            for number in 1..=PEOPLE {
                let comma = if number == 1 { "" } else { "," };
                let record = format!(
                    r#"{comma}{{"id":"{number}","name":"{number}","secret":"{padding}"}}"#
                );
                stream.write_all(record.as_bytes()).await?;
                sent.set(sent.get() + record.len());
                if number == FIRST {
                    until("it may go on", || goes_on.get()).await;
                }
            }
            stream.write_all(b"]").await?;
            Ok(None)
        }
    })
    .await
}

#[test]
fn p5_a_disk_that_stands_still_stops_the_service_and_what_waits_for_it_is_bounded() {
    for (limits, may_wait) in [("", 64 << 10), ("  ledger_ahead_bytes: 16KiB", 16 << 10)] {
        run(async {
            let (sent, goes_on) = (Rc::default(), Rc::default());
            let service = service_of_many(&sent, &goes_on).await;
            let mut setup = Setup::with(service.address);
            setup.limits = limits.to_owned();
            let mut council = setup.write();
            let held = Arc::new(Held::default());
            let disk = HeldDisk(Arc::clone(&held));
            let ledger = Rc::new(Cell::new(None));
            let kept = Rc::clone(&ledger);
            council.start_with_ledger(move |options, clock, on_commit| {
                let tail = Tail {
                    chain: Chain::default(),
                    segment_bytes: 0,
                    cut: None,
                };
                let ledger = Ledger::open_on(disk, &tail, &options, clock, on_commit)?;
                kept.set(Some(ledger.clone()));
                Ok(ledger)
            });
            let ledger = ledger.take().unwrap();
            let mut stream = TcpStream::connect(council.address()).await.unwrap();
            stream
                .write_all(care("GET", "/adults", "").as_bytes())
                .await
                .unwrap();
            let head = read_head(&mut stream).await.unwrap();

            // The partner reads all that comes, from here on; the disk does nothing.
            until("the first is entered", || !held.subjects().is_empty()).await;
            held.hold(true);
            let got = Rc::new(Cell::new(0));
            let noted = Rc::clone(&got);
            let reading = tokio::task::spawn_local(async move {
                let mut all = head.into_bytes();
                let mut buffer = vec![0; 1 << 16];
                loop {
                    let read = stream.read(&mut buffer).await.unwrap();
                    if read == 0 {
                        return Answer(all);
                    }
                    all.extend_from_slice(&buffer[..read]);
                    noted.set(noted.get() + records_in(&buffer[..read]));
                }
            });
            goes_on.set(true);
            // Refusals do not wait for the ledger: the one worker has had every occasion to go on, and this thread too.
            let (mut before, mut refusals) = (usize::MAX, 0);
            while sent.get() != before || sent.get() < 1 << 20 {
                before = sent.get();
                for _ in 0..50 {
                    council.get("/nowhere").await.is_problem(404, "no_route");
                    refusals += 1;
                }
            }
            assert!(
                sent.get() < BUFFERS,
                "the service could send {} bytes",
                sent.get()
            );
            assert!(
                council
                    .has_metric(r#"fieldgate_limits_reached_total{limit="ledger_ahead_bytes"} 1"#)
                    .await
            );
            // Whoever has left was entered before, so what left and is not durable waits.
            let durable = held.subjects();
            let waits = (got.get() - durable.len()) * durable[0].len();
            let piece = PIECE_RECORDS * durable[0].len();
            assert!(
                waits > may_wait - 2 * piece && waits <= may_wait + 2 * piece,
                "{waits} bytes of subjects wait"
            );
            let queued = ledger.queued() - refusals;
            assert!(queued < 200, "{queued} entries of subjects wait");

            // The disk goes on, and so does everything.
            held.hold(false);
            let answer = timeout(HANG, reading).await.unwrap().unwrap();
            let text = answer.body();
            assert!(text.ends_with(']'));
            let records: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
            assert_eq!(records.len(), PEOPLE);
            for (record, number) in records.iter().zip(1..) {
                let number: usize = number;
                assert_eq!(record, &serde_json::json!({ "name": number.to_string() }));
            }
            council.stop().await;
            let tokens = held.subjects();
            assert_eq!(tokens.len(), PEOPLE);
            let different: HashSet<_> = tokens.into_iter().collect();
            assert_eq!(different.len(), PEOPLE);
            let releases = held
                .entries()
                .into_iter()
                .filter(|entry| entry["event"] == "release");
            let releases: Vec<_> = releases.collect();
            assert_eq!(releases.len(), 1);
            assert_eq!(releases[0]["outcome"], "complete");
        });
    }
}

/// Records that end in `bytes`.
fn records_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'}').count()
}
