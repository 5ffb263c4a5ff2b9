//! Why an exchange did not end as a complete answer: one closed sum, and what each means.
//!
//! A reason's [code](Reason::code) is stable: problem `type`, metric label and ledger all use it. The one
//! `match` of [`Reason::text`] decides what the partner reads, so a new reason does not compile until
//! somebody has written that down in `text.rs`. `docs/REFUSALS.md` is generated from here.

use crate::agreement::{Refusal, RouteMiss};
use crate::minimise::BodyFault;

use super::encoding::DecodeFault;

mod text;

pub use text::ReasonText;

/// Why an exchange did not end as a complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The bytes are no HTTP/1.1 request, or one that two readers could take for two. The connection ends.
    HttpMalformed,
    /// The headers are larger or more than agreed limits. The connection ends.
    HeadTooLarge,
    /// The request is HTTP/1.0, in which an aborted body looks whole (P4).
    HttpVersion,
    /// The request line or `Host` has a form that is not for a gateway: CONNECT, `*`, an upgrade, another host's URI.
    RequestForm,
    /// The request expects something else than `100-continue`.
    Expectation,
    /// The path and query are longer than agreed limits.
    UriTooLong,
    /// Nobody's certificate, nobody's API key, or those of two partners.
    Unauthenticated,
    /// The connection's certificate was accepted and is no longer: revoked, expired or taken out.
    CertificateRefused,
    /// The access token is not one that its issuer has signed for this gateway.
    AccessTokenInvalid,
    /// The access token has expired, or was issued too long ago.
    AccessTokenExpired,
    /// The access token is bound to another certificate than the connection's, or not bound where it must be.
    AccessTokenNotBound,
    /// The issuer's keys cannot be had, so that no token of its can be verified.
    AccessTokenKeysUnavailable,
    /// Two readers could take the path for two. It is not repaired.
    PathForm,
    /// No disclosure of the partner's has this path.
    UnknownPath,
    /// The partner's disclosures have this path, with other methods.
    UnknownMethod,
    /// No purpose is declared.
    PurposeMissing,
    /// More than one purpose is declared, or one in a form that no purpose has.
    PurposeMalformed,
    /// The declared purpose is not one that the access token may be used for.
    PurposeNotInToken,
    /// The declared purpose is not one of the disclosure's.
    PurposeNotAgreed,
    /// The agreement has not started.
    NotStarted,
    /// The agreement has ended.
    Ended,
    /// The agreement's keys are destroyed.
    KeysDestroyed,
    /// Not every role that must approve the agreement has.
    NotApproved,
    /// The partner has accepted another version of the agreement.
    AgreementChanged,
    /// Not every credential that the purpose asks for has been shown.
    CredentialMissing,
    /// The caller holds none of the roles that may declare the purpose.
    RoleNotHeld,
    /// The purpose asks for a health or social-work professional.
    NotProfessional,
    /// The purpose asks for a training that counts, and the credential states none.
    NotTrained,
    /// The purpose asks for a case or task, and none is named.
    ReferenceMissing,
    /// The purpose asks for a reason, and none is given.
    ReasonMissing,
    /// Access for vital interests was used before, and that awaits review.
    ReviewOverdue,
    /// It is asked on behalf of a partner for whom the caller may not ask.
    OnBehalfRefused,
    /// The caller connects from a network that is not agreed with the partner.
    NetworkNotAgreed,
    /// Somebody asked for a record that is their own.
    SelfLookUp,
    /// A quota of the agreement is used up.
    QuotaExceeded,
    /// The agreement's guard against harvesting: too many people one at a time, or too many ways of asking.
    GuardReached,
    /// What is counted for a quota cannot be written down.
    CountsUnavailable,
    /// Where a token is agreed, something stands that is none which the agreement still resolves.
    TokenRefused,
    /// Of a push: what stands where an identifier becomes a token is not of the form that the agreement says.
    IdentifierForm,
    /// Two readers could take the query for two. It is not repaired.
    QueryForm,
    /// The query holds a parameter that is not agreed.
    QueryNotAgreed,
    /// The request is to change something only on a condition, which nobody could hold against the service's state.
    ConditionNotAgreed,
    /// The query holds a parameter twice.
    QueryRepeated,
    /// A header that is agreed has a value that services read in several ways.
    HeaderForm,
    /// The request has a body and the disclosure has no rules for one.
    BodyNotAgreed,
    /// The request's body is not labelled as what was agreed, once.
    RequestContentType,
    /// The request's body is in a coding that is not taken apart, or in more than one.
    RequestEncoding,
    /// The request's body is not of its coding, or too large when decoded.
    RequestDecoding(DecodeFault),
    /// What the minimiser found in the request's body.
    RequestBody(BodyFault),
    /// The request's body stopped coming.
    RequestIdle,
    /// The request's body comes too slowly, or in too many small pieces.
    RequestTrickle,
    /// As many exchanges as may run at once do, the partner's or all, and none ended in time.
    GatewayBusy,
    /// As many exchanges are with the service, and wait for it, as may.
    ServiceSaturated,
    /// All that is known of the service failed a moment ago, so that it is left alone.
    ServiceUnavailable,
    /// No connection to the service could be made.
    ServiceUnreachable,
    /// The service's answer did not begin in time.
    ServiceTimeout,
    /// The connection to the service failed before or in its answer, or its answer was not HTTP.
    ServiceBroke,
    /// The service has no such thing (404, 410).
    ServiceNotFound,
    /// The service refused what the gateway asked (other 4xx).
    ServiceRefused,
    /// The service is too busy (429, 503).
    ServiceBusy,
    /// The service failed (other 5xx).
    ServiceError,
    /// The service redirects, or answers with a part, or with a status that is none of HTTP's.
    ServiceStatus,
    /// The service's body is not labelled as what was agreed, once.
    ContentType,
    /// The service's body is in a coding that is not taken apart, or in more than one.
    Encoding,
    /// Only the end of the connection says where the service's body ends, and neither its format nor its coding does.
    EndUnmarked,
    /// The service's body is not of its coding, or too large when decoded.
    Decoding(DecodeFault),
    /// What the minimiser found in the service's body.
    ResponseBody(BodyFault),
    /// The service's body stopped coming.
    BodyIdle,
    /// The service's body comes in too many small pieces.
    BodyTrickle,
    /// The whole exchange took longer than the limit.
    Deadline,
    /// Of a push: the one record that it brings stays behind, so that the partner is not even told that there is one.
    RecordWithheld,
    /// The lists of people's rights cannot be read, so nothing is released.
    RightsUnavailable,
    /// The ledger cannot account for a release, so none happens (P3).
    LedgerUnavailable,
    /// The partner's connection went away, or took nothing for longer than the limit.
    PartnerGone,
    /// The connection of the controller's system went away in the midst of a push.
    SystemGone,
}

