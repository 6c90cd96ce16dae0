//! What the signal store was taught, kept for its rebuild and apart from decisions.

use super::{Error, Ledger};
use crate::domain::{DecisionId, Time};

/// One thing that the signal store was taught; keyed hashes with times, erasable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalRow {
    pub time: Time,
    pub kind: &'static str,
    /// JSON; its `parties` are where a misuse event later finds the parties of a decision.
    pub payload: String,
}

/// A stored signal row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSignal {
    /// Rises with every row; may leave gaps.
    pub seq: i64,
    pub time: Time,
    /// [`crate::domain::Holder::ledger_name`] of whom it is about.
    pub holder: String,
    pub decision: Option<DecisionId>,
    pub kind: String,
    pub payload: String,
}

impl Ledger {
    /// The payload of the latest row of `kind` that belongs to a decision.
    pub async fn signal_event(
        &self,
        _decision: DecisionId,
        _kind: &str,
    ) -> Result<Option<String>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }

    /// Rows after `after_seq` (0 for the first), in order.
    pub async fn signal_events(
        &self,
        _after_seq: i64,
        _limit: u32,
    ) -> Result<Vec<StoredSignal>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
