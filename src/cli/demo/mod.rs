//! `fieldgate demo`: the main job on loopback, with everything it needs made on the spot.
//!
//! `council` is the service with its invented records, `site` a directory with configuration, agreements,
//! certificates and keys, `client` asks as partners do. What they got is a `Seen`: `show` puts it into
//! words, `check` says where it differs from what it should be.

mod check;
mod client;
mod council;
mod show;
mod site;

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use super::out::{self, Stop};
use crate::clock::Clock;
use crate::config::{self, Log, LogFormat, LogLevel};
use crate::gateway::{Gateway, log};
use crate::ledger::verify::{Account, verify_directory};
use client::Answer;
use council::Council;
use site::Site;

/// How long the ledger may take to hold what has happened.
const LEDGER_WAIT: Duration = Duration::from_secs(10);
/// Between two looks at the ledger.
const LEDGER_LOOK: Duration = Duration::from_millis(20);

/// The purpose that nobody has agreed, which the demo asks for.
const REFUSED_PURPOSE: &str = "marketing";

/// Shows a council's record beside what two partners get of it, then serves until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate demo
  fieldgate demo --once

Starts a small council service, the gateway in front of it and two partners' agreements, on
loopback with free ports and throw-away keys. Everybody in it is invented.

Exit codes: 0 stopped, or with --once everything is as it should be; 1 with --once,
something is not; 3 the environment is at fault.")]
pub struct DemoArgs {
    /// Print, check that everything is as it should be, and stop
    #[arg(long)]
    pub once: bool,
}

/// One of the two partners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partner {
    /// Its name in the configuration.
    name: &'static str,
    /// The purpose of its agreement.
    purpose: &'static str,
    /// The DNS name in its certificate.
    certificate_name: &'static str,
}

const HEALTH: Partner = Partner {
    name: "island-health",
    purpose: "falls-prevention",
    certificate_name: "api.island-health.example",
};
const HOUSING: Partner = Partner {
    name: "isle-housing",
    purpose: "home-energy-advice",
    certificate_name: "api.isle-housing.example",
};
const PARTNERS: [Partner; 2] = [HEALTH, HOUSING];

/// What the page shows.
struct Seen {
    /// The records as the council holds them.
    held: Vec<Value>,
    /// What each of [`PARTNERS`] got for its purpose.
    shared: [Answer; 2],
    /// The path by which the first of them asked again about one person, whose token it then had, and what it got.
    by_token: (String, Answer),
    /// What the first of them got for [`REFUSED_PURPOSE`].
    refused: Answer,
    /// The ledger's lines for these.
    ledger: Vec<String>,
}

/// What is looked at besides, to see whether everything is as it should be.
struct Behind {
    /// What the first of [`PARTNERS`] got over TLS with its certificate.
    over_tls: Answer,
    /// What operators see.
    metrics: Answer,
    /// What the ledger holds after all this, and whether it holds together.
    account: Account,
}

/// Where the gateway answers.
#[derive(Clone, Copy)]
struct Addresses {
    plain: SocketAddr,
    tls: SocketAddr,
    admin: SocketAddr,
}

/// Runs `fieldgate demo`.
///
/// # Errors
/// If the environment is at fault, or with `--once` something is not as it should be.
pub fn run(args: &DemoArgs) -> Result<(), Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| cannot("start a runtime", error))?;
    runtime.block_on(demo(args.once))
}

async fn demo(once: bool) -> Result<(), Stop> {
    let council = Council::start()
        .await
        .map_err(|error| cannot("start the council's service", error))?;
    let site = Site::make(council.address()).map_err(|error| cannot("make a directory", error))?;
    let file = site.config();
    let gateway = Gateway::start(move || config::load(&file), Clock::system())
        .map_err(|error| cannot("start the gateway", error))?;
    let [plain, tls] = gateway.addresses()[..] else {
        unreachable!("the demo's configuration has two listeners");
    };
    let addresses = Addresses {
        plain,
        tls,
        admin: gateway.admin_address(),
    };
    let seen = see(&council, &site, addresses).await?;
    let look = show::Look::of_standard_output();
    out::data(show::page(&seen, &look).as_bytes())?;
    let behind = look_behind(&site, addresses).await?;
    let differences = check::differences(&seen, &behind);
    if !differences.is_empty() {
        return Err(Stop::input(format_args!(
            "this is not as it should be:\n  {}",
            differences.join("\n  ")
        )));
    }
    if once {
        out::line("\nAll of this is as it should be.")?;
    } else {
        out::data(show::what_to_try(&site, addresses, &seen).as_bytes())?;
        serve_until_told_to_stop().await?;
    }
    gateway
        .shutdown()
        .map_err(|error| cannot("close the ledger", error))
}

