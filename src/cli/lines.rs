//! Log lines on their way to standard error: gathered for some milliseconds and written together, since a system call a
//! line costs more than making it. What warns is written at once, with all that came before it.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait for others.
const GATHER: Duration = Duration::from_millis(10);

/// Bytes of lines that may wait; whoever adds more writes them.
const WAITING_BYTES: usize = 256 << 10;

/// Where log lines are written. Clones write to the same place.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// Told of the first line that waits, and of the end.
    begun: Condvar,
    write: fn(&[u8]),
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    ended: bool,
}

/// Writes what waits, until it is dropped, and then the rest.
pub(super) struct Writing {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

/// One line, or a part of it.
pub(super) struct Line<'a> {
    shared: &'a Shared,
    at_once: bool,
}

impl Lines {
    /// Lines that `write` writes, and the thread that does it while the other lives.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(super) fn start(write: fn(&[u8])) -> io::Result<(Self, Writing)> {
        let lines = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            begun: Condvar::new(),
            write,
        }));
        let own = lines.clone();
        let thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || own.0.run())?;
        let writing = Writing {
            lines: lines.clone(),
            thread: Some(thread),
        };
        Ok((lines, writing))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A holder that panics leaves whole lines, or one cut short.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let mut waiting = self.lock();
            while waiting.bytes.is_empty() && !waiting.ended {
                waiting = self
                    .begun
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let ended = waiting.ended;
            drop(waiting);
            if !ended {
                std::thread::sleep(GATHER);
            }
            self.flush(&mut self.lock());
            if ended {
                return;
            }
        }
    }

    /// Writes what waits. The lock is held, so that lines stay in order.
    fn flush(&self, waiting: &mut Waiting) {
        (self.write)(&waiting.bytes);
        waiting.bytes.clear();
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = self.shared.lock();
        if waiting.bytes.is_empty() {
            self.shared.begun.notify_one();
        }
        waiting.bytes.extend_from_slice(bytes);
        if self.at_once || waiting.bytes.len() > WAITING_BYTES || waiting.ended {
            self.shared.flush(&mut waiting);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line {
            shared: &self.0,
            at_once: true,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line {
            shared: &self.0,
            at_once: *metadata.level() <= Level::WARN,
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.lines.0.lock().ended = true;
        self.lines.0.begun.notify_one();
        // Its panic would have been a line's.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static WRITTEN: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

    fn note(bytes: &[u8]) {
        WRITTEN.lock().unwrap().push(bytes.to_vec());
    }

    #[test]
    fn lines_are_written_together_in_order_and_the_rest_at_the_end() {
        let (lines, writing) = Lines::start(note).unwrap();
        let line = |text: &str, at_once| {
            let mut line = lines.make_writer();
            line.at_once = at_once;
            line.write_all(text.as_bytes()).unwrap();
        };
        line("a\n", false);
        line("b\n", false);
        line("warned\n", true);
        assert!(
            WRITTEN.lock().unwrap().concat().ends_with(b"b\nwarned\n"),
            "what warns waits for nothing"
        );
        line("c\n", false);
        drop(writing);
        assert_eq!(WRITTEN.lock().unwrap().concat(), b"a\nb\nwarned\nc\n");
        line("d\n", false);
        assert!(
            WRITTEN.lock().unwrap().concat().ends_with(b"d\n"),
            "a line after the end is not lost"
        );
    }
}
