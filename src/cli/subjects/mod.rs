//! `fieldgate subjects`: what people object to, consent to and are marked as.
//!
//! Identifiers come from a file or standard input, never as arguments, which other users of the machine can read; they become
//! tokens at once and are never printed.

pub mod disclosures;

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::file;
use super::out::{self, Progress, Stop};
use crate::clock::Clock;
use crate::config::{self, ConfigFault};
use crate::identifier::Kind;
use crate::keyring::{RootSource, keep_out_of_core_dumps};
use crate::rights::{Entry, Fact, last_day_under_18};
use crate::subjects::{Act, Change, Identifiers, Line, Store, StoreError, Where, token_text};
use crate::transform::SubjectTokens;

/// Of how many of a list's people a replacement may lose one before it has to be allowed.
const FEWER: usize = 10;

/// Enters what people object to, consent to and are marked as.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects create
  fieldgate subjects add objection --by dpo --why 'letter of 3 June' \\
      --reference L-117 < number
  fieldgate subjects import opt-out:national-data-opt-out optouts.csv \\
      --column 1 --replace --by dpo --why weekly
  fieldgate subjects stats

What can be entered: objection, objection:PURPOSE, marketing-objection, consent:PURPOSE,
explicit-consent:PURPOSE, opt-out:LIST, restriction, deceased, court-restricted, harm-hold,
harm-decision[:PURPOSE], child, child-consent, parent-decision, third-party-consent,
third-party-reasonable. Identifiers are read from standard input or a file, one a line; the store
holds keyed tokens of them, never themselves. A running gateway takes a change within a second. Run
this as the gateway's user.")]
pub struct SubjectsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: SubjectsCommand,
}

/// What `fieldgate subjects` can do.
#[derive(Debug, Subcommand)]
pub enum SubjectsCommand {
    /// Make the store that the configuration names, with nothing in it
    Create(CreateArgs),
    /// Enter something about people
    Add(AddArgs),
    /// Take something back that was entered about people
    Withdraw(WithdrawArgs),
    /// Enter something about everybody in a list, and if wanted about nobody else
    Import(ImportArgs),
    /// Show what is entered about one person, and every change there was
    Show(ShowArgs),
    /// Say who was told what about one person, when and for what
    Disclosures(disclosures::DisclosuresArgs),
    /// List the latest changes: who entered what, when and why, about how many people
    List(ListArgs),
    /// Print everything that is entered, by token
    Export(ExportArgs),
    /// Count what is entered
    Stats(StatsArgs),
}

/// Which configuration names the store.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The gateway's configuration, which names the store under subjects:
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
}

/// Who changes something, and why.
#[derive(Debug, Args)]
pub struct WhoArgs {
    /// Who makes the change
    #[arg(long, value_name = "WHO")]
    pub by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// What it refers to: a letter, a case, the evidence of a consent
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
}

/// Where the identifiers are.
#[derive(Debug, Args)]
pub struct PeopleArgs {
    /// A file of identifiers [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// The CSV column that holds them: its name in the first line, or its number where there is no such line
    #[arg(long, value_name = "COLUMN")]
    pub column: Option<String>,
    /// What kind of identifier they are, for example nhs-number: others are refused
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub form: Option<Kind>,
}

/// Makes the store.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects create --config config/fieldgate.yaml

A gateway that is configured with a store that is not there releases nothing, so that a file which was
lost is not taken for nobody's objections.

Exit codes: 0 it is made; 1 the configuration names none; 3 there is one, or it cannot be made.")]
pub struct CreateArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Enters something about people.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects add objection:research --by dpo --why 'call of 3 June' \\
      < number
  fieldgate subjects add explicit-consent:care --reference FORM-88 \\
      --by clinic --why 'signed form' < number
  fieldgate subjects add child --born 2010-06-16 --by registrar \\
      --why register < number
  fieldgate subjects add harm-decision:care --professional SW12345 \\
      --by 'team 4' --why 'review of 3 June' < number

