//! Who asks: a client certificate, an API key, an access token, or nobody.
//!
//! ```text
//! connection.rs the certificate of a connection, judged anew whenever another set runs
//! jws.rs        the form of an access token; strict.rs: JSON that has one reading
//! keys.rs       an issuer's public keys
//! issuer.rs     whose tokens are believed, and what they say
//! remembered.rs tokens that were verified before
//! fetch.rs      keys from a server, beside the exchanges
//! expiry.rs     what expires and when
//! ```
//!
//! A key's hash is looked up among hashes, so the time of a look-up says nothing about the keys; a hash of
//! 256 bits is not found by trying.

mod connection;
mod expiry;
mod fetch;
mod issuer;
mod jws;
mod keys;
mod metrics;
mod remembered;
mod strict;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use jiff::Timestamp;
use prometheus::IntCounter;
use sha2::{Digest, Sha256};

use super::StartError;
use super::reason::Reason;
use crate::agreement::{AgreementSet, Credential, Credentials, PartnerName, PurposeName, Role};
use crate::config::{self, Partner, Standing};

pub(crate) use connection::ConnectionCertificate;
pub(crate) use expiry::{Expiry, end};
pub(crate) use fetch::fetch_keys;
use issuer::{Flaw, Issuer, Verified};
use jws::Jws;
use metrics::KeyMeters;
pub(crate) use metrics::{IdentityMetrics, Shown};
pub(crate) use remembered::Remembered;

/// The header that carries an API key.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How each partner is recognised.
#[derive(Debug)]
pub(crate) struct Identities {
    by_spki: HashMap<[u8; 32], Identity>,
    by_certificate_name: HashMap<String, Identity>,
    by_certificate_uri: HashMap<String, Identity>,
    by_api_key: HashMap<[u8; 32], Key>,
    issuers: Vec<Arc<Issuer>>,
    /// Access tokens that each worker remembers.
    remembered: usize,
    /// Tokens of no issuer that is configured, by what is wrong with them.
    unknown_issuer: [IntCounter; Flaw::ALL.len()],
}

/// Who a credential names, and what it states of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) partner: PartnerName,
    pub(crate) standing: Standing,
    /// The networks that it connects from; empty: any.
    pub(crate) networks: Arc<[IpNet]>,
}

impl Identity {
    /// Whether it may ask from `address`.
    pub(crate) fn is_at(&self, address: IpAddr) -> bool {
        // A listener for both families shows an IPv4 address within IPv6 (RFC 4291 §2.5.5.2).
        let address = address.to_canonical();
        self.networks.is_empty()
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }
}

/// An API key, known by its hash.
#[derive(Debug)]
struct Key {
    identity: Identity,
    not_before: Option<Timestamp>,
    expires: Option<Timestamp>,
    meters: KeyMeters,
}

/// What a certificate says of who presents it, checked in the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PresentedCertificate {
    /// SHA-256 of the whole, which access tokens are bound to.
    pub(crate) sha256: [u8; 32],
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub(crate) spki_sha256: [u8; 32],
    /// Its DNS names, lower case, if it is under the listener's authority; none if it is only pinned.
    pub(crate) names: Vec<String>,
    /// Its URIs, as it has them, likewise.
    pub(crate) uris: Vec<String>,
    /// The first second in which it is over.
    pub(crate) expires: Timestamp,
}

/// Who asks, by everything that a request has shown.
#[derive(Debug)]
pub(crate) struct Asker<'a> {
    who: Who<'a>,
    /// What of it named the partner.
    pub(crate) credentials: Credentials,
}

#[derive(Debug)]
enum Who<'a> {
    /// By what the configuration says alone.
    Configured(&'a Identity),
    /// By an access token.
    Token(Rc<Verified>),
}

impl Asker<'_> {
    /// The partner, and what is stated of the caller.
    pub(crate) fn identity(&self) -> &Identity {
        match &self.who {
            Who::Configured(identity) => identity,
            Who::Token(token) => &token.identity,
        }
    }

    /// The purposes that its access token may be used for, where the token's issuer says so.
    pub(crate) fn token_purposes(&self) -> Option<&[PurposeName]> {
        match &self.who {
            Who::Configured(_) => None,
            Who::Token(token) => token.purposes.as_deref(),
        }
    }

    /// Who acts at the partner's, by the access token. For the ledger's keyed token alone.
    pub(crate) fn acting(&self) -> Option<&str> {
        match &self.who {
            Who::Configured(_) => None,
            Who::Token(token) => token.acting.as_deref(),
        }
    }
}

