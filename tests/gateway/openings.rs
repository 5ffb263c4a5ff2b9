//! Classes of faults that neighbouring systems shipped, each once over a socket. Where another suite proves a class in
//! depth, this is its shortest instance.

use tokio::io::AsyncWriteExt;

use crate::harness::*;

const CANARY: &str = "CANARY-0c9d";

/// What the partner gets of `/adults/7` where the service answers with `answer`.
async fn got(answer: impl Into<Vec<u8>>) -> Answer {
    let (council, _service) = Council::answering(answer).await;
    council.get("/adults/7").await
}

/// Class 1: a compressed body passes as it is. It is decoded, or nothing of it passes.
#[test]
fn p2_opening_1_an_encoded_body_is_not_passed_on_unread() {
    run(async {
        for encoding in ["gzip", "zstd", "br", "x"] {
            let body = format!(r#"{{"secret":"{CANARY}"}}"#);
            let answer = got(json_with(
                &format!("Content-Encoding: {encoding}\r\n"),
                &body,
            ))
            .await;
            assert_eq!(answer.status(), 502, "{encoding}");
            assert!(!answer.text().contains(CANARY), "{encoding}");
        }
    });
}

/// Class 2: a value that two chunks cut is not matched.
/// Class 9: the first chunk passes before the rules are in force.
#[test]
fn p1_opening_2_and_9_chunks_cut_a_body_anywhere() {
    run(async {
        let body = format!(r#"{{"secret":"{CANARY}","name":"Ada","more":{{"name":"{CANARY}"}}}}"#);
        let chunks: String = body.chars().map(|one| format!("1\r\n{one}\r\n")).collect();
        let answer = got(format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")).await;
        assert_eq!(answer.body(), r#"{"name":"Ada"}"#);
    });
}

/// Class 3: the length of before is said of the body after.
#[test]
fn p4_opening_3_the_length_is_that_of_what_leaves() {
    run(async {
        let answer = got(json(&format!(r#"{{"name":"Ada","secret":"{CANARY}"}}"#))).await;
        assert!(answer.is_whole(), "{}", answer.text());
        assert!(!(answer.is_chunked() && answer.head().contains("content-length")));
        assert_eq!(answer.body(), r#"{"name":"Ada"}"#);
    });
}

/// Class 4: `[]` becomes `{}`. Class 5: large integers and long decimals change. Class 7: an escaped name is not matched.
#[test]
fn p1_opening_4_5_and_7_what_is_kept_is_kept_byte_for_byte() {
    run(async {
        for (sent, leaves) in [
            (r#"{"items":[]}"#, r#"{"items":[]}"#),
            (
                r#"{"name":9007199254740993}"#,
                r#"{"name":9007199254740993}"#,
            ),
            (
                r#"{"name":0.1000000000000000055}"#,
                r#"{"name":0.1000000000000000055}"#,
            ),
            (r#"{"n\u0061me":"\u0041da"}"#, r#"{"n\u0061me":"\u0041da"}"#),
        ] {
            assert_eq!(got(json(sent)).await.body(), leaves, "{sent}");
        }
    });
}

/// Class 6: of two members with one name a filter sees the first and a reader the last. Class 8: another character set, or a
/// byte order mark, is a way past.
#[test]
fn p4_opening_6_and_8_what_has_two_readings_does_not_pass() {
    run(async {
        let secret = format!(r#"{{"name":"Ada","name":{{"secret":"{CANARY}"}}}}"#);
        let utf16: Vec<u8> = format!(r#"{{"secret":"{CANARY}"}}"#)
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let head = |length: usize| {
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n").into_bytes()
        };
        for body in [
            secret.into_bytes(),
            utf16,
            b"\xff\xfe{}".to_vec(),
            format!("\u{feff}{{\"secret\":\"{CANARY}\"}}").into_bytes(),
            b"{\"name\":\"\xe9\"}".to_vec(),
        ] {
            let answer = got([head(body.len()), body].concat()).await;
            assert!(
                answer.0.is_empty() || answer.status() == 502 || !answer.is_whole(),
                "{}",
                answer.text()
            );
            assert!(
                !answer.text().contains("CANARY") && !answer.text().contains("C\0A"),
                "{}",
                answer.text()
            );
        }
    });
}

/// Class 10: a large body goes round the filter. Class 15: a body costs many times its size.
#[test]
fn p1_opening_10_and_15_a_large_body_is_read_like_a_small_one() {
    run(async {
        let service = Service::scripted(|_, mut stream| async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n").await?;
            let record = format!(r#"{{"name":"Ada","secret":"{CANARY}{}"}}"#, "x".repeat(1_000));
            for index in 0..20_000 {
                let comma = if index == 0 { "" } else { "," };
                let text = format!("{comma}{record}");
                stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await?;
            }
            stream.write_all(b"1\r\n]\r\n0\r\n\r\n").await?;
            Ok(None)
        })
        .await;
        let council = Setup::with(service.address).start();
        let answer = council.get("/adults").await;
        assert!(answer.is_whole());
        assert!(find(&answer.0, CANARY.as_bytes()).is_none());
        assert_eq!(answer.body().matches("Ada").count(), 20_000);
    });
}

/// Class 11: what cannot be entered passes all the same. (`p3_ledger` and `kill` have the ways in which it cannot.)
#[test]
fn p3_opening_11_every_release_has_its_entry() {
    run(async {
        let (mut council, _service) = Council::answering(json(r#"{"name":"Ada"}"#)).await;
        assert_eq!(council.get("/adults/7").await.status(), 200);
        council.stop().await;
        assert_eq!(council.entries("intent").len(), 1);
        assert_eq!(council.entries("release").len(), 1);
    });
}

/// Class 12: `%2e%2e`, `//` and `;params` are another path to the service than to the rules. (`p2_requests` has the table.)
#[test]
fn p2_opening_12_a_path_is_not_repaired() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        for path in [
            "/adults/%2e%2e/studies",
            "/adults//7",
            "/adults/7;x",
            "/adults/..%2fstudies",
        ] {
            council.get(path).await.is_problem(400, "path_form");
        }
        assert_eq!(service.requests().len(), 0);
    });
}

/// Class 13: a field that the rules name and the service leaves out, or sends as something else, lets others through.
#[test]
fn p1_opening_13_a_missing_field_is_no_other() {
    run(async {
        let sent = format!(r#"{{"name":{{"first":"{CANARY}"}},"items":"{CANARY}"}}"#);
        assert!(!got(json(&sent)).await.text().contains(CANARY));
        assert_eq!(got(json(r#"{"other":1}"#)).await.body(), "{}");
    });
}

/// Class 14: parts, validators, trailers and error bodies carry the record past the rules.
#[test]
fn p2_opening_14_no_other_kind_of_answer_carries_the_record() {
    run(async {
        let body = format!(r#"{{"secret":"{CANARY}"}}"#);
        for status in [
            "206 Partial Content",
            "400 Bad Request",
            "404 Not Found",
            "500 Oops",
            "302 Found",
        ] {
            let more = format!("Content-Range: bytes 0-9/99\r\nLocation: /{CANARY}\r\n");
            let answer = got(json_with(&more, &body).replace("200 OK", status)).await;
            assert!(answer.status() >= 400, "{status}");
            assert!(!answer.text().contains(CANARY), "{status}");
        }
        let (council, service) = Council::answering(json("{}")).await;
        let more = "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n";
        assert_eq!(
            council.send(&care("GET", "/adults/7", more)).await.status(),
            200
        );
        assert!(!service.requests()[0].to_ascii_lowercase().contains("range"));
    });
}
