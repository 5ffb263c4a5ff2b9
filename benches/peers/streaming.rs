//! A serde filter from a reader: `DeserializeSeed`s that write as they read, no tree. The best streaming way that
//! Rust's libraries offer. It checks less than the machine (a member named twice passes), and it writes numbers
//! as it understands them (`1.0e2` becomes `100.0`).

use std::fmt;
use std::io::{Read, Write as _};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What passes of a value.
#[derive(Clone, Copy)]
pub(crate) enum Filter {
    /// All of it.
    All,
    /// Nothing.
    Nothing,
    /// Of an object the members named, each through its filter; `others` through theirs.
    Members {
        named: &'static [(&'static str, Filter)],
        others: &'static Filter,
    },
    /// Of an array each element through a filter.
    Elements(&'static Filter),
    /// All but members of this name, at any depth.
    Without(&'static str),
}

/// Reads one document from `input` and appends what passes to `out`; `full` is called with it now and then, and
/// takes it away.
pub(crate) fn minimise(
    filter: Filter,
    input: impl Read,
    out: &mut Vec<u8>,
    full: &mut dyn FnMut(&mut Vec<u8>),
) {
    let mut json = serde_json::Deserializer::from_reader(input);
    let mut sink = Sink { out, full };
    Through {
        filter,
        sink: &mut sink,
    }
    .deserialize(&mut json)
    .expect("benches make JSON");
    json.end().expect("benches make one document");
    (sink.full)(sink.out);
}

/// As [`minimise`], from a document in memory, which serde reads faster.
pub(crate) fn minimise_slice(filter: Filter, input: &[u8], out: &mut Vec<u8>) {
    let mut json = serde_json::Deserializer::from_slice(input);
    let mut sink = Sink {
        out,
        full: &mut |_| {},
    };
    Through {
        filter,
        sink: &mut sink,
    }
    .deserialize(&mut json)
    .expect("benches make JSON");
    json.end().expect("benches make one document");
}

/// Of `{"records":[…]}` the dates of birth in households of band A:
/// `keep: $.records[?@.council_tax.band=='A'].person.dob`.
pub(crate) fn births_in_band_a(
    input: impl Read,
    out: &mut Vec<u8>,
    full: &mut dyn FnMut(&mut Vec<u8>),
) {
    let mut json = serde_json::Deserializer::from_reader(input);
    let mut sink = Sink { out, full };
    InBandA(&mut sink)
        .deserialize(&mut json)
        .expect("benches make JSON");
    json.end().expect("benches make one document");
    (sink.full)(sink.out);
}

struct Sink<'a> {
    out: &'a mut Vec<u8>,
    full: &'a mut dyn FnMut(&mut Vec<u8>),
}

impl Sink<'_> {
    fn string(&mut self, text: &str) {
        serde_json::to_writer(&mut *self.out, text).expect("a vector takes all that is written");
    }

    fn text(&mut self, text: fmt::Arguments<'_>) {
        self.out
            .write_fmt(text)
            .expect("a vector takes all that is written");
    }

    /// As a shell would: what has come together goes out in pieces.
    fn element_ends(&mut self) {
        if self.out.len() >= 64 << 10 {
            (self.full)(self.out);
        }
    }
}

/// A value on its way through a filter.
struct Through<'a, 'b> {
    filter: Filter,
    sink: &'a mut Sink<'b>,
}

impl<'de> DeserializeSeed<'de> for Through<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        match self.filter {
            Filter::Nothing => json.deserialize_ignored_any(IgnoredAny).map(drop),
            Filter::All | Filter::Members { .. } | Filter::Elements(_) | Filter::Without(_) => {
                json.deserialize_any(self)
            }
        }
    }
}

impl<'de> Visitor<'de> for Through<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.sink.text(format_args!("{value}"));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.sink.text(format_args!("{value}"));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.sink.text(format_args!("{value}"));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        serde_json::to_writer(&mut *self.sink.out, &value)
            .expect("a vector takes all that is written");
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.sink.string(value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.sink.text(format_args!("null"));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let filter = match self.filter {
            Filter::Elements(filter) => *filter,
            Filter::All | Filter::Without(_) => self.filter,
            Filter::Nothing | Filter::Members { .. } => Filter::Nothing,
        };
        self.sink.out.push(b'[');
        let mut first = true;
        loop {
            let element = Element {
                first,
                through: Through {
                    filter,
                    sink: self.sink,
                },
            };
            if elements.next_element_seed(element)?.is_none() {
                break;
            }
            first = matches!(filter, Filter::Nothing);
            self.sink.element_ends();
        }
        self.sink.out.push(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.sink.out.push(b'{');
        let mut first = true;
        while let Some(filter) = members.next_key_seed(Name {
            filter: self.filter,
            first: &mut first,
            sink: self.sink,
        })? {
            members.next_value_seed(Through {
                filter,
                sink: self.sink,
            })?;
        }
        self.sink.out.push(b'}');
        Ok(())
    }
}

/// An element of an array, with its comma.
struct Element<'a, 'b> {
    first: bool,
    through: Through<'a, 'b>,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        if !self.first {
            self.through.sink.out.push(b',');
        }
        self.through.deserialize(json)
    }
}

/// A member's name: written if its value passes; gives the value's filter.
struct Name<'a, 'b> {
    filter: Filter,
    first: &'a mut bool,
    sink: &'a mut Sink<'b>,
}

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = Filter;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Filter, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = Filter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Filter, E> {
        let filter = match self.filter {
            Filter::Members { named, others } => named
                .iter()
                .find(|(known, _)| *known == name)
                .map_or(*others, |(_, filter)| *filter),
            Filter::Without(unwanted) if unwanted == name => Filter::Nothing,
            Filter::All | Filter::Without(_) => self.filter,
            Filter::Nothing | Filter::Elements(_) => Filter::Nothing,
        };
        if !matches!(filter, Filter::Nothing) {
            if !std::mem::take(self.first) {
                self.sink.out.push(b',');
            }
            self.sink.string(name);
            self.sink.out.push(b':');
        }
        Ok(filter)
    }
}

/// What a filter must know of a record, and what leaves of it; serde passes over the rest.
#[derive(Deserialize)]
struct Record {
    person: Person,
    council_tax: CouncilTax,
}

#[derive(Deserialize)]
struct Person {
    dob: String,
}

#[derive(Deserialize)]
struct CouncilTax {
    band: String,
}

/// The document, then its array of records.
struct InBandA<'a, 'b>(&'a mut Sink<'b>);

impl<'de> DeserializeSeed<'de> for InBandA<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for InBandA<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if name == "records" {
                self.0.text(format_args!(r#"{{"records":"#));
                members.next_value_seed(InBandA(self.0))?;
                self.0.out.push(b'}');
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut before = '[';
        while let Some(record) = elements.next_element::<Record>()? {
            if record.council_tax.band == "A" {
                self.0.text(format_args!(r#"{before}{{"person":{{"dob":"#));
                self.0.string(&record.person.dob);
                self.0.text(format_args!("}}}}"));
                before = ',';
                self.0.element_ends();
            }
        }
        if before == '[' {
            self.0.out.push(b'[');
        }
        self.0.out.push(b']');
        Ok(())
    }
}
