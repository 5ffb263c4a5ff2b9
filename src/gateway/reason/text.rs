//! What a partner reads of each reason: a status, what it means, and what to do.

use http::StatusCode;

use super::Reason;
use crate::gateway::encoding::DecodeFault;
use crate::minimise::BodyFault;

/// What a partner's developer reads about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonText {
    /// The status of the problem response.
    pub status: StatusCode,
    /// The reason in a few words, the same each time it occurs.
    pub title: &'static str,
    /// What to do about it, one sentence.
    pub remedy: &'static str,
}

impl Reason {
    /// What the partner reads: the only place that turns reasons into statuses and words.
    #[must_use]
    pub fn text(self) -> ReasonText {
        let (status, title, remedy) = match self {
            Self::HttpMalformed => (
                StatusCode::BAD_REQUEST,
                "The request is not well-formed HTTP",
                "Send each line with CR LF, each header once as `name: value`, and one length; ask on a new connection.",
            ),
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The request's headers are too large or too many",
                "Send fewer or shorter headers; ask on a new connection.",
            ),
            Self::HttpVersion => (
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "This version of HTTP is not supported",
                "Ask with HTTP/1.1 or HTTP/2.",
            ),
            Self::RequestForm => (
                StatusCode::BAD_REQUEST,
                "The request has a form that the gateway does not take",
                "Send a path as the request's target, one Host header that agrees with it, and no CONNECT or Upgrade.",
            ),
            Self::Expectation => (
                StatusCode::EXPECTATION_FAILED,
                "The request expects what the gateway does not do",
                "Send no Expect header, or one that says 100-continue.",
            ),
            Self::UriTooLong => (
                StatusCode::URI_TOO_LONG,
                "The path and query are too long",
                "Send a shorter query.",
            ),
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "The gateway does not know who asks",
                "Present the client certificate, the API key or the access token that was agreed with the controller.",
            ),
            Self::CertificateRefused => (
                StatusCode::UNAUTHORIZED,
                "The certificate of this connection is accepted no longer",
                "Connect again with a certificate that has neither expired nor been revoked.",
            ),
            Self::AccessTokenInvalid => (
                StatusCode::UNAUTHORIZED,
                "The access token is not one for this gateway",
                "Send one Authorization header, Bearer and a token that the agreed issuer has signed for this audience.",
            ),
            Self::AccessTokenExpired => (
                StatusCode::UNAUTHORIZED,
                "The access token has expired",
                "Get a new token from its issuer.",
            ),
            Self::AccessTokenNotBound => (
                StatusCode::UNAUTHORIZED,
                "The access token is not bound to this connection's certificate",
                "Connect with the client certificate that the token was issued to; get a bound token where the issuer's must be.",
            ),
            Self::AccessTokenKeysUnavailable => (
                StatusCode::UNAUTHORIZED,
                "The keys of the token's issuer cannot be had now",
                "Ask again later with the same token; tell the controller if it lasts.",
            ),
            Self::PathForm => (
                StatusCode::BAD_REQUEST,
                "Two readers could take the path for two",
                "Send a path of at most 32 segments, none of them empty, . or .., without ; \\ # and encoded / \\ ; % or control characters, in UTF-8.",
            ),
            Self::UnknownPath => (
                StatusCode::NOT_FOUND,
                "No agreement of yours has this path",
                "Compare the path with the disclosures of your agreement.",
            ),
            Self::UnknownMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "No agreement of yours has this method for this path",
                "Use a method that the Allow header names.",
            ),
            Self::PurposeMissing => (
                StatusCode::BAD_REQUEST,
                "No purpose is declared",
                "Declare one purpose of your agreement in the purpose header, Data-Purpose by default.",
            ),
            Self::PurposeMalformed => (
                StatusCode::BAD_REQUEST,
                "The declared purpose is not one purpose's name",
                "Declare exactly one purpose, spelled as in your agreement: lower case, nothing around it.",
            ),
            Self::PurposeNotInToken => (
                StatusCode::FORBIDDEN,
                "The access token is not for the declared purpose",
                "Declare a purpose that the token states, or get a token for this one.",
            ),
            Self::PurposeNotAgreed => (
                StatusCode::FORBIDDEN,
                "This data is not shared for the declared purpose",
                "Declare one of the agreed purposes, if it is why you ask; otherwise agree the purpose with the controller first.",
            ),
            Self::NotStarted => (
                StatusCode::FORBIDDEN,
                "The agreement is not in force yet",
                "Ask again from the day on which the agreement starts.",
            ),
            Self::Ended => (
                StatusCode::FORBIDDEN,
                "The agreement is no longer in force",
                "Renew the agreement with the controller.",
            ),
            Self::KeysDestroyed => (
                StatusCode::FORBIDDEN,
                "The keys of the agreement are destroyed",
                "Ask the controller whether the agreement goes on; its tokens can never be turned back again.",
            ),
            Self::NotApproved => (
                StatusCode::FORBIDDEN,
                "The agreement is a draft",
                "Ask the controller to have it approved; nothing is shared under it before.",
            ),
            Self::AgreementChanged => (
                StatusCode::CONFLICT,
                "The agreement has another version than the one you have accepted",
                "Read the version that runs, and send its number in Data-Agreement-Version once you have accepted it.",
            ),
            Self::CredentialMissing => (
                StatusCode::FORBIDDEN,
                "The agreement asks for more than one credential",
                "Show every credential that the agreement names, in one request.",
            ),
            Self::RoleNotHeld => (
                StatusCode::FORBIDDEN,
                "The caller's role may not declare this purpose",
                "Ask with a credential that states one of the roles that the agreement names for the purpose.",
            ),
            Self::NotProfessional => (
                StatusCode::FORBIDDEN,
                "The purpose is for health and social-work professionals",
                "Ask with a credential that states a health or social-work professional.",
            ),
            Self::NotTrained => (
                StatusCode::FORBIDDEN,
                "The purpose is for callers who are trained in this sharing",
                "Ask with a credential that states until when the caller's training counts, or have the training renewed.",
            ),
            Self::ReferenceMissing => (
                StatusCode::BAD_REQUEST,
                "The request does not name the case or task that it is for",
                "Name it once in the header Data-Reference: at most 128 letters, digits and signs, without spaces.",
            ),
            Self::ReasonMissing => (
                StatusCode::BAD_REQUEST,
                "The request does not say why somebody's life is at risk",
                "Say why once in the header Data-Reason: a text of at most 500 bytes.",
            ),
            Self::ReviewOverdue => (
                StatusCode::FORBIDDEN,
                "Access for vital interests was used before, and that has not been reviewed",
                "Ask the controller's data-protection officer to review it; where a life is at risk now, telephone.",
            ),
            Self::OnBehalfRefused => (
                StatusCode::FORBIDDEN,
                "The caller may not ask on behalf of this partner",
                "Name one partner in Data-On-Behalf-Of for whom the configuration lets the caller ask, or ask as yourself without it.",
            ),
            Self::NetworkNotAgreed => (
                StatusCode::FORBIDDEN,
                "Requests of this partner come from its own networks alone",
                "Ask from a network that you have agreed with the controller, or have this one added to them.",
            ),
            Self::SelfLookUp => (
                StatusCode::FORBIDDEN,
                "Nobody gets their own record this way",
                "Ask for your own record as anybody else does, by a subject access request.",
            ),
            Self::QuotaExceeded => (
                StatusCode::TOO_MANY_REQUESTS,
                "The agreement's quota is used up",
                "Ask again when the Retry-After header says, or for less at once; agree more with the controller if it is needed.",
            ),
            Self::GuardReached => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many people were asked for one at a time, or one list in too many ways",
                "Ask again when the Retry-After header says; ask for a list where one is agreed, always in the same way.",
            ),
            Self::CountsUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The gateway cannot count what leaves now",
                "Ask again later; nothing more was released.",
            ),
            Self::QueryForm => (
                StatusCode::BAD_REQUEST,
                "Two readers could take the query for two",
                "Send parameters as name=value joined by single '&', percent-encoded UTF-8 without control characters, ';' and '#'.",
            ),
            Self::QueryNotAgreed => (
                StatusCode::BAD_REQUEST,
                "The query holds a parameter that is not agreed",
                "Send only the query parameters that the disclosure names, joined by '&'.",
            ),
            Self::QueryRepeated => (
                StatusCode::BAD_REQUEST,
                "The query holds a parameter twice",
                "Send each parameter once, but for those that the disclosure lets repeat.",
            ),
            Self::HeaderForm => (
                StatusCode::BAD_REQUEST,
                "A header that goes on holds something else than visible ASCII",
                "Send the values of the headers that the disclosure names in ASCII.",
            ),
            Self::TokenRefused => (
                StatusCode::FORBIDDEN,
                "The request names somebody by something that is no token of this agreement",
                "Send tokens as this agreement's answers gave them; ask again for those that you hold from before its keys were changed.",
            ),
            Self::IdentifierForm => (
                StatusCode::BAD_REQUEST,
                "The request names somebody by something that is not of the agreed form",
                "Send the identifier in the form that the agreement gives for it, once, and no text that stands for not known.",
            ),
            Self::ConditionNotAgreed => (
                StatusCode::PRECONDITION_FAILED,
                "The request is to change something only on a condition",
                "Send it without If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since: the gateway cannot hold these against what the service has.",
            ),
            Self::BodyNotAgreed => (
                StatusCode::BAD_REQUEST,
                "The disclosure takes no request body",
                "Send the request without a body.",
            ),
            Self::RequestContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The request's body is not labelled as agreed",
                "Send one Content-Type, the one that the disclosure's format has.",
            ),
            Self::RequestEncoding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The request's body is in a coding that the gateway does not take apart",
                "Send the body as it is, or in one of the codings that the Accept-Encoding header names.",
            ),
            Self::RequestDecoding(fault) => request_decoding_text(fault),
            Self::RequestBody(fault) => request_body_text(fault),
            Self::RequestIdle => (
                StatusCode::REQUEST_TIMEOUT,
                "The request's body stopped coming",
                "Send the whole body without long pauses.",
            ),
            Self::RequestTrickle => (
                StatusCode::REQUEST_TIMEOUT,
                "The request's body comes too slowly or in too many small pieces",
                "Send the body as fast as the connection takes it, in pieces of some KiB.",
            ),
            Self::GatewayBusy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "As many exchanges run as may run at once",
                "Ask again when the Retry-After header says, and have fewer requests under way at once.",
            ),
            Self::ServiceSaturated => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many exchanges are with the service",
                "Ask again when the Retry-After header says, and less at once.",
            ),
            Self::ServiceUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The service behind the gateway failed and is left alone for a while",
                "Ask again when the Retry-After header says; tell the controller if it lasts.",
            ),
            Self::ServiceUnreachable => (
                StatusCode::BAD_GATEWAY,
                "The service behind the gateway cannot be reached",
                "Ask again later; tell the controller if it lasts.",
            ),
            Self::ServiceTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "The service behind the gateway did not answer in time",
                "Ask again later; tell the controller if it lasts.",
            ),
            Self::ServiceBroke => (
                StatusCode::BAD_GATEWAY,
                "The service behind the gateway broke off",
                "Ask again; tell the controller if it lasts.",
            ),
            Self::ServiceNotFound => (
                StatusCode::NOT_FOUND,
                "The service has nothing at this path",
                "Compare what the path names with what you hold.",
            ),
            Self::ServiceRefused => (
                StatusCode::BAD_GATEWAY,
                "The service refused the request",
                "Compare the request with the service's description; tell the controller if it should have been taken.",
            ),
            Self::ServiceBusy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The service is too busy",
                "Ask again later, and less often.",
            ),
            Self::ServiceError => (
                StatusCode::BAD_GATEWAY,
                "The service failed",
                "Ask again later; tell the controller if it lasts.",
            ),
            Self::ServiceStatus => (
                StatusCode::BAD_GATEWAY,
                "The service answered with a redirect, a part or a status that is not agreed",
                "Tell the controller: the disclosure's service path may have to change.",
            ),
            Self::ContentType => (
                StatusCode::BAD_GATEWAY,
                "The service's answer is not labelled as agreed",
                "Tell the controller: what is not understood is not passed on.",
            ),
            Self::Encoding => (
                StatusCode::BAD_GATEWAY,
                "The service's answer is in a coding that the gateway does not take apart",
                "Tell the controller: what is not understood is not passed on.",
            ),
            Self::EndUnmarked => (
                StatusCode::BAD_GATEWAY,
                "The service's answer does not say where it ends",
                "Tell the controller: what was cut off would look whole; it can let the service send lengths or chunks, or set trust_close for it.",
            ),
            Self::Decoding(DecodeFault::TooLarge | DecodeFault::Ratio | DecodeFault::Window) => (
                StatusCode::BAD_GATEWAY,
                "The service's answer is too large when it is decompressed",
                "Ask for less at once; tell the controller if it should be possible.",
            ),
            Self::Decoding(
                DecodeFault::Malformed | DecodeFault::Truncated | DecodeFault::TrailingBytes,
            ) => (
                StatusCode::BAD_GATEWAY,
                "The service's answer cannot be decompressed",
                "Ask again; tell the controller if it lasts.",
            ),
            Self::ResponseBody(_) => (
                StatusCode::BAD_GATEWAY,
                "The service's answer cannot be minimised",
                "Tell the controller: what is not understood is not passed on.",
            ),
            Self::BodyIdle => (
                StatusCode::GATEWAY_TIMEOUT,
                "The service's answer stopped coming",
                "Ask again later; tell the controller if it lasts.",
            ),
            Self::BodyTrickle => (
                StatusCode::BAD_GATEWAY,
                "The service's answer comes in too many small pieces",
                "Tell the controller: the service should send its answers in pieces of some KiB.",
            ),
            Self::Deadline => (
                StatusCode::GATEWAY_TIMEOUT,
                "The exchange took too long",
                "Ask for less at once, or again later.",
            ),
            Self::RecordWithheld => (
                StatusCode::FORBIDDEN,
                "The record stays behind, and nothing was sent",
                "Do not send it again as it is: the record itself, or what is entered about people's rights, keeps it from this partner; the ledger's release entry counts by what.",
            ),
            Self::RightsUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The gateway cannot look up who objects now",
                "Ask again later; nothing was released.",
            ),
            Self::LedgerUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The gateway cannot account for a release now",
                "Ask again later; nothing was released.",
            ),
            Self::PartnerGone => (
                StatusCode::REQUEST_TIMEOUT,
                "The partner's connection went away",
                "Read answers to their end without long pauses.",
            ),
            Self::SystemGone => (
                StatusCode::REQUEST_TIMEOUT,
                "The connection of the system that pushes went away",
                "Send the body to its end and wait for the answer; the ledger says how much of it has left.",
            ),
        };
        ReasonText {
            status,
            title,
            remedy,
        }
    }
}

