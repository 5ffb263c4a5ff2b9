//! Fair shares: how many exchanges run at once, all partners' together and each one's own.
//!
//! Where a bound is reached an exchange waits in its partner's line. When a place becomes free the partners that wait
//! have turns, so a partner that asks for much waits behind itself and not before the others. Each worker counts for
//! itself and has its part of the bounds: nothing here crosses to another thread.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::limits::Limit;
use super::metrics::Metrics;
use super::reason::Reason;
use crate::agreement::PartnerName;
use crate::config::Config;

/// The places of one worker.
pub(crate) struct Fair {
    metrics: Arc<Metrics>,
    lines: RefCell<Lines>,
}

/// A place for one exchange, until this is dropped.
pub(crate) struct Share(Option<Held>);

struct Held {
    fair: Rc<Fair>,
    line: usize,
}

/// What an exchange got at the entrance.
pub(crate) enum Place {
    /// A place.
    Free(Share),
    /// A place in its partner's line.
    Waiting {
        /// Brings the place.
        turn: oneshot::Receiver<Share>,
        /// Counts those that wait in vain.
        metrics: Arc<Metrics>,
    },
}

#[derive(Default)]
struct Lines {
    bounds: Bounds,
    running: usize,
    waiting: usize,
    /// Whose turn comes next.
    turn: usize,
    by_partner: HashMap<PartnerName, usize>,
    /// One for each partner that has ever asked: as many as are configured.
    lines: Vec<Line>,
}

#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<oneshot::Sender<Share>>,
}

/// A worker's part of the configured bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    all: usize,
    each: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            all: usize::MAX,
            each: usize::MAX,
        }
    }
}

impl Bounds {
    /// `None`: nothing is bounded.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let limits = &config.limits;
        if limits.exchanges == 0 && limits.exchanges_per_partner == 0 {
            return None;
        }
        let part = |whole: usize| match whole {
            0 => usize::MAX,
            whole => whole.div_ceil(config.workers.get()),
        };
        Some(Self {
            all: part(limits.exchanges),
            each: part(limits.exchanges_per_partner),
        })
    }
}

impl Fair {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Rc<Self> {
        Rc::new(Self {
            metrics,
            lines: RefCell::default(),
        })
    }

    /// A place for an exchange of `partner` within `bounds`, at once or after a wait.
    ///
    /// # Errors
    /// If as many of the partner's wait already as may run.
    pub(crate) fn place(
        self: &Rc<Self>,
        partner: &PartnerName,
        bounds: Option<Bounds>,
    ) -> Result<Place, Reason> {
        let Some(bounds) = bounds else {
            return Ok(Place::Free(Share(None)));
        };
        let mut lines = self.lines.borrow_mut();
        let lines = &mut *lines;
        lines.bounds = bounds;
        let index = match lines.by_partner.get(partner) {
            Some(index) => *index,
            None => {
                lines.lines.push(Line::default());
                let index = lines.lines.len() - 1;
                lines.by_partner.insert(partner.clone(), index);
                index
            }
        };
        let line = &mut lines.lines[index];
        let full = lines.running >= bounds.all;
        if !full && line.running < bounds.each {
            lines.running += 1;
            line.running += 1;
            return Ok(Place::Free(Share(Some(Held {
                fair: Rc::clone(self),
                line: index,
            }))));
        }
        self.metrics.limits.reached(if full {
            Limit::Exchanges
        } else {
            Limit::ExchangesPerPartner
        });
        let most = bounds.each.min(bounds.all);
        if line.waiting.len() >= most {
            // Those that waited in vain are found when their turn comes, or here.
            let before = line.waiting.len();
            line.waiting.retain(|turn| !turn.is_closed());
            let left = line.waiting.len();
            lines.waiting -= before - left;
            if left >= most {
                return Err(Reason::GatewayBusy);
            }
        }
        let (give, turn) = oneshot::channel();
        line.waiting.push_back(give);
        lines.waiting += 1;
        Ok(Place::Waiting {
            turn,
            metrics: Arc::clone(&self.metrics),
        })
    }

    /// Gives the places that are free to those whose turn it is.
    fn hand_out(self: &Rc<Self>) {
        loop {
            let next = self.lines.borrow_mut().next();
            let Some((line, give)) = next else { return };
            // Whoever waited may have gone meanwhile: then the share comes back, and is dropped when nothing is
            // borrowed. What it frees is handed out by this loop.
            let share = Share(Some(Held {
                fair: Rc::clone(self),
                line,
            }));
            if let Err(mut share) = give.send(share) {
                share.0 = None;
                self.lines.borrow_mut().ended(line);
            }
        }
    }
}

impl Lines {
    /// The next that waits and may run now, counted as running.
    fn next(&mut self) -> Option<(usize, oneshot::Sender<Share>)> {
        if self.waiting == 0 || self.running >= self.bounds.all {
            return None;
        }
        let count = self.lines.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            let line = &mut self.lines[index];
            if line.running >= self.bounds.each {
                continue;
            }
            if let Some(give) = line.waiting.pop_front() {
                line.running += 1;
                self.running += 1;
                self.waiting -= 1;
                self.turn = index + 1;
                return Some((index, give));
            }
        }
        None
    }

    fn ended(&mut self, line: usize) {
        self.running -= 1;
        self.lines[line].running -= 1;
    }
}

