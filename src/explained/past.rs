//! An old decision decided again: what the ledger has of it, and the same question to the set that ran then.
//!
//! The ledger holds no path, since a path can name a person. It holds what a path led to: agreement, disclosure, purpose.
//! A path of the same form leads there again. What was refused before any agreement was asked, or for the path itself,
//! depends on what is not held, and is said to be so; and of every other replay each step is named that something else stood
//! in for.

use jiff::Timestamp;
use serde_json::Value;

use super::covered;
use crate::agreement::{
    Agreement, AgreementName, AgreementSet, AsWas, Ask, Asker, Caller, Credential, Credentials,
    Disclosure, PartnerName, Role, Step, SystemName,
};
use crate::ledger::RequestId;

/// A decision as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The entry's sequence.
    pub sequence: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The exchange.
    pub request: RequestId,
    /// Who asked, if that was known.
    pub partner: Option<PartnerName>,
    /// The controller's system that pushed, if one did.
    pub system: Option<SystemName>,
    /// The agreement that permitted, or whose term refused.
    pub agreement: Option<String>,
    /// Its version.
    pub version: Option<u64>,
    /// The hash of its text.
    pub hash: Option<String>,
    /// The disclosure.
    pub disclosure: Option<String>,
    /// The declared purpose, where it was one that the set knew.
    pub purpose: Option<String>,
    /// The roles that the caller's credential stated.
    pub roles: Vec<Role>,
    /// It stated a health or social-work professional.
    pub professional: bool,
    /// From when on the training that it stated counts no longer.
    pub trained_until: Option<Timestamp>,
    /// What was shown together, where that is entered.
    pub credentials: Option<Credentials>,
    /// The reason's code; `None` for what was permitted.
    pub refused: Option<String>,
    /// The status that the partner got, of a refusal.
    pub status: Option<u64>,
}

impl Past {
    /// Reads a line of a ledger; `None` for one that is no decision.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let entry: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        let is_refusal = match entry.get("event")?.as_str()? {
            "intent" => false,
            "refusal" => true,
            _ => return None,
        };
        Some(Self {
            sequence: entry.get("seq")?.as_u64()?,
            at: text("decided").or_else(|| text("at"))?.parse().ok()?,
            request: RequestId::parse(entry.get("request")?.as_str()?)?,
            partner: text("partner").map(|name| PartnerName::new(&name)),
            system: text("system").map(|name| SystemName::new(&name)),
            agreement: text("agreement"),
            version: entry.get("version").and_then(Value::as_u64),
            hash: text("hash"),
            disclosure: text("disclosure"),
            purpose: text("purpose"),
            roles: entry
                .get("roles")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(Role::new)
                .collect(),
            professional: entry.get("professional") == Some(&Value::Bool(true)),
            trained_until: text("trained_until").and_then(|text| text.parse().ok()),
            credentials: entry
                .get("credentials")
                .and_then(Value::as_array)
                .map(|shown| {
                    let words = shown.iter().filter_map(Value::as_str);
                    words.filter_map(Credential::named).collect()
                }),
            refused: if is_refusal {
                Some(text("reason")?)
            } else {
                None
            },
            status: entry.get("status").and_then(Value::as_u64),
        })
    }

    /// What was decided, in the words of the ledger: `permitted`, or the reason's code.
    #[must_use]
    pub fn verdict(&self) -> &str {
        self.refused.as_deref().unwrap_or(PERMITTED)
    }
}

/// The verdict that is no refusal.
const PERMITTED: &str = "permitted";

/// An agreement of a set that began to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// What decisions under it have as their hash.
    pub hash: String,
    /// The hash by which its text is kept.
    pub text: String,
}

/// A set that began to run, as the ledger has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Began {
    /// Its agreements.
    pub ran: Vec<Ran>,
    /// The hashes of the texts that they were held against, each with what it is: `register`, `charter`, `directorate`.
    pub layers: Vec<(String, String)>,
    /// What of the agreements no text says.
    pub was: AsWas,
}

/// The set that began to run with this line of a ledger; `None` for any other line.
#[must_use]
pub fn set_of(line: &[u8]) -> Option<Began> {
    let entry: Value = serde_json::from_slice(line).ok()?;
    if entry.get("event")?.as_str()? != "agreements" {
        return None;
    }
    let text = |one: &Value, name: &str| Some(one.get(name)?.as_str()?.to_owned());
    let list = |name: &str| {
        entry
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let all = entry.get("agreements")?.as_array()?;
    let ran = |one: &Value| {
        let hash = text(one, "hash")?;
        // An agreement without tables is its text.
        let text = text(one, "text").unwrap_or_else(|| hash.clone());
        Some(Ran { hash, text })
    };
    let mut began = Began {
        ran: all.iter().map(ran).collect::<Option<_>>()?,
        layers: list("layers")
            .map(|one| Some((text(one, "layer")?, text(one, "hash")?)))
            .collect::<Option<_>>()?,
        was: AsWas::default(),
    };
    for one in list("standing") {
        let name = AgreementName::new(one.get("name")?.as_str()?);
        if let Some(roles) = one.get("missing").and_then(Value::as_array) {
            let roles = roles.iter().filter_map(Value::as_str).map(str::to_owned);
            began.was.missing.insert(name.clone(), roles.collect());
        }
        if one.get("keys_destroyed") == Some(&Value::Bool(true)) {
            began.was.keys_destroyed.insert(name);
        }
    }
    Some(began)
}

/// An old decision beside what is decided today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// How the two compare.
    pub result: Replay,
    /// The steps of the decision, where it was decided again.
    pub steps: Vec<Step>,
    /// The steps that could not be repeated as they were, each with what stood in for what is not held.
    pub not_repeated: Vec<String>,
    /// What it means, one sentence.
    pub text: String,
}

