//! `fieldgate subjects disclosures`: who was told what about one person, as the ledger has it.

use clap::Args;
use serde_json::{Value, json};

use super::super::out::{self, Stop};
use super::{ConfigArgs, Desk, PeopleArgs, read};
use crate::agreement::AgreementSet;
use crate::config;
use crate::plan::Action;
use crate::subjects::{Told, token_text, told};

/// Says who was told what about one person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fieldgate subjects disclosures < number
  fieldgate subjects disclosures --recipients --from number
  fieldgate subjects disclosures --json < number | jq -r '.disclosures[].purpose'

From the ledger: every exchange in which the person's record left. The fields are told where the agreement's
text is still the one of then. With --recipients: only whom to tell when something about the person is put right.

Exit codes: 0 said, also where nobody was told; 1 not one identifier, or a file at fault; 3 the ledger
cannot be read.")]
pub struct DisclosuresArgs {
    /// Only the partners that were told, and when last
    #[arg(long)]
    pub recipients: bool,
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
        return recipients(&told, args.json);
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

fn recipients(told: &[Told], json: bool) -> Result<(), Stop> {
    let mut last: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
    for told in told {
        last.insert(&told.partner, &told.at);
    }
    if json {
        let recipients: Vec<Value> = last
            .iter()
            .map(|(partner, at)| json!({ "partner": partner, "last": at }))
            .collect();
        return out::line(&json!({ "recipients": recipients }).to_string());
    }
    let lines = last
        .iter()
        .map(|(partner, at)| format!("{partner}  last told {at}\n"));
    out::data(lines.collect::<String>().as_bytes())
}
