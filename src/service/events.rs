//! What happened to accounts: into the ledger, and from there to the signals.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::accounts::answer;
use super::owed::Lesson;
use super::teach::{Seen, row};
use super::{Answered, Error, Service, key};
use crate::domain::{
    AccountEvent, AccountId, AuthenticationStrength, Caller, Country, EventBatch, EventKind,
    EventOutcome, EventStatus, Holder, Parties, bank_approves,
};
use crate::ledger::{EventFate, EventResult};
use crate::signals::{Observation, SignalEvent};

/// What the events of one batch have told so far.
#[derive(Default)]
struct Batch {
    markets: HashMap<AccountId, Option<Country>>,
}

impl Service {
    /// Records a batch; every event has its own outcome, and one that was recorded before changes
    /// nothing.
    pub async fn record_events(
        self: &Arc<Self>,
        caller: Caller,
        batch: EventBatch,
    ) -> Result<Answered<Vec<EventOutcome>>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move { service.record_batch(caller, batch).await }).await
    }

    async fn record_batch(
        &self,
        caller: Caller,
        batch: EventBatch,
    ) -> Result<Answered<Vec<EventOutcome>>, Error> {
        let key = key(&caller, "RecordAccountEvents", batch.call.request_id);
        let _turn = self.running.enter(&key).await?;
        let mut told = Batch::default();
        let mut taught = Vec::new();
        let mut events = Vec::new();
        for event in batch.events.iter().flatten() {
            let teaches = self.teaches(event, &mut told).await?;
            events.push((event.clone(), teaches.as_ref().map(row).transpose()?));
            let holder = Holder::Account(event.account.clone());
            taught.push(teaches.map(|event| (holder, event)));
        }
        let claim = self.claim(key, batch.call.hash);
        let written = self.ledger.record_events(claim.clone(), events).await;
        let teaches = |results: &Vec<EventResult>| applied(results, taught);
        let written = self.taught_by(claim, written, teaches).await?;
        let answered = answer(written, batch.call.hash)?;
        let mut results = answered.value.into_iter();
        let outcomes = batch.events.iter().map(|event| match event {
            Ok(event) => results.next().map_or_else(
                || outcome(event.id.as_str(), EventStatus::Rejected, "", "was not recorded"),
                |result| match result.status {
                    EventFate::Applied => outcome(event.id.as_str(), EventStatus::Applied, "", ""),
                    EventFate::Duplicate => {
                        outcome(event.id.as_str(), EventStatus::Duplicate, "", "")
                    }
                    EventFate::Rejected(problem) => {
                        outcome(event.id.as_str(), EventStatus::Rejected, "", &problem)
                    }
                },
            ),
            Err(fault) => {
                outcome(&fault.event_id, EventStatus::Rejected, &fault.field, &fault.problem)
            }
        });
        Ok(Answered { value: outcomes.collect(), replayed: answered.replayed })
    }

    /// What the signal store learns from an event.
    async fn teaches(
        &self,
        event: &AccountEvent,
        batch: &mut Batch,
    ) -> Result<Option<SignalEvent>, Error> {
        Ok(match &event.kind {
            EventKind::SignIn { strength, parties, position } => {
                let mut observation = self.seen(event, parties, batch).await?;
                observation.position = *position;
                Some(match strength {
                    Some(AuthenticationStrength::Strong) => SignalEvent::Recognized(observation),
                    _ => SignalEvent::SignIn(observation),
                })
            }
            EventKind::StepUpResult { passed: true, parties, .. }
            | EventKind::DeviceChange { added: true, parties } => {
                Some(SignalEvent::Recognized(self.seen(event, parties, batch).await?))
            }
            EventKind::DeviceChange { added: false, parties } => {
                Some(SignalEvent::Forgotten(self.seen(event, parties, batch).await?))
            }
            EventKind::PurchaseCompleted { amount, parties, category, .. } => {
                let mut observation = self.seen(event, parties, batch).await?;
                observation.amount = amount.minor();
                observation.exponent = u8::try_from(amount.currency().exponent()).unwrap_or(2);
                observation.category = *category;
                Some(SignalEvent::Purchase(observation))
            }
            EventKind::ConfirmedMisuse { decision, .. } => {
                // One purchase is misused once, however many of its parties are listed for it.
                let told = self.ledger.signal_event(*decision, "misuse").await?.is_some();
                match told {
                    true => None,
                    false => self.observed(*decision).await?.map(SignalEvent::Misuse),
                }
            }
            EventKind::BankAnswer { decision, response } if !bank_approves(response) => {
                self.observed(*decision).await?.map(SignalEvent::TakenBack)
            }
            _ => None,
        })
    }

    async fn seen(
        &self,
        event: &AccountEvent,
        parties: &Parties,
        batch: &mut Batch,
    ) -> Result<Observation, Error> {
        let market = match batch.markets.get(&event.account) {
            Some(market) => *market,
            None => {
                let account = self.ledger.account(&event.account).await?;
                let market = account.map(|(account, _)| account.market);
                batch.markets.insert(event.account.clone(), market);
                market
            }
        };
        let key = self.hasher.key("account", event.account.as_str());
        let seen = Seen {
            // The event's id stands for it, so that the same event never counts twice.
            id: self.hasher.key("event", event.id.as_str()).short(),
            time: event.time,
            parties: Parties { account: Some(key), ..parties.clone() },
            amount: 0,
            currency: None,
            category: None,
            position: None,
        };
        Ok(match market {
            Some(market) => self.observe_in(market, seen),
            None => self.observe_nowhere(seen),
        })
    }
}

/// What the events that were applied teach.
fn applied(results: &[EventResult], taught: Vec<Option<Lesson>>) -> Vec<Lesson> {
    let mut misused = HashSet::new();
    let applied = results.iter().zip(taught);
    let applied = applied.filter(|(result, _)| result.status == EventFate::Applied);
    let applied = applied.filter_map(|(_, event)| event);
    // The ledger keeps the first of a purchase as well.
    let first = |(_, event): &Lesson| match event {
        SignalEvent::Misuse(o) => misused.insert(o.id),
        _ => true,
    };
    applied.filter(first).collect()
}

fn outcome(event_id: &str, status: EventStatus, field: &str, problem: &str) -> EventOutcome {
    EventOutcome {
        event_id: event_id.to_owned(),
        status,
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}