Exit codes: 0 entered; 1 a line identifies nobody, and nothing is entered; 2 wrong usage; 3 the store
cannot be used.")]
pub struct AddArgs {
    /// What to enter
    #[arg(value_name = "WHAT", value_parser = fact)]
    pub fact: Fact,
    /// The last day on which it counts
    #[arg(long, value_name = "DAY", conflicts_with = "born")]
    pub until: Option<Date>,
    /// For `child`: the day of birth; what is kept is the last day under 18
    #[arg(long, value_name = "DAY")]
    pub born: Option<Date>,
    /// For a decision: the professional who made it
    #[arg(long, value_name = "WHO")]
    pub professional: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub who: WhoArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub people: PeopleArgs,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Takes something back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects withdraw consent:care --by dpo --why 'letter of 3 June' \\
      < number

Withdrawing consent:PURPOSE takes explicit-consent:PURPOSE back too.

Exit codes: 0 withdrawn, or there was nothing to withdraw; 1 a line identifies nobody, and nothing is
withdrawn; 2 wrong usage; 3 the store cannot be used.")]
pub struct WithdrawArgs {
    /// What to take back
    #[arg(value_name = "WHAT", value_parser = fact)]
    pub fact: Fact,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub who: WhoArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub people: PeopleArgs,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Enters something about everybody in a list.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects import opt-out:national-data-opt-out optouts.dat \\
      --form nhs-number --by dpo --why weekly
  fieldgate subjects import opt-out:tick-box forms.csv --column 'Ref no' \\
      --replace --by dpo --why 'forms of May'

Lines that identify nobody are left out and counted. With --replace whoever is not in the list loses
it; a list that would take it from more than a tenth is taken for a broken one, unless --allow-fewer.
One that is killed midway has entered a part; run it again.

Exit codes: 0 imported; 1 the list is at fault; 2 wrong usage; 3 the store cannot be used.")]
pub struct ImportArgs {
    /// What to enter
    #[arg(value_name = "WHAT", value_parser = fact)]
    pub fact: Fact,
    /// The list: one identifier a line, or CSV with --column [default: standard input]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The CSV column that holds the identifiers: its name in the first line, or its number where there is no such line
    #[arg(long, value_name = "COLUMN")]
    pub column: Option<String>,
    /// What kind of identifier they are, for example nhs-number: others are left out and counted
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub form: Option<Kind>,
    /// Take it back from everybody who is not in the list
    #[arg(long)]
    pub replace: bool,
    /// Let --replace take it back from more than a tenth
    #[arg(long, requires = "replace")]
    pub allow_fewer: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub who: WhoArgs,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Shows what is entered about one person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects show < number
  fieldgate subjects show --json --from number | jq '.changes[].why'

Exit codes: 0 shown, also where nothing is entered; 1 not one identifier; 3 the store cannot be used.")]
pub struct ShowArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub people: PeopleArgs,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Lists the latest changes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects list --last 20
  fieldgate subjects list --json | jq -r '.what'

Exit codes: 0 listed; 3 the store cannot be used.")]
pub struct ListArgs {
    /// How many changes; a long list is several
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub last: usize,
    /// Print a JSON object a line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Prints everything that is entered.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects export > entries.csv
  fieldgate subjects export opt-out:national-data-opt-out --json

The tokens are the ledger's: a person's token there is the same.

Exit codes: 0 printed; 3 the store cannot be used.")]
pub struct ExportArgs {
    /// Only this
    #[arg(value_name = "WHAT", value_parser = fact)]
    pub fact: Option<Fact>,
    /// Print a JSON object a line, instead of CSV
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

/// Counts what is entered.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects stats
  fieldgate subjects stats --json --config config/fieldgate.yaml

Exit codes: 0 the store holds; 3 it cannot be used.")]
pub struct StatsArgs {
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show them")]
    pub config: ConfigArgs,
}

fn fact(text: &str) -> Result<Fact, String> {
    text.parse()
        .map_err(|error: crate::rights::FactError| error.to_string())
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        format!("write one of {}", words.join(", "))
    })
}

/// Runs `fieldgate subjects`.
///
/// # Errors
/// If the configuration names no store, or it cannot be read or changed.
pub fn run(args: &SubjectsArgs) -> Result<(), Stop> {
    keep_out_of_core_dumps();
    match &args.command {
        SubjectsCommand::Create(args) => create(args),
        SubjectsCommand::Add(args) => add(args),
        SubjectsCommand::Withdraw(args) => {
            let act = Act::Withdraw(args.fact.clone());
            let change = change(act, &args.who, None)?;
            apply(&args.config, &args.people, &change, args.json)
        }
        SubjectsCommand::Import(args) => import(args),
        SubjectsCommand::Show(args) => show(args),
        SubjectsCommand::Disclosures(args) => disclosures::run(args),
        SubjectsCommand::List(args) => list(args),
        SubjectsCommand::Export(args) => export(args),
        SubjectsCommand::Stats(args) => stats(args),
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::environment(error)
    }
}

/// What every one of the commands works with.
struct Desk {
    path: PathBuf,
    seal: zeroize::Zeroizing<[u8; 32]>,
    tokens: SubjectTokens,
}

impl Desk {
    fn at(ConfigArgs { config: path }: &ConfigArgs) -> Result<Self, Stop> {
        let config = config::load_alone(path)?;
        let (Some(store), Some(keys)) = (config.subjects, config.keys) else {
            return Err(Stop::input(format_args!(
                "{}: it has no `subjects`; write for example subjects: {{ store: subjects }}",
                path.display()
            )));
        };
        let root = keys
            .root
            .root()
            .map_err(|error| Stop::from(ConfigFault::from(error)))?;
        Ok(Self {
            path: store,
            seal: root.subjects_seal(),
            tokens: SubjectTokens::new(&root.subject()),
        })
    }

