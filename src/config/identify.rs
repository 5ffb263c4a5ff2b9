//! Partners and how each is recognised, as written and as meant.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::check::{Check, Seen};
use super::file::{ExpiredCrlAsWritten, ListenerTlsAsWritten};
use super::systems::AudienceAsWritten;
use super::{Audience, ExpiredCrl};
use crate::agreement::{PartnerName, Role};
use crate::written::Fault;
use crate::written::text::{
    ClaimText, HostText, MomentText, Name, NetworkText, Sha256Text, UriText, Words,
};

/// A partner and how it is recognised.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Partner")]
pub(super) struct PartnerAsWritten {
    /// Its name, as in agreements.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// What shows that a request is this partner's.
    #[schemars(required)]
    pub(super) identify: Option<IdentifyAsWritten>,
    /// Partners on whose behalf it may ask, in the header Data-On-Behalf-Of, under their agreements. For teams of the controller's own.
    pub(super) acts_for: Option<Vec<Name>>,
    /// The networks that it connects from; from anywhere else its requests are refused. Default: anywhere.
    #[schemars(length(min = 1, max = 256))]
    pub(super) networks: Option<Vec<NetworkText>>,
}

/// What shows that a request is a partner's: at least one certificate, key or kind of access token.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Identify", example = serde_json::json!({ "certificates": [{ "san": "api.island-health.example" }] }))]
pub(super) struct IdentifyAsWritten {
    /// Client certificates.
    pub(super) certificates: Option<Vec<CertificateAsWritten>>,
    /// API keys, by their hashes. Several at once let one take over from another.
    pub(super) api_keys: Option<Vec<ApiKeyAsWritten>>,
    /// Access tokens of an issuer: which of them are this partner's.
    pub(super) access_tokens: Option<Vec<AccessTokenAsWritten>>,
}

/// A client certificate: known by its key, or by a name in it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Certificate", example = serde_json::json!({ "san": "api.island-health.example" }))]
pub(super) struct CertificateAsWritten {
    /// SHA-256 of its SubjectPublicKeyInfo: openssl x509 -pubkey -noout -in CERT | openssl pkey -pubin -outform der | sha256sum
    pub(super) spki_sha256: Option<Sha256Text>,
    /// A DNS name among its subject alternative names; it must be signed by a listener's client_ca.
    pub(super) san: Option<HostText>,
    /// A URI among its subject alternative names, such as a SPIFFE ID; it must be signed by a listener's client_ca.
    pub(super) san_uri: Option<UriText>,
    /// What its holders are at the partner's: purposes may be for certain roles alone.
    #[schemars(length(min = 1))]
    pub(super) roles: Option<Vec<Name>>,
    /// Its holders are health or social-work professionals. Default: false.
    pub(super) professional: Option<bool>,
    /// From when on its holders' training in this sharing counts no longer. Default: none is stated.
    pub(super) trained_until: Option<MomentText>,
}

/// An API key, by its hash.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApiKey")]
pub(super) struct ApiKeyAsWritten {
    /// Its name, for metrics and for rotation.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// SHA-256 of the key, which should be random: fieldgate api-key makes one with its line for this file.
    #[schemars(required)]
    pub(super) sha256: Option<Sha256Text>,
    /// From when on it counts. Default: at once.
    pub(super) not_before: Option<MomentText>,
    /// From when on it counts no longer. Default: never.
    pub(super) expires: Option<MomentText>,
    /// What its holders are at the partner's: purposes may be for certain roles alone.
    #[schemars(length(min = 1))]
    pub(super) roles: Option<Vec<Name>>,
    /// Its holders are health or social-work professionals. Default: false.
    pub(super) professional: Option<bool>,
    /// From when on its holders' training in this sharing counts no longer. Default: none is stated.
    pub(super) trained_until: Option<MomentText>,
}

