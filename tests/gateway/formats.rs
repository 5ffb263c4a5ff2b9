//! For each format one exchange as agreed, in both directions: what was agreed arrives, under its label, and no more.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::AsyncWriteExt;

use crate::harness::*;

const CANARY: &str = "CANARY-format";

struct Row {
    /// `format:` with its options, and `fields:`.
    rules: &'static str,
    label: &'static str,
    sent: &'static [u8],
    told: &'static str,
    leaves: &'static str,
}

const ROWS: [Row; 9] = [
    Row {
        rules: "{ format: json, fields: [{ keep: [$.name] }] }",
        label: "application/json; charset=utf-8",
        sent: br#"{"name":"Ada","notes":"CANARY-format"}"#,
        told: "application/json",
        leaves: r#"{"name":"Ada"}"#,
    },
    Row {
        rules: "{ format: ndjson, fields: [{ keep: ['$[*].name'] }] }",
        label: "application/x-ndjson",
        sent: b"{\"name\":\"Ada\",\"notes\":\"CANARY-format\"}\n{\"name\":\"Bob\"}\n",
        told: "application/x-ndjson",
        leaves: "{\"name\":\"Ada\"}\n{\"name\":\"Bob\"}\n",
    },
    Row {
        rules: "{ format: json-seq, fields: [{ keep: ['$[*].name'] }] }",
        label: "application/json-seq",
        sent: b"\x1e{\"name\":\"Ada\",\"notes\":\"CANARY-format\"}\n",
        told: "application/json-seq",
        leaves: "\x1e{\"name\":\"Ada\"}\n",
    },
    Row {
        rules: "{ format: event-stream, fields: [{ keep: ['$[*].name'] }] }",
        label: "text/event-stream; charset=utf-8",
        sent: b"data: {\"name\":\"Ada\",\"notes\":\"CANARY-format\"}\n\n",
        told: "text/event-stream",
        leaves: "data: {\"name\":\"Ada\"}\n\n",
    },
    Row {
        rules: "{ format: csv, csv: { separator: ;, charset: windows-1252 }, fields: [{ keep: ['$[*].name'] }] }",
        label: "text/csv; charset=windows-1252; header=present",
        sent: b"name;notes\r\nZo\xeb;CANARY-format\r\n",
        told: "text/csv; charset=utf-8",
        leaves: "name\r\nZo\u{eb}\r\n",
    },
    Row {
        rules: "{ format: tsv, fields: [{ keep: ['$[*].name'] }] }",
        label: "text/tab-separated-values",
        sent: b"name\tnotes\nAda\tCANARY-format\n",
        told: "text/tab-separated-values; charset=utf-8",
        leaves: "name\nAda\n",
    },
    Row {
        rules: "{ format: xml, fields: [{ keep: [$.person.name] }] }",
        label: "text/xml; charset=utf-8",
        sent: b"<person><name>Ada</name><notes>CANARY-format</notes></person>",
        told: "text/xml",
        leaves: "<person><name>Ada</name></person>",
    },
    Row {
        rules: "{ format: form, fields: [{ keep: [$.name] }] }",
        label: "application/x-www-form-urlencoded",
        sent: b"name=Ada+W&notes=CANARY-format",
        told: "application/x-www-form-urlencoded",
        leaves: "name=Ada+W",
    },
    Row {
        rules: "{ format: multipart, fields: [{ keep: [$.name] }] }",
        label: "multipart/form-data; boundary=x",
        sent: b"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\n--x\r\nContent-Disposition: form-data; name=\"notes\"\r\n\r\nCANARY-format\r\n--x--\r\n",
        told: "multipart/form-data; boundary=\"x\"",
        leaves: "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nAda\r\n--x--\r\n",
    },
];

pub(crate) fn agreement(rules: &str) -> String {
    format!(
        r#"
agreement: formats
version: 1
title: One format
parties: {{ controller: isle-council, partner: island-health }}
term: {{ starts: 2026-01-01, ends: 2026-12-31 }}
purposes: {{ care: Offer care }}
disclosures:
  - name: out
    purposes: [care]
    request: GET /out
    service: {{ name: social-care, path: /out }}
    response: {rules}
  - name: in
    purposes: [care]
    request: POST /in
    service: {{ name: social-care, path: /in }}
    request_body: {rules}
    response: {rules}
"#
    )
}

/// What the service was sent, once for each request that had a body.
type Bodies = Rc<RefCell<Vec<Vec<u8>>>>;

/// A gateway before a service that answers everything with what the row sends.
async fn council(row: &'static Row) -> (Council, Service, Bodies) {
    let bodies = Bodies::default();
    let noted = Rc::clone(&bodies);
    let service = Service::scripted(move |head, mut stream| {
        let noted = Rc::clone(&noted);
        async move {
            let body = skip_body(&head, &mut stream).await?;
            if !body.is_empty() {
                noted.borrow_mut().push(body);
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
                row.label,
                row.sent.len()
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(row.sent).await?;
            Ok(Some(stream))
        }
    })
    .await;
    let mut setup = Setup::with(service.address);
    let formats = ("formats.yaml".to_owned(), agreement(row.rules));
    setup.agreements.push(formats);
    (setup.start(), service, bodies)
}

#[test]
fn p1_what_was_agreed_of_each_format_reaches_the_partner_and_the_service() {
    for row in &ROWS {
        run(async {
            let (council, service, bodies) = council(row).await;
            let got = council.get("/out").await;
            assert_eq!(got.status(), 200, "{}: {}", row.rules, got.text());
            assert_eq!(got.body(), row.leaves, "{}", row.rules);
            let told = format!("content-type: {}\r\n", row.told);
            assert!(got.head().contains(&told), "{}: {}", row.rules, got.head());
            assert!(!got.text().contains(CANARY), "{}", row.rules);

            let head = format!(
                "Content-Type: {}\r\nContent-Length: {}\r\n",
                row.label,
                row.sent.len()
            );
            let mut request = care("POST", "/in", &head).into_bytes();
            request.extend_from_slice(row.sent);
            let got = send(council.address(), &request).await;
            assert_eq!(got.status(), 200, "{}: {}", row.rules, got.text());
            let bodies = bodies.borrow();
            let [body] = bodies.as_slice() else {
                panic!("{bodies:?}")
            };
            assert_eq!(String::from_utf8_lossy(body), row.leaves, "{}", row.rules);
            let asked = service.requests()[1].to_ascii_lowercase();
            assert!(asked.contains(&told), "{}: {asked}", row.rules);
        });
    }
}

/// The label says what the bytes are; where they are something else, the format's machine ends the exchange.
#[test]
fn p4_bytes_that_are_not_what_their_label_says_end_the_exchange() {
    for row in &ROWS {
        let lie: &'static Row = Box::leak(Box::new(Row {
            sent: b"\x00\x01CANARY-format <\xff\n\x02",
            ..*row
        }));
        run(async {
            let (council, _service, _) = council(lie).await;
            let got = council.get("/out").await;
            assert!(
                got.status() == 502 || !got.is_whole(),
                "{}: {}",
                row.rules,
                got.text()
            );
            assert!(!got.text().contains(CANARY), "{}", row.rules);
        });
    }
}
