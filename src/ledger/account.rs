//! Accounts as the lender tells them, replaced whole.

use super::sql::{Connection, query};
use super::{Claim, Error, Ledger, PreconditionReason, Written};
use crate::domain::{Account, AccountId, Time};

impl Ledger {
    /// Replaces an account or makes it; answers its new etag. With `expected_etag` it must be the
    /// present one.
    pub async fn upsert_account(
        &self,
        claim: Claim,
        account: Account,
        expected_etag: Option<String>,
    ) -> Result<Written<String>, Error> {
        self.write_once(claim, move |connection, now| {
            Box::pin(upsert(connection, now, account.clone(), expected_etag.clone()))
        })
        .await
    }

    /// An account with its etag.
    pub async fn account(&self, id: &AccountId) -> Result<Option<(Account, String)>, Error> {
        let mut connection = self.readers.acquire().await?;
        let row = query("SELECT record, version FROM accounts WHERE account_id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let record: &str = row.try_get("record")?;
        Ok(Some((serde_json::from_str(record)?, etag(row.try_get("version")?))))
    }
}

fn etag(version: i64) -> String {
    version.to_string()
}

async fn upsert(
    connection: &mut Connection,
    now: Time,
    account: Account,
    expected_etag: Option<String>,
) -> Result<String, Error> {
    connection.touch(&[account.id.as_str()]).await?;
    let present = query("SELECT version, currency FROM accounts WHERE account_id = $1")
        .bind(account.id.as_str())
        .fetch_optional(connection)
        .await?;
    let version: i64 = match &present {
        Some(row) => row.try_get("version")?,
        None => 0,
    };
    if expected_etag.is_some_and(|expected| present.is_none() || expected != etag(version)) {
        return Err(Error::Conflict);
    }
    if let Some(row) = &present
        && row.try_get::<&str>("currency")? != account.currency.code()
        && uses_limit(connection, &account.id, now).await?
    {
        return Err(Error::refused(
            PreconditionReason::CurrencyInUse,
            "the currency cannot change while something is outstanding or reserved",
        ));
    }
    query(
        "INSERT INTO accounts (account_id, version, currency, credit_limit, updated, record)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account_id) DO UPDATE SET
            version = excluded.version, currency = excluded.currency,
            credit_limit = excluded.credit_limit, updated = excluded.updated,
            record = excluded.record",
    )
    .bind(account.id.as_str())
    .bind(version + 1)
    .bind(account.currency.code())
    .bind(account.credit_limit)
    .bind(now.as_micros())
    .bind(serde_json::to_string(&account)?)
    .execute(connection)
    .await?;
    Ok(etag(version + 1))
}

async fn uses_limit(
    connection: &mut Connection,
    account: &AccountId,
    now: Time,
) -> Result<bool, Error> {
    let uses = query(
        "SELECT plan_id FROM plans WHERE holder = $1 AND outstanding > 0
         UNION ALL
         SELECT decision_id FROM reservations
         WHERE holder = $1 AND released IS NULL AND expires > $2 AND captured < amount
         LIMIT 1",
    )
    .bind(account.as_str())
    .bind(now.as_micros())
    .fetch_optional(connection)
    .await?;
    Ok(uses.is_some())
}
