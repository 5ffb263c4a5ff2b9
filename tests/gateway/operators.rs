//! Operators' connections and requests have their bounds too, so that the admin listener always answers somebody.

use fieldgate::subjects::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::*;

const TOKEN: &str = "operators-token-0123456789";

/// A council with a store of subjects, whose operators bear a token.
async fn council(limits: &str) -> (Council, Service) {
    let service = Service::answering(json("{}")).await;
    let mut setup = Setup::with(service.address);
    setup.limits = limits.to_owned();
    setup.more = "subjects: { store: subjects.store }".to_owned();
    let mut council = setup.write();
    let config = std::fs::read_to_string(council.config()).unwrap();
    let admin = "admin: { address: 127.0.0.1:0";
    let with_token = format!("{admin}, token_sha256: {}", hash(TOKEN));
    std::fs::write(council.config(), config.replace(admin, &with_token)).unwrap();
    let config = council.config();
    let loaded = fieldgate::config::load(&config).unwrap();
    let seal = loaded.keys.as_ref().unwrap().subjects_seal();
    let store = council.folder.path().join("subjects.store");
    Store::create(&store, seal, june().now()).unwrap();
    council.start();
    (council, service)
}

fn admin(council: &Council) -> std::net::SocketAddr {
    council.gateway.as_ref().unwrap().admin_address()
}

/// How often `limit` was reached.
async fn reached(council: &Council, limit: &str) -> u64 {
    let start = format!("fieldgate_limits_reached_total{{limit=\"{limit}\"}} ");
    let metrics = council.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap().parse().unwrap()
}

#[test]
fn operators_beyond_as_many_as_may_connect_wait_for_another_to_go() {
    run(async {
        let (council, _service) = council("  admin_connections: 2\n  admin_read: 1h").await;
        let ready = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut open = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(admin(&council)).await.unwrap();
            stream.write_all(ready).await.unwrap();
            let head = read_head(&mut stream).await.unwrap();
            skip_body(&head, &mut stream).await.unwrap();
            open.push(stream);
        }
        let mut third = TcpStream::connect(admin(&council)).await.unwrap();
        third.write_all(ready).await.unwrap();
        // Partners are others.
        for _ in 0..20 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        assert!(third.try_read(&mut [0]).is_err(), "it waits");
        open.pop();
        read_head(&mut third).await.unwrap();
        drop((open, third));
        assert!(reached(&council, "admin_connections").await >= 1);
    });
}

#[test]
fn an_operators_request_that_does_not_come_in_time_ends() {
    run(async {
        let (council, _service) = council("  admin_read: 200ms").await;
        let mut stream = TcpStream::connect(admin(&council)).await.unwrap();
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\n")
            .await
            .unwrap();
        let mut all = Vec::new();
        // A reset is one way for a connection to end.
        let _reset = stream.read_to_end(&mut all).await;
        assert_eq!(reached(&council, "admin_read").await, 1);
        let head = format!(
            "POST /subjects/entries HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{{"
        );
        let answer = send(admin(&council), head.as_bytes()).await;
        let problem = answer.is_problem(400, "admin_request");
        assert!(problem["detail"].as_str().unwrap().contains("in time"));
        assert_eq!(reached(&council, "admin_read").await, 2);
    });
}

#[test]
fn an_operators_body_over_its_limit_is_refused() {
    run(async {
        let (council, _service) = council("  admin_body_bytes: 1KiB").await;
        for (bytes, over) in [(1_000, false), (1_025, true)] {
            let body = " ".repeat(bytes);
            let request = format!(
                "POST /subjects/entries HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n{body}"
            );
            let answer = send(admin(&council), request.as_bytes()).await;
            let problem = answer.is_problem(400, "admin_request");
            let detail = problem["detail"].as_str().unwrap().to_owned();
            assert_eq!(detail.contains("limits.admin_body_bytes"), over, "{detail}");
            assert_eq!(reached(&council, "admin_body_bytes").await, u64::from(over));
        }
    });
}
