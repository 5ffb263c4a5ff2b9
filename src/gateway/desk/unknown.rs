//! Fields that a service has begun to send: each opens a case, once, where neither the agreement nor the register has it.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use super::{Desk, lock};
use crate::agreement::{Agreement, Disclosure};
use crate::cases::{Gap, Kind, field_path};
use crate::minimise::Notice;
use crate::register::Register;

/// Members of one disclosure that are heard of: beyond them nothing new is.
const MEMBERS: usize = 10_000;

/// Hears of the members in one disclosure's answers that no rule names.
pub(crate) struct Unknown {
    desk: Arc<Desk>,
    partner: String,
    agreement: String,
    disclosure: String,
    contact: String,
    /// The fields of the data set, as names from the record.
    registered: Vec<Vec<String>>,
    heard: Mutex<HashSet<u64>>,
}

impl Unknown {
    /// For `disclosure`, whose data set is in `register`; `None` where it is in none: then nobody has said what is known.
    pub(crate) fn new(
        desk: &Arc<Desk>,
        register: Option<&Arc<Register>>,
        agreement: &Agreement,
        disclosure: &Disclosure,
    ) -> Option<Self> {
        let register = register?;
        let name = disclosure.data_set.as_deref()?;
        let data_set = register.data_sets.iter().find(|set| set.name == name)?;
        let registered = data_set.fields.iter().map(|field| names(&field.path));
        Some(Self {
            desk: Arc::clone(desk),
            partner: agreement.partner.to_string(),
            agreement: agreement.name.to_string(),
            disclosure: disclosure.name.to_string(),
            contact: register.dpo.clone(),
            registered: registered.collect(),
            heard: Mutex::default(),
        })
    }

    /// Whether the register has the field at `path`, something in it, or what it is in. Where records stand in the body is not
    /// looked at: a field of the record is known by the names at the end.
    fn is_registered(&self, path: &[String]) -> bool {
        self.registered
            .iter()
            .any(|field| (1..=field.len()).any(|length| path.ends_with(&field[..length])))
    }
}

impl Notice for Unknown {
    fn is_new(&self, key: u64) -> bool {
        let mut heard = lock(&self.heard);
        heard.len() < MEMBERS && heard.insert(key)
    }

    fn tell(&self, path: &str) {
        if self.is_registered(&names(path)) {
            return;
        }
        let gap = Gap {
            kind: Kind::Field,
            partner: self.partner.clone(),
            agreement: Some(self.agreement.clone()),
            disclosure: Some(self.disclosure.clone()),
            purpose: None,
            field: Some(field_path(path)),
            digest: None,
        };
        self.desk.gap(&gap, Some(&self.contact));
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unknown")
            .field("disclosure", &self.disclosure)
            .finish_non_exhaustive()
    }
}

/// The names of members in `path`, without positions.
fn names(path: &str) -> Vec<String> {
    path.split(['.', '[', ']'])
        .map(|name| name.trim_matches(['\'', '"']))
        .filter(|name| !matches!(*name, "" | "$" | "@" | "*"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_by_their_names() {
        for (path, all) in [
            ("$.items[*].ethnicity", "items ethnicity"),
            ("@.address.postcode", "address postcode"),
            ("$['first name']", "first name"),
        ] {
            assert_eq!(names(path).join(" "), all);
        }
    }
}
