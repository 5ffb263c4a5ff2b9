//! `fieldgate explain`: why a request would be permitted or refused, and which rule decides each field.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::file;
use super::out::{self, Stop};
use crate::agreement::{
    Ask, Asker, Caller, Credential, Credentials, Disclosure, PartnerName, Permit, PurposeName,
    Refusal, Role, Step, SystemName,
};
use crate::clock::Clock;
use crate::config::{self, Loaded};
use crate::explained::chart::Chart;
use crate::explained::covered::steps_json;
use crate::gateway::{self, Reason, form};
use crate::ledger::EntryHash;
use crate::minimise::{self, BodyError, FieldOutcome, Open, Tally};
use crate::plan::{FieldDecision, Format};
use crate::transform::Occasion;
use crate::volume::Over;

/// The largest sample that is read: a record to look at, not a data set.
const SAMPLE_BYTES: u64 = 16 << 20;

/// Says why a request would be permitted or refused, and which rule decides each field of a sample.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldgate explain --config config/fieldgate.yaml --partner island-health \\
      --purpose falls-prevention GET /adults/9990000018
  fieldgate explain --config config/fieldgate.yaml --partner island-health \\
      --purpose falls-prevention --at 2027-04-01 GET /adults/9990000018 --sample adult.json
  fieldgate explain --partner island-health --purpose research --format svg \\
      GET /adults/1 > why.svg

Takes the same decision as the gateway, by the same code. Where the agreement has quotas, the
counts are those that the gateway with this configuration has written down; a replica's are its
own. A sample is one body as the service sends it.

Exit codes: 0 explained, be the answer yes or no; 1 the configuration or the sample is at
fault; 2 wrong usage; 3 a file cannot be read.")]
pub struct ExplainArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "config/fieldgate.yaml")]
    pub config: PathBuf,
    /// Who asks
    #[arg(long, value_name = "NAME", required_unless_present = "system")]
    pub partner: Option<String>,
    /// The system of the controller's that pushes, in place of a partner who asks
    #[arg(long, value_name = "NAME", conflicts_with = "partner")]
    pub system: Option<String>,
    /// The purpose that the request declares; leave it out for a request that declares none
    #[arg(long, value_name = "NAME")]
    pub purpose: Vec<String>,
    /// When: a day, or an instant such as 2026-04-01T09:30:00Z [default: now]
    #[arg(long, value_name = "WHEN")]
    pub at: Option<String>,
    /// A role that the caller's credential states
    #[arg(long, value_name = "NAME")]
    pub role: Vec<String>,
    /// The caller's credential states a health or social-work professional
    #[arg(long)]
    pub professional: bool,
    /// From when on the training that the caller's credential states counts no longer: a day, or an instant [default: none is stated]
    #[arg(long, value_name = "WHEN")]
    pub trained_until: Option<String>,
    /// A credential that is shown: certificate, api_key or access_token [default: all that could be asked for]
    #[arg(long, value_name = "KIND", value_parser = credential)]
    pub credential: Vec<Credential>,
    /// A purpose that the access token may be used for [default: the token does not say]
    #[arg(long, value_name = "NAME")]
    pub token_purpose: Vec<String>,
    /// The case or task that the request names
    #[arg(long, value_name = "TEXT")]
    pub reference: Option<String>,
    /// The agreement's version that the partner has accepted
    #[arg(long, value_name = "VERSION")]
    pub accepted_version: Option<String>,
    /// The reason that the request gives
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The request's method
    pub method: String,
    /// The request's path, with its query if it has one
    pub path: String,
    /// A body as the service would send it, in the disclosure's format; of json and ndjson each field is listed
    #[arg(long, value_name = "FILE")]
    pub sample: Option<PathBuf>,
    /// Print the result as one JSON object: the same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How the way of the decision is printed
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub format: Form,
}

