//! The gateway's configuration: files in, a running set's parts out.
//!
//! [`load`] reads `fieldgate.yaml` and the agreements it names, checks everything, and gives the typed
//! [`Config`] with the compiled [`AgreementSet`], or every fault of every file. `file` is the
//! configuration as written, `check` turns it into a [`Config`], `load` alone reads files.

mod alerts;
mod approvals;
mod check;
mod compress;
mod cors;
mod file;
mod identify;
mod issuers;
mod layers;
mod load;
mod security;
mod services;
mod systems;
mod traces;

pub use alerts::Webhook;
pub use approvals::Approvals;
pub(crate) use approvals::read as read_approvals;
pub use compress::{Compress, PartnerCoding};
pub use cors::Cors;
pub use identify::{AccessToken, ApiKey, Partner, Proof, Standing, TokenOf};
pub use issuers::{Algorithm, Claims, Issuer, KeySource, KeyUrl};
pub use load::{
    gateway_schema, load, load_agreements, load_alone, load_root_key, load_texts,
    load_without_keys, tables,
};
pub use services::{Breaker, Endpoint, Health, Http2, Service, ServiceTls};
pub use traces::{PartnerTrace, Traces};

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::agreement::{AgreementSet, Context, Demand, Faults, SystemName};
use crate::explained::Texts;
use crate::keyring::{Evidence, RootPlace, Unusable};
use crate::minimise;
use crate::transform::Keys;

/// The gateway's configuration, checked. All paths are absolute or relative to the process's directory.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where partners, and systems of the controller's, connect; at least one.
    pub listen: Vec<Listener>,
    /// Where operators find metrics and health. Default `127.0.0.1:9464`.
    pub admin: SocketAddr,
    /// Whose data it is.
    pub controller: Controller,
    /// Who may ask, and how each is recognised. No two share a certificate, a name in one or a key.
    pub partners: Vec<Partner>,
    /// The controller's systems that push to partners. Each is recognised as a partner is, and only at listeners for the
    /// council; as the name of a partner it has its own.
    pub systems: Vec<Partner>,
    /// The systems behind the gateway; names are unique.
    pub services: Vec<Service>,
    /// The files and directories that hold the agreements.
    pub agreements: Vec<PathBuf>,
    /// Where the controller's keys are, if any are configured.
    pub keys: Option<KeyPlaces>,
    /// Where and how the ledger is written.
    pub ledger: Ledger,
    /// The header in which a request declares its purpose, lower case. Default `data-purpose`.
    pub purpose_header: String,
    /// Every bound on time and size.
    pub limits: Limits,
    /// What is logged, and how.
    pub log: Log,
    /// Who approves agreements, and what has to be approved, if anything has.
    pub approvals: Option<Approvals>,
    /// What agreements have to state.
    pub demand: Demand,
    /// Worker threads, each with a runtime of its own. Default: one for each core.
    pub workers: NonZeroUsize,
    /// SHA-256 of the token with which operators change things over the admin listener; `None`: nobody can.
    pub admin_token: Option<[u8; 32]>,
    /// The file of the subjects' store; `None`: nobody is looked up.
    pub subjects: Option<PathBuf>,
    /// The directory of what is remembered beside the ledger. Default: `state`, beside the ledger's directory.
    pub state: PathBuf,
    /// Where alerts go, beside the log and the metrics.
    pub webhook: Option<Webhook>,
    /// How answers leave compressed to partners that ask for it; `None`: they never do.
    pub compress: Option<Compress>,
    /// Issuers of access tokens; names and `issuer`s are unique.
    pub issuers: Vec<Issuer>,
    /// Which pages in browsers may ask and read; `None`: none may.
    pub cors: Option<Cors>,
    /// Where traces of exchanges go; `None`: there are none.
    pub traces: Option<Traces>,
}

/// Where the controller's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPlaces {
    /// The source of the root key.
    pub root: RootPlace,
    /// The directory of the ring. Without one every agreement has one epoch, from the root key alone.
    pub ring: Option<PathBuf>,
}

/// Who connects to a listener: the one kind has nothing of the other's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Audience {
    /// Partners, who ask or send in.
    #[default]
    Partners,
    /// Systems of the controller's, which push to partners.
    Council,
}

/// One place where partners, or systems of the controller's, connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address; port 0 takes any free one.
    pub address: SocketAddr,
    /// What is spoken there.
    pub transport: Transport,
    /// Who connects there.
    pub audience: Audience,
}

/// What a listener speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// HTTP over TLS 1.3 or 1.2.
    Tls(ListenerTls),
    /// HTTP in the clear (`insecure_plain_http: true`): for loopback, or behind a TLS terminator.
    PlainHttp,
}

