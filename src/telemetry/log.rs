//! Logs: one line of JSON a thing that happens, to standard error.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::traces::Traces;

/// Starts logging; `SURETY_LOG` sets the level (`info` by default). A second start changes nothing.
pub fn start() {
    start_with(&Traces::none());
}

/// The same, and spans go where `traces` go.
pub fn start_with(traces: &Traces) {
    let filter = EnvFilter::try_from_env("SURETY_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,surety=info"));
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
