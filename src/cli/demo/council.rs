//! The council's service: a few invented adults behind plain HTTP on loopback.
//!
//! It is careless on purpose, as services are: it says what it runs on, sets cookies, and puts a stack
//! trace into an error. None of that reaches a partner.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SERVER, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The records. NHS numbers are of the range 999, which is never issued, National Insurance numbers of the
/// prefix QQ, telephone numbers of Ofcom's ranges for drama, addresses of a postal area that is none.
const ADULTS: &str = include_str!("../../../config/demo/adults.json");

/// What the service says of itself: see `check`, which looks for it where partners do.
pub(super) const SERVER_NAME: &str = "CaseBook/7.2";

/// The service, which stops when this is dropped.
pub(super) struct Council {
    address: SocketAddr,
    records: Arc<Vec<Value>>,
    accepting: JoinHandle<()>,
}

impl Council {
    /// Starts the service on a free port.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let records = Arc::new(adults());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&records)));
        Ok(Self {
            address,
            records,
            accepting,
        })
    }

    /// Where it answers.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The records as it holds them.
    pub(super) fn records(&self) -> Vec<Value> {
        self.records.to_vec()
    }
}

impl Drop for Council {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The records.
pub(super) fn adults() -> Vec<Value> {
    serde_json::from_str(ADULTS).expect("the demo's records are a JSON array")
}

async fn accept(listener: TcpListener, records: Arc<Vec<Value>>) {
    // An error here is one connection's; the next may be good.
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let records = Arc::clone(&records);
        let answer = service_fn(move |request| {
            let records = Arc::clone(&records);
            async move { Ok::<_, Infallible>(answer(&request, &records)) }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

fn answer(request: &Request<Incoming>, records: &[Value]) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    let path = path.strip_prefix("/api/v2").unwrap_or_default();
    let one = |name: &str, value: &str| {
        let mut records = records.iter();
        records.find(|record| record[name] == *value).cloned()
    };
    let body = match path.split('/').collect::<Vec<_>>()[..] {
        _ if request.method() != Method::GET => None,
        ["", "adults"] => Some(json!({ "total": records.len(), "items": records })),
        ["", "adults", referral] => one("referral", referral),
        ["", "people", nhs_number] => one("nhsNumber", nhs_number),
        _ => None,
    };
    let (status, body) = match body {
        Some(body) => (StatusCode::OK, body),
        None => (
            StatusCode::NOT_FOUND,
            json!({ "error": "RecordNotFound", "trace": ["casebook/adults.py:214", "casebook/db.py:88"] }),
        ),
    };
    let body = serde_json::to_vec_pretty(&body).expect("a JSON value is written as JSON");
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .header(SERVER, SERVER_NAME)
        .header(SET_COOKIE, "casebook_session=d41d8cd98f00b204")
        .body(Full::new(Bytes::from(body)))
        .expect("the response's parts are well formed")
}
