//! What is to be recorded of an assessment, and what became of it.

use tokio::sync::oneshot;

use super::write::{Writer, stopped, submit};
use super::{Answer, AnswerKey, Error, Ledger, Resolution, SignalRow, chain, sqlite};
use crate::domain::{DecisionId, DecisionRecord, Holder, Outcome, Progress};

/// A decision that is to be recorded; no answer leaves before it is.
#[derive(Clone, Debug)]
pub struct AssessCommit {
    pub key: AnswerKey,
    /// Hash of the request.
    pub hash: [u8; 32],
    pub record: DecisionRecord,
    /// What `decide` saw, as JSON.
    pub facts: String,
    /// What was sent about device, network and guest, as JSON.
    pub raw_context: Option<String>,
    pub signal_event: Option<SignalRow>,
    /// The limit of a guest; `None` for an account, whose limit the ledger knows.
    pub guest_limit: Option<i64>,
    pub basket_hash: Option<[u8; 32]>,
    /// The pending decision that this one replaces.
    pub supersedes: Option<DecisionId>,
    /// What becomes of that one's review case.
    pub resolution: Option<Resolution>,
    /// [`Standing::version`](crate::domain::Standing::version) of what was decided on.
    pub version: i64,
}

/// What became of it. Only `Recorded` has left anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Assessed {
    Recorded,
    /// What is left of the limit no longer covers the exposure: decide again.
    HeadroomTaken,
    /// Another process has changed something about the holder: read again, decide again.
    Outdated,
    /// The key was answered before.
    Before(Answer),
    /// The reference or the id belongs to another decision: draw again.
    ReferenceTaken,
    /// The decision to replace is no longer pending.
    NotPending,
    /// The review case to resolve is not any more what was read.
    CaseChanged,
}

/// A commit with what its writer need not do: it writes for all.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub commit: AssessCommit,
    pub record_json: String,
    pub digest: [u8; 32],
}

impl Prepared {
    /// The limit that the commit brings itself: an account's is in the ledger and nowhere else.
    pub fn guest_limit(&self) -> Option<i64> {
        match self.commit.record.holder {
            Holder::Account(_) => None,
            Holder::Guest(_) => self.commit.guest_limit,
        }
    }

    /// Whether what it records changes what others decide on, so that it may rest on nothing that
    /// has changed meanwhile. A refusal changes nothing.
    pub fn is_guarded(&self) -> bool {
        let AssessCommit { record, supersedes, .. } = &self.commit;
        let decision = &record.decision;
        decision.outcome == Outcome::Approved
            || supersedes.is_some()
            || decision.restriction.is_some()
    }
}

impl Ledger {
    /// Records a decision and reserves its exposure in one transaction.
    pub async fn assess(&self, mut commit: AssessCommit) -> Result<Assessed, Error> {
        commit.record.progress = Progress::default();
        let record_json = serde_json::to_string(&commit.record)?;
        let digest = chain::digest(commit.record.id, &record_json, &commit.facts);
        let prepared = Box::new(Prepared { commit, record_json, digest });
        let (reply, answer) = oneshot::channel();
        match &self.writer {
            Writer::Sqlite(jobs) => submit(jobs, sqlite::Job::Assess(prepared, reply)).await?,
            Writer::Postgres(writers) => writers.assess(prepared, reply).await?,
        }
        let assessed = answer.await.unwrap_or_else(|_| Err(stopped()));
        self.counted(assessed)
    }
}
