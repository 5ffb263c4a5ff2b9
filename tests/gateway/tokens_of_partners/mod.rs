//! Access tokens: whose are believed, what they say, and where their issuer's keys come from. Tokens are made by
//! another implementation than the gateway's, with keys that each test makes for itself.

mod believed;
mod bound;
mod keys;
mod said;

use std::net::SocketAddr;
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

use crate::harness::*;
use crate::identity::Pair;

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

fn start_at(council: &mut Council, now: &Arc<AtomicI64>) {
    let (path, now) = (council.config(), Arc::clone(now));
    let clock =
        Clock::from_fn(move || jiff::Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap());
    council.gateway = Some(Gateway::start(move || config::load(&path), clock).unwrap());
}

fn der(pair: &Pair) -> Vec<u8> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(pair.certificate.as_bytes())
        .unwrap()
        .to_vec()
}
