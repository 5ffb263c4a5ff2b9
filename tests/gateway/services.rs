//! Services: endpoints, failures, retries, queues and health, over HTTP/1.1.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::spawn_local;

use crate::harness::*;

/// A breaker that nothing here opens.
const NO_BREAKER: &str = "breaker: { failures: 64, percent: 100 }";

/// A place where nobody listens, and nobody else can while the socket is there.
fn nowhere() -> (SocketAddr, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (socket.local_addr().unwrap(), socket)
}

/// A service that answers while `well`, and else takes the request and closes the connection.
async fn moody(well: &Rc<Cell<bool>>) -> Service {
    let well = Rc::clone(well);
    Service::scripted(move |head, mut stream| {
        let well = well.get();
        async move {
            skip_body(&head, &mut stream).await?;
            if well {
                stream.write_all(json("{}").as_bytes()).await?;
            }
            Ok(None)
        }
    })
    .await
}

/// A service that answers each request when it is told to.
async fn patient() -> (Service, Rc<Notify>) {
    let go_on = Rc::new(Notify::new());
    let held = Rc::clone(&go_on);
    let service = Service::scripted(move |_, mut stream| {
        let held = Rc::clone(&held);
        async move {
            held.notified().await;
            stream.write_all(json("{}").as_bytes()).await?;
            Ok(Some(stream))
        }
    })
    .await;
    (service, go_on)
}

fn endpoints(addresses: &[SocketAddr], lines: &str) -> Setup {
    let mut setup = Setup::with(addresses[0]);
    let urls: Vec<String> = addresses
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    setup.service = format!("[{}]", urls.join(", "));
    setup.service_tls = lines.to_owned();
    setup
}

fn note() -> String {
    let head = "Content-Type: application/json\r\nContent-Length: 2\r\n";
    care("POST", "/adults/7/notes", head) + "{}"
}

/// What the metric `name` has for this service, summed over its other labels; nought where it is not there.
async fn metric(council: &Council, name: &str, label: &str) -> u64 {
    let metrics = council.metrics().await;
    metrics
        .lines()
        .filter(|line| {
            line.starts_with(&format!("fieldgate_service_{name}{{")) && line.contains(label)
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

async fn until_metric(council: &Council, name: &str, label: &str, value: u64) {
    let waiting = async {
        while metric(council, name, label).await != value {
            tokio::task::yield_now().await;
        }
    };
    let came = tokio::time::timeout(HANG, waiting).await;
    assert!(came.is_ok(), "{name} {label} becomes {value}");
}

#[test]
fn exchanges_go_to_all_endpoints_by_turns_each_by_its_own_name() {
    run(async {
        let one = Service::answering(json("{}")).await;
        let other = Service::answering(json("{}")).await;
        let council = endpoints(&[one.address, other.address], "").start();
        for _ in 0..10 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        for service in [&one, &other] {
            assert_eq!(service.requests().len(), 5);
            let host = format!("host: {}\r\n", service.address);
            assert!(
                service
                    .requests()
                    .iter()
                    .all(|head| head.to_ascii_lowercase().contains(&host))
            );
        }
    });
}

#[test]
fn the_endpoint_with_fewer_exchanges_is_asked() {
    run(async {
        let (busy, go_on) = patient().await;
        let idle = Service::answering(json("{}")).await;
        let council = endpoints(&[busy.address, idle.address], "").start();
        // Whichever comes first there waits; from then on the other one has fewer.
        let (address, request) = (council.address(), care("GET", "/adults/7", ""));
        let mut waiting = Vec::new();
        while busy.requests().is_empty() {
            let request = request.clone();
            waiting.push(spawn_local(async move {
                send(address, request.as_bytes()).await
            }));
            until("one is asked", || {
                busy.requests().len() + idle.requests().len() >= waiting.len()
            })
            .await;
        }
        for _ in 0..10 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        assert_eq!(busy.requests().len(), 1);
        go_on.notify_one();
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().status(), 200);
        }
    });
}

#[test]
fn an_endpoint_that_is_not_there_costs_no_answer_not_even_of_a_note() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let (gone, _held) = nowhere();
        // However slow the machine is, nobody tries it again meanwhile.
        let lines = "breaker: { open: 1h, longest: 1h }";
        let council = endpoints(&[gone, service.address], lines).start();
        for _ in 0..12 {
            assert_eq!(council.send(&note()).await.status(), 200);
        }
        assert_eq!(service.requests().len(), 12, "each is taken once");
        assert_eq!(
            metric(&council, "failures_total", "kind=\"connect\"").await,
            5
        );
        assert_eq!(metric(&council, "endpoint_up", &gone.to_string()).await, 0);
        assert_eq!(
            metric(&council, "endpoint_up", &service.address.to_string()).await,
            1
        );
    });
}

