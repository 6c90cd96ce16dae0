//! What the signal store is taught, as the ledger keeps it, and back again at the start.

use super::{Error, Service};
use crate::domain::{
    Category, Country, Currency, DecisionId, Parties, Position, Request, RequestId, Time,
};
use crate::ledger::{self, SignalRow, StoredSignal};
use crate::policy::Market;
use crate::signals::{Observation, SignalEvent, SpendingPrior};

/// Rows read at once while the store is rebuilt.
const REBUILD_BATCH: u32 = 10_000;

/// What an observation is made of, before the market adds its hour and its prior.
pub(super) struct Seen {
    pub id: u64,
    pub time: Time,
    pub parties: Parties,
    pub amount: i64,
    pub currency: Option<Currency>,
    pub category: Option<Category>,
    pub position: Option<Position>,
}

impl Service {
    /// The observation of a request.
    pub(super) fn observation(&self, request: &Request) -> Observation {
        let facts = &request.facts;
        let seen = Seen {
            id: short(request.id),
            time: facts.time,
            parties: request.parties.clone(),
            amount: facts.amount,
            currency: Some(facts.currency),
            category: facts.merchant_category,
            position: request.position,
        };
        self.observe_in(facts.market, seen)
    }

    /// An observation of somebody whose market is not known.
    pub(super) fn observe_nowhere(&self, seen: Seen) -> Observation {
        observation(None, seen)
    }

    /// Adds what the market knows: the local hour, and what a short history shrinks towards.
    pub(super) fn observe_in(&self, market: Country, seen: Seen) -> Observation {
        observation(self.playbook.policy.market(market), seen)
    }

    /// The observation of the attempt behind a decision; a re-assessment has it under its own id.
    pub(super) async fn observed(
        &self,
        decision: DecisionId,
    ) -> Result<Option<Observation>, ledger::Error> {
        for kind in ["attempt", "recognized", "reassessed"] {
            if let Some(payload) = self.ledger.signal_event(decision, kind).await? {
                return serde_json::from_str(&payload)
                    .map(Some)
                    .map_err(|failure| ledger::Error::Corrupt(failure.to_string()));
            }
        }
        Ok(None)
    }

    /// Teaches the store what the ledger was told after that sequence, in the order in which it was
    /// told; gives the number of rows.
    pub(super) async fn rebuild_signals(&self, after: i64) -> Result<u64, ledger::Error> {
        let (mut after, mut taught) = (after, 0);
        loop {
            let rows = self.ledger.signal_events(after, REBUILD_BATCH).await?;
            let Some(last) = rows.last() else { return Ok(taught) };
            after = last.seq;
            taught += rows.len() as u64;
            for row in &rows {
                match signal_event(row) {
                    Some(Ok(event)) => self.signals.apply(&event).await,
                    Some(Err(failure)) => {
                        return Err(ledger::Error::Corrupt(format!(
                            "signal event {}: {failure}",
                            row.seq
                        )));
                    }
                    None => {}
                }
            }
        }
    }
}

fn observation(market: Option<&Market>, seen: Seen) -> Observation {
    let exponent = seen.currency.map_or(2, |currency| currency.exponent());
    let prior = market.map(|market| market.spending);
    Observation {
        id: seen.id,
        time: seen.time,
        parties: seen.parties,
        amount: seen.amount,
        category: seen.category,
        hour: market.and_then(|market| market.local(seen.time)).map(|(hour, _)| hour),
        position: seen.position,
        prior: prior.map_or_else(SpendingPrior::default, |prior| SpendingPrior {
            log_mean: prior.log_amount_mean,
            log_sd: prior.log_amount_sd,
            weight: prior.weight,
        }),
        exponent: u8::try_from(exponent).unwrap_or(2),
    }
}

/// A request id as counters keep it, so that an attempt can be taken back.
pub(super) fn short(id: RequestId) -> u64 {
    let (high, low) = id.0.as_u64_pair();
    high ^ low.rotate_left(32)
}

/// The ledger's row for something taught.
pub(super) fn row(event: &SignalEvent) -> Result<SignalRow, Error> {
    let (kind, observation) = match event {
        SignalEvent::Attempt(observation) => ("attempt", observation),
        SignalEvent::TakenBack(observation) => ("taken_back", observation),
        SignalEvent::Purchase(observation) => ("purchase", observation),
        SignalEvent::Recognized(observation) => ("recognized", observation),
        SignalEvent::Forgotten(observation) => ("forgotten", observation),
        SignalEvent::SignIn(observation) => ("sign_in", observation),
        SignalEvent::Misuse(observation) => ("misuse", observation),
    };
    kept(kind, observation)
}

/// The row of a re-assessment that taught nothing: it only remembers whom it was about.
pub(super) fn reassessed(observation: &Observation) -> Result<SignalRow, Error> {
    kept("reassessed", observation)
}

fn kept(kind: &'static str, observation: &Observation) -> Result<SignalRow, Error> {
    let payload =
        serde_json::to_string(observation).map_err(|failure| Error::unexpected(&failure))?;
    Ok(SignalRow { time: observation.time, kind, payload })
}

/// The event of a row; `None` for rows that teach nothing.
pub fn signal_event(row: &StoredSignal) -> Option<Result<SignalEvent, serde_json::Error>> {
    let make = match row.kind.as_str() {
        "attempt" => SignalEvent::Attempt,
        "taken_back" => SignalEvent::TakenBack,
        "purchase" => SignalEvent::Purchase,
        "recognized" => SignalEvent::Recognized,
        "forgotten" => SignalEvent::Forgotten,
        "sign_in" => SignalEvent::SignIn,
        "misuse" => SignalEvent::Misuse,
        _ => return None,
    };
    Some(serde_json::from_str(&row.payload).map(make))
}
