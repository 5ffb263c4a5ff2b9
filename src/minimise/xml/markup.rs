//! A body's bytes as markup and text, cut anywhere.
//!
//! ```text
//! text, sections    to the walk as they come; a reference is never cut
//! tags              held until they are whole, then checked from left to right
//! comments, PIs     checked and left behind
//! ```
//!
//! Where a tag or processing instruction ends that the window cuts is for `quick-xml`'s push parsers to say, which take
//! input in pieces; it checks next to nothing of what stands between, so that is done here. A tag that stands in the
//! window whole is checked at once, and ends where the check does.

use quick_xml::parser::{ElementParser, Parser as _, PiParser};

use super::characters::{Named, is_name_byte, is_space, name};
use super::reference::{Reference, reference};
use super::tag::{Flaw, Tag, declaration};
use super::walk::{Data, Place, Walk};
use super::{Fault, Outcome};
use crate::minimise::{BodyFault, Limits};

const COMMENT: &[u8] = b"<!--";
const SECTION: &[u8] = b"<![CDATA[";
const DOCTYPE: &[u8] = b"<!DOCTYPE";
const SECTION_ENDS: &[u8] = b"]]>";

/// What the input so far has left open.
#[derive(Debug, Clone, Copy)]
enum Open {
    /// Nothing, or text.
    Content,
    /// A `<` of which is not known yet what it begins. Held.
    Undecided,
    /// Held.
    StartTag(ElementParser),
    /// Held.
    EndTag,
    /// The name of a processing instruction. Held.
    Target,
    /// Held.
    Declaration(PiParser),
    /// A processing instruction after its name.
    Instruction(PiParser),
    /// A processing instruction of a name alone, before its last byte.
    InstructionEnds,
    /// With how many hyphens it ends so far, at most two.
    Comment(u8),
    /// Character data between `<![CDATA[` and `]]>`, with how many closing brackets they end so far, which wait.
    Section(u8),
    /// Held.
    Reference,
}

/// How many closing brackets stand right before the next byte of text: three bytes, `]]>`, are forbidden in it.
#[derive(Debug, Clone, Copy, Default)]
struct Brackets {
    /// In the body, at most two.
    here: u8,
    /// In what would leave, from which comments between them are gone.
    beside: u8,
}

impl Brackets {
    fn text(&mut self, text: &[u8]) {
        let own = text
            .iter()
            .rev()
            .take(2)
            .take_while(|byte| **byte == b']')
            .count();
        if own < text.len() {
            *self = Self::default();
        }
        self.here = (self.here + own as u8).min(2);
        self.beside = (self.beside + own as u8).min(2);
    }
}

/// Divides a body.
#[derive(Debug)]
pub(super) struct Markup {
    limits: Limits,
    open: Open,
    held: Vec<u8>,
    /// Where in the body `held` starts.
    held_at: u64,
    /// Where the document starts: behind a byte order mark.
    start: u64,
    brackets: Brackets,
    tag: Tag,
}

/// A window of the body and where it starts.
#[derive(Clone, Copy)]
struct Window<'a> {
    bytes: &'a [u8],
    base: u64,
}

impl Window<'_> {
    fn offset(self, at: usize) -> u64 {
        self.base + at as u64
    }
}

