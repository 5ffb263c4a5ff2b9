//! Services as the gateway reaches them.
//!
//! A [`Target`] is what all workers share of one service: its endpoints with the addresses that their names have now,
//! what exchanges and health checks have shown of each address, and how many exchanges are with it. Each worker has a
//! [`Pool`] of connections of its own. An exchange enters ([`Target::enter`]), chooses a place ([`Target::choose`]),
//! leases a connection to it ([`Pool::lease`]) and says how that went ([`Lease::judge`]).

mod breaker;
mod connect;
mod health;
mod metrics;
mod names;
mod place;
mod pool;
mod slots;
mod stalling;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use http_body::Body;
use hyper::client::conn::http1::SendRequest;
use prometheus::Registry;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use self::breaker::Admission;
use self::connect::{Connection, Connector};
use self::metrics::ServiceCounters;
use self::names::{Found, Lookups};
use self::place::Endpoint;
use self::slots::{Budget, Full, Slot, Slots};
use super::StartError;
use super::identity::sha256;
use super::problem::Stop;
use super::reason::Reason;
use crate::agreement::ServiceName;
use crate::config::{self, Limits, Service};

pub(crate) use self::health::watch;
pub(crate) use self::metrics::ServiceMetrics;
pub(crate) use self::place::{Chosen, Place, Verdict};
pub(crate) use self::pool::{Lease, NotLeased, Pool};

/// A service as the gateway reaches it.
pub(crate) struct Target {
    service: Service,
    /// The hashes of the files of its TLS as they were read, to see whether a reload changed one.
    files: Vec<Option<[u8; 32]>>,
    connector: Connector,
    endpoints: Vec<Arc<Endpoint>>,
    /// Every address of every endpoint, in their order. One that stays keeps its place.
    places: ArcSwap<Vec<Arc<Place>>>,
    /// Where the next search for a place begins.
    turn: AtomicUsize,
    slots: Arc<Slots>,
    budget: Budget,
    counters: ServiceCounters,
}

impl Target {
    /// Reads what is needed to reach `service`, of which nothing is counted.
    ///
    /// # Errors
    /// If a file of its TLS cannot be used, or a host is no name.
    pub(crate) fn new(service: &Service, limits: &Limits) -> Result<Self, StartError> {
        let metrics = ServiceMetrics::new(&Registry::new())?;
        Self::counted(service, limits, &metrics)
    }

    /// As [`Target::new`], counted in `metrics`.
    pub(crate) fn counted(
        service: &Service,
        limits: &Limits,
        metrics: &ServiceMetrics,
    ) -> Result<Self, StartError> {
        let now = Instant::now();
        let mut endpoints = Vec::new();
        let mut places = Vec::new();
        for written in &service.endpoints {
            let (endpoint, address) = endpoint(service, written, metrics, now)?;
            let endpoint = Arc::new(endpoint);
            places.extend(
                address.map(|address| Arc::new(Place::new(&endpoint, address, service.breaker))),
            );
            endpoints.push(endpoint);
        }
        Ok(Self {
            files: service
                .files()
                .map(|path| std::fs::read(path).ok().map(|bytes| sha256(&bytes)))
                .collect(),
            connector: Connector::new(service, limits)?,
            endpoints,
            places: ArcSwap::from_pointee(places),
            turn: AtomicUsize::new(0),
            slots: Slots::new(service),
            budget: Budget::new(service.retry_percent),
            counters: metrics.service(service.name.as_str()),
            service: service.clone(),
        })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &ServiceName {
        &self.service.name
    }

    /// The value of `Host` in requests to its first endpoint.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.endpoints[0].host_header
    }

    /// The longest to wait for the head of its answer.
    pub(crate) fn head_timeout(&self) -> Duration {
        self.service.head_timeout
    }

    /// The longest between two pieces of its answer's body, where it is not `usual`.
    pub(crate) fn read_timeout(&self, usual: Duration) -> Duration {
        self.service.read_timeout.unwrap_or(usual)
    }

