//! Which limit ended or refused something: one counter, whose label is the limit's key in the configuration.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::encoding::DecodeFault;
use super::reason::Reason;
use crate::minimise::BodyFault;

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `limits.tls_handshake`
    TlsHandshake,
    /// `limits.header_read`
    HeaderRead,
    /// `limits.connection_idle`
    ConnectionIdle,
    /// `limits.connection_age`
    ConnectionAge,
    /// `limits.connection_resets`
    ConnectionResets,
    /// `limits.control_bytes`
    ControlBytes,
    /// `limits.body_idle`, of a body that did not come or was not taken
    BodyIdle,
    /// `limits.body_bytes_per_second` or `limits.body_piece_bytes`, of a request
    BodyBytesPerSecond,
    /// `limits.body_piece_bytes`, of an answer
    BodyPieceBytes,
    /// `limits.exchange`
    Exchange,
    /// `limits.exchanges`
    Exchanges,
    /// `limits.exchanges_per_partner`
    ExchangesPerPartner,
    /// `limits.exchange_wait`
    ExchangeWait,
    /// `limits.ledger_wait`
    LedgerWait,
    /// `limits.drain`
    Drain,
    /// `limits.drain_idle`
    DrainIdle,
    /// `limits.linger`
    Linger,
    /// `limits.connections`
    Connections,
    /// `limits.connections_per_address`
    ConnectionsPerAddress,
    /// `limits.streams_per_connection`, and what else HTTP/2 bounds by itself
    StreamsPerConnection,
    /// `limits.header_bytes` or `limits.header_count`
    HeaderBytes,
    /// `limits.uri_bytes`
    UriBytes,
    /// `limits.request_body_bytes`
    RequestBodyBytes,
    /// `limits.response_body_bytes`
    ResponseBodyBytes,
    /// `limits.depth`
    Depth,
    /// `limits.held_bytes`
    HeldBytes,
    /// `limits.object_members`
    ObjectMembers,
    /// `limits.name_bytes`
    NameBytes,
    /// `limits.decoded_bytes`
    DecodedBytes,
    /// `limits.decoded_ratio`
    DecodedRatio,
    /// `limits.unread_bytes`
    UnreadBytes,
    /// `limits.ledger_ahead_bytes`
    LedgerAheadBytes,
    /// `limits.admin_connections`
    AdminConnections,
    /// `limits.admin_read`
    AdminRead,
    /// `limits.admin_body_bytes`
    AdminBodyBytes,
    /// The file descriptors that the system lets the process have.
    FileDescriptors,
}

impl Limit {
    /// Every limit.
    pub(crate) const ALL: [Self; 36] = [
        Self::TlsHandshake,
        Self::HeaderRead,
        Self::ConnectionIdle,
        Self::ConnectionAge,
        Self::ConnectionResets,
        Self::ControlBytes,
        Self::BodyIdle,
        Self::BodyBytesPerSecond,
        Self::BodyPieceBytes,
        Self::Exchange,
        Self::Exchanges,
        Self::ExchangesPerPartner,
        Self::ExchangeWait,
        Self::LedgerWait,
        Self::Drain,
        Self::DrainIdle,
        Self::Linger,
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::StreamsPerConnection,
        Self::HeaderBytes,
        Self::UriBytes,
        Self::RequestBodyBytes,
        Self::ResponseBodyBytes,
        Self::Depth,
        Self::HeldBytes,
        Self::ObjectMembers,
        Self::NameBytes,
        Self::DecodedBytes,
        Self::DecodedRatio,
        Self::UnreadBytes,
        Self::LedgerAheadBytes,
        Self::AdminConnections,
        Self::AdminRead,
        Self::AdminBodyBytes,
        Self::FileDescriptors,
    ];

