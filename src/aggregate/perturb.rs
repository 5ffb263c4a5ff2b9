//! The tables of the cell-key method: by how much a count is changed.

/// Cell keys are sums of record keys modulo this.
pub(crate) const KEYS: u32 = 256;

/// Rows of a table of one's own: counts of up to 4095.
const MOST_COUNT: usize = 4096;

/// What becomes of a count, by its cell key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerturbationTable {
    name: String,
    /// By count, from 0; the last row is for all that are higher. Each has a change for each key, of which none takes more
    /// than there is.
    rows: Vec<Vec<i16>>,
}

/// How many of the 256 keys have which change.
type Row = &'static [(i16, usize)];

/// The built-in table, count by count. Means are kept to 1/256, nothing is ever shown as 1 or 2, and no change is larger
/// than 3. The numbers are this project's own: the tables of statistical offices are not published.
const SMALL: [Row; 6] = [
    &[(0, 256)],
    &[(-1, 171), (2, 85)],
    &[(-2, 85), (1, 171)],
    &[(-3, 40), (0, 126), (1, 60), (2, 30)],
    &[(-1, 72), (0, 112), (1, 72)],
    &[(-2, 40), (-1, 52), (0, 72), (1, 52), (2, 40)],
];

/// Why a text is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PerturbationError(String);

impl PerturbationTable {
    /// The table that comes with the gateway.
    #[must_use]
    pub fn built_in() -> Self {
        let rows = SMALL.iter().map(|row| {
            let changes = row
                .iter()
                .flat_map(|(change, keys)| std::iter::repeat_n(*change, *keys));
            changes.collect()
        });
        Self {
            name: "built-in".to_owned(),
            rows: rows.collect(),
        }
    }

    /// Reads a table named `name` from a CSV with the columns `pcv` (the count), `ckey` (the cell key, 0 to 255) and `pvalue`
    /// (the change): the names that the ONS's open implementation uses. Counts are from 0 or 1 on without a gap, each with
    /// all 256 keys; higher counts are changed as the highest one.
    ///
    /// # Errors
    /// With the line and what is wrong.
    pub fn read(name: &str, csv: &str) -> Result<Self, PerturbationError> {
        let fault = |line: usize, what: &str| PerturbationError(format!("line {line}: {what}"));
        let mut lines = csv.trim_start_matches('\u{feff}').lines().enumerate();
        let header = lines.next().map(|(_, line)| line).unwrap_or_default();
        let columns: Vec<&str> = header
            .split(',')
            .map(|name| name.trim().trim_matches('"'))
            .collect();
        let column = |name: &str| {
            columns
                .iter()
                .position(|column| *column == name)
                .ok_or_else(|| fault(1, "the columns are pcv, ckey and pvalue"))
        };
        let (count, key, change) = (column("pcv")?, column("ckey")?, column("pvalue")?);
        let mut rows: Vec<Vec<Option<i16>>> = Vec::new();
        for (index, line) in lines {
            let line_number = index + 1;
            if line.trim().is_empty() {
                continue;
            }
            let values: Vec<&str> = line
                .split(',')
                .map(|value| value.trim().trim_matches('"'))
                .collect();
            let number = |at: usize| values.get(at).and_then(|value| value.parse::<i64>().ok());
            let (Some(count), Some(key), Some(change)) =
                (number(count), number(key), number(change))
            else {
                return Err(fault(line_number, "not three whole numbers"));
            };
            let count = usize::try_from(count)
                .ok()
                .filter(|count| *count < MOST_COUNT)
                .ok_or_else(|| fault(line_number, "pcv is from 0 to 4095"))?;
            let key = usize::try_from(key)
                .ok()
                .filter(|key| *key < KEYS as usize)
                .ok_or_else(|| fault(line_number, "ckey is from 0 to 255"))?;
            let change = i16::try_from(change)
                .ok()
                .filter(|change| i64::from(*change) + count as i64 >= 0 && *change <= 1000)
                .ok_or_else(|| {
                    fault(
                        line_number,
                        "pvalue makes a count of less than 0, or is above 1000",
                    )
                })?;
            if count == 0 && change != 0 {
                return Err(fault(
                    line_number,
                    "a count of 0 stays 0; nobody is there whose key could change it",
                ));
            }
            if rows.len() <= count {
                rows.resize(count + 1, vec![None; KEYS as usize]);
            }
            if rows[count][key].replace(change).is_some() {
                return Err(fault(line_number, "a second line for this pcv and ckey"));
            }
        }
        if rows.len() < 2 {
            return Err(fault(1, "no counts from 1 on"));
        }
        if rows[0].iter().all(Option::is_none) {
            rows[0] = vec![Some(0); KEYS as usize];
        }
        let rows = rows
            .into_iter()
            .enumerate()
            .map(|(count, row)| row.into_iter().collect::<Option<Vec<i16>>>().ok_or(count))
            .collect::<Result<Vec<_>, usize>>()
            .map_err(|count| {
                PerturbationError(format!("pcv {count} has not all keys from 0 to 255"))
            })?;
        Ok(Self {
            name: name.to_owned(),
            rows,
        })
    }

