//! What of the agreements that begin to run an operator should hear at once: overdue reviews, drafts, ends.

use jiff::civil::Date;

use crate::agreement::AgreementSet;

/// Logs each agreement that is a draft, has ended, or was to be reviewed before `today`.
pub(crate) fn warn(agreements: &AgreementSet, today: Date) {
    for agreement in &agreements.agreements {
        let name = agreement.name.as_str();
        if !agreement.approved.is_usable() {
            tracing::warn!(
                agreement = name,
                "the agreement is a draft: every request under it is refused until it is approved"
            );
        }
        let term = &agreement.term;
        if term.ends < today {
            tracing::warn!(agreement = name, ends = %term.ends, "the agreement has ended");
        } else if let Some(review) = term.review.filter(|review| *review < today) {
            tracing::warn!(agreement = name, %review, "the agreement's review is overdue");
        }
    }
}
