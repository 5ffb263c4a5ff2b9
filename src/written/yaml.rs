//! YAML 1.2 to a JSON value and the place of each of its parts.
//!
//! A strict part of YAML: one document, plain mappings and lists, text as keys, no key twice in a
//! mapping, no anchors, aliases or tags. So what a reviewer reads at a place is what stands there.
//! Scalars follow the core schema (YAML 1.2.2 §10.3) with one difference on the safe side: a number
//! that would not come out as it is written (leading zeros, more than 64 bits, hexadecimal) is text.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde_json::{Map, Value};

use super::Fault;

/// Bytes of a file. Files of this kind are written by hand; the largest known is under 100 KiB.
const FILE_BYTES: usize = 1 << 20;
/// Containers open at once. An agreement needs eight.
const DEPTH: usize = 32;

/// Line and column, both from 1, the column in characters.
pub(super) type Place = (usize, usize);

/// Where the parts of a value stand, by JSON pointer (RFC 6901).
#[derive(Debug, Default)]
pub(super) struct Places {
    keys: HashMap<String, Place>,
    values: HashMap<String, Place>,
}

impl Places {
    /// The place of the value at `pointer`, or of the nearest one around it.
    pub(super) fn value(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.values.get(pointer) {
                return *place;
            }
            match pointer.rfind('/') {
                Some(end) => pointer = &pointer[..end],
                None => return (1, 1),
            }
        }
    }

    /// The place of the key of the member at `pointer`; of the value, where it has no key.
    pub(super) fn key(&self, pointer: &str) -> Place {
        self.keys
            .get(pointer)
            .copied()
            .unwrap_or_else(|| self.value(pointer))
    }
}

/// A member's or element's pointer from its parent's.
pub(crate) fn child(parent: &str, name: &str) -> String {
    format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A container that is still open.
enum Open {
    List {
        pointer: String,
        items: Vec<Value>,
    },
    Mapping {
        pointer: String,
        members: Map<String, Value>,
        key: Option<String>,
    },
}

struct Builder<'a> {
    file: &'a str,
    faults: &'a mut Vec<Fault>,
    places: Places,
    open: Vec<Open>,
    root: Option<Value>,
}

/// The value of `text` alone, for what is told of a file that has been checked; `None` where it is no YAML.
pub(crate) fn tree(text: &str) -> Option<Value> {
    parse("", text, &mut Vec::new()).map(|(value, _)| value)
}

/// The line, from 1, on which the value at `pointer` of `text` begins; `None` where there is none.
pub(crate) fn line_of(text: &str, pointer: &str) -> Option<usize> {
    let (_, places) = parse("", text, &mut Vec::new())?;
    places.values.get(pointer).map(|(line, _)| *line)
}

/// Parses `text`. `None` where nothing can be made of it; the faults say why.
pub(super) fn parse(file: &str, text: &str, faults: &mut Vec<Fault>) -> Option<(Value, Places)> {
    let before = faults.len();
    let mut builder = Builder {
        file,
        faults,
        places: Places::default(),
        open: Vec::new(),
        root: None,
    };
    if text.len() > FILE_BYTES {
        builder.fault((1, 1), "the file is larger than 1 MiB; split it".to_owned());
        return None;
    }
    // A second document, an alias or too deep a nesting ends the reading: what follows cannot be placed.
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                builder.fault(place(error.marker()), format!("not YAML: {}", error.info()));
                return None;
            }
        };
        if !builder.take(event, place(&span.start)) {
            return None;
        }
    }
    let Builder { places, root, .. } = builder;
    if root.is_none() && faults.len() == before {
        faults.push(Fault {
            file: file.to_owned(),
            line: 1,
            column: 1,
            message: "the file is empty".to_owned(),
        });
    }
    root.map(|root| (root, places))
}

fn place(mark: &Marker) -> Place {
    (mark.line().max(1), mark.col() + 1)
}

