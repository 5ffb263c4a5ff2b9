//! An issuer of access tokens: whose tokens are believed, and what they say of a caller (RFC 9068, RFC 8725).

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde_json::Value;

use super::fetch::Turn;
use super::jws::Jws;
use super::keys::KeySet;
use super::metrics::{IdentityMetrics, TokenMeters};
use super::{Identity, PresentedCertificate};
use crate::agreement::{PurposeName, Role};
use crate::config::{self, Algorithm, KeySource, KeyUrl, Partner, TokenOf};
use crate::gateway::StartError;
use crate::gateway::reason::Reason;

/// An issuer, with the rules that say whose its tokens are.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(super) config: config::Issuer,
    rules: Vec<(TokenOf, Identity)>,
    /// The roles that agreements name: no other word of a token is taken over, since it could name a person.
    roles: Arc<HashSet<Role>>,
    pub(super) keys: Arc<IssuerKeys>,
    pub(super) meters: TokenMeters,
}

/// The keys of an issuer, which are replaced while tokens are verified. They outlive a reload that leaves their place
/// as it was.
#[derive(Debug)]
pub(crate) struct IssuerKeys {
    set: ArcSwapOption<Generation>,
    /// When they were last seen at their source, in seconds since 1970.
    seen: AtomicI64,
    /// A token named a key that the set does not have: it may have been made since.
    wanted: AtomicBool,
    turn: Mutex<Turn>,
    /// What the set was read from.
    bytes: ArcSwap<Vec<u8>>,
}

/// One set of keys. A token that was verified under another is verified again.
#[derive(Debug)]
struct Generation {
    number: u64,
    keys: KeySet,
}

/// What a verified token says.
#[derive(Debug)]
pub(crate) struct Verified {
    /// Whose it is, and what it states of who bears it.
    pub(crate) identity: Identity,
    /// The purposes that it may be used for, where its issuer says so.
    pub(crate) purposes: Option<Vec<PurposeName>>,
    /// Who acts at the partner's, where its issuer says so. For the ledger's keyed token alone.
    pub(crate) acting: Option<Box<str>>,
    /// SHA-256 of the only certificate that it may come with.
    pub(crate) bound_to: Option<[u8; 32]>,
    /// The first second in which it is no longer accepted.
    pub(crate) until: i64,
    issuer: Arc<Issuer>,
    generation: u64,
}

/// What is wrong with a token. The partner reads the [`Reason`], the operator sees the code in a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is longer than its issuer's limit.
    TooLong,
    /// It is no JWS in compact form with claims, or carries an extension.
    Form,
    /// It is of no issuer that is configured.
    Issuer,
    /// Its algorithm is not one of its issuer's.
    Algorithm,
    /// Its issuer's keys have never been had, or too long ago.
    KeysUnavailable,
    /// It names no key that its issuer has, or one that is not for its algorithm.
    Key,
    /// Its signature is not its key's.
    Signature,
    /// Its type is not that of an access token.
    Type,
    /// It is for another audience.
    Audience,
    /// A claim that it must have is not there, or is not what it must be.
    Claims,
    /// It is over.
    Expired,
    /// It is not valid yet.
    NotYet,
    /// It was issued too long ago.
    TooOld,
    /// It is bound to another certificate than the connection's, or not bound where it must be.
    Binding,
    /// It is nobody's, or two partners'.
    Nobody,
}

impl Flaw {
    /// All of them.
    pub(crate) const ALL: [Self; 15] = [
        Self::TooLong,
        Self::Form,
        Self::Issuer,
        Self::Algorithm,
        Self::KeysUnavailable,
        Self::Key,
        Self::Signature,
        Self::Type,
        Self::Audience,
        Self::Claims,
        Self::Expired,
        Self::NotYet,
        Self::TooOld,
        Self::Binding,
        Self::Nobody,
    ];

