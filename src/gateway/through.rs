//! A stream around a stream: what it leaves as it is, it hands on. For an `impl` of tokio's `AsyncWrite`.

/// The writes, to the stream that `$inner` borrows from `$this` to change, and `$shared` to look at.
macro_rules! hand_on_writes {
    ($this:ident => $inner:expr, $shared:expr) => {
        fn poll_write(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            bytes: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            let $this = self.get_mut();
            std::pin::Pin::new($inner).poll_write(cx, bytes)
        }

        fn poll_write_vectored(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            slices: &[std::io::IoSlice<'_>],
        ) -> std::task::Poll<std::io::Result<usize>> {
            let $this = self.get_mut();
            std::pin::Pin::new($inner).poll_write_vectored(cx, slices)
        }

        fn is_write_vectored(&self) -> bool {
            let $this = self;
            $shared.is_write_vectored()
        }
    };
}

/// The flush and the end, to the stream that `$inner` borrows from `$this` to change.
macro_rules! hand_on_ends {
    ($this:ident => $inner:expr) => {
        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let $this = self.get_mut();
            std::pin::Pin::new($inner).poll_flush(cx)
        }

        fn poll_shutdown(
            self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let $this = self.get_mut();
            std::pin::Pin::new($inner).poll_shutdown(cx)
        }
    };
}

pub(super) use {hand_on_ends, hand_on_writes};
