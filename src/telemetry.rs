//! Logs: one line of JSON a thing that happens, to standard error, without personal data.

use tracing_subscriber::EnvFilter;

/// Starts logging; `SURETY_LOG` sets the level (`info` by default). A second start changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_env("SURETY_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,surety=info"));
    let started = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    // Tests start several services in one process; the first one's log serves them all.
    drop(started);
}
