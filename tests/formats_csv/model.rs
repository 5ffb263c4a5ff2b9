//! Tables read plainly, character by character, and what leaves of them, said by the document model of JSON.
//!
//! Shares nothing with the machine but the rules' types and the transforms, which have tests of their own.

use std::collections::BTreeSet;

use fieldgate::minimise::{BodyFault, Limits};
use fieldgate::plan::{BodyRules, Csv, Header, Ragged, Rule, Selector};
use serde_json::{Map, Value};

use super::harness::Ran;
use super::oracle::{self, Refused};
use super::support::keys;

/// A table as it stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Each row's values, quotes included; the first is the header where the table has one.
    pub(crate) rows: Vec<Vec<String>>,
    /// Each row's line end: that of the last may be empty.
    pub(crate) ends: Vec<&'static str>,
    pub(crate) names: Vec<String>,
    pub(crate) headed: bool,
}

/// A value's text.
pub(crate) fn text(raw: &str) -> String {
    match raw.strip_prefix('"') {
        Some(inside) => inside[..inside.len() - 1].replace("\"\"", "\""),
        None => raw.to_owned(),
    }
}

/// Reads `body`, UTF-8, as `docs/FORMATS.md` says; a fault with the offset of the first byte that is wrong.
pub(crate) fn read(body: &[u8], csv: &Csv) -> Result<Table, (BodyFault, usize)> {
    let (sound, broken) = match std::str::from_utf8(body) {
        Ok(text) => (text, None),
        Err(error) => {
            let (sound, _) = body.split_at(error.valid_up_to());
            (std::str::from_utf8(sound).unwrap(), Some(sound.len()))
        }
    };
    let mut reader = Reading::new(csv);
    let skipped = if sound.starts_with('\u{feff}') { 3 } else { 0 };
    for (at, character) in sound[skipped..].char_indices() {
        reader.next(at + skipped, character)?;
    }
    match broken {
        Some(at) => Err((BodyFault::NotUtf8, at)),
        None => reader.end(body.len()),
    }
}

#[derive(Debug, PartialEq)]
enum State {
    Start,
    Bare,
    Quoted,
    Closed,
    Return,
}

struct Reading<'a> {
    csv: &'a Csv,
    table: Table,
    state: State,
    row: Vec<String>,
    value: String,
    value_at: usize,
}

impl<'a> Reading<'a> {
    fn new(csv: &'a Csv) -> Self {
        let mut table = Table::default();
        match &csv.header {
            Header::FirstRow => table.headed = true,
            Header::Named(names) => table.names.clone_from(names),
        }
        Self {
            csv,
            table,
            state: State::Start,
            row: Vec::new(),
            value: String::new(),
            value_at: 0,
        }
    }

    fn in_header(&self) -> bool {
        self.table.headed && self.table.rows.is_empty()
    }

    fn next(&mut self, at: usize, character: char) -> Result<(), (BodyFault, usize)> {
        let malformed = Err((BodyFault::Malformed, at));
        if character.is_ascii_control() && !"\t\r\n".contains(character) {
            return malformed;
        }
        let separator = char::from(self.csv.separator);
        match self.state {
            State::Return if character == '\n' => return self.row_ends("\r\n"),
            State::Return => return malformed,
            State::Quoted => {
                self.value.push(character);
                if character == '"' {
                    self.state = State::Closed;
                }
                return Ok(());
            }
            State::Closed if character == '"' => {
                self.value.push(character);
                self.state = State::Quoted;
                return Ok(());
            }
            State::Start if character == '"' => {
                self.value_at = at;
                self.value.push(character);
                self.state = State::Quoted;
                return Ok(());
            }
            State::Start => self.value_at = at,
            State::Bare | State::Closed => {}
        }
        if character == separator {
            self.value_ends()?;
            if !self.in_header() && self.row.len() == self.table.names.len() {
                return Err((BodyFault::Ragged, at));
            }
            self.state = State::Start;
            return Ok(());
        }
        match character {
            '\r' | '\n' => {
                if self.state == State::Start && self.row.is_empty() {
                    return malformed;
                }
                self.value_ends()?;
                self.row_closes(at)?;
                if character == '\n' {
                    return self.row_ends("\n");
                }
                self.state = State::Return;
                Ok(())
            }
            '"' => malformed,
            _ if self.state == State::Closed => malformed,
            _ => {
                self.value.push(character);
                self.state = State::Bare;
                Ok(())
            }
        }
    }

