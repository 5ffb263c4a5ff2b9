//! Access tokens: whose are believed, what they say, and where their issuer's keys come from. Tokens are made by
//! another implementation than the gateway's, with keys that each test makes for itself.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use data_encoding::BASE64URL_NOPAD;
use fieldgate::clock::Clock;
use fieldgate::config;
use fieldgate::gateway::Gateway;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::harness::*;
use crate::identity::{Pair, ask, private_key, self_signed, spki_hash};

/// The tests' present, 15 June 2026, in seconds since 1970.
const NOW: i64 = 1_781_524_800;

/// A key of an issuer.
struct Signer {
    kid: &'static str,
    pkcs8: Vec<u8>,
    public: Vec<u8>,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self {
            kid,
            public: pair.public_key().as_ref().to_vec(),
            pkcs8: pkcs8.as_ref().to_vec(),
        }
    }

    fn jwk(&self) -> Value {
        let part = |from: usize| BASE64URL_NOPAD.encode(&self.public[from..from + 32]);
        json!({ "kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": part(1), "y": part(33) })
    }

    /// A token with `claims` under a header with `more` members.
    fn sign_with(&self, claims: &Value, more: &[(&str, Value)]) -> String {
        let mut header = serde_json::to_value(Header::new(Algorithm::ES256)).unwrap();
        header["typ"] = json!("at+jwt");
        header["kid"] = json!(self.kid);
        for (name, value) in more {
            header[*name] = value.clone();
        }
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(claims));
        let key = EncodingKey::from_ec_der(&self.pkcs8);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_with(claims, &[])
    }
}

fn jwks(signers: &[&Signer]) -> String {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// Claims that are accepted.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "https://login.example", "aud": "fieldgate", "client_id": "health-api", "sub": "zora-canary",
        "exp": NOW + 300, "iat": NOW - 10, "nbf": NOW - 10,
    })
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut claims = claims();
    for (name, value) in changes {
        let members = claims.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(*name);
        } else {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    claims
}

/// A council that takes tokens of an issuer with `keys` in a file and `more` in its configuration.
async fn council(keys: &str, more: &str, agreement: &str) -> (Council, Service) {
    let service = Service::answering(json_answer()).await;
    let setup = setup(service.address, keys, more, agreement);
    (setup.start(), service)
}

