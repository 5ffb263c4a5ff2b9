//! `fieldgate keys`: the epochs of each agreement's keys, in the ring that the configuration names.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::out::{self, Stop};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::keyring::{
    ChangeError, Evidence, Owner, OwnerName, Ring, RootSource, keep_out_of_core_dumps,
};
use crate::ledger::disk::{self, OpenError};
use crate::ledger::{Ledger, LedgerError, LedgerOptions};
use crate::transform::RootKey;

/// Makes and changes the keys of agreements.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate keys create falls-prevention
  fieldgate keys rotate falls-prevention
  fieldgate keys list

An agreement's keys come in epochs. The current one makes tokens; active ones still turn theirs back, and
a prepared one does so before it makes any;
retired ones do so no longer; destroyed ones never can again, whoever has the root key. A running
gateway takes a change within seconds. Every change is entered in the ledger. Run this as the
gateway's user.")]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What `fieldgate keys` can do.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make the first keys of an agreement, or of a group of linked agreements
    Create(CreateArgs),
    /// List epochs and their states
    List(ListArgs),
    /// Begin a new epoch: new tokens are made under it, those of the older ones still turn back
    Rotate(RotateArgs),
    /// Let the epoch that was prepared make the tokens
    Activate(ActivateArgs),
    /// Let the tokens of an older epoch turn back no longer
    Retire(RetireArgs),
    /// Destroy the keys of an older epoch, or all: their tokens can never turn back again
    Destroy(DestroyArgs),
}

/// Which configuration names the ring.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// The gateway's configuration, which names the ring under keys:
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
}

/// Makes keys where there are none, or none any more.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate keys create falls-prevention --config config/fieldgate.yaml