impl Identities {
    /// Recognises `partners`, by tokens of `issuers` too. Keys that `before` has fetched are taken over.
    ///
    /// # Errors
    /// If the file of an issuer's keys cannot be read or holds none that can be used.
    pub(crate) fn new(
        partners: &[Partner],
        issuers: &[config::Issuer],
        agreements: &AgreementSet,
        metrics: &IdentityMetrics,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let roles: HashSet<Role> = agreements
            .agreements
            .iter()
            .flat_map(|agreement| &agreement.purposes)
            .flat_map(|purpose| purpose.roles.iter().cloned())
            .collect();
        let roles = Arc::new(roles);
        let mut identities = Self {
            by_spki: HashMap::new(),
            by_certificate_name: HashMap::new(),
            by_certificate_uri: HashMap::new(),
            by_api_key: HashMap::new(),
            issuers: Vec::new(),
            remembered: issuers.iter().map(|issuer| issuer.remembered).sum(),
            unknown_issuer: metrics.flaws(""),
        };
        for issuer in issuers {
            let known = before.and_then(|before| {
                let mut known = before.issuers.iter();
                known.find(|known| known.config.name == issuer.name)
            });
            let known = known.map(Arc::as_ref);
            let issuer = Issuer::new(issuer, partners, &roles, known, metrics)?;
            identities.issuers.push(Arc::new(issuer));
        }
        for partner in partners {
            let identity = |standing: &Standing| Identity {
                partner: partner.name.clone(),
                standing: standing.clone(),
                networks: Arc::clone(&partner.networks),
            };
            for pin in &partner.spki_sha256 {
                let identity = identity(&pin.standing);
                identities.by_spki.insert(pin.shown, identity);
            }
            for name in &partner.certificate_names {
                let (shown, identity) = (name.shown.to_ascii_lowercase(), identity(&name.standing));
                identities.by_certificate_name.insert(shown, identity);
            }
            for uri in &partner.certificate_uris {
                let (shown, identity) = (uri.shown.clone(), identity(&uri.standing));
                identities.by_certificate_uri.insert(shown, identity);
            }
            for key in &partner.api_keys {
                let known = Key {
                    identity: identity(&key.standing),
                    not_before: key.not_before,
                    expires: key.expires,
                    meters: metrics.key(&partner.name, &key.name),
                };
                identities.by_api_key.insert(key.sha256, known);
            }
        }
        Ok(identities)
    }

    /// Whether any certificate is pinned.
    pub(crate) fn has_pins(&self) -> bool {
        !self.by_spki.is_empty()
    }

    /// The pins, for the handshake to check.
    pub(crate) fn all_pins(&self) -> impl Iterator<Item = [u8; 32]> {
        self.by_spki.keys().copied()
    }

    /// Whether access tokens are a way to say who asks.
    pub(crate) fn takes_tokens(&self) -> bool {
        !self.issuers.is_empty()
    }

    /// The issuers of access tokens.
    pub(crate) fn issuers(&self) -> &[Arc<Issuer>] {
        &self.issuers
    }

