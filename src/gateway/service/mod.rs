//! Connections to services: HTTP/1.1, a pool of idle ones for each worker.

use std::cell::RefCell;
use std::sync::Arc;

use http::{HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::StartError;
use super::reason::Reason;
use super::request::RequestBody;
use super::tls;
use crate::agreement::ServiceName;
use crate::config::{Limits, Service};

/// The most that is read from a service's connection at once (P5).
const READ_BYTES: usize = 64 << 10;

/// hyper's own bound on headers; another number costs an allocation a message.
const USUAL_HEADER_COUNT: usize = 100;

/// A service as the gateway reaches it.
pub(crate) struct Target {
    service: Service,
    authority: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// The authorities' file as it was read, to see whether a reload changed it.
    ca_pem: Option<Vec<u8>>,
    header_count: usize,
    header_bytes: usize,
}

/// A worker's open connections to services, idle ones only.
#[derive(Default)]
pub(crate) struct Pool(RefCell<Vec<Idle>>);

struct Idle {
    target: Arc<Target>,
    connection: SendRequest<RequestBody>,
    since: Instant,
}

/// A connection to a service for one exchange.
pub(crate) struct Lease {
    target: Arc<Target>,
    connection: SendRequest<RequestBody>,
    pub(crate) reused: bool,
}

impl Target {
    /// Reads what is needed to reach `service`.
    ///
    /// # Errors
    /// If its authorities' file cannot be read, or its host is no name.
    pub(crate) fn new(service: &Service, limits: &Limits) -> Result<Self, StartError> {
        let unusable = |message: &str| StartError::Service {
            service: service.name.clone(),
            message: message.to_owned(),
        };
        let mut ca_pem = None;
        let tls = if service.https {
            let ca = service
                .ca
                .as_ref()
                .ok_or_else(|| unusable("an https service needs its `ca`"))?;
            ca_pem = std::fs::read(ca).ok();
            let config: Arc<ClientConfig> = tls::service_tls(ca)?;
            let name = ServerName::try_from(service.host.clone())
                .map_err(|_| unusable("its host is neither a DNS name nor an IP address"))?;
            Some((TlsConnector::from(config), name))
        } else {
            None
        };
        Ok(Self {
            authority: HeaderValue::from_str(&service.authority())
                .map_err(|_| unusable("its host cannot stand in a Host header"))?,
            service: service.clone(),
            tls,
            ca_pem,
            header_count: limits.header_count,
            header_bytes: limits.header_bytes,
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &ServiceName {
        &self.service.name
    }

    /// The value of `Host` in requests to it.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    /// The longest to wait for the head of its answer.
    pub(crate) fn head_timeout(&self) -> std::time::Duration {
        self.service.head_timeout
    }

    /// Whether connections made for `self` may serve `other`.
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        self.service == other.service
            && self.ca_pem == other.ca_pem
            && self.header_count == other.header_count
            && self.header_bytes == other.header_bytes
    }

    /// A new connection, for requests whose bodies are `B`.
    pub(crate) async fn connect<B>(&self) -> Result<SendRequest<B>, Reason>
    where
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let connecting = async {
            let stream = TcpStream::connect((self.service.host.as_str(), self.service.port))
                .await
                .map_err(|_| Reason::ServiceUnreachable)?;
            stream
                .set_nodelay(true)
                .map_err(|_| Reason::ServiceUnreachable)?;
            match &self.tls {
                None => self.speak(stream).await,
                Some((connector, name)) => {
                    let stream = connector
                        .connect(name.clone(), stream)
                        .await
                        .map_err(|_| Reason::ServiceUnreachable)?;
                    self.speak(stream).await
                }
            }
        };
        timeout(self.service.connect_timeout, connecting)
            .await
            .unwrap_or(Err(Reason::ServiceUnreachable))
    }

    async fn speak<S, B>(&self, stream: S) -> Result<SendRequest<B>, Reason>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
        B: Body + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut builder = Builder::new();
        builder.max_buf_size(READ_BYTES.max(self.header_bytes));
        builder.max_header_size(self.header_bytes);
        if self.header_count != USUAL_HEADER_COUNT {
            builder.max_headers(self.header_count);
        }
        let (sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Reason::ServiceUnreachable)?;
        tokio::task::spawn_local(async move {
            // What ends a connection shows in the exchange that uses it.
            drop(connection.await);
        });
        Ok(sender)
    }
}

impl Pool {
    /// A connection to `target`: the one used last that is still open, or a new one.
    pub(crate) async fn lease(&self, target: &Arc<Target>) -> Result<Lease, Reason> {
        while let Some(mut idle) = self.take(target) {
            // Ready at once, or closed by the service in the meantime.
            if idle.since.elapsed() < target.service.idle_timeout
                && idle.connection.ready().await.is_ok()
            {
                return Ok(Lease {
                    target: Arc::clone(target),
                    connection: idle.connection,
                    reused: true,
                });
            }
        }
        self.lease_new(target).await
    }

    /// A new connection to `target`.
    pub(crate) async fn lease_new(&self, target: &Arc<Target>) -> Result<Lease, Reason> {
        Ok(Lease {
            connection: target.connect().await?,
            target: Arc::clone(target),
            reused: false,
        })
    }

    fn take(&self, target: &Arc<Target>) -> Option<Idle> {
        let mut idle = self.0.borrow_mut();
        let index = idle
            .iter()
            .rposition(|idle| Arc::ptr_eq(&idle.target, target))?;
        Some(idle.remove(index))
    }

    /// Keeps `lease` for another exchange. Its answer must have been read to its end.
    pub(crate) fn keep(&self, lease: Lease) {
        let mut idle = self.0.borrow_mut();
        let same = idle
            .iter()
            .filter(|idle| Arc::ptr_eq(&idle.target, &lease.target))
            .count();
        if same < lease.target.service.idle_connections && !lease.connection.is_closed() {
            idle.push(Idle {
                target: lease.target,
                connection: lease.connection,
                since: Instant::now(),
            });
        }
    }

    /// Closes connections that were idle too long or that the service has closed.
    pub(crate) fn sweep(&self) {
        self.0.borrow_mut().retain(|idle| {
            !idle.connection.is_closed() && idle.since.elapsed() < idle.target.service.idle_timeout
        });
    }
}

impl Lease {
    /// Sends `request` and waits for the head of the answer.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        self.connection.send_request(request).await
    }
}
