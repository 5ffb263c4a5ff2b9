//! The terms of two versions: parties, days, purposes, requests, and whatever else the files state.

use serde_json::Value;

use super::body::{self, Way};
use super::{Found, Kind, Version, Widens};
use crate::agreement::{Agreement, Disclosure};
use crate::explained::stated::one_line;

/// Keys of an agreement that are compared by what they mean; all others as they are written.
const MEANT: [&str; 7] = [
    "agreement",
    "version",
    "title",
    "parties",
    "term",
    "purposes",
    "disclosures",
];

/// Keys of a disclosure, by their path in it, that are compared by what they mean.
const DISCLOSURE_MEANT: [&str; 19] = [
    "name",
    "purposes",
    "request",
    "service",
    "deliver",
    "parameters.query.keep",
    "parameters.headers.keep",
    "response.format",
    "response.headers",
    "response.record",
    "response.subject",
    "response.release_if",
    "response.prune",
    "response.fields",
    "request_body.format",
    "request_body.record",
    "request_body.subject",
    "request_body.release_if",
    "request_body.fields",
];

/// Statements that give reasons or references: by these nothing more leaves.
const REASONS: [&str; 12] = [
    "basis.lawful",
    "basis.special",
    "basis.power",
    "basis.assessment",
    "benefits",
    "risks",
    "business_case",
    "assessment",
    "contacts",
    "controls",
    "notice",
    "security",
];

pub(super) fn compare(old: Version<'_>, new: Version<'_>, found: &mut Found) {
    let (before, after) = (old.agreement, new.agreement);
    let mut changed = |widens, what: &str, then: String, now: String| {
        if then != now {
            found.add(
                Kind::Term,
                widens,
                format!("{what} is {now}; it was {then}"),
            );
        }
    };
    changed(
        Widens::Maybe,
        "the agreement's name",
        before.name.to_string(),
        after.name.to_string(),
    );
    changed(
        Widens::No,
        "the version",
        before.version.to_string(),
        after.version.to_string(),
    );
    changed(
        Widens::No,
        "the title",
        before.title.clone(),
        after.title.clone(),
    );
    changed(
        Widens::Maybe,
        "the controller",
        before.controller.clone(),
        after.controller.clone(),
    );
    changed(
        Widens::Yes,
        "the partner",
        before.partner.to_string(),
        after.partner.to_string(),
    );
    days(before, after, found);
    tables(before, after, found);
    found.names(
        Kind::Term,
        "purpose",
        purpose_names(before),
        purpose_names(after),
    );
    purposes(old, new, found);
    disclosures(old, new, found);
    written("", old.stated.tree(), new.stated.tree(), found);
}

fn purpose_names(agreement: &Agreement) -> impl Iterator<Item = &str> {
    agreement
        .purposes
        .iter()
        .map(|purpose| purpose.name.as_str())
}

/// What the tables hold that both name: which rules that changes, the rules say.
fn tables(before: &Agreement, after: &Agreement, found: &mut Found) {
    for now in &after.tables {
        let then = before.tables.iter().find(|then| then.path == now.path);
        if let Some(then) = then.filter(|then| then.sha256 != now.sha256) {
            found.add(
                Kind::Term,
                Widens::Maybe,
                format!(
                    "the table {} has the SHA-256 {}; it had {}",
                    now.path, now.sha256, then.sha256
                ),
            );
        }
    }
}

fn days(before: &Agreement, after: &Agreement, found: &mut Found) {
    let (then, now) = (&before.term, &after.term);
    let longer = |is_longer: bool| if is_longer { Widens::Yes } else { Widens::No };
    if then.starts != now.starts {
        found.add(
            Kind::Term,
            longer(now.starts < then.starts),
            format!("it starts on {}; it started on {}", now.starts, then.starts),
        );
    }
    if then.ends != now.ends {
        found.add(
            Kind::Term,
            longer(now.ends > then.ends),
            format!("it ends on {}; it ended on {}", now.ends, then.ends),
        );
    }
    if then.review != now.review {
        let day = |review: Option<jiff::civil::Date>| {
            review.map_or("on no day".to_owned(), |day| format!("by {day}"))
        };
        found.add(
            Kind::Term,
            Widens::No,
            format!(
                "it is to be reviewed {}; it was to be {}",
                day(now.review),
                day(then.review)
            ),
        );
    }
}

