//! Repayments and the lender's word on a plan: a known plan is moved, an unknown one imported.

use super::plan::{self, EXTERNAL, Plan, PlanName};
use super::sql::{Connection, query};
use super::{Error, EventFate};
use crate::domain::{AccountEvent, EventKind, Money, PlanState, Span, Time};

/// One repayment of an instalment.
#[derive(Clone, Copy)]
pub(super) struct Repaid<'e> {
    pub plan_id: &'e str,
    pub amount: Money,
    pub due: Time,
    pub paid: Time,
}

/// Counts a repayment. Of a plan that nobody told us of it counts for the record only.
pub(super) async fn repay(
    connection: &mut Connection,
    event: &AccountEvent,
    repaid: Repaid<'_>,
) -> Result<EventFate, Error> {
    let name = PlanName { holder: event.account.as_str(), plan_id: repaid.plan_id };
    let plan = plan::find(connection, name).await?;
    if plan.as_ref().is_some_and(|plan| plan.currency != repaid.amount.currency().code()) {
        return Ok(EventFate::rejected("the plan is in another currency"));
    }
    match plan {
        None => record_only(connection, name, repaid).await?,
        Some(plan) => lower(connection, name, &plan, (event.time, repaid.amount)).await?,
    }
    query(
        "INSERT INTO repayments (holder, event_id, plan_id, amount, due, paid, time)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(name.holder)
    .bind(event.id.as_str())
    .bind(name.plan_id)
    .bind(repaid.amount.minor())
    .bind(repaid.due.as_micros())
    .bind(repaid.paid.as_micros())
    .bind(event.time.as_micros())
    .execute(connection)
    .await?;
    Ok(EventFate::Applied)
}

async fn record_only(
    connection: &mut Connection,
    name: PlanName<'_>,
    repaid: Repaid<'_>,
) -> Result<(), Error> {
    query(
        "INSERT INTO plans (holder, plan_id, source, currency, started, financed, outstanding,
            repaid, refunded, paused, disputed, closed)
         VALUES ($1, $2, $3, $4, $5, 0, 0, $6, 0, 0, 0, $5)",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .bind(EXTERNAL)
    .bind(repaid.amount.currency().code())
    .bind(repaid.paid.as_micros())
    .bind(repaid.amount.minor())
    .execute(connection)
    .await?;
    Ok(())
}

async fn lower(
    connection: &mut Connection,
    name: PlanName<'_>,
    plan: &Plan,
    (time, amount): (Time, Money),
) -> Result<(), Error> {
    // What the lender stated later has this repayment in it.
    let counted = plan.stated.is_none_or(|stated| stated < time.as_micros());
    let falls = if counted { plan.outstanding.min(amount.minor()) } else { 0 };
    query(
        "UPDATE plans SET outstanding = outstanding - $3, repaid = repaid + $4,
            -- Of an imported plan no instalments are known: a part of it paid cures nothing.
            stated_due = CASE WHEN $5 = 1 AND (source <> 'EXTERNAL' OR outstanding <= $3)
                THEN NULL ELSE stated_due END
         WHERE holder = $1 AND plan_id = $2",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .bind(falls)
    .bind(amount.minor())
    .bind(i64::from(counted))
    .execute(connection)
    .await?;
    plan::pay(connection, name, falls).await
}

/// What the lender says of a plan, made ready for its row.
struct Stated {
    outstanding: i64,
    due: Option<i64>,
    paused: i64,
    defaulted: Option<i64>,
    closed: Option<i64>,
}

/// Takes over what the lender says of a plan, unless something later is known.
pub(super) async fn plan_status(
    connection: &mut Connection,
    event: &AccountEvent,
    plan_id: &str,
) -> Result<EventFate, Error> {
    let EventKind::PlanStatus { outstanding, .. } = &event.kind else {
        return Err(Error::corrupt("a plan_status that is none"));
    };
    let name = PlanName { holder: event.account.as_str(), plan_id };
    let plan = plan::find(connection, name).await?;
    if plan.as_ref().is_some_and(|plan| plan.currency != outstanding.currency().code()) {
        return Ok(EventFate::rejected("the plan is in another currency"));
    }
    let time = event.time.as_micros();
    let latest = plan.as_ref().and_then(|plan| plan.stated.max(plan.captured_at));
    if latest.is_some_and(|latest| time < latest) {
        return Ok(EventFate::Applied);
    }
    // Imported now and confirmed later, the same purchase would be owed twice.
    if plan.is_none() && awaits_confirmation(connection, name, event.time).await? {
        return Ok(EventFate::rejected("the purchase is not confirmed yet"));
    }
    let repaid_since = repaid_since(connection, name, event.time).await?;
    let Some(stated) = stated(event, repaid_since) else {
        return Err(Error::corrupt("a plan_status that is none"));
    };
    match plan {
        Some(plan) if plan.source != EXTERNAL || plan.stated.is_some() => {
            if stated.outstanding > plan.outstanding {
                return Ok(EventFate::rejected(
                    "outstanding may only fall: what raises it is confirmed, not stated",
                ));
            }
            restate(connection, name, time, &stated).await?;
            plan::pay(connection, name, plan.outstanding - stated.outstanding).await?;
        }
        _ => import(connection, name, event.time, (&stated, *outstanding)).await?,
    }
    Ok(EventFate::Applied)
}

/// Whether the plan's name is that of an approval of the holder which can still be captured.
async fn awaits_confirmation(
    connection: &mut Connection,
    name: PlanName<'_>,
    time: Time,
) -> Result<bool, Error> {
    let waiting = query(
        "SELECT decision_id FROM reservations
         WHERE decision_id = $2 AND holder = $1 AND released IS NULL AND expires > $3",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .bind(time.as_micros())
    .fetch_optional(connection)
    .await?;
    Ok(waiting.is_some())
}

/// What was repaid after `time`, and so is not in what was stated then.
async fn repaid_since(
    connection: &mut Connection,
    name: PlanName<'_>,
    time: Time,
) -> Result<i64, Error> {
    let repaid = query(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM repayments
         WHERE holder = $1 AND plan_id = $2 AND time > $3",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .bind(time.as_micros())
    .fetch_value(connection)
    .await?;
    Ok(repaid.unwrap_or(0))
}

fn stated(event: &AccountEvent, repaid_since: i64) -> Option<Stated> {
    let EventKind::PlanStatus { outstanding, next_due, days_overdue, state, .. } = &event.kind
    else {
        return None;
    };
    let due = match *days_overdue {
        1.. => Some(event.time - Span::days(*days_overdue)),
        _ => *next_due,
    };
    let when = |is: PlanState| (*state == is).then_some(event.time.as_micros());
    Some(Stated {
        outstanding: (outstanding.minor() - repaid_since).max(0),
        // A repayment since then has spent the due date; the instalments speak again.
        due: due.filter(|_| repaid_since == 0).map(Time::as_micros),
        paused: i64::from(*state == PlanState::Paused),
        defaulted: when(PlanState::Defaulted),
        closed: when(PlanState::Closed),
    })
}

async fn restate(
    connection: &mut Connection,
    name: PlanName<'_>,
    time: i64,
    stated: &Stated,
) -> Result<(), Error> {
    query(
        "UPDATE plans SET repaid = repaid + outstanding - $3, outstanding = $3, stated = $4,
            stated_due = $5, paused = $6, defaulted = COALESCE(defaulted, $7), closed = $8
         WHERE holder = $1 AND plan_id = $2",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .bind(stated.outstanding)
    .bind(time)
    .bind(stated.due)
    .bind(stated.paused)
    .bind(stated.defaulted)
    .bind(stated.closed)
    .execute(connection)
    .await?;
    Ok(())
}

/// Debts that the lender granted elsewhere are true whatever our limit says; they only leave less
/// of it.
async fn import(
    connection: &mut Connection,
    name: PlanName<'_>,
    time: Time,
    (stated, money): (&Stated, Money),
) -> Result<(), Error> {
    query(
        "INSERT INTO plans (holder, plan_id, source, currency, started, financed, outstanding,
            repaid, refunded, paused, disputed, stated, stated_due, defaulted, closed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, 0, $5, $9, $10, $11)
         ON CONFLICT (holder, plan_id) DO UPDATE SET
            financed = excluded.financed, outstanding = excluded.outstanding,
            paused = excluded.paused, stated = excluded.stated,
            stated_due = excluded.stated_due, defaulted = excluded.defaulted,
            closed = excluded.closed",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .bind(EXTERNAL)
    .bind(money.currency().code())
    .bind(time.as_micros())
    .bind(money.minor())
    .bind(stated.outstanding)
    .bind(stated.paused)
    .bind(stated.due)
    .bind(stated.defaulted)
    .bind(stated.closed)
    .execute(connection)
    .await?;
    Ok(())
}
