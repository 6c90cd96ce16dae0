//! Answering a network: one purchase takes the card, once for each network request.

use serde::{Deserialize, Serialize};

use super::super::sql::{Connection, query};
use super::super::{Claim, Error, Ledger, PreconditionReason, Written, decision};
use super::judge::{self, Refusal, seen};
use super::reserve::{Hold, cover};
use super::{stop, take};
use crate::domain::{
    AUTHORIZATION_HOLDS, AuthorizationId, AuthorizationKind, Card, CardPurchase, CardState,
    DecisionId, NetworkAnswer, ReasonCode, Time,
};

/// What a network asks, with what decides about it beside the ledger.
#[derive(Clone, Debug)]
pub struct AuthorizeCard {
    /// Must be new.
    pub id: AuthorizationId,
    pub purchase: CardPurchase,
    /// Whether policy allows credit at this kind of shop.
    pub merchant_eligible: bool,
    /// The limit of a guest; `None` for an account, whose limit the ledger knows.
    pub guest_limit: Option<i64>,
    /// Codes of which the network learns nothing.
    pub secret: Vec<ReasonCode>,
}

/// What a network was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardAuthorized {
    pub id: AuthorizationId,
    /// The decision that granted the card.
    pub decision: DecisionId,
    pub answer: NetworkAnswer,
    /// The network had asked the same before, under another `request_id`.
    pub repeated: bool,
}

impl Ledger {
    /// Answers a network.
    pub async fn authorize_card(
        &self,
        claim: Claim,
        asked: AuthorizeCard,
    ) -> Result<Written<CardAuthorized>, Error> {
        self.write_once(claim, move |connection, now| {
            let asked = asked.clone();
            Box::pin(async move { authorize(connection, now, &asked).await })
        })
        .await
    }
}

async fn authorize(
    connection: &mut Connection,
    now: Time,
    asked: &AuthorizeCard,
) -> Result<CardAuthorized, Error> {
    let card = take(connection, asked.purchase.card).await?;
    if let Some(before) = answered_before(connection, &card, asked).await? {
        return Ok(before);
    }
    if asked.purchase.amount.is_some_and(|asked| asked.currency() != card.amount.currency()) {
        let text = format!("expected {}, the card's currency", card.amount.currency().code());
        return Err(Error::refused(PreconditionReason::CardCurrency, text));
    }
    let restrictions = judge::restrictions(connection, &card, now).await?;
    let judged = (&card, now);
    let refusal = judge::refuse(judged, &asked.purchase, &restrictions, asked.merchant_eligible);
    let answer = match refusal {
        Some(refusal) => refusal.answer(&asked.secret),
        None => hold(connection, judged, asked).await?,
    };
    // A hold that nobody has written down yet is: what the card reserved is free.
    if card.canceled.is_none() && card.state(now) == CardState::Canceled {
        let since = card.canceled_at(now).unwrap_or(now);
        stop(connection, card.decision, since).await?;
    }
    insert(connection, judged, asked, &answer).await?;
    Ok(CardAuthorized { id: asked.id, decision: card.decision, answer, repeated: false })
}

/// What this network request was answered when it came first.
async fn answered_before(
    connection: &mut Connection,
    card: &Card,
    asked: &AuthorizeCard,
) -> Result<Option<CardAuthorized>, Error> {
    let row = query(
        "SELECT authorization_id, hash, answer FROM card_authorizations
         WHERE card_id = $1 AND network_request_id = $2",
    )
    .bind(card.id.to_string())
    .bind(asked.purchase.network_request.clone())
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let hash: Vec<u8> = row.try_get("hash")?;
    if hash != asked.purchase.content {
        let text = "was used before for this card with other content";
        return Err(Error::refused(PreconditionReason::NetworkRequestReused, text));
    }
    let id = AuthorizationId::parse(row.try_get("authorization_id")?);
    let answer: String = row.try_get("answer")?;
    Ok(Some(CardAuthorized {
        id: id.map_err(|_| Error::corrupt("an authorization has an odd id"))?,
        decision: card.decision,
        answer: serde_json::from_str(&answer)?,
        repeated: true,
    }))
}

/// Takes the card for a purchase, if the limit has room for it; a check takes nothing.
async fn hold(
    connection: &mut Connection,
    (card, now): (&Card, Time),
    asked: &AuthorizeCard,
) -> Result<NetworkAnswer, Error> {
    let Some(amount) = asked.purchase.amount.filter(|_| is_purchase(asked)) else {
        return Ok(NetworkAnswer::approved());
    };
    let record = decision::find(connection, card.decision).await?.ok_or(Error::NotFound)?;
    let (price, guest_limit) = (amount.minor(), asked.guest_limit);
    let hold = Hold { price, ends: now + AUTHORIZATION_HOLDS, guest_limit, now };
    if !cover(connection, &record, hold).await? {
        let evidence = seen("authorization.amount", price, card.amount.minor());
        let refusal = Refusal::of(ReasonCode::CreditLimitExceeded, evidence);
        return Ok(refusal.answer(&asked.secret));
    }
    query("UPDATE cards SET authorization_id = $2 WHERE card_id = $1")
        .bind(card.id.to_string())
        .bind(asked.id.to_string())
        .execute(connection)
        .await?;
    query("UPDATE decisions SET authorized = $2 WHERE decision_id = $1")
        .bind(card.decision.to_string())
        .bind(now.as_micros())
        .execute(connection)
        .await?;
    Ok(NetworkAnswer::approved())
}

fn is_purchase(asked: &AuthorizeCard) -> bool {
    asked.purchase.kind == AuthorizationKind::Purchase
}

async fn insert(
    connection: &mut Connection,
    (card, now): (&Card, Time),
    asked: &AuthorizeCard,
    answer: &NetworkAnswer,
) -> Result<(), Error> {
    let purchase = &asked.purchase;
    let wanted = purchase.amount.map_or(0, |amount| amount.minor());
    let held = answer.is_approval() && is_purchase(asked);
    query(
        "INSERT INTO card_authorizations (authorization_id, card_id, network_request_id, hash,
            kind, asked, amount, captured, reversed, created, merchant, merchant_name, category,
            country, entry_mode, response, answer)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(asked.id.to_string())
    .bind(card.id.to_string())
    .bind(purchase.network_request.clone())
    .bind(purchase.content.to_vec())
    .bind(purchase.kind.name())
    .bind(wanted)
    .bind(if held { wanted } else { 0 })
    .bind(now.as_micros())
    .bind(purchase.merchant.id.as_str().to_owned())
    .bind(purchase.merchant.name.clone())
    .bind(purchase.merchant.category.map(|category| category.to_string()))
    .bind(purchase.merchant.country.map(|country| country.to_string()))
    .bind(purchase.entry_mode.map(|mode| mode.name().to_owned()))
    .bind(answer.response.clone())
    .bind(serde_json::to_string(answer)?)
    .execute(connection)
    .await?;
    Ok(())
}