Exit codes: 0 they are made; 1 there are keys already; 3 the ring or the root key cannot be used.")]
pub struct CreateArgs {
    /// The agreement's name, or link.PARTNER.GROUP for a group of linked ones
    #[arg(value_name = "AGREEMENT", value_parser = name)]
    pub owner: OwnerName,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Lists epochs; prints nothing secret.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate keys list
  fieldgate keys list falls-prevention --config config/fieldgate.yaml
  fieldgate keys list --json | jq -r '.owners[] | [.name, .current] | @tsv'

Exit codes: 0 listed; 1 the ring has no such keys; 3 the ring or the root key cannot be used.")]
pub struct ListArgs {
    /// The agreement's name, or link.PARTNER.GROUP for a group of linked ones [default: all]
    #[arg(value_name = "AGREEMENT", value_parser = name)]
    pub owner: Option<OwnerName>,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Begins a new epoch.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate keys rotate falls-prevention --config config/fieldgate.yaml

The partner's older tokens still turn back, but do not equal new ones of the same person. Retire the
older epoch once the partner holds new ones.

Where several gateways run, prepare the epoch, wait until each has taken it, then activate it: so none
is ever sent a token of an epoch that it does not have.

Exit codes: 0 begun; 1 there are no keys, or an epoch is prepared; 3 the ring or the root key cannot be used.")]
pub struct RotateArgs {
    /// The agreement's name, or link.PARTNER.GROUP for a group of linked ones
    #[arg(value_name = "AGREEMENT", value_parser = name)]
    pub owner: OwnerName,
    /// Make the epoch, whose tokens turn back from then on, but let the current one go on making tokens
    #[arg(long)]
    pub prepare: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Activates the epoch that was prepared.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate keys rotate falls-prevention --prepare
  fieldgate keys activate falls-prevention --config config/fieldgate.yaml

Activate once every gateway has the prepared epoch. From then on new tokens are made under it.

Exit codes: 0 activated; 1 none is prepared; 3 the ring or the root key cannot be used.")]
pub struct ActivateArgs {
    /// The agreement's name, or link.PARTNER.GROUP for a group of linked ones
    #[arg(value_name = "AGREEMENT", value_parser = name)]
    pub owner: OwnerName,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Retires an older epoch.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate keys retire falls-prevention --epoch 1 \\
      --config config/fieldgate.yaml

Exit codes: 0 retired; 1 it is not an active epoch; 3 the ring or the root key cannot be used.")]
pub struct RetireArgs {
    /// The agreement's name, or link.PARTNER.GROUP for a group of linked ones
    #[arg(value_name = "AGREEMENT", value_parser = name)]
    pub owner: OwnerName,
    /// The epoch's number
    #[arg(long, value_name = "EPOCH")]
    pub epoch: u32,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Destroys keys for good.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate keys destroy falls-prevention --epoch 1 \\
      --yes-destroy falls-prevention
  fieldgate keys destroy falls-prevention --yes-destroy falls-prevention \\
      --config config/fieldgate.yaml

There is no way back but a copy of the ring: destroy its backups too. Without --epoch all epochs are
destroyed, and a gateway refuses every request under the agreement from then on.

Exit codes: 0 destroyed; 1 there is nothing to destroy, or the epoch is current; 2 the name was not typed
again; 3 the ring or the root key cannot be used.")]
pub struct DestroyArgs {
    /// The agreement's name, or link.PARTNER.GROUP for a group of linked ones
    #[arg(value_name = "AGREEMENT", value_parser = name)]
    pub owner: OwnerName,
    /// The epoch's number [default: all of them]
    #[arg(long, value_name = "EPOCH")]
    pub epoch: Option<u32>,
    /// The same name again, to say that this is meant
    #[arg(long, value_name = "AGREEMENT")]
    pub yes_destroy: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

fn name(text: &str) -> Result<OwnerName, String> {
    OwnerName::new(text).map_err(|error| error.to_string())
}

/// Runs `fieldgate keys`.
///
/// # Errors
/// If the configuration names no ring, or the change cannot be made.
pub fn run(args: &KeysArgs) -> Result<(), Stop> {
    keep_out_of_core_dumps();
    let clock = Clock::system();
    let now = clock.now();
    match &args.command {
        KeysCommand::Create(args) => Desk::at(&args.config)?.change(&args.owner, &clock, |desk| {
            desk.ring.create(&args.owner, &desk.root, now)
        }),
        KeysCommand::List(args) => list(args),
        KeysCommand::Rotate(args) => Desk::at(&args.config)?.change(&args.owner, &clock, |desk| {
            if args.prepare {
                desk.ring.prepare(&args.owner, &desk.root, now)
            } else {
                desk.ring.rotate(&args.owner, &desk.root, now)
            }
        }),
        KeysCommand::Activate(args) => {
            Desk::at(&args.config)?.change(&args.owner, &clock, |desk| {
                desk.ring.activate(&args.owner, &desk.root, now)
            })
        }
        KeysCommand::Retire(args) => Desk::at(&args.config)?.change(&args.owner, &clock, |desk| {
            desk.ring.retire(&args.owner, args.epoch, &desk.root, now)
        }),
        KeysCommand::Destroy(args) => {
            if args.yes_destroy.as_deref() != Some(args.owner.as_str()) {
                return Err(Stop::usage(format_args!(
                    "destroying keys cannot be undone; say that it is meant with --yes-destroy {}",
                    args.owner
                )));
            }
            Desk::at(&args.config)?.change(&args.owner, &clock, |desk| {
                desk.ring.destroy(&args.owner, args.epoch, &desk.root, now)
            })
        }
    }
}

/// What every one of the commands works with.
struct Desk {
    config: Config,
    ring: Ring,
    root: RootKey,
}

impl Desk {
    fn at(ConfigArgs { config: path }: &ConfigArgs) -> Result<Self, Stop> {
        let config = config::load_alone(path)?;
        let at_fault = |what: &str| {
            Stop::input(format_args!(
                "{}: {what}; write for example keys: {{ root_key_file: root.key, ring: ring }}",
                path.display()
            ))
        };
        let places = config
            .keys
            .as_ref()
            .ok_or_else(|| at_fault("it has no `keys`"))?;
        let ring = places
            .ring
            .as_ref()
            .ok_or_else(|| at_fault("`keys` names no ring"))?;
        let root = places
            .root
            .root()
            .map_err(|error| Stop::from(config::ConfigFault::from(error)))?;
        Ok(Self {
            ring: Ring::at(ring),
            root,
            config,
        })
    }

    /// Makes one change and sees its evidence into the ledger.
    fn change(
        &self,
        name: &OwnerName,
        clock: &Clock,
        make: impl FnOnce(&Self) -> Result<Owner, ChangeError>,
    ) -> Result<(), Stop> {
        let owner = make(self)?;
        out::line(&summary(&owner))?;
        let owners = [owner];
        let evidence = Evidence::of(self.ring.clone(), self.root.clone(), &owners);
        self.enter(name, &evidence, clock)
    }

