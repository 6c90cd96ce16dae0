//! Stored decisions, by id, by reference, and by what a list asks for.

use super::{Error, Ledger};
use crate::domain::{
    DecisionId, DecisionRecord, Holder, MerchantId, Outcome, ReasonCode, Reference, Time,
};

/// What a list of decisions is narrowed to; an empty field narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    pub caller: Option<String>,
    pub holder: Option<Holder>,
    pub merchant: Option<MerchantId>,
    pub order_reference: Option<String>,
    /// Outcomes as first answered; a pending decision that lapsed meanwhile is for the caller to
    /// judge.
    pub outcomes: Vec<Outcome>,
    /// Decisions that have one of these among their reasons.
    pub codes: Vec<ReasonCode>,
    /// First moment.
    pub from: Option<Time>,
    /// First moment after.
    pub until: Option<Time>,
    /// The last decision of the page before.
    pub after: Option<(Time, DecisionId)>,
    pub limit: u32,
}

impl Ledger {
    /// A decision with its progress.
    pub async fn decision(&self, _id: DecisionId) -> Result<Option<DecisionRecord>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }

    /// A decision by what a customer reads out.
    pub async fn decision_by_reference(
        &self,
        _reference: Reference,
    ) -> Result<Option<DecisionRecord>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }

    /// Decisions newest first.
    pub async fn list_decisions(&self, _filter: &ListFilter) -> Result<Vec<DecisionRecord>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }

    /// What `decide` saw, as JSON.
    pub async fn facts(&self, _id: DecisionId) -> Result<Option<String>, Error> {
        Err(Error::Unavailable("not built yet".into()))
    }
}