/// What is written of the purposes that both versions have.
fn purposes(old: Version<'_>, new: Version<'_>, found: &mut Found) {
    let both = (old.stated.at("purposes"), new.stated.at("purposes"));
    let (Some(Value::Object(before)), Some(Value::Object(after))) = both else {
        return;
    };
    for (name, now) in after {
        let Some(then) = before.get(name).filter(|then| *then != now) else {
            continue;
        };
        // Its text is for people; its roles, references and narrower purposes decide requests.
        let widens = if is_text_alone(then, now) {
            Widens::No
        } else {
            Widens::Maybe
        };
        found.add(
            Kind::Term,
            widens,
            format!(
                "the purpose {name} is `{}`; it was `{}`",
                one_line(now),
                one_line(then)
            ),
        );
    }
}

/// Whether two purposes differ in their texts alone.
fn is_text_alone(then: &Value, now: &Value) -> bool {
    let others = |purpose: &Value| match purpose {
        Value::Object(members) => {
            let mut members = members.clone();
            members.remove("text");
            members.remove("dpv");
            members
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            serde_json::Map::new()
        }
    };
    others(then) == others(now)
}

fn disclosures(old: Version<'_>, new: Version<'_>, found: &mut Found) {
    for after in &new.agreement.disclosures {
        let mut before = old.agreement.disclosures.iter();
        match before.find(|before| before.name == after.name) {
            None => disclosure_added(after, found),
            Some(before) => {
                found.disclosure = Some(after.name.to_string());
                disclosure(before, after, found);
                let trees = (tree_of(old, before), tree_of(new, after));
                if let (Some(then), Some(now)) = trees {
                    written("disclosures", then, now, found);
                }
                found.disclosure = None;
            }
        }
    }
    for before in &old.agreement.disclosures {
        let mut after = new.agreement.disclosures.iter();
        if !after.any(|after| after.name == before.name) {
            disclosure_removed(before, found);
        }
    }
}

/// What is written of `disclosure`.
fn tree_of<'a>(version: Version<'a>, disclosure: &Disclosure) -> Option<&'a Value> {
    let all = version.stated.at("disclosures")?.as_array()?;
    all.iter()
        .find(|one| one.get("name").and_then(Value::as_str) == Some(disclosure.name.as_str()))
}

/// Everything of `agreement` comes.
pub(super) fn added(agreement: &Agreement, found: &mut Found) {
    found.add(
        Kind::Term,
        Widens::Yes,
        format!(
            "the agreement comes, with {} from {} to {}",
            agreement.partner, agreement.term.starts, agreement.term.ends
        ),
    );
    for disclosure in &agreement.disclosures {
        disclosure_added(disclosure, found);
    }
}

/// Everything of `agreement` goes.
pub(super) fn removed(agreement: &Agreement, found: &mut Found) {
    found.add(
        Kind::Term,
        Widens::No,
        format!("the agreement goes, with {}", agreement.partner),
    );
    for disclosure in &agreement.disclosures {
        disclosure_removed(disclosure, found);
    }
}

fn disclosure_added(disclosure: &Disclosure, found: &mut Found) {
    found.add(
        Kind::Request,
        Widens::Yes,
        format!(
            "the disclosure `{}` comes: {}{} {} for {}",
            disclosure.name,
            pushed(disclosure),
            disclosure.method,
            disclosure.path.text(),
            list(&disclosure.purposes)
        ),
    );
    found.disclosure = Some(disclosure.name.to_string());
    bodies(None, Some(disclosure), found);
    found.disclosure = None;
}

