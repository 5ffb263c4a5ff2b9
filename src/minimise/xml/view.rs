//! A record as JSON, for its condition: what `@` sees.
//!
//! An element without child elements is its text, or `null` where it has none; where it has no text but attributes it
//! is an object of these. Another is an object of its attributes, child elements and, as `#text`, the text beside
//! these. Names that stand several times are one member, an array.
//!
//! Of a record's own children only those are shown that something looks at: what looks at members by their names sees
//! the same without the others.

use super::characters::is_blank;
use crate::plan::filter::Members;
use crate::transform::push_quoted;

/// No node.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Element,
    Attribute,
    Text,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    kind: Kind,
    /// Parts of [`View::bytes`].
    name: (u32, u32),
    text: (u32, u32),
    first: u32,
    last: u32,
    next: u32,
    /// It has child elements.
    holds_elements: bool,
}

/// A record's nodes as they come.
#[derive(Debug, Default)]
pub(super) struct View {
    nodes: Vec<Node>,
    bytes: Vec<u8>,
    open: Vec<u32>,
    /// The text that is open, as it is written.
    raw: Vec<u8>,
    /// What is looked at in a record.
    members: Members,
    /// The record is the document, which is shown whole.
    whole: bool,
    /// So many of the elements that are open are not shown.
    hidden: usize,
}

/// What is written next.
enum Work {
    Bytes(&'static [u8]),
    Name(u32),
    Value(u32),
}

impl View {
    /// Views of records in which `members` are looked at.
    pub(super) fn new(members: Members) -> Self {
        Self {
            members,
            ..Self::default()
        }
    }

