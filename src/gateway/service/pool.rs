//! A worker's connections to services: idle ones of HTTP/1.1, and those of HTTP/2, which several exchanges share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use tokio::time::{Instant, timeout_at};

use super::Target;
use super::connect::{Connection, NoConnection};
use super::place::{Chosen, Place, Verdict};
use super::slots::Slot;
use crate::gateway::request::RequestBody;

/// A worker's connections to services.
#[derive(Default)]
pub(crate) struct Pool {
    idle: RefCell<Vec<Idle>>,
    shared: RefCell<Vec<Rc<Shared>>>,
}

/// A connection of HTTP/1.1 that no exchange uses.
struct Idle {
    target: Arc<Target>,
    place: Arc<Place>,
    sender: http1::SendRequest<RequestBody>,
    since: Instant,
}

/// A connection of HTTP/2.
struct Shared {
    target: Arc<Target>,
    place: Arc<Place>,
    sender: http2::SendRequest<RequestBody>,
    /// Exchanges that use it.
    streams: Cell<u32>,
    /// Nothing new goes out on it: something failed on it.
    retired: Cell<bool>,
    idle_since: Cell<Instant>,
}

/// What an exchange sends its request on.
enum Channel {
    Own(http1::SendRequest<RequestBody>),
    Stream(Stream),
}

/// One exchange uses a shared connection, until this is dropped.
struct Stream(Rc<Shared>);

/// A connection to a service for one exchange, which is with the service until this is dropped.
pub(crate) struct Lease {
    target: Arc<Target>,
    chosen: Chosen,
    channel: Channel,
    pub(crate) reused: bool,
    _slot: Option<Slot>,
}

/// No connection could be had.
pub(crate) struct NotLeased {
    pub(crate) chosen: Chosen,
    /// The time was over.
    pub(crate) is_late: bool,
}

/// No head of an answer came.
pub(crate) struct Unanswered {
    /// The request, if nothing of it went out.
    pub(crate) unsent: Option<RequestBody>,
    /// The service said that it has not looked at the request: it may be asked again, whatever it is asked for.
    pub(crate) refused: bool,
    /// Only this request came to nothing, and the connection goes on.
    pub(crate) goes_on: bool,
}

impl Pool {
    /// A connection to what was `chosen`, an open one or, until `by`, a new one; only a `fresh` one where that is asked.
    ///
    /// # Errors
    /// If none can be made; with what was chosen.
    pub(crate) async fn lease(
        &self,
        target: &Arc<Target>,
        chosen: Chosen,
        fresh: bool,
        by: Instant,
    ) -> Result<Lease, NotLeased> {
        let open = if fresh {
            None
        } else {
            self.open_one(&chosen.place).await
        };
        let (channel, reused) = match open {
            Some(channel) => (channel, true),
            None => match timeout_at(by, Box::pin(self.make(target, &chosen))).await {
                Ok(Ok(made)) => made,
                Ok(Err(NoConnection)) => {
                    return Err(NotLeased {
                        chosen,
                        is_late: false,
                    });
                }
                Err(_) => {
                    return Err(NotLeased {
                        chosen,
                        is_late: true,
                    });
                }
            },
        };
        Ok(Lease {
            target: Arc::clone(target),
            chosen,
            channel,
            reused,
            _slot: None,
        })
    }

    /// A new connection, or room on one that another exchange has made while this one waited: then `true`.
    async fn make(
        &self,
        target: &Arc<Target>,
        chosen: &Chosen,
    ) -> Result<(Channel, bool), NoConnection> {
        let place = &chosen.place;
        if target.connector.may_multiplex(place) {
            // Others that wait here may be carried by the connection that the first of them makes.
            let _first = place.connecting.lock().await;
            if let Some(stream) = self.stream(place) {
                return Ok((Channel::Stream(stream), true));
            }
            if chosen.is_out() {
                return Err(NoConnection);
            }
            // Until the first is made nobody knows whether it can be shared; where it cannot, each makes its own.
            if target.connector.may_multiplex(place) {
                return Ok((self.connect(target, place).await?, false));
            }
        }
        Ok((self.connect(target, place).await?, false))
    }

    async fn connect(
        &self,
        target: &Arc<Target>,
        place: &Arc<Place>,
    ) -> Result<Channel, NoConnection> {
        match target.connector.connect(place).await? {
            Connection::Http1(sender) => Ok(Channel::Own(sender)),
            Connection::Http2(sender) => {
                let shared = Rc::new(Shared {
                    target: Arc::clone(target),
                    place: Arc::clone(place),
                    sender,
                    streams: Cell::new(0),
                    retired: Cell::new(false),
                    idle_since: Cell::new(Instant::now()),
                });
                self.shared.borrow_mut().push(Rc::clone(&shared));
                Ok(Channel::Stream(Stream::on(shared)))
            }
        }
    }

    /// A connection that is open: of HTTP/2 one with room, of HTTP/1.1 the one used last.
    async fn open_one(&self, place: &Arc<Place>) -> Option<Channel> {
        if let Some(stream) = self.stream(place) {
            return Some(Channel::Stream(stream));
        }
        while let Some(mut idle) = self.take(place) {
            // Ready at once, or closed by the service in the meantime.
            if idle.since.elapsed() < idle.target.service.idle_timeout
                && idle.sender.ready().await.is_ok()
            {
                return Some(Channel::Own(idle.sender));
            }
        }
        None
    }

