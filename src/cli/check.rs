//! `fieldgate check`: every fault of every file, or a review of what is agreed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::out::{self, Blame, Stop};
use crate::agreement::{AgreementSet, Context, Review};
use crate::clock::Clock;
use crate::config::{self, ConfigFault};
use crate::explained::Texts;
use crate::explained::checklist::{Checklist, checklist};
use crate::keyring::keep_out_of_core_dumps;

/// Where the configuration is looked for when none is named.
const CONFIG: &str = "config/fieldgate.yaml";

/// Validates the configuration and every agreement, and prints a review of what they disclose.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate check --config config/fieldgate.yaml
  fieldgate check config/agreements/falls-prevention.yaml
  fieldgate check --without-keys --config config/fieldgate.yaml draft.yaml
  fieldgate check --json | jq '.agreements[].warnings'
  fieldgate check --checklist config/agreements/falls-prevention.yaml
  fieldgate check --by-principle --config config/fieldgate.yaml

Exit codes: 0 nothing is at fault; 1 the files' contents are, every fault is printed; 3 a file or key
cannot be read.")]
pub struct CheckArgs {
    /// The gateway's configuration [default: config/fieldgate.yaml, unless agreements are named]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Do not look at key and certificate files: for reviewing where they are not
    #[arg(long)]
    pub without_keys: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
    /// Print each agreement's sharing checklist instead: pass, fail or not stated
    #[arg(long)]
    pub checklist: bool,
    /// Print how each agreement stands to each of the eight principles, and nothing else; with --checklist its
    /// questions by principle
    #[arg(long)]
    pub by_principle: bool,
    /// Check these agreements, against the configuration if it is named, instead of those it names
    #[arg(value_name = "AGREEMENT")]
    pub agreements: Vec<PathBuf>,
}

/// What was found.
enum Found {
    /// The last: what should be looked at of the configuration itself, a sentence each.
    Good(Box<AgreementSet>, Texts, TimeZone, Vec<String>),
    Faulty(ConfigFault),
}

/// Runs `fieldgate check`.
///
/// # Errors
/// With what is at fault.
pub fn run(args: &CheckArgs) -> Result<(), Stop> {
    // Before a key is read.
    keep_out_of_core_dumps();
    let now = Clock::system().now();
    let found = find(args, now);
    let lists = match &found {
        Found::Good(set, texts, zone, _) if args.checklist || (args.by_principle && args.json) => {
            checklists(set, texts, zone, now)
        }
        Found::Good(..) | Found::Faulty(_) => Vec::new(),
    };
    if args.json && !lists.is_empty() {
        let lists: Vec<_> = lists.iter().map(Checklist::json).collect();
        out::line(&json!({ "ok": true, "checklists": lists }).to_string())?;
    } else if !lists.is_empty() {
        let texts = lists.iter().map(|list| match args.by_principle {
            true => list.text_by_principle(),
            false => list.text(),
        });
        out::data(texts.collect::<Vec<_>>().join("\n").as_bytes())?;
    } else if args.json {
        out::line(&as_json(&found, now).to_string())?;
    } else if let Found::Good(set, _, zone, notes) = &found {
        let mut text = Vec::new();
        if args.by_principle {
            by_principle(set, zone, now, &mut text)
        } else {
            as_text(set, zone, now, &mut text).and_then(|()| as_notes(notes, &mut text))
        }
        .expect("a vector takes what is written to it");
        out::data(&text)?;
    }
    match found {
        Found::Good(..) => Ok(()),
        // The object on standard output has said what is at fault.
        Found::Faulty(ConfigFault::Content(_)) if args.json => Err(Stop::Said(Blame::Input)),
        Found::Faulty(ConfigFault::Environment { .. }) if args.json => {
            Err(Stop::Said(Blame::Environment))
        }
        Found::Faulty(fault) => Err(fault.into()),
    }
}

