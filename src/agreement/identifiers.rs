//! Where a request's head names somebody, and what becomes of that.
//!
//! A partner that asks holds tokens: the service gets the identifiers that they stand for. A system of the controller's
//! that pushes holds identifiers: the partner gets tokens of them, the same that the agreement's bodies have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::{DisclosureCheck, File};
use super::file::{DisclosureAsWritten, ParametersAsWritten};
use super::headers;
use super::namespaces::{Forms, Namespace, Namespaces};
use crate::identifier::Kind;
use crate::transform::{AgreementKeys, Identified, NoKeys, Prepared, Resolver, Transform};
use crate::written::{Fault, child};

/// The parts of a request's head that name somebody, each with what becomes of what stands there.
#[derive(Debug, Default)]
pub struct Identifiers {
    /// By the request path's variable.
    pub path: BTreeMap<String, Turned>,
    /// By the query parameter's name.
    pub query: BTreeMap<String, Turned>,
    /// By the header's name, lower case.
    pub headers: BTreeMap<String, Turned>,
}

/// What becomes of what names somebody in a request's head.
#[derive(Debug, Clone)]
pub enum Turned {
    /// A token, and the service gets the identifier that it stands for.
    Back(Resolver),
    /// Of a push: an identifier, and the partner gets a token of it.
    ToToken(Box<Prepared>),
}

/// A rule of a part of a request's head, as written.
struct Rule<'a> {
    action: Action,
    namespace: &'a str,
    /// How the identifier is written, where this rule says so.
    form: Option<Kind>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Reidentify,
    Tokenise,
    Pseudonymise,
}

impl<'a> Rule<'a> {
    /// The rule that `written` is, if it is not `keep`.
    fn of(written: &'a Value) -> Option<Self> {
        let rule = written.as_object()?;
        let text = |key: &str| rule.get(key).and_then(Value::as_str);
        let (action, namespace) = [
            ("reidentify", Action::Reidentify),
            ("tokenise", Action::Tokenise),
            ("pseudonymise", Action::Pseudonymise),
        ]
        .into_iter()
        .find_map(|(word, action)| Some((action, text(word)?)))?;
        Some(Self {
            action,
            namespace,
            form: text("form").and_then(Kind::from_word),
        })
    }
}

/// Takes what the rules of a request's head say of how identifiers are written that become tokens there.
pub(super) fn take_forms(parameters: &ParametersAsWritten, forms: &mut Forms) {
    for rules in [
        parameters.path.as_ref(),
        parameters
            .query
            .as_ref()
            .and_then(|query| query.tokens.as_ref()),
        parameters
            .headers
            .as_ref()
            .and_then(|headers| headers.tokens.as_ref()),
    ] {
        for rule in rules
            .into_iter()
            .flatten()
            .filter_map(|(_, rule)| Rule::of(rule))
        {
            if let (Action::Tokenise | Action::Pseudonymise, Some(form)) = (rule.action, rule.form)
            {
                forms.take_form(rule.namespace, form);
            }
        }
    }
}

/// What a disclosure's rules of its request's head are read beside.
#[derive(Clone, Copy)]
struct Given<'a> {
    /// The agreement's keys, or why there are none.
    keys: Result<&'a AgreementKeys, Option<&'a NoKeys>>,
    forms: &'a Forms,
    is_push: bool,
    /// Of a push: its body has several records, or may have.
    has_several: bool,
}

/// Adds a fault wherever a token of a namespace is to come back that no rule of the agreement tokenises.
pub(super) fn refuse_unknown(file: &File, namespaces: &[Namespace], faults: &mut Vec<Fault>) {
    let mut refuse = |pointer: &str, namespace: &str| {
        let mut known = namespaces.iter();
        if !known.any(|known| known.name == namespace && known.reversible) {
            let message = format!(
                "no rule of this agreement tokenises `{namespace}`, so no token of it comes back; write tokenise with as: {namespace} where the partner gets it"
            );
            file.fault(faults, pointer, message);
        }
    };
    for (index, disclosure) in file.value.disclosures.iter().flatten().enumerate() {
        let at = format!("/disclosures/{index}");
        let parameters = disclosure.parameters.as_ref();
        let query = parameters.and_then(|all| all.query.as_ref()?.tokens.as_ref());
        let headers = parameters.and_then(|all| all.headers.as_ref()?.tokens.as_ref());
        for (below, rules) in [
            (
                "parameters/path",
                parameters.and_then(|all| all.path.as_ref()),
            ),
            ("parameters/query/tokens", query),
            ("parameters/headers/tokens", headers),
        ] {
            for (name, rule) in rules.into_iter().flatten() {
                if let Some(namespace) = rule.get("reidentify").and_then(Value::as_str) {
                    let pointer = child(&format!("{at}/{below}"), name);
                    refuse(&pointer, namespace);
                }
            }
        }
        let body = disclosure.request_body.as_ref();
        for (index, rule) in body
            .and_then(|body| body.fields.as_ref())
            .into_iter()
            .flatten()
            .enumerate()
        {
            if let (Some(_), Some(namespace)) = (&rule.reidentify, &rule.r#as) {
                refuse(
                    &format!("{at}/request_body/fields/{index}/as"),
                    &namespace.0,
                );
            }
        }
    }
}

