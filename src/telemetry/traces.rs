//! Traces: spans of calls and their stages, sent to an OpenTelemetry collector.
//!
//! Spans wait in a bounded queue, and what finds no room there is dropped: a collector that is slow
//! or away costs no call anything. `OTEL_TRACES_SAMPLER` and the other variables of the
//! specification are read by its library.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tonic::codegen::http::{HeaderMap, Uri};
use tracing::{Level, Span, Subscriber, field, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

/// How long the collector may take to answer.
const EXPORT_MAX: Duration = Duration::from_secs(5);
/// How long the last spans may take to get there, once nothing more is served.
const END_MAX: Duration = Duration::from_secs(2);
/// A collector that stays away is one line a minute and not one a batch.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Where spans go.
#[derive(Debug)]
pub struct Traces(Option<SdkTracerProvider>);

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
pub enum BadCollector {
    /// What stands there instead may be a password.
    #[error("the address of the collector is none: expected http://HOST:PORT or https://HOST:PORT")]
    Address,
    #[error("the collector {endpoint}: {cause}")]
    Exporter { endpoint: String, cause: String },
}

impl Traces {
    pub fn none() -> Traces {
        Traces(None)
    }

    /// Sends spans to the collector at that URL (OTLP over gRPC), which need not be there yet. Has
    /// to be called where tasks can be spawned.
    pub fn to(endpoint: &str) -> Result<Traces, BadCollector> {
        let uri = endpoint.parse::<Uri>().ok().filter(is_plain);
        let endpoint = uri.ok_or(BadCollector::Address)?.to_string();
        let exporter = OtlpExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint.as_str())
            .with_timeout(EXPORT_MAX)
            .build()
            .map_err(|cause| BadCollector::Exporter {
                endpoint: endpoint.clone(),
                cause: cause.to_string(),
            })?;
        let exporter = Told { exporter, endpoint, failures: Mutex::default() };
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder().with_service_name("surety").build())
            .with_batch_exporter(exporter)
            .build();
        Ok(Traces(Some(provider)))
    }

    /// What takes spans from the program. Of libraries nobody knows what they put into theirs.
    pub(super) fn layer<S>(&self) -> Option<impl Layer<S> + use<S>>
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        let tracer = self.0.as_ref()?.tracer("surety");
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false);
        Some(layer.with_filter(Targets::new().with_target("surety", LevelFilter::DEBUG)))
    }

    /// Sends what is left.
    pub async fn end(self) {
        let Some(provider) = self.0 else { return };
        // It waits for its thread, and that thread for tasks of ours. What went wrong is told.
        let ended =
            tokio::task::spawn_blocking(move || drop(provider.shutdown_with_timeout(END_MAX)));
        drop(ended.await);
    }
}

/// Whether it is a scheme and a host, and holds no password.
fn is_plain(uri: &Uri) -> bool {
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    known && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}

/// The span of a call; the caller's trace goes on in it.
pub fn call_span((service, method): (&str, &str), headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "call",
        otel.name = %format_args!("{service}/{method}"),
        otel.kind = "server",
        request_id = field::Empty,
    );
    if is_wanted() {
        span.set_attribute("rpc.system", "grpc");
        span.set_attribute("rpc.service", service.to_owned());
        span.set_attribute("rpc.method", method.to_owned());
        let parent = TraceContextPropagator::new().extract(&Metadata(headers));
        // It has not begun, which is all that could be in the way.
        let _ = span.set_parent(parent);
    }
    span
}

/// Whether anybody looks at what is for traces alone.
fn is_wanted() -> bool {
    tracing::enabled!(Level::DEBUG)
}

/// The call that runs now is about this request: its caller's own random name for it.
pub fn requested(id: &dyn fmt::Display) {
    Span::current().record("request_id", field::display(id));
}

/// What the call that runs now has decided.
pub fn decided(id: &dyn fmt::Display, outcome: &'static str) {
    if is_wanted() {
        let span = Span::current();
        span.set_attribute("decision_id", id.to_string());
        span.set_attribute("outcome", outcome);
    }
}

/// How a call ended. Its own text may repeat what was asked, so the code has to do.
pub fn call_answered(span: &Span, code: i32, name: &'static str) {
    if is_wanted() {
        span.set_attribute("rpc.grpc.status_code", i64::from(code));
        if code != 0 {
            span.set_status(Status::error(name));
        }
    }
}

/// Metadata of a call, for who looks for the caller's trace.
struct Metadata<'h>(&'h HeaderMap);

impl Extractor for Metadata<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// An exporter whose failures are told once a minute.
#[derive(Debug)]
struct Told {
    exporter: OtlpExporter,
    endpoint: String,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    told: Option<Instant>,
    lost: usize,
}

impl Failures {
    /// How many spans were lost since the last line, if it is time for one.
    fn add(&mut self, spans: usize, now: Instant) -> Option<usize> {
        self.lost += spans;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < TOLD_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.lost))
    }
}

impl SpanExporter for Told {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        if let Err(cause) = &exported {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(lost) = failures.add(spans, Instant::now()) {
                let collector = self.endpoint.as_str();
                warn!(collector, lost, cause = %cause, "spans could not be sent");
            }
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_is_away_is_told_once_a_minute_with_what_was_lost() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(failures.add(3, start), Some(3));
        assert_eq!(failures.add(5, after(5)), None);
        assert_eq!(failures.add(2, after(59)), None);
        assert_eq!(failures.add(1, after(60)), Some(8));
        assert_eq!(failures.add(1, after(61)), None);
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused() {
        for endpoint in ["", "collector", "http://", "collector:4317", "http://a:secret@b:4317"] {
            let refused = Traces::to(endpoint).unwrap_err().to_string();
            assert!(refused.contains("expected http://HOST:PORT"), "{endpoint}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
        for endpoint in ["http://127.0.0.1:4317", "https://collector.example:4317/"] {
            assert!(Traces::to(endpoint).is_ok(), "{endpoint}");
        }
    }
}
