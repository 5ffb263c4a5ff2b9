//! Listening sockets that were open before the gateway: a service manager's, or those of the gateway before it.
//!
//! A restart closes no listening socket, so no connection is refused and none that waits in a socket's queue is reset:
//! the kernel keeps queueing while the old gateway ends its exchanges and the new one loads. The gateway replaces
//! itself: it ends, lays its sockets into one end of a pair of Unix sockets, and executes its program anew with the
//! other end as standard input. One process at a time has the ledger and the counts, which have one writer each, and
//! a service manager sees the same process throughout.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use listenfd::ListenFd;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

/// Sockets in one message; the system takes at most 253.
const MESSAGE: usize = 64;

/// Listening sockets that nobody has taken yet.
#[derive(Debug, Default)]
pub struct Sockets(Vec<TcpListener>);

impl Sockets {
    /// The sockets that a service manager has opened for this process: the variables `LISTEN_FDS` and `LISTEN_PID` of
    /// systemd's socket activation, which are taken out of the environment. None if they are not set.
    ///
    /// # Errors
    /// If one of them is no listening TCP socket.
    pub fn from_manager() -> io::Result<Self> {
        let mut given = ListenFd::from_env();
        let mut sockets = Vec::with_capacity(given.len());
        for index in 0..given.len() {
            sockets.extend(given.take_tcp_listener(index)?);
        }
        Ok(Self(sockets))
    }

    /// The sockets that the gateway before this one has left in standard input, as [`Self::leave`] does.
    ///
    /// # Errors
    /// If standard input is no such socket.
    pub fn from_standard_input() -> io::Result<Self> {
        Self::read(io::stdin().as_fd())
    }

    fn read(from: BorrowedFd<'_>) -> io::Result<Self> {
        let mut sockets = Vec::new();
        loop {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE))];
            let mut rights = RecvAncillaryBuffer::new(&mut space);
            let mut byte = [0];
            let message = recvmsg(
                from,
                &mut [IoSliceMut::new(&mut byte)],
                &mut rights,
                RecvFlags::CMSG_CLOEXEC,
            )?;
            if message.bytes == 0 {
                return Ok(Self(sockets));
            }
            for message in rights.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    sockets.extend(descriptors.map(TcpListener::from));
                }
            }
        }
    }

    /// Leaves the sockets in a Unix socket that the program after this one gets as its standard input.
    ///
    /// # Errors
    /// If the system has no descriptors left.
    pub fn leave(&self) -> io::Result<OwnedFd> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        for sockets in self.0.chunks(MESSAGE) {
            let descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MESSAGE))];
            let mut rights = SendAncillaryBuffer::new(&mut space);
            if !rights.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            sendmsg(
                &ours,
                &[IoSlice::new(b"s")],
                &mut rights,
                SendFlags::empty(),
            )?;
        }
        // `ours` ends here: after the last of them the other end reads that there are no more.
        Ok(theirs)
    }

    /// Takes those that listen at `address`.
    pub(super) fn take(&mut self, address: SocketAddr) -> Vec<TcpListener> {
        let here =
            |socket: &mut TcpListener| socket.local_addr().is_ok_and(|bound| bound == address);
        self.0.extract_if(.., here).collect()
    }

    /// Adds a handle of `socket`, which goes on listening when all others are closed.
    ///
    /// # Errors
    /// If the system has no descriptors left.
    pub(super) fn keep(&mut self, socket: &TcpListener) -> io::Result<()> {
        self.0.push(socket.try_clone()?);
        Ok(())
    }

    /// Closes all of them.
    pub(super) fn close(&mut self) {
        self.0.clear();
    }

    /// Says which of them nobody took.
    pub(super) fn warn_of_the_rest(&self) {
        for address in self.0.iter().filter_map(|socket| socket.local_addr().ok()) {
            tracing::warn!(%address, "a socket that was handed over is at no address of the configuration; it is closed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn sockets_that_are_left_keep_the_connections_that_wait_in_them() {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = first.local_addr().unwrap();
        let others: Vec<_> = (0..MESSAGE)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let mut waiting = TcpStream::connect(address).unwrap();
        let mut sockets = Sockets::default();
        sockets.keep(&first).unwrap();
        for other in &others {
            sockets.keep(other).unwrap();
        }
        let left = sockets.leave().unwrap();
        drop((first, others, sockets));

        let mut found = Sockets::read(left.as_fd()).unwrap();
        assert_eq!(found.0.len(), MESSAGE + 1);
        let taken = found.take(address);
        assert_eq!(taken.len(), 1);
        assert_eq!(found.0.len(), MESSAGE);
        let (stream, _) = taken[0].accept().unwrap();
        drop(stream);
        assert_eq!(waiting.read(&mut [0]).unwrap(), 0);
    }
}
