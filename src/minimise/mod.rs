//! Push machines: bytes of one body in, bytes that may leave out.
//!
//! Start at [`Machine`]; [`json`] is the one that the rest are shaped after.

mod asking;
mod charset;
pub mod csv;
pub mod events;
pub mod form;
mod gate;
mod grammar;
pub mod json;
pub mod lines;
mod looked;
mod members;
pub mod multipart;
mod names;
mod nodes;
mod number;
mod opaque;
mod part;
mod patterns;
pub mod query;
mod remembered;
mod scalar;
mod scan;
mod shapes;
mod strict;
mod text;
mod tokens;
mod utf8;
mod vector;
mod walk;
mod whole;
pub mod xml;

pub use gate::{Gate, Notice, Open, Withheld};
pub use nodes::Kind;
pub use vector::Level;

use std::fmt;
use std::sync::Arc;

use crate::aggregate::{AggregateMachine, TableTally};
use crate::plan::{Format, Plan};
use crate::transform::{Findings, Occasion};

/// The way of one body: bytes in, bytes that may leave out.
pub trait Machine: Send {
    /// Takes all of `input`; appends to `out` what may leave now. What was appended is final.
    ///
    /// `input` is any piece of the body, cut anywhere, also inside a UTF-8 sequence or an escape.
    /// Between calls the machine holds at most [`Limits::held_bytes`] of it (P5).
    ///
    /// # Errors
    /// With the offset in bytes from the body's start; then every later call gives the same error (P4).
    fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError>;

    /// Ends the body. A value left open is an error, never a guess.
    ///
    /// # Errors
    /// As [`Machine::push`].
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<Tally, BodyError>;

    /// The counts so far; after an error, those up to it.
    fn tally(&self) -> &Tally;

    /// The subjects' ledger tokens of records released since the last call. The caller takes them often
    /// enough that they do not pile up: after each push.
    fn take_subjects(&mut self) -> Vec<SubjectToken>;

    /// Forgets its body, but not what such bodies look like, nor the room it has. Whether it can
    /// [`begin`](Self::begin) another; a new one is made where it cannot, as after an error.
    fn rest(&mut self) -> bool {
        false
    }

    /// Begins another body under `plan` on `occasion`: from here on it is as a new machine. Only after
    /// [`rest`](Self::rest) gave `true`, and only under the plan that it had or one of the same rules.
    fn begin(&mut self, plan: &Arc<Plan>, occasion: Occasion) {
        drop((plan, occasion));
    }
}

/// A machine for bodies under `plan`, in the plan's format. `boundary` is that of a multipart body's `Content-Type`;
/// other formats have none, and it is empty. The day, or an [`Occasion`], is given: the core reads no clock.
#[must_use]
pub fn machine(
    plan: &Arc<Plan>,
    boundary: &str,
    occasion: impl Into<Occasion>,
) -> Box<dyn Machine> {
    let records = machine_of_records(plan, boundary, occasion.into());
    match plan.aggregate() {
        Some(table) => Box::new(AggregateMachine::new(records, table, plan.format())),
        None => records,
    }
}

/// A machine that lets out records, whether these are to leave or to be counted in a table.
fn machine_of_records(plan: &Arc<Plan>, boundary: &str, occasion: Occasion) -> Box<dyn Machine> {
    let shared = Arc::clone(plan);
    let machine: Box<dyn Machine> = match plan.format() {
        Format::Json => Box::new(json::JsonMachine::on(shared, occasion)),
        Format::Ndjson => Box::new(lines::NdjsonMachine::new(shared, occasion)),
        Format::JsonSequence => Box::new(lines::SequenceMachine::new(shared, occasion)),
        Format::EventStream => Box::new(events::EventsMachine::new(shared, occasion)),
        Format::Csv(csv) => Box::new(csv::CsvMachine::new(shared, csv, occasion)),
        Format::Form => Box::new(form::FormMachine::new(shared, occasion)),
        Format::Multipart => Box::new(multipart::MultipartMachine::new(shared, boundary, occasion)),
        Format::Xml(xml) => Box::new(xml::XmlMachine::new(shared, xml, occasion)),
        Format::Opaque(_) => Box::new(opaque::OpaqueMachine::new(plan.limits())),
    };
    if plan.is_strict() {
        Box::new(strict::StrictMachine::around(machine, plan.limits()))
    } else {
        machine
    }
}