#[test]
fn a_service_that_fails_is_left_alone_and_the_caller_told_for_how_long() {
    run(async {
        let (gone, _held) = nowhere();
        let mut setup = Setup::with(gone);
        setup.service_tls = "breaker: { failures: 2, open: 1h, longest: 1h }".to_owned();
        let council = setup.start();
        for _ in 0..2 {
            council
                .get("/adults/7")
                .await
                .is_problem(502, "service_unreachable");
        }
        let answer = council.get("/adults/7").await;
        answer.is_problem(503, "service_unavailable");
        let wait: u32 = answer
            .head()
            .lines()
            .find_map(|line| line.strip_prefix("retry-after: "))
            .and_then(|wait| wait.parse().ok())
            .unwrap();
        assert!((3_000..=3_600).contains(&wait), "{wait}");
        assert_eq!(metric(&council, "refused_total", "left_alone").await, 1);
        assert_eq!(metric(&council, "left_alone_total", "").await, 1);
    });
}

#[test]
fn a_service_that_was_left_alone_is_tried_and_taken_up_again() {
    run(async {
        let well = Rc::new(Cell::new(false));
        let service = moody(&well).await;
        let mut setup = Setup::with(service.address);
        setup.service_tls =
            "retries: 0\n    breaker: { failures: 2, open: 20ms, longest: 40ms }".to_owned();
        let council = setup.start();
        for _ in 0..2 {
            council
                .get("/adults/7")
                .await
                .is_problem(502, "service_broke");
        }
        until_metric(&council, "endpoint_up", "", 0).await;
        well.set(true);
        let tried = async { while council.get("/adults/7").await.status() != 200 {} };
        tokio::time::timeout(HANG, tried).await.unwrap();
        assert_eq!(metric(&council, "endpoint_up", "").await, 1);
        assert_eq!(council.get("/adults/7").await.status(), 200);
    });
}

#[test]
fn answers_of_5xx_never_close_the_only_endpoint() {
    run(async {
        let failing = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
        let (council, service) = Council::answering(failing).await;
        for _ in 0..20 {
            council
                .get("/adults/7")
                .await
                .is_problem(502, "service_error");
        }
        assert_eq!(
            service.requests().len(),
            20,
            "and no answer is asked for twice"
        );
        assert_eq!(
            metric(&council, "failures_total", "kind=\"status\"").await,
            20
        );
        assert_eq!(metric(&council, "endpoint_up", "").await, 1);
    });
}

#[test]
fn a_request_that_changes_nothing_is_asked_again_elsewhere_and_a_note_is_not() {
    run(async {
        let never = Rc::new(Cell::new(false));
        let broken = moody(&never).await;
        let service = Service::answering(json("{}")).await;
        let council = endpoints(&[broken.address, service.address], NO_BREAKER).start();
        for _ in 0..6 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        assert_eq!((broken.requests().len(), service.requests().len()), (3, 6));
        assert_eq!(metric(&council, "retries_total", "sent").await, 3);
        let mut statuses = Vec::new();
        for _ in 0..2 {
            statuses.push(council.send(&note()).await.status());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 502], "by turns");
        assert_eq!((broken.requests().len(), service.requests().len()), (4, 7));
    });
}

#[test]
fn retries_keep_within_their_budget() {
    run(async {
        let never = Rc::new(Cell::new(false));
        let broken = moody(&never).await;
        let mut setup = Setup::with(broken.address);
        setup.service_tls = format!("retries: 1\n    retry_percent: 20\n    {NO_BREAKER}");
        let council = setup.start();
        for _ in 0..30 {
            council
                .get("/adults/7")
                .await
                .is_problem(502, "service_broke");
        }
        // Ten that were saved up, and a fifth of the thirty.
        let asked = broken.requests().len();
        assert!((44..=46).contains(&asked), "{asked}");
        assert_eq!(
            metric(&council, "retries_total", "over_budget").await,
            60 - asked as u64
        );
    });
}