    fn value_ends(&mut self) -> Result<(), (BodyFault, usize)> {
        let raw = std::mem::take(&mut self.value);
        if self.in_header() {
            let name = text(&raw);
            if raw.to_ascii_lowercase().starts_with("sep=") || raw.starts_with('\u{feff}') {
                return Err((BodyFault::Malformed, self.value_at));
            }
            if self.table.names.contains(&name) {
                return Err((BodyFault::DuplicateName, self.value_at));
            }
            self.table.names.push(name);
        }
        self.row.push(raw);
        Ok(())
    }

    fn row_closes(&self, at: usize) -> Result<(), (BodyFault, usize)> {
        let short = self.row.len() < self.table.names.len();
        if short && self.csv.ragged == Ragged::Refuse {
            return Err((BodyFault::Ragged, at));
        }
        Ok(())
    }

    fn row_ends(&mut self, end: &'static str) -> Result<(), (BodyFault, usize)> {
        self.row.resize(self.table.names.len(), String::new());
        self.table.rows.push(std::mem::take(&mut self.row));
        self.table.ends.push(end);
        self.state = State::Start;
        Ok(())
    }

    fn end(mut self, length: usize) -> Result<Table, (BodyFault, usize)> {
        let truncated = Err((BodyFault::Truncated, length));
        match self.state {
            State::Quoted | State::Return => return truncated,
            State::Start if self.row.is_empty() => {}
            State::Start | State::Bare | State::Closed => {
                if self.state == State::Start {
                    self.value_at = length;
                }
                self.value_ends()?;
                self.row_closes(length)?;
                self.row_ends("")?;
            }
        }
        if self.in_header() {
            return truncated;
        }
        Ok(self.table)
    }
}

impl Table {
    /// The rows behind the header.
    pub(crate) fn data(&self) -> &[Vec<String>] {
        &self.rows[usize::from(self.headed)..]
    }

    /// What leaves where each column passes or stays as `passes` says of its name: byte for byte.
    pub(crate) fn with_columns(&self, separator: u8, passes: impl Fn(&str) -> bool) -> String {
        let wanted: Vec<usize> = (0..self.names.len())
            .filter(|&column| passes(&self.names[column]))
            .collect();
        let mut out = String::new();
        if wanted.is_empty() {
            return out;
        }
        for (row, end) in self.rows.iter().zip(&self.ends) {
            let values: Vec<&str> = wanted.iter().map(|&column| row[column].as_str()).collect();
            if values == [""] {
                out.push_str("\"\"");
            } else {
                out.push_str(&values.join(&char::from(separator).to_string()));
            }
            out.push_str(end);
        }
        out
    }

    /// The table as the selectors see it. An empty value is `null` to transforms.
    fn json(&self, rows: &[Vec<String>]) -> Value {
        let object = |row: &Vec<String>| -> Value {
            let members = self.names.iter().zip(row).map(|(name, raw)| {
                let text = text(raw);
                let value = if text.is_empty() {
                    Value::Null
                } else {
                    Value::String(text)
                };
                (name.clone(), value)
            });
            Value::Object(members.collect::<Map<_, _>>())
        };
        Value::Array(rows.iter().map(object).collect())
    }

    /// The columns that can leave in some row: those that leave of a table of rows that every transform takes, where
    /// some filters hold of all rows and the others of none.
    fn showing(&self, rules: &BodyRules) -> Vec<usize> {
        let filters: BTreeSet<&str> = rules.fields.iter().filter_map(filter_of).collect();
        let mut showing = BTreeSet::new();
        for set in 0..1_u32 << filters.len() {
            let holds = |filter: &str| {
                let place = filters.iter().position(|of| *of == filter);
                place.is_some_and(|place| set >> place & 1 == 1)
            };
            let mut fields = rules.fields.clone();
            fields.retain(|rule| filter_of(rule).is_none_or(holds));
            for rule in &mut fields {
                if let Some(filter) = filter_of(rule) {
                    let all = rule.selector.text().replacen(filter, "*", 1);
                    rule.selector = Selector::parse(&all).unwrap();
                }
            }
            showing.extend(self.showing_unasked(&BodyRules {
                fields,
                ..rules.clone()
            }));
        }
        showing.into_iter().collect()
    }

