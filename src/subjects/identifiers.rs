//! Lists of identifiers as people send them: one a line, or a column of CSV. Each becomes a token at once.

use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

use crate::identifier::{Canonical, Kind};
use crate::rights::Token;
use crate::transform::SubjectTokens;

/// Bytes of one line at most.
const LINE_BYTES: usize = 64 << 10;

/// Lines that are named when they identify nobody.
const NAMED: usize = 10;

/// Where in each line the identifier is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// The line is it.
    Line,
    /// The column of CSV (RFC 4180) with this name in the first line.
    Column(String),
    /// The column of CSV with this number, from 1; there is no line of names.
    Number(usize),
}

/// Identifiers, read: as tokens alone.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Identifiers {
    /// The token of each that identifies somebody, in their order.
    pub tokens: Vec<Token>,
    /// Lines with nothing in the place.
    pub empty: usize,
    /// Lines whose identifier identifies nobody or is not of the kind that was asked for.
    pub unfit: usize,
    /// The first of these lines, from 1.
    pub unfit_lines: Vec<usize>,
}

/// Why a list cannot be read. Says nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error("the list cannot be read: {0}")]
    System(#[from] io::Error),
    /// Not UTF-8.
    #[error("line {0} is not UTF-8 text; save the list as UTF-8")]
    NotText(usize),
    /// Too long.
    #[error("line {0} is longer than {LINE_BYTES} bytes")]
    Long(usize),
    /// The named column is not there.
    #[error("the first line names no such column; give --column one of the names in it")]
    NoColumn,
    /// Quotes that do not close on their line, or text behind a quoted value.
    #[error("line {0} has quotes that do not close, or text behind them; each row is one line")]
    Quotes(usize),
    /// A row without the column.
    #[error("line {0} has too few columns")]
    Short(usize),
    /// More than lists can hold.
    #[error("the list is longer than the {0} people that can be entered")]
    Many(usize),
}

impl Identifiers {
    /// Reads all of `input`. With a `kind`, what is not of that kind is unfit; without, what identifies nobody. `advance` is
    /// told of bytes that are done.
    ///
    /// # Errors
    /// If it cannot be read as what it should be. Nothing is entered then.
    pub fn read(
        input: impl Read,
        place: &Where,
        kind: Option<Kind>,
        tokens: &SubjectTokens,
        mut advance: impl FnMut(usize),
    ) -> Result<Self, ReadError> {
        let mut input = io::BufReader::with_capacity(LINE_BYTES, input);
        let mut read = Self::default();
        let mut bytes = Zeroizing::new(Vec::new());
        let mut form = Canonical::new();
        let mut column = match place {
            Where::Line => None,
            Where::Column(_) => None,
            Where::Number(number) => Some(number - 1),
        };
        for line in 1.. {
            bytes.clear();
            let count = (&mut input)
                .take(LINE_BYTES as u64 + 1)
                .read_until(b'\n', &mut bytes)?;
            if count == 0 {
                return Ok(read);
            }
            if count > LINE_BYTES {
                return Err(ReadError::Long(line));
            }
            advance(count);
            let text = str::from_utf8(&bytes).map_err(|_| ReadError::NotText(line))?;
            let text = text.trim_end_matches(['\n', '\r']);
            let text = if line == 1 {
                text.trim_start_matches('\u{feff}')
            } else {
                text
            };
            if let (Where::Column(name), None) = (place, column) {
                let place = place_of(text, name).ok_or(ReadError::Quotes(line))?;
                column = Some(place.ok_or(ReadError::NoColumn)?);
                continue;
            }
            let cell = match column {
                None => text.to_owned(),
                Some(_) if text.is_empty() => String::new(),
                Some(column) => {
                    let cell = cell(text, column).ok_or(ReadError::Quotes(line))?;
                    cell.ok_or(ReadError::Short(line))?
                }
            };
            let cell = Zeroizing::new(cell);
            if cell.trim().is_empty() {
                read.empty += 1;
                continue;
            }
            let is_fit = kind.is_none_or(|kind| kind.canonical(cell.chars(), &mut form).is_ok());
            match tokens.bytes_of_text(&cell).filter(|_| is_fit) {
                Some(token) => read.tokens.push(token),
                None => {
                    read.unfit += 1;
                    if read.unfit_lines.len() < NAMED {
                        read.unfit_lines.push(line);
                    }
                }
            }
            if read.tokens.len() > crate::rights::Lists::MOST_ROWS {
                return Err(ReadError::Many(crate::rights::Lists::MOST_ROWS));
            }
        }
        Ok(read)
    }
}

