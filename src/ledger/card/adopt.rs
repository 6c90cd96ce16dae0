//! Cards that were granted before the ledger had a table of them, taken over when it is opened.

use super::super::sql::{Connection, query};
use super::super::{Error, decision};
use crate::domain::{AuthorizationId, Card, DecisionRecord};

/// Makes the rows of cards whose decisions are older than the table. What ConfirmPurchase captured
/// of one is an authorisation of the whole card at the time of the grant.
pub(in crate::ledger) async fn adopt(connection: &mut Connection) -> Result<(), Error> {
    let rows = query(
        "SELECT decisions.* FROM decisions
         JOIN cards_to_adopt ON cards_to_adopt.decision_id = decisions.decision_id",
    )
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let record = decision::stored(row)?;
        if let Some(card) = Card::granted(&record) {
            insert(connection, &record, &card).await?;
        }
        query("DELETE FROM cards_to_adopt WHERE decision_id = $1")
            .bind(record.id.to_string())
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn insert(
    connection: &mut Connection,
    record: &DecisionRecord,
    card: &Card,
) -> Result<(), Error> {
    let captured = record.progress.captured;
    // Named after its decision: no other authorisation has such an id.
    let authorization = (captured > 0).then(|| AuthorizationId(record.id.0).to_string());
    query(
        "INSERT INTO cards (card_id, decision_id, holder, merchant, merchant_locked, currency,
            amount, tolerance, created, expires, opened, captured, canceled, authorization_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, $11, $12, $13)
         ON CONFLICT (card_id) DO NOTHING",
    )
    .bind(card.id.to_string())
    .bind(card.decision.to_string())
    .bind(card.holder.ledger_name())
    .bind(card.merchant.as_str().to_owned())
    .bind(i64::from(card.merchant_locked))
    .bind(card.amount.currency().code())
    .bind(card.amount.minor())
    .bind(card.tolerance)
    .bind(card.created.as_micros())
    .bind(card.expires.as_micros())
    .bind(captured)
    .bind(record.progress.canceled.map(|time| time.as_micros()))
    .bind(authorization.clone())
    .execute(connection)
    .await?;
    let Some(id) = authorization else { return Ok(()) };
    query(
        "INSERT INTO card_authorizations (authorization_id, card_id, network_request_id, hash,
            kind, asked, amount, captured, reversed, created, merchant, merchant_name, response,
            answer)
         VALUES ($1, $2, $1, $3, 'PURCHASE', $4, $4, $5, 0, $6, $7, '', '00', '{}')
         ON CONFLICT (authorization_id) DO NOTHING",
    )
    .bind(id)
    .bind(card.id.to_string())
    .bind(Vec::new())
    .bind(card.amount.minor())
    .bind(captured)
    .bind(card.created.as_micros())
    .bind(card.merchant.as_str().to_owned())
    .execute(connection)
    .await?;
    query("UPDATE decisions SET authorized = created WHERE decision_id = $1")
        .bind(record.id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
