//! Quotas of requests, records and people, and the guard.

use crate::harness::*;
use crate::site::*;

const NOON: &str = "2026-06-15T12:00:00Z";

#[test]
fn p6_a_request_over_the_quota_is_told_the_term_and_when_to_come_back() {
    run(async {
        let service = people(|_| 0..3).await;
        let mut council = council(
            &service,
            "quota: [{ purpose: care, per: PT1H, requests: 2 }]",
            "",
        );
        let hands = Hands::at("2026-06-15T12:30:00Z");
        start(&mut council, &hands);
        for _ in 0..2 {
            assert_eq!(council.get("/adults/1").await.status(), 200);
        }
        let answer = council.get("/adults/1").await;
        let problem = answer.is_problem(429, "quota_exceeded");
        assert!(answer.head().contains("retry-after: 1800"), "{answer:?}");
        assert_eq!(problem["agreement"], "care");
        assert_eq!(
            problem["detail"],
            "agreement care allows 2 requests for care in each hour; the next begins at 2026-06-15T13:00:00Z"
        );
        assert_eq!(service.requests().len(), 2, "the service was asked");
        let other = council.send(&request("/adults", "planning", "")).await;
        assert_eq!(other.status(), 200, "another purpose");
        hands.set("2026-06-15T13:00:00Z");
        assert_eq!(council.get("/adults/1").await.status(), 200);
        assert!(
            council
                .has_metric(r#"fieldgate_alerts_total{kind="quota"} 1"#)
                .await
        );
        council.stop().await;
        let refusals = council.entries("refusal");
        assert_eq!(refusals.len(), 1);
        assert_eq!(refusals[0]["reason"], "quota_exceeded");
        assert_eq!(refusals[0]["status"], 429);
    });
}

#[test]
fn p4_records_over_the_quota_do_not_leave_and_what_was_refused_counts_for_nothing() {
    run(async {
        let service = people(|query| match query {
            "page=1" => 0..8,
            "page=2" => 8..10,
            _ => 0..100,
        })
        .await;
        let mut council = council(&service, "quota: [{ per: P1D, records: 10 }]", "");
        start(&mut council, &Hands::at(NOON));
        let whole = council.get("/adults").await;
        whole.is_problem(429, "quota_exceeded");
        assert!(!whole.text().contains("name-"), "{whole:?}");
        let first = council.get("/adults?page=1").await;
        assert_eq!(first.json().as_array().unwrap().len(), 8);
        council
            .get("/adults?page=1")
            .await
            .is_problem(429, "quota_exceeded");
        let last = council.get("/adults?page=2").await;
        assert_eq!(last.json().as_array().unwrap().len(), 2);
        let asked = service.requests().len();
        council
            .get("/adults/1")
            .await
            .is_problem(429, "quota_exceeded");
        assert_eq!(service.requests().len(), asked, "asked in vain");
    });
}

#[test]
fn p4_a_stream_that_meets_the_quota_is_cut_before_the_record_that_would_pass_it() {
    run(async {
        const MOST: usize = 5_000;
        let service = people(|_| 0..60_000).await;
        let mut council = council(&service, "quota: [{ per: P1D, records: 5000 }]", "");
        start(&mut council, &Hands::at(NOON));
        let answer = council.get("/adults").await;
        let left = answer.text().matches("name-").count();
        assert_eq!(answer.status(), 200);
        assert!(!answer.is_whole(), "it looks whole");
        assert!(left > 0 && left <= MOST, "{left} left");
        council.stop().await;
        let release = &council.entries("release")[0];
        assert_eq!(release["outcome"], "refused");
        assert_eq!(release["reason"], "quota_exceeded");
    });
}

#[test]
fn people_are_counted_once_however_often_their_records_leave() {
    run(async {
        let service = people(|_| 0..3).await;
        let mut council = council(&service, "quota: [{ per: P1D, people: 4 }]", "");
        let hands = Hands::at(NOON);
        start(&mut council, &hands);
        for _ in 0..3 {
            assert_eq!(council.get("/adults").await.status(), 200);
            assert_eq!(council.get("/adults/1").await.status(), 200);
        }
        assert_eq!(council.get("/adults/77").await.status(), 200);
        let over = council.get("/adults/78").await;
        over.is_problem(429, "quota_exceeded");
        assert!(!over.text().contains("name-78"));
        assert_eq!(council.get("/adults/77").await.status(), 200);
        // In London the next day begins at eleven.
        hands.set("2026-06-15T23:00:00Z");
        assert_eq!(council.get("/adults/78").await.status(), 200);
    });
}

#[test]
fn the_guard_ends_harvesting_one_at_a_time_and_leaves_lists_alone() {
    run(async {
        let service = people(|query| match query {
            "area=one" => 5..6,
            _ => 0..50,
        })
        .await;
        let guard = "guard: { single: { people: 3, per: P1D } }";
        let mut council = council(&service, guard, "");
        start(&mut council, &Hands::at(NOON));
        assert_eq!(council.get("/adults").await.status(), 200);
        for who in [1, 2, 1, 2] {
            assert_eq!(council.get(&format!("/adults/{who}")).await.status(), 200);
        }
        // A list of one is one at a time, too.
        assert_eq!(council.get("/adults?area=one").await.status(), 200);
        let over = council.get("/adults/4").await;
        over.is_problem(429, "guard_reached");
        assert!(!over.text().contains("name-4"));
        assert_eq!(council.get("/adults").await.status(), 200);
        assert!(
            council
                .has_metric(r#"fieldgate_alerts_total{kind="harvesting"} 1"#)
                .await
        );
    });
}

#[test]
fn the_guard_bounds_in_how_many_ways_one_list_is_asked_for() {
    run(async {
        let service = people(|_| 0..2).await;
        let guard = "guard: { variants: { most: 2, per: P1D } }";
        let mut council = council(&service, guard, "");
        start(&mut council, &Hands::at(NOON));
        for path in [
            "/adults?page=1",
            "/adults?page=2",
            "/adults?page=1",
            "/adults/1",
            "/adults/2",
            "/adults/3",
        ] {
            assert_eq!(council.get(path).await.status(), 200, "{path}");
        }
        let asked = service.requests().len();
        let over = council.get("/adults?page=3").await;
        over.is_problem(429, "guard_reached");
        assert_eq!(service.requests().len(), asked);
    });
}

#[test]
fn p9_a_new_version_of_the_agreement_goes_on_counting() {
    run(async {
        let service = people(|_| 0..2).await;
        let mut council = council(&service, "quota: [{ per: P1D, requests: 2 }]", "");
        start(&mut council, &Hands::at(NOON));
        assert_eq!(council.get("/adults").await.status(), 200);
        let path = council.folder.path().join("agreements/care.yaml");
        let text = agreement("quota: [{ per: P1D, requests: 3 }]");
        std::fs::write(path, text.replace("version: 1", "version: 2")).unwrap();
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(council.get("/adults").await.status(), 200);
        assert_eq!(council.get("/adults").await.status(), 200);
        council
            .get("/adults")
            .await
            .is_problem(429, "quota_exceeded");
    });
}

#[test]
fn p7_no_file_of_the_desk_names_anybody() {
    run(async {
        let service = people(|_| 0..5).await;
        let more = "quota: [{ per: P1D, requests: 99, records: 99, people: 99 }]\nguard: { single: { people: 9, per: P1D }, variants: { most: 9, per: P1D } }";
        let mut council = council(&service, more, "");
        start(&mut council, &Hands::at(NOON));
        assert_eq!(council.get("/adults?area=CANARY-area").await.status(), 200);
        assert_eq!(council.get("/adults/CANARY-path").await.status(), 200);
        let reason = "Data-Reason: CANARY-reason\r\n";
        let broken = request("/emergency/9", "save-life", reason);
        assert_eq!(council.send(&broken).await.status(), 200);
        let unknown = request("/adults", "canary-purpose", "");
        council
            .send(&unknown)
            .await
            .is_problem(403, "purpose_not_agreed");
        council.stop().await;
        let mut files = 0;
        for entry in std::fs::read_dir(council.folder.path().join("state")).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for canary in ["CANARY", "canary", "name-", "P1\"", "allergy"] {
                assert!(!text.contains(canary), "{canary} in {text}");
            }
            files += 1;
        }
        assert!(files >= 3, "counts, incidents, cases");
        assert!(!council.ledger_text().contains("CANARY"));
    });
}