    /// The table's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `count` is changed to under the cell key `key`, of which only what is above a multiple of 256 counts.
    pub(crate) fn changed(&self, count: u64, key: u32) -> u64 {
        let last = self.rows.len() - 1;
        let row = usize::try_from(count).unwrap_or(last).min(last);
        count.saturating_add_signed(i64::from(self.rows[row][(key % KEYS) as usize]))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_built_in_table_keeps_means_and_never_shows_one_or_two() {
        let table = PerturbationTable::built_in();
        for (count, row) in table.rows.iter().enumerate() {
            assert_eq!(row.len(), KEYS as usize, "{count}");
            let sum: i64 = row.iter().map(|change| i64::from(*change)).sum();
            assert!(sum.abs() <= 1, "{count}: {sum}");
        }
        for count in 0..40 {
            for key in 0..1024 {
                let changed = table.changed(count, key);
                assert!(changed.abs_diff(count) <= 3);
                assert!(
                    changed == 0 || changed >= 3,
                    "{count} under {key} is {changed}"
                );
                assert_eq!(changed, table.changed(count, key + KEYS));
            }
        }
        assert_eq!(table.changed(0, 77), 0);
    }

    #[test]
    fn with_and_without_one_person_no_small_count_is_sure() {
        // Who holds two tables, of which one has one person more, sees two changed counts; under each pair of keys.
        let table = PerturbationTable::built_in();
        let shown = |count: u64| -> BTreeSet<u64> {
            (0..KEYS).map(|key| table.changed(count, key)).collect()
        };
        for count in 1..=4 {
            for one in shown(count) {
                for other in shown(count + 1) {
                    let alike = (0..12).filter(|count| {
                        shown(*count).contains(&one) && shown(count + 1).contains(&other)
                    });
                    assert!(
                        alike.count() > 1,
                        "{one} and {other} are of {count} and {} alone",
                        count + 1
                    );
                }
            }
        }
    }

    #[test]
    fn a_table_of_ones_own_is_read_or_told_what_is_wrong() {
        let mut csv = String::from("pcv,ckey,pvalue\n");
        for count in 1..=2 {
            for key in 0..KEYS {
                csv.push_str(&format!(
                    "{count},{key},{}\n",
                    if key < 128 { -1 } else { 1 }
                ));
            }
        }
        let table = PerturbationTable::read("mine", &csv).unwrap();
        for (count, key, changed) in [
            (0, 5, 0),
            (1, 0, 0),
            (1, 255, 2),
            (2, 127, 1),
            (900, 128, 901),
        ] {
            assert_eq!(table.changed(count, key), changed, "{count} under {key}");
        }
        for (csv, told) in [
            ("", "line 1: the columns are pcv, ckey and pvalue"),
            ("pcv,ckey,pvalue\n", "line 1: no counts from 1 on"),
            (
                "pcv,ckey,pvalue\n1,0,-2\n",
                "line 2: pvalue makes a count of less than 0, or is above 1000",
            ),
            (
                "pcv,ckey,pvalue\n1,256,0\n",
                "line 2: ckey is from 0 to 255",
            ),
            (
                "pcv,ckey,pvalue\n0,1,1\n",
                "line 2: a count of 0 stays 0; nobody is there whose key could change it",
            ),
            (
                "pcv,ckey,pvalue\n1,1,0\n1,1,0\n",
                "line 3: a second line for this pcv and ckey",
            ),
            (
                "pcv,ckey,pvalue\n1,1,0\n",
                "pcv 1 has not all keys from 0 to 255",
            ),
            (
                "pcv,ckey,pvalue\n1,x,0\n",
                "line 2: not three whole numbers",
            ),
        ] {
            assert_eq!(
                PerturbationTable::read("x", csv).unwrap_err().to_string(),
                told
            );
        }
    }
}
