//! Who asks: a client certificate, an API key, or nobody.
//!
//! A key's hash is looked up among hashes, so the time of a look-up says nothing about the keys; a hash of
//! 256 bits is not found by trying.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use crate::agreement::PartnerName;
use crate::config::Partner;

/// The header that carries an API key.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How each partner is recognised.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    by_spki: HashMap<[u8; 32], PartnerName>,
    by_certificate_name: HashMap<String, PartnerName>,
    by_api_key: HashMap<[u8; 32], PartnerName>,
}

/// What a certificate says of who presents it, checked in the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PresentedCertificate {
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub(crate) spki_sha256: [u8; 32],
    /// Its DNS names, lower case, if it is under the listener's authority; none if it is only pinned.
    pub(crate) names: Vec<String>,
}

impl Identities {
    /// The partners' certificates, names and keys.
    pub(crate) fn new(partners: &[Partner]) -> Self {
        let mut identities = Self::default();
        for partner in partners {
            for pin in &partner.spki_sha256 {
                identities.by_spki.insert(*pin, partner.name.clone());
            }
            for name in &partner.certificate_names {
                identities
                    .by_certificate_name
                    .insert(name.to_ascii_lowercase(), partner.name.clone());
            }
            for key in &partner.api_keys {
                identities
                    .by_api_key
                    .insert(key.sha256, partner.name.clone());
            }
        }
        identities
    }

    /// Whether any certificate is pinned.
    pub(crate) fn has_pins(&self) -> bool {
        !self.by_spki.is_empty()
    }

    /// The pins, for the handshake to check.
    pub(crate) fn all_pins(&self) -> impl Iterator<Item = [u8; 32]> {
        self.by_spki.keys().copied()
    }

    /// The one partner that all credentials of a request name. `None`: no credential, an unknown one, or
    /// two partners'.
    pub(crate) fn partner<'a>(
        &'a self,
        certificate: Option<&PresentedCertificate>,
        headers: &HeaderMap,
    ) -> Option<&'a PartnerName> {
        let mut found: Option<&'a PartnerName> = None;
        if let Some(certificate) = certificate {
            // A certificate that is nobody's is like none: a key may still say who asks.
            for partner in self.by_certificate(certificate) {
                if found.get_or_insert(partner) != &partner {
                    return None;
                }
            }
        }
        let mut keys = headers.get_all(X_API_KEY).iter();
        if let Some(key) = keys.next() {
            if keys.next().is_some() {
                return None;
            }
            // A key that is nobody's is a failed attempt, whatever the certificate.
            let partner = self.by_api_key.get(&sha256(key.as_bytes()))?;
            if found.get_or_insert(partner) != &partner {
                return None;
            }
        }
        found
    }

    fn by_certificate<'a>(
        &'a self,
        certificate: &PresentedCertificate,
    ) -> impl Iterator<Item = &'a PartnerName> {
        self.by_spki
            .get(&certificate.spki_sha256)
            .into_iter()
            .chain(
                certificate
                    .names
                    .iter()
                    .filter_map(|name| self.by_certificate_name.get(name)),
            )
    }
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::config::ApiKey;

    fn partner(name: &str) -> Partner {
        Partner {
            name: PartnerName::new(name),
            spki_sha256: vec![sha256(format!("{name} spki").as_bytes())],
            certificate_names: vec![format!("{name}.example")],
            api_keys: vec![ApiKey {
                name: "2026".to_owned(),
                sha256: sha256(format!("{name} key").as_bytes()),
            }],
        }
    }

    /// Who a request with these credentials is: `a`'s or `b`'s, or something that is nobody's.
    fn who(spki: &str, names: &[&str], keys: &[&str]) -> Option<String> {
        let identities = Identities::new(&[partner("a"), partner("b")]);
        let certificate = (!spki.is_empty()).then(|| PresentedCertificate {
            spki_sha256: sha256(spki.as_bytes()),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        });
        let mut headers = HeaderMap::new();
        for key in keys {
            headers.append(X_API_KEY, HeaderValue::from_str(key).unwrap());
        }
        identities
            .partner(certificate.as_ref(), &headers)
            .map(|name| name.as_str().to_owned())
    }

    #[test]
    fn one_partner_or_nobody() {
        let a = Some("a".to_owned());
        assert_eq!(who("", &[], &[]), None);
        assert_eq!(who("a spki", &[], &[]), a);
        assert_eq!(who("other", &["a.example"], &[]), a);
        assert_eq!(who("other", &["c.example"], &[]), None);
        assert_eq!(who("", &[], &["a key"]), a);
        assert_eq!(who("a spki", &[], &["a key"]), a);
        assert_eq!(who("other", &[], &["a key"]), a);
        assert_eq!(who("a spki", &[], &["b key"]), None, "two partners");
        assert_eq!(who("a spki", &["b.example"], &[]), None, "two partners");
        assert_eq!(who("a spki", &[], &["wrong"]), None, "an unknown key");
        assert_eq!(who("", &[], &["a key", "a key"]), None, "two keys");
        assert_eq!(who("", &[], &["A key"]), None);
    }
}
