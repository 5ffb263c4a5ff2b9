//! Alerts on their way, over restarts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::{NotALine, State};

/// Alerts that may wait for delivery. With more, the newest are not queued, which is counted and logged.
pub const MOST_QUEUED: usize = 1_000;

/// Alerts that are not delivered yet, as their journal says.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<u64, String>,
    last: u64,
}

/// An alert that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its number: the receiver may see it twice, and knows it by this.
    pub id: u64,
    /// Its body.
    pub body: String,
}

/// How an alert's way ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The receiver has it.
    Delivered,
    /// Every attempt failed.
    GivenUp,
}

/// A line of the journal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "event")]
enum Line {
    Queued { id: u64, body: String },
    Ended { id: u64, how: Ended },
}

impl State for Queue {
    fn apply(&mut self, line: &str) -> Result<(), NotALine> {
        match serde_json::from_str(line).map_err(|_| NotALine)? {
            Line::Queued { id, body } => {
                self.last = self.last.max(id);
                self.waiting.insert(id, body);
            }
            Line::Ended { id, .. } => {
                self.last = self.last.max(id);
                self.waiting.remove(&id);
            }
        }
        Ok(())
    }
}

impl Queue {
    /// The journal's line that queues `body`; `None` where too many wait.
    #[must_use]
    pub fn queueing(&self, body: &str) -> Option<String> {
        let line = Line::Queued {
            id: self.last + 1,
            body: body.to_owned(),
        };
        (self.waiting.len() < MOST_QUEUED).then(|| text(&line))
    }

    /// The journal's line that ends the way of `id`.
    #[must_use]
    pub fn ending(id: u64, how: Ended) -> String {
        text(&Line::Ended { id, how })
    }

    /// The oldest that waits, of those whose number `may` be sent now, if there is one.
    #[must_use]
    pub fn first(&self, may: impl Fn(u64) -> bool) -> Option<Waiting> {
        let mut waiting = self.waiting.iter();
        let (id, body) = waiting.find(|(id, _)| may(**id))?;
        Some(Waiting {
            id: *id,
            body: body.clone(),
        })
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The lines of a journal that says no more than this.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let queued = self.waiting.iter().map(|(id, body)| Line::Queued {
            id: *id,
            body: body.clone(),
        });
        // Numbers go on where they were.
        let last = Line::Ended {
            id: self.last,
            how: Ended::Delivered,
        };
        let last = (self.last > 0 && !self.waiting.contains_key(&self.last)).then_some(last);
        last.into_iter()
            .chain(queued)
            .map(|line| text(&line))
            .collect()
    }
}

fn text(line: &Line) -> String {
    serde_json::to_string(line).expect("numbers and texts are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_wait_in_their_order_until_they_are_ended() {
        let mut queue = Queue::default();
        for body in ["one", "two"] {
            let line = queue.queueing(body).unwrap();
            queue.apply(&line).unwrap();
        }
        assert_eq!(queue.first(|_| true).unwrap().body, "one");
        assert_eq!(queue.first(|id| id != 1).unwrap().body, "two");
        assert_eq!(queue.first(|_| false), None);
        queue.apply(&Queue::ending(1, Ended::Delivered)).unwrap();
        assert_eq!(
            queue.first(|_| true).unwrap(),
            Waiting {
                id: 2,
                body: "two".to_owned()
            }
        );
        queue.apply(&Queue::ending(2, Ended::GivenUp)).unwrap();
        assert!(queue.is_empty());
    }

    #[test]
    fn a_shortened_journal_says_the_same() {
        let mut queue = Queue::default();
        for body in ["one", "two", "three"] {
            let line = queue.queueing(body).unwrap();
            queue.apply(&line).unwrap();
        }
        for ended in [2, 3] {
            queue
                .apply(&Queue::ending(ended, Ended::Delivered))
                .unwrap();
        }
        let mut shorter = Queue::default();
        for line in queue.lines() {
            shorter.apply(&line).unwrap();
        }
        assert_eq!(shorter.first(|_| true), queue.first(|_| true));
        assert_eq!(shorter.queueing("four"), queue.queueing("four"));
    }

    #[test]
    fn p5_the_queue_is_bounded() {
        let mut queue = Queue::default();
        for _ in 0..MOST_QUEUED {
            let line = queue.queueing("more").unwrap();
            queue.apply(&line).unwrap();
        }
        assert_eq!(queue.queueing("more"), None);
    }
}
