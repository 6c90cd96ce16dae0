//! Cancelling a decision: what it still holds of the limit is free again.

use super::{Claim, Error, Ledger, SignalRow, Written};
use crate::domain::{DecisionId, DecisionRecord};

/// The end of an approval or of a pending decision, by whoever asked for it.
#[derive(Clone, Debug)]
pub struct Cancel {
    pub decision: DecisionId,
    /// A closed set of the edge, by name.
    pub reason: String,
    /// Takes an attempt back, where the cancellation does.
    pub taken_back: Option<SignalRow>,
}

impl Ledger {
    /// Cancels; what was captured stays. A second time answers the same.
    pub async fn cancel(
        &self,
        _claim: Claim,
        _cancel: Cancel,
    ) -> Result<Written<DecisionRecord>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
