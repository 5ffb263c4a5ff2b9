//! What in an agreement can keep a risk small: its rules, and the terms that refuse, withhold or end something.

use std::collections::BTreeSet;

/// The terms that a risk may name as its control, by the words that it names them with.
pub(in crate::agreement) const TERMS: [&str; 17] = [
    "release_if",
    "subject",
    "retention",
    "review",
    "territory",
    "reference",
    "professional",
    "training",
    "roles",
    "withhold.refused",
    "withhold.deceased",
    "withhold.court_restricted",
    "withhold.harm_hold",
    "withhold.exempt",
    "withhold.restricted",
    "withhold.retention",
    "withhold.stale",
];

/// The controls that one agreement has.
#[derive(Debug, Default)]
pub(in crate::agreement) struct Controls {
    rules: BTreeSet<(String, String)>,
    terms: BTreeSet<&'static str>,
}

impl Controls {
    /// The agreement has a rule with `action` for `selector`.
    pub(in crate::agreement) fn rule(&mut self, action: &str, selector: &str) {
        self.rules.insert((action.to_owned(), selector.to_owned()));
    }

    /// The agreement has `term`, one of [`TERMS`].
    pub(in crate::agreement) fn term(&mut self, term: &'static str) {
        self.terms.insert(term);
    }

    /// Finds the control that a risk names.
    ///
    /// # Errors
    /// With what there is instead, one sentence.
    pub(in crate::agreement) fn find(&self, control: &str) -> Result<(), String> {
        let control = control.trim();
        if let Some((action, selector)) = control.split_once(char::is_whitespace) {
            let selector = selector.trim();
            if self
                .rules
                .contains(&(action.to_owned(), selector.to_owned()))
            {
                return Ok(());
            }
            let same: Vec<&str> = self
                .rules
                .iter()
                .filter(|(_, known)| known == selector)
                .map(|(action, _)| action.as_str())
                .collect();
            return Err(match same.as_slice() {
                [] => format!(
                    "no rule of the agreement has the selector {selector}; name a rule that is there"
                ),
                actions => format!(
                    "the agreement's rule for {selector} is {}; name that, or change the rule",
                    actions.join(", ")
                ),
            });
        }
        if self.terms.contains(control) {
            return Ok(());
        }
        Err(if TERMS.contains(&control) {
            format!("the agreement has no `{control}`; add it, or name a control that is there")
        } else {
            format!(
                "`{control}` is no control; write a rule with its action, as in tokenise $.nhsNumber, or one of {}",
                TERMS.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_is_found_only_where_it_is_there() {
        let mut controls = Controls::default();
        controls.rule("tokenise", "$.nhsNumber");
        controls.rule("keep", "$['a b']");
        controls.term("release_if");
        for (control, found) in [
            ("tokenise $.nhsNumber", true),
            ("  tokenise   $.nhsNumber ", true),
            ("keep $['a b']", true),
            ("drop $.nhsNumber", false),
            ("tokenise $.name", false),
            ("tokenise", false),
            ("release_if", true),
            ("retention", false),
            ("good intentions", false),
        ] {
            assert_eq!(controls.find(control).is_ok(), found, "{control}");
        }
    }
}
