//! The names of metrics, and what alerts and dashboard ask of them.

use std::collections::BTreeSet;

/// What `/metrics` tells: name, whether it is a histogram, and its labels.
pub const METRICS: [(&str, bool, &[&str]); 25] = [
    ("surety_build_info", false, &["version"]),
    ("surety_playbook_info", false, &["policy", "fingerprint"]),
    ("surety_decisions_total", false, &["outcome", "product", "market", "top_code"]),
    ("surety_decisions_degraded_total", false, &["source"]),
    ("surety_calls_total", false, &["service", "method", "code"]),
    ("surety_call_duration_seconds", true, &["service", "method"]),
    ("surety_stage_duration_seconds", true, &["stage"]),
    ("surety_calls_refused_total", false, &["cause"]),
    ("surety_calls_under_way", false, &[]),
    ("surety_calls_waiting", false, &[]),
    ("surety_queue_duration_seconds", true, &[]),
    ("surety_connections", false, &[]),
    ("surety_connections_refused_total", false, &["cause"]),
    ("surety_store_errors_total", false, &["store", "kind"]),
    ("surety_breaker_state", false, &["store"]),
    ("surety_signals_waiting", false, &[]),
    ("surety_ready", false, &["part"]),
    ("surety_reviews_open", false, &["queue", "age"]),
    ("surety_ledger_waiting", false, &[]),
    ("surety_ledger_commit_size", true, &[]),
    ("surety_certificate_not_after_seconds", false, &["certificate"]),
    ("process_resident_memory_bytes", false, &[]),
    ("process_cpu_seconds_total", false, &[]),
    ("process_open_fds", false, &[]),
    ("process_start_time_seconds", false, &[]),
];
/// What Prometheus adds to every series.
const OF_THE_TARGET: [&str; 4] = ["namespace", "job", "instance", "pod"];

/// A metric that an expression asks for, and the labels by which it selects.
#[derive(Debug)]
pub struct Asked<'a> {
    pub metric: &'a str,
    labels: BTreeSet<&'a str>,
}

/// Everything that an expression asks for, recorded series (`surety:...`) left out.
pub fn asked(expression: &str) -> Vec<Asked<'_>> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(begin) = rest.find("surety").into_iter().chain(rest.find("process_")).min() {
        let inside = rest[..begin].ends_with(word);
        rest = &rest[begin..];
        let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
        let metric = &rest[..end];
        rest = &rest[end..];
        if inside || metric.contains(':') || !metric.contains('_') {
            continue;
        }
        let selector = rest.strip_prefix('{').and_then(|s| s.split_once('}'));
        let labels = selector.map_or_else(BTreeSet::new, |(selector, _)| labels(selector));
        found.push(Asked { metric, labels });
    }
    found
}

/// Names of labels: the words before an operator, outside quotes.
fn labels(selector: &str) -> BTreeSet<&str> {
    let outside = selector.split('"').step_by(2);
    let names = outside.flat_map(|part| part.split(['=', '!', '~', ',', ' ', '\n']));
    names.filter(|name| !name.is_empty()).collect()
}

/// What is wrong with an expression: a metric that is not told, or a label that it has not.
pub fn faults(expression: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for Asked { metric, labels } in asked(expression) {
        let Some((base, histogram, own)) = METRICS.iter().find(|(name, histogram, _)| {
            let parts = ["_bucket", "_sum", "_count"];
            let part = parts.iter().any(|part| metric.strip_suffix(part) == Some(name));
            if *histogram { part } else { metric == *name }
        }) else {
            faults.push(format!("there is no metric {metric}"));
            continue;
        };
        for label in labels {
            let bucket = *histogram && label == "le";
            if !bucket && !own.contains(&label) && !OF_THE_TARGET.contains(&label) {
                faults.push(format!("{base} has no label {label}"));
            }
        }
    }
    faults
}

#[test]
fn what_is_not_told_would_be_found() {
    assert_eq!(faults("rate(surety_decisions_total{outcome=\"DECLINED\"}[5m])"), [""; 0]);
    assert_eq!(faults("surety:calls:rate5m / 2"), [""; 0]);
    for wrong in [
        "surety_decision_total",
        "surety_stage_duration_seconds{stage=\"commit\"}",
        "surety_ready{component=\"ledger\"}",
        "sum(process_cpu_seconds)",
        "1 / surety_calls_total{code=~\"A|B\", methods!=\"x\"}",
    ] {
        assert_eq!(faults(wrong).len(), 1, "{wrong}");
    }
}
