//! The main job: a partner asks, and gets the agreed fields; and what the connection to the service does.

use tokio::io::AsyncWriteExt;

use crate::harness::*;

#[test]
fn a_partner_gets_the_agreed_fields_of_a_record() {
    run(async {
        let (mut council, service) = Council::answering(json(
            r#"{"id":"9000000001","name":"Ada","secret":"X","items":[{"name":"a","b":1}]}"#,
        ))
        .await;
        let answer = council.get("/adults/7?page=2").await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.body(), r#"{"name":"Ada","items":[{"name":"a"}]}"#);
        assert!(
            answer.is_whole() && !answer.is_chunked(),
            "{}",
            answer.text()
        );
        assert!(answer.head().contains("cache-control: private, no-store"));
        assert!(service.requests()[0].starts_with("GET /api/7?page=2 HTTP/1.1\r\n"));
        council.stop().await;
        let intent = &council.entries("intent")[0];
        let release = &council.entries("release")[0];
        assert_eq!(intent["partner"], "island-health");
        assert_eq!(intent["purpose"], "care");
        assert_eq!(release["request"], intent["request"]);
        assert_eq!(release["outcome"], "complete");
        let subjects = &council.entries("subjects")[0];
        assert_eq!(subjects["request"], intent["request"]);
    });
}