fn find(args: &CheckArgs, now: Timestamp) -> Found {
    let from_config = |path: &Path| {
        if args.without_keys {
            config::load_without_keys(path)
        } else {
            config::load(path)
        }
    };
    let context = match (&args.config, args.agreements.is_empty()) {
        (config, true) => {
            return match from_config(config.as_deref().unwrap_or(Path::new(CONFIG))) {
                Ok(loaded) => {
                    let notes = loaded.config.notes(now);
                    let zone = loaded.config.controller.time_zone;
                    Found::Good(Box::new(loaded.agreements), loaded.texts, zone, notes)
                }
                Err(fault) => Found::Faulty(fault),
            };
        }
        (Some(config), false) => match from_config(config) {
            Ok(loaded) => Context {
                register: loaded.agreements.register.clone(),
                charter: loaded.agreements.charter.clone(),
                ..loaded.config.agreement_context(loaded.keys)
            },
            Err(fault) => return Found::Faulty(fault),
        },
        (None, false) => Context {
            tables: config::tables(),
            ..Context::alone(
                TimeZone::get("Europe/London").expect("the bundled database has this zone"),
            )
        },
    };
    match config::load_agreements(&args.agreements, &context) {
        Ok(set) => Found::Good(
            Box::new(set),
            texts(&args.agreements),
            context.time_zone,
            Vec::new(),
        ),
        Err(fault) => Found::Faulty(fault),
    }
}

/// The texts of files that have just been loaded; one that is gone since states nothing.
fn texts(paths: &[PathBuf]) -> Texts {
    let read = paths
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    let texts: Vec<String> = read.collect();
    texts.iter().map(String::as_str).collect()
}

fn checklists(
    set: &AgreementSet,
    texts: &Texts,
    zone: &TimeZone,
    now: Timestamp,
) -> Vec<Checklist> {
    let today = now.to_zoned(zone.clone()).date();
    set.agreements
        .iter()
        .map(|agreement| checklist(agreement, &texts.stated(&agreement.text_hash), today))
        .collect()
}

fn reviews(set: &AgreementSet, zone: &TimeZone, now: Timestamp) -> Vec<Review> {
    let today = now.to_zoned(zone.clone()).date();
    set.agreements
        .iter()
        .map(|agreement| agreement.review(today))
        .collect()
}

fn as_json(found: &Found, now: Timestamp) -> serde_json::Value {
    match found {
        Found::Good(set, _, zone, notes) => {
            let mut object = json!({ "ok": true, "agreements": reviews(set, zone, now) });
            if !notes.is_empty() {
                object["notes"] = json!(notes);
            }
            object
        }
        Found::Faulty(ConfigFault::Content(faults)) => {
            let faults: Vec<_> = faults
                .list()
                .iter()
                .map(|fault| json!({ "file": fault.file, "line": fault.line, "column": fault.column, "message": fault.message }))
                .collect();
            json!({ "ok": false, "faults": faults })
        }
        Found::Faulty(ConfigFault::Environment { path, message }) => {
            json!({ "ok": false, "faults": [{ "file": path.display().to_string(), "message": message }] })
        }
    }
}

/// What should be looked at of the configuration itself.
fn as_notes(notes: &[String], out: &mut impl Write) -> std::io::Result<()> {
    notes
        .iter()
        .try_for_each(|note| writeln!(out, "note      {note}"))
}

