//! A body that comes in, as it is or decoded.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::Version;
use http_body::Body;

use super::meter::{Direction, Meter, Meters};
use super::{Bounds, Coding, DecodeFault, Decoder, PIECE_BYTES};
use crate::gateway::unread::Unread;

/// Pieces that are decoded at a stretch before others get a turn: a small frame may hold very much.
const PIECES_AT_ONCE: u32 = 64;

/// A body that comes in. Its trailers are dropped: no rule can name what comes after everything was said (P2).
pub(crate) struct Source {
    way: Way,
    framing: Framing,
    /// The last byte that was handed on.
    last: u8,
}

/// How what comes becomes what is handed on.
enum Way {
    /// As it is.
    Plain(Unread),
    /// In a coding.
    Coded(Box<Coded>),
}

/// What tells a body's end from its breaking off (P4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Its length or its chunks, or nothing where that is agreed to: reading it fails where it breaks off.
    Told,
    /// The flag END_STREAM of HTTP/2. A stream that is reset without an error ends without it: hyper takes that for an end.
    Stream,
    /// Nothing but the JSON that it is: a number at its end might have gone on.
    Json,
}

impl Framing {
    /// That of a request of `version`, which has a length or chunks in HTTP/1.1.
    pub(crate) fn of_request(version: Version) -> Self {
        match version {
            Version::HTTP_2 => Self::Stream,
            _ => Self::Told,
        }
    }
}

/// What a poll gave.
pub(crate) struct Data {
    /// Bytes of the body, decoded; there may be none yet of what came.
    pub(crate) bytes: Bytes,
    /// The bytes that came for that, as they came; `None` where what had come before gave more.
    pub(crate) came: Option<usize>,
}

/// Why a body does not come to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// What carries it broke off.
    Connection(hyper::Error),
    /// Its stream was reset without an error and without its end.
    Reset,
    /// The connection ended where the body may have ended or not.
    Unmarked,
    /// It is coded, and not as its coding says.
    Coding(DecodeFault),
}

/// A body in a coding.
struct Coded {
    body: Unread,
    framing: Framing,
    decoder: Decoder,
    /// What came and is not yet decoded.
    frame: Bytes,
    /// Room for the next piece, the last one's where that is no longer used.
    room: BytesMut,
    /// Pieces since others had a turn.
    stretch: u32,
    meter: Meter,
}

impl Source {
    /// `body`, whose end `framing` tells, in `coding` if it is in one, decoded up to `bounds`.
    pub(crate) fn new(
        (body, framing): (Unread, Framing),
        coding: Option<Coding>,
        bounds: Bounds,
        meters: &Meters,
        direction: Direction,
    ) -> Self {
        let way = match coding {
            None => Way::Plain(body),
            Some(coding) => Way::Coded(Box::new(Coded {
                body,
                framing,
                decoder: Decoder::new(coding, bounds),
                frame: Bytes::new(),
                room: BytesMut::new(),
                stretch: 0,
                meter: meters.meter(direction, coding),
            })),
        };
        Self {
            way,
            framing,
            last: 0,
        }
    }

    /// The next piece, `None` at the end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Data, Broken>>> {
        let next = match &mut self.way {
            Way::Plain(body) => poll_frame(body, self.framing, cx).map(|next| {
                next.map(|frame| {
                    frame.map(|bytes| Data {
                        came: Some(bytes.len()),
                        bytes,
                    })
                })
            }),
            Way::Coded(coded) => coded.poll_data(cx),
        };
        match &next {
            Poll::Ready(Some(Ok(data))) => self.last = *data.bytes.last().unwrap_or(&self.last),
            Poll::Ready(None) if self.framing == Framing::Json && self.last.is_ascii_digit() => {
                return Poll::Ready(Some(Err(Broken::Unmarked)));
            }
            Poll::Ready(None | Some(Err(_))) | Poll::Pending => {}
        }
        next
    }
}

/// The data of the next frame; empty if it has trailers.
fn poll_frame(
    body: &mut Unread,
    framing: Framing,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, Broken>>> {
    let frame = ready!(Pin::new(&mut *body).poll_frame(cx));
    Poll::Ready(match frame {
        Some(Ok(frame)) => Some(Ok(frame.into_data().unwrap_or_default())),
        Some(Err(error)) => Some(Err(Broken::Connection(error))),
        None if framing == Framing::Stream && !body.is_end_stream() => Some(Err(Broken::Reset)),
        None => None,
    })
}

impl Coded {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Data, Broken>>> {
        if self.stretch == PIECES_AT_ONCE {
            self.stretch = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // Also with nothing more to take: what was taken may hold more than one piece.
        match self.piece() {
            Ok(piece) if !piece.is_empty() => {
                self.stretch += 1;
                return Poll::Ready(Some(Ok(Data {
                    bytes: piece,
                    came: None,
                })));
            }
            Ok(_) => {}
            Err(fault) => return Poll::Ready(Some(Err(Broken::Coding(fault)))),
        }
        self.stretch = 0;
        match poll_frame(&mut self.body, self.framing, cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let came = Some(frame.len());
                self.frame = frame;
                let piece = self.piece();
                let data = piece.map(|bytes| Data { bytes, came });
                Poll::Ready(Some(data.map_err(Broken::Coding)))
            }
            Poll::Ready(None) => match self.decoder.finish() {
                Ok(()) => Poll::Ready(None),
                Err(fault) => Poll::Ready(Some(Err(Broken::Coding(fault)))),
            },
            Poll::Pending => {
                // A stream that waits holds no room.
                self.room = BytesMut::new();
                Poll::Pending
            }
            Poll::Ready(Some(Err(broken))) => Poll::Ready(Some(Err(broken))),
        }
    }

    /// The next piece of what came; empty if it is all decoded.
    fn piece(&mut self) -> Result<Bytes, DecodeFault> {
        if self.frame.is_empty() && self.decoder.coded_bytes() == 0 {
            return Ok(Bytes::new());
        }
        self.room.resize(PIECE_BYTES, 0);
        loop {
            let step = self.decoder.step(&self.frame, &mut self.room)?;
            self.frame.advance(step.consumed);
            if step.produced > 0 {
                return Ok(self.room.split_to(step.produced).freeze());
            }
            if self.frame.is_empty() {
                return Ok(Bytes::new());
            }
        }
    }
}

impl Drop for Coded {
    fn drop(&mut self) {
        let (coded, plain) = (self.decoder.coded_bytes(), self.decoder.decoded_bytes());
        self.meter.count(coded, plain);
    }
}
