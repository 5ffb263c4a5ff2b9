//! Access for vital interests.

use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::AsyncWriteExt;

use crate::harness::*;
use crate::site::*;

const NOON: &str = "2026-06-15T12:00:00Z";
const SECRET: &str = "a-secret-of-the-two-of-us";

fn emergency(reason: &str) -> String {
    request(
        "/emergency/7",
        "save-life",
        &format!("Data-Reason: {reason}\r\n"),
    )
}

fn cli(council: &Council, args: &[&str]) -> (i32, String) {
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_fieldgate"))
        .args(args)
        .arg("--config")
        .arg(council.config())
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap() + &String::from_utf8(out.stderr).unwrap();
    (out.status.code().unwrap(), text)
}

/// What a webhook got: heads and bodies.
type Got = Arc<Mutex<Vec<(String, String)>>>;

/// A webhook that answers the first `failing` requests with 503, and then takes them.
async fn webhook(failing: usize) -> (Service, Got) {
    let got = Got::default();
    let noted = Arc::clone(&got);
    let service = Service::scripted(move |head, mut stream| {
        let noted = Arc::clone(&noted);
        async move {
            let body = skip_body(&head, &mut stream).await?;
            let seen = {
                let mut got = noted.lock().unwrap();
                got.push((head, String::from_utf8(body).unwrap()));
                got.len()
            };
            let status = if seen <= failing {
                "503 Busy"
            } else {
                "204 Taken"
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await?;
            Ok(Some(stream))
        }
    })
    .await;
    (service, got)
}

fn with_webhook(service: &Service, hook: &Service, more: &str) -> Council {
    let config = format!(
        "alerts:\n  webhook: {{ url: \"http://{}/dpo?from=gateway\", secret_file: hook.secret, timeout: 5s }}\n",
        hook.address
    );
    let council = council(service, more, &config);
    write_secret(&council.folder.path().join("hook.secret"), SECRET);
    council
}

#[test]
fn p6_access_for_vital_interests_needs_a_reason() {
    run(async {
        let service = people(|_| 0..1).await;
        let mut council = council(&service, "", "");
        start(&mut council, &Hands::at(NOON));
        for more in [
            "",
            "Data-Reason: \r\n",
            "Data-Reason: one\r\nData-Reason: two\r\n",
        ] {
            let answer = council
                .send(&request("/emergency/7", "save-life", more))
                .await;
            answer.is_problem(400, "reason_missing");
        }
        let long = format!("Data-Reason: {}\r\n", "x".repeat(501));
        let answer = council
            .send(&request("/emergency/7", "save-life", &long))
            .await;
        answer.is_problem(400, "reason_missing");
        assert!(service.requests().is_empty());
        let answer = council.send(&emergency("unconscious at the harbour")).await;
        assert_eq!(answer.body(), r#"{"allergies":"allergy-7"}"#);
    });
}

#[test]
fn p7_an_alert_is_signed_tried_again_and_names_nobody() {
    run(async {
        let service = people(|_| 0..1).await;
        let (hook, got) = webhook(1).await;
        let mut council = with_webhook(&service, &hook, "");
        start(&mut council, &Hands::at(NOON));
        let answer = council.send(&emergency("CANARY at the harbour")).await;
        assert_eq!(answer.status(), 200);
        until("the alert is delivered", || got.lock().unwrap().len() >= 2).await;
        let got = got.lock().unwrap().clone();
        assert_eq!(got[0].1, got[1].1, "the same alert again");
        let (head, body) = &got[1];
        assert!(
            head.starts_with("POST /dpo?from=gateway HTTP/1.1\r\n"),
            "{head}"
        );
        let mut state = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        state.update(format!("1781524800.{body}").as_bytes());
        let code: String = state
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let signature = format!("fieldgate-signature: t=1781524800,v1={code}\r\n");
        assert!(head.to_lowercase().contains(&signature), "{head}");
        let alert: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(alert["kind"], "vital_interests");
        assert_eq!(alert["number"], 1);
        assert_eq!(alert["agreement"], "care");
        assert_eq!(alert["purpose"], "save-life");
        assert!(
            !body.contains("CANARY") && !body.contains("allergy"),
            "{body}"
        );
        let log = logs();
        assert!(log.contains("data was asked for to protect a life"));
        assert!(!log.contains("CANARY at the harbour"));
        council.stop().await;
        assert!(!council.ledger_text().contains("CANARY"));
    });
}

#[test]
fn an_alert_that_the_webhook_does_not_take_holds_up_no_other() {
    run(async {
        let service = people(|_| 0..1).await;
        let taken = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&taken);
        let hook = Service::scripted(move |head, mut stream| {
            let noted = Arc::clone(&noted);
            async move {
                let body = skip_body(&head, &mut stream).await?;
                let is_first = head
                    .to_ascii_lowercase()
                    .contains("fieldgate-alert-id: 1\r\n");
                let status = if is_first { "503 Busy" } else { "204 Taken" };
                noted.lock().unwrap().push((is_first, body));
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await?;
                Ok(Some(stream))
            }
        })
        .await;
        let mut council = with_webhook(&service, &hook, "");
        start(&mut council, &Hands::at(NOON));
        for reason in ["one", "two", "three"] {
            assert_eq!(council.send(&emergency(reason)).await.status(), 200);
        }
        let others = || {
            taken
                .lock()
                .unwrap()
                .iter()
                .filter(|(is_first, _)| !is_first)
                .count()
        };
        until("the other two are delivered", || others() == 2).await;
        let queued = async { while !council.has_metric("fieldgate_alerts_queued 1").await {} };
        tokio::time::timeout(HANG, queued).await.unwrap();
    });
}

#[test]
fn alerts_that_the_webhook_is_slow_to_answer_hold_up_no_other_until_so_many_are_on_their_way() {
    run(async {
        let service = people(|_| 0..1).await;
        // Those that were told of, and the one whose answers are awaited no more.
        let told = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&told);
        let hook = Service::scripted(move |head, mut stream| {
            let noted = Arc::clone(&noted);
            async move {
                skip_body(&head, &mut stream).await?;
                let head = head.to_ascii_lowercase();
                let number = head
                    .lines()
                    .find_map(|line| line.strip_prefix("fieldgate-alert-id: "));
                let number: u64 = number.unwrap().parse().unwrap();
                noted.lock().unwrap().push(number);
                if number <= 2 {
                    // Never answered: the stream is held until the gateway gives it up.
                    std::future::pending::<()>().await;
                }
                stream
                    .write_all(b"HTTP/1.1 204 Taken\r\nContent-Length: 0\r\n\r\n")
                    .await?;
                Ok(Some(stream))
            }
        })
        .await;
        for (at_once, comes) in [(3, vec![1, 2, 3, 4]), (2, vec![1, 2])] {
            told.lock().unwrap().clear();
            let council = with_webhook(&service, &hook, "");
            let config = std::fs::read_to_string(council.config()).unwrap();
            let slow = format!("timeout: 1h, at_once: {at_once}");
            let config = config.replace("timeout: 5s", &slow);
            std::fs::write(council.config(), config).unwrap();
            let mut council = council;
            start(&mut council, &Hands::at(NOON));
            for reason in ["one", "two", "three", "four"] {
                assert_eq!(council.send(&emergency(reason)).await.status(), 200);
            }
            until("as many as may be are on their way", || {
                told.lock().unwrap().len() == comes.len()
            })
            .await;
            // Whatever else would be sent has had its turns.
            for _ in 0..20 {
                assert_eq!(council.admin("/healthz").await.status(), 200);
            }
            let mut found = told.lock().unwrap().clone();
            found.sort_unstable();
            assert_eq!(found, comes, "{at_once}");
        }
    });
}