    /// Whether the end of a connection ends a body that has no other end.
    pub(crate) fn trusts_close(&self) -> bool {
        self.service.trust_close
    }

    /// How often one exchange may be asked again.
    pub(crate) fn retries(&self) -> u32 {
        self.service.retries
    }

    /// Whether connections made for `self` may serve `other`.
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        self.service == other.service
            && self.files == other.files
            && self.connector.is_the_same_as(&other.connector)
    }

    /// Takes an exchange to the service, until what is given is dropped: at once, or after a short wait.
    ///
    /// # Errors
    /// If too many are with it and wait for it already.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<Slot, Stop> {
        self.budget.save();
        self.slots.enter(deadline).await.map_err(|full| {
            match full {
                Full::Queue => self.counters.saturated.inc(),
                Full::Waited => self.counters.waited.inc(),
            }
            Stop::from(Reason::ServiceSaturated).retry_after(self.slots.wait())
        })
    }

    /// Whether an exchange whose connection broke may be asked again; a share of all may.
    pub(crate) fn may_retry(&self) -> bool {
        let may = self.budget.spend();
        if may {
            self.counters.retried.inc();
        } else {
            self.counters.retry_refused.inc();
        }
        may
    }

    /// Whether no address of it is known yet, or none any more.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.places.load().is_empty()
    }

    /// A place for an attempt: the one with the fewest exchanges, by turns among equals, and none of those `tried`
    /// already. One whose time of being left alone is over is tried by the next exchange that comes.
    ///
    /// # Errors
    /// If there is none now, with the reason.
    pub(crate) fn choose(&self, tried: &[Arc<Place>]) -> Result<Chosen, Stop> {
        let places = self.places.load();
        if places.is_empty() {
            return Err(Stop::from(Reason::ServiceUnreachable));
        }
        let first = match places.len() {
            1 => 0,
            count if tried.is_empty() => self.turn.fetch_add(1, Ordering::Relaxed) % count,
            // Asked again it has had its turn: else two places of which one fails would never take turns.
            _ => 0,
        };
        let (before, from) = places.split_at(first);
        let mut least: Option<&Arc<Place>> = None;
        let mut soonest: Option<Instant> = None;
        let is_tried = |place: &Arc<Place>| tried.iter().any(|tried| Arc::ptr_eq(tried, place));
        for place in from.iter().chain(before).filter(|place| !is_tried(place)) {
            match place.admit(Instant::now) {
                None => {}
                Some(Admission::Trial) => return Ok(Chosen::new(Arc::clone(place), true)),
                Some(Admission::Closed) => {
                    least = least
                        .filter(|least| least.load() <= place.load())
                        .or(Some(place));
                }
                Some(Admission::Open(until)) => {
                    soonest = Some(soonest.map_or(until, |soonest| soonest.min(until)));
                }
            }
        }
        if let Some(place) = least {
            return Ok(Chosen::new(Arc::clone(place), false));
        }
        if tried.is_empty() {
            self.counters.left_alone.inc();
        }
        let wait = soonest.map_or(UNTIL_WELL, |soonest| soonest - Instant::now());
        Err(Stop::from(Reason::ServiceUnavailable).retry_after(wait))
    }

    /// Whether another place than `place` is in.
    pub(crate) fn has_another(&self, place: &Arc<Place>) -> bool {
        let places = self.places.load();
        places
            .iter()
            .any(|other| !Arc::ptr_eq(other, place) && other.is_in())
    }

    /// Tells how an attempt went.
    pub(crate) fn judge(&self, chosen: &Chosen, verdict: Verdict) {
        chosen.judge(verdict, || self.has_another(&chosen.place));
    }

    /// A new connection of HTTP/1.1 for requests whose bodies are `B`: for a server that the gateway itself asks now
    /// and then, outside of any pool.
    ///
    /// # Errors
    /// If no address of it can be reached.
    pub(crate) async fn connect<B>(&self) -> Result<SendRequest<B>, Reason>
    where
        B: Body + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if self.is_nowhere() {
            self.look_up_all().await;
        }
        let places = self.places.load_full();
        for place in places.iter() {
            if let Ok(Connection::Http1(sender)) = self.connector.connect(place).await {
                return Ok(sender);
            }
        }
        Err(Reason::ServiceUnreachable)
    }

    /// Looks up the names of all endpoints, but those that could not be found a moment ago.
    pub(crate) async fn look_up_all(&self) {
        for index in 0..self.endpoints.len() {
            let lookups = &self.endpoints[index].lookups;
            let _alone = lookups.running.lock().await;
            // Whoever had it before us may have found them.
            if self.is_nowhere() && !lookups.has_just_failed(Instant::now()) {
                self.look_up(index).await;
            }
        }
    }

    /// As [`Target::look_up`], one at a time.
    async fn refresh(&self, index: usize) {
        let _alone = self.endpoints[index].lookups.running.lock().await;
        self.look_up(index).await;
    }

    /// Looks up the name of the endpoint at `index`, and goes on with the addresses that it has now.
    async fn look_up(&self, index: usize) {
        let endpoint = &self.endpoints[index];
        let found =
            names::look_up(&endpoint.host, endpoint.port, self.service.connect_timeout).await;
        endpoint.counters.looked_up(found.is_some());
        let addresses = match endpoint.lookups.came(found, Instant::now()) {
            Found::Addresses(addresses) => addresses,
            Found::Keep => return,
            Found::Forget => Vec::new(),
        };
        self.have(endpoint, &addresses);
    }

    /// `endpoint` has these addresses now, and no others.
    fn have(&self, endpoint: &Arc<Endpoint>, addresses: &[SocketAddr]) {
        let before = self.places.load_full();
        self.places.rcu(|before| {
            let mut places = Vec::with_capacity(before.len());
            for each in &self.endpoints {
                let own = before
                    .iter()
                    .filter(|place| Arc::ptr_eq(&place.endpoint, each));
                if !Arc::ptr_eq(each, endpoint) {
                    places.extend(own.cloned());
                    continue;
                }
                places.extend(addresses.iter().map(|address| {
                    let kept = own.clone().find(|place| place.address == *address);
                    kept.cloned().unwrap_or_else(|| {
                        Arc::new(Place::new(endpoint, *address, self.service.breaker))
                    })
                }));
            }
            places
        });
        let now = self.places.load();
        for place in before.iter() {
            if !now.iter().any(|other| Arc::ptr_eq(other, place)) {
                place.leave();
            }
        }
    }
}

