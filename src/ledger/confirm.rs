//! Capturing an approved purchase: what was reserved becomes outstanding.

use super::{Claim, Error, Ledger, SignalRow, Written};
use crate::domain::{DecisionId, DecisionRecord, MerchantId, Money};

/// A capture of an approved purchase, whole or in part.
#[derive(Clone, Debug)]
pub struct Confirm {
    pub decision: DecisionId,
    pub merchant: MerchantId,
    pub captured: Money,
    pub order_reference: Option<String>,
    /// Teaches habits; written with the first capture only.
    pub purchase: Option<SignalRow>,
}

impl Ledger {
    /// Captures; several captures may add up to the approved amount.
    pub async fn confirm(
        &self,
        _claim: Claim,
        _confirm: Confirm,
    ) -> Result<Written<DecisionRecord>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
