//! What rules mean on a document held as a tree: slow, plain, obviously right. The tree is `roxmltree`'s; the machine's
//! selectors, automaton and reader of XML have no part in it.

use std::fmt::Write as _;

use roxmltree::{Document, Node};

/// What a rule of the model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Keep,
    KeepAll,
    Drop,
    /// A constant in its place.
    Replace,
}

/// What [`Act::Replace`] writes.
pub(crate) const REPLACED: &str = "gone & <away>";

/// A step of a selector: any name where it has none; with `anywhere` at any depth below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) anywhere: bool,
    pub(crate) name: Option<String>,
}

/// A rule: its steps lead from the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) act: Act,
    pub(crate) steps: Vec<Step>,
}

/// The rules of one disclosure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rules {
    pub(crate) rules: Vec<Rule>,
    pub(crate) prune: bool,
    /// Prefixes of names and their namespaces.
    pub(crate) namespaces: Vec<(String, String)>,
}

impl Rules {
    /// The same rules in the tests' notation.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for rule in &self.rules {
            let word = match rule.act {
                Act::Keep => "keep",
                Act::KeepAll => "keep_all",
                Act::Drop => "drop",
                Act::Replace => "replace:\"gone\\u0020&\\u0020<away>\"",
            };
            write!(text, "{word} $").unwrap();
            for step in &rule.steps {
                text.push_str(if step.anywhere { ".." } else { "" });
                match &step.name {
                    Some(name) => {
                        let name = name.replace('\\', "\\\\").replace('\'', "\\'");
                        write!(text, "['{name}']").unwrap();
                    }
                    None => text.push_str("[*]"),
                }
            }
            text.push(';');
        }
        if self.prune {
            text.push_str("prune");
        }
        text
    }

    /// What leaves of `document`, in the form of [`canonical`].
    pub(crate) fn minimise(&self, document: &Document<'_>) -> String {
        let root = document.root_element();
        let mut path = vec![self.element_name(root)];
        let mut out = String::new();
        if !self.element(root, &mut path, &mut out) {
            out.push_str("<{}null></>");
        }
        out
    }

    /// Appends what leaves of the element at `path`; whether anything does.
    fn element(&self, node: Node<'_, '_>, path: &mut Vec<String>, out: &mut String) -> bool {
        if self.taken(path) {
            return false;
        }
        let whole = self.whole(path);
        let mut attributes = Vec::new();
        for attribute in node.attributes() {
            path.push(self.attribute_name(&attribute));
            if let Some(value) = self.value(path, attribute.value()) {
                let name = expanded(attribute.namespace(), attribute.name());
                attributes.push(format!(" {name}={value:?}"));
            }
            path.pop();
        }
        attributes.sort();
        let mut passes = !attributes.is_empty() || self.named(path) || whole;
        let mut inside = String::new();
        let runs = runs(node);
        if runs.iter().any(|run| matches!(run, Run::Element(_))) {
            // A rule for single values is not for this; a transform takes it away.
            if self.acts(path, Act::Replace) {
                return path.len() == 1 && self.root_is_named(path) && {
                    write!(out, "<{}></>", expanded_of(node)).unwrap();
                    true
                };
            }
            for run in runs {
                match run {
                    Run::Element(child) => {
                        path.push(self.element_name(child));
                        passes |= self.element(child, path, &mut inside);
                        path.pop();
                    }
                    Run::Text(text) if text.chars().all(|c| " \t\r\n".contains(c)) => {
                        inside.push_str(if whole { &text } else { "" });
                    }
                    Run::Text(text) => {
                        path.push("#text".to_owned());
                        if let Some(text) = self.value(path, &text) {
                            inside.push_str(&text);
                            passes = true;
                        }
                        path.pop();
                    }
                }
            }
        } else {
            let text = match runs.as_slice() {
                [Run::Text(text)] => text.as_str(),
                _ => "",
            };
            match self.value(path, text) {
                Some(text) => {
                    inside = text;
                    passes = true;
                }
                None if self.acts(path, Act::Replace) => {
                    unreachable!("a constant is for every text")
                }
                None => {}
            }
        }
        let bare = path.len() == 1 && self.root_is_named(path);
        if !(passes || bare) {
            return false;
        }
        write!(out, "<{}{}>", expanded_of(node), attributes.concat()).unwrap();
        out.push_str(&inside);
        out.push_str("</>");
        true
    }

    /// What leaves of the single value `value` at `path`.
    fn value(&self, path: &[String], value: &str) -> Option<String> {
        if self.taken(path) {
            None
        } else if self.acts(path, Act::Replace) {
            // Without characters it is null, and stays that.
            Some(if value.is_empty() { "" } else { REPLACED }.to_owned())
        } else {
            (self.whole(path) || self.acts(path, Act::Keep)).then(|| value.to_owned())
        }
    }

    /// Whether a rule that does `act` selects the node at `path`.
    fn acts(&self, path: &[String], act: Act) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.act == act && selects(&rule.steps, path))
    }

    /// Whether a `drop` selects the node or what it is in, or a transform what it is in.
    fn taken(&self, path: &[String]) -> bool {
        (0..=path.len()).any(|end| self.acts(&path[..end], Act::Drop))
            || (0..path.len()).any(|end| self.acts(&path[..end], Act::Replace))
    }

    fn whole(&self, path: &[String]) -> bool {
        (0..=path.len()).any(|end| self.acts(&path[..end], Act::KeepAll))
            && !self.acts(path, Act::Replace)
    }

    /// Whether a rule that lets something pass names the element at `path` on its way.
    fn named(&self, path: &[String]) -> bool {
        !self.prune
            && !self.acts(path, Act::Replace)
            && self
                .rules
                .iter()
                .filter(|rule| rule.act != Act::Drop)
                .any(|rule| {
                    (1..rule.steps.len()).any(|end| {
                        rule.steps[end - 1].name.is_some() && selects(&rule.steps[..end], path)
                    })
                })
    }

    /// Whether a rule names the root, and something of it could pass.
    fn root_is_named(&self, path: &[String]) -> bool {
        // In a document that is kept whole a rule that keeps says nothing more.
        let whole = self.acts(&[], Act::KeepAll);
        let first = |rule: &Rule| {
            (!whole || matches!(rule.act, Act::Drop | Act::Replace))
                && rule
                    .steps
                    .first()
                    .is_some_and(|step| step.name.as_ref() == path.last())
        };
        let permits = |rule: &Rule| {
            rule.act != Act::Drop
                && ((0..=rule.steps.len()).any(|end| selects(&rule.steps[..end], path))
                    || rule.steps.first().is_some_and(|step| step.anywhere))
        };
        self.rules.iter().any(first)
            && self.rules.iter().any(permits)
            && !self
                .rules
                .iter()
                .any(|rule| rule.act == Act::Replace && rule.steps.is_empty())
    }

    pub(crate) fn element_name(&self, node: Node<'_, '_>) -> String {
        let name = node.tag_name().name();
        match node
            .tag_name()
            .namespace()
            .filter(|namespace| !namespace.is_empty())
        {
            None if self.namespaces.iter().any(|(prefix, _)| prefix.is_empty()) => {
                format!("{{}}{name}")
            }
            None => name.to_owned(),
            Some(namespace) => match self.prefix(namespace) {
                Some("") => name.to_owned(),
                Some(prefix) => format!("{prefix}:{name}"),
                None => format!("{{{namespace}}}{name}"),
            },
        }
    }

    pub(crate) fn attribute_name(&self, attribute: &roxmltree::Attribute<'_, '_>) -> String {
        let name = attribute.name();
        match attribute.namespace() {
            None => format!("@{name}"),
            Some(namespace) => match self.prefix(namespace).filter(|prefix| !prefix.is_empty()) {
                Some(prefix) => format!("@{prefix}:{name}"),
                None => format!("@{{{namespace}}}{name}"),
            },
        }
    }

    fn prefix(&self, namespace: &str) -> Option<&str> {
        if namespace == "http://www.w3.org/XML/1998/namespace" {
            return Some("xml");
        }
        let known = self.namespaces.iter().find(|(_, known)| known == namespace);
        known.map(|(prefix, _)| prefix.as_str())
    }
}

