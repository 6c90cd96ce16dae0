//! The one statement that commits a group of assessments, and what it says of each.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::domain::{Card, DecisionRecord, Holder, Time};
use crate::ledger::Error;
use crate::ledger::assess::{Assessed, Prepared};
use crate::ledger::chain::{Head, hash_of};
use crate::ledger::decision::codes;
use crate::ledger::sql::Connection;

/// What became of one assessment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Recorded,
    /// The key has an answer, or somebody else is giving it one.
    Answered,
    ReferenceTaken,
    NotPending,
    CaseChanged,
    HeadroomTaken,
    Outdated,
}

impl From<Verdict> for Assessed {
    fn from(verdict: Verdict) -> Assessed {
        match verdict {
            Verdict::Recorded => Assessed::Recorded,
            Verdict::ReferenceTaken => Assessed::ReferenceTaken,
            Verdict::NotPending => Assessed::NotPending,
            Verdict::CaseChanged => Assessed::CaseChanged,
            Verdict::HeadroomTaken => Assessed::HeadroomTaken,
            // Whoever has the answer looks it up; without it, all is to be read again.
            Verdict::Answered | Verdict::Outdated => Assessed::Outdated,
        }
    }
}

/// Commits `group`; gives the chain's new head and a verdict each. On an error nobody knows.
pub(super) async fn commit(
    connection: &mut Connection,
    head: &Head,
    group: &[&Prepared],
) -> Result<(Head, Vec<Verdict>), Error> {
    let Connection::Postgres(connection) = connection else {
        return Err(Error::corrupt("a commit of PostgreSQL on another engine"));
    };
    let query = sqlx::query(include_str!("commit.sql"));
    let query = bind_cards(bind_outcomes(bind_requests(query, group), group), group)
        .bind(head.chain)
        .bind(head.link)
        .bind(head.hash.to_vec());
    let query = bind_reviews(query, group);
    let rows = query.fetch_all(connection).await?;
    if rows.len() != group.len() {
        return Err(Error::corrupt("a commit answered another number of rows than were asked"));
    }
    let verdicts = rows.iter().map(verdict).collect::<Result<_, _>>()?;
    let mut head = *head;
    if let Some(row) = rows.first() {
        head.link = row.try_get("head")?;
        head.hash = hash_of(row.try_get("head_hash")?)?;
    }
    Ok((head, verdicts))
}

fn verdict(row: &PgRow) -> Result<Verdict, Error> {
    Ok(if row.try_get("is_recorded")? {
        Verdict::Recorded
    } else if row.try_get("answered")? {
        Verdict::Answered
    } else if row.try_get("taken")? {
        Verdict::ReferenceTaken
    } else if !row.try_get("replaceable")? {
        Verdict::NotPending
    } else if !row.try_get("resolvable")? {
        Verdict::CaseChanged
    } else if !row.try_get("fits")? {
        Verdict::HeadroomTaken
    } else if !row.try_get("is_current")? {
        Verdict::Outdated
    } else {
        Verdict::Answered
    })
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// $1 to $19: who asked what, and the terms.
fn bind_requests<'q>(query: Query<'q>, group: &[&Prepared]) -> Query<'q> {
    let commits = || group.iter().map(|prepared| &prepared.commit);
    let records = || commits().map(|commit| &commit.record);
    query
        .bind(commits().map(|commit| commit.key.caller.as_str()).collect::<Vec<_>>())
        .bind(commits().map(|commit| commit.key.call).collect::<Vec<_>>())
        .bind(commits().map(|commit| commit.key.request_id.to_string()).collect::<Vec<_>>())
        .bind(commits().map(|commit| commit.hash.to_vec()).collect::<Vec<_>>())
        .bind(records().map(|record| record.id.to_string()).collect::<Vec<_>>())
        .bind(records().map(|record| record.reference.as_str()).collect::<Vec<_>>())
        .bind(
            commits().map(|commit| commit.supersedes.map(|id| id.to_string())).collect::<Vec<_>>(),
        )
        .bind(records().map(|record| record.holder.ledger_name()).collect::<Vec<_>>())
        .bind(records().map(|record| record.merchant.as_str()).collect::<Vec<_>>())
        .bind(records().map(|record| record.order_reference.as_deref()).collect::<Vec<_>>())
        .bind(records().map(|record| record.product.name()).collect::<Vec<_>>())
        .bind(records().map(|record| record.decision.outcome.name()).collect::<Vec<_>>())
        .bind(records().map(|record| record.amount.currency().code()).collect::<Vec<_>>())
        .bind(records().map(|record| record.amount.minor()).collect::<Vec<_>>())
        .bind(records().map(|record| record.exposure()).collect::<Vec<_>>())
        .bind(commits().map(|c| c.basket_hash.map_or(Vec::new(), Vec::from)).collect::<Vec<_>>())
        .bind(records().map(|record| record.created.as_micros()).collect::<Vec<_>>())
        .bind(records().map(|r| r.decision.expires.map(Time::as_micros)).collect::<Vec<_>>())
        .bind(records().map(|record| record.lapses().map(Time::as_micros)).collect::<Vec<_>>())
}

