//! Requests whose form is not for a gateway.

use tokio::io::AsyncWriteExt;

use crate::harness::*;

const LINES: &str =
    "X-API-Key: health-key-0123456789\r\nData-Purpose: care\r\nConnection: close\r\n";

#[test]
fn forms_that_are_not_for_a_gateway_are_refused_and_the_service_sees_none() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        for (line, host, status, reason) in [
            ("GET /adults/7 HTTP/1.0", "Host: g\r\n", 505, "http_version"),
            (
                "GET http://h/adults/7 HTTP/1.1",
                "Host: g\r\n",
                400,
                "request_form",
            ),
            ("OPTIONS * HTTP/1.1", "Host: g\r\n", 400, "request_form"),
            ("CONNECT g:443 HTTP/1.1", "Host: g\r\n", 400, "request_form"),
            (
                "GET /adults/7 HTTP/1.1",
                "Host: g\r\nUpgrade: websocket\r\n",
                400,
                "request_form",
            ),
            ("GET /adults/7 HTTP/1.1", "", 400, "request_form"),
            (
                "GET /adults/7 HTTP/1.1",
                "Host: g\r\nHost: h\r\n",
                400,
                "request_form",
            ),
        ] {
            let answer = council.send(&format!("{line}\r\n{host}{LINES}\r\n")).await;
            answer.is_problem(status, reason);
        }
        let long = format!(
            "GET /adults/7?page={} HTTP/1.1\r\nHost: g\r\n{LINES}\r\n",
            "1".repeat(9_000)
        );
        council.send(&long).await.is_problem(414, "uri_too_long");
        assert_eq!(service.requests().len(), 0);
    });
}

/// What hyper must refuse for us: two readings of where a message ends would let a second request through.
#[test]
fn ambiguous_framing_is_refused() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        for lines in [
            "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            "Content-Length: 2, 3\r\n\r\n{}",
            "Content-Length: +2\r\n\r\n{}",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "X-Folded: a\r\n b\r\n\r\n",
            "X-Space : a\r\n\r\n",
            "X-Nul: a\0b\r\n\r\n",
        ] {
            let request = format!(
                "POST /adults/7/notes HTTP/1.1\r\nHost: g\r\n{LINES}Content-Type: application/json\r\n{lines}"
            );
            let answer = council.send(&request).await;
            assert_eq!(answer.status(), 400, "{lines:?}: {}", answer.text());
        }
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn headers_beyond_the_limits_are_refused() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        let many = "X-One: 1\r\n".repeat(120);
        assert_eq!(
            council
                .send(&care("GET", "/adults/7", &many))
                .await
                .status(),
            431
        );
        let large = format!("X-One: {}\r\n", "1".repeat(48 << 10));
        assert_eq!(
            council
                .send(&care("GET", "/adults/7", &large))
                .await
                .status(),
            431
        );
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn a_head_that_does_not_come_ends_the_connection() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  header_read: 20ms\n  connection_idle: 20ms".to_owned();
        let council = setup.start();
        for begun in ["", "GET /adults/7 HTTP/1.1\r\nHost:", "PRI * HT"] {
            let answer = send(council.address(), begun.as_bytes()).await;
            assert_eq!(answer.text(), "", "{begun:?}");
        }
    });
}

#[test]
fn one_connection_takes_one_request_after_another() {
    run(async {
        let (council, _service) = Council::answering(json(r#"{"name":"Ada"}"#)).await;
        let request = care("GET", "/adults/7", "").replace("Connection: close\r\n", "");
        let last = care("GET", "/adults/7", "");
        let mut stream = tokio::net::TcpStream::connect(council.address())
            .await
            .unwrap();
        stream
            .write_all((request.clone() + &request + &last).as_bytes())
            .await
            .unwrap();
        let answers = read_to_end(&mut stream).await.text();
        assert_eq!(answers.matches(r#"{"name":"Ada"}"#).count(), 3, "{answers}");
    });
}

#[test]
fn more_connections_than_the_limit_are_closed() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  connections: 1".to_owned();
        let council = setup.start();
        let mut first = tokio::net::TcpStream::connect(council.address())
            .await
            .unwrap();
        let request = care("GET", "/adults/7", "").replace("Connection: close\r\n", "");
        first.write_all(request.as_bytes()).await.unwrap();
        assert!(
            read_head(&mut first)
                .await
                .unwrap()
                .starts_with("HTTP/1.1 200")
        );
        assert_eq!(council.get("/adults/7").await.text(), "");
        assert!(
            council
                .has_metric("fieldgate_connections_refused_total{reason=\"limit\"} 1")
                .await
        );
    });
}