    fn take(&self, place: &Arc<Place>) -> Option<Idle> {
        let mut idle = self.idle.borrow_mut();
        let index = idle
            .iter()
            .rposition(|idle| Arc::ptr_eq(&idle.place, place))?;
        Some(idle.remove(index))
    }

    /// Room on a shared connection, the one with the fewest exchanges.
    fn stream(&self, place: &Arc<Place>) -> Option<Stream> {
        let shared = self.shared.borrow();
        let with_room = shared.iter().filter(|shared| {
            Arc::ptr_eq(&shared.place, place)
                && shared.streams.get() < shared.target.connector.streams
                && shared.is_usable()
        });
        let least = with_room.min_by_key(|shared| shared.streams.get())?;
        Some(Stream::on(Rc::clone(least)))
    }

    /// Keeps `lease` for another exchange. Its answer must have been read to its end.
    pub(crate) fn keep(&self, lease: Lease) {
        let Channel::Own(sender) = lease.channel else {
            // It never left the pool.
            return;
        };
        let place = &lease.chosen.place;
        let mut idle = self.idle.borrow_mut();
        let same = idle
            .iter()
            .filter(|idle| Arc::ptr_eq(&idle.target, &lease.target))
            .count();
        let wanted = same < lease.target.service.idle_connections && !place.is_gone();
        if wanted && !sender.is_closed() {
            idle.push(Idle {
                place: Arc::clone(place),
                target: lease.target,
                sender,
                since: Instant::now(),
            });
        }
    }

    /// Closes connections that were idle too long, that the service has closed, or whose address is gone.
    pub(crate) fn sweep(&self) {
        self.idle.borrow_mut().retain(|idle| {
            !idle.sender.is_closed()
                && !idle.place.is_gone()
                && idle.since.elapsed() < idle.target.service.idle_timeout
        });
        // Exchanges that still run on one keep it open.
        self.shared.borrow_mut().retain(|shared| {
            let idle = shared.streams.get() == 0
                && shared.idle_since.get().elapsed() >= shared.target.service.idle_timeout;
            shared.is_usable() && !shared.place.is_gone() && !idle
        });
    }
}

impl Shared {
    fn is_usable(&self) -> bool {
        !self.retired.get() && !self.sender.is_closed()
    }
}

impl Stream {
    fn on(shared: Rc<Shared>) -> Self {
        shared.streams.set(shared.streams.get() + 1);
        Self(shared)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let shared = &self.0;
        shared.streams.set(shared.streams.get() - 1);
        shared.idle_since.set(Instant::now());
    }
}

impl Lease {
    /// Sends `request` and waits for the head of the answer.
    ///
    /// # Errors
    /// If none comes; with what that means for asking again.
    pub(crate) async fn send(
        &mut self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let place = &self.chosen.place;
        match &mut self.channel {
            Channel::Own(sender) => {
                place.address_to(&mut request, false, self.target.service.https);
                sender
                    .try_send_request(request)
                    .await
                    .map_err(|mut error| Unanswered {
                        unsent: error.take_message().map(Request::into_body),
                        refused: false,
                        goes_on: false,
                    })
            }
            Channel::Stream(Stream(shared)) => {
                place.address_to(&mut request, true, self.target.service.https);
                let sent = shared.sender.clone().try_send_request(request).await;
                match sent {
                    // Of HTTP/1.1 hyper counts them as it reads.
                    Ok(answer) if answer.headers().len() > self.target.connector.header_count => {
                        Err(Unanswered {
                            unsent: None,
                            refused: false,
                            goes_on: false,
                        })
                    }
                    Ok(answer) => Ok(answer),
                    Err(mut error) => {
                        let unsent = error.take_message().map(Request::into_body);
                        let (refused, of_the_stream) = seen_by(error.error());
                        if !of_the_stream {
                            shared.retired.set(true);
                        }
                        Err(Unanswered {
                            unsent,
                            refused,
                            goes_on: of_the_stream,
                        })
                    }
                }
            }
        }
    }

    /// Tells how the attempt went.
    pub(crate) fn judge(&self, verdict: Verdict) {
        if verdict == Verdict::Timeout
            && let Channel::Stream(Stream(shared)) = &self.channel
        {
            // Nothing says that the connection still works.
            shared.retired.set(true);
        }
        self.target.judge(&self.chosen, verdict);
    }

    /// The place of this exchange among those that are with the service, from now on held by this.
    pub(crate) fn hold(&mut self, slot: Slot) {
        self._slot = Some(slot);
    }

    /// What was chosen, for another connection there.
    pub(crate) fn into_chosen(self) -> Chosen {
        self.chosen
    }
}

/// Whether `error` says that the service has not looked at the request (RFC 9113 §8.7), and whether it is of the
/// one stream alone.
fn seen_by(error: &hyper::Error) -> (bool, bool) {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<h2::Error>() {
            let refused = error.is_remote()
                && (error.reason() == Some(h2::Reason::REFUSED_STREAM)
                    || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR));
            return (refused, error.is_reset());
        }
        source = cause.source();
    }
    (false, false)
}
