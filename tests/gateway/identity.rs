//! Who asks: certificates pinned or under an authority, and API keys.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::harness::*;

/// A certificate in PEM with its key.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: KeyPair,
}

pub(crate) fn self_signed(name: &str) -> Pair {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    Pair {
        certificate: certificate.pem(),
        key,
    }
}

pub(crate) struct Authority {
    pub(crate) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap().pem();
    Authority {
        certificate,
        issuer: Issuer::new(params, key),
    }
}

impl Authority {
    pub(crate) fn sign(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        Pair {
            certificate: certificate.pem(),
            key,
        }
    }
}

pub(crate) fn spki_hash(pair: &Pair) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(pair.key.subject_public_key_info())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A gateway with TLS; `identify` is `island-health`'s, `client_ca` the listener's.
pub(crate) async fn council(
    identify: String,
    client_ca: Option<&Authority>,
) -> (Council, Service, Pair) {
    let service = Service::answering(json(r#"{"name":"Ada"}"#)).await;
    let mut setup = Setup::with(service.address);
    setup.identify = identify;
    let client_ca_line = if client_ca.is_some() {
        ", client_ca: ca.pem"
    } else {
        ""
    };
    setup.listener = format!("tls: {{ certificate: chain.pem, key: key.pem{client_ca_line} }}");
    let mut council = setup.write();
    let own = self_signed("gateway.example");
    let folder = council.folder.path().to_owned();
    std::fs::write(folder.join("chain.pem"), &own.certificate).unwrap();
    write_secret(&folder.join("key.pem"), &own.key.serialize_pem());
    if let Some(authority) = client_ca {
        std::fs::write(folder.join("ca.pem"), &authority.certificate).unwrap();
    }
    council.start();
    (council, service, own)
}

/// A client's TLS that trusts `own`, and shows `presented`.
pub(crate) fn client_config(own: &Pair, presented: Option<&Pair>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match presented {
        None => builder.with_no_client_auth(),
        Some(pair) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()],
                private_key(pair),
            )
            .unwrap(),
    }
}

pub(crate) fn private_key(pair: &Pair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pair.key.serialize_pem().as_bytes()).unwrap()
}

/// Sends a request over TLS with `presented` as the client certificate. `None`: no handshake.
pub(crate) async fn ask(
    council: &Council,
    own: &Pair,
    presented: Option<&Pair>,
    request: &str,
) -> Option<Answer> {
    let config = client_config(own, presented);
    let stream = TcpStream::connect(council.address()).await.unwrap();
    let name = ServerName::try_from("gateway.example").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let answer = read_to_end(&mut stream).await;
    // With TLS 1.3 a refused certificate shows after the client's own part of the handshake.
    (!answer.0.is_empty()).then_some(answer)
}

pub(crate) fn without_key() -> String {
    care("GET", "/adults/7", "").replace(&format!("X-API-Key: {HEALTH_KEY}\r\n"), "")
}

#[test]
fn a_pinned_certificate_names_its_partner_and_another_does_not() {
    run(async {
        let partner = self_signed("anything.example");
        let identify = format!("certificates: [{{ spki_sha256: {} }}]", spki_hash(&partner));
        let (council, service, own) = council(identify, None).await;
        let answer = ask(&council, &own, Some(&partner), &without_key())
            .await
            .unwrap();
        assert_eq!(answer.body(), r#"{"name":"Ada"}"#, "{}", answer.text());

        let stranger = self_signed("anything.example");
        assert!(
            ask(&council, &own, Some(&stranger), &without_key())
                .await
                .is_none()
        );
        let nobody = ask(&council, &own, None, &without_key()).await.unwrap();
        nobody.is_problem(401, "unauthenticated");
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn a_name_in_a_certificate_under_the_authority_names_its_partner() {
    run(async {
        let trusted = authority();
        let identify = "certificates: [{ san: api.island-health.example }]".to_owned();
        let (council, service, own) = council(identify, Some(&trusted)).await;
        let partner = trusted.sign("api.island-health.example");
        let answer = ask(&council, &own, Some(&partner), &without_key())
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());

        // Under the authority, and nobody's.
        let other = trusted.sign("api.other.example");
        let answer = ask(&council, &own, Some(&other), &without_key())
            .await
            .unwrap();
        answer.is_problem(401, "unauthenticated");
        // The right name under an authority that nobody trusts, or its own.
        let impostor = authority().sign("api.island-health.example");
        assert!(
            ask(&council, &own, Some(&impostor), &without_key())
                .await
                .is_none()
        );
        let impostor = self_signed("api.island-health.example");
        assert!(
            ask(&council, &own, Some(&impostor), &without_key())
                .await
                .is_none()
        );
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn a_certificate_and_a_key_of_two_partners_are_nobodys() {
    run(async {
        let partner = self_signed("anything.example");
        let identify = format!("certificates: [{{ spki_sha256: {} }}]", spki_hash(&partner));
        let (council, service, own) = council(identify, None).await;
        let request = care("GET", "/adults/7", "").replace(HEALTH_KEY, HOMES_KEY);
        let answer = ask(&council, &own, Some(&partner), &request).await.unwrap();
        answer.is_problem(401, "unauthenticated");
        assert_eq!(service.requests().len(), 0);
    });
}

#[test]
fn an_expired_pinned_certificate_is_refused() {
    run(async {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let partner = Pair {
            certificate: params.self_signed(&key).unwrap().pem(),
            key,
        };
        let identify = format!("certificates: [{{ spki_sha256: {} }}]", spki_hash(&partner));
        let (council, _service, own) = council(identify, None).await;
        assert!(
            ask(&council, &own, Some(&partner), &without_key())
                .await
                .is_none()
        );
    });
}

#[test]
fn an_api_key_names_its_partner_and_a_wrong_one_nobody() {
    run(async {
        let (council, service) = Council::answering(json("{}")).await;
        assert_eq!(council.get("/adults/7").await.status(), 200);
        let mut texts = Vec::new();
        for key in ["", "wrong", "health-key-012345678", "HEALTH-KEY-0123456789"] {
            let request = care("GET", "/adults/7", "").replace(HEALTH_KEY, key);
            let mut problem = council
                .send(&request)
                .await
                .is_problem(401, "unauthenticated");
            problem["request_id"] = serde_json::Value::Null;
            texts.push(problem);
        }
        let twice = format!("X-API-Key: {HEALTH_KEY}\r\n");
        council
            .send(&care("GET", "/adults/7", &twice))
            .await
            .is_problem(401, "unauthenticated");
        texts.dedup();
        assert_eq!(texts.len(), 1, "a 401 tells nothing of why");
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn a_key_that_does_not_belong_to_its_certificate_keeps_the_gateway_from_starting() {
    run(async {
        let service = Service::answering(json("{}")).await;
        let mut setup = Setup::with(service.address);
        setup.listener = "tls: { certificate: chain.pem, key: key.pem }".to_owned();
        let mut council = setup.write();
        let folder = council.folder.path().to_owned();
        std::fs::write(
            folder.join("chain.pem"),
            self_signed("a.example").certificate,
        )
        .unwrap();
        write_secret(
            &folder.join("key.pem"),
            &self_signed("b.example").key.serialize_pem(),
        );
        let error = council.try_start().expect_err("they do not work together");
        assert!(!error.is_content());
        assert!(error.to_string().contains("chain.pem"), "{error}");
    });
}
