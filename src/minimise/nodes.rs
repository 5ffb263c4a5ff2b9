//! A window's tokens as a tree: what is in a value, and where it ends.
//!
//! A node is the token that its value starts with. Nothing is built: brackets know their partners, numbers and
//! literals their ends ([`super::grammar`]), so each step is an index further.

use super::grammar::OPEN;
use super::tokens::Tokens;

/// A window and its tokens. What is asked of a node must be whole in it, but for [`Nodes::end`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Nodes<'a> {
    window: &'a [u8],
    positions: &'a [u32],
    kinds: &'a [u8],
    links: &'a [u32],
}

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

impl<'a> Nodes<'a> {
    pub(super) fn new(window: &'a [u8], tokens: &'a Tokens) -> Self {
        Self {
            window,
            positions: tokens.positions(),
            kinds: tokens.kinds(),
            links: tokens.links(),
        }
    }

    pub(super) fn count(self) -> usize {
        self.kinds.len()
    }

    /// Where in the window the value ends, if it is whole in it.
    pub(super) fn end(self, node: usize) -> Option<usize> {
        match self.kinds[node] {
            b'"' => self.positions.get(node + 1).map(|end| *end as usize + 1),
            b'0' => Some(self.links[node] as usize).filter(|_| self.links[node] != OPEN),
            _ => {
                let close = self.positions.get(self.links[node] as usize);
                close.map(|close| *close as usize + 1)
            }
        }
    }

    pub(super) fn start(self, node: usize) -> usize {
        self.positions[node] as usize
    }

    pub(super) fn is_object(self, node: usize) -> bool {
        self.kinds[node] == b'{'
    }

    pub(super) fn is_array(self, node: usize) -> bool {
        self.kinds[node] == b'['
    }

    pub(super) fn kind(self, node: usize) -> Kind {
        match self.kinds[node] {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            _ => match self.window[self.start(node)] {
                b't' => Kind::True,
                b'f' => Kind::False,
                b'n' => Kind::Null,
                _ => Kind::Number,
            },
        }
    }

    /// The value's bytes, with quotes or brackets.
    pub(super) fn bytes(self, node: usize) -> &'a [u8] {
        let end = self.end(node).expect("nodes that are asked are whole");
        &self.window[self.start(node)..end]
    }

    /// The token after the value.
    fn after(self, node: usize) -> usize {
        match self.kinds[node] {
            b'"' => node + 2,
            b'0' => node + 1,
            _ => self.links[node] as usize + 1,
        }
    }

    /// The elements of an array, the values of an object's members; nothing is in a single value.
    pub(super) fn children(self, node: usize) -> Children<'a> {
        let (next, last) = match self.kinds[node] {
            b'{' | b'[' => (node + 1, self.links[node] as usize),
            _ => (node, node),
        };
        Children {
            nodes: self,
            // A member's name is its two quotes and the colon.
            named: if self.is_object(node) { 3 } else { 0 },
            next,
            last,
        }
    }

    /// The objects and arrays of the subtree of `node`, itself included, each before what is in it.
    pub(super) fn containers(self, node: usize) -> impl Iterator<Item = usize> + 'a {
        let last = if matches!(self.kinds[node], b'{' | b'[') {
            self.links[node] as usize
        } else {
            node
        };
        (node..last).filter(move |token| matches!(self.kinds[*token], b'{' | b'['))
    }

    /// Where the opening quote of a member's name stands.
    pub(super) fn name_start(self, member: usize) -> usize {
        self.positions[member - 3] as usize
    }

    /// The inside of the name of an object's member, still escaped.
    pub(super) fn name(self, member: usize) -> Option<&'a [u8]> {
        let is_member = member >= 3 && self.kinds[member - 1] == b':';
        is_member
            .then(|| &self.window[self.name_start(member) + 1..self.positions[member - 2] as usize])
    }
}

/// See [`Nodes::children`].
#[derive(Debug, Clone)]
pub(super) struct Children<'a> {
    nodes: Nodes<'a>,
    named: usize,
    next: usize,
    last: usize,
}

impl Iterator for Children<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.next >= self.last {
            return None;
        }
        let child = self.next + self.named;
        // Behind the value stands a comma, or the container's end.
        self.next = self.nodes.after(child) + 1;
        Some(child)
    }
}

#[cfg(test)]
mod tests {
    use super::super::vector::Level;
    use super::super::whole::Whole;
    use super::*;

    #[test]
    fn children_come_in_their_order_with_names_and_places() {
        let json = " {\"a\" : [1, -2.5e3,\"x\\\"]\" ] , \"\":{} ,\"na\\u006de\":true,\"n\":null,\"f\":false} ";
        for level in Level::available() {
            let mut whole = Whole::new(level, usize::MAX);
            let tokens = whole.look(json.as_bytes()).unwrap();
            let nodes = Nodes::new(json.as_bytes(), tokens);
            let row = |node: usize| {
                let name = nodes.name(node).map(|name| str::from_utf8(name).unwrap());
                (
                    nodes.kind(node),
                    str::from_utf8(nodes.bytes(node)).unwrap(),
                    name,
                )
            };
            assert_eq!(row(0), (Kind::Object, json.trim(), None));
            let members: Vec<_> = nodes.children(0).map(row).collect();
            assert_eq!(
                members,
                [
                    (Kind::Array, "[1, -2.5e3,\"x\\\"]\" ]", Some("a")),
                    (Kind::Object, "{}", Some("")),
                    (Kind::True, "true", Some("na\\u006de")),
                    (Kind::Null, "null", Some("n")),
                    (Kind::False, "false", Some("f")),
                ]
            );
            let array = nodes.children(0).next().unwrap();
            let elements: Vec<_> = nodes.children(array).map(row).collect();
            assert_eq!(
                elements,
                [
                    (Kind::Number, "1", None),
                    (Kind::Number, "-2.5e3", None),
                    (Kind::String, "\"x\\\"]\"", None),
                ]
            );
            let empty = nodes.children(0).nth(1).unwrap();
            assert_eq!(nodes.children(empty).count(), 0);
            assert_eq!(
                nodes
                    .children(nodes.children(array).next().unwrap())
                    .count(),
                0
            );
            let containers: Vec<_> = nodes.containers(0).collect();
            assert_eq!(containers, [0, array, empty]);
        }
    }

    #[test]
    fn a_single_value_alone_is_whole_at_its_end() {
        for (json, kind) in [
            ("12", Kind::Number),
            (" 1e5 ", Kind::Number),
            ("true", Kind::True),
            ("\"\"", Kind::String),
            ("[]", Kind::Array),
        ] {
            let mut whole = Whole::new(Level::best(), usize::MAX);
            let tokens = whole.look(json.as_bytes()).unwrap();
            let nodes = Nodes::new(json.as_bytes(), tokens);
            assert_eq!(nodes.kind(0), kind);
            assert_eq!(nodes.bytes(0), json.trim().as_bytes());
            assert_eq!(nodes.children(0).count(), 0);
        }
    }
}
