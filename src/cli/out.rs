//! Standard output, standard error and the exit code: the only place that touches them.
//!
//! Data goes to standard output, everything else to standard error. A reader that closes the pipe has what
//! it wanted: that ends a command quietly, with 0.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::config::ConfigFault;

/// Why a command ended before it was done.
#[derive(Debug)]
pub enum Stop {
    /// Whoever read standard output has gone. No fault.
    ReaderGone,
    /// Something is at fault. The message says what, where, and what to do; it may have several lines.
    Fault(Blame, String),
    /// Files that people wrote are at fault: a line for each fault, which starts with its place.
    Faults(String),
    /// As `Fault`; what there is to say has been said.
    Said(Blame),
}

/// What is at fault: the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The input or an agreement: 1.
    Input,
    /// How the command was called: 2.
    Usage,
    /// Disk, network or keys: 3.
    Environment,
}

impl Blame {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Input => 1,
            Self::Usage => 2,
            Self::Environment => 3,
        }
    }
}

impl Stop {
    /// The input or an agreement is at fault.
    pub fn input(message: impl Display) -> Self {
        Self::Fault(Blame::Input, message.to_string())
    }

    /// The command was called wrongly.
    pub fn usage(message: impl Display) -> Self {
        Self::Fault(Blame::Usage, message.to_string())
    }

    /// Disk, network or keys are at fault.
    pub fn environment(message: impl Display) -> Self {
        Self::Fault(Blame::Environment, message.to_string())
    }

    /// Writing to standard output failed.
    fn output(error: &io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::environment(format_args!("cannot write to standard output: {error}"))
        }
    }
}

impl From<ConfigFault> for Stop {
    fn from(fault: ConfigFault) -> Self {
        match &fault {
            ConfigFault::Content(faults) => Self::Faults(faults.to_string()),
            ConfigFault::Environment { .. } => Self::environment(fault),
        }
    }
}

/// Says how a command ended, in words on standard error and as an exit code.
#[must_use]
pub fn finish(ended: Result<(), Stop>) -> ExitCode {
    match ended {
        Ok(()) | Err(Stop::ReaderGone) => ExitCode::SUCCESS,
        Err(Stop::Said(blame)) => ExitCode::from(blame.code()),
        Err(Stop::Faults(faults)) => {
            say(&faults);
            ExitCode::from(Blame::Input.code())
        }
        Err(Stop::Fault(blame, message)) => {
            say(&format!("fieldgate: {message}"));
            ExitCode::from(blame.code())
        }
    }
}

/// Prints what `clap` has to say: help and version as data, anything else as an error.
#[must_use]
pub fn usage(asked: &clap::Error) -> ExitCode {
    // Where nobody reads it there is nobody to tell.
    drop(asked.print());
    if asked.use_stderr() {
        ExitCode::from(Blame::Usage.code())
    } else {
        ExitCode::SUCCESS
    }
}

/// Writes data to standard output, and sees it out.
///
/// # Errors
/// If it cannot be written.
pub fn data(bytes: &[u8]) -> Result<(), Stop> {
    // Nobody else's bytes come between.
    let out = io::stdout().lock();
    write_all(out.as_fd(), bytes).map_err(|error| Stop::output(&error))
}

/// Writes `bytes` as they are. The library's own way looks through them for line ends, to write the last line apart.
fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes one line for people, or a report's only line, to standard output.
///
/// # Errors
/// As [`data`].
pub fn line(text: &str) -> Result<(), Stop> {
    data(format!("{text}\n").as_bytes())
}

/// Writes one line to standard error. If that is gone, nobody can be told.
pub fn say(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Columns of the terminal that standard output is; `None` if it is none.
#[must_use]
pub fn columns() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width.0))
}

/// Whether standard output may have colours: a terminal, and nobody asked for none (`NO_COLOR`).
#[must_use]
pub fn is_coloured() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// How far a long run has come, on standard error where people read that.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A run over `total_bytes`, or over something whose end is not known or near, which shows nothing.
    #[must_use]
    pub fn over(total_bytes: Option<u64>) -> Self {
        let Some(total_bytes) = total_bytes.filter(|_| io::stderr().is_terminal()) else {
            return Self(None);
        };
        let style = ProgressStyle::with_template(
            "{bar:30} {percent:>3}%  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left",
        )
        .expect("the template is well formed");
        let bar = ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr());
        Self(Some(bar.with_style(style)))
    }

    /// `bytes` more are done.
    pub fn advance(&self, bytes: usize) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes as u64);
        }
    }
}

impl Drop for Progress {
    /// Takes the bar away, so that what is said next starts on a clean line.
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
/// Log lines to standard error. Nobody can be told where that cannot be written.
pub fn log_bytes(bytes: &[u8]) {
    drop(io::stderr().lock().write_all(bytes));
}
