//! P3: no release without its entry.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use fieldgate::ledger::disk::{Disk, Tail};
use fieldgate::ledger::{Chain, Ledger};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::*;

/// A disk of the test's own: full when told to be, and slow when given a gate.
pub(crate) struct TestDisk {
    pub(crate) full: Arc<AtomicBool>,
    /// Each sync waits for one word from here, until the other side is dropped.
    pub(crate) gate: Option<Mutex<Receiver<()>>>,
}

impl Disk for TestDisk {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(gate) = &self.gate {
            // A dropped sender opens the gate for good.
            gate.lock().unwrap().recv().unwrap_or(());
        }
        Ok(())
    }

    fn start_segment(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn start_on(council: &mut Council, disk: TestDisk) {
    council.start_with_ledger(move |options, clock, on_commit| {
        let tail = Tail {
            chain: Chain::default(),
            segment_bytes: 0,
            cut: None,
        };
        Ledger::open_on(disk, &tail, &options, clock, on_commit)
    });
}

#[test]
fn p3_nothing_is_released_when_the_ledger_cannot_write() {
    run(async {
        let service = Service::answering(json(r#"{"name":"CANARY"}"#)).await;
        let mut council = Setup::with(service.address).write();
        let full = Arc::new(AtomicBool::new(false));
        let disk = TestDisk {
            full: Arc::clone(&full),
            gate: None,
        };
        start_on(&mut council, disk);
        assert_eq!(council.get("/adults/7").await.status(), 200);
        assert_eq!(council.admin("/readyz").await.status(), 200);

        full.store(true, Ordering::SeqCst);
        // The first finds out in its wait, the next at once; neither tells anything.
        for _ in 0..3 {
            let answer = council.get("/adults/7").await;
            answer.is_problem(503, "ledger_unavailable");
            assert!(!answer.text().contains("CANARY"), "{}", answer.text());
        }
        assert_eq!(council.admin("/readyz").await.status(), 503);
        assert_eq!(council.admin("/healthz").await.status(), 200);
        assert!(council.has_metric("fieldgate_ledger_failed 1").await);
    });
}

#[test]
fn p3_a_slow_ledger_holds_back_the_first_byte() {
    for answer in [
        json(r#"{"name":"Ada"}"#),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
    ] {
        run(async {
            let service = Service::answering(answer).await;
            let mut council = Setup::with(service.address).write();
            let (open, gate): (Sender<()>, _) = channel();
            let disk = TestDisk {
                full: Arc::default(),
                gate: Some(Mutex::new(gate)),
            };
            // The entry of the agreements waits for the disk like any other.
            start_on(&mut council, disk);
            let mut stream = TcpStream::connect(council.address()).await.unwrap();
            stream
                .write_all(care("GET", "/adults/7", "").as_bytes())
                .await
                .unwrap();
            until("the service is asked while the ledger waits", || {
                service.requests().len() == 1
            })
            .await;
            // Refusals tell nothing and do not wait. The one worker has answered these, so it has had every
            // occasion to answer the first as well.
            for _ in 0..5 {
                council.get("/nowhere").await.is_problem(404, "no_route");
            }
            let mut byte = [0];
            let early = stream.try_read(&mut byte);
            assert!(early.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
            drop(open);
            assert!(!read_to_end(&mut stream).await.0.is_empty());
        });
    }
}

#[test]
fn p3_a_ledger_that_takes_too_long_releases_nothing() {
    run(async {
        let service = Service::answering(json(r#"{"name":"CANARY"}"#)).await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  ledger_wait: 20ms".to_owned();
        let mut council = setup.write();
        let (open, gate): (Sender<()>, _) = channel();
        let disk = TestDisk {
            full: Arc::default(),
            gate: Some(Mutex::new(gate)),
        };
        start_on(&mut council, disk);
        let answer = council.get("/adults/7").await;
        answer.is_problem(503, "ledger_unavailable");
        drop(open);
    });
}

#[test]
fn a_ledger_directory_that_cannot_be_written_keeps_the_gateway_from_starting() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let mut council = Setup::with(service.address).write();
        std::fs::write(council.folder.path().join("ledger"), "a file in its place").unwrap();
        let error = council.try_start().expect_err("it must not start");
        assert!(!error.is_content());
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    });
}
