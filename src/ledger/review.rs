//! Review cases as they are read: one, a list, what is free to take, notes and what was done.

use uuid::Uuid;

use super::sql::{Row, Statement, query};
use super::{Error, Ledger, decision};
use crate::domain::{
    DecisionId, NoteQuery, ReviewAction, ReviewActionKind, ReviewCase, ReviewCaseFilter,
    ReviewCaseState, ReviewClaim, ReviewNote, ReviewQueue, ReviewResult, ReviewVerdict, ReviewWait,
    ReviewedCase, Role, Time,
};

/// Most that a count goes to: nobody works through more, and a count has to end.
const COUNTED_MAX: i64 = 10_000;

/// All columns of a case, under names that those of its decision do not have.
const CASE: &str = "review_cases.case_id, review_cases.queue, review_cases.state,
    review_cases.waits_for, review_cases.version, review_cases.created AS begun,
    review_cases.due, review_cases.expires AS ends, review_cases.claimant,
    review_cases.claim_ends, review_cases.approver, review_cases.notes, review_cases.verdict,
    review_cases.resolver, review_cases.resolved";

pub(super) const JOINED: &str =
    "review_cases JOIN decisions ON decisions.decision_id = review_cases.case_id";

/// Nobody has decided, nobody has taken the request back, and there is time left at the moment
/// that is bound next.
pub(super) const UNDECIDED: &str = "review_cases.resolved IS NULL AND decisions.canceled IS NULL
    AND decisions.superseded_by IS NULL AND review_cases.expires > ";

impl Ledger {
    /// A case with its decision.
    pub async fn review_case(&self, id: DecisionId) -> Result<Option<ReviewedCase>, Error> {
        let mut statement = Statement::new("SELECT decisions.*, ");
        statement.push(CASE).push(" FROM ").push(JOINED).push(" WHERE review_cases.case_id = ");
        statement.push_bind(id.to_string());
        let rows = statement.fetch_all(&mut self.readers.acquire().await?).await?;
        rows.first().map(reviewed).transpose()
    }

    /// Cases with their decisions, in the order that `filter` asks for.
    pub async fn review_cases(
        &self,
        filter: &ReviewCaseFilter,
        now: Time,
    ) -> Result<Vec<ReviewedCase>, Error> {
        let mut statement = Statement::new("SELECT decisions.*, ");
        statement.push(CASE).push(" FROM ").push(JOINED);
        narrow(&mut statement, filter, now);
        let (column, way, order) = match filter.newest {
            true => ("review_cases.created", "<", "DESC"),
            false => ("review_cases.due", ">", "ASC"),
        };
        if let Some((time, id)) = filter.after {
            statement.push(format_args!(" AND ({column}, review_cases.case_id) {way} ("));
            statement.push_bind(time.as_micros()).push(", ").push_bind(id.to_string()).push(")");
        }
        statement.push(format_args!(" ORDER BY {column} {order}, review_cases.case_id {order}"));
        statement.push(" LIMIT ");
        statement.push_bind(i64::try_from(filter.page_size).unwrap_or(i64::MAX));
        let rows = statement.fetch_all(&mut self.searchers.acquire().await?).await?;
        rows.iter().map(reviewed).collect()
    }

    /// How many cases `filter` lets through on all pages, counted up to ten thousand.
    pub async fn count_review_cases(
        &self,
        filter: &ReviewCaseFilter,
        now: Time,
    ) -> Result<i64, Error> {
        let mut statement = Statement::new("SELECT COUNT(*) AS counted FROM (SELECT 1 FROM ");
        statement.push(JOINED);
        narrow(&mut statement, filter, now);
        statement.push(" LIMIT ").push_bind(COUNTED_MAX).push(") AS cases");
        let rows = statement.fetch_all(&mut self.searchers.acquire().await?).await?;
        Ok(rows.first().map(|row| row.try_get("counted")).transpose()?.unwrap_or(0))
    }

    /// Cases of these queues that nobody has, those with the least time left first. One that waits
    /// for information is none of them; one that waits for a second person is, for `second_not_by`
    /// unless that is who approved it first.
    pub async fn free_cases(
        &self,
        queues: &[ReviewQueue],
        second_not_by: Option<&str>,
        now: Time,
        limit: u32,
    ) -> Result<Vec<ReviewCase>, Error> {
        let mut statement = Statement::new("SELECT ");
        statement.push(CASE).push(" FROM ").push(JOINED).push(" WHERE ").push(UNDECIDED);
        statement.push_bind(now.as_micros());
        push_queues(&mut statement, queues);
        statement.push(" AND (review_cases.claim_ends IS NULL OR review_cases.claim_ends <= ");
        statement.push_bind(now.as_micros()).push(") AND (review_cases.waits_for IS NULL");
        if let Some(name) = second_not_by {
            statement.push(" OR (review_cases.waits_for = 'SECOND_PERSON'");
            statement.push(" AND review_cases.approver <> ").push_bind(name).push(")");
        }
        statement.push(") ORDER BY review_cases.due, review_cases.case_id LIMIT ");
        statement.push_bind(i64::from(limit));
        let rows = statement.fetch_all(&mut self.readers.acquire().await?).await?;
        rows.iter().map(stored).collect()
    }

    /// What was done with a case, in order.
    pub async fn review_actions(&self, id: DecisionId) -> Result<Vec<ReviewAction>, Error> {
        let rows = query("SELECT * FROM review_actions WHERE case_id = $1 ORDER BY version")
            .bind(id.to_string())
            .fetch_all(&mut self.readers.acquire().await?)
            .await?;
        rows.iter().map(action).collect()
    }

