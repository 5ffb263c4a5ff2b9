//! TLS towards partners, by rustls with the ring provider, 1.3 and 1.2.
//!
//! A partner's certificate is accepted if its key is pinned (self-signed or not) or if it is under the
//! listener's authority; in every case the partner proves in the handshake that it holds the key.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::StartError;
use super::identity::{self, Identities, PresentedCertificate, sha256};
use crate::config::{ExpiredCrl, ListenerTls};

/// The TLS of one listener.
pub(crate) struct PartnerTls {
    pub(crate) config: Arc<ServerConfig>,
    judge: Option<Arc<Judge>>,
}

impl PartnerTls {
    /// What the certificate of a handshake says; `None` if it is not accepted. Asked again after the handshake, so that a
    /// resumed session, and one that was open before a reload, is judged by what is configured now.
    pub(crate) fn presented(&self, chain: &[CertificateDer<'_>]) -> Option<PresentedCertificate> {
        let (end_entity, intermediates) = chain.split_first()?;
        self.judge
            .as_ref()?
            .presented(end_entity, intermediates, UnixTime::now())
            .ok()
    }
}

/// The TLS of a listener with `files`, of which lists of revoked certificates have at most `list_bytes` each; it asks for
/// certificates where any could identify a partner.
///
/// # Errors
/// If a file cannot be read, or holds no certificate or key that can be used.
pub(crate) fn partner_tls(
    files: &ListenerTls,
    identities: &Identities,
    list_bytes: u64,
) -> Result<PartnerTls, StartError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| StartError::Pem {
        path: files.key.clone(),
        message: error.to_string(),
    })?;
    let provider = provider();
    let judge = if files.client_ca.is_some() || identities.has_pins() {
        let authority = match &files.client_ca {
            None => None,
            Some(path) => {
                let roots = Arc::new(roots(path)?);
                Some(authority(files, (path, roots), &provider, list_bytes)?)
            }
        };
        Some(Arc::new(Judge {
            authority,
            pins: identities.all_pins().collect(),
            provider: Arc::clone(&provider),
        }))
    } else {
        None
    };
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(files.only_tls13))
        .map_err(StartError::Tls)?;
    let builder = match &judge {
        Some(judge) => builder.with_client_cert_verifier(Arc::clone(judge) as _),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| StartError::Pem {
            path: files.certificate.clone(),
            message: format!("the certificate and its key do not work together: {error}"),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // All that is offered is good; which of it counts is still the gateway's to say, and what scanners ask for.
    config.ignore_client_order = true;
    Ok(PartnerTls {
        config: Arc::new(config),
        judge,
    })
}

/// The versions of TLS that are spoken.
pub(super) fn versions(only_tls13: bool) -> &'static [&'static SupportedProtocolVersion] {
    const NEWEST: &[&SupportedProtocolVersion] = &[&TLS13];
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    if only_tls13 { NEWEST } else { BOTH }
}

/// What vouches for certificates under `roots`, which were read from `path`. With lists of revoked ones every authority of
/// a chain needs one: where none says anything of a certificate, it is refused.
fn authority(
    files: &ListenerTls,
    (path, roots): (&Path, Arc<RootCertStore>),
    provider: &Arc<CryptoProvider>,
    list_bytes: u64,
) -> Result<Arc<dyn ClientCertVerifier>, StartError> {
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    for path in &files.client_crl {
        builder = builder.with_crls(revocation_lists(path, list_bytes)?);
    }
    builder = match files.expired_crl {
        ExpiredCrl::Refuse => builder.enforce_revocation_expiration(),
        ExpiredCrl::Allow => builder,
    };
    builder.build().map_err(|error| StartError::Pem {
        path: files
            .client_crl
            .first()
            .map_or(path, PathBuf::as_path)
            .to_owned(),
        message: error.to_string(),
    })
}

/// The lists of revoked certificates in a file of at most `most` bytes, PEM or DER.
///
/// # Errors
/// If it cannot be read, is too large, or holds none.
pub(crate) fn revocation_lists(
    path: &Path,
    most: u64,
) -> Result<Vec<CertificateRevocationListDer<'static>>, StartError> {
    let fault = |message: String| StartError::Pem {
        path: path.to_owned(),
        message,
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|error| fault(format!("cannot be read ({})", error.kind())))?;
    if bytes.len() as u64 > most {
        return Err(fault(format!(
            "is larger than {most} bytes; split the authority's list, or raise limits.crl_bytes"
        )));
    }
    // DER begins with a sequence's tag, which no text does.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateRevocationListDer::from(bytes)]);
    }
    let lists = CertificateRevocationListDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let lists = lists.map_err(|error| fault(error.to_string()))?;
    if lists.is_empty() {
        return Err(fault(
            "holds no list of revoked certificates, PEM or DER".to_owned(),
        ));
    }
    Ok(lists)
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let fault = |message: String| StartError::Pem {
        path: path.to_owned(),
        message,
    };
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault(error.to_string()))?;
    if all.is_empty() {
        return Err(fault("holds no PEM certificate".to_owned()));
    }
    Ok(all)
}