#[test]
fn an_alert_that_was_not_delivered_is_delivered_after_a_restart() {
    run(async {
        let service = people(|_| 0..1).await;
        let (hook, got) = webhook(0).await;
        let mut council = with_webhook(&service, &hook, "");
        // Nobody listens where the first configuration says.
        let right = std::fs::read_to_string(council.config()).unwrap();
        let wrong = right.replace(
            &format!("http://{}/dpo", hook.address),
            "http://127.0.0.1:9/dpo",
        );
        std::fs::write(council.config(), wrong).unwrap();
        let hands = Hands::at(NOON);
        start(&mut council, &hands);
        assert_eq!(
            council.send(&emergency("at the harbour")).await.status(),
            200
        );
        council.stop().await;
        assert!(got.lock().unwrap().is_empty());
        std::fs::write(council.config(), right).unwrap();
        start(&mut council, &hands);
        until("the alert is delivered", || !got.lock().unwrap().is_empty()).await;
    });
}

#[test]
fn access_ends_until_somebody_has_looked_and_the_ledger_has_the_review() {
    run(async {
        let service = people(|_| 0..1).await;
        let terms = "vital_interests: { expires: 2h, unreviewed: 2, review_within: 48h }";
        let mut council = council(&service, terms, "");
        let hands = Hands::at(NOON);
        start(&mut council, &hands);
        for reason in ["first", "second", "first"] {
            assert_eq!(council.send(&emergency(reason)).await.status(), 200);
        }
        let refused = council.send(&emergency("third")).await;
        let problem = refused.is_problem(403, "review_overdue");
        assert_eq!(
            problem["detail"],
            "2 incidents await review, and no more may"
        );
        assert!(council.has_metric("fieldgate_incidents_unreviewed 2").await);

        let note = council.folder.path().join("note.txt");
        std::fs::write(&note, "It was right.").unwrap();
        let note = note.to_str().unwrap().to_owned();
        let review = [
            "incidents",
            "review",
            "1",
            "--as",
            "dpo",
            "--note-file",
            &note,
        ];
        let (code, text) = cli(&council, &review);
        assert_eq!(code, 0, "{text}");
        let (code, _) = cli(&council, &review);
        assert_eq!(code, 1, "a second review");
        assert_eq!(council.send(&emergency("third")).await.status(), 200);

        hands.set("2026-06-15T14:00:00Z");
        let refused = council.send(&emergency("second")).await;
        let problem = refused.is_problem(403, "review_overdue");
        assert!(problem["detail"].as_str().unwrap().contains("incident 2"));
        hands.set("2026-06-17T12:00:00Z");
        let refused = council.send(&emergency("fourth")).await;
        refused.is_problem(403, "review_overdue");

        council.stop().await;
        assert_eq!(council.entries("incident").len(), 4);
        let (_, text) = cli(&council, &["incidents", "list"]);
        assert_eq!(text.lines().count(), 2, "{text}");
        // With no gateway the command enters it itself.
        let (code, text) = cli(
            &council,
            &[
                "incidents",
                "review",
                "2",
                "--as",
                "dpo",
                "--note-file",
                &note,
            ],
        );
        assert_eq!(code, 0, "{text}");
        let mut reviews: Vec<_> = council.entries("review");
        reviews.sort_by_key(|review| review["incident"].as_u64());
        reviews.dedup_by_key(|review| review["incident"].as_u64());
        assert_eq!(reviews.len(), 2);
        assert_eq!(reviews[0]["as"], "dpo");
        assert_eq!(reviews[0]["agreement"], "care");
        assert!(!council.ledger_text().contains("It was right"));
    });
}

#[test]
fn a_reviewer_is_warned_of_vital_interests_beside_other_purposes() {
    run(async {
        let service = people(|_| 0..1).await;
        let council = council(&service, "", "");
        let warnings = || {
            let loaded = fieldgate::config::load(&council.config()).unwrap();
            loaded.agreements.agreements[0].warnings.join("\n")
        };
        assert_eq!(warnings(), "");
        let path = council.folder.path().join("agreements/care.yaml");
        let text = agreement("").replace("purposes: [save-life]", "purposes: [save-life, care]");
        let text = text.replace("GET /emergency/{person}", "GET /other/{person}");
        std::fs::write(&path, text).unwrap();
        assert!(
            warnings().contains("a disclosure of its own"),
            "{}",
            warnings()
        );
    });
}
