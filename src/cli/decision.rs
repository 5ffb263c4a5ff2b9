//! `fieldgate decision`: what was decided, what the partner was told, and whether it would be decided so again.

use std::collections::VecDeque;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use super::out::{self, Blame, Stop};
use crate::agreement::{AgreementSet, Context, Source};
use crate::charter::Charter;
use crate::config::{self, Config};
use crate::explained::covered::steps_json;
use crate::explained::past::{Began, Past, Ran, Replay, Replayed, replay, set_of};
use crate::explained::reconcile::Observed;
use crate::gateway::Reason;
use crate::ledger::chain::segment_name;
use crate::ledger::disk::segments;
use crate::ledger::verify::{ReadError, verify_directory};
use crate::ledger::{RequestId, read, texts};
use crate::register::Register;

/// Sets of agreements that are kept while a ledger is read: each exchange ends under the set that it began with.
const SETS: usize = 4;

/// Looks at decisions that the ledger holds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate decision show 4711 --config config/fieldgate.yaml
  fieldgate decision replay --all --config config/fieldgate.yaml")]
pub struct DecisionArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DecisionCommand,
}

/// What can be done with decisions.
#[derive(Debug, clap::Subcommand)]
pub enum DecisionCommand {
    /// Print what was decided, under which text, and what the partner was told
    Show(ShowArgs),
    /// Decide it again under the agreements that ran then, and say whether the verdict is the same
    Replay(ReplayArgs),
    /// Count refusals by partner, role and reason
    Refusals(ReportArgs),
    /// Hold what is agreed against what was asked: uses that nobody asks for, and uses that are agreed no more
    Reconcile(ReportArgs),
    /// Copy the ledger, the texts and a report of refusals into a directory, which verifies by itself
    Bundle(BundleArgs),
}

/// Where the ledger is.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
    /// The ledger's directory, instead of the configuration's
    #[arg(long, value_name = "DIR")]
    pub ledger: Option<PathBuf>,
    /// Print the result as JSON, one object for each decision
    #[arg(long)]
    pub json: bool,
}

/// Reports on all decisions of the ledger.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate decision refusals --config config/fieldgate.yaml
  fieldgate decision reconcile --config config/fieldgate.yaml --json

Callers are told apart by partner and by the roles that their credentials state: the ledger knows no names.

Exit codes: 0 printed; 1 the ledger does not hold, or the configuration is at fault; 2 wrong usage; 3 a
file cannot be read.")]
pub struct ReportArgs {
    /// Where the ledger is.
    #[command(flatten)]
    pub place: Place,
}

/// Copies what an incident is looked into by.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate decision bundle --out incident-7 --config config/fieldgate.yaml
  fieldgate ledger verify incident-7

Holds the ledger's segments, whole, the texts that they name, and refusals.json. It holds keyed tokens of
subjects as the ledger does, and must be kept as the ledger is.

Exit codes: 0 written; 1 the ledger does not hold; 2 wrong usage; 3 a file cannot be read or written.")]
pub struct BundleArgs {
    /// The directory, which must not be there yet
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Where the ledger is.
    #[command(flatten)]
    pub place: Place,
}

/// Prints what was decided and told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate decision show 4711 --config config/fieldgate.yaml
  fieldgate decision show a7c05e0de2a14a2f8f5e3b9c5f0d1e22 --json

Exit codes: 0 printed; 1 there is no such decision, or the ledger does not hold; 2 wrong usage; 3 it
cannot be read.")]
pub struct ShowArgs {
    /// The entry's sequence, or the request's id as the partner has it
    #[arg(value_name = "ENTRY", value_parser = entry)]
    pub entry: Entry,
    /// Where the ledger is.
    #[command(flatten)]
    pub place: Place,
}

/// Decides old decisions again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate decision replay 4711 --config config/fieldgate.yaml
  fieldgate decision replay --all --ledger /evidence/ledger \\
      --config config/fieldgate.yaml

Decides by the code of this program, under the texts that the ledger keeps by their hash and at the time of
the decision, with the register, the approvals and the keys as they were. The ledger holds neither path nor
data nor what a caller wrote: each step that could not be repeated as it was is named.

Exit codes: 0 every verdict is the same, or depended on what is not held; 1 one differs, a text is
missing, or the ledger does not hold; 2 wrong usage; 3 it cannot be read.")]
pub struct ReplayArgs {
    /// The entry's sequence, or the request's id as the partner has it
    #[arg(value_name = "ENTRY", value_parser = entry, required_unless_present = "all", conflicts_with = "all")]
    pub entry: Option<Entry>,
    /// All decisions that the ledger holds
    #[arg(long)]
    pub all: bool,
    /// Where the ledger is.
    #[command(flatten)]
    pub place: Place,
}

