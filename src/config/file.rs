//! The gateway's configuration as written. Private to [`crate::config`]: serde goes no further.
//!
//! The doc comments here are what editors show. Each key is an `Option` so that a file with faults can
//! still be checked to its end; the schema says what is required. Relative paths are from the directory
//! of the file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::alerts::AlertsAsWritten;
use super::approvals::{ApprovalsAsWritten, TermsAsWritten};
use super::compress::CompressAsWritten;
use super::cors::CorsAsWritten;
use super::identify::PartnerAsWritten;
use super::issuers::IssuerAsWritten;
use super::services::{ServiceAsWritten, TlsVersionAsWritten};
use super::systems::AudienceAsWritten;
use super::traces::TracesAsWritten;
use crate::written::text::{
    AddressText, FileName, HeaderText, Name, PathName, Sha256Text, SizeText, SpanText,
    VariableText, Words, ZoneText,
};

/// Keys that people try from other tools.
pub(super) const HINTS: &[(&str, &str)] = &[
    ("upstreams", "write services"),
    ("clients", "write partners"),
    ("consumers", "write partners"),
    ("port", "write address, for example address: 0.0.0.0:8443"),
    (
        "timeout",
        "write the one that is meant, for example connect_timeout",
    ),
    ("key_sha256", "write sha256, under api_keys"),
    ("jwks_uri", "write jwks_url"),
    ("tokens", "write access_tokens"),
];

/// The gateway's configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gateway")]
pub(super) struct GatewayAsWritten {
    /// Where partners connect.
    #[schemars(required, length(min = 1))]
    pub(super) listen: Option<Vec<ListenerAsWritten>>,
    /// Where operators find metrics and health. Default: 127.0.0.1, port 9464.
    pub(super) admin: Option<AdminAsWritten>,
    /// Whose data it is.
    #[schemars(required)]
    pub(super) controller: Option<ControllerAsWritten>,
    /// Who may ask, and how each is recognised.
    #[schemars(required)]
    pub(super) partners: Option<Vec<PartnerAsWritten>>,
    /// The systems behind the gateway.
    #[schemars(required)]
    pub(super) services: Option<Vec<ServiceAsWritten>>,
    /// Files of agreements, and directories whose *.yaml files are agreements.
    #[schemars(required, length(min = 1))]
    pub(super) agreements: Option<Vec<PathName>>,
    /// Where the keys of tokens are.
    pub(super) keys: Option<KeysAsWritten>,
    /// Where and how the ledger is written.
    #[schemars(required)]
    pub(super) ledger: Option<LedgerAsWritten>,
    /// The header in which a request declares its purpose. Default: Data-Purpose.
    pub(super) purpose_header: Option<HeaderText>,
    /// Every bound on time and size.
    pub(super) limits: Option<LimitsAsWritten>,
    /// What is logged, and how.
    pub(super) log: Option<LogAsWritten>,
    /// Worker threads. Default: one for each core.
    #[schemars(range(min = 1, max = 1024), example = 4)]
    pub(super) workers: Option<u32>,
    /// The directory of what the gateway remembers beside the ledger: counts of quotas, cases, incidents, alerts on their way. Default: state, beside the ledger's directory.
    pub(super) state: Option<PathName>,
    /// Where alerts go, beside the log and the metrics.
    pub(super) alerts: Option<AlertsAsWritten>,
    /// Who approves agreements, and what has to be approved. Without it nothing has to be.
    pub(super) approvals: Option<ApprovalsAsWritten>,
    /// What agreements have to state. as-stated: what they state is checked, what they leave out is a warning.
    /// required: a basis for every purpose, business case, contacts, retention and territory. Default: as-stated.
    pub(super) terms: Option<TermsAsWritten>,
    /// The controller's record of processing: what agreements may draw on, for whom and what for.
    pub(super) register: Option<PathName>,
    /// The council's own policy, which agreements stand under. Needs the register.
    pub(super) charter: Option<PathName>,
    /// Directorates' policies under the charter.
    pub(super) directorates: Option<Vec<PathName>>,
    /// Where it is kept what people object to, consent to and are marked as. Without it nobody is looked up.
    pub(super) subjects: Option<SubjectsAsWritten>,
    /// Answers leave compressed to partners that ask for it. Without it they never do: how long a compressed answer is tells something of what is in it.
    pub(super) compress: Option<CompressAsWritten>,
    /// Issuers of access tokens.
    pub(super) issuers: Option<Vec<IssuerAsWritten>>,
    /// Which pages in browsers may ask and read. Without it none may.
    pub(super) cors: Option<CorsAsWritten>,
    /// Systems of the controller's that push to partners, and how each is recognised, at listeners that are for the council.
    pub(super) systems: Option<Vec<PartnerAsWritten>>,
    /// Where traces of exchanges go, by OpenTelemetry. Without it there are none.
    pub(super) traces: Option<TracesAsWritten>,
}

