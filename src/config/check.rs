//! The configuration as written to a [`Config`] as meant, or every fault it has. Reads no files.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::compress::CompressAsWritten;
use super::file::{
    GatewayAsWritten, LimitsAsWritten, ListenerAsWritten, LogFormatAsWritten, LogLevelAsWritten,
};
use super::services::TlsVersionAsWritten;
use super::systems::AudienceAsWritten;
use super::{
    Audience, Config, Controller, ExpiredCrl, KeyPlaces, Ledger, Limits, Listener, ListenerTls,
    Log, LogFormat, LogLevel, Transport,
};
use crate::keyring::{Credential, KeyFile, Pkcs11Key, RootPlace, Variable};
use crate::written::text::{AddressText, Name, PathName, Sha256Text, SizeText, SpanText};
use crate::written::{Fault, Written};

type File = Written<GatewayAsWritten>;

const ADMIN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464);
const TIME_ZONE: &str = "Europe/London";
const PURPOSE_HEADER: &str = "data-purpose";
const SEGMENT_BYTES: u64 = 256 << 20;
/// The least segment: a segment an entry would make verification open a file for each.
const LEAST_SEGMENT_BYTES: u64 = 64 << 10;
const QUEUE_ENTRIES: usize = 4_096;

/// The controller's time zone, or the default's where it is at fault or left out.
pub(super) fn time_zone(file: &File, faults: &mut Vec<Fault>) -> TimeZone {
    let name = file
        .value
        .controller
        .as_ref()
        .and_then(|controller| controller.time_zone.as_ref());
    TimeZone::get(name.map_or(TIME_ZONE, |name| &name.0)).unwrap_or_else(|_| {
        file.fault(
            faults,
            "/controller/time_zone",
            "the time zone database has no such zone; write for example Europe/London",
        );
        TimeZone::UTC
    })
}

/// Where the keys are, if there are any; relative paths are from `base`.
pub(super) fn key_places(file: &File, base: &Path, faults: &mut Vec<Fault>) -> Option<KeyPlaces> {
    const AT: &str = "/keys";
    let keys = file.value.keys.as_ref()?;
    let path = |path: &PathName| base.join(&path.0);
    let from_file = keys.root_key_file.as_ref();
    let variable = keys.root_key_env.as_ref();
    let credential = keys.root_key_credential.as_ref();
    let sources = [
        (
            "root_key_file",
            from_file.map(|file| RootPlace::File(KeyFile(path(file)))),
        ),
        (
            "root_key_env",
            variable.map(|name| RootPlace::Variable(Variable(name.0.clone()))),
        ),
        (
            "root_key_credential",
            credential.map(|name| RootPlace::Credential(Credential(name.0.clone()))),
        ),
        (
            "root_key_pkcs11",
            keys.root_key_pkcs11.as_ref().and_then(|written| {
                // What is left out has been told.
                Some(RootPlace::Pkcs11(Pkcs11Key {
                    module: path(written.module.as_ref()?),
                    token: written.token.as_ref()?.0.clone(),
                    key: written.key.as_ref()?.0.clone(),
                    pin_file: path(written.pin_file.as_ref()?),
                }))
            }),
        ),
    ];
    let mut found = sources
        .into_iter()
        .filter_map(|(key, place)| Some((key, place?)));
    let Some((first, root)) = found.next() else {
        // Of one that is incomplete that has been told.
        if keys.root_key_pkcs11.is_none() && !file.is_faulted_within(AT) {
            file.fault(
                faults,
                AT,
                "the root key has no source; write root_key_file, root_key_env, root_key_credential or root_key_pkcs11",
            );
        }
        return None;
    };
    for (second, _) in found {
        file.fault_at_key(
            faults,
            &format!("{AT}/{second}"),
            format!("the root key has one source, and `{first}` is there already; leave one of the two out"),
        );
    }
    Some(KeyPlaces {
        root,
        ring: keys.ring.as_ref().map(path),
    })
}