/// How an old decision compares with the same one decided again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// The verdict is the same.
    Same,
    /// The verdict is another one.
    Differs,
    /// It depended on what the ledger does not hold.
    NotHeld,
}

impl Replay {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::NotHeld => "not_held",
        }
    }
}

/// Decides `past` again by `set`, the agreements that ran then.
#[must_use]
pub fn replay(past: &Past, set: &AgreementSet) -> Replayed {
    let asker = match (&past.system, &past.partner) {
        (Some(system), _) => Asker::System(system),
        (None, Some(partner)) => Asker::Partner(partner),
        (None, None) => return not_held("nobody was recognised, so no agreement was asked"),
    };
    if matches!(
        past.verdict(),
        "path_form" | "no_route" | "method_not_agreed"
    ) {
        return not_held(
            "it depended on the request's path and method, which may name a person and are not held",
        );
    }
    let of = past
        .agreement
        .as_deref()
        .and_then(|name| set.agreement(name));
    let is_known = |agreement: &Agreement| match past.verdict() {
        "not_approved" => !agreement.approved.is_usable(),
        "keys_destroyed" => agreement.keys_destroyed,
        _ => true,
    };
    if of.is_some_and(|agreement| !is_known(agreement)) {
        return not_held(
            "it depended on approvals or keys, of which the entry of the set that ran then says nothing",
        );
    }
    let candidates = disclosures(past, set, asker);
    if candidates.is_empty() {
        let Some(agreement) = &past.agreement else {
            return not_held("whoever asked had no agreement that could be asked");
        };
        return Replayed {
            result: Replay::Differs,
            steps: Vec::new(),
            not_repeated: Vec::new(),
            text: format!("agreement {agreement} of the set that ran then has no such disclosure"),
        };
    }
    // Where the entry names no disclosure it is one of these, and what the entry says must be so of one.
    let mut replayed = None;
    for disclosure in candidates {
        let one = replay_of(past, set, asker, disclosure);
        if one.result == Replay::Same {
            return one;
        }
        replayed.get_or_insert(one);
    }
    replayed.expect("there was at least one to be asked")
}

/// Decides `past` again as a request that `disclosure` answers.
fn replay_of(
    past: &Past,
    set: &AgreementSet,
    asker: Asker<'_>,
    disclosure: &Disclosure,
) -> Replayed {
    let path = covered::path(disclosure, set, asker);
    let unknown = unknown_purpose(set);
    let purpose: &[u8] = match past.verdict() {
        "purpose_malformed" => b"two words",
        _ => past.purpose.as_deref().unwrap_or(&unknown).as_bytes(),
    };
    let purposes: &[&[u8]] = match past.verdict() {
        "purpose_missing" => &[],
        _ => &[purpose],
    };
    let ask = Ask {
        asker,
        method: disclosure.method,
        path: &path,
        purposes,
        caller: Caller {
            roles: &past.roles,
            professional: past.professional,
            trained_until: past.trained_until,
            // Of these the ledger has tokens at most. Every other verdict than their own was given beyond them.
            reference: (past.verdict() != "reference_missing").then_some(b"given"),
            reason: (past.verdict() != "reason_missing").then_some(b"given"),
            // A version that no agreement has, where the verdict was that it was another.
            version: (past.verdict() == "agreement_changed").then_some(b"0"),
            credentials: match (past.credentials, past.verdict()) {
                (Some(shown), _) => shown,
                (None, "credential_missing") => Credentials::NONE,
                (None, _) => Credentials::ALL,
            },
            token_purposes: (past.verdict() == "purpose_not_in_token").then_some(&[]),
        },
        at: past.at,
    };
    let now = match set.decide(&ask) {
        Ok(permit)
            if is_named(
                past,
                permit.agreement().name.as_str(),
                &permit.disclosure().name.to_string(),
            ) =>
        {
            PERMITTED
        }
        Ok(_) => "permitted by another disclosure",
        Err(refusal) => refusal.code(),
    };
    let then = past.verdict();
    let (result, text) = if now == then {
        (Replay::Same, format!("{then} then and now"))
    } else if now == PERMITTED && !is_of_agreements(then) {
        let text = format!(
            "its agreement permits it, then and now; it was refused as {then}, which its text does not decide"
        );
        (Replay::Same, text)
    } else {
        (Replay::Differs, format!("{then} then, {now} now"))
    };
    Replayed {
        result,
        steps: set.explain(&ask),
        not_repeated: not_repeated(past, set, disclosure),
        text,
    }
}