/// Which access tokens of an issuer are a partner's: by their client, their subject or another claim.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AccessToken", example = serde_json::json!({ "issuer": "nhs-login", "client_id": "island-health-api" }))]
pub(super) struct AccessTokenAsWritten {
    /// The issuer's name under issuers.
    #[schemars(required)]
    pub(super) issuer: Option<Name>,
    /// Those whose client_id is this; where a token has none, its azp.
    pub(super) client_id: Option<Words>,
    /// Those whose sub is this.
    pub(super) subject: Option<Words>,
    /// Those in which a claim has this value.
    pub(super) claim: Option<ClaimEqualsAsWritten>,
    /// What their bearers are at the partner's, beside the roles that the token itself states.
    #[schemars(length(min = 1))]
    pub(super) roles: Option<Vec<Name>>,
    /// Their bearers are health or social-work professionals. Default: false, unless the token itself says so.
    pub(super) professional: Option<bool>,
    /// From when on their bearers' training in this sharing counts no longer. Default: none is stated, unless the token itself does.
    pub(super) trained_until: Option<MomentText>,
}

/// A claim and the value that it has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClaimEquals", example = serde_json::json!({ "name": "organisation", "equals": "RXX" }))]
pub(super) struct ClaimEqualsAsWritten {
    /// Its name, or a JSON pointer to it.
    #[schemars(required)]
    pub(super) name: Option<ClaimText>,
    /// Its value: a text, or one of a list of texts.
    #[schemars(required)]
    pub(super) equals: Option<Words>,
}

/// A partner and how it is recognised. At least one of the lists has an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Its name, as in agreements' `parties.partner`.
    pub name: PartnerName,
    /// SHA-256 of the SubjectPublicKeyInfo (DER) of certificates that are this partner's.
    pub spki_sha256: Vec<Proof<[u8; 32]>>,
    /// DNS names, lower case, one of which a certificate under a listener's `client_ca` must have as a
    /// subject alternative name.
    pub certificate_names: Vec<Proof<String>>,
    /// URIs, one of which a certificate under a listener's `client_ca` must have as a subject alternative name, byte
    /// for byte.
    pub certificate_uris: Vec<Proof<String>>,
    /// API keys that are this partner's.
    pub api_keys: Vec<ApiKey>,
    /// Access tokens that are this partner's.
    pub access_tokens: Vec<AccessToken>,
    /// Partners on whose behalf it may ask, under their agreements.
    pub acts_for: Vec<PartnerName>,
    /// The networks that it connects from; empty: any.
    pub networks: Arc<[IpNet]>,
}

/// An API key, of which only the hash is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name, for metrics and for rotation. A partner's keys have different names.
    pub name: String,
    /// SHA-256 of the key's bytes as the partner sends them.
    pub sha256: [u8; 32],
    /// The first instant at which it counts; `None`: it always did.
    pub not_before: Option<Timestamp>,
    /// The first instant at which it counts no longer; `None`: it always will.
    pub expires: Option<Timestamp>,
    /// What it states of who holds it.
    pub standing: Standing,
}

/// Which access tokens of an issuer are a partner's, and what these state of who bears them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The issuer's name in the configuration.
    pub issuer: String,
    /// Which of its tokens.
    pub by: TokenOf,
    /// What they state of who bears them, beside what the token itself says.
    pub standing: Standing,
}

/// What shows of an access token that it is a partner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenOf {
    /// Its client.
    Client(String),
    /// Its subject.
    Subject(String),
    /// A claim, by name or JSON pointer, with this text as or among its values.
    Claim {
        /// The claim.
        name: String,
        /// The text.
        equals: String,
    },
}

/// What shows that a request is a partner's, and what it states of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof<T> {
    /// What is shown.
    pub shown: T,
    /// What it states of who holds it.
    pub standing: Standing,
}

/// What a credential states of who holds it, which the controller has agreed with the partner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What they are there: purposes may be for certain roles alone.
    pub roles: Vec<Role>,
    /// They are health or social-work professionals, owing secrecy (UK GDPR Art. 9(3), DPA 2018 s.11(1)).
    pub professional: bool,
    /// From when on their training in this sharing counts no longer; `None` where none is stated.
    pub trained_until: Option<Timestamp>,
}

