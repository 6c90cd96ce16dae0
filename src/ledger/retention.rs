//! Dropping what was kept long enough, a few rows at a time: commits go on in between.

use super::export::first_id_of;
use super::sql::{Statement, query};
use super::{Error, Ledger};
use crate::domain::Time;

/// Events by account and id: where a walk over them goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPlace {
    account: String,
    event: String,
}

impl Ledger {
    /// Drops at most so many raw contexts of decisions made before that time, the oldest first;
    /// gives how many.
    pub async fn drop_raw_contexts(&self, before: Time, limit: u32) -> Result<u64, Error> {
        // Ids begin with the time of their decision, and there is no other index by it.
        let end = first_id_of(before).to_string();
        self.write(move |connection| {
            let end = end.clone();
            Box::pin(async move {
                query(
                    "DELETE FROM raw_context WHERE decision_id IN (
                        SELECT decision_id FROM raw_context
                        WHERE decision_id < $1 AND time < $2 ORDER BY decision_id LIMIT $3)",
                )
                .bind(end)
                .bind(before.as_micros())
                .bind(i64::from(limit))
                .execute(connection)
                .await
            })
        })
        .await
    }

    /// Drops, of the rows that the signals were taught first, those of before that time, at most so
    /// many; gives how many. The newest row of all stays: its sequence must not be given again.
    pub async fn drop_signal_events(&self, before: Time, limit: u32) -> Result<u64, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                query(
                    "DELETE FROM signal_events
                     WHERE time < $1 AND seq < (SELECT MAX(seq) FROM signal_events) AND seq IN (
                        SELECT seq FROM signal_events ORDER BY seq LIMIT $2)",
                )
                .bind(before.as_micros())
                .bind(i64::from(limit))
                .execute(connection)
                .await
            })
        })
        .await
    }

    /// Walks over the lender's events, so many from `place` on, and drops those that happened and
    /// were recorded before that time; gives how many, and where the walk goes on. From then on
    /// none that happened before it is taken, so that no event ever counts twice. What was said
    /// last of a support plan holds until something else is said, so that is never dropped.
    pub async fn drop_events(
        &self,
        place: EventPlace,
        before: Time,
        limit: u32,
    ) -> Result<(u64, Option<EventPlace>), Error> {
        let mut connection = self.searchers.acquire().await?;
        let rows = query(
            "SELECT account_id, event_id, kind, time, recorded FROM events
             WHERE (account_id, event_id) > ($1, $2) ORDER BY account_id, event_id LIMIT $3",
        )
        .bind(&place.account)
        .bind(&place.event)
        .bind(i64::from(limit))
        .fetch_all(&mut connection)
        .await?;
        let (mut old, mut next) = (Vec::new(), None);
        for row in &rows {
            let kind: String = row.try_get("kind")?;
            let (time, recorded): (i64, i64) = (row.try_get("time")?, row.try_get("recorded")?);
            let place =
                EventPlace { account: row.try_get("account_id")?, event: row.try_get("event_id")? };
            if time.max(recorded) < before.as_micros() && kind != "support_plan" {
                old.push(place.clone());
            }
            next = Some(place);
        }
        let is_last = rows.len() < limit as usize;
        let dropped = if old.is_empty() { 0 } else { self.delete_events(old, before).await? };
        Ok((dropped, next.filter(|_| !is_last)))
    }

    async fn delete_events(&self, old: Vec<EventPlace>, before: Time) -> Result<u64, Error> {
        self.write(move |connection| {
            let old = old.clone();
            Box::pin(async move {
                query("UPDATE events_kept SET since = $1 WHERE since < $1")
                    .bind(before.as_micros())
                    .execute(connection)
                    .await?;
                let mut statement = Statement::new("WITH old (account, event) AS (");
                statement.push_values(&old, |mut row, place| {
                    row.push_bind(place.account.as_str()).push_bind(place.event.as_str());
                });
                statement.push(
                    ") DELETE FROM events
                    WHERE (account_id, event_id) IN (SELECT account, event FROM old)",
                );
                statement.cached(false).execute(connection).await
            })
        })
        .await
    }
}