/// Which entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// That with this sequence.
    Sequence(u64),
    /// That of this exchange's decision.
    Request(RequestId),
}

impl Entry {
    fn is(self, past: &Past) -> bool {
        match self {
            Self::Sequence(sequence) => past.sequence == sequence,
            Self::Request(request) => past.request == request,
        }
    }
}

fn entry(text: &str) -> Result<Entry, String> {
    RequestId::parse(text)
        .map(Entry::Request)
        .or_else(|| text.parse().ok().map(Entry::Sequence))
        .ok_or_else(|| {
            "write an entry's sequence, or a request's id: 32 hexadecimal digits".to_owned()
        })
}

/// Runs `fieldgate decision`.
///
/// # Errors
/// If the ledger cannot be read or does not hold, or a verdict differs.
pub fn run(args: &DecisionArgs) -> Result<(), Stop> {
    match &args.command {
        DecisionCommand::Show(args) => show(args),
        DecisionCommand::Replay(args) => replay_all(args),
        DecisionCommand::Refusals(args) => refusals(args),
        DecisionCommand::Reconcile(args) => reconcile(args),
        DecisionCommand::Bundle(args) => bundle(args),
    }
}

/// All decisions of the ledger, counted.
fn observed(archive: &Archive) -> Result<Observed, Stop> {
    let mut observed = Observed::default();
    read::lines(&archive.directory, |line| {
        if let Some(past) = Past::read(line) {
            observed.add(&past);
        }
        ControlFlow::Continue(())
    })
    .map_err(unreadable)?;
    Ok(observed)
}

fn refusals_json(observed: &Observed) -> Value {
    let row = |(partner, roles, reason, count): (&str, &str, &str, u64)| json!({ "partner": partner, "roles": roles, "reason": reason, "times": count });
    json!({ "refusals": observed.refusals().map(row).collect::<Vec<_>>() })
}

fn refusals(args: &ReportArgs) -> Result<(), Stop> {
    let observed = observed(&Archive::open(&args.place)?)?;
    if args.place.json {
        return out::line(&refusals_json(&observed).to_string());
    }
    let mut text = String::new();
    for (partner, roles, reason, count) in observed.refusals() {
        let roles = if roles.is_empty() { "no role" } else { roles };
        text.push_str(&format!("{count:>8}  {partner:<24}{roles:<24}{reason}\n"));
    }
    if text.is_empty() {
        text.push_str("no refusals\n");
    }
    out::data(text.as_bytes())
}

fn reconcile(args: &ReportArgs) -> Result<(), Stop> {
    let observed = observed(&Archive::open(&args.place)?)?;
    let loaded = config::load_without_keys(&args.place.config)?;
    let reconciled = observed.reconcile(&loaded.agreements);
    if args.place.json {
        out::line(&reconciled.json().to_string())
    } else {
        out::data(reconciled.text().as_bytes())
    }
}

fn bundle(args: &BundleArgs) -> Result<(), Stop> {
    let archive = Archive::open(&args.place)?;
    let observed = observed(&archive)?;
    let unwritten = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| Stop::environment(format_args!("cannot write {path}: {error}"))
    };
    let mut builder = fs::DirBuilder::new();
    builder
        .mode(0o700)
        .create(&args.out)
        .map_err(unwritten(&args.out))?;
    let copy = |from: &Path, to: &Path| fs::copy(from, to).map(drop).map_err(unwritten(to));
    for first in segments(&archive.directory).map_err(unwritten(&archive.directory))? {
        let name = segment_name(first);
        copy(&archive.directory.join(&name), &args.out.join(&name))?;
    }
    let mut kept: Vec<(String, String)> = Vec::new();
    read::lines(&archive.directory, |line| {
        let began = set_of(line).unwrap_or_default();
        let layers = began.layers.into_iter().map(|(_, hash)| hash);
        for hash in began.ran.into_iter().map(|ran| ran.text).chain(layers) {
            if !kept.iter().any(|(known, _)| *known == hash)
                && let Ok(text) = texts::read(&archive.directory, &hash)
            {
                kept.push((hash, text));
            }
        }
        ControlFlow::Continue(())
    })
    .map_err(unreadable)?;
    let texts = kept
        .iter()
        .map(|(hash, text)| (hash.as_str(), text.as_str()));
    texts::keep(&args.out, texts).map_err(unwritten(&args.out))?;
    let report = args.out.join("refusals.json");
    fs::write(&report, format!("{}\n", refusals_json(&observed))).map_err(unwritten(&report))?;
    // What was copied, not what was there to be copied.
    let account = verify_directory(&args.out, None).map_err(unreadable)?;
    match (account.fault, account.head) {
        (None, Some((sequence, hash))) => out::line(&format!(
            "{} with {} entries, which hold; head {sequence}:{hash}",
            args.out.display(),
            account.entries
        )),
        (None, None) => out::line(&format!("{} with no entries", args.out.display())),
        (Some(fault), _) => Err(Stop::input(format_args!("the copy is broken at {fault}"))),
    }
}

