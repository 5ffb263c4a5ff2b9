//! JSON documents, one or several behind one another.

use memchr::memchr2;

use super::{FIELD_BYTES, Field, Kind, Records};
use crate::aggregate::layout::{Layout, NOWHERE};

/// Reads documents that come in pieces.
#[derive(Debug)]
pub(in crate::aggregate) struct JsonReader {
    layout: Layout,
    /// Where each document stands: the root, or an element of the array that the documents are.
    root: u16,
    fields: Vec<Field>,
    /// Containers that are open.
    open: Vec<Container>,
    state: State,
    /// The place of the value that comes, or of the member whose name has been read.
    place: u16,
    /// A string, a number or a word so far; a string without its quotes.
    token: Vec<u8>,
    /// The token is longer than it is looked at.
    long: bool,
}

#[derive(Debug, Clone, Copy)]
struct Container {
    place: u16,
    is_array: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between tokens.
    Between,
    /// In a string that is a member's name.
    Name,
    /// In another string.
    Text,
    /// In a number or a word.
    Word,
    /// Behind a backslash in a name, or in another string.
    EscapeInName,
    EscapeInText,
}

impl JsonReader {
    /// `several`: the documents are elements of one array.
    pub(in crate::aggregate) fn new(layout: Layout, several: bool) -> Self {
        let root = if several {
            layout.place(0).every.unwrap_or(NOWHERE)
        } else {
            0
        };
        Self {
            fields: vec![Field::default(); layout.fields()],
            layout,
            root,
            open: Vec::new(),
            state: State::Between,
            place: root,
            token: Vec::new(),
            long: false,
        }
    }

