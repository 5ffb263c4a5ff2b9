//! What objects in one place of a body looked like so far: the next one is most likely the same.
//!
//! A shape is the names seen at one place (the element of an array, the value of a member) with what follows
//! from each. A name found there needs no look-up in the automaton, and that it does not come twice is one bit:
//! so the common member costs one comparison. Shapes change no byte, only how fast it is found (P8); what they
//! hold is bounded, and beyond that objects are walked without one.

use super::walk::{Key, Mode, Single};

/// Index of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShapeId(u32);

impl ShapeId {
    /// No shape: names are compared by their hashes.
    pub(super) const NONE: Self = Self(u32::MAX);
}

/// Names in one shape, so that those of one object are bits of a word.
pub(super) const MEMBERS: usize = 64;
/// Shapes, and names in all of them, in one machine.
const SHAPES: usize = 256;
const NAMES: usize = 512;
/// Bytes of a name that is remembered.
const NAME_BYTES: usize = 64;

/// The shapes of one body.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    names: usize,
}

#[derive(Debug)]
struct Shape {
    mode: Mode,
    members: Vec<Member>,
    /// The shape of the elements, if it is an array's.
    elements: ShapeId,
    /// The same place in another mode.
    other: ShapeId,
}

/// A name seen at a place, and what follows from it.
#[derive(Debug)]
pub(super) struct Member {
    /// The first sixteen bytes, and which of them count.
    word: u128,
    mask: u128,
    name: Box<[u8]>,
    pub(super) hash: u64,
    pub(super) next: Mode,
    pub(super) single: Single,
    pub(super) key: Key,
    child: ShapeId,
}

impl Member {
    pub(super) fn new(name: &[u8], hash: u64, next: Mode, single: Single, key: Key) -> Self {
        let mut word = [0; 16];
        let head = name.len().min(16);
        word[..head].copy_from_slice(&name[..head]);
        let mask = if head == 16 {
            u128::MAX
        } else {
            (1 << (8 * head)) - 1
        };
        Self {
            word: u128::from_le_bytes(word),
            mask,
            name: name.into(),
            hash,
            next,
            single,
            key,
            child: ShapeId::NONE,
        }
    }

    /// Whether it is the name of `length` bytes at `from`. Names with escapes are never remembered, so equal
    /// bytes are equal names.
    #[inline(always)]
    fn is(&self, bytes: &[u8], from: usize, length: usize) -> bool {
        if self.name.len() != length {
            return false;
        }
        match bytes[from..].first_chunk::<16>() {
            Some(word) if length <= 16 => (u128::from_le_bytes(*word) ^ self.word) & self.mask == 0,
            Some(_) | None => bytes[from..from + length] == *self.name,
        }
    }
}

impl Shapes {
    /// The shape of the root.
    pub(super) fn root(&mut self, mode: Mode) -> ShapeId {
        if self.shapes.is_empty() {
            self.add(mode)
        } else {
            self.in_mode(ShapeId(0), mode)
        }
    }

    /// The shape of the value of `member` of `shape`, walked in `mode`.
    #[inline]
    pub(super) fn of_member(&mut self, shape: ShapeId, member: usize, mode: Mode) -> ShapeId {
        let Some(own) = self.shapes.get(shape.0 as usize) else {
            return ShapeId::NONE;
        };
        let child = own.members[member].child;
        if child != ShapeId::NONE {
            return self.in_mode(child, mode);
        }
        let child = self.add(mode);
        self.shapes[shape.0 as usize].members[member].child = child;
        child
    }

    /// The shape of the elements of `shape`, walked in `mode`.
    #[inline]
    pub(super) fn of_element(&mut self, shape: ShapeId, mode: Mode) -> ShapeId {
        let Some(own) = self.shapes.get(shape.0 as usize) else {
            return ShapeId::NONE;
        };
        let child = own.elements;
        if child != ShapeId::NONE {
            return self.in_mode(child, mode);
        }
        let child = self.add(mode);
        self.shapes[shape.0 as usize].elements = child;
        child
    }

    fn in_mode(&mut self, shape: ShapeId, mode: Mode) -> ShapeId {
        let mut at = shape;
        loop {
            let own = &self.shapes[at.0 as usize];
            if own.mode == mode {
                return at;
            }
            if own.other == ShapeId::NONE {
                let other = self.add(mode);
                self.shapes[at.0 as usize].other = other;
                return other;
            }
            at = own.other;
        }
    }

    fn add(&mut self, mode: Mode) -> ShapeId {
        if self.shapes.len() == SHAPES {
            return ShapeId::NONE;
        }
        self.shapes.push(Shape {
            mode,
            members: Vec::new(),
            elements: ShapeId::NONE,
            other: ShapeId::NONE,
        });
        ShapeId(self.shapes.len() as u32 - 1)
    }

    /// The place in `shape` of the name of `length` bytes at `from`; looked for at `guess` first.
    #[inline(always)]
    pub(super) fn find(
        &self,
        shape: ShapeId,
        guess: usize,
        bytes: &[u8],
        from: usize,
        length: usize,
    ) -> Option<usize> {
        let members = &self.shapes[shape.0 as usize].members;
        match members.get(guess) {
            Some(member) if member.is(bytes, from, length) => Some(guess),
            Some(_) | None => members
                .iter()
                .position(|member| member.is(bytes, from, length)),
        }
    }

    #[inline(always)]
    pub(super) fn member(&self, shape: ShapeId, at: usize) -> &Member {
        &self.shapes[shape.0 as usize].members[at]
    }

    /// Whether `shape` can take a name of `length` bytes more.
    pub(super) fn has_room(&self, shape: ShapeId, length: usize) -> bool {
        self.names < NAMES
            && length <= NAME_BYTES
            && self.shapes[shape.0 as usize].members.len() < MEMBERS
    }

    /// Remembers `member` at place `at`.
    pub(super) fn insert(&mut self, shape: ShapeId, at: usize, member: Member) {
        self.shapes[shape.0 as usize].members.insert(at, member);
        self.names += 1;
    }
}
