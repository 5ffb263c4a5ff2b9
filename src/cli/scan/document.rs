//! JSON as it comes, without a tree of it.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::counts::Counts;

/// Walks one document, or documents one behind the other.
///
/// # Errors
/// What is wrong with the JSON and where, without its text.
pub(super) fn read(from: &mut impl Read, several: bool, counts: &mut Counts) -> Result<(), String> {
    let mut json = serde_json::Deserializer::from_reader(from);
    let mark = several.then(|| counts.elements());
    loop {
        if several && json.end().is_ok() {
            break;
        }
        Value(counts)
            .deserialize(&mut json)
            .map_err(|error| fault(&error))?;
        if !several {
            json.end().map_err(|error| fault(&error))?;
            break;
        }
    }
    if let Some(mark) = mark {
        counts.leave(mark);
    }
    Ok(())
}

fn fault(error: &serde_json::Error) -> String {
    // The walk takes every value, so that no message shows one.
    format!("no JSON: {error}; give its format with --format")
}

/// One value, walked.
struct Value<'a>(&'a mut Counts);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.value(text);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.value(&number.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mark = self.0.elements();
        while elements.next_element_seed(Value(self.0))?.is_some() {}
        self.0.leave(mark);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let mark = self.0.member(&name);
            members.next_value_seed(Value(self.0))?;
            self.0.leave(mark);
        }
        Ok(())
    }
}