/// Which column of the row `text` is called `name`. `None` where quotes do not close.
fn place_of(text: &str, name: &str) -> Option<Option<usize>> {
    for place in 0.. {
        match cell(text, place)? {
            None => return Some(None),
            Some(cell) if cell.trim() == name.trim() => return Some(Some(place)),
            Some(_) => {}
        }
    }
    None
}

/// The cell of the row `text` at `place`, from 0. The outer `None` where quotes do not close, the inner where there are not so
/// many.
fn cell(text: &str, place: usize) -> Option<Option<String>> {
    let mut rest = text;
    for at in 0.. {
        let (value, behind) = match rest.strip_prefix('"') {
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
            Some(inside) => quoted(inside)?,
        };
        if at == place {
            return Some(Some(value));
        }
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Some(None),
        }
    }
    None
}

/// What stands in quotes, which have been opened, and what stands behind them.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None if rest.is_empty() || rest.starts_with(',') => return Some((value, rest)),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::RootKey;

    fn tokens() -> SubjectTokens {
        SubjectTokens::new(&RootKey::from_bytes([7; 32]).subject())
    }

    fn read(text: &str, place: &Where, kind: Option<Kind>) -> Result<Identifiers, ReadError> {
        Identifiers::read(text.as_bytes(), place, kind, &tokens(), |_| {})
    }

    #[test]
    fn one_person_is_one_token_however_spelt_and_wherever_it_stands() {
        let person = tokens().bytes(b"4010232137").unwrap();
        let column = || Where::Column("NHS Number".to_owned());
        for (text, place) in [
            ("4010232137\n", Where::Line),
            ("401 023 2137\r\n", Where::Line),
            ("\u{feff}401-023-2137", Where::Line),
            ("NHS Number\n4010232137\n", column()),
            (
                "Name,\"NHS Number\"\n\"Ex, A\"\"b\",\"401 023 2137\"\n",
                column(),
            ),
            ("4010232137,\n", Where::Number(1)),
            ("x,,4010232137\n", Where::Number(3)),
        ] {
            assert_eq!(read(text, &place, None).unwrap().tokens, [person], "{text}");
        }
    }

    #[test]
    fn lines_that_identify_nobody_are_counted_and_named_by_number() {
        let list = "4010232137\n\nUNKNOWN\n4010232138\n";
        let any = read(list, &Where::Line, None).unwrap();
        assert_eq!((any.tokens.len(), any.empty, any.unfit), (2, 1, 1));
        assert_eq!(any.unfit_lines, [3]);
        let numbers = read(list, &Where::Line, Some(Kind::NhsNumber)).unwrap();
        assert_eq!(numbers.unfit_lines, [3, 4]);
    }

    #[test]
    fn a_list_that_is_not_what_it_should_be_is_refused_with_its_line() {
        let column = || Where::Column("id".to_owned());
        for (text, place, error) in [
            ("name\nx\n", column(), "names no such column"),
            ("id\n\"x\n", column(), "line 2 has quotes"),
            ("id\n\"x\"y\n", column(), "line 2 has quotes"),
            ("a,id\nx\n", column(), "line 2 has too few"),
        ] {
            let told = read(text, &place, None).unwrap_err().to_string();
            assert!(told.contains(error), "{told}");
        }
        let long = "1".repeat(LINE_BYTES + 1);
        assert!(matches!(
            read(&long, &Where::Line, None),
            Err(ReadError::Long(1))
        ));
        let bytes = Identifiers::read(&b"\xff\n"[..], &Where::Line, None, &tokens(), |_| {});
        assert!(matches!(bytes, Err(ReadError::NotText(1))));
    }
}
