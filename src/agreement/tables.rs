//! The look-up tables that agreements name: read by whoever may read files, kept while one set is loaded.
//!
//! What a table holds decides what leaves as much as the agreement's own text does: a table in which each postcode stands
//! for itself lets every postcode through. So its digest belongs to what is agreed, approved and entered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::transform::generalise::{Table, TableColumns};

/// Reads the table that an agreement names: the agreement's file as it was named, and the table's path as written.
/// What goes wrong is said in one sentence that starts with what became of the file, `cannot be read (…); …`.
type Read = dyn Fn(&str, &str) -> Result<Vec<u8>, String> + Send + Sync;

/// Where look-up tables come from. Clones share what has been read, so that rules on the same columns of a table share
/// it in memory; a new one reads every table again.
#[derive(Clone)]
pub struct Tables {
    read: Arc<Read>,
    known: Arc<Mutex<Vec<Known>>>,
    /// The digest of each file that was read, by its place.
    digests: Arc<Mutex<BTreeMap<Place, String>>>,
    /// The files that one agreement names.
    named: Arc<Mutex<BTreeMap<String, String>>>,
}

/// Where an agreement stands, and a path from there.
type Place = (String, String);

/// A table that an agreement names, and what it held when it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TableDigest {
    /// Its path as the agreement has it.
    pub path: String,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

struct Known {
    place: Place,
    columns: TableColumns,
    table: Arc<Table>,
}

impl Tables {
    /// Tables that `read` reads: of the file of an agreement, as its [`super::Source`] names it, and a path written there.
    #[must_use]
    pub fn read_by(
        read: impl Fn(&str, &str) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            read: Arc::new(read),
            known: Arc::default(),
            digests: Arc::default(),
            named: Arc::default(),
        }
    }

    /// The same tables, for one agreement: [`named`](Self::named) has those that are asked for through this alone.
    pub(super) fn of_one(&self) -> Self {
        Self {
            named: Arc::default(),
            ..self.clone()
        }
    }

    /// Each file that was asked for and could be read, in the order of their paths.
    pub(super) fn named(&self) -> Vec<TableDigest> {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let digests = named.iter().map(|(path, sha256)| TableDigest {
            path: path.clone(),
            sha256: sha256.clone(),
        });
        digests.collect()
    }

    /// No tables: a rule that names one is at fault.
    #[must_use]
    pub fn none() -> Self {
        Self::read_by(|_, _| {
            Err("cannot be read: what is checked here has no files beside it".to_owned())
        })
    }

    /// The bytes of the file at `path`, which `file` names.
    ///
    /// # Errors
    /// With what is wrong, in one sentence that starts with the path.
    pub(super) fn read(&self, file: &str, path: &str) -> Result<Vec<u8>, String> {
        let bytes = (self.read)(file, path).map_err(|message| format!("{path} {message}"))?;
        let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        let known = digests
            .entry(place(file, path))
            .or_insert_with(|| sha256.clone());
        if *known != sha256 {
            // Two rules would go by two tables, of which one would be approved.
            return Err(format!("{path} changed while it was read; load it again"));
        }
        drop(digests);
        self.name(path, sha256);
        Ok(bytes)
    }

    fn name(&self, path: &str, sha256: String) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.insert(path.to_owned(), sha256);
    }

    /// The columns of the table at `path`, which the rules in `file` name.
    ///
    /// # Errors
    /// With what is wrong, in one sentence that starts with the path.
    pub(super) fn table(
        &self,
        file: &str,
        path: &str,
        columns: &TableColumns,
    ) -> Result<Arc<Table>, String> {
        let place = place(file, path);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Known| known.place == place && known.columns == *columns;
        if let Some(found) = known.iter().find(same) {
            let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
            let sha256 = digests.get(&place).expect("a table that is known was read");
            self.name(path, sha256.clone());
            return Ok(Arc::clone(&found.table));
        }
        let csv = self.read(file, path)?;
        let table = Table::read(&csv, columns).map_err(|fault| format!("{path}: {fault}"))?;
        let table = Arc::new(table);
        known.push(Known {
            place,
            columns: columns.clone(),
            table: Arc::clone(&table),
        });
        Ok(table)
    }
}

fn place(file: &str, path: &str) -> Place {
    let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
    (directory.to_owned(), path.to_owned())
}