pub(super) fn roots(path: &Path) -> Result<RootCertStore, StartError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| StartError::Pem {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// Which partners' certificates a handshake accepts, and what they say.
#[derive(Debug)]
struct Judge {
    authority: Option<Arc<dyn ClientCertVerifier>>,
    pins: HashSet<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    fn presented(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<PresentedCertificate, Error> {
        let certificate = EndEntityCert::try_from(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let spki_sha256 = sha256(&certificate.subject_public_key_info());
        let expires = identity::end(end_entity)
            .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let pinned = PresentedCertificate {
            sha256: sha256(end_entity),
            spki_sha256,
            names: Vec::new(),
            uris: Vec::new(),
            expires,
        };
        let under_authority = self
            .authority
            .as_ref()
            .map(|authority| authority.verify_client_cert(end_entity, intermediates, now));
        if let Some(Ok(_)) = under_authority {
            return Ok(PresentedCertificate {
                names: certificate
                    .valid_dns_names()
                    .map(str::to_ascii_lowercase)
                    .collect(),
                uris: certificate.valid_uri_names().map(str::to_owned).collect(),
                ..pinned
            });
        }
        // A pin hangs on no authority, and yet what its own authority has revoked is nobody's any more.
        if let Some(Err(Error::InvalidCertificate(CertificateError::Revoked))) = under_authority {
            return Err(Error::InvalidCertificate(CertificateError::Revoked));
        }
        if self.pins.contains(&spki_sha256) {
            self.within_its_dates(&certificate, end_entity, now)?;
            return Ok(pinned);
        }
        match under_authority {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    /// A pin vouches for the key alone; the dates are the certificate's. They are checked by verifying it as
    /// its own authority, in which webpki looks at the dates before anything else; any other complaint
    /// (it is marked as an authority, it is not signed by itself) does not matter for a pinned key.
    fn within_its_dates(
        &self,
        certificate: &EndEntityCert<'_>,
        der: &CertificateDer<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let Ok(anchor) = anchor_from_trusted_cert(der) else {
            return Ok(());
        };
        let anchors = [anchor];
        let verified = certificate.verify_for_usage(
            self.provider.signature_verification_algorithms.all,
            &anchors,
            &[],
            now,
            KeyUsage::client_auth(),
            None,
            None,
        );
        match verified {
            Err(webpki::Error::CertExpired { .. }) => {
                Err(Error::InvalidCertificate(CertificateError::Expired))
            }
            Err(webpki::Error::CertNotValidYet { .. } | webpki::Error::InvalidCertValidity) => {
                Err(Error::InvalidCertificate(CertificateError::NotValidYet))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl ClientCertVerifier for Judge {
    fn client_auth_mandatory(&self) -> bool {
        // An API key may say who asks.
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Pinned certificates have no common authority; a hint would keep their holders from sending them.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.presented(end_entity, intermediates, now)
            .map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PublicKeyData};

    use super::*;

    fn self_signed(name: &str) -> (CertificateDer<'static>, [u8; 32]) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (
            certificate.der().clone(),
            sha256(&key.subject_public_key_info()),
        )
    }

    fn judge(authority: Option<&CertificateDer<'static>>, pins: &[[u8; 32]]) -> Judge {
        let authority = authority.map(|certificate| {
            let mut roots = RootCertStore::empty();
            roots.add(certificate.clone()).unwrap();
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.build().unwrap() as _
        });
        Judge {
            authority,
            pins: pins.iter().copied().collect(),
            provider: provider(),
        }
    }

    #[test]
    fn a_pinned_certificate_vouches_for_its_key_and_not_for_the_names_in_it() {
        let (certificate, pin) = self_signed("another-partner.example");
        for authority in [None, Some(&self_signed("authority.example").0)] {
            let presented = judge(authority, &[pin])
                .presented(&certificate, &[], UnixTime::now())
                .unwrap();
            assert_eq!(presented.spki_sha256, pin);
            assert_eq!(presented.names, Vec::<String>::new());
        }
    }

    #[test]
    fn a_certificate_that_is_neither_pinned_nor_under_the_authority_is_refused() {
        let (certificate, _) = self_signed("partner.example");
        let (authority, other_pin) = self_signed("authority.example");
        for judge in [judge(None, &[other_pin]), judge(Some(&authority), &[])] {
            assert!(judge.presented(&certificate, &[], UnixTime::now()).is_err());
        }
    }
}
