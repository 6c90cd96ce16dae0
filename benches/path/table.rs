//! What was measured, for people.

use std::fmt::Write as _;

use surety::load::Pace;

use super::result::{Cell, Results};

const HEAD: [&str; 14] = [
    "system",
    "load",
    "calls/s",
    "of floor",
    "requests/s",
    "approved",
    "p50",
    "p99",
    "p99.9",
    "errors",
    "unsent",
    "degraded",
    "service",
    "stores",
];

pub fn text(results: &Results) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(results.cells.iter().map(row));
    let mut out = aligned(&rows);
    let sync = &results.sync;
    let loads: Vec<String> =
        results.load_averages.iter().map(|load| format!("{load:.1}")).collect();
    // Writing into a string cannot fail.
    let _written = write!(
        out,
        "p50 to p99.9: milliseconds of answered calls, the open loop's from when they were due; \
         service, stores: microseconds of processor time a call\n\
         sync of 4 KiB on {}: p50 {:.2} ms, p99 {:.2} ms of {}; {} cores, load average {} before \
         each system{}",
        results.file_system,
        sync.p50_us as f64 / 1e3,
        sync.p99_us as f64 / 1e3,
        sync.count,
        results.cores,
        loads.join(", "),
        if results.debug_build { "; NOT OPTIMISED: no figure means anything" } else { "" },
    );
    out
}

fn row(cell: &Cell) -> [String; 14] {
    let report = &cell.report;
    let load = match report.pace {
        Pace::Closed { clients: 1 } => "1 client".to_owned(),
        Pace::Closed { clients } => format!("{clients} clients"),
        Pace::Open { rate, .. } => format!("{rate:.0}/s come"),
    };
    let outcomes = &report.outcomes;
    let decided = outcomes.approved + outcomes.declined + outcomes.manual_review;
    let approved = 100.0 * outcomes.approved as f64 / decided.max(1) as f64;
    let latency = &report.latency.answered_us;
    let millis = |micros: u64| format!("{:.2}", micros as f64 / 1e3);
    [
        cell.system.text(),
        load,
        format!("{:.0}", report.calls_per_second),
        cell.of_floor.map_or("-".to_owned(), |ratio| format!("{ratio:.3}")),
        format!("{:.0}", report.requests_per_second),
        format!("{approved:.0} %"),
        millis(latency.p50),
        millis(latency.p99),
        millis(latency.p99_9),
        report.errors.to_string(),
        report.not_sent.to_string(),
        cell.degraded.to_string(),
        format!("{:.0}", cell.service_us_per_call),
        format!("{:.0}", cell.stores_us_per_call),
    ]
}

/// Columns as wide as their widest cell; the first two begin, the others end at one place.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
                0 | 1 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// Columns stand under each other; `cargo test` runs this.
pub fn check() {
    let rows = [["a", "b", "1"], ["long", "", "12345"], ["", "x", "é"]];
    let rows = rows.map(|row| row.map(str::to_owned));
    assert_eq!(aligned(&rows), "a     b      1\nlong     12345\n      x      é\n");
}
