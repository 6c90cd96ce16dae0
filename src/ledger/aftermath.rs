//! What follows a purchase: refunds, disputes, confirmed misuse and answers of the bank.

use serde::Deserialize;

use super::plan::{self, PlanName, SURETY};
use super::sql::{Connection, query};
use super::{Error, EventFate, cancel, decision};
use crate::domain::{
    AccountEvent, DecisionId, DecisionRecord, MisuseScope, Money, OrderName, Outcome, Parties,
    PartyKey, Product, Time, bank_approves,
};

/// Stands in `decisions.cancel_reason` when the bank refused.
const BANK_REFUSED: &str = "BANK_REFUSED";

/// What an event is about: a decision of its account, or the plan of one that was dropped for its
/// age.
struct Purchase {
    plan_id: String,
    currency: String,
    record: Option<DecisionRecord>,
}

impl Purchase {
    fn of(record: DecisionRecord) -> Purchase {
        let currency = record.amount.currency().code().to_owned();
        Purchase { plan_id: record.id.to_string(), currency, record: Some(record) }
    }
}

/// Takes a refund off what is still reserved, then off the last instalments.
pub(super) async fn refund(
    connection: &mut Connection,
    (event, now): (&AccountEvent, Time),
    order: &OrderName,
    amount: Money,
) -> Result<EventFate, Error> {
    let Some(purchase) = ordered(connection, event, order).await? else {
        return Ok(EventFate::rejected("unknown order"));
    };
    if purchase.currency != amount.currency().code() {
        return Ok(EventFate::rejected("the order is in another currency"));
    }
    let freed = match &purchase.record {
        // What a shop holds on a card goes back by a reversal; a refund is of what it has captured.
        Some(record) if record.product == Product::Purchase => {
            shrink_reservation(connection, now, record.id, amount.minor()).await?
        }
        // A decision that was dropped has nothing reserved any more.
        _ => 0,
    };
    let name = PlanName { holder: event.account.as_str(), plan_id: &purchase.plan_id };
    if let Some(plan) = plan::find(connection, name).await? {
        // What the lender stated later has this refund in it.
        let counted = plan.stated.is_none_or(|stated| stated < event.time.as_micros());
        let falls = if counted { plan.outstanding.min(amount.minor() - freed) } else { 0 };
        query(
            "UPDATE plans SET outstanding = outstanding - $3, refunded = refunded + $3
             WHERE holder = $1 AND plan_id = $2",
        )
        .bind(name.holder)
        .bind(name.plan_id)
        .bind(falls)
        .execute(connection)
        .await?;
        plan::give_back(connection, name, falls).await?;
    }
    Ok(EventFate::Applied)
}

/// Frees up to `amount` of what is still reserved; answers how much.
async fn shrink_reservation(
    connection: &mut Connection,
    now: Time,
    id: DecisionId,
    amount: i64,
) -> Result<i64, Error> {
    let reserved = query(
        "SELECT amount - captured FROM reservations
         WHERE decision_id = $1 AND released IS NULL AND expires > $2",
    )
    .bind(id.to_string())
    .bind(now.as_micros())
    .fetch_value::<i64>(connection)
    .await?;
    let freed = reserved.unwrap_or(0).min(amount);
    if freed > 0 {
        query("UPDATE reservations SET amount = amount - $2 WHERE decision_id = $1")
            .bind(id.to_string())
            .bind(freed)
            .execute(connection)
            .await?;
    }
    Ok(freed)
}

/// Notes that an order is on its way back to its shop, or no longer.
pub(super) async fn return_order(
    connection: &mut Connection,
    event: &AccountEvent,
    order: &OrderName,
    under_way: bool,
) -> Result<EventFate, Error> {
    let Some(purchase) = ordered(connection, event, order).await? else {
        return Ok(EventFate::rejected("unknown order"));
    };
    // A late event changes nothing that a later one has said.
    query(
        "UPDATE plans SET in_return = $3, return_time = $4
         WHERE holder = $1 AND plan_id = $2 AND (return_time IS NULL OR return_time <= $4)",
    )
    .bind(event.account.as_str())
    .bind(purchase.plan_id)
    .bind(i64::from(under_way))
    .bind(event.time.as_micros())
    .execute(connection)
    .await?;
    Ok(EventFate::Applied)
}

/// Notes a dispute of a plan, opened, closed, or with no word on that.
pub(super) async fn dispute(
    connection: &mut Connection,
    event: &AccountEvent,
    id: DecisionId,
    opened: Option<bool>,
) -> Result<EventFate, Error> {
    if purchase(connection, event, id).await?.is_none() {
        return Ok(EventFate::rejected("unknown decision"));
    }
    // A late event changes nothing that a later one has said.
    query(
        "UPDATE plans SET disputed = $3, dispute_time = $4
         WHERE holder = $1 AND plan_id = $2 AND (dispute_time IS NULL OR dispute_time <= $4)",
    )
    .bind(event.account.as_str())
    .bind(id.to_string())
    .bind(i64::from(opened.unwrap_or(true)))
    .bind(event.time.as_micros())
    .execute(connection)
    .await?;
    Ok(EventFate::Applied)
}

