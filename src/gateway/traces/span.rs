//! What is told of an exchange that ended: one span of ours, and one of the service's that it asked.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, SpanFlags, Status};

use super::Trace;
use super::context::Context;
use crate::agreement::{AgreementName, DisclosureName, PartnerName, PurposeName};
use crate::gateway::reason::Reason;
use crate::gateway::running::Route;
use crate::ledger::{Outcome, RequestId};

/// The name of the span of an exchange that no disclosure is known of.
const REFUSED: &str = "refused";

/// An exchange that ended, as its trace tells of it.
pub(crate) struct Ended {
    pub(super) trace: Box<Trace>,
    /// The exchange's own id.
    request: RequestId,
    /// When it ended.
    at: Timestamp,
    /// From its head's arrival to its end.
    took: Duration,
    status: u16,
    reason: Option<Reason>,
    what: What,
}

/// How far an exchange got. All text in it is the configuration's.
pub(crate) enum What {
    /// It was refused.
    Refused {
        partner: Option<PartnerName>,
        agreement: Option<AgreementName>,
        disclosure: Option<DisclosureName>,
        purpose: Option<PurposeName>,
    },
    /// It was permitted.
    Permitted {
        route: Arc<Route>,
        purpose: PurposeName,
        outcome: Outcome,
        records_released: u64,
        records_withheld: u64,
        bytes_from_service: u64,
        bytes_to_partner: u64,
    },
}

impl Ended {
    /// The exchange `request` that was part of `trace` ended `at` this moment, with `status`.
    pub(crate) fn new(
        trace: Box<Trace>,
        request: RequestId,
        at: Timestamp,
        (status, reason): (u16, Option<Reason>),
        what: What,
    ) -> Self {
        Self {
            took: trace.began.elapsed(),
            trace,
            request,
            at,
            status,
            reason,
            what,
        }
    }

    /// How many spans there are to tell of it.
    pub(super) fn spans(&self) -> u64 {
        1 + u64::from(self.trace.asked.is_some())
    }

    /// Appends its spans to `spans`.
    pub(super) fn write(&self, spans: &mut Vec<Span>) {
        let trace = &self.trace;
        let trace_id = bytes(&trace.id);
        let end = nanoseconds(self.at);
        let begin = end.saturating_sub(duration(self.took));
        let (parent, links) = match (&trace.partner, trace.joined) {
            (Some(partner), true) => (Some(partner), Vec::new()),
            (Some(partner), false) => (None, vec![link(partner)]),
            (None, _) => (None, Vec::new()),
        };
        let mut attributes = vec![
            text("fieldgate.request", self.request.as_str()),
            number("http.response.status_code", u64::from(self.status)),
        ];
        if let Some(reason) = self.reason {
            attributes.push(text("fieldgate.reason", reason.code()));
        }
        let (name, failed) = self.what.describe(&mut attributes);
        spans.push(Span {
            trace_id: trace_id.clone(),
            span_id: trace.server.to_vec(),
            parent_span_id: parent.map_or_else(Vec::new, |partner| partner.span.to_vec()),
            flags: flags(parent.is_some()),
            name: name.to_owned(),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: begin,
            end_time_unix_nano: end,
            attributes,
            links,
            // As OpenTelemetry has it: what the caller did wrong is no error of ours.
            status: status(failed || self.status >= 500),
            ..Span::default()
        });
        let (Some((after, took)), What::Permitted { route, .. }) = (trace.asked, &self.what) else {
            return;
        };
        let asked = begin.saturating_add(duration(after)).min(end);
        spans.push(Span {
            trace_id,
            span_id: trace.client.to_vec(),
            parent_span_id: trace.server.to_vec(),
            flags: flags(false),
            name: route.target.name().as_str().to_owned(),
            kind: SpanKind::Client.into(),
            start_time_unix_nano: asked,
            end_time_unix_nano: asked.saturating_add(duration(took)).min(end),
            attributes: vec![text("fieldgate.service", route.target.name().as_str())],
            status: status(failed),
            ..Span::default()
        });
    }
}

