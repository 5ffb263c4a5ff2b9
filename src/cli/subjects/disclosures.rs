//! `fieldgate subjects disclosures`: who was told what about one person, as the ledger has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use clap::Args;
use serde_json::{Value, json};

use super::super::out::{self, Stop};
use super::{ConfigArgs, Desk, PeopleArgs, read};
use crate::agreement::AgreementSet;
use crate::cases::{Cases, Gap, Kind, NoCase};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::gateway::{CASES, fingerprint};
use crate::journal::Journal;
use crate::minimise::SubjectToken;
use crate::plan::Action;
use crate::subjects::{Told, token_text, told};

/// Says who was told what about one person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects disclosures < number
  fieldgate subjects disclosures --recipients --from number
  fieldgate subjects disclosures --json < number \\
      | jq -r '.disclosures[].purpose'

From the ledger: every exchange in which the person's record left. The fields are told where the agreement's
text is still the one of then. With --recipients: only whom to tell when something about the person is put right;
with --open-cases also a case for each of them, of which a gateway that runs tells the officer (log, metric, webhook)
at once and every day, until `fieldgate cases close NUMBER --as dpo` says that the partner has acknowledged it.

Exit codes: 0 said, also where nobody was told; 1 not one identifier, or a file at fault; 3 the ledger
cannot be read.")]
pub struct DisclosuresArgs {
    /// Only the partners that were told, and when last
    #[arg(long)]
    pub recipients: bool,
    /// Open a case for each of these partners, until it has acknowledged what was put right
    #[arg(long, requires = "recipients")]
    pub open_cases: bool,
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

/// Runs `fieldgate subjects disclosures`.
pub(super) fn run(args: &DisclosuresArgs) -> Result<(), Stop> {
    let loaded = config::load_without_keys(&args.config.config)?;
    let tokens = Desk::tokens(&args.config)?;
    let people = &args.people;
    let (from, column) = (people.from.as_ref(), people.column.as_deref());
    let read = read(&tokens, from, column, people.form)?;
    let [token] = read.tokens.as_slice() else {
        return Err(Stop::input(
            "give one identifier, on standard input or with --from",
        ));
    };
    let directory = &loaded.config.ledger.directory;
    let told = told(directory, token).map_err(|error| {
        Stop::environment(format_args!(
            "{}: the ledger cannot be read ({})",
            directory.display(),
            error.kind()
        ))
    })?;
    if args.recipients {
        let cases = match args.open_cases {
            true => open_cases(&told, token, &loaded)?,
            false => BTreeMap::new(),
        };
        return recipients(&told, &cases, args.json);
    }
    let fields = |told: &Told| fields(&loaded.agreements, told);
    if args.json {
        let disclosures: Vec<Value> = told
            .iter()
            .map(|told| {
                json!({
                    "at": told.at,
                    "request": told.request,
                    "partner": told.partner,
                    "agreement": told.agreement,
                    "version": told.version,
                    "hash": told.hash,
                    "disclosure": told.disclosure,
                    "purpose": told.purpose,
                    "outcome": told.outcome,
                    "fields": fields(told),
                })
            })
            .collect();
        return out::line(
            &json!({ "token": token_text(token), "disclosures": disclosures }).to_string(),
        );
    }
    let mut text = String::new();
    if told.is_empty() {
        text.push_str("nobody was told anything about this person\n");
    }
    for told in &told {
        text.push_str(&format!(
            "{}  {} was told for {}, by `{}` of agreement {} version {}{}\n",
            told.at,
            told.partner,
            told.purpose,
            told.disclosure,
            told.agreement,
            told.version,
            match told.outcome.as_deref() {
                Some("complete") => "",
                Some(_) => ", a part",
                None => ", not ended",
            }
        ));
        match fields(told) {
            None => text.push_str("    the agreement's text is another now\n"),
            Some(fields) => fields
                .iter()
                .for_each(|field| text.push_str(&format!("    {field}\n"))),
        }
    }
    out::data(text.as_bytes())
}

/// What `told` let out: each selector and what happened to it; `None` where the agreement is another now.
fn fields(agreements: &AgreementSet, told: &Told) -> Option<Vec<String>> {
    let agreement = agreements.agreement(&told.agreement)?;
    if agreement.hash != told.hash {
        return None;
    }
    let mut disclosures = agreement.disclosures.iter();
    let disclosure = disclosures.find(|one| one.name.as_str() == told.disclosure)?;
    let rules = disclosure.released_rules.fields.iter();
    Some(
        rules
            .filter_map(|rule| {
                let word = match &rule.action {
                    Action::Keep => "keep",
                    Action::KeepAll => "keep_all",
                    Action::Drop => return None,
                    Action::Transform(transform) => transform.word(),
                };
                Some(format!("{} by {word}", rule.selector.text()))
            })
            .collect(),
    )
}

/// Opens a case for each partner that was told of the person with `token`, unless one is open. Gives their numbers.
fn open_cases<'t>(
    told: &'t [Told],
    token: &[u8; 16],
    loaded: &Loaded,
) -> Result<BTreeMap<&'t str, u64>, Stop> {
    // The ledger's token names the person; the case has as much of it as tells people apart.
    let digest = fingerprint(&SubjectToken(token_text(token)));
    let mut numbers = BTreeMap::new();
    let partners: BTreeSet<&str> = told.iter().map(|told| told.partner.as_str()).collect();
    let state = &loaded.config.state;
    if partners.is_empty() {
        return Ok(numbers);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state)
        .map_err(|error| {
            Stop::environment(format_args!("cannot make {}: {error}", state.display()))
        })?;
    let mut journal = Journal::<Cases>::open(&state.join(CASES))?;
    let register = loaded.agreements.register.as_ref();
    let contact = register.map(|register| register.dpo.as_str());
    let at = Clock::system().now();
    for partner in partners {
        let gap = Gap {
            kind: Kind::Rectification,
            partner: partner.to_owned(),
            agreement: None,
            disclosure: None,
            purpose: None,
            field: None,
            digest: Some(format!("{digest:015x}")),
        };
        let opened = journal.update(|cases: &Cases| {
            let (line, number) = cases.opening(&gap, contact, at)?;
            Ok((vec![line], number))
        })?;
        match opened {
            Ok(number) => {
                numbers.insert(partner, number);
            }
            Err(NoCase::Known) => {
                let mut open = journal.state().all();
                let same = open.find(|case| case.closed.is_none() && case.gap == gap);
                numbers.extend(same.map(|case| (partner, case.number)));
            }
            Err(NoCase::Full) => {
                return Err(Stop::input(format_args!(
                    "too many cases are open, so none is opened for {partner}; close what is done with `fieldgate cases close`"
                )));
            }
        }
    }
    journal.sync()?;
    Ok(numbers)
}

fn recipients(told: &[Told], cases: &BTreeMap<&str, u64>, json: bool) -> Result<(), Stop> {
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for told in told {
        last.insert(&told.partner, &told.at);
    }
    if json {
        let recipients: Vec<Value> = last
            .iter()
            .map(|(partner, at)| match cases.get(partner) {
                Some(case) => json!({ "partner": partner, "last": at, "case": case }),
                None => json!({ "partner": partner, "last": at }),
            })
            .collect();
        return out::line(&json!({ "recipients": recipients }).to_string());
    }
    let lines = last.iter().map(|(partner, at)| match cases.get(partner) {
        Some(case) => format!("{partner}  last told {at}, case {case}\n"),
        None => format!("{partner}  last told {at}\n"),
    });
    out::data(lines.collect::<String>().as_bytes())
}
