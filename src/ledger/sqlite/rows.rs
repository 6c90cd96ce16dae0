//! Rows of many assessments in one trip to the database.
//!
//! sqlx hands every statement to a thread of the connection, which costs more than a row does.
//! So the inserts of a group are statements of many rows, sent together.

use super::chain::Chain;
use super::reserve::cached;
use super::writer::GROUP_MAX;
use crate::domain::{Card, Holder, RestrictionOrigin, ReviewCaseState, Time};
use crate::ledger::assess::{AssessCommit, Prepared};
use crate::ledger::decision::codes;
use crate::ledger::review_write::push_actions;
use crate::ledger::signal::Taught;
use crate::ledger::sql::{Connection, Statement};
use crate::ledger::{Error, signal};

/// Parameters that SQLite binds to one statement, and the columns of the widest row.
const PARAMETERS_MAX: usize = 32_766;
const COLUMNS_MAX: usize = 19;
const _: () = assert!(GROUP_MAX * COLUMNS_MAX <= PARAMETERS_MAX);

/// Writes all that `group` leaves, apart from its reservations.
pub(super) async fn insert(
    connection: &mut Connection,
    chain: &mut Chain,
    group: &[&Prepared],
) -> Result<(), Error> {
    if group.is_empty() {
        return Ok(());
    }
    let mut statement = Statement::new("");
    push_decisions(&mut statement, group);
    push_answers(&mut statement, group);
    push_signals(&mut statement, group);
    push_raw_contexts(&mut statement, group);
    push_restrictions(&mut statement, group);
    push_cards(&mut statement, group);
    push_superseded(&mut statement, group);
    push_cases(&mut statement, group);
    push_resolved(&mut statement, group);
    chain.push_links(&mut statement, group);
    statement.cached(cached(group.len())).execute(connection).await?;
    Ok(())
}

fn push_decisions<'g>(statement: &mut Statement<'g>, group: &[&'g Prepared]) {
    statement.push(
        "INSERT INTO decisions (decision_id, reference, caller, holder, merchant,
            order_reference, product, outcome, currency, amount, exposure, basket, created,
            expires, lapses, captured, codes, record, facts) ",
    );
    statement.push_values(group, |mut row, prepared| {
        let commit = &prepared.commit;
        let record = &commit.record;
        row.push_bind(record.id.to_string())
            .push_bind(record.reference.as_str())
            .push_bind(record.caller.as_str())
            .push_bind(record.holder.ledger_name())
            .push_bind(record.merchant.as_str())
            .push_bind(record.order_reference.as_deref())
            .push_bind(record.product.name())
            .push_bind(record.decision.outcome.name())
            .push_bind(record.amount.currency().code())
            .push_bind(record.amount.minor())
            .push_bind(record.exposure())
            .push_bind(commit.basket_hash.map_or(Vec::new(), |hash| hash.to_vec()))
            .push_bind(record.created.as_micros())
            .push_bind(record.decision.expires.map(Time::as_micros))
            .push_bind(record.lapses().map(Time::as_micros))
            .push_bind(0_i64)
            .push_bind(codes(record))
            .push_bind(prepared.record_json.as_str())
            .push_bind(commit.facts.as_str());
    });
}

fn push_answers<'g>(statement: &mut Statement<'g>, group: &[&'g Prepared]) {
    statement.push("; INSERT INTO answers (caller, call, request_id, hash, decision_id, time) ");
    statement.push_values(group, |mut row, prepared| {
        let commit = &prepared.commit;
        row.push_bind(commit.key.caller.as_str())
            .push_bind(commit.key.call)
            .push_bind(commit.key.request_id.to_string())
            .push_bind(commit.hash.to_vec())
            .push_bind(commit.record.id.to_string())
            .push_bind(commit.record.created.as_micros());
    });
}

fn push_signals<'g>(statement: &mut Statement<'g>, group: &[&'g Prepared]) {
    let taught: Vec<Taught> = group
        .iter()
        .filter_map(|prepared| {
            let AssessCommit { record, signal_event, .. } = &prepared.commit;
            let (holder, decision) = (record.holder.ledger_name(), Some(record.id));
            Some(Taught { holder, decision, row: signal_event.as_ref()? })
        })
        .collect();
    if !taught.is_empty() {
        statement.push("; ");
        signal::push(statement, &taught);
    }
}

fn push_raw_contexts<'g>(statement: &mut Statement<'g>, group: &[&'g Prepared]) {
    let mut contexts = group
        .iter()
        .filter_map(|prepared| Some((prepared, prepared.commit.raw_context.as_deref()?)))
        .peekable();
    if contexts.peek().is_none() {
        return;
    }
    statement.push("; INSERT INTO raw_context (decision_id, holder, time, payload) ");
    statement.push_values(contexts, |mut row, (prepared, payload)| {
        row.push_bind(prepared.commit.record.id.to_string())
            .push_bind(prepared.commit.record.holder.ledger_name())
            .push_bind(prepared.commit.record.created.as_micros())
            .push_bind(payload);
    });
}

