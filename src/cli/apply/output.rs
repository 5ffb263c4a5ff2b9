//! What `fieldgate apply -o` writes: a file that gets its name when it is whole, packed by that name.
//!
//! On Linux the file has no name until then, so that whatever ends the process leaves nothing behind. Where the file
//! system cannot do that, it stands beside its place under a name of its own, and goes away with the process if that
//! is ended by Ctrl-C or a termination.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::cannot;
use super::input::Packing;
use crate::cli::out::Stop;

/// A file that becomes `path` when it is whole, and goes away otherwise.
pub(super) struct Output {
    path: PathBuf,
    place: Place,
    sink: Sink,
}

/// Where the file is while it is written.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Where it stays: a device, a pipe.
    There,
    /// Nowhere yet.
    #[cfg(target_os = "linux")]
    Unnamed,
    /// Here, or nowhere any more.
    Beside(Option<PathBuf>),
}

enum Sink {
    Plain(Target),
    Gzip(GzEncoder<Target>),
    Zstd(zstd::Encoder<'static, Target>),
}

/// A file, until it is given up.
struct Target {
    file: File,
    /// Takes bytes and drops them: the end of a packed stream must not follow a cut-off one (P4).
    given_up: bool,
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.given_up {
            return Ok(bytes.len());
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Output {
    /// Begins the file that is to become `path`.
    ///
    /// # Errors
    /// If there is no way to write it.
    pub(super) fn begin(path: &Path) -> Result<Self, Stop> {
        let packing = Packing::of(path);
        // A link stays a link: what it leads to is what changes.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            let file = File::options()
                .write(true)
                .open(&path)
                .map_err(|error| cannot("write to", &path, &error))?;
            return Self::new(path, Place::There, file, packing);
        }
        if path.file_name().is_none() {
            return Err(Stop::usage(format_args!(
                "{} is no name of a file",
                path.display()
            )));
        }
        #[cfg(target_os = "linux")]
        if let Some(file) = unnamed(&path) {
            return Self::new(path, Place::Unnamed, file, packing);
        }
        Self::beside(path, packing)
    }

    /// Begins the file under a name of its own beside `path`, which goes away with the process.
    fn beside(path: PathBuf, packing: Option<Packing>) -> Result<Self, Stop> {
        let beside = name_beside(&path);
        remove_at_a_signal(beside.clone())
            .map_err(|error| Stop::environment(format_args!("cannot watch signals: {error}")))?;
        let file = File::create_new(&beside).map_err(|error| cannot("write", &beside, &error))?;
        Self::new(path, Place::Beside(Some(beside)), file, packing)
    }

    fn new(
        path: PathBuf,
        place: Place,
        file: File,
        packing: Option<Packing>,
    ) -> Result<Self, Stop> {
        let target = Target {
            file,
            given_up: false,
        };
        let sink = match packing {
            None => Sink::Plain(target),
            Some(Packing::Gzip) => Sink::Gzip(GzEncoder::new(target, Compression::default())),
            Some(Packing::Zstd) => {
                let mut encoder =
                    zstd::Encoder::new(target, 0).map_err(|error| cannot("pack", &path, &error))?;
                encoder
                    .include_checksum(true)
                    .map_err(|error| cannot("pack", &path, &error))?;
                Sink::Zstd(encoder)
            }
        };
        Ok(Self { path, place, sink })
    }

    /// Writes bytes of the body.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let written = match &mut self.sink {
            Sink::Plain(target) => target.write_all(bytes),
            Sink::Gzip(encoder) => encoder.write_all(bytes),
            Sink::Zstd(encoder) => encoder.write_all(bytes),
        };
        written.map_err(|error| cannot("write", &self.path, &error))
    }

    /// All of it is there: gives it its name.
    ///
    /// # Errors
    /// If it cannot be written or named.
    pub(super) fn finish(mut self) -> Result<(), Stop> {
        self.name()
            .map_err(|error| cannot("write", &self.path, &error))
    }

