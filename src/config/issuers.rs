//! Issuers of access tokens, as written and as meant.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::{Check, count, parse_url, size, span};
use crate::written::Fault;
use crate::written::text::{
    ClaimText, IssuerText, Name, PathName, SizeText, SpanText, WebhookText, Words,
};

/// Bytes of one access token, where the configuration says nothing.
const TOKEN_BYTES: u64 = 8 << 10;
/// Bytes of a set of keys, where the configuration says nothing.
const JWKS_BYTES: u64 = 64 << 10;
/// Access tokens of an issuer that each worker remembers, where the configuration says nothing.
const REMEMBERED: usize = 4_096;
/// The least time between two looks at a set of keys.
const LEAST_REFRESH: Duration = Duration::from_secs(1);

/// An issuer of access tokens (OAuth 2, RFC 9068): JWTs that it signs for partners.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Issuer")]
pub(super) struct IssuerAsWritten {
    /// Its name, for partners' access_tokens and for metrics.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// What its tokens have as iss, byte for byte.
    #[schemars(required)]
    pub(super) issuer: Option<IssuerText>,
    /// What its tokens have as aud, alone or among others: the gateway's own name at the issuer.
    #[schemars(required)]
    pub(super) audience: Option<Words>,
    /// The algorithms with which it signs. No other is accepted, whatever a token says.
    #[schemars(required, length(min = 1))]
    pub(super) algorithms: Option<Vec<AlgorithmAsWritten>>,
    /// A file with its public keys, a JWK Set (RFC 7517). Either this or jwks_url.
    pub(super) jwks_file: Option<PathName>,
    /// Where its public keys are, over https. They are fetched beside the exchanges, never for one.
    pub(super) jwks_url: Option<WebhookText>,
    /// For jwks_url: PEM certificates that sign the server's.
    pub(super) ca: Option<PathName>,
    /// For jwks_url: how often the keys are fetched. Default: 5min.
    pub(super) refresh: Option<SpanText>,
    /// For jwks_url: how long the last keys are used while no new ones can be fetched. Default: 1h.
    pub(super) stale: Option<SpanText>,
    /// For jwks_url: the longest that one fetch may take. Default: 10s.
    pub(super) timeout: Option<SpanText>,
    /// For jwks_url: the size of what is fetched. Default: 64KiB.
    pub(super) jwks_bytes: Option<SizeText>,
    /// How far the issuer's clock may be from the gateway's. Default: 30s.
    pub(super) leeway: Option<SpanText>,
    /// The longest since a token was issued (iat), which each must then say. Default: none, exp alone bounds it.
    pub(super) max_age: Option<SpanText>,
    /// The size of one token. Default: 8KiB.
    pub(super) token_bytes: Option<SizeText>,
    /// Tokens that each worker remembers as verified until they expire. Default: 4096.
    #[schemars(range(min = 1, max = 1_000_000), example = 4096)]
    pub(super) remembered: Option<u32>,
    /// at+jwt: a token must say that it is an access token (RFC 9068). Without it JWT, or nothing, is accepted too.
    #[serde(rename = "type")]
    pub(super) kind: Option<TypeAsWritten>,
    /// required: a token must be bound to the client certificate of its connection (RFC 8705). One that is bound is held to it in any case.
    pub(super) bound: Option<BoundAsWritten>,
    /// Which claims say something of the request. A name, or a JSON pointer (RFC 6901) such as /realm_access/roles.
    pub(super) claims: Option<ClaimsAsWritten>,
}

/// Which claims say something of the request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Claims", example = serde_json::json!({ "purpose": "purpose", "roles": "roles", "acting": "sub" }))]
pub(super) struct ClaimsAsWritten {
    /// The purposes that the token may be used for: the declared one must be among them. Words in a text, or a list.
    pub(super) purpose: Option<ClaimText>,
    /// What the caller is at the partner's. Of these, the roles that agreements name count. Words in a text, or a list.
    pub(super) roles: Option<ClaimText>,
    /// Who acts at the partner's: entered in the ledger as a keyed token, and nowhere else.
    pub(super) acting: Option<ClaimText>,
    /// true where the caller is a health or social-work professional.
    pub(super) professional: Option<ClaimText>,
    /// From when on the caller's training in this sharing counts no longer: seconds as in exp, an instant (RFC 3339), or its last day.
    pub(super) trained_until: Option<ClaimText>,
}