fn json_answer() -> Vec<u8> {
    json(r#"{"name":"Ada"}"#).into()
}

pub(crate) fn setup(service: SocketAddr, keys: &str, more: &str, agreement: &str) -> Setup {
    let mut setup = Setup::with(service);
    setup.identify = format!(
        "{{ api_keys: [{{ name: k, sha256: {} }}], access_tokens: [{{ issuer: login, client_id: health-api }}] }}",
        hash(HEALTH_KEY)
    );
    setup.more = format!(
        "issuers:\n  - name: login\n    issuer: https://login.example\n    audience: fieldgate\n    algorithms: [ES256]\n    jwks_file: keys.json\n{more}"
    );
    setup.files = vec![("keys.json".to_owned(), keys.to_owned())];
    setup.agreements = vec![("care.yaml".to_owned(), agreement.to_owned())];
    setup
}

/// A request with `authorization` and no API key.
pub(crate) fn bearing(token: &str) -> String {
    care(
        "GET",
        "/adults/7",
        &format!("Authorization: Bearer {token}\r\n"),
    )
    .replace(&format!("X-API-Key: {HEALTH_KEY}\r\n"), "")
}

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
fn a_token_is_verified_once_and_remembered_until_it_ends_or_the_configuration_changes() {
    run(async {
        let signer = Signer::new("a");
        let service = Service::answering(json_answer()).await;
        let mut council = setup(service.address, &jwks(&[&signer]), "", CARE).write();
        let now = Arc::new(AtomicI64::new(NOW));
        start_at(&mut council, &now);
        let token = bearing(&signer.sign(&claims()));
        for _ in 0..3 {
            assert_eq!(council.send(&token).await.status(), 200);
        }
        let checks = |check: &str| {
            format!("fieldgate_access_token_checks_total{{check=\"{check}\",issuer=\"login\"}}")
        };
        assert!(
            council
                .has_metric(&format!("{} 1", checks("verified")))
                .await
        );
        assert!(
            council
                .has_metric(&format!("{} 2", checks("remembered")))
                .await
        );
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(council.send(&token).await.status(), 200);
        assert!(
            council
                .has_metric(&format!("{} 2", checks("verified")))
                .await
        );

        now.store(NOW + 329, Ordering::Relaxed);
        assert_eq!(council.send(&token).await.status(), 200);
        now.store(NOW + 330, Ordering::Relaxed);
        council
            .send(&token)
            .await
            .is_problem(401, "access_token_expired");

        // A key that its issuer takes out takes its tokens with it.
        now.store(NOW, Ordering::Relaxed);
        assert_eq!(council.send(&token).await.status(), 200);
        let keys = council.folder.path().join("keys.json");
        std::fs::write(&keys, jwks(&[&Signer::new("b")])).unwrap();
        council.gateway.as_ref().unwrap().reload().unwrap();
        council
            .send(&token)
            .await
            .is_problem(401, "access_token_invalid");
        // Keys that cannot be used leave the older configuration in place.
        std::fs::write(&keys, "{}").unwrap();
        let error = council.gateway.as_ref().unwrap().reload().unwrap_err();
        assert!(error.to_string().contains("keys.json"), "{error}");
    });
}

fn start_at(council: &mut Council, now: &Arc<AtomicI64>) {
    let (path, now) = (council.config(), Arc::clone(now));
    let clock =
        Clock::from_fn(move || jiff::Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap());
    council.gateway = Some(Gateway::start(move || config::load(&path), clock).unwrap());
}

/// An agreement in which one purpose is for a role.
fn with_roles() -> String {
    CARE.replace(
        "  care: Offer care\n",
        "  care: { text: Offer care, roles: [social-worker] }\n",
    )
}

#[test]
fn what_a_token_says_of_purposes_roles_and_professionals_counts() {
    run(async {
        let signer = Signer::new("a");
        let more = "    claims: { purpose: /data/purposes, roles: /realm_access/roles, professional: registered, acting: sub }\n";
        let (mut council, service) = council(&jwks(&[&signer]), more, &with_roles()).await;
        let token = |purposes: Value, roles: Value| {
            signer.sign(&with(&[
                ("data", json!({ "purposes": purposes })),
                ("realm_access", json!({ "roles": roles })),
                ("sub", json!("ada-lovelace-canary")),
            ]))
        };
        let worker = json!(["offline_access", "social-worker", "carol-canary"]);
        let good = token(json!(["care", "research"]), worker.clone());
        assert_eq!(council.send(&bearing(&good)).await.status(), 200);
        // Words in a text say the same as a list.
        let text = token(json!("research care"), json!("social-worker"));
        assert_eq!(council.send(&bearing(&text)).await.status(), 200);
        // A token that is for one purpose declares it; one that is for two does not.
        let undeclared = |token: &str| bearing(token).replace("Data-Purpose: care\r\n", "");
        let one = token(json!(["care"]), worker.clone());
        assert_eq!(council.send(&undeclared(&one)).await.status(), 200);
        council
            .send(&undeclared(&good))
            .await
            .is_problem(400, "purpose_missing");
        for purposes in [
            json!(["research"]),
            json!([]),
            json!("carer"),
            json!(7),
            json!(["Care"]),
        ] {
            let token = token(purposes, worker.clone());
            council
                .send(&bearing(&token))
                .await
                .is_problem(403, "purpose_not_in_token");
        }
        for roles in [
            json!([]),
            json!(["Social-Worker"]),
            json!({ "social-worker": true }),
        ] {
            let token = token(json!(["care"]), roles);
            council
                .send(&bearing(&token))
                .await
                .is_problem(403, "role_not_held");
        }
        assert_eq!(service.requests().len(), 3);

        council.stop().await;
        let intents = council.entries("intent");
        let first = &intents[0];
        assert_eq!(
            first["roles"],
            json!(["social-worker"]),
            "roles are the agreements' words"
        );
        let person = first["person"].as_str().unwrap();
        assert!(
            intents.iter().all(|intent| intent["person"] == person),
            "one person, one token"
        );
        let ledger = council.ledger_text();
        assert!(
            !ledger.contains("canary"),
            "of people the ledger has tokens alone"
        );
    });
}

#[test]
fn a_token_says_until_when_its_bearers_training_counts() {
    run(async {
        let signer = Signer::new("a");
        let text = CARE.replace(
            "  care: Offer care\n",
            "  care: { text: Offer care, training: required }\n",
        );
        let more = "    claims: { trained_until: /hr/trained }\n";
        let (council, service) = council(&jwks(&[&signer]), more, &text).await;
        let token = |until: Value| signer.sign(&with(&[("hr", json!({ "trained": until }))]));
        // The tests' present is noon of 15 June 2026, in UTC.
        for until in [
            json!(1_781_524_801),
            json!("2026-06-15T12:00:01Z"),
            json!("2026-06-15"),
            json!("2027-01-31"),
        ] {
            let got = council.send(&bearing(&token(until.clone()))).await;
            assert_eq!(got.status(), 200, "{until}");
        }
        let asked = service.requests().len();
        for until in [
            json!(1_781_524_800),
            json!("2026-06-15T12:00:00Z"),
            json!("2026-06-14"),
            json!("next year"),
            json!("9999-99-99"),
            json!(true),
            json!(1e300),
            json!(null),
            json!(["2027-01-31"]),
        ] {
            let got = council.send(&bearing(&token(until))).await;
            got.is_problem(403, "not_trained");
        }
        let without = signer.sign(&with(&[]));
        let got = council.send(&bearing(&without)).await;
        got.is_problem(403, "not_trained");
        assert_eq!(service.requests().len(), asked);
    });
}

#[test]
fn the_acting_person_may_be_named_by_the_partner_and_two_partners_numbers_are_two_people() {
    run(async {
        let signer = Signer::new("a");
        let (mut council, _service) =
            council(&jwks(&[&signer]), "    claims: { acting: sub }\n", CARE).await;
        let header = "Data-Staff-Identifier: staff-canary\r\n";
        council.send(&care("GET", "/adults/7", header)).await;
        council.send(&care("GET", "/adults/7", header)).await;
        council.send(&care("GET", "/adults/7", "")).await;
        council
            .send(&bearing(
                &signer.sign(&with(&[("sub", json!("staff-canary"))])),
            ))
            .await;
        council.stop().await;
        let intents = council.entries("intent");
        let person = |index: usize| intents[index]["person"].as_str();
        assert!(person(0).is_some());
        assert_eq!(person(0), person(1));
        assert_eq!(person(2), None);
        assert!(person(3).is_some() && person(3) != person(0));
        assert!(!council.ledger_text().contains("canary"));
    });
}

#[test]
fn an_agreement_can_ask_for_several_credentials_together() {
    run(async {
        let signer = Signer::new("a");
        let agreement = CARE
            .replace("retention: P6M", "retention: P6M\ncredentials: [api_key]")
            .replace(
                "  care: Offer care\n",
                "  care: { text: Offer care, credentials: [access_token] }\n",
            );
        let (council, service) = council(&jwks(&[&signer]), "", &agreement).await;
        let token = format!("Authorization: Bearer {}\r\n", signer.sign(&claims()));
        let both = care("GET", "/adults/7", &token);
        assert_eq!(council.send(&both).await.status(), 200);
        for (request, missing) in [
            (care("GET", "/adults/7", ""), "asks for access_token too"),
            (bearing(&signer.sign(&claims())), "asks for api_key too"),
        ] {
            let problem = council
                .send(&request)
                .await
                .is_problem(403, "credential_missing");
            assert!(
                problem["detail"].as_str().unwrap().contains(missing),
                "{problem}"
            );
        }
        // The agreement's own list is for every purpose.
        let research = bearing(&signer.sign(&claims()))
            .replace("Data-Purpose: care", "Data-Purpose: research")
            .replace("/adults/7", "/studies");
        council
            .send(&research)
            .await
            .is_problem(403, "credential_missing");
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn a_token_that_is_bound_comes_with_its_certificate_alone() {
    run(async {
        let signer = Signer::new("a");
        let (own, other) = (self_signed("a.example"), self_signed("b.example"));
        let service = Service::answering(json_answer()).await;
        for required in [false, true] {
            let bound = if required {
                "    bound: required\n"
            } else {
                ""
            };
            let mut setup = setup(service.address, &jwks(&[&signer]), bound, CARE);
            setup.identify = format!(
                "{{ certificates: [{{ spki_sha256: {} }}, {{ spki_sha256: {} }}], access_tokens: [{{ issuer: login, client_id: health-api }}] }}",
                spki_hash(&own),
                spki_hash(&other)
            );
            let (council, gateway) = tls_council(&setup);
            let thumbprint = BASE64URL_NOPAD.encode(&Sha256::digest(der(&own)));
            let token = bearing(&signer.sign(&with(&[("cnf", json!({ "x5t#S256": thumbprint }))])));
            let loose = bearing(&signer.sign(&claims()));
            for (presented, request, status) in [
                (Some(&own), &token, 200),
                (Some(&other), &token, 401),
                (None, &token, 401),
                (Some(&own), &token, 200),
                (Some(&own), &loose, if required { 401 } else { 200 }),
                (None, &loose, if required { 401 } else { 200 }),
            ] {
                let answer = ask(&council, &gateway, presented, request).await.unwrap();
                assert_eq!(answer.status(), status, "{required} {}", answer.text());
                if status == 401 {
                    answer.is_problem(401, "access_token_not_bound");
                }
            }
        }
    });
}

fn der(pair: &Pair) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pair.certificate.as_bytes())
        .unwrap()
        .to_vec()
}

/// A gateway with TLS and the certificate that it shows.
fn tls_council(setup: &Setup) -> (Council, Pair) {
    let own = self_signed("gateway.example");
    let mut council = Setup {
        service: setup.service.clone(),
        limits: setup.limits.clone(),
        listener: "tls: { certificate: chain.pem, key: key.pem }".to_owned(),
        identify: setup.identify.clone(),
        service_tls: setup.service_tls.clone(),
        agreements: setup.agreements.clone(),
        more: setup.more.clone(),
        files: setup.files.clone(),
    }
    .write();
    std::fs::write(council.folder.path().join("chain.pem"), &own.certificate).unwrap();
    write_secret(
        &council.folder.path().join("key.pem"),
        &own.key.serialize_pem(),
    );
    council.start();
    (council, own)
}

/// A server of keys over TLS: `keys` are what it has now, `None` what it answers 503 to.
struct KeyServer {
    address: SocketAddr,
    keys: Rc<RefCell<Option<String>>>,
    asked: Rc<Cell<usize>>,
}

impl KeyServer {
    async fn start(pair: &Pair, keys: String) -> Self {
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der(pair).into()], private_key(pair))
        .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            keys: Rc::new(RefCell::new(Some(keys))),
            asked: Rc::default(),
        };
        let (keys, asked) = (Rc::clone(&server.keys), Rc::clone(&server.asked));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                if read_head(&mut stream).await.is_err() {
                    continue;
                }
                asked.set(asked.get() + 1);
                let answer = match &*keys.borrow() {
                    Some(keys) => json(keys),
                    None => "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".into(),
                };
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        server
    }
}