/// The TLS of a listener: paths of PEM files, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// The certificate chain, the gateway's own first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whether nothing older than TLS 1.3 is spoken.
    pub only_tls13: bool,
    /// Certificates that sign partners' certificates. Without it only pinned ones (`spki_sha256`) identify.
    pub client_ca: Option<PathBuf>,
    /// Lists of certificates that `client_ca`'s authorities have revoked. Empty: nothing is looked up.
    pub client_crl: Vec<PathBuf>,
    /// What happens once the next list is overdue.
    pub expired_crl: ExpiredCrl,
}

/// What happens to certificates once their authority's next list of revoked ones is overdue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExpiredCrl {
    /// Each of them is refused: nobody knows any more which are revoked.
    #[default]
    Refuse,
    /// The old list goes on.
    Allow,
}

/// The controller: the organisation that runs the gateway.
#[derive(Debug, Clone)]
pub struct Controller {
    /// Its name, as in agreements' `parties.controller`.
    pub name: String,
    /// The time zone in which agreements' days begin and end. Default `Europe/London`.
    pub time_zone: jiff::tz::TimeZone,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tls_handshake: Duration::from_secs(10),
            header_read: Duration::from_secs(10),
            connection_idle: Duration::from_secs(60),
            body_idle: Duration::from_secs(30),
            exchange: Duration::from_secs(15 * 60),
            ledger_wait: Duration::from_secs(5),
            drain: Duration::from_secs(30),
            connections: 10_000,
            streams_per_connection: 100,
            header_count: 100,
            header_bytes: 32 << 10,
            uri_bytes: 8 << 10,
            request_body: minimise::Limits {
                body_bytes: 1 << 20,
                ..minimise::Limits::default()
            },
            response_body: minimise::Limits::default(),
            decoded_bytes: 1 << 30,
            decoded_ratio: 200,
            connections_per_address: 0,
            connection_age: Duration::from_secs(60 * 60),
            connection_resets: 100,
            control_bytes: 1 << 20,
            body_bytes_per_second: 128,
            body_piece_bytes: 16,
            exchanges: 4_096,
            exchanges_per_partner: 2_048,
            exchange_wait: Duration::from_secs(1),
            drain_idle: Duration::from_millis(500),
            linger: Duration::from_secs(2),
            unread_bytes: 1 << 20,
            pending_resets: 20,
            ledger_ahead_bytes: 64 << 10,
            body_free_pieces: 1_000,
            crl_bytes: 64 << 20,
            admin_connections: 32,
            admin_read: Duration::from_secs(10),
            admin_body_bytes: 1 << 20,
        }
    }
}

impl Config {
    /// What should be looked at of it at `now`, a sentence each.
    #[must_use]
    pub fn notes(&self, now: jiff::Timestamp) -> Vec<String> {
        let partners = self.partners.iter();
        partners.flat_map(|partner| partner.warnings(now)).collect()
    }

    /// What agreements are checked against under this configuration, its register and charter aside: those are files of
    /// their own, which a loaded [`AgreementSet`] has.
    #[must_use]
    pub fn agreement_context(&self, keys: Option<Keys>) -> Context {
        Context {
            controller: Some(self.controller.name.clone()),
            partners: Some(
                self.partners
                    .iter()
                    .map(|partner| partner.name.clone())
                    .collect(),
            ),
            services: Some(
                self.services
                    .iter()
                    .map(|service| service.name.clone())
                    .collect(),
            ),
            systems: Some(
                self.systems
                    .iter()
                    .map(|system| SystemName::new(system.name.as_str()))
                    .collect(),
            ),
            keys,
            request_limits: self.limits.request_body.clone(),
            response_limits: self.limits.response_body.clone(),
            time_zone: self.controller.time_zone.clone(),
            tables: tables(),
            demand: self.demand,
            approvals: self.approvals.as_ref().map(Approvals::policy_once),
            register: None,
            charter: None,
            subjects: Some(self.subjects.is_some()),
            as_was: None,
        }
    }
}

/// Where and how the ledger is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The directory of its segments.
    pub directory: PathBuf,
    /// Bytes after which a new segment is begun. Default 256 MiB.
    pub segment_bytes: u64,
    /// Entries that may wait to be written; beyond it exchanges get 503. Default 4,096.
    pub queue_entries: usize,
}

