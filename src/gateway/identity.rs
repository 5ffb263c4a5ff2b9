//! Who asks: a client certificate, an API key, or nobody.
//!
//! A key's hash is looked up among hashes, so the time of a look-up says nothing about the keys; a hash of
//! 256 bits is not found by trying.

use std::collections::HashMap;

use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

use crate::agreement::PartnerName;
use crate::config::{Partner, Standing};

/// The header that carries an API key.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How each partner is recognised.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    by_spki: HashMap<[u8; 32], Identity>,
    by_certificate_name: HashMap<String, Identity>,
    by_api_key: HashMap<[u8; 32], Identity>,
}

/// Who a credential names, and what it states of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) partner: PartnerName,
    pub(crate) standing: Standing,
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
            let identity = |standing: &Standing| Identity {
                partner: partner.name.clone(),
                standing: standing.clone(),
            };
            for pin in &partner.spki_sha256 {
                identities
                    .by_spki
                    .insert(pin.shown, identity(&pin.standing));
            }
            for name in &partner.certificate_names {
                identities
                    .by_certificate_name
                    .insert(name.shown.to_ascii_lowercase(), identity(&name.standing));
            }
            for key in &partner.api_keys {
                identities
                    .by_api_key
                    .insert(key.sha256, identity(&key.standing));
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

    /// Who the credentials of a request name: the one partner that all of them name. `None`: no credential, an unknown
    /// one, or two partners'. What they state of the caller is a key's to say where there is one, since a certificate is
    /// often the organisation's.
    pub(crate) fn identity<'a>(
        &'a self,
        certificate: Option<&PresentedCertificate>,
        headers: &HeaderMap,
    ) -> Option<&'a Identity> {
        let mut found: Option<&'a Identity> = None;
        if let Some(certificate) = certificate {
            // A certificate that is nobody's is like none: a key may still say who asks.
            for identity in self.by_certificate(certificate) {
                if found.get_or_insert(identity).partner != identity.partner {
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
            let identity = self.by_api_key.get(&sha256(key.as_bytes()))?;
            if found.is_some_and(|found| found.partner != identity.partner) {
                return None;
            }
            found = Some(identity);
        }
        found
    }

    fn by_certificate<'a>(
        &'a self,
        certificate: &PresentedCertificate,
    ) -> impl Iterator<Item = &'a Identity> {
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
    use crate::agreement::Role;
    use crate::config::{ApiKey, Proof};

    fn standing(role: &str) -> Standing {
        Standing {
            roles: vec![Role::new(role)],
            professional: role == "keyed",
        }
    }

    fn partner(name: &str) -> Partner {
        Partner {
            name: PartnerName::new(name),
            spki_sha256: vec![Proof {
                shown: sha256(format!("{name} spki").as_bytes()),
                standing: standing("pinned"),
            }],
            certificate_names: vec![Proof {
                shown: format!("{name}.example"),
                standing: standing("named"),
            }],
            api_keys: vec![ApiKey {
                name: "2026".to_owned(),
                sha256: sha256(format!("{name} key").as_bytes()),
                standing: standing("keyed"),
            }],
            acts_for: Vec::new(),
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
            .identity(certificate.as_ref(), &headers)
            .map(|identity| format!("{} {}", identity.partner, identity.standing.roles[0]))
    }

    #[test]
    fn one_partner_or_nobody() {
        let a = |by: &str| Some(format!("a {by}"));
        assert_eq!(who("", &[], &[]), None);
        assert_eq!(who("a spki", &[], &[]), a("pinned"));
        assert_eq!(who("other", &["a.example"], &[]), a("named"));
        assert_eq!(who("other", &["c.example"], &[]), None);
        assert_eq!(who("", &[], &["a key"]), a("keyed"));
        assert_eq!(
            who("a spki", &[], &["a key"]),
            a("keyed"),
            "a key says who at the partner's"
        );
        assert_eq!(who("other", &[], &["a key"]), a("keyed"));
        assert_eq!(who("a spki", &[], &["b key"]), None, "two partners");
        assert_eq!(who("a spki", &["b.example"], &[]), None, "two partners");
        assert_eq!(who("a spki", &[], &["wrong"]), None, "an unknown key");
        assert_eq!(who("", &[], &["a key", "a key"]), None, "two keys");
        assert_eq!(who("", &[], &["A key"]), None);
    }
}
