//! `fieldgate explain` says of a request what the gateway does with it.

use std::process::Command;

use crate::harness::*;

#[test]
fn explain_and_the_gateway_read_every_query_alike() {
    run(async {
        let (council, service) = Council::answering(json(r#"{"name":"Ada"}"#)).await;
        for (query, reason) in [
            ("", None),
            ("?", None),
            ("?page=1", None),
            ("?page", None),
            ("?page=", None),
            ("?%70age=1", None),
            ("?p%61ge=a+b", None),
            ("?page=%C3%A9", None),
            ("?page=a=b", None),
            ("?size=1", Some("query_not_agreed")),
            ("?Page=1", Some("query_not_agreed")),
            ("?page=1&size=2", Some("query_not_agreed")),
            ("?page%20=1", Some("query_not_agreed")),
            ("?page+=1", Some("query_not_agreed")),
            ("?page[]=1", Some("query_not_agreed")),
            ("?page=1&page=2", Some("query_repeated")),
            ("?page=1&%70age=2", Some("query_repeated")),
            ("?page&page", Some("query_repeated")),
            ("?&", Some("query_form")),
            ("?page=1&", Some("query_form")),
            ("?&page=1", Some("query_form")),
            ("?page=1&&page=2", Some("query_form")),
            ("?=1", Some("query_form")),
            ("?page=1;size=2", Some("query_form")),
            ("?page=%", Some("query_form")),
            ("?page=%zz", Some("query_form")),
            ("?page=%00", Some("query_form")),
            ("?page=%0d%0a", Some("query_form")),
            ("?page=%ff", Some("query_form")),
            ("?page=%c0%80", Some("query_form")),
            ("?page=1?page=2", None),
        ] {
            let path = format!("/adults/7{query}");
            let answer = council.get(&path).await;
            let found = (answer.status() != 200).then(|| answer.json()["reason"].clone());
            assert_eq!(
                found.as_ref().and_then(|reason| reason.as_str()),
                reason,
                "{query}"
            );

            let config = council.config();
            let ran = tokio::task::spawn_blocking(move || {
                Command::new(env!("CARGO_BIN_EXE_fieldgate"))
                    .args(["explain", "--json", "--partner", "island-health"])
                    .args(["--purpose", "care", "--at", "2026-06-15", "--config"])
                    .arg(config)
                    .args(["GET", &path])
                    .output()
                    .unwrap()
            })
            .await
            .unwrap();
            let told: serde_json::Value = serde_json::from_slice(&ran.stdout)
                .unwrap_or_else(|_| panic!("{query}: {}", String::from_utf8_lossy(&ran.stderr)));
            assert_eq!(told["permitted"], reason.is_none(), "{query}");
            assert_eq!(told["refusal"]["reason"].as_str(), reason, "{query}");
        }
        assert!(!service.requests().is_empty());
    });
}
