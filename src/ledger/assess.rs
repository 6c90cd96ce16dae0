//! Recording decisions and reserving their exposure, for all assessments of a group at once.

use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::writer::Job;
use super::{Answer, AnswerKey, Error, Ledger, SignalRow};
use crate::domain::{DecisionId, DecisionRecord};

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
}

/// What became of it. Only `Recorded` has left anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Assessed {
    Recorded,
    /// What is left of the limit no longer covers the exposure: decide again.
    HeadroomTaken,
    /// The key was answered before.
    Before(Answer),
    /// The reference or the id belongs to another decision: draw again.
    ReferenceTaken,
    /// The decision to replace is no longer pending.
    NotPending,
}

impl Ledger {
    /// Records a decision and reserves its exposure in one transaction.
    pub async fn assess(&self, commit: AssessCommit) -> Result<Assessed, Error> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Assess(Box::new(commit), reply), answer).await
    }
}

/// Answers `commits` in their order.
pub(super) async fn commit_assessments(
    _connection: &mut SqliteConnection,
    _commits: Vec<Box<AssessCommit>>,
) -> Result<Vec<Result<Assessed, Error>>, Error> {
    Err(Error::Unavailable("not built yet".into()))
}