/// A machine for JSON bodies under `plan`, which asks for no date.
///
/// # Panics
/// As [`json::JsonMachine::new`].
#[must_use]
pub fn json_machine(plan: &Arc<Plan>) -> Box<dyn Machine> {
    Box::new(json::JsonMachine::new(Arc::clone(plan)))
}

/// The keyed token of a record's subject as the ledger holds it: 26 characters of lower-case base32.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectToken(pub String);

/// The bounds of one body. Reaching one ends the body (P4, P5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Containers open at once. Default 128: the depth that common JSON readers accept.
    pub depth: usize,
    /// Bytes of one record, filter element or transformed value that are held, at most
    /// [`Limits::MOST_HELD_BYTES`]; under a document plan, of the document. Default 1 MiB.
    pub held_bytes: usize,
    /// Members of one object whose names must be compared; columns of one header. Default 65,536.
    pub object_members: usize,
    /// Bytes of one member or column name, escapes or quotes included. Default 4 KiB.
    pub name_bytes: usize,
    /// Bytes of the whole body; `u64::MAX` for no bound. Default: none, since bodies stream.
    pub body_bytes: u64,
}

impl Limits {
    /// The most that can be held: places in a held value are numbers of 32 bits. A larger
    /// [`Limits::held_bytes`] is taken as this.
    pub const MOST_HELD_BYTES: usize = 2 << 30;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 128,
            held_bytes: 1 << 20,
            object_members: 65_536,
            name_bytes: 4 << 10,
            body_bytes: u64::MAX,
        }
    }
}

/// What ended a body, where. Says nothing of any value (P7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyError {
    /// What is wrong.
    pub fault: BodyFault,
    /// Bytes from the body's start to the byte that broke the rule.
    pub offset: u64,
    /// Where in the document: names that the agreement knows, others as `*`.
    pub path: String,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} ({})", self.fault, self.offset, self.path)
    }
}

impl std::error::Error for BodyError {}

/// What can be wrong with a body. [`BodyFault::code`] is stable: ledger, metrics and problems use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyFault {
    /// Not UTF-8 (RFC 3629).
    NotUtf8,
    /// Starts with a byte order mark, which RFC 8259 §8.1 forbids.
    ByteOrderMark,
    /// Not of the body's format: a byte that its grammar does not allow here.
    Malformed,
    /// A string holds an unescaped control character, a bad escape or half of a surrogate pair.
    BadString,
    /// A number that is not of the grammar's form.
    BadNumber,
    /// Something after the end of the document.
    TrailingBytes,
    /// The body ended inside a value, or was empty where something must stand.
    Truncated,
    /// An object names a member twice, or a header a column.
    DuplicateName,
    /// More open containers than [`Limits::depth`].
    TooDeep,
    /// More members in one object, or columns in one header, than [`Limits::object_members`].
    TooManyMembers,
    /// A member name longer than [`Limits::name_bytes`].
    NameTooLong,
    /// A record, element or value that must be held exceeds [`Limits::held_bytes`].
    HeldTooLarge,
    /// The body exceeds [`Limits::body_bytes`].
    BodyTooLarge,
    /// A transform met a value it is not for, and its rule says `on_mismatch: refuse`.
    Mismatch,
    /// A row has not as many values as the header has names.
    Ragged,
    /// XML with a document type declaration, or with an entity that only one could declare.
    Dtd,
    /// The table that the body is made into has more groups, or takes more memory, than was agreed. It is the whole body's
    /// fault: the offset is 0.
    TooManyGroups,
    /// Something that no rule names, in a body of which all must be agreed.
    Undeclared,
}