fn as_text(
    set: &AgreementSet,
    zone: &TimeZone,
    now: Timestamp,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let reviews = reviews(set, zone, now);
    for review in &reviews {
        writeln!(
            out,
            "{} version {}: {}",
            review.agreement, review.version, review.title
        )?;
        writeln!(out, "  partner   {}", review.partner)?;
        let left = match review.days_left {
            1 => "its last day".to_owned(),
            left @ 2.. => format!("{left} days to its end"),
            _ => "ended".to_owned(),
        };
        writeln!(
            out,
            "  term      {} to {}, {left}",
            review.starts, review.ends
        )?;
        writeln!(out, "  purposes  {}", review.purposes.join(", "))?;
        for tokens in &review.tokens {
            writeln!(
                out,
                "  tokens    {}: of {}, {}{}",
                tokens.namespace,
                tokens.form,
                match tokens.reversible {
                    true => "some turn back",
                    false => "one-way",
                },
                match tokens.format {
                    Some(format) => format!(", some keep their {format}"),
                    None => String::new(),
                }
            )?;
        }
        if let Some(group) = &review.link {
            writeln!(
                out,
                "  linked    its tokens are those of all agreements with {} in `{group}`",
                review.partner
            )?;
        }
        for table in &review.tables {
            writeln!(
                out,
                "  look-up   {}, agreed with SHA-256 {}",
                table.path, table.sha256
            )?;
        }
        for (about, text) in &review.terms {
            writeln!(out, "  {about:<9} {text}")?;
        }
        for warning in &review.warnings {
            writeln!(out, "  note      {warning}")?;
        }
        for disclosure in &review.disclosures {
            writeln!(
                out,
                "  {}: {} for {}",
                disclosure.disclosure,
                disclosure.request,
                disclosure.purposes.join(", ")
            )?;
            if let Some(push) = &disclosure.push {
                writeln!(out, "    push          {push}")?;
            }
            let (leaves, comes_in) = match disclosure.push {
                None => ("response", "request body"),
                Some(_) => ("request body", "response"),
            };
            writeln!(
                out,
                "    {leaves:<13} {}",
                body(disclosure.format, &disclosure.rules)
            )?;
            if let Some(format) = disclosure.received_format {
                writeln!(
                    out,
                    "    {comes_in:<13} {}",
                    body(format, &disclosure.received_rules)
                )?;
            }
            if let (Some(data_set), [_, ..]) = (&disclosure.data_set, &disclosure.grounds[..]) {
                writeln!(out, "    data set      {data_set}")?;
            }
            for ground in &disclosure.grounds {
                writeln!(out, "    ground        {ground}")?;
            }
            for field in &disclosure.types {
                writeln!(
                    out,
                    "    field         {} by {}: {}",
                    field.selector, field.action, field.r#type
                )?;
            }
            if let Some(table) = &disclosure.table {
                writeln!(out, "    table         {table}")?;
            }
            for whole in &disclosure.kept_whole {
                writeln!(
                    out,
                    "    kept whole    {} because: {}",
                    whole.selector, whole.because
                )?;
            }
            for kept in &disclosure.exemptions {
                writeln!(
                    out,
                    "    exempt        {} by {}",
                    kept.selector, kept.exempt
                )?;
            }
            for opaque in &disclosure.opaque {
                writeln!(
                    out,
                    "    opaque        {} as {} because: {}",
                    opaque.body,
                    opaque.types.join(", "),
                    opaque.because
                )?;
            }
            for held in &disclosure.held_whole {
                writeln!(out, "    held whole    {held}")?;
            }
            for held in &disclosure.held_elements {
                writeln!(out, "    held elements {held}")?;
            }
            for selector in &disclosure.names_from_data {
                writeln!(
                    out,
                    "    names         {selector} lets member names through that come from the data"
                )?;
            }
        }
        writeln!(out)?;
    }
    if let Some(register) = &set.register {
        writeln!(
            out,
            "register of {} version {}: {}",
            register.controller,
            register.version,
            counted(register.data_sets.len(), "data set")
        )?;
        for warning in &register.warnings {
            writeln!(out, "  note      {warning}")?;
        }
        for (data_set, partner, purpose) in register.not_forewarned() {
            writeln!(
                out,
                "  note      no notice tells the people in `{}` of {purpose} by {partner}",
                data_set.name
            )?;
        }
        writeln!(out)?;
    }
    let disclosures: usize = reviews.iter().map(|review| review.disclosures.len()).sum();
    writeln!(
        out,
        "{} with {}; no faults",
        counted(reviews.len(), "agreement"),
        counted(disclosures, "disclosure")
    )
}

