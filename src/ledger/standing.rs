//! The standing of an account or guest: one statement, one snapshot.

use super::{Error, Ledger};
use crate::domain::{Currency, DecisionId, Holder, MerchantId, Parties, Standing, Time};

/// For whom and for what the standing is read.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    pub holder: &'a Holder,
    pub merchant: &'a MerchantId,
    pub amount: i64,
    pub currency: Currency,
    pub basket_hash: Option<[u8; 32]>,
    pub parties: &'a Parties,
    /// The limit of a guest; `None` for an account.
    pub guest_limit: Option<i64>,
    /// A decision to leave out of the orders: the one that is being assessed again.
    pub ignore: Option<DecisionId>,
    pub now: Time,
}

impl Ledger {
    /// The standing at `probe.now`. Of an unknown account only orders, exposure and lists are
    /// known.
    pub async fn standing(&self, _probe: &Probe<'_>) -> Result<Standing, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