impl Reason {
    /// Every reason, in the order an exchange could meet them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::HttpMalformed,
            Self::HeadTooLarge,
            Self::HttpVersion,
            Self::RequestForm,
            Self::Expectation,
            Self::UriTooLong,
            Self::Unauthenticated,
            Self::CertificateRefused,
            Self::AccessTokenInvalid,
            Self::AccessTokenExpired,
            Self::AccessTokenNotBound,
            Self::AccessTokenKeysUnavailable,
            Self::PathForm,
            Self::UnknownPath,
            Self::UnknownMethod,
            Self::PurposeMissing,
            Self::PurposeMalformed,
            Self::PurposeNotInToken,
            Self::PurposeNotAgreed,
            Self::NotStarted,
            Self::Ended,
            Self::KeysDestroyed,
            Self::NotApproved,
            Self::AgreementChanged,
            Self::CredentialMissing,
            Self::RoleNotHeld,
            Self::NotProfessional,
            Self::NotTrained,
            Self::ReferenceMissing,
            Self::ReasonMissing,
            Self::ReviewOverdue,
            Self::OnBehalfRefused,
            Self::NetworkNotAgreed,
            Self::SelfLookUp,
            Self::QuotaExceeded,
            Self::GuardReached,
            Self::CountsUnavailable,
            Self::QueryForm,
            Self::QueryNotAgreed,
            Self::QueryRepeated,
            Self::HeaderForm,
            Self::TokenRefused,
            Self::IdentifierForm,
            Self::ConditionNotAgreed,
            Self::BodyNotAgreed,
            Self::RequestContentType,
            Self::RequestEncoding,
            Self::GatewayBusy,
        ];
        all.extend(DecodeFault::ALL.map(Self::RequestDecoding));
        all.extend(BodyFault::ALL.map(Self::RequestBody));
        all.extend([
            Self::RequestIdle,
            Self::RequestTrickle,
            Self::RecordWithheld,
            Self::ServiceSaturated,
            Self::ServiceUnavailable,
            Self::ServiceUnreachable,
            Self::ServiceTimeout,
            Self::ServiceBroke,
            Self::ServiceNotFound,
            Self::ServiceRefused,
            Self::ServiceBusy,
            Self::ServiceError,
            Self::ServiceStatus,
            Self::ContentType,
            Self::Encoding,
            Self::EndUnmarked,
        ]);
        all.extend(DecodeFault::ALL.map(Self::Decoding));
        all.extend(BodyFault::ALL.map(Self::ResponseBody));
        all.extend([
            Self::BodyIdle,
            Self::BodyTrickle,
            Self::Deadline,
            Self::RightsUnavailable,
            Self::LedgerUnavailable,
            Self::PartnerGone,
            Self::SystemGone,
        ]);
        all
    }

    /// Whether it is what the service's answer is, by its head or its body.
    #[must_use]
    pub(crate) fn is_of_answer(self) -> bool {
        matches!(
            self,
            Self::ServiceStatus
                | Self::ContentType
                | Self::Encoding
                | Self::Decoding(_)
                | Self::ResponseBody(_)
        )
    }

    /// The stable code: lower case, words joined by `_`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::HttpMalformed => "http_malformed",
            Self::HeadTooLarge => "head_too_large",
            Self::HttpVersion => "http_version",
            Self::RequestForm => "request_form",
            Self::Expectation => "expectation",
            Self::UriTooLong => "uri_too_long",
            Self::Unauthenticated => "unauthenticated",
            Self::CertificateRefused => "certificate_refused",
            Self::AccessTokenInvalid => "access_token_invalid",
            Self::AccessTokenExpired => "access_token_expired",
            Self::AccessTokenNotBound => "access_token_not_bound",
            Self::AccessTokenKeysUnavailable => "access_token_keys_unavailable",
            Self::PathForm => "path_form",
            Self::UnknownPath => "no_route",
            Self::UnknownMethod => "method_not_agreed",
            Self::PurposeMissing => "purpose_missing",
            Self::PurposeMalformed => "purpose_malformed",
            Self::PurposeNotInToken => "purpose_not_in_token",
            Self::PurposeNotAgreed => "purpose_not_agreed",
            Self::NotStarted => "not_started",
            Self::Ended => "ended",
            Self::KeysDestroyed => "keys_destroyed",
            Self::NotApproved => "not_approved",
            Self::AgreementChanged => "agreement_changed",
            Self::CredentialMissing => "credential_missing",
            Self::RoleNotHeld => "role_not_held",
            Self::NotProfessional => "not_professional",
            Self::NotTrained => "not_trained",
            Self::ReferenceMissing => "reference_missing",
            Self::ReasonMissing => "reason_missing",
            Self::ReviewOverdue => "review_overdue",
            Self::OnBehalfRefused => "on_behalf_refused",
            Self::NetworkNotAgreed => "network_not_agreed",
            Self::SelfLookUp => "self_look_up",
            Self::QuotaExceeded => "quota_exceeded",
            Self::GuardReached => "guard_reached",
            Self::CountsUnavailable => "counts_unavailable",
            Self::QueryForm => "query_form",
            Self::QueryNotAgreed => "query_not_agreed",
            Self::QueryRepeated => "query_repeated",
            Self::HeaderForm => "header_form",
            Self::TokenRefused => "token_refused",
            Self::IdentifierForm => "identifier_form",
            Self::ConditionNotAgreed => "condition_not_agreed",
            Self::BodyNotAgreed => "body_not_agreed",
            Self::RequestContentType => "request_content_type",
            Self::RequestEncoding => "request_encoding",
            Self::RequestDecoding(fault) => request_decoding_code(fault),
            Self::RequestBody(fault) => request_body_code(fault),
            Self::RequestIdle => "request_idle",
            Self::RequestTrickle => "request_trickle",
            Self::RecordWithheld => "record_withheld",
            Self::GatewayBusy => "gateway_busy",
            Self::ServiceSaturated => "service_saturated",
            Self::ServiceUnavailable => "service_unavailable",
            Self::ServiceUnreachable => "service_unreachable",
            Self::ServiceTimeout => "service_timeout",
            Self::ServiceBroke => "service_broke",
            Self::ServiceNotFound => "service_not_found",
            Self::ServiceRefused => "service_refused",
            Self::ServiceBusy => "service_busy",
            Self::ServiceError => "service_error",
            Self::ServiceStatus => "service_status",
            Self::ContentType => "content_type",
            Self::Encoding => "encoding",
            Self::EndUnmarked => "end_unmarked",
            Self::Decoding(fault) => fault.code(),
            Self::ResponseBody(fault) => fault.code(),
            Self::BodyIdle => "body_idle",
            Self::BodyTrickle => "body_trickle",
            Self::Deadline => "deadline",
            Self::RightsUnavailable => "rights_unavailable",
            Self::LedgerUnavailable => "ledger_unavailable",
            Self::PartnerGone => "partner_gone",
            Self::SystemGone => "system_gone",
        }
    }

    /// Whether it can also end an exchange after the head of the response is out: then the stream is aborted.
    #[must_use]
    pub fn is_met_midway(self) -> bool {
        matches!(
            self,
            Self::Ended
                | Self::SelfLookUp
                | Self::QuotaExceeded
                | Self::GuardReached
                | Self::CountsUnavailable
                | Self::RequestDecoding(_)
                | Self::RequestBody(_)
                | Self::RequestIdle
                | Self::RequestTrickle
                | Self::ServiceBroke
                | Self::EndUnmarked
                | Self::Decoding(_)
                | Self::ResponseBody(_)
                | Self::BodyIdle
                | Self::BodyTrickle
                | Self::Deadline
                | Self::LedgerUnavailable
                | Self::PartnerGone
                | Self::SystemGone
        )
    }

    /// Whether nothing more is read of an HTTP/1 connection after it: who sends this may mean something else by what follows.
    #[must_use]
    pub fn ends_connection(self) -> bool {
        let of_http = [
            Self::HttpMalformed,
            Self::HeadTooLarge,
            Self::HttpVersion,
            Self::RequestForm,
        ];
        of_http.contains(&self)
    }

    /// Whether it is the service's doing that its answer did not come, rather than what the answer held.
    #[must_use]
    pub fn is_service_failure(self) -> bool {
        match self {
            Self::ServiceUnavailable
            | Self::ServiceUnreachable
            | Self::ServiceTimeout
            | Self::ServiceBroke
            | Self::ServiceNotFound
            | Self::ServiceRefused
            | Self::ServiceBusy
            | Self::ServiceError
            | Self::BodyIdle
            | Self::Decoding(DecodeFault::Truncated)
            | Self::BodyTrickle
            | Self::SystemGone
            | Self::ResponseBody(BodyFault::Truncated) => true,
            Self::HttpMalformed
            | Self::HeadTooLarge
            | Self::HttpVersion
            | Self::RequestForm
            | Self::Expectation
            | Self::PathForm
            | Self::QueryForm
            | Self::QueryRepeated
            | Self::HeaderForm
            | Self::UriTooLong
            | Self::Unauthenticated
            | Self::CertificateRefused
            | Self::AccessTokenInvalid
            | Self::AccessTokenExpired
            | Self::AccessTokenNotBound
            | Self::AccessTokenKeysUnavailable
            | Self::UnknownPath
            | Self::UnknownMethod
            | Self::PurposeMissing
            | Self::PurposeMalformed
            | Self::PurposeNotInToken
            | Self::PurposeNotAgreed
            | Self::NotStarted
            | Self::Ended
            | Self::KeysDestroyed
            | Self::NotApproved
            | Self::AgreementChanged
            | Self::CredentialMissing
            | Self::RoleNotHeld
            | Self::NotProfessional
            | Self::NotTrained
            | Self::ReferenceMissing
            | Self::ReasonMissing
            | Self::ReviewOverdue
            | Self::OnBehalfRefused
            | Self::NetworkNotAgreed
            | Self::SelfLookUp
            | Self::QuotaExceeded
            | Self::GuardReached
            | Self::CountsUnavailable
            | Self::QueryNotAgreed
            | Self::TokenRefused
            | Self::IdentifierForm
            | Self::ConditionNotAgreed
            | Self::BodyNotAgreed
            | Self::RequestContentType
            | Self::RequestEncoding
            | Self::RequestDecoding(_)
            | Self::RequestBody(_)
            | Self::RequestIdle
            | Self::RequestTrickle
            | Self::RecordWithheld
            | Self::GatewayBusy
            | Self::ServiceSaturated
            | Self::ServiceStatus
            | Self::ContentType
            | Self::Encoding
            | Self::EndUnmarked
            | Self::Decoding(_)
            | Self::ResponseBody(_)
            | Self::Deadline
            | Self::RightsUnavailable
            | Self::LedgerUnavailable
            | Self::PartnerGone => false,
        }
    }
}

