//! A connection that is read in pieces of a bounded size.
//!
//! hyper makes room for what it reads: twice as much as the last time, whenever a read has filled it, and what a body's
//! reader has not taken yet stays there. A long body would make of that some hundred KiB for as long as it lasts, however
//! slowly its reader goes on (P5). Read in pieces, it takes one piece; and a piece is in the nearest cache still when it is
//! minimised.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};

use super::through::{hand_on_ends, hand_on_writes};

/// The most that is read at once: one byte less than what hyper takes as a reason for more room.
const PIECE_BYTES: u64 = (16 << 10) - 1;

/// A stream that is read in pieces of at most [`PIECE_BYTES`].
pub(crate) struct Pieces<S>(Take<S>);

impl<S: AsyncRead> Pieces<S> {
    /// `stream`, read in pieces.
    pub(crate) fn new(stream: S) -> Self {
        Self(stream.take(PIECE_BYTES))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pieces<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The limit is of each read, not of all together.
        self.0.set_limit(PIECE_BYTES);
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Pieces<S> {
    hand_on_writes!(this => this.0.get_mut(), this.0.get_ref());
    hand_on_ends!(this => this.0.get_mut());
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt as _, duplex};

    use super::*;

    #[test]
    fn all_is_read_in_pieces_however_much_there_is_at_once() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = duplex(1 << 20);
            theirs.write_all(&[7; 100_000]).await.unwrap();
            drop(theirs);
            let mut stream = Pieces::new(ours);
            let (mut room, mut all) = (vec![0; 1 << 20], 0);
            loop {
                let read = stream.read(&mut room).await.unwrap();
                assert!(read as u64 <= PIECE_BYTES, "{read} bytes");
                all += read;
                if read == 0 {
                    break;
                }
            }
            assert_eq!(all, 100_000);
        });
    }
}
