//! P5: bounded memory. A slow partner slows the service down.

use std::cell::Cell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::*;

/// Far more than the buffers of four loopback sockets and the gateway hold together.
const WHOLE: usize = 96 << 20;
const BUFFERS: usize = 40 << 20;

/// A service whose answers are of [`WHOLE`] bytes, but at `/api/7`; `accepted` is what of them its sockets have taken.
async fn long_answers(accepted: &Rc<Cell<usize>>) -> Service {
    let counted = Rc::clone(accepted);
    Service::scripted(move |head, mut stream| {
        let accepted = Rc::clone(&counted);
        async move {
            if head.contains("/api/7") {
                stream.write_all(json("{}").as_bytes()).await?;
                return Ok(Some(stream));
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[")
                .await?;
            let record = format!("{{\"name\":\"{}\"}},", "a".repeat(60 << 10));
            while accepted.get() < WHOLE {
                stream.write_all(record.as_bytes()).await?;
                accepted.set(accepted.get() + record.len());
            }
            stream.write_all(b"0]").await?;
            Ok(None)
        }
    })
    .await
}

#[test]
fn p5_a_partner_that_does_not_read_stops_the_services_sender() {
    run(async {
        let accepted = Rc::new(Cell::new(0));
        let service = long_answers(&accepted).await;
        let council = Setup::with(service.address).start();
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        read_head(&mut stream).await.unwrap();

        // Nothing is read until the sender makes no more progress while the one worker, and the service on
        // this thread, have answered many others.
        let mut before = usize::MAX;
        while accepted.get() != before {
            before = accepted.get();
            for _ in 0..50 {
                assert_eq!(council.get("/adults/7").await.status(), 200);
            }
        }
        let stopped_at = accepted.get();
        assert!(
            stopped_at < BUFFERS,
            "the service could send {stopped_at} bytes to nobody"
        );

        let mut buffer = vec![0; 1 << 20];
        let reading = async {
            while accepted.get() < stopped_at + (2 << 20) {
                assert_ne!(stream.read(&mut buffer).await.unwrap(), 0);
            }
        };
        timeout(HANG, reading)
            .await
            .expect("it goes on when the partner reads on");
    });
}

#[test]
fn p5_a_partner_that_never_reads_on_is_let_go() {
    run(async {
        let service = Service::scripted(move |_, mut stream| async move {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[")
                .await?;
            let record = format!("{{\"name\":\"{}\"}},", "a".repeat(60 << 10));
            loop {
                stream.write_all(record.as_bytes()).await?;
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  body_idle: 200ms\n  header_read: 100ms".to_owned();
        let mut council = setup.start();
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        read_head(&mut stream).await.unwrap();
        until("its end is in the ledger", || {
            council.ledger_text().contains("partner_gone")
        })
        .await;
        council.stop().await;
    });
}

/// One stream of an HTTP/2 connection that is not read, while the connection itself could be written.
#[test]
fn p5_a_stream_that_is_never_read_on_is_let_go() {
    run(async {
        let service = Service::scripted(move |_, mut stream| async move {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[")
                .await?;
            let record = format!("{{\"name\":\"{}\"}},", "a".repeat(60 << 10));
            loop {
                stream.write_all(record.as_bytes()).await?;
            }
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  body_idle: 200ms\n  header_read: 100ms".to_owned();
        let mut council = setup.start();
        let mut client = crate::http2::client(&council).await;
        let answer = client
            .send_request(crate::http2::request("/adults"))
            .await
            .unwrap();
        assert_eq!(answer.status(), http::StatusCode::OK);
        until("its end is in the ledger", || {
            council.ledger_text().contains("partner_gone")
        })
        .await;
        drop(answer);
        council.stop().await;
    });
}

/// A partner whose HTTP/2 windows take everything, and that reads nothing: what it allows is no room of the gateway's.
#[test]
fn p5_windows_without_end_are_no_room() {
    run(async {
        let sent = Rc::new(Cell::new(0));
        let service = long_answers(&sent).await;
        let council = Setup::with(service.address).start();
        let stream = TcpStream::connect(council.address()).await.unwrap();
        let (mut client, connection) = h2::client::Builder::new()
            .initial_window_size((1 << 31) - 1)
            .initial_connection_window_size((1 << 31) - 1)
            .handshake::<_, bytes::Bytes>(stream)
            .await
            .unwrap();
        let asked = crate::http2::request("/adults").map(|_| ());
        let (answer, _) = client.send_request(asked, true).unwrap();
        let mut connection = Box::pin(connection);
        let answer = tokio::select! {
            biased;
            answer = answer => answer.unwrap(),
            ended = &mut connection => panic!("{ended:?}"),
        };
        assert_eq!(answer.status(), http::StatusCode::OK);
        // From here on nobody reads the connection.
        let mut before = usize::MAX;
        while sent.get() != before {
            before = sent.get();
            for _ in 0..50 {
                assert_eq!(council.get("/adults/7").await.status(), 200);
            }
        }
        assert!(
            before < BUFFERS,
            "the service could send {before} bytes to nobody"
        );
    });
}
