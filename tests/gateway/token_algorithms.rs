//! Access tokens by every algorithm that an issuer may use, over sockets, and the ways in which one algorithm or key is
//! passed off as another.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaKeyPair, RsaPublicKeyComponents,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::harness::*;
use crate::tokens_of_partners::{bearing, claims, setup};

/// A key that signs nothing outside this file: no library here makes RSA keys, and a tool makes other ones each time.
const RSA_KEY_FOR_TESTS_ONLY: &[u8] = include_bytes!("rsa_key_for_tests_only.pem");

/// A key of an issuer: what it signs with, and its entry in the issuer's set.
struct Signer {
    key: EncodingKey,
    jwk: Value,
}

fn base64(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

impl Signer {
    fn rsa(kid: &str) -> Self {
        let der = PrivateKeyDer::from_pem_slice(RSA_KEY_FOR_TESTS_ONLY).unwrap();
        let pair = RsaKeyPair::from_der(der.secret_der()).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
        Self {
            key: EncodingKey::from_rsa_der(der.secret_der()),
            jwk: json!({ "kty": "RSA", "kid": kid, "n": base64(&public.n), "e": base64(&public.e) }),
        }
    }

    fn ec(kid: &str, curve: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        Self {
            key: EncodingKey::from_ec_der(pkcs8.as_ref()),
            jwk: json!({ "kty": "EC", "kid": kid, "crv": curve, "x": base64(x), "y": base64(y) }),
        }
    }

    fn ed25519(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let x = base64(pair.public_key().as_ref());
        Self {
            key: EncodingKey::from_ed_der(pkcs8.as_ref()),
            jwk: json!({ "kty": "OKP", "kid": kid, "crv": "Ed25519", "x": x }),
        }
    }

    fn kid(&self) -> &str {
        self.jwk["kid"].as_str().unwrap()
    }

    /// What it says of itself, signed by `algorithm`.
    fn sign(&self, algorithm: Algorithm) -> String {
        let name = serde_json::to_value(algorithm).unwrap();
        self.sign_as(algorithm, name.as_str().unwrap(), Some(self.kid()))
    }

    /// Signed by `algorithm` under a header that says `named` and `kid`.
    fn sign_as(&self, algorithm: Algorithm, named: &str, kid: Option<&str>) -> String {
        let message = message(named, kid);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

/// The first two parts of a token whose claims are accepted.
fn message(algorithm: &str, kid: Option<&str>) -> String {
    let mut header = json!({ "typ": "at+jwt", "alg": algorithm });
    if let Some(kid) = kid {
        header["kid"] = json!(kid);
    }
    let part = |value: &Value| base64(value.to_string().as_bytes());
    format!("{}.{}", part(&header), part(&claims()))
}

/// A council whose issuer has `keys` and may sign by `algorithms`.
async fn council(keys: &[&Signer], algorithms: &[&str]) -> (Council, Service) {
    let service = Service::answering(json(r#"{"name":"Ada"}"#)).await;
    let keys: Vec<&Value> = keys.iter().map(|signer| &signer.jwk).collect();
    let keys = json!({ "keys": keys }).to_string();
    let mut setup = setup(service.address, &keys, "", CARE);
    let algorithms = format!("[{}]", algorithms.join(", "));
    setup.more = setup.more.replace("[ES256]", &algorithms);
    (setup.start(), service)
}

#[test]
fn a_token_by_each_algorithm_is_taken_where_the_issuer_has_it_and_nowhere_else() {
    run(async {
        let rsa = Signer::rsa("rsa");
        let p256 = Signer::ec("p256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING);
        let p384 = Signer::ec("p384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING);
        let ed25519 = Signer::ed25519("ed25519");
        let keys = [&rsa, &p256, &p384, &ed25519];
        let rows = [
            ("RS256", &rsa, Algorithm::RS256),
            ("RS384", &rsa, Algorithm::RS384),
            ("RS512", &rsa, Algorithm::RS512),
            ("PS256", &rsa, Algorithm::PS256),
            ("PS384", &rsa, Algorithm::PS384),
            ("PS512", &rsa, Algorithm::PS512),
            ("ES256", &p256, Algorithm::ES256),
            ("ES384", &p384, Algorithm::ES384),
            ("EdDSA", &ed25519, Algorithm::EdDSA),
        ];
        let names = rows.map(|(name, _, _)| name);
        let (all, _service) = council(&keys, &names).await;
        for (name, signer, algorithm) in &rows {
            let token = signer.sign(*algorithm);
            let answer = all.send(&bearing(&token)).await;
            assert_eq!(answer.body(), r#"{"name":"Ada"}"#, "{name}");
        }
        // Each issuer is pinned to what is written for it, whatever its keys could do.
        for few in [&["RS256"][..], &["PS256", "EdDSA"], &["ES256"]] {
            let (council, _service) = council(&keys, few).await;
            for (name, signer, algorithm) in &rows {
                let answer = council.send(&bearing(&signer.sign(*algorithm))).await;
                if few.contains(name) {
                    assert_eq!(answer.status(), 200, "{name} of {few:?}");
                } else {
                    answer.is_problem(401, "access_token_invalid");
                }
            }
        }
    });
}

#[test]
fn an_algorithm_or_a_key_that_is_passed_off_as_another_is_refused() {
    run(async {
        let rsa = Signer::rsa("rsa");
        let p256 = Signer::ec("p256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING);
        let ed25519 = Signer::ed25519("ed25519");
        let other = Signer::ed25519("other");
        let keys = [&rsa, &p256, &ed25519, &other];
        let (council, service) =
            council(&keys, &["RS256", "PS256", "ES256", "ES384", "EdDSA"]).await;

        // With each secret that somebody who knows the public key could try.
        let pem = PrivateKeyDer::from_pem_slice(RSA_KEY_FOR_TESTS_ONLY).unwrap();
        let pair = RsaKeyPair::from_der(pem.secret_der()).unwrap();
        let public = pair.public().as_ref().to_vec();
        let public_pem = format!(
            "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
            data_encoding::BASE64.encode(&public)
        );
        let hmac = |secret: &[u8], named: &str| {
            let message = message(named, Some("rsa"));
            let key = EncodingKey::from_secret(secret);
            let signature =
                jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
            format!("{message}.{signature}")
        };
        let unsigned = |named: &str| format!("{}.", message(named, Some("rsa")));
        let zeros = |named: &str, kid: &str, bytes: usize| {
            format!("{}.{}", message(named, Some(kid)), base64(&vec![0; bytes]))
        };
        // The same signature as X.509 writes it, which JWA does not (RFC 7518 §3.4).
        let in_der = {
            let token = p256.sign(Algorithm::ES256);
            let (message, signature) = token.rsplit_once('.').unwrap();
            let fixed = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
            let integer = |half: &[u8]| [&[2, 33, 0][..], half].concat();
            let body = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
            format!("{message}.{}", base64(&[&[0x30, 70][..], &body].concat()))
        };
        let rows = [
            ("none", unsigned("none")),
            ("None", unsigned("None")),
            ("no algorithm", unsigned("")),
            ("RS256 without a signature", unsigned("RS256")),
            ("the public key as a secret", hmac(&public, "HS256")),
            (
                "the public key's text as a secret",
                hmac(public_pem.as_bytes(), "HS256"),
            ),
            (
                "the key's entry as a secret",
                hmac(rsa.jwk.to_string().as_bytes(), "HS256"),
            ),
            ("a secret's signature as RSA's", hmac(&public, "RS256")),
            (
                "PKCS#1 named PSS",
                rsa.sign_as(Algorithm::RS256, "PS256", Some("rsa")),
            ),
            (
                "PSS named PKCS#1",
                rsa.sign_as(Algorithm::PS256, "RS256", Some("rsa")),
            ),
            (
                "another digest",
                rsa.sign_as(Algorithm::RS512, "RS256", Some("rsa")),
            ),
            (
                "a digest that is not the issuer's",
                rsa.sign(Algorithm::RS384),
            ),
            (
                "RSA's under a key of a curve",
                rsa.sign_as(Algorithm::RS256, "RS256", Some("p256")),
            ),
            (
                "RSA's named as a curve's",
                rsa.sign_as(Algorithm::RS256, "ES256", Some("p256")),
            ),
            (
                "a curve's under the RSA key",
                p256.sign_as(Algorithm::ES256, "ES256", Some("rsa")),
            ),
            (
                "P-256 named P-384",
                p256.sign_as(Algorithm::ES256, "ES384", Some("p256")),
            ),
            (
                "Ed25519 under P-256",
                ed25519.sign_as(Algorithm::EdDSA, "EdDSA", Some("p256")),
            ),
            (
                "another key of the set",
                ed25519.sign_as(Algorithm::EdDSA, "EdDSA", Some("other")),
            ),
            (
                "no name where two keys fit",
                ed25519.sign_as(Algorithm::EdDSA, "EdDSA", None),
            ),
            (
                "the algorithm's name in another case",
                ed25519.sign_as(Algorithm::EdDSA, "EDDSA", Some("ed25519")),
            ),
            (
                "the algorithm's newer name, which no issuer has here",
                ed25519.sign_as(Algorithm::EdDSA, "Ed25519", Some("ed25519")),
            ),
            ("a curve's signature in DER", in_der),
            ("noughts for a curve's", zeros("ES256", "p256", 64)),
            ("noughts for Ed25519's", zeros("EdDSA", "ed25519", 64)),
            ("noughts for RSA's", zeros("RS256", "rsa", 256)),
            ("a short signature", zeros("ES256", "p256", 63)),
        ];
        for (why, token) in rows {
            let answer = council.send(&bearing(&token)).await;
            assert_eq!(answer.status(), 401, "{why}: {}", answer.text());
            answer.is_problem(401, "access_token_invalid");
        }
        assert_eq!(service.requests().len(), 0);
        // Without a name, the only key that fits is meant; that is none of the above.
        for token in [
            rsa.sign_as(Algorithm::PS256, "PS256", None),
            p256.sign_as(Algorithm::ES256, "ES256", None),
        ] {
            assert_eq!(council.send(&bearing(&token)).await.status(), 200);
        }
    });
}