/// What stands for an agreement whose text has the hash `text` and which names `tables`: `text` itself where it names none,
/// else the SHA-256, in hexadecimal, of the lines that `sha256sum` writes of the text from its standard input and of each
/// table by its path, tables in the order of their paths.
#[must_use]
pub fn hash_with_tables(text: &str, tables: &[TableDigest]) -> String {
    if tables.is_empty() {
        return text.to_owned();
    }
    let mut lines = format!("{text}  -\n");
    for table in tables {
        lines.push_str(&format!("{}  {}\n", table.sha256, table.path));
    }
    data_encoding::HEXLOWER.encode(&Sha256::digest(lines.as_bytes()))
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tables")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_table_is_read_once_for_all_rules_on_its_columns() {
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        let tables = Tables::read_by(move |_, path| {
            counted.fetch_add(1, Ordering::Relaxed);
            if path == "a.csv" {
                Ok(b"a,b,c\n1,2,3\n".to_vec())
            } else {
                Err("cannot be read".to_owned())
            }
        });
        let columns = |value: &str| TableColumns {
            key: None,
            from: Default::default(),
            value: value.to_owned(),
        };
        let one = tables.table("d/x.yaml", "a.csv", &columns("b")).unwrap();
        let same = tables
            .clone()
            .table("d/y.yaml", "a.csv", &columns("b"))
            .unwrap();
        assert!(Arc::ptr_eq(&one, &same));
        tables.table("d/x.yaml", "a.csv", &columns("c")).unwrap();
        tables.table("e/x.yaml", "a.csv", &columns("b")).unwrap();
        assert_eq!(reads.load(Ordering::Relaxed), 3);
        for (path, column, message) in [
            ("b.csv", "b", "b.csv cannot be read"),
            (
                "a.csv",
                "d",
                "a.csv: no column is named `d`; the columns are a, b, c",
            ),
        ] {
            let fault = tables
                .table("d/x.yaml", path, &columns(column))
                .unwrap_err();
            assert_eq!(fault, message);
        }
    }

    fn columns() -> TableColumns {
        TableColumns {
            key: None,
            from: Default::default(),
            value: "b".to_owned(),
        }
    }

    #[test]
    fn each_agreement_has_the_digests_of_the_tables_that_it_names_and_of_no_others() {
        let tables = Tables::read_by(|_, path| Ok(format!("a,b\n1,{path}\n").into_bytes()));
        let (one, two) = (tables.of_one(), tables.of_one());
        let read = |of: &Tables, path| drop(of.table("d/x.yaml", path, &columns()).unwrap());
        read(&one, "z.csv");
        read(&one, "a.csv");
        // From what is known, not from the file.
        read(&two, "a.csv");
        let paths = |of: &Tables| -> Vec<String> {
            of.named().into_iter().map(|table| table.path).collect()
        };
        assert_eq!(paths(&one), ["a.csv", "z.csv"]);
        assert_eq!(paths(&two), ["a.csv"]);
        assert_eq!(one.named()[0], two.named()[0]);
        assert_eq!(
            two.named()[0].sha256,
            data_encoding::HEXLOWER.encode(&Sha256::digest(b"a,b\n1,a.csv\n"))
        );
    }

    #[test]
    fn a_table_that_changes_between_two_readings_is_refused() {
        let reads = AtomicUsize::new(0);
        let tables = Tables::read_by(move |_, _| {
            let read = reads.fetch_add(1, Ordering::Relaxed);
            Ok(format!("a,b,c\n1,2,{read}\n").into_bytes())
        });
        tables.table("d/x.yaml", "a.csv", &columns()).unwrap();
        let other = TableColumns {
            value: "c".to_owned(),
            ..columns()
        };
        assert_eq!(
            tables.table("d/x.yaml", "a.csv", &other).unwrap_err(),
            "a.csv changed while it was read; load it again"
        );
    }

    #[test]
    fn the_hash_with_tables_is_that_of_what_sha256sum_writes() {
        let table = |path: &str, bytes: &[u8]| TableDigest {
            path: path.to_owned(),
            sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)),
        };
        let text = data_encoding::HEXLOWER.encode(&Sha256::digest(b"text\n"));
        assert_eq!(hash_with_tables(&text, &[]), text);
        // { printf 'text\n' | sha256sum; sha256sum a.csv b.csv; } | sha256sum, with `a` and `b` in the two.
        let two = [table("a.csv", b"a"), table("b.csv", b"b")];
        assert_eq!(
            hash_with_tables(&text, &two),
            "0236cbb63cb0346761eea560e8241be1a64755b208cefe05cc0d36e8386cb212"
        );
        let changed = [table("a.csv", b"a"), table("b.csv", b"c")];
        assert_ne!(
            hash_with_tables(&text, &changed),
            hash_with_tables(&text, &two)
        );
        let renamed = [table("a.csv", b"a"), table("c.csv", b"b")];
        assert_ne!(
            hash_with_tables(&text, &renamed),
            hash_with_tables(&text, &two)
        );
    }
}
