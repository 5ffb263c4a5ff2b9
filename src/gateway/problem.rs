//! What a partner reads instead of data: problem documents (RFC 9457).
//!
//! A problem names the reason, the agreement and its term, and what to do. It never holds data and never
//! repeats what the caller sent (P6, P7).

use std::num::NonZeroU32;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::body::PartnerBody;
use super::form::Fault;
use super::media;
use super::reason::Reason;
use super::response::NOT_STORED;
use crate::agreement::{AgreementName, DisclosureName, PurposeName, Refusal, RouteMiss};
use crate::ledger::RequestId;
use crate::minimise::BodyError;
use crate::plan::Format;
use crate::volume::{Measure, Over};

/// The header that carries the gateway's own id of an exchange, to the service and to the partner.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why an exchange stops, and the term of an agreement that stopped it.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) reason: Reason,
    pub(crate) term: Term,
}

/// What an agreement says that stopped an exchange.
#[derive(Debug, Default)]
pub(crate) struct Term {
    pub(crate) agreement: Option<AgreementName>,
    pub(crate) disclosure: Option<DisclosureName>,
    /// The purposes that are agreed, where another was declared.
    pub(crate) agreed_purposes: Option<Vec<PurposeName>>,
    /// One sentence that names the term: a date, a byte's place.
    pub(crate) detail: Option<String>,
    /// The partner's own methods for the path, where another was used.
    pub(crate) allowed: Option<String>,
    /// Access tokens are a way to say who asks here.
    pub(crate) bearer: bool,
    /// When a quota begins again, in seconds.
    pub(crate) retry_after_seconds: Option<NonZeroU32>,
}

/// The members of a problem document, in the order in which people read them.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disclosure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreed_purposes: Option<Vec<&'a str>>,
    remedy: &'a str,
    request_id: &'a str,
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            term: Term::default(),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        let reason = Reason::from(&refusal);
        let detail = refusal.to_string();
        let term = match refusal {
            // One text for all partners and paths: it must not tell what another partner has.
            Refusal::NoRoute(RouteMiss::Form | RouteMiss::Path) => Term::default(),
            Refusal::NoRoute(RouteMiss::Method { allowed }) => Term {
                allowed: Some(allowed.join(", ")),
                ..Term::default()
            },
            Refusal::PurposeMissing | Refusal::PurposeMalformed | Refusal::PurposeNotInToken => {
                Term::default()
            }
            Refusal::PurposeNotAgreed {
                agreement,
                disclosure,
                agreed,
            } => Term {
                agreement: Some(agreement),
                disclosure: Some(disclosure),
                agreed_purposes: Some(agreed),
                detail: Some(detail),
                ..Term::default()
            },
            Refusal::NotStarted { agreement, .. }
            | Refusal::Ended { agreement, .. }
            | Refusal::KeysDestroyed { agreement }
            | Refusal::NotApproved { agreement, .. }
            | Refusal::AgreementChanged { agreement, .. }
            | Refusal::CredentialMissing { agreement, .. }
            | Refusal::RoleNotHeld { agreement, .. }
            | Refusal::NotProfessional { agreement, .. }
            | Refusal::NotTrained { agreement, .. }
            | Refusal::ReferenceMissing { agreement, .. }
            | Refusal::ReasonMissing { agreement, .. } => Term {
                agreement: Some(agreement),
                detail: Some(detail),
                ..Term::default()
            },
        };
        Self { reason, term }
    }
}

impl Stop {
    /// Nobody is known to ask, for `reason`; `bearer` says whether access tokens are a way to say it.
    pub(crate) fn unknown(reason: Reason, bearer: bool) -> Self {
        Self {
            reason,
            term: Term {
                bearer,
                ..Term::default()
            },
        }
    }

    /// Bytes that are no request that the gateway takes: what is wrong with them, never a part of them.
    pub(crate) fn malformed(fault: Fault) -> Self {
        let reason = match fault {
            Fault::LineEnd
            | Fault::Control
            | Fault::RequestLine
            | Fault::Header
            | Fault::Folded
            | Fault::Length
            | Fault::Coding
            | Fault::Chunk => Reason::HttpMalformed,
            Fault::TooLarge => Reason::HeadTooLarge,
            Fault::Version => Reason::HttpVersion,
            Fault::Form | Fault::Host => Reason::RequestForm,
            Fault::Path => Reason::PathForm,
            Fault::Query => Reason::QueryForm,
        };
        Self {
            reason,
            term: Term {
                detail: Some(fault.to_string()),
                ..Term::default()
            },
        }
    }

    /// A fault in the request's body, with its place: the partner sent that body and may be told where.
    pub(crate) fn request_body(error: &BodyError) -> Self {
        Self {
            reason: Reason::RequestBody(error.fault),
            term: Term {
                detail: Some(format!("{} at byte {}", error.fault, error.offset)),
                ..Term::default()
            },
        }
    }

    /// A request's body that is not labelled as agreed: the label is the agreement's term.
    pub(crate) fn request_content_type(agreed: &Format) -> Self {
        Self {
            reason: Reason::RequestContentType,
            term: Term {
                detail: Some(format!("the label agreed is {}", media::wanted(agreed))),
                ..Term::default()
            },
        }
    }

