//! Account events: each is dropped when its id is known, and else applied by its own time.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::signal::{Taught, teach};
use super::sql::{Connection, Statement};
use super::{Claim, Error, Ledger, SignalRow, Written, aftermath, repayment};
use crate::domain::{AccountEvent, DecisionId, EventId, EventKind, Money, Parties, Span, Time};

/// Events whose rows go in one statement, far below the parameters that SQLite binds.
const CHUNK: usize = 500;

type Told = (AccountEvent, Option<SignalRow>);

/// What became of one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventResult {
    pub id: EventId,
    pub status: EventFate,
}

/// A rejected event has left nothing and may be sent again with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventFate {
    Applied,
    Duplicate,
    /// Why, in one sentence.
    Rejected(String),
}

impl EventFate {
    pub(super) fn rejected(why: &str) -> EventFate {
        EventFate::Rejected(why.to_owned())
    }
}

impl Ledger {
    /// Records events; each signal row is written only when its event is applied.
    pub async fn record_events(
        &self,
        claim: Claim,
        events: Vec<(AccountEvent, Option<SignalRow>)>,
    ) -> Result<Written<Vec<EventResult>>, Error> {
        self.write_once(claim, move |connection, now| {
            Box::pin(record(connection, now, events.clone()))
        })
        .await
    }
}

async fn record(
    connection: &mut Connection,
    now: Time,
    events: Vec<Told>,
) -> Result<Vec<EventResult>, Error> {
    let holders: Vec<&str> = events.iter().map(|(event, _)| event.account.as_str()).collect();
    connection.touch(&holders).await?;
    let mut statuses = Vec::with_capacity(events.len());
    let mut seen = HashSet::new();
    for chunk in events.chunks(CHUNK) {
        statuses.extend(look(connection, (chunk, now), &mut seen).await?);
    }
    let mut by_time: Vec<usize> = (0..events.len()).collect();
    by_time.sort_by_key(|&place| events[place].0.time);
    for place in by_time {
        if statuses[place] == EventFate::Applied {
            statuses[place] = apply(connection, &events[place].0, now).await?;
        }
    }
    let applied: Vec<&Told> = events
        .iter()
        .zip(&statuses)
        .filter(|(_, status)| **status == EventFate::Applied)
        .map(|(told, _)| told)
        .collect();
    for chunk in applied.chunks(CHUNK) {
        keep(connection, now, chunk).await?;
    }
    let ids = events.into_iter().map(|(event, _)| event.id);
    Ok(ids.zip(statuses).map(|(id, status)| EventResult { id, status }).collect())
}

/// Tells duplicates, unknown accounts and events of which nobody knows any more whether they are
/// duplicates; what is left is to be applied.
async fn look<'e>(
    connection: &mut Connection,
    (events, now): (&'e [Told], Time),
    seen: &mut HashSet<(&'e str, &'e str)>,
) -> Result<Vec<EventFate>, Error> {
    let mut statement = Statement::new("WITH asked (position, account_id, event_id) AS (");
    statement.push_values(events.iter().enumerate(), |mut row, (position, (event, _))| {
        row.push_bind(position as i64)
            .push_bind(event.account.as_str())
            .push_bind(event.id.as_str());
    });
    statement.push(
        ") SELECT
            CAST(CASE WHEN EXISTS (
                SELECT 1 FROM accounts WHERE accounts.account_id = asked.account_id
            ) THEN 1 ELSE 0 END AS BIGINT) AS known,
            CAST(CASE WHEN EXISTS (
                SELECT 1 FROM events WHERE events.account_id = asked.account_id
                AND events.event_id = asked.event_id
            ) OR EXISTS (
                -- Kept when the event itself was dropped for its age.
                SELECT 1 FROM repayments WHERE repayments.holder = asked.account_id
                AND repayments.event_id = asked.event_id
            ) THEN 1 ELSE 0 END AS BIGINT) AS told,
            (SELECT currency FROM accounts WHERE accounts.account_id = asked.account_id)
                AS currency,
            (SELECT since FROM events_kept) AS kept_since
        FROM asked ORDER BY asked.position",
    );
    let rows = statement.cached(false).fetch_all(connection).await?;
    rows.iter()
        .zip(events)
        .map(|(row, (event, _))| {
            let (known, told) = (row.flag("known")?, row.flag("told")?);
            let repeated = !seen.insert((event.account.as_str(), event.id.as_str()));
            let own: Option<&str> = row.try_get("currency")?;
            let kept_since = Time::from_micros(row.try_get("kept_since")?);
            let foreign = amount_of(&event.kind).is_some_and(|m| Some(m.currency().code()) != own);
            Ok(match (known, told || repeated) {
                (false, _) => EventFate::rejected("unknown account"),
                (true, true) => EventFate::Duplicate,
                (true, false) if event.time < kept_since && is_forgotten(&event.kind) => {
                    too_old(now - kept_since)
                }
                (true, false) if foreign => {
                    EventFate::rejected("the amount is not in the account's one currency")
                }
                (true, false) => EventFate::Applied,
            })
        })
        .collect()
}