    fn store(&self) -> Result<Store, Stop> {
        Ok(Store::open(&self.path, self.seal.clone())?)
    }

    /// What makes tokens, also where no store is configured.
    fn tokens(ConfigArgs { config: path }: &ConfigArgs) -> Result<SubjectTokens, Stop> {
        let keys = config::load_alone(path)?.keys.ok_or_else(|| {
            Stop::input(format_args!(
                "{}: it has no `keys`, so the ledger names nobody",
                path.display()
            ))
        })?;
        let root = keys
            .root
            .root()
            .map_err(|error| Stop::from(ConfigFault::from(error)))?;
        Ok(SubjectTokens::new(&root.subject()))
    }

    fn read(
        &self,
        from: Option<&PathBuf>,
        column: Option<&str>,
        form: Option<Kind>,
    ) -> Result<Identifiers, Stop> {
        read(&self.tokens, from, column, form)
    }
}

/// Reads identifiers from `from`, else from standard input.
fn read(
    tokens: &SubjectTokens,
    from: Option<&PathBuf>,
    column: Option<&str>,
    form: Option<Kind>,
) -> Result<Identifiers, Stop> {
    let (input, bytes): (Box<dyn Read>, _) = match from {
        None => (Box::new(std::io::stdin()), None),
        Some(path) => {
            let file = File::open(path).map_err(|error| file::unread(path.display(), &error))?;
            let bytes = file.metadata().ok().map(|metadata| metadata.len());
            (Box::new(file), bytes)
        }
    };
    let place = match column.map(|column| (column, column.parse::<usize>())) {
        None => Where::Line,
        Some((_, Ok(0))) => return Err(Stop::usage("columns are counted from 1")),
        Some((_, Ok(number))) => Where::Number(number),
        Some((name, Err(_))) => Where::Column(name.to_owned()),
    };
    let progress = Progress::over(bytes);
    Identifiers::read(input, &place, form, tokens, |bytes| {
        progress.advance(bytes);
    })
    .map_err(Stop::input)
}

/// The change that somebody asks for.
fn change(act: Act, who: &WhoArgs, professional: Option<&str>) -> Result<Change, Stop> {
    Change::new(
        act,
        &who.by,
        &who.why,
        who.reference.as_deref(),
        professional,
    )
    .map_err(Stop::usage)
}

fn create(args: &CreateArgs) -> Result<(), Stop> {
    let desk = Desk::at(&args.config)?;
    Store::create(&desk.path, desk.seal, Clock::system().now())?;
    out::line(&format!(
        "{}: made, with nothing in it",
        desk.path.display()
    ))
}

fn add(args: &AddArgs) -> Result<(), Stop> {
    let until = match (args.born, &args.fact) {
        (None, _) => args.until,
        (Some(born), Fact::Child) => Some(
            last_day_under_18(born)
                .ok_or_else(|| Stop::usage("a day of birth is a day of this calendar"))?,
        ),
        (Some(_), _) => {
            return Err(Stop::usage("only `child` takes --born; write --until DAY"));
        }
    };
    let act = Act::Enter(Entry {
        fact: args.fact.clone(),
        until,
    });
    let change = change(act, &args.who, args.professional.as_deref())?;
    apply(&args.config, &args.people, &change, args.json)
}

/// Makes `change` about all of `people`, or about none where one of the lines identifies nobody: somebody's objection that is
/// spelt wrong is not to be lost unnoticed.
fn apply(
    config: &ConfigArgs,
    people: &PeopleArgs,
    change: &Change,
    json: bool,
) -> Result<(), Stop> {
    let desk = Desk::at(config)?;
    let read = desk.read(people.from.as_ref(), people.column.as_deref(), people.form)?;
    if read.unfit > 0 {
        return Err(Stop::input(format_args!(
            "{} of the lines identify nobody (line {}); nothing is changed",
            read.unfit,
            lines(&read)
        )));
    }
    if read.tokens.is_empty() {
        return Err(Stop::input(
            "no identifier came; write one a line on standard input or name a file with --from",
        ));
    }
    let entered = desk
        .store()?
        .change(change, &read.tokens, Clock::system().now())?;
    let (done, what) = match change.act() {
        Act::Enter(entry) => ("entered", &entry.fact),
        Act::Withdraw(fact) => ("withdrawn", fact),
    };
    if json {
        return out::line(
            &json!({
                "what": what.to_string(),
                done: entered.changed,
                "unchanged": entered.unchanged,
            })
            .to_string(),
        );
    }
    out::line(&format!(
        "{what}: {done} for {}, {} were so already",
        entered.changed, entered.unchanged
    ))
}

fn import(args: &ImportArgs) -> Result<(), Stop> {
    let desk = Desk::at(&args.config)?;
    let change = change(Act::Enter(Entry::of(args.fact.clone())), &args.who, None)?;
    let read = desk.read(args.file.as_ref(), args.column.as_deref(), args.form)?;
    let mut store = desk.store()?;
    let now = Clock::system().now();
    let (entered, withdrawn) = if args.replace {
        let mut refused = (0, 0);
        let replaced = store.replace(&change, &read.tokens, now, |have, lose| {
            refused = (have, lose);
            args.allow_fewer || lose * FEWER <= have
        })?;
        replaced.ok_or_else(|| {
            Stop::input(format_args!(
                "the list would take {} from {} of {}, more than a tenth; if it is whole, say --allow-fewer. Nothing is changed",
                args.fact, refused.1, refused.0
            ))
        })?
    } else {
        (store.change(&change, &read.tokens, now)?, 0)
    };
    if args.json {
        return out::line(
            &json!({
                "what": args.fact.to_string(),
                "entered": entered.changed,
                "unchanged": entered.unchanged,
                "withdrawn": withdrawn,
                "empty_lines": read.empty,
                "unfit_lines": read.unfit,
                "first_unfit_lines": read.unfit_lines,
            })
            .to_string(),
        );
    }
    out::line(&format!(
        "{}: entered for {}, {} were so already, withdrawn from {withdrawn}",
        args.fact, entered.changed, entered.unchanged
    ))?;
    if read.unfit > 0 {
        out::say(&format!(
            "{} lines identify nobody and were left out: line {}",
            read.unfit,
            lines(&read)
        ));
    }
    Ok(())
}

/// The numbers of the first lines that identify nobody.
fn lines(read: &Identifiers) -> String {
    let numbers: Vec<String> = read.unfit_lines.iter().map(usize::to_string).collect();
    let more = if read.unfit > numbers.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{more}", numbers.join(", "))
}

fn show(args: &ShowArgs) -> Result<(), Stop> {
    let desk = Desk::at(&args.config)?;
    let people = &args.people;
    let read = desk.read(people.from.as_ref(), people.column.as_deref(), people.form)?;
    let [token] = read.tokens.as_slice() else {
        return Err(Stop::input(
            "give one identifier, on standard input or with --from",
        ));
    };
    let store = desk.store()?;
    let history = store.history(token)?;
    if args.json {
        let entries: Vec<Value> = store
            .lists()
            .of(token)
            .map(|entry| json!({ "what": entry.fact.to_string(), "until": entry.until }))
            .collect();
        let changes: Vec<Value> = history.iter().map(change_as_json).collect();
        return out::line(
            &json!({ "token": token_text(token), "entries": entries, "changes": changes })
                .to_string(),
        );
    }
    let mut text = format!("{}\n", token_text(token));
    let mut entries = store.lists().of(token).peekable();
    if entries.peek().is_none() {
        text.push_str("  nothing is entered\n");
    }
    for entry in entries {
        text.push_str(&format!("  {}{}\n", entry.fact, until(entry)));
    }
    for line in &history {
        text.push_str(&format!("  {}\n", change_as_text(line)));
    }
    out::data(text.as_bytes())
}

fn list(args: &ListArgs) -> Result<(), Stop> {
    let desk = Desk::at(&args.config)?;
    let changes = desk.store()?.latest(args.last)?;
    let mut text = String::new();
    for line in &changes {
        let line = match args.json {
            true => change_as_json(line).to_string(),
            false => change_as_text(line),
        };
        text.push_str(&line);
        text.push('\n');
    }
    out::data(text.as_bytes())
}

fn export(args: &ExportArgs) -> Result<(), Stop> {
    let desk = Desk::at(&args.config)?;
    let store = desk.store()?;
    let mut text = String::new();
    if !args.json {
        text.push_str("token,what,until\n");
    }
    for (token, entry) in store.lists().iter() {
        if args.fact.as_ref().is_some_and(|fact| *fact != entry.fact) {
            continue;
        }
        let token = token_text(token);
        let day = entry.until.map(|day| day.to_string()).unwrap_or_default();
        let line = match args.json {
            true => json!({ "token": token, "what": entry.fact.to_string(), "until": entry.until })
                .to_string(),
            false => format!("{token},{},{day}", entry.fact),
        };
        text.push_str(&line);
        text.push('\n');
        if text.len() >= 64 << 10 {
            out::data(text.as_bytes())?;
            text.clear();
        }
    }
    out::data(text.as_bytes())
}

fn stats(args: &StatsArgs) -> Result<(), Stop> {
    let desk = Desk::at(&args.config)?;
    let store = desk.store()?;
    let lists = store.lists();
    if args.json {
        let counts: serde_json::Map<String, Value> = lists
            .counts()
            .iter()
            .map(|(fact, count)| (fact.to_string(), json!(count)))
            .collect();
        return out::line(
            &json!({
                "store": desk.path,
                "lines": store.lines(),
                "entries": lists.len(),
                "memory_bytes": lists.bytes(),
                "counts": counts,
            })
            .to_string(),
        );
    }
    let mut text = format!(
        "{}: {} lines, {} entries, {} KiB in memory\n",
        desk.path.display(),
        store.lines(),
        lists.len(),
        lists.bytes() >> 10
    );
    for (fact, count) in lists.counts() {
        text.push_str(&format!("  {count:>9}  {fact}\n"));
    }
    out::data(text.as_bytes())
}

fn until(entry: &Entry) -> String {
    entry
        .until
        .map(|day| format!(" until {day}"))
        .unwrap_or_default()
}

fn change_as_text(line: &Line) -> String {
    let (done, what) = match &line.act {
        Act::Enter(entry) => ("entered", format!("{}{}", entry.fact, until(entry))),
        Act::Withdraw(fact) => ("withdrew", fact.to_string()),
    };
    let mut text = format!(
        "{:.0}  {} {done} {what} for {}: {}",
        line.at,
        line.by,
        line.subjects.len(),
        line.why
    );
    for (name, value) in [
        ("reference", &line.reference),
        ("professional", &line.professional),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" ({name} {value})"));
        }
    }
    text
}

fn change_as_json(line: &Line) -> Value {
    let (done, what, until) = match &line.act {
        Act::Enter(entry) => ("enter", entry.fact.to_string(), entry.until),
        Act::Withdraw(fact) => ("withdraw", fact.to_string(), None),
    };
    json!({
        "sequence": line.sequence,
        "at": line.at.to_string(),
        "by": line.by,
        "why": line.why,
        "reference": line.reference,
        "professional": line.professional,
        "done": done,
        "what": what,
        "until": until,
        "subjects": line.subjects.len(),
    })
}
