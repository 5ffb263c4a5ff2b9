//! The main job: a partner asks, and gets the agreed fields.

use crate::harness::*;

#[test]
fn a_partner_gets_the_agreed_fields_of_a_record() {
    run(async {
        let (mut council, service) = Council::answering(json(
            r#"{"id":"9000000001","name":"Ada","secret":"X","items":[{"name":"a","b":1}]}"#,
        ))
        .await;
        let answer = council.get("/adults/7?page=2").await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.body(), r#"{"name":"Ada","items":[{"name":"a"}]}"#);
        assert!(
            answer.is_whole() && !answer.is_chunked(),
            "{}",
            answer.text()
        );
        assert!(service.requests()[0].starts_with("GET /api/7?page=2 HTTP/1.1\r\n"));
        council.stop().await;
        assert_eq!(council.entries("intent").len(), 1);
        let release = &council.entries("release")[0];
        assert_eq!(release["outcome"], "complete");
    });
}
