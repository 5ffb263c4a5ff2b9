//! The TLS towards services: under their own authorities, with a certificate of the gateway's where one is configured.

use std::io::Read;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::config::{Http2, ServiceTls};
use crate::gateway::StartError;
use crate::gateway::tls::{certificates, provider, roots, versions};
use crate::keyring::open_private;

/// Bytes of a private key's file.
const KEY_BYTES: u64 = 64 << 10;

/// The TLS towards a service with `files`, of which HTTP/2 is asked as `http2` says.
///
/// # Errors
/// If a file cannot be read, holds no certificate or key that can be used, or a key may be read by others.
pub(super) fn client(files: &ServiceTls, http2: Http2) -> Result<Arc<ClientConfig>, StartError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(files.only_tls13))
        .map_err(StartError::Tls)?
        .with_root_certificates(roots(&files.ca)?);
    let mut config = match &files.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let fault = |message: String| StartError::Pem {
                path: key.clone(),
                message,
            };
            let mut pem = Zeroizing::new(Vec::new());
            let file = open_private(key).map_err(|error| fault(error.message))?;
            file.take(KEY_BYTES)
                .read_to_end(&mut pem)
                .map_err(|error| fault(error.to_string()))?;
            let key =
                PrivateKeyDer::from_pem_slice(&pem).map_err(|error| fault(error.to_string()))?;
            builder
                .with_client_auth_cert(certificates(certificate)?, key)
                .map_err(|error| StartError::Pem {
                    path: certificate.clone(),
                    message: format!("the certificate and its key do not work together: {error}"),
                })?
        }
    };
    config.alpn_protocols = match http2 {
        Http2::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Http2::Only => vec![b"h2".to_vec()],
        Http2::Never => vec![b"http/1.1".to_vec()],
    };
    Ok(Arc::new(config))
}
