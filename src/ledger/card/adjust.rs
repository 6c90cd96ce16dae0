//! Changing an authorisation: increments, captures by shipment, reversals.

use serde::{Deserialize, Serialize};

use super::super::signal::{Taught, teach};
use super::super::sql::{Connection, query};
use super::super::{
    Claim, Error, Ledger, PreconditionReason, SignalRow, Written, confirm, decision, plan,
};
use super::judge::{self, Refusal, seen};
use super::reserve::{Hold, cover, regain};
use super::{in_state, read, stop, store, take, until};
use crate::domain::{
    AdjustKind, Card, CardAdjustment, CardAt, CardAuthorization, CardState, DecisionRecord,
    NetworkAnswer, ReasonCode, Time,
};

/// A change of what a shop holds, with what decides about it beside the ledger.
#[derive(Clone, Debug)]
pub struct AdjustCard {
    pub adjustment: CardAdjustment,
    /// The limit of a guest; `None` for an account, whose limit the ledger knows.
    pub guest_limit: Option<i64>,
    /// Codes of which the network learns nothing.
    pub secret: Vec<ReasonCode>,
    /// Teaches habits; written with the first capture only.
    pub purchase: Option<SignalRow>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAdjusted {
    pub card: CardAt,
    pub answer: NetworkAnswer,
    /// Whether the purchase was written for the signals.
    pub taught: bool,
}

impl Ledger {
    /// Raises, captures or takes back. Not found is the authorisation, or the card.
    pub async fn adjust_card(
        &self,
        claim: Claim,
        asked: AdjustCard,
    ) -> Result<Written<CardAdjusted>, Error> {
        self.write_once(claim, move |connection, now| {
            let asked = asked.clone();
            Box::pin(async move { adjust(connection, now, &asked).await })
        })
        .await
    }
}

/// The authorisation of a card that is to change, with the decision behind it.
struct Subject {
    card: Card,
    held: CardAuthorization,
    record: DecisionRecord,
    now: Time,
}

impl Subject {
    /// How the reservation is to stand for so much authorised.
    fn hold(&self, price: i64, asked: &AdjustCard) -> Hold {
        let (now, guest_limit) = (self.now, asked.guest_limit);
        Hold { price, ends: self.held.ends(), guest_limit, now }
    }
}

async fn adjust(
    connection: &mut Connection,
    now: Time,
    asked: &AdjustCard,
) -> Result<CardAdjusted, Error> {
    let subject = subject(connection, now, asked).await?;
    let id = subject.card.id;
    let (answer, taught) = match asked.adjustment.kind {
        AdjustKind::Increment => (increment(connection, &subject, asked).await?, false),
        AdjustKind::Capture => {
            let taught = capture(connection, &subject, asked).await?;
            (NetworkAnswer::approved(), taught)
        }
        AdjustKind::Reverse => {
            reverse(connection, &subject, asked).await?;
            (NetworkAnswer::approved(), false)
        }
    };
    Ok(CardAdjusted { card: read(connection, id, now).await?, answer, taught })
}

async fn subject(
    connection: &mut Connection,
    now: Time,
    asked: &AdjustCard,
) -> Result<Subject, Error> {
    let CardAdjustment { card, authorization, amount, .. } = &asked.adjustment;
    let card = take(connection, *card).await?;
    query("SELECT card_id FROM card_authorizations WHERE authorization_id = $1 AND card_id = $2")
        .bind(authorization.to_string())
        .bind(card.id.to_string())
        .fetch_optional(connection)
        .await?
        .ok_or(Error::NotFound)?;
    in_state(&card, now, &[CardState::Authorized])?;
    let held = card.authorization.clone().filter(|held| held.id == *authorization);
    let Some(held) = held else {
        let text = "the one-time card is AUTHORIZED by another authorization; expected that one";
        return Err(Error::refused(PreconditionReason::CardState, text));
    };
    if amount.currency() != card.amount.currency() {
        let text = format!("expected {}, the card's currency", card.amount.currency().code());
        return Err(Error::refused(PreconditionReason::CardCurrency, text));
    }
    let record = decision::find(connection, card.decision).await?.ok_or(Error::NotFound)?;
    Ok(Subject { card, held, record, now })
}

/// Authorises more, if card, account and limit allow it.
async fn increment(
    connection: &mut Connection,
    subject: &Subject,
    asked: &AdjustCard,
) -> Result<NetworkAnswer, Error> {
    let Subject { card, held, record, now } = subject;
    let price = held.amount.saturating_add(asked.adjustment.amount.minor());
    let restrictions = judge::restrictions(connection, card, *now).await?;
    let refusal = judge::restricted(&restrictions).or_else(|| judge::above(card, price));
    if let Some(refusal) = refusal {
        return Ok(refusal.answer(&asked.secret));
    }
    if !cover(connection, record, subject.hold(price, asked)).await? {
        let evidence = seen("authorization.amount", price, held.amount);
        let refusal = Refusal::of(ReasonCode::CreditLimitExceeded, evidence);
        return Ok(refusal.answer(&asked.secret));
    }
    query("UPDATE card_authorizations SET amount = $2 WHERE authorization_id = $1")
        .bind(held.id.to_string())
        .bind(price)
        .execute(connection)
        .await?;
    Ok(NetworkAnswer::approved())
}

/// What is captured is outstanding from now on; answers whether it taught the customer's habits.
async fn capture(
    connection: &mut Connection,
    subject: &Subject,
    asked: &AdjustCard,
) -> Result<bool, Error> {
    let Subject { card, held, record, now } = subject;
    let amount = still_open(held, asked)?;
    let (before, after) = (held.captured, held.captured + amount);
    // What is paid at once counts first: credit is only what captures are above it.
    let credit = record.plan.exposure(after) - record.plan.exposure(before);
    if credit > 0 {
        confirm::draw(connection, record.id, credit, *now).await?;
        plan::capture(connection, record, credit, *now).await?;
    }
    query("UPDATE card_authorizations SET captured = $2 WHERE authorization_id = $1")
        .bind(held.id.to_string())
        .bind(after)
        .execute(connection)
        .await?;
    query("UPDATE cards SET captured = $2 WHERE card_id = $1")
        .bind(card.id.to_string())
        .bind(after)
        .execute(connection)
        .await?;
    query("UPDATE decisions SET captured = $2 WHERE decision_id = $1")
        .bind(record.id.to_string())
        // A tolerance may take captures above what was approved, of which a decision knows.
        .bind(after.min(record.amount.minor()))
        .execute(connection)
        .await?;
    let Some(row) = asked.purchase.as_ref().filter(|_| before == 0) else { return Ok(false) };
    let holder = record.holder.ledger_name();
    teach(connection, &[Taught { holder, decision: Some(record.id), row }]).await?;
    Ok(true)
}

/// Takes back a part of what is not captured; where nothing is, all of it gives the card back.
async fn reverse(
    connection: &mut Connection,
    subject: &Subject,
    asked: &AdjustCard,
) -> Result<(), Error> {
    let Subject { held, record, .. } = subject;
    let amount = still_open(held, asked)?;
    let left = held.amount - amount;
    query(
        "UPDATE card_authorizations SET amount = $2, reversed = reversed + $3
         WHERE authorization_id = $1",
    )
    .bind(held.id.to_string())
    .bind(left)
    .bind(amount)
    .execute(connection)
    .await?;
    match left {
        0 => give_back(connection, subject, asked).await,
        _ => match cover(connection, record, subject.hold(left, asked)).await? {
            true => Ok(()),
            false => Err(Error::corrupt("less than what is reserved found no room")),
        },
    }
}

/// Waits for another purchase, if the card's time is not over and no hold is in force.
async fn give_back(
    connection: &mut Connection,
    subject: &Subject,
    asked: &AdjustCard,
) -> Result<(), Error> {
    let Subject { card, record, now, .. } = subject;
    query("UPDATE cards SET authorization_id = NULL, opened = $2 WHERE card_id = $1")
        .bind(card.id.to_string())
        .bind(now.as_micros())
        .execute(connection)
        .await?;
    query("UPDATE decisions SET authorized = NULL WHERE decision_id = $1")
        .bind(record.id.to_string())
        .execute(connection)
        .await?;
    let reopened = store::find(connection, card.id).await?.ok_or(Error::NotFound)?;
    match reopened.state(*now) {
        CardState::Canceled => stop(connection, record.id, *now).await,
        CardState::Expired => {
            query("UPDATE reservations SET released = $2 WHERE decision_id = $1")
                .bind(record.id.to_string())
                .bind(now.as_micros())
                .execute(connection)
                .await?;
            Ok(())
        }
        _ => {
            let whole = subject.hold(card.amount.minor(), asked);
            let ends = until::end_of(connection, &card.holder, (card.expires, *now)).await?;
            regain(connection, record, Hold { ends, ..whole }).await
        }
    }
}

/// The amount, which must be within what is neither captured nor reversed.
fn still_open(held: &CardAuthorization, asked: &AdjustCard) -> Result<i64, Error> {
    let amount = asked.adjustment.amount.minor();
    if amount > held.open() {
        let text = format!("expected 1 to {} minor units, what is still authorised", held.open());
        return Err(Error::refused(PreconditionReason::CardAmount, text));
    }
    Ok(amount)
}
