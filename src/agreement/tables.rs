//! The look-up tables that agreements name: read by whoever may read files, kept while one set is loaded.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
}

struct Known {
    /// Where the agreement stands, and the path from there.
    place: (String, String),
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
        }
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
        (self.read)(file, path).map_err(|message| format!("{path} {message}"))
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
        let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
        let place = (directory.to_owned(), path.to_owned());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &&Known| known.place == place && known.columns == *columns;
        if let Some(found) = known.iter().find(same) {
            return Ok(Arc::clone(&found.table));
        }
        let csv = (self.read)(file, path).map_err(|message| format!("{path} {message}"))?;
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
}
