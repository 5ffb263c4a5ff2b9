//! A partner's stream under HTTP: what is noted of it, and how it ends.
//!
//! A socket that is closed while bytes in it are unread resets its connection, and the reset may overtake the end of
//! the answer. So a stream lingers (RFC 9112 section 9.6): once the last answer is written, its own side is closed, and
//! what the partner still sends is read and thrown away until it closes its side too, or `limits.linger` after the last
//! exchange.

use std::future::Future as _;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::Activity;
use super::limits::Limit;
use super::through::hand_on_writes;

/// What an HTTP/2 connection begins with (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes thrown away at once.
const UNREAD_BYTES: usize = 4 << 10;

/// How far the end of a stream has come.
enum Closing {
    NotYet,
    /// Its own side is closed; what still comes is thrown away until then.
    Lingers(Pin<Box<Sleep>>),
    Done,
}

/// A partner's stream: notes when bytes come, can give back the first that were looked at, and lingers at its end.
pub(super) struct Noted<S> {
    stream: S,
    activity: Rc<Activity>,
    /// The partner has closed its side.
    ended: bool,
    closing: Closing,
    linger: Duration,
    /// The bytes that were looked at; `seen[given..len]` are still to be read.
    seen: [u8; PREFACE.len()],
    given: usize,
    len: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Noted<S> {
    pub(super) fn new(stream: S, activity: Rc<Activity>, linger: Duration) -> Self {
        Self {
            stream,
            activity,
            ended: false,
            closing: Closing::NotYet,
            linger,
            seen: [0; PREFACE.len()],
            given: 0,
            len: 0,
        }
    }

    /// Whether the partner begins as HTTP/2 does. Reads no further than it must to know.
    pub(super) async fn sniff(&mut self) -> io::Result<bool> {
        while self.len < PREFACE.len() && self.seen[..self.len] == PREFACE[..self.len] {
            let read = self.stream.read(&mut self.seen[self.len..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.len += read;
            self.activity.read(read);
        }
        Ok(self.seen == *PREFACE)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.given < this.len {
            let count = (this.len - this.given).min(into.remaining());
            into.put_slice(&this.seen[this.given..this.given + count]);
            this.given += count;
            return Poll::Ready(Ok(()));
        }
        if this.activity.over().is_some() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, into))?;
        let read = into.filled().len() - before;
        if read > 0 {
            this.activity.read(read);
        } else if into.remaining() > 0 {
            this.ended = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    hand_on_writes!(this => &mut this.stream, this.stream);

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.activity.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.closing {
                Closing::NotYet => {
                    ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                    let until = this.activity.since() + this.linger;
                    // What was sent so long ago is there, or never will be.
                    let nothing_to_lose =
                        this.ended || !this.activity.lingers() || Instant::now() >= until;
                    this.closing = if nothing_to_lose {
                        Closing::Done
                    } else {
                        Closing::Lingers(Box::pin(sleep_until(until)))
                    };
                }
                Closing::Lingers(over) => {
                    if over.as_mut().poll(cx).is_ready() {
                        this.activity.has_reached(Limit::Linger);
                        this.closing = Closing::Done;
                        continue;
                    }
                    let mut unread = [MaybeUninit::uninit(); UNREAD_BYTES];
                    let mut unread = ReadBuf::uninit(&mut unread);
                    let read = ready!(Pin::new(&mut this.stream).poll_read(cx, &mut unread));
                    if read.is_err() || unread.filled().is_empty() {
                        this.closing = Closing::Done;
                    }
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}
