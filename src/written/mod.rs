//! Files that people write: YAML in, a value that knows where each part stands, or faults with places.
//!
//! `yaml` parses; `structure` holds the value against the JSON Schema of a type and gives the type. The
//! schema that editors use is the same one, so an editor and `fieldgate check` never differ. What the
//! values mean is for their owners, [`crate::agreement`] and [`crate::config`], to check.

mod fault;
mod structure;
pub(crate) mod text;
mod yaml;

pub use fault::{Fault, Faults};
pub(crate) use structure::{Reader, Written, nearest, schema_text};
pub(crate) use yaml::{child, line_of, tree};
