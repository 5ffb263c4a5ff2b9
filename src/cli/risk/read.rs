//! The records of a file, one after another: of a JSON array, of JSON lines, of a table's rows.

use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// What a file's records are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum RecordsFormat {
    /// An array of records, or one record
    Json,
    /// A record a line
    Ndjson,
    /// A table, the first row naming the columns
    Csv,
    /// The same with tabs
    Tsv,
}

impl RecordsFormat {
    /// The format that a file's name says it has; JSON where it says nothing.
    pub(super) fn of_name(name: &str) -> Self {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension.to_ascii_lowercase().as_str() {
            "ndjson" | "jsonl" => Self::Ndjson,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            _ => Self::Json,
        }
    }
}

/// Bytes of one row or line, at most.
const LONGEST_ROW: u64 = 16 << 20;

/// Why records cannot be had. Says nothing of what is in them (P7).
#[derive(Debug)]
pub(super) enum ReadFault<E> {
    /// The file cannot be read.
    Io(std::io::Error),
    /// It is not in its format: what and where.
    Content(String),
    /// The receiver wants no more.
    Receiver(E),
}

/// Gives each record of `input` to `each`. In a JSON document the records are the elements of the array at `within`,
/// member names from the root on, or what stands there if it is no array.
///
/// # Errors
/// If the input cannot be read or is not in its format, and the first error of `each`.
pub(super) fn records<E>(
    input: impl BufRead,
    format: RecordsFormat,
    within: &[String],
    each: &mut dyn FnMut(&Value) -> Result<(), E>,
) -> Result<(), ReadFault<E>> {
    match format {
        RecordsFormat::Json => json(input, within, each),
        RecordsFormat::Ndjson => lines(input, each),
        RecordsFormat::Csv => table(input, b',', each),
        RecordsFormat::Tsv => table(input, b'\t', each),
    }
}

fn json<E>(
    input: impl BufRead,
    within: &[String],
    each: &mut dyn FnMut(&Value) -> Result<(), E>,
) -> Result<(), ReadFault<E>> {
    let mut stopped = None;
    let mut found = false;
    let mut reader = serde_json::Deserializer::from_reader(input);
    let read = Descent {
        within,
        found: &mut found,
        each: &mut |record| each(record).map_err(|error| stopped = Some(error)),
    }
    .deserialize(&mut reader)
    .and_then(|()| reader.end());
    match (read, stopped) {
        (_, Some(error)) => Err(ReadFault::Receiver(error)),
        (Err(error), None) if error.is_io() => Err(ReadFault::Io(error.into())),
        (Err(error), None) => Err(ReadFault::Content(at(&error, 0))),
        (Ok(()), None) if !found => Err(ReadFault::Content(
            "nothing stands where --records says that records are".to_owned(),
        )),
        (Ok(()), None) => Ok(()),
    }
}

/// Where JSON ends to be JSON. The parser's own words could quote a value.
fn at(error: &serde_json::Error, lines_before: usize) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "ends before it is complete",
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Data => "is no JSON that this reads",
    };
    format!(
        "line {}, column {}: {what}",
        lines_before + error.line(),
        error.column()
    )
}

/// Goes down by member names to the records, which are never held together.
struct Descent<'a> {
    within: &'a [String],
    found: &'a mut bool,
    each: &'a mut dyn FnMut(&Value) -> Result<(), ()>,
}

impl<'de> DeserializeSeed<'de> for Descent<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Descent<'_> {
    fn one<E: serde::de::Error>(self, record: &Value) -> Result<(), E> {
        *self.found = true;
        (self.each)(record).map_err(|()| E::custom("stopped"))
    }

    /// A single value: a record only where records are looked for.
    fn single<E: serde::de::Error>(self, record: Value) -> Result<(), E> {
        if self.within.is_empty() {
            self.one(&record)
        } else {
            Ok(())
        }
    }
}

