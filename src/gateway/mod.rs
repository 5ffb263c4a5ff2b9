//! The HTTP shell: one exchange after another, each under one permit.
//!
//! Start at `exchange`: one exchange, top to bottom. [`Gateway::start`] opens the ledger and the listeners
//! and starts the `worker` threads; each has a runtime, listeners and connections of its own.

mod account;
mod activity;
mod addresses;
mod admin;
mod admin_subjects;
mod asking;
mod body;
mod cors;
mod descriptors;
mod desk;
pub mod encoding;
mod exchange;
mod fair;
pub mod form;
mod identity;
mod limits;
mod links;
pub mod log;
mod machines;
mod media;
mod meters;
mod metrics;
mod noted;
mod outbound;
mod outflow;
mod overdue;
mod patience;
mod pieces;
mod problem;
mod process;
mod random;
mod reason;
mod reidentify;
mod reload;
mod request;
mod response;
mod running;
mod service;
mod sockets;
mod through;
mod tls;
mod traces;
mod unread;
mod validators;
mod wire;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::watch;
use tokio::task::LocalSet;

use crate::agreement::{AgreementName, DisclosureName, ServiceName};
use crate::clock::Clock;
use crate::config::{ConfigFault, Loaded};
use crate::ledger::{CommitReport, Ledger, LedgerError, LedgerOptions};
use crate::subjects::Watched;
use crate::transform::SubjectTokens;
use admin::Admin;
use admin_subjects::Subjects;
use descriptors::Descriptors;
use desk::Desk;
use metrics::Metrics;
use reload::{Prints, Reload};
use running::Running;
use traces::{Exporter, Traces};
use worker::Shared;

pub use desk::counted;
pub(crate) use desk::{CASES, INCIDENTS, fingerprint, review_event};
pub use reason::{Reason, ReasonText};
pub use reload::ReloadError;
pub(crate) use request::query;
pub use sockets::Sockets;

/// Connections that the system holds for a listener until they are accepted.
const BACKLOG: i32 = 1024;

/// A gateway that runs. Dropped, it stops without waiting; [`Gateway::shutdown`] waits.
pub struct Gateway {
    addresses: Vec<SocketAddr>,
    admin: SocketAddr,
    /// Handles of all listening sockets, for the gateway after this one.
    sockets: Sockets,
    reload: Arc<Reload>,
    ledger: Ledger,
    stop: watch::Sender<bool>,
    workers: Vec<Thread>,
    /// Ends after the workers, so that operators can see them drain.
    stop_admin: watch::Sender<bool>,
    admin_thread: Option<Thread>,
    /// Dropped, the watch over the subjects' store ends.
    _stop_subjects: mpsc::Sender<()>,
}

