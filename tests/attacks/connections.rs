//! Connections that bring nothing, little, or too much before a request is whole.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::*;
use crate::proc::descriptors;

/// A council whose limits on time are short.
async fn hasty(more: &str) -> (Council, Service) {
    let service = Service::answering(json(r#"{"name":"Ada"}"#)).await;
    let mut setup = Setup::with(service.address);
    setup.limits =
        format!("  header_read: 300ms\n  connection_idle: 300ms\n  body_idle: 300ms\n{more}");
    (setup.start(), service)
}

/// A council whose limits are the usual ones but for `limits`.
pub(crate) async fn usual(limits: &str) -> (Council, Service) {
    let service = Service::answering(json(r#"{"name":"Ada"}"#)).await;
    let mut setup = Setup::with(service.address);
    setup.limits = limits.to_owned();
    (setup.start(), service)
}

/// How often `limit` was reached.
pub(crate) async fn reached(council: &Council, limit: &str) -> u64 {
    let start = format!("fieldgate_limits_reached_total{{limit=\"{limit}\"}} ");
    let metrics = council.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    line.expect("each limit is there from the start")
        .parse()
        .unwrap()
}

/// Another partner is answered.
pub(crate) async fn another_is_answered(council: &Council) {
    let answer = council.get("/adults/7").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.body(), r#"{"name":"Ada"}"#);
}

#[test]
fn heads_that_come_too_slowly_end_with_their_time_and_their_descriptors_come_back() {
    run(async {
        let (council, _service) = hasty("").await;
        another_is_answered(&council).await;
        let before = descriptors();
        let mut slow = Vec::new();
        for _ in 0..50 {
            let mut stream = TcpStream::connect(council.address()).await.unwrap();
            stream
                .write_all(b"GET /adults/7 HTTP/1.1\r\nHost: g\r\n")
                .await
                .unwrap();
            slow.push(stream);
        }
        let drip = async {
            // A header more every now and then does not make a head whole.
            let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
            loop {
                ticks.tick().await;
                for stream in &mut slow {
                    // It is closed in the end.
                    let _closed = stream.write_all(b"X-A: b\r\n").await;
                }
                if reached(&council, "header_read").await == 50 {
                    return;
                }
                another_is_answered(&council).await;
            }
        };
        tokio::time::timeout(HANG, drip)
            .await
            .expect("each is ended");
        drop(slow);
        until("the descriptors are back", || descriptors() <= before).await;
    });
}

#[test]
fn connections_that_say_nothing_end_when_their_time_is_over() {
    run(async {
        let (council, _service) = hasty("").await;
        let mut silent = TcpStream::connect(council.address()).await.unwrap();
        // As after a request: the partner has gone without a word, or keeps the connection for nothing.
        let mut kept = TcpStream::connect(council.address()).await.unwrap();
        let request = care("GET", "/adults/7", "").replace("Connection: close\r\n", "");
        kept.write_all(request.as_bytes()).await.unwrap();
        read_head(&mut kept).await.unwrap();
        another_is_answered(&council).await;
        assert_eq!(read_to_end(&mut silent).await.0, b"");
        read_to_end(&mut kept).await;
        assert!(reached(&council, "connection_idle").await >= 1);
    });
}

#[test]
fn a_connection_whose_partner_says_no_more_still_gets_its_answer() {
    run(async {
        let (council, _service) = hasty("").await;
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults/7", "").as_bytes())
            .await
            .unwrap();
        stream.shutdown().await.unwrap();
        let answer = read_to_end(&mut stream).await;
        // HTTP permits either; what it is must not change unnoticed, and nothing hangs.
        assert!(
            answer.0.is_empty() || answer.body() == r#"{"name":"Ada"}"#,
            "{answer:?}"
        );
        another_is_answered(&council).await;
    });
}

#[test]
fn more_connections_than_may_be_open_are_closed_and_the_open_ones_answered() {
    run(async {
        let (council, _service) = usual("  connections: 5").await;
        let mut open = Vec::new();
        for _ in 0..5 {
            let mut stream = TcpStream::connect(council.address()).await.unwrap();
            ask(&mut stream).await;
            open.push(stream);
        }
        let mut more = TcpStream::connect(council.address()).await.unwrap();
        assert_eq!(more.read(&mut [0]).await.unwrap_or(0), 0);
        for stream in &mut open {
            ask(stream).await;
        }
        assert_eq!(reached(&council, "connections").await, 1);
        drop(open);
        let mut tries = 0;
        while council.get("/adults/7").await.0.is_empty() {
            tries += 1;
            assert!(tries < 1_000, "there is room again");
        }
    });
}

#[test]
fn one_address_has_no_more_connections_than_its_own() {
    run(async {
        let (council, _service) = usual("  connections_per_address: 2").await;
        let mut first = TcpStream::connect(council.address()).await.unwrap();
        ask(&mut first).await;
        let mut second = TcpStream::connect(council.address()).await.unwrap();
        ask(&mut second).await;
        let mut third = TcpStream::connect(council.address()).await.unwrap();
        assert_eq!(third.read(&mut [0]).await.unwrap_or(0), 0);
        // Another of the loopback's addresses is another's.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut other = socket.connect(council.address()).await.unwrap();
        ask(&mut other).await;
        assert_eq!(reached(&council, "connections_per_address").await, 1);
    });
}

#[test]
fn an_old_connection_ends_after_the_exchange_that_runs() {
    run(async {
        let (council, _service) = hasty("  connection_age: 100ms").await;
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        let mut asked = 0;
        let asking = async {
            let request = care("GET", "/adults/7", "").replace("Connection: close\r\n", "");
            loop {
                if stream.write_all(request.as_bytes()).await.is_err() {
                    return;
                }
                let Ok(head) = read_head(&mut stream).await else {
                    return;
                };
                skip_body(&head, &mut stream).await.unwrap();
                asked += 1;
            }
        };
        tokio::time::timeout(HANG, asking).await.expect("it ends");
        assert!(asked > 0);
        assert_eq!(reached(&council, "connection_age").await, 1);
    });
}

/// One exchange on a connection that is kept.
async fn ask(stream: &mut TcpStream) {
    let request = care("GET", "/adults/7", "").replace("Connection: close\r\n", "");
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(stream).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(
        skip_body(&head, stream).await.unwrap(),
        br#"{"name":"Ada"}"#
    );
}
