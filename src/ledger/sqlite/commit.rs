//! Recording decisions and reserving their exposure, for all assessments of a group at once.

use std::collections::{HashMap, HashSet};

use super::chain::Chain;
use super::reserve::{Asked, Found, look, reserve};
use super::rows;
use crate::domain::{DecisionId, Holder, Reference};
use crate::ledger::assess::{AssessCommit, Assessed, Prepared};
use crate::ledger::sql::Connection;
use crate::ledger::{Answer, AnswerKey, Error, answer};

/// Answers `group` in its order.
pub(super) async fn commit_assessments(
    connection: &mut Connection,
    chain: &mut Chain,
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
    rows::insert(connection, chain, &recorded).await?;
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
        let is_over = |free| before.saturating_add(exposure) > free;
        if exposure > 0 && found.headroom.is_some_and(is_over) {
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
    connection: &mut Connection,
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
                Err(error @ (Error::Unavailable(_) | Error::Full(_))) => return Err(error),
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
