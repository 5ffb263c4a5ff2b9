//! Namespaces in scope (Namespaces in XML 1.0): what names mean, and which declarations leave.
//!
//! A binding is a prefix and the namespace it stands for, from the element that declares it to that element's end.
//! Of those in scope some have left with an element; an element that leaves and uses another takes it along.

use super::tag::{Attribute, Tag};
use crate::minimise::{BodyFault, Limits};
use crate::plan::{Xml, hash_name};

/// Bindings in scope at once: looking one up takes a look at each. Common documents have fewer than fifty.
const BINDINGS: usize = 256;

const XML: &[u8] = b"http://www.w3.org/XML/1998/namespace";
const XMLNS: &[u8] = b"http://www.w3.org/2000/xmlns/";

/// A part of [`Scope::bytes`].
#[derive(Debug, Clone, Copy)]
struct Part {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
struct Binding {
    prefix: Part,
    /// The namespace as it is written, with its quotes.
    written: Part,
    /// The namespace; empty where a default is taken back.
    namespace: Part,
    hash: u64,
    /// The selectors' prefix for it, as an index; else it is written in braces.
    agreed: Option<u32>,
}

/// The namespaces in scope.
#[derive(Debug)]
pub(super) struct Scope {
    /// Selectors' prefixes, each with its colon if it has one, and their namespaces.
    agreed: Vec<(Vec<u8>, Vec<u8>)>,
    /// Names of selectors without a prefix are in a namespace.
    defaulted: bool,
    bytes: Vec<u8>,
    bindings: Vec<Binding>,
    /// The innermost binding of the empty prefix.
    default: Option<u32>,
    /// The bindings that have left with elements that are open, innermost last.
    left: Vec<u32>,
    seed: u64,
}

/// How much was in scope before an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    bindings: u32,
    left: u32,
}

/// A fault of an attribute: its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadName {
    pub(super) fault: BodyFault,
    pub(super) attribute: Option<usize>,
}

impl Scope {
    pub(super) fn new(xml: &Xml, seed: u64) -> Self {
        let label = |prefix: &str| {
            if prefix.is_empty() {
                Vec::new()
            } else {
                format!("{prefix}:").into_bytes()
            }
        };
        let mut agreed: Vec<_> = xml
            .namespaces
            .iter()
            .map(|(prefix, namespace)| (label(prefix), namespace.clone().into_bytes()))
            .collect();
        if agreed.iter().all(|(_, namespace)| namespace != XML) {
            agreed.push((b"xml:".to_vec(), XML.to_vec()));
        }
        let mut scope = Self {
            defaulted: agreed.iter().any(|(label, _)| label.is_empty()),
            agreed,
            bytes: Vec::new(),
            bindings: Vec::new(),
            default: None,
            left: Vec::new(),
            seed,
        };
        // Every document has this one, and never needs to say so.
        scope.bind(b"xml", b"", XML);
        scope.left.push(0);
        scope
    }

    /// Whether names without a colon are known by what is written.
    #[inline]
    fn plain(&self) -> bool {
        self.bindings.len() == 1 && !self.defaulted
    }

