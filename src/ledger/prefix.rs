//! Dropping decisions that were kept long enough: whole prefixes of the chains, each behind a
//! checkpoint from which the rest is still proved, and those of before the chains one by one.

use super::chain::{HASH_LEN, hash_of};
use super::checkpoint::{self, Checkpoint, NO_CHAIN};
use super::sql::{Connection, Row, Statement, query};
use super::{Error, Ledger};
use crate::domain::{ReasonCode, Time};

/// What belongs to a decision and goes with it, by the column that names the decision. What is owed
/// and was repaid, restrictions and what was told stay; a plan takes over what its shop calls it,
/// so that refunds, returns and disputes find it.
const BELONGINGS: [(&str, &str); 5] = [
    ("raw_context", "decision_id"),
    ("reservations", "decision_id"),
    ("review_notes", "case_id"),
    ("review_actions", "case_id"),
    ("review_cases", "case_id"),
];

/// Whether a decision reserved something at `$1` or later.
macro_rules! holds {
    () => {
        "EXISTS (
            SELECT 1 FROM reservations WHERE reservations.decision_id = decisions.decision_id
                AND released IS NULL AND reservations.captured < reservations.amount
                AND reservations.expires > $1
        )"
    };
}

/// A link that may go.
struct Old {
    link: i64,
    decision: String,
    hash: Vec<u8>,
}

impl Ledger {
    /// Drops, from the beginning of each chain, at most so many decisions that were made before
    /// that time; gives how many. The first younger one keeps all behind it, and so does one that
    /// still reserved something by then. Decisions of before the chains go first, by their age
    /// alone.
    pub async fn drop_decisions(&self, before: Time, limit: u32) -> Result<u64, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                // One process at a time: another one's checkpoint must not be put back.
                connection.touch(&[""]).await?;
                let dropped = drop_unlinked(connection, before, limit).await?;
                if dropped >= u64::from(limit) {
                    return Ok(dropped);
                }
                Ok(dropped + drop_prefixes(connection, before, limit).await?)
            })
        })
        .await
    }

    /// Drops at most so many answers that were given before that time; gives how many.
    pub async fn drop_answers(&self, before: Time, limit: u32) -> Result<u64, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                query(
                    "DELETE FROM answers WHERE (caller, call, request_id) IN (
                        SELECT caller, call, request_id FROM answers
                        WHERE time < $1 ORDER BY time LIMIT $2)",
                )
                .bind(before.as_micros())
                .bind(i64::from(limit))
                .execute(connection)
                .await
            })
        })
        .await
    }

    /// Drops at most so many entries a reason by which decisions made before that time are found;
    /// gives the most of one reason.
    pub async fn drop_codes(&self, before: Time, limit: u32) -> Result<u64, Error> {
        self.write(move |connection| {
            Box::pin(async move {
                let mut most = 0;
                for code in ReasonCode::ALL {
                    let dropped = query(
                        "DELETE FROM decision_codes WHERE code = $1 AND (created, decision_id) IN (
                            SELECT created, decision_id FROM decision_codes
                            WHERE code = $1 AND created < $2 ORDER BY created LIMIT $3)",
                    )
                    .bind(i64::from(code.number()))
                    .bind(before.as_micros())
                    .bind(i64::from(limit))
                    .execute(connection)
                    .await?;
                    most = most.max(dropped);
                }
                Ok(most)
            })
        })
        .await
    }
}

async fn drop_prefixes(
    connection: &mut Connection,
    before: Time,
    limit: u32,
) -> Result<u64, Error> {
    let chains: Vec<i64> =
        query("SELECT chain FROM chains ORDER BY chain").fetch_values(connection).await?;
    let mut dropped = 0;
    for chain in chains {
        let old = prefix(connection, chain, (before, limit)).await?;
        let Some(last) = old.last() else { continue };
        query("UPDATE chains SET base = $2, base_hash = $3 WHERE chain = $1")
            .bind(chain)
            .bind(last.link)
            .bind(last.hash.clone())
            .execute(connection)
            .await?;
        query("DELETE FROM links WHERE chain = $1 AND link <= $2")
            .bind(chain)
            .bind(last.link)
            .execute(connection)
            .await?;
        let checkpoint = Checkpoint {
            chain,
            base: last.link,
            base_hash: hash_of(last.hash.clone())?,
            dropped: i64::try_from(old.len()).unwrap_or(i64::MAX),
            made_before: before,
        };
        checkpoint::append(connection, &checkpoint).await?;
        let old: Vec<String> = old.into_iter().map(|old| old.decision).collect();
        forget(connection, &old).await?;
        dropped += old.len() as u64;
    }
    Ok(dropped)
}

