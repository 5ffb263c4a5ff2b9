//! How many exchanges are with a service at once, and the short queue of those that wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::config::Service;

/// The places of one service, over all workers. Who waits longest gets the next.
pub(crate) struct Slots {
    free: Semaphore,
    limit: usize,
    queue: usize,
    wait: Duration,
    queued: AtomicUsize,
}

/// One exchange is with the service, until this is dropped.
pub(crate) struct Slot(Arc<Slots>);

/// Why an exchange gets no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// As many wait already as may.
    Queue,
    /// It has waited as long as it may.
    Waited,
}

impl Slots {
    pub(crate) fn new(service: &Service) -> Arc<Self> {
        let limit = service.concurrency.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            free: Semaphore::new(limit),
            limit,
            queue: service.queue,
            wait: service.queue_wait,
            queued: AtomicUsize::new(0),
        })
    }

    /// A slot, at once or after a wait that ends at the latest at `deadline`.
    ///
    /// # Errors
    /// If there is none in time.
    pub(crate) async fn enter(self: &Arc<Self>, deadline: Instant) -> Result<Slot, Full> {
        if let Ok(permit) = self.free.try_acquire() {
            permit.forget();
            return Ok(Slot(Arc::clone(self)));
        }
        let Some(_queued) = Queued::join(self) else {
            return Err(Full::Queue);
        };
        let until = deadline.min(Instant::now() + self.wait);
        match timeout_at(until, self.free.acquire()).await {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(Slot(Arc::clone(self)))
            }
            // It is never closed.
            Ok(Err(_)) | Err(_) => Err(Full::Waited),
        }
    }

    /// Exchanges that are with the service now.
    pub(crate) fn taken(&self) -> usize {
        self.limit.saturating_sub(self.free.available_permits())
    }

    /// Exchanges that wait now.
    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// The longest that one waits.
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.free.add_permits(1);
    }
}

/// An exchange waits, until this is dropped.
struct Queued<'a>(&'a Slots);

impl<'a> Queued<'a> {
    fn join(slots: &'a Slots) -> Option<Self> {
        // Counted by its own drop also where it is one too many.
        let joined = Self(slots);
        (slots.queued.fetch_add(1, Ordering::Relaxed) < slots.queue).then_some(joined)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Which part of the exchanges may be asked again. A share of them all, so that a service that fails is not asked
/// twice as often because it fails.
pub(crate) struct Budget {
    /// Hundredths of a retry.
    saved: AtomicUsize,
    percent: usize,
}

impl Budget {
    /// Retries that may be saved up, in hundredths: a burst after a quiet time.
    const MOST: usize = 10 * 100;

    pub(crate) fn new(percent: u32) -> Self {
        let percent = usize::try_from(percent).unwrap_or(usize::MAX);
        Self {
            saved: AtomicUsize::new(if percent == 0 { 0 } else { Self::MOST }),
            percent,
        }
    }

    /// An exchange began.
    pub(crate) fn save(&self) {
        // Usually it is full, and then nothing is written.
        if self.saved.load(Ordering::Relaxed) < Self::MOST {
            self.saved.fetch_add(self.percent, Ordering::Relaxed);
        }
    }

    /// Whether one may be asked again.
    pub(crate) fn spend(&self) -> bool {
        self.saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| {
                saved.checked_sub(100)
            })
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(concurrency: usize, queue: usize) -> Arc<Slots> {
        let mut service = Service::at(
            "s",
            (false, "a".to_owned(), 80),
            None,
            Duration::from_secs(1),
        );
        service.concurrency = concurrency;
        service.queue = queue;
        service.queue_wait = Duration::from_millis(1);
        Slots::new(&service)
    }

    fn run<F: Future>(test: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(test)
    }

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[test]
    fn beyond_the_limit_one_waits_and_beyond_the_queue_one_is_refused_at_once() {
        run(async {
            let slots = slots(1, 1);
            let first = slots.enter(far()).await.ok().unwrap();
            assert_eq!(slots.taken(), 1);
            {
                let mut second = std::pin::pin!(slots.enter(far()));
                let waits = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(second.as_mut().poll(cx).is_pending())
                });
                assert!(waits.await);
                assert_eq!(slots.queued(), 1);
                assert_eq!(slots.enter(far()).await.err(), Some(Full::Queue));
                drop(first);
                assert!(second.await.is_ok());
            }
            assert_eq!((slots.taken(), slots.queued()), (0, 0));
            let _first = slots.enter(far()).await.ok().unwrap();
            assert_eq!(slots.enter(far()).await.err(), Some(Full::Waited));
            assert_eq!((slots.taken(), slots.queued()), (1, 0));
        });
    }

    #[test]
    fn retries_are_a_share_of_the_exchanges() {
        let budget = Budget::new(20);
        let burst = (0..100).take_while(|_| budget.spend()).count();
        assert_eq!(burst, 10);
        let mut retries = 0;
        for _ in 0..1_000 {
            budget.save();
            retries += usize::from(budget.spend());
        }
        assert_eq!(retries, 200);
        assert!(!Budget::new(0).spend());
    }
}