impl BodyFault {
    /// Every fault, for metrics that must exist before they happen.
    pub const ALL: [Self; 18] = [
        Self::NotUtf8,
        Self::ByteOrderMark,
        Self::Malformed,
        Self::BadString,
        Self::BadNumber,
        Self::TrailingBytes,
        Self::Truncated,
        Self::DuplicateName,
        Self::TooDeep,
        Self::TooManyMembers,
        Self::NameTooLong,
        Self::HeldTooLarge,
        Self::BodyTooLarge,
        Self::Mismatch,
        Self::Ragged,
        Self::Dtd,
        Self::TooManyGroups,
        Self::Undeclared,
    ];

    /// The stable name of this fault.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not_utf8",
            Self::ByteOrderMark => "byte_order_mark",
            Self::Malformed => "malformed",
            Self::BadString => "bad_string",
            Self::BadNumber => "bad_number",
            Self::TrailingBytes => "trailing_bytes",
            Self::Truncated => "truncated",
            Self::DuplicateName => "duplicate_name",
            Self::TooDeep => "too_deep",
            Self::TooManyMembers => "too_many_members",
            Self::NameTooLong => "name_too_long",
            Self::HeldTooLarge => "held_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::Mismatch => "mismatch",
            Self::Ragged => "ragged",
            Self::Dtd => "dtd",
            Self::TooManyGroups => "too_many_groups",
            Self::Undeclared => "undeclared",
        }
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "the body is not UTF-8",
            Self::ByteOrderMark => "the body starts with a byte order mark",
            Self::Malformed => "the body is not well-formed",
            Self::BadString => {
                "a string holds a control character, a bad escape or half a surrogate pair"
            }
            Self::BadNumber => "a number is not in JSON's form",
            Self::TrailingBytes => "there are bytes after the document's end",
            Self::Truncated => "the body ends too early",
            Self::DuplicateName => "a name stands twice in one object or header",
            Self::TooDeep => "containers are nested too deeply",
            Self::TooManyMembers => "an object has too many members",
            Self::NameTooLong => "a member name is too long",
            Self::HeldTooLarge => "a record or value is too large to hold",
            Self::BodyTooLarge => "the body is too large",
            Self::Mismatch => "a value is not of the form the agreement names",
            Self::Ragged => "a row has not as many values as the header has names",
            Self::Undeclared => "the body holds something that is not agreed",
            Self::Dtd => "the body has a document type declaration or an entity of one",
            Self::TooManyGroups => "the table has more groups than agreed",
        })
    }
}

/// What happened to the fields of a body: one count each time a fate was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldOutcome {
    /// A single value that a `keep` let through.
    Keep,
    /// A subtree (or a value in one) that a `keep_all` let through.
    KeepAll,
    /// A value or subtree that a `drop` held back.
    Drop,
    /// A value or subtree that no rule names.
    Undeclared,
    /// Transformed by `replace`.
    Replace,
    /// Transformed by `mask`.
    Mask,
    /// Transformed by `generalise`.
    Generalise,
    /// Transformed by `shift`.
    Shift,
    /// Transformed by `pseudonymise`.
    Pseudonymise,
    /// Transformed by `tokenise`.
    Tokenise,
    /// Rewritten by `link`.
    Link,
    /// A token that `reidentify` turned back, on the way to a service.
    Reidentify,
    /// Transformed by `redact`, whether something was found or not.
    Redact,
    /// A value of a kind that its rule is not for; it did not pass.
    Mismatch,
    /// A value on which two transforms met; it did not pass.
    Conflict,
}

