//! What a card holds of the limit: changed within the limit, by the statement that changes it.

use super::super::Error;
use super::super::sql::{Connection, Statement};
use super::super::sqlite::{HELD, LIMIT};
use crate::domain::{DecisionRecord, Time};

/// What is to be held, until when, and what bounds it.
#[derive(Clone, Copy)]
pub(super) struct Hold {
    /// Price that is to be held, in minor units; what is paid at once is not reserved.
    pub price: i64,
    pub ends: Time,
    /// The limit of a guest; `None` for an account, whose limit the ledger knows.
    pub guest_limit: Option<i64>,
    pub now: Time,
}

/// Makes the reservation of a decision cover `hold`; `false` when the limit has no room for it.
pub(super) async fn cover(
    connection: &mut Connection,
    record: &DecisionRecord,
    hold: Hold,
) -> Result<bool, Error> {
    // What is no credit reserves nothing.
    if record.exposure() == 0 {
        return Ok(true);
    }
    let mut statement = asked(record, (record.plan.exposure(hold.price), hold));
    statement.push(format_args!(
        " UPDATE reservations SET amount = asked.amount, expires = asked.ends,
            limit_then = CASE WHEN asked.amount > reservations.amount
                THEN {LIMIT} ELSE limit_then END,
            held_then = CASE WHEN asked.amount > reservations.amount
                THEN {HELD} + asked.amount - reservations.amount ELSE held_then END
         FROM asked
         WHERE reservations.decision_id = asked.decision_id
            AND reservations.released IS NULL AND reservations.expires > asked.now
            AND reservations.captured <= asked.amount
            AND (asked.amount <= reservations.amount
                OR {HELD} + asked.amount - reservations.amount <= {LIMIT})
            -- Somebody whose clock was past this one's end may have been given what it held.
            AND NOT EXISTS (
                SELECT 1 FROM reservations AS later WHERE later.holder = reservations.holder
                    AND later.created >= reservations.expires
            )
         RETURNING reservations.decision_id",
    ));
    Ok(!statement.fetch_all(connection).await?.is_empty())
}

/// Holds the whole of `hold` again after a reversal, or as much more of it as the limit has left:
/// what was held already stays.
pub(super) async fn regain(
    connection: &mut Connection,
    record: &DecisionRecord,
    hold: Hold,
) -> Result<(), Error> {
    let mut statement = asked(record, (0, hold));
    statement.push(format_args!(
        " SELECT CAST({LIMIT} - ({HELD}) AS BIGINT) AS headroom,
            CAST(reservations.amount AS BIGINT) AS held
         FROM asked JOIN reservations ON reservations.decision_id = asked.decision_id"
    ));
    let rows = statement.fetch_all(connection).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (headroom, held): (i64, i64) = (row.try_get("headroom")?, row.try_get("held")?);
    // Held amounts leave out what is paid at once, and prices do not.
    let whole = record.plan.exposure(hold.price);
    let fits = whole.min(held.saturating_add(headroom.max(0)));
    let price = fits + (hold.price - whole);
    match cover(connection, record, Hold { price, ..hold }).await? {
        true => Ok(()),
        false => Err(Error::corrupt("room in the limit is there and not there")),
    }
}

/// One row `asked`, as the texts of the limit want it.
fn asked(record: &DecisionRecord, (amount, hold): (i64, Hold)) -> Statement<'static> {
    let mut statement = Statement::new(
        "WITH asked (decision_id, holder, currency, amount, ends, guest_limit, now) AS (SELECT ",
    );
    statement.push("CAST(").push_bind(record.id.to_string());
    statement.push(" AS TEXT), CAST(").push_bind(record.holder.ledger_name());
    statement.push(" AS TEXT), CAST(").push_bind(record.amount.currency().code());
    statement.push(" AS TEXT), CAST(").push_bind(amount);
    statement.push(" AS BIGINT), CAST(").push_bind(hold.ends.as_micros());
    statement.push(" AS BIGINT), CAST(").push_bind(hold.guest_limit);
    statement.push(" AS BIGINT), CAST(").push_bind(hold.now.as_micros());
    statement.push(" AS BIGINT))");
    statement
}
