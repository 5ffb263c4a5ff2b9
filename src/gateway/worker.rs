//! A worker: one thread with its own runtime, listeners and connections, to partners and to services.
//!
//! Nothing on the way of a request crosses to another thread but the ledger's entries.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::activity::{Activity, Watch};
use super::desk::Desk;
use super::exchange::exchange;
use super::identity::PresentedCertificate;
use super::machines::Machines;
use super::metrics::Metrics;
use super::random::Random;
use super::running::Running;
use super::service::Pool;
use super::traces::Traces;
use super::wire::Strict;
use crate::clock::Clock;
use crate::config::Limits;
use crate::ledger::{Ledger, Outbox};
use crate::subjects::Watched;

/// How an HTTP/2 connection begins (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The most that hyper reads or writes at once on one connection, beside its headers (P5).
const BUFFER_BYTES: usize = 64 << 10;

/// hyper's own bound on headers; another number costs an allocation a message.
const USUAL_HEADER_COUNT: usize = 100;

/// How often idle connections to services are looked through.
const SWEEP: Duration = Duration::from_secs(5);

/// Rapid resets (CVE-2023-44487): streams that a partner may reset before they were taken up.
const PENDING_RESETS: usize = 20;

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) running: Arc<ArcSwap<Running>>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) desk: Arc<Desk>,
    /// Connections from partners open now, over all workers.
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) stop: watch::Receiver<bool>,
    /// What people object to and consent to, where a store is configured.
    pub(crate) subjects: Option<Arc<Watched>>,
    pub(crate) traces: Traces,
}

/// One worker's own things.
pub(crate) struct Worker {
    pub(crate) running: Arc<ArcSwap<Running>>,
    pub(crate) ledger: Ledger,
    /// This worker's way to the ledger.
    pub(crate) outbox: Rc<Outbox>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) pool: Pool,
    pub(crate) machines: Machines,
    pub(crate) subjects: Option<Arc<Watched>>,
    pub(crate) traces: Traces,
    shared: Shared,
    /// This worker's open connections.
    open: Cell<usize>,
    /// Told when `open` becomes nought.
    emptied: tokio::sync::Notify,
}

/// One connection from a partner, as its exchanges see it.
pub(crate) struct PartnerConnection {
    pub(crate) certificate: Option<PresentedCertificate>,
    pub(crate) activity: Rc<Activity>,
}

/// Runs a worker on this thread until it is told to stop and its connections have ended.
pub(crate) fn run(shared: Shared, listeners: Vec<std::net::TcpListener>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = LocalSet::new();
    let ended = local.block_on(&runtime, serve(shared, listeners));
    // What still runs is dropped here, inside the runtime: each exchange ends its account.
    let _inside = runtime.enter();
    drop(local);
    ended
}

async fn serve(shared: Shared, listeners: Vec<std::net::TcpListener>) -> io::Result<()> {
    let mut stop = shared.stop.clone();
    let worker = Rc::new(Worker {
        running: Arc::clone(&shared.running),
        ledger: shared.ledger.clone(),
        outbox: Outbox::new(shared.ledger.clone()),
        desk: Arc::clone(&shared.desk),
        clock: shared.clock.clone(),
        random: Random::new(),
        pool: Pool::default(),
        machines: Machines::default(),
        subjects: shared.subjects.clone(),
        traces: shared.traces.clone(),
        shared,
        open: Cell::new(0),
        emptied: tokio::sync::Notify::new(),
    });
    let mut accepting = Vec::new();
    for (index, listener) in listeners.into_iter().enumerate() {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        accepting.push(spawn_local(accept(Rc::clone(&worker), listener, index)));
    }
    let tending = spawn_local({
        let outbox = Rc::clone(&worker.outbox);
        async move { outbox.tend().await }
    });
    let sweeping = spawn_local({
        let worker = Rc::clone(&worker);
        async move {
            let mut ticks = interval(SWEEP);
            loop {
                ticks.tick().await;
                worker.pool.sweep();
            }
        }
    });
    // An error says that the gateway's handle is gone, which is as good as being told.
    drop(stop.wait_for(|stop| *stop).await);
    for listener in accepting {
        listener.abort();
    }
    let drain = worker.running.load().config.limits.drain;
    let emptied = async {
        while worker.open.get() > 0 {
            worker.emptied.notified().await;
        }
    };
    if timeout(drain, emptied).await.is_err() {
        tracing::warn!(
            connections = worker.open.get(),
            "connections still open after the drain time are closed"
        );
    }
    sweeping.abort();
    tending.abort();
    Ok(())
}

async fn accept(worker: Rc<Worker>, listener: TcpListener, index: usize) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // One connection that failed before it was taken is nothing; no more file descriptors is a
            // reason to let others end first.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let running = worker.running.load_full();
        let Some(open) = Open::count(&worker, running.config.limits.connections) else {
            worker
                .shared
                .metrics
                .connections_refused
                .with_label_values(&["limit"])
                .inc();
            continue;
        };
        spawn_local(connection(Rc::clone(&worker), running, stream, index, open));
    }
}

/// A connection is open, until this is dropped.
struct Open(Rc<Worker>);

