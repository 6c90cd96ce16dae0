//! The result of a run for people.

use std::fmt::{Display, Write as _};

use crate::load::{Pace, Percentiles, Report};

const HEAD: [&str; 10] =
    ["", "sent", "answered", "p50", "p90", "p99", "p99.9", "p99.99", "max", "mean"];

pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    line(&mut out, pace(report));
    line(&mut out, window(report));
    line(&mut out, "");
    row(&mut out, HEAD.map(str::to_owned));
    for (kind, calls) in &report.kinds {
        if calls.sent > 0 {
            row(&mut out, cells(kind.name(), calls.sent, &calls.latency_us));
        }
    }
    let latency = &report.latency;
    row(&mut out, cells("answered", latency.answered_us.count, &latency.answered_us));
    if report.errors > 0 {
        row(&mut out, cells("failed", latency.failed_us.count, &latency.failed_us));
    }
    row(&mut out, cells("all", report.sent, &latency.all_us));
    line(&mut out, "milliseconds, from when a request was due");
    line(&mut out, "");
    let outcomes = &report.outcomes;
    let all = outcomes.approved + outcomes.declined + outcomes.manual_review;
    for (name, count) in [
        ("APPROVED", outcomes.approved),
        ("DECLINED", outcomes.declined),
        ("MANUAL_REVIEW", outcomes.manual_review),
    ] {
        line(&mut out, format!("{name:<16}{count:>10}  {:>5.1} %", percent(count, all)));
    }
    for error in &report.errors_by_code {
        let name = format!("{} {}", error.code, error.reason);
        let count = error.count;
        line(&mut out, format!("error           {count:>10}  {} {name}", error.call.name()));
    }
    line(&mut out, "");
    let retries = &report.retries;
    line(
        &mut out,
        format!(
            "retries         {} same answer, {} another, {} without an answer before",
            retries.same, retries.different, retries.unknown
        ),
    );
    line(
        &mut out,
        format!(
            "rate            {:.1} requests/s, {:.1} calls/s with what followed",
            report.requests_per_second, report.calls_per_second
        ),
    );
    line(
        &mut out,
        format!(
            "generator       {:.2} s of processor time, {:.0} us a call; started late: \
             p50 {} ms, p99 {} ms",
            report.cpu_seconds,
            report.cpu_micros_per_call,
            millis(report.started_late_us.p50),
            millis(report.started_late_us.p99)
        ),
    );
    out
}

fn pace(report: &Report) -> String {
    let pace = match report.pace {
        Pace::Open { rate, outstanding } => {
            format!("open loop, {rate} requests/s, {outstanding} under way at most")
        }
        Pace::Closed { clients } => format!("closed loop, {clients} clients"),
    };
    let urls = report.urls.join(" ");
    format!("{pace}; seed {}, {} accounts; {urls}", report.seed, report.accounts)
}

fn window(report: &Report) -> String {
    format!(
        "{:.1} s measured{}: {} requests due, {} not sent; {} calls, {} answered, {} errors",
        report.measured_seconds,
        if report.ended_early { ", ended early" } else { "" },
        report.arrivals,
        report.not_sent,
        report.sent,
        report.answered,
        report.errors
    )
}

fn cells(name: &str, sent: u64, latency: &Percentiles) -> [String; 10] {
    let told = |micros: u64| if latency.count > 0 { millis(micros) } else { "-".to_owned() };
    [
        name.to_owned(),
        sent.to_string(),
        latency.count.to_string(),
        told(latency.p50),
        told(latency.p90),
        told(latency.p99),
        told(latency.p99_9),
        told(latency.p99_99),
        told(latency.max),
        told(latency.mean as u64),
    ]
}

fn row(out: &mut String, cells: [String; 10]) {
    let [name, numbers @ ..] = cells;
    let mut text = format!("{name:<14}");
    for number in numbers {
        let _written = write!(text, "{number:>10}");
    }
    line(out, text);
}

/// Microseconds as milliseconds.
pub(super) fn millis(micros: u64) -> String {
    format!("{:.2}", micros as f64 / 1_000.0)
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole > 0 { 100.0 * part as f64 / whole as f64 } else { 0.0 }
}

/// Writing into a string cannot fail.
fn line(out: &mut String, text: impl Display) {
    let _written = writeln!(out, "{}", text.to_string().trim_end());
}