type Thread = JoinHandle<io::Result<()>>;

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration or an agreement is at fault, or cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// A disclosure names a service that the configuration does not have.
    #[error(
        "agreement {agreement}, disclosure {disclosure}: its service is not in the configuration"
    )]
    UnknownService {
        /// The agreement.
        agreement: AgreementName,
        /// The disclosure.
        disclosure: DisclosureName,
    },
    /// A certificate or key cannot be read or used.
    #[error("{}: {message}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A service cannot be reached as it is configured.
    #[error("service {service}: {message}")]
    Service {
        /// The service.
        service: ServiceName,
        /// What is wrong.
        message: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another program using the port?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The sockets that were handed over cannot be taken, or none can be handed over.
    #[error("listening sockets cannot be handed over: {0}")]
    Sockets(#[source] io::Error),
    /// The ledger cannot be opened.
    #[error("the ledger cannot be opened: {0}")]
    Ledger(#[from] LedgerError),
    /// What is remembered beside the ledger cannot be read or written. One sentence.
    #[error("{0}")]
    State(String),
    /// The agreements' texts cannot be kept beside the ledger.
    #[error("the agreements' texts cannot be kept in {}: {source}", directory.display())]
    Texts {
        /// The ledger's directory.
        directory: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A thread or a runtime cannot be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// The metrics cannot be set up.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl StartError {
    /// Whether what is written is at fault (exit code 1), rather than the environment (exit code 3).
    #[must_use]
    pub fn is_content(&self) -> bool {
        match self {
            Self::Config(ConfigFault::Content(_))
            | Self::UnknownService { .. }
            | Self::Service { .. } => true,
            Self::Config(ConfigFault::Environment { .. })
            | Self::Pem { .. }
            | Self::Tls(_)
            | Self::Listen { .. }
            | Self::Sockets(_)
            | Self::Ledger(_)
            | Self::State(_)
            | Self::Texts { .. }
            | Self::Thread(_)
            | Self::Metrics(_) => false,
        }
    }
}

/// What is called after each group commit of the ledger.
pub type OnCommit = Box<dyn Fn(&CommitReport) + Send>;

impl Gateway {
    /// Starts a gateway with what `load` gives, which is called again for each reload. It listens when this
    /// returns. Ports of 0 become free ones: see [`Gateway::addresses`].
    ///
    /// # Errors
    /// If the configuration cannot run, a port is taken, or the ledger's directory cannot be used.
    pub fn start(
        load: impl Fn() -> Result<Loaded, ConfigFault> + Send + Sync + 'static,
        clock: Clock,
    ) -> Result<Self, StartError> {
        Self::start_with(load, clock, Ledger::open)
    }

    /// As [`Gateway::start`], on `sockets` where they are at an address of the configuration.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_on(
        sockets: Sockets,
        load: impl Fn() -> Result<Loaded, ConfigFault> + Send + Sync + 'static,
        clock: Clock,
    ) -> Result<Self, StartError> {
        Self::start_as(sockets, load, clock, Ledger::open)
    }

    /// As [`Gateway::start`], with a ledger opened by `open`: for a disk of one's own.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_with(
        load: impl Fn() -> Result<Loaded, ConfigFault> + Send + Sync + 'static,
        clock: Clock,
        open: impl FnOnce(LedgerOptions, Clock, OnCommit) -> Result<Ledger, LedgerError>,
    ) -> Result<Self, StartError> {
        Self::start_as(Sockets::default(), load, clock, open)
    }

    fn start_as(
        mut handed: Sockets,
        load: impl Fn() -> Result<Loaded, ConfigFault> + Send + Sync + 'static,
        clock: Clock,
        open: impl FnOnce(LedgerOptions, Clock, OnCommit) -> Result<Ledger, LedgerError>,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new()?);
        let mut loaded = load()?;
        let evidence = std::mem::take(&mut loaded.evidence);
        let subjects = subjects(&loaded);
        let desk = Desk::open(
            &loaded.config.state,
            &loaded.config.controller.time_zone,
            clock.clone(),
            Arc::clone(&metrics),
        );
        let desk = Arc::new(desk.map_err(StartError::State)?);
        let running = Arc::new(Running::new(loaded, &metrics, &desk, None)?);
        let config = &running.config;

        let workers = config.workers.get();
        let mut addresses = Vec::new();
        let mut sockets = Sockets::default();
        let mut listeners: Vec<Vec<Listening>> = (0..workers).map(|_| Vec::new()).collect();
        for (index, listener) in config.listen.iter().enumerate() {
            let fault = |source| StartError::Listen {
                address: listener.address,
                source,
            };
            let open = listen_all(&mut handed, listener.address, workers).map_err(fault)?;
            for (number, socket) in open.into_iter().enumerate() {
                if number == 0 {
                    addresses.push(socket.local_addr().map_err(fault)?);
                }
                sockets.keep(&socket).map_err(fault)?;
                listeners[number % workers].push(Listening { index, socket });
            }
        }
        let fault = |source| StartError::Listen {
            address: config.admin,
            source,
        };
        let admin_listener = match handed.take(config.admin).pop() {
            Some(socket) => socket,
            None => listen(config.admin, false).map_err(fault)?,
        };
        admin_listener.set_nonblocking(true).map_err(fault)?;
        sockets.keep(&admin_listener).map_err(fault)?;
        handed.warn_of_the_rest();
        let admin = admin_listener.local_addr().map_err(fault)?;

        let options = LedgerOptions {
            directory: config.ledger.directory.clone(),
            segment_bytes: config.ledger.segment_bytes,
            queue_entries: config.ledger.queue_entries,
        };
        let on_commit = {
            let metrics = Arc::clone(&metrics);
            Box::new(move |report: &CommitReport| metrics.ledger_committed(report))
        };
        let ledger = open(options, clock.clone(), on_commit)?;
        let seen = Prints::of(&running.sources);
        let (stop, stopped) = watch::channel(false);
        let directory = config.ledger.directory.clone();
        running.keep_texts(&directory)?;
        let running = Arc::new(ArcSwap::from(running));
        let reload = Arc::new(Reload {
            load: Box::new(load),
            directory,
            running: Arc::clone(&running),
            metrics: Arc::clone(&metrics),
            desk: Arc::clone(&desk),
            ledger: ledger.clone(),
            clock: clock.clone(),
            entered: Mutex::default(),
            seen: Mutex::new(seen),
        });
        reload.enter(evidence)?;
        reload.began(&running.load());
        drop(ledger.submit(running.load().event())?);
        let (stop_admin, admin_stopped) = watch::channel(false);
        let (stop_subjects, subjects_stopped) = mpsc::channel();
        if let Some(subjects) = &subjects {
            let watched = Arc::clone(&subjects.watched);
            // Nobody waits for its end: it may be reading a long list.
            drop(spawn("subjects".to_owned(), move || {
                watched.watch(&subjects_stopped);
                Ok(())
            })?);
        }
        let mut gateway = Self {
            addresses,
            admin,
            sockets,
            reload: Arc::clone(&reload),
            ledger: ledger.clone(),
            stop,
            workers: Vec::new(),
            stop_admin,
            admin_thread: None,
            _stop_subjects: stop_subjects,
        };
        let settings = running.load();
        let (traces, exporter) = Traces::new(settings.config.traces.as_ref(), &metrics.traces);
        let descriptors = Arc::new(Descriptors::available(workers));
        let shared = Shared {
            running: Arc::clone(&running),
            ledger: ledger.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            desk: Arc::clone(&desk),
            connections: Arc::new(AtomicUsize::new(0)),
            addresses: Arc::default(),
            descriptors: Arc::clone(&descriptors),
            stop: stopped.clone(),
            subjects: subjects
                .as_ref()
                .map(|subjects| Arc::clone(&subjects.watched)),
            traces,
        };
        for (index, listeners) in listeners.into_iter().enumerate() {
            let shared = shared.clone();
            let thread = spawn(format!("worker-{index}"), move || {
                worker::run(shared, listeners)
            })?;
            gateway.workers.push(thread);
        }
        let operators = Admin {
            running,
            metrics,
            desk,
            descriptors,
            ledger,
            clock,
            stop: stopped,
            subjects,
        };
        gateway.admin_thread = Some(spawn("admin".to_owned(), move || {
            attend_operators(operators, admin_listener, reload, exporter, admin_stopped)
        })?);
        Ok(gateway)
    }

    /// Where partners connect, in the order of the configuration's `listen`.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where operators connect.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Loads again: the new configuration runs when this returns, or the older one goes on.
    ///
    /// # Errors
    /// With every fault of the files.
    pub fn reload(&self) -> Result<(), ReloadError> {
        self.reload.reload()
    }

    /// Stops: no new connections, running exchanges end or are ended within the configured time to drain, and
    /// the ledger is closed. Blocks until all that has happened.
    ///
    /// # Errors
    /// If not all of the ledger's entries are durable.
    pub fn shutdown(mut self) -> Result<(), LedgerError> {
        // Nobody would answer what waited in them.
        self.sockets.close();
        self.end()
    }

    /// Stops as [`Gateway::shutdown`] does, but for the listening sockets: connections go on waiting in them for the
    /// gateway after this one.
    ///
    /// # Errors
    /// As there.
    pub fn hand_over(mut self) -> Result<Sockets, LedgerError> {
        self.end()?;
        Ok(std::mem::take(&mut self.sockets))
    }

    fn end(&mut self) -> Result<(), LedgerError> {
        self.stop.send_replace(true);
        self.workers.drain(..).for_each(join);
        self.stop_admin.send_replace(true);
        self.admin_thread.take().into_iter().for_each(join);
        self.ledger.clone().close()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.stop_admin.send_replace(true);
    }
}