    /// A quota or guard that is used up at `at`: the term, and when it begins again.
    pub(crate) fn over(over: &Over, at: Timestamp) -> Self {
        let reason = match over.measure {
            Measure::Requests | Measure::Records | Measure::People => Reason::QuotaExceeded,
            Measure::Single | Measure::Variants => Reason::GuardReached,
        };
        Self {
            reason,
            term: Term {
                agreement: Some(over.agreement.clone()),
                detail: Some(over.to_string()),
                retry_after_seconds: u32::try_from(over.retry_after_seconds(at))
                    .ok()
                    .and_then(NonZeroU32::new),
                ..Term::default()
            },
        }
    }

    /// The same stop, with the time after which it is worth asking again: in whole seconds, at least one.
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = u32::try_from(wait.as_secs())
            .unwrap_or(u32::MAX)
            .saturating_add(u32::from(wait.subsec_nanos() > 0));
        self.term.retry_after_seconds = NonZeroU32::new(seconds.max(1));
        self
    }

    /// Access for vital interests that awaits review: `text` says which.
    pub(crate) fn review_overdue(text: String) -> Self {
        Self {
            reason: Reason::ReviewOverdue,
            term: Term {
                detail: Some(text),
                ..Term::default()
            },
        }
    }

    /// The same stop, naming the agreement and disclosure under which it happened.
    pub(crate) fn under(mut self, agreement: &AgreementName, disclosure: &DisclosureName) -> Self {
        self.term.agreement.get_or_insert_with(|| agreement.clone());
        self.term
            .disclosure
            .get_or_insert_with(|| disclosure.clone());
        self
    }

    /// The problem response for the exchange `id`.
    pub(crate) fn response(&self, id: &RequestId) -> Response<PartnerBody> {
        let text = self.reason.text();
        let code = self.reason.code();
        let term = &self.term;
        let document = Document {
            kind: format!("urn:fieldgate:problem:{code}"),
            title: text.title,
            status: text.status.as_u16(),
            detail: term.detail.as_deref(),
            reason: code,
            agreement: term.agreement.as_ref().map(AgreementName::as_str),
            disclosure: term.disclosure.as_ref().map(DisclosureName::as_str),
            agreed_purposes: term
                .agreed_purposes
                .as_ref()
                .map(|purposes| purposes.iter().map(PurposeName::as_str).collect()),
            remedy: text.remedy,
            request_id: id.as_str(),
        };
        let document = serde_json::to_vec(&document).expect("strings and numbers are always JSON");
        let mut response = Response::new(PartnerBody::whole(Bytes::from(document)));
        *response.status_mut() = text.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CACHE_CONTROL, NOT_STORED);
        headers.insert(X_REQUEST_ID, request_id_value(id));
        if let Some(allowed) = &term.allowed
            && let Ok(allowed) = HeaderValue::from_str(allowed)
        {
            headers.insert(ALLOW, allowed);
        }
        if self.reason.ends_connection() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if text.status == StatusCode::UNAUTHORIZED {
            challenge(self.reason, term.bearer, headers);
        }
        if self.reason == Reason::RequestEncoding {
            headers.insert(
                ACCEPT_ENCODING,
                HeaderValue::from_static("gzip, deflate, br, zstd, identity"),
            );
        }
        if let Some(seconds) = term.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.get()));
        } else if text.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// How whoever was refused with `reason` can say who they are (RFC 9110 §11.6.1, RFC 6750 §3).
fn challenge(reason: Reason, bearer: bool, headers: &mut HeaderMap) {
    const INVALID: &str = "Bearer error=\"invalid_token\", error_description=";
    let faults = [
        (Reason::AccessTokenInvalid, "not one for this gateway"),
        (Reason::AccessTokenExpired, "expired"),
        (Reason::AccessTokenNotBound, "not bound to this certificate"),
        (
            Reason::AccessTokenKeysUnavailable,
            "its issuer's keys cannot be had now",
        ),
    ];
    let of_token = faults.iter().find(|(fault, _)| *fault == reason);
    let text = match of_token {
        Some((_, why)) => format!("{INVALID}\"{why}\""),
        // Without a token there is no error to tell of (RFC 6750 §3.1).
        None if bearer => "Bearer".to_owned(),
        None => String::new(),
    };
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
    if let Ok(value) = HeaderValue::from_str(&text)
        && !text.is_empty()
    {
        headers.append(WWW_AUTHENTICATE, value);
    }
}

/// `id` as a header's value.
pub(crate) fn request_id_value(id: &RequestId) -> HeaderValue {
    HeaderValue::from_str(id.as_str()).expect("hexadecimal digits may stand in a header")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;

    fn document(stop: &Stop) -> Value {
        let response = stop.response(&RequestId::new([7; 16]));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let bytes = runtime
            .block_on(response.into_body().collect())
            .unwrap()
            .to_bytes();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn p6_a_purpose_refusal_names_agreement_disclosure_and_the_agreed_purposes() {
        let problem = document(&Stop::from(Refusal::PurposeNotAgreed {
            agreement: AgreementName::new("falls"),
            disclosure: DisclosureName::new("adult"),
            agreed: vec![PurposeName::new("falls-prevention")],
        }));
        assert_eq!(problem["type"], "urn:fieldgate:problem:purpose_not_agreed");
        assert_eq!(problem["status"], 403);
        assert_eq!(problem["agreement"], "falls");
        assert_eq!(problem["disclosure"], "adult");
        assert_eq!(problem["agreed_purposes"], json!(["falls-prevention"]));
    }

    #[test]
    fn p6_a_term_refusal_names_its_date() {
        let problem = document(&Stop::from(Refusal::Ended {
            agreement: AgreementName::new("falls"),
            ended: jiff::civil::date(2026, 3, 31),
        }));
        assert!(problem["detail"].as_str().unwrap().contains("2026-03-31"));
    }
}
