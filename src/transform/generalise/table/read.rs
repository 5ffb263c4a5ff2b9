//! A table's file: strict CSV, one pass, every fault with its row.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{
    LONGEST_KEY, LONGEST_VALUE, MOST_COLUMNS, MOST_ROWS, Postcode, Table, TableColumns, TableKey,
    push_quoted, span,
};

/// What is wrong with a table. Quotes no value of it: a table may name places where people live.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// Not text.
    #[error("row {row}: not UTF-8 text; save the file as UTF-8")]
    NotUtf8 {
        /// The row, the first being 1.
        row: usize,
    },
    /// No first row.
    #[error("the file is empty; its first row names the columns")]
    Empty,
    /// A column that the rule names is not there.
    #[error("no column is named `{name}`; the columns are {columns}")]
    NoColumn {
        /// The name.
        name: String,
        /// The columns' names.
        columns: String,
    },
    /// Two columns have a name that the rule names.
    #[error("two columns are named `{name}`; rename one")]
    ColumnTwice {
        /// The name.
        name: String,
    },
    /// Key and value are one column.
    #[error(
        "`{name}` is the column of the keys, so that values would leave as they are; name another column"
    )]
    KeyIsValue {
        /// The name.
        name: String,
    },
    /// A quotation mark where none can be.
    #[error(
        "row {row}: a quotation mark inside a value; a value with one is quoted whole and has it doubled"
    )]
    Quote {
        /// The row, the first being 1.
        row: usize,
    },
    /// More or fewer values than columns.
    #[error(
        "row {row} has {found} values, the first row {expected}; each row has one for each column"
    )]
    Ragged {
        /// The row, the first being 1.
        row: usize,
        /// Values in it.
        found: usize,
        /// Columns.
        expected: usize,
    },
    /// A key that is none.
    #[error("row {row} has no key; each row has one")]
    NoKey {
        /// The row, the first being 1.
        row: usize,
    },
    /// A key that is no postcode by its grammar.
    #[error("the key of row {row} is no postcode; correct it, or leave `from: postcode` out")]
    NotPostcode {
        /// The row, the first being 1.
        row: usize,
    },
    /// A key that is there already: which of the two counts would be a guess.
    #[error("the keys of rows {first} and {row} are the same; leave one out")]
    Duplicate {
        /// The later row, the first of the file being 1.
        row: usize,
        /// The earlier.
        first: usize,
    },
    /// Something is longer than it may be.
    #[error("row {row}: {what}")]
    TooLarge {
        /// The row, the first being 1.
        row: usize,
        /// What, and its limit.
        what: &'static str,
    },
}

/// As [`Table::read`].
pub(super) fn read(csv: &[u8], columns: &TableColumns) -> Result<Table, TableFault> {
    let csv = csv.strip_prefix("\u{feff}".as_bytes()).unwrap_or(csv);
    let text = std::str::from_utf8(csv).map_err(|error| {
        let before = &csv[..error.valid_up_to()];
        let row = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        TableFault::NotUtf8 { row }
    })?;
    let mut rows = Rows {
        rest: text,
        row: 0,
        values: Vec::new(),
    };
    if !rows.next()? {
        return Err(TableFault::Empty);
    }
    let width = rows.values.len();
    let (key, value) = places(&rows.values, columns)?;
    let mut building = Building::default();
    let mut canonical = Vec::new();
    while rows.next()? {
        if rows.values.len() != width {
            return Err(TableFault::Ragged {
                row: rows.row,
                found: rows.values.len(),
                expected: width,
            });
        }
        canonical.clear();
        match columns.from {
            _ if rows.values[key].is_empty() => return Err(TableFault::NoKey { row: rows.row }),
            TableKey::Text => canonical.extend_from_slice(rows.values[key].as_bytes()),
            TableKey::Postcode => push_postcode(&rows.values[key], &mut canonical)
                .ok_or(TableFault::NotPostcode { row: rows.row })?,
        }
        building.add(&canonical, rows.values.swap_remove(value), rows.row)?;
    }
    building.finish(columns.from)
}

