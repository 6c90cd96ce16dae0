//! What the signal store was taught, kept for its rebuild and apart from decisions.

use super::sql::{Connection, Engine, Row, Statement, query};
use super::{Error, Ledger};
use crate::domain::{DecisionId, Time};

/// One thing that the signal store was taught; keyed hashes with times, erasable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalRow {
    pub time: Time,
    pub kind: &'static str,
    /// JSON; its `parties` are where a misuse event later finds the parties of a decision.
    pub payload: String,
}

/// A stored signal row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSignal {
    /// Rises with every row; may leave gaps.
    pub seq: i64,
    pub time: Time,
    /// [`crate::domain::Holder::ledger_name`] of whom it is about.
    pub holder: String,
    pub decision: Option<DecisionId>,
    pub kind: String,
    pub payload: String,
}

impl Ledger {
    /// The payload of the latest row of `kind` that belongs to a decision.
    pub async fn signal_event(
        &self,
        decision: DecisionId,
        kind: &str,
    ) -> Result<Option<String>, Error> {
        let mut connection = self.readers.acquire().await?;
        query(
            "SELECT payload FROM signal_events WHERE decision_id = $1 AND kind = $2
             ORDER BY seq DESC LIMIT 1",
        )
        .bind(decision.to_string())
        .bind(kind)
        .fetch_value(&mut connection)
        .await
    }

    /// Rows after `after_seq` (0 for the first), in order.
    pub async fn signal_events(
        &self,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<StoredSignal>, Error> {
        rows_after(&mut self.readers.acquire().await?, after_seq, limit).await
    }

    /// The first and the last sequence; nothing was taught when the first is the later one.
    pub async fn signal_bounds(&self) -> Result<(i64, i64), Error> {
        let row = query(
            "SELECT CAST(COALESCE(MIN(seq), 1) AS BIGINT) AS oldest,
                CAST(COALESCE(MAX(seq), 0) AS BIGINT) AS newest FROM signal_events",
        )
        .fetch_one(&mut self.searchers.acquire().await?)
        .await?;
        Ok((row.try_get("oldest")?, row.try_get("newest")?))
    }

    /// Attempts of others than `holder` whose parties hold one of `keys`, newest first; of rows
    /// from the first sequence up to but without the second.
    pub async fn attempts_of(
        &self,
        keys: &[String],
        holder: &str,
        (from, before): (i64, i64),
        limit: usize,
    ) -> Result<Vec<StoredSignal>, Error> {
        let mut statement = Statement::new("SELECT * FROM signal_events WHERE seq >= ");
        statement.push_bind(from).push(" AND seq < ").push_bind(before);
        statement.push(" AND kind = 'attempt' AND holder <> ").push_bind(holder);
        statement.push(" AND (1 = 0");
        for key in keys {
            statement.push(" OR payload LIKE ").push_bind(format!("%{key}%"));
        }
        statement.push(") ORDER BY seq DESC LIMIT ");
        statement.push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = statement.fetch_all(&mut self.searchers.acquire().await?).await?;
        rows.iter().map(stored).collect()
    }

    /// The newest row.
    pub async fn last_signal_event(&self) -> Result<Option<StoredSignal>, Error> {
        let mut connection = self.readers.acquire().await?;
        let row = query("SELECT * FROM signal_events ORDER BY seq DESC LIMIT 1")
            .fetch_optional(&mut connection)
            .await?;
        row.as_ref().map(stored).transpose()
    }
}

/// Rows after `after_seq`, in order; none can appear among them later.
pub(super) async fn rows_after(
    connection: &mut Connection,
    after_seq: i64,
    limit: u32,
) -> Result<Vec<StoredSignal>, Error> {
    let last = settled(connection).await?;
    let rows =
        query("SELECT * FROM signal_events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3")
            .bind(after_seq)
            .bind(last)
            .bind(i64::from(limit))
            .fetch_all(connection)
            .await?;
    rows.iter().map(stored).collect()
}

/// A number up to which every row is there that ever will be. PostgreSQL gives numbers when rows
/// are written, not when they are committed; whoever has taken one holds the table until then.
async fn settled(connection: &mut Connection) -> Result<i64, Error> {
    if connection.engine() == Engine::Sqlite {
        return Ok(i64::MAX);
    }
    let taken = query("SELECT last_value FROM signal_events_seq_seq");
    let taken = taken.fetch_value(connection).await?.unwrap_or(0);
    // As one statement, which leaves no transaction behind when it waits in vain.
    connection.run("DO $$ BEGIN LOCK TABLE signal_events IN SHARE MODE; END $$").await?;
    Ok(taken)
}

fn stored(row: &Row) -> Result<StoredSignal, Error> {
    let decision: Option<String> = row.try_get("decision_id")?;
    let decision = decision.map(|id| DecisionId::parse(&id)).transpose();
    Ok(StoredSignal {
        seq: row.try_get("seq")?,
        time: Time::from_micros(row.try_get("time")?),
        holder: row.try_get("holder")?,
        decision: decision.map_err(|_| Error::corrupt("a signal row names no decision"))?,
        kind: row.try_get("kind")?,
        payload: row.try_get("payload")?,
    })
}

/// A signal row with whom and what it belongs to.
pub(super) struct Taught<'s> {
    pub holder: String,
    pub decision: Option<DecisionId>,
    pub row: &'s SignalRow,
}

/// Adds what inserts `taught` to a statement; of nothing there is no such statement.
pub(super) fn push<'t>(statement: &mut Statement<'t>, taught: &[Taught<'t>]) {
    statement.push("INSERT INTO signal_events (time, holder, decision_id, kind, payload) ");
    statement.push_values(taught, |mut row, taught| {
        row.push_bind(taught.row.time.as_micros())
            .push_bind(taught.holder.clone())
            .push_bind(taught.decision.map(|id| id.to_string()))
            .push_bind(taught.row.kind)
            .push_bind(taught.row.payload.as_str());
    });
}

pub(super) async fn teach(connection: &mut Connection, taught: &[Taught<'_>]) -> Result<(), Error> {
    let mut statement = Statement::new("");
    push(&mut statement, taught);
    if !taught.is_empty() {
        statement.execute(connection).await?;
    }
    Ok(())
}
