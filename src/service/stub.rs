//! Stands in for the service until it is merged: the same calls, all unavailable.

use std::sync::Arc;

use crate::domain::*;
use crate::policy::ReasonCatalog;

use super::Error;

/// A result, and whether it was stored when the same request came first.
#[derive(Clone, Debug)]
pub struct Answered<T> {
    /// The result.
    pub value: T,
    /// True for the stored answer to a repeated request.
    pub replayed: bool,
}

/// The stand-in.
pub struct Service {
    hasher: PartyHasher,
    catalog: Arc<ReasonCatalog>,
}

type Unavailable<T> = Result<T, Error>;

fn unavailable<T>() -> Unavailable<T> {
    Err(Error::Unavailable { reason: "STORE_UNAVAILABLE" })
}

#[allow(missing_docs, clippy::unused_async)]
impl Service {
    pub fn stub(catalog: ReasonCatalog) -> Service {
        let hasher = PartyHasher::new(&[0; PARTY_SECRET_LEN]);
        Service { hasher, catalog: Arc::new(catalog) }
    }
    pub fn now(&self) -> Time {
        Time::from_seconds(1_795_262_400)
    }
    pub fn hasher(&self) -> &PartyHasher {
        &self.hasher
    }
    pub fn catalog(&self) -> Arc<ReasonCatalog> {
        self.catalog.clone()
    }
    pub async fn evaluate(
        self: &Arc<Self>,
        _: Caller,
        _: Request,
    ) -> Unavailable<Answered<DecisionRecord>> {
        unavailable()
    }
    pub async fn preview(&self, _: SpendingPowerQuery) -> Unavailable<SpendingPower> {
        unavailable()
    }
    pub async fn submit_step_up(
        self: &Arc<Self>,
        _: Caller,
        _: StepUpSubmission,
    ) -> Unavailable<Answered<DecisionRecord>> {
        unavailable()
    }
    pub async fn confirm(
        self: &Arc<Self>,
        _: Caller,
        _: Confirmation,
    ) -> Unavailable<Answered<DecisionRecord>> {
        unavailable()
    }
    pub async fn cancel(
        self: &Arc<Self>,
        _: Caller,
        _: Cancellation,
    ) -> Unavailable<Answered<DecisionRecord>> {
        unavailable()
    }
    pub async fn decision(&self, _: &Caller, _: DecisionName) -> Unavailable<DecisionRecord> {
        unavailable()
    }
    pub async fn list_decisions(
        &self,
        _: &Caller,
        _: DecisionQuery,
    ) -> Unavailable<(Vec<DecisionRecord>, Option<(Time, DecisionId)>)> {
        unavailable()
    }
    pub async fn upsert_account(
        self: &Arc<Self>,
        _: Caller,
        _: AccountUpsert,
    ) -> Unavailable<Answered<(Account, String)>> {
        unavailable()
    }
    pub async fn account(&self, _: AccountId) -> Unavailable<(Account, String)> {
        unavailable()
    }
    pub async fn record_events(
        self: &Arc<Self>,
        _: Caller,
        _: EventBatch,
    ) -> Unavailable<Answered<Vec<EventOutcome>>> {
        unavailable()
    }
    pub async fn set_restriction(
        self: &Arc<Self>,
        _: Caller,
        _: RestrictionSet,
    ) -> Unavailable<Answered<Restriction>> {
        unavailable()
    }
    pub async fn lift_restriction(
        self: &Arc<Self>,
        _: Caller,
        _: RestrictionLift,
    ) -> Unavailable<Answered<Restriction>> {
        unavailable()
    }
    pub async fn restrictions(&self, _: &Caller, _: AccountId) -> Unavailable<Vec<Restriction>> {
        unavailable()
    }
}