/// Checks `file`; relative paths are from `base`. `None` adds at least one fault.
pub(super) fn check(file: &File, base: &Path, faults: &mut Vec<Fault>) -> Option<Config> {
    let written = &file.value;
    let before = faults.len();
    let check = Check { file, base };
    let listen: Vec<Listener> = written
        .listen
        .iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, listener)| {
            check.listener(&format!("/listen/{index}"), listener, faults)
        })
        .collect();
    let admin = match written
        .admin
        .as_ref()
        .and_then(|admin| admin.address.as_ref())
    {
        Some(address) => check.address("/admin/address", address, faults),
        None => Some(ADMIN),
    };
    let controller = written
        .controller
        .as_ref()
        .and_then(|controller| controller.name.as_ref())
        .map(|name| Controller {
            name: name.0.clone(),
            time_zone: time_zone(file, faults),
        });
    let issuers = check.issuers(faults);
    let partners = written.partners.as_deref().unwrap_or_default();
    let partners = check.identified(
        ("/partners", "partner"),
        Audience::Partners,
        partners,
        faults,
    );
    let systems = check.systems(&listen, faults);
    let services = check.services(written.services.as_deref().unwrap_or_default(), faults);
    let purpose_header = check.purpose_header(faults);
    let key_places = key_places(file, base, faults);
    let ledger = check.ledger(faults);
    let nothing = LimitsAsWritten::default();
    let limits = check.limits(written.limits.as_ref().unwrap_or(&nothing), faults);
    let approvals = super::approvals::check(file, base, faults);
    let log = written.log.as_ref();
    let log = Log {
        format: match log.and_then(|log| log.format) {
            None | Some(LogFormatAsWritten::Text) => LogFormat::Text,
            Some(LogFormatAsWritten::Json) => LogFormat::Json,
        },
        level: match log.and_then(|log| log.level) {
            Some(LogLevelAsWritten::Error) => LogLevel::Error,
            Some(LogLevelAsWritten::Warn) => LogLevel::Warn,
            None | Some(LogLevelAsWritten::Info) => LogLevel::Info,
            Some(LogLevelAsWritten::Debug) => LogLevel::Debug,
        },
    };
    let state = check.state();
    let webhook = check.webhook(faults);
    let traces = check.traces(faults);
    let workers = written
        .workers
        .and_then(|workers| usize::try_from(workers).ok())
        .and_then(NonZeroUsize::new)
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN);
    let admin_token = written
        .admin
        .as_ref()
        .and_then(|admin| admin.token_sha256.as_ref())
        .and_then(Sha256Text::bytes);
    let subjects = check.subjects(faults);
    let cors = check.cors(faults);
    if faults.len() > before {
        return None;
    }
    Some(Config {
        listen,
        admin: admin?,
        controller: controller?,
        partners,
        systems,
        services,
        agreements: written
            .agreements
            .iter()
            .flatten()
            .map(|path| check.path(path))
            .collect(),
        keys: key_places,
        ledger: ledger?,
        purpose_header,
        limits,
        log,
        approvals,
        demand: super::approvals::demand(file),
        workers,
        admin_token,
        subjects,
        state: state?,
        webhook,
        compress: written.compress.as_ref().map(CompressAsWritten::meant),
        issuers,
        cors,
        traces,
    })
}

pub(super) struct Check<'a> {
    pub(super) file: &'a File,
    base: &'a Path,
}

