//! What a replay came to: outcomes, codes, rules that could not be judged, fitted priors.

use std::collections::BTreeMap;

use super::rows::Row;
use crate::domain::{Currency, Decision, Outcome, ReasonCode};

/// Counts over all rows.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub rows: u64,
    pub outcomes: BTreeMap<Outcome, u64>,
    pub codes: BTreeMap<ReasonCode, u64>,
    /// How often a rule's facts were not supplied.
    pub not_judged: BTreeMap<ReasonCode, u64>,
    /// Welford's running mean and sum of squares of ln(amount in major units).
    log_mean: f64,
    log_squares: f64,
}

impl Summary {
    pub(super) fn count(&mut self, row: &Row, decision: &Decision, currency: Currency) {
        self.rows += 1;
        *self.outcomes.entry(decision.outcome).or_default() += 1;
        for reason in &decision.reasons {
            *self.codes.entry(reason.code).or_default() += 1;
        }
        for code in &decision.not_judged {
            *self.not_judged.entry(*code).or_default() += 1;
        }
        let minor_in_major = 10_i64.pow(currency.exponent()) as f64;
        let log_amount = libm::log(row.amount as f64 / minor_in_major);
        let delta = log_amount - self.log_mean;
        self.log_mean += delta / self.rows as f64;
        self.log_squares += delta * (log_amount - self.log_mean);
    }

    /// Mean and standard deviation of ln(amount), for `[market.XX.spending]`.
    pub fn fitted_prior(&self) -> (f64, f64) {
        let variance = self.log_squares / (self.rows.max(2) - 1) as f64;
        (self.log_mean, libm::sqrt(variance))
    }
}
