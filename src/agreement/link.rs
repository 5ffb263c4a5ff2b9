//! Forms of link as written to [`Link`] as meant: of a rule for a body's fields, and of headers.

use serde_json::{Map, Value};

use super::HeaderLinks;
use super::check::DisclosureCheck;
use super::file::{LinkAsWritten, LinksAsWritten, OtherLink};
use crate::transform::{Identified, Link, LinkTemplate, Prepared, Transform};
use crate::written::{Fault, Written};

/// The links that `templates` and `variables`, which stand at `pointer`, say.
pub(super) fn check<T>(
    written: &Written<T>,
    pointer: &str,
    templates: &[LinkAsWritten],
    variables: Option<&Map<String, Value>>,
    faults: &mut Vec<Fault>,
) -> Option<Link> {
    let rule = |name: &str| match variables?.get(name)? {
        Value::Object(rule) => rule.iter().next().and_then(|(_, namespace)| {
            Some(Some(Transform::Pseudonymise(Identified::text(
                namespace.as_str()?,
            ))))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Some(None)
        }
    };
    let mut parsed = Vec::new();
    for (index, template) in templates.iter().enumerate() {
        let (from, to) = match template {
            LinkAsWritten::Same(text) => (text, None),
            LinkAsWritten::Other(OtherLink { from, to }) => (from, Some(to.0.as_str())),
        };
        match LinkTemplate::parse(&from.0, to, rule) {
            Ok(template) => parsed.push(template),
            Err(error) => {
                let at = format!("{pointer}/templates/{index}");
                written.fault(faults, &at, error.to_string());
            }
        }
    }
    (parsed.len() == templates.len()).then_some(Link { templates: parsed })
}

impl DisclosureCheck<'_> {
    /// The headers that hold links, with what rewrites them.
    pub(super) fn links(
        &self,
        links: &LinksAsWritten,
        faults: &mut Vec<Fault>,
    ) -> Option<HeaderLinks> {
        let at = self.at("response/links");
        let link = check(
            self.file,
            &at,
            links.templates.as_deref()?,
            links.variables.as_ref(),
            faults,
        )?;
        match Prepared::new(&Transform::Link(link), self.keys.agreement.as_ref()) {
            Ok(rewrite) => Some(HeaderLinks {
                headers: links
                    .headers
                    .as_ref()?
                    .iter()
                    .map(|name| name.name())
                    .collect(),
                rewrite,
            }),
            Err(error) => {
                self.file.fault(faults, &at, error.to_string());
                None
            }
        }
    }
}
