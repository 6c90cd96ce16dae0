//! What a run shows on a terminal while it lasts.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::table::millis;
use crate::load::Progress;

const SPIN_EVERY: Duration = Duration::from_millis(100);

/// A bar over the accounts.
pub(super) fn accounts(count: u32) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count.into());
    bar.set_style(style("{bar:40} {percent:>3} %  {pos} accounts  {eta} left"));
    bar
}

/// A line on the run.
pub(super) fn run() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let line = ProgressBar::new_spinner();
    line.set_style(style("{spinner} {msg}"));
    line.enable_steady_tick(SPIN_EVERY);
    line
}

pub(super) fn show(line: &ProgressBar, progress: &Progress) {
    if line.is_hidden() {
        return;
    }
    if progress.warming_up {
        line.set_message(format!("warming up, {} under way", progress.under_way));
        return;
    }
    let seconds = progress.measured.as_secs_f64();
    line.set_message(format!(
        "{seconds:.0} s  {:.0} calls/s  p50 {} ms  p99 {} ms  {} under way  {} errors  {} not sent",
        progress.answered as f64 / seconds.max(0.001),
        millis(progress.latency.p50),
        millis(progress.latency.p99),
        progress.under_way,
        progress.errors,
        progress.not_sent,
    ));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
