//! The council's own policy, and directorates' under it: layers that only narrow.
//!
//! `file` is a layer as written; `check` reads the charter and the directorates' files, refuses a child that widens its
//! parent, and gives each the terms that hold under it: its own and all above. `terms` says what they hold against a
//! disclosure. Knows no agreement, does no I/O and asks no clock.
//!
//! **Invariant:** whatever a directorate's terms permit, its parent's permit; never a test of its own makes it so, but
//! that the terms of a child are made from its parent's.

use crate::agreement::Source;
use crate::register::Register;
use crate::written::Faults;

mod check;
mod file;
mod retention;
mod security;
mod terms;
mod territory;

pub use retention::Retention;
pub use security::{Rate, Security, is_within};
pub use terms::{Case, Country, Never, NeverField, Terms, Transfer};

/// The charter and the directorates under it, checked.
#[derive(Debug)]
pub struct Charter {
    /// The council's own policy.
    pub council: Layer,
    /// The directorates', by name.
    pub directorates: Vec<Layer>,
}

/// One policy.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The controller's name, or the directorate's.
    pub name: String,
    /// The layer that it stands under; `None` for the charter.
    pub parent: Option<String>,
    /// Its version, from 1.
    pub version: u32,
    /// Its title, for people.
    pub title: String,
    /// Where the policy can be read.
    pub policy: Option<String>,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub hash: String,
    /// What holds under it: its own terms and those of all layers above.
    pub terms: Terms,
}

impl Charter {
    /// Reads and checks the charter and the directorates' files, which name what `register` has.
    ///
    /// # Errors
    /// With every fault of every file; a child that widens is refused with its parent's line.
    pub fn load(
        charter: Source<'_>,
        directorates: &[Source<'_>],
        register: &Register,
    ) -> Result<Self, Faults> {
        check::load(charter, directorates, register)
    }

    /// The layer for what `directorate` owns: its own, else the council's.
    #[must_use]
    pub fn layer(&self, directorate: &str) -> &Layer {
        self.directorates
            .binary_search_by(|layer| layer.name.as_str().cmp(directorate))
            .map_or(&self.council, |at| &self.directorates[at])
    }

    /// Every layer, the council's first.
    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.council).chain(&self.directorates)
    }
}

/// The JSON Schema of the charter's file and directorates', for editors: what `config/schema/charter.json` holds.
#[must_use]
pub fn charter_schema() -> String {
    crate::written::schema_text::<file::CharterAsWritten>()
}
