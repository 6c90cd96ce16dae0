//! Until when a card that waits for its purchase holds a part of the limit: to its end, or to the
//! beginning of a hold on its account that is known already.
//!
//! The end stands in the reservation, so that nothing has to happen when the hold begins: the limit
//! is judged by comparing times. It is written anew where either of them changes.

use super::super::Error;
use super::super::sql::{Connection, query};
use super::store;
use crate::domain::{AccountId, Holder, Time};

/// The first moment from `$2` on at which a hold on account `$1` begins that ends cards.
const NEXT: &str = "SELECT MIN(starts) FROM restrictions
     WHERE account_id = $1 AND starts > $2 AND kind IN ('SECURITY', 'SANCTIONS', 'COMPLIANCE')
        AND (lifted IS NULL OR lifted > starts)";

/// The end of a card, or of what it may hold until a hold begins.
pub(super) async fn end_of(
    connection: &mut Connection,
    holder: &Holder,
    (end, now): (Time, Time),
) -> Result<Time, Error> {
    let Holder::Account(account) = holder else { return Ok(end) };
    let next = next_hold(connection, account, now).await?;
    Ok(next.map_or(end, |next| next.min(end)))
}

/// Writes the ends of all waiting cards of an account anew, after its holds have changed.
pub(in crate::ledger) async fn settle_ends(
    connection: &mut Connection,
    account: &AccountId,
    now: Time,
) -> Result<(), Error> {
    let next = next_hold(connection, account, now).await?;
    for (decision, end) in store::open_of(connection, account, now).await? {
        let end = next.map_or(end, |next| next.min(end));
        query(
            "UPDATE reservations SET expires = $2
             WHERE decision_id = $1 AND released IS NULL AND expires > $3
                -- Somebody whose clock was past this one's end may have been given what it held.
                AND (expires >= $2 OR NOT EXISTS (
                    SELECT 1 FROM reservations AS later WHERE later.holder = reservations.holder
                        AND later.created >= reservations.expires
                ))",
        )
        .bind(decision.to_string())
        .bind(end.as_micros())
        .bind(now.as_micros())
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn next_hold(
    connection: &mut Connection,
    account: &AccountId,
    now: Time,
) -> Result<Option<Time>, Error> {
    let next: Option<Option<i64>> =
        query(NEXT).bind(account.as_str()).bind(now.as_micros()).fetch_value(connection).await?;
    Ok(next.flatten().map(Time::from_micros))
}
