//! `fieldgate serve`: the gateway, until it is told to stop.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::{SigSet, Signal as Number};
use tokio::signal::unix::{SignalKind, signal};

use super::lines::Lines;
use super::out::{Stop, log_bytes};
use crate::clock::Clock;
use crate::config;
use crate::gateway::{Gateway, Sockets, StartError, log};
use crate::keyring::keep_out_of_core_dumps;

/// Runs the gateway: partners' requests in, agreed fields out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate serve --config config/fieldgate.yaml
  kill -HUP PID     takes changed agreements, certificates and partners, or keeps the old ones
  kill -TERM PID    stops: running exchanges may end within `limits.drain`
  kill -USR2 PID    checks the configuration with the program that is now at the same path, ends as for TERM, and goes
                    on as that program: no connection is refused meanwhile

Sockets of a service manager are taken where LISTEN_FDS says so and they are at an address of the configuration.

Changed files are also noticed by themselves. Metrics and health are on the admin address:
  curl http://127.0.0.1:9464/metrics

Exit codes: 0 stopped when told to; 1 the configuration or an agreement is at fault, every fault is printed;
3 a port, key, certificate or the ledger's directory cannot be used.")]
pub struct ServeArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,

    /// Listening sockets come through the Unix socket that is standard input: what a gateway gives the one after it
    #[arg(long, hide = true)]
    pub sockets_on_stdin: bool,
}

/// The flag of [`ServeArgs::sockets_on_stdin`].
const SOCKETS_ON_STDIN: &str = "--sockets-on-stdin";

/// Runs `fieldgate serve`.
///
/// # Errors
/// If the gateway does not start, or not all of the ledger's entries are durable at its end.
pub fn run(args: &ServeArgs) -> Result<(), Stop> {
    serve(args).map_err(Stop::from)
}

impl From<StartError> for Stop {
    fn from(error: StartError) -> Self {
        if let StartError::Config(fault) = error {
            Self::from(fault)
        } else if error.is_content() {
            Self::input(error)
        } else {
            Self::environment(error)
        }
    }
}

fn serve(args: &ServeArgs) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Thread)?;
    // First of all: a signal that comes before anybody listens for it ends the process.
    let signals = runtime.block_on(async { Signals::listen() });
    let mut signals = signals.map_err(StartError::Thread)?;
    // The gateway that became this one has let them wait.
    let unblocked = followed().thread_unblock();
    unblocked.map_err(|errno| StartError::Thread(errno.into()))?;
    let sockets = if args.sockets_on_stdin {
        Sockets::from_standard_input()
    } else {
        Sockets::from_manager()
    };
    let sockets = sockets.map_err(StartError::Sockets)?;
    // Before a key is read.
    let kept_out = keep_out_of_core_dumps();
    let first = config::load(&args.config)?;
    let (lines, writing) = Lines::start(log_bytes).map_err(StartError::Thread)?;
    let subscriber = log::subscriber(first.config.log, lines);
    // An error says that the process has one already, as when this is called from a test.
    drop(tracing::subscriber::set_global_default(subscriber));
    if !kept_out {
        tracing::warn!("the system may write core dumps of this process, with its keys in them");
    }

    let path = args.config.clone();
    let gateway = Gateway::start_on(sockets, move || config::load(&path), Clock::system())?;
    for address in gateway.addresses() {
        tracing::info!(%address, "partners are answered");
    }
    tracing::info!(address = %gateway.admin_address(), "operators are answered");

    loop {
        match runtime.block_on(signals.next()) {
            Signal::Reload => {
                // A refused configuration is logged and counted; the older one keeps running.
                drop(gateway.reload());
            }
            Signal::Stop => {
                tracing::info!("stopping: running exchanges may end");
                return gateway.shutdown().map_err(StartError::Ledger);
            }
            Signal::Upgrade => {
                if may_upgrade(args) {
                    tracing::info!("upgrading: running exchanges may end, new connections wait");
                    let sockets = gateway.hand_over().map_err(StartError::Ledger)?;
                    // What comes from here on waits for the program after this one, which would else be ended by it.
                    let waits = followed().thread_block();
                    waits.map_err(|errno| StartError::Thread(errno.into()))?;
                    // What waits would be lost: nothing of this program is left when it becomes the next. Its thread was the
                    // last but this one that took signals.
                    drop(writing);
                    if runtime.block_on(signals.is_told_to_stop()) {
                        tracing::info!("stopping: the upgrade is not done");
                        return Ok(());
                    }
                    return Err(StartError::Sockets(go_on_with(&sockets)));
                }
            }
        }
    }
}

/// What the gateway is told to do.
enum Signal {
    /// SIGHUP. Any number that came while one was followed are one.
    Reload,
    /// SIGUSR2.
    Upgrade,
    /// SIGTERM or SIGINT.
    Stop,
}

/// The signals that the gateway follows.
struct Signals {
    hangup: tokio::signal::unix::Signal,
    upgrade: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From here on none ends the process.
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            upgrade: signal(SignalKind::user_defined2())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Whether it was told to stop and has not been asked since.
    async fn is_told_to_stop(&mut self) -> bool {
        // So that the runtime looks what came.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => true,
            () = std::future::ready(()) => false,
        }
    }

    /// The next; what ends the gateway comes before what changes it.
    async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.upgrade.recv() => Signal::Upgrade,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

/// The signals of [`Signals`], as the system knows them. A thread that blocks them lets them wait, and so does the program
/// that it executes.
fn followed() -> SigSet {
    let all = [
        Number::SIGHUP,
        Number::SIGUSR2,
        Number::SIGTERM,
        Number::SIGINT,
    ];
    all.into_iter().collect()
}

/// The program as it was called: what stands at its path now is what an upgrade goes on with.
fn program() -> Command {
    let mut command = Command::new(
        std::env::args_os()
            .next()
            .unwrap_or_else(|| "fieldgate".into()),
    );
    command.stdout(Stdio::null());
    command
}

/// Whether the program that stands at this one's path now can run the configuration as it is now.
fn may_upgrade(args: &ServeArgs) -> bool {
    let checked = program()
        .args(["check", "--config"])
        .arg(&args.config)
        .stdin(Stdio::null())
        .status();
    match checked {
        Ok(status) if status.success() => true,
        Ok(status) => {
            tracing::error!(%status, "the program at this one's path refuses the configuration; no upgrade is done");
            false
        }
        Err(error) => {
            tracing::error!(%error, "there is no program at this one's path; no upgrade is done");
            false
        }
    }
}

/// Becomes the program at this one's path, with `sockets`. Gives why it could not.
fn go_on_with(sockets: &Sockets) -> std::io::Error {
    let left = match sockets.leave() {
        Ok(left) => left,
        Err(error) => return error,
    };
    let arguments = std::env::args_os().skip(1);
    program()
        .args(arguments.filter(|argument| argument != SOCKETS_ON_STDIN))
        .arg(SOCKETS_ON_STDIN)
        .stdin(Stdio::from(left))
        .stdout(Stdio::inherit())
        .exec()
}