/// Whether `steps` lead exactly to `path`.
fn selects(steps: &[Step], path: &[String]) -> bool {
    let Some((last, before)) = steps.split_last() else {
        return path.is_empty();
    };
    let Some((name, above)) = path.split_last() else {
        return false;
    };
    last.name.as_ref().is_none_or(|wanted| wanted == name)
        && if last.anywhere {
            (0..=above.len()).any(|end| selects(before, &above[..end]))
        } else {
            selects(before, above)
        }
}

enum Run<'a, 'input> {
    Element(Node<'a, 'input>),
    Text(String),
}

/// What stands in an element: its child elements, and the text between them as one each.
fn runs<'a, 'input>(node: Node<'a, 'input>) -> Vec<Run<'a, 'input>> {
    let mut runs = Vec::new();
    for child in node.children() {
        if child.is_element() {
            runs.push(Run::Element(child));
        } else if child.is_text() {
            let text = child.text().unwrap_or_default();
            match runs.last_mut() {
                Some(Run::Text(before)) => before.push_str(text),
                Some(Run::Element(_)) | None => runs.push(Run::Text(text.to_owned())),
            }
        }
    }
    runs
}

fn expanded(namespace: Option<&str>, name: &str) -> String {
    format!("{{{}}}{name}", namespace.unwrap_or_default())
}

fn expanded_of(node: Node<'_, '_>) -> String {
    expanded(node.tag_name().namespace(), node.tag_name().name())
}

/// A document as text that is the same for the same elements, attributes and text, however they are written.
pub(crate) fn canonical(document: &Document<'_>) -> String {
    fn element(node: Node<'_, '_>, out: &mut String) {
        let mut attributes: Vec<String> = node
            .attributes()
            .map(|attribute| {
                let name = expanded(attribute.namespace(), attribute.name());
                format!(" {name}={:?}", attribute.value())
            })
            .collect();
        attributes.sort();
        write!(out, "<{}{}>", expanded_of(node), attributes.concat()).unwrap();
        for run in runs(node) {
            match run {
                Run::Element(child) => element(child, out),
                Run::Text(text) => out.push_str(&text),
            }
        }
        out.push_str("</>");
    }
    let mut out = String::new();
    element(document.root_element(), &mut out);
    out
}