/// Who pushes it, before its method and path; nothing where the partner asks.
fn pushed(disclosure: &Disclosure) -> String {
    let system = disclosure.pushed_by.as_ref();
    system.map_or_else(String::new, |system| format!("pushed by {system}, "))
}

fn disclosure_removed(disclosure: &Disclosure, found: &mut Found) {
    found.add(
        Kind::Request,
        Widens::No,
        format!(
            "the disclosure `{}` goes: {}{} {}",
            disclosure.name,
            pushed(disclosure),
            disclosure.method,
            disclosure.path.text()
        ),
    );
    found.disclosure = Some(disclosure.name.to_string());
    bodies(Some(disclosure), None, found);
    found.disclosure = None;
}

fn bodies(old: Option<&Disclosure>, new: Option<&Disclosure>, found: &mut Found) {
    fn released(of: &Disclosure) -> body::Body<'_> {
        (&of.released_rules, of.released.as_ref())
    }
    fn received(of: &Disclosure) -> Option<body::Body<'_>> {
        Some((of.received_rules.as_ref()?, of.received.as_deref()?))
    }
    let (leaving, coming) = if new.or(old).is_some_and(Disclosure::is_push) {
        (Way::Push, Way::Answer)
    } else {
        (Way::Response, Way::Request)
    };
    body::compare(leaving, old.map(released), new.map(released), found);
    body::compare(
        coming,
        old.and_then(received),
        new.and_then(received),
        found,
    );
}

fn disclosure(before: &Disclosure, after: &Disclosure, found: &mut Found) {
    found.names(
        Kind::Term,
        "purpose",
        before.purposes.iter().map(|name| name.as_str()),
        after.purposes.iter().map(|name| name.as_str()),
    );
    let asked = |of: &Disclosure| format!("{} {}", of.method, of.path.text());
    if asked(before) != asked(after) {
        found.add(
            Kind::Request,
            Widens::Maybe,
            format!("it answers {}; it answered {}", asked(after), asked(before)),
        );
    }
    let source = |of: &Disclosure| match &of.pushed_by {
        Some(system) => format!("{system} pushes it"),
        None => "the partner asks for it".to_owned(),
    };
    if source(before) != source(after) {
        found.add(
            Kind::Request,
            Widens::Maybe,
            format!("{}; before, {}", source(after), source(before)),
        );
    }
    let service = |of: &Disclosure| format!("{} for {}", of.service, of.service_path.text());
    if service(before) != service(after) {
        found.add(
            Kind::Request,
            Widens::Maybe,
            format!("it asks {}; it asked {}", service(after), service(before)),
        );
    }
    fn texts(names: &[String]) -> impl Iterator<Item = &str> {
        names.iter().map(String::as_str)
    }
    found.names(
        Kind::Request,
        "query parameter",
        texts(&before.query),
        texts(&after.query),
    );
    found.names(
        Kind::Request,
        "request header",
        texts(&before.request_headers),
        texts(&after.request_headers),
    );
    let headers = [&before.response_headers, &after.response_headers];
    for (one, other, kind, widens, word) in [
        (
            headers[1],
            headers[0],
            Kind::NewlyDisclosed,
            Widens::Yes,
            "comes",
        ),
        (
            headers[0],
            headers[1],
            Kind::NoLongerDisclosed,
            Widens::No,
            "goes",
        ),
    ] {
        for name in one.iter().filter(|name| !other.contains(name)) {
            found.add(kind, widens, format!("response header {name} {word}"));
        }
    }
    bodies(Some(before), Some(after), found);
}

