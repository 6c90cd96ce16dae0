//! A step-up passed or failed: the pending decision is assessed again, on the same request.

use std::sync::Arc;
use std::time::Instant;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::again::Again;
use super::assess::Assessment;
use super::{Answered, Error, Service, answered_to, key, not_pending, teach};
use crate::domain::{Caller, DecisionRecord, DecisionState, Outcome, Span, StepUpSubmission, Time};
use crate::features::StepUpFacts;
use crate::ledger::Claim;
use crate::signals::SignalEvent;
use crate::telemetry::Stage;

/// Clocks of whoever runs the checks may be ahead of ours by this much.
const CLOCK_AHEAD_MAX: Span = Span::minutes(5);

impl Service {
    /// Assesses a pending decision again with the results of its step-up. Not an attempt.
    pub async fn submit_step_up(
        self: &Arc<Self>,
        caller: Caller,
        submission: StepUpSubmission,
    ) -> Result<Answered<DecisionRecord>, Error> {
        let service = Arc::clone(self);
        self.to_the_end(async move { service.reassess(caller, submission).await }).await
    }

    async fn reassess(
        &self,
        caller: Caller,
        submission: StepUpSubmission,
    ) -> Result<Answered<DecisionRecord>, Error> {
        let begun = Instant::now();
        let key = key(&caller, "SubmitStepUp", submission.call.request_id);
        let _turn = self.running.enter(&key).await?;
        if let Some(answer) = self.ledger.answer(&key).await? {
            return answered_to(&caller, answer, submission.call.hash);
        }
        let now = self.now();
        self.verify(&submission)?;
        let pending = self.own(&caller, submission.decision).await?;
        check(&pending, &submission, now)?;

        let Again { request, observation, review, step_up: before } =
            self.again(&pending, (now, submission.call.hash)).await?;
        let passed = submission.results.iter().all(|result| result.passed);
        // What was passed for an earlier decision of this request is not asked for again.
        let mut cleared = before.passed;
        for result in submission.results.iter().filter(|result| result.passed) {
            if !cleared.contains(&result.kind) {
                cleared.push(result.kind);
            }
        }
        let step_up = StepUpFacts { passed: cleared, failed: !passed };
        let recognized = SignalEvent::Recognized(observation.clone());
        let signal = match passed {
            true => teach::row(&recognized)?,
            false => teach::reassessed(&observation)?,
        };
        let claim = Claim { key: key.clone(), hash: submission.call.hash, now };
        let holder = request.holder.clone();
        let _alone = self.holders.enter(&holder).await?;
        let assessed = self
            .assess(Assessment {
                key,
                hash: submission.call.hash,
                owner: pending.caller,
                standing: self.standing(&request, Some(pending.id)).await?,
                request,
                readings: self.metrics.stage(Stage::Observe, self.signals.read(&observation)).await,
                step_up,
                review,
                supersedes: Some(pending.id),
                resolution: None,
                signal,
                begun,
            })
            .await;
        // Device and region are known from now on; a replay has taught them before.
        match &assessed {
            Ok(answered) if passed && !answered.replayed => {
                self.signals.apply(&recognized).await;
            }
            Err(Error::Unavailable { .. }) if passed => {
                self.owed.add(claim, |_| Ok(vec![(holder, recognized)]));
            }
            Ok(_) | Err(_) => {}
        }
        assessed
    }

    /// HMAC-SHA-256 over the canonical text that the contract states.
    fn verify(&self, submission: &StepUpSubmission) -> Result<(), Error> {
        let forbidden = || Error::Forbidden {
            reason: "SIGNATURE_INVALID",
            description: "the signature does not fit the results".to_owned(),
        };
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.step_up_secret).map_err(|_| forbidden())?;
        mac.update(canonical(submission).as_bytes());
        // Compares in constant time.
        mac.verify_slice(&submission.signature).map_err(|_| forbidden())
    }
}

/// The text that is signed: lines joined by line feeds, as `SubmitStepUpRequest` documents.
pub fn canonical(submission: &StepUpSubmission) -> String {
    let mut lines = vec![
        "surety.step_up.v1".to_owned(),
        submission.decision.to_string(),
        submission.step_up.to_string(),
    ];
    for result in &submission.results {
        let checked = jiff::Timestamp::from_second(result.checked.as_seconds())
            .map_or_else(|_| String::new(), |timestamp| timestamp.to_string());
        lines.push(format!("{},{},{checked}", result.kind.name(), u8::from(result.passed)));
    }
    lines.join("\n")
}

/// The decision waits for exactly these checks, and they were made after it.
fn check(pending: &DecisionRecord, submission: &StepUpSubmission, now: Time) -> Result<(), Error> {
    let open = pending.state(now) == DecisionState::Pending
        && pending.decision.outcome == Outcome::ManualReview
        && pending.lapsed(now).is_none()
        && pending.step_up_id == Some(submission.step_up);
    if !open {
        return Err(not_pending());
    }
    let asked = pending.decision.step_up.as_ref().map_or(&[][..], |asked| &asked.kinds);
    let covered =
        asked.iter().all(|kind| submission.results.iter().any(|result| result.kind == *kind));
    let failed = submission.results.iter().any(|result| !result.passed);
    if !covered && !failed {
        return Err(Error::Precondition {
            reason: "STEP_UP_INCOMPLETE",
            subject: "results".to_owned(),
            description: "expected a result for every check that was asked for".to_owned(),
        });
    }
    // The signed time has whole seconds.
    let earliest = Time::from_seconds(pending.created.as_seconds());
    let latest = now + CLOCK_AHEAD_MAX;
    match submission.results.iter().all(|r| (earliest..=latest).contains(&r.checked)) {
        true => Ok(()),
        false => Err(Error::Precondition {
            reason: "STEP_UP_TIME",
            subject: "results.checked_time".to_owned(),
            description: "expected checks made after the decision and not in the future".to_owned(),
        }),
    }
}