/// Asks everything that the page shows.
async fn see(council: &Council, site: &Site, addresses: Addresses) -> Result<Seen, Stop> {
    let [first, second] = PARTNERS;
    let ask = async |partner: Partner, purpose: &str, path: &str| {
        let headers = vec![
            ("x-api-key", site.api_key(partner).to_owned()),
            ("data-purpose", purpose.to_owned()),
        ];
        client::plain(addresses.plain, path, headers)
            .await
            .map_err(|error| cannot("ask the gateway", error))
    };
    let shared = [
        ask(first, first.purpose, "/adults").await?,
        ask(second, second.purpose, "/adults").await?,
    ];
    let token = shared[0].json()["items"][0]["nhsNumber"].clone();
    let path = format!("/people/{}", token.as_str().unwrap_or("none"));
    let by_token = ask(first, first.purpose, &path).await?;
    let refused = ask(first, REFUSED_PURPOSE, "/adults").await?;
    account_of(site, 4).await?;
    Ok(Seen {
        held: council.records(),
        shared,
        by_token: (path, by_token),
        refused,
        ledger: site
            .ledger_lines()
            .map_err(|error| cannot("read the ledger", error))?,
    })
}

async fn look_behind(site: &Site, addresses: Addresses) -> Result<Behind, Stop> {
    let [first, _] = PARTNERS;
    let headers = vec![("data-purpose", first.purpose.to_owned())];
    let over_tls = async {
        let config = site.tls_client(first)?;
        client::tls(addresses.tls, &config, "/adults", headers).await
    };
    Ok(Behind {
        over_tls: over_tls
            .await
            .map_err(|error| cannot("ask the gateway over TLS", error))?,
        metrics: client::plain(addresses.admin, "/metrics", Vec::new())
            .await
            .map_err(|error| cannot("ask for the metrics", error))?,
        account: account_of(site, 5).await?,
    })
}

/// The ledger's account once it holds the ends of `exchanges`: they are entered without anybody waiting.
async fn account_of(site: &Site, exchanges: u64) -> Result<Account, Stop> {
    let look = async {
        loop {
            let account = verify_directory(&site.ledger(), None)
                .map_err(|error| cannot("read the ledger", error))?;
            if account.entered("release") + account.entered("refusal") >= exchanges
                || account.fault.is_some()
            {
                return Ok(account);
            }
            tokio::time::sleep(LEDGER_LOOK).await;
        }
    };
    tokio::time::timeout(LEDGER_WAIT, look)
        .await
        .unwrap_or_else(|_| {
            Err(Stop::environment(
                "the ledger does not get the end of an exchange",
            ))
        })
}

/// Serves, with the gateway's log on standard error, until SIGINT or SIGTERM.
async fn serve_until_told_to_stop() -> Result<(), Stop> {
    let lines = log::subscriber(
        Log {
            format: LogFormat::Text,
            level: LogLevel::Info,
        },
        std::io::stderr,
    );
    // An error says that the process has one already, as when this is called from a test.
    drop(tracing::subscriber::set_global_default(lines));
    let fault = |error| cannot("wait for signals", error);
    let mut interrupts = signal(SignalKind::interrupt()).map_err(fault)?;
    let mut terminations = signal(SignalKind::terminate()).map_err(fault)?;
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
    Ok(())
}

fn cannot(what: &str, why: impl Display) -> Stop {
    Stop::environment(format_args!("the demo cannot {what}: {why}"))
}