/// Whether nobody knows an event of this kind any more when it is old enough.
fn is_forgotten(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Repayment { .. } | EventKind::SupportPlan { .. })
}

fn too_old(age: Span) -> EventFate {
    let days = age.as_seconds() / Span::days(1).as_seconds();
    EventFate::Rejected(format!(
        "it happened more than {days} days ago, and events that old are no longer known: one that \
         is sent again would count twice"
    ))
}

/// Does what an event does beyond being known. Checks come before the first write, so that a
/// rejected event leaves nothing.
async fn apply(
    connection: &mut Connection,
    event: &AccountEvent,
    now: Time,
) -> Result<EventFate, Error> {
    match &event.kind {
        EventKind::Repayment { plan_id, amount, due, paid } => {
            let paid = repayment::Repaid { plan_id, amount: *amount, due: *due, paid: *paid };
            repayment::repay(connection, event, paid).await
        }
        EventKind::PlanStatus { plan_id, .. } => {
            repayment::plan_status(connection, event, plan_id).await
        }
        EventKind::Refund { order, amount } => {
            aftermath::refund(connection, (event, now), order, *amount).await
        }
        EventKind::Return { order, under_way } => {
            aftermath::return_order(connection, event, order, *under_way).await
        }
        EventKind::Dispute { decision, opened } => {
            aftermath::dispute(connection, event, *decision, Some(*opened)).await
        }
        // A chargeback is a dispute that went to the bank; whether it is open is not said by it.
        EventKind::Chargeback { decision, .. } => {
            aftermath::dispute(connection, event, *decision, None).await
        }
        EventKind::ConfirmedMisuse { decision, scope } => {
            aftermath::misuse(connection, event, *decision, *scope).await
        }
        EventKind::BankAnswer { decision, response } => {
            aftermath::bank_answer(connection, event, *decision, response).await
        }
        EventKind::SignIn { .. }
        | EventKind::ProfileChange { .. }
        | EventKind::DeviceChange { .. }
        | EventKind::PurchaseCompleted { .. }
        | EventKind::StepUpResult { .. }
        | EventKind::SupportPlan { .. } => Ok(EventFate::Applied),
    }
}

async fn keep(connection: &mut Connection, now: Time, events: &[&Told]) -> Result<(), Error> {
    let payloads: Vec<String> = events
        .iter()
        .map(|(event, _)| serde_json::to_string(&without_parties(&event.kind)))
        .collect::<Result<_, _>>()?;
    let mut statement = Statement::new(
        "INSERT INTO events (account_id, event_id, kind, detail, time, recorded, payload) ",
    );
    statement.push_values(events.iter().zip(payloads), |mut row, ((event, _), payload)| {
        row.push_bind(event.account.as_str())
            .push_bind(event.id.as_str())
            .push_bind(event.kind.name())
            .push_bind(detail(&event.kind))
            .push_bind(event.time.as_micros())
            .push_bind(now.as_micros())
            .push_bind(payload);
    });
    statement.cached(false).execute(connection).await?;
    // A purchase is misused once, however many of its parties are listed for it.
    let mut misused = HashSet::new();
    let taught: Vec<Taught> = events
        .iter()
        .filter(|(event, _)| match &event.kind {
            EventKind::ConfirmedMisuse { decision, .. } => misused.insert(*decision),
            _ => true,
        })
        .filter_map(|(event, row)| {
            let (holder, decision) = (event.account.as_str().to_owned(), decision_of(&event.kind));
            Some(Taught { holder, decision, row: row.as_ref()? })
        })
        .collect();
    teach(connection, &taught).await
}

/// What the standing asks events for without reading their payload.
fn detail(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::ProfileChange { field } => field.name(),
        EventKind::SupportPlan { active: true } => "ACTIVE",
        EventKind::SupportPlan { active: false } => "ENDED",
        _ => "",
    }
}

fn amount_of(kind: &EventKind) -> Option<Money> {
    match kind {
        EventKind::PurchaseCompleted { amount, .. }
        | EventKind::Repayment { amount, .. }
        | EventKind::PlanStatus { outstanding: amount, .. }
        | EventKind::Refund { amount, .. }
        | EventKind::Chargeback { amount, .. } => Some(*amount),
        _ => None,
    }
}

fn decision_of(kind: &EventKind) -> Option<DecisionId> {
    match kind {
        EventKind::Dispute { decision, .. }
        | EventKind::Chargeback { decision, .. }
        | EventKind::ConfirmedMisuse { decision, .. }
        | EventKind::BankAnswer { decision, .. } => Some(*decision),
        _ => None,
    }
}

/// Keyed hashes of parties and places are kept in signal rows only, which can be erased.
fn without_parties(kind: &EventKind) -> EventKind {
    let mut kind = kind.clone();
    match &mut kind {
        EventKind::SignIn { parties, position, .. } => {
            *parties = Parties::default();
            *position = None;
        }
        EventKind::DeviceChange { parties, .. }
        | EventKind::PurchaseCompleted { parties, .. }
        | EventKind::StepUpResult { parties, .. } => *parties = Parties::default(),
        _ => {}
    }
    kind
}