/// Where keys and values stand among the columns.
fn places(names: &[Cow<'_, str>], columns: &TableColumns) -> Result<(usize, usize), TableFault> {
    let place = |name: &str| {
        let mut found = (0..names.len()).filter(|place| names[*place] == name);
        match (found.next(), found.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(TableFault::ColumnTwice {
                name: name.to_owned(),
            }),
            (None, _) => Err(TableFault::NoColumn {
                name: name.to_owned(),
                columns: names.join(", "),
            }),
        }
    };
    let key = columns.key.as_deref().map_or(Ok(0), place)?;
    let value = place(&columns.value)?;
    if key == value {
        return Err(TableFault::KeyIsValue {
            name: columns.value.clone(),
        });
    }
    Ok((key, value))
}

/// Appends the canonical form of a postcode: what its grammar takes for one, and the codes that stand for none, which
/// a published table has and no value is ever looked up by.
fn push_postcode(text: &str, canonical: &mut Vec<u8>) -> Option<()> {
    if let Some(postcode) = Postcode::parse(text.as_bytes()) {
        canonical.extend_from_slice(postcode.whole()?);
        return Some(());
    }
    let letters = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
    canonical.extend(letters.map(|byte| byte.to_ascii_uppercase()));
    match canonical.as_slice() {
        [b'A'..=b'Z', outward @ .., digit, first, second]
            if (1..=3).contains(&outward.len())
                && outward.iter().all(u8::is_ascii_alphanumeric)
                && digit.is_ascii_digit()
                && [first, second].iter().all(|byte| byte.is_ascii_uppercase()) =>
        {
            Some(())
        }
        _ => None,
    }
}

/// A table as far as it has been read, its keys in the order of the rows.
#[derive(Default)]
struct Building<'a> {
    keys: Vec<u8>,
    ends: Vec<u32>,
    numbers: Vec<u32>,
    /// For each key its row.
    rows: Vec<u32>,
    values: Vec<u8>,
    value_ends: Vec<u32>,
    known: HashMap<Cow<'a, str>, u32>,
}

impl<'a> Building<'a> {
    fn add(&mut self, key: &[u8], value: Cow<'a, str>, row: usize) -> Result<(), TableFault> {
        let too_large = |what| TableFault::TooLarge { row, what };
        if key.len() > LONGEST_KEY {
            return Err(too_large("its key is longer than 128 bytes"));
        }
        if value.len() > LONGEST_VALUE {
            return Err(too_large("its value is longer than 256 bytes"));
        }
        if self.rows.len() == MOST_ROWS {
            return Err(too_large(
                "more than 8 million rows; leave out those that are not needed",
            ));
        }
        // With eight million rows and the limits above, no number here needs more than 31 bits.
        let short =
            |length: usize| u32::try_from(length).expect("rows and their lengths are limited");
        let next = short(self.value_ends.len());
        let number = match self.known.get(&value) {
            Some(number) => *number,
            // Kept among the keys until all are sorted, so that a second row with the key is found.
            None if value.is_empty() => NO_VALUE,
            None => {
                push_quoted(&value, &mut self.values);
                self.value_ends.push(short(self.values.len()));
                self.known.insert(value, next);
                next
            }
        };
        self.keys.extend_from_slice(key);
        self.ends.push(short(self.keys.len()));
        self.numbers.push(number);
        self.rows.push(short(row));
        Ok(())
    }

    fn finish(mut self, from: TableKey) -> Result<Table, TableFault> {
        drop(self.known);
        let key = |index: u32| span(&self.keys, &self.ends, index as usize);
        let mut order: Vec<u32> = (0_u32..).take(self.ends.len()).collect();
        // Rows of one key stay in their order, so that the earlier is told as the first.
        order.sort_by(|one, other| key(*one).cmp(key(*other)));
        if let Some(pair) = order.windows(2).find(|pair| key(pair[0]) == key(pair[1])) {
            let row = |index: u32| self.rows[index as usize] as usize;
            return Err(TableFault::Duplicate {
                row: row(pair[1]),
                first: row(pair[0]),
            });
        }
        order.retain(|index| self.numbers[*index as usize] != NO_VALUE);
        let mut keys = Vec::with_capacity(self.keys.len());
        let mut ends = Vec::with_capacity(order.len());
        for index in &order {
            keys.extend_from_slice(key(*index));
            ends.push(u32::try_from(keys.len()).expect("no more bytes than before"));
        }
        for index in &mut order {
            *index = self.numbers[*index as usize];
        }
        self.values.shrink_to_fit();
        Ok(Table {
            from,
            keys: keys.into(),
            ends: ends.into(),
            numbers: order.into(),
            values: self.values.into(),
            value_ends: self.value_ends.into(),
        })
    }
}

/// The number of a value that is empty.
const NO_VALUE: u32 = u32::MAX;

/// The rows of a CSV text, one after another.
struct Rows<'a> {
    rest: &'a str,
    /// The row that `values` are of, the first being 1. Empty lines at the end are none.
    row: usize,
    values: Vec<Cow<'a, str>>,
}

impl<'a> Rows<'a> {
    /// Goes to the next row; `false` at the end.
    fn next(&mut self) -> Result<bool, TableFault> {
        self.values.clear();
        if self.rest.trim_start_matches(['\r', '\n']).is_empty() {
            return Ok(false);
        }
        self.row += 1;
        loop {
            if self.values.len() == MOST_COLUMNS {
                return Err(TableFault::TooLarge {
                    row: self.row,
                    what: "more than 1000 values",
                });
            }
            let (value, rest) = match self.rest.strip_prefix('"') {
                Some(inside) => quoted(inside),
                None => plain(self.rest),
            }
            .ok_or(TableFault::Quote { row: self.row })?;
            self.values.push(value);
            if let Some(more) = rest.strip_prefix(',') {
                self.rest = more;
                continue;
            }
            let next = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n'));
            self.rest = match next {
                Some(next) => next,
                None if rest.is_empty() => rest,
                // Something follows the quotation mark at a value's end.
                None => return Err(TableFault::Quote { row: self.row }),
            };
            return Ok(true);
        }
    }
}