#[test]
fn nothing_is_asked_again_once_an_answer_has_begun() {
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
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn beyond_the_limit_an_exchange_waits_and_beyond_the_queue_it_is_refused() {
    run(async {
        let (service, go_on) = patient().await;
        let mut setup = Setup::with(service.address);
        setup.service_tls = "concurrency: 1\n    queue: 1\n    queue_wait: 1h".to_owned();
        let council = setup.start();
        let address = council.address();
        let ask = move || {
            spawn_local(async move { send(address, care("GET", "/adults/7", "").as_bytes()).await })
        };
        let first = ask();
        until("the first is asked", || service.requests().len() == 1).await;
        let second = ask();
        until_metric(&council, "queued", "", 1).await;
        assert_eq!(metric(&council, "in_flight", "").await, 1);
        let third = council.get("/adults/7").await;
        third.is_problem(503, "service_saturated");
        assert!(
            third.head().contains("retry-after: 3600"),
            "{}",
            third.head()
        );
        assert_eq!(metric(&council, "refused_total", "queue_full").await, 1);
        go_on.notify_one();
        assert_eq!(first.await.unwrap().status(), 200);
        go_on.notify_one();
        assert_eq!(second.await.unwrap().status(), 200);
        until_metric(&council, "in_flight", "", 0).await;
        assert_eq!(metric(&council, "queued", "").await, 0);
    });
}

#[test]
fn an_exchange_waits_no_longer_than_it_may() {
    run(async {
        let (service, go_on) = patient().await;
        let mut setup = Setup::with(service.address);
        setup.service_tls = "concurrency: 1\n    queue_wait: 10ms".to_owned();
        let council = setup.start();
        let address = council.address();
        let first =
            spawn_local(
                async move { send(address, care("GET", "/adults/7", "").as_bytes()).await },
            );
        until("the first is asked", || service.requests().len() == 1).await;
        council
            .get("/adults/7")
            .await
            .is_problem(503, "service_saturated");
        assert_eq!(metric(&council, "refused_total", "queue_wait").await, 1);
        go_on.notify_one();
        assert_eq!(first.await.unwrap().status(), 200);
    });
}

#[test]
fn an_exchange_is_with_the_service_until_its_answer_has_ended_or_its_partner_is_gone() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            if head.contains("/api/7") {
                stream.write_all(json("{}").as_bytes()).await?;
                return Ok(Some(stream));
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{\"name\":\"Ada\"},\r\n")
                .await?;
            std::future::pending::<()>().await;
            Ok(None)
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.service_tls = "concurrency: 1\n    queue: 0".to_owned();
        let council = setup.start();
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        read_head(&mut stream).await.unwrap();
        council
            .get("/adults/7")
            .await
            .is_problem(503, "service_saturated");
        drop(stream);
        until_metric(&council, "in_flight", "", 0).await;
        assert_eq!(council.get("/adults/7").await.status(), 200);
    });
}

#[test]
fn a_service_may_have_a_time_of_its_own_between_two_pieces() {
    run(async {
        let service = Service::scripted(|_, mut stream| async move {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
                .await?;
            std::future::pending::<()>().await;
            Ok(None)
        })
        .await;
        let mut setup = Setup::with(service.address);
        setup.service_tls = "read_timeout: 20ms".to_owned();
        let council = setup.start();
        council.get("/adults/7").await.is_problem(504, "body_idle");
    });
}

#[test]
fn an_endpoint_whose_health_checks_fail_is_not_asked_until_they_succeed() {
    run(async {
        let well = Rc::new(Cell::new(false));
        let told = Rc::clone(&well);
        let ailing = Service::scripted(move |head, mut stream| {
            let well = told.get() || !head.starts_with("GET /health ");
            async move {
                let answer = if well {
                    json("{}")
                } else {
                    "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n".to_owned()
                };
                stream.write_all(answer.as_bytes()).await?;
                Ok(Some(stream))
            }
        })
        .await;
        let service = Service::answering(json("{}")).await;
        let lines =
            "health: { path: /health, interval: 5ms, healthy_after: 1, unhealthy_after: 2 }";
        let council = endpoints(&[ailing.address, service.address], lines).start();
        let ailing_label = ailing.address.to_string();
        until_metric(&council, "endpoint_up", &ailing_label, 0).await;
        for _ in 0..6 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        let asked = |service: &Service| {
            let heads = service.requests();
            heads
                .iter()
                .filter(|head| head.starts_with("GET /api/7 "))
                .count()
        };
        assert_eq!((asked(&ailing), asked(&service)), (0, 6));
        let check = ailing.requests()[0].to_ascii_lowercase();
        let mut names: Vec<&str> = check
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name)
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["host", "user-agent"],
            "a check carries nothing of anybody's"
        );

        well.set(true);
        until_metric(&council, "endpoint_up", &ailing_label, 1).await;
        for _ in 0..6 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        assert_eq!((asked(&ailing), asked(&service)), (3, 9));
    });
}

