//! Gauges that are set when somebody asks.

use prometheus::core::Collector;
use prometheus::{Error, IntCounterVec, IntGauge, IntGaugeVec};

use super::metrics::{counters, gauges};

/// What is not counted as it happens, but looked at when somebody asks.
#[derive(Debug)]
pub struct Gauges {
    /// 0 closed, 1 half open, 2 open.
    pub breaker: IntGaugeVec,
    pub signals_waiting: IntGauge,
    pub ready: IntGaugeVec,
    pub reviews_open: IntGaugeVec,
    pub ledger_waiting: IntGauge,
    pub connections: IntGauge,
    connections_refused: IntCounterVec,
    /// Unix time; of `server` and `client_ca`.
    pub certificates: IntGaugeVec,
}

impl Gauges {
    pub(super) fn new() -> Result<Gauges, Error> {
        Ok(Gauges {
            breaker: gauges(
                (
                    "surety_breaker_state",
                    "Whether a shared store is asked: 0 closed (it is), 1 half open, 2 open.",
                ),
                &["store"],
            )?,
            signals_waiting: IntGauge::new(
                "surety_signals_waiting",
                "Events that the signal store has still to be taught.",
            )?,
            ready: gauges(("surety_ready", "1 when this part of the service works."), &["part"])?,
            reviews_open: gauges(
                ("surety_reviews_open", "Undecided review cases, by the age they are below."),
                &["queue", "age"],
            )?,
            ledger_waiting: IntGauge::new(
                "surety_ledger_waiting",
                "Writes that wait for a commit of the ledger.",
            )?,
            connections: IntGauge::new("surety_connections", "Connections for gRPC, open now.")?,
            connections_refused: counters(
                ("surety_connections_refused_total", "Connections turned away, by why."),
                &["cause"],
            )?,
            certificates: gauges(
                (
                    "surety_certificate_not_after_seconds",
                    "Until when a certificate that is served with is valid, Unix time.",
                ),
                &["certificate"],
            )?,
        })
    }

    /// Connections that were turned away so far for that, as somebody else counts them. One at a
    /// time calls this.
    pub fn connections_refused_so_far(&self, cause: &str, total: u64) {
        let refused = self.connections_refused.with_label_values(&[cause]);
        refused.inc_by(total.saturating_sub(refused.get()));
    }

    pub(super) fn families(&self) -> [Box<dyn Collector>; 8] {
        [
            Box::new(self.breaker.clone()),
            Box::new(self.signals_waiting.clone()),
            Box::new(self.ready.clone()),
            Box::new(self.reviews_open.clone()),
            Box::new(self.ledger_waiting.clone()),
            Box::new(self.connections.clone()),
            Box::new(self.connections_refused.clone()),
            Box::new(self.certificates.clone()),
        ]
    }
}
