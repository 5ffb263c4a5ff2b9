//! Starting and stopping.

use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;

use crate::harness::*;

#[test]
fn a_stream_that_runs_when_the_gateway_stops_may_end() {
    run(async {
        let go_on = Rc::new(Notify::new());
        let held = Rc::clone(&go_on);
        let service = Service::scripted(move |_, mut stream| {
            let held = Rc::clone(&held);
            async move {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{\"name\":\"Ada\"},\r\n")
                    .await?;
                held.notified().await;
                stream.write_all(b"f\r\n{\"name\":\"Bob\"}]\r\n0\r\n\r\n").await?;
                Ok(None)
            }
        })
        .await;
        let mut council = Setup::with(service.address).start();
        let (address, admin) = {
            let gateway = council.gateway.as_ref().unwrap();
            (gateway.addresses()[0], gateway.admin_address())
        };
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        let head = read_head(&mut stream).await.unwrap();

        let gateway = council.gateway.take().unwrap();
        let stopping = tokio::task::spawn_blocking(move || gateway.shutdown());
        loop {
            let ready = send(
                admin,
                b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            )
            .await;
            if ready.status() == 503 {
                break;
            }
        }
        go_on.notify_one();
        let rest = read_to_end(&mut stream).await;
        let answer = Answer([head.as_bytes(), &rest.0].concat());
        assert!(answer.is_whole(), "{}", answer.text());
        assert_eq!(answer.body(), r#"[{"name":"Ada"},{"name":"Bob"}]"#);
        stopping.await.unwrap().unwrap();
        assert_eq!(council.entries("release")[0]["outcome"], "complete");
        assert!(
            TcpStream::connect(address).await.is_err(),
            "nobody listens any more"
        );
    });
}

/// A partner that has read nothing of its answer when the gateway stops still gets all of it.
#[test]
fn p4_what_is_unsent_when_the_gateway_stops_is_sent() {
    run(async {
        const RECORDS: usize = 2_000;
        let record = format!("{{\"name\":\"{}\"}}", "a".repeat(1_000));
        let body = format!("[{}]", vec![record; RECORDS].join(","));
        let service = Service::answering(json(&body)).await;
        let mut council = Setup::with(service.address).start();
        // Little room, so that most of the answer waits in the gateway.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        let mut stream = socket.connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        let head = read_head(&mut stream).await.unwrap();
        let admin = council.gateway.as_ref().unwrap().admin_address();
        let gateway = council.gateway.take().unwrap();
        let stopping = tokio::task::spawn_blocking(move || gateway.shutdown());
        let ready = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        while send(admin, ready).await.status() != 503 {}
        let rest = read_to_end(&mut stream).await;
        let answer = Answer([head.as_bytes(), &rest.0].concat());
        assert!(answer.is_whole());
        assert_eq!(answer.body(), body);
        stopping.await.unwrap().unwrap();
        assert_eq!(council.entries("release")[0]["outcome"], "complete");
    });
}

#[test]
fn a_stream_that_does_not_end_within_the_drain_time_is_cut_and_entered() {
    run(async {
        let service = Service::scripted(|_, mut stream| async move {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{\"name\":\"Ada\"},\r\n")
                .await?;
            std::future::pending::<()>().await;
            Ok(None)
        })
        .await;
        let setup = Setup::with(service.address);
        let mut council = setup.write();
        let text = std::fs::read_to_string(council.config()).unwrap();
        std::fs::write(council.config(), text.replace("drain: 5s", "drain: 20ms")).unwrap();
        council.start();
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        read_head(&mut stream).await.unwrap();
        council.stop().await;
        let rest = read_to_end(&mut stream).await;
        assert!(!rest.0.ends_with(b"0\r\n\r\n"));
        assert_eq!(council.entries("release")[0]["outcome"], "partner_gone");
    });
}

#[test]
fn a_taken_port_is_named_in_one_line() {
    run(async {
        let (first, service) = Council::answering(json("{}")).await;
        let mut second = Setup::with(service.address).write();
        let text = std::fs::read_to_string(second.config()).unwrap();
        let taken = text.replacen("127.0.0.1:0", &first.address().to_string(), 1);
        std::fs::write(second.config(), taken).unwrap();
        let error = second.try_start().expect_err("the port is taken");
        assert!(!error.is_content());
        assert!(
            error.to_string().contains(&first.address().to_string()),
            "{error}"
        );
        assert_eq!(error.to_string().lines().count(), 1);
    });
}
