//! Capturing an approved purchase: what was reserved becomes outstanding.

use super::signal::{Taught, teach};
use super::sql::{Connection, query};
use super::{Claim, Error, Ledger, PreconditionReason, SignalRow, Written, decision, plan};
use crate::domain::{DecisionId, DecisionRecord, MerchantId, Money, Outcome, Product, Time};

/// A capture of an approved purchase, whole or in part.
#[derive(Clone, Debug)]
pub struct Confirm {
    pub decision: DecisionId,
    pub merchant: MerchantId,
    pub captured: Money,
    pub order_reference: Option<String>,
    /// Teaches habits; written with the first capture only.
    pub purchase: Option<SignalRow>,
}

impl Ledger {
    /// Captures; several captures may add up to the approved amount.
    pub async fn confirm(
        &self,
        claim: Claim,
        confirm: Confirm,
    ) -> Result<Written<DecisionRecord>, Error> {
        self.write_once(claim, move |connection, now| {
            Box::pin(capture(connection, now, confirm.clone()))
        })
        .await
    }
}

async fn capture(
    connection: &mut Connection,
    now: Time,
    confirm: Confirm,
) -> Result<DecisionRecord, Error> {
    let mut record = decision::taken(connection, confirm.decision).await?.ok_or(Error::NotFound)?;
    may_capture(&record, &confirm, now)?;
    let before = record.progress.captured;
    let after = before + confirm.captured.minor();
    // What is paid at once counts first: credit is only what captures are above it.
    let credit = record.plan.exposure(after) - record.plan.exposure(before);
    if credit > 0 {
        draw(connection, record.id, credit, now).await?;
        plan::capture(connection, &record, credit, now).await?;
    }
    record.progress.captured = after;
    record.order_reference = confirm.order_reference.or(record.order_reference);
    query("UPDATE decisions SET captured = $2, order_reference = $3 WHERE decision_id = $1")
        .bind(record.id.to_string())
        .bind(after)
        .bind(record.order_reference.as_deref())
        .execute(connection)
        .await?;
    if let (0, Some(row)) = (before, &confirm.purchase) {
        let holder = record.holder.ledger_name();
        teach(connection, &[Taught { holder, decision: Some(record.id), row }]).await?;
    }
    Ok(record)
}

fn may_capture(record: &DecisionRecord, confirm: &Confirm, now: Time) -> Result<(), Error> {
    use PreconditionReason as Why;
    if record.progress.canceled.is_some() {
        return Err(Error::refused(Why::Canceled, "the decision was cancelled"));
    }
    if record.progress.superseded_by.is_some() {
        return Err(Error::refused(Why::Superseded, "another decision has replaced this one"));
    }
    if record.decision.outcome != Outcome::Approved {
        return Err(Error::refused(Why::NotApproved, "only an approved decision can be confirmed"));
    }
    // The shop is paid through the card, which the network captures.
    if record.product == Product::OneTimeCard {
        let text = "a one-time card was granted; it is captured by AdjustOneTimeCard";
        return Err(Error::refused(Why::CardGranted, text));
    }
    // What was captured stays; what was not is free again since the end of the approval.
    if record.decision.expires.is_some_and(|end| end <= now) {
        return Err(Error::refused(Why::Expired, "the approval has expired"));
    }
    if record.merchant != confirm.merchant {
        return Err(Error::refused(Why::MerchantMismatch, "approved for another merchant"));
    }
    if record.amount.currency() != confirm.captured.currency() {
        let text = format!("approved in {}", record.amount.currency().code());
        return Err(Error::refused(Why::CurrencyMismatch, text));
    }
    let left = record.amount.minor() - record.progress.captured;
    if confirm.captured.minor() == 0 || confirm.captured.minor() > left {
        let text = format!("expected 1 to {left} minor units, the rest of what was approved");
        return Err(Error::refused(Why::AmountExceeded, text));
    }
    Ok(())
}

/// Turns a part of the reservation into outstanding; its sum with the plan stays the same.
pub(super) async fn draw(
    connection: &mut Connection,
    id: DecisionId,
    credit: i64,
    now: Time,
) -> Result<(), Error> {
    let drawn = query(
        "UPDATE reservations SET captured = captured + $2
         WHERE decision_id = $1 AND released IS NULL AND expires > $3
            AND captured + $2 <= amount
            -- Somebody whose clock was past this one's end may have been given what it held.
            AND NOT EXISTS (
                SELECT 1 FROM reservations AS later WHERE later.holder = reservations.holder
                    AND later.created >= reservations.expires
            )",
    )
    .bind(id.to_string())
    .bind(credit)
    .bind(now.as_micros())
    .execute(connection)
    .await?;
    match drawn {
        1 => Ok(()),
        // A refund has taken some of the reservation since.
        _ => Err(Error::refused(
            PreconditionReason::AmountExceeded,
            "more than what is still reserved for this decision",
        )),
    }
}