#[test]
fn the_first_records_leave_before_the_service_has_sent_the_last() {
    run(async {
        let go_on = std::rc::Rc::new(tokio::sync::Notify::new());
        let held = std::rc::Rc::clone(&go_on);
        let service = Service::scripted(move |_, mut stream| {
            let held = std::rc::Rc::clone(&held);
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
        let council = Setup::with(service.address).start();
        let mut stream = tokio::net::TcpStream::connect(council.address())
            .await
            .unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        let head = read_head(&mut stream).await.unwrap();
        let mut first = Vec::new();
        while find(&first, b"Ada").is_none() {
            tokio::io::AsyncReadExt::read_buf(&mut stream, &mut first)
                .await
                .unwrap();
        }
        go_on.notify_one();
        let rest = read_to_end(&mut stream).await;
        let whole = Answer([head.as_bytes(), &first, &rest.0].concat());
        assert!(whole.is_chunked() && whole.is_whole(), "{}", whole.text());
        assert_eq!(whole.body(), r#"[{"name":"Ada"},{"name":"Bob"}]"#);
    });
}

#[test]
fn a_request_body_is_minimised_on_its_way_to_the_service() {
    run(async {
        let bodies = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let noted = std::rc::Rc::clone(&bodies);
        let service = Service::scripted(move |head, mut stream| {
            let noted = std::rc::Rc::clone(&noted);
            async move {
                let body = skip_body(&head, &mut stream).await?;
                noted.borrow_mut().push(String::from_utf8(body).unwrap());
                stream
                    .write_all(json(r#"{"text":"ok","n":1}"#).as_bytes())
                    .await?;
                Ok(Some(stream))
            }
        })
        .await;
        let council = Setup::with(service.address).start();
        let body = r#"{"text":"a note","author":"CANARY"}"#;
        let head = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let answer = council
            .send(&(care("POST", "/adults/7/notes", &head) + body))
            .await;
        assert_eq!(answer.body(), r#"{"text":"ok"}"#, "{}", answer.text());
        assert_eq!(*bodies.borrow(), [r#"{"text":"a note"}"#]);
        assert!(
            service.requests()[0]
                .to_ascii_lowercase()
                .contains("transfer-encoding: chunked")
        );
    });
}

#[test]
fn a_request_body_that_is_not_understood_is_the_partners_fault() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            skip_body(&head, &mut stream).await?;
            stream.write_all(json("{}").as_bytes()).await?;
            Ok(Some(stream))
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.limits = "  request_body_bytes: 64B".to_owned();
        let mut council = setup.start();
        let long = format!(r#"{{"text":"{}"}}"#, "a".repeat(100));
        for (content_type, body, status, reason) in [
            ("application/json", "{\"text\":", 400, "request_truncated"),
            (
                "application/json",
                "{\"text\":1,\"text\":2}",
                400,
                "request_duplicate_name",
            ),
            ("application/json", "nonsense", 400, "request_malformed"),
            (
                "application/json",
                long.as_str(),
                413,
                "request_body_too_large",
            ),
            ("text/plain", "{}", 415, "request_content_type"),
            (
                "application/json; charset=latin1",
                "{}",
                415,
                "request_content_type",
            ),
        ] {
            let head = format!(
                "Content-Type: {content_type}\r\nContent-Length: {}\r\n",
                body.len()
            );
            let answer = council
                .send(&(care("POST", "/adults/7/notes", &head) + body))
                .await;
            answer.is_problem(status, reason);
        }
        let encoded =
            "Content-Type: application/json\r\nContent-Encoding: compress\r\nContent-Length: 2\r\n";
        let answer = council
            .send(&(care("POST", "/adults/7/notes", encoded) + "{}"))
            .await;
        answer.is_problem(415, "request_encoding");
        let body = "Content-Type: application/json\r\nContent-Length: 2\r\n";
        let answer = council.send(&(care("GET", "/adults/7", body) + "{}")).await;
        answer.is_problem(400, "body_not_agreed");
        council.stop().await;
        assert!(
            council
                .entries("release")
                .iter()
                .all(|entry| entry["outcome"] == "refused")
        );
    });
}

#[test]
fn connections_to_the_service_are_used_again() {
    run(async {
        let (council, service) = Council::answering(json(r#"{"name":"Ada"}"#)).await;
        for _ in 0..3 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        assert_eq!(*service.connections.lock().unwrap(), 1);
        assert!(
            council
                .has_metric("fieldgate_service_connections_total{connection=\"reused\"} 2")
                .await
        );
    });
}

#[test]
fn a_connection_that_the_service_closed_costs_no_answer() {
    run(async {
        // Says nothing of closing, and closes.
        let service = Service::scripted(|_, mut stream| async move {
            stream
                .write_all(json(r#"{"name":"Ada"}"#).as_bytes())
                .await?;
            Ok(None)
        })
        .await;
        let council = Setup::with(service.address).start();
        for _ in 0..5 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
    });
}

#[test]
fn a_safe_request_is_sent_again_when_a_used_connection_breaks_and_others_are_not() {
    run(async {
        // The second request on each connection is taken and not answered.
        let served = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let service = Service::scripted(move |head, mut stream| {
            let served = std::rc::Rc::clone(&served);
            async move {
                skip_body(&head, &mut stream).await?;
                let peer = stream.peer_addr()?;
                if served.borrow().contains(&peer) {
                    return Ok(None);
                }
                served.borrow_mut().push(peer);
                stream
                    .write_all(json(r#"{"name":"Ada"}"#).as_bytes())
                    .await?;
                Ok(Some(stream))
            }
        })
        .await;
        let council = Setup::with(service.address).start();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        assert_eq!(council.get("/adults/7").await.status(), 200);
        assert_eq!(service.requests().len(), 3, "the second was sent twice");
        let body = "Content-Type: application/json\r\nContent-Length: 2\r\n";
        let answer = council
            .send(&(care("POST", "/adults/7/notes", body) + "{}"))
            .await;
        answer.is_problem(502, "service_broke");
        assert_eq!(service.requests().len(), 4, "a note is not taken twice");
    });
}

#[test]
fn the_request_id_goes_to_both_and_is_the_services_trace_while_a_partners_goes_no_further() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
        let answer = council.send(&care("GET", "/adults/7", trace)).await;
        let asked = &service.requests()[0];
        for theirs in ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"] {
            assert!(!asked.contains(theirs), "{asked}");
        }
        let id = |text: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix("x-request-id: "))
                .map(|id| id.trim().to_owned())
                .expect("there is an id")
        };
        assert_eq!(id(&answer.head()), id(asked));
        assert!(
            asked.contains(&format!("traceparent: 00-{}-", id(asked))),
            "{asked}"
        );
    });
}
