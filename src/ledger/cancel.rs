//! Cancelling a decision: what it still holds of the limit is free again.

use super::signal::{Taught, teach};
use super::sql::{Connection, query};
use super::{Claim, Error, Ledger, PreconditionReason, SignalRow, Written, decision};
use crate::domain::{DecisionId, DecisionRecord, Outcome, Time};

/// The end of an approval or of a pending decision, by whoever asked for it.
#[derive(Clone, Debug)]
pub struct Cancel {
    pub decision: DecisionId,
    /// A closed set of the edge, by name.
    pub reason: String,
    /// Takes an attempt back, where the cancellation does.
    pub taken_back: Option<SignalRow>,
}

impl Ledger {
    /// Cancels; what was captured stays. A second time answers the same.
    pub async fn cancel(
        &self,
        claim: Claim,
        cancel: Cancel,
    ) -> Result<Written<DecisionRecord>, Error> {
        self.write_once(claim, move |connection, now| {
            Box::pin(end(connection, now, cancel.clone()))
        })
        .await
    }
}

async fn end(
    connection: &mut Connection,
    now: Time,
    cancel: Cancel,
) -> Result<DecisionRecord, Error> {
    use PreconditionReason as Why;
    let mut record = decision::taken(connection, cancel.decision).await?.ok_or(Error::NotFound)?;
    if record.progress.canceled.is_some() {
        return Ok(record);
    }
    if record.progress.superseded_by.is_some() {
        return Err(Error::refused(Why::Superseded, "another decision has replaced this one"));
    }
    if record.decision.outcome == Outcome::Declined {
        return Err(Error::refused(Why::Declined, "a declined decision holds nothing to cancel"));
    }
    if record.progress.authorized.is_some() {
        let text = "its one-time card is used; expected one that is APPROVED or ACTIVE";
        return Err(Error::refused(Why::Confirmed, text));
    }
    if record.progress.captured == record.amount.minor() {
        return Err(Error::refused(Why::Confirmed, "all of it was confirmed"));
    }
    // What has ended by itself holds nothing and stays as it is.
    let approval_over = record.decision.expires.is_some_and(|end| end <= now);
    if approval_over || record.lapsed(now).is_some() {
        return Ok(record);
    }
    release(connection, record.id, now, &cancel.reason).await?;
    record.progress.canceled = Some(now);
    if let Some(row) = &cancel.taken_back {
        let holder = record.holder.ledger_name();
        teach(connection, &[Taught { holder, decision: Some(record.id), row }]).await?;
    }
    Ok(record)
}

/// Marks a decision cancelled, and the card that it granted, and frees what it still reserves.
pub(super) async fn release(
    connection: &mut Connection,
    id: DecisionId,
    now: Time,
    reason: &str,
) -> Result<(), Error> {
    query("UPDATE decisions SET canceled = $2, cancel_reason = $3 WHERE decision_id = $1")
        .bind(id.to_string())
        .bind(now.as_micros())
        .bind(reason)
        .execute(connection)
        .await?;
    query("UPDATE reservations SET released = $2 WHERE decision_id = $1 AND released IS NULL")
        .bind(id.to_string())
        .bind(now.as_micros())
        .execute(connection)
        .await?;
    query("UPDATE cards SET canceled = $2 WHERE decision_id = $1 AND canceled IS NULL")
        .bind(id.to_string())
        .bind(now.as_micros())
        .execute(connection)
        .await?;
    Ok(())
}
