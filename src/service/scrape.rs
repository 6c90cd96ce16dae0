//! What metrics look at when they are asked for, and which parts of the service work.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::Service;
use crate::domain::Source;
use crate::ledger::{self, OpenReviews};
use crate::signals::SignalStore;
use crate::signals::redis::BreakerState;
use crate::telemetry::Metrics;

/// How long what the ledger said of open reviews is said again.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// How long a scrape waits for it; Prometheus itself waits ten seconds.
const LOOK_MAX: Duration = Duration::from_secs(2);
const SIGNALS: &str = "signals";
/// So often in a row the ledger has to leave a question unanswered before it counts as away: one
/// may have been lost with its connection.
const UNANSWERED_MAX: u32 = 2;

/// Open reviews, and when the ledger was last asked for them.
pub(super) type Looked = Mutex<Option<Instant>>;

/// Whether a part of the service works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// `ledger`, `signals` or `playbook`.
    pub part: &'static str,
    pub ready: bool,
}

impl Service {
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Which parts can do their work. A shared signal store that is away later makes decisions
    /// degraded, not the service unready.
    pub fn readiness(&self) -> [Ready; 3] {
        let signals = match &self.signals {
            SignalStore::Embedded(_) => true,
            SignalStore::Redis(store) => store.is_ready(),
        };
        let ledger =
            self.ledger.works() && self.unanswered.load(Ordering::Relaxed) < UNANSWERED_MAX;
        // Nothing is served without a playbook.
        [("ledger", ledger), (SIGNALS, signals), ("playbook", true)]
            .map(|(part, ready)| Ready { part, ready })
    }

    /// What does not change, and what has not happened yet.
    pub(super) fn begin_metrics(&self) {
        let versions = &self.playbook.versions;
        self.metrics.decides_by(&versions.policy, &versions.fingerprint);
        for source in Source::ALL {
            self.metrics.not_degraded(source.name());
        }
        // A store of its own is always asked.
        self.metrics.gauges.breaker.with_label_values(&[SIGNALS]).set(0);
        for failure in ledger::Error::FAILURES {
            self.metrics.stores.errors_so_far("ledger", failure, 0);
        }
    }

    /// All metrics, as Prometheus reads them; `None` when they cannot be written down.
    pub async fn scrape(&self) -> Option<String> {
        // One at a time, so that what others count is carried over once.
        let mut looked = self.looked.lock().await;
        for Ready { part, ready } in self.readiness() {
            self.metrics.gauges.ready.with_label_values(&[part]).set(i64::from(ready));
        }
        self.metrics.gauges.ledger_waiting.set(number(self.ledger.waiting()));
        self.look_at_signals();
        if looked.is_none_or(|last| last.elapsed() >= LOOK_EVERY) {
            *looked = Some(Instant::now());
            self.look_at_reviews().await;
        }
        match self.metrics.text() {
            Ok(text) => Some(text),
            Err(cause) => {
                tracing::error!(%cause, "metrics cannot be written down");
                None
            }
        }
    }

    fn look_at_signals(&self) {
        let SignalStore::Redis(store) = &self.signals else { return };
        self.metrics.gauges.signals_waiting.set(number(store.missed()));
        let state = match store.breaker() {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        };
        self.metrics.gauges.breaker.with_label_values(&[SIGNALS]).set(state);
        for (fault, count) in store.faults().snapshot() {
            self.metrics.stores.errors_so_far(SIGNALS, fault.name(), count);
        }
    }

    /// Reads with a connection of searches, so that no decision waits for it.
    async fn look_at_reviews(&self) {
        let open = tokio::time::timeout(LOOK_MAX, self.ledger.open_reviews(self.now())).await;
        let Ok(Ok(open)) = open else {
            tracing::warn!("open reviews could not be counted");
            return;
        };
        for OpenReviews { queue, age, cases } in open {
            self.metrics.gauges.reviews_open.with_label_values(&[queue.name(), age]).set(cases);
        }
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