    /// Its label in metrics.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Form => "form",
            Self::Issuer => "issuer",
            Self::Algorithm => "algorithm",
            Self::KeysUnavailable => "keys_unavailable",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Type => "type",
            Self::Audience => "audience",
            Self::Claims => "claims",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::TooOld => "too_old",
            Self::Binding => "binding",
            Self::Nobody => "nobody",
        }
    }

    /// What the partner is told.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::TooLong
            | Self::Form
            | Self::Issuer
            | Self::Algorithm
            | Self::Key
            | Self::Signature
            | Self::Type
            | Self::Audience
            | Self::Claims
            | Self::NotYet => Reason::AccessTokenInvalid,
            Self::Expired | Self::TooOld => Reason::AccessTokenExpired,
            Self::KeysUnavailable => Reason::AccessTokenKeysUnavailable,
            Self::Binding => Reason::AccessTokenNotBound,
            Self::Nobody => Reason::Unauthenticated,
        }
    }
}

impl Issuer {
    /// Makes `config` ready, with the keys of its file, or with those that `before` has from the same place.
    ///
    /// # Errors
    /// If the file of its keys cannot be read or holds none that can be used.
    pub(super) fn new(
        config: &config::Issuer,
        partners: &[Partner],
        roles: &Arc<HashSet<Role>>,
        before: Option<&Self>,
        metrics: &IdentityMetrics,
    ) -> Result<Self, StartError> {
        let keys = match &config.keys {
            KeySource::File(path) => {
                let fault = |message: String| StartError::Pem {
                    path: path.clone(),
                    message,
                };
                let bytes = std::fs::read(path)
                    .map_err(|error| fault(format!("cannot be read ({})", error.kind())))?;
                let keys = IssuerKeys::empty();
                keys.take(bytes, i64::MAX, &config.name).map_err(fault)?;
                Arc::new(keys)
            }
            KeySource::Url(_) => before.filter(|before| before.is_at(config)).map_or_else(
                || Arc::new(IssuerKeys::empty()),
                |before| Arc::clone(&before.keys),
            ),
        };
        let mut rules = Vec::new();
        for partner in partners {
            for token in &partner.access_tokens {
                if token.issuer == config.name {
                    let identity = Identity {
                        partner: partner.name.clone(),
                        standing: token.standing.clone(),
                        networks: Arc::clone(&partner.networks),
                    };
                    rules.push((token.by.clone(), identity));
                }
            }
        }
        let meters = metrics.tokens(&config.name);
        meters.keys.set(keys.len() as i64);
        Ok(Self {
            config: config.clone(),
            rules,
            roles: Arc::clone(roles),
            keys,
            meters,
        })
    }

    /// Whether its keys come from where those of `other` do, under the same authorities.
    fn is_at(&self, other: &config::Issuer) -> bool {
        match (&self.config.keys, &other.keys) {
            (KeySource::Url(a), KeySource::Url(b)) => {
                (&a.host, a.port, &a.path, &a.ca) == (&b.host, b.port, &b.path, &b.ca)
            }
            (KeySource::File(_) | KeySource::Url(_), KeySource::File(_) | KeySource::Url(_)) => {
                false
            }
        }
    }

    /// The server of its keys, if they are on one.
    pub(super) fn url(&self) -> Option<&KeyUrl> {
        match &self.config.keys {
            KeySource::Url(url) => Some(url),
            KeySource::File(_) => None,
        }
    }

    /// Verifies `jws`, whose `iss` is this issuer's.
    ///
    /// # Errors
    /// With the first thing that is wrong, the signature before what the claims say.
    pub(super) fn verify(
        self: &Arc<Self>,
        jws: &Jws<'_>,
        now: Timestamp,
    ) -> Result<Verified, Flaw> {
        let config = &self.config;
        let algorithm = Algorithm::named(&jws.algorithm)
            .filter(|algorithm| config.algorithms.contains(algorithm))
            .ok_or(Flaw::Algorithm)?;
        let generation = self.current(now).ok_or(Flaw::KeysUnavailable)?;
        let Some(key) = generation.keys.find(jws.kid.as_deref(), algorithm) else {
            self.keys.want();
            return Err(Flaw::Key);
        };
        if !key.has_signed(algorithm, jws.message, &jws.signature) {
            return Err(Flaw::Signature);
        }
        match jws.kind.as_deref() {
            Some("at+jwt") => {}
            None | Some("jwt") if !config.typed => {}
            None | Some(_) => return Err(Flaw::Type),
        }
        if !jws.is_for(&config.audience) {
            return Err(Flaw::Audience);
        }
        let until = self.in_time(jws, now)?;
        let bound_to = self.binding(jws)?;
        Ok(Verified {
            identity: self.identity(jws)?,
            purposes: config
                .claims
                .purpose
                .as_ref()
                .map(|claim| jws.words(claim).into_iter().map(PurposeName::new).collect()),
            acting: self.acting(jws),
            bound_to,
            until,
            issuer: Arc::clone(self),
            generation: generation.number,
        })
    }

