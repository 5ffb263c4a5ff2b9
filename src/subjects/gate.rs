//! The gate of one exchange: its purpose's terms, asked of the store's lists as they are at each record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;

use super::Watched;
use crate::minimise::{Gate, Withheld};
use crate::rights::{Terms, Token, Verdict};

/// Asks the lists about each record of one exchange. Somebody's change counts for the records that come after it.
#[derive(Debug)]
pub struct RightsGate {
    watched: Arc<Watched>,
    /// All of these have to let a record leave; at least one.
    terms: Vec<Arc<Terms>>,
    today: Date,
    /// Records released although their subjects object or their processing is restricted.
    overridden: AtomicU64,
}

impl RightsGate {
    /// A gate over records that are to leave on the day `today`, for a purpose with these `terms`; for several purposes at
    /// once where nobody declares one of them.
    #[must_use]
    pub fn new(watched: &Arc<Watched>, terms: Vec<Arc<Terms>>, today: Date) -> Self {
        debug_assert!(!terms.is_empty(), "no terms let everything through");
        Self {
            watched: Arc::clone(watched),
            terms,
            today,
            overridden: AtomicU64::new(0),
        }
    }

    /// How many records an overriding reason released so far that would have stayed without it.
    #[must_use]
    pub fn overridden(&self) -> u64 {
        self.overridden.load(Ordering::Relaxed)
    }
}

impl Gate for RightsGate {
    fn decide(&self, subject: Option<&Token>) -> Result<(), Withheld> {
        self.watched.ask(|lists| {
            let mut overridden = false;
            for terms in &self.terms {
                match lists.decide(terms, subject, self.today) {
                    Verdict::Release => {}
                    Verdict::ReleaseOverridden => overridden = true,
                    Verdict::Withhold(why) => return Err(why),
                }
            }
            if overridden {
                self.overridden.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        })
    }

    fn shows_others(&self, subject: &Token) -> bool {
        self.watched.ask(|lists| {
            let mut terms = self.terms.iter();
            terms.all(|terms| lists.found(terms, subject, self.today).shows_others())
        })
    }
}
