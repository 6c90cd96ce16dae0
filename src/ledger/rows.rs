//! Rows of many assessments in one trip to the database.
//!
//! sqlx hands every statement to a thread of the connection, which costs more than a row does.
//! So the inserts of a group are statements of many rows, sent together.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::assess::{AssessCommit, Prepared};
use super::reserve::cached;
use super::signal::Taught;
use super::writer::GROUP_MAX;
use super::{Error, signal};
use crate::domain::{DecisionRecord, Holder, RestrictionOrigin, Time};

/// Parameters that SQLite binds to one statement, and the columns of the widest row.
const PARAMETERS_MAX: usize = 32_766;
const COLUMNS_MAX: usize = 19;
const _: () = assert!(GROUP_MAX * COLUMNS_MAX <= PARAMETERS_MAX);

/// Writes all that `group` leaves, apart from its reservations.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    group: &[&Prepared],
) -> Result<(), Error> {
    if group.is_empty() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new("");
    push_decisions(&mut query, group);
    push_answers(&mut query, group);
    push_signals(&mut query, group);
    push_raw_contexts(&mut query, group);
    push_restrictions(&mut query, group);
    push_superseded(&mut query, group);
    push_codes(&mut query, group);
    query.build().persistent(cached(group.len())).execute(connection).await?;
    Ok(())
}

fn push_decisions(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
    query.push(
        "INSERT INTO decisions (decision_id, reference, caller, holder, merchant,
            order_reference, product, outcome, currency, amount, exposure, basket, created,
            expires, lapses, captured, codes, record, facts) ",
    );
    query.push_values(group, |mut row, prepared| {
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
            .push_bind(lapses(record).map(Time::as_micros))
            .push_bind(0_i64)
            .push_bind(codes(record))
            .push_bind(prepared.record_json.as_str())
            .push_bind(commit.facts.as_str());
    });
}

/// When a pending decision lapses, if nothing happens: [`DecisionRecord::lapsed`].
fn lapses(record: &DecisionRecord) -> Option<Time> {
    let step_up = record.decision.step_up.as_ref().map(|asked| asked.expires);
    let review = record.decision.review.map(|asked| asked.expires);
    step_up.into_iter().chain(review).min()
}

/// Reason codes between blanks, so that one is found by its name with blanks around it.
fn codes(record: &DecisionRecord) -> String {
    let names = record.decision.reasons.iter().map(|reason| reason.code.name());
    names.fold(String::from(" "), |codes, name| codes + name + " ")
}

fn push_answers(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
    query.push("; INSERT INTO answers (caller, call, request_id, hash, decision_id, time) ");
    query.push_values(group, |mut row, prepared| {
        let commit = &prepared.commit;
        row.push_bind(commit.key.caller.as_str())
            .push_bind(commit.key.call)
            .push_bind(commit.key.request_id.to_string())
            .push_bind(commit.hash.to_vec())
            .push_bind(commit.record.id.to_string())
            .push_bind(commit.record.created.as_micros());
    });
}

fn push_signals(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
    let taught: Vec<Taught> = group
        .iter()
        .filter_map(|prepared| {
            let AssessCommit { record, signal_event, .. } = &prepared.commit;
            let (holder, decision) = (record.holder.ledger_name(), Some(record.id));
            Some(Taught { holder, decision, row: signal_event.as_ref()? })
        })
        .collect();
    signal::push(query, &taught);
}

fn push_raw_contexts(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
    let mut contexts = group
        .iter()
        .filter_map(|prepared| Some((prepared, prepared.commit.raw_context.as_deref()?)))
        .peekable();
    if contexts.peek().is_none() {
        return;
    }
    query.push("; INSERT INTO raw_context (decision_id, holder, time, payload) ");
    query.push_values(contexts, |mut row, (prepared, payload)| {
        row.push_bind(prepared.commit.record.id.to_string())
            .push_bind(prepared.commit.record.holder.ledger_name())
            .push_bind(prepared.commit.record.created.as_micros())
            .push_bind(payload);
    });
}

/// A restriction that a decision sets has the decision's id: one decision sets at most one.
fn push_restrictions(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
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
    query.push(
        "; INSERT INTO restrictions
            (restriction_id, account_id, kind, code, starts, ends, note, origin) ",
    );
    query.push_values(restrictions, |mut row, (record, account, restriction)| {
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

fn push_superseded(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
    let mut replaced = group
        .iter()
        .filter_map(|prepared| Some((prepared.commit.supersedes?, prepared.commit.record.id)))
        .peekable();
    if replaced.peek().is_none() {
        return;
    }
    query.push("; WITH replaced (old, new) AS (");
    query.push_values(replaced, |mut row, (old, new)| {
        row.push_bind(old.to_string()).push_bind(new.to_string());
    });
    query.push(
        ") UPDATE decisions SET superseded_by = replaced.new
        FROM replaced WHERE decisions.decision_id = replaced.old",
    );
}

/// One row for each reason, by which decisions are looked up.
fn push_codes(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
    let of_one = |record: &DecisionRecord| {
        let mut codes: Vec<i32> =
            record.decision.reasons.iter().map(|reason| reason.code.number()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    };
    let rows: Vec<(i32, &DecisionRecord)> = group
        .iter()
        .map(|prepared| &prepared.commit.record)
        .flat_map(|record| of_one(record).into_iter().map(move |code| (code, record)))
        .collect();
    // A statement binds no more than this, however many reasons there are.
    for rows in rows.chunks(PARAMETERS_MAX / 3) {
        query.push("; INSERT INTO decision_codes (code, created, decision_id) ");
        query.push_values(rows, |mut row, (code, record)| {
            row.push_bind(i64::from(*code))
                .push_bind(record.created.as_micros())
                .push_bind(record.id.to_string());
        });
    }
}