/// The value at the start of `text`, which is not quoted, and the rest from the comma or the line's end on.
fn plain(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = memchr::memchr3(b',', b'\n', b'"', text.as_bytes()).unwrap_or(text.len());
    let end = match text.as_bytes().get(end) {
        Some(b'"') => return None,
        Some(b'\n') if text[..end].ends_with('\r') => end - 1,
        Some(_) => end,
        None => text.trim_end_matches('\r').len(),
    };
    let rest = text[end..].trim_start_matches('\r');
    Some((Cow::Borrowed(&text[..end]), rest))
}

/// The value whose opening quotation mark is before `inside`, and the rest after the closing one.
fn quoted(inside: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut value = Cow::Borrowed("");
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('"')?;
        if value.is_empty() {
            value = Cow::Borrowed(before);
        } else {
            value.to_mut().push_str(before);
        }
        match after.strip_prefix('"') {
            Some(more) => {
                value.to_mut().push('"');
                rest = more;
            }
            None => return Some((value, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(csv: &[u8], from: TableKey, value: &str) -> String {
        let columns = TableColumns {
            key: None,
            from,
            value: value.to_owned(),
        };
        Table::read(csv, &columns).unwrap_err().to_string()
    }

    #[test]
    fn a_table_at_fault_is_refused_with_its_row() {
        for (csv, message) in [
            ("", "the file is empty"),
            ("\n\n", "the file is empty"),
            ("a,c\n1,2\n", "no column is named `b`; the columns are a, c"),
            ("a,b,b\n1,2,3\n", "two columns are named `b`"),
            ("b,a\n1,2\n", "`b` is the column of the keys"),
            ("a,b\n1,2\n3\n", "row 3 has 1 values, the first row 2"),
            ("a,b\n1,2,3\n", "row 2 has 3 values, the first row 2"),
            ("a,b\n1,2\n\n3,4\n", "row 3 has 1 values"),
            ("a,b\n1,2\n,4\n", "row 3 has no key"),
            (
                "a,b\n1,2\n2,3\n1,4\n",
                "the keys of rows 2 and 4 are the same",
            ),
            ("a,b\n1,2\n1,\n", "the keys of rows 2 and 3 are the same"),
            ("a,b\n1,2\n1,2\n", "the keys of rows 2 and 3 are the same"),
            ("a,b\n1,\"2\n", "row 2: a quotation mark"),
            ("a,b\n1,\"2\"x\n", "row 2: a quotation mark"),
            ("a,b\n1,2\"\n", "row 2: a quotation mark"),
        ] {
            let told = fault(csv.as_bytes(), TableKey::Text, "b");
            assert!(told.starts_with(message), "{csv:?}: {told}");
        }
        assert_eq!(
            fault(b"a,b\n1,\xff\n", TableKey::Text, "b"),
            "row 2: not UTF-8 text; save the file as UTF-8"
        );
        let long = format!("a,b\n{},1\n", "x".repeat(LONGEST_KEY + 1));
        assert_eq!(
            fault(long.as_bytes(), TableKey::Text, "b"),
            "row 2: its key is longer than 128 bytes"
        );
        let long = format!("a,b\n1,{}\n", "x".repeat(LONGEST_VALUE + 1));
        assert_eq!(
            fault(long.as_bytes(), TableKey::Text, "b"),
            "row 2: its value is longer than 256 bytes"
        );
    }

    #[test]
    fn postcodes_that_are_the_same_in_another_spelling_are_duplicates() {
        for csv in [
            "a,b\nPO30 1AA,1\npo301aa,2\n",
            "a,b\nZZ99 3VZ,1\nzz993vz,2\n",
        ] {
            let told = fault(csv.as_bytes(), TableKey::Postcode, "b");
            assert!(
                told.starts_with("the keys of rows 2 and 3 are the same"),
                "{told}"
            );
        }
        for csv in [
            "a,b\nPO30,1\n",
            "a,b\nNewport,1\n",
            "a,b\nPO30 1,1\n",
            "a,b\n-,1\n",
        ] {
            let told = fault(csv.as_bytes(), TableKey::Postcode, "b");
            assert!(
                told.starts_with("the key of row 2 is no postcode"),
                "{csv}: {told}"
            );
        }
    }

    #[test]
    fn rows_are_those_of_rfc_4180() {
        let text = "a,\"b \"\"c\"\"\",\r\n\"\",\"x,\ny\",\"\"\"\"\n1,2,3\r\n\r\n";
        let mut rows = Rows {
            rest: text,
            row: 0,
            values: Vec::new(),
        };
        let mut found = Vec::new();
        while rows.next().unwrap() {
            found.push(
                rows.values
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
            );
        }
        assert_eq!(
            found,
            [
                vec!["a", "b \"c\"", ""],
                vec!["", "x,\ny", "\""],
                vec!["1", "2", "3"]
            ]
        );
        let mut peer = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        let peer: Vec<Vec<String>> = peer
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        assert_eq!(found, peer);
    }
}
