//! The controller's systems that push to partners, and the listeners that are theirs.

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Check;
use super::{Audience, Listener, Partner};
use crate::written::Fault;

/// Who connects to a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum AudienceAsWritten {
    Partners,
    Council,
}

impl AudienceAsWritten {
    /// What it means; partners where nothing is written.
    pub(super) fn audience(written: Option<Self>) -> Audience {
        match written {
            None | Some(Self::Partners) => Audience::Partners,
            Some(Self::Council) => Audience::Council,
        }
    }
}

impl Check<'_> {
    /// The systems that push. Adds a fault where they have no listener, or a listener has none of them.
    pub(super) fn systems(&self, listen: &[Listener], faults: &mut Vec<Fault>) -> Vec<Partner> {
        let written = self.file.value.systems.as_deref().unwrap_or_default();
        let councils = listen
            .iter()
            .position(|listener| listener.audience == Audience::Council);
        match (councils, written.is_empty()) {
            (None, false) => self.file.fault_at_key(
                faults,
                "/systems",
                "no listener is for the council, so no system can push; give one for: council",
            ),
            (Some(index), true) => self.file.fault(
                faults,
                &format!("/listen/{index}/for"),
                "no system of the council's is known here; write `systems`, each with a name and identify",
            ),
            (Some(_), false) | (None, true) => {}
        }
        for (index, system) in written.iter().enumerate() {
            if system.acts_for.is_some() {
                self.file.fault_at_key(
                    faults,
                    &format!("/systems/{index}/acts_for"),
                    "a system pushes under the agreements that name it; leave this out",
                );
            }
        }
        self.identified(("/systems", "system"), Audience::Council, written, faults)
    }
}
