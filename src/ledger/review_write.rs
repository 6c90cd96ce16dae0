//! Changes of review cases: each hits the version that was read, or nothing.

use super::sql::{Connection, Statement, query};
use super::{Claim, Error, Ledger, Written, decision};
use crate::domain::{
    CaseAnswer, DecisionId, ReviewAction, ReviewCase, ReviewNote, ReviewVerdict, Time,
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
    pub verdict: ReviewVerdict,
    /// Of who decided, and when.
    pub action: ReviewAction,
}

impl Ledger {
    /// Changes a case; [`Error::Conflict`] when it is not any more what was read.
    pub async fn change_case(
        &self,
        claim: Claim,
        write: CaseWrite,
    ) -> Result<Written<CaseAnswer>, Error> {
        self.write_once(claim, move |connection, now| {
            Box::pin(change(connection, now, write.clone()))
        })
        .await
    }
}

async fn change(
    connection: &mut Connection,
    now: Time,
    write: CaseWrite,
) -> Result<CaseAnswer, Error> {
    let after = &write.after;
    // Whoever decides on the case as it was loses by the holder's version.
    decision::taken(connection, after.id).await?.ok_or(Error::NotFound)?;
    let mut statement = Statement::new("UPDATE review_cases SET ");
    push_columns(&mut statement, after);
    statement.push(" WHERE case_id = ").push_bind(after.id.to_string());
    statement.push(" AND version = ").push_bind(write.version);
    statement.push(" AND resolved IS NULL AND expires > ").push_bind(now.as_micros());
    if let Some(name) = &write.free_for {
        statement.push(" AND (claim_ends IS NULL OR claim_ends <= ").push_bind(now.as_micros());
        statement.push(" OR claimant = ").push_bind(name.clone()).push(")");
    }
    // The request may have been taken back meanwhile.
    statement.push(
        " AND EXISTS (SELECT 1 FROM decisions WHERE decisions.decision_id = review_cases.case_id
            AND decisions.canceled IS NULL AND decisions.superseded_by IS NULL)",
    );
    if statement.execute(connection).await? != 1 {
        return Err(Error::Conflict);
    }
    if let Some(action) = &write.action {
        let mut statement = Statement::new("");
        push_actions(&mut statement, [(after.id, after.version, action)].into_iter());
        statement.execute(connection).await?;
    }
    if let Some(note) = &write.note {
        add_note(connection, after.id, note).await?;
    }
    tidy(connection, now).await?;
    Ok(CaseAnswer { case: write.after, note: write.note })
}

async fn add_note(
    connection: &mut Connection,
    case: DecisionId,
    note: &ReviewNote,
) -> Result<(), Error> {
    query(
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
async fn tidy(connection: &mut Connection, now: Time) -> Result<(), Error> {
    query(
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

fn push_columns<'c>(statement: &mut Statement<'c>, case: &'c ReviewCase) {
    let claim = case.claim.as_ref();
    let result = case.result.as_ref();
    statement.push("queue = ").push_bind(case.queue.name());
    statement.push(", state = ").push_bind(case.stored_state.name());
    statement.push(", waits_for = ").push_bind(case.waits_for.map(|wait| wait.name()));
    statement.push(", version = ").push_bind(case.version);
    statement.push(", claimant = ").push_bind(claim.map(|claim| claim.claimant.as_str()));
    statement.push(", claim_ends = ").push_bind(claim.map(|claim| claim.expires.as_micros()));
    statement.push(", approver = ").push_bind(case.approver.as_deref());
    statement.push(", notes = ").push_bind(case.notes);
    statement.push(", verdict = ").push_bind(result.map(|result| result.verdict.name()));
    statement.push(", resolver = ").push_bind(result.map(|result| result.resolver.as_str()));
    statement.push(", resolved = ").push_bind(result.map(|result| result.time.as_micros()));
}

/// Adds what was done with cases, each with the version that it made, to what `statement` inserts.
pub(super) fn push_actions<'s>(
    statement: &mut Statement<'s>,
    actions: impl Iterator<Item = (DecisionId, i64, &'s ReviewAction)>,
) {
    statement
        .push("INSERT INTO review_actions (case_id, version, kind, actor, role, time, detail) ");
    statement.push_values(actions, |mut row, (case, version, action)| {
        row.push_bind(case.to_string())
            .push_bind(version)
            .push_bind(action.kind.name())
            .push_bind(action.actor.as_str())
            .push_bind(action.role.name())
            .push_bind(action.time.as_micros())
            .push_bind(action.detail.as_str());
    });
}