impl Builder<'_> {
    fn fault(&mut self, (line, column): Place, message: String) {
        self.faults.push(Fault {
            file: self.file.to_owned(),
            line,
            column,
            message,
        });
    }

    /// Takes one event; `false` ends the reading.
    fn take(&mut self, event: Event<'_>, at: Place) -> bool {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => true,
            Event::DocumentStart(_) => {
                let first = self.root.is_none();
                if !first {
                    self.fault(
                        at,
                        "a second document; write one document a file".to_owned(),
                    );
                }
                first
            }
            Event::Alias(_) => {
                self.fault(
                    at,
                    "an alias; write the value out, so that each place can be read alone"
                        .to_owned(),
                );
                false
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.plain(anchor != 0, tag.is_some(), at);
                self.scalar(&text, style, at)
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain(anchor != 0, tag.is_some(), at);
                self.begin(at, |pointer| Open::List {
                    pointer,
                    items: Vec::new(),
                })
            }
            Event::MappingStart(anchor, tag) => {
                self.plain(anchor != 0, tag.is_some(), at);
                self.begin(at, |pointer| Open::Mapping {
                    pointer,
                    members: Map::new(),
                    key: None,
                })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let value = match self.open.pop().expect("the parser ends only what it began") {
                    Open::List { items, .. } => Value::Array(items),
                    Open::Mapping { members, .. } => Value::Object(members),
                };
                self.put(value);
                true
            }
        }
    }

    fn plain(&mut self, anchored: bool, tagged: bool, at: Place) {
        if anchored {
            self.fault(
                at,
                "an anchor (`&…`); leave it out, aliases are not read".to_owned(),
            );
        }
        if tagged {
            self.fault(
                at,
                "a tag (`!…`); leave it out, tags are not read".to_owned(),
            );
        }
    }

    fn begin(&mut self, at: Place, open: impl FnOnce(String) -> Open) -> bool {
        if let Some(Open::Mapping { key: None, .. }) = self.open.last() {
            self.fault(
                at,
                "a list or mapping as a key; write a text before the `:`".to_owned(),
            );
            return false;
        }
        if self.open.len() == DEPTH {
            self.fault(at, format!("nested more than {DEPTH} deep"));
            return false;
        }
        let pointer = self.pointer();
        self.places.values.entry(pointer.clone()).or_insert(at);
        self.open.push(open(pointer));
        true
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Place) -> bool {
        if let Some(Open::Mapping {
            pointer,
            members,
            key,
        }) = self.open.last_mut()
            && key.is_none()
        {
            // The parser gives an empty key where a line is only a value; it is found as an unknown key.
            let pointer = child(pointer, text);
            let twice = members.contains_key(text);
            *key = Some(text.to_owned());
            if twice {
                self.fault(at, format!("`{text}` stands twice here; leave one out"));
            } else {
                self.places.keys.insert(pointer, at);
            }
            return true;
        }
        let pointer = self.pointer();
        self.places.values.entry(pointer).or_insert(at);
        self.put(match style {
            ScalarStyle::Plain => resolve(text),
            ScalarStyle::SingleQuoted
            | ScalarStyle::DoubleQuoted
            | ScalarStyle::Literal
            | ScalarStyle::Folded => Value::String(text.to_owned()),
        });
        true
    }

    /// The pointer of the value that comes next.
    fn pointer(&self) -> String {
        match self.open.last() {
            None => String::new(),
            Some(Open::List { pointer, items }) => format!("{pointer}/{}", items.len()),
            Some(Open::Mapping { pointer, key, .. }) => {
                child(pointer, key.as_deref().unwrap_or_default())
            }
        }
    }

    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List { items, .. }) => items.push(value),
            Some(Open::Mapping { members, key, .. }) => {
                let key = key.take().expect("a key comes before its value");
                // Of a key that stands twice the first counts; the fault has been told.
                members.entry(key).or_insert(value);
            }
        }
    }
}