    /// Notes of a case, oldest first.
    pub async fn review_notes(&self, asked: &NoteQuery) -> Result<Vec<ReviewNote>, Error> {
        let (time, id) = match asked.after {
            Some((time, id)) => (time.as_micros(), id.to_string()),
            None => (i64::MIN, String::new()),
        };
        let rows = query(
            "SELECT * FROM review_notes WHERE case_id = $1 AND (time, note_id) > ($2, $3)
             ORDER BY time, note_id LIMIT $4",
        )
        .bind(asked.case.to_string())
        .bind(time)
        .bind(id)
        .bind(i64::try_from(asked.page_size).unwrap_or(i64::MAX))
        .fetch_all(&mut self.readers.acquire().await?)
        .await?;
        rows.iter().map(note).collect()
    }
}

fn narrow(statement: &mut Statement<'_>, filter: &ReviewCaseFilter, now: Time) {
    statement.push(" WHERE ");
    if filter.states.is_empty() {
        statement.push(UNDECIDED).push_bind(now.as_micros());
    } else {
        // [`ReviewCase::state`], for the ledger.
        statement.push(
            "CASE WHEN review_cases.state = 'RESOLVED' OR decisions.canceled IS NOT NULL
                OR decisions.superseded_by IS NOT NULL THEN 'RESOLVED'
            WHEN review_cases.expires <= ",
        );
        statement.push_bind(now.as_micros());
        statement.push(" THEN 'EXPIRED' WHEN review_cases.claim_ends > ");
        statement.push_bind(now.as_micros());
        statement.push(" THEN 'CLAIMED' ELSE review_cases.state END IN ");
        statement.push_tuples(&filter.states, |mut row, state| {
            row.push_bind(state.name());
        });
    }
    push_queues(statement, &filter.queues);
    if let Some(name) = &filter.assignee {
        statement.push(" AND review_cases.claimant = ").push_bind(name.clone());
        statement.push(" AND review_cases.claim_ends > ").push_bind(now.as_micros());
    }
    if let Some(market) = filter.market {
        // What waited before there were cases lives for a day and is in every market's list.
        statement.push(" AND review_cases.market IN ('', ").push_bind(market.to_string()).push(")");
    }
    if !filter.codes.is_empty() {
        statement.push(" AND (1 = 0");
        for code in &filter.codes {
            statement.push(" OR decisions.codes LIKE ").push_bind(format!("% {code} %"));
        }
        statement.push(")");
    }
    for (bound, time) in [(">=", filter.from), ("<", filter.until)] {
        if let Some(time) = time {
            statement.push(format_args!(" AND review_cases.created {bound} "));
            statement.push_bind(time.as_micros());
        }
    }
}

fn push_queues(statement: &mut Statement<'_>, queues: &[ReviewQueue]) {
    statement.push(" AND review_cases.queue IN ");
    statement.push_tuples(queues, |mut row, queue| {
        row.push_bind(queue.name());
    });
}

fn reviewed(row: &Row) -> Result<ReviewedCase, Error> {
    Ok(ReviewedCase { case: stored(row)?, decision: decision::stored(row)? })
}

fn odd(column: &'static str) -> impl Fn() -> Error {
    move || Error::corrupt(format_args!("a review has an odd {column}"))
}

fn stored(row: &Row) -> Result<ReviewCase, Error> {
    let text = |column| row.try_get::<Option<String>>(column);
    let time = |column| row.try_get::<Option<i64>>(column).map(|at| at.map(Time::from_micros));
    let at = |column| row.try_get::<i64>(column).map(Time::from_micros);
    let claim = text("claimant")?.zip(time("claim_ends")?);
    let waits_for = text("waits_for")?.map(|name| ReviewWait::from_name(&name));
    let verdict = text("verdict")?.map(|name| ReviewVerdict::from_name(&name));
    let result = match (verdict, text("resolver")?, time("resolved")?) {
        (Some(verdict), Some(resolver), Some(time)) => {
            Some(ReviewResult { verdict: verdict.ok_or_else(odd("verdict"))?, resolver, time })
        }
        _ => None,
    };
    Ok(ReviewCase {
        id: DecisionId::parse(row.try_get("case_id")?).map_err(|_| odd("id")())?,
        queue: ReviewQueue::from_name(row.try_get("queue")?).ok_or_else(odd("queue"))?,
        stored_state: ReviewCaseState::from_name(row.try_get("state")?).ok_or_else(odd("state"))?,
        waits_for: waits_for.map(|wait| wait.ok_or_else(odd("wait"))).transpose()?,
        version: row.try_get("version")?,
        created: at("begun")?,
        due: at("due")?,
        expires: at("ends")?,
        claim: claim.map(|(claimant, expires)| ReviewClaim { claimant, expires }),
        approver: text("approver")?,
        notes: row.try_get("notes")?,
        result,
    })
}

fn action(row: &Row) -> Result<ReviewAction, Error> {
    Ok(ReviewAction {
        kind: ReviewActionKind::from_name(row.try_get("kind")?).ok_or_else(odd("action"))?,
        actor: row.try_get("actor")?,
        role: Role::from_name(row.try_get("role")?).ok_or_else(odd("role"))?,
        time: Time::from_micros(row.try_get("time")?),
        detail: row.try_get("detail")?,
    })
}

fn note(row: &Row) -> Result<ReviewNote, Error> {
    Ok(ReviewNote {
        id: Uuid::try_parse(row.try_get("note_id")?).map_err(|_| odd("note id")())?,
        author: row.try_get("author")?,
        role: Role::from_name(row.try_get("role")?).ok_or_else(odd("role"))?,
        time: Time::from_micros(row.try_get("time")?),
        text: row.try_get("text")?,
    })
}