    /// Starts the view of a record: an element, or the `document` as an object of its root.
    pub(super) fn start(&mut self, document: bool) {
        self.whole = document;
        self.hidden = 0;
        self.nodes.clear();
        self.bytes.clear();
        self.open.clear();
        self.raw.clear();
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> usize {
        self.nodes.len() * size_of::<Node>() + self.bytes.len() + self.raw.len()
    }

    /// Whether the name of an element that starts matters.
    #[inline]
    pub(super) fn asks_names(&self) -> bool {
        self.hidden == 0
    }

    /// An element starts, known to selectors by `name`. Whether it is shown, and with it its attributes.
    pub(super) fn element(&mut self, name: &[u8]) -> bool {
        if self.hidden > 0 {
            self.hidden += 1;
            return false;
        }
        self.text_ends();
        if let Some(&parent) = self.open.last() {
            self.nodes[parent as usize].holds_elements = true;
        }
        if self.hides(name) {
            self.hidden = 1;
            return false;
        }
        let node = self.push(Kind::Element, name, b"");
        self.open.push(node);
        true
    }

    /// An attribute of the element that has started, `value` resolved.
    pub(super) fn attribute(&mut self, name: &[u8], value: &[u8]) {
        if !self.hides(name) {
            self.push(Kind::Attribute, name, value);
        }
    }

    /// Whether nothing looks at what is called `name` in the element that is open.
    fn hides(&self, name: &[u8]) -> bool {
        // The body's bytes were checked before they came here.
        let looks = |name| std::str::from_utf8(name).is_ok_and(|name| self.members.contain(name));
        self.open.len() == 1 && !self.whole && !looks(name)
    }

    /// Character data, as they are written.
    pub(super) fn text(&mut self, raw: &[u8]) {
        if self.hidden == 0 {
            self.raw.extend_from_slice(raw);
        }
    }

    /// An element ends.
    pub(super) fn element_ends(&mut self) {
        if self.hidden > 0 {
            self.hidden -= 1;
            return;
        }
        self.text_ends();
        self.open.pop();
    }

    fn text_ends(&mut self) {
        if self.raw.is_empty() {
            return;
        }
        if !self.open.is_empty() {
            let node = self.push(Kind::Text, b"#text", b"") as usize;
            super::reference::resolve_text(&self.raw, &mut self.bytes);
            self.nodes[node].text.1 = self.bytes.len() as u32;
        }
        self.raw.clear();
    }

    fn push(&mut self, kind: Kind, name: &[u8], text: &[u8]) -> u32 {
        let index = self.nodes.len() as u32;
        let mut part = |of: &[u8]| {
            let start = self.bytes.len() as u32;
            self.bytes.extend_from_slice(of);
            (start, self.bytes.len() as u32)
        };
        let (name, text) = (part(name), part(text));
        let (first, last, next) = (NONE, NONE, NONE);
        self.nodes.push(Node {
            kind,
            name,
            text,
            first,
            last,
            next,
            holds_elements: false,
        });
        if let Some(&parent) = self.open.last() {
            let before = std::mem::replace(&mut self.nodes[parent as usize].last, index);
            match before {
                NONE => self.nodes[parent as usize].first = index,
                before => self.nodes[before as usize].next = index,
            }
        }
        index
    }

    /// Writes the record as JSON in place of what `json` held. `document` says that the record is the document.
    pub(super) fn json(&self, document: bool, json: &mut Vec<u8>) {
        json.clear();
        let mut work = Vec::new();
        if document {
            work.extend([
                Work::Bytes(b"}"),
                Work::Value(0),
                Work::Bytes(b":"),
                Work::Name(0),
                Work::Bytes(b"{"),
            ]);
        } else {
            work.push(Work::Value(0));
        }
        while let Some(next) = work.pop() {
            match next {
                Work::Bytes(bytes) => json.extend_from_slice(bytes),
                Work::Name(node) => push_quoted(self.part(self.nodes[node as usize].name), json),
                Work::Value(node) => self.value(&self.nodes[node as usize], json, &mut work),
            }
        }
    }

    fn value(&self, node: &Node, json: &mut Vec<u8>, work: &mut Vec<Work>) {
        let single = |text: (u32, u32), json: &mut Vec<u8>| match self.part(text) {
            "" => json.extend_from_slice(b"null"),
            text => push_quoted(text, json),
        };
        if node.kind != Kind::Element {
            return single(node.text, json);
        }
        let blank = |child: &Node| is_blank(self.bytes_of(child.text));
        if !node.holds_elements {
            let text = self
                .children(node)
                .find(|(_, child)| child.kind == Kind::Text);
            let attributes = self
                .children(node)
                .any(|(_, child)| child.kind == Kind::Attribute);
            match text {
                Some((_, text)) if !attributes || !blank(text) => return single(text.text, json),
                None if !attributes => return single((0, 0), json),
                Some(_) | None => {}
            }
        }
        let mut members: Vec<(u32, &Node)> = self
            .children(node)
            .filter(|(_, child)| child.kind != Kind::Text || !blank(child))
            .collect();
        members.sort_by_key(|(_, child)| self.bytes_of(child.name));
        // Last first: the work is taken from its end.
        work.push(Work::Bytes(b"}"));
        let mut groups = members
            .chunk_by(|(_, one), (_, other)| self.bytes_of(one.name) == self.bytes_of(other.name))
            .rev()
            .peekable();
        while let Some(group) = groups.next() {
            let several = group.len() > 1;
            if several {
                work.push(Work::Bytes(b"]"));
            }
            for (place, (index, _)) in group.iter().enumerate().rev() {
                work.push(Work::Value(*index));
                if place > 0 {
                    work.push(Work::Bytes(b","));
                }
            }
            work.push(Work::Bytes(if several { b":[" } else { b":" }));
            work.push(Work::Name(group[0].0));
            if groups.peek().is_some() {
                work.push(Work::Bytes(b","));
            }
        }
        json.push(b'{');
    }

    fn children(&self, node: &Node) -> impl Iterator<Item = (u32, &Node)> {
        let mut next = node.first;
        std::iter::from_fn(move || {
            let index = next;
            let node = self.nodes.get(index as usize)?;
            next = node.next;
            Some((index, node))
        })
    }

    fn bytes_of(&self, (start, end): (u32, u32)) -> &[u8] {
        &self.bytes[start as usize..end as usize]
    }

    fn part(&self, part: (u32, u32)) -> &str {
        // The body's bytes were checked before they came here.
        std::str::from_utf8(self.bytes_of(part)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_seen_as_the_object_it_is() {
        let mut view = View::default();
        view.start(true);
        view.element(b"person");
        view.attribute(b"@id", b"1");
        view.text(b"\n ");
        for (name, text) in [
            ("tag", "x&amp;\"y\""),
            ("empty", ""),
            ("tag", "<![CDATA[<]]>"),
        ] {
            view.element(name.as_bytes());
            view.text(text.as_bytes());
            view.element_ends();
        }
        view.text(b" beside ");
        view.element(b"code");
        view.attribute(b"@value", b"7");
        view.element_ends();
        view.element(b"name");
        view.attribute(b"@lang", b"en");
        view.text(b"Ada");
        view.element_ends();
        view.element_ends();
        let mut json = Vec::new();
        view.json(false, &mut json);
        let expected = r##"{"#text":" beside ","@id":"1","code":{"@value":"7"},"empty":null,"name":"Ada","tag":["x&\"y\"","<"]}"##;
        assert_eq!(String::from_utf8_lossy(&json), expected);
        view.json(true, &mut json);
        assert_eq!(
            String::from_utf8(json).unwrap(),
            format!(r#"{{"person":{expected}}}"#)
        );
    }
}
