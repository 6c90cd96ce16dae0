//! Who of the staff has read what: rows that are added, and dropped when they are past their age.

use std::sync::Arc;

use super::sql::{Connection, Row, Statement, query};
use super::{Error, Ledger, Place};
use crate::domain::{AccountId, DecisionId, Role, Seen, StaffRead, Time};

/// Which reads are looked for; an empty field narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct ReadFilter {
    /// Asked for, or the holder of a decision that was shown.
    pub account: Option<AccountId>,
    pub decision: Option<DecisionId>,
    pub caller: Option<String>,
    /// First moment.
    pub from: Option<Time>,
    /// First moment after.
    pub until: Option<Time>,
}

/// Reads in the order in which they were recorded, page by page beside a service that has the
/// ledger open; reads only.
#[derive(Debug)]
pub struct Reads {
    connection: Connection,
    filter: ReadFilter,
    /// The last row that was given.
    after: i64,
}

impl Ledger {
    /// Keeps a read. When a connection was lost it may be kept twice: better than not at all.
    pub async fn record_read(&self, read: StaffRead) -> Result<(), Error> {
        let read = Arc::new(read);
        self.write(move |connection| {
            let read = Arc::clone(&read);
            Box::pin(async move { insert(connection, &read).await })
        })
        .await
    }

    /// Drops, of the reads that were recorded first, those of before that time, at most so many;
    /// gives how many.
    pub async fn drop_staff_reads(&self, before: Time, limit: u32) -> Result<u64, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                query(
                    "DELETE FROM staff_reads
                     WHERE time < $1 AND seq IN (
                        SELECT seq FROM staff_reads ORDER BY seq LIMIT $2)",
                )
                .bind(before.as_micros())
                .bind(i64::from(limit))
                .execute(connection)
                .await
            })
        })
        .await
    }
}

async fn insert(connection: &mut Connection, read: &StaffRead) -> Result<(), Error> {
    let Seen { account, decisions, criteria } = &read.seen;
    query(
        "INSERT INTO staff_reads (time, caller, role, call, account_id, decisions, criteria)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(read.time.as_micros())
    .bind(&read.caller)
    .bind(read.role.name())
    .bind(&read.call)
    .bind(account.as_ref().map(AccountId::as_str))
    .bind(decisions.iter().fold(String::from(" "), |ids, id| format!("{ids}{id} ")))
    .bind(criteria)
    .execute(connection)
    .await?;
    Ok(())
}

impl Reads {
    /// Opens a ledger that is there already, in use or not. All that is read is one snapshot.
    pub async fn open(place: &Place, filter: ReadFilter) -> Result<Reads, Error> {
        let mut connection = place.beside().await?;
        connection.run(connection.engine().begin_snapshot()).await?;
        // The first statement in the transaction takes the snapshot.
        query("SELECT seq FROM staff_reads LIMIT 0")
            .execute(&mut connection)
            .await
            .map_err(|error| place.unavailable("cannot be read as one", &error))?;
        Ok(Reads { connection, filter, after: i64::MIN })
    }

    /// The next so many; none at the end.
    pub async fn next(&mut self, limit: u32) -> Result<Vec<StaffRead>, Error> {
        let rows = statement(&self.filter, self.after, limit);
        let rows = rows.fetch_all(&mut self.connection).await?;
        if let Some(last) = rows.last() {
            self.after = last.try_get("seq")?;
        }
        rows.iter().map(stored).collect()
    }
}

fn statement(filter: &ReadFilter, after: i64, limit: u32) -> Statement<'_> {
    let mut statement = Statement::new("SELECT * FROM staff_reads WHERE seq > ");
    statement.push_bind(after);
    if let Some(account) = &filter.account {
        statement.push(" AND (account_id = ").push_bind(account.as_str());
        // Lists show decisions of many.
        statement.push(" OR account_id IS NULL AND decisions <> ' ' AND EXISTS (");
        statement.push("SELECT 1 FROM decisions AS shown WHERE shown.holder = ");
        statement.push_bind(account.as_str());
        statement.push(" AND staff_reads.decisions LIKE '% ' || shown.decision_id || ' %'))");
    }
    if let Some(decision) = filter.decision {
        statement.push(" AND decisions LIKE ").push_bind(format!("% {decision} %"));
    }
    if let Some(caller) = &filter.caller {
        statement.push(" AND caller = ").push_bind(caller.as_str());
    }
    for (sign, time) in [(">=", filter.from), ("<", filter.until)] {
        if let Some(time) = time {
            statement.push(format_args!(" AND time {sign} ")).push_bind(time.as_micros());
        }
    }
    statement.push(" ORDER BY seq LIMIT ").push_bind(i64::from(limit));
    statement
}

fn stored(row: &Row) -> Result<StaffRead, Error> {
    let odd = || Error::corrupt("a read of the staff is not what was recorded");
    let account: Option<&str> = row.try_get("account_id")?;
    let account = account.map(AccountId::parse).transpose().map_err(|_| odd())?;
    let decisions: &str = row.try_get("decisions")?;
    let decisions = decisions.split_whitespace().map(DecisionId::parse).collect::<Result<_, _>>();
    Ok(StaffRead {
        time: Time::from_micros(row.try_get("time")?),
        caller: row.try_get("caller")?,
        role: Role::from_name(row.try_get("role")?).ok_or_else(odd)?,
        call: row.try_get("call")?,
        seen: Seen {
            account,
            decisions: decisions.map_err(|_| odd())?,
            criteria: row.try_get("criteria")?,
        },
    })
}
