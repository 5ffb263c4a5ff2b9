//! Tokens that are bound to a certificate.

use sha2::{Digest, Sha256};

use super::*;
use crate::identity::{ask, self_signed, spki_hash};

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