/// A plain scalar by the core schema, numbers only where nothing of their text is lost.
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let begins_as_number = match digits.as_bytes() {
        [b'0'] | [b'0', b'.', ..] => true,
        [first, ..] => (b'1'..=b'9').contains(first),
        [] => false,
    };
    // Past this point JSON's own grammar decides, which is a part of the core schema's.
    if begins_as_number
        && let Ok(Value::Number(number)) = serde_json::from_str::<Value>(text)
        && (number.is_i64() || number.is_u64() || text.contains(['.', 'e', 'E']))
    {
        return Value::Number(number);
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> (Option<Value>, Vec<String>) {
        let mut faults = Vec::new();
        let value = parse("f", text, &mut faults).map(|(value, _)| value);
        (value, faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn scalars_are_what_yaml_1_2_says_and_numbers_keep_their_text() {
        for (text, value) in [
            ("NO", json!("NO")),
            ("yes", json!("yes")),
            ("on", json!("on")),
            ("true", json!(true)),
            ("'true'", json!("true")),
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("1.0", json!(1.0)),
            ("012", json!("012")),
            ("0x1F", json!("0x1F")),
            ("1_000", json!("1_000")),
            ("12:30", json!("12:30")),
            ("2026-04-01", json!("2026-04-01")),
            (
                "123456789012345678901234567890",
                json!("123456789012345678901234567890"),
            ),
            ("~", json!(null)),
            (".inf", json!(".inf")),
            ("+1", json!("+1")),
        ] {
            assert_eq!(
                read(&format!("a: {text}")).0,
                Some(json!({ "a": value })),
                "{text}"
            );
        }
    }

    #[test]
    fn what_yaml_allows_but_a_reviewer_could_misread_is_a_fault_with_its_place() {
        for (text, fault) in [
            (
                "a: 1\nb: 2\na: 3\n",
                "f:3:1: `a` stands twice here; leave one out",
            ),
            (
                "a: &x 1\n",
                "f:1:4: an anchor (`&…`); leave it out, aliases are not read",
            ),
            (
                "a: &x 1\nb: *x\n",
                "f:1:4: an anchor (`&…`); leave it out, aliases are not read",
            ),
            (
                "a: !!str 1\n",
                "f:1:4: a tag (`!…`); leave it out, tags are not read",
            ),
            (
                "a: 1\n---\nb: 1\n",
                "f:2:1: a second document; write one document a file",
            ),
            (
                "? [a]\n: 1\n",
                "f:1:3: a list or mapping as a key; write a text before the `:`",
            ),
            ("", "f:1:1: the file is empty"),
            ("# only a comment\n", "f:1:1: the file is empty"),
        ] {
            assert_eq!(
                read(text).1.first().map(String::as_str),
                Some(fault),
                "{text:?}"
            );
        }
    }

    #[test]
    fn every_key_that_stands_twice_is_told() {
        let (value, faults) = read("a: 1\na: 2\nb: {c: 1, c: 2}\n");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert_eq!(value, Some(json!({ "a": 1, "b": { "c": 1 } })));
    }

    #[test]
    fn places_are_those_of_keys_and_values() {
        let mut faults = Vec::new();
        let (_, places) = parse("f", "a:\n  - b/c: x\n    é: y\n", &mut faults).unwrap();
        assert_eq!(places.key("/a"), (1, 1));
        assert_eq!(places.key("/a/0/b~1c"), (2, 5));
        assert_eq!(places.value("/a/0/é"), (3, 8));
        assert_eq!(
            places.value("/a/0/none/such"),
            (2, 5),
            "the nearest around it"
        );
    }

    #[test]
    fn files_of_other_systems_editors_are_read_alike() {
        let expected = Some(json!({ "a": "x", "b": [1, "y"] }));
        for text in [
            "a: x\nb:\n  - 1\n  - y\n",
            "a: x\r\nb:\r\n  - 1\r\n  - y\r\n",
            "\u{feff}a: x\nb: [1, y]\n",
            "# comment\n---\na: x\nb: [1, y]\n...\n",
        ] {
            assert_eq!(read(text), (expected.clone(), Vec::new()), "{text:?}");
        }
    }

    #[test]
    fn nesting_has_a_bound() {
        for opening in ["[", "{a: ", "- ", "? "] {
            let (value, faults) = read(&opening.repeat(50_000));
            assert_eq!(value, None, "{opening:?}");
            assert_eq!(faults.len(), 1, "{opening:?}: {faults:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_has_a_fault(text in "([a-c]|[-?:,&*!|>'\"%@`#{}\\[\\] \n\t]|1|é){0,60}") {
            let (value, faults) = read(&text);
            proptest::prop_assert!(value.is_some() || !faults.is_empty(), "{text:?}");
        }
    }
}
