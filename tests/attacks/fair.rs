//! One partner's load, and another's answers.

use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::connections::reached;
use crate::harness::*;

const HOMES: &str = "homes";

/// The usual council with an agreement of `harbour-homes` beside that of `island-health`.
fn two_partners(service: &Service, limits: &str) -> Setup {
    let mut setup = Setup::with(service.address);
    setup.limits = limits.to_owned();
    let homes = CARE
        .replace("agreement: care", "agreement: homes")
        .replace("island-health", "harbour-homes");
    setup.agreements.push((format!("{HOMES}.yaml"), homes));
    setup
}

fn homes(path: &str) -> String {
    care("GET", path, "").replace(HEALTH_KEY, HOMES_KEY)
}

/// A service that answers 7 at once, and everything else when it is told to.
async fn held_service() -> (Service, Rc<Notify>) {
    let go_on = Rc::new(Notify::new());
    let held = Rc::clone(&go_on);
    let service = Service::scripted(move |head, mut stream| {
        let held = Rc::clone(&held);
        async move {
            if !head.contains("/api/7") {
                held.notified().await;
            }
            stream
                .write_all(json(r#"{"name":"Ada"}"#).as_bytes())
                .await?;
            Ok(Some(stream))
        }
    })
    .await;
    (service, go_on)
}

/// Requests that are under way, `count` of them, before the service.
async fn under_way(council: &Council, service: &Service, count: usize) -> Vec<TcpStream> {
    let before = service.requests().len();
    let mut open = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(council.address()).await.unwrap();
        stream
            .write_all(care("GET", "/adults/8", "").as_bytes())
            .await
            .unwrap();
        open.push(stream);
    }
    until("the service is asked", || {
        service.requests().len() == before + count
    })
    .await;
    open
}

#[test]
fn a_partner_with_as_many_exchanges_as_it_may_have_leaves_another_its_own() {
    run(async {
        let (service, go_on) = held_service().await;
        let limits = "  exchanges: 8\n  exchanges_per_partner: 4\n  exchange_wait: 100ms";
        let council = two_partners(&service, limits).start();
        let mut greedy = under_way(&council, &service, 4).await;
        let busy = council.get("/adults/7").await;
        busy.is_problem(503, "gateway_busy");
        assert!(busy.head().contains("retry-after: "), "{}", busy.head());
        assert_eq!(reached(&council, "exchanges_per_partner").await, 1);
        assert_eq!(reached(&council, "exchange_wait").await, 1);
        for _ in 0..10 {
            let other = council.send(&homes("/adults/7")).await;
            assert_eq!(other.status(), 200, "{}", other.text());
        }
        // Each that ends makes room.
        go_on.notify_waiters();
        for stream in &mut greedy {
            assert_eq!(read_to_end(stream).await.status(), 200);
        }
        assert_eq!(council.get("/adults/7").await.status(), 200);
    });
}

#[test]
fn an_exchange_that_waits_runs_when_another_has_ended() {
    run(async {
        let (service, go_on) = held_service().await;
        let limits = "  exchanges: 2\n  exchanges_per_partner: 2\n  exchange_wait: 20s";
        let council = two_partners(&service, limits).start();
        let mut greedy = under_way(&council, &service, 2).await;
        let request = homes("/adults/7");
        let waiting = council.send(&request);
        let ending = async {
            while reached(&council, "exchanges").await == 0 {}
            go_on.notify_waiters();
            for stream in &mut greedy {
                assert_eq!(read_to_end(stream).await.status(), 200);
            }
        };
        let (answer, ()) = tokio::join!(waiting, ending);
        assert_eq!(answer.status(), 200, "{}", answer.text());
    });
}

/// As many of a partner's exchanges wait as may run; one more is refused without a wait.
#[test]
fn a_partners_line_is_as_long_as_what_it_may_have_at_once() {
    run(async {
        let (service, _held) = held_service().await;
        let limits = "  exchanges: 4\n  exchanges_per_partner: 2\n  exchange_wait: 1h";
        let council = two_partners(&service, limits).start();
        let mut greedy = under_way(&council, &service, 2).await;
        for waiting in 1..=2 {
            greedy.push(asked(&council, &care("GET", "/adults/8", "")).await);
            while reached(&council, "exchanges_per_partner").await < waiting {}
        }
        let busy = council.get("/adults/7").await;
        busy.is_problem(503, "gateway_busy");
        assert_eq!(reached(&council, "exchange_wait").await, 0);
        drop(greedy);
    });
}

/// A partner with a long line has one turn, and then it is the other's.
#[test]
fn partners_that_wait_have_turns_whoever_asked_most() {
    run(async {
        let (service, go_on) = held_service().await;
        let limits = "  exchanges: 3\n  exchanges_per_partner: 3\n  exchange_wait: 1h";
        let council = two_partners(&service, limits).start();
        let mut greedy = under_way(&council, &service, 3).await;
        for waiting in 1..=3 {
            greedy.push(asked(&council, &care("GET", "/adults/8", "")).await);
            while reached(&council, "exchanges").await < waiting {}
        }
        let small = asked(&council, &homes("/adults/9")).await;
        while reached(&council, "exchanges").await < 4 {}
        for round in 1..=2 {
            go_on.notify_one();
            until("the next is asked for", || {
                service.requests().len() == 3 + round
            })
            .await;
        }
        let asked = service.requests();
        assert!(asked[3].contains("/api/8") && asked[4].contains("/api/9"));
        drop((greedy, small));
    });
}

/// `request` on a connection of its own, sent.
async fn asked(council: &Council, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(council.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[test]
fn exchanges_that_partners_give_up_give_their_places_back() {
    run(async {
        let (service, _held) = held_service().await;
        let council = two_partners(&service, "  exchanges: 2\n  exchange_wait: 20s").start();
        for _ in 0..5 {
            drop(under_way(&council, &service, 2).await);
        }
        assert_eq!(council.get("/adults/7").await.status(), 200);
    });
}

/// One worker, one body that is always ready, and small answers beside it.
#[test]
fn a_large_body_that_is_always_ready_leaves_the_worker_to_others() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            if head.contains("/api/7") {
                stream.write_all(json(r#"{"name":"Ada"}"#).as_bytes()).await?;
                return Ok(Some(stream));
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[")
                .await?;
            // Nothing of it is agreed, so that nothing that leaves could make anybody wait.
            let record = format!("{{\"secret\":\"{}\"}},", "a".repeat(60 << 10));
            loop {
                stream.write_all(record.as_bytes()).await?;
            }
        })
        .await;
        let council = two_partners(&service, "").start();
        let mut large = TcpStream::connect(council.address()).await.unwrap();
        large
            .write_all(care("GET", "/adults", "").as_bytes())
            .await
            .unwrap();
        until("the service is asked", || service.requests().len() == 1).await;
        for _ in 0..50 {
            let other = council.send(&homes("/adults/7")).await;
            assert_eq!(other.status(), 200, "{}", other.text());
        }
    });
}