/// $20 to $35: what was decided and why, and what is kept beside it.
fn bind_outcomes<'q>(query: Query<'q>, group: &[&Prepared]) -> Query<'q> {
    let commits = || group.iter().map(|prepared| &prepared.commit);
    let records = || commits().map(|commit| &commit.record);
    let signals = || commits().map(|commit| commit.signal_event.as_ref());
    // A guest has no account that could be restricted.
    let restricted = || {
        records().map(|record| match (&record.holder, record.decision.restriction) {
            (Holder::Account(account), Some(restriction)) => Some((record, account, restriction)),
            _ => None,
        })
    };
    let note = |reference: &str| format!("set by decision {reference}");
    query
        .bind(records().map(codes).collect::<Vec<_>>())
        .bind(group.iter().map(|prepared| prepared.record_json.as_str()).collect::<Vec<_>>())
        .bind(commits().map(|commit| commit.facts.as_str()).collect::<Vec<_>>())
        .bind(group.iter().map(|prepared| prepared.guest_limit()).collect::<Vec<_>>())
        .bind(commits().map(|commit| commit.version).collect::<Vec<_>>())
        .bind(group.iter().map(|prepared| i64::from(prepared.is_guarded())).collect::<Vec<_>>())
        .bind(group.iter().map(|prepared| prepared.digest.to_vec()).collect::<Vec<_>>())
        .bind(signals().map(|row| row.map(|row| row.time.as_micros())).collect::<Vec<_>>())
        .bind(signals().map(|row| row.map(|row| row.kind)).collect::<Vec<_>>())
        .bind(signals().map(|row| row.map(|row| row.payload.as_str())).collect::<Vec<_>>())
        .bind(commits().map(|commit| commit.raw_context.as_deref()).collect::<Vec<_>>())
        .bind(restricted().map(|r| r.map(|(_, account, _)| account.as_str())).collect::<Vec<_>>())
        .bind(restricted().map(|r| r.map(|(_, _, set)| set.kind.name())).collect::<Vec<_>>())
        .bind(restricted().map(|r| r.map(|(_, _, set)| set.code.name())).collect::<Vec<_>>())
        .bind(restricted().map(|r| r.map(|(_, _, set)| set.end.as_micros())).collect::<Vec<_>>())
        .bind(
            restricted()
                .map(|r| r.map(|(record, _, _)| note(record.reference.as_str())))
                .collect::<Vec<_>>(),
        )
}

/// $43 to $52: the cases of what a person has to decide, and those that somebody has decided.
fn bind_reviews<'q>(query: Query<'q>, group: &[&Prepared]) -> Query<'q> {
    let records = || group.iter().map(|prepared| &prepared.commit.record);
    let asked = || records().map(|record| record.decision.review);
    let market =
        |record: &DecisionRecord| record.decision.review.map(|_| record.market.to_string());
    let ended = || group.iter().map(|prepared| prepared.commit.resolution.as_ref());
    let by = || ended().map(|ended| ended.map(|ended| &ended.action));
    query
        .bind(asked().map(|asked| asked.map(|asked| asked.queue.name())).collect::<Vec<_>>())
        .bind(records().map(market).collect::<Vec<_>>())
        .bind(asked().map(|a| a.map(|asked| asked.expected.as_micros())).collect::<Vec<_>>())
        .bind(asked().map(|a| a.map(|asked| asked.expires.as_micros())).collect::<Vec<_>>())
        .bind(ended().map(|ended| ended.map(|ended| ended.version)).collect::<Vec<_>>())
        .bind(ended().map(|ended| ended.map(|ended| ended.verdict.name())).collect::<Vec<_>>())
        .bind(by().map(|by| by.map(|by| by.actor.as_str())).collect::<Vec<_>>())
        .bind(by().map(|by| by.map(|by| by.role.name())).collect::<Vec<_>>())
        .bind(by().map(|by| by.map(|by| by.time.as_micros())).collect::<Vec<_>>())
        .bind(by().map(|by| by.map(|by| by.detail.as_str())).collect::<Vec<_>>())
}

/// $36 to $39: the card that an approval grants.
fn bind_cards<'q>(query: Query<'q>, group: &[&Prepared]) -> Query<'q> {
    let cards: Vec<Option<Card>> =
        group.iter().map(|prepared| Card::granted(&prepared.commit.record)).collect();
    let cards = || cards.iter().map(Option::as_ref);
    query
        .bind(cards().map(|card| card.map(|card| card.id.to_string())).collect::<Vec<_>>())
        .bind(cards().map(|c| c.map(|c| i64::from(c.merchant_locked))).collect::<Vec<_>>())
        .bind(cards().map(|card| card.map(|card| card.tolerance)).collect::<Vec<_>>())
        .bind(cards().map(|card| card.map(|card| card.expires.as_micros())).collect::<Vec<_>>())
}