impl What {
    /// Adds what is known to `attributes`. Gives the span's name, and whether the service failed.
    fn describe<'a>(&'a self, attributes: &mut Vec<KeyValue>) -> (&'a str, bool) {
        match self {
            Self::Refused {
                partner,
                agreement,
                disclosure,
                purpose,
            } => {
                let known = [
                    (
                        "fieldgate.partner",
                        partner.as_ref().map(PartnerName::as_str),
                    ),
                    (
                        "fieldgate.agreement",
                        agreement.as_ref().map(AgreementName::as_str),
                    ),
                    (
                        "fieldgate.disclosure",
                        disclosure.as_ref().map(DisclosureName::as_str),
                    ),
                    (
                        "fieldgate.purpose",
                        purpose.as_ref().map(PurposeName::as_str),
                    ),
                    ("fieldgate.decision", Some("refuse")),
                ];
                let known = known.into_iter();
                attributes.extend(known.filter_map(|(name, value)| Some(text(name, value?))));
                (REFUSED, false)
            }
            Self::Permitted {
                route,
                purpose,
                outcome,
                records_released,
                records_withheld,
                bytes_from_service,
                bytes_to_partner,
            } => {
                let agreement = &route.agreement;
                attributes.extend([
                    text("fieldgate.partner", agreement.partner.as_str()),
                    text("fieldgate.agreement", agreement.name.as_str()),
                    number("fieldgate.agreement.version", u64::from(agreement.version)),
                    text("fieldgate.disclosure", route.disclosure.name.as_str()),
                    text("fieldgate.purpose", purpose.as_str()),
                    text("fieldgate.decision", "permit"),
                    text("fieldgate.outcome", outcome.code()),
                    number("fieldgate.records.released", *records_released),
                    number("fieldgate.records.withheld", *records_withheld),
                    number("fieldgate.bytes.from_service", *bytes_from_service),
                    number("fieldgate.bytes.to_partner", *bytes_to_partner),
                ]);
                let failed = *outcome == Outcome::ServiceFailed;
                (route.disclosure.name.as_str(), failed)
            }
        }
    }
}

fn link(partner: &Context) -> Link {
    Link {
        trace_id: bytes(&partner.trace),
        span_id: partner.span.to_vec(),
        flags: flags(true),
        ..Link::default()
    }
}

/// The flags of a span that is recorded: whether its parent, or what it is linked to, is elsewhere.
fn flags(remote: bool) -> u32 {
    const SAMPLED: u32 = 1;
    let known = SAMPLED | SpanFlags::ContextHasIsRemoteMask as u32;
    if remote {
        known | SpanFlags::ContextIsRemoteMask as u32
    } else {
        known
    }
}

fn status(failed: bool) -> Option<Status> {
    failed.then(|| Status {
        message: String::new(),
        code: StatusCode::Error.into(),
    })
}

fn text(name: &str, value: &str) -> KeyValue {
    attribute(name, Value::StringValue(value.to_owned()))
}

fn number(name: &str, value: u64) -> KeyValue {
    attribute(
        name,
        Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)),
    )
}

/// One attribute of a span or of the resource.
pub(super) fn attribute(name: &str, value: Value) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
    }
}

fn bytes(id: &RequestId) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(id.as_str().as_bytes())
        .expect("an id is hexadecimal digits")
}

/// Nanoseconds since 1970, as OTLP counts; nought for what was before.
fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or(0)
}

fn duration(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::time::Instant;

    use super::*;

    /// A refusal of which nothing but the partner is known.
    pub(in crate::gateway::traces) fn refused(trace: Box<Trace>) -> Ended {
        Ended {
            request: trace.id,
            trace,
            at: Timestamp::from_second(1_000).unwrap(),
            took: Duration::from_secs(2),
            status: 403,
            reason: Some(Reason::PurposeNotAgreed),
            what: What::Refused {
                partner: Some(PartnerName::new("island-health")),
                agreement: None,
                disclosure: None,
                purpose: None,
            },
        }
    }

    fn trace(partner: Option<Context>, joined: bool) -> Box<Trace> {
        Box::new(Trace {
            id: RequestId::new([1; 16]),
            partner,
            joined,
            sampled: true,
            began: Instant::now(),
            server: [2; 8],
            client: [3; 8],
            asked: None,
        })
    }

    #[test]
    fn a_refusal_is_one_span_that_says_who_and_why_and_is_no_error() {
        let mut spans = Vec::new();
        refused(trace(None, false)).write(&mut spans);
        let [span] = &spans[..] else {
            panic!("{spans:?}");
        };
        assert_eq!(span.name, "refused");
        assert_eq!((&span.trace_id, &span.span_id), (&vec![1; 16], &vec![2; 8]));
        assert_eq!(span.start_time_unix_nano, 998_000_000_000);
        assert_eq!(span.end_time_unix_nano, 1_000_000_000_000);
        assert_eq!(span.status, None);
        assert!(span.parent_span_id.is_empty() && span.links.is_empty());
        for expected in [
            text("fieldgate.reason", "purpose_not_agreed"),
            text("fieldgate.partner", "island-health"),
            text("fieldgate.decision", "refuse"),
            number("http.response.status_code", 403),
        ] {
            assert!(span.attributes.contains(&expected), "{expected:?}");
        }
    }

    #[test]
    fn a_partners_span_is_the_parent_where_it_is_joined_and_a_link_where_not() {
        let partner = Context {
            trace: RequestId::new([8; 16]),
            span: [9; 8],
            sampled: true,
        };
        for (joined, parent, links) in [(true, vec![9; 8], 0), (false, Vec::new(), 1)] {
            let mut spans = Vec::new();
            refused(trace(Some(partner), joined)).write(&mut spans);
            assert_eq!(spans[0].parent_span_id, parent);
            assert_eq!(spans[0].links.len(), links);
        }
    }
}
