//! Asks as a partner does: one GET on one connection, in the clear or over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Nothing on loopback takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no answer.
pub(super) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A whole response.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The body as JSON; `null` if it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What the named header holds.
pub(super) type Header = (&'static str, String);

/// GETs `path` from `address` in the clear.
pub(super) async fn plain(
    address: SocketAddr,
    path: &str,
    headers: Vec<Header>,
) -> Result<Answer, Failed> {
    let get = async { get(TcpStream::connect(address).await?, path, headers).await };
    tokio::time::timeout(PATIENCE, get).await?
}

/// GETs `path` from `address` over TLS, under the name `localhost`.
pub(super) async fn tls(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    path: &str,
    headers: Vec<Header>,
) -> Result<Answer, Failed> {
    let get = async {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").expect("localhost is a DNS name");
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await?;
        get(stream, path, headers).await
    };
    tokio::time::timeout(PATIENCE, get).await?
}

async fn get(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    path: &str,
    headers: Vec<Header>,
) -> Result<Answer, Failed> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = Request::get(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let response = sender
        .send_request(request.body(Empty::<Bytes>::new())?)
        .await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
    })
}
