//! What the issuer told of a card's number, once the person is erased: it goes with the card.

use super::super::sql::{Connection, query};
use super::super::{Error, Ledger};
use super::store;
use crate::domain::{CardState, Time};

impl Ledger {
    /// Erases the numbers of cards that were still in use when their person was erased, and are
    /// not any more; gives how many.
    pub async fn drop_card_numbers(&self, now: Time) -> Result<u64, Error> {
        self.write(move |connection| Box::pin(drop_numbers(connection, now))).await
    }
}

/// Erases the numbers of all cards of a holder, at once or when they can no longer be captured;
/// gives how many there were. Cards that are granted later are those of somebody new.
pub(in crate::ledger) async fn forget_numbers(
    connection: &mut Connection,
    (holder, now): (&str, Time),
) -> Result<u64, Error> {
    let numbers: Option<i64> =
        query("SELECT COUNT(token) FROM cards WHERE holder = $1 AND forgotten IS NULL")
            .bind(holder)
            .fetch_value(connection)
            .await?;
    query("UPDATE cards SET forgotten = $2 WHERE holder = $1 AND forgotten IS NULL")
        .bind(holder)
        .bind(now.as_micros())
        .execute(connection)
        .await?;
    drop_numbers(connection, now).await?;
    Ok(numbers.and_then(|numbers| u64::try_from(numbers).ok()).unwrap_or(0))
}

async fn drop_numbers(connection: &mut Connection, now: Time) -> Result<u64, Error> {
    let mut dropped = 0;
    for card in store::forgotten(connection).await? {
        match card.state(now) {
            CardState::Approved | CardState::Active | CardState::Authorized => {}
            CardState::Used | CardState::Expired | CardState::Canceled => {
                query("UPDATE cards SET token = NULL, last_four = NULL WHERE card_id = $1")
                    .bind(card.id.to_string())
                    .execute(connection)
                    .await?;
                dropped += 1;
            }
        }
    }
    Ok(dropped)
}
