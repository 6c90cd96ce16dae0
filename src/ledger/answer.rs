//! What a caller was answered under a key, so that a retry gets the first answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sql::{Connection, Row, query};
use super::write::Pending;
use super::{Error, Ledger};
use crate::domain::{DecisionId, DecisionRecord, RequestId, Time};

/// What makes a call one call: who asked, what for, and the id that a retry repeats.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AnswerKey {
    pub caller: String,
    pub call: &'static str,
    pub request_id: RequestId,
}

/// A caller's claim to have a write done once.
#[derive(Clone, Debug)]
pub struct Claim {
    pub key: AnswerKey,
    /// Hash of the request; the caller of the ledger compares it with that of the first answer.
    pub hash: [u8; 32],
    pub now: Time,
}

/// The first answer under a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub hash: [u8; 32],
    /// For an assessment: the decision as it was answered, its progress blank.
    pub decision: Option<Box<DecisionRecord>>,
    /// For every other write: what was answered, as JSON; [`Answer::read`] gives it back.
    pub body: Option<String>,
}

impl Answer {
    pub(super) fn is_of(&self, decision: DecisionId) -> bool {
        self.decision.as_ref().is_some_and(|record| record.id == decision)
    }

    /// What was answered to a write that was no assessment.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let body = self.body.as_deref().ok_or_else(|| Error::corrupt("an answer has no body"))?;
        Ok(serde_json::from_str(body)?)
    }
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Written<T> {
    Now(T),
    /// The key was answered before; nothing was written.
    Before(Answer),
}

impl Ledger {
    /// The first answer under `key`, if there was one.
    pub async fn answer(&self, key: &AnswerKey) -> Result<Option<Answer>, Error> {
        let mut connection = self.readers.acquire().await?;
        load(&mut connection, key).await
    }

    /// The answer to this very claim, if it was answered: for whoever was not told.
    pub async fn answer_to(&self, claim: &Claim) -> Result<Option<Answer>, Error> {
        load_own(&mut self.readers.acquire().await?, claim).await
    }

    /// Keeps what was answered to a call that changed nothing, so that a late duplicate of it
    /// changes nothing either.
    pub async fn keep_answer<T>(&self, claim: Claim, answer: T) -> Result<Written<T>, Error>
    where
        T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    {
        self.write_once(claim, move |_, _| {
            let answer = answer.clone();
            Box::pin(async move { Ok(answer) })
        })
        .await
    }

    /// Does `work` at the claim's time and keeps its answer, unless the claim was answered before.
    pub(super) async fn write_once<T, W>(&self, claim: Claim, work: W) -> Result<Written<T>, Error>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        W: for<'c> Fn(&'c mut Connection, Time) -> Pending<'c, T> + Send + Sync + 'static,
    {
        let (work, claim) = (Arc::new(work), Arc::new(claim));
        let kept = Arc::new(AtomicBool::new(false));
        self.write(move |connection| {
            let (work, claim, kept) = (Arc::clone(&work), Arc::clone(&claim), Arc::clone(&kept));
            Box::pin(async move {
                // Ours, when an earlier try got through and only the word of it was lost.
                if kept.load(Ordering::Relaxed)
                    && let Some(own) = load_own(connection, &claim).await?
                {
                    return Ok(Written::Now(own.read()?));
                }
                if let Some(answer) = load(connection, &claim.key).await? {
                    return Ok(Written::Before(answer));
                }
                let done = work(connection, claim.now).await;
                // Refused, perhaps, because another process did the same call meanwhile: then its
                // answer is there now.
                if let Err(Error::Precondition(_) | Error::Conflict | Error::NotFound) = &done
                    && let Some(answer) = load(connection, &claim.key).await?
                {
                    return Ok(Written::Before(answer));
                }
                let done = done?;
                keep(connection, &claim, serde_json::to_string(&done)?).await?;
                kept.store(true, Ordering::Relaxed);
                Ok(Written::Now(done))
            })
        })
        .await
    }
}

/// Reads the answer under `key`; inside a write transaction its absence is the last word.
pub(super) async fn load(
    connection: &mut Connection,
    key: &AnswerKey,
) -> Result<Option<Answer>, Error> {
    let row = query(
        "SELECT answers.hash, answers.body, decisions.record
         FROM answers LEFT JOIN decisions ON decisions.decision_id = answers.decision_id
         WHERE answers.caller = $1 AND answers.call = $2 AND answers.request_id = $3",
    )
    .bind(&key.caller)
    .bind(key.call)
    .bind(key.request_id.to_string())
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(of_row).transpose().map(Option::flatten)
}

/// The same, if it is the claim's own: another call under its key was made at another time.
async fn load_own(connection: &mut Connection, claim: &Claim) -> Result<Option<Answer>, Error> {
    let time =
        query("SELECT time FROM answers WHERE caller = $1 AND call = $2 AND request_id = $3")
            .bind(&claim.key.caller)
            .bind(claim.key.call)
            .bind(claim.key.request_id.to_string())
            .fetch_value(connection)
            .await?;
    match time == Some(claim.now.as_micros()) {
        true => load(connection, &claim.key).await,
        false => Ok(None),
    }
}

/// The answer of a row with its `hash`, `body` and `record`; a hash that is not there is none.
pub(super) fn of_row(row: &Row) -> Result<Option<Answer>, Error> {
    let Some(hash) = row.try_get::<Option<Vec<u8>>>("hash")? else { return Ok(None) };
    let record: Option<&str> = row.try_get("record")?;
    Ok(Some(Answer {
        hash: hash.try_into().map_err(|_| Error::corrupt("the hash of an answer is cut"))?,
        decision: record.map(serde_json::from_str).transpose()?,
        body: row.try_get("body")?,
    }))
}

/// Keeps the answer of a write that is no assessment; assessments go in groups.
async fn keep(connection: &mut Connection, claim: &Claim, body: String) -> Result<(), Error> {
    query(
        "INSERT INTO answers (caller, call, request_id, hash, body, time)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&claim.key.caller)
    .bind(claim.key.call)
    .bind(claim.key.request_id.to_string())
    .bind(claim.hash.as_slice())
    .bind(body)
    .bind(claim.now.as_micros())
    .execute(connection)
    .await?;
    Ok(())
}
