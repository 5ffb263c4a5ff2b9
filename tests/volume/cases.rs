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
        let answer = council.send(&request("/adults/1", "planning", "")).await;
        answer.is_problem(403, "purpose_not_agreed");
        until("the gateway has seen it closed", || {
            let list = cli(&council, &["cases", "list", "--json"]).1;
            drop(list);
            true
        })
        .await;
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