    /// Its label: the key under `limits` in the configuration.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::TlsHandshake => "tls_handshake",
            Self::HeaderRead => "header_read",
            Self::ConnectionIdle => "connection_idle",
            Self::ConnectionAge => "connection_age",
            Self::ConnectionResets => "connection_resets",
            Self::ControlBytes => "control_bytes",
            Self::BodyIdle => "body_idle",
            Self::BodyBytesPerSecond => "body_bytes_per_second",
            Self::BodyPieceBytes => "body_piece_bytes",
            Self::Exchange => "exchange",
            Self::Exchanges => "exchanges",
            Self::ExchangesPerPartner => "exchanges_per_partner",
            Self::ExchangeWait => "exchange_wait",
            Self::LedgerWait => "ledger_wait",
            Self::Drain => "drain",
            Self::DrainIdle => "drain_idle",
            Self::Linger => "linger",
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections_per_address",
            Self::StreamsPerConnection => "streams_per_connection",
            Self::HeaderBytes => "header_bytes",
            Self::UriBytes => "uri_bytes",
            Self::RequestBodyBytes => "request_body_bytes",
            Self::ResponseBodyBytes => "response_body_bytes",
            Self::Depth => "depth",
            Self::HeldBytes => "held_bytes",
            Self::ObjectMembers => "object_members",
            Self::NameBytes => "name_bytes",
            Self::DecodedBytes => "decoded_bytes",
            Self::DecodedRatio => "decoded_ratio",
            Self::UnreadBytes => "unread_bytes",
            Self::LedgerAheadBytes => "ledger_ahead_bytes",
            Self::AdminConnections => "admin_connections",
            Self::AdminRead => "admin_read",
            Self::AdminBodyBytes => "admin_body_bytes",
            Self::FileDescriptors => "file_descriptors",
        }
    }

    /// The limit that an exchange reached which ended for `reason`, if it was one that only the reason tells.
    pub(crate) fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::HeadTooLarge => Some(Self::HeaderBytes),
            Reason::UriTooLong => Some(Self::UriBytes),
            Reason::RequestIdle | Reason::BodyIdle => Some(Self::BodyIdle),
            Reason::RequestTrickle => Some(Self::BodyBytesPerSecond),
            Reason::BodyTrickle => Some(Self::BodyPieceBytes),
            Reason::Deadline => Some(Self::Exchange),
            Reason::RequestBody(fault) => of_body(fault, Self::RequestBodyBytes),
            Reason::ResponseBody(fault) => of_body(fault, Self::ResponseBodyBytes),
            Reason::RequestDecoding(fault) | Reason::Decoding(fault) => of_coding(fault),
            Reason::HttpMalformed
            | Reason::HttpVersion
            | Reason::RequestForm
            | Reason::Expectation
            | Reason::PathForm
            | Reason::QueryForm
            | Reason::QueryRepeated
            | Reason::HeaderForm
            | Reason::Unauthenticated
            | Reason::CertificateRefused
            | Reason::AccessTokenInvalid
            | Reason::AccessTokenExpired
            | Reason::AccessTokenNotBound
            | Reason::AccessTokenKeysUnavailable
            | Reason::PurposeNotInToken
            | Reason::CredentialMissing
            | Reason::UnknownPath
            | Reason::UnknownMethod
            | Reason::PurposeMissing
            | Reason::PurposeMalformed
            | Reason::PurposeNotAgreed
            | Reason::NotStarted
            | Reason::Ended
            | Reason::KeysDestroyed
            | Reason::NotApproved
            | Reason::AgreementChanged
            | Reason::RoleNotHeld
            | Reason::NotProfessional
            | Reason::NotTrained
            | Reason::ReferenceMissing
            | Reason::ReasonMissing
            | Reason::ReviewOverdue
            | Reason::OnBehalfRefused
            | Reason::NetworkNotAgreed
            | Reason::SelfLookUp
            | Reason::QuotaExceeded
            | Reason::GuardReached
            | Reason::CountsUnavailable
            | Reason::TokenRefused
            | Reason::IdentifierForm
            | Reason::QueryNotAgreed
            | Reason::ConditionNotAgreed
            | Reason::BodyNotAgreed
            | Reason::RequestContentType
            | Reason::RequestEncoding
            // Counted where it is known which of the two bounds it was.
            | Reason::GatewayBusy
            | Reason::ServiceSaturated
            | Reason::ServiceUnavailable
            | Reason::ServiceUnreachable
            | Reason::ServiceTimeout
            | Reason::ServiceBroke
            | Reason::ServiceNotFound
            | Reason::ServiceRefused
            | Reason::ServiceBusy
            | Reason::ServiceError
            | Reason::ServiceStatus
            | Reason::ContentType
            | Reason::Encoding
            | Reason::EndUnmarked
            | Reason::RecordWithheld
            | Reason::RightsUnavailable
            | Reason::LedgerUnavailable
            | Reason::SystemGone
            | Reason::PartnerGone => None,
        }
    }
}

