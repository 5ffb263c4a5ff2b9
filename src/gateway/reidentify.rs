//! What the service is asked for: the partner's tokens turned back into the identifiers that they stand for; or, where a
//! system of the controller's pushes, its identifiers into the tokens that the partner knows people by.
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
use crate::agreement::{Permit, Turned};
use crate::identifier::Canonical;
use crate::transform::{Prepared, Setting, push_quoted, uri};

/// What of a request's head reaches the service, but for the gateway's own headers.
pub(crate) struct Asked {
    pub(crate) target: PathAndQuery,
    /// Headers in which tokens stood, or identifiers.
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
    let identifiers = &disclosure.identifiers;
    let refused = Cell::new(None);
    let turn = |turned: &Turned, text: &str| match turned {
        Turned::Back(resolver) => {
            let mut identifier = Canonical::default();
            if resolver.resolve(text.as_bytes(), &mut identifier).is_err() {
                refused.set(Some(Reason::TokenRefused));
            }
            identifier.as_str().to_owned()
        }
        Turned::ToToken(token) => token_of(token, text).unwrap_or_else(|| {
            refused.set(Some(Reason::IdentifierForm));
            String::new()
        }),
    };

    let mut target = if identifiers.path.is_empty() {
        disclosure.service_path.fill(permit.variables())
    } else {
        let variables: Vec<(String, String)> = permit
            .variables()
            .iter()
            .map(|(name, value)| {
                let value = match identifiers.path.get(name) {
                    Some(turned) => encoded(&turn(turned, &uri::decoded(value))),
                    None => value.clone(),
                };
                (name.clone(), value)
            })
            .collect();
        disclosure.service_path.fill(&variables)
    };
    for (index, parameter) in query.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        match identifiers.query.get(&*parameter.name()) {
            Some(turned) => {
                let value = turn(turned, &parameter.value());
                parameter.write_with(&value, &mut target);
            }
            None => parameter.write(&mut target),
        }
    }
    let mut headers = Vec::new();
    for (name, turned) in &route.token_headers {
        let mut values = head.headers.get_all(name).iter();
        // One value: a list of tokens is for a body.
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some(value), None) => {
                // What is no text is neither a token nor an identifier.
                let text = str::from_utf8(value.as_bytes()).unwrap_or_default();
                match HeaderValue::from_str(&turn(turned, text)) {
                    Ok(mut value) => {
                        value.set_sensitive(true);
                        headers.push((name.clone(), value));
                    }
                    Err(_) => refused.set(Some(refusal(turned))),
                }
            }
            (Some(_), Some(_)) => refused.set(Some(refusal(turned))),
        }
    }
    if let Some(reason) = refused.get() {
        return Err(reason);
    }
    let target = PathAndQuery::try_from(target).map_err(|_| Reason::RequestForm)?;
    Ok(Asked { target, headers })
}

/// Why a request is refused of which a part that `turned` is for cannot be turned.
fn refusal(turned: &Turned) -> Reason {
    match turned {
        Turned::Back(_) => Reason::TokenRefused,
        Turned::ToToken(_) => Reason::IdentifierForm,
    }
}

/// The token that `transform` makes of `identifier`; `None` where that is not of its form, or stands for nobody known.
fn token_of(transform: &Prepared, identifier: &str) -> Option<String> {
    let (mut json, mut made) = (Vec::new(), Vec::new());
    push_quoted(identifier, &mut json);
    let turned = transform.apply(&json, &mut Setting::default(), &mut made);
    turned.ok()?;
    // A token needs no escape; what is no string, `null`, is none.
    let token = made.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    str::from_utf8(token).ok().map(str::to_owned)
}

/// `text` as it stands in a path or query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        encoded.push_str(uri::encoded(byte, &mut [0; 3]));
    }
    encoded
}
