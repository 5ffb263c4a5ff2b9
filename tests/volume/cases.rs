//! Hold and notify.

use crate::harness::*;
use crate::site::*;

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

#[test]
fn one_gap_opens_one_case_and_closing_it_lets_nothing_flow() {
    run(async {
        let service = people(|_| 0..2).await;
        let mut council = council(&service, "", "");
        start(&mut council, &Hands::at("2026-06-15T12:00:00Z"));
        let (code, text) = cli(&council, &["cases", "list"]);
        assert_eq!((code, text.trim()), (0, "no case is open"));
        for _ in 0..3 {
            // A purpose of this very agreement, but not of this disclosure.
            let answer = council.send(&request("/adults/1", "planning", "")).await;
            answer.is_problem(403, "purpose_not_agreed");
            let answer = council.send(&request("/adults/1", "marketing", "")).await;
            answer.is_problem(403, "purpose_not_agreed");
            council.get("/nowhere").await.is_problem(404, "no_route");
        }
        let (_, text) = cli(&council, &["cases", "list", "--json"]);
        let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cases = cases["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 3, "{text}");
        assert_eq!(cases[0]["kind"], "purpose");
        assert_eq!(cases[0]["purpose"], "planning");
        assert_eq!(cases[0]["agreement"], "care");
        assert_eq!(cases[1]["purpose"], serde_json::Value::Null);
        assert!(!text.contains("marketing"), "a caller's text");
        assert_eq!(cases[2]["kind"], "path");
        assert!(!text.contains("nowhere"), "a caller's text");

        let (code, text) = cli(&council, &["cases", "close", "1", "--as", "dpo"]);
        assert_eq!((code, text.trim()), (0, "case 1 is closed"));
        let (code, text) = cli(&council, &["cases", "close", "1", "--as", "dpo"]);
        assert_eq!(code, 1, "{text}");
        let (_, text) = cli(&council, &["cases", "show", "1"]);
        assert!(text.contains("closed") && text.contains("as dpo"), "{text}");
        // The gateway hears of it within a second; what is met again is still refused, and a new case.
        loop {
            let answer = council.send(&request("/adults/1", "planning", "")).await;
            answer.is_problem(403, "purpose_not_agreed");
            let (_, text) = cli(&council, &["cases", "list"]);
            if text.lines().count() == 3 {
                break;
            }
        }
    });
}

#[test]
fn the_admin_listener_lists_cases_and_incidents_to_whoever_bears_the_token() {
    run(async {
        let service = people(|_| 0..2).await;
        let mut council = council(&service, "", "");
        let text = std::fs::read_to_string(council.config()).unwrap();
        let hash = hash("operators-token");
        let with = text.replace(
            "admin: { address: 127.0.0.1:0 }",
            &format!("admin: {{ address: 127.0.0.1:0, token_sha256: {hash} }}"),
        );
        std::fs::write(council.config(), with).unwrap();
        start(&mut council, &Hands::at("2026-06-15T12:00:00Z"));
        council.get("/nowhere").await.is_problem(404, "no_route");
        let reason = "Data-Reason: at the harbour\r\n";
        let broken = request("/emergency/9", "save-life", reason);
        assert_eq!(council.send(&broken).await.status(), 200);
        let address = council.gateway.as_ref().unwrap().admin_address();
        let ask = |path: &str, token: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n{token}\r\n")
        };
        for token in [
            "",
            "Authorization: Bearer other\r\n",
            "Authorization: operators-token\r\n",
        ] {
            let answer = send(address, ask("/cases", token).as_bytes()).await;
            assert_eq!(answer.status(), 401, "{token}");
        }
        let token = "Authorization: Bearer operators-token\r\n";
        let cases = send(address, ask("/cases", token).as_bytes()).await.json();
        assert_eq!(cases["cases"][0]["kind"], "path");
        let incidents = send(address, ask("/incidents", token).as_bytes())
            .await
            .json();
        assert_eq!(incidents["incidents"][0]["purpose"], "save-life");
        assert!(!incidents.to_string().contains("harbour"));
    });
}

#[test]
fn an_unknown_role_or_case_is_told_so() {
    run(async {
        let service = people(|_| 0..2).await;
        let council = council(&service, "", "");
        for (args, code, says) in [
            (
                &["cases", "close", "1", "--as", "Ada Lovelace"][..],
                2,
                "write a role",
            ),
            (
                &["cases", "close", "1", "--as", "dpo"],
                1,
                "no case of this number",
            ),
            (&["cases", "show", "1"], 1, "no case of this number"),
        ] {
            let (exit, text) = cli(&council, args);
            assert_eq!(exit, code, "{text}");
            assert!(text.contains(says), "{text}");
        }
    });
}