impl Open {
    /// `None` if there are `limit` already.
    fn count(worker: &Rc<Worker>, limit: usize) -> Option<Self> {
        let shared = &worker.shared;
        if shared.connections.fetch_add(1, Ordering::Relaxed) >= limit {
            shared.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        shared.metrics.connections.inc();
        worker.open.set(worker.open.get() + 1);
        Some(Self(Rc::clone(worker)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let worker = &self.0;
        worker.shared.connections.fetch_sub(1, Ordering::Relaxed);
        worker.shared.metrics.connections.dec();
        worker.open.set(worker.open.get() - 1);
        if worker.open.get() == 0 {
            worker.emptied.notify_one();
        }
    }
}

async fn connection(
    worker: Rc<Worker>,
    running: Arc<Running>,
    stream: TcpStream,
    index: usize,
    open: Open,
) {
    // Without it the last piece of an answer may wait for an acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let activity = Activity::new();
    let limits = running.config.limits.clone();
    let Some(config) = running.server_config(index) else {
        let mut stream = Noted::new(stream, Rc::clone(&activity));
        let Ok(Ok(http2)) = timeout(limits.header_read, stream.sniff()).await else {
            return;
        };
        let connection = PartnerConnection {
            certificate: None,
            activity,
        };
        return speak(worker, stream, connection, http2, &limits, open).await;
    };
    let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
    let Ok(Ok(stream)) = timeout(limits.tls_handshake, handshake).await else {
        worker
            .shared
            .metrics
            .connections_refused
            .with_label_values(&["handshake"])
            .inc();
        return;
    };
    let (_, session) = stream.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    let certificate = running.tls[index]
        .as_ref()
        .and_then(|tls| tls.presented(session.peer_certificates()));
    let connection = PartnerConnection {
        certificate,
        activity: Rc::clone(&activity),
    };
    let stream = Noted::new(stream, activity);
    speak(worker, stream, connection, http2, &limits, open).await;
}

async fn speak<S>(
    worker: Rc<Worker>,
    stream: Noted<S>,
    connection: PartnerConnection,
    http2: bool,
    limits: &Limits,
    _open: Open,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let activity = Rc::clone(&connection.activity);
    let connection = Rc::new(connection);
    let mut stop = worker.shared.stop.clone();
    let service = {
        let worker = Rc::clone(&worker);
        service_fn(move |request: Request<Incoming>| {
            let (worker, connection) = (Rc::clone(&worker), Rc::clone(&connection));
            // Made where it is awaited: made here, it would be moved, with kilobytes of room for what it is going to hold.
            async move { Ok::<_, Infallible>(exchange(worker, connection, request).await) }
        })
    };
    if http2 {
        let io = TokioIo::new(stream);
        activity.is_multiplexed();
        let served = http2::Builder::new(Local)
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_per_connection)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_send_buf_size(BUFFER_BYTES)
            .serve_connection(io, service);
        let mut served = pin!(served);
        attend(
            served.as_mut(),
            |served| served.graceful_shutdown(),
            &mut stop,
            &activity,
            limits,
        )
        .await;
    } else {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // The watch below does this, for one timer a connection instead of one a request.
            .header_read_timeout(None)
            .max_header_size(limits.header_bytes + limits.uri_bytes)
            .max_buf_size(BUFFER_BYTES.max(limits.header_bytes + limits.uri_bytes));
        if limits.header_count != USUAL_HEADER_COUNT {
            builder.max_headers(limits.header_count);
        }
        let io = TokioIo::new(Strict::new(stream, limits));
        let served = builder.serve_connection(io, service);
        let mut served = pin!(served);
        attend(
            served.as_mut(),
            |served| served.graceful_shutdown(),
            &mut stop,
            &activity,
            limits,
        )
        .await;
    }
}

/// Drives `served` to its end, ends it when nothing happens on it, and gently when the gateway stops.
async fn attend<C>(
    mut served: Pin<&mut C>,
    graceful: impl Fn(Pin<&mut C>),
    stop: &mut watch::Receiver<bool>,
    activity: &Activity,
    limits: &Limits,
) where
    C: Future,
{
    let mut watched = pin!(sleep(limits.header_read));
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            // What ends a connection shows in its exchanges' accounts.
            _ = served.as_mut() => return,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                graceful(served.as_mut());
            }
            () = watched.as_mut() => match activity.watch(limits) {
                Watch::End => return,
                Watch::LookAgain(after) => {
                    watched.as_mut().reset(tokio::time::Instant::now() + after);
                }
            },
        }
    }
}

/// Spawns hyper's tasks on this worker's own thread.
#[derive(Clone, Copy)]
struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        spawn_local(async move {
            future.await;
        });
    }
}

/// A partner's stream: notes when bytes come, and can give back the first that were looked at.
struct Noted<S> {
    stream: S,
    activity: Rc<Activity>,
    /// The bytes that were looked at; `seen[given..len]` are still to be read.
    seen: [u8; PREFACE.len()],
    given: usize,
    len: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Noted<S> {
    fn new(stream: S, activity: Rc<Activity>) -> Self {
        Self {
            stream,
            activity,
            seen: [0; PREFACE.len()],
            given: 0,
            len: 0,
        }
    }

    /// Whether the partner begins as HTTP/2 does. Reads no further than it must to know.
    async fn sniff(&mut self) -> io::Result<bool> {
        while self.len < PREFACE.len() && self.seen[..self.len] == PREFACE[..self.len] {
            let read = self.stream.read(&mut self.seen[self.len..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.len += read;
            self.activity.read();
        }
        Ok(self.seen == *PREFACE)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given < this.len {
            let count = (this.len - this.given).min(into.remaining());
            into.put_slice(&this.seen[this.given..this.given + count]);
            this.given += count;
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, into))?;
        if into.filled().len() > before {
            this.activity.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
