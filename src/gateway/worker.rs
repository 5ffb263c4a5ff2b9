//! A worker: one thread with its own runtime, listeners and connections, to partners and to services.
//!
//! Nothing on the way of a request crosses to another thread but the ledger's entries.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::Listening;
use super::activity::{Activity, Watch};
use super::addresses::{Addresses, Guest};
use super::cors;
use super::descriptors::Descriptors;
use super::desk::Desk;
use super::fair::Fair;
use super::identity::{ConnectionCertificate, Remembered};
use super::limits::Limit;
use super::machines::Machines;
use super::metrics::Metrics;
use super::noted::Noted;
use super::pieces::Pieces;
use super::random::Random;
use super::response;
use super::running::Running;
use super::service::Pool;
use super::traces::Traces;
use super::wire::Strict;
use crate::clock::Clock;
use crate::config::{Audience, Limits};
use crate::ledger::{Ledger, Outbox};
use crate::subjects::Watched;

/// What may wait to be sent on one connection before more of a body is asked for: of one HTTP/2 stream, of TLS records (P5).
const BUFFER_BYTES: usize = 32 << 10;

/// hyper's own bound on headers; another number costs an allocation a message.
const USUAL_HEADER_COUNT: usize = 100;

/// How often idle connections to services are looked through.
const SWEEP: Duration = Duration::from_secs(5);

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
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) descriptors: Arc<Descriptors>,
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
    /// Access tokens that were verified before.
    pub(crate) remembered: Remembered,
    pub(crate) fair: Rc<Fair>,
    pub(crate) traces: Traces,
    shared: Shared,
    /// The gateway is told to stop.
    stopping: Cell<bool>,
    /// This worker's open connections.
    open: Cell<usize>,
    /// Told when `open` becomes nought.
    emptied: tokio::sync::Notify,
}

/// One connection from a partner, as its exchanges see it.
pub(crate) struct PartnerConnection {
    pub(crate) certificate: Option<ConnectionCertificate>,
    /// Where it comes from.
    pub(crate) address: IpAddr,
    /// Who connects to the listener that it came by.
    pub(crate) audience: Audience,
    pub(crate) activity: Rc<Activity>,
}

/// Runs a worker on this thread until it is told to stop and its connections have ended.
pub(crate) fn run(shared: Shared, listeners: Vec<Listening>) -> io::Result<()> {
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

async fn serve(shared: Shared, listeners: Vec<Listening>) -> io::Result<()> {
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
        remembered: Remembered::default(),
        fair: Fair::new(Arc::clone(&shared.metrics)),
        stopping: Cell::new(false),
        traces: shared.traces.clone(),
        shared,
        open: Cell::new(0),
        emptied: tokio::sync::Notify::new(),
    });
    let mut accepting = Vec::new();
    for Listening { index, socket } in listeners {
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(socket)?;
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
    worker.stopping.set(true);
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
        worker.shared.metrics.limits.reached(Limit::Drain);
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
    let shared = &worker.shared;
    let pause = |why: &'static str| {
        shared.metrics.limits.reached(Limit::FileDescriptors);
        shared.descriptors.say(why);
        sleep(Descriptors::PAUSE)
    };
    loop {
        // Those that come meanwhile wait in the system's queue: what is left of the descriptors is for the services
        // that the open connections ask.
        while shared.connections.load(Ordering::Relaxed) >= shared.descriptors.connections() {
            pause("as many connections are open as there are file descriptors for").await;
        }
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            // One connection that failed before it was taken is nothing; no more file descriptors is a
            // reason to let others end first.
            Err(error) if Descriptors::are_short(&error) => {
                pause("no file descriptor is left").await;
                continue;
            }
            Err(error) => {
                tracing::debug!(%error, "a connection ended before it was accepted");
                // Whatever else it is, it is not to keep the worker from its other tasks.
                tokio::task::yield_now().await;
                continue;
            }
        };
        let running = worker.running.load_full();
        let refused = |limit| {
            shared.metrics.limits.reached(limit);
            shared
                .metrics
                .connections_refused
                .with_label_values(&["limit"])
                .inc();
        };
        let limits = &running.config.limits;
        let Some(guest) = shared
            .addresses
            .enter(peer.ip(), limits.connections_per_address)
        else {
            refused(Limit::ConnectionsPerAddress);
            continue;
        };
        let Some(open) = Open::count(&worker, limits.connections, guest) else {
            refused(Limit::Connections);
            continue;
        };
        let came = (stream, peer.ip());
        spawn_local(connection(Rc::clone(&worker), running, came, index, open));
    }
}