    /// The first second in which the token is no longer accepted.
    fn in_time(&self, jws: &Jws<'_>, now: Timestamp) -> Result<i64, Flaw> {
        let seconds = |claim| jws.seconds(claim).map_err(|_| Flaw::Claims);
        let now = now.as_second();
        let leeway = self.config.leeway.as_secs().cast_signed();
        let (expires, starts, issued) = (seconds("exp")?, seconds("nbf")?, seconds("iat")?);
        let mut until = expires.ok_or(Flaw::Claims)?.saturating_add(leeway);
        if now >= until {
            return Err(Flaw::Expired);
        }
        if starts
            .into_iter()
            .chain(issued)
            .any(|from| from > now.saturating_add(leeway))
        {
            return Err(Flaw::NotYet);
        }
        if let Some(age) = self.config.max_age {
            let issued = issued.ok_or(Flaw::Claims)?;
            let age = age.as_secs().cast_signed().saturating_add(leeway);
            until = until.min(issued.saturating_add(age));
            if now >= until {
                return Err(Flaw::TooOld);
            }
        }
        Ok(until)
    }

    /// The certificate that the token is bound to (RFC 8705 §3.1). Bound in another way it is not understood.
    fn binding(&self, jws: &Jws<'_>) -> Result<Option<[u8; 32]>, Flaw> {
        let Some(confirmation) = jws.claims.get("cnf") else {
            return if self.config.bound {
                Err(Flaw::Binding)
            } else {
                Ok(None)
            };
        };
        let thumbprint = confirmation.get("x5t#S256").and_then(Value::as_str);
        let bytes = thumbprint.and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok());
        let hash = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        hash.map(Some).ok_or(Flaw::Binding)
    }

    /// The one partner whose rules the token fits, and all that they and it state.
    fn identity(&self, jws: &Jws<'_>) -> Result<Identity, Flaw> {
        let client = jws.text("client_id").or_else(|| jws.text("azp"));
        let fits = |by: &TokenOf| match by {
            TokenOf::Client(id) => client == Some(id),
            TokenOf::Subject(subject) => jws.text("sub") == Some(subject),
            TokenOf::Claim { name, equals } => match jws.at(name) {
                Some(Value::String(text)) => text == equals,
                Some(Value::Array(list)) => list.iter().any(|one| one == equals.as_str()),
                None | Some(_) => false,
            },
        };
        let mut fitting = self.rules.iter().filter(|(by, _)| fits(by));
        let (_, identity) = fitting.next().ok_or(Flaw::Nobody)?;
        let mut identity = identity.clone();
        let standing = &mut identity.standing;
        for (_, other) in fitting {
            if other.partner != identity.partner {
                return Err(Flaw::Nobody);
            }
            standing.roles.extend_from_slice(&other.standing.roles);
            standing.professional |= other.standing.professional;
            standing.trained_until = standing.trained_until.max(other.standing.trained_until);
        }
        let claims = &self.config.claims;
        if let Some(claim) = &claims.roles {
            let stated = jws.words(claim).into_iter().map(Role::new);
            standing
                .roles
                .extend(stated.filter(|role| self.roles.contains(role)));
        }
        standing.roles.sort_unstable();
        standing.roles.dedup();
        if let Some(claim) = &claims.professional {
            standing.professional |= jws.at(claim) == Some(&Value::Bool(true));
        }
        if let Some(claim) = &claims.trained_until {
            // What the token says of its bearer counts in the place of what was agreed of all bearers, also where it says nothing.
            standing.trained_until = jws.at(claim).and_then(instant);
        }
        Ok(identity)
    }

    /// Who acts. The issuer is a part of it: two issuers' `17` are two people.
    fn acting(&self, jws: &Jws<'_>) -> Option<Box<str>> {
        let text = match jws.at(self.config.claims.acting.as_ref()?)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(format!("{}\n{text}", self.config.issuer).into())
    }

    /// Sets the metric of how old its keys are.
    pub(crate) fn tell_of_age(&self, now: Timestamp) {
        let age = match (self.url(), self.keys.seen()) {
            (None, _) => 0,
            (Some(_), None) => -1,
            (Some(_), Some(seen)) => now.as_second().saturating_sub(seen).max(0),
        };
        self.meters.keys_age.set(age as f64);
    }

    /// The set of keys that may be used at `now`.
    fn current(&self, now: Timestamp) -> Option<Arc<Generation>> {
        if !self.is_fresh(now) {
            return None;
        }
        self.keys.set.load_full()
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        let stale = self
            .url()
            .map_or(0, |url| url.stale.as_secs().cast_signed());
        let seen = self.keys.seen.load(Ordering::Acquire);
        now.as_second() <= seen.saturating_add(stale)
    }
}

