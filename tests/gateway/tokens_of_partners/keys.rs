//! Where issuers' keys come from, and how long what they signed is remembered.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::identity::{private_key, self_signed};

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