    /// Whether anything is declared.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.bindings.len() > 1
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            bindings: self.bindings.len() as u32,
            left: self.left.len() as u32,
        }
    }

    /// Forgets what came into scope since `mark`.
    #[inline]
    pub(super) fn leave(&mut self, mark: Mark) {
        self.left.truncate(mark.left as usize);
        if self.bindings.len() > mark.bindings as usize {
            let first = self.bindings[mark.bindings as usize].prefix.start;
            self.bytes.truncate(first as usize);
            self.bindings.truncate(mark.bindings as usize);
            let default = |binding: &Binding| binding.prefix.start == binding.prefix.end;
            self.default = self.bindings.iter().rposition(default).map(|at| at as u32);
        }
    }

    fn bind(&mut self, prefix: &[u8], written: &[u8], namespace: &[u8]) {
        let part = |bytes: &mut Vec<u8>, of: &[u8]| {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(of);
            Part {
                start,
                end: bytes.len() as u32,
            }
        };
        let binding = Binding {
            prefix: part(&mut self.bytes, prefix),
            written: part(&mut self.bytes, written),
            namespace: part(&mut self.bytes, namespace),
            hash: hash_name(namespace, self.seed),
            agreed: self
                .agreed
                .iter()
                .position(|(_, of)| of == namespace)
                .map(|at| at as u32),
        };
        if prefix.is_empty() {
            self.default = Some(self.bindings.len() as u32);
        }
        self.bindings.push(binding);
    }

    /// Takes in what the start tag `tag`, whose bytes are `raw`, declares, and sees that its prefixes are declared.
    pub(super) fn enter(&mut self, tag: &Tag, raw: &[u8], limits: &Limits) -> Result<(), BadName> {
        if tag.prefixed {
            for (index, attribute) in tag.attributes.iter().enumerate() {
                if attribute.declares(raw) {
                    self.declare(attribute, raw, limits)
                        .map_err(|fault| BadName {
                            fault,
                            attribute: Some(index),
                        })?;
                }
            }
        }
        let unknown = |attribute| BadName {
            fault: BodyFault::Malformed,
            attribute,
        };
        if let Some(colon) = tag.name.colon {
            self.find(&raw[1..colon]).ok_or(unknown(None))?;
        }
        for (index, attribute) in tag.attributes.iter().enumerate() {
            if let Some(colon) = attribute.colon
                && !attribute.declares(raw)
            {
                self.find(&raw[attribute.start..colon])
                    .ok_or(unknown(Some(index)))?;
            }
        }
        Ok(())
    }

    /// Takes in one declaration (Namespaces §3).
    fn declare(
        &mut self,
        attribute: &Attribute,
        raw: &[u8],
        limits: &Limits,
    ) -> Result<(), BodyFault> {
        let prefix = attribute
            .colon
            .map_or(&b""[..], |colon| &raw[colon + 1..attribute.name_end]);
        let mut namespace = Vec::new();
        super::reference::resolve_value(attribute.value(raw), &mut namespace);
        if namespace.len() > limits.name_bytes {
            return Err(BodyFault::NameTooLong);
        }
        if self.bindings.len() == BINDINGS {
            return Err(BodyFault::TooManyMembers);
        }
        let sound = match prefix {
            b"xmlns" => false,
            b"xml" => namespace == XML,
            b"" => namespace != XML && namespace != XMLNS,
            _ => !namespace.is_empty() && namespace != XML && namespace != XMLNS,
        };
        if !sound {
            return Err(BodyFault::Malformed);
        }
        self.bind(
            prefix,
            &raw[attribute.value_start - 1..=attribute.value_end],
            &namespace,
        );
        Ok(())
    }

    /// The innermost binding of `prefix`.
    #[inline]
    fn find(&self, prefix: &[u8]) -> Option<usize> {
        if prefix.is_empty() {
            return self.default.map(|at| at as usize);
        }
        self.bindings
            .iter()
            .rposition(|binding| self.part(binding.prefix) == prefix)
    }

    fn part(&self, part: Part) -> &[u8] {
        &self.bytes[part.start as usize..part.end as usize]
    }

    /// Appends the name by which selectors know the element `name`, written with a colon at `colon` or without one.
    #[inline]
    pub(super) fn element(&self, name: &[u8], colon: Option<usize>, known: &mut Vec<u8>) {
        if self.plain() && colon.is_none() {
            known.extend_from_slice(name);
            return;
        }
        let (prefix, local) = split(name, colon);
        let binding = self.find(prefix).map(|at| &self.bindings[at]);
        match binding.filter(|binding| binding.namespace.start != binding.namespace.end) {
            Some(binding) => match binding.agreed {
                Some(agreed) => known.extend_from_slice(&self.agreed[agreed as usize].0),
                None => self.braces(binding, known),
            },
            None if self.defaulted => known.extend_from_slice(b"{}"),
            None => {}
        }
        known.extend_from_slice(local);
    }

    /// Appends the name by which selectors know the attribute `name`. The default namespace is not for attributes.
    #[inline]
    pub(super) fn attribute(&self, name: &[u8], colon: Option<usize>, known: &mut Vec<u8>) {
        known.push(b'@');
        let (prefix, local) = split(name, colon);
        if colon.is_some()
            && let Some(at) = self.find(prefix)
        {
            let binding = &self.bindings[at];
            let label = binding.agreed.map(|agreed| &self.agreed[agreed as usize].0);
            match label.filter(|label| !label.is_empty()) {
                Some(label) => known.extend_from_slice(label),
                None => self.braces(binding, known),
            }
        }
        known.extend_from_slice(local);
    }

    fn braces(&self, binding: &Binding, known: &mut Vec<u8>) {
        known.push(b'{');
        known.extend_from_slice(self.part(binding.namespace));
        known.push(b'}');
    }

    /// A hash of an attribute's namespace and local name; attributes without a prefix have none.
    pub(super) fn expanded(&self, name: &[u8], colon: usize) -> u64 {
        let (prefix, local) = split(name, Some(colon));
        let namespace = self.find(prefix).map_or(0, |at| self.bindings[at].hash);
        hash_name(local, namespace ^ self.seed)
    }

    /// Appends the declaration of `prefix`, if what has left does not say what it stands for.
    pub(super) fn need(&mut self, prefix: &[u8], opening: &mut Vec<u8>) {
        if !self.any() {
            return;
        }
        let means =
            |at: Option<usize>| at.map_or(&b""[..], |at| self.part(self.bindings[at].namespace));
        let here = self.find(prefix);
        let left = self
            .left
            .iter()
            .rev()
            .map(|&at| at as usize)
            .find(|&at| self.part(self.bindings[at].prefix) == prefix);
        if means(here) == means(left) {
            return;
        }
        opening.extend_from_slice(if prefix.is_empty() {
            b" xmlns"
        } else {
            b" xmlns:"
        });
        opening.extend_from_slice(prefix);
        opening.push(b'=');
        // Without a binding in scope only a default that has left can differ, and it has been taken back.
        let written = here.map_or(&b"\"\""[..], |at| self.part(self.bindings[at].written));
        opening.extend_from_slice(written);
        if let Some(here) = here {
            self.left.push(here as u32);
        }
    }

    /// Appends the declarations that came since `mark` of namespaces that selectors know.
    pub(super) fn need_agreed(&mut self, mark: Mark, opening: &mut Vec<u8>) {
        for at in mark.bindings as usize..self.bindings.len() {
            if self.bindings[at].agreed.is_some() {
                let prefix = self.part(self.bindings[at].prefix).to_vec();
                self.need(&prefix, opening);
            }
        }
    }

    /// All that came since `mark` leaves as it is written.
    pub(super) fn all_leave(&mut self, mark: Mark) {
        self.left.extend(mark.bindings..self.bindings.len() as u32);
    }
}

