//! P6: refusals explain themselves.

use crate::harness::*;

/// `GET path` as a partner with `key`, with these lines for the purpose.
fn asking(key: &str, path: &str, purpose: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: g\r\nX-API-Key: {key}\r\n{purpose}Connection: close\r\n\r\n"
    )
}

#[test]
fn p6_a_purpose_that_is_not_one_agreed_name_is_refused_with_its_reason() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        for (lines, status, reason) in [
            ("", 400, "purpose_missing"),
            (
                "Data-Purpose: care\r\nData-Purpose: care\r\n",
                400,
                "purpose_malformed",
            ),
            ("Data-Purpose:\r\n", 400, "purpose_malformed"),
            ("Data-Purpose: care, research\r\n", 400, "purpose_malformed"),
            ("Data-Purpose: CARE\r\n", 400, "purpose_malformed"),
            ("Data-Purpose: Care\r\n", 400, "purpose_malformed"),
            ("Data-Purpose: \"care\"\r\n", 400, "purpose_malformed"),
            ("Data-Purpose: c\u{430}re\r\n", 400, "purpose_malformed"),
            ("Data-Purpose: care\u{a0}\r\n", 400, "purpose_malformed"),
            ("Data-Purpose: cares\r\n", 403, "purpose_not_agreed"),
            ("Data-Purpose: research\r\n", 403, "purpose_not_agreed"),
        ] {
            let answer = council.send(&asking(HEALTH_KEY, "/adults/7", lines)).await;
            let problem = answer.is_problem(status, reason);
            if status == 403 {
                assert_eq!(problem["agreement"], "care");
                assert_eq!(problem["disclosure"], "adult");
                assert_eq!(problem["agreed_purposes"], serde_json::json!(["care"]));
            }
            assert!(problem["remedy"].is_string());
        }
        assert_eq!(service.requests().len(), 0, "the service is not asked");
    });
}

#[test]
fn p6_an_agreement_out_of_its_term_is_refused_with_the_date() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let mut setup = Setup::with(service.address);
        for (name, term, path) in [
            ("early", "starts: 2026-09-01, ends: 2026-12-31", "early"),
            ("late", "starts: 2025-01-01, ends: 2026-03-31", "late"),
        ] {
            setup.agreements.push((
                format!("{name}.yaml"),
                CARE.replace("agreement: care", &format!("agreement: {name}"))
                    .replace("starts: 2026-01-01, ends: 2026-12-31", term)
                    .replace("/adults", &format!("/{path}"))
                    .replace("/studies", &format!("/{path}-studies")),
            ));
        }
        let council = setup.start();
        for (path, reason, date) in [
            ("/early/7", "not_started", "2026-09-01"),
            ("/late/7", "ended", "2026-03-31"),
        ] {
            let problem = council.get(path).await.is_problem(403, reason);
            assert!(
                problem["detail"].as_str().unwrap().contains(date),
                "{problem}"
            );
            assert_eq!(problem["agreement"], path[1..path.len() - 2]);
        }
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn p6_an_unknown_route_reads_the_same_for_every_partner() {
    run(async {
        let (council, _service) = Council::answering(json("{}")).await;
        let without_id = |answer: Answer| {
            let mut problem = answer.is_problem(404, "no_route");
            problem["request_id"] = serde_json::Value::Null;
            problem
        };
        // `harbour-homes` has no agreement: the other's path is as unknown as one that nobody has.
        let purpose = "Data-Purpose: care\r\n";
        let others = without_id(council.send(&asking(HOMES_KEY, "/adults/7", purpose)).await);
        let nobodys = without_id(council.send(&asking(HOMES_KEY, "/nowhere", purpose)).await);
        let own = without_id(council.send(&asking(HEALTH_KEY, "/nowhere", purpose)).await);
        assert_eq!(others, nobodys);
        assert_eq!(own, nobodys);
        assert!(others.get("agreement").is_none());
    });
}

#[test]
fn p6_an_unknown_method_names_the_partners_own() {
    run(async {
        let (council, _service) = Council::answering(json("{}")).await;
        let answer = council.send(&care("DELETE", "/adults/7", "")).await;
        answer.is_problem(405, "method_not_agreed");
        assert!(answer.head().contains("allow: get"), "{}", answer.text());
    });
}

#[test]
fn p6_refusals_are_in_the_ledger_and_the_metrics() {
    run(async {
        let (mut council, _service) = Council::answering(json("{}")).await;
        council
            .send(&asking(
                HEALTH_KEY,
                "/adults/7",
                "Data-Purpose: research\r\n",
            ))
            .await;
        council
            .send(&asking("wrong", "/adults/7", "Data-Purpose: research\r\n"))
            .await;
        let metrics = council.metrics().await;
        for line in [
            r#"fieldgate_requests_total{agreement="care",decision="refuse",disclosure="adult",partner="island-health",purpose="research",reason="purpose_not_agreed"} 1"#,
            r#"fieldgate_requests_total{agreement="",decision="refuse",disclosure="",partner="",purpose="",reason="unauthenticated"} 1"#,
        ] {
            assert!(metrics.contains(line), "{metrics}");
        }
        council.stop().await;
        let refusals = council.entries("refusal");
        assert_eq!(refusals[0]["purpose"], "research");
        assert_eq!(refusals[0]["reason"], "purpose_not_agreed");
        assert_eq!(refusals[0]["status"], 403);
        assert_eq!(refusals[1]["reason"], "unauthenticated");
        assert_eq!(refusals[1]["purpose"], serde_json::Value::Null);
        assert!(council.entries("intent").is_empty());
    });
}
