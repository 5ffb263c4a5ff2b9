//! Traces over OTLP: what the collector gets of exchanges, and what it never gets.

use std::cell::RefCell;
use std::rc::Rc;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use tokio::io::AsyncWriteExt;

use crate::harness::*;

const CANARY: &str = "CANARYTRACE";
/// A partner's trace, of which each part is found again as text and as bytes.
const THEIR_TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const THEIR_SPAN: &str = "b7ad6b7169203331";

/// A collector that keeps what it is sent, and answers each time with `status` and `answer`.
struct Collector {
    service: Service,
    bodies: Rc<RefCell<Vec<Vec<u8>>>>,
}

impl Collector {
    async fn answering(status: &'static str, answer: Vec<u8>) -> Self {
        let bodies = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&bodies);
        let service = Service::scripted(move |head, mut stream| {
            let (kept, answer) = (Rc::clone(&kept), answer.clone());
            async move {
                let body = skip_body(&head, &mut stream).await?;
                kept.borrow_mut().push(body);
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
                    answer.len()
                );
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&answer).await?;
                Ok(Some(stream))
            }
        })
        .await;
        Self { service, bodies }
    }

    /// The lines of the configuration that name it.
    fn named(&self, more: &str) -> String {
        format!(
            "traces:\n  endpoint: http://{}/v1/traces\n  interval: 20ms\n{more}",
            self.service.address
        )
    }

    /// All spans so far.
    fn spans(&self) -> Vec<Span> {
        let bodies = self.bodies.borrow();
        let requests = bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(&body[..]).unwrap());
        requests
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| {
                let attributes = &resource.resource.as_ref().unwrap().attributes;
                assert!(attributes.contains(&text("service.name", "fieldgate")));
                resource.scope_spans
            })
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
    }
}

fn traceparent(flags: &str) -> String {
    format!("traceparent: 00-{THEIR_TRACE}-{THEIR_SPAN}-{flags}\r\n")
}

/// The trace that the service was told of in its first request.
fn told(service: &Service) -> String {
    let asked = &service.requests()[0];
    let mut lines = asked.lines();
    lines
        .find_map(|line| line.strip_prefix("traceparent: "))
        .unwrap_or_else(|| panic!("no traceparent in {asked}"))
        .to_owned()
}

