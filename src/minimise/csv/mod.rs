//! The machine for rows of separated values (RFC 4180), strict: what readers disagree on is refused.
//!
//! ```text
//! push: charset   whole characters, as UTF-8                          (`charset`)
//!       for each window of the text
//!         control where its first control character stands, if any   (`index`)
//!         index   where separators, quotes and line ends stand
//!         table   values, rows, what leaves                           (`table`, `columns`, `cells`, `records`)
//! ```
//!
//! A selector sees an array of objects, one a row, with the header's names: `$[*].postcode`. What becomes of a column
//! is known once its name has been read. `docs/FORMATS.md` has the mapping, and what is refused and why.

mod cells;
mod columns;
mod index;
mod limits;
mod out;
mod records;
mod table;
mod value;

use std::sync::Arc;

use crate::transform::Occasion;

use super::charset::{Place, Reader, Stopped};
use super::{BodyError, BodyFault, Machine, SubjectToken, Tally};
use crate::plan::{Csv, Plan};
use limits::{Outcome, Stop};
use out::Io;
use table::Table;

/// Minimises one table of separated values.
#[derive(Debug)]
pub struct CsvMachine {
    reader: Reader,
    table: Table,
    body_bytes: u64,
    dead: Option<BodyError>,
}

impl CsvMachine {
    /// A machine at the start of a body that is written as `csv` says, on this occasion. `plan` was compiled for such bodies.
    #[must_use]
    pub fn new(plan: Arc<Plan>, csv: &Csv, occasion: impl Into<Occasion>) -> Self {
        Self {
            reader: Reader::new(csv.charset),
            body_bytes: plan.limits().body_bytes,
            table: Table::new(plan, csv, occasion.into()),
            dead: None,
        }
    }

    fn take(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Outcome {
        let before = self.table.tally.bytes_in - input.len() as u64;
        let room = self.body_bytes.saturating_sub(before);
        let over = input.len() as u64 > room;
        if over {
            input = &input[..room as usize];
        }
        let charset = self.reader.charset();
        let table = &mut self.table;
        let read = self.reader.read(input, |text, place| {
            window(table, &mut Io::new(text, place, charset, out))
        });
        self.read(read, out)?;
        if over {
            return Err(self.next(BodyFault::BodyTooLarge, out));
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Outcome {
        let charset = self.reader.charset();
        let table = &mut self.table;
        let read = self
            .reader
            .finish(|text, place| window(table, &mut Io::new(text, place, charset, out)));
        self.read(read, out)?;
        self.table
            .finish(&mut Io::new(&[], self.reader.place(), charset, out))
    }

    fn read(&self, read: Result<(), Stopped<Box<Stop>>>, out: &mut Vec<u8>) -> Outcome {
        read.map_err(|stopped| match stopped {
            Stopped::Undecodable => self.next(BodyFault::NotUtf8, out),
            Stopped::Refused(stop) => stop,
        })
    }

    /// A fault at the place that comes next.
    fn next(&self, fault: BodyFault, out: &mut Vec<u8>) -> Box<Stop> {
        let place: Place = self.reader.place();
        self.table
            .stop_next(fault, &Io::new(&[], place, self.reader.charset(), out))
    }

    /// Runs one call: what a record holds back stays behind, and after a fault the machine is dead.
    fn call(
        &mut self,
        out: &mut Vec<u8>,
        work: impl FnOnce(&mut Self, &mut Vec<u8>) -> Outcome,
    ) -> Result<(), BodyError> {
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        let before = out.len();
        self.table.records.resume_at(out);
        let worked = work(self, out);
        match &worked {
            Ok(()) => self.table.records.hold_back(out),
            Err(_) => self.table.records.roll_back(out),
        }
        self.table.tally.bytes_out += (out.len() - before) as u64;
        worked.map_err(|stop| {
            let error = BodyError {
                fault: stop.fault,
                offset: stop.offset,
                path: stop.path,
            };
            self.dead = Some(error.clone());
            error
        })
    }
}

/// Reads one window of text up to its first control character, which ends the body.
fn window(table: &mut Table, io: &mut Io<'_>) -> Outcome {
    let Some(at) = index::control(io.window) else {
        return table.window(io);
    };
    let base = io.place(at);
    if at > 0 {
        let mut sound = Io::new(&io.window[..at], io.base, io.charset, io.out);
        table.window(&mut sound)?;
    }
    let next = Io::new(&[], base, io.charset, io.out);
    Err(table.stop_next(BodyFault::Malformed, &next))
}

impl Machine for CsvMachine {
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.table.tally.bytes_in += input.len() as u64;
        self.call(out, |machine, out| machine.take(input, out))
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        self.call(out, Self::end)?;
        Ok(self.table.tally.clone())
    }

    fn tally(&self) -> &Tally {
        &self.table.tally
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        std::mem::take(&mut self.table.subjects)
    }
}