fn unreadable(error: ReadError) -> Stop {
    match &error {
        ReadError::NoLedger(_) => Stop::input(&error),
        ReadError::System { .. } => Stop::environment(&error),
    }
}

/// A set that began to run, and what its texts load as, once that was asked.
struct Former {
    began: Began,
    set: Option<Loading>,
}

/// A set with what of it could not be had, or why none of it can.
type Loading = Result<Rc<(AgreementSet, Vec<String>)>, String>;

/// A ledger whose chain holds, and the agreements that ran while it was written.
struct Archive {
    directory: PathBuf,
    context: Context,
    /// The name that texts are loaded under, so that the tables that they name are found.
    name_in: PathBuf,
    /// The last sets that began to run, the latest first.
    sets: VecDeque<Former>,
}

impl Archive {
    fn open(place: &Place) -> Result<Self, Stop> {
        let config = config::load_alone(&place.config)?;
        let directory = place
            .ledger
            .clone()
            .unwrap_or_else(|| config.ledger.directory.clone());
        let account = verify_directory(&directory, None).map_err(unreadable)?;
        if let Some(fault) = account.fault {
            return Err(Stop::input(format_args!(
                "the ledger in {} is broken at {fault}; what it holds is no evidence of what was decided",
                directory.display()
            )));
        }
        Ok(Self {
            context: Context {
                tables: config::tables(),
                ..Context::alone(config.controller.time_zone.clone())
            },
            name_in: agreements_directory(&config),
            directory,
            sets: VecDeque::new(),
        })
    }

    fn began(&mut self, began: Began) {
        self.sets.push_front(Former { began, set: None });
        self.sets.truncate(SETS);
    }

    /// Decides `past` again under the last set that ran with its text in it; where its verdict was another there, under the
    /// one before, since an exchange ends under the set that it began with.
    fn replay(&mut self, past: &Past) -> Result<Replayed, String> {
        let mut first = None;
        for ran in &mut self.sets {
            let holds = |hash: &String| ran.began.ran.iter().any(|one| one.hash == *hash);
            if !past.hash.as_ref().is_none_or(holds) {
                continue;
            }
            let load = || load(&self.directory, &self.name_in, &ran.began, &self.context);
            let again = match ran.set.get_or_insert_with(load) {
                Ok(loaded) => {
                    let (set, notes) = &**loaded;
                    let mut again = replay(past, set);
                    again
                        .not_repeated
                        .extend(tables_changed(past, &ran.began, set));
                    again.not_repeated.extend(notes.iter().cloned());
                    Ok(again)
                }
                Err(message) => Err(message.clone()),
            };
            if again
                .as_ref()
                .is_ok_and(|again| again.result == Replay::Same)
            {
                return again;
            }
            first.get_or_insert(again);
        }
        first.unwrap_or_else(|| Err("the ledger does not say which agreements ran then".to_owned()))
    }
}

/// Said where the look-up tables of the agreement that decided `past` are not what they were: its text is kept, they are not, and
/// its hash, which is of both, is another now.
fn tables_changed(past: &Past, began: &Began, set: &AgreementSet) -> Option<String> {
    let hash = past.hash.as_ref()?;
    let then = began.ran.iter().find(|ran| ran.hash == *hash)?;
    let now = set
        .agreements
        .iter()
        .find(|agreement| agreement.text_hash == then.text)?;
    (now.hash != then.hash).then(|| {
        format!(
            "tables: a look-up table that agreement {} names holds something else now; no table decides a request, but what of a value leaves then was by another",
            now.name
        )
    })
}

/// Tables that agreements name are looked for from where the agreements are.
fn agreements_directory(config: &Config) -> PathBuf {
    match config.agreements.first() {
        Some(path) if path.is_dir() => path.clone(),
        Some(path) => path.parent().unwrap_or(Path::new("")).to_owned(),
        None => PathBuf::new(),
    }
}

