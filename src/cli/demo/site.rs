//! The demo's directory: what somebody would set up by hand, made new each time and taken away at the end.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};

use super::client::Failed;
use super::{HEALTH, HOUSING, PARTNERS, Partner};
use crate::ledger::disk;

const AGREEMENTS: [(&str, &str); 2] = [
    (
        "falls-prevention.yaml",
        include_str!("../../../config/demo/falls-prevention.yaml"),
    ),
    (
        "home-energy-advice.yaml",
        include_str!("../../../config/demo/home-energy-advice.yaml"),
    ),
];

/// A directory that only this user can look into. Dropped, it goes away.
pub(super) struct Site {
    path: PathBuf,
    /// Each partner's API key, in the order of [`PARTNERS`].
    api_keys: [String; 2],
}

impl Site {
    /// Makes everything that a gateway in front of the service at `council` needs.
    pub(super) fn make(council: SocketAddr) -> Result<Self, Failed> {
        let name = format!("fieldgate-demo-{}", &random()?[..12]);
        let site = Self {
            path: std::env::temp_dir().join(name),
            // Short, for lines that fit a terminal: they live as long as the demo, on loopback.
            api_keys: [random()?[..16].to_owned(), random()?[..16].to_owned()],
        };
        fs::DirBuilder::new().mode(0o700).create(&site.path)?;
        for directory in ["agreements", "keys", "tls"] {
            fs::create_dir(site.path.join(directory))?;
        }
        for (name, text) in AGREEMENTS {
            fs::write(site.path.join("agreements").join(name), text)?;
        }
        site.secret("keys/root.key", &random()?)?;
        for partner in PARTNERS {
            site.secret(
                &format!("keys/{}.api-key", partner.name),
                site.api_key(partner),
            )?;
        }
        site.certificates()?;
        fs::write(site.config(), site.configuration(council))?;
        Ok(site)
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The gateway's configuration.
    pub(super) fn config(&self) -> PathBuf {
        self.path.join("fieldgate.yaml")
    }

    /// The ledger's directory.
    pub(super) fn ledger(&self) -> PathBuf {
        self.path.join("ledger")
    }

    /// Every line of the ledger.
    pub(super) fn ledger_lines(&self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        for first in disk::segments(&self.ledger())? {
            let name = crate::ledger::chain::segment_name(first);
            let text = fs::read_to_string(self.ledger().join(name))?;
            lines.extend(text.lines().map(str::to_owned));
        }
        Ok(lines)
    }

    /// The key with which `partner` shows who it is.
    pub(super) fn api_key(&self, partner: Partner) -> &str {
        let [first, second] = &self.api_keys;
        if partner == HEALTH { first } else { second }
    }

    /// TLS as `partner` speaks it: with its certificate, trusting the demo's own authority.
    pub(super) fn tls_client(&self, partner: Partner) -> Result<Arc<ClientConfig>, Failed> {
        let file = |name: &str| self.path.join("tls").join(name);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("ca.pem"))?)?;
        let chain = CertificateDer::from_pem_file(file(&format!("{}.pem", partner.name)))?;
        let key = PrivateKeyDer::from_pem_file(file(&format!("{}-key.pem", partner.name)))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![chain], key)?;
        Ok(Arc::new(config))
    }

    fn configuration(&self, council: SocketAddr) -> String {
        let hash = |partner| HEXLOWER.encode(&Sha256::digest(self.api_key(partner)));
        format!(
            "\
# The gateway of `fieldgate demo`. Port 0 takes any free port.
listen:
  - {{ address: 127.0.0.1:0, insecure_plain_http: true }}
  - address: 127.0.0.1:0
    tls: {{ certificate: tls/gateway.pem, key: tls/gateway-key.pem, client_ca: tls/ca.pem }}
admin: {{ address: 127.0.0.1:0 }}
controller: {{ name: isle-council, time_zone: Europe/London }}
partners:
  - name: {health}
    identify:
      certificates: [{{ san: {health_certificate} }}]
      api_keys: [{{ name: demo, sha256: {health_key} }}]
  - name: {housing}
    identify:
      certificates: [{{ san: {housing_certificate} }}]
      api_keys: [{{ name: demo, sha256: {housing_key} }}]
services:
  - {{ name: social-care, url: \"http://{council}\" }}
agreements: [agreements]
keys: {{ root_key_file: keys/root.key }}
ledger: {{ directory: ledger }}
limits: {{ drain: 1s }}
workers: 1
",
            health = HEALTH.name,
            health_certificate = HEALTH.certificate_name,
            health_key = hash(HEALTH),
            housing = HOUSING.name,
            housing_certificate = HOUSING.certificate_name,
            housing_key = hash(HOUSING),
        )
    }

    /// An authority of the demo's own, the gateway's certificate and each partner's.
    fn certificates(&self) -> Result<(), Failed> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params
            .distinguished_name
            .push(DnType::CommonName, "fieldgate demo authority");
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        fs::write(self.path.join("tls/ca.pem"), authority.pem())?;

        let certify = |file: &str, names: &[&str], usage| -> Result<(), Failed> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(names)?;
            params.extended_key_usages = vec![usage];
            let certificate = params.signed_by(&key, &authority)?;
            fs::write(self.path.join(format!("tls/{file}.pem")), certificate.pem())?;
            Ok(self.secret(&format!("tls/{file}-key.pem"), &key.serialize_pem())?)
        };
        certify(
            "gateway",
            &["localhost", "127.0.0.1"],
            ExtendedKeyUsagePurpose::ServerAuth,
        )?;
        for partner in PARTNERS {
            certify(
                partner.name,
                &[partner.certificate_name],
                ExtendedKeyUsagePurpose::ClientAuth,
            )?;
        }
        Ok(())
    }

    /// Writes a file that only this user can read.
    fn secret(&self, name: &str, text: &str) -> io::Result<()> {
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path.join(name))?
            .write_all(text.as_bytes())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // In a directory for such litter; nobody can be told any more.
        drop(fs::remove_dir_all(&self.path));
    }
}

/// 32 random bytes as hexadecimal digits.
fn random() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(HEXLOWER.encode(&bytes))
}