    /// Reads the next `bytes`.
    pub(in crate::aggregate) fn read<R: Records>(
        &mut self,
        bytes: &[u8],
        records: &mut R,
    ) -> Result<(), R::Stop> {
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Between => at = self.between(bytes, at, records)?,
                State::Name | State::Text => at = self.string(bytes, at),
                State::Word => at = self.word(bytes, at),
                State::EscapeInName | State::EscapeInText => {
                    self.take(&bytes[at..=at]);
                    self.state = if self.state == State::EscapeInName {
                        State::Name
                    } else {
                        State::Text
                    };
                    at += 1;
                }
            }
        }
        Ok(())
    }

    fn between<R: Records>(
        &mut self,
        bytes: &[u8],
        mut at: usize,
        records: &mut R,
    ) -> Result<usize, R::Stop> {
        while let Some(byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'{' | b'[' => self.opens(*byte == b'['),
                b'}' | b']' => self.closes(records)?,
                b'"' => {
                    let rest = &bytes[at..];
                    // Nearly all strings are short, whole and without an escape: these are not copied first.
                    if let Some(inside) = plain(rest) {
                        at += inside.len() + 1;
                        if self.names_next() {
                            self.place = self.named(inside);
                        } else {
                            self.value_ends(inside, true);
                        }
                        continue;
                    }
                    self.token.clear();
                    self.long = false;
                    self.state = if self.names_next() {
                        State::Name
                    } else {
                        State::Text
                    };
                    return Ok(at);
                }
                b',' => self.place = self.next_place(),
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                    let rest = &bytes[at - 1..];
                    let rest = &rest[..rest.len().min(FIELD_BYTES)];
                    if let Some(end) = rest.iter().position(|byte| !is_of_word(*byte)) {
                        at += end - 1;
                        self.value_ends(&rest[..end], false);
                        continue;
                    }
                    self.token.clear();
                    self.long = false;
                    self.state = State::Word;
                    return Ok(at - 1);
                }
                // White space, colons, record separators.
                _ => {}
            }
        }
        Ok(at)
    }

    /// Whether the string that begins is a member's name: only there no member's place is known yet.
    fn names_next(&self) -> bool {
        self.open
            .last()
            .is_some_and(|container| !container.is_array)
            && self.place == NAME
    }

    /// The place of what comes behind a comma or an opening bracket.
    fn next_place(&self) -> u16 {
        match self.open.last() {
            None => self.root,
            Some(Container {
                is_array: false, ..
            }) => NAME,
            Some(Container { place: NOWHERE, .. }) => NOWHERE,
            Some(Container { place, .. }) => self.layout.place(*place).every.unwrap_or(NOWHERE),
        }
    }

    fn opens(&mut self, is_array: bool) {
        let place = self.place;
        if place != NOWHERE {
            let known = self.layout.place(place);
            if known.record {
                self.fields.iter_mut().for_each(Field::clear);
            }
            if let Some(field) = known.field {
                self.fields[usize::from(field)].kind = Kind::Other;
            }
        }
        self.open.push(Container { place, is_array });
        self.place = self.next_place();
    }

    fn closes<R: Records>(&mut self, records: &mut R) -> Result<(), R::Stop> {
        let closed = self.open.pop();
        self.place = match self.open.last() {
            None => self.root,
            Some(_) => NOWHERE,
        };
        match closed {
            Some(Container { place, .. })
                if place != NOWHERE && self.layout.place(place).record =>
            {
                records.record(&self.fields)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn string(&mut self, bytes: &[u8], at: usize) -> usize {
        let rest = &bytes[at..];
        let Some(end) = memchr2(b'"', b'\\', rest) else {
            self.take(rest);
            return bytes.len();
        };
        self.take(&rest[..end]);
        let in_name = self.state == State::Name;
        if rest[end] == b'\\' {
            self.take(b"\\");
            self.state = if in_name {
                State::EscapeInName
            } else {
                State::EscapeInText
            };
        } else {
            self.state = State::Between;
            if in_name {
                self.name_ends();
            } else {
                self.token_ends(true);
            }
        }
        at + end + 1
    }

    fn word(&mut self, bytes: &[u8], at: usize) -> usize {
        let rest = &bytes[at..];
        let end = rest.iter().position(|byte| !is_of_word(*byte));
        self.take(&rest[..end.unwrap_or(rest.len())]);
        if end.is_some() {
            self.state = State::Between;
            self.token_ends(false);
        }
        at + end.unwrap_or(rest.len())
    }

    fn name_ends(&mut self) {
        let container = self
            .open
            .last()
            .map_or(NOWHERE, |container| container.place);
        self.place = if container == NOWHERE {
            NOWHERE
        } else if self.long {
            self.layout.place(container).every.unwrap_or(NOWHERE)
        } else if self.token.contains(&b'\\') {
            let mut name = Vec::with_capacity(self.token.len());
            crate::transform::unescape(&self.token, &mut name);
            self.layout.member_at(container, &name)
        } else {
            self.layout.member_at(container, &self.token)
        };
        self.long = false;
    }

    /// The place of the member that is named so, as it is: short and without an escape.
    fn named(&self, name: &[u8]) -> u16 {
        match self.open.last() {
            Some(Container { place, .. }) if *place != NOWHERE => {
                self.layout.member_at(*place, name)
            }
            Some(_) | None => NOWHERE,
        }
    }

    /// The value that came in parts ends.
    fn token_ends(&mut self, is_string: bool) {
        let token = std::mem::take(&mut self.token);
        self.value_ends(&token, is_string);
        self.token = token;
        self.long = false;
    }

    /// A single value ends, `token`: of a string its inside.
    fn value_ends(&mut self, token: &[u8], is_string: bool) {
        let next = if self.open.is_empty() {
            self.root
        } else {
            NOWHERE
        };
        let place = std::mem::replace(&mut self.place, next);
        if place == NOWHERE {
            return;
        }
        let Some(field) = self.layout.place(place).field else {
            return;
        };
        let field = &mut self.fields[usize::from(field)];
        if self.long {
            field.kind = Kind::Other;
        } else if is_string {
            field.set_string(token);
        } else if token == b"null" {
            field.clear();
        } else {
            field.kind = Kind::Word;
            field.text.clear();
            field.text.extend_from_slice(token);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        // What stands where nothing is looked for is not kept.
        let in_name = matches!(self.state, State::Name | State::EscapeInName);
        if self.place == NOWHERE && !in_name {
            return;
        }
        if self.token.len() + bytes.len() > FIELD_BYTES {
            self.long = true;
        } else {
            self.token.extend_from_slice(bytes);
        }
    }
}

/// The inside of the string that `rest`, which stands behind its first quote, begins with; `None` where it has an escape,
/// is too long or is not all there.
fn plain(rest: &[u8]) -> Option<&[u8]> {
    let rest = &rest[..rest.len().min(FIELD_BYTES + 1)];
    let end = memchr2(b'"', b'\\', rest)?;
    (rest[end] == b'"').then(|| &rest[..end])
}

/// Whether numbers and words have such a byte.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// In place of a place: a member's name comes.
const NAME: u16 = NOWHERE - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Selector;

    /// Keeps what comes, as text.
    #[derive(Default)]
    struct Kept(Vec<String>);

    impl Records for Kept {
        type Stop = std::convert::Infallible;

        fn record(&mut self, fields: &[Field]) -> Result<(), Self::Stop> {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| format!("{:?} {}", field.kind, String::from_utf8_lossy(&field.text)))
                .collect();
            self.0.push(fields.join("; "));
            Ok(())
        }
    }

    fn read(record: &str, fields: &[&str], several: bool, json: &str) -> Vec<String> {
        let record = Selector::parse(record).unwrap();
        let mut layout = Layout::new(&record).unwrap();
        for field in fields {
            layout
                .field(&record, &Selector::parse(field).unwrap())
                .unwrap();
        }
        let mut found: Option<Vec<String>> = None;
        for cut in 0..=json.len() {
            let mut reader = JsonReader::new(layout.clone(), several);
            let mut kept = Kept::default();
            let (head, tail) = json.as_bytes().split_at(cut);
            for piece in [head, tail] {
                reader.read(piece, &mut kept).unwrap();
            }
            assert_eq!(
                found.get_or_insert_with(|| kept.0.clone()),
                &kept.0,
                "cut at {cut}"
            );
        }
        found.unwrap()
    }

    #[test]
    fn records_are_found_where_the_path_says() {
        for (record, fields, several, json, kept) in [
            (
                "$.a[*]",
                &["@.b"][..],
                false,
                r#"{"x":[{"b":9}],"a":[{"b":1,"c":2},{"b":"x"},{}]}"#,
                &["Word 1", "Text x", "Nothing "][..],
            ),
            (
                "$[*]",
                &["$[*].b.c", "@.d"],
                false,
                r#"[{"b":{"c":"1"},"d":null},{"d":-1.5e3}]"#,
                &["Text 1; Nothing ", "Nothing ; Word -1.5e3"],
            ),
            (
                "$[*]",
                &["@.b"],
                true,
                "{\"b\":true}\n{\"b\":\"q\\\"\\u00e9\"}\n",
                &["Word true", "Text q\"é"],
            ),
            (
                "$[*].p[*]",
                &["@.b"],
                true,
                "\u{1e}{\"p\":[{\"b\":1},{\"b\":2}]}\n\u{1e}{\"p\":[]}\n",
                &["Word 1", "Word 2"],
            ),
            (
                "$.a[*]",
                &["@.b"],
                false,
                r#"{"a":[{"\u0062":1,"z":{"b":7,"a":[{"b":8}]}},{"b":[1]},{"b":{"b":3}}]}"#,
                &["Word 1", "Other ", "Other "],
            ),
            (
                "$.a[*]",
                &["@.b"],
                false,
                r#"{"a":{"one":{"b":1},"two":{"b":2}}}"#,
                &["Word 1", "Word 2"],
            ),
            (
                "$.a[*]",
                &["@.b"],
                false,
                r#"{"a":[{"c":"b","b":1},{"c":["b",1],"b":2}]}"#,
                &["Word 1", "Word 2"],
            ),
            (
                "$.a[*]",
                &["@.b"],
                false,
                r#"{"a":[3,"b",{"b":2}]}"#,
                &["Word 2"],
            ),
            (
                "$[*].a[*]",
                &["@.b"],
                true,
                "null\n\"b\"\n[]\n{\"a\":[{\"b\":2}]}\n",
                &["Word 2"],
            ),
        ] {
            assert_eq!(
                read(record, fields, several, json),
                kept,
                "{record} in {json}"
            );
        }
    }

    #[test]
    fn what_is_too_long_is_no_value() {
        let json = format!(
            r#"[{{"b":"{}"}},{{"b":"{}"}}]"#,
            "x".repeat(FIELD_BYTES),
            "x".repeat(FIELD_BYTES + 1)
        );
        let found = read("$[*]", &["@.b"], false, &json);
        assert!(found[0].starts_with("Text xx") && found[1] == "Other ");
        // What comes behind it is what it is.
        let long = "x".repeat(FIELD_BYTES + 1);
        let json = format!(r#"[{{"{long}":1,"b":"{long}","c":"y","d":2}},{{"b":3}}]"#);
        let found = read("$[*]", &["@.b", "@.c", "@.d"], false, &json);
        assert_eq!(
            found,
            ["Other ; Text y; Word 2", "Word 3; Nothing ; Nothing "]
        );
    }
}
