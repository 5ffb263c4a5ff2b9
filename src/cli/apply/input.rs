//! What `fieldgate apply` reads: a file or standard input, unpacked by its name.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, IsTerminal, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::cannot;
use crate::cli::file;
use crate::cli::out::{self, Progress, Stop};

/// A file of fewer bytes is done before anybody could read its progress.
const SHOWN_FROM_BYTES: u64 = 4 << 20;

/// Bytes of a packed file that are read at once.
const PACKED_BYTES: usize = 64 << 10;

/// The window of a zstd stream is at most two to this power: 128 MiB, what its own tool unpacks unless told otherwise.
const ZSTD_WINDOW_LOG: u32 = 27;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// By the end of the file's name; `None` if that is not of a packed file.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str) {
            Some("gz") => Some(Self::Gzip),
            Some("zst") => Some(Self::Zstd),
            Some(_) | None => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Where a body comes from.
pub(in crate::cli) struct Input {
    pub(in crate::cli) name: String,
    bytes: Box<dyn Read>,
    packing: Option<Packing>,
    /// Where bytes come from that may be long in coming.
    waits_for: Option<OwnedFd>,
    source: Rc<Source>,
}

/// What is known of the bytes as they are read, before they are unpacked.
struct Source {
    progress: Progress,
    any: Cell<bool>,
    /// What went wrong in reading, which is not the bytes' fault.
    failed: RefCell<Option<io::Error>>,
}

impl Input {
    /// Opens the file at `path`, or standard input without one.
    ///
    /// # Errors
    /// If the file cannot be opened or read.
    pub(in crate::cli) fn open(path: Option<&Path>) -> Result<Self, Stop> {
        let Some(path) = path else {
            if io::stdin().is_terminal() {
                out::say("fieldgate: reading from the terminal; end it with Ctrl-D");
            }
            let source = Source::over(None);
            let waits_for = io::stdin().as_fd().try_clone_to_owned().ok();
            return Ok(Self {
                name: "standard input".to_owned(),
                bytes: Box::new(Counted {
                    from: io::stdin(),
                    source: Rc::clone(&source),
                }),
                packing: None,
                waits_for,
                source,
            });
        };
        let file = File::open(path).map_err(|error| file::unread(path.display(), &error))?;
        let metadata = file
            .metadata()
            .map_err(|error| file::unread(path.display(), &error))?;
        let source = Source::over(metadata.is_file().then_some(metadata.len()));
        let packing = Packing::of(path);
        // A packed stream is unpacked some way ahead of what is read, so nobody can tell of it.
        let waits_for = match packing {
            None if !metadata.is_file() => file.as_fd().try_clone_to_owned().ok(),
            None | Some(_) => None,
        };
        let counted = Counted {
            from: file,
            source: Rc::clone(&source),
        };
        let bytes: Box<dyn Read> = match packing {
            None => Box::new(counted),
            Some(Packing::Gzip) => {
                let packed = BufReader::with_capacity(PACKED_BYTES, counted);
                Box::new(MultiGzDecoder::new(packed))
            }
            Some(Packing::Zstd) => {
                let mut unpacked =
                    zstd::Decoder::new(counted).map_err(|error| cannot("unpack", path, &error))?;
                unpacked
                    .window_log_max(ZSTD_WINDOW_LOG)
                    .map_err(|error| cannot("unpack", path, &error))?;
                Box::new(unpacked)
            }
        };
        Ok(Self {
            name: path.display().to_string(),
            bytes,
            packing,
            waits_for,
            source,
        })
    }

    /// A body that comes from `from`.
    #[cfg(test)]
    pub(super) fn from_reader(from: impl Read + 'static) -> Self {
        let source = Source::over(None);
        Self {
            name: "a test".to_owned(),
            bytes: Box::new(Counted {
                from,
                source: Rc::clone(&source),
            }),
            packing: None,
            waits_for: None,
            source,
        }
    }

    /// Reads some bytes of the body; 0 at its end.
    ///
    /// # Errors
    /// If the file cannot be read, or is not one whole packed stream to its last byte.
    pub(in crate::cli) fn read(&mut self, into: &mut [u8]) -> Result<usize, Stop> {
        let read = match self.bytes.read(into) {
            // No packed stream is without bytes, not even that of nothing.
            Ok(0) if self.packing.is_some() && !self.source.any.get() => {
                Err(ErrorKind::UnexpectedEof.into())
            }
            read => read,
        };
        read.map_err(|error| match (self.source.failed.take(), self.packing) {
            (None, Some(packing)) => Stop::input(format_args!(
                "{}: not one whole {} stream to its end: {error}",
                self.name,
                packing.name()
            )),
            (Some(error), _) => self.cannot_be_read(&error),
            (None, None) => self.cannot_be_read(&error),
        })
    }

    /// Whether [`Input::read`] gives something without waiting, an end or a fault included.
    pub(super) fn has_more_at_hand(&self) -> bool {
        let Some(waits_for) = &self.waits_for else {
            return true;
        };
        // Reads are larger than the buffer that standard input has of its own, so that is empty.
        let mut asked = [PollFd::new(waits_for, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        matches!(poll(&mut asked, Some(&now)), Ok(1..))
    }

    fn cannot_be_read(&self, error: &io::Error) -> Stop {
        file::unread(&self.name, error)
    }
}

impl Source {
    fn over(bytes: Option<u64>) -> Rc<Self> {
        Rc::new(Self {
            progress: Progress::over(bytes.filter(|bytes| *bytes > SHOWN_FROM_BYTES)),
            any: Cell::new(false),
            failed: RefCell::new(None),
        })
    }
}

/// Bytes as they are read, counted.
struct Counted<R> {
    from: R,
    source: Rc<Source>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.from.read(into) {
                Ok(bytes) => {
                    self.source.progress.advance(bytes);
                    if bytes > 0 {
                        self.source.any.set(true);
                    }
                    return Ok(bytes);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let told = io::Error::from(error.kind());
                    self.source.failed.replace(Some(error));
                    return Err(told);
                }
            }
        }
    }
}
