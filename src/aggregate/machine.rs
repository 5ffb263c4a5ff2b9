//! The machine of a body that leaves as a table.

use std::sync::Arc;

use super::groups::Groups;
use super::prepare::Prepared;
use super::read::{JsonReader, RowReader};
use super::table::Table;
use super::{TooManyGroups, write};
use crate::minimise::{BodyError, BodyFault, Machine, SubjectToken, Tally};
use crate::plan::Format;

/// Takes what another machine lets out, and lets out a table at the end, or nothing.
pub(crate) struct AggregateMachine {
    inner: Box<dyn Machine>,
    reader: Reader,
    groups: Groups,
    prepared: Arc<Prepared>,
    /// What `inner` lets out; read, then gone.
    records: Vec<u8>,
    tally: Tally,
    dead: Option<BodyError>,
}

enum Reader {
    Json(JsonReader),
    Rows(RowReader),
}

impl AggregateMachine {
    /// Makes a table of what `inner` lets out of a body in `format`.
    pub(crate) fn new(inner: Box<dyn Machine>, prepared: &Arc<Prepared>, format: &Format) -> Self {
        let reader = match Prepared::rows(format) {
            Some((separator, header)) => {
                Reader::Rows(RowReader::new(&prepared.layout, separator, header))
            }
            None => Reader::Json(JsonReader::new(
                prepared.layout.clone(),
                *format != Format::Json,
            )),
        };
        Self {
            inner,
            reader,
            groups: Groups::new(Arc::clone(prepared)),
            prepared: Arc::clone(prepared),
            records: Vec::new(),
            tally: Tally::default(),
            dead: None,
        }
    }

    /// Reads what `inner` has let out, and then how that ended: what came before a fault counts before it.
    fn take<T>(&mut self, ended: Result<T, BodyError>) -> Result<T, BodyError> {
        let read = match &mut self.reader {
            Reader::Json(reader) => reader.read(&self.records, &mut self.groups),
            Reader::Rows(reader) => reader.read(&self.records, &mut self.groups),
        };
        self.records.clear();
        self.tally = match &read {
            Ok(()) => self.inner.tally().clone(),
            // How far the machine was ahead hangs on where the body was cut.
            Err(TooManyGroups) => Tally::default(),
        };
        // What leaves is nobody's record.
        self.tally.records_released = 0;
        self.tally.bytes_out = 0;
        self.tally.table.records = self.groups.records;
        let taken = read.map_err(|stop| self.too_many(stop)).and(ended);
        taken.inspect_err(|error| self.dead = Some(error.clone()))
    }

    /// No byte alone has too many groups: the fault is the body's, wherever it was cut.
    fn too_many(&self, TooManyGroups: TooManyGroups) -> BodyError {
        BodyError {
            fault: BodyFault::TooManyGroups,
            offset: 0,
            path: self.prepared.path.clone(),
        }
    }
}

impl Machine for AggregateMachine {
    fn push(&mut self, input: &[u8], _out: &mut Vec<u8>) -> Result<(), BodyError> {
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        let pushed = self.inner.push(input, &mut self.records);
        // No record leaves, so nobody's is entered.
        drop(self.inner.take_subjects());
        self.take(pushed)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError> {
        if let Some(dead) = &self.dead {
            return Err(dead.clone());
        }
        let finished = self.inner.finish(&mut self.records);
        drop(self.inner.take_subjects());
        self.take(finished)?;
        if let Reader::Rows(reader) = &mut self.reader {
            let ended = reader.finish(&mut self.groups);
            self.tally.table.records = self.groups.records;
            if let Err(stop) = ended {
                let error = self.too_many(stop);
                self.tally = Tally::default();
                self.dead = Some(error.clone());
                return Err(error);
            }
        }
        let before = out.len();
        let table = Table::of(&self.groups, &self.prepared);
        let mut counted = write::write(&table, &self.prepared, out);
        counted.records = self.groups.records;
        self.tally.bytes_out = (out.len() - before) as u64;
        self.tally.table = counted;
        Ok(self.tally.clone())
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }

    fn take_subjects(&mut self) -> Vec<SubjectToken> {
        Vec::new()
    }
}