/// The limit behind a fault in a body's content coding.
fn of_coding(fault: DecodeFault) -> Option<Limit> {
    match fault {
        DecodeFault::TooLarge => Some(Limit::DecodedBytes),
        DecodeFault::Ratio => Some(Limit::DecodedRatio),
        DecodeFault::Malformed
        | DecodeFault::Truncated
        | DecodeFault::TrailingBytes
        | DecodeFault::Window => None,
    }
}

/// The limit behind a fault in a body; `whole` bounds the body itself.
fn of_body(fault: BodyFault, whole: Limit) -> Option<Limit> {
    match fault {
        BodyFault::TooDeep => Some(Limit::Depth),
        BodyFault::TooManyMembers => Some(Limit::ObjectMembers),
        BodyFault::NameTooLong => Some(Limit::NameBytes),
        BodyFault::HeldTooLarge => Some(Limit::HeldBytes),
        BodyFault::BodyTooLarge => Some(whole),
        BodyFault::NotUtf8
        | BodyFault::ByteOrderMark
        | BodyFault::Malformed
        | BodyFault::BadString
        | BodyFault::BadNumber
        | BodyFault::TrailingBytes
        | BodyFault::Truncated
        | BodyFault::DuplicateName
        | BodyFault::Mismatch
        | BodyFault::Ragged
        | BodyFault::Dtd
        | BodyFault::TooManyGroups
        | BodyFault::Undeclared => None,
    }
}

/// How often each limit was reached.
#[derive(Debug)]
pub(crate) struct LimitMetrics {
    reached: [IntCounter; Limit::ALL.len()],
}

impl LimitMetrics {
    /// Makes the counter in `registry`, with every label at nought.
    ///
    /// # Errors
    /// If it is there already.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options = Opts::new(
            "fieldgate_limits_reached_total",
            "Connections, exchanges and operators' requests that a limit ended, refused or kept waiting, by the limit's key in the configuration",
        );
        let counter = IntCounterVec::new(options, &["limit"])?;
        registry.register(Box::new(counter.clone()))?;
        Ok(Self {
            reached: Limit::ALL.map(|limit| counter.with_label_values(&[limit.key()])),
        })
    }

    /// `limit` was reached once more.
    pub(crate) fn reached(&self, limit: Limit) {
        self.reached[limit as usize].inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::gateway_schema;

    #[test]
    fn every_limit_stands_at_its_own_place_and_is_a_key_of_the_configuration() {
        let schema: serde_json::Value = serde_json::from_str(&gateway_schema()).unwrap();
        let keys = schema.pointer("/$defs/Limits/properties").unwrap();
        for (index, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, index);
            let is_key = keys.get(limit.key()).is_some();
            assert_eq!(is_key, limit != Limit::FileDescriptors, "{limit:?}");
        }
    }

    /// The first cells of each row of the tables in docs/gateway/limits.md: key and default.
    fn rows() -> Vec<(String, String)> {
        let page = include_str!("../../docs/gateway/limits.md");
        let mut rows = Vec::new();
        for line in page.lines() {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let (Some(key), Some(default)) = (cells.next(), cells.next()) else {
                continue;
            };
            let key = key.strip_prefix('`').and_then(|key| key.strip_suffix('`'));
            rows.extend(key.map(|key| (key.to_owned(), default.to_owned())));
        }
        rows
    }

    #[test]
    fn the_page_of_limits_has_every_key_with_its_default() {
        let schema: serde_json::Value = serde_json::from_str(&gateway_schema()).unwrap();
        let keys = schema.pointer("/$defs/Limits/properties").unwrap();
        let rows = rows();
        for (key, property) in keys.as_object().unwrap() {
            let text = property["description"].as_str().unwrap_or_default();
            let (_, default) = text.split_once("Default: ").unwrap_or_default();
            let end = default.find([';', ',', '.']).unwrap_or(default.len());
            let row = (key.clone(), default[..end].to_owned());
            assert!(
                rows.contains(&row),
                "docs/gateway/limits.md has no row with {row:?}"
            );
        }
    }
}
