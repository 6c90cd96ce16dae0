//! Review cases: who sees them, where they go, what is noted; `claims.rs` says who has them and
//! `resolve.rs` decides them.

use std::sync::Arc;

use super::{Answered, Error, Service, draw, key, same_content};
use crate::domain::{
    Caller, CaseAnswer, CaseEscalation, DecisionId, NoteAddition, NoteQuery, ReviewAction,
    ReviewActionKind, ReviewCase, ReviewCaseFilter, ReviewCaseState, ReviewNote, ReviewQueue,
    ReviewWait, ReviewedCase, Role, Time,
};
use crate::ledger::{self, AnswerKey, CaseWrite, Written};

/// Somebody else may change a case between its reading and its writing; this often in a row it
/// means that the case is fought over.
pub(super) const TRIES_MAX: usize = 8;

/// A case as changed, with the note if one was added.
pub type Changed = (ReviewedCase, Option<ReviewNote>);
/// A page of cases, where the next begins, and about how many there are in all.
pub type CasePage = (Vec<ReviewedCase>, Option<(Time, DecisionId)>, i64);

/// One call that changes a case: whose it is, and under which key.
pub(super) struct Call {
    pub caller: Caller,
    pub key: AnswerKey,
    pub hash: [u8; 32],
    pub now: Time,
}

impl Call {
    pub fn claim(&self) -> ledger::Claim {
        ledger::Claim { key: self.key.clone(), hash: self.hash, now: self.now }
    }

    pub fn action(&self, kind: ReviewActionKind, detail: impl Into<String>) -> ReviewAction {
        ReviewAction {
            kind,
            actor: self.caller.name.clone(),
            role: self.caller.role,
            time: self.now,
            detail: detail.into(),
        }
    }
}

impl Service {
    /// Cases that the caller may see; a queue that it may not see has none.
    pub async fn review_cases(
        &self,
        caller: &Caller,
        queue: Option<ReviewQueue>,
        mut filter: ReviewCaseFilter,
    ) -> Result<CasePage, Error> {
        let asked = |known: &ReviewQueue| queue.is_none_or(|queue| queue == *known);
        let seen = |known: &ReviewQueue| known.seen_by(caller.role);
        let queues = ReviewQueue::ALL.iter().copied();
        filter.queues = queues.filter(|known| asked(known) && seen(known)).collect();
        if filter.queues.is_empty() {
            return Ok((Vec::new(), None, 0));
        }
        let now = self.now();
        let total = self.ledger.count_review_cases(&filter, now).await?;
        let cases = self.ledger.review_cases(&filter, now).await?;
        let last = cases.last().filter(|_| cases.len() == filter.page_size);
        let next = last.map(|last| {
            let place = if filter.newest { last.case.created } else { last.case.due };
            (place, last.case.id)
        });
        Ok((cases, next, total))
    }

    /// A case and what was done with it.
    pub async fn review_case(
        &self,
        caller: &Caller,
        id: DecisionId,
    ) -> Result<(ReviewedCase, Vec<ReviewAction>), Error> {
        let found = self.seen_case(caller, id).await?;
        let mut actions = self.ledger.review_actions(id).await?;
        for action in actions.iter_mut().filter(|action| !reads(caller.role, action.role)) {
            action.detail.clear();
        }
        Ok((found, actions))
    }

