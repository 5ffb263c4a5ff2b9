//! TLS: HTTP/2 by ALPN from partners, and TLS to services.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::harness::*;
use crate::identity::{Pair, client_config, council, private_key, self_signed, spki_hash};

#[test]
fn a_partner_speaks_http2_over_tls_and_its_certificate_names_it() {
    run(async {
        let partner = self_signed("anything.example");
        let identify = format!("certificates: [{{ spki_sha256: {} }}]", spki_hash(&partner));
        let (council, _service, own) = council(identify, None).await;
        let mut config = client_config(&own, Some(&partner));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(council.address()).await.unwrap();
        let name = ServerName::try_from("gateway.example").unwrap();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (mut client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::task::spawn_local(connection);
        let request = Request::get("https://gateway.example/adults/7")
            .header("data-purpose", "care")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let answer = client.send_request(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"name":"Ada"}"#);
    });
}

/// A service that answers over TLS, as `pair`.
async fn tls_service(pair: &Pair) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()],
            private_key(pair),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            while read_head(&mut stream).await.is_ok() {
                stream
                    .write_all(json(r#"{"name":"Ada","secret":1}"#).as_bytes())
                    .await
                    .unwrap();
            }
        }
    });
    address
}

#[test]
fn a_service_is_spoken_to_over_tls_if_its_certificate_is_under_its_authority() {
    run(async {
        let service = self_signed("localhost");
        let address = tls_service(&service).await;
        let other = self_signed("localhost");
        for (trusted, works) in [(&service, true), (&other, false)] {
            let mut setup = Setup::with(address);
            setup.service = format!("https://localhost:{}", address.port());
            setup.service_tls = "tls: { ca: service.pem }".to_owned();
            let mut council = setup.write();
            let ca = council.folder.path().join("service.pem");
            std::fs::write(ca, &trusted.certificate).unwrap();
            council.start();
            let answer = council.get("/adults/7").await;
            if works {
                assert_eq!(answer.body(), r#"{"name":"Ada"}"#, "{}", answer.text());
            } else {
                answer.is_problem(502, "service_unreachable");
                // The partner reads no more; the operator has to know that it is the certificate.
                let logs = logs();
                let mut told = logs.lines().filter(|line| {
                    line.contains(&format!("\"{address}\""))
                        && line.contains("no connection to a service")
                });
                let line = told.next().unwrap();
                assert!(line.contains("invalid peer certificate"), "{line}");
                assert_eq!(told.next(), None, "once in a while is enough");
            }
        }
    });
}