/// What stood in for what is not held when `past` was decided again as a request that `disclosure` answers.
fn not_repeated(past: &Past, set: &AgreementSet, disclosure: &Disclosure) -> Vec<String> {
    let mut not = Vec::new();
    let mut say = |step: &str, text: &str| not.push(format!("{step}: {text}"));
    if disclosure.path.variables().next().is_some() {
        say(
            "route",
            "a made-up name stood in for each variable of the path, which may name a person and is not held",
        );
    }
    if past.disclosure.is_none() {
        say(
            "disclosure",
            "the entry names none; one that it can have been was asked",
        );
    }
    match past.verdict() {
        "purpose_not_agreed" if past.purpose.is_none() => say(
            "purpose agreed",
            "a purpose that no agreement has stood in for the text that was declared",
        ),
        "purpose_malformed" => say(
            "purpose declared",
            "another text in no form stood in for what was declared",
        ),
        "purpose_not_in_token" => say(
            "purpose in token",
            "a token for no purpose stood in for the one that was shown",
        ),
        "agreement_changed" => say(
            "version",
            "a version that no agreement has stood in for the one that the request named",
        ),
        _ => {}
    }
    let terms = set
        .agreements
        .iter()
        .filter(|agreement| {
            past.agreement
                .as_deref()
                .is_some_and(|name| name == agreement.name.as_str())
        })
        .flat_map(|agreement| &agreement.purposes)
        .find(|purpose| Some(purpose.name.as_str()) == past.purpose.as_deref());
    if let Some(terms) = terms {
        if !terms.credentials.is_empty() && past.credentials.is_none() {
            say(
                "credentials",
                "the entry does not say what was shown; what the verdict asks for stood in for it",
            );
        }
        if terms.reference {
            say(
                "reference",
                "the ledger has a keyed token of it alone; one in form stood in for it",
            );
        }
        if terms.vital_interests {
            say(
                "reason",
                "the ledger has a keyed token of it alone; one in form stood in for it",
            );
        }
    }
    not
}

fn not_held(why: &str) -> Replayed {
    Replayed {
        result: Replay::NotHeld,
        steps: Vec::new(),
        not_repeated: Vec::new(),
        text: why.to_owned(),
    }
}

fn is_named(past: &Past, agreement: &str, disclosure: &str) -> bool {
    past.agreement
        .as_deref()
        .is_none_or(|name| name == agreement)
        && past
            .disclosure
            .as_deref()
            .is_none_or(|name| name == disclosure)
}

/// The disclosure that was asked for; where the entry does not name it, all of the agreement's, or of the asker's, that
/// it can have been: those for the purpose, if there are any.
fn disclosures<'a>(past: &Past, set: &'a AgreementSet, asker: Asker<'_>) -> Vec<&'a Disclosure> {
    let is_it =
        |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    let agreements = set.agreements.iter();
    let named: Vec<&Disclosure> = agreements
        .filter(|agreement| is_it(&past.agreement, agreement.name.as_str()))
        .flat_map(|agreement| {
            let all = agreement.disclosures.iter().map(AsRef::as_ref);
            all.filter(move |one| Asker::of(agreement, one) == asker)
        })
        .filter(|disclosure| is_it(&past.disclosure, disclosure.name.as_str()))
        .collect();
    let is_for = |one: &&Disclosure| {
        let mut purposes = one.purposes.iter();
        purposes.any(|name| Some(name.as_str()) == past.purpose.as_deref())
    };
    let for_purpose: Vec<&Disclosure> = named.iter().copied().filter(is_for).collect();
    if for_purpose.is_empty() {
        named
    } else {
        for_purpose
    }
}

/// A purpose that no agreement of `set` has.
fn unknown_purpose(set: &AgreementSet) -> String {
    let mut name = "none-of-these".to_owned();
    let mut purposes = set
        .agreements
        .iter()
        .flat_map(|agreement| &agreement.purposes);
    while purposes.any(|known| known.name.as_str() == name) {
        name.push('x');
    }
    name
}

/// Whether agreements decide what is refused with this code; anything else is of the request's form, the service, or the
/// gateway itself.
fn is_of_agreements(code: &str) -> bool {
    matches!(
        code,
        "path_form"
            | "no_route"
            | "method_not_agreed"
            | "purpose_missing"
            | "purpose_malformed"
            | "purpose_not_in_token"
            | "purpose_not_agreed"
            | "not_started"
            | "ended"
            | "credential_missing"
            | "role_not_held"
            | "not_professional"
            | "not_trained"
            | "reference_missing"
            | "reason_missing"
            | "agreement_changed"
            | "not_approved"
            | "keys_destroyed"
    )
}
