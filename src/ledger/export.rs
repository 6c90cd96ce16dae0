//! Decisions in order of time for those who analyse them: read page by page beside a service that
//! has the ledger open, all of it as of one moment.

use uuid::Uuid;

use super::decision::stored;
use super::sql::{Connection, query};
use super::{Error, Place};
use crate::domain::{DecisionId, DecisionRecord, Span, Time};

/// The decisions of a stretch of time; reads only.
#[derive(Debug)]
pub struct Export {
    connection: Connection,
    /// The first moment, and the first one after.
    times: (Time, Time),
    /// Ids begin with their time, and there is no other index by it.
    after: String,
    before: String,
}

impl Export {
    /// Opens a ledger that is there already, in use or not. All that is read is one snapshot.
    pub async fn open(place: &Place, times: (Time, Time)) -> Result<Export, Error> {
        let mut connection = place.beside().await?;
        connection.run(connection.engine().begin_snapshot()).await?;
        // The first statement in the transaction takes the snapshot.
        query("SELECT record, superseded_by FROM decisions LIMIT 0")
            .execute(&mut connection)
            .await
            .map_err(|error| place.unavailable("cannot be read as one", &error))?;
        // Within its millisecond a time says nothing of ids.
        let (after, before) = (first_id_of(times.0), first_id_of(times.1 + Span::micros(1_000)));
        Ok(Export { connection, times, after: after.to_string(), before: before.to_string() })
    }

    /// About how many there are: those of the first and last millisecond may not be meant.
    pub async fn count(&mut self) -> Result<u64, Error> {
        let row = query(
            "SELECT COUNT(*) AS decisions FROM decisions
             WHERE decision_id >= $1 AND decision_id <= $2",
        )
        .bind(&self.after)
        .bind(&self.before)
        .fetch_one(&mut self.connection)
        .await?;
        let count: i64 = row.try_get("decisions")?;
        Ok(count.unsigned_abs())
    }

    /// The next so many, in order of time; none at the end.
    pub async fn next(&mut self, limit: u32) -> Result<Vec<DecisionRecord>, Error> {
        let (from, until) = self.times;
        let rows = query(
            "SELECT * FROM decisions
             WHERE decision_id > $1 AND decision_id <= $2 AND created >= $3 AND created < $4
             ORDER BY decision_id LIMIT $5",
        )
        .bind(&self.after)
        .bind(&self.before)
        .bind(from.as_micros())
        .bind(until.as_micros())
        .bind(i64::from(limit))
        .fetch_all(&mut self.connection)
        .await?;
        let records: Vec<DecisionRecord> = rows.iter().map(stored).collect::<Result<_, _>>()?;
        if let Some(last) = records.last() {
            self.after = last.id.to_string();
        }
        Ok(records)
    }
}

/// The least id of that time or later (UUIDv7: RFC 9562, section 5.7).
pub(super) fn first_id_of(time: Time) -> DecisionId {
    let millis = u128::try_from(time.as_micros().div_euclid(1_000)).unwrap_or(0);
    // 48 bits of time before all else.
    DecisionId(Uuid::from_u128(millis.min((1 << 48) - 1) << 80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_millisecond_lie_between_its_first_id_and_the_next() {
        let time = Time::from_micros(1_800_000_000_123_999);
        let uuid = |millis, random: [u8; 10]| {
            DecisionId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
        };
        let (first, next) = (first_id_of(time), first_id_of(time + Span::micros(1)));
        for random in [[0; 10], [255; 10]] {
            assert!(uuid(1_800_000_000_122, random) < first);
            let own = uuid(1_800_000_000_123, random);
            assert!(first < own && own < next);
        }
        assert!(first_id_of(Time::from_micros(i64::MAX)) < DecisionId(Uuid::max()));
        assert_eq!(first_id_of(Time::from_micros(-1)), DecisionId(Uuid::nil()));
    }
}
