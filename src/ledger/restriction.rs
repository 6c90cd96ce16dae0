//! Holds and restrictions of accounts.

use super::sql::{Connection, Row, query};
use super::{Claim, Error, Ledger, Written, card};
use crate::domain::{
    AccountId, ReasonCode, Restriction, RestrictionId, RestrictionKind, RestrictionOrigin, Time,
};

impl Ledger {
    /// Sets a restriction on an account, known or not. The id must be new.
    pub async fn set_restriction(
        &self,
        claim: Claim,
        restriction: Restriction,
    ) -> Result<Written<Restriction>, Error> {
        self.write_once(claim, move |connection, now| {
            Box::pin(set(connection, restriction.clone(), now))
        })
        .await
    }

    /// Lifts a restriction from now on; one that was lifted before stays as it is.
    pub async fn lift_restriction(
        &self,
        claim: Claim,
        id: RestrictionId,
        note: String,
    ) -> Result<Written<Restriction>, Error> {
        self.write_once(claim, move |connection, now| {
            Box::pin(lift(connection, now, id, note.clone()))
        })
        .await
    }

    /// A restriction by its id.
    pub async fn restriction(&self, id: RestrictionId) -> Result<Option<Restriction>, Error> {
        let mut connection = self.readers.acquire().await?;
        let row = query("SELECT * FROM restrictions WHERE restriction_id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut connection)
            .await?;
        row.as_ref().map(stored).transpose()
    }

    /// All restrictions that an account ever had, newest first.
    pub async fn restrictions(&self, account: &AccountId) -> Result<Vec<Restriction>, Error> {
        let mut connection = self.readers.acquire().await?;
        let rows = query(
            "SELECT * FROM restrictions WHERE account_id = $1
             ORDER BY starts DESC, restriction_id DESC",
        )
        .bind(account.as_str())
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(stored).collect()
    }
}

async fn set(
    connection: &mut Connection,
    restriction: Restriction,
    now: Time,
) -> Result<Restriction, Error> {
    connection.touch(&[restriction.account.as_str()]).await?;
    let set = query(
        "INSERT INTO restrictions
            (restriction_id, account_id, kind, code, starts, ends, note, origin, lifted)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (restriction_id) DO NOTHING",
    )
    .bind(restriction.id.to_string())
    .bind(restriction.account.as_str())
    .bind(restriction.kind.name())
    .bind(restriction.code.name())
    .bind(restriction.start.as_micros())
    .bind(restriction.end.as_micros())
    .bind(restriction.note.as_str())
    .bind(restriction.origin.name())
    .bind(restriction.lifted.map(Time::as_micros))
    .execute(connection)
    .await?;
    if set == 0 {
        return Err(Error::Conflict);
    }
    if restriction.kind.stops_cards() {
        match restriction.in_force(now) {
            true => card::stop_open(connection, &restriction.account, now).await?,
            false => card::settle_ends(connection, &restriction.account, now).await?,
        }
    }
    Ok(restriction)
}

async fn lift(
    connection: &mut Connection,
    now: Time,
    id: RestrictionId,
    note: String,
) -> Result<Restriction, Error> {
    let account = query("SELECT account_id FROM restrictions WHERE restriction_id = $1")
        .bind(id.to_string())
        .fetch_value::<String>(connection)
        .await?;
    connection.touch(&[&account.ok_or(Error::NotFound)?]).await?;
    query(
        "UPDATE restrictions SET lifted = $2, lift_note = $3
         WHERE restriction_id = $1 AND lifted IS NULL",
    )
    .bind(id.to_string())
    .bind(now.as_micros())
    .bind(note)
    .execute(connection)
    .await?;
    let row = query("SELECT * FROM restrictions WHERE restriction_id = $1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?;
    let lifted = stored(&row.ok_or(Error::NotFound)?)?;
    if lifted.kind.stops_cards() && now < lifted.start {
        card::settle_ends(connection, &lifted.account, now).await?;
    }
    Ok(lifted)
}

fn stored(row: &Row) -> Result<Restriction, Error> {
    let lifted: Option<i64> = row.try_get("lifted")?;
    let odd = |column| move || Error::corrupt(format_args!("a restriction has an odd {column}"));
    Ok(Restriction {
        id: RestrictionId::parse(row.try_get("restriction_id")?).map_err(|_| odd("id")())?,
        account: AccountId::parse(row.try_get("account_id")?).map_err(|_| odd("account")())?,
        kind: RestrictionKind::from_name(row.try_get("kind")?).ok_or_else(odd("kind"))?,
        code: ReasonCode::from_name(row.try_get("code")?).ok_or_else(odd("code"))?,
        start: Time::from_micros(row.try_get("starts")?),
        end: Time::from_micros(row.try_get("ends")?),
        note: row.try_get("note")?,
        origin: RestrictionOrigin::from_name(row.try_get("origin")?).ok_or_else(odd("origin"))?,
        lifted: lifted.map(Time::from_micros),
    })
}