impl From<&Refusal> for Reason {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::NoRoute(RouteMiss::Form) => Self::PathForm,
            Refusal::NoRoute(RouteMiss::Path) => Self::UnknownPath,
            Refusal::NoRoute(RouteMiss::Method { .. }) => Self::UnknownMethod,
            Refusal::PurposeMissing => Self::PurposeMissing,
            Refusal::PurposeMalformed => Self::PurposeMalformed,
            Refusal::PurposeNotInToken => Self::PurposeNotInToken,
            Refusal::PurposeNotAgreed { .. } => Self::PurposeNotAgreed,
            Refusal::NotStarted { .. } => Self::NotStarted,
            Refusal::Ended { .. } => Self::Ended,
            Refusal::KeysDestroyed { .. } => Self::KeysDestroyed,
            Refusal::NotApproved { .. } => Self::NotApproved,
            Refusal::AgreementChanged { .. } => Self::AgreementChanged,
            Refusal::CredentialMissing { .. } => Self::CredentialMissing,
            Refusal::RoleNotHeld { .. } => Self::RoleNotHeld,
            Refusal::NotProfessional { .. } => Self::NotProfessional,
            Refusal::NotTrained { .. } => Self::NotTrained,
            Refusal::ReferenceMissing { .. } => Self::ReferenceMissing,
            Refusal::ReasonMissing { .. } => Self::ReasonMissing,
        }
    }
}