impl<'de> Visitor<'de> for Descent<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        if !self.within.is_empty() {
            while elements.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        *self.found = true;
        while let Some(record) = elements.next_element::<Value>()? {
            (self.each)(&record).map_err(|()| serde::de::Error::custom("stopped"))?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.within.split_first() else {
            let mut record = Map::new();
            while let Some((name, value)) = members.next_entry()? {
                record.insert(name, value);
            }
            return self.one(&Value::Object(record));
        };
        while let Some(name) = members.next_key::<String>()? {
            if name == *first {
                members.next_value_seed(Descent {
                    within: rest,
                    found: &mut *self.found,
                    each: &mut *self.each,
                })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.single(value.into())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.single(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.single(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.single(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.single(value.into())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.single(Value::Null)
    }
}

fn lines<E>(
    mut input: impl BufRead,
    each: &mut dyn FnMut(&Value) -> Result<(), E>,
) -> Result<(), ReadFault<E>> {
    let mut line = Vec::new();
    for number in 0.. {
        line.clear();
        if !next_line(&mut input, &mut line, number)? {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let record = serde_json::from_slice(&line)
            .map_err(|error| ReadFault::Content(at(&error, number)))?;
        each(&record).map_err(ReadFault::Receiver)?;
    }
    Ok(())
}

/// Appends the next line, line end and all; `false` at the end.
fn next_line<E>(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    number: usize,
) -> Result<bool, ReadFault<E>> {
    let before = line.len();
    let room = LONGEST_ROW.saturating_sub(before as u64) + 1;
    input
        .take(room)
        .read_until(b'\n', line)
        .map_err(ReadFault::Io)?;
    if line.len() as u64 > LONGEST_ROW {
        return Err(ReadFault::Content(format!(
            "line {}: longer than 16 MiB",
            number + 1
        )));
    }
    Ok(line.len() > before)
}

fn table<E>(
    mut input: impl BufRead,
    separator: u8,
    each: &mut dyn FnMut(&Value) -> Result<(), E>,
) -> Result<(), ReadFault<E>> {
    let mut names: Option<Vec<String>> = None;
    let mut row = Vec::new();
    let mut number = 0;
    loop {
        row.clear();
        let first = number;
        // A line's end inside quotation marks, of which as many open as close, is not the row's.
        loop {
            if !next_line(&mut input, &mut row, number)? {
                break;
            }
            number += 1;
            if row.iter().filter(|byte| **byte == b'"').count() % 2 == 0 {
                break;
            }
        }
        if row.is_empty() {
            return Ok(());
        }
        let fault = |what: &str| ReadFault::Content(format!("line {}: {what}", first + 1));
        let text = std::str::from_utf8(&row).map_err(|_| fault("not UTF-8 text"))?;
        let text = text
            .strip_prefix('\u{feff}')
            .filter(|_| first == 0)
            .unwrap_or(text);
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() {
            continue;
        }
        let values =
            cells(text, separator).ok_or_else(|| fault("a quotation mark inside a value"))?;
        let Some(names) = &names else {
            names = Some(values);
            continue;
        };
        if values.len() != names.len() {
            return Err(fault("more or fewer values than the first row has"));
        }
        let members = names
            .iter()
            .cloned()
            .zip(values.into_iter().map(Value::String));
        each(&Value::Object(members.collect())).map_err(ReadFault::Receiver)?;
    }
}

/// The values of one row without its line end (RFC 4180).
fn cells(row: &str, separator: u8) -> Option<Vec<String>> {
    let separator = char::from(separator);
    let mut cells = Vec::new();
    let mut rest = row;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(separator).unwrap_or(rest.len());
                let (cell, after) = rest.split_at(end);
                if cell.contains('"') {
                    return None;
                }
                (cell.to_owned(), after)
            }
            Some(mut inside) => {
                let mut cell = String::new();
                loop {
                    let (before, after) = inside.split_once('"')?;
                    cell.push_str(before);
                    match after.strip_prefix('"') {
                        Some(more) => {
                            cell.push('"');
                            inside = more;
                        }
                        None => break (cell, after),
                    }
                }
            }
        };
        cells.push(cell);
        match after.strip_prefix(separator) {
            Some(more) => rest = more,
            None if after.is_empty() => return Some(cells),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: RecordsFormat, within: &[&str]) -> Result<Vec<String>, String> {
        let within: Vec<String> = within.iter().map(ToString::to_string).collect();
        let mut found = Vec::new();
        let mut each = |record: &Value| {
            found.push(record.to_string());
            if found.len() < 4 {
                Ok(())
            } else {
                Err("enough")
            }
        };
        match records(text.as_bytes(), format, &within, &mut each) {
            Ok(()) => Ok(found),
            Err(ReadFault::Io(error)) => Err(error.to_string()),
            Err(ReadFault::Content(message)) => Err(message),
            Err(ReadFault::Receiver(message)) => Err(message.to_owned()),
        }
    }

    #[test]
    fn records_are_found_in_each_format() {
        use RecordsFormat as F;
        let rows: &[(F, &[&str], &str, &[&str])] = &[
            (
                F::Json,
                &[],
                r#"[{"a":1},{"a":2}]"#,
                &[r#"{"a":1}"#, r#"{"a":2}"#],
            ),
            (F::Json, &[], r#"{"a":1}"#, &[r#"{"a":1}"#]),
            (F::Json, &[], "[]", &[]),
            (
                F::Json,
                &["x", "y"],
                r#"{"n":[1],"x":{"y":[1,null],"z":[2]}}"#,
                &["1", "null"],
            ),
            (F::Json, &["x"], r#"{"x":{"a":[1]}}"#, &[r#"{"a":[1]}"#]),
            (
                F::Ndjson,
                &[],
                "{\"a\":1}\r\n\n{\"a\":2}",
                &[r#"{"a":1}"#, r#"{"a":2}"#],
            ),
            (
                F::Csv,
                &[],
                "a,b\r\n1,\"x,\n\"\"y\"\"\"\r\n\r\n,\r\n",
                &[r#"{"a":"1","b":"x,\n\"y\""}"#, r#"{"a":"","b":""}"#],
            ),
            (F::Csv, &[], "\u{feff}a\n1", &[r#"{"a":"1"}"#]),
            (F::Csv, &[], "", &[]),
            (F::Tsv, &[], "a\tb\n1,2\t3\n", &[r#"{"a":"1,2","b":"3"}"#]),
        ];
        for (format, within, text, expected) in rows {
            let found =
                read(text, *format, within).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(found, *expected, "{text}");
        }
    }

    #[test]
    fn p7_what_cannot_be_read_is_told_by_its_place_alone() {
        use RecordsFormat as F;
        for (format, within, text, expected) in [
            (
                F::Json,
                &[] as &[&str],
                "[{\"a\":1},\n{\"a\":SECRET}]",
                "line 2, column 6: is no JSON that this reads",
            ),
            (
                F::Json,
                &[],
                "[1",
                "line 1, column 2: ends before it is complete",
            ),
            (
                F::Json,
                &[],
                "[1] 2",
                "line 1, column 5: is no JSON that this reads",
            ),
            (
                F::Json,
                &["x"],
                "{\"y\":[1]}",
                "nothing stands where --records says that records are",
            ),
            (
                F::Json,
                &["x"],
                "[1]",
                "nothing stands where --records says that records are",
            ),
            (F::Json, &[], "[1,2,3,4,5]", "enough"),
            (
                F::Ndjson,
                &[],
                "1\n\n{SECRET\n",
                "line 3, column 2: is no JSON that this reads",
            ),
            (
                F::Csv,
                &[],
                "a,b\n1\n",
                "line 2: more or fewer values than the first row has",
            ),
            (
                F::Csv,
                &[],
                "a,b\n\"1\n2\",3\n\"SECRET\"x,4\n",
                "line 4: a quotation mark inside a value",
            ),
            (
                F::Csv,
                &[],
                "a\n\"SECRET\n",
                "line 2: a quotation mark inside a value",
            ),
            (
                F::Csv,
                &[],
                "a\nSEC\"\"RET\n",
                "line 2: a quotation mark inside a value",
            ),
        ] {
            assert_eq!(
                read(text, format, within),
                Err(expected.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_format_is_known_by_the_name() {
        for (name, format) in [
            ("a.json", RecordsFormat::Json),
            ("a.NDJSON", RecordsFormat::Ndjson),
            ("a.b.jsonl", RecordsFormat::Ndjson),
            ("a.csv", RecordsFormat::Csv),
            ("a.tsv", RecordsFormat::Tsv),
            ("a", RecordsFormat::Json),
            ("-", RecordsFormat::Json),
        ] {
            assert_eq!(RecordsFormat::of_name(name), format, "{name}");
        }
    }
}