impl FieldOutcome {
    /// Every outcome, in the order of [`Tally::fields`].
    pub const ALL: [Self; 15] = [
        Self::Keep,
        Self::KeepAll,
        Self::Drop,
        Self::Undeclared,
        Self::Replace,
        Self::Mask,
        Self::Generalise,
        Self::Shift,
        Self::Pseudonymise,
        Self::Tokenise,
        Self::Link,
        Self::Reidentify,
        Self::Redact,
        Self::Mismatch,
        Self::Conflict,
    ];

    /// The stable name of this outcome.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::KeepAll => "keep_all",
            Self::Drop => "drop",
            Self::Undeclared => "undeclared",
            Self::Replace => "replace",
            Self::Mask => "mask",
            Self::Generalise => "generalise",
            Self::Shift => "shift",
            Self::Pseudonymise => "pseudonymise",
            Self::Tokenise => "tokenise",
            Self::Link => "link",
            Self::Reidentify => "reidentify",
            Self::Redact => "redact",
            Self::Mismatch => "mismatch",
            Self::Conflict => "conflict",
        }
    }
}

/// Counts of one body, for the ledger and the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes pushed.
    pub bytes_in: u64,
    /// Bytes appended to outputs.
    pub bytes_out: u64,
    /// Records that left.
    pub records_released: u64,
    /// Records that stayed behind.
    pub records_withheld: u64,
    /// Why they did, indexed as [`Withheld::ALL`].
    pub withheld: [u64; Withheld::ALL.len()],
    /// Released records in which the subject selector found no value.
    pub subjects_missing: u64,
    /// Fields by outcome, indexed as [`FieldOutcome::ALL`].
    pub fields: [u64; FieldOutcome::ALL.len()],
    /// What detectors found in texts that were redacted, in the order of [`finding_words`](crate::transform::finding_words).
    pub findings: Findings,
    /// What is in the table, where one leaves in place of records.
    pub table: TableTally,
}

impl Tally {
    /// The count of `outcome`.
    #[must_use]
    pub fn field(&self, outcome: FieldOutcome) -> u64 {
        self.fields[outcome as usize]
    }

    pub(crate) fn count(&mut self, outcome: FieldOutcome) {
        self.fields[outcome as usize] += 1;
    }

    /// A record stays behind.
    pub(crate) fn withhold(&mut self, why: Withheld) {
        self.records_withheld += 1;
        self.withheld[why as usize] += 1;
    }

    /// Adds what detectors have found in one value.
    pub(crate) fn found(&mut self, findings: Findings) {
        for (sum, found) in self.findings.iter_mut().zip(findings) {
            *sum += found;
        }
    }

    /// Adds the counts of another piece of the body.
    pub(crate) fn add(&mut self, piece: &Self) {
        self.change(piece, u64::wrapping_add);
    }

    /// Takes away counts that `piece` has and that stand here, too.
    pub(crate) fn subtract(&mut self, piece: &Self) {
        self.change(piece, u64::saturating_sub);
    }

    fn change(&mut self, piece: &Self, by: fn(u64, u64) -> u64) {
        let Self {
            bytes_in,
            bytes_out,
            records_released,
            records_withheld,
            withheld,
            subjects_missing,
            fields,
            findings,
            table,
        } = self;
        *bytes_in = by(*bytes_in, piece.bytes_in);
        *bytes_out = by(*bytes_out, piece.bytes_out);
        *records_released = by(*records_released, piece.records_released);
        *records_withheld = by(*records_withheld, piece.records_withheld);
        *subjects_missing = by(*subjects_missing, piece.subjects_missing);
        table.tables = by(table.tables, piece.table.tables);
        table.records = by(table.records, piece.table.records);
        table.groups = by(table.groups, piece.table.groups);
        table.hidden = by(table.hidden, piece.table.hidden);
        for (field, piece) in fields.iter_mut().zip(piece.fields) {
            *field = by(*field, piece);
        }
        for (withheld, piece) in withheld.iter_mut().zip(piece.withheld) {
            *withheld = by(*withheld, piece);
        }
        for (found, piece) in findings.iter_mut().zip(piece.findings) {
            *found = by(*found, piece);
        }
    }
}
