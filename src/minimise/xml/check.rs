//! What rules for XML bodies may say, held against what elements have: names, and neither positions nor filters.

use jsonpath_rust::parser::model::{Segment, Selector as Part};

use super::characters::{is_character, is_plain_name};
use crate::plan::{Action, BodyRules, PlanFault, Selector, Xml};
use crate::transform::Transform;

/// The faults that `rules` have because their bodies are XML, every one.
pub(crate) fn check(xml: &Xml, rules: &BodyRules) -> Vec<PlanFault> {
    let mut faults: Vec<PlanFault> = Vec::new();
    let mut fault = |rule, message| faults.push(PlanFault { rule, message });
    for message in namespaces(xml) {
        fault(None, message);
    }
    for (index, rule) in rules.fields.iter().enumerate() {
        for message in selector(&rule.selector, xml) {
            fault(Some(index), message);
        }
        if let Action::Transform(transform) = &rule.action
            && !writes_xml(transform)
        {
            let message = "XML has no control characters; write this rule's text without them";
            fault(Some(index), message.to_owned());
        }
    }
    for selected in [&rules.record, &rules.subject].into_iter().flatten() {
        for message in selector(selected, xml) {
            fault(None, message);
        }
    }
    faults
}

fn namespaces(xml: &Xml) -> Vec<String> {
    let mut messages = Vec::new();
    for (index, (prefix, namespace)) in xml.namespaces.iter().enumerate() {
        let before = &xml.namespaces[..index];
        if !prefix.is_empty() && !is_plain_name(prefix) || prefix == "xmlns" {
            messages.push(format!(
                "`{prefix}` can be no namespace prefix; write a name such as soap, without a colon"
            ));
        }
        if namespace.is_empty() {
            messages.push(format!(
                "the prefix `{prefix}` stands for no namespace; write the namespace's name, or leave the prefix out"
            ));
        }
        if before.iter().any(|(other, _)| other == prefix) {
            messages.push(format!(
                "the prefix `{prefix}` stands for two namespaces; write two prefixes"
            ));
        }
        if before.iter().any(|(_, other)| other == namespace) {
            messages.push(format!(
                "two prefixes stand for the namespace {namespace}; write one, so that each name is written one way"
            ));
        }
    }
    messages
}

fn selector(selector: &Selector, xml: &Xml) -> Vec<String> {
    let mut messages = Vec::new();
    for segment in &selector.query().segments {
        parts(segment, &mut |part| messages.extend(self::part(part, xml)));
    }
    messages
}

fn parts<'a>(segment: &'a Segment, each: &mut impl FnMut(&'a Part)) {
    match segment {
        Segment::Descendant(inner) => parts(inner, each),
        Segment::Selector(part) => each(part),
        Segment::Selectors(several) => several.iter().for_each(each),
    }
}

/// Why `part` can select nothing in XML.
fn part(part: &Part, xml: &Xml) -> Option<String> {
    match part {
        Part::Name(name) => element_name(name, xml),
        Part::Wildcard => None,
        Part::Index(_) | Part::Slice(..) => Some(
            "elements have no positions: a name selects every child of that name; leave [0] or [1:2] out".to_owned(),
        ),
        Part::Filter(_) => Some(
            "filters do not select elements of XML; write `record:` and `release_if:` for conditions".to_owned(),
        ),
    }
}

/// Why no element, attribute or text can be known as `name`.
fn element_name(name: &str, xml: &Xml) -> Option<String> {
    if name == "#text" {
        return None;
    }
    let plain = name.strip_prefix('@').unwrap_or(name);
    let (local, fits) = match plain
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'))
    {
        Some((namespace, local)) => {
            if let Some((prefix, _)) = xml
                .namespaces
                .iter()
                .find(|(_, known)| known == namespace && !known.is_empty())
                && !(prefix.is_empty() && name.starts_with('@'))
            {
                return Some(format!(
                    "the namespace {namespace} is declared; write its names as `namespaces` declares them"
                ));
            }
            (local, true)
        }
        None => match plain.split_once(':') {
            Some((prefix, local)) => (
                local,
                prefix == "xml" || xml.namespaces.iter().any(|(known, _)| known == prefix),
            ),
            None => (plain, true),
        },
    };
    if !fits {
        return Some(format!(
            "the prefix of `{name}` stands for no namespace; declare it in `namespaces`, whatever prefix the documents use"
        ));
    }
    (!is_plain_name(local)).then(|| {
        format!("no element or attribute of XML can be called `{name}`; write a name, @name for an attribute or #text")
    })
}

/// Whether what a transform writes by itself is of characters that XML has.
fn writes_xml(transform: &Transform) -> bool {
    let is_sound = |inside: &[u8]| {
        let mut text = Vec::new();
        crate::transform::unescape(inside, &mut text);
        std::str::from_utf8(&text)
            .is_ok_and(|text| text.chars().all(|character| is_character(character.into())))
    };
    match transform {
        Transform::Replace { json } => {
            let inside = json.trim().trim_matches('"');
            is_sound(inside.as_bytes())
        }
        Transform::Mask { with, .. } => is_character((*with).into()),
        Transform::Generalise(generalise) => generalise.own_texts().all(is_sound),
        Transform::Decided
        | Transform::Shift(_)
        | Transform::Link(_)
        | Transform::Redact(_)
        | Transform::Pseudonymise(_)
        | Transform::Tokenise { .. }
        | Transform::Reidentify { .. } => true,
    }
}