fn load(directory: &Path, name_in: &Path, began: &Began, context: &Context) -> Loading {
    let mut named = Vec::new();
    for Ran { text: hash, .. } in &began.ran {
        let text = texts::read(directory, hash).map_err(|error| error.to_string())?;
        named.push((
            name_in.join(format!("{hash}.yaml")).display().to_string(),
            text,
        ));
    }
    let mut notes = Vec::new();
    let context = Context {
        as_was: Some(Arc::new(began.was.clone())),
        ..context.clone()
    };
    if !began.layers.is_empty() {
        let under = layers(directory, &began.layers).and_then(|(register, charter)| {
            let context = Context {
                register: Some(register),
                charter,
                ..context.clone()
            };
            config::load_texts(&named, &context)
                .map_err(|faults| format!("it refuses now what it let load then: {faults}"))
        });
        match under {
            Ok(set) => return Ok(Rc::new((set, notes))),
            Err(why) => notes.push(format!(
                "ground: the register that ran then was not asked again, {why}"
            )),
        }
    }
    config::load_texts(&named, &context)
        .map(|set| Rc::new((set, notes)))
        .map_err(|faults| format!("a text that ran then is refused now: {faults}"))
}

/// The register and the policies that ran, from their kept texts.
fn layers(
    directory: &Path,
    layers: &[(String, String)],
) -> Result<(Arc<Register>, Option<Arc<Charter>>), String> {
    let of = |wanted: &str| {
        let texts = layers.iter().filter(|(layer, _)| layer == wanted);
        texts
            .map(|(_, hash)| match texts::read(directory, hash) {
                Ok(text) => Ok((format!("{hash}.yaml"), text)),
                Err(error) => Err(error.to_string()),
            })
            .collect::<Result<Vec<_>, String>>()
    };
    let (registers, charters, directorates) = (of("register")?, of("charter")?, of("directorate")?);
    let Some((name, text)) = registers.first() else {
        return Err("the ledger does not say which it was".to_owned());
    };
    let register = Register::load(name, text).map_err(|faults| faults.to_string())?;
    let charter = match charters.first() {
        None => None,
        Some((name, text)) => {
            let directorates: Vec<Source<'_>> = directorates
                .iter()
                .map(|(name, text)| Source { name, text })
                .collect();
            let charter = Charter::load(Source { name, text }, &directorates, &register);
            Some(Arc::new(charter.map_err(|faults| faults.to_string())?))
        }
    };
    Ok((Arc::new(register), charter))
}

/// What the ledger has of one exchange after its decision.
#[derive(Default)]
struct After {
    outcome: Option<Value>,
}

fn show(args: &ShowArgs) -> Result<(), Stop> {
    let mut archive = Archive::open(&args.place)?;
    let mut found: Option<(Past, Result<Replayed, String>)> = None;
    let mut after = After::default();
    let directory = archive.directory.clone();
    read::lines(&directory, |line| {
        if let Some(began) = set_of(line) {
            archive.began(began);
        }
        if let Some((past, _)) = &found {
            let entry: Value = serde_json::from_slice(line).unwrap_or_default();
            if entry["event"] == "release" && entry["request"] == past.request.as_str() {
                after.outcome = Some(entry);
                return ControlFlow::Break(());
            }
        } else if let Some(past) = Past::read(line).filter(|past| args.entry.is(past)) {
            let replayed = archive.replay(&past);
            let is_over = past.refused.is_some();
            found = Some((past, replayed));
            if is_over {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })
    .map_err(unreadable)?;
    let Some((past, replayed)) = found else {
        return Err(Stop::input("the ledger holds no such decision"));
    };
    if args.place.json {
        let mut object = as_json(&past, &replayed);
        object["told"] = told(&past, &after);
        return out::line(&object.to_string());
    }
    let mut lines = heading(&past);
    for (name, value) in told(&past, &after).as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => value.to_string(),
        };
        lines.push(format!("  told      {name}: {text}"));
    }
    lines.extend(replayed_lines(&replayed));
    lines.push(String::new());
    out::data(lines.join("\n").as_bytes())
}

/// What the partner was told: for a refusal the words of its problem document, else how the exchange ended.
fn told(past: &Past, after: &After) -> Value {
    let reason = |code: &str| {
        Reason::all()
            .into_iter()
            .find(|reason| reason.code() == code)
    };
    match &past.refused {
        Some(code) => {
            let text = reason(code).map(Reason::text);
            json!({
                "status": past.status,
                "reason": code,
                "title": text.map(|text| text.title),
                "remedy": text.map(|text| text.remedy),
            })
        }
        None => match &after.outcome {
            Some(release) => json!({
                "status": release["status"],
                "outcome": release["outcome"],
                "records_released": release["tally"]["records_released"],
                "records_withheld": release["tally"]["records_withheld"],
            }),
            None => json!({ "outcome": "no end is entered: still running, or cut off" }),
        },
    }
}

