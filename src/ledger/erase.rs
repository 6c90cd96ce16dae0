//! Erasing what is kept about a person: obligations stay, and so do decisions with their facts.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::{Claim, Error, Ledger, Written};
use crate::domain::{Account, AccountId, Erased, Time};

/// A statement about the rows of `$1` in `signal_events`: by the holder's decisions, and those of
/// no decision.
macro_rules! of_holder {
    ($statement:literal) => {
        concat!(
            $statement,
            " seq IN (
                SELECT seq FROM signal_events WHERE decision_id IN (
                    SELECT decision_id FROM decisions WHERE holder = $1)
                UNION ALL
                SELECT seq FROM signal_events WHERE decision_id IS NULL AND holder = $1)"
        )
    };
}

/// Far below what a commit waits for the file.
const SCRUB_WAITS: Duration = Duration::from_millis(250);

impl Ledger {
    /// What the signals were taught about an account, as JSON: its parties are in there.
    pub async fn signals_of(&self, account: &AccountId) -> Result<Vec<String>, Error> {
        let rows = sqlx::query(of_holder!("SELECT payload FROM signal_events WHERE"))
            .bind(account.as_str())
            .fetch_all(&self.readers)
            .await?;
        Ok(rows.iter().map(|row| row.try_get("payload")).collect::<Result<_, _>>()?)
    }

    /// Erases what is kept about the person; `signal_parties` is what the signals have forgotten.
    pub async fn erase(
        &self,
        claim: Claim,
        account: AccountId,
        signal_parties: u64,
    ) -> Result<Written<Erased>, Error> {
        let written = self
            .write_once(claim, move |connection, now| {
                Box::pin(async move {
                    let erased = erase(connection, now, &account).await?;
                    Ok(Erased { signal_parties, ..erased })
                })
            })
            .await?;
        self.scrub().await;
        Ok(written)
    }

    /// Pages that were overwritten are in the log still, as they were before: the log is moved into
    /// the file and cut. Where somebody reads for long, as an export does, it is cut later.
    pub async fn scrub(&self) {
        match self.cut_log().await {
            Ok(true) => {}
            Ok(false) => tracing::info!("what was erased stays in the ledger's log for now"),
            Err(error) => tracing::warn!(%error, "the ledger's log was not cut"),
        }
    }

    /// Whether the log was cut. A commit waits meanwhile, so this must not wait for long itself.
    async fn cut_log(&self) -> Result<bool, Error> {
        let options = self.readers.connect_options();
        let options = SqliteConnectOptions::clone(&options).busy_timeout(SCRUB_WAITS);
        let mut connection = options.connect().await?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await?;
        let busy: i64 = row.try_get(0)?;
        connection.close().await?;
        Ok(busy == 0)
    }
}

async fn erase(
    connection: &mut SqliteConnection,
    now: Time,
    account: &AccountId,
) -> Result<Erased, Error> {
    let known = sqlx::query("SELECT record FROM accounts WHERE account_id = $1")
        .bind(account.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    let decided = sqlx::query("SELECT 1 FROM decisions WHERE holder = $1 LIMIT 1")
        .bind(account.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    if known.is_none() && decided.is_none() {
        return Err(Error::NotFound);
    }
    let raw_contexts = sqlx::query(
        "DELETE FROM raw_context WHERE decision_id IN (
            SELECT decision_id FROM decisions WHERE holder = $1)",
    )
    .bind(account.as_str())
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let signal_events = forget_signals(connection, account).await?;
    let account_fields = match known {
        Some(row) => forget_person(connection, row.try_get("record")?).await?,
        None => 0,
    };
    Ok(Erased { raw_contexts, signal_events, account_fields, signal_parties: 0, time: now })
}

/// The newest row of all stays without its content: else its sequence would be given once more.
async fn forget_signals(
    connection: &mut SqliteConnection,
    account: &AccountId,
) -> Result<u64, Error> {
    let emptied = sqlx::query(of_holder!(
        "UPDATE signal_events
         SET holder = '', decision_id = NULL, kind = 'erased', payload = '{}'
         WHERE seq = (SELECT MAX(seq) FROM signal_events) AND"
    ))
    .bind(account.as_str())
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let deleted = sqlx::query(of_holder!("DELETE FROM signal_events WHERE"))
        .bind(account.as_str())
        .execute(connection)
        .await?
        .rows_affected();
    Ok(emptied + deleted)
}

async fn forget_person(connection: &mut SqliteConnection, record: &str) -> Result<u64, Error> {
    let account: Account = serde_json::from_str(record)?;
    let (erased, fields) = account.erased();
    if fields == 0 {
        return Ok(0);
    }
    // The time of the update stays: what the lender told then of a support plan still holds.
    sqlx::query("UPDATE accounts SET version = version + 1, record = $2 WHERE account_id = $1")
        .bind(erased.id.as_str())
        .bind(serde_json::to_string(&erased)?)
        .execute(connection)
        .await?;
    Ok(fields)
}
