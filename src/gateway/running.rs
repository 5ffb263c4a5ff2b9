//! What runs: one immutable set of everything an exchange looks up, replaced as one (P9).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::{ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

use super::StartError;
use super::cors::Cors;
use super::desk::{Desk, Unknown, fingerprint};
use super::encoding::{self, Bounds, Coding, Direction, Encoder, Framing, Source};
use super::identity::{Asker, Expiry, Identities, PresentedCertificate};
use super::media;
use super::meters::Meters;
use super::metrics::Metrics;
use super::problem::Stop;
use super::request;
use super::service::Target;
use super::tls;
use super::unread::Unread;
use super::validators::Validators;
use super::worker::{PartnerConnection, Worker};
use crate::agreement::{
    Agreement, AgreementName, AgreementSet, Caller, Disclosure, PartnerName, Permit, PurposeName,
    Turned,
};
use crate::approval::Approved;
use crate::config::{Audience, Config, KeySource, Loaded, Transport};
use crate::explained::Texts;
use crate::ledger::{AgreementEntry, CallerEntry, Event, LayerEntry, StandingEntry, texts};
use crate::minimise::{Notice, SubjectToken};
use crate::plan::Format;
use crate::transform::SubjectTokens;
use crate::volume::Way;

/// A configuration with all it needs at hand. An exchange keeps the one it began with.
pub(crate) struct Running {
    pub(crate) config: Config,
    pub(crate) agreements: AgreementSet,
    /// What was agreed, as it is written.
    pub(crate) texts: Texts,
    pub(crate) identities: Identities,
    /// Which running set of this process it is, counted from nought.
    pub(crate) epoch: u64,
    /// What of its files expires, and when.
    pub(crate) expiries: Vec<Expiry>,
    /// The systems that push, which are recognised at listeners for the council alone.
    pub(crate) systems: Identities,
    pub(crate) metrics: Arc<Metrics>,
    /// The TLS of each of `config.listen`, in its order.
    pub(crate) tls: Vec<Option<tls::PartnerTls>>,
    pub(crate) purpose_header: HeaderName,
    /// By the disclosure's address: `agreements` keeps each where it is as long as this lives.
    routes: HashMap<usize, Arc<Route>>,
    pub(crate) targets: Vec<Arc<Target>>,
    /// Every file and directory that was read.
    pub(crate) sources: Vec<PathBuf>,
    /// The codings that partners are offered, and how hard each tries, where answers leave compressed.
    compress: Option<(Vec<Coding>, u8)>,
    /// What browsers are told, where any may ask.
    pub(crate) cors: Option<Arc<Cors>>,
    /// Makes the ledger's tokens of what callers write; `None` where the controller has no keys.
    tokens: Option<SubjectTokens>,
}

/// What an exchange needs of its disclosure, parsed and looked up once.
pub(crate) struct Route {
    pub(crate) agreement: Arc<Agreement>,
    pub(crate) disclosure: Arc<Disclosure>,
    pub(crate) meters: Meters,
    pub(crate) target: Arc<Target>,
    pub(crate) method: Method,
    /// What the service is asked for.
    pub(crate) accept: HeaderValue,
    pub(crate) request_headers: Vec<HeaderName>,
    /// Headers whose values are tokens.
    pub(crate) token_headers: Vec<(HeaderName, Turned)>,
    /// Those that leave as they came; what the gateway makes itself is not among them.
    pub(crate) response_headers: Vec<HeaderName>,
    /// What makes the validators of its answers, where they have any.
    pub(crate) validators: Option<Validators>,
    /// What an answer depends on beside its target, where that can matter to who keeps it.
    pub(crate) vary: Option<HeaderValue>,
    /// Under which agreement an answer is given: its name, version and hash.
    pub(crate) told: HeaderValue,
    /// What its answers are marked with, where its agreement says so.
    pub(crate) marking: Option<HeaderValue>,
    /// The quotas and guards that each of its purposes is under.
    ways: Vec<(PurposeName, Arc<Way>)>,
    /// Hears of what its service has begun to send, where the register says what is known.
    pub(crate) unknown: Option<Arc<dyn Notice>>,
}

impl Route {
    /// Whether a service's redirect can reach the partner.
    pub(crate) fn rewrites_location(&self) -> bool {
        let links = self.disclosure.links.as_ref();
        links.is_some_and(|links| links.headers.contains(&LOCATION.as_str()))
    }

