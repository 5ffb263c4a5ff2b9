//! What the charter and directorates' policies ask of listeners, partners and services (their `security:`).

use std::collections::BTreeSet;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

use super::file::GatewayAsWritten;
use super::{Audience, Config, Partner, Transport};
use crate::agreement::AgreementSet;
use crate::charter::{Charter, Layer, is_within};
use crate::written::{Fault, Written};

type File = Written<GatewayAsWritten>;

/// Adds a fault wherever the configuration is less than the layers ask for.
pub(super) fn check(
    file: &File,
    config: &Config,
    agreements: &AgreementSet,
    faults: &mut Vec<Fault>,
) {
    let (Some(register), Some(charter)) = (&agreements.register, &agreements.charter) else {
        return;
    };
    if let Some(layer) = charter.layers().find(|layer| layer.terms.security.tls) {
        for (index, listener) in config.listen.iter().enumerate() {
            match listener.transport {
                Transport::Tls(_) => {}
                Transport::PlainHttp => {
                    let message = format!(
                        "`{}` asks for TLS on every listener (security: tls); write tls: {{ certificate: FILE, key: FILE }}",
                        layer.name
                    );
                    file.fault(faults, &format!("/listen/{index}"), message);
                }
            }
        }
        delivered_by_tls(file, config, agreements, &layer.name, faults);
    }
    if let Some(layer) = charter
        .layers()
        .find(|layer| layer.terms.security.only_tls13)
    {
        for (index, listener) in config.listen.iter().enumerate() {
            if let Transport::Tls(tls) = &listener.transport
                && !tls.only_tls13
            {
                let message = format!(
                    "`{}` asks for TLS 1.3 on every listener (security: minimum_tls); write min_version: \"1.3\"",
                    layer.name
                );
                file.fault(faults, &format!("/listen/{index}/tls"), message);
            }
        }
    }
    other_authorities(file, config, charter, faults);
    for (index, partner) in config.partners.iter().enumerate() {
        let drawn_on = agreements
            .agreements
            .iter()
            .filter(|agreement| agreement.partner == partner.name)
            .flat_map(|agreement| &agreement.disclosures)
            .filter_map(|disclosure| register.data_set(disclosure.data_set.as_deref()?));
        let owners: BTreeSet<&str> = drawn_on.map(|data_set| data_set.owner.as_str()).collect();
        let mut told = BTreeSet::new();
        for owner in owners {
            let layer = charter.layer(owner);
            for (at, message) in less(partner, config, layer) {
                let pointer = format!("/partners/{index}{at}");
                // Two layers often ask for the same.
                if told.insert((pointer.clone(), message.clone())) {
                    file.fault(faults, &pointer, message);
                }
            }
        }
    }
}

/// Where `partner`, who gets what `layer` is above, is less than it asks for: the place within the partner, and why.
fn less(partner: &Partner, config: &Config, layer: &Layer) -> Vec<(String, String)> {
    let security = &layer.terms.security;
    let mut less = Vec::new();
    if security.client_certificates {
        let unbound = partner.access_tokens.iter().any(|token| {
            let mut issuers = config.issuers.iter();
            !issuers.any(|issuer| issuer.name == token.issuer && issuer.bound)
        });
        if unbound {
            less.push(("/identify/access_tokens".to_owned(), format!(
                "the charter asks that {} is known by certificates alone (security: client_certificates); leave the tokens out, or write bound: required at their issuer",
                partner.name
            )));
        }
        if !partner.api_keys.is_empty() {
            less.push(("/identify/api_keys".to_owned(), format!(
                "the charter asks that {} is known by certificates alone (security: client_certificates); leave the keys out",
                partner.name
            )));
        }
    }
    if security.authorities.is_some() && !partner.spki_sha256.is_empty() {
        less.push(("/identify/certificates".to_owned(), format!(
            "the charter asks that certificates of {} are signed by its authorities (security: certificate_authorities), and one known by its key may be signed by anybody; write a san",
            partner.name
        )));
    }
    if let Some(allowed) = &security.networks {
        if partner.networks.is_empty() {
            less.push((String::new(), format!(
                "the charter asks where {} connects from (security: networks); write networks: [{}], or less",
                partner.name,
                allowed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            )));
        }
        for (index, network) in partner.networks.iter().enumerate() {
            if !is_within(network, allowed) {
                less.push((format!("/networks/{index}"), format!(
                    "{network} is not within the networks of the charter (security: networks); leave it out, or add it there"
                )));
            }
        }
    }
    less
}

/// Adds a fault at each listener with an authority that one of the layers does not have among its own.
fn other_authorities(file: &File, config: &Config, charter: &Charter, faults: &mut Vec<Fault>) {
    let asking: Vec<_> = charter
        .layers()
        .filter_map(|layer| Some((&layer.name, layer.terms.security.authorities.as_ref()?)))
        .collect();
    let Some((asks, _)) = asking.first() else {
        return;
    };
    for (index, listener) in config.listen.iter().enumerate() {
        let Transport::Tls(tls) = &listener.transport else {
            continue;
        };
        let (Audience::Partners, Some(path)) = (listener.audience, &tls.client_ca) else {
            continue;
        };
        let read = CertificateDer::pem_file_iter(path)
            .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>());
        let message = match read {
            Ok(certificates) if !certificates.is_empty() => {
                let hashes = certificates
                    .iter()
                    .map(|certificate| <[u8; 32]>::from(Sha256::digest(certificate)));
                let other = hashes.into_iter().find_map(|hash| {
                    let (layer, _) = asking.iter().find(|(_, own)| !own.contains(&hash))?;
                    Some((hash, layer))
                });
                let Some((hash, layer)) = other else {
                    continue;
                };
                format!(
                    "an authority with SHA-256 {} is none of those of `{layer}` (security: certificate_authorities); leave it out of `{}`, or add it there",
                    data_encoding::HEXLOWER.encode(&hash),
                    path.display()
                )
            }
            Ok(_) | Err(_) => format!(
                "`{}` holds no certificate that can be read, and `{asks}` says which may be there (security: certificate_authorities); write a file of PEM",
                path.display()
            ),
        };
        file.fault(faults, &format!("/listen/{index}/tls/client_ca"), message);
    }
}

/// Adds a fault at each service that a push goes to without TLS, which the layer named `asks` asks for.
fn delivered_by_tls(
    file: &File,
    config: &Config,
    agreements: &AgreementSet,
    asks: &str,
    faults: &mut Vec<Fault>,
) {
    for (index, service) in config.services.iter().enumerate() {
        let mut pushes = agreements
            .agreements
            .iter()
            .flat_map(|agreement| &agreement.disclosures)
            .filter(|disclosure| disclosure.is_push() && disclosure.service == service.name);
        if let (Some(push), false) = (pushes.next(), service.https) {
            let message = format!(
                "`{asks}` asks for TLS (security: tls), and `{}` is pushed here; write https",
                push.name
            );
            file.fault(faults, &format!("/services/{index}/url"), message);
        }
    }
}
