//! Changes of review cases: each hits the version that was read, or nothing.

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::assess::Prepared;
use super::{Claim, Error, Ledger, Written};
use crate::domain::{
    CaseAnswer, DecisionId, Outcome, ReviewAction, ReviewCase, ReviewCaseState, ReviewNote, Time,
};

/// Lapsed cases that one change takes off the list of undecided ones, by the way.
const TIDIED_MAX: i64 = 64;

/// A change of a case that was read before.
#[derive(Clone, Debug)]
pub struct CaseWrite {
    /// The version that was read: with another one nothing is written.
    pub version: i64,
    pub after: ReviewCase,
    /// Only while nobody but this caller has the case: a claim may be renewed without a version.
    pub free_for: Option<String>,
    pub action: Option<ReviewAction>,
    pub note: Option<ReviewNote>,
}

impl CaseWrite {
    /// Makes `before` into `after`, by an action.
    pub fn change(before: &ReviewCase, after: ReviewCase, action: ReviewAction) -> CaseWrite {
        CaseWrite { action: Some(action), ..CaseWrite::renewal(before, after) }
    }

    /// Makes `before` into `after`, of which nothing is recorded.
    pub fn renewal(before: &ReviewCase, after: ReviewCase) -> CaseWrite {
        let version = before.version;
        CaseWrite { version, after, free_for: None, action: None, note: None }
    }
}

/// What becomes of the case of a decision that is replaced, in the commit that replaces it.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The version that was read: with another one nothing is written.
    pub version: i64,
    pub after: ReviewCase,
    pub action: ReviewAction,
}

impl Ledger {
    /// Changes a case; [`Error::Conflict`] when it is not any more what was read.
    pub async fn change_case(
        &self,
        claim: Claim,
        write: CaseWrite,
    ) -> Result<Written<CaseAnswer>, Error> {
        self.write_once(claim, move |connection, now| Box::pin(change(connection, now, write)))
            .await
    }
}

async fn change(
    connection: &mut SqliteConnection,
    now: Time,
    write: CaseWrite,
) -> Result<CaseAnswer, Error> {
    let after = &write.after;
    let mut query = QueryBuilder::<Sqlite>::new("UPDATE review_cases SET ");
    push_columns(&mut query, after);
    query.push(" WHERE case_id = ").push_bind(after.id.to_string());
    query.push(" AND version = ").push_bind(write.version);
    query.push(" AND resolved IS NULL AND expires > ").push_bind(now.as_micros());
    if let Some(name) = &write.free_for {
        query.push(" AND (claim_ends IS NULL OR claim_ends <= ").push_bind(now.as_micros());
        query.push(" OR claimant = ").push_bind(name.clone()).push(")");
    }
    // The request may have been taken back meanwhile.
    query.push(
        " AND EXISTS (SELECT 1 FROM decisions WHERE decisions.decision_id = review_cases.case_id
            AND decisions.canceled IS NULL AND decisions.superseded_by IS NULL)",
    );
    if query.build().execute(&mut *connection).await?.rows_affected() != 1 {
        return Err(Error::Conflict);
    }
    if let Some(action) = &write.action {
        let mut query = QueryBuilder::<Sqlite>::new("");
        push_actions(&mut query, &[(after, action)]);
        query.build().execute(&mut *connection).await?;
    }
    if let Some(note) = &write.note {
        add_note(connection, after.id, note).await?;
    }
    tidy(connection, now).await?;
    Ok(CaseAnswer { case: write.after, note: write.note })
}

async fn add_note(
    connection: &mut SqliteConnection,
    case: DecisionId,
    note: &ReviewNote,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO review_notes (note_id, case_id, author, role, time, text)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(note.id.to_string())
    .bind(case.to_string())
    .bind(&note.author)
    .bind(note.role.name())
    .bind(note.time.as_micros())
    .bind(&note.text)
    .execute(connection)
    .await?;
    Ok(())
}

/// Lapsed cases are judged by the clock; taken off the index of undecided ones they do not have to
/// be stepped over.
async fn tidy(connection: &mut SqliteConnection, now: Time) -> Result<(), Error> {
    sqlx::query(
        "UPDATE review_cases SET resolved = expires WHERE case_id IN (
            SELECT case_id FROM review_cases WHERE resolved IS NULL AND expires <= $1
            ORDER BY expires LIMIT $2
        )",
    )
    .bind(now.as_micros())
    .bind(TIDIED_MAX)
    .execute(connection)
    .await?;
    Ok(())
}

fn push_columns(query: &mut QueryBuilder<Sqlite>, case: &ReviewCase) {
    let claim = case.claim.as_ref();
    let result = case.result.as_ref();
    query.push("queue = ").push_bind(case.queue.name());
    query.push(", state = ").push_bind(case.stored_state.name());
    query.push(", waits_for = ").push_bind(case.waits_for.map(|wait| wait.name()));
    query.push(", version = ").push_bind(case.version);
    query.push(", claimant = ").push_bind(claim.map(|claim| claim.claimant.clone()));
    query.push(", claim_ends = ").push_bind(claim.map(|claim| claim.expires.as_micros()));
    query.push(", approver = ").push_bind(case.approver.clone());
    query.push(", notes = ").push_bind(case.notes);
    query.push(", verdict = ").push_bind(result.map(|result| result.verdict.name()));
    query.push(", resolver = ").push_bind(result.map(|result| result.resolver.clone()));
    query.push(", resolved = ").push_bind(result.map(|result| result.time.as_micros()));
}

/// Adds the cases of decisions that a person has to make to what `query` inserts.
pub(super) fn push_cases(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
    let mut asked = group
        .iter()
        .map(|prepared| &prepared.commit.record)
        .filter(|record| record.decision.outcome == Outcome::ManualReview)
        .filter_map(|record| Some((record, record.decision.review?)))
        .peekable();
    if asked.peek().is_none() {
        return;
    }
    query.push(
        "; INSERT INTO review_cases
            (case_id, queue, market, state, version, created, due, expires, notes) ",
    );
    query.push_values(asked, |mut row, (record, review)| {
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

/// Ends the cases of decisions that are replaced; `reserve::look` has compared their versions.
pub(super) fn push_resolved(query: &mut QueryBuilder<Sqlite>, group: &[&Prepared]) {
    let resolutions: Vec<&Resolution> =
        group.iter().filter_map(|prepared| prepared.commit.resolution.as_ref()).collect();
    for resolution in &resolutions {
        query.push("; UPDATE review_cases SET ");
        push_columns(query, &resolution.after);
        query.push(" WHERE case_id = ").push_bind(resolution.after.id.to_string());
    }
    let actions: Vec<_> = resolutions.iter().map(|one| (&one.after, &one.action)).collect();
    if !actions.is_empty() {
        query.push("; ");
        push_actions(query, &actions);
    }
}

fn push_actions(query: &mut QueryBuilder<Sqlite>, actions: &[(&ReviewCase, &ReviewAction)]) {
    query.push("INSERT INTO review_actions (case_id, version, kind, actor, role, time, detail) ");
    query.push_values(actions, |mut row, (case, action)| {
        row.push_bind(case.id.to_string())
            .push_bind(case.version)
            .push_bind(action.kind.name())
            .push_bind(action.actor.clone())
            .push_bind(action.role.name())
            .push_bind(action.time.as_micros())
            .push_bind(action.detail.clone());
    });
}