/// Every bound on time and size that is not a service's or the ledger's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest a TLS handshake with a partner may take. Default 10 s.
    pub tls_handshake: Duration,
    /// The longest the head of a request may take to come. Default 10 s.
    pub header_read: Duration,
    /// The longest a connection may stay open without a request. Default 60 s.
    pub connection_idle: Duration,
    /// The longest between two pieces of a body, either way. Default 30 s.
    pub body_idle: Duration,
    /// The longest a whole exchange may take. Default 15 min.
    pub exchange: Duration,
    /// The longest that the ledger may take to make an intent durable. Default 5 s.
    pub ledger_wait: Duration,
    /// How long running exchanges may go on after a request to stop. Default 30 s.
    pub drain: Duration,
    /// Connections from partners open at once, over all listeners. Default 10,000.
    pub connections: usize,
    /// Exchanges running at once on one HTTP/2 connection. Default 100.
    pub streams_per_connection: u32,
    /// Headers of one request or response. Default 100.
    pub header_count: usize,
    /// Bytes of all headers of one request or response. Default 32 KiB.
    pub header_bytes: usize,
    /// Bytes of a request's path and query together. Default 8 KiB.
    pub uri_bytes: usize,
    /// Bounds of request bodies; `body_bytes` defaults to 1 MiB.
    pub request_body: minimise::Limits,
    /// Bounds of response bodies; `body_bytes` defaults to none.
    pub response_body: minimise::Limits,
    /// Bytes of one body that came in a content coding, decoded. Default 1 GiB.
    pub decoded_bytes: u64,
    /// Decoded bytes for each coded one, once more than 1 MiB came out. Default 200.
    pub decoded_ratio: u32,
    /// Connections from one address (IPv6: one /64 network) open at once; 0 for no bound of their own, the default,
    /// since partners may come through one proxy.
    pub connections_per_address: usize,
    /// The longest a connection may be used; it then ends gently, after the exchange that runs. Default 1 h.
    pub connection_age: Duration,
    /// Exchanges that a partner may give up on one connection before their answers ended. Default 100.
    pub connection_resets: u32,
    /// Bytes that an HTTP/2 connection may bring while no exchange runs on it. Default 1 MiB.
    pub control_bytes: usize,
    /// The least that a request's body may average in a second, once it was waited for as long as `body_idle`.
    /// Default 128 B; 0 for no bound.
    pub body_bytes_per_second: u64,
    /// The least that the pieces of a body may average, either way, the first `body_free_pieces` aside. Default 16 B; 0 for
    /// no bound.
    pub body_piece_bytes: u64,
    /// Exchanges at once, of which each worker has its part; 0 for no bound. Default 4,096.
    pub exchanges: usize,
    /// Exchanges at once of one partner, of which each worker has its part; 0 for no bound. Default 2,048.
    pub exchanges_per_partner: usize,
    /// The longest that an exchange waits for another's end where a bound is reached. Default 1 s.
    pub exchange_wait: Duration,
    /// How long an unused HTTP/1.1 connection may still bring a request after a request to stop. Default 500 ms.
    pub drain_idle: Duration,
    /// How long what a partner still sends is thrown away after the last answer on its connection, so that no reset
    /// takes the answer's end away (RFC 9112 section 9.6). Default 2 s.
    pub linger: Duration,
    /// Bytes that are let come, and thrown away, of the body of an HTTP/2 request that was answered before its end.
    /// Default 1 MiB.
    pub unread_bytes: usize,
    /// Streams of an HTTP/2 connection that a partner may reset before they were taken up (CVE-2023-44487). Default 20.
    pub pending_resets: usize,
    /// Bytes of tokens of one exchange's subjects that may wait for the disk while more of its body leaves, one piece over.
    /// Default 64 KiB.
    pub ledger_ahead_bytes: usize,
    /// Pieces of a body that may have any size, before `body_piece_bytes` counts. Default 1,000.
    pub body_free_pieces: u64,
    /// Bytes of one file of revoked certificates, which is held in memory. Default 64 MiB.
    pub crl_bytes: u64,
    /// Connections from operators open at once; further ones wait. Default 32.
    pub admin_connections: usize,
    /// The longest that the head of an operator's request may take to come, and its body again. Default 10 s.
    pub admin_read: Duration,
    /// Bytes of the body of an operator's request. Default 1 MiB.
    pub admin_body_bytes: usize,
}

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// The least severe level that is logged.
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How severe a log line must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something should be looked at.
    Warn,
    /// What the gateway does.
    #[default]
    Info,
    /// How it does it.
    Debug,
}

/// A configuration and everything it names, ready to run.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The agreements, compiled.
    pub agreements: AgreementSet,
    /// The text of each agreement and of each layer above them, by its hash.
    pub texts: Texts,
    /// The controller's keys, if any are configured.
    pub keys: Option<Keys>,
    /// Changes of the ring that no ledger has entered yet.
    pub evidence: Evidence,
    /// Every file and directory that was read: what to watch for changes.
    pub sources: Vec<PathBuf>,
}

/// Why a configuration cannot run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    /// The files' contents are at fault: exit code 1. Every fault, a line each.
    #[error("{0}")]
    Content(Faults),
    /// A file cannot be read, or a key may be read by others: exit code 3. One sentence.
    #[error("{}: {message}", path.display())]
    Environment {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it and what to do.
        message: String,
    },
}

impl From<Unusable> for ConfigFault {
    fn from(Unusable { place, message }: Unusable) -> Self {
        Self::Environment {
            path: place,
            message,
        }
    }
}