impl Partner {
    /// What should be looked at of its credentials at `now`, a sentence each: a last key that expires within 30 days.
    #[must_use]
    pub fn warnings(&self, now: Timestamp) -> Vec<String> {
        const SOON_SECONDS: i64 = 30 * 86_400;
        let others = !self.spki_sha256.is_empty()
            || !self.certificate_names.is_empty()
            || !self.certificate_uris.is_empty()
            || !self.access_tokens.is_empty();
        let ends = |key: &ApiKey| key.expires.unwrap_or(Timestamp::MAX);
        let Some(last) = self.api_keys.iter().max_by_key(|key| ends(key)) else {
            return Vec::new();
        };
        let Some(expires) = last.expires.filter(|_| !others) else {
            return Vec::new();
        };
        let left = expires.duration_since(now).as_secs();
        let name = (&self.name, &last.name);
        match left {
            ..=0 => vec![format!(
                "partner {} has no API key that counts any more: the last, `{}`, expired at {expires}; give it a new one",
                name.0, name.1
            )],
            1..=SOON_SECONDS => vec![format!(
                "partner {}'s last API key, `{}`, expires in {} days, at {expires}; give it the next one now",
                name.0,
                name.1,
                left / 86_400
            )],
            _ => Vec::new(),
        }
    }
}

impl From<ExpiredCrlAsWritten> for ExpiredCrl {
    fn from(written: ExpiredCrlAsWritten) -> Self {
        match written {
            ExpiredCrlAsWritten::Refuse => Self::Refuse,
            ExpiredCrlAsWritten::Allow => Self::Allow,
        }
    }
}

impl Check<'_> {
    /// The lists of revoked certificates of the listener at `pointer`.
    pub(super) fn client_crl(
        &self,
        pointer: &str,
        tls: &ListenerTlsAsWritten,
        faults: &mut Vec<Fault>,
    ) -> Vec<PathBuf> {
        let lists = tls.client_crl.as_deref().unwrap_or_default();
        if !lists.is_empty() && tls.client_ca.is_none() {
            self.file.fault_at_key(
                faults,
                &format!("{pointer}/tls/client_crl"),
                "without a `client_ca` there are no certificates that it could be of; add one, or leave this out",
            );
        }
        if lists.is_empty() && tls.client_crl_expired.is_some() {
            self.file.fault_at_key(
                faults,
                &format!("{pointer}/tls/client_crl_expired"),
                "there is no `client_crl` that could expire; add one, or leave this out",
            );
        }
        lists.iter().map(|path| self.path(path)).collect()
    }

    /// The partners on whose behalf `partner` may ask: each is one of `partners`.
    fn acts_for(
        &self,
        pointer: &str,
        partner: &PartnerAsWritten,
        partners: &[PartnerAsWritten],
        faults: &mut Vec<Fault>,
    ) -> Vec<PartnerName> {
        let mut others = Vec::new();
        for (index, other) in partner.acts_for.iter().flatten().enumerate() {
            let is_known = partners
                .iter()
                .any(|known| known.name.as_ref() == Some(other));
            if is_known && partner.name.as_ref() != Some(other) {
                others.push(PartnerName::new(&other.0));
            } else {
                self.file.fault(
                    faults,
                    &format!("{pointer}/acts_for/{index}"),
                    format!(
                        "`{}` is no other partner of `partners`; write the name of one",
                        other.0
                    ),
                );
            }
        }
        others
    }

    /// The networks that `partner` connects from.
    fn networks(
        &self,
        pointer: &str,
        partner: &PartnerAsWritten,
        faults: &mut Vec<Fault>,
    ) -> Arc<[IpNet]> {
        let written = partner.networks.iter().flatten().enumerate();
        let networks = written.filter_map(|(index, text)| {
            let at = format!("{pointer}/networks/{index}");
            match text.network() {
                Ok(network) => Some(network),
                Err(message) if !self.file.is_faulted_within(&at) => {
                    self.file.fault(faults, &at, message);
                    None
                }
                Err(_) => None,
            }
        });
        networks.collect()
    }

    /// Who is recognised at listeners for `audience`; `root` is where they stand, and the word for one.
    pub(super) fn identified(
        &self,
        (root, kind): (&str, &str),
        audience: Audience,
        partners: &[PartnerAsWritten],
        faults: &mut Vec<Fault>,
    ) -> Vec<Partner> {
        let mut seen = Seen::new();
        let mut names = Seen::new();
        let mut checked = Vec::new();
        for (index, partner) in partners.iter().enumerate() {
            let pointer = format!("{root}/{index}");
            let name_at = format!("{pointer}/name");
            self.unique(&mut names, &name_at, partner.name.as_ref(), kind, faults);
            let Some(identify) = &partner.identify else {
                continue;
            };
            let identify_at = format!("{pointer}/identify");
            let mut found = Partner {
                name: PartnerName::new(partner.name.as_ref().map_or("", |name| &name.0)),
                spki_sha256: Vec::new(),
                certificate_names: Vec::new(),
                certificate_uris: Vec::new(),
                api_keys: Vec::new(),
                access_tokens: Vec::new(),
                acts_for: self.acts_for(&pointer, partner, partners, faults),
                networks: self.networks(&pointer, partner, faults),
            };
            let identified = Identified {
                check: self,
                at: &identify_at,
                kind,
                audience,
                seen: &mut seen,
                found: &mut found,
            };
            identified.take(identify, faults);
            checked.push(found);
        }
        checked
    }

    /// The instant that `text` spells. One that the calendar does not have is a fault.
    fn instant(
        &self,
        pointer: &str,
        text: Option<&MomentText>,
        faults: &mut Vec<Fault>,
    ) -> Option<Timestamp> {
        let text = text?;
        let instant = text.0.parse().ok();
        if instant.is_none() && !self.file.is_faulted_within(pointer) {
            let message =
                "the calendar has no such instant; write for example 2027-03-31T23:59:59Z";
            self.file.fault(faults, pointer, message);
        }
        instant
    }

    fn hash(
        &self,
        seen: &mut Seen,
        pointer: &str,
        hash: &Sha256Text,
        faults: &mut Vec<Fault>,
    ) -> Option<[u8; 32]> {
        let bytes = hash.bytes()?;
        self.first(seen, pointer, hash.0.to_ascii_lowercase(), faults)
            .then_some(bytes)
    }
}

