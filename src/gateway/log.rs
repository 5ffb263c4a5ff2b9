//! Log lines: as text or JSON, of fieldgate's own events only.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::config::{Log, LogFormat, LogLevel};

/// A subscriber that writes what `log` asks for to `writer`.
///
/// Events of other crates are left out at every level: they may hold what went over a connection (P7).
pub fn subscriber<W>(log: Log, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let own = Targets::new().with_target("fieldgate", level);
    let lines = match log.format {
        LogFormat::Text => fmt::layer()
            .with_ansi(false)
            .with_writer(writer)
            .with_filter(own)
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_writer(writer)
            .with_filter(own)
            .boxed(),
    };
    registry().with(lines)
}