/// What a partner is told to wait for where only health checks can say when a service is well again.
const UNTIL_WELL: Duration = Duration::from_secs(5);

/// An endpoint as `written`, with its address if it is one.
fn endpoint(
    service: &Service,
    written: &config::Endpoint,
    metrics: &ServiceMetrics,
    now: Instant,
) -> Result<(Endpoint, Option<SocketAddr>), StartError> {
    let unusable = |message: &str| StartError::Service {
        service: service.name.clone(),
        message: message.to_owned(),
    };
    let not_a_name = "its host is neither a DNS name nor an IP address";
    let authority = written.authority(service.https);
    let scheme = if service.https { "https" } else { "http" };
    let url = format!("{scheme}://{authority}");
    let server_name = match &service.tls {
        None if service.https => return Err(unusable("an https service needs its `ca`")),
        None => None,
        Some(tls) => {
            let name = tls.server_name.as_ref().unwrap_or(&written.host).clone();
            Some(ServerName::try_from(name).map_err(|_| unusable(not_a_name))?)
        }
    };
    let (lookups, address) = Lookups::new(&written.host, written.port, service.dns_ttl, now);
    let endpoint = Endpoint {
        counters: metrics.endpoint(service.name.as_str(), &url),
        host: written.host.clone(),
        port: written.port,
        host_header: HeaderValue::from_str(&authority)
            .map_err(|_| unusable("its host cannot stand in a Host header"))?,
        authority: authority.parse().map_err(|_| unusable(not_a_name))?,
        server_name,
        lookups,
        url,
    };
    Ok((endpoint, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(change: impl FnOnce(&mut Service)) -> Target {
        let at = (false, "service.example".to_owned(), 80);
        let mut service = Service::at("s", at, None, Duration::from_secs(1));
        change(&mut service);
        Target::new(&service, &Limits::default()).unwrap()
    }

    fn with_addresses(count: u8) -> Target {
        target(|service| {
            let host = |n| format!("127.0.0.{}", n + 1);
            let endpoint = |n| config::Endpoint {
                host: host(n),
                port: 80,
            };
            service.endpoints = (0..count).map(endpoint).collect();
        })
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_place_with_the_fewest_exchanges_is_chosen_and_equals_take_turns() {
        let target = with_addresses(3);
        let mut held: Vec<Chosen> = (0..6).map(|_| target.choose(&[]).ok().unwrap()).collect();
        let loads = || -> Vec<usize> {
            let places = target.places.load();
            places.iter().map(|place| place.load()).collect()
        };
        assert_eq!(loads(), [2, 2, 2]);
        let freed = held.remove(1).place.address;
        assert_eq!(target.choose(&[]).ok().unwrap().place.address, freed);
        drop(held);
        assert_eq!(loads(), [0, 0, 0]);
        let turns: std::collections::BTreeSet<_> = (0..3)
            .map(|_| target.choose(&[]).ok().unwrap().place.address)
            .collect();
        assert_eq!(turns.len(), 3);
    }

    #[test]
    fn what_was_tried_is_not_chosen_again_and_what_is_out_not_at_all() {
        let target = with_addresses(2);
        let first = target.choose(&[]).ok().unwrap();
        let tried = [Arc::clone(&first.place)];
        for _ in 0..3 {
            let second = target.choose(&tried).ok().unwrap();
            assert!(!Arc::ptr_eq(&second.place, &first.place));
        }
        for _ in 0..5 {
            let second = target.choose(&tried).ok().unwrap();
            target.judge(&second, Verdict::Connect);
        }
        assert!(target.choose(&tried).is_err());
        for _ in 0..3 {
            assert!(Arc::ptr_eq(
                &target.choose(&[]).ok().unwrap().place,
                &first.place
            ));
        }
    }

    #[test]
    fn answers_of_5xx_take_every_place_out_but_the_last() {
        let target = with_addresses(3);
        for _ in 0..100 {
            let chosen = target.choose(&[]).ok().unwrap();
            target.judge(&chosen, Verdict::Status);
        }
        let places = target.places.load();
        assert_eq!(places.iter().filter(|place| place.is_in()).count(), 1);
        drop(places);
        for _ in 0..100 {
            if let Ok(chosen) = target.choose(&[]) {
                target.judge(&chosen, Verdict::Connect);
            }
        }
        let stop = target.choose(&[]).err().unwrap();
        assert_eq!(stop.reason, Reason::ServiceUnavailable);
        assert!(stop.term.retry_after_seconds.is_some());
    }

    #[test]
    fn an_address_that_stays_keeps_its_place_and_one_that_goes_is_gone() {
        let target = target(|_| ());
        let endpoint = &target.endpoints[0];
        target.have(endpoint, &[address("10.0.0.1:80"), address("10.0.0.2:80")]);
        let before = target.places.load_full();
        target.have(endpoint, &[address("10.0.0.2:80"), address("10.0.0.3:80")]);
        let after = target.places.load_full();
        assert!(before[0].is_gone());
        assert!(Arc::ptr_eq(&before[1], &after[0]) && !after[0].is_gone());
        assert_eq!(after[1].address, address("10.0.0.3:80"));
        target.have(endpoint, &[]);
        assert!(target.places.load().is_empty());
        assert!(after.iter().all(|place| place.is_gone()));
    }
}
