//! Whose tokens are believed, and what is wrong with one that is not.

use super::*;

#[test]
fn an_access_token_names_its_partner_and_what_is_wrong_with_one_refuses_it() {
    run(async {
        let (signer, stranger) = (Signer::new("a"), Signer::new("a"));
        let (council, service) = council(&jwks(&[&signer]), "", CARE).await;
        let good = signer.sign(&claims());
        let answer = council.send(&bearing(&good)).await;
        assert_eq!(answer.body(), r#"{"name":"Ada"}"#, "{}", answer.text());
        for good in [
            signer.sign(&with(&[("aud", json!(["other", "fieldgate"]))])),
            signer.sign(&with(&[("exp", json!((NOW + 5) as f64 + 0.5))])),
            signer.sign(&with(&[("exp", json!(NOW - 29))])),
            signer.sign(&with(&[
                ("client_id", Value::Null),
                ("azp", json!("health-api")),
            ])),
            signer.sign_with(&claims(), &[("typ", json!("application/AT+JWT"))]),
            signer.sign_with(&claims(), &[("typ", json!("JWT"))]),
        ] {
            assert_eq!(council.send(&bearing(&good)).await.status(), 200);
        }
        let asked = service.requests().len();

        let hmac = |secret: &[u8]| {
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some("a".to_owned());
            jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
        };
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        let none = format!(
            "{}.{}.",
            part(r#"{"alg":"none","typ":"at+jwt"}"#),
            part(&claims().to_string())
        );
        let other_claims = {
            let parts: Vec<&str> = good.split('.').collect();
            let sub = with(&[("sub", json!("zelda-canary"))]).to_string();
            format!("{}.{}.{}", parts[0], part(&sub), parts[2])
        };
        // The last character of a signature of 64 bytes has four bits that mean nothing.
        let respelled = {
            let (start, last) = good.split_at(good.len() - 1);
            let order = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let at = order.find(last).unwrap();
            format!("{start}{}", &order[at + 1..at + 2])
        };
        let invalid = "access_token_invalid";
        let signed = |name: &'static str, value: Value| signer.sign(&with(&[(name, value)]));
        let headed =
            |name: &'static str, value: Value| signer.sign_with(&claims(), &[(name, value)]);
        let rows = [
            ("no token", String::new(), invalid),
            ("no signature", none.clone(), invalid),
            (
                "none in another case",
                none.replace("bm9uZSI", "Tm9OZSI"),
                invalid,
            ),
            (
                "a secret that is the public key",
                hmac(&signer.public),
                invalid,
            ),
            (
                "a secret that is the key's text",
                hmac(signer.jwk().to_string().as_bytes()),
                invalid,
            ),
            ("the empty secret", hmac(b""), invalid),
            (
                "another algorithm for the same key",
                headed("alg", json!("ES384")),
                invalid,
            ),
            (
                "an algorithm that is not the issuer's",
                headed("alg", json!("EdDSA")),
                invalid,
            ),
            (
                "another issuer's key of this name",
                stranger.sign(&claims()),
                invalid,
            ),
            (
                "its own key in its header",
                stranger.sign_with(&claims(), &[("jwk", stranger.jwk())]),
                invalid,
            ),
            (
                "an address of keys",
                stranger.sign_with(&claims(), &[("jku", json!("https://evil.example/keys"))]),
                invalid,
            ),
            ("no such key", headed("kid", json!("b")), invalid),
            (
                "a file for a key",
                headed("kid", json!("../../dev/null")),
                invalid,
            ),
            (
                "a query for a key",
                headed("kid", json!("a' OR '1'='1")),
                invalid,
            ),
            ("the empty name", headed("kid", json!("")), invalid),
            ("no name but null", headed("kid", Value::Null), invalid),
            ("an extension", headed("crit", json!(["exp"])), invalid),
            (
                "an encrypted token",
                headed("enc", json!("A128GCM")),
                invalid,
            ),
            ("an identity token", headed("typ", json!("id+jwt")), invalid),
            (
                "a logout token",
                headed("typ", json!("logout+jwt")),
                invalid,
            ),
            ("other claims", other_claims, invalid),
            ("another spelling", respelled, invalid),
            ("padding", format!("{good}="), invalid),
            ("a fourth part", format!("{good}.e30"), invalid),
            (
                "another issuer",
                signed("iss", json!("https://evil.example")),
                invalid,
            ),
            (
                "another issuer that begins alike",
                signed("iss", json!("https://login.example/")),
                invalid,
            ),
            (
                "a list of issuers",
                signed("iss", json!(["https://login.example"])),
                invalid,
            ),
            ("no issuer", signed("iss", Value::Null), invalid),
            ("another audience", signed("aud", json!("other")), invalid),
            (
                "an audience that begins alike",
                signed("aud", json!("fieldgate2")),
                invalid,
            ),
            (
                "an audience among what is no text",
                signed("aud", json!(["fieldgate", 7])),
                invalid,
            ),
            ("no audience", signed("aud", Value::Null), invalid),
            ("no end", signed("exp", Value::Null), invalid),
            (
                "an end in words",
                signed("exp", json!((NOW + 300).to_string())),
                invalid,
            ),
            ("a beginning in words", signed("nbf", json!("0")), invalid),
            ("an issue in words", signed("iat", json!(false)), invalid),
            ("not yet", signed("nbf", json!(NOW + 31)), invalid),
            (
                "issued tomorrow",
                signed("iat", json!(NOW + 86_400)),
                invalid,
            ),
            (
                "longer than the limit",
                signed("pad", json!("x".repeat(8_192))),
                invalid,
            ),
            (
                "over",
                signed("exp", json!(NOW - 30)),
                "access_token_expired",
            ),
            (
                "bound to another certificate",
                signed(
                    "cnf",
                    json!({ "x5t#S256": BASE64URL_NOPAD.encode(&[0; 32]) }),
                ),
                "access_token_not_bound",
            ),
            (
                "bound to a key",
                signed("cnf", json!({ "jkt": "x" })),
                "access_token_not_bound",
            ),
            (
                "nobody's",
                signed("client_id", json!("other")),
                "unauthenticated",
            ),
            (
                "nobody's, with a client that is no text",
                signed("client_id", json!(["health-api"])),
                "unauthenticated",
            ),
        ];
        for (why, token, reason) in rows {
            let answer = council.send(&bearing(&token)).await;
            let problem = answer.is_problem(401, reason);
            let text = answer.text();
            assert!(!text.contains("canary"), "{why}: {text}");
            let head = answer.head();
            if reason == "unauthenticated" {
                assert!(
                    head.contains("www-authenticate: bearer\r\n")
                        || head.ends_with("www-authenticate: bearer"),
                    "{why}: {head}"
                );
            } else {
                assert!(
                    head.contains(r#"www-authenticate: bearer error="invalid_token""#),
                    "{why}: {head}"
                );
            }
            assert_eq!(problem["reason"], reason, "{why}");
        }
        for authorization in [
            format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {good}\r\n"),
            format!("Authorization: Bearer {good}, Bearer {good}\r\n"),
            format!("Authorization: Bearer  {good}\r\n"),
            format!("Authorization: DPoP {good}\r\n"),
            format!("Authorization: {good}\r\n"),
            "Authorization: Basic YTpi\r\n".to_owned(),
        ] {
            let request = bearing(&good)
                .replace(&format!("Authorization: Bearer {good}\r\n"), &authorization);
            council.send(&request).await.is_problem(401, invalid);
        }
        assert_eq!(
            service.requests().len(),
            asked,
            "nothing refused reaches the service"
        );
        // The scheme has no case (RFC 9110 §11.1), and the token goes no further than the gateway.
        let request = bearing(&good).replace("Bearer", "bEARER");
        assert_eq!(council.send(&request).await.status(), 200);
        assert!(
            service
                .requests()
                .iter()
                .all(|request| !request.to_lowercase().contains("authorization"))
        );
    });
}

#[test]
fn a_token_and_a_key_of_two_partners_are_nobodys() {
    run(async {
        let signer = Signer::new("a");
        let (council, service) = council(&jwks(&[&signer]), "", CARE).await;
        let token = format!("Authorization: Bearer {}\r\n", signer.sign(&claims()));
        let both = care("GET", "/adults/7", &token);
        assert_eq!(council.send(&both).await.status(), 200);
        let other = both.replace(HEALTH_KEY, HOMES_KEY);
        council
            .send(&other)
            .await
            .is_problem(401, "unauthenticated");
        // A good key does not make up for a bad token, nor the other way round.
        let bad = both.replace("Authorization: Bearer ", "Authorization: Bearer x");
        council
            .send(&bad)
            .await
            .is_problem(401, "access_token_invalid");
        let bad = both.replace(HEALTH_KEY, "wrong");
        council.send(&bad).await.is_problem(401, "unauthenticated");
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn tokens_of_an_issuer_can_be_bounded_in_age_and_type() {
    run(async {
        let signer = Signer::new("a");
        let more = "    type: at+jwt\n    max_age: 5min\n    leeway: 1s\n";
        let (council, _service) = council(&jwks(&[&signer]), more, CARE).await;
        for (token, reason) in [
            (signer.sign(&claims()), None),
            (signer.sign(&with(&[("iat", json!(NOW - 300))])), None),
            (
                signer.sign(&with(&[("iat", json!(NOW - 301))])),
                Some("access_token_expired"),
            ),
            (
                signer.sign(&with(&[("iat", Value::Null)])),
                Some("access_token_invalid"),
            ),
            (
                signer.sign_with(&claims(), &[("typ", json!("JWT"))]),
                Some("access_token_invalid"),
            ),
            (
                signer.sign(&with(&[("exp", json!(NOW - 1))])),
                Some("access_token_expired"),
            ),
        ] {
            let answer = council.send(&bearing(&token)).await;
            match reason {
                None => assert_eq!(answer.status(), 200, "{}", answer.text()),
                Some(reason) => drop(answer.is_problem(401, reason)),
            }
        }
    });
}
