//! Look-up tables: a CSV that says for each postcode, code or name the coarser value that leaves.
//!
//! A table is read once, at load. In memory it is its keys, sorted, in one buffer, and for each the number of its
//! value: a table of all 1.7 million postcodes has 26 MB. A look-up is a binary search.

use super::super::text::{Characters, push_quoted};
use super::postcode::Postcode;

mod read;

pub use read::TableFault;

/// What a table's keys are, and so how a value and a key are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TableKey {
    /// Text, or a number by its digits: the same characters, case and all.
    #[default]
    Text,
    /// UK postcodes: in any case and spacing.
    Postcode,
}

/// The columns of a table that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumns {
    /// The column of the keys; the first if none is named.
    pub key: Option<String>,
    /// What the keys are.
    pub from: TableKey,
    /// The column of the values that leave.
    pub value: String,
}

/// Rows of a table, at most: five for every postcode there is.
const MOST_ROWS: usize = 8_000_000;
/// Bytes of a key, at most.
const LONGEST_KEY: usize = 128;
/// Bytes of a value that leaves, at most.
const LONGEST_VALUE: usize = 256;
/// Columns of a table, at most.
const MOST_COLUMNS: usize = 1_000;

/// Keys and what leaves in their place. Immutable, shared.
#[derive(PartialEq, Eq)]
pub struct Table {
    from: TableKey,
    /// The keys in canonical form, ascending, one after another.
    keys: Box<[u8]>,
    /// For each key where it ends in `keys`.
    ends: Box<[u32]>,
    /// For each key the number of its value.
    numbers: Box<[u32]>,
    /// The values as JSON strings, one after another.
    values: Box<[u8]>,
    /// For each value where it ends in `values`.
    value_ends: Box<[u32]>,
}

impl Table {
    /// Reads `csv`, UTF-8 as in RFC 4180: the first row names the columns, each further row has as many values.
    ///
    /// A row whose value is empty says that its key has none.
    ///
    /// # Errors
    /// With the row, if a key is empty, there twice, too long or not what `columns` says that keys are, if a row has
    /// more or fewer values than the first, or is no CSV; if a column is not there.
    pub fn read(csv: &[u8], columns: &TableColumns) -> Result<Self, TableFault> {
        read::read(csv, columns)
    }

