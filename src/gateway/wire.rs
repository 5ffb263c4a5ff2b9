//! A partner's HTTP/1 connection, of which hyper reads only what [`Messages`] has looked at.
//!
//! A head is handed on when all of it is there and well-formed. Where one is not, hyper is handed a request of the
//! gateway's own in its place, which names the fault and can come from nobody else: so that a malformed request is
//! refused, entered and counted like any other, and its connection closed. Most heads come in one piece, and are looked at
//! where hyper reads them; one that comes in several is kept here until it is whole.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Version;
use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::form::Fault;
use super::form::messages::{Bounds, Messages, Stopped};
use super::through::{hand_on_ends, hand_on_writes};
use super::worker::head_bytes;
use crate::config::Limits;

/// A partner's HTTP/1 stream, strictly read.
pub(crate) struct Strict<S> {
    stream: S,
    messages: Messages,
    /// Bytes that did not go on yet: `held[given..ready]` may, the rest is of a head that is not whole.
    held: Vec<u8>,
    given: usize,
    ready: usize,
    /// What was wrong with the bytes, once something was.
    fault: Option<Ended>,
}

/// How a connection's bytes ended.
#[derive(Clone, Copy)]
enum Ended {
    /// In a head, in whose place the fault's request stands.
    Head,
    /// In a body: reading it fails.
    Body(Fault),
}

impl<S> Strict<S> {
    /// `stream`, within `limits`.
    pub(crate) fn new(stream: S, limits: &Limits) -> Self {
        Self {
            stream,
            messages: Messages::new(Bounds {
                bytes: head_bytes(limits),
                fields: limits.header_count,
            }),
            held: Vec::new(),
            given: 0,
            ready: 0,
            fault: None,
        }
    }

    /// Hands on of what is held as much as `into` takes.
    fn give(&mut self, into: &mut ReadBuf<'_>) {
        let count = (self.ready - self.given).min(into.remaining());
        into.put_slice(&self.held[self.given..self.given + count]);
        self.given += count;
        if self.given == self.ready {
            if self.ready == self.held.len() {
                // An idle connection holds nothing.
                self.held = Vec::new();
            } else {
                self.held.drain(..self.ready);
            }
            (self.given, self.ready) = (0, 0);
        }
    }

    /// Notes why nothing more is read.
    fn stop(&mut self, stopped: Stopped) {
        self.fault = Some(if stopped.in_head {
            self.held.extend_from_slice(&request_of(stopped.fault));
            self.ready = self.held.len();
            Ended::Head
        } else {
            Ended::Body(stopped.fault)
        });
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.given < this.ready {
                this.give(into);
                return Poll::Ready(Ok(()));
            }
            match this.fault {
                None => {}
                // An end of the stream would take the answer to the fault's request with it. The connection is closed
                // after that.
                Some(Ended::Head) => return Poll::Pending,
                Some(Ended::Body(fault)) => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, fault);
                    return Poll::Ready(Err(error));
                }
            }
            let before = into.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, into))?;
            let new = &into.filled()[before..];
            if new.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if this.held.is_empty() {
                // In place: what is not whole is taken back.
                match this.messages.push(new) {
                    Ok(pass) if pass == new.len() => return Poll::Ready(Ok(())),
                    Ok(pass) => {
                        this.held.extend_from_slice(&new[pass..]);
                        into.set_filled(before + pass);
                    }
                    Err(stopped) => {
                        into.set_filled(before + stopped.pass);
                        this.stop(stopped);
                    }
                }
                if into.filled().len() > before {
                    return Poll::Ready(Ok(()));
                }
            } else {
                this.held.extend_from_slice(new);
                into.set_filled(before);
                match this.messages.push(&this.held) {
                    Ok(pass) => this.ready = pass,
                    Err(stopped) => {
                        this.held.truncate(stopped.pass);
                        this.ready = stopped.pass;
                        this.stop(stopped);
                    }
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    hand_on_writes!(this => &mut this.stream, this.stream);
    hand_on_ends!(this => &mut this.stream);
}

/// The request that stands in the place of one with `fault`: no partner can send it, since `*` is a fault itself.
fn request_of(fault: Fault) -> Vec<u8> {
    let name = fault.name();
    format!("{name} * HTTP/1.1\r\nhost: -\r\nconnection: close\r\n\r\n").into_bytes()
}

/// The fault in whose place `head` stands, if it is such a request.
pub(crate) fn fault_in_head(head: &Parts) -> Option<Fault> {
    // Over HTTP/2, which nothing of this looks at, anybody may ask for `*`.
    let is_own = head.version == Version::HTTP_11 && head.uri.path() == "*";
    Fault::named(head.method.as_str()).filter(|_| is_own)
}

/// The fault for which reading a body failed with `error`, if that is why.
pub(crate) fn fault_in_body(error: &hyper::Error) -> Option<Fault> {
    let cause = error.source()?.downcast_ref::<io::Error>()?;
    cause.get_ref()?.downcast_ref::<Fault>().copied()
}
