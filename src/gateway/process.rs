//! What the process takes of the machine, as Prometheus' own libraries name it. Read when somebody asks, not before.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, CounterVec, Gauge, Opts};

/// The threads whose time is told, by the beginnings of their names; others come and go.
const THREADS: [&str; 4] = ["worker-", "admin", "ledger", "subjects"];

/// Threads that are looked at: more than there are workers.
const MOST_THREADS: usize = 2_048;

/// The process as `/proc` shows it; where there is no `/proc`, there are none of its metrics.
#[derive(Debug)]
pub(crate) struct Process {
    cpu: Counter,
    resident: Gauge,
    virtual_memory: Gauge,
    open_files: Gauge,
    most_files: Gauge,
    start: Gauge,
    threads: Gauge,
    thread_cpu: CounterVec,
    /// Seconds since 1970.
    started: Option<f64>,
}

impl Process {
    /// The process that runs this.
    ///
    /// # Errors
    /// If a name or help text is not one that Prometheus takes.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| Gauge::new(name, help);
        Ok(Self {
            cpu: Counter::new(
                "process_cpu_seconds_total",
                "Time that processors have spent on the process, in its own code and in the system's",
            )?,
            resident: gauge(
                "process_resident_memory_bytes",
                "Memory of the process that is resident",
            )?,
            virtual_memory: gauge(
                "process_virtual_memory_bytes",
                "Memory that the process has mapped",
            )?,
            open_files: gauge("process_open_fds", "File descriptors that are open")?,
            most_files: gauge("process_max_fds", "File descriptors that may be open")?,
            start: gauge(
                "process_start_time_seconds",
                "When the process started, in seconds since 1970",
            )?,
            threads: gauge("process_threads", "Threads of the process")?,
            thread_cpu: CounterVec::new(
                Opts::new(
                    "fieldgate_thread_cpu_seconds_total",
                    "Time that processors have spent on one of the gateway's threads; its rate is the share of a core that it is busy",
                ),
                &["thread"],
            )?,
            started: started(),
        })
    }

    /// Looks again. `None` where there is nothing to see.
    fn look(&self) -> Option<()> {
        const KIB: f64 = 1024.0;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let of: HashMap<&str, f64> = status.lines().filter_map(field).collect();
        self.resident.set(of.get("VmRSS")? * KIB);
        self.virtual_memory.set(of.get("VmSize")? * KIB);
        self.threads.set(*of.get("Threads")?);
        // The directory itself is open while it is read.
        let open = fs::read_dir("/proc/self/fd").ok()?.count() - 1;
        self.open_files.set(open as f64);
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        self.most_files
            .set(most.map_or(f64::INFINITY, |most| most as f64));
        self.start.set(self.started?);
        self.cpu.reset();
        self.cpu
            .inc_by(Stat::of(Path::new("/proc/self"))?.cpu_seconds);
        self.thread_cpu.reset();
        let tasks = fs::read_dir("/proc/self/task").ok()?;
        for task in tasks.take(MOST_THREADS).flatten() {
            // One that has just ended is no fault.
            let Some(thread) = Stat::of(&task.path()) else {
                continue;
            };
            if THREADS.iter().any(|known| thread.name.starts_with(known)) {
                self.thread_cpu
                    .with_label_values(&[&thread.name])
                    .inc_by(thread.cpu_seconds);
            }
        }
        Some(())
    }

    fn parts(&self) -> [&dyn Collector; 8] {
        [
            &self.cpu,
            &self.resident,
            &self.virtual_memory,
            &self.open_files,
            &self.most_files,
            &self.start,
            &self.threads,
            &self.thread_cpu,
        ]
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        let parts = self.parts().into_iter();
        parts.flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if self.look().is_none() {
            return Vec::new();
        }
        let parts = self.parts().into_iter();
        parts.flat_map(Collector::collect).collect()
    }
}

/// A line of `/proc/self/status` that is a number, in whatever unit.
fn field(line: &str) -> Option<(&str, f64)> {
    let (name, value) = line.split_once(':')?;
    let number = value.split_whitespace().next()?.parse().ok()?;
    Some((name, number))
}

/// What the system's `stat` says of a process or a thread (proc(5)).
#[derive(Debug, PartialEq)]
struct Stat {
    name: String,
    cpu_seconds: f64,
    /// After the machine's start.
    started_seconds: f64,
}

impl Stat {
    /// Of the process or thread whose directory this is.
    fn of(directory: &Path) -> Option<Self> {
        let text = fs::read_to_string(directory.join("stat")).ok()?;
        Self::parse(&text, rustix::param::clock_ticks_per_second())
    }

    /// Of a line that counts `ticks` a second.
    fn parse(line: &str, ticks: u64) -> Option<Self> {
        // A name may hold anything, parentheses too, and the last one ends it.
        let (head, tail) = line.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        // The third field is the first behind the name.
        let field = |number: usize| -> Option<f64> {
            tail.split_whitespace().nth(number - 3)?.parse().ok()
        };
        let ticks = ticks as f64;
        Some(Self {
            name: name.to_owned(),
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            started_seconds: field(22)? / ticks,
        })
    }
}

/// When the process started, in seconds since 1970.
fn started() -> Option<f64> {
    let machine = fs::read_to_string("/proc/stat").ok()?;
    let booted = machine
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    let booted: f64 = booted.trim().parse().ok()?;
    Some(booted + Stat::of(Path::new("/proc/self"))?.started_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_behind_whatever_the_name_holds() {
        for (name, found) in [("worker-0", "worker-0"), (") 1 (", ") 1 ("), ("", "")] {
            let fields = (4..=30).map(|number| number.to_string());
            let rest: Vec<String> = fields.collect();
            let line = format!("7 ({name}) S {}", rest.join(" "));
            let stat = Stat::parse(&line, 100).unwrap();
            assert_eq!(
                stat,
                Stat {
                    name: found.to_owned(),
                    cpu_seconds: 0.29,
                    started_seconds: 0.22,
                }
            );
        }
        assert_eq!(Stat::parse("7 (short) S 1 2", 100), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_sees_itself() {
        let families = Process::new().unwrap().collect();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name);
            let metric = &family.unwrap_or_else(|| panic!("{name}")).get_metric()[0];
            metric.get_gauge().get_value() + metric.get_counter().get_value()
        };
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") >= value("process_open_fds"));
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        // Some time this century.
        assert!(value("process_start_time_seconds") > 1.6e9);
    }
}
