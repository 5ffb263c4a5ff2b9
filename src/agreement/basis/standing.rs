//! What of an agreement's standing decides a request: whether it is approved, and whether both sides mean one version.

use std::fmt;

use crate::agreement::{Agreement, Caller, Refusal};
use crate::approval::Approved;

/// Refuses what stands under a draft, then what was asked under another version than the one that runs. `note` hears of
/// each step that there is something to say of.
pub(in crate::agreement) fn standing(
    agreement: &Agreement,
    caller: &Caller<'_>,
    note: &mut impl FnMut(&'static str, bool, fmt::Arguments<'_>),
) -> Result<(), Refusal> {
    match &agreement.approved {
        Approved::NotAsked => {}
        Approved::Draft { missing, .. } => {
            let refusal = Refusal::NotApproved {
                agreement: agreement.name.clone(),
                missing: missing.clone(),
            };
            note("approval", false, format_args!("{refusal}"));
            return Err(refusal);
        }
        Approved::Approved(by) => {
            let by = By(by);
            note("approval", true, format_args!("approved by {by}"));
        }
    }
    let Some(accepted) = caller.version else {
        return Ok(());
    };
    if is_version(accepted, agreement.version) {
        note(
            "version",
            true,
            format_args!("the partner has accepted version {}", agreement.version),
        );
        return Ok(());
    }
    let refusal = Refusal::AgreementChanged {
        agreement: agreement.name.clone(),
        version: agreement.version,
    };
    note("version", false, format_args!("{refusal}"));
    Err(refusal)
}

/// Whether `text` is `version` in decimal digits, without anything else.
fn is_version(text: &[u8], version: u32) -> bool {
    let mut digits = [0_u8; 10];
    let mut rest = version;
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).expect("a digit is below ten");
        rest /= 10;
        if rest == 0 {
            return text == &digits[at..];
        }
    }
}

/// The roles that approved.
struct By<'a>(&'a [crate::approval::Approval]);

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, approval) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", approval.role)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_spelling() {
        for (text, version, same) in [
            ("3", 3, true),
            ("0", 0, true),
            ("1000000", 1_000_000, true),
            ("4294967295", u32::MAX, true),
            ("03", 3, false),
            ("+3", 3, false),
            ("3.0", 3, false),
            (" 3", 3, false),
            ("", 0, false),
            ("4", 3, false),
        ] {
            assert_eq!(is_version(text.as_bytes(), version), same, "{text}");
        }
    }
}
