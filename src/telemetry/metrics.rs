//! What is counted and measured, for Prometheus: every family and its labels are named here.
//!
//! Labels are closed sets, so that nobody outside can make a process remember more and more.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Error, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use tracing::Instrument;

use super::gauges::Gauges;
use super::{Cause, Stage};

/// Upper bounds of buckets, in seconds: from a tenth of what a decision may take to far more than
/// anybody waits.
const SECONDS: [f64; 13] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
/// Writes in one commit; a group has 256 at most.
const COMMIT_SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What a label says of what is in no closed set.
pub const OTHER: &str = "other";

/// What the stores count while they work; they are there before everything else.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    errors: IntCounterVec,
    commit_sizes: Histogram,
}

impl StoreMetrics {
    /// Fails for a name that Prometheus does not know as one, which a test would have seen.
    pub fn new() -> Result<StoreMetrics, Error> {
        let sizes = HistogramOpts::new("surety_ledger_commit_size", "Writes in one commit.");
        Ok(StoreMetrics {
            errors: counters(
                ("surety_store_errors_total", "Failures of a store, by kind."),
                &["store", "kind"],
            )?,
            commit_sizes: Histogram::with_opts(sizes.buckets(COMMIT_SIZES.to_vec()))?,
        })
    }

    /// A failure; `store` is `ledger` or `signals`.
    pub fn error(&self, store: &str, kind: &str) {
        self.errors.with_label_values(&[store, kind]).inc();
    }

    /// Failures of a kind so far, where somebody else counts them. One at a time calls this.
    pub fn errors_so_far(&self, store: &str, kind: &str, total: u64) {
        let errors = self.errors.with_label_values(&[store, kind]);
        errors.inc_by(total.saturating_sub(errors.get()));
    }

    pub fn committed(&self, writes: usize) {
        self.commit_sizes.observe(writes as f64);
    }
}

/// Labels of a decision.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    pub outcome: &'static str,
    pub product: &'static str,
    /// The country, or [`OTHER`] for one that the policy has no market for.
    pub market: &'a str,
    /// The strongest reason, or `none`.
    pub top_code: &'static str,
}

/// All that a process counts and measures. A value, not global: tests start several services.
pub struct Metrics {
    registry: Registry,
    build: IntGaugeVec,
    playbook: IntGaugeVec,
    decisions: IntCounterVec,
    degraded: IntCounterVec,
    calls: IntCounterVec,
    call_durations: HistogramVec,
    calls_under_way: IntGauge,
    calls_refused: IntCounterVec,
    calls_waiting: IntGauge,
    queue_durations: Histogram,
    stages: HistogramVec,
    pub gauges: Gauges,
    pub stores: StoreMetrics,
    looks: Mutex<Vec<Look>>,
}

/// Sets gauges to what somebody else knows.
type Look = Box<dyn Fn(&Gauges) + Send + Sync>;

impl Metrics {
    /// Fails for names that Prometheus does not know as such, which a test would have seen.
    pub fn new(stores: StoreMetrics) -> Result<Metrics, Error> {
        let metrics = Metrics {
            registry: Registry::new(),
            build: gauges(("surety_build_info", "The program that runs."), &["version"])?,
            playbook: gauges(
                ("surety_playbook_info", "The playbook that decides."),
                &["policy", "fingerprint"],
            )?,
            decisions: counters(
                ("surety_decisions_total", "Decisions recorded, by their strongest reason."),
                &["outcome", "product", "market", "top_code"],
            )?,
            degraded: counters(
                ("surety_decisions_degraded_total", "Decisions made without a source of facts."),
                &["source"],
            )?,
            calls: counters(
                ("surety_calls_total", "gRPC calls that ended, by status."),
                &["service", "method", "code"],
            )?,
            call_durations: seconds(
                (
                    "surety_call_duration_seconds",
                    "From a gRPC call's first byte to the end of its answer.",
                ),
                &["service", "method"],
            )?,
            calls_under_way: IntGauge::new("surety_calls_under_way", "gRPC calls not yet ended.")?,
            calls_refused: counters(
                ("surety_calls_refused_total", "gRPC calls for which nothing was done, by why."),
                &["cause"],
            )?,
            calls_waiting: IntGauge::new(
                "surety_calls_waiting",
                "gRPC calls that wait for a place to be worked on.",
            )?,
            queue_durations: Histogram::with_opts(
                HistogramOpts::new(
                    "surety_queue_duration_seconds",
                    "How long gRPC calls wait for a place, whether they get one or not.",
                )
                .buckets(SECONDS.to_vec()),
            )?,
            stages: seconds(
                (
                    "surety_stage_duration_seconds",
                    "Stages of an assessment; total is all of it, as its caller waits.",
                ),
                &["stage"],
            )?,
            gauges: Gauges::new()?,
            stores,
            looks: Mutex::default(),
        };
        metrics.register()?;
        metrics.build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        // What is always there is there from the start, so that a rate has something to begin at.
        for stage in Stage::ALL {
            metrics.stages.with_label_values(&[stage.name()]);
        }
        for cause in Cause::ALL {
            metrics.calls_refused.with_label_values(&[cause.name()]);
        }
        Ok(metrics)
    }

