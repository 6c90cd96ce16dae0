//! Exposure within the limit: what a group of assessments finds, and the write that reserves.

use std::collections::HashSet;

use crate::domain::Outcome;
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
    /// Free of the limit; looked up only where exposure is asked for.
    pub headroom: i64,
}

/// Looks everything up that decides about a group, in the order of `group`.
pub(super) async fn look(
    connection: &mut Connection,
    group: &[Box<Prepared>],
) -> Result<Vec<Found>, Error> {
    let mut statement = Statement::new(
        "WITH asked (position, caller, call, request_id, decision_id, reference, replaces,
                     case_version, resolver, holder, currency, exposure, guest_limit, now) AS (",
    );
    statement.push_values(group.iter().enumerate(), |mut row, (position, prepared)| {
        let commit = &prepared.commit;
        row.push_bind(position as i64)
            .push_bind(commit.key.caller.as_str())
            .push_bind(commit.key.call)
            .push_bind(commit.key.request_id.to_string())
            .push_bind(commit.record.id.to_string())
            .push_bind(commit.record.reference.as_str())
            .push_bind(commit.supersedes.map(|id| id.to_string()))
            .push_bind(commit.resolution.as_ref().map(|resolution| resolution.version))
            .push_bind(commit.resolution.as_ref().map(|one| one.action.actor.as_str()))
            .push_bind(commit.record.holder.ledger_name())
            .push_bind(commit.record.amount.currency().code())
            .push_bind(commit.record.exposure())
            .push_bind(prepared.guest_limit())
            .push_bind(commit.record.created.as_micros());
    });
    statement.push(format_args!(
        ") SELECT
            CASE WHEN EXISTS (
                SELECT 1 FROM answers WHERE answers.caller = asked.caller
                AND answers.call = asked.call AND answers.request_id = asked.request_id
            ) THEN 1 ELSE 0 END AS answered,
            CASE WHEN EXISTS (
                SELECT 1 FROM decisions WHERE decisions.reference = asked.reference
                OR decisions.decision_id = asked.decision_id
            ) THEN 1 ELSE 0 END AS taken,
            CASE WHEN asked.replaces IS NULL OR EXISTS (
                SELECT 1 FROM decisions WHERE decisions.decision_id = asked.replaces
                AND outcome = '{pending}' AND canceled IS NULL AND superseded_by IS NULL
                AND (lapses IS NULL OR lapses > asked.now)
            ) THEN 1 ELSE 0 END AS replaceable,
            CASE WHEN asked.case_version IS NULL OR EXISTS (
                SELECT 1 FROM review_cases WHERE review_cases.case_id = asked.replaces
                AND version = asked.case_version AND resolved IS NULL
                AND claimant = asked.resolver AND claim_ends > asked.now
            ) THEN 1 ELSE 0 END AS resolvable,
            CASE WHEN asked.exposure > 0 THEN {LIMIT} - ({HELD}) ELSE 0 END AS headroom
        FROM asked ORDER BY asked.position",
        pending = Outcome::ManualReview,
    ));
    let rows = statement.cached(cached(group.len())).fetch_all(connection).await?;
    if rows.len() != group.len() {
        return Err(Error::corrupt("a look-up answered another number of rows than were asked"));
    }
    rows.iter()
        .map(|row| {
            Ok(Found {
                answered: row.flag("answered")?,
                taken: row.flag("taken")?,
                replaceable: row.flag("replaceable")?,
                resolvable: row.flag("resolvable")?,
                headroom: row.try_get("headroom")?,
            })
        })
        .collect()
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
