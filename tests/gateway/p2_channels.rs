//! P2: every channel is covered. What no rule names does not cross, in either direction.

use tokio::io::AsyncWriteExt;

use crate::harness::*;

const CANARY: &str = "CANARY-7f3a";

#[test]
fn p2_only_agreed_headers_reach_the_service() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        let more = format!(
            "Cookie: a={CANARY}\r\nAuthorization: Bearer {CANARY}\r\nX-Forwarded-For: {CANARY}\r\nX-Request-Id: {CANARY}\r\n\
             Accept: {CANARY}/json\r\nAccept-Encoding: gzip, {CANARY}\r\nRange: bytes=0-1\r\nIf-None-Match: {CANARY}\r\n\
             Forwarded: for={CANARY}\r\nUser-Agent: {CANARY}\r\nReferer: {CANARY}\r\nTE: trailers\r\ntracestate: a={CANARY}\r\n\
             Accept-Language: cy\r\n"
        );
        let answer = council.send(&care("GET", "/adults/7", &more)).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let asked = &service.requests()[0];
        assert!(!asked.contains(CANARY), "{asked}");
        assert!(!asked.contains(HEALTH_KEY), "{asked}");
        let mut names: Vec<_> = asked
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "accept",
                "accept-encoding",
                "accept-language",
                "host",
                "traceparent",
                "x-request-id"
            ]
        );
        assert!(asked.contains("accept-encoding: identity"), "{asked}");
    });
}

#[test]
fn p2_a_path_or_query_that_is_not_agreed_does_not_reach_the_service() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        for path in [
            "/adults/7/../8",
            "/adults/%2e%2e",
            "/adults//7",
            "/adults/7%2F8",
            "/adults/7;v=1",
        ] {
            council.get(path).await.is_problem(400, "path_form");
        }
        council.get("/api/7").await.is_problem(404, "no_route");
        for query in ["size=1", "page=1&size=1", "PAGE=1", "page[]=1", "%73ize=1"] {
            let problem = council
                .get(&format!("/adults/7?{query}"))
                .await
                .is_problem(400, "query_not_agreed");
            assert_eq!(problem["disclosure"], "adult");
        }
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn p2_trailers_cross_in_neither_direction() {
    run(async {
        let service = Service::scripted(|head, mut stream| async move {
            skip_body(&head, &mut stream).await?;
            stream
                .write_all(
                    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: etag\r\n\r\n2\r\n{{}}\r\n0\r\nEtag: {CANARY}\r\n\r\n")
                        .as_bytes(),
                )
                .await?;
            Ok(None)
        })
        .await;
        let council = Setup::with(service.address).start();
        let answer = council
            .send(&care("GET", "/adults/7", "TE: trailers\r\n"))
            .await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.text().contains(CANARY), "{}", answer.text());

        // `skip_body` takes a message with trailers for a broken one: an answer says that none came.
        let head = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: accept-language\r\n";
        let body = format!("2\r\n{{}}\r\n0\r\nAccept-Language: {CANARY}\r\n\r\n");
        let answer = council
            .send(&(care("POST", "/adults/7/notes", head) + &body))
            .await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert!(
            !service.requests()[1]
                .to_ascii_lowercase()
                .contains("trailer")
        );
    });
}

#[test]
fn p2_only_agreed_headers_reach_the_partner() {
    run(async {
        let (council, _service) = Council::answering(
            json_with(
                &format!("ETag: \"7\"\r\nSet-Cookie: {CANARY}\r\nServer: {CANARY}\r\nX-Person: {CANARY}\r\nLink: <{CANARY}>\r\nVia: {CANARY}\r\nX-Request-Id: {CANARY}\r\nCache-Control: public, max-age=60\r\n"),
                "{}",
            )
            .replace("200 OK", &format!("200 {CANARY}"))
            .replace("application/json", &format!("application/json; profile={CANARY}")),
        )
        .await;
        let answer = council.get("/adults/7").await;
        assert_eq!(answer.status(), 200);
        assert!(!answer.text().contains(CANARY), "{}", answer.text());
        assert!(answer.head().contains("etag: w/\""), "the gateway's own");
        assert!(!answer.head().contains("\"7\""));
        assert!(answer.head().contains("cache-control: private, no-store"));
        assert!(answer.head().contains("content-type: application/json\r\n"));
    });
}