/// Asks until the answer has this status, which is how a fetch beside the exchanges shows.
async fn until(council: &Council, request: &str, status: u16) -> Answer {
    let asking = async {
        loop {
            let answer = council.send(request).await;
            if answer.status() == status {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(HANG, asking)
        .await
        .expect("the status comes")
}

#[test]
fn keys_from_a_server_are_kept_over_an_outage_and_follow_a_rotation() {
    run(async {
        let (first, second) = (Signer::new("a"), Signer::new("b"));
        let pair = self_signed("localhost");
        let server = KeyServer::start(&pair, jwks(&[&first])).await;
        let service = Service::answering(json_answer()).await;
        let mut setup = setup(service.address, "", "", CARE);
        setup.more = setup.more.replace(
            "jwks_file: keys.json",
            &format!(
                "jwks_url: https://localhost:{}/keys?all\n    ca: ca.pem\n    refresh: 1h\n    stale: 2h",
                server.address.port()
            ),
        );
        setup.files = vec![("ca.pem".to_owned(), pair.certificate.clone())];
        let mut council = setup.write();
        let now = Arc::new(AtomicI64::new(NOW));
        start_at(&mut council, &now);
        let lasting =
            |signer: &Signer| bearing(&signer.sign(&with(&[("exp", json!(NOW + 100_000))])));
        let (old, new) = (lasting(&first), lasting(&second));
        until(&council, &old, 200).await;
        assert_eq!(server.asked.get(), 1, "no exchange asks for keys");

        // A key that nobody has seen brings one fetch forward, and no more.
        *server.keys.borrow_mut() = Some(jwks(&[&second]));
        council
            .send(&new)
            .await
            .is_problem(401, "access_token_invalid");
        until(&council, &new, 200).await;
        council
            .send(&old)
            .await
            .is_problem(401, "access_token_invalid");
        assert_eq!(server.asked.get(), 2);

        // The server is away: its keys go on until they are stale, then nobody's are.
        *server.keys.borrow_mut() = None;
        now.store(NOW + 7_200, Ordering::Relaxed);
        assert_eq!(council.send(&new).await.status(), 200);
        council.gateway.as_ref().unwrap().reload().unwrap();
        assert_eq!(
            council.send(&new).await.status(),
            200,
            "a reload keeps what was fetched"
        );
        now.store(NOW + 7_201, Ordering::Relaxed);
        council
            .send(&new)
            .await
            .is_problem(401, "access_token_keys_unavailable");
        assert!(
            council
                .has_metric("fieldgate_issuer_keys_age_seconds{issuer=\"login\"} 7201")
                .await
        );
    });
}

#[test]
fn without_keys_no_token_is_believed() {
    run(async {
        let signer = Signer::new("a");
        let service = Service::answering(json_answer()).await;
        let mut setup = setup(service.address, "", "", CARE);
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
        setup.more = setup.more.replace(
            "jwks_file: keys.json",
            &format!(
                "jwks_url: https://localhost:{}/keys\n    ca: ca.pem",
                nobody.local_addr().unwrap().port()
            ),
        );
        setup.files = vec![("ca.pem".to_owned(), self_signed("localhost").certificate)];
        let council = setup.start();
        council
            .send(&bearing(&signer.sign(&claims())))
            .await
            .is_problem(401, "access_token_keys_unavailable");
        assert_eq!(
            council.get("/adults/7").await.status(),
            200,
            "a key needs no issuer"
        );
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