impl ExplainArgs {
    /// The name of whoever asks.
    fn asker(&self) -> &str {
        let named = self.system.as_deref().or(self.partner.as_deref());
        named.expect("one of the two is required")
    }
}

/// How the way of a decision is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Lines of text.
    Text,
    /// One JSON object.
    Json,
    /// A flowchart in the language of Mermaid.
    Mermaid,
    /// A flowchart as a picture.
    Svg,
}

/// Everything that is found out, before it is put into words.
struct Explanation {
    at: Timestamp,
    zone: TimeZone,
    steps: Vec<Step>,
    decision: Result<Permit, Refusal>,
    /// Why the gateway refuses the query of a request that is permitted but for it, in its own words.
    query: Option<(Reason, String)>,
    /// The quota that is used up.
    over: Option<Over>,
    /// The file of the agreement that permits.
    file: Option<String>,
    /// For a refusal: whom to ask, and where the policy stands that it is under, by register and charter.
    advice: Vec<(&'static str, String)>,
    sample: Option<Sample>,
}

/// What becomes of a sample.
struct Sample {
    /// Each field; `None` in a format of which they are counted and not listed.
    fields: Option<Vec<FieldDecision>>,
    tally: Tally,
}

/// Runs `fieldgate explain`.
///
/// # Errors
/// If the configuration or the sample is at fault or cannot be read. A refusal is an answer, no error.
pub fn run(args: &ExplainArgs) -> Result<(), Stop> {
    let loaded = config::load_without_keys(&args.config)?;
    let explanation = explain(args, &loaded)?;
    let form = if args.json { Form::Json } else { args.format };
    match form {
        Form::Text => out::data(as_text(args, &explanation).as_bytes()),
        Form::Json => out::line(&as_json(args, &explanation).to_string()),
        Form::Mermaid => out::data(chart(args, &explanation).mermaid().as_bytes()),
        Form::Svg => out::data(chart(args, &explanation).svg().as_bytes()),
    }
}

/// The kind of credential of this name.
fn credential(word: &str) -> Result<Credential, String> {
    Credential::named(word).ok_or_else(|| "write certificate, api_key or access_token".to_owned())
}

/// What the request shows: everything, where nothing is said of it.
fn credentials(shown: &[Credential]) -> Credentials {
    match shown {
        [] => Credentials::ALL,
        shown => shown.iter().copied().collect(),
    }
}

/// The way of the decision as a flowchart.
fn chart(args: &ExplainArgs, explanation: &Explanation) -> Chart {
    let refusal = explanation.refusal();
    let outcome = match &refusal {
        None => "permitted".to_owned(),
        Some((code, text)) => format!("refused ({code}): {text}"),
    };
    let title = title(args, explanation);
    Chart::new(title, explanation.steps.clone(), refusal.is_none(), outcome)
}

/// The request in words.
fn title(args: &ExplainArgs, explanation: &Explanation) -> String {
    let purpose = match args.purpose.as_slice() {
        [] => "with no purpose".to_owned(),
        purposes => format!("for {}", purposes.join(" and for ")),
    };
    format!(
        "{} {} from {} {purpose}, {}",
        args.method.to_uppercase(),
        args.path,
        args.asker(),
        explanation
            .at
            .to_zoned(explanation.zone.clone())
            .strftime("%Y-%m-%d %H:%M %Z"),
    )
}

fn explain(args: &ExplainArgs, loaded: &Loaded) -> Result<Explanation, Stop> {
    let (kind, known) = match args.system {
        Some(_) => ("system", &loaded.config.systems),
        None => ("partner", &loaded.config.partners),
    };
    let name = args.asker();
    if !known.iter().any(|one| one.name.as_str() == name) {
        let names: Vec<&str> = known.iter().map(|one| one.name.as_str()).collect();
        return Err(Stop::usage(format_args!(
            "{} has no {kind} {name}; it has {}",
            args.config.display(),
            names.join(", ")
        )));
    }
    let zone = loaded.config.controller.time_zone.clone();
    let at = match &args.at {
        None => Clock::system().now(),
        Some(text) => instant(text, &zone)?,
    };
    let trained_until = match &args.trained_until {
        None => None,
        Some(text) => Some(instant(text, &zone)?),
    };
    let (path, query) = match args.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (args.path.as_str(), None),
    };
    let (partner, system) = (PartnerName::new(name), SystemName::new(name));
    let purposes: Vec<&[u8]> = args.purpose.iter().map(String::as_bytes).collect();
    let roles: Vec<Role> = args.role.iter().map(|role| Role::new(role)).collect();
    let token_purposes = (!args.token_purpose.is_empty()).then(|| {
        let purposes = args.token_purpose.iter();
        purposes
            .map(|name| PurposeName::new(name))
            .collect::<Vec<_>>()
    });
    let ask = Ask {
        caller: Caller {
            roles: &roles,
            professional: args.professional,
            trained_until,
            reference: args.reference.as_deref().map(str::as_bytes),
            version: args.accepted_version.as_deref().map(str::as_bytes),
            reason: args.reason.as_deref().map(str::as_bytes),
            credentials: credentials(&args.credential),
            token_purposes: token_purposes.as_deref(),
        },
        asker: match args.system {
            Some(_) => Asker::System(&system),
            None => Asker::Partner(&partner),
        },
        method: &args.method.to_uppercase(),
        path,
        purposes: &purposes,
        at,
    };
    let decision = loaded.agreements.decide(&ask);
    let mut explanation = Explanation {
        at,
        zone,
        steps: loaded.agreements.explain(&ask),
        decision,
        query: None,
        over: None,
        file: None,
        advice: Vec::new(),
        sample: None,
    };
    if let Ok(permit) = &explanation.decision {
        explanation.query = gateway::query(query, permit.disclosure())
            .err()
            .map(|reason| (reason, query_text(reason, query, permit.disclosure())));
        if query.is_some_and(|query| !query.is_empty()) {
            let refused = explanation.query.as_ref();
            explanation.steps.push(Step {
                name: "query",
                passed: refused.is_none(),
                text: match refused {
                    None => "each parameter is agreed".to_owned(),
                    Some((_, text)) => text.clone(),
                },
            });
        }
        if explanation.query.is_none()
            && let Some((step, over)) = quota(permit, loaded, at, args.at.is_some())
        {
            explanation.steps.push(step);
            explanation.over = over;
        }
        explanation.file = file_with(&permit.agreement().text_hash, &loaded.sources);
        if let Some(path) = &args.sample {
            let today = at.to_zoned(explanation.zone.clone()).date();
            explanation.sample = Some(sample(permit, path, today)?);
        }
    }
    if explanation.refusal().is_some() {
        explanation.advice = advice(loaded, &explanation.decision);
    }
    Ok(explanation)
}

