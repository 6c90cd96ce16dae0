//! What the service tells of itself: logs, traces and metrics, all without personal data.
//!
//! Logs are lines of JSON on standard error. Traces go to an OpenTelemetry collector, if there is
//! one. Metrics are looked at by Prometheus.

mod cause;
mod gauges;
mod log;
mod metrics;
mod stage;
mod traces;

pub use cause::Cause;
pub use log::{Level, start, start_with};
pub use metrics::{Decided, Metrics, OTHER, StoreMetrics};
pub use stage::{Edge, Stage};
pub use traces::{Traces, call_answered, call_span, decided, requested};
