//! Who has a review case: no two people have one at a time.

use std::sync::Arc;

use super::reviews::{Call, TRIES_MAX, claimed_by, contended, without_note};
use super::{Answered, Error, Service, key, same_content};
use crate::domain::{
    Caller, CaseAnswer, CaseClaim, CaseRelease, NextCase, ReviewActionKind, ReviewCase,
    ReviewQueue, ReviewedCase,
};
use crate::ledger::{self, Answer, CaseWrite, Written};

/// How many cases are tried of one look at a queue.
const CANDIDATES: u32 = 16;

impl Service {
    /// Takes a case, or renews the claim of who has it.
    pub async fn claim_case(
        self: &Arc<Self>,
        caller: Caller,
        claim: CaseClaim,
    ) -> Result<Answered<ReviewedCase>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "ClaimReviewCase", claim.call.request_id);
            let _turn = service.running.enter(&key).await?;
            if let Some(answered) = service.answered_case(&key, claim.call.hash).await? {
                return Ok(without_note(answered));
            }
            let call = Call { caller, key, hash: claim.call.hash, now: service.now() };
            for _ in 0..TRIES_MAX {
                let found = service.open_case(&call.caller, claim.case, call.now).await?;
                if claim.etag.as_ref().is_some_and(|etag| *etag != found.case.etag()) {
                    return Err(ledger::Error::Conflict.into());
                }
                let write = taking(&found.case, &call, claim.reassign)?;
                if let Some(answered) = service.try_change(&call, write).await? {
                    return Ok(without_note(answered));
                }
            }
            Err(contended())
        })
        .await
    }

    /// Takes the case of the queue that has the least time left, or none.
    pub async fn claim_next_case(
        self: &Arc<Self>,
        caller: Caller,
        next: NextCase,
    ) -> Result<Answered<Option<ReviewedCase>>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "ClaimNextReviewCase", next.call.request_id);
            let _turn = service.running.enter(&key).await?;
            if let Some(answer) = service.ledger.answer(&key).await? {
                return service.next_before(answer, next.call.hash).await;
            }
            let call = Call { caller, key, hash: next.call.hash, now: service.now() };
            let asked = |known: &ReviewQueue| next.queue.is_none_or(|queue| queue == *known);
            let works = |known: &ReviewQueue| known.worked_by(call.caller.role);
            let queues = ReviewQueue::ALL.iter().copied();
            let queues: Vec<_> = queues.filter(|known| asked(known) && works(known)).collect();
            for _ in 0..TRIES_MAX {
                let found = service.next_cases(&call, &queues).await?;
                if found.is_empty() {
                    return service.no_next(&call).await;
                }
                for case in &found {
                    let write = taking(case, &call, false)?;
                    if let Some(answered) = service.try_change(&call, write).await? {
                        let Answered { value: (case, _), replayed } = answered;
                        return Ok(Answered { value: Some(case), replayed });
                    }
                }
            }
            Err(contended())
        })
        .await
    }

    /// Answers that there is nothing to take; a late duplicate takes nothing either.
    async fn no_next(&self, call: &Call) -> Result<Answered<Option<ReviewedCase>>, Error> {
        match self.ledger.keep_answer(call.claim(), None::<CaseAnswer>).await? {
            Written::Now(_) => Ok(Answered { value: None, replayed: false }),
            Written::Before(answer) => self.next_before(answer, call.hash).await,
        }
    }

    /// What a call for the next case was answered before: the case, or that there was none.
    async fn next_before(
        &self,
        answer: Answer,
        hash: [u8; 32],
    ) -> Result<Answered<Option<ReviewedCase>>, Error> {
        same_content(&answer, hash)?;
        let value = match answer.read::<Option<CaseAnswer>>()? {
            Some(answer) => Some(self.with_decision(answer).await?.0),
            None => None,
        };
        Ok(Answered { value, replayed: true })
    }

    /// Cases that are free to take, and that this caller can do something about.
    async fn next_cases(
        &self,
        call: &Call,
        queues: &[ReviewQueue],
    ) -> Result<Vec<ReviewCase>, Error> {
        if queues.is_empty() {
            return Ok(Vec::new());
        }
        // Of two persons one has to be a lead, and nobody is both.
        let second = queues.iter().any(|queue| queue.led_by(call.caller.role));
        let not_by = second.then_some(call.caller.name.as_str());
        Ok(self.ledger.free_cases(queues, not_by, call.now, CANDIDATES).await?)
    }

    /// Gives a case back; one that nobody has stays as it is.
    pub async fn release_case(
        self: &Arc<Self>,
        caller: Caller,
        release: CaseRelease,
    ) -> Result<Answered<ReviewedCase>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move {
            let key = key(&caller, "ReleaseReviewCase", release.call.request_id);
            let _turn = service.running.enter(&key).await?;
            if let Some(answered) = service.answered_case(&key, release.call.hash).await? {
                return Ok(without_note(answered));
            }
            let call = Call { caller, key, hash: release.call.hash, now: service.now() };
            for _ in 0..TRIES_MAX {
                let found = service.open_case(&call.caller, release.case, call.now).await?;
                let Some(claim) = found.case.claimed(call.now) else {
                    return service.unchanged(&call, found.case).await.map(without_note);
                };
                let may =
                    claim.claimant == call.caller.name || found.case.queue.led_by(call.caller.role);
                if !may {
                    return Err(claimed_by(&found.case, call.now));
                }
                let from = claim.claimant.clone();
                let action = call.action(ReviewActionKind::Released, from);
                let write = CaseWrite::change(&found.case, found.case.released(), action);
                if let Some(answered) = service.try_change(&call, write).await? {
                    return Ok(without_note(answered));
                }
            }
            Err(contended())
        })
        .await
    }
}

/// The case as taken by the caller, if it is free, the caller's own, or may be taken from others.
fn taking(case: &ReviewCase, call: &Call, reassign: bool) -> Result<CaseWrite, Error> {
    let name = call.caller.name.as_str();
    let after = case.taken(name, call.now);
    match case.claimed(call.now) {
        None => {
            let action = call.action(ReviewActionKind::Claimed, "");
            Ok(CaseWrite {
                free_for: Some(name.to_owned()),
                ..CaseWrite::change(case, after, action)
            })
        }
        Some(claim) if claim.claimant == name => {
            Ok(CaseWrite { action: None, ..CaseWrite::renewal(case, case.renewed(call.now)) })
        }
        Some(claim) if reassign && case.queue.led_by(call.caller.role) => {
            let action = call.action(ReviewActionKind::Reassigned, claim.claimant.clone());
            Ok(CaseWrite::change(case, after, action))
        }
        Some(_) => Err(claimed_by(case, call.now)),
    }
}
