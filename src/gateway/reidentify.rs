//! What the service is asked for: the partner's tokens turned back into the identifiers that they stand for.
//!
//! Every token of a request is looked at before the first is refused, and each refusal is the same: whether a token was
//! another agreement's, of a retired epoch, altered or no token at all shows neither in what is said nor, as far as it
//! is here to decide, in when.

use std::cell::Cell;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};

use super::form::query::Parameter;
use super::reason::Reason;
use super::running::Route;
use crate::agreement::Permit;
use crate::identifier::Canonical;
use crate::transform::{Resolver, uri};

/// What of a request's head reaches the service, but for the gateway's own headers.
pub(crate) struct Asked {
    pub(crate) target: PathAndQuery,
    /// Headers in which tokens stood.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// What the service is asked for by a request that `permit` lets through, with the parameters `query`.
pub(crate) fn asked(
    permit: &Permit,
    route: &Route,
    query: &[Parameter<'_>],
    head: &Parts,
) -> Result<Asked, Reason> {
    let disclosure = permit.disclosure();
    let reidentify = &disclosure.reidentify;
    let refused = Cell::new(false);
    let resolve = |resolver: &Resolver, token: &[u8]| {
        let mut identifier = Canonical::default();
        if resolver.resolve(token, &mut identifier).is_err() {
            refused.set(true);
        }
        identifier
    };

    let mut target = if reidentify.path.is_empty() {
        disclosure.service_path.fill(permit.variables())
    } else {
        let variables: Vec<(String, String)> = permit
            .variables()
            .iter()
            .map(|(name, value)| {
                let value = match reidentify.path.get(name) {
                    Some(resolver) => encoded(&resolve(resolver, uri::decoded(value).as_bytes())),
                    None => value.clone(),
                };
                (name.clone(), value)
            })
            .collect();
        disclosure.service_path.fill(&variables)
    };
    for (index, parameter) in query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        match reidentify.query.get(&*parameter.name()) {
            Some(resolver) => {
                let identifier = resolve(resolver, parameter.value().as_bytes());
                parameter.write_with(identifier.as_str(), &mut target);
            }
            None => parameter.write(&mut target),
        }
    }
    let mut headers = Vec::new();
    for (name, resolver) in &route.token_headers {
        let mut values = head.headers.get_all(name).iter();
        // One value: a list of tokens is for a body.
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some(value), None) => {
                let resolved = resolve(resolver, value.as_bytes());
                match HeaderValue::from_str(resolved.as_str()) {
                    Ok(mut value) => {
                        value.set_sensitive(true);
                        headers.push((name.clone(), value));
                    }
                    Err(_) => refused.set(true),
                }
            }
            (Some(_), Some(_)) => refused.set(true),
        }
    }
    if refused.get() {
        return Err(Reason::TokenRefused);
    }
    let target = PathAndQuery::try_from(target).map_err(|_| Reason::RequestForm)?;
    Ok(Asked { target, headers })
}

/// An identifier as it stands in a path or query.
fn encoded(identifier: &Canonical) -> String {
    let mut text = String::with_capacity(identifier.as_str().len());
    for byte in identifier.as_str().bytes() {
        text.push_str(uri::encoded(byte, &mut [0; 3]));
    }
    text
}