/// The subjects' store, looked at for the first time. A configuration without keys names none.
fn subjects(loaded: &Loaded) -> Option<Subjects> {
    let (store, keys) = (loaded.config.subjects.as_ref()?, loaded.keys.as_ref()?);
    let watched = Watched::at(store, keys.subjects_seal());
    if let Some(fault) = watched.fault() {
        tracing::error!(%fault, "the store of subjects cannot be read: nothing is released");
    }
    Some(Subjects {
        watched,
        tokens: SubjectTokens::new(&keys.subject()),
    })
}

fn spawn(
    name: String,
    run: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<Thread, StartError> {
    std::thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(StartError::Thread)
}

fn join(thread: Thread) {
    match thread.join() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "a thread could not do its work"),
        Err(_) => tracing::error!("a thread ended in a fault"),
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("addresses", &self.addresses)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

/// A worker's listening socket, and the place of its listener in the configuration.
pub(crate) struct Listening {
    pub(crate) index: usize,
    pub(crate) socket: TcpListener,
}

/// Listening sockets at `address`, at least one for each worker: those of `handed`, or new ones.
fn listen_all(
    handed: &mut Sockets,
    mut address: SocketAddr,
    workers: usize,
) -> io::Result<Vec<TcpListener>> {
    let mut sockets = handed.take(address);
    if sockets.is_empty() {
        if address.port() != 0 {
            // Sockets that share a port share it with any process of the same user, so the port is first
            // taken alone: then two gateways never share one unnoticed.
            drop(listen(address, false)?);
        }
        for _ in 0..workers {
            let socket = listen(address, true)?;
            address = socket.local_addr()?;
            sockets.push(socket);
        }
        return Ok(sockets);
    }
    // What was handed over may be one socket: then the workers take connections from one queue.
    for number in sockets.len()..workers {
        let another = sockets[number % sockets.len()].try_clone()?;
        sockets.push(another);
    }
    Ok(sockets)
}

/// A listening socket at `address`; `shared` lets each worker have one for the same port, among which the
/// system spreads connections.
fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The admin thread: operators' requests, and the watch over the configuration's files.
fn attend_operators(
    admin: Admin,
    listener: TcpListener,
    reload: Arc<Reload>,
    exporter: Option<Exporter>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = LocalSet::new().block_on(&runtime, async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let watching = tokio::task::spawn_local(reload.watch(stop.clone()));
        let desk = Arc::clone(&admin.desk);
        let services = tokio::task::spawn_local(service::watch(Arc::clone(&admin.running)));
        let tending = tokio::task::spawn_local(Arc::clone(&desk).attend(admin.ledger.clone()));
        let delivering = tokio::task::spawn_local(desk.deliver(Arc::clone(&admin.running)));
        let fetching = identity::fetch_keys(Arc::clone(&admin.running), admin.clock.clone());
        let fetching = tokio::task::spawn_local(fetching);
        let limits = admin.running.load().config.limits.clone();
        let serving = tokio::task::spawn_local(admin.serve(listener));
        let exporting =
            exporter.map(|exporter| tokio::task::spawn_local(exporter.run(limits, stop.clone())));
        // An error says that the gateway's handle is gone, which is as good as being told.
        drop(stop.wait_for(|stop| *stop).await);
        serving.abort();
        fetching.abort();
        watching.abort();
        services.abort();
        tending.abort();
        delivering.abort();
        if let Some(exporting) = exporting {
            // It has been told too, and ends in its own time to send what still waits.
            drop(exporting.await);
        }
        Ok(())
    });
    // A name that is being looked up keeps nobody from stopping.
    runtime.shutdown_background();
    ended
}