/// The quotas that a permitted request is under, and how much of them is used; with the one that is used up. `None` where it
/// is under none. `other_time`: the request is explained for another time than the present, of which no counts are known.
fn quota(
    permit: &Permit,
    loaded: &Loaded,
    at: Timestamp,
    other_time: bool,
) -> Option<(Step, Option<Over>)> {
    let config = &loaded.config;
    let step = |passed: bool, text: String| Step {
        name: "quota",
        passed,
        text,
    };
    if permit.agreement().volume.is_empty() {
        return None;
    }
    let way = match gateway::counted(&config.state, &config.controller.time_zone, permit, at) {
        Ok(way) => way?,
        Err(why) => {
            return Some((
                step(true, format!("what is used is not known: {why}")),
                None,
            ));
        }
    };
    if other_time && !way.is_of(at) {
        let text = "counts are of the present, not of then; without --at they are looked at";
        return Some((step(true, text.to_owned()), None));
    }
    if let Some(over) = way.used_up(at) {
        return Some((step(false, format!("used up: {over}")), Some(over)));
    }
    let mut used = Vec::new();
    way.usage(at, |usage| used.push(usage.to_string()));
    Some((step(true, used.join("; ")), None))
}

/// Whom to ask about a refusal, and the policy that it is under: the directorate's of the data set that was asked for, where
/// that is known, else the council's.
fn advice(loaded: &Loaded, decision: &Result<Permit, Refusal>) -> Vec<(&'static str, String)> {
    let Some(register) = &loaded.agreements.register else {
        return Vec::new();
    };
    let data_set = match decision {
        Ok(permit) => permit.disclosure().data_set.as_deref(),
        Err(Refusal::PurposeNotAgreed {
            agreement,
            disclosure,
            ..
        }) => loaded
            .agreements
            .agreement(agreement.as_str())
            .and_then(|agreement| {
                let mut all = agreement.disclosures.iter();
                all.find(|one| one.name == *disclosure)?.data_set.as_deref()
            }),
        Err(_) => None,
    };
    let data_set = data_set.and_then(|name| register.data_set(name));
    let mut advice = vec![("ask", register.dpo.clone())];
    let contact = register.contact(data_set);
    if contact != register.dpo {
        advice.push(("or", contact.to_owned()));
    }
    if let Some(charter) = &loaded.agreements.charter {
        let layer = data_set.map(|set| charter.layer(&set.owner));
        let own = layer.and_then(|layer| layer.policy.clone());
        let policy = own.or_else(|| charter.council.policy.clone());
        advice.extend(policy.map(|policy| ("policy", policy)));
    }
    advice
}