impl Place {
    /// The place itself, after a wait of at most `most`.
    ///
    /// # Errors
    /// If none became free in time.
    pub(crate) async fn taken(self, most: Duration) -> Result<Share, Reason> {
        match self {
            Self::Free(share) => Ok(share),
            Self::Waiting { turn, metrics } => match timeout(most, turn).await {
                Ok(Ok(share)) => Ok(share),
                Ok(Err(_)) | Err(_) => {
                    metrics.limits.reached(Limit::ExchangeWait);
                    Err(Reason::GatewayBusy)
                }
            },
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(Held { fair, line }) = self.0.take() {
            let waiting = {
                let mut lines = fair.lines.borrow_mut();
                lines.ended(line);
                lines.waiting
            };
            if waiting > 0 {
                fair.hand_out();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Gate {
        fair: Rc<Fair>,
        bounds: Option<Bounds>,
    }

    fn gate(all: usize, each: usize) -> Gate {
        Gate {
            fair: Fair::new(Arc::new(Metrics::new().unwrap())),
            bounds: Some(Bounds { all, each }),
        }
    }

    impl Gate {
        fn ask(&self, partner: &str) -> Result<Place, Reason> {
            self.fair.place(&PartnerName::new(partner), self.bounds)
        }

        fn free(&self, partner: &str) -> Share {
            match self.ask(partner) {
                Ok(Place::Free(share)) => share,
                Ok(Place::Waiting { .. }) => panic!("{partner} has to wait"),
                Err(reason) => panic!("{partner}: {reason:?}"),
            }
        }

        fn waiting(&self, partner: &str) -> oneshot::Receiver<Share> {
            match self.ask(partner) {
                Ok(Place::Waiting { turn, .. }) => turn,
                Ok(Place::Free(_)) => panic!("{partner} need not wait"),
                Err(reason) => panic!("{partner}: {reason:?}"),
            }
        }

        fn running(&self) -> usize {
            self.fair.lines.borrow().running
        }
    }

    #[test]
    fn partners_that_wait_have_turns_whoever_asked_most() {
        let gate = gate(2, 2);
        let (one, two) = (gate.free("greedy"), gate.free("greedy"));
        let mut greedy = [gate.waiting("greedy"), gate.waiting("greedy")];
        let mut small = gate.waiting("small");
        drop(one);
        let first = greedy[0].try_recv().expect("the first of the line");
        assert!(small.try_recv().is_err());
        drop(two);
        let second = small.try_recv().expect("the small one's turn");
        assert!(greedy[1].try_recv().is_err());
        drop(first);
        assert!(greedy[1].try_recv().is_ok());
        drop(second);
    }

    #[test]
    fn one_partners_bound_leaves_the_others_places_free() {
        let gate = gate(4, 2);
        let _held = (gate.free("greedy"), gate.free("greedy"));
        let _waiting = (gate.waiting("greedy"), gate.waiting("greedy"));
        assert_eq!(gate.ask("greedy").err(), Some(Reason::GatewayBusy));
        let _small = (gate.free("small"), gate.free("small"));
    }

    #[test]
    fn a_place_that_nobody_waits_for_any_more_goes_to_the_next() {
        let gate = gate(1, 1);
        let held = gate.free("one");
        drop(gate.waiting("two"));
        let mut three = gate.waiting("three");
        drop(held);
        let share = three.try_recv().expect("the next that still waits");
        assert_eq!(gate.running(), 1);
        drop(share);
        assert_eq!(gate.running(), 0);
        // A place that was given and not taken comes back too.
        let held = gate.free("one");
        let turn = gate.waiting("two");
        drop(held);
        assert_eq!(gate.running(), 1);
        drop(turn);
        assert_eq!(gate.running(), 0);
    }

    #[test]
    fn those_that_waited_in_vain_take_no_place_in_the_line() {
        let gate = gate(1, 1);
        let _held = gate.free("one");
        for _ in 0..10 {
            drop(gate.waiting("one"));
        }
        let _turn = gate.waiting("one");
        assert_eq!(gate.ask("one").err(), Some(Reason::GatewayBusy));
    }

    #[test]
    fn without_bounds_nobody_waits() {
        let mut gate = gate(1, 1);
        gate.bounds = None;
        let shares: Vec<_> = (0..1_000).map(|_| gate.free("one")).collect();
        assert_eq!(gate.running(), 0);
        drop(shares);
    }

    #[test]
    fn a_wait_ends_with_the_reason() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let gate = gate(1, 1);
            let _held = gate.free("one");
            let place = gate.ask("one").expect("it may wait");
            let taken = place.taken(Duration::from_millis(1)).await;
            assert_eq!(taken.err(), Some(Reason::GatewayBusy));
        });
    }
}