/// One place where partners connect.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Listener")]
pub(super) struct ListenerAsWritten {
    /// The address; port 0 takes any free one.
    #[schemars(required)]
    pub(super) address: Option<AddressText>,
    /// TLS 1.3 or 1.2. Either this or insecure_plain_http.
    pub(super) tls: Option<ListenerTlsAsWritten>,
    /// No TLS: for loopback, or behind a TLS terminator on a network of one's own.
    pub(super) insecure_plain_http: Option<bool>,
    /// Who connects there. partners: they ask, or send in. council: the controller's systems push to partners. Default: partners.
    pub(super) r#for: Option<AudienceAsWritten>,
}

/// A listener's TLS: PEM files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ListenerTls", example = serde_json::json!({ "certificate": "tls/chain.pem", "key": "tls/key.pem" }))]
pub(super) struct ListenerTlsAsWritten {
    /// The certificate chain, the gateway's own first.
    #[schemars(required)]
    pub(super) certificate: Option<PathName>,
    /// Its private key, which other users may not read.
    #[schemars(required)]
    pub(super) key: Option<PathName>,
    /// The oldest version spoken: 1.2 or 1.3. Default: 1.2.
    pub(super) min_version: Option<TlsVersionAsWritten>,
    /// The certificates that sign partners' certificates. Needed for certificates known by san.
    pub(super) client_ca: Option<PathName>,
    /// Lists of the certificates that client_ca's authorities have revoked, PEM or DER: one of each authority, those in between included.
    #[schemars(length(min = 1))]
    pub(super) client_crl: Option<Vec<PathName>>,
    /// What happens once the next list is overdue. refuse: to every certificate of its authority. allow: the old list goes on. Default: refuse.
    pub(super) client_crl_expired: Option<ExpiredCrlAsWritten>,
}

/// What happens to certificates once their authority's next list of revoked ones is overdue.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum ExpiredCrlAsWritten {
    Refuse,
    Allow,
}

/// Where operators find metrics and health.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Admin", example = serde_json::json!({ "address": "127.0.0.1:9464" }))]
pub(super) struct AdminAsWritten {
    /// The address: loopback, or a network that partners cannot reach.
    #[schemars(required)]
    pub(super) address: Option<AddressText>,
    /// SHA-256 of the token with which operators change things there: openssl rand -hex 32 | tr -d '\n' | tee TOKEN | sha256sum. Without it nothing can be changed.
    pub(super) token_sha256: Option<Sha256Text>,
}

/// Where it is kept what people object to, consent to and are marked as.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Subjects", example = serde_json::json!({ "store": "subjects" }))]
pub(super) struct SubjectsAsWritten {
    /// The file, made with fieldgate subjects create. While it cannot be read, nothing is released.
    #[schemars(required)]
    pub(super) store: Option<PathName>,
}

/// The organisation whose data it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Controller", example = serde_json::json!({ "name": "isle-council" }))]
pub(super) struct ControllerAsWritten {
    /// Its name, as in agreements.
    #[schemars(required)]
    pub(super) name: Option<Name>,
    /// The time zone in which agreements' days begin and end. Default: Europe/London.
    pub(super) time_zone: Option<ZoneText>,
}

/// Where the keys of tokens are.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Keys", example = serde_json::json!({ "root_key_file": "keys/root.hex", "ring": "keys/ring" }))]
pub(super) struct KeysAsWritten {
    /// A file of 64 hexadecimal digits, which other users may not read: openssl rand -hex 32 > FILE; chmod 600 FILE
    pub(super) root_key_file: Option<PathName>,
    /// An environment variable of 64 hexadecimal digits. A file or a credential is better where there is the choice.
    pub(super) root_key_env: Option<VariableText>,
    /// A file of 64 hexadecimal digits in the directory that $CREDENTIALS_DIRECTORY names: a credential of systemd, or a secret of Kubernetes.
    pub(super) root_key_credential: Option<FileName>,
    /// A secret key on a token behind PKCS#11; it never leaves the token.
    pub(super) root_key_pkcs11: Option<Pkcs11AsWritten>,
    /// The directory of the ring: the epochs of each agreement's keys, made and changed by fieldgate keys. Without it each agreement has one epoch, from the root key alone, that can be neither rotated nor destroyed.
    pub(super) ring: Option<PathName>,
}