/// A name as prefix and local part; `colon` counts from its start.
fn split(name: &[u8], colon: Option<usize>) -> (&[u8], &[u8]) {
    match colon {
        Some(colon) => (&name[..colon], &name[colon + 1..]),
        None => (b"", name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(namespaces: &[(&str, &str)]) -> Scope {
        let namespaces = namespaces
            .iter()
            .map(|(prefix, namespace)| ((*prefix).to_owned(), (*namespace).to_owned()))
            .collect();
        Scope::new(&Xml { namespaces }, 7)
    }

    fn enter(scope: &mut Scope, raw: &str) -> Result<Tag, BadName> {
        let mut tag = Tag::default();
        assert_eq!(
            tag.start(raw.as_bytes(), &Limits::default()),
            Ok(true),
            "{raw}"
        );
        scope.enter(&tag, raw.as_bytes(), &Limits::default())?;
        Ok(tag)
    }

    fn element(scope: &Scope, name: &str) -> String {
        let mut known = Vec::new();
        scope.element(name.as_bytes(), name.find(':'), &mut known);
        String::from_utf8(known).unwrap()
    }

    fn attribute(scope: &Scope, name: &str) -> String {
        let mut known = Vec::new();
        scope.attribute(name.as_bytes(), name.find(':'), &mut known);
        String::from_utf8(known).unwrap()
    }

    #[test]
    fn names_are_known_by_the_agreements_prefixes_and_not_the_documents() {
        let mut some = scope(&[("soap", "urn:soap"), ("c", "urn:council")]);
        enter(
            &mut some,
            "<x:E xmlns:x='urn:soap' xmlns='urn:council' xmlns:o='urn:&#111;'/>",
        )
        .unwrap();
        assert_eq!(element(&some, "x:E"), "soap:E");
        assert_eq!(element(&some, "person"), "c:person");
        assert_eq!(element(&some, "o:z"), "{urn:o}z");
        assert_eq!(attribute(&some, "id"), "@id");
        assert_eq!(attribute(&some, "x:id"), "@soap:id");
        assert_eq!(attribute(&some, "xml:lang"), "@xml:lang");
        let mark = some.mark();
        enter(&mut some, "<person xmlns='' xmlns:x='urn:council'/>").unwrap();
        assert_eq!(
            (element(&some, "person"), element(&some, "x:E")),
            ("person".into(), "c:E".into())
        );
        some.leave(mark);
        assert_eq!(element(&some, "person"), "c:person");
    }

    #[test]
    fn a_default_of_the_agreement_is_for_elements() {
        let mut some = scope(&[("", "urn:fhir")]);
        assert_eq!(element(&some, "a"), "{}a");
        enter(&mut some, "<a xmlns='urn:fhir' xmlns:f='urn:fhir'/>").unwrap();
        assert_eq!(
            (element(&some, "a"), element(&some, "f:a")),
            ("a".into(), "a".into())
        );
        assert_eq!(
            (attribute(&some, "id"), attribute(&some, "f:id")),
            ("@id".into(), "@{urn:fhir}id".into())
        );
    }

    #[test]
    fn what_namespaces_forbid_is_refused() {
        for (raw, attribute) in [
            ("<p:a/>", None),
            ("<a p:b=''/>", Some(0)),
            ("<xmlns:a/>", None),
            ("<a xmlns:p=''/>", Some(0)),
            ("<a b='' xmlns:xmlns='urn:x'/>", Some(1)),
            ("<a xmlns:xml='urn:x'/>", Some(0)),
            (
                "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
                Some(0),
            ),
            ("<a xmlns='http://www.w3.org/2000/xmlns/'/>", Some(0)),
        ] {
            let bad = enter(&mut scope(&[]), raw).unwrap_err();
            assert_eq!(
                bad,
                BadName {
                    fault: BodyFault::Malformed,
                    attribute
                },
                "{raw}"
            );
        }
        assert!(
            enter(
                &mut scope(&[]),
                "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>"
            )
            .is_ok()
        );
    }

    #[test]
    fn a_declaration_leaves_once_and_where_it_is_needed() {
        let mut some = scope(&[("s", "urn:soap")]);
        let need = |scope: &mut Scope, prefix: &str| {
            let mut opening = Vec::new();
            scope.need(prefix.as_bytes(), &mut opening);
            String::from_utf8(opening).unwrap()
        };
        let outer = some.mark();
        enter(
            &mut some,
            "<a xmlns=\"urn:d\" xmlns:p='urn:p' xmlns:q='urn:soap'/>",
        )
        .unwrap();
        let mut opening = Vec::new();
        some.need_agreed(outer, &mut opening);
        assert_eq!(opening, b" xmlns:q='urn:soap'");
        assert_eq!(
            (need(&mut some, "").as_str(), need(&mut some, "").as_str()),
            (" xmlns=\"urn:d\"", "")
        );
        let inner = some.mark();
        enter(&mut some, "<p:b xmlns=''/>").unwrap();
        assert_eq!(need(&mut some, "p"), " xmlns:p='urn:p'");
        assert_eq!(need(&mut some, ""), " xmlns=''");
        assert_eq!(need(&mut some, ""), "");
        some.leave(inner);
        assert_eq!(
            (need(&mut some, "").as_str(), need(&mut some, "p").as_str()),
            ("", " xmlns:p='urn:p'")
        );
    }
}