impl Markup {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            open: Open::Content,
            held: Vec::new(),
            held_at: 0,
            start: 0,
            brackets: Brackets::default(),
            tag: Tag::default(),
        }
    }

    /// The document starts only here.
    pub(super) fn starts_at(&mut self, offset: u64) {
        self.start = offset;
    }

    /// Takes `bytes`, whole characters, which stand at `base` in the body.
    pub(super) fn window(&mut self, bytes: &[u8], base: u64, walk: &mut Walk) -> Outcome {
        let window = Window { bytes, base };
        let mut at = 0;
        while at < bytes.len() {
            at = match self.open {
                Open::Content => self.content(window, at, walk)?,
                Open::Undecided => self.undecided(window, at, walk)?,
                Open::StartTag(mut parser) => {
                    let end = parser.feed(&bytes[at..]);
                    self.open = Open::StartTag(parser);
                    self.held_goes_on(window, at, end, walk, Self::start_tag)?
                }
                Open::EndTag => {
                    let end = memchr::memchr(b'>', &bytes[at..]);
                    self.held_goes_on(window, at, end, walk, Self::end_tag)?
                }
                Open::Target => self.target(window, at, walk)?,
                Open::Declaration(mut parser) => {
                    let end = parser.feed(&bytes[at..]);
                    self.open = Open::Declaration(parser);
                    self.held_goes_on(window, at, end, walk, Self::declaration)?
                }
                Open::Instruction(mut parser) => match parser.feed(&bytes[at..]) {
                    Some(end) => {
                        self.open = Open::Content;
                        at + end + 1
                    }
                    None => {
                        self.open = Open::Instruction(parser);
                        bytes.len()
                    }
                },
                Open::InstructionEnds if bytes[at] == b'>' => {
                    self.open = Open::Content;
                    at + 1
                }
                Open::InstructionEnds => {
                    return Err(Fault::at(BodyFault::Malformed, window.offset(at)));
                }
                Open::Comment(hyphens) => self.comment(window, at, hyphens)?,
                Open::Section(brackets) => self.section(window, at, brackets, walk)?,
                Open::Reference => self.reference(window, at, walk)?,
            };
        }
        if self.held.len() > self.limits.held_bytes
            && let Some(fault) = self.pending(u64::MAX)
        {
            return Err(fault);
        }
        Ok(())
    }

    /// Whether nothing is open.
    pub(super) fn complete(&self) -> bool {
        matches!(self.open, Open::Content)
    }

    /// The fault of what is held, as far as its bytes up to the one at `through` show one.
    ///
    /// What is held is checked once it is whole; before a fault elsewhere, or a limit, can count, it is asked here.
    pub(super) fn pending(&mut self, through: u64) -> Option<Box<Fault>> {
        let length = through.checked_sub(self.held_at)?.saturating_add(1);
        let length = length.min(self.held.len() as u64) as usize;
        let held = &self.held[..length];
        let known = &held[..length.min(self.limits.held_bytes.saturating_add(1))];
        let scanned = match self.open {
            Open::StartTag(_) => self.tag.start(known, &self.limits),
            Open::EndTag => self.tag.end(known, &self.limits),
            Open::Declaration(_) => declaration(known),
            // Its length has a limit of its own.
            Open::Target => match name(held, 2, self.limits.name_bytes) {
                Named::Name(_) | Named::Cut => return None,
                Named::Flaw(at, fault) => Err(Flaw::at(fault, at)),
            },
            Open::Content
            | Open::Undecided
            | Open::Instruction(_)
            | Open::InstructionEnds
            | Open::Comment(_)
            | Open::Section(_)
            | Open::Reference => return None,
        };
        match scanned {
            Err(flaw) => Some(fault_of(flaw, self.held_at)),
            Ok(_) => (held.len() > self.limits.held_bytes).then(|| self.too_large(self.held_at)),
        }
    }

    fn too_large(&self, start: u64) -> Box<Fault> {
        Fault::at(
            BodyFault::HeldTooLarge,
            start + self.limits.held_bytes as u64,
        )
    }

    fn hold(&mut self, window: Window<'_>, from: usize, open: Open) -> usize {
        self.held.clear();
        self.held.extend_from_slice(&window.bytes[from..]);
        self.held_at = window.offset(from);
        self.open = open;
        window.bytes.len()
    }

    /// What is held goes on at `at`; it is whole if its `end`, counted from there, is in the window.
    fn held_goes_on(
        &mut self,
        window: Window<'_>,
        at: usize,
        end: Option<usize>,
        walk: &mut Walk,
        whole: fn(&mut Self, &[u8], u64, &mut Walk) -> Outcome,
    ) -> Outcome<usize> {
        let Some(end) = end else {
            self.held.extend_from_slice(&window.bytes[at..]);
            return Ok(window.bytes.len());
        };
        self.held.extend_from_slice(&window.bytes[at..=at + end]);
        let mut held = std::mem::take(&mut self.held);
        self.open = Open::Content;
        let outcome = whole(self, &held, self.held_at, walk);
        held.clear();
        self.held = held;
        outcome.map(|()| at + end + 1)
    }

    // ---- text ----

    /// Text from `from` to the next markup, and that markup.
    fn content(&mut self, window: Window<'_>, mut from: usize, walk: &mut Walk) -> Outcome<usize> {
        let bytes = window.bytes;
        if walk.place() != Place::Inside {
            return self.outside(window, from, walk);
        }
        if bytes[from] == b'<' {
            return self.markup(window, from, walk);
        }
        let mut at = from;
        loop {
            let Some(found) = memchr::memchr3(b'<', b'&', b'>', &bytes[at..]) else {
                self.text(window, from, bytes.len(), walk)?;
                return Ok(bytes.len());
            };
            at += found;
            match bytes[at] {
                b'<' => {
                    self.text(window, from, at, walk)?;
                    return self.markup(window, at, walk);
                }
                b'&' => match reference(&bytes[at..], self.limits.name_bytes) {
                    Reference::Whole(length) => at += length,
                    Reference::Cut => {
                        self.text(window, from, at, walk)?;
                        return Ok(self.hold(window, at, Open::Reference));
                    }
                    Reference::Flaw {
                        fault,
                        at: place,
                        seen,
                    } => {
                        self.text(window, from, at, walk)?;
                        return Err(fault_of(
                            Flaw {
                                fault,
                                at: place,
                                seen,
                            },
                            window.offset(at),
                        ));
                    }
                },
                _ => {
                    let mut brackets = self.brackets;
                    brackets.text(&bytes[from..at]);
                    if brackets.beside == 2 {
                        self.text(window, from, at, walk)?;
                        if brackets.here == 2 {
                            return Err(Fault::at(BodyFault::Malformed, window.offset(at)));
                        }
                        // A comment stood between; now that it is gone the bracket must not close anything.
                        walk.text(b"&gt;", window.offset(at), Data::Text)?;
                        self.brackets = Brackets::default();
                        from = at + 1;
                    }
                    at += 1;
                }
            }
        }
    }

    fn text(&mut self, window: Window<'_>, from: usize, to: usize, walk: &mut Walk) -> Outcome {
        if from == to {
            return Ok(());
        }
        let text = &window.bytes[from..to];
        self.brackets.text(text);
        walk.text(text, window.offset(from), Data::Text)
    }

    /// Before the root and after it only white space, comments and processing instructions may stand.
    fn outside(&mut self, window: Window<'_>, from: usize, walk: &mut Walk) -> Outcome<usize> {
        let rest = &window.bytes[from..];
        let length = rest
            .iter()
            .position(|byte| !is_space(*byte))
            .unwrap_or(rest.len());
        walk.space_outside(&rest[..length]);
        match rest.get(length) {
            None => Ok(window.bytes.len()),
            Some(b'<') => self.markup(window, from + length, walk),
            Some(_) => Err(misplaced(walk.place(), window.offset(from + length))),
        }
    }

    /// A reference that windows before cut goes on.
    fn reference(&mut self, window: Window<'_>, at: usize, walk: &mut Walk) -> Outcome<usize> {
        let rest = &window.bytes[at..];
        let end = rest
            .iter()
            .position(|byte| !is_name_byte(*byte) && *byte != b'#')
            .map_or(rest.len(), |end| end + 1);
        self.held.extend_from_slice(&rest[..end]);
        match reference(&self.held, self.limits.name_bytes) {
            Reference::Cut => {}
            Reference::Flaw { fault, at, seen } => {
                return Err(fault_of(Flaw { fault, at, seen }, self.held_at));
            }
            Reference::Whole(_) => {
                self.open = Open::Content;
                self.brackets = Brackets::default();
                walk.text(&self.held, self.held_at, Data::Text)?;
                self.held.clear();
            }
        }
        Ok(at + end)
    }

    /// Character data in a section go on. Brackets at their end wait: they may be the section's.
    fn section(
        &mut self,
        window: Window<'_>,
        from: usize,
        mut brackets: u8,
        walk: &mut Walk,
    ) -> Outcome<usize> {
        let bytes = window.bytes;
        let mut at = from;
        while let Some(&byte) = bytes.get(at) {
            if byte == b'>' && brackets == 2 {
                walk.text(SECTION_ENDS, window.offset(at) - 2, Data::Mark)?;
                self.open = Open::Content;
                return Ok(at + 1);
            }
            if byte == b']' && brackets < 2 {
                brackets += 1;
                at += 1;
                continue;
            }
            if brackets > 0 {
                // The first of three brackets, or all before another byte, are text.
                let free = if byte == b']' {
                    1
                } else {
                    usize::from(brackets)
                };
                let start = window.offset(at) - u64::from(brackets);
                walk.text(&b"]]"[..free], start, Data::Section)?;
                brackets -= free as u8;
                continue;
            }
            let length = memchr::memchr(b']', &bytes[at..]).unwrap_or(bytes.len() - at);
            walk.text(&bytes[at..at + length], window.offset(at), Data::Section)?;
            at += length;
        }
        self.open = Open::Section(brackets);
        Ok(at)
    }

    // ---- markup ----

    /// The markup that starts at `at`, a `<`.
    fn markup(&mut self, window: Window<'_>, at: usize, walk: &mut Walk) -> Outcome<usize> {
        let bytes = window.bytes;
        match bytes.get(at + 1) {
            None => Ok(self.hold(window, at, Open::Undecided)),
            Some(b'!' | b'?') => {
                self.held.clear();
                self.held.push(b'<');
                self.held_at = window.offset(at);
                self.open = Open::Undecided;
                Ok(at + 1)
            }
            Some(b'/') => {
                self.may_end(window.offset(at), walk)?;
                // Nearly always it says the name that is open and no more, which was checked as that opened.
                let name_end = 2 + walk.open_name().len();
                let as_opened = bytes[at + 2..].starts_with(walk.open_name())
                    && bytes.get(at + name_end) == Some(&b'>');
                if as_opened && name_end < self.limits.held_bytes {
                    let end = at + name_end + 1;
                    walk.end(name_end, &bytes[at..end], window.offset(at))?;
                    return Ok(end);
                }
                let Some(end) = memchr::memchr(b'>', &bytes[at + 2..]) else {
                    return Ok(self.hold(window, at, Open::EndTag));
                };
                let end = at + 3 + end;
                self.end_tag(&bytes[at..end], window.offset(at), walk)?;
                Ok(end)
            }
            Some(_) => {
                self.may_start(window.offset(at), walk)?;
                let known = &bytes[at..bytes.len().min(at + self.limits.held_bytes)];
                if self.tag.start(known, &self.limits) == Ok(true) {
                    let end = at + self.tag.length;
                    walk.start(&self.tag, &bytes[at..end], window.offset(at))?;
                    return Ok(end);
                }
                // It is cut, or something is wrong with it, which counts once it is whole.
                let mut parser = ElementParser::default();
                let Some(end) = parser.feed(&bytes[at + 1..]) else {
                    return Ok(self.hold(window, at, Open::StartTag(parser)));
                };
                let end = at + 2 + end;
                self.start_tag(&bytes[at..end], window.offset(at), walk)?;
                Ok(end)
            }
        }
    }

    /// A start tag at `offset` is seen: not after the root.
    fn may_start(&mut self, offset: u64, walk: &Walk) -> Outcome {
        self.brackets = Brackets::default();
        match walk.place() {
            Place::Before | Place::Inside => Ok(()),
            Place::After => Err(fault_of(
                Flaw {
                    fault: BodyFault::TrailingBytes,
                    at: 0,
                    seen: 1,
                },
                offset,
            )),
        }
    }

    /// An end tag or a section at `offset` is seen: only in the root.
    fn may_end(&mut self, offset: u64, walk: &Walk) -> Outcome {
        self.brackets = Brackets::default();
        if walk.place() == Place::Inside {
            return Ok(());
        }
        let mut fault = misplaced(walk.place(), offset);
        fault.seen += 1;
        Err(fault)
    }

    /// What a `<` begins is told by the byte at `at`, or not yet.
    fn undecided(&mut self, window: Window<'_>, at: usize, walk: &mut Walk) -> Outcome<usize> {
        let byte = window.bytes[at];
        if self.held.len() == 1 {
            match byte {
                b'!' => {}
                b'?' => {
                    self.held.push(byte);
                    self.open = Open::Target;
                    return Ok(at + 1);
                }
                b'/' => {
                    self.may_end(self.held_at, walk)?;
                    self.held.push(byte);
                    self.open = Open::EndTag;
                    return Ok(at + 1);
                }
                _ => {
                    self.may_start(self.held_at, walk)?;
                    self.open = Open::StartTag(ElementParser::default());
                    return Ok(at);
                }
            }
        }
        self.held.push(byte);
        if self.held == COMMENT {
            self.brackets.here = 0;
            self.held.clear();
            self.open = Open::Comment(0);
        } else if self.held == SECTION {
            self.may_end(self.held_at, walk)?;
            self.held.clear();
            self.open = Open::Section(0);
            walk.text(SECTION, self.held_at, Data::Mark)?;
        } else if self.held == DOCTYPE {
            let flaw = Flaw {
                fault: BodyFault::Dtd,
                at: 0,
                seen: DOCTYPE.len() - 1,
            };
            return Err(fault_of(flaw, self.held_at));
        } else if ![COMMENT, SECTION, DOCTYPE]
            .iter()
            .any(|known| known.starts_with(&self.held))
        {
            return Err(Fault::at(BodyFault::Malformed, window.offset(at)));
        }
        Ok(at + 1)
    }

    fn start_tag(&mut self, raw: &[u8], offset: u64, walk: &mut Walk) -> Outcome {
        let known = &raw[..raw.len().min(self.limits.held_bytes.saturating_add(1))];
        let scanned = self.tag.start(known, &self.limits);
        self.whole(scanned, raw, offset)?;
        walk.start(&self.tag, raw, offset)
    }

    fn end_tag(&mut self, raw: &[u8], offset: u64, walk: &mut Walk) -> Outcome {
        let known = &raw[..raw.len().min(self.limits.held_bytes.saturating_add(1))];
        let scanned = self.tag.end(known, &self.limits);
        self.whole(scanned, raw, offset)?;
        walk.end(self.tag.name.end, raw, offset)
    }

    fn declaration(&mut self, raw: &[u8], offset: u64, walk: &mut Walk) -> Outcome {
        let known = &raw[..raw.len().min(self.limits.held_bytes.saturating_add(1))];
        self.whole(declaration(known), raw, offset)?;
        walk.declaration(raw);
        Ok(())
    }

    /// Whether markup that is whole may be: sound, and no longer than may be held.
    fn whole(&self, scanned: Result<bool, Flaw>, raw: &[u8], offset: u64) -> Outcome {
        match scanned {
            Err(flaw) => Err(fault_of(flaw, offset)),
            Ok(_) if raw.len() > self.limits.held_bytes => Err(self.too_large(offset)),
            Ok(true) => Ok(()),
            // Both look for the first `>` outside of quotes, so this does not happen.
            Ok(false) => Err(Fault::at(
                BodyFault::Malformed,
                offset + raw.len() as u64 - 1,
            )),
        }
    }

    /// The name of a processing instruction goes on (§2.6).
    fn target(&mut self, window: Window<'_>, at: usize, walk: &Walk) -> Outcome<usize> {
        let rest = &window.bytes[at..];
        let end = rest.iter().position(|byte| !is_name_byte(*byte));
        self.held
            .extend_from_slice(&rest[..end.map_or(rest.len(), |end| end + 1)]);
        let Some(end) = end else {
            if self.held.len() - 2 > self.limits.name_bytes
                && let Named::Flaw(at, fault) = name(&self.held, 2, self.limits.name_bytes)
            {
                return Err(fault_of(Flaw::at(fault, at), self.held_at));
            }
            return Ok(window.bytes.len());
        };
        let last = self.held.len() - 1;
        let colon = match name(&self.held, 2, self.limits.name_bytes) {
            Named::Name(name) => name.colon,
            Named::Cut => Some(last),
            Named::Flaw(at, fault) => return Err(fault_of(Flaw::at(fault, at), self.held_at)),
        };
        // Namespaces §7: no colon in it.
        if let Some(colon) = colon {
            let flaw = Flaw {
                fault: BodyFault::Malformed,
                at: colon,
                seen: last,
            };
            return Err(fault_of(flaw, self.held_at));
        }
        let spaced = is_space(self.held[last]);
        if !spaced && self.held[last] != b'?' {
            return Err(fault_of(Flaw::at(BodyFault::Malformed, last), self.held_at));
        }
        let target = &self.held[2..last];
        if target.eq_ignore_ascii_case(b"xml") {
            let declares = target == b"xml" && spaced && self.held_at == self.start;
            if !declares || walk.place() != Place::Before {
                let flaw = Flaw {
                    fault: BodyFault::Malformed,
                    at: 2,
                    seen: last,
                };
                return Err(fault_of(flaw, self.held_at));
            }
            self.open = Open::Declaration(PiParser::default());
            return Ok(at + end + 1);
        }
        self.brackets.here = 0;
        self.held.clear();
        self.open = if spaced {
            Open::Instruction(PiParser::default())
        } else {
            Open::InstructionEnds
        };
        Ok(at + end + 1)
    }

    /// A comment goes on (§2.5): no two hyphens in it but at its end.
    fn comment(&mut self, window: Window<'_>, mut at: usize, mut hyphens: u8) -> Outcome<usize> {
        let bytes = window.bytes;
        while let Some(&byte) = bytes.get(at) {
            if hyphens == 2 {
                if byte != b'>' {
                    return Err(Fault::at(BodyFault::Malformed, window.offset(at)));
                }
                self.open = Open::Content;
                return Ok(at + 1);
            }
            if byte == b'-' {
                hyphens += 1;
                at += 1;
            } else {
                hyphens = 0;
                at = memchr::memchr(b'-', &bytes[at..]).map_or(bytes.len(), |found| at + found);
            }
        }
        self.open = Open::Comment(hyphens);
        Ok(at)
    }
}

/// The fault of a flaw in markup that starts at `offset`.
fn fault_of(flaw: Flaw, offset: u64) -> Box<Fault> {
    let mut fault = Fault::at(flaw.fault, offset + flaw.at as u64);
    fault.seen = offset + flaw.seen as u64;
    fault
}

/// Something stands outside of the root that may not.
fn misplaced(place: Place, offset: u64) -> Box<Fault> {
    let fault = match place {
        Place::Before | Place::Inside => BodyFault::Malformed,
        Place::After => BodyFault::TrailingBytes,
    };
    Fault::at(fault, offset)
}
