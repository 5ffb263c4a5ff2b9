//! File descriptors: as many as the system lets the process have, and what the gateway does when they run short.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that a worker needs for itself.
const WORKER: usize = 8;

/// Descriptors for what comes and goes: files that are read again, operators, the ledger's next segment.
const RESERVE: usize = 32;

/// How often the log is told, at most.
const SAID: Duration = Duration::from_secs(1);

/// How many descriptors there are for connections.
#[derive(Debug)]
pub(crate) struct Descriptors {
    /// Connections from partners that may be open at once: each may need another descriptor, to a service.
    connections: usize,
    said: Mutex<Option<Instant>>,
}

impl Descriptors {
    /// How long a worker accepts nothing when they are short.
    pub(crate) const PAUSE: Duration = Duration::from_millis(20);

    /// What is there for a gateway of so many `workers`. Raises the limit as far as the system permits.
    pub(crate) fn available(workers: usize) -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current != maximum {
            // Where it may not be raised, there are as many as there are.
            let most = Rlimit {
                current: maximum,
                maximum,
            };
            if let Err(error) = setrlimit(Resource::Nofile, most) {
                tracing::debug!(%error, "the limit of open files stays as it is");
            }
        }
        let all = getrlimit(Resource::Nofile)
            .current
            .and_then(|all| usize::try_from(all).ok());
        Self {
            connections: all.map_or(usize::MAX, |all| for_connections(all, in_use(), workers)),
            said: Mutex::default(),
        }
    }

    /// Connections from partners that there are descriptors for.
    pub(crate) fn connections(&self) -> usize {
        self.connections
    }

    /// Whether `error` says that there are none left.
    pub(crate) fn are_short(error: &io::Error) -> bool {
        [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
            .iter()
            .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
    }

    /// Tells the log `why` no connection is accepted, once a second at most.
    pub(crate) fn say(&self, why: &'static str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() >= SAID) {
            *said = Some(Instant::now());
            tracing::warn!(
                why,
                connections = self.connections,
                "no connection is accepted for the moment; raise the process's limit of open files"
            );
        }
    }
}

/// Of `all` descriptors, of which `used` are taken: half of the rest, since each exchange may need a second one.
fn for_connections(all: usize, used: usize, workers: usize) -> usize {
    (all.saturating_sub(used + RESERVE + workers * WORKER) / 2).max(1)
}

/// Descriptors in use now; where the system does not say, a usual number.
fn in_use() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(16, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_what_is_left_is_for_partners() {
        for (all, used, workers, connections) in [
            (1_024, 24, 2, 476),
            (1 << 20, 20, 16, 524_198),
            (64, 20, 2, 1),
            (10, 20, 2, 1),
        ] {
            assert_eq!(for_connections(all, used, workers), connections, "{all}");
        }
    }

    #[test]
    fn only_want_of_descriptors_or_memory_is_waited_for() {
        for (errno, short) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOMEM, true),
            (Errno::CONNABORTED, false),
        ] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(Descriptors::are_short(&error), short, "{errno:?}");
        }
    }
}