/// A generic secret key on a token behind PKCS#11.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pkcs11", example = serde_json::json!({ "module": "/usr/lib/softhsm/libsofthsm2.so", "token": "council", "key": "fieldgate", "pin_file": "keys/pin" }))]
pub(super) struct Pkcs11AsWritten {
    /// The shared library that speaks PKCS#11 to the token.
    #[schemars(required)]
    pub(super) module: Option<PathName>,
    /// The token's label.
    #[schemars(required)]
    pub(super) token: Option<Words>,
    /// The key's label: a generic secret key that may sign.
    #[schemars(required)]
    pub(super) key: Option<Words>,
    /// A file with the user's PIN, which other users may not read.
    #[schemars(required)]
    pub(super) pin_file: Option<PathName>,
}

/// Where and how the ledger is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ledger", example = serde_json::json!({ "directory": "ledger" }))]
pub(super) struct LedgerAsWritten {
    /// The directory of its segments, on a local disk.
    #[schemars(required)]
    pub(super) directory: Option<PathName>,
    /// The size after which a new segment is begun. Default: 256MiB.
    pub(super) segment_bytes: Option<SizeText>,
    /// Entries that may wait to be written; beyond it exchanges get 503. Default: 4096.
    #[schemars(range(min = 1, max = 1_000_000), example = 4096)]
    pub(super) queue_entries: Option<u32>,
}

