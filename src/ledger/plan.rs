//! Plans: what is outstanding, and the instalments in which it falls due.

use super::Error;
use super::sql::{Connection, Row, Statement, query};
use crate::domain::{DecisionRecord, Time};

/// Who told us of a plan: our own captures, or the lender.
pub(super) const SURETY: &str = "SURETY";
pub(super) const EXTERNAL: &str = "EXTERNAL";

/// A plan by its holder and id.
#[derive(Clone, Copy)]
pub(super) struct PlanName<'n> {
    pub holder: &'n str,
    pub plan_id: &'n str,
}

pub(super) struct Plan {
    pub source: String,
    pub currency: String,
    pub outstanding: i64,
    pub stated: Option<i64>,
    pub captured_at: Option<i64>,
}

pub(super) async fn find(
    connection: &mut Connection,
    name: PlanName<'_>,
) -> Result<Option<Plan>, Error> {
    let row = query(
        "SELECT source, currency, outstanding, stated, captured_at FROM plans
         WHERE holder = $1 AND plan_id = $2",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Plan {
        source: row.try_get("source")?,
        currency: row.try_get("currency")?,
        outstanding: row.try_get("outstanding")?,
        stated: row.try_get("stated")?,
        captured_at: row.try_get("captured_at")?,
    }))
}

/// Adds captured credit to the plan of a decision, which the first capture begins.
pub(super) async fn capture(
    connection: &mut Connection,
    record: &DecisionRecord,
    credit: i64,
    now: Time,
) -> Result<(), Error> {
    let (holder, plan_id) = (record.holder.ledger_name(), record.id.to_string());
    // A repayment that came before the capture has made the plan as the lender's.
    let plan = query(
        "INSERT INTO plans (holder, plan_id, source, currency, started, captured_at, financed,
            outstanding, repaid, refunded, paused, disputed)
         VALUES ($1, $2, $3, $4, $5, $5, $6, $6, 0, 0, 0, 0)
         ON CONFLICT (holder, plan_id) DO UPDATE SET
            source = excluded.source, closed = NULL, captured_at = excluded.captured_at,
            financed = plans.financed + excluded.financed,
            outstanding = plans.outstanding + excluded.outstanding
         RETURNING started",
    )
    .bind(&holder)
    .bind(&plan_id)
    .bind(SURETY)
    .bind(record.amount.currency().code())
    .bind(now.as_micros())
    .bind(credit)
    .fetch_one(connection)
    .await?;
    let started = Time::from_micros(plan.try_get("started")?);
    let instalments = record.plan.instalments(credit, started);
    if instalments.is_empty() {
        return Ok(());
    }
    let mut statement =
        Statement::new("INSERT INTO instalments (holder, plan_id, number, due, amount, paid) ");
    statement.push_values((1_i64..).zip(instalments), |mut row, (number, (due, amount))| {
        row.push_bind(holder.as_str())
            .push_bind(plan_id.as_str())
            .push_bind(number)
            .push_bind(due.as_micros())
            .push_bind(amount)
            .push_bind(0_i64);
    });
    statement.push(
        " ON CONFLICT (holder, plan_id, number)
          DO UPDATE SET amount = instalments.amount + excluded.amount",
    );
    statement.execute(connection).await?;
    Ok(())
}

/// Counts `amount` towards the oldest unpaid instalments.
pub(super) async fn pay(
    connection: &mut Connection,
    name: PlanName<'_>,
    amount: i64,
) -> Result<(), Error> {
    let mut left = amount;
    for (number, open) in unpaid(connection, name).await? {
        let part = open.min(left);
        if part > 0 {
            settle(connection, name, number, (part, 0)).await?;
        }
        left -= part;
    }
    Ok(())
}

/// Takes `amount` off the last instalments, backwards.
pub(super) async fn give_back(
    connection: &mut Connection,
    name: PlanName<'_>,
    amount: i64,
) -> Result<(), Error> {
    let mut left = amount;
    for (number, open) in unpaid(connection, name).await?.into_iter().rev() {
        let part = open.min(left);
        if part > 0 {
            settle(connection, name, number, (0, part)).await?;
        }
        left -= part;
    }
    Ok(())
}

/// Numbers of the unpaid instalments, oldest first, with what is open of each.
async fn unpaid(connection: &mut Connection, name: PlanName<'_>) -> Result<Vec<(i64, i64)>, Error> {
    let unpaid = query(
        "SELECT number, amount - paid AS open FROM instalments
         WHERE holder = $1 AND plan_id = $2 AND paid < amount ORDER BY due, number",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .fetch_all(connection)
    .await?;
    let open = |row: &Row| Ok((row.try_get("number")?, row.try_get("open")?));
    unpaid.iter().map(open).collect()
}

/// Settles an instalment by what was paid and what was taken off.
async fn settle(
    connection: &mut Connection,
    name: PlanName<'_>,
    number: i64,
    (paid, taken_off): (i64, i64),
) -> Result<(), Error> {
    query(
        "UPDATE instalments SET paid = paid + $4, amount = amount - $5
         WHERE holder = $1 AND plan_id = $2 AND number = $3",
    )
    .bind(name.holder)
    .bind(name.plan_id)
    .bind(number)
    .bind(paid)
    .bind(taken_off)
    .execute(connection)
    .await?;
    Ok(())
}