/// What identifies one partner, on its way from written to meant.
struct Identified<'a, 'b> {
    check: &'a Check<'b>,
    /// The pointer of `identify`.
    at: &'a str,
    /// The word for whoever is identified.
    kind: &'a str,
    /// At whose listeners.
    audience: Audience,
    /// What identifies anybody so far.
    seen: &'a mut Seen,
    found: &'a mut Partner,
}

impl Identified<'_, '_> {
    fn take(mut self, identify: &IdentifyAsWritten, faults: &mut Vec<Fault>) {
        for (index, certificate) in identify.certificates.iter().flatten().enumerate() {
            let at = format!("{}/certificates/{index}", self.at);
            self.certificate(&at, certificate, faults);
        }
        let mut names = HashMap::new();
        for (index, key) in identify.api_keys.iter().flatten().enumerate() {
            let at = format!("{}/api_keys/{index}", self.at);
            let name_at = format!("{at}/name");
            let name = key.name.as_ref();
            self.check
                .unique(&mut names, &name_at, name, "API key", faults);
            self.api_key(&at, key, faults);
        }
        for (index, token) in identify.access_tokens.iter().flatten().enumerate() {
            let at = format!("{}/access_tokens/{index}", self.at);
            self.access_token(&at, token, faults);
        }
        let asked = identify.certificates.iter().flatten().count()
            + identify.api_keys.iter().flatten().count()
            + identify.access_tokens.iter().flatten().count();
        if asked == 0 && !self.check.file.is_faulted_within(self.at) {
            self.check.file.fault(
                faults,
                self.at,
                format!(
                    "nothing identifies the {}; write `certificates`{}",
                    self.kind,
                    match self.audience {
                        Audience::Partners => ", `api_keys` or `access_tokens`",
                        Audience::Council => " or `api_keys`",
                    }
                ),
            );
        }
    }