/// A connection is open, until this is dropped.
struct Open {
    worker: Rc<Worker>,
    _guest: Option<Guest>,
}

impl Open {
    /// `None` if there are `limit` already.
    fn count(worker: &Rc<Worker>, limit: usize, guest: Option<Guest>) -> Option<Self> {
        let shared = &worker.shared;
        if shared.connections.fetch_add(1, Ordering::Relaxed) >= limit {
            shared.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        shared.metrics.connections.inc();
        worker.open.set(worker.open.get() + 1);
        Some(Self {
            worker: Rc::clone(worker),
            _guest: guest,
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let worker = &self.worker;
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
    (stream, address): (TcpStream, IpAddr),
    index: usize,
    open: Open,
) {
    // Without it the last piece of an answer may wait for an acknowledgement.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let limits = running.config.limits.clone();
    let activity = Activity::new(&limits);
    let reached = |limit| worker.shared.metrics.limits.reached(limit);
    let audience = running.audience(index);
    let Some(config) = running.server_config(index) else {
        let mut stream = Noted::new(Pieces::new(stream), Rc::clone(&activity), limits.linger);
        let sniffed = tokio::select! {
            biased;
            sniffed = timeout(limits.header_read, stream.sniff()) => sniffed,
            // Nobody waits for what has not begun.
            () = unused(worker.shared.stop.clone(), limits.drain_idle) => {
                return reached(Limit::DrainIdle);
            }
        };
        let http2 = match sniffed {
            Ok(Ok(http2)) => http2,
            // It went away.
            Ok(Err(_)) => return,
            Err(_) => return reached(Limit::HeaderRead),
        };
        let connection = PartnerConnection {
            certificate: None,
            address,
            audience,
            activity,
        };
        return speak(worker, stream, connection, http2, &limits, open).await;
    };
    let handshake = TlsAcceptor::from(Arc::clone(config)).accept_with(stream, |session| {
        session.set_buffer_limit(Some(BUFFER_BYTES))
    });
    let handshake = timeout(limits.tls_handshake, handshake).await;
    match &handshake {
        Err(_) => reached(Limit::TlsHandshake),
        // For who looks for it: whoever finds the port can make any number of these.
        Ok(Err(why)) => {
            tracing::debug!(%why, "a partner's TLS handshake failed");
        }
        Ok(Ok(_)) => {}
    }
    let Ok(Ok(stream)) = handshake else {
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
    let certificate = ConnectionCertificate::new(session.peer_certificates(), index, &running);
    let connection = PartnerConnection {
        certificate,
        address,
        audience,
        activity: Rc::clone(&activity),
    };
    let stream = Noted::new(stream, activity, limits.linger);
    speak(worker, stream, connection, http2, &limits, open).await;
}

/// Ends when a connection on which nothing has begun is to end: the gateway stops, and some more has gone by.
async fn unused(mut stop: watch::Receiver<bool>, some_more: Duration) {
    // An error says that the gateway's handle is gone, which is as good as being told.
    drop(stop.wait_for(|stop| *stop).await);
    sleep(some_more).await;
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
    let shared = worker.shared.clone();
    let attending = Attending {
        stop: shared.stop.clone(),
        activity: &activity,
        limits,
        metrics: &shared.metrics,
        http2,
    };
    let service = {
        let worker = Rc::clone(&worker);
        service_fn(move |request: Request<Incoming>| {
            let (worker, connection) = (Rc::clone(&worker), Rc::clone(&connection));
            let awaited = connection.activity.awaited();
            let is_head = request.method() == Method::HEAD;
            // In a place of its own while it lasts: its kilobytes would else be moved, and an idle connection would keep them.
            async move {
                let exchange = cors::exchange(Rc::clone(&worker), connection, request);
                let mut answer = Box::pin(exchange).await;
                awaited.answered();
                if worker.stopping.get() && !http2 {
                    // A partner that is told so sends nothing that nobody would read.
                    let headers = answer.headers_mut();
                    headers.insert(CONNECTION, HeaderValue::from_static("close"));
                }
                if is_head && http2 {
                    // Over HTTP/1 hyper does this by itself.
                    response::leave_out_body(&mut answer);
                }
                Ok::<_, Infallible>(answer)
            }
        })
    };
    if http2 {
        let io = TokioIo::new(stream);
        activity.is_multiplexed();
        let served = http2::Builder::new(Local)
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_per_connection)
            // What is larger than the limit is read so far, to be refused like any other request: with a reason, an entry
            // and a count. What is larger still is refused unread, with a bare 431.
            .max_header_list_size(u32::try_from(2 * head_bytes(limits)).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(limits.pending_resets)
            .max_send_buf_size(BUFFER_BYTES)
            .serve_connection(io, service);
        let mut served = pin!(served);
        let gently = |served: Pin<&mut _>| http2::Connection::graceful_shutdown(served);
        attending.attend(served.as_mut(), gently).await;
    } else {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // The watch below does this, for one timer a connection instead of one a request.
            .header_read_timeout(None)
            // A head has to fit: what is too large or has too many headers [`Strict`] has refused before. Of a body one
            // piece waits to be sent ([`Activity::unsent`]).
            .max_buf_size(BUFFER_BYTES.max(head_bytes(limits)));
        if limits.header_count > USUAL_HEADER_COUNT {
            builder.max_headers(limits.header_count);
        }
        let io = TokioIo::new(Strict::new(stream, limits));
        let served = builder.serve_connection(io, service);
        let mut served = pin!(served);
        let gently = |served: Pin<&mut _>| http1::Connection::graceful_shutdown(served);
        attending.attend(served.as_mut(), gently).await;
    }
}

/// Bytes of a whole head: its target and its headers.
pub(crate) fn head_bytes(limits: &Limits) -> usize {
    limits.header_bytes + limits.uri_bytes
}

/// What ends a connection that does not end by itself.
struct Attending<'a> {
    stop: watch::Receiver<bool>,
    activity: &'a Activity,
    limits: &'a Limits,
    metrics: &'a Metrics,
    http2: bool,
}

impl Attending<'_> {
    /// Drives `served` to its end, ends it when nothing happens on it, and gently when the gateway stops or the
    /// connection is old.
    async fn attend<C>(self, served: Pin<&mut C>, gently: impl Fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        if let Some(limit) = self.until_reached(served, gently).await {
            self.metrics.limits.reached(limit);
        }
    }

    /// As [`Self::attend`]; gives the limit that ended it.
    async fn until_reached<C>(
        &self,
        mut served: Pin<&mut C>,
        gently: impl Fn(Pin<&mut C>),
    ) -> Option<Limit>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let old = Instant::now() + self.limits.connection_age;
        let mut ends = Ends::NotYet;
        let mut stop = self.stop.clone();
        let mut watched = pin!(sleep(self.limits.header_read));
        loop {
            tokio::select! {
                biased;
                // What ends a connection shows in its exchanges' accounts, but for the limits.
                ended = served.as_mut() => {
                    return self.activity.over().or_else(|| self.limit_of(&ended.err()?));
                }
                _ = stop.wait_for(|stop| *stop), if matches!(ends, Ends::NotYet) => {
                    if self.http2 || self.activity.is_used() {
                        ends = Ends::Gently;
                        self.activity.ends_gently();
                        gently(served.as_mut());
                    } else {
                        // A request may be under way that the partner has no way to take back.
                        let after = self.limits.drain_idle;
                        ends = Ends::Unused(Instant::now() + after);
                        watched.as_mut().reset(Instant::now() + after);
                    }
                }
                () = watched.as_mut() => {
                    let now = Instant::now();
                    match ends {
                        Ends::Unused(end) if now >= end && !self.activity.is_used() => {
                            return Some(Limit::DrainIdle);
                        }
                        Ends::NotYet if now >= old => {
                            ends = Ends::Gently;
                            self.metrics.limits.reached(Limit::ConnectionAge);
                            self.activity.ends_gently();
                        gently(served.as_mut());
                        }
                        Ends::NotYet | Ends::Unused(_) | Ends::Gently => {}
                    }
                    match self.activity.watch(self.limits) {
                        Watch::End(limit) => return Some(limit),
                        Watch::LookAgain(after) => watched.as_mut().reset(now + after),
                    }
                }
            }
        }
    }

    /// The limit for which `error` ended the connection, if it was one.
    fn limit_of(&self, error: &hyper::Error) -> Option<Limit> {
        let source = std::error::Error::source(error)?;
        let calm =
            source.downcast_ref::<h2::Error>()?.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM);
        calm.then_some(Limit::StreamsPerConnection)
    }
}

/// How far a connection's end has come.
enum Ends {
    /// Nothing ends it.
    NotYet,
    /// The gateway stops: unused until then it ends, and with the next answer.
    Unused(Instant),
    /// No further exchange begins on it.
    Gently,
}

/// Spawns hyper's tasks on the thread that has the connection, to a partner or to a service.
#[derive(Clone, Copy)]
pub(crate) struct Local;

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