/// As [`request_body_code`], for its content coding.
fn request_decoding_code(fault: DecodeFault) -> &'static str {
    match fault {
        DecodeFault::Malformed => "request_encoding_malformed",
        DecodeFault::Truncated => "request_encoding_truncated",
        DecodeFault::TrailingBytes => "request_encoding_trailing_bytes",
        DecodeFault::Window => "request_encoding_window",
        DecodeFault::TooLarge => "request_decoded_too_large",
        DecodeFault::Ratio => "request_decoded_ratio",
    }
}

/// A request body's fault has a code of its own: whose body was at fault must show in metrics.
fn request_body_code(fault: BodyFault) -> &'static str {
    match fault {
        BodyFault::NotUtf8 => "request_not_utf8",
        BodyFault::ByteOrderMark => "request_byte_order_mark",
        BodyFault::Malformed => "request_malformed",
        BodyFault::BadString => "request_bad_string",
        BodyFault::BadNumber => "request_bad_number",
        BodyFault::TrailingBytes => "request_trailing_bytes",
        BodyFault::Truncated => "request_truncated",
        BodyFault::DuplicateName => "request_duplicate_name",
        BodyFault::TooDeep => "request_too_deep",
        BodyFault::TooManyMembers => "request_too_many_members",
        BodyFault::NameTooLong => "request_name_too_long",
        BodyFault::HeldTooLarge => "request_held_too_large",
        BodyFault::BodyTooLarge => "request_body_too_large",
        BodyFault::Mismatch => "request_mismatch",
        BodyFault::Ragged => "request_ragged",
        BodyFault::Dtd => "request_dtd",
        BodyFault::TooManyGroups => "request_too_many_groups",
        BodyFault::Undeclared => "request_undeclared",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_code_of_its_own() {
        let codes: BTreeSet<_> = Reason::all().into_iter().map(Reason::code).collect();
        assert_eq!(codes.len(), Reason::all().len());
        for code in codes {
            assert!(
                code.bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'8'),
                "{code}"
            );
        }
    }

    #[test]
    fn no_reason_answers_as_if_all_were_well() {
        for reason in Reason::all() {
            let status = reason.text().status;
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{reason:?}"
            );
        }
    }

    /// Rewrites `docs/REFUSALS.md` when FIELDGATE_WRITE_DOCS is set, and fails when it is not current.
    #[test]
    fn the_table_of_refusals_in_the_docs_is_current() {
        let mut table = String::from(
            "# Refusals\n\n\
             Every reason that can end an exchange, in the order an exchange could meet them. The code stands in\n\
             the problem document (`reason`, and `type` as `urn:fieldgate:problem:<code>`), in the metric\n\
             `fieldgate_requests_total{reason=…}` and in the ledger. Its `decision` is `refuse` where nothing was\n\
             permitted, else `permit`. After the head of a response is out, a reason can no longer be a problem\n\
             document: the stream is aborted, and the ledger has the code. Which can still come then, says *midway*.\n\n\
             Generated from `src/gateway/reason/` by its test; `FIELDGATE_WRITE_DOCS=1 cargo test --lib refusals`\n\
             writes it anew.\n\n\
             | code | status | midway | title | what to do |\n| --- | --- | --- | --- | --- |\n",
        );
        for reason in Reason::all() {
            let text = reason.text();
            table.push_str(&format!(
                "| `{}` | {} | {} | {} | {} |\n",
                reason.code(),
                text.status.as_u16(),
                if reason.is_met_midway() { "yes" } else { "" },
                text.title,
                text.remedy
            ));
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/REFUSALS.md");
        if std::env::var_os("FIELDGATE_WRITE_DOCS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
            std::fs::write(path, &table).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == table,
            "docs/REFUSALS.md is not current: FIELDGATE_WRITE_DOCS=1 writes it"
        );
    }
}