    /// The quotas and guards that `purpose` is under, if there is one.
    pub(crate) fn way(&self, purpose: &PurposeName) -> Option<&Arc<Way>> {
        let mut ways = self.ways.iter();
        ways.find_map(|(name, way)| (name == purpose).then_some(way))
    }
}

impl Running {
    /// Makes `loaded` ready to run. Targets that `before` has and that did not change are taken over with
    /// their open connections.
    ///
    /// # Errors
    /// If a certificate or key cannot be read or used.
    pub(crate) fn new(
        loaded: Loaded,
        metrics: &Arc<Metrics>,
        desk: &Arc<Desk>,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let Loaded {
            config,
            agreements,
            texts,
            keys,
            mut sources,
            ..
        } = loaded;
        let known = before.map(|before| &before.identities);
        let identities = Identities::new(
            &config.partners,
            &config.issuers,
            &agreements,
            &metrics.identity,
            known,
        )?;
        let mut expiries = Vec::new();
        for issuer in &config.issuers {
            match &issuer.keys {
                KeySource::File(path) => sources.push(path.clone()),
                KeySource::Url(url) => {
                    sources.push(url.ca.clone());
                    expiries.extend(Expiry::of_certificates("issuer_ca", &url.ca));
                }
            }
        }
        // A token names partners alone: what was verified for one audience says nothing to another.
        let systems = Identities::new(&config.systems, &[], &agreements, &metrics.identity, None)?;
        desk.prepare(&config, &agreements)
            .map_err(StartError::State)?;
        let mut tls = Vec::new();
        for listener in &config.listen {
            tls.push(match &listener.transport {
                Transport::PlainHttp => None,
                Transport::Tls(files) => {
                    sources.extend([files.certificate.clone(), files.key.clone()]);
                    sources.extend(files.client_ca.clone());
                    sources.extend(files.client_crl.iter().cloned());
                    let own = Expiry::of_certificates("listener", &files.certificate);
                    let ca = files.client_ca.as_ref();
                    let ca = ca.and_then(|path| Expiry::of_certificates("client_ca", path));
                    expiries.extend(own.into_iter().chain(ca));
                    for path in &files.client_crl {
                        let lists = tls::revocation_lists(path, config.limits.crl_bytes)?;
                        expiries.extend(Expiry::of_lists("client_crl", path, &lists));
                    }
                    let known = match listener.audience {
                        Audience::Partners => &identities,
                        Audience::Council => &systems,
                    };
                    Some(tls::partner_tls(files, known, config.limits.crl_bytes)?)
                }
            });
        }
        let mut targets = Vec::new();
        for service in &config.services {
            sources.extend(service.files().map(Path::to_owned));
            let read = service.files();
            expiries.extend(read.filter_map(|path| Expiry::of_certificates("service", path)));
            let fresh = Target::counted(service, &config.limits, &metrics.services)?;
            let kept = before.and_then(|before| {
                before
                    .targets
                    .iter()
                    .find(|target| target.is_the_same_as(&fresh))
            });
            targets.push(kept.cloned().unwrap_or_else(|| Arc::new(fresh)));
        }
        let mut routes = HashMap::new();
        for agreement in &agreements.agreements {
            for disclosure in &agreement.disclosures {
                let target = targets
                    .iter()
                    .find(|target| target.name() == &disclosure.service)
                    .ok_or_else(|| StartError::UnknownService {
                        agreement: agreement.name.clone(),
                        disclosure: disclosure.name.clone(),
                    })?;
                let route = Route {
                    meters: metrics.meters(agreement, disclosure),
                    target: Arc::clone(target),
                    method: Method::from_bytes(disclosure.method.as_bytes())
                        .expect("a disclosure's method was checked when it was loaded"),
                    accept: disclosure
                        .response_plan()
                        .map_or(HeaderValue::from_static("*/*"), |plan| {
                            media::accept(plan.format())
                        }),
                    request_headers: header_names(&disclosure.request_headers),
                    token_headers: disclosure
                        .identifiers
                        .headers
                        .iter()
                        .map(|(name, turned)| (header_name(name), turned.clone()))
                        .collect(),
                    response_headers: header_names(&disclosure.response_headers)
                        .into_iter()
                        .filter(|name| name != ETAG)
                        .collect(),
                    vary: vary(&config, disclosure),
                    validators: Validators::new(keys.as_ref(), agreement, disclosure),
                    ways: desk.ways(agreement, disclosure),
                    told: told(agreement),
                    marking: marking(agreement),
                    unknown: Unknown::new(
                        desk,
                        agreements.register.as_ref(),
                        agreement,
                        disclosure,
                    )
                    .map(|unknown| Arc::new(unknown) as Arc<dyn Notice>),
                    agreement: Arc::clone(agreement),
                    disclosure: Arc::clone(disclosure),
                };
                routes.insert(address(disclosure), Arc::new(route));
            }
        }
        let purpose_header = HeaderName::from_bytes(config.purpose_header.as_bytes())
            .expect("the purpose header's name was checked when it was loaded");
        let compress = config.compress.as_ref().map(|compress| {
            let codings = compress.codings.iter().map(|coding| Coding::from(*coding));
            (codings.collect(), compress.level)
        });
        let cors = config.cors.as_ref();
        let cors = cors.map(|cors| Arc::new(Cors::new(cors, &agreements, &purpose_header)));
        Ok(Self {
            compress,
            config,
            agreements,
            texts,
            identities,
            epoch: before.map_or(0, |before| before.epoch + 1),
            expiries,
            systems,
            metrics: Arc::clone(metrics),
            tls,
            purpose_header,
            routes,
            targets,
            sources,
            cors,
            tokens: keys.map(|keys| SubjectTokens::new(&keys.subject())),
        })
    }