    fn name(&mut self) -> io::Result<()> {
        let target = match &mut self.sink {
            Sink::Plain(target) => target,
            Sink::Gzip(encoder) => {
                encoder.try_finish()?;
                encoder.get_mut()
            }
            Sink::Zstd(encoder) => {
                encoder.do_finish()?;
                encoder.get_mut()
            }
        };
        if self.place == Place::There {
            return Ok(());
        }
        // Else a power cut could leave the name on a file without its end.
        target.file.sync_all()?;
        match &mut self.place {
            Place::There => {}
            #[cfg(target_os = "linux")]
            Place::Unnamed => name_unnamed(&target.file, &self.path)?,
            Place::Beside(beside) => {
                if let Some(beside) = beside {
                    fs::rename(&*beside, &self.path)?;
                }
                *beside = None;
            }
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Encoders write a stream's end when they go. After `name` it is there already.
        match &mut self.sink {
            Sink::Plain(target) => target.given_up = true,
            Sink::Gzip(encoder) => encoder.get_mut().given_up = true,
            Sink::Zstd(encoder) => encoder.get_mut().given_up = true,
        }
        if let Place::Beside(Some(beside)) = &self.place {
            // It is only litter, and the fault that led here is what is told.
            drop(fs::remove_file(beside));
        }
    }
}

/// A hidden name in the directory of `path`, of this process alone.
fn name_beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// A file in the directory of `path` without a name; `None` where the file system cannot do that.
#[cfg(target_os = "linux")]
fn unnamed(path: &Path) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(directory, flags, Mode::from_raw_mode(0o666)).ok()?);
    // The way by which it is named later.
    descriptor(&file).exists().then_some(file)
}

#[cfg(target_os = "linux")]
fn descriptor(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Gives `file` the name `path`, in place of what has it now.
#[cfg(target_os = "linux")]
fn name_unnamed(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let link = |to: &Path| linkat(CWD, descriptor(file), CWD, to, AtFlags::SYMLINK_FOLLOW);
    match link(path) {
        Err(rustix::io::Errno::EXIST) => {
            // Only renaming replaces: for a moment the file, whole by now, has two names.
            let beside = name_beside(path);
            link(&beside)?;
            fs::rename(&beside, path)
        }
        linked => Ok(linked?),
    }
}

/// Removes the file at `path` if a signal ends the process, and then lets it end.
fn remove_at_a_signal(path: PathBuf) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    // Before the file is there: from now on no signal ends the process by itself.
    let entered = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    drop(entered);
    std::thread::Builder::new().spawn(move || {
        let kind = runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = terminate.recv() => SignalKind::terminate(),
                _ = hang_up.recv() => SignalKind::hangup(),
            }
        });
        // Once it has its real name there is none to remove.
        drop(fs::remove_file(path));
        std::process::exit(128 + kind.as_raw_value());
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    /// Names the file that the test below begins when it runs as a process of its own.
    const CHILD: &str = "FIELDGATE_TEST_OUTPUT";

    #[test]
    fn where_a_file_needs_a_name_it_goes_away_with_the_process() {
        if let Some(path) = std::env::var_os(CHILD) {
            let mut output = Output::beside(PathBuf::from(path), None).unwrap();
            output.write(b"half").unwrap();
            // Told to the test that waits; then the signal comes.
            writeln!(io::stdout().lock(), "\nbegun").unwrap();
            loop {
                std::thread::park();
            }
        }
        for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out.json");
            fs::write(&path, "from yesterday").unwrap();
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--nocapture", "where_a_file_needs_a_name"])
                .env(CHILD, &path)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert!(lines.any(|line| line.unwrap() == "begun"));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
            let sent = Command::new("kill")
                .args([signal, &child.id().to_string()])
                .status();
            assert!(sent.unwrap().success());
            assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
            let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
            assert_eq!(names.len(), 1, "{signal}: {names:?}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "from yesterday");
        }
    }

    #[test]
    fn a_file_beside_its_place_takes_it_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.json");
        for finish in [false, true] {
            let mut output = Output::beside(path.clone(), None).unwrap();
            output.write(b"whole").unwrap();
            assert!(!path.exists());
            if finish {
                output.finish().unwrap();
            } else {
                drop(output);
            }
            let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
            assert_eq!(names.len(), usize::from(finish), "{names:?}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
    }
}
