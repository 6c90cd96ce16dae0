//! Erasing what is kept about a person: obligations stay, and so do decisions with their facts.

use tokio::sync::oneshot;

use super::sql::{Connection, query};
use super::write::{Writer, submit};
use super::{Claim, Error, Ledger, Written, card, sqlite};
use crate::domain::{Account, Erased, Holder, ReviewActionKind, Time};

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

impl Ledger {
    /// What the signals were taught about a holder, as JSON: its parties are in there.
    pub async fn signals_of(&self, holder: &Holder) -> Result<Vec<String>, Error> {
        let mut connection = self.searchers.acquire().await?;
        query(of_holder!("SELECT payload FROM signal_events WHERE"))
            .bind(holder.ledger_name())
            .fetch_values(&mut connection)
            .await
    }

    /// Erases what is kept about the person; `signal_parties` is what the signals have forgotten.
    pub async fn erase(
        &self,
        claim: Claim,
        holder: Holder,
        signal_parties: u64,
    ) -> Result<Written<Erased>, Error> {
        let written = self
            .write_once(claim, move |connection, now| {
                let name = holder.ledger_name();
                Box::pin(async move {
                    let erased = erase(connection, now, &name).await?;
                    Ok(Erased { signal_parties, ..erased })
                })
            })
            .await?;
        self.scrub().await;
        Ok(written)
    }

    /// On SQLite, pages that were overwritten are in the log still, as they were before: the log is
    /// moved into the file and cut. Where somebody reads for long, as an export does, it is cut
    /// later.
    pub async fn scrub(&self) {
        let Writer::Sqlite(jobs) = &self.writer else { return };
        let (reply, cut) = oneshot::channel();
        if submit(jobs, sqlite::Job::Cut(reply)).await.is_ok() && cut.await != Ok(true) {
            tracing::info!("what was erased stays in the ledger's log for now");
        }
    }
}

async fn erase(connection: &mut Connection, now: Time, name: &str) -> Result<Erased, Error> {
    connection.touch(&[name]).await?;
    let known = query("SELECT record FROM accounts WHERE account_id = $1")
        .bind(name)
        .fetch_optional(connection)
        .await?;
    let decided = query("SELECT 1 FROM decisions WHERE holder = $1 LIMIT 1")
        .bind(name)
        .fetch_optional(connection)
        .await?;
    if known.is_none() && decided.is_none() {
        return Err(Error::NotFound);
    }
    let raw_contexts = query(
        "DELETE FROM raw_context WHERE decision_id IN (
            SELECT decision_id FROM decisions WHERE holder = $1)",
    )
    .bind(name)
    .execute(connection)
    .await?;
    let signal_events = forget_signals(connection, name).await?;
    let account_fields = match known {
        Some(row) => forget_person(connection, row.try_get("record")?).await?,
        None => 0,
    };
    let staff_texts = forget_texts(connection, name).await?;
    let card_numbers = card::forget_numbers(connection, (name, now)).await?;
    let signal_parties = 0;
    Ok(Erased {
        raw_contexts,
        signal_events,
        account_fields,
        signal_parties,
        staff_texts,
        card_numbers,
        time: now,
    })
}

/// What people wrote about reviews and restrictions goes; who did what, and when, stays.
async fn forget_texts(connection: &mut Connection, name: &str) -> Result<u64, Error> {
    let notes = query(
        "UPDATE review_notes SET text = '' WHERE text <> '' AND case_id IN (
            SELECT decision_id FROM decisions WHERE holder = $1)",
    )
    .bind(name)
    .execute(connection)
    .await?;
    let said = query(
        "UPDATE review_actions SET detail = ''
         WHERE detail <> '' AND kind <> $2 AND case_id IN (
            SELECT decision_id FROM decisions WHERE holder = $1)",
    )
    .bind(name)
    // Its detail is the note's id.
    .bind(ReviewActionKind::Noted.name())
    .execute(connection)
    .await?;
    let restrictions = query(
        "UPDATE restrictions SET note = '', lift_note = NULL
         WHERE account_id = $1 AND (note <> '' OR lift_note IS NOT NULL)",
    )
    .bind(name)
    .execute(connection)
    .await?;
    Ok(notes + said + restrictions)
}

/// The newest row of all stays without its content: else its sequence would be given once more.
async fn forget_signals(connection: &mut Connection, name: &str) -> Result<u64, Error> {
    let emptied = query(of_holder!(
        "UPDATE signal_events
         SET holder = '', decision_id = NULL, kind = 'erased', payload = '{}'
         WHERE seq = (SELECT MAX(seq) FROM signal_events) AND"
    ))
    .bind(name)
    .execute(connection)
    .await?;
    let deleted =
        query(of_holder!("DELETE FROM signal_events WHERE")).bind(name).execute(connection).await?;
    Ok(emptied + deleted)
}

async fn forget_person(connection: &mut Connection, record: &str) -> Result<u64, Error> {
    let account: Account = serde_json::from_str(record)?;
    let (erased, fields) = account.erased();
    if fields == 0 {
        return Ok(0);
    }
    // The time of the update stays: what the lender told then of a support plan still holds.
    query("UPDATE accounts SET version = version + 1, record = $2 WHERE account_id = $1")
        .bind(erased.id.as_str())
        .bind(serde_json::to_string(&erased)?)
        .execute(connection)
        .await?;
    Ok(fields)
}
