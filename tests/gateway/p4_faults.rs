//! P4: fail closed, and visibly.

use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::harness::*;

#[test]
fn p4_a_fault_before_the_first_output_is_a_problem_document() {
    for (body, reason) in [
        ("nonsense", "malformed"),
        (r#"{"name":"Ada","name":"Bob"}"#, "duplicate_name"),
        (r#"{"name":"Ada"}{"#, "trailing_bytes"),
        (r#"{"name":"Ada""#, "truncated"),
        ("", "truncated"),
        ("\u{feff}{}", "byte_order_mark"),
    ] {
        run(async {
            let (mut council, _service) = Council::answering(json(body)).await;
            let answer = council.get("/adults/7").await;
            let problem = answer.is_problem(502, reason);
            assert_eq!(problem["agreement"], "care");
            assert!(!answer.text().contains("Ada"));
            council.stop().await;
            let release = &council.entries("release")[0];
            assert_ne!(release["outcome"], "complete");
            assert_eq!(release["reason"], reason);
        });
    }
}

#[test]
fn p4_a_service_that_ends_early_is_a_problem_document() {
    run(async {
        let service = Service::scripted(|_, mut stream| async move {
            let whole = json(r#"{"name":"Ada"}"#);
            stream
                .write_all(&whole.as_bytes()[..whole.len() - 3])
                .await?;
            Ok(None)
        })
        .await;
        let council = Setup::with(service.address).start();
        council
            .get("/adults/7")
            .await
            .is_problem(502, "service_broke");
    });
}

/// What the service sends once the partner has the head and the first record.
async fn after_the_head(then: &'static [u8], reason: &str, outcome: &str) {
    let go_on = Rc::new(Notify::new());
    let held = Rc::clone(&go_on);
    let service = Service::scripted(move |_, mut stream| {
        let held = Rc::clone(&held);
        async move {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{\"name\":\"Ada\"},\r\n")
                .await?;
            held.notified().await;
            stream.write_all(then).await?;
            Ok(None)
        }
    })
    .await;
    let mut council = Setup::with(service.address).start();
    let mut stream = TcpStream::connect(council.address()).await.unwrap();
    stream
        .write_all(care("GET", "/adults", "").as_bytes())
        .await
        .unwrap();
    let head = read_head(&mut stream).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    go_on.notify_one();
    let rest = read_to_end(&mut stream).await;
    let answer = Answer([head.as_bytes(), &rest.0].concat());
    assert!(
        answer.is_chunked() && !answer.is_whole(),
        "{}",
        answer.text()
    );
    council.stop().await;
    let release = &council.entries("release")[0];
    assert_eq!(release["outcome"], outcome);
    assert_eq!(release["reason"], reason);
    assert_eq!(release["status"], 200);
}

#[test]
fn p4_a_fault_after_the_head_leaves_out_the_last_chunk() {
    run(async {
        after_the_head(b"8\r\nnonsense\r\n0\r\n\r\n", "malformed", "refused").await;
        after_the_head(
            b"10\r\n{\"a\":1,\"a\":1}]  \r\n0\r\n\r\n",
            "duplicate_name",
            "refused",
        )
        .await;
        after_the_head(b"0\r\n\r\n", "truncated", "service_failed").await;
        after_the_head(b"f\r\n{\"name\":", "service_broke", "service_failed").await;
        after_the_head(b"not a chunk\r\n", "service_broke", "service_failed").await;
    });
}

#[test]
fn p4_a_body_beyond_its_limit_is_aborted() {
    run(async {
        let service = Service::answering(json(&format!("[{}0]", "0,".repeat(200)))).await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  response_body_bytes: 100B".to_owned();
        let council = setup.start();
        council
            .get("/adults")
            .await
            .is_problem(502, "body_too_large");
    });
}

#[test]
fn a_service_that_does_not_answer_in_time_is_a_504() {
    run(async {
        for (limits, service_lines, sends, reason) in [
            ("", "head_timeout: 20ms", "", "service_timeout"),
            ("  exchange: 20ms", "head_timeout: 30s", "", "deadline"),
            (
                "  body_idle: 20ms",
                "head_timeout: 30s",
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
                "body_idle",
            ),
        ] {
            let service = Service::scripted(move |_, mut stream| async move {
                stream.write_all(sends.as_bytes()).await?;
                // Holds the connection and says no more.
                std::future::pending::<()>().await;
                Ok(None)
            })
            .await;
            let mut setup = Setup::with(service.address);
            setup.limits = limits.to_owned();
            setup.service_tls = service_lines.to_owned();
            let council = setup.start();
            council.get("/adults/7").await.is_problem(504, reason);
        }
    });
}

#[test]
fn a_service_that_is_not_there_is_a_502() {
    run(async {
        let nowhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = nowhere.local_addr().unwrap();
        drop(nowhere);
        let council = Setup::with(address).start();
        council
            .get("/adults/7")
            .await
            .is_problem(502, "service_unreachable");
    });
}

#[test]
fn a_partner_that_goes_away_is_entered_as_gone() {
    run(async {
        let service = Service::scripted(|_, mut stream| async move {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{\"name\":\"Ada\"},\r\n")
                .await?;
            std::future::pending::<()>().await;
            Ok(None)
        })
        .await;
        let mut council = Setup::with(service.address).start();
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        read_head(&mut stream).await.unwrap();
        drop(stream);
        until("its end is in the ledger", || {
            council.ledger_text().contains("partner_gone")
        })
        .await;
        council.stop().await;
        assert_eq!(council.entries("release").len(), 1);
    });
}
