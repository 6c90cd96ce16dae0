//! Logs: one line of JSON a thing that happens, to standard error.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::traces::Traces;

/// The least grave things that are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl Level {
    pub const ALL: [Level; 5] =
        [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];

    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }

    /// Libraries tell of what went wrong alone.
    fn filter(self) -> EnvFilter {
        let libraries = if self == Level::Error { "error" } else { "warn" };
        EnvFilter::new(format!("{libraries},surety={}", self.name()))
    }
}

/// Starts logging at the usual level. A second start changes nothing.
pub fn start() {
    start_with(&Traces::none(), Level::default());
}

/// Starts logging, and spans go where `traces` go. `SURETY_LOG`, a filter by module, is stronger
/// than the level.
pub fn start_with(traces: &Traces, level: Level) {
    let filter = EnvFilter::try_from_env("SURETY_LOG").unwrap_or_else(|_| level.filter());
    let lines = tracing_subscriber::fmt::layer()
        .json()
        // The call that a line belongs to is among the spans around it.
        .with_current_span(false)
        .with_writer(std::io::stderr)
        .with_filter(filter);
    let started = tracing_subscriber::registry().with(traces.layer()).with(lines).try_init();
    // Tests start several services in one process; the first one's log serves them all.
    drop(started);
}