fn list(names: &[impl ToString]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What the files state that is not compared by what it means, path by path.
fn written(under: &str, then: &Value, now: &Value, found: &mut Found) {
    let in_disclosure = under == "disclosures";
    walk("", Some(then), Some(now), &mut |path, then, now| {
        let meant = if in_disclosure {
            DISCLOSURE_MEANT.contains(&path)
        } else {
            MEANT.contains(&path)
        };
        if meant {
            return false;
        }
        let (members, both_lists) = match (then, now) {
            (Some(Value::Object(_)), Some(Value::Object(_))) => (true, false),
            (Some(Value::Array(_)), Some(Value::Array(_))) => (false, true),
            (_, _) => (false, false),
        };
        if path.is_empty() || members || then == now {
            return then != now;
        }
        if both_lists {
            lists(path, in_disclosure, then, now, found);
            return false;
        }
        let widens = if !in_disclosure && is_reason(path) {
            Widens::No
        } else {
            Widens::Maybe
        };
        match (then, now) {
            (Some(then), Some(now)) => found.add(
                Kind::Term,
                widens,
                format!("{path} is {}; it was {}", one_line(now), one_line(then)),
            ),
            (None, Some(now)) if path_has_meant_parts(path, in_disclosure) => {
                // Its parts are told one by one.
                return now.is_object();
            }
            (None, Some(now)) => {
                found.add(
                    Kind::Term,
                    widens,
                    format!("{path} comes: {}", one_line(now)),
                );
            }
            (Some(then), None) if path_has_meant_parts(path, in_disclosure) => {
                return then.is_object();
            }
            (Some(then), None) => {
                found.add(
                    Kind::Term,
                    widens,
                    format!("{path} goes; it was {}", one_line(then)),
                );
            }
            (None, None) => {}
        }
        false
    });
}

/// Whether something below `path` is compared by what it means.
fn path_has_meant_parts(path: &str, in_disclosure: bool) -> bool {
    in_disclosure
        && DISCLOSURE_MEANT.iter().any(|meant| {
            meant
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('.'))
        })
}

fn is_reason(path: &str) -> bool {
    REASONS.iter().any(|reason| {
        path.strip_prefix(reason)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Elements that came to a list and went from it.
fn lists(
    path: &str,
    in_disclosure: bool,
    then: Option<&Value>,
    now: Option<&Value>,
    found: &mut Found,
) {
    let items = |list: Option<&Value>| list.and_then(Value::as_array).cloned().unwrap_or_default();
    let (then, now) = (items(then), items(now));
    let (comes, goes) = if !in_disclosure && is_reason(path) {
        (Widens::No, Widens::No)
    } else if path.ends_with("territory") {
        (Widens::Yes, Widens::No)
    } else {
        (Widens::Maybe, Widens::Maybe)
    };
    let mut told = false;
    for item in now.iter().filter(|item| !then.contains(item)) {
        told = true;
        found.add(
            Kind::Term,
            comes,
            format!("{} comes to {path}", one_line(item)),
        );
    }
    for item in then.iter().filter(|item| !now.contains(item)) {
        told = true;
        found.add(
            Kind::Term,
            goes,
            format!("{} goes from {path}", one_line(item)),
        );
    }
    if !told {
        found.add(
            Kind::Term,
            goes,
            format!("{path} is in another order, or has something twice"),
        );
    }
}

/// Calls `visit` with each path and what both trees have there; goes into the members where it says so.
fn walk<'a>(
    path: &str,
    then: Option<&'a Value>,
    now: Option<&'a Value>,
    visit: &mut impl FnMut(&str, Option<&'a Value>, Option<&'a Value>) -> bool,
) {
    if !visit(path, then, now) {
        return;
    }
    let members = |value: Option<&'a Value>| value.and_then(Value::as_object);
    let (then, now) = (members(then), members(now));
    let names = now.into_iter().chain(then).flat_map(|all| all.keys());
    let mut seen: Vec<&String> = Vec::new();
    for name in names {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let member =
            |of: Option<&'a serde_json::Map<String, Value>>| of.and_then(|all| all.get(name));
        walk(&below, member(then), member(now), visit);
    }
}
