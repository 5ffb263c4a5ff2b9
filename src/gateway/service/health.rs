//! Whether a service is well: asked now and then by the gateway itself, and its names looked up, on the admin thread.
//!
//! One watch for all workers, so that a service is asked as often as it is configured, however many cores there are.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request};
use http_body_util::Empty;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};

use super::Target;
use super::connect::Connection;
use super::place::Place;
use crate::config::Health;
use crate::gateway::running::Running;

/// How often the watch looks what runs, at the least: after a reload there may be new services.
const LOOK: Duration = Duration::from_secs(1);

/// The shortest between two looks.
const REST: Duration = Duration::from_millis(5);

/// What the health checks of one place have found.
pub(crate) struct Checks {
    next: Instant,
    /// One is on its way.
    running: bool,
    /// Good answers, or bad ones, one after another.
    streak: u32,
    /// What the streak is of.
    good: bool,
}

impl Checks {
    pub(super) fn new() -> Self {
        Self {
            next: Instant::now(),
            running: false,
            streak: 0,
            good: true,
        }
    }

    /// Takes an answer. Gives whether the place is ill with it, if that changes something.
    fn came(&mut self, good: bool, ill: bool, health: &Health) -> Option<bool> {
        self.running = false;
        self.streak = if self.good == good {
            self.streak + 1
        } else {
            1
        };
        self.good = good;
        if good && ill && self.streak >= health.healthy_after {
            Some(false)
        } else if !good && !ill && self.streak >= health.unhealthy_after {
            Some(true)
        } else {
            None
        }
    }
}

/// Watches over the services of what runs, until the task is dropped.
pub(crate) async fn watch(running: Arc<ArcSwap<Running>>) {
    loop {
        let now = Instant::now();
        let next = running
            .load()
            .targets
            .iter()
            .map(|target| target.tend(now))
            .min();
        let next = next.unwrap_or(now + LOOK).clamp(now + REST, now + LOOK);
        sleep_until(next).await;
    }
}

impl Target {
    /// Begins what is due. Gives when to look again.
    fn tend(self: &Arc<Self>, now: Instant) -> Instant {
        let mut next = now + LOOK;
        for index in 0..self.endpoints.len() {
            let lookups = &self.endpoints[index].lookups;
            if lookups.take_due(now) {
                let target = Arc::clone(self);
                spawn_local(async move { target.refresh(index).await });
            }
            next = next.min(lookups.next().unwrap_or(next));
        }
        let Some(health) = &self.service.health else {
            return next;
        };
        for place in self.places.load().iter() {
            let mut checks = place.checks.lock().unwrap_or_else(PoisonError::into_inner);
            if checks.next <= now && !checks.running {
                checks.running = true;
                checks.next = now + health.interval;
                let (target, place) = (Arc::clone(self), Arc::clone(place));
                spawn_local(async move { target.check(&place).await });
            }
            next = next.min(checks.next);
        }
        next
    }

    /// Asks `place` whether it is well, and takes what it says.
    async fn check(&self, place: &Place) {
        let Some(health) = &self.service.health else {
            return;
        };
        let good = timeout(health.timeout, self.is_well(place, health)).await == Ok(true);
        place.endpoint.counters.checked(good);
        let mut checks = place.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let ill = place.ill.load(Ordering::Relaxed);
        let Some(ill) = checks.came(good, ill, health) else {
            return;
        };
        place.ill.store(ill, Ordering::Relaxed);
        let endpoint = &place.endpoint.url;
        let address = place.address;
        if ill {
            tracing::warn!(service = %self.name(), endpoint, %address, "an address of a service is ill: its health checks fail");
        } else {
            tracing::info!(service = %self.name(), endpoint, %address, "an address of a service is well again");
        }
    }

    /// Whether `place` answers 2xx. The request carries nothing of anybody's; of the answer only the status is read.
    async fn is_well(&self, place: &Place, health: &Health) -> bool {
        let Ok(mut connection) = self.connector.connect::<Empty<Bytes>>(place).await else {
            return false;
        };
        let Ok(target) = health.path.parse() else {
            return false;
        };
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = target;
        let agent = HeaderValue::from_static("fieldgate-health");
        request.headers_mut().insert(USER_AGENT, agent);
        place.address_to(&mut request, connection.is_http2(), self.service.https);
        let answered = match &mut connection {
            Connection::Http1(sender) => sender.send_request(request).await,
            Connection::Http2(sender) => sender.send_request(request).await,
        };
        answered.is_ok_and(|answer| answer.status().is_success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_bad_answers_in_a_row_make_a_place_ill_and_so_many_good_ones_well() {
        let health = Health {
            path: "/".to_owned(),
            interval: LOOK,
            timeout: LOOK,
            healthy_after: 2,
            unhealthy_after: 3,
        };
        let mut checks = Checks::new();
        let mut ill = false;
        let mut course = String::new();
        for answer in "xx.xxx..x.xx..xx.".chars() {
            if let Some(changed) = checks.came(answer == '.', ill, &health) {
                ill = changed;
            }
            course.push(if ill { 'x' } else { '.' });
        }
        //          "xx.xxx..x.xx..xx."
        assert_eq!(course, ".....xx..........");
    }
}