    /// Who the credentials of a request name: the one partner that all of them name. What they state of the caller is the
    /// access token's to say where there is one, else a key's, since a certificate is often the organisation's.
    ///
    /// `epoch` is the running set's, under which `remembered` tokens were verified.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`]: no credential, an unknown one, or two partners'. Another: what is wrong with the
    /// access token.
    pub(crate) fn asker<'a>(
        &'a self,
        certificate: Option<&PresentedCertificate>,
        headers: &HeaderMap,
        remembered: &Remembered,
        epoch: u64,
        now: Timestamp,
    ) -> Result<Asker<'a>, Reason> {
        let mut found: Option<&'a Identity> = None;
        let mut credentials = Credentials::NONE;
        if let Some(certificate) = certificate {
            // A certificate that is nobody's is like none: a key or a token may still say who asks.
            for (identity, _) in self.by_certificate(certificate) {
                if found.get_or_insert(identity).partner != identity.partner {
                    return Err(Reason::Unauthenticated);
                }
                credentials = credentials.with(Credential::Certificate);
            }
        }
        if let Some(key) = self.key(headers, now)? {
            if found.is_some_and(|found| found.partner != key.identity.partner) {
                return Err(Reason::Unauthenticated);
            }
            key.meters.used(now);
            found = Some(&key.identity);
            credentials = credentials.with(Credential::ApiKey);
        }
        // Where nobody issues tokens, Authorization says nothing here, and goes no further.
        if self.takes_tokens()
            && let Some(token) = self.token(headers, certificate, remembered, epoch, now)?
        {
            if found.is_some_and(|found| found.partner != token.identity.partner) {
                return Err(Reason::Unauthenticated);
            }
            let credentials = credentials.with(Credential::AccessToken);
            let who = Who::Token(token);
            return Ok(Asker { who, credentials });
        }
        let who = Who::Configured(found.ok_or(Reason::Unauthenticated)?);
        Ok(Asker { who, credentials })
    }

    /// The API key of a request, if it has one. One that is nobody's, or out of its time, is a failed attempt, whatever
    /// else there is.
    fn key(&self, headers: &HeaderMap, now: Timestamp) -> Result<Option<&Key>, Reason> {
        let mut keys = headers.get_all(X_API_KEY).iter();
        let Some(text) = keys.next() else {
            return Ok(None);
        };
        if keys.next().is_some() {
            return Err(Reason::Unauthenticated);
        }
        self.by_api_key
            .get(&sha256(text.as_bytes()))
            .filter(|key| key.not_before.is_none_or(|from| from <= now))
            .filter(|key| key.expires.is_none_or(|until| now < until))
            .map(Some)
            .ok_or(Reason::Unauthenticated)
    }

    /// The access token of a request, verified, if it has one.
    fn token(
        &self,
        headers: &HeaderMap,
        certificate: Option<&PresentedCertificate>,
        remembered: &Remembered,
        epoch: u64,
        now: Timestamp,
    ) -> Result<Option<Rc<Verified>>, Reason> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let of_nobody = |flaw: Flaw| {
            self.unknown_issuer[flaw as usize].inc();
            flaw.reason()
        };
        let text = bearer(value.as_bytes()).filter(|_| values.next().is_none());
        let text = text.ok_or_else(|| of_nobody(Flaw::Form))?;
        let most = self.issuers.iter().map(|issuer| issuer.config.token_bytes);
        if text.len() > most.max().unwrap_or(0) {
            return Err(of_nobody(Flaw::TooLong));
        }
        let hash = sha256(text);
        let token = match remembered.find(&hash, epoch, now) {
            Some(token) => {
                token.meters().remembered.inc();
                token
            }
            None => {
                let jws = Jws::read(text).ok_or_else(|| of_nobody(Flaw::Form))?;
                let named = jws.text("iss");
                let mut issuers = self.issuers.iter();
                let issuer = issuers
                    .find(|issuer| Some(issuer.config.issuer.as_str()) == named)
                    .ok_or_else(|| of_nobody(Flaw::Issuer))?;
                let verified = if text.len() > issuer.config.token_bytes {
                    Err(Flaw::TooLong)
                } else {
                    issuer.verify(&jws, now)
                };
                let verified = verified.map_err(|flaw| {
                    issuer.meters.refused(flaw);
                    flaw.reason()
                })?;
                issuer.meters.verified.inc();
                let token = Rc::new(verified);
                remembered.keep(hash, &token, self.remembered);
                token
            }
        };
        if !token.may_come_with(certificate) {
            token.meters().refused(Flaw::Binding);
            return Err(Flaw::Binding.reason());
        }
        token.meters().accepted.inc();
        Ok(Some(token))
    }

    /// Whom `certificate` names, each with what in it does: nobody, one, or, in error, several.
    pub(crate) fn by_certificate<'a>(
        &'a self,
        certificate: &PresentedCertificate,
    ) -> impl Iterator<Item = (&'a Identity, Shown)> {
        let names = certificate.names.iter();
        let names = names.filter_map(|name| self.by_certificate_name.get(name));
        let uris = certificate.uris.iter();
        let uris = uris.filter_map(|uri| self.by_certificate_uri.get(uri));
        self.by_spki
            .get(&certificate.spki_sha256)
            .map(|identity| (identity, Shown::Pin))
            .into_iter()
            .chain(names.chain(uris).map(|identity| (identity, Shown::Name)))
    }
}

