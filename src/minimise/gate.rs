//! What decides about a record as a whole: its own conditions, and somebody who knows its subject.

use std::fmt;
use std::ops::ControlFlow;

use super::asking::Asking;
use crate::plan::{Plan, StateId};
use crate::transform::Occasion;

/// Knows people: says of a record by its subject whether it may leave. Given with the occasion, asked in the stream,
/// once for each record that its own conditions let leave.
pub trait Gate: fmt::Debug + Send + Sync {
    /// Whether a record may leave that is about `subject`: the first 16 bytes of the HMAC by which the ledger knows
    /// subjects ([`crate::transform::SubjectTokens`]). `None`: the record names nobody. Of a record that names several,
    /// each is asked.
    ///
    /// # Errors
    /// Why it stays.
    fn decide(&self, subject: Option<&[u8; 16]>) -> Result<(), Withheld>;

    /// Whether the others in a record about `subject` may be shown to that person: they agree, or it was decided to be
    /// reasonable. Whoever does not know says no.
    fn shows_others(&self, _subject: &[u8; 16]) -> bool {
        false
    }
}

/// Hears of members that no rule of the plan names: what a service has begun to send, by name and never by value. Given
/// with the occasion; changes nothing of what leaves.
pub trait Notice: fmt::Debug + Send + Sync {
    /// Whether the member that `key` stands for, one number for each name at each place of the plan, is heard of for the
    /// first time. Asked in the stream, so it takes nanoseconds.
    fn is_new(&self, key: u64) -> bool;

    /// Where the member is: names alone, `$.items[*].ethnicity`.
    fn tell(&self, path: &str);
}

/// The number by which a [`Notice`] knows a name: its `hash` at the place `at` of the plan.
pub(super) fn member_key(hash: u64, at: StateId) -> u64 {
    /// Spreads the numbers of places, so that a name at one of them is not taken for it at another.
    const PLACES: u64 = 0x9e37_79b9_7f4a_7c15;
    hash ^ u64::from(at.0).wrapping_mul(PLACES)
}

/// Lets every record leave: for samples that nobody is shown.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl Gate for Open {
    fn decide(&self, _: Option<&[u8; 16]>) -> Result<(), Withheld> {
        Ok(())
    }
}

macro_rules! withheld {
    ($($(#[$doc:meta])* $name:ident = $code:literal),* $(,)?) => {
        /// Why a record stays behind. The partner sees neither the record nor a gap; the ledger and the metrics count.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Withheld {
            $($(#[$doc])* $name),*
        }

        impl Withheld {
            /// All of them, in their order.
            pub const ALL: [Self; [$($code),*].len()] = [$(Self::$name),*];

            /// The stable name.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code),*
                }
            }
        }
    };
}

withheld! {
    /// The agreement's condition (`release_if`) does not hold of it.
    Condition = "condition",
    /// The record says that its subject refused, or does not say that they did not (`withhold.refused`).
    Refused = "refused",
    /// The record is of somebody who has died.
    Deceased = "deceased",
    /// A court has ordered that it is not disclosed.
    CourtRestricted = "court_restricted",
    /// Disclosing it could do serious harm; a professional has to decide.
    HarmHold = "harm_hold",
    /// It says itself by which exemption it is kept from the person it is about, who asks.
    Exempt = "exempt",
    /// Its subject has had its processing restricted.
    Restriction = "restriction",
    /// It is past the date to which it is kept.
    Retention = "retention",
    /// It is older than was agreed, or does not say how old it is.
    Stale = "stale",
    /// Its subject was not told of this purpose when it was collected.
    NotNotified = "not_notified",
    /// Its subject objects to this purpose.
    Objection = "objection",
    /// Its subject objects to direct marketing.
    Marketing = "marketing",
    /// Its subject has not consented to this purpose, or has withdrawn that.
    NoConsent = "no_consent",
    /// Its subject has opted out.
    OptedOut = "opted_out",
    /// Its subject is a child, and the purpose is not for children's records.
    Child = "child",
    /// A parent asks for a child's record, and neither the child has agreed nor anybody decided.
    HeldForDecision = "held_for_decision",
    /// It shows others to the person it is about, and neither have they agreed nor was it decided to be reasonable.
    ThirdParties = "third_parties",
    /// It names nobody, where who it is about decides.
    UnknownSubject = "unknown_subject",
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Asking<'_> {
    /// Whether the record `current` may leave under `plan` on this occasion.
    pub(super) fn record(
        self,
        plan: &Plan,
        current: usize,
        occasion: Option<&Occasion>,
    ) -> Result<(), Withheld> {
        let purpose = occasion.and_then(|occasion| occasion.purpose.as_deref());
        for check in plan.checks() {
            if check.is_for(purpose) && !self.holds(check.unless.expression(), current) {
                return Err(check.withheld);
            }
        }
        let Some(asked) = plan.gated() else {
            return Ok(());
        };
        let (Some(gate), Some(subjects)) = (
            occasion.and_then(|occasion| occasion.gate.as_ref()),
            plan.subjects(),
        ) else {
            // A plan that asks for a gate and has none lets nothing through.
            return Err(Withheld::UnknownSubject);
        };
        let mut somebody = false;
        let mut decided = Ok(());
        let _all = self.spreading(plan).query(asked, current, &mut |node| {
            let Some(subject) = subjects.bytes(self.nodes.bytes(node)) else {
                return ControlFlow::Continue(());
            };
            somebody = true;
            decided = gate.decide(Some(&subject));
            match decided {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        if somebody { decided } else { gate.decide(None) }
    }
}
