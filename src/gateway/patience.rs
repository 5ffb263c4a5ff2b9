//! How long the gateway waits for the next piece of a body, and for the whole exchange.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::reason::Reason;

/// One timer for two bounds: the wait for one piece, and the time of the whole exchange.
///
/// Only waiting is timed: while the other side takes what it was given, nobody waits here. The timer is made
/// at the first wait, so a body that is ready costs none.
#[derive(Debug)]
pub(crate) struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
    deadline: Instant,
    idle: Duration,
    /// What it is called when the next piece does not come: whose body it is.
    idle_reason: Reason,
    waiting_since: Option<Instant>,
}

impl Patience {
    /// At most `idle` for each piece, and nothing after `deadline`.
    pub(crate) fn new(deadline: Instant, idle: Duration, idle_reason: Reason) -> Self {
        Self {
            timer: None,
            deadline,
            idle,
            idle_reason,
            waiting_since: None,
        }
    }

    /// A piece came.
    pub(crate) fn progress(&mut self) {
        self.waiting_since = None;
    }

    /// Whether the whole exchange has taken too long, for bodies that never make anybody wait.
    pub(crate) fn is_past_deadline(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Ready with the reason when patience is at an end; else wakes the task when it is.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Reason> {
        loop {
            let now = Instant::now();
            if now >= self.deadline {
                return Poll::Ready(Reason::Deadline);
            }
            let idle_end = *self.waiting_since.get_or_insert(now) + self.idle;
            if now >= idle_end {
                return Poll::Ready(self.idle_reason);
            }
            let end = idle_end.min(self.deadline);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if timer.as_mut().poll(cx).is_pending() {
                // It may be set too early, never too late: the end only moves away.
                return Poll::Pending;
            }
            timer.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn wait(deadline: Duration, idle: Duration) -> Reason {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut patience = Patience::new(Instant::now() + deadline, idle, Reason::BodyIdle);
            poll_fn(|cx| patience.poll(cx)).await
        })
    }

    #[test]
    fn the_earlier_of_the_two_bounds_is_the_reason() {
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(3600));
        assert_eq!(wait(short, long), Reason::Deadline);
        assert_eq!(wait(long, short), Reason::BodyIdle);
    }
}