impl DisclosureCheck<'_> {
    /// What becomes of each part of a request's head that `rules`, which stand at `pointer`, name: by its name. What is no
    /// object is another rule, `keep`.
    fn turned(
        &self,
        pointer: &str,
        rules: &Map<String, Value>,
        given: Given<'_>,
        namespaces: &mut Namespaces,
        faults: &mut Vec<Fault>,
    ) -> BTreeMap<String, Turned> {
        let mut all = BTreeMap::new();
        for (name, written) in rules {
            let Some(rule) = Rule::of(written) else {
                continue;
            };
            let at = child(pointer, name);
            let mut fault = |message: &str| self.file.fault(faults, &at, message);
            match (rule.action, given.is_push) {
                (Action::Reidentify, true) => {
                    fault(
                        "tokens are turned back for the controller's services, and this goes to a partner; write keep, or tokenise: person",
                    );
                    continue;
                }
                (Action::Tokenise | Action::Pseudonymise, false) => {
                    fault(
                        "whoever asks is the partner, who holds no identifiers that could become tokens; write keep, or reidentify: person",
                    );
                    continue;
                }
                (Action::Tokenise | Action::Pseudonymise, true) if given.has_several => {
                    fault(
                        "each of the body's records may stay behind, and the partner would still be told whom this names; write record: $, one record a request, or the identifier into the records",
                    );
                    continue;
                }
                (Action::Reidentify, false) | (Action::Tokenise | Action::Pseudonymise, true) => {}
            }
            let (kind, shape) = given.forms.of(rule.namespace);
            let kind = rule.form.unwrap_or(kind);
            let Ok(keys) = given.keys else {
                let why = given.keys.err().flatten();
                fault(&why.map_or_else(
                    || "tokens need a key; write keys: { root_key_file: FILE } in the gateway's configuration".to_owned(),
                    ToString::to_string,
                ));
                continue;
            };
            let transform = match rule.action {
                Action::Reidentify => {
                    let resolver = Resolver::new(rule.namespace, kind, shape, keys);
                    all.insert(name.clone(), Turned::Back(resolver));
                    continue;
                }
                Action::Tokenise => Transform::Tokenise {
                    identified: identified(rule.namespace, kind),
                    format: shape,
                },
                Action::Pseudonymise => Transform::Pseudonymise(identified(rule.namespace, kind)),
            };
            namespaces.take_transform(self.file, (&transform, self.file.line(&at)), &at, faults);
            match Prepared::new(&transform, Some(keys)) {
                Ok(prepared) => {
                    all.insert(name.clone(), Turned::ToToken(Box::new(prepared)));
                }
                Err(error) => self.file.fault(faults, &at, error.to_string()),
            }
        }
        all
    }

    /// As [`Self::turned`], of headers: each in lower case, and none that may not go on.
    fn turned_headers(
        &self,
        pointer: &str,
        rules: &Map<String, Value>,
        given: Given<'_>,
        namespaces: &mut Namespaces,
        faults: &mut Vec<Fault>,
    ) -> BTreeMap<String, Turned> {
        let mut all = BTreeMap::new();
        for (name, turned) in self.turned(pointer, rules, given, namespaces, faults) {
            let at = child(pointer, &name);
            let lower = name.to_ascii_lowercase();
            if let Some(reason) = headers::refused(&lower) {
                self.file.fault(
                    faults,
                    &at,
                    format!("`{lower}` cannot reach a service: {reason}; leave it out"),
                );
            } else if all.insert(lower, turned).is_some() {
                self.file
                    .fault(faults, &at, "the header stands twice; leave one out");
            }
        }
        all
    }

    /// Where the head of `disclosure`'s request names somebody. What is named is nothing else too.
    pub(super) fn identifiers(
        &self,
        disclosure: &DisclosureAsWritten,
        parameters: &ParametersAsWritten,
        (query, kept_headers): (&[String], &[String]),
        namespaces: &mut Namespaces,
        faults: &mut Vec<Fault>,
    ) -> Identifiers {
        let record = disclosure
            .request_body
            .as_ref()
            .and_then(|body| body.record.as_ref());
        let given = Given {
            keys: self
                .keys
                .agreement
                .as_ref()
                .ok_or_else(|| self.no_keys.and_then(Option::as_ref)),
            forms: self.forms,
            is_push: disclosure.deliver.is_some(),
            has_several: record.is_some_and(|record| record.0 != "$"),
        };
        let nothing = Map::new();
        let named = |rules: Option<&Option<Map<String, Value>>>| {
            rules.and_then(Option::as_ref).unwrap_or(&nothing).clone()
        };
        let at = self.at("parameters/query/tokens");
        let in_query = named(parameters.query.as_ref().map(|query| &query.tokens));
        let of_query = self.turned(&at, &in_query, given, namespaces, faults);
        for name in of_query.keys().filter(|name| query.contains(name)) {
            let at = child(&at, name);
            let message = format!("`{name}` is under `keep` too; leave it out there");
            self.file.fault_at_key(faults, &at, message);
        }
        let at = self.at("parameters/headers/tokens");
        let in_headers = named(parameters.headers.as_ref().map(|headers| &headers.tokens));
        let of_headers = self.turned_headers(&at, &in_headers, given, namespaces, faults);
        for name in of_headers.keys().filter(|name| kept_headers.contains(name)) {
            let message = format!("`{name}` is under `keep` too; leave it out there");
            self.file.fault_at_key(faults, &at, message);
        }
        let at = self.at("parameters/path");
        let in_path = parameters.path.as_ref().unwrap_or(&nothing);
        Identifiers {
            path: self.turned(&at, in_path, given, namespaces, faults),
            query: of_query,
            headers: of_headers,
        }
    }
}

/// What identifies `namespace`, written as `kind`, with tokens that link in the whole agreement.
fn identified(namespace: &str, kind: Kind) -> Identified {
    Identified {
        kind,
        ..Identified::text(namespace)
    }
}
