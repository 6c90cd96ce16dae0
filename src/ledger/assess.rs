//! Recording decisions and reserving their exposure, for all assessments of a group at once.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::reserve::{Asked, Found, look, reserve};
use super::writer::Job;
use super::{Answer, AnswerKey, Error, Ledger, Resolution, SignalRow, answer, rows};
use crate::domain::{DecisionId, DecisionRecord, Holder, Progress, Reference};

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
    /// The review case to resolve is not any more what was read.
    CaseChanged,
}

/// A commit with what its writer need not do: it writes for all.
pub(super) struct Prepared {
    pub commit: AssessCommit,
    pub record_json: String,
}

impl Prepared {
    /// The limit that the commit brings itself: an account's is in the ledger and nowhere else.
    pub fn guest_limit(&self) -> Option<i64> {
        match self.commit.record.holder {
            Holder::Account(_) => None,
            Holder::Guest(_) => self.commit.guest_limit,
        }
    }
}

impl Ledger {
    /// Records a decision and reserves its exposure in one transaction.
    pub async fn assess(&self, mut commit: AssessCommit) -> Result<Assessed, Error> {
        commit.record.progress = Progress::default();
        let record_json = serde_json::to_string(&commit.record)?;
        let (reply, answer) = oneshot::channel();
        self.submit(Job::Assess(Box::new(Prepared { commit, record_json }), reply), answer).await
    }
}

/// Answers `group` in its order.
pub(super) async fn commit_assessments(
    connection: &mut SqliteConnection,
    group: &[Box<Prepared>],
) -> Result<Vec<Result<Assessed, Error>>, Error> {
    let found = look(connection, group).await?;
    let mut door = Door::default();
    let mut verdicts: Vec<Verdict> = group
        .iter()
        .zip(&found)
        .enumerate()
        .map(|(position, (prepared, found))| door.judge(position, &prepared.commit, found))
        .collect();

    let asked: Vec<Asked> = group
        .iter()
        .zip(&verdicts)
        .enumerate()
        .filter_map(|(position, (prepared, verdict))| match verdict {
            Verdict::Reserve { before } => Some(Asked { position, prepared, before: *before }),
            _ => None,
        })
        .collect();
    let reserved = reserve(connection, &asked).await?;
    for Asked { position, .. } in asked {
        verdicts[position] = match reserved.contains(&position) {
            true => Verdict::Record,
            false => Verdict::Refuse(Assessed::HeadroomTaken),
        };
    }

    let recorded: Vec<&Prepared> = group
        .iter()
        .zip(&verdicts)
        .filter(|(_, verdict)| matches!(verdict, Verdict::Record))
        .map(|(prepared, _)| prepared.as_ref())
        .collect();
    rows::insert(connection, &recorded).await?;
    answer_group(connection, group, verdicts).await
}

/// What is to be done with one assessment of a group.
enum Verdict {
    Record,
    /// Record it if this much of the holder's limit, taken earlier in the group, leaves room.
    Reserve {
        before: i64,
    },
    Refuse(Assessed),
    Answered,
    /// The same key came earlier in the group, at this position.
    Repeats(usize),
}

/// What the group has taken so far: to the assessments that follow it is as good as stored.
#[derive(Default)]
struct Door<'g> {
    keys: HashMap<&'g AnswerKey, usize>,
    references: HashSet<Reference>,
    ids: HashSet<DecisionId>,
    replaced: HashSet<DecisionId>,
    reserved: HashMap<&'g Holder, i64>,
}

impl<'g> Door<'g> {
    fn judge(&mut self, position: usize, commit: &'g AssessCommit, found: &Found) -> Verdict {
        let record = &commit.record;
        if found.answered {
            return Verdict::Answered;
        }
        if let Some(first) = self.keys.get(&commit.key) {
            return Verdict::Repeats(*first);
        }
        self.keys.insert(&commit.key, position);
        if found.taken
            || self.references.contains(&record.reference)
            || self.ids.contains(&record.id)
        {
            return Verdict::Refuse(Assessed::ReferenceTaken);
        }
        if !found.replaceable || commit.supersedes.is_some_and(|old| self.replaced.contains(&old)) {
            return Verdict::Refuse(Assessed::NotPending);
        }
        if !found.resolvable {
            return Verdict::Refuse(Assessed::CaseChanged);
        }
        let before = self.reserved.get(&record.holder).copied().unwrap_or(0);
        let exposure = record.exposure();
        if exposure > 0 && before.saturating_add(exposure) > found.headroom {
            return Verdict::Refuse(Assessed::HeadroomTaken);
        }
        self.references.insert(record.reference);
        self.ids.insert(record.id);
        self.replaced.extend(commit.supersedes);
        if exposure <= 0 {
            return Verdict::Record;
        }
        self.reserved.insert(&record.holder, before + exposure);
        Verdict::Reserve { before }
    }
}

async fn answer_group(
    connection: &mut SqliteConnection,
    group: &[Box<Prepared>],
    verdicts: Vec<Verdict>,
) -> Result<Vec<Result<Assessed, Error>>, Error> {
    let mut results: Vec<Result<Assessed, Error>> = Vec::with_capacity(group.len());
    for (prepared, verdict) in group.iter().zip(verdicts) {
        results.push(match verdict {
            Verdict::Record => Ok(Assessed::Recorded),
            Verdict::Reserve { .. } => Err(Error::corrupt("a reservation was left unanswered")),
            Verdict::Refuse(refusal) => Ok(refusal),
            Verdict::Answered => match answer::load(connection, &prepared.commit.key).await {
                Ok(Some(answer)) => Ok(Assessed::Before(answer)),
                Ok(None) => Err(Error::corrupt("an answer is there and not there")),
                Err(Error::Unavailable(cause)) => return Err(Error::Unavailable(cause)),
                Err(unreadable) => Err(unreadable),
            },
            Verdict::Repeats(first) => repeat(&group[first].commit, &results[first]),
        });
    }
    Ok(results)
}

/// The answer to the second of two calls with one key in one group.
fn repeat(first: &AssessCommit, result: &Result<Assessed, Error>) -> Result<Assessed, Error> {
    match result {
        Ok(Assessed::Recorded) => Ok(Assessed::Before(Answer {
            hash: first.hash,
            decision: Some(Box::new(first.record.clone())),
            body: None,
        })),
        other => other.clone(),
    }
}
