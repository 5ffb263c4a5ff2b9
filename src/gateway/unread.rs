//! A request's body until somebody reads it, and what becomes of it if nobody does.
//!
//! A refusal does not wait for the request's body. Over HTTP/1.1 hyper sees to the rest. Over HTTP/2 a body that nobody
//! holds is reset as soon as the answer has left (RFC 9113 §8.1), and clients that are still sending, curl among them, take
//! that for a failed exchange and throw the answer away, with the reason in it (P6). So what is on its way is let come,
//! and dropped.

use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use http::Version;
use http_body::Body;
use hyper::body::Incoming;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::activity::Activity;

/// The most that is let come of one body. A longer one is reset, as it always may be.
const REST_BYTES: usize = 1 << 20;

/// A request's body that nobody has read of.
pub(crate) struct Unread {
    /// There until it is taken.
    body: Option<Incoming>,
    is_stream: bool,
    activity: Rc<Activity>,
    idle: Duration,
}

impl Unread {
    /// `body` of a request of `version` on the connection with `activity`; what nobody reads of it may take as long as
    /// `idle`.
    pub(crate) fn new(
        body: Incoming,
        version: Version,
        activity: &Rc<Activity>,
        idle: Duration,
    ) -> Self {
        Self {
            body: Some(body),
            is_stream: version == Version::HTTP_2,
            activity: Rc::clone(activity),
            idle,
        }
    }

    /// The body, to look at what is known of it.
    pub(crate) fn body(&self) -> &Incoming {
        self.body.as_ref().expect("it is taken with its holder")
    }

    /// The body, to be read.
    pub(crate) fn take(mut self) -> Incoming {
        self.body.take().expect("it is taken with its holder")
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| !body.is_end_stream());
        let (Some(rest), true) = (rest, self.is_stream) else {
            return;
        };
        // What comes of it is an exchange's and no idle connection's.
        let busy = self.activity.begin();
        let idle = self.idle;
        spawn_local(async move {
            // Late or whole, there is nothing more to do.
            drop(timeout(idle, come(rest)).await);
            drop(busy);
        });
    }
}

/// Takes in `body` to its end, or so much of it as is let come.
async fn come(mut body: Incoming) {
    let mut left = REST_BYTES;
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
    {
        match left.checked_sub(frame.data_ref().map_or(0, bytes::Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