fn request_decoding_text(fault: DecodeFault) -> (StatusCode, &'static str, &'static str) {
    match fault {
        DecodeFault::Malformed | DecodeFault::Truncated | DecodeFault::TrailingBytes => (
            StatusCode::BAD_REQUEST,
            "The request's body cannot be decompressed",
            "Send one whole body in the coding that its Content-Encoding names, and nothing after it.",
        ),
        DecodeFault::Window => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request's body asks for too large a window to be decompressed",
            "Compress it with a window of at most 8 MiB.",
        ),
        DecodeFault::TooLarge | DecodeFault::Ratio => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request's body is too large when it is decompressed",
            "Send less at once.",
        ),
    }
}

fn request_body_text(fault: BodyFault) -> (StatusCode, &'static str, &'static str) {
    match fault {
        BodyFault::HeldTooLarge | BodyFault::BodyTooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request's body is too large",
            "Send less at once.",
        ),
        BodyFault::Mismatch => (
            StatusCode::BAD_REQUEST,
            "A value in the request's body is not of the form that is agreed",
            "Send values in the form that the disclosure's rules are for.",
        ),
        BodyFault::Undeclared => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "The request's body holds something that is not agreed",
            "Send only the fields that the disclosure names, as single values where it names single values.",
        ),
        BodyFault::Dtd => (
            StatusCode::BAD_REQUEST,
            "The request's body has a document type declaration or an entity of one",
            "Send XML without them; the five entities that XML itself has may stay.",
        ),
        BodyFault::NotUtf8
        | BodyFault::ByteOrderMark
        | BodyFault::Malformed
        | BodyFault::BadString
        | BodyFault::BadNumber
        | BodyFault::TrailingBytes
        | BodyFault::Truncated
        | BodyFault::DuplicateName
        | BodyFault::TooDeep
        | BodyFault::TooManyMembers
        | BodyFault::NameTooLong
        | BodyFault::Ragged
        | BodyFault::TooManyGroups => (
            StatusCode::BAD_REQUEST,
            "The request's body is not of the agreed format in a form that the gateway takes",
            "Send a whole body in the agreed format and charset, in which nothing is named twice.",
        ),
    }
}