    fn showing_unasked(&self, rules: &BodyRules) -> Vec<usize> {
        let rules = BodyRules {
            record: None,
            subject: None,
            release_if: None,
            ..rules.clone()
        };
        let row = vec!["1941-01-01".to_owned(); self.names.len()];
        let all = self.json(&vec![row; SAMPLE_ROWS]);
        let elements = leaving(&rules, &all).unwrap().elements;
        let leaves = |name: &String| elements.iter().any(|element| element.contains_key(name));
        (0..self.names.len())
            .filter(|&column| leaves(&self.names[column]))
            .collect()
    }

    /// Holds what the machine gave against the document model.
    pub(crate) fn assert_agrees(
        &self,
        rules: &BodyRules,
        csv: &Csv,
        ran: &Result<Ran, fieldgate::minimise::BodyError>,
        context: &dyn Fn() -> String,
    ) {
        let model = leaving(rules, &self.json(self.data()));
        let (model, ran) = match (model, ran) {
            (Ok(model), Ok(ran)) => (model, ran),
            (Err(Refused::Mismatch), Err(error)) => {
                assert_eq!(error.fault, BodyFault::Mismatch, "{}", context());
                return;
            }
            (model, ran) => panic!("{model:?} and {ran:?}\n{}", context()),
        };
        assert_eq!(
            (ran.tally.records_released, ran.tally.records_withheld),
            (model.released, model.withheld),
            "records\n{}",
            context()
        );
        assert_eq!(ran.subjects, model.subjects, "subjects\n{}", context());
        let showing = self.showing(rules);
        if model.withheld > 0 && rules.record.as_ref().is_some_and(|r| r.text() == "$") {
            assert_eq!(ran.text, "", "{}", context());
            return;
        }
        let left = read_as_others_do(&ran.text, csv);
        let mut left = left.into_iter();
        if self.headed && !showing.is_empty() {
            let names: Vec<String> = showing.iter().map(|&c| self.names[c].clone()).collect();
            let header = left.next();
            assert_eq!(header, Some(names), "{}", context());
        }
        let value = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                value.to_string()
            }
        };
        let row = |element: &Map<String, Value>| -> Vec<String> {
            let names = showing.iter().map(|&column| &self.names[column]);
            names
                .map(|name| element.get(name).map_or_else(String::new, value))
                .collect()
        };
        // Containers in which nothing passes are left out or not by rules that tables do not know.
        let full = |row: &Vec<String>| row.iter().any(|value| !value.is_empty());
        let expected: Vec<_> = model.elements.iter().map(row).filter(full).collect();
        let found: Vec<_> = left.filter(full).collect();
        assert_eq!(found, expected, "{}\n{}", ran.text, context());
    }
}

/// The filter on rows that a selector starts with.
fn filter_of(rule: &Rule) -> Option<&str> {
    let filter = rule.selector.text().strip_prefix("$[")?;
    let (filter, _) = filter.split_once(']')?;
    filter.starts_with('?').then_some(filter)
}

/// Rows of a table that shows which columns can leave: more than the indexes of the tests' rules.
const SAMPLE_ROWS: usize = 8;

#[derive(Debug)]
struct Model {
    elements: Vec<Map<String, Value>>,
    released: u64,
    withheld: u64,
    subjects: Vec<fieldgate::minimise::SubjectToken>,
}

fn leaving(rules: &BodyRules, table: &Value) -> Result<Model, Refused> {
    let body = table.to_string();
    let left = oracle::minimise(rules, &keys(), &Limits::default(), body.as_bytes())?;
    // A root that stays behind leaves `null`.
    let left_rows: Option<Vec<Map<String, Value>>> = serde_json::from_str(&left.text).unwrap();
    let elements = left_rows.unwrap_or_default();
    Ok(Model {
        elements,
        released: left.released,
        withheld: left.withheld,
        subjects: left.subjects,
    })
}

/// The rows of `table` as the `csv` crate reads them, which finds a reading for everything.
pub(crate) fn read_as_others_do(table: &str, csv: &Csv) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(csv.separator)
        .from_reader(table.as_bytes());
    reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}
