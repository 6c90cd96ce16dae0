//! What becomes of decisions: confirmed, cancelled, looked up, listed; and the preview before one.

use std::sync::Arc;

use super::{Answered, Error, Service, allowed, answered_to, key, message, sees_all, teach};
use crate::domain::{
    AccountId, Caller, CancelReason, Cancellation, Confirmation, DecisionId, DecisionName,
    DecisionOwner, DecisionQuery, DecisionRecord, DecisionState, Holder, MerchantId, Money,
    Parties, SpendingPower, SpendingPowerQuery, Standing, Time,
};
use crate::ledger::{Cancel, Confirm, ListFilter, Probe, Written};
use crate::signals::{Observation, SignalEvent};

/// Pages that a list may look through before it gives what it has: a filter that nearly nothing
/// passes must not read the whole ledger in one call.
const PAGES_LOOKED_THROUGH_MAX: usize = 20;

/// Each time a step-up is passed or a review resolved a decision replaces one: no request has that
/// many, and a ring would not end.
const REPLACED_MAX: usize = 64;

/// Where the page after this one begins.
pub type After = Option<(Time, DecisionId)>;

impl Service {
    /// Captures an approved purchase; the first capture teaches the customer's habits.
    pub async fn confirm(
        self: &Arc<Self>,
        caller: Caller,
        confirmation: Confirmation,
    ) -> Result<Answered<DecisionRecord>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            allowed(&caller, &confirmation.merchant)?;
            let key = key(&caller, "ConfirmPurchase", confirmation.call.request_id);
            let _turn = service.running.enter(&key).await?;
            if let Some(answer) = service.ledger.answer(&key).await? {
                return answered_to(&caller, answer, confirmation.call.hash);
            }
            let approved = service.own(&caller, confirmation.decision).await?;
            let first = approved.progress.captured == 0;
            let purchase = match service.observed(approved.id).await? {
                Some(observation) if first => {
                    let amount = confirmation.captured.minor();
                    let time = service.now();
                    Some(SignalEvent::Purchase(Observation { amount, time, ..observation }))
                }
                _ => None,
            };
            let claim = service.claim(key, confirmation.call.hash);
            let confirm = Confirm {
                decision: confirmation.decision,
                merchant: confirmation.merchant,
                captured: confirmation.captured,
                order_reference: confirmation.order_reference,
                purchase: purchase.as_ref().map(teach::row).transpose()?,
            };
            let written = service.ledger.confirm(claim.clone(), confirm).await;
            let holder = approved.holder;
            let teaches =
                |_: &DecisionRecord| purchase.map(|event| (holder, event)).into_iter().collect();
            let written = service.taught_by(claim, written, teaches).await?;
            decided(&caller, written, confirmation.call.hash)
        })
        .await
    }

    /// Ends an approval or a pending decision; what it held of the limit is free again.
    pub async fn cancel(
        self: &Arc<Self>,
        caller: Caller,
        cancellation: Cancellation,
    ) -> Result<Answered<DecisionRecord>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "CancelDecision", cancellation.call.request_id);
            let _turn = service.running.enter(&key).await?;
            if let Some(answer) = service.ledger.answer(&key).await? {
                return answered_to(&caller, answer, cancellation.call.hash);
            }
            let record = service.own(&caller, cancellation.decision).await?;
            // What is over already is left as it is, and its attempt counted.
            let open = matches!(
                record.state(service.now()),
                DecisionState::Final | DecisionState::Pending
            );
            // What was captured was a purchase, whatever the bank says of the rest.
            let refused =
                cancellation.reason == CancelReason::BankRefused && record.progress.captured == 0;
            let taken_back = match service.observed(record.id).await? {
                Some(observation) if open && refused => Some(SignalEvent::TakenBack(observation)),
                _ => None,
            };
            let claim = service.claim(key, cancellation.call.hash);
            let now = claim.now;
            let cancel = Cancel {
                decision: cancellation.decision,
                reason: cancellation.reason.name().to_owned(),
                taken_back: taken_back.as_ref().map(teach::row).transpose()?,
            };
            let written = service.ledger.cancel(claim.clone(), cancel).await;
            // What was over before stays as it was, in the signals too.
            let teaches = move |record: &DecisionRecord| {
                let ended = record.progress.canceled == Some(now);
                let taken_back = taken_back.filter(|_| ended);
                taken_back.map(|event| (record.holder.clone(), event)).into_iter().collect()
            };
            let written = service.taught_by(claim, written, teaches).await?;
            service.watches.tell(cancellation.decision);
            decided(&caller, written, cancellation.call.hash)
        })
        .await
    }

    /// A decision as it stands now, and the one in its place if it was superseded.
    pub async fn decision(
        &self,
        caller: &Caller,
        name: DecisionName,
    ) -> Result<(DecisionRecord, Option<DecisionRecord>), Error> {
        let found = match name {
            DecisionName::Id(id) => self.ledger.decision(id).await?,
            DecisionName::Reference(reference) => {
                self.ledger.decision_by_reference(reference).await?
            }
        };
        let now = self.now();
        let record = self.as_it_stands(visible(caller, found)?, now);
        let current = match record.progress.superseded_by {
            Some(next) => Some(self.current(caller, next).await?),
            None => None,
        };
        Ok((record, current))
    }

    /// The decision that stands now where `id` was made first, as it stands.
    pub(super) async fn current(
        &self,
        caller: &Caller,
        mut id: DecisionId,
    ) -> Result<DecisionRecord, Error> {
        for _ in 0..REPLACED_MAX {
            let record = self.own(caller, id).await?;
            match record.progress.superseded_by {
                Some(next) => id = next,
                None => return Ok(self.as_it_stands(record, self.now())),
            }
        }
        Err(Error::unexpected(&"a decision was superseded without end"))
    }

    /// The record judged by the clock; one whose time ran out has other words for the customer.
    pub(super) fn as_it_stands(&self, record: DecisionRecord, now: Time) -> DecisionRecord {
        if record.lapsed(now).is_none() {
            return record;
        }
        let mut record = record.judged(now);
        let market = self.playbook.policy.market(record.market);
        record.message =
            message::render(&record.decision, &self.playbook.catalog, market, &record.locale);
        record
    }

    /// A decision of this caller, not yet judged by the clock.
    pub(super) async fn own(
        &self,
        caller: &Caller,
        id: DecisionId,
    ) -> Result<DecisionRecord, Error> {
        visible(caller, self.ledger.decision(id).await?)
    }

    /// Decisions as they stand now, newest first, of those that `wanted` takes, and where the next
    /// page begins. What is looked through on the way to it is the same whatever `wanted` says.
    pub async fn list_decisions(
        &self,
        caller: &Caller,
        query: DecisionQuery,
        wanted: impl Fn(&DecisionRecord) -> bool,
    ) -> Result<(Vec<DecisionRecord>, After), Error> {
        let now = self.now();
        let (holder, merchant) = match query.owner {
            DecisionOwner::Account(id) => (Some(Holder::Account(id)), None),
            DecisionOwner::Merchant(id) => {
                allowed(caller, &id)?;
                (None, Some(id))
            }
        };
        let mut filter = ListFilter {
            caller: (!sees_all(caller.role)).then(|| caller.name.clone()),
            holder,
            merchant,
            codes: query.codes.clone(),
            from: query.from,
            until: query.until,
            after: query.after,
            limit: u32::try_from(query.page_size).unwrap_or(u32::MAX),
            ..ListFilter::default()
        };
        let mut page = Vec::new();
        for _ in 0..PAGES_LOOKED_THROUGH_MAX {
            let records = self.ledger.list_decisions(&filter).await?;
            let exhausted = records.len() < query.page_size;
            for record in records {
                filter.after = Some((record.created, record.id));
                let state = record.state(now);
                let record = self.as_it_stands(record, now);
                // Time may have turned a pending decision into a refusal, so what is filtered by
                // is judged here and not in the ledger.
                let asked = caller.merchants.has(&record.merchant)
                    && (query.outcomes.is_empty()
                        || query.outcomes.contains(&record.decision.outcome))
                    && (query.states.is_empty() || query.states.contains(&state));
                if asked && wanted(&record) {
                    page.push(record);
                }
                if page.len() == query.page_size {
                    return Ok((page, filter.after));
                }
            }
            if exhausted {
                return Ok((page, None));
            }
        }
        Ok((page, filter.after))
    }

    /// What is free of the account's own limit: read only, no attempt, no promise, no refusal.
    pub async fn preview(
        &self,
        caller: &Caller,
        query: SpendingPowerQuery,
    ) -> Result<SpendingPower, Error> {
        if let Some(merchant) = &query.merchant {
            allowed(caller, merchant)?;
        }
        let now = self.now();
        let unnamed = MerchantId::parse("-").map_err(|problem| Error::unexpected(&problem.text))?;
        let probe = Probe {
            holder: &Holder::Account(query.account.clone()),
            merchant: query.merchant.as_ref().unwrap_or(&unnamed),
            amount: 0,
            currency: query.currency,
            basket_hash: None,
            parties: &Parties::default(),
            guest_limit: None,
            ignore: None,
            now,
        };
        let standing = self.ledger.standing(&probe).await?;
        let limit = standing.credit_limit.filter(|_| standing.known);
        let (Some(limit), true) = (limit, standing.currency == Some(query.currency)) else {
            return Err(account_not_found(&query.account));
        };
        let available = standing.headroom().unwrap_or(0).max(0);
        let money = |minor| {
            Money::new(minor, query.currency).map_err(|problem| Error::unexpected(&problem.text))
        };
        Ok(SpendingPower {
            available: money(available)?,
            limit: money(limit)?,
            as_of: now,
            verification_needed: verification_needed(&standing),
        })
    }
}