#[test]
fn a_service_that_is_ill_everywhere_is_not_asked() {
    run(async {
        let ill = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n";
        let service = Service::answering(ill).await;
        let mut setup = Setup::with(service.address);
        setup.service_tls =
            "health: { path: /health, interval: 5ms, unhealthy_after: 1 }".to_owned();
        let council = setup.start();
        until_metric(&council, "endpoint_up", "", 0).await;
        council
            .get("/adults/7")
            .await
            .is_problem(503, "service_unavailable");
        assert!(
            service
                .requests()
                .iter()
                .all(|head| head.starts_with("GET /health "))
        );
    });
}

#[test]
fn a_name_is_looked_up_again_and_again_and_its_addresses_are_used() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let mut setup = Setup::with(service.address);
        setup.service = format!("http://localhost:{}", service.address.port());
        setup.service_tls = "dns_ttl: 5ms".to_owned();
        let council = setup.start();
        for _ in 0..12 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        let host = format!("host: localhost:{}\r\n", service.address.port());
        assert!(service.requests()[0].to_ascii_lowercase().contains(&host));
        let again = async { while metric(&council, "lookups_total", "ok").await < 3 {} };
        tokio::time::timeout(HANG, again).await.unwrap();
        assert_eq!(
            *service.connections.lock().unwrap(),
            1,
            "its place stays, with its connections"
        );
    });
}

#[test]
fn a_name_that_nobody_has_is_a_502() {
    run(async {
        let mut setup = Setup::with(nowhere().0);
        setup.service = "http://no-such-host.invalid:8080".to_owned();
        let council = setup.start();
        for _ in 0..3 {
            council
                .get("/adults/7")
                .await
                .is_problem(502, "service_unreachable");
        }
    });
}

#[test]
fn a_reload_takes_new_endpoints_and_running_exchanges_end_where_they_began() {
    run(async {
        let (before, go_on) = patient().await;
        let after = Service::answering(json("{}")).await;
        let council = Setup::with(before.address).start();
        let address = council.address();
        let first =
            spawn_local(
                async move { send(address, care("GET", "/adults/7", "").as_bytes()).await },
            );
        until("the first is asked", || before.requests().len() == 1).await;
        let text = std::fs::read_to_string(council.config()).unwrap();
        let text = text.replace(&before.address.to_string(), &after.address.to_string());
        std::fs::write(council.config(), text).unwrap();
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        assert_eq!(after.requests().len(), 1);
        go_on.notify_one();
        assert_eq!(first.await.unwrap().status(), 200);
        let metrics = council.metrics().await;
        let up = |address: SocketAddr| {
            metrics.contains(&format!(
                "fieldgate_service_endpoint_up{{endpoint=\"http://{address}\""
            ))
        };
        assert!(up(after.address) && !up(before.address));
    });
}

#[test]
fn what_is_wrong_with_a_service_is_said_with_its_place() {
    for (service, lines, fault) in [
        (
            "[http://a.example, https://b.example]",
            "",
            "all http or all https",
        ),
        (
            "[http://a.example, http://a.example:80]",
            "",
            "this endpoint is there already",
        ),
        (
            "http://a.example",
            "endpoints: [http://b.example]",
            "`url` or `endpoints`, not both",
        ),
        ("http://a.example", "tls: { ca: ca.pem }", "the url is http"),
        ("https://a.example", "", "https needs tls"),
        (
            "https://a.example",
            "tls: { ca: ca.pem, key: key.pem }",
            "write both, or neither",
        ),
        (
            "http://a.example",
            "breaker: { open: 2min }",
            "longer than the longest",
        ),
    ] {
        let mut setup = Setup::with(([127, 0, 0, 1], 1).into());
        setup.service = service.to_owned();
        setup.service_tls = lines.to_owned();
        let error = setup.write().try_start().expect_err(service).to_string();
        assert!(error.contains(fault), "{service} {lines}: {error}");
    }
}