    /// Keys that have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no key has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.keys.len()
            + self.values.len()
            + size_of_val(&*self.ends)
            + size_of_val(&*self.numbers)
            + size_of_val(&*self.value_ends)
    }

    /// The values, each once, as JSON strings.
    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.value_ends.len()).map(|number| span(&self.values, &self.value_ends, number))
    }

    /// The value, as a JSON string, of the key that `json`, a single value, is.
    pub(super) fn find(&self, json: &[u8]) -> Option<&[u8]> {
        match (self.from, json) {
            (TableKey::Postcode, [b'"', inside @ .., b'"']) => {
                let postcode = Postcode::parse(inside)?;
                self.value(postcode.whole()?)
            }
            (TableKey::Text, [b'"', inside @ .., b'"']) if !inside.contains(&b'\\') => {
                self.value(inside)
            }
            (TableKey::Text, [b'"', inside @ .., b'"']) => {
                let mut room = [0; LONGEST_KEY];
                let mut length = 0;
                for character in Characters::new(inside) {
                    let end = length + character.len_utf8();
                    character.encode_utf8(room.get_mut(length..end)?);
                    length = end;
                }
                self.value(&room[..length])
            }
            (TableKey::Text, [b'-' | b'0'..=b'9', ..]) => self.value(json),
            (TableKey::Text | TableKey::Postcode, _) => None,
        }
    }

    fn value(&self, key: &[u8]) -> Option<&[u8]> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match span(&self.keys, &self.ends, middle).cmp(key) {
                std::cmp::Ordering::Equal => {
                    let number = self.numbers[middle] as usize;
                    return Some(span(&self.values, &self.value_ends, number));
                }
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// The `index`th of the texts that stand in `texts` one after another, each up to its end.
fn span<'a>(texts: &'a [u8], ends: &[u32], index: usize) -> &'a [u8] {
    let start = match index.checked_sub(1) {
        Some(before) => ends[before] as usize,
        None => 0,
    };
    &texts[start..ends[index] as usize]
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} keys)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(from: TableKey, value: &str) -> TableColumns {
        TableColumns {
            key: None,
            from,
            value: value.to_owned(),
        }
    }

    fn find(table: &Table, json: &str) -> Option<String> {
        table
            .find(json.as_bytes())
            .map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn postcodes_are_found_in_any_spelling() {
        let csv = "pcds,oa,lsoa\nPO30 1AA,E00087001,E01017300\r\npo301ab,E00087002,E01017300\n\"M1 1AA\",E00000001,\"E01005062\"\n";
        let table = Table::read(csv.as_bytes(), &columns(TableKey::Postcode, "lsoa")).unwrap();
        assert_eq!(table.len(), 3);
        for (json, expected) in [
            ("\"PO30 1AA\"", Some("\"E01017300\"")),
            ("\"po301aa\"", Some("\"E01017300\"")),
            ("\" PO30  1AB\"", Some("\"E01017300\"")),
            ("\"M11AA\"", Some("\"E01005062\"")),
            ("\"M1 1AB\"", None),
            ("\"PO30 1\"", None),
            ("\"PO30\"", None),
            ("\"ZZ99 3VZ\"", None),
            ("\"\"", None),
            ("1", None),
            ("true", None),
        ] {
            assert_eq!(find(&table, json).as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn codes_are_found_as_they_are_written() {
        let csv = "\u{feff}group,code,of\nAsian,A1,2011\nWhite,W1,2011\n\"Mixed, or \"\"multiple\"\"\",é,2011\nOther,3,2011\n";
        let table = Table::read(
            csv.as_bytes(),
            &TableColumns {
                key: Some("code".to_owned()),
                ..columns(TableKey::Text, "group")
            },
        )
        .unwrap();
        for (json, expected) in [
            ("\"A1\"", Some("\"Asian\"")),
            (r#""\u00411""#, Some("\"Asian\"")),
            ("\"W1\"", Some("\"White\"")),
            ("\"w1\"", None),
            ("\" W1\"", None),
            ("\"é\"", Some(r#""Mixed, or \"multiple\"""#)),
            (r#""\u00e9""#, Some(r#""Mixed, or \"multiple\"""#)),
            ("3", Some("\"Other\"")),
            ("\"3\"", Some("\"Other\"")),
            ("3.0", None),
            ("\"\"", None),
            ("false", None),
        ] {
            assert_eq!(find(&table, json).as_deref(), expected, "{json}");
        }
        let long = format!(r#""{}\u0041""#, "x".repeat(LONGEST_KEY));
        assert_eq!(find(&table, &long), None);
    }

    #[test]
    fn a_row_without_a_value_is_no_key() {
        let table = Table::read(b"a,b\n1,\n2,x\n", &columns(TableKey::Text, "b")).unwrap();
        assert_eq!((table.len(), find(&table, "1")), (1, None));
        assert_eq!(find(&table, "2").as_deref(), Some("\"x\""));
        let table = Table::read(b"a,b", &columns(TableKey::Text, "b")).unwrap();
        assert!(table.is_empty());
    }

    #[test]
    fn every_key_of_a_large_table_is_found_whatever_the_order_of_its_rows() {
        // 7919 is prime to the number of rows: each key once, in an order of no kind.
        const ROWS: usize = 20_000;
        let mut shuffled = "code,band\n".to_owned();
        let mut ascending = shuffled.clone();
        for row in 0..ROWS {
            let key = row * 7919 % ROWS;
            shuffled.push_str(&format!("k{key:05},{}\n", key % 97));
            ascending.push_str(&format!("k{row:05},{}\n", row % 97));
        }
        let of = |csv: &str| Table::read(csv.as_bytes(), &columns(TableKey::Text, "band")).unwrap();
        let table = of(&shuffled);
        for key in 0..ROWS {
            let expected = format!("\"{}\"", key % 97);
            assert_eq!(find(&table, &format!("\"k{key:05}\"")), Some(expected));
        }
        assert_eq!(find(&table, "\"k20000\""), None);
        assert_eq!(find(&table, "\"k\""), None);
        let again = of(&ascending);
        assert_eq!((&again.keys, &again.ends), (&table.keys, &table.ends));
        assert_eq!(table.held_bytes() / ROWS, 6 + 4 + 4);
    }
}
