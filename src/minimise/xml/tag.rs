//! One tag, held whole, against the grammar (XML 1.0 §3.1): from left to right, so that its first flaw is the one
//! that counts.

use std::ops::Range;

use super::characters::{Name, Named, is_space, name};
use super::reference::{Reference, reference};
use crate::minimise::{BodyFault, Limits};

/// A flaw in a tag: places are from the tag's start.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) fault: BodyFault,
    pub(super) at: usize,
    /// The last byte that had to be read to tell.
    pub(super) seen: usize,
}

impl Flaw {
    pub(super) fn at(fault: BodyFault, at: usize) -> Self {
        Self {
            fault,
            at,
            seen: at,
        }
    }
}

/// Whether the tag is whole, or what is wrong with it.
type Scanned = Result<bool, Flaw>;

/// One attribute; places are from the tag's start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute {
    pub(super) start: usize,
    pub(super) name_end: usize,
    pub(super) colon: Option<usize>,
    /// Where the value stands, without its quotes, which stand around it.
    pub(super) value_start: usize,
    pub(super) value_end: usize,
}

impl Attribute {
    /// The name as it is written.
    pub(super) fn name<'a>(&self, tag: &'a [u8]) -> &'a [u8] {
        &tag[self.start..self.name_end]
    }

    /// The value as it is written, without its quotes.
    pub(super) fn value<'a>(&self, tag: &'a [u8]) -> &'a [u8] {
        &tag[self.value_start..self.value_end]
    }

    /// From the name's start to the closing quote.
    pub(super) fn span(&self) -> Range<usize> {
        self.start..self.value_end + 1
    }

    /// Whether it declares a namespace, so is no attribute to rules.
    pub(super) fn declares(&self, tag: &[u8]) -> bool {
        let name = self.name(tag);
        name.starts_with(b"xmlns") && (name.len() == 5 || name[5] == b':')
    }
}

/// What a tag holds.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: Name,
    pub(super) attributes: Vec<Attribute>,
    /// Some attribute has a prefix or declares a namespace.
    pub(super) prefixed: bool,
    /// It is `<name/>`.
    pub(super) empty: bool,
    /// Its bytes, if it is whole.
    pub(super) length: usize,
}

impl Default for Tag {
    fn default() -> Self {
        let name = Name {
            end: 0,
            colon: None,
        };
        Self {
            name,
            attributes: Vec::new(),
            prefixed: false,
            empty: false,
            length: 0,
        }
    }
}

impl Tag {
    /// Reads a start tag or empty-element tag from its `<` on.
    pub(super) fn start(&mut self, tag: &[u8], limits: &Limits) -> Scanned {
        self.attributes.clear();
        (self.prefixed, self.empty) = (false, false);
        self.name = match name(tag, 1, limits.name_bytes) {
            Named::Name(name) => name,
            Named::Cut => return Ok(false),
            Named::Flaw(at, fault) => return Err(Flaw::at(fault, at)),
        };
        let mut at = self.name.end;
        loop {
            let spaced = at;
            at = skip_space(tag, at);
            match tag.get(at) {
                None => return Ok(false),
                Some(b'>') => {
                    self.length = at + 1;
                    return Ok(true);
                }
                Some(b'/') => {
                    self.empty = true;
                    self.length = at + 2;
                    return match tag.get(at + 1) {
                        None => Ok(false),
                        Some(b'>') => Ok(true),
                        Some(_) => Err(Flaw::at(BodyFault::Malformed, at + 1)),
                    };
                }
                Some(_) if spaced == at => return Err(Flaw::at(BodyFault::Malformed, at)),
                Some(_) => match self.attribute(tag, at, limits)? {
                    Some(end) => at = end,
                    None => return Ok(false),
                },
            }
        }
    }