#[test]
fn an_exchange_is_a_span_of_ours_and_one_of_the_service_under_it() {
    run(async {
        let collector = Collector::answering("200 OK", Vec::new()).await;
        let service = Service::answering(json(r#"{"id":"1","name":"Ada"}"#)).await;
        let mut setup = Setup::with(service.address);
        setup.more = collector.named("");
        let mut council = setup.start();
        assert_eq!(council.get("/adults/7").await.status(), 200);
        council.get("/elsewhere").await.is_problem(404, "no_route");
        council.stop().await;

        let spans = collector.spans();
        assert_eq!(spans.len(), 3, "{spans:#?}");
        let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        let (server, client) = (named("adult"), named("social-care"));
        assert_eq!(server.kind, i32::from(SpanKind::Server));
        assert_eq!(client.kind, i32::from(SpanKind::Client));
        assert_eq!(client.parent_span_id, server.span_id);
        assert_eq!(client.trace_id, server.trace_id);
        assert!(server.parent_span_id.is_empty());
        assert!(server.start_time_unix_nano <= client.start_time_unix_nano);
        assert!(client.end_time_unix_nano <= server.end_time_unix_nano);
        for expected in [
            text("fieldgate.partner", "island-health"),
            text("fieldgate.agreement", "care"),
            attribute("fieldgate.agreement.version", Value::IntValue(1)),
            text("fieldgate.disclosure", "adult"),
            text("fieldgate.purpose", "care"),
            text("fieldgate.decision", "permit"),
            text("fieldgate.outcome", "complete"),
            attribute("http.response.status_code", Value::IntValue(200)),
            attribute("fieldgate.records.released", Value::IntValue(1)),
        ] {
            assert!(server.attributes.contains(&expected), "{expected:?}");
        }
        let refused = named("refused");
        assert!(
            refused
                .attributes
                .contains(&text("fieldgate.reason", "no_route"))
        );
        assert_ne!(refused.trace_id, server.trace_id);

        // The service is told the same trace, and the span that asks it.
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let (trace, span) = (hex(&server.trace_id), hex(&client.span_id));
        assert_eq!(told(&service), format!("00-{trace}-{span}-01"));
        // Log lines name the trace, so that a line and its trace are found from each other.
        let lines = logs();
        let line = lines.lines().find(|line| line.contains(&trace)).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["trace_id"], trace.as_str());
        assert!(line["request"].is_string(), "{line}");
        let head = collector.service.requests()[0].to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
        assert!(
            head.contains("content-type: application/x-protobuf"),
            "{head}"
        );
    });
}

#[test]
fn p7_nothing_that_a_partner_sends_or_a_service_holds_is_in_a_span() {
    run(async {
        let collector = Collector::answering("200 OK", Vec::new()).await;
        let body = format!(r#"{{"id":"{CANARY}1","name":"{CANARY}2","{CANARY}3":1}}"#);
        let more = format!("X-Note: {CANARY}4\r\nETag: \"{CANARY}5\"\r\n");
        let service = Service::answering(json_with(&more, &body)).await;
        let mut setup = Setup::with(service.address);
        setup.more = collector.named("");
        let mut council = setup.start();
        let lines =
            format!("Accept-Language: {CANARY}\r\nCookie: {CANARY}\r\n") + &traceparent("01");
        for request in [
            care("GET", &format!("/adults/{CANARY}?page={CANARY}"), &lines),
            care("GET", &format!("/{CANARY}"), &lines),
            care("GET", &format!("/adults/7?{CANARY}=1"), &lines),
            care(CANARY, "/adults/7", &lines),
            care("GET", "/adults/7", &lines)
                .replace("Data-Purpose: care", &format!("Data-Purpose: {CANARY}")),
            care("GET", "/adults/7", &lines).replace(HEALTH_KEY, CANARY),
        ] {
            council.send(&request).await;
        }
        council.stop().await;
        assert_eq!(collector.spans().len(), 7);
        let theirs = |digits: &str| data_encoding::HEXLOWER.decode(digits.as_bytes()).unwrap();
        for sent in collector.bodies.borrow().iter() {
            for canary in [
                CANARY.as_bytes(),
                CANARY.to_lowercase().as_bytes(),
                HEALTH_KEY.as_bytes(),
                THEIR_TRACE.as_bytes(),
                &theirs(THEIR_TRACE),
                &theirs(THEIR_SPAN),
            ] {
                assert_eq!(find(sent, canary), None, "{canary:?}");
            }
        }
        assert!(!told(&service).contains(THEIR_TRACE), "{}", told(&service));
    });
}

#[test]
fn a_partners_trace_is_gone_on_with_or_linked_only_where_the_configuration_says_so() {
    for (setting, flags, parents, links, spans) in [
        ("  partner_trace: link\n", "01", 0, 1, 2),
        ("  partner_trace: join\n", "01", 1, 0, 2),
        ("  partner_trace: join\n", "00", 0, 0, 0),
        ("  partner_trace: apart\n", "00", 0, 0, 2),
        ("  sample: 0\n", "01", 0, 0, 0),
    ] {
        run(async {
            let collector = Collector::answering("200 OK", Vec::new()).await;
            let service = Service::answering(json("{}")).await;
            let mut setup = Setup::with(service.address);
            setup.more = collector.named(setting);
            let mut council = setup.start();
            let answer = council
                .send(&care("GET", "/adults/7", &traceparent(flags)))
                .await;
            assert_eq!(answer.status(), 200, "{setting}");
            council.stop().await;
            let found = collector.spans();
            assert_eq!(found.len(), spans, "{setting} {flags}");
            let theirs = data_encoding::HEXLOWER
                .decode(THEIR_SPAN.as_bytes())
                .unwrap();
            let children = found.iter().filter(|span| span.parent_span_id == theirs);
            assert_eq!(children.count(), parents, "{setting} {flags}");
            let linked = found.iter().flat_map(|span| &span.links);
            let linked = linked.filter(|link| link.span_id == theirs);
            assert_eq!(linked.count(), links, "{setting} {flags}");
            let joins = setting.contains("join");
            assert_eq!(told(&service).contains(THEIR_TRACE), joins, "{setting}");
            let recorded = if spans == 0 { "-00" } else { "-01" };
            assert!(told(&service).ends_with(recorded), "{setting} {flags}");
        });
    }
}

#[test]
fn a_collector_that_takes_nothing_or_a_part_costs_no_exchange_and_is_counted() {
    let partly = ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans: 1,
            error_message: String::new(),
        }),
    };
    for (status, answer, metrics) in [
        (
            "400 Bad Request",
            Vec::new(),
            ["given_up\"} 2", "sent\"} 0"],
        ),
        (
            "200 OK",
            partly.encode_to_vec(),
            ["rejected\"} 1", "sent\"} 1"],
        ),
        (
            "200 OK",
            b"not protobuf".to_vec(),
            ["rejected\"} 0", "sent\"} 2"],
        ),
    ] {
        run(async {
            let collector = Collector::answering(status, answer).await;
            let service = Service::answering(json("{}")).await;
            let mut setup = Setup::with(service.address);
            setup.more = collector.named("");
            let council = setup.start();
            assert_eq!(council.get("/adults/7").await.status(), 200);
            for metric in metrics {
                let line = format!("fieldgate_trace_spans_total{{outcome=\"{metric}");
                let waiting = async { while !council.has_metric(&line).await {} };
                let waited = tokio::time::timeout(HANG, waiting).await;
                assert!(waited.is_ok(), "{line}: {}", council.metrics().await);
            }
        });
    }
}

#[test]
fn a_collector_that_never_answers_holds_up_neither_an_exchange_nor_the_gateways_end() {
    run(async {
        let silent = Service::scripted(|_, stream| async move {
            // Kept open for as long as the test runs.
            let held = stream;
            std::future::pending::<()>().await;
            Ok(Some(held))
        })
        .await;
        let service = Service::answering(json("{}")).await;
        let mut setup = Setup::with(service.address);
        setup.more = format!(
            "traces: {{ endpoint: 'http://{}', interval: 20ms, timeout: 100ms }}",
            silent.address
        );
        let mut council = setup.start();
        for _ in 0..3 {
            assert_eq!(council.get("/adults/7").await.status(), 200);
        }
        council.stop().await;
    });
}
