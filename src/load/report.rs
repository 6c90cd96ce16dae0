//! The result of a run, as JSON writes it.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::tally::{Counts, Kind, Outcomes, Retries};
use super::{Options, Pace};

/// One run. Counts and latencies are of requests that were due after the warm-up, and of what
/// followed from them; latencies are in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub version: &'static str,
    /// Stands in the ids of the run's requests.
    pub run: String,
    pub seed: u64,
    pub pace: Pace,
    pub accounts: u32,
    pub urls: Vec<String>,
    /// To each URL.
    pub connections: usize,
    pub warm_up_seconds: f64,
    /// From the end of the warm-up to the end of the last call.
    pub measured_seconds: f64,
    /// Somebody asked for the end before its time.
    pub ended_early: bool,
    /// Requests that were due.
    pub arrivals: u64,
    /// Requests that were due and not sent, since too many were under way.
    pub not_sent: u64,
    /// Calls: requests, and what follows an approval.
    pub sent: u64,
    pub answered: u64,
    pub errors: u64,
    /// Requests answered a second.
    pub requests_per_second: f64,
    /// Calls answered a second.
    pub calls_per_second: f64,
    pub outcomes: Outcomes,
    pub retries: Retries,
    pub kinds: BTreeMap<Kind, KindReport>,
    pub latency: Latencies,
    pub errors_by_code: Vec<ErrorCount>,
    /// How long after their intended start requests were sent: the generator's own fault.
    pub started_late_us: Percentiles,
    /// Processor time of this process while it measured.
    pub cpu_seconds: f64,
    pub cpu_micros_per_call: f64,
}

/// Calls of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindReport {
    pub sent: u64,
    pub answered: u64,
    pub errors: u64,
    /// Of evaluations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Outcomes>,
    /// Of those answered.
    pub latency_us: Percentiles,
}

/// Calls of all kinds.
#[derive(Clone, Debug, Serialize)]
pub struct Latencies {
    /// Every call that was sent, however it ended.
    pub all_us: Percentiles,
    pub answered_us: Percentiles,
    pub failed_us: Percentiles,
}

/// How often a call failed in one way.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorCount {
    pub call: Kind,
    pub code: String,
    pub reason: String,
    pub count: u64,
}

/// Of so many values, in microseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub mean: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    #[serde(rename = "p99.9")]
    pub p99_9: u64,
    #[serde(rename = "p99.99")]
    pub p99_99: u64,
    pub max: u64,
}

/// What a run knows beside its counts.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub span: Duration,
    pub processor: Duration,
    pub ended_early: bool,
}

impl Report {
    pub fn new(options: &Options, counts: &Counts, measured: Measured) -> Report {
        let kinds: BTreeMap<Kind, KindReport> =
            Kind::ALL.into_iter().map(|kind| (kind, KindReport::new(kind, counts))).collect();
        let sum = |part: fn(&KindReport) -> u64| kinds.values().map(part).sum::<u64>();
        let sent = sum(|kind| kind.sent);
        let answered = sum(|kind| kind.answered);
        let requests: u64 =
            kinds.values().filter(|kind| kind.outcomes.is_some()).map(|kind| kind.answered).sum();
        let outcomes = kinds.values().filter_map(|kind| kind.outcomes);
        let outcomes = outcomes.fold(Outcomes::default(), |sum, kind| Outcomes {
            approved: sum.approved + kind.approved,
            declined: sum.declined + kind.declined,
            manual_review: sum.manual_review + kind.manual_review,
        });
        let mut all_answered = counts.all.clone();
        all_answered.reset();
        for kind in &counts.kinds {
            // All have the same bounds.
            let _added = all_answered.add(&kind.answered);
        }
        let target = &options.target;
        let seconds = measured.span.as_secs_f64();
        Report {
            version: env!("CARGO_PKG_VERSION"),
            run: options.run.to_string(),
            seed: options.seed,
            pace: options.pace,
            accounts: options.accounts,
            urls: target.urls.iter().map(ToString::to_string).collect(),
            connections: target.connections,
            warm_up_seconds: options.warm_up.as_secs_f64(),
            measured_seconds: seconds,
            ended_early: measured.ended_early,
            arrivals: counts.arrivals,
            not_sent: counts.not_sent,
            sent,
            answered,
            errors: sum(|kind| kind.errors),
            requests_per_second: ratio(requests as f64, seconds),
            calls_per_second: ratio(answered as f64, seconds),
            outcomes,
            retries: counts.retries,
            kinds,
            latency: Latencies {
                all_us: Percentiles::of(&counts.all),
                answered_us: Percentiles::of(&all_answered),
                failed_us: Percentiles::of(&counts.failed),
            },
            errors_by_code: errors(counts),
            started_late_us: Percentiles::of(&counts.late),
            cpu_seconds: measured.processor.as_secs_f64(),
            cpu_micros_per_call: ratio(measured.processor.as_secs_f64() * 1e6, sent as f64),
        }
    }

    /// Whether something was answered and every retry got its answer again.
    pub fn is_sound(&self) -> bool {
        self.answered > 0 && self.retries.different == 0
    }
}

impl KindReport {
    fn new(kind: Kind, counts: &Counts) -> KindReport {
        let tally = &counts.kinds[kind as usize];
        let of_kind = counts.errors.iter().filter(|((failed, _), _)| *failed == kind);
        KindReport {
            sent: tally.sent,
            answered: tally.answered.len(),
            errors: of_kind.map(|(_, count)| count).sum(),
            outcomes: match kind {
                Kind::Purchase | Kind::OneTimeCard | Kind::Retry => Some(tally.outcomes),
                Kind::Confirm | Kind::Cancel => None,
            },
            latency_us: Percentiles::of(&tally.answered),
        }
    }
}

impl Percentiles {
    pub fn of(values: &Histogram<u64>) -> Percentiles {
        if values.is_empty() {
            return Percentiles::default();
        }
        Percentiles {
            count: values.len(),
            mean: values.mean(),
            p50: values.value_at_quantile(0.50),
            p90: values.value_at_quantile(0.90),
            p99: values.value_at_quantile(0.99),
            p99_9: values.value_at_quantile(0.999),
            p99_99: values.value_at_quantile(0.9999),
            max: values.max(),
        }
    }
}

fn errors(counts: &Counts) -> Vec<ErrorCount> {
    let errors = counts.errors.iter();
    errors
        .map(|((call, failure), count)| ErrorCount {
            call: *call,
            code: failure.code.clone(),
            reason: failure.reason.clone(),
            count: *count,
        })
        .collect()
}

/// Nothing of nothing is nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