    /// Reads the attribute at `start`; gives where it ends, if the tag has it whole.
    fn attribute(
        &mut self,
        tag: &[u8],
        start: usize,
        limits: &Limits,
    ) -> Result<Option<usize>, Flaw> {
        let Name {
            end: name_end,
            colon,
        } = match name(tag, start, limits.name_bytes) {
            Named::Name(name) => name,
            Named::Cut => return Ok(None),
            Named::Flaw(at, fault) => return Err(Flaw::at(fault, at)),
        };
        if self.attributes.len() == limits.object_members {
            let fault = BodyFault::TooManyMembers;
            return Err(Flaw {
                fault,
                at: start,
                seen: name_end,
            });
        }
        let equals = skip_space(tag, name_end);
        match tag.get(equals) {
            None => return Ok(None),
            Some(b'=') => {}
            Some(_) => return Err(Flaw::at(BodyFault::Malformed, equals)),
        }
        let open = skip_space(tag, equals + 1);
        let quote = match tag.get(open) {
            None => return Ok(None),
            Some(&quote @ (b'"' | b'\'')) => quote,
            Some(_) => return Err(Flaw::at(BodyFault::Malformed, open)),
        };
        let value_start = open + 1;
        let mut at = value_start;
        loop {
            let Some(found) = memchr::memchr3(quote, b'<', b'&', &tag[at..]) else {
                return Ok(None);
            };
            at += found;
            match tag[at] {
                b'<' => return Err(Flaw::at(BodyFault::Malformed, at)),
                b'&' => match reference(&tag[at..], limits.name_bytes) {
                    Reference::Whole(length) => at += length,
                    Reference::Cut => return Ok(None),
                    Reference::Flaw {
                        fault,
                        at: place,
                        seen,
                    } => {
                        return Err(Flaw {
                            fault,
                            at: at + place,
                            seen: at + seen,
                        });
                    }
                },
                _ => break,
            }
        }
        let attribute = Attribute {
            start,
            name_end,
            colon,
            value_start,
            value_end: at,
        };
        self.prefixed |= colon.is_some() || attribute.declares(tag);
        self.attributes.push(attribute);
        Ok(Some(at + 1))
    }

    /// Reads an end tag from its `<` on.
    pub(super) fn end(&mut self, tag: &[u8], limits: &Limits) -> Scanned {
        self.name = match name(tag, 2, limits.name_bytes) {
            Named::Name(name) => name,
            Named::Cut => return Ok(false),
            Named::Flaw(at, fault) => return Err(Flaw::at(fault, at)),
        };
        let close = skip_space(tag, self.name.end);
        match tag.get(close) {
            None => Ok(false),
            Some(b'>') => Ok(true),
            Some(_) => Err(Flaw::at(BodyFault::Malformed, close)),
        }
    }
}

