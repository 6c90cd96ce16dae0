//! Account events: each is dropped when its id is known, and else applied by its own time.

use serde::{Deserialize, Serialize};

use super::{Claim, Error, Ledger, SignalRow, Written};
use crate::domain::{AccountEvent, EventId};

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventResult {
    pub id: EventId,
    pub status: EventStatus,
}

/// A rejected event has left nothing and may be sent again with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventStatus {
    Applied,
    Duplicate,
    /// Why, in one sentence.
    Rejected(String),
}

impl Ledger {
    /// Records events; each signal row is written only when its event is applied.
    pub async fn record_events(
        &self,
        _claim: Claim,
        _events: Vec<(AccountEvent, Option<SignalRow>)>,
    ) -> Result<Written<Vec<EventResult>>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