/// How each agreement stands to each principle, a line each.
fn by_principle(
    set: &AgreementSet,
    zone: &TimeZone,
    now: Timestamp,
    out: &mut impl Write,
) -> std::io::Result<()> {
    for review in reviews(set, zone, now) {
        writeln!(out, "{} version {}", review.agreement, review.version)?;
        for principle in &review.principles {
            writeln!(
                out,
                "  {:<12}  {:<10}  {}",
                principle.principle,
                principle.standing.word(),
                principle.because
            )?;
        }
        match review.uncited.as_slice() {
            [] => {}
            rules => writeln!(
                out,
                "  {} neither law nor guidance: {}",
                match rules.len() {
                    1 => "1 rule cites".to_owned(),
                    count => format!("{count} rules cite"),
                },
                rules.join(", ")
            )?,
        }
        writeln!(out)?;
    }
    Ok(())
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// A body's format, and how many rules of each action it has.
fn body(format: &str, rules: &[(&'static str, usize)]) -> String {
    if format == "opaque" {
        return "opaque: passes without being looked into".to_owned();
    }
    if rules.is_empty() {
        return format!("{format}: no rules, nothing leaves");
    }
    let rules: Vec<String> = rules
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    format!("{format}: {}", rules.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::Source;

    const AGREEMENT: &str = "\
agreement: falls-prevention
version: 3
title: Falls prevention
parties: { controller: isle-council, partner: island-health }
term: { starts: 2026-04-01, review: 2027-01-31, ends: 2027-03-31 }
purposes: { falls-prevention: Find adults at risk, research: Learn }
disclosures:
  - name: adult
    purposes: [falls-prevention]
    request: POST /adults
    service: { name: social-care, path: /adults }
    request_body: { format: json, fields: [{ keep: [$.page] }] }
    response:
      format: json
      fields:
        - keep: [$.mobility, $.scores.*]
        - keep_all: [$.plan]
          because: the partner writes it with us
        - mask: [$.phone]
  - name: adults
    purposes: [falls-prevention]
    request: GET /adults
    service: { name: social-care, path: /adults }
    response:
      format: json
      fields:
        - keep: ['$[?@.age >= 65].mobility']
  - name: newest
    purposes: [falls-prevention]
    request: GET /adults/newest
    service: { name: social-care, path: /adults/newest }
    response:
      format: json
      fields:
        - keep: ['$[-1].mobility']
  - name: letter
    purposes: [falls-prevention]
    request: POST /letters
    service: { name: social-care, path: /letters }
    request_body: { format: xml, fields: [] }
    response: { format: opaque, type: [application/pdf, image/tiff], because: the letter is the record }
";

    #[test]
    fn a_review_shows_the_term_what_leaves_and_why() {
        let zone = TimeZone::UTC;
        let source = Source {
            name: "a.yaml",
            text: AGREEMENT,
        };
        let set = AgreementSet::load(&[source], &Context::alone(zone.clone())).unwrap();
        let review = |now: &str| {
            let mut text = Vec::new();
            as_text(&set, &zone, now.parse().unwrap(), &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        assert_eq!(
            review("2027-02-01T12:00:00Z"),
            "\
falls-prevention version 3: Falls prevention
  partner   island-health
  term      2026-04-01 to 2027-03-31, 59 days to its end
  purposes  falls-prevention, research
  note      ends in 59 days, today included
  note      was to be reviewed by 2027-01-31
  note      nothing is disclosed for the purpose research
  note      does not state basis, basis.assessment, basis.territory, business_case, benefits, risks, contacts, retention
  adult: POST /adults for falls-prevention
    response      json: 2 keep, 1 keep_all, 1 mask
    request body  json: 1 keep
    field         $.mobility by keep: as it is
    field         $.scores.* by keep: as it is
    field         $.plan by keep_all: as it is
    field         $.phone by mask: text
    kept whole    $.plan because: the partner writes it with us
    names         $.scores.* lets member names through that come from the data
  adults: GET /adults for falls-prevention
    response      json: 1 keep
    field         $[?@.age >= 65].mobility by keep: as it is
    held elements response: its filters are decided on each element, positions from the end on each array; of one at most 1048576 bytes
  newest: GET /adults/newest for falls-prevention
    response      json: 1 keep
    field         $[-1].mobility by keep: as it is
    held whole    response: only the whole document decides its selectors or condition; at most 1048576 bytes
  letter: POST /letters for falls-prevention
    response      opaque: passes without being looked into
    request body  xml: no rules, nothing leaves
    opaque        response as application/pdf, image/tiff because: the letter is the record

1 agreement with 4 disclosures; no faults
"
        );
        for (now, note) in [
            ("2027-03-31T23:59:59Z", "ends today"),
            (
                "2027-04-01T00:00:00Z",
                "ended on 2027-03-31; its requests are refused",
            ),
            (
                "2026-03-31T12:00:00Z",
                "starts on 2026-04-01; its requests are refused until then",
            ),
        ] {
            assert!(
                review(now).contains(&format!("  note      {note}\n")),
                "{now}: {}",
                review(now)
            );
        }
    }
}
