//! Where a request carries tokens: the partner holds these, and the service gets the identifiers that they stand for.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::{DisclosureCheck, File};
use super::file::ParametersAsWritten;
use super::headers;
use super::namespaces::{Forms, Namespace};
use crate::identifier::Kind;
use crate::transform::{AgreementKeys, NoKeys, Resolver};
use crate::written::Fault;

/// The parts of a request in which tokens stand, each with what turns its tokens back.
#[derive(Debug, Default)]
pub struct Reidentify {
    /// By the request path's variable.
    pub path: BTreeMap<String, Resolver>,
    /// By the query parameter's name.
    pub query: BTreeMap<String, Resolver>,
    /// By the header's name, lower case.
    pub headers: BTreeMap<String, Resolver>,
}

impl Reidentify {
    /// Whether no part of the request carries a token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.path.is_empty() && self.query.is_empty() && self.headers.is_empty()
    }
}

/// What turns tokens back: the agreement's keys, or why there are none, and how its identifiers are written.
#[derive(Clone, Copy)]
struct Given<'a> {
    keys: Result<&'a AgreementKeys, Option<&'a NoKeys>>,
    forms: &'a Forms,
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
                    let pointer = crate::written::child(&format!("{at}/{below}"), name);
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

/// The rules of one part of a request, at `pointer`: names and the namespaces of the tokens that stand there. What is
/// no object is another rule, `keep`.
fn resolvers(
    file: &File,
    pointer: &str,
    rules: &Map<String, Value>,
    keys: Given<'_>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Resolver> {
    let mut resolvers = BTreeMap::new();
    for (name, rule) in rules {
        let namespace = match rule {
            Value::Object(rule) => {
                let text = |key: &str| rule.get(key).and_then(Value::as_str);
                let form = text("form").and_then(Kind::from_word);
                text("reidentify").map(|namespace| (namespace, form))
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => None,
        };
        let Some((namespace, form)) = namespace else {
            continue;
        };
        let (kind, format) = keys.forms.of(namespace);
        match keys.keys {
            Ok(keys) => {
                let kind = form.unwrap_or(kind);
                resolvers.insert(name.clone(), Resolver::new(namespace, kind, format, keys));
            }
            Err(why) => file.fault(
                faults,
                &crate::written::child(pointer, name),
                why.map_or_else(
                    || "reidentify needs a key; write keys: { root_key_file: FILE } in the gateway's configuration".to_owned(),
                    ToString::to_string,
                ),
            ),
        }
    }
    resolvers
}

/// As [`resolvers`], of headers: each in lower case, and none that may not reach a service.
fn header_resolvers(
    file: &File,
    pointer: &str,
    rules: &Map<String, Value>,
    keys: Given<'_>,
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Resolver> {
    let mut resolved = BTreeMap::new();
    for (name, resolver) in resolvers(file, pointer, rules, keys, faults) {
        let at = crate::written::child(pointer, &name);
        let lower = name.to_ascii_lowercase();
        if let Some(reason) = headers::refused(&lower) {
            file.fault(
                faults,
                &at,
                format!("`{lower}` cannot reach a service: {reason}; leave it out"),
            );
        } else if resolved.insert(lower, resolver).is_some() {
            file.fault(faults, &at, "the header stands twice; leave one out");
        }
    }
    resolved
}

impl DisclosureCheck<'_> {
    /// Where the request carries tokens. What is a token is nothing else too.
    pub(super) fn reidentify(
        &self,
        parameters: &ParametersAsWritten,
        query: &[String],
        kept_headers: &[String],
        faults: &mut Vec<Fault>,
    ) -> Reidentify {
        let keys = Given {
            keys: self
                .keys
                .agreement
                .as_ref()
                .ok_or_else(|| self.no_keys.and_then(Option::as_ref)),
            forms: self.forms,
        };
        let nothing = Map::new();
        let tokens = |rules: Option<&Option<Map<String, Value>>>| {
            rules.and_then(Option::as_ref).unwrap_or(&nothing).clone()
        };
        let at = self.at("parameters/query/tokens");
        let in_query = tokens(parameters.query.as_ref().map(|query| &query.tokens));
        let of_query = resolvers(self.file, &at, &in_query, keys, faults);
        for name in of_query.keys().filter(|name| query.contains(name)) {
            let at = crate::written::child(&at, name);
            let message = format!("`{name}` is under `keep` too; leave it out there");
            self.file.fault_at_key(faults, &at, message);
        }
        let at = self.at("parameters/headers/tokens");
        let in_headers = tokens(parameters.headers.as_ref().map(|headers| &headers.tokens));
        let of_headers = header_resolvers(self.file, &at, &in_headers, keys, faults);
        for name in of_headers.keys().filter(|name| kept_headers.contains(name)) {
            let message = format!("`{name}` is under `keep` too; leave it out there");
            self.file.fault_at_key(faults, &at, message);
        }
        let at = self.at("parameters/path");
        let in_path = parameters.path.as_ref().unwrap_or(&nothing);
        Reidentify {
            path: resolvers(self.file, &at, in_path, keys, faults),
            query: of_query,
            headers: of_headers,
        }
    }
}