/// Every bound on time and size.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub(super) struct LimitsAsWritten {
    /// The longest a TLS handshake with a partner may take. Default: 10s.
    pub(super) tls_handshake: Option<SpanText>,
    /// The longest the head of a request may take to come. Default: 10s.
    pub(super) header_read: Option<SpanText>,
    /// The longest a connection may stay open without a request. Default: 60s.
    pub(super) connection_idle: Option<SpanText>,
    /// The longest between two pieces of a body, either way. Default: 30s.
    pub(super) body_idle: Option<SpanText>,
    /// The longest a whole exchange may take. Default: 15min.
    pub(super) exchange: Option<SpanText>,
    /// The longest that the ledger may take to make an intent durable. Default: 5s.
    pub(super) ledger_wait: Option<SpanText>,
    /// How long running exchanges may go on after a request to stop. Default: 30s.
    pub(super) drain: Option<SpanText>,
    /// Connections from partners open at once. Default: 10000.
    #[schemars(range(min = 1, max = 1_000_000), example = 10_000)]
    pub(super) connections: Option<u32>,
    /// Exchanges at once on one HTTP/2 connection. Default: 100.
    #[schemars(range(min = 1, max = 10_000), example = 100)]
    pub(super) streams_per_connection: Option<u32>,
    /// Headers of one request or response. Default: 100.
    #[schemars(range(min = 8, max = 1_000), example = 100)]
    pub(super) header_count: Option<u32>,
    /// The size of all headers of one request or response. Default: 32KiB.
    pub(super) header_bytes: Option<SizeText>,
    /// The size of a request's path and query together. Default: 8KiB.
    pub(super) uri_bytes: Option<SizeText>,
    /// The size of a request's body. Default: 1MiB.
    pub(super) request_body_bytes: Option<SizeText>,
    /// The size of a response's body. Default: none, since bodies stream.
    pub(super) response_body_bytes: Option<SizeText>,
    /// Objects and arrays of a body open at once. Default: 128.
    #[schemars(range(min = 1, max = 1_024), example = 128)]
    pub(super) depth: Option<u32>,
    /// The size of one record or value that is held. Default: 1MiB.
    pub(super) held_bytes: Option<SizeText>,
    /// Members of one object. Default: 65536.
    #[schemars(range(min = 1, max = 10_000_000), example = 65_536)]
    pub(super) object_members: Option<u32>,
    /// The size of one member's name. Default: 4KiB.
    pub(super) name_bytes: Option<SizeText>,
    /// The size of a body that came compressed, decompressed. Default: 1GiB.
    pub(super) decoded_bytes: Option<SizeText>,
    /// How many times larger than what came a body that came compressed may be, once it is larger than 1MiB. Default: 200.
    #[schemars(range(min = 1, max = 100_000), example = 200)]
    pub(super) decoded_ratio: Option<u32>,
    /// Connections from one address open at once (IPv6: from one /64 network). Default: 0, no bound, since partners may come through one proxy.
    #[schemars(range(min = 0, max = 1_000_000), example = 200)]
    pub(super) connections_per_address: Option<u32>,
    /// The longest a connection may be used; it then ends gently. Default: 1h.
    pub(super) connection_age: Option<SpanText>,
    /// Exchanges that a partner may give up on one connection before their answers ended. Default: 100.
    #[schemars(range(min = 1, max = 1_000_000), example = 100)]
    pub(super) connection_resets: Option<u32>,
    /// What an HTTP/2 connection may bring while no exchange runs on it. Default: 1MiB.
    pub(super) control_bytes: Option<SizeText>,
    /// The least that a request's body may average in a second, once it was waited for as long as body_idle. Default: 128; 0 for no bound.
    #[schemars(range(min = 0, max = 1_000_000), example = 128)]
    pub(super) body_bytes_per_second: Option<u32>,
    /// The bytes that the pieces of a body must average, either way, the first body_free_pieces aside. Default: 16; 0 for no bound.
    #[schemars(range(min = 0, max = 65_536), example = 16)]
    pub(super) body_piece_bytes: Option<u32>,
    /// Pieces of a body that may have any size. Default: 1000.
    #[schemars(range(min = 0, max = 1_000_000_000), example = 1_000)]
    pub(super) body_free_pieces: Option<u32>,
    /// Exchanges at once; each worker has its part. Default: 4096; 0 for no bound.
    #[schemars(range(min = 0, max = 1_000_000), example = 4_096)]
    pub(super) exchanges: Option<u32>,
    /// Exchanges at once of one partner; each worker has its part. Default: 2048; 0 for no bound.
    #[schemars(range(min = 0, max = 1_000_000), example = 2_048)]
    pub(super) exchanges_per_partner: Option<u32>,
    /// The longest that an exchange waits for another's end where a bound is reached. Default: 1s.
    pub(super) exchange_wait: Option<SpanText>,
    /// How long an unused HTTP/1.1 connection may still bring a request after a request to stop. Default: 500ms.
    pub(super) drain_idle: Option<SpanText>,
    /// How long what a partner still sends is thrown away after the last answer on its connection. Default: 2s.
    pub(super) linger: Option<SpanText>,
    /// What is let come and thrown away of the body of an HTTP/2 request that was answered before its end. Default: 1MiB.
    pub(super) unread_bytes: Option<SizeText>,
    /// Streams of an HTTP/2 connection that a partner may reset before they were taken up. Default: 20.
    #[schemars(range(min = 1, max = 1_000), example = 20)]
    pub(super) pending_resets: Option<u32>,
    /// Tokens of one exchange's subjects that may wait for the disk while more of its body leaves. Default: 64KiB.
    pub(super) ledger_ahead_bytes: Option<SizeText>,
    /// The size of one file of revoked certificates. Default: 64MiB.
    pub(super) crl_bytes: Option<SizeText>,
    /// Connections from operators open at once; further ones wait. Default: 32.
    #[schemars(range(min = 1, max = 10_000), example = 32)]
    pub(super) admin_connections: Option<u32>,
    /// The longest that the head of an operator's request may take to come, and its body again. Default: 10s.
    pub(super) admin_read: Option<SpanText>,
    /// The size of the body of an operator's request. Default: 1MiB.
    pub(super) admin_body_bytes: Option<SizeText>,
}

/// What is logged, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Log", example = serde_json::json!({ "format": "json" }))]
pub(super) struct LogAsWritten {
    /// text for people, json for machines. Default: text.
    pub(super) format: Option<LogFormatAsWritten>,
    /// The least severe that is logged. Default: info.
    pub(super) level: Option<LogLevelAsWritten>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum LogFormatAsWritten {
    Text,
    Json,
}

/// How severe a log line must be.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum LogLevelAsWritten {
    Error,
    Warn,
    Info,
    Debug,
}
