//! Tables as they come (RFC 4180), a row at a time.

use std::io::BufRead;

use super::counts::Counts;

/// Bytes of one row.
const MOST_ROW: usize = 4 << 20;

/// Walks the rows; the first has the columns' names.
///
/// # Errors
/// What is wrong with the table and where.
pub(super) fn read(
    from: &mut impl BufRead,
    separator: u8,
    counts: &mut Counts,
) -> Result<(), String> {
    let mark = counts.elements();
    let mut row = Row::default();
    let mut columns: Option<Vec<String>> = None;
    let mut number = 0_u64;
    while row
        .read(from, separator)
        .map_err(|fault| format!("row {}: {fault}", number + 1))?
    {
        number += 1;
        match &columns {
            None => {
                columns = Some(
                    row.cells()
                        .map(|cell| cell.trim_start_matches('\u{feff}').to_owned())
                        .collect(),
                )
            }
            Some(columns) => {
                for (index, cell) in row.cells().enumerate() {
                    let mark =
                        counts.member(columns.get(index).map_or("(no name)", String::as_str));
                    counts.value(&cell);
                    counts.leave(mark);
                }
            }
        }
    }
    counts.leave(mark);
    Ok(())
}

/// One row: its cells one behind the other, and where each ends.
#[derive(Default)]
struct Row {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Where in a row the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    /// At the start of a cell.
    Start,
    Plain,
    Quoted,
    /// Behind a quotation mark in a quoted cell: its end, or the first of two.
    Quote,
}

impl Row {
    fn cells(&self) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(from, to)| String::from_utf8_lossy(&self.bytes[from..*to]))
    }

    /// Reads the next row, blank lines passed over; `false` at the end.
    fn read(&mut self, from: &mut impl BufRead, separator: u8) -> Result<bool, String> {
        self.bytes.clear();
        self.ends.clear();
        let mut state = In::Start;
        loop {
            let buffer = from.fill_buf().map_err(|error| error.to_string())?;
            if buffer.is_empty() {
                return match state {
                    In::Quoted => Err("a quotation mark has no end".to_owned()),
                    In::Start if self.ends.is_empty() => Ok(false),
                    In::Start | In::Plain | In::Quote => {
                        self.ends.push(self.bytes.len());
                        Ok(true)
                    }
                };
            }
            let mut used = 0;
            let mut ended = false;
            for &byte in buffer {
                used += 1;
                state = match (state, byte) {
                    (In::Start, b'"') => In::Quoted,
                    (In::Quoted, b'"') => In::Quote,
                    (In::Quote, b'"') => {
                        self.bytes.push(b'"');
                        In::Quoted
                    }
                    (In::Quoted, _) => {
                        self.bytes.push(byte);
                        In::Quoted
                    }
                    (_, byte) if byte == separator => {
                        self.ends.push(self.bytes.len());
                        In::Start
                    }
                    (_, b'\r') => state,
                    (In::Start, b'\n') if self.ends.is_empty() => In::Start,
                    (_, b'\n') => {
                        self.ends.push(self.bytes.len());
                        ended = true;
                        break;
                    }
                    (In::Start | In::Plain | In::Quote, _) => {
                        self.bytes.push(byte);
                        In::Plain
                    }
                };
            }
            from.consume(used);
            if ended {
                return Ok(true);
            }
            if self.bytes.len() > MOST_ROW {
                return Err(format!(
                    "more than {MOST_ROW} bytes; is a quotation mark missing before it?"
                ));
            }
        }
    }
}