/// A day (its noon in `zone`, clear of any change of clocks) or an instant.
pub(super) fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, Stop> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    text.parse::<Date>()
        .and_then(|day| day.at(12, 0, 0, 0).to_zoned(zone.clone()))
        .map(|noon| noon.timestamp())
        .map_err(|_| {
            Stop::usage(
                "--at is not a date; write 2026-04-01, or an instant such as 2026-04-01T09:30:00Z",
            )
        })
}

/// The file whose bytes have this SHA-256: an agreement knows its file by that alone.
fn file_with(hash: &str, sources: &[PathBuf]) -> Option<String> {
    sources
        .iter()
        .filter(|path| path.is_file())
        .find(|path| fs::read(path).is_ok_and(|bytes| EntryHash::of(&bytes).to_string() == hash))
        .map(|path| path.display().to_string())
}

fn sample(permit: &Permit, path: &Path, today: Date) -> Result<Sample, Stop> {
    let plan = permit.released();
    let word = plan.format().word();
    // Of the one nothing is looked into; of the other no file has the boundary that its parts are told apart by.
    if matches!(plan.format(), Format::Multipart | Format::Opaque(_)) {
        return Err(Stop::usage(format_args!(
            "a sample is explained of every other format, and this one is {word}; `fieldgate apply --config FILE --agreement {} --disclosure {}` shows what leaves of it",
            permit.agreement().name,
            permit.disclosure().name,
        )));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(SAMPLE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| file::unread(path.display(), &error))?;
    if bytes.len() as u64 > SAMPLE_BYTES {
        return Err(Stop::input(format_args!(
            "{}: a sample is one body of at most {} MiB; `fieldgate apply` takes any size",
            path.display(),
            SAMPLE_BYTES >> 20
        )));
    }
    let broken = |error: BodyError| {
        Stop::input(format_args!(
            "{}: {word}: {} ({}) at byte {}, in {}",
            path.display(),
            error.fault,
            error.fault.code(),
            error.offset,
            error.path
        ))
    };
    // Nothing leaves from here, so tokens need not be told from those of another body, and nobody is on a list.
    let occasion = Occasion {
        document: Some([0; 16]),
        gate: Some(Arc::new(Open)),
        ..Occasion::from(today)
    };
    let fields = match plan.format() {
        Format::Json => Some(plan.explain(&bytes, occasion.clone()).map_err(broken)?),
        Format::Ndjson => {
            // Selectors see lines as an array of their documents. A fault is told below, where it stands.
            let lines = bytes.split(|byte| *byte == b'\n');
            let lines: Vec<&[u8]> = lines.filter(|line| !line.trim_ascii().is_empty()).collect();
            let whole = [&b"["[..], &lines.join(&b','), &b"]"[..]].concat();
            plan.explain(&whole, occasion.clone()).ok()
        }
        Format::JsonSequence
        | Format::EventStream
        | Format::Csv(_)
        | Format::Xml(_)
        | Format::Form
        | Format::Multipart
        | Format::Opaque(_) => None,
    };
    let mut machine = minimise::machine(plan, "", occasion);
    let mut leaves = Vec::new();
    machine.push(&bytes, &mut leaves).map_err(broken)?;
    let tally = machine.finish(&mut leaves).map_err(broken)?;
    Ok(Sample { fields, tally })
}

impl Explanation {
    /// The stable code of what refuses, and a sentence; `None` if the request is permitted.
    fn refusal(&self) -> Option<(&'static str, String)> {
        match &self.decision {
            Err(Refusal::PurposeNotAgreed { agreed, .. }) => {
                let agreed: Vec<&str> = agreed.iter().map(PurposeName::as_str).collect();
                Some((
                    "purpose_not_agreed",
                    format!(
                        "for this request it is not agreed; what is agreed is {}",
                        agreed.join(", ")
                    ),
                ))
            }
            Err(refusal) => Some((refusal.code(), refusal.to_string())),
            Ok(_) => match &self.query {
                Some((reason, text)) => {
                    Some((reason.code(), format!("{text}. {}", reason.text().remedy)))
                }
                None => self
                    .over
                    .as_ref()
                    .map(|over| ("quota_exceeded", over.to_string())),
            },
        }
    }

    /// Where the rule stands that decided `field`: its line, and its selector as written.
    fn rule(&self, field: &FieldDecision) -> Option<(usize, &str)> {
        let rules = self.decision.as_ref().ok()?.released_rules();
        let rule = rules.fields.get(field.rule?)?;
        Some((rule.line, rule.selector.text()))
    }
}

/// Why the gateway refuses `query`, for `reason`: with the names that are not agreed, where it is for these.
fn query_text(reason: Reason, query: Option<&str>, disclosure: &Disclosure) -> String {
    if reason == Reason::QueryNotAgreed {
        let parameters = form::query::parameters(query.unwrap_or_default());
        let mut names: Vec<String> = parameters
            .flatten()
            .map(|parameter| parameter.name().into_owned())
            .filter(|name| !disclosure.has_parameter(name))
            .collect();
        names.sort_unstable();
        names.dedup();
        return format!("not agreed: {}", names.join(", "));
    }
    reason.text().title.to_owned()
}

fn as_text(args: &ExplainArgs, explanation: &Explanation) -> String {
    let mut lines = Vec::new();
    lines.push(title(args, explanation));
    for step in &explanation.steps {
        let answer = if step.passed { "yes" } else { "no" };
        lines.push(format!("  {answer:<4}{:<18}{}", step.name, step.text));
    }
    let refusal = explanation.refusal();
    match (&explanation.decision, &refusal) {
        (Ok(permit), None) => {
            let disclosure = permit.disclosure();
            lines.push(format!(
                "permitted: the service {} is asked for {}",
                disclosure.service,
                disclosure.service_path.text()
            ));
            if disclosure.is_push() {
                let partner = &permit.agreement().partner;
                lines.push(format!(
                    "  push          what leaves is the request's body; it goes to {partner}"
                ));
            }
            for held in disclosure.held_whole() {
                lines.push(format!("  held whole    {held}"));
            }
            for held in disclosure.held_elements() {
                lines.push(format!("  held elements {held}"));
            }
        }
        (_, Some((code, text))) => {
            lines.push(format!("refused ({code}): {text}"));
            for (what, text) in &explanation.advice {
                lines.push(format!("  {what:<22}{text}"));
            }
        }
        (Err(_), None) => unreachable!("a refusal has a code"),
    }
    if let (Some(sample), None) = (&explanation.sample, &refusal) {
        lines.push(String::new());
        lines.extend(sample_lines(sample, explanation));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn sample_lines(sample: &Sample, explanation: &Explanation) -> Vec<String> {
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let fields = sample.fields.as_deref().unwrap_or_default();
    let paths = width(&mut fields.iter().map(|field| field.path.chars().count()));
    let outcomes = width(&mut fields.iter().map(|field| field.outcome.len()));
    let mut lines: Vec<String> = fields
        .iter()
        .map(|field| {
            let why = match (explanation.rule(field), field.outcome) {
                (Some((line, selector)), _) => format!("line {line}: {selector}"),
                (None, "structure") => "on the way to something that may leave".to_owned(),
                (None, _) => "no rule names it".to_owned(),
            };
            format!(
                "  {:<paths$}  {:<outcomes$}  {why}",
                field.path, field.outcome
            )
        })
        .collect();
    if sample.fields.is_none() {
        let counted = counted(&sample.tally);
        let counted = counted
            .iter()
            .map(|(outcome, count)| format!("  {count:>8}  {outcome}"));
        lines.extend(counted);
    }
    if let Some(file) = &explanation.file {
        let what = match sample.fields {
            Some(_) => "each field of the sample",
            None => "the values of the sample, counted in this format",
        };
        lines.insert(0, format!("{what}, by the rules of {file}:"));
    }
    let Tally {
        records_released,
        records_withheld,
        ..
    } = sample.tally;
    if records_released + records_withheld > 0 {
        lines.push(format!(
            "records: {records_released} released, {records_withheld} withheld by release_if"
        ));
    }
    lines
}

/// How many values each fate had.
fn counted(tally: &Tally) -> Vec<(&'static str, u64)> {
    let all = FieldOutcome::ALL.into_iter();
    all.map(|outcome| (outcome.code(), tally.field(outcome)))
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn as_json(args: &ExplainArgs, explanation: &Explanation) -> Value {
    let refusal = explanation.refusal();
    let permit = explanation.decision.as_ref().ok();
    json!({
        "request": {
            "partner": args.partner,
            "system": args.system,
            "method": args.method.to_uppercase(),
            "path": args.path,
            "purposes": args.purpose,
            "at": explanation.at.to_string(),
        },
        "permitted": refusal.is_none(),
        "steps": steps_json(&explanation.steps),
        "refusal": refusal.map(|(code, text)| json!({ "reason": code, "text": text })),
        "advice": explanation.advice.iter().map(|(what, text)| json!({ "what": what, "text": text })).collect::<Vec<_>>(),
        "permit": permit.map(|permit| json!({
            "agreement": permit.agreement().name.as_str(),
            "version": permit.agreement().version,
            "file": explanation.file,
            "disclosure": permit.disclosure().name.as_str(),
            "purpose": permit.purpose().as_str(),
            "service": permit.disclosure().service.as_str(),
            "service_path": permit.disclosure().service_path.text(),
            "held_whole": permit.disclosure().held_whole(),
            "held_elements": permit.disclosure().held_elements(),
        })),
        "sample": explanation.sample.as_ref().map(|sample| json!({
            "records_released": sample.tally.records_released,
            "records_withheld": sample.tally.records_withheld,
            "counted": counted(&sample.tally).into_iter().collect::<BTreeMap<_, _>>(),
            "fields": sample.fields.iter().flatten().map(|field| {
                let rule = explanation.rule(field);
                json!({
                    "path": field.path,
                    "outcome": field.outcome,
                    "line": rule.map(|(line, _)| line),
                    "selector": rule.map(|(_, selector)| selector),
                })
            }).collect::<Vec<_>>(),
        })),
    })
}
