//! Who asks: certificates pinned or under an authority, and API keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fieldgate::clock::Clock;
use fieldgate::config;
use fieldgate::gateway::Gateway;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, PublicKeyData, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

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
        self.sign_as(CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    /// A certificate with this serial number.
    fn sign_numbered(&self, name: &str, serial: u64) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        self.sign_as(params)
    }

    fn sign_as(&self, params: CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            certificate: certificate.pem(),
            key,
        }
    }

    /// The list of what it has revoked, whose next is due in `due`.
    fn revokes(&self, serials: &[u64], due: i32) -> String {
        let past = rcgen::date_time_ymd(2020, 1, 1);
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: past,
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: past,
            next_update: rcgen::date_time_ymd(due, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
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
    let (council, service, own) = stopped(identify, client_ca, "").await;
    let mut council = council;
    council.start();
    (council, service, own)
}

/// The same before it starts; `more` follows in the listener's TLS.
pub(crate) async fn stopped(
    identify: String,
    client_ca: Option<&Authority>,
    more: &str,
) -> (Council, Service, Pair) {
    let service = Service::answering(json(r#"{"name":"Ada"}"#)).await;
    let mut setup = Setup::with(service.address);
    setup.identify = identify;
    let client_ca_line = if client_ca.is_some() {
        ", client_ca: ca.pem"
    } else {
        ""
    };
    setup.listener =
        format!("tls: {{ certificate: chain.pem, key: key.pem{client_ca_line}{more} }}");
    let council = setup.write();
    let own = self_signed("gateway.example");
    let folder = council.folder.path().to_owned();
    std::fs::write(folder.join("chain.pem"), &own.certificate).unwrap();
    write_secret(&folder.join("key.pem"), &own.key.serialize_pem());
    if let Some(authority) = client_ca {
        std::fs::write(folder.join("ca.pem"), &authority.certificate).unwrap();
    }
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
    let mut stream = connect(council, own, presented).await?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let answer = read_to_end(&mut stream).await;
    // With TLS 1.3 a refused certificate shows after the client's own part of the handshake.
    (!answer.0.is_empty()).then_some(answer)
}

/// A connection over TLS. `None`: no handshake, as far as the client's part of it shows.
async fn connect(
    council: &Council,
    own: &Pair,
    presented: Option<&Pair>,
) -> Option<TlsStream<TcpStream>> {
    let config = client_config(own, presented);
    let stream = TcpStream::connect(council.address()).await.unwrap();
    let name = ServerName::try_from("gateway.example").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.ok()
}

/// One exchange on a connection that stays open: the whole answer.
async fn exchange_on(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> Answer {
    let request = request.replace("Connection: close\r\n", "");
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = read_head(stream).await.unwrap();
    let length = head.to_ascii_lowercase();
    let length = length
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    Answer([head.as_bytes(), &body].concat())
}

fn reload(council: &Council) {
    council.gateway.as_ref().unwrap().reload().unwrap();
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

/// A certificate that is past its last day names nobody, pinned or not: the handshake ends.
/// Rows: P3.2.7.
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

/// A certificate that ends while its connection is open names nobody from then on, though nothing is reloaded.
#[test]
fn a_certificate_that_ends_on_an_open_connection_is_refused_at_its_next_request() {
    run(async {
        let trusted = authority();
        let identify = "certificates: [{ san: api.island-health.example }]".to_owned();
        let (mut council, service, own) = stopped(identify, Some(&trusted), "").await;
        let late = Arc::new(AtomicBool::new(false));
        let (told, config) = (Arc::clone(&late), council.config());
        let clock = Clock::from_fn(move || {
            let day = if told.load(Ordering::Relaxed) {
                "2090-01-02T00:00:00Z"
            } else {
                "2026-06-15T12:00:00Z"
            };
            day.parse().unwrap()
        });
        council.gateway = Some(Gateway::start(move || config::load(&config), clock).unwrap());
        let name = "api.island-health.example".to_owned();
        let mut params = CertificateParams::new(vec![name]).unwrap();
        // The handshake goes by the system's clock, each request by the gateway's.
        params.not_after = rcgen::date_time_ymd(2090, 1, 1);
        let partner = trusted.sign_as(params);
        let mut stream = connect(&council, &own, Some(&partner)).await.unwrap();
        let first = exchange_on(&mut stream, &without_key()).await;
        assert_eq!(first.status(), 200, "{}", first.text());
        late.store(true, Ordering::Relaxed);
        let second = exchange_on(&mut stream, &without_key()).await;
        second.is_problem(401, "certificate_refused");
        assert_eq!(service.requests().len(), 1);
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

#[test]
fn a_list_of_revoked_certificates_over_its_limit_is_not_loaded() {
    run(async {
        let trusted = authority();
        let identify = "certificates: [{ san: a.example }]".to_owned();
        let more = ", client_crl: [crl.pem]";
        let (mut council, _service, _own) = stopped(identify, Some(&trusted), more).await;
        let list = trusted.revokes(&[1], 2199);
        std::fs::write(council.folder.path().join("crl.pem"), &list).unwrap();
        let config = std::fs::read_to_string(council.config()).unwrap();
        for (bytes, loads) in [(list.len() - 1, false), (list.len(), true)] {
            let limit = format!("limits:\n  crl_bytes: {bytes}B\n");
            std::fs::write(council.config(), config.replace("limits:\n", &limit)).unwrap();
            match council.try_start() {
                Ok(()) => assert!(loads),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!loads && error.contains("limits.crl_bytes"), "{error}");
                    assert!(error.contains("crl.pem"), "{error}");
                }
            }
        }
    });
}

/// A certificate that its authority has revoked is refused, on a connection that is open already at its next request.
/// Rows: P3.2.7.
#[test]
fn a_revoked_certificate_is_refused_and_an_open_connection_with_it_at_its_next_request() {
    run(async {
        let trusted = authority();
        let identify = "certificates: [{ san: a.example }, { san: b.example }]".to_owned();
        let more = ", client_crl: [crl.pem]";
        let (mut council, service, own) = stopped(identify, Some(&trusted), more).await;
        let list = council.folder.path().join("crl.pem");
        std::fs::write(&list, trusted.revokes(&[], 2199)).unwrap();
        council.start();
        let (first, second) = (
            trusted.sign_numbered("a.example", 1),
            trusted.sign_numbered("b.example", 2),
        );
        let mut open = connect(&council, &own, Some(&first)).await.unwrap();
        let mut other = connect(&council, &own, Some(&second)).await.unwrap();
        for stream in [&mut open, &mut other] {
            assert_eq!(exchange_on(stream, &without_key()).await.status(), 200);
        }

        std::fs::write(&list, trusted.revokes(&[1], 2199)).unwrap();
        reload(&council);
        exchange_on(&mut open, &without_key())
            .await
            .is_problem(401, "certificate_refused");
        // What is revoked is not made up for by a key.
        exchange_on(&mut open, &care("GET", "/adults/7", ""))
            .await
            .is_problem(401, "certificate_refused");
        assert_eq!(exchange_on(&mut other, &without_key()).await.status(), 200);
        assert!(
            ask(&council, &own, Some(&first), &without_key())
                .await
                .is_none()
        );
        let answer = ask(&council, &own, Some(&second), &without_key()).await;
        assert_eq!(answer.unwrap().status(), 200);

        // What was revoked by mistake is good again, on the same connection.
        std::fs::write(&list, trusted.revokes(&[], 2199)).unwrap();
        reload(&council);
        assert_eq!(exchange_on(&mut open, &without_key()).await.status(), 200);
        assert_eq!(service.requests().len(), 5);
    });
}

#[test]
fn a_list_of_revoked_certificates_that_is_overdue_refuses_all_unless_it_may_go_on() {
    run(async {
        let trusted = authority();
        let (good, revoked) = (
            trusted.sign_numbered("a.example", 2),
            trusted.sign_numbered("a.example", 1),
        );
        for (policy, accepted) in [("", false), (", client_crl_expired: allow", true)] {
            let identify = "certificates: [{ san: a.example }]".to_owned();
            let more = format!(", client_crl: [crl.pem]{policy}");
            let (mut council, _service, own) = stopped(identify, Some(&trusted), &more).await;
            let list = council.folder.path().join("crl.pem");
            std::fs::write(&list, trusted.revokes(&[1], 2021)).unwrap();
            council.start();
            let answer = ask(&council, &own, Some(&good), &without_key()).await;
            assert_eq!(
                answer.is_some_and(|answer| answer.status() == 200),
                accepted
            );
            assert!(
                ask(&council, &own, Some(&revoked), &without_key())
                    .await
                    .is_none()
            );
        }
    });
}

#[test]
fn with_lists_of_revoked_certificates_each_authority_needs_its_own() {
    run(async {
        let (listed, unlisted) = (authority(), authority());
        let identify = "certificates: [{ san: a.example }]".to_owned();
        let (mut council, _service, own) =
            stopped(identify, Some(&listed), ", client_crl: [crl.pem]").await;
        let folder = council.folder.path().to_owned();
        std::fs::write(folder.join("crl.pem"), listed.revokes(&[], 2199)).unwrap();
        let both = format!("{}{}", listed.certificate, unlisted.certificate);
        std::fs::write(folder.join("ca.pem"), both).unwrap();
        council.start();
        let known = listed.sign("a.example");
        let answer = ask(&council, &own, Some(&known), &without_key()).await;
        assert_eq!(answer.unwrap().status(), 200);
        let unknown = unlisted.sign("a.example");
        assert!(
            ask(&council, &own, Some(&unknown), &without_key())
                .await
                .is_none()
        );
    });
}

#[test]
fn a_pin_hangs_on_no_list_unless_its_authority_has_revoked_it() {
    run(async {
        let trusted = authority();
        let (alone, revoked) = (
            self_signed("a.example"),
            trusted.sign_numbered("a.example", 1),
        );
        let identify = format!(
            "certificates: [{{ spki_sha256: {} }}, {{ spki_sha256: {} }}]",
            spki_hash(&alone),
            spki_hash(&revoked)
        );
        let (mut council, _service, own) =
            stopped(identify, Some(&trusted), ", client_crl: [crl.pem]").await;
        let list = council.folder.path().join("crl.pem");
        std::fs::write(&list, trusted.revokes(&[1], 2199)).unwrap();
        council.start();
        let answer = ask(&council, &own, Some(&alone), &without_key()).await;
        assert_eq!(answer.unwrap().status(), 200);
        assert!(
            ask(&council, &own, Some(&revoked), &without_key())
                .await
                .is_none()
        );
    });
}

#[test]
fn a_uri_in_a_certificate_under_the_authority_names_its_partner() {
    run(async {
        let trusted = authority();
        let uri = "spiffe://island-health.example/api";
        let identify = format!("certificates: [{{ san_uri: '{uri}' }}]");
        let (council, service, own) = council(identify, Some(&trusted)).await;
        let signed = |uri: &str| {
            let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
            params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
            trusted.sign_as(params)
        };
        for (shown, status) in [
            (uri.to_owned(), 200),
            (uri.to_uppercase(), 401),
            (format!("{uri}/more"), 401),
        ] {
            let answer = ask(&council, &own, Some(&signed(&shown)), &without_key()).await;
            assert_eq!(answer.unwrap().status(), status, "{shown}");
        }
        assert_eq!(service.requests().len(), 1);
    });
}

#[test]
fn certificates_authorities_and_keys_change_without_a_connection_dropped() {
    run(async {
        let (before, after) = (authority(), authority());
        let identify = "certificates: [{ san: a.example }]".to_owned();
        let (council, service, own) = council(identify, Some(&before)).await;
        let (old, new) = (before.sign("a.example"), after.sign("a.example"));
        let mut open = connect(&council, &own, Some(&old)).await.unwrap();
        let mut keyed = connect(&council, &own, None).await.unwrap();
        assert_eq!(exchange_on(&mut open, &without_key()).await.status(), 200);
        let homes = care("GET", "/adults/7", "").replace(HEALTH_KEY, HOMES_KEY);
        exchange_on(&mut keyed, &homes)
            .await
            .is_problem(404, "no_route");

        // The gateway's own certificate, the authority and a key are other ones now.
        let folder = council.folder.path();
        let renewed = self_signed("gateway.example");
        std::fs::write(folder.join("chain.pem"), &renewed.certificate).unwrap();
        write_secret(&folder.join("key.pem"), &renewed.key.serialize_pem());
        std::fs::write(folder.join("ca.pem"), &after.certificate).unwrap();
        let text = std::fs::read_to_string(council.config()).unwrap();
        let text = text.replace(&hash(HOMES_KEY), &hash("homes-key-of-next-year"));
        std::fs::write(council.config(), text).unwrap();
        reload(&council);

        exchange_on(&mut keyed, &homes)
            .await
            .is_problem(401, "unauthenticated");
        let homes = homes.replace(HOMES_KEY, "homes-key-of-next-year");
        exchange_on(&mut keyed, &homes)
            .await
            .is_problem(404, "no_route");
        exchange_on(&mut open, &without_key())
            .await
            .is_problem(401, "certificate_refused");
        assert!(
            connect(&council, &own, Some(&new)).await.is_none(),
            "the old certificate is gone"
        );
        let answer = ask(&council, &renewed, Some(&new), &without_key()).await;
        assert_eq!(answer.unwrap().status(), 200);
        assert!(
            ask(&council, &renewed, Some(&old), &without_key())
                .await
                .is_none()
        );
        assert_eq!(service.requests().len(), 2);
    });
}

#[test]
fn what_expires_and_which_keys_are_used_is_told() {
    run(async {
        let trusted = authority();
        let identify = format!(
            "{{ certificates: [{{ san: a.example }}], api_keys: [{{ name: k, sha256: {} }}, {{ name: next, sha256: {}, not_before: '2026-07-01T00:00:00Z' }}, {{ name: last, sha256: {}, expires: '2026-06-15T12:00:00Z' }}] }}",
            hash(HEALTH_KEY),
            hash("next"),
            hash("last")
        );
        let (mut council, _service, own) =
            stopped(identify, Some(&trusted), ", client_crl: [crl.pem]").await;
        let list = council.folder.path().join("crl.pem");
        std::fs::write(&list, trusted.revokes(&[], 2199)).unwrap();
        council.start();
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2199, 6, 15);
        let partner = trusted.sign_as(params);
        let answer = ask(
            &council,
            &own,
            Some(&partner),
            &care("GET", "/adults/7", ""),
        )
        .await;
        assert_eq!(answer.unwrap().status(), 200);
        for key in ["next", "last"] {
            let request = care("GET", "/adults/7", "").replace(HEALTH_KEY, key);
            let answer = ask(&council, &own, None, &request).await.unwrap();
            answer.is_problem(401, "unauthenticated");
        }
        let metrics = council.metrics().await;
        let seconds = |from: jiff::civil::Date| {
            let then = from.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
            then.duration_since(june().now()).as_secs()
        };
        let path = |name: &str| council.folder.path().join(name).display().to_string();
        let by_file = |kind: &str, name: &str| {
            format!(
                "fieldgate_certificate_expiry_seconds{{file=\"{}\",use=\"{kind}\"}} ",
                path(name)
            )
        };
        for line in [
            format!("{}{}", by_file("client_crl", "crl.pem"), seconds(jiff::civil::date(2199, 1, 1))),
            format!(
                "fieldgate_partner_certificate_expiry_seconds{{partner=\"island-health\",shown=\"name\"}} {}",
                seconds(jiff::civil::date(2199, 6, 15)) + 1
            ),
            by_file("listener", "chain.pem"),
            by_file("client_ca", "ca.pem"),
            "fieldgate_api_key_uses_total{key=\"k\",partner=\"island-health\"} 1".to_owned(),
            "fieldgate_api_key_uses_total{key=\"next\",partner=\"island-health\"} 0".to_owned(),
            "fieldgate_api_key_uses_total{key=\"last\",partner=\"island-health\"} 0".to_owned(),
            "fieldgate_api_key_last_use_timestamp_seconds{key=\"k\",partner=\"island-health\"} 1781524800".to_owned(),
        ] {
            assert!(metrics.lines().any(|found| found.starts_with(&line)), "{line}\n{metrics}");
        }
    });
}
