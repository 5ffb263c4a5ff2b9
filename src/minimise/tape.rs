//! One held value laid flat: what a filter or a record's condition is asked about.
//!
//! A tape is a list of nodes in document order with the places of their bytes; nothing is copied from them.
//! Since a node comes before all that is in it, its subtree is one run of nodes, and "this node and all below"
//! is a range. It is filled again for each record, so a stream of records allocates only until the largest.

use std::ops::Range;

/// A node's place on its tape. 0 is the root.
pub type NodeIndex = usize;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`.
    Object,
    /// `[…]`.
    Array,
    /// A string; its bytes include the quotes.
    String,
    /// A number.
    Number,
    /// `true`.
    True,
    /// `false`.
    False,
    /// `null`.
    Null,
}

impl Kind {
    /// Whether nodes of this kind have others in them.
    #[must_use]
    pub fn is_container(self) -> bool {
        matches!(self, Self::Object | Self::Array)
    }
}

/// One node: its kind, where its bytes and its name are, and where it ends on the tape.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    start: u32,
    end: u32,
    /// 0..0 where it has none: no name stands at the start of a value.
    name_start: u32,
    name_end: u32,
    /// The index after its subtree: the next sibling's, if there is one. `next > own index`.
    next: u32,
    children: u32,
}

impl Node {
    /// Its bytes: with quotes or brackets, without white space around them.
    #[must_use]
    pub fn bytes(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The inside of its member name, still escaped, if it is an object's member.
    #[must_use]
    pub fn name(&self) -> Option<Range<usize>> {
        (self.name_end != 0).then_some(self.name_start as usize..self.name_end as usize)
    }

    /// The index after its subtree: that of its next sibling, where it has one.
    #[must_use]
    pub fn next(&self) -> NodeIndex {
        self.next as usize
    }

    /// How many elements or members it has.
    #[must_use]
    pub fn children(&self) -> usize {
        self.children as usize
    }
}

/// A value is larger than a tape can hold: 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value of 4 GiB or more cannot be held; set a smaller limit for held bytes")]
pub struct TapeTooLarge;

/// One value, laid flat. See the module.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    /// The containers open while parsing, outermost first. At most `Limits::depth`.
    open: Vec<u32>,
}

impl Tape {
    /// An empty tape.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lays `bytes` flat in place of what was held before.
    ///
    /// `bytes` is one strict JSON value that the machine has already checked, with or without white space around
    /// it: this only finds the places. Were it no JSON the nodes would mean nothing, but nothing would panic.
    ///
    /// # Errors
    /// If `bytes` is 4 GiB or more. `Limits::held_bytes` is far below.
    pub fn parse(&mut self, bytes: &[u8]) -> Result<(), TapeTooLarge> {
        self.nodes.clear();
        self.open.clear();
        if u32::try_from(bytes.len()).is_err() {
            return Err(TapeTooLarge);
        }
        let mut at = 0;
        // Where the name of the value to come is.
        let mut name = None;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'{' | b'[' => {
                    let kind = if byte == b'{' {
                        Kind::Object
                    } else {
                        Kind::Array
                    };
                    let index = self.add(kind, at..at + 1, name.take());
                    self.open.push(index);
                    at += 1;
                }
                b'}' | b']' => {
                    at += 1;
                    self.close(at);
                }
                b'"' => {
                    let end = string_end(bytes, at);
                    // In an object a string is a name until one has been read.
                    if name.is_none() && self.in_object() {
                        name = Some(at + 1..(end - 1).max(at + 1));
                    } else {
                        self.add(Kind::String, at..end, name.take());
                    }
                    at = end;
                }
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => at += 1,
                _ => {
                    let kind = match byte {
                        b't' => Kind::True,
                        b'f' => Kind::False,
                        b'n' => Kind::Null,
                        _ => Kind::Number,
                    };
                    let end = word_end(bytes, at);
                    self.add(kind, at..end, name.take());
                    at = end;
                }
            }
        }
        Ok(())
    }

    /// The node at `index`.
    ///
    /// # Panics
    /// If this tape has no such node: indexes come from this tape.
    #[must_use]
    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index]
    }

    /// How many nodes it has; 0 before the first value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The elements or members of the node at `index`, in document order.
    pub fn children(&self, index: NodeIndex) -> impl Iterator<Item = NodeIndex> + '_ {
        let end = self.nodes[index].next();
        let mut at = index + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let child = at;
                at = self.nodes[child].next();
                child
            })
        })
    }

    fn in_object(&self) -> bool {
        self.open
            .last()
            .is_some_and(|&index| self.nodes[index as usize].kind == Kind::Object)
    }

    fn add(&mut self, kind: Kind, bytes: Range<usize>, name: Option<Range<usize>>) -> u32 {
        let place = |offset: usize| {
            u32::try_from(offset).expect("offsets are below the length, which fits")
        };
        if let Some(&parent) = self.open.last() {
            self.nodes[parent as usize].children += 1;
        }
        let index = place(self.nodes.len());
        let name = name.unwrap_or(0..0);
        self.nodes.push(Node {
            kind,
            start: place(bytes.start),
            end: place(bytes.end),
            name_start: place(name.start),
            name_end: place(name.end),
            next: index + 1,
            children: 0,
        });
        index
    }

    fn close(&mut self, end: usize) {
        if let Some(index) = self.open.pop() {
            let next = self.nodes.len() as u32;
            let node = &mut self.nodes[index as usize];
            node.next = next;
            node.end = end as u32;
        }
    }
}

/// The offset after the closing quote of the string that starts at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The offset after the number or word that starts at `start`.
fn word_end(bytes: &[u8], start: usize) -> usize {
    let more = |byte: &u8| {
        !matches!(
            byte,
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'}' | b']' | b'{' | b'[' | b'"'
        )
    };
    // The first byte is taken whatever it is, so that each turn gets further.
    let rest = &bytes[start + 1..];
    start + 1 + rest.iter().take_while(|byte| more(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, text, name, children, next.
    fn laid(json: &str) -> Vec<(Kind, String, Option<String>, usize, usize)> {
        let mut tape = Tape::new();
        tape.parse(json.as_bytes()).unwrap();
        (0..tape.len())
            .map(|index| {
                let node = tape.node(index);
                (
                    node.kind,
                    json[node.bytes()].to_owned(),
                    node.name().map(|name| json[name].to_owned()),
                    node.children(),
                    node.next(),
                )
            })
            .collect()
    }

    #[test]
    fn nodes_come_in_document_order_with_their_places() {
        let json = " {\"a\" : [1, -2.5e3,\"x\\\"]\" ] , \"\":{} ,\"na\\u006de\":true,\"n\":null,\"f\":false} ";
        let rows = laid(json);
        let brief: Vec<_> = rows
            .iter()
            .skip(1)
            .map(|(kind, text, name, children, next)| {
                (*kind, text.as_str(), name.as_deref(), *children, *next)
            })
            .collect();
        assert_eq!(rows[0].0, Kind::Object);
        assert_eq!(rows[0].1, json.trim());
        assert_eq!((rows[0].2.as_deref(), rows[0].3, rows[0].4), (None, 5, 9));
        assert_eq!(
            brief,
            [
                (Kind::Array, "[1, -2.5e3,\"x\\\"]\" ]", Some("a"), 3, 5),
                (Kind::Number, "1", None, 0, 3),
                (Kind::Number, "-2.5e3", None, 0, 4),
                (Kind::String, "\"x\\\"]\"", None, 0, 5),
                (Kind::Object, "{}", Some(""), 0, 6),
                (Kind::True, "true", Some("na\\u006de"), 0, 7),
                (Kind::Null, "null", Some("n"), 0, 8),
                (Kind::False, "false", Some("f"), 0, 9),
            ]
        );
    }

    #[test]
    fn a_tape_is_filled_again() {
        let mut tape = Tape::new();
        tape.parse(b"[1,2,3]").unwrap();
        assert_eq!(tape.children(0).collect::<Vec<_>>(), [1, 2, 3]);
        tape.parse(b"7").unwrap();
        assert_eq!((tape.len(), tape.node(0).kind), (1, Kind::Number));
        assert_eq!(tape.children(0).count(), 0);
        tape.parse(b"{\"a\":[[1],[]],\"b\":2}").unwrap();
        assert_eq!(tape.children(0).collect::<Vec<_>>(), [1, 5]);
        assert_eq!(tape.children(1).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn what_is_no_json_does_not_panic() {
        for bytes in [
            "",
            "]",
            "}}",
            "{",
            "[",
            "\"",
            "\"\\",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{:1}",
            "x",
            "\u{7f}é",
            "{\"\\",
            ",,",
            "{[\"a\"]}",
        ] {
            let mut tape = Tape::new();
            tape.parse(bytes.as_bytes()).unwrap();
            for index in 0..tape.len() {
                let _ = tape.children(index).count();
                assert!(bytes.as_bytes().get(tape.node(index).bytes()).is_some());
            }
        }
    }
}