/// The record as it stands after a write, or stood after the first of its key.
fn decided(
    caller: &Caller,
    written: Written<DecisionRecord>,
    hash: [u8; 32],
) -> Result<Answered<DecisionRecord>, Error> {
    match written {
        Written::Now(record) => Ok(Answered { value: record, replayed: false }),
        Written::Before(answer) => answered_to(caller, answer, hash),
    }
}

/// Another caller's decision is as good as none, and so is that of another merchant.
fn visible(caller: &Caller, found: Option<DecisionRecord>) -> Result<DecisionRecord, Error> {
    let shown = |record: &DecisionRecord| {
        (record.caller == caller.name || sees_all(caller.role))
            && caller.merchants.has(&record.merchant)
    };
    found.filter(shown).ok_or_else(|| Error::NotFound {
        what: "decision",
        reason: "DECISION_NOT_FOUND",
        name: String::new(),
    })
}

pub(super) fn account_not_found(id: &AccountId) -> Error {
    Error::NotFound { what: "account", reason: "ACCOUNT_NOT_FOUND", name: id.to_string() }
}

/// Whether the customer has to do something before credit can be granted at all.
fn verification_needed(standing: &Standing) -> bool {
    use crate::domain::{FieldStatus, RestrictionKind};
    let held = standing.restrictions.iter().any(|r| r.kind == RestrictionKind::Security);
    let fields = standing.profile.fields();
    let complete = |(_, field): &(_, Option<crate::domain::ProfileField>)| {
        field.is_some_and(|field| {
            matches!(field.status, FieldStatus::Present | FieldStatus::Verified)
        })
    };
    held || !fields.iter().all(complete)
}
