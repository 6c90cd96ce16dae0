//! One-time cards: the row that the grant made, and every change of it until its end.
//!
//! States are judged by comparing times (`domain/card.rs`). What a card holds of the limit stands
//! in the reservation of its decision, which ends by itself: with the card, when a hold begins
//! (`until.rs`), or 14 days after it was authorised. Raising it holds the limit in the write itself
//! (`reserve.rs`).

mod adjust;
mod adopt;
mod authorize;
mod forget;
mod judge;
mod reserve;
mod store;
mod until;

pub use adjust::{AdjustCard, CardAdjusted};
pub use authorize::{AuthorizeCard, CardAuthorized};
pub use store::CardFilter;

pub(super) use adopt::adopt;
pub(super) use forget::forget_numbers;
pub(super) use until::settle_ends;

use super::signal::{Taught, teach};
use super::sql::{Connection, query};
use super::{Claim, Error, Ledger, PreconditionReason, SignalRow, Written, cancel};
use crate::domain::{
    ACTIVATION, AccountId, Card, CardAt, CardNumber, CardState, DecisionId, OneTimeCardId, Time,
};

/// Stands in `decisions.cancel_reason` when a hold on the account ended the card.
const HOLD: &str = "HOLD";

/// A number that the issuer has made.
#[derive(Clone, Debug)]
pub struct ActivateCard {
    pub card: OneTimeCardId,
    pub number: CardNumber,
}

/// The end of a card by a call.
#[derive(Clone, Debug)]
pub struct CancelCard {
    pub card: OneTimeCardId,
    /// A closed set of the edge, by name.
    pub reason: String,
    /// Takes an attempt back, where the cancellation does.
    pub taken_back: Option<SignalRow>,
}

impl Ledger {
    /// Makes a card usable.
    pub async fn activate_card(
        &self,
        claim: Claim,
        activate: ActivateCard,
    ) -> Result<Written<CardAt>, Error> {
        self.write_once(claim, move |connection, now| {
            let activate = activate.clone();
            Box::pin(async move { self::activate(connection, now, &activate).await })
        })
        .await
    }

    /// Ends a card that is not used, and the decision that granted it.
    pub async fn cancel_card(
        &self,
        claim: Claim,
        cancel: CancelCard,
    ) -> Result<Written<CardAt>, Error> {
        self.write_once(claim, move |connection, now| {
            let cancel = cancel.clone();
            Box::pin(async move { end(connection, now, &cancel).await })
        })
        .await
    }
}

async fn activate(
    connection: &mut Connection,
    now: Time,
    activate: &ActivateCard,
) -> Result<CardAt, Error> {
    let card = take(connection, activate.card).await?;
    in_state(&card, now, &[CardState::Approved])?;
    if card.created + ACTIVATION <= now {
        let text = "the one-time card is APPROVED, and its 10 minutes for activation are over; \
            expected a card that was granted less than 10 minutes ago";
        return Err(Error::refused(PreconditionReason::CardState, text));
    }
    query(
        "UPDATE cards SET activated = $2, token = $3, last_four = $4, network = $5
         WHERE card_id = $1",
    )
    .bind(card.id.to_string())
    .bind(now.as_micros())
    .bind(activate.number.token.clone())
    .bind(activate.number.last_four.clone())
    .bind(activate.number.network.clone())
    .execute(connection)
    .await?;
    read(connection, card.id, now).await
}

async fn end(connection: &mut Connection, now: Time, cancel: &CancelCard) -> Result<CardAt, Error> {
    let card = take(connection, cancel.card).await?;
    in_state(&card, now, &[CardState::Approved, CardState::Active])?;
    cancel::release(connection, card.decision, now, &cancel.reason).await?;
    if let Some(row) = &cancel.taken_back {
        let holder = card.holder.ledger_name();
        teach(connection, &[Taught { holder, decision: Some(card.decision), row }]).await?;
    }
    read(connection, card.id, now).await
}

/// Ends what a hold ends: every card of the account that is granted and not used.
pub(super) async fn stop_open(
    connection: &mut Connection,
    account: &AccountId,
    now: Time,
) -> Result<(), Error> {
    for (decision, _) in store::open_of(connection, account, now).await? {
        stop(connection, decision, now).await?;
    }
    Ok(())
}

/// Ends the card of a decision because of a hold.
async fn stop(connection: &mut Connection, decision: DecisionId, since: Time) -> Result<(), Error> {
    cancel::release(connection, decision, since, HOLD).await?;
    query("UPDATE cards SET held = $2 WHERE decision_id = $1")
        .bind(decision.to_string())
        .bind(since.as_micros())
        .execute(connection)
        .await?;
    Ok(())
}

/// The card that a write is about to change. Its holder is taken first, so that what is read stays.
async fn take(connection: &mut Connection, id: OneTimeCardId) -> Result<Card, Error> {
    let holder = store::holder(connection, id).await?.ok_or(Error::NotFound)?;
    connection.touch(&[&holder]).await?;
    store::find(connection, id).await?.ok_or(Error::NotFound)
}

/// The card after a change.
async fn read(connection: &mut Connection, id: OneTimeCardId, now: Time) -> Result<CardAt, Error> {
    let card = store::find(connection, id).await?.ok_or(Error::NotFound)?;
    Ok(CardAt { card, now })
}

fn in_state(card: &Card, now: Time, expected: &[CardState]) -> Result<(), Error> {
    let state = card.state(now);
    if expected.contains(&state) {
        return Ok(());
    }
    let expected: Vec<&str> = expected.iter().map(|state| state.name()).collect();
    let text = format!("the one-time card is {state}; expected {}", expected.join(" or "));
    Err(Error::refused(PreconditionReason::CardState, text))
}