/// An algorithm of signatures (RFC 7518, RFC 8037). Only those with public keys: no secret is shared, none is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum AlgorithmAsWritten {
    ES256,
    ES384,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// The type that a token must say it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum TypeAsWritten {
    #[serde(rename = "at+jwt")]
    AccessToken,
}

/// That something must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub(super) enum BoundAsWritten {
    Required,
}

/// An issuer of access tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Its name in the configuration.
    pub name: String,
    /// What its tokens have as `iss`, byte for byte. No two issuers have the same.
    pub issuer: String,
    /// What its tokens have as, or among, `aud`.
    pub audience: String,
    /// The algorithms with which it signs; at least one.
    pub algorithms: Vec<Algorithm>,
    /// Where its public keys are.
    pub keys: KeySource,
    /// How far its clock may be from the gateway's. Default 30 s.
    pub leeway: Duration,
    /// The longest since a token was issued. Default: none.
    pub max_age: Option<Duration>,
    /// Bytes of one token. Default 8 KiB.
    pub token_bytes: usize,
    /// Tokens that each worker remembers as verified. Default 4,096.
    pub remembered: usize,
    /// Its tokens say that they are access tokens (`typ: at+jwt`).
    pub typed: bool,
    /// Its tokens are bound to the client's certificate (RFC 8705 §3).
    pub bound: bool,
    /// Which claims say something of the request.
    pub claims: Claims,
}

/// An algorithm of signatures with a public key (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// EdDSA over Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Es256,
        Self::Es384,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::EdDsa,
    ];

    /// Its name in headers of tokens and in keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name, case and all.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

/// Where an issuer's public keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In a file, read with the configuration.
    File(PathBuf),
    /// On a server, fetched again and again.
    Url(KeyUrl),
}

/// A server that has an issuer's public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUrl {
    /// Its host: a name, or an address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path and query.
    pub path: String,
    /// PEM certificates that sign the server's.
    pub ca: PathBuf,
    /// How often the keys are fetched. Default 5 min.
    pub refresh: Duration,
    /// How long the last keys are used while no new ones come. Default 1 h.
    pub stale: Duration,
    /// The longest that one fetch may take. Default 10 s.
    pub timeout: Duration,
    /// Bytes of what is fetched. Default 64 KiB.
    pub bytes: usize,
}

/// Which claims say something of the request: a name, or a JSON pointer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The purposes that a token is for.
    pub purpose: Option<String>,
    /// What the caller is at the partner's.
    pub roles: Option<String>,
    /// Who acts at the partner's.
    pub acting: Option<String>,
    /// Whether the caller is a professional.
    pub professional: Option<String>,
    /// Until when the caller's training counts.
    pub trained_until: Option<String>,
}

