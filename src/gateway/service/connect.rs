//! A connection to one place: TCP, TLS where it is spoken, and HTTP/1.1 or 2 on it.

use std::time::Duration;

use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri};
use http_body::Body;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::place::{Place, Protocol};
use super::stalling::Stalling;
use super::tls;
use crate::config::{Http2, Limits, Service};
use crate::gateway::StartError;
use crate::gateway::pieces::Pieces;
use crate::gateway::worker::Local;

/// The most that one HTTP/2 stream may send unread, and that waits to be sent on it (P5).
const STREAM_BYTES: u32 = 64 << 10;

/// The least that hyper takes for the most that waits to be sent on one HTTP/1 connection.
const LEAST_BUFFER_BYTES: usize = 8 << 10;

/// hyper's own bound on headers; another number costs an allocation a message.
const USUAL_HEADER_COUNT: usize = 100;

/// How connections to a service are made.
pub(crate) struct Connector {
    tls: Option<TlsConnector>,
    http2: Http2,
    connect_timeout: Duration,
    pub(super) streams: u32,
    pub(super) header_count: usize,
    header_bytes: usize,
    /// The longest that a write may wait for the service to read.
    body_idle: Duration,
}

/// A connection over which requests with bodies `B` are sent.
pub(crate) enum Connection<B> {
    Http1(http1::SendRequest<B>),
    Http2(http2::SendRequest<B>),
}

/// No connection could be made.
#[derive(Debug)]
pub(crate) struct NoConnection;

/// Why none could be made, for the operator: a sentence of the system's, of TLS or of HTTP, of what the service shows of itself.
type Why = Box<dyn std::error::Error + Send + Sync>;

impl<B> Connection<B> {
    pub(super) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }
}

impl Connector {
    /// # Errors
    /// If the files of its TLS cannot be used.
    pub(super) fn new(service: &Service, limits: &Limits) -> Result<Self, StartError> {
        let tls = match &service.tls {
            Some(files) if service.https => {
                Some(TlsConnector::from(tls::client(files, service.http2)?))
            }
            Some(_) | None => None,
        };
        Ok(Self {
            tls,
            http2: service.http2,
            connect_timeout: service.connect_timeout,
            streams: service.streams_per_connection,
            header_count: limits.header_count,
            header_bytes: limits.header_bytes,
            body_idle: limits.body_idle,
        })
    }

    /// Whether connections are made alike but for the files, which are compared where they are read.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        self.header_count == other.header_count
            && self.header_bytes == other.header_bytes
            && self.body_idle == other.body_idle
    }

    /// Whether a connection to `place` may turn out to be HTTP/2, on which several exchanges have room.
    pub(super) fn may_multiplex(&self, place: &Place) -> bool {
        match (self.http2, place.protocol()) {
            (Http2::Never, _) | (Http2::Auto, Protocol::Http1) => false,
            (Http2::Only, _) => true,
            (Http2::Auto, Protocol::Unknown | Protocol::Http2) => self.tls.is_some(),
        }
    }

    /// A new connection to `place`.
    ///
    /// # Errors
    /// If it cannot be made in time; the log has the reason.
    pub(crate) async fn connect<B>(&self, place: &Place) -> Result<Connection<B>, NoConnection>
    where
        B: Body + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let connecting = async {
            let stream = TcpStream::connect(place.address).await?;
            stream.set_nodelay(true)?;
            let stream = Stalling::new(stream, self.body_idle);
            let (Some(tls), Some(name)) = (&self.tls, &place.endpoint.server_name) else {
                let http2 = self.http2 == Http2::Only;
                return self.speak(place, Pieces::new(stream), http2).await;
            };
            let stream = tls.connect(name.clone(), stream).await?;
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            if !http2 && self.http2 == Http2::Only {
                return Err("it does not offer HTTP/2".into());
            }
            // In pieces by itself: those of its records.
            self.speak(place, stream, http2).await
        };
        let made: Result<_, Why> = timeout(self.connect_timeout, connecting)
            .await
            .unwrap_or_else(|_| Err("no connection within connect_timeout".into()));
        made.map_err(|why| {
            place.tell(&*why);
            NoConnection
        })
    }

    async fn speak<S, B>(&self, place: &Place, stream: S, http2: bool) -> Result<Connection<B>, Why>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
        B: Body + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stream = TokioIo::new(stream);
        if http2 {
            let mut builder = http2::Builder::new(Local);
            builder
                .initial_stream_window_size(STREAM_BYTES)
                // As much as all streams together: one that is not read on takes no room from the others.
                .initial_connection_window_size(
                    STREAM_BYTES.saturating_mul(self.streams).min(WINDOW),
                )
                .initial_max_send_streams(usize::try_from(self.streams).unwrap_or(usize::MAX))
                .max_send_buf_size(STREAM_BYTES as usize)
                .max_header_list_size(u32::try_from(self.header_bytes).unwrap_or(u32::MAX));
            let (sender, connection) = builder.handshake(stream).await?;
            spawn_local(async move {
                // What ends a connection shows in the exchanges that use it.
                drop(connection.await);
            });
            place.speaks(Protocol::Http2);
            return Ok(Connection::Http2(sender));
        }
        let mut builder = http1::Builder::new();
        // A head has to fit. It is also what may wait to be sent before another piece of a request's body is asked for.
        builder.max_buf_size(self.header_bytes.max(LEAST_BUFFER_BYTES));
        builder.max_header_size(self.header_bytes);
        if self.header_count != USUAL_HEADER_COUNT {
            builder.max_headers(self.header_count);
        }
        let (sender, connection) = builder.handshake(stream).await?;
        spawn_local(async move {
            drop(connection.await);
        });
        place.speaks(Protocol::Http1);
        Ok(Connection::Http1(sender))
    }
}

/// The largest window there is (RFC 9113 §6.9.1).
const WINDOW: u32 = (1 << 31) - 1;

impl Place {
    /// Names the place in `request` as HTTP/1.1 or 2 does it; its URI is a path with a query or none.
    pub(crate) fn address_to<B>(&self, request: &mut Request<B>, http2: bool, https: bool) {
        let endpoint = &self.endpoint;
        if !http2 {
            let host: &HeaderValue = &endpoint.host_header;
            request.headers_mut().insert(HOST, host.clone());
            return;
        }
        request.headers_mut().remove(HOST);
        let path = request.uri().path_and_query().cloned();
        let scheme = if https { Scheme::HTTPS } else { Scheme::HTTP };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(endpoint.authority.clone())
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build();
        *request.uri_mut() = uri.expect("a scheme, an authority and a path are a URI");
    }
}