    /// `body` with what tells its end, which comes in `direction`, decoded if it is in `coding`.
    pub(crate) fn source(
        &self,
        body: (Unread, Framing),
        coding: Option<Coding>,
        direction: Direction,
    ) -> Source {
        let limits = &self.config.limits;
        let bounds = Bounds {
            bytes: limits.decoded_bytes,
            ratio: u64::from(limits.decoded_ratio),
        };
        Source::new(body, coding, bounds, &self.metrics.codings, direction)
    }

    /// What compresses the answer to `asked`, which is in `format`: nothing, unless that is configured and asked for.
    /// With it, whether the partner takes no answer as it is.
    pub(crate) fn encoder(&self, asked: &HeaderMap, format: &Format) -> Option<(Encoder, bool)> {
        let (offered, level) = self.compress.as_ref()?;
        // Events are short and are to be there at once: a coding would make them longer.
        if *format == Format::EventStream {
            return None;
        }
        let choice = encoding::choose(asked, offered)?;
        let meter = self
            .metrics
            .codings
            .meter(Direction::ToPartner, choice.coding);
        Some((Encoder::new(choice.coding, *level, meter), choice.always))
    }

    /// The route of the disclosure that permits.
    pub(crate) fn route(&self, permit: &Permit) -> &Arc<Route> {
        self.routes
            .get(&address(permit.disclosure()))
            .expect("a permit comes from the set that the routes were made of")
    }

    /// The quotas and guards of all disclosures, each with its agreement; the same count may be under several.
    pub(crate) fn ways(&self) -> impl Iterator<Item = (&AgreementName, &Way)> {
        self.routes.values().flat_map(|route| {
            let ways = route.ways.iter();
            ways.map(|(_, way)| (&route.agreement.name, &**way))
        })
    }

    /// The partner named `other`, if `partner` may ask on its behalf.
    pub(crate) fn acts_for(&self, partner: &PartnerName, other: &[u8]) -> Option<&PartnerName> {
        let mut partners = self.config.partners.iter();
        let asking = partners.find(|known| known.name == *partner)?;
        let mut others = asking.acts_for.iter();
        others.find(|name| name.as_str().as_bytes() == other)
    }

    /// What the records of whoever asks are counted by, where `head` says who that is.
    pub(crate) fn own(&self, head: &http::request::Parts) -> Option<u64> {
        let text = request::once(&head.headers, &request::DATA_STAFF_IDENTIFIER)?;
        let json = serde_json::to_string(str::from_utf8(text).ok()?).ok()?;
        let token = self.tokens.as_ref()?.token(json.as_bytes())?;
        Some(fingerprint(&token))
    }