/// Reads the XML declaration from its `<` on (§2.8): version 1.0, and no encoding but UTF-8.
pub(super) fn declaration(tag: &[u8]) -> Scanned {
    let mut at = "<?xml".len();
    for (word, required, holds) in [
        (
            "version",
            true,
            (|value| value == b"1.0") as fn(&[u8]) -> bool,
        ),
        ("encoding", false, |value| {
            value.eq_ignore_ascii_case(b"UTF-8")
        }),
        ("standalone", false, |value| matches!(value, b"yes" | b"no")),
    ] {
        let start = skip_space(tag, at);
        if !required && matches!(tag.get(start), None | Some(b'?')) {
            continue;
        }
        // Only a declaration that is cut can lack the byte that is looked for.
        let expect = |place: usize, wanted: &[u8]| -> Scanned {
            for (index, byte) in wanted.iter().enumerate() {
                match tag.get(place + index) {
                    None => return Ok(false),
                    Some(found) if found == byte => {}
                    Some(_) => return Err(Flaw::at(BodyFault::Malformed, place + index)),
                }
            }
            Ok(true)
        };
        if !required && !tag[start..].starts_with(&word.as_bytes()[..1]) {
            continue;
        }
        if start == at {
            return match tag.get(at) {
                None => Ok(false),
                Some(_) => Err(Flaw::at(BodyFault::Malformed, at)),
            };
        }
        if !expect(start, word.as_bytes())? {
            return Ok(false);
        }
        let equals = skip_space(tag, start + word.len());
        if !expect(equals, b"=")? {
            return Ok(false);
        }
        let open = skip_space(tag, equals + 1);
        let quote = match tag.get(open) {
            None => return Ok(false),
            Some(&quote @ (b'"' | b'\'')) => quote,
            Some(_) => return Err(Flaw::at(BodyFault::Malformed, open)),
        };
        let Some(length) = memchr::memchr(quote, &tag[open + 1..]) else {
            return Ok(false);
        };
        let end = open + 1 + length;
        if !holds(&tag[open + 1..end]) {
            let fault = if word == "encoding" {
                BodyFault::NotUtf8
            } else {
                BodyFault::Malformed
            };
            return Err(Flaw {
                fault,
                at: open + 1,
                seen: end,
            });
        }
        at = end + 1;
    }
    let close = skip_space(tag, at);
    match tag.get(close..) {
        None | Some([] | [b'?']) => Ok(false),
        Some([b'?', b'>', ..]) => Ok(true),
        Some([b'?', ..]) => Err(Flaw::at(BodyFault::Malformed, close + 1)),
        Some(_) => Err(Flaw::at(BodyFault::Malformed, close)),
    }
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the scan of `tag` says, and the same of every prefix: cut, or the flaw once it shows.
    fn check(tag: &str, scan: impl Fn(&[u8]) -> Scanned, flaw: Option<(BodyFault, usize)>) {
        let bytes = tag.as_bytes();
        let whole = scan(bytes);
        let found = whole.as_ref().err().map(|flaw| (flaw.fault, flaw.at));
        assert_eq!(found, flaw, "{tag}");
        let seen = whole
            .as_ref()
            .err()
            .map_or(bytes.len() - 1, |flaw| flaw.seen);
        assert_eq!(scan(&bytes[..=seen]), whole, "{tag} up to {seen}");
        for end in 2..=seen {
            assert_eq!(scan(&bytes[..end]), Ok(false), "{tag} up to {end}");
        }
    }

    #[test]
    fn start_tags_are_those_of_the_grammar() {
        use BodyFault as F;
        let scan = |tag: &[u8]| {
            Tag::default().start(
                tag,
                &Limits {
                    object_members: 3,
                    ..Limits::default()
                },
            )
        };
        for tag in [
            "<a>",
            "<a/>",
            "<a />",
            "<s:a\n x = '>' y:z=\"a'b&amp;\"\t>",
            "<é ö=''/>",
        ] {
            check(tag, scan, None);
        }
        for (tag, fault, at) in [
            ("<1>", F::Malformed, 1),
            ("<a x>", F::Malformed, 4),
            ("<a x=1>", F::Malformed, 5),
            ("<a x='1'y='2'>", F::Malformed, 8),
            ("<a x='<'>", F::Malformed, 6),
            ("<a x='&'>", F::Malformed, 7),
            ("<a x='&b;'>", F::Dtd, 6),
            ("<a x='&#0;'>", F::BadString, 6),
            ("<a / >", F::Malformed, 4),
            ("<a b='' c='' d='' e=''>", F::TooManyMembers, 18),
            ("<a<b>", F::Malformed, 2),
        ] {
            check(tag, scan, Some((fault, at)));
        }
    }

    #[test]
    fn end_tags_are_those_of_the_grammar() {
        let scan = |tag: &[u8]| Tag::default().end(tag, &Limits::default());
        check("</a>", scan, None);
        check("</a:b \n>", scan, None);
        check("</a b>", scan, Some((BodyFault::Malformed, 4)));
        check("</ a>", scan, Some((BodyFault::Malformed, 2)));
        check("</a/>", scan, Some((BodyFault::Malformed, 3)));
    }

    #[test]
    fn declarations_say_version_1_0_and_utf_8() {
        for tag in [
            "<?xml version='1.0'?>",
            "<?xml version=\"1.0\" encoding='utf-8' ?>",
            "<?xml\tversion = '1.0' encoding='UTF-8' standalone=\"no\"?>",
            "<?xml version='1.0' standalone='yes'?>",
        ] {
            assert_eq!(declaration(tag.as_bytes()), Ok(true), "{tag}");
        }
        use BodyFault as F;
        for (tag, fault, at) in [
            ("<?xml version='1.1'?>", F::Malformed, 15),
            ("<?xml encoding='UTF-8'?>", F::Malformed, 6),
            (
                "<?xml version='1.0' encoding='ISO-8859-1'?>",
                F::NotUtf8,
                30,
            ),
            ("<?xml version='1.0'encoding='UTF-8'?>", F::Malformed, 19),
            ("<?xml version='1.0' standalone='maybe'?>", F::Malformed, 32),
            (
                "<?xml version='1.0' standalone='yes' encoding='UTF-8'?>",
                F::Malformed,
                37,
            ),
            ("<?xml version='1.0' x='y'?>", F::Malformed, 20),
            ("<?xml ?>", F::Malformed, 6),
        ] {
            let flaw = declaration(tag.as_bytes()).unwrap_err();
            assert_eq!((flaw.fault, flaw.at), (fault, at), "{tag}");
            for end in 6..=flaw.seen {
                assert_eq!(
                    declaration(&tag.as_bytes()[..end]),
                    Ok(false),
                    "{tag} up to {end}"
                );
            }
        }
    }
}
