//! A body that comes in, and what becomes of the part of it that nobody reads.
//!
//! A refusal does not wait for the request's body, whether it is refused by its head or in the middle of itself. Over
//! HTTP/1.1 hyper sees to the rest. Over HTTP/2 a body that nobody holds is reset as soon as the answer has left (RFC 9113
//! §8.1), and clients that are still sending, curl among them, take that for a failed exchange and throw the answer away,
//! with the reason in it (P6). So what is on its way is let come, and dropped. One that is longer than that is reset with
//! NO_ERROR, after the whole answer.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::activity::Activity;
use super::limits::Limit;
use super::metrics::Metrics;
use crate::config::Limits;

/// A body that comes in. Of a request's over HTTP/2, what its reader leaves is let come and dropped.
pub(crate) struct Unread {
    /// There until this is dropped.
    body: Option<Incoming>,
    /// What is to become of what nobody reads; `None` where nothing is.
    rest: Option<Rest>,
}

/// What may come of a body that nobody reads.
struct Rest {
    activity: Rc<Activity>,
    idle: Duration,
    bytes: usize,
    metrics: Arc<Metrics>,
}

impl Unread {
    /// `body` of a request of `version` on the connection with `activity`, within `limits`.
    pub(crate) fn new(
        body: Incoming,
        version: Version,
        activity: &Rc<Activity>,
        limits: &Limits,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            body: Some(body),
            rest: (version == Version::HTTP_2).then(|| Rest {
                activity: Rc::clone(activity),
                idle: limits.body_idle,
                bytes: limits.unread_bytes,
                metrics: Arc::clone(metrics),
            }),
        }
    }

    /// The body, to look at what is known of it.
    pub(crate) fn body(&self) -> &Incoming {
        self.body.as_ref().expect("it is taken with its holder")
    }
}

impl From<Incoming> for Unread {
    /// A service's answer: nobody waits for what is not read of it.
    fn from(body: Incoming) -> Self {
        Self {
            body: Some(body),
            rest: None,
        }
    }
}

impl Body for Unread {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let body = self.body.as_mut().expect("it is taken with its holder");
        Pin::new(body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let left = self.body.take().filter(|body| !body.is_end_stream());
        let (Some(body), Some(rest)) = (left, self.rest.take()) else {
            return;
        };
        // What comes of it is an exchange's and no idle connection's.
        let busy = rest.activity.begin();
        spawn_local(async move {
            // Late or whole, there is nothing more to do.
            if let Ok(false) = timeout(rest.idle, come(body, rest.bytes)).await {
                rest.metrics.limits.reached(Limit::UnreadBytes);
            }
            drop(busy);
        });
    }
}

/// Takes in `body` to its end, or so much of it as `left`. Whether it ended.
async fn come(mut body: Incoming, mut left: usize) -> bool {
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
    {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}