/// The token of an `Authorization` header (RFC 6750 §2.1); `None` where it has another scheme or form.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    let is_visible = token.iter().all(u8::is_ascii_graphic);
    (scheme.eq_ignore_ascii_case(SCHEME) && is_visible && !token.is_empty()).then_some(token)
}

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use prometheus::Registry;

    use super::*;
    use crate::config::{ApiKey, Proof};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn standing(role: &str) -> Standing {
        Standing {
            roles: vec![Role::new(role)],
            professional: role == "keyed",
            ..Standing::default()
        }
    }

    fn proof<T>(shown: T, role: &str) -> Proof<T> {
        let standing = standing(role);
        Proof { shown, standing }
    }

    fn partner(name: &str) -> Partner {
        let key = |key: &str, not_before: Option<&str>, expires: Option<&str>| ApiKey {
            name: key.to_owned(),
            sha256: sha256(format!("{name} {key}").as_bytes()),
            not_before: not_before.map(at),
            expires: expires.map(at),
            standing: standing("keyed"),
        };
        Partner {
            name: PartnerName::new(name),
            spki_sha256: vec![proof(sha256(format!("{name} spki").as_bytes()), "pinned")],
            certificate_names: vec![proof(format!("{name}.example"), "named")],
            certificate_uris: vec![proof(format!("spiffe://{name}/api"), "uri")],
            api_keys: vec![
                key("key", None, None),
                key("old", None, Some("2026-06-15T12:00:00Z")),
                key(
                    "new",
                    Some("2026-06-15T12:00:00Z"),
                    Some("2026-06-16T12:00:00Z"),
                ),
                key("next", Some("2026-06-15T12:00:01Z"), None),
            ],
            networks: Arc::default(),
            access_tokens: Vec::new(),
            acts_for: Vec::new(),
        }
    }

    /// Who a request with these credentials is, by what, and with what role: `a`'s or `b`'s, or nobody.
    fn who(spki: &str, names: &[&str], keys: &[&str]) -> Option<String> {
        let metrics = IdentityMetrics::new(&Registry::new()).unwrap();
        let partners = [partner("a"), partner("b")];
        let agreements = AgreementSet::default();
        let identities = Identities::new(&partners, &[], &agreements, &metrics, None).unwrap();
        let (uris, names): (Vec<&str>, Vec<&str>) =
            names.iter().partition(|name| name.contains(':'));
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        let certificate = (!spki.is_empty()).then(|| PresentedCertificate {
            sha256: [0; 32],
            spki_sha256: sha256(spki.as_bytes()),
            names: owned(names),
            uris: owned(uris),
            expires: Timestamp::MAX,
        });
        let mut headers = HeaderMap::new();
        // Nobody issues tokens here, so this says nothing.
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a.b.c"));
        for key in keys {
            headers.append(X_API_KEY, HeaderValue::from_str(key).unwrap());
        }
        let now = at("2026-06-15T12:00:00Z");
        let remembered = Remembered::default();
        let asker = identities.asker(certificate.as_ref(), &headers, &remembered, 0, now);
        let asker = asker.ok()?;
        let Identity {
            partner, standing, ..
        } = asker.identity();
        Some(format!(
            "{partner} {} {}",
            standing.roles[0], asker.credentials
        ))
    }

    #[test]
    fn one_partner_or_nobody() {
        let a = |by: &str| Some(format!("a {by}"));
        assert_eq!(who("", &[], &[]), None);
        assert_eq!(who("a spki", &[], &[]), a("pinned certificate"));
        assert_eq!(who("other", &["a.example"], &[]), a("named certificate"));
        assert_eq!(who("other", &["spiffe://a/api"], &[]), a("uri certificate"));
        assert_eq!(who("other", &["spiffe://A/api"], &[]), None);
        assert_eq!(who("other", &["c.example"], &[]), None);
        assert_eq!(who("", &[], &["a key"]), a("keyed api_key"));
        let both = a("keyed certificate, api_key");
        assert_eq!(
            who("a spki", &[], &["a key"]),
            both,
            "a key says who at the partner's"
        );
        assert_eq!(who("other", &[], &["a key"]), a("keyed api_key"));
        assert_eq!(who("a spki", &[], &["b key"]), None, "two partners");
        assert_eq!(who("a spki", &["b.example"], &[]), None, "two partners");
        assert_eq!(
            who("a spki", &["spiffe://b/api"], &[]),
            None,
            "two partners"
        );
        assert_eq!(who("a spki", &[], &["wrong"]), None, "an unknown key");
        assert_eq!(who("", &[], &["a key", "a key"]), None, "two keys");
        assert_eq!(who("", &[], &["A key"]), None);
    }

    #[test]
    fn a_key_counts_in_its_time_alone() {
        let keyed = Some("a keyed api_key".to_owned());
        assert_eq!(who("", &[], &["a old"]), None, "the first instant after it");
        assert_eq!(who("", &[], &["a new"]), keyed, "its first instant");
        assert_eq!(
            who("", &[], &["a next"]),
            None,
            "the last instant before it"
        );
        assert_eq!(
            who("a spki", &[], &["a old"]),
            None,
            "whatever else is shown"
        );
    }

    #[test]
    fn a_bearer_is_one_word_after_the_scheme() {
        for (value, token) in [
            ("Bearer a.b.c", Some("a.b.c")),
            ("bearer a", Some("a")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer  a", None),
            ("Bearer a b", None),
            ("Bearer\ta", None),
            ("Basic a", None),
            ("Bearera", None),
            ("", None),
        ] {
            assert_eq!(
                bearer(value.as_bytes()),
                token.map(str::as_bytes),
                "{value:?}"
            );
        }
    }
}