fn heading(past: &Past) -> Vec<String> {
    let mut lines = vec![format!(
        "entry {}, request {}: {}",
        past.sequence,
        past.request,
        match &past.refused {
            None => "permitted".to_owned(),
            Some(code) => format!("refused ({code})"),
        }
    )];
    lines.push(format!("  decided   {}", past.at));
    let mut put = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            lines.push(format!("  {name:<10}{text}"));
        }
    };
    put("partner", past.partner.as_ref().map(ToString::to_string));
    let version = past
        .version
        .map_or(String::new(), |version| format!(" version {version}"));
    put(
        "agreement",
        past.agreement
            .as_ref()
            .map(|name| format!("{name}{version}")),
    );
    put("text", past.hash.clone());
    put("disclosed", past.disclosure.clone());
    put("purpose", past.purpose.clone());
    lines
}

fn replayed_lines(replayed: &Result<Replayed, String>) -> Vec<String> {
    match replayed {
        Ok(replayed) => {
            let mut lines: Vec<String> = replayed
                .steps
                .iter()
                .map(|step| {
                    let answer = if step.passed { "yes" } else { "no" };
                    format!("  {answer:<10}{:<18}{}", step.name, step.text)
                })
                .collect();
            for not in &replayed.not_repeated {
                lines.push(format!("  not repeated  {not}"));
            }
            lines.push(format!(
                "  {:<10}{}",
                match replayed.result {
                    Replay::Same => "same",
                    Replay::Differs => "differs",
                    Replay::NotHeld => "not held",
                },
                replayed.text
            ));
            lines
        }
        Err(message) => vec![format!("  fault     {message}")],
    }
}

fn as_json(past: &Past, replayed: &Result<Replayed, String>) -> Value {
    json!({
        "sequence": past.sequence,
        "request": past.request.as_str(),
        "decided": past.at.to_string(),
        "partner": past.partner.as_ref().map(|partner| partner.as_str()),
        "agreement": past.agreement,
        "version": past.version,
        "hash": past.hash,
        "disclosure": past.disclosure,
        "purpose": past.purpose,
        "verdict": past.verdict(),
        "replay": match replayed {
            Ok(replayed) => json!({
                "result": replayed.result.word(),
                "text": replayed.text,
                "steps": steps_json(&replayed.steps),
                "not_repeated": replayed.not_repeated,
            }),
            Err(message) => json!({ "result": "fault", "text": message }),
        },
    })
}

fn replay_all(args: &ReplayArgs) -> Result<(), Stop> {
    let mut archive = Archive::open(&args.place)?;
    let mut counts = [0_u64; 4];
    let mut said: Result<(), Stop> = Ok(());
    let directory = archive.directory.clone();
    read::lines(&directory, |line| {
        if let Some(began) = set_of(line) {
            archive.began(began);
        }
        let Some(past) = Past::read(line) else {
            return ControlFlow::Continue(());
        };
        if args.entry.is_some_and(|entry| !entry.is(&past)) {
            return ControlFlow::Continue(());
        }
        let replayed = archive.replay(&past);
        let of_kind = match &replayed {
            Ok(replayed) => match replayed.result {
                Replay::Same => 0,
                Replay::Differs => 1,
                Replay::NotHeld => 2,
            },
            Err(_) => 3,
        };
        counts[of_kind] += 1;
        // Of all of them, those that are as they were are only counted.
        if args.entry.is_some() || args.place.json || matches!(of_kind, 1 | 3) {
            said = if args.place.json {
                out::line(&as_json(&past, &replayed).to_string())
            } else {
                let mut lines = heading(&past);
                lines.extend(replayed_lines(&replayed));
                out::line(&lines.join("\n"))
            };
        }
        if said.is_err() || args.entry.is_some() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .map_err(unreadable)?;
    said?;
    let [same, differs, not_held, faults] = counts;
    if args.entry.is_some() && same + differs + not_held + faults == 0 {
        return Err(Stop::input("the ledger holds no such decision"));
    }
    if args.all && !args.place.json {
        out::line(&format!(
            "{same} the same, {differs} differ, {not_held} depended on what is not held, {faults} could not be decided again"
        ))?;
    }
    if differs + faults > 0 {
        return Err(Stop::Said(Blame::Input));
    }
    Ok(())
}
