//! A body that comes in, as it is or decoded.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use hyper::body::Incoming;

use super::meter::{Direction, Meter, Meters};
use super::{Bounds, Coding, DecodeFault, Decoder, PIECE_BYTES};

/// Pieces that are decoded at a stretch before others get a turn: a small frame may hold very much.
const PIECES_AT_ONCE: u32 = 64;

/// A body that comes in. Its trailers are dropped: no rule can name what comes after everything was said (P2).
pub(crate) enum Source {
    /// As it is.
    Plain(Incoming),
    /// In a coding.
    Coded(Box<Coded>),
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
    /// It is coded, and not as its coding says.
    Coding(DecodeFault),
}

/// A body in a coding.
pub(crate) struct Coded {
    body: Incoming,
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
    /// `body`, in `coding` if it is in one, decoded up to `bounds`.
    pub(crate) fn new(
        body: Incoming,
        coding: Option<Coding>,
        bounds: Bounds,
        meters: &Meters,
        direction: Direction,
    ) -> Self {
        match coding {
            None => Self::Plain(body),
            Some(coding) => Self::Coded(Box::new(Coded {
                body,
                decoder: Decoder::new(coding, bounds),
                frame: Bytes::new(),
                room: BytesMut::new(),
                stretch: 0,
                meter: meters.meter(direction, coding),
            })),
        }
    }

    /// The next piece, `None` at the end.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Data, Broken>>> {
        match self {
            Self::Plain(body) => poll_frame(body, cx).map(|next| {
                next.map(|frame| {
                    frame.map(|bytes| Data {
                        came: Some(bytes.len()),
                        bytes,
                    })
                })
            }),
            Self::Coded(coded) => coded.poll_data(cx),
        }
    }
}

/// The data of the next frame; empty if it has trailers.
fn poll_frame(body: &mut Incoming, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
    Pin::new(body).poll_frame(cx).map(|next| {
        next.map(|frame| match frame {
            Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
            Err(error) => Err(Broken::Connection(error)),
        })
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
        match poll_frame(&mut self.body, cx) {
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