/// Puts a party of the decision on the list of confirmed misuse.
pub(super) async fn misuse(
    connection: &mut Connection,
    event: &AccountEvent,
    id: DecisionId,
    scope: MisuseScope,
) -> Result<EventFate, Error> {
    if purchase(connection, event, id).await?.is_none() {
        return Ok(EventFate::rejected("unknown decision"));
    }
    let Some(party) = party_of(connection, event, id, scope).await? else {
        return Ok(EventFate::rejected("the decision has no such party, or it was erased"));
    };
    query(
        "INSERT INTO misuse_list (party_kind, party, since, event_id) VALUES ($1, $2, $3, $4)
         ON CONFLICT (party_kind, party) DO NOTHING",
    )
    .bind(scope.name())
    .bind(party.to_string())
    .bind(event.time.as_micros())
    .bind(event.id.as_str())
    .execute(connection)
    .await?;
    Ok(EventFate::Applied)
}

/// The party of `scope`, from what the decision, or those that it replaced, taught about signals.
async fn party_of(
    connection: &mut Connection,
    event: &AccountEvent,
    id: DecisionId,
    scope: MisuseScope,
) -> Result<Option<PartyKey>, Error> {
    #[derive(Deserialize)]
    struct Payload {
        #[serde(default)]
        parties: Parties,
    }
    let payloads: Vec<String> = query(
        "WITH RECURSIVE line (decision_id) AS (
            SELECT $1
            UNION SELECT decisions.decision_id FROM decisions
                JOIN line ON decisions.superseded_by = line.decision_id
            WHERE decisions.holder = $2
        )
        SELECT payload FROM signal_events
            JOIN line ON signal_events.decision_id = line.decision_id
        ORDER BY seq",
    )
    .bind(id.to_string())
    .bind(event.account.as_str())
    .fetch_values(connection)
    .await?;
    for payload in payloads {
        let Payload { parties } = serde_json::from_str(&payload)?;
        let party = match scope {
            MisuseScope::Account => parties.account,
            MisuseScope::Device => parties.device,
            MisuseScope::Instrument => parties.instrument,
        };
        if party.is_some() {
            return Ok(party);
        }
    }
    Ok(None)
}

/// Notes what the bank answered; its refusal ends an approval of which nothing is captured.
pub(super) async fn bank_answer(
    connection: &mut Connection,
    event: &AccountEvent,
    id: DecisionId,
    response: &str,
) -> Result<EventFate, Error> {
    let Some(purchase) = purchase(connection, event, id).await? else {
        return Ok(EventFate::rejected("unknown decision"));
    };
    // Of one that was dropped something was captured.
    let Some(record) = purchase.record else { return Ok(EventFate::Applied) };
    let standing = record.decision.outcome == Outcome::Approved
        && record.progress.canceled.is_none()
        && record.progress.captured == 0
        // A shop holds the card: what it captures is owed, whatever the bank says of our part.
        && record.progress.authorized.is_none();
    if !bank_approves(response) && standing {
        cancel::release(connection, id, event.time, BANK_REFUSED).await?;
    }
    Ok(EventFate::Applied)
}

async fn ordered(
    connection: &mut Connection,
    event: &AccountEvent,
    order: &OrderName,
) -> Result<Option<Purchase>, Error> {
    match order {
        OrderName::Decision(id) => purchase(connection, event, *id).await,
        OrderName::OrderReference(reference) => by_order(connection, event, reference).await,
    }
}

/// A purchase of the event's own account.
async fn purchase(
    connection: &mut Connection,
    event: &AccountEvent,
    id: DecisionId,
) -> Result<Option<Purchase>, Error> {
    if let Some(record) = decision::find(connection, id).await? {
        let own = record.holder.ledger_name() == event.account.as_str();
        return Ok(own.then(|| Purchase::of(record)));
    }
    let plan_id = id.to_string();
    let name = PlanName { holder: event.account.as_str(), plan_id: &plan_id };
    let plan = plan::find(connection, name).await?.filter(|plan| plan.source == SURETY);
    Ok(plan.map(|plan| Purchase { plan_id, currency: plan.currency, record: None }))
}

/// The newest purchase of the event's own account with this order reference, an approval before
/// the refusals that may have preceded it.
async fn by_order(
    connection: &mut Connection,
    event: &AccountEvent,
    reference: &str,
) -> Result<Option<Purchase>, Error> {
    let row = query(
        "SELECT * FROM decisions WHERE order_reference = $1 AND holder = $2
         ORDER BY CASE WHEN outcome = $3 THEN 0 ELSE 1 END, created DESC LIMIT 1",
    )
    .bind(reference)
    .bind(event.account.as_str())
    .bind(Outcome::Approved.name())
    .fetch_optional(connection)
    .await?;
    let found = row.as_ref().map(decision::stored).transpose()?;
    if let Some(record) = &found
        && record.decision.outcome == Outcome::Approved
    {
        return Ok(found.map(Purchase::of));
    }
    let row = query(
        "SELECT plan_id, currency FROM plans WHERE holder = $1 AND order_reference = $2
         ORDER BY started DESC LIMIT 1",
    )
    .bind(event.account.as_str())
    .bind(reference)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(found.map(Purchase::of)) };
    let (plan_id, currency) = (row.try_get("plan_id")?, row.try_get("currency")?);
    Ok(Some(Purchase { plan_id, currency, record: None }))
}
