//! Deciding a review case: the request is assessed again with what the reviewer said.

use std::sync::Arc;
use std::time::Instant;

use super::again::Again;
use super::assess::Assessment;
use super::reviews::{Call, Changed, held_by_caller};
use super::{Answered, Error, Service, key, same_content, teach};
use crate::domain::{
    Caller, CaseResolution, DecisionRecord, Disclosure, Fault, FaultKind, ReasonCode,
    ReviewActionKind, ReviewQueue, ReviewVerdict, ReviewWait, ReviewedCase, Role, Verdict,
};
use crate::features::ReviewFacts;
use crate::ledger::{self, CaseWrite, Resolution};
use crate::telemetry::Stage;

/// The case as it stands, and the new decision if one was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub case: ReviewedCase,
    pub decision: Option<DecisionRecord>,
}

impl Service {
    /// Decides a case that the caller has claimed. Not an attempt.
    pub async fn resolve_case(
        self: &Arc<Self>,
        caller: Caller,
        resolution: CaseResolution,
    ) -> Result<Answered<Resolved>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move { service.resolve(caller, resolution).await }).await
    }

    async fn resolve(
        &self,
        caller: Caller,
        resolution: CaseResolution,
    ) -> Result<Answered<Resolved>, Error> {
        let begun = Instant::now();
        let key = key(&caller, "ResolveReviewCase", resolution.call.request_id);
        let _turn = self.running.enter(&key).await?;
        if let Some(answer) = self.ledger.answer(&key).await? {
            same_content(&answer, resolution.call.hash)?;
            return match answer.decision {
                Some(made) => self.resolved(resolution.case, Some(*made), true).await,
                None => {
                    let answered = self.answered_case(&key, resolution.call.hash).await?;
                    answered.map(undecided).ok_or_else(|| Error::unexpected(&"an answer is gone"))
                }
            };
        }
        let call = Call { caller, key, hash: resolution.call.hash, now: self.now() };
        let found = self.open_case(&call.caller, resolution.case, call.now).await?;
        held_by_caller(&found.case, &call)?;
        if found.case.etag() != resolution.etag {
            return Err(ledger::Error::Conflict.into());
        }
        if let Verdict::Decline(codes) = &resolution.verdict {
            self.check_grounds(codes, call.caller.role)?;
        }
        let put_off = match resolution.verdict {
            Verdict::Information => Some((ReviewWait::Information, None)),
            Verdict::Approve if !self.enough(&found, &call)? => {
                Some((ReviewWait::SecondPerson, Some(call.caller.name.as_str())))
            }
            Verdict::Approve | Verdict::Decline(_) | Verdict::StepUp(_) => None,
        };
        if let Some((waits_for, approver)) = put_off {
            let kind = match waits_for {
                ReviewWait::Information => ReviewActionKind::InformationRequested,
                ReviewWait::SecondPerson => ReviewActionKind::ApprovedFirst,
            };
            let action = call.action(kind, resolution.note.clone());
            let after = found.case.waiting(waits_for, approver);
            let write = CaseWrite::change(&found.case, after, action);
            return self.change(&call, write).await.map(undecided);
        }
        let answered = self.redecide(&call, &found, &resolution, begun).await?;
        self.resolved(resolution.case, Some(answered.value), answered.replayed).await
    }

    /// Codes that nobody looked at are no grounds; those of compliance are for compliance.
    fn check_grounds(&self, codes: &[ReasonCode], role: Role) -> Result<(), Error> {
        let refused = |code: &ReasonCode| {
            let entry = self.catalog().entry(*code);
            let secret = entry.disclosure == Disclosure::No && role != Role::Compliance;
            !entry.by_reviewer || secret
        };
        let fault = |(place, code)| Fault {
            field: format!("codes[{place}]"),
            problem: format!("{code} is no ground that the catalogue allows the role {role}"),
            kind: FaultKind::FieldInvalid,
        };
        let codes = codes.iter().enumerate().filter(|(_, code)| refused(code));
        let faults: Vec<Fault> = codes.map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
    }

    /// Whether the caller's approval is enough: large amounts need two people, the second a lead.
    fn enough(&self, found: &ReviewedCase, call: &Call) -> Result<bool, Error> {
        let market = self.playbook.policy.market(found.decision.market);
        let amount = found.decision.amount.minor();
        if !market.is_some_and(|market| market.needs_two(amount)) {
            return Ok(true);
        }
        let needed = |description: &str| Error::Forbidden {
            reason: "SECOND_PERSON_NEEDED",
            description: description.to_owned(),
        };
        match &found.case.approver {
            None => Ok(false),
            Some(first) if *first == call.caller.name => {
                Err(needed("you have approved it: for this amount another person has to as well"))
            }
            Some(_) if !found.case.queue.led_by(call.caller.role) => {
                Err(needed("for this amount the second person has to be a lead"))
            }
            Some(_) => Ok(true),
        }
    }

    /// Assesses the request again; the case ends in the commit that records the new decision.
    async fn redecide(
        &self,
        call: &Call,
        found: &ReviewedCase,
        resolution: &CaseResolution,
        begun: Instant,
    ) -> Result<Answered<DecisionRecord>, Error> {
        let pending = &found.decision;
        let Again { request, observation, step_up, .. } =
            self.again(pending, (call.now, call.hash)).await?;
        let _alone = self.holders.enter(&request.holder).await?;
        let held = found.case.queue == ReviewQueue::Compliance;
        let (verdict, said, detail) = said(resolution, held);
        let assessed = self.assess(Assessment {
            key: call.key.clone(),
            hash: call.hash,
            owner: pending.caller.clone(),
            standing: self.standing(&request, Some(pending.id)).await?,
            request,
            readings: self.metrics.stage(Stage::Observe, self.signals.read(&observation)).await,
            step_up,
            review: said,
            supersedes: Some(pending.id),
            resolution: Some(Resolution {
                version: found.case.version,
                verdict,
                action: call.action(ReviewActionKind::Resolved, detail),
            }),
            signal: teach::reassessed(&observation)?,
            begun,
        });
        match assessed.await {
            // Taken back, or past its time, since it was read.
            Err(Error::Precondition { reason: "DECISION_NOT_PENDING", .. }) => {
                self.open_case(&call.caller, pending.id, self.now()).await?;
                Err(ledger::Error::Conflict.into())
            }
            other => other,
        }
    }

    async fn resolved(
        &self,
        id: crate::domain::DecisionId,
        decision: Option<DecisionRecord>,
        replayed: bool,
    ) -> Result<Answered<Resolved>, Error> {
        let case = self.ledger.review_case(id).await?;
        let case = case.ok_or_else(|| Error::unexpected(&"a resolved case is gone"))?;
        Ok(Answered { value: Resolved { case, decision }, replayed })
    }
}

fn undecided(answered: Answered<Changed>) -> Answered<Resolved> {
    let Answered { value: (case, _), replayed } = answered;
    Answered { value: Resolved { case, decision: None }, replayed }
}

/// What the decision learns of a verdict, and what is recorded of it.
fn said(resolution: &CaseResolution, held: bool) -> (ReviewVerdict, Option<ReviewFacts>, String) {
    let (verdict, said, what) = match &resolution.verdict {
        Verdict::Approve => {
            (ReviewVerdict::Approve, Some(ReviewFacts::Approved { held }), String::new())
        }
        Verdict::Decline(codes) => (
            ReviewVerdict::Decline,
            Some(ReviewFacts::Declined { codes: codes.clone() }),
            joined(codes.iter().map(|code| code.name())),
        ),
        Verdict::StepUp(kinds) => (
            ReviewVerdict::RequestStepUp,
            Some(ReviewFacts::StepUp { kinds: kinds.clone(), held }),
            joined(kinds.iter().map(|kind| kind.name())),
        ),
        Verdict::Information => (ReviewVerdict::RequestInformation, None, String::new()),
    };
    (verdict, said, format!("{verdict}{what}: {}", resolution.note))
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.fold(String::new(), |text, name| text + " " + name)
}
