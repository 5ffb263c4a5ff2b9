//! The addresses that names have: looked up now and then, kept when that fails, for a bounded time.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// Addresses of one name that are used.
const ADDRESSES: usize = 16;

/// How soon a name is looked up again that could not be.
const AGAIN: Duration = Duration::from_secs(1);

/// How long addresses are used whose name can no longer be looked up.
const STALE: Duration = Duration::from_secs(60 * 60);

/// The state of looking one name up.
pub(crate) struct Lookups {
    ttl: Duration,
    state: Mutex<State>,
    /// Held while the name is looked up: who waits for it finds the result.
    pub(super) running: tokio::sync::Mutex<()>,
}

struct State {
    /// When it is to be looked up; `None` for an address, which is not.
    next: Option<Instant>,
    /// When that last worked.
    worked: Option<Instant>,
    /// It failed, and is not tried again before `next`.
    failed: bool,
}

/// What a look-up gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The name's addresses; at least one, sorted, none twice.
    Addresses(Vec<SocketAddr>),
    /// Nothing; the addresses known before are used on.
    Keep,
    /// Nothing for so long that the addresses known before are used no more.
    Forget,
}

impl Lookups {
    /// For `host`, which is looked up each `ttl` from `now` on; with the address, if it is one.
    pub(super) fn new(
        host: &str,
        port: u16,
        ttl: Duration,
        now: Instant,
    ) -> (Self, Option<SocketAddr>) {
        let fixed = host.parse::<IpAddr>().ok();
        let lookups = Self {
            ttl,
            state: Mutex::new(State {
                next: fixed.is_none().then_some(now),
                worked: None,
                failed: false,
            }),
            running: tokio::sync::Mutex::new(()),
        };
        (lookups, fixed.map(|ip| SocketAddr::new(ip, port)))
    }

    /// When it is due; `None` for an address.
    pub(super) fn next(&self) -> Option<Instant> {
        self.lock().next
    }

    /// Whether it is due `now`. Who is told so looks it up: for others it is due only later.
    pub(super) fn take_due(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match state.next {
            Some(next) if next <= now => {
                state.next = Some(now + self.ttl);
                true
            }
            Some(_) | None => false,
        }
    }

    /// Whether it failed a moment ago, so that another attempt now would only cost time.
    pub(super) fn has_just_failed(&self, now: Instant) -> bool {
        let state = self.lock();
        state.failed && state.next.is_some_and(|next| now < next)
    }

    /// Takes what a look-up gave.
    pub(super) fn came(&self, addresses: Option<Vec<SocketAddr>>, now: Instant) -> Found {
        let mut state = self.lock();
        if let Some(mut addresses) = addresses.filter(|addresses| !addresses.is_empty()) {
            addresses.sort_unstable();
            addresses.dedup();
            addresses.truncate(ADDRESSES);
            state.next = Some(now + self.ttl);
            state.worked = Some(now);
            state.failed = false;
            return Found::Addresses(addresses);
        }
        state.next = Some(now + self.ttl.min(AGAIN));
        state.failed = true;
        match state.worked {
            Some(worked) if now < worked + STALE => Found::Keep,
            Some(_) | None => Found::Forget,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the system's resolver, within `limit`.
pub(super) async fn look_up(host: &str, port: u16, limit: Duration) -> Option<Vec<SocketAddr>> {
    let found = timeout(limit, tokio::net::lookup_host((host, port))).await;
    Some(found.ok()?.ok()?.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_is_looked_up_again_when_its_time_is_over_and_by_one_alone() {
        let now = Instant::now();
        let (lookups, fixed) = Lookups::new("service.example", 80, TTL, now);
        assert_eq!(fixed, None);
        assert!(lookups.take_due(now));
        assert!(!lookups.take_due(now));
        let found = vec![
            address("10.0.0.2:80"),
            address("10.0.0.1:80"),
            address("10.0.0.2:80"),
        ];
        assert_eq!(
            lookups.came(Some(found), now),
            Found::Addresses(vec![address("10.0.0.1:80"), address("10.0.0.2:80")])
        );
        assert!(!lookups.take_due(now + TTL / 2));
        assert!(lookups.take_due(now + TTL));
    }

    #[test]
    fn what_was_found_is_used_on_for_an_hour_when_the_name_cannot_be_looked_up() {
        let now = Instant::now();
        let (lookups, _) = Lookups::new("service.example", 80, TTL, now);
        assert_eq!(
            lookups.came(None, now),
            Found::Forget,
            "nothing is known yet"
        );
        assert!(lookups.has_just_failed(now));
        assert!(!lookups.has_just_failed(now + AGAIN));
        lookups.came(Some(vec![address("10.0.0.1:80")]), now);
        assert!(!lookups.has_just_failed(now));
        for empty in [None, Some(Vec::new())] {
            assert_eq!(lookups.came(empty, now + STALE / 2), Found::Keep);
        }
        assert_eq!(lookups.came(None, now + STALE), Found::Forget);
    }

    #[test]
    fn an_address_is_never_looked_up() {
        let now = Instant::now();
        for (host, fixed) in [
            ("192.0.2.1", "192.0.2.1:8080"),
            ("2001:db8::1", "[2001:db8::1]:8080"),
        ] {
            let (lookups, found) = Lookups::new(host, 8080, TTL, now);
            assert_eq!(found, Some(address(fixed)));
            assert!(!lookups.take_due(now + TTL));
        }
    }

    #[test]
    fn of_many_addresses_the_first_are_used() {
        let (lookups, _) = Lookups::new("service.example", 80, TTL, Instant::now());
        let many = (0..100)
            .map(|n| SocketAddr::from(([10, 0, 0, n], 80)))
            .collect();
        let Found::Addresses(used) = lookups.came(Some(many), Instant::now()) else {
            panic!("they were found");
        };
        assert_eq!(used.len(), ADDRESSES);
    }
}