    fn certificate(
        &mut self,
        at: &str,
        certificate: &CertificateAsWritten,
        faults: &mut Vec<Fault>,
    ) {
        let check = self.check;
        let listeners = check
            .file
            .value
            .listen
            .iter()
            .flatten()
            .filter(|listener| AudienceAsWritten::audience(listener.r#for) == self.audience);
        let tls = || {
            listeners
                .clone()
                .filter_map(|listener| listener.tls.as_ref())
        };
        let has_tls = tls().next().is_some();
        let has_client_ca = tls().any(|tls| tls.client_ca.is_some());
        if !has_tls {
            check.file.fault(
                faults,
                at,
                "no listener speaks TLS, so no certificate can be shown; give a listener `tls`",
            );
        }
        let standing = Standing {
            trained_until: check.instant(
                &format!("{at}/trained_until"),
                certificate.trained_until.as_ref(),
                faults,
            ),
            ..standing(&certificate.roles, certificate.professional)
        };
        let vouched = |key: &str, faults: &mut Vec<Fault>| {
            if has_tls && !has_client_ca {
                check.file.fault(
                    faults,
                    &format!("{at}/{key}"),
                    "no listener has a `client_ca` that could vouch for this name; add one, or pin the key by spki_sha256",
                );
            }
        };
        match (
            &certificate.spki_sha256,
            &certificate.san,
            &certificate.san_uri,
        ) {
            (Some(hash), None, None) => {
                let at = format!("{at}/spki_sha256");
                if let Some(shown) = check.hash(self.seen, &at, hash, faults) {
                    self.found.spki_sha256.push(Proof { shown, standing });
                }
            }
            (None, Some(name), None) => {
                vouched("san", faults);
                let shown = name.0.to_ascii_lowercase();
                let at = format!("{at}/san");
                if check.first(self.seen, &at, shown.clone(), faults) {
                    self.found.certificate_names.push(Proof { shown, standing });
                }
            }
            (None, None, Some(uri)) => {
                vouched("san_uri", faults);
                let shown = uri.0.clone();
                let at = format!("{at}/san_uri");
                if check.first(self.seen, &at, shown.clone(), faults) {
                    self.found.certificate_uris.push(Proof { shown, standing });
                }
            }
            (None, None, None) => {
                if !check.file.is_faulted_within(at) {
                    check.file.fault(
                        faults,
                        at,
                        "write { san: NAME }, { san_uri: URI } or { spki_sha256: HASH }",
                    );
                }
            }
            (_, _, _) => check.file.fault(
                faults,
                at,
                "a certificate is known by `spki_sha256`, by `san` or by `san_uri`; write them as two",
            ),
        }
    }

    fn api_key(&mut self, at: &str, key: &ApiKeyAsWritten, faults: &mut Vec<Fault>) {
        let check = self.check;
        let not_before =
            check.instant(&format!("{at}/not_before"), key.not_before.as_ref(), faults);
        let expires_at = format!("{at}/expires");
        let expires = check.instant(&expires_at, key.expires.as_ref(), faults);
        if let (Some(not_before), Some(expires)) = (not_before, expires)
            && expires <= not_before
        {
            let message = "the key would never count; write an instant after `not_before`";
            check.file.fault(faults, &expires_at, message);
        }
        let standing = Standing {
            trained_until: check.instant(
                &format!("{at}/trained_until"),
                key.trained_until.as_ref(),
                faults,
            ),
            ..standing(&key.roles, key.professional)
        };
        let (Some(name), Some(sha256)) = (&key.name, &key.sha256) else {
            return;
        };
        let hash_at = format!("{at}/sha256");
        if let Some(sha256) = check.hash(self.seen, &hash_at, sha256, faults) {
            self.found.api_keys.push(ApiKey {
                name: name.0.clone(),
                sha256,
                not_before,
                expires,
                standing,
            });
        }
    }

    fn access_token(&mut self, at: &str, token: &AccessTokenAsWritten, faults: &mut Vec<Fault>) {
        let check = self.check;
        if self.audience == Audience::Council {
            let message = "a system is known by `certificates` or `api_keys`; leave this out";
            check.file.fault(faults, at, message);
        }
        let standing = Standing {
            trained_until: check.instant(
                &format!("{at}/trained_until"),
                token.trained_until.as_ref(),
                faults,
            ),
            ..standing(&token.roles, token.professional)
        };
        let Some(issuer) = &token.issuer else { return };
        let mut issuers = check.file.value.issuers.iter().flatten();
        if !issuers.any(|known| known.name.as_ref() == Some(issuer)) {
            check.file.fault(
                faults,
                &format!("{at}/issuer"),
                format!(
                    "`{}` is no issuer of `issuers`; write the name of one",
                    issuer.0
                ),
            );
        }
        let by = match (&token.client_id, &token.subject, &token.claim) {
            (Some(client), None, None) => TokenOf::Client(client.0.clone()),
            (None, Some(subject), None) => TokenOf::Subject(subject.0.clone()),
            (None, None, Some(claim)) => match (&claim.name, &claim.equals) {
                (Some(name), Some(equals)) => TokenOf::Claim {
                    name: name.0.clone(),
                    equals: equals.0.clone(),
                },
                // What is left out has been told.
                (_, _) => return,
            },
            (_, _, _) => {
                if !check.file.is_faulted_within(at) {
                    check.file.fault(
                        faults,
                        at,
                        "write one of client_id: TEXT, subject: TEXT and claim: { name: NAME, equals: TEXT }",
                    );
                }
                return;
            }
        };
        // No part of it can hold a line break in a way that makes two of them one.
        let key = format!("{}\n{by:?}", issuer.0);
        if check.first(self.seen, at, key, faults) {
            self.found.access_tokens.push(AccessToken {
                issuer: issuer.0.clone(),
                by,
                standing,
            });
        }
    }
}

/// What a credential states of who holds it.
fn standing(roles: &Option<Vec<Name>>, professional: Option<bool>) -> Standing {
    Standing {
        roles: roles
            .iter()
            .flatten()
            .map(|role| Role::new(&role.0))
            .collect(),
        professional: professional.unwrap_or(false),
        trained_until: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partner(keys: &[Option<&str>]) -> Partner {
        Partner {
            name: PartnerName::new("a"),
            spki_sha256: Vec::new(),
            certificate_names: Vec::new(),
            certificate_uris: Vec::new(),
            api_keys: keys
                .iter()
                .enumerate()
                .map(|(index, expires)| ApiKey {
                    name: format!("key-{index}"),
                    sha256: [0; 32],
                    not_before: None,
                    expires: expires.map(|text| text.parse().unwrap()),
                    standing: Standing::default(),
                })
                .collect(),
            access_tokens: Vec::new(),
            networks: Arc::default(),
            acts_for: Vec::new(),
        }
    }

    #[test]
    fn a_last_key_that_expires_within_thirty_days_is_told_of() {
        let now: Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
        for (keys, told) in [
            (&[None][..], ""),
            (&[], ""),
            (&[Some("2026-07-16T12:00:00Z")], ""),
            (
                &[Some("2026-07-15T12:00:00Z")],
                "`key-0`, expires in 30 days",
            ),
            (
                &[Some("2026-06-16T11:00:00Z")],
                "`key-0`, expires in 0 days",
            ),
            (&[Some("2026-06-15T12:00:00Z")], "`key-0`, expired at"),
            (&[Some("2026-06-20T12:00:00Z"), None], ""),
            (
                &[Some("2026-06-20T12:00:00Z"), Some("2026-06-25T12:00:00Z")],
                "`key-1`, expires in 10 days",
            ),
        ] {
            let warnings = partner(keys).warnings(now).join("; ");
            assert_eq!(warnings.is_empty(), told.is_empty(), "{keys:?}: {warnings}");
            assert!(warnings.contains(told), "{keys:?}: {warnings}");
        }
        let mut by_certificate = partner(&[Some("2026-06-20T12:00:00Z")]);
        by_certificate.certificate_names.push(Proof {
            shown: "a.example".to_owned(),
            standing: Standing::default(),
        });
        assert_eq!(by_certificate.warnings(now), Vec::<String>::new());
    }
}