    /// The fingerprint of the way in which `head` asks; nought where the controller has no keys.
    pub(crate) fn variant(&self, head: &http::request::Parts) -> u64 {
        let target = head
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str());
        let token = |tokens: &SubjectTokens| tokens.other("variant", target.as_bytes());
        self.tokens
            .as_ref()
            .map(token)
            .as_ref()
            .map_or(0, fingerprint)
    }

    /// The keyed digest of the one value that `header` has in `head`, in hexadecimal; `None` where it has none or more,
    /// or the controller has no keys.
    pub(crate) fn digest(
        &self,
        head: &http::request::Parts,
        what: &str,
        header: &HeaderName,
    ) -> Option<String> {
        let text = request::once(&head.headers, header).filter(|text| !text.is_empty())?;
        let token = self.tokens.as_ref()?.other(what, text);
        Some(format!("{:015x}", fingerprint(&token)))
    }

    /// What the ledger keeps of `caller`: of their own words keyed tokens, and these only where the purpose asked for them.
    pub(crate) fn entered(
        &self,
        permit: &Permit,
        caller: &Caller<'_>,
        decided: Timestamp,
    ) -> CallerEntry {
        let terms = permit.terms();
        let token = |asked: bool, what, text: Option<&[u8]>| {
            let tokens = self.tokens.as_ref().filter(|_| asked)?;
            Some(tokens.other(what, text?))
        };
        CallerEntry {
            decided: Some(decided),
            roles: caller.roles.to_vec(),
            professional: caller.professional,
            trained_until: caller.trained_until,
            credentials: (!terms.credentials.is_empty()).then_some(caller.credentials),
            reference: token(terms.reference, "reference", caller.reference),
            reason: token(terms.vital_interests, "reason", caller.reason),
            acting: None,
            person: None,
            system: None,
        }
    }

    /// What `chain` says of whoever shows it at the listener at `index`; `None` if it is not accepted there.
    pub(crate) fn presented(
        &self,
        index: usize,
        chain: &[CertificateDer<'_>],
    ) -> Option<PresentedCertificate> {
        self.tls.get(index)?.as_ref()?.presented(chain)
    }

    /// Who asks with `head` over `connection`.
    ///
    /// # Errors
    /// If nothing that is shown names one partner, or something that is shown is not accepted.
    pub(crate) fn asker(
        &self,
        worker: &Worker,
        connection: &PartnerConnection,
        head: &http::request::Parts,
        now: Timestamp,
    ) -> Result<Asker<'_>, Stop> {
        let identities = self.identities_of(connection.audience);
        let certificate = match &connection.certificate {
            None => Ok(None),
            Some(certificate) => certificate.under(self, now).map(Some),
        };
        let asker = certificate.and_then(|certificate| {
            let (certificate, headers) = (certificate.as_deref(), &head.headers);
            let remembered = &worker.remembered;
            identities.asker(certificate, headers, remembered, self.epoch, now)
        });
        asker.map_err(|reason| Stop::unknown(reason, identities.takes_tokens()))
    }

    /// Who is recognised where `audience` connects.
    pub(crate) fn identities_of(&self, audience: Audience) -> &Identities {
        match audience {
            Audience::Partners => &self.identities,
            Audience::Council => &self.systems,
        }
    }

    /// Sets the metrics of what expires and of how old issuers' keys are, as they are at `now`.
    pub(crate) fn tell_of_identities(&self, now: Timestamp) {
        let read = self.expiries.iter();
        let read = read.map(|expiry| (expiry.kind, expiry.file.as_str(), expiry.at));
        let config = &self.config;
        let is_partner = |name: &PartnerName| {
            let mut known = config.partners.iter().chain(&config.systems);
            known.any(|known| known.name == *name)
        };
        self.metrics.identity.tell_of_expiry(read, is_partner, now);
        for issuer in self.identities.issuers() {
            issuer.tell_of_age(now);
        }
    }

    /// The ledger's token of who acts at the partner's: by the access token, else by the header in which the partner says
    /// so. `None` where neither does, or the controller has no keys.
    pub(crate) fn person(
        &self,
        asker: &Asker<'_>,
        head: &http::request::Parts,
    ) -> Option<SubjectToken> {
        let tokens = self.tokens.as_ref()?;
        if let Some(person) = asker.acting() {
            return Some(tokens.other("person", person.as_bytes()));
        }
        let text = request::once(&head.headers, &request::DATA_STAFF_IDENTIFIER)?;
        // Two partners' numbers of the same digits are two people.
        let text = [asker.identity().partner.as_str().as_bytes(), b"\n", text].concat();
        Some(tokens.other("person", &text))
    }

    /// Who connects to the listener at `index` of the configuration.
    pub(crate) fn audience(&self, index: usize) -> Audience {
        let listener = self.config.listen.get(index);
        listener.map_or(Audience::Partners, |listener| listener.audience)
    }

    /// The TLS settings for connections to the listener at `index` of the configuration.
    pub(crate) fn server_config(&self, index: usize) -> Option<&Arc<ServerConfig>> {
        self.tls
            .get(index)
            .and_then(Option::as_ref)
            .map(|tls| &tls.config)
    }

    /// Keeps the texts of this set beside the ledger in `directory`, before it begins to run: who reads its entries
    /// later can read what was agreed.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn keep_texts(&self, directory: &Path) -> Result<(), StartError> {
        texts::keep(directory, self.texts.all()).map_err(|source| StartError::Texts {
            directory: directory.to_owned(),
            source,
        })
    }

    /// What the ledger is told when this set begins to run.
    pub(crate) fn event(&self) -> Event {
        Event::Agreements {
            agreements: self
                .agreements
                .agreements
                .iter()
                .map(|agreement| AgreementEntry {
                    name: agreement.name.clone(),
                    version: agreement.version,
                    hash: agreement.hash.clone(),
                    text: agreement.text_hash.clone(),
                    tables: agreement.tables.clone(),
                })
                .collect(),
            layers: layers(&self.agreements),
            standing: standing(&self.agreements),
        }
    }
}

