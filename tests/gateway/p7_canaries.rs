//! P7: no personal data in logs, metrics, problems or the ledger; and no series that a caller can make.

use crate::harness::*;

/// Everything that the partner sends or the service holds carries one of these.
const ASKED: &str = "CANARYASKED";
const HELD: &str = "CANARYHELD";

#[test]
fn p7_what_a_partner_sends_or_a_service_holds_is_in_no_log_metric_problem_or_ledger() {
    run(async {
        let body = format!(
            r#"{{"id":"{HELD}1","name":"kept","{HELD}2":1,"items":[{{"name":"x","note":"{HELD}3"}}]}}"#
        );
        let faulty = format!(r#"{{"id":"{HELD}4","{HELD}5":1,"{HELD}5":2}}"#);
        let service = Service::scripted(move |head, mut stream| {
            let (body, faulty) = (body.clone(), faulty.clone());
            async move {
                skip_body(&head, &mut stream).await?;
                let answer = if head.contains("/faulty") {
                    json(&faulty)
                } else if head.contains("/absent") {
                    json_with(&format!("X-Note: {HELD}6\r\n"), &body)
                        .replace("200 OK", "404 Not Found")
                } else {
                    json_with(&format!("X-Note: {HELD}6\r\n"), &body)
                };
                tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await?;
                Ok(Some(stream))
            }
        })
        .await;
        let mut council = Setup::with(service.address).start();
        let lines =
            format!("Cookie: {ASKED}\r\nAccept-Language: {ASKED}\r\nUser-Agent: {ASKED}\r\n");
        let whole = council
            .send(&care(
                "GET",
                &format!("/adults/{ASKED}?page={ASKED}"),
                &lines,
            ))
            .await;
        assert_eq!(whole.body(), r#"{"name":"kept","items":[{"name":"x"}]}"#);

        let mut problems = Vec::new();
        let body = format!(r#"{{"text":"{ASKED}","{ASKED}":1,"{ASKED}":2}}"#);
        let labelled = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        for request in [
            care("GET", "/adults/faulty", &lines),
            care("GET", "/adults/absent", &lines),
            care("GET", &format!("/{ASKED}/7"), &lines),
            care("GET", &format!("/adults/7?{ASKED}=1"), &lines),
            care(ASKED, "/adults/7", &lines),
            care("GET", "/adults/7", &lines)
                .replace("Data-Purpose: care", &format!("Data-Purpose: {ASKED}")),
            care("GET", "/adults/7", &lines)
                .replace("Data-Purpose: care", "Data-Purpose: canaryasked"),
            care("GET", "/adults/7", &lines).replace(HEALTH_KEY, ASKED),
            care("POST", "/adults/7/notes", &(lines.clone() + &labelled)) + &body,
        ] {
            let answer = council.send(&request).await;
            assert!(answer.status() >= 400, "{request}");
            problems.push(answer.text());
        }
        let metrics = council.metrics().await;
        council.stop().await;
        let ledger = council.ledger_text();
        let logs = logs();
        assert!(logs.contains("purpose_not_agreed") && ledger.contains("purpose_not_agreed"));
        for (place, text) in [
            ("problems", problems.concat()),
            ("metrics", metrics),
            ("ledger", ledger),
            ("logs", logs),
            ("answer", whole.text()),
        ] {
            let text = text.to_ascii_uppercase();
            for canary in [ASKED, HELD] {
                assert!(!text.contains(canary), "{canary} in {place}: {text}");
            }
        }
    });
}

#[test]
fn p7_a_caller_cannot_make_a_new_series() {
    run(async {
        let (council, _service) = Council::answering(json("{}")).await;
        let round = |n: usize| {
            [
                care("GET", &format!("/adults/{n}"), ""),
                care("GET", &format!("/other/{n}"), ""),
                care("GET", &format!("/adults/7?q{n}=1"), ""),
                care(&format!("VERB{n}"), "/adults/7", ""),
                care("GET", "/adults/7", "")
                    .replace("Data-Purpose: care", &format!("Data-Purpose: care-{n}")),
                care("GET", "/adults/7", "").replace(HEALTH_KEY, &format!("key-{n}")),
                care("GET", "/adults/7", &format!("X-Header-{n}: {n}\r\n")),
            ]
        };
        let series = |metrics: String| {
            metrics
                .lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(|line| line.rsplit_once(' '))
                .map(|(series, _)| series.to_owned())
                .collect::<Vec<_>>()
        };
        for request in round(0) {
            council.send(&request).await;
        }
        let before = series(council.metrics().await);
        for n in 1..40 {
            for request in round(n) {
                council.send(&request).await;
            }
        }
        assert_eq!(series(council.metrics().await), before);
    });
}