impl Check<'_> {
    pub(super) fn path(&self, path: &PathName) -> PathBuf {
        self.base.join(&path.0)
    }

    fn address(
        &self,
        pointer: &str,
        address: &AddressText,
        faults: &mut Vec<Fault>,
    ) -> Option<SocketAddr> {
        let parsed = address.0.parse().ok();
        if parsed.is_none() {
            self.file.fault(
                faults,
                pointer,
                "not an IP address and a port; write for example 127.0.0.1:8080, 0.0.0.0:8443 or [::]:8443",
            );
        }
        parsed
    }

    fn listener(
        &self,
        pointer: &str,
        listener: &ListenerAsWritten,
        faults: &mut Vec<Fault>,
    ) -> Option<Listener> {
        let address = listener
            .address
            .as_ref()
            .and_then(|address| self.address(&format!("{pointer}/address"), address, faults));
        let transport = match (&listener.tls, listener.insecure_plain_http.unwrap_or(false)) {
            (Some(tls), false) => {
                let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) else {
                    return None;
                };
                Transport::Tls(ListenerTls {
                    certificate: self.path(certificate),
                    key: self.path(key),
                    only_tls13: tls.min_version.is_some_and(TlsVersionAsWritten::is_tls13),
                    client_ca: tls.client_ca.as_ref().map(|path| self.path(path)),
                    client_crl: self.client_crl(pointer, tls, faults),
                    expired_crl: tls
                        .client_crl_expired
                        .map_or(ExpiredCrl::Refuse, ExpiredCrl::from),
                })
            }
            (None, true) => Transport::PlainHttp,
            (Some(_), true) => {
                self.file.fault_at_key(
                    faults,
                    &format!("{pointer}/insecure_plain_http"),
                    "a listener has `tls` or `insecure_plain_http`, not both; leave this out",
                );
                return None;
            }
            (None, false) => {
                self.file.fault(
                    faults,
                    pointer,
                    "a listener needs tls: { certificate: FILE, key: FILE }, or insecure_plain_http: true for loopback",
                );
                return None;
            }
        };
        Some(Listener {
            address: address?,
            transport,
            audience: AudienceAsWritten::audience(listener.r#for),
        })
    }

    /// Whether `value` identifies nobody else yet.
    pub(super) fn first(
        &self,
        seen: &mut Seen,
        pointer: &str,
        value: String,
        faults: &mut Vec<Fault>,
    ) -> bool {
        let line = self.file.line(pointer);
        match seen.insert(value, line) {
            None => true,
            Some(earlier) => {
                self.file.fault(
                    faults,
                    pointer,
                    format!("line {earlier} has the same, so it could not tell who asks; give each partner its own"),
                );
                false
            }
        }
    }

    pub(super) fn unique(
        &self,
        names: &mut Seen,
        pointer: &str,
        name: Option<&Name>,
        kind: &str,
        faults: &mut Vec<Fault>,
    ) {
        if let Some(name) = name
            && let Some(earlier) = names.insert(name.0.clone(), self.file.line(pointer))
        {
            self.file.fault(
                faults,
                pointer,
                format!(
                    "a second {kind} `{}`, the first is on line {earlier}; give each its own name",
                    name.0
                ),
            );
        }
    }

    fn purpose_header(&self, faults: &mut Vec<Fault>) -> String {
        let Some(name) = &self.file.value.purpose_header else {
            return PURPOSE_HEADER.to_owned();
        };
        let name = name.0.to_ascii_lowercase();
        if name != PURPOSE_HEADER
            && let Some(reason) = crate::agreement::refused_header(&name)
        {
            self.file.fault(
                faults,
                "/purpose_header",
                format!(
                    "`{name}` cannot hold the purpose: {reason}; write for example Data-Purpose"
                ),
            );
        }
        name
    }

    fn ledger(&self, faults: &mut Vec<Fault>) -> Option<Ledger> {
        let ledger = self.file.value.ledger.as_ref()?;
        let segment_bytes = size(ledger.segment_bytes.as_ref(), SEGMENT_BYTES);
        if segment_bytes < LEAST_SEGMENT_BYTES {
            self.file.fault(
                faults,
                "/ledger/segment_bytes",
                "a segment has at least 64KiB; write for example 256MiB",
            );
        }
        Some(Ledger {
            directory: self.path(ledger.directory.as_ref()?),
            segment_bytes,
            queue_entries: count(ledger.queue_entries, QUEUE_ENTRIES),
        })
    }

    fn subjects(&self, faults: &mut Vec<Fault>) -> Option<PathBuf> {
        let store = self.file.value.subjects.as_ref()?.store.as_ref()?;
        if self.file.value.keys.is_none() {
            self.file.fault(
                faults,
                "/subjects",
                "people are looked up by keyed tokens; write keys too, for example keys: { root_key_file: root.key }",
            );
        }
        Some(self.path(store))
    }

    fn limits(&self, limits: &LimitsAsWritten, faults: &mut Vec<Fault>) -> Limits {
        let default = Limits::default();
        let in_memory = |text: Option<&SizeText>, default: usize| {
            usize::try_from(size(text, default as u64)).unwrap_or(usize::MAX)
        };
        let body =
            |default: &crate::minimise::Limits, bytes: Option<&SizeText>| crate::minimise::Limits {
                depth: count(limits.depth, default.depth),
                held_bytes: in_memory(limits.held_bytes.as_ref(), default.held_bytes),
                object_members: count(limits.object_members, default.object_members),
                name_bytes: in_memory(limits.name_bytes.as_ref(), default.name_bytes),
                body_bytes: size(bytes, default.body_bytes),
            };
        let checked = Limits {
            tls_handshake: span(limits.tls_handshake.as_ref(), default.tls_handshake),
            header_read: span(limits.header_read.as_ref(), default.header_read),
            connection_idle: span(limits.connection_idle.as_ref(), default.connection_idle),
            body_idle: span(limits.body_idle.as_ref(), default.body_idle),
            exchange: span(limits.exchange.as_ref(), default.exchange),
            ledger_wait: span(limits.ledger_wait.as_ref(), default.ledger_wait),
            drain: span(limits.drain.as_ref(), default.drain),
            connections: count(limits.connections, default.connections),
            streams_per_connection: limits
                .streams_per_connection
                .unwrap_or(default.streams_per_connection),
            header_count: count(limits.header_count, default.header_count),
            header_bytes: in_memory(limits.header_bytes.as_ref(), default.header_bytes),
            uri_bytes: in_memory(limits.uri_bytes.as_ref(), default.uri_bytes),
            request_body: body(&default.request_body, limits.request_body_bytes.as_ref()),
            response_body: body(&default.response_body, limits.response_body_bytes.as_ref()),
            decoded_bytes: size(limits.decoded_bytes.as_ref(), default.decoded_bytes),
            decoded_ratio: limits.decoded_ratio.unwrap_or(default.decoded_ratio),
            connections_per_address: count(
                limits.connections_per_address,
                default.connections_per_address,
            ),
            connection_age: span(limits.connection_age.as_ref(), default.connection_age),
            connection_resets: limits
                .connection_resets
                .unwrap_or(default.connection_resets),
            control_bytes: in_memory(limits.control_bytes.as_ref(), default.control_bytes),
            body_bytes_per_second: limits
                .body_bytes_per_second
                .map_or(default.body_bytes_per_second, u64::from),
            body_piece_bytes: limits
                .body_piece_bytes
                .map_or(default.body_piece_bytes, u64::from),
            exchanges: count(limits.exchanges, default.exchanges),
            exchanges_per_partner: count(
                limits.exchanges_per_partner,
                default.exchanges_per_partner,
            ),
            exchange_wait: span(limits.exchange_wait.as_ref(), default.exchange_wait),
            drain_idle: span(limits.drain_idle.as_ref(), default.drain_idle),
            linger: span(limits.linger.as_ref(), default.linger),
            unread_bytes: in_memory(limits.unread_bytes.as_ref(), default.unread_bytes),
            pending_resets: count(limits.pending_resets, default.pending_resets),
            ledger_ahead_bytes: in_memory(
                limits.ledger_ahead_bytes.as_ref(),
                default.ledger_ahead_bytes,
            ),
            body_free_pieces: limits
                .body_free_pieces
                .map_or(default.body_free_pieces, u64::from),
            crl_bytes: size(limits.crl_bytes.as_ref(), default.crl_bytes),
            admin_connections: count(limits.admin_connections, default.admin_connections),
            admin_read: span(limits.admin_read.as_ref(), default.admin_read),
            admin_body_bytes: in_memory(limits.admin_body_bytes.as_ref(), default.admin_body_bytes),
        };
        if checked.header_bytes < 1 << 10 || checked.header_bytes > 1 << 20 {
            self.file.fault(
                faults,
                "/limits/header_bytes",
                "headers get from 1KiB to 1MiB; write for example 32KiB",
            );
        }
        if checked.response_body.name_bytes > checked.response_body.held_bytes {
            self.file.fault(
                faults,
                "/limits/name_bytes",
                "a member's name is held, so it gets no more than `held_bytes`",
            );
        }
        checked
    }
}

/// What was seen, and on which line.
pub(super) type Seen = HashMap<String, usize>;

/// Scheme, host and port; a faulted form gives the default, since that has been told.
pub(super) fn parse_url(url: &str) -> Option<(bool, String, u16)> {
    let uri: http::Uri = url.parse().ok()?;
    let https = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = uri.authority()?;
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok().filter(|port| *port != 0)?,
        // What stands after a colon and is no port must not become the scheme's own.
        None if authority.as_str() != authority.host() => return None,
        None if https => 443,
        None => 80,
    };
    (!host.is_empty()).then_some((https, host, port))
}

/// The time, or `default` where it is left out or its form at fault, which has been told.
pub(super) fn span(text: Option<&SpanText>, default: Duration) -> Duration {
    text.and_then(SpanText::duration).unwrap_or(default)
}

pub(super) fn size(text: Option<&SizeText>, default: u64) -> u64 {
    text.and_then(SizeText::bytes).unwrap_or(default)
}

pub(super) fn count(number: Option<u32>, default: usize) -> usize {
    number
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(default)
}
