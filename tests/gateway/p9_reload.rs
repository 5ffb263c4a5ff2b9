//! P9: agreements change atomically.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::harness::*;

/// The next version of the agreement: years instead of names.
fn next_version() -> String {
    CARE.replace("version: 1", "version: 2")
        .replace(r#"- keep: ["$[*].name"]"#, r#"- keep: ["$[*].year"]"#)
}

/// An exchange that waits while the agreements change: for the head, or in mid-body.
async fn changed_while_waiting(before_the_head: bool) {
    let go_on = Rc::new(Notify::new());
    let held = Rc::clone(&go_on);
    let service = Service::scripted(move |_, mut stream| {
        let held = Rc::clone(&held);
        async move {
            if before_the_head {
                held.notified().await;
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\n[{\"name\":\"Ada\",\"year\":1941},\r\n")
                .await?;
            if !before_the_head {
                held.notified().await;
            }
            stream
                .write_all(b"1b\r\n{\"name\":\"Bob\",\"year\":1950}]\r\n0\r\n\r\n")
                .await?;
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
    let mut head = String::new();
    if before_the_head {
        until("the service is asked", || service.requests().len() == 1).await;
    } else {
        head = read_head(&mut stream).await.unwrap();
    }

    std::fs::write(
        council.folder.path().join("agreements/care.yaml"),
        next_version(),
    )
    .unwrap();
    council.gateway.as_ref().unwrap().reload().unwrap();
    go_on.notify_one();
    let rest = read_to_end(&mut stream).await;
    let begun_before = Answer([head.as_bytes(), &rest.0].concat());
    assert_eq!(begun_before.body(), r#"[{"name":"Ada"},{"name":"Bob"}]"#);

    go_on.notify_one();
    let begun_after = council.get("/adults").await;
    assert_eq!(begun_after.body(), r#"[{"year":1941},{"year":1950}]"#);
    council.stop().await;
    let versions: Vec<_> = council
        .entries("intent")
        .iter()
        .map(|entry| entry["version"].clone())
        .collect();
    assert_eq!(versions, [1, 2]);
    assert!(council.entries("agreements").len() >= 2);
}

#[test]
fn p9_an_exchange_stays_under_the_version_it_began_with() {
    run(async {
        changed_while_waiting(true).await;
        changed_while_waiting(false).await;
    });
}

#[test]
fn p9_a_set_with_a_fault_is_refused_whole_and_the_running_set_stays() {
    run(async {
        let (council, _service) = Council::answering(json(r#"[{"name":"Ada","year":1941}]"#)).await;
        let agreements = council.folder.path().join("agreements");
        // One good change and one fault: neither is taken.
        std::fs::write(agreements.join("care.yaml"), next_version()).unwrap();
        std::fs::write(
            agreements.join("other.yaml"),
            "agreement: other\nversion: none\n",
        )
        .unwrap();
        let error = council
            .gateway
            .as_ref()
            .unwrap()
            .reload()
            .expect_err("it has a fault");
        assert!(error.to_string().contains("other.yaml"), "{error}");
        assert_eq!(council.get("/adults").await.body(), r#"[{"name":"Ada"}]"#);
        assert!(council.has_metric("fieldgate_reload_failed 1").await);
        let failed = "fieldgate_reloads_total{result=\"failed\"} ";
        assert!(council.metrics().await.contains(failed));
        assert!(logs().contains("other.yaml"));

        std::fs::remove_file(agreements.join("other.yaml")).unwrap();
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(council.get("/adults").await.body(), r#"[{"year":1941}]"#);
        assert!(council.has_metric("fieldgate_reload_failed 0").await);
    });
}

#[test]
fn a_changed_file_is_noticed_by_itself() {
    run(async {
        let (council, _service) = Council::answering(json(r#"[{"name":"Ada","year":1941}]"#)).await;
        assert_eq!(council.get("/adults").await.body(), r#"[{"name":"Ada"}]"#);
        std::fs::write(
            council.folder.path().join("agreements/care.yaml"),
            next_version(),
        )
        .unwrap();
        // The ledger has the new set's entry before an exchange can run under it, so only an answer tells.
        let new_version = async {
            let mut look = tokio::time::interval(Duration::from_millis(20));
            while council.get("/adults").await.body() != r#"[{"year":1941}]"# {
                look.tick().await;
            }
        };
        let taken = tokio::time::timeout(HANG, new_version).await;
        assert!(taken.is_ok(), "the new version runs");
    });
}
