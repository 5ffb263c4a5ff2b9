//! When an address that fails is left alone. Time is a parameter.
//!
//! There is one breaker for each address and nothing else that takes one out for what its exchanges show: an address is
//! ejected by its breaker, and a service is open when the breakers of all of its addresses are.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config;

/// Verdicts that are remembered of one address.
const REMEMBERED: u32 = u64::BITS;

/// One address's breaker, shared by all workers. While all is well it costs a load.
pub(crate) struct Breaker {
    settings: config::Breaker,
    /// The last 64 verdicts, the newest in the lowest bit; 1 is a failure.
    recent: AtomicU64,
    is_open: AtomicBool,
    open: Mutex<Open>,
}

/// What holds while it is open.
struct Open {
    until: Instant,
    /// How long it is open this time.
    length: Duration,
    /// An exchange tries the address.
    trying: bool,
}

/// Whether an exchange may go to the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Closed,
    /// It may, and decides for all: its verdict has to be told, or that there is none.
    Trial,
    /// It may not before this time.
    Open(Instant),
}

impl Breaker {
    pub(crate) fn new(settings: config::Breaker) -> Self {
        Self {
            settings,
            recent: AtomicU64::new(0),
            is_open: AtomicBool::new(false),
            open: Mutex::new(Open {
                until: Instant::now(),
                length: Duration::ZERO,
                trying: false,
            }),
        }
    }

    /// Whether exchanges go to the address as usual.
    pub(crate) fn is_closed(&self) -> bool {
        !self.is_open.load(Ordering::Relaxed)
    }

    /// Whether an exchange may go to the address `now`. Who gets a [`Admission::Trial`] has it alone.
    pub(crate) fn admit(&self, now: impl FnOnce() -> Instant) -> Admission {
        if self.is_closed() {
            return Admission::Closed;
        }
        let mut open = self.lock();
        let now = now();
        if now < open.until {
            Admission::Open(open.until)
        } else if open.trying {
            Admission::Open(now + self.settings.open)
        } else {
            open.trying = true;
            Admission::Trial
        }
    }

    /// An exchange went well.
    pub(crate) fn succeeded(&self, trial: bool) {
        if trial {
            self.recent.store(0, Ordering::Relaxed);
            let mut open = self.lock();
            open.trying = false;
            open.length = Duration::ZERO;
            self.is_open.store(false, Ordering::Relaxed);
        } else if self.recent.load(Ordering::Relaxed) != 0 {
            self.remember(0);
        }
    }

    /// An exchange failed at `now`. Gives how long the address is left alone, if that begins with this; only a trial
    /// or an address that `may_open` is.
    pub(crate) fn failed(&self, trial: bool, may_open: bool, now: Instant) -> Option<Duration> {
        let recent = self.remember(1);
        let reached = recent.trailing_ones() >= self.settings.failures
            || recent.count_ones() * 100 >= self.settings.percent * REMEMBERED;
        if !(trial || may_open && reached) {
            return None;
        }
        let mut open = self.lock();
        if !trial && !self.is_closed() {
            return None;
        }
        open.trying = false;
        open.length = (open.length * 2).clamp(self.settings.open, self.settings.longest);
        open.until = now + open.length;
        self.is_open.store(true, Ordering::Relaxed);
        Some(open.length)
    }

    /// A trial came to no verdict: another may be made.
    pub(crate) fn abandoned(&self) {
        self.lock().trying = false;
    }

    /// The verdicts with `failure` as the newest.
    fn remember(&self, failure: u64) -> u64 {
        let push = |recent: u64| recent << 1 | failure;
        let before = self
            .recent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |recent| {
                Some(push(recent))
            });
        // It never declines, so both arms are what was there.
        push(before.unwrap_or_else(|before| before))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Duration = Duration::from_secs(1);

    fn breaker() -> Breaker {
        Breaker::new(config::Breaker {
            failures: 3,
            percent: 50,
            open: OPEN,
            longest: OPEN * 3,
        })
    }

    #[test]
    fn failures_one_after_another_open_it_and_a_success_between_them_does_not() {
        let now = Instant::now();
        let breaker = breaker();
        for _ in 0..10 {
            assert_eq!(breaker.failed(false, true, now), None);
            assert_eq!(breaker.failed(false, true, now), None);
            breaker.succeeded(false);
            breaker.succeeded(false);
            breaker.succeeded(false);
        }
        breaker.failed(false, true, now);
        breaker.failed(false, true, now);
        assert_eq!(breaker.failed(false, true, now), Some(OPEN));
        assert_eq!(breaker.admit(|| now), Admission::Open(now + OPEN));
    }

    #[test]
    fn half_of_the_last_64_open_it_though_never_three_in_a_row() {
        let now = Instant::now();
        let breaker = breaker();
        let failures = (0..64).take_while(|_| {
            breaker.succeeded(false);
            breaker.failed(false, true, now).is_none()
        });
        assert_eq!(failures.count(), 31, "the 32nd of 64 opens it");
    }

    #[test]
    fn one_exchange_tries_it_when_its_time_is_over_and_failing_doubles_the_time_up_to_the_limit() {
        let mut now = Instant::now();
        let breaker = breaker();
        for _ in 0..3 {
            breaker.failed(false, true, now);
        }
        for length in [OPEN * 2, OPEN * 3, OPEN * 3] {
            now += OPEN * 3;
            assert_eq!(breaker.admit(|| now), Admission::Trial);
            assert!(
                matches!(breaker.admit(|| now), Admission::Open(_)),
                "one alone"
            );
            assert_eq!(breaker.failed(true, true, now), Some(length));
        }
        now += OPEN * 3;
        assert_eq!(breaker.admit(|| now), Admission::Trial);
        breaker.abandoned();
        assert_eq!(breaker.admit(|| now), Admission::Trial);
        breaker.succeeded(true);
        assert_eq!(breaker.admit(|| now), Admission::Closed);
        for _ in 0..2 {
            assert_eq!(breaker.failed(false, true, now), None, "it begins anew");
        }
        assert_eq!(breaker.failed(false, true, now), Some(OPEN));
    }

    #[test]
    fn what_may_not_open_it_does_not() {
        let breaker = breaker();
        for _ in 0..100 {
            assert_eq!(breaker.failed(false, false, Instant::now()), None);
        }
        assert!(breaker.is_closed());
    }
}