/// Drops decisions that have no link because they are older than the chains. What is listed and
/// not there was tampered with: it stays listed, and counted.
async fn drop_unlinked(
    connection: &mut Connection,
    before: Time,
    limit: u32,
) -> Result<u64, Error> {
    let old: Vec<String> = query(concat!(
        "SELECT decisions.decision_id FROM unlinked_decisions AS listed
         JOIN decisions ON decisions.decision_id = listed.decision_id
         WHERE listed.created < $1 AND NOT ",
        holds!(),
        " ORDER BY listed.created LIMIT $2",
    ))
    .bind(before.as_micros())
    .bind(i64::from(limit))
    .fetch_values(connection)
    .await?;
    let dropped = i64::try_from(old.len()).unwrap_or(i64::MAX);
    if old.is_empty() {
        return Ok(0);
    }
    let left = query("UPDATE unlinked SET decisions = decisions - $1 RETURNING decisions")
        .bind(dropped)
        .fetch_one(connection)
        .await?
        .try_get("decisions")?;
    let (chain, base_hash) = (NO_CHAIN, [0; HASH_LEN]);
    let checkpoint = Checkpoint { chain, base: left, base_hash, dropped, made_before: before };
    checkpoint::append(connection, &checkpoint).await?;
    of(&old, "DELETE FROM unlinked_decisions WHERE decision_id IN ").execute(connection).await?;
    forget(connection, &old).await?;
    Ok(old.len() as u64)
}

/// The links at the beginning of a chain whose decisions are old enough. One whose decision is not
/// there ends it: what was tampered with is not dropped.
async fn prefix(
    connection: &mut Connection,
    chain: i64,
    (before, limit): (Time, u32),
) -> Result<Vec<Old>, Error> {
    let rows = query(concat!(
        "SELECT links.link, links.decision_id, links.hash, decisions.created,
            CAST(CASE WHEN ",
        holds!(),
        " THEN 1 ELSE 0 END AS BIGINT) AS holds
         FROM chains JOIN links ON links.chain = chains.chain AND links.link > chains.base
         LEFT JOIN decisions ON decisions.decision_id = links.decision_id
         WHERE chains.chain = $2 ORDER BY links.link LIMIT $3",
    ))
    .bind(before.as_micros())
    .bind(chain)
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let is_old = |row: &&Row| {
        let created: Option<i64> = row.try_get("created").ok().flatten();
        let holds = row.flag("holds").unwrap_or(true);
        created.is_some_and(|created| created < before.as_micros()) && !holds
    };
    let old = |row: &Row| {
        Ok(Old {
            link: row.try_get("link")?,
            decision: row.try_get("decision_id")?,
            hash: row.try_get("hash")?,
        })
    };
    rows.iter().take_while(is_old).map(old).collect()
}

/// A statement that ends with a list of decisions.
fn of<'o>(old: &'o [String], text: impl Into<String>) -> Statement<'o> {
    let mut statement = Statement::new(text).cached(false);
    statement.push_tuples(old, |mut row, decision| {
        row.push_bind(decision.as_str());
    });
    statement
}

async fn forget(connection: &mut Connection, old: &[String]) -> Result<(), Error> {
    let plans = "UPDATE plans SET order_reference = decisions.order_reference FROM decisions
         WHERE plans.holder = decisions.holder AND plans.plan_id = decisions.decision_id
            AND decisions.order_reference IS NOT NULL AND decisions.decision_id IN ";
    of(old, plans).execute(connection).await?;
    for (table, column) in BELONGINGS {
        of(old, format!("DELETE FROM {table} WHERE {column} IN ")).execute(connection).await?;
    }
    let mut authorizations = of(
        old,
        "DELETE FROM card_authorizations WHERE card_id IN (
            SELECT card_id FROM cards WHERE decision_id IN ",
    );
    authorizations.push(")");
    authorizations.execute(connection).await?;
    of(old, "DELETE FROM cards WHERE decision_id IN ").execute(connection).await?;
    of(old, "DELETE FROM decisions WHERE decision_id IN ").execute(connection).await?;
    Ok(())
}
