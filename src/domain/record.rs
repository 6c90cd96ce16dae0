//! A decision as the ledger keeps it: with its ids, its terms and what became of it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    CardTerms, Country, Decision, DecisionId, DecisionState, Effect, Holder, MerchantId, Money,
    Outcome, PlanTerms, Product, Push, Reason, ReasonCode, Reference, RequestId, Retry,
    RetryDisposition, Time,
};

/// What the customer is told, in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerMessage {
    pub title: String,
    pub body: String,
    pub next_step: String,
    /// BCP 47 tag of the language that was used.
    pub locale: String,
}

/// A granted one-time card; the number itself is never here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTimeCard {
    pub id: Uuid,
    pub terms: CardTerms,
    pub expires: Time,
}

/// Where a decision stands, apart from what it said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub canceled: Option<Time>,
    pub superseded_by: Option<DecisionId>,
    /// Minor units captured, never more than were approved.
    pub captured: i64,
    /// Since when the decision's one-time card is authorised.
    #[serde(default)]
    pub authorized: Option<Time>,
}

/// A stored decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionRecord {
    pub id: DecisionId,
    pub reference: Reference,
    pub caller: String,
    pub request_id: RequestId,
    pub product: Product,
    pub holder: Holder,
    pub merchant: MerchantId,
    pub order_reference: Option<String>,
    pub market: Country,
    pub locale: String,
    pub amount: Money,
    pub plan: PlanTerms,
    pub card: Option<OneTimeCard>,
    pub decision: Decision,
    pub message: CustomerMessage,
    pub step_up_id: Option<Uuid>,
    /// Short and speakable, for a review.
    pub case_number: Option<String>,
    pub created: Time,
    /// How long the decision took, in microseconds.
    pub duration_micros: i64,
    pub progress: Progress,
}

impl DecisionRecord {
    /// Minor units that an approval holds of the limit.
    pub fn exposure(&self) -> i64 {
        match self.decision.outcome {
            Outcome::Approved => self.plan.exposure(self.amount.minor()),
            Outcome::Declined | Outcome::ManualReview => 0,
        }
    }

    /// The state at `now`: ends are judged by comparing times, not by a sweeper having run.
    pub fn state(&self, now: Time) -> DecisionState {
        let ended = |end: Option<Time>| end.is_some_and(|end| end <= now);
        if self.progress.canceled.is_some() {
            DecisionState::Canceled
        } else if self.progress.superseded_by.is_some() {
            DecisionState::Superseded
        } else {
            match self.decision.outcome {
                Outcome::Declined if self.ran_out() => DecisionState::Expired,
                Outcome::Declined => DecisionState::Final,
                Outcome::Approved if self.progress.captured > 0 => DecisionState::Final,
                Outcome::Approved if self.progress.authorized.is_some() => DecisionState::Final,
                Outcome::Approved if ended(self.decision.expires) => DecisionState::Expired,
                Outcome::Approved => DecisionState::Final,
                Outcome::ManualReview if self.out_of_time(now).is_some() => DecisionState::Expired,
                Outcome::ManualReview => DecisionState::Pending,
            }
        }
    }

    /// Whether this is a pending decision that was judged after its time: these codes come from
    /// nowhere else.
    fn ran_out(&self) -> bool {
        use ReasonCode::{ReviewNotCompletedInTime, StepUpNotCompleted};
        let code = self.decision.reasons.first().map(|reason| reason.code);
        matches!(code, Some(StepUpNotCompleted | ReviewNotCompletedInTime))
    }

    /// Which of the waits is over.
    fn out_of_time(&self, now: Time) -> Option<ReasonCode> {
        let step_up_over = self.decision.step_up.as_ref().is_some_and(|asked| asked.expires <= now);
        let review_over = self.decision.review.is_some_and(|asked| asked.expires <= now);
        match (step_up_over, review_over) {
            (true, _) => Some(ReasonCode::StepUpNotCompleted),
            (false, true) => Some(ReasonCode::ReviewNotCompletedInTime),
            (false, false) => None,
        }
    }

    /// When a pending decision is over, if nothing happens.
    pub fn lapses(&self) -> Option<Time> {
        let step_up = self.decision.step_up.as_ref().map(|asked| asked.expires);
        let review = self.decision.review.map(|asked| asked.expires);
        step_up.into_iter().chain(review).min()
    }

    /// The code of a pending decision whose time ran out: it is a refusal from then on.
    pub fn lapsed(&self, now: Time) -> Option<ReasonCode> {
        let waits = self.decision.outcome == Outcome::ManualReview
            && self.progress.canceled.is_none()
            && self.progress.superseded_by.is_none();
        if waits { self.out_of_time(now) } else { None }
    }

    /// The record as it stands at `now`: a pending one past its time is declined, with the code
    /// that says so alone, since no judgement was made.
    pub fn judged(mut self, now: Time) -> DecisionRecord {
        if let Some(code) = self.lapsed(now) {
            self.decision.outcome = Outcome::Declined;
            self.decision.step_up = None;
            self.decision.review = None;
            self.decision.retry = Retry { disposition: RetryDisposition::Now, earliest: None };
            self.decision.reasons = vec![Reason {
                code,
                effect: Effect::Decisive,
                push: Push::Decline,
                component: None,
                rank: 1,
                points: 0,
                share_percent: 0,
                evidence: Vec::new(),
            }];
        }
        self
    }
}
