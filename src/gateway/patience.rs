//! How long the gateway waits for the next piece of a body and for the whole exchange, and how small pieces may be.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::reason::Reason;
use crate::config::Limits;

/// How fast a body has to come, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// The longest wait for one piece.
    idle: Duration,
    /// What it is called when the next piece does not come.
    idle_reason: Reason,
    /// Bytes a second on average, once `idle` was waited in all; nought for any.
    bytes_per_second: u64,
    /// Bytes a piece on average, after the free ones; nought for any.
    piece_bytes: u64,
    /// Pieces that may have any size: heads of multipart bodies, first records, keep-alive comments.
    free_pieces: u64,
    /// What it is called when the body comes too slowly or in too many pieces.
    trickle_reason: Reason,
}

impl Pace {
    /// The pace of a partner's request.
    pub(crate) fn of_partner(limits: &Limits) -> Self {
        Self {
            idle: limits.body_idle,
            idle_reason: Reason::RequestIdle,
            bytes_per_second: limits.body_bytes_per_second,
            piece_bytes: limits.body_piece_bytes,
            free_pieces: limits.body_free_pieces,
            trickle_reason: Reason::RequestTrickle,
        }
    }

    /// The pace of a service's answer, of which each piece may take `idle`. It may be slow, as a feed is: `exchange` bounds its time.
    pub(crate) fn of_service(limits: &Limits, idle: Duration) -> Self {
        Self {
            idle,
            idle_reason: Reason::BodyIdle,
            bytes_per_second: 0,
            piece_bytes: limits.body_piece_bytes,
            free_pieces: limits.body_free_pieces,
            trickle_reason: Reason::BodyTrickle,
        }
    }
}

/// One timer for two bounds: the wait for one piece, and the time of the whole exchange. The same waits, added up,
/// give the body's speed; its pieces are counted, because each costs the same work however small it is.
///
/// Only waiting is timed: while the other side takes what it was given, nobody waits here. The timer is made
/// at the first wait, so a body that is ready costs none.
#[derive(Debug)]
pub(crate) struct Patience {
    timer: Option<Pin<Box<Sleep>>>,
    deadline: Instant,
    pace: Pace,
    waiting_since: Option<Instant>,
    /// All waits that have ended.
    waited: Duration,
    pieces: u64,
    bytes: u64,
}

impl Patience {
    /// At this `pace`, and nothing after `deadline`.
    pub(crate) fn new(deadline: Instant, pace: Pace) -> Self {
        Self {
            timer: None,
            deadline,
            pace,
            waiting_since: None,
            waited: Duration::ZERO,
            pieces: 0,
            bytes: 0,
        }
    }

    /// A piece of `bytes` came.
    ///
    /// # Errors
    /// If the body comes too slowly or in too many pieces.
    pub(crate) fn progress(&mut self, bytes: usize) -> Result<(), Reason> {
        self.pieces += 1;
        self.bytes += bytes as u64;
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
            let owed = self
                .waited
                .as_secs()
                .saturating_mul(self.pace.bytes_per_second);
            if self.waited > self.pace.idle && self.bytes < owed {
                return Err(self.pace.trickle_reason);
            }
        }
        let counted = self.pieces.saturating_sub(self.pace.free_pieces);
        let owed = counted.saturating_mul(self.pace.piece_bytes);
        if self.bytes < owed {
            return Err(self.pace.trickle_reason);
        }
        Ok(())
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
            let idle_end = *self.waiting_since.get_or_insert(now) + self.pace.idle;
            if now >= idle_end {
                return Poll::Ready(self.pace.idle_reason);
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

    fn pace(idle: Duration) -> Pace {
        Pace::of_partner(&Limits {
            body_idle: idle,
            ..Limits::default()
        })
    }

    fn wait(deadline: Duration, idle: Duration) -> Reason {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut patience = Patience::new(Instant::now() + deadline, pace(idle));
            poll_fn(|cx| patience.poll(cx)).await
        })
    }

    #[test]
    fn the_earlier_of_the_two_bounds_is_the_reason() {
        let (short, long) = (Duration::from_millis(1), Duration::from_secs(3600));
        assert_eq!(wait(short, long), Reason::Deadline);
        assert_eq!(wait(long, short), Reason::RequestIdle);
    }

    #[test]
    fn a_body_is_refused_where_its_pieces_are_too_small_on_average() {
        // Bytes a piece, and the piece that is one too many.
        for (bytes, refused) in [
            (0, Some(1_001)),
            (1, Some(1_067)),
            (8, Some(2_001)),
            (16, None),
        ] {
            let far = Instant::now() + Duration::from_secs(3600);
            let mut patience = Patience::new(far, pace(Duration::from_secs(30)));
            let first = (1..100_000).find(|_| patience.progress(bytes).is_err());
            assert_eq!(first, refused, "{bytes}");
        }
    }

    #[test]
    fn a_body_is_refused_where_it_comes_too_slowly_on_average() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            for (waited, bytes, taken) in [
                (29, 1, true),
                (31, 31 * 128, true),
                (31, 31 * 128 - 1, false),
                (600, 1 << 20, true),
            ] {
                let far = Instant::now() + Duration::from_secs(3600);
                let mut patience = Patience::new(far, pace(Duration::from_secs(30)));
                patience.waited = Duration::from_secs(waited);
                patience.waiting_since = Some(Instant::now());
                assert_eq!(patience.progress(bytes).is_ok(), taken, "{waited} {bytes}");
            }
        });
    }
}
