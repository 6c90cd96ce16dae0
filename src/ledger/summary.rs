//! How an account stands, for people: its open plans, what it holds, what was sent about it.

use super::plan::EXTERNAL;
use super::sql::{Row, query};
use super::{Error, Ledger};
use crate::domain::{Currency, DecisionId, HeldReservation, Holder, OpenPlan, Time};

/// A decision with what was sent about device, network and guest, while it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub id: DecisionId,
    pub created: Time,
    /// Whether something of it was confirmed.
    pub captured: bool,
    pub superseded_by: Option<DecisionId>,
    /// JSON.
    pub raw_context: Option<String>,
}

impl Ledger {
    /// Plans on which something is owed, the next due first.
    pub async fn open_plans(&self, holder: &Holder, now: Time) -> Result<Vec<OpenPlan>, Error> {
        let mut connection = self.searchers.acquire().await?;
        let rows = query(
            "SELECT plans.plan_id, plans.source, plans.currency, plans.outstanding, plans.paused,
                plans.disputed, plans.stated_due, instalments.due,
                CAST(instalments.amount - instalments.paid AS BIGINT) AS open
             FROM plans LEFT JOIN instalments
                ON instalments.holder = plans.holder AND instalments.plan_id = plans.plan_id
                AND instalments.paid < instalments.amount
             WHERE plans.holder = $1 AND plans.outstanding > 0
             ORDER BY plans.plan_id, instalments.due, instalments.number",
        )
        .bind(holder.ledger_name())
        .fetch_all(&mut connection)
        .await?;
        let mut plans: Vec<OpenPlan> = Vec::new();
        for of_one in rows.chunk_by(same_plan) {
            plans.push(open_plan(of_one, now)?);
        }
        plans.sort_by_key(|plan| (plan.next_due.is_none(), plan.next_due));
        Ok(plans)
    }

    /// What approvals hold of the limit, the next to expire first.
    pub async fn held_reservations(
        &self,
        holder: &Holder,
        now: Time,
    ) -> Result<Vec<HeldReservation>, Error> {
        let mut connection = self.searchers.acquire().await?;
        let rows = query(
            "SELECT decision_id, expires, CAST(amount - captured AS BIGINT) AS held
             FROM reservations
             WHERE holder = $1 AND released IS NULL AND expires > $2 AND captured < amount
             ORDER BY expires, decision_id",
        )
        .bind(holder.ledger_name())
        .bind(now.as_micros())
        .fetch_all(&mut connection)
        .await?;
        let held = |row: &Row| {
            let expires: i64 = row.try_get("expires")?;
            Ok(HeldReservation {
                decision: id(row.try_get("decision_id")?)?,
                amount: row.try_get("held")?,
                expires: (expires < i64::MAX).then_some(Time::from_micros(expires)),
            })
        };
        rows.iter().map(held).collect()
    }

    /// The latest decisions of a holder with what was sent, newest first.
    pub async fn sent_about(&self, holder: &Holder, limit: usize) -> Result<Vec<Sent>, Error> {
        let mut connection = self.searchers.acquire().await?;
        let rows = query(
            "SELECT decisions.decision_id, decisions.created, decisions.captured,
                decisions.superseded_by, raw_context.payload
             FROM decisions LEFT JOIN raw_context
                ON raw_context.decision_id = decisions.decision_id
             WHERE decisions.holder = $1
             ORDER BY decisions.created DESC, decisions.decision_id DESC LIMIT $2",
        )
        .bind(holder.ledger_name())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(sent).collect()
    }
}

fn same_plan(a: &Row, b: &Row) -> bool {
    let name = |row: &Row| row.try_get::<String>("plan_id").ok();
    name(a) == name(b)
}

/// A plan from its rows: one for each unpaid instalment, the oldest first, or one without.
fn open_plan(rows: &[Row], now: Time) -> Result<OpenPlan, Error> {
    let Some(first) = rows.first() else { return Err(Error::corrupt("a plan of no rows")) };
    let mut unpaid: Vec<(Time, i64)> = Vec::new();
    for row in rows {
        let due: Option<i64> = row.try_get("due")?;
        if let Some(due) = due {
            unpaid.push((Time::from_micros(due), row.try_get("open")?));
        }
    }
    let source: String = first.try_get("source")?;
    let currency: String = first.try_get("currency")?;
    let stated_due: Option<i64> = first.try_get("stated_due")?;
    let (imported, outstanding) = (source == EXTERNAL, first.try_get("outstanding")?);
    let (paused, disputed) = (first.flag("paused")?, first.flag("disputed")?);
    // What the lender states goes before what the plan began with.
    let next_due = stated_due.map(Time::from_micros).or(unpaid.first().map(|(due, _)| *due));
    let next_amount = unpaid.first().map(|(first, _)| {
        unpaid.iter().filter(|(due, _)| due == first).map(|(_, open)| open).sum::<i64>()
    });
    let is_late = next_due.is_some_and(|due| due < now) && !paused && !disputed;
    let fallen_due: i64 = unpaid.iter().filter(|(due, _)| *due < now).map(|(_, open)| open).sum();
    let overdue = match (is_late, next_amount) {
        (false, _) => 0,
        (true, Some(first)) => fallen_due.max(first),
        (true, None) => outstanding,
    };
    Ok(OpenPlan {
        plan_id: first.try_get("plan_id")?,
        imported,
        currency: Currency::parse(&currency)
            .map_err(|_| Error::corrupt("a plan in no currency"))?,
        outstanding,
        next_due,
        next_amount,
        overdue,
        paused,
        disputed,
    })
}

fn sent(row: &Row) -> Result<Sent, Error> {
    let superseded_by: Option<String> = row.try_get("superseded_by")?;
    let captured: i64 = row.try_get("captured")?;
    Ok(Sent {
        id: id(row.try_get("decision_id")?)?,
        created: Time::from_micros(row.try_get("created")?),
        captured: captured > 0,
        superseded_by: superseded_by.map(id).transpose()?,
        raw_context: row.try_get("payload")?,
    })
}

fn id(text: String) -> Result<DecisionId, Error> {
    DecisionId::parse(&text).map_err(|_| Error::corrupt("a decision has an id that is none"))
}