impl IssuerKeys {
    fn empty() -> Self {
        Self {
            set: ArcSwapOption::empty(),
            seen: AtomicI64::new(i64::MIN),
            wanted: AtomicBool::new(false),
            turn: Mutex::new(Turn::first()),
            bytes: ArcSwap::default(),
        }
    }

    fn len(&self) -> usize {
        self.set.load().as_ref().map_or(0, |set| set.keys.len())
    }

    /// Takes `bytes`, which were seen at `seen`, as the set of `issuer`. The same bytes again change nothing but that.
    ///
    /// # Errors
    /// If they are no set that can be used; the one before stays. One sentence.
    pub(super) fn take(&self, bytes: Vec<u8>, seen: i64, issuer: &str) -> Result<usize, String> {
        let before = self.set.load_full();
        if before.is_none() || **self.bytes.load() != bytes {
            let (keys, left_out) = KeySet::read(&bytes)?;
            for why in left_out {
                tracing::warn!(issuer, "of an issuer's keys, {why}");
            }
            let number = before.map_or(0, |before| before.number + 1);
            self.set.store(Some(Arc::new(Generation { number, keys })));
            self.bytes.store(Arc::new(bytes));
        }
        self.seen.store(seen, Ordering::Release);
        Ok(self.len())
    }

    /// A key is missing. Whoever fetches keys hears of it, and decides how often.
    fn want(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    /// When they are fetched next.
    pub(super) fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a key has been missing since this was last asked.
    pub(super) fn was_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::AcqRel)
    }

    /// Seconds since 1970 when they were last seen; `None`: never.
    pub(super) fn seen(&self) -> Option<i64> {
        let seen = self.seen.load(Ordering::Acquire);
        (seen != i64::MIN).then_some(seen)
    }
}

impl Verified {
    /// Whether it is still what it was: its issuer's keys are the same, and may be used.
    pub(super) fn still_holds(&self, now: Timestamp) -> bool {
        self.issuer.is_fresh(now)
            && self
                .issuer
                .keys
                .set
                .load()
                .as_ref()
                .is_some_and(|set| set.number == self.generation)
            && now.as_second() < self.until
    }

    /// The meters of its issuer.
    pub(super) fn meters(&self) -> &TokenMeters {
        &self.issuer.meters
    }

    /// Whether it may come over a connection with `certificate`.
    pub(super) fn may_come_with(&self, certificate: Option<&PresentedCertificate>) -> bool {
        self.bound_to
            .is_none_or(|hash| certificate.is_some_and(|shown| shown.sha256 == hash))
    }
}

/// The instant that a claim names: seconds as in `exp` (RFC 7519, `NumericDate`), an instant as text, or a day, at whose end in UTC
/// it is; `None` for anything else.
fn instant(claim: &Value) -> Option<Timestamp> {
    match claim {
        Value::Number(seconds) => Timestamp::from_second(seconds.as_i64()?).ok(),
        Value::String(text) => text.parse().ok().or_else(|| {
            let last: jiff::civil::Date = text.parse().ok()?;
            let next = last.tomorrow().ok()?;
            Some(next.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        }),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
