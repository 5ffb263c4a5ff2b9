//! A JSON document as a plain tree that keeps the text of its values: strict (RFC 8259), slow, recursive.

use std::ops::Range;

use serde_json::Value;

/// Why a text is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotADocument {
    NotJson,
    TooDeep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Single,
}

/// One node. Nodes stand in document order, each before what is in it.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) text: Range<usize>,
    /// The member name as written, with its quotes, and what it says.
    pub(crate) name: Option<(Range<usize>, String)>,
    pub(crate) parent: Option<usize>,
    pub(crate) children: Vec<usize>,
    /// The node after everything that is in this one.
    pub(crate) end: usize,
}

#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) text: &'a str,
    pub(crate) nodes: Vec<Node>,
}

impl<'a> Document<'a> {
    pub(crate) fn parse(body: &'a [u8], depth: usize) -> Result<Self, NotADocument> {
        let text = std::str::from_utf8(body).map_err(|_| NotADocument::NotJson)?;
        let mut parser = Parser {
            bytes: body,
            at: 0,
            depth,
            nodes: Vec::new(),
        };
        parser.space();
        parser.value(None, None, 0)?;
        parser.space();
        if parser.at != body.len() {
            return Err(NotADocument::NotJson);
        }
        Ok(Self {
            text,
            nodes: parser.nodes,
        })
    }

    pub(crate) fn text_of(&self, node: usize) -> &'a str {
        &self.text[self.nodes[node].text.clone()]
    }

    /// Whether `node` is an object that names a member twice.
    pub(crate) fn names_twice(&self, node: usize) -> bool {
        let mut names: Vec<&str> = self.nodes[node]
            .children
            .iter()
            .filter_map(|&child| self.name(child))
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        names.len() < count
    }

    pub(crate) fn name(&self, node: usize) -> Option<&str> {
        self.nodes[node]
            .name
            .as_ref()
            .map(|(_, name)| name.as_str())
    }

    /// The subtree of `node` as a serde_json value of the same shape. A name that an object has had already is
    /// made another, so that no member is lost; numbers that serde_json cannot hold become the largest that it can.
    pub(crate) fn value(&self, node: usize) -> Value {
        let children = &self.nodes[node].children;
        match self.nodes[node].kind {
            Kind::Object => {
                let mut members = serde_json::Map::new();
                for &child in children {
                    let mut name = self.name(child).expect("a member has a name").to_owned();
                    while members.contains_key(&name) {
                        name.push_str(" again");
                    }
                    members.insert(name, self.value(child));
                }
                Value::Object(members)
            }
            Kind::Array => Value::Array(children.iter().map(|&child| self.value(child)).collect()),
            Kind::Single => serde_json::from_str(self.text_of(node)).unwrap_or_else(|_| {
                let beyond: f64 = self.text_of(node).parse().expect("it is a number");
                Value::from(f64::MAX.copysign(beyond))
            }),
        }
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    nodes: Vec<Node>,
}

type Parsed<T = ()> = Result<T, NotADocument>;

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Parsed {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(NotADocument::NotJson)
        }
    }

    fn value(
        &mut self,
        parent: Option<usize>,
        name: Option<(Range<usize>, String)>,
        open: usize,
    ) -> Parsed {
        let start = self.at;
        let node = self.nodes.len();
        self.nodes.push(Node {
            kind: Kind::Single,
            text: start..start,
            name,
            parent,
            children: Vec::new(),
            end: node,
        });
        if let Some(parent) = parent {
            self.nodes[parent].children.push(node);
        }
        match self.peek() {
            Some(b'{') => self.object(node, open)?,
            Some(b'[') => self.array(node, open)?,
            Some(b'"') => drop(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        }
        self.nodes[node].text.end = self.at;
        self.nodes[node].end = self.nodes.len();
        Ok(())
    }

    fn deeper(&mut self, open: usize) -> Parsed {
        self.at += 1;
        self.space();
        if open == self.depth {
            Err(NotADocument::TooDeep)
        } else {
            Ok(())
        }
    }

    fn object(&mut self, node: usize, open: usize) -> Parsed {
        self.nodes[node].kind = Kind::Object;
        self.deeper(open)?;
        if self.expect(b'}').is_ok() {
            return Ok(());
        }
        loop {
            self.space();
            let start = self.at;
            let name = self.string()?;
            let written = start..self.at;
            self.space();
            self.expect(b':')?;
            self.space();
            self.value(Some(node), Some((written, name)), open + 1)?;
            self.space();
            if self.expect(b',').is_err() {
                return self.expect(b'}');
            }
        }
    }

    fn array(&mut self, node: usize, open: usize) -> Parsed {
        self.nodes[node].kind = Kind::Array;
        self.deeper(open)?;
        if self.expect(b']').is_ok() {
            return Ok(());
        }
        loop {
            self.space();
            self.value(Some(node), None, open + 1)?;
            self.space();
            if self.expect(b',').is_err() {
                return self.expect(b']');
            }
        }
    }

    /// Finds the closing quote, and leaves what is between to serde_json, which is strict about escapes,
    /// surrogates and control characters.
    fn string(&mut self) -> Parsed<String> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            match self.peek() {
                None => return Err(NotADocument::NotJson),
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_slice(&self.bytes[start..self.at]).map_err(|_| NotADocument::NotJson)
    }

    fn number(&mut self) -> Parsed {
        let _sign = self.expect(b'-');
        if self.expect(b'0').is_err() {
            self.digits()?;
        }
        if self.expect(b'.').is_ok() {
            self.digits()?;
        }
        if self.expect(b'e').is_ok() || self.expect(b'E').is_ok() {
            let _sign = self.expect(b'-').or_else(|_| self.expect(b'+'));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Parsed {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            Err(NotADocument::NotJson)
        } else {
            Ok(())
        }
    }

    fn word(&mut self) -> Parsed {
        let rest = &self.bytes[self.at..];
        let word = ["true", "false", "null"]
            .into_iter()
            .find(|word| rest.starts_with(word.as_bytes()));
        self.at += word.ok_or(NotADocument::NotJson)?.len();
        Ok(())
    }
}