/// What an answer of `disclosure` depends on beside its target: who asks and what for, where it may be asked for again by its
/// validator, and the codings that the partner takes, where it may leave in one.
fn vary(config: &Config, disclosure: &Disclosure) -> Option<HeaderValue> {
    let mut names = Vec::new();
    if disclosure
        .response_headers
        .iter()
        .any(|name| name == ETAG.as_str())
    {
        names.extend(["authorization", "x-api-key", "data-on-behalf-of"]);
        names.push(&config.purpose_header);
    }
    if config.compress.is_some() {
        names.push("accept-encoding");
    }
    let names = (!names.is_empty()).then(|| names.join(", "))?;
    HeaderValue::from_str(&names).ok()
}

/// What the header Data-Marking says of what `agreement` lets out.
fn marking(agreement: &Agreement) -> Option<HeaderValue> {
    let marking = HeaderValue::from_str(agreement.marking.as_ref()?);
    Some(marking.expect("a marking is of capitals, digits, spaces, colons and hyphens"))
}

/// What the header Data-Agreement says of `agreement`.
fn told(agreement: &Agreement) -> HeaderValue {
    let text = format!(
        "{}; version={}; hash={}",
        agreement.name, agreement.version, agreement.hash
    );
    HeaderValue::from_str(&text).expect("a name, a number and hexadecimal digits are visible ASCII")
}

/// The register and the policies that `agreements` were held against.
fn layers(agreements: &AgreementSet) -> Vec<LayerEntry> {
    let register = agreements.register.iter().map(|register| LayerEntry {
        layer: "register",
        name: register.controller.clone(),
        version: register.version,
        hash: register.hash.clone(),
    });
    let charter = agreements.charter.iter();
    let charter = charter
        .flat_map(|charter| charter.layers())
        .map(|layer| LayerEntry {
            layer: match layer.parent {
                None => "charter",
                Some(_) => "directorate",
            },
            name: layer.name.clone(),
            version: layer.version,
            hash: layer.hash.clone(),
        });
    register.chain(charter).collect()
}

/// What no text says of the agreements: those that lack an approval, or whose keys are destroyed.
fn standing(agreements: &AgreementSet) -> Vec<StandingEntry> {
    let entry = |agreement: &Arc<Agreement>| {
        let missing = match &agreement.approved {
            Approved::NotAsked | Approved::Approved(_) => Vec::new(),
            Approved::Draft { missing, .. } => missing.clone(),
        };
        let stands = missing.is_empty() && !agreement.keys_destroyed;
        (!stands).then(|| StandingEntry {
            agreement: agreement.name.clone(),
            missing,
            keys_destroyed: agreement.keys_destroyed,
        })
    };
    agreements.agreements.iter().filter_map(entry).collect()
}

fn address(disclosure: &Arc<Disclosure>) -> usize {
    Arc::as_ptr(disclosure).addr()
}

/// `names` parsed. Which of them may never cross was checked when they were loaded.
fn header_names(names: &[String]) -> Vec<HeaderName> {
    names.iter().map(|name| header_name(name)).collect()
}

fn header_name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).expect("a header's name was checked when it was loaded")
}