    fn register(&self) -> Result<(), Error> {
        let own: [Box<dyn Collector>; 14] = [
            Box::new(self.build.clone()),
            Box::new(self.playbook.clone()),
            Box::new(self.decisions.clone()),
            Box::new(self.degraded.clone()),
            Box::new(self.calls.clone()),
            Box::new(self.call_durations.clone()),
            Box::new(self.calls_under_way.clone()),
            Box::new(self.calls_refused.clone()),
            Box::new(self.calls_waiting.clone()),
            Box::new(self.queue_durations.clone()),
            Box::new(self.stages.clone()),
            Box::new(self.stores.errors.clone()),
            Box::new(self.stores.commit_sizes.clone()),
            Box::new(ProcessCollector::for_self()),
        ];
        let mut families = own.into_iter().chain(self.gauges.families());
        families.try_for_each(|family| self.registry.register(family))
    }

    /// A decision was recorded.
    pub fn decided(&self, labels: Decided<'_>) {
        let Decided { outcome, product, market, top_code } = labels;
        self.decisions.with_label_values(&[outcome, product, market, top_code]).inc();
    }

    /// It was made without that source.
    pub fn degraded(&self, source: &str) {
        self.degraded.with_label_values(&[source]).inc();
    }

    /// Nothing was made without that source so far.
    pub fn not_degraded(&self, source: &str) {
        self.degraded.with_label_values(&[source]);
    }

    /// The playbook that decides.
    pub fn decides_by(&self, policy: &str, fingerprint: &str) {
        self.playbook.reset();
        self.playbook.with_label_values(&[policy, fingerprint]).set(1);
    }

    pub fn call_begins(&self) {
        self.calls_under_way.inc();
    }

    pub fn call_ends(&self, (service, method): (&str, &str), code: &str, took: Duration) {
        self.calls_under_way.dec();
        self.calls.with_label_values(&[service, method, code]).inc();
        self.call_durations.with_label_values(&[service, method]).observe(took.as_secs_f64());
    }

    pub fn call_refused(&self, cause: Cause) {
        self.calls_refused.with_label_values(&[cause.name()]).inc();
    }

    /// A call had a place at once.
    pub fn did_not_wait(&self) {
        self.queue_durations.observe(0.0);
    }

    /// A call waits for a place until this is dropped.
    pub fn waits(&self) -> Wait<'_> {
        self.calls_waiting.inc();
        Wait { metrics: self, begun: Instant::now() }
    }

    /// Runs a stage of an assessment in a span of its own, and measures it.
    pub async fn stage<T>(&self, stage: Stage, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = work.instrument(stage.span()).await;
        self.took(stage, begun.elapsed());
        done
    }

    /// The same for what does not wait.
    pub fn stage_at_once<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = stage.span().in_scope(work);
        self.took(stage, begun.elapsed());
        done
    }

    /// Measures a stage that has begun, until this is dropped.
    pub fn timer(&self, stage: Stage, begun: Instant) -> Timer<'_> {
        Timer { metrics: self, stage, begun }
    }

    pub fn took(&self, stage: Stage, time: Duration) {
        self.stages.with_label_values(&[stage.name()]).observe(time.as_secs_f64());
    }

    /// Has `look` set gauges each time when somebody asks.
    pub fn before_each_look(&self, look: impl Fn(&Gauges) + Send + Sync + 'static) {
        self.looks().push(Box::new(look));
    }

    fn looks(&self) -> MutexGuard<'_, Vec<Look>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it, as Prometheus reads it (text format 0.0.4). One at a time asks.
    pub fn text(&self) -> Result<String, Error> {
        self.looks().iter().for_each(|look| look(&self.gauges));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// A stage under way.
pub struct Timer<'m> {
    metrics: &'m Metrics,
    stage: Stage,
    begun: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.metrics.took(self.stage, self.begun.elapsed());
    }
}

/// A call that waits.
pub struct Wait<'m> {
    metrics: &'m Metrics,
    begun: Instant,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.metrics.calls_waiting.dec();
        self.metrics.queue_durations.observe(self.begun.elapsed().as_secs_f64());
    }
}

pub(super) fn counters(
    (name, help): (&str, &str),
    labels: &[&str],
) -> Result<IntCounterVec, Error> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

pub(super) fn gauges((name, help): (&str, &str), labels: &[&str]) -> Result<IntGaugeVec, Error> {
    IntGaugeVec::new(Opts::new(name, help), labels)
}

fn seconds((name, help): (&str, &str), labels: &[&str]) -> Result<HistogramVec, Error> {
    HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels)
}