#[test]
fn p2_redirects_parts_and_error_bodies_become_problems() {
    for (status, reason, to_partner) in [
        ("301 Moved", "service_status", 502),
        ("302 Found", "service_status", 502),
        ("206 Partial Content", "service_status", 502),
        ("303 See Other", "service_status", 502),
        ("304 Not Modified", "service_status", 502),
        ("400 Bad Request", "service_refused", 502),
        ("401 Unauthorized", "service_refused", 502),
        ("404 Not Found", "service_not_found", 404),
        ("410 Gone", "service_not_found", 404),
        ("422 Unprocessable", "service_refused", 502),
        ("429 Too Many Requests", "service_busy", 503),
        ("500 Internal Server Error", "service_error", 502),
        ("503 Service Unavailable", "service_busy", 503),
        ("799 Odd", "service_status", 502),
    ] {
        run(async {
            let body = format!(r#"{{"name":"{CANARY}"}}"#);
            let answer = json_with(&format!("Location: /{CANARY}\r\nETag: {CANARY}\r\n"), &body)
                .replace("200 OK", status);
            let (mut council, _service) = Council::answering(answer).await;
            let answer = council.get("/adults/7").await;
            let problem = answer.is_problem(to_partner, reason);
            assert_eq!(problem["agreement"], "care");
            assert!(
                !answer.text().contains(CANARY),
                "{status}: {}",
                answer.text()
            );
            council.stop().await;
            assert_eq!(council.entries("release")[0]["reason"], reason);
        });
    }
}

#[test]
fn p2_informational_responses_are_dropped() {
    run(async {
        let early = format!("HTTP/1.1 103 Early Hints\r\nLink: <{CANARY}>\r\n\r\n");
        let (council, _service) = Council::answering(early + &json(r#"{"name":"Ada"}"#)).await;
        let answer = council.get("/adults/7").await;
        assert!(
            answer.text().starts_with("HTTP/1.1 200 OK\r\n"),
            "{}",
            answer.text()
        );
        assert!(!answer.text().contains(CANARY));
    });
}

#[test]
fn p2_a_body_that_is_not_labelled_as_json_or_is_encoded_does_not_pass() {
    for (from, to, reason) in [
        ("application/json", "text/html", "content_type"),
        (
            "application/json",
            "application/json; charset=utf-16",
            "content_type",
        ),
        (
            "application/json",
            "application/json\r\nContent-Type: application/json",
            "content_type",
        ),
        ("Content-Type: application/json\r\n", "", "content_type"),
        (
            "Content-Type:",
            "Content-Encoding: compress\r\nContent-Type:",
            "encoding",
        ),
        (
            "Content-Type:",
            "Content-Encoding: gzip, br\r\nContent-Type:",
            "encoding",
        ),
    ] {
        run(async {
            let body = format!(r#"{{"name":"{CANARY}"}}"#);
            let (council, _service) = Council::answering(json(&body).replace(from, to)).await;
            let answer = council.get("/adults/7").await;
            answer.is_problem(502, reason);
            assert!(!answer.text().contains(CANARY));
        });
    }
}

#[test]
fn p2_an_answer_without_a_body_passes_without_one() {
    for status in ["204 No Content", "205 Reset Content", "201 Created"] {
        run(async {
            let (council, _service) = Council::answering(format!(
                "HTTP/1.1 {status}\r\nContent-Length: 0\r\nETag: \"7\"\r\nX-Person: {CANARY}\r\n\r\n"
            ))
            .await;
            let answer = council.get("/adults/7").await;
            assert_eq!(answer.status().to_string(), status[..3]);
            assert!(
                answer.raw_body().is_empty() && !answer.text().contains(CANARY),
                "{}",
                answer.text()
            );
        });
    }
}
