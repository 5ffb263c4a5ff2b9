//! How much may leave: quotas of requests, records and people, and the guard against harvesting.
//!
//! [`Terms`] are what an agreement says. [`Meters`] hold the counts of all agreements, which outlive every version
//! of them; a [`Way`] joins the two for one purpose of one disclosure. An exchange asks twice: [`Way::ask`] before the
//! service is asked, [`Way::leave`] before each piece of the answer goes to the partner. Both take all of what is asked
//! for or nothing of it, over all quotas at once.
//!
//! The core reads no clock and writes no file: time comes in, and what must not be forgotten goes to a [`Keep`]
//! before the answer is yes. **Invariant:** whatever was kept, in whatever order and however often, restores counts
//! that are at least those that were: a restart over-counts, it never under-counts.

mod meter;
mod terms;
mod window;

pub use meter::{Denied, Keep, Kept, Meters, NotKept, Over, Piece, Scope, Usage, Way};
pub use terms::{Bound, Guard, Measure, Quota, Terms};
pub use window::{Per, Window};
