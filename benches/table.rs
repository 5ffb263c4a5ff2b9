//! Rounds of timings, and the Markdown they are printed as.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

/// One way to do a task: takes the whole input once.
pub(crate) type Contestant<'a> = (&'a str, Box<dyn FnMut() + 'a>);

/// How long each contestant took in each round. All take their turn in each round, since a machine drifts between
/// rounds more than it does within one.
pub(crate) struct Rounds(Vec<Vec<Duration>>);

impl Rounds {
    /// Runs `rounds` rounds after one that is not counted.
    pub(crate) fn run(contestants: &mut [Contestant<'_>], rounds: usize) -> Self {
        let mut taken = vec![Vec::with_capacity(rounds); contestants.len()];
        for round in 0..=rounds {
            for (place, (_, run)) in contestants.iter_mut().enumerate() {
                let start = Instant::now();
                run();
                if round > 0 || rounds == 0 {
                    taken[place].push(start.elapsed());
                }
            }
        }
        Self(taken)
    }

    /// The median time of a contestant.
    pub(crate) fn median(&self, contestant: usize) -> Duration {
        let mut times = self.0[contestant].clone();
        times.sort();
        times[times.len() / 2]
    }

    /// How many times as fast as `peer` the contestant is: the median of the rounds' ratios.
    pub(crate) fn ratio(&self, contestant: usize, peer: usize) -> f64 {
        let pairs = self.0[contestant].iter().zip(&self.0[peer]);
        median(
            pairs
                .map(|(own, other)| other.as_secs_f64() / own.as_secs_f64())
                .collect(),
        )
    }
}

/// The middle one, the upper of two.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Millions of bytes a second.
pub(crate) fn speed(bytes: usize, took: Duration) -> f64 {
    bytes as f64 / took.as_secs_f64() / 1e6
}

/// Prints a line at once, so that a long run is seen to move.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .expect("the table has somewhere to go");
}

/// Prints a table's head: the titles, all but the first column to the right.
pub(crate) fn head(titles: &[&str]) {
    line(&format!("| {} |", titles.join(" | ")));
    line(&format!("| --- |{}", " ---: |".repeat(titles.len() - 1)));
}

/// Prints a table's row.
pub(crate) fn row(cells: &[String]) {
    line(&format!("| {} |", cells.join(" | ")));
}

/// A number with as many digits as mean something.
pub(crate) fn number(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Where and of what the figures are: machine, compiler, commit.
pub(crate) fn surroundings() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "{}, {cores} cores, {}; {}; fieldgate {}",
        model
            .unwrap_or("a processor that does not say its name")
            .trim(),
        std::env::consts::OS,
        answer("rustc", &["--version"]),
        answer("git", &["describe", "--always", "--dirty"]),
    )
}

fn answer(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    if text.is_empty() {
        format!("{program}: no answer")
    } else {
        text
    }
}