/// A restriction that a decision sets has the decision's id: one decision sets at most one.
fn push_restrictions<'g>(statement: &mut Statement<'g>, group: &[&'g Prepared]) {
    let mut restrictions = group
        .iter()
        .filter_map(|prepared| match (&prepared.commit.record, &prepared.commit.record.holder) {
            // A guest has no account that could be restricted.
            (record, Holder::Account(account)) => {
                Some((record, account, record.decision.restriction?))
            }
            (_, Holder::Guest(_)) => None,
        })
        .peekable();
    if restrictions.peek().is_none() {
        return;
    }
    statement.push(
        "; INSERT INTO restrictions
            (restriction_id, account_id, kind, code, starts, ends, note, origin) ",
    );
    statement.push_values(restrictions, |mut row, (record, account, restriction)| {
        row.push_bind(record.id.to_string())
            .push_bind(account.as_str())
            .push_bind(restriction.kind.name())
            .push_bind(restriction.code.name())
            .push_bind(record.created.as_micros())
            .push_bind(restriction.end.as_micros())
            .push_bind(format!("set by decision {}", record.reference.as_str()))
            .push_bind(RestrictionOrigin::Policy.name());
    });
}

/// The card that an approval grants is there from the same commit on.
fn push_cards(statement: &mut Statement<'_>, group: &[&Prepared]) {
    let mut cards =
        group.iter().filter_map(|prepared| Card::granted(&prepared.commit.record)).peekable();
    if cards.peek().is_none() {
        return;
    }
    statement.push(
        "; INSERT INTO cards (card_id, decision_id, holder, merchant, merchant_locked, currency,
            amount, tolerance, created, expires, opened, captured) ",
    );
    statement.push_values(cards, |mut row, card| {
        row.push_bind(card.id.to_string())
            .push_bind(card.decision.to_string())
            .push_bind(card.holder.ledger_name())
            .push_bind(card.merchant.as_str().to_owned())
            .push_bind(i64::from(card.merchant_locked))
            .push_bind(card.amount.currency().code())
            .push_bind(card.amount.minor())
            .push_bind(card.tolerance)
            .push_bind(card.created.as_micros())
            .push_bind(card.expires.as_micros())
            .push_bind(card.created.as_micros())
            .push_bind(0_i64);
    });
}

fn push_superseded<'g>(statement: &mut Statement<'g>, group: &[&'g Prepared]) {
    let mut replaced = group
        .iter()
        .filter_map(|prepared| Some((prepared.commit.supersedes?, prepared.commit.record.id)))
        .peekable();
    if replaced.peek().is_none() {
        return;
    }
    statement.push("; WITH replaced (old, new) AS (");
    statement.push_values(replaced, |mut row, (old, new)| {
        row.push_bind(old.to_string()).push_bind(new.to_string());
    });
    statement.push(
        ") UPDATE decisions SET superseded_by = replaced.new
        FROM replaced WHERE decisions.decision_id = replaced.old",
    );
}

/// The cases of decisions that a person has to make.
fn push_cases<'g>(statement: &mut Statement<'g>, group: &[&'g Prepared]) {
    let records = group.iter().map(|prepared| &prepared.commit.record);
    let mut asked = records.filter_map(|r| Some((r, r.decision.review?))).peekable();
    if asked.peek().is_none() {
        return;
    }
    statement.push(
        "; INSERT INTO review_cases
            (case_id, queue, market, state, version, created, due, expires, notes) ",
    );
    statement.push_values(asked, |mut row, (record, review)| {
        row.push_bind(record.id.to_string())
            .push_bind(review.queue.name())
            .push_bind(record.market.to_string())
            .push_bind(ReviewCaseState::Open.name())
            .push_bind(1_i64)
            .push_bind(record.created.as_micros())
            .push_bind(review.expected.as_micros())
            .push_bind(review.expires.as_micros())
            .push_bind(0_i64);
    });
}

/// Ends the cases of decisions that are replaced; `look` has compared their versions.
fn push_resolved<'g>(statement: &mut Statement<'g>, group: &[&'g Prepared]) {
    let commits = group.iter().map(|prepared| &prepared.commit);
    let resolved: Vec<_> = commits
        .filter_map(|commit| Some((commit.supersedes?, commit.resolution.as_ref()?)))
        .collect();
    if resolved.is_empty() {
        return;
    }
    statement.push("; WITH asked (case_id, version, verdict, resolver, time) AS (");
    statement.push_values(&resolved, |mut row, (case, resolution)| {
        row.push_bind(case.to_string())
            .push_bind(resolution.version + 1)
            .push_bind(resolution.verdict.name())
            .push_bind(resolution.action.actor.as_str())
            .push_bind(resolution.action.time.as_micros());
    });
    statement.push(
        ") UPDATE review_cases SET state = 'RESOLVED', waits_for = NULL, version = asked.version,
            claimant = NULL, claim_ends = NULL, verdict = asked.verdict,
            resolver = asked.resolver, resolved = asked.time
        FROM asked WHERE review_cases.case_id = asked.case_id; ",
    );
    let actions = resolved.iter().map(|(case, one)| (*case, one.version + 1, &one.action));
    push_actions(statement, actions);
}
