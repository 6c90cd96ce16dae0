//! Exposure within the limit: what a group of assessments finds, and the write that reserves.

use std::collections::HashSet;

use crate::domain::{Holder, Outcome};
use crate::ledger::Error;
use crate::ledger::assess::Prepared;
use crate::ledger::sql::{Connection, Row, Statement};

/// The limit in force of `asked.holder`. An account's limit counts in its own currency only.
pub(in crate::ledger) const LIMIT: &str = "COALESCE(
    (SELECT credit_limit FROM accounts
     WHERE account_id = asked.holder AND accounts.currency = asked.currency),
    asked.guest_limit, 0)";

/// What `asked.holder` has used of it at `asked.now`.
pub(in crate::ledger) const HELD: &str =
    "(SELECT CAST(COALESCE(SUM(outstanding), 0) AS BIGINT) FROM plans
     WHERE plans.holder = asked.holder AND outstanding > 0)
  + (SELECT CAST(COALESCE(SUM(amount - captured), 0) AS BIGINT) FROM reservations
     WHERE reservations.holder = asked.holder AND released IS NULL AND expires > asked.now)";

/// What the ledger holds against one assessment of a group.
pub(super) struct Found {
    pub answered: bool,
    /// The reference or the id belongs to another decision.
    pub taken: bool,
    /// The decision to replace is pending, or there is none to replace.
    pub replaceable: bool,
    /// The case to resolve is what was read, or there is none to resolve.
    pub resolvable: bool,
    /// Free of the limit; looked up only where several of the group ask the same holder's. Who
    /// asks alone is judged by the write that reserves.
    pub headroom: Option<i64>,
}

/// Looks everything up that decides about a group, in the order of `group`: of each assessment
/// only what its kind needs, since every value that is sent along costs as much as finding it.
pub(super) async fn look(
    connection: &mut Connection,
    group: &[Box<Prepared>],
) -> Result<Vec<Found>, Error> {
    let mut found = look_for_keys(connection, group).await?;
    look_for_replaced(connection, group, &mut found).await?;
    look_for_headroom(connection, group, &mut found).await?;
    Ok(found)
}

async fn look_for_keys(
    connection: &mut Connection,
    group: &[Box<Prepared>],
) -> Result<Vec<Found>, Error> {
    let mut statement = Statement::new(
        "WITH asked (position, caller, call, request_id, decision_id, reference) AS (",
    );
    statement.push_values(group.iter().enumerate(), |mut row, (position, prepared)| {
        let commit = &prepared.commit;
        row.push_bind(position as i64)
            .push_bind(commit.key.caller.as_str())
            .push_bind(commit.key.call)
            .push_bind(commit.key.request_id.to_string())
            .push_bind(commit.record.id.to_string())
            .push_bind(commit.record.reference.as_str());
    });
    statement.push(
        ") SELECT
            CASE WHEN EXISTS (
                SELECT 1 FROM answers WHERE answers.caller = asked.caller
                AND answers.call = asked.call AND answers.request_id = asked.request_id
            ) THEN 1 ELSE 0 END AS answered,
            CASE WHEN EXISTS (
                SELECT 1 FROM decisions WHERE decisions.reference = asked.reference
                OR decisions.decision_id = asked.decision_id
            ) THEN 1 ELSE 0 END AS taken
        FROM asked ORDER BY asked.position",
    );
    let rows = statement.cached(cached(group.len())).fetch_all(connection).await?;
    if rows.len() != group.len() {
        return Err(Error::corrupt("a look-up answered another number of rows than were asked"));
    }
    let found = |row: &Row| {
        let (answered, taken) = (row.flag("answered")?, row.flag("taken")?);
        Ok(Found { answered, taken, replaceable: true, resolvable: true, headroom: None })
    };
    rows.iter().map(found).collect()
}

async fn look_for_replaced(
    connection: &mut Connection,
    group: &[Box<Prepared>],
    found: &mut [Found],
) -> Result<(), Error> {
    let commits = group.iter().map(|prepared| &prepared.commit).enumerate();
    let replacing: Vec<_> = commits.filter(|(_, commit)| commit.supersedes.is_some()).collect();
    if replacing.is_empty() {
        return Ok(());
    }
    let mut statement =
        Statement::new("WITH asked (position, replaces, case_version, resolver, now) AS (");
    statement.push_values(replacing, |mut row, (position, commit)| {
        row.push_bind(position as i64)
            .push_bind(commit.supersedes.map(|id| id.to_string()))
            .push_bind(commit.resolution.as_ref().map(|resolution| resolution.version))
            .push_bind(commit.resolution.as_ref().map(|one| one.action.actor.as_str()))
            .push_bind(commit.record.created.as_micros());
    });
    statement.push(format_args!(
        ") SELECT position,
            CASE WHEN EXISTS (
                SELECT 1 FROM decisions WHERE decisions.decision_id = asked.replaces
                AND outcome = '{pending}' AND canceled IS NULL AND superseded_by IS NULL
                AND (lapses IS NULL OR lapses > asked.now)
            ) THEN 1 ELSE 0 END AS replaceable,
            CASE WHEN asked.case_version IS NULL OR EXISTS (
                SELECT 1 FROM review_cases WHERE review_cases.case_id = asked.replaces
                AND version = asked.case_version AND resolved IS NULL
                AND claimant = asked.resolver AND claim_ends > asked.now
            ) THEN 1 ELSE 0 END AS resolvable
        FROM asked",
        pending = Outcome::ManualReview,
    ));
    for row in statement.cached(false).fetch_all(connection).await? {
        let found = at(found, &row)?;
        found.replaceable = row.flag("replaceable")?;
        found.resolvable = row.flag("resolvable")?;
    }
    Ok(())
}

