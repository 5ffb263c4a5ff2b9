//! `fieldgate serve`: the gateway, until it is told to stop.

use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};

use super::lines::Lines;
use super::out::{Stop, log_bytes};
use crate::clock::Clock;
use crate::config;
use crate::gateway::{Gateway, StartError, log};
use crate::keyring::keep_out_of_core_dumps;

/// Runs the gateway: partners' requests in, agreed fields out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate serve --config config/fieldgate.yaml
  kill -HUP PID     takes changed agreements, certificates and partners, or keeps the old ones
  kill -TERM PID    stops: running exchanges may end within `limits.drain`

Changed files are also noticed by themselves. Metrics and health are on the admin address:
  curl http://127.0.0.1:9464/metrics

Exit codes: 0 stopped when told to; 1 the configuration or an agreement is at fault, every fault is printed;
3 a port, key, certificate or the ledger's directory cannot be used.")]
pub struct ServeArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
}

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
    // Before a key is read.
    let kept_out = keep_out_of_core_dumps();
    let first = config::load(&args.config)?;
    let (lines, _writing) = Lines::start(log_bytes).map_err(StartError::Thread)?;
    let subscriber = log::subscriber(first.config.log, lines);
    // An error says that the process has one already, as when this is called from a test.
    drop(tracing::subscriber::set_global_default(subscriber));
    if !kept_out {
        tracing::warn!("the system may write core dumps of this process, with its keys in them");
    }

    let path = args.config.clone();
    let gateway = Gateway::start(move || config::load(&path), Clock::system())?;
    for address in gateway.addresses() {
        tracing::info!(%address, "partners are answered");
    }
    tracing::info!(address = %gateway.admin_address(), "operators are answered");

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::Thread)?;
    runtime
        .block_on(until_told_to_stop(&gateway))
        .map_err(StartError::Thread)?;
    tracing::info!("stopping: running exchanges may end");
    gateway.shutdown().map_err(StartError::Ledger)
}

/// Reloads on SIGHUP; returns on SIGTERM or SIGINT.
async fn until_told_to_stop(gateway: &Gateway) -> std::io::Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let mut interrupts = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = terminations.recv() => return Ok(()),
            _ = interrupts.recv() => return Ok(()),
            _ = hangups.recv() => {
                // A refused configuration is logged and counted; the older one keeps running.
                drop(gateway.reload());
            }
        }
    }
}
