//! Checks the whole ledger against what must always hold; for tests and for support.

use super::{Error, Ledger};
use crate::domain::Time;

/// What was counted and what was found wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub decisions: i64,
    pub reservations: i64,
    pub answers: i64,
    /// One sentence each, at most [`Report::FINDINGS_MAX`] a kind; empty when all holds.
    pub findings: Vec<String>,
}

impl Report {
    pub const FINDINGS_MAX: u32 = 20;
}

impl Ledger {
    /// Reads everything; not for the hot path.
    pub async fn check(&self, _now: Time) -> Result<Report, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