async fn look_for_headroom(
    connection: &mut Connection,
    group: &[Box<Prepared>],
    found: &mut [Found],
) -> Result<(), Error> {
    let contended = contended(group);
    let asking: Vec<_> = group
        .iter()
        .enumerate()
        .filter(|(_, prepared)| contended.contains(&prepared.commit.record.holder))
        .collect();
    if asking.is_empty() {
        return Ok(());
    }
    let mut statement =
        Statement::new("WITH asked (position, holder, currency, guest_limit, now) AS (");
    statement.push_values(asking, |mut row, (position, prepared)| {
        let record = &prepared.commit.record;
        row.push_bind(position as i64)
            .push_bind(record.holder.ledger_name())
            .push_bind(record.amount.currency().code())
            .push_bind(prepared.guest_limit())
            .push_bind(record.created.as_micros());
    });
    statement.push(format_args!(") SELECT position, {LIMIT} - ({HELD}) AS headroom FROM asked"));
    for row in statement.cached(false).fetch_all(connection).await? {
        at(found, &row)?.headroom = Some(row.try_get("headroom")?);
    }
    Ok(())
}

/// What a row is about.
fn at<'f>(found: &'f mut [Found], row: &Row) -> Result<&'f mut Found, Error> {
    let position: i64 = row.try_get("position")?;
    let found = usize::try_from(position).ok().and_then(|position| found.get_mut(position));
    found.ok_or_else(|| Error::corrupt("a look-up answered what was not asked"))
}

/// Holders of whom several in the group ask exposure.
fn contended(group: &[Box<Prepared>]) -> HashSet<&Holder> {
    let records = group.iter().map(|prepared| &prepared.commit.record);
    let mut seen = HashSet::new();
    let asking = records.filter(|record| record.exposure() > 0).map(|record| &record.holder);
    asking.filter(|holder| !seen.insert(*holder)).collect()
}

/// One reservation to make. `before` is what earlier ones of the same holder in this group take.
pub(super) struct Asked<'g> {
    pub position: usize,
    pub prepared: &'g Prepared,
    pub before: i64,
}

/// Reserves what the limits in force allow, and answers the positions that were reserved. The
/// condition is part of the write, whatever was looked up before.
pub(super) async fn reserve(
    connection: &mut Connection,
    asked: &[Asked<'_>],
) -> Result<HashSet<usize>, Error> {
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    let mut statement = Statement::new(
        "INSERT INTO reservations
            (decision_id, holder, amount, captured, created, expires, limit_then, held_then)
        WITH asked (decision_id, holder, currency, amount, before, guest_limit, now, ends, is_card)
        AS (",
    );
    statement.push_values(asked, |mut row, asked| {
        let record = &asked.prepared.commit.record;
        // An approval without an end holds until it is captured or cancelled.
        let ends = record.decision.expires.map_or(i64::MAX, |end| end.as_micros());
        row.push_bind(record.id.to_string())
            .push_bind(record.holder.ledger_name())
            .push_bind(record.amount.currency().code())
            .push_bind(record.exposure())
            .push_bind(asked.before)
            .push_bind(asked.prepared.guest_limit())
            .push_bind(record.created.as_micros())
            .push_bind(ends)
            .push_bind(i64::from(record.card.is_some()));
    });
    statement.push(format_args!(
        "), judged AS (
            SELECT asked.*, {LIMIT} AS limit_then, {HELD} + before + amount AS held_then
            FROM asked
        )
        SELECT decision_id, holder, amount, 0, now,
            -- A hold that begins later ends a card then (card/until.rs).
            CASE WHEN is_card = 1 THEN MIN(ends, COALESCE((
                SELECT MIN(starts) FROM restrictions
                WHERE account_id = holder AND starts > now
                    AND kind IN ('SECURITY', 'SANCTIONS', 'COMPLIANCE')
                    AND (lifted IS NULL OR lifted > starts)
            ), ends)) ELSE ends END,
            limit_then, held_then
        FROM judged WHERE held_then <= limit_then
        RETURNING decision_id",
    ));
    let rows = statement.cached(cached(asked.len())).fetch_all(connection).await?;
    let reserved: HashSet<String> = rows.iter().map(Row::first).collect::<Result<_, _>>()?;
    let held = |asked: &&Asked| reserved.contains(&asked.prepared.commit.record.id.to_string());
    Ok(asked.iter().filter(held).map(|asked| asked.position).collect())
}

/// Whether the statement for so many rows is worth a place among the prepared ones: small groups
/// are frequent, and each size is a statement of its own.
pub(super) fn cached(rows: usize) -> bool {
    rows <= 8
}