impl Check<'_> {
    /// The issuers of access tokens.
    pub(super) fn issuers(&self, faults: &mut Vec<Fault>) -> Vec<Issuer> {
        let (mut names, mut texts) = (HashMap::new(), HashMap::new());
        let mut checked = Vec::new();
        for (index, written) in self.file.value.issuers.iter().flatten().enumerate() {
            let at = format!("/issuers/{index}");
            let name_at = format!("{at}/name");
            self.unique(
                &mut names,
                &name_at,
                written.name.as_ref(),
                "issuer",
                faults,
            );
            if let Some(text) = &written.issuer {
                self.first(&mut texts, &format!("{at}/issuer"), text.0.clone(), faults);
            }
            let keys = self.key_source(&at, written, faults);
            let token_bytes = size(written.token_bytes.as_ref(), TOKEN_BYTES);
            if !(64..=64 << 10).contains(&token_bytes) {
                self.file.fault(
                    faults,
                    &format!("{at}/token_bytes"),
                    "a token gets from 64B to 64KiB; write for example 8KiB",
                );
            }
            let (Some(name), Some(issuer), Some(audience), Some(keys)) =
                (&written.name, &written.issuer, &written.audience, keys)
            else {
                continue;
            };
            let claim = |claim: Option<&ClaimText>| claim.map(|claim| claim.0.clone());
            let claims = written.claims.as_ref();
            checked.push(Issuer {
                name: name.0.clone(),
                issuer: issuer.0.clone(),
                audience: audience.0.clone(),
                algorithms: written
                    .algorithms
                    .iter()
                    .flatten()
                    .map(|written| algorithm(*written))
                    .collect(),
                keys,
                leeway: span(written.leeway.as_ref(), Duration::from_secs(30)),
                max_age: written.max_age.as_ref().and_then(SpanText::duration),
                token_bytes: usize::try_from(token_bytes).unwrap_or(usize::MAX),
                remembered: count(written.remembered, REMEMBERED),
                typed: written.kind.is_some(),
                bound: written.bound.is_some(),
                claims: Claims {
                    purpose: claims.and_then(|claims| claim(claims.purpose.as_ref())),
                    roles: claims.and_then(|claims| claim(claims.roles.as_ref())),
                    acting: claims.and_then(|claims| claim(claims.acting.as_ref())),
                    professional: claims.and_then(|claims| claim(claims.professional.as_ref())),
                    trained_until: claims.and_then(|claims| claim(claims.trained_until.as_ref())),
                },
            });
        }
        checked
    }

    fn key_source(
        &self,
        at: &str,
        written: &IssuerAsWritten,
        faults: &mut Vec<Fault>,
    ) -> Option<KeySource> {
        let url = match (&written.jwks_file, &written.jwks_url) {
            (Some(file), None) => {
                if written.ca.is_some() {
                    let message = "the keys are in a file, so there is no TLS; leave this out";
                    self.file.fault_at_key(faults, &format!("{at}/ca"), message);
                }
                return Some(KeySource::File(self.path(file)));
            }
            (None, Some(url)) => &url.0,
            (Some(_), Some(_)) => {
                self.file.fault_at_key(
                    faults,
                    &format!("{at}/jwks_file"),
                    "an issuer's keys are in a file or at a URL, not both; leave one out",
                );
                return None;
            }
            (None, None) => {
                if !self.file.is_faulted_within(at) {
                    self.file.fault(faults, at, "the issuer has no keys; write jwks_file: FILE, or jwks_url: URL with ca: FILE");
                }
                return None;
            }
        };
        let url_at = format!("{at}/jwks_url");
        let after_scheme = url.find("://").map_or(0, |at| at + 3);
        let path_at = url[after_scheme..]
            .find('/')
            .map_or(url.len(), |at| after_scheme + at);
        let (place, path) = url.split_at(path_at);
        let Some((true, host, port)) = parse_url(place) else {
            self.file.fault(
                faults,
                &url_at,
                "whoever can change the keys can be any partner, so they come over https; write for example https://login.example/keys",
            );
            return None;
        };
        let Some(ca) = &written.ca else {
            self.file.fault(
                faults,
                &url_at,
                "https needs ca: FILE, the certificates that sign the server's",
            );
            return None;
        };
        let refresh = span(written.refresh.as_ref(), Duration::from_secs(5 * 60));
        let stale = span(written.stale.as_ref(), Duration::from_secs(60 * 60));
        if refresh < LEAST_REFRESH {
            let message = "keys are fetched once a second at most; write for example 5min";
            self.file.fault(faults, &format!("{at}/refresh"), message);
        }
        if stale < refresh {
            let key = if written.stale.is_some() {
                "stale"
            } else {
                "refresh"
            };
            self.file.fault(
                faults,
                &format!("{at}/{key}"),
                "keys are used at least until the next are fetched; write `stale` longer than `refresh`",
            );
        }
        let bytes = size(written.jwks_bytes.as_ref(), JWKS_BYTES);
        Some(KeySource::Url(KeyUrl {
            host,
            port,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
            ca: self.path(ca),
            refresh,
            stale,
            timeout: span(written.timeout.as_ref(), Duration::from_secs(10)),
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        }))
    }
}

fn algorithm(written: AlgorithmAsWritten) -> Algorithm {
    match written {
        AlgorithmAsWritten::ES256 => Algorithm::Es256,
        AlgorithmAsWritten::ES384 => Algorithm::Es384,
        AlgorithmAsWritten::RS256 => Algorithm::Rs256,
        AlgorithmAsWritten::RS384 => Algorithm::Rs384,
        AlgorithmAsWritten::RS512 => Algorithm::Rs512,
        AlgorithmAsWritten::PS256 => Algorithm::Ps256,
        AlgorithmAsWritten::PS384 => Algorithm::Ps384,
        AlgorithmAsWritten::PS512 => Algorithm::Ps512,
        AlgorithmAsWritten::EdDsa => Algorithm::EdDsa,
    }
}