    /// Gives a claimed case to another queue.
    pub async fn escalate_case(
        self: &Arc<Self>,
        caller: Caller,
        escalation: CaseEscalation,
    ) -> Result<Answered<ReviewedCase>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let CaseEscalation { call, case, to, note } = escalation;
            let key = key(&caller, "EscalateReviewCase", call.request_id);
            let _turn = service.running.enter(&key).await?;
            if let Some(answered) = service.answered_case(&key, call.hash).await? {
                return Ok(without_note(answered));
            }
            let call = Call { caller, key, hash: call.hash, now: service.now() };
            let found = service.open_case(&call.caller, case, call.now).await?;
            held_by_caller(&found.case, &call)?;
            if found.case.queue == to {
                return Err(Error::Precondition {
                    reason: "REVIEW_CASE_IN_QUEUE",
                    subject: "to_queue".to_owned(),
                    description: format!("the case is in {to} already; expected another queue"),
                });
            }
            let detail = format!("{} to {to}: {note}", found.case.queue);
            let action = call.action(ReviewActionKind::Escalated, detail);
            let write = CaseWrite::change(&found.case, found.case.escalated(to), action);
            service.change(&call, write).await.map(without_note)
        })
        .await
    }

    /// Adds a note; that of who has the case renews the claim.
    pub async fn add_note(
        self: &Arc<Self>,
        caller: Caller,
        addition: NoteAddition,
    ) -> Result<Answered<Changed>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let NoteAddition { call, case, text } = addition;
            let key = key(&caller, "AddReviewNote", call.request_id);
            let _turn = service.running.enter(&key).await?;
            if let Some(answered) = service.answered_case(&key, call.hash).await? {
                return Ok(with_text(answered, &text));
            }
            let call = Call { caller, key, hash: call.hash, now: service.now() };
            let note = ReviewNote {
                id: draw::uuid(call.now)?,
                author: call.caller.name.clone(),
                role: call.caller.role,
                time: call.now,
                text: text.clone(),
            };
            for _ in 0..TRIES_MAX {
                let found = service.open_case(&call.caller, case, call.now).await?;
                let action = call.action(ReviewActionKind::Noted, note.id.to_string());
                let after = found.case.noted(&call.caller.name, call.now);
                let mut write = CaseWrite::change(&found.case, after, action);
                write.note = Some(note.clone());
                if let Some(answered) = service.try_change(&call, write).await? {
                    return Ok(with_text(answered, &text));
                }
            }
            Err(contended())
        })
        .await
    }

    /// Notes of a case that the caller may read, oldest first, and where the next page begins.
    pub async fn review_notes(
        &self,
        caller: &Caller,
        query: NoteQuery,
    ) -> Result<(Vec<ReviewNote>, Option<(Time, DecisionId)>), Error> {
        self.seen_case(caller, query.case).await?;
        let mut notes = self.ledger.review_notes(&query).await?;
        let last = notes.last().filter(|_| notes.len() == query.page_size);
        let next = last.map(|note| (note.time, DecisionId(note.id)));
        notes.retain(|note| reads(caller.role, note.role));
        Ok((notes, next))
    }

    /// A case that exists for the caller.
    pub(super) async fn seen_case(
        &self,
        caller: &Caller,
        id: DecisionId,
    ) -> Result<ReviewedCase, Error> {
        let found = self.ledger.review_case(id).await?;
        found.filter(|found| found.case.queue.seen_by(caller.role)).ok_or_else(|| Error::NotFound {
            what: "review case",
            reason: "REVIEW_CASE_NOT_FOUND",
            name: id.to_string(),
        })
    }

    /// A case that the caller may work on, and that is not decided yet.
    pub(super) async fn open_case(
        &self,
        caller: &Caller,
        id: DecisionId,
        now: Time,
    ) -> Result<ReviewedCase, Error> {
        let found = self.seen_case(caller, id).await?;
        if !found.case.queue.worked_by(caller.role) {
            return Err(Error::Forbidden {
                reason: "ROLE_NOT_ALLOWED",
                description: format!(
                    "the role {} does not work on the queue {}",
                    caller.role, found.case.queue
                ),
            });
        }
        let state = found.case.state(&found.decision, now);
        match state {
            ReviewCaseState::Resolved | ReviewCaseState::Expired => Err(Error::Precondition {
                reason: "REVIEW_CASE_CLOSED",
                subject: "case_id".to_owned(),
                description: format!(
                    "the case is {state}: it can be read, and nothing else; \
                     only OPEN, CLAIMED, WAITING and ESCALATED ones are worked on"
                ),
            }),
            _ => Ok(found),
        }
    }

    /// Writes a change that has to hit the version that was read.
    pub(super) async fn change(
        &self,
        call: &Call,
        write: CaseWrite,
    ) -> Result<Answered<Changed>, Error> {
        let changed = self.try_change(call, write).await?;
        changed.ok_or_else(|| ledger::Error::Conflict.into())
    }

    /// `None` when somebody else wrote meanwhile.
    pub(super) async fn try_change(
        &self,
        call: &Call,
        write: CaseWrite,
    ) -> Result<Option<Answered<Changed>>, Error> {
        match self.ledger.change_case(call.claim(), write).await {
            Ok(written) => self.answered(call, written).await.map(Some),
            Err(ledger::Error::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Answers with a case that stays as it was read.
    pub(super) async fn unchanged(
        &self,
        call: &Call,
        case: ReviewCase,
    ) -> Result<Answered<Changed>, Error> {
        let answer = CaseAnswer { case, note: None };
        let written = self.ledger.keep_answer(call.claim(), answer).await?;
        self.answered(call, written).await
    }

    async fn answered(
        &self,
        call: &Call,
        written: Written<CaseAnswer>,
    ) -> Result<Answered<Changed>, Error> {
        let (answer, replayed) = match written {
            Written::Now(answer) => (answer, false),
            Written::Before(answer) => {
                same_content(&answer, call.hash)?;
                (answer.read()?, true)
            }
        };
        Ok(Answered { value: self.with_decision(answer).await?, replayed })
    }

    /// The answer that this call was given before.
    pub(super) async fn answered_case(
        &self,
        key: &AnswerKey,
        hash: [u8; 32],
    ) -> Result<Option<Answered<Changed>>, Error> {
        let Some(answer) = self.ledger.answer(key).await? else { return Ok(None) };
        same_content(&answer, hash)?;
        let value = self.with_decision(answer.read()?).await?;
        Ok(Some(Answered { value, replayed: true }))
    }

    pub(super) async fn with_decision(&self, answer: CaseAnswer) -> Result<Changed, Error> {
        let CaseAnswer { case, note } = answer;
        let decision = self.ledger.decision(case.id).await?;
        let decision = decision.ok_or_else(|| Error::unexpected(&"a case without a decision"))?;
        Ok((ReviewedCase { case, decision }, note))
    }
}

/// Whether `reader` may read what `writer` wrote: what was written in the queue of compliance stays
/// hidden when the case is given to another one.
fn reads(reader: Role, writer: Role) -> bool {
    writer != Role::Compliance || ReviewQueue::Compliance.seen_by(reader)
}

/// The stored answer to a note is without its text, which is that of the same request.
fn with_text(mut answered: Answered<Changed>, text: &str) -> Answered<Changed> {
    if let (_, Some(note)) = &mut answered.value {
        text.clone_into(&mut note.text);
    }
    answered
}

pub(super) fn without_note(answered: Answered<Changed>) -> Answered<ReviewedCase> {
    Answered { value: answered.value.0, replayed: answered.replayed }
}

/// Deciding and escalating are for who has the case.
pub(super) fn held_by_caller(case: &ReviewCase, call: &Call) -> Result<(), Error> {
    match case.claimed(call.now) {
        Some(claim) if claim.claimant == call.caller.name => Ok(()),
        Some(_) => Err(claimed_by(case, call.now)),
        None => {
            let waits = match case.waits_for {
                Some(ReviewWait::Information) => " and waits for information",
                Some(ReviewWait::SecondPerson) => " and waits for a second person",
                None => "",
            };
            Err(Error::Precondition {
                reason: "CASE_NOT_CLAIMED",
                subject: "case_id".to_owned(),
                description: format!(
                    "the case is {}{waits}, and nobody has it: claim it first",
                    case.stored_state
                ),
            })
        }
    }
}

pub(super) fn claimed_by(case: &ReviewCase, now: Time) -> Error {
    let description = match case.claimed(now) {
        Some(claim) => format!(
            "{} has the case, for {} s yet unless it is worked on",
            claim.claimant,
            (claim.expires - now).as_seconds()
        ),
        None => "somebody else has the case".to_owned(),
    };
    Error::Conflict { reason: "ALREADY_CLAIMED", description }
}

pub(super) fn contended() -> Error {
    Error::Conflict {
        reason: "CASES_CONTENDED",
        description: "others changed what was read, again and again: send it again".to_owned(),
    }
}