    fn enter(&self, name: &OwnerName, evidence: &Evidence, clock: &Clock) -> Result<(), Stop> {
        let ledger = &self.config.ledger;
        let left = |why: &str| {
            out::say(&format!(
                "fieldgate: {why}; the ring keeps the evidence, and the gateway enters it in its ledger when it starts or takes the change"
            ));
        };
        // A ledger is begun by the gateway alone, as its user.
        if !disk::segments(&ledger.directory).is_ok_and(|segments| !segments.is_empty()) {
            left("there is no ledger yet");
            return Ok(());
        }
        let options = LedgerOptions {
            directory: ledger.directory.clone(),
            segment_bytes: ledger.segment_bytes,
            queue_entries: ledger.queue_entries,
        };
        let entered = match Ledger::open(options, clock.clone(), |_| {}) {
            Ok(open) => evidence
                .events()
                .try_for_each(|event| open.submit(event).map(drop))
                .and_then(|()| open.close()),
            Err(LedgerError::Open(error)) if matches!(*error, OpenError::InUse { .. }) => {
                left("a gateway has the ledger open");
                return Ok(());
            }
            Err(error) => Err(error),
        };
        entered.map_err(|error| {
            Stop::environment(format_args!(
                "the keys of {name} are changed, but the ledger cannot enter it: {error}; the ring keeps the evidence for the next that can"
            ))
        })?;
        Ok(evidence.entered()?)
    }
}

impl From<ChangeError> for Stop {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unusable(error) => Self::environment(error),
            ChangeError::Refused(error) => Self::input(error),
        }
    }
}

fn list(args: &ListArgs) -> Result<(), Stop> {
    let desk = Desk::at(&args.config)?;
    let unusable = |error| Stop::from(ChangeError::Unusable(error));
    let owners = match &args.owner {
        None => desk.ring.owners(&desk.root).map_err(unusable)?,
        Some(name) => match desk.ring.owner(name, &desk.root).map_err(unusable)? {
            Some(owner) => vec![owner],
            None => {
                return Err(Stop::input(format_args!(
                    "no keys for {name}; make them with `fieldgate keys create {name}`"
                )));
            }
        },
    };
    if args.json {
        return out::line(&as_json(desk.ring.directory(), &owners).to_string());
    }
    if owners.is_empty() {
        out::say(&format!(
            "{}: the ring has no keys; make some with `fieldgate keys create AGREEMENT`",
            desk.ring.directory().display()
        ));
    }
    out::data(owners.iter().map(as_text).collect::<String>().as_bytes())
}

/// One line of what an owner's epochs are now: `falls-prevention: epoch 2 current, 1 active`.
fn summary(owner: &Owner) -> String {
    let newest_first = owner.epochs().iter().rev();
    let epochs: Vec<String> = newest_first
        .map(|epoch| format!("{} {}", epoch.number, owner.word(epoch.number)))
        .collect();
    format!("{}: epoch {}", owner.name, epochs.join(", "))
}

fn as_text(owner: &Owner) -> String {
    let mut text = format!("{}\n", owner.name);
    for epoch in owner.epochs() {
        text.push_str(&format!(
            "  epoch {:<4} {:<9} since {:.0}, created {:.0}\n",
            epoch.number,
            owner.word(epoch.number),
            epoch.since,
            epoch.created,
        ));
    }
    let waiting = owner.unentered().len();
    if waiting > 0 {
        text.push_str(&format!("  {waiting} not yet entered in the ledger\n"));
    }
    text
}

fn as_json(directory: &Path, owners: &[Owner]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|owner| {
            json!({
                "name": owner.name.as_str(),
                "current": owner.current(),
                "epochs": owner.epochs().iter().map(|epoch| json!({
                    "number": epoch.number,
                    "state": owner.word(epoch.number),
                    "created": epoch.created.to_string(),
                    "since": epoch.since.to_string(),
                })).collect::<Vec<_>>(),
                "unentered": owner.unentered().len(),
            })
        })
        .collect();
    json!({ "ring": directory, "owners": owners })
}
